"""One value of a message as a factory file describes it: shared by the dialects whose fields an engineer names."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import msgspec

from connectors.decoders._streams import signal_name
from twin.errors import UnitError
from twin.sample import Kind, Role, Signal
from twin.units import conversion

if TYPE_CHECKING:
    from collections.abc import Iterable


class Value(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One value: where it is in the message, and what it is. ``to_unit`` converts."""

    path: str
    signal: str = ""
    kind: Kind = Kind.GAUGE
    unit: str = "1"
    to_unit: str = ""
    role: Role = Role.NONE
    low: float | None = None
    high: float | None = None
    ko: str = ""
    en: str = ""


def check_units(value: Value) -> None:
    """Raise ValueError where its unit cannot be converted as it is asked for."""
    if value.to_unit:
        try:
            conversion(value.unit, value.to_unit)
        except UnitError as error:
            raise ValueError(f"{value.path}: {error}") from error


def check_each_once(names: Iterable[str]) -> None:
    """Raise ValueError where a signal is named twice."""
    twice = next((name for name, count in Counter(names).items() if count > 1), "")
    if twice:
        raise ValueError(f"signal {twice!r} is there twice")


def signal_of(value: Value) -> Signal:
    """The signal that it is, in the unit that it comes out in."""
    return Signal(
        signal_name(value.signal or value.path),
        value.kind,
        value.to_unit or value.unit,
        value.role,
        low=value.low,
        high=value.high,
        source_name=value.path,
        label_ko=value.ko,
        label_en=value.en,
    )


def factor_of(value: Value) -> tuple[float, float] | None:
    """What a number is multiplied by, and what is added; None where it stays as it is."""
    return conversion(value.unit, value.to_unit) if value.to_unit and value.to_unit != value.unit else None
