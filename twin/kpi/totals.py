"""The sums that every KPI is made of. They add up: of shifts to a day, of assets to a line and a site. Pure.

Everything is a whole number (nanoseconds, parts, millionths of an energy unit), so the sums are exact and
come out the same in any order.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import numpy as np

from twin.kpi.counts import NOTHING, Rises
from twin.kpi.times import UNSEEN, Bucket, Slice, within

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Totals:
    """What an asset, or many together, did in a time.

    Times by `Bucket`, in ns; ``unseen_ns`` is planned time that is unknown or stale. Parts are those
    counted in planned time that is known; ``unseen_parts`` were told across a gap, or with it, and
    ``unplanned_parts`` outside the plan: neither belongs to a time that is known, so no KPI has them.
    ``ideal_…_ns`` are parts times their planned run time per item (PRI), each asset with its own.
    """

    production_ns: int = 0
    setup_ns: int = 0
    delay_ns: int = 0
    down_ns: int = 0
    unseen_ns: int = 0
    repair_ns: int = 0
    failures: int = 0
    good: int = 0
    scrap: int = 0
    rework: int = 0
    startup_scrap: int = 0
    unseen_parts: int = 0
    unplanned_parts: int = 0
    ideal_good_ns: int = 0
    ideal_scrap_ns: int = 0
    ideal_rework_ns: int = 0
    ideal_startup_ns: int = 0
    without_ideal: int = 0
    """How many assets have no PRI: with one, neither effectiveness nor OEE is defined."""
    energy: int = 0
    """In millionths of the meter's unit, of all the time."""
    metered: int = 0
    """How many assets have a meter."""

    def __add__(self, other: Totals) -> Totals:
        """Both together."""
        return Totals(*(getattr(self, one.name) + getattr(other, one.name) for one in fields(self)))

    @property
    def known_ns(self) -> int:
        """Planned time of which the state is known: what figures are of."""
        return self.production_ns + self.setup_ns + self.delay_ns + self.down_ns

    @property
    def planned_ns(self) -> int:
        """PBT, planned busy time."""
        return self.known_ns + self.unseen_ns

    @property
    def made(self) -> int:
        """PQ, produced quantity: good, scrap and rework."""
        return self.good + self.scrap + self.rework

    @property
    def ideal_made_ns(self) -> int:
        """PRI times PQ."""
        return self.ideal_good_ns + self.ideal_scrap_ns + self.ideal_rework_ns

    @property
    def coverage(self) -> float | None:
        """How much of the planned time is known, 0…1; None where nothing was planned."""
        return self.known_ns / self.planned_ns if self.planned_ns else None


ZERO = Totals()


@dataclass(frozen=True, slots=True, eq=False)
class AssetRecord:
    """All that is known of an asset over some time. ``slices`` are of all that time, without gap.

    ``ideal_ns`` is PRI, the planned run time per item. ``gap_ns`` is the distance between two frames
    from which on what was counted between them counts as unseen; None: never (frames come on change).
    Scrap within ``startup_ns`` behind a setup counts as the start's.
    """

    slices: tuple[Slice, ...]
    good: Rises = NOTHING
    scrap: Rises = NOTHING
    rework: Rises = NOTHING
    energy: Rises | None = None
    ideal_ns: int | None = None
    gap_ns: int | None = None
    startup_ns: int = 0


@dataclass(frozen=True, slots=True)
class _Counted:
    seen: int
    unseen: int
    unplanned: int
    startup: int


def totals_of(record: AssetRecord, start_ns: int, end_ns: int) -> Totals:
    """The sums over [start_ns, end_ns): those of two neighbouring times add up to those of both."""
    slices = within(record.slices, start_ns, end_ns)
    time = dict.fromkeys(Bucket, 0)
    for one in slices:
        time[one.bucket] += one.length_ns
    good, scrap, rework = (
        _count(record, rises.within(start_ns, end_ns)) for rises in (record.good, record.scrap, record.rework)
    )
    ideal_ns = record.ideal_ns or 0
    return Totals(
        production_ns=time[Bucket.PRODUCTION],
        setup_ns=time[Bucket.SETUP],
        delay_ns=time[Bucket.DELAY],
        down_ns=time[Bucket.DOWN],
        unseen_ns=time[Bucket.UNKNOWN] + time[Bucket.STALE],
        repair_ns=sum(one.length_ns for one in slices if one.failed),
        failures=sum(one.fails for one in slices),
        good=good.seen,
        scrap=scrap.seen,
        rework=rework.seen,
        startup_scrap=scrap.startup,
        unseen_parts=good.unseen + scrap.unseen + rework.unseen,
        unplanned_parts=good.unplanned + scrap.unplanned + rework.unplanned,
        ideal_good_ns=good.seen * ideal_ns,
        ideal_scrap_ns=scrap.seen * ideal_ns,
        ideal_rework_ns=rework.seen * ideal_ns,
        ideal_startup_ns=scrap.startup * ideal_ns,
        without_ideal=int(record.ideal_ns is None),
        energy=0 if record.energy is None else record.energy.within(start_ns, end_ns).total,
        metered=int(record.energy is not None),
    )


def combined(parts: Iterable[Totals]) -> Totals:
    """Many assets together: each part weighs by its own ideal time, each asset by its planned time."""
    total = ZERO
    for one in parts:
        total += one
    return total


def series(parts: Iterable[Totals]) -> Totals:
    """One asset's totals of several times: as `combined`, but it is still one asset."""
    listed = list(parts)
    total = combined(listed)
    if not listed:
        return total
    once = {name: max(getattr(one, name) for one in listed) for name in ("without_ideal", "metered")}
    return Totals(**{one.name: getattr(total, one.name) for one in fields(total)} | once)


def _count(record: AssetRecord, rises: Rises) -> _Counted:
    """Lay parts to the time they were told in."""
    if not len(rises.t_ns) or not record.slices:
        return _Counted(0, 0, 0, 0)
    starts = np.array([one.start_ns for one in record.slices], np.int64)
    which = np.clip(np.searchsorted(starts, rises.t_ns, side="right") - 1, 0, None)
    hidden = np.array([one.bucket in UNSEEN for one in record.slices])[which]
    outside = np.array([one.bucket is Bucket.NOT_PLANNED for one in record.slices])[which]
    if record.gap_ns is not None:
        hidden |= rises.t_ns - rises.since_ns > record.gap_ns
    hidden &= ~outside
    seen = ~(hidden | outside)
    started = _starting(record, rises.t_ns)
    return _Counted(*(int(rises.amount[rows].sum()) for rows in (seen, hidden, outside, seen & started)))


def _starting(record: AssetRecord, t_ns: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which times lie in a setup, or within ``startup_ns`` behind one."""
    setups = [one for one in record.slices if one.bucket is Bucket.SETUP]
    if not record.startup_ns or not setups:
        return np.zeros(len(t_ns), np.bool_)
    last = np.searchsorted(np.array([one.start_ns for one in setups], np.int64), t_ns, side="right") - 1
    ends_ns = np.array([one.end_ns for one in setups], np.int64)
    found: NDArray[np.bool_] = (last >= 0) & (t_ns < ends_ns[last] + record.startup_ns)
    return found
