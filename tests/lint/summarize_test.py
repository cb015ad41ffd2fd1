#!/usr/bin/env python3
"""Tests tests/summarize.py: what ctest's report says must come out as the right closing line and exit code."""

import pathlib
import subprocess
import sys
import tempfile
import unittest

PROGRAM = pathlib.Path(__file__).resolve().parents[1] / "summarize.py"
PASSED = '<testcase name="p" time="0.1" status="run"/>'
FAILED = '<testcase name="f" time="0.2" status="fail"><failure message=""/><system-out>boo</system-out></testcase>'
SKIPPED = ('<testcase name="s" time="0.3" status="notrun"><skipped message="SKIP_RETURN_CODE=77"/>'
           '<system-out>skipped: no JOINERY_DATA</system-out></testcase>')
DISABLED = '<testcase name="d" time="0" status="disabled"><skipped message="Disabled"/></testcase>'
MISSING = '<testcase name="m" time="0" status="notrun"><skipped message="Unable to find executable"/></testcase>'


def summarize(*cases):
    with tempfile.NamedTemporaryFile("w", suffix=".xml") as file:
        file.write("<testsuite>" + "".join(cases) + "</testsuite>")
        file.flush()
        run = subprocess.run([sys.executable, PROGRAM, file.name], capture_output=True, text=True, check=False)
    return run.stdout.splitlines(), run.returncode


class SummarizeTest(unittest.TestCase):
    def test_counts(self):
        for cases, closing, code in (
            ([PASSED], "1 passed, 0 failed, 0 skipped", 0),
            ([PASSED, SKIPPED, DISABLED], "1 passed, 0 failed, 2 skipped", 0),
            ([PASSED, FAILED], "1 passed, 1 failed, 0 skipped", 1),
            ([PASSED, MISSING], "1 passed, 1 failed, 0 skipped", 1),
            ([SKIPPED], "0 passed, 0 failed, 1 skipped", 1),
            ([], "0 passed, 0 failed, 0 skipped", 1),
        ):
            with self.subTest(closing=closing):
                lines, returned = summarize(*cases)
                self.assertEqual((lines[-1], returned), (closing, code))

    def test_shows_output_of_failures_and_reasons_of_skips(self):
        lines, _ = summarize(FAILED, SKIPPED)
        self.assertIn("    boo", lines)
        self.assertIn("skipped 1: skipped: no JOINERY_DATA", lines)


if __name__ == "__main__":
    unittest.main()
