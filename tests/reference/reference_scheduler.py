#!/usr/bin/env python3
# tests/reference/reference_scheduler.py - what each policy means, written to be obviously right.
# SPDX-License-Identifier: Apache-2.0
"""An independent, slow model of the scheduler on a flat machine: a number of equal processors.

It shares no code and no idea of data structure with Drover. It reads SWF itself, cleans it by its own
reading of the rules, and keeps one clock rule: at time t all ends at t, then all submissions at t in
file order, then one scheduling pass.

    reference_scheduler.py TRACE --policy easy [--procs N] [--estimates user|exact|xF] [--limit N]
        [--missing-estimate runtime|drop] [--load F] [--guard SECONDS]

prints one line per job, "number submit start end", and the cleaning counts on stderr as JSON.
All times are whole microseconds inside; seconds are printed.
"""
import argparse
import bisect
import gzip
import heapq
import json
import re
import sys
from fractions import Fraction

US = 1_000_000


# ---------------------------------------------------------------------------------------- the trace

class Job:
    __slots__ = ("index", "number", "submit", "run", "estimate", "procs", "start", "reserved")

    def __init__(self, number, submit, run, estimate, procs):
        self.number = number
        self.submit = submit
        self.run = run
        self.estimate = estimate
        self.procs = procs
        self.start = None
        self.reserved = None  # conservative: the start it has been promised


def read_lines(path):
    opener = gzip.open if open(path, "rb").read(2) == b"\x1f\x8b" else open
    with opener(path, "rt", errors="replace", newline="\n") as file:
        return file.read().split("\n")


NUMBER = re.compile(r"-?\d{1,18}(\.\d*)?$")


def read_trace(path, procs=0, missing="runtime", limit=0):
    """The jobs that count, the machine's size, and what happened to the lines."""
    counts = dict(lines=0, kept=0, dropped_no_run=0, dropped_no_procs=0, dropped_too_large=0,
                  dropped_no_estimate=0, dropped_no_submit=0, cut=0, broken=0, broken_lines=[])
    header = {}
    jobs = []
    for line_number, line in enumerate(read_lines(path), 1):
        text = line.strip(" \t\r")
        if not text:
            continue
        if text.startswith(";"):
            found = re.match(r"[; \t]*(MaxProcs|MaxNodes):\s*(\d+)", text)
            if found and int(found.group(2)) > 0:
                header.setdefault(found.group(1), int(found.group(2)))
            continue
        counts["lines"] += 1
        words = text.split()
        if len(words) < 18 or not all(NUMBER.match(word) for word in words[:18]):
            counts["broken"] += 1
            counts["broken_lines"].append(line_number)
            continue
        field = [int(word.split(".")[0] or 0) for word in words[:18]]
        machine = procs or header.get("MaxProcs") or header.get("MaxNodes")
        number, submit, run = field[0], field[1], field[3]
        used, requested, requested_time = field[4], field[7], field[8]
        size = requested if requested > 0 else used
        estimate = requested_time
        if estimate <= 0:
            estimate = run if missing == "runtime" else 0
        if run <= 0:
            counts["dropped_no_run"] += 1
        elif size <= 0:
            counts["dropped_no_procs"] += 1
        elif requested > machine or used > machine:
            counts["dropped_too_large"] += 1
        elif estimate <= 0:
            counts["dropped_no_estimate"] += 1
        elif submit < 0:
            counts["dropped_no_submit"] += 1
        else:
            counts["kept"] += 1
            if run > estimate:
                counts["cut"] += 1
            jobs.append(Job(number, submit * US, min(run, estimate) * US, estimate * US, size))
            if limit and len(jobs) == limit:
                break
    counts["dropped"] = sum(counts[key] for key in counts if key.startswith("dropped_"))
    return jobs, procs or header.get("MaxProcs") or header.get("MaxNodes"), counts


def prepare(jobs, estimates="user", load=Fraction(1)):
    """Chooses the estimates, scales the gaps between arrivals, and puts the jobs in order."""
    for job in jobs:
        if estimates == "exact":
            job.estimate = job.run
        elif estimates.startswith("x"):
            job.estimate = max(job.run, int(job.run * Fraction(estimates[1:])))
    jobs.sort(key=lambda job: job.submit)  # stable: equal times stay in file order
    first = jobs[0].submit if jobs else 0
    for index, job in enumerate(jobs):
        job.index = index
        job.submit = first + int((job.submit - first) / load)
    return jobs


