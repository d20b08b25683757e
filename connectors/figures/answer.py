"""Figures in the words of `twin kpi` and ``/api/v1/kpi``: docs/reference/kpi.md is the contract."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any

from twin.clock import NS_PER_MS, NS_PER_S
from twin.flow import takt_of
from twin.kpi import Of, kpis, losses
from twin.shifts import calendar_of, shift_spans

if TYPE_CHECKING:
    from collections.abc import Iterable

    from connectors.figures.figures import Asked, Figures, Sum
    from twin.kpi import Kpi, Losses, Scope, Totals
    from twin.shifts import ShiftSpan
    from twin.site import Site

CONVENTIONS = ("FE+1", "FE")
"""MTBF, MTTF and MTTR are divided by failures + 1, as ISO 22400-2 writes it, or by failures, as most tools do."""
BY = ("all", "site", "line", "asset", "shift")


def answer(  # noqa: PLR0913  what can be asked
    figures: Figures,
    asked: Asked,
    start_ns: int,
    end_ns: int,
    *,
    site: str = "",
    line: str = "",
    asset: str = "",
    by: str = "all",
    convention: str = CONVENTIONS[0],
) -> dict[str, Any]:
    """Every figure of what is asked for over [start, end).

    ``by`` is one of `BY`: which rows; ``shift`` gives each site's or line's or asset's figures shift by shift.
    """
    rows: list[dict[str, Any]] = []
    for one in figures.sites(asked):
        if site and one.id != site:
            continue
        for scope in chosen(figures.scopes(asked, one), line, asset, by):
            for span in shift_spans(calendar_of(one), start_ns, end_ns) if by == "shift" else (None,):
                a, b = (start_ns, end_ns) if span is None else (max(span.start_ns, start_ns), min(span.end_ns, end_ns))
                rows.append(row(figures.sum(asked, one, scope, a, b), one, convention, span))
    return {
        "from_ms": ms(start_ns),
        "to_ms": ms(end_ns),
        "as_of_ms": ms(asked.now_ns),
        "convention": convention,
        "by": by,
        "rows": rows,
    }


def chosen(scopes: Iterable[Scope], line: str, asset: str, by: str) -> list[Scope]:
    """The scopes that are asked for: by their level, below a line, of an asset. Ids may leave out the site."""
    listed = list(scopes)
    if asset:
        return [one for one in listed if one.of is Of.ASSET and _is(one, asset)]
    if line:
        lines = [one for one in listed if one.of is Of.LINE and _is(one, line)]
        members = {asset for one in lines for asset in one.assets}
        listed = [*lines, *(one for one in listed if one.of is Of.ASSET and one.id in members)]
        if by == "shift":
            return lines
    elif by == "shift":
        return [one for one in listed if one.of is not Of.ASSET]
    return [one for one in listed if by in ("all", "shift", one.of)]


def _is(scope: Scope, wanted: str) -> bool:
    return wanted in (scope.id, scope.id.removeprefix(scope.site + "/"), scope.id.rpartition("/")[2])


def row(one: Sum, site: Site, convention: str, span: ShiftSpan | None = None) -> dict[str, Any]:
    """One scope's figures over one time."""
    scope = one.scope
    outlet = None if scope.of is Of.ASSET else one.outlet
    return {
        "level": scope.of.value,
        "site": scope.site,
        "line": _line(scope),
        "asset": scope.id if scope.of is Of.ASSET else None,
        "name": {"ko": scope.name.ko, "en": scope.name.en},
        "shift": None if span is None else span.shift,
        "day": None if span is None else span.day,
        "part": None,
        "from_ms": ms(one.start_ns),
        "to_ms": ms(one.end_ns),
        "assets": len(scope.assets),
        "coverage": one.total.coverage,
        "kpis": kpi_json(
            kpis(one.total, outlet=outlet, outlets=max(1, len(scope.outlets)), takt_ns=takt_ns(site, scope)),
            convention,
        ),
        "losses_s": losses_json(losses(one.total)),
        "totals": totals_json(one.total),
        "outlet": None if outlet is None else totals_json(outlet),
        "targets": dict(site.targets),
    }


def takt_ns(site: Site, scope: Scope) -> int | None:
    """How often a part is wanted of a line or a station; a site's lines have each their own."""
    if scope.of is Of.ASSET:
        takt_s = takt_of(site, scope.id)
    else:
        takt_s = next((one.takt_s for one in site.places if one.id == scope.id), None)
    return None if takt_s is None else round(takt_s * NS_PER_S)


def _line(scope: Scope) -> str | None:
    return {Of.SITE: None, Of.LINE: scope.id, Of.ASSET: scope.id.rpartition("/")[0]}[scope.of]


def kpi_json(listed: Iterable[Kpi], convention: str) -> dict[str, Any]:
    """KPIs by name. Of two conventions the chosen one is the value, and the other one is told beside it."""
    found: dict[str, Any] = {}
    for one in listed:
        if one.convention and one.convention != convention:
            found.setdefault(one.name, {})["other"] = {"convention": one.convention, "value": one.value}
            continue
        found.setdefault(one.name, {}).update(
            value=one.value,
            unit=one.unit,
            coverage=one.coverage,
            inputs={name: value / NS_PER_S if _is_time(name) else value for name, value in one.inputs},
            why_none=one.why_none or None,
        )
        if one.convention:
            found[one.name]["convention"] = one.convention
    return found


_COUNTED = ("PQ", "GQ", "SQ", "RQ", "GP", "IP", "FE", "FE+1", "demand", "unseen", "unplanned", "energy/1000000")


def _is_time(name: str) -> bool:
    """Whether an input is a time: told in seconds, the others are counts."""
    return name not in _COUNTED


def losses_json(found: Losses | None) -> dict[str, float] | None:
    """The losses in seconds, by their names without ``_ns``."""
    if found is None:
        return None
    return {one.name.removesuffix("_ns"): getattr(found, one.name) / NS_PER_S for one in fields(found)}


def totals_json(total: Totals) -> dict[str, float | int]:
    """The sums that figures are made of: times in seconds, counts, kW.h."""
    found: dict[str, float | int] = {}
    for one in fields(total):
        value = getattr(total, one.name)
        if one.name.endswith("_ns"):
            found[one.name.removesuffix("_ns") + "_s"] = value / NS_PER_S
        elif one.name == "energy":
            found["energy_kwh"] = value / 1_000_000
        else:
            found[one.name] = value
    return {"planned_s": total.planned_ns / NS_PER_S, "known_s": total.known_ns / NS_PER_S, "made": total.made} | found


def ms(t_ns: int) -> float:
    """Milliseconds since 1970."""
    return t_ns / NS_PER_MS
