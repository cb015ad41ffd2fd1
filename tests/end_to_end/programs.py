"""Runs Joinery's programs as real processes.

Everything is started through a Programs object, in its own folder and with an environment of its own, and is killed
when that is closed. Every wait has a deadline and looks at what the programs do: output, files, processes.
"""

import collections
import os
import pathlib
import signal
import subprocess
import time

BIN = pathlib.Path(os.environ.get("JOINERY_BIN") or pathlib.Path(__file__).resolve().parents[2] / "build/dev/bin")
DEADLINE = 60  # Seconds; generous, because the machine may be busy.
_HAS_SANITIZER = bool(os.environ.get("JOINERY_SANITIZER"))
# How many times as long programs may take: every wait here, and every time that a test measures, is stretched by it.
SLOWNESS = 8 if _HAS_SANITIZER else 1
# A sanitizer maps terabytes of addresses: no program that has one starts within a worker's limit.
NO_MEMORY_LIMIT = ["--memory-limit", "0"] if _HAS_SANITIZER else []
# Every program dies with the test that started it. To say that after fork(), in Python, would need locks that another
# thread of gRPC's may have held at that moment: the child then hung, or ended in one of Abseil's checks.
_DYING_WITH_PARENT = ["setpriv", "--pdeathsig", "KILL", "--"]

Completed = collections.namedtuple("Completed", "code out err")


def wait_until(condition, what, seconds=DEADLINE):
    """Returns the first true value of condition(); fails after so many seconds."""
    seconds *= SLOWNESS
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < end, f"waited {seconds} s in vain: {what}"
        time.sleep(0.005)


def files_below(folder):
    return sorted(path for path in pathlib.Path(folder).rglob("*") if not path.is_dir())


def processes_in(folder):
    """Process ids by name of the program, for all that work in `folder` or below, and are not dead already."""
    found = {}
    for entry in pathlib.Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            inside = os.readlink(entry / "cwd").startswith(str(folder))
            state = (entry / "stat").read_text().rpartition(")")[2].split()[0]
            if inside and state not in "ZX":
                found[int(entry.name)] = (entry / "comm").read_text().strip()
        except OSError:  # It ended meanwhile.
            continue
    return found


class Process:
    """A program that was started; what it prints goes to files."""

    def __init__(self, command, folder, environment, name):
        self.name, self._out, self._err = name, folder / f"{name}.out", folder / f"{name}.err"
        with open(self._out, "wb") as out, open(self._err, "wb") as err:
            self._process = subprocess.Popen(
                [*_DYING_WITH_PARENT, *(str(word) for word in command)], cwd=environment["PWD"], env=environment,
                stdin=subprocess.DEVNULL, stdout=out, stderr=err, start_new_session=True)

    @property
    def pid(self):
        return self._process.pid

    def out(self):
        return self._out.read_text(errors="replace")

    def err(self):
        return self._err.read_text(errors="replace")

    def is_running(self):
        return self._process.poll() is None

    def signal(self, number):
        self._process.send_signal(number)

    def kill(self):
        """By SIGKILL, the program alone: what it started must notice by itself."""
        self._process.kill()
        self._process.wait()

    def wait(self, seconds=DEADLINE):
        seconds *= SLOWNESS
        try:
            code = self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.name} has not ended within {seconds} s\n{self.transcript()}") from None
        return Completed(code, self.out(), self.err())

    def lines(self, seconds=DEADLINE):
        """Lines of standard output as they come, to the end of the program."""
        seconds *= SLOWNESS
        end, shown = time.monotonic() + seconds, 0
        while True:
            ended = not self.is_running()  # Asked before reading, so that nothing is missed.
            complete = self.out().split("\n")[:-1]
            yield from complete[shown:]
            shown = len(complete)
            if ended:
                return
            assert time.monotonic() < end, f"{self.name} goes on after {seconds} s\n{self.transcript()}"
            time.sleep(0.005)

    def transcript(self):
        return f"--- {self.name}, stdout\n{self.out()[-4000:]}--- {self.name}, stderr\n{self.err()[-8000:]}"

    def close(self):
        if self.is_running():
            os.killpg(self.pid, signal.SIGKILL)
            self._process.wait()


class Programs:
    """Starts programs in `folder`: files/ is the test's, tmp/ and home/ are the programs', logs/ has their output."""

    def __init__(self, folder):
        self.folder = folder
        self.files, self.temporary, self.home, self._logs = (folder / name for name in ("files", "tmp", "home", "logs"))
        for made in (self.files, self.temporary, self.home, self._logs):
            made.mkdir()
        self.environment = {
            "PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(self.home), "PWD": str(self.files),
            "TMPDIR": str(self.temporary), "LC_ALL": "C.UTF-8", "NO_COLOR": "1"}
        self.environment.update({key: value for key, value in os.environ.items() if key.endswith("SAN_OPTIONS")})
        self._started = []

    def start(self, program, *arguments, **environment):
        path = program if os.path.isabs(program) else BIN / program
        name = f"{len(self._started):02d}-{pathlib.Path(program).name}"
        process = Process([path, *arguments], self._logs, {**self.environment, **environment}, name)
        self._started.append(process)
        return process

    def run(self, program, *arguments, seconds=DEADLINE, **environment):
        return self.start(program, *arguments, **environment).wait(seconds)

    def started(self):
        return list(self._started)

    def close(self):
        """Kills what still runs and shows what was said; pytest hides that unless the test failed."""
        for process in reversed(self._started):
            process.close()
        for process in self._started:
            print(process.transcript())
