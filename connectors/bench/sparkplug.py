"""Sparkplug messages for measuring: nodes with a device of 100 metrics, told by alias or by name."""

from __future__ import annotations

from typing import Any

import numpy as np

from connectors.bench.corpora import Corpus
from connectors.decoders._sparkplug.proto import Payload
from connectors.decoders._sparkplug.values import Datatype
from twin.clock import NS_PER_MS
from twin.message import Message

T0_MS = 1_795_328_000_000
NODES, WIDE = 20, 100
_PARSE = Payload.FromString


def sparkplug(count: int) -> list[Corpus]:
    """Nodes with a device of 100 metrics (60 doubles, 30 integers, 10 truth values), by alias and by name."""
    births = _births()
    corpora = []
    for size, width, named, options in (
        ("1 metric", 1, False, {}),
        ("100 metrics", WIDE, False, {}),
        ("100 metrics in one stream", WIDE, False, {"streams": "device"}),
        ("1 metric by name", 1, True, {}),
    ):
        messages = _data(max(count // width, NODES * 20), width, named=named)
        corpora.append(Corpus("sparkplug_b", size, options, messages, width, _read, births, _PARSE))
    return corpora


def _read(payload: bytes) -> list[tuple[int, int, Any]]:
    """The bare reading: protobuf makes Python values only when they are asked for."""
    return [(m.alias, m.timestamp, getattr(m, m.WhichOneof("value"))) for m in _PARSE(payload).metrics]


def _kind(place: int) -> tuple[Datatype, str]:
    part = place % 10
    if part < 6:  # noqa: PLR2004  six in ten
        return Datatype.DOUBLE, "double_value"
    return (Datatype.BOOLEAN, "boolean_value") if part == 9 else (Datatype.INT32, "int_value")  # noqa: PLR2004


def _births() -> list[Message]:
    found = []
    for node in range(NODES):
        payload = Payload(timestamp=T0_MS, seq=0)
        payload.metrics.add(name="bdSeq", datatype=Datatype.INT64, timestamp=T0_MS, long_value=0)
        payload.metrics.add(
            name="Node Control/Rebirth", datatype=Datatype.BOOLEAN, timestamp=T0_MS, boolean_value=False
        )
        found.append(_message(f"spBv1.0/bench/NBIRTH/n{node}", payload, 0))
        payload = Payload(timestamp=T0_MS, seq=1)
        for place in range(WIDE):
            metric = payload.metrics.add(name=f"m{place}", alias=place, timestamp=T0_MS, datatype=_kind(place)[0])
            setattr(metric, _kind(place)[1], 1)
        found.append(_message(f"spBv1.0/bench/DBIRTH/n{node}/d", payload, 0))
    return found


def _data(count: int, width: int, *, named: bool) -> list[Message]:
    chance = np.random.default_rng(1)
    found = []
    for n in range(count):
        turn, node = divmod(n, NODES)
        t_ms = T0_MS + 100 * (turn + 1)
        payload = Payload(timestamp=t_ms, seq=(turn + 2) % 256)
        places = range(WIDE) if width == WIDE else chance.integers(0, WIDE, width).tolist()
        for place, number in zip(places, chance.random(width).tolist(), strict=True):
            metric = payload.metrics.add(timestamp=t_ms)
            if named:
                metric.name = f"m{place}"
            else:
                metric.alias = place
            _, name = _kind(place)
            value = {"double_value": number, "int_value": int(number * 100_000), "boolean_value": number > 0.5}[name]  # noqa: PLR2004
            setattr(metric, name, value)
        found.append(_message(f"spBv1.0/bench/DDATA/n{node}/d", payload, n))
    return found


def _message(topic: str, payload: Any, n: int) -> Message:
    return Message(topic, payload.SerializeToString(), (T0_MS + n) * NS_PER_MS)
