// A PC at the chip's USB socket, on which a program has the serial port open.
//
// Its requests are those of PCs: USB 2.0, chapter 9, and the class "communications", ACM. The emulator's own host skips most
// of that, and sends empty packets where nothing has been typed.

const { makeBusy } = require("./busy_bus.cjs");

/** In an endpoint's buffer control. */
const [LENGTH, AVAILABLE, STALL] = [0x3ff, 1 << 10, 1 << 11];
/** Registers: the interrupts that are let through, of which one says that a frame begins, and the frame's number. */
const [INTE, DEV_SOF, SOF_RD] = [0x90, 1 << 17, 0x48];
/** Nanoseconds of a frame, and after which a packet handed over may run into its end. */
const [FRAME, LATE] = [1_000_000, 800_000];
const [OUT, IN] = [0x00, 0x80];
/** Who defines a request, and for whom it is. */
const [STANDARD, CLASS_INTERFACE] = [0x00, 0x21];
const [SET_ADDRESS, GET_DESCRIPTOR, SET_CONFIGURATION] = [5, 6, 9];
const [SET_LINE_CODING, GET_LINE_CODING, SET_CONTROL_LINE_STATE] = [0x20, 0x21, 0x22];
const [DEVICE, CONFIGURATION, STRING, ENDPOINT] = [1, 2, 3, 5];
const PACKET = 64;
/** 9,600 baud, one stop bit, no parity, 8 bits. */
const LINE_CODING = Uint8Array.of(0x80, 0x25, 0, 0, 0, 0, 8);
const TERMINAL_READY = 1;

/** Packets both ways, as the bus carries them. */
class Bus {
  /** `wake` is called whenever the chip has something to do again, `onData` with each packet of data. */
  constructor(chip, wake, onData) {
    Object.assign(this, { usb: chip.usbCtrl, view: chip.usbDPRAMView, wake });
    this.unread = new Set();
    this.onData = packet => onData?.(packet);
    /** Called when the device shows that it is there. */
    this.onDevice = () => {};
    this.isPluggedIn = true;
    this.forget();
    this.takeOver(chip.clock);
    this.tellFrames(chip.clock);
    this.restartBus = makeBusy(chip, () => this.onReset());
  }

  /** Whatever was under way is lost, and nothing that the device does reaches the host any more. */
  forget() {
    this.typed = new Map();
    this.underway = new Map();
    this.onControl = () => {};
    this.onStall = () => {};
    this.onReset = () => {};
  }

  unplug() {
    this.isPluggedIn = false;
    this.forget();
  }

  plugIn() {
    this.isPluggedIn = true;
    this.onDevice();
  }

  /** All of the controller begins anew: a host sees that the device is gone. */
  restart() {
    this.forget();
    Object.assign(this.usb, { mainCtrl: 0, sieStatus: 0, buffStatus: 0, intRaw: 0, intEnable: 0, addrEndp: 0 });
    this.usb.checkInterrupts();
    this.restartBus();
  }

  /** The emulator hands a buffer over at once, and forgets that it is available; a host takes its time. */
  takeOver(clock) {
    const { usb, view } = this;
    const mark = (endpoint, bits) => view.setUint32(this.place(endpoint), bits, true);
    usb.onUSBEnabled = () => this.isPluggedIn && this.onDevice();
    usb.onEndpointWrite = (endpoint, packet) =>
      endpoint === 0 ? this.onControl(packet) : this.onData(packet);
    usb.onEndpointRead = endpoint => {
      mark(endpoint, this.buffer(endpoint) | AVAILABLE);
      this.feed(endpoint);
    };
    const finish = usb.finishRead.bind(usb);
    usb.finishRead = (endpoint, packet) => {
      mark(endpoint, this.buffer(endpoint) & ~AVAILABLE);
      finish(endpoint, packet);
      const taken = this.underway.get(endpoint);
      this.underway.delete(endpoint);
      taken?.();
    };
    const update = usb.DPRAMUpdated.bind(usb);
    usb.DPRAMUpdated = (offset, value) => {
      const isForHost = offset >= 0x80 && offset < 0x100 && !(offset & 4) && value & AVAILABLE;
      if (this.unread.has(offset) || (isForHost && !this.isPluggedIn)) return;
      const isSent = isForHost && offset > 0x80;
      if (isSent && clock.nanos % FRAME > LATE) {
        throw new Error("a packet at the end of a frame may hang the chip's controller (erratum RP2040-E15)");
      }
      update(offset, value);
      if (offset === 0x80 && value & STALL) this.onStall();
    };
  }

