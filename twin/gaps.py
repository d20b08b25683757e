"""Sequence gaps: which frames a source counted that never came. Pure; the stores keep what this works out.

Within one epoch of a stream (the bits of ``seq`` above `SEQ_EPOCH_SHIFT`):
expected = last − first + 1 = distinct + missing, in whatever order the frames come.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from twin.sample import SEQ_EPOCH_SHIFT

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

MAX_OPEN = 1000
"""How many gaps of an epoch are listed; beyond it the oldest are counted only."""


@dataclass(frozen=True, slots=True)
class OpenGap:
    """Frames that have not come: ``from_seq`` to ``to_seq``, both included, first missed by batch ``batch``."""

    from_seq: int
    to_seq: int
    batch: int
    since_ns: int

    def __len__(self) -> int:
        return self.to_seq - self.from_seq + 1


@dataclass(slots=True)
class Change:
    """What a batch did to the list of gaps: those gone, by ``from_seq``, then those that are new."""

    closed: set[int] = field(default_factory=set)
    opened: dict[int, OpenGap] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.closed or self.opened)


class SequenceCount:
    """One epoch of a stream: its ends and its open gaps. Mutable; the store that keeps it owns it.

    ``unlisted`` counts what is missing in gaps beyond `MAX_OPEN`. A frame that comes later into one
    of those is not told from a repeated one, so what is missing there is an upper bound.
    """

    def __init__(self, first: int, last: int, gaps: Iterable[OpenGap] = (), unlisted: int = 0) -> None:
        self.first = first
        self.last = last
        self.unlisted = unlisted
        self._gaps = sorted(gaps, key=lambda gap: gap.from_seq)
        self._starts = [gap.from_seq for gap in self._gaps]
        self._open = sum(map(len, self._gaps))

    @property
    def gaps(self) -> tuple[OpenGap, ...]:
        """The open gaps that are listed, in order of sequence."""
        return tuple(self._gaps)

    @property
    def expected(self) -> int:
        """How many frames the source counted from the first to the last that came."""
        return self.last - self.first + 1

    @property
    def missing(self) -> int:
        """How many of them have not come."""
        return self._open + self.unlisted

    def go_on(self, first: int, last: int) -> bool:
        """Take a run without a gap that follows right on the last frame; False, with nothing taken, if it does not."""
        if first != self.last + 1:
            return False
        self.last = last
        return True

    def see(self, seqs: NDArray[np.int64], batch: int, since_ns: int) -> Change:
        """Take frames that came: ``seqs`` int64 (n,), ascending, without repeats, of this epoch."""
        change = Change()
        first, last = int(seqs[0]), int(seqs[-1])
        if first == self.last + 1 and last - first == len(seqs) - 1:
            self.last = last
            return change
        after = seqs[seqs > self.last]
        before = seqs[seqs < self.first]
        for seq in seqs[len(before) : len(seqs) - len(after)].tolist() if self._gaps else ():
            self._fill(seq, change)
        if len(after):
            self._add(np.concatenate([[self.last], after]), batch, since_ns, change)
            self.last = int(after[-1])
        if len(before):
            self._add(np.concatenate([before, [self.first]]), batch, since_ns, change)
            self.first = int(before[0])
        while len(self._gaps) > MAX_OPEN:
            oldest = min(range(len(self._gaps)), key=lambda i: (self._gaps[i].since_ns, self._gaps[i].from_seq))
            self.unlisted += len(self._gaps[oldest])
            self._remove(oldest, change)
        return change

    def _add(self, seqs: NDArray[np.int64], batch: int, since_ns: int, change: Change) -> None:
        steps = np.flatnonzero(np.diff(seqs) > 1)
        # Of very many only the newest are listed: the others would be thrown out again one by one.
        unlisted = steps[: max(len(steps) - MAX_OPEN, 0)]
        self.unlisted += int((seqs[unlisted + 1] - seqs[unlisted] - 1).sum())
        for step in steps[len(unlisted) :].tolist():
            self._insert(OpenGap(int(seqs[step]) + 1, int(seqs[step + 1]) - 1, batch, since_ns), change)

    def _fill(self, seq: int, change: Change) -> None:
        at = bisect_right(self._starts, seq) - 1
        if at < 0 or self._gaps[at].to_seq < seq:
            return
        gap = self._gaps[at]
        self._remove(at, change)
        if gap.from_seq < seq:
            self._insert(OpenGap(gap.from_seq, seq - 1, gap.batch, gap.since_ns), change)
        if seq < gap.to_seq:
            self._insert(OpenGap(seq + 1, gap.to_seq, gap.batch, gap.since_ns), change)

    def _insert(self, gap: OpenGap, change: Change) -> None:
        at = bisect_right(self._starts, gap.from_seq)
        self._gaps.insert(at, gap)
        self._starts.insert(at, gap.from_seq)
        self._open += len(gap)
        change.opened[gap.from_seq] = gap

    def _remove(self, at: int, change: Change) -> None:
        gap = self._gaps.pop(at)
        del self._starts[at]
        self._open -= len(gap)
        if change.opened.pop(gap.from_seq, None) is None:
            change.closed.add(gap.from_seq)


def by_epoch(seqs: NDArray[np.int64]) -> Iterator[tuple[int, NDArray[np.int64]]]:
    """(epoch, its sequences, ascending and without repeats) of int64 (n,) sequences in any order."""
    first, last = int(seqs[0]), int(seqs[-1])
    in_one_epoch = first >> SEQ_EPOCH_SHIFT == last >> SEQ_EPOCH_SHIFT
    # Nearly all that comes is one run without a gap, told in a tenth of the time that sorting takes.
    if in_one_epoch and last - first == len(seqs) - 1 and seqs.tolist() == list(range(first, last + 1)):
        yield first >> SEQ_EPOCH_SHIFT, seqs
        return
    found = np.unique(seqs)
    epochs = found >> SEQ_EPOCH_SHIFT
    if epochs[0] == epochs[-1]:
        yield int(epochs[0]), found
        return
    for part in np.split(found, np.flatnonzero(np.diff(epochs)) + 1):
        yield int(part[0]) >> SEQ_EPOCH_SHIFT, part
