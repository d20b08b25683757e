"""Which stream the fields of a message belong to: shared by the decoders."""

from __future__ import annotations

import dataclasses
import hashlib
from functools import lru_cache
from typing import TYPE_CHECKING

from twin.errors import DecodeError, IdError
from twin.ids import segment
from twin.sample import Kind, Role, Signal, Stream, stream_of

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from twin.site import AssetType, Hub

MAX_SIGNALS_PER_STREAM = 1024
MAX_STREAMS = 20_000
"""A bound for memory against random names; the bound for the store is ``max_signals_per_source``."""
_STATE_NAMES = frozenset({"state", "status", "mode", "running_state"})


class StreamBook:
    """Streams by asset, name and set of fields. Mutable: a cache that its decoder owns.

    An asset declared in the factory file gets the units, limits and labels of its type. A message
    whose fields are not the type's gets a stream of its own, its name marked by a hash of them, so
    that the fields of a stream never change. A stream of one signal that the type does not list is
    that signal of the type, if one has its name and is alike: who reports by exception sends such.
    """

    def __init__(self, source: str, hub: Hub, types: Mapping[str, AssetType]) -> None:
        self._source = source
        self._assets = hub.assets()
        self._types = types
        self._made: dict[tuple[str, str, tuple[Signal, ...], bool], Stream] = {}
        self.plain: dict[str, list[str]] = {}
        """Which fields hold the plain name ``asset:name``: the first that came, as ``name<tab>kind``, in their order.

        A unit that the type told, and the device did not, stands behind the kind. Part of the decoder's state.
        """

    def stream(self, asset: str, name: str, fields: Sequence[Signal], *, sequenced: bool) -> Stream:
        """The stream of these fields; raises DecodeError when there are too many of them."""
        key = (asset, name, tuple(fields), sequenced)
        made = self._made.get(key)
        if made is None:
            if len(self._made) >= MAX_STREAMS:
                raise DecodeError("cardinality", f"more than {MAX_STREAMS} streams from one source")
            made = self._make(asset, name, key[2], sequenced=sequenced)
            self._made[key] = made
        return made

    def declared(self, asset: str, name: str) -> tuple[Signal, ...]:
        """The signals that the asset's type declares for that stream; () if it declares none."""
        declared = self._assets.get(asset)
        kind = self._types.get(declared.type) if declared else None
        stream_type = kind.stream(name) if kind else None
        return stream_type.signals if stream_type else ()

    def declared_name(self, asset: str, names: Collection[str]) -> str:
        """Which stream of the asset's type has all of these signals; "" if none has, or it is declared with none."""
        declared = self._assets.get(asset)
        kind = self._types.get(declared.type) if declared else None
        wanted = set(names)
        for stream in kind.streams if kind else ():
            if wanted and wanted <= {signal.name for signal in stream.signals}:
                return stream.name
        return ""

    def held(self, asset: str, name: str) -> dict[str, Kind]:
        """The fields that hold the plain name of that stream, and their kinds; {} when nobody does."""
        rows = (row.split("\t") for row in self.plain.get(f"{asset}:{name}", []))
        return {field: Kind(kind) for field, kind, *_ in rows}

    def _make(self, asset: str, name: str, fields: tuple[Signal, ...], *, sequenced: bool) -> Stream:
        if len(fields) > MAX_SIGNALS_PER_STREAM:
            raise DecodeError("too_many_values", f"{len(fields)} fields, at most {MAX_SIGNALS_PER_STREAM}")
        asset_row = self._assets.get(asset)
        kind = self._types.get(asset_row.type) if asset_row else None
        stream_type = kind.stream(name) if kind else None
        known = {signal.name: signal for signal in (stream_type.signals if stream_type else ())}
        if kind is not None and stream_type is None and len(fields) == 1:
            known = {signal.name: signal for signal in (by_exception(kind, fields[0]),) if signal}
        signals = tuple(_merged(known.get(signal.name), signal) for signal in fields)
        is_declared = stream_type is not None and set(known) == {signal.name for signal in fields}
        # Where the device sent before it was declared, its plain name holds frames in units that nobody knew.
        was_undeclared = f"{asset}:{name}" in self.plain
        period_s = stream_type.period_s if stream_type is not None and is_declared else None
        if is_declared:
            order = [signal.name for signal in (stream_type.signals if stream_type else ())]
            stream_name = f"{signal_name(name)}~{_digest(signals)}" if was_undeclared else signal_name(name)
        elif stream_type is None and self._holds_plain(asset, name, fields, signals):
            held = self.held(asset, name)
            order = list(held)
            signals = tuple(dataclasses.replace(signal, kind=held[signal.name]) for signal in signals)
            stream_name = signal_name(name)
        else:
            order = sorted(signal.name for signal in fields)
            stream_name = f"{signal_name(name)}~{_digest(fields)}"
        signals = tuple(sorted(signals, key=lambda signal: order.index(signal.name)))
        return stream_of(asset, stream_name, signals, sequenced=sequenced, period_s=period_s, source=self._source)

    def _holds_plain(self, asset: str, name: str, fields: tuple[Signal, ...], signals: tuple[Signal, ...]) -> bool:
        """Whether these are the fields of the plain name; the order in which a device writes them does not matter.

        ``fields`` are as the device told them, ``signals`` as they are with what the type tells.
        """
        held = self.held(asset, name)
        untold = {one.name: one.unit for one, told in zip(signals, fields, strict=True) if one.unit != told.unit}
        if not held:
            self.plain[f"{asset}:{name}"] = [
                "\t".join([signal.name, signal.kind, *([untold[signal.name]] if signal.name in untold else [])])
                for signal in signals
            ]
            return True
        for signal in fields:
            if signal.name in held and held[signal.name].is_text != signal.kind.is_text:
                told, kept = ("text", "a number") if signal.kind.is_text else ("a number", "text")
                raise DecodeError("type_change", f"{signal.name} was {kept} and is now {told}")
        if set(held) != {signal.name for signal in fields}:
            return False
        # Frames that came before anybody knew their unit, or in another one, keep the name to themselves.
        marks = {row.split("\t")[0]: row.split("\t")[2:] for row in self.plain[f"{asset}:{name}"]}
        units = {signal.name: signal.unit for signal in signals}
        return all(mark == [units[own]] if mark else own not in untold for own, mark in marks.items())


