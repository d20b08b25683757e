// An edge node of sparkplug-client (npm) with two devices.
//
//   node sparkplug_client.js PORT LEDGER NODE
//
// The ledger holds a line a message, written before it is published: {"kind","path":[group, node, device?],
// "t_ms","metrics":[{"name","type","value","t_ms",…}]}. Whole numbers of 64 bits are texts, bytes are base64.
"use strict";

const fs = require("fs");
const readline = require("readline");
const Long = require("long");
const { newClient } = require("sparkplug-client");

const GROUP = "plant";
const [port, ledgerFile, nodeId] = process.argv.slice(2);
const ledger = fs.openSync(ledgerFile, "a");

const plain = (value) => {
  if (Long.isLong(value)) return value.toString();
  if (value instanceof Uint8Array) return Buffer.from(value).toString("base64");
  if (typeof value === "number" && !Number.isFinite(value)) return String(value);
  if (value && value.metrics) {
    const told = (one) => ({ name: one.name, type: one.type, value: plain(one.value) });
    return { members: [...value.metrics, ...(value.parameters || [])].map(told), definition: value.isDefinition };
  }
  return value;
};
const note = (kind, device, payload, metrics) =>
  fs.writeSync(ledger, JSON.stringify({
    kind, path: device ? [GROUP, nodeId, device] : [GROUP, nodeId], t_ms: payload && payload.timestamp,
    metrics: (metrics || []).map((one) => ({
      name: one.is, type: one.type, value: plain(one.value), t_ms: one.timestamp,
      historical: one.isHistorical === true, transient: one.isTransient === true,
    })),
  }) + "\n");

// A metric is made with its name; data of one that has an alias goes without the name.
const metric = (is, type, value, more) => ({ is, name: is, type, value, timestamp: Date.now(), ...more });
const byAlias = (is, type, value, alias, more) => ({ is, type, value, alias, timestamp: Date.now(), ...more });
const unit = (text) => ({ properties: { engUnit: { type: "String", value: text } } });
const bad = { properties: { Quality: { type: "Int32", value: 0 } } };

const client = newClient({
  serverUrl: `mqtt://127.0.0.1:${port}`, username: "edge", password: "edge", groupId: GROUP, edgeNode: nodeId,
  clientId: `edge-${nodeId}`, version: "spBv1.0", publishDeath: true, keepalive: 5,
});

function publish(kind, device, metrics, options) {
  const payload = { timestamp: Date.now(), metrics };
  note(kind, device, payload, metrics);
  const send = { NBIRTH: "publishNodeBirth", NDATA: "publishNodeData", DBIRTH: "publishDeviceBirth",
    DDATA: "publishDeviceData", DDEATH: "publishDeviceDeath" }[kind];
  if (device) client[send](device, payload, options);
  else client[send](payload, options);
}

const motor = (rpm, on, more) => ({
  isDefinition: false, templateRef: "Motor", version: "1",
  metrics: [{ name: "rpm", type: "Double", value: rpm }, { name: "on", type: "Boolean", value: on }], ...more,
});
const table = (rows) => ({
  numOfColumns: 3, types: ["Int32", "Double", "String"], columns: ["lot", "width", "grade"], rows,
});
let temperature = 20;

function births() {
  publish("NBIRTH", null, [
    metric("Node Control/Rebirth", "Boolean", false),
    metric("Properties/Vendor", "String", "ACME"),
    metric("Supply/Pressure", "Double", 6.25, unit("bar")),
    metric("Motor", "Template", {
      isDefinition: true, version: "1", parameters: [],
      metrics: [{ name: "rpm", type: "Double", value: 0 }, { name: "on", type: "Boolean", value: false }],
    }),
  ]);
  birthOf("press");
  // The second device's birth comes compressed.
  birthOf("oven");
}

function birthOf(device) {
  if (device === "oven") {
    publish("DBIRTH", "oven", [
      metric("Temperature", "Double", temperature, { alias: 100, ...unit("°C") }),
      metric("Setpoint", "Float", 180.1, { alias: 101 }),
      metric("Status/StateCurrent", "Int32", 4),
    ], { compress: true, algorithm: "GZIP" });
    return;
  }
  publish("DBIRTH", "press", [
    metric("i8", "Int8", -128, { alias: 0 }),
    metric("i16", "Int16", -32768, { alias: 1 }),
    metric("i32", "Int32", -2147483648, { alias: 2 }),
    metric("i64", "Int64", Long.MIN_VALUE, { alias: 3 }),
    metric("u8", "UInt8", 255, { alias: 4 }),
    metric("u16", "UInt16", 65535, { alias: 5 }),
    metric("u32", "UInt32", 4294967295, { alias: 6 }),
    metric("u64", "UInt64", Long.MAX_UNSIGNED_VALUE, { alias: 7 }),
    metric("f32", "Float", 1.1, { alias: 8 }),
    metric("f64", "Double", 1.1e-300, { alias: 9 }),
    metric("flag", "Boolean", true, { alias: 10 }),
    metric("말/이름", "String", "가나다 🦾", { alias: 11 }),
    metric("when", "DateTime", Long.fromNumber(1795000000123), { alias: 12 }),
    metric("text", "Text", "", { alias: 13 }),
    metric("id", "UUID", "7d444840-9dc0-11d1-b245-5ffdce74fad2", { alias: 14 }),
    metric("raw", "Bytes", new Uint8Array([0, 255, 7]), { alias: 15 }),
    metric("file", "File", new Uint8Array([80, 75]), { alias: 16 }),
    metric("lots", "DataSet", table([[7, 1.5, "A"], [8, -2.25, "B"]]), { alias: 17 }),
    metric("spindle", "Template", motor(1500, true, { parameters: [{ name: "maker", type: "String", value: "ACME" }] })),
    metric("empty", "Int32", null, { alias: 18 }),
  ]);
}

