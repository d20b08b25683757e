"""What people do to alarms: written here by the pages, folded by ingest with its next batch."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sqlalchemy import BigInteger, Column, Double, Table, Text, func, select

from connectors.desk.tables import metadata
from twin.alarms.record import ActionKind, AlarmAction

if TYPE_CHECKING:
    from collections.abc import Iterable

    from connectors.desk.open import Desk

alarm_action = Table(
    "desk_alarm_action",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("kind", Text, nullable=False),
    Column("alarm", Text, nullable=False),
    Column("who", Text, nullable=False),
    Column("given_ns", BigInteger, nullable=False),
    Column("why", Text, nullable=False),
    Column("occurrence", BigInteger, nullable=False),
    Column("for_s", Double, nullable=False),
)
_COLUMNS = [alarm_action.c[name] for name in ("kind", "alarm", "who", "given_ns", "why", "occurrence", "for_s", "id")]
AT_ONCE = 500
"""So many actions are folded with one batch."""


def act(desk: Desk, actions: Iterable[AlarmAction]) -> list[AlarmAction]:
    """Write what one person does, each with its row in the trail; returns the actions with their numbers.

    Numbers rise with time, also behind a desk that was lost and begun anew: ingest takes those above
    the last that it has.
    """
    given: list[AlarmAction] = []
    for action in actions:
        detail = {"why": action.why, "occurrence": action.occurrence, "for_s": action.for_s}
        with desk.writing(action.who, f"alarm.{action.kind}", action.alarm, detail) as connection:
            last = connection.execute(select(func.max(alarm_action.c.id))).scalar() or 0
            one = replace(action, id=max(last + 1, desk.now_ns), given_ns=desk.now_ns)
            row = {column.name: getattr(one, column.name) for column in _COLUMNS}
            connection.execute(alarm_action.insert().values(**{**row, "kind": one.kind.value}))
        given.append(one)
    return given


def waiting(desk: Desk, after: int) -> list[AlarmAction]:
    """The actions with numbers above ``after``, in order, `AT_ONCE` at most."""
    asked = select(*_COLUMNS).where(alarm_action.c.id > after).order_by(alarm_action.c.id).limit(AT_ONCE)
    with desk.reading() as connection:
        return [AlarmAction(ActionKind(kind), *rest) for kind, *rest in connection.execute(asked)]
