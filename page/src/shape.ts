// One shape, from the toy to GPT-2, and what it takes on a chip.

import { element, fill } from "./draw";
import { ask } from "./engine";
import type { Config } from "./engine";
import type { Host } from "./host";

interface Chip { chip: string; board: string; mhz: number; instructions: number }
interface Format { name: string; flash: number; ram: number; fits: string[]; chips: Chip[] }
interface Shape { parameters: number; trains: string | null; formats: Format[] }

const get = (id: string) => document.getElementById(id) as HTMLInputElement;
/** The least and the most of each size: the toy's and GPT-2's. */
const SIZES = {
  vocab: [27, 50257], context: [3, 1024], width: [4, 768], layers: [1, 12], heads: [2, 12], kv_heads: [2, 12], hidden: [8, 3072],
} as const;
/** From which part of the way on each choice is GPT-2's. */
const CHOICES = [
  ["residual", "off", "on", 0.08], ["norm", "None", "Layer", 0.12], ["activation", "Relu", "Gelu", 0.2],
  ["position", "Sinusoidal", "Learned", 0.3], ["tied", "off", "on", 0.4],
] as const;

/** The whole number on the way from `least` to `most` that is a multiple of `step`; each step of the way multiplies. */
const between = (least: number, most: number, way: number, step = 1) =>
  Math.max(least, Math.min(most, Math.round(least * (most / least) ** way / step) * step));

/** Sets all fields to the shape at this part of the way, from 0 to 1. */
function go(way: number) {
  const size = (name: keyof typeof SIZES, step = 1) => between(SIZES[name][0], SIZES[name][1], way, step);
  const heads = way === 1 ? 12 : [2, 2, 4, 4, 8, 8, 8, 12][Math.floor(way * 8)];
  const values = {
    vocab: size("vocab"), context: size("context"), layers: size("layers"), heads, kv_heads: heads,
    width: size("width", way === 0 ? 1 : 2 * heads), hidden: 0,
  };
  values.hidden = way === 0 ? 8 : 4 * values.width;
  for (const [name, value] of Object.entries(values)) get(`shape-${name}`).value = String(value);
  for (const [name, first, second, from] of CHOICES) get(`shape-${name}`).value = way < from ? first : second;
  get("shape-mlp").value = "Plain";
  get("shape-bias").value = "on";
}

/** The fields as a shape; whatever has none is as in most models. */
function config(): Config {
  const size = (name: string) => Number(get(`shape-${name}`).value);
  const choice = (name: string) => get(`shape-${name}`).value;
  const is = (name: string) => choice(name) === "on";
  return {
    vocab: size("vocab"), context: size("context"), width: size("width"), layers: size("layers"), heads: size("heads"),
    kv_heads: size("kv_heads"), hidden: size("hidden"), position: choice("position"), rotary_base: 10000, norm: choice("norm"),
    norm_epsilon: 1e-5, activation: choice("activation"), mlp: choice("mlp"), residual: is("residual"), bias: is("bias"), tied: is("tied"),
  };
}

const count = (number: number) => Math.round(number).toLocaleString("en");
const pace = (number: number) => number < 100 ? number.toPrecision(2) : count(number);
const bytes = (number: number) => number < 1 << 20 ? `${(number / 1024).toFixed(1)} KiB` : `${(number / 2 ** 20).toFixed(1)} MiB`;

async function show() {
  const place = get("shape-said");
  try {
    const { parameters, trains, formats } = await ask<Shape>({ do: "shape", config: config() });
    place.textContent = `${count(parameters)} parameters. ${trains ?? "This tab can train it."}`;
    (get("shape-train") as unknown as HTMLButtonElement).disabled = trains !== null;
    fill(get("shape-formats") as unknown as HTMLTableElement, [
      ["format", "flash, firmware included", "RAM", "boards it fits"],
      ...formats.map(({ name, flash, ram, fits }) => [name, bytes(flash), bytes(ram), fits.length ? fits.join(", ") : "none"]),
    ]);
    const { chips } = formats.find(({ name }) => name === "int8")!;
    fill(get("shape-chips") as unknown as HTMLTableElement, [
      ["chip", "on", "instructions a token", "tokens/s at one instruction a cycle"],
      ...chips.map(({ chip, board, mhz, instructions }) =>
        [chip, `${board}, ${mhz} MHz`, count(instructions), pace(mhz * 1e6 / instructions)]),
    ]);
  } catch (error) {
    place.textContent = (error as Error).message;
    (get("shape-train") as unknown as HTMLButtonElement).disabled = true;
  }
}

export function setUp({ tell }: Host, train: (shape: Config) => Promise<void>) {
  const way = get("shape-way");
  way.oninput = () => {
    go(Number(way.value) / 100);
    void show();
  };
  for (const field of document.querySelectorAll<HTMLElement>("#shape-fields input, #shape-fields select")) field.onchange = show;
  get("shape-train").onclick = () => tell(() => train(config()));
  const stops = get("shape-stops");
  for (const [name, at] of [["toy", 0], ["a Pico's", 46], ["GPT-2 small", 100]] as const) {
    const stop = element("button", name);
    stop.onclick = () => {
      way.value = String(at);
      go(at / 100);
      void show();
    };
    stops.append(stop, " ");
  }
  go(0);
  void show();
}
