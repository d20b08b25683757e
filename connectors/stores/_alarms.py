"""Alarms in the tables: what a commit writes of them, and what the history reads."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from connectors.stores._reader import EVERYTHING_NS
from connectors.stores._received import EVERY_BATCH
from twin.alarms.kept import AlarmKeyframe, AlarmsFolded
from twin.alarms.record import ActionKind, AlarmAction, AlarmEvent, AlarmEventKind, AlarmState, Letter
from twin.alarms.rule import Priority
from twin.events import Event, EventKind

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from connectors.stores._driver import Driver
    from connectors.stores._reader import Reader
    from connectors.stores._received import Cut

_JOURNAL = """INSERT INTO alarm_event (writer_key, batch, position, t_ns, kind, alarm, asset, priority, body)
VALUES (?,?,?,?,?,?,?,?,?)"""
_STATE = """INSERT INTO alarm (writer_key, alarm, body) VALUES (?,?,?)
ON CONFLICT (writer_key, alarm) DO UPDATE SET body = excluded.body"""
_ACTION = "INSERT INTO alarm_action (writer_key, id, batch, position, body) VALUES (?,?,?,?,?)"
_KEYFRAME = """INSERT INTO alarm_keyframe (writer_key, n, tick_ns, rules, sha256, state) VALUES (?,?,?,?,?,?)"""
_KEYFRAMES = """SELECT w.name, k.n, k.tick_ns, k.rules, k.sha256, k.state
FROM alarm_keyframe k JOIN writer w ON w.writer_key = k.writer_key WHERE w.name = ?"""
_WRITER = "(SELECT writer_key FROM writer WHERE name = ?)"
_AT = """SELECT body FROM (
 SELECT body, row_number() OVER (PARTITION BY alarm ORDER BY t_ns DESC, id DESC) AS place
 FROM alarm_event WHERE t_ns < ? AND alarm != '' AND {}) AS told WHERE place = 1"""
KEYFRAMES_A_READ = 16


def write(driver: Driver, writer_key: int, n: int, folded: AlarmsFolded) -> None:
    """Write what the fold of the alarms made of a batch."""
    if folded.events:
        driver.many(
            _JOURNAL,
            [
                (writer_key, n, place, e.t_ns, e.kind.value, e.alarm, e.asset, e.priority, encode_event(e))
                for place, e in enumerate(folded.events)
            ],
        )
    gone = [(writer_key, alarm) for alarm, state in folded.changed.items() if state is None]
    if gone:
        driver.many("DELETE FROM alarm WHERE writer_key = ? AND alarm = ?", gone)
    there = [(writer_key, alarm, encode_state(state)) for alarm, state in folded.changed.items() if state is not None]
    if there:
        driver.many(_STATE, there)
    if folded.actions:
        driver.many(
            _ACTION,
            [
                (writer_key, action.id, n, place, json.dumps(asdict(action)))
                for place, action in enumerate(folded.actions)
            ],
        )
    keyframe = folded.keyframe
    if keyframe is not None:
        driver.run(
            _KEYFRAME,
            (writer_key, keyframe.n, keyframe.tick_ns, keyframe.rules, keyframe.sha256, keyframe.state),
        )


class AlarmReads:
    """`twin.alarms.kept.AlarmHistory` on the tables; any thread may use it."""

    _reader: Reader

    def alarms(self, writer: str = "") -> list[AlarmState]:
        """Every alarm that is not normal, by id; of one writer, or of all."""
        where = f"WHERE writer_key = {_WRITER}" if writer else ""
        rows = self._reader.ask(f"SELECT body FROM alarm {where}", (writer,) if writer else ())  # noqa: S608  constants
        return _by_id(decode_state(body) for (body,) in rows)

    def alarms_at(self, t_ns: int) -> list[AlarmState]:
        """Every alarm that was not normal at a moment, by id."""
        return self.alarms_of(t_ns, EVERY_BATCH)

    def alarms_of(self, t_ns: int, cut: Cut) -> list[AlarmState]:
        """The same as some batches told it."""
        rows = self._reader.ask(_AT.format(cut.where), (t_ns + 1, *cut.values))
        states = (decode_event(body).state for (body,) in rows)
        return _by_id(state for state in states if state is not None and state.letter is not Letter.NORMAL)

    def alarm_events(  # noqa: PLR0913  what a journal is asked
        self,
        start_ns: int,
        end_ns: int,
        *,
        asset: str = "",
        alarm: str = "",
        kinds: Sequence[AlarmEventKind] = (),
        limit: int = 1000,
    ) -> list[AlarmEvent]:
        """The journal, newest first; ``asset`` matches an asset or all below a path."""
        return self.journal_of(start_ns, end_ns, asset, alarm, kinds, limit, EVERY_BATCH)

    def journal_of(  # noqa: PLR0913  what a journal is asked
        self,
        start_ns: int,
        end_ns: int,
        asset: str,
        alarm: str,
        kinds: Sequence[AlarmEventKind],
        limit: int,
        cut: Cut,
    ) -> list[AlarmEvent]:
        """The journal of some batches."""
        where: list[str] = ["t_ns >= ?", "t_ns < ?", cut.where]
        conditions: list[Any] = [start_ns, end_ns, *cut.values]
        if asset:
            where.append("(asset = ? OR (asset >= ? AND asset < ?))")
            conditions += [asset, f"{asset}/", f"{asset}0"]
        if alarm:
            where.append("alarm = ?")
            conditions.append(alarm)
        if kinds:
            where.append(f"kind IN ({','.join('?' * len(kinds))})")
            conditions += [kind.value for kind in kinds]
        sql = f"SELECT body FROM alarm_event WHERE {' AND '.join(where)} ORDER BY t_ns DESC, id DESC LIMIT ?"  # noqa: S608
        return [decode_event(body) for (body,) in self._reader.ask(sql, (*conditions, limit))]

    def last_alarm_event(self) -> int:
        """The number of the journal's last entry; 0 before the first."""
        return int(self._reader.ask("SELECT max(id) FROM alarm_event")[0][0] or 0)

    def batch_alarms(self, writer: str, n: int) -> AlarmsFolded:
        """What was folded and told with one batch."""
        events, actions = (
            self._reader.ask(
                f"SELECT body FROM {table} WHERE writer_key = {_WRITER} AND batch = ? ORDER BY position",  # noqa: S608
                (writer, n),
            )
            for table in ("alarm_event", "alarm_action")
        )
        return AlarmsFolded(
            tuple(decode_event(body) for (body,) in events),
            actions=tuple(_action(json.loads(body)) for (body,) in actions),
        )

    def outside_events(self, writer: str, n: int) -> tuple[Event, ...]:
        """The events of one batch that its fold did not make."""
        rows = self._reader.ask(
            f"SELECT kind, t_ns, asset, signal, before, after FROM event WHERE writer_key = {_WRITER} "  # noqa: S608
            "AND batch = ? AND position < 0 ORDER BY position DESC",
            (writer, n),
        )
        return tuple(Event(EventKind(kind), int(t_ns), *texts) for kind, t_ns, *texts in rows)

    def last_action(self, writer: str) -> int:
        """The number of the last action that the writer folded; 0 for none."""
        rows = self._reader.ask(f"SELECT max(id) FROM alarm_action WHERE writer_key = {_WRITER}", (writer,))  # noqa: S608
        return int(rows[0][0] or 0)

    def alarm_keyframe(self, writer: str, n: int) -> AlarmKeyframe | None:
        """The one of that batch."""
        rows = self._reader.ask(f"{_KEYFRAMES} AND k.n = ?", (writer, n))
        return _keyframe(*rows[0]) if rows else None

    def alarm_keyframes(self, writer: str, first_n: int = 1) -> Iterator[AlarmKeyframe]:
        """All of them, in order of n."""
        while True:
            rows = self._reader.ask(
                f"{_KEYFRAMES} AND k.n >= ? ORDER BY k.n LIMIT ?", (writer, first_n, KEYFRAMES_A_READ)
            )
            yield from (_keyframe(*row) for row in rows)
            if len(rows) < KEYFRAMES_A_READ:
                return
            first_n = min(int(rows[-1][1]) + 1, EVERYTHING_NS)


