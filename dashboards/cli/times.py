"""Moments as people write them in commands."""

from __future__ import annotations

import typer

from dashboards.cli._output import note


def moment(text: str, option: str) -> int:
    """ISO 8601 with an offset, or milliseconds since 1970 → ns; else the command ends with exit code 2."""
    from dashboards.errors import AskedWrongly
    from dashboards.moment import ns_of_text

    try:
        return ns_of_text(text, option)
    except AskedWrongly as error:
        note(f"{error.where}: {error.what}; write {error.do}")
        raise typer.Exit(2) from error
