//! The USB socket of boards with an RP2040 or RP2350, as a serial port. Registers: RP2040 Datasheet and RP2350 Datasheet, "USB".

use core::cell::UnsafeCell;

use crate::Received;
use crate::usb::{Controller, Direction, Endpoint, PACKET_BYTES, Turn, UsbSerial};
use pac::common::{RW, Reg};
use pac::usb_dpram::regs::EpBufferControl;
use pac::usb_dpram::vals::EpControlEndpointType;
use rp_pac as pac;

use super::wait_until;

/// How long a host that has the port open may take no data before what is meant for it is dropped, in microseconds.
const PATIENCE_US: u32 = 500_000;
/// Bytes of the memory that the controller and the program share.
const MEMORY_BYTES: usize = 4096;
/// Where in it the endpoints' buffers are. That of the control endpoint is fixed, and the same both ways.
const CONTROL_BUFFER: usize = 0x100;
const NOTIFICATIONS_BUFFER: usize = 0x180;
const SENT_BUFFER: usize = 0x1c0;
const RECEIVED_BUFFER: usize = 0x200;
/// Periods of the processor's clock, at up to 150 MHz, in three of the controller's, for which all else about a buffer must have stood
/// before it is handed over. ("Concurrent access".)
const HANDOVER_CYCLES: u32 = 12;

/// Whether data waits for the beginning of a frame. An RP2040 whose packet to the host runs into a frame's end may hear a spoilt answer, and
/// then nothing any more until it is reset (erratum RP2040-E15); hosts that ask at once are answered far from there.
const WAITS_FOR_FRAME: bool = cfg!(feature = "pico");

/// The device's state, for the interrupt handler and for the program.
struct Shared(UnsafeCell<UsbSerial>);

// SAFETY: only `with` looks inside, which keeps the interrupts out and is not called from within itself. The second core sleeps.
unsafe impl Sync for Shared {}

static DEVICE: Shared = Shared(UnsafeCell::new(UsbSerial::new()));

fn with<T>(act: impl FnOnce(&mut UsbSerial) -> T) -> T {
    // SAFETY: as above. A fault's last words may find another call broken off, which never goes on.
    cortex_m::interrupt::free(|_| act(unsafe { &mut *DEVICE.0.get() }))
}

/// The chip's controller, its clock running.
struct Usb;

/// Starts the controller and tells the host that a device is there. Its clock runs at 48 MHz; its interrupt is the caller's to unmask.
pub(super) fn start() {
    pac::RESETS.reset().modify(|w| w.set_usbctrl(true));
    pac::RESETS.reset().modify(|w| w.set_usbctrl(false));
    wait_until(|| pac::RESETS.reset_done().read().usbctrl());
    let memory = pac::USB_DPRAM.as_ptr().cast::<u32>();
    for word in 0..MEMORY_BYTES / size_of::<u32>() {
        // SAFETY: all of the memory, which nothing but this file uses.
        unsafe { memory.add(word).write_volatile(0) };
    }
    pac::USB.usb_muxing().write(|w| {
        w.set_to_phy(true);
        w.set_softcon(true);
    });
    // The bus's power is not led to the controller: it is taken to be there.
    pac::USB.usb_pwr().write(|w| {
        w.set_vbus_detect(true);
        w.set_vbus_detect_override_en(true);
    });
    // This also ends the isolation of the RP2350's transceiver.
    pac::USB.main_ctrl().write(|w| w.set_controller_en(true));
    open_endpoints();
    pac::USB.inte().write(|w| {
        w.set_buff_status(true);
        w.set_bus_reset(true);
        w.set_setup_req(true);
    });
    pac::USB.sie_ctrl().write(|w| {
        w.set_ep0_int_1buf(true);
        w.set_pullup_en(true);
    });
}

/// The control endpoint is always open. The accessors count from endpoint 1.
fn open_endpoints() {
    let open = |control: Reg<pac::usb_dpram::regs::EpControl, RW>, buffer: usize, kind| {
        control.write(|w| {
            w.set_enable(true);
            w.set_interrupt_per_buff(true);
            w.set_endpoint_type(kind);
            w.set_buffer_address(buffer as u16);
        });
    };
    let memory = pac::USB_DPRAM;
    open(memory.ep_in_control(0), NOTIFICATIONS_BUFFER, EpControlEndpointType::INTERRUPT);
    open(memory.ep_in_control(1), SENT_BUFFER, EpControlEndpointType::BULK);
    open(memory.ep_out_control(1), RECEIVED_BUFFER, EpControlEndpointType::BULK);
}

