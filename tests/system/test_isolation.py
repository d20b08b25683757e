"""A replay is alone with its past: whatever is asked as of a moment, nothing from after it is served."""

from __future__ import annotations

import asyncio
import itertools
import json
from dataclasses import replace
from types import SimpleNamespace

import pytest
from access_world import World, packets_of, routes_of
from hypothesis import example, given, settings
from hypothesis import strategies as st
from recording_plant import Devices
from simulated import START_NS

from connectors.packet import decode_packet
from twin.clock import NS_PER_MS, NS_PER_S
from twin.message import Message

MOMENTS = ("as_of_ms", "as_of")
"""The parameters by which a call is asked as of a moment."""
NOT_BOUND = {"received_ms", "ends_ms"}
"""Late data are told as of their device time, with when they came; and when a shift ends is planned."""
PLANNED = {"shifts"}
"""What a calendar says is known before: the shifts that a report can be made of."""
MOST_QUERIES = 3
CUT_S = 120


@pytest.fixture(scope="module")
def world(recorded, tmp_path_factory):
    made = World(recorded, tmp_path_factory.mktemp("isolation"), people={})
    asyncio.run(made.hub.load())
    yield made
    made.reader.close()
    made.desk.close()


def times_of(value, key=""):
    """Every time in an answer: numbers under a key that ends in _ms, and both ends of segments."""
    if key in PLANNED:
        return
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from times_of(inner, name)
    elif key == "segments":
        yield from (time for segment in value for time in segment[:2])
    elif isinstance(value, list):
        for inner in value:
            yield from times_of(inner, key)
    elif isinstance(value, int | float) and key.endswith("_ms") and key not in NOT_BOUND:
        yield value


def asked(world) -> list[tuple[str, str, dict[str, object]]]:
    """(path, its parameter for the moment, the other parameters) of every call that can be asked as of a moment."""
    found = []
    for method, path, route in routes_of(world.app._app):
        if method != "GET" or not path.startswith(("/view/", "/api/v1/")) or not hasattr(route, "dependant"):
            continue
        names = [one.alias for one in route.dependant.query_params]
        moment = next((name for name in MOMENTS if name in names), "")
        if not moment:
            continue
        known = values(world)
        missing = [one.alias for one in route.dependant.query_params if one.field_info.is_required()]
        assert not set(missing) - known.keys() - {moment}, (
            f"{path} needs {missing}: say in `values` what to ask it with"
        )
        free = [name for name in names if name in known]
        queries = itertools.product(
            *([one for one in known[name] if one is not None or name not in missing] for name in free)
        )
        found += [
            (path, moment, {name: value for name, value in zip(free, chosen, strict=True) if value is not None})
            for chosen in itertools.islice(queries, MOST_QUERIES)
        ]
    return found


def values(world) -> dict[str, list[object]]:
    streams = sorted(world.hub._streams.values(), key=lambda one: one.id)
    arm = next(one for one in streams if one.asset.startswith("jeonju/weld/line1/R-") and one.columns)
    tool = next(one for one in streams if one.asset.startswith("changwon/") and one.columns)
    first_ms, last_ms = (value / NS_PER_MS for value in (world.clock.now_ns() - 3_600e9, world.clock.now_ns()))
    return {
        "site": ["jeonju", "changwon"],
        "asset": [None, arm.asset],
        "signal": [f"{one.asset}:{one.columns[0].name}" for one in (arm, tool)],
        "pen": [f"{arm.asset}:{arm.columns[0].name}"],
        "place": ["jeonju/weld/line1"],
        "scope": ["jeonju", "jeonju/weld/line1", arm.asset],
        "from_ms": [first_ms],
        "to_ms": [last_ms],
        "hz": [0.1],
        "start_ms": [first_ms],
        "end_ms": [last_ms],
    }


def told_after(world, path: str, query: dict[str, object], as_of_ms: float) -> list[float]:
    answer = world.get(path, **query)
    assert answer.status_code == 200, (path, query, answer.text[:300])
    kind = answer.headers["content-type"]
    if kind == "application/octet-stream":
        packets = [answer.content] if path == "/view/state" else packets_of(answer.content)
        entries = [latest for one in packets for _, latest in decode_packet(one, world.hub._streams)[2]]
        return [one.t_ns / NS_PER_MS for one in entries if one.t_ns / NS_PER_MS > as_of_ms]
    if not kind.startswith("application/json"):
        return []
    return [time for time in times_of(json.loads(answer.text)) if time > as_of_ms]


