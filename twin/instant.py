"""The mirror as it stood at an instant of the past: a keyframe, and the batches after it folded.

By receipt, as the live mirror was: what had been stored by then. By device time, see `History.as_of`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from twin.errors import RecordingError
from twin.keyframes import Kept, state_of
from twin.mirror import Mirror, restore
from twin.skim import leap

if TYPE_CHECKING:
    from twin.mirror import Presence
    from twin.ports import History, Keyframe
    from twin.sample import Latest


def mirror_at(history: History, writer: str, t_ns: int) -> Mirror:
    """The mirror of a writer after its last batch with a tick at or before ``t_ns``.

    Where the writer's clock ran back, ticks count as the mirror counts them: never less than one before.
    Raises RecordingError where what it would be folded from is kept no longer.
    """
    last_n = history.batch_at(writer, t_ns)
    keyframe = _keyframe_at(history, writer, t_ns, last_n)
    kept = Kept(writer, history.removals())
    if keyframe is not None:
        full = keyframe if keyframe.full else history.last_keyframe(writer, full=True, until_n=keyframe.n)
        by_id = {stream.id: stream for stream in history.streams().values()}
        mirror = restore(state_of(keyframe, full), by_id.__getitem__)
    elif 1 in kept:
        mirror = Mirror()
    else:
        raise RecordingError(f"what {writer} stored by then is kept no longer: the first batch left is {kept.first}")
    skim = history.skim(writer, mirror.n + 1, last_n) if last_n > mirror.n else None
    if skim is not None and skim.ticks[-1] <= t_ns:
        leap(mirror, skim)
    for batch in history.batches(writer, mirror.n + 1, last_n):
        if max(mirror.tick_ns, batch.tick_ns) > t_ns:
            break
        if batch.n != mirror.n + 1:
            raise RecordingError(f"batches {mirror.n + 1} to {batch.n - 1} of {writer} are not there")
        mirror.apply(batch)
    return mirror


def _keyframe_at(history: History, writer: str, t_ns: int, last_n: int) -> Keyframe | None:
    keyframe = history.last_keyframe(writer, until_n=last_n) if last_n else None
    while keyframe is not None and keyframe.tick_ns > t_ns:  # ticks ran back since
        keyframe = history.last_keyframe(writer, until_n=keyframe.n - 1)
    return keyframe


def told(mirror: Mirror) -> dict[str, object]:
    """The whole state as JSON takes it: floats exactly, −0 as 0, absent as null; the same for equal states."""
    return {
        "n": mirror.n,
        "tick_ns": mirror.tick_ns,
        "sha256": mirror.sha256(),
        "streams": {stream: _latest(one) for stream, one in sorted(mirror.latest.items())},
        "assets": {asset: _presence(one) for asset, one in sorted(mirror.presence.items())},
        "hearing": [{"source": source, "since_ns": t_ns} for _, source, t_ns in mirror.hearing.lines()],
    }


def _latest(one: Latest) -> dict[str, object]:
    numbers = (one.values + 0.0).tolist()
    absent = np.isnan(one.values)
    names = [signal.name for signal in one.stream.columns]
    values: dict[str, object] = {name: None if absent[i] else numbers[i] for i, name in enumerate(names)}
    values |= zip([signal.name for signal in one.stream.text_columns], one.texts, strict=True)
    return {
        "t_ns": one.t_ns,
        "seq": one.seq,
        "received_ns": one.received_ns,
        "quality": one.quality,
        "values": values,
    }


def _presence(one: Presence) -> dict[str, object]:
    return {
        "heard_ns": one.heard_ns,
        "lost": one.lost,
        "lost_after_ns": one.lost_after_ns,
        "died_ns": one.died_ns or None,
    }
