"""Named values of one moment → a frame: shared by the dialects that send a handful of fields a message."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from connectors.decoders import _json
from connectors.decoders._streams import MAX_SIGNALS_PER_STREAM, guessed, signal_name
from twin.errors import DecodeError
from twin.sample import Frames, Kind, Quality, Signal

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Mapping

    from numpy.typing import NDArray

    from connectors.decoders._streams import StreamBook
    from twin.message import Message
    from twin.sample import Stream

MAX_PLANS = 50_000
_NOTHING = np.empty(0, np.float64)


class Moment(NamedTuple):
    """When a message was said: device time, receive time, sequence (``counted`` by the device, or a hash), quality."""

    t_ns: int
    received_ns: int
    seq: int
    counted: bool = False
    quality: int = Quality.GOOD


def moment_of(message: Message, t_ns: int | None = None) -> Moment:
    """The moment of a message that counts nothing; without a time of its own it is of when it came.

    Several frames of one stream in one message are told apart by ``seq ^ place``.
    """
    seq = _json.payload_seq(message.payload)
    return Moment(message.received_ns if t_ns is None else t_ns, message.received_ns, seq)


class _Plan(NamedTuple):
    """Where the values of a message go: names in the order of the stream's columns."""

    stream: Stream
    numbers: tuple[str, ...]
    has_flags: bool
    texts: tuple[str, ...]


class ValueFrames:
    """Makes frames of named values. Mutable: a cache of which fields make which stream; its decoder owns it.

    A field that nobody knows takes its kind from its first value: a truth value is a flag, a word is
    text, the rest are gauges. null is absent; a field that was never more than null makes no signal.
    """

    def __init__(self, book: StreamBook) -> None:
        self._book = book
        self._plans: dict[tuple[Any, ...], _Plan] = {}

    def frame(  # noqa: PLR0913  the parts of a frame, once
        self,
        asset: str,
        name: str,
        values: Mapping[str, Any],
        moment: Moment,
        known: Callable[[], Mapping[str, Signal]] = dict,
        likeness: Hashable = (),
    ) -> Frames:
        """One frame of a stream.

        ``name`` is the stream's as the device says it; ``values`` are numbers, truth values, texts or
        None, by the name of the signal; ``known`` gives the signals that the dialect knows more of
        (its units, say), and is asked once for each ``likeness`` of the same fields. Raises
        DecodeError (schema, type, int_range, nul, name, too_many_values, type_change, cardinality).
        """
        key = (asset, name, moment.counted, likeness, tuple(values), tuple(map(type, values.values())))
        plan = self._plans.get(key)
        if plan is None:
            plan = self._plan(asset, name, values, known(), counted=moment.counted)
            if len(self._plans) < MAX_PLANS:
                self._plans[key] = plan
        numbers = _numbers(values, plan)
        texts = tuple(None if (value := values.get(own)) is None else _json.text(value, own) for own in plan.texts)
        quality = moment.quality
        if quality == Quality.GOOD and texts.count(None) == len(texts) and np.isnan(numbers).all():
            quality = Quality.BAD
        return Frames(
            plan.stream,
            np.array([moment.t_ns], np.int64),
            np.array([moment.seq], np.int64),
            np.array([moment.received_ns], np.int64),
            numbers.reshape(1, len(plan.numbers)),
            np.array([quality], np.int16),
            (texts,) if texts else (),
        )

    def is_known(self, asset: str, name: str) -> bool:
        """Whether anything but null was told of that stream before, or its type declares it."""
        return bool(self._book.held(asset, name) or self._book.declared(asset, name))

    def _plan(
        self, asset: str, name: str, values: Mapping[str, Any], known: Mapping[str, Signal], *, counted: bool
    ) -> _Plan:
        if len(values) > MAX_SIGNALS_PER_STREAM:
            raise DecodeError("too_many_values", f"{len(values)} fields, at most {MAX_SIGNALS_PER_STREAM}")
        declared = {signal.name: signal for signal in self._book.declared(asset, name)}
        held = self._book.held(asset, name)
        fields: list[Signal] = []
        for own, value in values.items():
            told = declared.get(own) or known.get(own)
            if told is not None:
                fields.append(told)
            elif value is not None:
                fields.append(guessed(own, value))
            elif own in held:
                fields.append(Signal(own, held[own]))
        fields += [signal for own, signal in declared.items() if own not in values]
        if not fields:
            raise DecodeError("schema", "no value in it")
        stream = self._book.stream(asset, name, fields, sequenced=counted)
        return _Plan(
            stream,
            tuple(signal.name for signal in stream.columns),
            any(signal.kind is Kind.FLAG for signal in stream.columns),
            tuple(signal.name for signal in stream.text_columns),
        )


def flat(body: Mapping[str, Any], joint: str, prefix: str = "") -> dict[str, Any]:
    """Nested objects as one, keys joined by ``joint``; raises DecodeError (type, dup_key) for a list inside."""
    found: dict[str, Any] = {}
    for key, value in body.items():
        name = f"{prefix}{key}"
        if isinstance(value, dict):
            inner = flat(value, joint, f"{name}{joint}")
            if inner.keys() & found.keys():
                raise DecodeError("dup_key", f"two fields are called {next(iter(inner.keys() & found.keys()))!r}")
            found |= inner
        elif isinstance(value, list):
            raise DecodeError("type", f"{name}: a list where one value belongs")
        elif signal_name(name) in found:
            raise DecodeError("dup_key", f"two fields are called {name!r}")
        else:
            found[signal_name(name)] = value
    return found


def _numbers(values: Mapping[str, Any], plan: _Plan) -> NDArray[np.float64]:
    """The numeric values in the order of the columns, NaN for absent: float64 (width,)."""
    if not plan.numbers:
        return _NOTHING
    if not plan.has_flags:
        try:
            return _json.numbers([values.get(name) for name in plan.numbers], "a value")
        except DecodeError:
            pass  # told again below, with the name of the value that is wrong
    flags = {signal.name for signal in plan.stream.columns if signal.kind is Kind.FLAG}
    told = [
        np.nan if (value := values.get(name)) is None else _json.number(value, name, flag=name in flags)
        for name in plan.numbers
    ]
    return np.array(told, np.float64)
