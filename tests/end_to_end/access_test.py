"""Who may do what: tokens, encryption, and projects that do not see each other, with all programs as people run them."""

import pytest
from programs import files_below, wait_until
from secured import Secured, make_authority, make_certificate

try:
    import grpc
except ImportError:
    grpc = None


def _error(done, code, words):
    assert done.code == code, done
    assert done.out == "" and words in done.err, done.err


def test_a_build_with_tokens_over_tls(programs, secured, inputs):
    """And the tokens are in no log of any program, however much is logged."""
    ann, _ = secured.token("ann", "vision", "submit")
    worker = secured.start_worker()
    out = programs.files / "out.joint"
    done = secured.client(ann, "build", *inputs.client_arguments(), "-o", out)
    assert done.code == 0 and out.stat().st_size > 0, done.err
    submitted = secured.client(ann, "submit", *inputs.client_arguments())
    job_id = submitted.out.strip()
    assert secured.client(ann, "fetch", job_id, "-o", programs.files / "again.joint").code == 0
    assert (programs.files / "again.joint").read_bytes() == out.read_bytes()
    assert secured.json(ann, "jobs", "show", job_id)["user"] == "ann"
    assert worker.is_running()
    # U09. Those that print a token on purpose are `token create`, to stdout.
    for secret in secured.secrets:
        assert not any(secret in process.err() for process in programs.started())
        assert sum(secret in process.out() for process in programs.started()) == 1, "printed by its maker alone"
    for path in files_below(secured.service.data) + files_below(programs.home) + files_below(secured.service.work):
        content = path.read_bytes()
        assert not any(secret.encode() in content for secret in secured.secrets), path


def test_without_a_right_token_nothing_is_told(secured):
    ann, ann_id = secured.token("ann", "vision", "submit")
    assert secured.client(ann, "jobs", "list").code == 0
    missing = secured.client(None, "jobs", "list")
    _error(missing, 4, "this server wants a token: give --token-file FILE or set JOINERY_TOKEN")
    unknown = secured.keep("unknown", "joinery_" + "A" * 43)
    _error(secured.client(unknown, "jobs", "list"), 4, "this server does not know the token")
    _error(secured.client(secured.worker_token, "jobs", "list"), 4, "ask an administrator for a token with that scope")
    _error(secured.client(ann, "admin", "token", "list"), 4, "this needs admin")
    assert secured.client(secured.root, "admin", "token", "revoke", ann_id).code == 0
    _error(secured.client(ann, "jobs", "list"), 4, "was revoked on")


def test_projects_do_not_see_each_other(secured, inputs):
    ann, _ = secured.token("ann", "vision", "submit")
    bob, _ = secured.token("bob", "audio", "submit")
    job_id = secured.client(ann, "submit", *inputs.client_arguments()).out.strip()
    job = secured.json(ann, "jobs", "show", job_id)
    assert job["project"] == "vision"
    assert secured.json(bob, "jobs", "list")["items"] == []
    for command in (["jobs", "show", job_id], ["jobs", "cancel", job_id], ["jobs", "logs", job_id], ["fetch", job_id]):
        _error(secured.client(bob, *command), 3, "NOT_FOUND")
    assert secured.json(ann, "jobs", "show", job_id)["state"] == "JOB_STATE_QUEUED"


def _download(secured, token, digest):
    """By the raw protocol, as our client downloads results of jobs only: a field 1 of 64 characters. The code."""
    trusted = grpc.ssl_channel_credentials((secured.keys / "ca.pem").read_bytes())
    with grpc.secure_channel(secured.service.address, trusted) as channel:
        method = channel.unary_stream("/joinery.v1.BlobService/DownloadBlob")
        metadata = [("authorization", f"Bearer {token.read_text().strip()}")]
        try:
            return "OK" if list(method(b"\x0a\x40" + digest.encode(), metadata=metadata, timeout=20)) else "EMPTY"
        except grpc.RpcError as error:
            return error.code().name


@pytest.mark.skipif(grpc is None, reason="skipped: python3-grpcio is not installed")
def test_knowing_a_digest_opens_no_blob_of_others(secured, inputs):
    ann, _ = secured.token("ann", "vision", "submit")
    bob, _ = secured.token("bob", "audio", "submit")
    job_id = secured.client(ann, "submit", *inputs.client_arguments()).out.strip()
    digest = secured.json(ann, "jobs", "show", job_id)["spec"]["build"]["model"]["digest"]
    assert _download(secured, ann, digest) == "OK"
    assert _download(secured, bob, digest) == "NOT_FOUND"


def test_a_worker_needs_a_token_for_work(secured):
    ann, _ = secured.token("ann", "vision", "submit")
    for options, words in ((secured.options(None), "this server wants a token"),
                           (secured.options(ann), "this needs work")):
        ended = secured.service.start_worker(*options).wait(20)
        assert ended.code == 10 and "the server refuses this worker" in ended.err and words in ended.err, ended.err
    worker = secured.start_worker()
    wait_until(lambda: "connected to the server" in worker.err() or secured.json(ann, "workers")["items"],
               "the worker is known")


