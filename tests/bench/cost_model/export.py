"""Writes published networks with random weights as ONNX models: python export.py FOLDER [NAME...]"""
import sys
import warnings
from pathlib import Path

import torch

from networks import networks

OPSET = 13


def export(name: str, path: Path) -> None:
    torch.manual_seed(0)
    make, (height, width) = networks()[name]
    with torch.no_grad():
        torch.onnx.export(make().eval(), (torch.zeros(1, 3, height, width),), path, dynamo=False, opset_version=OPSET)


if __name__ == "__main__":
    warnings.filterwarnings("ignore")
    folder, *names = sys.argv[1:]
    failures = 0
    for wanted in names or sorted(networks()):
        try:
            export(wanted, Path(folder, f"{wanted}.onnx"))
            print(wanted, flush=True)
        except Exception as error:  # One network less is no reason to lose the others.
            print(f"{wanted}: {type(error).__name__}: {str(error)[:300]}", file=sys.stderr, flush=True)
            failures += 1
    sys.exit(1 if failures else 0)
