"""A load generator: robots that publish rows of numbers at QoS 1, encoded before, written in bulk.

    python -m connectors.bench.load HOST PORT '{"robots": 500, "frames": 1, "blocks": 200, "rate": 0}'

It says ``ready`` on stdout, begins at a line on stdin, and ends with one JSON line: what it published and
when. A block is one message of each robot. With a rate (messages a second) blocks go out in time,
otherwise as fast as the broker takes them.
"""

from __future__ import annotations

import itertools
import json
import select
import socket
import struct
import sys
import time

import msgspec
import numpy as np

from connectors.wall_clock import WallClock

VALUES = 20
PERIOD_MS = 10
FIRST_SEQ = 10_000_000
WINDOW = 20_000
TOPICS = "bench/+/+/joints"
TOPIC_TEMPLATE = "bench/{line}/{asset}/{stream}"
_SLICES = 10
_TIME_DIGITS, _SEQ_DIGITS = 13, 8


class Load(msgspec.Struct):
    """``blocks`` messages of each of ``robots``, ``frames`` rows in each.

    ``first_ms`` is the time of block 0; the first block sent is number ``skip``.
    """

    robots: int = 500
    frames: int = 1
    blocks: int = 200
    skip: int = 0
    rate: float = 0.0
    first_ms: int = 0
    values: int = VALUES


def _payload(robot: int, load: Load) -> bytes:
    angle = np.arange(load.values) * 0.37 + robot * 0.11
    rows = np.round(np.sin(angle[None, :] + np.arange(load.frames)[:, None] * 0.05) * 1.5, 3).tolist()
    head = (
        {"t0": 0, "dt_s": PERIOD_MS / 1000, "seq": 0, "v": rows}
        if load.frames > 1
        else {"ts": 0, "seq": 0, "v": rows[0]}
    )
    text = json.dumps(head, separators=(",", ":"))
    key = '"t0":' if load.frames > 1 else '"ts":'
    return (
        text.replace(f"{key}0", f"{key}{'0' * _TIME_DIGITS}").replace('"seq":0', f'"seq":{"0" * _SEQ_DIGITS}').encode()
    )


class Block:
    """One message of each robot, as PUBLISH packets in a row. Mutable: times, counts and ids are written in."""

    def __init__(self, load: Load) -> None:
        packets = []
        times, counts, ids, edges = [], [], [], [0]
        for robot in range(load.robots):
            topic = f"bench/line{robot // 50}/robot{robot:03d}/joints".encode()
            payload = _payload(robot, load)
            body = struct.pack(">H", len(topic)) + topic + b"\0\0" + payload
            head = b"\x32" + _length(len(body))
            start = edges[-1] + len(head)
            ids.append(start + 2 + len(topic))
            first = start + len(body) - len(payload)
            times.append(first + payload.index(b"0" * _TIME_DIGITS))
            counts.append(first + payload.index(b'"seq":') + 6)
            packets.append(head + body)
            edges.append(edges[-1] + len(head) + len(body))
        self.edges = edges
        self._bytes = np.frombuffer(b"".join(packets), np.uint8).copy()
        self._times = np.array(times)[:, None] + np.arange(_TIME_DIGITS)
        self._counts = np.array(counts)[:, None] + np.arange(_SEQ_DIGITS)
        self._ids = np.array(ids)

    def at(self, time_ms: int, seq: int, first_id: int) -> bytes:
        """The packets with that time and count; ids count on from ``first_id``, 0 left out."""
        ids = (first_id + np.arange(len(self._ids))) % 0xFFFF + 1
        self._bytes[self._ids], self._bytes[self._ids + 1] = ids >> 8, ids & 0xFF
        self._bytes[self._times] = np.frombuffer(str(time_ms).encode(), np.uint8)
        self._bytes[self._counts] = np.frombuffer(str(seq).encode(), np.uint8)
        return self._bytes.tobytes()


