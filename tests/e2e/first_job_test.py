# tests/e2e/first_job_test.py - what a newcomer does in the first minutes, and the mistakes he makes, through the CLI.
# SPDX-License-Identifier: Apache-2.0
"""python3 tests/e2e/first_job_test.py"""
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from harness import BIN

ROOT = Path(__file__).resolve().parents[2]


class Shell:
    def __init__(self):
        self.directory = Path(tempfile.mkdtemp(prefix="drover-first-"))
        self.env = {"PATH": f"{BIN}:/usr/bin:/bin", "HOME": str(self.directory), "LANG": "C.UTF-8",
                    "DROVER_DATA": str(self.directory / "data")}

    def __call__(self, *words, code=0, stdin=None, timeout=60):
        done = subprocess.run([str(BIN / "drover"), *map(str, words)], cwd=self.directory, env=self.env, input=stdin,
                              capture_output=True, text=True, timeout=timeout)
        assert done.returncode == code, (f"drover {' '.join(map(str, words))}: exit {done.returncode}, expected {code}\n"
                                         f"{done.stdout}{done.stderr}")
        return done

    def file(self, name, text, mode=0o644):
        path = self.directory / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        path.chmod(mode)
        return path


def says(done, *words):
    for word in words:
        assert word.lower() in done.stderr.lower(), f"{word!r} is not in: {done.stderr}"
    assert "Traceback" not in done.stderr and "terminate called" not in done.stderr, done.stderr


def daily_life(drover):
    done = drover("run", ROOT / "examples/hello.sbatch")
    assert "step 3 of 3" in done.stdout, done.stdout
    for word in ("succeeded", "node"):
        assert word in done.stderr.lower(), done.stderr
    drover("run", "--", "sh", "-c", "exit 42", code=42)
    drover("run", "--", "sh", "-c", "kill -9 $$", code=137)

    job = drover("submit", "--parsable", "--", "sh", "-c", "echo out; echo err >&2").stdout.strip()
    drover("wait", job)
    assert drover("log", job).stdout.startswith("out"), "log shows standard output"
    shown = json.loads(drover("show", job, "-o", "json").stdout)
    assert shown["job"]["state"] == "succeeded", shown
    assert job in drover("ls", "-a").stdout
    array = drover("submit", "--parsable", "--array=1-6:2%1", "--", "sh", "-c", "exit $((SLURM_ARRAY_TASK_ID / 5))")
    array = array.stdout.strip()
    drover("wait", array, code=1)
    assert json.loads(drover("show", f"{array}.5", "-o", "json").stdout), "an element can be shown"

    late = drover("submit", "--parsable", "--hold", drover.file("ok.sh", "#!/bin/sh\n"), "--wait")
    says(late, "--wait goes to the script")
    assert f"job {late.stdout.strip()} is held" in drover("why", "last").stdout
    says(drover("cancel", "last"), "cancelled 1 job")
    five = drover("submit", "--parsable", "--hold", "--array=1-5", "--", "true").stdout.strip()
    says(drover("cancel", f"{five}.[2,4]"), "cancelled 2 elements of 1 job")
    says(drover("cancel", five), "cancelled 3 elements of 1 job")

    held = drover("submit", "--parsable", "--hold", "--", "true").stdout.strip()
    assert "held" in drover("why", held).stdout.lower()
    waiting = drover("submit", "--parsable", f"--dependency=afterok:{held}", "--", "true").stdout.strip()
    drover("release", held)
    drover("wait", waiting)
    drover("cancel", drover("submit", "--parsable", "--hold", "--", "true").stdout.strip())
    drover("node", "ls")
    drover("group", "ls")
    drover("submit", "-f", ROOT / "examples/many.jsonl")
    drover("wait", "last")
    drover("admin", "check")
    drover("config", "show")


def mistakes(drover):
    says(drover("submit", "/nonexistent.sh", code=2), "nonexistent", "hint")
    says(drover("submit", drover.file("bin.sh", b"#!/bin/sh\n\0\0"), code=2), "hint")
    says(drover("submit", drover.file("dos.sh", "#!/bin/sh\r\necho\r\n"), code=2), "line", "hint")
    says(drover("submit", drover.file("empty.sh", ""), code=2), "empty")
    says(drover("submit", drover.file("noshebang.sh", "echo hi\n"), code=2), "#!", "hint")
    says(drover("submit", "--time=soon", "--", "true", code=2), "time")
    says(drover("submit", "--mem=lots", "--", "true", code=2), "mem")
    says(drover("submit", "--array=9-1", "--", "true", code=2), "array")
    says(drover("submit", "--cpus-per-tsk=2", "--", "true", code=2), "--cpus-per-task")
    says(drover("submit", "--reservation=x", "--", "true", code=3), "no reservation x")
    says(drover("submit", "--dependency=afterok:999999", "--", "true", code=3), "999999")
    says(drover("submit", "--cpus-per-task=5000", "--", "true", code=7), "5000", "largest", "hint")
    says(drover("show", "999999", code=3), "999999")
    says(drover("cancel", "999999", code=3), "999999")
    says(drover("shwo", code=2), "show")
    jobs = drover("ls", "-a", "-o", "name").stdout
    drover("submit", "--test-only", "--", "true")
    drover("run", "--test-only", "--", "true")
    drover("submit", "--test-only", "--mem=9000G", "--", "true", code=8)
    says(drover("submit", "--test-only", "-f", ROOT / "examples/many.jsonl", code=2), "one job", "hint")
    assert drover("ls", "-a", "-o", "name").stdout == jobs, "--test-only submits nothing"


def main():
    drover = Shell()
    try:
        says(drover("ls", code=5), "drover up")
        drover("up", "--detach", "--cpus", "8", "--mem", "16384")
        daily_life(drover)
        mistakes(drover)
        drover("down")
        says(drover("ls", code=5), "drover up")
    finally:
        subprocess.run([str(BIN / "drover"), "down", "--kill"], env=drover.env, capture_output=True, timeout=60)
        shutil.rmtree(drover.directory, ignore_errors=True)
    print("2 passed, 0 failed")


if __name__ == "__main__":
    sys.exit(main())
