//! ST's Nucleo-G071RB: STM32G071RB, a Cortex-M0+ at 64 MHz. USART2 on PA2 (sends) and PA3 leads to the board's debugger, which passes
//! it on over USB. Registers: RM0444, "RCC", "FLASH", "GPIO" and "ADC"; alternate function 1 of the pins: the data sheet. The chip has
//! no random source.

use pac::adc::Adc;
use pac::adc::vals::Ckmode;
use pac::flash::vals::Latency;
use pac::gpio::vals::{Moder, Pupdr};
use pac::rcc::vals::{Pllm, Plln, Pllr, Pllsrc, Sw};
use pac::usart::Usart;
use stm32_metapac as pac;

use super::stm32::{Clocks, Machine};
use super::wait_until;

/// The internal oscillator, which runs from reset.
const HSI_HZ: u32 = 16_000_000;
const ADC: Adc = pac::ADC1;
/// The converter's channel of the internal voltage reference.
const REFERENCE_CHANNEL: usize = 13;
const TRANSMIT: usize = 2;
const RECEIVE: usize = 3;
const USART2_FUNCTION: u8 = 1;
/// The converter's regulator needs 20 µs.
const REGULATOR_CYCLES: u32 = 64 * 20;

/// The board.
pub enum NucleoG071rb {}

impl Machine for NucleoG071rb {
    const NAME: &'static str = "nucleo-g071rb";
    const USART: Usart = pac::USART2;
    const RECEIVED: pac::Interrupt = pac::Interrupt::USART2;

    fn start() -> Clocks {
        pac::RCC.gpioenr().modify(|w| w.set_gpioaen(true));
        pac::RCC.apbenr1().modify(|w| w.set_usart2en(true));
        pac::RCC.apbenr2().modify(|w| w.set_adcen(true));
        let clocks = start_pll();
        connect();
        start_converter();
        clocks
    }

    /// A conversion with the shortest sampling, one cycle and a half.
    fn noise() -> Option<u16> {
        ADC.cr().modify(|w| w.set_adstart(true));
        wait_until(|| ADC.isr().read().eoc()).then(|| ADC.dr().read().data())
    }
}

/// 16 MHz * 8 / 2.
fn start_pll() -> Clocks {
    pac::RCC.pllcfgr().write(|w| {
        w.set_pllsrc(Pllsrc::HSI);
        w.set_pllm(Pllm::DIV1);
        w.set_plln(Plln::MUL8);
        w.set_pllr(Pllr::DIV2);
        w.set_pllren(true);
    });
    pac::RCC.cr().modify(|w| w.set_pllon(true));
    if !wait_until(|| pac::RCC.cr().read().pllrdy()) {
        return Clocks { core_hz: HSI_HZ, usart_hz: HSI_HZ };
    }
    pac::FLASH.acr().modify(|w| {
        w.set_latency(Latency::WS2);
        w.set_prften(true);
        w.set_icen(true);
    });
    // The flash must know before the clock rises.
    wait_until(|| pac::FLASH.acr().read().latency() == Latency::WS2);
    pac::RCC.cfgr().modify(|w| w.set_sw(Sw::PLL1_R));
    wait_until(|| pac::RCC.cfgr().read().sws() == Sw::PLL1_R);
    Clocks { core_hz: 64_000_000, usart_hz: 64_000_000 }
}

/// USART2 on PA2, which sends, and PA3.
fn connect() {
    // No loop: the compiler sees of constants alone that there are such pins.
    pac::GPIOA.afr(0).modify(|w| {
        w.set_afr(TRANSMIT, USART2_FUNCTION);
        w.set_afr(RECEIVE, USART2_FUNCTION);
    });
    pac::GPIOA.moder().modify(|w| {
        w.set_moder(TRANSMIT, Moder::ALTERNATE);
        w.set_moder(RECEIVE, Moder::ALTERNATE);
    });
    pac::GPIOA.pupdr().modify(|w| w.set_pupdr(RECEIVE, Pupdr::PULL_UP));
}

fn start_converter() {
    ADC.cfgr2().write(|w| w.set_ckmode(Ckmode::PCLK_DIV2));
    ADC.ccr().write(|w| w.set_vrefen(true));
    ADC.cr().write(|w| w.set_advregen(true));
    cortex_m::asm::delay(REGULATOR_CYCLES);
    ADC.chselr().write(|w| w.set_chsel(REFERENCE_CHANNEL, true));
    ADC.cr().modify(|w| w.set_aden(true));
    wait_until(|| ADC.isr().read().adrdy());
}
