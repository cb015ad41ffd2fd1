"""B06, F11, F24, F26, F27: calls that no client of ours would make, and what is left of those that were cut short."""

import os
import threading
import time

import pytest
from programs import SLOWNESS, wait_until

try:
    import grpc
    import rpc
except ImportError:
    grpc = rpc = None
pytestmark = pytest.mark.skipif(rpc is None, reason="skipped: python3-grpcio is not installed")

CREATE = "/joinery.v1.JobService/CreateJob"
LARGE = 64 << 20  # Bytes.
HAS_SANITIZER = bool(os.environ.get("JOINERY_SANITIZER"))
# Of memory that was freed; that of addresses keeps a quarter of a GiB.
KEPT_BY_SANITIZER = 512 << 20 if HAS_SANITIZER else 0


@pytest.fixture
def send(service, api):
    """Sends bytes as a request; returns code and message of the answer."""
    with grpc.insecure_channel(service.address, [("grpc.max_metadata_size", 1 << 20)]) as channel:
        def once(method, data, metadata=()):
            try:
                channel.unary_unary(method)(data, timeout=20 * SLOWNESS, metadata=metadata)
                return grpc.StatusCode.OK, ""
            except grpc.RpcError as error:
                return error.code(), error.details()
        yield once


def check_that_it_works(api, messages):
    """Whatever came before, the next client is served."""
    assert api.get(api.create("afterwards", api.make_spec()).id).id


BAD_REQUESTS = {
    "no_message": b"\xff" * 100,
    "cut_off": b"\x12\x40abc",
    "deep_groups": b"\x7b" * 5000,
    "not_utf8": b"\x12\x03a\xff\xfe",
    "control_characters": b"\x12\x03a\x00\n",
    "long_id": b"\x12\xc8\x01" + b"a" * 200,
    "no_spec": b"\x12\x01a",
}


@pytest.mark.parametrize("name", BAD_REQUESTS)
def test_b06_bad_request_is_refused(api, messages, send, name):
    code, _ = send(CREATE, BAD_REQUESTS[name])
    # INTERNAL is what gRPC itself says of bytes that are no message.
    assert code in (grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.INTERNAL), code
    assert api.list_all() == []
    check_that_it_works(api, messages)


def test_b06_message_beyond_the_limit_is_refused_unread(api, messages, send):
    code, message = send(CREATE, b"\x12" + b"\x80\x80\x80\x02" + b"a" * ((4 << 20) + 1))
    assert code == grpc.StatusCode.RESOURCE_EXHAUSTED and "larger than max" in message
    check_that_it_works(api, messages)


def test_b06_flood_of_unknown_fields_is_survived(api, messages, send):
    spec = messages.jobs.CreateJobRequest(request_id="flooded", spec=api.make_spec()).SerializeToString()
    code, message = send(CREATE, spec + b"\xf8\xff\x0f\x01" * 200_000)
    assert code in (grpc.StatusCode.OK, grpc.StatusCode.INVALID_ARGUMENT), message
    check_that_it_works(api, messages)


def test_b06_metadata_beyond_the_limit_is_refused(api, messages, send):
    code, _ = send(CREATE, b"", [("x-large", "a" * 100_000)])
    assert code in (grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.INTERNAL), code
    check_that_it_works(api, messages)


def test_b06_method_that_does_not_exist(api, messages, send):
    assert send("/joinery.v1.JobService/DropAllJobs", b"")[0] == grpc.StatusCode.UNIMPLEMENTED
    check_that_it_works(api, messages)


def test_f26_f27_submit_that_is_cut_short_is_there_once_or_not_at_all(service, api, messages):
    """Given up on after less and less time, and asked for again by the same id."""
    jobs, spec = messages.jobs, api.make_spec()
    ids = {}
    with grpc.insecure_channel(service.address) as channel:
        create = channel.unary_unary(CREATE, lambda message: message.SerializeToString(), jobs.Job.FromString)
        for number in range(60):
            request = jobs.CreateJobRequest(request_id=f"request {number}", spec=spec)
            cut_short = create.future(request, timeout=20 * SLOWNESS)
            time.sleep((60 - number) * 0.0002)
            cut_short.cancel()
            ids[number] = api.create(request.request_id, spec).id
            assert api.create(request.request_id, spec).id == ids[number]
    assert len(set(ids.values())) == 60
    assert {job.id for job in api.list_all()} == set(ids.values())


