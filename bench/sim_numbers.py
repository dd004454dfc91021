#!/usr/bin/env python3
# bench/sim_numbers.py - what the scheduler's policies are worth, shown in one run: `drover sim` on every yardstick.
# SPDX-License-Identifier: Apache-2.0
"""usage: bench/sim_numbers.py [starts|queues|quality|policies|guards|speed|placement|all] [--traces DIR] [--json FILE]

starts     every job of the shared traces starts when the slow reference in tests/reference says
queues     M/M/c against Erlang's C formula, a million jobs each
quality    saf-guard against FCFS+EASY, and other orders beside it
policies   the table of docs/scheduling.md: every policy on every flat trace, as Markdown
guards     saf-guard's guards and backfills against priority+easy: traces, other loads, other seeds
speed      replay of whole traces, loading included; the best of several runs
placement  traces with nodes, memory and GPUs: replayed, and packed beside first fit and best fit

Traces are looked for in --traces, $DROVER_TRACES, else ../shared/traces; what is not there is said and left out.
A number beyond its goal is marked, and makes the exit status 1, except for times: they depend on the machine.
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(os.environ.get("DROVER_BIN", ROOT / "build/release/bin"))
SDSC, NASA = "SDSC-SP2-1998-4.2-cln.swf.gz", "NASA-iPSC-1993-3.1-cln.swf.gz"
FLAT = [SDSC, "lublin-1.swf.gz", "lublin-2.swf.gz", NASA]
QUEUES = [(1, "0.8", 4000.0), (4, "0.8", 745.5), (16, "0.9", 369.6), (64, "0.95", 183.8)]
ORDERS = ["easy", "easy-sjbf", "saf-guard", "saf-guard+easy-sjbf", "saf-guard:12h", "saf-guard:48h",
          "conservative"]
PROCS = {SDSC: 128, "lublin-1.swf.gz": 256, "lublin-2.swf.gz": 256, NASA: 128}
TABLE = [(policy, "user") for policy in ("fcfs", "easy", "easy-sjbf", "conservative", "fifo+depth-k:8", "saf-guard",
                                         "saf-guard+easy-sjbf")] + [("easy", "exact"), ("saf-guard", "exact")]
GUARDS = [f"saf-guard:{guard}+{backfill}" for guard in ("12h", "24h", "48h") for backfill in ("easy", "easy-sjbf")]
rows = []


def row(what, value, unit, goal=None, good=None, note=""):
    rows.append({"what": what, "value": value, "unit": unit, "goal": goal, "good": good, "note": note})
    mark = {True: "ok", False: "MISSED", None: ""}[good]
    print(f"{what:<66} {value:>12.4g} {unit:<8} {goal or '':<18} {mark:<7} {note}", flush=True)


def short(name):
    for ending in (".gz", ".csv", ".swf", "-4.2-cln", "-3.1-cln", "_list_default"):
        name = name.removesuffix(ending)
    return name


def sim(*words):
    done = subprocess.run([BIN / "drover-sim", *map(str, words)], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"drover-sim {' '.join(map(str, words))}: {done.stderr.strip()}")
    return done.stdout


def run_json(*words):
    return json.loads(sim("run", *words, "--json"))


class Traces:
    def __init__(self, folder):
        self.folder = Path(folder)

    def find(self, name):
        path = self.folder / name
        if path.exists():
            return path
        print(f"left out: {name} is not in {self.folder} (set DROVER_TRACES)")
        return None


def starts(traces):
    if not any([traces.find(name) for name in FLAT]):
        return
    check = ROOT / "tests/reference/compare_starts.py"
    begin = time.time()
    done = subprocess.run([sys.executable, check, BIN / "drover-sim", "--full"], text=True,
                          env={**os.environ, "DROVER_TRACES": str(traces.folder)})
    row("starts, ends and cleaning counts equal to the reference", time.time() - begin, "s", "all equal",
        done.returncode == 0)


def queues(_traces):
    with tempfile.TemporaryDirectory() as folder:
        for servers, load, known in QUEUES:
            path = Path(folder) / "queue.jsonl"
            sim("gen", "--model", "poisson", "--servers", servers, "--load", load, "--jobs", 1_000_000, "-o", path)
            mean = run_json(path, "--procs", servers, "--policy", "fcfs")["wait_s"]["mean"]
            row(f"mean wait, M/M/{servers} at load {load}", mean, "s", f"{known} within 3 %",
                abs(mean / known - 1) <= 0.03, f"{(mean / known - 1) * 100:+.2f} %")


def quality(traces):
    goals = {SDSC: 0.92, "lublin-1.swf.gz": 0.82}
    for name in FLAT:
        path = traces.find(name)
        if path is None:
            continue
        base = run_json(path, "--policy", "easy")
        for policy in ORDERS[1:]:
            other = run_json(path, "--policy", policy)
            slowdown = other["bounded_slowdown"]["mean"] / base["bounded_slowdown"]["mean"]
            longest = other["wait_s"]["max"] / max(base["wait_s"]["max"], 1)
            goal = goals.get(name) if policy == "saf-guard" else None
            row(f"{short(name)}: {policy} against easy, mean bounded slowdown", slowdown, "x",
                f"<= {goal}" if goal else None, slowdown <= goal if goal else None,
                f"{other['bounded_slowdown']['mean']:.1f} against {base['bounded_slowdown']['mean']:.1f}")
            row(f"{short(name)}: {policy} against easy, longest wait", longest, "x",
                "<= 1.25" if goal else None, longest <= 1.25 if goal else None,
                f"{other['wait_s']['max']:.0f} s, mean {other['wait_s']['mean']:.0f} s, "
                f"utilisation {other['utilisation'] * 100:.2f} %")


def duration(seconds):
    if seconds < 60:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 3600 else f"{seconds / 3600:.1f} h"


def policies(traces):
    for name in FLAT:
        path = traces.find(name)
        if path is None:
            continue
        print(f"\n{short(name)}\n")
        print("| Policy | Estimates | Mean wait | Median | p95 | Max | Mean bounded slowdown | Utilisation | Backfilled |")
        print("|---|---|--:|--:|--:|--:|--:|--:|--:|")
        for policy, estimates in TABLE:
            got = run_json(path, "--procs", PROCS[name], "--policy", policy, "--estimates", estimates)
            wait = [duration(got["wait_s"][which]) for which in ("mean", "median", "p95", "max")]
            print(f"| {policy} | {estimates} | {' | '.join(wait)} | {got['bounded_slowdown']['mean']:.2f} | "
                  f"{got['utilisation'] * 100:.1f} % | {got['started_by_backfill']} |", flush=True)


# No guard is chosen by the traces alone that it is then praised with: loads and seeds nearby must agree.
def guards(traces):
    with tempfile.TemporaryDirectory() as folder:
        cases = [(f"{short(name)} x{load}", path, ["--procs", PROCS[name], "--load", load])
                 for name in FLAT if (path := traces.find(name)) for load in ("0.9", "1", "1.1")]
        for seed in range(101, 107):
            path = Path(folder) / f"{seed}.swf"
            sim("gen", "--model", "lublin", "--jobs", 10_000, "--procs", 256, "--load", "0.85", "--seed", seed, "-o", path)
            cases.append((f"lublin seed {seed}", path, ["--procs", 256]))
        print("\nto easy: mean bounded slowdown / longest wait\n")
        print("| Workload | " + " | ".join(GUARDS) + " |")
        print("|---|" + "--:|" * len(GUARDS))
        for what, path, how in cases:
            base = run_json(path, *how, "--policy", "easy")
            cells = []
            for policy in GUARDS:
                got = run_json(path, *how, "--policy", policy)
                slowdown = got["bounded_slowdown"]["mean"] / base["bounded_slowdown"]["mean"]
                cells.append(f"{slowdown:.2f} / {got['wait_s']['max'] / max(base['wait_s']['max'], 1):.2f}")
            print(f"| {what} | {' | '.join(cells)} |", flush=True)


def speed(traces):
    for name, policy, goal in [(SDSC, "easy", 0.1), (SDSC, "conservative", 0.5), (NASA, "easy", 0.05),
                               ("lublin-1.swf.gz", "easy", None), ("lublin-1.swf.gz", "conservative", None)]:
        path = traces.find(name)
        if path is None:
            continue
        walls = []
        for _ in range(7):
            begin = time.perf_counter()
            sim("run", path, "--policy", policy)
            walls.append(time.perf_counter() - begin)
        row(f"{short(name)}: {policy}, whole process", min(walls), "s", f"< {goal}" if goal else None,
            min(walls) < goal if goal else None, f"median {sorted(walls)[3]:.3f} s")


def placement(traces):
    pairs = [("nodes/wagap-2013.swf.gz", "nodes/wagap-2013.swf.machines", "1", ["--churn", "--load", "2"]),
             ("gpu/openb_pod_list_default.csv.gz", "gpu/openb_node_list_all_node.csv.gz", "500", [])]
    for trace, machine, load, how in pairs:
        path, cluster = traces.find(trace), traces.find(machine)
        if path is None or cluster is None:
            continue
        with tempfile.TemporaryDirectory() as folder:
            workload = Path(folder) / "workload.jsonl"
            sim("import", path, "-q", "-o", workload)
            for policy in ("fcfs", "easy", "saf-guard", "conservative"):
                result = run_json(workload, "--cluster", cluster, "--policy", policy, "--load", load)
                row(f"{short(path.name)}: {policy} at {load} x the load, jobs lost", result["lost"], "jobs", "0", result["lost"] == 0,
                    f"{result['jobs']} ran, {result['refused']} impossible here, mean wait "
                    f"{result['wait_s']['mean']:.0f} s, {result['performance']['simulate_s']:.2f} s")
            packed = json.loads(sim("pack", workload, "--cluster", cluster, *how, "--json"))
            for entry in packed:
                row(f"{short(path.name)}: {entry['placement']}, work turned away "
                    f"({' '.join(how) or 'filled up'})", entry["turned_away_share"] * 100, "%", None, None,
                    f"CPU {entry['cpu_share'] * 100:.2f} %, memory {entry['memory_share'] * 100:.2f} %, "
                    f"GPU {entry['gpu_share'] * 100:.2f} %")


def main():
    parts = {"starts": starts, "queues": queues, "quality": quality, "policies": policies,
             "guards": guards, "speed": speed, "placement": placement}
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("part", nargs="?", default="all", choices=[*parts, "all"])
    parser.add_argument("--traces", default=os.environ.get("DROVER_TRACES", ROOT.parent / "shared/traces"))
    parser.add_argument("--json")
    asked = parser.parse_args()
    os.environ["DROVER_TRACES"] = str(asked.traces)
    for name, part in parts.items():
        if asked.part in (name, "all"):
            part(Traces(asked.traces))
    if asked.json:
        Path(asked.json).write_text(json.dumps(rows, indent=2) + "\n")
    return 1 if any(entry["good"] is False and entry["unit"] != "s" for entry in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
