"""Configurations of every dialect, from `joineryc config new` to what the artifact takes."""

import json

import inputs as build_inputs
import models
import numpy as np
import pytest

DIALECTS = ("pulsar", "pulsar2", "joinery")
NV12 = """
target_hardware: TARGET_HARDWARE_AX620
src_input_tensors { color_space: TENSOR_COLOR_SPACE_RGB }
dst_input_tensors { color_space: TENSOR_COLOR_SPACE_NV12 color_standard: CSS_ITU_BT601_FULL_SWING }
neuwizard_conf {
  operator_conf { input_conf_items { attributes { input_modifications { input_normalization {
    mean: [123.675, 116.28, 103.53] std: [58.395, 57.12, 57.375] } } } } }
  dataset_conf_calibration { path: "calib.tar" }
}
"""


def succeed(programs, *arguments):
    done = programs.run("joineryc", *arguments)
    assert done.code == 0, done
    return done


def build(programs, configuration, output, *options):
    succeed(programs, "build", "--input", "model.onnx", "--config", configuration, "--output", output, "--preset", "fast",
            *options)
    return (programs.files / output).read_bytes()


def scores(programs, joint, data):
    """What run_joint gives for the bytes."""
    (programs.files / "data.bin").write_bytes(data.tobytes())
    done = programs.run("run_joint", joint, "--data", "data.bin", "--bin-out-dir", ".")
    assert done.code == 0, done
    return np.fromfile(programs.files / "scores.bin", np.float32)


def nv12(rgb):
    """By BT.601, full range, as JPEG has it."""
    y, u, v = np.moveaxis(rgb @ np.array([[0.299, -0.168736, 0.5], [0.587, -0.331264, -0.418688],
                                          [0.114, 0.5, -0.081312]]) + [0, 128, 128], 2, 0)
    half = [plane.reshape(plane.shape[0] // 2, 2, plane.shape[1] // 2, 2).mean((1, 3)) for plane in (u, v)]
    chroma = np.stack(half, 2).reshape(half[0].shape[0], -1)
    return np.concatenate([y, chroma]).round().clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_new_configuration_is_accepted_as_it_stands(programs, inputs, dialect):
    succeed(programs, "config", "new", inputs.model, "--dialect", dialect, "--calibration", inputs.calibration, "-o",
            "new.conf")
    told = succeed(programs, "config", "check", "new.conf")
    assert "input data: UINT8, NHWC, RGB" in told.out
    assert "warning" not in told.err
    build(programs, "new.conf", "new.joint")


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_translated_configuration_builds_the_same_bytes(programs, inputs, dialect):
    want = build(programs, inputs.configuration, "want.joint")
    succeed(programs, "config", "convert", inputs.configuration, "--to", dialect, "--model", inputs.model, "-o",
            "between.conf")
    assert build(programs, "between.conf", "between.joint") == want
    succeed(programs, "config", "convert", "between.conf", "--to", "pulsar", "--model", inputs.model, "-o", "back.conf")
    assert build(programs, "back.conf", "back.joint") == want


@pytest.mark.parametrize("dialect", ["pulsar", "pulsar2"])
def test_bytes_of_a_camera_give_what_the_photo_gives(programs, inputs, dialect):
    (programs.files / "nv12.prototxt").write_text(NV12)
    (programs.files / "rgb.prototxt").write_text(NV12.replace("_NV12", "_RGB"))
    succeed(programs, "config", "convert", "nv12.prototxt", "--to", dialect, "--model", inputs.model, "-o", "nv12.conf")
    build(programs, "rgb.prototxt", "rgb.joint")
    build(programs, "nv12.conf", "nv12.joint")
    photo = build_inputs.photo(100)
    of_photo = scores(programs, "rgb.joint", photo)
    of_camera = scores(programs, "nv12.joint", nv12(photo))
    cosine = of_photo @ of_camera / np.linalg.norm(of_photo) / np.linalg.norm(of_camera)
    assert cosine > 0.99, (of_photo, of_camera)
    other = scores(programs, "nv12.joint", nv12(255 - photo))
    assert np.linalg.norm(of_photo - of_camera) < np.linalg.norm(of_photo - other)


def test_options_of_pulsar2_beat_its_configuration_and_no_other(programs, inputs):
    succeed(programs, "config", "new", inputs.model, "--dialect", "pulsar2", "--calibration", inputs.calibration, "-o",
            "new.json")
    build(programs, "new.json", "new.joint", "--quant.calibration_method", "Percentile", "--npu_mode", "NPU2", "--report",
          programs.files / "report.json")
    built = json.loads((programs.files / "report.json").read_text())["manifest"]["configuration"]
    assert built["calibration"]["range_method"] == "RANGE_METHOD_PERCENTILE"
    assert built["target"]["virtual_npu"] == "NPU2"
    done = programs.run("joineryc", "build", *inputs.compiler_arguments(), "--output", "out.joint",
                        "--quant.calibration_method", "Percentile")
    assert done.code == 1 and "--quant.calibration_method" in done.err and "pulsar2" in done.err, done


def test_the_server_takes_one_calibration_set(programs, inputs):
    (programs.files / "two.json").write_text(json.dumps({
        "quant": {"input_configs": [{"tensor_name": "data", "calibration_dataset": "a.tar"},
                                    {"tensor_name": "mask", "calibration_dataset": "b.tar"}]}}))
    done = programs.run("joinery", "build", inputs.model, "--config", "two.json")
    assert done.code == 2, done
    assert "calibration set for each input" in done.err and "--calibration" in done.err, done


def test_dictionaries_of_arrays_calibrate_all_inputs(programs):
    network = models.classifier()
    network.inputs["bias"] = [1, 10]
    network.add("Add", "shift", ["scores", "bias"], "shifted")
    network.outputs = {"shifted": [1, 10]}
    random = np.random.default_rng(3)
    members = {f"sample{number}.npy": build_inputs.npy({
        "data": random.normal(0, 1, (1, 3, 32, 32)).astype(np.float32),
        "bias": random.normal(0, 1, (1, 10)).astype(np.float32)}) for number in range(4)}
    build_inputs.write_inputs(programs.files, network.model(), members)
    (programs.files / "objects.json").write_text(json.dumps({
        "quant": {"input_configs": [{"tensor_name": "DEFAULT", "calibration_dataset": "calib.tar",
                                     "calibration_format": "NumpyObject", "calibration_size": -1}]}}))
    build(programs, "objects.json", "objects.joint", "--report", programs.files / "report.json")
    manifest = json.loads((programs.files / "report.json").read_text())["manifest"]
    assert manifest["calibration_set"]["samples"] == 4
    assert manifest["precision"]["outputs"][0]["cosine_mean"] > 0.99
