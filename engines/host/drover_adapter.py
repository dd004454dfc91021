# engines/host/drover_adapter.py - an engine whose statements run elsewhere: many at once, without a process for each.
# SPDX-License-Identifier: Apache-2.0
"""`main(adapter)` is all that an adapter calls. Its statements run on a cluster; here they are only begun, asked for and ended,
in poller threads (drover_pollers.py), while the main thread listens to the agent. No code of users runs in this process.

Statements of one session run one after the other; others run beside them, up to `concurrency` of the options. A statement with
`reset` other than `none` begins a session of its own, in which those with `none` that come after it go on."""
import collections
import json
import os
import resource
import sys
import threading
import time

import drover_engine
from drover_io import json_bytes, resident_kib, say
from drover_loop import Loop
from drover_pollers import BALANCE_S, Limits, Poll, Pollers
from drover_worker import Failure, MESSAGE_MAX, Task, described, fail_over_quota

CONCURRENCY = 100
FIRST_AGAIN_S, LAST_AGAIN_S = 0.1, 10.0   # after no answer
GIVE_UP_S = 300                           # without an answer: what runs there is lost to us
END_S = 4                                 # at the end of the engine for what must still be told elsewhere
STEP_AGAIN_S = 1.0
SLOW_S = 1.0                              # to begin: then it is said whom it waits for
LEFT_BEHIND = "--cancel-left-behind"


class Unanswered(Exception):
    """The other side could not be asked, or did not say. `pause_s`: when it wants to be asked again."""

    def __init__(self, message, pause_s=None, may_have_begun=False, is_slow=False):
        super().__init__(message)
        self.pause_s, self.may_have_begun, self.is_slow = pause_s, may_have_begun, is_slow


class Adapter:
    """What an engine writes."""

    languages, version, options = [], "", {}

    def load(self, options):
        self.options = options

    def new_session(self):
        """What stays between statements; no IO."""
        return Session()

    def remote(self, task, session):
        """The statement: a Remote; no IO. May raise Failure."""
        raise NotImplementedError

    def cancel_left_behind(self):
        """In a process beside the engine, at its start: ends what engines that were killed have begun. The exit code."""
        raise NotImplementedError

    def cleaner(self):
        return [sys.executable, *(["-S"] if sys.flags.no_site else []), os.path.abspath(sys.modules["__main__"].__file__), LEFT_BEHIND]


class Session:
    """What stays between statements. One with a target is closed at last: close() may do IO. beat() is called each `beat_s`."""

    target, beat_s, is_beaten = "", 0, False

    def __init__(self):
        self.env, self.cwd = {}, None
        self.is_busy, self.is_left, self.waiting = False, False, 0

    def close(self):
        pass

    def beat(self):
        pass


class Remote:
    """One statement. All but wake() is called in a poller thread, one at a time except tell(). A step gives the pause until the
    next, None when the statement has ended well; it raises Failure, Unanswered (it is asked again), KeyboardInterrupt (it has
    ended because it was cancelled). `batch`: see poll_all."""
    target, batch = "", None
    give_up_s = GIVE_UP_S
    is_left = False  # after close(): what it began may still be there, the cleaner is to look

    def submit(self):
        raise NotImplementedError

    def poll(self):
        raise NotImplementedError

    def cancel(self):
        """The statement is to end; poll() follows if it has not yet."""
        raise NotImplementedError

    def tell(self):
        """Progress, output and the like, beside the polls. None: not again."""
        return None

    def wake(self):
        """In the main thread: a cancel has come, an answer that takes long is not wanted any more."""

    def close(self):
        """Once, whatever the end was."""

    @classmethod
    def poll_all(cls, remotes):
        """Those of one `batch`: for each what poll() would give, or the exception that it would raise."""
        return [attempt(remote.poll) for remote in remotes]


class AdapterTask(Task):
    """What a Remote sees of its statement."""

    def __init__(self, order, send, log, session):
        super().__init__(order, send)
        self.env, self.cwd = dict(session.env), session.cwd
        self.log, self.lock = log, threading.Lock()

    def say(self, data):
        with self.lock:
            self.log.write(data if isinstance(data, bytes) else data.encode("utf-8", "replace"))

    def drop(self, size):
        """So much more was said than the log takes."""
        with self.lock:
            self.log.dropped += size

    def setting(self, options, name, variable):
        return self.env.get(variable) or os.environ.get(variable) or options.get(name) or ""


