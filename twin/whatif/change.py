"""What is to be changed: ``KEY=VALUE`` laid over a model. Each mistake says what there is."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from twin.clock import NS_PER_S
from twin.errors import ScenarioError
from twin.ids import leaf_of
from twin.shifts import Shift, ShiftCalendar, planned
from twin.site import Name

if TYPE_CHECKING:
    from collections.abc import Iterable

    from twin.whatif.law import Law
    from twin.whatif.model import Line, Model, Room, Station

STATION_KEYS = ("down", "cycle", "scrap", "mtbf", "mttr", "pauses")
BUFFER_KEYS = ("capacity", "level")
_SECONDS = {"s": 1.0, "min": 60.0, "h": 3600.0, "분": 60.0, "초": 1.0, "시간": 3600.0}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(s|min|h|초|분|시간)")
_DOWN = re.compile(r"([^@]+)(?:@\+?(.+))?")
_HOURS = re.compile(r"(\d\d):(\d\d)-(\d\d):(\d\d)")
_MINUTES_A_DAY = 24 * 60


@dataclass(frozen=True, slots=True)
class Change:
    """One change as it was asked for, and in which units it stands: ``key`` is ``NAME.what``, ``shift`` or so."""

    key: str
    value: str

    @classmethod
    def parse(cls, text: str) -> Change:
        """``KEY=VALUE``; raises ScenarioError for something else."""
        key, equals, value = text.partition("=")
        if not equals or not key.strip() or not value.strip():
            raise ScenarioError(f"{text!r} is no change; write KEY=VALUE, such as R-101.down=30min or B-10.capacity=+5")
        return cls(key.strip(), value.strip())


def changed(model: Model, changes: Iterable[Change], timezone: str) -> Model:
    """The model with every change laid over it, in order; raises ScenarioError, with what there is."""
    for one in changes:
        model = _one(model, one, timezone)
    return model


def keys_of(model: Model) -> list[str]:
    """Every key that can be changed."""
    stations = [leaf_of(one.id) for line in model.lines for one in line.stations]
    buffers = [leaf_of(asset) for line in model.lines for room in line.rooms for asset in room.buffers]
    return [
        *(f"{name}.{what}" for name in stations for what in STATION_KEYS),
        *(f"{name}.{what}" for name in buffers for what in BUFFER_KEYS),
        *(("amr.count", "amr.job") if model.fleet is not None else ()),
        "shift",
    ]


def _one(model: Model, one: Change, timezone: str) -> Model:
    if one.key == "shift":
        return replace(model, works_s=_works(model, one.value, timezone))
    name, _, what = one.key.rpartition(".")
    if name == "amr" and model.fleet is not None and what in ("count", "job"):
        if what == "job":
            return replace(model, fleet=replace(model.fleet, job=_scaled(model.fleet.job, one)))
        return replace(model, fleet=replace(model.fleet, count=_whole(model.fleet.count, one, least=0)))
    found = [_line(line, name, what, one) for line in model.lines]
    if all(new is None for new in found):
        raise ScenarioError(f"there is no {one.key!r} to change; {_near(one.key, keys_of(model))}")
    return replace(
        model, lines=tuple(line if new is None else new for line, new in zip(model.lines, found, strict=True))
    )


def _line(line: Line, name: str, what: str, one: Change) -> Line | None:
    """The line with the change; None where it has nothing of that name."""
    if what in STATION_KEYS and any(_named(station.id, name) for station in line.stations):

        def new(station: Station) -> Station:
            return _station(station, what, one) if _named(station.id, name) else station

        steps = tuple(tuple(new(station) for station in step) for step in line.steps)
        return replace(line, steps=steps, tenders=tuple(new(station) for station in line.tenders))
    if what in BUFFER_KEYS and any(_named(asset, name) for room in line.rooms for asset in room.buffers):
        rooms = tuple(
            _room(room, what, one) if any(_named(asset, name) for asset in room.buffers) else room
            for room in line.rooms
        )
        return replace(line, rooms=rooms)
    return None


def _station(station: Station, what: str, one: Change) -> Station:
    if what == "down":
        return replace(station, downs_s=(*station.downs_s, _down(one)))
    if what == "cycle":
        return replace(station, cycle=_scaled(station.cycle, one))
    if what == "scrap":
        ratio = _number(station.scrap_ratio, one, percent_is_share=True)
        if not 0 <= ratio <= 1:
            raise ScenarioError(f"{one.key}={one.value}: a scrap ratio of {ratio:g} is not from 0 to 1")
        return replace(station, scrap_ratio=ratio)
    if what == "pauses":
        return replace(station, pauses_ratio=min(1.0, max(0.0, _number(station.pauses_ratio, one))))
    failing = [stop for stop in station.stops if stop.is_failure]
    if not failing:
        raise ScenarioError(f"{one.key}: {leaf_of(station.id)} never failed, so there is nothing to change")
    stops = tuple(
        stop
        if not stop.is_failure
        else replace(stop, between=_scaled(stop.between, one))
        if what == "mtbf"
        else replace(stop, lasts=_scaled(stop.lasts, one))
        for stop in station.stops
    )
    return replace(station, stops=stops)


def _room(room: Room, what: str, one: Change) -> Room:
    if what == "level":
        return replace(room, level=min(room.capacity, _whole(room.level, one, least=0)))
    capacity = _whole(room.capacity, one, least=1)
    return replace(room, capacity=capacity, level=min(room.level, capacity))


def _down(one: Change) -> tuple[float, float]:
    """``30min``, or ``30min@+1h``: for how long, and how long after the start."""
    found = _DOWN.fullmatch(one.value)
    for_s = _seconds(found[1], one) if found else 0.0
    at_s = _seconds(found[2], one) if found and found[2] else 0.0
    return at_s, at_s + for_s


def _seconds(text: str, one: Change) -> float:
    found = _DURATION.fullmatch(text.strip())
    if found is None:
        raise ScenarioError(f"{one.key}={one.value}: {text!r} is no duration; write 30min, 90s or 2h")
    return float(found[1]) * _SECONDS[found[2]]


def _scaled(law: Law, one: Change) -> Law:
    """A law made longer or shorter: ``-10%``, or its mean as a duration (``48s``), or more or less (``+5s``)."""
    mean_s = law.mean_s
    text = one.value
    if text.endswith("%"):
        factor = 1.0 + _plain(text[:-1], one) / 100.0
    elif text[0] in "+-":
        factor = (mean_s + (1 if text[0] == "+" else -1) * _seconds(text[1:], one)) / mean_s
    else:
        factor = _seconds(text, one) / mean_s
    if factor <= 0:
        raise ScenarioError(f"{one.key}={one.value}: nothing would be left of a mean of {mean_s:.1f} s")
    return law.scaled(factor)


def _whole(now: int, one: Change, *, least: int) -> int:
    number = _number(float(now), one)
    if number != round(number) or number < least:
        raise ScenarioError(
            f"{one.key}={one.value}: {now} would become {number:g}, which is no whole number from {least}"
        )
    return round(number)


def _number(now: float, one: Change, *, percent_is_share: bool = False) -> float:
    """``+5`` and ``-5`` are more and less, ``+10%`` so much of what it is, ``7`` is 7."""
    text = one.value
    if text.endswith("%") and text[0] in "+-":
        return now * (1.0 + _plain(text[:-1], one) / 100.0)
    if text.endswith("%") and percent_is_share:
        return _plain(text[:-1], one) / 100.0
    value = _plain(text, one)
    return now + value if text[0] in "+-" else value


def _plain(text: str, one: Change) -> float:
    try:
        return float(text)
    except ValueError:
        raise ScenarioError(f"{one.key}={one.value}: {text!r} is no number") from None


def _works(model: Model, value: str, timezone: str) -> tuple[tuple[float, float], ...]:
    """``all``: worked through, without breaks; else times of day that are worked: ``08:00-12:00,12:20-20:00``."""
    if value == "all":
        return ((0.0, model.horizon_s),)
    shifts = []
    for number, part in enumerate(value.split(",")):
        found = _HOURS.fullmatch(part.strip())
        if found is None:
            raise ScenarioError(f"shift={value}: {part!r} is no time; write 08:00-12:00,12:20-20:00, or all")
        begin, end = int(found[1]) * 60 + int(found[2]), int(found[3]) * 60 + int(found[4])
        try:
            shifts.append(Shift(str(number), Name("", ""), begin, end + _MINUTES_A_DAY * (end <= begin)))
        except ValueError as error:
            raise ScenarioError(f"shift={value}: {error}") from error
    calendar = ShiftCalendar(timezone, tuple(shifts))
    end_ns = model.start_ns + round(model.horizon_s * NS_PER_S)
    return works_of(planned(calendar, model.start_ns, end_ns), model.start_ns)


def works_of(spans: Iterable[tuple[int, int]], start_ns: int) -> tuple[tuple[float, float], ...]:
    """Planned times as seconds from the start."""
    return tuple(((begin - start_ns) / NS_PER_S, (end - start_ns) / NS_PER_S) for begin, end in spans)


def _named(asset: str, name: str) -> bool:
    return name in (asset, leaf_of(asset), asset.partition("/")[2])


def _near(key: str, known: list[str]) -> str:
    near = difflib.get_close_matches(key, known, 3, 0.5)
    hint = f"did you mean {' or '.join(near)}? " if near else ""
    names = sorted({one.rpartition(".")[0] or one for one in known})
    what = f"of a station {', '.join(STATION_KEYS)}, of a buffer {', '.join(BUFFER_KEYS)}"
    return f"{hint}There are {', '.join(names)}; {what}"
