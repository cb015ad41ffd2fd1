"""Writes the few ONNX messages that make_mobilenetv2.py needs, in protobuf's wire format.

A message is bytes: its fields one after the other, each a tag (field number and wire type) and a value. The field
numbers are those of onnx-ml.proto; fields are written in ascending order, as protobuf's own serializers do.
"""

import struct

FLOAT = 1  # TensorProto.DataType
_ATTRIBUTE_FLOAT, _ATTRIBUTE_INT, _ATTRIBUTE_TENSOR, _ATTRIBUTE_INTS = 1, 2, 4, 7  # AttributeProto.AttributeType


def _varint(value):
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def number(field, value):
    return _varint(field << 3) + _varint(value)


def message(field, value):
    """A field of bytes, text or a nested message."""
    value = value.encode() if isinstance(value, str) else value
    return _varint(field << 3 | 2) + _varint(len(value)) + value


def tensor(array, name=""):
    """TensorProto of a float32 array."""
    dims = b"".join(number(1, n) for n in array.shape)
    named = message(8, name) if name else b""
    return dims + number(2, FLOAT) + named + message(9, array.astype("<f4").tobytes())


def attribute(name, value):
    """AttributeProto of a float, an int, a list of ints or a tensor's bytes."""
    head = message(1, name)
    if isinstance(value, float):
        return head + _varint(2 << 3 | 5) + struct.pack("<f", value) + number(20, _ATTRIBUTE_FLOAT)
    if isinstance(value, int):
        return head + number(3, value) + number(20, _ATTRIBUTE_INT)
    if isinstance(value, bytes):
        return head + message(5, value) + number(20, _ATTRIBUTE_TENSOR)
    return head + b"".join(number(8, n) for n in value) + number(20, _ATTRIBUTE_INTS)


def node(op_type, name, inputs, output, **attributes):
    """NodeProto with one output."""
    return (b"".join(message(1, i) for i in inputs) + message(2, output) + message(3, name) + message(4, op_type) +
            b"".join(message(5, attribute(key, value)) for key, value in attributes.items()))


def value_info(name, shape):
    """ValueInfoProto of a float32 tensor of a fixed shape."""
    dims = b"".join(message(1, number(1, n)) for n in shape)
    return message(1, name) + message(2, message(1, number(1, FLOAT) + message(2, dims)))


def graph(name, nodes, initializers, inputs, outputs):
    """GraphProto; every argument but the name is a list of messages."""
    return (b"".join(message(1, n) for n in nodes) + message(2, name) + b"".join(message(5, t) for t in initializers) +
            b"".join(message(11, i) for i in inputs) + b"".join(message(12, o) for o in outputs))


def model(graph_bytes, ir_version, opset, producer):
    """ModelProto; `producer` is (name, version)."""
    return (number(1, ir_version) + message(2, producer[0]) + message(3, producer[1]) + message(7, graph_bytes) +
            message(8, number(2, opset)))
