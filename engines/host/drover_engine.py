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

import drover_kept  # now: a runner takes this folder off the path
from drover_io import NOTHING, Lines, Log, resident_kib, say, take_secret
from drover_worker import PACKET_MAX, WAKE, Worker

QUEUE_MAX = 1000
FIRST_PAUSE_S, LAST_PAUSE_S = 0.05, 5.0
ORPHAN_S = 600  # without an agent and without work: the node forgot it
HEALTH_S, IDLE_HEALTH_S, PROGRESS_S = 5.0, 10.0, 0.2
STATEMENT_TIMERS = {"limit", "kill", "again", "progress"}
TIMEOUT_GRACE_S, STOP_GRACE_S, LEAVE_S = 5, 5, 1
CLEAN_FIRST_S, CLEAN_S, CLEAN_LONGEST_S = 5, 3600, 600  # removal of old results
TOUCH_S = 900  # well within drover_kept.YOUNG_S
NEVER_S, NAP_S = 1e6, 0.001
AHEAD_MAX = 16  # orders that the worker has and has not begun
TELL_S, BACK_S = 0.001, 0.05  # a start is told after that; so often it is looked who waits too long
FIRST_AGAIN_S, LAST_AGAIN_S = 0.25, 4.0  # until it is looked who has missed an interrupt


class Statement:
    __slots__ = ("order", "id", "number", "goes_alone", "notes", "log", "results", "started_us", "is_told", "ending", "fraction", "progress",
                 "return_after_s")

    def __init__(self, order, size):
        self.order, self.id, self.number = order, order["id"], 0
        self.results = order.get("results") or ""
        self.log = Log(order.get("log") or "", order.get("log_bytes") or 0)
        self.goes_alone = size > PACKET_MAX // 2 or order.get("reset") == "respawn"
        self.notes = (order.get("env") or {}).pop("DROVER_CODE_NOTES", None)
        self.return_after_s = (order.get("return_after_ms") or 0) / 1000
        self.started_us, self.is_told, self.fraction = 0, False, 0.0
        self.ending = self.progress = None  # ending: `cancelled` or `timeout` once that is wanted

    def write_notes(self):
        """What was changed in the code before it came here."""
        if self.notes:
            self.log.write(b"".join(b"[drover: %s]\n" % note.encode("utf-8", "replace") for note in self.notes.split("; ")))


