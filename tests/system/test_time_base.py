"""A replay by receipt: what had come in by a moment, beside what was measured by it; the same as the mirror had it."""

from __future__ import annotations

import asyncio
from contextlib import closing
from types import SimpleNamespace

import pytest
from access_world import World, packets_of

from connectors.packet import decode_packet
from connectors.stores.sql import open_history, open_store
from dashboards.received import Instants
from twin.clock import NS_PER_MS, NS_PER_S
from twin.instant import mirror_at
from twin.keyframes import KeyframePolicy
from twin.mirror import Mirror
from twin.ports import Commit, Folded
from twin.sample import Signal, batch_of, frame, stream_of

T0 = 1_795_328_000 * NS_PER_S
SECONDS, CUT, BACK, CAME = 90, 20, 40, 50
"""From second `CUT` to `BACK` the gateway keeps what is measured; at `CAME` it brings all of it."""
METER = stream_of("jeonju/weld/EM-1", "data", [Signal("power", unit="kW")], period_s=1.0, source="a")
OTHER = stream_of("changwon/machining/EM-11", "data", [Signal("power", unit="kW")], period_s=1.0, source="b")


def ms(second):
    return (T0 + second * NS_PER_S) / NS_PER_MS


@pytest.fixture(scope="module")
def world(demo_factory, tmp_path_factory):
    folder = tmp_path_factory.mktemp("base")
    url = f"sqlite:///{folder / 'twin.db'}"
    with closing(open_store(url)) as store:
        mirror, keyframes = Mirror(), KeyframePolicy()

        def fold(batch):
            return Folded(mirror.apply(batch), mirror.changed, keyframes.after("w", mirror))

        for second in range(SECONDS):
            now_ns = T0 + second * NS_PER_S
            held = range(CUT, BACK) if second == CAME else ()
            measured = [*held, *([] if CUT <= second < BACK else [second])]
            parts = [frame(METER, T0 + one * NS_PER_S, one, now_ns, [float(one)]) for one in measured]
            parts.append(frame(OTHER, now_ns, second, now_ns, [float(second)]))
            store.append(Commit(batch_of("w", second + 1, now_ns, parts)), fold)
    end_ns = T0 + SECONDS * NS_PER_S
    made = World(SimpleNamespace(factory=demo_factory, url=url, folder=folder, end_ns=end_ns), folder)
    asyncio.run(made.hub.load())
    yield made
    made.reader.close()
    made.desk.close()


def state(world, second, base, who="all"):
    answer = world.get("/view/state", who, at_ms=ms(second), base=base)
    assert answer.status_code == 200, answer.text
    return values(world, [answer.content])


def values(world, packets):
    """The newest value by asset that some packets leave."""
    found = {}
    for body in packets:
        for _, one in decode_packet(body, world.hub._streams)[2]:
            found[one.stream.asset] = float(one.values[0])
    return found


def test_a_moment_shows_what_was_measured_by_it_or_what_had_come_in(world):
    assert state(world, 30, "device")[METER.asset] == 30.0
    assert state(world, 30, "receive")[METER.asset] == CUT - 1
    # What came late does not move the newest value back, and is there for both from then on.
    assert state(world, CAME, "receive") == state(world, CAME, "device") == {METER.asset: CAME, OTHER.asset: CAME}


def test_a_trend_by_receipt_has_only_what_had_come_in(world):
    def drawn(base, points=1000):
        asked = {"signal": f"{METER.asset}:power", "from_ms": ms(0), "to_ms": ms(60), "max_points": points}
        return world.get("/view/trend", "all", as_of_ms=ms(45), base=base, **asked).json()

    assert drawn("device")["mean"] == [float(one) for one in range(46)]
    assert drawn("receive")["mean"] == [float(one) for one in (*range(CUT), *range(BACK, 46))]
    few = drawn("receive", 10)
    assert few["raw"] is False
    assert (few["min"][0], few["max"][0]) == (0.0, 4.0)
    assert few["max"][-1] == 45.0


@pytest.mark.parametrize("hz", [1.0, 0.25])
def test_what_is_played_by_receipt_is_the_mirror_at_each_step(world, hz):
    asked = {"from_ms": ms(10), "to_ms": ms(80), "hz": hz, "base": "receive"}
    packets = packets_of(world.get("/view/chunk", "all", **asked).content)
    assert len(packets) == 1 + int(70 * hz)
    with closing(open_history(f"sqlite:///{world.behind.folder / 'twin.db'}")) as history:
        for place in range(len(packets)):
            second = 10 + round(place / hz)
            mirror = mirror_at(history, "w", T0 + second * NS_PER_S)
            played = values(world, packets[: place + 1])
            assert played == {one.stream.asset: float(one.values[0]) for one in mirror.latest.values()}, second
    stood = [values(world, packets[: 1 + round((second - 10) * hz)])[METER.asset] for second in (18, 34, 54)]
    assert stood == [18.0, CUT - 1, 54.0]


def test_a_moment_that_may_still_get_a_batch_is_not_kept(world):
    with closing(open_history(f"sqlite:///{world.behind.folder / 'twin.db'}")) as history:
        instants = Instants()
        for second, kept in ((SECONDS - 1, False), (SECONDS - 2, True)):
            found = instants.at(history, T0 + second * NS_PER_S)
            assert found[OTHER.id].values[0] == second
            assert (instants.at(history, T0 + second * NS_PER_S) is found) is kept


def test_of_another_site_nothing_comes_by_either_base(world):
    for base in ("device", "receive"):
        assert state(world, 30, base, "eva").keys() == {METER.asset}
        asked = {"from_ms": ms(10), "to_ms": ms(30), "hz": 1.0, "base": base}
        assert values(world, packets_of(world.get("/view/chunk", "eva", **asked).content)).keys() == {METER.asset}


def test_the_answers_of_the_bases_are_not_mixed_up_and_one_that_is_none_is_refused(world):
    def lost(base):
        answer = world.get("/view/overview", "all", as_of_ms=ms(34), base=base)
        assert answer.status_code == 200, answer.text
        return next(one for one in answer.json()["sites"] if one["id"] == "jeonju")["states"].get("lost", 0)

    # By receipt the meter had been silent for a quarter of a minute; by device time it measured all the while.
    before = lost("receive")
    assert lost("device") == before - 1
    assert lost("receive") == before
    assert world.get("/view/overview", "all", as_of_ms=ms(30), base="sideways").status_code == 422
    gone = world.get("/view/state", "all", at_ms=ms(-3600), base="receive")
    assert (gone.status_code, values(world, [gone.content])) == (200, {})
