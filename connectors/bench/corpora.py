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
_parse = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Corpus:
    """Messages of one dialect and size, in the order of their times; ``before`` are to be read first, unmeasured.

    ``values`` is how many values a message holds; ``parse`` is the bare parse of a payload.
    """

    dialect: str
    size: str
    options: Mapping[str, Any]
    messages: Sequence[Message]
    values: int
    parse: Callable[[bytes], Any] = _parse
    before: Sequence[Message] = field(default=())


def corpora(messages: int = 5000) -> list[Corpus]:
    """A corpus for each dialect that speaks JSON (or lines, or CBOR) and each size, of so many messages."""
    return [make(size, messages) for make in _MAKERS for size in ("single", "wide")]


def _made(
    topic: str, payload: Callable[[int, int, list[float]], bytes], size: str, count: int
) -> tuple[list[Message], int]:
    """Messages of `DEVICES` devices in turn: ``payload(device, n, values)`` is the n-th of a device."""
    width = 1 if size == "single" else WIDE
    found = []
    for place in range(count):
        device, n = place % DEVICES, place // DEVICES
        values = [round((device + 1) * 0.37 + n * 0.013 + i * 1.1, 3) for i in range(width)]
        body = payload(device, n, values)
        found.append(Message(topic.format(device=device), body, T0_NS + place * NS_PER_MS, 1))
    return found, width


def _named(values: list[float]) -> dict[str, float]:
    return {f"signal_{i}": value for i, value in enumerate(values)}


def _ms(n: int) -> int:
    return (T0_NS + n * STEP_NS) // NS_PER_MS


def _stamp(n: int) -> dict[str, int]:
    seconds, rest = divmod(T0_NS + n * STEP_NS, 1_000_000_000)
    return {"sec": seconds, "nanosec": rest}


def _json_object(size: str, count: int) -> Corpus:
    messages, width = _made(
        "plant/a{device}/data", lambda _d, n, v: _encode({"ts": _ms(n), "n": n, **_named(v)}), size, count
    )
    return Corpus("json_object", size, {"topic": "plant/{asset}/{stream}", "time": "ts", "seq": "n"}, messages, width)


def _json_topic(size: str, count: int) -> Corpus:
    messages, _ = _made("plant/a{device}/x", lambda _d, n, v: _encode({"ts": _ms(n), "value": v[0]}), "single", count)
    return Corpus("json_topic", size, {"topic": "plant/{asset}/{signal}", "time": "ts"}, messages, 1)


def _json_array(size: str, count: int) -> Corpus:
    messages, width = _made(
        "plant/a{device}/data", lambda _d, n, v: _encode({"ts": _ms(n), "seq": n, "v": v}), size, count
    )
    return Corpus("json_array", size, {"topic": "plant/{asset}/{stream}"}, messages, width)


def _uns(size: str, count: int) -> Corpus:
    if size == "single":
        messages, width = _made(
            "umh/v1/acme/s/a{device}/_historian/t",
            lambda _d, n, v: _encode({"timestamp_ms": _ms(n), "value": v[0]}),
            size,
            count,
        )
    else:
        messages, width = _made(
            "umh/v1/acme/s/a{device}/_historian",
            lambda _d, n, v: _encode({"timestamp_ms": _ms(n), **_named(v)}),
            size,
            count,
        )
    return Corpus("uns", size, {}, messages, width)


def _mapping(size: str, count: int) -> Corpus:
    messages, width = _made("plant/a{device}", lambda _d, n, v: _encode({"at": _ms(n), "in": {"v": v}}), size, count)
    fields = [{"path": f"in.v[{i}]", "signal": f"signal_{i}"} for i in range(width)]
    return Corpus("mapping", size, {"topic": "plant/{asset}", "time": "at", "fields": fields}, messages, width)


def _ros_json(size: str, count: int) -> Corpus:
    def payload(_device: int, n: int, values: list[float]) -> bytes:
        joints = [f"joint_{i}" for i in range(len(values))]
        return _encode({"header": {"seq": n, "stamp": _stamp(n)}, "name": joints, "position": values})

    messages, width = _made("robots/a{device}/joint_states", payload, size, count)
    return Corpus("ros_json", size, {"topic": "robots/{asset}/joint_states"}, messages, width)


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
    messages, _ = _made("hmd/a{device}", lambda _d, _n, v: str(v[0]).encode(), "single", count)
    return Corpus("homeassistant", size, {}, messages, 1, before=before)


def _tasmota(size: str, count: int) -> Corpus:
    def payload(_device: int, n: int, values: list[float]) -> bytes:
        time = iso_from_ns(T0_NS + n * 1_000_000_000, 0).removesuffix("Z")
        return _encode({"Time": time, "ENERGY": {f"Power{i}": value for i, value in enumerate(values)}})

    messages, width = _made("tele/a{device}/SENSOR", payload, size, count)
    return Corpus("tasmota", size, {}, messages, width)


