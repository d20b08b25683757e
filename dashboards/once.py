"""Answers that several browsers ask for at the same moment are made once."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import TYPE_CHECKING, Any

from dashboards.access.scope import reach
from dashboards.received import is_by_receipt

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

CAPACITY = 64


class Once:
    """Keeps the last few answers by what was asked, for which sites, by which time base. Mutable; any thread may ask.

    Who asks while another thread makes the same answer waits for that one.
    """

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._capacity = capacity
        self._lock = threading.Lock()
        self._making: dict[Hashable, threading.Lock] = {}
        self._made: OrderedDict[Hashable, Any] = OrderedDict()

    def get(self, key: Hashable, make: Callable[[], Any]) -> Any:
        """The answer to ``key``, made by ``make`` where it is not there yet; its errors are not kept."""
        key = (reach(), is_by_receipt(), key)
        with self._lock:
            if key in self._made:
                return self._made[key]
            making = self._making.setdefault(key, threading.Lock())
        with making:
            with self._lock:
                if key in self._made:
                    return self._made[key]
            try:
                answer = make()
            finally:
                with self._lock:
                    self._making.pop(key, None)
            with self._lock:
                self._made[key] = answer
                while len(self._made) > self._capacity:
                    self._made.popitem(last=False)
            return answer
