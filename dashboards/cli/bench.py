"""`twin bench …`: how fast it is on this machine, beside the limit measured in the same run."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from dashboards.cli._output import note, print_json

app = typer.Typer(help="Measure, each beside a limit of the same run.", no_args_is_help=True)
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Full = Annotated[bool, typer.Option("--full", help="The long form, for docs/performance.md.")]
StoreKind = Annotated[
    str, typer.Option("--store", help="sqlite or postgres (TWIN__BENCH__POSTGRES, or 127.0.0.1:5432).")
]


@app.callback()
def _group() -> None:
    """Measure, each beside a limit of the same run."""


@app.command()
def ingest(
    *,
    store: StoreKind = "sqlite",
    broker: Annotated[str, typer.Option("--broker", help="mqtt://…; else a mosquitto, else the embedded one.")] = "",
    frames: Annotated[int, typer.Option("--frames", help="Frames of 20 values in a message.")] = 1,
    robots: Annotated[int, typer.Option("--robots", help="How many robots publish.")] = 500,
    messages: Annotated[int, typer.Option("--messages", help="Messages in an unpaced run.")] = 100_000,
    repeats: Annotated[int, typer.Option("--repeats", help="Runs of ceiling and ingest, in turn.")] = 3,
    rate: Annotated[float, typer.Option("--rate", help="Messages a second, held for --seconds; 0: unpaced.")] = 0.0,
    seconds: Annotated[float, typer.Option("--seconds", help="How long a paced run lasts.")] = 30.0,
    full: Full = False,
    json: Json = False,
) -> None:
    """From a broker into a store, everything on; the ceiling is a paho callback that only acknowledges."""
    from dashboards.bench.ingest import Plan, run

    _known(store)
    if full:
        messages, repeats, seconds = 3 * messages, max(repeats, 5), max(seconds, 60.0)
    _print(run(Plan(store, broker, robots, frames, messages, repeats, rate, seconds), note), json)


@app.command(name="store")
def store_(
    *,
    store: StoreKind = "sqlite",
    frames: Annotated[
        int, typer.Option("--frames", help="Frames of 20 values in a transaction, of 500 streams.")
    ] = 5000,
    full: Full = False,
    json: Json = False,
) -> None:
    """Transactions into an empty store; the limit is the bare driver with the same rows."""
    from dashboards.bench.store import run

    _known(store)
    _print(run(store, frames, full=full), json)


@app.command()
def latency(
    *,
    store: StoreKind = "sqlite",
    broker: Annotated[str, typer.Option("--broker", help="mqtt://…; else a mosquitto, else the embedded one.")] = "",
    rate: Annotated[float, typer.Option("--rate", help="Messages a second beside the markers.")] = 1000.0,
    full: Full = False,
    json: Json = False,
) -> None:
    """From a device's publish until the live packet that tells of its commit; the limit is a bare MQTT round trip."""
    from dashboards.bench.latency import run

    _known(store)
    _print(run(store, broker, rate, 600 if full else 100, note), json)


@app.command()
def web(
    *,
    assets: Annotated[int, typer.Option("--assets", help="Machines that speak meanwhile: ten signals, 2 Hz.")] = 500,
    minutes: Annotated[
        float, typer.Option("--minutes", help="Watch the server's memory for so long, two clients stalled.")
    ] = 0.0,
    full: Full = False,
    json: Json = False,
) -> None:
    """Pages in a real Chromium beside a large plant and 20 live clients: delay, paint, CPU, memory."""
    from dashboards.bench.web import PAGES, SHORT, Plan, run

    plan = Plan(assets, 60.0 if full else 12.0, tuple(PAGES) if full else SHORT, minutes)
    _print(run(plan, note), json)


@app.command()
def query(*, store: StoreKind = "sqlite", full: Full = False, json: Json = False) -> None:
    """Latest values, and a day of one signal drawn from frames and from roll-ups; the limit is bare SQL."""
    from dashboards.bench.query import run

    _known(store)
    _print(run(store, full, note), json)


@app.command()
def trend(
    *,
    store: StoreKind = "sqlite",
    points: Annotated[int, typer.Option("--points", help="Points of the signal that is drawn.")] = 1_000_000,
    full: Full = False,
    json: Json = False,
) -> None:
    """The Trends page over millions of points in a real Chromium: from a zoom to its new data drawn."""
    from dashboards.bench.trend import run

    _known(store)
    _print(run(store, 10_000_000 if full else points, note), json)


