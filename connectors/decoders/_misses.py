"""Which topics are read alone for good: those whose messages too often were not what they had been."""

from __future__ import annotations

MAX_NAMES = 20_000
_MAX_MISSES = 100


class Misses:
    """How often messages of a name did not fit what was learnt of them. Mutable: its owner counts."""

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}

    def allow(self, name: str) -> bool:
        """Whether messages of that name may still be learnt."""
        return self._counts.get(name, 0) < _MAX_MISSES

    def count(self, name: str) -> None:
        """Count one that did not fit."""
        if name in self._counts or len(self._counts) < MAX_NAMES:
            self._counts[name] = self._counts.get(name, 0) + 1
