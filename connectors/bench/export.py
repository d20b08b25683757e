"""Exports: a robot-hour from a store into each format, beside the bare writing of the same arrays by pyarrow.

The hour is 72,000 frames of 30 numbers at 20 Hz, cut into episodes of 30 s. The bare writing has its arrays in memory,
reads no store and makes no statistics: once as pyarrow writes unless told otherwise, once with the exporter's settings.
"""

from __future__ import annotations

import multiprocessing
import shutil
import statistics
import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from connectors.episodes.reading import streams_of
from connectors.exporters.export import export
from connectors.exporters.lerobot import writer_of
from connectors.exporters.parquet import FRAMES, writer_of_table
from connectors.exporters.plan import FORMATS, Terms
from connectors.stores.sql import open_history, open_store
from twin.clock import NS_PER_S
from twin.episodes import Episode, Method, Outcome
from twin.errors import StoreError
from twin.ports import Commit, Folded
from twin.sample import Frames, Kind, Role, Signal, batch_of, stream_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from twin.ports import History

HZ, EPISODE_S = 20, 30
FIRST_NS = 1_790_000_000 * NS_PER_S
BATCH = 4000
JOINTS = 6
ARM = "bench/line/robot0"
_PARTS = (
    ("position", "rad", Role.JOINT_POSITION), ("velocity", "rad/s", Role.JOINT_VELOCITY),
    ("effort", "N.m", Role.JOINT_EFFORT), ("temperature", "Cel", Role.JOINT_TEMPERATURE),
)  # fmt: skip
STREAM = stream_of(
    ARM,
    "data",
    [Signal(f"{name}_{i}", unit=unit, role=role, index=i) for name, unit, role in _PARTS for i in range(JOINTS)]
    + [Signal(f"current_{i}", unit="A") for i in range(JOINTS - 1)]
    + [Signal("gripped", Kind.FLAG)],
    sequenced=True,
    period_s=1 / HZ,
    source="bench",
)
MESSAGES = 1 + STREAM.width - 3 * JOINTS
"""A frame's in MCAP: one of the joints, one of each other number."""
TERMS = Terms("bench", "CC0-1.0", "factory-twin bench")


def run(url: str, folder: Path, *, hours: float, repeats: int, say: Callable[[str], None]) -> dict[str, Any]:
    """Fill the empty store at ``url`` and export it; seconds are medians of ``repeats`` runs, in turn with the bare."""
    import pyarrow.parquet as pq  # noqa: PLC0415  an extra

    began = time.perf_counter()
    frames = fill(url, hours)
    say(f"{frames:,} frames of {STREAM.width} numbers stored in {time.perf_counter() - began:.1f} s")
    answer: dict[str, Any] = {"frames": frames, "columns": STREAM.width, "episodes": len(episodes(hours))}
    with closing(open_history(url, mapped=False)) as history:
        for to, tuned in (("lerobot", writer_of), ("parquet", writer_of_table)):
            runs = []
            for _ in range(repeats):
                shutil.rmtree(folder / to, ignore_errors=True)
                began = time.perf_counter()
                write(history, to, folder / to, hours)
                took = time.perf_counter() - began
                runs.append((took, _bare(to, folder, pq.ParquetWriter), _bare(to, folder, tuned)))
            took, bare, bare_tuned = (statistics.median(column) for column in zip(*runs, strict=True))
            answer |= {
                f"{to}_s": round(took, 3), f"{to}_bare_s": round(bare, 3), f"{to}_ratio": round(bare / took, 3),
                f"{to}_bare_tuned_s": round(bare_tuned, 3), f"{to}_mb": _size_mb(folder / to),
            }  # fmt: skip
            say(f"{to}: {took:.2f} s, pyarrow alone {bare:.2f} s")
    for to in FORMATS:
        took, peak = alone(url, to, folder / f"{to}-alone", hours)
        answer[f"{to}_peak_mb"] = peak
        if to == "mcap":
            answer |= {"mcap_s": round(took, 3), "mcap_messages_per_s": round(frames * MESSAGES / took),
                       "mcap_mb": _size_mb(folder / "mcap-alone")}  # fmt: skip
    say(f"mcap: {answer['mcap_s']:.2f} s")
    return answer


def _size_mb(folder: Path) -> float:
    return round(sum(one.stat().st_size for one in folder.rglob("*") if one.is_file()) / 1e6, 1)


def fill(url: str, hours: float) -> int:
    """Store the robot's frames as ingest does, batch by batch; returns how many."""
    rows = round(hours * 3600) * HZ
    rng = np.random.default_rng(1)
    with closing(open_store(url)) as store:
        for n, first in enumerate(range(0, rows, BATCH), 1):
            at = np.arange(first, min(first + BATCH, rows))
            t_ns = FIRST_NS + at * (NS_PER_S // HZ)
            wave = np.sin(at / 40.0)[:, None] + rng.normal(scale=0.01, size=(len(at), STREAM.width))
            wave[:, -1] = (at // 50) % 2
            part = Frames(STREAM, t_ns, at, t_ns + 2_000_000, wave, np.full(len(at), 192, np.int16))
            store.append(Commit(batch_of("bench", n, int(t_ns[-1]), [part])), lambda _: Folded((), ()))
    return rows


def episodes(hours: float) -> list[Episode]:
    """The hours' episodes, one after the other."""
    found = []
    for i in range(round(hours * 3600) // EPISODE_S):
        start_ns = FIRST_NS + i * EPISODE_S * NS_PER_S
        end_ns = start_ns + EPISODE_S * NS_PER_S - NS_PER_S // HZ + 1
        found.append(
            Episode(f"{ARM}@{start_ns}", ARM, start_ns, end_ns, start_ns, end_ns, Method.CYCLE, str(i),
                    outcome=Outcome.SUCCESS, instruction_en="Put the part down")
        )  # fmt: skip
    return found


def write(history: History, to: str, folder: Path, hours: float) -> None:
    """Export all of it."""
    export(to, history, streams_of(history), episodes(hours), folder, HZ, TERMS)


def alone(url: str, to: str, folder: Path, hours: float) -> tuple[float, float]:
    """Seconds, and the most memory in MB, of a process of its own that does nothing but this export."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        took, peak = pool.apply(_alone, (url, to, folder, hours))
    return float(took), float(peak)


def _alone(url: str, to: str, folder: Path, hours: float) -> tuple[float, float]:
    began = time.perf_counter()
    with closing(open_history(url, mapped=False)) as history:
        write(history, to, folder, hours)
    took = time.perf_counter() - began
    for line in Path("/proc/self/status").read_text(encoding="ascii", errors="replace").splitlines():
        if line.startswith("VmHWM:"):  # not ru_maxrss, which begins with the parent's
            return took, round(int(line.split()[1]) * 1024 / 1e6, 1)
    raise StoreError("this system does not tell a process's peak memory (VmHWM)")


def _bare(to: str, folder: Path, make: Callable[[Path, Any], Any]) -> float:
    """Seconds to write the arrays of a finished export again, row group by row group, from memory."""
    import pyarrow.parquet as pq  # noqa: PLC0415  an extra

    files = sorted((folder / to).glob("data/*/*.parquet")) if to == "lerobot" else [folder / to / FRAMES]
    groups = []
    for path in files:
        with pq.ParquetFile(path) as file:
            groups += [file.read_row_group(i) for i in range(file.num_row_groups)]
    target = folder / "bare.parquet"
    began = time.perf_counter()
    with make(target, groups[0].schema) as writer:
        for group in groups:
            writer.write_table(group, row_group_size=len(group))
    took = time.perf_counter() - began
    target.unlink()
    return took
