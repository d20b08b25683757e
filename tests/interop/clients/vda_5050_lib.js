// A virtual AGV and a fleet master of vda-5050-lib (npm), in one process, each with a connection of its own.
//
//   node vda_5050_lib.js PORT LEDGER VERSION SERIAL
//
// The ledger holds, in order: {"who":"agv"|"master","sent":TOPIC,"qos","retain","body"} for each message that a
// connection sent (as it left the library), {"who":"master","saw":TOPIC,"body"} for each one that the master's
// subscriptions brought, and {"who":"master","event":…} for each callback of the master's controller.
"use strict";

const fs = require("fs");
const readline = require("readline");
const vda = require("vda-5050-lib");

const [port, ledgerFile, version, serialNumber] = process.argv.slice(2);
const ledger = fs.openSync(ledgerFile, "a");
const note = (row) => fs.writeSync(ledger, JSON.stringify(row) + "\n");
const agvId = { manufacturer: "ACME", serialNumber };
const options = {
  interfaceName: "uagv",
  vdaVersion: version,
  transport: { brokerUrl: `mqtt://127.0.0.1:${port}`, heartbeat: 15 },
};

// What a connection sends is what stands in the ledger, header and all. A last will is not sent by it.
function watch(who, client) {
  const connect = client._connect.bind(client);
  client._connect = async () => {
    const connected = connect();
    client._mqtt.on("packetsend", (packet) => {
      if (packet.cmd !== "publish") return;
      const topic = packet.topic.split("/").pop();
      note({ who, sent: topic, qos: packet.qos, retain: packet.retain, body: JSON.parse(packet.payload.toString()) });
    });
    return connected;
  };
}

const floor = { key: "stationType", value: "floor" };
const epal = { key: "loadType", value: "EPAL" };
const action = (actionId, actionType, ...more) => ({
  actionId, actionType, blockingType: vda.BlockingType.Hard, actionParameters: [floor, epal, ...more],
});
const wait = (actionId, duration) => ({
  actionId, actionType: "noop", blockingType: vda.BlockingType.Hard,
  actionParameters: [{ key: "duration", value: duration }],
});
const node = (nodeId, sequenceId, released, x, y, actions = []) => ({
  nodeId, sequenceId, released, nodePosition: { x, y, mapId: "local" }, actions,
});
const edge = (startNodeId, endNodeId, sequenceId, released, actions = []) => ({
  edgeId: `${startNodeId}-${endNodeId}`, sequenceId, startNodeId, endNodeId, released, actions,
});
const orders = {
  // The way beyond c is planned and not released.
  order: {
    orderId: "o-1", orderUpdateId: 0,
    nodes: [node("a", 0, true, 0, 0), node("b", 2, true, 1.2, 0, [action("pick-1", "pick", { key: "duration", value: 0.4 })]),
      node("c", 4, true, 1.2, 1.6), node("d", 6, false, 0, 1.6)],
    edges: [edge("a", "b", 1, true), edge("b", "c", 3, true), edge("c", "d", 5, false)],
  },
  // The update releases d.
  update: {
    orderId: "o-1", orderUpdateId: 1,
    nodes: [node("c", 4, true, 1.2, 1.6),
      node("d", 6, true, 0, 1.6, [wait("wait-1", 0.6), action("drop-1", "drop", { key: "duration", value: 0.4 })])],
    edges: [edge("c", "d", 5, true)],
  },
  // A drop without a load: it fails.
  failing: {
    orderId: "o-2", orderUpdateId: 0,
    nodes: [node("d", 0, true, 0, 1.6, [action("drop-2", "drop")])],
    edges: [],
  },
  // It begins where the AGV is not: it is rejected.
  rejected: {
    orderId: "o-3", orderUpdateId: 0,
    nodes: [node("z", 0, true, 90, 90), node("y", 2, true, 91, 90)],
    edges: [edge("z", "y", 1, true)],
  },
  // Another one, which it takes: the errors are over with it.
  recovered: {
    orderId: "o-4", orderUpdateId: 0,
    nodes: [node("d", 0, true, 0, 1.6, [wait("wait-2", 0.3)])],
    edges: [],
  },
};

const agv = new vda.AgvController(
  agvId, options,
  { agvAdapterType: vda.VirtualAgvAdapter, publishStateInterval: 30000, publishVisualizationInterval: 250 },
  { initialPosition: { mapId: "local", x: 0, y: 0, theta: 0, lastNodeId: "a" }, initialBatteryCharge: 87.5, tickRate: 10 },
);
const master = new vda.MasterController(options, { targetAgvs: agvId });
watch("agv", agv);
watch("master", master);

const assign = (order) =>
  new Promise((resolve, reject) => {
    const assigned = master.assignOrder(agvId, order, {
      onOrderProcessed: (error, byCancelation, active) => {
        note({ who: "master", event: "processed", order: order.orderId, error: error && error.errorType, active });
        resolve();
      },
      onNodeTraversed: (at) => note({ who: "master", event: "node", node: at.nodeId, sequence: at.sequenceId }),
      onActionStateChanged: (state) =>
        note({ who: "master", event: "action", action: state.actionId, status: state.actionStatus }),
    });
    assigned.catch(reject);
  });
const initiate = (actionId, actionType) =>
  new Promise((resolve, reject) => {
    const done = (state) => {
      note({ who: "master", event: "instant", action: state.actionId, status: state.actionStatus });
      if (["FINISHED", "FAILED"].includes(state.actionStatus)) resolve();
    };
    const actions = { instantActions: [{ actionId, actionType, blockingType: vda.BlockingType.None, actionParameters: [] }] };
    const errored = (error) => {
      note({ who: "master", event: "instant_error", action: actionId, error: error.errorType });
      resolve();
    };
    master.initiateInstantActions(agvId, actions, { onActionStateChanged: done, onActionError: errored }).catch(reject);
  });

const steps = {
  async start() {
    await master.start();
    for (const topic of [vda.Topic.State, vda.Topic.Connection, vda.Topic.Visualization]) {
      await master.subscribe(topic, agvId, (body) => note({ who: "master", saw: topic, body }));
    }
    // The AGV tells its first state when it has subscribed to orders: before, one would be lost.
    const ready = new Promise((resolve) => master.subscribe(vda.Topic.State, agvId, resolve));
    await agv.start();
    await ready;
  },
  order: () => assign(orders.order),
  failing: () => assign(orders.failing),
  rejected: () => assign(orders.rejected),
  recovered: () => assign(orders.recovered),
  async update() {
    // The AGV is paused while it waits at d, and its running action with it.
    const updated = assign(orders.update);
    await new Promise((resolve) => {
      const timer = setInterval(() => {
        const state = agv.currentState.actionStates.find((one) => one.actionId === "wait-1");
        if (state && state.actionStatus === "RUNNING") {
          clearInterval(timer);
          resolve();
        }
      }, 20);
    });
    await initiate("pause-1", "startPause");
    await initiate("resume-1", "stopPause");
    await updated;
  },
  async stop() {
    await agv.stop();
    await master.stop();
  },
};

readline.createInterface({ input: process.stdin }).on("line", async (step) => {
  try {
    await steps[step]();
    process.stdout.write(`done ${step}\n`);
  } catch (error) {
    process.stderr.write(`${error.stack}\n`);
    process.stdout.write(`done failed: ${step}\n`);
  }
});
