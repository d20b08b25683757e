"""The tables, the same in SQLite and PostgreSQL but for the type of a frame's values.

In PostgreSQL `frame` and `frame_text` are partitioned by day: `_days` says how.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    String,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy.dialects.postgresql import ARRAY

SCHEMA_VERSION = 5

NEWCOMER_TOLD = {"asset_type": "", "name": "", "attributes": "{}", "streams": "[]", "publisher": ""}
"""The columns of what a newcomer announced, and what stands there where it announced nothing."""
_UPDATED_OFTEN = {"fillfactor": 50}  # room beside each row, so that PostgreSQL rewrites it in place (HOT)

metadata = MetaData()

_Key = BigInteger().with_variant(Integer, "sqlite")  # in SQLite only INTEGER PRIMARY KEY is the rowid itself
_Values = LargeBinary().with_variant(ARRAY(Double), "postgresql")
_Counts = LargeBinary().with_variant(ARRAY(Integer), "postgresql")
_Places = LargeBinary().with_variant(ARRAY(BigInteger), "postgresql")
_Path = String().with_variant(String(collation="C"), "postgresql")  # "all below a path" is a range of bytes

meta = Table("meta", metadata, Column("key", Text, primary_key=True), Column("value", Text, nullable=False))

writer = Table(
    "writer",
    metadata,
    Column("writer_key", Integer, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("batches", BigInteger, nullable=False, default=0),
    Column("events", BigInteger, nullable=False, default=0),
    Column("keyframes", BigInteger, nullable=False, default=0),
    Column("rolled_n", BigInteger, nullable=False, server_default="0"),
    Column("rolled_ns", BigInteger),
)

stream = Table(
    "stream",
    metadata,
    Column("stream_key", Integer, primary_key=True),
    Column("id", _Path, nullable=False, unique=True),
    Column("asset", _Path, nullable=False),
    Column("name", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("sequenced", Boolean, nullable=False),
    Column("period_s", Double),
    Column("columns", Text, nullable=False),
    Column("text_columns", Text, nullable=False),
    Column("created_ns", BigInteger, nullable=False),
)

# Frames get their ids in the order of the cut, so a batch is the range [first_id, last_id] and is read
# back in order without an index on (writer_key, batch), which costs 0.4-1.9 µs a frame on SQLite.
batch = Table(
    "batch",
    metadata,
    Column("writer_key", Integer, primary_key=True, autoincrement=False),
    Column("n", BigInteger, primary_key=True, autoincrement=False),
    Column("tick_ns", BigInteger, nullable=False),
    Column("frames", Integer, nullable=False),
    Column("first_id", BigInteger, nullable=False),
    Column("last_id", BigInteger, nullable=False),
    Column("checksum", Text, nullable=False),
    sqlite_with_rowid=False,
)

# In SQLite a rowid table with a unique index: at 20 values, batches of 1000 over 50 streams, 4.0-5.2 µs
# a frame and 205 bytes, against 4.6-5.7 µs and 220 bytes WITHOUT ROWID; and only rowids give the ranges.
frame = Table(
    "frame",
    metadata,
    Column("id", _Key, primary_key=True, autoincrement=False),  # PostgreSQL: a BRIN index, see `_days`
    Column("stream_key", Integer, nullable=False),
    Column("t_ns", BigInteger, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("received_ns", BigInteger, nullable=False),
    Column("writer_key", SmallInteger, nullable=False),
    Column("batch", BigInteger, nullable=False),
    Column("quality", SmallInteger, nullable=False),
    Column("vals", _Values, nullable=False),
    UniqueConstraint("stream_key", "t_ns", "seq", name="frame_key"),
)

frame_text = Table(
    "frame_text",
    metadata,
    Column("stream_key", Integer, primary_key=True, autoincrement=False),
    Column("t_ns", BigInteger, primary_key=True, autoincrement=False),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("texts", Text, nullable=False),
    sqlite_with_rowid=False,
)

stream_count = Table(
    "stream_count",
    metadata,
    Column("stream_key", Integer, primary_key=True, autoincrement=False),
    Column("frames", BigInteger, nullable=False),
    Column("vals", BigInteger, nullable=False),
    Column("first_seq", BigInteger, nullable=False),
    Column("last_seq", BigInteger, nullable=False),
    Column("first_ns", BigInteger, nullable=False),
    Column("last_ns", BigInteger, nullable=False),
    Column("late", BigInteger, nullable=False, server_default="0"),
    Column("newest_ns", BigInteger),
    Column("skew_ns", BigInteger),
    postgresql_with=_UPDATED_OFTEN,
)

# One row an epoch of a sequenced stream: expected = last_seq − first_seq + 1 = distinct + missing.
sequence_count = Table(
    "sequence_count",
    metadata,
    Column("stream_key", Integer, primary_key=True, autoincrement=False),
    Column("epoch", BigInteger, primary_key=True, autoincrement=False),
    Column("first_seq", BigInteger, nullable=False),
    Column("last_seq", BigInteger, nullable=False),
    Column("missing", BigInteger, nullable=False),
    Column("unlisted", BigInteger, nullable=False),
    postgresql_with=_UPDATED_OFTEN,
)

gap = Table(
    "gap",
    metadata,
    Column("stream_key", Integer, primary_key=True, autoincrement=False),
    Column("from_seq", BigInteger, primary_key=True, autoincrement=False),
    Column("epoch", BigInteger, nullable=False),
    Column("to_seq", BigInteger, nullable=False),
    Column("batch", BigInteger, nullable=False),
    Column("since_ns", BigInteger, nullable=False),
)

latest = Table(
    "latest",
    metadata,
    Column("stream_key", Integer, primary_key=True, autoincrement=False),
    Column("t_ns", BigInteger, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("received_ns", BigInteger, nullable=False),
    Column("quality", SmallInteger, nullable=False),
    Column("vals", _Values, nullable=False),
    Column("texts", Text, nullable=False),
    postgresql_with=_UPDATED_OFTEN,
)

# ``position`` counts the fold's events from 0; facts from outside the fold are numbered −1, −2, …
event = Table(
    "event",
    metadata,
    Column("id", _Key, primary_key=True),
    Column("writer_key", Integer, nullable=False),
    Column("batch", BigInteger, nullable=False),
    Column("position", Integer, nullable=False),
    Column("t_ns", BigInteger, nullable=False),
    Column("kind", Text, nullable=False),
    Column("asset", _Path, nullable=False),
    Column("signal", Text, nullable=False),
    Column("before", Text, nullable=False),
    Column("after", Text, nullable=False),
    UniqueConstraint("writer_key", "batch", "position", name="event_place"),
)
Index("event_time", event.c.t_ns)
Index("event_asset", event.c.asset, event.c.t_ns)

# ``same`` is the digest of topic and payload: a topic itself may be too long for an index.
dead_letter = Table(
    "dead_letter",
    metadata,
    Column("id", _Key, primary_key=True),
    Column("source", Text, nullable=False),
    Column("topic", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Column("payload", LargeBinary, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("same", Text, nullable=False),
    Column("first_ns", BigInteger, nullable=False),
    Column("last_ns", BigInteger, nullable=False),
    Column("count", BigInteger, nullable=False),
    UniqueConstraint("source", "reason", "same", name="dead_letter_same"),
)
Index("dead_letter_time", dead_letter.c.last_ns)

source_count = Table(
    "source_count",
    metadata,
    Column("source", Text, primary_key=True),
    *(
        Column(name, BigInteger, nullable=False, server_default="0")
        for name in (
            "received",
            "decoded",
            "decoded_frames",
            "stored",
            "duplicate",
            "key_conflict",
            "redriven",
            "dead_letters",
            "dead_rows",
            "dead_overflow",
            "last_received_ns",
        )
    ),
)

source_reason = Table(
    "source_reason",
    metadata,
    Column("source", Text, primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("reason", Text, primary_key=True),
    Column("count", BigInteger, nullable=False),
)

keyframe = Table(
    "keyframe",
    metadata,
    Column("writer_key", Integer, primary_key=True, autoincrement=False),
    Column("n", BigInteger, primary_key=True, autoincrement=False),
    Column("tick_ns", BigInteger, nullable=False),
    Column("is_full", Boolean, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("state", LargeBinary, nullable=False),
)

# The journal of alarms: ``body`` is a `twin.alarms.AlarmEvent` as JSON, the other columns are to find it by.
alarm_event = Table(
    "alarm_event",
    metadata,
    Column("id", _Key, primary_key=True),
    Column("writer_key", Integer, nullable=False),
    Column("batch", BigInteger, nullable=False),
    Column("position", Integer, nullable=False),
    Column("t_ns", BigInteger, nullable=False),
    Column("kind", Text, nullable=False),
    Column("alarm", Text, nullable=False),
    Column("asset", _Path, nullable=False),
    Column("priority", SmallInteger),
    Column("body", Text, nullable=False),
    UniqueConstraint("writer_key", "batch", "position", name="alarm_event_place"),
)
Index("alarm_event_time", alarm_event.c.t_ns)
Index("alarm_event_asset", alarm_event.c.asset, alarm_event.c.t_ns)
Index("alarm_event_alarm", alarm_event.c.alarm, alarm_event.c.t_ns)

# Every alarm that is not normal, as the writer's last commit left it.
alarm = Table(
    "alarm",
    metadata,
    Column("writer_key", Integer, primary_key=True, autoincrement=False),
    Column("alarm", Text, primary_key=True),
    Column("body", Text, nullable=False),
)

# What people did to alarms, with the batch that it was folded with; ``id`` is the desk's.
alarm_action = Table(
    "alarm_action",
    metadata,
    Column("writer_key", Integer, primary_key=True, autoincrement=False),
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("batch", BigInteger, nullable=False),
    Column("position", Integer, nullable=False),
    Column("body", Text, nullable=False),
)
Index("alarm_action_batch", alarm_action.c.writer_key, alarm_action.c.batch)

alarm_keyframe = Table(
    "alarm_keyframe",
    metadata,
    Column("writer_key", Integer, primary_key=True, autoincrement=False),
    Column("n", BigInteger, primary_key=True, autoincrement=False),
    Column("tick_ns", BigInteger, nullable=False),
    Column("rules", Text, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("state", LargeBinary, nullable=False),
)

# What is in the store no longer: see `twin.ports.Removal`.
removal = Table(
    "removal",
    metadata,
    Column("id", _Key, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("writer", Text, nullable=False),
    Column("from_n", BigInteger, nullable=False),
    Column("to_n", BigInteger, nullable=False),
    Column("from_ns", BigInteger, nullable=False),
    Column("to_ns", BigInteger, nullable=False),
    Column("row_count", BigInteger, nullable=False),
    Column("why", Text, nullable=False),
    Column("at_ns", BigInteger, nullable=False),
)

decoder_state = Table(
    "decoder_state",
    metadata,
    Column("source", Text, primary_key=True),
    Column("state", LargeBinary, nullable=False),
)


def _rollup(name: str, fillfactor: int) -> Table:
    """One row a (stream, bucket): arrays with one element a column, absent values not counted.

    SQLite: float64, int32 (``counts``) and int64 (``lasts_at``), little-endian, packed; clustered by
    key, because one stream's buckets are read in a row. ``lasts`` are the columns' newest values
    present; ``lasts_at`` (NULL where all of them are of the newest frame) their times, then their
    sequences.
    """
    return Table(
        name,
        metadata,
        Column("stream_key", Integer, primary_key=True, autoincrement=False),
        Column("start_ns", BigInteger, primary_key=True, autoincrement=False),
        Column("frames", BigInteger, nullable=False),
        Column("last_ns", BigInteger, nullable=False),
        Column("last_seq", BigInteger, nullable=False),
        Column("mins", _Values, nullable=False),
        Column("maxs", _Values, nullable=False),
        Column("sums", _Values, nullable=False),
        Column("counts", _Counts, nullable=False),
        Column("lasts", _Values, nullable=False),
        Column("lasts_at", _Places),
        sqlite_with_rowid=False,
        postgresql_with={"fillfactor": fillfactor},  # rewritten in place while their bucket is open
    )


# `writer.rolled_n` is the last batch that is in the roll-ups. Frames of later batches are not older than
# `writer.rolled_ns`, or their stream stands in `rollup_late` with a time that they are not older than.
rollup_10s = _rollup("rollup_10s", 85)
rollup_1m = _rollup("rollup_1m", 70)
rollup_1h = _rollup("rollup_1h", 70)

rollup_late = Table(
    "rollup_late",
    metadata,
    Column("stream_key", Integer, primary_key=True, autoincrement=False),
    Column("writer_key", Integer, primary_key=True, autoincrement=False),
    Column("first_ns", BigInteger, nullable=False),
)

# Devices as they were met: what was heard of them first, and what they announced of themselves (see
# `twin.ports.Newcomer`); those of the factory file only where they announced themselves.
newcomer = Table(
    "newcomer",
    metadata,
    Column("source", Text, primary_key=True),
    Column("asset", _Path, primary_key=True),
    Column("first_ns", BigInteger, nullable=False),
    Column("topic", Text, nullable=False),
    Column("stream", Text, nullable=False),
    Column("signals", Text, nullable=False),
    *(Column(name, Text, nullable=False, server_default=default) for name, default in NEWCOMER_TOLD.items()),
    Column("last_ns", BigInteger, nullable=False, server_default="0"),
)

# Rules that devices broke: see `twin.ports.FindingCount`.
finding = Table(
    "finding",
    metadata,
    Column("source", Text, primary_key=True),
    Column("device", _Path, primary_key=True),
    Column("rule", Text, primary_key=True),
    Column("count", BigInteger, nullable=False),
    Column("first_ns", BigInteger, nullable=False),
    Column("last_ns", BigInteger, nullable=False),
    Column("detail", Text, nullable=False),
    Column("topic", Text, nullable=False),
    Column("payload", LargeBinary, nullable=False),
)

# Files of frames that left the hot tables; ``day`` is YYYY-MM-DD in UTC, a day may have several.
archive_part = Table(
    "archive_part",
    metadata,
    Column("path", Text, primary_key=True),
    Column("site", _Path, nullable=False),
    Column("day", Text, nullable=False),
    Column("frames", BigInteger, nullable=False),
    Column("first_ns", BigInteger, nullable=False),
    Column("last_ns", BigInteger, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("created_ns", BigInteger, nullable=False),
    Column("state", Text, nullable=False),
)
Index("archive_part_day", archive_part.c.site, archive_part.c.day)
