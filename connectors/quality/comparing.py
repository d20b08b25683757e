"""Real and simulated episodes of stores read, and compared task by task."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from connectors.quality.judging import read
from twin.quality.distance import POINTS, Compared, compare, instants_of, side_of
from twin.sample import Kind, Role

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from twin.episodes import Episode
    from twin.ports import History
    from twin.sample import Signal, Stream

MOST = 200
"""So many episodes of a side are read, evenly over all of it: more change no distance that is worth telling."""
_KINDS = (Kind.GAUGE, Kind.FLAG)


@dataclass(frozen=True, slots=True)
class Set:
    """Episodes of one store."""

    history: History
    streams: Mapping[str, Sequence[Stream]]
    episodes: Sequence[Episode]

    @property
    def assets(self) -> list[str]:
        """Of which assets they are."""
        return sorted({one.asset for one in self.episodes})


def compare_sets(real: Set, simulated: Set) -> list[Compared]:
    """All episodes together, and those of each task that both sides know; each by what both tell."""
    found = [_compare("", real.episodes, simulated.episodes, real, simulated)]
    tasks = [{one.instruction_en for one in side.episodes if one.instruction_en} for side in (real, simulated)]
    shared = sorted(tasks[0] & tasks[1])
    if tasks[0] | tasks[1] == set(shared) and len(shared) <= 1:
        return found  # the one task is all of it
    for task in shared:
        mine = [[one for one in side.episodes if one.instruction_en == task] for side in (real, simulated)]
        found.append(_compare(task, mine[0], mine[1], real, simulated))
    return found


def told(compared: Sequence[Compared], real: Set, simulated: Set) -> dict[str, Any]:
    """As JSON: which sets, and what was found; signals with the real assets' own names for them."""
    signals = [signal for asset in real.assets for one in real.streams.get(asset, ()) for signal in one.columns]
    labels = {_key(one): {"ko": one.label_ko, "en": one.label_en} for one in reversed(signals)}
    return {
        "real": {"episodes": len(real.episodes), "assets": real.assets},
        "simulated": {"episodes": len(simulated.episodes), "assets": simulated.assets},
        "compared": [_row(one, labels) for one in compared],
    }


def _row(one: Compared, labels: Mapping[tuple[str, str], dict[str, str]]) -> dict[str, Any]:
    told = one.row()
    for row in told["signals"]:
        row["label"] = labels.get((row["signal"], row["unit"]), {})
    return told


def _compare(task: str, left: Sequence[Episode], right: Sequence[Episode], real: Set, simulated: Set) -> Compared:
    sides = [[_instants(one, of) for one in _some(some)] for some, of in ((left, real), (right, simulated))]
    signals = [dict.fromkeys(key for one in side for key in one) for side in sides]
    shared = [one for one in signals[0] if one in signals[1]]
    return compare(task, side_of(shared, sides[0]), side_of(shared, sides[1]))


def _some(episodes: Sequence[Episode]) -> list[Episode]:
    if len(episodes) <= MOST:
        return list(episodes)
    return [episodes[i] for i in np.linspace(0, len(episodes) - 1, MOST).astype(int).tolist()]


def _instants(one: Episode, of: Set) -> dict[tuple[str, str], NDArray[np.float64]]:
    """Each number of an episode at its POINTS instants, held from the row before."""
    found: dict[tuple[str, str], NDArray[np.float64]] = {}
    for frames in read(of.history, of.streams.get(one.asset, ()), one):
        if not len(frames):
            continue
        rows = instants_of(frames.t_ns, one.start_ns, one.end_ns)
        for place, signal in enumerate(frames.stream.columns):
            if signal.kind not in _KINDS:
                continue
            values = np.full(POINTS, np.nan)
            values[rows >= 0] = frames.values[rows[rows >= 0], place]
            found.setdefault(_key(signal), values)
    return found


def _key(signal: Signal) -> tuple[str, str]:
    """By what a signal means, where that is known: two devices call one joint by other names."""
    if signal.role is Role.NONE:
        return signal.name, signal.unit
    name = signal.role.value
    return (f"{name}_{signal.index + 1}" if name.startswith("joint") else name), signal.unit
