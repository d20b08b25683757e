"""What decoders say besides frames: it travels with the delivery that brought it, and is cut where a batch is cut."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from twin.clock import NS_PER_S
from twin.events import Event
from twin.message import Announced, Ask, DeadLetter, Finding, Liveness, Message, Settled
from twin.ports import FindingCount
from twin.sample import Frames, Kind, Role, Signal, Stream, frame, stream_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from twin.decoder import Told
    from twin.ports import Delivery
    from twin.sample import Latest

TICK = -1
"""The place of what no delivery brought: what a decoder made of the time alone."""
EXAMPLE_BYTES = 1000
"""So much of a payload is kept as the example of a finding."""
BACK_NS = 1_000_000_000
"""A clock set back by more than this is followed; by less, order is kept."""
APART_NS = 1_000
"""So far apart are receive times of what came in one piece: as a float64 of seconds they still differ."""
PRESENCE = (
    Signal("online", Kind.FLAG, role=Role.ONLINE, label_ko="온라인", label_en="Online"),
    Signal("gone_s", unit="s", label_ko="마지막 중단 시각", label_en="Gone last at"),
    Signal("gone_heard_s", unit="s", label_ko="마지막 중단 수신 시각", label_en="Gone last, as heard"),
)
"""Whether it is there; and when it was gone last (s since 1970), by its own word and by the receiver's clock.

What is below it and was not heard since is gone too, though it is back itself.
"""

Word: TypeAlias = "Announced | Event | Finding | Ask | Settled"
_WORDS = (Announced, Event, Finding, Ask, Settled)


class Aside(NamedTuple):
    """A word of a source's decoder, and the place of the delivery that it came with (`TICK` for none)."""

    place: int
    source: str
    word: Word


def words_of(found: Iterable[Told]) -> list[Word]:
    """Those of a decoder's words that go aside."""
    return [one for one in found if isinstance(one, _WORDS)]


def kind_of(found: Sequence[Told]) -> str:
    """As what a message without frames is counted, where its decoder gave no kind: after its first word."""
    return type(found[0]).__name__.lower() if found else "empty"


class Lives:
    """Liveness → frames of the stream ``PATH:liveness``. Mutable; the thread that decodes owns it.

    Their receive times rise from one to the next, so that the fold knows which came last: what came
    over the network in one piece has one receive time. And a device whose clock is slow did not
    come to life before it died: along a path, device times do not run back. What a path said last,
    said again, is the same frame. ``before`` are the latest frames of an earlier run.
    """

    def __init__(self, before: Iterable[Latest] = ()) -> None:
        self._streams: dict[str, Stream] = {}
        self._said: dict[str, tuple[int, bool, int]] = {}
        self._gone: dict[str, tuple[float, float]] = {}
        self._last_ns = 0
        for latest in before:
            if latest.stream.tells_presence and len(latest.values) == len(PRESENCE):
                _, gone_s, heard_s = latest.values.tolist()
                if heard_s == heard_s:  # noqa: PLR0124  NaN is not itself
                    self._gone[latest.stream.asset] = (gone_s, heard_s)

    def frame(self, told: Liveness, source: str, message: Message, latest_ns: int) -> Frames:
        """The frame; ``latest_ns`` is the latest time that is believed, what lies after it is the receive time."""
        heard_ns = message.received_ns
        if not self._last_ns - BACK_NS <= heard_ns <= self._last_ns:
            self._last_ns = heard_ns
        else:
            heard_ns = self._last_ns = self._last_ns + APART_NS
        t_ns = heard_ns if told.t_ns == message.received_ns or told.t_ns > latest_ns else told.t_ns
        stream = self._streams.get(told.path)
        if stream is None:
            stream = self._streams[told.path] = stream_of(told.path, "liveness", PRESENCE, source=source)
        said = self._said.get(told.path)
        if said is not None:
            told_ns, online, before_ns = said
            if (told_ns, online) == (told.t_ns, told.online):
                t_ns = before_ns
            elif before_ns < latest_ns:  # beyond it the clock was set back since
                t_ns = max(t_ns, before_ns + 1)
        self._said[told.path] = (told.t_ns, told.online, t_ns)
        if not told.online:
            self._gone[told.path] = (t_ns / NS_PER_S, heard_ns / NS_PER_S)
        gone = self._gone.get(told.path, (None, None))
        return frame(stream, t_ns, int(told.online), heard_ns, (float(told.online), *gone))

    def forget(self, path: str) -> None:
        """The path's stream found no room."""
        self._streams.pop(path, None)
        self._said.pop(path, None)
        self._gone.pop(path, None)


def refused(words: Iterable[Word], reason: str, detail: str) -> list[Word]:
    """What is left of words whose frames cannot be kept: messages settled by them are dead letters now."""
    return [
        word if word.reason else replace(word, reason=reason, detail=detail)
        for word in words
        if isinstance(word, Settled)
    ]


def letter_of(aside: Aside) -> DeadLetter | None:
    """The dead letter that a held message came to; None where it was decoded, or the word is another one."""
    word = aside.word
    if not isinstance(word, Settled) or not word.reason:
        return None
    held = word.message
    return DeadLetter(aside.source, held.topic, word.reason, word.detail, held.payload, held.received_ns)


def findings_of(asides: Iterable[Aside], deliveries: Sequence[Delivery]) -> tuple[FindingCount, ...]:
    """The findings among them, one row a (source, device, rule) with the last example."""
    rows: dict[tuple[str, str, str], FindingCount] = {}
    for place, source, word in asides:
        if not isinstance(word, Finding):
            continue
        key = (source, word.device, word.rule)
        before = rows.get(key)
        topic, payload = "", b""
        if place != TICK:
            message = deliveries[place].message
            topic, payload = message.topic, message.payload[:EXAMPLE_BYTES]
        rows[key] = FindingCount(
            source, word.device, word.rule, before.count + 1 if before else 1,
            min(before.first_ns, word.t_ns) if before else word.t_ns,
            max(before.last_ns, word.t_ns) if before else word.t_ns,
            word.detail, topic, payload,
        )  # fmt: skip
    return tuple(rows.values())
