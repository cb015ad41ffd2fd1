#!/usr/bin/env python3
"""Summarizes what ctest --output-junit wrote; see tests/run.sh.

    summarize.py RESULTS.xml

Prints the output of what failed, the reasons of what was skipped, the five slowest tests and, as the last line,
`N passed, N failed, N skipped`. Exit code 0 only if something passed and nothing failed.

ctest also calls a test "not run" whose program is missing or whose fixture failed. Those count as failed: only a test
that said so itself (or is disabled) was skipped.
"""

import collections
import re
import sys
import xml.etree.ElementTree as xml

SLOWEST = 5
OUTPUT_LINES = 60


def outcome(case):
    """"passed", "failed" or "skipped"."""
    status = case.get("status")
    if status == "run":
        return "passed"
    skipped = case.find("skipped")
    reason = skipped.get("message", "") if skipped is not None else ""
    if status == "disabled" or (status == "notrun" and reason.startswith("SKIP_")):
        return "skipped"
    return "failed"


def output_of(case):
    return (case.findtext("system-out") or "").strip()


def skip_reason(case):
    """The line in which the test says why, or the last one."""
    lines = [line.strip() for line in output_of(case).splitlines() if line.strip()]
    told = [line for line in lines if re.search(r"\bskipped:|\bSkipped\b|JOINERY_DATA", line)]
    return (told or lines or ["no reason given"])[-1][:100]


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    cases = xml.parse(sys.argv[1]).getroot().findall("testcase")
    by_outcome = collections.defaultdict(list)
    for case in cases:
        by_outcome[outcome(case)].append(case)

    for case in by_outcome["failed"]:
        note = next((e.get("message", "") for e in case if e.tag in ("failure", "skipped", "error")), "")
        print(f"FAILED {case.get('name')} {note}".rstrip())
        for line in output_of(case).splitlines()[-OUTPUT_LINES:] or ["no output: killed or timed out"]:
            print(f"    {line}")
    reasons = collections.Counter(skip_reason(case) for case in by_outcome["skipped"])
    for reason, count in reasons.most_common():
        print(f"skipped {count}: {reason}")
    print("slowest:")
    for case in sorted(cases, key=lambda c: -float(c.get("time", 0)))[:SLOWEST]:
        print(f"  {float(case.get('time', 0)):7.2f} s  {case.get('name')}")
    passed, failed, skipped = (len(by_outcome[key]) for key in ("passed", "failed", "skipped"))
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    sys.exit(0 if passed and not failed else 1)


if __name__ == "__main__":
    main()
