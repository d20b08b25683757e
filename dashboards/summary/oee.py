"""OEE & losses as the page draws it: which time is meant, where it went, which stops cost most."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from connectors.figures.answer import CONVENTIONS, row
from dashboards.errors import AskedWrongly
from dashboards.status import ms
from twin.clock import NS_PER_S
from twin.kpi import Bucket, catalogue
from twin.shifts import calendar_of, shift_spans

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from connectors.desk.stops import Told
    from connectors.figures import Asked, Figures
    from twin.kpi import Scope, Slice, StopCause
    from twin.shifts import ShiftSpan
    from twin.site import Site

DAY_NS = 24 * 3600 * NS_PER_S
WITHOUT_SHIFTS_H = 8
SPANS = ("shift", "previous", "day", "yesterday", "week")
LANE_PARTS = 1200
GROUPS = 12
STOPS_A_GROUP = 12
LOSSES = (Bucket.DOWN, Bucket.SETUP, Bucket.DELAY)
_LOOK_BACK_DAYS = 30


@dataclass(frozen=True, slots=True)
class Time:
    """The time that figures are of; ``shift`` is what it is one of, None where it is another time."""

    start_ns: int
    end_ns: int
    shift: ShiftSpan | None = None


def shifts_until(site: Site, t_ns: int, count: int) -> list[ShiftSpan]:
    """The shift that runs at a moment and those before it, newest first, ``count`` at most."""
    calendar = calendar_of(site)
    found: list[ShiftSpan] = []
    if calendar.shifts:
        days = 2
        while len(found) < count and days <= 2 * _LOOK_BACK_DAYS:
            found = [one for one in shift_spans(calendar, t_ns - days * DAY_NS, t_ns + 1) if one.start_ns <= t_ns]
            days *= 2
    return found[::-1][:count]


def time_of(site: Site, word: str, t_ns: int) -> Time:
    """The time that one of `SPANS` means at a moment; raises AskedWrongly for another word."""
    if word not in SPANS:
        raise AskedWrongly(400, f"{word[:20]!r} is no span", "span", "one of " + ", ".join(SPANS))
    if word in ("shift", "previous"):
        back = SPANS.index(word)
        spans = shifts_until(site, t_ns, back + 1)
        if len(spans) > back:
            return Time(spans[back].start_ns, min(spans[back].end_ns, t_ns), spans[back])
        block_ns = WITHOUT_SHIFTS_H * 3600 * NS_PER_S
        return Time(t_ns - (back + 1) * block_ns, t_ns - back * block_ns)
    zone = ZoneInfo(site.timezone)
    today = datetime.fromtimestamp(t_ns // NS_PER_S, zone).replace(hour=0, minute=0, second=0, microsecond=0)
    if word == "day":
        return Time(_ns(today), t_ns)
    if word == "yesterday":
        return Time(_ns(today - timedelta(days=1)), _ns(today))
    return Time(_ns(today - timedelta(days=6)), t_ns)


def back_of(site: Site, t_ns: int, back: int) -> Time | None:
    """The shift ``back`` shifts before the one that runs; of a site without shifts, the local day."""
    if site.shifts:
        spans = shifts_until(site, t_ns, back + 1)
        return Time(spans[back].start_ns, min(spans[back].end_ns, t_ns), spans[back]) if len(spans) > back else None
    zone = ZoneInfo(site.timezone)
    midnight = datetime.fromtimestamp(t_ns // NS_PER_S, zone).replace(hour=0, minute=0, second=0, microsecond=0)
    day = midnight - timedelta(days=back)
    return Time(_ns(day), min(_ns(day + timedelta(days=1)), t_ns))


def _ns(moment: datetime) -> int:
    return int(moment.timestamp()) * NS_PER_S


def scope_of(figures: Figures, asked: Asked, wanted: str) -> tuple[Site, Scope]:
    """The site and the scope of an id; raises AskedWrongly where nothing is known of it."""
    for site in figures.sites(asked):
        if wanted == site.id or wanted.startswith(site.id + "/"):
            found = next((one for one in figures.scopes(asked, site) if one.id == wanted), None)
            if found is not None:
                return site, found
            raise AskedWrongly(
                404, f"nothing counts parts at {wanted[:200]!r}", "scope", "a site, a line or an asset of it"
            )
    known = ", ".join(site.id for site in figures.sites(asked))
    raise AskedWrongly(404, f"there is no {wanted[:200]!r}", "scope", f"one of {known}, or a line or asset of it")


def time_json(site: Site, time: Time) -> dict[str, Any]:
    """A time as the browser is told of it."""
    name = None
    if time.shift is not None:
        found = next((one.name for one in site.shifts if one.id == time.shift.shift), None)
        name = None if found is None else {"ko": found.ko, "en": found.en}
    return {
        "from_ms": ms(time.start_ns),
        "to_ms": ms(time.end_ns),
        "ends_ms": ms(time.end_ns if time.shift is None else time.shift.end_ns),
        "shift": None if time.shift is None else time.shift.shift,
        "day": None if time.shift is None else time.shift.day,
        "name": name,
    }


def figures_json(figures: Figures, asked: Asked, site: Site, scope: Scope, time: Time) -> dict[str, Any]:
    """Every KPI of a scope over a time, its losses, its targets."""
    found = row(figures.sum(asked, site, scope, time.start_ns, time.end_ns), site, CONVENTIONS[0], time.shift)
    return {"time": time_json(site, time), "row": found}


def lanes_json(figures: Figures, asked: Asked, site: Site, scope: Scope, time: Time) -> dict[str, Any]:
    """What each asset of a scope did, drawn: parts of the time with their bucket."""
    lanes = []
    for asset in scope.assets:
        slices = figures.slices(asked, site, asset, time.start_ns, time.end_ns)
        total = figures.totals(asked, site, asset, time.start_ns, time.end_ns)
        known_ns = total.known_ns
        lanes.append(
            {
                "asset": asset,
                "availability": total.production_ns / known_ns if known_ns else None,
                "parts": drawn(slices, time.start_ns, time.end_ns),
            }
        )
    return {"time": time_json(site, time), "lanes": lanes}


def drawn(slices: Sequence[Slice], start_ns: int, end_ns: int, parts: int = LANE_PARTS) -> list[list[Any]]:
    """[from ms, to ms, bucket] in order: of each small part of the time what it mostly was; a failure is never lost."""
    wide_ns = max(1, -(-(end_ns - start_ns) // parts))
    found: list[list[Any]] = []
    for word, a, b in _mostly(slices, start_ns, end_ns, wide_ns):
        if found and found[-1][2] == word and found[-1][1] == ms(a):
            found[-1][1] = ms(b)
        else:
            found.append([ms(a), ms(b), word])
    return found


def _mostly(slices: Sequence[Slice], start_ns: int, end_ns: int, wide_ns: int) -> Iterable[tuple[str, int, int]]:
    """What each part of the time mostly was; parts that lie in one slice come as one."""
    place, a = 0, start_ns
    listed = [one for one in slices if one.end_ns > start_ns and one.start_ns < end_ns]
    while a < end_ns:
        while place < len(listed) and listed[place].end_ns <= a:
            place += 1
        if place == len(listed):
            return
        one = listed[place]
        if one.start_ns >= a + wide_ns:
            a += (one.start_ns - a) // wide_ns * wide_ns
            continue
        whole = (one.end_ns - a) // wide_ns if one.start_ns <= a else 0
        if one.end_ns >= end_ns and one.start_ns <= a:
            yield _word(one), a, end_ns
            return
        if whole:
            yield _word(one), a, a + whole * wide_ns
            a += whole * wide_ns
            continue
        b = min(a + wide_ns, end_ns)
        lengths: dict[str, int] = {}
        at = place
        while at < len(listed) and listed[at].start_ns < b:
            one = listed[at]
            weight = min(one.end_ns, b) - max(one.start_ns, a)
            lengths[_word(one)] = lengths.get(_word(one), 0) + weight * (1000 if one.failed else 1)
            at += 1
        yield max(lengths, key=lambda word: lengths[word]), a, b
        a = b


def _word(one: Slice) -> str:
    return "failed" if one.failed else one.bucket.value


def stops_json(  # noqa: PLR0913  what stops are told of
    figures: Figures, asked: Asked, site: Site, scope: Scope, time: Time, told: Sequence[Told]
) -> dict[str, Any]:
    """Stops by what they cost, the longest first; each group with its own longest stops, to be given a reason."""
    groups: dict[tuple[str, str, str, str], list[Slice]] = {}
    for asset in scope.assets:
        for one in stops_of(figures.slices(asked, site, asset, time.start_ns, time.end_ns), time):
            state = "" if one.reason else one.state.value
            bucket = "failed" if one.failed else one.bucket.value
            groups.setdefault((asset, bucket, state, one.reason), []).append(one)
    lengths = {key: sum(one.length_ns for one in listed) for key, listed in groups.items()}
    order = sorted(groups, key=lambda key: (-lengths[key], key))
    # What people told of is always there: to be seen, and to be corrected.
    shown = [key for place, key in enumerate(order) if place < GROUPS or key[3]]
    rest = [key for key in order[GROUPS:] if not key[3]]
    causes = catalogue(site.stop_reasons)
    return {
        "time": time_json(site, time),
        "total_s": sum(lengths.values()) / NS_PER_S,
        "count": sum(map(len, groups.values())),
        "groups": [_group(key, groups[key], lengths[key], causes, told) for key in shown],
        "others": {
            "s": sum(lengths[key] for key in rest) / NS_PER_S,
            "count": sum(len(groups[key]) for key in rest),
        },
    }


def stops_of(slices: Iterable[Slice], time: Time) -> list[Slice]:
    """The stops among slices: what lies side by side with the same bucket, state and reason is one; cut to the time."""
    found: list[Slice] = []
    for one in slices:
        if one.bucket not in LOSSES or one.end_ns <= time.start_ns or one.start_ns >= time.end_ns:
            continue
        start_ns, end_ns = max(one.start_ns, time.start_ns), min(one.end_ns, time.end_ns)
        last = found[-1] if found else None
        if last is not None and last.end_ns == start_ns and _same(last, one):
            start_ns = last.start_ns
            found.pop()
        found.append(type(one)(start_ns, end_ns, one.bucket, one.state, one.reason, one.failed, one.fails))
    return found


def _same(one: Slice, other: Slice) -> bool:
    return (one.bucket, one.state, one.reason) == (other.bucket, other.state, other.reason)


def _group(
    key: tuple[str, str, str, str],
    stops: list[Slice],
    length_ns: int,
    causes: Mapping[str, StopCause],
    told: Sequence[Told],
) -> dict[str, Any]:
    asset, bucket, state, code = key
    cause = causes.get(code)
    longest = sorted(stops, key=lambda one: -one.length_ns)[:STOPS_A_GROUP]
    return {
        "asset": asset,
        "bucket": bucket,
        "state": state,
        "code": code,
        "name": None if cause is None else {"ko": cause.name.ko, "en": cause.name.en},
        "s": length_ns / NS_PER_S,
        "count": len(stops),
        "stops": [_stop(asset, one, told) for one in longest],
    }


def _stop(asset: str, one: Slice, told: Sequence[Told]) -> dict[str, Any]:
    said = [each for each in told if each.asset == asset and each.start_ns < one.end_ns and each.end_ns > one.start_ns]
    last = max(said, key=lambda each: (each.given_ns, each.n), default=None) if one.reason else None
    return {
        "from_ms": ms(one.start_ns),
        "to_ms": ms(one.end_ns),
        "stop": None if last is None else last.stop,
        "note": "" if last is None else last.note,
        "who": "" if last is None else last.who,
        "given_ms": None if last is None else ms(last.given_ns),
    }


def reasons_json(site: Site) -> list[dict[str, Any]]:
    """The catalogue to choose from."""
    return [
        {"code": one.code, "name": {"ko": one.name.ko, "en": one.name.en}, "loss": one.loss.value}
        for one in catalogue(site.stop_reasons).values()
    ]
