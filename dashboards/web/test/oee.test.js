import assert from "node:assert/strict";
import test from "node:test";
import { inputText, shown } from "../src/tiles/oee_shown.js";
import { cumulative } from "../src/tiles/oee_stops.js";
import { steps } from "../src/tiles/oee_waterfall.js";

// The golden shift of tests/unit/test_kpi.py, in seconds, told of two stations that did the same.
const totals = { planned_s: 54000, known_s: 54000, production_s: 40800, setup_s: 2400, delay_s: 2400, down_s: 8400 };
const losses_s = { planned: 54000, breakdown: 8400, setup: 2400, waiting: 2400, speed: 2400, startup_rejects: 600, rejects: 1800, useful: 36000 };
const row = { from_ms: 0, to_ms: 28800e3, assets: 2, totals, losses_s, kpis: {} };

test("the bars of a shift go from its whole time to its useful time, without a jump, in minutes for one station", () => {
  const { steps: listed } = steps(row);
  assert.deepEqual(
    listed.map((one) => [one.name, Math.round(one.value * 10) / 10]),
    [["whole", 480], ["not_planned", -30], ["planned", 450], ["breakdown", -70], ["setup", -20], ["waiting", -20], ["production", 340], ["speed", -20], ["net", 320], ["startup_rejects", -5], ["rejects", -15], ["useful", 300]],
  );
  for (let i = 1; i < listed.length; i++) assert.ok(Math.abs((listed[i].kind === "total" ? listed[i].to : listed[i].from) - listed[i - 1].to) < 1e-9, listed[i].name);
});

test("time without data is a bar of its own, and without a planned run time the bars end at production", () => {
  const { steps: listed, factors } = steps({ ...row, losses_s: null, totals: { ...totals, known_s: 50000, production_s: 36800 } });
  assert.deepEqual(listed.map((one) => one.name), ["whole", "not_planned", "unseen", "planned", "breakdown", "setup", "waiting", "production"]);
  assert.deepEqual(Object.keys(factors), ["availability"]);
});

test("a speed loss below nothing hangs upward, so that a wrong planned run time is seen", () => {
  const { steps: listed } = steps({ ...row, losses_s: { ...losses_s, speed: -1200 } });
  assert.ok(listed.find((one) => one.name === "speed").value > 0);
});

test("cumulative shares count the stops that are not listed, too", () => {
  assert.deepEqual(cumulative({ total_s: 100, groups: [{ s: 50 }, { s: 25 }] }), [0.5, 0.75]);
});

test("inputs are said as people count them", () => {
  assert.equal(inputText("APT", 21060), "351.0 min");
  assert.equal(inputText("PQ", 1368), "1,368");
  assert.equal(inputText("energy/1000000", 64e6), "64.00 kWh");
  assert.equal(shown("quality_ratio", { kpis: { quality_ratio: { inputs: { GQ: 357, PQ: 368 } } } }), "357 / 368 pcs");
});
