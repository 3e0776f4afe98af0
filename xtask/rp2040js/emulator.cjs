// A Raspberry Pi Pico, one of its serial ports a connection: `node emulator.cjs IMAGE SERIAL PORT [MODEL ADDRESS]`.
//
// IMAGE is an ELF or UF2 file; MODEL goes to ADDRESS in flash. SERIAL is `uart` for UART0, `usb` for the socket, or `uart-beside-usb`
// for UART0 while a program at the socket has the port open and reads nothing.

const { readFileSync } = require("node:fs");
const { connect } = require("node:net");
const { Pico } = require("./pico.cjs");
const { plugIn } = require("./usb_host.cjs");

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

const say = bytes => connection.write(bytes);
const isUsb = serial === "usb";
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

const connection = connect(Number(port), "127.0.0.1", run);
connection.setNoDelay(true);
connection.on("close", hadError => process.exit(hadError ? 1 : 0));
connection.on("error", error => console.error(`the Pico's serial port can't be connected: ${error.message}`));
const socket = serial === "uart" ? undefined : plugIn(pico.chip, wake, settled, isUsb ? say : undefined);
socket?.catch(refuse);
if (isUsb) socket.then(({ type }) => connection.on("data", type));
else connection.on("data", typeAtUart);
