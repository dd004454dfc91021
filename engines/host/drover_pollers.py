# engines/host/drover_pollers.py - asks what runs elsewhere how it is: due times, fair turns, as many pollers as it takes.
# SPDX-License-Identifier: Apache-2.0
"""Adapters have nobody who tells them: they poll. What is polled waits in a Queue by its due time, per target (a cluster). Some
threads take what is due; `balance` says how many there are to be, from how late polls are, how much is polled and how loaded
the machine is. A target holds no more than its share of the threads, so that one which answers slowly delays no other.

Queue and balance know no clock and no thread: the time is an argument."""
import heapq
import math
import threading
import time
from typing import NamedTuple

LATE_S, EARLY_S = 0.5, 0.1    # polls later than this need more pollers; earlier than that: fewer may do
FULL = 0.7                    # of its time a poller should be busy at most
CALM_TURNS = 5                # so often in a row fewer must do before one goes
HIGH_LOAD = 4.0               # per CPU: more threads would make it worse
BALANCE_S = 1.0
MEMORY = 0.2                  # of the newest poll in a target's mean
SOON = 0.5                    # of its pause: what is this near its time goes with a question that is asked anyway


class Load(NamedTuple):
    threads: int
    items: int           # that are polled
    targets: int
    lag_s: float         # of the poll that is, or was, latest since the last turn
    work: float          # seconds of polls per second: how many pollers were busy
    load_per_cpu: float


class Limits(NamedTuple):
    least: int = 1
    most: int = 16


