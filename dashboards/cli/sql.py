"""`twin sql`, `twin store migrate` and `twin store role`: the database as people and their tools see it."""

from __future__ import annotations

import csv
import itertools
import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from dashboards.cli._output import note, print_json
from dashboards.cli.store import Json, Url

TABLE_ROWS = 1000
"""A table for people ends here; --csv and --json print everything."""


def sql(
    url: Url,
    statement: Annotated[
        str, typer.Argument(metavar="[STATEMENT]", help="One statement that reads; from stdin where there is none.")
    ] = "",
    *,
    json: Json = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV.")] = False,
    timeout: Annotated[float, typer.Option("--timeout", help="Stop after so long.", metavar="SECONDS")] = 30.0,
) -> None:
    """Ask the store in SQL, read only: a view for every stream, by its name, with the signals as columns."""
    from connectors.stores.console import SqlMistake, answer_of

    try:
        with answer_of(url, statement or sys.stdin.read(), timeout) as (names, rows):
            if json:
                print_json([dict(zip(names, map(_plain, row), strict=True)) for row in rows])
            elif as_csv:
                writer = csv.writer(sys.stdout)
                writer.writerow(names)
                writer.writerows(map(_plain, row) for row in rows)
            else:
                _print_table(names, [list(map(_shown, row)) for row in itertools.islice(rows, TABLE_ROWS)])
                if next(rows, None) is not None:
                    note(f"the first {TABLE_ROWS} rows; --csv and --json print all, LIMIT fewer")
    except SqlMistake as error:
        note(str(error))
        raise typer.Exit(2) from error


def _plain(value: Any) -> Any:
    if isinstance(value, bytes | memoryview):
        return bytes(value).hex()
    if isinstance(value, int | float | str | list | None):
        return value
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def _shown(value: Any) -> str:
    plain = _plain(value)
    text = "" if plain is None else f"{plain:.10g}" if isinstance(plain, float) else str(plain)
    return "".join(char if char.isprintable() else "�" for char in text)


def _print_table(names: list[str], rows: list[list[str]]) -> None:
    widths = [max(map(len, column)) for column in zip(names, *rows, strict=True)]
    for row in (names, ["-" * width for width in widths], *rows):
        typer.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def migrate(url: Url) -> None:
    """Make the tables at URL, or bring those of an older version forward; `twin ingest` does so at its start."""
    from connectors.stores._schema import SCHEMA_VERSION
    from connectors.stores.sql import open_store

    open_store(url).close()
    typer.echo(f"schema {SCHEMA_VERSION}")


def role(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What the role is called.")],
    url: Url,
    *,
    password_env: Annotated[
        str, typer.Option("--password-env", help="The environment variable that holds its password.", metavar="VAR")
    ] = "",
    password_file: Annotated[
        Path | None, typer.Option("--password-file", help="The file that holds its password.", metavar="FILE")
    ] = None,
) -> None:
    """Make a PostgreSQL role for BI tools that can read the tables and the streams' views, and write nothing."""
    from connectors.stores.console import make_reading_role

    password = os.environ.get(password_env, "") if password_env else ""
    if password_file is not None:
        try:
            password = password_file.read_text(encoding="utf-8").strip()
        except OSError as error:
            note(f"cannot read {password_file}: {error}")
            raise typer.Exit(2) from error
    if not password:
        note("no password: name a variable (--password-env VAR) or a file (--password-file FILE) that holds one")
        raise typer.Exit(2)
    make_reading_role(url, name, password)
    typer.echo(f"role {name} reads the schemas streams and public")
