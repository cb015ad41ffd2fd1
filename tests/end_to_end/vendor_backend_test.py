"""The vendor's tool makes a binary, which goes into the .joint. A program with its command line stands in for it."""

import hashlib
import json
import os
import pathlib
import shutil
import signal
import sys

import inputs as build_inputs
import numpy as np
import pytest
from programs import NO_MEMORY_LIMIT, processes_in, wait_until

STAND_IN = pathlib.Path(__file__).resolve().parent / "stand_in/vendor_tool.py"
PULSAR2 = {
    "model_type": "ONNX", "target_hardware": "AX650", "npu_mode": "NPU1",
    "quant": {"input_configs": [{"tensor_name": "DEFAULT", "calibration_dataset": "calib.tar",
                                 "calibration_mean": [103, 116, 123], "calibration_std": [58, 57, 57]}]},
    "input_processors": [{"tensor_name": "DEFAULT", "tensor_format": "RGB", "src_format": "RGB", "src_dtype": "U8",
                          "src_layout": "NHWC"}]}


def python_path():
    """Where ONNX Runtime's Python package is."""
    for folder in [*os.environ.get("PYTHONPATH", "").split(":"), *sys.path]:
        if folder and (pathlib.Path(folder) / "onnxruntime").is_dir():
            return folder
    pytest.skip("skipped: no onnxruntime for Python")


@pytest.fixture
def tool(programs):
    """Makes the stand-in, under either name, with a fault."""
    def make(name="pulsar2", fault=""):
        folder = programs.folder / "tool"
        folder.mkdir(exist_ok=True)
        folder.chmod(0o755)
        programs.folder.chmod(0o755)
        shutil.copy(STAND_IN, folder / name)
        (folder / name).chmod(0o755)
        (folder / "stand_in.json").write_text(json.dumps({"fault": fault, "python_path": python_path()}))
        return folder / name
    return make


@pytest.fixture
def pulsar2_inputs(programs):
    inputs = build_inputs.write_inputs(programs.files, configuration=json.dumps(PULSAR2))
    inputs.configuration = inputs.configuration.rename(programs.files / "config.json")
    return inputs


def build(programs, inputs, tool, *options):
    return programs.run("joineryc", "build", *inputs.compiler_arguments(), "--output", "m.joint", "--report", "r.json",
                        "--vendor-tool", f"{tool.name}={tool}", *options)


def manifest_of(programs):
    done = programs.run("joineryc", "info", "m.joint", "--json")
    assert done.code == 0, done.err
    return json.loads(done.out)


def check_binary(programs, name, hardware):
    """What the .joint says of the binary is what is in it, and the binary's numbers are near ours."""
    binary = manifest_of(programs)["vendor_binary"]
    assert binary["tool"] == name and binary["hardware"] == hardware
    done = programs.run("joineryc", "extract", "m.joint", "--binary", "-o", "binary")
    assert done.code == 0, done.err
    content = (programs.files / "binary").read_bytes()
    assert int(binary["size_bytes"]) == len(content)
    assert binary["sha256"] == hashlib.sha256(content).hexdigest()
    assert json.loads(content)["hardware"] in hardware
    [output] = binary["outputs"]
    assert 0.98 < output["cosine_mean"] < 0.9999999, "the float model's numbers are near ours and not ours"
    report = json.loads((programs.files / "r.json").read_text())
    assert report["manifest"]["vendor_binary"] == binary
    return binary


def outputs_of(path):
    import onnxruntime
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(str(path), options)
    [image] = session.get_inputs()
    return session.run(None, {image.name: build_inputs.photo(5).reshape(image.shape)})


def test_pulsar2_makes_a_binary(programs, pulsar2_inputs, tool):
    plain = programs.run("joineryc", "build", *pulsar2_inputs.compiler_arguments(), "--output", "plain.joint")
    assert plain.code == 0, plain.err
    done = build(programs, pulsar2_inputs, tool())
    assert done.code == 0, done.err
    assert "pulsar2 4.0 (commit 0a1b2c3d) made compiled.axmodel for AX650 NPU1" in done.out
    assert "max_cycle" in done.err and "warning: pulsar2: " in done.err.lower()
    binary = check_binary(programs, "pulsar2", "AX650 NPU1")
    assert binary["tool_version"] == "4.0 (commit 0a1b2c3d)" and binary["file_name"] == "compiled.axmodel"
    info = programs.run("joineryc", "info", "m.joint").out
    assert binary["sha256"] in info
    for ours, theirs in zip(outputs_of(programs.files / "plain.joint"), outputs_of(programs.files / "m.joint")):
        np.testing.assert_array_equal(ours, theirs)
    first = (programs.files / "m.joint").read_bytes()
    assert build(programs, pulsar2_inputs, tool()).code == 0
    assert (programs.files / "m.joint").read_bytes() == first
    assert not list(programs.temporary.iterdir())


