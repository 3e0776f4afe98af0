//! The parts of an ESP32-C3 that the firmware uses. Addresses and registers: ESP32-C3 Technical Reference Manual, "System and Memory",
//! "USB Serial/JTAG Controller", "System Timer", "Watchdog Timers", "Interrupt Matrix", "Random Number Generator"; the table of pages:
//! ESP-IDF, `hal/esp32c3/include/hal/mmu_ll.h`.

use std::collections::{HashMap, VecDeque};
use std::ops::Range;

use anyhow::{Context, Result, bail, ensure};

use super::processor::Bus;

pub(super) const FLASH_BYTES: usize = 4 << 20;
const PAGE_BYTES: usize = 64 << 10;
const PAGES: usize = 128;
/// Flash as data and as instructions: both by the same pages.
const DATA: u32 = 0x3c00_0000;
const INSTRUCTIONS: u32 = 0x4200_0000;
/// RAM as data and as instructions.
const RAM: u32 = 0x3fc8_0000;
const RAM_INSTRUCTIONS: u32 = 0x4038_0000;
const RAM_BYTES: usize = 384 << 10;
const PERIPHERALS: Range<u32> = 0x6000_0000..0x600d_0000;

const RESTART: u32 = 0x6000_8000;
const RESTART_BIT: u32 = 1 << 31;
const WATCHDOG: u32 = 0x6001_f048;
const WATCHDOG_DIVIDER: u32 = WATCHDOG + 4;
const WATCHDOG_COUNT: u32 = WATCHDOG + 8;
const WATCHDOG_FEED: u32 = WATCHDOG + 0x18;
const WATCHDOG_RUNS: u32 = 1 << 31;
const TIMER_OPERATION: u32 = 0x6002_3004;
const TIMER_IS_VALID: u32 = 1 << 29;
const TIMER_LOW: u32 = 0x6002_3044;
const RANDOM: u32 = 0x6002_60b0;
const CONVERTER: u32 = 0x6004_0004;
const CONVERTER_RUNS: u32 = 1 << 24;
const USB_DATA: u32 = 0x6004_3000;
const USB_STATE: u32 = USB_DATA + 4;
const USB_RAW: u32 = USB_DATA + 8;
const USB_ENABLED: u32 = USB_DATA + 0x10;
const USB_CLEAR: u32 = USB_DATA + 0x14;
const PACKET_HAS_COME: u32 = 1 << 2;
const USB_INTERRUPT_NUMBER: u32 = 0x600c_2000 + 4 * 26;
const INTERRUPTS_ENABLED: u32 = 0x600c_2104;
const INTERRUPT_PRIORITY: u32 = 0x600c_2114;
const INTERRUPT_THRESHOLD: u32 = 0x600c_2194;

/// Instructions in a tick of the timer's, 16 MHz: the processor runs at 160 MHz, and takes a cycle for each here.
const INSTRUCTIONS_A_TICK: u64 = 10;
/// Cycles of the processor's in one of the clock's that the watchdog divides.
const CYCLES_A_WATCHDOG_CYCLE: u64 = 2;
const PACKET_BYTES: usize = 64;

/// The chip without its processor.
pub(super) struct Chip {
    /// Flash, and as the cache shows it: the same but where flash has changed since the cache was emptied.
    pub(super) flash: Vec<u8>,
    shown: Vec<u8>,
    changed: Vec<Range<usize>>,
    /// The page of flash that is mapped, where one is.
    pages: [Option<u8>; PAGES],
    pub(super) cache_runs: bool,
    ram: Vec<u8>,
    registers: HashMap<u32, u32>,
    /// Bytes from the PC: the packet that is being read, and what waits at the PC.
    packet: VecDeque<u8>,
    waiting: VecDeque<u8>,
    /// Bytes for the PC that have not been sent, and those that have.
    unsent: Vec<u8>,
    pub(super) sent: Vec<u8>,
    interrupt: Option<u32>,
    pub(super) instructions: u64,
    fed_at: u64,
    noise: u32,
    pub(super) must_restart: bool,
}

impl Chip {
    /// The chip with this flash, not started.
    pub(super) fn new(flash: Vec<u8>) -> Chip {
        Chip {
            shown: flash.clone(),
            flash,
            changed: Vec::new(),
            pages: [None; PAGES],
            cache_runs: true,
            ram: Vec::new(),
            registers: HashMap::new(),
            packet: VecDeque::new(),
            waiting: VecDeque::new(),
            unsent: Vec::new(),
            sent: Vec::new(),
            interrupt: None,
            instructions: 0,
            fed_at: 0,
            noise: 1,
            must_restart: false,
        }
    }

