"""The tables of accounts, sessions and tokens."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Table, Text

from connectors.desk.tables import metadata

users = Table(
    "desk_user",
    metadata,
    Column("name", Text, primary_key=True),
    Column("role", Text, nullable=False),
    Column("sites", Text, nullable=False),
    Column("password", Text, nullable=False),
    Column("locked", Boolean, nullable=False),
    Column("removed", Boolean, nullable=False),
    Column("created_ns", BigInteger, nullable=False),
    Column("changed_ns", BigInteger, nullable=False),
)
"""``sites`` is a JSON list. A removed account stays, without its password: the trail's names keep their owner."""

sessions = Table(
    "desk_session",
    metadata,
    Column("sha256", Text, primary_key=True),
    Column("name", Text, nullable=False, index=True),
    Column("begun_ns", BigInteger, nullable=False),
    Column("used_ns", BigInteger, nullable=False),
    Column("idle_ns", BigInteger, nullable=False),
    Column("ends_ns", BigInteger, nullable=False),
    Column("address", Text, nullable=False),
    Column("agent", Text, nullable=False),
)
"""Over ``idle_ns`` after its last use, and at ``ends_ns`` at the latest."""

tokens = Table(
    "desk_token",
    metadata,
    Column("id", Text, primary_key=True),
    Column("sha256", Text, nullable=False, unique=True),
    Column("owner", Text, nullable=False, index=True),
    Column("label", Text, nullable=False),
    Column("rights", Text, nullable=False),
    Column("sites", Text, nullable=False),
    Column("made_ns", BigInteger, nullable=False),
    Column("ends_ns", BigInteger),
    Column("used_ns", BigInteger),
)
"""``rights`` and ``sites`` are JSON lists; ``ends_ns`` is NULL for one without an end."""
