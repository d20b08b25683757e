"""Messages through a decoder with no store behind it: what they would become, or why not, and what may help.

The same decoding as in ingest, with time told by the messages themselves.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from connectors.ingest.aside import findings_of
from connectors.ingest.decoding import HELD, Decoded, Decoding, letters_of
from connectors.ingest.newcomers import Newcomers
from connectors.plugins import load, make_decoder
from connectors.sources import Share
from twin.clock import NS_PER_S
from twin.config import topic_matches
from twin.errors import ConfigError, Mistake
from twin.message import Settled
from twin.ports import Delivery
from twin.site import Hub, Name

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from twin.config import Factory, SourceConfig
    from twin.decoder import Decoder
    from twin.message import Message
    from twin.ports import FindingCount, Newcomer
    from twin.sample import Frames

NOWHERE = Hub("try", Name("try", "try"), ())
MAX_FUTURE_S = 60.0
MAX_SIGNALS = 100_000
MAX_NEWCOMERS = 10_000
LONGEST_WAIT_S = 60
"""So long after the last message a decoder is told the time, where it still holds some."""

HINTS = {
    "topic": "the template in [source.options] topic must have as many levels as the topic: {asset}, {stream}, "
    "{signal}, {name...} for several, + for one of no interest",
    "json_syntax": "the payload is no JSON: for one bare value a topic use json_topic",
    "schema": "the payload has another shape than the options say: compare its fields with theirs",
    "type": "a field holds another type than before: leave it out with ignore, or give it a kind",
    "ts_unit": "the time does not fit its unit: set time_unit to s, ms, us, ns or iso",
    "ts_range": "the time is no time of these decades: set time to another field, or leave it out for the receive time",
    "dup_key": "one key stands twice in an object: the device must be mended",
    "name": "a level or field is too long, or has characters that no id has",
    "unknown_device": "accept the device: twin devices accept ASSET",
    "cardinality": "more signals than one source may bring: raise [ingest] max_signals_per_source",
    "empty": "there is no payload",
    "encoding": "the payload is not UTF-8: is it a binary dialect?",
}
"""What may help, by the reason of a rejection."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A message that was refused, and why."""

    topic: str
    reason: str
    detail: str

    @property
    def hint(self) -> str:
        """What may help; "" where nothing is known."""
        return HINTS.get(self.reason, "")


@dataclass(slots=True)
class Outcome:
    """What messages became (mutable while it is filled): ``samples`` are rows of `samples_of`."""

    messages: int = 0
    counted: int = 0
    rejected: int = 0
    samples: list[dict[str, Any]] = field(default_factory=list)
    refused: list[Refusal] = field(default_factory=list)
    handled: dict[str, int] = field(default_factory=dict)
    findings: dict[tuple[str, str, str], FindingCount] = field(default_factory=dict)
    announced: list[Newcomer] = field(default_factory=list)

    def take_samples(self) -> list[dict[str, Any]]:
        """The samples since the last call."""
        taken, self.samples = self.samples, []
        return taken

    def take_refused(self) -> list[Refusal]:
        """The refusals since the last call."""
        taken, self.refused = self.refused, []
        return taken


def samples_of(part: Frames) -> Iterator[dict[str, Any]]:
    """Every value that is present, one a row: asset signal t_ns value quality seq."""
    stream = part.stream
    for row in range(len(part)):
        about = {"t_ns": int(part.t_ns[row]), "quality": int(part.quality[row]), "seq": int(part.seq[row])}
        values = part.values[row].tolist()
        texts = part.texts[row] if part.texts else ()
        told = [(s.name, value) for s, value in zip(stream.columns, values, strict=True) if not np.isnan(value)]
        told += [(s.name, text) for s, text in zip(stream.text_columns, texts, strict=True) if text is not None]
        for signal, value in told:
            yield {
                "asset": stream.asset, "signal": signal, "t_ns": about["t_ns"], "value": value,
                "quality": about["quality"], "seq": about["seq"],
            }  # fmt: skip


