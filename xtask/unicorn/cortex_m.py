"""A Cortex-M of Arm's: Unicorn executes its instructions, and the rest is here: exceptions, NVIC, SysTick, sleep and reset.

Sources: ARMv6-M and ARMv7-M Architecture Reference Manuals, "Exception model", "System timer, SysTick", "Nested Vectored Interrupt
Controller" and "System Control Space". All exceptions have one priority: none breaks into another. An instruction takes a cycle.
"""

from unicorn import (
    UC_ARCH_ARM,
    UC_HOOK_CODE,
    UC_HOOK_INTR,
    UC_HOOK_MEM_INVALID,
    UC_HOOK_MEM_WRITE_PROT,
    UC_MODE_MCLASS,
    UC_MODE_THUMB,
)
from unicorn import UC_PROT_EXEC, UC_PROT_READ, Uc, UcError
from unicorn import arm_const as arm

THUMB = 1
SYSTICK = 15
FIRST_INTERRUPT = 16
# Returns to thread mode and the main stack: with a frame of integers alone, and with one of floats, too.
EXC_RETURN, EXC_RETURN_FLOAT = 0xFFFFFFF9, 0xFFFFFFE9
FRAME_BYTES, FLOAT_FRAME_BYTES = 0x20, 0x68
WFI = 0xBF30
# What Unicorn says of an instruction that returns from an exception.
RETURN = 8
# Cycles after which a slice ends: at most, and while an exception waits for the program to let it in.
SLICE, SHORT_SLICE = 20_000, 1
# Cycles that pass when the program looks at a timer: who looks again and again waits, and an emulator that is slow at looking need not be.
LOOK = 1_000
# Cycles that a slice is taken to have had that ended by itself, as Unicorn does not count them: about those of a handler.
EARLY = 100
# Regions of registers; the last is the processor's own.
SYSTEM = 0xE0000000
REGIONS = (0x40000000, 0x50000000, 0xD0000000, SYSTEM)
REGION_BYTES = 0x10000000

GENERAL = [getattr(arm, f"UC_ARM_REG_R{n}") for n in range(13)] + [arm.UC_ARM_REG_LR]
SCRATCH = GENERAL[:4] + GENERAL[12:]
FLOATS = [getattr(arm, f"UC_ARM_REG_S{n}") for n in range(16)]


class Fault(Exception):
    """The program does what a chip may not take."""


def require(holds, what):
    if not holds:
        raise Fault(what)


class Peripheral:
    """Registers of 32 bits. What is not listed is not known, and refused."""

    # By offset: the name, the value at reset, and the bits that may be written.
    REGISTERS = {}
    # The cycle at which something happens by itself.
    due = None

    def __init__(self, machine):
        self.machine = machine
        self.values = {name: reset for name, reset, _ in self.REGISTERS.values()}

    def __getitem__(self, name):
        return self.values[name]

    def __setitem__(self, name, value):
        self.values[name] = value

    def place(self, offset, size, verb):
        if size != 4 or offset not in self.REGISTERS:
            raise Fault(f"{verb} {size} bytes at {offset:#x} of {type(self).__name__}, which is not modelled")
        return self.REGISTERS[offset]

    def read(self, offset, size):
        name, _, _ = self.place(offset, size, "it reads")
        own = getattr(self, f"read_{name}", None)
        return own() if own else self[name]

    def write(self, offset, size, value):
        name, _, writable = self.place(offset, size, "it writes")
        # A bit that stays as it is may be written, too.
        ours = type(self).__name__
        require(not value & ~(writable | self[name]), f"it writes {value:#x} to {name} of {ours}: {writable:#x} may be written")
        own = getattr(self, f"write_{name}", None)
        if own:
            own(value)
        else:
            self[name] = value

    def pass_time(self):
        """Brings the device up to the present time."""

    def interrupts(self):
        """The numbers of the interrupts that it asks for."""
        return ()


