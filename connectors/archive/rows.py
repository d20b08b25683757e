"""Frames with what the database knows of them beside: the rows that move."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from twin.sample import Stream

INTEGERS = ("id", "t_ns", "seq", "received_ns", "writer_key", "batch", "quality")


@dataclass(frozen=True, slots=True, eq=False)
class StoredRows:
    """n rows of one stream in order of (t_ns, seq).

    ``ints`` is int64 (7, n), a line for each of `INTEGERS`; ``values`` float64 (n, width), NaN where
    absent; ``texts`` row by row, () where the stream has none.
    """

    stream_key: int
    stream: Stream
    ints: NDArray[np.int64]
    values: NDArray[np.float64]
    texts: tuple[tuple[str | None, ...], ...] = ()

    def __len__(self) -> int:
        return int(self.ints.shape[1])

    def _line(self, number: int) -> NDArray[np.int64]:
        line: NDArray[np.int64] = self.ints[number]
        return line

    @property
    def id(self) -> NDArray[np.int64]:
        """The database's row ids."""
        return self._line(0)

    @property
    def t_ns(self) -> NDArray[np.int64]:
        """Device times."""
        return self._line(1)

    @property
    def seq(self) -> NDArray[np.int64]:
        """Sequences."""
        return self._line(2)

    @property
    def received_ns(self) -> NDArray[np.int64]:
        """Receive times."""
        return self._line(3)

    @property
    def batch(self) -> NDArray[np.int64]:
        """The numbers of the batches that brought them."""
        return self._line(5)

    @property
    def quality(self) -> NDArray[np.int64]:
        """Qualities."""
        return self._line(6)

    def take(self, rows: NDArray[np.bool_] | NDArray[np.intp] | slice) -> StoredRows:
        """Some of the rows."""
        texts = tuple(self.texts[row] for row in np.arange(len(self))[rows].tolist()) if self.texts else ()
        return StoredRows(self.stream_key, self.stream, self.ints[:, rows], self.values[rows], texts)

    def equals(self, other: StoredRows) -> bool:
        """Whether every column is the same to the last bit (absent is absent)."""
        return (
            np.array_equal(self.ints, other.ints)
            and np.array_equal(self.values, other.values, equal_nan=True)
            and self.texts == other.texts
        )


def joined(parts: list[StoredRows]) -> StoredRows:
    """Rows of one stream, one after the other (one part at least)."""
    return StoredRows(
        parts[0].stream_key,
        parts[0].stream,
        np.concatenate([part.ints for part in parts], axis=1),
        np.concatenate([part.values for part in parts]),
        tuple(row for part in parts for row in part.texts),
    )
