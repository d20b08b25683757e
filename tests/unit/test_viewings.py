"""Open pages and their replays: known, seen by those who may, warned and ended when nobody touches them."""

from __future__ import annotations

import json

import pytest

from dashboards.viewings import MAX_TOLD, Viewings
from twin.clock import NS_PER_MS, NS_PER_S, ManualClock
from twin.policy import EVERY_SITE, Person, Role

NOW_NS = 1_800_000_000 * NS_PER_S
PAST_MS = NOW_NS / NS_PER_MS - 3_600_000


def person(name, *sites, role=Role.ENGINEER):
    return Person(name, role, frozenset(sites or {EVERY_SITE}))


class Opened:
    """A page of a person, and what its browser was told."""

    def __init__(self, viewings, who, site="*"):
        self.viewings, self.sent = viewings, []
        self.one = viewings.join(who, site, lambda text: self.sent.append(json.loads(text)))

    def says(self, **told):
        self.viewings.hear(self.one, json.dumps({"page": "/", **told}))


@pytest.fixture
def clock():
    return ManualClock(NOW_NS)


@pytest.fixture
def viewings(clock):
    return Viewings(clock, idle_s=300.0)


def test_a_replay_is_known_with_its_moment_and_since_when(viewings, clock):
    kim = person("kim")
    page = Opened(viewings, kim)
    page.says(page="/cell/jeonju/weld/line1/R-101", at_ms=PAST_MS, speed=8, playing=True)
    clock.advance(20)
    page.says(page="/cell/jeonju/weld/line1/R-101", at_ms=PAST_MS + 160_000, speed=8, playing=True)
    (row,) = viewings.told(viewings.seen_by(kim), kim)
    assert (row["who"], row["own"], row["mode"], row["speed"], row["playing"]) == ("kim", True, "replay", 8, True)
    assert row["at_ms"] == PAST_MS + 160_000
    assert row["replay_since_ms"] == NOW_NS / NS_PER_MS
    assert (row["idle_s"], row["ends_ms"]) == (20, (NOW_NS + 300 * NS_PER_S) / NS_PER_MS)
    page.says(page="/alarms")
    (row,) = viewings.told(viewings.seen_by(kim), kim)
    assert (row["mode"], row["at_ms"], row["ends_ms"], row["replay_since_ms"]) == ("live", None, None, None)
    viewings.leave(page.one)
    assert viewings.seen_by(kim) == []


def test_a_replay_that_nobody_touches_is_warned_and_then_ended_and_a_touch_keeps_it(viewings, clock):
    page = Opened(viewings, person("kim"))
    page.says(at_ms=PAST_MS, playing=True, active=True)
    clock.advance(239)
    viewings.look()
    assert page.sent == []
    clock.advance(1)
    viewings.look()
    viewings.look()
    ends_ms = (NOW_NS + 300 * NS_PER_S) / NS_PER_MS
    assert page.sent == [{"type": "session", "ends_ms": ends_ms, "ended": False}]
    page.says(at_ms=PAST_MS, active=True)
    assert page.sent[-1] == {"type": "session", "ends_ms": None, "ended": False}
    clock.advance(299)
    page.says(at_ms=PAST_MS + 1, playing=True)  # it plays on by itself: nobody is there
    viewings.look()
    clock.advance(1)
    viewings.look()
    assert page.sent[-1] == {"type": "session", "ends_ms": None, "ended": True}
    viewings.look()
    assert len(page.sent) == 4


def test_the_present_never_ends_and_with_nought_no_replay_does(viewings, clock):
    live, past = Opened(viewings, person("kim")), Opened(viewings, person("lee"))
    live.says()
    clock.advance(100_000)
    viewings.idle_s = 0.0
    past.says(at_ms=PAST_MS)
    clock.advance(100_000)
    viewings.look()
    assert (live.sent, past.sent) == ([], [])
    assert viewings.ends_ns(past.one) is None


def test_of_another_site_nobody_hears(viewings):
    everywhere, here, there = person("all"), person("eva", "jeonju"), person("chang", "changwon")
    wide, mine, lost = (
        Opened(viewings, everywhere),
        Opened(viewings, here, "jeonju"),
        Opened(viewings, there, "changwon"),
    )
    elsewhere = Opened(viewings, here)
    elsewhere.says(page="/trends")
    mine.says(page="/floor/jeonju")
    both = Opened(viewings, person("bo", "jeonju", "changwon"), "jeonju")
    both.says(page="/compare")
    strays = Opened(viewings, everywhere, "jeonju")
    strays.says(page="/cell/changwon/machining/line1/T-301")

    def seen(who):
        return {one.id for one in viewings.seen_by(who)}

    assert seen(here) == {mine.one.id, elsewhere.one.id, both.one.id}
    assert seen(there) == {lost.one.id}
    assert seen(everywhere) == {one.one.id for one in (wide, mine, lost, elsewhere, both, strays)}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ping",
        "[]",
        '{"page": 1}',
        '{"page": "/", "at_ms": "x"}',
        '{"page": "/", "more": 1}',
        '{"page": "/' + "x" * MAX_TOLD,
    ],
)
def test_what_cannot_be_read_is_nothing(viewings, text):
    page = Opened(viewings, person("kim"))
    page.says(page="/alarms", at_ms=PAST_MS)
    viewings.hear(page.one, text)
    assert (page.one.page, page.one.at_ns) == ("/alarms", round(PAST_MS * NS_PER_MS))


def test_a_browser_cannot_say_what_cannot_be(viewings):
    page = Opened(viewings, person("kim"))
    page.says(page="javascript:alert(1)", at_ms=NOW_NS / NS_PER_MS + 60_000, speed=1e9, playing=True, since_ms=1.0)
    assert (page.one.page, page.one.at_ns, page.one.speed, page.one.playing) == ("", None, 1.0, False)
    assert page.one.since_ns == NOW_NS
    page.says(since_ms=PAST_MS)
    assert page.one.since_ns == round(PAST_MS * NS_PER_MS)
