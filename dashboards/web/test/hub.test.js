import assert from "node:assert/strict";
import { test } from "node:test";

import { byTask, digitsOf, parts, roundUp } from "../src/hub/charts.js";
import { ancestors, origins, stateOf } from "../src/hub/catalogue.js";
import { HEIGHT, WIDTH, project } from "../src/hub/map.js";

test("an axis ends at a round number whose quarters are short", () => {
  assert.deepEqual([0, 0.3, 1, 1.1, 2.07, 4.77, 7, 9, 52].map(roundUp), [1, 0.4, 1, 2, 4, 6, 8, 10, 60]);
  assert.deepEqual([0.4, 1, 2, 4, 6, 8, 10, 60].map(digitsOf), [1, 2, 1, 0, 1, 0, 1, 0]);
});

test("tasks are added up over robots, by site and by whether they were simulated", () => {
  const row = (site, source, success, failure, unknown) => ({ site, source, task: { ko: "용접", en: "Weld" }, success, failure, unknown, episodes: success + failure + unknown });
  const found = byTask([row("a", "real", 1, 1, 0), row("b", "real", 9, 0, 0), row("a", "real", 2, 0, 1), row("a", "sim", 1, 0, 0)]);
  assert.deepEqual(found.map((one) => [one.site, one.source, one.episodes]), [["b", "real", 9], ["a", "real", 5], ["a", "sim", 1]]);
  assert.deepEqual(parts(found[1]), [0.6, 0.2, 0.2]);
  assert.deepEqual(parts(row("a", "real", 0, 0, 0)), [0, 0, 0]);
});

test("places lie on the map as they lie to each other", () => {
  const [jeonju, changwon, seongnam] = [[35.82, 127.11], [35.23, 128.68], [37.42, 127.13]].map(project);
  assert.ok(jeonju[0] < changwon[0] && jeonju[1] < changwon[1] && seongnam[1] < jeonju[1]);
  for (const [x, y] of [jeonju, changwon, seongnam]) assert.ok(x > 0 && x < WIDTH && y > 0 && y < HEIGHT);
});

test("a dataset's seconds are told by where they come from, and its lineage to the first", () => {
  assert.deepEqual(origins({ real: 30, simulated: 10, replay: 0, augmented: 0 }), [["real", 0.75], ["simulated", 0.25]]);
  assert.deepEqual(origins({ real: 0, simulated: 0, replay: 0, augmented: 0 }), []);
  const family = [{ id: "north/a", derived_from: [{ id: "east/b", derived_from: [] }] }, { id: "west/c" }];
  assert.deepEqual(ancestors(family).map((one) => [one.id, one.depth]), [["north/a", 0], ["east/b", 1], ["west/c", 0]]);
  assert.deepEqual([{ checked_ms: null, problems: [] }, { checked_ms: 1, problems: [] }, { checked_ms: 1, problems: ["x"] }].map(stateOf), ["open", "ok", "wrong"]);
});
