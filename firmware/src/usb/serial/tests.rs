//! A PC at the other end, without wires.

use core::sync::atomic::AtomicU8;
use std::vec::Vec;

use super::*;
use crate::received::Taken;

/// A host's view of a controller.
#[derive(Default)]
struct Bus {
    address: u8,
    /// The packet that waits for the host at each endpoint.
    sent: [Option<(Vec<u8>, Turn)>; 3],
    /// Whether a packet of the host's is taken at each endpoint.
    takes: [Option<Turn>; 3],
    stalled: Vec<(Endpoint, Direction)>,
}

impl Controller for Bus {
    const PRODUCT_ID: u16 = 0x1234;

    fn set_address(&mut self, address: u8) {
        self.address = address;
    }

    fn send(&mut self, endpoint: Endpoint, packet: &[u8], turn: Turn) {
        assert!(packet.len() <= PACKET_BYTES);
        let before = self.sent[endpoint as usize].replace((packet.to_vec(), turn));
        assert_eq!(before, None, "a packet is under way already");
    }

    fn receive(&mut self, endpoint: Endpoint, turn: Turn) {
        self.takes[endpoint as usize] = Some(turn);
    }

    fn withdraw(&mut self, endpoint: Endpoint, direction: Direction) {
        self.stalled.retain(|&stalled| stalled != (endpoint, direction));
        match direction {
            Direction::In => self.sent[endpoint as usize] = None,
            Direction::Out => self.takes[endpoint as usize] = None,
        }
    }

    fn stall(&mut self, endpoint: Endpoint, direction: Direction) {
        self.withdraw(endpoint, direction);
        self.stalled.push((endpoint, direction));
    }
}

/// A device and a host.
struct Pair {
    device: UsbSerial,
    bus: Bus,
    received: Received<[AtomicU8; 256]>,
}

type Setup = (u8, u8, u16, u16, u16);

const CONFIGURE: Setup = (0, 9, 1, 0, 0);
const OPEN: Setup = (0x21, 0x22, 1, 0, 0);
const CLOSE: Setup = (0x21, 0x22, 0, 0, 0);

impl Pair {
    fn plugged() -> Pair {
        let mut pair = Pair { device: UsbSerial::new(), bus: Bus::default(), received: Received::new() };
        pair.device.reset(&mut pair.bus);
        pair
    }

    /// After what a host does that finds the device; `open` says whether a program has the port, too.
    fn configured(open: bool) -> Pair {
        let mut pair = Pair::plugged();
        pair.tell((0, 5, 9, 0, 0)).unwrap();
        pair.tell(CONFIGURE).unwrap();
        if open {
            pair.tell(OPEN).unwrap();
        }
        pair
    }

    fn set_up(&mut self, (kind, request, value, index, length): Setup) {
        let words = [value, index, length].map(u16::to_le_bytes).concat();
        let packet = [&[kind, request], &words[..]].concat();
        self.device.set_up(&mut self.bus, packet.try_into().unwrap());
    }

    /// The packet at the control endpoint, unless the request is refused.
    fn control(&mut self, turn: Turn) -> Option<Vec<u8>> {
        let Some((packet, its_turn)) = self.bus.sent[0].take() else {
            assert!(self.bus.stalled.contains(&(Endpoint::Control, Direction::In)));
            assert!(self.bus.stalled.contains(&(Endpoint::Control, Direction::Out)));
            return None;
        };
        assert_eq!(its_turn, turn);
        self.device.control_sent(&mut self.bus);
        Some(packet)
    }

    fn ask(&mut self, setup: Setup) -> Option<Vec<u8>> {
        let (mut answer, mut turn) = (Vec::new(), Turn::One);
        self.set_up(setup);
        loop {
            let packet = self.control(turn.take())?;
            answer.extend(&packet);
            if packet.len() < PACKET_BYTES || answer.len() == setup.4.into() {
                break;
            }
        }
        // The host's thanks.
        assert_eq!(self.bus.takes[0].take(), Some(Turn::One));
        self.device.control_received(&mut self.bus, &[]);
        Some(answer)
    }

    fn tell(&mut self, setup: Setup) -> Option<()> {
        self.set_up(setup);
        let packet = self.control(Turn::One)?;
        assert_eq!(packet, []);
        Some(())
    }

