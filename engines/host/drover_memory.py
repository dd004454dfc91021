# engines/host/drover_memory.py - whether the kernel has killed for memory here, and what the limit is.
# SPDX-License-Identifier: Apache-2.0
import os

FILES = {"cgroup2": ("memory.events", "memory.max"), "cgroup": ("memory.oom_control", "memory.limit_in_bytes")}
UNLIMITED = 1 << 60  # of version 1


class MemoryLimit:
    """Of the group of processes that we are in: the engine's job."""

    def __init__(self):
        self.events = self.limit = None
        for kind, folder in folders():
            events, limit = (os.path.join(folder, name) for name in FILES[kind])
            if b"oom_kill " in read(events):
                self.events, self.limit = events, limit
                break
        self.seen = self.kills()

    def kills(self):
        for line in read(self.events).splitlines() if self.events else ():
            if line.startswith(b"oom_kill "):
                return int(line.split()[1])
        return 0

    def what_was_short(self):
        """What its owner is told if somebody was killed since the last time; else None."""
        seen, self.seen = self.seen, self.kills()
        if self.seen <= seen:
            return None
        limit = read(self.limit).strip()
        if limit.isdigit() and int(limit) < UNLIMITED:
            return f"killed: the engine used more memory than its limit of {int(limit) >> 20} MiB"
        return "killed: the machine had no memory left"


def folders():
    """(kind, folder) of our own groups that may count memory: version 2 first, as the node's agent looks for them."""
    own = {}
    for line in read("/proc/self/cgroup").decode("utf-8", "replace").splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers == "" or "memory" in controllers.split(","):
            own["cgroup" if controllers else "cgroup2"] = path
    found = []
    for line in read("/proc/self/mountinfo").decode("utf-8", "replace").splitlines():
        first, _, last = line.partition(" - ")
        root, mount, kind = *first.split()[3:5], last.split()[0]
        if kind in own and (kind == "cgroup2" or "memory" in last.split()[-1].split(",")):
            path = own[kind] if root == "/" else own[kind].removeprefix(root)
            found.append((kind, os.path.join(mount, path.lstrip("/"))))
    return sorted(found, reverse=True)


def read(path):
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return b""
