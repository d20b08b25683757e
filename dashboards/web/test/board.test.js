import assert from "node:assert/strict";
import test from "node:test";
import { axesOf, EMPTY, MAX_PENS, panned, pointAt, rangeOf, read, showing, summed, toggled, windowOf, withCursor, write, zoomed } from "../src/trends/board.js";

const T0 = 1_795_156_320_000;
const point = (t, value) => ({ t, min: value, max: value, mean: value });

test("an address opens exactly the board that wrote it, and keeps what is not the board's", () => {
  const board = { ...EMPTY, pens: ["전주/용접, 1/R-1:torque_2", "a/b&c:d"], span_ms: 90_500, to: T0, shift_s: 3600, lanes: true, a: T0 - 5, b: T0 - 9, picked: "a/b&c:d" };
  const query = write(board, "?lang=ko&at=2026-01-01T00:00:00.000Z&pen=x/y:z");
  assert.deepEqual(read(query), board);
  assert.equal(new URLSearchParams(query).get("lang"), "ko");
  assert.equal(new URLSearchParams(query).get("at"), "2026-01-01T00:00:00.000Z");
});

test("what an address cannot mean is left out", () => {
  assert.deepEqual(read("?pen=nothing&pen=&pen=a/b:c&pen=a/b:c&span=-4&to=yesterday&shift=x&pick=z"), { ...EMPTY, pens: ["a/b:c"] });
  const many = Array.from({ length: 40 }, (_, i) => `pen=a/b:s${i}`).join("&");
  assert.equal(read(many).pens.length, MAX_PENS);
});

test("a pen comes and goes, and more than there is room for do not come", () => {
  const one = toggled(EMPTY, "a/b:c");
  assert.deepEqual(one.pens, ["a/b:c"]);
  assert.deepEqual(toggled({ ...one, picked: "a/b:c" }, "a/b:c"), EMPTY);
  const full = { ...EMPTY, pens: Array.from({ length: MAX_PENS }, (_, i) => `a/b:s${i}`) };
  assert.equal(toggled(full, "x/y:z"), full);
});

test("zooming keeps the moment under the pointer, and follows the clock at the right edge", () => {
  const board = { ...EMPTY, span_ms: 1000_000, to: T0 - 500_000 };
  const { from } = windowOf(board, T0);
  const near = zoomed(board, T0, 0.5, 0.25);
  assert.equal(near.span_ms, 500_000);
  const after = windowOf(near, T0);
  assert.ok(Math.abs(after.from + 0.25 * 500_000 - (from + 250_000)) < 1e-3);
  assert.equal(zoomed({ ...board, to: null }, T0, 0.5, 1).to, null);
  assert.notEqual(zoomed({ ...board, to: null }, T0, 0.5, 0.2).to, null);
});

test("panning into the clock follows it, and nothing is seen beyond it", () => {
  const board = { ...EMPTY, span_ms: 100_000, to: T0 - 5_000 };
  assert.equal(panned(board, T0, 0.1).to, null);
  assert.equal(panned(board, T0, -0.1).to, T0 - 15_000);
  assert.deepEqual(windowOf({ ...board, to: T0 + 9 }, T0), { from: T0 - 100_000, to: T0 });
  assert.deepEqual(windowOf(showing(board, T0, T0 - 60_000, T0 - 20_000), T0), { from: T0 - 60_000, to: T0 - 20_000 });
});

test("cursors: A, then B, then the nearer one", () => {
  const two = withCursor(withCursor(EMPTY, 100), 200);
  assert.deepEqual([two.a, two.b], [100, 200]);
  assert.equal(withCursor(two, 190).b, 190);
  assert.equal(withCursor(two, 20).a, 20);
});

test("pens of one unit share an axis, whose range holds every spike", () => {
  const pens = [{ symbol: "N·m" }, { symbol: "°" }, { symbol: "N·m" }];
  assert.deepEqual(axesOf(pens).map((axis) => [axis.symbol, axis.pens.length]), [["N·m", 2], ["°", 1]]);
  const spike = { t: 1, min: 0, max: 50, mean: 1 };
  const [low, high] = rangeOf([{ points: [point(0, 1), spike], factor: 2 }]);
  assert.ok(low < 0 && high > 100);
  assert.equal(rangeOf([{ points: [], factor: 1 }]), null);
  const [flat, top] = rangeOf([{ points: [point(0, 5)], factor: 1 }]);
  assert.ok(flat < 5 && top > 5);
});

test("a moment has the last value before it, unless that is too old", () => {
  const points = [point(0, 1), point(10, 2), point(100, 3)];
  assert.equal(pointAt(points, 15, 20).mean, 2);
  assert.equal(pointAt(points, 60, 20), null);
  assert.equal(pointAt(points, -1, 20), null);
  assert.equal(pointAt([], 5, 20), null);
});

test("a mean weighs each value by how long it stood", () => {
  const points = [point(0, 10), point(30, 0), point(40, 0)];
  const { min, max, mean } = summed(points, 0, 39, 1000);
  assert.deepEqual([min, max, mean], [0, 10, (10 * 30) / 40]);
  assert.equal(summed(points, 50, 60, 10), null);
});
