# tests/e2e/arrays_test.py - items, retries and waits between elements, with real processes.
# SPDX-License-Identifier: Apache-2.0
"""python3 tests/e2e/arrays_test.py"""
import json
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

from first_job_test import Shell, says
from harness import BIN


def items(drover):
    drover.file("list.txt", "one\n\ntwo words\n$HOME `id`\n")
    job = drover("submit", "--parsable", "--each-line", "list.txt", "-o", "item-%a.txt", "--", "sh", "-c",
                 'echo "$DROVER_ITEM|$1|$2"', "sh", "{}", "n${index}").stdout.strip()
    drover("wait", job)
    read = [(drover.directory / f"item-{i}.txt").read_text().strip() for i in range(3)]
    assert read == ["one|one|n0", "two words|two words|n1", "$HOME `id`|$HOME `id`|n2"], read
    shown = drover("show", job, "--items").stdout.splitlines()
    assert shown == ["0\tone", "1\ttwo words", "2\t$HOME `id`"], shown

    script = drover.file("work.sh", '#!/bin/sh\necho "$1"\n', 0o755)
    job = drover("submit", "--parsable", "--each-json", "-", "--throttle", "1", "-o", "json-%a.txt", script,
                 stdin='["plain", {"a": [1, 2]}, 7]').stdout.strip()
    drover("wait", job)
    read = [(drover.directory / f"json-{i}.txt").read_text().strip() for i in range(3)]
    assert read == ["plain", '{"a":[1,2]}', "7"], read

    says(drover("submit", "--each-line", "nowhere.txt", "--", "true", code=2), "cannot open nowhere.txt")
    drover.file("empty.txt", "\n")
    says(drover("submit", "--each-line", "empty.txt", "--", "true", code=2), "no entries")
    says(drover("submit", "--array", "0-3", "--each-line", "list.txt", "--", "true", code=2), "makes the array itself")


def retries(drover):
    script = drover.file("flaky.sh", "#!/bin/sh\necho attempt $DROVER_ATTEMPT\n[ $DROVER_ATTEMPT -ge 3 ] || exit 75\n")
    job = drover("submit", "--parsable", "--retry", "4", "--retry-on", "exit:75,oom", "--open-mode=append", "-o",
                 "flaky.txt", script).stdout.strip()
    drover("wait", job)
    assert (drover.directory / "flaky.txt").read_text() == "attempt 1\nattempt 2\nattempt 3\n"
    task = json.loads(drover("show", job, "--tasks", "-o", "json").stdout)["tasks"][0]
    assert task["attempt"] == 3 and task["retries"] == 2, task
    kinds = [json.loads(line)["kind"] for line in
             drover("events", "--job", job, "-o", "jsonl").stdout.splitlines()]
    assert kinds.count("attempt_retried") == 2, kinds

    job = drover("submit", "--parsable", "--retry", "4", "--retry-on", "exit:3", "--", "sh", "-c", "exit 4").stdout.strip()
    drover("wait", job, code=4)

    job = drover("submit", "--parsable", "--retry", "2", "--retry-delay", "300", "--", "false").stdout.strip()
    end = time.monotonic() + 60
    while "attempt 1 failed" not in (said := drover("why", job).stdout) and time.monotonic() < end:
        time.sleep(0.05)
    assert "attempt 1 failed" in said and "retry 1 of 2" in said, said
    drover("cancel", job)
    drover("wait", job, code=143)
    says(drover("submit", "--retry-delay", "5s", "--", "true", code=2), "not how often")
    says(drover("submit", "--retry", "1", "--retry-on", "sometimes", "--", "true", code=2), "exit:CODE")


