"""A recording out to a broker: the same bytes each time, below a prefix that no ingest takes."""

from __future__ import annotations

import secrets
import time
from typing import TYPE_CHECKING

from connectors.encoders import columnar
from connectors.publish import Publisher
from twin.clock import NS_PER_S
from twin.config import REPLAY_TOPICS, filter_problem
from twin.errors import BrokerError, RecordingError
from twin.ids import site_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from twin.ports import History
    from twin.recording import Recording

CHUNK_NS = 10 * NS_PER_S
DRAIN_S = 30.0


def messages_of(history: History, one: Recording, prefix: str) -> Iterator[tuple[int, str, bytes]]:
    """(t_ns, topic, payload) of what a site measured from a recording's begin to its end, in the dialect json_object.

    In order of device time, then stream and sequence: the same bytes each time.
    """
    streams = sorted(stream.id for stream in history.streams().values() if site_of(stream.asset) == one.site)
    for start_ns in range(one.from_ns, one.to_ns, CHUNK_NS):
        rows: list[tuple[int, str, int, str, bytes]] = []
        for stream in streams:
            part = history.frames(stream, start_ns, min(start_ns + CHUNK_NS, one.to_ns))
            for topic, payload, taken in columnar(part, 0, 1):
                row = taken.start
                rows.append((int(part.t_ns[row]), stream, int(part.seq[row]), f"{prefix}/{topic}", payload))
        for t_ns, _, _, topic, payload in sorted(rows):
            yield t_ns, topic, payload


def prefix_problem(prefix: str) -> str:
    """Why nothing may be replayed below a prefix; "" where it may."""
    if not prefix.startswith(REPLAY_TOPICS) or prefix.endswith("/") or len(prefix) == len(REPLAY_TOPICS):
        return f"{prefix!r} may be live topics: write {REPLAY_TOPICS}RUN, which no ingest takes"
    wrong = filter_problem(prefix) or ("no topic has + or #" if set(prefix) & set("+#") else "")
    return f"{prefix!r}: {wrong}" if wrong else ""


def replay(history: History, one: Recording, url: str, prefix: str, rate: float | None) -> int:
    """Publish a recording below ``prefix``; ``rate`` times its own pace, None as fast as the broker takes it.

    Returns how many messages the broker has. Raises BrokerError where it does not take all of them.
    """
    if problem := prefix_problem(prefix):
        raise RecordingError(problem)
    publisher = Publisher(url, f"factory-twin-replay-{secrets.token_hex(4)}", durable=False)
    sent = acknowledged = 0
    try:
        publisher.wait_connected()
        began_s, first_ns = time.monotonic(), None
        for t_ns, topic, payload in messages_of(history, one, prefix):
            first_ns = t_ns if first_ns is None else first_ns
            pause_s = 0.0 if rate is None else began_s + (t_ns - first_ns) / NS_PER_S / rate - time.monotonic()
            if pause_s > 0:
                time.sleep(pause_s)
            publisher.publish(topic, payload)
            sent += 1
            acknowledged += len(publisher.acknowledged())
        deadline = time.monotonic() + DRAIN_S
        while publisher.unacknowledged and time.monotonic() < deadline:
            acknowledged += len(publisher.acknowledged())
            time.sleep(0.01)
    finally:
        publisher.close()
    if acknowledged != sent:
        raise BrokerError(f"the broker took {acknowledged} of {sent} messages")
    return sent
