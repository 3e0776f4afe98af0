//! The serial port: what the host asks for, and bytes both ways.

use heapless::{Deque, Vec};

use super::control::{Request, Setup};
use super::descriptors::{self, kind};
use super::{Controller, Direction, Endpoint, Turn};
use crate::Received;

/// The longest packet of each endpoint but the one for notifications.
pub const PACKET_BYTES: usize = 64;
/// Data goes to the host in shorter packets: one that is not full ends the host's read, which otherwise waits for more.
const SENT_BYTES: usize = PACKET_BYTES - 1;
/// Bytes that wait for the host. The board's first words are among them, until somebody opens the port.
const QUEUE_BYTES: usize = 512;
/// The longest answer to a request is the configuration.
const ANSWER_BYTES: usize = 80;
const LINE_CODING_BYTES: usize = 7;
/// 115,200 baud, one stop bit, no parity, 8 bits; it means nothing over USB, but hosts ask what they have set.
const LINE_CODING: [u8; LINE_CODING_BYTES] = [0x00, 0xc2, 0x01, 0, 0, 0, 8];
/// In the line's state: a program has opened the port ("data terminal ready").
const TERMINAL_READY: u16 = 1;

/// A device that is a serial port: what has happened on the bus, and the bytes for the host.
///
/// All calls come from one place at a time: the interrupt handler, or the program while that handler is kept out.
#[derive(Debug)]
pub struct UsbSerial {
    stage: Stage,
    /// The answer to a request.
    answer: Vec<u8, ANSWER_BYTES>,
    /// Its bytes that have been sent.
    answered: usize,
    line_coding: [u8; LINE_CODING_BYTES],
    is_configured: bool,
    port: Port,
    /// Whether the host has stopped taking data for so long that no more is kept for it.
    is_stuck: bool,
    queue: Deque<u8, QUEUE_BYTES>,
    /// The packet that the controller has, and that the host has not taken; none if empty.
    packet: Vec<u8, SENT_BYTES>,
    in_pipe: Pipe,
    out_pipe: Pipe,
}

/// The packet that comes next at the control endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// A request, or the host's thanks for an answer.
    Request,
    /// The host takes the answer.
    Answer,
    /// The host sends the line's coding.
    LineCoding,
    /// The host is told that all is well.
    Done,
    /// The same, and from then on it uses this address.
    Address(u8),
}

/// A program at the host's end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Port {
    /// There has been none yet.
    New,
    Open,
    Closed,
}

/// One direction of the endpoint for data.
#[derive(Clone, Copy, Debug, Default)]
struct Pipe {
    turn: Turn,
    is_halted: bool,
}

/// How a request is answered.
enum Answer<'a> {
    Bytes(&'a [u8]),
    LineCoding,
    Done,
    Address(u8),
    Refused,
}

impl UsbSerial {
    /// A device that is not on a bus yet.
    #[allow(clippy::new_without_default)] // for statics, which need a `const fn`
    pub const fn new() -> UsbSerial {
        const FRESH: Pipe = Pipe { turn: Turn::Zero, is_halted: false };
        UsbSerial {
            stage: Stage::Request,
            answer: Vec::new(),
            answered: 0,
            line_coding: LINE_CODING,
            is_configured: false,
            port: Port::New,
            is_stuck: false,
            queue: Deque::new(),
            packet: Vec::new(),
            in_pipe: FRESH,
            out_pipe: FRESH,
        }
    }

    /// The host has reset the bus, as it does with a device that was plugged in.
    pub fn reset(&mut self, controller: &mut impl Controller) {
        for direction in [Direction::In, Direction::Out] {
            controller.withdraw(Endpoint::Control, direction);
        }
        controller.set_address(0);
        self.stage = Stage::Request;
        self.configure(controller, false);
        self.close();
    }

    /// A request has come. Whatever another one was at is over.
    pub fn set_up<C: Controller>(&mut self, controller: &mut C, packet: [u8; 8]) {
        for direction in [Direction::In, Direction::Out] {
            controller.withdraw(Endpoint::Control, direction);
        }
        let setup = Setup::from_bytes(packet);
        let line_coding = self.line_coding;
        match self.obey(controller, setup, &line_coding) {
            Answer::Bytes(bytes) if setup.length > 0 => {
                let asked = bytes.get(..setup.length.into()).unwrap_or(bytes);
                self.answer.clear();
                // All answers have room.
                _ = self.answer.extend_from_slice(asked);
                self.answered = 0;
                self.stage = Stage::Answer;
                self.send_answer(controller);
            }
            Answer::LineCoding => {
                self.stage = Stage::LineCoding;
                controller.receive(Endpoint::Control, Turn::One);
            }
            Answer::Bytes(_) | Answer::Done => self.agree(controller, Stage::Done),
            Answer::Address(address) => self.agree(controller, Stage::Address(address)),
            Answer::Refused => self.refuse(controller),
        }
    }

