"""F20, F22, F23: connections that are cut, slow or dead without a word, on uploads, downloads, watches and workers."""

import json
import os
import signal
import tarfile

import numpy as np
import pytest
from inputs import write_inputs
from programs import NO_MEMORY_LIMIT, wait_until
from proxy import Proxy
from stub import is_stub_artifact

COMPILER = os.environ.get("JOINERY_HONEST_COMPILER")
LARGE = 24 << 20  # Bytes; of which no two are alike, as far as matters.
pytestmark = pytest.mark.skipif(COMPILER is None, reason="skipped: JOINERY_HONEST_COMPILER is not set")


@pytest.fixture
def proxy(service):
    """In front of a running server."""
    service.start_server()
    made = Proxy(service.address)
    yield made
    made.close()


@pytest.fixture
def worker(programs, service):
    """Starts a worker that reaches the server at this address."""
    def start(address):
        return programs.start("joinery-worker", "--server", address, "--name", "worker", "--compiler", COMPILER,
                              "--cache-dir", programs.folder / "cache", "--work-dir", service.work, *NO_MEMORY_LIMIT)
    return start


@pytest.fixture
def inputs(programs):
    return write_inputs(programs.files)


@pytest.fixture
def large_inputs(programs, inputs):
    with tarfile.open(inputs.calibration, "a") as archive:
        padding = programs.files / "notes.txt"
        padding.write_bytes(np.random.default_rng(1).bytes(LARGE))
        archive.add(padding, "notes.txt")
    return inputs


def through(proxy, programs, *arguments):
    return programs.start("joinery", *arguments, JOINERY_SERVER=proxy.address)


def check_build(client, programs, inputs, seconds=60):
    done = client.wait(seconds)
    assert done.code == 0, done.err
    made = (programs.files / "out.joint").read_bytes()
    assert is_stub_artifact(made, inputs.model.read_bytes(), inputs.calibration.read_bytes())


def build(proxy, programs, inputs):
    return through(proxy, programs, "build", *inputs.client_arguments(), "-o", programs.files / "out.joint")


def test_f20_upload_is_cut(programs, service, proxy, worker, large_inputs):
    """Twice, each time later."""
    worker(service.address)
    client = build(proxy, programs, large_inputs)
    for cuts in (1, 2):
        before = proxy.bytes()
        wait_until(lambda: proxy.bytes() > before + LARGE // 8 or not client.is_running(), "the upload goes on")
        proxy.cut()
        assert client.is_running(), client.transcript()
        assert proxy.cuts >= cuts
    check_build(client, programs, large_inputs)


def test_f20_upload_through_a_dead_connection(programs, service, proxy, worker, large_inputs):
    """Nobody says that the connection is dead: keepalive or a deadline must."""
    worker(service.address)
    client = build(proxy, programs, large_inputs)
    wait_until(lambda: proxy.bytes() > LARGE // 8, "the upload goes on")
    proxy.go_silent()
    check_build(client, programs, large_inputs, seconds=120)


def test_f20_download_is_cut(programs, service, proxy, worker, inputs):
    """It goes on where it was."""
    worker(service.address)
    job_id = service.submit(inputs)
    service.wait_until_final(job_id)
    proxy.cut_after = 60_000  # Bytes, of an artifact of 130 kB.
    client = through(proxy, programs, "fetch", job_id, "-o", programs.files / "out.joint")
    wait_until(lambda: proxy.cuts > 0 or not client.is_running(), "the download is cut")
    proxy.cut_after = None
    check_build(client, programs, inputs)


def test_f20_watch_is_cut(programs, service, proxy, worker, inputs):
    """The watcher misses no event and sees none twice."""
    inputs.configuration.write_text(f"# milliseconds: 3000\n{inputs.configuration.read_text()}")
    job_id = service.submit(inputs)
    client = through(proxy, programs, "jobs", "watch", job_id, "--json")
    worker(service.address)
    for part in (1, 3):
        wait_until(lambda: f'"part {part}"' in client.out(), "the job goes on")
        proxy.cut()
    done = client.wait()
    assert done.code == 0, done
    sequences = [int(event["sequence"]) for event in map(json.loads, done.out.splitlines())]
    assert sequences == list(range(1, len(sequences) + 1)) and len(sequences) > 5


def wait_for_log(service, job_id, text):
    service.wait_for_event(job_id, lambda event: event.get("log", {}).get("text") == text, f"the log says {text}")


def test_f20_worker_is_cut(programs, service, proxy, worker, inputs):
    """A connection that breaks costs the job nothing: the lease outlives it."""
    inputs.configuration.write_text(f"# milliseconds: 2000\n{inputs.configuration.read_text()}")
    worker(proxy.address)
    job_id = service.submit(inputs)
    wait_for_log(service, job_id, "part 1")
    for cuts in (1, 2, 3):
        wait_until(lambda: proxy.bytes() > 0, "the worker is connected")
        proxy.cut()
        assert proxy.cuts >= cuts
    job = service.wait_until_final(job_id)
    assert (job["state"], job["attempts"]) == ("JOB_STATE_SUCCEEDED", 1)


def test_f20_worker_with_a_dead_connection(programs, service, proxy, worker, inputs):
    """It finds out by itself and works again."""
    process = worker(proxy.address)
    wait_until(lambda: service.json("workers")["items"], "the worker is known")
    proxy.go_silent()
    job = service.wait_until_final(service.submit(inputs), seconds=120)
    assert job["state"] == "JOB_STATE_SUCCEEDED"
    assert process.is_running()


def test_f20_slow_network(programs, service, proxy, worker, inputs):
    """Everything takes half a second longer each way; leases still hold."""
    proxy.delay = 0.25
    worker(proxy.address)
    check_build(build(proxy, programs, inputs), programs, inputs)
    assert service.show("@last")["attempts"] == 1


def test_f22_proxy_that_resets_every_few_megabytes(programs, service, proxy, worker, large_inputs):
    """No connection lives long enough for the whole upload: it must go on where the last one ended."""
    proxy.cut_after = LARGE // 3
    worker(service.address)
    check_build(build(proxy, programs, large_inputs), programs, large_inputs, seconds=120)
    assert proxy.cuts >= 3


def test_f23_server_says_goodbye_during_a_watch(programs, service, worker, inputs):
    """SIGTERM ends streams in order; the client finds the server again."""
    service.start_server(lease_term=2)
    job_id = service.submit(inputs)
    client = service.start_client("jobs", "watch", job_id)
    wait_until(lambda: "queued" in client.err(), "the client watches")
    service.server.signal(signal.SIGTERM)
    assert service.server.wait(10).code == 0
    service.start_server(lease_term=2)
    worker(service.address)
    assert client.wait().code == 0