@app.command()
def seek(
    *,
    store: StoreKind = "sqlite",
    days: Annotated[float, typer.Option("--days", help="Keyframes of so many days.")] = 0.5,
    assets: Annotated[int, typer.Option("--assets", help="Machines of ten signals, once a second.")] = 500,
    seeks: Annotated[int, typer.Option("--seeks", help="How many instants are looked for.")] = 100,
    page: Annotated[bool, typer.Option("--page", help="Also in a real Chromium, on the Floor page.")] = False,
    full: Full = False,
    json: Json = False,
) -> None:
    """The state at random instants of many days: the mirror folded, the newest frames then, and a page drawn."""
    from dashboards.bench.seek import run_seek

    _known(store)
    _print(run_seek(store, 30.0 if full else days, assets, seeks, note, page=page or full), json)


@app.command()
def replay(
    *,
    speed: Annotated[float, typer.Option("--speed", help="How many times faster than it happened.")] = 64.0,
    seconds: Annotated[float, typer.Option("--seconds", help="For how long it is played.")] = 20.0,
    full: Full = False,
    json: Json = False,
) -> None:
    """A recorded plant played on a page in a real Chromium: frames a second, chunks that were waited for or dropped."""
    from dashboards.bench.seek import run_replay

    _print(run_replay(speed, 60.0 if full else seconds, note), json)


@app.command()
def verify(
    *,
    store: StoreKind = "sqlite",
    seconds: Annotated[int, typer.Option("--seconds", help="How long a plant was recorded, a batch a second.")] = 120,
    assets: Annotated[int, typer.Option("--assets", help="Machines of ten signals, once a second.")] = 500,
    full: Full = False,
    json: Json = False,
) -> None:
    """A recorded plant folded again and compared; the limit is the bare reading of the same batches."""
    from dashboards.bench.seek import run_verify

    _known(store)
    _print(run_verify(store, 10 * seconds if full else seconds, assets, 5 if full else 3), json)


@app.command()
def decode(
    *,
    dialect: Annotated[str, typer.Option("--dialect", help="Only this dialect.")] = "",
    full: Full = False,
    json: Json = False,
) -> None:
    """Each dialect's messages decoded on one core; the limit is the bare parse of the same payloads."""
    from connectors.bench.decode import MAKERS, run
    from dashboards.bench import stage

    if dialect and dialect not in MAKERS:
        note(f"--dialect {dialect}: there are {', '.join(MAKERS)}")
        raise typer.Exit(2)
    rows = run(50_000 if full else 4_000, 5.0 if full else 0.4, dialect)
    if json:
        print_json({"machine": stage.machine(), "rows": rows})
        return
    for row in rows:
        typer.echo(
            f"{row['dialect']:14} {row['size']:26} {row['messages_per_s']:>10,} messages/s "
            f"{row['values_per_s']:>11,} values/s   {row['ratio']:.2f} of the bare parse"
        )


@app.command()
def export(
    *,
    store: StoreKind = "sqlite",
    hours: Annotated[float, typer.Option("--hours", help="Of one robot: 20 Hz, 30 numbers, episodes of 30 s.")] = 1.0,
    full: Full = False,
    json: Json = False,
) -> None:
    """A robot-hour into each format of a dataset; the limit is pyarrow alone with the same arrays in memory."""
    from dashboards.bench.export import run

    _known(store)
    _print(run(store, hours, 9 if full else 3, note), json)


@app.command()
def model(
    *,
    asset: Annotated[str, typer.Option("--asset", help="An asset of the demo, with --days.")] = (
        "changwon/machining/line1/MT-01"
    ),
    days: Annotated[float, typer.Option("--days", help="Instead: a table over so many simulated days.", min=0)] = 0.0,
    aftermath: Annotated[
        float, typer.Option("--aftermath", help="Seconds after a fault that count neither way.", min=0)
    ] = 600.0,
    full: Full = False,
    json: Json = False,
) -> None:
    """Windows scored by onnxruntime, beside numpy; or how a model does on days of a plant with known faults."""
    from dashboards.bench.model import run, table
    from dashboards.cli.model import print_table

    if not days:
        _print(run(20 if full else 5), json)
        return
    found = table(asset, days, aftermath, note)
    if json:
        print_json(found)
    else:
        print_table(found)


def _known(store: str) -> None:
    if store not in ("sqlite", "postgres"):
        note(f"--store {store}: there are sqlite and postgres")
        raise typer.Exit(2)


def _print(answer: dict[str, Any], json: bool) -> None:
    if json:
        print_json(answer)
        return
    for name, value in answer.items():
        typer.echo(f"{name.replace('_', ' '):28} {value:,}" if isinstance(value, int | float) else f"{name:28} {value}")
