// Uses the page as a person does, in a real browser: `node test.mjs FOLDER BROWSER PIPSQUEAK [PICTURES]`, where BROWSER is Chromium or
// Firefox.
//
// Texts and fingerprints that the page shows of a model file are compared with those of the program PIPSQUEAK.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtemp, readFile, writeFile, truncate } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import puppeteer from "puppeteer-core";
import { serve } from "./serve.mjs";

const [folder, executable, pipsqueak, pictures] = process.argv.slice(2);
const scratch = await mkdtemp(join(tmpdir(), "pipsqueak-page-"));
const server = await serve(folder);
const address = `http://127.0.0.1:${server.address().port}/`;
const browser = await puppeteer.launch(/firefox/i.test(executable)
  ? { browser: "firefox", executablePath: executable }
  : { executablePath: executable, args: ["--no-sandbox"] });
const page = await browser.newPage();
await page.setViewport({ width: 1280, height: 900 });

const faults = [];
page.on("pageerror", error => faults.push(String(error)));
page.on("console", message => { if (message.type() === "error") faults.push(message.text()); });
page.on("request", request => {
  if (!request.url().startsWith(address) && !/^(data|blob):/.test(request.url())) faults.push(`a request elsewhere: ${request.url()}`);
});

const text = id => page.$eval(`#${id}`, element => element.textContent);
const until = (id, pattern) =>
  page.waitForFunction((id, source) => new RegExp(source).test(document.getElementById(id).textContent), { timeout: 60_000 }, id, pattern);
const press = id => page.$eval(`#${id}`, button => button.click());
const set = (id, value) => page.$eval(`#${id}`, (field, value) => { field.value = value; }, String(value));
const step = async () => Number((await text("numbers")).match(/step (\d+)/)[1]);
const picture = async name => { if (pictures) await page.screenshot({ path: join(pictures, `${name}.png`), fullPage: true }); };

/** Has the page read a file, as if it were dropped. */
async function drop(path) {
  const field = await page.$("#file");
  await page.$eval("#file", field => { field.value = ""; });
  await field.uploadFile(path);
}

/** The file that pressing a button gives. */
async function given(selector) {
  await page.evaluate(() => {
    const usual = URL.createObjectURL;
    URL.createObjectURL = blob => {
      URL.createObjectURL = usual;
      blob.arrayBuffer().then(bytes => { window.savedFile = [...new Uint8Array(bytes)]; });
      return usual.call(URL, blob);
    };
    window.savedFile = null;
  });
  await page.$eval(selector, button => button.click());
  await page.waitForFunction(() => window.savedFile);
  return Buffer.from(await page.evaluate(() => window.savedFile));
}

/** The model file that the page saves. */
async function saved(precision) {
  await page.select("#precision", precision);
  const path = join(scratch, `${precision}.pip`);
  await writeFile(path, await given("#save"));
  return path;
}

/** What the program prints for the settings of the page. */
function cli(model, prompt, tokens, more = []) {
  const settings = ["--length", tokens, "--temperature", "0.8", "--top-k", "40", "--top-p", "1", "--seed", "42", ...more];
  const { stdout, stderr, status } = spawnSync(pipsqueak, ["generate", "--model", model, "--prompt", prompt, ...settings], { encoding: "utf8" });
  assert.equal(status, 0, stderr);
  return stdout + stderr;
}

async function agreesWithTheProgram(precision, prompt, tokens) {
  const model = await saved(precision);
  await set("prompt", prompt);
  await set("tokens", tokens);
  await set("seed", 42);
  await page.$eval("#fingerprint", place => { place.textContent = ""; });
  await press("write");
  await until("fingerprint", "fingerprint");
  const fingerprint = (await text("fingerprint")).match(/fingerprint ([0-9a-f]{8})/)[1];
  const printed = cli(model, prompt, tokens);
  assert.ok(printed.includes(`fingerprint ${fingerprint}`), `${precision}: ${fingerprint} on the page, and the program says: ${printed}`);
  assert.ok(printed.trimStart().startsWith((await text("written")).trim().split("\n")[0]), `${await text("written")} / ${printed}`);
  return fingerprint;
}

