# tests/e2e/recorded_server.py - a server that knows only recorded conversations, and holds whoever asks to them.
# SPDX-License-Identifier: Apache-2.0
"""A conversation is a JSON file: `about`, and `exchanges` of request and response. It begins with whoever asks its first
request; then its requests come in their order. In the texts {base} is this server's address, {id} is made for each conversation,
any other {name} is what the first request that names it holds there.

request:  method, path, headers (each exactly so; null: must be missing), body (a text, exactly; or an object: equal as JSON)
response: status, headers, json or raw; delay_s; fault: "reset" (no answer), "cut" (half of it)
exchange: held (the response while the server is told to go no further), repeat (how often, or "forever": until the next one is asked), any_time (may come whenever), ends (the conversation is
over with it). In `json`, {"$rows": [from, to]} is that many rows of i and "row i", {"$noise": n} n rows that compress badly."""
import hashlib
import http.server
import json
import re
import socket
import socketserver
import struct
import threading
import time
from pathlib import Path

HOLE = re.compile(r"\{(\w+)\}")
RECORDED = Path(__file__).resolve().parent / "recorded"


def filled(value, names):
    if isinstance(value, str):
        return HOLE.sub(lambda hole: names.get(hole[1], hole[0]), value)
    if isinstance(value, list):
        return [filled(each, names) for each in value]
    if isinstance(value, dict):
        if "$rows" in value:
            return [[i, f"row {i}"] for i in range(*value["$rows"])]
        if "$noise" in value:
            begin = int(time.monotonic() * 1e6)
            return [[i, hashlib.sha256(str(begin + i).encode()).hexdigest()] for i in range(value["$noise"])]
        if "$rows_of" in value:  # as Flink wraps them
            return [{"kind": "INSERT", "fields": row} for row in filled(value["$rows_of"], names)]
        return {name: filled(each, names) for name, each in value.items()}
    return value


class Conversation:
    count = 0

    def __init__(self, name, exchanges, base):
        Conversation.count += 1
        self.name, self.exchanges, self.at, self.times, self.is_over = name, exchanges, 0, 0, False
        self.names = {"base": base, "id": f"20260131_120000_{Conversation.count:05d}_abcde"}

    def matches(self, exchange, asked):
        """What the holes of the request hold, or None."""
        request, names = exchange["request"], dict(self.names)
        if request["method"] != asked["method"]:
            return None
        pattern = "".join(re.escape(filled(part, names)) if k % 2 == 0 else self.hole(part, names)
                          for k, part in enumerate(HOLE.split(request["path"])))
        found = re.fullmatch(pattern, asked["path"])
        if found is None:
            return None
        names.update(found.groupdict())
        for name, value in (request.get("headers") or {}).items():
            if asked["headers"].get(name) != (filled(value, names) if value is not None else None):
                return None
        body = request.get("body")
        if isinstance(body, str) and filled(body, names).encode() != asked["body"]:
            return None
        if isinstance(body, dict):
            try:
                if json.loads(asked["body"]) != filled(body, names):
                    return None
            except ValueError:
                return None
        return names

    @staticmethod
    def hole(name, names):
        return re.escape(names[name]) if name in names else f"(?P<{name}>[^/?]+)"

    def next(self, asked, hold_at=None):
        """The exchange that answers, or None when it is not of this conversation."""
        if self.is_over:
            return None
        here = self.exchanges[self.at]
        is_repeated = here.get("repeat") == "forever" or self.times < here.get("repeat", 0)
        if self.times and is_repeated and (names := self.matches(here, asked)):
            return self.play(self.at, names)
        ahead = self.at + 1 if self.times else self.at
        while ahead < len(self.exchanges) and self.exchanges[ahead].get("any_time"):
            ahead += 1
        if ahead < len(self.exchanges) and (names := self.matches(self.exchanges[ahead], asked)):
            if hold_at is not None and ahead >= hold_at > 0:
                held = self.exchanges[ahead].get("held")
                return {"response": held} if held else self.exchanges[self.at]  # the same news as before
            return self.play(ahead, names)
        if self.times and asked["method"] == "GET" and self.matches(here, asked):
            return here  # whose answer was lost may ask for it again
        for exchange in self.exchanges if self.times else ():
            if exchange.get("any_time") and (names := self.matches(exchange, asked)):
                self.names, self.is_over = names, self.is_over or bool(exchange.get("ends"))
                return exchange
        return None

    def play(self, at, names):
        self.times = self.times + 1 if at == self.at else 1
        self.at, self.names = at, names
        exchange = self.exchanges[at]
        repeat = exchange.get("repeat", 1)
        rest = [each for each in self.exchanges[at + 1:] if not each.get("any_time")]
        self.is_over = bool(exchange.get("ends")) or not rest and repeat != "forever" and self.times >= repeat
        return exchange


