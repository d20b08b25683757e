"""Episodes that a simulation played: what each was made of, beside the episode and its labels."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import Column, Table, Text, select

from connectors.desk.episodes import episode_row as episodes_table
from connectors.desk.episodes import insert_labels, row_of
from connectors.desk.tables import metadata
from twin.episodes.episode import Label

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from connectors.desk.open import Desk
    from twin.episodes import Episode

generated_row = Table(
    "desk_generated",
    metadata,
    Column("episode", Text, primary_key=True),
    Column("made_of", Text, nullable=False),
)
"""``made_of`` is JSON: engine, seeds, every parameter, and the fault with its truth."""

SIMULATION = "simulation"
"""Who says the labels of a generated episode: nobody needs to judge it."""


@dataclass(frozen=True, slots=True)
class Generated:
    """One episode of a simulation: ``made_of`` is flat, texts and numbers by name; ``anomaly`` what was wrong when."""

    episode: Episode
    made_of: Mapping[str, str | float]
    anomaly: tuple[str, int, int] | None = None


def keep(desk: Desk, who: str, made: Sequence[Generated], detail: Mapping[str, object]) -> None:
    """Keep episodes with what is known of them: one audited act."""
    told: dict[str, object] = {**detail, "episodes": len(made)}
    asset = made[0].episode.asset if made else ""
    with desk.writing(who, "episodes.generate", asset[:200], told) as connection:
        at_ns = desk.now_ns
        for some in _parts(made):
            connection.execute(episodes_table.insert(), [row_of(one.episode, at_ns) for one in some])
            rows = [{"episode": one.episode.id, "made_of": json.dumps(one.made_of, ensure_ascii=False)} for one in some]
            connection.execute(generated_row.insert(), rows)
        insert_labels(connection, who, at_ns, [label for one in made for label in _labels(one)])


def made_of(desk: Desk, ids: Iterable[str] | None = None) -> dict[str, dict[str, Any]]:
    """What each generated episode was made of, by its id; of those asked for, or of all."""
    if not desk.is_there():
        return {}
    wanted = None if ids is None else frozenset(ids)
    with desk.reading() as connection:
        rows = connection.execute(select(generated_row).order_by(generated_row.c.episode)).all()
    return {row.episode: json.loads(row.made_of) for row in rows if wanted is None or row.episode in wanted}


def _labels(one: Generated) -> Iterable[Label]:
    """What the simulation says; it was known when the attempt was over, so that the same seed says the same."""
    episode = one.episode
    said = [
        ("outcome", episode.outcome.value),
        ("cause", episode.cause),
        ("instruction_ko", episode.instruction_ko),
        ("instruction_en", episode.instruction_en),
    ]
    for channel, text in said:
        if text:
            yield Label(episode.id, episode.start_ns, episode.end_ns, channel, text, SIMULATION, at_ns=episode.end_ns)
    if one.anomaly is not None:
        text, from_ns, to_ns = one.anomaly
        yield Label(episode.id, from_ns, to_ns, "anomaly", text, SIMULATION, at_ns=episode.end_ns)


def _parts(made: Sequence[Generated], at_once: int = 500) -> Iterable[Sequence[Generated]]:
    return (made[i : i + at_once] for i in range(0, len(made), at_once))
