"""How ingest is doing, told from the metrics it publishes through the same door as any device."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from dashboards.view import number
from twin.clock import NS_PER_MS, NS_PER_S

if TYPE_CHECKING:
    from collections.abc import Mapping

    from twin.sample import Latest

SOURCE_PREFIX = "twin/ingest/"
METRICS = ":metrics"
SILENT_S = 3.0
DOWN_S = 10.0
HEARD_S = 10.0
BEHIND_S = 10.0
FASTER = 1.5
RATE_OVER_S = 4.0
_KEPT = 12


def is_own(stream: str) -> bool:
    """Whether a stream is the metrics of an ingest process (there may be several, each with its writer's name)."""
    return stream.startswith("twin/") and stream.endswith(METRICS) and stream.count("/") == 1


def own_number(latest: Mapping[str, Latest], signal: str) -> float | None:
    """The largest of a number that ingest processes tell of themselves; None where none does."""
    told = [number(one, signal) for stream, one in latest.items() if is_own(stream)]
    return max((value for value in told if value is not None), default=None)


def source_stream(source: str) -> str:
    """The stream id of a source's metrics."""
    return f"{SOURCE_PREFIX}{source}{METRICS}"


@dataclass(slots=True)
class _Told:
    """What one metrics stream told lately, newest last (mutable, the hub's loop writes)."""

    rows: deque[Latest] = field(default_factory=lambda: deque(maxlen=_KEPT))
    messages: float = 0.0
    moved_ns: int = 0
    """When the count of messages last rose."""
    began_behind_s: float = 0.0
    heard_ns: int = 0
    """When it was told, by our own clock; the first row by its teller's, for it may have been there for long."""


class Ingest:
    """Follows the metrics streams. Mutable; the hub's loop is the only writer."""

    def __init__(self) -> None:
        self._told: dict[str, _Told] = {}

    def hear(self, latest: Latest, now_ns: int) -> None:
        """Take a metrics frame; others are not for us."""
        stream = latest.stream.id
        if not (is_own(stream) or (stream.startswith(SOURCE_PREFIX) and stream.endswith(METRICS))):
            return
        told = self._told.setdefault(stream, _Told())
        last = told.rows[-1] if told.rows else None
        if last is not None and (
            latest.t_ns < last.t_ns or (latest.t_ns, latest.received_ns) == (last.t_ns, last.received_ns)
        ):
            return
        if last is not None and latest.received_ns < last.received_ns:
            # Ingest's clock was set back (its metrics are dated by ticks, which are not): no rate across that.
            told.rows.clear()
        messages = number(latest, "messages_total") or 0.0
        if told.rows and messages != told.messages:
            told.moved_ns = latest.received_ns
        told.messages = messages
        told.rows.append(latest)
        # A row that is new to us was told since we looked last, whatever time its teller's clock shows.
        told.heard_ns = now_ns if last is not None else min(latest.received_ns, now_ns)

    def state(self, now_ns: int) -> str:
        """``ok``, ``silent`` (no metrics for 3 s) or ``down`` (10 s)."""
        # What was heard later than now was heard before the clock was set back.
        heard_ns = max((told.heard_ns for told in self._told.values() if told.heard_ns <= now_ns), default=0)
        silent_s = (now_ns - heard_ns) / NS_PER_S
        return "down" if silent_s > DOWN_S else "silent" if silent_s > SILENT_S else "ok"

    def frames_per_s(self, now_ns: int) -> float:
        """Stored frames a second, over the last few seconds; a counter that fell is a restart."""
        if self.state(now_ns) != "ok":
            return 0.0
        return sum(_rate(told.rows, "frames_total") for stream, told in self._told.items() if is_own(stream))

    def lag_s(self, now_ns: int) -> float:
        """The largest lag of the sources heard in the last 10 s."""
        lags = [
            number(told.rows[-1], "lag_s") or 0.0
            for stream, told in self._told.items()
            if not is_own(stream) and told.rows and now_ns - told.moved_ns < HEARD_S * NS_PER_S
        ]
        return max(lags, default=0.0)

    def catching_up(self, now_ns: int) -> dict[str, float] | None:
        """How far a backlog is worked off: the source that is furthest behind and gaining."""
        found: dict[str, float] | None = None
        for stream, told in self._told.items():
            if is_own(stream):
                continue
            behind_s = _gaining(told.rows, now_ns)
            if behind_s is None:
                told.began_behind_s = 0.0
                continue
            told.began_behind_s = max(told.began_behind_s, behind_s)
            if found is None or behind_s > found["behind_s"]:
                found = {"done_ratio": max(0.0, 1.0 - behind_s / told.began_behind_s), "behind_s": behind_s}
        return found


def _rate(rows: deque[Latest], signal: str) -> float:
    """Rise of a counter a second between the newest row and the oldest within `RATE_OVER_S`."""
    if len(rows) < 2:  # noqa: PLR2004  a difference needs two
        return 0.0
    last = rows[-1]
    first = next(row for row in rows if last.received_ns - row.received_ns <= RATE_OVER_S * NS_PER_S)
    if first is last:
        first = rows[-2]
    rise = (number(last, signal) or 0.0) - (number(first, signal) or 0.0)
    return max(0.0, rise) * NS_PER_S / (last.received_ns - first.received_ns)


def _gaining(rows: deque[Latest], now_ns: int) -> float | None:
    """Seconds behind the wall clock, where that is much and shrinking; else None."""
    if len(rows) < 2 or now_ns - rows[-1].received_ns > SILENT_S * NS_PER_S:  # noqa: PLR2004
        return None
    first, last = rows[0], rows[-1]
    from_s, to_s = number(first, "newest_s"), number(last, "newest_s")
    if from_s is None or to_s is None:
        return None
    behind_s = now_ns / NS_PER_S - to_s
    passed_s = (last.received_ns - first.received_ns) / NS_PER_S
    return behind_s if behind_s > BEHIND_S and to_s - from_s > FASTER * passed_s else None


LEDGER_TERMS = ("received", "decoded", "handled", "rejected", "decoded_frames", "stored", "duplicate", "key_conflict")


def ledger(by_source: Mapping[str, Mapping[str, Any]]) -> dict[str, int]:
    """Every term of the accounting equations, summed over the sources."""
    total = dict.fromkeys(LEDGER_TERMS, 0)
    for row in by_source.values():
        for term in LEDGER_TERMS:
            value = row[term]
            total[term] += sum(value.values()) if hasattr(value, "values") else int(value)
    return total


def ms(t_ns: int) -> float:
    """Nanoseconds → milliseconds, as the wire has them."""
    return t_ns / NS_PER_MS