def test_pulsar_makes_a_binary(programs, inputs, tool):
    done = build(programs, inputs, tool("pulsar"))
    assert done.code == 0, done.err
    assert check_binary(programs, "pulsar", "AX620 111")["file_name"] == "compiled.joint"


def test_without_a_binary_there_is_nothing_to_extract(programs, inputs):
    assert programs.run("joineryc", "build", *inputs.compiler_arguments(), "--output", "m.joint").code == 0
    done = programs.run("joineryc", "extract", "m.joint", "--binary", "-o", "binary")
    assert done.code != 0 and "no binary of the vendor's is attached" in done.err


@pytest.mark.parametrize("fault, words, reason", [
    ("fail", "pulsar2 failed (exit code 1): yamain.common.error.CodeException", "VENDOR_TOOL"),
    ("unsupported", "does not support an operator of the model (KeyError: 'dont support onnx.GatherElements",
     "VENDOR_TOOL"),
    ("crash", "pulsar2 crashed (signal 6)", "VENDOR_TOOL"),
    ("killed", "pulsar2 was killed, most likely because memory ran out", "OUT_OF_MEMORY"),
    ("nothing", "ended well but made no compiled.axmodel", "VENDOR_TOOL"),
    ("pipe", "ended well but made no compiled.axmodel", "VENDOR_TOOL"),
    ("link", "ended well but made no compiled.axmodel", "VENDOR_TOOL"),
])
def test_errors_are_told(programs, pulsar2_inputs, tool, fault, words, reason):
    done = build(programs, pulsar2_inputs, tool(fault=fault))
    assert done.code == 1
    assert words in done.err and f"({reason})" in done.err
    # What Build made is as it was.
    assert "vendor_binary" not in manifest_of(programs)
    assert not list(programs.temporary.iterdir())


@pytest.mark.parametrize("fault, words", [
    ("no_simulator", "the simulator is broken"), ("wrong_size", "the simulator wrote")])
def test_a_simulator_that_fails_is_a_warning(programs, pulsar2_inputs, tool, fault, words):
    done = build(programs, pulsar2_inputs, tool(fault=fault))
    assert done.code == 0, done.err
    binary = manifest_of(programs)["vendor_binary"]
    assert words in binary["not_compared"] and words in done.err
    assert int(binary["size_bytes"]) > 0


def test_junk_is_no_trouble(programs, pulsar2_inputs, tool):
    done = build(programs, pulsar2_inputs, tool(fault="junk"))
    assert done.code == 0, done.err
    assert "it printed more, which is left out" in done.err
    assert len(done.err) < 6 << 20


def test_a_tool_that_is_not_there_is_the_workers_fault(programs, pulsar2_inputs):
    done = build(programs, pulsar2_inputs, programs.folder / "pulsar2")
    assert done.code == 10 and "cannot run" in done.err and "(WORKER_FAULT)" in done.err
    assert "calibrate" not in done.err, "it is told before anything is built"


def hanging(text):
    """Process ids that a hanging stand-in tells of."""
    line = next((line for line in text.splitlines() if "hanging as" in line), None)
    return [int(word) for word in line.split() if word.isdigit()][-2:] if line else None


def is_gone(pid):
    return not pathlib.Path(f"/proc/{pid}").exists() or "Z" in pathlib.Path(f"/proc/{pid}/stat").read_text().split()[2]


def test_a_tool_that_hangs_is_stopped(programs, pulsar2_inputs, tool):
    done = build(programs, pulsar2_inputs, tool(fault="hang"), "--vendor-time-limit", "1s")
    assert done.code == 1
    assert "pulsar2 did not end within 1s and was stopped" in done.err and "(TIMED_OUT)" in done.err
    wait_until(lambda: all(is_gone(pid) for pid in hanging(done.err)), "the tool and its child are gone")


def test_sigterm_takes_the_tool_along(programs, pulsar2_inputs, tool):
    process = programs.start("joineryc", "build", *pulsar2_inputs.compiler_arguments(), "--output", "m.joint",
                             "--vendor-tool", f"pulsar2={tool(fault='hang')}")
    pids = wait_until(lambda: hanging(process.err()), "the tool hangs")
    process.signal(signal.SIGTERM)
    assert process.wait().code != 0
    wait_until(lambda: all(is_gone(pid) for pid in pids), "the tool and its child are gone")
    assert not list(programs.temporary.iterdir())


def test_the_configuration_must_be_the_tools(programs, inputs, tool):
    done = build(programs, inputs, tool("pulsar2"))
    assert done.code == 1 and "is one of pulsar build, and the tool is pulsar2" in done.err
    assert "calibrate" not in done.err


@pytest.mark.parametrize("text", [
    "pulsar3=/bin/true", "pulsar2", "pulsar2=relative", "pulsar2=docker://", "pulsar2=docker://-v"])
