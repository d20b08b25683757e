"""Where episodes begin and end: each way of cutting, and the most trusted one that finds any."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np

from twin.clock import NS_PER_S
from twin.episodes.episode import Cut, Method, Outcome
from twin.episodes.motion import moves
from twin.events import EventKind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from numpy.typing import NDArray

    from twin.episodes.rules import EpisodeRules
    from twin.episodes.story import Story, Track, Words

_RUNS = frozenset({"Execute", "Holding", "Held", "Unholding", "Suspending", "Suspended", "Unsuspending"})
"""In these a unit is at the work that it began in Execute (ISA-TR88.00.02, the state model)."""
_DONE = frozenset({"Completing", "Complete"})
_BROKEN = frozenset({"Aborting", "Aborted", "Stopping", "Stopped", "Clearing"})
_ENDED = frozenset({"FINISHED", "FAILED", ""})
FRAGMENT = 1 / 3
"""An episode shorter than this share of its asset's middle one is a fragment, where no shortest length is given."""


def cut(story: Story, rules: EpisodeRules) -> tuple[Method, list[Cut]]:
    """The episodes by the most trusted way that finds any, with those too short; see `sort_out`."""
    for method, way in _WAYS.items():
        found = way(story, rules) if rules.method in ("", method) else []
        if found:
            return method, found
    return Method.MOTION, []


def sort_out(cuts: list[Cut], rules: EpisodeRules) -> tuple[list[Cut], list[Cut], list[Cut]]:
    """(episodes, too short, too long): shorter than ``min_s``, or than a third of the middle one, is a fragment."""
    if not cuts:
        return [], [], []
    middle = float(np.median([one.duration_s for one in cuts]))
    least = middle * FRAGMENT if rules.min_s is None else rules.min_s
    short = [one for one in cuts if one.duration_s < least]
    long = [one for one in cuts if one.duration_s > rules.max_s]
    return [one for one in cuts if least <= one.duration_s <= rules.max_s], short, long


def by_packml(story: Story, rules: EpisodeRules) -> list[Cut]:
    """From each entry to Execute to Complete; Held and Suspended belong to it, an abort or a stop breaks it."""
    if not any(state in _DONE for _, state in story.states):
        return []
    found: list[Cut] = []
    began: int | None = None
    seen_begin = False
    ends = iter(story.gaps(rules.max_gap_s))
    gap = next(ends, None)
    for t_ns, state in story.states:
        while gap is not None and gap[1] <= t_ns:
            if began is not None and began <= gap[0]:
                found.append(Cut(began, gap[0] + 1, censored=True))
                began = None
            gap = next(ends, None)
        if began is None:
            began = t_ns if state == "Execute" else None
            seen_begin = t_ns != story.states[0][0]
        elif state in _DONE:
            found.append(Cut(began, t_ns, outcome=Outcome.SUCCESS, censored=not seen_begin))
            began = None
        elif state in _BROKEN:
            found.append(Cut(began, t_ns, outcome=Outcome.FAILURE, cause=state, censored=not seen_begin))
            began = None
        elif state not in _RUNS:  # left without Complete: what came of it was not told
            found.append(Cut(began, t_ns, censored=not seen_begin))
            began = None
    if began is not None and len(story.heard) and story.heard[-1] >= began:
        found.append(Cut(began, int(story.heard[-1]) + 1, censored=True))
    return found


def by_cycle(story: Story, rules: EpisodeRules) -> list[Cut]:
    """Contiguous runs of one cycle number, split at gaps."""
    track = story.cycle
    return [
        Cut(start, end, f"{track.values[at]:g}", censored=at == 0 or last == len(track))
        for at, last, start, end in _runs(track.t_ns, track.values, rules.max_gap_s)
    ]


def by_parts(story: Story, rules: EpisodeRules) -> list[Cut]:
    """From one counted part to the next: a good one is a success, scrap a failure; what is not counted is cut off."""
    edges = sorted(
        [*_edges(story.good, Outcome.SUCCESS, ""), *_edges(story.scrap, Outcome.FAILURE, "scrap")],
        key=lambda edge: edge[0],
    )
    gaps = np.array([after for _, after in story.gaps(rules.max_gap_s)], np.int64)
    found: list[Cut] = []
    for (before, _, _), (t_ns, outcome, cause) in itertools.pairwise(edges):
        if t_ns > before and not np.any((gaps > before) & (gaps <= t_ns)):
            found.append(Cut(before, t_ns, str(len(found) + 1), outcome, cause))
    return found


