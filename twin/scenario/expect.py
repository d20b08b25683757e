"""What a scenario expects, and whether it came about."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from twin.alarms.record import AlarmEventKind
from twin.clock import NS_PER_S
from twin.events import EventKind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from twin.alarms.record import AlarmEvent
    from twin.events import Event
    from twin.kpi import Kpi
    from twin.scenario.model import Scenario

RAISED = (AlarmEventKind.RAISED, AlarmEventKind.REPEATED)


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether an expectation came about: what was ``expected``, and what was ``found`` instead or beside it.

    ``met`` is None where it was not asked: a hash under another seed.
    """

    expected: str
    met: bool | None
    found: str


@dataclass(slots=True)
class Told:
    """Everything that a scenario told. ``rows`` are (t_ns, value) of the signals that are asked for.

    ``kpi`` gives a figure by its name, its scope and a time; None where the scope counts nothing.
    """

    scenario: Scenario
    seed: int
    sha256: str = ""
    events: list[Event] = field(default_factory=list)
    journal: list[AlarmEvent] = field(default_factory=list)
    rows: Mapping[tuple[str, str], list[tuple[int, float | str]]] = field(default_factory=dict)
    kpi: Callable[[str, str, int, int], Kpi | None] = lambda *_: None

    def after_s(self, t_ns: int) -> str:
        """When that was, for people."""
        return f"{(t_ns - self.scenario.start_ns) / NS_PER_S:g} s"

    def window(self, after_s: float, within_s: float | None) -> tuple[int, int]:
        """[after, after + within), to the scenario's end at the latest."""
        end_ns = self.scenario.end_ns if within_s is None else self.scenario.ns(after_s + within_s)
        return self.scenario.ns(after_s), min(end_ns, self.scenario.end_ns + 1)


@dataclass(frozen=True, slots=True)
class AlarmExpected:
    """An alarm is raised in [after, after + within), and is cleared within a time of that; or never is."""

    alarm: str
    after_s: float = 0.0
    within_s: float | None = None
    cleared_within_s: float | None = None
    never: bool = False

    def judge(self, told: Told) -> Verdict:
        """Look into the journal."""
        start_ns, end_ns = told.window(self.after_s, self.within_s)
        mine = [one for one in told.journal if one.alarm == self.alarm]
        raised = [one.t_ns for one in mine if one.kind in RAISED and start_ns <= one.t_ns < end_ns]
        when = _window(self.after_s, self.within_s)
        if self.never:
            found = f"raised at {told.after_s(raised[0])}" if raised else "not raised"
            return Verdict(f"alarm {self.alarm} not raised{when}", not raised, found)
        expected = f"alarm {self.alarm} raised{when}"
        if self.cleared_within_s is not None:
            expected += f", cleared within {self.cleared_within_s:g} s of it"
        if not raised:
            others = [told.after_s(one.t_ns) for one in mine if one.kind in RAISED]
            return Verdict(expected, False, f"raised at {', '.join(others)}" if others else self._instead(told))
        found = f"raised at {told.after_s(raised[0])}"
        if self.cleared_within_s is None:
            return Verdict(expected, True, found)
        cleared = [one.t_ns for one in mine if one.kind is AlarmEventKind.CLEARED and one.t_ns > raised[0]]
        if not cleared:
            return Verdict(expected, False, found + ", not cleared")
        in_time = cleared[0] - raised[0] <= round(self.cleared_within_s * NS_PER_S)
        return Verdict(expected, in_time, f"{found}, cleared at {told.after_s(cleared[0])}")

    def _instead(self, told: Told) -> str:
        """What the asset raised instead."""
        asset = self.alarm.partition(":")[0]
        others = sorted({one.alarm for one in told.journal if one.kind in RAISED and one.asset == asset})
        return "not raised" + (f", but {', '.join(others[:8])}" if others else "")


@dataclass(frozen=True, slots=True)
class AlarmsExpected:
    """So many alarms are raised in all."""

    at_least: int = 0
    at_most: int | None = None

    def judge(self, told: Told) -> Verdict:
        """Count the journal."""
        raised = [one.alarm for one in told.journal if one.kind in RAISED]
        names = ", ".join(sorted(set(raised))[:8])
        return _counted("alarms raised", len(raised), self.at_least, self.at_most, names)


@dataclass(frozen=True, slots=True)
class StateExpected:
    """An asset comes into a state in [after, after + within)."""

    asset: str
    state: str
    after_s: float = 0.0
    within_s: float | None = None

    def judge(self, told: Told) -> Verdict:
        """Look into the events."""
        start_ns, end_ns = told.window(self.after_s, self.within_s)
        changes = [
            one
            for one in told.events
            if one.kind is EventKind.STATE_CHANGED and one.asset == self.asset and start_ns <= one.t_ns < end_ns
        ]
        reached = next((one.t_ns for one in changes if one.after == self.state), None)
        expected = f"{self.asset} {self.state}{_window(self.after_s, self.within_s)}"
        if reached is not None:
            return Verdict(expected, True, f"at {told.after_s(reached)}")
        others = sorted({one.after for one in changes})
        return Verdict(expected, False, f"only {', '.join(others)}" if others else "no change of state")


