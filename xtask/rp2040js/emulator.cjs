// A Raspberry Pi Pico, its UART0 a connection: `node emulator.cjs IMAGE PORT [MODEL ADDRESS]`.
//
// IMAGE is an ELF or UF2 file; MODEL goes to ADDRESS in flash. The chip's boot ROM is not needed:
// what it does is done here, up to the program's vectors.

const { readFileSync } = require("node:fs");
const { connect } = require("node:net");
const { ConsoleLogger, LogLevel, Simulator } = require("rp2040js");

const [image, port, model, address] = process.argv.slice(2);
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

const typed = [];
let idle = false;
const next = clock.createAlarm(() => {
  chip.uart[0].feedByte(typed.shift());
  if (typed.length) next.schedule(BYTE);
});

/** Runs a slice; a chip that waits for nothing but input is left alone until some comes. */
function run() {
  for (let i = 0; i < SLICE; i++) {
    if (!chip.core.waiting) clock.tick(chip.core.executeInstruction() * CYCLE);
    else if (clock.nanosToNextAlarm) clock.tick(clock.nanosToNextAlarm);
    else return void (idle = true);
  }
  setImmediate(run);
}

const serial = connect(Number(port), "127.0.0.1", run);
serial.setNoDelay(true);
chip.uart[0].onByte = byte => serial.write(Uint8Array.of(byte));
serial.on("data", bytes => {
  const wasEmpty = typed.length === 0;
  typed.push(...bytes);
  if (wasEmpty) next.schedule(BYTE);
  if (idle) {
    idle = false;
    setImmediate(run);
  }
});
serial.on("close", hadError => process.exit(hadError ? 1 : 0));
serial.on("error", error => console.error(`the Pico's serial port can't be connected: ${error.message}`));
