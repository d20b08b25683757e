import assert from "node:assert/strict";
import test from "node:test";
import { chain, poseMatrix, turn } from "../src/twin/kinematics.js";

const UR10E = [
  [0, Math.PI / 2, 0.1807, 0],
  [-0.6127, 0, 0, 0],
  [-0.57155, 0, 0, 0],
  [0, Math.PI / 2, 0.17415, 0],
  [0, -Math.PI / 2, 0.11985, 0],
  [0, 0, 0.11655, 0],
];
const near = (found, expected) => expected.forEach((value, i) => assert.ok(Math.abs(found[i] - value) < 1e-9, `${found} is not ${expected}`));
const place = (matrix) => matrix.slice(12, 15);

test("a UR10e with all joints at zero lies stretched out", () => {
  near(place(chain(UR10E, [0, 0, 0, 0, 0, 0]).tool), [-0.6127 - 0.57155, -0.17415 - 0.11655, 0.1807 - 0.11985]);
});

test("a UR10e with its shoulder at -90° stands upright", () => {
  near(place(chain(UR10E, [0, -Math.PI / 2, 0, 0, 0, 0]).links[3]), [0, 0, 0.1807 + 0.6127 + 0.57155]);
});

test("the base's pose carries the whole arm", () => {
  const base = poseMatrix({ x_m: 10, y_m: 20, z_m: 0.5, yaw_rad: Math.PI / 2 });
  near(place(chain(UR10E, [0, 0, 0, 0, 0, 0], base).tool), [10 + 0.17415 + 0.11655, 20 - 0.6127 - 0.57155, 0.5 + 0.1807 - 0.11985]);
});

test("a heading turns the short way round", () => {
  near([turn(3, -3, 0.5)], [Math.PI]);
  near([turn(0, 1, 0.25)], [0.25]);
});
