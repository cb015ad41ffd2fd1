"""The service's RPCs, called from Python as a patient client would: with deadlines, and again while nobody answers."""

import hashlib
import importlib
import os
import pathlib
import subprocess
import sys
import time

# Otherwise gRPC holds up every program that is started until all calls have ended.
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")
import grpc
from programs import SLOWNESS

PROTOS = pathlib.Path(__file__).resolve().parents[2] / "protos"
CHUNK = 256 << 10  # Bytes.
CALL_SECONDS = 5 * SLOWNESS
_AGAIN = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.CANCELLED)
_CHANNEL_OPTIONS = [("grpc.initial_reconnect_backoff_ms", 50), ("grpc.min_reconnect_backoff_ms", 50),
                    ("grpc.max_reconnect_backoff_ms", 300), ("grpc.use_local_subchannel_pool", 1)]


class Messages:
    """The generated modules, by name of the .proto file: messages.jobs.Job."""

    def __init__(self, folder):
        files = [pathlib.Path("joinery/v1") / f"{name}.proto" for name in ("blobs", "jobs", "workers")]
        folder.mkdir()
        subprocess.run(["protoc", f"--proto_path={PROTOS}", f"--python_out={folder}", *files], check=True)
        sys.path.insert(0, str(folder))
        try:
            for file in files:
                setattr(self, file.stem, importlib.import_module(f"joinery.v1.{file.stem}_pb2"))
        finally:
            sys.path.remove(str(folder))


def is_passing(error):
    """Whether a call that failed like this is worth another try: the server is away, or went away meanwhile."""
    return error.code() in _AGAIN or "Stream removed" in (error.details() or "")


def patiently(call, seconds=120):
    """What call() returns at last."""
    end = time.monotonic() + seconds * SLOWNESS
    while True:
        try:
            return call()
        except grpc.RpcError as error:
            if not is_passing(error) or time.monotonic() > end:
                raise
            time.sleep(0.05)


