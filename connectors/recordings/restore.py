"""A recording's batches into an empty store, folded as ingest would have."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from connectors.stores.lock import writer_lock
from connectors.stores.sql import open_history, open_store
from twin.errors import RecordingError
from twin.keyframes import KeyframePolicy
from twin.mirror import Mirror
from twin.ports import Commit, Folded, SourceCount
from twin.recording import WRITER

if TYPE_CHECKING:
    from collections.abc import Sequence

    from twin.sample import Batch


def restore(url: str, batches: Sequence[Batch]) -> None:
    """Write a recording into a store that nobody has written into yet, as ingest would have.

    Raises RecordingError where somebody has: its frames and those could not be told apart.
    """
    with writer_lock(url, WRITER), closing(open_store(url)) as target:
        with closing(open_history(url)) as history:
            if history.writers():
                raise RecordingError(f"the store has data of {', '.join(history.writers())}; import into an empty one")
        mirror, keyframes = Mirror(), KeyframePolicy()

        def fold(batch: Batch) -> Folded:
            events = mirror.apply(batch)
            return Folded(events, mirror.changed, keyframes.after(WRITER, mirror))

        for batch in batches:
            counts: dict[str, int] = {}
            for part in batch.frames:
                counts[part.stream.source] = counts.get(part.stream.source, 0) + len(part)
            told = tuple(SourceCount(source, decoded_frames=frames) for source, frames in counts.items())
            target.append(Commit(batch, counts=told), fold)
