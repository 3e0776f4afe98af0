// A Raspberry Pi Pico, one of its serial ports a connection: `node emulator.cjs IMAGE SERIAL PORT [MODEL ADDRESS]`.
//
// IMAGE is an ELF or UF2 file; MODEL goes to ADDRESS in flash. SERIAL is `uart` for UART0; `uart-beside-usb` for UART0 while a program at
// the USB socket has the port open and reads nothing; `usb` for the socket; or `usb-cable` for the same with a cable, as below.

const { readFileSync } = require("node:fs");
const { connect } = require("node:net");
const { createInterface } = require("node:readline");
const { Pico } = require("./pico.cjs");
const { Host } = require("./usb_host.cjs");

const [image, serial, port, model, address] = process.argv.slice(2);
/** Instructions between two looks at the connection. */
const SLICE = 200_000;

function loadElf(elf) {
  const [table, size, count] = [elf.readUInt32LE(28), elf.readUInt16LE(42), elf.readUInt16LE(44)];
  for (let i = 0; i < count; i++) {
    const at = table + i * size;
    const [type, offset, , physical, bytes] = [0, 4, 8, 12, 16].map(field => elf.readUInt32LE(at + field));
    if (type === 1 && bytes) pico.write(physical, elf.subarray(offset, offset + bytes));
  }
}

const isUsb = serial.startsWith("usb");
const pico = new Pico(byte => isUsb || say(Uint8Array.of(byte)));
const file = readFileSync(image);
try {
  if (file.toString("latin1", 1, 4) === "ELF") loadElf(file);
  else pico.writeUf2(file);
} catch (error) {
  console.error(`${image} is no ELF or UF2 file that the Pico can run: ${error.message}`);
  process.exit(1);
}
if (model) pico.write(Number(address), readFileSync(model));
pico.boot();

let idle = false;
let rest = () => {};

/** Runs a slice; a chip that waits for nothing but input is left alone until some comes. */
function run() {
  if (pico.run(SLICE)) setImmediate(run);
  else {
    idle = true;
    rest();
  }
}

/** Waits until the chip waits. */
const settled = () => new Promise(resolve => (idle ? resolve() : (rest = resolve)));

function wake() {
  if (!idle) return;
  idle = false;
  setImmediate(run);
}

function typeAtUart(bytes) {
  pico.type(bytes);
  wake();
}

function refuse(error) {
  console.error(`the Pico is no serial port at the USB socket: ${error.message}`);
  process.exit(1);
}

/** A connection that is one of this board's serial ports. */
function open(onBytes, onOpen) {
  const opened = connect(Number(port), "127.0.0.1", onOpen);
  opened.setNoDelay(true);
  opened.on("data", onBytes);
  opened.on("error", error => console.error(`the Pico's serial port can't be connected: ${error.message}`));
  return opened;
}

let connection;
const say = bytes => connection?.write(bytes);

/** Has the chip plugged into a PC, from its start on. */
function plugIn(hears) {
  const host = new Host(pico.chip, wake, { failed: refuse, ...hears });
  pico.onRestart = () => host.restart();
  return host;
}

/** One connection for as long as the board runs. */
function openForGood(onBytes) {
  connection = open(onBytes, run);
  connection.on("close", hadError => process.exit(hadError ? 1 : 0));
}

/** The cable is pulled out once, when the chip first waits, and plugged in again. */
async function serveAtUsb() {
  let opened;
  const port = () => new Promise(resolve => (opened = resolve));
  const host = plugIn({ data: say, port: () => opened() });
  const first = port();
  openForGood(bytes => host.type(bytes));
  connection.pause();
  await first;
  await settled();
  host.unplug();
  const again = port();
  host.plugIn();
  await again;
  connection.resume();
}

/** A connection for each time that the port appears. A line at standard input pulls the cable out, and the next plugs it in. */
function serveAtCable() {
  const host = plugIn({
    data: say,
    port: () => {
      const opened = (connection = open(bytes => host.type(bytes)));
      opened.on("close", () => connection === opened && process.exit());
    },
    gone: () => {
      const lost = connection;
      connection = undefined;
      lost.end();
    },
  });
  createInterface({ input: process.stdin }).on("line", () => (host.isPluggedIn ? host.unplug() : host.plugIn()));
  run();
}

const serve = {
  uart: () => openForGood(typeAtUart),
  "uart-beside-usb": () => {
    plugIn({});
    openForGood(typeAtUart);
  },
  usb: serveAtUsb,
  "usb-cable": serveAtCable,
};
void serve[serial]();