# ------------------------------------------------------------------------------------- the policies
#
# A policy sees the waiting jobs in arrival order and starts some of them. `machine.start(job)` takes a
# job's processors; `machine.running` holds (estimated end, job) of what runs.

class Machine:
    def __init__(self, procs):
        self.free = procs
        self.procs = procs
        self.running = {}  # job -> when its estimate says that it ends
        self.now = 0
        self.waiting = []  # in arrival order
        self.ends = []     # heap of (end, index, job)

    def start(self, job):
        job.start = self.now
        self.free -= job.procs
        self.running[job] = self.now + job.estimate
        self.waiting.remove(job)
        heapq.heappush(self.ends, (self.now + job.run, job.index, job))

    def end(self, job):
        self.free += job.procs
        del self.running[job]


def arrival(_machine, waiting):
    return list(waiting)


def saf_guard(guard):
    """Who has waited for the guard's time first, in arrival order; then the smallest area."""
    def order(machine, waiting):
        old = [job for job in waiting if machine.now - job.submit >= guard]
        young = [job for job in waiting if machine.now - job.submit < guard]
        return old + sorted(young, key=lambda job: (job.procs * job.estimate, job.index))
    return order


def start_heads(machine, queue):
    """Starts jobs from the front while they fit; the rest of the queue is returned."""
    for position, job in enumerate(queue):
        if job.procs > machine.free:
            return queue[position:]
        machine.start(job)
    return []


def shadow_of(machine, head):
    """When the head fits by the estimates of what runs, and what is then left beside it."""
    free = machine.free
    for end in sorted(set(machine.running.values())):
        free += sum(job.procs for job in machine.running if machine.running[job] == end)
        if free >= head.procs:
            return end, free - head.procs
    raise AssertionError("a job larger than the machine")


class Easy:
    """Only the head has a reservation. backfill None, "queue" order or "shortest" first."""

    def __init__(self, order, backfill, guard=None):
        self.order = order
        self.guard = guard
        self.backfill = backfill
        self.promised = {}  # head -> its first reservation; for the laws

    def wakeups(self, machine):
        """The moment at which the next job passes the guard: the order changes then."""
        if self.guard is None:
            return None
        passing = [job.submit + self.guard for job in machine.waiting]
        return min((t for t in passing if t > machine.now), default=None)

    def on_pass(self, machine, _some_ended, _new):
        queue = start_heads(machine, self.order(machine, machine.waiting))
        if not queue or self.backfill is None:
            return
        head, candidates = queue[0], queue[1:]
        if machine.free == 0:
            return  # nobody can start, whatever the shadow
        shadow, extra = shadow_of(machine, head)
        self.promised.setdefault(head, shadow)
        if self.backfill == "shortest":
            candidates = sorted(candidates, key=lambda job: job.estimate)  # ties in the queue's order
        for job in candidates:
            if job.procs > machine.free:
                continue
            if machine.now + job.estimate <= shadow:
                machine.start(job)
            elif job.procs <= extra:
                extra -= job.procs
                machine.start(job)


class Profile:
    """Free processors over time: free[i] holds from times[i] up to times[i + 1]."""

    def __init__(self, procs):
        self.times = [0]
        self.free = [procs]

    def split(self, t):
        at = bisect.bisect_left(self.times, t)
        if at == len(self.times) or self.times[at] != t:
            self.times.insert(at, t)
            self.free.insert(at, self.free[at - 1])
        return at

    def add(self, begin, end, procs):
        """Gives `procs` free processors more (or fewer) from begin to end."""
        first, last = self.split(begin), self.split(end)
        for at in range(first, last):
            self.free[at] += procs
        for at in (last, first):  # steps that are none go
            if at > 0 and self.free[at] == self.free[at - 1]:
                del self.times[at], self.free[at]

    def forget_before(self, t):
        at = bisect.bisect_right(self.times, t) - 1
        if at > 0:
            del self.times[:at], self.free[:at]

    def earliest(self, t, procs, length, latest=None):
        """The first start >= t with `procs` free for `length`; `latest` when there is none before."""
        at = bisect.bisect_right(self.times, t) - 1
        start = t
        while True:
            if latest is not None and start >= latest:
                return latest
            if self.free[at] < procs:  # blocked here: start after this step
                at += 1
                start = self.times[at]
                continue
            end = at + 1
            while end < len(self.times) and self.times[end] < start + length:
                if self.free[end] < procs:
                    break
                end += 1
            else:
                return start
            at = end
            start = self.times[at]


