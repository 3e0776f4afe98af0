//! An RV32IMC processor: The RISC-V Instruction Set Manual, volume I, "RV32I", "M" and "C"; of volume II what an ESP32-C3 has of it, and
//! its vectored interrupts (ESP32-C3 Technical Reference Manual, "ESP-RISC-V CPU").

use anyhow::{Result, bail};

/// The rest of the chip, as the processor sees it. A refusal ends the emulation: no program should do what is refused.
pub(super) trait Bus {
    /// The instruction's half at an even address.
    fn fetch(&self, address: u32) -> Result<u16>;
    /// This many bytes, the rest zero.
    fn load(&mut self, address: u32, bytes: u32) -> Result<u32>;
    /// Stores this many of the value's lowest bytes.
    fn store(&mut self, address: u32, bytes: u32, value: u32) -> Result<()>;
    /// The number of the interrupt that is pending, and on.
    fn interrupt(&self) -> Option<u32>;
}

/// The processor's registers.
pub(super) struct Processor {
    pub(super) x: [u32; 32],
    pub(super) pc: u32,
    /// Whether interrupts come, and whether they did before the last trap.
    pub(super) is_open: bool,
    was_open: bool,
    traps: u32,
    /// Where the last trap broke in, and its cause.
    broken_at: u32,
    cause: u32,
    /// Instructions of 32 bits that the compressed ones stand for; 0 for those that stand for none.
    whole: Box<[u32]>,
}

/// The consequence of an instruction.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    Done,
    /// The processor waits for an interrupt.
    Waits,
}

const MACHINE_INTERRUPTS: u32 = 1 << 3;
const MACHINE_INTERRUPTS_BEFORE: u32 = 1 << 7;
const INTERRUPT: u32 = 1 << 31;

impl Processor {
    /// About to begin at `pc`, with interrupts off and registers that hold nothing of use.
    pub(super) fn new(pc: u32, stack: u32) -> Processor {
        let mut x = [0x5a5a_5a5a; 32];
        (x[0], x[2]) = (0, stack);
        Processor {
            x,
            pc,
            is_open: false,
            was_open: false,
            traps: 0,
            broken_at: 0,
            cause: 0,
            whole: (0..=u16::MAX).map(|half| expand(half.into()).unwrap_or(0)).collect(),
        }
    }

    /// Obeys the next instruction, or enters an interrupt's handler.
    pub(super) fn step(&mut self, bus: &mut impl Bus) -> Result<Step> {
        if self.is_open
            && let Some(number) = bus.interrupt()
        {
            (self.broken_at, self.cause) = (self.pc, INTERRUPT | number);
            (self.was_open, self.is_open) = (true, false);
            self.pc = (self.traps & !0xff) + 4 * number;
        }
        let pc = self.pc;
        let low = bus.fetch(pc)?;
        let (instruction, bytes) = match low & 3 {
            3 => (u32::from(low) | u32::from(bus.fetch(pc.wrapping_add(2))?) << 16, 4),
            _ => (self.whole[usize::from(low)], 2),
        };
        self.pc = pc.wrapping_add(bytes);
        self.obey(instruction, pc, bus)
    }

    fn obey(&mut self, word: u32, pc: u32, bus: &mut impl Bus) -> Result<Step> {
        let next = self.pc;
        let (a, b) = (self.x[(word >> 15 & 31) as usize], self.x[(word >> 20 & 31) as usize]);
        let kind = word >> 12 & 7;
        let immediate = word as i32 >> 20;
        let result = match word & 0x7f {
            0x37 => word & 0xffff_f000,
            0x17 => pc.wrapping_add(word & 0xffff_f000),
            0x6f => {
                self.pc = pc.wrapping_add_signed(jump_offset(word));
                next
            }
            0x67 => {
                self.pc = a.wrapping_add_signed(immediate) & !1;
                next
            }
            0x63 if kind >> 1 != 1 => {
                if branches(kind, a, b) {
                    self.pc = pc.wrapping_add_signed(branch_offset(word));
                }
                return Ok(Step::Done);
            }
            0x03 if !matches!(kind, 3 | 6 | 7) => load(bus, kind, a.wrapping_add_signed(immediate))?,
            0x23 if kind < 3 => {
                let offset = (word as i32 >> 25 << 5) | (word >> 7 & 31) as i32;
                bus.store(a.wrapping_add_signed(offset), 1 << kind, b)?;
                return Ok(Step::Done);
            }
            // Of the immediate ones, shifts alone have a second form.
            0x13 => compute(kind, kind == 5 && word >> 30 & 1 == 1, a, immediate as u32),
            0x33 if word >> 25 == 1 => multiply(kind, a, b),
            0x33 if word >> 25 & 0x5f == 0 => compute(kind, word >> 30 & 1 == 1, a, b),
            0x0f => return Ok(Step::Done),
            0x73 => return self.system(word, a),
            _ => bail!("at {pc:#x} is no instruction: {word:#x}"),
        };
        let to = (word >> 7 & 31) as usize;
        if to != 0 {
            self.x[to] = result;
        }
        Ok(Step::Done)
    }

