"""Episodes: recorded production cut into attempts at a task, with what came of each. Pure.

`story` is what an asset told, `cut` finds where its episodes begin and end, `judge` says what happened in
them and what came of them, `resample` puts their signals onto one clock.
"""

from twin.episodes.episode import Cut, Episode, Label, Method, Outcome, Segment, SegmentKind
from twin.episodes.rules import EpisodeRules, Recipe

__all__ = ["Cut", "Episode", "EpisodeRules", "Label", "Method", "Outcome", "Recipe", "Segment", "SegmentKind"]
