// A Raspberry Pi Pico in a thread of its own: boots a UF2 file, and is talked to over its UART.

import { Pico } from "../../xtask/rp2040js/pico.cjs";

/** To the worker: a UF2 file to boot, or bytes to type. */
export type Order = { boot: Uint8Array } | { type: Uint8Array };
/** From the worker. `speed` is simulated time by real time, while the chip computes. */
export type Report = { sent: Uint8Array } | { lit: boolean } | { speed: number } | { failed: string };

/** How long the chip runs before the worker looks up, in milliseconds, and instructions between two looks at the clock. */
const [SLICE, INSTRUCTIONS] = [50, 100_000];

const report = (report: Report) => postMessage(report);
const sent: number[] = [];
const pico = new Pico(byte => sent.push(byte));
pico.watchLed(lit => report({ lit }));
let runs = false;

// A message to oneself comes sooner than a timer.
const again = new MessageChannel();
again.port1.onmessage = () => attempt(run);

function run() {
  const [began, nanos] = [performance.now(), pico.nanos];
  while ((runs = pico.run(INSTRUCTIONS)) && performance.now() < began + SLICE);
  if (sent.length) report({ sent: Uint8Array.from(sent.splice(0)) });
  if (!runs) return;
  report({ speed: (pico.nanos - nanos) / 1e6 / (performance.now() - began) });
  again.port2.postMessage(null);
}

function obey(order: Order) {
  if ("boot" in order) {
    pico.writeUf2(order.boot);
    pico.boot();
  } else {
    pico.type(order.type);
  }
  if (!runs) run();
}

function attempt(work: () => void) {
  try {
    work();
  } catch (error) {
    report({ failed: `the virtual Pico has stopped: start it again (${error})` });
  }
}

onmessage = ({ data }: MessageEvent<Order>) => attempt(() => obey(data));
