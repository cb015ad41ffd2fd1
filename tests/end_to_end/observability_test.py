"""What operators see of the real programs: metrics, one trace from the command to the compiler's stages, logs."""

import http.server
import json
import re
import threading
import urllib.error
import urllib.request

import models
import pytest
from inputs import write_inputs
from programs import wait_until

TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"
CALLER = "00f067aa0ba902b7"
STAGES = ("import", "simplify", "calibrate", "quantize", "evaluate", "emit")
_METRIC = re.compile(r"([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)")
_LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(?:,|$)')
_ENDPOINT = re.compile(r"metrics at[^\n]*port\D+(\d+)")


class Collector:
    """Stands in for an OpenTelemetry collector: keeps the spans it is sent."""

    def __init__(self):
        self.spans, self._lock = [], threading.Lock()
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):  # The name is http.server's.
                document = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                assert self.path == "/v1/traces" and self.headers["Content-Type"] == "application/json"
                outer._take(document)
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_arguments):
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.endpoint = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def _take(self, document):
        for resource in document["resourceSpans"]:
            attributes = {a["key"]: a["value"]["stringValue"] for a in resource["resource"]["attributes"]}
            for scope in resource["scopeSpans"]:
                for span in scope["spans"]:
                    with self._lock:
                        self.spans.append({**span, "service": attributes["service.name"]})

    def named(self, service, name):
        with self._lock:
            return [span for span in self.spans if span["service"] == service and span["name"] == name]

    def close(self):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def collector():
    made = Collector()
    yield made
    made.close()


def parse_metrics(text):
    """{(name, labels): value} of Prometheus' text format, read as strictly as promtool does."""
    assert text.endswith("\n")
    types, helped, samples = {}, set(), {}
    for line in text.splitlines():
        if line.startswith("# HELP "):
            name = line.split(" ", 3)[2]
            assert name not in helped, line
            helped.add(name)
        elif line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            assert name in helped and name not in types and kind in ("counter", "gauge", "histogram"), line
            types[name] = kind
        else:
            name, labels, value = _METRIC.fullmatch(line).groups()
            pairs = _LABEL.findall(labels or "")
            assert not _LABEL.sub("", labels or ""), line
            assert len({key for key, _ in pairs}) == len(pairs), line
            family = next((f for f in (name, re.sub(r"_(bucket|sum|count)$", "", name)) if f in types), None)
            assert family and (family == name) != (types[family] == "histogram"), line
            key = (name, frozenset(pairs))
            assert key not in samples, line
            samples[key] = float(value)
    for name, kind in types.items():
        assert (kind == "counter") == name.endswith("_total"), name
    _check_histograms(types, samples)
    return samples


def _check_histograms(types, samples):
    buckets = {}
    for (name, labels), value in samples.items():
        if name.endswith("_bucket"):
            bounds = dict(labels)
            series = (name[:-len("_bucket")], frozenset((k, v) for k, v in labels if k != "le"))
            buckets.setdefault(series, []).append((float(bounds["le"].replace("+Inf", "inf")), value))
    assert {name for name, _ in buckets} <= {name for name, kind in types.items() if kind == "histogram"}
    for (name, labels), counts in buckets.items():
        counts.sort()
        values = [value for _, value in counts]
        assert values == sorted(values) and counts[-1][0] == float("inf"), name
        assert values[-1] == samples[(name + "_count", labels)], name


def get(process, path):
    """Status and body."""
    port = wait_until(lambda: _ENDPOINT.search(process.err()), "the program says where its metrics are").group(1)
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def metrics_of(process):
    return parse_metrics(get(process, "/metrics")[1])


def value(samples, name, **labels):
    return samples.get((name, frozenset(labels.items())))


