"""Clients that upload, submit, watch and fetch while everything around them dies, and keep books of what they saw."""

import collections
import random
import threading
import traceback
import uuid

import grpc
import rpc
from stub import stub_artifact

Accepted = collections.namedtuple("Accepted", "request_id expected events")
Work = collections.namedtuple("Work", "model calibration configuration expected")


class StubWork:
    """Inputs for the stub compiler: small ones mostly, now and then large ones; some were there before."""

    def __init__(self, chance):
        self._chance, self._earlier = chance, [chance.randbytes(1000)]

    def _blob(self):
        if self._chance.random() < 0.2:
            return self._chance.choice(self._earlier)
        size = self._chance.choice([10, 3000, 60_000, 400_000] + ([6 << 20] if self._chance.random() < 0.3 else []))
        content = self._chance.randbytes(size)
        if len(self._earlier) < 20:
            self._earlier.append(content)
        return content

    def next(self):
        model, calibration = self._blob(), self._blob()
        configuration = f"milliseconds: {self._chance.randrange(10, 300)} {self._chance.random()}\n".encode()
        return Work(model, calibration, configuration, stub_artifact(model, calibration, configuration))


class Ledger:
    """What all clients were promised, and what went wrong. Thread-safe."""

    def __init__(self):
        self._lock = threading.Lock()
        self.accepted = {}  # Accepted by job id.
        self.blobs = {}  # Sizes of all that the server said it has, by digest.
        self.problems = []
        self.succeeded = self.lost = self.starved = self.repeated = self.broken_off = 0

    def add(self, name, number=1):
        with self._lock:
            setattr(self, name, getattr(self, name) + number)

    def accept(self, job_id, entry):
        with self._lock:
            if job_id in self.accepted:
                self.problems.append(f"two requests were answered with job {job_id}")
            self.accepted[job_id] = entry

    def has_blob(self, ref):
        with self._lock:
            self.blobs[ref.digest] = ref.size

    def complain(self, text):
        with self._lock:
            self.problems.append(text)


class Client(threading.Thread):
    """Goes on until stop() was called and its last jobs have ended."""

    def __init__(self, cluster, messages, ledger, work, seed):
        super().__init__(daemon=True)
        self._cluster, self._messages, self._ledger, self._work = cluster, messages, ledger, work
        self._random, self._stopping = random.Random(seed), threading.Event()
        self._api = rpc.Api(cluster.address, messages)

    def stop(self):
        self._stopping.set()

    def run(self):
        try:
            while not self._stopping.is_set():
                batch = [self._work.next() for _ in range(self._random.randrange(1, 5))]
                for job_id, work in [(self._submit(work), work) for work in batch]:
                    self._follow(job_id, work)
        except Exception:  # Of any kind: a client that ends unseen would look like one with nothing to say.
            self._ledger.complain(traceback.format_exc())
        finally:
            self._api.close()

    def _submit(self, work):
        jobs = self._messages.jobs
        spec = jobs.JobSpec(build=jobs.BuildSpec(
            model=self._upload(work.model), calibration=self._upload(work.calibration),
            configuration=work.configuration.decode(), model_name="model.onnx", calibration_name="calib.tar",
            configuration_name="config.prototxt"))
        request_id = str(uuid.UUID(int=self._random.getrandbits(128)))
        job = self._api.create(request_id, spec)
        if self._random.random() < 0.2:
            again = self._api.create(request_id, spec)
            self._ledger.add("repeated")
            if again.id != job.id:
                self._ledger.complain(f"request {request_id} made the jobs {job.id} and {again.id}")
        self._ledger.accept(job.id, Accepted(request_id, work.expected, []))
        return job.id

    def _upload(self, content):
        if self._random.random() < 0.05:
            try:
                self._api.send(content, stop_after=len(content) // 2)
            except (grpc.RpcError, grpc.FutureCancelledError):
                self._ledger.add("broken_off")
        ref = self._api.upload(content)
        self._ledger.has_blob(ref)
        return ref

    def _follow(self, job_id, work):
        """To the job's end, and fetches what it made. A job that lost three workers is submitted again."""
        jobs, entry = self._messages.jobs, self._ledger.accepted[job_id]
        entry.events.extend(self._api.events(job_id))
        job = self._api.get(job_id)
        if job.state == jobs.JOB_STATE_SUCCEEDED:
            if self._api.download(job.result.artifact) != work.expected:
                self._ledger.complain(f"job {job_id} has the artifact of other inputs")
            self._ledger.has_blob(job.result.artifact)
            self._ledger.has_blob(job.result.report)
            self._ledger.add("succeeded")
        elif job.failure.reason == jobs.FAILURE_REASON_WORKER_LOST:
            self._ledger.add("lost" if self._was_killed(entry.events) else "starved")
            self._follow(self._submit(work), work)
        else:
            self._ledger.complain(f"job {job_id} ended as {job}")

    def _was_killed(self, events):
        """Whether for every attempt the worker was killed, or the server before it could tell the worker of its lease."""
        running = self._messages.jobs.JOB_STATE_RUNNING
        states = [event for event in events if event.HasField("job")]
        attempts = [(event.job.worker, event.time.ToNanoseconds() / 1e9, end.time.ToNanoseconds() / 1e9)
                    for event, end in zip(states, states[1:]) if event.job.state == running]
        return bool(attempts) and all(
            worker in self._cluster.lost_workers
            or any(begin - 0.5 < time < end for time in self._cluster.server_kill_times)
            for worker, begin, end in attempts)
