"""What operators see and do: quotas, users, workers, the queue, the audit log."""

from programs import wait_until


def _rows(done):
    assert done.code == 0, done.err
    return [line.split("\t") for line in done.out.splitlines()]


def test_c05_a_quota_holds_from_the_next_call_on(secured, inputs):
    ann, _ = secured.token("ann", "vision", "submit")
    submit = ["submit", *inputs.client_arguments(), "--fresh"]
    quota = ["admin", "quota", "set", "--user", "ann"]
    assert secured.client(ann, *submit).code == 0
    assert secured.client(secured.root, *quota, "--queued-jobs", "1").code == 0
    refused = secured.client(ann, *submit)
    assert refused.code == 5 and "user ann has 1 jobs queued" in refused.err and "the limit is 1" in refused.err, refused
    assert secured.client(secured.root, *quota, "--queued-jobs", "2", "--blob-bytes", "10").code == 0
    assert secured.client(ann, *submit).code == 0
    another = secured.programs.files / "another.onnx"
    another.write_bytes(b"x" * 100)
    refused = secured.client(ann, "submit", another, *inputs.client_arguments()[1:])
    assert refused.code == 5 and "user ann may have 10 bytes and has" in refused.err, refused
    users = {row[0]: row for row in _rows(secured.client(secured.root, "admin", "user", "list"))}
    assert users["ann"][1] == "vision" and users["ann"][2] == "1" and users["ann"][4] == "2 of 2"
    assert users["ann"][6].endswith(" of 10 B"), users["ann"]
    assert {"root", "lab"} <= users.keys()
    projects = secured.json(secured.root, "admin", "project", "list")["items"]
    vision = next(project for project in projects if project["name"] == "vision")
    assert vision["account"]["use"]["queued_jobs"] == "2"


def test_unlimited_goes_before_the_limit_of_all_and_none_does_not(secured, inputs):
    ann, _ = secured.token("ann", "vision", "submit")
    submit = ["submit", *inputs.client_arguments(), "--fresh"]
    quota = ["admin", "quota", "set", "--queued-jobs"]
    assert secured.client(secured.root, *quota, "0", "--user", "*").code == 0
    assert secured.client(ann, *submit).code == 5
    assert secured.client(secured.root, *quota, "unlimited", "--user", "ann").code == 0
    assert secured.client(ann, *submit).code == 0
    limits = {row[0]: row for row in _rows(secured.client(secured.root, "admin", "quota", "show"))}
    assert limits["ann"][3] == "unlimited" and limits["ann"][4] == "not set" and limits["*"][3] == "0", limits
    users = {row[0]: row for row in _rows(secured.client(secured.root, "admin", "user", "list"))}
    assert users["ann"][4] == "1", users
    assert secured.client(secured.root, *quota, "none", "--user", "ann").code == 0
    assert secured.client(ann, *submit).code == 5


def test_u04_workers_and_the_queue_are_drained_and_resumed(secured, inputs):
    ann, _ = secured.token("ann", "vision", "submit")
    secured.start_worker()
    wait_until(lambda: _rows(secured.client(secured.root, "admin", "worker", "list")), "the worker is known")
    assert secured.client(secured.root, "admin", "worker", "drain", "worker-1").code == 0
    assert secured.json(secured.root, "admin", "worker", "list")["items"][0]["drained"] is True
    job_id = secured.client(ann, "submit", *inputs.client_arguments()).out.strip()
    assert secured.client(secured.root, "admin", "queue", "drain").code == 0
    assert secured.client(secured.root, "admin", "worker", "undrain", "worker-1").code == 0
    waiting = wait_until(lambda: [row for row in _rows(secured.client(secured.root, "admin", "queue", "show"))
                                  if "administrator" in row[5]], "the queue says why")
    assert waiting[0][:3] == [job_id, "ann", "vision"]
    assert secured.json(ann, "jobs", "show", job_id)["state"] == "JOB_STATE_QUEUED"
    assert secured.json(ann, "info")["server"]["drained"] is True
    assert secured.json(secured.root, "admin", "queue", "undrain")["drained"] is False
    assert secured.client(ann, "jobs", "watch", job_id).code == 0
    queue = secured.json(secured.root, "admin", "queue", "show")
    assert queue["jobs"] == [] and queue["drained"] is False
    missing = secured.client(secured.root, "admin", "worker", "drain", "nobody")
    assert missing.code == 3 and "there is no worker nobody" in missing.err


def test_u09_the_audit_log_tells_who_did_what_and_no_secrets(secured, inputs):
    ann, ann_id = secured.token("ann", "vision", "submit")
    job_id = secured.client(ann, "submit", *inputs.client_arguments()).out.strip()
    assert secured.client(ann, "jobs", "cancel", job_id).code == 0
    assert secured.client(secured.root, "admin", "quota", "set", "--user", "ann", "--queued-jobs", "5").code == 0
    secured.service.server.kill()
    secured.service.start_server(options=["--tls-cert", secured.keys / "server.pem", "--tls-key",
                                          secured.keys / "server.key"])
    assert secured.client(secured.root, "admin", "token", "revoke", ann_id).code == 0
    entries = secured.json(secured.root, "admin", "audit")["items"]
    actions = [entry["action"] for entry in entries]
    assert actions[:2] == ["token.create", "token.create"] and entries[0]["user"] == "console"
    assert actions[2:] == ["token.create", "blob.upload", "blob.upload", "job.create", "job.cancel", "limits.set",
                           "token.revoke"]
    created = entries[actions.index("job.create")]
    assert (created["user"], created["project"], created["token_id"], created["subject"]) == (
        "ann", "vision", ann_id, job_id)
    assert created["peer"].startswith("ipv4:127.0.0.1:") and created["time"]
    rows = _rows(secured.client(secured.root, "admin", "audit", "--user", "ann", "--action", "job.", "--since", "1h"))
    assert [row[6] for row in rows] == ["job.create", "job.cancel"]
    assert _rows(secured.client(secured.root, "admin", "audit", "--limit", "1"))[0][6] == "token.revoke"
    assert _rows(secured.client(secured.root, "admin", "audit", "--since", "2099-01-01T00:00:00Z")) == []
    wrong = secured.client(secured.root, "admin", "audit", "--since", "soon")
    assert wrong.code == 2 and "neither an age" in wrong.err
    for secret in secured.secrets:
        assert secret not in str(entries)