@dataclass(frozen=True, slots=True)
class EventsExpected:
    """So many events of a kind happen at an asset, or below a path."""

    kind: EventKind
    asset: str
    at_least: int = 0
    at_most: int | None = None

    def judge(self, told: Told) -> Verdict:
        """Count the events."""
        found = [
            one
            for one in told.events
            if one.kind is self.kind and (one.asset == self.asset or one.asset.startswith(self.asset + "/"))
        ]
        return _counted(f"{self.kind} at {self.asset}", len(found), self.at_least, self.at_most)


@dataclass(frozen=True, slots=True)
class SignalExpected:
    """A signal is above, below or equal to something at some moment in [after, after + within)."""

    asset: str
    signal: str
    above: float | None = None
    below: float | None = None
    text: str | None = None
    after_s: float = 0.0
    within_s: float | None = None

    def judge(self, told: Told) -> Verdict:
        """Look at what was measured."""
        start_ns, end_ns = told.window(self.after_s, self.within_s)
        rows = [row for row in told.rows.get((self.asset, self.signal), []) if start_ns <= row[0] < end_ns]
        wanted = [
            f"{word} {value}"
            for word, value in (("above", self.above), ("below", self.below), ("=", self.text))
            if value is not None
        ]
        expected = f"{self.asset}:{self.signal} {' and '.join(wanted)}{_window(self.after_s, self.within_s)}"
        hit = next((t_ns for t_ns, value in rows if self._is_met(value)), None)
        if hit is not None:
            return Verdict(expected, True, f"at {told.after_s(hit)}")
        numbers = [value for _, value in rows if not isinstance(value, str)]
        if numbers:
            return Verdict(expected, False, f"from {min(numbers):g} to {max(numbers):g}")
        return Verdict(expected, False, ", ".join(sorted({str(value) for _, value in rows})[:8]) or "never told")

    def _is_met(self, value: float | str) -> bool:
        if isinstance(value, str):
            return value == self.text
        return (self.above is None or value > self.above) and (self.below is None or value < self.below)


@dataclass(frozen=True, slots=True)
class KpiExpected:
    """A figure of a scope over [from, to) lies between ``low`` and ``high``, both included."""

    name: str
    of: str
    low: float | None = None
    high: float | None = None
    from_s: float = 0.0
    to_s: float | None = None

    def judge(self, told: Told) -> Verdict:
        """Work the figure out."""
        start_ns = told.scenario.ns(self.from_s)
        end_ns = told.scenario.end_ns if self.to_s is None else told.scenario.ns(self.to_s)
        kpi = told.kpi(self.name, self.of, start_ns, end_ns)
        low = "" if self.low is None else f" ≥ {self.low:g}"
        high = "" if self.high is None else f" ≤ {self.high:g}"
        expected = f"{self.name} of {self.of}{low}{high}"
        if kpi is None or kpi.value is None:
            return Verdict(expected, False, "undefined: " + ("nothing counts there" if kpi is None else kpi.why_none))
        met = (self.low is None or kpi.value >= self.low) and (self.high is None or kpi.value <= self.high)
        return Verdict(expected, met, f"{kpi.value:.4g} {kpi.unit}".removesuffix(" 1"))


@dataclass(frozen=True, slots=True)
class HashExpected:
    """The hash of what the scenario makes with its own seed."""

    sha256: str

    def judge(self, told: Told) -> Verdict:
        """Compare; under another seed there is nothing to compare with."""
        if told.seed != told.scenario.seed:
            return Verdict(f"hash {self.sha256[:12]}", None, f"{told.sha256[:12]}, with another seed")
        return Verdict(f"hash {self.sha256[:12]}", told.sha256 == self.sha256, told.sha256)


Expectation: TypeAlias = (
    AlarmExpected | AlarmsExpected | StateExpected | EventsExpected | SignalExpected | KpiExpected | HashExpected
)


def signals_of(expectations: Iterable[Expectation]) -> frozenset[tuple[str, str]]:
    """The (asset, signal) that expectations look at."""
    return frozenset((one.asset, one.signal) for one in expectations if isinstance(one, SignalExpected))


def _window(after_s: float, within_s: float | None) -> str:
    after = f" after {after_s:g} s" if after_s else ""
    return after if within_s is None else f" within {within_s:g} s{after}"


def _counted(what: str, count: int, at_least: int, at_most: int | None, names: str = "") -> Verdict:
    bounds = [f"at least {at_least}"] if at_least else []
    bounds += [] if at_most is None else [f"at most {at_most}"]
    met = count >= at_least and (at_most is None or count <= at_most)
    return Verdict(f"{what}: {' and '.join(bounds)}", met, f"{count}" + (f" ({names})" if names else ""))
