"""Episodes read from a store and assessed: each by itself, then those of each asset as a set."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from twin.quality import Check, Path, Thresholds, Verdict, assess, assess_set, by_axis, path_of, worst
from twin.quality.dataset import POINTS
from twin.quality.values import is_motion
from twin.sample import Kind, Quality

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from twin.config import Factory
    from twin.episodes import Episode
    from twin.ports import History
    from twin.quality import Finding
    from twin.sample import Frames, Stream


@dataclass(frozen=True, slots=True)
class Judged:
    """An episode and what was found in it."""

    episode: Episode
    findings: tuple[Finding, ...]

    @property
    def verdict(self) -> Verdict:
        """The heaviest of them."""
        return worst(self.findings)

    def row(self) -> dict[str, object]:
        """As JSON."""
        one = self.episode
        return {
            "id": one.id, "asset": one.asset, "start_ns": one.start_ns, "end_ns": one.end_ns, "key": one.key,
            "outcome": one.outcome.value, "verdict": self.verdict.value,
            "findings": [found.row() for found in self.findings],
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class JudgedSet:
    """Some episodes, each judged, and what was found in those of each asset together."""

    episodes: tuple[Judged, ...]
    sets: Mapping[str, tuple[Finding, ...]]

    @property
    def defective(self) -> list[Judged]:
        """The episodes that are not to be learned from."""
        return [one for one in self.episodes if one.verdict is Verdict.DEFECT]

    def counts(self) -> dict[str, dict[str, int]]:
        """How many episodes each check found what in: check → verdict → number."""
        found: dict[str, Counter[str]] = {}
        for one in self.episodes:
            for check, verdict in {(each.check.value, each.verdict.value) for each in one.findings}:
                found.setdefault(check, Counter())[verdict] += 1
        return {check: dict(sorted(told.items())) for check, told in sorted(found.items())}

    def row(self) -> dict[str, object]:
        """As JSON."""
        verdicts = Counter(one.verdict.value for one in self.episodes)
        found = [each for one in self.episodes for each in one.findings]
        found += [each for some in self.sets.values() for each in some if each not in found]
        return {
            "episodes": len(self.episodes),
            "verdicts": {name: verdicts[name] for name in ("defect", "risk", "characteristic")},
            "checks": self.counts(),
            "axes": {
                axis.value: {verdict.value: sum(one.verdict is verdict for one in some) for verdict in Verdict}
                for axis, some in by_axis(found).items()
            },
            "sets": {asset: [one.row() for one in some] for asset, some in self.sets.items()},
            "list": [one.row() for one in self.episodes],
        }


def judge_all(
    history: History,
    streams: Mapping[str, Sequence[Stream]],
    episodes: Iterable[Episode],
    factory: Factory | None = None,
    told: Callable[[int], None] = lambda _done: None,
) -> JudgedSet:
    """Assess episodes in order of time by the factory's thresholds; their frames are read one episode at a time.

    What is a copy of an earlier one is found in the set and told of the episode, too.
    """
    t = factory.quality if factory is not None else Thresholds()
    judged: list[Judged] = []
    paths: dict[str, list[Path]] = {}
    for done, one in enumerate(episodes, 1):
        frames = read(history, streams.get(one.asset, ()), one)
        judged.append(Judged(one, assess(frames, t)))
        paths.setdefault(one.asset, []).append(_path(one, frames))
        told(done)
    sets = {asset: assess_set(some, t) for asset, some in sorted(paths.items())}
    copies: dict[str, list[Finding]] = {}
    for found in (each for some in sets.values() for each in some if each.check is Check.DUPLICATE):
        copies.setdefault(found.where, []).append(found)
    whole = (Judged(each.episode, (*each.findings, *copies.get(each.episode.id, ()))) for each in judged)
    return JudgedSet(tuple(whole), sets)


def read(history: History, streams: Sequence[Stream], one: Episode) -> list[Frames]:
    """An episode's frames by stream, in order of time; streams that said nothing in it have none."""
    found = []
    for stream in streams:
        frames = history.frames(stream.id, one.start_ns, one.end_ns)
        frames = frames.take(frames.quality != Quality.CLOCK_AHEAD)
        found.append(frames.take(np.argsort(frames.t_ns, kind="stable")))
    return found


def _path(one: Episode, frames: Sequence[Frames]) -> Path:
    """Its way: what moves, else every gauge; the columns are the same in every episode of an asset."""
    moving = any(is_motion(signal) for each in frames for signal in each.stream.columns)
    parts = []
    for each in frames:
        picked = [
            i
            for i, signal in enumerate(each.stream.columns)
            if (is_motion(signal) if moving else signal.kind is Kind.GAUGE)
        ]
        parts.append(path_of(each.t_ns, each.values[:, picked]))
    states = np.hstack(parts) if parts else np.empty((POINTS, 0))
    return Path(one.id, one.instruction_en, one.outcome.value, states)
