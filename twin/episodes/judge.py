"""Cuts to episodes: what interrupted them, what came of them, and what the task was."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from twin.clock import NS_PER_S
from twin.episodes.cut import overlapping
from twin.episodes.episode import Cut, Episode, Method, Outcome, Segment, SegmentKind, episode_id
from twin.episodes.story import word_at

if TYPE_CHECKING:
    from collections.abc import Sequence

    from twin.episodes.rules import EpisodeRules
    from twin.episodes.story import Story, Words
    from twin.site import Name

_PAUSED = frozenset({"Holding", "Held", "Unholding", "Suspending", "Suspended", "Unsuspending"})
_ABORTED = frozenset({"Aborting", "Aborted", "Clearing", "Stopping", "Stopped"})
_AUTOMATIC = frozenset({"", "production", "automatic", "auto", "semiautomatic", "remote"})
"""Modes in which nobody leads the asset by hand (PackML Production; VDA 5050 AUTOMATIC, SEMIAUTOMATIC)."""


def judge(  # noqa: PLR0913  what an asset told, and how to take it
    story: Story, method: Method, cuts: Sequence[Cut], rules: EpisodeRules, task: Name, source: str = "real"
) -> list[Episode]:
    """The episodes of an asset's cuts, in order of time; ``task`` is the instruction where no recipe says one."""
    found: list[Episode] = []
    spans = [
        *((SegmentKind.PAUSED, span) for span in _spans(story.states, story, _PAUSED)),
        *((SegmentKind.ABORTED, span) for span in _spans(story.states, story, _ABORTED)),
        *((SegmentKind.INTERVENED, span) for span in _led(story)),
    ]
    for i, one in enumerate(cuts):
        before = cuts[i - 1].end_ns if i else one.start_ns - round(rules.pre_s * NS_PER_S)
        after = cuts[i + 1].start_ns if i + 1 < len(cuts) else one.end_ns + round(rules.post_s * NS_PER_S)
        segments = tuple(
            Segment(kind, *part) for kind, span in spans for part in overlapping([span], one.start_ns, one.end_ns)
        )
        outcome, cause = outcome_of(story, method, one)
        program = word_at(story.programs, one.start_ns)
        told = rules.instruction(program, one.key) or task
        found.append(
            Episode(
                episode_id(story.asset, one.start_ns), story.asset, one.start_ns, one.end_ns,
                max(one.start_ns - round(rules.pre_s * NS_PER_S), before),
                min(one.end_ns + round(rules.post_s * NS_PER_S), max(after, one.end_ns)),
                method, one.key, program, outcome, cause, one.censored,
                tuple(sorted(segments, key=lambda segment: (segment.start_ns, segment.kind))), told.ko, told.en, source,
            )
        )  # fmt: skip
    return found


def outcome_of(story: Story, method: Method, one: Cut) -> tuple[Outcome, str]:
    """What came of a cut, by rule: what the cut tells, then the flags that tell of failure, then an abort."""
    if one.outcome is Outcome.FAILURE:
        return one.outcome, one.cause
    raised = [name for name, track in story.faults.items() if np.any(track.between(one.start_ns, one.end_ns) > 0)]
    if raised:
        return Outcome.FAILURE, ", ".join(sorted(raised))
    if _spans_touch(_spans(story.states, story, _ABORTED), one):
        return Outcome.FAILURE, "aborted"
    if one.outcome is Outcome.UNKNOWN and method is Method.CYCLE and story.faults:
        return Outcome.SUCCESS, ""
    return one.outcome, one.cause


def _spans_touch(spans: list[tuple[int, int]], one: Cut) -> bool:
    return bool(overlapping(spans, one.start_ns, one.end_ns))


def _spans(words: Words, story: Story, wanted: frozenset[str]) -> list[tuple[int, int]]:
    last_ns = int(story.heard[-1]) + 1 if len(story.heard) else 0
    ends = [*(t_ns for t_ns, _ in words[1:]), last_ns]
    return [(t_ns, end) for (t_ns, word), end in zip(words, ends, strict=False) if word in wanted and end > t_ns]


def _led(story: Story) -> list[tuple[int, int]]:
    """When a person led it: in a mode that is not automatic."""
    by_hand = frozenset(word for _, word in story.modes if word.lower() not in _AUTOMATIC)
    return _spans(story.modes, story, by_hand)
