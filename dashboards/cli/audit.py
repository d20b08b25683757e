"""`twin audit`: the trail of what people did, whether it is whole, and taking it elsewhere."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from dashboards.cli._output import note, print_json
from dashboards.cli.desk import HERE, Config, Url, desk_of, who

app = typer.Typer(help="The audit trail: is it whole, and where does it end.", no_args_is_help=True)
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command()
def verify(
    *,
    head: Annotated[
        str,
        typer.Option("--head", help="What `twin audit head` printed before: it must be there.", metavar="HASH"),
    ] = "",
    config: Config = HERE,
    url: Url = "",
    json: Json = False,
) -> None:
    """Read the whole trail again; exit 1 where a row was edited, deleted, or the end was cut off."""
    from connectors.desk import proof

    with desk_of(config, url) as desk:
        found = proof.verify(desk, head.strip().lower())
        outside = desk.heads
    if json:
        print_json(
            {
                "ok": found.ok, "rows": found.rows, "head": found.head.sha256 if found.head else None,
                "witnesses": found.witnesses, "broken": [asdict(one) for one in found.broken],
            }
        )  # fmt: skip
    else:
        typer.echo(
            f"{found.rows} rows read again, {found.witnesses} heads compared: " + ("whole" if found.ok else "BROKEN")
        )
        for one in found.broken:
            typer.echo(f"  row {one.n}: {one.what}: {one.detail}")
    if outside is None:
        note("heads outside the database are not compared: with --config they are looked for beside the factory file")
    if not found.ok:
        raise typer.Exit(1)


@app.command()
def head(*, config: Config = HERE, url: Url = "", json: Json = False) -> None:
    """Print the newest row's hash: kept elsewhere, it proves later that nothing before it was changed."""
    from connectors.desk import proof

    with desk_of(config, url) as desk:
        found = proof.last_head(desk)
    if found is None:
        note("the trail has no row yet")
        raise typer.Exit(1)
    if json:
        print_json(asdict(found))
    else:
        typer.echo(found.sha256)


@app.command()
def export(
    *,
    out: Annotated[Path | None, typer.Option("--out", help="The file to make; stdout where none is named.")] = None,
    config: Config = HERE,
    url: Url = "",
) -> None:
    """Print the trail as JSON lines, oldest first; the trail tells of it."""
    from connectors.desk import proof

    if out is not None and out.exists():
        note(f"{out} is there already; it is left as it is")
        raise typer.Exit(2)
    with desk_of(config, url) as desk:
        desk.note(who(), "export", "audit", {"to": str(out.name) if out else "stdout"})
        lines = (msgspec.json.encode(row).decode() + "\n" for row in proof.told(desk))
        if out is None:
            sys.stdout.writelines(lines)
            return
        try:
            with out.open("x", encoding="utf-8") as file:
                file.writelines(lines)
        except OSError as error:
            note(f"{out}: {error.strerror}")
            raise typer.Exit(3) from error
    typer.echo(f"{out}")
