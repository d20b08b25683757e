"""`twin new` and `twin check`: making and checking factory files."""

from __future__ import annotations

import shutil
from importlib.resources import as_file, files
from pathlib import Path
from typing import Annotated

import typer

from dashboards.cli._output import note


def new(folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder to make the factory file in.")]) -> None:
    """Make a commented factory.toml to start from."""
    target = folder / "factory.toml"
    if target.exists():
        note(f"{target} is there already; it is left as it is")
        raise typer.Exit(2)
    folder.mkdir(parents=True, exist_ok=True)
    with as_file(files("dashboards") / "demo" / "new.toml") as template:
        shutil.copyfile(template, target)
    typer.echo(f"{target}\nnext: twin check {target} && twin run {target}")


def check(file: Annotated[Path, typer.Argument(metavar="FACTORY.toml")]) -> None:
    """Check a factory file; every mistake is reported at once (exit 2)."""
    from connectors.factory_file import read_factory

    factory = read_factory(file)
    assets = sum(len(site.assets) for site in factory.hub.sites)
    typer.echo(f"{file}: {len(factory.hub.sites)} sites, {assets} assets, {len(factory.sources)} sources, no mistakes")
    wanted = (
        (factory.models.score, "models", "anomaly models"),
        (factory.expect.score, "expect", "expectations of arms"),
    )
    for score, table, what in wanted:
        typer.echo(f"  {what}: " + ("scored as it comes in" if score else f"not scored ([{table}] score = false)"))
