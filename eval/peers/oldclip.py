"""Rewrites an ONNX file for OpenCV before 4.7, whose importer knows Clip only with its
bounds as attributes (operator set 6): the same network, the same weights. Nothing
but the Clip nodes changes. Used as a module: `rewrite(bytes) -> bytes`.

Written on the bytes of the protocol buffer, because Debian has no onnx package.
"""
import struct

GRAPH, NODE, INITIALIZER = 7, 1, 5  # fields of ModelProto and GraphProto
INPUT, OUTPUT, OP, ATTRIBUTE = 1, 2, 4, 5  # of NodeProto
TENSOR_NAME, FLOATS, RAW = 8, 4, 9  # of TensorProto


def varint(data, at):
    value = shift = 0
    while True:
        if at >= len(data):
            raise ValueError("cut off")
        byte = data[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at


def encode(value):
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def fields(data):
    """Every field as (number, wire type, value, its bytes as they were)."""
    at = 0
    while at < len(data):
        start = at
        key, at = varint(data, at)
        number, wire = key >> 3, key & 7
        if wire == 0:
            value, at = varint(data, at)
        elif wire == 2:
            size, at = varint(data, at)
            value, at = data[at:at + size], at + size
        elif wire in (1, 5):
            size = 8 if wire == 1 else 4
            value, at = data[at:at + size], at + size
        else:
            raise ValueError(f"wire type {wire}")
        if at > len(data):
            raise ValueError("cut off")
        yield number, wire, value, data[start:at]


def block(number, body):
    return encode(number << 3 | 2) + encode(len(body)) + body


def scalar(tensor):
    """The one float of a TensorProto."""
    for number, _, value, _ in fields(tensor):
        if number == RAW or number == FLOATS:
            return struct.unpack("<f", value[:4])[0]
    raise ValueError("no float in the tensor")


def constants(graph):
    """The one-float tensors by name: initialisers and Constant nodes."""
    out = {}
    for number, _, value, _ in fields(graph):
        if number == INITIALIZER and len(value) < 100:
            names = [v for n, _, v, _ in fields(value) if n == TENSOR_NAME]
            out[names[0]] = value
        if number == NODE:
            parts = list(fields(value))
            if any(n == OP and v == b"Constant" for n, _, v, _ in parts):
                tensor = [v for n, _, a, _ in parts if n == ATTRIBUTE for m, _, v, _ in fields(a) if m == 5]
                out[next(v for n, _, v, _ in parts if n == OUTPUT)] = tensor[0]
    return out


def attribute(name, value):
    # AttributeProto: name 1, f 2, type 20 (FLOAT is 1)
    return block(ATTRIBUTE, block(1, name) + encode(2 << 3 | 5) + struct.pack("<f", value) + encode(20 << 3) + b"\x01")


def clip(node, known):
    parts = list(fields(node))
    inputs = [v for n, _, v, _ in parts if n == INPUT]
    if not any(n == OP and v == b"Clip" for n, _, v, _ in parts) or len(inputs) != 3:
        return node
    rest = b"".join(raw for n, _, _, raw in parts if n != INPUT)
    return block(INPUT, inputs[0]) + rest + attribute(b"min", scalar(known[inputs[1]])) + attribute(b"max", scalar(known[inputs[2]]))


def rewrite(model):
    out = bytearray()
    for number, _, value, raw in fields(model):
        if number == GRAPH:
            known = constants(value)
            value = b"".join(block(NODE, clip(v, known)) if n == NODE else r for n, _, v, r in fields(value))
            raw = block(GRAPH, value)
        out += raw
    return bytes(out)
