// The page: what is pressed, dropped and shown.

import * as chip from "./chip";
import { download } from "./download";
import * as draw from "./draw";
import * as engine from "./engine";
import { ask, call, Refused } from "./engine";
import type { Candidate, Config, Model, Progress, Started, Step, Trace, Writing, Written } from "./engine";
import * as inside from "./inside";
import * as shapes from "./shape";
import * as storage from "./storage";
import * as thinking from "./thinking";
import { TOY } from "./toy";

const get = <Kind extends Element = HTMLElement>(id: string) => document.getElementById(id) as unknown as Kind;
const input = (id: string) => get<HTMLInputElement>(id);
const button = (id: string) => get<HTMLButtonElement>(id);
const said = get("said");

/** The most bytes that are read from a dropped file; the engine refuses smaller ones by what is in them. */
const FILE_MAX = 64 * 2 ** 20;
/** How long the engine learns before it looks up, in milliseconds. */
const SLICE = 60;
const [KEEP_EVERY, LOOK_EVERY, VALIDATE_EVERY] = [3000, 400, 2500];
/** Buttons that need a model, trained or opened. */
const USES = ["write", "think", "self-test", "boards", "pico"];
const FORMATS = ["f32", "int8", "int4", "ternary"];

interface Run {
  kind: "toy" | "own";
  name: string;
  seed: number;
  /** Of a model for one's own text, if it was chosen. */
  shape: Config | null;
  text: Uint8Array;
  started: Started;
  progress: Progress;
}

let run: Run | null = null;
let model: Model | null = null;
/** The file that `model` tells of. */
let file = new Uint8Array();
let learning = false;
/** Resolves when the learning that is under way has stopped. */
let rest: Promise<void> = Promise.resolve();

let turn: Promise<unknown> = Promise.resolve();

/** Does `work` when no other work has the engine's one model: a sample drawn while it learns, a text, an export. */
function alone<Result>(work: () => Promise<Result>): Promise<Result> {
  const result = turn.then(work);
  turn = result.catch(() => undefined);
  return result;
}

/** Does `work`; a refusal becomes a sentence on the page. */
async function tell(work: () => Promise<void>) {
  said.textContent = "";
  try {
    await work();
  } catch (error) {
    said.textContent = error instanceof Refused || error instanceof Error ? error.message : String(error);
  }
}

function seconds(left: number): string {
  return left < 90 ? `${Math.ceil(left)} s` : `${Math.round(left / 60)} min`;
}

function shownNumbers(tokensASecond: number) {
  if (!run) return;
  const { started, progress } = run;
  const [losses, held] = [progress.training.at(-1)?.[1], progress.validation.at(-1)?.[1]];
  const left = (progress.steps - progress.step) * started.tokensAStep / tokensASecond;
  get<HTMLProgressElement>("progress").value = progress.step / progress.steps;
  get("numbers").textContent = [
    `step ${progress.step} of ${progress.steps}`,
    `${started.parameters.toLocaleString("en")} parameters`,
    losses === undefined ? "" : `loss ${losses.toFixed(3)}`,
    held === undefined ? "" : `never shown ${held.toFixed(3)}`,
    progress.best && progress.best[0] < progress.step ? `kept: step ${progress.best[0]} (${progress.best[1].toFixed(3)})` : "",
    tokensASecond ? `${Math.round(tokensASecond).toLocaleString("en")} tokens/s` : "",
    tokensASecond && progress.step < progress.steps ? `${seconds(left)} left` : "",
  ].filter(Boolean).join(" · ");
  draw.curve(get<SVGSVGElement>("curve"), progress);
}

async function begin(kind: Run["kind"], name: string, text: Uint8Array, seed: number, shape: Config | null = null, checkpoint?: Uint8Array | null) {
  await stop();
  const started = await ask<Started>({ do: "start", kind, name, seed, shape }, text);
  const progress = checkpoint ? await ask<Progress>({ do: "restore" }, checkpoint) : await ask<Progress>({ do: "step", count: 0 });
  run = { kind, name, seed, shape, text, started, progress };
  model = null;
  axes(started.config.width);
  for (const id of ["pause", "save", "forget", "compare", ...USES]) button(id).disabled = false;
  input("prompt").value = kind === "toy" ? "the" : "";
  shownNumbers(0);
  await look();
}

