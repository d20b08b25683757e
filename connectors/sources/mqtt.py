"""Messages from an MQTT broker: durable session, manual acknowledgement, endless reconnection.

MQTT 5 where the broker has it, else 3.1.1. The network thread only cuts packets and enqueues;
parsing, storing and acknowledging are the writer's. Where the queue has no room, nothing is read:
the broker keeps what it has, and the connection lives on for half a keep-alive. After that, and
whenever the store is away for longer, it is given up until there is room again.
"""

from __future__ import annotations

import logging
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

from connectors.broker import host_port, kind_of, url_of
from connectors.factory_file import read_secret
from connectors.sources import Share
from connectors.sources._packets import pubacks
from connectors.sources._wire import BulkClient, Wire
from connectors.tls import context
from twin.events import Event, EventKind
from twin.ports import Delivery

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Sequence

    from connectors.sources import Surroundings
    from twin.config import SourceConfig
    from twin.message import Ask, Message

log = logging.getLogger(__name__)
SESSION_EXPIRY_S = 7 * 86400
RECEIVE_MAXIMUM = 10_000
"""Messages under way to us at once, where the broker heeds it; the queue is the hard bound."""
MAXIMUM_PACKET_BYTES = 1_000_000
KEEPALIVE_S = 30
PATIENCE_S = KEEPALIVE_S / 2
"""How long a connection lives on without being read."""
HELD = "held back: what has come waits for the store"
_UNSUPPORTED_PROTOCOL = 132
_MID_BITS = 16
_make = tuple.__new__
"""What `Delivery(…)` does, without a call in Python for each of very many."""


