"""The models refuse what the makers' manuals forbid, and do what they say: `python -m unittest` in this folder."""

import unittest
from types import SimpleNamespace

from unicorn import arm_const as arm

from cortex_m import Fault
from nrf52 import Nvmc, Rng
from nrf52 import Watchdog as NrfWatchdog
from rp2350 import Clocks as RpClocks
from rp2350 import Crystal, Pads, Pico2, Pins, Pll, Psm, Rom, Ticks, Uart
from rp2350 import Watchdog as RpWatchdog
from serial_line import SerialLine
from stm32 import KEYS, Usart, Watchdog
from stm32f1 import FlashF1, RccF1
from stm32f4 import FlashF4, RccF4
from stm32g0 import FlashG0, RccG0

FLASH = 0x08000000


class Memory:
    """Flash of 512 KB that holds zeros."""

    def __init__(self, start):
        self.start, self.bytes = start, bytearray(512 << 10)

    def mem_read(self, address, count):
        return self.bytes[address - self.start :][:count]

    def mem_write(self, address, data):
        self.bytes[address - self.start : address - self.start + len(data)] = data


def machine(start=FLASH):
    return SimpleNamespace(cycles=0, uc=Memory(start), chip=SimpleNamespace())


def offsets(part):
    return {name: offset for offset, (name, _, _) in part.REGISTERS.items()}


def write(part, name, value):
    part.write(offsets(part)[name], 4, value)


def read(part, name):
    return part.read(offsets(part)[name], 4)


def wait(part):
    while read(part, "SR"):
        pass


def unlocked(kind):
    flash = kind(machine())
    for key in KEYS:
        write(flash, "KEYR", key)
    return flash


class Stm32Flash(unittest.TestCase):
    # The kind, how a unit at 128 KB is erased, what allows writing, and the width in bytes.
    KINDS = (
        (FlashF1, lambda flash: (write(flash, "CR", 2), write(flash, "AR", FLASH + 0x20000), write(flash, "CR", 0x42)), 1, 2),
        (FlashF4, lambda flash: write(flash, "CR", 1 << 16 | 2 << 8 | 5 << 3 | 2), 2 << 8 | 1, 4),
        (FlashG0, lambda flash: write(flash, "CR", 1 << 16 | 0 << 3 | 2), 1, 4),
    )

    def test_nothing_is_done_while_it_is_locked(self):
        for kind, erase, allow, width in self.KINDS:
            flash = kind(machine())
            with self.assertRaises(Fault):
                write(flash, "CR", allow)
            with self.assertRaises(Fault):
                erase(flash)
            with self.assertRaises(Fault):
                flash.program(FLASH, width, 1)

    def test_keys_come_in_their_order_and_once(self):
        for kind, *_ in self.KINDS:
            with self.assertRaises(Fault):
                write(kind(machine()), "KEYR", KEYS[1])
            with self.assertRaises(Fault):
                write(unlocked(kind), "KEYR", KEYS[0])

    def test_only_what_is_erased_is_written_and_only_when_it_is_not_busy(self):
        for kind, erase, allow, width in self.KINDS:
            flash = unlocked(kind)
            place = FLASH if kind is FlashG0 else FLASH + 0x20000
            write(flash, "CR", allow)
            with self.assertRaises(Fault):
                flash.program(place, width, 1)
            flash = unlocked(kind)
            erase(flash)
            self.assertEqual(flash.machine.uc.mem_read(place, 4), b"\xff" * 4)
            with self.assertRaises(Fault):
                write(flash, "CR", allow)
            wait(flash)
            write(flash, "CR", allow)
            flash.program(place, width, 0x21)
            self.assertEqual(flash.machine.uc.mem_read(place, 2), b"\x21\x00")
            if kind is not FlashG0:
                with self.assertRaises(Fault):
                    flash.program(place + width, width, 1)

    def test_another_width_is_refused(self):
        for kind, erase, allow, width in self.KINDS:
            flash = unlocked(kind)
            erase(flash)
            wait(flash)
            write(flash, "CR", allow)
            with self.assertRaises(Fault):
                flash.program(FLASH + 0x20000, 6 - width, 1)

    def test_the_g0_takes_two_words_the_lower_first(self):
        def ready():
            flash = unlocked(FlashG0)
            write(flash, "CR", 1 << 16 | 2)
            wait(flash)
            write(flash, "CR", 1)
            return flash

        with self.assertRaises(Fault):
            ready().program(FLASH + 4, 4, 1)
        flash = ready()
        flash.program(FLASH, 4, 1)
        with self.assertRaises(Fault):
            write(flash, "CR", 1 << 31)
        flash.program(FLASH + 4, 4, 2)
        self.assertEqual(flash.machine.uc.mem_read(FLASH, 8), bytes((1, 0, 0, 0, 2, 0, 0, 0)))

    def test_the_f4s_cache_is_emptied_while_it_is_off(self):
        flash = FlashF4(machine())
        write(flash, "ACR", 1 << 10)
        with self.assertRaises(Fault):
            write(flash, "ACR", 1 << 12 | 1 << 10)


