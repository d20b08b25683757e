"""Alarms as a CSV file, for a spreadsheet: who may export, and the audit trail tells of it."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any

from starlette.responses import Response

from dashboards.access.auth import needs
from dashboards.summary.directory import EVERY_SITE
from twin.clock import NS_PER_MS, iso_from_ns
from twin.policy import Right

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dashboards.page import Behind
    from dashboards.summary.alarm_words import Row

ACTIVE_COLUMNS = (
    "raised_ms", "priority", "letter", "asset", "name", "value", "limit", "unit", "count", "consequence", "action",
    "who", "why", "id",
)  # fmt: skip
JOURNAL_COLUMNS = ("t_ms", "kind", "priority", "asset", "name", "value", "count", "who", "why", "hidden", "alarm")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def download(  # noqa: PLR0913  a file, and what the trail is told
    behind: Behind, name: str, site: str, columns: tuple[str, ...], rows: Iterable[Row], lang: str
) -> Response:
    """Rows as CSV in UTF-8, with the mark that spreadsheets look for; raises Forbidden without the right."""
    one = needs(Right.EXPORT, "" if site == EVERY_SITE else site)
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(column.removesuffix("_ms") for column in columns)
    count = 0
    for row in rows:
        writer.writerow(_cell(row.get(f"{column}_said", row[column]), column, lang) for column in columns)
        count += 1
    behind.desk.note(one.name, "export", f"{name}.csv", {"site": site, "rows": count})
    headers = {"content-disposition": f'attachment; filename="{name}.csv"'}
    return Response(text.getvalue().encode("utf-8-sig"), media_type="text/csv; charset=utf-8", headers=headers)


def _cell(value: Any, column: str, lang: str) -> Any:
    if value is None:
        return ""
    if column.endswith("_ms"):
        return iso_from_ns(round(value * NS_PER_MS))
    if isinstance(value, dict):
        value = value[lang]
    # What a spreadsheet would run is text to it.
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value
