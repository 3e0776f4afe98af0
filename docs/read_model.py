#!/usr/bin/env python3
"""Reads a Pipsqueak model file. Written from model-format.md alone, and without packages.

    read_model.py MODEL                         what is in the file, as JSON
    read_model.py MODEL [TENSOR LAYER ROW]...   and "rows": the weights of each row that is named, dequantised
"""

import json
import math
import struct
import sys
import zlib

POSITIONS = ["none", "learned", "sinusoidal", "rotary"]
NORMS = ["none", "layer", "rms"]
ACTIVATIONS = ["relu", "gelu", "silu"]
MLPS = ["plain", "gated"]
PRECISIONS = ["f32", "int8", "int4", "ternary"]
LOOPS, EXPERTS, BIGRAMS, PER_LAYER_EMBEDDINGS, LATENT, LATENT_ROTARY, ACTIVE = 1, 2, 4, 8, 16, 32, 64
FEATURES = LOOPS | EXPERTS | BIGRAMS | PER_LAYER_EMBEDDINGS | LATENT | LATENT_ROTARY | ACTIVE
WEIGHTS_OF_WORD = {"int8": 4, "int4": 8, "ternary": 16}


class Damaged(Exception):
    """The file is not what the specification says."""


class Reader:
    """The bytes of a file, read from front to back."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, length):
        if self.at + length > len(self.data):
            raise Damaged(f"it ends early, at byte {len(self.data)}")
        self.at += length
        return self.data[self.at - length : self.at]

    def varint(self, bits):
        value = shift = 0
        while True:
            byte = self.take(1)[0]
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                break
            if shift >= bits:
                raise Damaged(f"a varint has more than {bits} bits")
        if value >> bits:
            raise Damaged(f"a varint has more than {bits} bits")
        return value

    def enum(self, names):
        number = self.varint(32)
        if number >= len(names):
            raise Damaged(f"{number} is none of {names}")
        return names[number]

    def bool(self):
        return self.enum([False, True])

    def f32(self):
        return struct.unpack("<f", self.take(4))[0]

    def bytes(self):
        return self.take(self.varint(32))

    def str(self):
        return self.bytes().decode("utf-8")

    def option_id(self):
        return self.varint(16) if self.bool() else None


def read_header(reader):
    if reader.take(4) != b"PIPS":
        raise Damaged("it is not a model file")
    version, features = reader.varint(16), reader.varint(32)
    if version != 2 or features & ~FEATURES:
        raise Damaged(f"version {version} with features {features:#x} is unknown")
    return {"version": version, "features": features}


def read_config(reader, features):
    sizes = ["vocab", "context", "width", "layers", "heads", "kv_heads", "hidden"]
    config = {name: reader.varint(32) for name in sizes}
    config["position"] = reader.enum(POSITIONS)
    config["rotary_base"] = reader.f32()
    config["norm"] = reader.enum(NORMS)
    config["norm_epsilon"] = reader.f32()
    config["activation"] = reader.enum(ACTIVATIONS)
    config["mlp"] = reader.enum(MLPS)
    for name in ["residual", "bias", "tied"]:
        config[name] = reader.bool()
    if features & LOOPS:
        config["loops"] = reader.varint(32)
        if not 2 <= config["loops"] <= 256 // config["layers"]:
            raise Damaged(f"{config['loops']} loops are less than 2, or more than 256 layers")
    if features & EXPERTS:
        config["experts"] = reader.varint(32)
        if not 2 <= config["experts"] <= 64:
            raise Damaged(f"{config['experts']} experts are less than 2 or more than 64")
    if features & BIGRAMS:
        config["bigrams"] = reader.varint(32)
        if not 1 <= config["bigrams"] <= 65535:
            raise Damaged(f"{config['bigrams']} rows for pairs are less than 1 or more than 65,535")
    if features & PER_LAYER_EMBEDDINGS:
        config["per_layer_embeddings"] = reader.bool()
        if not config["per_layer_embeddings"]:
            raise Damaged("it has embeddings for each layer, and says that it has none")
    if features & LATENT:
        config["latent"] = reader.varint(32)
        if not 1 <= config["latent"] <= 256:
            raise Damaged(f"a latent of {config['latent']} has less than 1 or more than 256 channels")
    if features & LATENT_ROTARY:
        config["latent_rotary"] = reader.varint(32)
        if not 2 <= config["latent_rotary"] <= 256 - config.get("latent", 256) or config["latent_rotary"] % 2:
            raise Damaged(f"{config['latent_rotary']} rotary channels do not go with the latent")
    if features & ACTIVE:
        config["active_experts"] = reader.varint(32)
        if config["active_experts"] != 2 or "experts" not in config:
            raise Damaged(f"{config['active_experts']} active experts do not go with the experts")
    return config


def read_vocabulary(reader):
    kind = reader.enum(["bytes", "characters", "merges"])
    vocabulary = {"kind": kind}
    if kind == "bytes":
        pieces = [bytes([byte]) for byte in range(256)]
    elif kind == "characters":
        pieces = [character.encode() for character in reader.str()]
    else:
        pieces = read_merges(reader.bytes(), reader.bytes())
        vocabulary["words"] = reader.enum(["runs", "spaces", "space runs", "gpt2"])
        if vocabulary["words"] == "gpt2":
            vocabulary["classes"], vocabulary["single_digits"] = list(reader.bytes()), reader.bool()
    vocabulary["begin"], vocabulary["end"] = reader.option_id(), reader.option_id()
    vocabulary["prefix_space"] = reader.bool()
    return vocabulary, pieces


def read_merges(atoms, pairs):
    pieces, reader = [], Reader(atoms)
    while reader.at < len(atoms):
        pieces.append(reader.take(reader.take(1)[0]))
    for left, right in struct.iter_unpack("<HH", pairs):
        pieces.append(pieces[left] + pieces[right])
    return pieces


def read_provenance(reader):
    return {
        "corpus": reader.str(),
        "licence": reader.str(),
        "corpus_crc": reader.varint(32),
        "steps": reader.varint(32),
        "loss_f32": reader.f32(),
        "loss": reader.f32(),
        "bytes_per_token": reader.f32(),
    }


def read_golden(reader):
    golden = {"prompt": reader.str(), "seed": reader.varint(64)}
    golden["tokens"] = [token for (token,) in struct.iter_unpack("<H", reader.bytes())]
    golden["fingerprints"] = [fingerprint for (fingerprint,) in struct.iter_unpack("<I", reader.bytes())]
    return golden


def shapes(config):
    """The name of every tensor, whether it is a matrix, and `(layers, rows, columns)`; None where it is absent."""
    width, layers, hidden = config["width"], config["layers"], config["hidden"]
    attended, qkv = width, width + 2 * config["kv_heads"] * (width // config["heads"])
    if "latent" in config:
        attended = config["heads"] * config["latent"]
        qkv = (config["heads"] + 1) * (config["latent"] + config.get("latent_rotary", 0))
    experts = config.get("experts", 1)
    mlps = layers * experts
    up = 2 * hidden if config["mlp"] == "gated" else hidden
    gain, bias = config["norm"] != "none", config["bias"]
    norm_bias = config["norm"] == "layer" and bias
    table = [
        ("embedding", True, (1, config["vocab"], width), True),
        ("positions", True, (1, config["context"], width), config["position"] == "learned"),
        ("attention_norm.gain", False, (layers, 1, width), gain),
        ("attention_norm.bias", False, (layers, 1, width), norm_bias),
        ("attention.qkv", True, (layers, qkv, width), True),
        ("attention.qkv_bias", False, (layers, 1, qkv), bias),
        ("attention.output", True, (layers, width, attended), True),
        ("attention.output_bias", False, (layers, 1, width), bias),
        ("mlp_norm.gain", False, (layers, 1, width), gain),
        ("mlp_norm.bias", False, (layers, 1, width), norm_bias),
        ("mlp.up", True, (mlps, up, width), True),
        ("mlp.up_bias", False, (mlps, 1, up), bias),
        ("mlp.down", True, (mlps, width, hidden), True),
        ("mlp.down_bias", False, (mlps, 1, width), bias),
        ("final_norm.gain", False, (1, 1, width), gain),
        ("final_norm.bias", False, (1, 1, width), norm_bias),
        ("head", True, (1, config["vocab"], width), not config["tied"]),
    ]
    if experts > 1:
        table.append(("router", True, (layers, experts, width), True))
    if "bigrams" in config:
        table.append(("bigrams", True, (1, config["bigrams"], width), True))
    if "per_layer_embeddings" in config:
        table.append(("per_layer_embeddings", True, (layers, config["vocab"], width), True))
    return [(name, matrix, shape if present else None) for name, matrix, shape, present in table]


def words_of_row(precision, columns):
    return -(-columns // WEIGHTS_OF_WORD[precision])


def tensor_bytes(matrix, shape, precision):
    if shape is None:
        return 0
    layers, rows, columns = shape
    if not matrix or precision == "f32":
        return 4 * layers * rows * columns
    padded = -(-rows // 4) * 4
    return layers * (padded * (4 * words_of_row(precision, columns) + 2) + 4)


def unpack(precision, word):
    """The integers of one word."""
    if precision == "int8":
        weights = []
        for half in struct.unpack("<hh", struct.pack("<I", word)):
            even = (half & 0xFF) - 256 * ((half >> 7) & 1)
            weights += [even, (half - even) // 256]
        return weights
    if precision == "int4":
        word ^= 0x80008000
        return [(word >> 4 * i & 15) - 8 for i in range(8)]
    return [(word >> 2 * i & 3) - 1 for i in range(16)]


class Model:
    """A model file, read and checked."""

    def __init__(self, data):
        reader = Reader(data)
        self.header = read_header(reader)
        self.config = read_config(reader, self.header["features"])
        self.precision = reader.enum(PRECISIONS)
        self.vocabulary, self.pieces = read_vocabulary(reader)
        self.provenance = read_provenance(reader)
        self.golden = read_golden(reader)
        self.tensors = {}
        for name, matrix, shape in shapes(self.config):
            self.tensors[name] = matrix, shape, self.read_tensor(reader, name, matrix, shape)
        self.crc = zlib.crc32(data[: reader.at])
        if reader.take(4) != struct.pack("<I", self.crc):
            raise Damaged("its checksum does not match its contents")
        self.length = reader.at

    def read_tensor(self, reader, name, matrix, shape):
        if any(reader.bytes()):
            raise Damaged(f"the padding of {name} is not zero")
        data = reader.bytes()
        if len(data) != tensor_bytes(matrix, shape, self.precision):
            raise Damaged(f"{name} has {len(data)} bytes, which does not match its shape {shape}")
        if data and (reader.at - len(data)) % 16:
            raise Damaged(f"{name} does not start on a multiple of 16 bytes")
        return data

    def row(self, name, layer, row):
        """The weights of one row, as numbers."""
        matrix, (layers, rows, columns), data = self.tensors[name]
        if not (0 <= layer < layers and 0 <= row < rows):
            raise Damaged(f"{name} has {layers} layers and {rows} rows")
        if not matrix or self.precision == "f32":
            return list(struct.unpack_from(f"<{columns}f", data, 4 * (layer * rows + row) * columns))
        padded, words = -(-rows // 4) * 4, words_of_row(self.precision, columns)
        mantissas = 4 * layers * padded * words
        units = mantissas + 2 * layers * padded
        (mantissa,) = struct.unpack_from("<H", data, mantissas + 2 * (layer * padded + row))
        (unit,) = struct.unpack_from("<f", data, units + 4 * layer)
        weights = []
        for j in range(words):
            place = layer * padded * words + (row // 4 * words + j) * 4 + row % 4
            weights += unpack(self.precision, struct.unpack_from("<I", data, 4 * place)[0])
        return [q * mantissa * unit for q in weights[:columns]]

    def summary(self):
        """All but the weights. JSON has no NaN: an unknown loss is null."""
        provenance = {
            name: None if isinstance(value, float) and math.isnan(value) else value
            for name, value in self.provenance.items()
        }
        return {
            **self.header,
            "config": self.config,
            "precision": self.precision,
            "vocabulary": self.vocabulary,
            "pieces": [list(piece) for piece in self.pieces],
            "provenance": provenance,
            "golden": self.golden,
            "tensors": {name: len(data) for name, (_, _, data) in self.tensors.items()},
            "bytes": self.length,
            "crc": self.crc,
        }


def main(path, *rows):
    try:
        with open(path, "rb") as file:
            model = Model(file.read())
        places = zip(rows[::3], rows[1::3], rows[2::3])
        rows = [model.row(name, int(layer), int(row)) for name, layer, row in places]
    except (OSError, Damaged, struct.error, IndexError, ValueError) as error:
        sys.exit(f"{path}: {error}")
    print(json.dumps({**model.summary(), "rows": rows}))


if __name__ == "__main__":
    if len(sys.argv) % 3 != 2:
        sys.exit(__doc__)
    main(*sys.argv[1:])
