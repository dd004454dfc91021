# tests/e2e/harness.py - a real one-machine Drover in a temporary directory, with the means to hurt it.
# SPDX-License-Identifier: Apache-2.0
"""Starts droverd, drover-supd and drover-agent as separate processes, so that each can be killed alone.

Every test job appends a line to its own evidence file when it starts: starts are counted from what the jobs did,
not from what the scheduler says they did.
"""
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

BIN = Path(os.environ.get("DROVER_BIN", Path(__file__).resolve().parents[2] / "build/release/bin"))
PATIENCE_S = 60  # a wait that fails lasts as long at least: the machine may have other work
FINAL = {"succeeded", "failed", "cancelled", "timed_out"}


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path, timeout):
        super().__init__("localhost", timeout=timeout)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Unreachable(Exception):
    """The server did not answer: nothing is known about the request."""


class Cluster:
    def __init__(self, cpus=64, mem_mib=65536, directory=None, wrap=None, config=None, port="none", agent=()):
        self.own_directory = directory is None
        self.directory = Path(directory or tempfile.mkdtemp(prefix="drover-e2e-"))
        self.data, self.run = self.directory / "data", self.directory / "run"
        self.evidence = self.directory / "evidence"
        for path in (self.data, self.run, self.evidence):
            path.mkdir(parents=True, exist_ok=True)
            path.chmod(0o700)
        self.cpus, self.mem_mib, self.wrap = cpus, mem_mib, wrap or {}
        self.processes = {}
        self.config, self.port, self.agent_options = [], port, list(agent)
        if config:
            (self.directory / "droverd.toml").write_text(config)
            self.config = ["--config", str(self.directory / "droverd.toml")]

    # ---- processes
    def start(self, name, wait=True):
        commands = {
            "supd": [BIN / "drover-supd"],
            "droverd": [BIN / "droverd", "--port", self.port, *self.config],
            # No number of CPUs: those that the machine has, and tasks are bound to them.
            "agent": [BIN / "drover-agent", *(["--cpus", str(self.cpus)] if self.cpus else []),
                      "--mem", str(self.mem_mib), *self.agent_options],
        }
        command = [str(part) for part in commands[name]]
        command += ["--data", str(self.data), "--run", str(self.run)]
        log = open(self.directory / f"{name}.log", "ab")
        self.processes[name] = subprocess.Popen(
            self.wrap.get(name, []) + command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            start_new_session=True)
        log.close()
        if wait and name == "droverd":
            self.await_server()
        return self.processes[name]

    def start_all(self):
        self.start("supd")
        self.start("droverd")
        self.start("agent")
        self.await_node()
        return self

    def kill(self, name, sig=signal.SIGKILL):
        process = self.processes[name]
        process.send_signal(sig)
        process.wait(timeout=20)
        return process.returncode

    def stop(self):
        codes = {}
        for name in ("agent", "droverd", "supd"):
            process = self.processes.get(name)
            if process and process.poll() is None:
                process.send_signal(signal.SIGTERM if name != "supd" else signal.SIGKILL)
                try:
                    codes[name] = process.wait(timeout=PATIENCE_S)
                except subprocess.TimeoutExpired:
                    process.kill()
                    codes[name] = process.wait()
        said = {name: self.last_words(name) for name in ("agent", "droverd")}
        if self.own_directory:
            shutil.rmtree(self.directory, ignore_errors=True)
        for name, words in said.items():
            assert codes.get(name, 0) == 0, f"{name} was asked to stop and ended with {codes[name]}: {words}"

    def last_words(self, name, lines=40):
        log = self.directory / f"{name}.log"
        return "\n".join(log.read_text(errors="replace").split("\n")[-lines:]) if log.exists() else ""

    def __enter__(self):
        return self.start_all()

    def __exit__(self, kind, value, trace):
        if kind is not None:
            for name in ("droverd", "agent", "supd"):
                print(f"---- {name}.log\n{self.last_words(name)}")
        self.stop()

    # ---- talking to it
    def request(self, method, path, body=None, headers=None, timeout=30):
        connection = UnixConnection(str(self.run / "drover.sock"), timeout)
        try:
            payload = body if isinstance(body, (bytes, type(None))) else json.dumps(body).encode()
            connection.request(method, path, payload, headers or {})
            answer = connection.getresponse()
            text = answer.read()
        except (OSError, http.client.HTTPException) as error:
            raise Unreachable(str(error)) from error
        finally:
            connection.close()
        if answer.headers.get("Content-Type", "").split(";")[0] in ("application/json", "application/problem+json"):
            return answer.status, json.loads(text)
        return answer.status, text.decode(errors="replace")

    def get(self, path, timeout=30):
        status, body = self.request("GET", path, timeout=timeout)
        assert status == 200, f"GET {path}: {status} {body}"
        return body

    def submit(self, spec, key=None):
        headers = {"Idempotency-Key": key} if key else {}
        status, body = self.request("POST", "/api/v1/jobs", spec, headers)
        assert status in (200, 201), f"submit: {status} {body}"
        return body["id"]

    def submit_many(self, specs, key=None):
        headers = {"Content-Type": "application/x-ndjson"}
        if key:
            headers["Idempotency-Key"] = key
        payload = "".join(json.dumps(spec) + "\n" for spec in specs).encode()
        status, text = self.request("POST", "/api/v1/jobs/bulk", payload, headers, timeout=120)
        assert status == 200, f"bulk: {status} {text}"
        lines = [json.loads(line) for line in text.splitlines() if line]
        assert lines and lines[-1].get("done"), f"bulk answer is cut: {text[-300:]}"
        assert all("id" in line for line in lines[:-1]), f"bulk refused lines: {lines[:5]}"
        return [line["id"] for line in lines[:-1]]

    def job(self, job_id):
        return self.get(f"/api/v1/jobs/{job_id}")["job"]

    def jobs(self, query=""):
        found, cursor = [], ""
        while True:
            page = self.get(f"/api/v1/jobs?limit=1000{query}" + (f"&cursor={cursor}" if cursor else ""))
            found += page["jobs"]
            cursor = page["next"]
            if not cursor:
                return found

    # ---- waiting; every wait has an end
    def until(self, condition, what, seconds=60):
        begun, said = time.monotonic(), ""
        while True:
            is_last = time.monotonic() - begun > max(seconds, PATIENCE_S)  # it is looked once more after that
            try:
                value = condition()
                if value:
                    return value
            except (Unreachable, AssertionError) as error:
                said = f" ({error})"
            if is_last:
                raise AssertionError(f"after {time.monotonic() - begun:.0f} s still not: {what}{said}")
            time.sleep(0.05)

    def await_server(self):
        self.until(lambda: self.get("/api/v1/health")["status"], "the server answers", 30)

    def await_node(self):
        self.until(lambda: [n for n in self.get("/api/v1/nodes")["nodes"] if n["state"] in ("idle", "mixed", "allocated")], "a node is up", 30)

    def await_final(self, job_id, seconds=60):
        return self.until(lambda: (lambda job: job if job["state"] in FINAL else None)(self.job(job_id)),
                          f"job {job_id} ends", seconds)

    def await_all_final(self, seconds=120):
        self.until(lambda: not self.jobs("&state=open"), "every job ends", seconds)

    # ---- evidence
    def witness(self, name, then="true"):
        """A command that leaves one line per start in its own file, then runs `then`."""
        path = self.evidence / name
        return ["/bin/sh", "-c", f'echo "$DROVER_JOB_ID $DROVER_ATTEMPT $DROVER_EPOCH $$" >> {path}; {then}']

    def starts(self, name):
        path = self.evidence / name
        return path.read_text().splitlines() if path.exists() else []

    def check_clean(self):
        """Leases and quotas are back to zero and the invariants hold."""
        def settled():
            status, report = self.request("POST", "/api/v1/admin/check", {})
            assert status == 200, report
            assert report["problems"] == [], report["problems"]
            for node in self.get("/api/v1/nodes")["nodes"]:
                assert node["cpus_free"] == node["cpus"] and node["running"] == 0, node
            return True
        self.until(settled, "leases are released and invariants hold", 20)


def pids_with_cookie(cookie):
    """Processes whose environment carries the cookie: what a job left behind."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if cookie.encode() in (entry / "environ").read_bytes():
                    found.append(int(entry.name))
            except OSError:
                pass
    return found


def kill_engine(cluster, job):
    """All its processes at once. One may end when another does, before its turn."""
    for pid in engine_pids(cluster, job):
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass


def engine_pids(cluster, job):
    """The processes of an engine's job, of this cluster and no other on the machine."""
    ours = set(pids_with_cookie(f"DROVER_ENGINE_SOCKET={cluster.run}"))
    return [pid for pid in pids_with_cookie(f"DROVER_JOB_ID={job}\0") if pid in ours]
