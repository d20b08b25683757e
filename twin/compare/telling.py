"""A comparison in the words of `twin compare --json` and ``/api/v1/compare``: docs/reference/compare.md."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from twin.clock import NS_PER_MS, NS_PER_S

if TYPE_CHECKING:
    from twin.compare.figures import FigureDifference
    from twin.compare.side import Happening
    from twin.compare.whole import Comparison, SignalDifference


def told(comparison: Comparison) -> dict[str, Any]:
    """``signals``, ``events_only_a``, ``events_only_b``, ``kpis``; times in s on the relative axis."""
    origins = comparison.alignment.a_origin_ns, comparison.alignment.b_origin_ns
    return {
        "signals": [signal_told(one) for one in comparison.signals],
        "events_only_a": [_event(one, origins[0]) for one in comparison.events.only_a],
        "events_only_b": [_event(one, origins[1]) for one in comparison.events.only_b],
        "kpis": [_figure(one) for one in comparison.figures],
    }


def signal_told(one: SignalDifference) -> dict[str, Any]:
    """One signal: every key in every row, null where it means nothing."""
    numbers, words, lag = one.numbers, one.words, one.lag
    first_ns = numbers.most_ns if numbers else words.first_ns if words else None
    return {
        "signal": one.signal,
        "kind": one.kind,
        "unit": one.unit,
        "only": one.only or None,
        "n": numbers.n if numbers else words.n if words else 0,
        "rms": numbers.rms if numbers else None,
        "mean": numbers.mean if numbers else None,
        "max": numbers.most if numbers else None,
        "at_s": None if first_ns is None else first_ns / NS_PER_S,
        "a": numbers.a if numbers else words.a if words and first_ns is not None else None,
        "b": numbers.b if numbers else words.b if words and first_ns is not None else None,
        "lag_ms": lag.lag_ns / NS_PER_MS if lag else None,
        "confidence": lag.confidence if lag else None,
        "unequal": words.unequal if words else None,
        "relative": None if numbers is None and words is None else one.relative,
        "every_a": one.every[0],
        "every_b": one.every[1],
        "why": one.why or None,
    }


def _event(one: Happening, origin_ns: int) -> dict[str, Any]:
    """An event that one side has: when on the relative axis, and when in its own time."""
    return {
        "t_s": one.t_ns / NS_PER_S,
        "t_ms": (one.t_ns + origin_ns) / NS_PER_MS,
        "kind": one.kind,
        "asset": one.asset,
        "text": one.text,
    }


def _figure(one: FigureDifference) -> dict[str, Any]:
    return {
        "level": one.level,
        "of": one.of,
        "name": one.name,
        "unit": one.unit,
        "a": one.a,
        "b": one.b,
        "difference": one.difference,
    }
