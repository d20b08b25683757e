"""`twin whatif`: from a recorded moment, what would come of it, and what of a change."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dashboards.cli._factory import factory_beside
from dashboards.cli._output import note, print_json
from dashboards.cli.times import moment
from twin.ids import leaf_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from twin.config import Factory
    from twin.site import Hub, Site

_SHOWN = ("good", "throughput", "oee", "availability", "cycle_time", "wip", "energy_per_part", "transports")


def whatif(
    *,
    url: Annotated[
        str, typer.Option("--url", help="The store; the factory file's unless given.", envvar="TWIN__STORE__URL")
    ] = "",
    factory: Annotated[
        Path | None,
        typer.Option(
            "--factory",
            help="The factory file: lines, buffers, shifts. Else the one beside the store, or in this folder.",
            metavar="FACTORY.toml",
        ),
    ] = None,
    at: Annotated[str, typer.Option("--at", help="The moment: ISO 8601 with offset, or ms; else the newest.")] = "",
    changes: Annotated[
        list[str] | None,
        typer.Option("--set", help="A change, KEY=VALUE: R-101.down=30min, ST-3.cycle=-10%, B-2.capacity=+5 …"),
    ] = None,
    replications: Annotated[int, typer.Option("--replications", min=2, max=10_000, help="How often to run.")] = 50,
    site: Annotated[
        str, typer.Option("--site", help="The site; else the only one, or that of the assets to change.")
    ] = "",
    hours: Annotated[float, typer.Option("--hours", min=0.25, max=168, help="How far to look ahead.")] = 8.0,
    history: Annotated[
        float, typer.Option("--history-hours", min=0.5, max=24 * 90, help="From how long before the laws are fitted.")
    ] = 24.0,
    seed: Annotated[int, typer.Option("--seed", min=0, help="The same seed gives the same answer.")] = 1,
    workers: Annotated[int, typer.Option("--workers", min=0, max=256, help="Processes; 0 is one a core.")] = 0,
    sensitivity: Annotated[
        str,
        typer.Option(
            "--sensitivity",
            help="Step each by itself: R-101.cycle,B-40.capacity, a word (cycle, mttr, capacity …) for all, or all.",
            metavar="KEY,…",
        ),
    ] = "",
    step: Annotated[
        float, typer.Option("--step", min=0.1, max=99.0, help="With --sensitivity: by so much, in percent.")
    ] = 10.0,
    budget: Annotated[
        int, typer.Option("--budget", min=24, max=1_000_000, help="With --sensitivity: so many runs at most, of all.")
    ] = 3000,
    figure: Annotated[str, typer.Option("--figure", help="With --sensitivity: the figure that is printed.")] = "good",
    backtest: Annotated[
        int, typer.Option("--backtest", min=0, max=500, help="Forecast so many recorded times, and tell the error.")
    ] = 0,
    keys: Annotated[bool, typer.Option("--keys", help="Print what can be changed.")] = False,
    steps: Annotated[bool, typer.Option("--steps", hidden=True)] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """What if: laws fitted to what was recorded, run many times from a moment, baseline beside variant."""
    from connectors.stores.sql import open_history
    from connectors.whatif import answer
    from connectors.whatif.build import Builder
    from dashboards.cli._progress import bar, keeping_ctrl_c, lines, yield_to_others
    from twin.whatif.change import Change, keys_of

    known = _factory(factory, url)
    asked = [Change.parse(one) for one in changes or []]
    levers = _levers(sensitivity, figure, alone=not (asked or backtest))
    found = _site_of(known.hub, site, [*(one.key for one in asked), *levers])
    if steps:
        yield_to_others()
    opened = open_history(url or known.store.url)
    try:
        builder = Builder(opened, *found)
        at_ns = moment(at, "--at") if at else builder.newest_ns
        with keeping_ctrl_c() as look, lines() if steps else bar("what if") as show:

            def progress(done: float) -> None:
                look()
                show(done)

            how: dict[str, Any] = {"seed": seed, "workers": workers, "progress": progress}
            if backtest:
                told = answer.backtest(builder, hours * 3600, history * 3600, backtest, replications, **how)
            else:
                built = builder.build(at_ns, hours * 3600, history * 3600)
                if keys:
                    typer.echo("\n".join(keys_of(built.model)))
                    return
                told = (
                    answer.sensitivity(built, levers, replications, step=step / 100, budget=budget, **how)
                    if levers
                    else answer.whatif(built, asked, replications, **how)
                )
    except KeyboardInterrupt:
        note("cancelled")
        raise typer.Exit(1) from None
    finally:
        opened.close()
    if json:
        print_json(told)
    elif levers:
        _swings(told, figure)
    else:
        (_errors if backtest else _table)(told)


def _factory(given: Path | None, url: str) -> Factory:
    """The factory file that is given, the one beside the store, or this folder's; exit code 2 where there is none."""
    from connectors.factory_file import read_factory
    from dashboards.cli.desk import HERE

    path = given or factory_beside(url) or HERE
    if given is None and not path.is_file():
        note("--factory: a what-if needs the factory file (lines, buffers, shifts); none is beside the store or here")
        raise typer.Exit(2)
    return read_factory(path)


