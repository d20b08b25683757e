"""The alarms of a plant as a left fold over batches (ISA-18.2 / IEC 62682).

Beside the mirror, never without it: the mirror says which frames are news and which words have changed.
Everything is told by the batches' ticks, so live, replay and what-if make the same journal. What came late
(`LATE_NS`) is told by when it was measured, delays too, and hidden: the past is in the journal where it
belongs, and nobody is called for what is long over. What still lasts when it has come is shown.

How ingest folds it, in the transaction of the batch: ``events = mirror.apply(batch)``, then
``journal = book.apply(batch, mirror, (*outside, *events), actions)``, where ``outside`` are the decoders'
events stored with the batch and ``actions`` the operators' that waited for it; all are kept with the
batch's number, and `canonical` goes into the keyframe beside the mirror's, whole each time: it is small, and
`twin.mirror.difference` knows no line that is gone. A batch that is cut anew, or whose transaction failed:
`undo` both. How `History` answers ``twin alarms``: what is active is
``book.alarms``, the journal is the stored events, and `twin.alarms.performance` counts it. When rules
change, the fold goes on from a keyframe: alarms whose rule has gone are dropped there (`restore`).
"""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import astuple, dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from twin.alarms.desk import TIME_OVER, Refusal, given, refusal
from twin.alarms.flood import Flood
from twin.alarms.record import ActionKind, AlarmEvent, AlarmEventKind, AlarmState
from twin.alarms.rule import Deviation, DeviceError, Frozen, InState, Missing, Rate, Stale
from twin.alarms.trend import Trend
from twin.alarms.watch import Check, Watchers, alarm_of, split_alarm
from twin.clock import NS_PER_S
from twin.events import EventKind
from twin.ids import site_of
from twin.packml import state_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from twin.alarms.record import AlarmAction
    from twin.alarms.rule import AlarmRule, Rules
    from twin.events import Event
    from twin.mirror import Mirror
    from twin.sample import Batch, Frames, Latest, Stream

_CHECK_EVERY_NS = NS_PER_S
_FRESH_S = 10.0
"""A stream that sends on change only tells of its sensors for so long after its last frame."""
_LOOKS = 8
"""A number that never moves must have been seen at least so often, evenly, to count as stuck."""
MAX_ALARMS_AN_ASSET = 200
"""From here on a device's further errors are one alarm: what a device tells must not fill the memory."""
MORE = "more"
LATE_NS = 60 * NS_PER_S
"""What was measured longer ago than this came late: from a store-and-forward, a queue, history."""
SHOWN_AFTER_NS = 5 * NS_PER_S
"""An alarm that came late and still lasts so long after it came is shown to operators."""
MAX_TEXT = 200
"""How much of a text that raised an alarm is kept with it."""
_ONCE = (AlarmEventKind.REPEATED, AlarmEventKind.CLEARED)

Change = tuple[int, bool, "float | str | None"]
"""When, whether the value is beyond from there on, and the value."""


@dataclass(slots=True)
class _Undo:
    alarms: dict[str, AlarmState | None]
    trends: dict[str, Trend | None]
    floods: dict[str, tuple[list[int], bool]]
    head: tuple[int, int, int, int]