class Api:
    """One connection. Thread-safe."""

    def __init__(self, address, messages):
        self._messages = messages
        self._channel = grpc.insecure_channel(address, _CHANNEL_OPTIONS)

    def close(self):
        self._channel.close()

    def _method(self, kind, name, answer):
        return getattr(self._channel, kind)(f"/joinery.v1.{name}", lambda message: message.SerializeToString(),
                                            answer.FromString)

    def missing(self, digests):
        """Those that the server does not have."""
        blobs, found = self._messages.blobs, set()
        call = self._method("unary_unary", "BlobService/FindMissingBlobs", blobs.FindMissingBlobsResponse)
        for first in range(0, len(digests), 1000):
            request = blobs.FindMissingBlobsRequest(digests=digests[first:first + 1000])
            found.update(patiently(lambda: call(request, timeout=CALL_SECONDS)).digests)
        return found

    def send(self, content, stop_after=None):
        """One upload, once. With stop_after the client goes away after so many bytes."""
        blobs = self._messages.blobs
        call = self._method("stream_unary", "BlobService/UploadBlob", blobs.UploadBlobResponse)
        ref = blobs.BlobRef(digest=hashlib.sha256(content).hexdigest(), size=len(content))

        def requests():
            yield blobs.UploadBlobRequest(header=ref)
            for offset in range(0, len(content), CHUNK):
                if stop_after is not None and offset >= stop_after:
                    running.cancel()
                    return
                data = content[offset:offset + CHUNK]
                yield blobs.UploadBlobRequest(chunk=blobs.UploadBlobRequest.Chunk(offset=offset, data=data))
        running = call.future(requests(), timeout=4 * CALL_SECONDS)
        return running.result().blob

    def upload(self, content):
        """Makes sure that the server has it; returns its BlobRef."""
        ref = self._messages.blobs.BlobRef(digest=hashlib.sha256(content).hexdigest(), size=len(content))

        def once():
            if self.missing([ref.digest]):
                assert self.send(content) == ref
            return ref
        return patiently(once)

    def download(self, ref):
        blobs = self._messages.blobs
        call = self._method("unary_stream", "BlobService/DownloadBlob", blobs.DownloadBlobResponse)
        content = b""

        def onwards():
            nonlocal content
            request = blobs.DownloadBlobRequest(digest=ref.digest, offset=len(content))
            for answer in call(request, timeout=4 * CALL_SECONDS):
                content += answer.data
        patiently(onwards)
        return content

    def make_spec(self, configuration="any"):
        """Of a build whose blobs are there."""
        jobs = self._messages.jobs
        return jobs.JobSpec(build=jobs.BuildSpec(model=self.upload(b"model"), calibration=self.upload(b"samples"),
                                                 configuration=configuration, model_name="model.onnx"))

    def create(self, request_id, spec, **options):
        jobs = self._messages.jobs
        call = self._method("unary_unary", "JobService/CreateJob", jobs.Job)
        request = jobs.CreateJobRequest(request_id=request_id, spec=spec, options=jobs.JobOptions(**options))
        return patiently(lambda: call(request, timeout=CALL_SECONDS))

    def get(self, job_id):
        jobs = self._messages.jobs
        call = self._method("unary_unary", "JobService/GetJob", jobs.Job)
        return patiently(lambda: call(jobs.GetJobRequest(id=job_id), timeout=CALL_SECONDS))

    def cancel(self, job_id):
        jobs = self._messages.jobs
        call = self._method("unary_unary", "JobService/CancelJob", jobs.Job)
        return patiently(lambda: call(jobs.CancelJobRequest(id=job_id), timeout=CALL_SECONDS))

    def lease(self, worker, seconds=0, **capabilities):
        """A Lease, or None if there was nothing to do."""
        workers = self._messages.workers
        call = self._method("unary_unary", "WorkerService/LeaseJob", workers.LeaseJobResponse)
        request = workers.LeaseJobRequest(worker=worker, compiler_version="1",
                                          capabilities=self._messages.jobs.Capabilities(**capabilities))
        request.wait.FromMilliseconds(int(seconds * 1000))
        answer = call(request, timeout=CALL_SECONDS + seconds)
        return answer.lease if answer.HasField("lease") else None

    def heartbeat(self, token):
        workers = self._messages.workers
        call = self._method("unary_unary", "WorkerService/Heartbeat", workers.HeartbeatResponse)
        return call(workers.HeartbeatRequest(token=token), timeout=CALL_SECONDS)

    def finish(self, token, **outcome):
        workers = self._messages.workers
        call = self._method("unary_unary", "WorkerService/FinishJob", workers.FinishJobResponse)
        call(workers.FinishJobRequest(token=token, **outcome), timeout=CALL_SECONDS)

    def list_all(self):
        """Every job the server knows."""
        jobs, token, found = self._messages.jobs, "", []
        call = self._method("unary_unary", "JobService/ListJobs", jobs.ListJobsResponse)
        while True:
            request = jobs.ListJobsRequest(page_size=500, page_token=token)
            answer = patiently(lambda: call(request, timeout=4 * CALL_SECONDS))
            found += answer.jobs
            token = answer.next_page_token
            if not token:
                return found

    def events(self, job_id, seconds=300):
        """Every event of a job to its last, over any number of broken connections; each exactly once, in order."""
        jobs, seen = self._messages.jobs, 0
        call = self._method("unary_stream", "JobService/WatchJob", jobs.JobEvent)
        end = time.monotonic() + seconds * SLOWNESS
        while True:
            try:
                for event in call(jobs.WatchJobRequest(id=job_id, after_sequence=seen),
                                  timeout=max(1, end - time.monotonic())):
                    assert event.sequence == seen + 1, f"job {job_id}: event {event.sequence} follows {seen}"
                    seen = event.sequence
                    yield event
                return
            except grpc.RpcError as error:
                if not is_passing(error) or time.monotonic() > end:
                    raise
                time.sleep(0.05)