    /// As at a reset: nothing is mapped, registers are clear, RAM holds nothing of use. Flash, and what waits at the PC, stay.
    pub(super) fn reset(&mut self) {
        self.pages = [None; PAGES];
        self.cache_runs = true;
        self.ram = vec![0xa5; RAM_BYTES];
        self.registers.clear();
        self.packet.clear();
        self.unsent.clear();
        self.must_restart = false;
        self.empty_cache();
        self.update_interrupt();
    }

    /// Maps `count` pages of flash, from the byte `offset` on, at `address` of either bus.
    pub(super) fn map(&mut self, address: u32, offset: usize, count: usize) -> Result<()> {
        let first = (address & 0x7f_ffff) as usize / PAGE_BYTES;
        let pages = self.pages.get_mut(first..first + count).context("there are no such pages")?;
        for (i, page) in pages.iter_mut().enumerate() {
            if page.is_some() {
                bail!("the page at {:#x} is mapped a second time", address as usize + i * PAGE_BYTES);
            }
            *page = Some(u8::try_from(offset / PAGE_BYTES + i)?);
        }
        Ok(())
    }

    /// Changes flash, which the cache does not notice.
    pub(super) fn change(
        &mut self,
        offset: usize,
        bytes: usize,
        change: impl Fn(usize, u8) -> u8,
    ) -> Result<()> {
        let range = offset..offset + bytes;
        let held = self.flash.get_mut(range.clone()).context("there is no flash")?;
        held.iter_mut().enumerate().for_each(|(i, byte)| *byte = change(i, *byte));
        self.changed.push(range);
        Ok(())
    }

    pub(super) fn empty_cache(&mut self) {
        for range in self.changed.drain(..) {
            self.shown[range.clone()].copy_from_slice(&self.flash[range]);
        }
    }

    /// Bytes that the PC sends.
    pub(super) fn receive(&mut self, bytes: &[u8]) {
        self.waiting.extend(bytes);
        self.next_packet();
    }

    /// Takes a packet once the one before has been read.
    fn next_packet(&mut self) {
        if self.packet.is_empty() && !self.waiting.is_empty() {
            let bytes = self.waiting.len().min(PACKET_BYTES);
            self.packet = self.waiting.drain(..bytes).collect();
            *self.register(USB_RAW) |= PACKET_HAS_COME;
            self.update_interrupt();
        }
    }

    fn register(&mut self, address: u32) -> &mut u32 {
        self.registers.entry(address).or_insert(0)
    }

    fn held(&self, address: u32) -> u32 {
        self.registers.get(&address).copied().unwrap_or(0)
    }

    fn update_interrupt(&mut self) {
        let number = self.held(USB_INTERRUPT_NUMBER);
        let is_raised = self.held(USB_RAW) & self.held(USB_ENABLED) & PACKET_HAS_COME != 0;
        let is_on = number > 0 && self.held(INTERRUPTS_ENABLED) >> number & 1 == 1;
        let priority = self.held(INTERRUPT_PRIORITY + 4 * number);
        let is_heard = priority > 0 && priority >= self.held(INTERRUPT_THRESHOLD);
        self.interrupt = (is_raised && is_on && is_heard).then_some(number);
    }

    /// Whether an interrupt is pending that ends a wait.
    ///
    /// # Errors
    /// If none can come any more.
    pub(super) fn will_wake(&self) -> Result<bool> {
        let can_come = self.held(USB_ENABLED) & PACKET_HAS_COME != 0 && self.held(INTERRUPTS_ENABLED) != 0;
        ensure!(can_come, "the chip waits for an interrupt that is off");
        ensure!(self.held(WATCHDOG) & WATCHDOG_RUNS == 0, "the watchdog will end the chip's wait");
        Ok(self.interrupt.is_some())
    }

    /// Ends an emulation whose watchdog has not been fed.
    pub(super) fn check_watchdog(&self) -> Result<()> {
        let runs = self.held(WATCHDOG) & WATCHDOG_RUNS != 0;
        let count = u64::from(self.held(WATCHDOG_DIVIDER) >> 16) * u64::from(self.held(WATCHDOG_COUNT));
        if runs && self.instructions - self.fed_at > count * CYCLES_A_WATCHDOG_CYCLE {
            bail!("the watchdog has not been fed");
        }
        Ok(())
    }

    /// The place in memory of so many bytes, to be read.
    #[inline(always)]
    fn place(&self, address: u32, bytes: usize) -> Result<&[u8]> {
        if let Some(at) = in_ram(address, RAM) {
            return self.ram.get(at..at + bytes).context("there is no RAM");
        }
        if address >> 23 == DATA >> 23 {
            return self.mapped(address, bytes);
        }
        bail!("nothing is at {address:#x}")
    }

