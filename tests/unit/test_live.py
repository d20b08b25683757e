"""The hub and what it tells each browser."""

from __future__ import annotations

import asyncio

import numpy as np

from connectors.packet import CHANGES, FULL, decode_packet, encode_packet
from connectors.stores.memory import MemoryStore
from dashboards.live import LiveHub
from dashboards.reader import Reader
from twin.clock import NS_PER_S, ManualClock
from twin.mirror import Mirror
from twin.ports import Commit, Folded
from twin.sample import Latest, Signal, batch_of, frame, stream_of
from twin.site import Hub, Name

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
