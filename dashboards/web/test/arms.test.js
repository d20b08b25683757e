import assert from "node:assert/strict";
import { test } from "node:test";
import { Matrix4 } from "three";

globalThis.document = { documentElement: {} };
globalThis.getComputedStyle = () => ({ getPropertyValue: () => "#808080" });
globalThis.MutationObserver = class { observe() {} };
const { Arms } = await import("../src/twin/arms.js");

function drawn(arms) {
  const matrix = new Matrix4();
  arms.groups[0].links[3].getMatrixAt(0, matrix);
  return matrix.elements.some((x) => x !== 0 && x !== 1);
}

test("an arm that has told no angles is not drawn, and one that stands still needs no frame", () => {
  const arms = new Arms({ add() {} }, [{ id: "s/a", pose: { x_m: 2, y_m: 1 } }], {}, () => {});
  arms.enlarge(2);
  assert.equal(drawn(arms), false);
  const [item] = arms.items;
  const angles = [0.1, -1.2, 1.4, 0, 0.3, 0];
  assert.equal(arms.aim(item, angles, 0, 100), true);
  assert.equal(arms.advance(1), false, "the first pose is taken at once");
  assert.equal(drawn(arms), true);
  assert.equal(arms.aim(item, angles, 100, 100), false);
  assert.equal(arms.aim(item, [0.2, ...angles.slice(1)], 100, 100), true);
  assert.equal(arms.advance(150), true);
  assert.equal(arms.advance(200), false);
});
