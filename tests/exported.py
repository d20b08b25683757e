"""A robot arm and its episodes in memory, and datasets of them: what the tests of exporters share."""

from __future__ import annotations

import hashlib
import json

import numpy as np

from connectors.episodes.reading import streams_of
from connectors.exporters.croissant import CROISSANT, SUMS, sums_of
from connectors.exporters.export import export
from connectors.exporters.plan import Terms
from connectors.stores.memory import MemoryStore
from twin.clock import NS_PER_S
from twin.episodes import Episode, Method, Outcome
from twin.ports import Commit, Folded, Keyframe
from twin.sample import Frames, Kind, Role, Signal, batch_of, frame, stream_of

T0 = 1_790_000_000 * NS_PER_S
ARM = "s/cell/R-1"
STREAM = stream_of(
    ARM,
    "data",
    [Signal(f"q{i}", unit="rad", role=Role.JOINT_POSITION, index=i) for i in range(3)]
    + [Signal("power", unit="W"), Signal("gripped", Kind.FLAG)],
    sequenced=True,
    period_s=0.05,
)
SLOW = stream_of(ARM, "slow", [Signal("motor", unit="Cel"), Signal("상태", Kind.STATE, role=Role.STATE)])
TERMS = Terms("arm", "CC-BY-4.0", "factory-twin test")
ROWS, LENGTH = 2000, 200
"""A hundred seconds at 20 Hz, cut into ten episodes."""


def arm_history(*, slow: bool = False, sha256: str = "") -> MemoryStore:
    """An arm at 20 Hz; ``slow``: and a temperature and a state once a second, received 30 ms after they were measured.

    ``sha256``: of a keyframe after it.
    """
    at = np.arange(ROWS)
    t_ns = T0 + at * NS_PER_S // 20
    values = np.column_stack([np.sin(at / 20.0 + i) for i in range(3)] + [100 + at % 7, (at // 50) % 2]).astype(float)
    parts = [Frames(STREAM, t_ns, at.astype(np.int64), t_ns, values, np.full(ROWS, 192, np.int16))]
    if slow:
        at = np.arange(ROWS // 20)
        t_ns = T0 + at * NS_PER_S + 7
        heat = np.round(40 + np.sin(at / 9.0), 3)[:, None]
        heat[5] = np.nan
        texts = tuple((("Execute", "Held", None)[i % 3],) for i in at.tolist())
        quality = np.where(at == 9, 64, 192).astype(np.int16)
        parts.append(Frames(SLOW, t_ns, at.astype(np.int64), t_ns + 30_000_000, heat, quality, texts))
    store = MemoryStore()
    kept = Keyframe("w", 1, int(t_ns[-1]), True, sha256, b"") if sha256 else None
    store.append(Commit(batch_of("w", 1, int(t_ns[-1]), parts)), lambda _batch: Folded((), (), kept))
    return store


def go_on(store: MemoryStore) -> None:
    """One batch more, with a keyframe."""
    last = store.last_keyframe("w")
    assert last is not None
    n, at_ns = last.n + 1, last.tick_ns + NS_PER_S
    more = frame(STREAM, at_ns, ROWS + n, at_ns, [0.0] * STREAM.width)
    kept = Keyframe("w", n, at_ns, True, f"{n:064x}", b"")
    store.append(Commit(batch_of("w", n, at_ns, [more])), lambda _batch: Folded((), (), kept))


def arm_episodes() -> list[Episode]:
    found = []
    for i in range(ROWS // LENGTH):
        start_ns, last_ns = T0 + i * LENGTH * NS_PER_S // 20, T0 + ((i + 1) * LENGTH - 1) * NS_PER_S // 20
        outcome = Outcome.FAILURE if i % 3 == 0 else Outcome.SUCCESS
        task = "Weld the left seam" if i % 2 else "Weld the right seam"
        found.append(
            Episode(f"{ARM}@{start_ns}", ARM, start_ns, last_ns + 1, start_ns, last_ns + 1, Method.CYCLE, str(i),
                    outcome=outcome, instruction_ko="용접", instruction_en=task)
        )  # fmt: skip
    return found


def written(to, history, folder, fps=20, some=None, told=lambda _done: None, terms=TERMS):
    """Export those episodes, all unless given."""
    return export(to, history, streams_of(history), some or arm_episodes(), folder, fps, terms, told=told)


def hashes(folder):
    """The SHA-256 of every file, by its path."""
    return {
        one.relative_to(folder).as_posix(): hashlib.sha256(one.read_bytes()).hexdigest()
        for one in sorted(folder.rglob("*"))
        if one.is_file()
    }


def rewrite(path, change):
    """Change a JSON file as it is written."""
    told = json.loads(path.read_text("utf-8"))
    change(told)
    path.write_text(json.dumps(told, ensure_ascii=False, indent=2) + "\n", "utf-8")


def reseal(folder):
    """Make the checksums of a dataset right again, as somebody would who lies on purpose."""

    def sums(told):
        for one in told["distribution"]:
            one["sha256"] = hashlib.sha256((folder / one["contentUrl"]).read_bytes()).hexdigest()

    rewrite(folder / CROISSANT, sums)
    (folder / SUMS).write_text(sums_of(folder), "utf-8")
