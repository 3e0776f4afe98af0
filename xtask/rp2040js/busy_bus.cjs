// A bus on which somebody is told something all the time: RP2040 Datasheet, erratum RP2040-E5.
//
// The controller of this chip's first revisions, of which the emulator's is one, takes itself for connected when the line has been idle for
// 800 us after a reset, and hears nothing before. On this bus it never is, unless the chip itself says that it is.

const [SIE_STATUS, MUXING, PHY_DIRECT, PHY_OVERRIDE] = [0x50, 0x74, 0x7c, 0x80];
const [BUS_RESET, CONNECTED, LINE, LINE_J] = [1 << 19, 1 << 16, 3 << 2, 1 << 2];
const [TO_PHY, TO_PADS] = [1 << 0, 1 << 2];
const [PULLUP, PULLUP_OVERRIDE] = [1 << 1, 1 << 2];
/** The pins that can stand in for the lines, the function that makes them do so, and the overrides that leave a pin no output, and high. */
const [DP, DM, LINE_FUNCTION, NO_OUTPUT, HIGH] = [15, 16, 8, 2, 3];
/** Nanoseconds: of the host's reset after the chip has seen it, of the peace that the host then gives the device, and of an idle line. */
const [RESET, RECOVERY, IDLE] = [3_000_000, 10_000_000, 800_000];

/**
 * Puts the chip's controller on such a bus. `onRecovered` is called when the host may ask the device, after each reset that the chip has
 * seen. Returns a function to be called when the controller begins anew.
 */
exports.makeBusy = (chip, onRecovered) => {
  const { usbCtrl: usb, clock } = chip;
  const phy = { [PHY_DIRECT]: 0, [PHY_OVERRIDE]: 0 };
  let muxing = TO_PHY;
  const [dp, dm] = [chip.gpio[DP], chip.gpio[DM]];
  const require = (holds, what) => {
    if (!holds) throw new Error(`on a busy bus, ${what} (erratum RP2040-E5)`);
  };
  const isIdle = () =>
    dp.functionSelect === LINE_FUNCTION && dp.inputOverride === HIGH && dp.outputEnableOverride === NO_OUTPUT &&
    dm.functionSelect !== LINE_FUNCTION;
  const recovered = clock.createAlarm(() => {
    require(usb.sieStatus & CONNECTED, "the chip hears no request");
    require(muxing & TO_PHY && !(phy[PHY_OVERRIDE] & PULLUP_OVERRIDE), "the chip still listens to its pin");
    require(dp.functionSelect !== LINE_FUNCTION && !dp.inputOverride && !dp.outputEnableOverride, "the pin stays changed");
    onRecovered();
  });
  const ended = clock.createAlarm(() => {
    usb.sieStatus |= LINE_J;
    recovered.schedule(RECOVERY);
  });
  const idle = clock.createAlarm(() => {
    if (isIdle()) usb.sieStatus |= CONNECTED;
  });
  const [read, write] = [usb.readUint32.bind(usb), usb.writeUint32.bind(usb)];
  usb.readUint32 = offset => phy[offset] ?? read(offset);
  usb.writeUint32 = (offset, value) => {
    if (offset in phy) {
      phy[offset] = value;
      return;
    }
    const { sieStatus } = usb;
    write(offset, value);
    if (offset === SIE_STATUS && usb.rawWriteValue & BUS_RESET) {
      usb.sieStatus &= ~(CONNECTED | LINE);
      recovered.cancel();
      ended.schedule(RESET);
    } else if (offset === MUXING) {
      muxing = value;
      usb.sieStatus = sieStatus;
      idle.cancel();
      if (!(value & TO_PADS)) return;
      require(phy[PHY_OVERRIDE] & PULLUP_OVERRIDE && phy[PHY_DIRECT] & PULLUP, "the chip lets go of the line, and is gone to the host");
      require(sieStatus & LINE, "the chip is idle while the host still resets it");
      if (isIdle()) idle.schedule(IDLE);
    }
  };
  return () => {
    [recovered, ended, idle].forEach(alarm => alarm.cancel());
    Object.assign(phy, { [PHY_DIRECT]: 0, [PHY_OVERRIDE]: 0 });
    muxing = TO_PHY;
  };
};
