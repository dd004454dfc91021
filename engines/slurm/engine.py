# engines/slurm/engine.py - a statement is a batch script on an existing Slurm; it is polled, with growing pauses.
# SPDX-License-Identifier: Apache-2.0
"""The node needs sbatch, squeue, sacct (or scontrol) and scancel, and a directory that it shares with Slurm's nodes: the
statement's. Which Slurm it is (a Site) may be said by the statement's variables. A Slurm that does not answer ends no statement: it is asked again. All jobs that are due are asked for with one squeue.
What becomes of jobs whose engine was killed: slurm_records.py."""
import os
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "host"))

import drover_adapter  # noqa: E402
from drover_adapter import Adapter, Remote, Unanswered  # noqa: E402
from drover_worker import Failure  # noqa: E402
from slurm_records import Record, ask, cancel_left_behind, environ_with, submit  # noqa: E402

GROWTH = 1.4           # of the pause between two questions
OUTPUT_S = 0.5         # how often new output is looked for: that costs Slurm nothing
COPY_MAX = 8 << 20     # of output at a time: others want their turn
GONE_AFTER = 10        # answers in a row in which nobody knows the job
SITE_VARIABLES, SITES_MAX = ("PATH", "SLURM_CONF", "SLURM_CLUSTERS"), 100
OPEN = {"PENDING", "CONFIGURING", "RUNNING", "COMPLETING", "SUSPENDED", "REQUEUED", "RESIZING", "SIGNALING", "STAGE_OUT",
        "REQUEUE_HOLD", "REQUEUE_FED", "SPECIAL_EXIT", "STOPPED", "RESV_DEL_HOLD"}


class SlurmStatement(Remote):
    give_up_s = None

    def __init__(self, task, slurm):
        self.task, self.slurm = task, slurm
        self.site = slurm.site_of(task.env)
        self.target, self.batch = self.site.name, self.site
        self.path = os.path.join(task.cwd, f".drover-slurm-{task.id}.out")
        self.record = self.job = self.told = None
        self.pause_s, self.unknown = slurm.first_s, 0
        self.output = Output(self.path, task)

    def submit(self):
        self.record = self.record or Record(self.task.id, self.site.variables)
        code = self.task.code if self.task.code.startswith("#!") else "#!/bin/bash\n" + self.task.code
        command = ["sbatch", "--parsable", "--output=" + self.path, "--error=" + self.path, "--open-mode=append",
                   "--comment=" + self.record.comment, *self.slurm.args]
        self.record.is_needed = True
        try:
            answer = submit(*command, text=code.encode("utf-8", "surrogatepass"), pass_fds=self.record.fds, cwd=self.task.cwd,
                            env={**os.environ, **self.task.env})
        except Unanswered as why:
            self.record.is_needed = why.may_have_begun
            raise
        except Failure:
            self.record.is_needed = False
            raise
        job = answer.strip().split(";")[0]
        if not job.isdigit():
            raise Failure("SubmitError", f"sbatch answered {answer.strip()!r}")
        self.job = job
        self.record.name(job)
        self.task.results.text(job, name="slurm_job")
        return self.slurm.first_s

    def poll(self):
        return self.take(*self.site.states([self.job])[self.job])

    @classmethod
    def poll_all(cls, remotes):
        try:
            states = remotes[0].site.states([remote.job for remote in remotes])
        except (Unanswered, Failure) as why:
            return [why] * len(remotes)
        return [drover_adapter.attempt(lambda remote=remote: remote.take(*states[remote.job])) for remote in remotes]

    def take(self, state, detail):
        """The pause until it is asked for again, None when it has completed."""
        self.unknown = self.unknown + 1 if state is None else 0
        if self.unknown >= GONE_AFTER:
            self.record.is_needed = False
            raise Failure("Lost", f"Slurm does not know job {self.job} any more", outcome="died")
        if state is not None and state.split()[0] not in OPEN:
            self.record.is_needed = False
            return self.end(state, detail)
        if state is not None and state != self.told:
            self.task.progress(0.0, text=f"{self.job} {state} {detail}".strip())
            self.told, self.pause_s = state, self.slurm.first_s
        pause_s, self.pause_s = self.pause_s, min(self.pause_s * GROWTH, self.slurm.last_s)
        return pause_s

    def end(self, state, code):
        if state == "COMPLETED":
            return None
        if state.startswith("CANCELLED") and self.task.is_cancelled:
            raise KeyboardInterrupt
        status, _, signal = code.partition(":")
        status, signal = int(status or 0), int(signal or 0)
        if signal and state == "FAILED":
            raise Failure("Signal", f"ended by signal {signal}", exit_code=128 + signal, outcome="died")
        if state == "FAILED":
            raise Failure("ExitCode", f"exit code {status or 1}", exit_code=status or 1)
        raise Failure(state.split()[0], f"Slurm ended job {self.job}: {state}", exit_code=status or 1)

    def cancel(self):
        ask("scancel", self.job, env=self.site.environ)
        self.pause_s = self.slurm.first_s
        return min(self.slurm.first_s, 0.2)

    def tell(self):
        return OUTPUT_S if self.output.copy() else 0.0

    def close(self):
        try:
            self.output.finish()
        finally:
            if self.record is not None:
                self.is_left = self.record.is_needed
                self.record.close(has_ended=not self.is_left)


