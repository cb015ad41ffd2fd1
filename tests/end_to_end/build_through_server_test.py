"""The whole way of the data: client, server, worker, compiler, and back."""

import hashlib
import json
import re

import models
import numpy as np
import pytest
from inputs import photo, photos, write_folder, write_inputs
from programs import files_below
from service import Service


def check_runs_in_onnx_runtime(joint):
    onnxruntime = pytest.importorskip("onnxruntime")
    session = onnxruntime.InferenceSession(str(joint), providers=["CPUExecutionProvider"])
    (taken,), (given,) = session.get_inputs(), session.get_outputs()
    assert (taken.name, taken.type, taken.shape) == ("data", "tensor(uint8)", [1, 32, 32, 3])
    assert (given.name, given.shape) == ("scores", [1, 10])
    (scores,) = session.run(None, {"data": photo(77)[None]})
    assert scores.dtype == np.float32 and np.isfinite(scores).all() and scores.std() > 0


def test_build_fetches_the_artifact(programs, service, inputs):
    service.start_server()
    service.start_worker()
    joint, report, page = (programs.files / name for name in ("made.joint", "report.json", "report.html"))
    done = service.client("build", *inputs.client_arguments(), "-o", joint, "--report", report, "--html-report", page)
    assert done.code == 0, done.err
    assert done.out == f"{joint}\n"
    assert f"uploading {inputs.model}" in done.err and f"uploading {inputs.calibration}" in done.err
    told = json.loads(report.read_text())
    assert told["manifest"]["model_digest"] == hashlib.sha256(inputs.model.read_bytes()).hexdigest()
    assert told["manifest"]["precision"]["outputs"][0]["cosine_mean"] > 0.99
    assert int(told["artifact_bytes"]) == joint.stat().st_size
    assert page.read_text().startswith("<!DOCTYPE html>") and "data" in page.read_text()
    assert files_below(service.work) == [] and service.incoming() == []
    check_runs_in_onnx_runtime(joint)


def test_what_is_there_is_not_uploaded_again(programs, service, inputs):
    service.start_server()
    service.start_worker()
    first, second = programs.files / "first.joint", programs.files / "second.joint"
    assert service.client("build", *inputs.client_arguments(), "-o", first).code == 0
    blobs = service.blobs()
    done = service.client("build", *inputs.client_arguments(), "-o", second)
    assert done.code == 0, done.err
    for path in (inputs.model, inputs.calibration):
        assert f"{path} is on the server already" in done.err
    assert "uploading" not in done.err
    assert second.read_bytes() == first.read_bytes()
    # Reports have times: there may be a second one of each kind, and nothing else.
    assert len(set(service.blobs()) - set(blobs)) <= 2
    assert {digest: hashlib.sha256(path.read_bytes()).hexdigest() for digest in service.blobs()
            for path in (service.data / "blobs").rglob(digest)} == {digest: digest for digest in service.blobs()}


def test_several_targets_are_jobs_of_one_array(programs, service, inputs):
    service.start_server()
    service.start_worker()
    folder = programs.files / "built"
    folder.mkdir()
    targets = ["AX630C:NPU1", "AX630C:NPU2", "AX620A"]
    options = [word for target in targets for word in ("--target", target)]
    done = service.client("build", *inputs.client_arguments(), "-o", folder, *options)
    assert done.code == 0, done.err
    assert "job array" in done.err
    names = ["model.AX630C.NPU1.joint", "model.AX630C.NPU2.joint", "model.AX620A.joint"]
    assert done.out.splitlines() == [str(folder / name) for name in names]
    told = [json.loads(programs.run("joineryc", "info", folder / name, "--json").out) for name in names]
    assert [manifest["configuration"]["target"]["hardware"] for manifest in told] == ["AX630C", "AX630C", "AX620A"]
    # Sharing the NPU costs time.
    assert [manifest["cost"]["mode"] for manifest in told[:2]] == ["NPU1", "NPU2"]
    assert told[0]["cost"]["latency_ms"] > told[1]["cost"]["latency_ms"]

    # On this machine the same, from one calibration.
    here = programs.run("joineryc", "build", *inputs.compiler_arguments(), "--output", programs.files / "here.joint",
                        *options)
    assert here.code == 0, here.err
    assert here.err.count("samples observed") == 1
    built = [programs.files / f"here.{target.replace(':', '.')}.joint" for target in targets[:2]]
    assert [path.read_bytes() for path in built] == [(folder / name).read_bytes() for name in names[:2]]

    unknown = service.client("build", *inputs.client_arguments(), "--target", "AX1")
    assert unknown.code != 0 and "AX1" in unknown.err and "AX630C" in unknown.err


def test_folder_is_packed(programs, service, inputs):
    service.start_server()
    service.start_worker()
    inputs.calibration = write_folder(programs.files / "photos", photos(5))
    done = service.client("build", *inputs.client_arguments(), "--json")
    assert done.code == 0, done.err
    result = json.loads(done.out)
    assert result["schema"] == "v1" and result["artifact"] == "model.joint"
    assert result["precision"]["samples"] == 5
    assert (programs.files / "model.joint").stat().st_size > 0


