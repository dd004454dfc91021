#!/usr/bin/env python3
# tests/reference/compare_starts.py - drover-sim and the slow reference give every job the same start.
# SPDX-License-Identifier: Apache-2.0
"""compare_starts.py DROVER_SIM [--full] [--policy P]... [--estimates E]... [TRACE...]

Without traces: hand-made cases and generated ones, then the beginnings of the shared traces in
$DROVER_TRACES (default ../shared/traces) when they are there. --full: the shared traces from end to end.
Exit 1 at the first difference, with the job and the command that shows it.
"""
import argparse
import concurrent.futures
import csv
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from fractions import Fraction
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import reference_scheduler as reference  # noqa: E402

ROOT = Path(__file__).resolve().parent.parent.parent
POLICIES = ["fcfs", "easy", "easy-sjbf", "conservative", "saf-guard", "saf-guard+easy-sjbf"]
SHARED = ["SDSC-SP2-1998-4.2-cln.swf.gz", "lublin-1.swf.gz", "lublin-2.swf.gz", "NASA-iPSC-1993-3.1-cln.swf.gz"]
COUNTS = ["lines", "kept", "dropped", "dropped_no_run", "dropped_no_procs", "dropped_too_large",
          "dropped_no_estimate", "dropped_no_submit", "cut", "broken", "broken_lines"]
BROKEN_SHOWN = 20


def hand_made():
    """Small traces in which each rule decides: (name, processors, rows of submit, run, estimate, procs)."""
    return [
        ("head_blocks", 4, [(0, 10, 10, 3), (1, 5, 5, 4), (2, 5, 5, 1), (3, 20, 20, 1)]),
        ("spare_processors", 8, [(0, 10, 10, 6), (1, 10, 10, 4), (2, 50, 50, 2), (3, 50, 50, 2)]),
        ("ends_early", 4, [(0, 5, 100, 3), (1, 10, 10, 4), (2, 3, 99, 1), (3, 3, 98, 1), (4, 1, 200, 1)]),
        ("same_moment", 4, [(0, 10, 10, 4), (0, 10, 10, 2), (0, 10, 10, 2), (10, 1, 1, 4), (10, 1, 1, 1)]),
        ("reservation_without_an_end", 4,
         [(0, 2, 10, 2), (0, 20, 20, 1), (1, 5, 5, 3), (1, 9, 9, 4), (2, 3, 3, 1), (3, 1, 30, 2)]),
        ("holes", 10, [(0, 7, 20, 5), (0, 20, 20, 2), (1, 10, 10, 8), (2, 4, 8, 3), (3, 9, 18, 3), (4, 1, 2, 1),
                       (5, 30, 30, 10), (6, 2, 12, 2)]),
        ("shortest_first", 4, [(0, 10, 10, 3), (1, 9, 9, 4), (2, 8, 8, 1), (3, 4, 4, 1), (4, 4, 4, 1)]),
        ("years", 4, [(0, 40_000_000, 40_000_000, 3), (4, 10, 10, 4), (5, 10, 35_000_000, 1), (6, 9, 40_000_000, 1)]),
        ("guard", 4, [(0, 200_000, 200_000, 3), (1, 100, 100, 4), (2, 90_000, 90_000, 1), (3, 50, 50, 1),
                      (90_000, 10, 10, 2), (95_000, 10, 10, 1)]),
    ]


def as_swf(rows, procs):
    lines = [f"; MaxProcs: {procs}"]
    for number, (submit, run, estimate, size) in enumerate(rows, 1):
        lines.append(f"{number} {submit} -1 {run} {size} -1 -1 {size} {estimate} -1 1 1 1 -1 0 -1 -1 -1")
    return "\n".join(lines) + "\n"


