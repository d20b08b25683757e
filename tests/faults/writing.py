"""A writer with a real mirror, for the tests of what is done with stores; and a process of it, to be killed."""

from __future__ import annotations

import atexit
import os
import socket
import sqlite3
import tempfile
from contextlib import closing, contextmanager
from pathlib import Path

import numpy as np
import psycopg

from connectors.stores.sql import open_history, open_store
from twin.alarms import ActionKind, AlarmAction, AlarmRule, Bound, Limit, On, Priority, rules_by_asset
from twin.clock import NS_PER_S
from twin.keyframes import resume_with_alarms
from twin.ports import Commit, Folded, SourceCount
from twin.sample import Frames, Kind, Signal, batch_of, stream_of
from twin.site import Asset, Hub, Name, Site

T0 = 1_795_328_000 * NS_PER_S
ARM = stream_of(
    "jeonju/cell1/ur3", "joints", [Signal("q0", unit="rad"), Signal("q1"), Signal("q2")], sequenced=True, period_s=0.1,
    source="mqtt",
)  # fmt: skip
CELL = stream_of("jeonju/cell1/oven", "climate", [Signal("temperature", unit="Cel")], period_s=0.1, source="mqtt")
DOOR = stream_of("changwon/cell2/door", "state", [Signal("state", Kind.STATE), Signal("note", Kind.TEXT)], source="uns")
OVEN = "jeonju/cell1/oven"
HOT = AlarmRule(
    "hot", Limit(On("temperature"), Bound.HI, 2.0, deadband=0.5), Priority.HIGH, *[Name("뜨거움", "Hot")] * 3
)
COLD = AlarmRule(
    "cold", Limit(On("temperature"), Bound.LO, -2.0, deadband=0.5), Priority.LOW, *[Name("차가움", "Cold")] * 3
)
HUB = Hub(
    "h",
    Name("h", "h"),
    (Site("jeonju", Name("j", "j"), Name("j", "j"), "UTC", (1.0, 1.0), assets=(Asset(OVEN, "oven", Name("o", "o")),)),),
)
RULES = rules_by_asset(HUB, {"oven": (HOT, COLD)})
WORDS = ("open", "닫힘", "moving", None)


