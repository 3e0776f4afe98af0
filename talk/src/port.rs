//! Serial ports: which one a board is at, and opening it.

use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use serialport::{SerialPortInfo, SerialPortType, available_ports};

use crate::terminal::Link;

/// The speed of boards that have a UART; over USB there is none.
const BAUD: u32 = 115_200;

/// USB's vendor and product ids, and the boards that have them.
struct UsbIds {
    vendor: u16,
    /// None for all of the vendor's.
    product: Option<u16>,
    /// Names of boards, without punctuation.
    boards: &'static [&'static str],
}

/// Sources: the vendors' drivers, Raspberry Pi's list of product ids (github.com/raspberrypi/usb-pid), and the lists of
/// OpenOCD (`contrib/60-openocd.rules`) and of probe-rs.
const USB: [UsbIds; 11] = [
    // The USB sockets of Raspberry Pi's boards, and their debug probe, for a board's UART.
    UsbIds { vendor: 0x2e8a, product: Some(0x000a), boards: &["raspberrypipico", "pico"] },
    UsbIds { vendor: 0x2e8a, product: Some(0x0009), boards: &["raspberrypipico2", "pico2"] },
    UsbIds { vendor: 0x2e8a, product: Some(0x000c), boards: &[] },
    // Arm DAPLink, as on the micro:bit.
    UsbIds { vendor: 0x0d28, product: Some(0x0204), boards: &["microbit", "microbitv1", "microbitv2"] },
    // SEGGER J-Link, as on Nordic's kits.
    UsbIds { vendor: 0x1366, product: None, boards: &["nrf52840dk", "nrf52833dk"] },
    // ST-Link, as on Nucleo boards; other boards may be wired to the serial port that some have.
    UsbIds { vendor: 0x0483, product: None, boards: &["nucleog071rb", "stm32f405", "blackpill", "bluepill"] },
    // Espressif's USB Serial/JTAG.
    UsbIds { vendor: 0x303a, product: Some(0x1001), boards: &["esp32c3", "esp32c3devkitm"] },
    // Adapters for a board's UART: FTDI's, Prolific's PL2303, Silicon Labs' CP210x, and WCH's CH340 and their like.
    UsbIds { vendor: 0x0403, product: None, boards: &[] },
    UsbIds { vendor: 0x067b, product: None, boards: &[] },
    UsbIds { vendor: 0x10c4, product: Some(0xea60), boards: &[] },
    UsbIds { vendor: 0x1a86, product: None, boards: &[] },
];

/// The port that `port` names, or else the only one at which `board` may be, or any board that we know.
///
/// # Errors
/// If there is none, or more than one; the message names them.
pub fn find(port: Option<&str>, board: Option<&str>) -> Result<String> {
    if let Some(port) = port {
        return Ok(port.into());
    }
    let ports = available_ports().context("the serial ports can't be listed; name one with --port")?;
    choose(&ports, board)
}

fn choose(ports: &[SerialPortInfo], board: Option<&str>) -> Result<String> {
    // macOS lists each port twice.
    let ports: Vec<_> = ports.iter().filter(|port| !port.port_name.starts_with("/dev/tty.")).collect();
    let found: Vec<_> = ports.iter().filter(|port| may_be(port, board)).collect();
    match found[..] {
        [port] => Ok(port.port_name.clone()),
        [] if ports.is_empty() => Err(anyhow!(
            "there is no serial port; plug the board in with a cable that carries data, or name a port with --port"
        )),
        [] => bail!(
            "no port looks like {}; there are {}; name one with --port",
            board.unwrap_or("a board"),
            names(&ports)
        ),
        _ => bail!(
            "the board may be at {}; say which with --port",
            names(&found.into_iter().copied().collect::<Vec<_>>())
        ),
    }
}

fn names(ports: &[&SerialPortInfo]) -> String {
    ports.iter().map(|port| port.port_name.as_str()).collect::<Vec<_>>().join(", ")
}

