"""paho's socket, with the hot path taken out of it: PUBLISH packets leave it in bulk, PUBACKs enter it in bulk.

paho keeps what is rare: connecting, TLS, subscribing, keep-alive, reconnecting. It sees every packet
but PUBLISH at QoS 0 and 1.
"""

from __future__ import annotations

import contextlib
import select
import socket
import ssl
import threading
import time
from typing import TYPE_CHECKING, Any

import paho.mqtt.client as paho

from connectors.sources._packets import Splitter

if TYPE_CHECKING:
    from collections.abc import Callable

    from twin.message import Message

READ_BYTES = 256 * 1024
NO_ROOM_S = 0.02
"""How long reading rests where there is no room for what was read; paho's own work goes on between."""
LAST_WORDS_S = 0.5
"""How long an ending connection waits for the broker to have read it to its end."""
SEND_TIMEOUT_S = 10.0
"""A broker that takes no acknowledgement for so long is not there any more."""


class Wire:
    """Stands between paho and the real socket of one connection.

    Mutable: paho's network thread reads, any thread writes. ``take`` gets messages and their packet
    ids, and answers how many of them it took; the rest waits here, and nothing more is read until
    all of it is taken. ``generation`` numbers the connections of a source.
    """

    def __init__(
        self,
        real: Any,
        generation: int,
        *,
        mqtt5: bool,
        now_ns: Callable[[], int],
        take: Callable[[Wire, list[Message], list[int]], int],
    ) -> None:
        self.generation = generation
        self.in_flight: set[int] = set()
        """Packet ids taken and not acknowledged yet."""
        self._real = real
        self._now_ns = now_ns
        self._take = take
        self._splitter = Splitter(mqtt5=mqtt5)
        self._for_paho = b""
        self._waiting: tuple[list[Message], list[int]] = ([], [])
        self._sending = threading.Lock()
        self._unsent = b""

    # What paho reads with.

    def recv(self, size: int) -> bytes:
        """Up to ``size`` bytes of packets that are not taken in bulk; raises BlockingIOError for none."""
        if not self._for_paho and self._taken():
            received = self._read()
            if received == b"":
                return b""  # the broker has closed the connection
            messages, mids, self._for_paho = self._splitter.split(received, self._now_ns())
            if messages:
                self._waiting = messages, mids
                self._taken()
        if not self._for_paho:
            raise BlockingIOError
        given, self._for_paho = self._for_paho[:size], self._for_paho[size:]
        return given

    def _read(self) -> bytes:
        try:
            received: bytes = self._real.recv(READ_BYTES)
        except ssl.SSLWantReadError as error:
            raise BlockingIOError from error
        return received

    def _taken(self) -> bool:
        """Whether everything read so far has found room."""
        messages, mids = self._waiting
        if not messages:
            return True
        taken = self._take(self, messages, mids)
        self._waiting = messages[taken:], mids[taken:]
        if taken < len(messages):
            time.sleep(NO_ROOM_S)  # paho would ask again at once, for the socket has something to read
            return False
        return True

    def pending(self) -> int:
        """Bytes that can be read without the socket saying so."""
        inside = self._real.pending() if hasattr(self._real, "pending") else 0
        return len(self._for_paho) + len(self._waiting[0]) + int(inside)

    # What paho and the acknowledgements write with: whole packets, one after the other.

    def send(self, packet: bytes) -> int:
        """Send a packet of paho's, all of it."""
        self.send_all(bytes(packet))
        return len(packet)

    def send_all(self, packets: bytes) -> None:
        """Send whole packets; raises OSError when the broker takes nothing for `SEND_TIMEOUT_S`."""
        with self._sending:
            self._unsent += packets
            deadline = time.monotonic() + SEND_TIMEOUT_S
            while self._unsent:
                try:
                    self._unsent = self._unsent[self._real.send(self._unsent) :]
                except (BlockingIOError, ssl.SSLWantWriteError, ssl.SSLWantReadError):
                    left_s = deadline - time.monotonic()
                    if left_s <= 0 or not select.select([], [self._real], [], left_s)[1]:
                        raise TimeoutError(f"the broker took nothing for {SEND_TIMEOUT_S:.0f} s") from None

    # The rest is the real socket's.

    def fileno(self) -> int:
        """For select."""
        return int(self._real.fileno())

    def setblocking(self, flag: bool) -> None:  # noqa: FBT001  a socket's own signature
        """As a socket."""
        self._real.setblocking(flag)

    def close(self) -> None:
        """End the line so that the broker reads what was said: from one just closed, mosquitto drops the last PUBACKs.

        What still comes is not taken; it was not acknowledged, and comes again.
        """
        with contextlib.suppress(OSError, ValueError):
            self._real.shutdown(socket.SHUT_WR)
            deadline = time.monotonic() + LAST_WORDS_S
            while (left_s := deadline - time.monotonic()) > 0 and select.select([self._real], [], [], left_s)[0]:
                if not self._real.recv(READ_BYTES):
                    break
        self._real.close()


class BulkClient(paho.Client):
    """A paho client whose socket is a `Wire`. Mutable as paho's own."""

    wrap: Callable[[socket.socket], Wire]

    def _create_socket(self) -> Any:
        return self.wrap(super()._create_socket())  # type: ignore[arg-type]
