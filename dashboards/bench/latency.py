"""`twin bench latency`: from a device's publish to the commit's live packet, beside a bare MQTT round trip."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np
import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from connectors.bench.load import Load
from connectors.broker import host_port
from connectors.ingest.live import LIVE_TOPIC
from connectors.packet import decode_packet
from connectors.wall_clock import WallClock
from dashboards.bench import ingest, stage
from twin.clock import NS_PER_MS
from twin.errors import BrokerError

if TYPE_CHECKING:
    from collections.abc import Callable

    from twin.sample import Stream

MARKER = "bench/line0/marker/joints"
STREAM = "line0/marker:joints"
BARE_TOPIC = "bench-bare"
TIMEOUT_S = 5.0


class _Listener:
    """Hears the twin's live packets and the bare messages (mutable: its network thread notes when)."""

    def __init__(self, url: str, streams: Callable[[], dict[int, Stream]]) -> None:
        self._streams = streams
        self._known: dict[int, Stream] = {}
        self._heard: dict[float, float] = {}
        self._news = threading.Condition()
        self._subscribed = threading.Event()
        self.client = paho.Client(CallbackAPIVersion.VERSION2, protocol=paho.MQTTv311)
        self.client.on_message = self._on_message
        self.client.on_subscribe = lambda *_: self._subscribed.set()
        self.client.on_connect = lambda client, *_: client.subscribe([(f"{LIVE_TOPIC}#", 0), (BARE_TOPIC, 1)])
        host, port, _ = host_port(url)
        self.client.connect(host, port)
        self.client.loop_start()
        if not self._subscribed.wait(TIMEOUT_S):
            raise BrokerError(f"no subscription at {url}")

    def _on_message(self, _: Any, __: Any, message: paho.MQTTMessage) -> None:
        now, payload = time.perf_counter(), bytes(message.payload)
        if message.topic == BARE_TOPIC:
            values = [float(payload)]
        else:
            try:
                _, _, entries = decode_packet(payload, self._known)
            except Exception:  # noqa: BLE001  a packet of streams that are new: read which there are, once
                self._known = self._streams()
                _, _, entries = decode_packet(payload, self._known)
            values = [float(latest.values[0]) for _, latest in entries if latest.stream.id == STREAM]
        with self._news:
            for value in values:
                self._heard.setdefault(value, now)
            self._news.notify_all()

    def wait(self, value: float, sent: float) -> float:
        """Milliseconds from ``sent`` until that value was heard."""
        with self._news:
            if not self._news.wait_for(lambda: value in self._heard, TIMEOUT_S):
                raise BrokerError(f"a marker was not heard within {TIMEOUT_S:.0f} s")
            return (self._heard[value] - sent) * 1000

    def close(self) -> None:
        """Disconnect."""
        self.client.disconnect()
        self.client.loop_stop()


def run(store: str, broker: str, rate: float, samples: int, say: Callable[[str], None]) -> dict[str, Any]:
    """Markers at ten a second beside a load of ``rate`` messages a second (0: none)."""
    plan = ingest.Plan(store, broker, rate=rate, seconds=samples / 10 + 5)
    with (
        stage.broker(broker) as (kind, url),
        TemporaryDirectory(prefix="twin-bench-", ignore_cleanup_errors=True) as folder,
        stage.store(store, Path(folder)) as store_url,
        stage.worker("-m", "dashboards.cli", "ingest", str(ingest.factory(url, store_url, Path(folder)))) as child,
    ):
        running = ingest.Ingest(child, store_url)
        listener = _Listener(url, running.history.streams)
        try:
            say(f"broker {kind}, store {store}, {rate:g} messages/s beside the markers")
            if not rate:
                bare, twin = _markers(listener, samples)
            else:
                load = ingest.load_of(plan, max(1, round(rate * plan.seconds / plan.robots)), rate=rate)
                with stage.worker(*ingest.load_command(url, load)) as generator:
                    generator.wait_ready()
                    generator.go()
                    bare, twin = _markers(listener, samples)
        finally:
            listener.close()
            running.history.close()
    p = {
        f"{name}_p{q}_ms": round(float(np.percentile(told, q)), 1)
        for name, told in (("latency", twin), ("mqtt", bare))
        for q in (50, 95)
    }
    ratio = round(p["latency_p50_ms"] / max(p["mqtt_p50_ms"], 0.1), 1)
    return {
        "broker": kind,
        "store": store,
        "machine": stage.machine(),
        **p,
        "ratio": ratio,
        "samples": samples,
        "rate": rate,
    }


def _markers(listener: _Listener, samples: int) -> tuple[list[float], list[float]]:
    bare: list[float] = []
    twin: list[float] = []
    clock = WallClock()
    for number in range(samples + 1):
        value = number + 0.5
        sent = time.perf_counter()
        listener.client.publish(BARE_TOPIC, str(-value), 1)
        bare.append(listener.wait(-value, sent))
        body = {"ts": clock.now_ns() // NS_PER_MS, "seq": number, "v": [value] * Load().values}
        sent = time.perf_counter()
        listener.client.publish(MARKER, json.dumps(body), 1)
        twin.append(listener.wait(value, sent))
        time.sleep(0.1)
    return bare[1:], twin[1:]  # the first one makes the stream
