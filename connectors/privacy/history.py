"""A store's history as a dataset tells it: what exporters read, with times shifted and names taken out."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from connectors.privacy.asked import names_parts, names_people, numbered

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from connectors.exporters.plan import Readable
    from connectors.privacy.cloak import Cloak
    from twin.episodes import Episode
    from twin.ports import Keyframe
    from twin.sample import Frames, Signal, Stream


MOST_SAID = 100_000
"""So many different texts are remembered."""


class CloakedHistory:
    """Reads of a history through a cloak: they are asked for, and answered, in the times that are told outside.

    Mutable: remembers what it said.
    """

    def __init__(self, history: Readable, cloak: Cloak, streams: Iterable[Stream]) -> None:
        self._history = history
        self._cloak = cloak
        self._said: dict[tuple[str, str], str] = {}
        self._signals = {one.id: {signal.name: signal for signal in one.text_columns} for one in streams}

    def frames(self, stream: str, start_ns: int, end_ns: int, limit: int | None = None) -> Frames:
        """The frames of a stream by device time."""
        by = self._cloak.shift_ns
        found = self._history.frames(stream, start_ns - by, end_ns - by, limit)
        gone = numbered((found.stream,), self._cloak.asked)
        values = found.values
        if gone:
            values = values.copy()
            values[:, [i for i, one in enumerate(found.stream.columns) if one.name in gone]] = np.nan
        signals = found.stream.text_columns
        texts = tuple(
            tuple(None if text is None else self._say(signal, text) for signal, text in zip(signals, row, strict=True))
            for row in found.texts
        )
        return replace(found, t_ns=found.t_ns + by, received_ns=found.received_ns + by, values=values, texts=texts)

    def _say(self, signal: Signal, text: str) -> str:
        """What a signal says; words repeat, and a search through all names takes longer than looking it up."""
        key = signal.name, text
        if key not in self._said:
            if len(self._said) >= MOST_SAID:
                self._said.clear()
            self._said[key] = self._cloak.told(signal, text)
        return self._said[key]

    def text_changes(self, stream: str, signal: str, start_ns: int, end_ns: int) -> list[tuple[int, str]]:
        """(t_ns, text) where a text signal changed."""
        by = self._cloak.shift_ns
        known = self._signals[stream][signal]
        found = self._history.text_changes(stream, signal, start_ns - by, end_ns - by)
        return [(t_ns + by, self._say(known, text)) for t_ns, text in found]

    def writers(self) -> tuple[str, ...]:
        """Who writes the store."""
        return self._history.writers()

    def last_keyframe(self, writer: str, *, full: bool = False, until_n: int | None = None) -> Keyframe | None:
        """The store's own: it names nobody, and says where the hub finds the data again."""
        return self._history.last_keyframe(writer, full=full, until_n=until_n)


def named_in(
    history: Readable, streams: Sequence[Stream], episodes: Sequence[Episode], cloak: Cloak
) -> tuple[frozenset[str], frozenset[str]]:
    """(people, parts) that text signals name in some episodes: they are looked for in every other text."""
    people: set[str] = set()
    parts: set[str] = set()
    for stream in streams:
        for signal in stream.text_columns:
            into = (
                people
                if cloak.asked.people and names_people(signal)
                else parts
                if cloak.asked.parts and names_parts(signal, cloak.asked)
                else None
            )
            if into is None:
                continue
            for one in episodes:
                changes = history.text_changes(stream.id, signal.name, one.start_ns, one.end_ns)
                into.update(text for _, text in changes if text)
    return frozenset(people), frozenset(parts)
