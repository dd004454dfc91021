# engines/host/drover_worker.py - the forked process that runs statements, seen from both sides.
# SPDX-License-Identifier: Apache-2.0
"""The engine forks it with everything that is loaded; when it dies, or must, only its statement is lost.

A Runner is what an engine writes:
    languages, version        what it says of itself
    load(options)             in the engine, once, before any fork: imports
    open(options)             in each new worker; self.engine_log is a descriptor of the engine's own log
    reset()                   before a statement with reset `namespace`
    run(task) -> exit code    raises Failure, or whatever the code raises; KeyboardInterrupt = cancelled
    usage()                   of processes that go on after a statement
    cancel()                  once, when the statement that runs is to end; by default SIGINT to the worker's process group
    cancel_again()            later, as long as it has not ended: by default SIGINT to those of its processes that have missed it
    interrupt()               on SIGINT while run() is active; by default raises KeyboardInterrupt
    is_spent                  true: no statement after this one can run in this process, it ends; by default false
    cleaner()                 in the engine, at its start and when a worker died: a command that ends what was left elsewhere, or None

Orders come as packets, each with its number, ahead of time: the worker takes the next when it is done with one, and the engine can take back
what the worker has not taken, since it holds the worker's end too. So an order is begun, or it was taken back, and never both.

How a cancel gets here: the engine writes the number of the order that it means into a pipe and sends WAKE, which alone says nothing. The worker looks into the pipe when it begins an order and on WAKE, in its main thread:
an order that has not begun ends at once, one that has ended is no longer meant, and only the one that runs is interrupted.
"""
import _signal
import _thread
import fcntl
import marshal
import os
import resource
import select
import signal
import socket
import sys
import termios
import time

from drover_io import json_bytes
from drover_results import Results

TRACEBACK_MAX = 16 << 10
MESSAGE_MAX = 4 << 10
PROGRESS_PAUSE_S = 0.05
PACKET_MAX = 32 << 10  # of an order: a longer one comes in pieces
EMPTY = b"\0\0\0\0"
WAKE = signal.SIGRTMIN + 7  # not SIGINT: the code may have plans for that, and its processes hear it at any time

try:  # ctypes itself would cost the start of each engine some milliseconds
    import _ctypes
    FFLUSH = _ctypes.dlsym(_ctypes.dlopen(None, 0), "fflush")
except (ImportError, OSError):
    FFLUSH = None


class Failure(Exception):
    """The code is at fault: what its author is told."""

    def __init__(self, name, message, line=None, traceback=None, exit_code=1, outcome="error", permanent=False):
        super().__init__(message)
        self.outcome, self.permanent = outcome, permanent  # permanent: another try would end in the same way
        self.name, self.message, self.line, self.traceback, self.exit_code = name, message, line, traceback, exit_code


class Runner:
    languages, version, is_spent = [], "", False

    def load(self, options):
        pass

    def open(self, options):
        pass

    def reset(self):
        pass

    def run(self, task):
        raise NotImplementedError

    def cancel(self):
        os.killpg(0, signal.SIGINT)  # like a terminal: what the code waits for must hear of it too

    def cancel_again(self):
        for pid in deaf_children():
            send_signal(pid, signal.SIGINT)

    def interrupt(self):
        raise KeyboardInterrupt

    def cleaner(self):
        return None

    def usage(self):
        """(user_us, system_us, rss_kib) of processes that the worker has not waited for."""
        return 0, 0, 0