/// Whether `board`, or any that we know, may be at this port.
fn may_be(port: &SerialPortInfo, board: Option<&str>) -> bool {
    let SerialPortType::UsbPort(usb) = &port.port_type else { return false };
    let wanted = board.map(|board| board.to_lowercase().replace(|c: char| !c.is_alphanumeric(), ""));
    USB.iter()
        .filter(|ids| ids.vendor == usb.vid && ids.product.is_none_or(|product| product == usb.pid))
        .any(|ids| match &wanted {
            Some(wanted) => ids.boards.is_empty() || ids.boards.iter().any(|name| name == wanted),
            None => true,
        })
}

/// Opens a port; reads of it end with `TimedOut` after `patience`.
///
/// # Errors
/// If it is missing, or another program has it.
pub fn open(name: &str, patience: Duration) -> Result<Box<dyn serialport::SerialPort>> {
    let mut port =
        serialport::new(name, BAUD).timeout(patience).open().map_err(|error| match error.kind() {
            serialport::ErrorKind::Io(std::io::ErrorKind::PermissionDenied) => {
                anyhow!(
                    "{name} may not be opened; join the group that owns it: sudo usermod -a -G dialout $USER"
                )
            }
            _ => anyhow!("{name} can't be opened: {error}"),
        })?;
    // Over USB, a board takes the missing signal for a closed port. A port without such signals has none to set.
    let _ = port.write_data_terminal_ready(true);
    Ok(port)
}

/// A port for a terminal.
///
/// # Errors
/// As [`open`].
pub fn link(name: &str) -> Result<Link> {
    /// How often the reader looks whether the port is still there.
    const GLANCE: Duration = Duration::from_millis(200);
    let port = open(name, GLANCE)?;
    let output = port.try_clone().with_context(|| format!("{name} can't be opened twice"))?;
    Ok(Link { output: Box::new(output), input: Box::new(port) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serialport::UsbPortInfo;

    fn port(name: &str, ids: Option<(u16, u16)>) -> SerialPortInfo {
        let port_type = ids.map_or(SerialPortType::Unknown, |(vid, pid)| {
            let (serial_number, manufacturer, product) = (None, None, None);
            SerialPortType::UsbPort(UsbPortInfo { vid, pid, serial_number, manufacturer, product })
        });
        SerialPortInfo { port_name: name.into(), port_type }
    }

    #[test]
    fn a_board_is_found_by_its_usb_ids() {
        let ports = [
            port("/dev/ttyS0", None),
            port("/dev/ttyACM0", Some((0x2e8a, 0x000a))),
            port("/dev/ttyACM1", Some((0x0d28, 0x0204))),
        ];
        assert_eq!(choose(&ports, Some("Raspberry Pi Pico")).unwrap(), "/dev/ttyACM0");
        let pico_2 = port("COM3", Some((0x2e8a, 0x0009)));
        assert_eq!(choose(&[ports[1].clone(), pico_2], Some("Pico 2")).unwrap(), "COM3");
        assert_eq!(choose(&ports, Some("micro:bit v2")).unwrap(), "/dev/ttyACM1");
        assert_eq!(choose(&ports[..2], None).unwrap(), "/dev/ttyACM0");
        let wired =
            [port("/dev/ttyUSB0", Some((0x0403, 0x6001))), port("/dev/ttyACM2", Some((0x0483, 0x374b)))];
        assert_eq!(choose(&wired, Some("pico")).unwrap(), "/dev/ttyUSB0");
        assert_eq!(choose(&wired[1..], Some("nucleo-g071rb")).unwrap(), "/dev/ttyACM2");
        let refused = |ports: &[SerialPortInfo], board| choose(ports, board).unwrap_err().to_string();
        assert_eq!(
            refused(&ports, None),
            "the board may be at /dev/ttyACM0, /dev/ttyACM1; say which with --port"
        );
        assert!(refused(&ports[..1], None).starts_with("no port looks like a board; there are /dev/ttyS0;"));
        assert!(refused(&[], None).starts_with("there is no serial port;"));
    }
}
