import assert from "node:assert/strict";
import { test } from "node:test";
import { besideId } from "../src/format.js";
import { siteLane } from "../src/sitelane.js";

test("a site runs where anything of it runs, and its faults lie over that", () => {
  const lanes = [
    { asset: "s/a", segments: [[0, 10, "Execute"], [10, 20, "Aborted"]] },
    { asset: "s/b", segments: [[5, 15, "Execute"], [15, 18, "Aborted"], [18, 30, "Suspended"]] },
    { asset: "s/c", segments: [[25, 26, "Held"], [40, 50, "Execute"]] },
    { asset: "sx/d", segments: [[0, 99, "Aborted"]] },
  ];
  const before = structuredClone(lanes);
  assert.deepEqual(siteLane("s", lanes), [[0, 15, "Execute"], [40, 50, "Execute"], [25, 26, "Held"], [10, 20, "Aborted"]]);
  assert.deepEqual(lanes, before);
  assert.deepEqual(siteLane("t", lanes), []);
});

test("a name is said without the id it begins with", () => {
  assert.equal(besideId("EM-2 assembly meter", "EM-2"), "assembly meter");
  assert.equal(besideId("Assembly meter", "EM-2"), "Assembly meter");
  assert.equal(besideId("EM-2", "EM-2"), "");
});
