"""The process that scores: each second what was stored since, by the models that are active, out to the broker."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import msgspec

from connectors.follow import follow
from connectors.models.book import Book
from connectors.models.extra import INSTALL, is_there
from connectors.models.files import Shelf, folder_of
from connectors.models.live import Scoring
from twin.computed import SCORES
from twin.errors import ModelError

if TYPE_CHECKING:
    import threading
    from collections.abc import Iterator

    from connectors.desk import Desk
    from twin.config import Factory
    from twin.ports import History

log = logging.getLogger(__name__)
_encode = msgspec.json.Encoder().encode


class Scorers:
    """Every active model of a store, as `connectors.follow` follows it. Mutable; one thread looks."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf
        self._scoring: dict[tuple[str, int], Scoring] = {}
        self._refused: dict[tuple[str, int], str] = {}

    def take_up(self, history: History, desk: Desk, now_ns: int) -> None:
        """Take up what was activated, let go of what was retired. Raises StoreError."""
        del history, now_ns
        active = {(one.standing.name, one.standing.version): one for one in Book(self._shelf, desk).active()}
        for key in [key for key in self._scoring if key not in active]:
            del self._scoring[key]
        for key, entry in active.items():
            if key in self._scoring:
                continue
            try:
                model, version, shelf = entry.kept, entry.standing.version, self._shelf
                self._scoring[key] = Scoring(model, version, shelf.scorer(model, version), shelf.forest(model, version))
                self._refused.pop(key, None)
            except ModelError as error:
                if self._refused.get(key) != str(error):
                    log.warning("%s %d scores nothing: %s", *key, error)
                self._refused[key] = str(error)

    def look(self, history: History, now_ns: int) -> Iterator[tuple[str, bytes]]:
        """(topic, payload) of each score since the last look. Raises StoreError."""
        for scoring in self._scoring.values():
            for one in scoring.look(history, now_ns):
                yield scoring.topic, _encode(one)


def run_scores(factory: Factory, stop: threading.Event) -> int:
    """Score until ``stop`` is set; one process of a store at a time. Returns the scores published."""
    if not is_there("onnxruntime"):
        log.error("models cannot score without onnxruntime: %s", INSTALL)
        stop.wait()
        return 0
    return follow(factory, SCORES, Scorers(Shelf(folder_of(factory.store.url, factory.models.folder))), stop)
