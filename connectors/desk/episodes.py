"""Episodes and the one table of their labels: what production was cut into, and what is said of it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, TypeVar

from sqlalchemy import BigInteger, Boolean, Column, Float, Index, Integer, Table, Text, func, or_, select, update

from connectors.desk.tables import metadata
from twin.episodes.episode import QUALITY, Episode, Label, Method, Outcome, Segment, SegmentKind, labels_of
from twin.episodes.labels import PARTS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sqlalchemy import Connection, Row

    from connectors.desk.open import Desk

_T = TypeVar("_T")
AT_ONCE = 500
"""So many ids are asked for in one statement."""

episode_row = Table(
    "desk_episode",
    metadata,
    Column("id", Text, primary_key=True),
    Column("asset", Text, nullable=False),
    Column("start_ns", BigInteger, nullable=False),
    Column("end_ns", BigInteger, nullable=False),
    Column("from_ns", BigInteger, nullable=False),
    Column("to_ns", BigInteger, nullable=False),
    Column("method", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("program", Text, nullable=False),
    Column("censored", Boolean, nullable=False),
    Column("segments", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("at_ns", BigInteger, nullable=False),
    Column("retired_ns", BigInteger),
)
"""``retired_ns`` says since when it is no episode any longer: a later cut found other bounds."""
label_row = Table(
    "desk_label",
    metadata,
    Column("n", Integer, primary_key=True),
    Column("episode", Text, nullable=False),
    Column("from_ns", BigInteger, nullable=False),
    Column("to_ns", BigInteger, nullable=False),
    Column("channel", Text, nullable=False),
    Column("label", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("confidence", Float, nullable=False),
    Column("who", Text, nullable=False),
    Column("at_ns", BigInteger, nullable=False),
    Column("supersedes", Integer, nullable=False),
)
"""Append-only: a label is never changed, another one supersedes it (an empty one takes it back)."""
Index("desk_episode_of", episode_row.c.asset, episode_row.c.start_ns)
Index("desk_label_of", label_row.c.episode)

_TRUST = {"human": 3, "simulation": 2, "rule": 1, "model": 0}
"""Whose word counts where several speak of the same: a person's, then what a simulation knows, then a rule's."""


def keep(desk: Desk, who: str, found: Iterable[Episode], spans: dict[str, tuple[int, int]]) -> dict[str, int]:
    """Keep a cut of some assets over ``spans`` (asset → [from, to)): one audited act; the same again changes nothing.

    What an earlier cut found there and this one did not is retired, with its labels; what people made stays.
    """
    episodes = list(found)
    detail: dict[str, object] = {"assets": sorted(spans)}
    made = {"new": 0, "kept": 0, "retired": 0, "labels": 0}
    with desk.writing(who, "episodes.cut", ", ".join(sorted(spans))[:200], detail) as connection:
        known = {one.id: one for asset, span in spans.items() for one in _rows(connection, asset, *span)}
        told = labels_of_episodes(connection, [one.id for one in episodes])
        at_ns = desk.now_ns
        made_so = (Method.HAND, Method.GENERATED)
        by_hand = {name for name, row in known.items() if row._mapping["method"] in made_so}  # noqa: SLF001
        gone = known.keys() - by_hand - {one.id for one in episodes}
        for some in _parts(sorted(gone)):
            connection.execute(update(episode_row).where(episode_row.c.id.in_(some)).values(retired_ns=at_ns))
        made["retired"] = len(gone)
        rows = [row_of(one, at_ns) for one in episodes]
        new = [row for row in rows if row["id"] not in known or not _is_same(known[row["id"]], row)]
        for some in _parts(new):
            connection.execute(episode_row.delete().where(episode_row.c.id.in_([row["id"] for row in some])))
            connection.execute(episode_row.insert(), some)
        made["new"], made["kept"] = len(new), len(rows) - len(new)
        made["labels"] = _keep_labels(connection, who, at_ns, episodes, told)
        detail.update(made)
    return made


def episodes(desk: Desk, *, retired: bool = False, as_of_ns: int | None = None) -> list[Episode]:
    """Every episode with what is said of it now, in order of asset and time.

    ``as_of_ns`` leaves out what was cut or said after that moment.
    """
    if not desk.is_there():
        return []
    table = episode_row.c
    query = select(episode_row).order_by(table.asset, table.start_ns)
    if as_of_ns is not None:
        query = query.where(table.at_ns <= as_of_ns, or_(table.retired_ns.is_(None), table.retired_ns > as_of_ns))
    elif not retired:
        query = query.where(table.retired_ns.is_(None))
    with desk.reading() as connection:
        rows = connection.execute(query).all()
        told = labels_by_episode(connection, as_of_ns)
    return [episode_of(row, told.get(row.id, [])) for row in rows]


def add_label(desk: Desk, who: str, label: Label) -> int:
    """Add one label of a person or a model; returns its number."""
    with desk.writing(
        who, "episode.label", label.episode, {"channel": label.channel, "label": label.label}
    ) as connection:
        return insert_labels(connection, who, desk.now_ns, [label])


def labels(desk: Desk, episode: str) -> list[Label]:
    """Every label of an episode, the superseded ones too, oldest first."""
    with desk.reading() as connection:
        return labels_of_episodes(connection, [episode]).get(episode, [])


def every_label(desk: Desk) -> dict[str, list[Label]]:
    """The labels in force of every episode, by its id."""
    if not desk.is_there():
        return {}
    with desk.reading() as connection:
        return {episode: in_force(told) for episode, told in labels_by_episode(connection).items()}


def in_force(told: Iterable[Label]) -> list[Label]:
    """The labels that no other supersedes."""
    listed = list(told)
    gone = {one.supersedes for one in listed}
    return [one for one in listed if one.n not in gone and one.label]


def said(told: Iterable[Label]) -> dict[str, str]:
    """What is said of the whole episode by channel: a person's word before a rule's, the newest of each.

    What a person calls no failure has no cause.
    """
    found: dict[str, Label] = {}
    for one in in_force(told):
        before = found.get(one.channel)
        if one.channel not in PARTS and (
            before is None or (_TRUST.get(one.source, 0), one.n) >= (_TRUST.get(before.source, 0), before.n)
        ):
            found[one.channel] = one
    outcome, cause = found.get("outcome"), found.get("cause")
    if outcome and cause and outcome.source == "human" and outcome.label != Outcome.FAILURE:
        del found["cause"]
    return {channel: one.label for channel, one in found.items()}


def keep_quality(desk: Desk, who: str, found: Iterable[tuple[Episode, str]]) -> int:
    """Say what was found in some episodes, as rules' labels: one audited act; returns how many say something new."""
    detail: dict[str, object] = {}
    rows = list(found)
    with desk.writing(who, "episodes.quality", f"{len(rows)} episodes", detail) as connection:
        told = labels_of_episodes(connection, [one.id for one, _ in rows])
        new: list[Label] = []
        for one, line in rows:
            known = next(
                (
                    label
                    for label in in_force(told.get(one.id, ()))
                    if (label.source, label.channel) == ("rule", QUALITY)
                ),
                None,
            )
            if known is None or (known.label, known.from_ns, known.to_ns) != (line, one.start_ns, one.end_ns):
                label = Label(one.id, one.start_ns, one.end_ns, QUALITY, line)
                new.append(_superseding(label, 0 if known is None else known.n))
        insert_labels(connection, who, desk.now_ns, new)
        detail["new"] = len(new)
    return len(new)