/** Thinking deeper tries, scores and keeps what the program does. */
async function thinksAsTheProgram(model, how) {
  await page.select("#feeds-back", how);
  await set("passes", 3);
  await page.$eval("#thought", place => { place.textContent = ""; });
  await press("think");
  await until("thought", "fingerprint");
  const printed = cli(model, await page.$eval("#prompt", field => field.value), 60, [`--${how}`, "3"]);
  const scores = await page.$$eval("#thoughts .numbers", places => places.map(place => place.textContent));
  assert.equal(scores.length, 3);
  for (const [i, score] of scores.entries()) assert.ok(printed.includes(`[pass ${i + 1}: ${score}]`), `${score}: ${printed}`);
  const [, kept, fingerprint] = (await text("thought")).match(/text (\d) is kept.*fingerprint ([0-9a-f]{8})/);
  assert.ok(printed.includes(`[pass ${kept} is kept]`) && printed.includes(`fingerprint ${fingerprint}`), printed);
  const marked = await page.$$eval("#thoughts article", cards => cards.map(card => card.className));
  assert.deepEqual(marked.flatMap((names, i) => names.includes("kept") ? [String(i + 1)] : []), [kept]);
}

/** The numbers of the page's tables, by the first words of their captions: rows of texts. */
const tables = () => page.$$eval("#inside figure", figures => Object.fromEntries(figures.flatMap(figure => {
  const rows = [...figure.querySelectorAll("tbody tr")].map(row => [...row.cells].slice(1).map(cell => cell.textContent));
  const section = figure.closest("section").querySelector("h3").textContent;
  return rows.length ? [[`${section}: ${figure.querySelector("figcaption").textContent.replace(/ \[.*/, "")}`, rows]] : [];
})));

/** Every number behind the token at `after` is the one that the program explains. */
async function explainsAsTheProgram(model, prompt, tokens, after) {
  const json = join(scratch, "explanation.json");
  const settings = ["--temperature", "0.8", "--top-k", "40", "--top-p", "1", "--seed", "42", "--after", String(after), "--json", json];
  const { stderr, status } = spawnSync(pipsqueak, ["explain", "--model", model, "--prompt", prompt, ...settings], { encoding: "utf8" });
  assert.equal(status, 0, stderr);
  const { tokens: seen, pieces, embedding, layers: [layer], finalInput, logits } = JSON.parse(await readFile(json));
  const shown = piece => piece.replaceAll(" ", "␣").replaceAll("\n", "↵") || "∅";
  const labels = pieces.map((piece, i) => `${i} ${shown(piece)}`).join();
  await page.waitForFunction(labels => [...document.querySelectorAll("#inside figure:first-of-type tbody")][0]?.innerText
    .split("\n").map(line => line.split("\t")[0]).join() === labels, { timeout: 10_000 }, labels);
  const digits = x => x !== 0 && Math.abs(x) < 0.001 ? x.toExponential(1) : x.toFixed(3);
  const rows = table => table.map(({ values }) => values.map(Math.fround).map(digits));
  const triangle = table => rows(table).map(row => [...row, ...Array(seen.length - row.length).fill("·")]);
  const are = await tables();
  const expected = {
    "Token and position: what enters the layers": rows(embedding),
    "The heads together: taken": rows(layer.attended),
    "The heads together: through the output matrix": rows(layer.attentionOutput),
    "Layer 0: MLP: units": rows(layer.units),
    "Layer 0: MLP: after Relu": rows(layer.activated),
    "Layer 0: MLP: what it adds": rows(layer.mlpOutput),
    "Logits: output": rows(finalInput),
  };
  for (const { index, queries, keys, values, scores, weights } of layer.heads) {
    Object.assign(expected, { [`Head ${index}: queries`]: rows(queries), [`Head ${index}: keys`]: rows(keys), [`Head ${index}: values`]: rows(values) });
    Object.assign(expected, { [`Head ${index}: scores`]: triangle(scores), [`Head ${index}: shares`]: triangle(weights) });
  }
  if (logits.values.length <= 16) expected["Logits: logits"] = rows([logits]);
  for (const [name, table] of Object.entries(expected)) assert.deepEqual(are[name], table, `${name}, after ${after}`);
}

/** A share's formula has its numbers, and lines to the scores that it came from. */
async function tellsHowAShareCameAbout() {
  const places = await page.$$("#inside .inside-scroll");
  const names = await Promise.all(places.map(place => place.evaluate(place => place.getAttribute("aria-label"))));
  const shares = places[names.findIndex(name => name.startsWith("shares"))];
  await shares.focus();
  for (const key of ["ArrowDown", "ArrowDown", "ArrowRight"]) await page.keyboard.press(key);
  const formula = await page.$eval("#inside .inside-formula", place => place.textContent);
  const [, score, largest, sum, share] = formula.match(/e\^\((-?[\d.]+) − (-?[\d.]+)\) \/ ([\d.]+),.* = ([\d.]+)/).map(Number);
  assert.ok(Math.abs(Math.exp(score - largest) / sum - share) < 2e-3, formula);
  assert.equal((await page.$$("#inside .inside-lines line")).length, 3, "a line from each score of the row");
}

