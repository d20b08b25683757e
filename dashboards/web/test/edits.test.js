import assert from "node:assert/strict";
import test from "node:test";
import { Edits, snapped, TURN_RAD } from "../src/layout/edits.js";

const answer = () => ({ n: 3, drawing: "", from_file: { "a/R-1": [1, 2, 0], "a/R-2": [5, 5, 0] }, placed: { "a/R-2": [6, 5, 1] } });
const FLOOR = [20, 10];

test("what is kept lies over the factory file", () => {
  const edits = new Edits(answer());
  assert.deepEqual(edits.pose("a/R-1"), [1, 2, 0]);
  assert.deepEqual(edits.pose("a/R-2"), [6, 5, 1]);
  assert.equal(edits.isChanged, false);
});

test("a move snaps to the grid, stays on the floor, and a drag is one step", () => {
  const edits = new Edits(answer());
  for (const x of [1.3, 1.9, 2.63]) edits.moveTo("a/R-1", x, 2.2, 0.5, FLOOR, "drag 1");
  assert.deepEqual(edits.pose("a/R-1"), [2.5, 2, 0]);
  edits.moveBy("a/R-1", 99, -99, 0.5, FLOOR);
  assert.deepEqual(edits.pose("a/R-1"), [20, 0, 0]);
  edits.undo();
  assert.deepEqual(edits.pose("a/R-1"), [2.5, 2, 0]);
  edits.undo();
  assert.equal(edits.isChanged, false);
  edits.redo();
  assert.deepEqual(edits.pose("a/R-1"), [2.5, 2, 0]);
  assert.equal(snapped(0.30000000000000004, 0.1), 0.3);
});

test("what moved is told with how far, and only what differs from the file is sent", () => {
  const edits = new Edits(answer());
  edits.moveTo("a/R-1", 4, 6, 1, FLOOR);
  edits.turn("a/R-1", TURN_RAD);
  const [one] = edits.moved;
  assert.equal(one.distance_m, 5);
  assert.ok(Math.abs(one.turn_rad - TURN_RAD) < 1e-3);
  assert.deepEqual(Object.keys(edits.body("a", "").placed), ["a/R-1", "a/R-2"]);
  edits.home("a/R-2");
  assert.deepEqual(Object.keys(edits.body("a", "").placed), ["a/R-1"]);
  assert.equal(edits.body("a", "why").before, 3);
});

test("a step after an undo forgets what was undone, and a drawing is a step too", () => {
  const edits = new Edits(answer());
  edits.apply({ drawing: "abc" });
  assert.ok(edits.isChanged);
  edits.undo();
  edits.moveTo("a/R-1", 3, 3, 1, FLOOR);
  edits.redo();
  assert.equal(edits.now.drawing, "");
  assert.deepEqual(edits.pose("a/R-1"), [3, 3, 0]);
});
