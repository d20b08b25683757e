"""Pens as a table in CSV: every sample or the points drawn, piece by piece, however long it is."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from dashboards.summary import trend
from twin.clock import NS_PER_S, iso_from_ns

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from dashboards.moment import Range
    from dashboards.view import View
    from twin.sample import Stream

MARK = "\ufeff"
"""Spreadsheets take a CSV file for UTF-8 when it begins with this."""
SAMPLES_A_PIECE = 20_000
PIECE_S = 3600.0
"""How much time is read at once where a stream says no period."""
EVERY = 2**40
"""More samples than any piece holds: none are drawn together."""
FORMULA = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True, slots=True)
class Pen:
    """A numeric signal as a column: its id, its stream, its name there, its UCUM unit."""

    id: str
    stream: Stream
    signal: str
    unit: str

    def heading(self, what: str = "") -> str:
        """The head of its column; a spreadsheet takes it for no formula."""
        text = f"{self.id}{f' {what}' if what else ''}{f' [{self.unit}]' if self.unit else ''}"
        return f"'{text}" if text.startswith(FORMULA) else text


def csv_lines(view: View, pens: Sequence[Pen], asked: Range, max_points: int | None = None) -> Iterator[bytes]:
    """The table in pieces: time (UTC), then a column a pen; least, mean and greatest where points are drawn.

    Samples of one moment stand in one row. Where a pen has several of the same moment, each has a row.
    """
    kinds = ("",) if max_points is None else ("min", "mean", "max")
    yield (MARK + _lines([["time_utc", *(pen.heading(kind) for pen in pens for kind in kinds)]])).encode()
    for start_ns, end_ns in _pieces(pens, asked) if max_points is None else [(asked.start_ns, asked.end_ns)]:
        columns: list[tuple[NDArray[np.int64], list[NDArray[np.float64]]]] = []
        for pen in pens:
            if max_points is None:
                series = view.trend(pen.stream.id, pen.signal, start_ns, end_ns, EVERY)
                columns.append((series.t_ns, [series.mean]))
            else:
                series = trend.pen(view, pen.stream, pen.signal, start_ns, end_ns, max_points)
                columns.append((series.t_ns, [series.minimum, series.mean, series.maximum]))
        yield from _rows(columns)


def _pieces(pens: Sequence[Pen], asked: Range) -> Iterator[tuple[int, int]]:
    wide_s = min(SAMPLES_A_PIECE * (pen.stream.period_s or PIECE_S / SAMPLES_A_PIECE) for pen in pens)
    wide_ns = max(1, round(wide_s * NS_PER_S))
    for start_ns in range(asked.start_ns, asked.end_ns, wide_ns):
        yield start_ns, min(start_ns + wide_ns, asked.end_ns)


def _rows(columns: Sequence[tuple[NDArray[np.int64], list[NDArray[np.float64]]]]) -> Iterator[bytes]:
    keys = [_keys(t_ns) for t_ns, _ in columns]
    every, rows = np.unique(np.concatenate(keys), return_inverse=True)
    if not len(every):
        return
    cells = np.full((len(every), sum(len(values) for _, values in columns)), np.nan)
    row, column = 0, 0
    for key, (_, values) in zip(keys, columns, strict=True):
        for one in values:
            cells[rows[row : row + len(key)], column] = one
            column += 1
        row += len(key)
    absent = np.isnan(cells)
    texts = cells.astype(object)
    texts[absent] = ""
    times = [iso_from_ns(t_ns, 6) for t_ns in every["t"].tolist()]
    yield _lines([time, *values] for time, values in zip(times, texts.tolist(), strict=True)).encode()


def _keys(t_ns: NDArray[np.int64]) -> NDArray[np.void]:
    """(time, how many of the same time came before): times may repeat, and none is lost."""
    keys = np.zeros(len(t_ns), [("t", np.int64), ("n", np.int64)])
    keys["t"] = t_ns
    if len(t_ns) > 1:
        place = np.arange(len(t_ns))
        first = np.concatenate([[True], np.diff(t_ns) != 0])
        keys["n"] = place - np.maximum.accumulate(np.where(first, place, 0))
    return keys


def _lines(rows: Iterable[list[str]]) -> str:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue()
