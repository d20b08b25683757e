import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";

// plot.js draws; what it needs of a browser at loading time is nothing
const { marksOf, placed } = await import("../src/trends/plot.js");

const event = (kind, more = {}) => ({ kind, t_ms: 5, asset: "a/b/R-1", signal: "state", before: "Execute", after: "Aborted", ...more });

test("what happened is told apart by shape as well as by colour", () => {
  const alarms = [1, 2, 3, 4].map((priority) => ({ t_ms: priority, asset: "a/b/R-1", rule: "hot", priority }));
  const events = [event("AssetLost", { t_ms: 6 }), event("StateChanged", { t_ms: 7 }), event("AssetReturned", { t_ms: 8 })];
  const marks = marksOf({ events, alarms });
  assert.deepEqual(marks.map((one) => one.shape), [1, 2, 3, 4, "lost", "fault", "note"]);
  assert.deepEqual(marks.slice(0, 4).map((one) => one.ink), ["--p1", "--p2", "--p3", "--p4"]);
  assert.equal(marks[0].text, "R-1 · hot");
});

test("pens of one unit share an axis; by unit each has a band of its own", () => {
  const pens = ["°", "N·m", "°"].map((symbol) => ({ symbol }));
  const model = (lanes) => ({ pens, board: { lanes }, meanwhile: { lanes: [{ asset: "a/b" }] } });
  const over = placed(model(false), 1000, 500);
  assert.equal(over.axes.length, 2);
  assert.ok(over.axes[0].isLeft && !over.axes[1].isLeft);
  assert.equal(over.axes[0].top, over.axes[1].top);
  const bands = placed(model(true), 1000, 500);
  assert.ok(bands.axes[1].top > bands.axes[0].bottom);
  assert.ok(bands.lanesTop > bands.bottom && bands.lanesTop < 500);
});

test("pens have a colour in both themes, and none is a colour of alarms", () => {
  const css = readFileSync(new URL("../../assets/00-tokens.css", import.meta.url), "utf8");
  for (const theme of css.split("[data-theme")) {
    const ink = Object.fromEntries([...theme.matchAll(/--(pen-\d|p\d): (#\w{6})/g)].map((match) => [match[1], match[2]]));
    const pens = Object.entries(ink).filter(([name]) => name.startsWith("pen"));
    assert.equal(pens.length, 6);
    assert.equal(new Set(pens.map(([, value]) => value)).size, 6);
    for (const [, value] of pens) assert.ok(!["p1", "p2", "p3", "p4"].some((name) => ink[name] === value));
  }
});
