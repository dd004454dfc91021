# engines/slurm/engine.py - a statement is a batch script on an existing Slurm; it is polled, with growing pauses.
# SPDX-License-Identifier: Apache-2.0
"""The node needs sbatch, squeue, sacct (or scontrol) and scancel, and a directory that it shares with Slurm's nodes: the
statement's. A Slurm that does not answer ends no statement: it is asked again. What becomes of jobs whose engine was killed:
slurm_records.py."""
import os
import select
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "host"))

import drover_engine  # noqa: E402
from drover_worker import Failure, Runner  # noqa: E402
from slurm_records import COMMAND_S, Record, Unanswered, ask, cancel_left_behind  # noqa: E402

GROWTH = 1.4           # of the pause between two questions
OUTPUT_S = 0.5         # how often new output is looked for: that costs Slurm nothing
GONE_AFTER = 10        # answers in a row in which nobody knows the job
OPEN = {"PENDING", "CONFIGURING", "RUNNING", "COMPLETING", "SUSPENDED", "REQUEUED", "RESIZING", "SIGNALING", "STAGE_OUT",
        "REQUEUE_HOLD", "REQUEUE_FED", "SPECIAL_EXIT", "STOPPED", "RESV_DEL_HOLD"}


class SlurmRunner(Runner):
    languages = ["slurm", "sbatch"]
    version = "1"

    def open(self, options):
        self.args = [str(each) for each in options.get("sbatch_args") or []]
        self.first_s, self.last_s = float(options.get("poll_first_s") or 0.5), float(options.get("poll_last_s") or 20)
        self.has_accounting = True

    def run(self, task):
        self.is_cancelled, self.said = task.is_cancelled, None
        path = os.path.abspath(f".drover-slurm-{task.id}.out")
        with Record(task.id) as record:
            job = self.submit(task, path, record)
            record.write(job)
            task.results.text(job, name="slurm_job")
            output = Output(path)
            try:
                state, code = self.follow(task, job, output)
            finally:
                output.finish()
            record.is_needed = False
        if state == "COMPLETED":
            return
        if state.startswith("CANCELLED") and self.is_cancelled:
            raise KeyboardInterrupt
        status, _, signal = code.partition(":")
        status, signal = int(status or 0), int(signal or 0)
        if signal and state == "FAILED":
            raise Failure("Signal", f"ended by signal {signal}", exit_code=128 + signal, outcome="died")
        if state == "FAILED":
            raise Failure("ExitCode", f"exit code {status or 1}", exit_code=status or 1)
        raise Failure(state.split()[0], f"Slurm ended job {job}: {state}", exit_code=status or 1)

    def submit(self, task, path, record):
        code = task.code if task.code.startswith("#!") else "#!/bin/bash\n" + task.code
        command = ["sbatch", "--parsable", "--output=" + path, "--error=" + path, "--open-mode=append",
                   "--comment=" + record.comment, *self.args]
        if self.is_cancelled:
            raise KeyboardInterrupt
        record.is_needed = True
        try:
            answer = ask(*command, text=code.encode("utf-8", "surrogatepass"), pass_fds=record.fds)
        except Unanswered as why:  # not asked again: it may have been accepted
            raise Failure("SubmitError", str(why)) from None
        job = answer.strip().split(";")[0]
        if not job.isdigit():
            raise Failure("SubmitError", f"sbatch answered {answer.strip()!r}")
        return job

    def follow(self, task, job, output):
        """(state, exit code) of its end."""
        pause, told, unknown, cancel_sent = self.first_s, None, 0, False
        while True:
            if self.is_cancelled and not cancel_sent:
                cancel_sent, pause = self.cancel_job(job), self.first_s
            try:
                state, detail = self.state(job)
                unknown = unknown + 1 if state is None else 0
                if unknown >= GONE_AFTER:
                    raise Failure("Lost", f"Slurm does not know job {job} any more", outcome="died")
            except Unanswered as why:
                self.complain(why)
                state, detail = told, ""
            if state is not None and state.split()[0] not in OPEN:
                return state, detail
            if state != told:
                task.progress(0.0, text=f"{job} {state} {detail}".strip())
                told, pause = state, self.first_s
            self.wait(pause, output)
            pause = min(pause * GROWTH, self.last_s)

    def state(self, job):
        """From the queue while it is there (with the reason), then from what is remembered of it (with the exit code)."""
        answer = ask("squeue", "--noheader", "--jobs", job, "--states=all", "--format=%T|%r").split("\n")[0]
        if answer:
            state, _, reason = answer.partition("|")
            if state in OPEN:
                return state, "" if reason == "None" else reason
        if self.has_accounting:
            try:
                line = ask("sacct", "--noheader", "--parsable2", "--allocations", "--jobs", job, "--format=State,ExitCode").split("\n")[0]
                if line:
                    return tuple(line.split("|")[:2])
            except (Unanswered, Failure):  # many sites have no accounting
                self.has_accounting = False
        fields = dict(field.partition("=")[::2] for field in ask("scontrol", "--oneliner", "show", "job", job).split())
        return fields.get("JobState"), fields.get("ExitCode", "")

    def cancel_job(self, job):
        try:
            ask("scancel", job)
            return True
        except Unanswered as why:
            self.complain(why)
            return False

    def complain(self, why):
        if str(why) != self.said:  # once
            self.said = str(why)
            print(f"[drover: {why}; asking again]", flush=True)

    def wait(self, seconds, output):
        end = time.monotonic() + seconds
        while not self.is_cancelled:
            output.copy()
            left = end - time.monotonic()
            if left <= 0:
                return
            self.sleep(min(left, OUTPUT_S))
        self.sleep(min(seconds, 0.2))

    def sleep(self, seconds):
        """time.sleep() would go on after a signal."""
        try:
            select.select([self.woken], [], [], seconds)
            os.read(self.woken, 100)
        except BlockingIOError:
            pass

    def interrupt(self):
        self.is_cancelled = True
        os.write(self.waker, b".")

    def reset(self):
        pass

    def cleaner(self):
        return [sys.executable, *(["-S"] if sys.flags.no_site else []), os.path.abspath(__file__), "--cancel-left-behind"]

    def load(self, options):
        self.woken, self.waker = os.pipe()
        for fd in (self.woken, self.waker):
            os.set_blocking(fd, False)


class Output:
    """What the job has printed so far, from Slurm's file into the log."""

    def __init__(self, path):
        self.path, self.file = path, None

    def copy(self):
        if self.file is None:
            try:
                self.file = open(self.path, "rb", buffering=0)
            except FileNotFoundError:
                return
        while data := self.file.read(1 << 16):
            while data:
                data = data[os.write(1, data):]

    def finish(self):
        self.copy()
        if self.file is not None:
            self.file.close()
            os.unlink(self.path)


if __name__ == "__main__":
    if sys.argv[1:] == ["--cancel-left-behind"]:
        sys.exit(cancel_left_behind())
    drover_engine.main(SlurmRunner())
