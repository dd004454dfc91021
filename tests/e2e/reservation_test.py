# tests/e2e/reservation_test.py - a reservation from its making to its removal, through the CLI.
# SPDX-License-Identifier: Apache-2.0
"""python3 tests/e2e/reservation_test.py"""
import getpass
import json
import shutil
import subprocess
import sys
import time

from first_job_test import Shell, says
from harness import BIN


def show(drover, *words):
    return json.loads(drover(*words, "-o", "json").stdout)


def why(drover, job):
    return drover("why", job).stdout


def until(condition, what, seconds=40):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, what
        time.sleep(0.2)


def life(drover):
    node = drover("node", "ls", "-o", "name").stdout.split()[0]
    user = getpass.getuser()
    runs = drover("submit", "--parsable", "-t", "1h", "--", "sleep", "1000").stdout.strip()
    until(lambda: show(drover, "show", runs)["job"]["state"] == "running", "the first job runs")
    says(drover("reservation", "create", "course", "--start", "now+20", "-t", "30m", "-w", node, "-u", user, code=6),
         f"job {runs}", "--ignore-jobs")
    drover("cancel", runs)
    drover("wait", runs, code=143)
    says(drover("reservation", "create", "course", "-t", "30m", "-w", "nowhere", "-u", user, code=3), "nowhere")
    says(drover("reservation", "create", "course", "-t", "30m", "-w", node, code=2), "nobody may use")
    says(drover("reservation", "create", "course", "-t", "30m", "-w", node, "--maintenance", "--magnetic", code=2), "nobody may use it")

    says(drover("reservation", "create", "course", "-t", "30m", "-w", node, "-u", user, "--licences", "matlab=4", code=3),
         "there is no licence")
    loose = show(drover, "reservation", "create", "loose", "--start", "now+3600", "-t", "30m", "-w", node, "-u", user,
                 "--magnetic", "--flex")["reservations"][0]
    assert loose["magnetic"] and loose["flexible"] and loose["licences"] == {}, loose
    drover("reservation", "rm", "loose")

    # Far away until all was seen that is to be seen before it begins.
    made = show(drover, "reservation", "create", "course", "--start", "now+1800", "-t", "30m", "-w", "1", "-u", user)
    assert made["reservations"][0]["nodes"] == node, made
    says(drover("reservation", "create", "course", "-t", "30m", "-w", node, "-u", user, code=6), "already")
    says(drover("reservation", "create", "other", "--start", "now+60", "-t", "1h", "-w", node, "--maintenance", code=6),
         "other and course meet", node)
    says(drover("submit", "--reservation=cuorse", "-t", "1m", "--", "true", code=3), "did you mean course")
    says(drover("submit", "--reservation=course", "--", "true", code=2), "time limit")

    ours = drover("submit", "--parsable", "--reservation=course", "-t", "1m", "--", "sleep", "2").stdout.strip()
    script = drover.file("job.sh", "#!/bin/sh\n#SBATCH --reservation=course\n#SBATCH --time=1\ntrue\n")
    scripted = drover("submit", "--parsable", script).stdout.strip()
    other = drover("submit", "--parsable", "-t", "1h", "--", "true").stdout.strip()
    endless = drover("submit", "--parsable", "--", "true").stdout.strip()
    short = drover("submit", "--parsable", "-t", "2s", "--", "true").stdout.strip()
    drover("wait", short)
    assert "waits for reservation course, which begins at" in why(drover, ours), why(drover, ours)
    said = why(drover, other)
    assert "reservation course begins there" in said and "could start now with a time limit of at most" in said, said
    assert "no time limit" in why(drover, endless), why(drover, endless)
    shown = drover("node", "show", node).stdout
    assert "next_reservation.name" in shown and "course" in shown, shown
    drover("reservation", "create", "course", "--replace", "--start", "now+2", "-t", "30m", "-w", "1", "-u", user)
    drover("wait", ours)
    drover("wait", scripted)
    row = show(drover, "reservation", "show", "course")["reservations"][0]
    assert row["state"] == "active" and row["jobs_waiting"] == 0, row
    started = show(drover, "show", ours)["job"]["started"]
    assert started >= row["start"], (started, row)
    assert show(drover, "show", other)["job"]["state"] == "scheduled", "it stays out"
    left = drover("submit", "--parsable", "--hold", "--reservation=course", "-t", "1m", "--", "true").stdout.strip()
    says(drover("reservation", "rm", "course"), "1 open job names it")
    drover("wait", other)
    drover("wait", endless)
    drover("release", left)
    assert "is over or was removed" in why(drover, left), why(drover, left)
    drover("cancel", left)
    assert show(drover, "reservation", "ls")["reservations"] == []

    drover("reservation", "create", "upkeep", "-t", "1h", "-w", node, "--maintenance")
    assert "maintenance" in drover("node", "ls").stdout
    drover("down")
    drover("up", "--detach", "--cpus", "8", "--mem", "16384")
    until(lambda: "maintenance" in drover("node", "ls").stdout, "it is there after a restart")
    kinds = [json.loads(line)["kind"] for line in drover("events", "-o", "jsonl").stdout.splitlines()]
    for kind in ("reservation_set", "reservation_began", "reservation_removed"):
        assert kind in kinds, kinds


def main():
    drover = Shell()
    try:
        drover("up", "--detach", "--cpus", "8", "--mem", "16384")
        life(drover)
        drover("down")
    finally:
        subprocess.run([str(BIN / "drover"), "down", "--kill"], env=drover.env, capture_output=True, timeout=60)
        shutil.rmtree(drover.directory, ignore_errors=True)
    print("1 passed, 0 failed")


if __name__ == "__main__":
    sys.exit(main())