    fn system(&mut self, word: u32, a: u32) -> Result<Step> {
        let kind = word >> 12 & 7;
        match (kind, word >> 20) {
            (0, 0x105) => return Ok(Step::Waits),
            (0, 0x302) => {
                self.pc = self.broken_at;
                (self.is_open, self.was_open) = (self.was_open, true);
                return Ok(Step::Done);
            }
            (0 | 4, _) => bail!("the program stops at {:#x}", self.pc.wrapping_sub(4)),
            _ => {}
        }
        let source = if kind & 4 != 0 { word >> 15 & 31 } else { a };
        let number = word >> 20;
        let held = self.control(number)?;
        let to = (word >> 7 & 31) as usize;
        if to != 0 {
            self.x[to] = held;
        }
        match kind & 3 {
            1 => self.set_control(number, source),
            2 => self.set_control(number, held | source),
            _ => self.set_control(number, held & !source),
        }
        Ok(Step::Done)
    }

    fn control(&self, number: u32) -> Result<u32> {
        Ok(match number {
            0x300 => {
                let bit = |is_set, bit| if is_set { bit } else { 0 };
                bit(self.is_open, MACHINE_INTERRUPTS) | bit(self.was_open, MACHINE_INTERRUPTS_BEFORE)
            }
            0x305 => self.traps,
            0x341 => self.broken_at,
            0x342 => self.cause,
            0xf14 => 0,
            _ => bail!("the chip has no control register {number:#x}, which is used at {:#x}", self.pc),
        })
    }

    fn set_control(&mut self, number: u32, value: u32) {
        match number {
            0x300 => {
                self.is_open = value & MACHINE_INTERRUPTS != 0;
                self.was_open = value & MACHINE_INTERRUPTS_BEFORE != 0;
            }
            // The chip's only way is a table of 256 bytes' alignment.
            0x305 => self.traps = value & !0xff | 1,
            0x341 => self.broken_at = value,
            0x342 => self.cause = value,
            _ => {}
        }
    }
}

fn jump_offset(word: u32) -> i32 {
    (word as i32 >> 31 << 20) | (word & 0xf_f000 | word >> 9 & 0x800 | word >> 20 & 0x7fe) as i32
}

fn branch_offset(word: u32) -> i32 {
    (word as i32 >> 31 << 12) | (word << 4 & 0x800 | word >> 20 & 0x7e0 | word >> 7 & 0x1e) as i32
}

fn branches(kind: u32, a: u32, b: u32) -> bool {
    let holds = match kind >> 1 {
        0 => a == b,
        2 => (a as i32) < b as i32,
        _ => a < b,
    };
    holds != (kind & 1 == 1)
}

fn load(bus: &mut impl Bus, kind: u32, address: u32) -> Result<u32> {
    let value = bus.load(address, 1 << (kind & 3))?;
    Ok(match kind {
        0 => value as i8 as u32,
        1 => value as i16 as u32,
        _ => value,
    })
}