def _senml(size: str, count: int) -> Corpus:
    def payload(device: int, n: int, values: list[float]) -> bytes:
        rows: list[dict[str, Any]] = [{"n": f"signal_{i}", "v": value} for i, value in enumerate(values)]
        rows[0] |= {"bn": f"urn:dev:{device}:", "bt": (T0_NS + n * STEP_NS) / 1e9, "bu": "Cel"}
        return _encode(rows)

    messages, width = _made("senml/a{device}", payload, size, count)
    return Corpus("senml", size, {}, messages, width)


def _senml_cbor(size: str, count: int) -> Corpus:
    def payload(device: int, n: int, values: list[float]) -> bytes:
        rows: list[dict[int, Any]] = [{0: f"signal_{i}", 2: value} for i, value in enumerate(values)]
        rows[0] |= {-2: f"urn:dev:{device}:", -3: (T0_NS + n * STEP_NS) / 1e9, -4: "Cel"}
        return cbor2.dumps(rows)

    messages, width = _made("senml/a{device}", payload, size, count)
    return Corpus("senml", f"{size} cbor", {}, messages, width, cbor2.loads)


def _opcua_pubsub(size: str, count: int) -> Corpus:
    def payload(device: int, n: int, values: list[float]) -> bytes:
        data_set = {
            "DataSetWriterId": 1, "SequenceNumber": n, "Timestamp": iso_from_ns(T0_NS + n * STEP_NS),
            "MessageType": "ua-keyframe", "Payload": {k: {"UaType": 11, "Value": v} for k, v in _named(values).items()},
        }  # fmt: skip
        head = {"MessageId": f"m{n}", "MessageType": "ua-data", "PublisherId": f"a{device}"}
        return _encode({**head, "Messages": [data_set]})

    messages, width = _made("opcua/json/data/a{device}/g", payload, size, count)
    return Corpus("opcua_pubsub", size, {}, messages, width)


def _telegraf_json(size: str, count: int) -> Corpus:
    def payload(device: int, n: int, values: list[float]) -> bytes:
        tags = {"host": f"a{device}"}
        return _encode({"name": "plc", "tags": tags, "fields": _named(values), "timestamp": _ms(n)})

    messages, width = _made("telegraf/a{device}", payload, size, count)
    return Corpus("telegraf", f"{size} json", {"json_precision": "ms"}, messages, width)


def _telegraf_lines(size: str, count: int) -> Corpus:
    def payload(device: int, n: int, values: list[float]) -> bytes:
        fields = ",".join(f"{name}={value}" for name, value in _named(values).items())
        return f"plc,host=a{device} {fields} {T0_NS + n * STEP_NS}".encode()

    messages, width = _made("telegraf/a{device}", payload, size, count)
    return Corpus("telegraf", f"{size} lines", {}, messages, width, _bare_line)


def _bare_line(payload: bytes) -> dict[str, float]:
    """Nobody ships a parser of lines written in C: the least that Python can do stands in for it."""
    fields = payload.split(b" ")[1].split(b",")
    return {name.decode(): float(value) for name, value in (one.split(b"=") for one in fields)}


def _vda5050(size: str, count: int) -> Corpus:
    if size == "single":

        def seen(device: int, n: int, values: list[float]) -> bytes:
            place = vda.Position(values[0], 1.0, 0.5, "hall")
            return vda.visualization(vda.Robot("acme", f"r{device}"), n, T0_NS + n * STEP_NS, place, (0.5, 0.0, 0.0))

        messages, _ = _made("uagv/v2/acme/r{device}/visualization", seen, size, count)
        return Corpus("vda5050", "visualization", {}, messages, 8)

    def told(device: int, n: int, values: list[float]) -> bytes:
        nodes = tuple(vda.Node(f"n{i}", 2 * i, i < 4, values[i], 1.0, "hall") for i in range(6))  # noqa: PLR2004
        edges = tuple(vda.Edge(f"e{i}", 2 * i + 1, i < 3) for i in range(5))  # noqa: PLR2004
        status = vda.Status(
            vda.Position(values[0], 1.0, 0.5, "hall"), 0.6, order_id="o-1", last_node="n0", nodes=nodes, edges=edges,
            driving=True, velocity=(0.5, 0.0, 0.0), actions=(vda.ActionStatus("a1", "RUNNING", "pick"),),
        )  # fmt: skip
        return vda.state(vda.Robot("acme", f"r{device}"), n, T0_NS + n * STEP_NS, status)

    messages, _ = _made("uagv/v2/acme/r{device}/state", told, size, count)
    return Corpus("vda5050", "state", {}, messages, 36)


_MAKERS = (
    _json_object, _json_topic, _json_array, _uns, _mapping, _ros_json, _homeassistant, _tasmota, _senml, _senml_cbor,
    _opcua_pubsub, _telegraf_json, _telegraf_lines, _vda5050,
)  # fmt: skip