def _rows(connection: Connection, asset: str, start_ns: int, end_ns: int) -> Sequence[Row[tuple[object, ...]]]:
    table = episode_row.c
    return connection.execute(
        select(episode_row).where(
            table.asset == asset, table.start_ns < end_ns, table.end_ns > start_ns, table.retired_ns.is_(None)
        )
    ).all()


def row_of(one: Episode, at_ns: int) -> dict[str, object]:
    """An episode as a row of its table."""
    segments = json.dumps([[s.kind.value, s.start_ns, s.end_ns] for s in one.segments], separators=(",", ":"))
    return {
        "id": one.id, "asset": one.asset, "start_ns": one.start_ns, "end_ns": one.end_ns, "from_ns": one.from_ns,
        "to_ns": one.to_ns, "method": one.method.value, "key": one.key, "program": one.program,
        "censored": one.censored, "segments": segments, "source": one.source, "at_ns": at_ns, "retired_ns": None,
    }  # fmt: skip


def _is_same(row: Row[tuple[object, ...]], other: dict[str, object]) -> bool:
    known = row._mapping  # noqa: SLF001  SQLAlchemy's public name for it
    return all(known[name] == value for name, value in other.items() if name not in ("at_ns", "retired_ns"))


def episode_of(row: Row[tuple[object, ...]], labels: list[Label]) -> Episode:
    """An episode with what is said of it: its labels, oldest first."""
    r = row._mapping  # noqa: SLF001  SQLAlchemy's public name for it
    told = said(labels)
    segments = tuple(Segment(SegmentKind(kind), start, end) for kind, start, end in json.loads(r["segments"]))
    segments += tuple(
        Segment(SegmentKind(one.label), one.from_ns, one.to_ns)
        for one in in_force(labels)
        if one.channel == "segment" and one.source == "human"
    )
    return Episode(
        r["id"], r["asset"], r["start_ns"], r["end_ns"], r["from_ns"], r["to_ns"], Method(r["method"]), r["key"],
        r["program"], Outcome(told.get("outcome", "unknown")), told.get("cause", ""), bool(r["censored"]), segments,
        told.get("instruction_ko", ""), told.get("instruction_en", ""), r["source"], told.get(QUALITY, ""),
    )  # fmt: skip


