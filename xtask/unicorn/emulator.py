"""A board whose chip is emulated by Unicorn, its serial port a connection: `python emulator.py BOARD IMAGE PORT [MODEL ADDRESS]`.

IMAGE is an ELF file; MODEL goes to ADDRESS in flash. The chip's registers are models of our own, after the makers' manuals: they
know what the firmware uses, and refuse all else, with a sentence and exit code 1.
"""

import select
import socket
import struct
import sys

from cortex_m import Fault, Machine
from nrf52 import MicrobitV2, Nrf52840Dk
from rp2350 import Pico2
from serial_line import SerialLine
from stm32f1 import Stm32F103
from stm32f4 import Stm32F411
from stm32g0 import Stm32G071

CHIPS = {
    "black-pill": Stm32F411,
    "blue-pill": Stm32F103,
    "microbit-v2": MicrobitV2,
    "nrf52840-dk": Nrf52840Dk,
    "nucleo-g071rb": Stm32G071,
    "pico2": Pico2,
}
# Between two looks at the connection, in parts of a second of the chip's.
LOOKS_A_SECOND = 1_000


def segments(elf):
    """The parts to be loaded, by physical address."""
    (table,) = struct.unpack_from("<I", elf, 28)
    size, count = struct.unpack_from("<HH", elf, 42)
    for at in range(table, table + size * count, size):
        kind, offset, _, physical, length = struct.unpack_from("<5I", elf, at)
        if kind == 1 and length:
            yield physical, elf[offset : offset + length]


def read(path):
    with open(path, "rb") as file:
        return file.read()


def serve(machine, line, connection):
    """Runs the board until the other end hangs up. A chip that sleeps passes its time as slowly as a real one."""
    while True:
        slept = machine.run(machine.chip.core_hz() // LOOKS_A_SECOND)
        readable, _, _ = select.select([connection], [], [], 1 / LOOKS_A_SECOND if slept else 0)
        if readable:
            typed = connection.recv(4096)
            if not typed:
                return
            line.typed.extend(typed)


def main():
    board, image, port, *model = sys.argv[1:]
    connection = socket.create_connection(("127.0.0.1", int(port)))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    line = SerialLine(lambda byte: connection.sendall(bytes((byte,))))
    machine = Machine(CHIPS[board](line))
    for address, data in segments(read(image)):
        machine.load_program(address, data)
    if model:
        machine.load(int(model[1]), read(model[0]))
    machine.start()
    try:
        serve(machine, line, connection)
    except Fault as fault:
        sys.exit(f"{board}'s program does what the chip may not take: {fault} (at {machine.pc:#x})")
    except ConnectionError:
        pass


if __name__ == "__main__":
    main()
