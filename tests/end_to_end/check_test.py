"""`check`, on this machine and through the server: the same words, the same exit codes."""

import json

import models
import numpy as np
import pytest

TARGETS = ["AX615", "AX620A", "AX620Q", "AX620U", "AX630A", "AX630C", "AX637", "AX650N", "M57", "ONNX_RUNTIME"]


@pytest.fixture
def model(programs):
    path = programs.files / "classifier.onnx"
    path.write_bytes(models.classifier().model())
    return path


@pytest.fixture
def hindered(programs):
    """Floor between two convolutions, which the AX630C has not."""
    random = np.random.default_rng(3)
    network = models.Network({"data": [1, 3, 16, 16]}, {"scores": [1, 8, 16, 16]})
    hidden = network.conv(random, "conv1", "data", 3, 8)
    hidden = network.add("Floor", "floor", [hidden])
    weight = network.constant("weight", np.ones((8, 8, 1, 1)))
    network.add("Conv", "conv2", [hidden, weight], "scores", kernel_shape=[1, 1])
    path = programs.files / "hindered.onnx"
    path.write_bytes(network.model())
    return path


def test_all_targets_by_default(programs, model):
    done = programs.run("joineryc", "check", model)
    assert done.code == 0, done.err
    rows = [line.split() for line in done.out.splitlines() if line.startswith(str(model)) and "fits" in line]
    assert [row[1] for row in rows] == TARGETS


def test_the_cpu_in_the_midst_has_its_exit_code(programs, hindered):
    done = programs.run("joineryc", "check", hindered, "--target", "ax620e", "--target", "AX650")
    assert done.code == 11, done.err
    assert "does not list Floor" in done.out and "AX650N: fits" in done.out


def test_an_operator_that_does_not_exist_is_impossible(programs, model):
    network = models.classifier()
    network.add("Frobnicate", "odd", ["scores"], "other")
    model.write_bytes(network.model())
    done = programs.run("joineryc", "check", model)
    assert done.code == 12, done.err
    assert "impossible" in done.out and "Frobnicate" in done.out


def test_a_bad_model_does_not_hide_the_others(programs, model):
    bad = programs.files / "bad.onnx"
    bad.write_text("no model")
    done = programs.run("joineryc", "check", bad, model, "--target", "AX630C")
    assert done.code == 1
    assert f"error: {bad}: " in done.err and "INVALID_MODEL" in done.err
    assert "AX630C: fits" in done.out


def test_json_is_a_report(programs, hindered):
    done = programs.run("joineryc", "check", hindered, "--target", "AX630C", "--json")
    assert done.code == 11, done.err
    (checked,) = json.loads(done.out)["models"]
    (target,) = checked["targets"]
    assert target["verdict"] == "CHECK_VERDICT_NEEDS_CPU"
    assert target["operators"][0]["op_type"] == "Floor" and target["operators"][0]["nodes"] == ['"floor" (Floor)']


def test_a_description_of_ones_own(programs, model):
    mine = programs.files / "mine.textproto"
    mine.write_text('name: "MINE" summary: "s" like: "AX630C"\n'
                    'operators { op_type: "MaxPool" unsupported: "it is worn out" change: "use AveragePool" '
                    'source: "the bench" }')
    done = programs.run("joineryc", "check", model, "--target-file", mine)
    assert done.code == 11, done.err
    assert "it is worn out" in done.out and "change: use AveragePool" in done.out
    mine.write_text('name: "MINE"\nsumary: "s"')
    done = programs.run("joineryc", "check", model, "--target-file", mine)
    assert done.code == 1
    assert f"{mine}:2:" in done.err and "INVALID_CONFIG" in done.err


def test_unknown_targets_name_the_known(programs, model):
    done = programs.run("joineryc", "check", model, "--target", "AX630X")
    assert done.code == 1
    assert "AX630C" in done.err and all(target in done.err for target in TARGETS)


def test_targets_are_listed_and_shown(programs):
    listed = programs.run("joineryc", "target", "list")
    assert listed.code == 0
    assert [line.split()[0] for line in listed.out.splitlines()[1:]] == TARGETS
    shown = programs.run("joineryc", "target", "show", "ax620e")
    assert shown.code == 0 and 'name: "AX630C"' in shown.out
    assert programs.run("joineryc", "target", "show", "nothing").code == 1
    assert programs.run("joineryc", "target", "show").code == 2


def test_through_the_server_it_is_the_same(programs, service, model, hindered):
    service.start_server()
    service.start_worker()
    for path, code in ((model, 0), (hindered, 11)):
        here = programs.run("joineryc", "check", path, "--model-name", path.name, "--target", "all")
        there = service.client("check", path, "--target", "all")
        assert (here.code, there.code) == (code, code), there.err
        assert there.out == here.out


def test_through_the_server_with_several_models_and_a_description(programs, service, model, hindered):
    service.start_server()
    service.start_worker()
    mine = programs.files / "mine.textproto"
    mine.write_text('name: "MINE" summary: "s" like: "AX650N"')
    report = programs.files / "report.json"
    done = service.client("check", model, hindered, "--target-file", mine, "--report", report, "--json")
    assert done.code == 0, done.err
    document = json.loads(done.out)
    assert document["schema"] == "v1"
    assert [(checked["model"], checked["targets"][0]["target"]) for checked in document["models"]] == [
        ("classifier.onnx", "MINE"), ("hindered.onnx", "MINE")]
    assert [checked["model"] for checked in json.loads(report.read_text())["models"]] == [
        "classifier.onnx", "hindered.onnx"]


def test_mistakes_fail_the_job(programs, service, model):
    service.start_server()
    service.start_worker()
    done = service.client("check", model, "--target", "AX999")
    assert done.code == 1 and "AX999" in done.err and "INVALID_CONFIG" in done.err
    model.write_text("no model")
    done = service.client("check", model)
    assert done.code == 1 and "classifier.onnx" in done.err and "INVALID_MODEL" in done.err


def test_a_check_is_fetched_again(programs, service, hindered):
    service.start_server()
    service.start_worker()
    first = service.client("check", hindered, "--target", "AX630C")
    again = service.client("fetch", "@last")
    assert (first.code, again.code) == (11, 11), again.err
    assert again.out == first.out
    shown = service.client("jobs", "show", "@last")
    assert "check" in shown.out and "hindered.onnx" in shown.out