def generated(seed):
    """A crowded machine with coarse times, so that many things happen at one moment."""
    rng = random.Random(seed)
    procs = rng.choice([1, 2, 7, 16, 64])
    rows, now = [], 0
    for _ in range(rng.randint(50, 300)):
        now += rng.choice([0, 0, 1, 2, 5, 30, 300])
        run = rng.choice([1, 5, 10, 20, 60, 600, rng.randint(1, 5000)])
        estimate = rng.choice([run, run, run + 1, run * 2, run * 10, max(1, run // 2), -1])
        size = rng.choice([1, 1, 2, 3, procs, rng.randint(1, procs)])
        rows.append((now, run, estimate, min(size, procs)))
    return procs, rows


def messy(rng):
    """Lines that a reader has to survive."""
    lines = ["; MaxNodes: 32", ";  MaxProcs:   24 ", "", "garbage", "1 2 3", "  ; a comment  "]
    number = 0
    for _ in range(120):
        number += 1
        field = [number, rng.randint(-1, 900), -1, rng.choice([-1, 0, 5, 60, 300]), rng.choice([-1, 0, 4, 24, 25]),
                 "12.5", -1, rng.choice([-1, 0, 1, 8, 30]), rng.choice([-1, 0, 30, 100]), -1,
                 rng.choice([0, 1, 5])] + [-1] * 7
        line = rng.choice([" ", "\t", "   "]).join(str(value) for value in field)
        lines.append(rng.choice([line, line, line, "  " + line + "  ", line + " 7 extra", line + "\r", line[:9], line + "x"]))
    return "\n".join(lines)


class Case:
    def __init__(self, trace, policy, estimates="user", procs=0, limit=0, missing="runtime", load="1"):
        self.trace, self.policy, self.estimates = str(trace), policy, estimates
        self.procs, self.limit, self.missing, self.load = procs, limit, missing, load

    def options(self):
        words = ["--policy", self.policy, "--estimates", self.estimates, "--missing-estimate", self.missing]
        words += ["--procs", str(self.procs)] if self.procs else []
        words += ["--limit", str(self.limit)] if self.limit else []
        return words + (["--load", self.load] if self.load != "1" else [])

    def name(self):
        return f"{Path(self.trace).name} {' '.join(self.options())}"


def run_drover(program, case):
    with tempfile.TemporaryDirectory() as out:
        done = subprocess.run([program, "run", case.trace, *case.options(), "--out", out, "--json"],
                              capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError(f"drover-sim failed: {done.stderr.strip()}")
        summary = json.loads(done.stdout)
        with open(Path(out) / "jobs.csv") as file:
            rows = [(row["job_id"], row["starting_time"], row["finish_time"]) for row in csv.DictReader(file)]
    return rows, summary


def compare(program, case):
    """What differs, or an empty text."""
    begin = time.time()
    try:
        rows, summary = run_drover(program, case)
    except RuntimeError as failure:
        return str(failure), 0
    jobs, procs, counts = reference.read_trace(case.trace, case.procs, case.missing, case.limit)
    jobs = reference.prepare(jobs, case.estimates, Fraction(case.load))
    policy = reference.make_policy(case.policy, procs)
    reference.simulate(jobs, procs, policy)
    counts["broken_lines"] = counts["broken_lines"][:BROKEN_SHOWN]
    for key in COUNTS:
        if summary["cleaning"][key] != counts[key]:
            return f"cleaning: {key} is {summary['cleaning'][key]}, the reference has {counts[key]}", 0
    wrong = [(job, row) for job, row in zip(jobs, rows)
             if (str(job.number), reference.seconds(job.start), reference.seconds(job.start + job.run)) != row]
    if len(jobs) != len(rows):
        return f"{len(rows)} jobs, the reference has {len(jobs)}", 0
    if wrong:
        job, row = wrong[0]
        return (f"{len(wrong)} of {len(jobs)} jobs start otherwise; first job {job.number}: drover "
                f"{row[1]}, reference {reference.seconds(job.start)}"), 0
    if broken := broken_promise(case, policy, rows):
        return broken, 0
    return "", time.time() - begin


def broken_promise(case, policy, rows):
    """A law, looked at in what drover did: nobody starts later than its first reservation said."""
    if case.policy not in ("easy", "easy-sjbf", "conservative"):
        return ""  # under other orders somebody may come ahead of one who holds a reservation
    for job, promise in policy.promised.items():
        if Fraction(rows[job.index][1]) > Fraction(promise, reference.US):
            return f"job {job.number} was promised {reference.seconds(promise)}, started {rows[job.index][1]}"
    return ""


def small_cases(folder, seeds, policies):
    rng = random.Random(5)
    for name, procs, rows in hand_made():
        path = folder / f"{name}.swf"
        path.write_text(as_swf(rows, procs))
        for policy in policies:
            for estimates in ("user", "exact"):
                yield Case(path, policy, estimates)
    for seed in range(seeds):
        procs, rows = generated(seed)
        path = folder / f"seed-{seed}.swf"
        path.write_text(as_swf(rows, procs))
        for policy in policies:
            yield Case(path, policy, rng.choice(["user", "exact", "x2", "x1.5"]), load=rng.choice(["1", "1", "1.3", "0.7"]),
                       missing=rng.choice(["runtime", "drop"]))
    for number in range(10):
        path = folder / f"messy-{number}.swf"
        path.write_text(messy(rng))
        yield Case(path, "fcfs", missing=rng.choice(["runtime", "drop"]), procs=rng.choice([0, 30]))


def shared_cases(full, policies, estimates):
    folder = Path(os.environ.get("DROVER_TRACES", ROOT.parent / "shared" / "traces"))
    present = [folder / name for name in SHARED if (folder / name).exists()]
    if not present:
        print(f"skipped: the shared traces are not in {folder} (set DROVER_TRACES)")
    for trace in present:
        for policy in policies:
            for kind in estimates:
                yield Case(trace, policy, kind, limit=0 if full else 2000)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("program")
    parser.add_argument("traces", nargs="*")
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--seeds", type=int, default=40)
    parser.add_argument("--policy", action="append")
    parser.add_argument("--estimates", action="append")
    asked = parser.parse_args()
    policies, estimates = asked.policy or POLICIES, asked.estimates or ["user", "exact"]
    with tempfile.TemporaryDirectory() as folder:
        if asked.traces:
            cases = [Case(trace, policy, kind) for trace in asked.traces for policy in policies for kind in estimates]
        else:
            cases = [] if asked.full else list(small_cases(Path(folder), asked.seeds, policies))
            cases += shared_cases(asked.full, policies, estimates)
        failed = 0
        with concurrent.futures.ProcessPoolExecutor(max_workers=2) as pool:
            for case, (difference, took) in zip(cases, pool.map(compare, [asked.program] * len(cases), cases)):
                if difference:
                    failed += 1
                    print(f"DIFFERS  {case.name()}\n  {difference}")
                elif asked.full or asked.traces:
                    print(f"equal    {case.name()}  ({took:.1f} s)", flush=True)
    print(f"{len(cases) - failed} of {len(cases)} cases equal: every start, every end, every cleaning count")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
