# bench/engine_bench.py - statements on warm engines: round trips, throughput, starts, a large table.
# SPDX-License-Identifier: Apache-2.0
import http.client
import json
import os
import re
import shutil
import socket
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

from harness import BIN, Cluster

ENGINES = 4
IDLE, IDLE_AT_ONCE, HEALTH_S = 1000, 50, 10.0


def cpu_seconds(pids):
    """Of these processes, from the kernel's counters in hundredths of a second."""
    total = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        total += int(fields[11]) + int(fields[12])
    return total / os.sysconf("SC_CLK_TCK")


def engine_pids(folder):
    """Of the engines whose plugins lie there: others may run on this machine."""
    found, mark = [], f"{folder}/plugins/python/engine.py".encode()
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and mark in (entry / "cmdline").read_bytes():
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

    def ask_bare(self, request):
        """Sends these bytes; what the answer takes without the HTTP client of this language."""
        self.connection.sock.sendall(request)
        answer = b""
        while b"\r\n\r\n" not in answer:
            answer += self.connection.sock.recv(1 << 16)
        head, _, body = answer.partition(b"\r\n\r\n")
        left = int(re.search(rb"(?i)content-length: (\d+)", head)[1]) - len(body)
        while left > 0:
            left -= len(self.connection.sock.recv(left))
        return head

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
    body = json.dumps({"engine": "python", "script": "1 + 1"}).encode()
    request = b"POST /api/v1/statements?timeout_s=100 HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    times = []
    for _ in range(count):
        begun = time.monotonic()
        head = line.ask_bare(request)
        times.append((time.monotonic() - begun) * 1000)
        assert head.startswith(b"HTTP/1.1 200"), head
    row("  asked by a bare socket, p50", statistics.median(times), "ms", note="Python's http.client left out")


def throughput(row, cluster, line, folder, count):
    line.ask("POST", "/api/v1/engines", {"engine": "python", "count": ENGINES - 1})
    cluster.until(lambda: sum(e["state"] == "idle" for e in line.ask("GET", "/api/v1/engines")["engines"]) == ENGINES,
                  "the engines are ready", 30)
    parts = {"droverd": [cluster.processes["droverd"].pid], "agent": [cluster.processes["agent"].pid],
             "engines": engine_pids(folder)}
    before = {name: cpu_seconds(pids) for name, pids in parts.items()}
    payload = (json.dumps({"engine": "python", "script": "1+1"}) + "\n") * count
    begun = time.monotonic()
    cluster.request("POST", "/api/v1/jobs/bulk", payload.encode(), {"Content-Type": "application/x-ndjson"}, timeout=120)
    cluster.until(lambda: not line.ask("GET", "/api/v1/jobs?state=open&name=python&limit=1")["jobs"], "all have ended", 120)
    row(f"{count} warm statements on {ENGINES} engines", count / (time.monotonic() - begun), "1/s", "5,000")
    for name, pids in parts.items():
        row(f"  CPU per statement: {name}", (cpu_seconds(pids) - before[name]) / count * 1e6, "us")


