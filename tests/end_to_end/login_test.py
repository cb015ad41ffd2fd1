"""joinery login, logout and whoami as people use them: a server and a token that need not be given again."""

import os
import pty
import stat
import subprocess

from programs import BIN, DEADLINE, SLOWNESS, files_below, wait_until
from secured import Secured


def _joinery(programs, *words, text=None):
    """Without JOINERY_SERVER, with `text` on standard input."""
    return subprocess.run([BIN / "joinery", *map(str, words)], input=text, stdin=None if text else subprocess.DEVNULL,
                          text=True, capture_output=True, timeout=DEADLINE * SLOWNESS, env=programs.environment, check=False)


def test_login_keeps_server_and_token_for_its_owner_alone(programs, secured):
    ann, ann_id = secured.token("ann", "vision", "submit")
    secret = ann.read_text()
    trusted = ["--tls-ca", secured.keys / "ca.pem"]
    done = _joinery(programs, "login", secured.service.address, *trusted, text=secret)
    assert done.returncode == 0, done.stderr
    assert f"logged in to {secured.service.address} as ann of project vision, until 2" in done.stderr
    assert secret.strip() not in done.stdout + done.stderr
    logins = programs.home / ".config/joinery/logins"
    assert stat.S_IMODE(logins.stat().st_mode) == 0o700
    for path in files_below(logins):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path

    assert _joinery(programs, "jobs", "list").returncode == 0
    me = _joinery(programs, "whoami")
    assert me.returncode == 0, me.stderr
    fields = dict(line.split("\t") for line in me.stdout.splitlines())
    assert fields["user"] == "ann" and fields["scopes"] == "submit" and fields["token"] == ann_id
    assert fields["expires"].startswith("2") and fields["your queued jobs"] == "0"

    assert _joinery(programs, "logout").returncode == 0
    assert files_below(logins) == []
    assert _joinery(programs, "whoami", "--connect-timeout", "1s").returncode != 0
    assert "there was no login" in _joinery(programs, "logout").stderr


def test_what_does_not_open_the_server_is_not_kept(programs, secured):
    trusted = ["--tls-ca", secured.keys / "ca.pem"]
    for text, code, words in (("joinery_" + "A" * 43, 4, "does not know the token"), ("\n", 2, "no token was given"),
                              ("not a token!\n", 2, "what was given is no token")):
        done = _joinery(programs, "login", secured.service.address, *trusted, text=text)
        assert done.returncode == code and words in done.stderr, done
        assert "A" * 43 not in done.stderr
    assert not (programs.home / ".config/joinery/logins").exists()


def test_each_server_has_its_token_and_the_last_is_the_one_in_use(programs, service):
    secured = Secured(programs, service, alternative_name="IP:127.0.0.1,DNS:localhost")
    trusted = ["--tls-ca", secured.keys / "ca.pem"]
    port = service.address.rpartition(":")[2]
    servers = {"ann": f"127.0.0.1:{port}", "bob": f"localhost:{port}"}
    for user, server in servers.items():
        token, _ = secured.token(user, "vision", "submit")
        assert _joinery(programs, "login", server, *trusted, "--token-file", token).returncode == 0
    assert "user\tbob\n" in _joinery(programs, "whoami").stdout
    assert "user\tann\n" in _joinery(programs, "whoami", "--server", servers["ann"]).stdout
    assert _joinery(programs, "logout", servers["ann"]).returncode == 0
    assert "user\tbob\n" in _joinery(programs, "whoami").stdout


def test_a_typed_token_is_not_shown(programs, secured):
    ann, _ = secured.token("ann", "vision", "submit")
    terminal, child_side = pty.openpty()
    login = subprocess.Popen(
        [BIN / "joinery", "login", secured.service.address, "--tls-ca", secured.keys / "ca.pem"],
        stdin=child_side, stdout=child_side, stderr=child_side, env=programs.environment, start_new_session=True)
    os.close(child_side)
    os.set_blocking(terminal, False)
    shown = ""

    def read():
        nonlocal shown
        try:
            shown += os.read(terminal, 4096).decode(errors="replace")
        except OSError:  # Nothing yet, or the program has ended.
            pass
        return shown

    wait_until(lambda: f"Token for {secured.service.address}: " in read(), "the token is asked for")
    os.write(terminal, ann.read_bytes())
    wait_until(lambda: read() is not None and login.poll() is not None, "it has ended")
    read()
    assert login.returncode == 0, shown
    assert "logged in" in shown and ann.read_text().strip() not in shown, shown
    os.close(terminal)
