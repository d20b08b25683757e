"""The process that scores: each second what was stored since, by the models that are active, out to the broker.

It is a device among devices: scores come in by the door of all others, are stored before they are
acknowledged, folded, alarmed of and replayed as any signal is; ingest never waits for it.
"""

from __future__ import annotations

import logging
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING

import msgspec

from connectors.broker import url_of
from connectors.desk import Desk
from connectors.factory_file import read_secret
from connectors.models.book import Book
from connectors.models.extra import INSTALL, is_there
from connectors.models.files import Shelf, folder_of
from connectors.models.live import Scoring
from connectors.publish import Publisher
from connectors.stores.lock import writer_lock
from connectors.stores.sql import open_history
from connectors.wall_clock import WallClock
from twin.clock import NS_PER_S
from twin.errors import ModelError, StoreError, StoreUnavailable

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable

    from twin.clock import Clock
    from twin.config import Factory
    from twin.ports import History

log = logging.getLogger(__name__)
LOOK_S = 1.0
LIST_EVERY_NS = 3 * NS_PER_S
"""How often the desk is asked which models are active."""


class Scorers:
    """Every active model of a store. Mutable; one thread looks. ``send`` publishes (topic, payload)."""

    def __init__(self, book: Book, history: History, send: Callable[[str, bytes], None], clock: Clock) -> None:
        self._book = book
        self._history = history
        self._send = send
        self._clock = clock
        self._listed_ns = -LIST_EVERY_NS
        self._scoring: dict[tuple[str, int], Scoring] = {}
        self._refused: dict[tuple[str, int], str] = {}
        self._encode = msgspec.json.Encoder().encode

    def look(self) -> int:
        """Score what came since the last look, and publish it; returns how many scores. Raises StoreError."""
        now_ns = self._clock.now_ns()
        if not 0 <= now_ns - self._listed_ns < LIST_EVERY_NS:
            self._listed_ns = now_ns
            self._list()
        said = 0
        for scoring in self._scoring.values():
            for one in scoring.look(self._history, now_ns):
                self._send(scoring.topic, self._encode(one))
                said += 1
        return said

    def _list(self) -> None:
        """Take up what was activated, let go of what was retired."""
        active = {(one.standing.name, one.standing.version): one for one in self._book.active()}
        for key in [key for key in self._scoring if key not in active]:
            del self._scoring[key]
        for key, entry in active.items():
            if key in self._scoring:
                continue
            try:
                model, version = entry.kept, entry.standing.version
                shelf = self._book.shelf
                self._scoring[key] = Scoring(model, version, shelf.scorer(model, version), shelf.forest(model, version))
                self._refused.pop(key, None)
            except ModelError as error:
                if self._refused.get(key) != str(error):
                    log.warning("%s %d scores nothing: %s", *key, error)
                self._refused[key] = str(error)


def run_scores(factory: Factory, stop: threading.Event) -> None:
    """Score until ``stop`` is set; one process of a store at a time."""
    if not is_there("onnxruntime"):
        log.error("models cannot score without onnxruntime: %s", INSTALL)
        stop.wait()
        return
    clock = WallClock()
    shelf = Shelf(folder_of(factory.store.url, factory.models.folder))
    with writer_lock(factory.store.url, "models"), ExitStack() as stack:
        name = f"factory-twin-{factory.hub.id}-models"
        password = read_secret(factory.broker.password)
        publisher = Publisher(url_of(factory.broker), name, factory.broker, password, durable=False)
        stack.callback(publisher.close)

        def send(topic: str, payload: bytes) -> None:
            publisher.publish(topic, payload)
            publisher.acknowledged()

        while not stop.is_set():
            try:
                with (
                    closing(open_history(factory.store.url)) as history,
                    closing(Desk(factory.store.url, clock)) as desk,
                ):
                    scorers = Scorers(Book(shelf, desk), history, send, clock)
                    while not stop.wait(LOOK_S):
                        scorers.look()
            except StoreUnavailable as error:
                log.warning("nothing can be scored now: %s", error)
                stop.wait(LOOK_S)
            except StoreError:
                log.exception("nothing can be scored now")
                stop.wait(LOOK_S)