    /// The host has taken a packet from the control endpoint.
    pub fn control_sent(&mut self, controller: &mut impl Controller) {
        match self.stage {
            Stage::Answer if self.answered < self.answer.len() => self.send_answer(controller),
            Stage::Answer => {
                self.stage = Stage::Request;
                controller.receive(Endpoint::Control, Turn::One);
            }
            Stage::Address(address) => {
                self.stage = Stage::Request;
                controller.set_address(address);
            }
            Stage::Request | Stage::LineCoding | Stage::Done => self.stage = Stage::Request,
        }
    }

    /// A packet has come at the control endpoint.
    pub fn control_received(&mut self, controller: &mut impl Controller, packet: &[u8]) {
        match (self.stage, packet.try_into()) {
            (Stage::LineCoding, Ok(coding)) => {
                self.line_coding = coding;
                self.agree(controller, Stage::Done);
            }
            (Stage::LineCoding, Err(_)) => self.refuse(controller),
            // The host's thanks for an answer.
            _ => {}
        }
    }

    /// The host has taken a packet of data.
    pub fn data_sent(&mut self, controller: &mut impl Controller) {
        self.packet.clear();
        self.is_stuck = false;
        self.pump(controller);
    }

    /// A packet of data has come. Who sends has opened the port, even if the host did not say so.
    pub fn data_received(&mut self, controller: &mut impl Controller, packet: &[u8], received: &Received) {
        packet.iter().for_each(|&byte| received.put(byte));
        if self.is_configured && !self.out_pipe.is_halted {
            self.open(controller);
            controller.receive(Endpoint::Data, self.out_pipe.turn.take());
        }
    }

    /// Takes bytes for the host; returns how many of them, none where there is no room at present. Those for which there is nobody are
    /// taken, and are gone.
    pub fn write(&mut self, controller: &mut impl Controller, bytes: &[u8]) -> usize {
        let kept = match self.port {
            Port::Closed => 0,
            Port::Open if self.is_stuck => 0,
            Port::New | Port::Open => {
                bytes.iter().take_while(|&&byte| self.queue.push_back(byte).is_ok()).count()
            }
        };
        self.pump(controller);
        if self.port == Port::Open && !self.is_stuck { kept } else { bytes.len() }
    }

    /// Waits for the host no longer: what there is no room for is lost, until it takes data again.
    pub fn give_up(&mut self) {
        self.is_stuck = true;
    }

    /// Whether the host has yet to take something that it will take.
    pub fn is_busy(&self) -> bool {
        self.port == Port::Open && !self.is_stuck && !(self.queue.is_empty() && self.packet.is_empty())
    }

