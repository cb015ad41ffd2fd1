#!/usr/bin/env python3
"""Fails if a file breaks one of the project's rules that no compiler knows.

    house_rules.py ROOT | --self-test

A rule is a function (path, bytes, text or None) -> complaints; RULES lists them. Text is None for binary files. What is
searched for is put together from parts, so that this file passes its own rules.
"""

import pathlib
import re
import subprocess
import sys
import tempfile

from source_files import source_files

MAX_BYTES = 500_000
# A path that begins with one of these is somebody's machine; `$HOME/work/` and `server/work/` are not.
MACHINE_PATH = re.compile(r"(?<![\w.$}~*)/-])/(?:" + "|".join(("work", "root", "home", "Users")) + r")/")
REGISTRY_HOSTS = tuple(name.replace(" ", ".") for name in (
    "pypi org", "pythonhosted org", "npmjs com", "npmjs org", "crates io", "debian org", "docker io", "ghcr io", "quay io",
    "nvcr io", "rubygems org", "anaconda org", "proxy golang org", "huggingface co", "download pytorch org",
    "raw githubusercontent com", "codeload github com", "docker com"))
UNFINISHED = re.compile(r"\b(?:" + "|".join(("TO" "DO", "FIX" "ME", "X" "XX")) + r")\b")


def _lines_with(text, found, what):
    return [f"{number}: {what}" for number, line in enumerate((text or "").splitlines(), start=1) if found(line)]


def no_machine_path(_path, _data, text):
    return _lines_with(text, MACHINE_PATH.search, "a path of one machine")


def no_registry_host(_path, _data, text):
    return _lines_with(text, lambda line: any(host in line for host in REGISTRY_HOSTS),
                       "a registry's host name; fetch by package with the registry's own client")


def nothing_unfinished(_path, _data, text):
    return _lines_with(text, UNFINISHED.search, "a note on unfinished work; do it or open an issue")


def no_large_file(_path, data, _text):
    return [f"1: {len(data)} bytes, more than {MAX_BYTES}"] if len(data) > MAX_BYTES else []


def header_is_a_manual(path, _data, text):
    if path.suffix != ".h":
        return []
    complaints = [] if "\n#pragma once\n" in f"\n{text}" else ["1: no #pragma once"]
    return complaints if text.startswith("//") else complaints + ["1: does not open with a comment on what it is for"]


def shell_script_parses(_path, data, text):
    if text is None or not re.match(r"#!.*\b(ba)?sh\b", text):
        return []
    parsed = subprocess.run(["bash", "-n"], input=data, capture_output=True, check=False)
    return [] if parsed.returncode == 0 else [f"1: bash -n: {parsed.stderr.decode().strip()}"]


RULES = (no_machine_path, no_registry_host, nothing_unfinished, no_large_file, header_is_a_manual, shell_script_parses)


def check(root):
    """Returns the complaints, one a line."""
    complaints = []
    files = source_files(root)
    for path in files:
        data = (pathlib.Path(root) / path).read_bytes()
        try:
            text = None if b"\0" in data else data.decode()
        except UnicodeDecodeError:
            text = None
        complaints += [f"{path}:{complaint} [{rule.__name__}]" for rule in RULES for complaint in rule(path, data, text)]
    return complaints if files else [f"no file in {root}"]


def self_test():
    """Each rule must refuse its bad example, and only it, and accept the good ones."""
    good = {
        "a.h": "// What it is for.\n#pragma once\n",
        "b.sh": "#!/usr/bin/env bash\necho \"$HOME/" "work/x server/" "work/y\"\n",
        "c.md": "See https://example.com/root.\n",
        "d.bin": b"\0\xff" + b"/ro" b"ot/",
    }
    bad = {
        no_machine_path: ("x.cc", 'Open("/ro' 'ot/model.onnx");\n'),
        no_registry_host: ("x.sh", "curl https://py" "pi.org/simple\n"),
        nothing_unfinished: ("x.cc", "// TO" "DO: later\n"),
        no_large_file: ("x.txt", "a" * (MAX_BYTES + 1)),
        header_is_a_manual: ("x.h", "#pragma once\n"),
        shell_script_parses: ("x.sh", "#!/bin/bash\nif true; then\n"),
    }
    assert set(bad) == set(RULES), "a rule has no bad example"
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        for path, content in good.items():
            (folder / path).write_bytes(content if isinstance(content, bytes) else content.encode())
        assert check(folder) == [], check(folder)
        for rule, (path, content) in bad.items():
            (folder / path).write_text(content)
            complaints = check(folder)
            assert len(complaints) == 1 and rule.__name__ in complaints[0], (rule.__name__, complaints)
            (folder / path).unlink()
        (folder / "x.h").write_text("// No guard.\n")
        assert len(check(folder)) == 1, "a header without #pragma once was accepted"


if __name__ == "__main__":
    if sys.argv[1:] == ["--self-test"]:
        self_test()
    elif len(sys.argv) == 2:
        found = check(sys.argv[1])
        print("\n".join(found))
        sys.exit(1 if found else 0)
    else:
        sys.exit(__doc__)
