"""Anomaly models: windowed principal components (T² and Q), what each sensor adds, alarms, and how good they are. Pure.

A model is of one asset in one regime (production, say). It sees windows of the asset's signals on a regular
grid, knows how those varied while all was well, and says how far a new one lies from that.
"""

from twin.anomaly.alarming import Persistence, Spell, alarming
from twin.anomaly.measures import Judged, judge
from twin.anomaly.model import Limits, Model, Regime, Training, Watched
from twin.anomaly.pca import Pca, fit
from twin.anomaly.scorer import Scorer, Scores, Second
from twin.anomaly.windows import Window, features_of, windows_of

__all__ = [
    "Judged",
    "Limits",
    "Model",
    "Pca",
    "Persistence",
    "Regime",
    "Scorer",
    "Scores",
    "Second",
    "Spell",
    "Training",
    "Watched",
    "Window",
    "alarming",
    "features_of",
    "fit",
    "judge",
    "windows_of",
]
