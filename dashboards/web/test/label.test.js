import assert from "node:assert/strict";
import test from "node:test";
import { causesOf, edgeWord, kappaWord, nearest, stepped, unseen, waiting } from "../src/label/model.js";

const bounds = [{ t_ms: 100 }, { t_ms: 200 }, { t_ms: 205 }];

test("a moment snaps to the closest boundary within reach, and to none beyond it", () => {
  assert.equal(nearest(190, bounds, 20), 200);
  assert.equal(nearest(204, bounds, 20), 205);
  assert.equal(nearest(150, bounds, 20), 150);
  assert.equal(nearest(120, bounds, 20), 100);
  assert.equal(nearest(5, [], 20), 5);
});

test("a boundary says what changes, and of which signal", () => {
  assert.equal(edgeWord({ what: "state Execute", signal: "" }, undefined), "state Execute");
  assert.equal(edgeWord({ what: "torque level", signal: "a:torque" }, "Torque"), "Torque · level changes");
  assert.equal(edgeWord({ what: "torque spread", signal: "a:torque" }, "Torque"), "Torque · spread changes");
});

test("steps stay in the list, and what waits comes after the one labelled, then from the begin", () => {
  const list = [{ id: "a", labelled: false }, { id: "b", labelled: true }, { id: "c", labelled: false }];
  assert.equal(stepped(list, "a", -1).id, "a");
  assert.equal(stepped(list, "a", 1).id, "b");
  assert.equal(stepped(list, "c", 1).id, "c");
  assert.equal(stepped(list, "gone", 1).id, "a");
  assert.equal(stepped([], "a", 1), null);
  assert.equal(waiting(list, "a").id, "c");
  assert.equal(waiting(list, "c").id, "a");
  assert.equal(waiting([{ id: "a", labelled: true }], "a"), null);
});

test("causes are numbered by how often they were given", () => {
  assert.deepEqual(causesOf([{ cause: "b" }, { cause: "" }, { cause: "a" }, { cause: "b" }]), ["b", "a"]);
  assert.equal(causesOf(Array.from({ length: 20 }, (_, i) => ({ cause: `c${i}` }))).length, 9);
});

test("kappa has a word, undefined too", () => {
  assert.deepEqual([null, -0.2, 0.3, 0.5, 0.7, 1].map(kappaWord), ["undefined", "slight", "fair", "moderate", "substantial", "almost perfect"]);
});

test("who has not judged an episode is not told how others did", () => {
  const judged = { id: "a", labelled: true, by: ["kim"], outcome: "failure", cause: "grip", suggested: { outcome: "success", cause: "" } };
  assert.equal(unseen(judged, "kim"), judged);
  const { labelled, by, outcome, cause } = unseen(judged, "lee");
  assert.deepEqual({ labelled, by, outcome, cause }, { labelled: false, by: [], outcome: "success", cause: "" });
  assert.equal(waiting([judged].map((one) => unseen(one, "lee")), "").id, "a");
});
