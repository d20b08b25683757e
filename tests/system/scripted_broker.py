"""A broker that does what a test tells it to, right or wrong, and keeps everything a client said to it."""

from __future__ import annotations

import socket
import struct
import threading
from dataclasses import dataclass, field


def packet(head: int, body: bytes) -> bytes:
    size, rest = bytearray(), len(body)
    while True:
        rest, digit = divmod(rest, 128)
        size.append(digit | (128 if rest else 0))
        if not rest:
            return bytes([head]) + bytes(size) + body


@dataclass
class Connection:
    """One client connection (mutable: the broker's thread writes down what comes)."""

    line: socket.socket
    level: int = 4
    connect: bytes = b""
    subscribed: int = 0
    pubacks: list[int] = field(default_factory=list)
    left: bool = False
    """DISCONNECT, or the end of the line."""
    sending: threading.Lock = field(default_factory=threading.Lock)

    @property
    def is_clean(self) -> bool:
        """Clean session (3.1.1) or clean start (5)."""
        return bool(self.connect[7] & 0x02)

    @property
    def keepalive_s(self) -> int:
        return int.from_bytes(self.connect[8:10], "big")

    @property
    def properties(self) -> dict[int, int]:
        """The four-byte and two-byte properties of an MQTT 5 CONNECT, by their identifier."""
        end, at, found = 11 + self.connect[10], 11, {}
        sizes = {0x11: 4, 0x21: 2, 0x27: 4, 0x22: 2, 0x19: 1, 0x17: 1}
        while at < end:
            size = sizes[self.connect[at]]
            found[self.connect[at]] = int.from_bytes(self.connect[at + 1 : at + 1 + size], "big")
            at += 1 + size
        return found

    def publish(
        self, payload: bytes, mid: int = 0, *, qos: int = 1, again: bool = False, topic: bytes = b"plant/press/data"
    ) -> None:
        head = 0x30 | qos << 1 | (0x08 if again else 0)
        body = struct.pack(">H", len(topic)) + topic
        if qos:
            body += struct.pack(">H", mid)
        self.send(packet(head, body + (b"\x00" if self.level == 5 else b"") + payload))

    def send(self, data: bytes) -> None:
        with self.sending:
            self.line.sendall(data)

    def break_off(self) -> None:
        """End the line without a word."""
        self.line.shutdown(socket.SHUT_RDWR)


class ScriptedBroker:
    """Listens on a port of its own (mutable; one thread a connection). ``session_present`` is what CONNACK will say."""

    def __init__(self) -> None:
        self.session_present = False
        self.refuse_mqtt5 = False
        self.grant = True
        self.connections: list[Connection] = []
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        self.url = f"mqtt://127.0.0.1:{self.port}"
        threading.Thread(target=self._accept, name="scripted-broker", daemon=True).start()

    @property
    def now(self) -> Connection:
        """The newest connection that has subscribed."""
        return [one for one in self.connections if one.subscribed][-1]

    def close(self) -> None:
        self._server.close()
        for connection in self.connections:
            connection.line.close()

    def _accept(self) -> None:
        while True:
            try:
                line, _ = self._server.accept()
            except OSError:
                return
            line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._serve, args=(Connection(line),), daemon=True).start()

    def _serve(self, connection: Connection) -> None:
        received = b""
        try:
            while more := connection.line.recv(65536):
                received += more
                while (cut := _first(received)) is not None:
                    head, body, received = cut
                    self._hear(connection, head, body)
        except OSError:
            pass
        connection.left = True

    def _hear(self, connection: Connection, head: int, body: bytes) -> None:
        kind = head & 0xF0
        if kind == 0x10:
            connection.connect, connection.level = body, body[6]
            mqtt5 = connection.level == 5
            if mqtt5 and self.refuse_mqtt5:
                connection.send(packet(0x20, b"\x00\x84\x00"))
                connection.line.close()
                return
            connection.send(packet(0x20, bytes([self.session_present, 0]) + (b"\x00" if mqtt5 else b"")))
            self.connections.append(connection)
        elif kind == 0x80:
            connection.subscribed += 1
            answer = b"\x01" if self.grant else (b"\x87" if connection.level == 5 else b"\x80")
            connection.send(packet(0x90, body[:2] + (b"\x00" if connection.level == 5 else b"") + answer))
        elif kind == 0xC0:
            connection.send(b"\xd0\x00")
        elif kind == 0x40:
            connection.pubacks.append(int.from_bytes(body[:2], "big"))
        elif kind == 0xE0:
            connection.left = True


def _first(data: bytes):
    """(head, body, the rest) of the first whole packet, or None."""
    length, shift, at = 0, 0, 1
    while at < len(data) and at < 5:
        length |= (data[at] & 0x7F) << shift
        shift += 7
        at += 1
        if not data[at - 1] & 0x80:
            return (data[0], data[at : at + length], data[at + length :]) if len(data) >= at + length else None
    return None
