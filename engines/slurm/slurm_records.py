# engines/slurm/slurm_records.py - which jobs of Slurm belong to statements, so that none outlives its engine unseen.
# SPDX-License-Identifier: Apache-2.0
"""A statement's record (drover_left.py) is there before its job is: it names the job's comment. sbatch inherits its lock. Whoever
can lock it has found a job that nobody follows any more, and cancels it by its comment: the engine itself when it does not know what
became of a submission, and each slurm engine of that user when it starts."""
import fcntl
import json
import os
import re
import subprocess
import sys
import time

import drover_left
from drover_adapter import Unanswered
from drover_worker import Failure

COMMAND_S = 60         # a command that takes longer is taken for one that failed
YOUNG_S = 60           # a record without content is about to get it
LOOKS, PAUSE_S = 5, 1  # a job whose sbatch was killed may appear in Slurm a moment later


NOT_SENT = re.compile("connect(ion)? failure")
MAYBE_SENT = re.compile("(send|receive|shutdown) failure|timed out|Zero Bytes")


def ask(*command, **more):
    status, out, said = run(*command, **more)
    if status != 0 and "Invalid job id" not in said:
        raise Unanswered(f"{command[0]}: {said or f'exit code {status}'}")
    return out


def submit(*command, **more):
    """A Slurm that was not reached is asked again, one that may have heard is not; else sbatch has refused."""
    try:
        status, out, said = run(*command, **more)
    except Unanswered as why:
        why.may_have_begun = True
        raise
    if status != 0:
        why = f"{command[0]}: {said or f'exit code {status}'}"
        may_have_begun = status < 0 or MAYBE_SENT.search(said) is not None
        if may_have_begun or NOT_SENT.search(said):
            raise Unanswered(why, may_have_begun=may_have_begun)
        raise Failure("SubmitError", why)
    return out


def run(*command, text=None, pass_fds=(), cwd=None, env=None):
    """(exit code, output, errors)"""
    try:
        # A process group of its own: an interrupt of the engine must not cut the question short.
        done = subprocess.run(command, input=text, capture_output=True, timeout=COMMAND_S, process_group=0, pass_fds=pass_fds,
                              cwd=cwd, env=env)
    except FileNotFoundError:
        raise Failure("NotInstalled", f"there is no {command[0]} on this node: is it a submit host of Slurm?") from None
    except subprocess.TimeoutExpired:
        raise Unanswered(f"{command[0]} did not answer within {COMMAND_S} s") from None
    return done.returncode, done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace").strip()


def environ_with(variables):
    return {**os.environ, **variables}


class Record(drover_left.Record):
    def __init__(self, statement, site):
        super().__init__("slurm")
        self.site = site
        self.comment = f"drover:{statement}:{os.path.basename(self.path)}"
        self.is_needed = False  # from before there is a job until it is known to have ended
        self.name(job=None)

    @property
    def fds(self):
        return () if self.fd is None else (self.fd,)

    def name(self, job):
        """With the job's id when Slurm has told it: then one look finds it, or it is over."""
        self.write({"comment": self.comment, "node": os.uname().nodename, "engine": os.getpid(), "job": job, "site": self.site})


def is_alive(pid):
    try:
        with open(f"/proc/{pid}/stat", "rb") as stat:
            return stat.read().rpartition(b") ")[2][:1] not in (b"Z", b"X")  # dead, and only not reaped yet
    except OSError:
        return False


class Found:
    """A record of whoever; `is_mine`: nobody follows it, and nobody else has the lock."""

    def __init__(self, path):
        self.path, self.comment, self.is_mine, self.is_settled, self.site = path, None, False, True, {}
        self.fd = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
        try:
            self.age_s = time.time() - os.fstat(self.fd).st_mtime
            give_up = time.monotonic() + COMMAND_S
            while not self.try_lock():
                if time.monotonic() > give_up or not self.is_held_by_sbatch():
                    return
                time.sleep(0.1)
            self.is_mine = True
            about = self.about()
            self.comment, self.site = about.get("comment"), about.get("site") or {}
            self.is_settled = self.age_s > YOUNG_S or about.get("job") is not None
        except BaseException:
            os.close(self.fd)
            raise

    def about(self):
        try:
            about = json.loads(os.pread(self.fd, 4096, 0))
            return about if isinstance(about, dict) else {}
        except ValueError:
            return {}

    def try_lock(self):
        try:
            fcntl.flock(self.fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            return False

    def is_held_by_sbatch(self):
        """Its engine was killed while sbatch worked; here, for a home may be that of many nodes."""
        about = self.about()
        return about.get("node") == os.uname().nodename and not is_alive(about.get("engine"))

    def forget(self):
        if self.comment is not None or self.age_s > YOUNG_S:
            os.unlink(self.path)


def open_jobs(environ):
    """Its comment to each job of this user that has not ended."""
    lines = ask("squeue", "--me", "--noheader", "--format=%i|%k", env=environ).splitlines()
    return [(job, comment.strip()) for job, _, comment in (line.partition("|") for line in lines)]


def cancel_all(records):
    """Those of one Slurm."""
    wanted = {record.comment: record for record in records if record.comment is not None}
    environ = environ_with(records[0].site)
    for look in range(LOOKS):
        if not wanted or (look and all(record.is_settled for record in wanted.values())):
            break
        if look:
            time.sleep(PAUSE_S)
        for job, comment in open_jobs(environ):
            if comment in wanted:
                ask("scancel", job, env=environ)
                wanted[comment].is_settled = True
                print(f"drover engine: job {job} of Slurm was left behind: cancelled", file=sys.stderr, flush=True)
    for record in records:
        record.forget()


def cancel_left_behind():
    try:
        names = sorted(os.listdir(drover_left.directory("slurm")))
    except OSError:
        return 0
    records = []
    for name in names:
        try:
            records.append(Found(os.path.join(drover_left.directory("slurm"), name)))
        except OSError:
            pass  # another one was faster
    sites, status = {}, 0
    for record in records:
        if record.is_mine:
            sites.setdefault(tuple(sorted(record.site.items())), []).append(record)
    for found in sites.values():
        try:
            cancel_all(found)
        except (Unanswered, Failure, OSError) as why:  # the records stay: the next one will try again
            print(f"drover engine: {why}", file=sys.stderr, flush=True)
            status = 1
    return status
