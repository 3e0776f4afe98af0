// Bundles the page: `node build.mjs ENGINE.wasm FOLDER`.

import { copyFile } from "node:fs/promises";
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
await copyFile(engine, join(folder, "engine.wasm"));
