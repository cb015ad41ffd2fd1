"""Virtual environments of the peers, made on demand from requirements that are pinned to the byte. Standard library only.

Each lies in ~/.cache/joinery/peers under its name and the digest of its requirements, so a changed pin makes a new one. The
requirements hold for Python 3.11 on x86-64 Linux; `compare_peers --lock` writes them anew.
"""
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

# What is asked for; everything these need is in requirements-NAME.txt, with versions and hashes.
ENVIRONMENTS = {
    "onnxruntime": ("onnxruntime==1.32.0", "onnx==1.23.2", "pillow==13.0.0", "sympy==1.14.0"),
    "nncf": ("nncf==3.4.0", "onnxruntime==1.32.0", "onnx==1.23.2", "pillow==13.0.0"),
    # These two need PyTorch; esp-ppq does not say so. PyTorch comes with the libraries of CUDA: 6 GB, used or not.
    "torch": ("esp-ppq==1.3.12", "aimet-onnx==2.42.0", "torch==2.15.0", "onnxruntime==1.32.0", "pillow==13.0.0"),
    # Graphs of published networks, for the cost model.
    "networks": ("torch==2.15.0", "torchvision==0.29.2", "ultralytics==8.4.190", "timm==1.0.31", "onnx==1.23.2"),
    "detection": ("pycocotools==2.0.11", "onnxruntime==1.32.0", "pillow==13.0.0"),
}
SCORING = "onnxruntime"
COMPLETE = "complete"


class NotInstalledError(Exception):
    """An environment could not be made; the message says why."""


def requirements(name: str) -> Path:
    return Path(__file__).with_name(f"requirements-{name}.txt")


def cache_folder() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "joinery" / "peers"


def ensure(name: str) -> Path:
    """The environment's Python; makes the environment if it is not there. Raises NotInstalledError."""
    digest = hashlib.sha256(requirements(name).read_bytes() + sys.version.encode()).hexdigest()[:12]
    folder = cache_folder() / f"{name}-{digest}"
    python = folder / "bin" / "python"
    if (folder / COMPLETE).exists():
        return python
    shutil.rmtree(folder, ignore_errors=True)
    folder.parent.mkdir(parents=True, exist_ok=True)
    print(f"installing {' '.join(ENVIRONMENTS[name])} ...", file=sys.stderr, flush=True)
    _run([sys.executable, "-m", "venv", folder])
    # Wheels only: a source archive would run its own code, and need a compiler.
    _run([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes", "--no-deps",
          "--only-binary", ":all:", "--requirement", requirements(name)])
    (folder / COMPLETE).touch()
    return python


def lock(name: str) -> int:
    """Writes the requirements of an environment for this machine's Python. Returns how many packages they name."""
    with tempfile.TemporaryDirectory() as folder:
        python, report = Path(folder, "venv", "bin", "python"), Path(folder, "report.json")
        _run([sys.executable, "-m", "venv", Path(folder, "venv")])
        _run([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--dry-run",
              "--ignore-installed", "--only-binary", ":all:", "--report", report, *ENVIRONMENTS[name]])
        packages = json.loads(report.read_text())["install"]
    lines = sorted(f"{package['metadata']['name']}=={package['metadata']['version']}"
                   f" --hash=sha256:{package['download_info']['archive_info']['hashes']['sha256']}"
                   for package in packages)
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    head = f"# Written by compare_peers --lock, for Python {version} on {sys.platform}: change environments.py instead."
    requirements(name).write_text("\n".join([head, *lines]) + "\n")
    return len(lines)


def _run(command: list[str | Path]) -> None:
    environment = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "PYTHONHOME")}
    done = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        lines = [line for line in (done.stderr or done.stdout).splitlines() if line.strip()]
        errors = [line for line in lines if line.startswith("ERROR")] or lines[-1:]
        raise NotInstalledError(f"not installed: {errors[0] if errors else f'exit code {done.returncode}'}")
