"""The terminal: `twin VERB …`. Results on stdout, progress and logs on stderr.

Exit codes: 0 done, 1 the answer is no, 2 you asked wrongly, 3 the outside failed.
"""

from __future__ import annotations

import atexit
import gc
import logging
import sys

import typer

from dashboards import __version__
from dashboards.cli import (
    alarms,
    audit,
    bench,
    care,
    compare,
    datasets,
    decode,
    devices,
    episodes,
    expect,
    export,
    files,
    generate,
    kpi,
    model,
    processes,
    publish,
    record,
    scenario,
    sets,
    sql,
    state,
    store,
    users,
    whatif,
)
from twin.errors import BrokerError, ExportError, NotInstalled, SourceError, StoreError, TwinError

app = typer.Typer(
    name="twin",
    help="Factory Twin: the open-source digital twin for physical-AI factories.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(processes.demo)
app.command()(files.new)
app.command()(files.check)
app.command()(processes.run)
app.command()(processes.ingest)
app.command()(processes.web)
app.command()(processes.notify)
app.command()(processes.score)
app.command()(processes.simulate)
app.command()(processes.broker)
app.command()(publish.publish)
app.command()(decode.decode)
app.command()(decode.conformance)
app.command()(decode.plugins)
app.command()(store.verify)
app.command()(state.state)
app.command()(record.record)
app.command()(record.replay)
app.command()(compare.compare)
app.command()(kpi.kpi)
app.command()(whatif.whatif)
app.command()(sql.sql)
app.command()(alarms.alarms)
store.app.command()(sql.migrate)
for verb in (care.check, care.backup, care.restore, care.confirm, care.archive):
    store.app.command()(verb)
store.app.command()(sql.role)
app.add_typer(devices.app, name="devices")
app.add_typer(store.app, name="store")
app.add_typer(record.app, name="recordings")
app.add_typer(scenario.app, name="scenario")
app.add_typer(bench.app, name="bench")
app.add_typer(users.app, name="users")
app.add_typer(audit.app, name="audit")
episodes.app.command()(generate.generate)
episodes.app.command(name="compare-sets")(sets.compare_sets)
app.add_typer(episodes.app, name="episodes")
app.add_typer(expect.app, name="expect")
app.command()(export.export)
app.add_typer(datasets.app, name="datasets")
app.add_typer(model.app, name="model")

ANSWER_NO, ASKED_WRONGLY, OUTSIDE_FAILED = 1, 2, 3


@app.callback(invoke_without_command=True)
def _version(*, version: bool = typer.Option(False, "--version", help="Print the version and exit.")) -> None:
    if version:
        typer.echo(f"factory-twin {__version__}")
        raise typer.Exit


def main() -> None:
    """Run one command; errors become one clear message and an exit code."""
    logging.basicConfig(
        level=logging.WARNING, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    # At the end the interpreter would look through every object that lives for cycles, a second with all our libraries:
    # what the collector does not own any more it passes over.
    atexit.register(gc.freeze)
    try:
        app()
    except TwinError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(exit_code_of(error))


def exit_code_of(error: TwinError) -> int:
    """What a command ends with that failed so."""
    outside = BrokerError | ExportError | NotInstalled | SourceError | StoreError
    return OUTSIDE_FAILED if isinstance(error, outside) else ASKED_WRONGLY


if __name__ == "__main__":
    main()
