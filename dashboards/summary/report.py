"""The shift report: one shift's figures, stops, notes and signatures, and what was signed."""

from __future__ import annotations

import hashlib
import json
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from connectors.desk import notes
from connectors.figures.answer import CONVENTIONS, row
from dashboards.errors import AskedWrongly
from dashboards.status import ms
from dashboards.summary.oee import Time, shifts_until, stops_json, time_json
from twin.alarms.record import Letter
from twin.clock import NS_PER_S
from twin.kpi import Of
from twin.shifts import calendar_of, shift_spans

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from connectors.desk import Desk
    from connectors.desk.stops import Told
    from connectors.figures import Asked, Figures
    from twin.alarms import AlarmState
    from twin.alarms.rule import RulesByAsset
    from twin.shifts import ShiftSpan
    from twin.site import Site

SHIFTS_LISTED = 21
SIGNED_KPIS = (
    "oee", "availability", "effectiveness", "quality_ratio", "throughput", "cycle_time", "first_pass_yield",
    "scrap_ratio", "energy_per_part", "mtbf", "mttr",
)  # fmt: skip


def shift_of(site: Site, day: str, shift: str, t_ns: int) -> ShiftSpan:
    """The shift of a day that is asked for; without one, the one that runs. Raises AskedWrongly where there is none."""
    recent = shifts_until(site, t_ns, SHIFTS_LISTED)
    if not recent:
        raise AskedWrongly(404, f"{site.id} has no shifts", "site", "give it some in the factory file: [[site.shift]]")
    if not day:
        return recent[0]
    listed = [one for one in _around(site, day) if one.day == day and shift in ("", one.shift)]
    if not listed:
        raise AskedWrongly(
            404, f"no shift {shift[:40]!r} began on {day[:20]!r} at {site.id}", "day", "such as 2026-01-31"
        )
    if listed[0].start_ns > t_ns:
        raise AskedWrongly(404, "that shift has not begun", "day", "choose an earlier one")
    return [one for one in listed if one.start_ns <= t_ns][-1]


def _around(site: Site, day: str) -> tuple[ShiftSpan, ...]:
    try:
        found = date.fromisoformat(day)
    except ValueError as error:
        raise AskedWrongly(400, f"{day[:20]!r} is no day", "day", "such as 2026-01-31") from error
    begin = datetime(found.year, found.month, found.day, tzinfo=ZoneInfo(site.timezone))
    start_ns = int(begin.timestamp()) * NS_PER_S
    end_ns = int((begin + timedelta(days=1)).timestamp()) * NS_PER_S
    return shift_spans(calendar_of(site), start_ns, end_ns)


def report_json(  # noqa: PLR0913  what a report is made of
    figures: Figures, asked: Asked, site: Site, span: ShiftSpan, told: Sequence[Told], desk: Desk
) -> dict[str, Any]:
    """One shift's report, and whether what was signed is what the figures say now. Open alarms are laid beside it."""
    of = notes.ShiftOf(site.id, span.day, span.shift)
    time = Time(span.start_ns, min(span.end_ns, asked.now_ns), span)
    scopes = [one for one in figures.scopes(asked, site) if one.of is not Of.ASSET]
    rows = [
        row(figures.sum(asked, site, one, time.start_ns, time.end_ns), site, CONVENTIONS[0], span) for one in scopes
    ]
    written = notes.notes(desk, of, asked.now_ns)
    signable = canonical(rows, [note.text for note in written])
    sha256 = hashlib.sha256(signable.encode()).hexdigest()
    whole = scopes[0] if scopes else None
    return {
        "site": {"id": site.id, "name": {"ko": site.name.ko, "en": site.name.en}},
        "time": time_json(site, time),
        "over": asked.now_ns >= span.end_ns,
        "rows": rows,
        "stops": None if whole is None else stops_json(figures, asked, site, whole, time, told),
        "notes": [{"n": one.n, "text": one.text, "who": one.who, "at_ms": ms(one.at_ns)} for one in written],
        "sha256": sha256,
        "signatures": [
            {
                "who": one.who,
                "at_ms": ms(one.at_ns),
                "sha256": one.sha256,
                "holds": one.sha256 == sha256,
                "changed": changed(one.figures, signable),
            }
            for one in notes.signatures(desk, of, asked.now_ns)
        ],
        "shifts": [
            time_json(site, Time(one.start_ns, one.end_ns, one))
            for one in shifts_until(site, asked.now_ns, SHIFTS_LISTED)
        ],
    }


def alarms_json(alarms: Iterable[AlarmState], rules: RulesByAsset, site: Site) -> list[dict[str, Any]]:
    """The alarms of a site that somebody has to hand over: raised or unacknowledged, the worst first."""
    found = []
    for one in alarms:
        rule = next((each for each in rules(one.asset) if each.name == one.rule), None)
        if (
            one.asset.startswith(site.id + "/")
            and rule is not None
            and not one.hidden
            and one.letter is not Letter.NORMAL
        ):
            found.append(
                {
                    "asset": one.asset,
                    "priority": int(rule.priority),
                    "name": {"ko": rule.label.ko, "en": rule.label.en},
                    "raised_ms": ms(one.raised_ns),
                    "acknowledged": one.acknowledged,
                }
            )
    return sorted(found, key=lambda one: (one["priority"], one["raised_ms"], one["asset"]))


def canonical(rows: Sequence[dict[str, Any]], written: Sequence[str]) -> str:
    """What a signature is under: every figure of the report with its inputs, and the notes; one text a content."""
    told = {
        one["line"] or one["site"]: {
            "kpis": {name: one["kpis"][name] for name in SIGNED_KPIS},
            "losses_s": one["losses_s"],
            "totals": one["totals"],
            "coverage": one["coverage"],
        }
        for one in rows
    }
    return json.dumps(
        {"figures": told, "notes": list(written)}, ensure_ascii=False, sort_keys=True, separators=(",", ":")
    )


def changed(signed: str, now: str) -> list[dict[str, Any]]:
    """The KPIs that say something else than what was signed: of what, which, then and now; notes as a count."""
    if signed == now:
        return []
    before, after = json.loads(signed), json.loads(now)
    found: list[dict[str, Any]] = []
    for of in sorted(before["figures"].keys() | after["figures"].keys()):
        old, new = (side["figures"].get(of, {}).get("kpis", {}) for side in (before, after))
        for name in SIGNED_KPIS:
            then, at_last = (side.get(name, {}).get("value") for side in (old, new))
            if then != at_last:
                found.append({"of": of, "kpi": name, "signed": then, "now": at_last})
    if before["notes"] != after["notes"]:
        found.append({"of": "", "kpi": "notes", "signed": len(before["notes"]), "now": len(after["notes"])})
    return found
