"""The queue between the sources' threads and the one writer."""

from __future__ import annotations

import logging
import threading
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from twin.events import Event
    from twin.ports import Delivery


log = logging.getLogger(__name__)
MAX_BYTES = 128_000_000
MAX_EVENTS = 10_000
"""Facts that wait while the store is away; beyond it the oldest go, and the log says so."""


class DeliveryQueue:
    """Deliveries and facts waiting for the writer, ``capacity`` messages and ``max_bytes`` of payload at most.

    Mutable; any thread puts, the writer takes.
    """

    def __init__(self, capacity: int, max_bytes: int = MAX_BYTES) -> None:
        self.capacity = capacity
        self._max_bytes = max_bytes
        self._bytes = 0
        self._waiting: deque[Delivery] = deque()
        self._events: deque[Event] = deque()
        self._ready = threading.Condition()

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def has_room(self) -> bool:
        """Whether half of the queue is free."""
        return len(self._waiting) <= self.capacity // 2 and self._bytes <= self._max_bytes // 2

    def put(self, deliveries: Sequence[Delivery]) -> int:
        """Add deliveries while there is room; how many were taken. Never raises, never waits."""
        size = _bytes_of(deliveries)
        with self._ready:
            before = len(self._waiting)
            taken = min(len(deliveries), self.capacity - before)
            if self._bytes + size > self._max_bytes:
                taken = min(taken, self._fitting(deliveries))
            if taken <= 0:
                return 0
            if taken < len(deliveries):
                deliveries = deliveries[:taken]
                size = _bytes_of(deliveries)
            self._waiting.extend(deliveries)
            self._bytes += size
            if not before:
                self._ready.notify()
            return taken

    def _fitting(self, deliveries: Sequence[Delivery]) -> int:
        """How many of them the bytes left allow; one at least where nothing waits."""
        left = self._max_bytes - self._bytes
        for place, delivery in enumerate(deliveries):
            left -= len(delivery.message.payload)
            if left < 0:
                return place if self._waiting else max(place, 1)
        return len(deliveries)

    def put_back(self, deliveries: Sequence[Delivery]) -> None:
        """Return what was taken too much, to the front, order kept."""
        with self._ready:
            self._waiting.extendleft(reversed(deliveries))
            self._bytes += _bytes_of(deliveries)

    def report(self, event: Event) -> None:
        """Add a fact from outside the fold."""
        if len(self._events) >= MAX_EVENTS:
            lost = self._events.popleft()
            log.error("too many facts wait for the store: %s of %s is not kept", lost.kind, lost.asset)
        self._events.append(event)

    def take(self, limit: int, wait_s: float) -> tuple[list[Delivery], tuple[Event, ...]]:
        """Up to ``limit`` deliveries, oldest first; waits up to ``wait_s`` for the first one."""
        with self._ready:
            if not self._waiting:
                self._ready.wait(wait_s)
            pop = self._waiting.popleft
            taken = [pop() for _ in range(min(limit, len(self._waiting)))]
            self._bytes -= _bytes_of(taken)
        events = tuple(self._events.popleft() for _ in range(len(self._events)))
        return taken, events


def _bytes_of(deliveries: Sequence[Delivery]) -> int:
    return sum([len(delivery.message.payload) for delivery in deliveries])
