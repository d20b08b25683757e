"""Connections: every source, the sums that must add up, what was refused and why."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

from dashboards.status import LEDGER_TERMS, SILENT_S, ledger, ms, own_number, source_stream
from dashboards.summary.rates import HISTORY_S, column, lag_s, rate, rate_history
from dashboards.view import HEARD_AGAIN_S, number
from twin.clock import NS_PER_S
from twin.events import EventKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from dashboards.view import View
    from twin.config import SourceConfig
    from twin.ports import StoredDeadLetter, StoreSummary
    from twin.sample import Frames

CONNECTION_EVENTS = (EventKind.SOURCE_CONNECTED, EventKind.SOURCE_LOST, EventKind.SESSION_LOST)
RAW_BYTES = 4096
SESSION_LOST_TOLD_S = 3600
"""So long a source says that its broker forgot the session: what was queued there is gone."""
Row = dict[str, Any]


def connections(  # noqa: PLR0913  what the page tells of
    view: View,
    sources: Sequence[SourceConfig],
    by_source: Mapping[str, Mapping[str, Any]],
    letters: Iterable[StoredDeadLetter],
    newcomers: list[Row],
    clocks: list[Row] | None,
    store: Row,
    broker: Row,
) -> Row:
    """The Connections page's figures: see docs/reference/live-protocol.md.

    ``by_source`` are the store's totals of now. A past view takes its totals from the counters that
    ingest told then: they begin with that ingest process, and what they do not count is null.
    """
    configured = {source.name: source for source in sources}
    names = [*configured, *sorted(set(by_source) - set(configured) - {"twin"})]
    if view.is_live:
        totals = {name: dict(row) for name, row in by_source.items()}
        sums: Row = dict(ledger(totals))
    else:
        totals = {name: _totals_then(view, source_stream(name)) for name in names}
        sums = _sums_then(totals.values())
    rows = [_source(view, name, configured.get(name), totals.get(name)) for name in names]
    return {
        "clock_ms": ms(view.clock_ns),
        "ledger": sums,
        "sources": rows,
        "dead_letters": [_letter(letter, view.clock_ns) for letter in letters if letter.first_ns <= view.clock_ns],
        "newcomers": newcomers,
        "clocks": clocks,
        "broker": broker,
        "store": {**store, "commit_s": own_number(view.latest(), "commit_s")},
    }


UNASKED = "auto"
"""The dialect of a source that takes what nobody configured: that nothing comes is as it should be."""


def store_figures(view: View, summary: StoreSummary, url: str) -> Row:
    """How much the store holds; for the past that is not known."""
    live = view.is_live
    return {
        "url": url,
        "bytes": summary.bytes if live else None,
        "frames": summary.frames if live else None,
        "batches": summary.batches if live else None,
    }


def refusals(listed: Iterable[Mapping[str, Any]], clock_ns: int) -> list[Row]:
    """The clients that the broker turned away by then, newest first."""
    found = [
        {
            "t_ms": ms(one["t_ns"]),
            "client": one["client"],
            "reason": one["reason"],
            "advice": {"ko": one["advice_ko"], "en": one["advice_en"]},
        }
        for one in listed
        if one["t_ns"] <= clock_ns
    ]
    return found[::-1]


def _source(view: View, name: str, config: SourceConfig | None, total: Row | None) -> Row:
    stream = source_stream(name)
    frames = view.frames(stream, view.clock_ns - (HISTORY_S + 5) * NS_PER_S)
    state, detail = _state(view, name, frames)
    if state == "silent" and config is not None and config.decoder == UNASKED:
        state = "up"
    counted = total or {
        **dict.fromkeys(LEDGER_TERMS, 0),
        "redriven": 0,
        "handled": {},
        "rejected": {},
        "last_received_ns": 0,
    }
    last_ns = counted.pop("last_received_ns", 0)
    return {
        "source": name,
        "dialect": config.decoder if config else "",
        "topics": list(config.topics) if config else [],
        "state": state,
        "detail": detail,
        "messages_per_s": rate(view, stream, "messages_total"),
        "frames_per_s": rate(view, stream, "frames_total"),
        "rate_history": rate_history(frames, "frames_total", view.clock_ns),
        "lag_s": lag_s(view, name),
        **counted,
        **_sequence_terms(counted),
        "last_received_ms": ms(last_ns) if last_ns else None,
    }


def _state(view: View, name: str, frames: Frames) -> tuple[str, str]:
    """``up``, ``silent`` (connected, nothing comes) or ``down``, and what the client library said."""
    told = view.events(0, view.clock_ns + 1, asset=f"twin/ingest/{name}", kinds=CONNECTION_EVENTS, limit=1)
    if told and told[0].kind is EventKind.SOURCE_LOST:
        return "down", told[0].after
    if not len(frames) or view.clock_ns - int(frames.t_ns[-1]) > SILENT_S * NS_PER_S:
        return "down", ""
    counts = column(frames, "messages_total")
    moved = [int(t) for t, before, after in zip(frames.t_ns[1:], counts, counts[1:], strict=False) if after != before]
    if not moved or view.clock_ns - moved[-1] > HEARD_AGAIN_S * NS_PER_S:
        return "silent", ""
    start_ns = view.clock_ns - SESSION_LOST_TOLD_S * NS_PER_S
    lost = view.events(
        start_ns, view.clock_ns + 1, asset=f"twin/ingest/{name}", kinds=(EventKind.SESSION_LOST,), limit=1
    )
    return "up", "SessionLost" if lost else ""


def _sequence_terms(total: Row) -> Row:
    """The law expected = distinct + gap of the sequenced streams; null where there are none, or for the past."""
    counted = bool(total.get("expected"))
    return {term: total[term] if counted else None for term in ("expected", "distinct", "gap")}


def _totals_then(view: View, stream: str) -> Row:
    """A source's totals as its counters told them, since that ingest process began."""
    told = view.latest().get(stream)
    received, rejected = number(told, "messages_total"), number(told, "rejected_total")
    frames = number(told, "frames_total")
    return {
        "received": None if received is None else int(received),
        "decoded": None if received is None else int(received - (rejected or 0)),
        "handled": {},
        "rejected": {"": int(rejected)} if rejected else {},
        "decoded_frames": None if frames is None else int(frames),
        "stored": None,
        "duplicate": None,
        "key_conflict": None,
        "redriven": None,
        "last_received_ns": told.t_ns if told is not None and received else 0,
    }


def _sums_then(totals: Iterable[Row]) -> Row:
    sums: Row = dict.fromkeys(LEDGER_TERMS)
    for row in totals:
        for term in LEDGER_TERMS:
            value = sum(row[term].values()) if isinstance(row[term], dict) else row[term]
            if value is not None:
                sums[term] = (sums[term] or 0) + value
    if sums["stored"] is None:
        sums["decoded_frames"] = None  # a sum of which only one side is known
    return sums


def _letter(letter: StoredDeadLetter, clock_ns: int) -> Row:
    """A dead letter; what came again after the clock is not told of."""
    later = letter.last_ns > clock_ns
    return {
        "id": letter.id,
        "source": letter.source,
        "topic": letter.topic,
        "reason": letter.reason,
        "detail": letter.detail,
        "payload_b64": base64.b64encode(letter.payload[:RAW_BYTES]).decode(),
        "size": len(letter.payload),
        "first_ms": ms(letter.first_ns),
        "last_ms": ms(letter.first_ns if later else letter.last_ns),
        "count": 1 if later else letter.count,
        "sha256": letter.sha256,
    }
