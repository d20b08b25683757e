"""The ceiling: paho on MQTT 3.1.1 with manual acknowledgement, and a callback that only acknowledges.

    python -m connectors.bench.ceiling HOST PORT MESSAGES

It says ``ready`` on stdout once subscribed, and ends with one JSON line when that many messages are acknowledged.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from connectors.bench.load import TOPICS
from connectors.wall_clock import WallClock


def run(host: str, port: int, messages: int) -> dict[str, float]:
    """Acknowledge so many messages; when the last one was, and the CPU it took."""
    client = paho.Client(
        CallbackAPIVersion.VERSION2, "bench-ceiling", protocol=paho.MQTTv311, clean_session=True, manual_ack=True
    )
    subscribed, done = threading.Event(), threading.Event()
    left = messages
    cpu_s = 0.0

    def on_message(client: paho.Client, _: Any, message: paho.MQTTMessage) -> None:
        nonlocal left
        client.ack(message.mid, message.qos)
        left -= 1
        if left == 0:
            done.set()

    client.on_message = on_message
    client.on_subscribe = lambda *_: subscribed.set()
    client.on_connect = lambda client, *_: client.subscribe(TOPICS, 1)
    client.connect(host, port)
    client.loop_start()
    subscribed.wait(10)
    cpu_s = time.process_time()
    print("ready", flush=True)  # noqa: T201  spoken to the one who started it
    done.wait()
    answer = {"ended_ns": WallClock().now_ns(), "cpu_s": time.process_time() - cpu_s}
    client.disconnect()
    client.loop_stop()
    return answer


if __name__ == "__main__":
    print(json.dumps(run(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))), flush=True)  # noqa: T201
