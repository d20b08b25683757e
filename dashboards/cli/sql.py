"""`twin sql`, `twin store migrate` and `twin store role`: the database as people and their tools see it."""

from __future__ import annotations

import typer

from dashboards.cli.store import Url


def migrate(url: Url) -> None:
    """Make the tables at URL, or bring those of an older version forward; `twin ingest` does so at its start."""
    from connectors.stores._schema import SCHEMA_VERSION
    from connectors.stores.sql import open_store

    open_store(url).close()
    typer.echo(f"schema {SCHEMA_VERSION}")