/** One shape from the toy to GPT-2, all of which a model can have. */
async function goesFromTheToyToGpt2() {
  const at = async way => {
    await page.$eval("#shape-said", place => { place.textContent = ""; });
    await page.$eval("#shape-way", (slider, way) => { slider.value = way; slider.dispatchEvent(new Event("input")); }, String(way));
    await until("shape-said", ".");
    return text("shape-said");
  };
  let before = 0;
  for (const way of [0, 7, 13, 25, 38, 50, 63, 75, 88, 100]) {
    const said = await at(way);
    const parameters = Number(said.match(/^([\d,]+) parameters/)?.[1].replaceAll(",", ""));
    assert.ok(parameters > before, `${way}: ${said}`);
    before = parameters;
  }
  assert.equal(before, 124_439_808);
  assert.ok(await page.$eval("#shape-train", button => button.disabled), "GPT-2 is not trained in a tab");
  assert.match(await at(0), /This tab can train it/);
  await set("shape-heads", 3);
  await page.$eval("#shape-heads", field => field.dispatchEvent(new Event("change")));
  await until("shape-said", "heads");
  assert.ok(await page.$eval("#shape-train", button => button.disabled), "nor is a shape that no model can have");
}

/** Has the page give a file for the Pico, and looks with another's reader whether firmware and model are in it, and else nothing. */
async function givesAFileForThePico(model) {
  const { decodeBlock } = createRequire(new URL("../xtask/rp2040js/pico.cjs", import.meta.url))("uf2");
  await press("boards");
  await page.waitForSelector("#fits button[data-board=pico]");
  const board = JSON.parse(await readFile(join(folder, "firmware", "manifest.json"))).boards.find(board => board.name === "pico");
  const file = await given("#fits button[data-board=pico]");
  const [start, end] = [board.flash_start, board.model_start + board.model_bytes];
  // Bytes that the file leaves alone are 1 here; those that fill up a block or a sector are 0.
  const flash = Buffer.alloc(end - start, 1);
  for (let at = 0; at < file.length; at += 512) {
    const { flashAddress, payload } = decodeBlock(new Uint8Array(file.subarray(at, at + 512)));
    flash.set(payload, flashAddress - start);
  }
  let from = 0;
  for (const [name, place, path] of [["firmware", start, join(folder, "firmware", board.image)], ["model", board.model_start, model]]) {
    const bytes = await readFile(path);
    assert.ok(flash.subarray(from, place - start).every(byte => byte < 2), `something lies before the ${name}`);
    from = place - start + bytes.length;
    assert.ok(flash.subarray(place - start, from).equals(bytes), `the ${name} in the file for the Pico is another`);
  }
  assert.ok(flash.subarray(from).every(byte => byte < 2), "something lies behind the model");
}

/** A virtual Pico writes what the page and the program write. */
async function aPicoWritesTheSame(model, prompt, tokens) {
  await set("tokens", tokens);
  await press("pico");
  await until("pico-terminal", "type the beginning of a text");
  await page.$eval("#led", led => {
    window.litTimes = 0;
    new MutationObserver(() => { if (led.classList.contains("lit")) window.litTimes++; }).observe(led, { attributes: true });
  });
  await press("pico-write");
  await until("pico-compared", "the same|differ");
  const [, ours, theirs] = (await text("pico-compared")).match(/fingerprint ([0-9a-f]{8}).*fingerprint ([0-9a-f]{8})/);
  assert.equal(theirs, ours, "the virtual Pico's fingerprint is the page's");
  assert.ok(await page.evaluate(() => window.litTimes > 0 && !document.querySelector(".lit")), "the LED is lit while it writes, and only then");
  const printed = cli(model, prompt, tokens);
  assert.ok(printed.includes(`fingerprint ${theirs}`), `${theirs} on the virtual Pico, and the program says: ${printed}`);
}

