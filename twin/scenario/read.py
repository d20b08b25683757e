"""TOML → `Scenario`, with every mistake reported at once."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from twin._table import Table
from twin.clock import ns_from_iso
from twin.errors import ConfigError
from twin.events import EventKind
from twin.kpi import ZERO, kpis
from twin.packml import UnitState, state_named
from twin.scenario.expect import (
    AlarmExpected,
    AlarmsExpected,
    EventsExpected,
    Expectation,
    HashExpected,
    KpiExpected,
    SignalExpected,
    StateExpected,
)
from twin.scenario.model import BATCH_S, Scenario
from twin.simulation.changes import Errand, Setting, setting_problem
from twin.simulation.faults import Fault, FaultKind, near, problem_of
from twin.simulation.plant import ASSET_TYPES
from twin.site import Name

if TYPE_CHECKING:
    from collections.abc import Mapping

    from twin.alarms.rule import RulesByAsset
    from twin.errors import Mistake
    from twin.site import Asset, Hub, Node, Site

DAY_S = 86_400.0
NAMES = tuple(dict.fromkeys(one.name for one in kpis(ZERO)))
"""Every figure there is."""
_STEPS = ("fault", "set", "send")
_EXPECTED = ("alarm", "alarms", "state", "event", "signal", "kpi", "hash")


def parse_scenario(data: Mapping[str, object], hub: Hub, rules: RulesByAsset, path: str = "") -> Scenario:
    """The scenario that a TOML document tells, for a site of ``hub``; raises ConfigError with all mistakes.

    ``rules`` are the alarm rules of its assets.
    """
    mistakes: list[Mistake] = []
    table = Table(data, "", mistakes)
    name, title = table.get("name", str), table.table("title")
    site_id = table.get("site", str, choices=tuple(site.id for site in hub.sites))
    site = hub.site(site_id)
    seed = table.get("seed", int, 0)
    start_ns = _start(table)
    duration_s = table.get("duration_s", float)
    if not 0 < duration_s <= DAY_S and "duration_s" in data:
        table.wrong("duration_s", f"{duration_s:g} s is not above 0 and at most a day")
    batch_s = table.get("batch_s", float, BATCH_S)
    if not 0.1 <= batch_s <= 60:  # noqa: PLR2004  told in the message
        table.wrong("batch_s", f"{batch_s:g} s is not from 0.1 to 60")
    reading = _Reading(site, rules, duration_s)
    for one in table.tables("step"):
        reading.step(one)
        one.done()
    expectations = []
    for one in table.tables("expect"):
        found = reading.expectation(one)
        expectations += [found] if found is not None else []
        one.done()
    scenario = Scenario(
        name, Name(title.get("ko", str, name), title.get("en", str, name)), site_id, seed, start_ns, duration_s,
        breakdowns=table.get("breakdowns", bool, False), full_rate=table.get("full_rate", bool, False),
        batch_s=batch_s, attributes=tuple(reading.attributes), faults=tuple(reading.faults),
        settings=tuple(reading.settings), errands=tuple(reading.errands), expectations=tuple(expectations),
    )  # fmt: skip
    title.done()
    table.has("factory")
    table.done()
    if mistakes:
        raise ConfigError(tuple(mistakes), path)
    return scenario


def _start(table: Table) -> int:
    """When it begins: a TOML time with an offset, or the same as text."""
    given = table.data.get("start") if table.has("start") else None
    if isinstance(given, datetime) and given.tzinfo is not None:
        given = given.isoformat()
    try:
        return ns_from_iso(given if isinstance(given, str) else str(given or ""))
    except ValueError:
        table.wrong("start", f"{given!s} is no time", "write start = 2026-11-16T09:00:00+09:00")
        return 0


class _Reading:
    """Steps and expectations of one file. Mutable: it gathers the steps by their kind."""

    def __init__(self, site: Site | None, rules: RulesByAsset, duration_s: float) -> None:
        self._site = site
        self._rules = rules
        self._assets = {asset.id: asset for asset in site.assets} if site else {}
        self._duration_s = duration_s
        self.attributes: list[Setting] = []
        self.faults: list[Fault] = []
        self.settings: list[Setting] = []
        self.errands: list[Errand] = []

    def step(self, table: Table) -> None:
        """One ``[[step]]``: a fault, a setting, or an order to a mobile robot."""
        at_s = self._time(table, "at_s", 0.0)
        kinds = [kind for kind in _STEPS if table.has(kind)]
        asset = self._asset(table, "asset")
        if len(kinds) != 1:
            table.wrong("fault", "a step is one of fault, set, send", "write just one of them")
            return
        if kinds == ["fault"]:
            self._fault(table, at_s, asset)
        elif kinds == ["set"]:
            self._setting(table, at_s, asset)
        else:
            node = table.get("send", str, choices=tuple(n.id for n in self._nodes() if n.kind == "station"))
            if asset is not None and asset.type != "mobile_robot":
                table.wrong("asset", f"{asset.id} is of type {asset.type}", "only mobile robots are sent")
            if asset is not None:
                self.errands.append(Errand(at_s, asset.id, node))

    def _fault(self, table: Table, at_s: float, asset: Asset | None) -> None:
        kind = table.get("fault", str, choices=tuple(kind.value for kind in FaultKind))
        numbers = [table.get(name, float, value) for name, value in (("for_s", 0.0), ("severity", 1.0), ("every_s", 0))]
        if asset is None or kind not in list(FaultKind):
            return
        fault = Fault(FaultKind(kind), asset.id, at_s, *numbers)
        problem = problem_of(fault, asset.type)
        if problem:
            table.wrong("fault", problem)
        self.faults.append(fault)

    def _setting(self, table: Table, at_s: float, asset: Asset | None) -> None:
        name, value = table.get("set", str), table.get("to", float)
        if asset is None:
            return
        one = Setting(at_s, asset.id, name, value)
        if at_s == 0:
            known = sorted({key for other in self._assets.values() for key in other.attributes})
            if name not in known:
                table.wrong("set", f"no asset has an attribute {name!r}", f"one of: {', '.join(known)}")
            self.attributes.append(one)
            return
        problem = setting_problem(one)
        if problem:
            table.wrong("set", problem, "with at_s = 0 any attribute of the factory file may be another one")
        self.settings.append(one)

    def expectation(self, table: Table) -> Expectation | None:
        """One ``[[expect]]``; None where it has a mistake that leaves nothing to expect."""
        kinds = [kind for kind in _EXPECTED if table.has(kind)]
        if len(kinds) != 1:
            table.wrong("alarm", f"an expectation is one of {', '.join(_EXPECTED)}", "write just one of them")
            return None
        found: Expectation | None = getattr(self, f"_{kinds[0]}")(table)
        return found

    def _alarm(self, table: Table) -> Expectation | None:
        asset_id, _, rest = table.get("alarm", str).partition(":")
        asset = self._known(table, "alarm", asset_id)
        rules = [rule.name for rule in self._rules(asset.id)] if asset is not None else []
        if asset is not None and rest.partition(":")[0] not in rules:
            table.wrong("alarm", f"{asset.id} has no alarm {rest!r}", f"one of: {', '.join(rules)}")
        after_s, within_s = self._window(table)
        cleared_s = table.get("cleared_within_s", float, 0.0) if table.has("cleared_within_s") else None
        never = table.get("never", bool, False)
        return AlarmExpected(f"{asset.id}:{rest}", after_s, within_s, cleared_s, never) if asset is not None else None

    def _alarms(self, table: Table) -> Expectation:
        at_least, at_most = _bounds(table.table("alarms"))
        return AlarmsExpected(at_least, at_most)

    def _state(self, table: Table) -> Expectation | None:
        word = table.get("state", str)
        if state_named(word) is UnitState.UNDEFINED:
            table.wrong("state", f"{word!r} is no state", f"one of: {', '.join(UnitState)}")
        asset, (after_s, within_s) = self._asset(table, "asset"), self._window(table)
        return StateExpected(asset.id, state_named(word).value, after_s, within_s) if asset is not None else None

    def _event(self, table: Table) -> Expectation | None:
        kind = table.get("event", str, choices=tuple(kind.value for kind in EventKind))
        below = table.get("below", str, "")
        site = self._site.id if self._site else ""
        at_least, at_most = _bounds(table)
        if kind not in list(EventKind):
            return None
        return EventsExpected(EventKind(kind), f"{site}/{below}" if below else site, at_least, at_most)

    def _signal(self, table: Table) -> Expectation | None:
        name, asset = table.get("signal", str), self._asset(table, "asset")
        above, below = (table.get(key, float, 0.0) if table.has(key) else None for key in ("above", "below"))
        text = table.get("text", str, "") if table.has("text") else None
        after_s, within_s = self._window(table)
        if above is None and below is None and text is None:
            table.wrong("signal", "nothing is said of it", "write above, below or text")
        if asset is None:
            return None
        kind = ASSET_TYPES.get(asset.type)
        known = [signal.name for stream in kind.streams for signal in stream.signals] if kind else []
        if name not in known:
            table.wrong("signal", f"{asset.type} has no signal {name!r}", f"one of: {', '.join(known)}")
        return SignalExpected(asset.id, name, above, below, text, after_s, within_s)

    def _kpi(self, table: Table) -> Expectation | None:
        name = table.get("kpi", str, choices=NAMES)
        of, site = table.get("of", str, ""), self._site.id if self._site else ""
        low, high = (table.get(key, float, 0.0) if table.has(key) else None for key in ("low", "high"))
        if low is None and high is None:
            table.wrong("kpi", "nothing is said of it", "write low or high")
        from_s = self._time(table, "from_s", 0.0)
        to_s = self._time(table, "to_s", self._duration_s) if table.has("to_s") else None
        return KpiExpected(name, f"{site}/{of}" if of else site, low, high, from_s, to_s)

    def _hash(self, table: Table) -> Expectation:
        return HashExpected(table.get("hash", str))

    def _window(self, table: Table) -> tuple[float, float | None]:
        after_s = self._time(table, "after_s", 0.0)
        return after_s, table.get("within_s", float, 0.0) if table.has("within_s") else None

    def _time(self, table: Table, name: str, default: float) -> float:
        at_s = table.get(name, float, default)
        if not 0 <= at_s <= self._duration_s:
            table.wrong(name, f"{at_s:g} s is not within the scenario's {self._duration_s:g} s")
        return at_s

    def _asset(self, table: Table, name: str) -> Asset | None:
        return self._known(table, name, table.get(name, str))

    def _known(self, table: Table, name: str, given: str) -> Asset | None:
        """The asset of that id, told with its site before it or without."""
        site = self._site.id if self._site else ""
        found = self._assets.get(f"{site}/{given}") or self._assets.get(given)
        if found is None and self._site is not None and given:
            listed = [asset.removeprefix(site + "/") for asset in self._assets]
            hint = near(given, listed).replace("with its site's id before it", "without its site's id")
            table.wrong(name, f"{site} has no asset {given!r}", hint)
        return found

    def _nodes(self) -> tuple[Node, ...]:
        return self._site.nodes if self._site else ()


def _bounds(table: Table) -> tuple[int, int | None]:
    at_least = table.get("at_least", int, 0)
    at_most = table.get("at_most", int, 0) if table.has("at_most") else None
    if not at_least and at_most is None:
        table.wrong("at_least", "missing", "write at_least or at_most")
    if table.key.endswith(".alarms"):
        table.done()
    return at_least, at_most
