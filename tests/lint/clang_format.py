#!/usr/bin/env python3
"""Fails if a C++ file is not formatted as .clang-format says.

    clang_format.py ROOT | --self-test
"""

import pathlib
import shutil
import subprocess
import sys
import tempfile

from source_files import cpp_files


def check(root):
    """Returns the exit code; prints what is wrong."""
    files = cpp_files(root)
    if not files:
        print(f"error: no C++ file in {root}")
        return 1
    result = subprocess.run(["clang-format-14", "--dry-run", "-Werror", *files], cwd=root, check=False)
    print(f"{len(files)} files looked at" + ("" if result.returncode == 0 else "; fix: clang-format-14 -i FILE"))
    return result.returncode


def self_test():
    root = pathlib.Path(__file__).resolve().parents[2]
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        shutil.copy(root / ".clang-format", folder)
        (folder / "good.cc").write_text("int Good() { return 1; }\n")
        assert check(folder) == 0, "a well-formatted file was refused"
        (folder / "bad.cc").write_text("int  Bad( ){return 1 ;}\n")
        assert check(folder) != 0, "a badly formatted file was accepted"


if __name__ == "__main__":
    if sys.argv[1:] == ["--self-test"]:
        self_test()
    elif len(sys.argv) == 2:
        sys.exit(check(sys.argv[1]))
    else:
        sys.exit(__doc__)
