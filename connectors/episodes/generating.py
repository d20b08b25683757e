"""Episodes of a simulation into a store, by the way that every frame goes, and onto its desk with their truth."""

from __future__ import annotations

import hashlib
import time
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from connectors.desk import generated
from connectors.desk.generated import Generated
from connectors.stores.lock import writer_lock
from connectors.stores.sql import open_history, open_store
from twin.clock import NS_PER_S
from twin.datasets import Origin
from twin.episodes.episode import Episode, Method, Outcome, episode_id
from twin.keyframes import resume
from twin.ports import Commit, Folded, SourceCount
from twin.sample import batch_of
from twin.simulation.attempts import SOURCE, attempts

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from connectors.desk import Desk
    from twin.ports import History, Store
    from twin.sample import Batch, Frames
    from twin.simulation.attempts import Attempt, Recipe
    from twin.site import Name

WRITER = "generator"
BATCH_ROWS = 40_000
"""So many frames are stored at once, and then the episodes that they are; who stops it keeps what is stored."""
ORIGIN = f"{Origin.SIMULATED.value}:attempts"
"""What a generated episode says of where it comes from."""
BETWEEN_NS = 60 * NS_PER_S
"""So long after what is stored of an arm more of it begins."""


@dataclass(slots=True)
class Written:
    """What was generated. Mutable while it is written."""

    episodes: int = 0
    success: int = 0
    faults: int = 0
    frames: int = 0
    simulated_s: float = 0.0
    took_s: float = 0.0
    sha256: str = ""
    """Of every frame's values and times, in order: the same seed, the same hash."""

    def summary(self) -> dict[str, Any]:
        """In numbers, for people and machines."""
        return {
            "episodes": self.episodes, "success": self.success, "failure": self.episodes - self.success,
            "faults": self.faults, "frames": self.frames, "simulated_s": round(self.simulated_s, 3),
            "took_s": round(self.took_s, 3),
            "times_real_time": round(self.simulated_s / max(self.took_s, 1e-9)), "sha256": self.sha256,
        }  # fmt: skip


def generate(  # noqa: PLR0913  where to, what of, how many
    url: str,
    desk: Desk,
    who: str,
    recipe: Recipe,
    count: int,
    task: Name,
    begin_ns: int,
    engine: str,
    told: Callable[[int], None] = lambda _done: None,
) -> Written:
    """Play attempts into the store at ``url`` and keep them as episodes: labels and truth with each.

    They begin at ``begin_ns``, or after what is stored of that arm. Raises ScenarioError for an arm that cannot be
    simulated, StoreError where another process generates into the store.
    """
    began = time.perf_counter()
    written, digest = Written(), hashlib.sha256()
    detail = {
        "seed": recipe.seed, "randomise": {name: str(span) for name, span in recipe.ranges.items()},
        "faults": {kind.value: share for kind, share in recipe.faults.items()},
    }  # fmt: skip
    with writer_lock(url, WRITER), closing(open_store(url)) as store:
        with closing(open_history(url)) as history:
            begin_ns, seq = _after(history, recipe, begin_ns)
            mirror, keyframes = resume(history, WRITER)

        def fold(batch: Batch) -> Folded:
            events = mirror.apply(batch)
            return Folded(events, mirror.changed, keyframes.after(WRITER, mirror))

        waiting: list[Attempt] = []
        for one in attempts(recipe, count, begin_ns, seq):
            waiting.append(one)
            _count(written, one, digest)
            rows = sum(len(part) for each in waiting for part in each.frames)
            if rows >= BATCH_ROWS or one.number == count - 1:
                _store(store, waiting, fold)
                kept = [_kept(each, recipe, task, engine) for each in waiting]
                generated.keep(desk, who, kept, detail)
                waiting = []
            told(written.episodes)
    written.sha256 = digest.hexdigest()
    written.took_s = time.perf_counter() - began
    return written


def _after(history: History, recipe: Recipe, begin_ns: int) -> tuple[int, dict[str, int]]:
    """When attempts may begin, a whole second, and each stream's next number."""
    counts = history.by_stream()
    seq: dict[str, int] = {}
    for stream in recipe.streams():
        count = counts.get(stream.id)
        if count is None or not count.frames:
            continue
        begin_ns = max(begin_ns, -(-(count.last_ns + BETWEEN_NS) // NS_PER_S) * NS_PER_S)
        seq[stream.id] = int(history.frames(stream.id, count.last_ns, count.last_ns + 1).seq[-1]) + 1
    return begin_ns, seq


def _store(store: Store, waiting: list[Attempt], fold: Callable[[Batch], Folded]) -> None:
    parts: list[Frames] = [part for one in waiting for part in one.frames]
    n = store.next_batch(WRITER)
    counts = (SourceCount(SOURCE, decoded_frames=sum(len(part) for part in parts)),)
    store.append(Commit(batch_of(WRITER, n, waiting[-1].next_ns, parts), counts=counts), fold)


def _count(written: Written, one: Attempt, digest: Any) -> None:
    written.episodes += 1
    written.success += not one.cause
    written.faults += one.wrong is not None
    written.simulated_s += max(float(part.t_ns[-1] - part.t_ns[0]) / NS_PER_S for part in one.frames)
    for part in one.frames:
        written.frames += len(part)
        digest.update(part.t_ns.tobytes())
        digest.update(part.values.tobytes())


def _kept(one: Attempt, recipe: Recipe, task: Name, engine: str) -> Generated:
    wrong = one.wrong
    episode = Episode(
        episode_id(recipe.asset.id, one.start_ns), recipe.asset.id, one.start_ns, one.end_ns, one.start_ns, one.end_ns,
        Method.GENERATED, str(one.number + 1), outcome=Outcome.FAILURE if one.cause else Outcome.SUCCESS,
        cause=one.cause, instruction_ko=task.ko, instruction_en=task.en, source=ORIGIN,
    )  # fmt: skip
    fault: Mapping[str, str | float] = {
        "fault": wrong.kind.value if wrong else "", "severity": wrong.severity if wrong else 0.0,
        "fault_from_s": (wrong.start_ns - one.start_ns) / NS_PER_S if wrong else 0.0,
        "fault_to_s": (wrong.end_ns - one.start_ns) / NS_PER_S if wrong else 0.0,
    }  # fmt: skip
    made_of = {"engine": engine, "run_seed": str(recipe.seed), "seed": str(one.seed), **one.parameters, **fault}
    anomaly = (wrong.kind.value, wrong.start_ns, wrong.end_ns) if wrong else None
    return Generated(episode, made_of, anomaly)
