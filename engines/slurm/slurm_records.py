# engines/slurm/slurm_records.py - which jobs of Slurm belong to statements, so that none outlives its engine unseen.
# SPDX-License-Identifier: Apache-2.0
"""A statement's record is a file that is there before its job is: it names the job's comment. It is locked as long as the worker
that follows the job is alive, or sbatch, which inherits the lock. Whoever can lock it has found a job that nobody follows any
more, and cancels it by its comment: the engine when its worker had to be killed, and each slurm engine of that user when it starts."""
import fcntl
import json
import os
import subprocess
import sys
import time
import uuid

from drover_worker import Failure

COMMAND_S = 60         # a command that takes longer is taken for one that failed
YOUNG_S = 60           # a record without content is about to get it
LOOKS, PAUSE_S = 5, 1  # a job whose sbatch was killed may appear in Slurm a moment later


class Unanswered(Exception):
    """Slurm could not be asked."""


def ask(*command, text=None, pass_fds=()):
    try:
        # A process group of its own: an interrupt of the statement must not cut the question short.
        done = subprocess.run(command, input=text, capture_output=True, timeout=COMMAND_S, process_group=0, pass_fds=pass_fds)
    except FileNotFoundError:
        raise Failure("NotInstalled", f"there is no {command[0]} on this node: is it a submit host of Slurm?") from None
    except subprocess.TimeoutExpired:
        raise Unanswered(f"{command[0]} did not answer within {COMMAND_S} s") from None
    out, said = done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace").strip()
    if done.returncode != 0 and "Invalid job id" not in said:
        raise Unanswered(f"{command[0]}: {said or f'exit code {done.returncode}'}")
    return out


def directory():
    state = os.environ.get("XDG_STATE_HOME") or os.path.join(os.path.expanduser("~"), ".local", "state")
    return os.path.join(state, "drover", "slurm")


class Record:
    """Without a home that can be written it does nothing: the job still has its comment."""

    def __init__(self, statement):
        self.comment = f"drover:{statement}:{uuid.uuid4().hex}"
        self.path, self.fd = os.path.join(directory(), self.comment.rpartition(":")[2]), None
        self.is_needed = False  # from before there is a job until it is known to have ended

    @property
    def fds(self):
        return () if self.fd is None else (self.fd,)

    def __enter__(self):
        try:
            os.makedirs(directory(), 0o700, exist_ok=True)
            self.fd = os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600)
            fcntl.flock(self.fd, fcntl.LOCK_EX)
            self.write(job=None)
        except OSError as error:
            print(f"[drover: no record of the job: {error}]", flush=True)
        return self

    def write(self, job):
        """With the job's id when Slurm has told it: then one look finds it, or it is over."""
        if self.fd is not None:
            about = {"comment": self.comment, "node": os.uname().nodename, "worker": os.getpid(), "job": job}
            os.pwrite(self.fd, json.dumps(about).encode().ljust(400), 0)  # a second one covers the first

    def __exit__(self, *_):
        if self.fd is not None:
            if not self.is_needed:
                os.unlink(self.path)
            os.close(self.fd)
            self.fd = None


def is_alive(pid):
    try:
        with open(f"/proc/{pid}/stat", "rb") as stat:
            return stat.read().rpartition(b") ")[2][:1] not in (b"Z", b"X")  # dead, and only not reaped yet
    except OSError:
        return False


class Found:
    """A record of whoever; `is_mine`: nobody follows it, and nobody else has the lock."""

    def __init__(self, path):
        self.path, self.comment, self.is_mine, self.is_settled = path, None, False, True
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
            self.comment = about.get("comment")
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
        """Its worker was killed while sbatch worked; here, for a home may be that of many nodes."""
        about = self.about()
        return about.get("node") == os.uname().nodename and not is_alive(about.get("worker"))

    def forget(self):
        if self.comment is not None or self.age_s > YOUNG_S:
            os.unlink(self.path)


def open_jobs():
    """Its comment to each job of this user that has not ended."""
    lines = ask("squeue", "--me", "--noheader", "--format=%i|%k").splitlines()
    return [(job, comment.strip()) for job, _, comment in (line.partition("|") for line in lines)]


def cancel_all(records):
    wanted = {record.comment: record for record in records if record.comment is not None}
    for look in range(LOOKS):
        if not wanted or (look and all(record.is_settled for record in wanted.values())):
            break
        if look:
            time.sleep(PAUSE_S)
        for job, comment in open_jobs():
            if comment in wanted:
                ask("scancel", job)
                wanted[comment].is_settled = True
                print(f"drover engine: job {job} of Slurm was left behind: cancelled", file=sys.stderr, flush=True)
    for record in records:
        record.forget()


def cancel_left_behind():
    try:
        names = sorted(os.listdir(directory()))
    except OSError:
        return 0
    records = []
    for name in names:
        try:
            records.append(Found(os.path.join(directory(), name)))
        except OSError:
            pass  # another one was faster
    try:
        cancel_all([record for record in records if record.is_mine])
    except (Unanswered, Failure, OSError) as why:  # the records stay: the next one will try again
        print(f"drover engine: {why}", file=sys.stderr, flush=True)
        return 1
    return 0
