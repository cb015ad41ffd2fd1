"""Layers get the number format that the command line asks for."""

import json

import pytest


def build_report(programs, inputs, *options):
    report = programs.files / "report.json"
    done = programs.run("joineryc", "build", *inputs.compiler_arguments(), "--output", programs.files / "out.joint",
                        "--report", report, *options)
    assert done.code == 0, done.err
    return json.loads(report.read_text())


def float_layers(report):
    return {node["name"]: node["reason"] for node in report["manifest"].get("float_nodes", [])}


def test_float_by_pattern(programs, inputs):
    assert float_layers(build_report(programs, inputs)) == {}
    left = float_layers(build_report(programs, inputs, "--layer-bits", "conv1=float"))
    assert left["conv1"] == "left float by configuration"
    assert "gemm" not in left and "conv2" not in left
    left = float_layers(build_report(programs, inputs, "--layer-bits", "conv.*=float"))
    assert {"conv1", "conv2"} <= left.keys()
    assert "gemm" not in left


def test_16_bits_have_finer_steps(programs, inputs):
    def steps(*options):
        return {given["name"]: given["scale"] for given in build_report(programs, inputs, *options)["ranges"]}
    coarse = steps()
    fine = steps("--layer-bits", ".*=16")
    assert coarse.keys() == fine.keys() and "scores" in fine
    assert all(fine[name] < coarse[name] / 128 for name in fine)
    some = steps("--layer-bits", "gemm=16")
    assert some["scores"] < coarse["scores"] / 128
    assert some["conv1_relu_out"] == coarse["conv1_relu_out"]


@pytest.mark.parametrize("option", ["conv1", "conv1=7", "conv(=16"])
def test_bad_layer_bits(programs, inputs, option):
    done = programs.run("joineryc", "build", *inputs.compiler_arguments(), "--output", programs.files / "out.joint",
                        "--layer-bits", option)
    assert done.code == 1, done
    assert "--layer-bits" in done.err
