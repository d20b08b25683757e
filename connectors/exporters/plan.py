"""What an export is a function of, and what each format of a dataset must be able to do."""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol

from twin.datasets import Origin, origin_of
from twin.episodes.episode import labels_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from connectors.exporters.frames import Shape
    from connectors.exporters.part import Note
    from twin.datasets import Edition
    from twin.episodes import Episode, Label
    from twin.ports import Keyframe
    from twin.sample import Frames, Stream

MADE = "sim_"
"""Before the names of columns that tell what a simulated episode is made of."""
FORMATS = ("lerobot", "mcap", "parquet")


class Readable(Protocol):
    """What an export reads of a history."""

    def frames(self, stream: str, start_ns: int, end_ns: int, limit: int | None = None) -> Frames:
        """The frames of a stream by device time."""
        ...

    def text_changes(self, stream: str, signal: str, start_ns: int, end_ns: int) -> list[tuple[int, str]]:
        """(t_ns, text) where a text signal changed."""
        ...

    def writers(self) -> tuple[str, ...]:
        """Who has written."""
        ...

    def last_keyframe(self, writer: str, *, full: bool = False, until_n: int | None = None) -> Keyframe | None:
        """The newest keyframe up to a batch."""
        ...


@dataclass(frozen=True, slots=True)
class Terms:
    """Under which name and licence a dataset goes out, made by which version of the exporter."""

    name: str
    licence: str
    exporter: str
    description: str = ""


@dataclass(frozen=True, slots=True)
class Offer:
    """How a dataset stands in the catalogue of the hub that makes it; its papers tell it, its data do not.

    ``version`` and ``changes`` are "" to be chosen (`twin.datasets.edition_of`); ``earlier`` are the editions that
    were made before; ``lineage`` are other datasets that it was derived from.
    """

    hub: str = ""
    hub_name: Mapping[str, str] = field(default_factory=dict)
    title: Mapping[str, str] = field(default_factory=dict)
    contact: str = ""
    version: str = ""
    changes: str = ""
    earlier: tuple[Edition, ...] = ()
    lineage: tuple[Mapping[str, Any], ...] = ()


BARE = Offer()


@dataclass(frozen=True, slots=True)
class Made:
    """What simulated episodes were made of, by id: engine, seeds, every parameter, the fault; flat.

    ``columns`` are all of it as columns of a table of episodes: texts, or numbers.
    """

    of: Mapping[str, Mapping[str, str | float]]
    columns: Mapping[str, type[str | float]] = field(init=False)

    def __post_init__(self) -> None:
        kinds: dict[str, type[str | float]] = {}
        for one in self.of.values():
            for name, value in one.items():
                kinds[f"{MADE}{name}"] = str if isinstance(value, str) else float
        object.__setattr__(self, "columns", kinds)

    def row(self, episode: Episode) -> dict[str, str | float]:
        """An episode's own columns; NaN and "" where it has none."""
        mine = self.of.get(episode.id, {})
        return {
            name: mine.get(name.removeprefix(MADE), "" if kind is str else math.nan)
            for name, kind in self.columns.items()
        }


@dataclass(frozen=True, slots=True)
class Plan:
    """One export: episodes of one asset, whose ``streams`` are in order; ``shape`` is what its frames hold.

    ``labels`` are those of each episode that are in force; the episode's own word counts where there are none.
    """

    history: Readable
    streams: tuple[Stream, ...]
    episodes: Sequence[Episode]
    labels: Mapping[str, Sequence[Label]]
    shape: Shape
    fps: int
    terms: Terms
    offer: Offer = BARE
    privacy: Mapping[str, Any] = field(default_factory=dict)
    """What was taken out (`connectors.privacy.cloak.Cloak.record`); episodes, labels and history are without it."""
    made: Made = field(default_factory=lambda: Made({}))

    @property
    def asset(self) -> str:
        """Whose episodes they are."""
        return self.episodes[0].asset

    @property
    def made_from(self) -> tuple[str, str]:
        """What the episodes are, in Korean and English: production, simulation, or both."""
        origins = {origin_of(one.source) for one in self.episodes}
        if origins == {Origin.REAL}:
            return "실제 생산 기록", "recorded production"
        if origins == {Origin.SIMULATED}:
            return "시뮬레이션 기록", "simulation, no real machine"
        return "출처가 여럿인 기록(에피소드의 `source` 참고)", "several origins, told by each episode's `source`"

    def labels_of(self, episode: Episode) -> list[dict[str, Any]]:
        """What is said of an episode, in order; who said it stays in the hub, but for a pseudonym."""
        told = self.labels.get(episode.id) or labels_of(episode)
        rows = [
            {
                "channel": one.channel, "label": one.label, "from_ns": one.from_ns, "to_ns": one.to_ns,
                "source": one.source, "confidence": one.confidence, "at_ns": one.at_ns,
                **({"annotator": one.who} if "pseudonyms" in self.privacy else {}),
            }
            for one in told
        ]  # fmt: skip
        return sorted(rows, key=lambda row: (row["from_ns"], row["to_ns"], row["channel"], row["label"], row["at_ns"]))

    def fingerprint(self, to: str) -> str:
        """The SHA-256 of everything that is asked, the store's content left out."""
        asked = {
            "to": to,
            "episodes": [[one, self.labels_of(one)] for one in self.episodes],
            "streams": self.streams,
            "shape": self.shape,
            "fps": self.fps,
            "terms": self.terms,
            "privacy": dict(self.privacy),
            "made_of": {name: dict(one) for name, one in self.made.of.items()},
        }
        text = json.dumps(asked, ensure_ascii=False, sort_keys=True, default=_fields)
        return hashlib.sha256(text.encode()).hexdigest()


def _fields(value: Any) -> dict[str, Any]:
    """A dataclass for JSON, as `dataclasses.asdict` tells it without copying what it holds."""
    return {one.name: getattr(value, one.name) for one in fields(value)}


@dataclass(frozen=True, slots=True)
class Table:
    """Columns of one Parquet file, for readers of croissant.json: (name, schema.org type, numbers in a cell)."""

    name: str
    file: str
    columns: tuple[tuple[str, str, int], ...]


@dataclass(frozen=True, slots=True)
class Told:
    """What a format says of a dataset it wrote: numbers, tables, and its part of the provenance and of the card."""

    frames: int
    tables: tuple[Table, ...] = ()
    provenance: dict[str, Any] = field(default_factory=dict)
    files: dict[int, str] = field(default_factory=dict)
    """The file of each episode, where it has one of its own."""
    answer: dict[str, Any] = field(default_factory=dict)
    card: str = ""
    head: str = ""
    """YAML before the card."""


class Dataset(Protocol):
    """A dataset of one format, being written into a folder. Episodes are made, and then taken, in order."""

    def place(self, index: int) -> str:
        """The file that an episode is made in, relative to the part folder."""
        ...

    def make(self, index: int, episode: Episode, file: BinaryIO) -> Note:
        """Write what an episode comes to, begin to end: the same input, the same bytes. Another run may take it."""
        ...

    def take(self, index: int, episode: Episode, path: Path, note: Note) -> None:
        """Take an episode that was made into the dataset."""
        ...

    def finish(self) -> Told:
        """Write what is of the whole dataset."""
        ...

    def close(self) -> None:
        """Let go of open files, finished or not."""
        ...
