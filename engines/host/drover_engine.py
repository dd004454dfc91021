# engines/host/drover_engine.py - the engine's side of docs/engine-protocol.md: connection, queue, cancel, limits.
# SPDX-License-Identifier: Apache-2.0
"""`main(runner)` is all that an engine calls. One thread, one poll; the code runs in a forked worker
(drover_worker.py), so that nothing it does keeps the engine from hearing a cancel."""
import collections
import fcntl
import gc
import json
import os
import select
import signal
import socket
import struct
import sys
import termios
import time

from drover_io import Lines, Log, resident_kib, say, take_secret
from drover_worker import WAKE, Worker

QUEUE_MAX = 1000
FIRST_PAUSE_S, LAST_PAUSE_S = 0.05, 5.0
ORPHAN_S = 600  # without an agent and without work: the node forgot it
HEALTH_S, PROGRESS_S = 5.0, 0.2
TIMEOUT_GRACE_S, STOP_GRACE_S, LEAVE_S = 5, 5, 1
CLEAN_FIRST_S, CLEAN_S, CLEAN_LONGEST_S = 5, 3600, 600  # removal of old results
TOUCH_S = 900  # well within drover_kept.YOUNG_S
FIRST_AGAIN_S, LAST_AGAIN_S = 0.25, 4.0  # until it is looked who has missed an interrupt


class Statement:
    __slots__ = ("order", "id", "line", "log", "results", "started_us", "ending", "fraction", "progress", "done")

    def __init__(self, order, line):
        self.order, self.id, self.line = order, order["id"], line
        self.results = order.get("results") or ""
        self.log = Log(order.get("log") or "", order.get("log_bytes") or 0)
        self.started_us, self.fraction = 0, 0.0
        self.ending = self.progress = self.done = None  # ending: `cancelled` or `timeout` once that is wanted

    def write_notes(self):
        """What was changed in the code before it came here."""
        notes = (self.order.get("env") or {}).pop("DROVER_CODE_NOTES", None)
        if notes:
            self.line = json.dumps(self.order).encode()
            self.log.write(b"".join(b"[drover: %s]\n" % note.encode("utf-8", "replace") for note in notes.split("; ")))


