"""Whether a LeRobot dataset holds what it claims: its totals, its clock, and the traps that loaders fall into."""

from __future__ import annotations

import itertools
import json
from typing import TYPE_CHECKING, Any

import numpy as np

from connectors.archive.layout import arrow
from connectors.exporters.croissant import PROVENANCE
from connectors.exporters.finding import STUCK_SHARE, Finding
from connectors.exporters.frames import ACTION_POLICY

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

JITTER_SHARE = 1e-3
"""Of a frame's length: so far may a timestamp lie beside frame_index / fps (float32 rounds more in long episodes)."""
SHIFT_FRAMES = 30


_COUNTS = ("timestamp", "frame_index", "episode_index", "index")


def check(folder: Path) -> Iterator[Finding]:
    """Everything that is wrong with its data; its papers are checked apart."""
    try:
        info = json.loads((folder / "meta/info.json").read_text("utf-8"))
    except (OSError, ValueError) as error:
        yield Finding("info", "meta/info.json", f"cannot be read: {error}")
        return
    if wanting := _wanting(info):
        yield Finding("info", "meta/info.json", f"does not say {wanting}")
        return
    yield from _tasks(folder, info)
    try:
        episodes = _read(folder / "meta/episodes").to_pylist()
        data = _read(folder / "data")
    except (OSError, ValueError) as error:
        yield Finding("files", "meta/episodes, data", f"cannot be read: {error}")
        return
    if missing := sorted({*info["features"], *_COUNTS} - set(data.schema.names)):
        yield Finding("info", "data", f"lacks the columns {', '.join(missing)}")
        return
    yield from _totals(info, episodes, data)
    yield from _frames(info, episodes, data)
    yield from _shift(folder, episodes, data)


def _wanting(info: Any) -> str:
    """What an info file must say and does not; "" where it says everything that is checked here."""
    if not isinstance(info, dict):
        return "anything: it is no JSON object"
    fps, features = info.get("fps"), info.get("features")
    if not isinstance(fps, int | float) or not fps > 0:
        return "how many frames a second there are (fps)"
    if not isinstance(features, dict) or not all(isinstance(one, dict) for one in features.values()):
        return "which features there are"
    lacking = {"observation.state", "action"} - features.keys()
    return f"that there is {', '.join(sorted(lacking))}" if lacking else ""


def _read(folder: Path) -> Any:
    pa = arrow()
    import pyarrow.parquet as pq  # noqa: PLC0415  an extra

    files = sorted(folder.glob("*/*.parquet"))
    if not files:
        raise OSError(f"{folder} holds no Parquet file")
    return pa.concat_tables([pq.read_table(one) for one in files])


def _tasks(folder: Path, info: dict[str, Any]) -> Iterator[Finding]:
    import pyarrow.parquet as pq  # noqa: PLC0415  an extra

    path = folder / "meta/tasks.parquet"
    if not path.is_file():
        yield Finding("tasks", "meta/tasks.parquet", "is not there")
        return
    schema = pq.read_schema(path)
    index = json.loads((schema.metadata or {}).get(b"pandas", b"{}")).get("index_columns", [])
    if index not in (["task"], ["__index_level_0__"]):
        yield Finding("tasks", "meta/tasks.parquet", "has no text index: loaders take a number for the task")
    count = pq.read_metadata(path).num_rows
    if count != info.get("total_tasks"):
        yield Finding("totals", "meta/info.json", f"total_tasks is {info.get('total_tasks')}, there are {count}")


def _totals(info: dict[str, Any], episodes: list[dict[str, Any]], data: Any) -> Iterator[Finding]:
    rows = data.num_rows
    for key, real in (("total_frames", rows), ("total_episodes", len(episodes))):
        if info.get(key) != real:
            yield Finding("totals", "meta/info.json", f"{key} is {info.get(key)}, there are {real}")
    at = 0
    for one in episodes:
        if (one["dataset_from_index"], one["dataset_to_index"]) != (at, at + one["length"]):
            yield Finding("totals", f"episode {one['episode_index']}", f"does not begin at row {at} with its length")
        at += one["length"]
    if at != rows:
        yield Finding("rows", "data", f"the episodes claim {at} frames, the data hold {rows}")


