"""How fast each dialect is decoded on one core, beside the bare parse of the same payloads in the same run.

A dialect is a row of `MAKERS`: a function that makes its corpora. Devices speak for months and are met once: what is
measured begins when each topic of a corpus has been heard.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from connectors.bench import corpora
from connectors.bench.sparkplug import sparkplug
from connectors.plugins import make_decoder
from twin.decoder import BatchDecoder, BulkDecoder
from twin.sample import Frames
from twin.site import Hub, Name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from connectors.bench.corpora import Corpus
    from twin.decoder import Decoder
    from twin.message import Message

BATCH_MESSAGES, BATCH_ROWS = 5000, 20_000
"""What ingest hands to a decoder at once."""


def run(messages: int, budget_s: float, only: str = "") -> list[dict[str, Any]]:
    """A row a corpus: messages and values a second (the best run within the budget), and what the bare parse does."""
    makers = [make for name, make in MAKERS.items() if only in ("", name)]
    return [_measured(corpus, budget_s) for make in makers for corpus in make(messages)]


def _measured(corpus: Corpus, budget_s: float) -> dict[str, Any]:
    payloads = [message.payload for message in corpus.messages[_met(corpus) :]]
    count = len(payloads)
    decode_s = _best(lambda: _decoded(corpus), budget_s)
    parse_s = _best(lambda: _timed(corpus.parse, payloads), budget_s / 3)
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
        parse_only = corpus.parse_only
        bare_s = _best(lambda: _timed(parse_only, payloads), budget_s / 3)
        row |= {"parse_only_messages_per_s": round(count / bare_s), "parse_only_ratio": round(bare_s / decode_s, 3)}
    return row


def _best(measure: Callable[[], float], budget_s: float) -> float:
    """The least of some runs: three at least, and more within the budget."""
    began_s = time.perf_counter()
    found = [measure() for _ in range(3)]
    while time.perf_counter() - began_s < budget_s:
        found.append(measure())
    return min(found)


def _timed(parse: Callable[[bytes], Any], payloads: Sequence[bytes]) -> float:
    began_s = time.process_time()
    for payload in payloads:
        parse(payload)
    return time.process_time() - began_s


def _decoded(corpus: Corpus) -> float:
    """Seconds of a core to decode the corpus as ingest does; raises RuntimeError where a message gives no frame."""
    decoder = make_decoder(corpus.dialect, corpus.options, "bench", Hub("bench", Name("bench", "bench"), ()))
    for message in corpus.before:
        list(decoder.decode(message))
    met = _met(corpus)
    _all(decoder, corpus.messages[:met])
    messages = corpus.messages[met:]
    began_s = time.process_time()
    rows = _all(decoder, messages)
    took_s = time.process_time() - began_s
    if rows < len(messages):
        raise RuntimeError(f"{corpus.dialect}, {corpus.size}: {rows} rows of {len(messages)} messages")
    return took_s


def _met(corpus: Corpus) -> int:
    """How many messages it takes until each topic was heard; 0 where that leaves less than half."""
    found = {message.topic: place for place, message in reversed(list(enumerate(corpus.messages)))}
    met = max(found.values()) + 1
    return met if 2 * met <= len(corpus.messages) else 0


def _all(decoder: Decoder, messages: Sequence[Message]) -> int:
    rows, at = 0, 0
    while at < len(messages):
        taken, looked_at = _step(decoder, messages[at : at + BATCH_MESSAGES])
        rows, at = rows + taken, at + looked_at
    return rows


def _step(decoder: Decoder, messages: Sequence[Message]) -> tuple[int, int]:
    """(rows, messages looked at) of one batch."""
    if isinstance(decoder, BatchDecoder):
        blocks, told, looked_at = decoder.decode_batch(messages, BATCH_ROWS)
        alone = [one for said in told.values() if isinstance(said, list) for one in said if isinstance(one, Frames)]
        return sum(map(len, blocks)) + sum(map(len, alone)), looked_at
    if not isinstance(decoder, BulkDecoder):
        return sum(_alone(decoder, message) for message in messages), len(messages)
    blocks, left, looked_at = decoder.decode_many(messages, BATCH_ROWS)
    return sum(map(len, blocks)) + sum(_alone(decoder, messages[place]) for place in left), looked_at


def _alone(decoder: Decoder, message: Message) -> int:
    return sum(len(part) for part in decoder.decode(message) if isinstance(part, Frames))


MAKERS: dict[str, Callable[[int], Iterable[Corpus]]] = {**corpora.MAKERS, "sparkplug_b": sparkplug}
"""By dialect, what makes its corpora of about so many messages of one value."""
