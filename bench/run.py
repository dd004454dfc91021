#!/usr/bin/env python3
# bench/run.py - end-to-end figures of the real daemons, each beside its physical limit measured in the same run.
# SPDX-License-Identifier: Apache-2.0
"""usage: bench/run.py [e2e|submit|start|pending|dag|workflow|engine|decision|sim|all] [--json FILE] [--jobs N] [--pending N]

Exec mode: real processes through droverd, drover-agent and drover-supd; one node that is told it has 64 CPUs
(so that tasks overlap; nothing is bound then). A timing never fails the run: the table shows value, goal and limit.
"""
import argparse
import json
import os
import platform
import selectors
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests/e2e"))
from engine_bench import bench_engine  # noqa: E402
from harness import BIN, Cluster  # noqa: E402

rows = []


def row(name, value, unit, goal=None, limit=None, note=""):
    rows.append({"name": name, "value": round(value, 3), "unit": unit, "goal": goal,
                 "limit": None if limit is None else round(limit, 1),
                 "of_limit": None if not limit else round(value / limit, 3), "note": note})
    print_row(rows[-1])


def print_row(entry):
    limit = f"{entry['limit']:>12} {entry['of_limit']:>6.2f}" if entry["limit"] else " " * 19
    print(f"{entry['name']:<44} {entry['value']:>12} {entry['unit']:<8} {entry['goal'] or '':<12} {limit}  {entry['note']}",
          flush=True)


def cpu_seconds(pid):
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory_mib(pid):
    text = Path(f"/proc/{pid}/status").read_text()
    values = {line.split(":")[0]: int(line.split()[1]) / 1024 for line in text.splitlines()
              if line.startswith(("RssAnon", "RssFile", "VmRSS"))}
    return values


def fdatasync_rate():
    with tempfile.TemporaryFile(dir=os.environ.get("TMPDIR", "/tmp")) as out:
        begin, count = time.monotonic(), 0
        while time.monotonic() - begin < 1.0:
            os.write(out.fileno(), b"x" * 300)
            os.fdatasync(out.fileno())
            count += 1
    return count / (time.monotonic() - begin)


def bulk(cluster, payload):
    """Streams one bulk request over one connection; answers the number accepted."""
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(str(cluster.run / "drover.sock"))
    connection.setblocking(False)
    head = (f"POST /api/v1/jobs/bulk HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-ndjson\r\n"
            f"Content-Length: {len(payload)}\r\nConnection: close\r\n\r\n").encode()
    pending = memoryview(head + payload)
    tail = b""
    selector = selectors.DefaultSelector()
    selector.register(connection, selectors.EVENT_READ | selectors.EVENT_WRITE)
    while True:
        for _, mask in selector.select(60):
            if mask & selectors.EVENT_READ:
                data = connection.recv(1 << 20)
                if not data:
                    connection.close()
                    begin = tail.rfind(b'{"done"')
                    assert begin >= 0, tail[-300:]
                    return json.loads(tail[begin:].split(b"\n")[0])["accepted"]
                tail = (tail + data)[-4096:]
            if mask & selectors.EVENT_WRITE and pending:
                sent = connection.send(pending[:1 << 20])
                pending = pending[sent:]
                if not pending:
                    selector.modify(connection, selectors.EVENT_READ)


def jobs_payload(count, argv, **more):
    line = json.dumps({"name": "bench", "argv": argv, "out": "/dev/null", **more}) + "\n"
    return line.encode() * count


def bench_e2e(options):
    noop = str(BIN / "bench_noop")
    for program, label, goal in (("/bin/true", "/bin/true", ">= 0.6"), (noop, "static no-op", ">= 3000/s")):
        limit = float(subprocess.run([BIN / "bench_spawn_limit", program, "6000", "2"], capture_output=True, text=True,
                                     check=True).stdout)
        with Cluster(cpus=64) as cluster:
            bulk(cluster, jobs_payload(200, [program]))
            cluster.await_all_final()
            before = {name: cpu_seconds(p.pid) for name, p in cluster.processes.items()}
            begin = time.monotonic()
            accepted = bulk(cluster, jobs_payload(options.jobs, [program]))
            while any(group["open"] for group in cluster.get("/api/v1/groups")["groups"]):
                time.sleep(0.02)
            took = time.monotonic() - begin
            row(f"e2e {label}, durable submit to end", accepted / took, "jobs/s", goal, limit,
                "limit: bare posix_spawn, 2 threads")
            for name, process in cluster.processes.items():
                used = cpu_seconds(process.pid) - before[name]
                row(f"e2e {label}, CPU of {name}", used * 1e6 / accepted, "us/job")
            closed = cluster.get("/api/v1/status").get("stats", {})
            assert accepted == options.jobs, accepted
            if closed:
                print(f"  states: {json.dumps(closed.get('jobs_by_state', {}))}")


