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
    """Devices whose clock is off, or whose frames come late, the worst first.

    An asset has one clock, and a message takes its time: of the streams that go on the least skew is nearest to the
    truth. A stream that tells only what changes says nothing of now while the asset's others go on; nor does one
    whose last message was kept, and sent when the device was back.
    """
    off: dict[str, int] = {}
    late: dict[str, int] = {}
    newest: dict[str, int] = {}
    for stream, count in by_stream.items():
        asset = stream.rpartition(":")[0]
        newest[asset] = max(count.last_ns, newest.get(asset, count.last_ns))
    for stream, count in by_stream.items():
        asset = stream.rpartition(":")[0]
        if asset.startswith(OWN):
            continue
        late[asset] = late.get(asset, 0) + count.late
        if count.skew_ns is not None and count.last_ns > newest[asset] - RECENT_NS:
            off[asset] = min(count.skew_ns, off.get(asset, count.skew_ns))
    rows: list[dict[str, Any]] = [
        {"asset": asset, "skew_s": skew_ns / NS_PER_S if abs(skew_ns) > OFF_NS else 0.0, "late": late[asset]}
        for asset in late
        if abs(skew_ns := off.get(asset, 0)) > OFF_NS or late[asset]
    ]
    return sorted(rows, key=lambda row: (-abs(row["skew_s"]), -row["late"], row["asset"]))[:MOST]
