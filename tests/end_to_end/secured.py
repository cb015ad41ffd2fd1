"""A service that encrypts and wants tokens, and the certificates for it."""

import subprocess


def _openssl(folder, *words):
    subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True)


def make_authority(folder, name):
    _openssl(folder, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
             "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.pem")


def make_certificate(folder, authority, name, alternative_name):
    _openssl(folder, "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={name}",
             "-keyout", f"{name}.key", "-out", f"{name}.csr")
    (folder / f"{name}.ext").write_text(f"subjectAltName={alternative_name}\n")
    _openssl(folder, "x509", "-req", "-in", f"{name}.csr", "-CA", f"{authority}.pem", "-CAkey", f"{authority}.key",
             "-CAcreateserial", "-days", "2", "-extfile", f"{name}.ext", "-out", f"{name}.pem")


class Secured:
    """A service that encrypts and wants tokens."""

    def __init__(self, programs, service, alternative_name="IP:127.0.0.1", client_authority=None):
        self.service, self.programs = service, programs
        self.keys = programs.folder / "keys"
        self.keys.mkdir()
        make_authority(self.keys, "ca")
        make_authority(self.keys, "stranger")
        make_certificate(self.keys, "ca", "server", alternative_name)
        self.secrets = []
        self.root = self.first_token("root", "default", "admin")
        self.worker_token = self.first_token("lab", "default", "work")
        if client_authority:
            # A file of its own, which a test may exchange.
            (self.keys / f"{client_authority}.pem").write_text((self.keys / "ca.pem").read_text())
        mutual = ["--tls-client-ca", self.keys / f"{client_authority}.pem"] if client_authority else []
        self.server_options = ["--tls-cert", self.keys / "server.pem", "--tls-key", self.keys / "server.key",
                               "--log-level", "debug", *mutual]
        service.start_server(options=self.server_options)

    def keep(self, name, secret):
        self.secrets.append(secret)
        path = self.keys / f"{name}-{len(self.secrets)}.token"
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