fn compute(kind: u32, is_second: bool, a: u32, b: u32) -> u32 {
    match (kind, is_second) {
        (0, false) => a.wrapping_add(b),
        (0, true) => a.wrapping_sub(b),
        (1, _) => a << (b & 31),
        (2, _) => u32::from((a as i32) < b as i32),
        (3, _) => u32::from(a < b),
        (4, _) => a ^ b,
        (5, false) => a >> (b & 31),
        (5, true) => (a as i32 >> (b & 31)) as u32,
        (6, _) => a | b,
        _ => a & b,
    }
}

fn multiply(kind: u32, a: u32, b: u32) -> u32 {
    let (signed_a, signed_b) = (i64::from(a as i32), i64::from(b as i32));
    match kind {
        0 => a.wrapping_mul(b),
        1 => ((signed_a * signed_b) >> 32) as u32,
        2 => ((signed_a * i64::from(b)) >> 32) as u32,
        3 => ((u64::from(a) * u64::from(b)) >> 32) as u32,
        4 if b == 0 => u32::MAX,
        4 => (a as i32).wrapping_div(b as i32) as u32,
        5 => a.checked_div(b).unwrap_or(u32::MAX),
        6 if b == 0 => a,
        6 => (a as i32).wrapping_rem(b as i32) as u32,
        _ => a.checked_rem(b).unwrap_or(a),
    }
}

/// The instruction that a compressed one stands for.
fn expand(half: u32) -> Option<u32> {
    let bits = |from: u32, mask: u32| half >> from & mask;
    // Of all registers, and of the eight from x8 on.
    let (register, second) = (bits(7, 31), bits(2, 31));
    let (few, few_second) = (8 + bits(7, 7), 8 + bits(2, 7));
    let small = signed(bits(7, 0x20) | second, 6);
    let word_offset = bits(7, 0x38) | bits(4, 4) | (half << 1 & 0x40);
    let jump = bits(1, 0xb40)
        | bits(7, 0x10)
        | (half << 2 & 0x400)
        | (half << 1 & 0x80)
        | bits(2, 0xe)
        | (half << 3 & 0x20);
    let branch = bits(4, 0x100) | bits(7, 0x18) | (half << 1 & 0xc0) | bits(2, 6) | (half << 3 & 0x20);
    Some(match (half & 3, half >> 13) {
        (0, 0) => {
            let offset = bits(7, 0x30) | bits(1, 0x3c0) | bits(4, 4) | bits(2, 8);
            immediate(0x13, few_second, 0, 2, (offset != 0).then_some(offset)?)
        }
        (0, 2) => immediate(0x03, few_second, 2, few, word_offset),
        (0, 6) => store_word(few, few_second, word_offset),
        (1, 0) => immediate(0x13, register, 0, register, small),
        (1, 1) => jump_and_link(1, signed(jump, 12)),
        (1, 2) => immediate(0x13, register, 0, 0, small),
        (1, 3) if register == 2 => {
            let offset = bits(3, 0x200)
                | bits(2, 0x10)
                | (half << 1 & 0x40)
                | (half << 4 & 0x180)
                | (half << 3 & 0x20);
            immediate(0x13, 2, 0, 2, signed(offset, 10))
        }
        (1, 3) => small << 12 | register << 7 | 0x37,
        (1, 4) => match bits(10, 3) {
            0 => immediate(0x13, few, 5, few, second),
            1 => immediate(0x13, few, 5, few, second | 0x400),
            2 => immediate(0x13, few, 7, few, small),
            _ => match bits(5, 3) {
                0 => between(few, 0, few, few_second) | 1 << 30,
                1 => between(few, 4, few, few_second),
                2 => between(few, 6, few, few_second),
                _ => between(few, 7, few, few_second),
            },
        },
        (1, 5) => jump_and_link(0, signed(jump, 12)),
        (1, kind) => branch_if(kind & 1, few, signed(branch, 9)),
        (2, 0) => immediate(0x13, register, 1, register, second),
        (2, 2) => immediate(0x03, register, 2, 2, bits(7, 0x20) | bits(2, 0x1c) | (half << 4 & 0xc0)),
        (2, 4) => match (bits(12, 1), register, second) {
            (_, 0, 0) => 0x0010_0073,
            (link, _, 0) => immediate(0x67, link, 0, register, 0),
            (0, ..) => between(register, 0, 0, second),
            _ => between(register, 0, register, second),
        },
        (2, 6) => store_word(2, second, bits(7, 0x3c) | bits(1, 0xc0)),
        _ => return None,
    })
}

