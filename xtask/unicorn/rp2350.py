"""Raspberry Pi Pico 2: the registers of the RP2350 that the firmware uses, and the functions of its ROM that change flash, as the RP2350
Datasheet has them. What is not known here is refused, and so is what the data sheet forbids. Nothing is plugged into the USB socket.
"""

from unicorn import UC_HOOK_CODE, UC_PROT_EXEC, UC_PROT_READ
from unicorn import arm_const as arm

from cortex_m import Peripheral, only_while, require
from serial_line import Receiver

CRYSTAL_HZ = 12_000_000
MOST_HZ = 150_000_000
# How often a flag is looked at before something that takes a while is done.
LOOKS = 3
RAM = 0x20000000


class Resets(Peripheral):
    ALL = 0x1FFFFFFF
    REGISTERS = {0x00: ("RESET", ALL, 0xFFFFFFFF), 0x08: ("RESET_DONE", 0, 0)}

    def write_RESET(self, value):
        self["RESET"] = value & self.ALL

    def read_RESET_DONE(self):
        return ~self["RESET"] & self.ALL


class Crystal(Peripheral):
    ON = 0xFABAA0
    REGISTERS = {0x00: ("CTRL", 0, 0xFFFFFF), 0x04: ("STATUS", 0, 0), 0x0C: ("STARTUP", 0, 0x13FFF)}
    looks = 0

    def write_CTRL(self, value):
        require(value == self.ON, f"it writes {value:#x} to the crystal's control")
        # A millisecond, in units of 256 periods.
        require(self["STARTUP"] * 256 >= CRYSTAL_HZ // 1000, "it gives the crystal less than a millisecond to start")
        self["CTRL"], self.looks = value, LOOKS

    def read_STATUS(self):
        self.looks = max(0, self.looks - 1)
        return int(self["CTRL"] == self.ON and not self.looks) << 31


class Pll(Peripheral):
    PD, DSMPD, POSTDIVPD, VCOPD = 1, 4, 8, 32
    REGISTERS = {0x00: ("CS", 1, 0x13F), 0x04: ("PWR", 0x2D, 0x2D), 0x08: ("FBDIV", 0, 0xFFF), 0x0C: ("PRIM", 0x77000, 0x77000)}
    looks = 0

    def write_PWR(self, value):
        if self["PWR"] & self.PD and not value & self.PD:
            self.looks = LOOKS
            hz = CRYSTAL_HZ * self["FBDIV"]
            require(self["CS"] & 0x3F == 1 and 750_000_000 <= hz <= 1_600_000_000, f"its PLL would run at {hz} Hz")
        self["PWR"] = value

    def read_CS(self):
        self.looks = max(0, self.looks - 1)
        is_on = not self["PWR"] & (self.PD | self.VCOPD)
        return self["CS"] | int(is_on and not self.looks) << 31

    def hz(self):
        """Of its output; none while there is none."""
        is_out = not self.looks and not self["PWR"] & (self.PD | self.VCOPD | self.POSTDIVPD)
        return CRYSTAL_HZ * self["FBDIV"] // (self["PRIM"] >> 16 & 7) // (self["PRIM"] >> 12 & 7) if is_out else 0


class Clocks(Peripheral):
    """The processor runs from the reference, at first the ring oscillator, or from a PLL."""

    CRYSTAL, ENABLED = 2, 1 << 11
    REGISTERS = {
        0x30: ("REF_CTRL", 0, 0x63),
        0x38: ("REF_SELECTED", 1, 0),
        0x3C: ("SYS_CTRL", 0, 0xE1),
        0x44: ("SYS_SELECTED", 1, 0),
        0x48: ("PERI_CTRL", 0, 0xCE0),
        0x60: ("USB_CTRL", 0, 0xCE0),
    }

    def __init__(self, machine, crystal, system_pll, usb_pll):
        super().__init__(machine)
        self.crystal, self.system_pll, self.usb_pll = crystal, system_pll, usb_pll

    def write_REF_CTRL(self, value):
        require(value == self.CRYSTAL and self.crystal.read_STATUS(), "its reference is no crystal that runs")
        self["REF_CTRL"] = value

    def read_REF_SELECTED(self):
        return 1 << (self["REF_CTRL"] & 3)

    def write_SYS_CTRL(self, value):
        require(value in (0, 1), "its processor runs from another source than the reference or its PLL")
        if value:
            require(self["SYS_CTRL"] == 0, "it changes a source that is in use")
            require(0 < self.system_pll.hz() <= MOST_HZ, f"its processor would run at {self.system_pll.hz()} Hz")
        self["SYS_CTRL"] = value

    def read_SYS_SELECTED(self):
        return 1 << self["SYS_CTRL"]

    def core_hz(self):
        # The ring oscillator's rate is not exact, and nothing is counted by it.
        return self.system_pll.hz() if self["SYS_CTRL"] else CRYSTAL_HZ

    def uart_hz(self):
        require(self["PERI_CTRL"] == self.ENABLED, "its UART has no clock")
        return self.core_hz()

    def has_usb(self):
        return self["USB_CTRL"] == self.ENABLED and self.usb_pll.hz() == 48_000_000


class Ticks(Peripheral):
    """A tick is a microsecond of the crystal's periods."""

    REGISTERS = {
        0x18: ("TIMER0_CTRL", 0, 1),
        0x1C: ("TIMER0_CYCLES", 0, 0x1FF),
        0x30: ("WATCHDOG_CTRL", 0, 1),
        0x34: ("WATCHDOG_CYCLES", 0, 0x1FF),
    }

    def are_microseconds(self, which):
        return self[f"{which}_CTRL"] and self[f"{which}_CYCLES"] == CRYSTAL_HZ // 1_000_000


class Timer(Peripheral):
    REGISTERS = {0x28: ("TIMERAWL", 0, 0)}

    def __init__(self, machine, clocks, ticks):
        super().__init__(machine)
        self.clocks, self.ticks = clocks, ticks

    def read_TIMERAWL(self):
        require(self.ticks.are_microseconds("TIMER0"), "its timer counts no microseconds")
        self.machine.look()
        return self.machine.cycles * 1_000_000 // self.clocks.core_hz() & 0xFFFFFFFF


class Watchdog(Peripheral):
    ENABLE, TRIGGER = 1 << 30, 1 << 31
    REGISTERS = {0x00: ("CTRL", 0x07000000, 0xC7000000), 0x04: ("LOAD", 0, 0xFFFFFF)}

    def __init__(self, machine, clocks, ticks, psm):
        super().__init__(machine)
        self.clocks, self.ticks, self.psm = clocks, ticks, psm

    def write_CTRL(self, value):
        if value & self.TRIGGER:
            require(self.psm["WDSEL"] == Psm.ALL, "a part of the chip stays as it was when it starts again")
            self.machine.ask_for_reset()
        self["CTRL"] = value
        if not value & self.ENABLE:
            self.due = None
        elif self.due is None:
            self.feed()

    def write_LOAD(self, value):
        require(self.ticks.are_microseconds("WATCHDOG"), "its watchdog counts no microseconds")
        self["LOAD"] = value
        if self["CTRL"] & self.ENABLE:
            self.feed()

    def feed(self):
        self.due = self.machine.cycles + self["LOAD"] * self.clocks.core_hz() // 1_000_000

    def pass_time(self):
        require(self.due is None or self.machine.cycles < self.due, "the watchdog has not been fed")


class Psm(Peripheral):
    # All parts but the oscillators.
    ALL = 0x1FFFFFF & ~0b1100
    REGISTERS = {0x08: ("WDSEL", 0, 0x1FFFFFF)}


class Pins(Peripheral):
    """The functions of the pins that are used."""

    UART, SIO, NONE = 2, 5, 31
    REGISTERS = {0x04: ("GPIO0", NONE, 0x1F), 0x0C: ("GPIO1", NONE, 0x1F), 0xCC: ("GPIO25", NONE, 0x1F)}


class Pads(Peripheral):
    ISOLATED, INPUT, UP, DOWN = 1 << 8, 1 << 6, 1 << 3, 1 << 2
    REGISTERS = {0x04: ("GPIO0", 0x116, 0x1FF), 0x08: ("GPIO1", 0x116, 0x1FF), 0x68: ("GPIO25", 0x116, 0x1FF)}

    def is_output(self, name):
        return not self[name] & self.ISOLATED

    def is_input(self, name):
        """Pulled up: pulled down it would float (erratum RP2350-E9)."""
        return self[name] & (self.ISOLATED | self.INPUT | self.UP | self.DOWN) == self.INPUT | self.UP


class Uart(Receiver):
    """Arm's PL011, with queues of 32 bytes both ways."""

    INTERRUPT, ROOM = 33, 32
    TXFF, RXFE, OVERRUN = 1 << 5, 1 << 4, 1 << 11
    ENABLE, TXE, RXE = 1, 1 << 8, 1 << 9
    RX, RX_TIMEOUT = 1 << 4, 1 << 6
    EIGHT_BITS_QUEUED = 0x70
    REGISTERS = {
        0x00: ("DR", 0, 0xFF),
        0x18: ("FR", 0, 0),
        0x24: ("IBRD", 0, 0xFFFF),
        0x28: ("FBRD", 0, 0x3F),
        0x2C: ("LCR_H", 0, 0xFF),
        0x30: ("CR", 0x300, 0xFF87),
        0x34: ("IFLS", 0x12, 0x3F),
        0x38: ("IMSC", 0, 0x7FF),
        0x44: ("ICR", 0, 0x7FF),
    }

    def __init__(self, machine, line, clocks, pins, pads):
        super().__init__(machine)
        self.clocks, self.pins, self.pads, self.sending = clocks, pins, pads, 0
        self.open(line, self.cycles)

    def cycles(self):
        baud = self.clocks.uart_hz() / 16 / (self["IBRD"] + self["FBRD"] / 64)
        return self.line.byte_cycles(self.clocks.core_hz(), baud)

    def is_on(self, way):
        return self["CR"] & (self.ENABLE | way) == self.ENABLE | way and self["LCR_H"] == self.EIGHT_BITS_QUEUED

    def is_receiving(self):
        return self.is_on(self.RXE) and self.pins["GPIO1"] == Pins.UART and self.pads.is_input("GPIO1")

    def read_FR(self):
        self.sending = max(0, self.sending - 1)
        return (self.TXFF if self.sending >= self.ROOM else 0) | (0 if self.arrived else self.RXFE)

    def read_DR(self):
        require(self.arrived, "it reads a byte where none is")
        lost, self.overrun = self.overrun, False
        return self.arrived.popleft() | (self.OVERRUN if lost else 0)

    def write_DR(self, value):
        require(self.is_on(self.TXE), "it sends by a UART that is off")
        require(self.sending < self.ROOM, "it sends a byte that has no room")
        is_connected = self.pins["GPIO0"] == Pins.UART and self.pads.is_output("GPIO0")
        require(is_connected, "it sends by a pin that is not the UART's")
        self.cycles()
        self.line.send(value)
        self.sending += LOOKS

    def interrupts(self):
        """A byte that is alone makes the receiver ask after a pause, which is left out here."""
        return (self.INTERRUPT,) if self.arrived and self["IMSC"] & self.RX_TIMEOUT else ()


class Random(Peripheral):
    """Random numbers that repeat: an emulator's whole worth."""

    looks, state = LOOKS, 1

    def next(self):
        self.state = self.state * 69069 + 1 & 0xFFFFFFFF
        return self.state


class RingOscillator(Random):
    REGISTERS = {0x20: ("RANDOMBIT", 0, 0)}

    def read_RANDOMBIT(self):
        return self.next() >> 31


class Trng(Random):
    REGISTERS = {
        0x110: ("VALID", 0, 0),
        0x114: ("EHR_DATA0", 0, 0),
        0x118: ("EHR_DATA1", 0, 0),
        0x12C: ("RND_SOURCE_ENABLE", 0, 1),
        0x130: ("SAMPLE_CNT1", 0xFFFF, 0xFFFFFFFF),
    }

    def read_VALID(self):
        self.looks = max(0, self.looks - 1)
        return int(self["RND_SOURCE_ENABLE"] and not self.looks)

    def read_EHR_DATA0(self):
        return self.next()

    def read_EHR_DATA1(self):
        return self.next()


class Sio(Peripheral):
    LED = 1 << 25
    REGISTERS = {0x18: ("OUT_SET", 0, LED), 0x20: ("OUT_CLR", 0, LED), 0x38: ("OE_SET", 0, LED)}


class UsbMemory(Peripheral):
    """Its words are what was written."""

    def __init__(self, machine):
        self.machine, self.words = machine, {}

    def read(self, offset, size):
        return self.words.get(offset, 0)

    def write(self, offset, size, value):
        self.words[offset] = value


class Usb(Peripheral):
    """The controller of a socket into which nothing is plugged."""

    REGISTERS = {
        0x40: ("MAIN_CTRL", 4, 7),
        0x4C: ("SIE_CTRL", 0x8000, 0xFFFFFFFF),
        0x50: ("SIE_STATUS", 0, 0xFFFFFFFF),
        0x58: ("BUFF_STATUS", 0, 0xFFFFFFFF),
        0x74: ("USB_MUXING", 1, 0x8000001F),
        0x78: ("USB_PWR", 0, 0x3F),
        0x90: ("INTE", 0, 0xFFFFFF),
        0x98: ("INTS", 0, 0),
    }


class Rom:
    """The functions that change flash, each an instruction that returns, and what it does when the processor comes to it."""

    SEARCH_POINTER, CODE, BX_LR = 0x16, 0x80, b"\x70\x47"
    NAMES = ("", "IF", "EX", "RE", "RP", "FC", "CX")
    SECTOR, PAGE, ARM_SECURE = 4096, 256, 4

    def __init__(self, machine, chip):
        self.machine, self.chip, self.is_readable = machine, chip, True
        machine.uc.mem_map(0, 0x8000, UC_PROT_READ | UC_PROT_EXEC)
        machine.uc.mem_write(self.SEARCH_POINTER, self.address(0).to_bytes(2, "little"))
        for number in range(len(self.NAMES)):
            at = self.CODE + 4 * number
            machine.uc.mem_write(at, self.BX_LR)
            machine.uc.hook_add(UC_HOOK_CODE, self.on_call, number, at, at)

    def address(self, number):
        return self.CODE + 4 * number | 1

    def on_call(self, uc, _address, _size, number):
        arguments = [uc.reg_read(getattr(arm, f"UC_ARM_REG_R{n}")) for n in range(4)]
        self.machine.guarded(lambda: self.call(uc, number, arguments))

    def call(self, uc, number, arguments):
        name = self.NAMES[number]
        if not name:
            self.search(uc, *arguments[:2])
        elif name == "EX":
            self.is_readable = False
        elif name == "CX":
            self.is_readable = True
        elif name == "RE":
            self.change(arguments[0], arguments[1], self.SECTOR, b"\xff" * arguments[1])
        elif name == "RP":
            offset, data, count = arguments[:3]
            require(data >= RAM, "flash is to be written from flash")
            held, new = (bytes(uc.mem_read(at, count)) for at in (self.chip.FLASH + offset, data))
            self.change(offset, count, self.PAGE, bytes(old & byte for old, byte in zip(held, new)))
        is_in_ram = uc.reg_read(arm.UC_ARM_REG_LR) >= RAM
        require(self.is_readable or is_in_ram, "it goes on in flash that can't be read")

    def search(self, uc, code, flags):
        require(flags == self.ARM_SECURE, "it asks the ROM for functions of another state")
        name = chr(code & 0xFF) + chr(code >> 8 & 0xFF)
        found = name in self.NAMES
        uc.reg_write(arm.UC_ARM_REG_R0, self.address(self.NAMES.index(name)) if found else 0)

    def change(self, offset, count, unit, new):
        require(not self.is_readable, "flash is still being read")
        require(self.machine.uc.reg_read(arm.UC_ARM_REG_PRIMASK), "an interrupt may come while flash can't be read")
        require((offset | count) % unit == 0, f"it calls the ROM for {count} bytes at {offset:#x}")
        self.machine.uc.mem_write(self.chip.FLASH + offset, new)


class Pico2:
    CORE, FLASH, FLASH_BYTES, RAM_BYTES = "CORTEX_M33", 0x10000000, 4 << 20, 520 << 10
    rom = None

    def __init__(self, line):
        self.line = line

    def peripherals(self, machine):
        self.rom = self.rom or Rom(machine, self)
        self.resets, crystal, ticks, psm = Resets(machine), Crystal(machine), Ticks(machine), Psm(machine)
        plls = Pll(machine), Pll(machine)
        self.clocks = Clocks(machine, crystal, *plls)
        pins, pads = Pins(machine), Pads(machine)
        parts = {
            0x40010000: self.clocks,
            0x40018000: psm,
            0x40020000: self.resets,
            0x40028000: self.out_of_reset(pins, 6),
            0x40038000: self.out_of_reset(pads, 9),
            0x40048000: crystal,
            0x40050000: self.out_of_reset(plls[0], 14),
            0x40058000: self.out_of_reset(plls[1], 15),
            0x40070000: self.out_of_reset(Uart(machine, self.line, self.clocks, pins, pads), 26),
            0x400B0000: self.out_of_reset(Timer(machine, self.clocks, ticks), 23),
            0x400D8000: Watchdog(machine, self.clocks, ticks, psm),
            0x400E8000: RingOscillator(machine),
            0x400F0000: self.out_of_reset(Trng(machine), 25),
            0x40108000: ticks,
            0x50100000: self.out_of_reset(UsbMemory(machine), 28),
            0x50110000: only_while(self.out_of_reset(Usb(machine), 28), self.clocks.has_usb, "it touches USB, which has no clock"),
            0xD0000000: Sio(machine),
        }
        return {(base, 0x4000): part for base, part in parts.items()}

    def out_of_reset(self, part, bit):
        holds = lambda: not self.resets["RESET"] >> bit & 1
        return only_while(part, holds, f"it touches {type(part).__name__}, which is held in reset")

    def program(self, _machine, address, _size, _value):
        require(False, f"it writes to flash at {address:#x} as to RAM")

    def core_hz(self):
        return self.clocks.core_hz()