/** A board at a serial port that repeats what it is told. */
function fakeSerial() {
  const encode = text => new TextEncoder().encode(text);
  const requestPort = async () => {
    let [answer, line] = [null, ""];
    const readable = new ReadableStream({ start: controller => { answer = text => controller.enqueue(encode(text)); } });
    const take = byte => {
      if (byte === 5) answer("> \x06");
      else if (byte !== 10) line += String.fromCharCode(byte);
      else {
        answer(`heard ${line}\r\n`);
        line = "";
      }
    };
    return { open: async () => undefined, close: async () => undefined, readable, writable: new WritableStream({ write: bytes => bytes.forEach(take) }) };
  };
  Object.defineProperty(navigator, "serial", { value: { requestPort }, configurable: true });
}

/** A model that is trained here is the one that a PC trains with sums in the same order, bit for bit. */
async function trainsAsThePc() {
  const { sentence, runs } = JSON.parse(await readFile(new URL("engine/tests/one_order.json", import.meta.url)));
  const train = run => page.evaluate(async (sentence, { kind, steps }) => {
    const worker = new Worker("worker.js", { type: "module" });
    const ask = (request, bytes = new Uint8Array()) => new Promise((done, failed) => {
      worker.onmessage = ({ data: { answer, bytes, refused } }) => { if (refused) failed(new Error(answer)); else done(bytes); };
      worker.postMessage({ id: 0, request, bytes });
    });
    await ask({ do: "start", kind, name: "text", seed: 1 }, new TextEncoder().encode(sentence.repeat(100)));
    await ask({ do: "step", count: steps });
    const model = await ask({ do: "model", precision: "F32" });
    worker.terminate();
    // FNV-1a.
    return model.reduce((hash, byte) => Math.imul(hash ^ byte, 0x01000193) >>> 0, 0x811c9dc5);
  }, sentence, run);
  for (const run of runs) assert.equal(await train(run), run.hash, `${run.kind}: another model than on a PC`);
}

