"""The hub and what it tells each browser."""

from __future__ import annotations

import asyncio
import json

import numpy as np

from connectors.packet import CHANGES, FULL, decode_packet, encode_packet
from connectors.stores.memory import MemoryStore
from dashboards.live import LiveHub
from dashboards.reader import Reader
from dashboards.summary.alarm_words import AlarmWords
from twin.alarms import (
    AlarmEvent,
    AlarmEventKind,
    AlarmRule,
    AlarmState,
    Bound,
    Limit,
    On,
    Priority,
    rules_by_asset,
)
from twin.alarms.kept import AlarmsFolded
from twin.clock import NS_PER_S, ManualClock
from twin.mirror import Mirror
from twin.ports import Commit, Folded
from twin.sample import Latest, Signal, batch_of, frame, stream_of
from twin.site import Asset, Hub, Name, Site

T0 = 1_750_000_000 * NS_PER_S
STREAMS = [stream_of(f"{site}/A-{i}", "data", [Signal("x")], period_s=1.0) for site in ("a", "b") for i in range(5)]


def _store(streams=STREAMS) -> MemoryStore:
    store, mirror = MemoryStore(), Mirror()
    _append(store, mirror, 1, streams)
    return store


def _append(store, mirror, n, streams) -> None:
    batch = batch_of("w", n, T0, [frame(one, T0, n, T0, [0.0]) for one in streams])
    store.append(Commit(batch), lambda stored: Folded(mirror.apply(stored), mirror.changed))


def _hub(store: MemoryStore) -> LiveHub:
    clock = ManualClock(T0)
    hub = LiveHub(Hub("h", Name("h", "h"), ()), {}, Reader(lambda: store, clock), clock)
    asyncio.run(hub.load())
    hub._tick()  # what was loaded counts as changed once
    return hub


def _packet(hub: LiveHub, streams, value: float) -> bytes:
    keys = {stream.id: key for key, stream in hub.streams.items()}
    now_ns = hub.clock.now_ns()
    entries = [(keys[one.id], Latest(one, now_ns, 0, now_ns, 192, np.array([value]))) for one in streams]
    return encode_packet(CHANGES, now_ns, entries)


def test_a_client_begins_with_the_full_state_of_its_site():
    hub = _hub(_store())
    _, first = hub.join("a")
    kind, _, entries = decode_packet(first[1], hub.streams)
    assert kind == FULL
    assert {latest.stream.id for _, latest in entries} == {one.id for one in STREAMS if one.id.startswith("a/")}


def test_clients_of_one_site_are_given_the_same_bytes():
    hub = _hub(_store())
    one, two = hub.join("a")[0], hub.join("a")[0]
    other = hub.join("b")[0]
    hub.receive(_packet(hub, STREAMS[:2], 1.0))
    hub._tick()
    assert one.packet is two.packet is not None
    assert other.packet is None


def test_a_stalled_client_keeps_the_newest_of_each_stream_and_no_more():
    hub = _hub(_store())
    stalled = hub.join("*")[0]
    for value in range(500):
        hub.clock.advance(0.1)
        hub.receive(_packet(hub, STREAMS, float(value)))
        hub._tick()
    assert stalled.packet is None, "no packet waits, only the names of what changed"
    assert len(stalled.pending) == len(STREAMS)
    (message,) = hub.take(stalled)
    entries = decode_packet(message, hub.streams)[2]
    assert {float(latest.values[0]) for _, latest in entries} == {499.0}
    assert hub.take(stalled) == []


def test_a_new_stream_brings_the_directory_before_the_packet_that_uses_it():
    store = MemoryStore()
    mirror = Mirror()
    _append(store, mirror, 1, STREAMS[:1])
    hub = _hub(store)
    client = hub.join("*")[0]
    _append(store, mirror, 2, STREAMS[1:2])
    key = next(key for key, stream in store.streams().items() if stream.id == STREAMS[1].id)
    hub.receive(encode_packet(CHANGES, T0, [(key, Latest(STREAMS[1], T0, 0, T0, 192, np.array([7.0])))]))
    assert STREAMS[1].id not in hub.latest
    asyncio.run(hub._learn())
    hub._tick()
    directory, packet = hub.take(client)
    assert STREAMS[1].id in directory
    assert decode_packet(packet, hub.streams)[2][0][1].values[0] == 7.0


def test_a_packet_under_way_does_not_undo_what_the_store_already_had():
    hub = _hub(_store())
    name = STREAMS[0].id
    key = next(key for key, stream in hub.streams.items() if stream.id == name)
    old = Latest(STREAMS[0], T0 - NS_PER_S, 0, T0 - NS_PER_S, 192, np.array([9.0]))
    hub.receive(encode_packet(CHANGES, T0, [(key, old)]))
    assert hub.latest[name].values[0] == 0.0


