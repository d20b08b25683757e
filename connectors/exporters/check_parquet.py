"""Whether plain tables hold what they claim: their columns, their totals, the frames' clock, labels that belong."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from connectors.archive.layout import arrow
from connectors.exporters.croissant import PROVENANCE
from connectors.exporters.finding import STUCK_SHARE, Finding
from connectors.exporters.parquet import EPISODES, FIXED, FRAMES, LABELS
from twin.episodes.resample import grid

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray


def check(folder: Path, told: dict[str, Any]) -> Iterator[Finding]:
    """Everything that is wrong with the tables, beside what ``told``, the provenance, says."""
    pa = arrow()
    import pyarrow.parquet as pq  # noqa: PLC0415  an extra

    try:
        episodes = pq.read_table(folder / EPISODES).to_pylist()
        labels = pq.read_table(folder / LABELS).to_pylist()
        with pq.ParquetFile(folder / FRAMES) as frames:
            names = [str(one["column"]) for one in told["columns"]]
            wanted = [*FIXED, *names, *(str(one["column"]) for one in told["words"])]
            if missing := sorted(set(wanted) - set(frames.schema_arrow.names)):
                yield Finding("info", FRAMES, f"lacks the columns {', '.join(missing)}")
                return
            yield from _totals(told, episodes, frames.metadata.num_rows)
            yield from _frames(frames, episodes, names, float(told["fps"]))
    except (OSError, ValueError, pa.ArrowException) as error:
        yield Finding("files", f"{FRAMES}, {EPISODES}, {LABELS}", f"cannot be read: {error}")
        return
    except (KeyError, TypeError) as error:
        yield Finding("provenance", PROVENANCE, f"does not say what the tables hold: {error!r}")
        return
    yield from _labels(labels, episodes)


def _totals(told: dict[str, Any], episodes: list[dict[str, Any]], rows: int) -> Iterator[Finding]:
    if told["frames"] != rows:
        yield Finding("totals", PROVENANCE, f"frames is {told['frames']}, there are {rows}")
    if [one["id"] for one in told["episodes"]] != [one["episode_id"] for one in episodes]:
        yield Finding("totals", EPISODES, f"does not hold the {len(told['episodes'])} episodes of {PROVENANCE}")
    at = 0
    for one in episodes:
        if one["first_row"] != at:
            yield Finding("totals", f"{EPISODES}: {one['episode_id']}", f"does not begin at row {at}")
        at += one["length"]
    if at != rows:
        yield Finding("rows", FRAMES, f"the episodes claim {at} frames, the table holds {rows}")


def _frames(frames: Any, episodes: list[dict[str, Any]], names: list[str], fps: float) -> Iterator[Finding]:
    """Each frame counted and on the clock; numbers that are none; signals that never move. Read by row groups."""
    clocks = _clocks(episodes, fps)
    low = np.full((len(episodes), len(names)), np.inf)
    high = np.full((len(episodes), len(names)), -np.inf)
    wrong: dict[str, int] = {"rows": 0, "jitter": 0}
    nan = dict.fromkeys(names, 0)
    row = 0
    for part in frames.iter_batches(columns=[*FIXED, *names]):
        number, frame = np.asarray(part["episode_index"]), np.asarray(part["frame_index"])
        at_ns = part["time"].cast("int64").to_numpy()
        here = slice(row, row + len(number))
        wanted = [clock[here] for clock in clocks]
        if len(wanted[0]) == len(number):
            is_counted = (number == wanted[0]) & (frame == wanted[1])
            wrong["rows"] += int((~is_counted).sum())
            wrong["jitter"] += int((is_counted & (at_ns != wanted[2])).sum())
        inside = (number >= 0) & (number < len(episodes))
        for i, name in enumerate(names):
            column = part[name]
            values = column.to_numpy(zero_copy_only=False)
            present = np.asarray(column.is_valid())
            nan[name] += int((present & ~np.isfinite(values)).sum())
            known = present & np.isfinite(values) & inside
            np.minimum.at(low[:, i], number[known], values[known])
            np.maximum.at(high[:, i], number[known], values[known])
        row += len(number)
    if wrong["rows"]:
        yield Finding("rows", FRAMES, f"{wrong['rows']} rows are not the frame of the episode that stands there")
    if wrong["jitter"]:
        yield Finding("jitter", f"{FRAMES}: time", f"{wrong['jitter']} of {row} are not on the clock of {fps:g} fps")
    for name, count in nan.items():
        if count:
            yield Finding("nan", f"{FRAMES}: {name}", f"{count} frames hold values that are no numbers")
    still = (high <= low).mean(axis=0) if len(episodes) else np.zeros(len(names))
    for name, share in zip(names, still.tolist(), strict=True):
        if share > STUCK_SHARE:
            yield Finding("stuck", f"{FRAMES}: {name}", f"never moves in {share:.0%} of the episodes", risk=True)


def _clocks(
    episodes: list[dict[str, Any]], fps: float
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Of every row the episode, the frame and the time that must stand there."""
    grids = [grid(one["start_ns"], one["end_ns"], fps)[: one["length"]] for one in episodes]
    sizes = [len(one) for one in grids]
    number = np.repeat(np.arange(len(grids), dtype=np.int64), sizes)
    frame = np.concatenate([np.arange(size, dtype=np.int64) for size in sizes] or [np.empty(0, np.int64)])
    return number, frame, np.concatenate(grids or [np.empty(0, np.int64)])


def _labels(labels: list[dict[str, Any]], episodes: list[dict[str, Any]]) -> Iterator[Finding]:
    bounds = {(i, one["episode_id"]): one for i, one in enumerate(episodes)}
    for one in labels:
        episode = bounds.get((one["episode_index"], one["episode_id"]))
        if episode is None:
            yield Finding("labels", LABELS, f"speaks of {one['episode_id']}, which is no episode here")
        elif not episode["from_ns"] <= one["from_ns"] <= one["to_ns"] <= episode["to_ns"]:
            yield Finding("labels", LABELS, f"{one['channel']} of {one['episode_id']} lies outside of it")