    /// Does what a request says.
    fn obey<'a, C: Controller>(
        &mut self,
        controller: &mut C,
        setup: Setup,
        line_coding: &'a [u8; LINE_CODING_BYTES],
    ) -> Answer<'a> {
        let Setup { value, index, length, .. } = setup;
        match setup.request() {
            Request::Descriptor => descriptor::<C>(setup.descriptor()),
            Request::DeviceStatus => Answer::Bytes(&[0, 0]),
            Request::InterfaceStatus if is_interface(index) => Answer::Bytes(&[0, 0]),
            Request::EndpointStatus => self.endpoint_status(setup),
            Request::Configuration => {
                Answer::Bytes(if self.is_configured { &[descriptors::CONFIGURATION] } else { &[0] })
            }
            Request::Interface if is_interface(index) => Answer::Bytes(&[0]),
            Request::LineCoding => Answer::Bytes(line_coding),
            Request::SetLineCoding if length as usize == LINE_CODING_BYTES => Answer::LineCoding,
            // No other request has data that would follow it.
            _ if length > 0 => Answer::Refused,
            Request::SetAddress if value < 128 => Answer::Address(value as u8),
            Request::SetConfiguration if value <= descriptors::CONFIGURATION.into() => {
                self.configure(controller, value > 0);
                if value == 0 {
                    self.close();
                }
                Answer::Done
            }
            Request::SetInterface if is_interface(index) && value == 0 => Answer::Done,
            Request::SetLineState => {
                if value & TERMINAL_READY == 0 {
                    self.close()
                } else {
                    self.open(controller)
                }
                Answer::Done
            }
            Request::SendBreak => Answer::Done,
            Request::SetHalt => self.set_halt(controller, setup, true),
            Request::ClearHalt => self.set_halt(controller, setup, false),
            _ => Answer::Refused,
        }
    }

    fn send_answer(&mut self, controller: &mut impl Controller) {
        let rest = self.answer.get(self.answered..).unwrap_or_default();
        let packet = rest.get(..PACKET_BYTES).unwrap_or(rest);
        let turn = if (self.answered / PACKET_BYTES).is_multiple_of(2) { Turn::One } else { Turn::Zero };
        self.answered += packet.len();
        controller.send(Endpoint::Control, packet, turn);
    }

    /// An empty packet says that all is well.
    fn agree(&mut self, controller: &mut impl Controller, stage: Stage) {
        self.stage = stage;
        controller.send(Endpoint::Control, &[], Turn::One);
    }

    fn refuse(&mut self, controller: &mut impl Controller) {
        self.stage = Stage::Request;
        controller.stall(Endpoint::Control, Direction::In);
        controller.stall(Endpoint::Control, Direction::Out);
    }

    /// Puts the port at the host's disposal, or takes it back. Both directions of data begin anew.
    fn configure(&mut self, controller: &mut impl Controller, is_configured: bool) {
        self.is_configured = is_configured;
        self.is_stuck = false;
        self.packet.clear();
        (self.in_pipe, self.out_pipe) = (Pipe::default(), Pipe::default());
        controller.withdraw(Endpoint::Data, Direction::In);
        controller.withdraw(Endpoint::Data, Direction::Out);
        if is_configured {
            controller.receive(Endpoint::Data, self.out_pipe.turn.take());
            self.pump(controller);
        }
    }

    fn open(&mut self, controller: &mut impl Controller) {
        if self.is_configured {
            self.port = Port::Open;
            self.pump(controller);
        }
    }

    /// Drops all that nobody has read. Before the first program has opened the port, all stays for it.
    fn close(&mut self) {
        if self.port == Port::Open {
            self.port = Port::Closed;
            self.is_stuck = false;
            self.queue.clear();
        }
    }

    /// Gives the controller the next packet, if it has none.
    fn pump(&mut self, controller: &mut impl Controller) {
        if self.port != Port::Open || self.in_pipe.is_halted || !self.packet.is_empty() {
            return;
        }
        while !self.packet.is_full() {
            let Some(byte) = self.queue.pop_front() else { break };
            _ = self.packet.push(byte);
        }
        if !self.packet.is_empty() {
            controller.send(Endpoint::Data, &self.packet, self.in_pipe.turn.take());
        }
    }

    fn endpoint_status(&self, setup: Setup) -> Answer<'static> {
        let is_halted = match setup.endpoint() {
            (2, Direction::In) => self.in_pipe.is_halted,
            (2, Direction::Out) => self.out_pipe.is_halted,
            (0, _) | (1, Direction::In) => false,
            _ => return Answer::Refused,
        };
        Answer::Bytes(if is_halted { &[1, 0] } else { &[0, 0] })
    }

    /// Halts one direction of data, or lets it begin anew, with what had not been taken. The others have nothing to halt.
    fn set_halt(
        &mut self,
        controller: &mut impl Controller,
        setup: Setup,
        is_halted: bool,
    ) -> Answer<'static> {
        let direction = match setup.endpoint() {
            (2, direction) if self.is_configured => direction,
            (0, _) | (1, Direction::In) => return Answer::Done,
            _ => return Answer::Refused,
        };
        controller.withdraw(Endpoint::Data, direction);
        let pipe = if direction == Direction::In { &mut self.in_pipe } else { &mut self.out_pipe };
        *pipe = Pipe { turn: Turn::Zero, is_halted };
        if is_halted {
            controller.stall(Endpoint::Data, direction);
        } else if direction == Direction::Out {
            controller.receive(Endpoint::Data, pipe.turn.take());
        } else if !self.packet.is_empty() {
            controller.send(Endpoint::Data, &self.packet, pipe.turn.take());
        } else {
            self.pump(controller);
        }
        Answer::Done
    }
}

fn is_interface(index: u16) -> bool {
    index < descriptors::INTERFACES.into()
}

fn descriptor<C: Controller>([kind, index]: [u8; 2]) -> Answer<'static> {
    match (kind, index) {
        (kind::DEVICE, 0) => Answer::Bytes(const { &descriptors::device(C::PRODUCT_ID) }),
        (kind::CONFIGURATION, 0) => Answer::Bytes(&descriptors::CONFIGURATION_DESCRIPTOR),
        (kind::STRING, index) => descriptors::string_at(index).map_or(Answer::Refused, Answer::Bytes),
        _ => Answer::Refused,
    }
}

// An answer in full packets alone would need an empty one after them.
const _: () = assert!(!descriptors::CONFIGURATION_BYTES.is_multiple_of(PACKET_BYTES));

#[cfg(test)]
mod tests;
