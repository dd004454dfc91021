# tests/e2e/engine_slurm_test.py - the Slurm engine against a Slurm that sulks, has no accounting, or is not there, and a real one.
# SPDX-License-Identifier: Apache-2.0
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import fake_slurm
from engine_agent import EngineProcess
from slurm_server import slurm

ROOT = Path(__file__).resolve().parents[2]
OPTIONS = {"poll_first_s": 0.1, "poll_last_s": 0.5}


def open_jobs(environment):
    return subprocess.run(["squeue", "--me", "--noheader", "--format=%i|%k"], env=dict(os.environ, **environment), check=True,
                          stdout=subprocess.PIPE, text=True).stdout.split()


def until(is_so, what, seconds=90):
    end = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < end, what
        time.sleep(0.05)


def nothing_left(environment, records):
    until(lambda: not open_jobs(environment) and not list(records.glob("*")), (open_jobs(environment), list(records.glob("*"))))


def check_troubles(fake, environment):
    """What a real Slurm does only when it is ill."""
    with EngineProcess(ROOT / "engines/slurm", OPTIONS, environment) as engine:
        (fake / "sulk").touch()
        statement = engine.execute("echo hello; sleep 1; exit 3")
        engine.started(statement)
        until(lambda: b"Unable to contact" in engine.log(statement), "the trouble is told")
        (fake / "sulk").unlink()
        ended = engine.ended(statement, seconds=60)
        assert (ended["outcome"], ended["exit_code"]) == ("error", 3), ended
        (fake / "no_accounting").touch()
        ended = engine.run("exit 4", seconds=60)
        assert (ended["outcome"], ended["exit_code"]) == ("error", 4), ended


def check_jobs(environment):
    with EngineProcess(ROOT / "engines/slurm", OPTIONS, environment) as engine:
        statement = engine.execute("echo hello; sleep 1; exit 3")
        ended = engine.ended(statement, seconds=90)
        assert (ended["outcome"], ended["exit_code"]) == ("error", 3), ended
        assert b"hello\n" in engine.log(statement), engine.log(statement)
        assert ended["results"][0]["name"] == "slurm_job" and ended["results"][0]["preview"].isdigit(), ended
        assert not list(engine.cwd.iterdir()), "its output file is gone"
        assert engine.run("true", seconds=90)["outcome"] == "ok"
        # A cancel reaches Slurm at once, also while the job waits there.
        statement = engine.execute("sleep 60")
        engine.next(lambda m: m["type"] == "progress" and m["id"] == statement, "progress", 60)
        engine.cancel(statement, grace_s=60)
        assert engine.ended(statement, seconds=90)["outcome"] == "cancelled"


def check_nothing_is_left_behind(environment, records, slow=None):
    """However the engine ends, and whenever: the job in Slurm ends too."""
    begin = "progress"
    if slow is not None:  # in the middle of sbatch
        slow.touch()
        begin = "started"
    with EngineProcess(ROOT / "engines/slurm", OPTIONS, environment) as engine:  # its worker is killed
        statement = engine.execute("sleep 300")
        engine.next(lambda m: m["type"] == begin and m["id"] == statement, begin, 60)
        until(lambda: list(records.glob("*")), "there is a record")
        engine.cancel(statement, grace_s=0)
        assert engine.ended(statement, seconds=60)["outcome"] == "cancelled"
        nothing_left(environment, records)
    engine = EngineProcess(ROOT / "engines/slurm", OPTIONS, environment)  # told to end
    engine.accept()
    statement = engine.execute("sleep 300")
    engine.next(lambda m: m["type"] == begin and m["id"] == statement, begin, 60)
    engine.process.send_signal(signal.SIGTERM)
    assert engine.process.wait(90) == 0
    engine.__exit__(None, None, None)
    nothing_left(environment, records)
    engine = EngineProcess(ROOT / "engines/slurm", OPTIONS, environment)  # killed with all its processes: the next one cleans up
    engine.accept()
    statement = engine.execute("sleep 300")
    engine.next(lambda m: m["type"] == begin and m["id"] == statement, begin, 60)
    until(lambda: list(records.glob("*")), "there is a record")
    until(lambda: open_jobs(environment), "the job is there")
    for pid in [engine.process.pid, *children(engine.process.pid)]:
        os.kill(pid, signal.SIGKILL)
    engine.process.wait()
    engine.listener.close()
    assert open_jobs(environment)
    with EngineProcess(ROOT / "engines/slurm", OPTIONS, environment):
        nothing_left(environment, records)
    if slow is not None:
        slow.unlink()


def children(pid):
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def main():
    with tempfile.TemporaryDirectory(prefix="drover-slurm-") as directory:
        fake = fake_slurm.install(directory + "/bin")
        path = f"{fake}:{os.path.dirname(sys.executable)}:/usr/bin:/bin"
        environment = {"FAKE_SLURM": str(fake), "PATH": path, "XDG_STATE_HOME": directory + "/state"}
        records = Path(directory) / "state/drover/slurm"
        check_jobs(environment)
        check_nothing_is_left_behind(environment, records)
        check_nothing_is_left_behind(environment, records, fake / "slow")
        check_troubles(fake, environment)
        with EngineProcess(ROOT / "engines/slurm", OPTIONS, {"PATH": directory, "XDG_STATE_HOME": directory}) as engine:
            ended = engine.run("true")
            assert ended["outcome"] == "error" and "no sbatch" in ended["error"]["message"], ended
    print("the Slurm engine does what it says, to stand-ins for Slurm's commands")
    with slurm() as (environment, why), tempfile.TemporaryDirectory(prefix="drover-slurm-") as directory:
        if environment is None:
            print(f"skipped: {why}")
            return
        environment["XDG_STATE_HOME"] = directory
        check_jobs(environment)
        check_nothing_is_left_behind(environment, Path(directory) / "drover/slurm")
    print("and to a real Slurm")


if __name__ == "__main__":
    main()