def _site_of(hub: Hub, site: str, keys: Sequence[str]) -> tuple[Hub, Site]:
    """The site that is named, the only one, or the only one that has an asset of the keys; else exit code 2."""
    names = {key.rpartition(".")[0] for key in keys}
    having = [one for one in hub.sites if any(leaf_of(asset.id) in names for asset in one.assets)]
    found = hub.site(site) if site else next((some[0] for some in (hub.sites, having) if len(some) == 1), None)
    if found is None:
        note(f"--site is one of {', '.join(one.id for one in hub.sites)}")
        raise typer.Exit(2)
    return hub, found


def _levers(sensitivity: str, figure: str, *, alone: bool) -> list[str]:
    """The settings to step; the command ends with exit code 2 where they cannot be asked for so."""
    from twin.whatif.replicate import FIGURES

    levers = [one.strip() for one in sensitivity.split(",") if one.strip()]
    if levers and not alone:
        note("--sensitivity steps each setting by itself: leave --set and --backtest out")
        raise typer.Exit(2)
    if figure not in FIGURES:
        note(f"--figure is one of {', '.join(FIGURES)}")
        raise typer.Exit(2)
    return levers


def _errors(told: dict[str, Any]) -> None:
    typer.echo(f"{told['site']}: {told['hours']:g} h forecast from {len(told['from'])} recorded moments")
    if not told["error"]:
        typer.echo("too little is recorded: nothing could be forecast and compared")
    for scope, figures in told["error"].items():
        for name, one in figures.items():
            off = "–" if one["mape"] is None else f"{one['mape']:.1%}"
            typer.echo(
                f"  {scope:<28} {name:<16} bias {one['bias']:+9.3f}  mean error {off:>7}"
                f"  within 9 in 10 runs {one['within_range']:.0%} of {one['n']}"
            )


def _swings(told: dict[str, Any], figure: str) -> None:
    """A table a scope, the setting that matters most first."""
    from rich.console import Console
    from rich.table import Table

    steps = {one["key"]: one for one in told["levers"]}
    console = Console(width=160, highlight=False, markup=False)
    typer.echo(f"{told['site']} from {told['at']} for {told['hours']:g} h: {figure} by one setting at a time")
    for scope, figures in told["swings"].items():
        if figure not in figures:
            continue
        base = told["baseline"][scope][figure]
        table = Table(
            box=None, pad_edge=False, title=f"{scope}: {_number(base['mean'])} {base['unit']}", title_justify="left"
        )
        for name in ("setting", "down", "difference", "95 % interval", "up", "difference", "95 % interval"):
            table.add_column(name, justify="left" if name == "setting" else "right", no_wrap=True)
        for row in figures[figure]:
            if not row["distinct"]:
                continue
            cells = [_swing(row[side], steps[row["key"]][side]) for side in ("low", "high")]
            table.add_row(row["key"], *cells[0], *cells[1])
        console.print(table)
        quiet = sum(row["swing"] > 0 and not row["distinct"] for row in figures[figure])
        if quiet:
            console.print(f"  no more than chance: {quiet} more")
    typer.echo(
        f"{told['runs']} runs ({told['replications']} of each) in {told['seconds']:g} s,"
        f" {told['times_real_time']:,} times real time; laws from {told['history']['hours']:g} h before"
    )


def _swing(one: dict[str, Any] | None, step: str) -> tuple[str, str, str]:
    """The cells of one side: the step, the difference, its interval."""
    if one is None:
        return "–", "", ""
    low, high = one["ci"]
    return step, f"{one['mean']:+.4g}" + ("" if one["distinct"] else " (chance)"), f"{low:+.4g} … {high:+.4g}"


def _table(told: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    changes = ", ".join(told["changes"]) or "nothing changed"
    typer.echo(f"{told['site']} from {told['at']} for {told['hours']:g} h: {changes}")
    table = Table(box=None, pad_edge=False)
    for name in ("of", "figure", "baseline", "variant", "difference", "95 % interval", "actual"):
        table.add_column(name, justify="left" if name in ("of", "figure") else "right", no_wrap=True)
    for scope, figures in told["baseline"].items():
        for name in _SHOWN:
            if name not in figures:
                continue
            apart = told["paired_difference"][scope][name]
            low, high = apart["ci"]
            real = (told["actual"] or {}).get(scope, {}).get(name)
            table.add_row(
                scope, name, _number(figures[name]["mean"]), _number(told["variant"][scope][name]["mean"]),
                f"{apart['mean']:+.4g}", f"{low:+.4g} … {high:+.4g}" + ("" if apart["distinct"] else " (chance)"),
                "–" if real is None else _number(real),
            )  # fmt: skip
    Console(width=200).print(table)
    weak = [one for one in told["fits"] if one["why"]]
    typer.echo(
        f"{told['replications']} replications each in {told['seconds']:g} s: {told['replications_per_s']:g} a second,"
        f" {told['times_real_time']:,} times real time; laws from {told['history']['hours']:g} h before"
    )
    for one in weak[:12]:
        typer.echo(f"  {one['asset']} {one['what']}: {one['used']}, {one['why']} (n = {one['n']})")
    if told["actual"] is None:
        typer.echo("what really happened is not recorded to the end")


def _number(value: float) -> str:
    return f"{value:.4g}"
