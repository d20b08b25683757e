"""What each dialect's messages look like, for measuring how fast they are read: one value a message, and about 100.

Each corpus comes with the bare parse of its payloads: what the parser alone costs, and nothing understood. A
mobile robot's state is what it is (about 40 values); it stands for both.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import cbor2
import msgspec

from connectors import encoders_vda5050 as vda
from twin.clock import NS_PER_MS, iso_from_ns
from twin.message import Message

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

T0_NS = 1_795_328_000_000_000_000
STEP_NS = 10 * NS_PER_MS
DEVICES = 50
WIDE = 100
SIZES = ("single", "wide")
MESSAGES_A_NODE = 20
"""A mobile robot tells of itself once a second or so, and passes a node of its order every 20 s."""
WIDER = 10
"""So many times fewer messages of about 100 values."""
_parse = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Corpus:
    """Messages of one dialect and size, in the order of their times; ``before`` are to be read first, unmeasured.

    ``values`` is how many values a message holds; ``parse`` is the bare parse of a payload: what the parser alone
    costs until the values can be had, ``parse_only`` the same without having them, where that is less. A device's
    first message is among ``before``: from it a decoder learns what the others look like.
    """

    dialect: str
    size: str
    options: Mapping[str, Any]
    messages: Sequence[Message]
    values: int
    parse: Callable[[bytes], Any] = _parse
    before: Sequence[Message] = field(default=())
    parse_only: Callable[[bytes], Any] | None = None


@dataclass(frozen=True, slots=True)
class _Made:
    """``first`` messages of each device, all others after them, and how many values each holds."""

    first: list[Message]
    messages: list[Message]
    values: int


def _made(topic: str, payload: Callable[[int, int, list[float]], bytes], size: str, count: int) -> _Made:
    """Messages of `DEVICES` devices in turn: ``payload(device, n, values)`` is the n-th of a device."""
    width = 1 if size == "single" else WIDE
    found = []
    for place in range(count + DEVICES):
        device, n = place % DEVICES, place // DEVICES
        values = [round((device + 1) * 0.37 + n * 0.013 + i * 1.1, 3) for i in range(width)]
        body = payload(device, n, values)
        found.append(Message(topic.format(device=device), body, T0_NS + place * NS_PER_MS, 1))
    return _Made(found[:DEVICES], found[DEVICES:], width)


def _corpus(
    dialect: str, size: str, options: Mapping[str, Any], made: _Made, parse: Callable[[bytes], Any] = _parse
) -> Corpus:
    return Corpus(dialect, size, options, made.messages, made.values, parse, made.first)


def _named(values: list[float]) -> dict[str, float]:
    return {f"signal_{i}": value for i, value in enumerate(values)}


def _ms(n: int) -> int:
    return (T0_NS + n * STEP_NS) // NS_PER_MS


def _stamp(n: int) -> dict[str, int]:
    seconds, rest = divmod(T0_NS + n * STEP_NS, 1_000_000_000)
    return {"sec": seconds, "nanosec": rest}


def _json_object(size: str, count: int) -> Corpus:
    made = _made("plant/a{device}/data", lambda _d, n, v: _encode({"ts": _ms(n), "n": n, **_named(v)}), size, count)
    return _corpus("json_object", size, {"topic": "plant/{asset}/{stream}", "time": "ts", "seq": "n"}, made)


def _json_topic(size: str, count: int) -> Corpus:
    made = _made("plant/a{device}/x", lambda _d, n, v: _encode({"ts": _ms(n), "value": v[0]}), "single", count)
    return _corpus("json_topic", size, {"topic": "plant/{asset}/{signal}", "time": "ts"}, made)


def _json_array(size: str, count: int) -> Corpus:
    made = _made("plant/a{device}/data", lambda _d, n, v: _encode({"ts": _ms(n), "seq": n, "v": v}), size, count)
    return _corpus("json_array", size, {"topic": "plant/{asset}/{stream}"}, made)


def _uns(size: str, count: int) -> Corpus:
    if size == "single":
        made = _made(
            "umh/v1/acme/s/a{device}/_historian/t",
            lambda _d, n, v: _encode({"timestamp_ms": _ms(n), "value": v[0]}),
            size,
            count,
        )
    else:
        made = _made(
            "umh/v1/acme/s/a{device}/_historian",
            lambda _d, n, v: _encode({"timestamp_ms": _ms(n), **_named(v)}),
            size,
            count,
        )
    return _corpus("uns", size, {}, made)


def _mapping(size: str, count: int) -> Corpus:
    made = _made("plant/a{device}", lambda _d, n, v: _encode({"at": _ms(n), "in": {"v": v}}), size, count)
    fields = [{"path": f"in.v[{i}]", "signal": f"signal_{i}"} for i in range(made.values)]
    return _corpus("mapping", size, {"topic": "plant/{asset}", "time": "at", "fields": fields}, made)


def _ros_json(size: str, count: int) -> Corpus:
    def payload(_device: int, n: int, values: list[float]) -> bytes:
        joints = [f"joint_{i}" for i in range(len(values))]
        return _encode({"header": {"seq": n, "stamp": _stamp(n)}, "name": joints, "position": values})

    made = _made("robots/a{device}/joint_states", payload, size, count)
    return _corpus("ros_json", size, {"topic": "robots/{asset}/joint_states"}, made)


def _homeassistant(size: str, count: int) -> Corpus:
    before = [
        Message(
            f"homeassistant/sensor/a{device}/config",
            _encode({
                "name": "power", "device": {"name": f"a{device}"}, "state_topic": f"hmd/a{device}",
                "unit_of_measurement": "W",
            }),
            T0_NS,
        )
        for device in range(DEVICES)
    ]  # fmt: skip
    made = _made("hmd/a{device}", lambda _d, _n, v: str(v[0]).encode(), "single", count)
    return Corpus("homeassistant", size, {}, made.messages, 1, before=[*before, *made.first])


def _tasmota(size: str, count: int) -> Corpus:
    def payload(_device: int, n: int, values: list[float]) -> bytes:
        time = iso_from_ns(T0_NS + n * 1_000_000_000, 0).removesuffix("Z")
        return _encode({"Time": time, "ENERGY": {f"Power{i}": value for i, value in enumerate(values)}})

    made = _made("tele/a{device}/SENSOR", payload, size, count)
    return _corpus("tasmota", size, {}, made)


def _senml(size: str, count: int) -> Corpus:
    def payload(device: int, n: int, values: list[float]) -> bytes:
        rows: list[dict[str, Any]] = [{"n": f"signal_{i}", "v": value} for i, value in enumerate(values)]
        rows[0] |= {"bn": f"urn:dev:{device}:", "bt": (T0_NS + n * STEP_NS) / 1e9, "bu": "Cel"}
        return _encode(rows)

    made = _made("senml/a{device}", payload, size, count)
    return _corpus("senml", size, {}, made)


def _senml_cbor(size: str, count: int) -> Corpus:
    def payload(device: int, n: int, values: list[float]) -> bytes:
        rows: list[dict[int, Any]] = [{0: f"signal_{i}", 2: value} for i, value in enumerate(values)]
        rows[0] |= {-2: f"urn:dev:{device}:", -3: (T0_NS + n * STEP_NS) / 1e9, -4: "Cel"}
        return cbor2.dumps(rows)

    made = _made("senml/a{device}", payload, size, count)
    return _corpus("senml", f"{size} cbor", {}, made, cbor2.loads)


def _opcua_pubsub(size: str, count: int) -> Corpus:
    def payload(device: int, n: int, values: list[float]) -> bytes:
        data_set = {
            "DataSetWriterId": 1, "SequenceNumber": n, "Timestamp": iso_from_ns(T0_NS + n * STEP_NS),
            "MessageType": "ua-keyframe", "Payload": {k: {"UaType": 11, "Value": v} for k, v in _named(values).items()},
        }  # fmt: skip
        head = {"MessageId": f"m{n}", "MessageType": "ua-data", "PublisherId": f"a{device}"}
        return _encode({**head, "Messages": [data_set]})

    made = _made("opcua/json/data/a{device}/g", payload, size, count)
    return _corpus("opcua_pubsub", size, {}, made)


def _telegraf_json(size: str, count: int) -> Corpus:
    def payload(device: int, n: int, values: list[float]) -> bytes:
        tags = {"host": f"a{device}"}
        return _encode({"name": "plc", "tags": tags, "fields": _named(values), "timestamp": _ms(n)})

    made = _made("telegraf/a{device}", payload, size, count)
    return _corpus("telegraf", f"{size} json", {"json_precision": "ms"}, made)


def _telegraf_lines(size: str, count: int) -> Corpus:
    def payload(device: int, n: int, values: list[float]) -> bytes:
        fields = ",".join(f"{name}={value}" for name, value in _named(values).items())
        return f"plc,host=a{device} {fields} {T0_NS + n * STEP_NS}".encode()

    made = _made("telegraf/a{device}", payload, size, count)
    return _corpus("telegraf", f"{size} lines", {}, made, _bare_line)


def _bare_line(payload: bytes) -> dict[str, float]:
    """Nobody ships a parser of lines written in C: the least that Python can do stands in for it."""
    fields = payload.split(b" ")[1].split(b",")
    return {name.decode(): float(value) for name, value in (one.split(b"=") for one in fields)}


def _vda5050(size: str, count: int) -> Corpus:
    if size == "single":

        def seen(device: int, n: int, values: list[float]) -> bytes:
            place = vda.Position(values[0], 1.0, 0.5, "hall")
            return vda.visualization(vda.Robot("acme", f"r{device}"), n, T0_NS + n * STEP_NS, place, (0.5, 0.0, 0.0))

        made = _made("uagv/v2/acme/r{device}/visualization", seen, size, count)
        return Corpus("vda5050", "visualization", {}, made.messages, 8, before=made.first)

    stops = [vda.Node(f"n{i}", 2 * i, i < 4, 1.1 * i, 1.0, "hall") for i in range(6)]  # noqa: PLR2004
    ways = [vda.Edge(f"e{i}", 2 * i + 1, i < 3) for i in range(5)]  # noqa: PLR2004

    def told(device: int, n: int, values: list[float]) -> bytes:
        passed = n // MESSAGES_A_NODE % len(stops)
        status = vda.Status(
            vda.Position(values[0], 1.0, 0.5, "hall"), round(0.6 - n * 1e-5, 5),
            order_id=f"o-{n // MESSAGES_A_NODE // len(stops)}", last_node=f"n{passed}", nodes=tuple(stops[passed:]),
            edges=tuple(ways[passed:]), driving=True, velocity=(0.5, 0.0, 0.0),
            actions=(vda.ActionStatus("a1", "RUNNING", "pick"),),
        )  # fmt: skip
        return vda.state(vda.Robot("acme", f"r{device}"), n, T0_NS + n * STEP_NS, status)

    made = _made("uagv/v2/acme/r{device}/state", told, size, count)
    return Corpus("vda5050", "state", {}, made.messages, 36, before=made.first)


def _sizes(*makers: Callable[[str, int], Corpus]) -> Callable[[int], list[Corpus]]:
    return lambda count: [
        make(size, count if size == "single" else max(count // WIDER, DEVICES)) for make in makers for size in SIZES
    ]


def _one(make: Callable[[str, int], Corpus]) -> Callable[[int], list[Corpus]]:
    """A dialect of one value a message has no other size."""
    return lambda count: [make("single", count)]


MAKERS: dict[str, Callable[[int], list[Corpus]]] = {
    "homeassistant": _one(_homeassistant),
    "json_array": _sizes(_json_array),
    "json_object": _sizes(_json_object),
    "json_topic": _one(_json_topic),
    "mapping": _sizes(_mapping),
    "opcua_pubsub": _sizes(_opcua_pubsub),
    "ros_json": _sizes(_ros_json),
    "senml": _sizes(_senml, _senml_cbor),
    "tasmota": _sizes(_tasmota),
    "telegraf": _sizes(_telegraf_json, _telegraf_lines),
    "uns": _sizes(_uns),
    "vda5050": _sizes(_vda5050),
}
"""By dialect, what makes its corpora of so many messages."""
