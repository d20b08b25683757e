"""`twin alarms`: what is active, and what happened to alarms."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dashboards.cli._factory import factory_beside
from dashboards.cli._output import print_json
from dashboards.cli.store import Json

if TYPE_CHECKING:
    from dashboards.summary.alarm_words import Row
    from dashboards.view import View

DAY_S = 24 * 3600.0
SHAPES = {1: "■ 1", 2: "▲ 2", 3: "▼ 3", 4: "● 4", None: "? "}
"""A priority as a shape and a number: the terminal may have no colours."""
STATES = {
    "B": "unacknowledged", "C": "acknowledged", "D": "over, unacknowledged", "E": "latched, unacknowledged",
    "F": "latched", "G": "shelved", "H": "suppressed", "I": "out of service",
}  # fmt: skip


def alarms(
    *,
    url: Annotated[
        str, typer.Option("--url", help="The store; the factory file's unless given.", envvar="TWIN__STORE__URL")
    ] = "",
    factory: Annotated[
        Path | None,
        typer.Option(
            "--factory",
            help="The factory file, for the alarms' names and texts. Else the one beside the store.",
            exists=True,
            dir_okay=False,
        ),
    ] = None,
    active: Annotated[bool, typer.Option("--active", help="Only what is not normal.")] = False,
    journal: Annotated[bool, typer.Option("--journal", help="Only what happened.")] = False,
    begin: Annotated[str, typer.Option("--from", help="Begin of the journal; a day before the end.")] = "",
    end: Annotated[str, typer.Option("--to", help="End of the journal, and the moment that is told of; now.")] = "",
    asset: Annotated[str, typer.Option("--asset", help="Only this asset, or what is below this path.")] = "",
    limit: Annotated[int, typer.Option("--limit", help="So many rows of the journal.", min=1)] = 100,
    lang: Annotated[str, typer.Option("--lang", help="ko or en.")] = "en",
    json: Json = False,
) -> None:
    """What is active and what happened to alarms; times as ISO 8601 with an offset, or ms since 1970.

    JSON: `{"active": [...], "journal": [...]}`, each as in /api/v1/alarms and /api/v1/alarms/journal.
    """
    from connectors.factory_file import read_factory
    from connectors.plugins import rules_of
    from connectors.stores.sql import open_history
    from dashboards.summary import alarms as summary
    from dashboards.summary.alarm_words import AlarmWords
    from twin.alarms.rule import RulesByAsset

    path = factory or factory_beside(url)
    given = read_factory(path) if path is not None else None
    place = url or (given.store.url if given is not None else "")
    if not place or lang not in ("ko", "en"):
        what = "a store: --url, or --factory with one" if not place else "--lang ko or --lang en"
        raise typer.BadParameter(f"name {what}")
    words = AlarmWords(rules_of(given) if given is not None else RulesByAsset({}, ""))
    history = open_history(place)
    try:
        seen, start_ns = _seen(history, begin, end)
        answer: dict[str, list[Row]] = {}
        if active or not journal:
            answer["active"] = [row for row in summary.active(seen, words) if _is_of(row["asset"], asset)]
        if journal or not active:
            found = seen.alarm_events(start_ns, seen.clock_ns + 1, asset=asset, limit=limit)
            answer["journal"] = [words.entry(event) for event in found]
    finally:
        history.close()
    if json:
        print_json(answer)
        return
    for name, rows in answer.items():
        typer.echo(f"{name}: {len(rows) or 'none'}")
        for row in rows:
            typer.echo(_line(row, lang) if name == "active" else _entry(row, lang))


def _seen(history: Any, begin: str, end: str) -> tuple[View, int]:
    """The view at the end, and where the journal begins."""
    from connectors.wall_clock import WallClock
    from dashboards.errors import AskedWrongly
    from dashboards.moment import ns_of_text
    from dashboards.view import LiveView, PastView
    from twin.clock import NS_PER_S

    try:
        now_ns = WallClock().now_ns()
        end_ns = ns_of_text(end, "--to") - 1 if end else now_ns
        start_ns = ns_of_text(begin, "--from") if begin else end_ns - round(DAY_S) * NS_PER_S
    except AskedWrongly as error:
        raise typer.BadParameter(f"{error.what}: {error.do}") from error
    if start_ns > end_ns:
        raise typer.BadParameter("--from lies behind --to")
    return (PastView(history, end_ns) if end else LiveView(history, now_ns, history.streams(), {})), start_ns


def _is_of(asset: str, path: str) -> bool:
    return not path or asset == path or asset.startswith(path + "/")


def _time(t_ms: float | None) -> str:
    return "–" if t_ms is None else datetime.fromtimestamp(t_ms / 1000, UTC).isoformat(sep=" ", timespec="seconds")[:19]


def _line(row: Row, lang: str) -> str:
    value = "" if row["value"] is None else f"  {_shown(row['value'])}"
    limit = "" if row["limit"] is None else f" (limit {_shown(row['limit'])})"
    action = f"\n     {row['action'][lang]}" if row["action"][lang] else ""
    return (
        f"{SHAPES[row['priority']]}  {_time(row['raised_ms'])}  {row['asset']}  {row['name'][lang]}"
        f"{value}{limit}  {STATES[row['letter']]}{action}"
    )


def _entry(row: Row, lang: str) -> str:
    who = f"  {row['who']}" if row["who"] else ""
    why = f": {row['why']}" if row["why"] else ""
    return (
        f"{SHAPES[row['priority']]}  {_time(row['t_ms'])}  {row['kind']}  {row['asset']}  {row['name'][lang]}{who}{why}"
    )


def _shown(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:g}"
