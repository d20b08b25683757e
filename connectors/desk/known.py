"""Whom a hub knows: everybody with an account, and everybody who said something of an episode."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from connectors.desk.episodes import episode_row, label_row
from connectors.desk.people import users
from twin.episodes.episode import Method

if TYPE_CHECKING:
    from connectors.desk.open import Desk


def known_people(desk: Desk) -> frozenset[str]:
    """Their names: of accounts, removed ones too, of who labelled and of who made episodes by hand."""
    if not desk.is_there():
        return frozenset()
    with desk.reading() as connection:
        found = set(connection.execute(select(users.c.name)).scalars())
        found.update(connection.execute(select(label_row.c.who).where(label_row.c.source == "human")).scalars())
        by_hand = episode_row.c.method == Method.HAND.value
        found.update(connection.execute(select(episode_row.c.key).where(by_hand)).scalars())
    found.update([one.partition(":")[2] for one in found if one.startswith("terminal:")])
    return frozenset(one for one in found if one)
