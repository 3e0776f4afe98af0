//! A board with an STM32F405: a Cortex-M4F at 168 MHz. USART1 on PA9 (sends) and PA10. Clocks:
//! RM0090, "RCC", and the data sheet, "General operating conditions". `qemu-system-arm -M netduinoplus2` runs it, too, without a PLL
//! and without random numbers.

use pac::flash::vals::Latency;
use pac::rcc::vals::{Plln, Pllp, Pllq, Ppre};
use pac::usart::Usart;
use stm32_metapac as pac;

use super::stm32::{Clocks, Machine};
use super::stm32f4::{self, Pll};
use super::wait_until;

/// The board.
pub enum Stm32f405 {}

impl Machine for Stm32f405 {
    const NAME: &'static str = "stm32f405";
    const USART: Usart = pac::USART1;
    const RECEIVED: pac::Interrupt = pac::Interrupt::USART1;

    /// 336 MHz / 2, and / 7 for the random numbers, which need 48 MHz.
    fn start() -> Clocks {
        pac::RCC.ahb2enr().modify(|w| w.set_rngen(true));
        let clocks = stm32f4::start_clocks(Pll {
            n: Plln::MUL336,
            p: Pllp::DIV2,
            q: Pllq::DIV7,
            latency: Latency::WS5,
            ppre1: Ppre::DIV4,
            ppre2: Ppre::DIV2,
            clocks: Clocks { core_hz: 168_000_000, usart_hz: 84_000_000 },
        });
        stm32f4::connect();
        stm32f4::start_converter(pac::ADC123_COMMON);
        pac::RNG.cr().write(|w| w.set_rngen(true));
        clocks
    }

    fn noise() -> Option<u16> {
        stm32f4::convert()
    }

    fn random() -> Option<u32> {
        wait_until(|| pac::RNG.sr().read().drdy()).then(|| pac::RNG.dr().read())
    }
}