def only_while(part, holds, what):
    """A peripheral that may be touched only while that holds."""

    def guarded(act):
        def guard(*arguments):
            require(holds(), what)
            return act(*arguments)

        return guard

    part.read, part.write = guarded(part.read), guarded(part.write)
    return part


class SysTick(Peripheral):
    ENABLE, ASKS, PROCESSOR_CLOCK, COUNTFLAG = 1, 2, 4, 1 << 16
    REGISTERS = {0x10: ("CSR", 0, 7), 0x14: ("RVR", 0, 0xFFFFFF), 0x18: ("CVR", 0, 0xFFFFFF)}

    def write_CSR(self, value):
        require(not value & self.ENABLE or value & self.PROCESSOR_CLOCK, "SysTick's other clock is not modelled")
        self["CSR"] = value & 7
        self.due = self.machine.cycles + self["RVR"] + 1 if value & self.ENABLE and self["RVR"] else None

    def write_CVR(self, _):
        if self.due is not None:
            self.due = self.machine.cycles + self["RVR"] + 1

    def read_CVR(self):
        self.machine.look()
        return max(0, self.due - self.machine.cycles) & 0xFFFFFF if self.due is not None else 0

    def pass_time(self):
        """Whether it asks for an exception."""
        if self.due is None or self.machine.cycles < self.due:
            return False
        while self.due <= self.machine.cycles:
            self.due += self["RVR"] + 1
        return bool(self["CSR"] & self.ASKS)


class Nvic(Peripheral):
    """The sets of enabled and pending interrupts, up to number 63."""

    REGISTERS = {
        base + 4 * word: (f"{name}{word}", 0, 0xFFFFFFFF)
        for base, name in ((0x100, "ISER"), (0x180, "ICER"), (0x200, "ISPR"), (0x280, "ICPR"))
        for word in range(2)
    }

    def enabled(self):
        return self["ISER0"] | self["ISER1"] << 32

    def write_ISER0(self, value):
        self["ISER0"] |= value

    def write_ISER1(self, value):
        self["ISER1"] |= value

    def write_ICER0(self, value):
        self["ISER0"] &= ~value

    def write_ICER1(self, value):
        self["ISER1"] &= ~value


class SystemControl(Peripheral):
    RESET_REQUEST = 0x05FA0004
    REGISTERS = {0xD08: ("VTOR", 0, 0xFFFFFF80), 0xD0C: ("AIRCR", 0, 0xFFFF0004), 0xD88: ("CPACR", 0, 0x00F00000)}

    def write_AIRCR(self, value):
        if value == self.RESET_REQUEST:
            self.machine.ask_for_reset()


