"""Quantizes one model with one peer: python -m peers.quantize TOOL MODEL FLOAT.onnx CALIBRATION.tar OUT.onnx

Runs in the peer's own environment. All are asked for the same: 8-bit weights with a scale for each channel, 8-bit activations
with one for the tensor, as QuantizeLinear and DequantizeLinear; what else they do is their default.
"""
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import onnx
from onnx import version_converter

from peers.models import MODELS, Model
from peers.pictures import calibration_feed

# Below this opset DequantizeLinear has no axis, and so weights no scale for each channel.
LEAST_OPSET = 13
RAISED_OPSET = 17

Feed = list[np.ndarray]


def load(path: Path, model: Model) -> onnx.ModelProto:
    """The float model, its input's shape fixed."""
    proto = onnx.load(path)
    if model.has_dynamic_shape:
        for dimension, size in zip(input_of(proto).type.tensor_type.shape.dim, model.input_shape):
            dimension.dim_value = size
    return proto


def input_of(proto: onnx.ModelProto) -> onnx.ValueInfoProto:
    initializers = {tensor.name for tensor in proto.graph.initializer}
    return next(value for value in proto.graph.input if value.name not in initializers)


def raise_opset(proto: onnx.ModelProto) -> onnx.ModelProto:
    version = next(opset.version for opset in proto.opset_import if opset.domain in ("", "ai.onnx"))
    return proto if version >= LEAST_OPSET else version_converter.convert_version(proto, RAISED_OPSET)


def quantize_onnxruntime(setting: str, proto: onnx.ModelProto, feed: Feed, output: Path) -> None:
    from onnxruntime import quantization
    from onnxruntime.quantization.shape_inference import quant_pre_process

    class Reader(quantization.CalibrationDataReader):
        def __init__(self) -> None:
            self._samples: Iterator[np.ndarray] = iter(feed)

        def get_next(self) -> dict[str, np.ndarray] | None:
            sample = next(self._samples, None)
            return None if sample is None else {name: sample}

    name = input_of(proto).name
    prepared = output.with_suffix(".prepared.onnx")
    onnx.save(raise_opset(proto), prepared)
    quant_pre_process(prepared, prepared)
    methods = {"minmax": "MinMax", "percentile": "Percentile", "entropy": "Entropy"}
    quantization.quantize_static(
        prepared, output, Reader(), quant_format=quantization.QuantFormat.QDQ, per_channel=True,
        activation_type=quantization.QuantType.QUInt8, weight_type=quantization.QuantType.QInt8,
        calibrate_method=quantization.CalibrationMethod[methods[setting]])


def quantize_nncf(setting: str, proto: onnx.ModelProto, feed: Feed, output: Path) -> None:
    import nncf

    name = input_of(proto).name
    quantized = nncf.quantize(raise_opset(proto), nncf.Dataset(feed, lambda sample: {name: sample}),
                              subset_size=len(feed), preset=nncf.QuantizationPreset.MIXED,
                              fast_bias_correction=setting == "fast")
    onnx.save(quantized, output)


def quantize_esp_ppq(_setting: str, proto: onnx.ModelProto, feed: Feed, output: Path) -> None:
    import torch
    from esp_ppq import QuantizationSettingFactory, TargetPlatform
    from esp_ppq.api import export_ppq_graph, quantize_onnx_model

    given = output.with_suffix(".given.onnx")
    onnx.save(proto, given)
    graph = quantize_onnx_model(
        onnx_import_file=str(given), calib_dataloader=[torch.from_numpy(sample) for sample in feed],
        calib_steps=len(feed), input_shape=list(feed[0].shape), platform=TargetPlatform.TRT_INT8,
        setting=QuantizationSettingFactory.default_setting(), collate_fn=lambda sample: sample, device="cpu", verbose=0)
    export_ppq_graph(graph=graph, platform=TargetPlatform.ONNXRUNTIME, graph_save_to=str(output))


def quantize_aimet(setting: str, proto: onnx.ModelProto, feed: Feed, output: Path) -> None:
    from aimet_onnx import QuantizationSimModel, apply_seq_mse
    from aimet_onnx.cross_layer_equalization import equalize_model

    name = input_of(proto).name
    inputs = [{name: sample} for sample in feed]
    proto = raise_opset(proto)
    if setting in ("cle", "seqmse"):
        equalize_model(proto)
    simulation = QuantizationSimModel(proto, param_type="int8", activation_type="int8", config_file="htp_v73",
                                      providers=["CPUExecutionProvider"])
    if setting == "seqmse":
        apply_seq_mse(simulation, inputs)
    simulation.compute_encodings(inputs)
    onnx.save(simulation.to_onnx_qdq(), output)


QUANTIZERS: dict[str, Callable[[str, onnx.ModelProto, Feed, Path], None]] = {
    "onnxruntime": quantize_onnxruntime, "nncf": quantize_nncf, "esp-ppq": quantize_esp_ppq, "aimet": quantize_aimet}


def main(tool: str, model_name: str, float_model: str, calibration: str, output: str) -> None:
    quantizer = next(name for name in QUANTIZERS if tool.startswith(name))
    setting = tool.removeprefix(quantizer).removeprefix("-")
    model = MODELS[model_name]
    feed = calibration_feed(Path(calibration), model)
    QUANTIZERS[quantizer](setting, load(Path(float_model), model), feed, Path(output))


if __name__ == "__main__":
    main(*sys.argv[1:])
