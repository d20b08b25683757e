"""Times that are read many at a time: 0, which is out of range, stands for what cannot be read."""

from __future__ import annotations

from functools import cache
from itertools import starmap
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from connectors.decoders._json import END_NS, UNIT_NS, TimeUnit
from twin.clock import NS_PER_S, ns_from_iso

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

_HEAD = len("2026-11-22T06:00:00")
_DIGITS = [0, 1, 2, 3, 5, 6, 8, 9, 11, 12, 14, 15, 17, 18]
_BETWEEN = {4: ord("-"), 7: ord("-"), 10: ord("T"), 13: ord(":"), 16: ord(":")}
_MONTH_DAYS = np.array([0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31])
_FRACTION_DIGITS = 9
_INT64 = (1 << 63) - (1 << 50)
"""What an int64 holds, less some days for zones."""


class Times(NamedTuple):
    """Reads a column of times as ns: int64 (n,)."""

    many: Callable[[Sequence[Any]], NDArray[np.int64]]


def iso_ns(told: Any) -> int:
    """A text of ISO 8601 with its zone, as ns."""
    try:
        t_ns = ns_from_iso(told)
    except (ValueError, OverflowError, AttributeError, TypeError):
        return 0
    return t_ns if abs(t_ns) < _INT64 else 0  # no int64 holds the year 9999


def _local_ns(zone_s: float, told: Any) -> int:
    return iso_ns(f"{told.strip()}Z") - round(zone_s * NS_PER_S) if isinstance(told, str) and told[-1:].isdigit() else 0


def _iso_many(told: Sequence[Any]) -> NDArray[np.int64]:
    """As `iso_ns`, most of them at once: those written ``YYYY-MM-DDTHH:MM:SS[.f…]Z``, all of one length."""
    usual = _usual([text[:-1] for text in told]) if all(text[-1:] == "Z" for text in told) else None
    if usual is None:
        return np.array([iso_ns(text) for text in told], np.int64)
    t_ns, right = usual
    for place in np.flatnonzero(~right).tolist():
        t_ns[place] = iso_ns(told[place])
    return t_ns


def _local_many(zone_s: float, told: Sequence[Any]) -> NDArray[np.int64]:
    usual = _usual(told)
    if usual is None:
        return np.array([_local_ns(zone_s, text) for text in told], np.int64)
    t_ns, right = usual
    t_ns -= round(zone_s * NS_PER_S)
    for place in np.flatnonzero(~right).tolist():
        t_ns[place] = _local_ns(zone_s, told[place])
    return t_ns


def _usual(told: Sequence[str]) -> tuple[NDArray[np.int64], NDArray[np.bool_]] | None:
    """(ns, whether it was so) of texts written ``YYYY-MM-DDTHH:MM:SS[.f…]``; None where their lengths differ."""
    size = len(told[0])
    digits = size - _HEAD - 1
    if set(map(len, told)) != {size} or not (size == _HEAD or 0 < digits <= _FRACTION_DIGITS):
        return None
    joined = "".join(told)
    if not joined.isascii():
        return None
    chars = np.frombuffer(joined.encode(), np.uint8).reshape(len(told), size)
    places = _DIGITS if digits < 0 else _DIGITS + list(range(_HEAD + 1, size))
    number = chars[:, places].astype(np.int64) - ord("0")
    right = ((number >= 0) & (number <= 9)).all(axis=1)  # noqa: PLR2004  digits
    for place, char in (_BETWEEN if digits < 0 else {**_BETWEEN, _HEAD: ord(".")}).items():
        right &= chars[:, place] == char
    year = number[:, :4] @ np.array([1000, 100, 10, 1])
    month, day, hour, minute, second = (number[:, i] * 10 + number[:, i + 1] for i in range(4, 14, 2))
    fraction = number[:, 14:] @ (10 ** np.arange(_FRACTION_DIGITS - 1, _FRACTION_DIGITS - 1 - max(digits, 0), -1))
    leap = (year % 4 == 0) & ((year % 100 != 0) | (year % 400 == 0))
    right &= (year >= 1970) & (year < 2200) & (month >= 1) & (month <= 12)  # noqa: PLR2004
    month = np.where(right, month, 1)
    right &= (day >= 1) & (day <= _MONTH_DAYS[month] + ((month == 2) & leap))  # noqa: PLR2004
    right &= (hour < 24) & (minute < 60) & (second < 60)  # noqa: PLR2004
    # Days since 1970 by years that begin in March.
    march_year, march_month = year - (month < 3), (month + 9) % 12  # noqa: PLR2004
    days = 365 * march_year + march_year // 4 - march_year // 100 + march_year // 400
    days += (153 * march_month + 2) // 5 + day - 1 - 719_468
    seconds = np.where(right, ((days * 24 + hour) * 60 + minute) * 60 + second, 0)
    return seconds * NS_PER_S + fraction, right


def _whole_many(unit_ns: int, told: Sequence[Any]) -> NDArray[np.int64]:
    found = np.array(told)
    if found.dtype != np.int64:
        return np.array([_whole_ns(unit_ns, one) for one in told], np.int64)
    return np.where((found > 0) & (found <= END_NS // unit_ns), found, 0) * unit_ns


def _whole_ns(unit_ns: int, told: Any) -> int:
    return told * unit_ns if type(told) is int and 0 < told <= END_NS // unit_ns else 0


def _stamp_ns(seconds: Any, rest: Any) -> int:
    is_time = type(seconds) is int and type(rest) is int and 0 < seconds <= END_NS // NS_PER_S and 0 <= rest < NS_PER_S
    return seconds * NS_PER_S + rest if is_time else 0


ISO = Times(_iso_many)
"""Texts of ISO 8601 with their zone."""
STAMPS = Times(lambda told: np.array(list(starmap(_stamp_ns, told)), np.int64))
"""Pairs of seconds and nanoseconds."""


@cache
def whole(unit_ns: int) -> Times:
    """Whole numbers of units."""
    return Times(lambda told: _whole_many(unit_ns, told))


@cache
def local(zone_s: float) -> Times:
    """Texts of ISO 8601 without a zone; ``zone_s`` is how far their clock is ahead of UTC."""
    return Times(lambda told: _local_many(zone_s, told))


WHOLE_NS = whole(1)


def times_of(unit: TimeUnit) -> Times:
    """What reads times of that unit."""
    return ISO if unit == "iso" else whole(UNIT_NS[unit])