def part_of(stream, first, count, t0_ns=T0, step_ns=NS_PER_S // 10):
    """Frames ``first`` to ``first + count`` of a stream, the same each time they are asked for."""
    i = np.arange(first, first + count)
    t_ns = t0_ns + i * step_ns
    values = np.round(np.sin(i[:, None] / (7.0 + np.arange(stream.width))) * 3, 3)
    if stream.width > 1:
        values[i % 17 == 0, 1] = np.nan
    texts = tuple((WORDS[(k // 5) % 4], f"frame {k} 가") for k in i.tolist()) if stream.text_columns else ()
    return Frames(
        stream,
        t_ns,
        i.astype(np.int64),
        t_ns + 5_000_000,
        values.reshape(count, stream.width),
        np.full(count, 192, np.int16),
        texts,
    )


class Writer:
    """Stores batch after batch as ingest does: one transaction, a real fold, keyframes."""

    def __init__(self, url, name="ingest", store=None):
        self.url, self.name = url, name
        self.store = open_store(url) if store is None else store
        with closing(open_history(url)) as history:
            self.mirror, self.keyframes, self.alarms = resume_with_alarms(history, name, RULES)
        self.n = self.store.next_batch(name)

    def fold(self, batch):
        events = self.mirror.apply(batch)
        keyframe = self.keyframes.after(self.name, self.mirror)
        # Each tenth batch somebody has acknowledged the one alarm; the other nobody looks at.
        action = AlarmAction(ActionKind.ACKNOWLEDGE, f"{OVEN}:hot", "kim", batch.tick_ns, id=batch.n)
        actions = () if batch.n % 10 else (action,)
        alarms = self.alarms.apply(batch, self.mirror, events, actions, keep=keyframe is not None)
        return Folded(events, self.mirror.changed, keyframe, alarms)

    def append(self, *parts, tick_ns=None):
        parts = [part for part in parts if len(part)]
        tick_ns = max((int(part.received_ns.max()) for part in parts), default=T0) if tick_ns is None else tick_ns
        counts = {}
        for part in parts:
            counts[part.stream.source] = counts.get(part.stream.source, 0) + len(part)
        told = tuple(SourceCount(name, n, n, decoded_frames=n) for name, n in counts.items())
        batch = batch_of(self.name, self.n, max(tick_ns, self.mirror.tick_ns), parts)
        outcome = self.store.append(Commit(batch, counts=told), self.fold)
        self.alarms.settled()
        self.n += 1
        return outcome

    def run(self, batches, frames=20, start=0, **when):
        """``batches`` batches of ``frames`` frames of each of three streams."""
        for k in range(start, start + batches):
            self.append(*(part_of(stream, k * frames, frames, **when) for stream in (ARM, CELL, DOOR)))
        return self

    def close(self):
        self.store.close()


def written(url, batches, frames=20, **when):
    writer = Writer(url).run(batches, frames, **when)
    writer.close()
    return url


_MADE: dict[tuple, bytes] = {}


def copied(folder: Path, batches, frames=20, **when) -> str:
    """A store as `written` makes it, made once and copied from then on; its URL."""
    key = (batches, frames, *sorted(when.items()))
    if key not in _MADE:
        with tempfile.TemporaryDirectory() as place:
            written(sqlite_url(Path(place)), batches, frames, **when)
            _MADE[key] = checkpointed(Path(place) / "twin.db").read_bytes()
    (folder / "twin.db").write_bytes(_MADE[key])
    return sqlite_url(folder)


def sqlite_url(folder: Path) -> str:
    return f"sqlite:///{folder / 'twin.db'}"


def checkpointed(path: Path) -> Path:
    """The file with all its log in it, and no log beside it."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return path


def pages_of(path: Path, table: str) -> list[int]:
    """The offsets of a table's leaf pages in a checkpointed file of 4096-byte pages (no dbstat in this build)."""
    with closing(sqlite3.connect(path)) as connection:
        root = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = ?", (table,)).fetchone()[0]
    data = path.read_bytes()
    leaves, waiting = [], [root]
    while waiting:
        page = waiting.pop()
        start = (page - 1) * 4096
        head = start + (100 if page == 1 else 0)
        kind, cells = data[head], int.from_bytes(data[head + 3 : head + 5], "big")
        if kind in (13, 10):
            leaves.append(start)
            continue
        for cell in range(cells):
            at = start + int.from_bytes(data[head + 12 + 2 * cell : head + 14 + 2 * cell], "big")
            waiting.append(int.from_bytes(data[at : at + 4], "big"))
        waiting.append(int.from_bytes(data[head + 8 : head + 12], "big"))
    return sorted(leaves)


def spoil(path: Path, offset: int, bytes_: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(bytes_)


def stored(history):
    """Every frame of every stream, as comparable rows."""
    rows = set()
    for stream in history.streams().values():
        if stream.asset.startswith("twin/"):
            continue
        found = history.frames(stream.id, -(2**62), 2**62)
        for k in range(len(found)):
            values = tuple(None if np.isnan(x) else float(x) for x in found.values[k])
            rows.add((stream.id, int(found.t_ns[k]), int(found.seq[k]), values, found.texts[k] if found.texts else ()))
    return rows


def postgres_answers() -> bool:
    try:
        socket.create_connection(("127.0.0.1", 5432), timeout=1).close()
    except OSError:
        return False
    return True


def _server(sql: str) -> None:
    with psycopg.connect(host="127.0.0.1", user="root", dbname="postgres", autocommit=True) as connection:
        connection.execute(sql)


@contextmanager
def server_database(word: str, template: str = "template1"):
    """A database of this test's own on the PostgreSQL server, dropped at the end; its URL."""
    name = f"twin_{word}_{os.getpid()}"
    _server(f"CREATE DATABASE {name} TEMPLATE {template}")
    try:
        yield f"postgresql://root@127.0.0.1/{name}"
    finally:
        _server(f"DROP DATABASE {name} WITH (FORCE)")


_SERVED: dict[tuple, str] = {}


@contextmanager
def server_copied(word: str, batches, frames=20, **when):
    """As `copied`, on the PostgreSQL server."""
    key = (batches, frames, *sorted(when.items()))
    if key not in _SERVED:
        name = f"twin_made{len(_SERVED)}_{word}_{os.getpid()}"
        _server(f"CREATE DATABASE {name}")
        atexit.register(_server, f"DROP DATABASE {name} WITH (FORCE)")
        written(f"postgresql://root@127.0.0.1/{name}", batches, frames, **when)
        _SERVED[key] = name
    with server_database(word, _SERVED[key]) as url:
        yield url
