"""The desk's tables. Each part of the desk declares its own on `metadata`, in its own module."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, MetaData, Table, Text

DESK_VERSION = 1

metadata = MetaData()

meta = Table(
    "desk_meta",
    metadata,
    Column("key", Text, primary_key=True),
    Column("value", Text, nullable=False),
)

audit = Table(
    "desk_audit",
    metadata,
    Column("n", BigInteger, primary_key=True, autoincrement=False),
    Column("at_ns", BigInteger, nullable=False),
    Column("who", Text, nullable=False),
    Column("act", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Column("before", Text, nullable=False),
    Column("sha256", Text, nullable=False),
)
"""Append-only; ``n`` counts without a gap, ``before`` is the hash of the row before."""