class Clocks(unittest.TestCase):
    def clock(self, kind, waits, power=3):
        chip = machine()
        chip.chip = SimpleNamespace(flash=SimpleNamespace(waits=lambda: waits), power={"CR": power << 14})
        return kind(chip)

    def start(self, rcc, register, config, choose):
        write(rcc, register, config)
        write(rcc, "CR", rcc["CR"] | 1 << 24)
        while not read(rcc, "CR") >> 25 & 1:
            pass
        write(rcc, "CFGR", rcc["CFGR"] | choose)
        return rcc.core_hz()

    def test_processors_run_as_fast_as_their_flash_allows(self):
        f1 = (RccF1, "CFGR", 14 << 18 | 4 << 8 | 2 << 14, 2, 64_000_000, 2)
        f4 = (RccF4, "PLLCFGR", 16 | 200 << 6 | 7 << 24, 2 | 4 << 10, 100_000_000, 3)
        g0 = (RccG0, "PLLCFGR", 2 | 8 << 8 | 1 << 28 | 1 << 29, 2, 64_000_000, 2)
        for kind, register, config, choose, hz, waits in (f1, f4, g0):
            self.assertEqual(self.start(self.clock(kind, waits), register, config, choose), hz)
            with self.assertRaises(Fault):
                self.start(self.clock(kind, waits - 1), register, config, choose)

    def test_a_pll_is_waited_for(self):
        rcc = self.clock(RccG0, 2)
        write(rcc, "PLLCFGR", 2 | 8 << 8 | 1 << 28 | 1 << 29)
        write(rcc, "CR", rcc["CR"] | 1 << 24)
        with self.assertRaises(Fault):
            write(rcc, "CFGR", 2)

    def test_buses_and_voltages_have_their_limits(self):
        with self.assertRaises(Fault):
            self.start(self.clock(RccF1, 2), "CFGR", 14 << 18 | 2 << 14, 2)
        with self.assertRaises(Fault):
            self.start(self.clock(RccF4, 3), "PLLCFGR", 16 | 200 << 6, 2)
        with self.assertRaises(Fault):
            self.start(self.clock(RccF4, 3, power=2), "PLLCFGR", 16 | 200 << 6, 2 | 4 << 10)


