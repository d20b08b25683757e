import assert from "node:assert/strict";
import test from "node:test";
import { faultWord, listed, readError } from "../src/fleet/errors.js";
import { t } from "../src/words.js";

test("an error is its level, its type and where it is", () => {
  const found = readError(["WARNING obstacleInProtectiveField (orderId=O-1,nodeId=ST-3)", "an obstacle"]);
  assert.deepEqual(found, { level: "WARNING", type: "obstacleInProtectiveField", node: "ST-3", said: "an obstacle" });
});

test("what an error does not tell is empty", () => {
  assert.deepEqual(readError(["FATAL eStop"]), { level: "FATAL", type: "eStop", node: "", said: "" });
  assert.deepEqual(readError(["lost wheel"]), { level: "", type: "lost wheel", node: "", said: "" });
  assert.deepEqual(readError([]), { level: "", type: "", node: "", said: "" });
});

test("a list that cannot be read is empty", () => {
  for (const text of [undefined, "", "{", "null", "3", '["a"]']) assert.deepEqual(listed(text), [], text);
  assert.deepEqual(listed('[["a","b"]]'), [["a", "b"]]);
});

test("an error is said in words where there are some, and as it came where not", () => {
  assert.equal(faultWord("WARNING obstacleInProtectiveField"), `${t("fleet_error.obstacleInProtectiveField")} (warning)`);
  assert.equal(faultWord("FATAL frobnicator"), "frobnicator (fatal)");
  assert.equal(faultWord("more"), "more");
  assert.equal(faultWord(""), "");
});