def _length(length: int) -> bytes:
    out = bytearray()
    while True:
        length, byte = length >> 7, length & 0x7F
        out.append(byte | (0x80 if length else 0))
        if not length:
            return bytes(out)


class Wire:
    """A connection that only publishes. Mutable: it counts acknowledgements by their bytes."""

    def __init__(self, host: str, port: int) -> None:
        self._socket = socket.create_connection((host, port), 10)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        name = f"bench-load-{time.monotonic_ns()}".encode()
        body = b"\x00\x04MQTT\x04\x02\x00\x00" + struct.pack(">H", len(name)) + name
        self._socket.sendall(b"\x10" + _length(len(body)) + body)
        if self._socket.recv(4)[3:] != b"\x00":
            raise ConnectionError("the broker refused the load generator")
        self._socket.setblocking(False)
        self.sent = 0
        self._acknowledged_bytes = 0

    @property
    def acknowledged(self) -> int:
        """How many messages the broker has acknowledged."""
        return self._acknowledged_bytes // 4

    def send(self, packets: bytes, count: int) -> None:
        """Send packets, reading acknowledgements meanwhile; waits while the window is full."""
        left = memoryview(packets)
        self.sent += count
        while left or self.sent - self.acknowledged > WINDOW:
            readable, writable, _ = select.select([self._socket], [self._socket] if left else [], [], 30)
            if readable:
                self._read()
            if writable:
                left = left[self._socket.send(left[: 1 << 18]) :]
            if not readable and not writable:
                raise TimeoutError("the broker stopped taking messages")

    def drain(self) -> None:
        """Wait for every acknowledgement."""
        while self.acknowledged < self.sent:
            if not select.select([self._socket], [], [], 30)[0]:
                raise TimeoutError(f"{self.sent - self.acknowledged} messages were not acknowledged")
            self._read()

    def poll(self) -> None:
        """Read the acknowledgements that are there."""
        while select.select([self._socket], [], [], 0)[0]:
            self._read()

    def _read(self) -> None:
        got = self._socket.recv(1 << 16)
        if not got:
            raise ConnectionError("the broker closed the connection of the load generator")
        self._acknowledged_bytes += len(got)


def run(host: str, port: int, load: Load) -> dict[str, float]:
    """Publish the load; how many messages, and when the first and the last one went (ns of the wall clock)."""
    block, wire = Block(load), Wire(host, port)
    print("ready", flush=True)  # noqa: T201  spoken to the one who started it
    sys.stdin.readline()
    clock = WallClock()
    began_ns, began = clock.now_ns(), time.monotonic()
    late_s = 0.0
    for number in range(load.skip, load.skip + load.blocks):
        time_ms = load.first_ms + number * load.frames * PERIOD_MS
        packets = block.at(time_ms, FIRST_SEQ + number * load.frames, number * load.robots)
        if not load.rate:
            wire.send(packets, load.robots)
            continue
        edges = np.linspace(0, load.robots, _SLICES + 1).astype(int).tolist()
        for start, end in itertools.pairwise(edges):
            due_s = ((number - load.skip) * load.robots + start) / load.rate
            now_s = time.monotonic() - began
            if now_s < due_s:
                time.sleep(due_s - now_s)
            late_s = max(late_s, now_s - due_s)
            wire.send(packets[block.edges[start] : block.edges[end]], end - start)
            wire.poll()
    sent_ns = clock.now_ns()
    wire.drain()
    return {
        "published": wire.sent,
        "acknowledged": wire.acknowledged,
        "began_ns": began_ns,
        "sent_ns": sent_ns,
        "acknowledged_ns": clock.now_ns(),
        "late_s": late_s,
        "cpu_s": time.process_time(),
    }


if __name__ == "__main__":
    print(json.dumps(run(sys.argv[1], int(sys.argv[2]), msgspec.json.decode(sys.argv[3], type=Load))), flush=True)  # noqa: T201
