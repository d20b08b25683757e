"""`twin devices`: those that nobody declared, and accepting them into the factory file."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dashboards.cli._output import note, print_json
from dashboards.cli.desk import desk_of, who

if TYPE_CHECKING:
    from twin.config import Factory
    from twin.onboarding import Proposal

app = typer.Typer(help="Devices that nobody declared: list them, and accept them into the factory file.")
Config = Annotated[Path, typer.Option("--config", help="The factory file.", metavar="FACTORY.toml")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
HERE = Path("factory.toml")
TOLD = 12
"""So many signals are named in a line."""


@app.callback(invoke_without_command=True)
def devices(context: typer.Context, *, config: Config = HERE, json: Json = False) -> None:
    """List devices that send or announced themselves and are not in the factory file."""
    if context.invoked_subcommand is not None:
        context.obj = config
        return
    found = _pending(_read(config))
    if json:
        print_json([asdict(one) for one in found])
        return
    for one in found:
        signals = ", ".join(
            f"{told.name} [{told.unit}]" if told.unit != "1" else told.name for told in one.signals[:12]
        )
        kind = f"{one.type} (by its {one.why})" if one.type else "no guess"
        typer.echo(f"{one.asset}: {kind}; {signals}{' …' if len(one.signals) > 12 else ''} [{one.source}: {one.topic}]")  # noqa: PLR2004
        if one.problem:
            typer.echo("  cannot be accepted: its id begins with no site of the hub")
    if not found:
        typer.echo("no device waits")


@app.command()
def accept(
    context: typer.Context,
    asset: Annotated[str, typer.Argument(metavar="ASSET", help="The device's id; none with --all.")] = "",
    *,
    everything: Annotated[bool, typer.Option("--all", help="All that have a type, proposed or given.")] = False,
    kind: Annotated[str, typer.Option("--type", help="Its asset type; the proposed one unless given.")] = "",
    name_ko: Annotated[str, typer.Option("--name-ko", help="Its name in Korean.")] = "",
    name_en: Annotated[str, typer.Option("--name-en", help="Its name in English.")] = "",
    at: Annotated[
        str, typer.Option("--at", help="Where it stands: x and y in m, and its yaw in rad.", metavar="X,Y[,YAW]")
    ] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the change, and write nothing.")] = False,
    config: Annotated[Path | None, typer.Option("--config", help="The factory file.", metavar="FACTORY.toml")] = None,
    json: Json = False,
) -> None:
    """Write devices into the factory file, and print what changes; the old file is kept as .bak."""
    from connectors.factory_edit import Acceptance, edit

    if bool(asset) == everything:
        note("give one ASSET, or --all")
        raise typer.Exit(2)
    if everything and (name_ko or name_en or at):
        note("--all takes names and places as they are proposed")
        raise typer.Exit(2)
    path = config or context.obj or HERE
    factory = _read(path)
    by_id = {one.asset: one for one in _pending(factory)}
    declared = asset in factory.hub.assets()
    if asset and asset not in by_id and not declared:
        note(f"no device {asset!r} waits; `twin devices` lists those that do")
        raise typer.Exit(2)
    chosen = [asset] if asset else [name for name, one in by_id.items() if not one.problem and (kind or one.type)]
    left = [] if asset else [name for name in by_id if name not in chosen]
    place = _place(at)
    accepted = []
    for name in chosen:
        proposed = by_id.get(name)
        x_m, y_m, yaw_rad = place or ((proposed.x_m, proposed.y_m, None) if proposed else (None, None, None))
        told = proposed.name if proposed else ""
        accepted.append(
            Acceptance(
                name, kind or (proposed.type if proposed else ""), name_ko or ("" if name_en else told),
                name_en or ("" if name_ko else told), x_m, y_m, yaw_rad, proposed.attributes if proposed else None,
            )
        )  # fmt: skip
    change = edit(path, accepted)
    backup = None
    if change.diff and not dry_run:
        detail = {"file": path.name, "change": change.diff}
        with desk_of(path, "") as desk, desk.writing(who(), "config.accept", ", ".join(chosen), detail):
            backup = change.write()
    if json:
        print_json({"accepted": chosen, "left": left, "diff": change.diff, "written": backup is not None})
    else:
        typer.echo(change.diff, nl=False)
    for name in left:
        note(f"{name}: left, for it has no type or no site")
    if backup is not None:
        note(f"{path} is written, the old one is {backup}")
        note("a running `twin run` takes it up by itself; other processes take it up at their next start")
    if not chosen:
        note("nothing to accept")
        raise typer.Exit(1)


def _read(path: Path) -> Factory:
    from connectors.factory_file import read_factory

    return read_factory(path)


def _pending(factory: Factory) -> list[Proposal]:
    from connectors.plugins import asset_types
    from connectors.stores.sql import open_history
    from twin.onboarding import propose

    history = open_history(factory.store.url)
    try:
        return propose(history.newcomers(), history.streams().values(), factory.hub, asset_types())
    finally:
        history.close()


def _place(at: str) -> tuple[float, float, float | None] | None:
    if not at:
        return None
    try:
        numbers = [float(part) for part in at.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) not in (2, 3):
        note(f"--at {at}: write X,Y or X,Y,YAW in m and rad")
        raise typer.Exit(2)
    return numbers[0], numbers[1], numbers[2] if len(numbers) == 3 else None  # noqa: PLR2004
