"""Quality of episodes and of sets of them: figures against stated thresholds, each with its reason. Pure.

`timing`, `values` and `motion` measure one episode, `assess` judges it, `dataset` judges a set. A finding is a
defect, a risk, a characteristic or not assessed; there is no score.
"""

from twin.quality.assess import assess
from twin.quality.dataset import Path, assess_set, path_of
from twin.quality.finding import AXES, Axis, Check, Finding, Verdict, by_axis, heaviest, summary_of, told_by, worst
from twin.quality.thresholds import Thresholds, thresholds_of

__all__ = [
    "AXES",
    "Axis",
    "Check",
    "Finding",
    "Path",
    "Thresholds",
    "Verdict",
    "assess",
    "assess_set",
    "by_axis",
    "heaviest",
    "path_of",
    "summary_of",
    "thresholds_of",
    "told_by",
    "worst",
]
