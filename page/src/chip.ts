// From the page's model to a chip: boards, files for them, a board at a serial port, and a virtual one.

import { download } from "./download";
import { element, fill } from "./draw";
import { ask, call } from "./engine";
import type { Written } from "./engine";
import type { Host } from "./host";
import type { Order, Report } from "./pico-worker";
import { Terminal } from "./terminal";

/** A board of which the page has the firmware: its name, the file of its image, and what the engine alone reads. */
interface Firmware { name: string; image: string }

interface Board { name: string; chip: string; flash: number; ram: number; lacks: string | null; firmware: string | null; refusal: string | null }

interface Fits { flash: number; ram: number; boards: Board[] }

const [BAUD, PATIENCE] = [115_200, 4000];
const get = <Kind extends HTMLElement = HTMLElement>(id: string) => document.getElementById(id) as Kind;
const kibibytes = (bytes: number) => `${Math.ceil(bytes / 1024).toLocaleString("en")} KiB`;

let manifest: Promise<{ boards: Firmware[] }> | null = null;

async function fetched(name: string): Promise<Response> {
  const response = await fetch(`firmware/${name}`);
  if (!response.ok) throw new Error(`the page's folder lacks firmware/${name}: make it again with cargo xtask page`);
  return response;
}

function firmware(): Promise<{ boards: Firmware[] }> {
  manifest ??= fetched("manifest.json").then(response => response.json());
  manifest.catch(() => { manifest = null; });
  return manifest;
}

/** A file of the board's firmware and the model that the engine holds, and its name's ending. */
async function flashFile(name: string): Promise<[Uint8Array<ArrayBuffer>, string]> {
  const board = (await firmware()).boards.find(board => board.name === name);
  if (!board) throw new Error(`the page has no firmware for ${name}: make it again with cargo xtask page`);
  const image = new Uint8Array(await (await fetched(board.image)).arrayBuffer());
  const [{ ending }, file] = await call<{ ending: string }>({ do: "flash-file", board }, image);
  return [file, ending];
}

export function setUp(host: Host) {
  get("self-test").onclick = () => host.tell(() => host.alone(async () => {
    await host.ready();
    const said = await ask<string>({ do: "self-test" });
    get("tested").textContent = said === "ok" ? "ok: as the portable code defines it, and as the model's file was written" : `Not ok: ${said}.`;
  }));
  get("boards").onclick = () => host.tell(() => host.alone(() => listBoards(host)));
  get("pico").onclick = () => host.tell(() => host.alone(() => startPico(host)));
  setUpSerial(host);
}

async function listBoards(host: Host) {
  await host.ready();
  const { flash, ram, boards } = await ask<Fits>({ do: "boards", firmware: await firmware() });
  get("needs").textContent = `With its firmware, the model takes ${kibibytes(flash)} of flash and ${kibibytes(ram)} of RAM.`;
  const table = get<HTMLTableElement>("fits");
  fill(table, [["board", "file", "fits", "flash", "RAM", "chip"], ...boards.map(({ name, lacks, refusal, flash, ram, chip }) =>
    [name, "", lacks ?? refusal ?? "yes", kibibytes(flash), kibibytes(ram), chip])]);
  for (const [i, { name, firmware, refusal }] of boards.entries()) {
    if (!firmware || refusal) continue;
    const button = element("button", "Save");
    button.ariaLabel = `Save a file for ${name}`;
    button.dataset.board = firmware;
    button.onclick = () => host.tell(() => host.alone(async () => {
      await host.ready();
      const [file, ending] = await flashFile(firmware);
      download(file, `pipsqueak-${firmware}.${ending}`);
    }));
    table.tBodies[0].rows[i].cells[1].replaceChildren(button);
  }
}

/** The Web Serial API, as far as it is used here. (https://wicg.github.io/serial/) */
interface SerialPort {
  open(options: { baudRate: number }): Promise<void>;
  close(): Promise<void>;
  readonly readable: ReadableStream<Uint8Array>;
  readonly writable: WritableStream<Uint8Array>;
}

