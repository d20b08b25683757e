"""Which events both sides have, and which only one."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from twin.compare.side import Happening
from twin.events import EventKind

if TYPE_CHECKING:
    from collections.abc import Iterable

    from twin.alarms import AlarmEvent
    from twin.events import Event

_BY_SIGNAL = (EventKind.ERROR_RAISED, EventKind.ERROR_CLEARED)


def happening_of(event: Event | AlarmEvent) -> Happening:
    """An event as it is compared. What is new with each run is left out: numbers of orders and of actions."""
    kind = event.kind
    if not isinstance(kind, EventKind):
        return Happening(event.t_ns, kind.value, event.asset, event.rule)  # type: ignore[union-attr]
    text = event.after  # type: ignore[union-attr]
    if kind is EventKind.ORDER_CHANGED:
        text = ""
    elif kind in _BY_SIGNAL:
        text = event.signal
    return Happening(event.t_ns, kind.value, event.asset, text)


@dataclass(frozen=True, slots=True)
class Matching:
    """Events on the relative axis: pairs that are the same, and those that only one side has; in order of time."""

    both: tuple[tuple[Happening, Happening], ...]
    only_a: tuple[Happening, ...]
    only_b: tuple[Happening, ...]


def matched(
    a: Iterable[Happening],
    b: Iterable[Happening],
    *,
    origins_ns: tuple[int, int] = (0, 0),
    within_ns: tuple[int, int] | None = None,
    tolerance_ns: int,
) -> Matching:
    """Pair events of the same key that lie no further apart than the tolerance, as many as can be.

    ``origins_ns`` are zero of the relative axis in each side's own time. Of ``within_ns`` [start, end) on that
    axis events are told; one of just outside still pairs with one inside.
    """
    ours, theirs = (
        _by_key(side, origin_ns, within_ns, tolerance_ns) for side, origin_ns in zip((a, b), origins_ns, strict=True)
    )
    both: list[tuple[Happening, Happening]] = []
    only_a: list[Happening] = []
    only_b: list[Happening] = []
    for key in sorted(ours.keys() | theirs.keys()):
        _pair(sorted(ours.get(key, [])), sorted(theirs.get(key, [])), tolerance_ns, both, only_a, only_b)

    def inside(one: Happening) -> bool:
        return within_ns is None or within_ns[0] <= one.t_ns < within_ns[1]

    return Matching(
        tuple(sorted(pair for pair in both if inside(pair[0]) or inside(pair[1]))),
        tuple(sorted(one for one in only_a if inside(one))),
        tuple(sorted(one for one in only_b if inside(one))),
    )


def _by_key(
    side: Iterable[Happening], origin_ns: int, within_ns: tuple[int, int] | None, tolerance_ns: int
) -> dict[tuple[str, str, str], list[Happening]]:
    found: defaultdict[tuple[str, str, str], list[Happening]] = defaultdict(list)
    for one in side:
        moved = replace(one, t_ns=one.t_ns - origin_ns)
        if within_ns is None or within_ns[0] - tolerance_ns <= moved.t_ns < within_ns[1] + tolerance_ns:
            found[moved.key].append(moved)
    return found


def _pair(  # noqa: PLR0913  three lists are filled
    ours: list[Happening],
    theirs: list[Happening],
    tolerance_ns: int,
    both: list[tuple[Happening, Happening]],
    only_a: list[Happening],
    only_b: list[Happening],
) -> None:
    """The earliest of either is paired or left alone: no other way pairs more of them."""
    i = j = 0
    while i < len(ours) and j < len(theirs):
        apart_ns = ours[i].t_ns - theirs[j].t_ns
        if abs(apart_ns) <= tolerance_ns:
            both.append((ours[i], theirs[j]))
            i, j = i + 1, j + 1
        elif apart_ns < 0:
            only_a.append(ours[i])
            i += 1
        else:
            only_b.append(theirs[j])
            j += 1
    only_a += ours[i:]
    only_b += theirs[j:]
