"""Bad input: a clear error that names the culprit, the right exit code and reason, and nothing left behind."""

import dataclasses
import os
import tarfile

import models
import numpy as np
import pytest
from inputs import CONFIGURATION, jpeg, link, npy, photo, photos, png, write_inputs, write_tar
from programs import files_below


@dataclasses.dataclass
class Case:
    """What is wrong, which reason a job fails with, and which words the message must have."""
    name: str
    reason: str
    words: list
    model: bytes = None
    members: dict = None
    configuration: str = CONFIGURATION


def cyclic_model():
    network = models.Network({"data": [1, 3, 32, 32]}, {"scores": [1, 3, 32, 32]})
    network.add("Add", "first_of_circle", ["data", "b"], "a")
    network.add("Relu", "second_of_circle", ["a"], "b")
    network.add("Relu", "last", ["a"], "scores")
    return network.model()


def dangling_model():
    network = models.Network({"data": [1, 3, 32, 32]}, {"scores": [1, 3, 32, 32]})
    network.add("Add", "sum_of_two", ["data", "nowhere"], "scores")
    return network.model()


def unknown_operator_model():
    network = models.Network({"data": [1, 3, 32, 32]}, {"scores": [1, 3, 32, 32]})
    network.add("Frobnicate", "odd_node", ["data"], "scores")
    return network.model()


def external_data_model(location):
    network = models.Network({"data": [1, 3, 32, 32]}, {"scores": [1, 3, 32, 32]})
    network.tensors.append(models.external_tensor("far_weight", [1, 3, 32, 32], location))
    network.add("Add", "sum", ["data", "far_weight"], "scores")
    return network.model()


CORRUPT_JPEG = jpeg(1)[:200] + bytes(300)
DYNAMIC = ["batch", 3, "height", "width"]

def bad_model(name, words, model, reason="INVALID_MODEL"):
    return Case(name, reason, ["model.onnx", *words], model=model)


def bad_member(name, words, member, content):
    """A calibration set that has good photos and this."""
    return Case(name, "INVALID_CALIBRATION", [member, *words], members={**photos(3), member: content})


MODELS = [
    bad_model("not_onnx", ["not an ONNX model"], b"Dear reader, this is a letter.\n" * 40),
    bad_model("empty", ["empty"], b""),
    bad_model("truncated", ["truncated"], models.classifier().model()[:-700]),
    bad_model("external_data", ["far_weight", "external"], external_data_model("weights.bin")),
    bad_model("cyclic", ["of_circle", "cycl"], cyclic_model()),
    bad_model("dangling", ["sum_of_two", "nowhere"], dangling_model()),
    bad_model("unknown_operator", ["odd_node", "Frobnicate"], unknown_operator_model(), "UNSUPPORTED_OPERATOR"),
    Case("dynamic_shapes", "INVALID_MODEL", ['"data"', "batchx3xheightxwidth", "--input-shape"],
         model=models.classifier(dims=DYNAMIC).model()),
]
CALIBRATIONS = [
    bad_member("name_outside", ["calib.tar", '".."'], "../evil.png", b"x"),
    bad_member("absolute_name", ["calib.tar", "absolute"], "/evil.png", b"x"),
    bad_member("symbolic_link", ["calib.tar", "symbolic link"], "evil.png", link("evil.png", "/etc/passwd")),
    bad_member("hard_link", ["calib.tar", "hard link"], "evil.png",
               link("evil.png", "photo_000.png", tarfile.LNKTYPE)),
    bad_member("empty_image", ["calib.tar", "0 bytes"], "void.jpg", b""),
    bad_member("corrupt_jpeg", ["damaged JPEG"], "broken.jpg", CORRUPT_JPEG),
    bad_member("wrong_channels", ["[32x32x1]", "[1x32x32x3]"], "grey.npy", npy(photo(1)[:, :, :1])),
    bad_member("wrong_size", ["[40x40x3]", "[1x32x32x3]"], "large.npy", npy(photo(1, 40))),
    bad_member("wrong_type", ["float32", "uint8"], "real.npy", npy(photo(1).astype(np.float32))),
    Case("no_image", "INVALID_CALIBRATION", ["calib.tar", "no sample"], members={"readme.txt": b"nothing to see"}),
]
CONFIGURATIONS = [
    Case("typo", "INVALID_CONFIG", ["config.prototxt:3:1", "target_hardwear", "target_hardware"],
         configuration=CONFIGURATION.replace("target_hardware:", "target_hardwear:")),
    Case("wrong_value", "INVALID_CONFIG", ["config.prototxt:3:18", "TARGET_HARDWARE_AX999"],
         configuration=CONFIGURATION.replace("HARDWARE_AX620", "HARDWARE_AX999")),
    Case("open_brace", "INVALID_CONFIG", ["config.prototxt:18:"], configuration=CONFIGURATION + "pulsar_conf {"),
    # Both parse, and are refused once the model is known: these mistakes reach the compiler through the service, too.
    Case("unsupported_target", "INVALID_CONFIG", ["TARGET_HARDWARE_AX170", "AX620"],
         configuration=CONFIGURATION.replace("HARDWARE_AX620", "HARDWARE_AX170")),
    Case("too_many_means", "INVALID_CONFIG", ["mean", "4"],
         configuration=CONFIGURATION.replace("mean: [", "mean: [0.5, ")),
]


def cases(*lists):
    return pytest.mark.parametrize("case", [case for cases in lists for case in cases], ids=lambda case: case.name)


def write_case(folder, case):
    return write_inputs(folder, case.model, case.members, case.configuration)


