"""Signals, streams, frames and batches: what is measured, and how it travels.

A *stream* is the signals that an asset sends together in every message. A *frame* is one row of a
stream: its time, its sequence, one value a signal. Frames travel in columns (`Frames`), and a
`Batch` is what one transaction stores.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

SEQ_EPOCH_SHIFT = 40
"""A frame's ``seq`` holds the session's epoch above this bit and the source's own count below."""
MIN_STALE_S = 3.0
PRESENCE_SUFFIX = ":liveness"
COUNT_SUFFIX = ":messages"
"""How the stream ends that counts an edge node's messages."""
"""How the id of a stream ends that says whether its asset is there."""
MISSED_PERIODS = 3


class Quality(IntEnum):
    """OPC quality codes as Sparkplug 3.0 § 6 uses them, and two of the uncertain range."""

    BAD = 0
    UNCERTAIN = 64
    CLOCK_AHEAD = 68
    """The device's time lies ahead of the receiver's: stored, never folded into the live state."""
    GOOD = 192
    STALE = 500


class Kind(StrEnum):
    """What a signal's values are."""

    GAUGE = "gauge"
    COUNTER = "counter"
    FLAG = "flag"
    """A truth value, stored as 0 or 1."""
    STATE = "state"
    """A word out of few, such as a PackML state; stored as text, changes are events."""
    TEXT = "text"

    @property
    def is_text(self) -> bool:
        """Whether values are text (stored apart from the numbers)."""
        return self in (Kind.STATE, Kind.TEXT)


class Role(StrEnum):
    """What a signal means to the twin, whatever the device calls it."""

    NONE = ""
    JOINT_POSITION = "joint_position"
    JOINT_VELOCITY = "joint_velocity"
    JOINT_EFFORT = "joint_effort"
    JOINT_TEMPERATURE = "joint_temperature"
    TOOL_FORCE = "tool_force"
    TOOL_OPENING = "tool_opening"
    X = "x"
    Y = "y"
    YAW = "yaw"
    SPEED = "speed"
    BATTERY = "battery"
    LOAD = "load"
    STATE = "state"
    MODE = "mode"
    PROGRAM = "program"
    GOOD_COUNT = "good_count"
    SCRAP_COUNT = "scrap_count"
    LEVEL = "level"
    CAPACITY = "capacity"
    POWER = "power"
    ENERGY = "energy"
    CYCLE_TIME = "cycle_time"
    EXPECTED_EFFORT = "expected_effort"
    """What a joint should need by a model of its arm (`twin.expectation`)."""
    EFFORT_RESIDUAL = "effort_residual"
    """How far a joint's torque is from what is expected, as a multiple of what it was when the arm was well."""
    EXPECTED_CYCLE = "expected_cycle"
    CYCLE_SPREAD = "cycle_spread"
    CYCLE_RESIDUAL = "cycle_residual"
    """How many spreads the last cycle was longer than expected."""
    E_STOP = "e_stop"
    """An emergency stop. Of safety signals a flag is 1, and a word another than ``NONE``, where it has acted."""
    PROTECTIVE_STOP = "protective_stop"
    """A stop by the machine's own protection (ISO 10218-1): it goes on when its cause has gone."""
    GUARD = "guard"
    """A door or gate of a guard: 1 where it is open."""
    ZONE = "zone"
    """A protective field, light curtain or scanner: 1 where somebody or something is in it."""
    ONLINE = "online"
    """Whether the asset is there: of it, and of all below it, 0 says that it is not."""


@dataclass(frozen=True, slots=True)
class Signal:
    """One changing quantity of an asset (Sparkplug metric, MTConnect DataItem, SCADA tag).

    ``unit`` is a UCUM code. ``low`` and ``high`` bound the normal range, in that unit.
    ``index`` numbers signals of the same role (the joints of an arm), from 0.
    """

    name: str
    kind: Kind = Kind.GAUGE
    unit: str = "1"
    role: Role = Role.NONE
    index: int = 0
    low: float | None = None
    high: float | None = None
    source_name: str = ""
    label_ko: str = ""
    label_en: str = ""


@dataclass(frozen=True, slots=True)
class Stream:
    """The signals that an asset sends together in every message.

    ``id`` is ``asset:name``. Numbers come first: ``columns`` are the numeric signals, one float64
    column each; ``text_columns`` the rest, stored as text. ``sequenced`` says whether the source
    counts its own messages, so that gaps can be told; ``period_s`` is the expected distance
    between frames, None where frames come on change only.
    """

    id: str
    columns: tuple[Signal, ...] = ()
    text_columns: tuple[Signal, ...] = ()
    sequenced: bool = False
    period_s: float | None = None
    source: str = ""

    @property
    def asset(self) -> str:
        """Id of the asset that sends it."""
        return self.id.rpartition(":")[0]

    @property
    def name(self) -> str:
        """The stream's name within its asset."""
        return self.id.rpartition(":")[2]

    @property
    def width(self) -> int:
        """How many numeric columns a frame has."""
        return len(self.columns)

    @property
    def signals(self) -> tuple[Signal, ...]:
        """All signals, the numeric ones first."""
        return self.columns + self.text_columns

    @property
    def tells_presence(self) -> bool:
        """Whether its frames say whether the asset is there, in their first column (``PATH:liveness``)."""
        return self.id.endswith(PRESENCE_SUFFIX) and bool(self.columns) and self.columns[0].role is Role.ONLINE

    @property
    def is_of_a_node(self) -> bool:
        """Whether it tells of a connection, not of a machine: that it is there, or how many messages it sent."""
        return self.tells_presence or (self.sequenced and self.id.endswith(COUNT_SUFFIX))

    @property
    def stale_after_s(self) -> float | None:
        """Age from which the stream's values count as stale: three missed periods, 3 s at least."""
        return None if self.period_s is None else max(MISSED_PERIODS * self.period_s, MIN_STALE_S)


