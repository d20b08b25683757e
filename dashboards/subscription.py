"""The hub's ear: live packets from the broker, by a session that leaves nothing behind."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from connectors.broker import host_port, url_of
from connectors.factory_file import read_secret
from connectors.ingest.live import LIVE_TOPIC
from connectors.tls import context

if TYPE_CHECKING:
    from collections.abc import Callable

    from twin.config import Factory


class Subscription:
    """A subscribing client that connects again by itself. Mutable; its network thread calls back."""

    def __init__(self, factory: Factory, received: Callable[[bytes], None], connected: Callable[[bool], None]) -> None:
        config = factory.broker
        host, port, tls = host_port(url_of(config))
        self._client = paho.Client(
            CallbackAPIVersion.VERSION2,
            client_id=f"factory-twin-{factory.hub.id}-web-{secrets.token_hex(4)}",
            protocol=paho.MQTTv311,
            clean_session=True,
        )
        self._client.reconnect_delay_set(1, 5)
        if config.username:
            self._client.username_pw_set(config.username, read_secret(config.password))
        if tls:
            self._client.tls_set_context(context(config))
        self._received = received
        self._connected = connected
        self._client.on_connect = self._on_connect
        self._client.on_disconnect = self._on_disconnect
        self._client.on_message = self._on_message
        self._client.connect_async(host, port, 30)
        self._client.loop_start()

    def _on_connect(self, client: paho.Client, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        if not reason.is_failure:
            client.subscribe(LIVE_TOPIC + "+", qos=0)
            self._connected(True)

    def _on_disconnect(self, _client: paho.Client, _data: Any, _flags: Any, _reason: Any, _properties: Any) -> None:
        self._connected(False)

    def _on_message(self, _client: paho.Client, _data: Any, message: paho.MQTTMessage) -> None:
        self._received(bytes(message.payload))

    def close(self) -> None:
        """End the connection."""
        self._client.disconnect()
        self._client.loop_stop()
