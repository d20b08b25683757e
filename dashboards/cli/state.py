"""`twin state`: the whole mirror as it stood at an instant."""

from __future__ import annotations

import json as standard
from typing import Annotated

import typer

from dashboards.cli._output import note
from dashboards.cli.times import moment


def state(
    url: Annotated[str, typer.Option("--url", help="sqlite:///PATH or postgresql://…", envvar="TWIN__STORE__URL")],
    *,
    at: Annotated[str, typer.Option("--at", help="The instant: ISO 8601 with offset, or ms since 1970.")],
    json: Annotated[bool, typer.Option("--json", help="Print JSON, canonical: equal states are equal bytes.")] = False,
) -> None:
    """The factory's whole state at an instant, as it stood live then: by what had been received."""
    from connectors.stores.sql import open_history
    from twin.errors import RecordingError
    from twin.instant import mirror_at, told

    at_ns = moment(at, "--at")
    history = open_history(url)
    try:
        mirrors = {writer: mirror_at(history, writer, at_ns) for writer in history.writers()}
    except RecordingError as error:
        note(str(error))
        raise typer.Exit(1) from error
    finally:
        history.close()
    if json:
        answer = {"at_ns": at_ns, "writers": {writer: told(mirror) for writer, mirror in mirrors.items()}}
        typer.echo(standard.dumps(answer, indent=1, sort_keys=True, ensure_ascii=False))
        return
    for writer, mirror in mirrors.items():
        lost = sum(one.lost for one in mirror.presence.values())
        typer.echo(
            f"{writer}: after batch {mirror.n}, {len(mirror.latest)} streams, {len(mirror.presence)} assets "
            f"({lost} lost), sha256 {mirror.sha256()}"
        )
