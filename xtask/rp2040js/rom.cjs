// The functions of the RP2040's boot ROM that change flash: RP2040 Datasheet, "Bootrom Contents".
//
// The chip's own ROM is not in the emulator. Each function here is an instruction that the chip does not have, and what the ROM would do
// is done when the chip comes to it.

/** Where the ROM keeps the addresses of its table of functions and of the function that searches it. */
const [TABLE_POINTER, SEARCH_POINTER] = [0x14, 0x18];
const [TABLE, CODE] = [0x40, 0x80];
const [UDF, BX_LR] = [0xde00, 0x4770];
const [FLASH, RAM] = [0x10000000, 0x20000000];
const [SECTOR, PAGE] = [4096, 256];
const THUMB = 1;
/** The function that searches, and the others by their names. */
const NAMES = ["", "IF", "EX", "RE", "RP", "FC", "CX"];

/** Gives the chip these functions. A program that uses them as no real chip allows throws. */
function putRom(chip) {
  const rom = new DataView(chip.bootrom.buffer);
  const address = number => CODE + 4 * number + THUMB;
  NAMES.forEach((_, number) => {
    rom.setUint16(CODE + 4 * number, UDF | number, true);
    rom.setUint16(CODE + 4 * number + 2, BX_LR, true);
  });
  rom.setUint16(TABLE_POINTER, TABLE, true);
  rom.setUint16(SEARCH_POINTER, address(0), true);
  let isReadable = true;
  const { core, flash } = chip;
  const require = (holds, what) => {
    if (!holds) throw new Error(`the program calls the ROM wrongly: ${what}`);
  };
  const change = (offset, count, unit) => {
    require(!isReadable, "flash is still being read");
    require(core.PM, "an interrupt may come");
    require((offset | count) % unit === 0, `${count} bytes at ${offset}`);
    return flash.subarray(offset, offset + count);
  };
  const functions = {
    "": () => {
      require(core.registers[0] === TABLE, "that is not its table");
      const name = String.fromCharCode(core.registers[1] & 0xff, core.registers[1] >> 8);
      const number = NAMES.indexOf(name);
      core.registers[0] = number > 0 ? address(number) : 0;
    },
    IF: () => {},
    EX: () => { isReadable = false; },
    RE: ([offset, count]) => change(offset, count, SECTOR).fill(0xff),
    RP: ([offset, data, count]) => {
      require(data >= RAM, "flash is to be written from flash");
      change(offset, count, PAGE).forEach((held, i, bytes) => { bytes[i] = held & chip.readUint8(data + i); });
    },
    FC: () => {},
    CX: () => { isReadable = true; },
  };
  chip.onBreak = number => {
    const name = NAMES[number];
    require(name !== undefined && core.PC < FLASH, "there is no such function");
    functions[name](core.registers);
    require(isReadable || core.LR >= RAM, "it goes on in flash that can't be read");
  };
}

module.exports = { putRom };
