"""Speed on the PC beside llama2.c's int8 program, with one file that both read; Python's standard library is enough.

    python3 docs/beside_llama2c.py write m.bin m.tok
    pipsqueak import m.bin --tokenizer m.tok --context 512 --out m.pip
    python3 docs/beside_llama2c.py time 'pipsqueak generate --model m.pip --prompt a --temperature 0 --length {}' \\
        './runq m.bin -z m.tok -i a -t 0 -n {}'

`write` makes a version 2 file of random weights in the shape of stories110M, and a tokenizer of as many pieces. `time` runs the
commands in turns, with two numbers of tokens in the place of {}, and prints tokens per second of processor time between the two, so
that loading does not count.
"""

import array
import os
import random
import shlex
import statistics
import struct
import subprocess
import sys

WIDTH, HIDDEN, LAYERS, HEADS, VOCAB, CONTEXT, GROUP = 768, 2048, 12, 12, 32000, 1024, 64
SHORT, LONG, ROUNDS = 16, 112, 5


def write(model, tokenizer):
    make = random.Random(1)
    with open(model, "wb") as file:
        header = struct.pack("<4si7iBi", b"24ka", 2, WIDTH, HIDDEN, LAYERS, HEADS, HEADS, VOCAB, CONTEXT, 1, GROUP)
        file.write(header.ljust(256, b"\0"))
        file.write(array.array("f", [1.0] * ((2 * LAYERS + 1) * WIDTH)).tobytes())
        matrices = [VOCAB * WIDTH] + 4 * LAYERS * [WIDTH * WIDTH] + 3 * LAYERS * [WIDTH * HIDDEN]
        for count in matrices:
            file.write(make.randbytes(count))
            file.write(array.array("f", [0.0004] * (count // GROUP)).tobytes())
    characters = [bytes([byte]) for byte in range(32, 127)]
    pairs = [a + b for a in characters for b in characters]
    pieces = [b"<unk>", b"\n<s>\n", b"\n</s>\n"] + [b"<0x%02X>" % byte for byte in range(256)]
    joined = pairs + [pair + c for pair in pairs for c in characters]
    pieces += joined[: VOCAB - len(pieces) - len(characters)] + characters
    with open(tokenizer, "wb") as file:
        file.write(struct.pack("<i", max(map(len, pieces))))
        for rank, piece in enumerate(pieces):
            file.write(struct.pack("<fi", -rank, len(piece)) + piece)


def processor_seconds(command, tokens):
    process = subprocess.Popen(shlex.split(command.replace("{}", str(tokens))), stdout=-3, stderr=-3)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"it fails: {command}")
    return usage.ru_utime + usage.ru_stime


def time(commands):
    speeds = {command: [] for command in commands}
    for _ in range(ROUNDS):
        for command, found in speeds.items():
            seconds = processor_seconds(command, LONG) - processor_seconds(command, SHORT)
            found.append((LONG - SHORT) / seconds)
    for command, found in speeds.items():
        print(f"{statistics.median(found):.0f} tokens/s ({min(found):.0f} to {max(found):.0f}): {command}")


if __name__ == "__main__":
    if len(sys.argv) == 4 and sys.argv[1] == "write":
        write(*sys.argv[2:])
    elif len(sys.argv) > 2 and sys.argv[1] == "time":
        time(sys.argv[2:])
    else:
        sys.exit(__doc__)
