"""Programs that die at the worst moment: nothing is lost, nothing is left behind."""

import hashlib
import os
import signal

import models
import pytest
from inputs import photos, write_inputs
from programs import files_below, wait_until

PADDING = 192 << 20  # Bytes; takes long enough to upload to be met half-way.


@pytest.fixture
def large_inputs(programs):
    """Those of a build that succeeds, with a member in the calibration set that is large and not used."""
    return write_inputs(programs.files, models.classifier().model(), {**photos(), "notes.txt": bytes(PADDING)})


def wait_until_uploading(service):
    """Until a part of the large blob has arrived."""
    def sizes():
        total = 0
        for path in service.incoming():
            try:
                total += path.stat().st_size
            except FileNotFoundError:  # It became a blob.
                continue
        return total
    size = wait_until(lambda: sizes() if sizes() > 1 << 20 else 0, "an upload is on its way")
    assert size < PADDING, "the upload was over before it could be met half-way"


def test_worker_killed_in_the_middle_of_a_job(programs, service, inputs, held_compiler):
    service.start_server(lease_term=1)
    first = service.start_worker(*held_compiler.options())
    job_id = service.submit(inputs)
    service.wait_until_calibrating(job_id)
    assert service.compilers()
    first.kill()
    wait_until(lambda: not service.compilers(), "the compiler dies with its worker", seconds=5)
    service.start_worker()
    job = service.wait_until_final(job_id)
    assert (job["state"], job["attempts"], job["worker"]) == ("JOB_STATE_SUCCEEDED", 2, "worker-2")
    assert service.client("fetch", job_id, "-o", programs.files / "out.joint").code == 0
    assert not service.compilers()
    # The second worker removed what the first could not.
    assert files_below(service.work) == []


def test_three_workers_lost(programs, service, inputs, held_compiler):
    service.start_server(lease_term=0.5)
    job_id = service.submit(inputs)
    for attempt in range(1, 4):
        worker = service.start_worker(*held_compiler.options())
        wait_until(lambda: service.show(job_id)["attempts"] == attempt, f"attempt {attempt}")
        worker.kill()
    job = service.wait_until_final(job_id)
    assert (job["state"], job["attempts"]) == ("JOB_STATE_FAILED", 3)
    assert job["failure"]["reason"] == "FAILURE_REASON_WORKER_LOST"
    wait_until(lambda: not service.compilers(), "the compilers die with their workers", seconds=5)


def test_worker_frozen_beyond_its_lease(programs, service, inputs, held_compiler):
    """It comes back to life when its job is another's: what it then says does not count."""
    service.start_server(lease_term=1)
    first = service.start_worker(*held_compiler.options())
    job_id = service.submit(inputs)
    service.wait_until_calibrating(job_id)
    frozen = [first.pid, *service.compilers()]
    for pid in frozen:
        os.kill(pid, signal.SIGSTOP)
    second = service.start_worker()
    wait_until(lambda: service.show(job_id)["attempts"] == 2, "the second worker has the job")
    for pid in frozen:
        os.kill(pid, signal.SIGCONT)
    job = service.wait_until_final(job_id)
    assert (job["state"], job["attempts"], job["worker"]) == ("JOB_STATE_SUCCEEDED", 2, "worker-2")
    wait_until(lambda: not service.compilers(), "the first worker gives up its compiler", seconds=5)
    # Both go on with the next jobs.
    held_compiler.release()
    assert first.is_running() and second.is_running()
    again = service.wait_until_final(service.submit(write_inputs(programs.files), "--fresh"))
    assert (again["state"], again["attempts"]) == ("JOB_STATE_SUCCEEDED", 1)


def test_server_killed_in_the_middle_of_an_upload(programs, service, large_inputs):
    service.start_server()
    client = service.start_client("build", *large_inputs.client_arguments(), "-o", programs.files / "out.joint")
    wait_until_uploading(service)
    service.server.kill()
    digest = hashlib.sha256(large_inputs.calibration.read_bytes()).hexdigest()
    assert digest not in service.blobs()
    service.start_server()
    service.start_worker()
    done = client.wait()
    assert done.code in (0, 5), done
    if done.code == 5:
        done = service.client("build", *large_inputs.client_arguments(), "-o", programs.files / "out.joint")
        assert done.code == 0, done
    assert service.incoming() == []
    assert service.blobs()[digest] == large_inputs.calibration.stat().st_size
    assert (programs.files / "out.joint").stat().st_size > 0


def test_server_killed_while_a_job_runs(programs, service, inputs, held_compiler):
    service.start_server(lease_term=15)
    service.start_worker(*held_compiler.options())
    client = service.start_client("build", *inputs.client_arguments(), "-o", programs.files / "out.joint")
    job_id = service.wait_until_running()
    service.wait_until_calibrating(job_id)
    service.server.kill()
    service.start_server(lease_term=15)
    held_compiler.release()
    done = client.wait()
    assert done.code == 0, done
    job = service.show(job_id)
    assert (job["state"], job["attempts"]) == ("JOB_STATE_SUCCEEDED", 1)
    assert len(service.json("jobs", "list")["items"]) == 1


def test_client_killed_half_way_in_an_upload(programs, service, large_inputs):
    service.start_server()
    client = service.start_client("submit", *large_inputs.client_arguments())
    wait_until_uploading(service)
    client.kill()
    # The model was there before; of the large blob there is only what its upload may go on with.
    model = hashlib.sha256(large_inputs.model.read_bytes()).hexdigest()
    assert list(service.blobs()) == [model]
    assert int(service.json("info")["server"]["blob_count"]) == 1
    assert service.json("jobs", "list")["items"] == []
    assert len(service.incoming()) == 1
    service.submit(large_inputs)
    assert service.incoming() == [] and len(service.blobs()) == 2


def test_client_killed_while_it_waits(service, inputs, held_compiler):
    service.start_server()
    service.start_worker(*held_compiler.options())
    client = service.start_client("build", *inputs.client_arguments())
    job_id = service.wait_until_running()
    client.kill()
    held_compiler.release()
    assert service.wait_until_final(job_id)["state"] == "JOB_STATE_SUCCEEDED"


def test_client_finds_a_restarted_server_at_once(service, inputs):
    """Although it was refused while the server was away."""
    service.start_server()
    job_id = service.submit(inputs)
    watch = service.start_client("jobs", "watch", job_id)
    wait_until(lambda: "queued" in watch.err(), "the client watches")
    service.server.kill()
    wait_until(lambda: "refused" in watch.err(), "the client was refused")
    service.start_server()
    assert service.client("jobs", "cancel", job_id).code == 0
    assert watch.wait(4).code == 7


def test_worker_finds_a_restarted_server(service, inputs):
    """Although it was refused while the server was away."""
    service.start_server()
    job_id = service.submit(inputs)
    service.server.kill()
    worker = service.start_worker()
    wait_until(lambda: "refused" in worker.err(), "the worker was refused")
    service.start_server()
    job = service.wait_until_final(job_id, seconds=15)
    assert (job["state"], job["attempts"]) == ("JOB_STATE_SUCCEEDED", 1)
