"""`twin demo`, `twin run` and the single processes: ingest, web, notify, score, simulate, broker."""

from __future__ import annotations

import os
import webbrowser
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dashboards.cli._output import note
from dashboards.cli.desk import desk_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from connectors.speakers.sparkplug_b import Speaker
    from dashboards.compose import Composition
    from twin.config import Factory

File = Annotated[Path, typer.Argument(metavar="FACTORY.toml", help="The factory file.")]
For = Annotated[float | None, typer.Option("--for", help="Stop after this many seconds.", metavar="SECONDS")]
_DEMO_DATA = Path("data/demo")
Faults = Annotated[
    list[str] | None,
    typer.Option(
        "--fault",
        help="KIND:ASSET[:AT_S[:FOR_S[:SEVERITY]]]: let that go wrong, so long after the devices start.",
        metavar="FAULT",
    ),
]


def demo(
    *,
    data: Annotated[Path, typer.Option("--data", help="Where broker, database and factory file lie.")] = _DEMO_DATA,
    port: Annotated[
        int, typer.Option("--port", help="The page's port; the next free one if taken.", envvar="TWIN__WEB__PORT")
    ] = 8050,
    mqtt_port: Annotated[
        int,
        typer.Option("--mqtt-port", help="The broker's port; the next free one if taken.", envvar="TWIN__BROKER__PORT"),
    ] = 1883,
    duration: For = None,
    history: Annotated[float, typer.Option("--history", help="Hours of history to begin with; 0 for none.")] = 8.0,
    rate: Annotated[float, typer.Option("--rate", help="Run the plant this many times faster (needs --for).")] = 0.0,
    seed: Annotated[int, typer.Option("--seed", help="The plants' seed.", envvar="TWIN__SIMULATE__SEED")] = 7,
    no_browser: Annotated[bool, typer.Option("--no-browser", help="Do not open the page.")] = False,
    assets: Annotated[
        int,
        typer.Option("--assets", help="Instead a plant of so many machines, ten signals each at 2 Hz, for measuring."),
    ] = 0,
    fault: Faults = None,
) -> None:
    """Two simulated pilot factories, alive in a browser page, in one command.

    TWIN__SECTION__KEY overrides settings as it does of `twin run`; only the store lies where --data says.
    """
    from connectors.broker import free_port
    from connectors.factory_file import read_factory
    from dashboards.compose import Composition, Plan, log
    from dashboards.demo.crowd import MOST, crowd_file

    if not 0 <= assets <= MOST:
        note(f"--assets {assets}: 1 to {MOST}")
        raise typer.Exit(2)
    if assets:
        data, history = (Path("data/crowd") if data == _DEMO_DATA else data), 0.0
    if rate < 0 or history < 0 or (rate and duration is None):
        note(
            "--rate F needs --for SECONDS, so that the plant's clocks can start early enough"
            if rate
            else "--history and --rate are 0 or more"
        )
        raise typer.Exit(2)
    data.mkdir(parents=True, exist_ok=True)
    file = data / "factory.toml"
    shipped = crowd_file(assets).encode() if assets else (files("dashboards") / "demo" / "factory.toml").read_bytes()
    if not _bring(file, shipped):
        log(f"{file} was changed by hand, and is kept; delete it to have the demo's own again")
    page, mqtt = free_port(port), free_port(mqtt_port)
    for wanted, got, what in ((port, page, "--port"), (mqtt_port, mqtt, "--mqtt-port")):
        if wanted != got:
            log(f"{what} {wanted} is taken; using {got}")
    environ = {
        "TWIN__WEB__PORT": str(page),
        "TWIN__BROKER__PORT": str(mqtt),
        "TWIN__STORE__URL": f'"sqlite:///{(data / "twin.db").resolve()}"',
        "TWIN__SIMULATE__SEED": str(seed),
    }
    arguments = ["--ledger", str(data / "published.json")]
    arguments += ["--rate", str(rate), "--span", str(duration)] if rate else ["--history", str(history)]
    factory = with_faults(read_factory(file, {**os.environ, **environ}), fault or ())
    for text in fault or ():
        arguments += ["--fault", text]
    plan = Plan(file, factory, data.resolve(), tuple(arguments), environ)
    composition = Composition(plan)
    missing = _run(composition, duration, None if no_browser else composition.page_url, data / "published.json")
    if missing:
        raise typer.Exit(1)