try {
  await page.evaluateOnNewDocument(() => Object.defineProperty(Navigator.prototype, "serial", { get: () => undefined, configurable: true }));
  // The toy.
  await page.goto(address);
  assert.match(await text("serial-state"), /no Web Serial/);
  await trainsAsThePc();
  const begun = Date.now();
  await press("toy");
  await until("numbers", "step 2000 of 2000");
  console.log(`the toy learned in ${Date.now() - begun} ms`);
  const rows = await page.$$eval("#vocabulary tbody tr", rows => rows.map(row => [...row.cells].map(cell => cell.textContent)));
  assert.ok(rows.length > 8 && rows.every(row => row.length === 3 + 4), "a row a token, with four numbers");
  assert.equal((await page.$$("#positions tbody tr")).length, 3);
  assert.ok((await page.$$("#map text")).length > 8);
  const loss = Number((await text("numbers")).match(/loss ([\d.]+)/)[1]);
  assert.ok(loss < 1.6, `the toy's loss is ${loss}`);
  await until("pause", "Go on");
  for (const precision of ["f32", "int8", "int4", "ternary"]) await agreesWithTheProgram(precision, "the", 40);
  const drawn = await page.$$eval("#candidates tr.drawn", rows => rows.length);
  assert.equal(drawn, 1, "one candidate is the one that was drawn");
  const before = await text("chosen");
  await press("on");
  assert.notEqual(await text("chosen"), before);
  await press("back");
  assert.equal(await text("chosen"), before);
  await page.hover("#candidates tbody tr");
  assert.match(await text("formula"), /e\^/);
  for (const precision of ["f32", "int8"]) {
    await agreesWithTheProgram(precision, "the", 40);
    await page.$eval("#numbers-shown", details => { details.open = true; });
    await explainsAsTheProgram(join(scratch, `${precision}.pip`), "the", 40, 0);
    await press("on");
    await explainsAsTheProgram(join(scratch, `${precision}.pip`), "the", 40, 1);
    await press("back");
    await explainsAsTheProgram(join(scratch, `${precision}.pip`), "the", 40, 0);
  }
  await tellsHowAShareCameAbout();
  await picture("inside-1280");
  await press("compare");
  await until("formats", "ternary");
  const prints = await page.$$eval("#formats tbody tr", rows => rows.map(row => row.cells[2].textContent));
  assert.equal(new Set(prints).size, 4, "four formats, four fingerprints");
  await givesAFileForThePico(await saved("int8"));
  await picture("toy-1280");

  // One's own text: pause, reload, go on.
  const own = join(scratch, "own.txt");
  const words = ["mouse", "barn", "seed", "field", "owl", "moon", "cat", "night"];
  let state = 7;
  const word = () => words[(state = state * 1103515245 + 12345 & 0x7fffffff) % words.length];
  const sentences = Array.from({ length: 3000 }, () => `The ${word()} saw the ${word()} by the ${word()}.`);
  await writeFile(own, sentences.join("\n"));
  await drop(own);
  await page.waitForFunction(() => /step [1-9]\d/.test(document.getElementById("numbers").textContent) &&
    document.getElementById("pause").textContent === "Pause", { timeout: 60_000 });
  await press("pause");
  await until("pause", "Go on");
  const paused = await step();
  await until("sample", ".");
  await page.evaluateOnNewDocument(fakeSerial);
  await page.reload();
  await until("said", "as you left it");
  assert.equal(await step(), paused, "a reload loses nothing");
  await press("pause");
  await page.waitForFunction(step => Number(document.getElementById("numbers").textContent.match(/step (\d+)/)[1]) > step, {}, paused);
  await press("pause");
  await until("pause", "Go on");
  await agreesWithTheProgram("int8", "The", 60);
  const model = join(scratch, "int8.pip");
  for (const how of ["best-of", "think"]) await thinksAsTheProgram(model, how);

  // To the chip.
  await givesAFileForThePico(model);
  await aPicoWritesTheSame(model, "The", 30);
  await press("serial");
  await until("serial-terminal", "> ");
  await page.type("#serial-terminal input", "Grüße\n");
  await until("serial-terminal", "heard Gr");
  await press("unplug");
  await until("serial-state", "gone");
  await picture("own-1280");
  await page.setViewport({ width: 390, height: 844 });
  assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= 390), "nothing is wider than a phone");
  await picture("own-390");

  // A shape of one's own.
  await goesFromTheToyToGpt2();
  await page.$eval("#shape-way", slider => { slider.value = "13"; slider.dispatchEvent(new Event("input")); });
  await set("text", sentences.slice(0, 400).join("\n"));
  await until("shape-said", "This tab can train it");
  const [width, layers] = [await page.$eval("#shape-width", field => field.value), await page.$eval("#shape-layers", field => field.value)];
  await press("shape-train");
  await page.waitForFunction(() => /step \d{2}/.test(document.getElementById("numbers").textContent), { timeout: 60_000 });
  await press("pause");
  await until("pause", "Go on");
  await page.reload();
  await until("said", "as you left it");
  const shaped = spawnSync(pipsqueak, ["inspect", "--model", await saved("int4")], { encoding: "utf8" }).stdout;
  assert.match(shaped, new RegExp(`${layers} layers?, width ${width}`));

  // Files that are of no use.
  const good = await readFile(join(scratch, "int8.pip"));
  const refused = async (name, bytes, pattern) => {
    await writeFile(join(scratch, name), bytes);
    await page.$eval("#said", place => { place.textContent = ""; });
    await drop(join(scratch, name));
    await until("said", pattern);
  };
  await refused("torn.pip", good.subarray(0, good.length / 2), "no model that can be used");
  good[good.length >> 1] ^= 1;
  await refused("flipped.pip", good, "no model that can be used");
  await refused("noise.bin", Buffer.from(Array.from({ length: 5000 }, (_, i) => i * 151 ^ i >> 3)), "no text in UTF-8");
  await refused("empty.txt", "", ".");
  await refused("short.txt", "Hi", "longer text|too short");
  await writeFile(join(scratch, "huge.txt"), "");
  await truncate(join(scratch, "huge.txt"), 2 * 2 ** 30);
  await page.$eval("#said", place => { place.textContent = ""; });
  await drop(join(scratch, "huge.txt"));
  await until("said", "too many for a tab");

  // A model file that another made.
  await drop(join(scratch, "ternary.pip"));
  await until("numbers", "opened: ternary");
  await drop(fileURLToPath(new URL("../pretrained/stories.pip", import.meta.url)));
  await until("numbers", "opened: int8, 520");
  await set("prompt", "Once upon a time");
  await set("tokens", 200);
  for (let i = 0; i < 3; i++) {
    await page.$eval("#fingerprint", place => { place.textContent = ""; });
    await press("write");
    await until("fingerprint", "fingerprint");
  }
  console.log(`pretrained/stories.pip: ${await text("fingerprint")}`);
  await press("self-test");
  await until("tested", "ok");
  assert.match(await text("tested"), /^ok/);
  assert.deepEqual(faults, []);
  console.log("the page does what it says");
} finally {
  await browser.close();
  server.close();
}
