"""The store as the web process reads it: opened when it is there, asked again while it is not."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from dashboards.access.scope import history_of
from dashboards.received import Instants
from twin.clock import NS_PER_S
from twin.errors import StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable

    from twin.clock import Clock
    from twin.ports import History

RETRY_NS = NS_PER_S


class Reader:
    """Gives the history once its store can be opened. Mutable; any thread may ask."""

    def __init__(self, open_history: Callable[[], History], clock: Clock) -> None:
        self.instants = Instants()
        """States by receipt, found once."""
        self._open = open_history
        self._clock = clock
        self._lock = threading.Lock()
        self._history: History | None = None
        self._next_ns = 0
        self._why = "not opened yet"

    def history(self) -> History:
        """The history as the person who asks sees it.

        Raises StoreUnavailable while there is none (tried once a second at most).
        """
        return history_of(self.whole())

    def whole(self) -> History:
        """The history of every site, for what belongs to the installation: numbers, never content.

        Raises StoreUnavailable as `history` does.
        """
        with self._lock:
            if self._history is not None:
                return self._history
            now_ns = self._clock.now_ns()
            if now_ns < self._next_ns:
                raise StoreUnavailable(self._why)
            self._next_ns = now_ns + RETRY_NS
            try:
                self._history = self._open()
            except StoreUnavailable as error:
                self._why = str(error)
                raise
            return self._history

    def close(self) -> None:
        """Release the database."""
        with self._lock:
            if self._history is not None:
                self._history.close()
                self._history = None
