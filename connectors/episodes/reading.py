"""What an asset told, read stretch by stretch, so that a month of it does not stand in memory."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from twin.clock import NS_PER_S
from twin.episodes.story import NOTHING, Story, Track
from twin.events import EventKind
from twin.sample import Kind, Quality, Role

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from twin.episodes.rules import EpisodeRules
    from twin.episodes.story import Words
    from twin.events import Event
    from twin.ports import History
    from twin.sample import Frames, Signal, Stream

CHUNK_NS = 6 * 3600 * NS_PER_S
EVENTS = 100_000
_CYCLE = re.compile(r"(^|[._ ])(cycle|cycle[_ ]?(no|number|id|count|counter))$", re.IGNORECASE)
_FAULT = re.compile(
    r"(^|[._ ])(protective[_ ]?stop|grip[_ ]?lost|part[_ ]?lost|emergency[_ ]?stop|e[_ ]?stop|collision|fault)$",
    re.IGNORECASE,
)


@dataclass(slots=True)
class _Gathered:
    """One signal of a story while it is read. Mutable: grows by stretches."""

    t_ns: list[NDArray[np.int64]] = field(default_factory=list)
    values: list[NDArray[np.float64]] = field(default_factory=list)

    def add(self, t_ns: NDArray[np.int64], values: NDArray[np.float64], keep: NDArray[np.bool_] | None = None) -> None:
        present = ~np.isnan(values)
        if keep is not None:
            present &= keep
        self.t_ns.append(t_ns[present])
        self.values.append(values[present])

    def track(self) -> Track:
        return Track(np.concatenate(self.t_ns), np.concatenate(self.values)) if self.t_ns else NOTHING


def streams_of(history: History) -> dict[str, list[Stream]]:
    """The streams of every asset that measures anything, by its id, both in order."""
    found: dict[str, list[Stream]] = {}
    for stream in sorted(history.streams().values(), key=lambda one: one.id):
        if not stream.is_of_a_node and not stream.asset.startswith("twin/") and stream.signals:
            found.setdefault(stream.asset, []).append(stream)
    return found


def read_story(  # noqa: PLR0913  a range of an asset's streams
    history: History, asset: str, streams: Sequence[Stream], rules: EpisodeRules, start_ns: int, end_ns: int
) -> Story:
    """What an asset told in [start_ns, end_ns). Its motion is read only where nothing else can cut it."""
    wanted = [stream for stream in streams if _tells(stream, rules)]
    events = _orders(history, asset, start_ns, end_ns)
    if wanted:
        story = _read(history, asset, wanted, rules, start_ns, end_ns, events)
        tells_more = story.programs or len(story.cycle) or len(story.good) or len(story.scrap)
        if rules.method != "motion" and (tells_more or events or any(word == "Complete" for _, word in story.states)):
            return story
    moving = [stream for stream in streams if _speeds(stream)[0].any()]
    rest = [stream for stream in wanted if stream not in moving]
    return _read(history, asset, [*rest, *moving], rules, start_ns, end_ns, events, motion=True)


def _orders(history: History, asset: str, start_ns: int, end_ns: int) -> list[Event]:
    kinds = (EventKind.ORDER_CHANGED, EventKind.ACTION_CHANGED)
    found = history.events(start_ns, end_ns, asset=asset, kinds=kinds, limit=EVENTS)
    return sorted((one for one in found if one.asset == asset), key=lambda one: one.order)


def _tells(stream: Stream, rules: EpisodeRules) -> bool:
    roles = {Role.STATE, Role.MODE, Role.PROGRAM, Role.GOOD_COUNT, Role.SCRAP_COUNT}
    return any(one.role in roles or is_cycle(one, rules) or is_failure(one, rules) for one in stream.signals)


def is_cycle(signal: Signal, rules: EpisodeRules) -> bool:
    """Whether a signal numbers the cycles."""
    if rules.cycle:
        return signal.name == rules.cycle
    return signal.kind in (Kind.COUNTER, Kind.GAUGE) and _CYCLE.search(signal.name) is not None


def is_failure(signal: Signal, rules: EpisodeRules) -> bool:
    """Whether a signal, being true, says that an attempt failed."""
    if rules.failures is not None:
        return signal.name in rules.failures
    return signal.kind is Kind.FLAG and _FAULT.search(signal.name) is not None


def _speeds(stream: Stream) -> tuple[NDArray[np.bool_], bool]:
    """Which columns tell of motion, (width,); and whether they are positions, whose change does."""
    roles = [one.role for one in stream.columns]
    units = [one.unit for one in stream.columns]
    speeds = np.array(
        [r in (Role.JOINT_VELOCITY, Role.SPEED) or u == "rad/s" for r, u in zip(roles, units, strict=True)], bool
    )
    if speeds.any():
        return speeds, False
    return np.array([role in (Role.JOINT_POSITION, Role.X, Role.Y) for role in roles], bool), True


def _read(  # noqa: PLR0913  a range of some streams
    history: History,
    asset: str,
    streams: Sequence[Stream],
    rules: EpisodeRules,
    start_ns: int,
    end_ns: int,
    events: Iterable[Event],
    *,
    motion: bool = False,
) -> Story:
    numbers: dict[str, _Gathered] = {}
    faults: dict[str, _Gathered] = {}
    words: dict[Role, list[tuple[int, str]]] = {Role.STATE: [], Role.MODE: [], Role.PROGRAM: []}
    heard: list[NDArray[np.int64]] = []
    for stream in streams:
        for at_ns in range(start_ns, end_ns, CHUNK_NS):
            frames = history.frames(stream.id, at_ns, min(at_ns + CHUNK_NS, end_ns))
            frames = frames.take(frames.quality != Quality.CLOCK_AHEAD)
            if not len(frames):
                continue
            heard.append(frames.t_ns)
            for column, signal in enumerate(stream.columns):
                values = frames.values[:, column]
                if is_cycle(signal, rules):
                    numbers.setdefault("cycle", _Gathered()).add(frames.t_ns, values, _ends(frames.t_ns, values, rules))
                elif signal.role in (Role.GOOD_COUNT, Role.SCRAP_COUNT):
                    numbers.setdefault(signal.role, _Gathered()).add(frames.t_ns, values)
                elif is_failure(signal, rules):
                    faults.setdefault(signal.name, _Gathered()).add(frames.t_ns, values)
            _read_words(stream, frames, words)
            if motion:
                _read_motion(stream, frames, numbers)
    tracks = {name: one.track() for name, one in numbers.items()}
    return Story(
        asset,
        np.unique(np.concatenate(heard)) if heard else np.empty(0, np.int64),
        _changes(words[Role.STATE]),
        _changes(words[Role.MODE]),
        _changes(words[Role.PROGRAM]),
        cycle=tracks.get("cycle", NOTHING),
        good=tracks.get(Role.GOOD_COUNT, NOTHING),
        scrap=tracks.get(Role.SCRAP_COUNT, NOTHING),
        speed=tracks.get("speed", NOTHING),
        faults={name: one.track() for name, one in faults.items()},
        events=tuple(events),
    )


def _ends(t_ns: NDArray[np.int64], values: NDArray[np.float64], rules: EpisodeRules) -> NDArray[np.bool_]:
    """The rows that cutting needs: both ends of each run of one value, and of each third of a gap in it."""
    gap_ns = max(round(rules.max_gap_s * NS_PER_S), 3)
    breaks = (values[1:] != values[:-1]) | (np.diff(t_ns) > gap_ns)
    keep = np.ones(len(values), np.bool_)
    keep[1:-1] = breaks[1:] | breaks[:-1]
    steps = np.diff(t_ns // (gap_ns // 3)) > 0
    keep[1:] |= steps
    keep[:-1] |= steps  # or the way to the next row kept would look longer than it is, and be taken for a gap
    return keep


def _read_words(stream: Stream, frames: Frames, words: dict[Role, list[tuple[int, str]]]) -> None:
    for column, signal in enumerate(stream.text_columns):
        if signal.role not in words or not frames.texts:
            continue
        told = words[signal.role]
        last = told[-1][1] if told else None
        for t_ns, row in zip(frames.t_ns.tolist(), frames.texts, strict=True):
            text = row[column]
            if text is not None and text != last:
                told.append((t_ns, text))
                last = text


def _read_motion(stream: Stream, frames: Frames, numbers: dict[str, _Gathered]) -> None:
    columns, are_positions = _speeds(stream)
    if not columns.any():
        return
    values = np.nan_to_num(frames.values[:, columns])
    if are_positions:
        step_s = np.maximum(np.diff(frames.t_ns) / NS_PER_S, 1e-6)
        values = np.vstack([np.zeros((1, values.shape[1])), np.diff(values, axis=0) / step_s[:, None]])
    numbers.setdefault("speed", _Gathered()).add(frames.t_ns, np.sqrt(np.sum(values**2, axis=1)))


def _changes(told: list[tuple[int, str]]) -> Words:
    """In order of time, each text once: two streams may tell the same state."""
    found: list[tuple[int, str]] = []
    for t_ns, text in sorted(told):
        if not found or found[-1][1] != text:
            found.append((t_ns, text))
    return tuple(found)
