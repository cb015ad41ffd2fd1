"""Stopping: jobs that are cancelled, clients that are interrupted, services that are shut down."""

import json
import pathlib
import signal
import time

from programs import SLOWNESS, files_below, processes_in, wait_until


def test_cancel_a_running_job(programs, service, endless_inputs):
    service.start_server()
    worker = service.start_worker()
    client = service.start_client("build", *endless_inputs.client_arguments(), "-o", programs.files / "out.joint")
    job_id = service.wait_until_running()
    service.wait_until_calibrating(job_id)
    begin = time.monotonic()
    assert service.client("jobs", "cancel", job_id).code == 0
    wait_until(lambda: not service.compilers(), "the compiler is gone", seconds=1)
    done = client.wait(10)
    assert time.monotonic() - begin < 2 * SLOWNESS
    assert done.code == 7 and done.out == "", done
    job = service.show(job_id)
    assert job["state"] == "JOB_STATE_CANCELLED" and "failure" not in job and "result" not in job
    wait_until(lambda: not files_below(service.work), "its files are gone", seconds=5)
    assert not (programs.files / "out.joint").exists()
    assert worker.is_running()
    # Once more changes nothing.
    assert service.json("jobs", "cancel", job_id)["state"] == "JOB_STATE_CANCELLED"


def test_cancel_a_queued_job(service, inputs):
    service.start_server()
    job_id = service.submit(inputs)
    assert service.json("jobs", "cancel", job_id)["state"] == "JOB_STATE_CANCELLED"
    assert service.client("jobs", "watch", job_id).code == 7
    assert service.client("fetch", job_id).code == 7
    service.start_worker()
    again = service.submit(inputs)
    assert service.wait_until_final(again)["state"] == "JOB_STATE_SUCCEEDED"
    assert service.show(job_id)["attempts"] == 0


def test_ctrl_c_while_waiting(service, inputs, held_compiler):
    """The job goes on without its client."""
    service.start_server()
    service.start_worker(*held_compiler.options())
    client = service.start_client("build", *inputs.client_arguments())
    job_id = service.wait_until_running()
    client.signal(signal.SIGINT)
    done = client.wait(5)
    assert done.code == 130 and done.out == "", done
    assert f"joinery jobs watch {job_id}" in done.err
    held_compiler.release()
    assert service.wait_until_final(job_id)["state"] == "JOB_STATE_SUCCEEDED"


def test_sigterm_while_waiting(service, inputs):
    service.start_server()
    client = service.start_client("build", *inputs.client_arguments(), "--json")
    job = wait_until(lambda: service.json("jobs", "list")["items"], "the job is queued")[0]
    client.signal(signal.SIGTERM)
    done = client.wait(5)
    assert done.code == 143 and done.out == "", done
    assert json.loads(done.err.splitlines()[-1])["error"]["code"]
    assert service.show(job["id"])["state"] == "JOB_STATE_QUEUED"


def test_idle_service_stops(programs, service):
    service.start_server()
    worker = service.start_worker()
    wait_until(lambda: service.json("workers")["items"], "the worker is known")
    for process in (worker, service.server):
        process.signal(signal.SIGTERM)
        assert process.wait(5).code == 0, process.transcript()
    assert processes_in(programs.folder) == {}
    assert files_below(service.work) == []


def test_worker_stops_in_the_middle_of_a_job(service, inputs, held_compiler):
    """It hands the job back, and that attempt does not count."""
    service.start_server()
    worker = service.start_worker(*held_compiler.options(), "--grace", "100ms")
    job_id = service.submit(inputs)
    service.wait_until_calibrating(job_id)
    worker.signal(signal.SIGTERM)
    assert worker.wait(5).code == 0, worker.transcript()
    assert not service.compilers() and files_below(service.work) == []
    assert service.show(job_id)["state"] == "JOB_STATE_QUEUED"
    service.start_worker()
    job = service.wait_until_final(job_id)
    assert (job["state"], job["attempts"], job["worker"]) == ("JOB_STATE_SUCCEEDED", 1, "worker-2")


def test_worker_ends_its_job_before_it_stops(service, inputs, held_compiler):
    """And takes no other."""
    service.start_server()
    worker = service.start_worker(*held_compiler.options())
    job_id = service.submit(inputs)
    service.wait_until_calibrating(job_id)
    worker.signal(signal.SIGTERM)
    # A run of its own: it would end with the first.
    queued = service.submit(inputs, "--fresh")
    held_compiler.release()
    assert worker.wait(30).code == 0, worker.transcript()
    job = service.show(job_id)
    assert (job["state"], job["attempts"], job["worker"]) == ("JOB_STATE_SUCCEEDED", 1, "worker-1")
    assert service.show(queued)["state"] == "JOB_STATE_QUEUED"


def test_worker_frozen_while_it_stops_keeps_its_grace(service, inputs, held_compiler):
    """Going on after SIGSTOP is not the end of the time that its job has."""
    service.start_server()
    worker = service.start_worker(*held_compiler.options())
    job_id = service.submit(inputs)
    service.wait_until_calibrating(job_id)
    worker.signal(signal.SIGTERM)
    wait_until(lambda: "stopping" in worker.err(), "it stops")
    worker.signal(signal.SIGSTOP)
    state = pathlib.Path(f"/proc/{worker.pid}/stat")
    wait_until(lambda: state.read_text().rpartition(")")[2].split()[0] == "T", "it is frozen")
    worker.signal(signal.SIGCONT)
    # Beyond any doubt: what it does when it goes on, it does at once.
    time.sleep(0.5)
    held_compiler.release()
    assert worker.wait(30).code == 0, worker.transcript()
    assert "handing back" not in worker.err()
    job = service.show(job_id)
    assert (job["state"], job["attempts"], job["worker"]) == ("JOB_STATE_SUCCEEDED", 1, "worker-1")


def test_server_stops_in_the_middle_of_a_job(service, inputs, held_compiler):
    """The worker waits for it; the lease still holds when it is back."""
    service.start_server()
    worker = service.start_worker(*held_compiler.options())
    job_id = service.submit(inputs)
    service.wait_until_calibrating(job_id)
    service.server.signal(signal.SIGTERM)
    assert service.server.wait(5).code == 0, service.server.transcript()
    assert worker.is_running()
    held_compiler.release()
    service.start_server()
    job = service.wait_until_final(job_id)
    assert (job["state"], job["attempts"]) == ("JOB_STATE_SUCCEEDED", 1)
