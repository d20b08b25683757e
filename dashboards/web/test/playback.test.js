import assert from "node:assert/strict";
import test from "node:test";
import { advance, basedUrl, gapsOf, nextSpeed, onlyDevice, parseSpeed, readAddress, speedText, SPEEDS, writeAddress } from "../src/playback.js";

test("a speed is taken as people write it, either way, and from a hundredth to 128", () => {
  const cases = { 2: 2, "0,5x": 0.5, "-4×": -4, "−8": -8, ".25": 0.25, " 128 ": 128, 0.01: 0.01 };
  for (const [text, speed] of Object.entries(cases)) assert.equal(parseSpeed(text), speed, text);
  for (const text of ["", "0", "129", "0.001", "fast", "1e2", "--2", "Infinity"]) assert.equal(parseSpeed(text), null, text);
  assert.deepEqual([0.01, -4].map(speedText), ["0.01×", "−4×"]);
});

test("slower and faster go along the list and keep the direction", () => {
  assert.equal(nextSpeed(1, 1), 2);
  assert.equal(nextSpeed(-1, -1), -0.5);
  assert.equal(nextSpeed(3, 1), 4);
  assert.equal(nextSpeed(3, -1), 2);
  assert.equal(nextSpeed(128, 1), 128);
  assert.equal(nextSpeed(0.01, -1), 0.01);
  for (const speed of SPEEDS.slice(0, -1)) assert.equal(nextSpeed(nextSpeed(speed, 1), -1), speed);
});

test("a loop comes back to its start, backwards to its end, and a clock outside begins it", () => {
  const loop = [1000, 5000];
  assert.equal(advance(4990, 50, { speed: 1, loop }).at, 1000);
  assert.equal(advance(1010, 50, { speed: -1, loop }).at, 4999);
  assert.equal(advance(9000, 50, { speed: 1, loop }).at, 1000);
  assert.equal(advance(100, 50, { speed: 1, loop }).at, 1000);
  assert.equal(advance(2000, 50, { speed: 2, loop }).at, 2100);
});

test("a gap is leapt over both ways, whether the clock comes to it or stands in it", () => {
  const gaps = [[2000, 8000]];
  assert.deepEqual(advance(1990, 50, { speed: 1, gaps }), { at: 8000, skipped: true, stop: false });
  assert.deepEqual(advance(5000, 50, { speed: 1, gaps }), { at: 8000, skipped: true, stop: false });
  assert.deepEqual(advance(8010, 50, { speed: -1, gaps }), { at: 1999, skipped: true, stop: false });
  assert.deepEqual(advance(8000, 50, { speed: 1, gaps }), { at: 8050, skipped: false, stop: false });
  assert.equal(advance(1990, 50, { speed: 1 }).at, 2040);
});

test("backwards the clock stops at the first of all that was recorded", () => {
  assert.deepEqual(advance(1020, 50, { speed: -1, first: 1000 }), { at: 1000, skipped: false, stop: true });
});

test("gaps lie between what was received, never before the first or after the last", () => {
  assert.deepEqual(gapsOf({ t_ms: [0, 10, 20, 30, 40, 50, 60], frames: [0, 5, 0, 0, 7, 2, 0] }), [[20, 40]]);
  // a time without a row is as empty as one with none received
  assert.deepEqual(gapsOf({ t_ms: [0, 10, 50, 60], frames: [1, 1, 1, 1] }), [[20, 50]]);
  assert.deepEqual(gapsOf({ t_ms: [], frames: [] }), []);
});

test("an address carries the moment, the speed and the loop, and gives them back", () => {
  const said = { at: Date.UTC(2026, 10, 27, 5, 3, 22, 480), speed: -0.5, loop: [Date.UTC(2026, 10, 27, 5), Date.UTC(2026, 10, 27, 6)], base: "receive" };
  const query = new URLSearchParams("lang=ko");
  writeAddress(query, said);
  assert.deepEqual(readAddress(new URLSearchParams(query.toString())), said);
  writeAddress(query, { ...said, at: null });
  assert.equal(query.toString(), "lang=ko");
  assert.deepEqual(readAddress(new URLSearchParams("at=once&speed=900&loop=b/a")), { at: null, speed: null, loop: null, base: "device" });
});

test("calls that can be asked by receipt are, and no other", () => {
  assert.equal(basedUrl("/view/state?site=a&at_ms=1", "receive"), "/view/state?site=a&at_ms=1&base=receive");
  assert.equal(basedUrl("/view/cell/cycles?asset=a", "receive"), "/view/cell/cycles?asset=a&base=receive");
  for (const url of ["/view/lanes?site=a", "/view/events?site=a", "/api/v1/alarms?site=a", "/api/v1/alarms/journal?site=a"]) assert.equal(basedUrl(url, "receive"), `${url}&base=receive`);
  for (const url of ["/view/kpi/figures", "/api/v1/kpi", "/view/compare/trend?of=a"]) assert.equal(basedUrl(url, "receive"), url);
  assert.equal(basedUrl("/view/state?site=a", "device"), "/view/state?site=a");
  assert.equal(onlyDevice("/oee/jeonju"), true);
  assert.equal(onlyDevice("/alarms/jeonju"), false);
  assert.equal(onlyDevice("/floor/jeonju"), false);
});
