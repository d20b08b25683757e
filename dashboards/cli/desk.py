"""Where the verbs about people find the desk: by the factory file, or by the store's address."""

from __future__ import annotations

import getpass
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from connectors.desk import Desk

Config = Annotated[
    Path,
    typer.Option("--config", "--factory", help="The factory file, for where the store lies.", metavar="FACTORY.toml"),
]
Url = Annotated[
    str, typer.Option("--url", help="Instead of the factory file: sqlite:///PATH or postgresql://…", metavar="URL")
]
HERE = Path("factory.toml")


def desk_of(config: Path, url: str) -> AbstractContextManager[Desk]:
    """The desk beside a store, by its address or else by the factory file; closed at the end of the block."""
    from connectors.desk import Desk
    from connectors.factory_file import read_factory
    from connectors.wall_clock import WallClock

    if url:
        return closing(Desk(url, WallClock()))
    path = config.resolve()
    return closing(Desk(read_factory(path).store.url, WallClock(), path.parent))


def known_sites(config: Path, url: str) -> tuple[str, ...]:
    """The sites of the factory file; none where only the store is known."""
    from connectors.factory_file import read_factory

    return () if url else tuple(one.id for one in read_factory(config).hub.sites)


def who() -> str:
    """Who sits at the terminal, as the audit trail tells of them."""
    try:
        return f"terminal:{getpass.getuser()}"
    except (KeyError, OSError):
        return "terminal"
