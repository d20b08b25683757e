import assert from "node:assert/strict";
import { test } from "node:test";

import { decades, powerOf, ratio, runs, spells } from "../src/models/draw.js";

test("the axis holds a tenth to ten at least, and whole powers of ten beyond", () => {
  assert.deepEqual(decades([]), [-1, 1]);
  assert.deepEqual(decades([0.04, 250, null, 0]), [-2, 3]);
  assert.deepEqual(decades([1000, 1e-9]), [-2, 3]);
});

test("ratios and powers are read at a glance", () => {
  assert.deepEqual([0.416, 12.34, 4155.4].map(ratio), ["0.42", "12.3", "4,155"]);
  assert.deepEqual([-2, 0, 3, 5, 12].map(powerOf), ["0.01", "1", "1,000", "10⁵", "10¹²"]);
});

test("a missing value and a long pause end a line", () => {
  assert.deepEqual(runs([0, 1, 2, 3, 9, 10], [1, 1, null, 1, 1, 1], 1), [[0, 1], [3], [4, 5]]);
});

test("an alarm that pauses briefly is one", () => {
  assert.deepEqual(spells([0, 1, 2, 4, 20], [0, 1, 1, 1, 1], 1), [[1, 4], [20, 21]]);
});
