"""joineryc info --performance: time and memory on a chip, of a float model and of a .joint."""

import json

import models
from inputs import CONFIGURATION, photos, write_tar


def estimate(programs, *arguments):
    done = programs.run("joineryc", "info", *arguments, "--performance", "--json")
    assert done.code == 0, done.err
    return json.loads(done.out)["cost"]


def write_model(folder):
    (folder / "m.onnx").write_bytes(models.classifier(data="input.1", scores="536", classes=1000).model())


def test_float_model_layer_by_layer(programs):
    write_model(programs.files)
    told = programs.run("joineryc", "info", "m.onnx", "--performance", "--target", "AX650N:NPU1")
    assert told.code == 0, told.err
    for words in ("Estimate for AX650N, mode NPU1", "not a measurement", "Approx Memory", "BOUND BY", "Conv", "NPU3"):
        assert words in told.out, told.out
    cost = estimate(programs, "m.onnx", "--target", "ax650n")
    layers = sum(layer.get("time_us", 0) for layer in cost["layers"])
    assert abs(layers / 1e3 + cost["network_overhead_ms"] - cost["latency_ms"]) < 1e-9
    assert int(cost["tested_latencies"]) > 10
    assert cost["median_error_percent"] < 25


def test_less_of_the_npu_is_never_faster(programs):
    write_model(programs.files)
    cost = estimate(programs, "m.onnx", "--target", "AX620A:111")
    latencies = {mode["mode"]: mode["latency_ms"] for mode in cost["modes"]}
    assert latencies["111"] == cost["latency_ms"]
    assert latencies["111"] > latencies["0"]


def test_joint_knows_its_target(programs):
    write_model(programs.files)
    (programs.files / "c.prototxt").write_text(CONFIGURATION)
    write_tar(programs.files / "calib.tar", photos())
    built = programs.run("joineryc", "build", "--input", "m.onnx", "--output", "m.joint", "--config", "c.prototxt",
                         "--report", "report.json", "--html-report", "report.html")
    assert built.code == 0, built.err
    cost = estimate(programs, "m.joint")
    assert (cost["target"], cost["mode"]) == ("AX620A", "111")
    assert json.loads((programs.files / "report.json").read_text())["manifest"]["cost"] == cost
    assert "Time and memory on AX620A, mode 111" in (programs.files / "report.html").read_text()


def test_what_is_wrong_is_said(programs):
    write_model(programs.files)
    for arguments, word in (([], "--target"), (["--target", "AX651"], "AX650N"), (["--target", "AX650N:NPU9"], "NPU3")):
        done = programs.run("joineryc", "info", "m.onnx", "--performance", *arguments)
        assert done.code != 0
        assert word in done.err, done.err
