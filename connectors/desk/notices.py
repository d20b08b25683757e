"""What is to be told, kept on the desk until it is: a restart neither loses nor decides anything twice."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import BigInteger, Column, Index, Integer, Table, Text, UniqueConstraint, func, select, update

from connectors.desk.tables import metadata
from twin.alarms.notify import NoticeKind
from twin.clock import NS_PER_S

if TYPE_CHECKING:
    from collections.abc import Iterable

    from connectors.desk import Desk
    from twin.alarms.notify import Notice, Told

notice = Table(
    "desk_notice",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("rule", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("made_ns", BigInteger, nullable=False),
    Column("body", Text, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("next_ns", BigInteger, nullable=False),
    Column("sent_ns", BigInteger),
    Column("given_up_ns", BigInteger),
    Column("error", Text, nullable=False),
)
Index("desk_notice_made", notice.c.made_ns)
notice_alarm = Table(
    "desk_notice_alarm",
    metadata,
    Column("rule", Text, primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("alarm", Text, primary_key=True),
    Column("occurrence", BigInteger, primary_key=True, autoincrement=False),
    Column("notice", BigInteger, nullable=False),
    UniqueConstraint("rule", "kind", "alarm", "occurrence", name="desk_notice_once"),
)
FIRST_S, LONGEST_S = 5.0, 600.0
"""Pause after the first failure; it doubles with each, up to the longest."""
GIVE_UP_S = 24 * 3600.0
KEPT = 10_000
"""So many notices that are done are kept."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A notice that is to be sent: ``body`` is what it tells, ready to be worded."""

    id: int
    rule: str
    kind: NoticeKind
    made_ns: int
    body: dict[str, object]
    tries: int


def told(desk: Desk, rule: str) -> tuple[set[Told], int]:
    """What a rule told and did not tell the end of yet, and when it was told last."""
    one = notice_alarm
    with desk.reading() as connection:
        rows = connection.execute(select(one.c.kind, one.c.alarm, one.c.occurrence).where(one.c.rule == rule)).all()
        last = connection.execute(select(func.max(notice.c.made_ns)).where(notice.c.rule == rule)).scalar()
    over = {(alarm, occurrence) for kind, alarm, occurrence in rows if kind == NoticeKind.OVER.value}
    raised = {(alarm, occurrence) for kind, alarm, occurrence in rows if kind == NoticeKind.RAISED.value}
    return raised - over, int(last or 0)


def put(desk: Desk, made: Iterable[tuple[Notice, dict[str, object]]]) -> None:
    """Keep notices; what a rule has told already of an alarm's row is not told again."""
    for one, body in made:
        detail: dict[str, object] = {"kind": one.kind.value, "alarms": [alarm for alarm, _ in one.alarms]}
        with desk.writing("twin", "notice.make", one.rule, detail) as connection:
            last = connection.execute(select(func.max(notice.c.id))).scalar() or 0
            number = max(int(last) + 1, one.t_ns)
            connection.execute(
                notice.insert().values(
                    id=number, rule=one.rule, kind=one.kind.value, made_ns=one.t_ns, body=json.dumps(body),
                    tries=0, next_ns=one.t_ns, error="",
                )
            )  # fmt: skip
            connection.execute(
                notice_alarm.insert(),
                [
                    {"rule": one.rule, "kind": one.kind.value, "alarm": alarm, "occurrence": row, "notice": number}
                    for alarm, row in one.alarms
                ],
            )


def waiting(desk: Desk, now_ns: int, limit: int = 50) -> list[Waiting]:
    """Notices that are to be tried now, the oldest first."""
    asked = (
        select(notice.c.id, notice.c.rule, notice.c.kind, notice.c.made_ns, notice.c.body, notice.c.tries)
        .where(notice.c.sent_ns.is_(None), notice.c.given_up_ns.is_(None), notice.c.next_ns <= now_ns)
        .order_by(notice.c.id)
        .limit(limit)
    )
    with desk.reading() as connection:
        return [
            Waiting(int(number), rule, NoticeKind(kind), int(made_ns), json.loads(body), int(tries))
            for number, rule, kind, made_ns, body, tries in connection.execute(asked)
        ]


def sent(desk: Desk, one: Waiting, now_ns: int) -> None:
    """It was taken; old ones that are done go."""
    with desk.keeping() as connection:
        connection.execute(update(notice).where(notice.c.id == one.id).values(sent_ns=now_ns, error=""))
        done = notice.c.sent_ns.is_not(None) | notice.c.given_up_ns.is_not(None)
        edge = connection.execute(
            select(notice.c.id).where(done).order_by(notice.c.id.desc()).offset(KEPT).limit(1)
        ).scalar()
        if edge is not None:
            connection.execute(notice.delete().where(done, notice.c.id <= edge))
            connection.execute(notice_alarm.delete().where(notice_alarm.c.notice <= edge))


def failed(desk: Desk, one: Waiting, now_ns: int, error: str) -> bool:
    """It was not taken: it is tried later, or given up a day after it was made; whether it is given up."""
    pause_s = min(LONGEST_S, FIRST_S * 2.0 ** min(one.tries, 20))
    gives_up = now_ns - one.made_ns > round(GIVE_UP_S * NS_PER_S)
    with desk.keeping() as connection:
        connection.execute(
            update(notice)
            .where(notice.c.id == one.id)
            .values(
                tries=one.tries + 1,
                next_ns=now_ns + round(pause_s * NS_PER_S),
                error=error[:500],
                given_up_ns=now_ns if gives_up else None,
            )
        )
    return gives_up


@dataclass(frozen=True, slots=True)
class RuleHealth:
    """How telling goes for one rule."""

    rule: str
    sent: int
    waiting: int
    given_up: int
    last_sent_ns: int | None
    error: str


def health(desk: Desk) -> list[RuleHealth]:
    """How telling goes, by rule."""
    found: list[RuleHealth] = []
    with desk.reading() as connection:
        for rule, made, done, lost, last in connection.execute(
            select(
                notice.c.rule,
                func.count(),
                func.count(notice.c.sent_ns),
                func.count(notice.c.given_up_ns),
                func.max(notice.c.sent_ns),
            )
            .group_by(notice.c.rule)
            .order_by(notice.c.rule)
        ).all():
            error = connection.execute(
                select(notice.c.error)
                .where(notice.c.rule == rule, notice.c.error != "", notice.c.sent_ns.is_(None))
                .order_by(notice.c.id.desc())
                .limit(1)
            ).scalar()
            found.append(RuleHealth(rule, done, made - done - lost, lost, last, error or ""))
    return found
