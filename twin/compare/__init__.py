"""Two recordings side by side: what is different in numbers, in words, in events and in figures. Pure.

Read it as a comparison comes about: ``side`` is what one recording holds, ``align`` lays both onto one relative
axis, ``values`` says what a track is at any moment of it, ``numbers`` how far two tracks of numbers differ, ``lag``
by how much one comes later, ``words`` how long two tracks of words differ, ``happenings`` which events only one
side has, ``figures`` how KPIs differ. ``whole`` does all of it, ``telling`` says it as `twin compare --json` does.

Every relation is mirrored when the sides are exchanged: differences and lags change their sign, ``only_a`` and
``only_b`` their place, and nothing else.
"""

from twin.compare.align import Align, Alignment, aligned
from twin.compare.figures import FigureDifference, figure_differences
from twin.compare.happenings import Matching, happening_of, matched
from twin.compare.side import Extent, Happening, Track
from twin.compare.telling import told
from twin.compare.whole import Comparison, SignalDifference, difference_of

__all__ = [
    "Align", "Alignment", "Comparison", "Extent", "FigureDifference", "Happening", "Matching", "SignalDifference",
    "Track", "aligned", "difference_of", "figure_differences", "happening_of", "matched", "told",
]  # fmt: skip
