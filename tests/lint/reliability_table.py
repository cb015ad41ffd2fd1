#!/usr/bin/env python3
"""Fails if docs/reliability.md names a test that does not exist, or leaves out a line of the checklist.

    reliability_table.py ROOT | --self-test

A test is what stands in backticks in the last column of a table: a GoogleTest name, a pytest function, or a file.
"""

import pathlib
import re
import sys

from source_files import source_files

LINES = [f"{kind}{number:02d}" for kind, numbers in (
    ("F", [*range(1, 12), *range(20, 28), *range(30, 37)]), ("C", range(1, 17)), ("B", [*range(1, 8), 20]),
    ("U", range(1, 11))) for number in numbers]
ROW = re.compile(r"^\| (?P<line>[FBCU]\d\d) \|.*\| (?P<tests>[^|]*) \|$")


def check(text, sources, files):
    """`sources`: all of the tests' code; `files`: paths relative to the root."""
    complaints, seen = [], set()
    for row in map(ROW.match, text.splitlines()):
        if row is None:
            continue
        seen.add(row["line"])
        for name in re.findall(r"`([^`]+)`", row["tests"]):
            if name not in files and not re.search(rf"\b{re.escape(name.split('.')[-1])}\b", sources):
                complaints.append(f"{row['line']}: there is no test {name}")
    return complaints + [f"{line} is not in the table" for line in LINES if line not in seen]


def check_tree(root):
    names = [name for name in source_files(root) if name.parts[0] == "tests"]
    sources = "\n".join((root / name).read_text(errors="replace") for name in names if name.suffix in (".cc", ".h", ".py"))
    return check((root / "docs/reliability.md").read_text(), sources, {str(name) for name in names})


def self_test():
    rows = [f"| {line} | what | `GoodTest` |" for line in LINES]
    assert check("\n".join(rows), "TEST(SomeTest, GoodTest) {", set()) == []
    assert check("\n".join(rows[1:]), "TEST(SomeTest, GoodTest) {", set()) == ["F01 is not in the table"]
    rows[0] = "| F01 | what | `BadTest`, `tests/there.py` |"
    assert check("\n".join(rows), "GoodTest", {"tests/there.py"}) == ["F01: there is no test BadTest"]


if __name__ == "__main__":
    if sys.argv[1:] == ["--self-test"]:
        self_test()
    elif len(sys.argv) == 2:
        found = check_tree(pathlib.Path(sys.argv[1]))
        print("\n".join(found))
        sys.exit(1 if found else 0)
    else:
        sys.exit(__doc__)