function axes(width: number) {
  for (const [id, chosen] of [["x", 0], ["y", 1]] as const) {
    get<HTMLSelectElement>(id).replaceChildren(...Array.from({ length: width }, (_, i) => {
      const option = draw.element("option", `e${i}`);
      option.value = String(i);
      option.selected = i === chosen;
      return option;
    }));
  }
}

function learn() {
  if (!run || learning) return;
  learning = true;
  button("pause").textContent = "Pause";
  rest = tell(learnOn).then(async () => {
    learning = false;
    await tell(keep);
    button("pause").textContent = learning ? "Pause" : "Go on";
    if (!said.textContent) await tell(async () => { await look(); await sample(); });
    button("pause").disabled = run !== null && run.progress.step >= run.progress.steps;
  });
}

async function learnOn() {
  let count = 1;
  let [kept, looked, validated, speed] = [performance.now(), 0, 0, 0];
  while (learning && run && run.progress.step < run.progress.steps) {
    const before = performance.now();
    const from = run.progress.step;
    run.progress = await ask<Progress>({ do: "step", count });
    const now = performance.now();
    const a_second = (run.progress.step - from) * run.started.tokensAStep / ((now - before) / 1000);
    speed = speed ? 0.9 * speed + 0.1 * a_second : a_second;
    count = Math.max(1, Math.min(500, Math.round(count * SLICE / Math.max(1, now - before))));
    shownNumbers(speed);
    if (run.kind === "own" && now - validated > VALIDATE_EVERY) {
      run.progress = await ask<Progress>({ do: "validate" });
      await sample();
      validated = performance.now();
    }
    if (now - looked > LOOK_EVERY * (run.kind === "toy" ? 1 : 8)) {
      await look();
      looked = performance.now();
    }
    if (now - kept > KEEP_EVERY) {
      await keep();
      kept = performance.now();
    }
  }
  if (run?.kind === "own" && run.progress.step) run.progress = await ask<Progress>({ do: "validate" });
  shownNumbers(speed);
}

async function stop() {
  learning = false;
  await rest;
}

async function keep() {
  if (!run) return;
  const [, checkpoint] = await call<null>({ do: "checkpoint" });
  const { kind, name, seed, shape, text } = run;
  try {
    await storage.keep({ kind, name, seed, shape, text, checkpoint });
  } catch (error) {
    said.textContent = `this browser keeps nothing here, so a reload would lose the run: save the model (${error})`;
  }
}

/** Shows what the run has learned so far. */
async function look() {
  const learned = await engine.learned();
  draw.map(get<SVGSVGElement>("map"), learned, Number(get<HTMLSelectElement>("x").value), Number(get<HTMLSelectElement>("y").value));
  await draw.breath();
  draw.vocabulary(get<HTMLTableElement>("vocabulary"), learned);
  await draw.breath();
  get("where").hidden = learned.positions.length === 0;
  if (learned.positions.length) {
    draw.positions(get<HTMLTableElement>("positions"), learned.positions);
    draw.waves(get<SVGSVGElement>("waves"), learned.positions[0].length);
  }
  await draw.matrices(get("weights"), learned.weights);
}

/** A short text by the present weights. */
async function sample() {
  if (!run || !run.progress.step) return;
  const seed = run.progress.step;
  const written = await alone(async () => {
    await ask<Model>({ do: "model", precision: "F32" });
    return ask<Written>({ do: "write", prompt: "", tokens: 60, temperature: 0.8, top_k: 40, top_p: 1, seed });
  });
  get("sample").textContent = written.text;
}