def by_exception(kind: AssetType, told: Signal) -> Signal | None:
    """The one signal of a type that a signal sent alone is: same name, same sort of value, no other unit told."""
    named = {signal for stream in kind.streams for signal in stream.signals if signal.name == told.name}
    if len(named) != 1:
        return None
    (known,) = named
    is_alike = known.kind.is_text == told.kind.is_text and (known.kind is Kind.FLAG) == (told.kind is Kind.FLAG)
    return known if is_alike and told.unit in ("1", known.unit) else None


def _digest(fields: tuple[Signal, ...]) -> str:
    text = "\n".join(sorted(f"{signal.name}\t{signal.kind.is_text}" for signal in fields))
    return hashlib.sha256(text.encode()).hexdigest()[:6]


def _merged(known: Signal | None, told: Signal) -> Signal:
    if known is None:
        return told
    source_name = told.source_name or known.source_name
    return known if source_name == known.source_name else dataclasses.replace(known, source_name=source_name)


@lru_cache(maxsize=10_000)
def signal_name(text: str) -> str:
    """A device's field name as a signal name; raises DecodeError (name)."""
    try:
        return segment(text)
    except IdError as error:
        raise DecodeError("name", str(error)) from error


def guessed(name: str, value: object, unit: str = "1") -> Signal:
    """The signal for a field nobody declared: its kind is that of its first value."""
    if isinstance(value, bool):
        return Signal(name, Kind.FLAG)
    if isinstance(value, str):
        is_state = name.rpartition(".")[2].lower() in _STATE_NAMES
        return (
            Signal(name, Kind.STATE, role=Role.STATE if is_state else Role.NONE)
            if is_state
            else Signal(name, Kind.TEXT)
        )
    return Signal(name, unit=unit)