def test_of_no_call_an_answer_as_of_a_moment_holds_anything_from_after_it(world, recorded, capsys):
    calls = asked(world)
    assert len({path for path, _, _ in calls}) >= 15
    start_ms, span_ms = recorded.start_ns / NS_PER_MS, (recorded.end_ns - recorded.start_ns) / NS_PER_MS
    answers = moments = 0

    @settings(max_examples=settings().max_examples // 25, deadline=None)
    @given(fraction=st.floats(-0.05, 1.0))
    def check(fraction: float) -> None:
        nonlocal answers, moments
        moments += 1
        as_of_ms = float(int(start_ms + fraction * span_ms))
        for path, moment, query in calls:
            late = told_after(world, path, {**query, moment: as_of_ms}, as_of_ms)
            assert not late, (path, query, as_of_ms, late[:3])
            answers += 1

    check()
    with capsys.disabled():
        print(f"\n{answers} answers of {len(calls)} calls at {moments} moments: nothing from after the moment")


@pytest.fixture(scope="module")
def cut_off(recorded, tmp_path_factory):
    """The same plants, of which nothing was recorded after `CUT_S`: what was known then, and no more."""
    folder = tmp_path_factory.mktemp("cut_off")
    devices = Devices(recorded.factory, f"sqlite:///{folder / 'twin.db'}")
    devices.record(CUT_S)
    devices.store.close()
    made = World(replace(recorded, url=f"sqlite:///{folder / 'twin.db'}"), folder, people={})
    asyncio.run(made.hub.load())
    yield made
    made.reader.close()
    made.desk.close()


def test_an_answer_as_of_a_moment_is_what_it_would_be_had_nothing_been_recorded_since(world, cut_off, capsys):
    calls = asked(world)
    answers = 0

    @settings(max_examples=settings().max_examples // 25, deadline=None)
    @given(second=st.integers(1, CUT_S - 10))
    def check(second: int) -> None:
        nonlocal answers
        as_of_ms = float((START_NS + second * NS_PER_S) // NS_PER_MS)
        for path, moment, query in calls:
            whole, part = (one.get(path, **{**query, moment: as_of_ms}) for one in (world, cut_off))
            assert whole.status_code == part.status_code == 200, (path, query, whole.text[:300], part.text[:300])
            assert told(whole) == told(part), (path, query, second)
            answers += 1

    check()
    with capsys.disabled():
        print(f"\n{answers} answers are the same without what was recorded later")


HELD_S, CAME_S, LATE_S = range(20, 40), 58, 75
"""What a line says in `HELD_S` its gateway keeps, and brings at `CAME_S`."""


class Gateway(Devices):
    """The same plants; what the welding line says for some seconds comes late (mutable)."""

    waiting: tuple[Message, ...] = ()

    def send(self, message: Message) -> None:
        second = (self.clock.now_ns() - START_NS) // NS_PER_S
        if second >= CAME_S:
            held, self.waiting = self.waiting, ()
            for one in held:
                super().send(one._replace(received_ns=self.clock.now_ns()))
        if message.topic.startswith("jeonju/weld/") and second in HELD_S:
            self.waiting += (message,)
        else:
            super().send(message)


@pytest.fixture(scope="module")
def late_and_before(demo_factory, tmp_path_factory):
    """A plant of which something came late, and the same before it came."""
    made = []
    for name, until_s in (("late", LATE_S), ("before", CAME_S - 3)):
        folder = tmp_path_factory.mktemp(name)
        url, end_ns = f"sqlite:///{folder / 'twin.db'}", START_NS + until_s * NS_PER_S
        devices = Gateway(demo_factory, url)
        devices.run(end_ns, slow=True)
        devices.store.close()
        made.append(
            World(SimpleNamespace(factory=demo_factory, url=url, folder=folder, end_ns=end_ns), folder, people={})
        )
        asyncio.run(made[-1].hub.load())
    yield made
    for one in made:
        one.reader.close()
        one.desk.close()


def taking_base(world) -> set[str]:
    """The paths that can be asked by receipt."""
    return {
        path
        for _, path, route in routes_of(world.app._app)
        if hasattr(route, "dependant")
        and any(one.alias == "base" for part in route.dependant.dependencies for one in part.query_params)
    }


def test_by_receipt_an_answer_is_what_it_would_be_had_nothing_come_in_since(late_and_before, capsys):
    late, before = late_and_before
    calls = [("/view/state", "at_ms", {}), *(one for one in asked(late) if one[0] in taking_base(late))]
    paths = {path for path, _, _ in calls}
    assert paths >= {"/view/lanes", "/view/events", "/view/trend", "/view/overview", "/api/v1/alarms/journal"}
    answers, differ = 0, set()

    @settings(max_examples=settings().max_examples // 25, deadline=None)
    @example(second=HELD_S[13])
    @given(second=st.integers(1, CAME_S - 5))
    def check(second: int) -> None:
        nonlocal answers
        as_of_ms = float((START_NS + second * NS_PER_S) // NS_PER_MS)
        for path, moment, query in calls:
            at = {**query, moment: as_of_ms}
            whole, part = (one.get(path, **at, base="receive") for one in (late, before))
            assert whole.status_code == part.status_code == 200, (path, at, whole.text[:300], part.text[:300])
            assert told(whole) == told(part), (path, at)
            assert not told_after(late, path, {**at, "base": "receive"}, as_of_ms), (path, at)
            if told(late.get(path, **at)) != told(before.get(path, **at)):
                differ.add(path)
            answers += 1

    check()
    assert differ >= {"/view/state", "/view/lanes", "/view/trend"}, "by device time what came late is there"
    with capsys.disabled():
        print(
            f"\n{answers} answers by receipt are the same without what came later; {len(differ)} calls differ by device time"
        )


def test_the_two_recordings_tell_different_presents(world, cut_off):
    """Comparing them would be worth nothing if they held the same."""
    differ = {
        path for path, _, query in asked(world) if told(world.get(path, **query)) != told(cut_off.get(path, **query))
    }
    assert len(differ) >= 15, sorted(differ)


def told(answer):
    """An answer's content: its JSON, or its bytes."""
    return answer.json() if answer.headers["content-type"].startswith("application/json") else answer.content


def test_the_same_walk_finds_what_the_present_holds(world, recorded):
    """The walk would be worth nothing if no call ever told of a time that late."""
    middle_ms = (recorded.start_ns + recorded.end_ns) / 2 / NS_PER_MS
    told = {path for path, _, query in asked(world) if told_after(world, path, query, middle_ms)}
    assert {"/view/overview", "/view/events", "/api/v1/latest", "/api/v1/events", "/view/trend"} <= told, sorted(told)
