# engines/host/drover_engine.py - the engine's side of docs/engine-protocol.md: queue, cancel, limits, and the worker that runs the code.
# SPDX-License-Identifier: Apache-2.0
"""`main(runner)` is all that an engine calls. One thread, one poll (drover_loop.py, drover_connection.py); the code runs in a forked
worker (drover_worker.py), so that nothing it does keeps the engine from hearing a cancel."""
import collections
import fcntl
import gc
import json
import os
import signal
import struct
import sys
import termios
import time

import drover_kept  # now: a runner takes this folder off the path
from drover_connection import Connection
from drover_io import NOTHING, Lines, json_bytes, resident_kib, say
from drover_loop import NEVER_S
from drover_memory import MemoryLimit
from drover_statement import Statement, quoted
from drover_worker import WAKE, Worker

QUEUE_MAX = 1000
HEALTH_S, IDLE_HEALTH_S, PROGRESS_S = 5.0, 10.0, 0.2
STATEMENT_TIMERS = {"limit", "kill", "again", "progress"}
TIMEOUT_GRACE_S, STOP_GRACE_S, LEAVE_S = 5, 5, 1
CLEAN_FIRST_S, CLEAN_S = 5, 3600  # removal of old results
TOUCH_S = 900  # well within drover_kept.YOUNG_S
NAP_S = 0.001
AHEAD_MAX = 16  # orders that the worker has and has not begun
TELL_S, BACK_S = 0.001, 0.05  # a start is told after that; so often it is looked who waits too long
MAY_BE_MEMORY = b'"outcome":"died"', b'"outcome":"error","exit_code":137,'  # a program of the code, too
FIRST_AGAIN_S, LAST_AGAIN_S = 0.25, 4.0  # until it is looked who has missed an interrupt


class Engine(Connection):
    def __init__(self, runner):
        super().__init__(runner)
        self.queue, self.flight = collections.deque(), collections.deque()  # the worker has those of `flight`, and runs the first
        self.ahead_max = 0 if (self.options.get("hooks") or {}).get("after") else AHEAD_MAX  # a hook's output is nobody's
        self.begun_at, self.read_at, self.pace_s, self.is_flowing, self.is_held = 0.0, 0.0, NAP_S, False, False
        self.kept = self.options.get("results") or {}  # for how long, and how much
        self.worker = self.worker_lines = None
        self.memory = MemoryLimit()

    # ---- the engine's life
    def run(self):
        self.runner.load(self.options)
        self.hear_signals()
        signal.signal(WAKE, lambda *_: None)  # for the worker, until it listens: by default it would die of it
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
        self.flush_agent()
        if self.is_flowing and len(self.flight) > 1:  # several ends in one turn are cheaper than a turn for each
            self.is_flowing = False
            time.sleep(min(NAP_S, self.pace_s * (len(self.flight) - 1)))
        self.serve(TELL_S if self.flight and not self.flight[0].is_told else NEVER_S)
        now = time.monotonic()
        if self.flight and not self.flight[0].is_told and now - self.begun_at >= TELL_S:
            self.tell_started()
        self.fire(now)

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

    # ---- what the agent says
    def is_idle(self):
        return not self.flight and not self.queue

    def tell_running(self):
        if self.flight:
            self.tell_started()

    def after_orders(self):
        self.run_next()
        self.watch_those_behind()

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
        statement.log.forget()
        self.finish(statement, "returned", 1, {"name": "Returned", "message": why})

    def begin(self, at_us):
        """The first of those in flight is the one that the worker runs, or takes at once."""
        statement = self.flight[0]
        self.uses += 1
        statement.started_us, self.begun_at = at_us, time.monotonic()
        statement.begin_log()
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
        self.told_end(statement, json_bytes(statement.as_wanted(ended))[1:])

    def told_end(self, statement, members):
        """`members`: JSON after its first brace."""
        if self.flight and statement is self.flight[0]:
            self.flight.popleft()
            if not statement.is_told and self.is_welcome:
                self.agent.send(b'{"type":"started","id":%b,"at_us":%d}\n' % (quoted(statement.id), statement.started_us))
            self.end_timers()
        statement.log.close()
        statement.order = None
        self.tell_end(statement, b'{"type":"ended","id":%b,%b\n' % (quoted(statement.id), members))

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
        if self.is_welcome:
            self.send({"type": "output", **self.output()})

    def hello(self):
        return {**super().hello(), **({} if self.worker is None else {"output": self.output()})}

    def output(self):
        """The agent holds the pipe too: when this process is killed, what it had not read is not lost."""
        return {"fd": self.worker.output, "pipe": os.fstat(self.worker.output).st_ino}

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
            members = json_bytes(statement.as_wanted(json.loads(b"{" + members)))[1:]
        elif members.startswith(MAY_BE_MEMORY):
            ended = json.loads(b"{" + members)
            members = json_bytes({**ended, **self.killed_for_memory(ended["error"])})[1:]
        self.told_end(statement, members)
        if self.flight:
            self.begin(time.time_ns() // 1000)
        self.leave_if_done()

    def killed_for_memory(self, error):
        """How one ended that may have been killed for it: nothing, if it was not."""
        short = self.memory.what_was_short()
        return {} if short is None else {"outcome": "died", "error": {**error, "name": "OutOfMemory", "message": short}}

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
        super().reap()
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
            if code == -signal.SIGKILL and statement.ending is None:
                error = self.killed_for_memory(error).get("error", error)
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
        self.after(CLEAN_S, "results", lambda: self.remove_old_results(base))
        self.dying.add(drover_kept.remove_beside(base, self.kept.get("keep_s") or 0, (self.kept.get("quota_mib") or 0) << 20,
                                                 {statement.results for statement in self.known.values()}))

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
