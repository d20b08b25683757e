"""How fast each dialect is decoded on one core, beside the bare parse of the same payloads in the same run.

A dialect is a row of `MAKERS`: a function that makes its corpora.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from connectors.decoders._sparkplug.proto import Payload
from connectors.decoders._sparkplug.values import Datatype
from connectors.plugins import make_decoder
from twin.clock import NS_PER_MS
from twin.message import Message
from twin.ports import BulkDecoder
from twin.sample import Frames
from twin.site import Hub, Name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from twin.ports import Decoder

BATCH_MESSAGES, BATCH_ROWS = 5000, 20_000
"""What ingest hands to a decoder at once."""
T0_MS = 1_795_328_000_000
NODES, WIDE = 20, 100
_PARSE = Payload.FromString


@dataclass(frozen=True, slots=True)
class Corpus:
    """Messages of one dialect and size; ``before`` are to be read first, unmeasured.

    ``values`` is how many values a message holds. ``parse`` is the bare parse of a payload: what the parser
    alone costs until the values can be had; ``parse_only`` the same without having them, where that is less.
    """

    dialect: str
    size: str
    options: Mapping[str, Any]
    messages: Sequence[Message]
    values: int
    parse: Callable[[bytes], Any]
    before: Sequence[Message] = field(default=())
    parse_only: Callable[[bytes], Any] | None = None


def run(messages: int, repeats: int, only: str = "") -> list[dict[str, Any]]:
    """A row a corpus: messages and values a second (the best of ``repeats`` runs), and what the bare parse does."""
    made = [corpus for name, make in MAKERS.items() if only in ("", name) for corpus in make(messages)]
    return [_measured(corpus, repeats) for corpus in made]


def _measured(corpus: Corpus, repeats: int) -> dict[str, Any]:
    payloads = [message.payload for message in corpus.messages]
    count = len(payloads)
    decode_s = min(_decoded(corpus) for _ in range(repeats))
    parse_s = min(_timed(corpus.parse, payloads) for _ in range(repeats))
    row = {
        "dialect": corpus.dialect,
        "size": corpus.size,
        "values_per_message": corpus.values,
        "messages_per_s": round(count / decode_s),
        "values_per_s": round(count * corpus.values / decode_s),
        "parse_messages_per_s": round(count / parse_s),
        "ratio": round(parse_s / decode_s, 3),
    }
    if corpus.parse_only is not None:
        bare_s = min(_timed(corpus.parse_only, payloads) for _ in range(repeats))
        row |= {"parse_only_messages_per_s": round(count / bare_s), "parse_only_ratio": round(bare_s / decode_s, 3)}
    return row


def _timed(parse: Callable[[bytes], Any], payloads: Sequence[bytes]) -> float:
    began_s = time.perf_counter()
    for payload in payloads:
        parse(payload)
    return time.perf_counter() - began_s


def _decoded(corpus: Corpus) -> float:
    """Seconds to decode the corpus as ingest does; raises RuntimeError where a message gives no frame."""
    decoder = make_decoder(corpus.dialect, corpus.options, "bench", Hub("bench", Name("bench", "bench"), ()))
    for message in corpus.before:
        list(decoder.decode(message))
    rows, at = 0, 0
    began_s = time.perf_counter()
    while at < len(corpus.messages):
        taken, looked_at = _step(decoder, corpus.messages[at : at + BATCH_MESSAGES])
        rows, at = rows + taken, at + looked_at
    took_s = time.perf_counter() - began_s
    if rows < len(corpus.messages):
        raise RuntimeError(f"{corpus.dialect}, {corpus.size}: {rows} rows of {len(corpus.messages)} messages")
    return took_s


def _step(decoder: Decoder, messages: Sequence[Message]) -> tuple[int, int]:
    """(rows, messages looked at) of one batch."""
    if not isinstance(decoder, BulkDecoder):
        return sum(_alone(decoder, message) for message in messages), len(messages)
    blocks, left, looked_at = decoder.decode_many(messages, BATCH_ROWS)
    return sum(map(len, blocks)) + sum(_alone(decoder, messages[place]) for place in left), looked_at


def _alone(decoder: Decoder, message: Message) -> int:
    return sum(len(part) for part in decoder.decode(message) if isinstance(part, Frames))


def _sparkplug(count: int) -> list[Corpus]:
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


MAKERS: dict[str, Callable[[int], Iterable[Corpus]]] = {"sparkplug_b": _sparkplug}
"""By dialect, what makes its corpora of about so many messages of one value."""
