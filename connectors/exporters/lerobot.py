"""LeRobotDataset v3.0, written with pyarrow only: episode after episode, so that memory holds one of them.

The layout is that of codebase version v3.0: ``meta/info.json``, ``meta/stats.json``, ``meta/tasks.parquet``,
``meta/episodes/`` and ``data/``. What is ours lies beside it: ``meta/provenance.json``, ``croissant.json``, the card.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from connectors.archive.layout import arrow
from connectors.exporters.frames import Shape, Taken, shape_of, take
from connectors.exporters.papers import write_papers
from connectors.exporters.stats import Stats, stats_of, together
from twin.errors import EpisodeError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from connectors.exporters.papers import Terms
    from twin.episodes import Episode
    from twin.ports import History
    from twin.sample import Stream

VERSION = "v3.0"
FILE_MB = 100
CHUNK_FILES = 1000
MAX_FPS = 1000
DATA = "data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet"
VIDEO = "videos/{video_key}/chunk-{chunk_index:03d}/file-{file_index:03d}.mp4"
_SCALARS = {"timestamp": "float32", "frame_index": "int64", "episode_index": "int64", "index": "int64",
            "task_index": "int64"}  # fmt: skip


@dataclass(slots=True)
class Written:
    """What was written so far. Mutable; the writer counts."""

    frames: int = 0
    tasks: list[str] = field(default_factory=list)
    episodes: list[dict[str, Any]] = field(default_factory=list)
    stats: list[dict[str, Stats]] = field(default_factory=list)
    gaps: set[str] = field(default_factory=set)


def export(  # noqa: PLR0913  what a dataset is a function of
    history: History,
    streams: dict[str, list[Stream]],
    episodes: Sequence[Episode],
    folder: Path,
    fps: int,
    terms: Terms,
    *,
    skip: frozenset[str] = frozenset(),
    told: Callable[[int], None] = lambda _done: None,
) -> dict[str, Any]:
    """Write a dataset of some episodes; the same input gives the same bytes. Returns what it holds, in numbers.

    The folder must not exist, or be empty: it appears whole, or not at all. ``streams`` are those of each asset,
    ``skip`` signals that are labels and no measurement. Raises EpisodeError.
    """
    shape = _one_shape(streams, episodes, skip)
    if not 0 < fps <= MAX_FPS:
        raise EpisodeError(f"{fps} frames a second", f"--fps is a whole number from 1 to {MAX_FPS}")
    if folder.exists() and any(folder.iterdir()):
        raise EpisodeError(f"{folder} is not empty", "name a new folder, or empty it")
    partial = folder.with_name(folder.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        written = _write(history, episodes, partial, fps, shape, told)
        info = _info(written, shape, fps, episodes)
        _json(partial / "meta/info.json", info)
        features = ("observation.state", "action", "observation.environment_state", *_SCALARS)
        whole = {name: together([one[name] for one in written.stats]) for name in features}
        _json(
            partial / "meta/stats.json", {name: {k: v.tolist() for k, v in one.items()} for name, one in whole.items()}
        )
        _write_tasks(partial, written.tasks)
        write_papers(partial, history, episodes, info, terms, shape)
        if folder.exists():
            folder.rmdir()
        partial.rename(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return {
        "folder": str(folder), "episodes": len(written.episodes), "frames": written.frames, "fps": fps,
        "tasks": written.tasks, "success": sum(one["success"] for one in written.episodes),
        "without_values": sorted(written.gaps),
    }  # fmt: skip


def _one_shape(streams: dict[str, list[Stream]], episodes: Sequence[Episode], skip: frozenset[str]) -> Shape:
    """The features that all episodes share; raises EpisodeError where their assets measure different things."""
    if not episodes:
        raise EpisodeError("no episode is meant", "cut some (twin episodes cut), or choose others")
    assets = sorted({one.asset for one in episodes})
    if len(assets) > 1:
        raise EpisodeError(
            f"the episodes are of {len(assets)} assets, and a dataset has one shape", f"choose one: asset={assets[0]}"
        )
    return shape_of(streams.get(assets[0], []), skip)


def _write(  # noqa: PLR0913  a dataset's parts
    history: History,
    episodes: Sequence[Episode],
    folder: Path,
    fps: int,
    shape: Shape,
    told: Callable[[int], None],
) -> Written:
    pa = arrow()
    import pyarrow.parquet as pq  # noqa: PLC0415  an extra

    written = Written()
    schema = pa.schema(
        [(name, pa.list_(pa.float32(), size)) for name, size in _widths(shape).items()]
        + [(name, pa.float32() if kind == "float32" else pa.int64()) for name, kind in _SCALARS.items()]
    )
    writer: Any = None
    chunk = number = 0
    room = 0
    try:
        for episode in episodes:
            taken = take(history, episode, shape, fps)
            columns = _columns(taken, written, _task(written, episode), fps)
            if writer is None or room <= 0:
                if writer is not None:
                    writer.close()
                    chunk, number = (chunk + 1, 0) if number + 1 >= CHUNK_FILES else (chunk, number + 1)
                path = folder / DATA.format(chunk_index=chunk, file_index=number)
                path.parent.mkdir(parents=True, exist_ok=True)
                writer, room = pq.ParquetWriter(path, schema, compression="snappy", version="2.6"), FILE_MB * 1_000_000
            table = pa.Table.from_arrays([_arrow(columns[name], schema.field(name).type) for name in schema.names],
                                         schema=schema)  # fmt: skip
            writer.write_table(table, row_group_size=max(1, len(taken)))
            room -= table.nbytes
            stats = {name: stats_of(values if values.ndim > 1 else values[:, None]) for name, values in columns.items()}
            written.stats.append(stats)
            written.episodes.append(_row(episode, written, taken, (chunk, number), stats))
            written.frames += len(taken)
            written.gaps.update(taken.gaps)
            told(len(written.episodes))
    finally:
        if writer is not None:
            writer.close()
    path = folder / "meta/episodes/chunk-000/file-000.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(written.episodes), path, compression="snappy")
    return written


def _widths(shape: Shape) -> dict[str, int]:
    return {
        "observation.state": len(shape.state),
        "action": len(shape.state),
        "observation.environment_state": len(shape.environment),
    }


def _columns(taken: Taken, written: Written, task: int, fps: int) -> dict[str, Any]:
    rows = np.arange(len(taken), dtype=np.int64)
    return {
        "observation.state": taken.state,
        "action": taken.action,
        "observation.environment_state": taken.environment,
        "timestamp": (rows / fps).astype(np.float32),
        "frame_index": rows,
        "episode_index": np.full(len(rows), len(written.episodes), np.int64),
        "index": rows + written.frames,
        "task_index": np.full(len(rows), task, np.int64),
    }


def _arrow(values: Any, kind: Any) -> Any:
    pa = arrow()
    if values.ndim == 1:
        return pa.array(values, kind)
    return pa.FixedSizeListArray.from_arrays(pa.array(values.ravel(), pa.float32()), values.shape[1])


def _task(written: Written, episode: Episode) -> int:
    """The number of an episode's task; a task is told in English, as policies are trained."""
    task = episode.instruction_en or f"Carry out one work cycle of {episode.asset}"
    if task not in written.tasks:
        written.tasks.append(task)
    return written.tasks.index(task)


