"""Messages out to a broker: bounded in flight, counted at PUBACK."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections import deque
from typing import TYPE_CHECKING, Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from connectors.broker import host_port
from connectors.tls import context
from twin.config import BrokerConfig
from twin.errors import BrokerError

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Sequence

WINDOW = 500
CONNECT_TIMEOUT_S = 10.0


UP, DOWN = ("", b"up"), ("", b"down")
"""What `Publisher.heard` says of its own connection; no message has an empty topic."""


class _Client(paho.Client):
    """A client that makes its will anew before each connection. Mutable as paho's own."""

    will: Callable[[], tuple[str, bytes]] | None = None
    is_cut = False

    def reconnect(self) -> Any:
        """Connect, the first time and every time; paho calls this for all of them, and tries again after an OSError."""
        if self.is_cut:
            raise OSError("the network is cut")
        if self.will is not None:
            topic, payload = self.will()
            self.will_set(topic, payload, 1, False)
        return super().reconnect()


class Publisher:
    """A publishing client. Mutable; one thread publishes, the network thread counts.

    `acknowledged` hands out the tokens of messages that the broker has taken (PUBACK), each once.
    What is unacknowledged when the connection breaks is sent again by the client (QoS 1).

    ``will`` is asked for the last will before each connection. It listens on ``topics``: `heard` hands
    out what came, `UP` when they are subscribed, and `DOWN` when the connection is lost.
    """

    def __init__(  # noqa: PLR0913  what a connection is made of
        self,
        url: str,
        client_id: str,
        config: BrokerConfig | None = None,
        password: str = "",
        *,
        durable: bool = True,
        will: Callable[[], tuple[str, bytes]] | None = None,
        topics: Sequence[str] = (),
    ) -> None:
        self._url = url
        host, port, tls = host_port(url)
        self._client = _Client(
            CallbackAPIVersion.VERSION2, client_id=client_id, protocol=paho.MQTTv311, clean_session=not durable
        )
        self._client.will = will
        self._topics = tuple(topics)
        self._heard: deque[tuple[str, bytes]] = deque()
        if topics:
            self._client.on_message = lambda _, __, message: self._heard.append((message.topic, bytes(message.payload)))
            self._client.on_subscribe = lambda *_: self._heard.append(UP)
            self._client.on_disconnect = lambda *_: self._heard.append(DOWN)
        self._client.max_inflight_messages_set(WINDOW)
        self._client.reconnect_delay_set(1, 5)
        self._client.on_publish = self._on_publish
        self._client.on_connect = self._on_connect
        if config is not None and config.username:
            self._client.username_pw_set(config.username, password)
        if tls:
            self._client.tls_set_context(context(config or BrokerConfig()))
        self._window = threading.Semaphore(WINDOW)
        self._acked_mids: deque[int] = deque()
        self._pending: dict[int, Hashable] = {}
        self._early: set[int] = set()
        self._connected = threading.Event()
        self._client.connect_async(host, port, 30)
        self._client.loop_start()

    def wait_connected(self, timeout_s: float = CONNECT_TIMEOUT_S) -> None:
        """Wait for the broker; raises BrokerError when it does not answer in time."""
        if not self._connected.wait(timeout_s):
            raise BrokerError(f"no broker answers at {self._url}")

    def heard(self) -> list[tuple[str, bytes]]:
        """(topic, payload) of what came since the last call, with `UP` and `DOWN` in their places."""
        found: list[tuple[str, bytes]] = []
        while self._heard:
            found.append(self._heard.popleft())
        return found

    def publish(
        self, topic: str, payload: bytes, *, qos: int = 1, retain: bool = False, token: Hashable = None
    ) -> None:
        """Send one message; waits while `WINDOW` messages are under way.

        At QoS 0 a message counts as acknowledged once it is written to the socket, and is dropped where there
        is no connection: its token is never handed out.
        """
        self._window.acquire()
        info = self._client.publish(topic, payload, qos, retain)
        if qos == 0 and info.rc == paho.MQTT_ERR_NO_CONN:
            self._window.release()
            return
        if info.rc not in (paho.MQTT_ERR_SUCCESS, paho.MQTT_ERR_NO_CONN):
            self._window.release()
            raise BrokerError(f"{topic}: {paho.error_string(info.rc)}")
        self._pending[info.mid] = token

    def offer(self, topic: str, payload: bytes) -> None:
        """Send at QoS 0 if there is a connection, else forget it: the next one will be newer.

        Never waits and counts nothing, so one publisher either publishes or offers.
        """
        if self._client.is_connected():
            self._client.publish(topic, payload, 0)
            self._acked_mids.clear()

    def acknowledged(self) -> list[Hashable]:
        """Tokens of messages acknowledged since the last call."""
        tokens: list[Hashable] = []
        mids = [*self._early]
        self._early.clear()
        while self._acked_mids:
            mids.append(self._acked_mids.popleft())
        for mid in mids:
            if mid in self._pending:
                tokens.append(self._pending.pop(mid))
            else:
                self._early.add(mid)
        return tokens

    @property
    def unacknowledged(self) -> int:
        """Messages given to `publish` whose PUBACK has not been handed out."""
        return len(self._pending)

    def cut(self) -> None:
        """Break the connection as a cable does that is pulled, and let it come back no more until `mend`.

        What was written arrives; there is no word of farewell, so the broker publishes the will.
        """
        self._client.is_cut = True
        line = self._client.socket()
        if isinstance(line, socket.socket):
            with contextlib.suppress(OSError):  # it broke of itself
                line.shutdown(socket.SHUT_RDWR)

    def mend(self) -> None:
        """Let the connection come back."""
        self._client.is_cut = False

    def close(self) -> None:
        """Disconnect."""
        self._client.disconnect()
        self._client.loop_stop()

    def _on_connect(self, client: paho.Client, _: Any, flags: Any, reason: Any, __: Any) -> None:
        del flags
        if not reason.is_failure:
            self._connected.set()
            if self._topics:
                client.subscribe([(topic, 1) for topic in self._topics])

    def _on_publish(self, client: paho.Client, _: Any, mid: int, reason: Any, __: Any) -> None:
        del client, reason
        self._acked_mids.append(mid)
        self._window.release()
