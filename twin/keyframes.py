"""Keyframes: the mirror's state each minute, full each hour, differences between, compressed.

Pure: the policy decides by the mirror's own tick, and history is a port.
"""

from __future__ import annotations

import hashlib
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from twin.checksum import checksum
from twin.clock import NS_PER_S
from twin.mirror import Mirror, difference, patch, restore
from twin.ports import Keyframe

if TYPE_CHECKING:
    from twin.ports import History

MINUTE_NS = 60 * NS_PER_S
HOUR_NS = 60 * MINUTE_NS


class KeyframePolicy:
    """Decides when a keyframe is due, and makes it. Mutable; the one writer that folds owns it."""

    def __init__(self, last: Keyframe | None = None, last_full: bytes = b"", last_full_ns: int = 0) -> None:
        self._minute = last.tick_ns // MINUTE_NS if last else -1
        self._full = last_full
        self._full_hour = last_full_ns // HOUR_NS if last_full else -1
        self._before = (self._minute, self._full, self._full_hour)

    def after(self, writer: str, mirror: Mirror) -> Keyframe | None:
        """The keyframe due after the mirror's last batch, or None."""
        minute, hour = mirror.tick_ns // MINUTE_NS, mirror.tick_ns // HOUR_NS
        self._before = (self._minute, self._full, self._full_hour)
        if minute == self._minute:
            return None
        state = mirror.canonical()
        full = hour != self._full_hour
        body = state if full else difference(self._full, state)
        self._minute = minute
        if full:
            self._full, self._full_hour = state, hour
        return Keyframe(
            writer, mirror.n, mirror.tick_ns, full, hashlib.sha256(state).hexdigest(), zlib.compress(body, 6)
        )

    def undo(self) -> None:
        """Forget the last keyframe: its transaction failed."""
        self._minute, self._full, self._full_hour = self._before


def state_of(keyframe: Keyframe, full: Keyframe | None = None) -> bytes:
    """The canonical state a keyframe holds; a difference needs the last ``full`` one before it."""
    body = zlib.decompress(keyframe.state)
    if keyframe.full:
        return body
    if full is None:
        raise ValueError(f"keyframe {keyframe.n} is a difference and needs its full one")
    return patch(zlib.decompress(full.state), body)


def resume(history: History, writer: str) -> tuple[Mirror, KeyframePolicy]:
    """The mirror as the writer left it: its last keyframe, and the batches after it folded."""
    last = history.last_keyframe(writer)
    full = history.last_keyframe(writer, full=True)
    mirror, policy = Mirror(), KeyframePolicy()
    if last is not None and full is not None:
        by_id = {stream.id: stream for stream in history.streams().values()}
        mirror = restore(state_of(last, full), by_id.__getitem__)
        policy = KeyframePolicy(last, state_of(full), full.tick_ns)
    for batch in history.batches(writer, mirror.n + 1):
        mirror.apply(batch)
    return mirror, policy


@dataclass(frozen=True, slots=True)
class Mismatch:
    """Where a re-fold differs from what was recorded."""

    writer: str
    n: int
    what: str
    recorded: str
    folded: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What `verify` found."""

    batches: int
    frames: int
    keyframes: int
    mismatches: tuple[Mismatch, ...]


def verify(history: History) -> Verdict:
    """Fold every stored batch again, with its recorded tick, and compare hashes and events.

    The live run recorded a SHA-256 at every keyframe and the events of every batch; both must
    come out the same. The batches' own checksums must fit too (a value that was live between two
    keyframes only is in no hash), and their numbers must leave no gap.
    """
    batches = frames = keyframes = 0
    mismatches: list[Mismatch] = []
    for writer in history.writers():
        mirror = Mirror()
        due = {keyframe.n: keyframe for keyframe in history.keyframes(writer)}
        next_n = 1
        for batch in history.batches(writer):
            if batch.n != next_n:
                mismatches.append(Mismatch(writer, next_n, "batch missing", "", f"the next one is {batch.n}"))
            next_n = batch.n + 1
            written, read = history.batch_checksum(writer, batch.n), checksum(batch)
            if read != written:
                mismatches.append(Mismatch(writer, batch.n, "checksum", written, read))
            events = mirror.apply(batch)
            batches += 1
            frames += len(batch)
            recorded = history.batch_events(writer, batch.n)
            if events != recorded:
                mismatches.append(Mismatch(writer, batch.n, "events", str(recorded), str(events)))
            keyframe = due.pop(batch.n, None)
            if keyframe is not None:
                keyframes += 1
                folded = mirror.sha256()
                if folded != keyframe.sha256:
                    mismatches.append(Mismatch(writer, batch.n, "hash", keyframe.sha256, folded))
        mismatches += [Mismatch(writer, n, "keyframe without batch", k.sha256, "") for n, k in due.items()]
    return Verdict(batches, frames, keyframes, tuple(mismatches))