def test_the_wrong_server_gets_no_token(programs, service):
    secured = Secured(programs, service, alternative_name="DNS:elsewhere.example")
    stranger = ["--tls-ca", secured.keys / "stranger.pem", "--token-file", secured.root]
    _error(service.client("info", *stranger), 4, "is not of an authority in --tls-ca")
    _error(secured.client(secured.root, "info"), 4, "the server's certificate is not for 127.0.0.1")
    # Nor do the authorities of this machine know it.
    system = ["--tls-ca", "system", "--token-file", secured.root]
    _error(service.client("info", *system), 4, "is not of an authority in --tls-ca")
    worker = service.start_worker(*stranger)
    wait_until(lambda: "is not of an authority in --tls-ca" in worker.err(), "the worker says what is wrong")
    assert worker.is_running()


def test_tokens_do_not_go_in_plain_text(programs, service):
    service.start_server()
    token = programs.files / "token"
    token.write_text("joinery_" + "A" * 43)
    for program, code in (("joinery", 2), ("joinery-worker", 10)):
        command = ["info"] if program == "joinery" else ["--work-dir", "work", "--cache-dir", "cache"]
        done = programs.run(program, *command, "--token-file", token, "--server", "build.example:7420")
        assert done.code == code and "the token would be readable by everybody" in done.err, done.err
        assert "A" * 43 not in done.err + done.out
    # To this machine they do, and a server without encryption is told from one with it.
    assert service.client("info", "--token-file", token).code == 0
    make_authority(programs.files, "ca")
    _error(service.client("info", "--tls-ca", programs.files / "ca.pem"), 4, "does not encrypt")


def test_operators_manage_tokens_and_limits(secured):
    _, ann_id = secured.token("ann", "vision", "submit,admin")
    tokens = {token["id"]: token for token in secured.json(secured.root, "admin", "token", "list")["items"]}
    assert tokens[ann_id]["scopes"] == ["submit", "admin"] and tokens[ann_id]["created_by"]
    assert "revoked_at" not in tokens[ann_id]
    assert "revoked_at" in secured.json(secured.root, "admin", "token", "revoke", ann_id)
    table = secured.client(secured.root, "admin", "token", "list").out
    assert any(line.startswith(f"{ann_id}\trevoked\tann\tvision\t") for line in table.splitlines()), table
    _error(secured.client(secured.root, "admin", "token", "revoke", "0" * 16), 3, "NOT_FOUND")
    _error(secured.client(secured.root, "admin", "token", "create", "--user", "x", "--expires", "soon"), 2,
           "is no lifetime")

    assert secured.json(secured.root, "admin", "quota", "show")["items"] == []
    set_limits = ["admin", "quota", "set", "--project", "vision"]
    assert secured.client(secured.root, *set_limits, "--blob-bytes", "2GiB", "--queued-jobs", "7").code == 0
    assert secured.client(secured.root, *set_limits, "--queued-jobs", "none", "--running-jobs", "3").code == 0
    items = secured.json(secured.root, "admin", "quota", "show")["items"]
    assert [(item["kind"], item["name"]) for item in items] == [("SUBJECT_KIND_PROJECT", "vision")]
    assert items[0]["limits"] == {"blob_bytes": str(2 << 30), "running_jobs": "3"}
    _error(secured.client(secured.root, "admin", "quota", "set", "--queued-jobs", "1"), 2, "whose limits?")
    _error(secured.client(secured.root, *set_limits, "--queued-jobs", "many"), 2, "neither a number nor unlimited nor none")


def _certificate(secured, name):
    return ["--tls-cert", secured.keys / f"{name}.pem", "--tls-key", secured.keys / f"{name}.key"]


def test_mutual_tls_wants_a_certificate_of_the_right_authority(programs, service):
    secured = Secured(programs, service, client_authority="ca")
    make_certificate(secured.keys, "ca", "ann", "DNS:ann")
    make_certificate(secured.keys, "stranger", "mallory", "DNS:ann")
    assert secured.client(secured.root, "info", *_certificate(secured, "ann")).code == 0
    # Neither without one nor with one of somebody else's does anything get through, not even a right token.
    for certificate in ([], _certificate(secured, "mallory")):
        refused = secured.client(secured.root, "info", *certificate, "--connect-timeout", "3s")
        assert refused.code in (4, 5) and refused.out == "", refused
    # The certificate opens the connection, the token is asked for all the same.
    _error(secured.client(None, "info", *_certificate(secured, "ann")), 4, "this server wants a token")
    worker = service.start_worker(*secured.options(secured.worker_token), *_certificate(secured, "ann"))
    wait_until(lambda: service.json("workers", *secured.options(secured.root), *_certificate(secured, "ann"))["items"],
               "the worker is known")
    assert worker.is_running()


