"""The past as packets: the state at a moment, and chunks that the browser plays by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from connectors.packet import CHANGES, FULL, encode_chunk, encode_packet
from dashboards.summary.directory import belongs
from twin.clock import NS_PER_S
from twin.sample import Latest, Quality

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from dashboards.view import View
    from twin.sample import Frames


def state(view: View, site: str) -> bytes:
    """The state of a site at the view's clock, one packet."""
    return encode_packet(FULL, view.clock_ns, _of_site(view, view.latest().values(), site))


def chunk(view: View, site: str, start_ns: int, end_ns: int, rate_hz: float) -> bytes:
    """The state at ``start_ns``, then every 1/``rate_hz`` s the streams that have a newer frame, to ``end_ns``."""
    end_ns = min(end_ns, view.clock_ns)
    keys = {stream.id: key for key, stream in view.streams().items()}
    packets = [encode_packet(FULL, start_ns, _of_site(view, view.at(start_ns).values(), site))]
    step_ns = round(NS_PER_S / rate_hz)
    ticks = np.arange(start_ns + step_ns, end_ns + 1, step_ns, dtype=np.int64)
    waiting: list[list[tuple[int, Latest]]] = [[] for _ in ticks]
    if len(ticks):
        for stream in view.streams().values():
            if belongs(stream.asset, site):
                _fill(waiting, keys[stream.id], view.frames(stream.id, start_ns + 1, end_ns + 1), ticks)
    packets += [encode_packet(CHANGES, int(t_ns), entries) for t_ns, entries in zip(ticks, waiting, strict=True)]
    return encode_chunk(packets)


def _of_site(view: View, frames: Iterable[Latest], site: str) -> list[tuple[int, Latest]]:
    keys = {stream.id: key for key, stream in view.streams().items()}
    return [(keys[one.stream.id], one) for one in frames if belongs(one.stream.asset, site) and one.stream.id in keys]


def _fill(waiting: list[list[tuple[int, Latest]]], key: int, frames: Frames, ticks: NDArray[np.int64]) -> None:
    """Put a stream's newest frame of each tick into that tick's packet."""
    frames = frames.take(frames.quality != Quality.CLOCK_AHEAD)
    if not len(frames):
        return
    newest = np.searchsorted(frames.t_ns, ticks, side="right") - 1
    before = np.concatenate([[-1], newest[:-1]])
    for place in np.flatnonzero(newest > before):
        waiting[place].append((key, latest_of(frames, int(newest[place]))))


def latest_of(frames: Frames, row: int) -> Latest:
    """One row of frames."""
    return Latest(
        frames.stream,
        int(frames.t_ns[row]),
        int(frames.seq[row]),
        int(frames.received_ns[row]),
        int(frames.quality[row]),
        frames.values[row],
        frames.texts[row] if frames.texts else (),
    )