class Source:
    """One durable subscription. Mutable: the network thread owns the connection's state."""

    _clean = False
    """Whether each connection begins a session of its own, and the broker forgets it with the connection."""

    def __init__(self, config: SourceConfig, surroundings: Surroundings) -> None:
        self.name = config.name
        self.asks_dropped = 0
        self._config = config
        self._broker = surroundings.broker
        self._client_id = surroundings.client_id
        self._clock = surroundings.clock
        embedded = kind_of(surroundings.broker) == "embedded"
        self._protocol = paho.MQTTv311 if embedded else paho.MQTTv5
        self._expects_session = surroundings.expects_session
        self._generation = 0
        self._wire: Wire | None = None
        self._connected = threading.Event()
        self._stopping = False
        self._failure = ""
        self._lost = False
        self._full_since_s: float | None = None
        self._held = False
        self._share = Share(config)
        self._turning = threading.Lock()
        self._client: BulkClient | None = None

    @property
    def connected(self) -> bool:
        """Whether the broker has accepted the connection and the subscriptions."""
        return self._connected.is_set()

    def start(self, deliver: Callable[[Sequence[Delivery]], int], report: Callable[[Event], None]) -> None:
        """Connect in the background; an unreachable broker is tried again, ever slower up to 10 s."""
        self._deliver, self._report = deliver, report
        with self._turning:  # a broker may refuse MQTT 5 before this client has its name
            self._client = self._connect()

    def acknowledge(self, receipts: Sequence[object]) -> None:
        """Send PUBACKs, in order, for messages of the present connection; older receipts are void."""
        wire = self._wire
        if wire is None:
            return
        mids = [
            receipt & 0xFFFF
            for receipt in receipts
            if type(receipt) is int and receipt >> _MID_BITS == wire.generation and receipt & 0xFFFF
        ]
        if not mids:
            return
        # Forget them first: once acknowledged, the broker may give a number to another message.
        wire.in_flight.difference_update(mids)
        try:
            wire.send_all(pubacks(mids))
        except OSError as error:
            log.warning("%s: the connection broke under an acknowledgement: %s", self.name, error)

    def ask(self, asks: Sequence[Ask]) -> None:
        """Publish these, in order; what cannot be sent now is dropped, and counted in ``asks_dropped``."""
        client = self._client
        for place, one in enumerate(asks):
            sent = client is not None and self._connected.is_set()
            if sent and client is not None:
                try:
                    answer = client.publish(one.topic, one.payload, min(one.qos, 1), retain=one.retain)
                    sent = answer.rc == paho.MQTT_ERR_SUCCESS
                except (ValueError, OSError) as error:  # a topic that is none, a connection that broke
                    log.warning("%s: cannot publish to %r: %s", self.name, one.topic, error)
                    sent = False
            if not sent:
                self.asks_dropped += 1
                if place == 0:
                    log.warning("%s: %d requests to devices dropped so far", self.name, self.asks_dropped)

    def hold(self) -> None:
        """Give the connection up; the session stays, and what was not acknowledged comes again after `resume`."""
        with self._turning:
            client = self._client
            if client is None or self._held or self._stopping:
                return
            self._held, self._client = True, None
            if self._connected.is_set():
                self._connected.clear()
                self._lose(HELD)
            self._end(client)

    def resume(self) -> None:
        """Connect again, where the connection was given up."""
        with self._turning:
            if self._held and not self._stopping:
                self._held = False
                self._client = self._connect()

    def stop(self) -> None:
        """Disconnect; the broker keeps the session and queues what comes."""
        self._stopping = True
        with self._turning:
            client, self._client = self._client, None
            if client is not None:
                self._end(client)

    def _end(self, client: paho.Client) -> None:
        """Leave a connection for good: nothing that still arrives over it is taken."""
        self._wire = None
        client.disconnect()
        client.loop_stop()

    def _new_client(self, **words: Any) -> BulkClient:
        """A paho client; ``words`` are paho's own."""
        return BulkClient(CallbackAPIVersion.VERSION2, **words)

    def _connect(self) -> BulkClient:
        host, port, tls = host_port(url_of(self._broker))
        mqtt5 = self._protocol == paho.MQTTv5
        self._full_since_s = None
        client = self._new_client(
            client_id=self._client_id,
            protocol=self._protocol,
            manual_ack=True,
            reconnect_on_failure=True,
            clean_session=None if mqtt5 else self._clean,
        )
        client.wrap = self._wrap
        client.reconnect_delay_set(1, 10)
        client.on_connect = self._on_connect
        client.on_connect_fail = self._on_connect_fail
        client.on_subscribe = self._on_subscribe
        client.on_disconnect = self._on_disconnect
        if self._broker.username:
            client.username_pw_set(self._broker.username, read_secret(self._broker.password))
        if tls:
            client.tls_set_context(context(self._broker))
        if mqtt5:
            properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
            properties.SessionExpiryInterval = 0 if self._clean else SESSION_EXPIRY_S
            properties.ReceiveMaximum = RECEIVE_MAXIMUM
            properties.MaximumPacketSize = MAXIMUM_PACKET_BYTES
            client.connect_async(host, port, KEEPALIVE_S, clean_start=self._clean, properties=properties)
        else:
            client.connect_async(host, port, KEEPALIVE_S)
        client.loop_start()
        return client

    def _wrap(self, real: socket.socket) -> Wire:
        """A new connection: receipts of the one before are void from here on."""
        self._generation += 1
        self._full_since_s = None
        mqtt5 = self._protocol == paho.MQTTv5
        wire = Wire(real, self._generation, mqtt5=mqtt5, now_ns=self._clock.now_ns, take=self._take)
        self._wire = wire
        return wire

    def _on_connect(self, client: paho.Client, _: Any, flags: Any, reason: Any, __: Any) -> None:
        if reason.is_failure:
            if self._protocol == paho.MQTTv5 and reason.value == _UNSUPPORTED_PROTOCOL:
                self._protocol = paho.MQTTv311
                threading.Thread(target=self._restart, args=(client,), name=f"{self.name}-311", daemon=True).start()
            else:
                self._refused(str(reason))
            return
        # Of QoS 2 it takes no more than of 1: what comes twice is stored once anyway.
        qos = min(self._config.qos, 1)
        if self._protocol == paho.MQTTv5:
            # What is retained comes once: again at each reconnection, old values would take the place of live ones.
            options = SubscribeOptions(qos, retainHandling=SubscribeOptions.RETAIN_SEND_IF_NEW_SUB)
            client.subscribe([(topic, options) for topic in self._config.topics])
        else:
            client.subscribe([(topic, qos) for topic in self._config.topics])
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
        with self._turning:
            self._end(client)
            if self._client is client and not self._stopping:
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

    def _take(self, wire: Wire, messages: list[Message], mids: list[int]) -> int:
        """Enqueue what a connection brought; how many of it need not be offered again."""
        if wire is not self._wire:
            return len(messages)  # not acknowledged, so it comes again over the next connection
        numbered = set(mids)
        numbered.discard(0)  # at QoS 0 there is no number
        plain = len(numbered) + mids.count(0) == len(mids) and wire.in_flight.isdisjoint(numbered)
        if plain and (self._share.is_all or all(map(self._share.has, (m.topic for m in messages)))):
            taken = self._offer(wire, messages, mids)
        else:
            taken = self._offer_one_by_one(wire, messages, mids)
        if taken == len(messages):
            self._full_since_s = None
        elif self._full_since_s is None:
            self._full_since_s = time.monotonic()
        elif time.monotonic() - self._full_since_s > PATIENCE_S:
            log.error("%s: no room for %.0f s; the connection is given up until there is", self.name, PATIENCE_S)
            threading.Thread(target=self.hold, name=f"{self.name}-hold", daemon=True).start()
        return taken

    def _offer(self, wire: Wire, messages: list[Message], mids: list[int]) -> int:
        name, first = self.name, wire.generation << _MID_BITS
        deliveries = [
            _make(Delivery, (name, message, first | mid)) for message, mid in zip(messages, mids, strict=True)
        ]
        # Noted before: an acknowledgement may follow at once, and forgets them.
        wire.in_flight.update(mids)
        taken = self._deliver(deliveries)
        wire.in_flight.difference_update(mids[taken:])
        wire.in_flight.discard(0)
        return taken

    def _offer_one_by_one(self, wire: Wire, messages: list[Message], mids: list[int]) -> int:
        others: list[int] = []
        taken = len(messages)
        for place, (message, mid) in enumerate(zip(messages, mids, strict=True)):
            if mid in wire.in_flight:
                continue  # sent again while its first copy waits to be stored: one acknowledgement serves both
            if not self._share.has(message.topic):
                others.append(wire.generation << _MID_BITS | mid)
            elif not self._offer(wire, [message], [mid]):
                taken = place
                break
        if others:
            self.acknowledge(others)
        return taken