def test_u06_certificates_and_authorities_are_exchanged_while_the_server_runs(programs, service):
    secured = Secured(programs, service, client_authority="clients")
    for name in ("ann", "bob"):
        make_certificate(secured.keys, "ca" if name == "ann" else "stranger", name, f"DNS:{name}")
    ann = [*secured.options(secured.root), *_certificate(secured, "ann")]
    assert service.client("info", *ann).code == 0
    bob = ["--tls-ca", secured.keys / "stranger.pem", "--token-file", secured.root, *_certificate(secured, "bob"),
           "--connect-timeout", "3s"]
    assert service.client("info", *bob).code != 0
    # A new authority for clients beside the old one, then a new certificate, of another authority, for the server.
    both = (secured.keys / "ca.pem").read_text() + (secured.keys / "stranger.pem").read_text()
    _replace(secured.keys / "clients.pem", both)
    make_certificate(secured.keys, "stranger", "renewed", "IP:127.0.0.1")
    _replace(secured.keys / "server.key", (secured.keys / "renewed.key").read_text())
    _replace(secured.keys / "server.pem", (secured.keys / "renewed.pem").read_text())
    wait_until(lambda: service.client("info", *bob).code == 0, "the server has the new files")
    _error(service.client("info", *ann), 4, "is not of an authority in --tls-ca")
    assert service.server.is_running()


def _replace(path, text):
    """As tools that renew certificates do it: never half a file."""
    beside = path.with_suffix(".new")
    beside.write_text(text)
    beside.rename(path)


def test_u06_a_workers_certificate_and_authority_are_exchanged_while_it_runs(programs, service, inputs):
    secured = Secured(programs, service, client_authority="clients")
    make_certificate(secured.keys, "ca", "ann", "DNS:ann")
    for name in ("own", "renewed"):
        make_certificate(secured.keys, "ca" if name == "own" else "stranger", name, f"DNS:{name}")
    (secured.keys / "trusted.pem").write_text((secured.keys / "ca.pem").read_text())
    worker = service.start_worker("--tls-ca", secured.keys / "trusted.pem", "--token-file", secured.worker_token,
                                  *_certificate(secured, "own"))
    ask = ["workers", *secured.options(secured.root), *_certificate(secured, "ann")]
    wait_until(lambda: service.json(*ask)["items"], "the worker is known")
    # All of another authority: the worker's certificate, what the server wants, the server's own.
    for name, new in (("trusted", "stranger"), ("own", "renewed"), ("clients", "stranger")):
        _replace(secured.keys / f"{name}.pem", (secured.keys / f"{new}.pem").read_text())
    _replace(secured.keys / "own.key", (secured.keys / "renewed.key").read_text())
    make_certificate(secured.keys, "stranger", "server", "IP:127.0.0.1")
    make_certificate(secured.keys, "stranger", "ann", "DNS:ann")
    service.server.kill()
    service.server.wait(10)
    service.start_server(options=secured.server_options)
    done = service.client("build", *inputs.client_arguments(), "--tls-ca", secured.keys / "stranger.pem", "--token-file",
                          secured.first_token("ann", "default", "submit"), *_certificate(secured, "ann"))
    assert done.code == 0, done.err
    assert worker.is_running()


def test_u06_a_workers_token_is_exchanged_while_it_runs(programs, secured, inputs):
    ann, _ = secured.token("ann", "vision", "submit")
    old, old_id = secured.token("lab", "default", "work")
    new, _ = secured.token("lab", "default", "work")
    worker = secured.service.start_worker(*secured.options(old))
    wait_until(lambda: secured.json(ann, "workers")["items"], "the worker is known")
    _replace(old, new.read_text())
    assert secured.client(secured.root, "admin", "token", "revoke", old_id).code == 0
    for name in ("first", "second"):
        done = secured.client(ann, "build", *inputs.client_arguments(), "--fresh", "-o", programs.files / name)
        assert done.code == 0, done.err
    assert worker.is_running()


def test_u06_tokens_are_exchanged_while_the_server_runs(secured):
    old, old_id = secured.token("ann", "vision", "submit")
    new, _ = secured.token("ann", "vision", "submit")
    assert secured.client(old, "jobs", "list").code == 0 and secured.client(new, "jobs", "list").code == 0
    assert secured.client(secured.root, "admin", "token", "revoke", old_id).code == 0
    _error(secured.client(old, "jobs", "list"), 4, "was revoked on")
    assert secured.client(new, "jobs", "list").code == 0
    # One that the host's operator makes beside the running server opens it too.
    newest = secured.first_token("ann", "vision", "submit")
    assert secured.json(newest, "whoami")["user"] == "ann"
