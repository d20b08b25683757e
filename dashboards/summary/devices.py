"""Devices on the Connections page: those nobody named, and those whose clock is off."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dashboards.status import ms
from twin.clock import NS_PER_S

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Mapping

    from twin.ports import Newcomer, StreamCount

MOST = 100
RECENT_NS = 60 * NS_PER_S
OFF_NS = NS_PER_S
"""A clock that is off by more than this is told."""
OWN = "twin/"


def newcomers(
    found: Iterable[Newcomer], declared: Container[str], by_stream: Mapping[str, StreamCount], clock_ns: int
) -> list[dict[str, Any]]:
    """Devices that send without being named in the factory file, newest first: see docs/reference/live-protocol.md."""
    frames: dict[str, int] = {}
    for stream, count in by_stream.items():
        asset = stream.rpartition(":")[0]
        frames[asset] = frames.get(asset, 0) + count.frames
    listed = [one for one in found if one.asset not in declared and one.first_ns <= clock_ns]
    return [
        {
            "asset": one.asset,
            "source": one.source,
            "topic": one.topic,
            "signals": one.signals,
            "first_ms": ms(one.first_ns),
            "frames": frames.get(one.asset, 0),
        }
        for one in listed[:MOST]
    ]


def clocks(by_stream: Mapping[str, StreamCount]) -> list[dict[str, Any]]:
    """Devices whose clock is off, or whose frames come late, the worst first; of an asset its worst stream.

    A stream that tells only what changes says nothing of now while the asset's others go on.
    """
    worst: dict[str, dict[str, Any]] = {}
    newest: dict[str, int] = {}
    for stream, count in by_stream.items():
        asset = stream.rpartition(":")[0]
        newest[asset] = max(count.last_ns, newest.get(asset, count.last_ns))
    for stream, count in by_stream.items():
        asset = stream.rpartition(":")[0]
        skew_ns = count.skew_ns or 0 if count.last_ns > newest[asset] - RECENT_NS else 0
        if asset.startswith(OWN) or (abs(skew_ns) <= OFF_NS and not count.late):
            continue
        row = worst.setdefault(asset, {"asset": asset, "skew_s": 0.0, "late": 0})
        row["late"] += count.late
        if abs(skew_ns) > abs(row["skew_s"]) * NS_PER_S:
            row["skew_s"] = skew_ns / NS_PER_S
    return sorted(worst.values(), key=lambda row: (-abs(row["skew_s"]), -row["late"], row["asset"]))[:MOST]
