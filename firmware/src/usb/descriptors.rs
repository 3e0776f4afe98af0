//! The device's account of itself. (USB 2.0, 9.6; CDC 1.2, 5.2.)

use super::PACKET_BYTES;

/// The kinds of descriptors.
pub(super) mod kind {
    pub(in crate::usb) const DEVICE: u8 = 1;
    pub(in crate::usb) const CONFIGURATION: u8 = 2;
    pub(in crate::usb) const STRING: u8 = 3;
    const INTERFACE: u8 = 4;
    const ENDPOINT: u8 = 5;
    const ASSOCIATION: u8 = 11;
    const CLASS_INTERFACE: u8 = 0x24;

    pub(super) const INTERFACE_HEADER: [u8; 2] = [9, INTERFACE];
    pub(super) const ENDPOINT_HEADER: [u8; 2] = [7, ENDPOINT];
    pub(super) const ASSOCIATION_HEADER: [u8; 2] = [8, ASSOCIATION];
    pub(super) const CLASS: u8 = CLASS_INTERFACE;
}

/// The configuration's number, and the interfaces' numbers: that which is controlled, and that which carries bytes.
pub(super) const CONFIGURATION: u8 = 1;
pub(super) const COMMUNICATION: u8 = 0;
const DATA: u8 = 1;
pub(super) const INTERFACES: u8 = 2;

/// The class «communications», its subclass «abstract control model», and the class that carries its bytes.
const CDC: u8 = 2;
const ACM: u8 = 2;
const CDC_DATA: u8 = 10;

/// Raspberry Pi's number, under which devices with one of their chips and a standard class may appear, with the numbers that their own kit
/// has for such (github.com/raspberrypi/usb-pid). The strings tell us apart.
const VENDOR_ID: u16 = 0x2e8a;
/// The strings' numbers.
const MANUFACTURER: u8 = 1;
const PRODUCT: u8 = 2;
/// From the bus, in units of 2 mA.
const POWER: u8 = 50;
/// Bus-powered, and wakes no host.
const ATTRIBUTES: u8 = 0x80;
const BULK: u8 = 2;
const INTERRUPT: u8 = 3;
/// Milliseconds between two questions of the host for notifications.
const POLL_MS: u8 = 255;
/// Bytes of a notification's packet.
const NOTIFICATION_BYTES: u8 = 8;

/// The device: its functions are those that associations of interfaces name, as Windows wants it.
pub(super) const fn device(product_id: u16) -> [u8; 18] {
    let ([vendor_low, vendor_high], [low, high]) = (VENDOR_ID.to_le_bytes(), product_id.to_le_bytes());
    [
        18,
        kind::DEVICE,
        // USB 2.0.
        0x00,
        0x02,
        // "Multi-interface function".
        0xef,
        2,
        1,
        PACKET_BYTES as u8,
        vendor_low,
        vendor_high,
        low,
        high,
        // Version 1.0.
        0x00,
        0x01,
        MANUFACTURER,
        PRODUCT,
        // No serial number.
        0,
        1,
    ]
}

pub(super) const CONFIGURATION_BYTES: usize = 75;

/// The configuration, and all that belongs to it.
#[rustfmt::skip]
pub(super) static CONFIGURATION_DESCRIPTOR: [u8; CONFIGURATION_BYTES] = {
    let [association, association_kind] = kind::ASSOCIATION_HEADER;
    let [interface, interface_kind] = kind::INTERFACE_HEADER;
    let [endpoint, endpoint_kind] = kind::ENDPOINT_HEADER;
    [
        9, kind::CONFIGURATION, CONFIGURATION_BYTES as u8, 0, INTERFACES, CONFIGURATION, 0, ATTRIBUTES, POWER,
        association, association_kind, COMMUNICATION, INTERFACES, CDC, ACM, 0, 0,
        interface, interface_kind, COMMUNICATION, 0, 1, CDC, ACM, 0, 0,
        // CDC 1.2.
        5, kind::CLASS, 0x00, 0x20, 0x01,
        // Calls are nobody's business here.
        5, kind::CLASS, 0x01, 0, DATA,
        // Understands the requests about the line's coding and state.
        4, kind::CLASS, 0x02, 0b10,
        5, kind::CLASS, 0x06, COMMUNICATION, DATA,
        endpoint, endpoint_kind, 0x81, INTERRUPT, NOTIFICATION_BYTES, 0, POLL_MS,
        interface, interface_kind, DATA, 0, 2, CDC_DATA, 0, 0, 0,
        endpoint, endpoint_kind, 0x02, BULK, PACKET_BYTES as u8, 0, 0,
        endpoint, endpoint_kind, 0x82, BULK, PACKET_BYTES as u8, 0, 0,
    ]
};

/// The languages of the strings: English of the United States.
static LANGUAGES: [u8; 4] = [4, kind::STRING, 0x09, 0x04];
static MANUFACTURER_NAME: [u8; 20] = string(b"Pipsqueak");
static PRODUCT_NAME: [u8; 34] = string(b"Pipsqueak serial");

/// ASCII as UTF-16, with the length in front.
const fn string<const BYTES: usize>(text: &[u8]) -> [u8; BYTES] {
    assert!(BYTES == 2 + 2 * text.len(), "a string of n characters takes 2 + 2n bytes");
    let mut descriptor = [0; BYTES];
    (descriptor[0], descriptor[1]) = (BYTES as u8, kind::STRING);
    let mut at = 0;
    while at < text.len() {
        descriptor[2 + 2 * at] = text[at];
        at += 1;
    }
    descriptor
}

/// The string with this number.
pub(super) fn string_at(index: u8) -> Option<&'static [u8]> {
    match index {
        0 => Some(&LANGUAGES),
        MANUFACTURER => Some(&MANUFACTURER_NAME),
        PRODUCT => Some(&PRODUCT_NAME),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_configuration_is_a_chain_of_descriptors_of_the_length_that_it_says() {
        let (mut rest, mut kinds) = (&CONFIGURATION_DESCRIPTOR[..], std::vec![]);
        while let [length, kind, ..] = *rest {
            kinds.push(kind);
            rest = &rest[length as usize..];
        }
        assert!(rest.is_empty());
        assert_eq!(kinds, [2, 11, 4, 0x24, 0x24, 0x24, 0x24, 5, 4, 5, 5]);
    }

    #[test]
    fn strings_are_read_as_they_were_written() {
        let units =
            |at| string_at(at).unwrap()[2..].chunks(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]]));
        let text = |at| std::string::String::from_utf16(&units(at).collect::<std::vec::Vec<_>>()).unwrap();
        assert_eq!((text(MANUFACTURER).as_str(), text(PRODUCT).as_str()), ("Pipsqueak", "Pipsqueak serial"));
        assert_eq!(string_at(3), None);
    }
}
