import assert from "node:assert/strict";
import test from "node:test";
import { localMs, localText, readAlign, readCompare, readInterval, writeAlign, writeCompare } from "../src/compare/address.js";
import { csvAddress } from "../src/compare/frame.js";
import { apart, gapOf, pointsOn, valueAt } from "../src/compare/apart.js";
import { rowsOf, unequalOf } from "../src/compare/lanes.js";
import { Relative } from "../src/compare/relative.js";
import { Side } from "../src/compare/side.js";
import { chosenRows } from "../src/compare/tables.js";

test("an address holds the whole comparison, and reads back to the same", () => {
  const state = { a: "끼임 1", b: "2026-11-20T05:00:00.000Z..2026-11-20T05:02:00.000Z", align: { way: "event", shift: 0, name: "Execute@R-105" }, site: "jeonju", asset: "weld/line1/R-105", at: 86.02, speed: 0.25, signals: ["j/R:q", "j/R:t"], near: "j/R" };
  const query = new URLSearchParams("lang=ko&s=old");
  writeCompare(query, state);
  assert.equal(query.get("lang"), "ko");
  assert.deepEqual(readCompare(new URLSearchParams(query.toString())), state);
  const plain = { ...state, align: { way: "offset", shift: 0, name: "" }, site: "", asset: "", at: null, speed: 1, signals: [], near: "" };
  writeCompare(query, plain);
  assert.deepEqual([...query.keys()].sort(), ["a", "align", "b", "lang"]);
  assert.deepEqual(readCompare(query), plain);
});

test("a way to align is read and written; what cannot be read is by offset", () => {
  for (const text of ["offset", "offset:0.42", "offset:-3", "clock", "event:cycle", "event:AlarmRaised@MT-01"]) assert.equal(writeAlign(readAlign(text)), text);
  for (const text of [null, "", "sideways", "offset:far", "event:"]) assert.equal(writeAlign(readAlign(text)), "offset");
  assert.equal(writeAlign({ way: "event", shift: 0, name: "" }), "event:cycle");
});

test("moments are typed in the site's time, also where clocks are changed", () => {
  assert.equal(localMs("2026-11-20T14:03:22", "Asia/Seoul"), Date.parse("2026-11-20T05:03:22Z"));
  assert.equal(localText(Date.parse("2026-11-20T05:03:22Z"), "Asia/Seoul"), "2026-11-20T14:03:22");
  for (const utc of ["2026-03-29T00:30:00Z", "2026-03-29T01:30:00Z", "2026-07-01T12:00:00Z"]) assert.equal(localMs(localText(Date.parse(utc), "Europe/Berlin"), "Europe/Berlin"), Date.parse(utc), utc);
  assert.equal(localMs("", "Asia/Seoul"), null);
  assert.deepEqual(readInterval("1000..2000.5"), [1000, 2000.5]);
  for (const text of ["", "live", "jam", "2000..1000", "x..y"]) assert.equal(readInterval(text), null, text);
});

test("the relative clock plays to its end, waits for what is not there, and begins anew", () => {
  const clock = new Relative();
  clock.span(-5, 10);
  assert.equal(clock.at, 0);
  clock.play();
  clock.setSpeed(4);
  clock.pass(500);
  assert.equal(clock.at, 2);
  clock.pass(500, () => false);
  assert.equal(clock.at, 2);
  clock.pass(1000);
  clock.pass(1e6);
  assert.deepEqual([clock.at, clock.playing], [10, false]);
  clock.pass(500);
  assert.equal(clock.at, 10);
  clock.play();
  assert.equal(clock.at, -5);
  clock.seek(99);
  assert.equal(clock.at, 10);
  clock.seek(Number.NaN);
  clock.setSpeed(1000);
  assert.deepEqual([clock.at, clock.speed], [10, 4]);
});

test("the difference is what lies between two lines, and nothing over a gap", () => {
  const line = (pairs) => pairs.map(([t, mean]) => ({ t, min: mean, max: mean, mean }));
  const a = line([[0, 0], [1, 2], [2, 2]]);
  assert.equal(valueAt(a, 0.5, 5), 1);
  assert.equal(valueAt(a, 0.5, 5, true), 0);
  assert.equal(valueAt(a, -1, 5), null);
  assert.equal(valueAt(a, 9, 5), null);
  assert.equal(valueAt(a, 9, 5, true), 2);
  const gap = line([[0, 1], [10, 1]]);
  assert.deepEqual(apart(a, gap, 0, 4, 4, 2).map(({ d }) => d), [0, 1, null, null]);
  assert.deepEqual(pointsOn({ t_s: [0, 1, 2], min: [1, null, 3], max: [1, null, 3], mean: [1, null, 3] }).map(({ t }) => t), [0, 2]);
  assert.deepEqual(pointsOn(null), []);
  assert.equal(gapOf(line([[0, 0], [0.1, 0], [0.2, 0]])), 1);
  assert.equal(gapOf(line([[0, 0], [10, 0], [20, 0]])), 50);
});