    fn write(&mut self, bytes: &[u8]) -> usize {
        self.device.write(&mut self.bus, bytes)
    }

    /// All that the host can read, and whether its packets took turns from `turn` on.
    fn read(&mut self, turn: &mut Turn) -> Vec<u8> {
        let mut bytes = Vec::new();
        while let Some((packet, its_turn)) = self.bus.sent[2].take() {
            assert_eq!(its_turn, turn.take());
            assert!((1..PACKET_BYTES).contains(&packet.len()), "a packet of {} bytes", packet.len());
            bytes.extend(packet);
            self.device.data_sent(&mut self.bus);
        }
        bytes
    }

    fn type_in(&mut self, bytes: &[u8]) -> Turn {
        let turn = self.bus.takes[2].take().expect("a place for data");
        self.device.data_received(&mut self.bus, bytes, &self.received);
        turn
    }
}

#[test]
fn a_host_finds_a_serial_port() {
    let mut pair = Pair::plugged();
    assert_eq!(pair.ask((0x80, 6, 0x0100, 0, 8)).unwrap(), [18, 1, 0, 2, 0xef, 2, 1, 64]);
    assert_eq!(pair.bus.address, 0);
    pair.set_up((0, 5, 9, 0, 0));
    assert_eq!(pair.bus.address, 0, "the request is answered at the address that it came to");
    pair.control(Turn::One).unwrap();
    assert_eq!(pair.bus.address, 9);
    let device = pair.ask((0x80, 6, 0x0100, 0, 64)).unwrap();
    assert_eq!((device.len(), &device[8..12]), (18, &[0x8a, 0x2e, 0x34, 0x12][..]));
    let configuration = pair.ask((0x80, 6, 0x0200, 0, 255)).unwrap();
    assert_eq!(configuration, descriptors::CONFIGURATION_DESCRIPTOR);
    assert_eq!(pair.ask((0x80, 6, 0x0200, 0, 64)).unwrap(), configuration[..64]);
    assert_eq!(pair.ask((0x80, 6, 0x0302, 0x0409, 255)).unwrap()[2..4], [b'P', 0]);
    assert_eq!(pair.ask((0x80, 8, 0, 0, 1)).unwrap(), [0]);
    pair.tell(CONFIGURE).unwrap();
    assert_eq!(pair.ask((0x80, 8, 0, 0, 1)).unwrap(), [1]);
    assert_eq!(pair.ask((0x80, 0, 0, 0, 2)).unwrap(), [0, 0]);
    assert_eq!(pair.ask((0x81, 10, 0, 1, 1)).unwrap(), [0]);
}

#[test]
fn the_lines_coding_is_kept() {
    let mut pair = Pair::configured(false);
    let coding = [0x80, 0x25, 0, 0, 2, 1, 7];
    pair.set_up((0x21, 0x20, 0, 0, 7));
    assert_eq!(pair.bus.takes[0].take(), Some(Turn::One));
    pair.device.control_received(&mut pair.bus, &coding);
    assert_eq!(pair.control(Turn::One).unwrap(), []);
    assert_eq!(pair.ask((0xa1, 0x21, 0, 0, 7)).unwrap(), coding);
    pair.set_up((0x21, 0x20, 0, 0, 7));
    pair.device.control_received(&mut pair.bus, &coding[1..]);
    assert_eq!(pair.control(Turn::One), None, "six bytes are no coding");
}

#[test]
fn what_is_not_understood_is_refused_and_the_next_request_is_answered() {
    let mut pair = Pair::configured(true);
    for refused in [
        // A qualifier, which only faster devices have; a string, a configuration, an interface and an endpoint that are not there.
        (0x80, 6, 0x0600, 0, 10),
        (0x80, 6, 0x0305, 0, 255),
        (0, 9, 2, 0, 0),
        (0x01, 11, 0, 7, 0),
        (0x82, 0, 0, 0x83, 2),
        (0x02, 3, 0, 0x03, 0),
        (0, 5, 200, 0, 0),
        // Bytes that would follow.
        (0x21, 0x22, 1, 0, 3),
        (0x21, 0x20, 0, 0, 6),
        (0xc0, 1, 0, 4, 40),
    ] {
        pair.set_up(refused);
        assert_eq!(pair.control(Turn::One), None, "{refused:?}");
        assert_eq!(pair.ask((0x80, 8, 0, 0, 1)).unwrap(), [1]);
    }
}

