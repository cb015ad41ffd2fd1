"""Writes the calibration set that all tools are given: python -m peers.prepare MODEL DATA LIMIT ARCHIVE.tar"""
import sys
from pathlib import Path

from peers.models import MODELS
from peers.pictures import write_calibration_set

if __name__ == "__main__":
    name, data, limit, archive = sys.argv[1:]
    print(write_calibration_set(MODELS[name], Path(data, "images"), int(limit) or None, Path(archive)))
