"""Where a device's metrics go: signals by name, and streams.

A device reports by exception, so each metric is a stream of its own. Those that the type of a
declared asset lists as sent together are one stream, and with ``streams = "device"`` all of a
device's. A frame of such a stream repeats the last value of what a message does not tell: by
exception means that it has not changed. Stream names depend on the metric alone, so they are the
same after a restart.

What a device kept while it was offline (``is_historical``) goes to a stream beside, ``…~history``:
it may be newer than what the mirror shows of that metric, and must not become the live value.
"""

from __future__ import annotations

import dataclasses
import hashlib
import math
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import numpy as np

from connectors.decoders._sparkplug.values import MAX_INT, NUMBERS, SCALARS, Datatype
from connectors.decoders._streams import MAX_SIGNALS_PER_STREAM, guessed
from twin.errors import IdError
from twin.ids import MAX_SEGMENT, segment
from twin.packml import UnitState
from twin.sample import Frames, Kind, Quality, Role, Signal, Stream, frame, stream_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from connectors.decoders._sparkplug.readings import Definition, Reading
    from connectors.decoders._sparkplug.values import Cell
    from twin.site import AssetType, Hub

MODES = {"0": "Invalid", "1": "Production", "2": "Maintenance", "3": "Manual"}
"""UnitModeCurrent as ISA-TR88.00.02 numbers it; 4 to 31 are the user's."""
STATES = {str(state.number): state.value for state in UnitState}
_PACKML = {"StateCurrent": ("state", Role.STATE), "UnitModeCurrent": ("mode", Role.MODE)}
_CONTROL = ("Node Control/", "Device Control/")
_RESERVED = ("messages", "liveness")
"""Streams that the twin itself makes of a device."""
_DIGEST = 8
_MIN_GROUP = 2


def is_value(path: str) -> bool:
    """Whether a metric is something measured: not a command, nor the session's number."""
    return path != "bdSeq" and not path.startswith(_CONTROL)


def named(text: str) -> str:
    """Any metric's name as an id segment: a long one is cut and marked, an empty one is ``_``."""
    try:
        return segment(text)
    except IdError:
        digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:_DIGEST]
        kept = "".join(ch for ch in text if ch.isascii() and ch.isprintable() and ch not in "/:+#%~")
        return f"{kept.strip()[: MAX_SEGMENT - _DIGEST - 1]}~{digest}"


class Words(NamedTuple):
    """The words for numbers of states and modes."""

    states: Mapping[str, str]
    modes: Mapping[str, str]


_Add: TypeAlias = "Callable[[Stream, int, Sequence[float | None], Sequence[str | None], int], None]"
"""Takes a frame: stream, time, numbers, texts, quality."""


class _Rows(NamedTuple):
    """The frames of one stream in a message, as they are gathered."""

    stream: Stream
    t_ns: list[int]
    values: list[Sequence[float | None]]
    texts: list[tuple[str | None, ...]]
    quality: list[int]

    def frames(self, seq: int, received_ns: int) -> Frames:
        """As one part, counted from ``seq`` on."""
        count = len(self.t_ns)
        if count == 1:
            return frame(self.stream, self.t_ns[0], seq, received_ns, self.values[0], self.texts[0], self.quality[0])
        return Frames(
            self.stream,
            np.array(self.t_ns, np.int64),
            np.arange(seq, seq + count, dtype=np.int64),
            np.full(count, received_ns, np.int64),
            np.array(self.values, np.float64).reshape(count, self.stream.width),
            np.array(self.quality, np.int16),
            tuple(self.texts) if self.stream.text_columns else (),
        )


class Group:
    """Signals that are one stream. Mutable: the last values, which a frame repeats where nothing new is told."""

    def __init__(self, stream: Stream) -> None:
        self.stream = stream
        self.values = [math.nan] * stream.width
        self.texts: list[str | None] = [None] * len(stream.text_columns)
        self.columns = {signal.name: i for i, signal in enumerate(stream.columns)}
        self.text_columns = {signal.name: i for i, signal in enumerate(stream.text_columns)}


