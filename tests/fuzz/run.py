#!/usr/bin/env python3
"""Runs fuzzers of the preset `fuzz` until each has had so much of the processor, one or more at a time.

    run.py [--cpu-minutes N] [--at-a-time N] [--work FOLDER] [FUZZER...]

FUZZER is a name such as `model`; none means all that are built. FOLDER keeps a corpus for each, which begins with the
fuzzer's own seeds, its log, and what it found. What a fuzzer has had is counted across runs, so that one that was
interrupted goes on. A finding ends that fuzzer's turn. Prints a line for each; the exit code is 0 only if nothing was
found. FUZZ_BIN says where the fuzzers are (default: build/fuzz/tests/fuzz).
"""

import argparse
import concurrent.futures
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ.get("FUZZ_BIN") or ROOT / "build/fuzz/tests/fuzz")
# libFuzzer's time for one input is that of the clock, and others may have the processor meanwhile.
LIMITS = ["-rss_limit_mb=3000", "-malloc_limit_mb=2000", "-timeout=300", "-report_slow_units=300", "-max_len=65536"]
TICKS = os.sysconf("SC_CLK_TCK")
# What libFuzzer exits with when it was interrupted: nothing was found.
INTERRUPTED = 72
# Written now and then, lest a machine that goes down takes the count along.
SAVE_SECONDS = 30


def cpu_seconds(pid):
    """User and system time of a process that runs."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


class Fuzzer:
    def __init__(self, name, work):
        self.name = name
        self.program = BIN / f"{name}_fuzzer"
        self.folder = work / name
        self.corpus = self.folder / "corpus"
        self.state = self.folder / "state.json"
        self.folder.mkdir(parents=True, exist_ok=True)
        if not self.corpus.exists():
            self.corpus.mkdir()
            subprocess.run([self.program, "--write-seeds", self.corpus], check=True)
        self.process = None
        self.stopped = False
        self.had = json.loads(self.state.read_text()) if self.state.exists() else {"cpu_seconds": 0, "executions": 0}

    def save(self, seconds):
        self.state.write_text(json.dumps({**self.had, "cpu_seconds": round(self.had["cpu_seconds"] + seconds, 1)}))

    def run(self, budget):
        """Returns libFuzzer's exit code, 0 if the time was up already."""
        if self.stopped or self.had["cpu_seconds"] >= budget:
            return 0
        log_path = self.folder / f"log.{time.time_ns()}"
        with open(log_path, "wb") as log:
            process = self.process = subprocess.Popen(
                [self.program, *LIMITS, "-print_final_stats=1", f"-artifact_prefix={self.folder}/found-", self.corpus],
                stdout=log, stderr=log, stdin=subprocess.DEVNULL)
            seconds = self.watch(process, budget - self.had["cpu_seconds"])
        text = log_path.read_text(errors="replace")
        executed = re.findall(r"^stat::number_of_executed_units:\s*(\d+)", text, re.M)
        progress = re.findall(r"cov: (\d+) ft: (\d+) corp: (\d+)", text)
        self.had = {"cpu_seconds": self.had["cpu_seconds"] + seconds,
                    "executions": self.had["executions"] + (int(executed[-1]) if executed else 0)}
        if progress:
            self.had.update(zip(("edges", "features", "inputs"), map(int, progress[-1])))
        self.save(0)
        return 0 if process.returncode in (0, INTERRUPTED) else process.returncode

    def stop(self):
        self.stopped = True
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)

    def watch(self, process, seconds):
        """Interrupts the process when it has had its time; returns what it had."""
        had, saved = 0, time.monotonic()
        while process.poll() is None:
            try:
                had = cpu_seconds(process.pid)
            except (FileNotFoundError, ProcessLookupError):
                break
            if had >= seconds:
                process.send_signal(signal.SIGINT)
                process.wait()
            elif time.monotonic() - saved > SAVE_SECONDS:
                self.save(had)
                saved = time.monotonic()
            time.sleep(1)
        process.wait()
        return had


def line(fuzzer, code):
    had = fuzzer.had
    what = "nothing found" if code == 0 else f"FOUND something, see {fuzzer.folder}"
    return (f"{fuzzer.name}: {had['cpu_seconds'] / 60:.1f} CPU-minutes, {had['executions']:,} inputs, "
            f"{had.get('edges', 0):,} edges, {had.get('features', 0):,} features, {what}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cpu-minutes", type=float, default=20)
    parser.add_argument("--at-a-time", type=int, default=2)
    parser.add_argument("--work", type=pathlib.Path, default=ROOT / "build/fuzz/work")
    parser.add_argument("names", nargs="*", metavar="FUZZER")
    arguments = parser.parse_args()

    names = arguments.names or sorted(path.name.removesuffix("_fuzzer") for path in BIN.glob("*_fuzzer"))
    if not names:
        sys.exit(f"There are no fuzzers in {BIN}: build the preset fuzz.")

    fuzzers = [Fuzzer(name, arguments.work) for name in names]

    def run(fuzzer):
        code = fuzzer.run(arguments.cpu_minutes * 60)
        print(line(fuzzer, code), flush=True)
        return code

    def stop(*_):
        for fuzzer in fuzzers:
            fuzzer.stop()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    with concurrent.futures.ThreadPoolExecutor(arguments.at_a_time) as pool:
        codes = list(pool.map(run, fuzzers))
    sys.exit(1 if any(codes) else 0)


if __name__ == "__main__":
    main()