/// Does what the controller asks for. Called by its interrupt handler, and by the program while it waits.
pub(super) fn on_event(received: &Received) {
    with(|device| poll(device, received));
}

/// Sends to the host if a program there has opened the port, and waits while it takes data, though not for one that does not.
pub(super) fn send(mut bytes: &[u8], now_us: impl Fn() -> u32, received: &Received) {
    wait_for_host(now_us, || {
        let taken = with(|device| {
            poll(device, received);
            device.write(&mut Usb, bytes)
        });
        bytes = bytes.get(taken..).unwrap_or_default();
        if bytes.is_empty() { Wait::Over } else { Wait::on(taken > 0) }
    });
}

/// Waits until the host has taken all.
pub(super) fn flush(now_us: impl Fn() -> u32, received: &Received) {
    wait_for_host(now_us, || {
        let is_busy = with(|device| {
            poll(device, received);
            device.is_busy()
        });
        if is_busy { Wait::on(false) } else { Wait::Over }
    });
}

/// The state of something that is waited for.
enum Wait {
    Over,
    Goes,
    Stands,
}

impl Wait {
    fn on(goes: bool) -> Wait {
        if goes { Wait::Goes } else { Wait::Stands }
    }
}

/// Looks until it is over, or has stood for too long.
fn wait_for_host(now_us: impl Fn() -> u32, mut look: impl FnMut() -> Wait) {
    let mut since = now_us();
    loop {
        match look() {
            Wait::Over => return,
            Wait::Goes => since = now_us(),
            Wait::Stands if now_us().wrapping_sub(since) > PATIENCE_US => with(UsbSerial::give_up),
            Wait::Stands => {}
        }
    }
}

/// Calls the device for each event that the controller has: in the order in which they came on the bus, as far as they tell.
fn poll(device: &mut UsbSerial, received: &Received) {
    let usb = pac::USB;
    let events = usb.ints().read();
    if events.bus_reset() {
        usb.sie_status().write(|w| w.set_bus_reset(true));
        usb.buff_status().write_value(usb.buff_status().read());
        device.reset(&mut Usb);
        #[cfg(feature = "pico")]
        super::usb_busy_bus::on_reset();
    }
    let done = usb.buff_status().read();
    usb.buff_status().write_value(done);
    if done.ep_in(Endpoint::Control as usize) {
        device.control_sent(&mut Usb);
    }
    if done.ep_out(Endpoint::Control as usize) {
        device.control_received(&mut Usb, taken(Endpoint::Control).bytes());
    }
    if done.ep_in(Endpoint::Data as usize) {
        device.data_sent(&mut Usb);
    }
    if done.ep_out(Endpoint::Data as usize) {
        device.data_received(&mut Usb, taken(Endpoint::Data).bytes(), received);
    }
    if events.dev_sof() {
        begin_frame();
    }
    if events.setup_req() {
        // In this order, so that a request which comes meanwhile is seen.
        usb.sie_status().write(|w| w.set_setup_rec(true));
        let [low, high] =
            [pac::USB_DPRAM.setup_packet_low().read().0, pac::USB_DPRAM.setup_packet_high().read().0];
        let packet = u64::from(high) << 32 | u64::from(low);
        device.set_up(&mut Usb, packet.to_le_bytes());
    }
}

/// A packet out of the controller's memory.
struct Packet {
    bytes: [u8; PACKET_BYTES],
    length: usize,
}

impl Packet {
    fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or(&self.bytes)
    }
}

/// The packet that the host has sent.
fn taken(endpoint: Endpoint) -> Packet {
    let buffer = buffer(endpoint, Direction::Out);
    let length = buffer_control(endpoint, Direction::Out).read().length(0).into();
    let mut bytes = [0; PACKET_BYTES];
    for (at, byte) in bytes.iter_mut().enumerate().take(length) {
        // SAFETY: inside the endpoint's buffer, which is the program's until it is handed over again.
        *byte = unsafe { buffer.add(at).read_volatile() };
    }
    Packet { bytes, length }
}

