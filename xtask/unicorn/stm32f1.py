"""STM32F103: its registers after RM0008 and PM0075, and limits after its data sheet."""

from cortex_m import Peripheral, require
from stm32 import MHZ, AdcF, Flash, Rcc, Stm32, Usart, Watchdog


class RccF1(Rcc):
    OSCILLATOR_HZ, MOST_HZ = 8 * MHZ, 72 * MHZ
    SW, SWS_SHIFT, FROM_PLL = 0b11, 2, 0b10
    REGISTERS = {
        0x00: ("CR", 0x83, 0x010F00F9),
        0x04: ("CFGR", 0, 0x077FFFF3),
        0x18: ("APB2ENR", 0, 0x5E7D),
        0x1C: ("APB1ENR", 0, 0x1AE64807),
    }

    def write_CFGR(self, value):
        changes = (value ^ self["CFGR"]) & 0x003F0000
        require(not (changes and self["CR"] & self.PLLON), "it sets a PLL that runs")
        super().write_CFGR(value)

    def check_pll(self):
        require(not self["CFGR"] >> 16 & 1, "it feeds the PLL from a crystal, which the board may lack")
        require(16 * MHZ <= self.pll_hz() <= self.MOST_HZ, f"its PLL would run at {self.pll_hz()} Hz")

    def pll_hz(self):
        return self.OSCILLATOR_HZ // 2 * min((self["CFGR"] >> 18 & 0xF) + 2, 16)

    def least_waits(self, hz):
        return 0 if hz <= 24 * MHZ else 1 if hz <= 48 * MHZ else 2

    def check_buses(self):
        require(not self["CFGR"] >> 4 & 0xF, "it divides the processor's clock")
        require(self.core_hz() / self.divider(8) <= 36 * MHZ, "its slower bus is too fast")
        require(self.core_hz() / self.divider(11) / (2 + 2 * (self["CFGR"] >> 14 & 3)) <= 14 * MHZ, "its converter is too fast")

    def usart_hz(self):
        return self.core_hz() / self.divider(11)


class GpioF1(Peripheral):
    REGISTERS = {0x04: ("CRH", 0x44444444, 0xFFFFFFFF), 0x10: ("BSRR", 0, 0xFFFFFFFF)}

    def is_usarts(self):
        """A9 an output of the USART's, pushed and pulled; A10 an input with a pull."""
        a9, a10 = self["CRH"] >> 4 & 0xF, self["CRH"] >> 8 & 0xF
        return a9 >> 2 == 0b10 and a9 & 3 and a10 == 0b1000


class AdcF1(AdcF):
    REGISTERS = {
        0x00: ("SR", 0, 0x1F),
        0x08: ("CR2", 0, 0x00FEF90F),
        0x34: ("SQR3", 0, 0x3FFFFFFF),
        0x4C: ("DR", 0, 0),
    }

    def write_CR2(self, value):
        self.start_if(value, 1 << 22, value >> 23 & 1 and value >> 20 & 1 and value >> 17 & 7 == 7)
        self["CR2"] = value & ~(1 << 22)


class FlashF1(Flash):
    LOCK, START, ERASE, LATENCY = 1 << 7, 1 << 6, 1 << 1, 7
    REGISTERS = {
        0x00: ("ACR", 0x30, 0x1F),
        0x04: ("KEYR", 0, 0xFFFFFFFF),
        0x0C: ("SR", 0, 0x34),
        0x10: ("CR", 0x80, 0x14F7),
        0x14: ("AR", 0, 0xFFFFFFFF),
    }

    def read_SR(self):
        return int(self.is_busy())

    def unit(self, _):
        return self["AR"] & ~1023, 1024

    def check_width(self, _address, size):
        require(size == 2, "it does not write flash by halfwords")


class Stm32F103(Stm32):
    CORE, FLASH_BYTES, RAM_BYTES = "CORTEX_M3", 64 << 10, 20 << 10

    def peripherals(self, machine):
        self.rcc, self.flash = RccF1(machine), FlashF1(machine)
        pins = GpioF1(machine)
        usart = Usart(machine, self.rcc, self.line, 37, pins.is_usarts)
        return {
            (0x40021000, 0x400): self.rcc,
            (0x40022000, 0x400): self.flash,
            (0x40003000, 0x400): Watchdog(machine, self.rcc),
            (0x40010800, 0x400): self.clocked(pins, "APB2ENR", 2),
            (0x40012400, 0x400): self.clocked(AdcF1(machine), "APB2ENR", 9),
            (0x40013800, 0x400): self.clocked(usart, "APB2ENR", 14),
        }
