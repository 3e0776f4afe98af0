//! I2C0 of a Raspberry Pi Pico or Pico 2, at GP4 (SDA) and GP5 (SCL), 400 kHz, for writing. Registers: RP2040 Datasheet and RP2350
//! Datasheet, "I2C"; timing: NXP UM10204, "I2C-bus specification", fast mode.

use embedded_hal::i2c::{ErrorKind, ErrorType, I2c, NoAcknowledgeSource, Operation};
use rp_pac as pac;

use super::rp::connect;

const SDA: usize = 4;
const SCL: usize = 5;
const I2C_FUNCTION: u8 = 3;
/// The processor's clock, which is the bus's.
const MHZ: u16 = if cfg!(feature = "pico2") { 150 } else { 125 };
/// In periods of that: 1.5 us low and 1 us high; spikes up to a tenth of it are none, and data stays for 300 ns.
const LOW: u16 = MHZ * 3 / 2;
const HIGH: u16 = MHZ;
const SPIKE: u8 = (LOW / 16) as u8;
const HOLD: u16 = MHZ * 3 / 10 + 1;
/// Longer than sixteen bytes take, at a few clocks a look.
const LOOKS: u32 = 50_000;

const I2C: pac::i2c::I2c = pac::I2C0;

/// The bus.
pub struct Bus(());

impl Bus {
    pub(super) fn start() -> Bus {
        pac::RESETS.reset().modify(|w| w.set_i2c0(true));
        pac::RESETS.reset().modify(|w| w.set_i2c0(false));
        // A few clocks; some emulators never say so.
        _ = wait_until(|| pac::RESETS.reset_done().read().i2c0());
        _ = stop();
        I2C.ic_con().write(|w| {
            w.set_master_mode(true);
            w.set_ic_slave_disable(true);
            w.set_speed(pac::i2c::vals::Speed::FAST);
            w.set_ic_restart_en(true);
            w.set_tx_empty_ctrl(true);
        });
        I2C.ic_fs_scl_lcnt().write(|w| w.set_ic_fs_scl_lcnt(LOW));
        I2C.ic_fs_scl_hcnt().write(|w| w.set_ic_fs_scl_hcnt(HIGH));
        I2C.ic_fs_spklen().write(|w| w.set_ic_fs_spklen(SPIKE));
        I2C.ic_sda_hold().modify(|w| w.set_ic_sda_tx_hold(HOLD));
        give_to_i2c::<SDA>();
        give_to_i2c::<SCL>();
        Bus(())
    }
}

/// With its pull-up, for a display that brings none.
fn give_to_i2c<const PIN: usize>() {
    pac::PADS_BANK0.gpio(PIN).modify(|w| {
        w.set_pue(true);
        w.set_pde(false);
        w.set_schmitt(true);
        w.set_ie(true);
    });
    connect::<PIN>(I2C_FUNCTION);
}

fn wait_until(is_ready: impl Fn() -> bool) -> Result<(), ErrorKind> {
    if (0..LOOKS).any(|_| is_ready()) { Ok(()) } else { Err(ErrorKind::Bus) }
}

/// Turns the bus off. What is under way goes on to the end of its byte, and until then the bus can't be set up. ("Disabling DW_apb_i2c".)
fn stop() -> Result<(), ErrorKind> {
    I2C.ic_enable().write(|w| w.set_enable(false));
    wait_until(|| !I2C.ic_enable_status().read().ic_en())
}

/// Puts a byte behind those that wait to be sent.
fn send(byte: u8, is_last: bool) -> Result<(), ErrorKind> {
    wait_until(|| I2C.ic_status().read().tfnf())?;
    if I2C.ic_raw_intr_stat().read().tx_abrt() {
        return Err(ErrorKind::NoAcknowledge(NoAcknowledgeSource::Unknown));
    }
    I2C.ic_data_cmd().write(|w| {
        w.set_dat(byte);
        w.set_stop(is_last);
    });
    Ok(())
}

/// Waits until all has been sent and acknowledged.
fn finish() -> Result<(), ErrorKind> {
    wait_until(|| {
        let state = I2C.ic_raw_intr_stat().read();
        state.tx_abrt() || state.stop_det()
    })?;
    if I2C.ic_raw_intr_stat().read().tx_abrt() {
        return Err(ErrorKind::NoAcknowledge(NoAcknowledgeSource::Unknown));
    }
    Ok(())
}

impl ErrorType for Bus {
    type Error = ErrorKind;
}

impl I2c for Bus {
    /// Writes; reads are refused.
    fn transaction(&mut self, address: u8, operations: &mut [Operation<'_>]) -> Result<(), ErrorKind> {
        let written = |operation: &&mut Operation<'_>| matches!(operation, Operation::Write(_));
        if !operations.iter_mut().all(|operation| written(&operation)) {
            return Err(ErrorKind::Other);
        }
        // The address can be set while the bus is off alone, which also forgets what a failed transaction left.
        stop()?;
        I2C.ic_tar().write(|w| w.set_ic_tar(address.into()));
        I2C.ic_enable().write(|w| w.set_enable(true));
        _ = I2C.ic_clr_intr().read();
        let parts = operations.iter().map(|operation| match operation {
            Operation::Write(part) => *part,
            Operation::Read(_) => &[],
        });
        let mut bytes = parts.flatten().copied().peekable();
        if bytes.peek().is_none() {
            return Ok(());
        }
        while let Some(byte) = bytes.next() {
            send(byte, bytes.peek().is_none())?;
        }
        finish()
    }
}
