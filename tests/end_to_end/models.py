"""Small ONNX models, good and bad, written without ONNX. Weights are pseudo-random and the same in every run."""

import pathlib
import sys

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "deploy"))
import onnx_wire  # noqa: E402

EXTERNAL = 1  # TensorProto.DataLocation


def _weights(random, *shape):
    fan_in = int(np.prod(shape[1:]))
    return random.normal(0, (2 / fan_in)**0.5, shape).astype(np.float32)


def value_info(name, dims):
    """ValueInfoProto of a float32 tensor; a dimension is a number or a symbol's name."""
    sizes = [onnx_wire.message(2, dim) if isinstance(dim, str) else onnx_wire.number(1, dim) for dim in dims]
    shape = b"".join(onnx_wire.message(1, size) for size in sizes)
    tensor = onnx_wire.number(1, onnx_wire.FLOAT) + onnx_wire.message(2, shape)
    return onnx_wire.message(1, name) + onnx_wire.message(2, onnx_wire.message(1, tensor))


def external_tensor(name, dims, location):
    """TensorProto that says that its data are in another file."""
    entry = onnx_wire.message(1, "location") + onnx_wire.message(2, location)
    sizes = b"".join(onnx_wire.number(1, dim) for dim in dims)
    return (sizes + onnx_wire.number(2, onnx_wire.FLOAT) + onnx_wire.message(8, name) + onnx_wire.message(13, entry) +
            onnx_wire.number(14, EXTERNAL))


class Network:
    """Parts of a model; change them before calling model()."""

    def __init__(self, inputs, outputs):
        self.nodes, self.tensors, self.inputs, self.outputs = [], [], dict(inputs), dict(outputs)

    def add(self, op_type, name, inputs, output=None, **attributes):
        """Appends a node and returns its output's name."""
        output = output or f"{name}_out"
        self.nodes.append(onnx_wire.node(op_type, name, inputs, output, **attributes))
        return output

    def constant(self, name, array):
        self.tensors.append(onnx_wire.tensor(np.asarray(array, np.float32), name))
        return name

    def conv(self, random, name, data, channels_in, channels_out, stride=1):
        weight = self.constant(f"{name}_weight", _weights(random, channels_out, channels_in, 3, 3))
        bias = self.constant(f"{name}_bias", random.normal(0, 0.1, channels_out))
        data = self.add("Conv", name, [data, weight, bias], kernel_shape=[3, 3], pads=[1] * 4, strides=[stride] * 2)
        return self.add("Relu", f"{name}_relu", [data])

    def model(self, opset=13):
        graph = onnx_wire.graph("tests", self.nodes, self.tensors, [value_info(*i) for i in self.inputs.items()],
                                [value_info(*o) for o in self.outputs.items()])
        return onnx_wire.model(graph, ir_version=7, opset=opset, producer=("tests", "1"))


def classifier(data="data", scores="scores", classes=10, size=32, dims=None):
    """Conv, Relu, MaxPool, GlobalAveragePool and Gemm: `data` [1, 3, size, size] to `scores` [1, classes]."""
    random = np.random.default_rng(1)
    network = Network({data: dims or [1, 3, size, size]}, {scores: [1, classes]})
    hidden = network.conv(random, "conv1", data, 3, 16, stride=2)
    hidden = network.add("MaxPool", "pool", [hidden], kernel_shape=[2, 2], strides=[2, 2])
    hidden = network.conv(random, "conv2", hidden, 16, 32)
    hidden = network.add("GlobalAveragePool", "mean", [hidden])
    hidden = network.add("Flatten", "flat", [hidden], axis=1)
    weight = network.constant("gemm_weight", _weights(random, classes, 32))
    bias = network.constant("gemm_bias", random.normal(0, 0.1, classes))
    network.add("Gemm", "gemm", [hidden, weight, bias], scores, alpha=1.0, beta=1.0, transB=1)
    return network


def slow_classifier(size=64, depth=6, channels=32):
    """Few weights and much to calculate: 18 * depth * (channels * size)^2 operations a sample."""
    random = np.random.default_rng(2)
    network = Network({"data": [1, 3, size, size]}, {"scores": [1, channels, 1, 1]})
    hidden = network.conv(random, "conv0", "data", 3, channels)
    for number in range(1, depth):
        hidden = network.conv(random, f"conv{number}", hidden, channels, channels)
    network.add("GlobalAveragePool", "mean", [hidden], "scores")
    return network