def resident_bytes(pid):
    with open(f"/proc/{pid}/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * 4096


def peak_bytes(pid):
    """The most that was resident so far."""
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return next(int(line.split()[1]) << 10 for line in file if line.startswith("VmHWM:"))


def test_f24_slow_readers_do_not_fill_the_servers_memory(service, api, messages):
    """Twenty downloads that nobody reads: what is in flight is bounded by flow control, not by the blob."""
    content = bytes(LARGE)
    ref = api.upload(content)
    blobs = messages.blobs
    before = resident_bytes(service.server.pid)
    channels = [grpc.insecure_channel(service.address, [("grpc.use_local_subchannel_pool", 1)]) for _ in range(20)]
    calls = [channel.unary_stream("/joinery.v1.BlobService/DownloadBlob", lambda message: message.SerializeToString(),
                                  blobs.DownloadBlobResponse.FromString)(
                                      blobs.DownloadBlobRequest(digest=ref.digest), timeout=60 * SLOWNESS)
             for channel in channels]
    for call in calls:
        next(call)  # And no more.
    time.sleep(2)  # Time in which a server without flow control would have read everything.
    grown = resident_bytes(service.server.pid) - before
    for call, channel in zip(calls, channels):
        call.cancel()
        channel.close()
    assert grown < (20 * 8 << 20) + KEPT_BY_SANITIZER, f"{grown} bytes more for 20 slow readers of {LARGE} bytes"
    assert api.download(ref) == content


@pytest.mark.skipif(HAS_SANITIZER, reason="a sanitizer keeps memory that was freed")
def test_memory_does_not_grow_with_an_upload(service, api):
    """A blob of 256 MiB goes through a server that has little more for it than for one of 1 MiB."""
    content = bytes(256 << 20)
    api.upload(content[:1 << 20])
    before = peak_bytes(service.server.pid)
    api.upload(content)
    grown = peak_bytes(service.server.pid) - before
    assert grown < 16 << 20, f"{grown} bytes more"


def test_f11_many_clients_return_at_once_after_a_restart(service, api, messages):
    """Two hundred watchers lose the server together; all have found it again within 30 seconds."""
    job_id = api.create("watched", api.make_spec()).id
    seen, ended = [0] * 200, []
    channels = [rpc.Api(service.address, messages) for _ in range(20)]

    def watch(number):
        for _ in channels[number % len(channels)].events(job_id, seconds=60):
            seen[number] += 1
        ended.append(time.monotonic())
    threads = [threading.Thread(target=watch, args=(number,), daemon=True) for number in range(200)]
    for thread in threads:
        thread.start()
    wait_until(lambda: all(seen), "all watch")
    service.server.kill()
    service.start_server()
    begin = time.monotonic()
    assert service.client("jobs", "cancel", job_id).code == 0
    for thread in threads:
        thread.join(60 * SLOWNESS)
    for channel in channels:
        channel.close()
    assert len(ended) == 200 and len(set(seen)) == 1, set(seen)
    assert sorted(ended)[197] - begin < 30 * SLOWNESS


def test_watches_and_transfers_that_last_leave_threads_to_others(service, api, messages):
    """More of them than the server has threads; a user's own end at that user's limits."""
    blobs, job_id = messages.blobs, api.create("watched", api.make_spec()).id
    ended = threading.Event()

    def stalled_upload():
        yield blobs.UploadBlobRequest(header=blobs.BlobRef(digest="0" * 64, size=1000))
        ended.wait(120 * SLOWNESS)

    def first_event(watch):
        try:
            return next(watch)
        except grpc.RpcError as error:
            return error
    channels = [grpc.insecure_channel(service.address, [("grpc.use_local_subchannel_pool", 1)]) for _ in range(60)]
    upload = [channel.stream_unary("/joinery.v1.BlobService/UploadBlob", lambda message: message.SerializeToString(),
                                   blobs.UploadBlobResponse.FromString) for channel in channels]
    watch = [channel.unary_stream("/joinery.v1.JobService/WatchJob", lambda message: message.SerializeToString(),
                                  messages.jobs.JobEvent.FromString) for channel in channels]
    try:
        uploads = [upload[i % 60].future(stalled_upload()) for i in range(310)]
        watches = [watch[i % 60](messages.jobs.WatchJobRequest(id=job_id)) for i in range(5005)]
        firsts = [first_event(stream) for stream in watches]
        watched = [i for i, first in enumerate(firsts) if not isinstance(first, grpc.RpcError)]
        refused = [first for first in firsts if isinstance(first, grpc.RpcError)]
        assert len(watched) == 5000 and all(firsts[i].job.id == job_id for i in watched)
        wait_until(lambda: sum(call.done() for call in uploads) == 10, "uploads beyond the limit are refused")
        refused += [call for call in uploads if call.done()]
        assert {call.code() for call in refused} == {grpc.StatusCode.UNAVAILABLE}
        assert "has 5000 watches open" in refused[0].details()
        assert "has 300 uploads and downloads open" in refused[-1].details()
        assert service.client("jobs", "cancel", job_id).code == 0
        assert all(list(watches[i])[-1].job.state == messages.jobs.JOB_STATE_CANCELLED for i in watched)
    finally:
        ended.set()
        for channel in channels:
            channel.close()
    check_that_it_works(api, messages)


@pytest.mark.parametrize(("method", "most"), [("reflection.v1alpha.ServerReflection/ServerReflectionInfo", 20),
                                              ("health.v1.Health/Watch", 1000)])
def test_streams_of_strangers_are_few(service, api, messages, method, most):
    """gRPC's own services ask for no token, so whoever connects could have as many as they like."""
    ended = threading.Event()

    def silence():
        ended.wait(60 * SLOWNESS)
        yield b""
    channels = [grpc.insecure_channel(service.address, [("grpc.use_local_subchannel_pool", 1)]) for _ in range(20)]
    try:
        if method.startswith("health"):
            streams = [channels[i % 20].unary_stream(f"/grpc.{method}")(b"") for i in range(most + 5)]
        else:
            streams = [channels[i % 20].stream_stream(f"/grpc.{method}")(silence()) for i in range(most + 5)]
        wait_until(lambda: sum(not stream.is_active() for stream in streams) == 5, "those beyond the limit end")
        assert {stream.code() for stream in streams if not stream.is_active()} == {grpc.StatusCode.CANCELLED}
        check_that_it_works(api, messages)
    finally:
        ended.set()
        for channel in channels:
            channel.close()
