import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import test from "node:test";
import { ENGLISH, t } from "../src/words.js";

const catalogue = (language) => JSON.parse(readFileSync(new URL(`../../i18n/components.${language}.json`, import.meta.url), "utf8"));
const sources = ["../src/", "../src/alarms/", "../src/cell/", "../src/compare/", "../src/fleet/", "../src/label/", "../src/layout/", "../src/line/", "../src/tiles/", "../src/trends/", "../src/twin/", "../src/whatif/"].flatMap((folder) => {
  const url = new URL(folder, import.meta.url);
  return readdirSync(url).filter((name) => name.endsWith(".js")).map((name) => readFileSync(new URL(name, url), "utf8"));
});

test("Korean, English and the fallback have the same keys and the same {names}", () => {
  const names = (text) => [...text.matchAll(/\{(\w+)\}/g)].map((match) => match[1]).sort();
  for (const language of ["ko", "en"]) {
    const words = catalogue(language);
    assert.deepEqual(Object.keys(words).sort(), Object.keys(ENGLISH).sort());
    for (const [key, text] of Object.entries(words)) assert.deepEqual(names(text), names(ENGLISH[key]), key);
  }
});

test("every key that the sources name is in the catalogue", () => {
  const named = new Set(sources.flatMap((source) => [...source.matchAll(/\bt\("([a-z_]+(?:\.\w+)?)"/gi)].map((match) => match[1])));
  assert.ok(named.size > 60);
  for (const key of named) assert.ok(key in ENGLISH, key);
});

test("names are filled in, and an unknown key says itself or what it was given", () => {
  assert.equal(t("age.seconds", { n: 12 }), "12 s ago");
  assert.equal(t("no.such.key"), "no.such.key");
  assert.equal(t("word.xyz", {}, "xyz"), "xyz");
});