/** The number format as the engine calls it. */
const format = (name: string) => ({ f32: "F32", int8: "Int8", int4: "Int4", ternary: "Ternary" })[name];

async function exported(precision: string): Promise<Uint8Array<ArrayBuffer>> {
  const [made, bytes] = await call<Model>({ do: "model", precision: format(precision) });
  [model, file] = [made, bytes];
  return bytes;
}

async function save() {
  const bytes = await exported(get<HTMLSelectElement>("precision").value);
  download(bytes, `${run?.kind === "toy" ? "toy" : "mine"}.pip`);
}

function writing(): Writing {
  const number = (id: string) => Number(input(id).value);
  return { prompt: input("prompt").value, tokens: number("tokens"), temperature: number("temperature"), top_k: number("top-k"),
    top_p: number("top-p"), seed: number("seed") };
}

/** Has the engine hold the model to write with: the one that was opened, or the run's as it is now. Returns its file. */
async function ready() {
  if (run) return exported(get<HTMLSelectElement>("precision").value);
  if (!model) throw new Error("there is no model yet: train one, or drop a .pip file");
  await ask({ do: "open" }, file);
  return file;
}

async function write() {
  const bytes = await ready();
  const settings = writing();
  const begun = performance.now();
  const written = await ask<Written>({ do: "write", ...settings });
  const time = (performance.now() - begun) / 1000;
  get("written").textContent = settings.prompt + written.text;
  get("fingerprint").textContent =
    `${written.tokens} tokens, ${Math.round(written.tokens / time).toLocaleString("en")} tokens/s, fingerprint ${written.fingerprint}`;
  const trace = await ask<Trace>({ do: "trace", ...settings });
  show(trace.steps, settings.temperature);
  // Whatever the model has learned since, the numbers are those of the text that stands there.
  inside.follow(settings, () => Number(input("at").value), () => ask({ do: "open" }, bytes));
  await inside.refresh();
}

function show(steps: Step[], temperature: number) {
  const [slider, pieces] = [input("at"), model!.pieces];
  get("choosing").hidden = steps.length === 0;
  if (!steps.length) return;
  slider.max = String(steps.length - 1);
  slider.value = "0";
  const step = () => {
    const at = Number(slider.value);
    const { candidates, token } = steps[at];
    get("chosen").textContent = `token ${at + 1} of ${steps.length}: ${draw.shown(pieces[token])}`;
    get("formula").textContent = "";
    draw.candidates(get<HTMLTableElement>("candidates"), candidates, token, pieces, candidate => explain(candidate, candidates[0], temperature));
  };
  const go = (at: number) => {
    slider.value = String(at);
    step();
    tell(() => alone(inside.refresh));
  };
  slider.oninput = () => go(Number(slider.value));
  button("back").onclick = () => go(Number(slider.value) - 1);
  button("on").onclick = () => go(Number(slider.value) + 1);
  step();
}

/** The formula of a probability, with its numbers. */
function explain(candidate: Candidate, likeliest: Candidate, temperature: number) {
  if (temperature <= 0) {
    get("formula").textContent = "temperature 0: the likeliest token is taken, and nothing is drawn";
    return;
  }
  const weight = Math.exp((candidate.logit - likeliest.logit) / temperature);
  if (!candidate.probability) {
    get("formula").textContent = `${draw.shown(model!.pieces[candidate.token])}: ${weight.toExponential(2)} of the likeliest's weight, too little to be drawn`;
    return;
  }
  get("formula").textContent =
    `${draw.shown(model!.pieces[candidate.token])}: e^((${candidate.logit.toFixed(4)} − ${likeliest.logit.toFixed(4)}) / ${temperature}) = ` +
    `${weight.toFixed(5)} of a sum of ${(weight / candidate.probability).toFixed(5)} → ${(100 * candidate.probability).toFixed(2)} %` +
    (candidate.drawn && candidate.drawn !== candidate.probability ? `, of what is kept ${(100 * candidate.drawn).toFixed(2)} %` : "");
}

