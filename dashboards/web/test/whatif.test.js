import assert from "node:assert/strict";
import test from "node:test";
import { becomes, fresh, KINDS, read, written } from "../src/whatif/changes.js";
import { at, axis, goodness, histogram, inOrder, say, shareOf, signed } from "../src/whatif/figures.js";
import { partsOf, rowsOf as tornadoRows, scaleOf } from "../src/whatif/tornado.js";

const TARGETS = [
  { id: "s/weld/R-1", kind: "station", standard: 50 },
  { id: "s/weld/B-1", kind: "buffer", standard: 12 },
  { id: "amr", kind: "fleet", standard: 3 },
  { id: "shift", kind: "shift", standard: null },
];

test("a change is written as the command line takes it, and read again the same", () => {
  for (const target of TARGETS)
    for (const what of Object.keys(KINDS[target.kind])) {
      const change = fresh(target, what);
      const text = written(change);
      assert.match(text, /^[^=]+=.+$/);
      assert.deepEqual(read(text, TARGETS), change);
    }
  assert.equal(written({ id: "s/weld/R-1", kind: "station", what: "cycle", value: -10 }), "s/weld/R-1.cycle=-10%");
  assert.equal(written({ id: "s/weld/R-1", kind: "station", what: "down", value: 30 }), "s/weld/R-1.down=30min");
  assert.equal(written({ id: "amr", kind: "fleet", what: "count", value: 1 }), "amr.count=+1");
});

test("what changes nothing, or cannot be, is not sent", () => {
  assert.equal(written({ id: "amr", kind: "fleet", what: "count", value: 0 }), "");
  assert.equal(written({ id: "shift", kind: "shift", what: "shift", value: "8 to 5" }), "");
  assert.equal(read("s/weld/R-9.cycle=-10%", TARGETS), null);
  assert.equal(read("nothing", TARGETS), null);
});

test("what a standard becomes is told where the factory file gives one", () => {
  assert.deepEqual(becomes({ what: "capacity", value: 5 }, TARGETS[1]), [12, 17]);
  assert.deepEqual(becomes({ what: "cycle", value: -10 }, TARGETS[0]), [50, 45]);
  assert.equal(becomes({ what: "mtbf", value: 5 }, TARGETS[0]), null);
});

test("an axis holds all that is drawn on it, also where all is the same", () => {
  const scale = axis([3, 9, 5]);
  assert.ok(Number.parseFloat(at(3, scale)) > 0 && Number.parseFloat(at(9, scale)) < 100);
  assert.equal(Number.parseFloat(at(4, axis([4, 4]))), 50);
});

test("two spreads are counted over the same edges and none is lost", () => {
  const bars = histogram([1, 2, 2, 9], [5, 9]);
  assert.equal(bars.one.reduce((sum, n) => sum + n), 4);
  assert.equal(bars.other.reduce((sum, n) => sum + n), 2);
  assert.equal(bars.edges.length, bars.one.length + 1);
  assert.deepEqual(histogram([], []).one, []);
  assert.equal(shareOf([1, 2, 3, 4], 3), 0.5);
});

test("differences carry their sign, and a nothing has none", () => {
  assert.equal(signed("oee", 0.042), "+4.2");
  assert.equal(signed("oee", -0.042), "\u22124.2");
  assert.equal(signed("oee", 0.00001), "0.0");
  assert.equal(say("energy_per_part", 0.41234), "0.412");
});

test("fits that need a look come first", () => {
  const fits = [
    { asset: "a", what: "cycle", p: 0.5, used: "gamma" },
    { asset: "b", what: "cycle", p: 0.001, used: "measured" },
    { asset: "c", what: "aborted", p: null, used: "exponential" },
    { asset: "d", what: "cycle", p: 0.02, used: "gamma" },
  ];
  assert.deepEqual(fits.map(goodness), ["good", "poor", "none", "fair"]);
  assert.deepEqual(inOrder(fits).map((fit) => fit.asset), ["b", "c", "d", "a"]);
});

test("settings by their swing: what is more than chance is shown, on a scale that holds every interval", () => {
  const side = (mean, ci, distinct = true) => ({ mean, ci, distinct, better: mean > 0 });
  const rows = [
    { key: "MT-04.cycle", low: side(6, [5, 7]), high: side(-1, [-1.5, -0.5]), swing: 6, distinct: true },
    { key: "jeonju/weld/line1/B-10.capacity", low: null, high: side(0.2, [-0.1, 0.5], false), swing: 0.2, distinct: false },
    { key: "X.cycle", low: side(0, [0, 0], false), high: side(0, [0, 0], false), swing: 0, distinct: false },
  ];
  const { shown, chance } = tornadoRows(rows);
  assert.deepEqual(shown.map((row) => row.key), ["MT-04.cycle"]);
  assert.equal(chance, 1, "what changed nothing at all is not counted");
  assert.deepEqual(scaleOf(rows), [-7, 7]);
  assert.deepEqual(partsOf("jeonju/weld/line1/B-10.capacity"), ["B-10", "capacity"]);
  assert.deepEqual(partsOf("shift"), ["shift", ""]);
});
