"""A comparison as a CSV file: one row a signal, an event that one side has alone, a KPI; for a spreadsheet."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any

from dashboards.table import FORMULA, MARK

if TYPE_CHECKING:
    from collections.abc import Iterator

COLUMNS = (
    "what", "name", "of", "unit", "a", "b", "difference", "rms", "mean", "max", "at_s", "lag_ms", "confidence",
    "unequal", "relative", "n", "only", "kind", "text", "t_ms", "why",
)  # fmt: skip
"""The same columns for all rows, empty where they mean nothing; each as of docs/reference/compare.md."""


def csv_of(told: dict[str, Any]) -> str:
    """What `twin.compare.told` says as CSV, in UTF-8 with the mark that spreadsheets look for."""
    text = io.StringIO()
    text.write(MARK)
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    writer.writerows([_cell(row.get(column)) for column in COLUMNS] for row in rows_of(told))
    return text.getvalue()


def rows_of(told: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Every row as a mapping: signals in their order, then events of A, of B, then KPIs."""
    for row in told["signals"]:
        asset, _, _ = row["signal"].partition(":")
        yield {**row, "what": "signal", "name": row["signal"], "of": asset}
    for side in ("a", "b"):
        for row in told[f"events_only_{side}"]:
            said = {
                "name": row["kind"],
                "of": row["asset"],
                "text": row["text"],
                "at_s": row["t_s"],
                "t_ms": row["t_ms"],
            }
            yield {"what": "event", "only": side, **said}
    for row in told["kpis"]:
        yield {**row, "what": "kpi", "of": row["of"] or row["level"]}


def _cell(value: Any) -> Any:
    """What a spreadsheet would run is text to it."""
    if value is None:
        return ""
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value
