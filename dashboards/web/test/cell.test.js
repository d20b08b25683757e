import assert from "node:assert/strict";
import test from "node:test";
import { fitText } from "../src/cell/model.js";
import { Peak } from "../src/cell/peaks.js";
import { isWell, safetySignals } from "../src/cell/safety.js";
import { stepRows } from "../src/cell/steps.js";

const column = (name, kind, source_name = "") => ({ name, kind, source_name });
const asset = (columns, texts) => ({ id: "s/a/R", streams: [{ columns, texts }] });

test("safety signals are found by what devices call them, the emergency stop first", () => {
  const found = safetySignals(
    asset(
      [column("field_violation", "flag", "fieldViolation"), column("zone_temperature", "gauge"), column("Robot_ProtectiveStop", "flag"), column("charging", "flag")],
      [column("door_state", "state"), column("e_stop", "state", "eStop"), column("zone_set", "text"), column("program", "text")],
    ),
  );
  assert.deepEqual(found.map((one) => [one.kind, one.signal.column.name]), [
    ["e_stop", "e_stop"],
    ["protective_stop", "Robot_ProtectiveStop"],
    ["door", "door_state"],
    ["zone", "field_violation"],
  ]);
  assert.equal(found[0].signal.isText, true);
});

test("a role says what a signal means, whatever its name", () => {
  const [stop, guard] = safetySignals(asset([{ ...column("S7_ok", "flag"), role: "guard" }, { ...column("NA1", "flag"), role: "e_stop" }], []));
  assert.deepEqual([stop.kind, guard.kind], ["e_stop", "door"]);
  assert.equal(isWell(guard, 0), true);
  assert.equal(isWell(guard, 1), false, "1 is open, though its name ends like one that says that all is well");
});

test("an asset without safety signals has none", () => {
  assert.deepEqual(safetySignals(asset([column("speed", "gauge")], [column("state", "state")])), []);
});

test("a flag is well unless it is set, but one that says that all is well when it is set", () => {
  const flag = (name) => ({ kind: "door", signal: { isText: false, column: column(name, "flag") } });
  assert.equal(isWell(flag("door_open"), 0), true);
  assert.equal(isWell(flag("door_open"), 1), false);
  assert.equal(isWell(flag("door_closed"), 1), true);
  assert.equal(isWell(flag("door_closed"), 0), false);
  assert.equal(isWell(flag("door_open"), undefined), null);
});

test("words are well that mean that nothing is wrong", () => {
  const stop = { kind: "e_stop", signal: { isText: true } };
  assert.equal(isWell(stop, "NONE"), true);
  assert.equal(isWell(stop, "AUTOACK"), false);
  assert.equal(isWell(stop, ""), null);
  assert.equal(isWell({ kind: "door", signal: { isText: true } }, "closed"), true);
});

test("a peak is the largest of the last minute, and a jump begins anew", () => {
  const peak = new Peak();
  assert.equal(peak.value, undefined);
  assert.equal(peak.see(0, 5), 5);
  assert.equal(peak.see(30_000, 3), 5);
  assert.equal(peak.see(61_000, 1), 3);
  assert.equal(peak.see(30_000, 2), 2, "a jump back");
  assert.equal(peak.see(900_000, 1), 1, "a jump far ahead");
});

const at = (...steps) => steps.map(([s, step]) => ({ t_ms: s * 1000, step }));
const CHANGES = at([0, "grip"], [2, "weld"], [40, "home"], [50, "grip"], [53, "weld"], [91, "home"], [100, "grip"], [102, "weld"]);

test("steps are those of the cycle that runs, and what the last one says is to come", () => {
  const rows = stepRows(CHANGES, [50_000, 100_000], 110_000);
  assert.deepEqual(rows, [
    { step: "grip", s: 2, past: true, now: false },
    { step: "weld", s: 8, past: false, now: true },
    { step: "home", s: 9, past: false, now: false },
  ]);
});

test("nothing after the moment looked at is told", () => {
  const rows = stepRows(CHANGES, [50_000, 100_000], 60_000);
  assert.deepEqual(rows.map((row) => [row.step, row.now]), [["grip", false], ["weld", true]]);
});

test("without a finished cycle only the step of now is told", () => {
  assert.deepEqual(stepRows(CHANGES.slice(0, 2), [], 5000).map((row) => row.step), ["grip", "weld"]);
  assert.deepEqual(stepRows([], [1000], 5000), []);
});

test("of a joint that was fitted it is said how well and by what, of another one nothing", () => {
  const fit = { explained: [0.98765, null], by: "kinematics", model: "ur5e kinematics" };
  assert.match(fitText(fit, 0), /0\.988.*ur5e kinematics.*geometry/);
  for (const [one, index] of [[fit, 1], [fit, 2], [null, 0]]) assert.equal(fitText(one, index), "");
});
