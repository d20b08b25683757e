"""`twin datasets …`: the catalogue of what this hub made and took in, and whether a dataset is what it claims."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dashboards.cli._output import note, print_json
from dashboards.cli.desk import HERE, desk_of, who
from dashboards.cli.episodes import FactoryFile, Url, place_of
from dashboards.cli.store import Json

if TYPE_CHECKING:
    from connectors.desk.datasets import Entry

app = typer.Typer(help="Datasets: list, check, import and pack them.", no_args_is_help=True)
Folder = Annotated[
    Path, typer.Argument(metavar="DIR", help="A dataset's folder.", exists=True, file_okay=False, resolve_path=True)
]
Id = Annotated[str, typer.Argument(metavar="ID", help="As the list gives it: HUB/NAME; the name alone will do.")]
Version = Annotated[str, typer.Option("--dataset-version", help="Only this version.")]


@app.callback()
def _group() -> None:
    """Datasets: list, check, import and pack them."""


@app.command(name="list")
def list_(*, url: Url = "", factory: FactoryFile = None, json: Json = False) -> None:
    """Print the catalogue: every version of every dataset that was made here or imported."""
    from connectors.desk import datasets as catalogue

    place, _ = place_of(url, factory)
    with desk_of(factory or HERE, place) as desk:
        found = catalogue.entries(desk)
    if json:
        print_json({"datasets": [_row(one) for one in found]})
        return
    for one in found:
        claims = one.claims
        split = ", ".join(f"{name} {s / 3600:.2f} h" for name, s in claims.split_s.items() if s) or "–"
        typer.echo(
            f"{claims.id} {claims.version}  {claims.format}  {claims.episodes} episodes, {claims.hours:.2f} h "
            f"({split}), {_share(one)} labelled  {claims.licence}  {one.way.value}, {_state(one)}"
        )
    note(f"{len(found)} in the catalogue")


@app.command()
def show(name: Id, *, version: Version = "", url: Url = "", factory: FactoryFile = None, json: Json = False) -> None:
    """Print all that is known of a dataset: every version with its changes, lineage, privacy, contact and place."""
    from connectors.desk import datasets as catalogue

    place, _ = place_of(url, factory)
    with desk_of(factory or HERE, place) as desk:
        found = catalogue.find(catalogue.entries(desk), name, version)
    if json:
        print_json({"datasets": [_row(one) for one in found]})
        return
    for one in found:
        for key, value in _row(one).items():
            if value not in ("", None, {}, []):
                typer.echo(f"{key:12} {_text(value)}")
        typer.echo("")


@app.command(name="import")
def import_(
    folder: Folder,
    *,
    into: Annotated[
        Path | None, typer.Option("--into", help="Copy it below this folder; else it stays where it is.")
    ] = None,
    url: Url = "",
    factory: FactoryFile = None,
    json: Json = False,
) -> None:
    """Check another hub's dataset and enter it in the catalogue, its lineage kept; a damaged one is refused.

    It never counts as hours of this hub.
    """
    from connectors.datasets.intake import take_in

    place, known = place_of(url, factory)
    with desk_of(factory or HERE, place) as desk:
        one = take_in(desk, who(), folder, known.hub.id if known is not None else "", into)
    if json:
        print_json(_row(one))
        return
    typer.echo(f"{one.claims.id} {one.claims.version}: {one.claims.episodes} episodes, {one.claims.hours:.2f} h")


@app.command()
def remove(name: Id, *, version: Version = "", url: Url = "", factory: FactoryFile = None, json: Json = False) -> None:
    """Take a dataset out of the catalogue, all versions or one; its files stay where they are."""
    from connectors.desk import datasets as catalogue

    place, _ = place_of(url, factory)
    with desk_of(factory or HERE, place) as desk:
        found = catalogue.find(catalogue.entries(desk), name, version)
        for one in found:
            catalogue.remove(desk, who(), one)
    if json:
        print_json({"removed": [_row(one) for one in found]})
        return
    for one in found:
        typer.echo(f"{one.claims.id} {one.claims.version} is not listed any longer; its files stay in {one.place}")


@app.command()
def pack(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A new folder.")],
    which: Annotated[list[str], typer.Argument(metavar="ID[@VERSION]…", help="Datasets of the catalogue.")],
    *,
    name: Annotated[str, typer.Option("--name", help="The collection's name; the folder's unless given.")] = "",
    version: Annotated[str, typer.Option("--dataset-version", help="MAJOR.MINOR.PATCH; the next one.")] = "",
    changes: Annotated[str, typer.Option("--changes", help="What is new in this version, one line.")] = "",
    contact: Annotated[str, typer.Option("--contact", help="Whom others write to; hub.contact unless given.")] = "",
    url: Url = "",
    factory: FactoryFile = None,
    json: Json = False,
) -> None:
    """Pack datasets together, each untouched and with its lineage, as one that can be handed on."""
    from connectors.datasets.collection import COLLECTION
    from connectors.datasets.intake import made, named
    from connectors.datasets.pack import pack as write
    from connectors.desk import datasets as catalogue
    from connectors.exporters.plan import Offer
    from dashboards import __version__

    place, known = place_of(url, factory)
    called = name or folder.resolve().name
    hub = known.hub if known is not None else None
    with desk_of(factory or HERE, place) as desk:
        offer = Offer(
            hub.id if hub else "", {"ko": hub.name.ko, "en": hub.name.en} if hub else {}, {},
            contact or (hub.contact if hub else ""), version, changes,
            catalogue.editions(desk, hub.id if hub else "", called, COLLECTION),
        )  # fmt: skip
        write(folder, called, [named(desk, one) for one in which], offer, f"factory-twin {__version__}")
        one = made(desk, who(), folder)
    if json:
        print_json(_row(one))
        return
    typer.echo(f"{folder}: {len(which)} datasets, {one.claims.episodes} episodes; {one.claims.id} {one.claims.version}")


@app.command()
def verify(
    folder: Annotated[
        Path | None,
        typer.Argument(
            metavar="[DIR]", help="A dataset's folder; all of the catalogue's unless given.", exists=True,
            file_okay=False, resolve_path=True,
        ),
    ] = None,
    *,
    url: Url = "",
    factory: FactoryFile = None,
    json: Json = False,
) -> None:  # fmt: skip
    """Check every checksum, number, claim and trap of a dataset of any format; exit 1 where something is wrong.

    With a store named, what was found is kept in the catalogue that lists it; without DIR all that it lists is
    checked.
    """
    from connectors.datasets.intake import again
    from connectors.desk import datasets as catalogue
    from connectors.exporters.verify import verify as check

    with ExitStack() as stack:
        if folder is not None and not url and factory is None:
            found = check(folder)
        else:
            place, _ = place_of(url, factory)
            desk = stack.enter_context(desk_of(factory or HERE, place))
            every = [Path(one.place) for one in catalogue.entries(desk)] if folder is None else [folder]
            found = [one for each in every for one in again(desk, who(), each, named=folder is None)]
    wrong = [one for one in found if not one.risk]
    if json:
        rows = [{"check": one.check, "where": one.where, "told": one.told, "risk": one.risk} for one in found]
        print_json({"ok": not wrong, "findings": rows})
    else:
        for one in found:
            typer.echo(f"{'risk' if one.risk else 'WRONG'}  {one.check:10} {one.where}: {one.told}")
        note(f"{len(wrong)} wrong, {len(found) - len(wrong)} risks")
    if wrong:
        raise typer.Exit(1)


def _share(one: Entry) -> str:
    return f"{one.claims.labelled / one.claims.episodes:.0%}" if one.claims.episodes else "–"


def _state(one: Entry) -> str:
    if one.checked_ns is None:
        return "not checked since"
    return f"{len(one.problems)} wrong" if one.problems else "checked"


def _row(one: Entry) -> dict[str, Any]:
    from dataclasses import asdict

    from twin.clock import iso_from_ns

    claims = one.claims
    return {
        "id": claims.id, **asdict(claims), "changes": claims.changes, "way": one.way.value,
        "entered": iso_from_ns(one.at_ns), "who": one.who,
        "checked": iso_from_ns(one.checked_ns) if one.checked_ns is not None else None,
        "problems": list(one.problems), "sums": one.sums, "place": one.place,
    }  # fmt: skip


def _text(value: object) -> str:
    from json import dumps

    return value if isinstance(value, str) else dumps(value, ensure_ascii=False)