/// Where an endpoint's packets lie.
fn buffer(endpoint: Endpoint, direction: Direction) -> *mut u8 {
    let offset = match (endpoint, direction) {
        (Endpoint::Control, _) => CONTROL_BUFFER,
        (Endpoint::Notifications, _) => NOTIFICATIONS_BUFFER,
        (Endpoint::Data, Direction::In) => SENT_BUFFER,
        (Endpoint::Data, Direction::Out) => RECEIVED_BUFFER,
    };
    pac::USB_DPRAM.as_ptr().cast::<u8>().wrapping_add(offset)
}

fn buffer_control(endpoint: Endpoint, direction: Direction) -> Reg<EpBufferControl, RW> {
    let memory = pac::USB_DPRAM;
    match (endpoint, direction) {
        (Endpoint::Control, Direction::In) => memory.ep_in_buffer_control(0),
        (Endpoint::Control, Direction::Out) => memory.ep_out_buffer_control(0),
        (Endpoint::Notifications, Direction::In) => memory.ep_in_buffer_control(1),
        (Endpoint::Notifications, Direction::Out) => memory.ep_out_buffer_control(1),
        (Endpoint::Data, Direction::In) => memory.ep_in_buffer_control(2),
        (Endpoint::Data, Direction::Out) => memory.ep_out_buffer_control(2),
    }
}

/// Says what a buffer is for, while it is still the program's.
fn prepare(endpoint: Endpoint, direction: Direction, length: usize, turn: Turn) {
    let mut control = EpBufferControl(0);
    control.set_length(0, length as u16);
    control.set_pid(0, turn == Turn::One);
    control.set_full(0, direction == Direction::In);
    buffer_control(endpoint, direction).write_value(control);
}

/// Gives the buffer to the controller.
fn hand_over(endpoint: Endpoint, direction: Direction) {
    cortex_m::asm::delay(HANDOVER_CYCLES);
    buffer_control(endpoint, direction).modify(|w| w.set_available(0, true));
}

/// Asks for an interrupt when the next frame begins.
fn wait_for_frame() {
    forget_frame();
    pac::USB.inte().modify(|w| w.set_dev_sof(true));
}

/// Reading a frame's number takes back the flag that it has begun.
fn forget_frame() {
    pac::USB.sof_rd().read();
}

/// Hands over what has waited for this.
fn begin_frame() {
    forget_frame();
    pac::USB.inte().modify(|w| w.set_dev_sof(false));
    let waiting = buffer_control(Endpoint::Data, Direction::In).read();
    if waiting.full(0) && !waiting.available(0) {
        hand_over(Endpoint::Data, Direction::In);
    }
}

impl Controller for Usb {
    /// Of Raspberry Pi's own kit on each chip, for devices that are a serial port.
    const PRODUCT_ID: u16 = if cfg!(feature = "pico") { 0x000a } else { 0x0009 };

    fn set_address(&mut self, address: u8) {
        pac::USB.addr_endp().write(|w| w.set_address(address));
    }

    fn send(&mut self, endpoint: Endpoint, packet: &[u8], turn: Turn) {
        let buffer = buffer(endpoint, Direction::In);
        for (at, &byte) in packet.iter().enumerate().take(PACKET_BYTES) {
            // SAFETY: inside the endpoint's buffer, which is the program's until it is handed over.
            unsafe { buffer.add(at).write_volatile(byte) };
        }
        prepare(endpoint, Direction::In, packet.len(), turn);
        if WAITS_FOR_FRAME && endpoint == Endpoint::Data {
            wait_for_frame();
        } else {
            hand_over(endpoint, Direction::In);
        }
    }

    fn receive(&mut self, endpoint: Endpoint, turn: Turn) {
        prepare(endpoint, Direction::Out, PACKET_BYTES, turn);
        hand_over(endpoint, Direction::Out);
    }

    fn withdraw(&mut self, endpoint: Endpoint, direction: Direction) {
        buffer_control(endpoint, direction).write_value(EpBufferControl(0));
    }

    fn stall(&mut self, endpoint: Endpoint, direction: Direction) {
        if endpoint == Endpoint::Control {
            pac::USB.ep_stall_arm().modify(|w| match direction {
                Direction::In => w.set_ep0_in(true),
                Direction::Out => w.set_ep0_out(true),
            });
        }
        buffer_control(endpoint, direction).write(|w| w.set_stall(true));
    }
}
