"""nRF52833 and nRF52840: the registers that the firmware uses, as Nordic's product specifications have them. What is not known here is
refused, and so is what the specifications forbid."""

from cortex_m import Peripheral, require
from serial_line import Receiver

CORE_HZ = 64_000_000
# How often a flag is looked at before something that takes a while is done.
LOOKS = 3
PAGE_BYTES = 4096


def event(value):
    require(value == 0, "it raises an event itself")


class Clock(Peripheral):
    REGISTERS = {0x000: ("HFCLKSTART", 0, 1), 0x100: ("HFCLKSTARTED", 0, 1)}
    looks = 0

    def write_HFCLKSTART(self, value):
        self["HFCLKSTART"], self.looks = value, LOOKS

    def read_HFCLKSTARTED(self):
        self.looks = max(0, self.looks - 1)
        return int(self["HFCLKSTART"] and not self.looks)

    def is_exact(self):
        """Whether the crystal runs."""
        return bool(self.read_HFCLKSTARTED())


class Uart(Receiver):
    RXDRDY, TXDRDY, ERROR = 1 << 2, 1 << 7, 1 << 9
    OVERRUN, ENABLED, BAUD_115200 = 1, 4, 0x01D7E000
    INTERRUPT, ROOM = 2, 6
    REGISTERS = {
        0x000: ("STARTRX", 0, 1),
        0x008: ("STARTTX", 0, 1),
        0x108: ("EVENT_RXDRDY", 0, 1),
        0x11C: ("EVENT_TXDRDY", 0, 1),
        0x124: ("EVENT_ERROR", 0, 1),
        0x304: ("INTENSET", 0, RXDRDY | TXDRDY | ERROR),
        0x480: ("ERRORSRC", 0, 0xF),
        0x500: ("ENABLE", 0, 0xF),
        0x50C: ("TXD_PIN", 0xFFFFFFFF, 0xFFFFFFFF),
        0x514: ("RXD_PIN", 0xFFFFFFFF, 0xFFFFFFFF),
        0x518: ("RXD", 0, 0),
        0x51C: ("TXD", 0, 0xFF),
        0x524: ("BAUDRATE", 0x04000000, 0xFFFFFFFF),
        0x56C: ("CONFIG", 0, 0x1F),
    }

    def __init__(self, machine, line, clock, ports):
        super().__init__(machine)
        self.clock, self.ports, self.sending = clock, ports, 0
        self.open(line, lambda: line.byte_cycles(CORE_HZ, self.baud()))

    def baud(self):
        """Of 16 MHz, in parts of 2^32; the value for 115,200 is the specification's."""
        return 115_200 if self["BAUDRATE"] == self.BAUD_115200 else self["BAUDRATE"] * 16e6 / (1 << 32)

    def is_receiving(self):
        return self["STARTRX"] and self["ENABLE"] == self.ENABLED

    def on_arrival(self):
        if self.overrun:
            self["ERRORSRC"] |= self.OVERRUN
            self["EVENT_ERROR"] = 1
            self.overrun = False
        else:
            self["EVENT_RXDRDY"] = 1

    def read_RXD(self):
        byte = self.arrived.popleft() if self.arrived else 0
        # The next byte of the FIFO comes, if there is one.
        self["EVENT_RXDRDY"] |= int(bool(self.arrived))
        return byte

    def write_TXD(self, value):
        transmit, receive = self.machine.chip.PINS
        require(self["STARTTX"] and self["ENABLE"] == self.ENABLED, "it sends by a UART that is off")
        require(not self.sending, "it sends a byte before the last has gone")
        require(self.clock.is_exact(), "it sends without the crystal, whose rate alone is exact")
        require((self["TXD_PIN"], self["RXD_PIN"]) == (transmit, receive), "its UART has other pins than the board's")
        require(self.ports[transmit >> 5].is_output(transmit & 31), "its UART's pin is no output")
        require(self.ports[receive >> 5].is_input(receive & 31), "its UART's pin is no input")
        require(not self["CONFIG"], "its UART has parity, or flow control")
        self.line.byte_cycles(CORE_HZ, self.baud())
        self.line.send(value)
        self.sending = LOOKS

    def read_EVENT_TXDRDY(self):
        if self.sending:
            self.sending -= 1
            self["EVENT_TXDRDY"] = int(not self.sending)
        return self["EVENT_TXDRDY"]

    def write_EVENT_TXDRDY(self, value):
        event(value)
        self["EVENT_TXDRDY"] = 0

    def write_EVENT_RXDRDY(self, value):
        event(value)
        self["EVENT_RXDRDY"] = 0

    def write_EVENT_ERROR(self, value):
        event(value)
        self["EVENT_ERROR"] = 0

    def write_ERRORSRC(self, value):
        self["ERRORSRC"] &= ~value

    def write_INTENSET(self, value):
        self["INTENSET"] |= value

    def interrupts(self):
        raised = self.RXDRDY * self["EVENT_RXDRDY"] | self.TXDRDY * self["EVENT_TXDRDY"] | self.ERROR * self["EVENT_ERROR"]
        return (self.INTERRUPT,) if raised & self["INTENSET"] else ()


