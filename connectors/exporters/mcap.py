"""MCAP with ROS 2 messages (profile ``ros2``, CDR): what devices sent, at their own rates, a file an episode.

Nothing is resampled. ``header.stamp`` and ``publish_time`` are the device's time, ``log_time`` is when it was received,
``sequence`` the lower 32 bits of the device's own. Labels are the attachment ``labels.json``; where it comes from and
the topics' units are metadata records.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
from mcap.writer import CompressionType, Writer

from connectors.exporters.cdr import DEFINITIONS
from connectors.exporters.plan import Told
from connectors.exporters.topics import Topics
from twin.clock import NS_PER_S, iso_from_ns

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from connectors.exporters.part import Note
    from connectors.exporters.plan import Plan
    from connectors.exporters.topics import Spoken, StreamTopics, Topic
    from twin.episodes import Episode
    from twin.sample import Frames

PROFILE, LIBRARY = "ros2", "factory-twin"
LABELS, UNITS, ORIGIN, SIMULATION = "labels.json", "units", "provenance", "simulation"
FIRST_NS, WINDOW_NS, WINDOW_ROWS = 5 * NS_PER_S, 60 * NS_PER_S, 20_000
"""So much of an episode is held at a time, its begin and what follows; messages are in order of time within it."""
CHUNK_FILES = 1000
_HEAD = "task_categories: [robotics]\ntags: [mcap, ros2, factory-twin]"
_CARD = """
원시 데이터입니다(재표본 없음). 출처: {ko}. 에피소드마다 MCAP 파일 하나이며 ROS 2 표준 메시지(CDR)입니다.
`header.stamp`와 `publish_time`은 장치 시각, `log_time`은 수신 시각입니다. 라벨은 첨부 `labels.json`에 있습니다.

As it was sent, not resampled: {en}. One MCAP file an episode, ROS 2 standard messages (CDR).
`header.stamp` and `publish_time` are the device's time, `log_time` when it was received. Labels are the attachment
`labels.json`.

