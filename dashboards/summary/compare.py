"""A comparison as its page draws it: the two sides, what moves on them, their states, what differs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dashboards.status import ms
from dashboards.summary.lanes import lost_spans, overlaid, segments_of
from dashboards.view import PastView
from twin.clock import NS_PER_MS, NS_PER_S
from twin.compare import told
from twin.ids import site_of
from twin.sample import Role

if TYPE_CHECKING:
    from connectors.compare import Choice, Reading
    from twin.compare import Comparison
    from twin.ports import Series
    from twin.recording import Recording
    from twin.sample import Signal

MOST_EVENTS = 500
MOST_SEGMENTS = 400
_MOVES = frozenset(
    {Role.JOINT_POSITION, Role.TOOL_OPENING, Role.X, Role.Y, Role.YAW, Role.LOAD, Role.STATE, Role.LEVEL, Role.CAPACITY}
)


def whole_json(made: Comparison, a: Reading, b: Reading) -> dict[str, Any]:
    """Everything of one comparison; of events of one side the first `MOST_EVENTS`, with how many there are."""
    found = told(made)
    alignment = made.alignment
    by = None
    if alignment.by is not None:
        by = {"kind": alignment.by[0].kind, "asset": alignment.by[0].asset, "text": alignment.by[0].text}
    return {
        **found,
        **{name: found[name][:MOST_EVENTS] for name in ("events_only_a", "events_only_b")},
        "counts": {side: len(found[f"events_only_{side}"]) for side in "ab"} | {"both": len(made.events.both)},
        "start_s": alignment.start_ns / NS_PER_S,
        "end_s": alignment.end_ns / NS_PER_S,
        "by": by,
        "a": side_json(a, alignment.a_origin_ns, alignment.start_ns, alignment.end_ns),
        "b": side_json(b, alignment.b_origin_ns, alignment.start_ns, alignment.end_ns),
    }


def side_json(reading: Reading, origin_ns: int, start_ns: int, end_ns: int) -> dict[str, Any]:
    """One side: what it is, where zero of the relative axis lies in it, its streams that move or tell a state."""
    choice = reading.choice
    return {
        **choice_json(choice),
        "origin_ms": ms(origin_ns),
        "streams": [
            {
                "key": key,
                "asset": reading.shown(stream.asset),
                "columns": [_role(one) for one in stream.columns],
                "texts": [_role(one) for one in stream.text_columns],
            }
            for key, stream in reading.history.streams().items()
            if reading.is_asked(stream.asset) and any(one.role in _MOVES for one in stream.signals)
        ],
        "lanes": _lanes(reading, origin_ns, start_ns, end_ns),
    }


def choice_json(choice: Choice) -> dict[str, Any]:
    """What a side is; ``fixed`` asks for it again even when the present has moved on."""
    extent = choice.extent
    recorded = bool(choice.name)
    fixed = choice.said if recorded else f"{extent.start_ns / NS_PER_MS:.3f}..{extent.end_ns / NS_PER_MS:.3f}"
    return {
        "said": choice.said,
        "fixed": fixed,
        "site": choice.site,
        "name": choice.name or None,
        "origin": choice.origin,
        "from_ms": ms(extent.start_ns),
        "to_ms": ms(extent.end_ns),
    }


def recording_json(one: Recording, said: str) -> dict[str, Any]:
    """A recording to choose from; ``said`` is what to ask for."""
    return {
        "said": said,
        "name": one.name,
        "site": one.site,
        "origin": one.origin,
        "tags": one.tags,
        "from_ms": ms(one.from_ns),
        "to_ms": ms(one.to_ns),
    }


def series_json(series: Series, unit: str, held: bool, origin_ns: int) -> dict[str, Any]:  # noqa: FBT001  a fact
    """A track drawn, on the relative axis; of one that is ``held`` a value holds until the next one."""
    return {
        "unit": unit,
        "held": held,
        "t_s": [(t_ns - origin_ns) / NS_PER_S for t_ns in series.t_ns.tolist()],
        "min": series.minimum.tolist(),
        "max": series.maximum.tolist(),
        "mean": series.mean.tolist(),
        "raw": series.raw,
    }


def _role(signal: Signal) -> str:
    return f"{signal.role.value}#{signal.index}" if signal.role in _MOVES else ""


def _lanes(reading: Reading, origin_ns: int, start_ns: int, end_ns: int) -> list[dict[str, Any]]:
    """The states of each asset over the common time: [from s, to s, state] on the relative axis."""
    a_ns, b_ns = origin_ns + start_ns, origin_ns + end_ns
    view = PastView(reading.history, b_ns)
    lost = lost_spans(view, a_ns, b_ns)
    found = []
    stated = [
        (stream, column.name)
        for stream in view.streams().values()
        if site_of(stream.asset) == reading.choice.site and reading.is_asked(stream.asset)
        for column in stream.text_columns
        if column.role is Role.STATE
    ]
    for stream, signal in sorted(stated, key=lambda one: one[0].id):
        segments = overlaid(segments_of(view, stream, signal, a_ns, b_ns), lost.get(stream.asset, []))
        shown = [
            [(max(a, a_ns) - origin_ns) / NS_PER_S, (b - origin_ns) / NS_PER_S, state]
            for a, b, state in segments[:MOST_SEGMENTS]
        ]
        found.append({"asset": reading.shown(stream.asset), "segments": shown})
    return found
