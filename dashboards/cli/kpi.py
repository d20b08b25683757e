"""`twin kpi`: availability, OEE and its losses, reliability, of what is stored."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dashboards.cli._factory import factory_beside
from dashboards.cli._output import note, print_json

if TYPE_CHECKING:
    from connectors.desk.stops import Told
    from twin.config import Factory

DAY_S = 24 * 3600
SHOWN = (
    "oee", "availability", "effectiveness", "quality_ratio", "throughput", "cycle_to_takt", "mtbf", "mttr",
    "energy_per_part",
)  # fmt: skip


def kpi(
    url: Annotated[str, typer.Option("--url", help="sqlite:///PATH or postgresql://…", envvar="TWIN__STORE__URL")],
    *,
    start: Annotated[str, typer.Option("--from", help="Begin: ISO 8601 with offset, or ms since 1970.")] = "",
    end: Annotated[str, typer.Option("--to", help="End (not included); the newest frame unless given.")] = "",
    site: Annotated[str, typer.Option("--site", help="This site only.")] = "",
    line: Annotated[str, typer.Option("--line", help="This line and its assets only.")] = "",
    asset: Annotated[str, typer.Option("--asset", help="This asset only.")] = "",
    by: Annotated[
        str,
        typer.Option("--by", help="Which rows: all, site, line, asset; or shift, for each shift of a site or line."),
    ] = "all",
    convention: Annotated[
        str, typer.Option("--convention", help="MTBF, MTTF, MTTR by failures + 1 (FE+1, ISO 22400-2) or failures (FE).")
    ] = "FE+1",
    factory: Annotated[
        Path | None,
        typer.Option(
            "--factory",
            help="The factory file: shifts, lines, planned run times. Else the one beside the store.",
            metavar="FACTORY.toml",
        ),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """KPIs by ISO 22400-2 over a time (the last 24 h), with inputs and data coverage; null where undefined."""
    from connectors.figures import Figures
    from connectors.figures.answer import BY, CONVENTIONS, answer
    from connectors.stores.sql import open_history
    from connectors.wall_clock import WallClock
    from dashboards.errors import AskedWrongly
    from dashboards.moment import ns_of_text
    from twin.clock import NS_PER_S

    if by not in BY or convention not in CONVENTIONS:
        note(f"--by is one of {', '.join(BY)}; --convention is one of {', '.join(CONVENTIONS)}")
        raise typer.Exit(2)
    known = known_factory(factory, url)
    history = open_history(url)
    try:
        newest_ns = max((one.last_ns for one in history.by_stream().values()), default=0)
        try:
            end_ns = ns_of_text(end, "--to") if end else newest_ns + 1
            start_ns = ns_of_text(start, "--from") if start else max(0, end_ns - DAY_S * NS_PER_S)
        except AskedWrongly as error:
            note(f"{error.where}: {error.what}; write {error.do}")
            raise typer.Exit(2) from error
        if end_ns < start_ns:
            note("--to lies before --from")
            raise typer.Exit(2)
        figures = Figures(hub_of(known))
        asked = figures.look(history, max(newest_ns + 1, WallClock().now_ns()), reasons_of(url, known))
        told = answer(figures, asked, start_ns, end_ns, site=site, line=line, asset=asset, by=by, convention=convention)
    finally:
        history.close()
    if not told["rows"] and (site or line or asset):
        note("nothing that is stored counts parts or tells a state there")
        raise typer.Exit(1)
    if json:
        print_json(told)
        return
    _table(told)


def known_factory(path: Path | None, url: str) -> Factory | None:
    """The factory file that is given, or the one in the store's folder or above it."""
    from connectors.factory_file import read_factory

    if path is None:
        path = factory_beside(url)
        if path is not None:
            note(f"shifts and planned run times are those of {path.name} beside the store")
    if path is None:
        note("no --factory: without shifts all time counts as planned, without planned run times there is no OEE")
        return None
    return read_factory(path)


def hub_of(factory: Factory | None) -> Any:
    """The hub of a factory file; an empty one without."""
    from twin.site import Hub, Name

    return Hub("", Name("", ""), ()) if factory is None else factory.hub


def reasons_of(url: str, factory: Factory | None) -> list[Any]:
    """What people told of stops, where a desk was ever opened."""
    from connectors.desk import Desk, desk_url, stops
    from connectors.wall_clock import WallClock
    from twin.ids import site_of
    from twin.kpi import catalogue

    if not url:
        return []
    place = desk_url(url)
    if place.startswith("sqlite:///") and not Path(place.removeprefix("sqlite:///")).is_file():
        return []
    desk = Desk(url, WallClock())
    try:
        told: list[Told] = stops.told(desk, 0, 1 << 62)
    finally:
        desk.close()
    causes = {site.id: catalogue(site.stop_reasons) for site in (factory.hub.sites if factory else ())}
    return [stops.reason(one, causes.get(site_of(one.asset), catalogue())) for one in told]


def _table(told: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    table.add_column("of", no_wrap=True)
    for name in (*SHOWN, "coverage"):
        table.add_column(name, justify="right")
    for row in told["rows"]:
        of = row["asset"] or row["line"] or row["site"]
        when = f" {row['day']} {row['shift']}" if row["shift"] else ""
        cells = [_cell(row["kpis"][name]) for name in SHOWN]
        table.add_row(of + when, *cells, "–" if row["coverage"] is None else f"{row['coverage']:.1%}")
    Console(width=200).print(table)


def _cell(one: dict[str, Any]) -> str:
    value = one["value"]
    if value is None:
        return "–"
    return f"{value:.1%}" if one["unit"] == "1" else f"{value:,.1f} {one['unit']}"
