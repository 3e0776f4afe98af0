// How fast the page is: `node bench.mjs FOLDER CHROMIUM STEPS TEXT MODEL`, with the built page, the PC's program `steps` of the engine, a
// text to learn and a model to write with. `cargo xtask bench page` runs it.
//
// All that train take turns, and the fastest step of each counts, since others may use the machine too.

import { spawnSync } from "node:child_process";
import { copyFile, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";
import puppeteer from "puppeteer-core";
import { serve } from "../serve.mjs";

const ROUNDS = 3;
/** Steps of a turn; TensorFlow.js's plain backend takes long ones. */
const STEPS = { ours: 12, native: 12, wasm: 6, cpu: 1 };
/** GPT-2's architecture; a batch is the page's. */
const SHAPE = { vocab: 512, context: 128, width: 96, layers: 4, heads: 4, kv_heads: 4, hidden: 384, position: "Learned", rotary_base: 10000,
  norm: "Layer", norm_epsilon: 1e-5, activation: "Gelu", mlp: "Plain", residual: true, bias: true, tied: true };
const BATCH = 8;
/** Milliseconds that frames are watched for. */
const WATCHED = 5000;

const [folder, chromium, native, textFile, modelFile] = process.argv.slice(2);
const text = await readFile(textFile);
const scratch = await mkdtemp(join(tmpdir(), "pipsqueak-bench-"));
const here = name => fileURLToPath(new URL(name, import.meta.url));

async function rival() {
  await build({ entryPoints: [here("tensorflow.js")], outfile: join(scratch, "tensorflow.bundle.js"), bundle: true, minify: true, format: "iife", logLevel: "error" });
  await writeFile(join(scratch, "index.html"), "<!doctype html><title>TensorFlow.js</title><script src=tensorflow.bundle.js></script>");
  for (const name of ["tfjs-backend-wasm.wasm", "tfjs-backend-wasm-simd.wasm"]) {
    await copyFile(here(`node_modules/@tensorflow/tfjs-backend-wasm/dist/${name}`), join(scratch, name));
  }
  return serve(scratch);
}

const address = server => `http://127.0.0.1:${server.address().port}/`;
const servers = [await serve(folder), await rival()];
const browser = await puppeteer.launch({ executablePath: chromium, args: ["--no-sandbox"], protocolTimeout: 600_000 });

/** A page with the engine in a worker of its own, which `ask` asks. */
async function engine() {
  const page = await browser.newPage();
  await page.goto(address(servers[0]));
  await page.evaluate(() => {
    const worker = new Worker("worker.js", { type: "module" });
    window.ask = (request, bytes = []) => new Promise((done, failed) => {
      worker.onmessage = ({ data: { answer, refused } }) => { if (refused) failed(new Error(answer)); else done(answer); };
      worker.postMessage({ id: 0, request, bytes: new Uint8Array(bytes) });
    });
  });
  return page;
}

async function ours() {
  const page = await engine();
  const started = await page.evaluate((shape, text) => window.ask({ do: "start", kind: "own", name: "text", seed: 1, shape }, text), SHAPE, [...text]);
  if (started.tokensAStep !== BATCH * SHAPE.context) throw new Error(`the page's step has ${started.tokensAStep} tokens`);
  return count => page.evaluate(async count => {
    const times = [];
    for (let i = 0; i < count; i++) {
      const begun = performance.now();
      await window.ask({ do: "step", count: 1 });
      times.push(performance.now() - begun);
    }
    return times;
  }, count);
}

async function tensorflow(backend) {
  const page = await browser.newPage();
  await page.goto(address(servers[1]));
  const gathers = await page.evaluate((backend, shape, text) => window.prepare(backend, shape, text), backend, { ...SHAPE, batch: BATCH }, [...text]);
  if (!gathers) console.log(`TensorFlow.js, ${backend}: no kernel for the gradient of a look-up; embeddings are one-hot products`);
  return async count => {
    const steps = await page.evaluate(count => window.steps(count), count);
    const loss = steps.at(-1).loss;
    // Text's bytes, from random weights: learning, or at least not worse than chance.
    if (!(loss < Math.log(SHAPE.vocab) + 0.5)) throw new Error(`TensorFlow.js, ${backend}: the loss is ${loss}`);
    return steps.map(step => step.milliseconds);
  };
}

async function onThisPc(how = []) {
  const shape = join(scratch, "shape.json");
  await writeFile(shape, JSON.stringify(SHAPE));
  return async count => {
    const { status, stdout, stderr } = spawnSync(native, [shape, textFile, String(count), ...how], { encoding: "utf8" });
    if (status !== 0) throw new Error(stderr);
    return stdout.trim().split("\n").map(Number);
  };
}

/** The time of each one's fastest step, in milliseconds. */
async function race(racers) {
  const best = racers.map(() => Infinity);
  for (let round = 0; round < ROUNDS; round++) {
    for (const [i, { steps, count }] of racers.entries()) best[i] = Math.min(best[i], ...await steps(count));
  }
  return best;
}

async function training() {
  const racers = [
    { name: "this PC, one thread", steps: await onThisPc(), count: STEPS.native },
    { name: "this PC, portable", steps: await onThisPc(["portable", join(scratch, "model.pip")]), count: STEPS.native },
    { name: "the page", steps: await ours(), count: STEPS.ours },
    { name: "TensorFlow.js, wasm", steps: await tensorflow("wasm"), count: STEPS.wasm },
    { name: "TensorFlow.js, cpu", steps: await tensorflow("cpu"), count: STEPS.cpu },
  ];
  const best = await race(racers);
  console.log(`training, ${SHAPE.layers} layers, width ${SHAPE.width}, context ${SHAPE.context}, batch ${BATCH}`);
  console.log(`${"".padEnd(22)}${["ms a step", "steps/s", "tokens/s", "the page is"].map(name => name.padStart(13)).join("")}`);
  for (const [i, { name }] of racers.entries()) {
    const columns = [best[i].toFixed(1), (1000 / best[i]).toFixed(2), Math.round(BATCH * SHAPE.context * 1000 / best[i]), `${(best[i] / best[2]).toFixed(2)}x`];
    console.log(name.padEnd(22) + columns.map(column => String(column).padStart(13)).join(""));
  }
}

async function writing() {
  const page = await engine();
  await page.evaluate(model => window.ask({ do: "open" }, model), [...await readFile(modelFile)]);
  const request = { do: "write", prompt: "", tokens: 1000, temperature: 0.8, top_k: 40, top_p: 1, seed: 42 };
  const speed = await page.evaluate(async (request, rounds) => {
    let best = 0;
    for (let round = 0; round < rounds; round++) {
      const begun = performance.now();
      const { tokens } = await window.ask(request);
      best = Math.max(best, tokens * 1000 / (performance.now() - begun));
    }
    return best;
  }, request, 2 * ROUNDS);
  console.log(`writing: ${Math.round(speed)} tokens/s with ${modelFile.split(/[\\/]/).at(-1)}`);
}

/** The first load of a new visitor: what crosses the network, and when there is something to see. */
async function firstLoad() {
  const context = await browser.createBrowserContext();
  const page = await context.newPage();
  await page.goto(address(servers[0]), { waitUntil: "networkidle0" });
  const paint = await page.evaluate(() => performance.getEntriesByName("first-contentful-paint")[0]?.startTime);
  await context.close();
  // The virtual Pico and the firmware come when they are asked for.
  const names = ["index.html", "style.css", "main.js", "worker.js", "engine.wasm"];
  const files = await Promise.all(names.map(name => readFile(join(folder, name))));
  const [plain, compressed] = [file => file.length, file => gzipSync(file).length].map(size => files.reduce((sum, file) => sum + size(file), 0));
  console.log(`first load: ${plain} bytes, ${compressed} compressed by gzip; first picture after ${Math.round(paint)} ms`);
}

/** Frames while the page learns a text of one's own. */
async function frames() {
  const page = await browser.newPage();
  await page.goto(address(servers[0]));
  await page.evaluate(text => {
    document.getElementById("text").value = text;
    document.getElementById("own").click();
  }, text.toString());
  await page.waitForFunction(() => /step [1-9]/.test(document.getElementById("numbers").textContent), { timeout: 60_000 });
  const gaps = await page.evaluate(watched => new Promise(done => {
    const gaps = [];
    const begun = performance.now();
    let before = begun;
    const frame = () => {
      const now = performance.now();
      gaps.push(now - before);
      before = now;
      if (now - begun < watched) requestAnimationFrame(frame);
      else done(gaps);
    };
    requestAnimationFrame(frame);
  }), WATCHED);
  const sorted = gaps.toSorted((a, b) => a - b);
  const total = gaps.reduce((sum, gap) => sum + gap, 0);
  console.log(`frames while it learns: ${(1000 * gaps.length / total).toFixed(1)} a second; of the gaps, the median is ${sorted[gaps.length >> 1].toFixed(1)} ms, ` +
    `the 99th percentile ${sorted[Math.floor(gaps.length * 0.99)].toFixed(1)} ms, the longest ${sorted.at(-1).toFixed(1)} ms`);
  await page.close();
}

try {
  console.log(await browser.version());
  await firstLoad();
  await frames();
  await writing();
  await training();
} finally {
  await browser.close();
  for (const server of servers) server.close();
  await rm(scratch, { recursive: true });
}
