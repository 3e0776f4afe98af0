// Tables and pictures.

import { shown } from "../../trainer/src/explain/inside.js";
import type { Candidate, Learned, Progress } from "./engine";

export { shown };

const SVG = "http://www.w3.org/2000/svg";

export function element<Name extends keyof HTMLElementTagNameMap>(name: Name, text = "", kind = ""): HTMLElementTagNameMap[Name] {
  const made = document.createElement(name);
  made.textContent = text;
  if (kind) made.className = kind;
  return made;
}

function shape(name: string, attributes: Record<string, string | number>, text = ""): SVGElement {
  const made = document.createElementNS(SVG, name) as SVGElement;
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, String(value));
  made.textContent = text;
  return made;
}

const digits = (x: number) => x.toFixed(3);

/** Puts rows under the table's caption; the first one is its head. A table of that many cells stays, and gets other texts. */
export function fill(table: HTMLTableElement, rows: (string | number)[][]) {
  const [head, ...body] = rows;
  if (table.rows.length === rows.length && [...table.rows].every((line, i) => line.cells.length === rows[i].length)) {
    rows.forEach((row, r) => row.forEach((value, c) => {
      const [cell, text] = [table.rows[r].cells[c], String(value)];
      if (cell.textContent !== text) cell.textContent = text;
    }));
    return;
  }
  const caption = table.caption;
  table.replaceChildren(...(caption ? [caption] : []));
  const top = table.createTHead().insertRow();
  for (const name of head) {
    const cell = element("th", String(name));
    cell.scope = "col";
    top.append(cell);
  }
  const lines = table.createTBody();
  for (const row of body) {
    const line = lines.insertRow();
    for (const [i, value] of row.entries()) line.append(element(i === 0 ? "th" : "td", String(value)));
  }
}

/** The loss by step. */
export function curve(svg: SVGSVGElement, { training, validation, steps }: Progress) {
  const all = [...training, ...validation].map(([, loss]) => loss);
  if (all.length < 2) return svg.replaceChildren();
  const [low, high] = [Math.min(...all), Math.max(...all)];
  const x = (step: number) => 40 + 590 * step / steps;
  const y = (loss: number) => 215 - 200 * (loss - low) / (high - low || 1);
  const line = (points: [number, number][], kind: string) =>
    shape("polyline", { class: kind, points: points.map(([step, loss]) => `${x(step).toFixed(1)},${y(loss).toFixed(1)}`).join(" ") });
  svg.replaceChildren(
    shape("line", { class: "axis", x1: 40, y1: 215, x2: 630, y2: 215 }),
    shape("text", { x: 4, y: 20 }, high.toFixed(2)),
    shape("text", { x: 4, y: 215 }, low.toFixed(2)),
    shape("text", { x: 560, y: 232 }, `${steps} steps`),
    line(training, "first"),
    line(validation, "second"),
    shape("text", { x: 480, y: 20 }, "— learned from"),
    ...(validation.length ? [shape("text", { x: 480, y: 36 }, "— never shown")] : []),
  );
}

/** Two numbers of each embedding. */
export function map(svg: SVGSVGElement, { pieces, weights, counts }: Learned, across: number, up: number) {
  const rows = weights.embedding.rows;
  const largest = Math.max(1e-6, ...rows.map(row => Math.max(Math.abs(row[across]), Math.abs(row[up]))));
  const points = rows.map((row, i) => ({ piece: pieces[i], count: counts[i], x: 100 * row[across] / largest, y: -100 * row[up] / largest }));
  points.sort((a, b) => b.count - a.count);
  svg.replaceChildren(
    shape("line", { class: "axis", x1: -105, y1: 0, x2: 105, y2: 0 }),
    shape("line", { class: "axis", x1: 0, y1: -105, x2: 0, y2: 105 }),
    ...points.slice(0, 80).map(({ piece, x, y }) => shape("text", { x: x.toFixed(2), y: y.toFixed(2), "text-anchor": "middle" }, shown(piece))),
  );
}

const WAVES = ["first", "second", "third", "fourth"];

