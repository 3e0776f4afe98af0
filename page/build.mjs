// Bundles the page: `node build.mjs ENGINE.wasm FOLDER`.

import { copyFile, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const [engine, folder] = process.argv.slice(2);
const source = name => fileURLToPath(new URL(`src/${name}`, import.meta.url));
await build({
  entryPoints: ["main.ts", "worker.ts", "pico-worker.ts", "style.css"].map(source),
  outdir: folder,
  bundle: true,
  minify: true,
  format: "esm",
  target: "es2022",
});
await copyFile(source("index.html"), join(folder, "index.html"));
// Others' code that the page hands on, with its licences.
const theirs = ["rp2040js", "uf2"].map(async name =>
  `${name}: ${await readFile(new URL(`../xtask/rp2040js/node_modules/${name}/LICENSE`, import.meta.url), "utf8")}`);
await writeFile(join(folder, "licences.txt"), (await Promise.all(theirs)).join("\n"));
await copyFile(engine, join(folder, "engine.wasm"));
