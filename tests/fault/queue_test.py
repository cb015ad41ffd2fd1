"""C04 to C13: the rules of the queue as workers and clients of any kind meet them, over the wire."""

import concurrent.futures
import time

import pytest
from programs import SLOWNESS, wait_until

try:
    import grpc
except ImportError:
    grpc = None
pytestmark = pytest.mark.skipif(grpc is None, reason="skipped: python3-grpcio is not installed")


def make_result(api, messages):
    return messages.jobs.JobResult(artifact=api.upload(b"artifact"), report=api.upload(b"{}"))


def final_states(api, messages, job_id):
    """Of a job that has ended: what its events say of that."""
    jobs = messages.jobs
    return [event.job.state for event in api.events(job_id, seconds=20) if event.HasField("job")
            and event.job.state in (jobs.JOB_STATE_SUCCEEDED, jobs.JOB_STATE_FAILED, jobs.JOB_STATE_CANCELLED)]


def test_c04_priority_goes_first(api):
    low = api.create("low", api.make_spec("1"), priority=-3)
    high = api.create("high", api.make_spec("2"), priority=3)
    middle = api.create("middle", api.make_spec("3"))
    assert [api.lease("worker").job.id for _ in range(3)] == [high.id, middle.id, low.id]


def test_c06_finished_job_answers_an_identical_one(api, messages):
    jobs = messages.jobs
    first = api.create("first", api.make_spec())
    api.finish(api.lease("worker").token, result=make_result(api, messages))
    again = api.create("again", api.make_spec())
    assert (again.state, again.answered_from) == (jobs.JOB_STATE_SUCCEEDED, first.id)
    assert again.result == api.get(first.id).result
    assert final_states(api, messages, again.id) == [jobs.JOB_STATE_SUCCEEDED]
    assert api.lease("worker") is None
    assert api.create("other", api.make_spec("other")).state == jobs.JOB_STATE_QUEUED
    assert api.create("fresh", api.make_spec(), fresh=True).state == jobs.JOB_STATE_QUEUED


def test_c06_identical_jobs_share_a_run(api, messages):
    jobs = messages.jobs
    first = api.create("first", api.make_spec())
    token = api.lease("worker").token
    second, third = api.create("second", api.make_spec()), api.create("third", api.make_spec())
    assert (second.state, second.merged_with) == (jobs.JOB_STATE_RUNNING, first.id)
    assert api.lease("idle") is None
    assert api.cancel(first.id).state == jobs.JOB_STATE_CANCELLED
    assert api.get(third.id).merged_with == second.id
    api.finish(token, result=make_result(api, messages))
    for job in (second, third):
        assert final_states(api, messages, job.id) == [jobs.JOB_STATE_SUCCEEDED]
        numbers = [event.sequence for event in api.events(job.id, seconds=20)]
        assert numbers == list(range(1, len(numbers) + 1))
    assert api.get(third.id).answered_from == second.id


def test_c07_failure_answers_nobody(api, messages):
    jobs = messages.jobs
    first = api.create("first", api.make_spec())
    api.finish(api.lease("worker").token,
               failure=jobs.Failure(reason=jobs.FAILURE_REASON_INVALID_MODEL, message="bad model"))
    failure = api.get(first.id).failure
    assert failure.fault_of == jobs.FAULT_OF_USER and not failure.retry_may_help and failure.advice
    assert api.create("again", api.make_spec()).state == jobs.JOB_STATE_QUEUED


@pytest.mark.parametrize("capabilities", [None, {"gpus": 1}])
def test_c08_job_that_nobody_can_take_says_so_within_ten_seconds(api, messages, capabilities):
    if capabilities is not None:
        assert api.lease("worker", **capabilities) is None
    job = api.create("greedy", api.make_spec(), requirements=messages.jobs.Requirements(gpus=4, labels=["rare"]))
    begin = time.monotonic()
    reason = wait_until(lambda: api.get(job.id).waiting_reason, "the job says why it waits", seconds=10)
    assert time.monotonic() - begin < 10 * SLOWNESS
    assert "worker" in reason
    assert api.lease("worker", gpus=4) is None
    assert api.lease("worker", gpus=4, labels=["rare"]).job.id == job.id


def test_c09_cancel_and_finish_at_once_have_one_winner(api, messages):
    jobs = messages.jobs
    result, seen = make_result(api, messages), set()
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for number in range(30):
            job = api.create(f"job {number}", api.make_spec(str(number)))
            token = api.lease("worker").token
            cancelled = pool.submit(api.cancel, job.id)
            finished = pool.submit(api.finish, token, result=result)
            cancelled.result()
            finished.result()
            (state,) = final_states(api, messages, job.id)
            assert state == api.get(job.id).state
            seen.add(state)
    assert seen <= {jobs.JOB_STATE_SUCCEEDED, jobs.JOB_STATE_CANCELLED} and seen


def test_c10_attempt_that_hangs_and_heartbeats_is_ended(api, messages):
    jobs = messages.jobs
    options = jobs.JobOptions()
    options.max_attempt_duration.FromMilliseconds(1000)
    job = api.create("endless", api.make_spec(), max_attempt_duration=options.max_attempt_duration)
    token, refused = api.lease("worker").token, None
    end = time.monotonic() + 15
    while refused is None and time.monotonic() < end:
        try:
            api.heartbeat(token)
            time.sleep(0.1)
        except grpc.RpcError as error:
            refused = error.code()
    assert refused == grpc.StatusCode.ABORTED
    assert final_states(api, messages, job.id) == [jobs.JOB_STATE_FAILED]
    assert api.get(job.id).failure.reason == jobs.FAILURE_REASON_TIMED_OUT


def test_c13_cancel_reaches_a_worker_that_only_heartbeats(api, messages):
    job = api.create("cancelled", api.make_spec())
    token = api.lease("worker").token
    assert not api.heartbeat(token).cancel_requested
    api.cancel(job.id)
    assert api.heartbeat(token).cancel_requested
    api.finish(token, cancelled={})
    assert final_states(api, messages, job.id) == [messages.jobs.JOB_STATE_CANCELLED]