def build_locally(programs, inputs, *options):
    files = programs.files
    return programs.run("joineryc", "build", *inputs.compiler_arguments(), "--output", files / "out.joint",
                        "--output_config", files / "out.prototxt", "--report", files / "report.json", *options)


def check_message(text, words):
    for word in words:
        assert word in text, f"the message lacks {word!r}: {text}"


@cases(MODELS, CALIBRATIONS, CONFIGURATIONS)
def test_build_is_refused(programs, case):
    inputs = write_case(programs.files, case)
    before = files_below(programs.folder / "files")
    done = build_locally(programs, inputs)
    errors = [line for line in done.err.splitlines() if line.startswith("error: ")]
    assert done.code == 1, done
    assert len(errors) == 1 and errors[0].endswith(f"({case.reason})"), done.err
    check_message(errors[0], case.words)
    assert done.out == ""
    assert files_below(programs.folder / "files") == before
    assert files_below(programs.temporary) == []


def test_external_data_is_never_opened(programs):
    """The path is a pipe without a writer: whoever opens it to read waits for ever."""
    pipe = programs.files / "pipe"
    os.mkfifo(pipe)
    for location in ("pipe", str(pipe), "../files/pipe"):
        inputs = write_inputs(programs.files, external_data_model(location))
        done = build_locally(programs, inputs)
        assert done.code == 1, done
        check_message(done.err, ["far_weight", "(INVALID_MODEL)"])


def test_dynamic_shapes_with_shapes_given(programs):
    inputs = write_inputs(programs.files, models.classifier(dims=DYNAMIC).model())
    for option in ("--input-shape=data:1x3x32x32", "--input-shape=1x3x32x32"):
        done = build_locally(programs, inputs, option)
        assert done.code == 0, done.err
        (programs.files / "out.joint").unlink()
    done = build_locally(programs, inputs, "--input-shape=data:1x4x32x32")
    assert done.code == 1
    check_message(done.err, ["data", "1x4x32x32", "contradicts"])
    done = build_locally(programs, inputs, "--input-shape=picture:1x3x32x32")
    assert done.code == 1
    check_message(done.err, ["picture", '"data"'])


@pytest.mark.parametrize("missing", ["model", "calibration", "configuration"])
def test_missing_file(programs, inputs, missing):
    path = getattr(inputs, missing)
    path.unlink()
    done = build_locally(programs, inputs)
    assert done.code == 10, done
    check_message(done.err, [path.name, "No such file"])
    assert not (programs.files / "out.joint").exists()
    assert files_below(programs.temporary) == []


def test_output_folder_is_missing(programs, inputs):
    output = programs.files / "nowhere" / "out.joint"
    done = programs.run("joineryc", "build", *inputs.compiler_arguments(), "--output", output)
    assert done.code == 10, done
    check_message(done.err, ["nowhere/out.joint"])


def test_usage_error(programs):
    for arguments in (["build", "--frobnicate"], ["frobnicate"], [], ["build", "--threads", "0"], ["run"], ["info"]):
        done = programs.run("joineryc", *arguments)
        assert done.code == 2 and (done.err or done.out), (arguments, done)


def named(*names):
    return [case for case in MODELS + CALIBRATIONS + CONFIGURATIONS if case.name in names]


@cases(named("truncated", "unknown_operator", "dynamic_shapes", "name_outside", "corrupt_jpeg", "no_image",
             "too_many_means"))
def test_job_fails(programs, service, case):
    service.start_server()
    service.start_worker()
    inputs = write_case(programs.files, case)
    done = service.client("build", *inputs.client_arguments(), "-o", programs.files / "out.joint")
    assert done.code == 1, done
    assert done.out == ""
    # Names are those the user gave; the worker's own files are nobody's business.
    check_message(done.err, ["error: ", case.reason, *case.words])
    assert str(service.work) not in done.err
    job = service.show("@last")
    assert job["state"] == "JOB_STATE_FAILED"
    assert job["failure"]["reason"] == f"FAILURE_REASON_{case.reason}"
    check_message(job["failure"]["message"], case.words)
    assert job["attempts"] == 1
    assert not (programs.files / "out.joint").exists()
    assert files_below(service.work) == []
    assert service.incoming() == []


@cases(named("typo", "wrong_value"))
def test_client_finds_a_typo_before_it_uploads(programs, service, case):
    service.start_server()
    inputs = write_case(programs.files, case)
    done = service.client("build", *inputs.client_arguments())
    assert done.code == 2, done
    check_message(done.err, case.words[:2])
    assert service.blobs() == {}


@pytest.mark.parametrize("missing", ["model", "calibration", "configuration"])
def test_client_names_a_missing_file(service, inputs, missing):
    service.start_server()
    path = getattr(inputs, missing)
    path.unlink()
    done = service.client("build", *inputs.client_arguments())
    assert done.code == 10, done
    check_message(done.err, [path.name])
    assert service.blobs() == {}


def test_client_cannot_reach_a_server(service, inputs):
    service.start_server()
    service.server.kill()
    done = service.client("build", *inputs.client_arguments())
    assert done.code == 5, done
    check_message(done.err, [service.address, "UNAVAILABLE"])


def test_good_members_are_taken(programs):
    """A reader that refused everything would pass the tests above."""
    members = {**photos(2), "a.jpg": jpeg(5), "folder/array.npy": npy(photo(3)), "./dotted.png": png(7)}
    inputs = write_inputs(programs.files)
    write_tar(inputs.calibration, members)
    done = build_locally(programs, inputs)
    assert done.code == 0, done.err
    assert "5 calibration samples" in done.out