function setUpSerial(host: Host) {
  const serial = (navigator as { serial?: { requestPort(): Promise<SerialPort> } }).serial;
  const button = get<HTMLButtonElement>("serial");
  if (!serial) {
    button.disabled = true;
    get("serial-state").textContent =
      "This browser has no Web Serial: take Chrome or Edge on a computer, or run pipsqueak chat there.";
    return;
  }
  button.onclick = () => host.tell(async () => {
    let port: SerialPort;
    try {
      port = await serial.requestPort();
    } catch {
      return; // Nothing was chosen.
    }
    button.disabled = true;
    try {
      await talk(port);
    } finally {
      button.disabled = false;
    }
  });
}

/** Talks to a board until it is unplugged or let go. */
async function talk(port: SerialPort) {
  await port.open({ baudRate: BAUD });
  const [reader, writer] = [port.readable.getReader(), port.writable.getWriter()];
  const terminal = new Terminal(get("serial-terminal"), "the board", bytes => void writer.write(bytes).catch(() => undefined));
  const leave = get<HTMLButtonElement>("unplug");
  leave.disabled = false;
  leave.onclick = () => void reader.cancel();
  get("serial-state").textContent = "connected";
  const late = setTimeout(() => {
    if (!terminal.known) terminal.note("nothing answers yet: is it the right port, and has the board Pipsqueak's firmware? Reset the board");
  }, PATIENCE);
  terminal.greet();
  try {
    for (let read = await reader.read(); !read.done; read = await reader.read()) terminal.receive(read.value);
  } catch {
    // The board was unplugged.
  }
  clearTimeout(late);
  leave.disabled = true;
  get("serial-state").textContent = "the board is gone: plug it in, and connect again";
  reader.releaseLock();
  writer.releaseLock();
  await port.close().catch(() => undefined);
}

let pico: Worker | null = null;

/** Boots a virtual Pico with the page's model. */
async function startPico(host: Host) {
  const model = await host.ready();
  const [file] = await flashFile("pico");
  pico?.terminate();
  const worker = pico = new Worker("pico-worker.js", { type: "module" });
  const order = (order: Order) => worker.postMessage(order);
  const terminal = new Terminal(get("pico-terminal"), "the virtual Pico", type => order({ type }));
  light(false);
  get("pico-compared").textContent = get("pico-speed").textContent = "";
  worker.onerror = () => terminal.note("the virtual Pico can't be started: reload the page");
  worker.onmessage = ({ data }: MessageEvent<Report>) => {
    if ("sent" in data) terminal.receive(data.sent);
    else if ("lit" in data) light(data.lit);
    else if ("speed" in data) get("pico-speed").textContent = `runs at ${Math.round(100 * data.speed)} % of a real one's speed`;
    else terminal.note(data.failed);
  };
  order({ boot: file });
  const same = get<HTMLButtonElement>("pico-write");
  same.disabled = false;
  same.onclick = () => host.tell(() => host.alone(() => writeOnBoth(host, model, terminal)));
}

function light(lit: boolean) {
  const led = get("led");
  led.className = lit ? "led lit" : "led";
  led.ariaLabel = lit ? "The LED is lit" : "The LED is dark";
}

/** Has the Pico and this tab write the same text, and compares their fingerprints. */
async function writeOnBoth(host: Host, model: Uint8Array, terminal: Terminal) {
  const settings = host.writing();
  if (!settings.prompt.trim()) throw new Error("type a prompt above: a board waits for the beginning of a text");
  await ask({ do: "open" }, model);
  const { fingerprint } = await ask<Written>({ do: "write", ...settings });
  const compared = get("pico-compared");
  compared.textContent = `this tab: fingerprint ${fingerprint}; the Pico writes…`;
  terminal.onLine = line => {
    const theirs = /^\[\d+ tokens.* fingerprint ([0-9a-f]{8})\]$/.exec(line)?.[1];
    if (!theirs) return;
    terminal.onLine = () => undefined;
    compared.textContent = `this tab: fingerprint ${fingerprint}; the Pico: fingerprint ${theirs}; ` +
      (theirs === fingerprint ? "every bit of every logit is the same" : "they differ");
  };
  const { temperature, top_k, top_p, seed, tokens, prompt } = settings;
  const set = [`:temperature ${temperature}`, `:top-k ${top_k}`, `:top-p ${top_p}`, ":penalty 1", ":think 1", `:seed ${seed}`, `:length ${tokens}`];
  // A text that begins with a colon is typed with two.
  for (const line of [...set, prompt.replace(/^:/, "::")]) terminal.type(line);
}