class Engine:
    def __init__(self, runner):
        self.runner, self.options = runner, json.loads(os.environ.get("DROVER_ENGINE_OPTIONS") or "{}")
        self.type = os.environ.get("DROVER_ENGINE_TYPE") or "engine"
        self.address, self.token = os.environ.pop("DROVER_ENGINE_SOCKET"), take_secret("DROVER_ENGINE_TOKEN")
        self.queue, self.flight = collections.deque(), collections.deque()  # the worker has those of `flight`, and runs the first
        self.ahead_max = 0 if (self.options.get("hooks") or {}).get("after") else AHEAD_MAX  # a hook's output is nobody's
        self.begun_at, self.read_at, self.pace_s, self.is_flowing, self.is_held = 0.0, 0.0, NAP_S, False, False
        self.kept = self.options.get("results") or {}  # for how long, and how much
        self.known, self.ended = {}, {}  # by id: not acknowledged yet; the lines of those that have ended
        self.agent = self.worker = self.worker_lines = None
        self.is_welcome, self.is_agent_slow, self.pause_s = False, False, FIRST_PAUSE_S
        self.heard_at = time.monotonic()
        self.dying = set()  # killed workers and cleaners that are not reaped yet
        self.poll, self.readers, self.timers, self.next_timer_s = select.poll(), {}, {}, time.monotonic() + NEVER_S
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
        if self.agent is not None and self.agent.outgoing and self.agent.flush() == self.is_agent_slow:
            self.is_agent_slow = not self.is_agent_slow
            self.poll.modify(self.agent.sock, select.POLLIN | (select.POLLOUT if self.is_agent_slow else 0))
        now = time.monotonic()
        if self.is_flowing and len(self.flight) > 1:  # several ends in one turn are cheaper than a turn for each
            self.is_flowing = False
            time.sleep(min(NAP_S, self.pace_s * (len(self.flight) - 1)))
        wait_s = self.next_timer_s - now
        if self.flight and not self.flight[0].is_told:
            wait_s = min(wait_s, TELL_S)
        for fd, _ in self.poll.poll(max(0.0, wait_s * 1000 + 1)):
            if fd in self.readers:  # an earlier one may have closed it
                self.readers[fd]()
        now = time.monotonic()
        if self.flight and not self.flight[0].is_told and now - self.begun_at >= TELL_S:
            self.tell_started()
        if now < self.next_timer_s:
            return
        for name in [name for name, timer in self.timers.items() if timer[0] <= now]:
            timer = self.timers.pop(name, None)
            if timer is not None:
                timer[1]()
        self.next_timer_s = min((timer[0] for timer in self.timers.values()), default=now + NEVER_S)

    def watch(self, fd, on_readable):
        self.readers[fd] = on_readable
        self.poll.register(fd, select.POLLIN)

    def unwatch(self, fd):
        if self.readers.pop(fd, None) is not None:
            self.poll.unregister(fd)

    def after(self, seconds, name, do):
        at = time.monotonic() + seconds
        self.timers[name] = (at, do)
        self.next_timer_s = min(self.next_timer_s, at)  # one that is dropped later costs a turn

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
        self.call_back()
        for statement in list(self.queue):
            if statement.return_after_s > 0:
                self.give_back_one(statement, "the engine is stopping")
            else:
                self.cancel(statement, STOP_GRACE_S)
        if self.flight:
            self.cancel(self.flight[0], STOP_GRACE_S)
        self.leave_if_done()

    def leave_if_done(self):
        if self.is_stopping and not self.flight:
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
        self.after(HEALTH_S if self.flight else IDLE_HEALTH_S, "health", self.tell_health)

    # ---- the agent
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
                "languages": self.runner.languages, "pid": os.getpid(), "running": list(self.known)}

    def is_idle(self):
        return not self.flight and not self.queue

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
                action = self.ACTIONS.get(message.get("type"))
            except (ValueError, AttributeError, RecursionError):
                say("the agent sent a line that is not of the protocol")
                return self.lose_agent()
            if action is not None:
                action(self, message, len(line))
            if self.agent is None:
                return
        self.run_next()
        self.watch_those_behind()

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
        if self.flight:
            self.tell_started()
        for line in self.ended.values():
            self.agent.send(line)

    def on_refused(self, message, _):
        say(f"the agent refuses this engine: {message.get('message', '')}")
        self.stop()
        self.is_finished = True

    def on_execute(self, order, size):
        if not isinstance(order.get("id"), str):
            return
        if order["id"] in self.known:
            if order["id"] in self.ended:
                self.agent.send(self.ended[order["id"]])
            return
        statement = self.known[order["id"]] = Statement(order, size)
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
        """Hands on what the worker may have. It gets some ahead, so that it never waits; call_back() gets them again."""
        while self.queue and not self.is_held and not self.is_stopping and not (self.worker is not None and self.worker.is_dead):
            statement = self.queue[0]
            if self.flight and (len(self.flight) > self.ahead_max or statement.goes_alone or self.flight[0].goes_alone):
                return
            order = statement.order
            language = order.get("language")
            if language not in self.runner.languages:
                self.queue.popleft()
                self.refuse(statement, f"the engine has no language {language!r}: {', '.join(self.runner.languages)}")
                continue
            if order.get("reset") == "respawn" and self.worker is not None and self.worker.number:
                self.drop_worker()
            if self.worker is None:
                self.fork()
            statement.number = self.worker.give(order)
            if statement.number == 0:
                return  # there is no room: it has others, or is about to be reaped
            if self.worker.rest:
                self.flush_worker()
            self.flight.append(self.queue.popleft())
            if len(self.flight) == 1:
                self.begin(time.time_ns() // 1000)

    def watch_those_behind(self):
        if "back" not in self.timers and (self.queue or len(self.flight) > 1):
            self.after(BACK_S, "back", self.give_back)

    def give_back(self):
        """What waits behind a statement that takes long may run elsewhere, where its order says so."""
        ran_s = time.monotonic() - self.begun_at
        if any(0 < one.return_after_s <= ran_s for one in [*self.queue, *list(self.flight)[1:]]):
            self.call_back()
            for statement in [one for one in self.queue if self.flight and 0 < one.return_after_s <= ran_s]:
                self.give_back_one(statement, "the one before it takes long")
            self.run_next()
        self.watch_those_behind()

    def give_back_one(self, statement, why):
        self.queue.remove(statement)
        self.finish(statement, "returned", 1, {"name": "Returned", "message": why})

    def begin(self, at_us):
        """The first of those in flight is the one that the worker runs, or takes at once."""
        statement = self.flight[0]
        statement.started_us, self.begun_at = at_us, time.monotonic()
        statement.write_notes()
        limit = statement.order.get("time_limit_s") or 0
        if limit > 0:
            self.after(limit, "limit", lambda: self.interrupt("timeout", TIMEOUT_GRACE_S))

    def tell_started(self):
        statement = self.flight[0]
        statement.is_told = True
        self.send({"type": "started", "id": statement.id, "at_us": statement.started_us})

    def call_back(self):
        """The worker keeps what it has begun."""
        if self.worker is None or not self.flight or self.flight[0].goes_alone:
            return
        self.is_held = True
        numbers = self.worker.take_back()
        for _ in numbers:
            self.queue.appendleft(self.flight.pop())
        while len(self.flight) > 1 and self.on_worker():  # those before it have ended, and we have not heard it
            pass
        if not self.flight:
            self.end_timers()
        self.is_held = False

    def cancel(self, statement, grace_s):
        if statement not in self.queue:
            self.call_back()
        if statement in self.queue:
            self.queue.remove(statement)
            self.finish(statement, "cancelled", 130, {"name": "Cancelled", "message": "cancelled before it started"})
        elif self.flight and statement is self.flight[0]:
            self.interrupt("cancelled", grace_s)
        self.run_next()

    def interrupt(self, why, grace_s):
        if self.flight[0].ending is None:
            self.flight[0].ending = why
            self.tell_interrupt(FIRST_AGAIN_S)
        self.after(grace_s, "kill", self.worker.kill)

    def tell_interrupt(self, again_s):
        self.worker.interrupt(self.flight[0].number)
        self.after(again_s, "again", lambda: self.tell_interrupt(min(again_s * 2, LAST_AGAIN_S)))

    def refuse(self, statement, why):
        self.finish(statement, "never_started", 1, {"name": "Refused", "message": why})

    def finish(self, statement, outcome, exit_code, error, usage=None):
        """It ended without its worker's word."""
        now = time.time_ns() // 1000
        ended = {"outcome": outcome, "exit_code": exit_code, "started_us": statement.started_us or now, "ended_us": now,
                 "usage": usage or {"user_us": 0, "system_us": 0, "max_rss_kib": 0}, "error": error, "results": []}
        self.told_end(statement, json.dumps(self.as_wanted(statement, ended)).encode()[1:])

    @staticmethod
    def as_wanted(statement, ended):
        """Who was told to end has done so, unless it was through."""
        if statement.ending is None or ended["outcome"] == "ok":
            return ended
        error = dict(ended.get("error") or {}, name="Cancelled", message="cancelled while it ran")
        if statement.ending == "timeout":
            error.update(name="Timeout", message=f"over its limit of {statement.order['time_limit_s']} s")
        return dict(ended, outcome=statement.ending, exit_code=130 if statement.ending == "cancelled" else 124, error=error)

    def told_end(self, statement, members):
        """`members`: JSON after its first brace."""
        if self.flight and statement is self.flight[0]:
            self.flight.popleft()
            if not statement.is_told and self.is_welcome:
                self.agent.send(b'{"type":"started","id":%b,"at_us":%d}\n' % (quoted(statement.id), statement.started_us))
            self.end_timers()
        statement.log.close()
        line = b'{"type":"ended","id":%b,%b\n' % (quoted(statement.id), members)
        self.ended[statement.id] = line
        statement.order = None
        if self.is_welcome:
            self.agent.send(line)

    def end_timers(self):
        for name in STATEMENT_TIMERS & self.timers.keys():
            del self.timers[name]

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
        if self.worker is not None and not self.worker.give_rest():
            self.after(0.005, "worker", self.flush_worker)  # code of some MiB, or a worker that is stopped

    def on_worker(self):
        """False: nothing more is there."""
        lines = self.worker_lines.receive()
        if lines is None:
            self.unwatch(self.worker.control.fileno())  # its death is reported by the kernel
            return False
        if len(self.flight) > 1 and lines:
            now = time.monotonic()
            self.pace_s = min((now - self.read_at) / len(lines), NAP_S)
            self.read_at, self.is_flowing = now, True
        for line in lines:
            if not self.flight:
                return False
            if line.startswith(b"done "):
                self.on_done(self.flight[0], line)
            else:
                self.on_progress(self.flight[0], json.loads(line))
        self.run_next()
        return lines is not NOTHING

    def on_done(self, statement, line):
        _, number, has_printed, user_us, system_us, members = line.split(b" ", 5)
        if int(number) != statement.number:
            return
        self.worker.cpu_us = int(user_us), int(system_us)
        if has_printed == b"1":
            self.drain_output()
            self.worker.go_on()
        if statement.ending is not None:
            members = json.dumps(self.as_wanted(statement, json.loads(b"{" + members))).encode()[1:]
        self.told_end(statement, members)
        if self.flight:
            self.begin(time.time_ns() // 1000)
        self.leave_if_done()

    def on_progress(self, statement, message):
        if message["id"] != statement.id:
            return
        if not statement.is_told:
            self.tell_started()
        statement.fraction = max(statement.fraction, message["fraction"])
        message["fraction"] = statement.fraction
        if "progress" in self.timers:
            statement.progress = message  # the newest goes when the pause is over
            return
        self.send(message)
        statement.progress = None
        self.after(PROGRESS_S, "progress", self.tell_progress)

    def tell_progress(self):
        if self.flight and self.flight[0].progress is not None:
            self.on_progress(self.flight[0], self.flight[0].progress)

    def on_output(self):
        data = self.read_output(1 << 16)
        if data:
            if self.flight:
                self.flight[0].log.write(data)
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
            self.flight[0].log.write(data)

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
        self.is_held = True
        while self.on_worker():  # it may have ended statements as its last act
            pass
        self.is_held = False
        self.call_back()  # what it had not begun goes to the next
        lost = list(self.flight)  # one, unless the code has meddled with our sockets
        for statement in lost:
            self.drain_output()
            code = os.waitstatus_to_exitcode(status)
            how = f"signal {-code}" if code < 0 else f"status {code}"
            usage = {"user_us": max(0, int(used.ru_utime * 1e6) - worker.cpu_us[0]),
                     "system_us": max(0, int(used.ru_stime * 1e6) - worker.cpu_us[1]), "max_rss_kib": used.ru_maxrss}
            error = {"name": "Died", "message": f"the process that ran it ended with {how}"}
            self.finish(statement, "died", 128 - code if code < 0 else code or 1, error, usage)
        worker.kill()  # what it left in its group
        self.close_worker()
        if lost:
            self.clean()
        if lost and not self.is_stopping:
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


def quoted(text):
    return json.encoder.encode_basestring_ascii(text).encode()


def main(runner):
    if "DROVER_ENGINE_SOCKET" not in os.environ:
        say("DROVER_ENGINE_SOCKET is not set: engines are started by a Drover agent (docs/engine-protocol.md)")
        sys.exit(2)
    Engine(runner).run()