class Conservative:
    """Every job has a reservation, which only ever moves forward in time."""

    def __init__(self, procs):
        self.profile = Profile(procs)
        self.promised = {}

    def wakeups(self, machine):
        return min((job.reserved for job in machine.waiting), default=None)

    def on_end(self, machine, job):
        planned_end = job.start + job.estimate
        if planned_end > machine.now:
            self.profile.add(machine.now, planned_end, job.procs)

    def on_pass(self, machine, some_ended, new):
        profile, now = self.profile, machine.now
        profile.forget_before(now)
        if some_ended:
            for job in machine.waiting:
                if job.reserved is None:
                    continue  # submitted now
                profile.add(job.reserved, job.reserved + job.estimate, job.procs)
                start = profile.earliest(now, job.procs, job.estimate, job.reserved)
                assert start <= job.reserved
                job.reserved = start
                profile.add(start, start + job.estimate, -job.procs)
        for job in new:
            job.reserved = profile.earliest(now, job.procs, job.estimate)
            self.promised[job] = job.reserved
            profile.add(job.reserved, job.reserved + job.estimate, -job.procs)
        for job in [job for job in machine.waiting if job.reserved == now]:
            machine.start(job)


def make_policy(name, procs, guard=86_400):
    return {
        "fcfs": lambda: Easy(arrival, None),
        "easy": lambda: Easy(arrival, "queue"),
        "easy-sjbf": lambda: Easy(arrival, "shortest"),
        "conservative": lambda: Conservative(procs),
        "saf-guard": lambda: Easy(saf_guard(guard * US), "queue", guard * US),
        "saf-guard+none": lambda: Easy(saf_guard(guard * US), None, guard * US),
        "saf-guard+easy-sjbf": lambda: Easy(saf_guard(guard * US), "shortest", guard * US),
    }[name]()


# ---------------------------------------------------------------------------------------- the clock

def simulate(jobs, procs, policy):
    """Gives every job its start. Jobs must be in order of submission."""
    machine = Machine(procs)
    next_job = 0
    while next_job < len(jobs) or machine.ends or machine.waiting:
        moments = []
        if next_job < len(jobs):
            moments.append(jobs[next_job].submit)
        if machine.ends:
            moments.append(machine.ends[0][0])
        wakeup = policy.wakeups(machine)
        if wakeup is not None:
            moments.append(wakeup)
        machine.now = now = min(moments)
        some_ended = False
        while machine.ends and machine.ends[0][0] == now:
            job = heapq.heappop(machine.ends)[2]
            machine.end(job)
            if isinstance(policy, Conservative):
                policy.on_end(machine, job)
            some_ended = True
        new = []
        while next_job < len(jobs) and jobs[next_job].submit == now:
            new.append(jobs[next_job])
            machine.waiting.append(jobs[next_job])
            next_job += 1
        policy.on_pass(machine, some_ended, new)
    return jobs


def seconds(us):
    return str(us // US) if us % US == 0 else f"{us // US}.{us % US:06d}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("trace")
    parser.add_argument("--policy", default="easy")
    parser.add_argument("--procs", type=int, default=0)
    parser.add_argument("--estimates", default="user")
    parser.add_argument("--missing-estimate", default="runtime", choices=["runtime", "drop"])
    parser.add_argument("--limit", type=int, default=0)
    parser.add_argument("--load", type=Fraction, default=Fraction(1))
    parser.add_argument("--guard", type=int, default=86_400)
    asked = parser.parse_args()
    jobs, procs, counts = read_trace(asked.trace, asked.procs, asked.missing_estimate, asked.limit)
    jobs = prepare(jobs, asked.estimates, asked.load)
    simulate(jobs, procs, make_policy(asked.policy, procs, asked.guard))
    print(json.dumps(counts), file=sys.stderr)
    for job in jobs:
        print(job.number, seconds(job.submit), seconds(job.start), seconds(job.start + job.run))


if __name__ == "__main__":
    main()