def test_bad_tools_are_usage_errors(programs, inputs, text):
    done = programs.run("joineryc", "build", *inputs.compiler_arguments(), "--output", "m.joint", "--vendor-tool", text)
    assert done.code == 2 and "names no vendor's tool" in done.err


def test_an_image_runs_in_a_container_without_network(programs, pulsar2_inputs, tool):
    """A program stands in for docker: it notes how it was called, and runs the tool that lies beside it."""
    path = tool()
    docker = path.parent / "docker"
    docker.write_text(f'#!/bin/sh\necho "$@" >> {path.parent}/calls\n'
                      'while [ "$1" != pulsar2 ]; do shift; done\nshift\nexec "${0%/*}/pulsar2" "$@"\n')
    docker.chmod(0o755)
    done = programs.run("joineryc", "build", *pulsar2_inputs.compiler_arguments(), "--output", "m.joint", "--report",
                        "r.json", "--vendor-tool", "pulsar2=docker://pulsar2:4.0", PATH=f"{path.parent}:/usr/bin:/bin")
    assert done.code == 0, done.err
    check_binary(programs, "pulsar2", "AX650 NPU1")
    calls = (path.parent / "calls").read_text().splitlines()
    assert len(calls) == 3
    for call in calls:
        assert call.startswith("run --rm --init --name joinery-vendor-") and "--network none" in call
        assert " pulsar2:4.0 pulsar2 " in call


def worker_options(tool):
    return ["--vendor-tool", f"pulsar2={tool}", "--readable", python_path(), "--readable", "/etc/python3"]


def test_a_job_gets_a_binary_where_there_is_the_tool(programs, service, pulsar2_inputs, tool):
    service.start_server()
    plain = service.start_worker()
    id_ = service.submit(pulsar2_inputs, "--vendor-binary")
    wait_until(lambda: "no label vendor:pulsar2" in service.show(id_).get("waiting_reason", ""), "it says so", seconds=10)
    assert plain.is_running()
    service.start_worker(*worker_options(tool()))
    job = service.wait_until_final(id_, seconds=120)
    assert job["state"] == "JOB_STATE_SUCCEEDED", job
    fetched = service.client("fetch", id_, "-o", "m.joint", "--report", "r.json")
    assert fetched.code == 0, fetched.err
    check_binary(programs, "pulsar2", "AX650 NPU1")
    log = service.client("jobs", "logs", id_).out
    assert "pulsar2: " in log and "max_cycle = 782,940" in log


def test_a_job_fails_with_the_tools_words(service, pulsar2_inputs, tool):
    service.start_server()
    service.start_worker(*worker_options(tool(fault="unsupported")))
    job = service.wait_until_final(service.submit(pulsar2_inputs, "--vendor-binary"), seconds=120)
    assert job["state"] == "JOB_STATE_FAILED"
    assert job["failure"]["reason"] == "FAILURE_REASON_VENDOR_TOOL"
    assert "dont support onnx.GatherElements" in job["failure"]["message"]
    assert job["failure"]["fault_of"] == "FAULT_OF_USER"


@pytest.mark.skipif(bool(NO_MEMORY_LIMIT), reason="no compiler with a sanitizer starts within a limit of memory")
def test_the_jobs_memory_limit_holds_for_the_tool(service, pulsar2_inputs, tool):
    service.start_server()
    service.start_worker(*worker_options(tool(fault="memory")), "--memory-limit", "3GiB")
    job = service.wait_until_final(service.submit(pulsar2_inputs, "--vendor-binary"), seconds=120)
    assert job["failure"]["reason"] == "FAILURE_REASON_OUT_OF_MEMORY", job
    assert "pulsar2" in job["failure"]["message"]


def test_the_jobs_time_limit_holds_for_the_tool(service, pulsar2_inputs, tool):
    service.start_server()
    service.start_worker(*worker_options(tool(fault="hang")), "--time-limit", "20s")
    job = service.wait_until_final(service.submit(pulsar2_inputs, "--vendor-binary"), seconds=120)
    assert job["failure"]["reason"] == "FAILURE_REASON_TIMED_OUT", job
    wait_until(lambda: "sleep" not in processes_in(service.work).values(), "what the tool started is gone")


def test_cancelling_stops_the_tool(service, pulsar2_inputs, tool):
    service.start_server()
    service.start_worker(*worker_options(tool(fault="hang")))
    id_ = service.submit(pulsar2_inputs, "--vendor-binary")
    wait_until(lambda: "hanging as" in service.client("jobs", "logs", id_).out, "the tool hangs")
    assert processes_in(service.work)
    assert service.client("jobs", "cancel", id_).code == 0
    assert service.wait_until_final(id_)["state"] == "JOB_STATE_CANCELLED"
    wait_until(lambda: not service.compilers(), "the compiler is gone")
    wait_until(lambda: "python3" not in processes_in(service.work).values(), "the tool is gone")
    wait_until(lambda: "sleep" not in processes_in(service.work).values(), "what the tool started is gone")
