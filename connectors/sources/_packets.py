"""PUBLISH packets out of a stream of bytes, many at once (MQTT 3.1.1 § 3.3, MQTT 5 § 3.3).

paho takes about 13 µs a message at QoS 1; this takes about one. Everything that is not a PUBLISH of
QoS 0 or 1 stays paho's.
"""

from __future__ import annotations

import numpy as np

from twin.message import Message

MAX_KEPT_BYTES = 1_000_001
"""Of a longer payload only this much is kept: one byte more than ingest takes, so that it is refused as too large."""
MAX_TOPICS = 20_000
_MAX_HEAD_BYTES = 1 << 17
"""Room for a topic and properties before the payload."""
_PUBLISH, _PUBACK = 0x30, 0x40
_TYPE, _QOS, _QOS_2, _RETAIN = 0xF0, 0x06, 0x04, 0x01
_MORE, _LENGTH_BYTES = 0x80, 4


class Splitter:
    """Cuts what a connection received into packets. Mutable: it keeps the rest of a half-received packet.

    Of a packet far too long it keeps the head only, so that its memory is bounded whatever a broker
    without a limit passes on.
    """

    def __init__(self, *, mqtt5: bool) -> None:
        self._mqtt5 = mqtt5
        self._rest = b""
        self._skip = 0
        self._topics: dict[bytes, str] = {}

    @property
    def waiting(self) -> int:
        """Bytes kept of a packet whose end has not come yet."""
        return len(self._rest)

    def split(  # noqa: C901, PLR0912, PLR0915  the hot loop: a call a packet would double its price
        self, received: bytes, received_ns: int
    ) -> tuple[list[Message], list[int], bytes]:
        """(PUBLISH messages in order, their packet ids (0 at QoS 0), the bytes of all other packets in order)."""
        if self._skip:
            skipped = min(self._skip, len(received))
            self._skip -= skipped
            received = received[skipped:]
        data = self._rest + received if self._rest else received
        found: list[Message] = []
        mids: list[int] = []
        others: list[bytes] = []
        position, end = 0, len(data)
        topics, mqtt5, make = self._topics, self._mqtt5, tuple.__new__
        while end - position > 1:
            head = data[position]
            length = data[position + 1]
            body = position + 2
            if length & _MORE:
                length, body = _length(data, position + 1, end)
                if not body:
                    break
                if length < 0:
                    # Nothing behind it can be a packet: paho ends the connection for it.
                    others.append(data[position:])
                    position = end
                    break
            after = body + length
            if head & _TYPE != _PUBLISH or head & _QOS_2:
                if after > end:
                    break
                others.append(data[position:after])
                position = after
                continue
            if after > end and end - body <= MAX_KEPT_BYTES + _MAX_HEAD_BYTES:
                break
            at = body + 2 + (data[body] << 8 | data[body + 1]) if length > 1 else after + 1
            name = data[body + 2 : at]
            mid = 0
            if head & _QOS:
                mid = data[at] << 8 | data[at + 1] if at + 1 < after else 0
                at += 2 if mid else after
            if mqtt5:
                at = _past_properties(data, at, after)
            if at > after:
                # Not a PUBLISH that anyone may send: paho ends the connection for it.
                others.append(data[position:after])
                position = after
                continue
            topic = topics.get(name)
            if topic is None:
                topic = self._topic(name)
            last = after
            if after - at > MAX_KEPT_BYTES:
                last = at + MAX_KEPT_BYTES
                self._skip = max(0, after - end)
            # What `Message(…)` does, without a call in Python for each.
            found.append(make(Message, (topic, data[at:last], received_ns, (head & _QOS) >> 1, bool(head & _RETAIN))))
            mids.append(mid)
            position = after
        self._rest = data[position:]
        return found, mids, b"".join(others)

    def _topic(self, name: bytes) -> str:
        try:
            topic = name.decode()
        except UnicodeDecodeError:
            topic = name.decode("utf-8", "replace")
        if len(self._topics) < MAX_TOPICS:
            self._topics[name] = topic
        return topic


def _length(data: bytes, at: int, end: int) -> tuple[int, int]:
    """(remaining length, where the body begins); the latter 0 where it has not come whole, the former -1 if none."""
    length = 0
    for count in range(_LENGTH_BYTES):
        if at + count >= end:
            return 0, 0
        byte = data[at + count]
        length |= (byte & 0x7F) << (7 * count)
        if not byte & _MORE:
            return length, at + count + 1
    return -1, at + _LENGTH_BYTES


def _past_properties(data: bytes, at: int, after: int) -> int:
    if at < after and not data[at] & _MORE:
        return at + 1 + data[at]
    length, body = _length(data, at, min(after, len(data)))
    return body + length if body and length >= 0 else after + 1


def pubacks(mids: list[int]) -> bytes:
    """PUBACK packets that say success, in that order."""
    packets = np.empty((len(mids), 4), np.uint8)
    numbers = np.array(mids, np.uint16)
    packets[:, 0], packets[:, 1] = _PUBACK, 2
    packets[:, 2], packets[:, 3] = numbers >> 8, numbers & 0xFF
    return packets.tobytes()