class IdleEngines:
    """Processes that do nothing but live, each with an engine's token, and one client of the agent that speaks for all of them:
    hello, then health every 10 s each, as the shipped engines do. To the agent and the controller they are engines."""

    PLUGIN = """[plugin]
type = "idler"
languages = ["idler"]
[start]
command = ["/bin/sh", "-c", "printf '%s\\n' $DROVER_ENGINE_SOCKET $DROVER_ENGINE_TOKEN >{folder}/$DROVER_ENGINE_NAME.new && mv {folder}/$DROVER_ENGINE_NAME.new {folder}/$DROVER_ENGINE_NAME && exec sleep 100000"]
[resources]
cpus = 1
memory = "1M"
[reuse]
idle = "1h"
max_per_user = 10000
"""

    def __init__(self, folder):
        self.folder, self.sockets, self.due = Path(folder) / "idle", {}, []
        self.folder.mkdir()
        (Path(folder) / "plugins/idler").mkdir()
        (Path(folder) / "plugins/idler/plugin.toml").write_text(self.PLUGIN.replace("{folder}", str(self.folder)))

    def admit(self):
        for file in self.folder.iterdir():
            if file.suffix == ".new" or file.name in self.sockets:
                continue
            address, token = file.read_text().split()
            sock = self.sockets[file.name] = socket.socket(socket.AF_UNIX)
            sock.connect(address)
            self.send(sock, {"type": "hello", "protocol": 1, "token": token, "engine": "idler", "version": "1", "languages": ["idler"],
                             "pid": 1, "running": []})
            assert b"welcome" in sock.recv(1000)
            self.due.append((time.monotonic() + HEALTH_S * (len(self.sockets) % 100) / 100, sock))  # not all in one moment
        self.due.sort(key=lambda entry: entry[0])

    @staticmethod
    def send(sock, message):
        sock.sendall(json.dumps(message).encode() + b"\n")

    def live(self, seconds):
        """Their health, for so long."""
        end = time.monotonic() + seconds
        if not self.due:
            time.sleep(seconds)
        while time.monotonic() < end:
            at, sock = self.due.pop(0)
            time.sleep(max(0.0, min(at, end) - time.monotonic()))
            if at <= time.monotonic():
                self.send(sock, {"type": "health", "rss_kib": 12000 + int(at) % 7, "running": 0})
                at += HEALTH_S
            self.due.append((at, sock))
            if self.due[0][0] > at:
                self.due.sort(key=lambda entry: entry[0])


def idle_engines(row, cluster, line, engines, count, seconds=30):
    begun, asked = time.monotonic(), 0
    while len(engines.sockets) < count:
        if asked == len(engines.sockets):
            line.ask("POST", "/api/v1/engines", {"engine": "idler", "count": min(IDLE_AT_ONCE, count - asked)})
            asked += min(IDLE_AT_ONCE, count - asked)
        engines.admit()
        engines.live(0.05)
        assert time.monotonic() - begun < 300, f"{len(engines.sockets)} engines after five minutes"
    row(f"{count} fake engines started and admitted", (time.monotonic() - begun) * 1000 / count, "ms each")
    engines.live(5)
    idle = sum(e["state"] == "idle" for e in line.ask("GET", "/api/v1/engines")["engines"])
    parts = {name: [cluster.processes[name].pid] for name in ("droverd", "agent", "supd")}
    before, begun = {name: run_ns(pids) for name, pids in parts.items()}, time.monotonic()
    engines.live(seconds)
    took = time.monotonic() - begun
    used = {name: (run_ns(pids) - before[name]) / took / 1e7 for name, pids in parts.items()}
    row(f"{idle} idle engines tracked: of a core", sum(used.values()), "%", "< 1",
        note=", ".join(f"{name} {value:.2f}" for name, value in used.items()))


def run_ns(pids):
    """Finer than hundredths of a second."""
    return sum(int(task.joinpath("schedstat").read_text().split()[0]) for pid in pids for task in Path(f"/proc/{pid}/task").iterdir())


def peak_mib(pid):
    found = re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())
    return int(found[1]) / 1024 if found else 0.0  # it has ended


class Peaks:
    """The most memory that each had since the last look, in MiB; the kernel counts."""

    def __init__(self, pids):
        self.pids = pids
        self.begin()

    def begin(self):
        for pid in self.pids.values():
            Path(f"/proc/{pid}/clear_refs").write_text("5")

    def take(self):
        return {name: peak_mib(pid) for name, pid in self.pids.items()}