def _bring(file: Path, shipped: bytes) -> bool:
    """Put the demo's factory file there, unless somebody changed the one that is: then False.

    What was brought lies beside it as ``factory.shipped``: so a new version of the demo is no change by hand.
    """
    brought = file.with_suffix(".shipped")
    if file.exists() and file.read_bytes() not in (shipped, brought.read_bytes() if brought.exists() else shipped):
        return False
    for each in (brought, file):
        each.write_bytes(shipped)
    return True


def run(file: File, *, duration: For = None) -> None:
    """Run a factory: broker (unless there is one), ingest, web, and the simulator if the file asks for it."""
    from connectors.broker import kind_of, port_is_free
    from connectors.factory_file import read_factory
    from dashboards.compose import Composition, Plan
    from dashboards.serve import check_open

    factory = read_factory(file)
    with desk_of(file, "") as desk:
        check_open(factory, desk)
    if kind_of(factory.broker) != "external" and not port_is_free(factory.broker.port):
        note(
            f'port {factory.broker.port} is taken: another broker? Set [broker] port, or use = "mqtt://127.0.0.1:{factory.broker.port}"'
        )
        raise typer.Exit(3)
    if not port_is_free(factory.web.port, factory.web.host):
        note(f"port {factory.web.port} is taken: another page? Set [web] port")
        raise typer.Exit(3)
    folder = file.resolve().parent / "data"
    simulate_with = ("--ledger", str(folder / "published.json"), "--history", "0") if factory.simulate.sites else ()
    _run(Composition(Plan(file.resolve(), factory, folder, simulate_with)), duration, None, folder / "published.json")


def _run(composition: Composition, duration_s: float | None, open_page: str | None, ledger: Path) -> int:
    from dashboards.supervise import stop_event

    stop = stop_event()
    missing = 0
    try:
        composition.start()
        if not composition.wait_ready(stop):
            if not stop.is_set():
                raise typer.Exit(3)
            return 0
        typer.echo(f"ready {composition.page_url} {composition.broker_url}")
        if open_page:
            webbrowser.open(open_page)
        composition.supervise(stop, duration_s)
        if duration_s is not None and not stop.is_set() and composition.simulator is not None:
            published, stored, missing = composition.settle(ledger, stop)
            typer.echo(f"ledger published={published} stored={stored} missing={missing}")
            written, arrived = composition.settle_unpromised(ledger, stop)
            if written:
                lost = max(0, written - arrived)
                typer.echo(f"at QoS 0 published={written} stored={arrived} lost={lost}")
    finally:
        composition.stop()
    return missing


def ingest(
    file: File,
    *,
    duration: For = None,
    only: Annotated[
        str,
        typer.Option("--only", help="The sources of these sites only, under a writer of their own.", metavar="SITE,…"),
    ] = "",
) -> None:
    """Ingest only: from the broker into the store. Several, each with its sites, may write into one PostgreSQL."""
    from connectors.factory_file import read_factory
    from connectors.ingest.run import run_ingest
    from dashboards.supervise import stop_event
    from twin.partition import only as part_of

    factory = read_factory(file)
    if only:
        factory = part_of(factory, [site.strip() for site in only.split(",") if site.strip()])
        if factory.store.url.startswith("sqlite:"):
            note("--only is for several writers, and a SQLite file has one: set [store] url to a PostgreSQL database")
            raise typer.Exit(2)
    stop = stop_event()
    stop_after(stop, duration)
    run_ingest(factory, stop)


def web(file: File, *, duration: For = None) -> None:
    """The dashboards only."""
    from connectors.factory_file import read_factory
    from dashboards.serve import run_web
    from dashboards.supervise import stop_event

    factory = read_factory(file)
    stop = stop_event()
    stop_after(stop, duration)
    run_web(factory, stop, file.resolve())


def notify(
    file: File,
    *,
    duration: For = None,
    test: Annotated[
        str, typer.Option("--test", help="Send this rule's people a notice that tells of nothing.", metavar="NAME")
    ] = "",
) -> None:
    """Tell people of alarms, by the notify tables of the factory file: webhooks and mail."""
    from connectors.factory_file import read_factory
    from connectors.notify.carrier import NotTaken
    from connectors.notify.run import run_notify, test_notice
    from dashboards.supervise import stop_event

    factory = read_factory(file)
    if not factory.notify:
        note("nobody is to be told: write [[notify]]")
        raise typer.Exit(2)
    if test:
        names = [one.rule.name for one in factory.notify]
        if test not in names:
            note(f"there is no [[notify]] {test!r}; there are: {', '.join(names)}")
            raise typer.Exit(2)
        try:
            test_notice(factory, test)
        except NotTaken as error:
            note(str(error))
            raise typer.Exit(1) from error
        typer.echo("taken")
        return
    stop = stop_event()
    stop_after(stop, duration)
    run_notify(factory, stop)


