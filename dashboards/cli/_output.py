"""Printing for people and for machines."""

from __future__ import annotations

import msgspec
import typer


def print_json(answer: object) -> None:
    """One JSON document on stdout."""
    typer.echo(msgspec.json.format(msgspec.json.encode(answer), indent=1).decode())


def note(text: str) -> None:
    """Progress, on stderr."""
    typer.echo(text, err=True)
