"""Moments and ranges as callers write them, checked once."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dashboards.errors import AskedWrongly
from dashboards.received import ReceivedView, is_by_receipt
from dashboards.view import PastView
from twin.clock import NS_PER_MS, NS_PER_S, ns_from_iso

if TYPE_CHECKING:
    from dashboards.page import Behind
    from dashboards.view import View

MAX_SPAN_S = 31 * 24 * 3600.0
MAX_POINTS = 5000
MAX_MS = 9e12


@dataclass(frozen=True, slots=True)
class Range:
    """[start, end) in ns."""

    start_ns: int
    end_ns: int

    @property
    def span_s(self) -> float:
        """Its length."""
        return (self.end_ns - self.start_ns) / NS_PER_S


def ns_of_ms(value: float, where: str) -> int:
    """Milliseconds since 1970 → ns; raises AskedWrongly for what is no time."""
    if not math.isfinite(value) or not 0 <= value <= MAX_MS:
        raise AskedWrongly(400, f"{value!r} is no time", where, "milliseconds since 1970 UTC")
    return round(value * 1000) * (NS_PER_MS // 1000)


def ns_of_text(text: str, where: str) -> int:
    """ISO 8601 with an offset, or milliseconds since 1970 → ns."""
    try:
        return ns_of_ms(float(text), where)
    except ValueError:
        pass
    try:
        # "+" of an offset arrives as a blank where the caller did not encode it.
        return ns_from_iso(text.strip().replace(" ", "+"))
    except ValueError as error:
        raise AskedWrongly(
            400, f"{text[:40]!r} is no time: {error}", where, "2026-01-31T14:03:00+09:00, or milliseconds since 1970"
        ) from error


def span(start_ns: int, end_ns: int, max_s: float = MAX_SPAN_S) -> Range:
    """A range that is not empty, not reversed and not too long."""
    if end_ns < start_ns:
        raise AskedWrongly(400, "the range ends before it begins", "to", "exchange from and to")
    found = Range(start_ns, end_ns)
    if found.span_s > max_s:
        raise AskedWrongly(400, f"a range of {found.span_s:.0f} s is too long", "from", f"{max_s:.0f} s at most")
    return found


def view_of(behind: Behind, as_of_ns: int | None) -> View:
    """The view at a moment, by the base that was asked for; the live one where none is given, or it lies ahead."""
    if as_of_ns is None or as_of_ns >= behind.clock.now_ns():
        return behind.live.view()
    history = behind.reader.history()
    if is_by_receipt():
        return ReceivedView(history, behind.reader.whole(), behind.reader.instants, as_of_ns)
    return PastView(history, as_of_ns)
