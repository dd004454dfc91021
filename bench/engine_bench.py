# bench/engine_bench.py - statements on warm engines: round trips, throughput, starts, a large table.
# SPDX-License-Identifier: Apache-2.0
import http.client
import json
import os
import shutil
import socket
import statistics
import tempfile
import time
from pathlib import Path

from harness import BIN, Cluster

ENGINES = 4


def cpu_seconds(pids):
    """Of these processes, from the kernel's counters in hundredths of a second."""
    total = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        total += int(fields[11]) + int(fields[12])
    return total / os.sysconf("SC_CLK_TCK")


def engine_pids():
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and b"python/engine.py" in (entry / "cmdline").read_bytes():
                found.append(int(entry.name))
        except OSError:
            pass
    return found


class Line:
    """One connection that stays, as that of a client which waits for each answer."""

    def __init__(self, cluster):
        self.connection = http.client.HTTPConnection("localhost", timeout=120)
        self.connection.sock = socket.socket(socket.AF_UNIX)
        self.connection.sock.connect(str(cluster.run / "drover.sock"))

    def ask(self, method, path, body=None):
        self.connection.request(method, path, None if body is None else json.dumps(body))
        answer = self.connection.getresponse()
        return json.loads(answer.read())

    def run(self, code, **more):
        return self.ask("POST", "/api/v1/statements?timeout_s=100", {"engine": "python", "script": code, **more})


def plugins_with(folder, engines):
    shutil.copytree(BIN.parent / "share/drover/engines", folder)
    plugin = Path(folder) / "python/plugin.toml"
    plugin.write_text(plugin.read_text().replace("max_per_user = 16", f"max_per_user = {engines}"))


def round_trips(row, line, count):
    first = time.monotonic()
    line.run("1 + 1")
    row("cold statement: engine started for it", (time.monotonic() - first) * 1000, "ms", "< 1000")
    times = []
    for _ in range(count):
        begun = time.monotonic()
        line.run("1 + 1")
        times.append((time.monotonic() - begun) * 1000)
    times.sort()
    row("warm statement, p50", statistics.median(times), "ms", "< 2")
    row("warm statement, p99", times[int(len(times) * 0.99)], "ms", "< 10")


def throughput(row, cluster, line, count):
    line.ask("POST", "/api/v1/engines", {"engine": "python", "count": ENGINES - 1})
    cluster.until(lambda: sum(e["state"] == "idle" for e in line.ask("GET", "/api/v1/engines")["engines"]) == ENGINES,
                  "the engines are ready", 30)
    parts = {"droverd": [cluster.processes["droverd"].pid], "agent": [cluster.processes["agent"].pid],
             "engines": engine_pids()}
    before = {name: cpu_seconds(pids) for name, pids in parts.items()}
    payload = (json.dumps({"engine": "python", "script": "1+1"}) + "\n") * count
    begun = time.monotonic()
    cluster.request("POST", "/api/v1/jobs/bulk", payload.encode(), {"Content-Type": "application/x-ndjson"}, timeout=120)
    cluster.until(lambda: not line.ask("GET", "/api/v1/jobs?state=open&name=python&limit=1")["jobs"], "all have ended", 120)
    row(f"{count} warm statements on {ENGINES} engines", count / (time.monotonic() - begun), "1/s", "5,000")
    for name, pids in parts.items():
        row(f"  CPU per statement: {name}", (cpu_seconds(pids) - before[name]) / count * 1e6, "us")


def large_table(row, line):
    code = 'import drover\ndrover.table(([i, i * 0.5, f"row {i}"] for i in range(1000000)), columns=["n", "x", "s"])'
    begun = time.monotonic()
    answer = line.run(code)
    took = time.monotonic() - begun
    table = answer["results"]["results"][0]
    row("table of 1,000,000 rows x 3, written", took, "s", "< 1", note=f"{table['rows']} rows, {table['bytes'] >> 20} MiB")


def bench_engine(row, options):
    with tempfile.TemporaryDirectory(prefix="drover-engines-") as folder:
        plugins_with(f"{folder}/plugins", ENGINES)
        config = f'[engines]\nplugins = "{folder}/plugins"\nresults = "{folder}/results"\n'
        with Cluster(cpus=64, config=config) as cluster:
            line = Line(cluster)
            round_trips(row, line, 500)
            throughput(row, cluster, line, options.statements)
            large_table(row, line)
            for engine in line.ask("GET", "/api/v1/engines")["engines"]:  # they would outlive the daemons
                line.ask("POST", f"/api/v1/engines/{engine['name']}/kill", {})
            cluster.until(lambda: not line.ask("GET", "/api/v1/engines")["engines"], "the engines end", 30)
