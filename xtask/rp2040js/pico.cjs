// A Raspberry Pi Pico, its UART0 a pair of functions: what the emulator on a PC and the page have in common.
//
// The chip's boot ROM is not needed: what it does at the start is done here, up to the program's vectors, and its functions are in
// rom.cjs.

const { ConsoleLogger, LogLevel, Simulator } = require("rp2040js");
const { decodeBlock } = require("uf2");
const { putRom } = require("./rom.cjs");

const FLASH = 0x10000000;
/** The second stage of the boot lies before the vectors. */
const VECTORS = 0x100;
/** Nanoseconds of a cycle at 125 MHz, and of a byte at 115,200 baud. */
const [CYCLE, BYTE] = [8, 10e9 / 115200];
const [UF2_BLOCK, LED] = [512, 25];
/** The place of the watchdog among the peripherals. */
const WATCHDOG = 0x40058;

/** The emulator leaves the bit that says "Thumb" in the address of an interrupt's handler, which shifts the handler's tables of branches. */
function clearThumbBit(core) {
  const enter = core.exceptionEntry.bind(core);
  core.exceptionEntry = exception => {
    enter(exception);
    core.PC &= ~1;
  };
}

class Pico {
  #typed = [];
  #next;
  #restarts = false;
  /** Called when the chip resets itself. */
  onRestart;

  /** `onByte` hears of each byte that the chip sends. */
  constructor(onByte) {
    const { clock, rp2040: chip } = new Simulator();
    Object.assign(this, { clock, chip });
    chip.logger = new ConsoleLogger(LogLevel.Error, false);
    chip.uart[0].onByte = onByte;
    clearThumbBit(chip.core);
    putRom(chip);
    chip.peripherals[WATCHDOG].onWatchdogTrigger = () => {
      this.#restarts = true;
      this.onRestart?.();
    };
    this.#next = clock.createAlarm(() => {
      chip.uart[0].feedByte(this.#typed.shift());
      if (this.#typed.length) this.#next.schedule(BYTE);
    });
  }

  /** Puts bytes into flash. */
  write(address, bytes) {
    this.chip.flash.set(bytes, address - FLASH);
  }

  /** Puts what a UF2 file has into flash. */
  writeUf2(file) {
    for (let at = 0; at < file.length; at += UF2_BLOCK) {
      const { flashAddress, payload } = decodeBlock(new Uint8Array(file.subarray(at, at + UF2_BLOCK)));
      this.write(flashAddress, payload);
    }
  }

  /** Starts the program in flash. */
  boot() {
    const { core, flashView } = this.chip;
    this.#restarts = false;
    core.PM = false;
    core.VTOR = FLASH + VECTORS;
    core.SP = flashView.getUint32(VECTORS, true);
    core.PC = flashView.getUint32(VECTORS + 4, true) & ~1;
  }

  /** Has bytes come over the UART, at its speed. */
  type(bytes) {
    const wasEmpty = this.#typed.length === 0;
    this.#typed.push(...bytes);
    if (wasEmpty && this.#typed.length) this.#next.schedule(BYTE);
  }

  /** `onLed` hears whether the LED is lit, when that changes. */
  watchLed(onLed) {
    this.chip.gpio[LED].addListener(state => onLed(state === 1));
  }

  /** Nanoseconds since the chip was made. */
  get nanos() {
    return this.clock.nanos;
  }

  /** Runs so many instructions; returns false once the chip waits for nothing but input. */
  run(instructions) {
    const { clock, chip: { core } } = this;
    for (let i = 0; i < instructions; i++) {
      if (this.#restarts) this.boot();
      if (!core.waiting) clock.tick(core.executeInstruction() * CYCLE);
      else if (clock.nanosToNextAlarm) clock.tick(clock.nanosToNextAlarm);
      else return false;
    }
    return true;
  }
}

module.exports = { Pico };