def test_calibration_set_named_by_the_configuration(programs, service, inputs):
    """Its path is relative to the configuration, not to where the client runs."""
    service.start_server()
    service.start_worker()
    folder = programs.files / "elsewhere"
    folder.mkdir()
    elsewhere = write_inputs(folder)
    inputs.calibration.unlink()
    done = service.client("build", elsewhere.model, "--config", elsewhere.configuration)
    assert done.code == 0, done.err


def test_input_shape_reaches_the_compiler(programs, service):
    service.start_server()
    service.start_worker()
    inputs = write_inputs(programs.files, models.classifier(dims=["n", 3, "h", "w"]).model())
    done = service.client("build", *inputs.client_arguments(), "--input-shape", "data:1x3x32x32")
    assert done.code == 0, done.err


def test_jobs_commands(programs, service, inputs):
    service.start_server()
    service.start_worker()
    job_id = service.submit(inputs)
    assert re.fullmatch(r"\S+", job_id)

    events = [json.loads(line) for line in service.client("jobs", "watch", job_id, "--json").out.splitlines()]
    assert [int(event["sequence"]) for event in events] == list(range(1, len(events) + 1))
    assert events[0]["job"]["state"] == "JOB_STATE_QUEUED"
    assert events[-1]["job"]["state"] == "JOB_STATE_SUCCEEDED"
    # Between two heartbeats only the newest progress counts.
    assert [event["progress"]["stage"] for event in events if "progress" in event][-1] == "emit"

    assert service.client("jobs", "watch", job_id).out.split() == [job_id, "SUCCEEDED"]
    job = service.show(job_id)
    assert (job["id"], job["state"], job["attempts"], job["worker"]) == (job_id, "JOB_STATE_SUCCEEDED", 1, "worker-1")
    assert job == service.show("@last") == service.show(job_id[:-3])
    shown = service.client("jobs", "show", job_id).out
    assert dict(line.split("\t") for line in shown.splitlines())["state"] == "SUCCEEDED"

    logged = service.client("jobs", "logs", job_id).out
    assert "8 samples observed" in logged
    as_json = service.client("jobs", "logs", job_id, "--json").out.splitlines()
    assert [json.loads(line)["log"]["text"] for line in as_json] == logged.splitlines()

    second = service.submit(inputs)
    listed = service.json("jobs", "list")
    assert [item["id"] for item in listed["items"]] == [second, job_id] and listed["next"] is None
    assert service.client("jobs", "list", "-q").out.split() == [second, job_id]
    service.wait_until_final(second)
    assert service.json("jobs", "list", "--state", "failed")["items"] == []

    done = service.client("fetch", job_id, "-o", "fetched.joint", "--report", "fetched.json", "--html-report", "fetched.html")
    assert (done.code, done.out) == (0, "fetched.joint\n"), done
    digest = hashlib.sha256((programs.files / "fetched.joint").read_bytes()).hexdigest()
    assert digest == job["result"]["artifact"]["digest"]
    json.loads((programs.files / "fetched.json").read_text())
    assert (programs.files / "fetched.html").read_text().startswith("<!DOCTYPE html>")


def test_workers_and_info(programs, service, inputs):
    service.start_server()
    service.start_worker()
    service.start_worker()
    job_id = service.submit(inputs)
    service.wait_until_final(job_id)
    workers = service.json("workers")["items"]
    assert {worker["name"] for worker in workers} <= {"worker-1", "worker-2"} and workers
    assert all(worker["compiler_version"] for worker in workers)
    info = service.json("info")
    assert info["address"] == service.address
    assert int(info["server"]["blob_count"]) == len(service.blobs())
    assert int(info["server"]["blob_bytes"]) == sum(service.blobs().values())
    assert "server version" in service.client("info").out


def test_unknown_job(service):
    service.start_server()
    for command in (("jobs", "show"), ("jobs", "watch"), ("jobs", "logs"), ("jobs", "cancel"), ("fetch",)):
        done = service.client(*command, "no-such-job")
        assert (done.code, done.out) == (3, ""), done
    error = json.loads(service.client("jobs", "show", "no-such-job", "--json").err.splitlines()[-1])["error"]
    assert error["code"] == "NOT_FOUND" and error["class"] == "user" and error["fix"]


def test_wait_times_out_and_the_job_goes_on(service, inputs):
    service.start_server()
    done = service.client("build", *inputs.client_arguments(), "--timeout", "100ms")
    assert done.code == 8, done
    job_id = done.out.strip()
    assert service.show(job_id)["state"] == "JOB_STATE_QUEUED"
    assert service.client("fetch", job_id).code == 8
    service.start_worker()
    assert service.wait_until_final(job_id)["state"] == "JOB_STATE_SUCCEEDED"


def test_job_survives_a_restart_of_an_idle_server(service, inputs):
    service.start_server()
    job_id = service.submit(inputs)
    service.server.kill()
    service.start_server()
    assert service.show(job_id)["state"] == "JOB_STATE_QUEUED"
    service.start_worker()
    assert service.wait_until_final(job_id)["state"] == "JOB_STATE_SUCCEEDED"


def test_one_server_for_a_data_folder(programs, service):
    service.start_server()
    second = Service(programs)
    done = programs.run("joineryd", "--data-dir", second.data, "--listen", "127.0.0.1:0")
    assert done.code == 10, done
    assert str(second.data) in done.err
