"""A device that publishes at QoS 1 and keeps its own ledger on disk: what it sent, and what the broker took.

MQTT 3.1.1 by hand on one socket, so that nothing of the product, nor of the client it uses, counts for itself.
What a device says is a pure function of its settings and a number: the ledger needs to keep numbers only.
As a process of its own (``python device.py SETTINGS.json``) it can be killed, and goes on from its ledger.
"""

from __future__ import annotations

import json
import select
import signal
import socket
import struct
import sys
import threading
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path

CONNECT_TIMEOUT_S = 2.0
SILENCE_S = 4.0
"""With messages under way and no word from the broker for so long, connect anew."""
RETRY_S = 0.05


@dataclass(frozen=True)
class Settings:
    """What a device says, how fast, and to whom. ``bad_every``: each so-manyth message is broken off."""

    name: str
    port: int
    folder: str
    total: int
    rate_hz: float = 1500.0
    assets: int = 4
    rows: int = 1
    start_ms: int = 1_795_328_000_000
    bad_every: int = 0
    steps_ms: tuple[tuple[int, int], ...] = ()
    """(from number, ms): from there on the device's clock is off by so much."""
    window: int = 400

    def asset(self, n: int) -> str:
        return f"{self.name}-{n % self.assets}"

    def is_bad(self, n: int) -> bool:
        return self.bad_every > 0 and n % self.bad_every == self.bad_every - 1

    def topic(self, n: int) -> str:
        return f"plant/{self.asset(n)}/data"

    def counts(self, n: int) -> range:
        """The sequence numbers that message ``n`` carries."""
        first = n // self.assets * self.rows
        return range(first, first + self.rows)

    def t_ms(self, n: int, count: int) -> int:
        off_ms = 0
        for first, step_ms in self.steps_ms:
            if n >= first:
                off_ms = step_ms
        return self.start_ms + off_ms + 2 * count

    def values(self, n: int, count: int) -> tuple[float, float]:
        """Exact in binary, and different for every number and device."""
        mixed = (n * 2654435761 + count * 40503 + len(self.name)) % (1 << 20)
        return mixed / 64.0, -count / 8.0

    def payload(self, n: int) -> bytes:
        counts = self.counts(n)
        if self.is_bad(n):
            return b'{"ts": %d, "n": %d, "broken": "%d' % (self.t_ms(n, counts[0]), counts[0], n)
        x, y = zip(*(self.values(n, count) for count in counts), strict=True)
        if self.rows == 1:
            return b'{"ts": %d, "n": %d, "x": %r, "y": %r}' % (self.t_ms(n, counts[0]), counts[0], x[0], y[0])
        t_ms = [self.t_ms(n, count) for count in counts]
        return json.dumps({"ts": t_ms, "n": counts[0], "x": x, "y": y}).encode()


