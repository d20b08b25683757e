// The font as its makers cut it: pieces by how common their characters are, of which a page loads those it needs.
import { copyFile, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";

const from = new URL("node_modules/pretendard/dist/web/variable/", import.meta.url);
const assets = new URL("../assets/", import.meta.url);
const fonts = new URL("fonts/", assets);

for (const old of await readdir(fonts)) if (old.endsWith(".woff2")) await rm(new URL(old, fonts));
const sheet = await readFile(new URL("pretendardvariable-dynamic-subset.css", from), "utf8");
const faces = [...sheet.matchAll(/url\(\.\/woff2-dynamic-subset\/(.*?)\)[^}]*?unicode-range:\s*([^;}]*)/g)].map(([, name, ranges]) => {
  const range = ranges.replace(/\s+/g, "");
  return { name, range };
});
for (const { name } of faces) await copyFile(new URL(`woff2-dynamic-subset/${name}`, from), new URL(name, fonts));
const rules = faces.map(({ name, range }) => `@font-face{font-family:"Pretendard Variable";font-style:normal;font-weight:45 920;font-display:swap;src:url("/assets/fonts/${name}") format("woff2");unicode-range:${range}}`);
await writeFile(new URL("01-fonts.css", assets), ["/* Pretendard (fonts/OFL.txt), written by web/fonts.mjs. */", ...rules, ""].join("\n"));
console.log(`  ${faces.length} pieces of the font in ${fileURLToPath(fonts)}`);