/// A number of so many bits, as one of 32.
fn signed(number: u32, bits: u32) -> u32 {
    ((number << (32 - bits)) as i32 >> (32 - bits)) as u32
}

fn immediate(opcode: u32, to: u32, kind: u32, from: u32, number: u32) -> u32 {
    number << 20 | from << 15 | kind << 12 | to << 7 | opcode
}

fn between(to: u32, kind: u32, a: u32, b: u32) -> u32 {
    b << 20 | a << 15 | kind << 12 | to << 7 | 0x33
}

fn store_word(base: u32, from: u32, offset: u32) -> u32 {
    (offset >> 5 & 0x7f) << 25 | from << 20 | base << 15 | 2 << 12 | (offset & 31) << 7 | 0x23
}

fn jump_and_link(link: u32, offset: u32) -> u32 {
    let places =
        (offset & 0x10_0000) << 11 | (offset & 0x7fe) << 20 | (offset & 0x800) << 9 | offset & 0xf_f000;
    places | link << 7 | 0x6f
}

fn branch_if(kind: u32, a: u32, offset: u32) -> u32 {
    let places =
        (offset & 0x1000) << 19 | (offset & 0x7e0) << 20 | (offset & 0x1e) << 7 | (offset & 0x800) >> 4;
    places | a << 15 | kind << 12 | 0x63
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As `llvm-mc -triple=riscv32 -show-encoding` assembles both forms, with `-mattr=+c` and without.
    #[test]
    fn compressed_instructions_stand_for_whole_ones() {
        for (half, whole) in [
            (0x7179, 0xfd01_0113), // addi sp, sp, -48
            (0x1808, 0x0301_0513), // addi a0, sp, 48
            (0xd606, 0x0211_2623), // sw ra, 44(sp)
            (0x50b2, 0x02c1_2083), // lw ra, 44(sp)
            (0x4188, 0x0005_a503), // lw a0, 0(a1)
            (0xdde8, 0x06a5_ae23), // sw a0, 124(a1)
            (0x1571, 0xffc5_0513), // addi a0, a0, -4
            (0x557d, 0xfff0_0513), // li a0, -1
            (0x757d, 0xffff_f537), // lui a0, 0xfffff
            (0x8105, 0x0015_5513), // srli a0, a0, 1
            (0x857d, 0x41f5_5513), // srai a0, a0, 31
            (0x893d, 0x00f5_7513), // andi a0, a0, 15
            (0x8d0d, 0x40b5_0533), // sub a0, a0, a1
            (0x0506, 0x0015_1513), // slli a0, a0, 1
            (0x852e, 0x00b0_0533), // mv a0, a1
            (0x952e, 0x00b5_0533), // add a0, a0, a1
            (0x8082, 0x0000_8067), // ret
            (0x9282, 0x0002_80e7), // jalr t0
            (0x9002, 0x0010_0073), // ebreak
            (0xbffd, 0xffff_f06f), // j .-2
            (0x3ffd, 0xffff_f0ef), // jal .-2
            (0xdd65, 0xfe05_0ce3), // beqz a0, .-8
            (0xe111, 0x0005_1263), // bnez a0, .+4
        ] {
            assert_eq!(expand(half), Some(whole), "{half:#x}: {:#x?}", expand(half));
        }
        assert_eq!(expand(0), None);
        assert_eq!(expand(0x2000), None, "floating point");
    }

    #[test]
    fn division_by_zero_and_of_the_lowest_number_has_the_manuals_results() {
        let lowest = 1 << 31;
        assert_eq!([4, 5, 6, 7].map(|kind| multiply(kind, 7, 0)), [u32::MAX, u32::MAX, 7, 7]);
        assert_eq!([4, 6].map(|kind| multiply(kind, lowest, u32::MAX)), [lowest, 0]);
        assert_eq!([1, 2, 3].map(|kind| multiply(kind, u32::MAX, u32::MAX)), [0, u32::MAX, u32::MAX - 1]);
    }
}
