import assert from "node:assert/strict";
import { test } from "node:test";

globalThis.document = { hidden: false, documentElement: { dataset: {}, lang: "en" }, addEventListener() {} };
globalThis.window = { addEventListener() {} };
const { byUrgency, counted, merged, worstByAsset } = await import("../src/alarms/model.js");
const { chosen, matches, NOTHING } = await import("../src/alarms/filter.js");
const { loudest } = await import("../src/alarms/sound.js");
const { split } = await import("../src/alarms/aims.js");

const row = (id, more = {}) => ({ id: `${id}:hot`, asset: id, site: id.split("/")[0], rule: "hot", signal: "", name: { ko: "과열", en: "Hot" }, action: { ko: "식히십시오", en: "Cool it" }, priority: 3, letter: "B", waits: true, raised_ms: 1000, who: "", why: "", ...more });

test("what waits comes first, then the priority, then the newest", () => {
  const rows = [row("j/a", { waits: false, priority: 1, letter: "C" }), row("j/b"), row("j/c", { priority: 2 }), row("j/d", { raised_ms: 2000 })];
  assert.deepEqual(rows.sort(byUrgency).map((one) => one.asset), ["j/c", "j/d", "j/b", "j/a"]);
});

test("a message changes what it names, and a full one forgets the rest", () => {
  const first = merged(new Map(), { full: true, alarms: [row("j/a"), row("j/b")], gone: [] });
  const second = merged(first, { full: false, alarms: [row("j/b", { letter: "C" })], gone: ["j/a:hot"] });
  assert.deepEqual([...second.values()].map((one) => [one.asset, one.letter]), [["j/b", "C"]]);
  assert.equal(first.size, 2);
  assert.equal(merged(second, { full: true, alarms: [], gone: [] }).size, 0);
});

test("what is hidden from operators is not counted", () => {
  const counts = counted([row("j/a"), row("j/b", { waits: false, letter: "C" }), row("j/c", { letter: "G", waits: false }), row("j/d", { priority: 1 })]);
  assert.deepEqual(counts.get(3), { n: 2, waits: 1 });
  assert.deepEqual(counts.get(1), { n: 1, waits: 1 });
  assert.deepEqual(counts.get(4), { n: 0, waits: 0 });
});

test("the loudest is the most urgent that waits", () => {
  assert.equal(loudest([row("j/a"), row("j/b", { priority: 2 }), row("j/c", { priority: 1, waits: false })]), 2);
  assert.equal(loudest([]), null);
});

test("tabs and filters choose, and all words must be found", () => {
  const rows = [row("j/a"), row("c/b", { priority: 1 }), row("j/c", { letter: "G", waits: false }), row("j/d", { letter: "I", waits: false })];
  const ids = (tab, filter) => chosen(rows, tab, { ...NOTHING, ...filter }, "ko").map((one) => one.asset);
  assert.deepEqual(ids("active", {}), ["c/b", "j/a"]);
  assert.deepEqual(ids("shelved", {}), ["j/c"]);
  assert.deepEqual(ids("hidden", {}), ["j/d"]);
  assert.deepEqual(ids("active", { site: "j" }), ["j/a"]);
  assert.deepEqual(ids("active", { priorities: [1] }), ["c/b"]);
  assert.deepEqual(ids("active", { sort: "asset", down: true }), ["j/a", "c/b"]);
  assert.ok(matches(rows[0], { ...NOTHING, text: "과열 A" }, "ko"));
  assert.ok(!matches(rows[0], { ...NOTHING, text: "과열 z" }, "ko"));
});

test("critical and high are one share of the aim", () => {
  assert.deepEqual(split({ count: 20, by_priority: { 1: 1, 2: 1, 3: 4, 4: 14 } }), { high: 0.1, medium: 0.2, low: 0.7 });
  assert.equal(split({ count: 0, by_priority: {} }).high, null);
});

test("an asset is marked by the most urgent of its alarms that are shown", () => {
  const rows = [row("j/a", { priority: 3 }), row("j/a", { id: "j/a:cold", priority: 2, waits: false }), row("j/b", { letter: "G", priority: 1, waits: false })];
  assert.deepEqual([...worstByAsset(rows)], [["j/a", { priority: 2, waits: true, n: 2 }]]);
});