def fetch(cluster, job, path, *words):
    """`drover result get`: seconds, and its peak memory in MiB."""
    environment = {**os.environ, "DROVER_RUN": str(cluster.run), "DROVER_DATA": str(cluster.data)}
    begun, peak = time.monotonic(), 0.0
    with open(path, "wb") as out, subprocess.Popen([BIN / "drover", "result", "get", str(job), *words], stdout=out, env=environment) as client:
        while client.poll() is None:  # what wait4() tells of it has this process in it, from before it was another program
            peak = max(peak, peak_mib(client.pid))
            time.sleep(0.002)
    assert client.returncode == 0, client.returncode
    return time.monotonic() - begun, peak


def paging(row, cluster, line, folder, rows):
    """One table, written, paged and fetched whole: the same memory for any number of rows is the point."""
    worker = int(line.run("import os; os.getpid()", session="pages")["results"]["results"][0]["preview"])
    pids = {"droverd": cluster.processes["droverd"].pid, "agent": cluster.processes["agent"].pid, "engine": worker}
    peaks, told = Peaks(pids), {}
    begun = time.monotonic()
    code = f'drover.table(([i, i * 0.5, f"row {{i}}"] for i in range({rows})), columns=["n", "x", "s"])'
    answer = line.run(code, session="pages")
    table, job = answer["results"]["results"][0], answer["job"]["id"]
    assert table["rows"] == rows and table["complete"], table
    row(f"table of {rows:,} rows x 3, written", time.monotonic() - begun, "s", "< 1" if rows == 1_000_000 else None, note=f"{table['bytes'] >> 20} MiB")
    told["written"] = peaks.take()
    peaks.begin()
    for name, at in (("begin", 0), ("middle", rows // 2), ("end", rows - 1000)):
        times = []
        for _ in range(10):
            begun = time.monotonic()
            page = line.ask("GET", f"/api/v1/jobs/{job}/results/0?offset={at}&limit=1000")
            times.append((time.monotonic() - begun) * 1000)
            assert [one[0] for one in page["rows"]] == list(range(at, at + 1000)), page["rows"][:2]
        row(f"  page of 1,000 rows at the {name}, p50", statistics.median(times), "ms")
    told["paged"] = peaks.take()
    peaks.begin()
    file = f"{folder}/all.csv"
    took, client = fetch(cluster, job, "/dev/null", "--out", file)
    told["fetched"] = {**peaks.take(), "drover": client}
    with open(file, "rb") as csv:
        csv.seek(-100, os.SEEK_END)
        assert csv.read().endswith(f"{rows - 1},{(rows - 1) * 0.5},row {rows - 1}\r\n".encode())
    row("  as CSV by drover result get --out", took, "s", note=f"{os.path.getsize(file) >> 20} MiB")
    os.unlink(file)
    _, client = fetch(cluster, job, "/dev/null", "--rows", f"{rows - 1000}:{rows}")
    told["last rows shown"] = {"drover": client}
    for what, values in told.items():
        row(f"  peak memory while {what}", max(values.values()), "MiB", "constant", note=", ".join(f"{name} {value:.1f}" for name, value in values.items()))


def bench_engine(row, options):
    with tempfile.TemporaryDirectory(prefix="drover-engines-") as folder:
        plugins_with(f"{folder}/plugins", ENGINES)
        idle = IdleEngines(folder)
        config = f'[engines]\nplugins = "{folder}/plugins"\nresults = "{folder}/results"\n'
        with Cluster(cpus=64 + IDLE, config=config) as cluster:
            line = Line(cluster)
            round_trips(row, line, 500)
            throughput(row, cluster, line, folder, options.statements)
            for rows in (1_000_000, 10_000_000):
                paging(row, cluster, line, folder, rows)
            idle_engines(row, cluster, line, idle, IDLE)
            for engine in line.ask("GET", "/api/v1/engines")["engines"]:  # they would outlive the daemons
                line.ask("POST", f"/api/v1/engines/{engine['name']}/kill", {})
            cluster.until(lambda: not line.ask("GET", "/api/v1/engines")["engines"], "the engines end", 30)
