"""The faults, each a function that hurts a running rig; `FAULTS` says with what, how hard, and how long.

A fault returns when the run has settled; `invariants.verify` is asked afterwards. Numbers as in the fault
plan. F11 to F15 and F21 (disk, power, corruption, files, locks, backups) have tests of their own beside this.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from typing import Any

import psycopg
from hostile import hostile_inputs, sources
from namespace import link
from rig import HERE, SOURCE, DeviceProcess, Rig, wait_for

from twin.events import EventKind

DAY_S = 86_400


def received(rig: Rig) -> int:
    return rig.history.by_source().get(SOURCE, {}).get("received", 0)


def wait_stored(rig: Rig, timeout_s: float = 60.0) -> None:
    """Until ingest has stored a message after now."""
    before = received(rig)
    wait_for(lambda: received(rig) > before, "a message stored", timeout_s)


def ingest_killed(rig: Rig, total: int, rate_hz: float, kills: int) -> None:
    rig.device(total, rate_hz)
    for _ in range(kills):
        wait_stored(rig)
        time.sleep(rig.random.uniform(0.0, 0.3))
        rig.kill_ingest()
        time.sleep(0.1)
        rig.start_ingest()
    rig.repaired()
    rig.settle()


def ingest_killed_before_a_slow_store(rig: Rig, total: int, rate_hz: float, kills: int, slow_s: float) -> None:
    with _slow(rig, slow_s):
        ingest_killed(rig, total, rate_hz, kills)


@contextmanager
def _slow(rig: Rig, slow_s: float) -> Iterator[None]:
    """Every answer of PostgreSQL comes later; on SQLite somebody else has the write lock again and again."""
    if rig.cluster is not None:
        rig.proxies["store"].weather.latency_s = slow_s / 5  # each way, and a commit asks a dozen times and more
        yield
        return
    stop = threading.Event()

    def hog() -> None:
        with closing(sqlite3.connect(rig.folder / "twin.db", timeout=30, isolation_level=None)) as other:
            while not stop.wait(0.01):
                other.execute("BEGIN IMMEDIATE")
                stop.wait(slow_s)
                other.execute("ROLLBACK")

    thread = threading.Thread(target=hog, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(10)


def broker_restarted(rig: Rig, total: int, rate_hz: float, times: int) -> None:
    rig.device(total, rate_hz)
    for _ in range(times):
        wait_stored(rig)
        rig.restart_broker()
    rig.repaired()
    rig.settle()


def _say_who_loses(rig: Rig) -> None:
    if rig.broker.kind == "mosquitto":
        rig.lossy_broker = "mosquitto 2.0 acknowledges before it saves: what it saved last is what survives a kill -9"


def broker_killed(rig: Rig, total: int, rate_hz: float, kills: int) -> None:
    _say_who_loses(rig)
    rig.device(total, rate_hz)
    for _ in range(kills):
        wait_stored(rig)
        time.sleep(rig.random.uniform(0.0, 0.3))
        rig.kill_broker()
        rig.broker.start()
    rig.repaired()
    rig.settle()


def broker_killed_while_ingest_is_away(rig: Rig, total: int, rate_hz: float, kills: int) -> None:
    _say_who_loses(rig)
    device = rig.device(total, rate_hz)
    wait_stored(rig)
    rig.kill_ingest()
    for _ in range(kills):
        before = len(device.ledger.acknowledged)
        wait_for(lambda was=before: device.done or len(device.ledger.acknowledged) > was + 100, "more PUBACKs")
        rig.kill_broker()
        rig.broker.start()
    rig.start_ingest()
    rig.repaired()
    rig.settle()


def server_crashed(rig: Rig, total: int, rate_hz: float, down_s: float) -> None:
    rig.device(total, rate_hz)
    wait_stored(rig)
    rig.cluster.stop("immediate")
    rig.wait_red()
    time.sleep(down_s)
    rig.cluster.start()
    rig.repaired()
    rig.wait_green()
    rig.settle()


def server_frozen(rig: Rig, total: int, rate_hz: float, frozen_s: float) -> None:
    rig.device(total, rate_hz)
    wait_stored(rig)
    rig.cluster.freeze()
    try:
        if rig.web is not None:
            rig.wait_red()
        time.sleep(frozen_s)
    finally:
        rig.cluster.thaw()
    rig.repaired()
    rig.wait_green()
    rig.settle()


def everything_killed(rig: Rig, total: int, rate_hz: float, kills: int) -> None:
    device = DeviceProcess(rig, total, rate_hz)
    wait_stored(rig)
    for _ in range(kills):
        time.sleep(rig.random.uniform(0.05, 0.5))
        victim = rig.random.choice(["device", "broker", "ingest", "ingest"])
        if victim == "device":
            device.kill()
            device.start()
        elif victim == "broker":
            rig.kill_broker()
            rig.broker.start()
        else:
            rig.kill_ingest()
            rig.start_ingest()
    rig.repaired()
    rig.settle()


def store_stalled(rig: Rig, total: int, rate_hz: float, stalled_s: float) -> None:
    rig.device(total, rate_hz)
    wait_stored(rig)
    with _locked(rig):
        if stalled_s > 4:
            rig.wait_red()
        time.sleep(stalled_s)
    rig.repaired()
    rig.wait_green()
    rig.settle()


@contextmanager
def _locked(rig: Rig) -> Iterator[None]:
    """Nobody else can write meanwhile; reading goes on."""
    if rig.cluster is None:
        with closing(sqlite3.connect(rig.folder / "twin.db", timeout=30, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            yield
            other.execute("ROLLBACK")
        return
    with psycopg.connect(rig.url) as other:
        other.execute("LOCK TABLE batch IN EXCLUSIVE MODE")
        yield


def foul_weather(rig: Rig, total: int, rate_hz: float, faults: int, hole_s: float) -> None:
    rig.device(total, rate_hz)
    wait_stored(rig)
    for turn in range(faults):
        proxy = rig.proxies[rig.random.choice(["ingest", "ingest", "devices"])]
        kind = ("reset", "cut", "latency", "bandwidth", "hole")[turn % 5]
        weather = proxy.weather
        if kind == "reset":
            proxy.reset()
        elif kind == "cut":
            weather.cut_after = rig.random.randrange(1, 5000)
            wait_for(lambda it=weather: it.cut_after is None or all(d.done for d in rig.devices), "the cut", 10)
            weather.cut_after = None
        elif kind == "latency":
            weather.latency_s = 0.1
            time.sleep(0.5)
            weather.latency_s = 0.0
        elif kind == "bandwidth":
            weather.bytes_per_s = 100_000
            time.sleep(0.5)
            weather.bytes_per_s = 0.0
        else:
            weather.black_hole = True
            time.sleep(hole_s)
            weather.black_hole = False
            proxy.reset()
        time.sleep(rig.random.uniform(0.0, 0.2))
    rig.repaired()
    rig.settle()


def link_down(rig: Rig, total: int, rate_hz: float, down_s: float) -> None:
    rig.device(total, rate_hz)
    wait_stored(rig)
    link(up=False)
    time.sleep(down_s)
    link(up=True)
    rig.repaired()
    rig.settle()


def clocks_stepped(rig: Rig, total: int, rate_hz: float) -> None:
    """The devices' clock and ingest's own: back 36 s, on a day, back a day."""
    steps_ms = tuple(
        (total * place // 4, step_s * 1000) for place, step_s in ((1, -36), (2, DAY_S), (3, -DAY_S))
    )  # fmt: skip
    rig.device(total, rate_hz, steps_ms=steps_ms)
    for off_s in (-36, DAY_S, -DAY_S, 0):
        wait_stored(rig)
        (rig.folder / "clock").write_text(str(off_s), encoding="ascii")
        time.sleep(1.2)
    rig.repaired()
    rig.wait_green()
    rig.settle()
    rig.wait_red()  # it has ended, and what it said of itself while its clock was ahead must not hide that
    for asset in range(4):
        name = f"d0-{asset}:data"
        live = rig.history.latest()[name]
        frames = rig.history.frames(name, 0, 2**62)
        due = max(
            seq for seq, quality in zip(frames.seq.tolist(), frames.quality.tolist(), strict=True) if quality != 68
        )
        assert live.seq == due, f"{name} shows {live.seq}, its newest frame is {due}: a stepped clock froze the screen"


def burst(rig: Rig, total: int, devices: int, rows: int) -> None:
    rig.repaired()
    for _ in range(devices):
        rig.device(total, 1e9, rows=rows, window=1000)
    rig.settle()


def poison(rig: Rig, total: int, rate_hz: float, guilty: tuple[int, ...]) -> None:
    """The database refuses some rows: a trigger or a constraint stands for whatever it may not like."""
    counts = ", ".join(map(str, guilty))
    if rig.cluster is None:
        with closing(sqlite3.connect(rig.folder / "twin.db", timeout=30)) as other:
            other.execute(
                f"CREATE TRIGGER poison BEFORE INSERT ON frame WHEN NEW.seq IN ({counts}) "
                "BEGIN SELECT RAISE(ABORT, 'poison'); END"
            )
    else:
        with psycopg.connect(rig.url) as other:
            other.execute(f"ALTER TABLE frame ADD CONSTRAINT poison CHECK (seq NOT IN ({counts}))")
    device = rig.device(total, rate_hz, bad_every=0, assets=1)
    rig.settle()
    letters = rig.history.dead_letters(source=SOURCE, limit=1000)
    due = {device.settings.payload(n) for n in guilty}
    assert {letter.reason for letter in letters} == {"store_rejected"}
    assert {letter.payload for letter in letters} == due, "exactly the guilty become dead letters"
    rig.refused = set(guilty)


def told_lost_and_back(rig: Rig) -> bool:
    """Whether the events say that the source was lost and came back."""
    kinds = [EventKind.SOURCE_LOST, EventKind.SOURCE_CONNECTED]
    told = [event.kind for event in rig.history.events(0, 2**62, kinds=kinds)]
    return told[:1] == [EventKind.SOURCE_CONNECTED] and EventKind.SOURCE_LOST in told


@dataclass(frozen=True)
class Fault:
    """One row of the plan. ``pairs``: where it runs (broker, store); ``ci``: which of these in CI."""

    number: str
    what: str
    run: Callable[..., None]
    short: dict[str, Any]
    long: dict[str, Any]
    pairs: tuple[tuple[str, str], ...]
    ci: tuple[tuple[str, str], ...]
    rig: dict[str, Any] = field(default_factory=dict)
    namespace: bool = False
    long_in_proof: bool = False
    """Whether `make proof` runs it at length too."""


EMBEDDED, MOSQUITTO = ("embedded", "sqlite"), ("mosquitto", "sqlite")
EMBEDDED_PG, MOSQUITTO_PG = ("embedded", "postgres"), ("mosquitto", "postgres")
ALL = (EMBEDDED, MOSQUITTO, EMBEDDED_PG, MOSQUITTO_PG)
SERVER = (EMBEDDED_PG, MOSQUITTO_PG)

FAULTS = (
    Fault(
        "F1", "ingest killed (-9)", ingest_killed,
        {"total": 2000, "rate_hz": 1500.0, "kills": 1}, {"total": 10_000, "rate_hz": 1500.0, "kills": 3},
        ALL, (EMBEDDED, MOSQUITTO_PG),
    ),
    Fault(
        "F2", "ingest killed (-9) before a slow store", ingest_killed_before_a_slow_store,
        {"total": 2000, "rate_hz": 1500.0, "kills": 1, "slow_s": 0.02},
        {"total": 8000, "rate_hz": 1500.0, "kills": 2, "slow_s": 0.05},
        ALL, (MOSQUITTO,), {"between": ("store",)},
    ),
    Fault(
        "F3", "broker restarted (SIGTERM)", broker_restarted,
        {"total": 2000, "rate_hz": 1000.0, "times": 1}, {"total": 8000, "rate_hz": 1000.0, "times": 3},
        ALL, (MOSQUITTO,),
    ),
    Fault(
        "F4", "broker killed (-9), ingest connected", broker_killed,
        {"total": 2000, "rate_hz": 1000.0, "kills": 1}, {"total": 10_000, "rate_hz": 1000.0, "kills": 3},
        ALL, (EMBEDDED, MOSQUITTO),
    ),
    Fault(
        "F4b", "broker killed (-9), ingest away", broker_killed_while_ingest_is_away,
        {"total": 2000, "rate_hz": 1000.0, "kills": 1}, {"total": 10_000, "rate_hz": 1000.0, "kills": 3},
        ALL, (),
    ),
    Fault(
        "F5", "PostgreSQL crashed (immediate stop)", server_crashed,
        {"total": 4000, "rate_hz": 1000.0, "down_s": 1.0}, {"total": 30_000, "rate_hz": 500.0, "down_s": 60.0},
        SERVER, (MOSQUITTO_PG,), {"max_queue": 1000, "batch_messages": 500}, long_in_proof=True,
    ),
    Fault(
        "F6", "PostgreSQL frozen (SIGSTOP)", server_frozen,
        {"total": 4000, "rate_hz": 1000.0, "frozen_s": 2.0}, {"total": 20_000, "rate_hz": 500.0, "frozen_s": 30.0},
        SERVER, (MOSQUITTO_PG,),
    ),
    Fault(
        "F7", "devices, broker and ingest killed (-9) at random", everything_killed,
        {"total": 3000, "rate_hz": 1000.0, "kills": 4}, {"total": 10_000, "rate_hz": 1000.0, "kills": 8},
        (EMBEDDED, EMBEDDED_PG), (EMBEDDED,),
    ),
    Fault(
        "F8", "store locked for long, small queue", store_stalled,
        {"total": 9000, "rate_hz": 1000.0, "stalled_s": 8.0}, {"total": 20_000, "rate_hz": 2000.0, "stalled_s": 12.0},
        ALL, (MOSQUITTO,), {"max_queue": 1000, "batch_messages": 500},
    ),
    Fault(
        "F9", "network: reset, cut, slow, narrow, swallowed", foul_weather,
        {"total": 4000, "rate_hz": 1000.0, "faults": 5, "hole_s": 1.0},
        {"total": 12_000, "rate_hz": 1000.0, "faults": 10, "hole_s": 7.0},
        ALL, (MOSQUITTO,), {"between": ("ingest", "devices")},
    ),
    Fault(
        "F10", "network: link down", link_down,
        {"total": 3000, "rate_hz": 1000.0, "down_s": 2.0}, {"total": 12_000, "rate_hz": 1000.0, "down_s": 8.0},
        (EMBEDDED, MOSQUITTO), (MOSQUITTO,), namespace=True,
    ),
    Fault(
        "F16", "clocks stepped: -36 s, +1 d, -1 d, back", clocks_stepped,
        {"total": 4000, "rate_hz": 700.0}, {"total": 12_000, "rate_hz": 1000.0},
        ALL, (EMBEDDED,),
    ),
    Fault(
        "F17", "burst as fast as it goes", burst,
        {"total": 5000, "devices": 2, "rows": 1}, {"total": 30_000, "devices": 2, "rows": 1},
        ALL, (MOSQUITTO_PG,),
    ),
    Fault(
        "F17b", "burst, 10 frames a message", burst,
        {"total": 1000, "devices": 2, "rows": 10}, {"total": 10_000, "devices": 2, "rows": 10},
        ALL, (),
    ),
    Fault(
        "F18", "three rows that the database refuses", poison,
        {"total": 1000, "rate_hz": 1e9, "guilty": (7, 8, 700)}, {"total": 5000, "rate_hz": 1e9, "guilty": (7, 8, 3000)},
        ALL, (MOSQUITTO, MOSQUITTO_PG),
    ),
    Fault(
        "F19", "the table of hostile inputs", hostile_inputs,
        {"total": 1000, "rate_hz": 500.0}, {"total": 5000, "rate_hz": 1000.0},
        ALL, (MOSQUITTO,), {"more_sources": sources()},
    ),
)  # fmt: skip


def prepare(fault: Fault, rig: Rig) -> None:
    """What must stand before the first process starts."""
    if fault.number == "F16":
        rig.own_processes["ingest"] = [str(HERE / "stepped_ingest.py")]