def stream_of(  # noqa: PLR0913  a stream has this many parts
    asset: str,
    name: str,
    signals: Iterable[Signal],
    *,
    sequenced: bool = False,
    period_s: float | None = None,
    source: str = "",
) -> Stream:
    """Make a stream, sorting its signals into numeric and text columns (order kept)."""
    listed = tuple(signals)
    return Stream(
        id=f"{asset}:{name}",
        columns=tuple(s for s in listed if not s.kind.is_text),
        text_columns=tuple(s for s in listed if s.kind.is_text),
        sequenced=sequenced,
        period_s=period_s,
        source=source,
    )


Texts = tuple[tuple[str | None, ...], ...]
"""n rows of one text a text column; None is absent."""


@dataclass(frozen=True, slots=True, eq=False)
class Frames:
    """n frames of one stream, in columns.

    ``t_ns``, ``seq``, ``received_ns``: int64 (n,); ``values``: float64 (n, stream.width), where NaN
    means *absent* (a NaN on the wire never gets here: decoders reject it); ``quality``: int16 (n,),
    the frame's worst; ``texts``: n rows, or () when the stream has no text columns.
    """

    stream: Stream
    t_ns: NDArray[np.int64]
    seq: NDArray[np.int64]
    received_ns: NDArray[np.int64]
    values: NDArray[np.float64]
    quality: NDArray[np.int16]
    texts: Texts = ()

    def __len__(self) -> int:
        return len(self.t_ns)

    def take(self, rows: NDArray[np.intp] | NDArray[np.bool_]) -> Frames:
        """The frames at ``rows`` (indices or a mask), in that order."""
        picked = np.flatnonzero(rows) if rows.dtype == np.bool_ else rows
        return Frames(
            self.stream,
            self.t_ns[rows],
            self.seq[rows],
            self.received_ns[rows],
            self.values[rows],
            self.quality[rows],
            tuple(self.texts[i] for i in picked) if self.texts else (),
        )

    def value_count(self) -> int:
        """How many values are present: numbers that are not absent, and texts."""
        numbers = int(np.count_nonzero(~np.isnan(self.values)))
        return numbers + sum(text is not None for row in self.texts for text in row)


def frame(  # noqa: PLR0913  a frame has this many parts
    stream: Stream,
    t_ns: int,
    seq: int,
    received_ns: int,
    values: Iterable[float | None] = (),
    texts: tuple[str | None, ...] = (),
    quality: int = Quality.GOOD,
) -> Frames:
    """One frame as `Frames` of length 1; None among the values is absent."""
    row = [np.nan if value is None else value for value in values]
    return Frames(
        stream,
        np.array([t_ns], np.int64),
        np.array([seq], np.int64),
        np.array([received_ns], np.int64),
        np.array(row, np.float64).reshape(1, stream.width),
        np.array([quality], np.int16),
        (texts,) if stream.text_columns else (),
    )


