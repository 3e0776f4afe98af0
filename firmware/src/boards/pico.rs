//! Raspberry Pi Pico: RP2040, a Cortex-M0+ at 125 MHz. RP2040 Datasheet, "Timer" and "Watchdog".

use rp_pac as pac;

use super::rp::{Machine, PllRate, SelectedClocks, ring_oscillator_bits};
use super::wait_until;

/// The chip reads it into RAM and runs it: for flash as the Pico has it, Winbond's W25Q16JV.
// SAFETY: the board's linker script puts the section where the chip's ROM looks.
#[unsafe(link_section = ".boot2")]
#[used]
static BOOT2: [u8; 256] = rp2040_boot2::BOOT_LOADER_W25Q080;

/// The board.
pub struct Pico;

impl Machine for Pico {
    const NAME: &'static str = "pico";
    /// 125 MHz.
    const PROCESSOR: PllRate = PllRate(125, 6, 2);
    /// The watchdog counts two down in a microsecond (erratum RP2040-E1): 8.4 s.
    const WATCHDOG_COUNT: u32 = 0xff_ffff;
    const PSM_ALL: u32 = 0x1_ffff;

    fn selected_clocks() -> SelectedClocks {
        SelectedClocks {
            reference: pac::CLOCKS.clk_ref_selected().read(),
            processor: pac::CLOCKS.clk_sys_selected().read(),
        }
    }

    fn start_ticks(crystal_mhz: u16) {
        pac::WATCHDOG.tick().write(|w| {
            w.set_cycles(crystal_mhz);
            w.set_enable(true);
        });
        pac::RESETS.reset().modify(|w| w.set_timer(false));
        wait_until(|| pac::RESETS.reset_done().read().timer());
    }

    fn now_us() -> u32 {
        pac::TIMER.timerawl().read()
    }

    /// A pin that nothing drives is no line that breaks off: it is pulled up.
    fn connect_pads() {
        pac::PADS_BANK0.gpio(1).modify(|w| {
            w.set_pde(false);
            w.set_pue(true);
        });
    }

    /// Bits of the ring oscillator. Good enough for stories, not for keys.
    fn seed() -> u64 {
        ring_oscillator_bits()
    }
}
