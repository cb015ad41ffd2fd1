#!/usr/bin/env python3
"""Writes mobilenetv2.onnx from torchvision's ImageNet weights, without PyTorch.

    make_mobilenetv2.py mobilenet_v2-b0353104.pth mobilenetv2.onnx

The network is the one that torch.onnx.export(model.eval(), x, ..., opset_version=11) writes for torchvision's
mobilenet_v2, with the same names of nodes and tensors: BatchNormalization is folded into the convolution before it,
ReLU6 is a Clip whose bounds are constants. Input `input.1`, float32 [1, 3, 224, 224], RGB, normalized by ImageNet's mean
and standard deviation; output `536`, float32 [1, 1000], no softmax.
"""

import sys

import numpy as np

import onnx_wire
import torch_weights

# (expansion, output channels, repetitions, stride of the first), table 2 of arXiv:1801.04381.
BLOCKS = [(1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)]
BATCH_NORM_EPSILON = np.float32(1e-5)
# The exporter numbers the folded tensors from here: weight, bias, then one number is left out.
FIRST_FOLDED_NUMBER = 538


class Network:
    """Collects nodes and initializers; each method appends to the chain and returns its output's name."""

    def __init__(self, weights):
        self.weights, self.nodes, self.folded = weights, [], []

    def add(self, op_type, name, inputs, **attributes):
        output = f"{name}_output_0"
        self.nodes.append(onnx_wire.node(op_type, name, inputs, output, **attributes))
        return output

    def conv(self, data, scope, norm_scope, stride=1, depthwise=False):
        """The convolution at `scope` with the BatchNormalization at `norm_scope` folded in."""
        weight = self.weights[f"{scope}.weight"]
        gamma, beta, mean, variance = (
            self.weights[f"{norm_scope}.{part}"] for part in ("weight", "bias", "running_mean", "running_var"))
        factor = gamma / np.sqrt(variance + BATCH_NORM_EPSILON)
        number = FIRST_FOLDED_NUMBER + 3 * (len(self.folded) // 2)
        names = [f"onnx::Conv_{number}", f"onnx::Conv_{number + 1}"]
        self.folded.append(onnx_wire.tensor(weight * factor[:, None, None, None], names[0]))
        self.folded.append(onnx_wire.tensor(beta - mean * factor, names[1]))
        size = weight.shape[2]
        return self.add("Conv", f"{node_path(scope)}/Conv", [data, *names], dilations=[1, 1],
                        group=weight.shape[0] if depthwise else 1, kernel_shape=[size, size], pads=[size // 2] * 4,
                        strides=[stride, stride])

    def relu6(self, data, scope):
        path = node_path(scope)
        bounds = [
            self.add("Constant", f"{path}/{name}", [], value=onnx_wire.tensor(np.float32(bound)))
            for name, bound in (("Constant", 0), ("Constant_1", 6))]
        return self.add("Clip", f"{path}/Clip", [data, *bounds])

    def conv_norm_relu(self, data, scope, **options):
        return self.relu6(self.conv(data, f"{scope}.0", f"{scope}.1", **options), f"{scope}.2")

    def inverted_residual(self, data, scope, expansion, stride, shortcut):
        """Expand by a 1x1 convolution, filter each channel, project by another 1x1 convolution."""
        hidden, stage = data, 0
        if expansion != 1:
            hidden, stage = self.conv_norm_relu(data, f"{scope}.conv.0"), 1
        hidden = self.conv_norm_relu(hidden, f"{scope}.conv.{stage}", stride=stride, depthwise=True)
        projected = self.conv(hidden, f"{scope}.conv.{stage + 1}", f"{scope}.conv.{stage + 2}")
        return self.add("Add", f"{node_path(scope)}/Add", [data, projected]) if shortcut else projected


def node_path(scope):
    """`features.2.conv.1.0` is the module /features/features.2/conv/conv.1/conv.1.0 in the exporter's names."""
    parts, path, held = scope.split("."), "", ""
    for part in parts:
        held = f"{held}.{part}" if part.isdigit() else part
        path += f"/{held}"
    return path


def build(weights):
    """Returns the ModelProto as bytes."""
    network = Network(weights)
    data = network.conv_norm_relu("input.1", "features.0", stride=2)
    channels, index = 32, 1
    for expansion, output_channels, repetitions, first_stride in BLOCKS:
        for repetition in range(repetitions):
            stride = first_stride if repetition == 0 else 1
            shortcut = stride == 1 and channels == output_channels
            data = network.inverted_residual(data, f"features.{index}", expansion, stride, shortcut)
            channels, index = output_channels, index + 1
    data = network.conv_norm_relu(data, f"features.{index}")
    data = network.add("GlobalAveragePool", "/GlobalAveragePool", [data])
    data = network.add("Flatten", "/Flatten", [data], axis=1)
    classifier = ["classifier.1.weight", "classifier.1.bias"]
    network.nodes.append(onnx_wire.node(
        "Gemm", "/classifier/classifier.1/Gemm", [data, *classifier], "536", alpha=1.0, beta=1.0, transB=1))
    initializers = [onnx_wire.tensor(weights[name], name) for name in classifier] + network.folded
    graph = onnx_wire.graph("main_graph", network.nodes, initializers, [onnx_wire.value_info("input.1", [1, 3, 224, 224])],
                            [onnx_wire.value_info("536", [1, 1000])])
    return onnx_wire.model(graph, ir_version=6, opset=11, producer=("make_mobilenetv2", "1"))


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    model = build(torch_weights.read_state_dictionary(sys.argv[1]))
    with open(sys.argv[2], "wb") as file:
        file.write(model)


if __name__ == "__main__":
    main()
