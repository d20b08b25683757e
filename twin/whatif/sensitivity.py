"""Which setting matters most: each by itself a step down and a step up, all under the same luck.

One at a time tells what a single setting does around where the plant stands, and nothing of what two do together.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from twin.errors import ScenarioError
from twin.ids import leaf_of
from twin.whatif.change import BUFFER_KEYS, STATION_KEYS, Change, changed
from twin.whatif.compare import differences

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from twin.whatif.model import Model
    from twin.whatif.replicate import Replication

STEPPED = ("cycle", "mtbf", "mttr", "scrap", "pauses")
"""Of a station, what is stepped by a share of itself."""
COUNTED = ("capacity", "level")
"""Of a buffer, what is stepped by whole parts, one at least."""
USUAL = ("cycle", "mttr", "capacity")
"""What `all` stands for."""
STEP = 0.1
LEAST_REPLICATIONS = 8
BUDGET = 3000
"""So many runs of the whole site at most: an interval of a few hundred is not worth an hour's wait."""


@dataclass(frozen=True, slots=True)
class Lever:
    """A setting, with the change for a step down and up; "" where there is no room for it."""

    key: str
    low: str
    high: str


def levers_of(model: Model, asked: Iterable[str], step: float = STEP) -> list[Lever]:
    """The settings that are asked for: a key (``R-101.cycle``), a word for all of a kind (``cycle``), or ``all``.

    ``step`` is a share, 0…1. Raises ScenarioError for what cannot be stepped, with what there is.
    """
    if not 0 < step < 1:
        raise ScenarioError(f"a step of {step:.0%} is not between 0 and 100 %")
    words = [word for one in asked for word in (USUAL if one == "all" else (one,))]
    found: dict[str, Lever] = {}
    for word in words:
        every = word in (*STATION_KEYS, *BUFFER_KEYS)
        made = list(_kind(model, word, step) if every else _one(model, word, step))
        if not made:
            raise ScenarioError(f"{word}: nothing of it can be stepped here; {_there_is()}")
        found |= {one.key: one for one in made}
    return list(found.values())


def variants(model: Model, levers: Iterable[Lever], timezone: str) -> list[tuple[Lever, str, Model]]:
    """(lever, low or high, model) of each step that there is room for."""
    return [
        (lever, side, changed(model, [Change(lever.key, value)], timezone))
        for lever in levers
        for side, value in (("low", lever.low), ("high", lever.high))
        if value
    ]


def replications_within(runs: int, asked: int, budget: int = BUDGET) -> int:
    """How often each of ``runs`` models may run; raises ScenarioError where the budget is too small for a figure."""
    most = budget // max(1, runs)
    if most < LEAST_REPLICATIONS:
        raise ScenarioError(
            f"{runs} models of {LEAST_REPLICATIONS} runs each are more than a budget of {budget}:"
            f" name fewer settings, or give a budget of {runs * LEAST_REPLICATIONS}"
        )
    return min(asked, most)


def swings(
    baseline: Sequence[Replication], steps: Iterable[tuple[Lever, str, Sequence[Replication]]]
) -> dict[str, dict[str, list[dict[str, Any]]]]:
    """By scope and figure a row a lever, the greatest swing first; ``low`` and ``high`` are paired differences or None.

    ``swing`` is the greater size of both; ``distinct`` whether either is more than chance.
    """
    rows: dict[str, dict[str, dict[str, dict[str, Any]]]] = {}
    for lever, side, replications in steps:
        for scope, figures in differences(baseline, replications).items():
            for name, apart in figures.items():
                row = (
                    rows.setdefault(scope, {})
                    .setdefault(name, {})
                    .setdefault(lever.key, {"key": lever.key, "low": None, "high": None})
                )
                row[side] = {key: apart[key] for key in ("mean", "ci", "distinct", "better")}
    return {
        scope: {name: sorted(map(_row, found.values()), key=_order) for name, found in each.items()}
        for scope, each in rows.items()
    }


def _row(row: dict[str, Any]) -> dict[str, Any]:
    known = [one for one in (row["low"], row["high"]) if one is not None]
    return row | {
        "swing": max(abs(one["mean"]) for one in known),
        "distinct": any(one["distinct"] for one in known),
    }


def _order(row: dict[str, Any]) -> tuple[bool, float, str]:
    """What is more than chance first."""
    return not row["distinct"], -row["swing"], row["key"]


def _kind(model: Model, word: str, step: float) -> Iterator[Lever]:
    """One word of all stations or buffers that have it; what has nothing to step is left out."""
    if word in BUFFER_KEYS:
        for line in model.lines:
            for room in line.rooms:
                # Buffers side by side are one room: its first stands for them.
                if room.buffers:
                    yield from _counted(
                        f"{leaf_of(room.buffers[0])}.{word}",
                        room.capacity if word == "capacity" else room.level,
                        step,
                        room.capacity,
                    )
        return
    for line in model.lines:
        for station in line.stations:
            never = word in ("mtbf", "mttr") and not any(stop.is_failure for stop in station.stops)
            nothing = (word == "scrap" and not station.scrap_ratio) or (word == "pauses" and not station.pauses_ratio)
            if word in STEPPED and not never and not nothing:
                yield _shared(f"{leaf_of(station.id)}.{word}", step)


def _one(model: Model, key: str, step: float) -> Iterator[Lever]:
    name, _, what = key.rpartition(".")
    if what in COUNTED:
        for line in model.lines:
            for room in line.rooms:
                if any(name in (asset, leaf_of(asset), asset.partition("/")[2]) for asset in room.buffers):
                    yield from _counted(key, room.capacity if what == "capacity" else room.level, step, room.capacity)
        return
    if key == "amr.count" and model.fleet is not None:
        yield Lever(key, "-1" if model.fleet.count else "", "+1")
        return
    if what not in (*STEPPED, "job"):
        raise ScenarioError(f"{key} cannot be stepped; {_there_is()}")
    lever = _shared(key, step)
    changed(model, [Change(key, lever.high)], "UTC")  # raises where there is no such thing
    yield lever


def _shared(key: str, step: float) -> Lever:
    return Lever(key, f"-{step * 100:g}%", f"+{step * 100:g}%")


def _counted(key: str, now: int, step: float, capacity: int) -> Iterator[Lever]:
    parts = max(1, round(step * now))
    is_level = key.endswith(".level")
    low = f"-{parts}" if now - parts >= (0 if is_level else 1) else ""
    high = f"+{parts}" if not is_level or now + parts <= capacity else ""
    if low or high:
        yield Lever(key, low, high)


def _there_is() -> str:
    return f"of a station {', '.join(STEPPED)}, of a buffer {', '.join(COUNTED)}, amr.count, amr.job, or all"
