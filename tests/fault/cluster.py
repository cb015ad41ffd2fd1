"""A server and some workers of real processes, killed and started again by a seeded chance."""

import random
import re
import signal
import time

from programs import NO_MEMORY_LIMIT, wait_until

_LISTENING = re.compile(r"^joineryd \S+ listening on (\S+) ", re.MULTILINE)


class Cluster:
    """Its data folder and the folders of its workers last as long as `programs`."""

    def __init__(self, programs, compiler, workers, lease_term):
        self.data = programs.folder / "data"
        self.address = "127.0.0.1:0"
        self.lost_workers = set()  # Names of those that were killed or frozen.
        self.server_kill_times = []  # Of the wall clock.
        self._programs, self._compiler, self._lease_term = programs, compiler, lease_term
        self._server, self._workers, self._started = None, [None] * workers, 0

    def start(self):
        self.start_server()
        self.await_server()
        for slot in range(len(self._workers)):
            self.start_worker(slot)

    def start_server(self):
        self._server = self._programs.start(
            "joineryd", "--data-dir", self.data, "--listen", self.address, "--lease-term", self._lease_term,
            "--log-level", "warn")

    def await_server(self):
        said = wait_until(lambda: _LISTENING.search(self._server.out()) or not self._server.is_running(),
                          "joineryd says where it listens")
        assert said is not True, f"joineryd ended\n{self._server.transcript()}"
        self.address = said.group(1)

    def start_worker(self, slot):
        """Under a new name, in the folders that the one before it left."""
        self._started += 1
        name = f"worker-{self._started}"
        folder = self._programs.folder
        process = self._programs.start(
            "joinery-worker", "--server", self.address, "--name", name, "--compiler", self._compiler, "--cache-dir",
            folder / "cache" / str(slot), "--work-dir", folder / "work" / str(slot), "--cache-size", "64MiB",
            "--log-level", "error", *NO_MEMORY_LIMIT)
        self._workers[slot] = (name, process)

    def kill_server(self):
        assert self._server.is_running(), f"the server ended by itself\n{self._server.transcript()}"
        self.server_kill_times.append(time.time())
        self._server.kill()

    def kill_worker(self, slot):
        name, process = self._workers[slot]
        assert process.is_running(), f"a worker ended by itself\n{process.transcript()}"
        self.lost_workers.add(name)
        process.kill()

    def freeze_worker(self, slot, seconds):
        """Beyond its lease: it comes back to life when its job is another's."""
        name, process = self._workers[slot]
        self.lost_workers.add(name)
        process.signal(signal.SIGSTOP)
        time.sleep(seconds)
        process.signal(signal.SIGCONT)

    def workers(self):
        return len(self._workers)

    def stop(self):
        """In order, as an operator would; all must obey."""
        for _, process in self._workers:
            process.signal(signal.SIGTERM)
        for _, process in self._workers:
            assert process.wait(20).code == 0, process.transcript()
        self._server.signal(signal.SIGTERM)
        assert self._server.wait(20).code == 0, self._server.transcript()


class Killer:
    """Does harm to a cluster, one kill at a time."""

    def __init__(self, cluster, seed, pause=0.8):
        self._cluster, self._random, self._pause = cluster, random.Random(seed), pause
        self.server_kills = self.worker_kills = self.frozen = 0

    @property
    def kills(self):
        return self.server_kills + self.worker_kills

    def strike(self):
        """One kill -9, after a while, and what was killed starts again."""
        time.sleep(self._random.expovariate(1 / self._pause))
        slot = self._random.randrange(self._cluster.workers())
        chance = self._random.random()
        if chance < 0.35:
            self._kill_server()
        else:
            if chance > 0.95:
                self._cluster.freeze_worker(slot, 2)
                self.frozen += 1
            self._kill_worker(slot)

    def _kill_server(self):
        self._cluster.kill_server()
        self.server_kills += 1
        time.sleep(self._random.choice([0, 0, 0.1, 0.5]))
        self._cluster.start_server()
        if self._random.random() < 0.1:
            # Once more, in the middle of its recovery.
            time.sleep(self._random.uniform(0, 0.1))
            self._cluster.kill_server()
            self.server_kills += 1
            self._cluster.start_server()
        self._cluster.await_server()

    def _kill_worker(self, slot):
        self._cluster.kill_worker(slot)
        self.worker_kills += 1
        time.sleep(self._random.choice([0, 0, 0.2]))
        self._cluster.start_worker(slot)
