//! Clocks, pins and converter of the STM32F405 and STM32F411.
//!
//! Registers: RM0090 and RM0383, "RCC", "Embedded Flash memory interface", "GPIO" and "ADC". Alternate function 7 of PA9 and PA10:
//! the chips' data sheets.

use pac::adccommon::vals::Adcpre;
use pac::flash::vals::Latency;
use pac::gpio::vals::{Moder, Pupdr};
use pac::rcc::vals::{Pllm, Plln, Pllp, Pllq, Pllsrc, Ppre, Sw};
use stm32_metapac as pac;

use super::stm32::Clocks;
use super::wait_until;

/// The internal oscillator, which runs from reset.
const HSI_HZ: u32 = 16_000_000;
/// The converter's channel of the internal voltage reference.
const REFERENCE_CHANNEL: u8 = 17;
const TRANSMIT: usize = 9;
const RECEIVE: usize = 10;
const USART1_FUNCTION: u8 = 7;

/// A PLL's setting, from an input of 1 MHz, and what follows from the rate.
pub(super) struct Pll {
    pub(super) n: Plln,
    pub(super) p: Pllp,
    pub(super) q: Pllq,
    pub(super) latency: Latency,
    /// The divider of the slower bus.
    pub(super) ppre1: Ppre,
    /// The divider of the faster bus, that of USART1.
    pub(super) ppre2: Ppre,
    pub(super) clocks: Clocks,
}

/// Starts the PLL from the internal oscillator, so that no crystal is needed; stays with that oscillator where the PLL doesn't answer,
/// as in QEMU.
pub(super) fn start_clocks(pll: Pll) -> Clocks {
    pac::RCC.ahb1enr().modify(|w| w.set_gpioaen(true));
    pac::RCC.apb2enr().modify(|w| {
        w.set_usart1en(true);
        w.set_adc1en(true);
    });
    pac::RCC.pllcfgr().write(|w| {
        w.set_pllsrc(Pllsrc::HSI);
        w.set_pllm(Pllm::DIV16);
        w.set_plln(pll.n);
        w.set_pllp(pll.p);
        w.set_pllq(pll.q);
    });
    pac::RCC.cr().modify(|w| w.set_pllon(true));
    if !wait_until(|| pac::RCC.cr().read().pllrdy()) {
        return Clocks { core_hz: HSI_HZ, usart_hz: HSI_HZ };
    }
    pac::FLASH.acr().write(|w| {
        w.set_latency(pll.latency);
        w.set_prften(true);
        w.set_icen(true);
        w.set_dcen(true);
    });
    // The buses first, so that none is too fast for a moment.
    pac::RCC.cfgr().modify(|w| {
        w.set_ppre1(pll.ppre1);
        w.set_ppre2(pll.ppre2);
    });
    pac::RCC.cfgr().modify(|w| w.set_sw(Sw::PLL1_P));
    wait_until(|| pac::RCC.cfgr().read().sws() == Sw::PLL1_P);
    pll.clocks
}

/// USART1 on PA9, which sends, and PA10.
pub(super) fn connect() {
    // No loop: the compiler sees of constants alone that there are such pins.
    pac::GPIOA.afr(1).modify(|w| {
        w.set_afr(TRANSMIT - 8, USART1_FUNCTION);
        w.set_afr(RECEIVE - 8, USART1_FUNCTION);
    });
    pac::GPIOA.moder().modify(|w| {
        w.set_moder(TRANSMIT, Moder::ALTERNATE);
        w.set_moder(RECEIVE, Moder::ALTERNATE);
    });
    pac::GPIOA.pupdr().modify(|w| w.set_pupdr(RECEIVE, Pupdr::PULL_UP));
}

/// Switches the converter and the voltage reference on. A sequence has one conversion from reset.
pub(super) fn start_converter(common: pac::adccommon::AdcCommon) {
    common.ccr().write(|w| {
        w.set_adcpre(Adcpre::DIV4);
        w.set_tsvrefe(true);
    });
    pac::ADC1.sqr3().write(|w| w.set_sq(0, REFERENCE_CHANNEL));
    pac::ADC1.cr2().write(|w| w.set_adon(true));
}

/// A conversion with the shortest sampling, three cycles.
pub(super) fn convert() -> Option<u16> {
    pac::ADC1.cr2().modify(|w| w.set_swstart(true));
    wait_until(|| pac::ADC1.sr().read().eoc()).then(|| pac::ADC1.dr().read().data())
}