def _keep_labels(
    connection: Connection, who: str, at_ns: int, found: list[Episode], told: dict[str, list[Label]]
) -> int:
    """Add what the rules say now and did not say before; what they said otherwise is superseded."""
    new: list[Label] = []
    for one in found:
        before = {
            (label.channel, label.from_ns, label.to_ns): label
            for label in in_force(told.get(one.id, ()))
            if label.source == "rule" and not _still_holds(label, one)
        }
        for label in labels_of(one):
            known = before.pop((label.channel, label.from_ns, label.to_ns), None)
            if known is None or known.label != label.label:
                new.append(_superseding(label, 0 if known is None else known.n))
        new += [_superseding(_emptied(label), label.n) for label in before.values()]
    insert_labels(connection, who, at_ns, new)
    return len(new)


def _still_holds(label: Label, one: Episode) -> bool:
    """Whether it is the quality of an episode whose bounds are what they were: no cut says that, and none takes it."""
    return label.channel == QUALITY and (label.from_ns, label.to_ns) == (one.start_ns, one.end_ns)


def _superseding(label: Label, n: int) -> Label:
    return Label(
        label.episode, label.from_ns, label.to_ns, label.channel, label.label, label.source, label.confidence,
        supersedes=n,
    )  # fmt: skip


def _emptied(label: Label) -> Label:
    return Label(label.episode, label.from_ns, label.to_ns, label.channel, "")


def insert_labels(connection: Connection, who: str, at_ns: int, new: list[Label]) -> int:
    """Add labels, said now unless they tell when; returns the number of the last."""
    n: int = connection.execute(select(func.coalesce(func.max(label_row.c.n), 0))).scalar_one()
    rows = [
        {
            "n": n + i, "episode": one.episode, "from_ns": one.from_ns, "to_ns": one.to_ns, "channel": one.channel,
            "label": one.label, "source": one.source, "confidence": one.confidence, "who": who,
            "at_ns": one.at_ns or at_ns,
            "supersedes": one.supersedes,
        }
        for i, one in enumerate(new, 1)
    ]  # fmt: skip
    for some in _parts(rows):
        connection.execute(label_row.insert(), some)
    return n + len(rows)


def labels_of_episodes(connection: Connection, ids: list[str]) -> dict[str, list[Label]]:
    """The labels of some episodes, oldest first, by the id of theirs."""
    found: dict[str, list[Label]] = {}
    for some in _parts(ids):
        query = select(label_row).where(label_row.c.episode.in_(some)).order_by(label_row.c.n)
        for row in connection.execute(query):
            found.setdefault(row.episode, []).append(_label_of(row))
    return found


def labels_by_episode(connection: Connection, as_of_ns: int | None = None) -> dict[str, list[Label]]:
    """Every label (said by ``as_of_ns``), oldest first, by the id of its episode."""
    found: dict[str, list[Label]] = {}
    query = select(label_row).order_by(label_row.c.n)
    if as_of_ns is not None:
        query = query.where(label_row.c.at_ns <= as_of_ns)
    for row in connection.execute(query):
        found.setdefault(row.episode, []).append(_label_of(row))
    return found


def _label_of(row: Row[tuple[object, ...]]) -> Label:
    return Label(**row._mapping)  # noqa: SLF001  SQLAlchemy's public name for it


def _parts(listed: list[_T]) -> Iterable[list[_T]]:
    return (listed[i : i + AT_ONCE] for i in range(0, len(listed), AT_ONCE))