def encode_event(event: AlarmEvent) -> str:
    """An event as the column `body` holds it: JSON in ASCII, so that no text is one that a database refuses."""
    return json.dumps(asdict(event))


def decode_event(body: str) -> AlarmEvent:
    """What `encode_event` wrote."""
    row = json.loads(body)
    state, priority = row.pop("state"), row.pop("priority")
    return AlarmEvent(
        **{
            **row,
            "kind": AlarmEventKind(row["kind"]),
            "priority": None if priority is None else Priority(priority),
            "state": None if state is None else AlarmState(**state),
        }
    )


def encode_state(state: AlarmState) -> str:
    """An alarm's facts as JSON in ASCII."""
    return json.dumps(asdict(state))


def decode_state(body: str) -> AlarmState:
    """What `encode_state` wrote."""
    return AlarmState(**json.loads(body))


def _action(row: dict[str, Any]) -> AlarmAction:
    return AlarmAction(**{**row, "kind": ActionKind(row["kind"])})


def _keyframe(writer: str, n: int, tick_ns: int, *rest: Any) -> AlarmKeyframe:
    rules, sha256, state = rest
    return AlarmKeyframe(writer, int(n), int(tick_ns), rules, sha256, bytes(state))


def _by_id(states: Iterator[AlarmState]) -> list[AlarmState]:
    return sorted(states, key=lambda state: state.id)
