# engines/host/drover_kept.py - removes what old statements left, so that a user's folder of results has an end.
# SPDX-License-Identifier: Apache-2.0
"""Runs as the user, in a process of its own beside the engine: nobody else ever touches the user's files. In the folder are
folders by job (logs and results of a statement) and engines/JOB.log. One engine at a time cleans; the lock is the folder."""
import fcntl
import os
import shutil
import signal
import time

from drover_io import say

LONGEST_S = 600
YOUNG_S = 3600  # what was written so lately may belong to a statement that runs: the quota leaves it


class Left:
    """What one statement, or one engine, left."""

    def __init__(self, path):
        self.path, self.bytes, self.written_s = path, 0, 0.0
        for place in self.places():
            about = os.lstat(place)
            self.bytes += about.st_blocks * 512
            self.written_s = max(self.written_s, about.st_mtime)

    def places(self):
        yield self.path
        if os.path.isdir(self.path) and not os.path.islink(self.path):
            for folder, folders, files in os.walk(self.path):
                for name in folders + files:
                    yield os.path.join(folder, name)

    def remove(self):
        if os.path.islink(self.path) or not os.path.isdir(self.path):
            return os.unlink(self.path)
        shutil.rmtree(self.path)  # follows no links


def all_left(base):
    found = []
    for folder, is_right in ((base, str.isdigit),
                             (os.path.join(base, "engines"), lambda name: name.endswith(".log") and name[:-4].isdigit())):
        try:
            names = os.listdir(folder)
        except OSError:
            continue
        for name in filter(is_right, names):
            try:
                found.append(Left(os.path.join(folder, name)))
            except OSError:  # it has just gone
                pass
    return found


def remove_old(base, keep_s, quota_bytes, now_s, in_use=()):
    """What is older than keep_s; then the oldest, until the rest is within the quota. 0: no limit. The paths that went."""
    lock = os.open(base, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        left = sorted((one for one in all_left(base) if one.path not in in_use), key=lambda one: (one.written_s, one.path))
        total, gone = sum(one.bytes for one in left), []
        for one in left:
            age_s = now_s - one.written_s
            is_over = quota_bytes > 0 and total > quota_bytes and age_s > YOUNG_S
            if not is_over and not (keep_s > 0 and age_s > keep_s):
                continue
            try:
                one.remove()
            except OSError:
                continue
            total -= one.bytes
            gone.append(one.path)
        return gone
    except BlockingIOError:
        return []
    finally:
        os.close(lock)


def remove_beside(base, keep_s, quota_bytes, in_use):
    """In a process of its own, whose id it gives: a folder of many files takes long."""
    pid = os.fork()
    if pid != 0:
        return pid
    try:
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGTERM, signal.SIGALRM):
            signal.signal(number, signal.SIG_DFL)
        signal.alarm(LONGEST_S)
        os.nice(10)
        gone = remove_old(base, keep_s, quota_bytes, time.time(), in_use)
        if gone:
            say(f"removed what {len(gone)} old statements and engines left in {base}")
    except Exception as error:
        say(f"old results in {base} stay: {error}")
    finally:
        os._exit(0)
