"""What a file of the archive holds, and where it lies.

One file holds the streams of a site and a UTC day that have the same columns: a row a frame, sorted by
stream, time and sequence, with one plain column a signal. The fixed columns keep what a re-fold needs.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from twin.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from twin.sample import Stream

DAY_NS = 86_400 * 10**9
META = b"factory_twin"
"""The key of our JSON in a file's own metadata: version, signals of the columns, and where each stream lies."""
FIXED = (
    "asset", "stream", "time", "t_ns", "seq", "received_ns", "quality", "stream_key", "writer_key", "batch", "id",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Run:
    """Where rows of one stream lie in a file, in order: ``rows`` from ``offset`` in a row group; ends included."""

    group: int
    offset: int
    rows: int
    stream_key: int
    first_ns: int
    last_ns: int
    first_id: int
    last_id: int


def arrow() -> Any:
    """The module pyarrow; raises StoreError where it is not installed."""
    try:
        import pyarrow as pa  # noqa: PLC0415  an extra: the base install has none
        import pyarrow.parquet  # noqa: PLC0415
    except ImportError as error:
        raise StoreError("the archive needs pyarrow: pip install 'factory-twin[archive]'") from error
    return pa


def site_of(stream: Stream) -> str:
    """The site that a stream's files are kept under."""
    return stream.asset.partition("/")[0]


def day_name(day: int) -> str:
    """A day counted from 1970-01-01 UTC, as YYYY-MM-DD; far-off ones (a clock gone wild) as a number."""
    try:
        return datetime.fromtimestamp(day * 86_400, UTC).strftime("%Y-%m-%d")
    except (ValueError, OverflowError, OSError):
        return f"d{day}"


def names_of(stream: Stream) -> tuple[str, ...]:
    """The column of each signal, numbers before texts; a name that is taken gets ``signal_`` before it."""
    taken = set(FIXED)
    names: list[str] = []
    for signal in stream.signals:
        name = signal.name
        while name in taken:
            name = f"signal_{name}"
        taken.add(name)
        names.append(name)
    return tuple(names)


def shape_of(stream: Stream) -> str:
    """Streams of one shape lie in one file: the same name and columns. A few letters that tell shapes apart."""
    told = [
        stream.name,
        [(one.name, one.unit) for one in stream.columns],
        [one.name for one in stream.text_columns],
    ]
    return hashlib.blake2b(json.dumps(told).encode("utf-8", "surrogatepass"), digest_size=5).hexdigest()


def signals_of(stream: Stream) -> list[dict[str, str]]:
    """What the columns are, for the file's metadata."""
    columns = [*stream.columns, *stream.text_columns]
    return [
        {"column": name, "signal": signal.name, "unit": signal.unit, "kind": signal.kind.value}
        for name, signal in zip(names_of(stream), columns, strict=True)
    ]


def path_of(folder: Path, stream: Stream, day: str, created_ns: int, number: int) -> Path:
    """Where a new file lies: never the place of another one."""
    name = f"{quote(stream.name, safe='')[:80]}-{shape_of(stream)}-{created_ns:x}-{number}.parquet"
    return folder / f"site={quote(site_of(stream), safe='')}" / f"day={day}" / name


def told_path(path: Path, base: Path | None) -> str:
    """A path as `archive_part` keeps it: relative to the database's folder where it lies below it."""
    path = path.resolve()
    if base is not None and path.is_relative_to(base.resolve()):
        return path.relative_to(base.resolve()).as_posix()
    return str(path)


def real_path(told: str, base: Path | None) -> Path:
    """What `told_path` told."""
    path = Path(told)
    return path if path.is_absolute() or base is None else base / path


def encode_runs(runs: Iterable[Run]) -> list[list[int]]:
    """Runs for the file's metadata."""
    return [[r.group, r.offset, r.rows, r.stream_key, r.first_ns, r.last_ns, r.first_id, r.last_id] for r in runs]
