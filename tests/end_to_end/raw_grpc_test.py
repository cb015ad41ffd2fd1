"""What no client of ours would send: the server refuses it and keeps nothing."""

import hashlib
import pathlib
import subprocess
import sys

import pytest
from programs import wait_until

try:
    import grpc
except ImportError:
    grpc = None
pytestmark = pytest.mark.skipif(grpc is None, reason="skipped: python3-grpcio is not installed")
PROTOS = pathlib.Path(__file__).resolve().parents[2] / "protos"
BYTES = b"any bytes " * 1000


@pytest.fixture
def blobs(programs):
    """The generated messages of blobs.proto."""
    made = programs.folder / "generated"
    made.mkdir()
    subprocess.run(["protoc", f"--proto_path={PROTOS}", f"--python_out={made}", "joinery/v1/blobs.proto"], check=True)
    sys.path.insert(0, str(made))
    try:
        from joinery.v1 import blobs_pb2
        return blobs_pb2
    finally:
        sys.path.remove(str(made))


@pytest.fixture
def call(service, blobs):
    """Calls UploadBlob with a list of requests; returns the status code, and the message if it failed."""
    service.start_server()
    with grpc.insecure_channel(service.address) as channel:
        method = channel.stream_unary("/joinery.v1.BlobService/UploadBlob",
                                      request_serializer=blobs.UploadBlobRequest.SerializeToString,
                                      response_deserializer=blobs.UploadBlobResponse.FromString)

        def upload(*requests):
            try:
                method(iter(requests), timeout=20)
                return grpc.StatusCode.OK, ""
            except grpc.RpcError as error:
                return error.code(), error.details()
        yield upload


def header(blobs, content=BYTES, size=None):
    digest = hashlib.sha256(content).hexdigest()
    return blobs.UploadBlobRequest(header=blobs.BlobRef(digest=digest, size=len(content) if size is None else size))


def chunk(blobs, data, offset=0):
    return blobs.UploadBlobRequest(chunk=blobs.UploadBlobRequest.Chunk(offset=offset, data=data))


def check_no_blob(service, kept=()):
    """No blob is there; `kept` are the sizes of what waits for an upload to go on."""
    wait_until(lambda: [path.stat().st_size for path in service.incoming()] == list(kept),
               "of the upload what may go on is left", seconds=5)
    assert service.blobs() == {}
    assert int(service.json("info")["server"]["blob_count"]) == 0


def test_good_upload(service, call, blobs):
    assert call(header(blobs), chunk(blobs, BYTES[:100]), chunk(blobs, BYTES[100:], 100)) == (grpc.StatusCode.OK, "")
    assert list(service.blobs().values()) == [len(BYTES)]


def test_digest_does_not_match(service, call, blobs):
    code, message = call(header(blobs), chunk(blobs, BYTES[::-1]))
    assert code == grpc.StatusCode.DATA_LOSS, message
    assert hashlib.sha256(BYTES).hexdigest() in message
    check_no_blob(service)


@pytest.mark.parametrize("second_offset", [99, 101, 0])
def test_chunk_out_of_order(service, call, blobs, second_offset):
    code, message = call(header(blobs), chunk(blobs, BYTES[:100]), chunk(blobs, BYTES[100:], second_offset))
    assert code == grpc.StatusCode.OUT_OF_RANGE, message
    assert str(second_offset) in message and "100" in message
    check_no_blob(service, kept=[100])


def test_more_than_announced(service, call, blobs):
    code, message = call(header(blobs, size=10), chunk(blobs, BYTES))
    assert code == grpc.StatusCode.OUT_OF_RANGE, message
    check_no_blob(service)


def test_less_than_announced(service, call, blobs):
    code, message = call(header(blobs), chunk(blobs, BYTES[:100]))
    assert code != grpc.StatusCode.OK and message
    check_no_blob(service, kept=[100])
    # The rest makes it whole.
    assert call(header(blobs), chunk(blobs, BYTES[100:], 100)) == (grpc.StatusCode.OK, "")
    assert list(service.blobs().values()) == [len(BYTES)]


def test_no_header(service, call, blobs):
    code, message = call(chunk(blobs, BYTES))
    assert code == grpc.StatusCode.INVALID_ARGUMENT and "header" in message
    check_no_blob(service)


def test_digest_that_is_a_path(service, call, blobs):
    for digest in ("../../evil", "", "A" * 64, "/" + "a" * 63):
        code, message = call(blobs.UploadBlobRequest(header=blobs.BlobRef(digest=digest, size=1)), chunk(blobs, b"x"))
        assert code == grpc.StatusCode.INVALID_ARGUMENT and "digest" in message, (digest, code)
    check_no_blob(service)


def test_health(service, call):
    """As load balancers and orchestrators ask."""
    with grpc.insecure_channel(service.address) as channel:
        # HealthCheckResponse{status: SERVING}
        assert channel.unary_unary("/grpc.health.v1.Health/Check")(b"", timeout=5) == b"\x08\x01"
