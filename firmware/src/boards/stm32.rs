//! The part that boards with ST's STM32 have in common: USART, SysTick as the clock, watchdog, and a seed from noise.
//!
//! Registers: ST's reference manuals RM0008 (F1), RM0090 and RM0383 (F4), RM0444 (G0), "USART" and "IWDG"; ARMv6-M and ARMv7-M
//! Architecture Reference Manuals, "SysTick".

use core::convert::Infallible;
use core::marker::PhantomData;
use core::sync::atomic::{AtomicU8, AtomicU32, Ordering};

use crate::{Board, Clock, MemoryUse, Received, Serial};
use cortex_m::peripheral::{NVIC, SYST};
use cortex_m_rt::exception;
use embedded_io::{ErrorType, Write};
use pac::iwdg::vals::{Key, Pr};
use pac::usart::Usart;
use stm32_metapac as pac;

use super::{ThisMachine, stack};

/// The bytes received over the USART: room for a few lines typed ahead.
static RECEIVED: Received<[AtomicU8; 256]> = Received::new();
/// Milliseconds since the start.
static TICKS: AtomicU32 = AtomicU32::new(0);

/// The differences between boards with an STM32.
pub trait Machine {
    /// As in [`Board::NAME`].
    const NAME: &'static str;
    /// The USART for the prompt.
    const USART: Usart;
    /// Its interrupt.
    const RECEIVED: pac::Interrupt;

    /// Starts the clocks as fast as the chip may run, gives the USART its pins, and starts the converter that `noise` reads.
    fn start() -> Clocks;

    /// A measurement of the internal voltage reference, too short to be exact: its lowest bits are noise. `None` where the converter
    /// does not answer.
    fn noise() -> Option<u16>;

    /// A number from the chip's true random source, where it has one.
    fn random() -> Option<u32> {
        None
    }
}

/// The clocks' rates.
pub struct Clocks {
    /// Of the processor, and of SysTick.
    pub core_hz: u32,
    /// Of the USART.
    pub usart_hz: u32,
}

const BAUD: u32 = 115_200;
const TICKS_PER_SECOND: u32 = 1_000;
/// The watchdog counts this down in steps of 256 periods of an oscillator of 32 or 40 kHz: 26 to 33 s. A self-test, during which it
/// isn't fed, takes seconds.
const WATCHDOG_STEPS: u16 = 0xfff;
/// Written to the key register, feeds the watchdog.
const WATCHDOG_FOOD: Key = Key::from_bits(0xaaaa);
/// Measurements that the seed is made of.
const SEED_SAMPLES: u32 = 64;

/// A board, started.
pub struct Stm32<M>(PhantomData<M>);

/// A USART.
pub struct Port(Usart);

impl<M: Machine> Stm32<M> {
    /// Starts the clocks, the USART and the watchdog.
    pub fn start() -> (Self, Port) {
        let clocks = M::start();
        start_ticks(clocks.core_hz);
        start_watchdog();
        M::USART.brr().write(|w| w.set_brr((clocks.usart_hz.saturating_add(BAUD / 2) / BAUD) as u16));
        enable(M::USART, true);
        // SAFETY: it breaks no critical section that masks by priority, as there is none, and its handler is below.
        unsafe { NVIC::unmask(M::RECEIVED) };
        (Stm32(PhantomData), Port(M::USART))
    }

    /// The USART, whatever state the program is in. Its rate stays as it was set.
    pub(crate) fn last_port() -> Port {
        enable(M::USART, false);
        Port(M::USART)
    }
}

/// 8 bits, no parity, no flow control. Lets the USART transmit, and receive with an interrupt.
fn enable(usart: Usart, receive: bool) {
    usart.cr1().write(|w| {
        w.set_ue(true);
        w.set_te(true);
        w.set_re(receive);
        w.set_rxneie(receive);
    });
}

fn start_ticks(core_hz: u32) {
    // SAFETY: SysTick is nobody else's, and its three registers can't make the chip touch memory.
    let timer = unsafe { &*SYST::PTR };
    // SAFETY: as above; the handler is below.
    unsafe {
        timer.rvr.write((core_hz / TICKS_PER_SECOND).saturating_sub(1));
        timer.cvr.write(0);
        // The processor's clock, an interrupt, on.
        timer.csr.write(0b111);
    }
}

