"""LeRobotDataset v3.0, written with pyarrow only: episode after episode, so that memory holds one of them.

The layout is that of codebase version v3.0: ``meta/info.json``, ``meta/stats.json``, ``meta/tasks.parquet``,
``meta/episodes/`` and ``data/``. What is ours lies beside it: ``meta/provenance.json``, ``croissant.json``, the card.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from connectors.archive.layout import arrow
from connectors.exporters.croissant import write_json
from connectors.exporters.frames import ACTION_POLICY, Blocks, draw
from connectors.exporters.papers import card_rows, told_columns
from connectors.exporters.plan import Table, Told
from connectors.exporters.stats import stats_of, together

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from connectors.exporters.frames import Shape
    from connectors.exporters.part import Note
    from connectors.exporters.plan import Plan
    from connectors.exporters.stats import Stats
    from twin.episodes import Episode

VERSION = "v3.0"
FILE_MB = 100
CHUNK_FILES = 1000
AT_ONCE = 500
"""So many episodes' rows and statistics are gathered before they are written or added up."""
DATA = "data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet"
VIDEO = "videos/{video_key}/chunk-{chunk_index:03d}/file-{file_index:03d}.mp4"
_SCALARS = {"timestamp": "float32", "frame_index": "int64", "episode_index": "int64", "index": "int64",
            "task_index": "int64"}  # fmt: skip
_HEAD = """task_categories: [robotics]
tags: [LeRobot, factory-twin]
configs:
  - config_name: default
    data_files: data/*/*.parquet"""
_CARD = """| action | {action} |

LeRobotDataset v3.0입니다. 출처: {ko}. 신호별 재표본 방법은 아래 표와 같습니다.
성공 여부와 원인은 `meta/episodes`에 있습니다.

A LeRobotDataset v3.0 made of {en}. How each signal was put onto the frames' clock stands below;
outcome and cause are in `meta/episodes`.

{rows}
"""


@dataclass(slots=True)
class LeRobot:
    """A LeRobot dataset being written. Mutable; the writer counts."""

    plan: Plan
    folder: Path
    frames: int = 0
    count: int = 0
    tasks: dict[str, int] = field(default_factory=dict)
    gaps: set[str] = field(default_factory=set)
    _stats: list[dict[str, Stats]] = field(default_factory=list)
    _data: Any = None
    _rows: Any = None
    _waiting: list[dict[str, Any]] = field(default_factory=list)
    _room: int = 0
    file: tuple[int, int] = (0, 0)
    _schema: Any = None
    _made: tuple[int, Any] = (-1, None)
    """The episode made last, and its rows."""
    _blocks: Blocks = field(init=False)

    def __post_init__(self) -> None:
        self._blocks = Blocks(self.plan.history, self.plan.episodes)

    def place(self, index: int) -> str:
        """The numbers of an episode, until they are taken into the data's files."""
        return f"kept/{index:06d}.npy"

    def make(self, index: int, episode: Episode, file: BinaryIO) -> Note:
        """Float32 (n, state and environment); a column without any value is 0: a dataset holds no NaN."""
        drawn = draw(self._blocks, episode, self.plan.shape, self.plan.fps)
        rows = drawn.values.astype(np.float32)
        if drawn.gaps:
            np.nan_to_num(rows, copy=False, posinf=np.inf, neginf=-np.inf)
        np.save(file, rows)
        self._made = (index, rows)
        return {"gaps": list(drawn.gaps)}

    def take(self, index: int, episode: Episode, path: Path, note: Note) -> None:
        """Add an episode's row group to the data, and its row to ``meta/episodes``."""
        rows = self._made[1] if self._made[0] == index else np.load(path)
        columns = self._columns(index, rows, self.tasks.setdefault(_task(episode), len(self.tasks)))
        pa = arrow()
        if self._schema is None:
            self._schema = pa.schema(
                [(name, pa.list_(pa.float32(), size)) for name, size in _widths(self.plan.shape).items()]
                + [(name, pa.float32() if kind == "float32" else pa.int64()) for name, kind in _SCALARS.items()]
            )
        if self._room <= 0:
            self._next_file()
        arrays = [_arrow(columns[name], self._schema.field(name).type) for name in self._schema.names]
        table = pa.Table.from_arrays(arrays, schema=self._schema)
        self._data.write_table(table, row_group_size=max(1, len(rows)))
        self._room -= table.nbytes
        stats = stats_of(columns)
        self._stats.append(stats)
        if len(self._stats) >= AT_ONCE:
            self._stats = [_together(self._stats)]
        self._waiting.append(_row(self, episode, len(rows), stats))
        if len(self._waiting) >= AT_ONCE:
            self._write_rows()
        self.frames += len(rows)
        self.count += 1
        self.gaps.update(note["gaps"])

    def finish(self) -> Told:
        """Everything in ``meta/``, and what the papers tell of it."""
        if self._waiting:
            self._write_rows()
        self.close()
        info = _info(self)
        write_json(self.folder / "meta/info.json", info)
        whole = {name: {k: v.tolist() for k, v in one.items()} for name, one in _together(self._stats).items()}
        write_json(self.folder / "meta/stats.json", whole)
        _write_tasks(self.folder, list(self.tasks))
        files = sorted(one.relative_to(self.folder).as_posix() for one in self.folder.glob("data/*/*.parquet"))
        columns = tuple(
            (
                name,
                "sc:Float" if one["dtype"].startswith("float") else "sc:Integer",
                one["shape"][0] if one["names"] else 0,
            )
            for name, one in info["features"].items()
        )
        return Told(
            self.frames,
            tuple(Table(f"frames-{i}", file, columns) for i, file in enumerate(files)),
            {"fps": self.plan.fps, "action": ACTION_POLICY, "columns": told_columns(self.plan.shape)},
            answer={"fps": self.plan.fps, "tasks": list(self.tasks), "without_values": sorted(self.gaps)},
            card=_CARD.format(
                ko=self.plan.made_from[0],
                en=self.plan.made_from[1],
                action=ACTION_POLICY,
                rows=card_rows(self.plan.shape),
            ),
            head=_HEAD,
        )

    def close(self) -> None:
        """Close both files."""
        for one in (self._data, self._rows):
            if one is not None:
                one.close()
        self._data = self._rows = None

    def _next_file(self) -> None:
        if self._data is not None:
            self._data.close()
            chunk, number = self.file
            self.file = (chunk + 1, 0) if number + 1 >= CHUNK_FILES else (chunk, number + 1)
        path = self.folder / DATA.format(chunk_index=self.file[0], file_index=self.file[1])
        path.parent.mkdir(parents=True, exist_ok=True)
        self._data = writer_of(path, self._schema)
        self._room = FILE_MB * 1_000_000

    def _write_rows(self) -> None:
        pa = arrow()
        import pyarrow.parquet as pq  # noqa: PLC0415  an extra

        table = pa.table({name: _told([row[name] for row in self._waiting]) for name in self._waiting[0]})
        if self._rows is None:
            path = self.folder / "meta/episodes/chunk-000/file-000.parquet"
            path.parent.mkdir(parents=True, exist_ok=True)
            self._rows = pq.ParquetWriter(path, table.schema, compression="snappy", version="2.6")
        self._rows.write_table(table)
        self._waiting.clear()

    def _columns(self, index: int, rows: NDArray[np.float32], task: int) -> dict[str, Any]:
        width = len(self.plan.shape.state)
        state = rows[:, :width]
        count = np.arange(len(rows), dtype=np.int64)
        return {
            "observation.state": state,
            "action": np.vstack([state[1:], state[-1:]]),
            "observation.environment_state": rows[:, width:],
            "timestamp": (count / self.plan.fps).astype(np.float32),
            "frame_index": count,
            "episode_index": np.full(len(rows), index, np.int64),
            "index": count + self.frames,
            "task_index": np.full(len(rows), task, np.int64),
        }


