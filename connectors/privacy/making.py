"""The cloak of one export: the hub's secret, the people it knows, the parts that the episodes name."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from connectors.desk.known import known_people
from connectors.privacy.cloak import Cloak, shift_of
from connectors.privacy.history import named_in
from connectors.privacy.secret import secret_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from connectors.desk import Desk
    from connectors.exporters.plan import Readable
    from connectors.privacy.asked import Asked
    from twin.episodes import Episode
    from twin.sample import Stream


def cloak_of(  # noqa: PLR0913  what a cloak is a function of
    desk: Desk,
    history: Readable,
    streams: Sequence[Stream],
    episodes: Sequence[Episode],
    asked: Asked,
    secret: Path,
    dataset: str,
) -> Cloak:
    """What is taken out of these episodes; raises EpisodeError where there is no secret, or no such shift."""
    if not asked.is_anything:
        return Cloak()
    bare = Cloak(asked, secret_of(secret))
    people, parts = named_in(history, streams, episodes, bare)
    names = (known_people(desk) | people) if asked.people else frozenset()
    first_ns = min(one.from_ns for one in episodes)
    return replace(bare, names=names, numbers=parts, shift_ns=shift_of(asked.shift, bare.secret, dataset, first_ns))
