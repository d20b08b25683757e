"""Two sides onto one relative axis: by clock, by offset, or by an event that both have."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from twin.clock import NS_PER_S, iso_from_ns
from twin.errors import RecordingError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from twin.compare.side import Extent, Happening

WAYS = "clock, offset, offset:SECONDS, event:NAME or event:NAME@ASSET"
MAX_SHIFT_S = 400 * 86_400.0
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NAMED = 12


class Way(StrEnum):
    """How two sides are laid onto each other."""

    CLOCK = "clock"
    """By the time of day; by the very time where both sides have some of it."""
    OFFSET = "offset"
    """Both begin at once; B so many seconds later, where that is said."""
    EVENT = "event"
    """By the first event of a name in each, of an asset that has it in both."""


@dataclass(frozen=True, slots=True)
class Align:
    """What is asked for: ``offset:0.42``, ``event:Execute@line1/R-101`` …

    ``shift_s`` moves B later. ``name`` is an event's kind, its text (a state, an alarm's rule, an error) or
    ``cycle``, where a part was counted and the next cycle began; ``asset`` an id, or its end.
    """

    way: Way
    shift_s: float = 0.0
    name: str = ""
    asset: str = ""

    def __str__(self) -> str:
        if self.way is Way.EVENT:
            return f"event:{self.name}" + (f"@{self.asset}" if self.asset else "")
        return f"{self.way}:{self.shift_s:g}" if self.shift_s else str(self.way)

    @classmethod
    def parse(cls, text: str) -> Align:
        """Read it as people write it; raises RecordingError."""
        way, colon, rest = text.strip().partition(":")
        if way == Way.EVENT and rest.strip():
            name, _, asset = rest.strip().rpartition("@") if "@" in rest else (rest.strip(), "", "")
            if name:
                return cls(Way.EVENT, 0.0, name, asset)
        elif way == Way.CLOCK and not colon:
            return cls(Way.CLOCK)
        elif way == Way.OFFSET:
            try:
                shift_s = float(rest) if colon else 0.0
            except ValueError:
                shift_s = math.inf
            if abs(shift_s) <= MAX_SHIFT_S:
                return cls(Way.OFFSET, shift_s)
        raise RecordingError(f"align {text[:80]!r} is no way to lay B onto A: write {WAYS}")


@dataclass(frozen=True, slots=True)
class Alignment:
    """Where zero of the relative axis lies in each side's own time, and the time they have in common on it.

    ``by`` is the event of each side that lies at zero, where it was by event.
    """

    a_origin_ns: int
    b_origin_ns: int
    start_ns: int
    end_ns: int
    by: tuple[Happening, Happening] | None = None

    @property
    def span_s(self) -> float:
        """How long the common time is."""
        return (self.end_ns - self.start_ns) / NS_PER_S


def aligned(  # noqa: PLR0913  both sides, twice
    align: Align,
    a: Extent,
    b: Extent,
    a_happenings: Iterable[Happening] = (),
    b_happenings: Iterable[Happening] = (),
    *,
    timezone: str = "UTC",
) -> Alignment:
    """Lay B onto A; raises RecordingError where they have no event of that name, or no time in common.

    By clock and by offset zero is where the common time begins, by event it is the event. ``timezone`` says
    what a time of day is.
    """
    by = None
    if align.way is Way.EVENT:
        by = _same(align, a_happenings, b_happenings)
        origins = by[0].t_ns, by[1].t_ns
    elif align.way is Way.CLOCK:
        origins = 0, -_days_between(a, b, ZoneInfo(timezone))
    else:
        origins = a.start_ns, b.start_ns - round(align.shift_s * NS_PER_S)
    a_origin_ns, b_origin_ns = origins
    start_ns = max(a.start_ns - a_origin_ns, b.start_ns - b_origin_ns)
    end_ns = min(a.end_ns - a_origin_ns, b.end_ns - b_origin_ns)
    if end_ns <= start_ns:
        raise RecordingError(
            f"A ({_told(a)}) and B ({_told(b)}) have no time in common by {align}: align them by offset, or by an event"
        )
    if align.way is Way.EVENT:
        return Alignment(a_origin_ns, b_origin_ns, start_ns, end_ns, by)
    return Alignment(a_origin_ns + start_ns, b_origin_ns + start_ns, 0, end_ns - start_ns)


def _told(one: Extent) -> str:
    return f"{iso_from_ns(one.start_ns)} to {iso_from_ns(one.end_ns)}"


def _days_between(a: Extent, b: Extent, zone: ZoneInfo) -> int:
    """How much later A is than B in whole local days, in ns: 0 where they overlap; else as they overlap longest."""
    if min(a.end_ns, b.end_ns) > max(a.start_ns, b.start_ns):
        return 0
    local_a_ns, local_b_ns = _local_ns(a.start_ns, zone), _local_ns(b.start_ns, zone)
    day_ns = 86_400 * NS_PER_S
    best: tuple[int, int] | None = None
    middle = round((local_a_ns - local_b_ns) / day_ns)
    for days in (middle, middle - 1, middle + 1):
        # The clocks of the two days may differ: what is between them is told by the clock on the wall.
        apart_ns = days * day_ns - (local_a_ns - local_b_ns) + (a.start_ns - b.start_ns)
        common_ns = min(a.end_ns, b.end_ns + apart_ns) - max(a.start_ns, b.start_ns + apart_ns)
        if best is None or common_ns > best[0]:
            best = (common_ns, apart_ns)
    return best[1] if best else 0


def _local_ns(t_ns: int, zone: ZoneInfo) -> int:
    moment = _EPOCH + timedelta(seconds=t_ns // NS_PER_S)
    offset = moment.astimezone(zone).utcoffset() or timedelta()
    return t_ns + round(offset.total_seconds()) * NS_PER_S


def _same(align: Align, a: Iterable[Happening], b: Iterable[Happening]) -> tuple[Happening, Happening]:
    """The first event of the name in each side, of an asset that has it in both: the one that is first in A."""
    a_all, b_all = list(a), list(b)
    a_first, b_first = (_first_by_asset(align, one) for one in (a_all, b_all))
    both = sorted((a_first[asset], b_first[asset]) for asset in a_first.keys() & b_first.keys())
    if both:
        # Mirrored where the sides are exchanged: the pair whose later one is earliest, then by asset.
        begun_a = min(one.t_ns for one, _ in both)
        begun_b = min(one.t_ns for _, one in both)
        return min(both, key=lambda pair: (pair[0].t_ns - begun_a + pair[1].t_ns - begun_b, pair[0].asset))
    of = f" of {align.asset}" if align.asset else ""
    if a_first and b_first:
        ours, theirs = (", ".join(sorted(one)[:4]) for one in (a_first, b_first))
        raise RecordingError(
            f"A and B have no asset in common that has {align.name!r}{of}: in A it is of {ours}, in B of {theirs}; "
            "name an event that both have"
        )
    where = " and ".join(side for side, found in (("A", a_first), ("B", b_first)) if not found)
    common = {one.kind for one in a_all} & {one.kind for one in b_all}
    common |= {one.text for one in a_all if one.text} & {one.text for one in b_all if one.text}
    there = ", ".join(sorted(common)[:_NAMED]) or "none; align them by clock or by offset"
    raise RecordingError(f"there is no event {align.name!r}{of} in {where}; both have: {there}")


def _first_by_asset(align: Align, happenings: Iterable[Happening]) -> dict[str, Happening]:
    wanted = align.name.casefold()
    found: dict[str, Happening] = {}
    for one in happenings:
        if wanted not in (one.kind.casefold(), one.text.casefold()):
            continue
        if align.asset and one.asset != align.asset and not one.asset.endswith("/" + align.asset):
            continue
        if one.asset not in found or one < found[one.asset]:
            found[one.asset] = one
    return found
