"""Messages from an MQTT broker: durable session, manual acknowledgement, endless reconnection.

MQTT 5 where the broker has it, else 3.1.1. The network thread only enqueues; parsing, storing and
acknowledging are the writer's.
"""

from __future__ import annotations

import logging
import sys
import threading
from typing import TYPE_CHECKING, Any, NamedTuple

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

from connectors.broker import host_port, kind_of, url_of
from connectors.factory_file import read_secret
from connectors.tls import context
from twin.config import OWN_TOPICS
from twin.events import Event, EventKind
from twin.message import Message
from twin.ports import Delivery

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from connectors.sources import Surroundings
    from twin.config import SourceConfig

log = logging.getLogger(__name__)
SESSION_EXPIRY_S = 7 * 86400
RECEIVE_MAXIMUM = 1000
MAXIMUM_PACKET_BYTES = 1_000_000
KEEPALIVE_S = 30
_UNSUPPORTED_PROTOCOL = 132


class _Receipt(NamedTuple):
    generation: int
    mid: int
    qos: int


class Source:
    """One durable subscription. Mutable: the network thread owns the connection's state."""

    def __init__(self, config: SourceConfig, surroundings: Surroundings) -> None:
        self.name = config.name
        self._config = config
        self._broker = surroundings.broker
        self._client_id = surroundings.client_id
        self._clock = surroundings.clock
        embedded = kind_of(surroundings.broker) == "embedded"
        self._protocol = paho.MQTTv311 if embedded else paho.MQTTv5
        self._expects_session = surroundings.expects_session
        self._generation = 0
        self._in_flight: set[int] = set()
        self._connected = threading.Event()
        self._stopping = False
        self._failure = ""
        self._lost = False
        self._held_back = threading.Event()
        self._client: paho.Client | None = None

    @property
    def connected(self) -> bool:
        """Whether the broker has accepted the connection and the subscriptions."""
        return self._connected.is_set()

    def start(self, deliver: Callable[[Delivery], bool], report: Callable[[Event], None]) -> None:
        """Connect in the background; an unreachable broker is tried again, ever slower up to 10 s."""
        self._deliver, self._report = deliver, report
        self._client = self._connect()

    def acknowledge(self, receipts: Sequence[object]) -> None:
        """Send PUBACKs, in order, for messages of the present connection; older receipts are void."""
        client = self._client
        for receipt in receipts:
            if not isinstance(receipt, _Receipt):
                continue
            generation, mid, qos = receipt
            if generation == self._generation and mid and client is not None:
                # Forget it first: once acknowledged, the broker may give its number to another message.
                self._in_flight.discard(mid)
                client.ack(mid, qos)

    def resume(self) -> None:
        """There is room again: after a hold-back, connect anew, so that the broker sends what was passed over.

        The connection stays until then, because what is in the queue can only be acknowledged over it.
        """
        client = self._client
        if client is None or not self._held_back.is_set() or self._stopping:
            return
        client.disconnect()
        client.loop_stop()
        self._held_back.clear()
        self._client = self._connect()

    def stop(self) -> None:
        """Disconnect; the broker keeps the session and queues what comes."""
        self._stopping = True
        client, self._client = self._client, None
        if client is not None:
            client.disconnect()
            client.loop_stop()

    def _connect(self) -> paho.Client:
        host, port, tls = host_port(url_of(self._broker))
        mqtt5 = self._protocol == paho.MQTTv5
        client = paho.Client(
            CallbackAPIVersion.VERSION2,
            client_id=self._client_id,
            protocol=self._protocol,
            manual_ack=True,
            reconnect_on_failure=True,
            clean_session=None if mqtt5 else False,
        )
        client.reconnect_delay_set(1, 10)
        client.on_connect = self._on_connect
        client.on_connect_fail = self._on_connect_fail
        client.on_subscribe = self._on_subscribe
        client.on_disconnect = self._on_disconnect
        client.on_message = self._on_message
        if self._broker.username:
            client.username_pw_set(self._broker.username, read_secret(self._broker.password))
        if tls:
            client.tls_set_context(context(self._broker))
        if mqtt5:
            properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
            properties.SessionExpiryInterval = SESSION_EXPIRY_S
            properties.ReceiveMaximum = RECEIVE_MAXIMUM
            properties.MaximumPacketSize = MAXIMUM_PACKET_BYTES
            client.connect_async(host, port, KEEPALIVE_S, clean_start=False, properties=properties)
        else:
            client.connect_async(host, port, KEEPALIVE_S)
        client.loop_start()
        return client

    def _on_connect(self, client: paho.Client, _: Any, flags: Any, reason: Any, __: Any) -> None:
        if reason.is_failure:
            if self._protocol == paho.MQTTv5 and reason.value == _UNSUPPORTED_PROTOCOL:
                self._protocol = paho.MQTTv311
                threading.Thread(target=self._restart, args=(client,), name=f"{self.name}-311", daemon=True).start()
            else:
                self._refused(str(reason))
            return
        self._generation += 1
        self._in_flight.clear()
        if self._protocol == paho.MQTTv5:
            # What is retained comes once: again at each reconnection, old values would take the place of live ones.
            options = SubscribeOptions(self._config.qos, retainHandling=SubscribeOptions.RETAIN_SEND_IF_NEW_SUB)
            client.subscribe([(topic, options) for topic in self._config.topics])
        else:
            client.subscribe([(topic, self._config.qos) for topic in self._config.topics])
        if self._expects_session and not flags.session_present:
            self._report(Event(EventKind.SESSION_LOST, self._clock.now_ns(), f"twin/ingest/{self.name}"))
        self._expects_session = True

    def _on_subscribe(self, client: paho.Client, _: Any, __: Any, reasons: list[Any], ___: Any) -> None:
        """From here on the broker keeps for us what comes."""
        del client
        refused = [str(reason) for reason in reasons if reason.is_failure]
        if refused:
            log.error("%s: the broker refused a subscription: %s", self.name, ", ".join(refused))
            return
        self._failure, self._lost = "", False
        self._connected.set()
        self._report(Event(EventKind.SOURCE_CONNECTED, self._clock.now_ns(), f"twin/ingest/{self.name}"))

    def _restart(self, client: paho.Client) -> None:
        client.disconnect()
        client.loop_stop()
        if not self._stopping:
            self._client = self._connect()

    def _refused(self, reason: str) -> None:
        """The broker answered, and said no."""
        if reason != self._failure:
            self._failure = reason
            log.error("%s: %s refused the connection: %s", self.name, url_of(self._broker), reason)
            self._lose(reason)

    def _lose(self, reason: str) -> None:
        """State the loss once; the broker's later answers while it lasts are only logged."""
        if not self._lost:
            self._lost = True
            self._report(Event(EventKind.SOURCE_LOST, self._clock.now_ns(), f"twin/ingest/{self.name}", after=reason))

    def _on_connect_fail(self, client: paho.Client, _: Any) -> None:
        """Say why, once: it is tried again and again. paho calls this where it has caught the error."""
        del client
        reason = str(sys.exc_info()[1] or "no connection")
        if reason != self._failure:
            self._failure = reason
            log.error("%s: no connection to %s: %s", self.name, url_of(self._broker), reason)
            self._lose(reason)

    def _on_disconnect(self, client: paho.Client, _: Any, flags: Any, reason: Any, __: Any) -> None:
        del client, flags
        if self._connected.is_set():
            self._connected.clear()
            if not self._stopping:
                self._lose(str(reason))

    def _on_message(self, client: paho.Client, _: Any, got: paho.MQTTMessage) -> None:
        if self._held_back.is_set():
            return  # not acknowledged, so it comes again after `resume`
        if got.qos:
            if got.mid in self._in_flight:
                return  # sent again while its first copy still waits to be stored; one acknowledgement serves both
            self._in_flight.add(got.mid)
        receipt = _Receipt(self._generation, got.mid, got.qos)
        try:
            topic = got.topic
        except UnicodeDecodeError:
            topic = bytes(got._topic).decode("utf-8", "replace")  # noqa: SLF001  paho gives no other way to the bytes
        if topic.startswith(OWN_TOPICS):
            self._in_flight.discard(got.mid)
            client.ack(got.mid, got.qos)
            return
        message = Message(topic, bytes(got.payload), self._clock.now_ns(), got.qos, got.retain)
        if not self._deliver(Delivery(self.name, message, receipt)):
            self._in_flight.discard(got.mid)
            self._held_back.set()
            log.error("%s: no room for more; the broker keeps what is sent at QoS 1, the rest is lost", self.name)
