"""Which labels people may put on an episode, and what is wrong with one that is none of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from twin.episodes.episode import Outcome, SegmentKind

if TYPE_CHECKING:
    from twin.episodes.episode import Episode, Label

WHOLE = ("outcome", "cause", "instruction_ko", "instruction_en")
"""Channels that speak of the whole episode: one label of a person each."""
PARTS = ("segment", "subtask", "anomaly")
"""Channels that speak of a part of it: as many as there are parts."""
MOST_LETTERS = 300
_WORDS = {"outcome": tuple(Outcome), "segment": tuple(SegmentKind)}


def problem_of(label: Label, episode: Episode) -> tuple[str, str]:
    """What is wrong with a label and what to do; two empty texts where nothing is."""
    if label.channel not in (*WHOLE, *PARTS):
        return f"there is no channel {label.channel[:60]!r}", f"one of {', '.join((*WHOLE, *PARTS))}"
    words = _WORDS.get(label.channel)
    if words and label.label not in words:
        return f"{label.label[:60]!r} is no {label.channel}", f"one of {', '.join(words)}"
    if not label.label.strip() or len(label.label) > MOST_LETTERS:
        return f"a label has 1 to {MOST_LETTERS} characters", "write another text"
    if not episode.from_ns <= label.from_ns < label.to_ns <= episode.to_ns:
        return "the part does not lie inside the episode", "give from and to inside it, from before to"
    return "", ""
