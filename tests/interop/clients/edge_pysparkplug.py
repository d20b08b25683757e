"""An edge node of pysparkplug (PyPI) with a device from the start, and one that comes later.

    python edge_pysparkplug.py PORT LEDGER NODE

The ledger holds a line a message, written before it is published (see sparkplug_client.js). This library makes
births by itself, so their own time is not in it, and it knows no rebirth: the node answers one with a new session.
"""

import base64
import datetime as dt
import json
import queue
import sys
import threading
import time
from pathlib import Path

import pysparkplug as psp

GROUP = "plant"
PORT, LEDGER, NODE = sys.argv[1:]
UTC = dt.timezone.utc  # noqa: UP017  the script runs in the client's own Python
T = psp.DataType
PATIENCE_S = 30


def plain(kind, value):
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, dt.datetime):
        return round(value.timestamp() * 1000)
    if isinstance(value, tuple):
        return [plain(kind, one) for one in value]
    return str(value) if kind in (T.INT64, T.UINT64) and value is not None else value


class Edge:
    def __init__(self, ledger):
        self._ledger = ledger
        self._client = psp.Client(client_id=f"edge-{NODE}")
        self.asked = queue.Queue()
        self._aliases = 0
        node = [
            self.metric("Node Control/Rebirth", T.BOOLEAN, False),
            self.metric("Supply/Pressure", T.DOUBLE, 6.5, alias=self.alias()),
        ]
        self._node = psp.EdgeNode(GROUP, NODE, node, client=self._client, cmd_callback=self.commanded)
        self._node.register(psp.Device("press", self.press()))

    def alias(self):
        self._aliases += 1
        return self._aliases - 1

    def metric(self, name, kind, value, **more):
        return psp.Metric(timestamp=psp.get_current_timestamp(), name=name, datatype=kind, value=value, **more)

    def press(self):
        day = dt.datetime(2026, 11, 27, 1, 2, 3, 456000, tzinfo=UTC)
        values = [
            ("i8", T.INT8, -128), ("i16", T.INT16, -32768), ("i32", T.INT32, -(2**31)), ("i64", T.INT64, -(2**63)),
            ("u8", T.UINT8, 255), ("u16", T.UINT16, 65535), ("u32", T.UINT32, 2**32 - 1), ("u64", T.UINT64, 2**64 - 1),
            ("f32", T.FLOAT, 0.1), ("f64", T.DOUBLE, 5e-324), ("flag", T.BOOLEAN, True), ("word", T.STRING, "가 나"),
            ("when", T.DATETIME, day), ("text", T.TEXT, "a\nb"), ("id", T.UUID, "00000000-0000-0000-0000-000000000001"),
            ("raw", T.BYTES, b"\x00\xff"), ("file", T.FILE, b"PK"),
            ("i8s", T.INT8_ARRAY, (-128, 0, 127)), ("i16s", T.INT16_ARRAY, (-32768, 32767)),
            ("i32s", T.INT32_ARRAY, (-(2**31), 2**31 - 1)), ("i64s", T.INT64_ARRAY, (-(2**53), 2**53)),
            ("u8s", T.UINT8_ARRAY, (0, 255)), ("u16s", T.UINT16_ARRAY, (0, 65535)),
            ("u32s", T.UINT32_ARRAY, (0, 2**32 - 1)), ("u64s", T.UINT64_ARRAY, (0, 2**53)),
            ("f32s", T.FLOAT_ARRAY, (0.5, -0.1)), ("f64s", T.DOUBLE_ARRAY, (0.1, -1e300)),
            ("flags", T.BOOLEAN_ARRAY, (True, False, True, True, False, False, False, False, True)),
            ("words", T.STRING_ARRAY, ("a", "", "나")), ("days", T.DATETIME_ARRAY, (day,)),
            ("none", T.INT32, None),
        ]  # fmt: skip
        return [self.metric(name, kind, value, alias=self.alias()) for name, kind, value in values]

    def note(self, kind, device, metrics):
        path = [GROUP, NODE, device] if device else [GROUP, NODE]
        rows = [
            {"name": one.name, "type": one.datatype.name, "value": plain(one.datatype, one.value), "t_ms": one.timestamp,
             "historical": one.is_historical, "transient": one.is_transient}
            for one in metrics
        ]  # fmt: skip
        self._ledger.write(json.dumps({"kind": kind, "path": path, "t_ms": None, "metrics": rows}) + "\n")
        self._ledger.flush()

    def commanded(self, _node, message):
        if any(one.name == "Node Control/Rebirth" and one.value is True for one in message.payload.metrics):
            self.asked.put("rebirth")

    def connect(self):
        self.note("NBIRTH", "", self._node.metrics.values())
        for name, device in self._node.devices.items():
            self.note("DBIRTH", name, device.metrics.values())
        before = self._node._bd_seq_metric if hasattr(self._node, "_bd_seq_metric") else None
        self._node.connect("127.0.0.1", port=int(PORT))
        deadline_s = time.monotonic() + PATIENCE_S
        # The library says by nothing else that its births are out than by a will for the next time.
        while not self._node._connected or self._wills_since(before) < 2:
            assert time.monotonic() < deadline_s, "no connection"
            time.sleep(0.01)

    def _wills_since(self, before):
        now = self._node._bd_seq_metric.value
        return (now - (before.value if before else -1)) % 256

    def rebirth(self):
        self.note("NDEATH", "", [])
        self._node.disconnect()
        self.connect()

    def data(self):
        for n in range(40):
            self.update("press", ("f64", T.DOUBLE, n / 3), ("i8", T.INT8, n - 20))
            self.update("press", ("f64s", T.DOUBLE_ARRAY, (n / 7, -float(n))), ("word", T.STRING, f"n {n}"))
        metrics = (self.metric("Supply/Pressure", T.DOUBLE, 6.75, alias=self._node.metrics["Supply/Pressure"].alias),)
        self.note("NDATA", "", metrics)
        self._node.update(metrics)

    def update(self, device, *values):
        known = self._node.devices[device].metrics
        metrics = tuple(self.metric(name, kind, value, alias=known[name].alias) for name, kind, value in values)
        self.note("DDATA", device, metrics)
        self._node.update_device(device, metrics)

    def by_alias(self):
        """As the standard wants it: the alias, and neither name nor datatype."""
        known = self._node.devices["press"].metrics
        for n in range(10):
            metrics = tuple(
                self.metric(name, kind, value, alias=known[name].alias)
                for name, kind, value in (("u16", T.UINT16, n), ("i16", T.INT16, -n), ("flag", T.BOOLEAN, n % 2 == 0))
            )
            self.note("DDATA", "press", metrics)
            bare = tuple(
                psp.Metric(timestamp=one.timestamp, name=None, datatype=one.datatype, value=one.value, alias=one.alias)
                for one in metrics
            )
            topic = psp.Topic(message_type=psp.MessageType.DDATA, group_id=GROUP, edge_node_id=NODE, device_id="press")
            payload = psp.DData(psp.get_current_timestamp(), seq=self._node._seq, metrics=bare)
            self._client.publish(psp.Message(topic, payload, psp.QoS.AT_MOST_ONCE, False), include_dtypes=False)

    def gap(self):
        """A message that never comes: its number is used up, and the next one goes out."""
        _ = self._node._seq
        self.update("press", ("f64", T.DOUBLE, -1.0))

    def late_device(self):
        device = psp.Device("oven", [self.metric("Temperature", T.DOUBLE, 20.5, alias=self.alias())])
        self.note("DBIRTH", "oven", device.metrics.values())
        self._node.register(device)
        self.update("oven", ("Temperature", T.DOUBLE, 21.5))

    def late_device_dies(self):
        self.note("DDEATH", "oven", [])
        self._node.deregister("oven")

    def stop(self):
        self.note("NDEATH", "", [])
        self._node.disconnect()


def main(ledger):
    edge = Edge(ledger)
    read = threading.Thread(target=lambda: [edge.asked.put(line.strip()) for line in sys.stdin], daemon=True)
    read.start()
    while (step := edge.asked.get()) != "stop":
        getattr(edge, step)()
        print("rebirth" if step == "rebirth" else f"done {step}", flush=True)
    edge.stop()
    print("done stop", flush=True)


with Path(LEDGER).open("a", encoding="utf-8") as lines:
    main(lines)
