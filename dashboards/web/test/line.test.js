import assert from "node:assert/strict";
import test from "node:test";
import { cycleScale, inBuffers, neighbours, waitSide } from "../src/line/flow.js";

const full = { level: 8, capacity: 8 };
const half = { level: 4, capacity: 8 };
const none = { level: 0, capacity: 8 };
const unheard = { level: undefined, capacity: undefined };

test("a full buffer behind blocks, an empty one before starves, blocked counts first", () => {
  assert.equal(waitSide([half], [full]), "blocked");
  assert.equal(waitSide([none], [half]), "starved");
  assert.equal(waitSide([none], [full]), "blocked");
  assert.equal(waitSide([half], [half]), "");
});

test("where no buffer tells, nothing is said of why a station waits", () => {
  assert.equal(waitSide([], []), "");
  assert.equal(waitSide([unheard], [unheard]), "");
  assert.equal(waitSide([], [full, unheard]), "");
});

test("a station stands between the buffers of the step before and of its own", () => {
  const around = neighbours({ steps: [{ stations: ["A1", "A2"], tenders: ["T"], buffers: ["B"] }, { stations: ["C"], tenders: [], buffers: [] }] });
  assert.deepEqual(around.get("A2"), { before: [], behind: ["B"] });
  assert.deepEqual(around.get("T"), { before: [], behind: ["B"] });
  assert.deepEqual(around.get("C"), { before: ["B"], behind: [] });
});

test("work in progress is what buffers tell, and null where none does", () => {
  assert.deepEqual(inBuffers([full, half, unheard]), { level: 12, capacity: 16 });
  assert.equal(inBuffers([unheard]), null);
  assert.equal(inBuffers([]), null);
});

test("takts of all rows lie at one place, whatever they are", () => {
  const at = (takt_s) => cycleScale({ takt_s }, 500)(takt_s);
  assert.equal(at(62), at(248));
  assert.equal(cycleScale({ takt_s: 62 }, 0)(1000), 1);
  assert.ok(cycleScale({ takt_s: null }, 50)(50) < 1);
});