/** The position vectors as waves, drawn on beyond the context. */
export function waves(svg: SVGSVGElement, width: number) {
  const wave = (channel: number) => {
    const rate = 10000 ** (-(channel - channel % 2) / width);
    const value = (position: number) => channel % 2 ? Math.cos(position * rate) : Math.sin(position * rate);
    const points = Array.from({ length: 161 }, (_, i) => `${10 + i * 3.9},${(80 - 65 * value(i / 8)).toFixed(1)}`);
    return shape("polyline", { class: WAVES[channel % WAVES.length], points: points.join(" ") });
  };
  svg.replaceChildren(
    shape("line", { class: "axis", x1: 10, y1: 80, x2: 634, y2: 80 }),
    ...Array.from({ length: Math.min(width, 4) }, (_, channel) => wave(channel)),
    shape("text", { x: 560, y: 154 }, "position 20"),
  );
}

/** Every matrix: digits of a small one, a picture of a large one. The browser draws a frame between two if it wants to. */
export async function matrices(place: HTMLElement, weights: Learned["weights"]) {
  const views: HTMLElement[] = [];
  for (const [name, { rows }] of Object.entries(weights)) {
    if (name === "embedding") continue;
    views.push(rows.length * rows[0].length <= 512 ? numbers(name, rows) : heat(name, rows));
    await breath();
  }
  place.replaceChildren(...views);
}

/** Lets the browser draw a frame, or take a click, before what follows. A hidden tab goes on too. */
export const breath = () => new Promise<void>(done => setTimeout(done));

function numbers(name: string, rows: Float32Array[]): HTMLElement {
  const table = element("table");
  table.createCaption().textContent = `${name} [${rows.length}, ${rows[0].length}]`;
  fill(table, [["", ...rows[0].keys()], ...rows.map((row, i) => [i, ...Array.from(row, digits)])]);
  return table;
}

function heat(name: string, rows: Float32Array[]): HTMLElement {
  const [figure, canvas] = [element("figure"), element("canvas")];
  [canvas.width, canvas.height] = [rows[0].length, rows.length];
  const largest = rows.reduce((most, row) => row.reduce((most, x) => Math.max(most, Math.abs(x)), most), 0) || 1;
  const context = canvas.getContext("2d")!;
  const image = context.createImageData(canvas.width, canvas.height);
  const { data } = image;
  let at = 0;
  for (const row of rows) {
    for (const value of row) {
      const below = value < 0;
      data[at++] = below ? 180 : 11;
      data[at++] = below ? 64 : 98;
      data[at++] = below ? 10 : 196;
      data[at++] = 255 * Math.abs(value) / largest;
    }
  }
  context.putImageData(image, 0, 0);
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", name);
  figure.append(element("figcaption", `${name} [${rows.length}, ${rows[0].length}]: blue above zero, brown below`), canvas);
  return figure;
}

export function vocabulary(table: HTMLTableElement, { pieces, counts, weights }: Learned) {
  const width = Math.min(8, weights.embedding.rows[0].length);
  const rows = pieces.map((piece, i) => [i, shown(piece), counts[i], ...Array.from(weights.embedding.rows[i].subarray(0, width), digits)]);
  fill(table, [["index", "token", "count", ...Array.from({ length: width }, (_, i) => `e${i}`)], ...rows]);
}

export function positions(table: HTMLTableElement, vectors: number[][]) {
  fill(table, [["position", ...vectors[0].keys()], ...vectors.map((vector, i) => [i, ...vector.map(digits)])]);
}

/** The candidates of one token; `explain` is told of the one that is pointed at. */
export function candidates(table: HTMLTableElement, all: Candidate[], chosen: number, pieces: string[], explain: (candidate: Candidate) => void) {
  const percent = (share: number) => `${(100 * share).toFixed(2)} %`;
  fill(table, [
    ["token", "index", "logit", "probability", "top-k", "top-p", "drawn with"],
    ...all.map(c => [shown(pieces[c.token]), c.token, c.logit.toFixed(4), percent(c.probability), c.inTopK ? "kept" : "out",
      c.inTopP ? "kept" : "out", percent(c.drawn)]),
  ]);
  [...table.tBodies[0].rows].forEach((row, i) => {
    row.tabIndex = 0;
    row.className = all[i].token === chosen ? "drawn" : all[i].drawn ? "" : "out";
    row.onpointerenter = row.onfocus = () => explain(all[i]);
  });
}
