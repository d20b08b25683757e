"""Every asset's episodes over a time, cut and judged."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from connectors.episodes.reading import read_story, streams_of
from twin.clock import NS_PER_S
from twin.episodes.cut import cut, sort_out
from twin.episodes.judge import judge
from twin.episodes.rules import rules_for
from twin.simulation.attempts import SOURCE as GENERATED
from twin.site import Name

if TYPE_CHECKING:
    from collections.abc import Callable

    from twin.config import Factory
    from twin.episodes import Episode
    from twin.episodes.rules import EpisodeRules
    from twin.ports import History
    from twin.sample import Stream


@dataclass(slots=True)
class Found:
    """What cutting made of one asset. Times are device times."""

    asset: str
    method: str
    runs: int
    episodes: list[Episode] = field(default_factory=list)
    too_short: int = 0
    too_long: int = 0
    recorded_s: float = 0.0
    took_s: float = 0.0

    def summary(self) -> dict[str, object]:
        """In numbers, for people and machines."""
        outcomes = Counter(one.outcome.value for one in self.episodes)
        causes = Counter(one.cause for one in self.episodes if one.cause)
        return {
            "asset": self.asset,
            "method": self.method,
            "runs": self.runs,
            "too_short": self.too_short,
            "too_long": self.too_long,
            "episodes": len(self.episodes),
            **{name: outcomes.get(name, 0) for name in ("success", "failure", "unknown")},
            "causes": dict(sorted(causes.items())),
            "hours": round(sum(one.duration_s for one in self.episodes) / 3600, 4),
            "recorded_s": round(self.recorded_s, 3),
            "took_s": round(self.took_s, 3),
            "times_real_time": round(self.recorded_s / max(self.took_s, 1e-9)),
        }


@dataclass(frozen=True, slots=True)
class Asked:
    """Which episodes are wanted; None is all there is. ``simulated`` says that no real asset told this."""

    start_ns: int | None = None
    end_ns: int | None = None
    asset: str = ""
    simulated: bool = False


def cut_all(
    history: History, factory: Factory | None, asked: Asked, told: Callable[[Found], None] = lambda _found: None
) -> list[Found]:
    """The episodes of every asset (or those below ``asked.asset``), in order of asset and time.

    What `twin episodes generate` wrote is left alone.
    """
    counts = history.by_stream()
    found: list[Found] = []
    for asset, streams in streams_of(history).items():
        if asked.asset and asset != asked.asset and not asset.startswith(asked.asset + "/"):
            continue
        if all(one.source == GENERATED for one in streams):
            continue  # their bounds are known, and they are no production
        times = [counts[one.id] for one in streams if one.id in counts and counts[one.id].frames]
        if not times:
            continue
        start_ns = min(one.first_ns for one in times) if asked.start_ns is None else asked.start_ns
        end_ns = max(one.last_ns for one in times) + 1 if asked.end_ns is None else asked.end_ns
        if start_ns >= end_ns:
            continue
        rules, task = _said(factory, asset)
        one = _cut_one(history, asset, streams, rules, task, (start_ns, end_ns), simulated=asked.simulated)
        if one.runs:
            found.append(one)
            told(one)
    return found


def _said(factory: Factory | None, asset: str) -> tuple[EpisodeRules, Name]:
    """How an asset's episodes are cut, and the task where no recipe says one."""
    known = factory.hub.assets().get(asset) if factory is not None else None
    name = known.name if known is not None else Name(asset.rpartition("/")[2], asset.rpartition("/")[2])
    rules = rules_for(factory.episodes if factory is not None else (), asset, known.type if known is not None else "")
    return rules, Name(f"{name.ko} 작업 한 주기 수행", f"Carry out one work cycle of {name.en}")


def _cut_one(  # noqa: PLR0913  one asset over one time
    history: History,
    asset: str,
    streams: list[Stream],
    rules: EpisodeRules,
    task: Name,
    span: tuple[int, int],
    *,
    simulated: bool,
) -> Found:
    began = time.perf_counter()
    story = read_story(history, asset, streams, rules, *span)
    method, runs = cut(story, rules)
    good, short, long = sort_out(runs, rules)
    episodes = judge(story, method, good, rules, task, "sim" if simulated else "real")
    took_s = time.perf_counter() - began
    recorded_s = float(story.heard[-1] - story.heard[0]) / NS_PER_S if len(story.heard) else 0.0
    return Found(asset, method.value, len(runs), episodes, len(short), len(long), recorded_s, took_s)
