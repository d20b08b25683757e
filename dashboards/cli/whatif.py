"""`twin whatif`: from a recorded moment, what would come of it, and what of a change."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dashboards.cli._output import note, print_json

if TYPE_CHECKING:
    pass

_SHOWN = ("good", "throughput", "oee", "availability", "cycle_time", "wip", "energy_per_part", "transports")


def whatif(
    url: Annotated[str, typer.Option("--url", help="sqlite:///PATH or postgresql://…", envvar="TWIN__STORE__URL")],
    *,
    factory: Annotated[
        Path, typer.Option("--factory", help="The factory file: lines, buffers, shifts.", metavar="FACTORY.toml")
    ],
    at: Annotated[str, typer.Option("--at", help="The moment: ISO 8601 with offset, or ms; else the newest.")] = "",
    changes: Annotated[
        list[str] | None,
        typer.Option("--set", help="A change, KEY=VALUE: R-101.down=30min, ST-3.cycle=-10%, B-2.capacity=+5 …"),
    ] = None,
    replications: Annotated[int, typer.Option("--replications", min=2, max=10_000, help="How often to run.")] = 50,
    site: Annotated[str, typer.Option("--site", help="The site; the only one unless given.")] = "",
    hours: Annotated[float, typer.Option("--hours", min=0.25, max=168, help="How far to look ahead.")] = 8.0,
    history: Annotated[
        float, typer.Option("--history-hours", min=0.5, max=24 * 90, help="From how long before the laws are fitted.")
    ] = 24.0,
    seed: Annotated[int, typer.Option("--seed", min=0, help="The same seed gives the same answer.")] = 1,
    workers: Annotated[int, typer.Option("--workers", min=0, max=256, help="Processes; 0 is one a core.")] = 0,
    backtest: Annotated[
        int, typer.Option("--backtest", min=0, max=500, help="Forecast so many recorded times, and tell the error.")
    ] = 0,
    keys: Annotated[bool, typer.Option("--keys", help="Print what can be changed.")] = False,
    steps: Annotated[bool, typer.Option("--steps", hidden=True)] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """What if: laws fitted to what was recorded, run many times from a moment, baseline beside variant."""
    from connectors.factory_file import read_factory
    from connectors.stores.sql import open_history
    from connectors.whatif import answer
    from connectors.whatif.build import Builder
    from dashboards.cli._progress import bar, keeping_ctrl_c, lines, yield_to_others
    from dashboards.errors import AskedWrongly
    from dashboards.moment import ns_of_text
    from twin.whatif.change import Change, keys_of

    hub = read_factory(factory).hub
    found = hub.site(site) if site or len(hub.sites) != 1 else hub.sites[0]
    if found is None:
        note(f"--site is one of {', '.join(one.id for one in hub.sites)}")
        raise typer.Exit(2)
    asked = [Change.parse(one) for one in changes or []]
    if steps:
        yield_to_others()
    opened = open_history(url)
    try:
        builder = Builder(opened, hub, found)
        try:
            at_ns = ns_of_text(at, "--at") if at else builder.newest_ns
        except AskedWrongly as error:
            note(f"{error.where}: {error.what}; write {error.do}")
            raise typer.Exit(2) from error
        with keeping_ctrl_c() as look, lines() if steps else bar("what if") as show:

            def progress(done: float) -> None:
                look()
                show(done)

            if backtest:
                told = answer.backtest(
                    builder, hours * 3600, history * 3600, backtest, replications,
                    seed=seed, workers=workers, progress=progress,
                )  # fmt: skip
            else:
                built = builder.build(at_ns, hours * 3600, history * 3600)
                if keys:
                    typer.echo("\n".join(keys_of(built.model)))
                    return
                told = answer.whatif(built, asked, replications, seed=seed, workers=workers, progress=progress)
    except KeyboardInterrupt:
        note("cancelled")
        raise typer.Exit(1) from None
    finally:
        opened.close()
    if json:
        print_json(told)
    elif backtest:
        _errors(told)
    else:
        _table(told)


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
