import assert from "node:assert/strict";
import test from "node:test";
import { ahead, inTheWay, parseRoute, pieces, routeSignals } from "../src/twin/route.js";

const LINE = [[0, 0], [10, 0], [10, 5]];

test("a route is its nodes and its line; what cannot be read is empty", () => {
  assert.deepEqual(parseRoute('{"nodes":["N-1"],"line":[[1,2],[3,4]]}'), { nodes: ["N-1"], line: [[1, 2], [3, 4]] });
  assert.deepEqual(parseRoute('{"line":[[1,2],[null,4],"x"]}'), { nodes: [], line: [[1, 2]] });
  for (const text of [undefined, "", "{", "null", "[]", '{"nodes":3}']) assert.deepEqual(parseRoute(text), { nodes: [], line: [] }, text);
});

test("only what is ahead of the robot is left of its way", () => {
  assert.deepEqual(ahead(LINE, 4, 0.3), [[4, 0], [10, 0], [10, 5]]);
  assert.deepEqual(ahead(LINE, 10.2, 3), [[10, 3], [10, 5]]);
  assert.deepEqual(ahead(LINE, undefined, 3), LINE);
  assert.deepEqual(ahead([[1, 1]], 0, 0), [[1, 1]]);
});

test("a released way is one piece an edge", () => {
  assert.deepEqual(pieces(LINE), [[5, 0, 10, 0], [10, 2.5, 5, Math.PI / 2]]);
  assert.deepEqual(pieces([[1, 1], [1, 1]]), []);
});

test("dashes go round corners, and dash and gap are equally long", () => {
  const found = pieces(LINE, 3);
  assert.deepEqual(found.map(([x, y, long]) => [x, y, long]), [[1.5, 0, 3], [7.5, 0, 3], [10, 3.5, 3]]);
  const total = found.reduce((sum, piece) => sum + piece[2], 0);
  assert.ok(Math.abs(total - 9) < 1e-9);
});

test("a robot's way is that of its route, else of its order", () => {
  const text = (name) => ({ name, kind: "text" });
  const order = { name: "order", texts: [text("order_id"), text("route_base"), text("route_horizon")] };
  const route = { name: "route", texts: [text("route_base")] };
  assert.equal(routeSignals({ id: "a", streams: [order, route] }).base.stream, route);
  const found = routeSignals({ id: "a", streams: [order] });
  assert.deepEqual([found.base.at, found.horizon.at, found.path], [1, 2, undefined]);
  assert.equal(routeSignals({ id: "a", streams: [] }).base, undefined);
});

const NODES = new Map([["N-1", { x_m: 0, y_m: 0 }], ["N-2", { x_m: 9, y_m: 0 }]]);

test("in the way is who stands on the next node, else who gets there first", () => {
  const waits = { id: "A", nodes: ["N-1", "N-2"] };
  const there = { id: "B", x: 0.5, y: 0.2, nodes: [] };
  const comes = { id: "C", x: 5, y: 5, nodes: ["N-1"] };
  const later = { id: "D", x: 7, y: 5, nodes: ["N-2", "N-1"] };
  assert.deepEqual(inTheWay(waits, [later, comes, there], NODES), { node: "N-1", robot: "B" });
  assert.deepEqual(inTheWay(waits, [later, comes], NODES), { node: "N-1", robot: "C" });
  assert.deepEqual(inTheWay(waits, [later], NODES), { node: "N-1", robot: "D" });
  assert.equal(inTheWay(waits, [{ ...waits, x: 0, y: 0 }], NODES), null, "itself");
  assert.equal(inTheWay({ id: "A", nodes: [] }, [there], NODES), null);
});
