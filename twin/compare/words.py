"""How long two tracks of words, or of flags, differ."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from twin.compare.values import values_at

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from twin.compare.side import Track


@dataclass(frozen=True, slots=True)
class WordDifference:
    """``unequal_ns`` of ``known_ns`` (in which both were known) they differed; first at ``first_ns``, None for never.

    ``n`` is how many changes were looked at; ``a`` and ``b`` are what they said at ``first_ns``.
    """

    n: int
    known_ns: int
    unequal_ns: int
    first_ns: int | None = None
    a: str = ""
    b: str = ""

    @property
    def unequal(self) -> float:
        """The share of time that they differed, 0…1."""
        return self.unequal_ns / self.known_ns


def word_difference(a: Track, b: Track, start_ns: int, end_ns: int) -> WordDifference | None:
    """Over [start, end) of the relative axis; None where they are never known at once."""
    t_ns = _edges(a, b, start_ns, end_ns)
    lasts = np.diff(t_ns, append=end_ns)
    codes = {word: code for code, word in enumerate(sorted({*_words(a), *_words(b)}))}
    one, other = (_coded(track, values_at(track, t_ns), codes) for track in (a, b))
    both = (one >= 0) & (other >= 0)
    known_ns = int(lasts[both].sum())
    if known_ns == 0:
        return None
    unequal = np.flatnonzero(both & (one != other))
    n = int(both.sum())
    if len(unequal) == 0:
        return WordDifference(n, known_ns, 0)
    said = {code: word for word, code in codes.items()}
    at = int(unequal[0])
    return WordDifference(
        n, known_ns, int(lasts[unequal].sum()), int(t_ns[at]), said[int(one[at])], said[int(other[at])]
    )


def _edges(a: Track, b: Track, start_ns: int, end_ns: int) -> NDArray[np.int64]:
    """Where either may change: at a sample, and where one has grown too old."""
    parts = [np.array([start_ns], np.int64)]
    for one in (a, b):
        parts.append(one.t_ns)
        if one.fresh_ns is not None:
            parts.append(one.t_ns + np.int64(one.fresh_ns + 1))
    found = np.unique(np.concatenate(parts))
    return found[(found >= start_ns) & (found < end_ns)]


def _words(track: Track) -> list[str]:
    if track.words:
        return list(track.words)
    return [_flag(value) for value in np.unique(track.values).tolist()]


def _flag(value: float) -> str:
    return f"{value:g}"


def _coded(track: Track, values: NDArray[np.float64], codes: dict[str, int]) -> NDArray[np.int64]:
    """The common code of each value; −1 where it is not known."""
    own = list(track.words) if track.words else None
    kinds, back = np.unique(values, return_inverse=True)
    table = [-1 if np.isnan(kind) else codes[_flag(kind) if own is None else own[int(kind)]] for kind in kinds.tolist()]
    return np.array(table, np.int64)[back] if len(kinds) else np.zeros(0, np.int64)
