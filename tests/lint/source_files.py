"""Which files the checks look at: what git tracks, or, in a folder without git, everything but build folders."""

import pathlib
import subprocess

LEFT_OUT = {".git", "build", "demo-output", "__pycache__"}


def source_files(root):
    """Paths relative to `root`, sorted; only those that exist."""
    root = pathlib.Path(root)
    if (root / ".git").exists():
        listed = subprocess.run(["git", "-C", root, "ls-files", "-z"], check=True, capture_output=True, text=True).stdout
        names = [pathlib.Path(name) for name in listed.split("\0") if name]
    else:
        names = [path.relative_to(root) for path in root.rglob("*")]
    return sorted(n for n in names if (root / n).is_file() and not LEFT_OUT & set(n.parts))


def cpp_files(root):
    return [name for name in source_files(root) if name.suffix in (".h", ".cc")]
