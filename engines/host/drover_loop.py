# engines/host/drover_loop.py - one thread, one poll: what is readable, timers by name, and what signals ask for.
# SPDX-License-Identifier: Apache-2.0
import os
import select
import signal
import time

NEVER_S = 1e6


class Loop:
    def __init__(self):
        self.poll, self.readers, self.timers, self.next_timer_s = select.poll(), {}, {}, time.monotonic() + NEVER_S
        self.stop_wanted = self.is_stopping = self.is_finished = False
        self.dying = set()  # children that end by themselves and are not reaped yet
        self.wake_read, self.wake_write = os.pipe()
        for fd in (self.wake_read, self.wake_write):
            os.set_blocking(fd, False)

    def hear_signals(self):
        signal.set_wakeup_fd(self.wake_write, warn_on_full_buffer=False)
        signal.signal(signal.SIGTERM, self.want_stop)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        self.watch(self.wake_read, self.on_wake)

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
        raise NotImplementedError

    def reap(self):
        for pid in list(self.dying):
            if os.waitpid(pid, os.WNOHANG)[0] == pid:
                self.dying.remove(pid)

    def serve(self, longest_s):
        """What is readable; waits for it, for the next timer, or so long."""
        wait_s = min(self.next_timer_s - time.monotonic(), longest_s)
        for fd, _ in self.poll.poll(max(0.0, wait_s * 1000 + 1)):
            if fd in self.readers:  # an earlier one may have closed it
                self.readers[fd]()

    def fire(self, now):
        """The timers whose time has come."""
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
