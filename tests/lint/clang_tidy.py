#!/usr/bin/env python3
"""Runs clang-tidy over the project's translation units and remembers which were clean.

    clang_tidy.py ROOT BUILD_FOLDER [--jobs N] | --self-test

The static analyzer, which .clang-tidy names for editors, is left out here: it takes three times as long as all other
checks together and would not fit the time that a run of the tests has. `clang-tidy-14 -p build/dev FILE` includes it.

A unit is looked at again only if something changed that its result depends on: the file, the project's headers and
.proto files it includes (directly or not), the compile command, .clang-tidy, clang-tidy itself. Clean results are
remembered in ${XDG_CACHE_HOME:-~/.cache}/joinery/clang-tidy, an empty file each, named by the hash of all that.
"""

import argparse
import concurrent.futures
import hashlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

FOLDERS = ("base", "client", "compiler", "credentials", "server", "storage", "telemetry", "worker")
CLANG_TIDY = "clang-tidy-14"
# The commands are GCC's: clang may not know a warning, and warnings are the build's business.
EXTRA = ("--extra-arg=-Wno-unknown-warning-option", "--extra-arg=-Wno-error", "--checks=-clang-analyzer-*", "--quiet")
INCLUDE = re.compile(rb'^\s*#\s*include\s+"([^"]+)"', re.MULTILINE)
IMPORT = re.compile(rb'^\s*import\s+(?:public\s+)?"([^"]+)"', re.MULTILINE)
GENERATED = re.compile(r"(?:\.grpc)?\.pb\.h$")
FORGET_AFTER_SECONDS = 30 * 24 * 3600


def cache_folder():
    base = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
    return pathlib.Path(base) / "joinery" / "clang-tidy"


def dependencies(root, source):
    """`source` and all of the project's files it includes; generated headers stand for their .proto file."""
    found, waiting = set(), [source]
    while waiting:
        path = waiting.pop()
        if path in found or not path.is_file():
            continue
        found.add(path)
        for name in (IMPORT if path.suffix == ".proto" else INCLUDE).findall(path.read_bytes()):
            name = GENERATED.sub(".proto", name.decode())
            waiting += [root / name, root / "protos" / name, path.parent / name]
    return sorted(found)


def key_of(root, unit, tool_version):
    """The same key, the same result."""
    digest = hashlib.sha256()
    settings = (root / ".clang-tidy").read_bytes()
    # Where the checkout lies makes no difference.
    command = (unit.get("command") or json.dumps(unit["arguments"])).replace(str(root), ".")
    for part in (tool_version, settings, command.encode(), " ".join(EXTRA).encode()):
        digest.update(hashlib.sha256(part).digest())
    for path in dependencies(root, pathlib.Path(unit["file"])):
        digest.update(str(path.relative_to(root)).encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def units_of(root, build):
    """The compile commands of the project's own units, in the order of their names."""
    commands = json.loads((build / "compile_commands.json").read_text())
    prefixes = tuple(f"{root / folder}{os.sep}" for folder in FOLDERS)
    units = {unit["file"]: unit for unit in commands if unit["file"].startswith(prefixes)}
    return [units[name] for name in sorted(units)]


def forget_old(folder):
    for entry in folder.iterdir():
        if time.time() - entry.stat().st_mtime > FORGET_AFTER_SECONDS:
            entry.unlink(missing_ok=True)


def check(root, build, jobs):
    """Returns (units with complaints, units looked at again)."""
    root, build = pathlib.Path(root).resolve(), pathlib.Path(build).resolve()
    remembered = cache_folder()
    remembered.mkdir(parents=True, exist_ok=True)
    forget_old(remembered)
    tool_version = subprocess.run([CLANG_TIDY, "--version"], check=True, capture_output=True).stdout
    units = units_of(root, build)
    if not units:
        sys.exit(f"error: {build}/compile_commands.json has no unit of {', '.join(FOLDERS)}")
    waiting = []
    for unit in units:
        entry = remembered / key_of(root, unit, tool_version)
        if entry.exists():
            entry.touch()
        else:
            waiting.append((pathlib.Path(unit["file"]), entry))

    def look_at(item):
        source, entry = item
        result = subprocess.run([CLANG_TIDY, *EXTRA, "-p", build, source], capture_output=True, text=True, check=False)
        if result.returncode == 0:
            entry.touch()
        return source.relative_to(root), result

    complaints = 0
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        for source, result in pool.map(look_at, waiting):
            print(f"{'ok  ' if result.returncode == 0 else 'BAD '} {source}", flush=True)
            if result.returncode != 0:
                complaints += 1
                print(result.stdout + result.stderr, flush=True)
    print(f"{len(units)} units, {len(waiting)} looked at, {complaints} with complaints")
    return complaints, len(waiting)


def self_test():
    """A bad unit is refused each time; a clean one is looked at once, and again when its header changes."""
    settings = pathlib.Path(__file__).resolve().parents[2] / ".clang-tidy"
    with tempfile.TemporaryDirectory() as name:
        root = pathlib.Path(name).resolve()
        os.environ["XDG_CACHE_HOME"] = str(root / "cache")
        shutil.copy(settings, root)
        (root / "base").mkdir()
        source, header = root / "base" / "unit.cc", root / "base" / "unit.h"
        command = f"g++ -std=c++20 -Wall -Werror -I{root} -c {source}"
        (root / "compile_commands.json").write_text(
            json.dumps([{"directory": str(root), "command": command, "file": str(source)}]))
        source.write_text('#include "base/unit.h"\n')
        header.write_text("#pragma once\nstruct Length {\n  explicit Length(int metres);\n};\n")
        assert check(root, root, 1) == (0, 1), "a clean unit was refused"
        assert check(root, root, 1) == (0, 0), "a clean unit was not remembered"
        header.write_text("#pragma once\nstruct Length {\n  Length(int metres);\n};\n")
        assert check(root, root, 1) == (1, 1), "an implicit constructor in a header was accepted"
        assert check(root, root, 1) == (1, 1), "a bad unit was remembered as clean"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--self-test", action="store_true")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("folders", nargs="*", metavar="ROOT BUILD_FOLDER")
    args = parser.parse_args()
    if args.self_test:
        self_test()
    elif len(args.folders) == 2:
        sys.exit(1 if check(*args.folders, args.jobs)[0] else 0)
    else:
        parser.error("expected ROOT and BUILD_FOLDER")


if __name__ == "__main__":
    main()