    #[inline(always)]
    fn mapped(&self, address: u32, bytes: usize) -> Result<&[u8]> {
        let page = self.pages[(address as usize / PAGE_BYTES) % PAGES];
        let (Some(page), true) = (page, self.cache_runs) else {
            bail!("flash can't be read at {address:#x}: no page is mapped there, or the cache stands still");
        };
        let at = usize::from(page) * PAGE_BYTES + address as usize % PAGE_BYTES;
        self.shown.get(at..at + bytes).context("there is no flash")
    }

    fn load_register(&mut self, address: u32) -> u32 {
        match address {
            TIMER_OPERATION => TIMER_IS_VALID,
            TIMER_LOW => (self.instructions / INSTRUCTIONS_A_TICK) as u32,
            RANDOM => self.random(),
            USB_DATA => {
                let byte = self.packet.pop_front().unwrap_or(0);
                self.next_packet();
                byte.into()
            }
            // The PC takes all that comes.
            USB_STATE => 0b10 | if self.packet.is_empty() { 0 } else { 0b100 },
            _ => self.held(address),
        }
    }

    /// Xorshift (Marsaglia 2003), as far as the converter gives it noise.
    fn random(&mut self) -> u32 {
        if self.held(CONVERTER) & CONVERTER_RUNS == 0 {
            return 0;
        }
        self.noise ^= self.noise << 13;
        self.noise ^= self.noise >> 17;
        self.noise ^= self.noise << 5;
        self.noise
    }

    fn store_register(&mut self, address: u32, value: u32) {
        match address {
            USB_DATA => {
                self.unsent.push(value as u8);
                if self.unsent.len() == PACKET_BYTES {
                    self.sent.append(&mut self.unsent);
                }
            }
            USB_STATE if value & 1 != 0 => self.sent.append(&mut self.unsent),
            USB_CLEAR => *self.register(USB_RAW) &= !value,
            WATCHDOG_FEED => self.fed_at = self.instructions,
            RESTART if value & RESTART_BIT != 0 => self.must_restart = true,
            WATCHDOG => {
                if self.held(WATCHDOG) & WATCHDOG_RUNS == 0 {
                    self.fed_at = self.instructions;
                }
                *self.register(WATCHDOG) = value;
            }
            _ => *self.register(address) = value,
        }
        self.update_interrupt();
    }
}

/// The offset in RAM of an address in the range that begins at `start`.
#[inline(always)]
fn in_ram(address: u32, start: u32) -> Option<usize> {
    let at = address.wrapping_sub(start) as usize;
    (at < RAM_BYTES).then_some(at)
}

impl Bus for Chip {
    #[inline(always)]
    fn fetch(&self, address: u32) -> Result<u16> {
        let half = match in_ram(address, RAM_INSTRUCTIONS) {
            Some(at) => self.ram.get(at..at + 2).context("there is no RAM")?,
            None if address >> 23 == INSTRUCTIONS >> 23 => self.mapped(address, 2)?,
            None => bail!("no instructions are at {address:#x}"),
        };
        Ok(u16::from_le_bytes(half.try_into()?))
    }

    #[inline(always)]
    fn load(&mut self, address: u32, bytes: u32) -> Result<u32> {
        if !address.is_multiple_of(bytes) {
            bail!("{bytes} bytes are read at {address:#x}");
        }
        if PERIPHERALS.contains(&address) {
            return Ok(self.load_register(address));
        }
        let place = self.place(address, bytes as usize)?;
        Ok(match *place {
            [a, b, c, d] => u32::from_le_bytes([a, b, c, d]),
            [a, b] => u16::from_le_bytes([a, b]).into(),
            _ => place[0].into(),
        })
    }

    #[inline(always)]
    fn store(&mut self, address: u32, bytes: u32, value: u32) -> Result<()> {
        if !address.is_multiple_of(bytes) {
            bail!("{bytes} bytes are written at {address:#x}");
        }
        if let Some(at) = in_ram(address, RAM) {
            let place = self.ram.get_mut(at..at + bytes as usize).context("there is no RAM")?;
            place.copy_from_slice(&value.to_le_bytes()[..bytes as usize]);
            return Ok(());
        }
        if !PERIPHERALS.contains(&address) || bytes != 4 {
            bail!("{bytes} bytes are written at {address:#x}, where nothing takes them");
        }
        self.store_register(address, value);
        Ok(())
    }

    #[inline(always)]
    fn interrupt(&self) -> Option<u32> {
        self.interrupt
    }
}
