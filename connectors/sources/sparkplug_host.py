"""A Sparkplug host application's connection: it says that it is there, listens, and asks nodes for their births.

Sparkplug asks for a clean session with a STATE will, where durable ingest keeps a persistent one: so
this is a connection of its own. What nodes send at QoS 0 while it is away is lost, and shows as gaps.

Where the store is away for longer the host says that it is gone: nodes that have it as their primary
host then keep what they have, and send it when it is back.
"""

from __future__ import annotations

import json
import logging
import threading
from typing import TYPE_CHECKING, Any

from paho.mqtt.enums import CallbackAPIVersion

from connectors.decoders._sparkplug.topics import CERTIFICATES, NAMESPACE, state_topic
from connectors.sources import mqtt
from connectors.sources._wire import BulkClient
from twin.clock import NS_PER_MS
from twin.events import Event, EventKind

if TYPE_CHECKING:
    from collections.abc import Callable

    import paho.mqtt.client as paho

    from connectors.sources import Surroundings
    from connectors.sources._wire import Wire
    from twin.config import SourceConfig
    from twin.message import Message

log = logging.getLogger(__name__)
LAST_WORDS_S = 2.0
"""How long the broker is waited for to take the word that the host goes."""


class _HostClient(BulkClient):
    """A client that makes its will anew before each connection. Mutable as paho's own."""

    before_connect: Callable[[], None]

    def reconnect(self) -> Any:
        """Connect, the first time and every time; paho calls this for all of them."""
        self.before_connect()
        return super().reconnect()


class Source(mqtt.Source):
    """A host's connection. Mutable: the network thread owns the connection's state, as in `mqtt.Source`."""

    _clean = True
    """…-phid-sparkplug-clean-session-311 and -50: nothing waits for us at the broker."""

    def __init__(self, config: SourceConfig, surroundings: Surroundings) -> None:
        super().__init__(config, surroundings)
        self.host_id = str(config.options.get("host_id", "")) or surroundings.client_id
        self._state_topic = state_topic(self.host_id)
        self._since_ms = 0
        self._said = threading.Event()
        self._subscribed_mid: int | None = None

    def _new_client(self, **words: Any) -> BulkClient:
        client = _HostClient(CallbackAPIVersion.VERSION2, **words)
        client.before_connect = lambda: self._make_will(client)
        return client

    def _make_will(self, client: paho.Client) -> None:
        """The will of this connection, with a time of its own (…-phid-death-payload-timestamp-connect)."""
        self._said.clear()
        self._since_ms = max(self._since_ms + 1, self._clock.now_ns() // NS_PER_MS)
        client.will_set(self._state_topic, _state(self._since_ms, online=False), 1, True)

    def _on_connect(self, client: paho.Client, _: Any, flags: Any, reason: Any, __: Any) -> None:
        """Listen first, to the own STATE too (…-phid-birth-sub-required)."""
        if reason.is_failure:
            super()._on_connect(client, _, flags, reason, __)
            return
        qos = min(self._config.qos, 1)
        topics = [(self._state_topic, 1), *((topic, qos) for topic in self._config.topics)]
        _, self._subscribed_mid = client.subscribe(topics)

    def _on_subscribe(self, client: paho.Client, _: Any, __mid: Any, reasons: list[Any], ___: Any) -> None:
        """It is heard now: say so, with the will's own time (…-phid-birth-payload-timestamp)."""
        if __mid != self._subscribed_mid:
            return  # of the certificates: a broker need not have them
        refused = [str(reason) for reason in reasons if reason.is_failure]
        if refused:
            log.error("%s: the broker refused a subscription: %s", self.name, ", ".join(refused))
            return
        self._say(client)
        client.subscribe(f"{CERTIFICATES}{NAMESPACE}/#", 0)
        self._failure, self._lost = "", False
        self._connected.set()
        self._report(Event(EventKind.SOURCE_CONNECTED, self._clock.now_ns(), f"twin/ingest/{self.name}"))

    def _say(self, client: paho.Client) -> None:
        client.publish(self._state_topic, _state(self._since_ms, online=True), 1, True)
        self._said.set()

    def _take(self, wire: Wire, messages: list[Message], mids: list[int]) -> int:
        taken = super()._take(wire, messages, mids)
        for message in messages[:taken]:
            if message.topic == self._state_topic and wire is self._wire:
                self._on_own_state(message)
        return taken

    def _on_own_state(self, message: Message) -> None:
        """The will of an earlier connection came late: say again that the host is here (…-state-message-delivered).

        What is retained is from before this connection listened, and the birth that follows ends it.
        """
        client = self._client
        if client is not None and not message.retain and self._said.is_set() and is_offline(message.payload):
            self._say(client)

    def _end(self, client: paho.Client) -> None:
        """Say that the host goes, then leave (…-host-application-disconnect-intentional)."""
        if self._said.is_set() and client.is_connected():
            self._said.clear()
            now_ms = max(self._since_ms, self._clock.now_ns() // NS_PER_MS)
            told = client.publish(self._state_topic, _state(now_ms, online=False), 1, True)
            try:
                told.wait_for_publish(LAST_WORDS_S)
            except (RuntimeError, ValueError) as error:
                log.warning("%s: the broker was not told that the host goes: %s", self.name, error)
        super()._end(client)


def _state(timestamp_ms: int, *, online: bool) -> bytes:
    """The payload of STATE (…-phid-birth-payload, …-phid-death-payload)."""
    return json.dumps({"online": online, "timestamp": timestamp_ms}).encode()


def is_offline(payload: bytes) -> bool:
    """Whether a STATE payload says that its host is gone; anything that is no STATE says nothing."""
    try:
        told = json.loads(payload)
    except (ValueError, RecursionError):
        return False
    return isinstance(told, dict) and told.get("online") is False