class Engine:
    def __init__(self, runner):
        self.runner, self.options = runner, json.loads(os.environ.get("DROVER_ENGINE_OPTIONS") or "{}")
        self.type = os.environ.get("DROVER_ENGINE_TYPE") or "engine"
        self.address, self.token = os.environ.pop("DROVER_ENGINE_SOCKET"), take_secret("DROVER_ENGINE_TOKEN")
        self.queue, self.current = collections.deque(), None
        self.kept = self.options.get("results") or {}  # for how long, and how much
        self.known, self.ended = {}, {}  # by id: not acknowledged yet; the lines of those that have ended
        self.agent = self.worker = self.worker_lines = None
        self.is_welcome, self.pause_s = False, FIRST_PAUSE_S
        self.heard_at = time.monotonic()
        self.dying = set()  # killed workers and cleaners that are not reaped yet
        self.poll, self.readers, self.timers = select.poll(), {}, {}
        self.stop_wanted = self.is_stopping = self.is_finished = False
        self.wake_read, self.wake_write = os.pipe()
        for fd in (self.wake_read, self.wake_write):
            os.set_blocking(fd, False)

    # ---- the loop
    def run(self):
        self.runner.load(self.options)
        signal.set_wakeup_fd(self.wake_write, warn_on_full_buffer=False)
        signal.signal(signal.SIGTERM, self.want_stop)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(WAKE, lambda *_: None)  # for the worker, until it listens: by default it would die of it
        self.watch(self.wake_read, self.on_wake)
        gc.collect()
        gc.freeze()  # a collection in the worker would touch, and so copy, every page
        self.fork()
        self.clean()
        self.connect()
        self.tell_health()
        while not self.is_finished:
            self.turn()
        self.drop_worker()
        for pid in self.dying:
            os.waitpid(pid, 0)

    def turn(self):
        events = select.POLLIN
        if self.agent is not None:
            events |= 0 if self.agent.flush() else select.POLLOUT
            self.poll.modify(self.agent.sock, events)
        wait_ms = None
        if self.timers:
            wait_ms = max(0.0, (min(self.timers.values())[0] - time.monotonic()) * 1000 + 1)
        for fd, _ in self.poll.poll(wait_ms):
            if fd in self.readers:  # an earlier one may have closed it
                self.readers[fd]()
        now = time.monotonic()
        for name in [name for name, timer in self.timers.items() if timer[0] <= now]:
            timer = self.timers.pop(name, None)
            if timer is not None:
                timer[2]()

    def watch(self, fd, on_readable):
        self.readers[fd] = on_readable
        self.poll.register(fd, select.POLLIN)

    def unwatch(self, fd):
        if self.readers.pop(fd, None) is not None:
            self.poll.unregister(fd)

    def after(self, seconds, name, do):
        self.timers[name] = (time.monotonic() + seconds, name, do)

    def want_stop(self, *_):
        self.stop_wanted = True  # a signal handler interrupts anything: on_wake does the work

    def on_wake(self):
        try:
            os.read(self.wake_read, 4096)
        except BlockingIOError:
            pass
        if self.stop_wanted and not self.is_stopping:
            self.stop()
        self.reap()

    def stop(self):
        self.is_stopping = True
        for statement in list(self.queue):
            self.cancel(statement, STOP_GRACE_S)
        if self.current is not None:
            self.cancel(self.current, STOP_GRACE_S)
        self.leave_if_done()

    def leave_if_done(self):
        if self.is_stopping and self.current is None:
            if not self.known:
                self.is_finished = True
            else:
                self.after(LEAVE_S, "leave", self.leave)

    def leave(self):
        self.is_finished = True

    def tell_health(self):
        if self.is_welcome:
            rss = resident_kib(os.getpid()) + (resident_kib(self.worker.pid) if self.worker else 0)
            self.send({"type": "health", "rss_kib": rss, "running": len(self.known) - len(self.ended)})
        self.after(HEALTH_S, "health", self.tell_health)

    # ---- the agent
    def connect(self):
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            sock.connect(self.address)
        except OSError:
            sock.close()
            return self.connect_later()
        self.agent = Lines(sock)
        self.watch(sock.fileno(), self.on_agent)
        self.send({"type": "hello", "protocol": 1, "token": self.token, "engine": self.type,
                   "version": self.runner.version, "languages": self.runner.languages, "pid": os.getpid(),
                   "running": list(self.known)})

    def connect_later(self):
        if self.current is None and not self.queue and time.monotonic() - self.heard_at > ORPHAN_S:
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
                action = self.ACTIONS.get(message.get("type"))
            except (ValueError, AttributeError, RecursionError):
                say("the agent sent a line that is not of the protocol")
                return self.lose_agent()
            if action is not None:
                action(self, message, line)
            if self.agent is None:
                return

    def lose_agent(self):
        self.heard_at = time.monotonic()
        self.unwatch(self.agent.sock.fileno())
        self.agent.sock.close()
        self.agent, self.is_welcome = None, False
        self.connect_later()

    def send(self, message):
        if self.agent is not None:
            self.agent.send(json.dumps(message).encode() + b"\n")

    def on_welcome(self, *_):
        self.is_welcome, self.pause_s = True, FIRST_PAUSE_S
        if self.current is not None:
            self.send({"type": "started", "id": self.current.id, "at_us": self.current.started_us})
        for line in self.ended.values():
            self.agent.send(line)

    def on_refused(self, message, _):
        say(f"the agent refuses this engine: {message.get('message', '')}")
        self.stop()
        self.is_finished = True

    def on_execute(self, order, line):
        if not isinstance(order.get("id"), str):
            return
        if order["id"] in self.known:
            if order["id"] in self.ended:
                self.agent.send(self.ended[order["id"]])
            return
        statement = self.known[order["id"]] = Statement(order, line)
        if self.kept and "results" not in self.timers and os.path.basename(statement.results).isdigit():
            base = os.path.dirname(statement.results)
            self.after(CLEAN_FIRST_S, "results", lambda: self.remove_old_results(base))
            self.after(TOUCH_S, "touch", self.touch_results)
        if self.is_stopping:
            self.refuse(statement, "the engine is stopping")
        elif len(self.queue) >= QUEUE_MAX:
            self.refuse(statement, f"{QUEUE_MAX} statements wait already")
        else:
            self.queue.append(statement)
            self.run_next()

    def on_cancel(self, message, _):
        statement = self.known.get(message.get("id"))
        if statement is not None and statement.id not in self.ended:
            self.cancel(statement, message.get("grace_s") or 0)

    def on_ack(self, message, _):
        if self.ended.pop(message.get("id"), None) is not None:
            del self.known[message["id"]]
            self.leave_if_done()

    ACTIONS = {"welcome": on_welcome, "refused": on_refused, "execute": on_execute, "cancel": on_cancel, "ack": on_ack}

    # ---- statements
    def run_next(self):
        while self.current is None and self.queue and not (self.worker is not None and self.worker.is_dead):
            statement = self.queue.popleft()
            language = statement.order.get("language")
            if language not in self.runner.languages:
                self.refuse(statement, f"the engine has no language {language!r}: {', '.join(self.runner.languages)}")
                continue
            if statement.order.get("reset") == "respawn" and self.worker is not None and self.worker.orders:
                self.drop_worker()
            if self.worker is None:
                self.fork()
            statement.write_notes()
            self.current, self.worker.orders = statement, self.worker.orders + 1
            self.worker_lines.send(statement.line + b"\n")
            self.flush_worker()
            statement.started_us = time.time_ns() // 1000
            self.send({"type": "started", "id": statement.id, "at_us": statement.started_us})
            limit = statement.order.get("time_limit_s") or 0
            if limit > 0:
                self.after(limit, "limit", lambda: self.interrupt("timeout", TIMEOUT_GRACE_S))

    def cancel(self, statement, grace_s):
        if statement is self.current:
            return self.interrupt("cancelled", grace_s)
        self.queue.remove(statement)
        self.finish(statement, "cancelled", 130, {"name": "Cancelled", "message": "cancelled before it started"})

    def interrupt(self, why, grace_s):
        if self.current.ending is None:
            self.current.ending = why
            self.tell_interrupt(FIRST_AGAIN_S)
        self.after(grace_s, "kill", self.worker.kill)

    def tell_interrupt(self, again_s):
        self.worker.interrupt()
        self.after(again_s, "again", lambda: self.tell_interrupt(min(again_s * 2, LAST_AGAIN_S)))

    def refuse(self, statement, why):
        self.finish(statement, "never_started", 1, {"name": "Refused", "message": why})

    def finish(self, statement, outcome, exit_code, error, done=None, results=b"[]"):
        now = time.time_ns() // 1000
        done = done or {}
        if statement is self.current:
            if statement.ending is not None and outcome != "ok":
                outcome, exit_code = statement.ending, 130 if statement.ending == "cancelled" else 124
                error = dict(error or {}, name="Cancelled", message="cancelled while it ran")
                if statement.ending == "timeout":
                    error.update(name="Timeout", message=f"over its limit of {statement.order['time_limit_s']} s")
            self.drain_output()
            self.current = None
            for name in ("limit", "kill", "again", "progress"):
                self.timers.pop(name, None)
        statement.log.close()
        ended = {"type": "ended", "id": statement.id, "outcome": outcome, "exit_code": exit_code,
                 "started_us": done.get("started_us") or statement.started_us or now,
                 "ended_us": done.get("ended_us") or now,
                 "usage": done.get("usage") or {"user_us": 0, "system_us": 0, "max_rss_kib": 0}}
        if error is not None:
            ended["error"] = error
        line = json.dumps(ended).encode()[:-1] + b',"results":' + results + b"}\n"
        self.ended[statement.id] = line
        statement.line = statement.order = None
        if self.is_welcome:
            self.agent.send(line)

    # ---- the worker
    def fork(self):
        inherited = [self.wake_read, self.wake_write] + ([self.agent.sock.fileno()] if self.agent else [])
        self.worker = Worker(self.runner, self.options, inherited, self.forget)
        self.worker_lines = Lines(self.worker.control)
        self.watch(self.worker.control.fileno(), self.on_worker)
        self.watch(self.worker.output, self.on_output)

    def forget(self):
        """In the worker: code must not find it on the stack."""
        self.token = ""

    def flush_worker(self):
        if self.worker is not None and not self.worker_lines.flush():
            self.after(0.005, "worker", self.flush_worker)  # code of some MiB, or a worker that is stopped

    def on_worker(self):
        """False: nothing more is there."""
        lines = self.worker_lines.receive()
        if lines is None:
            self.unwatch(self.worker.control.fileno())  # its death is reported by the kernel
            return False
        for line in lines:
            statement = self.current
            if statement is None:
                return False
            if statement.done is not None:
                done = statement.done
                self.worker.cpu_us = done["cpu_us"]
                self.finish(statement, done["outcome"], done["exit_code"], done.get("error"), done, bytes(line))
                self.run_next()
                self.leave_if_done()
                continue
            message = json.loads(line)
            if message["type"] == "done":
                statement.done = message
            else:
                self.on_progress(statement, message)
        return bool(lines)

    def on_progress(self, statement, message):
        statement.fraction = max(statement.fraction, message["fraction"])
        message["fraction"] = statement.fraction
        if "progress" in self.timers:
            statement.progress = message  # the newest goes when the pause is over
            return
        self.send(message)
        statement.progress = None
        self.after(PROGRESS_S, "progress", self.tell_progress)

    def tell_progress(self):
        if self.current is not None and self.current.progress is not None:
            self.on_progress(self.current, self.current.progress)

    def on_output(self):
        data = self.read_output(1 << 16)
        if data:
            if self.current is not None:
                self.current.log.write(data)
        elif data == b"":
            self.unwatch(self.worker.output)

    def drain_output(self):
        """What is in the pipe now belongs to the statement; a process that goes on printing cannot hold us up."""
        left = struct.unpack("i", fcntl.ioctl(self.worker.output, termios.FIONREAD, b"\0\0\0\0"))[0]
        while left > 0:
            data = self.read_output(min(left, 1 << 16))
            if not data:
                return
            left -= len(data)
            self.current.log.write(data)

    def read_output(self, limit):
        try:
            return os.read(self.worker.output, limit)
        except BlockingIOError:
            return None

    def reap(self):
        for pid in list(self.dying):
            if os.waitpid(pid, os.WNOHANG)[0] == pid:
                self.dying.remove(pid)
        if self.worker is None:
            return
        pid, status, used = os.wait4(self.worker.pid, os.WNOHANG)
        if pid == 0:
            return
        worker = self.worker
        worker.is_dead = True
        while self.on_worker():  # it may have ended the statement as its last act
            pass
        statement = self.current
        if statement is not None:
            code = os.waitstatus_to_exitcode(status)
            how = f"signal {-code}" if code < 0 else f"status {code}"
            done = {"usage": {"user_us": max(0, int(used.ru_utime * 1e6) - worker.cpu_us[0]),
                              "system_us": max(0, int(used.ru_stime * 1e6) - worker.cpu_us[1]),
                              "max_rss_kib": used.ru_maxrss}}
            error = {"name": "Died", "message": f"the process that ran it ended with {how}"}
            self.finish(statement, "died", 128 - code if code < 0 else code or 1, error, done)
        worker.kill()  # what it left in its group
        self.close_worker()
        if statement is not None:
            self.clean()
        if statement is not None and not self.is_stopping:
            self.fork()  # ready before it is asked for; one that dies unasked is forked when needed
        self.run_next()
        self.leave_if_done()

    def drop_worker(self):
        if self.worker is not None:
            self.worker.kill()
            self.dying.add(self.worker.pid)
            self.close_worker()

    def clean(self):
        """Beside the loop: what it asks may take long to answer."""
        command = self.runner.cleaner()
        if command is not None:
            self.dying.add(os.posix_spawn(command[0], command, os.environ, setpgroup=0, setsigdef=[2, 15]))

    def touch_results(self):
        """Other engines of the user clean too: what a silent statement, or this engine, will write to must not look old."""
        self.after(TOUCH_S, "touch", self.touch_results)
        for place in [2, *(statement.results for statement in self.known.values())]:
            try:
                os.utime(place)
            except OSError:  # not made yet
                pass

    def remove_old_results(self, base):
        """In a process of its own: a folder of many files takes long."""
        self.after(CLEAN_S, "results", lambda: self.remove_old_results(base))
        pid = os.fork()
        if pid != 0:
            self.dying.add(pid)
            return
        try:
            signal.set_wakeup_fd(-1)
            for number in (signal.SIGTERM, signal.SIGALRM):
                signal.signal(number, signal.SIG_DFL)
            signal.alarm(CLEAN_LONGEST_S)
            os.nice(10)
            import drover_kept
            gone = drover_kept.remove_old(base, self.kept.get("keep_s") or 0, (self.kept.get("quota_mib") or 0) << 20,
                                          time.time(), {statement.results for statement in self.known.values()})
            if gone:
                say(f"removed what {len(gone)} old statements and engines left in {base}")
        except Exception as error:
            say(f"old results in {base} stay: {error}")
        finally:
            os._exit(0)

    def close_worker(self):
        self.unwatch(self.worker.control.fileno())
        self.unwatch(self.worker.output)
        self.worker.close()
        self.worker = self.worker_lines = None


def main(runner):
    if "DROVER_ENGINE_SOCKET" not in os.environ:
        say("DROVER_ENGINE_SOCKET is not set: engines are started by a Drover agent (docs/engine-protocol.md)")
        sys.exit(2)
    Engine(runner).run()
