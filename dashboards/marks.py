"""Counters at moments gone by, read once: the past of a counter does not change any more."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import TYPE_CHECKING

from dashboards.received import is_by_receipt
from dashboards.view import number

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dashboards.view import View

CAPACITY = 50_000


class Marks:
    """(stream, signal, moment) → value as of that moment. Mutable and bounded; any thread may ask."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: OrderedDict[tuple[str, str, int], float | None] = OrderedDict()

    def values(self, view: View, signals: Iterable[tuple[str, str]], t_ns: int) -> dict[tuple[str, str], float | None]:
        """What counters stood at ``t_ns`` (None: nothing was measured by then).

        A value is kept once its stream has newer frames, since streams come in order; until then a
        backlog may still bring the moment's own.
        """
        wanted = list(signals)
        if is_by_receipt():  # what had come in by then is another number, and not asked for again
            frames = view.at(t_ns, {stream for stream, _ in wanted})
            return {(stream, signal): number(frames.get(stream), signal) for stream, signal in wanted}
        with self._lock:
            found = {
                signal: self._kept[*signal, t_ns] for signal in wanted if (*signal, t_ns) in self._kept
            }  # fmt: skip
        missing = [signal for signal in wanted if signal not in found]
        if not missing:
            return found
        frames = view.at(t_ns, {stream for stream, _ in missing})
        latest = view.latest()
        with self._lock:
            for stream, signal in missing:
                value = number(frames.get(stream), signal)
                found[stream, signal] = value
                if stream in latest and latest[stream].t_ns > t_ns:
                    self._kept[stream, signal, t_ns] = value
            while len(self._kept) > CAPACITY:
                self._kept.popitem(last=False)
        return found
