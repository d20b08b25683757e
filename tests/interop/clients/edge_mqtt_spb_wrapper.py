"""An edge node and a device of mqtt-spb-wrapper (PyPI); the library gives each a connection of its own.

    python edge_mqtt_spb_wrapper.py PORT LEDGER NODE

The ledger holds a line a message, written before it is published (see sparkplug_client.js), with the metrics'
names as the library's users write them; ``part`` says whether it is data, an attribute or a command.
"""

import json
import sys
import time
import uuid
from datetime import datetime, timezone
from pathlib import Path

from mqtt_spb_wrapper import MqttSpbEntityDevice, MqttSpbEntityEdgeNode
from mqtt_spb_wrapper.spb_protobuf.sparkplug_b import getSeqNum

GROUP, REBIRTH = "plant", "Node Control/Rebirth"
PORT, LEDGER, NODE = sys.argv[1:]
DAY = datetime(2026, 11, 27, 1, 2, 3, 456000, tzinfo=timezone.utc)  # noqa: UP017  the client's own Python


def now_ms():
    return time.time_ns() // 1_000_000


def told(value):
    """(datatype that the library takes for a value of Python, the value as JSON)."""
    if isinstance(value, bool):
        return "Boolean", value
    if isinstance(value, int):
        return "Int64", str(value)
    if isinstance(value, float):
        return "Double", value
    if isinstance(value, datetime):
        return "DateTime", round(value.timestamp() * 1000)
    if isinstance(value, uuid.UUID):
        return "UUID", str(value)
    return "Text", value


class Edge:
    def __init__(self, ledger):
        self._ledger = ledger
        self._values = {}
        self.node = MqttSpbEntityEdgeNode(GROUP, NODE)
        self.device = MqttSpbEntityDevice(GROUP, NODE, "press")
        # With the library's default the command's callback is no function, and its network thread ends at a command.
        self.node.commands.set_callback(REBIRTH, self.command)
        self.set(self.node, "commands", REBIRTH, False)
        self.set(self.node, "attributes", "vendor", "ACME")
        self.set(self.node, "data", "pressure", 6.5)
        self.set(self.device, "attributes", "model", "P-2")
        self.set(self.device, "commands", "light", False)
        for name, value in (("temperature", 20.5), ("count", -(2**63)), ("large", 2**63 - 1), ("running", True),
                            ("word", "가 나"), ("when", DAY), ("id", uuid.UUID(int=7)), ("area/zone", 3)):  # fmt: skip
            self.set(self.device, "data", name, value)

    def set(self, entity, part, name, value):
        t_ms = now_ms()
        getattr(entity, part).set_value(name, value, timestamp=t_ms)
        self._values[entity, part, name] = (value, t_ms)

    def note(self, kind, entity, chosen):
        path = [GROUP, NODE] if entity is self.node else [GROUP, NODE, "press"]
        rows = []
        for part, name in chosen:
            value, t_ms = self._values[entity, part, name]
            kind_of, plain = told(value)
            rows.append({"name": name, "part": part, "type": kind_of, "value": plain, "t_ms": t_ms,
                         "historical": False, "transient": False})  # fmt: skip
        self._ledger.write(json.dumps({"kind": kind, "path": path, "t_ms": None, "metrics": rows}) + "\n")
        self._ledger.flush()

    def birth(self, entity):
        self.note("NBIRTH" if entity is self.node else "DBIRTH", entity,
                  [(part, name) for one, part, name in self._values if one is entity])  # fmt: skip
        entity.publish_birth()

    def data(self, entity, **values):
        for name, value in values.items():
            self.set(entity, "data", name, value)
        self.note("NDATA" if entity is self.node else "DDATA", entity, [("data", name) for name in values])
        entity.publish_data()

    def command(self, value):
        """The rebirth command has another value."""
        if value is True:
            self.set(self.node, "commands", REBIRTH, False)
            self.birth(self.node)
            self.birth(self.device)
            print("rebirth", flush=True)

    def connect(self):
        for entity in (self.node, self.device):
            assert entity.connect("127.0.0.1", int(PORT)), "no connection"
            self.birth(entity)

    def measure(self):
        for n in range(40):
            self.data(self.device, temperature=n / 3, count=n - 20)
            if n % 10 == 0:
                self.data(self.node, pressure=6 + n / 7)
        self.data(self.device, running=False, word="끝", large=2**53 + 1)

    def gap(self):
        """A message that never comes: its number is used up, and the next one goes out."""
        getSeqNum()
        self.data(self.device, temperature=-1.0)

    def stop(self):
        for entity, kind in ((self.device, "DDEATH"), (self.node, "NDEATH")):
            self.note(kind, entity, [])
            entity.disconnect()


def main(ledger):
    edge = Edge(ledger)
    for line in sys.stdin:
        step = line.strip()
        getattr(edge, step)()
        print(f"done {step}", flush=True)


with Path(LEDGER).open("a", encoding="utf-8") as lines:
    main(lines)
