"""`twin compare A B`: what differs between two recordings, a recording and the present, or a scenario."""

from __future__ import annotations

from contextlib import ExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dashboards.cli._output import note, print_json

if TYPE_CHECKING:
    from connectors.compare import Choice, Known
    from twin.compare import Comparison
    from twin.ports import History

SHOWN_SIGNALS, SHOWN_EVENTS = 24, 20
SIDE = "A recording's name, simulated:SCENARIO, live, or FROM..TO (ISO 8601 with offset)."
KPIS = ("oee", "availability", "effectiveness", "quality_ratio", "throughput", "cycle_time", "energy_per_part")


def compare(
    a: Annotated[str, typer.Argument(metavar="A", help=SIDE)],
    b: Annotated[str, typer.Argument(metavar="B", help="The other one, in the same way.")],
    *,
    url: Annotated[
        str,
        typer.Option(
            "--url", help="sqlite:///PATH or postgresql://…; two scenarios need none.", envvar="TWIN__STORE__URL"
        ),
    ] = "",
    align: Annotated[
        str,
        typer.Option(
            "--align",
            help="clock (time of day), offset (both begin at once; offset:0.4 moves B later by 0.4 s), "
            "event:NAME or event:NAME@ASSET (an event, a state, an alarm's rule, or cycle).",
        ),
    ] = "offset",
    site: Annotated[str, typer.Option("--site", help="The site of an interval, or of the present.")] = "",
    asset: Annotated[str, typer.Option("--asset", help="This asset or place only.")] = "",
    tolerance: Annotated[
        float, typer.Option("--tolerance", help="Events no further apart are the same one, in s.", min=0.0)
    ] = 1.0,
    factory: Annotated[
        Path | None,
        typer.Option("--factory", help="The factory file. Else the one beside the store.", metavar="FACTORY.toml"),
    ] = None,
    folder: Annotated[
        Path, typer.Option("--folder", help="Where `twin scenario run` left recordings of scenarios.")
    ] = Path("simulated"),
    everything: Annotated[bool, typer.Option("--all", help="Print every row, not only the first ones.")] = False,
    csv: Annotated[
        Path | None,
        typer.Option("--csv", help="Write every row to this file, for a spreadsheet.", metavar="FILE", dir_okay=False),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Compare A with B: signals (RMS, greatest, lag), events that only one has, and KPIs."""
    from connectors.compare import Reading, chosen
    from connectors.compare import compare as answer
    from connectors.compare.choice import SIMULATED
    from connectors.stores.sql import open_history
    from dashboards.cli._progress import bar
    from dashboards.cli.kpi import hub_of, known_factory, reasons_of
    from dashboards.compare_file import csv_of
    from twin.compare import Align, told

    way = Align.parse(align)
    with ExitStack() as stack:
        opened: dict[str, History] = {}

        def history(where: str) -> History:
            if where not in opened:
                if not where:
                    note("--url: where is the store? sqlite:///PATH or postgresql://…")
                    raise typer.Exit(2)
                opened[where] = stack.enter_context(closing(open_history(where)))
            return opened[where]

        played = a.startswith(SIMULATED) and b.startswith(SIMULATED)
        store = None if played and not url else history(url)
        sides = chosen(a, b, _known(url, folder, store), site=site, now_ns=_now_ns(store))
        one, other = (history(side.url) for side in sides)
        known = known_factory(factory, url)
        below = sides[0].site != sides[1].site
        ours, theirs = (
            Reading(each, side, asset=asset, below_site=below) for each, side in zip((one, other), sides, strict=True)
        )
        reasons = reasons_of(url, known)
        with bar("compare") as progress:
            made = answer(ours, theirs, way, hub_of(known), tolerance_s=tolerance, reasons=reasons, progress=progress)
    if csv is not None:
        _write(csv, csv_of(told(made)))
    if json:
        print_json(told(made))
        return
    _print(made, sides, told(made), everything=everything)


def _write(file: Path, text: str) -> None:
    try:
        file.write_text(text, encoding="utf-8", newline="")
    except OSError as error:
        note(f"{file} cannot be written: {error.strerror}")
        raise typer.Exit(3) from error
    note(f"{file}: {text.count(chr(10)) - 1} rows")


def _known(url: str, folder: Path, history: History | None) -> Known:
    """What can be chosen from; without a store only what scenarios left."""
    from connectors.compare import Known, simulated_in
    from connectors.desk.recordings import recordings
    from dashboards.cli.desk import HERE, desk_of
    from twin.ids import site_of

    if history is None:
        return Known("", (), simulated_in(folder))
    with desk_of(HERE, url) as desk:
        kept = recordings(desk)
    sites = {site_of(stream.asset) for stream in history.streams().values()} - {"twin"}
    return Known(url, kept, simulated_in(folder), sites)


def _now_ns(history: History | None) -> int:
    """The present is where the newest frame is, and never ahead of this machine's clock."""
    from connectors.wall_clock import WallClock

    if history is None:
        return 0
    newest_ns = max((one.last_ns for one in history.by_stream().values()), default=0)
    return min(newest_ns + 1, WallClock().now_ns())


def _print(made: Comparison, sides: tuple[Choice, Choice], told: dict[str, Any], *, everything: bool) -> None:
    from rich.console import Console

    from twin.clock import iso_from_ns

    console = Console(width=170, highlight=False, markup=False)
    for letter, side in zip("AB", sides, strict=True):
        times = f"{iso_from_ns(side.extent.start_ns)} to {iso_from_ns(side.extent.end_ns)}"
        console.print(f"{letter}  {side.said}: {side.site}, {times}, {side.origin}")
    by = made.alignment.by
    zero = f", 0 is {by[0].kind} {by[0].text} of {by[0].asset}".replace("  ", " ") if by else ""
    console.print(f"{made.alignment.span_s:,.1f} s in common{zero}\n")
    _signals(console, told["signals"], everything=everything)
    for letter in "ab":
        _events(console, letter, told[f"events_only_{letter}"], everything=everything)
    _kpis(console, told["kpis"], everything=everything)


def _signals(console: Any, rows: list[dict[str, Any]], *, everything: bool) -> None:
    from rich.table import Table

    differing = [row for row in rows if row["relative"]]
    alone = {side: [row for row in rows if row["only"] == side] for side in "ab"}
    shown = [row for row in rows if not row["only"]] if everything else differing[:SHOWN_SIGNALS]
    table = Table(box=None, pad_edge=False)
    table.add_column("signal", no_wrap=True)
    for name in ("unit", "n", "RMS", "max", "at s", "lag ms", "confidence", "unequal"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in shown:
        table.add_row(
            row["signal"], row["unit"], f"{row['n']:,}", _number(row["rms"]), _number(row["max"]),
            _number(row["at_s"], 2), _number(row["lag_ms"], 0), _number(row["confidence"], 3),
            "–" if row["unequal"] is None else f"{row['unequal']:.1%}",
        )  # fmt: skip
    console.print(f"{len(differing)} of {sum(not row['only'] for row in rows)} signals differ")
    if shown:
        console.print(table)
    if len(shown) < len(differing):
        console.print(f"… and {len(differing) - len(shown)} more; --all prints them")
    for side in "ab":
        if alone[side]:
            names = [row["signal"] for row in alone[side]]
            console.print(f"only in {side.upper()}: {', '.join(names if everything else names[:8])}", end="")
            console.print("" if everything or len(names) <= 8 else f" … {len(names)} in all")  # noqa: PLR2004
    console.print()


def _events(console: Any, letter: str, rows: list[dict[str, Any]], *, everything: bool) -> None:
    console.print(f"{len(rows)} events only in {letter.upper()}")
    shown = rows if everything else rows[:SHOWN_EVENTS]
    for row in shown:
        console.print(f"  {row['t_s']:10.2f} s  {row['kind']:<16} {row['asset']}  {row['text']}".rstrip())
    if len(shown) < len(rows):
        console.print(f"  … and {len(rows) - len(shown)} more; --all prints them")


def _kpis(console: Any, rows: list[dict[str, Any]], *, everything: bool) -> None:
    from rich.table import Table

    shown = [row for row in rows if everything or (row["level"] != "asset" and row["name"] in KPIS)]
    if not shown:
        return
    table = Table(box=None, pad_edge=False)
    table.add_column("of", no_wrap=True)
    table.add_column("KPI", no_wrap=True)
    for name in ("A", "B", "A − B"):
        table.add_column(name, justify="right")
    for row in shown:
        cells = [_figure(row[name], row["unit"]) for name in ("a", "b", "difference")]
        table.add_row(row["of"] or row["level"], row["name"], *cells)
    console.print()
    console.print(table)


def _number(value: float | None, places: int | None = None) -> str:
    if value is None:
        return "–"
    return f"{value:.4g}" if places is None else f"{value:,.{places}f}"


def _figure(value: float | None, unit: str) -> str:
    if value is None:
        return "–"
    return f"{value:.1%}" if unit == "1" else f"{value:,.2f} {unit}"