def elements(drover):
    first = drover("submit", "--parsable", "--hold", "--array", "0-3", "--", "sh", "-c",
                   "[ $SLURM_ARRAY_TASK_ID != 2 ]").stdout.strip()
    second = drover("submit", "--parsable", "--array", "0-3", "-d", f"aftercorr:{first}", "-o", "second-%a.txt",
                    "--", "echo", "ran").stdout.strip()
    drover("release", first)  # only now: each end is to reach an array that waits for it
    drover("wait", second, code=143)
    states = {task["index"]: task["state"] for task in
              json.loads(drover("show", second, "--tasks", "-o", "json").stdout)["tasks"]}
    assert states == {0: "succeeded", 1: "succeeded", 2: "cancelled", 3: "succeeded"}, states
    # The first has ended: what it left is known.
    third = drover("submit", "--parsable", "--array", "0-3", "-d", f"aftercorr:{first}", "--", "true").stdout.strip()
    drover("wait", third, code=143)
    counts = json.loads(drover("show", third, "-o", "json").stdout)["job"]["tasks"]
    assert (counts["succeeded"], counts["cancelled"]) == (3, 1), counts
    says(drover("submit", "--array", "0-4", "-d", f"aftercorr:{first}", "--", "true", code=2), "same indexes")
    says(drover("submit", "-d", f"aftercorr:{first}", "--", "true", code=2), "for arrays")


def kill_droverd(drover):
    end = time.monotonic() + 60
    while not is_killed(drover):
        assert time.monotonic() < end, "no droverd to kill"
        time.sleep(0.05)  # the one before is not replaced yet


def is_killed(drover):
    for process in Path("/proc").glob("[0-9]*"):
        try:
            own = (process / "comm").read_text() == "droverd\n" and drover.env["DROVER_DATA"].encode() in (
                process / "environ").read_bytes()
        except OSError:
            continue
        if own:
            os.kill(int(process.name), signal.SIGKILL)
            return True
    return False


def await_droverd(drover):
    end = time.monotonic() + 60
    while subprocess.run([str(BIN / "drover"), "ls"], env=drover.env, capture_output=True, timeout=60).returncode != 0:
        assert time.monotonic() < end, "droverd does not come back"
        time.sleep(0.1)


def crashes(drover):
    """A controller that dies twice in the middle of it forgets neither who may start nor what was retried."""
    first = drover("submit", "--parsable", "--array", "0-79", "--retry", "1", "-o", "/dev/null", "--", "sh", "-c",
                   "sleep 0.2; [ $DROVER_ATTEMPT = 2 ] || [ $((SLURM_ARRAY_TASK_ID % 10)) != 3 ]").stdout.strip()
    second = drover("submit", "--parsable", "--array", "0-79", "-d", f"aftercorr:{first}", "-o", "/dev/null", "--",
                    "sleep", "0.1").stdout.strip()
    for _ in range(2):
        time.sleep(1)
        kill_droverd(drover)
    await_droverd(drover)
    drover("wait", second, timeout=120)
    tasks = json.loads(drover("show", first, "--tasks", "-n", "500", "-o", "json").stdout)["tasks"]
    assert sum(task["retries"] for task in tasks) == 8, tasks
    assert {task["state"] for task in tasks} == {"succeeded"}
    drover("admin", "check")


def groups(drover):
    waits = drover("submit", "--parsable", "--hold", "--", "true").stdout.strip()
    name = json.loads(drover("group", "ls", "-o", "json").stdout)["groups"][0]["name"]
    drover("group", "set", name, "running=1", "queued=1")
    says(drover("submit", "--", "true", code=7), "is full")
    for _ in range(2):
        row = json.loads(drover("group", "ls", "-o", "json").stdout)["groups"][0]
        assert (row["running_limit"], row["queue_limit"], row["own_limits"]) == (1, 1, True), row
        kill_droverd(drover)  # they are kept for good
        await_droverd(drover)
    drover("group", "reset", name)
    drover("wait", drover("submit", "--parsable", "--", "true").stdout.strip())
    says(drover("group", "set", "ann", "running=1", code=2), "groups are called")
    before = drover("alter", "--dry-run", waits, "name=other")
    assert "name: true -> other" in before.stdout and "nothing was changed" in before.stderr, before
    assert json.loads(drover("show", waits, "-o", "json").stdout)["job"]["name"] == "true"
    drover("cancel", waits)


def main():
    drover = Shell()
    try:
        drover("up", "--detach", "--cpus", "8", "--mem", "16384")
        items(drover)
        retries(drover)
        elements(drover)
        groups(drover)
        crashes(drover)
    finally:
        subprocess.run([str(BIN / "drover"), "down", "--kill"], env=drover.env, capture_output=True, timeout=60)
        shutil.rmtree(drover.directory, ignore_errors=True)
    print("items, retries and elements work")


if __name__ == "__main__":
    main()
