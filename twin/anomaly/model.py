"""What a model is besides its numbers: of which signals, in which regime, with which limits, from what it was made.

Frozen: everything here goes into its file, nothing of when or by whom (the desk keeps that), so that the
same recordings give the same bytes.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from twin.anomaly.alarming import Persistence
from twin.anomaly.windows import Window
from twin.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

FORMAT = 1


@dataclass(frozen=True, slots=True)
class Watched:
    """One signal that a model sees: a column of a stream. A value holds ``hold_ns`` after it was told."""

    stream: str
    signal: str
    unit: str
    hold_ns: int


@dataclass(frozen=True, slots=True)
class Regime:
    """When a model holds: all the window in one of these states, and one of these modes; () is any.

    ``state_by`` and ``mode_by`` are (stream, signal) of the texts that tell them; () where nothing is asked.
    """

    states: tuple[str, ...] = ()
    modes: tuple[str, ...] = ()
    state_by: tuple[str, ...] = ()
    mode_by: tuple[str, ...] = ()

    def meets(self, other: Regime) -> bool:
        """Whether there may be a moment that is of both."""
        return all(
            not mine or not theirs or set(mine) & set(theirs)
            for mine, theirs in ((self.states, other.states), (self.modes, other.modes))
        )

    def told(self) -> str:
        """In words."""
        return " / ".join([", ".join(self.states) or "any state", *([", ".join(self.modes)] if self.modes else [])])


@dataclass(frozen=True, slots=True)
class Limits:
    """Of T², Q and the second opinion: what a share ``budget`` of good windows, held out, exceeds.

    ``usual`` is the median of the second opinion there: its ratio counts from it. The ``_theory`` limits
    are told for comparison.
    """

    budget: float
    t2: float
    q: float
    t2_theory: float
    q_theory: float
    second: float | None = None
    usual: float | None = None

    def second_ratios(self, strange: NDArray[np.float64]) -> NDArray[np.float64]:
        """The second opinion (n,) on the scale of the others: 0 is usual, 1 the limit; NaN where there is none."""
        if self.second is None or self.usual is None:
            return np.full(len(strange), np.nan)
        found: NDArray[np.float64] = np.maximum(strange - self.usual, 0.0) / max(self.second - self.usual, 1e-9)
        return found


@dataclass(frozen=True, slots=True)
class Training:
    """What it was made from. ``spans`` are [start, end) in ns; ``sha256`` is of the rows that were read.

    ``left_out`` are seconds that were not used, by why; ``unseen`` signals that were not, by why; ``batches``
    are the newest batch of each writer at the end of it, with its checksum; ``seed`` is of the forest.
    """

    spans: tuple[tuple[int, int], ...]
    fitted: int
    held_out: int
    left_out: Mapping[str, float]
    unseen: Mapping[str, str]
    sha256: str
    batches: Mapping[str, tuple[int, str]]
    seed: int
    versions: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Model:
    """One version of a model, as its ``model.json`` tells it; ``files`` are SHA-256 by file name."""

    name: str
    asset: str
    regime: Regime
    window: Window
    watched: tuple[Watched, ...]
    components: int
    explained: float
    limits: Limits
    persistence: Persistence
    training: Training
    files: Mapping[str, str] = field(default_factory=dict)

    @property
    def signals(self) -> tuple[str, ...]:
        """Names of what it sees, in order."""
        return tuple(one.signal for one in self.watched)

    def told(self) -> dict[str, Any]:
        """As its file holds it."""
        return {"format": FORMAT, **asdict(self)}


def model_of(told: Mapping[str, Any]) -> Model:
    """Take back what `Model.told` gave; raises ModelError where it is something else."""
    if told.get("format") != FORMAT:
        raise ModelError(f"a model's file of format {told.get('format')!r}", f"this program reads format {FORMAT}")
    try:
        training = told["training"]
        return Model(
            told["name"],
            told["asset"],
            Regime(**{name: tuple(texts) for name, texts in told["regime"].items()}),
            Window(**told["window"]),
            tuple(Watched(**one) for one in told["watched"]),
            told["components"],
            told["explained"],
            Limits(**told["limits"]),
            Persistence(**told["persistence"]),
            Training(
                **{
                    **training,
                    "spans": tuple((start, end) for start, end in training["spans"]),
                    "batches": {name: (n, checksum) for name, (n, checksum) in training["batches"].items()},
                }
            ),
            told["files"],
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ModelError(f"a model's file that does not fit: {error!r}", "train it anew") from error
