"""Topics: ``spBv1.0/GROUP/VERB/NODE[/DEVICE]``, ``spBv1.0/STATE/HOST``, and the births that an aware broker keeps.

Sparkplug 3.0, chapter 4 and § 10.1.4 (`$sparkplug/certificates/`).
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from twin.errors import DecodeError

NAMESPACE = "spBv1.0"
CERTIFICATES = "$sparkplug/certificates/"
_MIN_LEVELS, _MAX_LEVELS = 4, 5


class Verb(StrEnum):
    """What a message is."""

    NBIRTH = "NBIRTH"
    NDEATH = "NDEATH"
    NDATA = "NDATA"
    NCMD = "NCMD"
    DBIRTH = "DBIRTH"
    DDEATH = "DDEATH"
    DDATA = "DDATA"
    DCMD = "DCMD"
    STATE = "STATE"

    @property
    def of_device(self) -> bool:
        """Whether its topic names a device."""
        return self.value.startswith("D")

    @property
    def is_command(self) -> bool:
        """Whether it goes from a host to a node."""
        return self in (Verb.NCMD, Verb.DCMD)


class Topic(NamedTuple):
    """A topic taken apart. ``device`` is "" for a node's own; of STATE only ``node``, the host's id, is set.

    ``kept`` says that an aware broker kept the message: it may be of any age.
    """

    verb: Verb
    group: str
    node: str
    device: str = ""
    kept: bool = False

    @property
    def key(self) -> str:
        """Group and node: unique (tck-id-topic-structure-namespace-unique-edge-node-descriptor)."""
        return f"{self.group}/{self.node}"


def read_topic(topic: str) -> Topic:
    """Take a topic apart; raises DecodeError (topic)."""
    kept = topic.startswith(CERTIFICATES)
    levels = (topic[len(CERTIFICATES) :] if kept else topic).split("/")
    if levels[0] == "STATE":
        levels = [NAMESPACE, *levels]  # Sparkplug 2.2
    if levels[0] != NAMESPACE:
        raise DecodeError("topic", f"{topic!r} is not below {NAMESPACE}/")
    if levels[1:2] == ["STATE"]:
        if len(levels) != len((NAMESPACE, "STATE", "host")) or not levels[2]:
            raise DecodeError("topic", f"{topic!r}: a host's topic is {NAMESPACE}/STATE/HOST")
        return Topic(Verb.STATE, "", levels[2])
    if not _MIN_LEVELS <= len(levels) <= _MAX_LEVELS or not all(levels):
        raise DecodeError("topic", f"{topic!r}: {NAMESPACE}/GROUP/VERB/NODE or …/DEVICE belongs here")
    try:
        verb = Verb(levels[2])
    except ValueError:
        raise DecodeError("topic", f"{topic!r}: {levels[2]!r} is no verb of Sparkplug") from None
    if verb.of_device != (len(levels) == _MAX_LEVELS):
        problem = "names no device" if verb.of_device else "names a device"
        raise DecodeError("topic", f"{topic!r}: a {verb} {problem}")
    return Topic(verb, levels[1], levels[3], levels[4] if verb.of_device else "", kept)


def command_topic(group: str, node: str) -> str:
    """Where a node listens for commands (tck-id-topics-ncmd-topic)."""
    return f"{NAMESPACE}/{group}/{Verb.NCMD}/{node}"


def state_topic(host_id: str) -> str:
    """Where a host says that it is there (tck-id-host-topic-phid-birth-topic)."""
    return f"{NAMESPACE}/{Verb.STATE}/{host_id}"
