"""A recorded file out to a broker, at its own pace or another."""

from __future__ import annotations

import secrets
import time
from typing import TYPE_CHECKING

import msgspec

from connectors.publish import Publisher
from connectors.recorded import Tally, read_recorded
from twin.clock import NS_PER_S

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from twin.message import Message

DRAIN_S = 30.0


class Published(msgspec.Struct):
    """What `publish_file` did; ``skipped`` rows by reason."""

    rows: int = 0
    published: int = 0
    acknowledged: int = 0
    skipped: dict[str, int] = {}


def publish_file(path: Path, url: str, rate: float | None, mapping: Path | None = None) -> Published:
    """Publish a capture or CSV file; ``rate`` times its own pace, None as fast as the broker takes it."""
    result, tally = Published(), Tally()
    messages = read_recorded(path, mapping, tally)
    publisher = Publisher(url, f"factory-twin-publish-{secrets.token_hex(4)}", durable=False)
    try:
        publisher.wait_connected()
        _send(messages, publisher, rate, result)
        deadline = time.monotonic() + DRAIN_S
        while publisher.unacknowledged and time.monotonic() < deadline:
            result.acknowledged += len(publisher.acknowledged())
            time.sleep(0.01)
    finally:
        publisher.close()
    result.rows, result.skipped = tally.rows, tally.skipped
    return result


def _send(messages: Iterator[Message], publisher: Publisher, rate: float | None, result: Published) -> None:
    began_s, first_ns = time.monotonic(), None
    for message in messages:
        if rate is not None:
            first_ns = message.received_ns if first_ns is None else first_ns
            due_s = began_s + (message.received_ns - first_ns) / NS_PER_S / rate
            pause_s = due_s - time.monotonic()
            if pause_s > 0:
                time.sleep(pause_s)
        publisher.publish(message.topic, message.payload, qos=message.qos, retain=message.retain)
        result.published += 1
        result.acknowledged += len(publisher.acknowledged())
