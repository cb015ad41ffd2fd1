#!/usr/bin/env python3
"""Kills server and workers at random while clients upload and submit, and checks that nothing was lost.

    kill_run.py [--kills N] [--seed N] [--workers N] [--clients N] [--lease-term SECONDS] [--real-compiler] [--keep]

JOINERY_BIN says where the programs are (default: build/dev/bin). Prints one line of figures a minute and a summary; the
exit code is 0 only if nothing was found. With --keep the folder stays if something was. The compiler is a stub that is
done at once, unless the real one is asked for.
"""

import argparse
import json
import os
import pathlib
import random
import shutil
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "end_to_end"))

import real_work
import rpc
import traffic
import verify
from cluster import Cluster, Killer
from programs import BIN, Programs

REPORT_SECONDS = 60
# Of the jobs. A worker that gets no processor for the term of its lease looks dead: a matter of the machine.
MOST_STARVED = 0.002
HONEST_COMPILER = pathlib.Path(os.environ.get("JOINERY_HONEST_COMPILER") or BIN.parent / "tests/bin/honest_compiler")


def has_fsck(programs):
    return "fsck" in programs.run("joineryd", "--help").out


def figures(ledger, killer, seconds):
    return {"seconds": round(seconds), "kills": killer.kills, "server_kills": killer.server_kills,
            "worker_kills": killer.worker_kills, "frozen": killer.frozen, "accepted": len(ledger.accepted),
            "succeeded": ledger.succeeded, "worker_lost": ledger.lost,
            "starved": ledger.starved, "submitted_twice": ledger.repeated,
            "uploads_broken_off": ledger.broken_off, "blobs": len(ledger.blobs), "problems": len(ledger.problems)}


def storm(cluster, clients, ledger, kills, seed, report):
    """Returns the Killer when it is done."""
    killer, begin = Killer(cluster, seed), time.monotonic()
    due = begin + REPORT_SECONDS
    while killer.kills < kills and not ledger.problems:
        killer.strike()
        if time.monotonic() > due:
            report(figures(ledger, killer, time.monotonic() - begin))
            due += REPORT_SECONDS
    for client in clients:
        client.stop()
    for client in clients:
        client.join(600)
        if client.is_alive():
            ledger.complain("a client waits for ever")
    return killer


def run(programs, kills, seed, workers=4, clients=5, lease_term=3, real_compiler=False, report=lambda line: None):
    """Returns (figures, problems)."""
    make_work = real_work.RealWork(programs).for_client if real_compiler else traffic.StubWork
    compiler = BIN / "joineryc" if real_compiler else HONEST_COMPILER
    begin = time.monotonic()
    messages = rpc.Messages(programs.folder / "generated")
    cluster, ledger = Cluster(programs, compiler, workers, lease_term), traffic.Ledger()
    cluster.start()
    threads = [traffic.Client(cluster, messages, ledger, make_work(random.Random(f"{seed} work {i}")),
                              f"{seed} client {i}") for i in range(clients)]
    for thread in threads:
        thread.start()
    killer = storm(cluster, threads, ledger, kills, seed, report)
    api = rpc.Api(cluster.address, messages)
    problems = ledger.problems + verify.check_jobs(api, messages, ledger) + verify.check_blobs(api, ledger)
    api.close()
    cluster.stop()
    damaged, files = verify.check_files(cluster.data, ledger)
    problems += damaged
    if ledger.starved > max(1, len(ledger.accepted) * MOST_STARVED):
        problems.append(f"{ledger.starved} jobs were given up although not all of their workers had been killed")
    checked = has_fsck(programs)
    if checked:
        problems += verify.check_data_folder(programs, cluster.data)
    summary = figures(ledger, killer, time.monotonic() - begin)
    summary.update(events=sum(len(entry.events) for entry in ledger.accepted.values()), blob_files=files, fsck=checked,
                   problems=len(problems))
    return summary, problems


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 30))
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--clients", type=int, default=5)
    parser.add_argument("--lease-term", type=float, default=3)
    parser.add_argument("--real-compiler", action="store_true")
    parser.add_argument("--keep", action="store_true")
    options = parser.parse_args()
    print(f"seed {options.seed}", flush=True)
    folder = pathlib.Path(tempfile.mkdtemp(prefix="joinery-kill-")).resolve()
    programs = Programs(folder)
    try:
        summary, problems = run(programs, options.kills, options.seed, options.workers, options.clients,
                                options.lease_term, options.real_compiler,
                                report=lambda line: print(json.dumps(line), flush=True))
    finally:
        for process in programs.started():
            process.close()
    print("\n".join(problems[:50]))
    print(json.dumps(summary), flush=True)
    if problems and options.keep:
        print(f"kept {folder}")
    else:
        shutil.rmtree(folder, ignore_errors=True)
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