def _row(
    episode: Episode, written: Written, taken: Taken, file: tuple[int, int], stats: dict[str, Stats]
) -> dict[str, Any]:
    """One row of meta/episodes: LeRobot's columns, then ours."""
    return {
        "episode_index": len(written.episodes),
        "tasks": [written.tasks[_task(written, episode)]],
        "length": len(taken),
        "data/chunk_index": file[0],
        "data/file_index": file[1],
        "dataset_from_index": written.frames,
        "dataset_to_index": written.frames + len(taken),
        "meta/episodes/chunk_index": 0,
        "meta/episodes/file_index": 0,
        **{f"stats/{name}/{key}": value.tolist() for name, one in stats.items() for key, value in one.items()},
        "success": episode.outcome.value == "success",
        "outcome": episode.outcome.value,
        "cause": episode.cause,
        "source": episode.source,
        "site_id": episode.site,
        "asset_id": episode.asset,
        "twin_episode_id": episode.id,
        "t0_unix_ns": episode.start_ns,
        "method": episode.method.value,
        "key": episode.key,
        "censored": episode.censored,
        "instruction_ko": episode.instruction_ko,
    }


def _info(written: Written, shape: Shape, fps: int, episodes: Sequence[Episode]) -> dict[str, Any]:
    named = {
        "observation.state": [one.name for one in shape.state],
        "action": [one.name for one in shape.state],
        "observation.environment_state": [one.name for one in shape.environment],
    }
    features: dict[str, Any] = {
        name: {"dtype": "float32", "shape": [len(names)], "names": names} for name, names in named.items()
    }
    features |= {name: {"dtype": kind, "shape": [1], "names": None} for name, kind in _SCALARS.items()}
    return {
        "codebase_version": VERSION,
        "robot_type": episodes[0].asset.rpartition("/")[2],
        "total_episodes": len(written.episodes),
        "total_frames": written.frames,
        "total_tasks": len(written.tasks),
        "chunks_size": CHUNK_FILES,
        "data_files_size_in_mb": FILE_MB,
        "video_files_size_in_mb": 200,
        "fps": fps,
        "splits": {"train": f"0:{len(written.episodes)}"},
        "data_path": DATA,
        "video_path": None,
        "features": features,
    }


def _write_tasks(folder: Path, tasks: list[str]) -> None:
    """The table of tasks, with the pandas index that LeRobot reads a task's text from."""
    pa = arrow()
    import pandas as pd  # noqa: PLC0415
    import pyarrow.parquet as pq  # noqa: PLC0415  an extra

    frame = pd.DataFrame({"task_index": np.arange(len(tasks), dtype=np.int64)}, index=pd.Index(tasks, name="task"))
    pq.write_table(pa.Table.from_pandas(frame), folder / "meta/tasks.parquet", compression="snappy")


def _json(path: Path, content: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