class Caller:
    """One connection with one submission in flight."""

    def __init__(self, cluster, request):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(str(cluster.run / "drover.sock"))
        self.request, self.buffer, self.sent_at = request, b"", 0.0

    def send(self):
        self.sent_at = time.perf_counter()
        self.socket.sendall(self.request)

    def answer_is_complete(self):
        self.buffer += self.socket.recv(65536)
        end = self.buffer.find(b"\r\n\r\n")
        if end < 0:
            return False
        head = self.buffer[:end].lower()
        length = int(head.split(b"content-length:")[1].split(b"\r\n")[0])
        if len(self.buffer) < end + 4 + length:
            return False
        assert b" 201 " in self.buffer[:20], self.buffer[:300]
        self.buffer = b""
        return True


def bench_submit(options):
    syncs = fdatasync_rate()
    with Cluster(cpus=1) as cluster:
        blocker = cluster.submit({"argv": ["/bin/sleep", "3600"], "out": "/dev/null"})
        begin = time.monotonic()
        accepted = bulk(cluster, jobs_payload(options.bulk, ["/bin/true"]))
        row("submit bulk, one connection", accepted / (time.monotonic() - begin), "jobs/s", ">= 50000/s")

        body = json.dumps({"name": "bench", "argv": ["/bin/true"], "out": "/dev/null"}).encode()
        request = (f"POST /api/v1/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                   f"Content-Length: {len(body)}\r\n\r\n").encode() + body
        latencies, done, calls = [], 0, 30000
        selector = selectors.DefaultSelector()
        callers = [Caller(cluster, request) for _ in range(64)]
        begin = time.monotonic()
        for caller in callers:
            selector.register(caller.socket, selectors.EVENT_READ, caller)
            caller.send()
        while done < calls:
            for key, _ in selector.select(30):
                if key.data.answer_is_complete():
                    latencies.append(time.perf_counter() - key.data.sent_at)
                    done += 1
                    key.data.send()
        took = time.monotonic() - begin
        latencies.sort()
        row("submit single calls, 64 in flight", done / took, "jobs/s", ">= 5000/s", syncs, "limit: fdatasync/s, one each")
        row("submit single call latency, p50", latencies[len(latencies) // 2] * 1e3, "ms")
        row("submit single call latency, p99", latencies[int(len(latencies) * 0.99)] * 1e3, "ms")

        took = []
        for _ in range(5):
            begin = time.perf_counter()
            cluster.submit({"argv": ["/bin/true"], "array": "0-999999", "hold": True, "out": "/dev/null"})
            took.append(time.perf_counter() - begin)
        row("submit array of 1,000,000, median", statistics.median(took) * 1e3, "ms", "< 50 ms")
        cluster.request("POST", f"/api/v1/jobs/{blocker}/cancel", {})


def bench_start(_options):
    noop = str(BIN / "bench_noop")
    with Cluster(cpus=8) as cluster:
        evidence = cluster.evidence / "starts"
        delays = []
        for number in range(200):
            begin_us = time.time() * 1e6
            cluster.submit({"argv": [noop, str(evidence)], "out": "/dev/null"})
            cluster.until(lambda: evidence.exists() and len(evidence.read_text().split()) > number, "the job began", 10)
            delays.append((int(evidence.read_text().split()[number]) - begin_us) / 1e3)
        delays.sort()
        row("start latency idle, submit to exec, median", statistics.median(delays), "ms", "< 5 ms")
        row("start latency idle, submit to exec, p99", delays[int(len(delays) * 0.99)], "ms")


def bench_pending(options):
    with Cluster(cpus=1) as cluster:
        blocker = cluster.submit({"argv": ["/bin/sleep", "3600"], "out": "/dev/null"})
        chunk = 100_000
        delays = []
        begin = time.monotonic()
        for _ in range(options.pending // chunk):
            bulk(cluster, jobs_payload(chunk, ["/bin/true"]))
        row(f"pending {options.pending}, submitted at", options.pending / (time.monotonic() - begin), "jobs/s")
        memory = memory_mib(cluster.processes["droverd"].pid)
        row(f"pending {options.pending}, controller RssAnon", memory["RssAnon"], "MiB", "< 1 GB",
            note=f"RssFile (store's map, reclaimable) {memory['RssFile']:.0f} MiB")
        load = subprocess.Popen([sys.executable, "-c", "import sys; sys.path[:0] = sys.argv[2:4]\n"
                                 "import run, harness\nfrom pathlib import Path\n"
                                 "c = type('C', (), {'run': Path(sys.argv[1])})\n"
                                 "run.bulk(c, run.jobs_payload(800000, ['/bin/true']))",
                                 str(cluster.run), str(ROOT / "bench"), str(ROOT / "tests/e2e")])
        while load.poll() is None:
            begin = time.perf_counter()
            cluster.get("/api/v1/jobs?limit=100")
            delays.append(time.perf_counter() - begin)
        delays.sort()
        row("list page under load, p50", delays[len(delays) // 2] * 1e3, "ms", note=f"{len(delays)} pages")
        row("list page under load, p99", delays[int(len(delays) * 0.99)] * 1e3, "ms", "< 50 ms")
        cluster.kill("droverd")
        begin = time.monotonic()
        cluster.start("droverd")
        cluster.get(f"/api/v1/jobs/{blocker}")
        row("restart to serving after kill -9", time.monotonic() - begin, "s", "< 10 s")
        cluster.await_node()
        cluster.request("POST", f"/api/v1/jobs/{blocker}/cancel", {})


def bench_dag(_options):
    """The orchestrator in memory: google-benchmark's CPU times, and recorded workflows on virtual time."""
    run = subprocess.run([str(BIN / "dag_bench"), "--benchmark_format=json",
                          "--benchmark_filter=(compile_new_shape|execute|flow_graph).*/(layers|diamonds)/.*00000|Recorded"],
                         cwd=ROOT, capture_output=True, text=True, check=True)
    for entry in json.loads(run.stdout)["benchmarks"]:
        name = entry["name"]
        if "error_message" in entry:
            print(f"{name}: {entry['error_message']}")
        elif name.startswith("Recorded"):
            label = entry["label"].split(".")[0] + f" on {int(entry['processors']) or 'any number of'} processors"
            row(f"{label}, list order", entry["list_s"], "s")
            row(f"{label}, as a trace of drover sim", entry["submission_s"], "s")
            row(f"{label}, longest path first", entry["longest_path_s"], "s", "<= list")
        elif name.startswith("compile"):
            row(f"{name}, CPU", entry["cpu_time"], "ms", "< 2 s", note=f"{entry['bytes_per_task']:.0f} bytes per task")
        else:
            goal = "1 M/s" if name.startswith("execute") else None
            row(f"{name}, CPU", entry["items_per_second"] / 1e6, "M/s", goal)


def bench_decision(_options):
    """CPU time of the whole controller, nothing around it; the best of three runs."""
    run = subprocess.run([BIN / "decision_bench", "--benchmark_format=json", "--benchmark_filter=fifo",
                          "--benchmark_repetitions=3"], capture_output=True, text=True, check=True)
    entries = [entry for entry in json.loads(run.stdout)["benchmarks"] if entry["run_type"] == "iteration"]
    row("placements, FIFO without backlog, CPU", max(entry["items_per_second"] for entry in entries) / 1000, "k/s", "300 k/s")
    run = subprocess.run([BIN / "decision_bench", "--benchmark_format=json", "--benchmark_filter=pending/1000000/"],
                         capture_output=True, text=True, check=True)
    for entry in json.loads(run.stdout)["benchmarks"]:
        under = ", 500 quotas used up" if "quotas" in entry["name"] else ""
        row(f"event, EASY, 1,000,000 pending{under}, CPU", entry["cpu_time"] / 1000, "us", "20 us",
            note=f"longest turn {entry['longest_turn_ms']:.1f} ms, {entry['bytes_per_pending']:.0f} bytes per pending job")


def bench_sim(_options):
    """Whole replays of the shared traces, loading included."""
    subprocess.run([sys.executable, ROOT / "bench/sim_numbers.py", "speed"], check=True, env={**os.environ, "DROVER_BIN": str(BIN)})


def until_closed(cluster, path, key):
    while True:
        answer = cluster.get(f"{path}/wait?timeout_s=20", timeout=40)[key]
        if answer["state"] in ("succeeded", "failed", "cancelled"):
            assert answer["state"] == "succeeded", answer
            return


def bench_workflow(options):
    """Real processes: a workflow of N steps against an array of N elements, the same program, three times each."""
    noop, steps = str(BIN / "bench_noop"), options.steps
    document = 'name = "flat"\n' + "".join(
        f'[[step]]\nname = "s{n}"\ncommand = ["{noop}"]\n' for n in range(steps))
    deep = 'name = "chains"\n' + "".join(
        f'[[step]]\nname = "s{n}"\ncommand = ["{noop}"]\n' + (f'needs = ["s{n - 100}"]\n' if n >= 100 else "")
        for n in range(steps))
    grouped = document.replace("\n", "\n[optimize]\ngroup = true\n", 1)
    times = {"array": [], "workflow": [], "grouped": [], "chains": []}
    for _ in range(3):
        for kind, text in (("array", ""), ("workflow", document), ("grouped", grouped), ("chains", deep)):
            with Cluster(cpus=64) as cluster:
                begin = time.monotonic()
                if kind == "array":
                    _, answer = cluster.request("POST", "/api/v1/jobs", {
                        "argv": [noop], "array": f"0-{steps - 1}", "out": "/dev/null"})
                    until_closed(cluster, f"/api/v1/jobs/{answer['id']}", "job")
                else:
                    _, answer = cluster.request("POST", "/api/v1/workflows", {
                        "document": text, "defaults": {"cwd": "/tmp", "out": "/dev/null"}}, timeout=120)
                    until_closed(cluster, f"/api/v1/workflows/{answer['id']}", "workflow")
                times[kind].append(time.monotonic() - begin)
    array = sorted(times["array"])[1]
    row(f"array of {steps} no-ops, submit to end", array, "s")
    for kind, label in (("workflow", "workflow of as many steps"), ("grouped", "the same with optimize.group"), ("chains", "the same in 100 chains")):
        took = sorted(times[kind])[1]
        row(label, took, "s", note=f"{took / array:.2f} of the array")
        row(f"{label}: ratio to the array", took / array, "x", "<= 1.3")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", nargs="?", default="all", choices=["all", "e2e", "submit", "start", "pending", "dag", "workflow", "engine",
                                                                      "decision", "sim"])
    parser.add_argument("--json", help="write the rows, machine and revision to this file")
    parser.add_argument("--jobs", type=int, default=10_000, help="jobs of the e2e runs")
    parser.add_argument("--bulk", type=int, default=200_000, help="jobs of the bulk submission")
    parser.add_argument("--pending", type=int, default=1_000_000, help="jobs that wait in the pending run")
    parser.add_argument("--steps", type=int, default=5_000, help="steps of the workflows")
    parser.add_argument("--statements", type=int, default=5_000, help="statements of the engine run")
    options = parser.parse_args()
    print(f"{'what':<44} {'value':>12} {'unit':<8} {'goal':<12} {'limit':>12} {'share':>6}")
    for name, bench in (("e2e", bench_e2e), ("submit", bench_submit), ("start", bench_start), ("pending", bench_pending),
                        ("dag", bench_dag), ("workflow", bench_workflow),
                        ("engine", lambda options: bench_engine(row, options)), ("decision", bench_decision), ("sim", bench_sim)):
        if options.name in ("all", name):
            bench(options)
    if options.json:
        revision = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True)
        Path(options.json).write_text(json.dumps({
            "v": 1, "machine": {"cpus": os.cpu_count(), "kernel": platform.release(), "arch": platform.machine()},
            "revision": revision.stdout.strip(), "rows": rows}, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
