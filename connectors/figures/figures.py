"""Totals of any asset, line or site over any time."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from connectors.figures.reading import Reading
from twin.events import EventKind
from twin.kpi import (
    AssetRecord,
    Scope,
    Slice,
    StopReason,
    Totals,
    joined,
    record_of,
    scopes_told,
    summed,
    totals_of,
)
from twin.kpi.tellings import Telling, ideal_ns, tellings
from twin.site import Hub, Name, Site
from twin.states import Heard, Observation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from twin.ports import History, StreamCount
    from twin.sample import Latest

TOTALS_KEPT = 20_000
_PRESENCE = (EventKind.ASSET_LOST, EventKind.ASSET_RETURNED)
_MOST_EVENTS = 10_000


@dataclass(frozen=True, slots=True)
class Sum:
    """What a scope did in a time: all of it, and what left it (throughput, cycle time and energy are of that)."""

    scope: Scope
    start_ns: int
    end_ns: int
    total: Totals
    outlet: Totals


@dataclass(frozen=True, slots=True)
class Asked:
    """One look at the store: what streams there are and how much is in them, which reasons people gave."""

    history: History
    now_ns: int
    counts: Mapping[str, StreamCount]
    told: Mapping[str, Telling]
    reasons: Mapping[str, tuple[StopReason, ...]]
    _before: dict[int, dict[str, Latest | None]] = field(default_factory=dict)
    """What was asked already of moments: the newest frame before, by stream."""

    _records: dict[tuple[str, str, int, int], AssetRecord] = field(default_factory=dict)
    _making: threading.RLock = field(default_factory=threading.RLock)
    """One record is made at a time: who asks for the same one meanwhile finds it made."""

    def record(self, key: tuple[str, str, int, int], make: Callable[[], AssetRecord]) -> AssetRecord:
        """What is known of (site, asset, from, to), made once for all figures of this look."""
        with self._making:
            found = self._records.get(key)
            if found is None:
                found = self._records[key] = make()
            return found

    def before(self, t_ns: int, streams: Iterable[str]) -> Mapping[str, Latest | None]:
        """The newest frame before ``t_ns`` of each of these streams (and of others), asked for at once."""
        known = self._before.setdefault(t_ns, {})
        missing = set(streams) - known.keys()
        new = {one for one in missing if one not in self.counts or self.counts[one].first_ns < t_ns}
        found = self.history.as_of(t_ns - 1, new) if new else {}
        known.update({one: found.get(one) for one in missing})
        return known

    def streams_of(self, assets: Iterable[str]) -> set[str]:
        """The streams that figures of these assets are made of."""
        return {wanted.stream for asset in assets if asset in self.told for wanted in self.told[asset].wanted}


class Figures:
    """Figures of a hub. Mutable: it keeps what was read of the past; any thread may ask."""

    def __init__(self, hub: Hub) -> None:
        self.hub = hub
        self._reading = Reading()
        self._lock = threading.Lock()
        self._totals: OrderedDict[object, Totals] = OrderedDict()

    def look(self, history: History, now_ns: int, reasons: Iterable[StopReason] = ()) -> Asked:
        """What all figures of one answer are made of; nothing of after ``now_ns`` counts."""
        by_asset: dict[str, list[StopReason]] = {}
        for reason in reasons:
            if reason.given_ns <= now_ns:
                by_asset.setdefault(reason.asset, []).append(reason)
        said = {asset: tuple(listed) for asset, listed in by_asset.items()}
        return Asked(history, now_ns, history.by_stream(), tellings(history.streams().values()), said)

    def scopes(self, asked: Asked, site: Site) -> tuple[Scope, ...]:
        """The site, its lines and its assets, as far as they tell something."""
        return scopes_told(site, asked.told)

    def sites(self, asked: Asked) -> tuple[Site, ...]:
        """The hub's sites, and those of which assets are heard that nobody named."""
        known = {site.id for site in self.hub.sites}
        others = sorted({asset.partition("/")[0] for asset in asked.told} - known - {"twin"})
        return (*self.hub.sites, *(Site(one, Name(one, one), Name("", ""), "UTC", (0.0, 0.0)) for one in others))

    def sum(self, asked: Asked, site: Site, scope: Scope, start_ns: int, end_ns: int) -> Sum:
        """What a scope did in [start, end), to now at the latest."""
        end_ns = max(start_ns, min(end_ns, asked.now_ns))
        asked.before(start_ns, asked.streams_of((*scope.assets, *scope.outlets, *scope.meters)))
        total, outlet = summed(scope, lambda asset: self.totals(asked, site, asset, start_ns, end_ns))
        return Sum(scope, start_ns, end_ns, total, outlet)

    def totals(self, asked: Asked, site: Site, asset: str, start_ns: int, end_ns: int) -> Totals:
        """The sums of one asset over [start, end)."""
        key = self._key(asked, site, asset, start_ns, end_ns)
        if key is not None:
            with self._lock:
                if key in self._totals:
                    self._totals.move_to_end(key)
                    return self._totals[key]
        total = totals_of(self.record(asked, site, asset, start_ns, end_ns), start_ns, end_ns)
        if key is not None:
            with self._lock:
                self._totals[key] = total
                while len(self._totals) > TOTALS_KEPT:
                    self._totals.popitem(last=False)
        return total

    def _key(self, asked: Asked, site: Site, asset: str, start_ns: int, end_ns: int) -> object | None:
        """What the sums of a time that is over depend on; None while it is not over."""
        telling = asked.told.get(asset)
        stamps = []
        for wanted in telling.wanted if telling else ():
            count = asked.counts.get(wanted.stream)
            if count is None or count.last_ns < end_ns or wanted.stale_ns is None:
                return None
            stamps.append((wanted, count.late, count.first_ns))
        reasons = tuple(one for one in asked.reasons.get(asset, ()) if one.start_ns < end_ns and one.end_ns > start_ns)
        return (site.id, asset, start_ns, end_ns, tuple(stamps), reasons)

    def record(self, asked: Asked, site: Site, asset: str, start_ns: int, end_ns: int) -> AssetRecord:
        """All that is known of an asset over [start, end): from the last frame before on, to now at the latest."""
        end_ns = max(start_ns, min(end_ns, asked.now_ns))
        key = (site.id, asset, start_ns, end_ns)
        return asked.record(key, lambda: self._record(asked, site, asset, start_ns, end_ns))

    def _record(self, asked: Asked, site: Site, asset: str, start_ns: int, end_ns: int) -> AssetRecord:
        telling = asked.told.get(asset, Telling(asset))
        history = asked.history
        latest = asked.before(start_ns, asked.streams_of((asset,)))
        before = self._reading.before(history, telling.wanted, start_ns, latest)
        kept = {
            wanted: joined(
                [
                    before[wanted],
                    self._reading.kept(history, wanted, asked.counts.get(wanted.stream), start_ns, end_ns),
                ],
                wanted.stale_ns,
            )
            for wanted in telling.wanted
        }
        declared = next((one for one in site.assets if one.id == asset), None)
        by_exception = telling.state is not None and telling.state[0].stale_ns is None
        said = presence_of(history, asset, start_ns, end_ns) if by_exception else ()
        return record_of(
            telling, kept, site, start_ns, end_ns,
            ideal_ns=ideal_ns(declared), presence=said, reasons=asked.reasons.get(asset, ()),
        )  # fmt: skip

    def slices(self, asked: Asked, site: Site, asset: str, start_ns: int, end_ns: int) -> tuple[Slice, ...]:
        """Where an asset's time went, without gap over [start, end)."""
        return self.record(asked, site, asset, start_ns, end_ns).slices


def presence_of(history: History, asset: str, start_ns: int, end_ns: int) -> list[Observation]:
    """When an asset whose frames come on change only was lost and heard again, and how it stood before."""
    before = history.events(0, start_ns, asset=asset, kinds=_PRESENCE, limit=16)
    last = next((one for one in before if one.asset == asset), None)
    within = history.events(start_ns, end_ns, asset=asset, kinds=_PRESENCE, limit=_MOST_EVENTS)
    told = [*([last] if last is not None else []), *(one for one in within if one.asset == asset)]
    return [
        Observation(one.t_ns, heard=Heard.LOST if one.kind is EventKind.ASSET_LOST else Heard.AGAIN) for one in told
    ]
