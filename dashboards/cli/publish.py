"""`twin publish`: a capture or a CSV file out to a broker."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dashboards.cli._output import note, print_json


def publish(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A capture (.jsonl) or a table (.csv, needs --map).")],
    *,
    broker: Annotated[str, typer.Option("--broker", help="mqtt://HOST:PORT")],
    rate: Annotated[str, typer.Option("--rate", help="Times its own pace, or max.")] = "1",
    mapping: Annotated[Path | None, typer.Option("--map", help="How a CSV's columns become messages.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Publish a recorded file over MQTT, at its own pace or faster."""
    from connectors.publish_file import publish_file

    try:
        factor = None if rate == "max" else float(rate)
    except ValueError:
        note(f"--rate {rate}: write a number or max")
        raise typer.Exit(2) from None
    if factor is not None and factor <= 0:
        note(f"--rate {rate}: must be more than 0")
        raise typer.Exit(2)
    result = publish_file(file, broker, factor, mapping)
    if json:
        print_json(result)
    else:
        typer.echo(
            f"{result.rows} rows read, {result.published} messages published, {result.acknowledged} acknowledged, "
            f"{sum(result.skipped.values())} skipped {result.skipped or ''}"
        )
