"""What is laid over a trend: alarms at the moment of their cause, losses and errors."""

from __future__ import annotations

from dashboards.summary.trend import meanwhile
from twin.alarms import AlarmEvent, AlarmEventKind
from twin.alarms.rule import Priority
from twin.events import Event, EventKind

R = "jeonju/weld/R-1"
MS = 1_000_000


class Told:
    """A view over a journal and events in memory."""

    clock_ns = 10_000 * MS

    def __init__(self, alarms=(), events=()) -> None:
        self.alarms = alarms
        self.told = events

    def streams(self):
        return {}

    def events(self, start_ns, end_ns, *, asset="", kinds=(), limit=1000):
        found = [one for one in self.told if start_ns <= one.t_ns < end_ns and one.kind in kinds]
        return [one for one in found if one.asset == asset or not asset][:limit]

    def alarm_events(self, start_ns, end_ns, *, asset="", alarm="", kinds=(), limit=1000):
        found = [one for one in self.alarms if start_ns <= one.t_ns < end_ns and (not kinds or one.kind in kinds)]
        return [one for one in found if one.asset == asset and alarm in ("", one.alarm)][:limit]


def alarm(kind, t_ms, **more):
    told = {"asset": R, "rule": "hot", "signal": "temperature", "priority": Priority.HIGH, **more}
    return AlarmEvent(kind, t_ms * MS, f"{told['asset']}#hot", **told)


def test_an_alarm_stands_where_its_cause_was_measured():
    view = Told([alarm(AlarmEventKind.RAISED, 5000, cause_ns=4800 * MS), alarm(AlarmEventKind.CLEARED, 6000)])
    (one,) = meanwhile(view, {R}, 0, view.clock_ns)["alarms"]
    assert one == {
        "t_ms": 4800.0, "alarm": f"{R}#hot", "asset": R, "rule": "hot", "signal": "temperature", "hidden": False,
        "priority": 2,
    }  # fmt: skip


def test_what_was_hidden_from_operators_says_so_and_what_is_of_others_is_not_laid_over():
    view = Told([alarm(AlarmEventKind.RAISED, 5000, hidden=True), alarm(AlarmEventKind.RAISED, 5000, asset="x/y")])
    assert [(one["asset"], one["hidden"]) for one in meanwhile(view, {R}, 0, view.clock_ns)["alarms"]] == [(R, True)]


def test_losses_and_errors_are_told_newest_first_and_the_everyday_is_not():
    kinds = (EventKind.ASSET_LOST, EventKind.ORDER_CHANGED, EventKind.ASSET_RETURNED)
    events = [Event(kind, at * MS, R, "", "", "") for at, kind in enumerate(kinds, 10)]
    told = meanwhile(Told(events=events), {R}, 0, 10_000 * MS)["events"]
    assert [one["kind"] for one in told] == ["AssetReturned", "AssetLost"]
