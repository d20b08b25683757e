"""The queue between the sources' threads and the one writer."""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from twin.events import Event
    from twin.ports import Delivery


class DeliveryQueue:
    """Deliveries and facts waiting for the writer, ``capacity`` at most. Mutable; any thread puts, the writer takes."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self._waiting: deque[Delivery] = deque()
        self._events: deque[Event] = deque()
        self._ready = threading.Condition()

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, delivery: Delivery) -> bool:
        """Add a delivery; never raises, never waits. False when there is no room."""
        with self._ready:
            if len(self._waiting) >= self.capacity:
                return False
            self._waiting.append(delivery)
            if len(self._waiting) == 1:
                self._ready.notify()
            return True

    def put_back(self, deliveries: list[Delivery]) -> None:
        """Return what was taken too much, to the front, order kept."""
        with self._ready:
            self._waiting.extendleft(reversed(deliveries))

    def report(self, event: Event) -> None:
        """Add a fact from outside the fold."""
        self._events.append(event)

    def take(self, limit: int, wait_s: float) -> tuple[list[Delivery], tuple[Event, ...]]:
        """Up to ``limit`` deliveries, oldest first; waits up to ``wait_s`` for the first one."""
        with self._ready:
            if not self._waiting:
                self._ready.wait(wait_s)
            taken = [self._waiting.popleft() for _ in range(min(limit, len(self._waiting)))]
        events = tuple(self._events.popleft() for _ in range(len(self._events)))
        return taken, events
