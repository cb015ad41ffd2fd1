"""What stub_compiler.cc makes, computed a second time."""

import hashlib


def _sealed(digests):
    head = "".join(digest + "\n" for digest in digests)
    return (head + (hashlib.sha256(head.encode()).hexdigest() + "\n") * 2000).encode()


def stub_artifact(model, calibration, configuration):
    """What the stub compiler makes of these bytes."""
    return _sealed([hashlib.sha256(part).hexdigest() for part in (model, calibration, configuration)])


def is_stub_artifact(artifact, model, calibration):
    """Whether it is whole and made of these, with whatever configuration the client made of the user's."""
    digests = [hashlib.sha256(part).hexdigest() for part in (model, calibration)]
    lines = artifact.decode(errors="replace").split("\n")
    return lines[:2] == digests and artifact == _sealed([*digests, lines[2]])
