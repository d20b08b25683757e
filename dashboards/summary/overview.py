"""Overview: what each site does, makes, draws, and how healthy its data are."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from dashboards.status import ms, source_stream
from dashboards.summary.directory import belongs, nodes_of
from dashboards.summary.production import Line, hourly, lines_of, made_per_h
from dashboards.summary.rates import ingest_told, lag_s, rate
from dashboards.view import HEARD_AGAIN_S, Deaths, is_lost, is_stale, number
from twin.clock import NS_PER_S
from twin.errors import UnitError
from twin.ids import place_of
from twin.packml import FAULTED, WAITING, WORKING, UnitState, state_named
from twin.sample import Role
from twin.units import conversion

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from dashboards.marks import Marks
    from dashboards.view import View
    from twin.sample import Latest
    from twin.site import Hub, Site

LOST = "lost"


def overview(view: View, hub: Hub, marks: Marks) -> dict[str, Any]:
    """The Overview's figures, a site each: see docs/reference/live-protocol.md."""
    return {"clock_ms": ms(view.clock_ns), "sites": [_site(view, site, marks) for site in hub.sites]}


def _site(view: View, site: Site, marks: Marks) -> dict[str, Any]:
    mine = [one for one in view.latest().values() if belongs(one.stream.asset, site.id)]
    by_asset: dict[str, list[Latest]] = {asset.id: [] for asset in site.assets}
    nodes = nodes_of((one.stream for one in mine), by_asset)
    for one in mine:
        if one.stream.asset not in nodes:
            by_asset.setdefault(one.stream.asset, []).append(one)
    deaths = Deaths(view.latest())
    states = {
        asset: LOST if deaths.died_ns(asset) is not None else asset_state(view, frames)
        for asset, frames in by_asset.items()
    }
    types = {asset.id: asset.type for asset in site.assets}
    lines = lines_of(site, view.streams().values(), {asset for asset, state in states.items() if state is not None})
    signals = [signal for line in lines for signal in (*line.good, *line.scrap)]
    made = made_per_h(view, marks, signals)
    good = [made[signal] for line in lines for signal in line.good]
    scrap = [made[signal] for line in lines for signal in line.scrap]
    sources = {one.stream.source for one in mine if one.stream.source}
    received_ns = max((view.clock_ns - round(view.age_s(one) * NS_PER_S) for one in mine), default=None)
    heard = received_ns is not None and view.clock_ns - received_ns <= HEARD_AGAIN_S * NS_PER_S
    told = view.is_live or any(ingest_told(view, source) for source in sources)
    periodic = [one for one in mine if one.stream.stale_after_s is not None]
    stale = sum(is_stale(view, one) or deaths.died_ns(one.stream.asset) is not None for one in periodic)
    return {
        "id": site.id,
        "states": dict(Counter(state for state in states.values() if state is not None)),
        "assets": len(by_asset),
        "by_type": _by_type(by_asset, types, states),
        "lines": [_line(line, states, made) for line in lines],
        "good_per_h": _total(good),
        "scrap_per_h": _total(scrap),
        "hourly": hourly(view, marks, [signal for line in lines for signal in line.good]),
        "power_w": _power_w(site, view.latest()),
        "frames_per_s": sum(rate(view, source_stream(source), "frames_total") for source in sources) if told else None,
        "lag_s": max((lag_s(view, source) for source in sources), default=0.0) if told else None,
        "stale_ratio": stale / len(periodic) if periodic else 0.0,
        "last_received_ms": None if received_ns is None else ms(received_ns),
        "connection": "ok" if heard else "silent" if mine else "none",
    }


def asset_state(view: View, frames: Iterable[Latest]) -> str | None:
    """An asset's PackML state, ``lost`` when it went silent, None where it tells none."""
    listed = list(frames)
    if is_lost(view, listed):
        return LOST
    for one in listed:
        for column, text in zip(one.stream.text_columns, one.texts, strict=False):
            if column.role is Role.STATE and text is not None:
                return text
    return None


def _by_type(
    by_asset: Mapping[str, list[Latest]], types: Mapping[str, str], states: Mapping[str, str | None]
) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for asset, frames in by_asset.items():
        row = found.setdefault(
            types.get(asset, ""), {"total": 0, "working": 0, "waiting": 0, "faulted": 0, LOST: 0}
        )  # fmt: skip
        row["total"] += 1
        state = states[asset]
        named = state_named(state or "")
        if state == LOST or not frames:
            row[LOST] += 1
        elif named in FAULTED:
            row["faulted"] += 1
        elif named in WAITING:
            row["waiting"] += 1
        elif named in WORKING or state is None:
            row["working"] += 1
    return found


def _line(line: Line, states: Mapping[str, str | None], made: Mapping[tuple[str, str], float | None]) -> dict[str, Any]:
    return {
        "place": line.place.id,
        "name": {"ko": line.place.name.ko, "en": line.place.name.en},
        "good_per_h": _total([made[signal] for signal in line.good]),
        "scrap_per_h": _total([made[signal] for signal in line.scrap]),
        "state": line_state([state for asset, state in states.items() if asset in line.assets and state is not None]),
    }


def line_state(states: list[str]) -> str | None:
    """A fault anywhere is the line's; else it runs if anything runs; else what most of it does."""
    for state in states:
        if state_named(state) in FAULTED:
            return state
    if any(state_named(state) in WORKING for state in states):
        return UnitState.EXECUTE.value
    return Counter(states).most_common(1)[0][0] if states else None


def _total(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None


def _power_w(site: Site, latest: Mapping[str, Latest]) -> float | None:
    """What the site draws: its incoming meters where it has some, else all its meters.

    A meter directly below the site is an incoming one; those further down are behind it.
    """
    meters: dict[str, float] = {}
    for asset in site.assets:
        if asset.type != "energy_meter":
            continue
        for one in latest.values():
            watts = _watts(one) if one.stream.asset == asset.id else None
            if watts is not None:
                meters[asset.id] = watts
    incoming = [watts for asset, watts in meters.items() if place_of(asset) == site.id]
    return sum(incoming or meters.values()) if meters else None


def _watts(latest: Latest) -> float | None:
    for column in latest.stream.columns:
        if column.role is Role.POWER:
            value = number(latest, column.name)
            try:
                factor, offset = conversion(column.unit, "W")
            except UnitError:
                return None
            return None if value is None else value * factor + offset
    return None