const steps = {
  connect: () => new Promise((resolve) => client.once("birth", () => { births(); resolve(); })),
  // More messages than a sequence number counts to.
  many() {
    for (let n = 0; n < 300; n += 1) {
      temperature += 0.125;
      publish("DDATA", "oven", [byAlias("Temperature", "Double", temperature, 100)]);
      if (n % 3 === 0) publish("DDATA", "press", [byAlias("i8", "Int8", (n % 256) - 128, 0),
        byAlias("i64", "Int64", Long.fromNumber(n).negate(), 3)]);
      if (n % 50 === 0) publish("NDATA", null, [metric("Supply/Pressure", "Double", 6 + n / 512)]);
    }
  },
  // What is odd and legal: null, bad quality, kept while offline, twice in a message, transient, parts of a template.
  odd() {
    publish("DDATA", "press", [byAlias("i16", "Int16", null, 1), byAlias("i32", "Int32", -5, 2, bad),
      byAlias("f32", "Float", 3.4028234663852886e38, 8), byAlias("f64", "Double", NaN, 9)]);
    publish("DDATA", "press", [1, 2, 3].map((n) =>
      byAlias("u32", "UInt32", 4294967290 + n, 6, { timestamp: Date.now() - 10_000 * n, isHistorical: true })));
    publish("DDATA", "press", [1, 2, 3].map((n) => byAlias("u16", "UInt16", n, 5, { timestamp: Date.now() + n })));
    publish("DDATA", "press", [byAlias("u8", "UInt8", 9, 4, { isTransient: true }),
      byAlias("u64", "UInt64", Long.fromString("9007199254740993", true), 7)]);
    publish("DDATA", "press", [metric("spindle", "Template", { ...motor(0, false), metrics: [{ name: "rpm", type: "Double", value: 1499.5 }] })]);
    publish("DDATA", "press", [byAlias("lots", "DataSet", table([[9, 0.5, "C"], [10, 0.75, "가"]]), 17),
      byAlias("말/이름", "String", "끝", 11), byAlias("raw", "Bytes", new Uint8Array(0), 15)]);
    for (const state of [6, 11, 6, 17]) publish("DDATA", "oven", [metric("Status/StateCurrent", "Int32", state)]);
  },
  compressed() {
    for (let n = 0; n < 20; n += 1) {
      temperature -= 0.25;
      const options = [{ compress: true }, { compress: true, algorithm: "GZIP" }, { compress: true, algorithm: "DEFLATE" }, {}];
      publish("DDATA", "oven", [byAlias("Temperature", "Double", temperature, 100), byAlias("Setpoint", "Float", n / 3, 101)],
        options[n % 4]);
      publish("NDATA", null, [metric("Supply/Pressure", "Double", n / 7)], options[(n + 1) % 4]);
    }
  },
  // A message that never comes: its number is used up, and the next one goes out.
  gap() {
    client.incrementSeqNum();
    publish("DDATA", "oven", [byAlias("Temperature", "Double", -1, 100)]);
  },
  device_dies: () => publish("DDEATH", "oven", []),
  device_returns: () => birthOf("oven"),
  stop() {
    note("NDEATH", null);
    client.stop();
  },
};

client.on("error", (error) => process.stderr.write(`${error.stack}\n`));
client.on("ncmd", (payload) => {
  const asked = payload.metrics.some((one) => one.name === "Node Control/Rebirth" && one.value === true);
  if (asked) {
    births();
    process.stdout.write("rebirth\n");
  }
});
const lines = readline.createInterface({ input: process.stdin });
lines.on("line", async (step) => {
  try {
    await steps[step]();
    process.stdout.write(`done ${step}\n`);
  } catch (error) {
    process.stderr.write(`${error.stack}\n`);
    process.stdout.write(`done failed: ${step}\n`);
  }
});