#[exception]
fn SysTick() {
    // Nothing else writes, so that this needs no swap, which a Cortex-M0+ has not.
    TICKS.store(TICKS.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
}

/// The watchdog, once started, runs until a reset.
fn start_watchdog() {
    let watchdog = pac::IWDG;
    watchdog.kr().write(|w| w.set_key(Key::START));
    watchdog.kr().write(|w| w.set_key(Key::ENABLE));
    watchdog.pr().write(|w| w.set_pr(Pr::DIVIDE_BY256));
    watchdog.rlr().write(|w| w.set_rl(WATCHDOG_STEPS));
    feed_watchdog();
}

fn feed_watchdog() {
    pac::IWDG.kr().write(|w| w.set_key(WATCHDOG_FOOD));
}

/// The byte that has come, and whether others were lost before it.
#[cfg(not(feature = "nucleo-g071rb"))]
fn take(usart: Usart) -> (Option<u8>, bool) {
    let status = usart.sr().read();
    // Reading the status and then the data clears both flags.
    let byte = usart.dr().read().dr() as u8;
    (status.rxne().then_some(byte), status.ore())
}

#[cfg(not(feature = "nucleo-g071rb"))]
fn send(usart: Usart, byte: u8) {
    while !usart.sr().read().txe() {}
    usart.dr().write(|w| w.set_dr(byte.into()));
}

/// The byte that has come, and whether others were lost before it.
#[cfg(feature = "nucleo-g071rb")]
fn take(usart: Usart) -> (Option<u8>, bool) {
    let status = usart.isr().read();
    usart.icr().write(|w| w.set_ore(true));
    let byte = usart.rdr().read().dr() as u8;
    (status.rxne().then_some(byte), status.ore())
}

#[cfg(feature = "nucleo-g071rb")]
fn send(usart: Usart, byte: u8) {
    while !usart.isr().read().txe() {}
    usart.tdr().write(|w| w.set_dr(byte.into()));
}

fn receive() {
    let (byte, has_lost) = take(ThisMachine::USART);
    byte.into_iter().for_each(|byte| RECEIVED.put(byte));
    if has_lost {
        RECEIVED.lose();
    }
}

/// The handlers of the interrupts, up to the one that is unmasked.
// SAFETY: the linker script of cortex-m-rt puts the section behind the exceptions' handlers, where the chip looks.
#[unsafe(no_mangle)]
#[unsafe(link_section = ".vector_table.interrupts")]
static __INTERRUPTS: [unsafe extern "C" fn(); ThisMachine::RECEIVED as usize + 1] =
    [on_received; ThisMachine::RECEIVED as usize + 1];

/// # Safety
///
/// Called by the chip only. It uses the USART's receiver and the ring, which nothing else writes to.
unsafe extern "C" fn on_received() {
    receive();
}

impl<M: Machine> Board for Stm32<M> {
    const NAME: &'static str = M::NAME;
    const CLOCK: Clock = Clock::Time { hz: TICKS_PER_SECOND };
    const ECHO: bool = true;

    fn ticks(&self) -> u32 {
        TICKS.load(Ordering::Relaxed)
    }

    /// The chip's random numbers where it has a source of them; and on every chip noise, in measurements and in the time that they
    /// take: FNV-1a (draft-eastlake-fnv) of those. Good enough for stories, not for keys.
    fn seed(&self) -> u64 {
        let noise = (0..SEED_SAMPLES).map_while(|_| M::noise()).fold(FNV_OFFSET, |hash, sample| {
            let hash = (hash ^ u64::from(sample)).wrapping_mul(FNV_PRIME);
            (hash ^ u64::from(SYST::get_current())).wrapping_mul(FNV_PRIME)
        });
        let random = || u64::from(M::random().unwrap_or_default());
        noise ^ random() ^ random() << 32
    }

    fn memory_use(&self) -> MemoryUse {
        stack::memory_use()
    }

    fn feed_watchdog(&self) {
        feed_watchdog();
    }

    fn can_exit(&self) -> bool {
        false
    }
}

const FNV_OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const FNV_PRIME: u64 = 0x100_0000_01b3;

impl ErrorType for Port {
    type Error = Infallible;
}

impl Serial for Port {
    fn received(&mut self) -> &Received {
        &RECEIVED
    }

    /// SysTick ends the sleep after a millisecond, so that the watchdog is fed.
    fn wait(&mut self) -> Result<(), Infallible> {
        feed_watchdog();
        super::sleep(&RECEIVED);
        Ok(())
    }
}

impl Write for Port {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, Infallible> {
        bytes.iter().for_each(|&byte| send(self.0, byte));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}
