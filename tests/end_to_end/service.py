"""A Joinery service of real processes: joineryd on a free port, any number of workers, and the client."""

import json
import os
import pathlib
import re
import shutil
import subprocess

from programs import BIN, DEADLINE, NO_MEMORY_LIMIT, processes_in, wait_until

_LISTENING = re.compile(r"^joineryd \S+ listening on (\S+) ", re.MULTILINE)


_HELD = """\
#!/bin/sh
if [ "$1" = build ]; then
  echo '{"progress":{"stage":"calibrate","stageIndex":3,"stageCount":6,"fraction":0.5}}' >&3
  while ! [ -e "${0%/*}/go" ]; do sleep 0.02; done
fi
exec "${0%/*}/real/joineryc" "$@"
"""


class HeldCompiler:
    """A joineryc that says it calibrates and then waits until release() before it does its work."""

    def __init__(self, folder):
        (folder / "real").mkdir(parents=True)
        self.folder, self.path = folder, folder / "joineryc"
        shutil.copy2(BIN / "joineryc", folder / "real")
        self.path.write_text(_HELD)
        self.path.chmod(0o755)

    def options(self):
        """Of a worker that is to use it."""
        return ["--compiler", self.path, "--readable", self.folder, *self._libraries()]

    def _libraries(self):
        """What the real compiler links with, since a worker sees only what the script does."""
        lines = subprocess.run(["ldd", self.folder / "real/joineryc"], capture_output=True, text=True).stdout.splitlines()
        paths = [word for line in lines for word in line.split() if word.startswith("/")]
        return [word for path in paths if not path.startswith(("/lib", "/usr")) for word in ("--readable", path)]

    def release(self):
        """Lets all go on that wait, and those to come not wait."""
        (self.folder / "go").touch()


class Service:
    """Starts nothing by itself. The data folder stays the same when the server is started again."""

    def __init__(self, programs):
        self.programs = programs
        self.data, self.work = programs.folder / "data", programs.folder / "work"
        self.server, self.address, self._workers = None, "127.0.0.1:0", 0

    def start_server(self, lease_term=15, options=()):
        """On a free port the first time, and on the same one when started again."""
        self.server = self.programs.start(
            "joineryd", "--data-dir", self.data, "--listen", self.address, "--lease-term", lease_term,
            *options)
        listening = wait_until(lambda: _LISTENING.search(self.server.out()) or not self.server.is_running(),
                               "joineryd says where it listens")
        assert listening is not True, f"joineryd ended\n{self.server.transcript()}"
        self.address = listening.group(1)

    def start_worker(self, *options):
        self._workers += 1
        name = f"worker-{self._workers}"
        return self.programs.start("joinery-worker", "--server", self.address, "--name", name, "--cache-dir",
                                   self.programs.folder / "cache" / name, "--work-dir", self.work, *NO_MEMORY_LIMIT, *options)

    def start_client(self, *arguments):
        return self.programs.start("joinery", *arguments, JOINERY_SERVER=self.address)

    def client(self, *arguments, seconds=DEADLINE):
        return self.start_client(*arguments).wait(seconds)

    def json(self, *arguments):
        """The one document that a command with --json prints."""
        done = self.client(*arguments, "--json")
        assert done.code == 0, done.err
        document = json.loads(done.out)
        assert document["schema"] == "v1"
        return document

    def submit(self, inputs, *options):
        """Returns the job's id."""
        done = self.client("submit", *inputs.client_arguments(), *options)
        assert done.code == 0, done.err
        return done.out.strip()

    def show(self, job_id):
        return self.json("jobs", "show", job_id)

    def wait_until_running(self):
        """Returns the id of the job that a worker has."""
        def running():
            return self.json("jobs", "list", "--state", "running")["items"]
        return wait_until(running, "a job runs")[0]["id"]

    def wait_for_event(self, job_id, is_wanted, what, seconds=DEADLINE):
        """Watches until is_wanted(event); the job may go on."""
        watch = self.start_client("jobs", "watch", job_id, "--json")
        for line in watch.lines(seconds):
            event = json.loads(line)
            if is_wanted(event):
                watch.close()
                return event
        raise AssertionError(f"job {job_id} ended before: {what}\n{watch.transcript()}")

    def wait_until_calibrating(self, job_id, seconds=DEADLINE):
        """Until some samples were observed: the compiler is in the middle of its work."""
        def is_calibrating(event):
            progress = event.get("progress", {})
            return progress.get("stage") == "calibrate" and 0 < progress.get("fraction", 0) < 0.9
        return self.wait_for_event(job_id, is_calibrating, "it calibrates", seconds)

    def wait_until_final(self, job_id, seconds=DEADLINE):
        """Returns the job as it ended."""
        self.client("jobs", "watch", job_id, seconds=seconds)
        job = self.show(job_id)
        assert job["state"] in ("JOB_STATE_SUCCEEDED", "JOB_STATE_FAILED", "JOB_STATE_CANCELLED"), job
        return job

    def compilers(self):
        """Process ids of compilers that run for the workers."""
        return [pid for pid, name in processes_in(self.work).items() if name == "joineryc"]

    def incoming(self):
        return list((self.data / "incoming").iterdir())

    def blobs(self):
        """Sizes by digest."""
        return {path.name: path.stat().st_size for path in (self.data / "blobs").rglob("*") if path.is_file()}


def data_folder():
    """The folder of real models and pictures, or None."""
    name = os.environ.get("JOINERY_DATA")
    return pathlib.Path(name) if name else None
