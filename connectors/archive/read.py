"""Reading files of the archive: by stream and time, and by the database's own row ids."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from connectors.archive.layout import META, Run, arrow, names_of
from connectors.archive.rows import INTEGERS, StoredRows
from twin.errors import StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from twin.sample import Stream

FILES_KEPT = 64
"""How many files' footers and indexes are kept in memory."""


class PartFile:
    """One file: its footer and its index, read once. Immutable on the disk."""

    def __init__(self, path: Path) -> None:
        self.path = path
        pa = arrow()
        try:
            self._metadata: Any = pa.parquet.read_metadata(path)
            told = json.loads(self._metadata.metadata[META])
        except (OSError, KeyError, ValueError, TypeError, pa.ArrowException) as error:
            raise StoreUnavailable(f"the archive's file {path} cannot be read: {error}") from error
        self.runs: dict[int, list[Run]] = {}
        for run in (Run(*row) for row in told["runs"]):
            self.runs.setdefault(run.stream_key, []).append(run)

    def column(self, run: Run, name: str) -> Any:
        """One column of a run, as an Arrow array."""
        return self._read([run.group], [name]).column(name).slice(run.offset, run.rows)

    def numbers(
        self, runs: Sequence[Run], column: str, start_ns: int, end_ns: int
    ) -> tuple[NDArray[np.int64], NDArray[np.int64] | None, NDArray[np.float64]]:
        """t_ns, seq and one column of numbers, in order; seq is None where no two times are the same."""
        table = self._read([run.group for run in runs], ["t_ns", column])
        t_ns, values = self._ints(table, runs, "t_ns"), self._floats(table, runs, column)
        keep = slice(*np.searchsorted(t_ns, [start_ns, end_ns]))
        seq = None
        if not (t_ns[1:] > t_ns[:-1]).all():
            seq = self._ints(self._read([run.group for run in runs], ["seq"]), runs, "seq")[keep]
        return t_ns[keep], seq, values[keep]

    def rows(self, runs: Sequence[Run], stream: Stream) -> StoredRows:
        """Everything of some runs of one stream, in order."""
        names = names_of(stream)
        parts = self._parts(self._read([run.group for run in runs], [*INTEGERS, *names]), runs)
        values = np.empty((sum(map(len, parts)), stream.width))
        for index, name in enumerate(names[: stream.width]):
            values[:, index] = np.concatenate([_floats(part.column(name)) for part in parts])
        texts: tuple[tuple[str | None, ...], ...] = ()
        if stream.text_columns:
            columns = [
                [text for part in parts for text in part.column(name).to_pylist()] for name in names[stream.width :]
            ]
            texts = tuple(zip(*columns, strict=True))
        return StoredRows(
            runs[0].stream_key,
            stream,
            np.array([np.concatenate([part.column(name).to_numpy() for part in parts]) for name in INTEGERS], np.int64),
            values,
            texts,
        )

    def _ints(self, table: Any, runs: Sequence[Run], name: str) -> NDArray[np.int64]:
        return np.concatenate([part.column(name).to_numpy() for part in self._parts(table.select([name]), runs)])

    def _floats(self, table: Any, runs: Sequence[Run], name: str) -> NDArray[np.float64]:
        return np.concatenate([_floats(part.column(name)) for part in self._parts(table.select([name]), runs)])

    def _parts(self, table: Any, runs: Sequence[Run]) -> list[Any]:
        if sum(run.rows for run in runs) == len(table):
            return [table]  # nearly always: a large stream's row groups hold nothing else
        starts: dict[int, int] = {}
        at = 0
        for run in runs:
            if run.group not in starts:
                starts[run.group] = at
                at += self._metadata.row_group(run.group).num_rows
        return [table.slice(starts[run.group] + run.offset, run.rows) for run in runs]

    def _read(self, groups: list[int], columns: list[str]) -> Any:
        pa = arrow()
        try:
            with pa.parquet.ParquetFile(self.path, metadata=self._metadata) as file:
                return file.read_row_groups(list(dict.fromkeys(groups)), columns=columns)
        except (OSError, KeyError, pa.ArrowException) as error:
            raise StoreUnavailable(f"the archive's file {self.path} cannot be read: {error}") from error


@lru_cache(maxsize=FILES_KEPT)
def part_file(path: Path, sha256: str) -> PartFile:
    """The file, remembered while it is the same one."""
    del sha256
    return PartFile(path)


def _floats(column: Any) -> NDArray[np.float64]:
    if column.null_count == 0:
        present: NDArray[np.float64] = column.to_numpy()
        return present
    found: NDArray[np.float64] = column.to_numpy(zero_copy_only=False).astype(np.float64)
    return found