| 토픽 / topic | 형식 / type | 단위 / unit | 메시지 / messages |
|---|---|---|--:|
{rows}
"""


@dataclass(slots=True)
class Mcap:
    """A folder of MCAP files being written. Mutable; the writer counts."""

    plan: Plan
    folder: Path
    frames: int = 0
    topics: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Of each topic its type, what it is about, and how many messages it has."""
    files: dict[int, str] = field(default_factory=dict)
    _streams: list[StreamTopics] = field(default_factory=list)

    def __post_init__(self) -> None:
        names = Topics()
        self._streams = [names.of(stream) for stream in self.plan.streams]

    def place(self, index: int) -> str:
        """The episode's own file, in its final place."""
        return f"set/{_file(index)}"

    def make(self, index: int, episode: Episode, file: BinaryIO) -> Note:
        """The episode's file, read and written window by window."""
        writer = Writer(file, compression=CompressionType.ZSTD)
        writer.start(profile=PROFILE, library=LIBRARY)
        written = _File(writer)
        frames = 0
        for read in self._windows(episode):
            parts = [(told, part) for one, part in read if len(part) for told in one.spoken(part)]
            written.add(parts)
            frames += sum(len(part) for _, part in read)
        labels = {"episode": episode.id, "labels": self.plan.labels_of(episode)}
        body = json.dumps(labels, ensure_ascii=False, indent=1).encode()
        writer.add_attachment(max(episode.start_ns, 0), max(episode.end_ns, 0), LABELS, "application/json", body)
        writer.add_metadata(ORIGIN, self._about(index, episode))
        if made := self.plan.made.of.get(episode.id):
            writer.add_metadata(SIMULATION, {name: str(value) for name, value in made.items()})
        units = {name: dict(one.about).get("unit", "") for name, one in sorted(written.topics.items())}
        writer.add_metadata(UNITS, {name: unit for name, unit in units.items() if unit})
        writer.finish()  # type: ignore[no-untyped-call]  # the package's own lack
        return {
            "frames": frames,
            "topics": [
                {"topic": name, "type": one.type, **dict(one.about), "messages": written.counts[name]}
                for name, one in sorted(written.topics.items())
            ],
        }

    def _windows(self, episode: Episode) -> Iterator[list[tuple[StreamTopics, Frames]]]:
        """The episode's frames of every stream, window after window; silence is skipped."""
        start_ns, wide_ns = episode.start_ns, FIRST_NS
        frames = self.plan.history.frames
        while start_ns < episode.end_ns:
            end_ns = min(start_ns + wide_ns, episode.end_ns)
            read = [(one, frames(one.stream.id, start_ns, end_ns)) for one in self._streams]
            rows = sum(len(part) for _, part in read)
            if rows:
                yield read
                wide_ns = max(1, min(WINDOW_NS, (end_ns - start_ns) * WINDOW_ROWS // rows))
                start_ns = end_ns
                continue
            ahead = [frames(one.stream.id, end_ns, episode.end_ns, 1).t_ns.tolist() for one in self._streams]
            start_ns = min((one[0] for one in ahead if one), default=episode.end_ns)

    def _about(self, index: int, episode: Episode) -> dict[str, str]:
        """Where it comes from."""
        terms = self.plan.terms
        return {
            "dataset": terms.name, "index": str(index), "id": episode.id, "asset": episode.asset,
            "site": episode.site, "from": iso_from_ns(episode.start_ns, 9), "to": iso_from_ns(episode.end_ns, 9),
            "method": episode.method.value, "key": episode.key, "program": episode.program,
            "outcome": episode.outcome.value, "cause": episode.cause, "source": episode.source,
            "censored": str(episode.censored).lower(), "instruction_ko": episode.instruction_ko,
            "instruction_en": episode.instruction_en, "licence": terms.licence, "exporter": terms.exporter,
        }  # fmt: skip

    def take(self, index: int, episode: Episode, path: Path, note: Note) -> None:
        """Count what the episode's file holds; the file lies in its place."""
        del episode, path
        self.files[index] = _file(index)
        self.frames += note["frames"]
        for one in note["topics"]:
            known = self.topics.setdefault(one["topic"], {**one, "messages": 0})
            known["messages"] += one["messages"]

    def finish(self) -> Told:
        """What the papers tell of it."""
        topics = [self.topics[name] for name in sorted(self.topics)]
        rows = "\n".join(
            f"| `{one['topic']}` | {one['type']} | {one.get('unit', '–')} | {one['messages']} |" for one in topics
        )
        return Told(
            self.frames,
            provenance={"resampled": False, "topics": topics},
            files=self.files,
            answer={"messages": sum(one["messages"] for one in topics), "topics": len(topics)},
            card=_CARD.format(ko=self.plan.made_from[0], en=self.plan.made_from[1], rows=rows),
            head=_HEAD,
        )

    def close(self) -> None:
        """Nothing stays open."""


@dataclass(slots=True)
class _File:
    """One MCAP file being written. Mutable; topics get their channel with their first message."""

    writer: Writer
    topics: dict[str, Topic] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    _schemas: dict[str, int] = field(default_factory=dict)
    _channels: dict[str, int] = field(default_factory=dict)

    def add(self, parts: list[tuple[Spoken, Frames]]) -> None:
        """Messages in order of when they were received, then measured, then by their sequence and topic."""
        if not parts:
            return
        channels = [self._channel(told.topic) for told, _ in parts]
        received_ns = np.concatenate([np.maximum(part.received_ns[told.rows], 0) for told, part in parts])
        t_ns = np.concatenate([np.maximum(part.t_ns[told.rows], 0) for told, part in parts])
        seq = np.concatenate([part.seq[told.rows] for told, part in parts])
        of = np.repeat(channels, [len(told.rows) for told, _ in parts])
        order = np.lexsort((of, seq, t_ns, received_ns))
        messages = [message for told, _ in parts for message in told.messages]
        add = self.writer.add_message
        columns = (order, of[order], received_ns[order], t_ns[order], seq[order] & 0xFFFFFFFF)
        for told, _ in parts:
            self.counts[told.topic.name] = self.counts.get(told.topic.name, 0) + len(told.rows)
        for i, channel, log_ns, at_ns, number in zip(*(one.tolist() for one in columns), strict=True):
            add(channel, log_ns, messages[i], at_ns, number)

    def _channel(self, topic: Topic) -> int:
        if topic.name not in self._channels:
            if topic.type not in self._schemas:
                text = DEFINITIONS[topic.type].encode()
                self._schemas[topic.type] = self.writer.register_schema(topic.type, "ros2msg", text)
            schema = self._schemas[topic.type]
            self._channels[topic.name] = self.writer.register_channel(topic.name, "cdr", schema, dict(topic.about))
            self.topics[topic.name] = topic
        return self._channels[topic.name]


def _file(index: int) -> str:
    return f"data/chunk-{index // CHUNK_FILES:03d}/episode-{index:06d}.mcap"
