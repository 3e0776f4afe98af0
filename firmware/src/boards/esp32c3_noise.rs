//! The ESP32-C3's source of true random numbers: the noise of an analog-to-digital converter that measures a voltage of the chip's own
//! again and again. While neither it nor the radio runs, the numbers are pseudo-random: ESP32-C3 Technical Reference Manual, "Random
//! Number Generator". The converter's set-up: ESP-IDF, `bootloader_random_esp32c3.c`; the ROM's function: `esp32c3.rom.ld`.

use core::mem::transmute;

use super::esp32c3::{clocks, converter, low_power, random, wait};

/// Longer than a measurement, so that each number has noise of its own.
const PAUSE_US: u32 = 50;
/// Numbers of 32 bits that the seed is made of.
const NUMBERS: u32 = 16;

/// `rom_i2c_writeReg_Mask`: writes a field of a register of an analog part.
const WRITE_ANALOG: usize = 0x4000_1960;
/// The converters: their number, that of the bus, and the register with these fields, by their highest and lowest bit.
const CONVERTERS: u8 = 0x69;
const BUS: u8 = 0;
const REGISTER: u8 = 7;
const REFERENCE: (u8, u8) = (6, 6);
const TEST: (u8, u8) = (1, 0);
const LOW_POWER_TEST: (u8, u8) = (3, 3);
const TEMPERATURE_TEST: (u8, u8) = (2, 2);

/// Of the second converter, the channel that leads to the reference.
const REFERENCE_CHANNEL: u32 = 0x9c_ffff;
const NO_CHANNELS: u32 = 0xff_ffff;

/// FNV-1a (draft-eastlake-fnv) of numbers that have come while the converter ran.
pub(super) fn seed() -> u64 {
    const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x100_0000_01b3;
    start_converter();
    let seed = (0..NUMBERS).fold(OFFSET, |hash, _| {
        wait(PAUSE_US);
        (hash ^ u64::from(random().data().read().bits())).wrapping_mul(PRIME)
    });
    stop_converter();
    seed
}

fn start_converter() {
    // SAFETY: these fields take the numbers here.
    unsafe {
        low_power().sensor_ctrl().modify(|_, w| w.force_xpd_sar().bits(3));
        low_power().ana_conf().modify(|_, w| w.sar_i2c_pu().set_bit());
        write_analog(REFERENCE, 1);
        [TEST, LOW_POWER_TEST, TEMPERATURE_TEST].into_iter().for_each(|field| write_analog(field, 0));
        clocks().perip_clk_en0().modify(|_, w| w.apb_saradc_clk_en().set_bit());
        clocks().perip_rst_en0().modify(|_, w| w.apb_saradc_rst().clear_bit());
        converter().clkm_conf().modify(|_, w| w.clk_sel().bits(2).clk_en().set_bit().clkm_div_num().bits(15));
        converter()
            .fsm_wait()
            .modify(|_, w| w.rstb_wait().bits(8).xpd_wait().bits(5).standby_wait().bits(100));
        let ctrl = converter().ctrl();
        ctrl.modify(|_, w| w.sar_clk_gated().set_bit().xpd_sar_force().bits(3).sar_clk_div().bits(1));
        ctrl.modify(|_, w| w.sar_patt_p_clear().set_bit());
        ctrl.modify(|_, w| w.sar_patt_p_clear().clear_bit().sar_patt_len().bits(0));
        converter().sar_patt_tab1().modify(|_, w| w.sar_patt_tab1().bits(REFERENCE_CHANNEL));
        converter().sar_patt_tab2().modify(|_, w| w.sar_patt_tab2().bits(NO_CHANNELS));
        converter().ctrl2().modify(|_, w| w.timer_target().bits(100).meas_num_limit().clear_bit());
        converter().dma_conf().modify(|_, w| w.adc_trans().set_bit());
    }
    converter().ctrl2().modify(|_, w| w.timer_en().set_bit());
}

fn stop_converter() {
    converter().ctrl2().modify(|_, w| w.timer_en().clear_bit());
    // SAFETY: as above.
    unsafe {
        write_analog(REFERENCE, 0);
        converter().dma_conf().modify(|_, w| w.adc_trans().clear_bit());
        converter().sar_patt_tab1().modify(|_, w| w.sar_patt_tab1().bits(NO_CHANNELS));
        converter().clkm_conf().modify(|_, w| w.clk_en().clear_bit());
        converter().ctrl().modify(|_, w| w.xpd_sar_force().bits(0));
        low_power().sensor_ctrl().modify(|_, w| w.force_xpd_sar().bits(0));
    }
}

/// Writes a field of the converters' register.
///
/// # Safety
///
/// `number` must fit the field.
unsafe fn write_analog((highest, lowest): (u8, u8), number: u8) {
    // SAFETY: there the ROM has a function of this type.
    let write = unsafe { transmute::<usize, unsafe extern "C" fn(u8, u8, u8, u8, u8, u8)>(WRITE_ANALOG) };
    // SAFETY: by the caller's promise.
    unsafe { write(CONVERTERS, BUS, REGISTER, highest, lowest, number) }
}
