"""Who may do what: tokens, encryption, and projects that do not see each other, with all programs as people run them."""

import subprocess

import pytest
from programs import files_below, wait_until

try:
    import grpc
except ImportError:
    grpc = None


def _openssl(folder, *words):
    subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True)


def _make_authority(folder, name):
    _openssl(folder, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
             "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.pem")


def _make_certificate(folder, authority, name, alternative_name):
    _openssl(folder, "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={name}",
             "-keyout", f"{name}.key", "-out", f"{name}.csr")
    (folder / f"{name}.ext").write_text(f"subjectAltName={alternative_name}\n")
    _openssl(folder, "x509", "-req", "-in", f"{name}.csr", "-CA", f"{authority}.pem", "-CAkey", f"{authority}.key",
             "-CAcreateserial", "-days", "2", "-extfile", f"{name}.ext", "-out", f"{name}.pem")


class Secured:
    """A service that encrypts and wants tokens."""

    def __init__(self, programs, service, alternative_name="IP:127.0.0.1"):
        self.service, self.programs = service, programs
        self.keys = programs.folder / "keys"
        self.keys.mkdir()
        _make_authority(self.keys, "ca")
        _make_authority(self.keys, "stranger")
        _make_certificate(self.keys, "ca", "server", alternative_name)
        self.secrets = []
        self.root = self.first_token("root", "default", "admin")
        self.worker_token = self.first_token("lab", "default", "work")
        service.start_server(options=["--tls-cert", self.keys / "server.pem", "--tls-key", self.keys / "server.key",
                                      "--log-level", "debug"])

    def keep(self, name, secret):
        self.secrets.append(secret)
        path = self.keys / f"{name}.token"
        path.write_text(secret + "\n")
        return path

    def first_token(self, user, project, scopes):
        """As the operator of the host makes it, without the server."""
        done = self.programs.run("joineryd", "token", "create", "--data-dir", self.service.data, "--user", user,
                                 "--project", project, "--scope", scopes)
        assert done.code == 0, done.err
        return self.keep(user, done.out.strip())

    def options(self, token):
        return ["--tls-ca", self.keys / "ca.pem", *(["--token-file", token] if token else [])]

    def client(self, token, *arguments):
        return self.service.client(*arguments, *self.options(token))

    def json(self, token, *arguments):
        return self.service.json(*arguments, *self.options(token))

    def token(self, user, project, scopes):
        """As an administrator makes it; the path of its file, and its id."""
        made = self.json(self.root, "admin", "token", "create", "--user", user, "--project", project, "--scope", scopes)
        return self.keep(user, made["secret"]), made["token"]["id"]

    def start_worker(self):
        return self.service.start_worker(*self.options(self.worker_token), "--log-level", "trace")


@pytest.fixture
def secured(programs, service):
    return Secured(programs, service)


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
    _make_authority(programs.files, "ca")
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
    _error(secured.client(secured.root, *set_limits, "--queued-jobs", "many"), 2, "neither a number nor none")