class Trial:
    """Decoders by source, fed by hand. Mutable: decoders have state."""

    def __init__(self, decoders: Mapping[str, Decoder], declared: Iterable[str] = ()) -> None:
        newcomers = Newcomers(declared, (), MAX_NEWCOMERS)
        self._decoding = Decoding(decoders, MAX_FUTURE_S, MAX_SIGNALS, newcomers=newcomers)
        self._ticked_ns = 0
        self._now_ns = 0
        self.outcome = Outcome()

    def feed(self, source: str, message: Message) -> Decoded:
        """Decode one message; the decoders are told the time before it, once a second of the messages' own."""
        if message.received_ns - self._ticked_ns >= NS_PER_S:
            if self._ticked_ns:
                self._take(self._decoding.ticked(Decoded(()), message.received_ns))
            self._ticked_ns = message.received_ns
        self._now_ns = max(self._now_ns, message.received_ns)
        decoded = self._decoding.decode([Delivery(source, message)], 1)
        self.outcome.messages += 1
        self._take(decoded)
        return decoded

    def end(self) -> Outcome:
        """No more will come: messages that are held get the time that they wait for."""
        for after_s in range(1, LONGEST_WAIT_S + 1):
            if not self.outcome.handled.get(HELD):
                break
            self._take(self._decoding.ticked(Decoded(()), self._now_ns + after_s * NS_PER_S))
        return self.outcome

    def _take(self, decoded: Decoded) -> None:
        outcome = self.outcome
        samples = [row for part, _ in decoded.parts for row in samples_of(part)]
        refused = [Refusal(letter.topic, letter.reason, letter.detail) for letter in letters_of(decoded)]
        outcome.samples += samples
        outcome.counted += len(samples)
        outcome.refused += refused
        outcome.rejected += len(refused)
        for kind in decoded.handled.values():
            outcome.handled[kind] = outcome.handled.get(kind, 0) + 1
        settled = sum(isinstance(aside.word, Settled) for aside in decoded.asides)
        if settled:
            outcome.handled[HELD] = outcome.handled.get(HELD, 0) - settled
        for found in findings_of(decoded.asides, decoded.deliveries):
            key = (found.source, found.device, found.rule)
            before = outcome.findings.get(key)
            outcome.findings[key] = found if before is None else _added(before, found)
        outcome.announced += self._decoding.take_newcomers()


def _added(before: FindingCount, found: FindingCount) -> FindingCount:
    return replace(
        found,
        count=before.count + found.count,
        first_ns=min(before.first_ns, found.first_ns),
        last_ns=max(before.last_ns, found.last_ns),
    )


def one_dialect(name: str, options: Mapping[str, object], hub: Hub = NOWHERE, source: str = "") -> Trial:
    """A trial of one dialect under the name ``source`` (the dialect's own unless given).

    Raises PluginError for a dialect that there is not, ConfigError for options that it does not take.
    """
    load("decoders", name)
    try:
        decoder = make_decoder(name, options, source or name, hub)
    except (msgspec.ValidationError, ValueError) as error:
        raise ConfigError((Mistake("options", str(error), f"twin plugins decoders: {name}"),)) from error
    return Trial({source or name: decoder}, hub.assets())


def all_sources(factory: Factory) -> Trial:
    """A trial of all sources of a factory file."""
    decoders = {one.name: make_decoder(one.decoder, one.options, one.name, factory.hub) for one in factory.sources}
    return Trial(decoders, factory.hub.assets())


def takers(factory: Factory, topic: str) -> Sequence[SourceConfig]:
    """The sources that take messages of a topic: more than one where their filters overlap."""
    return [
        source
        for source in factory.sources
        if any(topic_matches(one, topic) for one in source.topics or ("#",)) and Share(source).has(topic)
    ]


def asked(trial: Trial, sources: Iterable[str], message: Message) -> list[dict[str, Any]]:
    """What each of these sources makes of one message: source samples handled rejected (with a hint) announced."""
    answers: list[dict[str, Any]] = []
    for source in sources:
        decoded = trial.feed(source, message)
        answers.append(
            {
                "source": source,
                "samples": trial.outcome.take_samples(),
                "handled": next(iter(decoded.handled.values()), ""),
                "rejected": [
                    {"topic": one.topic, "reason": one.reason, "detail": one.detail, "hint": one.hint}
                    for one in trial.outcome.take_refused()
                ],
                "findings": [
                    {"device": one.device, "rule": one.rule, "detail": one.detail}
                    for one in findings_of(decoded.asides, decoded.deliveries)
                ],
            }
        )
    return answers
