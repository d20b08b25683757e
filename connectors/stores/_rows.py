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

    from twin.punctuality import Punctuality


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


def rows_of(batch: Batch, keys: Sequence[int], first_id: int, writer_key: int) -> Rows:
    """The rows of a batch (one at least), each part's stream having the key beside it."""
    columns = batch.columns
    return Rows(
        first_id,
        writer_key,
        batch.n,
        np.repeat(np.array(keys, np.int64), columns.sizes),
        columns.t_ns,
        columns.seq,
        columns.received_ns,
        columns.quality.astype(np.int64),
        columns.groups,
    )


def without_negative_zeros(batch: Batch) -> Batch:
    """The batch with −0.0 as 0.0; itself when there are none."""
    if not batch.frames or not any(has_negative_zero(values) for _, values in batch.columns.groups):
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


def count_rows(batch: Batch, keys: Sequence[int], clocks: Sequence[Punctuality]) -> list[tuple[int | None, ...]]:
    """Rows for `stream_count`: (stream_key, frames, values, first and last seq, first and last time, newest time,
    late frames, skew).
    """
    parts = batch.frames
    if not parts:
        return []
    columns = batch.columns
    sizes = columns.sizes.tolist()
    absent = [0] * len(parts)
    if any(np.isnan(values).any() for _, values in columns.groups):
        absent = [int(np.count_nonzero(np.isnan(part.values))) for part in parts]
    values = [
        size * part.stream.width - missing + sum([text is not None for row in part.texts for text in row])
        for part, size, missing in zip(parts, sizes, absent, strict=True)
    ]
    return list(
        zip(
            keys,
            sizes,
            values,
            columns.lowest(columns.seq).tolist(),
            columns.highest(columns.seq).tolist(),
            columns.lowest(columns.t_ns).tolist(),
            columns.highest(columns.t_ns).tolist(),
            [clock.newest_ns for clock in clocks],
            [clock.late for clock in clocks],
            [clock.skew_ns for clock in clocks],
            strict=True,
        )
    )
