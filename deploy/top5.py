#!/usr/bin/env python3
"""Prints the five likeliest ImageNet classes, float model beside `.joint`.

    top5.py GT_FOLDER CLASS_NAMES.json [OUTPUT]

GT_FOLDER is what `joineryc run --output_gt` wrote: onnx/OUTPUT.bin and joint/OUTPUT.bin, 1000 float32 each; OUTPUT is
`536` if not given. CLASS_NAMES.json maps a class's number to its names, the usual one first. The network has no softmax;
the percentages are of a softmax computed here.
"""

import json
import pathlib
import sys

import numpy as np

CLASSES = 1000


def read_scores(path):
    scores = np.fromfile(path, dtype="<f4")
    if scores.size != CLASSES:
        sys.exit(f"error: {path} has {scores.size} float32 values, expected {CLASSES}")
    return scores


def top5(scores, names):
    shares = np.exp(scores.astype(np.float64) - scores.max())
    shares /= shares.sum()
    best = np.argsort(-scores, kind="stable")[:5]
    return [f"{c:3d} {names[str(c)].split(',')[0][:20]:20s} {scores[c]:7.3f} {shares[c]:6.1%}" for c in best]


def main():
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    folder = pathlib.Path(sys.argv[1])
    output = sys.argv[3] if len(sys.argv) == 4 else "536"
    names = json.loads(pathlib.Path(sys.argv[2]).read_text(encoding="utf-8"))
    columns = [top5(read_scores(folder / side / f"{output}.bin"), names) for side in ("onnx", "joint")]
    print(f"   {'float model':39s}    .joint")
    for place, row in enumerate(zip(*columns), start=1):
        print(f"{place}. {row[0]}    {row[1]}")


if __name__ == "__main__":
    main()
