# engines/shell/engine.py - a bash that stays between statements and survives their cancel.
# SPDX-License-Identifier: Apache-2.0
"""bash runs interactively (without a terminal) because only then an interrupt gives up the statement and not the shell.
It reads short lines of ours from its input and sources the code from descriptor 8; while it sources it behaves as in a
script: no prompts, no job messages, no "exit".

An interrupt that finds it between two lines costs the line that it reads, or is to read next. So it is sent only after bash has
said that it begins with the code, and the status is then asked for twice more: the last answer says that nothing of the
interrupt is left that could hurt the next statement."""
import itertools
import os
import select
import shutil
import signal
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "host"))

import drover_engine  # noqa: E402
from drover_worker import Failure, Runner, deaf_children, send_signal  # noqa: E402

CODE_FD, STATUS_FD = 8, 9
RUN = f"\\builtin printf 'begin\\n' >&{STATUS_FD}; \\builtin . /dev/fd/{CODE_FD} </dev/null {STATUS_FD}>&-\n"
TELL = f"\\builtin printf '%s %s\\n' {{}} \"$?\" >&{STATUS_FD}\n"  # the number of the question, the status
ASK_AGAIN_S = 0.2
# What an interactive bash would do beside running code.
UNWANTED = ("PROMPT_COMMAND", "BASH_ENV", "ENV", "TMOUT", "MAIL", "MAILPATH", "HISTFILE", "PS0")


class ShellRunner(Runner):
    languages = ["shell", "bash", "sh"]

    def load(self, options):
        self.program = shutil.which("bash", path=os.environ.get("PATH", "") + ":/usr/bin:/bin")
        if self.program is None:
            drover_engine.say("there is no bash on this node")
            sys.exit(1)
        self.version = "bash"
        self.pid, self.questions = None, itertools.count(1)

    def open(self, options):
        self.start()

    def reset(self):
        self.stop()
        self.start()

    def start(self):
        self.code = os.memfd_create("code")
        command_read, self.commands = os.pipe()
        self.status, status_write = os.pipe()
        environ = {name: value for name, value in os.environ.items() if name not in UNWANTED}
        environ.update(PS1="", PS2="")
        # posix_spawn closes nothing by itself: what is not named here is close-on-exec.
        actions = [(os.POSIX_SPAWN_DUP2, command_read, 0), (os.POSIX_SPAWN_DUP2, self.code, CODE_FD + 100),
                   (os.POSIX_SPAWN_DUP2, status_write, STATUS_FD + 100),
                   (os.POSIX_SPAWN_DUP2, CODE_FD + 100, CODE_FD), (os.POSIX_SPAWN_DUP2, STATUS_FD + 100, STATUS_FD),
                   (os.POSIX_SPAWN_CLOSE, CODE_FD + 100), (os.POSIX_SPAWN_CLOSE, STATUS_FD + 100),
                   # It says that it has no terminal, once.
                   (os.POSIX_SPAWN_DUP2, 2, 102), (os.POSIX_SPAWN_OPEN, 2, "/dev/null", os.O_WRONLY, 0)]
        self.pid = os.posix_spawn(self.program, ["bash", "--noprofile", "--norc", "--noediting", "-i"], environ,
                                  file_actions=actions, setsigdef=[2, 13, 15])
        os.close(command_read)
        os.close(status_write)
        self.say("exec 2>&102 102>&-; set +o history; unset HISTFILE; \\unset PS1 PS2\n")

    def stop(self):
        if self.pid is None:
            return None
        pid, self.pid = self.pid, None
        try:
            os.kill(pid, 9)  # before its input ends: it would say "exit"
        except ProcessLookupError:
            pass
        for fd in (self.commands, self.status, self.code):
            os.close(fd)
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

    def say(self, text):
        data = text.encode("utf-8", "surrogateescape")
        while data:
            data = data[os.write(self.commands, data):]

    def run(self, task):
        if self.pid is None:
            self.start()
        self.is_interrupted = self.is_cancelled = self.has_begun = False
        if task.is_cancelled:  # before these marks were set back
            raise KeyboardInterrupt
        os.ftruncate(self.code, 0)
        os.pwrite(self.code, task.code.encode("utf-8", "surrogatepass").replace(b"\0", b"") + b"\n", 0)
        before = [f"export {name}={quoted(value)}\n" for name, value in (task.order.get("env") or {}).items()
                  if name.isidentifier()]
        if task.entered is not None:
            before.append(f"\\builtin cd -- {quoted(task.entered)}\n")
        self.asked = first = next(self.questions)
        self.say("".join(before) + RUN + TELL.format(first))
        status = self.await_status(first)
        if status is None:
            status = self.wait_for_end()
            if status < 0:
                raise Failure("Signal", f"the shell was ended by signal {-status}", exit_code=128 - status, outcome="died")
        if self.is_interrupted and status != 0:
            raise KeyboardInterrupt
        if status != 0:
            raise Failure("ExitCode", f"exit code {status}", exit_code=status)

    def await_status(self, first):
        """The first answer is the statement's status; None: the shell has ended."""
        text, status, poll = b"", None, select.poll()
        poll.register(self.status, select.POLLIN)
        while True:
            if not poll.poll(None if status is None else ASK_AGAIN_S * 1000):
                self.ask()  # more than one interrupt: it was lost
                continue
            data = os.read(self.status, 1000)
            if not data:
                self.has_begun = False
                return None
            *lines, text = (text + data).split(b"\n")
            for line in lines:
                if line == b"begin":
                    self.has_begun = True
                    if self.is_cancelled:
                        self.pass_on()
                    continue
                number, code = map(int, line.split())
                if number < first:  # asked for a statement that a late interrupt found at its end
                    continue
                status = code if status is None else status
                if number == self.asked:
                    self.has_begun = False
                    return status

    def ask(self):
        self.asked = next(self.questions)
        self.say(TELL.format(self.asked))

    def cancel(self):
        self.is_cancelled = True
        if self.has_begun:
            self.pass_on()

    def cancel_again(self):
        deaf = deaf_children() if self.has_begun else []
        if deaf:
            for pid in deaf:
                send_signal(pid, signal.SIGINT)
            self.ask()
            self.ask()

    def pass_on(self):
        os.killpg(0, signal.SIGINT)
        self.is_interrupted = True
        self.ask()  # this one may be what the interrupt costs
        self.ask()

    def wait_for_end(self):
        """The statement has ended the shell: its code is the statement's; the next one finds a new shell."""
        status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        self.pid = None
        for fd in (self.commands, self.status, self.code):
            os.close(fd)
        self.start()
        return status

    def usage(self):
        """Of a shell that is not over, and of the programs that it has waited for."""
        return used_by(self.pid) if self.pid is not None else (0, 0, 0)

    def interrupt(self):
        self.is_interrupted = True


def used_by(pid):
    try:
        with open(f"/proc/{pid}/stat", "rb") as stat:
            times = list(map(int, stat.read().rpartition(b")")[2].split()[11:15]))
    except (OSError, ValueError, IndexError):
        return 0, 0, 0
    tick_us = 1_000_000 // os.sysconf("SC_CLK_TCK")
    return (times[0] + times[2]) * tick_us, (times[1] + times[3]) * tick_us, drover_engine.resident_kib(pid)


def quoted(text):
    return "'" + text.replace("'", "'\\''") + "'"


if __name__ == "__main__":
    drover_engine.main(ShellRunner())
