"""The shapes that a PubSub JSON message may have, with whichever headers its publisher turned on (Part 14 § 7.2.5)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from twin.errors import DecodeError

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_MESSAGES = 1000
_HEADER = frozenset({
    "DataSetWriterId", "DataSetWriterName", "PublisherId", "WriterGroupName", "SequenceNumber", "MetaDataVersion",
    "MinorVersion", "Timestamp", "Status", "MessageType", "Payload",
})  # fmt: skip
_KINDS = ("data", "metadata", "status", "connection", "application", "endpoints", "actionmetadata")


class Place(NamedTuple):
    """What a topic says; "" for what it does not."""

    kind: str
    publisher: str
    group: str
    writer: str


class DataSet(NamedTuple):
    """One DataSetMessage; "" or None for headers that are turned off."""

    publisher: str
    group: str
    writer: str
    sequence: Any
    time: Any
    status: Any
    type: str
    payload: Mapping[str, Any] | None


def place_of(topic: str) -> Place:
    """Read ``PREFIX/json/KIND/PUBLISHER[/GROUP[/WRITER]]``; another topic is taken for one of data.

    Raises DecodeError (topic) where a level that must be there is missing.
    """
    levels = topic.split("/")
    at = next((i for i, level in enumerate(levels) if level == "json"), None)
    if at is None:
        return Place("data", "", "", "")
    rest = levels[at + 1 :]
    if len(rest) < 2 or rest[0] not in _KINDS or not rest[1]:  # noqa: PLR2004  kind and publisher
        raise DecodeError("topic", f"{topic!r} is not PREFIX/json/KIND/PUBLISHER[/GROUP[/WRITER]]")
    return Place(rest[0], rest[1], rest[2] if len(rest) > 2 else "", rest[3] if len(rest) > 3 else "")  # noqa: PLR2004


def data_sets(body: Any, place: Place) -> list[DataSet]:
    """The DataSetMessages of a NetworkMessage, of an array of them, or of a bare one; raises DecodeError."""
    head: Mapping[str, Any] = {}
    messages: Any = body
    if isinstance(body, dict) and "Messages" in body:
        head, messages = body, body["Messages"]
    listed = messages if isinstance(messages, list) else [messages]
    if not 0 < len(listed) <= MAX_MESSAGES:
        raise DecodeError("too_many_values", f"{len(listed)} messages; 1 to {MAX_MESSAGES} are taken")
    found: list[DataSet] = []
    for one in listed:
        if isinstance(one, dict) and "Messages" in one:
            found += data_sets(one, place)
        elif isinstance(one, dict):
            found.append(_data_set(one, head, place))
        else:
            raise DecodeError("schema", f"{type(one).__name__} where a DataSetMessage belongs")
    if len(found) > MAX_MESSAGES:
        raise DecodeError("too_many_values", f"{len(found)} messages; 1 to {MAX_MESSAGES} are taken")
    return found


def _data_set(one: Mapping[str, Any], head: Mapping[str, Any], place: Place) -> DataSet:
    has_header = "Payload" in one or (one.keys() <= _HEADER and bool(one))
    own = one if has_header else {}
    payload = own.get("Payload") if has_header else one
    kind = own.get("MessageType", "ua-keyframe")
    if payload is not None and not isinstance(payload, dict):
        raise DecodeError("schema", f"the Payload is {type(payload).__name__}, not an object")
    return DataSet(
        _name(own, "PublisherId") or _name(head, "PublisherId") or place.publisher,
        _name(own, "WriterGroupName") or _name(head, "WriterGroupName") or place.group,
        _name(own, "DataSetWriterName") or place.writer or _name(own, "DataSetWriterId"),
        own.get("SequenceNumber"),
        own.get("Timestamp", head.get("Timestamp")),
        own.get("Status"),
        kind if isinstance(kind, str) else "",
        payload,
    )


def _name(body: Mapping[str, Any], key: str) -> str:
    """A name, or a number as one."""
    value = body.get(key)
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, str | int) or (isinstance(value, str) and "\0" in value):
        raise DecodeError("schema", f"{key}: {type(value).__name__} where a name or a number belongs")
    return str(value) if isinstance(value, str) or -(2**63) <= value < 2**64 else ""
