# engines/host/drover_connection.py - the engine's connection to the agent: it comes again when it is lost, and loses no end.
# SPDX-License-Identifier: Apache-2.0
import json
import os
import select
import socket
import time

from drover_io import Lines, json_bytes, say, take_secret
from drover_loop import Loop

FIRST_PAUSE_S, LAST_PAUSE_S = 0.05, 5.0
ORPHAN_S = 600  # without an agent and without work: the node forgot it


class Connection(Loop):
    """Of the statements it knows which are not acknowledged, and what was told of those that have ended."""

    def __init__(self, runner):
        super().__init__()
        self.runner, self.options = runner, json.loads(os.environ.get("DROVER_ENGINE_OPTIONS") or "{}")
        self.type = os.environ.get("DROVER_ENGINE_TYPE") or "engine"
        self.address, self.token = os.environ.pop("DROVER_ENGINE_SOCKET"), take_secret("DROVER_ENGINE_TOKEN")
        self.known, self.ended = {}, {}  # by id: not acknowledged yet; the lines of those that have ended
        self.agent, self.uses = None, 0  # statements that have begun here
        self.is_welcome, self.is_agent_slow, self.pause_s = False, False, FIRST_PAUSE_S
        self.heard_at = time.monotonic()
        self.actions = {"welcome": self.on_welcome, "refused": self.on_refused, "execute": self.on_execute, "cancel": self.on_cancel,
                        "note": self.on_note, "ack": self.on_ack}

    # ---- what an engine makes of it
    def is_idle(self):
        raise NotImplementedError

    def on_execute(self, order, size):
        raise NotImplementedError

    def on_cancel(self, message, size):
        raise NotImplementedError

    def after_orders(self):
        """Some have come."""

    def tell_running(self):
        """`started` of those that run."""
        raise NotImplementedError

    def leave_if_done(self):
        raise NotImplementedError

    # ---- the connection
    def connect(self):
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            sock.connect(self.address)
        except OSError:
            sock.close()
            return self.connect_later()
        self.agent = Lines(sock)
        self.is_agent_slow = False
        self.watch(sock.fileno(), self.on_agent)
        self.send(self.hello())

    def hello(self):
        return {"type": "hello", "protocol": 1, "token": self.token, "engine": self.type, "version": self.runner.version,
                "languages": self.runner.languages, "pid": os.getpid(), "running": list(self.known), "uses": self.uses}

    def connect_later(self):
        if self.is_idle() and time.monotonic() - self.heard_at > ORPHAN_S:
            say("no agent for so long: nobody will ask for this engine any more")
            self.is_finished = True
            return
        self.after(self.pause_s, "connect", self.connect)
        self.pause_s = min(self.pause_s * 2, LAST_PAUSE_S)

    def on_agent(self):
        lines = self.agent.receive()
        if lines is None:
            return self.lose_agent()
        for line in lines:
            try:
                message = json.loads(line)
                action = self.actions.get(message.get("type"))
            except (ValueError, AttributeError, RecursionError, TypeError):
                say("the agent sent a line that is not of the protocol")
                return self.lose_agent()
            if action is not None:
                action(message, len(line))
            if self.agent is None:
                return
        self.after_orders()

    def lose_agent(self):
        self.heard_at = time.monotonic()
        self.unwatch(self.agent.sock.fileno())
        self.agent.sock.close()
        self.agent, self.is_welcome = None, False
        self.connect_later()

    def send(self, message):
        if self.agent is not None:
            self.agent.send(json_bytes(message) + b"\n")

    def flush_agent(self):
        if self.agent is not None and self.agent.outgoing and self.agent.flush() == self.is_agent_slow:
            self.is_agent_slow = not self.is_agent_slow
            self.poll.modify(self.agent.sock, select.POLLIN | (select.POLLOUT if self.is_agent_slow else 0))

    # ---- what the agent says
    def on_welcome(self, *_):
        self.is_welcome, self.pause_s = True, FIRST_PAUSE_S
        self.tell_running()
        for line in self.ended.values():
            self.agent.send(line)

    def on_refused(self, message, _):
        say(f"the agent refuses this engine: {message.get('message', '')}")
        self.stop()
        self.is_finished = True

    def on_note(self, message, _):
        statement = self.known.get(message.get("id"))
        if statement is not None and statement.id not in self.ended and isinstance(message.get("text"), str):
            statement.log.note(message["text"][:4096])

    def on_ack(self, message, _):
        if self.ended.pop(message.get("id"), None) is not None:
            del self.known[message["id"]]
            self.leave_if_done()

    def tell_end(self, statement, line):
        """Again after each welcome, until it is acknowledged."""
        self.ended[statement.id] = line
        if self.is_welcome:
            self.agent.send(line)
