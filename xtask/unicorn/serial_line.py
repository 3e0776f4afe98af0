"""The two wires between a UART and the PC, at 115,200 baud."""

from collections import deque

from cortex_m import Peripheral, require

BAUD = 115_200
BITS_A_BYTE = 10
# The part by which both ends may differ, so that the last bit of a byte is still read as it was sent.
TOLERANCE = 0.03


class SerialLine:
    def __init__(self, send):
        self.send = send
        self.typed = deque()

    def byte_cycles(self, clock_hz, baud):
        """Of the processor, for a byte at the rate that a UART is set to."""
        require(abs(baud / BAUD - 1) <= TOLERANCE, f"its UART runs at {baud:.0f} baud, and the PC at {BAUD}")
        return round(clock_hz * BITS_A_BYTE / BAUD)


class Receiver(Peripheral):
    """A UART's receiving part: a byte comes when its time has come, and is lost where there is no room."""

    ROOM = 1

    def open(self, line, cycles_a_byte):
        self.line, self.cycles_a_byte = line, cycles_a_byte
        self.arrived, self.overrun = deque(), False

    def pass_time(self):
        if self.due is not None and self.machine.cycles >= self.due:
            self.due = None
            if len(self.arrived) < self.ROOM:
                self.arrived.append(self.line.typed.popleft())
            else:
                self.line.typed.popleft()
                self.overrun = True
            self.on_arrival()
        if self.due is None and self.line.typed and self.is_receiving():
            self.due = self.machine.cycles + self.cycles_a_byte()

    def on_arrival(self):
        """Called for each byte that has come, or is lost."""
