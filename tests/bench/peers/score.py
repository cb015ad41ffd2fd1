"""Scores one quantized model: python -m peers.score MODEL DATA QUANTIZED LIMIT RUNS

DATA is JOINERY_DATA, LIMIT the number of pictures (0: all), RUNS the number of timed runs. Prints one JSON object. A model
that takes uint8 is fed the pixels, as a camera gives them; any other what the float model takes.
"""
import json
import statistics
import sys
import time
from pathlib import Path

import numpy as np
import onnxruntime

from peers.models import MODELS, Model
from peers.pictures import float_input, labels, validation_pixels

WARM_UP_RUNS = 10
TINY = 1e-30


class Runner:
    """A model in ONNX Runtime on the CPU."""

    def __init__(self, path: Path, model: Model, threads: int) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        self._input = self._session.get_inputs()[0]
        self._model = model

    def feed(self, pixels: np.ndarray) -> dict[str, np.ndarray]:
        takes_pixels = self._input.type == "tensor(uint8)"
        return {self._input.name: pixels[None] if takes_pixels else float_input(pixels, self._model)}

    def run(self, feed: dict[str, np.ndarray]) -> list[np.ndarray]:
        return self._session.run(None, feed)


def joined(tensors: list[np.ndarray]) -> np.ndarray:
    return np.concatenate([np.asarray(tensor, np.float64).ravel() for tensor in tensors])


def exactness(model: Model, images: Path, reference: Runner, quantized: Runner, limit: int | None) -> dict[str, float]:
    """Cosine and signal-to-noise ratio over all outputs of each picture; for a classifier what it calls them, too."""
    class_of = labels(model, images)
    cosines: list[float] = []
    signal = noise = 0.0
    hits = np.zeros(3)
    for name, pixels in validation_pixels(model, images, limit):
        a, b = (joined(runner.run(runner.feed(pixels))) for runner in (reference, quantized))
        if a.shape != b.shape:
            raise ValueError(f"{a.size} output values became {b.size}")
        cosines.append(float(a @ b / max(np.linalg.norm(a) * np.linalg.norm(b), TINY)))
        signal, noise = signal + float(a @ a), noise + float((a - b) @ (a - b))
        if class_of:
            hits += (a.argmax() == class_of[name], b.argmax() == class_of[name], a.argmax() == b.argmax())
    found: dict[str, float] = {
        "images": len(cosines), "cosine": statistics.fmean(cosines), "least_cosine": min(cosines),
        "sqnr_db": float(10 * np.log10(max(signal, TINY) / max(noise, TINY)))}
    if class_of:
        top1_float, top1, agreement = (hits / len(cosines)).tolist()
        found |= {"top1_float": top1_float, "top1": top1, "agreement": agreement}
    return found


def latency(model: Model, images: Path, float_path: Path, quantized_path: Path, runs: int) -> dict[str, float]:
    """Median milliseconds of both models, one thread each, a run of one always beside a run of the other."""
    _, pixels = next(validation_pixels(model, images, 1))
    runners = [Runner(path, model, threads=1) for path in (float_path, quantized_path)]
    feeds = [runner.feed(pixels) for runner in runners]
    times: list[list[float]] = [[], []]
    for index in range(WARM_UP_RUNS + runs):
        for runner, feed, kept in zip(runners, feeds, times):
            begin = time.perf_counter()
            runner.run(feed)
            if index >= WARM_UP_RUNS:
                kept.append(time.perf_counter() - begin)
    ms_float, ms = (1e3 * statistics.median(kept) for kept in times)
    return {"ms_float": ms_float, "ms": ms, "speedup": ms_float / ms}


def main(model_name: str, data: str, quantized: str, limit: str, runs: str) -> None:
    model, images, path = MODELS[model_name], Path(data, "images"), Path(quantized)
    float_path = Path(data, "models", f"{model_name}.onnx")
    found = exactness(model, images, Runner(float_path, model, 0), Runner(path, model, 0), int(limit) or None)
    if int(runs) > 0:
        found |= latency(model, images, float_path, path, int(runs))
    print(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