  /**
   * Frames begin each millisecond; the emulator knows them as a host only. The flag says so until the frame's number is read, whether the
   * chip listens or not; a chip that does not is not woken.
   */
  tellFrames(clock) {
    const { usb } = this;
    const frame = () => Math.floor(clock.nanos / FRAME);
    let seen = 0;
    const set = isBegun => {
      usb.intRaw = isBegun ? usb.intRaw | DEV_SOF : usb.intRaw & ~DEV_SOF;
      usb.checkInterrupts();
    };
    const begin = clock.createAlarm(() => set(true));
    const [read, write] = [usb.readUint32.bind(usb), usb.writeUint32.bind(usb)];
    usb.readUint32 = offset => {
      if (offset === SOF_RD) {
        seen = frame();
        set(false);
      }
      return read(offset);
    };
    usb.writeUint32 = (offset, value) => {
      write(offset, value);
      if (offset !== INTE || !(value & DEV_SOF)) return;
      if (seen < frame()) set(true);
      else begin.schedule(FRAME - (clock.nanos % FRAME));
    };
  }

  place(endpoint) {
    return 0x84 + endpoint * 8;
  }

  buffer(endpoint) {
    return this.view.getUint32(this.place(endpoint), true);
  }

  /** Leaves what the chip has for the host where it is, from now on. */
  stopReading(endpoint) {
    this.unread.add(0x80 + endpoint * 8);
  }

  /** Sends a packet when the chip takes one, and waits until it has. */
  send(endpoint, packet) {
    return new Promise(taken => {
      this.typed.set(endpoint, [...(this.typed.get(endpoint) ?? []), { packet, taken }]);
      this.feed(endpoint);
      this.wake();
    });
  }

  feed(endpoint) {
    const packets = this.typed.get(endpoint);
    if (!packets?.length || this.underway.has(endpoint) || !(this.buffer(endpoint) & AVAILABLE)) return;
    const { packet, taken } = packets.shift();
    if (packet.length > (this.buffer(endpoint) & LENGTH)) throw new Error(`no room for ${packet.length} bytes`);
    this.underway.set(endpoint, taken);
    this.usb.endpointReadDone(endpoint, packet);
  }

  reset() {
    const done = new Promise(resolve => (this.onReset = resolve));
    this.usb.resetDevice();
    this.wake();
    return done;
  }

  /** A request that asks for `length` bytes; they are what it is worth. */
  async ask(kind, code, value, index, length) {
    const bytes = [];
    await this.request([kind | IN, code, value, index, length], packet => {
      bytes.push(...packet);
      return packet.length < PACKET || bytes.length >= length;
    });
    await this.send(0, new Uint8Array());
    return Uint8Array.from(bytes);
  }

  /** A request with bytes, or without. */
  async tell(kind, code, value, index, bytes = new Uint8Array()) {
    const done = this.request([kind | OUT, code, value, index, bytes.length], packet => packet.length === 0);
    if (bytes.length) await this.send(0, bytes);
    await done;
  }