def start(service, endpoint="", server_options=(), worker_options=()):
    """A server and a worker that can be asked for their metrics; the worker."""
    environment = {"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint}
    service.programs.environment.update(environment)
    service.start_server(options=["--metrics-listen", "127.0.0.1:0", *server_options])
    return service.start_worker("--metrics-listen", "127.0.0.1:0", *worker_options)


def test_metrics_of_a_build(service, inputs):
    worker = start(service)
    wait_until(lambda: get(worker, "/readyz")[0] == 200, "the worker has reached the server")
    job_id = service.submit(inputs)
    assert service.wait_until_final(job_id)["state"] == "JOB_STATE_SUCCEEDED"
    wait_until(lambda: value(metrics_of(worker), "joinery_worker_attempts_total", outcome="succeeded", reason=""),
               "the worker has counted its attempt")
    server, worker_metrics = metrics_of(service.server), metrics_of(worker)
    assert value(server, "joinery_jobs_submitted_total") == 1
    assert value(server, "joinery_jobs_finished_total", state="succeeded", reason="") == 1
    assert value(server, "joinery_attempts_total", end="succeeded") == 1
    assert value(server, "joinery_ready") == 1
    assert value(server, "joinery_workers", state="idle") == 1
    assert value(server, "joinery_rpc_server_handled_total", method="JobService/CreateJob", code="OK") == 1
    assert value(server, "joinery_blob_received_bytes_total") == sum(service.blobs().values())
    assert value(server, "joinery_blob_bytes") == sum(service.blobs().values())
    assert value(server, "joinery_job_queue_seconds_count") == 1
    for stage in STAGES:
        assert value(worker_metrics, "joinery_worker_stage_seconds_count", stage=stage) == 1, stage
    assert value(worker_metrics, "joinery_worker_inputs_total", **{"from": "server"}) == 2
    assert value(worker_metrics, "joinery_worker_connected") == 1
    assert value(worker_metrics, "joinery_worker_compiler_cpu_seconds_total") > 0
    assert value(worker_metrics, "joinery_rpc_client_handled_total", method="WorkerService/FinishJob", code="OK") == 1


def test_readiness_of_both(service):
    worker = start(service)
    wait_until(lambda: get(worker, "/readyz")[0] == 200, "the worker has reached the server")
    assert get(service.server, "/readyz") == (200, "ready\n")
    (service.data / "blobs").rename(service.data / "away")
    wait_until(lambda: get(service.server, "/readyz")[0] == 503, "the server notices that its blobs are gone")
    assert "blobs" in get(service.server, "/readyz")[1]
    assert get(service.server, "/healthz") == (200, "ok\n")
    (service.data / "away").rename(service.data / "blobs")
    wait_until(lambda: get(service.server, "/readyz")[0] == 200, "the server notices that they are back")
    service.server.kill()
    wait_until(lambda: get(worker, "/readyz")[0] == 503, "the worker notices that the server is gone")
    assert get(worker, "/healthz")[0] == 200


def test_one_trace_from_the_command_to_the_stages(service, inputs, collector):
    worker = start(service, collector.endpoint)
    service.programs.environment["TRACEPARENT"] = f"00-{TRACE_ID}-{CALLER}-01"
    built = service.client("build", *inputs.client_arguments(), "-o", service.programs.files / "out.joint")
    assert built.code == 0, built.err
    wait_until(lambda: collector.named("joinery", "joinery build") and collector.named("joinery-worker", "attempt")
               and collector.named("joineryd", "WorkerService/FinishJob"), "the programs have sent their spans")
    worker.kill()
    assert {span["traceId"] for span in collector.spans} == {TRACE_ID}

    def only(service_name, name):
        found = collector.named(service_name, name)
        assert len(found) == 1, (service_name, name, found)
        return found[0]

    def assert_child(child, parent):
        assert child["parentSpanId"] == parent["spanId"], (child, parent)
        assert int(child["startTimeUnixNano"]) <= int(child["endTimeUnixNano"])

    command = only("joinery", "joinery build")
    assert command["parentSpanId"] == CALLER
    client_call = only("joinery", "JobService/CreateJob")
    assert_child(client_call, command)
    server_call = only("joineryd", "JobService/CreateJob")
    assert_child(server_call, client_call)
    assert (client_call["kind"], server_call["kind"]) == (3, 2)
    assert_child(only("joineryd", "queue"), server_call)
    attempt = only("joinery-worker", "attempt")
    assert_child(attempt, server_call)
    for fetch in collector.named("joinery-worker", "fetch"):
        assert_child(fetch, attempt)
    compiler = only("joinery-worker", "compile")
    assert_child(compiler, attempt)
    for stage in STAGES:
        assert_child(only("joinery-worker", stage), compiler)
    assert_child(only("joinery-worker", "upload"), attempt)
    finish = only("joinery-worker", "WorkerService/FinishJob")
    assert_child(finish, attempt)
    assert_child(only("joineryd", "WorkerService/FinishJob"), finish)


def test_a_collector_that_is_not_there_stops_nothing(service, inputs):
    worker = start(service, "http://127.0.0.1:9")
    job_id = service.submit(inputs)
    assert service.wait_until_final(job_id)["state"] == "JOB_STATE_SUCCEEDED"
    assert get(worker, "/healthz")[0] == 200
    wait_until(lambda: value(metrics_of(service.server), "joinery_spans_dropped_total") > 0, "lost spans are counted")


def test_logs_are_json_and_tell_of_the_trace(service, inputs):
    worker = start(service, server_options=["--log-format", "json", "--log-level", "debug"],
                   worker_options=["--log-format", "json"])
    service.programs.environment["TRACEPARENT"] = f"00-{TRACE_ID}-{CALLER}-01"
    job_id = service.submit(inputs)
    assert service.wait_until_final(job_id)["state"] == "JOB_STATE_SUCCEEDED"
    wait_until(lambda: "job ended" in worker.err(), "the worker has logged the end")
    server_lines = [json.loads(line) for line in service.server.err().splitlines()]
    worker_lines = [json.loads(line) for line in worker.err().splitlines()]
    for line in server_lines + worker_lines:
        assert {"time", "level", "program", "message"} <= set(line), line
    started = [line for line in worker_lines if line["message"] == "job started"]
    assert [line["trace_id"] for line in started] == [TRACE_ID]
    assert [line["job_id"] for line in started] == [job_id]
    calls = [line for line in server_lines if line.get("method") == "JobService/CreateJob"]
    assert [(line["code"], line["trace_id"]) for line in calls] == [("OK", TRACE_ID)]


def test_a_failure_that_quotes_names_stays_one_field(programs, service):
    worker = start(service, worker_options=["--log-format", "json"])
    inputs = write_inputs(programs.files, models.classifier().model(), {"short.bin": bytes(5)})
    job = service.wait_until_final(service.submit(inputs))
    assert 'input "data"' in job["failure"]["message"]
    wait_until(lambda: "job ended" in worker.err(), "the worker has logged the end")
    lines = [json.loads(line) for line in worker.err().splitlines()]
    (ended,) = [line for line in lines if line["message"] == "job ended"]
    assert (ended["outcome"], ended["field_message"]) == ("failed", job["failure"]["message"])
