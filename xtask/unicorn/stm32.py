"""The part that STM32s have in common: the registers that the firmware uses, as ST's reference manuals have them. What is not known here
is refused, and so is what the manuals forbid."""

from cortex_m import Peripheral, only_while, require
from serial_line import Receiver

MHZ = 1_000_000
# Written one after the other, they unlock flash.
KEYS = (0x45670123, 0xCDEF89AB)
# How often a flag is looked at before something that takes a while is done.
LOOKS = 3


class Usart(Receiver):
    """As the F1 and F4 have it."""

    RXNE, TC, TXE, ORE = 1 << 5, 1 << 6, 1 << 7, 1 << 3
    RE, TE, RXNEIE, UE = 1 << 2, 1 << 3, 1 << 5, 1 << 13
    REGISTERS = {
        0x00: ("SR", 0xC0, 0x360),
        0x04: ("DR", 0, 0x1FF),
        0x08: ("BRR", 0, 0xFFFF),
        0x0C: ("CR1", 0, 0x3FFF),
    }

    def __init__(self, machine, rcc, line, interrupt, is_connected):
        super().__init__(machine)
        self.rcc, self.interrupt, self.is_connected = rcc, interrupt, is_connected
        self.sending = 0
        self.open(line, lambda: line.byte_cycles(rcc.core_hz(), rcc.usart_hz() / self["BRR"]))

    def is_receiving(self):
        return self["CR1"] & (self.UE | self.RE) == self.UE | self.RE and self["BRR"]

    def status(self):
        if self.sending:
            self.sending -= 1
        flags = 0 if self.sending else self.TXE | self.TC
        return flags | (self.RXNE if self.arrived else 0) | (self.ORE if self.overrun else 0)

    def transmit(self, value):
        require(self["CR1"] & (self.UE | self.TE) == self.UE | self.TE, "it sends by a USART that is off")
        require(not self.sending, "it sends a byte before the last has gone")
        require(self.is_connected(), "it sends by a pin that is not the USART's")
        self.line.byte_cycles(self.rcc.core_hz(), self.rcc.usart_hz() / self["BRR"])
        self.line.send(value & 0xFF)
        self.sending = LOOKS

    def take(self):
        return self.arrived.popleft() if self.arrived else 0

    read_SR = status

    def read_DR(self):
        # After a look at the status, which the firmware always takes first.
        self.overrun = False
        return self.take()

    def write_DR(self, value):
        self.transmit(value)

    def interrupts(self):
        asks = self["CR1"] & self.RXNEIE and (self.arrived or self.overrun)
        return (self.interrupt,) if asks else ()


class Watchdog(Peripheral):
    """IWDG: counts at 32 or 40 kHz down from its reload value, by its divider, and may not come to the end."""

    UNLOCK, FEED, START = 0x5555, 0xAAAA, 0xCCCC
    REGISTERS = {0x00: ("KR", 0, 0xFFFF), 0x04: ("PR", 0, 7), 0x08: ("RLR", 0xFFF, 0xFFF), 0x0C: ("SR", 0, 0)}
    # The fastest that its oscillator may be, of any of these chips: 60 kHz.
    CLOCK_HZ = 60_000

    def __init__(self, machine, rcc):
        super().__init__(machine)
        self.rcc, self.is_open = rcc, False

    def write_KR(self, value):
        require(value in (self.UNLOCK, self.FEED, self.START), f"it writes {value:#x} to the watchdog's key")
        self.is_open = value == self.UNLOCK
        if value == self.START or self.due is not None:
            seconds = (self["RLR"] + 1) * (4 << min(self["PR"], 6)) / self.CLOCK_HZ
            self.due = self.machine.cycles + round(seconds * self.rcc.core_hz())

    def set(self, name, value):
        require(self.is_open, f"it sets {name} of the watchdog without the key")
        self[name] = value

    def write_PR(self, value):
        self.set("PR", value)

    def write_RLR(self, value):
        self.set("RLR", value)

    def pass_time(self):
        require(self.due is None or self.machine.cycles < self.due, "the watchdog has not been fed")


