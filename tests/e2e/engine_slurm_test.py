# tests/e2e/engine_slurm_test.py - the Slurm engine against a Slurm that sulks, has no accounting, or is not there.
# SPDX-License-Identifier: Apache-2.0
import os
import sys
import tempfile
import time
from pathlib import Path

import fake_slurm
from engine_agent import EngineProcess

ROOT = Path(__file__).resolve().parents[2]
OPTIONS = {"poll_first_s": 0.1, "poll_last_s": 0.5}


def main():
    with tempfile.TemporaryDirectory(prefix="drover-slurm-") as directory:
        fake = fake_slurm.install(directory + "/bin")
        path = f"{fake}:{os.path.dirname(sys.executable)}:/usr/bin:/bin"
        with EngineProcess(ROOT / "engines/slurm", OPTIONS, {"FAKE_SLURM": str(fake), "PATH": path}) as engine:
            (fake / "sulk").touch()
            statement = engine.execute("echo hello; sleep 1; exit 3")
            engine.started(statement)
            end = time.monotonic() + 60
            while b"Unable to contact" not in engine.log(statement):
                assert time.monotonic() < end, "the trouble is told"
                time.sleep(0.05)
            (fake / "sulk").unlink()
            ended = engine.ended(statement, seconds=60)
            assert (ended["outcome"], ended["exit_code"]) == ("error", 3), ended
            assert b"hello\n" in engine.log(statement), engine.log(statement)
            assert ended["results"][0]["name"] == "slurm_job" and ended["results"][0]["preview"].isdigit(), ended
            assert not list(engine.cwd.iterdir()), "its output file is gone"
            (fake / "no_accounting").touch()
            ended = engine.run("exit 4", seconds=60)
            assert (ended["outcome"], ended["exit_code"]) == ("error", 4), ended
            # A cancel reaches Slurm at once, also while the job waits there.
            statement = engine.execute("sleep 60")
            engine.next(lambda m: m["type"] == "progress" and m["id"] == statement, "progress", 60)
            engine.cancel(statement, grace_s=60)
            assert engine.ended(statement, seconds=60)["outcome"] == "cancelled"
        with EngineProcess(ROOT / "engines/slurm", OPTIONS, {"PATH": directory}) as engine:
            ended = engine.run("true")
            assert ended["outcome"] == "error" and "no sbatch" in ended["error"]["message"], ended
    print("the Slurm engine does what it says")


if __name__ == "__main__":
    main()
