# tests/e2e/engine_agent.py - plays the node agent to one engine, and reads its results by the book.
# SPDX-License-Identifier: Apache-2.0
"""Knows docs/engine-protocol.md and nothing of the shipped engines: any engine can be tested with it."""
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import tomllib
import uuid
import zlib
from contextlib import suppress
from pathlib import Path

from harness import pids_with_cookie

CELL_TYPES = {"int", "float", "bool", "string", "decimal", "date", "timestamp", "binary", "any"}


class EngineProcess:
    """One engine, started as its plugin.toml says, in a directory of its own."""

    def __init__(self, folder, options=None, env=None):
        self.folder = Path(folder).resolve()
        self.plugin = tomllib.loads((self.folder / "plugin.toml").read_text())
        self.directory = Path(tempfile.mkdtemp(prefix="drover-engine-"))
        self.cwd = self.directory / "cwd"
        self.cwd.mkdir()
        self.socket_path = self.directory / "agent.sock"
        self.cookie, self.token = uuid.uuid4().hex, "token-" + uuid.uuid4().hex
        self.connection, self.buffer, self.messages, self.hello = None, b"", [], None
        self.number = 0
        self.listen()
        command = [part.replace("{plugin}", str(self.folder)) for part in self.plugin["start"]["command"]]
        if command[0] == "python3":
            command[0] = sys.executable  # a shim would be measured with it
        self.stderr = open(self.directory / "engine.log", "wb")
        self.begun = time.monotonic()
        environment = dict(
            os.environ, PYTHONDONTWRITEBYTECODE="1", DROVER_TEST_COOKIE=self.cookie, DROVER_JOB_ID="1",
            PATH=os.path.dirname(sys.executable) + ":" + os.environ.get("PATH", "/usr/bin:/bin"),
            DROVER_ENGINE_SOCKET=str(self.socket_path), DROVER_ENGINE_TOKEN=self.token, DROVER_ENGINE_NAME="engine-1",
            DROVER_ENGINE_TYPE=self.plugin["plugin"]["type"],
            DROVER_ENGINE_OPTIONS=json.dumps(dict(self.plugin.get("options", {}), **(options or {}))))
        environment.update(env or {})
        self.process = subprocess.Popen(command, cwd=self.cwd, stdin=subprocess.DEVNULL, stdout=self.stderr, stderr=self.stderr,
                                        start_new_session=True, env=environment)

    # ---- the connection
    def listen(self):
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.listener.bind(str(self.socket_path))
        self.listener.listen(1)
        self.listener.settimeout(60)

    def stop_listening(self):
        self.listener.close()
        self.socket_path.unlink(missing_ok=True)

    def accept(self, welcome=True):
        self.connection, _ = self.listener.accept()
        self.buffer, self.messages = b"", []
        self.hello = self.next(lambda m: True, "the first line", 60)
        assert self.hello["type"] == "hello", self.hello
        assert self.hello["protocol"] == 1 and self.hello["token"] == self.token, self.hello
        assert self.hello["engine"] == self.plugin["plugin"]["type"], self.hello
        assert set(self.plugin["plugin"]["languages"]) == set(self.hello["languages"]), self.hello
        assert isinstance(self.hello["version"], str) and self.hello["pid"] > 0, self.hello
        if welcome:
            self.send({"type": "welcome"})
        return self.hello

    def hang_up(self):
        self.connection.close()
        self.connection = None

    def send(self, message):
        self.connection.sendall(json.dumps(message).encode() + b"\n")

    def next(self, wanted, what, seconds=60):
        """The first message, of those that came and those to come, that is wanted; the others stay for later."""
        end = time.monotonic() + seconds
        at = 0
        while True:
            while at < len(self.messages):
                if wanted(self.messages[at]):
                    return self.messages.pop(at)
                at += 1
            left = end - time.monotonic()
            assert left > 0, f"after {seconds} s no {what}; there were {self.messages[-5:]}; {self.engine_log()}"
            if not select.select([self.connection], [], [], left)[0]:
                continue
            data = self.connection.recv(1 << 20)
            assert data, f"the engine hung up while it owed {what}; {self.engine_log()}"
            *lines, self.buffer = (self.buffer + data).split(b"\n")
            for line in lines:
                assert len(line) <= 8 << 20, "a line over 8 MiB"
                message = json.loads(line.decode())  # strictly UTF-8
                self.check_shape(message)
                self.messages.append(message)

    @staticmethod
    def check_shape(message):
        if message["type"] == "progress":
            assert 0 <= message["fraction"] <= 1 and isinstance(message["text"], str), message
        if message["type"] == "ended":
            usage = message["usage"]
            assert usage["user_us"] >= 0 and usage["system_us"] >= 0 and usage["max_rss_kib"] >= 0, message
            assert message["started_us"] <= message["ended_us"], message
            assert message["outcome"] in ("ok", "error", "cancelled", "timeout", "died", "never_started", "returned"), message
            assert (message["outcome"] == "ok") == ("error" not in message), message
            assert message["outcome"] == "ok" or (message["error"]["name"] and message["exit_code"] != 0), message
            assert len(message.get("error", {}).get("traceback", "").encode()) <= 16 << 10, message
            assert [r["index"] for r in message["results"]] == list(range(len(message["results"]))), message

    def engine_log(self):
        return "engine's log: " + (self.directory / "engine.log").read_text(errors="replace")[-2000:]

    # ---- statements
    def execute(self, code, language=None, **changes):
        self.number += 1
        order = {"type": "execute", "id": f"{self.number}.0", "language": language or self.plugin["plugin"]["languages"][0],
                 "code": code, "cwd": str(self.cwd), "env": {}, "log": str(self.log_path(self.number)),
                 "results": str(self.results_path(self.number)), "reset": "none", "time_limit_s": 0,
                 "log_bytes": 1 << 20, "result_bytes": 64 << 20, "result_rows": 0, "preview_bytes": 1 << 16}
        order.update(changes)
        self.send(order)
        return order["id"]

    def log_path(self, number):
        return self.directory / "logs" / f"{number}.log"

    def results_path(self, number):
        return self.directory / "results" / str(number)

    def started(self, statement, seconds=60):
        return self.next(lambda m: m["type"] == "started" and m["id"] == statement, f"start of {statement}", seconds)

    def ended(self, statement, ack=True, seconds=60):
        ended = self.next(lambda m: m["type"] == "ended" and m["id"] == statement, f"end of {statement}", seconds)
        if ack:
            self.send({"type": "ack", "id": statement})
        return ended

    def run(self, code, seconds=60, **changes):
        return self.ended(self.execute(code, **changes), seconds=seconds)

    def cancel(self, statement, grace_s=5):
        self.send({"type": "cancel", "id": statement, "grace_s": grace_s})

    def log(self, statement):
        path = self.log_path(int(statement.split(".")[0]))
        return path.read_bytes() if path.exists() else b""

    # ---- the end
    def __enter__(self):
        self.accept()
        return self

    def __exit__(self, kind, value, trace):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM if kind is None else signal.SIGKILL)
            try:
                status = self.process.wait(60)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                status = "it had to be killed"
            assert kind is not None or status == 0, f"after SIGTERM: {status}; {self.engine_log()}"
        self.listener.close()
        if self.connection is not None:
            self.connection.close()
        self.stderr.close()
        left = self.leftovers(30 if kind is None else 0)
        for pid in left:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        shutil.rmtree(self.directory, ignore_errors=True)
        assert kind is not None or not left, f"processes are left: {left}"

    def leftovers(self, seconds):
        end = time.monotonic() + seconds
        while True:
            left = pids_with_cookie(self.cookie)
            if not left or time.monotonic() > end:
                return left
            time.sleep(0.05)


def read_table(directory, result):
    """(columns, rows), read as any reader would from the two files, and compared with what `ended` says of them."""
    lines = [json.loads(line) for line in (Path(directory) / result["file"]).read_text().splitlines()]
    columns, chunks, last = None, [], lines[-1]
    assert "columns" in lines[0], lines[0]
    for line in lines[:-1]:
        if "columns" in line:
            columns = line["columns"]
        else:
            chunks.append(line)
    data, rows = (Path(directory) / result["file"].replace(".index", ".rows")).read_bytes(), []
    for chunk in chunks:
        assert chunk["row"] == len(rows) and 0 < chunk["rows"] <= 4096, chunk
        piece = json.loads(zlib.decompress(data[chunk["offset"]:chunk["offset"] + chunk["bytes"]]))
        assert len(piece) == chunk["rows"] and all(len(row) == len(columns) for row in piece), chunk
        rows += piece
    assert last == {"rows": len(rows), "complete": result["complete"]} and result["rows"] == len(rows), (last, result)
    assert result["bytes"] == len(data) and result["columns"] == columns, result
    assert {column["type"] for column in columns} <= CELL_TYPES, columns
    assert result["preview"] == rows[:len(result["preview"])], result["preview"]
    return columns, rows
