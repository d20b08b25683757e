"""Writing one file of the archive, small, and on the disk before anyone is told of it."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any

import numpy as np

from connectors.archive.layout import META, Run, arrow, encode_runs, names_of, signals_of
from connectors.archive.rows import INTEGERS, StoredRows, joined

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from twin.sample import Stream

GROUP_ROWS = 32_768
"""Rows of a row group: one stream's where it has so many, else several streams' in a row."""
ZSTD_LEVEL = 3
DICTIONARY_BYTES = 2 * 1024 * 1024
_ENCODINGS = ("dictionary", "PLAIN", "BYTE_STREAM_SPLIT")
_DELTAS = ("time", "t_ns", "seq", "received_ns", "batch", "id")
_DICTIONARIES = ("asset", "stream", "quality", "stream_key", "writer_key")


def write(path: Path, stream: Stream, rows: Iterable[StoredRows]) -> tuple[int, list[Run]]:
    """Write rows of streams of one shape, stream by stream in order, to ``path``; how many, and where they lie.

    How a column of numbers is encoded is tried out on its first row group: a dictionary wins where values
    repeat (a rounded signal of small range: 1.6 B a value), plain values under zstd elsewhere (3.7 B), split
    bytes where every bit is noise; the first is 4.8 B and the last 6 B for values of three decimals.
    """
    pa = arrow()
    runs: list[Run] = []
    writer: Any = None
    count = 0
    try:
        for number, group in enumerate(_groups(rows)):
            table = _table(pa, group)
            if writer is None:
                writer = _writer(pa, path, table, names_of(stream)[: stream.width])
            writer.write_table(table, row_group_size=len(table))
            offset = 0
            for part in group:
                ends = (int(part.t_ns[0]), int(part.t_ns[-1]), int(part.id.min()), int(part.id.max()))
                runs.append(Run(number, offset, len(part), part.stream_key, *ends))
                offset += len(part)
            count += offset
        if writer is not None:
            told = {"version": 1, "signals": signals_of(stream), "runs": encode_runs(runs)}
            writer.add_key_value_metadata({META: json.dumps(told, ensure_ascii=False).encode()})
    finally:
        if writer is not None:
            writer.close()
    return count, runs


def _groups(rows: Iterable[StoredRows]) -> Iterator[list[StoredRows]]:
    """Parts gathered to row groups; a large stream begins one of its own."""
    waiting: list[StoredRows] = []
    size = 0
    for part in rows:
        if not len(part):
            continue
        if waiting and size + len(part) > GROUP_ROWS:
            yield waiting
            waiting, size = [], 0
        if waiting and waiting[-1].stream_key == part.stream_key:
            waiting[-1] = joined([waiting[-1], part])
        else:
            waiting.append(part)
        size += len(part)
    if waiting:
        yield waiting


def _table(pa: Any, group: list[StoredRows]) -> Any:
    stream = group[0].stream

    ints = dict(zip(INTEGERS, np.concatenate([part.ints for part in group], axis=1), strict=True))
    sizes = [len(part) for part in group]
    columns = {
        "asset": _repeated(pa, [part.stream.asset for part in group], sizes),
        "stream": _repeated(pa, [part.stream.name for part in group], sizes),
        "time": pa.array(ints["t_ns"] // 1000, pa.timestamp("us", "UTC")),
        "t_ns": pa.array(ints["t_ns"]),
        "seq": pa.array(ints["seq"]),
        "received_ns": pa.array(ints["received_ns"]),
        "quality": pa.array(ints["quality"].astype(np.int16)),
        "stream_key": pa.array(np.repeat(np.array([part.stream_key for part in group], np.int32), sizes)),
        "writer_key": pa.array(ints["writer_key"].astype(np.int16)),
        "batch": pa.array(ints["batch"]),
        "id": pa.array(ints["id"]),
    }
    names = names_of(stream)
    values = np.concatenate([part.values for part in group])
    absent = np.isnan(values)
    for index, name in enumerate(names[: stream.width]):
        columns[name] = pa.array(np.ascontiguousarray(values[:, index]), mask=absent[:, index])
    texts = [row for part in group for row in part.texts]
    for index, name in enumerate(names[stream.width :]):
        columns[name] = pa.array([row[index] for row in texts], pa.string())
    return pa.table(columns)


def _repeated(pa: Any, words: list[str], sizes: list[int]) -> Any:
    index = np.repeat(np.arange(len(words), dtype=np.int32), sizes)
    return pa.DictionaryArray.from_arrays(pa.array(index), pa.array(words, pa.string())).cast(pa.string())


def _writer(pa: Any, path: Path, table: Any, numbers: tuple[str, ...]) -> Any:
    chosen = {name: _smallest(pa, table.select([name]), name) for name in numbers}
    texts = [f.name for f in table.schema if pa.types.is_string(f.type)]
    plain = {name: encoding for name, encoding in chosen.items() if encoding != "dictionary"}
    return pa.parquet.ParquetWriter(
        path,
        table.schema,
        compression="zstd",
        compression_level=ZSTD_LEVEL,
        dictionary_pagesize_limit=DICTIONARY_BYTES,
        use_dictionary=[*{*_DICTIONARIES, *texts}, *(name for name in chosen if name not in plain)],
        column_encoding={**dict.fromkeys(_DELTAS, "DELTA_BINARY_PACKED"), **plain},
        write_page_index=True,
    )


def _smallest(pa: Any, table: Any, name: str) -> str:
    """The encoding in which a column takes least room."""
    sizes: dict[str, int] = {}
    for encoding in _ENCODINGS:
        file = io.BytesIO()
        pa.parquet.write_table(
            table,
            file,
            compression="zstd",
            compression_level=ZSTD_LEVEL,
            dictionary_pagesize_limit=DICTIONARY_BYTES,
            use_dictionary=encoding == "dictionary",
            column_encoding=None if encoding == "dictionary" else {name: encoding},
        )
        sizes[encoding] = file.tell()
    return min(sizes, key=lambda encoding: sizes[encoding])