class Rcc(Peripheral):
    """The parts that the three chips have in common: an oscillator, a PLL, and which of them is the processor's."""

    PLLON, PLLRDY = 1 << 24, 1 << 25

    def __init__(self, machine):
        super().__init__(machine)
        self.looks = 0

    def write_CR(self, value):
        if value & self.PLLON and not self["CR"] & self.PLLON:
            self.looks = LOOKS
            self.check_pll()
        self["CR"] = value & ~self.PLLRDY

    def is_pll_ready(self):
        return self["CR"] & self.PLLON and not self.looks

    def read_CR(self):
        self.looks = max(0, self.looks - 1)
        return self["CR"] | (self.PLLRDY if self.is_pll_ready() else 0)

    def write_CFGR(self, value):
        """`SW` says what the processor runs from, and `SWS` what it does."""
        before = self["CFGR"]
        self["CFGR"] = value
        chosen = value & self.SW
        if chosen != before & self.SW:
            require(chosen == self.FROM_PLL, "it chooses another clock than the PLL")
            require(self.is_pll_ready(), "it goes over to a PLL that is not ready")
            hz = self.core_hz()
            require(hz <= self.MOST_HZ, f"its processor would run at {hz} Hz")
            waits = self.machine.chip.flash.waits()
            require(waits >= self.least_waits(hz), f"its flash waits {waits} periods only, at {hz} Hz")
            self.check_buses()

    def read_CFGR(self):
        return self["CFGR"] & ~(self.SW << self.SWS_SHIFT) | (self["CFGR"] & self.SW) << self.SWS_SHIFT

    def is_from_pll(self):
        return self["CFGR"] & self.SW == self.FROM_PLL

    def core_hz(self):
        return self.pll_hz() if self.is_from_pll() else self.OSCILLATOR_HZ

    def divider(self, shift):
        """Of a bus, whose field of three bits begins there."""
        bits = self["CFGR"] >> shift & 7
        return 2 << (bits & 3) if bits & 4 else 1

    def check_buses(self):
        """Refuses a bus that is too fast."""


class Gpio(Peripheral):
    """Port A of the F4 and G0."""

    REGISTERS = {
        0x00: ("MODER", 0xA8000000, 0xFFFFFFFF),
        0x0C: ("PUPDR", 0x64000000, 0xFFFFFFFF),
        0x20: ("AFRL", 0, 0xFFFFFFFF),
        0x24: ("AFRH", 0, 0xFFFFFFFF),
    }

    def are(self, pins, function):
        """Whether these pins have this function of a peripheral."""
        functions = self["AFRL"] | self["AFRH"] << 32
        return all(self["MODER"] >> 2 * pin & 3 == 2 and functions >> 4 * pin & 0xF == function for pin in pins)


class Adc(Peripheral):
    """A converter that measures the internal reference, with some noise that repeats."""

    def __init__(self, machine):
        super().__init__(machine)
        self.looks, self.sample = 0, 1480

    def convert(self):
        self.looks = LOOKS
        self.sample = 1480 + (self.sample * 29 + 7) % 13

    def is_done(self):
        self.looks = max(0, self.looks - 1)
        return not self.looks

    def read_DR(self):
        return self.sample


class AdcF(Adc):
    EOC = 2

    def read_SR(self):
        return self.EOC if self.is_done() else 0

    def start_if(self, value, start, reference):
        if value & start:
            require(value & 1, "it converts with a converter that is off")
            require(reference and self["SQR3"] == 17, "it does not measure the internal reference")
            self.convert()


class Flash(Peripheral):
    """A flash controller: its lock, and what may be done when."""

    def __init__(self, machine):
        super().__init__(machine)
        self.keys, self.looks = [], 0

    def is_busy(self):
        self.looks = max(0, self.looks - 1)
        return bool(self.looks)

    def write_KEYR(self, value):
        require(self.is_locked(), "it writes a key to flash that is not locked, which locks it for good")
        self.keys.append(value)
        require(self.keys == list(KEYS[: len(self.keys)]), "it writes keys in a wrong order, which locks flash for good")
        if len(self.keys) == len(KEYS):
            self.keys = []
            self["CR"] &= ~self.LOCK

    def is_locked(self):
        return bool(self["CR"] & self.LOCK)

    def write_CR(self, value):
        require(not self.looks, "it writes to flash's control while that is busy")
        if value & self.LOCK:
            self["CR"] = self.LOCK
            return
        require(not self.is_locked(), "it writes to flash's control while that is locked")
        if value & self.START:
            require(value & self.ERASE, "it starts what is no erasing")
            self.erase(*self.unit(value))
            self.looks = LOOKS
        self["CR"] = value & ~self.START

    def erase(self, address, count):
        self.machine.uc.mem_write(address, b"\xff" * count)

    def waits(self):
        return self["ACR"] & self.LATENCY

    def program(self, address, size, value):
        control = self["CR"]
        require(control & 1 and not self.is_locked(), "it writes to flash that is locked")
        require(not control & self.ERASE, "it writes to flash while it erases")
        require(not self.looks, "it writes to flash that is busy")
        self.check_width(address, size)
        held = self.machine.uc.mem_read(address, size)
        require(held == b"\xff" * size, f"it writes to flash at {address:#x} that is not erased")
        self.machine.uc.mem_write(address, value.to_bytes(size, "little"))
        self.looks = LOOKS


class Stm32:
    FLASH = 0x08000000

    def __init__(self, line):
        self.line = line

    def program(self, _machine, address, size, value):
        self.flash.program(address, size, value)

    def core_hz(self):
        return self.rcc.core_hz()

    def clocked(self, part, register, bit):
        """A peripheral that can be touched only while this bit gives it a clock."""
        holds = lambda: self.rcc[register] >> bit & 1
        return only_while(part, holds, f"it touches {type(part).__name__}, which has no clock")
