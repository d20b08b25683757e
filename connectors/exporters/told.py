"""What a dataset's data themselves tell of its episodes, whatever its papers say."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

from mcap.exceptions import McapError
from mcap.reader import make_reader
from zstandard import ZstdError

from connectors.archive.layout import arrow
from connectors.exporters.mcap import ORIGIN
from connectors.exporters.parquet import EPISODES

if TYPE_CHECKING:
    from pathlib import Path

    from connectors.exporters.book import Row


def rows_of(folder: Path, told: dict[str, Any]) -> list[Row] | None:
    """(outcome, source) of each episode, in order; None where the files cannot be read, which others tell of.

    ``told`` is the provenance. Raises KeyError and TypeError where it is none.
    """
    try:
        if told["format"] == "mcap":
            return [_of_file(folder / str(one["file"])) for one in told["episodes"]]
        arrow()
        import pyarrow.parquet as pq  # noqa: PLC0415  an extra

        name = EPISODES if told["format"] == "parquet" else "meta/episodes/chunk-000/file-000.parquet"
        table = pq.read_table(folder / name, columns=["outcome", "source"])
        return list(zip(table["outcome"].to_pylist(), table["source"].to_pylist(), strict=True))
    except (OSError, McapError, ZstdError, struct.error, ValueError):
        return None


def _of_file(path: Path) -> Row:
    with path.open("rb") as file:
        about = {one.name: one.metadata for one in make_reader(file).iter_metadata()}.get(ORIGIN, {})
    return str(about.get("outcome", "")), str(about.get("source", ""))