def merge(parts: list[Frames]) -> Frames:
    """Concatenate frames of one stream, order kept."""
    if len(parts) == 1:
        return parts[0]
    first = parts[0]
    return Frames(
        first.stream,
        np.concatenate([part.t_ns for part in parts]),
        np.concatenate([part.seq for part in parts]),
        np.concatenate([part.received_ns for part in parts]),
        np.concatenate([part.values for part in parts]),
        np.concatenate([part.quality for part in parts]),
        tuple(row for part in parts for row in part.texts),
    )


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """Frames of k streams of one width, decoded at once: those of stream i are the rows ``edges[i]`` to ``edges[i+1]``.

    ``edges``: intp (k + 1,); the other columns as in `Frames`, n rows; ``message``: int64 (n,), from
    which of the messages each row came; ``texts`` are () where the streams have no text columns.
    """

    streams: tuple[Stream, ...]
    edges: NDArray[np.intp]
    t_ns: NDArray[np.int64]
    seq: NDArray[np.int64]
    received_ns: NDArray[np.int64]
    values: NDArray[np.float64]
    quality: NDArray[np.int16]
    message: NDArray[np.int64]
    texts: Texts = ()

    def __len__(self) -> int:
        return len(self.t_ns)

    def parts(self) -> Iterator[tuple[Frames, NDArray[np.int64]]]:
        """The frames of each stream (views, nothing is copied), and the message of each of their rows."""
        edges = self.edges.tolist()
        for stream, start, end in zip(self.streams, edges, edges[1:], strict=False):
            rows = slice(start, end)
            yield (
                Frames(
                    stream, self.t_ns[rows], self.seq[rows], self.received_ns[rows], self.values[rows],
                    self.quality[rows], self.texts[rows],
                ),
                self.message[rows],
            )  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Columns:
    """All frames of a batch as one run of n rows: those of part i are the rows ``edges[i]`` to ``edges[i+1]``.

    A batch of a thousand frames may hold five hundred streams, and numpy's price is by call, not by
    row: so work is done here, on whole columns. ``t_ns``, ``seq``, ``received_ns``: int64 (n,);
    ``quality``: int16 (n,). ``groups`` holds the values by width: the row numbers (None: all n rows)
    and float64 (rows, width).
    """

    edges: NDArray[np.intp]
    t_ns: NDArray[np.int64]
    seq: NDArray[np.int64]
    received_ns: NDArray[np.int64]
    quality: NDArray[np.int16]
    groups: tuple[tuple[NDArray[np.intp] | None, NDArray[np.float64]], ...]

    def __len__(self) -> int:
        return len(self.t_ns)

    @property
    def sizes(self) -> NDArray[np.intp]:
        """How many rows each part has: intp (k,)."""
        return np.diff(self.edges)

    def lowest(self, column: NDArray[np.int64]) -> NDArray[np.int64]:
        """The least of a column in each part: int64 (k,)."""
        found: NDArray[np.int64] = np.minimum.reduceat(column, self.edges[:-1])
        return found

    def highest(self, column: NDArray[np.int64]) -> NDArray[np.int64]:
        """The greatest of a column in each part: int64 (k,)."""
        found: NDArray[np.int64] = np.maximum.reduceat(column, self.edges[:-1])
        return found

    def where(self, broken: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Which parts have a row that is set, of bool (n,): bool (k,)."""
        found: NDArray[np.bool_] = np.logical_or.reduceat(broken, self.edges[:-1])
        return found

    def steps(self, column: NDArray[np.int64]) -> NDArray[np.int64]:
        """How far each row lies from the row before it in its part; 1 for the first of a part: int64 (n,)."""
        found = np.diff(column, prepend=column[:1])
        found[self.edges[:-1]] = 1
        return found


@dataclass(frozen=True, eq=False)
class Batch:
    """What one transaction stores: the n-th batch of a writer, at the tick ``tick_ns``.

    ``frames`` holds at most one `Frames` a stream, sorted by stream id.
    """

    writer: str
    n: int
    tick_ns: int
    frames: tuple[Frames, ...] = field(default=())

    def __len__(self) -> int:
        return sum([len(part.t_ns) for part in self.frames])

    @cached_property
    def columns(self) -> Columns:
        """All its frames (one at least) as one run of rows; worked out once."""
        parts = self.frames
        sizes = [len(part.t_ns) for part in parts]
        widths = [part.values.shape[1] for part in parts]
        groups: list[tuple[NDArray[np.intp] | None, NDArray[np.float64]]] = []
        if len(set(widths)) == 1:
            groups.append((None, np.concatenate([part.values for part in parts])))
        else:
            by_row = np.repeat(widths, sizes)
            for width in sorted(set(widths)):
                values = np.concatenate([part.values for part in parts if part.values.shape[1] == width])
                groups.append((np.flatnonzero(by_row == width), values))
        return Columns(
            np.concatenate([[0], np.cumsum(sizes)]),
            np.concatenate([part.t_ns for part in parts]),
            np.concatenate([part.seq for part in parts]),
            np.concatenate([part.received_ns for part in parts]),
            np.concatenate([part.quality for part in parts]),
            tuple(groups),
        )


def batch_of(writer: str, n: int, tick_ns: int, parts: Iterable[Frames]) -> Batch:
    """Gather frames by stream into a batch."""
    by_stream: dict[str, list[Frames]] = {}
    for part in parts:
        if len(part.t_ns):
            by_stream.setdefault(part.stream.id, []).append(part)
    return Batch(writer, n, tick_ns, tuple(merge(by_stream[key]) for key in sorted(by_stream)))


@dataclass(frozen=True, slots=True, eq=False)
class Latest:
    """The newest frame of a stream: values float64 (stream.width,), NaN where absent."""

    stream: Stream
    t_ns: int
    seq: int
    received_ns: int
    quality: int
    values: NDArray[np.float64]
    texts: tuple[str | None, ...] = ()

    def is_older_than(self, t_ns: int, seq: int) -> bool:
        """Live order: by sequence, then by time, where the stream has a sequence; else by time, then by sequence."""
        if self.stream.sequenced:
            return (self.seq, self.t_ns) < (seq, t_ns)
        return (self.t_ns, self.seq) < (t_ns, seq)