class Nrf52(unittest.TestCase):
    def test_flash_is_written_by_words_where_that_is_allowed_and_it_is_erased(self):
        flash = Nvmc(machine(0))
        with self.assertRaises(Fault):
            write(flash, "ERASEPAGE", 0x1000)
        write(flash, "CONFIG", 2)
        with self.assertRaises(Fault):
            write(flash, "ERASEPAGE", 0x1004)
        write(flash, "ERASEPAGE", 0x1000)
        with self.assertRaises(Fault):
            write(flash, "CONFIG", 1)
        while not read(flash, "READY"):
            pass
        with self.assertRaises(Fault):
            flash.program(0x1000, 4, 1)
        write(flash, "CONFIG", 1)
        with self.assertRaises(Fault):
            flash.program(0x1000, 2, 1)
        with self.assertRaises(Fault):
            flash.program(0x2000, 4, 1)
        flash.program(0x1000, 4, 1)
        with self.assertRaises(Fault):
            flash.program(0x1004, 4, 1)

    def test_random_numbers_are_waited_for_and_events_only_cleared(self):
        rng = Rng(machine())
        write(rng, "START", 1)
        self.assertEqual(read(rng, "VALRDY"), 0)
        with self.assertRaises(Fault):
            write(rng, "VALRDY", 1)

    def test_a_watchdog_that_starves_bites(self):
        chip = machine()
        watchdog = NrfWatchdog(chip)
        write(watchdog, "CRV", 32_767)
        write(watchdog, "START", 1)
        with self.assertRaises(Fault):
            write(watchdog, "RR0", 1)
        chip.cycles = 63_999_999
        watchdog.pass_time()
        chip.cycles = 64_000_000
        with self.assertRaises(Fault):
            watchdog.pass_time()


class Rp2350(unittest.TestCase):
    def clocks(self, multiplier=125, is_started=True):
        chip = machine()
        crystal, pll = Crystal(chip), Pll(chip)
        if is_started:
            write(crystal, "STARTUP", 47)
            write(crystal, "CTRL", 0xFABAA0)
            while not read(crystal, "STATUS"):
                pass
        write(pll, "FBDIV", multiplier)
        write(pll, "PWR", 8 | 4)
        while not read(pll, "CS") >> 31:
            pass
        write(pll, "PRIM", 5 << 16 | 2 << 12)
        write(pll, "PWR", 4)
        return RpClocks(chip, crystal, pll, pll)

    def test_clocks_run_from_what_runs_and_not_too_fast(self):
        clocks = self.clocks()
        write(clocks, "REF_CTRL", 2)
        write(clocks, "SYS_CTRL", 1)
        self.assertEqual(clocks.core_hz(), 150_000_000)
        for multiplier, is_started, register, value in ((130, True, "SYS_CTRL", 1), (125, False, "REF_CTRL", 2)):
            with self.assertRaises(Fault):
                write(self.clocks(multiplier, is_started), register, value)
        with self.assertRaises(Fault):
            self.clocks(140)

    def test_a_byte_needs_a_pin_that_is_not_isolated(self):
        said, clocks = [], SimpleNamespace(uart_hz=lambda: 150_000_000, core_hz=lambda: 150_000_000)
        for pad in (0x16, 0x116):
            chip = machine()
            pins, pads = Pins(chip), Pads(chip)
            uart = Uart(chip, SerialLine(said.append), clocks, pins, pads)
            for name, value in (("IBRD", 81), ("FBRD", 24), ("LCR_H", 0x70), ("CR", 0x301)):
                write(uart, name, value)
            write(pins, "GPIO0", 2)
            write(pads, "GPIO0", pad)
            if pad == 0x16:
                write(uart, "DR", 65)
            else:
                with self.assertRaises(Fault):
                    write(uart, "DR", 65)
        self.assertEqual(said, [65])

    def test_the_watchdog_starts_all_parts_again_and_bites(self):
        chip = machine()
        chip.resets = 0
        chip.ask_for_reset = lambda: setattr(chip, "resets", chip.resets + 1)
        ticks, psm = Ticks(chip), Psm(chip)
        watchdog = RpWatchdog(chip, SimpleNamespace(core_hz=lambda: 1_000_000), ticks, psm)
        with self.assertRaises(Fault):
            write(watchdog, "LOAD", 1000)
        write(ticks, "WATCHDOG_CYCLES", 12)
        write(ticks, "WATCHDOG_CTRL", 1)
        write(watchdog, "LOAD", 1000)
        write(watchdog, "CTRL", 1 << 30)
        chip.cycles = 999
        write(watchdog, "LOAD", 1000)
        chip.cycles = 1998
        watchdog.pass_time()
        chip.cycles = 1999
        with self.assertRaises(Fault):
            watchdog.pass_time()
        with self.assertRaises(Fault):
            write(watchdog, "CTRL", 1 << 31)
        write(psm, "WDSEL", Psm.ALL)
        write(watchdog, "CTRL", 1 << 31)
        self.assertEqual(chip.resets, 1)

    def test_the_rom_changes_flash_that_is_not_read_while_no_interrupt_comes(self):
        registers = {}
        uc = Memory(Pico2.FLASH)
        uc.mem_map = uc.hook_add = lambda *_: None
        write_flash, uc.mem_write = uc.mem_write, lambda *_: None
        uc.reg_read = lambda register: registers.get(register, 0)
        uc.reg_write = registers.__setitem__
        rom = Rom(SimpleNamespace(uc=uc), Pico2)
        uc.mem_write = write_flash
        call = lambda name, *arguments: rom.call(uc, Rom.NAMES.index(name), (*arguments, 0, 0, 0, 0))
        registers[arm.UC_ARM_REG_LR] = 0x20000001

        def refused(name, *arguments):
            with self.assertRaises(Fault):
                call(name, *arguments)

        registers[arm.UC_ARM_REG_PRIMASK] = 1
        refused("RE", 0x1000, 4096)
        call("EX")
        registers[arm.UC_ARM_REG_PRIMASK] = 0
        refused("RE", 0x1000, 4096)
        registers[arm.UC_ARM_REG_PRIMASK] = 1
        refused("RE", 0x1100, 4096)
        refused("RP", 0x1000, Pico2.FLASH, 256)
        call("RE", 0x1000, 4096)
        self.assertEqual(uc.mem_read(Pico2.FLASH + 0x1000, 4097), b"\xff" * 4096 + b"\0")
        registers[arm.UC_ARM_REG_LR] = Pico2.FLASH
        refused("FC")
        call("CX")


