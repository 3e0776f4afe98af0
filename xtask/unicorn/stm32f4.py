"""STM32F411: its registers after RM0383, and limits after its data sheet."""

from cortex_m import Peripheral, require
from stm32 import MHZ, AdcF, Flash, Gpio, Rcc, Stm32, Usart, Watchdog


class RccF4(Rcc):
    OSCILLATOR_HZ, MOST_HZ = 16 * MHZ, 100 * MHZ
    SW, SWS_SHIFT, FROM_PLL = 0b11, 2, 0b10
    REGISTERS = {
        0x00: ("CR", 0x83, 0x050D00F9),
        0x04: ("PLLCFGR", 0x24003010, 0x0F437FFF),
        0x08: ("CFGR", 0, 0xFFFFFCF3),
        0x30: ("AHB1ENR", 0, 0x0060109F),
        0x40: ("APB1ENR", 0, 0x10E2C80F),
        0x44: ("APB2ENR", 0, 0x00177931),
    }

    def check_pll(self):
        config = self["PLLCFGR"]
        require(not config >> 22 & 1, "it feeds the PLL from a crystal, which the board may lack")
        source, n = self.OSCILLATOR_HZ / (config & 0x3F), config >> 6 & 0x1FF
        require(MHZ <= source <= 2 * MHZ, f"its PLL is fed with {source} Hz")
        require(50 <= n <= 432 and 100 * MHZ <= source * n <= 432 * MHZ, f"its PLL would run at {source * n} Hz")

    def pll_hz(self):
        config = self["PLLCFGR"]
        return self.OSCILLATOR_HZ // (config & 0x3F) * (config >> 6 & 0x1FF) // (2 + 2 * (config >> 16 & 3))

    def least_waits(self, hz):
        # At 2.7 to 3.6 V.
        return (hz - 1) // (30 * MHZ)

    def check_buses(self):
        require(not self["CFGR"] >> 4 & 0xF, "it divides the processor's clock")
        require(self.core_hz() / self.divider(10) <= 50 * MHZ, "its slower bus is too fast")
        require(self.core_hz() / self.divider(13) <= 100 * MHZ, "its faster bus is too fast")
        if self.core_hz() > 84 * MHZ:
            require(self.machine.chip.power["CR"] >> 14 & 3 == 3, "its core has too little voltage for its clock")

    def usart_hz(self):
        return self.core_hz() / self.divider(13)


class Power(Peripheral):
    """PWR of the F411."""

    REGISTERS = {0x00: ("CR", 0x8000, 0xEFFF)}

    def write_CR(self, value):
        require(not self.machine.chip.rcc["CR"] & Rcc.PLLON, "it sets the core's voltage while the PLL runs")
        self["CR"] = value


class AdcF4(AdcF):
    REGISTERS = {
        0x00: ("SR", 0, 0x3F),
        0x08: ("CR2", 0, 0x7F7F0F03),
        0x34: ("SQR3", 0, 0x3FFFFFFF),
        0x4C: ("DR", 0, 0),
        0x304: ("CCR", 0, 0x00C3EF1F),
    }

    def write_CR2(self, value):
        self.start_if(value, 1 << 30, self["CCR"] >> 23 & 1)
        self["CR2"] = value & ~(1 << 30)


class FlashF4(Flash):
    LOCK, START, ERASE, LATENCY = 1 << 31, 1 << 16, 1 << 1, 0xF
    DCEN, DCRST = 1 << 10, 1 << 12
    REGISTERS = {
        0x00: ("ACR", 0, 0x1F0F),
        0x04: ("KEYR", 0, 0xFFFFFFFF),
        0x0C: ("SR", 0, 0x1F3),
        0x10: ("CR", 1 << 31, 0x8301037F),
    }

    def write_ACR(self, value):
        require(not value & self.DCRST or not self["ACR"] & self.DCEN, "it empties a cache that is on")
        self["ACR"] = value

    def read_SR(self):
        return int(self.is_busy()) << 16

    def unit(self, control):
        number = control >> 3 & 0xF
        require(control >> 8 & 3 == 2, "it erases with another parallelism than the supply allows")
        require(5 <= number <= 7, f"it erases sector {number}, in which the program may be")
        return 0x08000000 + (number - 4) * (128 << 10), 128 << 10

    def check_width(self, address, size):
        require(size == 4 and address % 4 == 0 and self["CR"] >> 8 & 3 == 2, "it writes flash by another width than it has set")


class Stm32F411(Stm32):
    CORE, FLASH_BYTES, RAM_BYTES = "CORTEX_M4", 512 << 10, 128 << 10

    def peripherals(self, machine):
        self.rcc, self.flash, self.power = RccF4(machine), FlashF4(machine), Power(machine)
        pins = Gpio(machine)
        usart = Usart(machine, self.rcc, self.line, 37, lambda: pins.are((9, 10), 7))
        return {
            (0x40023800, 0x400): self.rcc,
            (0x40023C00, 0x400): self.flash,
            (0x40003000, 0x400): Watchdog(machine, self.rcc),
            (0x40007000, 0x400): self.clocked(self.power, "APB1ENR", 28),
            (0x40020000, 0x400): self.clocked(pins, "AHB1ENR", 0),
            (0x40012000, 0x400): self.clocked(AdcF4(machine), "APB2ENR", 8),
            (0x40011000, 0x400): self.clocked(usart, "APB2ENR", 4),
        }