  request([kind, code, value, index, length], isLast) {
    const setup = new DataView(new ArrayBuffer(8));
    [kind, code].forEach((byte, at) => setup.setUint8(at, byte));
    [value, index, length].forEach((word, at) => setup.setUint16(2 + 2 * at, word, true));
    const refused = `the device refuses request ${code} with value ${value}`;
    return new Promise((resolve, reject) => {
      this.onControl = packet => isLast(packet) && resolve();
      this.onStall = () => reject(new Error(refused));
      this.usb.sendSetupPacket(new Uint8Array(setup.buffer));
      this.wake();
    });
  }
}

/** The addresses of the endpoints that carry bytes, in and out. */
function endpoints(configuration) {
  const bulk = [];
  for (let at = 0; at < configuration.length; at += configuration[at]) {
    const [, kind, address, type] = configuration.subarray(at);
    if (kind === ENDPOINT && type === 2) bulk.push(address);
  }
  return [bulk.find(address => address & IN) & 0xf, bulk.find(address => !(address & IN))];
}

/** Finds out what is plugged in, after the reset that comes with it. */
async function enumerate(bus) {
  const descriptor = (kind, length, number = 0) => bus.ask(STANDARD, GET_DESCRIPTOR, (kind << 8) | number, 0, length);
  await descriptor(DEVICE, PACKET);
  await bus.reset();
  await bus.tell(STANDARD, SET_ADDRESS, 7, 0);
  const device = Buffer.from(await descriptor(DEVICE, 18));
  const [, , length, high] = await descriptor(CONFIGURATION, 9);
  const configuration = await descriptor(CONFIGURATION, length | (high << 8));
  const name = Buffer.from((await descriptor(STRING, 255, device[15])).subarray(2)).toString("utf16le");
  await bus.tell(STANDARD, SET_CONFIGURATION, configuration[5], 0);
  const [input, output] = endpoints(configuration);
  return { name, vendor: device.readUInt16LE(8), product: device.readUInt16LE(10), input, output };
}

/** As a system does when a program opens the port. */
async function openPort(bus) {
  await bus.tell(CLASS_INTERFACE, SET_LINE_CODING, 0, 0, LINE_CODING);
  const coding = await bus.ask(CLASS_INTERFACE, GET_LINE_CODING, 0, 0, LINE_CODING.length);
  if (coding.join() !== LINE_CODING.join()) throw new Error(`the line's coding is ${coding.join()}`);
  await bus.tell(CLASS_INTERFACE, SET_CONTROL_LINE_STATE, TERMINAL_READY, 0);
}

/**
 * A PC, into which the chip is plugged. `hears` has functions: `port(device)` is called when the device's port is open, `gone` when the
 * device is gone, and `data(bytes)` with what it says. Without `data`, a program has the port open and reads nothing. `failed` hears
 * why a device can't be used as a serial port.
 */
exports.Host = class {
  #bus;
  #hears;
  /** The address of the endpoint that takes what is typed; none where no port is open. */
  #output;

  constructor(chip, wake, hears) {
    this.#hears = hears;
    this.#bus = new Bus(chip, wake, hears.data);
    this.#bus.onDevice = () => void this.#meet().catch(hears.failed);
  }

  async #meet() {
    const bus = this.#bus;
    await bus.reset();
    const device = await enumerate(bus);
    if (!this.#hears.data) bus.stopReading(device.input);
    await openPort(bus);
    this.#output = device.output;
    this.#hears.port?.(device);
  }

  #lose() {
    if (this.#output === undefined) return;
    this.#output = undefined;
    this.#hears.gone?.();
  }

  get isPluggedIn() {
    return this.#bus.isPluggedIn;
  }

  /** Pulls the cable out, whatever is under way. */
  unplug() {
    this.#bus.unplug();
    this.#lose();
  }

  plugIn() {
    this.#bus.plugIn();
  }

  /** The chip has been reset. */
  restart() {
    this.#bus.restart();
    this.#lose();
  }

  /** Bytes for which there is no port are lost. */
  type(bytes) {
    if (this.#output === undefined) return;
    for (let at = 0; at < bytes.length; at += PACKET) void this.#bus.send(this.#output, bytes.subarray(at, at + PACKET));
  }
};
