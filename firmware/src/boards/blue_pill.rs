//! «Blue Pill»: STM32F103C8, a Cortex-M3 at 64 MHz, the most without a crystal. USART1 on A9 (sends) and A10. Registers: RM0008,
//! "RCC", "Embedded Flash memory", "GPIO" and "ADC". The chip has no random source.

use pac::adc::Adc;
use pac::flash::vals::Latency;
use pac::gpio::vals::{CnfIn, CnfOut, Mode};
use pac::rcc::vals::{Adcpre, Pllmul, Pllsrc, Ppre, Sw};
use pac::usart::Usart;
use stm32_metapac as pac;

use super::stm32::{Clocks, Machine};
use super::wait_until;

/// The internal oscillator, which runs from reset.
const HSI_HZ: u32 = 8_000_000;
const ADC: Adc = pac::ADC1;
/// The converter's channel of the internal voltage reference.
const REFERENCE_CHANNEL: u8 = 17;
/// Conversions start by software.
const BY_SOFTWARE: u8 = 0b111;

/// The board.
pub enum BluePill {}

impl Machine for BluePill {
    const NAME: &'static str = "blue-pill";
    const USART: Usart = pac::USART1;
    const RECEIVED: pac::Interrupt = pac::Interrupt::USART1;

    fn start() -> Clocks {
        pac::RCC.apb2enr().modify(|w| {
            w.set_gpioaen(true);
            w.set_usart1en(true);
            w.set_adc1en(true);
        });
        let clocks = start_pll();
        connect();
        ADC.sqr3().write(|w| w.set_sq(0, REFERENCE_CHANNEL));
        ADC.cr2().write(|w| {
            w.set_adon(true);
            w.set_tsvrefe(true);
            w.set_exttrig(true);
            w.set_extsel(BY_SOFTWARE);
        });
        clocks
    }

    /// A conversion with the shortest sampling, one cycle and a half.
    fn noise() -> Option<u16> {
        ADC.cr2().modify(|w| w.set_swstart(true));
        wait_until(|| ADC.sr().read().eoc()).then(|| ADC.dr().read().data())
    }
}

/// 8 MHz / 2 * 16.
fn start_pll() -> Clocks {
    pac::RCC.cfgr().modify(|w| {
        w.set_pllsrc(Pllsrc::HSI_DIV2);
        w.set_pllmul(Pllmul::MUL16);
        w.set_ppre1(Ppre::DIV2);
        w.set_adcpre(Adcpre::DIV6);
    });
    pac::RCC.cr().modify(|w| w.set_pllon(true));
    if !wait_until(|| pac::RCC.cr().read().pllrdy()) {
        return Clocks { core_hz: HSI_HZ, usart_hz: HSI_HZ };
    }
    pac::FLASH.acr().modify(|w| {
        w.set_latency(Latency::WS2);
        w.set_prftbe(true);
    });
    pac::RCC.cfgr().modify(|w| w.set_sw(Sw::PLL1_P));
    wait_until(|| pac::RCC.cfgr().read().sws() == Sw::PLL1_P);
    Clocks { core_hz: 64_000_000, usart_hz: 64_000_000 }
}

/// USART1 on PA9, which sends, and PA10, pulled up: pins 1 and 2 of the upper half.
fn connect() {
    pac::GPIOA.bsrr().write(|w| w.set_bs(10, true));
    pac::GPIOA.cr(1).modify(|w| {
        w.set_mode(1, Mode::OUTPUT50MHZ);
        w.set_cnf_out(1, CnfOut::ALT_PUSH_PULL);
        w.set_cnf_in(2, CnfIn::PULL);
    });
}
