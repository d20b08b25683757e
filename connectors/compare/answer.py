"""Two sides compared: aligned, signal by signal, event by event, figure by figure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from connectors.figures import Figures
from connectors.figures.answer import CONVENTIONS
from connectors.figures.answer import takt_ns as takt_ns_of
from twin.clock import NS_PER_S, iso_from_ns
from twin.compare import Comparison, aligned, difference_of, figure_differences, matched
from twin.compare.align import Way
from twin.compare.whole import ranked
from twin.errors import RecordingError
from twin.kpi import Of, kpis

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from connectors.compare.reading import Reading
    from twin.compare import Align, Alignment
    from twin.kpi import Kpi, StopReason
    from twin.site import Hub

TOLERANCE_S = 1.0
"""Two events of the same key are the same one where they lie no further apart."""


def compare(  # noqa: PLR0913  both sides, and how
    a: Reading,
    b: Reading,
    align: Align,
    hub: Hub,
    *,
    tolerance_s: float = TOLERANCE_S,
    reasons: Iterable[StopReason] = (),
    progress: Callable[[float], None] = lambda _: None,
) -> Comparison:
    """All that differs between two sides.

    ``hub`` says what figures are of, and ``reasons`` are what people told of stops; ``progress`` is told how much
    is done, 0…1. Raises RecordingError where a side is empty, or they cannot be aligned so.
    """
    for side, reading in (("A", a), ("B", b)):
        if not reading.signals:
            raise RecordingError(f"{side}: nothing is stored of {reading.choice.site!r} that is asked for")
        if not reading.frames_count():
            times = " to ".join(
                iso_from_ns(t_ns) for t_ns in (reading.choice.extent.start_ns, reading.choice.extent.end_ns)
            )
            raise RecordingError(f"{side}: nothing of {reading.choice.site!r} was measured from {times}")
    ours, theirs = a.happenings(), b.happenings()
    known = hub.site(a.choice.site)
    by_event = align.way is Way.EVENT
    alignment = aligned(
        align, a.choice.extent, b.choice.extent,
        (*ours, *a.begins()) if by_event else (), (*theirs, *b.begins()) if by_event else (),
        timezone=known.timezone if known else "UTC",
    )  # fmt: skip
    signals = []
    names = list(dict.fromkeys((*a.signals, *b.signals)))
    for done, name in enumerate(names):
        one, other = a.track(name), b.track(name)
        if one is not None or other is not None:
            signals.append(difference_of(one, other, alignment))
        progress((done + 1) / len(names))
    a.release()
    b.release()
    events = matched(
        ours, theirs,
        origins_ns=(alignment.a_origin_ns, alignment.b_origin_ns),
        within_ns=(alignment.start_ns, alignment.end_ns),
        tolerance_ns=round(tolerance_s * NS_PER_S),
    )  # fmt: skip
    told = tuple(reasons)
    figures = figure_differences(
        _figures(a, hub, alignment, alignment.a_origin_ns, told),
        _figures(b, hub, alignment, alignment.b_origin_ns, told),
        CONVENTIONS[0],
    )
    return Comparison(alignment, ranked(signals), events, figures)


def _figures(
    reading: Reading, hub: Hub, alignment: Alignment, origin_ns: int, reasons: tuple[StopReason, ...]
) -> dict[tuple[str, str], tuple[Kpi, ...]]:
    """The KPIs of one side's site, lines and assets over the common time, by (level, id)."""
    figures = Figures(hub)
    start_ns, end_ns = origin_ns + alignment.start_ns, origin_ns + alignment.end_ns
    asked = figures.look(reading.history, end_ns, reasons)
    found: dict[tuple[str, str], tuple[Kpi, ...]] = {}
    for site in figures.sites(asked):
        if site.id != reading.choice.site:
            continue
        for scope in figures.scopes(asked, site):
            if scope.of is Of.ASSET and not reading.is_asked(scope.id):
                continue
            if scope.of is not Of.ASSET and reading.is_narrow:
                continue
            one = figures.sum(asked, site, scope, start_ns, end_ns)
            outlet = None if scope.of is Of.ASSET else one.outlet
            made = kpis(one.total, outlet=outlet, outlets=max(1, len(scope.outlets)), takt_ns=takt_ns_of(site, scope))
            found[scope.of.value, reading.shown(scope.id)] = made
    return found