class Layout:
    """The streams of one device (or of a node's own metrics). Mutable: streams are made when they are first needed."""

    def __init__(  # noqa: PLR0913  what a layout depends on
        self, asset: str, source: str, hub: Hub, types: Mapping[str, AssetType], words: Words, *, whole: bool
    ) -> None:
        self.asset = asset
        self._source = source
        declared = hub.assets().get(asset)
        self._type = types.get(declared.type) if declared else None
        self._declared = {s.name: s for part in (self._type.streams if self._type else ()) for s in part.signals}
        self._words = words
        self._whole = whole
        self._names: dict[str, str] = {}
        self._taken: dict[str, str] = dict.fromkeys(_RESERVED, "")
        self._kinds: dict[str, tuple[Datatype, str, float | None, float | None]] = {}
        self._streams: dict[tuple[str, tuple[str, ...], tuple[bool, ...], bool], Stream] = {}
        self._shapes: dict[str, tuple[tuple[str, ...], tuple[bool, ...]]] = {}
        self.born = 0
        """How many metrics its birth named."""
        self.groups: dict[str, Group] = {}
        """By signal name."""

    @property
    def size(self) -> int:
        """How many metrics it knows."""
        return len(self._kinds)

    def define_unborn(self, definitions: Mapping[str, Definition]) -> None:
        """Take metrics that no birth named."""
        for path, one in definitions.items():
            if is_value(path):
                self._kinds[path] = (Datatype(one.kind), one.unit, one.low, one.high)
                self.signal_name(path)

    def define(self, definitions: Mapping[str, Definition]) -> None:
        """Take the definitions of a birth."""
        self.define_unborn(definitions)
        self.born = len(self._kinds)
        if self._type is not None:
            for part in self._type.streams:
                self._group(part.name, [s.name for s in part.signals], part.period_s)
        if self._whole and not self.groups:
            scalars = [path for path, (kind, *_) in self._kinds.items() if kind in SCALARS]
            names = [self._names[path] for path in scalars][:MAX_SIGNALS_PER_STREAM]
            self._group("", names, None)

    def _group(self, name: str, wanted: Sequence[str], period_s: float | None) -> None:
        """Make one stream of these signals, where the device has all of them."""
        paths = [self._taken.get(each, "") for each in wanted]
        if len(wanted) < _MIN_GROUP or any(path not in self._kinds for path in paths):
            return
        signals = [self.signal(path, "") for path in paths]
        if any(self._kinds[path][0] not in SCALARS for path in paths):
            return
        if not name:
            told = "\n".join(f"{signal.name}\t{signal.kind.is_text}" for signal in signals)
            name = f"data~{hashlib.sha256(told.encode()).hexdigest()[:_DIGEST]}"
        group = Group(stream_of(self.asset, segment(name), signals, period_s=period_s, source=self._source))
        for signal in signals:
            self.groups[signal.name] = group

    def signal_name(self, path: str) -> str:
        """The signal's name of a metric: ``A/B/C`` → ``A.B.C``; PackML's state and mode are ``state`` and ``mode``."""
        found = self._names.get(path)
        if found is None:
            kind = self._kinds[path][0] if path in self._kinds else Datatype.UNKNOWN
            role = _PACKML.get(path.rpartition("/")[2]) if kind in NUMBERS else None
            wanted = [role[0]] if role else []
            wanted += [named(path.replace("/", ".")), named(path)]
            digest = hashlib.sha256(path.encode("utf-8", "surrogatepass")).hexdigest()[:_DIGEST]
            wanted.append(f"{wanted[0][: MAX_SEGMENT - _DIGEST - 1]}~{digest}")
            found = next((name for name in wanted if name not in self._taken), wanted[-1])
            self._names[path], self._taken[found] = found, path
        return found

    def signal(self, path: str, part: str) -> Signal:
        """The signal of a metric, or of a part of it."""
        kind, unit, low, high = self._kinds[path]
        base = self.signal_name(path)
        name = named(f"{base}.{part.replace('/', '.')}") if part else base
        known = self._declared.get(name)
        source_name = f"{path}/{part}" if part else path
        is_alike = known is not None and known.kind.is_text == self.is_text(path) and unit in ("1", known.unit)
        if known is not None and is_alike and not part:
            return dataclasses.replace(known, source_name=source_name)
        if kind in SCALARS and self.is_text(path):
            role = _PACKML[path.rpartition("/")[2]][1] if kind in NUMBERS else None
            made = Signal(name, Kind.STATE, role=role) if role else guessed(name, "")
        elif kind in (Datatype.BOOLEAN, Datatype.BOOLEAN_ARRAY):
            made = Signal(name, Kind.FLAG)
        else:
            told = "ms" if kind in (Datatype.DATETIME, Datatype.DATETIME_ARRAY) else unit
            made = Signal(name, unit=told, low=low, high=high)
        return dataclasses.replace(made, source_name=source_name)

    def is_text(self, path: str) -> bool:
        """Whether a scalar metric's values are texts to the twin."""
        kind = self._kinds[path][0]
        return kind not in NUMBERS or (path.rpartition("/")[2] in _PACKML and kind in NUMBERS)

    def stream(self, path: str, names: tuple[str, ...], texts: tuple[bool, ...], *, history: bool = False) -> Stream:
        """The stream of a metric of those parts; ``texts`` says which of them are texts."""
        key = (path, names, texts, history)
        found = self._streams.get(key)
        if found is None:
            base = self.signal_name(path)
            signals = [self._as(self.signal(path, part), text) for part, text in zip(names, texts, strict=True)]
            if names == ("",):
                suffix = "~text" if texts[0] else ""
            else:
                told = "\n".join(f"{part}\t{text}" for part, text in zip(names, texts, strict=True))
                suffix = f"~{hashlib.sha256(told.encode('utf-8', 'surrogatepass')).hexdigest()[:_DIGEST]}"
            suffix += "~history" if history else ""
            name = base if len(base) + len(suffix) <= MAX_SEGMENT else named(base + "#" * MAX_SEGMENT)[len(suffix) :]
            found = stream_of(self.asset, f"{name}{suffix}", signals, source=self._source)
            self._streams[key] = found
        return found

    @staticmethod
    def _as(signal: Signal, text: bool) -> Signal:  # noqa: FBT001  one of two kinds
        """The signal as a text, or as a number, if it is not one."""
        if signal.kind.is_text == text:
            return signal
        return dataclasses.replace(signal, kind=Kind.TEXT if text else Kind.GAUGE, unit="1", role=Role.NONE)

    def all_streams(self) -> tuple[Stream, ...]:
        """The streams of all scalar metrics, groups first."""
        groups = {id(group): group.stream for group in self.groups.values()}
        alone = [
            self.stream(path, ("",), (self.is_text(path),))
            for path, (kind, *_) in self._kinds.items()
            if kind in SCALARS and self._names[path] not in self.groups
        ]
        return (*groups.values(), *alone)

    def single(self, path: str) -> Stream | None:
        """The stream of a metric that is one plain number and in no group; None for another one."""
        if path not in self._kinds or self._kinds[path][0] not in NUMBERS or self.is_text(path):
            return None
        return None if self._names[path] in self.groups else self.stream(path, ("",), (False,))

    def word(self, path: str, cell: Cell) -> str | None:
        """The text of a cell of a text metric: PackML's numbers become words."""
        if cell is None or isinstance(cell, str):
            return cell
        words = self._words.states if path.rpartition("/")[2] == "StateCurrent" else self._words.modes
        return words.get(str(int(cell)), str(int(cell)))

    def frames(
        self, readings: Sequence[tuple[Reading, int]], seq: int, received_ns: int
    ) -> tuple[list[Frames], list[str]]:
        """The frames of a message's readings, each with its time in ns, and the paths whose numbers are not finite.

        ``seq`` leaves room below for the place of a frame among those of its stream.
        """
        made: dict[str, _Rows] = {}
        odd: list[str] = []
        together: dict[tuple[int, int], list[tuple[Reading, int]]] = {}

        def add(
            stream: Stream, t_ns: int, values: Sequence[float | None], texts: Sequence[str | None], quality: int
        ) -> None:
            rows = made.get(stream.id)
            if rows is None:
                rows = made[stream.id] = _Rows(stream, [], [], [], [])
            is_absent = all(text is None for text in texts) and all(v is None or math.isnan(v) for v in values)
            if quality == Quality.GOOD and is_absent:
                quality = Quality.BAD
            rows.t_ns.append(t_ns)
            rows.values.append(values)
            rows.texts.append(tuple(texts))
            rows.quality.append(quality)

        for reading, t_ns in readings:
            group = self.groups.get(self.signal_name(reading.path)) if reading.names == ("",) else None
            if group is not None and not reading.historical:
                together.setdefault((id(group), t_ns), []).append((reading, t_ns))
            else:
                self._alone(reading, t_ns, add, odd)
        for key in sorted(together, key=lambda key: key[1]):
            self._together(together[key], add, odd)
        return [rows.frames(seq, received_ns) for rows in made.values()], odd

    def _alone(self, reading: Reading, t_ns: int, add: _Add, odd: list[str]) -> None:
        path, names, cells, texts, quality = reading.path, reading.names, reading.cells, reading.texts, reading.quality
        if not names:  # absent: as many parts as there were
            names, texts = self._shapes.get(path, ((), ()))
            if not names:
                return
            cells = (None,) * len(names)
        elif reading.kind not in SCALARS:
            self._shapes[path] = names, texts
        elif self.is_text(path):
            texts = (True,)
        numbers, too_large = self._numbers(
            path, [cell for cell, text in zip(cells, texts, strict=True) if not text], odd
        )
        words = [self.word(path, cell) for cell, text in zip(cells, texts, strict=True) if text]
        history = reading.historical
        if too_large:
            exact = [None if cell is None else str(cell) for cell in cells]
            add(self.stream(path, names, (True,) * len(names), history=history), t_ns, (), exact, quality)
            quality = min(quality, Quality.UNCERTAIN)
        add(self.stream(path, names, texts, history=history), t_ns, numbers, words, quality)

    def _together(self, readings: Sequence[tuple[Reading, int]], add: _Add, odd: list[str]) -> None:
        group = self.groups[self.signal_name(readings[0][0].path)]
        rows: list[list[Reading]] = []
        for reading, _ in readings:  # a metric told twice at one time makes a second frame
            row = next((row for row in rows if all(one.path != reading.path for one in row)), None)
            if row is None:
                rows.append([reading])
            else:
                row.append(reading)
        t_ns = readings[0][1]
        for row in rows:
            quality = int(Quality.GOOD)
            for reading in row:
                name, (cell,) = self.signal_name(reading.path), reading.cells
                if reading.quality != Quality.GOOD:
                    quality = reading.quality if quality == Quality.GOOD else min(quality, reading.quality)
                if name in group.text_columns:
                    group.texts[group.text_columns[name]] = self.word(reading.path, cell)
                    continue
                (number,), too_large = self._numbers(reading.path, (cell,), odd)
                if too_large:
                    exact = [str(cell)]
                    add(self.stream(reading.path, ("",), (True,)), t_ns, (), exact, quality)
                group.values[group.columns[name]] = math.nan if number is None else number
            add(group.stream, t_ns, list(group.values), tuple(group.texts), quality)

    def _numbers(self, path: str, cells: Sequence[Cell], odd: list[str]) -> tuple[list[float | None], bool]:
        """Cells as float64, and whether one is a whole number too large to be exact; what is not finite is absent."""
        numbers: list[float | None] = []
        too_large = False
        for cell in cells:
            if cell is None or isinstance(cell, str):
                numbers.append(None)
            elif isinstance(cell, int):
                exact = -MAX_INT <= cell <= MAX_INT
                too_large = too_large or not exact
                numbers.append(float(cell) if exact else None)
            elif math.isfinite(cell):
                numbers.append(cell)
            else:
                odd.append(path)
                numbers.append(None)
        return numbers, too_large


def counting(asset: str, source: str) -> Stream:
    """The stream that counts a node's messages, so that what is lost shows as a gap."""
    signal = Signal("metrics", Kind.GAUGE, label_ko="지표 수", label_en="Metrics in a message")
    return stream_of(asset, "messages", (signal,), sequenced=True, source=source)


def counted(stream: Stream, t_ns: int, seq: int, received_ns: int, metrics: int) -> Frames:
    """One frame of `counting`."""
    return Frames(
        stream,
        np.array([t_ns], np.int64),
        np.array([seq], np.int64),
        np.array([received_ns], np.int64),
        np.array([[float(metrics)]], np.float64),
        np.array([int(Quality.GOOD)], np.int16),
    )
