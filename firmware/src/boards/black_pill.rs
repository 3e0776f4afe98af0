//! WeAct «Black Pill»: STM32F411CE, a Cortex-M4F at 100 MHz. USART1 on A9 (sends) and A10. Clocks: RM0383, "RCC" and "PWR", and the
//! data sheet, "General operating conditions". The chip has no random source.

use pac::flash::vals::Latency;
use pac::pwr::vals::Vos;
use pac::rcc::vals::{Plln, Pllp, Pllq, Ppre};
use pac::usart::Usart;
use stm32_metapac as pac;

use super::stm32::{Clocks, Machine};
use super::stm32f4::{self, Pll};

/// The board.
pub enum BlackPill {}

impl Machine for BlackPill {
    const NAME: &'static str = "black-pill";
    const USART: Usart = pac::USART1;
    const RECEIVED: pac::Interrupt = pac::Interrupt::USART1;

    /// 200 MHz / 2. Above 84 MHz the core needs its highest voltage, which is set before the PLL runs.
    fn start() -> Clocks {
        pac::RCC.apb1enr().modify(|w| w.set_pwren(true));
        pac::PWR.cr1().modify(|w| w.set_vos(Vos::SCALE1));
        let clocks = stm32f4::start_clocks(Pll {
            n: Plln::MUL200,
            p: Pllp::DIV2,
            q: Pllq::DIV7,
            latency: Latency::WS3,
            ppre1: Ppre::DIV2,
            ppre2: Ppre::DIV1,
            clocks: Clocks { core_hz: 100_000_000, usart_hz: 100_000_000 },
        });
        stm32f4::connect();
        stm32f4::start_converter(pac::ADC1_COMMON);
        clocks
    }

    fn noise() -> Option<u16> {
        stm32f4::convert()
    }
}
