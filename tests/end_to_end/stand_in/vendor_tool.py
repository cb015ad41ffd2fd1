#!/usr/bin/python3 -B
"""Stands in for the vendor's `pulsar` and `pulsar2`, by whose name it is called.

It takes their command lines, checks the configuration that it is given, and does a small real job: its binary holds the
float model and the configuration, and its simulator runs that with ONNX Runtime. The file stand_in.json beside it says
where ONNX Runtime is ("python_path") and what goes wrong ("fault"):

  fail, unsupported   errors as the tools print them         hang    does not end, and SIGTERM does not help
  crash, killed       ends by a signal                        junk    prints megabytes of bytes that are no text
  memory              wants more than there is                pipe, link   its binary is no file
  nothing             succeeds without having made anything   no_simulator, wrong_size   only the simulator is at fault
"""

import argparse
import base64
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import tarfile
import time

import numpy as np

HERE = pathlib.Path(sys.argv[0]).resolve().parent
TOOL = pathlib.Path(sys.argv[0]).name
SETTINGS = json.loads((HERE / "stand_in.json").read_text()) if (HERE / "stand_in.json").exists() else {}
FAULT = SETTINGS.get("fault", "")
FIELDS = {"input", "output_dir", "output_name", "work_dir", "model_type", "target_hardware", "npu_mode", "input_shapes",
          "onnx_opt", "quant", "input_processors", "output_processors", "const_processors", "op_processors",
          "quant_op_processors", "compiler", "debug"}


def log(level, text):
    print(f"2026-01-01 00:00:00.000 | {level:8} | yamain:build:1 - {text}", flush=True)


def fail(text):
    print(f"yamain.common.error.CodeException: (<ErrorCode.QuantError: 3>, {text})", flush=True)
    sys.exit(1)


def go_wrong():
    if FAULT == "fail":
        print("Traceback (most recent call last):\n  File \"<frozen backend.quant>\", line 1, in <frozen>", flush=True)
        fail("ValueError('calibration does not converge')")
    if FAULT == "unsupported":
        print("KeyError: 'dont support onnx.GatherElements opr in AXOPS'", flush=True)
        sys.exit(1)
    if FAULT == "hang":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        child = subprocess.Popen(["/bin/sleep", "1000"])
        log("INFO", f"hanging as {os.getpid()} with {child.pid}")
        while True:
            time.sleep(1)
    if FAULT == "crash":
        os.abort()
    if FAULT == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    if FAULT == "junk":
        for _ in range(8):
            sys.stdout.buffer.write(os.urandom(1 << 20) + b"\n")
    if FAULT == "memory":
        # Never touched, so that it takes nothing where there is no limit.
        hoard = [bytearray(1 << 30) for _ in range(256)]
        fail(f"{len(hoard)} GiB are too few")
    if FAULT == "nothing":
        sys.exit(0)
    if FAULT == "pipe":
        os.mkfifo("output/compiled.axmodel")
        sys.exit(0)
    if FAULT == "link":
        os.symlink("/etc/passwd", "output/compiled.axmodel")
        sys.exit(0)


def check_calibration(path):
    with tarfile.open(path) as archive:
        names = archive.getnames()
    if not names:
        fail(f"{path} is empty")
    log("INFO", f"{len(names)} File(s) Loaded.")


def read_pulsar2(text):
    """What the simulator needs: how each input is prepared."""
    config = json.loads(text)
    if set(config) - FIELDS:
        fail(f"unknown fields {sorted(set(config) - FIELDS)}")
    if config["input"] != "model.onnx" or config.get("npu_mode", "NPU1") not in ("NPU1", "NPU2", "NPU3", "NPU4"):
        fail("input or npu_mode is wrong")
    for entry in config["quant"]["input_configs"]:
        check_calibration(entry["calibration_dataset"])
    inputs = {}
    for entry in config["input_processors"]:
        inputs[entry["tensor_name"]] = {
            "dtype": {"U8": "uint8", "FP32": "float32"}[entry.get("src_dtype", "FP32")],
            "nhwc": entry.get("src_layout") == "NHWC", "mean": entry.get("mean", []), "std": entry.get("std", [])}
    return {"hardware": config.get("target_hardware", "AX650"), "inputs": inputs}


def repeated(text, name):
    return [float(value) for value in re.findall(rf"\b{name}: ([-0-9.e]+)", text)]