test("lanes that differ longest come first", () => {
  const a = [[0, 4, "Execute"], [4, 10, "Held"]];
  assert.equal(unequalOf(a, [[0, 10, "Execute"]], 0, 10), 6);
  assert.equal(unequalOf(a, a, 0, 10), 0);
  assert.equal(unequalOf(a, [[0, 4, "Execute"]], 0, 10), 6);
  const rows = rowsOf([{ asset: "s/R-10", segments: a }, { asset: "s/R-2", segments: a }], [{ asset: "s/R-2", segments: a }, { asset: "s/R-3", segments: [[0, 10, "Idle"]] }], 0, 10);
  assert.deepEqual(rows.map((row) => [row.asset, row.unequal, row.a === null, row.b === null]), [["s/R-3", 10, true, false], ["s/R-10", 10, false, true], ["s/R-2", 0, false, false]]);
});

test("rows that differ are shown, by a word of their name, and equal ones when asked for", () => {
  const rows = [{ signal: "s/R-1:q", relative: 0.5, only: null }, { signal: "s/R-1:t", relative: 0, only: null }, { signal: "s/R-2:q", relative: null, only: "b" }];
  const names = (options) => chosenRows(rows, options).map((row) => row.signal);
  assert.deepEqual(names({ all: false, word: "" }), ["s/R-1:q", "s/R-2:q"]);
  assert.deepEqual(names({ all: true, word: " r-1 " }), ["s/R-1:q", "s/R-1:t"]);
});

/** A chunk of packets, each of one stream with two numbers and a text. */
function chunkOf(packets) {
  const encoded = packets.map(([clock, key, values, text]) => {
    const body = text === null ? new Uint8Array() : new TextEncoder().encode(JSON.stringify({ 0: [text] }));
    const buffer = new ArrayBuffer(32 + 24 + 16 + 8 * values.length + ((body.length + 7) & ~7));
    const view = new DataView(buffer);
    view.setUint32(0, 0x31505446, true);
    view.setUint8(4, 1);
    view.setUint32(8, 1, true);
    view.setUint32(12, values.length, true);
    view.setUint32(16, body.length, true);
    view.setFloat64(24, clock, true);
    view.setUint32(32, key, true);
    view.setUint32(40, values.length, true);
    view.setFloat64(56, clock, true);
    view.setFloat64(64, clock, true);
    values.forEach((value, i) => view.setFloat64(72 + 8 * i, value, true));
    new Uint8Array(buffer).set(body, 72 + 8 * values.length);
    return new Uint8Array(buffer);
  });
  const whole = new Uint8Array(8 + encoded.reduce((sum, one) => sum + 8 + one.length, 0));
  const view = new DataView(whole.buffer);
  view.setUint32(0, encoded.length, true);
  let at = 8;
  for (const one of encoded) {
    view.setUint32(at, one.length, true);
    whole.set(one, at + 8);
    at += 8 + one.length;
  }
  return whole.buffer;
}

test("a side tells values by asset and role, of its own moment, whatever the stream keys are", async () => {
  const told = { site: "jeonju", fixed: "jam", origin_ms: 1000, streams: [{ key: 7, asset: "jeonju/R-1", columns: ["joint_position#0", ""], texts: ["state#0"] }] };
  const asked = [];
  const buffer = chunkOf([[1000, 7, [0.5, 9], "Idle"], [3000, 7, [0.75, Number.NaN], "Execute"]]);
  let arrived = 0;
  const side = new Side(told, async (url) => (asked.push(url), buffer), () => arrived++);
  assert.equal(side.show(0), false);
  await side.prefetch(0, 1, false, 60);
  assert.match(asked[0], /^\/view\/compare\/chunk\?of=jam&site=jeonju&from_ms=\d+&to_ms=\d+&hz=10$/);
  assert.equal(arrived, 1);
  assert.equal(side.show(1), true);
  assert.equal(side.value("jeonju/R-1", "joint_position"), 0.5);
  assert.equal(side.stateOf("jeonju/R-1"), "Idle");
  side.show(2.5);
  // another site's asset of the same place below it, as sides of two sites are laid onto each other
  assert.equal(side.value("changwon/R-1", "joint_position"), 0.75);
  assert.equal(side.stateOf("jeonju/R-1"), "Execute");
  assert.equal(side.value("jeonju/R-1", "x"), undefined);
  assert.equal(side.stateOf("jeonju/R-9"), null);
});

test("a file is asked for by the sides that are shown, not by the present of the moment", () => {
  const told = { a: { fixed: "10.000..20.000", site: "jeonju" }, b: { fixed: "monday", site: "jeonju" } };
  const asked = new URLSearchParams(csvAddress({ a: "live", align: { way: "offset", shift: 0.4, name: "" }, site: "", asset: "R-101" }, told).split("?")[1]);
  assert.deepEqual(Object.fromEntries(asked), { a: "10.000..20.000", b: "monday", align: "offset:0.4", site: "jeonju", asset: "R-101" });
});
