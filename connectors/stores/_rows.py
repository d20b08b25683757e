"""A batch's frames as one run of rows, whatever streams they belong to.

A batch of a thousand frames may hold five hundred streams: work is done on whole columns, because
numpy's price is by call, not by row.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from connectors.stores._codec import encode_texts, has_negative_zero
from twin.sample import Batch, Frames

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """n rows for the table `frame`, with consecutive ids from ``first_id``, in the order of the cut.

    All columns int64 (n,). ``groups`` holds the values by width: the row numbers (None: all n rows)
    and float64 (rows, width).
    """

    first_id: int
    writer_key: int
    batch: int
    stream_keys: NDArray[np.int64]
    t_ns: NDArray[np.int64]
    seq: NDArray[np.int64]
    received_ns: NDArray[np.int64]
    quality: NDArray[np.int64]
    groups: tuple[tuple[NDArray[np.intp] | None, NDArray[np.float64]], ...]

    def __len__(self) -> int:
        return len(self.t_ns)


def rows_of(parts: Sequence[Frames], keys: Sequence[int], first_id: int, writer_key: int, n: int) -> Rows:
    """The rows of a batch's parts (one at least), each part's stream having the key beside it."""
    sizes = [len(part) for part in parts]
    widths = [part.stream.width for part in parts]
    groups: list[tuple[NDArray[np.intp] | None, NDArray[np.float64]]] = []
    if len(set(widths)) == 1:
        groups.append((None, np.concatenate([part.values for part in parts])))
    else:
        by_row = np.repeat(widths, sizes)
        for width in sorted(set(widths)):
            values = np.concatenate([part.values for part in parts if part.stream.width == width])
            groups.append((np.flatnonzero(by_row == width), values))
    return Rows(
        first_id,
        writer_key,
        n,
        np.repeat(np.array(keys, np.int64), sizes),
        np.concatenate([part.t_ns for part in parts]),
        np.concatenate([part.seq for part in parts]),
        np.concatenate([part.received_ns for part in parts]),
        np.concatenate([part.quality for part in parts]).astype(np.int64),
        tuple(groups),
    )


def without_negative_zeros(batch: Batch) -> Batch:
    """The batch with −0.0 as 0.0; itself when there are none."""
    if not batch.frames or not has_negative_zero(np.concatenate([part.values.ravel() for part in batch.frames])):
        return batch
    parts = tuple(
        Frames(p.stream, p.t_ns, p.seq, p.received_ns, p.values + 0.0, p.quality, p.texts) for p in batch.frames
    )
    return Batch(batch.writer, batch.n, batch.tick_ns, parts)


def picked(batch: Batch, mask: NDArray[np.bool_]) -> Batch:
    """The batch with only those of its rows (counted through all parts) that are set in ``mask``."""
    parts: list[Frames] = []
    start = 0
    for part in batch.frames:
        wanted = mask[start : start + len(part)]
        start += len(part)
        if wanted.all():
            parts.append(part)
        elif wanted.any():
            parts.append(part.take(wanted))
    return Batch(batch.writer, batch.n, batch.tick_ns, tuple(parts))


def text_rows(parts: Sequence[Frames], keys: Sequence[int]) -> list[tuple[int, int, int, str]]:
    """Rows for the table `frame_text`."""
    return [
        (key, t_ns, seq, encode_texts(texts))
        for part, key in zip(parts, keys, strict=True)
        if part.texts
        for t_ns, seq, texts in zip(part.t_ns.tolist(), part.seq.tolist(), part.texts, strict=True)
    ]


def count_rows(parts: Sequence[Frames], keys: Sequence[int]) -> list[tuple[int, ...]]:
    """Rows for `stream_count`: (stream_key, frames, values, first_seq, last_seq, first_ns, last_ns)."""
    if not parts:
        return []
    sizes = np.array([len(part) for part in parts])
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    t_ns = np.concatenate([part.t_ns for part in parts])
    seq = np.concatenate([part.seq for part in parts])
    absent = [0] * len(parts)
    if np.isnan(np.concatenate([part.values.ravel() for part in parts])).any():
        absent = [int(np.count_nonzero(np.isnan(part.values))) for part in parts]
    values = [
        size * part.stream.width - missing + sum(text is not None for row in part.texts for text in row)
        for part, size, missing in zip(parts, sizes.tolist(), absent, strict=True)
    ]
    return list(
        zip(
            keys,
            sizes.tolist(),
            values,
            np.minimum.reduceat(seq, starts).tolist(),
            np.maximum.reduceat(seq, starts).tolist(),
            np.minimum.reduceat(t_ns, starts).tolist(),
            np.maximum.reduceat(t_ns, starts).tolist(),
            strict=True,
        )
    )
