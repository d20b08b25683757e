"""The rules a node or device can be seen to break, by their ``tck-id`` (without that prefix), and who looks.

What the specification only recommends (SHOULD) is told as well, and refuses nothing in strict mode.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from connectors.decoders._sparkplug.topics import Verb
from connectors.decoders._sparkplug.values import Datatype

if TYPE_CHECKING:
    from connectors.decoders._sparkplug.topics import Topic
    from twin.message import Message

REBIRTH = "Node Control/Rebirth"
BDSEQ = "bdSeq"
MAX_SEQ = 255
QUALITIES = frozenset({0, 192, 500})
SHOULD = frozenset(
    {"payloads-metric-datatype-not-req", "case-sensitivity-metric-names", "case-sensitivity-sparkplug-ids"}
)
"""Broken, these are told and never refused."""
ONCE = SHOULD | {"payloads-alias-data-cmd-requirement"}
"""Habits of a client, which break a rule with every message: told once a session of the node."""


class Broken(NamedTuple):
    """A rule broken, and the example."""

    rule: str
    detail: str

    @property
    def is_must(self) -> bool:
        """Whether strict mode refuses the message for it."""
        return self.rule not in SHOULD


_QOS_RULES = {
    Verb.NBIRTH: "payloads-nbirth-qos",
    Verb.DBIRTH: "payloads-dbirth-qos",
    Verb.NDATA: "payloads-ndata-qos",
    Verb.DDATA: "payloads-ddata-qos",
    Verb.NCMD: "payloads-ncmd-qos",
    Verb.DCMD: "payloads-dcmd-qos",
    Verb.DDEATH: "topics-ddeath-mqtt",
}
_RETAIN_RULES = {
    Verb.NBIRTH: "payloads-nbirth-retain",
    Verb.DBIRTH: "payloads-dbirth-retain",
    Verb.NDATA: "payloads-ndata-retain",
    Verb.DDATA: "payloads-ddata-retain",
    Verb.NCMD: "payloads-ncmd-retain",
    Verb.DCMD: "payloads-dcmd-retain",
    Verb.DDEATH: "topics-ddeath-mqtt",
    Verb.NDEATH: "payloads-ndeath-will-message-retain",
}
_TIMESTAMP_RULES = {
    Verb.NBIRTH: "payloads-nbirth-timestamp",
    Verb.DBIRTH: "payloads-dbirth-timestamp",
    Verb.NDATA: "payloads-ndata-timestamp",
    Verb.DDATA: "payloads-ddata-timestamp",
    Verb.DDEATH: "payloads-ddeath-timestamp",
    Verb.NCMD: "payloads-ncmd-timestamp",
    Verb.DCMD: "payloads-dcmd-timestamp",
}
_SEQ_RULES = {
    Verb.NBIRTH: "payloads-nbirth-seq",
    Verb.DBIRTH: "payloads-dbirth-seq",
    Verb.NDATA: "payloads-ndata-seq",
    Verb.DDATA: "payloads-ddata-seq",
    Verb.DDEATH: "payloads-ddeath-seq",
}
_NO_SEQ_RULES = {
    Verb.NDEATH: "payloads-ndeath-seq",
    Verb.NCMD: "payloads-ncmd-seq",
    Verb.DCMD: "payloads-dcmd-seq",
}
BIRTHS = frozenset({Verb.NBIRTH, Verb.DBIRTH})
DATA = frozenset({Verb.NDATA, Verb.DDATA})


def of_envelope(topic: Topic, message: Message, payload: Any) -> list[Broken]:
    """What is wrong around the metrics: QoS, retain, sequence, timestamp."""
    verb, found = topic.verb, []
    if verb in _QOS_RULES and message.qos and not topic.kept:
        found.append(Broken(_QOS_RULES[verb], f"{verb} at QoS {message.qos}"))
    if verb is Verb.NDEATH and message.qos == 0:
        found.append(Broken("payloads-ndeath-will-message-qos", "NDEATH at QoS 0"))
    if verb in _RETAIN_RULES and message.retain and not topic.kept:
        found.append(Broken(_RETAIN_RULES[verb], f"{verb} retained"))
    if verb in _TIMESTAMP_RULES and not payload.HasField("timestamp"):
        found.append(Broken(_TIMESTAMP_RULES[verb], f"{verb} without timestamp"))
    if verb in _SEQ_RULES and not payload.HasField("seq"):
        found.append(Broken(_SEQ_RULES[verb], f"{verb} without seq"))
    if verb in _NO_SEQ_RULES and payload.HasField("seq"):
        found.append(Broken(_NO_SEQ_RULES[verb], f"{verb} with seq {payload.seq}"))
    return found


def of_metrics(topic: Topic, payload: Any) -> list[Broken]:
    """What is wrong with the metrics of a birth or a data message, whatever was said before."""
    if topic.verb in BIRTHS:
        return [*_of_birth(topic, payload), *_of_timestamps(payload)]
    found = _of_timestamps(payload)
    for metric in payload.metrics:
        if metric.HasField("alias") and metric.HasField("name"):
            found.append(Broken("payloads-alias-data-cmd-requirement", f"{metric.name!r} beside alias {metric.alias}"))
            break
    for metric in payload.metrics:
        if metric.HasField("datatype"):
            found.append(Broken("payloads-metric-datatype-not-req", f"datatype {metric.datatype} in {topic.verb}"))
            break
    return found + _definitions(topic, payload)


def _of_timestamps(payload: Any) -> list[Broken]:
    late = [m.name or f"alias {m.alias}" for m in payload.metrics if not m.HasField("timestamp")]
    return [Broken("payloads-name-birth-data-requirement", f"no timestamp: {', '.join(late[:5])}")] if late else []


def _of_birth(topic: Topic, payload: Any) -> list[Broken]:
    found: list[Broken] = []
    verb = topic.verb
    seen: set[str] = set()
    folded: dict[str, str] = {}
    aliases: set[int] = set()
    for metric in payload.metrics:
        name = metric.name
        if not metric.HasField("name"):
            found.append(Broken("payloads-alias-birth-requirement", f"alias {metric.alias} without a name"))
        elif name in seen:
            found.append(Broken("payloads-name-requirement", f"{name!r} is there twice"))
        elif folded.setdefault(name.casefold(), name) != name:
            found.append(Broken("case-sensitivity-metric-names", f"{folded[name.casefold()]!r} and {name!r}"))
        seen.add(name)
        if not metric.datatype:
            found.append(Broken("payloads-metric-datatype-req", f"{name!r} without datatype"))
        if metric.WhichOneof("value") is None and not metric.is_null:
            rule = f"operational-behavior-data-publish-{verb.lower()}-values"
            found.append(Broken(rule, f"{name!r} has no value and is not null"))
        if metric.HasField("alias"):
            if metric.alias in aliases:
                found.append(Broken("payloads-alias-uniqueness", f"alias {metric.alias} again: {name!r}"))
            aliases.add(metric.alias)
        found += _of_properties(metric)
    return found + (_of_node_birth(payload) if verb is Verb.NBIRTH else _definitions(topic, payload))


def _definitions(topic: Topic, payload: Any) -> list[Broken]:
    """Template definitions, where they do not belong."""
    return [
        Broken("payloads-template-definition-nbirth-only", f"{metric.name!r} in {topic.verb}")
        for metric in payload.metrics
        if metric.WhichOneof("value") == "template_value" and metric.template_value.is_definition
    ]


def _of_properties(metric: Any) -> list[Broken]:
    if not metric.HasField("properties"):
        return []
    properties, found = metric.properties, []
    if len(properties.keys) != len(properties.values):
        sizes = f"{metric.name!r}: {len(properties.keys)} keys, {len(properties.values)} values"
        return [Broken("payloads-propertyset-keys-array-size", sizes)]
    for key, value in zip(properties.keys, properties.values, strict=True):
        if key != "Quality":
            continue
        if value.type != Datatype.INT32:
            found.append(Broken("payloads-propertyset-quality-value-type", f"{metric.name!r}: type {value.type}"))
        if value.int_value not in QUALITIES:
            found.append(Broken("payloads-propertyset-quality-value-value", f"{metric.name!r}: {value.int_value}"))
    return found


def _of_node_birth(payload: Any) -> list[Broken]:
    found: list[Broken] = []
    named = {metric.name: metric for metric in payload.metrics}
    bdseq, rebirth = named.get(BDSEQ), named.get(REBIRTH)
    if bdseq is None:
        found.append(Broken("topics-nbirth-bdseq-included", "no bdSeq"))
    elif bdseq.datatype != Datatype.INT64:
        found.append(Broken("payloads-nbirth-bdseq", f"bdSeq of datatype {bdseq.datatype}"))
    if rebirth is None:
        found.append(Broken("payloads-nbirth-rebirth-req", f"no {REBIRTH!r}"))
        return found
    if rebirth.datatype != Datatype.BOOLEAN:
        found.append(Broken("operational-behavior-data-commands-rebirth-datatype", f"datatype {rebirth.datatype}"))
    if rebirth.boolean_value:
        found.append(Broken("operational-behavior-data-commands-rebirth-value", f"{REBIRTH!r} is true"))
    if rebirth.HasField("alias"):
        detail = f"{REBIRTH!r} has alias {rebirth.alias}"
        found.append(Broken("operational-behavior-data-commands-rebirth-name-aliases", detail))
    return found
