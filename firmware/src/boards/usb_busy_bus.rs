//! Lets an RP2040 of the first revisions onto a busy bus. RP2040 Datasheet, erratum RP2040-E5, and "USB".
//!
//! After a reset of the bus, their controller takes itself for connected once the line has been idle (state J) for 800 us, which it never
//! is on a hub that passes on what others are told; until then it is deaf. The line is idle to the controller if it hears a pin in place
//! of the transceiver, and the pin is said to be high: it is GP15 that can stand in for the line D+. What is wired to the pin is let go of
//! for that millisecond, if the program drives it.

use core::sync::atomic::{AtomicU8, Ordering};

use cortex_m::peripheral::NVIC;
use pac::io::vals::{Inover, Oeover};
use rp_pac as pac;

/// The revision of the chips that need this, B0 and B1: `CHIP_ID` in `SYSINFO`.
const FIRST_REVISIONS: u8 = 1;
const PIN: usize = 15;
/// The function of the pin that is D+.
const LINE_FUNCTION: u8 = 8;
/// Both lines low: the bus is being reset.
const RESET_STATE: u8 = 0;
/// Microseconds between two looks; the line is idle for at least one of these times.
const PAUSE_US: u32 = 1_000;
const ALARM: usize = 0;
const ALARM_IRQ: pac::Interrupt = pac::Interrupt::TIMER_IRQ_0;
/// How often the controller is looked at before it has its transceiver back, connected or not.
const LOOKS: u8 = 5;

/// The steps on the way onto the bus: how many looks are left where the line is idle, or one of these.
static STEP: AtomicU8 = AtomicU8::new(DONE);
const DONE: u8 = 0;
const IS_RESET: u8 = LOOKS + 1;

/// The pin's function, and its pulls as bits, before.
static FUNCTION: AtomicU8 = AtomicU8::new(0);
static PULLS: AtomicU8 = AtomicU8::new(0);

/// Follows a reset of the bus, which has just begun or is over.
///
/// Called, like [`on_alarm`], where no other of this chip's handlers comes between.
pub(super) fn on_reset() {
    if pac::SYSINFO.chip_id().read().revision() != FIRST_REVISIONS {
        return;
    }
    if (1..=LOOKS).contains(&STEP.load(Ordering::Relaxed)) {
        give_back();
    }
    pac::TIMER.inte().modify(|w| w.set_alarm(ALARM, true));
    // SAFETY: it breaks no critical section that masks by priority, as there is none, and its handler is in the board's table.
    unsafe { NVIC::unmask(ALARM_IRQ) };
    pause(IS_RESET);
}

/// Takes the next step.
pub(super) fn on_alarm() {
    pac::TIMER.intr().write(|w| w.set_alarm(ALARM, true));
    let line = pac::USB.sie_status().read();
    match STEP.load(Ordering::Relaxed) {
        DONE => {}
        IS_RESET if line.line_state() == RESET_STATE => pause(IS_RESET),
        IS_RESET => {
            make_idle();
            pause(LOOKS);
        }
        looks if line.connected() || looks == 1 => {
            give_back();
            STEP.store(DONE, Ordering::Relaxed);
        }
        looks => pause(looks - 1),
    }
}

fn pause(step: u8) {
    STEP.store(step, Ordering::Relaxed);
    // The alarm is armed by this.
    pac::TIMER.alarm(ALARM).write_value(pac::TIMER.timerawl().read().wrapping_add(PAUSE_US));
}

/// The controller hears the pin, which is no output and high to it; D- is low to it, as no pin stands in for that line.
fn make_idle() {
    let (control, pad) = (pac::IO_BANK0.gpio(PIN).ctrl(), pac::PADS_BANK0.gpio(PIN));
    FUNCTION.store(control.read().funcsel(), Ordering::Relaxed);
    PULLS.store(pulls(pad.read().pue(), pad.read().pde()), Ordering::Relaxed);
    // Both pulls together keep the pin at the level that it has.
    pad.modify(|w| {
        w.set_pue(true);
        w.set_pde(true);
    });
    control.modify(|w| w.set_oeover(Oeover::DISABLE));
    control.modify(|w| {
        w.set_funcsel(LINE_FUNCTION);
        w.set_inover(Inover::HIGH);
    });
    // To the host, the device stays: the transceiver's pull-up, which the controller leaves, is held.
    pac::USB.usbphy_direct().modify(|w| w.set_dp_pullup_en(true));
    pac::USB.usbphy_direct_override().modify(|w| w.set_dp_pullup_en_override_en(true));
    pac::USB.usb_muxing().write(|w| {
        w.set_to_digital_pad(true);
        w.set_softcon(true);
    });
}

/// The controller hears the transceiver again; the pin is what it was, unless the program has made something else of it meanwhile.
fn give_back() {
    pac::USB.usb_muxing().write(|w| {
        w.set_to_phy(true);
        w.set_softcon(true);
    });
    pac::USB.usbphy_direct_override().modify(|w| w.set_dp_pullup_en_override_en(false));
    pac::IO_BANK0.gpio(PIN).ctrl().modify(|w| {
        if w.funcsel() == LINE_FUNCTION {
            w.set_funcsel(FUNCTION.load(Ordering::Relaxed));
        }
        w.set_inover(Inover::NORMAL);
        w.set_oeover(Oeover::NORMAL);
    });
    let before = PULLS.load(Ordering::Relaxed);
    pac::PADS_BANK0.gpio(PIN).modify(|w| {
        w.set_pue(before & pulls(true, false) != 0);
        w.set_pde(before & pulls(false, true) != 0);
    });
}

const fn pulls(up: bool, down: bool) -> u8 {
    up as u8 | (down as u8) << 1
}
