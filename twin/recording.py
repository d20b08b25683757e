"""Recordings: named intervals of a site, as batches that fold anywhere to the same state; and marks in time. Pure.

A recording is by receipt: it holds the batches with ticks in [from, to), and before them one more that
holds what the site's streams stood at. So it begins with a state, and nothing else is needed to replay it.
"""

from __future__ import annotations

import hashlib
import heapq
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from twin.checksum import checksum
from twin.errors import RecordingError
from twin.ids import site_of
from twin.instant import mirror_at
from twin.mirror import Mirror
from twin.sample import Batch, Frames

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from twin.ports import History
    from twin.sample import Latest

WRITER = "recording"
"""Who wrote the batches of a recording: they are numbered anew, from 1."""
MAX_NAME, MAX_NOTES, MAX_TAGS, MAX_PROPERTIES = 100, 2000, 20, 50


@dataclass(frozen=True, slots=True)
class Recording:
    """A named interval [from, to) of a site, by receipt. ``origin`` says how it came to be.

    ``hand``, ``rule:NAME``, ``import:SHA256`` or ``simulated:…``. ``when_ns`` is when it was made.
    """

    name: str
    site: str
    from_ns: int
    to_ns: int
    tags: tuple[str, ...] = ()
    notes: str = ""
    origin: str = "hand"
    who: str = ""
    when_ns: int = 0

    def problem(self) -> str:
        """What is wrong with it; "" for nothing."""
        if self.to_ns <= self.from_ns:
            return "it ends before it begins"
        if len(self.notes) > MAX_NOTES:
            return f"the notes have {len(self.notes)} characters, {MAX_NOTES} at most"
        if len(self.tags) > MAX_TAGS:
            return f"it has {len(self.tags)} tags, {MAX_TAGS} at most"
        return next((wrong for one in (self.name, *self.tags) if (wrong := name_problem(one))), "")


@dataclass(frozen=True, slots=True)
class Mark:
    """A moment of a site (``from_ns`` = ``to_ns``: a bookmark), or a range of it, with typed properties."""

    id: str
    site: str
    from_ns: int
    to_ns: int
    label: str
    properties: Mapping[str, str | float | bool] = field(default_factory=dict)
    who: str = ""
    when_ns: int = 0

    def problem(self) -> str:
        """What is wrong with it; "" for nothing."""
        if self.to_ns < self.from_ns:
            return "it ends before it begins"
        if len(self.properties) > MAX_PROPERTIES:
            return f"it has {len(self.properties)} properties, {MAX_PROPERTIES} at most"
        return next((wrong for one in (self.label, *self.properties) if (wrong := name_problem(one))), "")


def name_problem(name: str) -> str:
    """What is wrong with a name; "" for nothing."""
    if not name.strip() or name != name.strip():
        return f"{name!r} is no name: empty, or with blanks around it"
    if len(name) > MAX_NAME:
        return f"the name has {len(name)} characters, {MAX_NAME} at most"
    return "" if name.isprintable() else f"{name!r} is no name: it has control characters"


def batches_of(history: History, site: str, from_ns: int, to_ns: int) -> Iterator[Batch]:
    """The batches of a recording, in order of their ticks.

    Where several wrote, their batches are put in one row. Raises RecordingError where some of them are
    kept no longer.
    """
    mirrors = {writer: mirror_at(history, writer, from_ns - 1) for writer in history.writers()}
    opening = [
        _frame_of(one)
        for mirror in mirrors.values()
        for one in mirror.latest.values()
        if site_of(one.stream.asset) == site
    ]
    n = 0
    if opening:
        n = 1
        tick_ns = max(mirror.tick_ns for mirror in mirrors.values())
        yield Batch(WRITER, n, tick_ns, tuple(sorted(opening, key=lambda part: part.stream.id)))
    rows = [_ticked(history, writer, mirror, to_ns) for writer, mirror in mirrors.items()]
    for _, batch in heapq.merge(*rows, key=lambda row: row[0]):
        n += 1
        parts = tuple(part for part in batch.frames if site_of(part.stream.asset) == site)
        yield Batch(WRITER, n, batch.tick_ns, parts)


def _ticked(history: History, writer: str, mirror: Mirror, to_ns: int) -> Iterator[tuple[int, Batch]]:
    """A writer's batches after the mirror's last one, each with its tick as the mirror counts it."""
    tick_ns, n = mirror.tick_ns, mirror.n
    last_n = history.batch_at(writer, to_ns - 1)
    for batch in history.batches(writer, n + 1, last_n) if last_n > n else ():
        if batch.n != n + 1:
            raise RecordingError(f"batches {n + 1} to {batch.n - 1} of {writer} are not there")
        tick_ns, n = max(tick_ns, batch.tick_ns), batch.n
        if tick_ns >= to_ns:
            return
        yield tick_ns, batch


def _frame_of(one: Latest) -> Frames:
    return Frames(
        one.stream,
        np.array([one.t_ns], np.int64),
        np.array([one.seq], np.int64),
        np.array([one.received_ns], np.int64),
        one.values.reshape(1, -1),
        np.array([one.quality], np.int16),
        (one.texts,) if one.stream.text_columns else (),
    )


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What a recording holds, and the hash that its replay comes to: of every batch, and of the state after it."""

    batches: int
    frames: int
    sha256: str


def fingerprint(batches: Iterable[Batch]) -> Fingerprint:
    """Fold a recording; equal hashes are equal frames, ticks, cuts and states."""
    digest, mirror = hashlib.sha256(), Mirror()
    count = frames = 0
    for batch in batches:
        digest.update(checksum(batch).encode())
        mirror.apply(batch)
        count += 1
        frames += len(batch)
    digest.update(mirror.canonical())
    return Fingerprint(count, frames, digest.hexdigest())
