#!/usr/bin/env python3
"""Times `joineryc build` of a model of JOINERY_DATA, process start to file on disk, against its floor.

    build_time.py JOINERYC [--model mobilenetv2] [--runs 5]

The floor is one float forward pass for each calibration image, in ONNX Runtime with all cores, measured in the same run
because the machine may be shared. Prints medians: seconds, peak memory, seconds of each stage, and the ratio to the
floor. Needs numpy and the module onnxruntime (PYTHONPATH) for the floor; without them it says so and leaves it out.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

CONFIGURATION = """
src_input_tensors {{ color_space: TENSOR_COLOR_SPACE_RGB }}
dst_input_tensors {{ color_space: TENSOR_COLOR_SPACE_RGB }}
neuwizard_conf {{ operator_conf {{ input_conf_items {{ attributes {{
  input_modifications {{ input_normalization {{ mean: {mean} std: {std} }} }} }} }} }} }}
"""
MODELS = {
    "mobilenetv2": ([123.675, 116.28, 103.53], [58.395, 57.12, 57.375]),
    "efficientnet_lite0": ([127, 127, 127], [128, 128, 128]),
}


def run_build(joineryc: str, model: Path, calibration: Path, configuration: Path, folder: Path) -> dict:
    """One build: wall seconds, peak MiB and the report."""
    begin = time.perf_counter()
    subprocess.run(
        [joineryc, "build", "--input", model, "--calibration", calibration, "--config", configuration, "--output",
         folder / "out.joint", "--report", folder / "report.json"],
        check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    seconds = time.perf_counter() - begin
    report = json.loads((folder / "report.json").read_text())
    return {"seconds": seconds, "mib": int(report["peak_memory_bytes"]) / 2**20, "report": report}


def floor_seconds(model: Path, images: int) -> float | None:
    """Seconds that so many float forward passes take, or None if they cannot be measured here."""
    try:
        import numpy
        import onnxruntime
    except ImportError as error:
        print(f"no floor: {error}", file=sys.stderr)
        return None
    session = onnxruntime.InferenceSession(str(model), providers=["CPUExecutionProvider"])
    feed = {session.get_inputs()[0].name: numpy.zeros(session.get_inputs()[0].shape, numpy.float32)}
    session.run(None, feed)
    begin = time.perf_counter()
    for _ in range(images):
        session.run(None, feed)
    return time.perf_counter() - begin


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("joineryc")
    parser.add_argument("--model", choices=MODELS, default="mobilenetv2")
    parser.add_argument("--runs", type=int, default=5)
    arguments = parser.parse_args()
    if "JOINERY_DATA" not in os.environ:
        sys.exit("skipped: no JOINERY_DATA")
    data = Path(os.environ["JOINERY_DATA"])
    model = data / "models" / f"{arguments.model}.onnx"
    mean, std = MODELS[arguments.model]
    runs, floors = [], []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        configuration = folder / "config.prototxt"
        configuration.write_text(CONFIGURATION.format(mean=mean, std=std))
        for _ in range(arguments.runs):
            runs.append(run_build(arguments.joineryc, model, data / "images/calib_224.tar", configuration, folder))
            floors.append(floor_seconds(model, runs[-1]["report"]["manifest"]["calibration_set"]["samples"]))
    seconds = statistics.median(run["seconds"] for run in runs)
    print(f"{arguments.model}: {seconds:.2f} s (least {min(run['seconds'] for run in runs):.2f}), "
          f"{statistics.median(run['mib'] for run in runs):.0f} MiB, {arguments.runs} runs")
    for stage in runs[0]["report"]["stages"]:
        times = [s.get("seconds", 0) for run in runs for s in run["report"]["stages"] if s["stage"] == stage["stage"]]
        print(f"  {stage['stage']:<10} {statistics.median(times):.3f} s")
    if floors[0] is not None:
        floor = statistics.median(floors)
        print(f"  floor {floor:.2f} s; {statistics.median(r['seconds'] / f for r, f in zip(runs, floors)):.1f} times it")


if __name__ == "__main__":
    main()