def _frames(info: dict[str, Any], episodes: list[dict[str, Any]], data: Any) -> Iterator[Finding]:
    """Each episode's own counts and times, absent values, and numbers that never move."""
    number = np.asarray(data["episode_index"])
    index, frame = np.asarray(data["index"]), np.asarray(data["frame_index"])
    time_s = np.asarray(data["timestamp"], dtype=np.float64)
    if not np.array_equal(index, np.arange(len(index))):
        yield Finding("rows", "data: index", "does not count every row once: rows are missing or stand twice")
    late = np.abs(time_s - frame / info["fps"]) > np.maximum(JITTER_SHARE / info["fps"], np.abs(time_s) * 1e-6)
    if late.any():
        yield Finding("jitter", "data: timestamp", f"{int(late.sum())} of {len(late)} are not frame_index / fps")
    for one in episodes:
        mine = frame[number == one["episode_index"]]
        if not np.array_equal(mine, np.arange(one["length"])):
            yield Finding(
                "rows", f"episode {one['episode_index']}", f"has {len(mine)} frames, and claims {one['length']}"
            )
    for name, feature in info["features"].items():
        if not feature.get("names"):
            continue
        values = _matrix(data, name)
        if not np.isfinite(values).all():
            gone = int((~np.isfinite(values)).any(axis=1).sum())
            yield Finding("nan", name, f"{gone} frames hold values that are no numbers")
        if name != "action":
            yield from _stuck(name, feature["names"], values, number)


def _stuck(name: str, names: list[str], values: Any, number: Any) -> Iterator[Finding]:
    """A column that stands still in nearly all episodes: a stuck sensor, or one that measures nothing here."""
    ids = np.unique(number)
    edges = np.append(np.searchsorted(number, ids), len(number))
    spans = np.array([np.ptp(values[a:b], axis=0) for a, b in itertools.pairwise(edges)])
    for column, still in zip(names, (spans == 0).mean(axis=0).tolist(), strict=True):
        if still > STUCK_SHARE:
            yield Finding("stuck", f"{name}: {column}", f"never moves in {still:.0%} of the episodes", risk=True)


def _shift(folder: Path, episodes: list[dict[str, Any]], data: Any) -> Iterator[Finding]:
    """Whether the action is the state at the lag that it says: the next one, where no commands are recorded."""
    try:
        policy = json.loads((folder / PROVENANCE).read_text("utf-8")).get("action", "")
    except (OSError, ValueError):
        return  # said already
    if policy != ACTION_POLICY:
        return
    state, action = _matrix(data, "observation.state"), _matrix(data, "action")
    if state.shape != action.shape:
        yield Finding("shift", "action", f"has {action.shape[1]} numbers a frame, the state {state.shape[1]}")
        return
    wrong = 0
    for one in episodes:
        rows = slice(one["dataset_from_index"], one["dataset_to_index"])
        here, there = state[rows], action[rows]
        if len(here) > 1 and len(there) == len(here) and not np.array_equal(there[:-1], here[1:], equal_nan=True):
            wrong += 1
    if wrong:
        lag = _lag(state, action)
        yield Finding("shift", "action", f"is not the next state in {wrong} episodes; it fits best {lag} frames on")


def _lag(state: Any, action: Any) -> int:
    """By how many frames the action goes before the state, by the least difference."""
    state, action = np.nan_to_num(state), np.nan_to_num(action)
    most = min(SHIFT_FRAMES, len(state) - 1)
    costs: dict[int, float] = {}
    for lag in range(-most, most + 1):
        first = action[max(0, -lag) : len(action) - max(0, lag)]
        second = state[max(0, lag) : len(state) + min(0, lag)]
        costs[lag] = float(np.abs(first - second).mean())
    return min(costs, key=costs.__getitem__)


def _matrix(data: Any, name: str) -> Any:
    column = data[name].combine_chunks()
    values = np.asarray(column.flatten(), dtype=np.float64)
    return values.reshape(data.num_rows, -1)