def _widths(shape: Shape) -> dict[str, int]:
    return {
        "observation.state": len(shape.state),
        "action": len(shape.state),
        "observation.environment_state": len(shape.environment),
    }


def _arrow(values: Any, kind: Any) -> Any:
    pa = arrow()
    if values.ndim == 1:
        return pa.array(values, kind)
    return pa.FixedSizeListArray.from_arrays(pa.array(values.ravel(), pa.float32()), values.shape[1])


def _told(values: list[Any]) -> Any:
    """A column of meta/episodes: lists of numbers, all of one length, come as arrays and become no objects."""
    pa = arrow()
    if not isinstance(values[0], np.ndarray):
        return pa.array(values)
    numbers = np.concatenate(values)
    ends = np.arange(len(values) + 1, dtype=np.int32) * len(values[0])
    return pa.ListArray.from_arrays(ends, pa.array(numbers))


def _task(episode: Episode) -> str:
    """A task is told in English, as policies are trained."""
    return episode.instruction_en or f"Carry out one work cycle of {episode.asset}"


def _row(written: LeRobot, episode: Episode, length: int, stats: dict[str, Stats]) -> dict[str, Any]:
    """One row of meta/episodes: LeRobot's columns, then ours."""
    return {
        "episode_index": written.count,
        "tasks": [_task(episode)],
        "length": length,
        "data/chunk_index": written.file[0],
        "data/file_index": written.file[1],
        "dataset_from_index": written.frames,
        "dataset_to_index": written.frames + length,
        "meta/episodes/chunk_index": 0,
        "meta/episodes/file_index": 0,
        **{f"stats/{name}/{key}": value for name, one in stats.items() for key, value in one.items()},
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
        **written.plan.made.row(episode),
    }


def _info(written: LeRobot) -> dict[str, Any]:
    shape = written.plan.shape
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
        "robot_type": written.plan.asset.rpartition("/")[2],
        "total_episodes": written.count,
        "total_frames": written.frames,
        "total_tasks": len(written.tasks),
        "chunks_size": CHUNK_FILES,
        "data_files_size_in_mb": FILE_MB,
        "video_files_size_in_mb": 200,
        "fps": written.plan.fps,
        "splits": {"train": f"0:{written.count}"},
        "data_path": DATA,
        "video_path": None,
        "features": features,
    }


def writer_of(path: Path, schema: Any) -> Any:
    """What writes a file of the data; measured numbers hardly repeat, so no dictionary is made of them."""
    import pyarrow.parquet as pq  # noqa: PLC0415  an extra

    return pq.ParquetWriter(path, schema, compression="snappy", version="2.6", use_dictionary=False)


def _together(parts: list[dict[str, Stats]]) -> dict[str, Stats]:
    return {name: together([one[name] for one in parts]) for name in parts[0]}


def _write_tasks(folder: Path, tasks: list[str]) -> None:
    """The table of tasks, with the pandas index that LeRobot reads a task's text from."""
    pa = arrow()
    import pandas as pd  # noqa: PLC0415
    import pyarrow.parquet as pq  # noqa: PLC0415  an extra

    frame = pd.DataFrame({"task_index": np.arange(len(tasks), dtype=np.int64)}, index=pd.Index(tasks, name="task"))
    pq.write_table(pa.Table.from_pandas(frame), folder / "meta/tasks.parquet", compression="snappy")
