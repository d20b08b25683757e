"""Plain Parquet for every engine: a table of frames on one clock, one of episodes and one of labels.

``frames.parquet`` is as the LeRobot export resamples it, but in float64, with words beside the numbers, and null
where an episode tells nothing of a signal. Written in row groups, so that memory holds a few episodes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from connectors.archive.layout import arrow
from connectors.exporters.frames import Blocks, draw, name_of
from connectors.exporters.papers import card_rows, told_columns
from connectors.exporters.plan import Table, Told
from twin.clock import NS_PER_S
from twin.episodes.resample import HOLD, hold_texts

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from connectors.exporters.part import Note
    from connectors.exporters.plan import Plan
    from twin.episodes import Episode

FRAMES, EPISODES, LABELS = "frames.parquet", "episodes.parquet", "labels.parquet"
GROUP_ROWS = 65_536
FIXED = ("episode_index", "frame_index", "time", "timestamp")
"""The columns before the signals': which episode and frame, UTC, and seconds from the episode's begin."""
_HEAD = """task_categories: [time-series-forecasting, robotics]
tags: [factory-twin]
configs:
  - config_name: frames
    data_files: frames.parquet
  - config_name: episodes
    data_files: episodes.parquet
  - config_name: labels
    data_files: labels.parquet"""
_CARD = """
표로 된 데이터입니다. 출처: {ko}. `frames.parquet`은 한 시계에 맞춘 신호, `episodes.parquet`은 작업과 결과,
`labels.parquet`은 라벨 구간이며 `episode_index`로 이어집니다. 값이 없으면 null입니다.

Tables made of {en}: `frames.parquet` holds the signals on one clock, `episodes.parquet` the attempts and
what came of them, `labels.parquet` intervals with labels; `episode_index` joins them. What is absent is null.

{rows}
"""


@dataclass(frozen=True, slots=True)
class Word:
    """A text signal: its stream, its name there, and its column."""

    stream: str
    signal: str
    column: str


@dataclass(slots=True)
class Tables:
    """The three tables being written. Mutable; the writer counts."""

    plan: Plan
    folder: Path
    frames: int = 0
    names: tuple[str, ...] = ()
    words: tuple[Word, ...] = ()
    _schema: Any = None
    _episodes: Any = None
    _writers: dict[str, Any] = field(default_factory=dict)
    _waiting: dict[str, list[Any]] = field(default_factory=dict)
    _gaps: dict[str, int] = field(default_factory=dict)
    _blocks: Blocks = field(init=False)

    def __post_init__(self) -> None:
        pa = arrow()
        self._blocks = Blocks(self.plan.history, self.plan.episodes)
        taken = set(FIXED)
        columns = self.plan.shape.columns
        self.names = tuple(_free(one.name, one.stream, taken) for one in columns)
        self.words = tuple(
            Word(stream.id, signal.name, _free(name_of(stream, signal), stream.id, taken))
            for stream in self.plan.streams
            for signal in stream.text_columns
        )
        numbers = [
            pa.field(name, pa.float64(), metadata={"unit": one.unit, "resampled": one.policy, "stream": one.stream})
            for name, one in zip(self.names, columns, strict=True)
        ]
        words = [
            pa.field(one.column, pa.string(), metadata={"resampled": HOLD, "stream": one.stream}) for one in self.words
        ]
        fixed = zip(FIXED, (pa.int64(), pa.int64(), pa.timestamp("ns", "UTC"), pa.float64()), strict=True)
        self._episodes = _episodes_schema(self.plan.made.columns)
        self._schema = pa.schema([*fixed, *numbers, *words])

    def place(self, index: int) -> str:
        """The frames of an episode, until they are taken into the table."""
        return f"kept/{index:06d}.arrow"

    def make(self, index: int, episode: Episode, file: BinaryIO) -> Note:
        """The episode's frames as an Arrow file."""
        pa = arrow()
        drawn = draw(self._blocks, episode, self.plan.shape, self.plan.fps)
        at_ns = drawn.at_ns
        arrays = [
            pa.array(np.full(len(at_ns), index, np.int64)),
            pa.array(np.arange(len(at_ns), dtype=np.int64)),
            pa.array(at_ns).cast(pa.timestamp("ns", "UTC")),
            pa.array((at_ns - at_ns[0]) / NS_PER_S),
            *(pa.array(np.ascontiguousarray(column), from_pandas=True) for column in drawn.values.T),
            *(self._words_of(one, episode, at_ns) for one in self.words),
        ]
        table = pa.Table.from_arrays(arrays, schema=self._schema)
        with pa.ipc.new_file(pa.PythonFile(file, mode="w"), table.schema) as sink:
            sink.write_table(table)
        return {"gaps": list(drawn.gaps)}

    def _words_of(self, word: Word, episode: Episode, at_ns: NDArray[np.int64]) -> Any:
        pa = arrow()
        told = self.plan.history.text_changes(word.stream, word.signal, episode.start_ns, episode.end_ns)
        texts: list[str] | list[None] = (
            hold_texts(at_ns, np.array([t for t, _ in told], np.int64), [text for _, text in told])
            if told
            else [None] * len(at_ns)
        )
        return pa.array(texts, pa.string())

    def take(self, index: int, episode: Episode, path: Path, note: Note) -> None:
        """Add an episode to all three tables."""
        pa = arrow()
        table = pa.ipc.open_file(pa.BufferReader(path.read_bytes())).read_all()
        self._add(FRAMES, table)
        row = _row(index, episode, len(table), self.frames) | self.plan.made.row(episode)
        self._add(EPISODES, pa.Table.from_pylist([row], self._episodes))
        labels = [{"episode_index": index, "episode_id": episode.id, **one} for one in self.plan.labels_of(episode)]
        self._add(LABELS, pa.Table.from_pylist(labels, _labels_schema()))
        self.frames += len(table)
        for name in note["gaps"]:
            self._gaps[name] = self._gaps.get(name, 0) + 1

    def _add(self, name: str, table: Any) -> None:
        """Hold a part of a table back until it fills a row group."""
        waiting = self._waiting.setdefault(name, [])
        waiting.append(table)
        if sum(len(one) for one in waiting) >= GROUP_ROWS:
            self._write(name)

    def _write(self, name: str) -> None:
        pa = arrow()
        table = pa.concat_tables(self._waiting.pop(name))
        if name not in self._writers:
            self._writers[name] = writer_of_table(self.folder / name, table.schema)
        self._writers[name].write_table(table, row_group_size=2 * GROUP_ROWS)

    def finish(self) -> Told:
        """Write what waits, and tell the papers of the tables."""
        for name in list(self._waiting):
            self._write(name)
        self.close()
        schemas = {"frames": (FRAMES, self._schema), "episodes": (EPISODES, self._episodes),
                   "labels": (LABELS, _labels_schema())}  # fmt: skip
        return Told(
            self.frames,
            tuple(
                Table(name, file, tuple((one.name, _kind(one.type), 0) for one in schema))
                for name, (file, schema) in schemas.items()
            ),
            {
                "fps": self.plan.fps,
                "columns": [
                    {**told, "column": name}
                    for told, name in zip(told_columns(self.plan.shape), self.names, strict=True)
                ],
                "words": [{"column": one.column, "stream": one.stream, "name": one.signal} for one in self.words],
            },
            answer={"fps": self.plan.fps, "without_values": sorted(self._gaps)},
            card=_CARD.format(ko=self.plan.made_from[0], en=self.plan.made_from[1], rows=card_rows(self.plan.shape)),
            head=_HEAD,
        )

    def close(self) -> None:
        """Close every file."""
        while self._writers:
            self._writers.popitem()[1].close()


