import assert from "node:assert/strict";
import test from "node:test";
import { gapLength, pointsOf, slices, Tail, ticks, timeTicks } from "../src/downsample.js";

const series = (n, value) => Array.from({ length: n }, (_, t) => ({ t, min: value(t), max: value(t), mean: value(t) }));

test("a spike of one sample survives thinning", () => {
  const thin = slices(series(10_000, (t) => (t === 4321 ? 99 : 1)), 0, 10_000, 100);
  assert.equal(thin.length, 100);
  assert.equal(Math.max(...thin.map((point) => point.max)), 99);
  assert.equal(Math.min(...thin.map((point) => point.min)), 1);
});

test("thinning keeps the mean and the order of time", () => {
  const thin = slices(series(1000, (t) => t), 0, 1000, 10);
  assert.deepEqual(thin.map((point) => point.mean), [49.5, 149.5, 249.5, 349.5, 449.5, 549.5, 649.5, 749.5, 849.5, 949.5]);
  assert.ok(thin.every((point, i) => i === 0 || point.t > thin[i - 1].t));
});

test("thinning never joins the two sides of a gap", () => {
  const points = series(10, (t) => t);
  points[5].gap = true;
  const thin = slices(points, 0, 10, 1);
  assert.equal(thin.length, 2);
  assert.equal(thin[1].gap, true);
});

test("a hole in an answer becomes a break, and so does an absent value", () => {
  const trend = { t_ms: [0, 1000, 2000, 60_000, 61_000, 62_000], min: [1, 1, 1, 1, 1, 1], max: [2, 2, 2, 2, 2, 2], mean: [1, 1, 1, 1, null, 1] };
  const points = pointsOf(trend, 5000);
  assert.deepEqual(points.map((point) => point.gap), [true, false, false, true, true]);
});

test("a hole counts as one from three usual distances, or from when the stream is stale", () => {
  assert.equal(gapLength([0, 2000, 4000, 6000], null), 6000);
  assert.equal(gapLength([0, 100, 200], 3), 3000);
});

test("the live tail takes only newer points and stays bounded", () => {
  const tail = new Tail(100);
  for (let t = 0; t < 1000; t++) tail.push(t, t, 50);
  assert.equal(tail.push(500, 1, 50), false);
  assert.ok(tail.points.length <= 125);
  assert.equal(tail.points.at(-1).t, 999);
});

test("ticks are round and lie inside", () => {
  assert.deepEqual(ticks(-1, 1, 4), [-1, -0.5, 0, 0.5, 1]);
  const marks = ticks(0.013, 0.087, 4);
  assert.ok(marks.every((mark) => mark >= 0.013 && mark <= 0.087 + 1e-9));
});

test("time ticks fall on round hours of the site's zone", () => {
  const offset = 9 * 3_600_000;
  const { t, step_s } = timeTicks(0, 86_400_000, 8, offset);
  assert.equal(step_s, 10_800);
  assert.ok(t.every((moment) => (moment + offset) % (step_s * 1000) === 0));
});
