"""A fake AGV and a fleet master of vda5050-sdk (PyPI), in one process, each with a connection of its own.

    python sdk_vda5050.py PORT LEDGER SERIAL

The ledger holds {"who":"agv"|"master","sent":TOPIC,"qos","retain","body"} for each message that a connection sends
(before it does), and {"who":"master","saw":TOPIC,"body"} for each one that the master's callbacks brought.
"""

import asyncio
import json
import sys
from pathlib import Path

from vda5050 import Action, BlockingType, MasterClient, MasterConfig, OrderBuilder, VehicleConfig
from vda5050.adapters.mqtt.transport import AiomqttTransport
from vda5050.model.common import Error, ErrorReference
from vda5050.model.enums import ErrorLevel
from vda5050.model.order import Edge, Node
from vda5050.testing.fake_agv import FakeAgv

PORT, LEDGER, SERIAL = sys.argv[1:]
URL = f"mqtt://127.0.0.1:{PORT}"
TARGET = f"ACME/{SERIAL}"
TIMEOUT_S = 30


class Transport(AiomqttTransport):
    """The library's own MQTT transport; what it is given to send is written down first."""

    def __init__(self, who, ledger):
        super().__init__(URL)
        self._who, self._ledger = who, ledger

    async def publish(self, topic, payload, *, qos=0, retain=False):
        row = {"who": self._who, "sent": topic.rpartition("/")[2], "qos": qos, "retain": retain}
        note(self._ledger, {**row, "body": json.loads(payload)})
        await super().publish(topic, payload, qos=qos, retain=retain)


class Broker:
    """What the library's fake AGV asks for its transport: here one to the real broker."""

    def __init__(self, ledger):
        self._ledger = ledger

    def attach(self, _transport):
        return Transport("agv", self._ledger)


def note(ledger, row):
    ledger.write(json.dumps(row) + "\n")
    ledger.flush()


def position(x, y):
    return {"x": x, "y": y, "theta": 0.0, "mapId": "M1"}


class Steps:
    def __init__(self, ledger):
        config = VehicleConfig(manufacturer="ACME", serial_number=SERIAL, broker_url=URL, state_interval=30.0)
        self.agv = FakeAgv(config, Broker(ledger), node_delay=0.05, action_delay=0.05, initial_node_id="n0")
        self.master = MasterClient(MasterConfig(broker_url=URL), transport=Transport("master", ledger))
        self.master.on_state(
            lambda state, _key: note(ledger, {"who": "master", "saw": "state", "body": state.to_wire()})
        )
        self.master.on_connection(
            lambda told, _key: note(ledger, {"who": "master", "saw": "connection", "body": told.to_wire()})
        )

    async def start(self):
        await self.master.connect()
        await self.agv.start()
        await self._until(lambda state: state.last_node_id == "n0")

    async def order(self):
        """Three nodes, the last one not released; a pick at the second."""
        pick = Action(action_type="pick", action_id="pick-1", blocking_type=BlockingType.HARD,
                      action_parameters=[{"key": "loadType", "value": "EPAL"}])  # fmt: skip
        order = (
            OrderBuilder(order_id="o-1", manufacturer="ACME", serial_number=SERIAL)
            .add_node("n0", x=0.0, y=0.0, theta=0.0, map_id="M1")
            .add_edge("n0", "n1")
            .add_node("n1", x=3.0, y=0.0, theta=0.0, map_id="M1", actions=[pick])
            .add_edge("n1", "n2", released=False)
            .add_node("n2", x=3.0, y=4.0, theta=0.0, map_id="M1", released=False)
            .build()
        )
        result = await self.master.dispatch(order, TARGET)
        assert result.accepted, result
        await self._until(lambda state: state.last_node_id == "n1" and _ended(state, "pick-1"))

    async def update(self):
        """The horizon is released: the AGV goes on to the third node, and drops."""
        drop = Action(action_type="drop", action_id="drop-1", blocking_type=BlockingType.HARD, action_parameters=[])
        node = Node(node_id="n2", sequence_id=0, released=True, node_position=position(3.0, 4.0), actions=[drop])
        edge = Edge(edge_id="n1->n2", sequence_id=0, released=True, start_node_id="n1", end_node_id="n2")
        result = await self.master.extend_base(TARGET, [node], [edge])
        assert result.accepted, result
        await self._until(lambda state: state.last_node_id == "n2" and _ended(state, "drop-1"))

    async def error(self):
        """The AGV reports an error, and takes it back."""
        references = [ErrorReference(reference_key="nodeId", reference_value="n2")]
        self.agv.client.add_error(
            Error(error_type="gripperError", error_level=ErrorLevel.WARNING, error_description="no grip",
                  error_references=references)
        )  # fmt: skip
        await self._until(lambda state: len(state.errors) == 1)
        self.agv.client.publisher.clear_errors()
        await self._until(lambda state: not state.errors)

    async def pause(self):
        await self.master.pause(TARGET)
        await self._until(lambda state: state.paused is True)
        await self.master.resume(TARGET)
        await self._until(lambda state: state.paused is False)

    async def stop(self):
        await self.agv.stop()
        await self.master.disconnect()

    async def _until(self, condition):
        done = await self.master.wait_for(
            TARGET, lambda session: session.state is not None and condition(session.state), timeout=TIMEOUT_S
        )
        assert done, "the AGV did not get there"


def _ended(state, action_id):
    return any(one.action_id == action_id and one.action_status.value == "FINISHED" for one in state.action_states)


async def main(ledger):
    steps = Steps(ledger)
    while line := await asyncio.to_thread(sys.stdin.readline):
        step = line.strip()
        await getattr(steps, step)()
        print(f"done {step}", flush=True)


with Path(LEDGER).open("a", encoding="utf-8") as lines:
    asyncio.run(main(lines))