def writer_of_table(path: Path, schema: Any) -> Any:
    """What writes a table: words repeat and measured numbers hardly do, so only words have a dictionary."""
    pa = arrow()
    import pyarrow.parquet as pq  # noqa: PLC0415  an extra

    words = [one.name for one in schema if one.type == pa.string()]
    return pq.ParquetWriter(path, schema, compression="zstd", version="2.6", use_dictionary=words)


def _free(name: str, stream: str, taken: set[str]) -> str:
    """A column's name that is not taken yet."""
    found = name if name not in taken else f"{stream.rpartition(':')[2]}.{name}"
    while found in taken:
        found = f"signal_{found}"
    taken.add(found)
    return found


def _kind(of: Any) -> str:
    pa = arrow()
    if pa.types.is_timestamp(of):
        return "sc:DateTime"
    if pa.types.is_boolean(of):
        return "sc:Boolean"
    return "sc:Integer" if pa.types.is_integer(of) else "sc:Float" if pa.types.is_floating(of) else "sc:Text"


def _episodes_schema(made: Mapping[str, type]) -> Any:
    pa = arrow()
    numbers, texts = pa.int64(), pa.string()
    return pa.schema(
        [("episode_index", numbers), ("episode_id", texts), ("asset_id", texts), ("site_id", texts),
         ("start_ns", numbers), ("end_ns", numbers), ("from_ns", numbers), ("to_ns", numbers),
         ("first_row", numbers), ("length", numbers), ("method", texts), ("key", texts), ("program", texts),
         ("outcome", texts), ("success", pa.bool_()), ("cause", texts), ("censored", pa.bool_()), ("source", texts),
         ("instruction_ko", texts), ("instruction_en", texts),
         *((name, texts if kind is str else pa.float64()) for name, kind in made.items())]
    )  # fmt: skip


def _row(index: int, episode: Episode, length: int, first_row: int) -> dict[str, Any]:
    return {
        "episode_index": index, "episode_id": episode.id, "asset_id": episode.asset, "site_id": episode.site,
        "start_ns": episode.start_ns, "end_ns": episode.end_ns, "from_ns": episode.from_ns, "to_ns": episode.to_ns,
        "first_row": first_row, "length": length, "method": episode.method.value, "key": episode.key,
        "program": episode.program, "outcome": episode.outcome.value, "success": episode.outcome.value == "success",
        "cause": episode.cause, "censored": episode.censored, "source": episode.source,
        "instruction_ko": episode.instruction_ko, "instruction_en": episode.instruction_en,
    }  # fmt: skip


def _labels_schema() -> Any:
    pa = arrow()
    return pa.schema(
        [("episode_index", pa.int64()), ("episode_id", pa.string()), ("from_ns", pa.int64()), ("to_ns", pa.int64()),
         ("channel", pa.string()), ("label", pa.string()), ("source", pa.string()), ("confidence", pa.float64()),
         ("at_ns", pa.int64()), ("annotator", pa.string())]
    )  # fmt: skip
