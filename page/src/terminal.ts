// A terminal for the firmware's prompt: what the board sends, and a line to type.
//
// The board gets a line only when it waits for one. After each goes an ENQ, which the board answers with an ACK behind its
// prompt when it has done what the line said.

import { element } from "./draw";

const [CTRL_C, ENQ, ACK] = [3, 5, 6];
/** The most characters that are kept on the screen. */
const SHOWN_MAX = 100_000;

export class Terminal {
  /** Hears of each whole line that the board sends. */
  onLine: (line: string) => void = () => undefined;
  #screen = element("pre", "", "screen");
  #line = element("input");
  #form = element("form", "", "settings");
  #send: (bytes: Uint8Array) => void;
  #decoder = new TextDecoder();
  #waiting: string[] = [];
  #ready = false;
  /** Whether the board has ever answered. */
  #known = false;
  #unended = "";
  #typed: string[] = [];
  #at = 0;

  /** Fills `place`; what is typed goes to `send`. */
  constructor(place: HTMLElement, name: string, send: (bytes: Uint8Array) => void) {
    this.#send = send;
    this.#screen.tabIndex = 0;
    this.#screen.role = "log";
    this.#screen.ariaLabel = name;
    this.#line.ariaLabel = `A line for ${name}`;
    this.#line.autocomplete = "off";
    this.#line.spellcheck = false;
    this.#line.placeholder = "the beginning of a text, or :help";
    const stop = element("button", "Stop");
    stop.type = "button";
    stop.onclick = () => this.stop();
    this.#form.append(this.#line, element("button", "Send"), stop);
    this.#form.onsubmit = event => {
      event.preventDefault();
      this.#typed.push(this.#line.value);
      this.#at = this.#typed.length;
      this.type(this.#line.value);
      this.#line.value = "";
    };
    this.#line.onkeydown = event => this.#recall(event);
    place.replaceChildren(this.#screen, this.#form);
  }

  /** Asks the board to say when it waits for a line; it then leaves out the echo. */
  greet() {
    this.#send(Uint8Array.of(ENQ));
  }

  /** Types a line when the board waits for it. */
  type(line: string) {
    this.#waiting.push(line);
    this.#goOn();
  }

  /** Ends the text that the board writes, and forgets the lines that wait. */
  stop() {
    this.#waiting = [];
    if (!this.#ready) this.#send(Uint8Array.of(CTRL_C, ENQ));
  }

  get known(): boolean {
    return this.#known;
  }

  receive(bytes: Uint8Array) {
    const isReady = bytes.includes(ACK);
    this.#show(this.#decoder.decode(bytes.filter(byte => byte !== ACK), { stream: true }).replaceAll("\r", ""));
    if (isReady) {
      this.#ready = this.#known = true;
      this.#goOn();
    } else if (!this.#known && this.#unended === "> ") {
      // A board that has just started has not heard what came before.
      this.greet();
    }
  }

  /** A sentence of the page's own. */
  note(sentence: string) {
    this.#show(`\n[${sentence}]\n`);
  }

  #goOn() {
    const line = this.#ready ? this.#waiting.shift() : undefined;
    if (line === undefined) return;
    this.#ready = false;
    this.#show(`${line}\n`);
    this.#send(Uint8Array.of(...new TextEncoder().encode(`${line}\n`), ENQ));
  }

  #show(text: string) {
    const lines = (this.#unended + text).split("\n");
    this.#unended = lines.pop()!;
    const isAtEnd = this.#screen.scrollTop + this.#screen.clientHeight > this.#screen.scrollHeight - 20;
    this.#screen.append(text);
    if (this.#screen.textContent!.length > 2 * SHOWN_MAX) this.#screen.textContent = this.#screen.textContent!.slice(-SHOWN_MAX);
    if (isAtEnd) this.#screen.scrollTop = this.#screen.scrollHeight;
    lines.forEach(line => this.onLine(line));
  }

  /** The arrows bring back what was typed before. */
  #recall(event: KeyboardEvent) {
    const step = { ArrowUp: -1, ArrowDown: 1 }[event.key];
    if (!step) return;
    event.preventDefault();
    this.#at = Math.max(0, Math.min(this.#typed.length, this.#at + step));
    this.#line.value = this.#typed[this.#at] ?? "";
  }
}