class Output:
    """What the job has printed so far, from Slurm's file into the log."""

    def __init__(self, path, task):
        self.path, self.task, self.file, self.lock = path, task, None, threading.Lock()
        self.is_finished = False

    def copy(self, most=COPY_MAX):
        """False: there is more."""
        with self.lock:
            if self.is_finished or not self.is_open():
                return True
            end = self.file.tell() + most
            while self.file.tell() < end:
                data = self.file.read(1 << 16)
                if not data:
                    return True
                self.task.say(data)
                if self.task.log.left <= 0:  # what the log does not take is counted, and not read
                    read = self.file.tell()
                    self.task.drop(self.file.seek(0, os.SEEK_END) - read)
            return False

    def is_open(self):
        if self.file is None:
            try:
                self.file = open(self.path, "rb", buffering=0)
            except FileNotFoundError:
                return False
        return True

    def finish(self):
        while not self.copy():
            pass
        with self.lock:
            self.is_finished = True
            if self.file is not None:
                self.file.close()
                os.unlink(self.path)


class Site:
    """One Slurm, as the variables name it that its commands know."""

    def __init__(self, variables):
        self.variables, self.environ = variables, environ_with(variables)
        self.name = " ".join(["slurm", *(variables[name] for name in sorted(variables) if name != "PATH")])
        self.has_accounting = True

    def states(self, jobs):
        """(state, reason or exit code) of each: from the queue while it is there, then from what is remembered of it."""
        found = {}
        listed = ask("squeue", "--noheader", "--jobs", ",".join(jobs), "--states=all", "--format=%i|%T|%r", env=self.environ)
        for line in listed.splitlines():
            job, state, reason = (line.split("|", 2) + ["", ""])[:3]
            if state in OPEN and (state == "RUNNING" or whole(job) not in found):
                found[whole(job)] = (state, "" if reason == "None" else reason)
        ended = [job for job in jobs if job not in found]
        if ended and self.has_accounting:
            try:
                lines = ask("sacct", "--noheader", "--parsable2", "--allocations", "--jobs", ",".join(ended),
                            "--format=JobID,State,ExitCode", env=self.environ).splitlines()
                found.update(worst(fields for line in lines if len(fields := line.split("|")) == 3))
            except Failure:  # many sites have no accounting, or not everywhere
                self.has_accounting = False
            except Unanswered as why:
                self.has_accounting = "disabled" not in str(why)
        for job in ended:
            if job not in found:
                shown = ask("scontrol", "--oneliner", "show", "job", job, env=self.environ)
                lines = [dict(field.partition("=")[::2] for field in line.split()) for line in shown.splitlines()]
                found.update(worst((job, line["JobState"], line.get("ExitCode", "")) for line in lines if "JobState" in line))
        return {job: found.get(job, (None, "")) for job in jobs}


class Slurm(Adapter):
    languages, version = ["slurm", "sbatch"], "2"

    def load(self, options):
        self.args = [str(each) for each in options.get("sbatch_args") or []]
        self.first_s, self.last_s = float(options.get("poll_first_s") or 0.5), float(options.get("poll_last_s") or 20)
        self.sites = {}

    def remote(self, task, _):
        return SlurmStatement(task, self)

    def site_of(self, variables):
        """Equal ones are the same one: their jobs are asked for together."""
        variables = {name: variables[name] for name in SITE_VARIABLES if variables.get(name)}
        if len(self.sites) > SITES_MAX:
            self.sites.clear()
        return self.sites.setdefault(tuple(variables.items()), Site(variables))

    def cancel_left_behind(self):
        return cancel_left_behind()


def whole(job):
    """The job that sbatch told of, of an element of an array or a component."""
    return job.partition("_")[0].partition("+")[0]


def worst(records):
    """Of an array and of a job of components that has ended: one that failed says how it went; while one is open it has not."""
    found = {}
    for job, state, code in records:
        rank = 2 if state in OPEN else 0 if state == "COMPLETED" else 1
        found[whole(job)] = max(found.get(whole(job), (0, "COMPLETED", "0:0")), (rank, state, code))
    return {job: (state, code) for job, (_, state, code) in found.items()}


if __name__ == "__main__":
    drover_adapter.main(Slurm())