class Stm32Others(unittest.TestCase):
    def usart(self, brr, is_connected=True):
        said = []
        rcc = SimpleNamespace(core_hz=lambda: 64_000_000, usart_hz=lambda: 64_000_000)
        usart = Usart(machine(), rcc, SerialLine(said.append), 37, lambda: is_connected)
        write(usart, "BRR", brr)
        write(usart, "CR1", 0x202C)
        return usart, said

    def test_a_byte_goes_at_the_pcs_rate_after_the_last_by_the_right_pin(self):
        usart, said = self.usart(556)
        write(usart, "DR", 65)
        self.assertEqual(said, [65])
        with self.assertRaises(Fault):
            write(usart, "DR", 66)
        for brr, is_connected in ((600, True), (556, False)):
            with self.assertRaises(Fault):
                write(self.usart(brr, is_connected)[0], "DR", 65)

    def test_a_byte_that_has_no_room_is_told_of(self):
        usart, _ = self.usart(556)
        usart.line.typed.extend(b"ab")
        for _ in range(3):
            usart.pass_time()
            usart.machine.cycles = usart.due or 0
        self.assertEqual(usart.interrupts(), (37,))
        self.assertEqual(read(usart, "SR") & 0x28, 0x28)
        self.assertEqual((read(usart, "DR"), read(usart, "SR") & 0x28), (97, 0))

    def test_the_watchdog_is_set_with_its_key_and_bites(self):
        chip = machine()
        watchdog = Watchdog(chip, SimpleNamespace(core_hz=lambda: 60_000))
        write(watchdog, "KR", 0xCCCC)
        with self.assertRaises(Fault):
            write(watchdog, "PR", 6)
        write(watchdog, "KR", 0x5555)
        write(watchdog, "PR", 6)
        write(watchdog, "KR", 0xAAAA)
        chip.cycles = 4096 * 256
        with self.assertRaises(Fault):
            watchdog.pass_time()

    def test_an_unknown_register_or_bit_is_refused(self):
        flash = FlashF1(machine())
        for act in (lambda: flash.read(0x1C, 4), lambda: flash.read(0x0C, 2), lambda: write(flash, "ACR", 0x100)):
            with self.assertRaises(Fault):
                act()


if __name__ == "__main__":
    unittest.main()
