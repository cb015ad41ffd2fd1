#!/usr/bin/env python3
"""Compares uploads into joineryd with plain gRPC streaming into a file, in turns.

    run.py BUILD_FOLDER [--sizes 1M,256M,1G] [--turns 3] [--folder FOLDER]

Prints, for each size, the throughput of both and the most memory that the client and the server had.
"""

import argparse
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import tempfile

UNITS = {"M": 1 << 20, "G": 1 << 30}


def make_file(path, size):
    with open(path, "wb") as file:
        for _ in range(size >> 20):
            file.write(os.urandom(1 << 20))


class Server:
    """A program that prints where it listens."""

    def __init__(self, command):
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.address = re.search(r"127\.0\.0\.1:\d+", self.process.stdout.readline()).group(0)

    def peak_memory_kb(self):
        text = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmHWM:\s+(\d+)", text).group(1))

    def stop(self):
        self.process.terminate()
        self.process.wait()


class Turn:
    """What one upload took: seconds, and the most memory of both sides in kB."""

    def __init__(self, bin_folder, data, file, kind):
        shutil.rmtree(data, ignore_errors=True)
        data.mkdir(parents=True)
        if kind == "joineryd":
            server = Server([bin_folder / "joineryd", "--data-dir", data, "--listen", "127.0.0.1:0"])
            options = []
        else:
            server = Server([bin_folder / "plain_server", *(["--sync"] if kind == "plain+fsync" else []), data])
            options = ["--plain"]
        try:
            # What earlier turns have left to be written is not this turn's.
            os.sync()
            client = subprocess.run([bin_folder / "upload_client", *options, server.address, file], check=True,
                                    capture_output=True, text=True)
            self.server_kb = server.peak_memory_kb()
        finally:
            server.stop()
        seconds, client_kb = client.stdout.split()[:2]
        self.seconds = float(seconds)
        self.client_kb = int(client_kb)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--sizes", default="1M,256M,1G")
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--folder", type=pathlib.Path, help="on the disk to measure (default: the temporary folder)")
    arguments = parser.parse_args()
    kinds = ["plain", "plain+fsync", "joineryd"]
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        file = pathlib.Path(folder) / "blob"
        data = pathlib.Path(folder) / "data"
        for size_text in arguments.sizes.split(","):
            size = int(size_text[:-1]) * UNITS[size_text[-1]]
            make_file(file, size)
            turns = {kind: [] for kind in kinds}
            for _ in range(arguments.turns):
                for kind in kinds:
                    turns[kind].append(Turn(arguments.build / "bin", data, file, kind))
            plain = statistics.median(turn.seconds for turn in turns["plain"])
            for kind in kinds:
                seconds = statistics.median(turn.seconds for turn in turns[kind])
                print(f"{size_text:>5} {kind:12} {size / seconds / 1e6:8.0f} MB/s  {plain / seconds:5.0%} of plain  "
                      f"client {max(turn.client_kb for turn in turns[kind]) / 1024:4.0f} MiB  "
                      f"server {max(turn.server_kb for turn in turns[kind]) / 1024:4.0f} MiB", flush=True)


if __name__ == "__main__":
    main()