#[test]
fn no_request_and_no_event_out_of_order_breaks_it() {
    let mut random = pipsqueak::internal::SplitMix64::new(5);
    let mut pair = Pair::configured(true);
    for _ in 0..200_000 {
        use rand_core::Rng;
        let number = random.next_u64().to_le_bytes();
        let some = |bytes: &[u8]| {
            bytes.iter().cycle().take(usize::from(number[1] % 65)).copied().collect::<Vec<_>>()
        };
        match number[0] % 8 {
            0 => pair.device.reset(&mut pair.bus),
            1 => pair.device.control_received(&mut pair.bus, &some(&number)),
            2 => pair.device.data_received(&mut pair.bus, &some(&number), &pair.received),
            3 => _ = pair.write(&some(&number)),
            4 if pair.bus.sent[0].take().is_some() => pair.device.control_sent(&mut pair.bus),
            5 if pair.bus.sent[2].take().is_some() => pair.device.data_sent(&mut pair.bus),
            6 => {
                // Nearly requests that exist.
                let kind = [0, 1, 2, 0x80, 0x81, 0x82, 0x21, 0xa1][usize::from(number[1] & 7)];
                let code = [0, 1, 3, 5, 6, 8, 9, 10, 11, 0x20, 0x21, 0x22][usize::from(number[2] % 12)];
                let value =
                    if number[3] & 1 == 0 { 0 } else { u16::from(number[4] & 0x83) << (number[3] & 8) };
                pair.set_up((kind, code, value, u16::from(number[5] & 0x83), u16::from(number[6])));
            }
            _ => pair.device.set_up(&mut pair.bus, number),
        }
    }
    let mut pair = Pair { bus: Bus::default(), ..pair };
    pair.device.reset(&mut pair.bus);
    pair.tell(CONFIGURE).unwrap();
    pair.tell(OPEN).unwrap();
    assert_eq!(pair.write(b"whole"), 5);
    assert_eq!(pair.read(&mut Turn::Zero), b"whole");
}

#[test]
fn bytes_go_both_ways_in_packets_that_take_turns() {
    let (mut pair, mut turn) = (Pair::configured(true), Turn::Zero);
    let text: Vec<u8> = (0..200).collect();
    assert_eq!(pair.write(&text), text.len());
    assert_eq!(pair.read(&mut turn), text);
    assert_eq!(pair.write(b"more"), 4);
    assert_eq!(pair.read(&mut turn), b"more");
    for (typed, turn) in [(&b"ab"[..], Turn::Zero), (b"c", Turn::One), (b"", Turn::Zero), (b"d", Turn::One)] {
        assert_eq!(pair.type_in(typed), turn);
    }
    assert_eq!(b"abcd".map(|_| pair.received.take()), b"abcd".map(Taken::Byte));
}

#[test]
fn the_first_program_that_opens_the_port_reads_what_the_board_said_before() {
    let mut pair = Pair { device: UsbSerial::new(), bus: Bus::default(), received: Received::new() };
    let said: Vec<u8> = (0..=255).cycle().take(700).collect();
    assert_eq!(
        said.chunks(7).map(|part| pair.write(part)).sum::<usize>(),
        said.len(),
        "nobody is waited for"
    );
    pair.device.reset(&mut pair.bus);
    pair.tell(CONFIGURE).unwrap();
    assert_eq!(pair.read(&mut Turn::Zero), []);
    pair.tell(OPEN).unwrap();
    assert_eq!(pair.read(&mut Turn::Zero), said[..QUEUE_BYTES]);
}

#[test]
fn what_nobody_has_read_is_not_for_the_next_program() {
    let (mut pair, mut turn) = (Pair::configured(true), Turn::Zero);
    assert_eq!(pair.write(b"first"), 5);
    assert_eq!(pair.write(b"second"), 6);
    pair.tell(CLOSE).unwrap();
    assert_eq!(pair.write(b"third"), 5);
    pair.tell(OPEN).unwrap();
    assert_eq!(pair.write(b"fourth"), 6);
    // The controller keeps the packet that it had already.
    assert_eq!(pair.read(&mut turn), b"firstfourth");
}

