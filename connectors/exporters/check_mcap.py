"""Whether a folder of MCAP files holds what it claims: whole files of ROS 2 messages, their totals, their labels."""

from __future__ import annotations

import json
import struct
from collections import Counter
from typing import TYPE_CHECKING, Any

from mcap.exceptions import McapError
from mcap.reader import make_reader
from zstandard import ZstdError

from connectors.exporters.cdr import DEFINITIONS, ENCAPSULATION
from connectors.exporters.croissant import PROVENANCE
from connectors.exporters.finding import Finding
from connectors.exporters.mcap import LABELS, ORIGIN, PROFILE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def check(folder: Path, told: dict[str, Any]) -> Iterator[Finding]:
    """Everything that is wrong with the files, beside what ``told``, the provenance, says."""
    try:
        claimed = {str(one["topic"]): int(one["messages"]) for one in told["topics"]}
        episodes = [
            (str(one["file"]), str(one["id"]), int(one["from_ns"]), int(one["to_ns"])) for one in told["episodes"]
        ]
    except (KeyError, TypeError, ValueError) as error:
        yield Finding("provenance", PROVENANCE, f"does not say what the files hold: {error!r}")
        return
    found: Counter[str] = Counter()
    for name, episode, start_ns, end_ns in episodes:
        try:
            yield from _file(folder / name, name, episode, (start_ns, end_ns), found)
        except (OSError, ValueError, McapError, struct.error, ZstdError, EOFError) as error:
            yield Finding("files", name, f"cannot be read: {error}")
    for topic in sorted(claimed.keys() | found.keys()):
        if claimed.get(topic, 0) != found[topic]:
            yield Finding(
                "totals", PROVENANCE, f"{topic} has {claimed.get(topic, 0)} messages, there are {found[topic]}"
            )


def _file(path: Path, name: str, episode: str, span: tuple[int, int], found: Counter[str]) -> Iterator[Finding]:
    """One episode's file; its messages are counted in ``found``."""
    with path.open("rb") as file:
        reader = make_reader(file, validate_crcs=True)
        if (profile := reader.get_header().profile) != PROFILE:
            yield Finding("profile", name, f"has the profile {profile!r}, not {PROFILE!r}")
        strange: set[str] = set()
        late = 0
        for schema, channel, message in reader.iter_messages(log_time_order=False):
            found[channel.topic] += 1
            is_ours = schema is not None and schema.name in DEFINITIONS and message.data[:4] == ENCAPSULATION
            if not is_ours and channel.topic not in strange:
                strange.add(channel.topic)
                yield Finding("schema", f"{name}: {channel.topic}", "is no standard ROS 2 message in CDR")
            late += not max(span[0], 0) <= message.publish_time < max(span[1], 1)
        if late:
            yield Finding("time", name, f"{late} messages were measured outside of the episode")
        about = {one.name: one.metadata for one in reader.iter_metadata()}.get(ORIGIN, {})
        if about.get("id") != episode:
            yield Finding("provenance", name, f"does not say that it is {episode}")
        yield from _labels(reader, name, episode)


def _labels(reader: Any, name: str, episode: str) -> Iterator[Finding]:
    labels = {one.name: one.data for one in reader.iter_attachments()}.get(LABELS)
    if labels is None:
        yield Finding("labels", name, f"has no attachment {LABELS}")
        return
    told = json.loads(labels)
    if not isinstance(told, dict) or told.get("episode") != episode or not isinstance(told.get("labels"), list):
        yield Finding("labels", name, f"{LABELS} does not speak of {episode}")