async function compare() {
  if (!run) throw new Error("train a model first: a file has one format only");
  const rows: (string | number)[][] = [["format", "file, bytes", "fingerprint", "same tokens as f32", "first token: largest difference of a likely logit", "text"]];
  let reference: Step[] = [];
  for (const name of FORMATS) {
    const bytes = await exported(name);
    const { steps, fingerprint } = await ask<Trace>({ do: "trace", ...writing() });
    if (!reference.length) reference = steps;
    const alike = steps.findIndex((step, i) => step.token !== reference[i]?.token);
    rows.push([name, bytes.length.toLocaleString("en"), fingerprint, alike < 0 ? "all" : `the first ${alike}`,
      difference(steps[0], reference[0]).toFixed(4), steps.map(step => model!.pieces[step.token]).join("")]);
  }
  draw.fill(get<HTMLTableElement>("formats"), rows);
}

/** The largest difference of the first token's logits, over the candidates that both show. */
function difference(one: Step, other: Step): number {
  const logits = new Map(other.candidates.map(candidate => [candidate.token, candidate.logit]));
  return Math.max(0, ...one.candidates.map(({ token, logit }) => Math.abs(logit - (logits.get(token) ?? logit))));
}

async function take(file: File) {
  if (file.size > FILE_MAX) throw new Error(`${file.name} has ${file.size.toLocaleString("en")} bytes: too many for a tab; use a part of it`);
  const bytes = new Uint8Array(await file.arrayBuffer());
  if (file.name.endsWith(".pip")) return open(bytes);
  await begin("own", file.name, bytes, 1);
  learn();
}

async function open(bytes: Uint8Array<ArrayBuffer>) {
  await stop();
  const opened = await alone(() => ask<Model>({ do: "open" }, bytes));
  [run, model, file] = [null, opened, bytes];
  for (const id of ["pause", "save", "forget", "compare"]) button(id).disabled = true;
  for (const id of USES) button(id).disabled = false;
  get("numbers").textContent =
    `opened: ${opened.precision}, ${opened.bytes.toLocaleString("en")} bytes of flash, ${opened.ramBytes.toLocaleString("en")} bytes of RAM`;
}

const on = (id: string, work: () => Promise<void>) => { button(id).onclick = () => tell(work); };

on("toy", async () => { await begin("toy", "toy", new TextEncoder().encode(TOY), 1); learn(); });
on("own", async () => {
  await begin("own", "your text", new TextEncoder().encode(get<HTMLTextAreaElement>("text").value), 1);
  learn();
});
on("pause", async () => { if (learning) await stop(); else learn(); });
for (const [id, work] of Object.entries({ save, write, compare })) on(id, () => alone(work));
on("forget", async () => { await stop(); await storage.forget(); location.reload(); });
input("file").onchange = () => tell(async () => { const file = input("file").files?.[0]; if (file) await take(file); });
for (const id of ["x", "y"]) get<HTMLSelectElement>(id).onchange = () => tell(look);
document.ondragover = event => { event.preventDefault(); document.body.classList.add("dragging"); };
document.ondragleave = () => document.body.classList.remove("dragging");
document.ondrop = event => {
  event.preventDefault();
  document.body.classList.remove("dragging");
  const file = event.dataTransfer?.files[0];
  if (file) tell(() => take(file));
};
const host = { tell, alone, ready, writing };
for (const view of [inside, thinking, chip]) view.setUp(host);
shapes.setUp(host, async shape => {
  const text = get<HTMLTextAreaElement>("text").value;
  await begin("own", text ? "your text" : "the toy's text", new TextEncoder().encode(text || TOY), 1, shape);
  learn();
  get("h-learn").scrollIntoView();
});

tell(async () => {
  const before = await storage.kept();
  if (!before) return;
  await begin(before.kind as Run["kind"], before.name, before.text, before.seed, before.shape, before.checkpoint);
  button("pause").textContent = "Go on";
  said.textContent = `${before.name}: as you left it, at step ${run!.progress.step}`;
});
