"""Looks over everything once the storm is over: jobs, events, blobs, and the data folder."""

import hashlib
import re

_DIGEST = re.compile(r"[0-9a-f]{64}")


def _check_history(job, history, jobs):
    """One state after the other, one end, and nothing after it."""
    final = (jobs.JOB_STATE_SUCCEEDED, jobs.JOB_STATE_FAILED, jobs.JOB_STATE_CANCELLED)
    states = [event.job.state for event in history if event.HasField("job")]
    problems = []
    if [event.sequence for event in history] != list(range(1, len(history) + 1)):
        problems.append("its events have gaps")
    if not history or not history[0].HasField("job") or states[0] != jobs.JOB_STATE_QUEUED:
        problems.append("it does not begin with being queued")
    if sum(state in final for state in states) != 1 or not history[-1].HasField("job") or states[-1] not in final:
        problems.append(f"it does not end once: {states}")
    if job.state not in final or job.state != states[-1]:
        problems.append(f"it is {job.state} and its last event says {states[-1:]}")
    return [f"job {job.id}: {problem}" for problem in problems]


def check_jobs(api, messages, ledger):
    """Every accepted job ended exactly once, there is no other, and its history is what its watcher saw."""
    problems = []
    listed = {job.id: job for job in api.list_all()}
    if set(listed) != set(ledger.accepted):
        problems.append(f"accepted and not there: {set(ledger.accepted) - set(listed)}; "
                        f"there and never asked for: {set(listed) - set(ledger.accepted)}")
    for job_id, entry in ledger.accepted.items():
        history = list(api.events(job_id, seconds=60))
        problems += _check_history(listed.get(job_id, messages.jobs.Job(id=job_id)), history, messages.jobs)
        if [event.SerializeToString() for event in history] != [event.SerializeToString() for event in entry.events]:
            problems.append(f"job {job_id}: its watcher saw other events than there are now")
    return problems


def check_blobs(api, ledger):
    missing = api.missing(sorted(ledger.blobs))
    return [f"blob {digest} was there and is not any more" for digest in missing]


def check_files(data, ledger):
    """Every file that is named like a blob has its digest, and every blob that was promised is such a file."""
    problems, sizes = [], {}
    for path in data.rglob("*"):
        if not path.is_file() or not _DIGEST.fullmatch(path.name) or "blobs" not in path.relative_to(data).parts:
            continue
        content = path.read_bytes()
        sizes[path.name] = len(content)
        if hashlib.sha256(content).hexdigest() != path.name:
            problems.append(f"{path} does not have the bytes it is named after")
    problems += [f"blob {digest} is not on disk" for digest, size in ledger.blobs.items() if sizes.get(digest) != size]
    return problems, len(sizes)


def check_data_folder(programs, data):
    """joineryd fsck finds nothing."""
    done = programs.run("joineryd", "fsck", "--data-dir", data, seconds=300)
    return [] if done.code == 0 else [f"joineryd fsck: exit code {done.code}\n{done.out}{done.err}"]