class RecordedServer(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads, allow_reuse_address, request_queue_size = True, True, 200

    def __init__(self, kind, context=None, port=0):
        super().__init__(("127.0.0.1", port), Handler)
        self.scheme = "http"
        if context is not None:
            self.socket, self.scheme = context.wrap_socket(self.socket, server_side=True), "https"
        self.base = f"{self.scheme}://127.0.0.1:{self.server_port}"
        self.known = {file.stem: json.loads(file.read_text())["exchanges"] for file in sorted((RECORDED / kind).glob("*.json"))}
        self.begun, self.wrong, self.asked, self.hold_at, self.lock = [], [], [], None, threading.Lock()
        self.is_gone = False

    def answer(self, asked):
        with self.lock:
            self.asked.append(asked)
            for conversation in reversed(self.begun):
                if exchange := conversation.next(asked, self.hold_at):
                    return exchange, dict(conversation.names)
            for name, exchanges in self.known.items():
                conversation = Conversation(name, exchanges, self.base)
                if exchange := conversation.next(asked):
                    self.begun.append(conversation)
                    return exchange, dict(conversation.names)
            # Who was woken by a cancel has asked before, for the same page or the next, and is heard after the cancel.
            if asked["method"] == "GET" and any(one.is_over and one.matches(each, asked) for one in self.begun
                                                for each in one.exchanges[one.at:one.at + 2]):
                return {"response": {"status": 404, "raw": "gone"}}, {}
            self.wrong.append(asked)
            return None, {}

    def open_names(self):
        with self.lock:
            return [conversation.name for conversation in self.begun if not conversation.is_over]

    def check(self):
        assert not self.wrong, f"never recorded: {self.wrong[:3]}"
        assert not self.open_names(), f"left behind: {self.open_names()}"

    def handle_error(self, request, client_address):
        pass  # whoever asked went away

    def __enter__(self):
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, kind, value, trace):
        self.is_gone = True
        self.shutdown()
        self.server_close()
        if kind is None:
            self.check()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version, wbufsize, disable_nagle_algorithm = "HTTP/1.1", -1, True

    def serve(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        asked = {"method": self.command, "path": self.path, "headers": dict(self.headers.items()), "body": body}
        if self.server.is_gone:  # connections outlive what has accepted them
            self.close_connection = True
            return
        exchange, names = self.server.answer(asked)
        if exchange is None:
            return self.reply(500, {}, f"never recorded: {self.command} {self.path} {body[:300]!r}".encode())
        response = exchange["response"]
        time.sleep(response.get("delay_s", 0))
        if response.get("fault") == "reset":
            self.close_connection = True
            return self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        if "json" in response:
            data = json.dumps(filled(response["json"], names)).encode()
        else:
            data = filled(response.get("raw", ""), names).encode()
        self.reply(response.get("status", 200), filled(response.get("headers") or {}, names), data, response.get("fault") == "cut")

    def reply(self, status, headers, data, is_cut=False):
        self.send_response(status)
        for name, value in headers.items():
            for each in value if isinstance(value, list) else [value]:
                self.send_header(name, each)
        if status != 204:
            self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data[:len(data) // 2] if is_cut else data)
        self.wfile.flush()
        self.close_connection = self.close_connection or is_cut

    do_GET = do_POST = do_DELETE = do_PATCH = do_PUT = serve

    def log_message(self, *_):
        pass
