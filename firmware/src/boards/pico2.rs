//! Raspberry Pi Pico 2: RP2350, of whose processors a Cortex-M33 at 150 MHz. RP2350 Datasheet, "Minimum viable image metadata", "Tick
//! generators", "GPIO" and "TRNG".

use rp_pac as pac;

use super::rp::{LED, Machine, PllRate, SelectedClocks, ring_oscillator_bits};
use super::wait_until;

/// By this the chip's ROM knows an image: for Arm's processors, in secure state, entered by the vector table at its beginning.
// SAFETY: the board's linker script puts the section where the ROM looks.
#[unsafe(link_section = ".start_block")]
#[used]
static IMAGE_DEFINITION: [u32; 5] = [
    BLOCK_START,
    // An item of one word: the image's type.
    EXECUTABLE_ARM_SECURE_RP2350 << 16 | 0x0142,
    // The last item: the items before it have one word.
    0x01ff,
    // The next block is this one.
    0,
    BLOCK_END,
];
const BLOCK_START: u32 = 0xffff_ded3;
const BLOCK_END: u32 = 0xab12_3579;
const EXECUTABLE_ARM_SECURE_RP2350: u32 = 0x1021;

/// Periods of the clock between two looks at the oscillators of the source of random bits, far apart so that its tests pass.
const RANDOM_SAMPLE_PERIODS: u32 = 1_000;

/// The board.
pub struct Pico2;

impl Machine for Pico2 {
    const NAME: &'static str = "pico2";
    /// 150 MHz.
    const PROCESSOR: PllRate = PllRate(125, 5, 2);
    /// The watchdog counts microseconds: 16.8 s.
    const WATCHDOG_COUNT: u32 = 0xff_ffff;
    const PSM_ALL: u32 = 0x1ff_ffff;

    fn selected_clocks() -> SelectedClocks {
        SelectedClocks {
            reference: pac::CLOCKS.clk_ref_selected().read().0,
            processor: pac::CLOCKS.clk_sys_selected().read().0,
        }
    }

    fn start_ticks(crystal_mhz: u16) {
        let ticks = pac::TICKS;
        ticks.timer0_cycles().write(|w| w.set_timer0_cycles(crystal_mhz));
        ticks.timer0_ctrl().write(|w| w.set_enable(true));
        ticks.watchdog_cycles().write(|w| w.set_watchdog_cycles(crystal_mhz));
        ticks.watchdog_ctrl().write(|w| w.set_enable(true));
        pac::RESETS.reset().modify(|w| w.set_timer0(false));
        wait_until(|| pac::RESETS.reset_done().read().timer0());
    }

    fn now_us() -> u32 {
        pac::TIMER0.timerawl().read()
    }

    /// Pads are cut off from their pins as the chip starts, and take no input. A pin that nothing drives is pulled up: pulled down, it
    /// would float (erratum RP2350-E9).
    fn connect_pads() {
        pac::PADS_BANK0.gpio(1).modify(|w| {
            w.set_pde(false);
            w.set_pue(true);
            w.set_ie(true);
        });
        pac::PADS_BANK0.gpio(0).modify(|w| w.set_iso(false));
        pac::PADS_BANK0.gpio(1).modify(|w| w.set_iso(false));
        pac::PADS_BANK0.gpio(LED).modify(|w| w.set_iso(false));
    }

    /// Bits of the chip's source of random numbers, and of the ring oscillator, should that not answer.
    fn seed() -> u64 {
        ring_oscillator_bits() ^ true_random_bits().unwrap_or_default()
    }
}

/// Bits of the true random number generator, once it has collected and tested 192 of them.
fn true_random_bits() -> Option<u64> {
    pac::RESETS.reset().modify(|w| w.set_trng(true));
    pac::RESETS.reset().modify(|w| w.set_trng(false));
    wait_until(|| pac::RESETS.reset_done().read().trng());
    let source = pac::TRNG;
    source.sample_cnt1().write_value(RANDOM_SAMPLE_PERIODS);
    source.rnd_source_enable().write(|w| w.set_rnd_src_en(true));
    let is_valid = wait_until(|| source.trng_valid().read().ehr_valid());
    let bits = u64::from(source.ehr_data1().read()) << 32 | u64::from(source.ehr_data0().read());
    source.rnd_source_enable().write(|w| w.set_rnd_src_en(false));
    is_valid.then_some(bits)
}