def read_pulsar(text):
    """The prototxt of one input: its blocks by regular expressions."""
    if text.count("{") != text.count("}") or "joinery_conf" in text:
        fail("the prototxt has a mistake")
    check_calibration(re.search(r'dataset_conf_calibration \{[^}]*?path: "([^"]+)"', text, re.DOTALL).group(1))
    name = re.search(r'op_name: "([^"]+)"', text).group(1)
    affine = [repeated(text, field) for field in ("slope", "slope_divisor")]
    scale = (affine[0] or [1])[0] / (affine[1] or [1])[0]
    mean, std = repeated(text, "mean") or [0], repeated(text, "std") or [1]
    how = {"mean": [value / scale for value in mean], "std": [value / scale for value in std]}
    return {"hardware": "AX620", "inputs": {name: {"dtype": "uint8", "nhwc": True, **how}}}


def compile_model(arguments):
    text = pathlib.Path(arguments.config).read_text()
    description = read_pulsar2(text) if TOOL == "pulsar2" else read_pulsar(text)
    go_wrong()
    log("WARNING", "a warning of the tool's")
    description["model"] = base64.b64encode(pathlib.Path(arguments.input).read_bytes()).decode()
    output = (pathlib.Path(arguments.output_dir) / arguments.output_name if TOOL == "pulsar2"
              else pathlib.Path(arguments.output))
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(json.dumps(description))
    if TOOL == "pulsar":
        pathlib.Path(arguments.output_config).write_text(text)
        print(f"File saved: {output}")
    log("INFO", "max_cycle = 782,940")


def simulate(binary, read_input, write_output):
    if FAULT == "no_simulator":
        fail("the simulator is broken")
    sys.path.insert(0, SETTINGS["python_path"])
    import onnxruntime
    description = json.loads(pathlib.Path(binary).read_text())
    session = onnxruntime.InferenceSession(base64.b64decode(description["model"]))
    feed = {}
    for tensor in session.get_inputs():
        how = description["inputs"][tensor.name]
        shape = list(tensor.shape)
        if how["nhwc"]:
            shape = [shape[0], shape[2], shape[3], shape[1]]
        value = np.frombuffer(read_input(tensor.name), how["dtype"]).astype(np.float32).reshape(shape)
        if how["std"]:
            value = (value - np.float32(how["mean"])) / np.float32(how["std"])
        feed[tensor.name] = np.ascontiguousarray(value.transpose(0, 3, 1, 2) if how["nhwc"] else value)
    for tensor, value in zip(session.get_outputs(), session.run(None, feed)):
        write_output(tensor.name, value.tobytes()[4:] if FAULT == "wrong_size" else value.tobytes())


def file_name(name):
    return re.sub(r"[^a-zA-Z0-9_-]", "_", name) + ".bin" if TOOL == "pulsar2" else name.replace("/", "_") + ".bin"


def run_pulsar2(arguments):
    for line in pathlib.Path(arguments.list).read_text().split():
        print(f"Building native\n>>> [{line}] start")
        results = pathlib.Path(arguments.output_dir) / line
        results.mkdir(parents=True, exist_ok=True)
        inputs = pathlib.Path(arguments.input_dir) / line
        simulate(arguments.model, lambda name: (inputs / file_name(name)).read_bytes(),
                 lambda name, value: (results / file_name(name)).write_bytes(value))
        print(f">>> [{line}] finish")


def run_pulsar(arguments):
    inputs = dict(zip(arguments.layer, arguments.input))
    results = pathlib.Path(arguments.output_gt) / "joint"
    results.mkdir(parents=True, exist_ok=True)
    pathlib.Path(arguments.config).read_text()
    simulate(arguments.models[1], lambda name: pathlib.Path(inputs[name]).read_bytes(),
             lambda name, value: (results / file_name(name)).write_bytes(value))


def main():
    parser = argparse.ArgumentParser(TOOL)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("version")
    build, run = commands.add_parser("build"), commands.add_parser("run")
    for option in ("--config", "--input"):
        build.add_argument(option, required=True)
    for option in (("--output_dir", "--output_name") if TOOL == "pulsar2" else ("--output", "--output_config")):
        build.add_argument(option, required=True)
    if TOOL == "pulsar2":
        for option in ("--model", "--input_dir", "--output_dir", "--list"):
            run.add_argument(option, required=True)
    else:
        run.add_argument("models", nargs=2)
        run.add_argument("--config", required=True)
        run.add_argument("--output_gt", required=True)
        run.add_argument("--input", nargs="+", required=True)
        run.add_argument("--layer", nargs="+", required=True)
    arguments = parser.parse_args()
    if arguments.command == "version":
        print("version: 4.0\ncommit: 0a1b2c3d" if TOOL == "pulsar2" else "0.6.1.20\n7ca3b9d5")
    elif arguments.command == "build":
        compile_model(arguments)
    else:
        (run_pulsar2 if TOOL == "pulsar2" else run_pulsar)(arguments)


main()
