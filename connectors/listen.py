"""The last messages of some topics, heard for a moment: to try a mapping on."""

from __future__ import annotations

import secrets
import threading
from collections import deque
from typing import TYPE_CHECKING, Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from connectors.broker import host_port, url_of
from connectors.factory_file import read_secret
from connectors.tls import context
from twin.config import NOT_INGESTED, filter_problem
from twin.errors import BrokerError, ConfigError, Mistake
from twin.message import Message

if TYPE_CHECKING:
    from twin.clock import Clock
    from twin.config import BrokerConfig

MAX_PAYLOAD_BYTES = 100_000


class _Ear:
    """What was heard. Mutable; the client's thread writes."""

    def __init__(self, topic: str, clock: Clock, limit: int) -> None:
        self.heard: deque[Message] = deque(maxlen=limit)
        self.subscribed, self.full = threading.Event(), threading.Event()
        self._topic, self._clock, self._limit = topic, clock, limit

    def connected(self, client: paho.Client, *_: Any) -> None:
        client.subscribe(self._topic, 0)

    def suback(self, *_: Any) -> None:
        self.subscribed.set()

    def take(self, _client: paho.Client, _userdata: Any, told: paho.MQTTMessage) -> None:
        if told.topic.startswith(NOT_INGESTED) or len(told.payload) > MAX_PAYLOAD_BYTES:
            return
        self.heard.append(Message(told.topic, bytes(told.payload), self._clock.now_ns(), told.qos, told.retain))
        if len(self.heard) == self._limit:
            self.full.set()


def listen(broker: BrokerConfig, topic: str, clock: Clock, wait_s: float, limit: int) -> list[Message]:
    """The last ``limit`` messages that match a topic filter within ``wait_s``, retained ones too, newest first.

    Ends early once ``limit`` have come. Raises ConfigError for a filter that is none, BrokerError
    where the broker does not answer.
    """
    problem = filter_problem(topic)
    if problem:
        raise ConfigError((Mistake("topic", f"{topic!r}: {problem}"),))
    ear = _Ear(topic, clock, limit)
    host, port, tls = host_port(url_of(broker))
    client = paho.Client(CallbackAPIVersion.VERSION2, client_id=f"factory-twin-listen-{secrets.token_hex(4)}")
    client.on_connect, client.on_subscribe, client.on_message = ear.connected, ear.suback, ear.take
    if broker.username:
        client.username_pw_set(broker.username, read_secret(broker.password))
    if tls:
        client.tls_set_context(context(broker))
    try:
        client.connect_timeout = wait_s
        client.connect(host, port)
    except OSError as error:
        raise BrokerError(f"{url_of(broker)}: {error}") from error
    client.loop_start()
    try:
        if not ear.subscribed.wait(wait_s):
            raise BrokerError(f"{url_of(broker)}: no subscription within {wait_s:g} s")
        ear.full.wait(wait_s)
    finally:
        client.disconnect()
        client.loop_stop()
    return list(ear.heard)[::-1]
