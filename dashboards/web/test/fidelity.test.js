import assert from "node:assert/strict";
import test from "node:test";

globalThis.window ??= { addEventListener() {} };
globalThis.document ??= { addEventListener() {}, createElement: () => ({}), documentElement: { dataset: {} } };
globalThis.location ??= { pathname: "/" };
const { gradeOf, stretchOf } = await import("../src/fidelity.js");

const told = (more) => ({ coverage: 1, equal: true, gaps: 0, ...more });

test("a verdict is as good as the worst of what is known", () => {
  assert.equal(gradeOf(told()), "true");
  assert.equal(gradeOf(told({ gaps: 3 })), "gaps");
  assert.equal(gradeOf(told({ coverage: 0.5, gaps: 3 })), "unknown");
  assert.equal(gradeOf(told({ equal: null })), "unknown");
  assert.equal(gradeOf(told({ coverage: null })), "unknown");
  assert.equal(gradeOf(told({ equal: false, coverage: 0.5 })), "changed");
});

test("what is judged is the whole minute, or the loop while it is short", () => {
  assert.deepEqual(stretchOf(125_000, null), [120_000, 180_000]);
  assert.deepEqual(stretchOf(120_000, null), [120_000, 180_000]);
  assert.deepEqual(stretchOf(125_000, [1000.4, 61_000]), [1000, 61_000]);
  assert.deepEqual(stretchOf(125_000, [0, 3_600_000]), [120_000, 180_000]);
});