class Machine:
    """A chip with flash and RAM; `chip` has the facts about it, and makes its peripherals."""

    def __init__(self, chip):
        self.chip = chip
        self.cycles = 0
        self.uc = Uc(UC_ARCH_ARM, UC_MODE_THUMB | UC_MODE_MCLASS)
        self.uc.ctl_set_cpu_model(getattr(arm, f"UC_CPU_ARM_{chip.CORE}"))
        self.has_fpu = chip.CORE in ("CORTEX_M4", "CORTEX_M33")
        self.uc.mem_map(chip.FLASH, chip.FLASH_BYTES, UC_PROT_READ | UC_PROT_EXEC)
        self.uc.mem_write(chip.FLASH, b"\xff" * chip.FLASH_BYTES)
        self.uc.mem_map(0x20000000, chip.RAM_BYTES)
        for base in REGIONS:
            self.uc.mmio_map(base, REGION_BYTES, self.on_read, base, self.on_write, base)
        self.uc.hook_add(UC_HOOK_MEM_WRITE_PROT, self.on_flash_write)
        self.uc.hook_add(UC_HOOK_MEM_INVALID & ~UC_HOOK_MEM_WRITE_PROT, self.on_invalid)
        self.uc.hook_add(UC_HOOK_INTR, self.on_exception)
        self.reset()

    def load(self, address, data):
        self.uc.mem_write(address, bytes(data))

    def load_program(self, address, data):
        """Unicorn does not wake from an instruction that sleeps: it is stopped before each."""
        self.load(address, data)
        for at in range(0, len(data) - 1, 2):
            if int.from_bytes(data[at : at + 2], "little") == WFI:
                self.uc.hook_add(UC_HOOK_CODE, self.on_sleep, None, address + at, address + at)

    def word(self, address):
        return int.from_bytes(self.uc.mem_read(address, 4), "little")

    def reset(self):
        """As after power-on, but for what RAM and flash hold."""
        self.fault = None
        self.is_reset_asked = self.is_asleep = self.is_tick_pending = self.is_overdue = False
        self.is_in_handler = self.is_leaving = False
        self.systick, self.nvic, self.scb = SysTick(self), Nvic(self), SystemControl(self)
        # By address and length.
        self.peripherals = self.chip.peripherals(self)
        self.uc.reg_write(arm.UC_ARM_REG_PRIMASK, 0)

    def start(self):
        self.uc.reg_write(arm.UC_ARM_REG_SP, self.word(self.chip.FLASH))
        self.pc = self.word(self.chip.FLASH + 4)

    def ask_for_reset(self):
        self.is_reset_asked = True
        self.uc.emu_stop()

    # What the program touches.

    def peripheral(self, address):
        if address >= SYSTEM:
            offset = address - 0xE000E000
            parts = (self.systick, self.nvic, self.scb)
            return next((part for part in parts if offset in part.REGISTERS), self.scb), offset
        for (base, length), part in self.peripherals.items():
            if base <= address < base + length:
                return part, address - base
        raise Fault(f"it touches {address:#x}, where nothing is modelled")

    def guarded(self, act):
        """An exception must not go through Unicorn's frames."""
        if self.fault is None:
            try:
                return act()
            except Fault as fault:
                self.fault = fault
                self.uc.emu_stop()
        return 0

    def on_read(self, _uc, offset, size, base):
        def act():
            part, at = self.peripheral(base + offset)
            return part.read(at, size)

        return self.guarded(act)

    def on_write(self, _uc, offset, size, value, base):
        def act():
            part, at = self.peripheral(base + offset)
            part.write(at, size, value)

        self.guarded(act)

    def on_flash_write(self, _uc, _access, address, size, value, _data):
        value &= (1 << 8 * size) - 1
        self.guarded(lambda: self.chip.program(self, address, size, value))
        return True

    def on_invalid(self, _uc, _access, address, _size, _value, _data):
        # An exception's return is no address that anything is at.
        if address < 0xFFFFFFE0 and self.fault is None:
            self.fault = Fault(f"it touches {address:#x}, where nothing is")
        return False

    def on_exception(self, _uc, number, _data):
        if number == RETURN:
            self.is_leaving = True
        elif self.fault is None:
            self.fault = Fault(f"an instruction is refused (exception {number} of the emulator)")
        self.uc.emu_stop()

    def on_sleep(self, uc, _address, _size, _data):
        self.is_asleep = True
        uc.emu_stop()

    # Time.

    def run(self, cycles):
        """Runs so long; returns whether the program sleeps at the end."""
        end = self.cycles + cycles
        while self.cycles < end:
            self.pass_time()
            waiting = self.waiting()
            if waiting is not None:
                self.is_asleep = False
                if not self.is_in_handler and not self.uc.reg_read(arm.UC_ARM_REG_PRIMASK):
                    self.enter(waiting)
                    waiting = None
            if self.is_asleep:
                self.cycles = min(end, self.next_event())
                if self.cycles == end:
                    return True
                continue
            due = self.next_event() - self.cycles
            self.execute(max(1, min(SHORT_SLICE if waiting is not None else SLICE, due, end - self.cycles)))
        return False

    def next_event(self):
        times = [self.systick.due] + [part.due for part in self.peripherals.values()]
        return min((time for time in times if time is not None), default=self.cycles + (1 << 40))

    def look(self):
        """The program looks at a timer. The cycles inside a slice are not counted otherwise."""
        self.cycles += LOOK
        if self.cycles >= self.next_event():
            self.is_overdue = True
            self.uc.emu_stop()

    def pass_time(self):
        self.is_tick_pending |= self.systick.pass_time()
        for part in self.peripherals.values():
            part.pass_time()

    def waiting(self):
        """The exception that is to be taken."""
        if self.is_tick_pending:
            return SYSTICK
        enabled = self.nvic.enabled()
        asked = (number for part in self.peripherals.values() for number in part.interrupts())
        return next((FIRST_INTERRUPT + number for number in asked if enabled >> number & 1), None)

    def execute(self, cycles):
        try:
            self.uc.emu_start(self.pc | THUMB, 0xFFFFFFFE, count=cycles)
        except UcError as error:
            if self.uc.reg_read(arm.UC_ARM_REG_PC) < 0xFFFFFFE0:
                raise self.fault or Fault(str(error)) from error
        if self.fault:
            raise self.fault
        self.pc = self.uc.reg_read(arm.UC_ARM_REG_PC)
        is_leaving = self.is_leaving or self.pc >= 0xFFFFFFE0
        self.is_leaving = False
        if self.is_asleep:
            self.pc += 2
        has_ended_early = is_leaving or self.is_asleep or self.is_reset_asked or self.is_overdue
        self.is_overdue = False
        self.cycles += min(cycles, EARLY) if has_ended_early else cycles
        if self.is_reset_asked:
            self.reset()
            self.start()
        elif is_leaving:
            self.leave()

    def enter(self, number):
        """Pushes a frame on the stack, and goes to the handler."""
        uc = self.uc
        if number == SYSTICK:
            self.is_tick_pending = False
        sp = uc.reg_read(arm.UC_ARM_REG_SP)
        frame = (sp - (FLOAT_FRAME_BYTES if self.has_fpu else FRAME_BYTES)) & ~7
        words = [uc.reg_read(register) for register in SCRATCH] + [self.pc & ~1]
        # The stack's bit 2 goes to bit 9 of the flags, so that the return can tell whether it was aligned.
        words.append(uc.reg_read(arm.UC_ARM_REG_XPSR) & ~0x200 | (sp & 4) << 7)
        if self.has_fpu:
            words += [uc.reg_read(register) for register in FLOATS] + [uc.reg_read(arm.UC_ARM_REG_FPSCR), 0]
        uc.mem_write(frame, b"".join((word & 0xFFFFFFFF).to_bytes(4, "little") for word in words))
        uc.reg_write(arm.UC_ARM_REG_SP, frame)
        uc.reg_write(arm.UC_ARM_REG_LR, EXC_RETURN_FLOAT if self.has_fpu else EXC_RETURN)
        self.pc = self.word((self.scb["VTOR"] or self.chip.FLASH) + 4 * number)
        self.is_in_handler = True

    def leave(self):
        """Pops the frame that the handler's return points at."""
        uc = self.uc
        require(self.is_in_handler, "it returns from an exception where there is none")
        frame = uc.reg_read(arm.UC_ARM_REG_SP)
        count = (FLOAT_FRAME_BYTES if self.has_fpu else FRAME_BYTES) // 4
        words = [self.word(frame + 4 * at) for at in range(count)]
        for register, word in zip(SCRATCH, words):
            uc.reg_write(register, word)
        for register, word in zip(FLOATS, words[8:]):
            uc.reg_write(register, word)
        if self.has_fpu:
            uc.reg_write(arm.UC_ARM_REG_FPSCR, words[24])
        uc.reg_write(arm.UC_ARM_REG_XPSR, words[7] & ~0x200)
        uc.reg_write(arm.UC_ARM_REG_SP, frame + 4 * count + (words[7] >> 7 & 4))
        self.pc = words[6]
        self.is_in_handler = False