def balance(load, limits, calm):
    """(threads that there are to be, calm turns): more at once, fewer one by one and only after some turns in which they would
    have done, so that the number does not swing with each burst."""
    want = max(limits.least, min(load.targets, limits.most), math.ceil(load.work / FULL))
    if load.lag_s > LATE_S:
        want = max(want, load.threads + max(1, load.threads // 2))
    want = max(limits.least, min(want, limits.most, load.items))
    is_loaded = load.load_per_cpu > HIGH_LOAD
    if want > load.threads:  # one for each target costs little, and a target that is ill would have the only one
        return (min(want, max(load.threads, limits.least, load.targets)) if is_loaded else want), 0
    if want == load.threads:
        return want, 0
    if calm + 1 < CALM_TURNS and not is_loaded or load.lag_s > EARLY_S:
        return load.threads, min(calm + 1, CALM_TURNS)
    return load.threads - 1, CALM_TURNS - 1 if is_loaded else 0


def share(threads, targets):
    """Threads that one target may hold. All others together leave each its share; a target that is alone leaves one thread for
    the next that comes."""
    return max(1, threads // targets if targets > 1 else threads - 1)


class Poll:
    """One thing that is polled. `batch`: polls of one target with the same one (not None) may be taken together. `soon`: from
    when on it is taken with another that is due."""
    __slots__ = ("target", "about", "batch", "due", "soon", "turn", "is_busy", "is_hasty", "is_over", "failed")

    def __init__(self, target, about, batch=None):
        self.target, self.about, self.batch = target, about, batch
        self.due, self.soon, self.turn = 0.0, 0.0, 0
        self.is_busy = self.is_hasty = self.is_over = self.failed = False


class Target:
    __slots__ = ("name", "heap", "busy", "items", "mean_s")

    def __init__(self, name):
        self.name, self.heap, self.busy, self.items, self.mean_s = name, [], 0, 0, 0.0


class Queue:
    """What is to be polled, and when."""
    BATCH_MAX = 100

    def __init__(self):
        self.targets, self.turns = {}, 0
        self.polls = self.errors = 0
        self.late_s = self.work_s = 0.0   # the latest, and the sum, since the last measure()

    @property
    def items(self):
        return sum(target.items for target in self.targets.values())

    def add(self, poll, due):
        self.targets.setdefault(poll.target, Target(poll.target)).items += 1
        self.put(poll, due)

    def put(self, poll, due, pause_s=0.0):
        self.turns += 1
        poll.due, poll.soon, poll.turn = due, due - SOON * pause_s, self.turns
        heapq.heappush(self.targets[poll.target].heap, (not poll.is_hasty, due, self.turns, poll))

    def hasten(self, poll, now):
        """Before whatever else is due; if it is being polled, once more when that is over."""
        poll.is_hasty = True
        if not poll.is_busy and not poll.is_over:
            self.put(poll, min(poll.due, now))

    def first(self, target):
        while target.heap and (target.heap[0][2] != target.heap[0][3].turn or target.heap[0][3].is_over):
            heapq.heappop(target.heap)  # put anew, or gone
        return target.heap[0][3] if target.heap else None

    def take(self, now, threads):
        """What one thread is to poll now: the longest due of a target that is within its share."""
        most, best = share(threads, len(self.targets)), None
        for target in self.targets.values():
            if target.busy < most and (first := self.first(target)) and first.due <= now:
                key = (not first.is_hasty, first.due, first.turn)
                if best is None or key < best[0]:
                    best = (key, target)
        if best is None:
            return []
        target, taken = best[1], []
        while len(taken) < self.BATCH_MAX and (poll := self.first(target)) and (poll.soon if taken else poll.due) <= now:
            if taken and (poll.batch is None or poll.batch != taken[0].batch or poll.is_hasty):
                break
            heapq.heappop(target.heap)
            poll.turn, poll.is_busy, poll.is_hasty, poll.failed = 0, True, False, False
            self.late_s = max(self.late_s, now - poll.due)
            taken.append(poll)
            if poll.batch is None:
                break
        target.busy += 1
        return taken

    def done(self, polls, pauses, now, took_s):
        """A pause of None: it is over."""
        target = self.targets[polls[0].target]
        target.busy -= 1
        target.mean_s += (took_s - target.mean_s) * (MEMORY if target.mean_s else 1)
        self.work_s += took_s
        self.polls += len(polls)
        for poll, pause in zip(polls, pauses):
            poll.is_busy = False
            self.errors += poll.failed
            if pause is None:
                poll.is_over = True
                target.items -= 1
            else:
                self.put(poll, now, 0.0) if poll.is_hasty else self.put(poll, now + pause, pause)
        if target.items == 0 and target.busy == 0:
            del self.targets[target.name]

    def next_due(self, threads):
        """When take() may give something, if nobody adds or returns anything; None: not before somebody does."""
        most = share(threads, len(self.targets))
        dues = [first.due for target in self.targets.values() if target.busy < most and (first := self.first(target))]
        return min(dues, default=None)

    def lag_s(self, now):
        return max((now - first.due for target in self.targets.values() if (first := self.first(target))), default=0.0)

    def measure(self, now):
        """(lag, seconds of polls) since the last time."""
        lag, work = max(self.late_s, self.lag_s(now), 0.0), self.work_s
        self.late_s = self.work_s = 0.0
        return lag, work

    def slowest(self):
        return max(self.targets.values(), key=lambda target: (target.mean_s, target.name), default=None)


class Pollers:
    """The threads. `act(polls)` runs in one of them and gives the pause until each is to be polled again, None: never; it marks
    those whose target did not answer as `failed`, and raises nothing."""

    def __init__(self, kind, act, limits, now=time.monotonic):
        self.kind, self.act, self.limits, self.now = kind, act, limits, now
        self.queue, self.changed = Queue(), threading.Condition()
        self.wanted = self.alive = self.busy = self.calm = 0
        self.measured_at, self.lag = now(), 0.0

    def add(self, poll, pause_s=0.0):
        with self.changed:
            self.queue.add(poll, self.now() + pause_s)
            self.grow(max(self.wanted, self.limits.least, min(len(self.queue.targets), self.limits.most)))
            self.changed.notify()

    def hasten(self, poll):
        with self.changed:
            self.queue.hasten(poll, self.now())
            self.changed.notify()

    def grow(self, wanted):
        self.wanted = wanted
        while self.alive < self.wanted:
            self.alive += 1
            threading.Thread(target=self.serve, daemon=True, name=f"{self.kind} poller").start()

    def serve(self):
        while polls := self.next():
            begun = self.now()
            pauses = self.act(polls)
            with self.changed:
                self.busy -= 1
                self.queue.done(polls, pauses, self.now(), self.now() - begun)
                self.changed.notify_all()

    def next(self):
        """Blocks; None: this thread is one too many."""
        with self.changed:
            while True:
                if self.alive > self.wanted:
                    self.alive -= 1
                    return None
                now = self.now()
                if polls := self.queue.take(now, self.wanted):
                    self.busy += 1
                    return polls
                due = self.queue.next_due(self.wanted)
                self.changed.wait(None if due is None else max(0.0, due - now))

    def turn(self, load_per_cpu):
        """The load balancer: called every BALANCE_S or so."""
        with self.changed:
            now = self.now()
            passed, self.measured_at = max(now - self.measured_at, 0.001), now
            self.lag, work_s = self.queue.measure(now)
            load = Load(self.wanted, self.queue.items, len(self.queue.targets), self.lag, max(work_s / passed, float(self.busy)),
                        load_per_cpu)
            wanted, self.calm = balance(load, self.limits, self.calm) if load.items else (0, 0)
            self.grow(wanted)
            self.changed.notify_all()

    def health(self):
        with self.changed:
            slowest = self.queue.slowest()
            return {"kind": self.kind, "threads": self.alive, "busy": self.busy, "items": self.queue.items,
                    "lag_ms": int(self.lag * 1000), "polls": self.queue.polls, "errors": self.queue.errors,
                    "slowest": slowest.name if slowest else "", "slowest_ms": int(slowest.mean_s * 1000) if slowest else 0}
