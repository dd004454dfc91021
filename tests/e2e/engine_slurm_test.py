# tests/e2e/engine_slurm_test.py - the Slurm engine against a Slurm that sulks, has no accounting, or is not there, and a real one.
# SPDX-License-Identifier: Apache-2.0
import os
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import fake_slurm
from adapter_frame import ROOT, until
from engine_agent import EngineProcess
from skips import skip
from slurm_server import slurm

OPTIONS = {"poll_first_s": 0.1, "poll_last_s": 0.5}


def open_jobs(environment):
    return subprocess.run(["squeue", "--me", "--noheader", "--format=%i|%k"], env=dict(os.environ, **environment), check=True,
                          stdout=subprocess.PIPE, text=True).stdout.split()


def nothing_left(environment, records):
    until(lambda: not open_jobs(environment) and not list(records.glob("*")), (open_jobs(environment), list(records.glob("*"))))


def check_troubles(fake, environment, records):
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
        (fake / "away").touch()
        statement = engine.execute("exit 5")
        until(lambda: b"connect failure" in engine.log(statement), "the trouble is told")
        (fake / "away").unlink()
        assert engine.ended(statement)["exit_code"] == 5, "one that cannot have been sent is sent again"
        (fake / "refuse").touch()
        ended = engine.run("true")
        assert ended["outcome"] == "error" and "Invalid partition" in ended["error"]["message"], ended
        (fake / "refuse").unlink()
        nothing_left(environment, records)
        (fake / "torn").touch()
        ended = engine.run("sleep 300")
        assert ended["outcome"] == "error" and "may have begun" in ended["error"]["message"], ended
        (fake / "torn").unlink()
        nothing_left(environment, records)  # nobody follows it


def check_many(fake, environment, count=20):
    """They run beside each other, and one question is for all that are due."""
    with EngineProcess(ROOT / "engines/slurm", OPTIONS, environment) as engine:
        asked = fake / "asked"
        asked.unlink(missing_ok=True)
        before = len(list(fake.glob("*.pid")))
        gate = fake / "gate"
        statements = [engine.execute(f"until test -e {gate}; do sleep 0.2; done; echo {number}; exit {number}", reset="namespace")
                      for number in range(count)]

        def sizes():
            return [len(question.split(",")) for question in (asked.read_text().split() if asked.exists() else ())]
        until(lambda: sizes() and max(sizes()) > count / 4 and sum(sizes()) > 2 * len(sizes()), "one question is for many")
        until(lambda: len(list(fake.glob("*.pid"))) - before == count, "all run at once")
        gate.touch()
        for number, statement in enumerate(statements):
            ended = engine.ended(statement)
            assert ended["exit_code"] == number and engine.log(statement) == b"%d\n" % number, ended
        print(f"{count} at once: {len(sizes())} questions for {sum(sizes())} states")


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


def check_array(environment):
    """Only a real one: it has ended with its last element, as the one that failed."""
    with EngineProcess(ROOT / "engines/slurm", OPTIONS, environment) as engine:
        code = "#!/bin/bash\n#SBATCH --array=1-4%2\nsleep $((SLURM_ARRAY_TASK_ID / 2)); echo $SLURM_ARRAY_TASK_ID\n"
        statement = engine.execute(code + "[ $SLURM_ARRAY_TASK_ID != 2 ] || exit 7")
        ended = engine.ended(statement, seconds=90)
        assert (ended["outcome"], ended["exit_code"]) == ("error", 7), ended
        assert sorted(engine.log(statement).split()) == [b"1", b"2", b"3", b"4"], engine.log(statement)
        ended = engine.run(code, seconds=90)
        assert ended["outcome"] == "ok", ended
        statement = engine.execute(code + "sleep 60")
        engine.next(lambda m: m["type"] == "progress" and m["id"] == statement and "RUNNING" in m["text"], "progress", 60)
        engine.cancel(statement, grace_s=60)
        assert engine.ended(statement, seconds=90)["outcome"] == "cancelled"


def check_site(environment):
    """Which Slurm it is the statement may say."""
    variables = {name: value for name, value in environment.items() if name == "SLURM_CONF"}
    with EngineProcess(ROOT / "engines/slurm", OPTIONS, dict(environment, SLURM_CONF="/nonexistent")) as engine:
        ended = engine.run("exit 3", env=variables, seconds=90)
        assert (ended["outcome"], ended["exit_code"]) == ("error", 3), ended


def check_nothing_is_left_behind(environment, records, slow=None):
    """However the engine ends, and whenever: the job in Slurm ends too."""
    begin = "progress"
    if slow is not None:  # in the middle of sbatch
        slow.touch()
        begin = "started"
    with EngineProcess(ROOT / "engines/slurm", OPTIONS, environment) as engine:  # the grace is over
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
        with suppress(ProcessLookupError):
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
        environment = {"PATH": path, "XDG_STATE_HOME": directory + "/state"}
        records = Path(directory) / "state/drover/slurm"
        check_jobs(environment)
        check_nothing_is_left_behind(environment, records)
        check_nothing_is_left_behind(environment, records, fake / "slow")
        check_many(fake, environment)
        check_troubles(fake, environment, records)
        with EngineProcess(ROOT / "engines/slurm", OPTIONS, {"PATH": directory, "XDG_STATE_HOME": directory}) as engine:
            ended = engine.run("true")
            assert ended["outcome"] == "error" and "no sbatch" in ended["error"]["message"], ended
    print("the Slurm engine does what it says, to stand-ins for Slurm's commands")
    return 0 if sys.argv[1:] == ["stand_ins"] else check_real()


def check_real():
    with slurm() as (environment, why), tempfile.TemporaryDirectory(prefix="drover-slurm-") as directory:
        if environment is None:
            return skip(why)
        environment["XDG_STATE_HOME"] = directory
        check_jobs(environment)
        check_array(environment)
        check_site(environment)
        check_nothing_is_left_behind(environment, Path(directory) / "drover/slurm")
    print("the Slurm engine does what it says, to a real Slurm")
    return 0


if __name__ == "__main__":
    sys.exit(check_real() if sys.argv[1:] == ["real"] else main())