class Ledger:
    """Two files of numbers, appended: ``published`` before a message is sent, ``acknowledged`` after its PUBACK."""

    def __init__(self, folder: Path, name: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._files = [(folder / f"{name}.{word}").open("ab+", buffering=0) for word in ("published", "acknowledged")]
        self.published, self.acknowledged = (self._read(file) for file in self._files)

    def _read(self, file) -> set[int]:
        file.seek(0)
        whole = file.read()
        whole = whole[: len(whole) // 8 * 8]
        return set(struct.unpack(f"<{len(whole) // 8}q", whole))

    def publish(self, numbers: list[int]) -> None:
        self._append(0, numbers)
        self.published.update(numbers)

    def acknowledge(self, numbers: list[int]) -> None:
        self._append(1, numbers)
        self.acknowledged.update(numbers)

    def _append(self, which: int, numbers: list[int]) -> None:
        if numbers:
            self._files[which].write(struct.pack(f"<{len(numbers)}q", *numbers))

    def close(self) -> None:
        for file in self._files:
            file.close()


def text(value: str) -> bytes:
    return struct.pack(">H", len(value.encode())) + value.encode()


def packet(head: int, body: bytes) -> bytes:
    size, rest = bytearray(), len(body)
    while True:
        rest, digit = divmod(rest, 128)
        size.append(digit | (128 if rest else 0))
        if not rest:
            return bytes([head]) + bytes(size) + body


class Device:
    """Runs in a thread until all its messages are acknowledged (mutable; its thread owns the socket)."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.ledger = Ledger(Path(settings.folder), settings.name)
        self.reconnections = -1
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"device-{settings.name}", daemon=True)
        self._pending: dict[int, int] = {}
        self._resend = sorted(self.ledger.published - self.ledger.acknowledged)
        self._next = max(self.ledger.published, default=-1) + 1
        self._mid = 0
        self._total = settings.total

    def start(self) -> None:
        self._thread.start()

    @property
    def done(self) -> bool:
        return len(self.ledger.acknowledged) >= self._total

    def say_no_more(self) -> None:
        """What is said is all there is."""
        self._total = self._next

    @property
    def sent(self) -> int:
        return self._next

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(10)
        self.ledger.close()

    def _run(self) -> None:
        self._began_s, self._began = time.monotonic(), self._next
        while not self._stop.is_set() and not self.done:
            try:
                with socket.create_connection(("127.0.0.1", self.settings.port), CONNECT_TIMEOUT_S) as line:
                    self._connect(line)
                    self._talk(line)
            except (OSError, ConnectionError):
                self._stop.wait(RETRY_S)

    def _connect(self, line: socket.socket) -> None:
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        line.sendall(packet(0x10, text("MQTT") + bytes([4, 0]) + struct.pack(">H", 30) + text(self.settings.name)))
        answer = b""
        while len(answer) < 4:
            more = line.recv(4 - len(answer))
            if not more:
                raise ConnectionError("closed instead of CONNACK")
            answer += more
        if answer[0] != 0x20 or answer[3]:
            raise ConnectionError(f"refused: {answer!r}")
        self.reconnections += 1

    def _talk(self, line: socket.socket) -> None:
        line.setblocking(False)
        out = bytearray()
        for mid, n in self._pending.items():
            out += self._packet(mid, n, again=True)
        received = bytearray()
        heard_s = said_s = time.monotonic()
        while not self._stop.is_set() and not (self.done and not out):
            now_s = time.monotonic()
            out += self._due(now_s, len(out))
            if now_s - said_s > 10:
                out += b"\xc0\x00"
                said_s = now_s
            readable, writable, _ = select.select([line], [line] if out else [], [], 0.005)
            if writable:
                del out[: line.send(out[:65536])]
                said_s = now_s
            if readable:
                more = line.recv(65536)
                if not more:
                    raise ConnectionError("closed")
                received += more
                heard_s = now_s
                self._count(received)
            elif self._pending and now_s - heard_s > SILENCE_S:
                raise ConnectionError("silent")

    def _due(self, now_s: float, unsent: int) -> bytes:
        room = self.settings.window - len(self._pending)
        if room <= 0 or unsent > 1 << 18:
            return b""
        again, self._resend = self._resend[:room], self._resend[room:]
        until = self._began + int((now_s - self._began_s) * self.settings.rate_hz)
        fresh = list(range(self._next, min(until, self._total, self._next + room - len(again))))
        self.ledger.publish(fresh)
        self._next += len(fresh)
        out = bytearray()
        for n in (*again, *fresh):
            mid = self._free_mid()
            self._pending[mid] = n
            out += self._packet(mid, n)
        return bytes(out)

    def _free_mid(self) -> int:
        while True:
            self._mid = self._mid % 65535 + 1
            if self._mid not in self._pending:
                return self._mid

    def _packet(self, mid: int, n: int, *, again: bool = False) -> bytes:
        body = text(self.settings.topic(n)) + struct.pack(">H", mid) + self.settings.payload(n)
        return packet(0x3A if again else 0x32, body)

    def _count(self, received: bytearray) -> None:
        taken = []
        while len(received) >= 2 and len(received) >= 2 + received[1]:
            if received[0] == 0x40:
                n = self._pending.pop(int.from_bytes(received[2:4], "big"), None)
                if n is not None:
                    taken.append(n)
            del received[: 2 + received[1]]
        self.ledger.acknowledge(taken)


def main() -> None:
    told = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    device = Device(replace(Settings(**told), steps_ms=tuple(map(tuple, told["steps_ms"]))))
    signal.signal(signal.SIGTERM, lambda *_: device._stop.set())
    device.start()
    while device._thread.is_alive():
        device._thread.join(0.2)


def write_settings(settings: Settings, path: Path) -> None:
    path.write_text(json.dumps(asdict(settings)), encoding="utf-8")


if __name__ == "__main__":
    main()