class Worker:
    """The engine's side: a process id, a socket for orders, one for what it tells, a pipe with the output."""

    def __init__(self, runner, options, inherited, forget):
        ours, theirs = socket.socketpair()
        self.orders, self.taken = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.gate = os.memfd_create("gate")  # its lock is held by who takes orders: one, or all that are left
        self.output, writer = os.pipe()
        cancels, self.cancels = os.pipe()
        for fd in (self.output, cancels, self.cancels):
            os.set_blocking(fd, False)
        sys.stdout.flush()
        sys.stderr.flush()
        self.pid = os.fork()
        if self.pid == 0:
            status = 70
            try:
                signal.set_wakeup_fd(-1)
                forget()
                for fd in (ours.fileno(), self.orders.fileno(), self.output, self.cancels, *inherited):
                    os.close(fd)
                status = Served(runner, options, self.taken, self.gate, theirs, writer, cancels).serve()
            except BaseException as error:  # no frame of ours may go on in two processes
                os.write(2, f"drover engine: the worker failed: {error!r}\n".encode("utf-8", "replace"))
            finally:
                os._exit(status)
        theirs.close()
        os.close(writer)
        os.close(cancels)
        self.orders.setblocking(False)
        self.control = ours
        self.number, self.rest, self.is_dead, self.cpu_us = 0, [], False, (0, 0)

    def give(self, order):
        """The order's number; 0: there is no room for it now. Of a long one more than a packet, what is left goes with give_rest()."""
        data = marshal.dumps((self.number + 1, order))
        if len(data) > PACKET_MAX:
            pieces = [data[at:at + PACKET_MAX] for at in range(0, len(data), PACKET_MAX)]
            self.rest = [marshal.dumps(len(data)), *pieces][::-1]
            self.give_rest()
        else:
            try:
                self.orders.send(data)
            except OSError:  # no room, or it is dead
                return 0
        self.number += 1
        return self.number

    def give_rest(self):
        """False: it must read first."""
        try:
            while self.rest:
                self.orders.send(self.rest[-1])
                self.rest.pop()
        except BlockingIOError:
            return False
        except OSError:  # it is dead
            self.rest.clear()
        return True

    def take_back(self):
        """The numbers of the orders that it has not begun, and will not. None of them may be a long one."""
        numbers = []
        fcntl.lockf(self.gate, fcntl.LOCK_EX)  # else the worker might begin one between two that come back
        try:
            while True:
                numbers.append(marshal.loads(self.taken.recv(PACKET_MAX, socket.MSG_DONTWAIT))[0])
        except BlockingIOError:
            return numbers
        finally:
            fcntl.lockf(self.gate, fcntl.LOCK_UN)

    def go_on(self):
        """Its output has been read: see Served.await_reader."""
        try:
            self.control.send(b"\n")
        except OSError:
            pass

    def interrupt(self, number):
        """This order, and no other."""
        try:
            os.write(self.cancels, b"%d\n" % number)
            os.kill(self.pid, WAKE)
        except OSError:  # it is dead, or has not looked for thousands of cancels: the grace ends it
            pass

    def kill(self):
        for send in (os.killpg, os.kill):
            try:
                return send(self.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass

    def close(self):
        for end in (self.control, self.orders, self.taken):
            end.close()
        os.close(self.gate)
        os.close(self.output)
        os.close(self.cancels)


class Task:
    """One statement as the runner sees it."""

    def __init__(self, order, send):
        self.id, self.code, self.language = order["id"], order.get("code", ""), order.get("language", "")
        self.order, self.results, self.send_line = order, Results(order), send
        self.told_at, self.told_fraction, self.is_over, self.is_cancelled = 0.0, 0.0, False, False
        self.is_interrupted = False  # told so, unlike a runner's own mark, from before run() has begun
        self.entered = None  # the directory, if this statement changed to it

    def progress(self, done, total=None, text=""):
        """A fraction from 0 to 1, or how many of how many. Cheap when called often."""
        fraction = done / total if total else float(done) if total is None else 0.0
        now = time.monotonic()
        if self.is_over or not fraction >= 0 or (
                now - self.told_at < PROGRESS_PAUSE_S and fraction - self.told_fraction < 0.01):
            return
        self.told_at, self.told_fraction = now, fraction
        line = {"type": "progress", "id": self.id, "fraction": min(fraction, 1.0), "text": str(text)[:200]}
        if total is not None:
            line["done"], line["total"] = int(done), int(total)
        self.send_line(json_bytes(line) + b"\n")


class Served:
    """The worker's side: takes one order after the other."""

    def __init__(self, runner, options, orders, gate, control, output, cancels):
        self.runner, self.options, self.orders, self.control = runner, options, orders, control
        self.output, self.cancels, self.gate, self.poll = output, cancels, gate, select.poll()
        self.poll.register(orders, select.POLLIN)
        self.pid, self.is_running, self.given_cwd = os.getpid(), False, None
        self.number, self.cancelled, self.task = 0, 0, None  # of the order that was taken, and cancelled, last
        self.is_stopped = self.is_deaf = False  # SIGTERM has interrupted it already; it is not to hear of the next SIGINT
        self.is_lost = False  # an interrupt, on its way
        self.sending = _thread.allocate_lock()
        os.setpgid(0, 0)  # a group of its own to signal, in the session by which the node knows the job
        self.engine_log = os.dup(2)
        null = os.open("/dev/null", os.O_RDONLY)
        os.dup2(null, 0)
        os.close(null)
        self.aim_output()
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        self.hear_signals()
        runner.engine_log = self.engine_log
        runner.open(options)
        self.first_environ, self.first_cwd = dict(os.environ._data), os.getcwd()  # as bytes: cheap to compare
        self.hook("before")

    def aim_output(self):
        """Whatever the last statement did to them: descriptors and streams lead to the log again."""
        for fd in (1, 2):
            os.dup2(self.output, fd)
        if not hasattr(self, "streams"):
            self.streams = [open(fd, "w", buffering=1, encoding="utf-8", errors="backslashreplace", closefd=False)
                            for fd in (1, 2)]
        self.streams = [stream if not stream.closed else
                        open(fd, "w", buffering=1, encoding="utf-8", errors="backslashreplace", closefd=False)
                        for fd, stream in zip((1, 2), self.streams)]
        sys.stdout, sys.stderr = sys.__stdout__, sys.__stderr__ = self.streams

    def hear_signals(self):
        # A handler, unlike SIG_IGN, is not handed on to programs that the code starts. Before each statement: signal.signal() would make
        # enums of what was there, which costs more than all else here.
        for number in (signal.SIGINT, signal.SIGTERM):
            _signal.signal(number, self.on_interrupt)
        _signal.signal(WAKE, self.on_wake)
        sys.unraisablehook = self.on_unraisable

    def on_unraisable(self, lost):
        """Python drops what is raised in a callback of a weak reference or in a finalizer (an import has some), an interrupt
        too. To raise it here would lose it again: when the engine asks once more, it is repeated."""
        if self.is_running and self.task.is_cancelled and lost.exc_type is KeyboardInterrupt:
            self.is_lost = True
        else:
            sys.__unraisablehook__(lost)

    def on_interrupt(self, number, _):
        """The code's own signal, or that of cancel(); SIGTERM is what the node sends to all processes of the engine's job:
        that is a cancel to us, and not a death. The engine's own cancel follows it and is not to interrupt twice."""
        if number == signal.SIGTERM:
            if not self.is_running or self.task.is_cancelled:
                return
            self.is_stopped = True
        elif self.is_deaf:
            self.is_deaf = False
            return
        if self.is_running and os.getpid() == self.pid:
            self.task.is_interrupted = True
            self.runner.interrupt()

    def on_wake(self, *_):
        self.look_for_cancels()

    def look_for_cancels(self):
        try:
            numbers = os.read(self.cancels, 4096).split()
        except BlockingIOError:
            return
        if not numbers or os.getpid() != self.pid:
            return
        self.cancelled = int(numbers[-1])
        if not self.is_running or self.cancelled != self.number:
            return
        if self.task.is_cancelled:
            if self.is_lost:
                self.is_lost = False
                send_signal(self.pid, signal.SIGINT)
            return self.runner.cancel_again()
        self.task.is_cancelled, self.is_deaf = True, self.is_stopped
        self.runner.cancel()

    def take(self):
        """An order, or its first piece; nothing = the engine is gone. Waits without the lock."""
        while True:
            fcntl.lockf(self.gate, fcntl.LOCK_EX)
            try:
                return self.orders.recv(PACKET_MAX, socket.MSG_DONTWAIT)
            except BlockingIOError:
                pass
            finally:
                fcntl.lockf(self.gate, fcntl.LOCK_UN)
            self.poll.poll()

    def serve(self):
        while True:
            data = self.take()
            if not data:
                return 0
            order = marshal.loads(data)
            if isinstance(order, int):  # so many bytes follow
                data = bytearray()
                while len(data) < order:
                    piece = self.orders.recv(PACKET_MAX)
                    if not piece:
                        return 0
                    data += piece
                order = marshal.loads(data)
            self.serve_one(*order)
            if self.runner.is_spent:
                return 0

    def send(self, data):
        with self.sending:  # threads of the code tell progress too
            self.control.sendall(data)

    def serve_one(self, number, order):
        task = self.task = Task(order, self.send)
        self.number, self.is_stopped, self.is_deaf, self.is_lost = number, False, False, False
        before, started_us = self.usage(), time.time_ns() // 1000
        error, exit_code, outcome = None, 0, "ok"
        try:
            self.prepare(order, task)
            self.is_running = True
            try:
                self.look_for_cancels()
                if self.cancelled == self.number:  # while it was prepared, or before: WAKE found nothing that runs
                    raise KeyboardInterrupt
                exit_code = self.runner.run(task) or 0
            finally:
                self.is_running = False
            fail_over_quota(task)
        except KeyboardInterrupt:
            outcome, exit_code = "cancelled", 130
            error = {"name": "KeyboardInterrupt", "message": "interrupted"}
        except Failure as failure:
            outcome, exit_code, error = failure.outcome, failure.exit_code, described(failure)
        except BaseException as failure:
            outcome, exit_code = "error", 1
            error = {"name": type(failure).__name__, "message": str(failure)[:MESSAGE_MAX]}
        self.is_running, self.task = False, None  # an interrupt may have come in the middle of `finally`
        if os.getpid() != self.pid:  # a fork of the code came back to us
            os._exit(exit_code & 0xff)
        task.is_over = True
        flush()
        after, has_printed = self.usage(), fcntl.ioctl(self.output, termios.FIONREAD, EMPTY) != EMPTY
        # First what the engine itself needs, then the members of `ended`, which it passes on without reading them.
        line = (f'done {number} {has_printed:d} {after[0]} {after[1]} "outcome":"{outcome}","exit_code":{exit_code},'
                f'"started_us":{started_us},"ended_us":{time.time_ns() // 1000},"usage":{{"user_us":{max(0, after[0] - before[0])},'
                f'"system_us":{max(0, after[1] - before[1])},"max_rss_kib":{after[2]}}},')
        if error is not None:
            line += f'"error":{json_bytes(error).decode()},'
        self.send(b'%b"results":%b}\n' % (line.encode(), task.results.json()))
        if has_printed:
            self.await_reader()
        self.hook("after")

    def await_reader(self):
        """What is in the pipe belongs to this statement, and the next must not print before it is read."""
        self.control.recv(1)

    def usage(self):
        mine, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
        user_us, system_us, rss_kib = self.runner.usage()
        return (int((mine.ru_utime + children.ru_utime) * 1e6) + user_us,
                int((mine.ru_stime + children.ru_stime) * 1e6) + system_us,
                max(mine.ru_maxrss, children.ru_maxrss, rss_kib))

    def hook(self, which):
        """The plugin's own code; it fails no statement. droverd puts [hooks] into the options."""
        code = (self.options.get("hooks") or {}).get(which)
        if code:
            try:
                self.runner.run(Task({"id": "", "code": code, "language": self.runner.languages[0]}, lambda line: None))
            except BaseException as error:
                os.write(self.engine_log, f"drover engine: hook `{which}`: {error!r}\n".encode("utf-8", "replace"))

    def prepare(self, order, task):
        self.aim_output()
        self.hear_signals()
        given = order.get("env") or {}
        if order.get("reset", "none") != "none":
            self.renew_environ(given)
            self.given_cwd = None
            self.runner.reset()
        else:
            for name, value in given.items():
                os.environ[name] = value
        cwd = order.get("cwd") or self.first_cwd
        if cwd != self.given_cwd:  # else the code's own chdir stays
            try:
                os.chdir(cwd)
            except OSError as error:
                raise Failure(type(error).__name__, f"cannot enter {cwd}: {error.strerror}") from None
            self.given_cwd = task.entered = cwd

    def renew_environ(self, given):
        """As it was at first, and what is given; what is so already is not touched."""
        environ = os.environ
        there, wanted = environ._data, dict(self.first_environ)
        for name, value in given.items():
            wanted[environ.encodekey(name)] = environ.encodevalue(value)
        if there != wanted:
            for name in there.keys() - wanted.keys():
                del environ[environ.decodekey(name)]
            for name, value in wanted.items() - there.items():
                environ[environ.decodekey(name)] = environ.decodevalue(value)


def send_signal(pid, number):
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass


def deaf_children():
    """Processes below us, of our group, that an interrupt would have ended: they were between fork and exec when it came, where
    a shell's handler takes it and the program that follows knows nothing of it. Before each of them those that started it: a
    shell waits as if nothing had been, and goes on with its next line when its child alone is interrupted."""
    found, look_at, group, parents = [], ["self"], os.getpgid(0), {}
    while look_at:
        pid = look_at.pop()
        try:
            with open(f"/proc/{pid}/task/{os.getpid() if pid == 'self' else pid}/children", "rb") as children:
                below = list(map(int, children.read().split()))
            look_at += below
            parents.update(dict.fromkeys(below, pid))
            if pid == "self" or os.getpgid(pid) != group:
                continue
            with open(f"/proc/{pid}/status", "rb") as status:
                fields = dict(line.split(b":", 1) for line in status.read().splitlines() if b":" in line)
            handled = int(fields[b"SigCgt"], 16) | int(fields[b"SigIgn"], 16)
        except (OSError, ValueError, KeyError):
            continue
        if not handled & 1 << signal.SIGINT - 1 and not fields[b"State"].strip().startswith(b"Z"):
            line = [pid]
            while (parent := parents[line[-1]]) != "self":
                line.append(parent)
            found += [one for one in reversed(line) if one not in found]
    return found


def described(failure):
    error = {"name": failure.name, "message": failure.message[:MESSAGE_MAX]}
    if failure.line is not None:
        error["line"] = failure.line
    if failure.permanent:
        error["permanent"] = True
    if failure.traceback:
        text = failure.traceback
        if len(text.encode("utf-8", "replace")) > TRACEBACK_MAX:  # the first and last frames tell most
            text = text[:1500] + "\n  ...\n" + text[-1500:]
        error["traceback"] = text
    return error


def fail_over_quota(task):
    """Of a statement that ended well otherwise."""
    if task.results.over_quota:
        raise Failure("ResultQuota", task.results.over_quota, permanent=True)


def flush():
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except Exception:  # the code's own stream, or a closed one
            pass
    if FFLUSH is not None:
        _ctypes.call_function(FFLUSH, (None,))  # what C libraries have buffered