class Running:
    """A statement on its way. `is_over`: its end is told. The remote may still be there after that, to be cancelled."""

    def __init__(self, statement, session):
        self.statement, self.session, self.task, self.remote = statement, session, None, None
        self.phase, self.said = "submit", None
        self.is_over = self.is_cancelled = self.is_cancel_sent = False
        self.silent_since, self.again_s, self.cpu_ns = None, FIRST_AGAIN_S, 0
        self.status = None


def attempt(act):
    try:
        return act()
    except BaseException as error:
        return error


class AdapterEngine(drover_engine.Engine):
    def __init__(self, adapter):
        super().__init__(adapter)
        self.running = {}                    # by id, until their end is told
        self.remotes = set()                 # until they are closed
        self.session, self.events = None, collections.deque()
        self.sessions = {}                   # of statements that wait
        self.concurrency = max(1, int(self.options.get("concurrency") or CONCURRENCY))
        least, most = (int(self.options.get(name) or value) for name, value in (("pollers_least", 1), ("pollers_most", 16)))
        limits = Limits(max(1, least), max(least, most))
        self.status = Pollers("status", self.step_all, limits)
        self.metrics = Pollers("metrics", self.tell_all, limits)
        self.pollers = (self.status, self.metrics)
        self.cpus = os.cpu_count() or 1

    # ---- the engine's life; what the worker is to other engines
    def fork(self):
        self.session = self.runner.new_session()
        self.balance()

    def balance(self):
        per_cpu = os.getloadavg()[0] / self.cpus
        for pollers in self.pollers:
            pollers.turn(per_cpu)
        self.after(BALANCE_S, "balance", self.balance)

    def run(self):
        super().run()
        self.leave_session(self.session)
        end = time.monotonic() + END_S
        while self.remotes and time.monotonic() < end:
            time.sleep(0.05)
        if self.remotes:
            say(f"{len(self.remotes)} statements may go on elsewhere")
        sys.stderr.flush()
        os._exit(0)  # threads that wait for an answer do not hold us up

    def on_wake(self):
        super().on_wake()
        while self.events:
            act, *arguments = self.events.popleft()
            act(*arguments)

    def tell_main(self, act, *arguments):
        self.events.append((act, *arguments))
        try:
            os.write(self.wake_write, b".")
        except BlockingIOError:  # it has much to read: it looks
            pass

    def reap(self):
        Loop.reap(self)

    def stop(self):
        self.is_stopping = True
        for statement in [*self.queue, *(running.statement for running in self.running.values())]:
            self.cancel(statement, drover_engine.STOP_GRACE_S)
        self.leave_if_done()

    def leave_if_done(self):
        if self.is_stopping and not self.running:
            if not self.known:
                self.is_finished = True
            else:
                self.after(drover_engine.LEAVE_S, "leave", self.leave)

    def tell_health(self):
        if self.is_welcome:
            self.send({"type": "health", "rss_kib": resident_kib(os.getpid()), "running": len(self.known) - len(self.ended),
                       "pollers": [pollers.health() for pollers in self.pollers]})
        self.after(drover_engine.HEALTH_S, "health", self.tell_health)

    def hello(self):
        return dict(super().hello(), concurrency=self.concurrency)

    def is_idle(self):
        return not self.running and not self.queue

    def tell_running(self):
        for running in self.running.values():
            self.send({"type": "started", "id": running.statement.id, "at_us": running.statement.started_us})

    # ---- statements
    def run_next(self):
        held = set()
        for statement in list(self.queue):
            session = self.session_of(statement)
            if session in held or session.is_busy:
                held.add(session)
                continue
            if len(self.running) >= self.concurrency:
                return
            self.queue.remove(statement)
            del self.sessions[statement.id]
            self.begin(statement, session)

    def session_of(self, statement):
        """Which it belongs to is settled when it comes: by those before it."""
        session = self.sessions.get(statement.id)
        if session is None:
            if statement.order.get("reset", "none") != "none":
                old, self.session = self.session, self.runner.new_session()
                self.leave_session(old)
            session = self.sessions[statement.id] = self.session
            session.waiting += 1
        return session

    def leave_session(self, session, is_ended=False):
        """No statement that comes will belong to it. When none is left that does, it is closed."""
        if not is_ended:
            session.is_left = True
        if session.is_left and not session.waiting and session.target:
            self.status.add(Poll(session.target, Closing(self, session)))

    def begin(self, statement, session):
        language = statement.order.get("language")
        if language not in self.runner.languages:
            session.waiting -= 1
            return self.refuse(statement, f"the engine has no language {language!r}: {', '.join(self.runner.languages)}")
        statement.begin_log()
        running = self.running[statement.id] = Running(statement, session)
        session.is_busy = True
        self.uses += 1
        statement.started_us = time.time_ns() // 1000
        self.send({"type": "started", "id": statement.id, "at_us": statement.started_us})
        limit = statement.order.get("time_limit_s") or 0
        if limit > 0:
            self.after(limit, f"limit {statement.id}",
                       lambda: self.interrupt(running, "timeout", drover_engine.TIMEOUT_GRACE_S))
        try:
            session.env.update(statement.order.get("env") or {})
            session.cwd = statement.order.get("cwd") or os.getcwd()
            running.task = AdapterTask(statement.order, lambda line: self.tell_main(self.on_progress_line, running, line),
                                       statement.log, session)
            if not os.path.isdir(session.cwd):
                raise Failure("NotADirectory", f"cannot enter {session.cwd}")
            running.remote = self.runner.remote(running.task, session)
        except Exception as error:
            return self.tell_main(self.end, running, error)  # not from within run_next()
        self.remotes.add(running.remote)
        self.after(SLOW_S, f"slow {statement.id}", lambda: self.tell_slow(running))
        running.status = Poll(running.remote.target, running)
        self.status.add(running.status)
        self.metrics.add(Poll(running.remote.target, running), STEP_AGAIN_S / 2)
        if session.beat_s and not session.is_beaten:
            session.is_beaten = True
            self.metrics.add(Poll(session.target, session), session.beat_s)

    def cancel(self, statement, grace_s):
        if statement.id in self.running:
            return self.interrupt(self.running[statement.id], "cancelled", grace_s)
        self.queue.remove(statement)
        session = self.sessions.pop(statement.id, None)
        if session is not None:
            session.waiting -= 1
            self.leave_session(session, is_ended=True)
        self.finish(statement, "cancelled", 130, {"name": "Cancelled", "message": "cancelled before it started"})

    def interrupt(self, running, why, grace_s):
        statement = running.statement
        if statement.ending is None:
            statement.ending = why
            running.is_cancelled = running.task.is_cancelled = True
            if running.phase == "follow":
                running.remote.wake()
            self.status.hasten(running.status)
        self.after(grace_s, f"kill {statement.id}", lambda: self.end(running, KeyboardInterrupt()))

    def end(self, running, error=None):
        """In the main thread. When the grace is over the remote may still be there: its pollers go on until it is not."""
        if running.is_over:
            return
        running.is_over = running.task.is_over = True
        statement, session = running.statement, running.session
        if error is None and running.task is not None:
            error = attempt(lambda: fail_over_quota(running.task))
        outcome, exit_code, told = outcome_of(error)
        for what in ("limit", "kill", "progress", "slow"):
            self.timers.pop(f"{what} {statement.id}", None)
        del self.running[statement.id]
        with running.task.lock:
            ended = {"outcome": outcome, "exit_code": exit_code, "started_us": statement.started_us,
                     "ended_us": time.time_ns() // 1000,
                     "usage": {"user_us": running.cpu_ns // 1000, "system_us": 0,
                               "max_rss_kib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss}}
            if told is not None:
                ended["error"] = told
            members = json_bytes(statement.as_wanted(ended))[1:-1]
            self.told_end(statement, members + b',"results":' + running.task.results.json() + b"}")
        session.is_busy, session.waiting = False, session.waiting - 1
        self.leave_session(session, is_ended=True)
        self.run_next()
        self.leave_if_done()

    def tell_slow(self, running):
        if running.phase == "submit" and running.said is None:
            running.task.progress(0.0, text=f"waiting for {running.remote.target}")

    def on_progress_line(self, running, line):
        if not running.is_over:
            self.on_progress(running.statement, json.loads(line))

    def on_progress(self, statement, message):
        statement.fraction = max(statement.fraction, message["fraction"])
        message["fraction"] = statement.fraction
        timer = f"progress {statement.id}"
        if timer in self.timers:
            statement.progress = message  # the newest goes when the pause is over
            return
        self.send(message)
        statement.progress = None
        self.after(drover_engine.PROGRESS_S, timer,
                   lambda: statement.progress is None or self.on_progress(statement, statement.progress))

    # ---- in the pollers
    def step_all(self, polls):
        running = [poll.about for poll in polls]
        if len(polls) == 1:
            results = [attempt(running[0].step if isinstance(running[0], Closing) else lambda: self.step(running[0]))]
        else:
            begun = time.thread_time_ns()
            results = running[0].remote.poll_all([one.remote for one in running])
            for one in running:
                one.cpu_ns += (time.thread_time_ns() - begun) // len(running)
        return [self.judge(poll, result) for poll, result in zip(polls, results)]

    def step(self, running):
        begun, remote = time.thread_time_ns(), running.remote
        try:
            if running.is_cancelled and not running.is_cancel_sent:
                if running.phase == "submit":
                    raise KeyboardInterrupt
                pause_s = remote.cancel()
                running.is_cancel_sent = True
                return pause_s
            if running.phase == "submit":
                pause_s = remote.submit()
                running.phase, running.status.batch = "follow", remote.batch
                return pause_s
            return remote.poll()
        finally:
            running.cpu_ns += time.thread_time_ns() - begun

    def judge(self, poll, result):
        """The pause until the next step."""
        running = poll.about
        if isinstance(running, Closing):
            return running.judge(poll, result)
        if isinstance(result, Unanswered):
            result = self.ask_again(poll, running, result)
        elif not isinstance(result, BaseException):
            running.silent_since, running.again_s = None, FIRST_AGAIN_S
            if running.said is not None:  # what is shown now is over
                running.said = None
                running.task.progress(running.task.told_fraction)
        if isinstance(result, (int, float)):
            return result
        closed = attempt(running.remote.close)
        if isinstance(closed, BaseException) and result is None:
            result = closed
        self.tell_main(self.end, running, result)
        if running.remote.is_left:
            self.tell_main(self.clean)
        self.remotes.discard(running.remote)
        return None

    def ask_again(self, poll, running, why):
        poll.failed = True
        now, remote = time.monotonic(), running.remote
        if running.phase == "submit" and why.may_have_begun:
            return Failure("SubmitError", f"{why}; it may have begun and is not sent again")
        if running.silent_since is None:
            running.silent_since = now
        if remote.give_up_s and now - running.silent_since > remote.give_up_s:
            return Failure("Lost", f"{why}, for {remote.give_up_s} s", outcome="died")
        if str(why) != running.said and not (running.is_cancelled and not running.is_cancel_sent):
            running.said = str(why)
            running.task.say(f"[drover: {why}; asking again]\n")
            running.task.progress(running.task.told_fraction, text=running.said)
        pause_s, running.again_s = why.pause_s or running.again_s, min(running.again_s * 2, LAST_AGAIN_S)
        return min(pause_s, 60.0)

    def tell_all(self, polls):
        return [self.tell_one(poll) for poll in polls]

    def tell_one(self, poll):
        running = poll.about
        if isinstance(running, Session):
            poll.failed = isinstance(attempt(running.beat), BaseException)
            return None if running.is_left else running.beat_s
        if running.is_over:
            return None
        if running.phase == "submit":
            return STEP_AGAIN_S / 2
        result = attempt(running.remote.tell)
        if isinstance(result, BaseException):
            poll.failed = True
            return STEP_AGAIN_S * 5
        return result


class Closing:
    """A session that nobody needs any more."""
    TRIES = 3

    def __init__(self, engine, session):
        self.engine, self.session, self.tries = engine, session, 0
        engine.remotes.add(self)

    def step(self):
        self.session.close()

    def judge(self, poll, result):
        self.tries += 1
        poll.failed = isinstance(result, Unanswered)
        if poll.failed and self.tries < self.TRIES:
            return STEP_AGAIN_S
        if isinstance(result, BaseException):
            say(f"a session stays: {result}")
        self.engine.remotes.discard(self)
        return None


def outcome_of(error):
    """(outcome, exit code, what is told of it)"""
    if error is None:
        return "ok", 0, None
    if isinstance(error, KeyboardInterrupt):
        return "cancelled", 130, {"name": "KeyboardInterrupt", "message": "interrupted"}
    if isinstance(error, Failure):
        return error.outcome, error.exit_code, described(error)
    return "error", 1, {"name": type(error).__name__, "message": str(error)[:MESSAGE_MAX] or "no more is known"}


def options_of_engine():
    """In a cleaner, which runs beside the engine."""
    return json.loads(os.environ.get("DROVER_ENGINE_OPTIONS") or "{}")


def main(adapter):
    if sys.argv[1:] == [LEFT_BEHIND]:
        sys.exit(adapter.cancel_left_behind())
    if "DROVER_ENGINE_SOCKET" not in os.environ:
        say("DROVER_ENGINE_SOCKET is not set: engines are started by a Drover agent (docs/engine-protocol.md)")
        sys.exit(2)
    AdapterEngine(adapter).run()
