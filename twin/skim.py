"""Many batches at once: what the state after the last of them needs, without a fold of each.

A mirror that is asked for an instant of the past has up to a minute of batches before it. Of most of their frames
nothing is left in the state: it holds each stream's newest frame, and when each asset was heard last. `leap` goes
there at once where it is certain that the fold would come to the same, and says so where it is not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from twin.mirror import Mirror, Presence, lost_after_ns

if TYPE_CHECKING:
    from twin.sample import Latest


@dataclass(frozen=True, slots=True)
class Skimmed:
    """What some batches hold of one stream: its newest frame in live order, and the highest receive time."""

    newest: Latest
    heard_ns: int


@dataclass(frozen=True, slots=True)
class Skim:
    """What batches ``first_n`` and following hold: the tick of each, and every stream that is in them.

    Made only where all of their frames are at hand, none is dated ahead (`Quality.CLOCK_AHEAD`), and none says
    that an asset is gone or that a source is not listened to: those are told in the order in which they came.
    """

    first_n: int
    ticks: tuple[int, ...]
    streams: tuple[Skimmed, ...]


def leap(mirror: Mirror, skim: Skim) -> bool:
    """Bring a mirror behind those batches; False, and the mirror as it was, where only a fold can tell the state.

    So it is where an asset may have been lost meanwhile: that is looked for batch by batch.
    """
    ticks = skim.ticks
    if (
        not ticks
        or skim.first_n != mirror.n + 1
        or any(a > b for a, b in zip((mirror.tick_ns, *ticks), ticks, strict=False))
    ):
        return False
    heard: dict[str, tuple[int, int, int]] = {}
    for one in skim.streams:
        after_ns = lost_after_ns(one.newest.stream)
        last_ns, least_ns, most_ns = heard.get(one.newest.stream.asset, (one.heard_ns, after_ns, after_ns))
        heard[one.newest.stream.asset] = (
            max(last_ns, one.heard_ns),
            min(least_ns, after_ns),
            max(most_ns, after_ns),
        )
    presence: dict[str, Presence] = {}
    for asset, (heard_ns, least_ns, most_ns) in heard.items():
        old = mirror.presence.get(asset)
        if old is not None and (
            old.lost_after_ns != max(most_ns, old.lost_after_ns) or (old.lost and heard_ns <= old.heard_ns)
        ):
            return False
        if old is None and least_ns != most_ns:
            return False
        after_ns = most_ns if old is None else old.lost_after_ns
        presence[asset] = Presence(
            heard_ns if old is None else max(heard_ns, old.heard_ns), lost=False, lost_after_ns=after_ns
        )
    if any(
        one.lost_after_ns > 0 and not one.lost and ticks[-1] - one.heard_ns > one.lost_after_ns
        for one in (mirror.presence | presence).values()
    ):
        return False
    mirror.go_on(skim.first_n, ticks, (one.newest for one in skim.streams), presence)
    return True