#[test]
fn a_program_that_types_has_the_port_open_whatever_its_signals_say() {
    let mut pair = Pair::configured(false);
    pair.write(b"> ");
    assert_eq!(pair.read(&mut Turn::Zero), []);
    pair.type_in(b"\x03");
    assert_eq!(pair.read(&mut Turn::Zero), b"> ");
    assert_eq!(pair.received.take(), Taken::Cancel);
}

#[test]
fn a_host_that_does_not_read_is_given_up_until_it_reads() {
    let (mut pair, mut turn) = (Pair::configured(true), Turn::Zero);
    // The first part goes to the controller, the others fill the queue.
    let text = [b'x'; 8 + QUEUE_BYTES];
    assert_eq!(text.chunks(8).map(|part| pair.write(part)).sum::<usize>(), text.len());
    assert!(pair.device.is_busy());
    assert_eq!(pair.write(b"y"), 0, "there is no room");
    pair.device.give_up();
    assert_eq!(pair.write(b"lost"), 4);
    assert!(!pair.device.is_busy());
    assert_eq!(pair.read(&mut turn), text);
    assert_eq!(pair.write(b"again"), 5);
    assert_eq!(pair.read(&mut turn), b"again");
}

#[test]
fn a_device_that_is_plugged_in_again_begins_anew() {
    let (mut pair, mut turn) = (Pair::configured(true), Turn::Zero);
    assert_eq!(pair.write(b"one"), 3);
    assert_eq!(pair.read(&mut turn), b"one");
    pair.write(b"nobody reads this");
    pair.device.reset(&mut pair.bus);
    assert_eq!((pair.bus.address, &pair.bus.sent[2], pair.bus.takes[2]), (0, &None, None));
    assert_eq!(pair.write(b"nor this"), 8);
    pair.tell(CONFIGURE).unwrap();
    assert_eq!(pair.type_in(b"\x03"), Turn::Zero);
    assert_eq!(pair.received.take(), Taken::Cancel);
    assert_eq!(pair.write(b"two"), 3);
    assert_eq!(pair.read(&mut Turn::Zero), b"two");
}

#[test]
fn a_halted_endpoint_begins_anew_with_what_was_not_taken() {
    let (mut pair, mut turn) = (Pair::configured(true), Turn::Zero);
    pair.write(b"one");
    assert_eq!(pair.read(&mut turn), b"one");
    pair.write(b"two");
    pair.tell((0x02, 3, 0, 0x82, 0)).unwrap();
    assert!(pair.bus.stalled.contains(&(Endpoint::Data, Direction::In)));
    assert_eq!(pair.ask((0x82, 0, 0, 0x82, 2)).unwrap(), [1, 0]);
    assert_eq!(pair.ask((0x82, 0, 0, 0x02, 2)).unwrap(), [0, 0]);
    assert_eq!(pair.read(&mut turn), []);
    pair.tell((0x02, 1, 0, 0x82, 0)).unwrap();
    assert_eq!(pair.read(&mut Turn::Zero), b"two");
    pair.type_in(b"\x03");
    pair.tell((0x02, 1, 0, 0x02, 0)).unwrap();
    assert_eq!(pair.type_in(b"\x03"), Turn::Zero);
    assert_eq!(pair.received.take(), Taken::Cancel);
}

#[test]
fn a_device_that_is_configured_again_goes_on_and_one_that_is_not_sends_nothing() {
    let mut pair = Pair::configured(true);
    assert_eq!(pair.write(&[7; PACKET_BYTES + 6]), PACKET_BYTES + 6);
    // The packet under way is lost, as USB allows; what is behind it comes.
    pair.tell(CONFIGURE).unwrap();
    let (packet, turn) = pair.bus.sent[Endpoint::Data as usize].clone().unwrap();
    assert!(!packet.is_empty() && packet.len() < PACKET_BYTES && turn == Turn::Zero);
    pair.tell((0, 9, 0, 0, 0)).unwrap();
    assert_eq!(pair.write(b"nobody hears this"), 17);
    assert_eq!(pair.bus.sent[Endpoint::Data as usize], None);
}
