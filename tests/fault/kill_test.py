"""F01, F02, F03, C01 in short: kill -9 of server and workers during a stream of jobs and uploads."""

import pytest

try:
    import kill_run
except ImportError:
    kill_run = None
pytestmark = pytest.mark.skipif(kill_run is None, reason="skipped: python3-grpcio is not installed")


@pytest.mark.parametrize("seed", [1])
def test_f01_f02_nothing_is_lost_when_server_and_workers_are_killed(programs, seed):
    figures, problems = kill_run.run(programs, kills=20, seed=seed, workers=3, clients=4)
    print(figures)
    assert problems == [], "\n".join(problems[:20])
    assert figures["kills"] >= 20 and figures["server_kills"] > 0 and figures["worker_kills"] > 0
    assert figures["accepted"] > 20 and figures["succeeded"] + figures["worker_lost"] + figures["starved"] == figures["accepted"]


def test_f01_f02_the_real_compiler_gives_the_same_bytes_in_a_storm(programs):
    figures, problems = kill_run.run(programs, kills=6, seed=2, workers=2, clients=2, real_compiler=True)
    print(figures)
    assert problems == [], "\n".join(problems[:20])
    assert figures["succeeded"] + figures["worker_lost"] + figures["starved"] == figures["accepted"] > 0
