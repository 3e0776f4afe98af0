"""STM32G071: its registers after RM0444, and limits after its data sheet."""

from cortex_m import require
from stm32 import MHZ, Adc, Flash, Gpio, Rcc, Stm32, Usart, Watchdog


class RccG0(Rcc):
    OSCILLATOR_HZ, MOST_HZ = 16 * MHZ, 64 * MHZ
    SW, SWS_SHIFT, FROM_PLL = 0b111, 3, 0b010
    REGISTERS = {
        0x00: ("CR", 0x500, 0x010D3B00),
        0x08: ("CFGR", 0, 0x77007F07),
        0x0C: ("PLLCFGR", 0x1000, 0xFF3F7F73),
        0x34: ("IOPENR", 0, 0x3F),
        0x3C: ("APBENR1", 0, 0xFFFFFFFF),
        0x40: ("APBENR2", 0, 0x0017D801),
    }

    def check_pll(self):
        config = self["PLLCFGR"]
        require(config & 3 == 2, "it does not feed the PLL from the internal oscillator")
        source = self.OSCILLATOR_HZ / ((config >> 4 & 7) + 1)
        require(2.66 * MHZ <= source <= 16 * MHZ, f"its PLL is fed with {source} Hz")
        n = config >> 8 & 0x7F
        require(8 <= n <= 86 and 96 * MHZ <= source * n <= 344 * MHZ, f"its PLL would run at {source * n} Hz")
        require(config >> 28 & 1, "its PLL has no output for the processor")

    def write_PLLCFGR(self, value):
        require(not self["CR"] & self.PLLON, "it sets a PLL that runs")
        self["PLLCFGR"] = value

    def pll_hz(self):
        config = self["PLLCFGR"]
        return self.OSCILLATOR_HZ // ((config >> 4 & 7) + 1) * (config >> 8 & 0x7F) // ((config >> 29 & 7) + 1)

    def least_waits(self, hz):
        return 0 if hz <= 24 * MHZ else 1 if hz <= 48 * MHZ else 2

    def usart_hz(self):
        return self.core_hz()


class UsartG0(Usart):
    UE = 1 << 0
    REGISTERS = {
        0x00: ("CR1", 0, 0x2D),
        0x0C: ("BRR", 0, 0xFFFF),
        0x1C: ("ISR", 0xC0, 0),
        0x20: ("ICR", 0, 1 << 3),
        0x24: ("RDR", 0, 0),
        0x28: ("TDR", 0, 0x1FF),
    }

    def read_ISR(self):
        return self.status()

    def write_ICR(self, value):
        if value & self.ORE:
            self.overrun = False

    def read_RDR(self):
        return self.take()

    def write_TDR(self, value):
        self.transmit(value)


class AdcG0(Adc):
    ADEN, ADSTART, ADVREGEN = 1, 4, 1 << 28
    REGISTERS = {
        0x00: ("ISR", 0, 0x39F),
        0x08: ("CR", 0, 0x90000017),
        0x10: ("CFGR2", 0, 0xE00003FD),
        0x28: ("CHSELR", 0, 0x7FFFF),
        0x40: ("DR", 0, 0),
        0x308: ("CCR", 0, 0x01FC0000),
    }

    def write_CR(self, value):
        require(not value & self.ADEN or self["CR"] & self.ADVREGEN, "it starts a converter without its regulator")
        if value & self.ADSTART:
            require(self["CR"] & self.ADEN, "it converts with a converter that is off")
            require(self["CHSELR"] == 1 << 13 and self["CCR"] >> 22 & 1, "it does not measure the internal reference")
            self.convert()
        self["CR"] = value & ~self.ADSTART

    def read_ISR(self):
        return 1 | (4 if self.is_done() else 0)


class FlashG0(Flash):
    LOCK, START, ERASE, LATENCY = 1 << 31, 1 << 16, 1 << 1, 7
    REGISTERS = {
        0x00: ("ACR", 0x40600, 0x50F07),
        0x08: ("KEYR", 0, 0xFFFFFFFF),
        0x10: ("SR", 0, 0xC3FB),
        0x14: ("CR", 0xC0000000, 0xDF0701FF),
        0x18: ("ECCR", 0, 0xC1000000),
    }
    # The options have a lock of their own, which stays.
    OPTIONS_LOCK = 1 << 30
    first = None

    def write_CR(self, value):
        require(self.first is None, "it leaves half of a double word in flash")
        super().write_CR(value & ~self.OPTIONS_LOCK)

    def read_CR(self):
        return self["CR"] | self.OPTIONS_LOCK

    def read_SR(self):
        return int(self.is_busy()) << 16

    def unit(self, control):
        return 0x08000000 + (control >> 3 & 0x3F) * 2048, 2048

    def check_width(self, address, size):
        """Two words, the lower one first."""
        require(size == 4, "it does not write flash by words")
        if self.first is None:
            require(address % 8 == 0, "it begins with the second word of two")
            self.first = address
        else:
            require(address == self.first + 4, "it does not end two words with the second")
            self.first = None

    def program(self, address, size, value):
        super().program(address, size, value)
        if self.first is not None:
            self.looks = 0


class Stm32G071(Stm32):
    CORE, FLASH_BYTES, RAM_BYTES = "CORTEX_M0", 128 << 10, 36 << 10

    def peripherals(self, machine):
        self.rcc, self.flash = RccG0(machine), FlashG0(machine)
        pins = Gpio(machine)
        pins["MODER"], pins["PUPDR"] = 0xEBFFFFFF, 0x24000000
        usart = UsartG0(machine, self.rcc, self.line, 28, lambda: pins.are((2, 3), 1))
        return {
            (0x40021000, 0x400): self.rcc,
            (0x40022000, 0x400): self.flash,
            (0x40003000, 0x400): Watchdog(machine, self.rcc),
            (0x50000000, 0x400): self.clocked(pins, "IOPENR", 0),
            (0x40012400, 0x400): self.clocked(AdcG0(machine), "APBENR2", 20),
            (0x40004400, 0x400): self.clocked(usart, "APBENR1", 17),
        }
