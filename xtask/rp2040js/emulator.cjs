// A Raspberry Pi Pico, one of its serial ports a connection: `node emulator.cjs IMAGE SERIAL PORT [MODEL ADDRESS]`.
//
// IMAGE is an ELF or UF2 file; MODEL goes to ADDRESS in flash. SERIAL is `uart` for UART0, `usb` for the socket, or `uart-beside-usb`
// for UART0 while a program at the socket has the port open and reads nothing. The chip's boot ROM is not needed: what it does is
// done here, up to the program's vectors.

const { readFileSync } = require("node:fs");
const { connect } = require("node:net");
const { ConsoleLogger, LogLevel, Simulator } = require("rp2040js");
const { plugIn } = require("./usb_host.cjs");

const [image, serial, port, model, address] = process.argv.slice(2);
const FLASH = 0x10000000;
/** The second stage of the boot lies before the vectors. */
const VECTORS = 0x100;
/** Nanoseconds of a cycle at 125 MHz, and of a byte at 115,200 baud. */
const [CYCLE, BYTE] = [8, 10e9 / 115200];
/** Instructions between two looks at the connection. */
const SLICE = 200_000;

const { clock, rp2040: chip } = new Simulator();
chip.logger = new ConsoleLogger(LogLevel.Error, false);

function loadElf(elf) {
  const [table, size, count] = [elf.readUInt32LE(28), elf.readUInt16LE(42), elf.readUInt16LE(44)];
  for (let i = 0; i < count; i++) {
    const at = table + i * size;
    const [type, offset, , physical, bytes] = [0, 4, 8, 12, 16].map(field => elf.readUInt32LE(at + field));
    if (type === 1 && bytes) chip.flash.set(elf.subarray(offset, offset + bytes), physical - FLASH);
  }
}

function loadUf2(file) {
  const { decodeBlock } = require("uf2");
  for (let at = 0; at < file.length; at += 512) {
    const { flashAddress, payload } = decodeBlock(new Uint8Array(file.subarray(at, at + 512)));
    chip.flash.set(payload, flashAddress - FLASH);
  }
}

const file = readFileSync(image);
try {
  if (file.toString("latin1", 1, 4) === "ELF") loadElf(file);
  else loadUf2(file);
} catch (error) {
  console.error(`${image} is no ELF or UF2 file that the Pico can run: ${error.message}`);
  process.exit(1);
}
if (model) chip.flash.set(readFileSync(model), Number(address) - FLASH);
chip.core.VTOR = FLASH + VECTORS;
chip.core.SP = chip.flashView.getUint32(VECTORS, true);
chip.core.PC = chip.flashView.getUint32(VECTORS + 4, true) & ~1;

/** The emulator leaves the bit that says "Thumb" in the handler's address, which shifts the handler's tables of branches. */
const enter = chip.core.exceptionEntry.bind(chip.core);
chip.core.exceptionEntry = exception => {
  enter(exception);
  chip.core.PC &= ~1;
};

let idle = false;

/** Runs a slice; a chip that waits for nothing but input is left alone until some comes. */
function run() {
  for (let i = 0; i < SLICE; i++) {
    if (!chip.core.waiting) clock.tick(chip.core.executeInstruction() * CYCLE);
    else if (clock.nanosToNextAlarm) clock.tick(clock.nanosToNextAlarm);
    else return void (idle = true);
  }
  setImmediate(run);
}

function wake() {
  if (!idle) return;
  idle = false;
  setImmediate(run);
}

/** UART0; returns a function that types. */
function uart(onData) {
  const typed = [];
  const next = clock.createAlarm(() => {
    chip.uart[0].feedByte(typed.shift());
    if (typed.length) next.schedule(BYTE);
  });
  chip.uart[0].onByte = byte => onData(Uint8Array.of(byte));
  return bytes => {
    const wasEmpty = typed.length === 0;
    typed.push(...bytes);
    if (wasEmpty) next.schedule(BYTE);
    wake();
  };
}

function refuse(error) {
  console.error(`the Pico is no serial port at the USB socket: ${error.message}`);
  process.exit(1);
}

const connection = connect(Number(port), "127.0.0.1", run);
connection.setNoDelay(true);
connection.on("close", hadError => process.exit(hadError ? 1 : 0));
connection.on("error", error => console.error(`the Pico's serial port can't be connected: ${error.message}`));
const say = bytes => connection.write(bytes);
const socket = serial === "uart" ? undefined : plugIn(chip, wake, serial === "usb" ? say : undefined);
socket?.catch(refuse);
if (serial === "usb") socket.then(({ type }) => connection.on("data", type));
else connection.on("data", uart(say));