def score(file: File, *, duration: For = None) -> None:
    """Let the active anomaly models score what is stored, and publish what they say."""
    from connectors.factory_file import read_factory
    from connectors.models.run import run_scores
    from dashboards.supervise import stop_event

    factory = read_factory(file)
    if not factory.models.score:
        note("nothing is to be scored: write [models] score = true, so that ingest hears what is said")
        raise typer.Exit(2)
    stop = stop_event()
    stop_after(stop, duration)
    note(f"{run_scores(factory, stop)} scores published")


def simulate(
    file: File,
    *,
    duration: For = None,
    history: Annotated[
        float, typer.Option("--history", help="Hours that the devices' clocks start in the past.")
    ] = 0.0,
    rate: Annotated[float, typer.Option("--rate", help="Run this many times faster.")] = 0.0,
    span: Annotated[float, typer.Option("--span", help="With --rate: for how many seconds, at most.")] = 3600.0,
    ledger: Annotated[Path, typer.Option("--ledger", help="The devices' own count.")] = Path("published.json"),
    fault: Faults = None,
) -> None:
    """Simulated devices only: they publish to the broker of the factory file."""
    from connectors.broker import url_of
    from connectors.devices import Devices, Ledger, start_time_ns
    from connectors.factory_file import read_factory, read_secret
    from connectors.publish import Publisher
    from connectors.wall_clock import WallClock
    from dashboards.supervise import stop_event

    factory = read_factory(file)
    if not factory.simulate.sites:
        note('nothing to simulate: write [simulate] sites = ["…"]')
        raise typer.Exit(2)
    factory = with_faults(factory, fault or ())
    clock, stop = WallClock(), stop_event()
    url, name = url_of(factory.broker), f"factory-twin-{factory.hub.id}-devices"
    password = read_secret(factory.broker.password)
    publisher = Publisher(url, name, factory.broker, password)
    publisher.wait_connected()

    def open_line(edge: Speaker) -> Publisher:
        client_id = f"{name}-{edge.line.replace('/', '-')}"
        return Publisher(
            url, client_id, factory.broker, password, durable=False, will=edge.edge.will, topics=edge.topics
        )

    start_ns = start_time_ns(clock.now_ns(), ledger, history_h=history, rate=rate, span_s=duration or span)
    devices = Devices(factory, publisher, Ledger(ledger), clock, start_ns, rate, open_line)
    try:
        devices.run(stop, duration)
    finally:
        publisher.close()


def with_faults(factory: Factory, texts: Sequence[str]) -> Factory:
    """The factory with further faults; raises ScenarioError for a text that names none, before anything starts."""
    from dataclasses import replace

    from twin.simulation.faults import fault_named

    config = factory.simulate
    assets = factory.hub.assets().items()
    types = {asset: one.type for asset, one in assets if asset.partition("/")[0] in config.sites}
    found = tuple(fault_named(text, types) for text in texts)
    return replace(factory, simulate=replace(config, fault=config.fault + found)) if found else factory


def broker(file: File, *, duration: For = None) -> None:
    """The broker only, as the factory file wants it."""
    from connectors.broker import BrokerProcess, kind_of
    from connectors.factory_file import read_factory
    from dashboards.supervise import stop_event

    factory = read_factory(file)
    if kind_of(factory.broker) == "external":
        note(f"[broker] use = {factory.broker.use!r}: that one runs elsewhere")
        raise typer.Exit(2)
    stop = stop_event()
    stop_after(stop, duration)
    process = BrokerProcess(kind_of(factory.broker), file.resolve().parent / "data" / "broker", factory.broker.port)
    process.start()
    typer.echo(f"ready {process.url}")
    try:
        while not stop.wait(0.2):
            if process.wait(0) is not None:
                note(f"the broker ended; see {process.log}")
                raise typer.Exit(3)
    finally:
        process.stop()


def stop_after(stop: object, duration_s: float | None) -> None:
    """Set a stop event after so many seconds, where they are given."""
    import threading

    if duration_s is not None and isinstance(stop, threading.Event):
        timer = threading.Timer(duration_s, stop.set)
        timer.daemon = True
        timer.start()
