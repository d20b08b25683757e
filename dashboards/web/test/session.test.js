import assert from "node:assert/strict";
import test from "node:test";
import { due, pageOf } from "../src/session/told.js";

const live = { page: "/", at_ms: null, speed: 1, playing: false };
const past = { page: "/", at_ms: 1000, speed: 1, playing: false };

test("what changed is told soon, what plays by itself seldom, and a quiet page says nothing", () => {
  assert.equal(due(null, live, 0, false), true, "the first word");
  assert.equal(due(live, { ...live, page: "/alarms" }, 1999, false), false, "at most every two seconds");
  assert.equal(due(live, { ...live, page: "/alarms" }, 2000, false), true);
  assert.equal(due(live, past, 2000, false), true, "into a replay");
  assert.equal(due(past, { ...past, at_ms: 2000 }, 2000, false), true, "a seek");
  const playing = { ...past, playing: true };
  assert.equal(due(playing, { ...playing, at_ms: 2000 }, 2000, false), false, "playing");
  assert.equal(due(playing, { ...playing, at_ms: 2000 }, 5000, false), true);
  assert.equal(due(live, live, 60000, false), false);
  assert.equal(due(live, live, 14000, true), false, "that somebody is there, four times a minute");
  assert.equal(due(live, live, 15000, true), true);
});

test("a path is a page and what is looked at there", () => {
  assert.deepEqual(pageOf("/"), ["overview", ""]);
  assert.deepEqual(pageOf("/connections/sessions"), ["connections", ""]);
  assert.deepEqual(pageOf("/cell/jeonju/weld/line1/R-101"), ["cell", "R-101"]);
  assert.deepEqual(pageOf("/floor/%EC%A0%84%EC%A3%BC"), ["floor", "전주"]);
});
