# engines/host/drover_left.py - what an adapter has begun elsewhere, on disk, so that nothing outlives its engine unseen.
# SPDX-License-Identifier: Apache-2.0
"""A record is a file that its engine holds locked from before something is begun until it is known to have ended. Whoever can lock
it has found what nobody follows any more. `cancel_left_behind` is what an engine's cleaner runs, at the start of each engine."""
import fcntl
import json
import os
import time
import uuid

from drover_io import say

OLD_S = 7 * 86400    # by then it has ended, or nobody can be asked any more


def directory(kind):
    state = os.environ.get("XDG_STATE_HOME") or os.path.join(os.path.expanduser("~"), ".local", "state")
    return os.path.join(state, "drover", kind)


class Record:
    """Without a home that can be written it does nothing."""

    def __init__(self, kind):
        self.path, self.fd = os.path.join(directory(kind), uuid.uuid4().hex), None
        try:
            os.makedirs(directory(kind), 0o700, exist_ok=True)
            self.fd = os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600)
            fcntl.flock(self.fd, fcntl.LOCK_EX)
        except OSError as error:
            say(f"no record of what is begun elsewhere: {error}")

    def write(self, about):
        if self.fd is not None:
            data = json.dumps(about).encode()
            os.pwrite(self.fd, data, 0)
            os.ftruncate(self.fd, len(data))

    def close(self, has_ended):
        """One that may not have ended is left to the cleaner."""
        if self.fd is not None:
            if has_ended:
                os.unlink(self.path)
            os.close(self.fd)
            self.fd = None


def cancel_left_behind(kind, cancel):
    """`cancel(about)` says in words what it has ended, or nothing; what it raises leaves the record to the next engine."""
    try:
        names = sorted(os.listdir(directory(kind)))
    except OSError:
        return 0
    failed = 0
    for name in names:
        path = os.path.join(directory(kind), name)
        try:
            fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        except OSError:  # another one was faster
            continue
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            is_old = time.time() - os.fstat(fd).st_mtime > OLD_S
            try:
                about = json.loads(os.pread(fd, 1 << 16, 0) or b"null")
                said = cancel(about) if isinstance(about, dict) else None  # else: nothing had begun
            except Exception as why:
                if not is_old:
                    raise
                said = f"not known what became of it: {why}"
            if said:
                say(f"left behind: {said}")
            os.unlink(path)
        except BlockingIOError:
            pass  # it is followed
        except Exception as why:
            failed += 1
            say(f"left behind, and still there: {why}")
        finally:
            os.close(fd)
    return 1 if failed else 0