HOT = AlarmRule(
    "hot", Limit(On("x"), Bound.HI, 10.0), Priority.HIGH, Name("뜨거움", "Hot"), Name("-", "-"), Name("-", "-")
)  # fmt: skip


def _warm(n: int, hot: dict[str, bool]) -> AlarmsFolded:
    """What a fold would tell: alarms of assets, raised or over and acknowledged."""
    states = {
        f"{asset}:hot": AlarmState(
            f"{asset}:hot", asset, "hot", "x", raised=on, acknowledged=not on, occurrence=n, raised_ns=T0, value=11.0
        )
        for asset, on in hot.items()
    }
    kinds = {True: AlarmEventKind.RAISED, False: AlarmEventKind.CLEARED}
    events = tuple(
        AlarmEvent(kinds[one.raised], T0, one.id, one.asset, "hot", priority=Priority.HIGH, state=one)
        for one in states.values()
    )
    return AlarmsFolded(events, {alarm: one if one.raised else None for alarm, one in states.items()})


class Watched:
    """A hub of two sites whose alarms are stored by hand (mutable)."""

    def __init__(self) -> None:
        sites = tuple(
            Site(
                name,
                Name(name, name),
                Name(name, name),
                "UTC",
                (9.0, 9.0),
                assets=(Asset(f"{name}/A-0", "t", Name("", "")),),
            )
            for name in ("a", "b")
        )
        self.store, self.mirror, self.n = _store(), Mirror(), 1
        clock = ManualClock(T0)
        hub = Hub("h", Name("h", "h"), sites)
        words = AlarmWords(rules_by_asset(hub, {"t": (HOT,)}))
        self.hub = LiveHub(hub, {}, Reader(lambda: self.store, clock), clock, words=words)
        asyncio.run(self.hub.load())
        self.hub._tick()

    def fold(self, **hot: bool) -> None:
        self.n += 1
        folded = _warm(self.n, {asset.replace("_", "/A-"): on for asset, on in hot.items()})
        self.store.append(Commit(batch_of("w", self.n, T0, [])), lambda _: Folded((), (), alarms=folded))

    def look(self) -> None:
        asyncio.run(self.hub.look_at_alarms())

    def told(self, client) -> list[dict]:
        messages = [json.loads(one) for one in self.hub.take(client) if isinstance(one, str)]
        return [one for one in messages if one["type"] == "alarms"]


def test_a_client_begins_with_every_alarm_of_every_site_and_hears_what_changes():
    watched = Watched()
    watched.fold(a_0=True)
    watched.look()
    client, first = watched.hub.join("b")
    begun = json.loads(first[-1])
    assert (begun["type"], begun["full"], [row["id"] for row in begun["alarms"]]) == ("alarms", True, ["a/A-0:hot"])
    assert begun["alarms"][0]["name"] == {"ko": "뜨거움", "en": "Hot"}
    assert begun["load"]["a"] == {"recent_ms": [T0 / 1e6], "flood": False}
    watched.fold(a_0=False, b_0=True)
    watched.look()
    (news,) = watched.told(client)
    assert ([row["id"] for row in news["alarms"]], news["gone"], news["full"]) == (["b/A-0:hot"], ["a/A-0:hot"], False)


def test_a_journal_that_stands_still_is_not_read_and_tells_nothing():
    watched = Watched()
    watched.fold(a_0=True)
    watched.look()
    client = watched.hub.join("*")[0]
    watched.look()
    assert watched.told(client) == []
    assert not watched.hub.alarms.is_due(watched.store.last_alarm_event(), watched.hub.clock.now_ns())
    watched.hub.clock.advance(11.0)
    assert watched.hub.alarms.is_due(watched.store.last_alarm_event(), watched.hub.clock.now_ns())


def test_a_stalled_client_is_told_the_newest_of_each_alarm_once():
    watched = Watched()
    watched.look()
    client = watched.hub.join("*")[0]
    for _ in range(20):
        watched.fold(a_0=True)
        watched.look()
    watched.fold(b_0=True)
    watched.look()
    (news,) = watched.told(client)
    assert {row["id"]: row["occurrence"] for row in news["alarms"]} == {"a/A-0:hot": 21, "b/A-0:hot": 22}
    assert watched.told(client) == []


def test_eleven_alarms_in_ten_minutes_are_a_flood_and_four_are_none():
    watched = Watched()
    for _ in range(11):
        watched.fold(a_0=True)
    watched.look()
    assert watched.hub.alarms.load["a"]["flood"]
    assert len(watched.hub.alarms.load["a"]["recent_ms"]) == 11
    assert not watched.hub.alarms.load["b"]["flood"]
