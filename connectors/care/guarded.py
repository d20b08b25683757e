"""The store as ingest and salvage share it: one append at a time, and none while the disk is nearly full."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING

from connectors.care.room import Level
from twin.errors import StoreUnavailable
from twin.ports import SourceCount
from twin.sample import batch_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from connectors.care.room import Room
    from twin.ports import Commit, Folded, Outcome, Store
    from twin.sample import Batch


class GuardedStore:
    """`twin.ports.Store` around another one; any thread may append, one at a time."""

    def __init__(self, store: Store, room: Room, writer: str) -> None:
        self._store = store
        self._room = room
        self._writer = writer
        self._lock = threading.Lock()

    def append(self, commit: Commit, fold: Callable[[Batch], Folded]) -> Outcome:
        """Store a commit; raises StoreUnavailable while there is no room, before the database fails.

        The writer's batches tell of the room too, once in `Room.EVERY_S`: signals of ``twin/ingest``.
        """
        with self._lock:
            if self._room.check() is Level.CRITICAL:
                raise StoreUnavailable(self._room.words())
            own = self._room.frames() if commit.batch.writer == self._writer else None
            if own is None:
                return self._store.append(commit, fold)
            batch = commit.batch
            told = SourceCount("twin", 1, 1, decoded_frames=1, last_received_ns=int(own.received_ns[0]))
            with_own = replace(
                commit,
                batch=batch_of(batch.writer, batch.n, batch.tick_ns, (*batch.frames, own)),
                counts=(*commit.counts, told),
            )
            outcome = self._store.append(with_own, fold)
            self._room.told()
            return outcome

    def next_batch(self, writer: str) -> int:
        """The number the writer's next batch gets."""
        with self._lock:
            return self._store.next_batch(writer)

    def stream_keys(self) -> Mapping[str, int]:
        """The stream key of every stream that was stored, by its id."""
        return self._store.stream_keys()

    def decoder_states(self) -> dict[str, bytes]:
        """What the decoders of each source saved last."""
        with self._lock:
            return self._store.decoder_states()

    def close(self) -> None:
        """Release the database."""
        with self._lock:
            self._store.close()
