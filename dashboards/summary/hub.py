"""The ledger of the hub: hours recorded, cut, usable, labelled and handed on; by site, robot, task and week."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import numpy as np

from dashboards.status import ms
from twin.clock import NS_PER_S
from twin.datasets import Origin, origin_of
from twin.episodes import Outcome
from twin.ids import leaf_of, site_of
from twin.quality import AXES, Check, Verdict, heaviest, told_by
from twin.simulation.attempts import SOURCE as GENERATED

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from connectors.desk.exports import Export
    from dashboards.view import View
    from twin.episodes import Episode
    from twin.ports import StreamCount
    from twin.sample import Stream
    from twin.site import Hub, Name

WEEKS = 12
WEEK_NS = 7 * 24 * 3600 * NS_PER_S
MOST_PARTS = 12_096
LEAST_PART_NS = 10 * NS_PER_S
FRAMES_A_PART = 10
MOST_EXPORTS = 200
LEAST_FAILURES = 0.05
"""Below this share of failures there is too little of them to learn from (as `twin.quality.Thresholds`)."""
_USABLE = ("risk", "characteristic")


@dataclass(slots=True)
class _Row:
    """What is told of one task of one robot. Mutable; it is added up."""

    asset: str
    task: tuple[str, str]
    source: str
    episodes: int = 0
    labelled: int = 0
    hours: float = 0.0
    usable_h: float = 0.0
    outcomes: Counter[str] = field(default_factory=Counter)
    quality: Counter[str] = field(default_factory=Counter)
    recipients: set[str] = field(default_factory=set)

    def json(self, names: Mapping[str, Name], regions: Mapping[str, dict[str, str]]) -> dict[str, Any]:
        name = names.get(self.asset)
        leaf = leaf_of(self.asset)
        return {
            "asset": self.asset, "site": site_of(self.asset), "region": regions.get(site_of(self.asset)),
            "name": _name(name) if name else {"ko": leaf, "en": leaf},
            "task": {"ko": self.task[0], "en": self.task[1]}, "source": self.source, "episodes": self.episodes,
            "hours": round(self.hours, 4), "usable_h": round(self.usable_h, 4), "labelled": self.labelled,
            **{one.value: self.outcomes[one.value] for one in Outcome},
            "quality": {one: self.quality[one] for one in ("defect", "risk", "characteristic", "")},
            "recipients": sorted(self.recipients),
        }  # fmt: skip


def hub_ledger(
    view: View,
    counts: Mapping[str, StreamCount],
    hub: Hub,
    episodes: Iterable[Episode],
    exports: Sequence[Export],
) -> dict[str, Any]:
    """All of it at the view's moment; episodes and exports are those that were told of until then.

    Totals and weeks are of what real assets did; what was simulated has rows and totals of its own.
    """
    sites = {one.id: one for one in hub.sites}
    known = [one for one in episodes if one.site in sites and one.end_ns <= view.clock_ns]
    by_id = {one.id: one for one in known}
    out = [(one, [by_id[name] for name in one.episodes if name in by_id]) for one in exports]
    out = [(one, mine) for one, mine in out if mine]
    offset_ns = _offset_ns(hub, view.clock_ns)
    weeks: dict[int, dict[str, float]] = {}
    true = [one for one in known if not is_simulated(one.source)]
    recorded = _recorded(view, counts, set(sites), offset_ns, weeks)
    rows = _rows(known, out)
    for one in true:
        week = weeks.setdefault((one.start_ns + offset_ns) // WEEK_NS, _week())
        week["episodes_h"] += _hours(one)
        week["usable_h"] += _hours(one) if _usable(one) else 0.0
        week["episodes"] += 1
        week["labelled"] += _labelled(one)
    exported = {one.id: one for _, mine in out for one in mine if not is_simulated(one.source)}
    names = {asset.id: asset.name for asset in hub.assets().values()}
    regions = {one.id: _name(one.region) for one in hub.sites}
    received = _received(hub, out)
    return {
        "as_of_ms": ms(view.clock_ns),
        "hub": {"id": hub.id, "name": _name(hub.name), "role": hub.role.value},
        "targets": dict(hub.targets),
        "totals": {
            "recorded_h": round(sum(recorded.values()), 4),
            "episodes_h": round(sum(map(_hours, true)), 4),
            "usable_h": round(sum(_hours(one) for one in true if _usable(one)), 4),
            "labelled_h": round(sum(_hours(one) for one in true if _usable(one) and _labelled(one)), 4),
            "exported_h": round(sum(map(_hours, exported.values())), 4),
            "episodes": len(true), "labelled": sum(map(_labelled, true)),
            "judged": sum(bool(one.quality) for one in true),
            "defect": sum(heaviest(one.quality) == "defect" for one in true),
            "simulated": len(known) - len(true),
            "simulated_h": round(sum(_hours(one) for one in known if is_simulated(one.source)), 4),
            "exports": len(out), "recipients": len({one.recipient for one, _ in out if one.recipient}),
        },
        "sites": [
            {
                "id": one.id, "name": _name(one.name), "region": _name(one.region), "role": hub.role.value,
                "position_deg": one.position_deg,
                "recorded_h": round(sum(h for asset, h in recorded.items() if site_of(asset) == one.id), 4),
                "assets": sum(site_of(asset) == one.id for asset in recorded),
            }
            for one in hub.sites
        ],
        "partners": [
            {
                "id": one.id, "name": _name(one.name), "role": one.role.value, "position_deg": one.position_deg,
                "received": received[one.id][0], "hours": round(received[one.id][1], 4),
                "from": sorted(received[one.id][2]),
            }
            for one in hub.partners
        ],
        "weeks": _last_weeks(weeks, offset_ns),
        "assets": {asset: round(hours, 4) for asset, hours in sorted(recorded.items())},
        "rows": [one.json(names, regions) for one in rows],
        "checks": _checks(true),
        "exports": [
            {
                "n": one.n, "at_ms": ms(one.at_ns), "name": one.name, "format": one.format, "licence": one.licence,
                "recipient": one.recipient, "episodes": len(mine), "hours": round(sum(map(_hours, mine)), 4),
                "sha256": one.sha256, "with_defects": one.with_defects,
            }
            for one, mine in reversed(out[-MOST_EXPORTS:])
        ],
    }  # fmt: skip


def _name(name: Name) -> dict[str, str]:
    return {"ko": name.ko, "en": name.en}


def _hours(one: Episode) -> float:
    return one.duration_s / 3600


def _usable(one: Episode) -> bool:
    """Whether somebody looked and found no defect."""
    return heaviest(one.quality) in _USABLE


def is_simulated(source: str) -> bool:
    """Whether an episode comes from a simulation."""
    return origin_of(source) is Origin.SIMULATED


def _labelled(one: Episode) -> bool:
    """Whether it is told what came of it."""
    return one.outcome is not Outcome.UNKNOWN


def _week() -> dict[str, float]:
    return dict.fromkeys(("recorded_h", "episodes_h", "usable_h", "episodes", "labelled"), 0.0)


def _offset_ns(hub: Hub, clock_ns: int) -> int:
    """What is added to a time so that weeks of the first site begin on a Monday at multiples of a week."""
    zone = ZoneInfo(hub.sites[0].timezone if hub.sites else "UTC")
    local = datetime.fromtimestamp(clock_ns / NS_PER_S, UTC).astimezone(zone).utcoffset() or timedelta()
    return (round(local.total_seconds()) + 3 * 24 * 3600) * NS_PER_S  # 1970 began on a Thursday


def _recorded(
    view: View, counts: Mapping[str, StreamCount], sites: set[str], offset_ns: int, weeks: dict[int, dict[str, float]]
) -> dict[str, float]:
    """The hours of each asset in which frames came, added to their weeks, too.

    The slowest stream that spans an asset's time is counted in equal parts; a part with fewer frames than the
    middle one was recorded in part.
    """
    found: dict[str, float] = {}
    newest = view.latest()
    for asset, streams in _by_asset(view.streams().values(), sites).items():
        told = []
        for one in streams:
            count, last = counts.get(one.id), newest.get(one.id)
            if count is not None and last is not None and count.first_ns < last.t_ns <= view.clock_ns:
                # Of the past only what had come until then counts, also for how finely it is counted.
                spanned = view.density([one.id], count.first_ns, last.t_ns + 1, 1)
                told.append((int(spanned[0]), one.id, count.first_ns, last.t_ns))
        if not told:
            continue
        widest = max(last_ns - first_ns for _, _, first_ns, last_ns in told)
        frames, stream, first_ns, last_ns = min(one for one in told if (one[3] - one[2]) * 2 >= widest)
        span_ns = last_ns + 1 - first_ns
        period_ns = (last_ns - first_ns) // max(frames - 1, 1)
        part_ns = max(LEAST_PART_NS, FRAMES_A_PART * period_ns, -(-span_ns // MOST_PARTS))
        parts = max(1, -(-span_ns // part_ns))
        filled = view.density([stream], first_ns, last_ns + 1, parts)
        found[asset] = _add(filled, first_ns, span_ns / parts, offset_ns, weeks)
    return found


def _add(
    frames: NDArray[np.int64], start_ns: int, part_ns: float, offset_ns: int, weeks: dict[int, dict[str, float]]
) -> float:
    filled = frames[frames > 0]
    if not len(filled):
        return 0.0
    hours = np.minimum(frames / float(np.median(filled)), 1.0) * part_ns / NS_PER_S / 3600
    at = (start_ns + offset_ns + (np.arange(len(frames)) * part_ns).astype(np.int64)) // WEEK_NS
    for week in np.unique(at[frames > 0]).tolist():
        weeks.setdefault(week, _week())["recorded_h"] += float(hours[at == week].sum())
    return float(hours.sum())


def _by_asset(streams: Iterable[Stream], sites: set[str]) -> dict[str, list[Stream]]:
    found: dict[str, list[Stream]] = {}
    for stream in streams:
        if site_of(stream.asset) in sites and not stream.is_of_a_node and stream.source != GENERATED:
            found.setdefault(stream.asset, []).append(stream)
    return dict(sorted(found.items()))


def _rows(known: Sequence[Episode], out: Sequence[tuple[Export, list[Episode]]]) -> list[_Row]:
    rows: dict[tuple[str, str, str], _Row] = {}
    of: dict[str, _Row] = {}
    for one in known:
        key = (one.asset, one.instruction_en, one.source)
        row = rows.setdefault(key, _Row(one.asset, (one.instruction_ko, one.instruction_en), one.source))
        of[one.id] = row
        row.episodes += 1
        row.hours += _hours(one)
        row.usable_h += _hours(one) if _usable(one) else 0.0
        row.labelled += _labelled(one)
        row.outcomes[one.outcome.value] += 1
        row.quality[heaviest(one.quality)] += 1
    for export, mine in out:
        for one in mine:
            of[one.id].recipients |= {export.recipient} if export.recipient else set()
    return [rows[key] for key in sorted(rows)]


def _received(hub: Hub, out: Sequence[tuple[Export, list[Episode]]]) -> dict[str, tuple[int, float, set[str]]]:
    """By partner: how many exports, hours, and from which sites; a recipient is a partner by its id or a name."""
    found: dict[str, tuple[int, float, set[str]]] = {}
    for partner in hub.partners:
        calls = {partner.id, partner.name.ko, partner.name.en}
        got = [mine for export, mine in out if export.recipient in calls]
        every = {one.id: one for mine in got for one in mine}
        found[partner.id] = (len(got), sum(map(_hours, every.values())), {one.site for one in every.values()})
    return found


def _last_weeks(weeks: Mapping[int, dict[str, float]], offset_ns: int) -> list[dict[str, Any]]:
    """The last weeks until the newest of which anything is told, those between without anything too."""
    if not weeks:
        return []
    last = max(weeks)
    first = max(min(weeks), last - WEEKS + 1)
    labelled = episodes = 0.0
    for week in sorted(weeks):
        if week < first:
            labelled, episodes = labelled + weeks[week]["labelled"], episodes + weeks[week]["episodes"]
    listed = []
    for week in range(first, last + 1):
        told = weeks.get(week, _week())
        labelled, episodes = labelled + told["labelled"], episodes + told["episodes"]
        start_ns = week * WEEK_NS - offset_ns
        number = datetime.fromtimestamp((start_ns + offset_ns) / NS_PER_S - 3 * 86400 + 3600, UTC).isocalendar().week
        listed.append(
            {
                "from_ms": ms(start_ns), "week": number,
                **{name: round(told[name], 4) for name in ("recorded_h", "episodes_h", "usable_h")},
                "episodes": int(told["episodes"]), "labelled_share": labelled / episodes if episodes else None,
            }
        )  # fmt: skip
    return listed


def _checks(known: Iterable[Episode]) -> list[dict[str, Any]]:
    """How many episodes each check found what in."""
    found: dict[Check, Counter[Verdict]] = {}
    for one in known:
        for check, verdict in told_by(one.quality).items():
            found.setdefault(check, Counter())[verdict] += 1
    return [
        {
            "check": check.value, "axis": AXES[check].value,
            **{verdict.value: found[check][verdict] for verdict in Verdict},
        }
        for check in Check
        if check in found
    ]  # fmt: skip
