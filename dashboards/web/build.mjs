// Builds the two scripts that the pages load. The same sources give the same bytes.
import { build } from "esbuild";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { dirname, join, relative } from "node:path";

const here = fileURLToPath(new URL(".", import.meta.url));
const source = join(here, "src");
const common = {
  absWorkingDir: here,
  bundle: true,
  minify: true,
  format: "iife",
  target: "es2020",
  charset: "utf8",
  legalComments: "eof",
};
const ONCE = "once:";

/** Modules of ours that a script holds, by their path below src. */
async function modules(entry, plugins = []) {
  const { metafile } = await build({ ...common, entryPoints: [entry], write: false, metafile: true, plugins });
  return Object.keys(metafile.inputs).filter((path) => path.startsWith("src/")).map((path) => path.slice(4));
}

/** In the scene's script, modules that the first one has are the first one's: there is one clock, one socket. */
const shared = (names) => ({
  name: "shared",
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^\./ }, ({ path, importer }) => {
      const name = relative(source, join(dirname(importer), path));
      return names.has(name) ? { path: name, namespace: "shared" } : undefined;
    });
    onLoad({ filter: /.*/, namespace: "shared" }, ({ path }) => ({
      contents: `module.exports = window.factoryTwin.modules[${JSON.stringify(path)}];`,
    }));
  },
});

/** The first script tells the modules that the scene's needs of it. */
const telling = (names) => ({
  name: "telling",
  setup({ onResolve, onLoad }) {
    onResolve({ filter: new RegExp(`^${ONCE}modules$`) }, () => ({ path: "modules", namespace: "telling" }));
    onLoad({ filter: /.*/, namespace: "telling" }, () => ({
      resolveDir: source,
      contents: [
        ...names.map((name, at) => `import * as m${at} from ${JSON.stringify(`./${name}`)};`),
        `export const modules = {${names.map((name, at) => `${JSON.stringify(name)}: m${at}`).join(", ")}};`,
      ].join("\n"),
    }));
  },
});

const first = new Set(await modules("src/index.js", [telling([])]));
first.delete("index.js");
const needed = (await modules("src/scene.js")).filter((name) => first.has(name)).sort();
const licence = await readFile(join(here, "node_modules/regenerator-runtime/LICENSE"), "utf8");
await build({
  ...common,
  footer: { js: `/*! regenerator-runtime\n${licence.trim()}\n*/` },
  entryPoints: ["src/index.js"],
  outfile: "../components/factory_twin.min.js",
  plugins: [telling(needed)],
  logLevel: "info",
});
await build({
  ...common,
  entryPoints: ["src/scene.js"],
  outfile: "../components/factory_twin_scene.min.js",
  plugins: [shared(first)],
  logLevel: "info",
});
