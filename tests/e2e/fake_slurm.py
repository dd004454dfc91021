# tests/e2e/fake_slurm.py - stands in for sbatch, squeue, sacct, scontrol and scancel: what real ones were seen to answer.
# SPDX-License-Identifier: Apache-2.0
"""install(DIRECTORY) makes commands of the names; jobs are files in it. `sulk` in it makes squeue fail like an overloaded
controller, `no_accounting` makes sacct fail, `slow` makes sbatch take two seconds before and after the job is there, `away` makes it
find no controller, `torn` makes it miss the answer, `refuse` makes it refuse. `asked` gets a line for each squeue that was asked for jobs."""
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

NAMES = ("sbatch", "squeue", "sacct", "scontrol", "scancel")


def install(directory):
    directory = Path(directory)
    directory.mkdir()
    for name in NAMES:
        command = directory / name
        command.write_text(f"#!/bin/sh\nFAKE_SLURM={directory} exec {sys.executable} -S {os.path.abspath(__file__)} {name} \"$@\"\n")
        command.chmod(0o755)
    return directory


def option(name):
    for at, word in enumerate(sys.argv):
        if word.startswith(name + "="):
            return word.partition("=")[2]
        if word == name:
            return sys.argv[at + 1]
    return None


def free_number(directory):
    """Two that ask at once get two."""
    number = 1000
    while True:
        try:
            (directory / f"{number}.number").touch(exist_ok=False)
            return str(number)
        except FileExistsError:
            number += 1


FAILED = "sbatch: error: Batch job submission failed: "


def sbatch(directory):
    if (directory / "away").exists():
        sys.exit(FAILED + "Unable to contact slurm controller (connect failure)")
    if (directory / "refuse").exists():
        sys.exit(FAILED + "Invalid partition name specified")
    pause = 2 if (directory / "slow").exists() else 0
    time.sleep(pause)
    job = free_number(directory)
    (directory / f"{job}.comment").write_text(option("--comment") or "(null)")
    (directory / f"{job}.script").write_bytes(sys.stdin.buffer.read())
    (directory / f"{job}.state").write_text("PENDING|0:0")
    if os.fork() == 0:  # the node: it goes on after sbatch
        os.setsid()
        os.closerange(3, 256)
        null = os.open("/dev/null", os.O_RDWR)
        for fd in (0, 1, 2):
            os.dup2(null, fd)
        run(directory, job, option("--output"))
        os._exit(0)
    time.sleep(pause)
    if (directory / "torn").exists():
        sys.exit(FAILED + "Socket timed out on send/recv operation")
    print(job)


def run(directory, job, output):
    time.sleep(0.1)
    with open(output, "ab") as out:
        process = subprocess.Popen(["/bin/bash", str(directory / f"{job}.script")], stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                                   start_new_session=True)
    (directory / f"{job}.pid").write_text(str(process.pid))
    (directory / f"{job}.state").write_text("RUNNING|0:0")
    status = process.wait()
    if (directory / f"{job}.cancel").exists():
        state = f"CANCELLED by {os.getuid()}|0:15"
    elif status < 0:
        state = f"FAILED|0:{-status}"
    else:
        state = f"FAILED|{status}:0" if status else "COMPLETED|0:0"
    (directory / f"{job}.state").write_text(state)


def state_of(directory, job):
    try:
        return (directory / f"{job}.state").read_text().split("|")
    except FileNotFoundError:
        return None


def main():
    name = sys.argv[1]
    directory = Path(os.environ["FAKE_SLURM"])
    if name == "sbatch":
        return sbatch(directory)
    job = option("--jobs") or sys.argv[-1]
    asked = job.split(",")
    found = state_of(directory, job)
    if name == "squeue":
        if (directory / "sulk").exists():
            sys.exit("slurm_load_jobs error: Unable to contact slurm controller (connect failure)")
        if "--me" in sys.argv:
            for file in sorted(directory.glob("*.state")):
                if state_of(directory, file.stem)[0] in ("PENDING", "RUNNING"):
                    print(file.stem + "|" + (directory / f"{file.stem}.comment").read_text())
            return
        with open(directory / "asked", "a") as file:
            file.write(job + "\n")
        if len(asked) == 1 and found is None:
            sys.exit("slurm_load_jobs error: Invalid job id specified")
        for each in asked:
            found = state_of(directory, each)
            if found and found[0] in ("PENDING", "RUNNING"):
                print(f"{each}|{found[0]}|" + ("Resources" if found[0] == "PENDING" else "None"))
    elif name == "sacct":
        if (directory / "no_accounting").exists():
            sys.exit("Slurm accounting storage is disabled")
        for each in asked:
            found = state_of(directory, each)
            if found and found[0] not in ("PENDING", "RUNNING"):
                print(each + "|" + "|".join(found))
    elif name == "scontrol" and found:
        print(f"JobId={job} JobName=x JobState={found[0].split()[0]} Reason=None ExitCode={found[1]} RunTime=00:00:01")
    elif name == "scancel":
        (directory / f"{job}.cancel").touch()
        for _ in range(100):
            try:
                os.killpg(int((directory / f"{job}.pid").read_text()), signal.SIGTERM)
                break
            except (FileNotFoundError, ValueError):  # not begun, or just being written
                time.sleep(0.05)
            except ProcessLookupError:
                break


if __name__ == "__main__":
    main()