def by_program(story: Story, rules: EpisodeRules) -> list[Cut]:
    """Contiguous runs of one program name."""
    return _word_runs(story.programs, story, rules.max_gap_s)


def by_order(story: Story, rules: EpisodeRules) -> list[Cut]:
    """From the moment a robot works on an order until its last action ended (orderId stays after that)."""
    del rules
    found: list[Cut] = []
    order, began, actions = "", 0, dict[str, str]()
    last_ns = 0
    for event in story.events:
        if event.kind is EventKind.ACTION_CHANGED and order:
            actions[event.signal] = event.after
            last_ns = event.t_ns
            if all(status in _ENDED for status in actions.values()):
                found.append(_order_cut(order, began, event.t_ns, actions))
                order, actions = "", {}
        elif event.kind is EventKind.ORDER_CHANGED:
            name = event.after.partition("/")[0]
            if name == order:
                continue
            if order and last_ns > began:
                found.append(_order_cut(order, began, event.t_ns, actions))
            order, began, actions = name, event.t_ns, {}
    return [one for one in found if one.end_ns > one.start_ns + NS_PER_S]


def by_motion(story: Story, rules: EpisodeRules) -> list[Cut]:
    """Between two rests of at least ``dwell_s``: hysteresis finds the moves, a change point their edges."""
    return [Cut(start, end) for start, end in moves(story.speed, rules.dwell_s, rules.max_gap_s)]


_WAYS: dict[Method, Callable[[Story, EpisodeRules], list[Cut]]] = {
    Method.PACKML: by_packml,
    Method.CYCLE: by_cycle,
    Method.PARTS: by_parts,
    Method.PROGRAM: by_program,
    Method.ORDER: by_order,
    Method.MOTION: by_motion,
}


def _runs(
    t_ns: NDArray[np.int64], values: NDArray[np.float64], max_gap_s: float
) -> Iterator[tuple[int, int, int, int]]:
    """(first row, row behind the last, first time, last time + 1) of every run of one value without a gap."""
    if not len(t_ns):
        return
    breaks = (np.diff(values) != 0) | (np.diff(t_ns) > round(max_gap_s * NS_PER_S))
    edges = [0, *(np.flatnonzero(breaks) + 1).tolist(), len(t_ns)]
    for first, last in itertools.pairwise(edges):
        yield first, last, int(t_ns[first]), int(t_ns[last - 1]) + 1


def _edges(track: Track, outcome: Outcome, cause: str) -> Iterator[tuple[int, Outcome, str]]:
    for i in (np.flatnonzero(np.diff(track.values) > 0) + 1).tolist():
        yield int(track.t_ns[i]), outcome, cause


def _word_runs(words: Words, story: Story, max_gap_s: float) -> list[Cut]:
    found: list[Cut] = []
    ends = [t_ns for t_ns, _ in words[1:]]
    gaps = story.gaps(max_gap_s)
    last_ns = int(story.heard[-1]) + 1 if len(story.heard) else 0
    for i, (t_ns, word) in enumerate(words):
        end_ns = ends[i] if i < len(ends) else last_ns
        is_whole = 0 < i < len(words) - 1
        end_ns = min([end_ns, *(before + 1 for before, _ in gaps if t_ns <= before < end_ns)])
        if word and end_ns > t_ns:
            found.append(Cut(t_ns, end_ns, word, censored=not is_whole))
    return found if len(found) > 1 else []


def _order_cut(order: str, began: int, end_ns: int, actions: dict[str, str]) -> Cut:
    failed = next((action for action, status in actions.items() if status == "FAILED"), "")
    done = bool(actions) and all(status == "FINISHED" for status in actions.values())
    outcome = Outcome.FAILURE if failed else Outcome.SUCCESS if done else Outcome.UNKNOWN
    return Cut(began, end_ns, order, outcome, f"action {failed} failed" if failed else "")


def overlapping(spans: Iterable[tuple[int, int]], start_ns: int, end_ns: int) -> list[tuple[int, int]]:
    """The parts of some spans that lie in [start_ns, end_ns)."""
    cropped = [(max(first, start_ns), min(last, end_ns)) for first, last in spans]
    return [(first, last) for first, last in cropped if first < last]
