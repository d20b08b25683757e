"""KPIs of ISO 22400-2 from totals. Pure.

Each carries its inputs and its data coverage; it is None, with the reason, where it is not defined, and
never clamped: an effectiveness above 1 says that the planned run time per item (PRI) is wrong.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from twin.clock import NS_PER_S
from twin.kpi.counts import ENERGY_SCALE

if TYPE_CHECKING:
    from twin.kpi.totals import Totals

NO_PRI = "an asset has no planned run time per item"


@dataclass(frozen=True, slots=True)
class Kpi:
    """One figure. ``unit`` is a UCUM code; ``inputs`` are what it was made of, times in ns.

    ``convention`` says by which of several ways it was reckoned; ``why_none`` why there is no value.
    """

    name: str
    value: float | None
    unit: str
    inputs: tuple[tuple[str, int], ...]
    coverage: float | None
    convention: str = ""
    why_none: str = ""


@dataclass(frozen=True, slots=True)
class Losses:
    """The six big losses, in ns of known planned time: they and ``useful_ns`` add up to it exactly.

    ``speed_ns`` is what production time was longer than its parts' ideal time; below 0 where the PRI is
    wrong. OEE is useful_ns / planned_ns.
    """

    planned_ns: int
    breakdown_ns: int
    setup_ns: int
    waiting_ns: int
    """Idling and minor stops."""
    speed_ns: int
    startup_rejects_ns: int
    rejects_ns: int
    """Scrap and rework in steady production."""
    useful_ns: int


def losses(total: Totals) -> Losses | None:
    """Where the known planned time went; None where an asset has no PRI."""
    if total.without_ideal:
        return None
    rejects_ns = total.ideal_scrap_ns - total.ideal_startup_ns + total.ideal_rework_ns
    return Losses(
        total.known_ns,
        total.down_ns,
        total.setup_ns,
        total.delay_ns,
        total.production_ns - total.ideal_made_ns,
        total.ideal_startup_ns,
        rejects_ns,
        total.ideal_good_ns,
    )


def kpis(
    total: Totals,
    *,
    outlet: Totals | None = None,
    outlets: int = 1,
    demand: int | None = None,
    takt_ns: int | None = None,
) -> tuple[Kpi, ...]:
    """Every KPI of an asset, or of assets together (`combined`).

    ``outlet`` are the totals of where a line's or a site's parts come out: throughput, cycle time and
    energy per part are of those parts; without it the totals' own. ``outlets`` is how many assets those are:
    side by side they make so many times as much in the same time. ``demand`` is how many parts are wanted in
    the planned time, for the takt; ``takt_ns`` the takt itself, where it is given.
    """
    out = total if outlet is None else outlet
    return (
        *_oee(total),
        *_times(total),
        *_reliability(total),
        *_quality(total),
        *_flow(total, out, outlets),
        *_takt(out, outlets, demand, takt_ns),
    )


def _oee(total: Totals) -> tuple[Kpi, ...]:
    pbt, apt = ("PBT", total.known_ns), ("APT", total.production_ns)
    planned_made, planned_good = ("PRI*PQ", total.ideal_made_ns), ("PRI*GQ", total.ideal_good_ns)
    wrong = NO_PRI if total.without_ideal else ""
    busy_ns = total.production_ns + total.setup_ns
    # NEE = AUPT/PBT · PRI·PQ/APT · PRI·GQ/(PRI·PQ): PRI·PQ cancels.
    nee = _kpi(
        "net_equipment_effectiveness", busy_ns * total.ideal_good_ns, total.known_ns * total.production_ns, total,
        inputs=(("AUPT", busy_ns), pbt, apt, planned_good), why=wrong,
    )  # fmt: skip
    return (
        _of("availability", apt, pbt, total),
        _of("effectiveness", planned_made, apt, total, why=wrong),
        # Weighed by PRI, so that availability × effectiveness × quality is OEE for many assets too.
        _of("quality_ratio", ("GQ", total.good), ("PQ", total.made), total)
        if total.without_ideal
        else _kpi(
            "quality_ratio", total.ideal_good_ns, total.ideal_made_ns, total,
            inputs=(("GQ", total.good), ("PQ", total.made), planned_good, planned_made),
        ),
        _of("oee", planned_good, pbt, total, why=wrong),
        nee,
    )  # fmt: skip


def _times(total: Totals) -> tuple[Kpi, ...]:
    apt, aust = ("APT", total.production_ns), ("AUST", total.setup_ns)
    aupt = ("AUPT", total.production_ns + total.setup_ns)
    busy = ("AUBT", total.production_ns + total.setup_ns + total.delay_ns)
    return (
        _of("utilization_efficiency", apt, busy, total),
        _of("allocation_efficiency", busy, ("PBT", total.known_ns), total),
        _of("technical_efficiency", apt, ("APT+ADET", total.production_ns + total.delay_ns), total),
        _of("setup_ratio", aust, aupt, total),
    )


def _reliability(total: Totals) -> tuple[Kpi, ...]:
    """MTTF, MTTR and MTBF, each by FE + 1 as ISO 22400-2 writes it, and by FE as most tools have it.

    TTF is the time at work (APT + AUST), TTR the time down by a failure, TBF both.
    """
    work_ns, repair_ns, failures = total.production_ns + total.setup_ns, total.repair_ns, total.failures
    found: list[Kpi] = []
    for name, letters, length_ns in (
        ("mtbf", "TBF", work_ns + repair_ns), ("mttf", "TTF", work_ns), ("mttr", "TTR", repair_ns),
    ):  # fmt: skip
        for convention, count in (("FE+1", failures + 1), ("FE", failures)):
            inputs = ((f"sum {letters}", length_ns), (convention, count))
            why = "nothing is known of the planned time" if not total.known_ns else ""
            found.append(
                _kpi(name, length_ns, count * NS_PER_S, total, unit="s", inputs=inputs, convention=convention, why=why)
            )
    return tuple(found)


def _quality(total: Totals) -> tuple[Kpi, ...]:
    made = ("PQ", total.made)
    return (
        _of("scrap_ratio", ("SQ", total.scrap), made, total),
        _of("rework_ratio", ("RQ", total.rework), made, total),
        _of("first_pass_yield", ("GP", total.good), ("IP", total.made), total),
    )


def _takt(out: Totals, outlets: int, demand: int | None, takt_ns: int | None) -> tuple[Kpi, ...]:
    """How often a part is wanted, and how the cycle compares: by the takt that is given, else by the demand."""
    made, apt = ("PQ", out.made), ("APT", out.production_ns // outlets)
    if takt_ns is not None:
        given = ("takt", takt_ns)
        return (
            _kpi("takt_time", takt_ns, NS_PER_S, out, unit="s", inputs=(given,)),
            _kpi("cycle_to_takt", out.production_ns, out.made * takt_ns * outlets, out, inputs=(apt, made, given)),
        )
    wanted = ("demand", demand or 0)
    why = "neither takt nor demand is given" if demand is None else ""
    return (
        _kpi(
            "takt_time", out.planned_ns, (demand or 0) * NS_PER_S * outlets, out, unit="s",
            inputs=(("PBT", out.planned_ns // outlets), wanted), why=why,
        ),
        _kpi(
            "cycle_to_takt", out.production_ns * (demand or 0), out.made * out.planned_ns, out,
            inputs=(("APT", out.production_ns), made, ("PBT", out.planned_ns), wanted), why=why,
        ),
    )  # fmt: skip


def _flow(total: Totals, out: Totals, outlets: int) -> tuple[Kpi, ...]:
    made = ("PQ", out.made)
    hour_ns = 3600 * NS_PER_S
    why = "" if total.metered else "nothing is metered"
    return (
        _kpi(
            "throughput", out.made * hour_ns * outlets, out.known_ns, out, unit="/h",
            inputs=(made, ("AOET", out.known_ns // outlets)),
        ),
        _kpi(
            "cycle_time", out.production_ns, out.made * NS_PER_S * outlets, out, unit="s",
            inputs=(("APT", out.production_ns // outlets), made),
        ),
        # All the energy over all the parts, seen or not: meter and counters went on alike.
        _kpi(
            "energy_per_part", total.energy, (out.made + out.unseen_parts + out.unplanned_parts) * ENERGY_SCALE, out,
            unit="kW.h", inputs=(("energy/1000000", total.energy), made, ("unseen", out.unseen_parts),
            ("unplanned", out.unplanned_parts)), why=why,
        ),
    )  # fmt: skip


def _of(name: str, part: tuple[str, int], whole: tuple[str, int], total: Totals, *, why: str = "") -> Kpi:
    return _kpi(name, part[1], whole[1], total, inputs=(part, whole), why=why)


def _kpi(  # noqa: PLR0913  a figure has this many parts
    name: str,
    part: int,
    whole: int,
    total: Totals,
    *,
    inputs: tuple[tuple[str, int], ...],
    unit: str = "1",
    convention: str = "",
    why: str = "",
) -> Kpi:
    """A quotient of whole numbers, rounded once; None with the reason where there is none."""
    if not why and whole == 0:
        why = f"{inputs[-1][0] if len(inputs) == 2 else 'what is divided by'} is 0"  # noqa: PLR2004  part and whole
    value = None if why else part / whole
    return Kpi(name, value, unit, inputs, total.coverage, convention, why)