class Timer(Peripheral):
    REGISTERS = {
        0x000: ("START", 0, 1),
        0x040: ("CAPTURE0", 0, 1),
        0x508: ("BITMODE", 0, 3),
        0x510: ("PRESCALER", 4, 0xF),
        0x540: ("CC0", 0, 0xFFFFFFFF),
    }
    since = None

    def write_START(self, value):
        self.since = self.machine.cycles

    def write_CAPTURE0(self, value):
        require(self.since is not None and self["BITMODE"] == 3, "it reads a timer that does not run, or wraps soon")
        self.machine.look()
        ticks = (self.machine.cycles - self.since) // 4 >> self["PRESCALER"]
        self["CC0"] = ticks & 0xFFFFFFFF


class Rng(Peripheral):
    """Random numbers that repeat: an emulator's whole worth."""

    REGISTERS = {0x000: ("START", 0, 1), 0x100: ("VALRDY", 0, 1), 0x504: ("CONFIG", 0, 1), 0x508: ("VALUE", 0, 0)}
    looks, state = LOOKS, 1

    def read_VALRDY(self):
        self.looks = max(0, self.looks - 1)
        return int(self["START"] and not self.looks)

    def write_VALRDY(self, value):
        event(value)
        self.looks = LOOKS

    def read_VALUE(self):
        self.state = self.state * 69069 + 1 & 0xFFFFFFFF
        return self.state >> 24


class Watchdog(Peripheral):
    FOOD = 0x6E524635
    REGISTERS = {
        0x000: ("START", 0, 1),
        0x504: ("CRV", 0xFFFFFFFF, 0xFFFFFFFF),
        0x50C: ("CONFIG", 1, 9),
        0x600: ("RR0", 0, 0xFFFFFFFF),
    }

    def write_START(self, value):
        self["START"] = value
        self.feed()

    def write_RR0(self, value):
        require(value == self.FOOD, "it feeds the watchdog what that does not eat")
        if self["START"]:
            self.feed()

    def feed(self):
        self.due = self.machine.cycles + (self["CRV"] + 1) * CORE_HZ // 32_768

    def pass_time(self):
        require(self.due is None or self.machine.cycles < self.due, "the watchdog has not been fed")


class Port(Peripheral):
    """A port of pins. The second one's registers begin 0x300 later."""

    REGISTERS = {0x508: ("OUTSET", 0, 0xFFFFFFFF)}
    REGISTERS |= {0x700 + 4 * pin: (f"PIN_CNF{pin}", 2, 0x0003070F) for pin in range(32)}

    def is_output(self, pin):
        return self[f"PIN_CNF{pin}"] & 1 and self["OUTSET"] >> pin & 1

    def is_input(self, pin):
        return not self[f"PIN_CNF{pin}"] & 3

    def write_OUTSET(self, value):
        self["OUTSET"] |= value


class Nvmc(Peripheral):
    """The flash's controller. The processor stands still while it works, but for the flag."""

    READ_ONLY, WRITE, ERASE = 0, 1, 2
    REGISTERS = {
        0x400: ("READY", 1, 0),
        0x504: ("CONFIG", 0, 3),
        0x508: ("ERASEPAGE", 0, 0xFFFFFFFF),
        0x540: ("ICACHECNF", 0, 0x101),
    }
    looks = 0

    def read_READY(self):
        self.looks = max(0, self.looks - 1)
        return int(not self.looks)

    def write_CONFIG(self, value):
        require(not self.looks, "it changes what may be done to flash that is busy")
        require(value != 3, "it allows both writing and erasing")
        self["CONFIG"] = value

    def write_ERASEPAGE(self, value):
        require(not self.looks and self["CONFIG"] == self.ERASE, "it erases where that is not allowed")
        require(value % PAGE_BYTES == 0, f"it erases from {value:#x} on, where no page begins")
        self.machine.uc.mem_write(value, b"\xff" * PAGE_BYTES)
        self.looks = LOOKS

    def program(self, address, size, value):
        require(not self.looks and self["CONFIG"] == self.WRITE, "it writes to flash where that is not allowed")
        require(size == 4 and address % 4 == 0, "it does not write flash by words")
        held = self.machine.uc.mem_read(address, size)
        require(held == b"\xff" * size, f"it writes to flash at {address:#x} that is not erased")
        self.machine.uc.mem_write(address, value.to_bytes(size, "little"))
        self.looks = LOOKS


class Nrf52:
    CORE, FLASH = "CORTEX_M4", 0

    def __init__(self, line):
        self.line = line

    def peripherals(self, machine):
        clock, ports = Clock(machine), (Port(machine), Port(machine))
        self.nvmc = Nvmc(machine)
        return {
            (0x40000000, 0x1000): clock,
            (0x40002000, 0x1000): Uart(machine, self.line, clock, ports),
            (0x40008000, 0x1000): Timer(machine),
            (0x4000D000, 0x1000): Rng(machine),
            (0x40010000, 0x1000): Watchdog(machine),
            (0x4001E000, 0x1000): self.nvmc,
            # The first has registers up to 0x77f, the second from 0x804 on.
            (0x50000000, 0x800): ports[0],
            (0x50000300, 0x1000): ports[1],
        }

    def program(self, _machine, address, size, value):
        self.nvmc.program(address, size, value)

    def core_hz(self):
        return CORE_HZ


class MicrobitV2(Nrf52):
    """nRF52833. The board's debugger listens at P0.06, and sends to P1.08."""

    FLASH_BYTES, RAM_BYTES, PINS = 512 << 10, 128 << 10, (6, 32 + 8)


class Nrf52840Dk(Nrf52):
    """The board's debugger listens at P0.06, and sends to P0.08."""

    FLASH_BYTES, RAM_BYTES, PINS = 1024 << 10, 256 << 10, (6, 8)