class AlarmBook:
    """Every alarm that is not normal. Mutable: only the one writer that folds may call `apply` and `undo`.

    ``rules`` gives an asset's rules (`rules_by_asset`). Values inside are never changed, only replaced.
    """

    def __init__(self, rules: Callable[[str], Rules]) -> None:
        self.alarms: dict[str, AlarmState] = {}
        self.floods: dict[str, Flood] = {}
        """By site: its control room is the operating position."""
        self.n = 0
        self.tick_ns = 0
        self.occurrences = 0
        """How many rows the list of alarms ever had."""
        self._rules = rules
        self._watchers = Watchers(rules)
        self._checked_ns = 0
        self._trends: dict[str, Trend] = {}
        self._open: dict[str, set[str]] = {}
        """By stream: alarms that a frame of it may end."""
        self._crowd: dict[str, int] = {}
        """By asset: how many of its alarms are kept."""
        self._timing: set[str] = set()
        """Alarms that time alone moves."""
        self._told: list[AlarmEvent] = []
        self._places: dict[tuple[str, AlarmEventKind], int] = {}
        self._undo: _Undo | None = None

    @property
    def changed(self) -> dict[str, AlarmState | None]:
        """The alarms whose facts the last `apply` touched, as they are now; None where they are normal."""
        touched = self._undo.alarms if self._undo is not None else {}
        return {alarm: self.alarms.get(alarm) for alarm in touched}

    def apply(
        self, batch: Batch, mirror: Mirror, events: Iterable[Event] = (), actions: Iterable[AlarmAction] = ()
    ) -> tuple[AlarmEvent, ...]:
        """Fold one batch that ``mirror`` has just folded; returns what is to be told, in order.

        ``events`` are the mirror's of this batch and the devices' own; ``actions`` come first, then the
        frames, then what time alone does.
        """
        floods = {site: (list(flood.raised_ns), flood.on) for site, flood in self.floods.items()}
        self._undo = _Undo({}, {}, floods, (self.n, self.tick_ns, self.occurrences, self._checked_ns))
        self._told, self._places = [], {}
        self.n, self.tick_ns = batch.n, max(self.tick_ns, batch.tick_ns)
        for action in actions:
            self._act(action)
        if batch.frames:
            self._numbers(batch, mirror)
        for event in events:
            self._hear(event)
        if self.tick_ns - self._checked_ns >= _CHECK_EVERY_NS:
            self._checked_ns = self.tick_ns
            for check in self._watchers.watched.each_second:
                self._each_second(check, mirror)
        for alarm in sorted(self._timing):
            self._wait(self.alarms[alarm], mirror)
        for site in sorted(self.floods):
            self._flood(site, self.floods[site])
        return tuple(self._told)

    def undo(self) -> None:
        """Take the last `apply` back (its transaction failed, or its batch is cut anew)."""
        undo = self._undo
        if undo is None:
            return
        for alarm, state in undo.alarms.items():
            self._put(alarm, state)
        for alarm, trend in undo.trends.items():
            if trend is None:
                self._trends.pop(alarm, None)
            else:
                self._trends[alarm] = trend
        self.floods = {site: Flood(raised, on=on) for site, (raised, on) in undo.floods.items()}
        self.n, self.tick_ns, self.occurrences, self._checked_ns = undo.head
        self._undo = None

    def _numbers(self, batch: Batch, mirror: Mirror) -> None:
        """Work out limits and texts where a number is beyond one, or an alarm may end."""
        places = set(self._watchers.look(batch))
        if self._open:
            places |= {place for place, part in enumerate(batch.frames) if part.stream.id in self._open}
        places.update(self._watchers.with_texts)
        for place in sorted(places):
            part, watch = batch.frames[place], self._watchers.plan(place)
            rows = mirror.moved(part)
            if not len(rows):
                continue
            for check in watch.limits:
                self._turn(check, self._beyond(check, part, rows))
            for check in watch.texts:
                texts = ((int(part.t_ns[row]), part.texts[row][check.column]) for row in rows.tolist())
                self._turn(
                    check,
                    [(t_ns, _means(check.rule, text), text[:MAX_TEXT]) for t_ns, text in texts if text is not None],
                )

    def _beyond(self, check: Check, part: Frames, rows: np.ndarray[tuple[int], np.dtype[np.intp]]) -> list[Change]:
        """Where the column goes beyond its limit, and where it is back by the deadband."""
        values = part.values[rows, check.column]
        over, back = check.rows(values)
        state = self.alarms.get(check.alarm)
        is_beyond = state is not None and state.beyond
        if not (back if is_beyond else over).any():
            return []
        changes: list[Change] = []
        for place in np.flatnonzero(over | back).tolist():
            if bool(over[place]) is not is_beyond:
                is_beyond = not is_beyond
                changes.append((int(part.t_ns[rows[place]]), is_beyond, float(values[place])))
        return changes

    def _hear(self, event: Event) -> None:
        """Take a fact: a word that changed, an asset lost or back, a device's own error."""
        watched = self._watchers.watched
        if event.kind is EventKind.STATE_CHANGED:
            for check in watched.words.get((event.asset, event.signal), ()):
                self._turn(check, [(event.t_ns, _means(check.rule, event.after), event.after[:MAX_TEXT])])
        elif event.kind in (EventKind.ASSET_LOST, EventKind.ASSET_RETURNED):
            lost = event.kind is EventKind.ASSET_LOST
            for check in watched.silence.get(event.asset, ()):
                self._turn(check, [(event.t_ns, lost, None)])
        elif event.kind in (EventKind.ERROR_RAISED, EventKind.ERROR_CLEARED):
            raised = event.kind is EventKind.ERROR_RAISED
            for rule in self._rules(event.asset):
                if isinstance(rule.condition, DeviceError) and rule.condition.on is None:
                    check = self._error(event, rule)
                    self._turn(check, [(event.t_ns, raised, (event.after or event.before)[:MAX_TEXT])])

    def _error(self, event: Event, rule: AlarmRule) -> Check:
        """The alarm of a device's own error; those beyond what an asset may have are one alarm, `MORE`.

        That one is cleared with the first error that is told as gone and has no alarm of its own.
        """
        alarm = alarm_of(event.asset, rule, event.signal)
        crowded = self._crowd.get(event.asset, 0) >= MAX_ALARMS_AN_ASSET
        more = alarm_of(event.asset, rule, MORE)
        if alarm not in self.alarms and (crowded if event.kind is EventKind.ERROR_RAISED else more in self.alarms):
            return Check(more, event.asset, rule, MORE)
        return Check(alarm, event.asset, rule, event.signal)

    def _each_second(self, check: Check, mirror: Mirror) -> None:
        """What is looked at each second: rates, deviations, failing sensors, and streams that went silent."""
        latest = mirror.latest.get(check.stream)
        if latest is None:
            return
        condition = check.rule.condition
        if isinstance(condition, Stale):
            after_s = latest.stream.stale_after_s or 0.0
            from_ns = max(latest.received_ns, mirror.silence_counts_from_ns(check.asset))
            stale = self.tick_ns - from_ns > round(after_s * NS_PER_S)
            self._turn(check, [(latest.received_ns, stale, None)])
            return
        value = float(latest.values[check.column])
        if isinstance(condition, Frozen | Missing):
            self._sensor(check, condition, latest, value)
            return
        if math.isnan(value):
            return
        if isinstance(condition, Rate):
            trend = self._trends.get(check.alarm, Trend())
            moved = trend.at(latest.t_ns, value, round(condition.within_s * NS_PER_S))
            if moved is not trend:
                self._keep_trend(check.alarm)
                self._trends[check.alarm] = moved
                per_s = moved.per_s()
                beyond = per_s > condition.per_s if condition.per_s >= 0 else per_s < condition.per_s
                self._turn(check, [(latest.t_ns, beyond, per_s)])
        elif isinstance(condition, Deviation):
            place = self._watchers.find(check.asset, condition.other)
            other = mirror.latest.get(place[0]) if place is not None else None
            if place is None or other is None:
                return
            gap = value - float(other.values[place[1]])
            state = self.alarms.get(check.alarm)
            margin = condition.deadband if state is not None and state.beyond else 0.0
            beyond = gap > condition.value - margin if condition.bound.is_upper else gap < condition.value + margin
            if not math.isnan(gap):
                self._turn(check, [(max(latest.t_ns, other.t_ns), beyond, gap)])

    def _sensor(self, check: Check, condition: Frozen | Missing, latest: Latest, value: float) -> None:
        """A number that stays the same, or is absent; of a stream that is silent nothing new is told."""
        if self.tick_ns - latest.received_ns > round((latest.stream.stale_after_s or _FRESH_S) * NS_PER_S):
            state = self.alarms.get(check.alarm)
            if state is not None and not state.raised:
                self._turn(check, [(latest.t_ns, False, None)])
            return
        if isinstance(condition, Missing):
            self._turn(check, [(latest.t_ns, math.isnan(value), None)])
        elif not math.isnan(value):
            trend = self._trends.get(check.alarm, Trend())
            within_ns = round(condition.within_s * NS_PER_S)
            patience_s = latest.stream.stale_after_s or _FRESH_S
            held = trend.since(latest.t_ns, value, max(within_ns // _LOOKS, round(patience_s * NS_PER_S)))
            if held is not trend:
                self._keep_trend(check.alarm)
                self._trends[check.alarm] = held
            self._turn(check, [(latest.t_ns, held.still_ns(latest.t_ns) >= within_ns, value)])

    def _turn(self, check: Check, changes: Sequence[Change]) -> None:
        """Follow an alarm's condition through its changes, in order; delays begin at the tick, or when it was."""
        state = self.alarms.get(check.alarm)
        if state is not None and changes and state.stream != check.stream:
            state = replace(state, signal=check.signal, stream=check.stream)  # it was shelved before it was ever seen
        for t_ns, beyond, value in changes:
            if state is None:
                if not beyond:
                    continue
                state = AlarmState(check.alarm, check.asset, check.rule.name, check.signal, check.stream)
            if beyond is state.beyond:
                continue
            when_ns = self._when(t_ns)
            if when_ns != self.tick_ns:
                state = self._due(state, check.rule, when_ns)  # a delay ended before this change, long ago
            heard_ns = self.tick_ns if when_ns != self.tick_ns else 0
            state = replace(
                state, beyond=beyond, turning_ns=0 if beyond is state.raised else when_ns, heard_ns=heard_ns
            )
            if beyond and not state.raised:
                state = replace(state, cause_ns=t_ns, value=value)
            state = self._due(state, check.rule, when_ns)
            self._keep(state)

    def _when(self, t_ns: int) -> int:
        """When something counts that was measured at ``t_ns``: at the tick, or, where it came late, then."""
        return t_ns if self.tick_ns - t_ns > LATE_NS else self.tick_ns

    def _has_come(self, state: AlarmState, latest: Latest | None) -> bool:
        """Whether an alarm that came late lasts, or what ends it may be among what still comes.

        A device that catches up tells of ever later times, faster than they pass; one whose clock is slow does not.
        """
        if self.tick_ns - state.late_ns < SHOWN_AFTER_NS:
            return False
        if latest is None or self.tick_ns - latest.received_ns > LATE_NS:
            return True
        lag_ns = latest.received_ns - latest.t_ns
        return lag_ns <= LATE_NS or lag_ns > state.late_ns - state.raised_ns - SHOWN_AFTER_NS

    def _due(self, state: AlarmState, rule: AlarmRule, now_ns: int, from_ns: int = 0) -> AlarmState:
        """Raise or clear an alarm whose delay is over at a moment; no delay begins before ``from_ns``."""
        if state.beyond is state.raised:
            return state
        delay_ns = rule.off_delay_ns if state.raised else rule.on_delay_ns
        begun_ns = max(state.turning_ns, from_ns)
        if now_ns - begun_ns < delay_ns:
            return state
        due_ns = max(self._when(begun_ns + delay_ns), state.raised_ns, state.cleared_ns, state.acted_ns)
        return self._clear(state, rule, due_ns) if state.raised else self._raise(state, rule, due_ns)

    def _raise(self, state: AlarmState, rule: AlarmRule, now_ns: int) -> AlarmState:
        state = replace(state, raised=True, turning_ns=0, raised_ns=now_ns)
        if state.hidden:
            self._tell(AlarmEventKind.RAISED, state, rule, now_ns)
            return state
        if now_ns != self.tick_ns and state.acknowledged:
            self.occurrences += 1
            state = replace(state, late_ns=self.tick_ns, occurrence=self.occurrences, count=1)
            self._tell(AlarmEventKind.RAISED, state, rule, now_ns)
            return state
        if not state.acknowledged:
            state = replace(state, count=state.count + 1)
            self._tell(AlarmEventKind.REPEATED, state, rule, now_ns)
            return state
        return self._show(state, rule)

    def _show(self, state: AlarmState, rule: AlarmRule) -> AlarmState:
        """Give a raised alarm a row of its own in the operators' list."""
        self.occurrences += 1
        state = replace(
            state, acknowledged=False, latched=rule.latching, occurrence=self.occurrences, count=1, late_ns=0
        )
        self.floods.setdefault(site_of(state.asset), Flood()).add(self.tick_ns)
        self._tell(AlarmEventKind.RAISED, state, rule, self.tick_ns)
        return state

    def _clear(self, state: AlarmState, rule: AlarmRule, now_ns: int) -> AlarmState:
        state = replace(state, raised=False, turning_ns=0, cleared_ns=now_ns)
        self._tell(AlarmEventKind.CLEARED, state, rule, now_ns)
        return replace(state, late_ns=0)

    def _wait(self, state: AlarmState, mirror: Mirror) -> None:
        """Let time pass: delays end, and so do shelvings; what came late and lasts is shown.

        A delay does not run on while the hub does not hear: what was said last may be over.
        """
        rule = self._rule(state)
        if rule is None:
            return
        if 0 < state.shelved_until_ns <= self.tick_ns:
            state = replace(state, shelved_until_ns=0, who="", why=TIME_OVER)
            self._tell(AlarmEventKind.UNSHELVED, state, rule, self.tick_ns)
            state = self._show(state, rule) if state.raised and not state.hidden else state
        if state.turning_ns and self.tick_ns - state.heard_ns >= SHOWN_AFTER_NS:  # else what ends it may be on its way
            state = self._due(state, rule, self.tick_ns, mirror.silence_counts_from_ns(state.asset))
        if state.late_ns and self._has_come(state, mirror.latest.get(state.stream)):
            state = self._show(state, rule) if state.raised and not state.hidden else replace(state, late_ns=0)
        self._keep(state)

    def _act(self, action: AlarmAction) -> None:
        """Do what an operator asked for, or tell why it cannot be."""
        asset, name, signal = split_alarm(action.alarm)
        state = self.alarms.get(action.alarm) or AlarmState(action.alarm, asset, name, signal)
        rule = self._rule(state)
        problem = Refusal.NO_SUCH_ALARM if rule is None else refusal(action, state)
        if rule is None or problem is not None:
            refused = replace(state, who=action.who, why=f"{action.kind}:{problem}")
            self._tell(AlarmEventKind.REFUSED, refused, rule, self.tick_ns)
            return
        was_hidden = state.hidden
        kind, state = given(action, replace(state, acted_ns=self.tick_ns), self.tick_ns)
        told = replace(state, who=action.who, why=action.why)
        self._tell(kind, told, rule, self.tick_ns)
        if action.kind in (ActionKind.UNSHELVE, ActionKind.UNSUPPRESS, ActionKind.PUT_BACK):
            state = self._show(state, rule) if was_hidden and state.raised and not state.hidden else state
        self._keep(state)

    def _flood(self, site: str, flood: Flood) -> None:
        if flood.at(self.tick_ns):
            kind = AlarmEventKind.FLOOD_STARTED if flood.on else AlarmEventKind.FLOOD_ENDED
            self._told.append(AlarmEvent(kind, self.tick_ns, "", site, count=len(flood.raised_ns)))
        if not flood.raised_ns and not flood.on:
            del self.floods[site]

    def _rule(self, state: AlarmState) -> AlarmRule | None:
        return next((rule for rule in self._rules(state.asset) if rule.name == state.rule), None)

    def _tell(self, kind: AlarmEventKind, state: AlarmState, rule: AlarmRule | None, t_ns: int) -> None:
        """Add to the journal; of an alarm that chatters within a batch the last repeat and end are told."""
        event = AlarmEvent(
            kind, t_ns, state.id, state.asset, state.rule, state.signal,
            None if rule is None else rule.priority, state.occurrence, state.count, state.cause_ns, state.value,
            state.who, state.why, state.hidden or state.late_ns > 0, state,
        )  # fmt: skip
        if kind in _ONCE and t_ns == self.tick_ns:
            place = self._places.setdefault((state.id, kind), len(self._told))
            if place < len(self._told):
                self._told[place] = event
                return
        self._told.append(event)

    def _keep(self, state: AlarmState) -> None:
        if self._undo is not None:
            self._undo.alarms.setdefault(state.id, self.alarms.get(state.id))
        self._put(state.id, None if state.is_idle else state)

    def _keep_trend(self, alarm: str) -> None:
        if self._undo is not None:
            self._undo.trends.setdefault(alarm, self._trends.get(alarm))

    def _put(self, alarm: str, state: AlarmState | None) -> None:
        """Set an alarm's facts, and what they mean for the batches to come."""
        old = self.alarms.pop(alarm, None)
        if old is not None and old.stream in self._open:
            self._open[old.stream].discard(alarm)
            if not self._open[old.stream]:
                del self._open[old.stream]
        self._timing.discard(alarm)
        known = old or state
        if known is not None:
            self._crowd[known.asset] = self._crowd.get(known.asset, 0) + (state is not None) - (old is not None)
            if not self._crowd[known.asset]:
                del self._crowd[known.asset]
        if state is None:
            return
        self.alarms[alarm] = state
        if state.beyond and state.stream:
            self._open.setdefault(state.stream, set()).add(alarm)
        if state.turning_ns or state.shelved_until_ns or state.late_ns:
            self._timing.add(alarm)

    def canonical(self) -> bytes:
        """The whole state as bytes, the same on every machine: a head line, then one JSON line a fact, sorted."""
        lines: list[object] = [["alarms", 1, self.n, self.tick_ns, self._checked_ns, self.occurrences]]
        lines += [["alarm", *astuple(self.alarms[alarm])] for alarm in sorted(self.alarms)]
        lines += [["flood", site, list(one.raised_ns), one.on] for site, one in sorted(self.floods.items())]
        lines += [["trend", alarm, list(map(list, one.points))] for alarm, one in sorted(self._trends.items())]
        texts = (json.dumps(line, ensure_ascii=False) for line in lines)
        return ("\n".join(texts) + "\n").encode("utf-8", "surrogatepass")

    def sha256(self) -> str:
        """SHA-256 of the canonical state, hexadecimal."""
        return hashlib.sha256(self.canonical()).hexdigest()

    def attend(self, streams: Iterable[Stream]) -> None:
        """Watch streams that were seen before this book was restored: their silence is news too."""
        for stream in sorted(streams, key=lambda stream: stream.id):
            self._watchers.watch(stream)


def restore(state: bytes, rules: Callable[[str], Rules], streams: Mapping[str, Stream]) -> AlarmBook:
    """The book that `AlarmBook.canonical` wrote; ``streams`` are those of the mirror of that moment, by id.

    Alarms whose rule is no longer there are dropped.
    """
    book = AlarmBook(rules)
    book.attend(streams.values())
    for line in state.decode("utf-8", "surrogatepass").split("\n")[:-1]:
        kind, *row = json.loads(line)
        if kind == "alarms":
            _, book.n, book.tick_ns, book._checked_ns, book.occurrences = row  # noqa: SLF001  its own module
        elif kind == "alarm":
            alarm = AlarmState(*row)
            if book._rule(alarm) is not None:  # noqa: SLF001
                book._put(alarm.id, alarm)  # noqa: SLF001
        elif kind == "flood":
            book.floods[row[0]] = Flood(row[1], on=row[2])
        else:
            book._trends[row[0]] = Trend(tuple((t_ns, value) for t_ns, value in row[1]))  # noqa: SLF001
    return book


def _means(rule: AlarmRule, text: str) -> bool:
    """Whether a word means that there is something to tell; a number may be a PackML state's."""
    word = text.strip().lower()
    if isinstance(rule.condition, InState):
        words = {one.lower() for one in rule.condition.words}
        return word in words or state_of(word).value.lower() in words
    return isinstance(rule.condition, DeviceError) and word not in rule.condition.none
