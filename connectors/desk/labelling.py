"""What people say of episodes: acts of labelling, each undone by a further row, and episodes made by hand."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sqlalchemy import Column, Integer, Table, Text, func, select, update

from connectors.desk import episodes as book
from connectors.desk.episodes import episode_row, in_force, label_row, said
from connectors.desk.tables import metadata
from twin.episodes.agreement import agreements
from twin.episodes.episode import Episode, Label, Method
from twin.episodes.labels import WHOLE
from twin.errors import StoreRejected

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from connectors.desk.open import Desk
    from twin.episodes.agreement import Agreement

act_row = Table(
    "desk_label_act",
    metadata,
    Column("label", Integer, primary_key=True),
    Column("act", Integer, nullable=False),
    Column("who", Text, nullable=False),
    Column("undoes", Integer, nullable=False),
)
"""Which labels were put at once (``act``: the number of the first); ``undoes`` is the act that they take back, or 0."""


@dataclass(frozen=True, slots=True)
class Labelled:
    """An episode and every label of it that was written by the moment asked for, oldest first."""

    episode: Episode
    labels: tuple[Label, ...]

    @property
    def suggested(self) -> dict[str, str]:
        """What rules and models say of the whole of it, by channel: the pre-label."""
        return said(one for one in self.labels if one.source != "human")

    @property
    def outcomes(self) -> dict[str, str]:
        """The outcome that each person gave it, by name."""
        told = (one for one in in_force(self.labels) if one.source == "human" and one.channel == "outcome")
        return {one.who: one.label for one in told}

    @property
    def is_told(self) -> bool:
        """Whether a person said what came of it, or a simulation knows: it waits for nobody."""
        return bool(self.outcomes) or self.episode.method is Method.GENERATED


def listed(desk: Desk, as_of_ns: int | None = None, sites: frozenset[str] | None = None) -> list[Labelled]:
    """The episodes of some sites (None: of all) with their labels, as they stood then; in order of asset and time."""
    if not desk.is_there():
        return []
    table = episode_row.c
    query = select(episode_row).order_by(table.asset, table.start_ns)
    if as_of_ns is None:
        query = query.where(table.retired_ns.is_(None))
    else:
        query = query.where(
            table.at_ns <= as_of_ns,
            table.to_ns <= as_of_ns,
            (table.retired_ns.is_(None)) | (table.retired_ns > as_of_ns),
        )
    with desk.reading() as connection:
        rows = [row for row in connection.execute(query) if sites is None or row.asset.partition("/")[0] in sites]
        told = book.labels_by_episode(connection)
    found = []
    for row in rows:
        labels = [one for one in told.get(row.id, []) if as_of_ns is None or one.at_ns <= as_of_ns]
        found.append(Labelled(book.episode_of(row, labels), tuple(labels)))
    return found


def find(desk: Desk, episode: str) -> Labelled | None:
    """One episode that is not retired, with its labels."""
    if not desk.is_there():
        return None
    query = select(episode_row).where(episode_row.c.id == episode, episode_row.c.retired_ns.is_(None))
    with desk.reading() as connection:
        row = connection.execute(query).one_or_none()
    if row is None:
        return None
    labels = book.labels(desk, episode)
    return Labelled(book.episode_of(row, labels), tuple(labels))


def put(desk: Desk, who: str, new: Sequence[Label]) -> int:
    """Add a person's labels as one act; returns its number.

    A label of a whole episode supersedes the one of the same person and channel, never another person's.
    """
    if not new:
        raise StoreRejected("there is nothing to label")
    names = sorted({one.episode for one in new})
    detail = {"labels": len(new), "episodes": len(names), "channels": sorted({one.channel for one in new})}
    with desk.writing(who, "episode.label", names[0], detail) as connection:
        own: dict[tuple[str, str], int] = {}
        for told in book.labels_of_episodes(connection, names).values():
            own |= {(one.episode, one.channel): one.n for one in in_force(told) if _is_own(one, who)}
        rows = [
            replace(one, source="human", supersedes=own.get((one.episode, one.channel), 0))
            if one.channel in WHOLE
            else replace(one, source="human")
            for one in new
        ]
        last = book.insert_labels(connection, who, desk.now_ns, rows)
        act = last - len(rows) + 1
        connection.execute(
            act_row.insert(), [{"label": n, "act": act, "who": who, "undoes": 0} for n in range(act, last + 1)]
        )
    return act


def undo(desk: Desk, who: str, sites: frozenset[str] | None = None) -> list[str]:
    """Take back the last act of a person that stands, at some sites (None: all); returns the ids of its episodes.

    Each of its labels gets a row that supersedes it and says again what it had superseded. Raises
    StoreRejected where there is nothing to undo.
    """
    with desk.writing(who, "episode.undo", who) as connection:
        table = act_row.c
        gone = {row.undoes for row in connection.execute(select(table.undoes).where(table.who == who).distinct())}
        query = (
            select(table.act, func.min(label_row.c.episode).label("episode"))
            .join(label_row, label_row.c.n == table.label)
            .where(table.who == who, table.undoes == 0)
            .group_by(table.act)
            .order_by(table.act.desc())
        )
        act = next(
            (
                row.act
                for row in connection.execute(query)
                if row.act not in gone and (sites is None or row.episode.partition("/")[0] in sites)
            ),
            None,
        )
        if act is None:
            raise StoreRejected("there is nothing of yours to undo")
        numbers = {row.label for row in connection.execute(select(table.label).where(table.act == act))}
        names = connection.execute(
            select(label_row.c.episode).where(label_row.c.n.between(min(numbers), max(numbers))).distinct()
        ).scalars()
        told = book.labels_of_episodes(connection, sorted(names))
        undoing = set(connection.execute(select(table.label).where(table.undoes != 0)).scalars())
        back = []
        for labels in told.values():
            by_n = {one.n: one for one in labels}
            for one in in_force(labels):
                meant = _meant(one.n, by_n, undoing)
                if meant in numbers:
                    before = by_n.get(by_n[meant].supersedes)
                    back.append(replace(one, label=before.label if before else "", supersedes=one.n))
        if not back:
            raise StoreRejected("what you did last has been changed since")
        last = book.insert_labels(connection, who, desk.now_ns, back)
        first = last - len(back) + 1
        connection.execute(
            act_row.insert(), [{"label": n, "act": first, "who": who, "undoes": act} for n in range(first, last + 1)]
        )
    return sorted({one.episode for one in back})


def make(desk: Desk, who: str, one: Episode) -> None:
    """Keep an episode that a person made; raises StoreRejected where the same one is there."""
    assert one.method is Method.HAND  # noqa: S101  cuts are kept by `episodes.keep`
    with desk.writing(who, "episode.make", one.id) as connection:
        there = connection.execute(select(episode_row.c.retired_ns).where(episode_row.c.id == one.id)).one_or_none()
        if there is not None and there.retired_ns is None:
            raise StoreRejected("there is an episode of this asset over this time already")
        connection.execute(episode_row.delete().where(episode_row.c.id == one.id))
        connection.execute(episode_row.insert(), [book.row_of(one, desk.now_ns)])
        if one.instruction_ko or one.instruction_en:
            told = (("instruction_ko", one.instruction_ko), ("instruction_en", one.instruction_en))
            labels = [Label(one.id, one.start_ns, one.end_ns, name, text, "human") for name, text in told if text]
            book.insert_labels(connection, who, desk.now_ns, labels)


def unmake(desk: Desk, who: str, episode: str) -> None:
    """Retire an episode that a person made; raises StoreRejected for one that was cut, or is not there."""
    with desk.writing(who, "episode.unmake", episode) as connection:
        table = episode_row.c
        query = update(episode_row).where(table.id == episode, table.method == Method.HAND, table.retired_ns.is_(None))
        if not connection.execute(query.values(retired_ns=desk.now_ns)).rowcount:
            raise StoreRejected("only an episode that a person made can be taken away")


def agreed(some: Iterable[Labelled]) -> list[Agreement]:
    """How far people agree on outcomes, two by two."""
    told: dict[str, dict[str, str]] = {}
    for one in some:
        for who, outcome in one.outcomes.items():
            told.setdefault(who, {})[one.episode.id] = outcome
    return agreements(told)


def _meant(n: int, by_n: dict[int, Label], undoing: set[int]) -> int:
    """The label that a row says again where it takes another back, else the row's own number; 0 for none."""
    while n in undoing:
        taken_back = _meant(by_n[n].supersedes, by_n, undoing)
        n = by_n[taken_back].supersedes if taken_back else 0
    return n


def _is_own(label: Label, who: str) -> bool:
    return label.source == "human" and label.who == who and label.channel in WHOLE
