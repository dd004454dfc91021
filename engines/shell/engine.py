# engines/shell/engine.py - a bash that stays between statements and survives their cancel.
# SPDX-License-Identifier: Apache-2.0
"""bash runs interactively (without a terminal) because only then an interrupt gives up the statement and not the shell.
It reads short lines of ours from its input and sources the code from descriptor 8; while it sources it behaves as in a
script: no prompts, no job messages, no "exit"."""
import os
import shutil
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "host"))

import drover_engine  # noqa: E402
from drover_worker import Failure, Runner  # noqa: E402

CODE_FD, STATUS_FD = 8, 9
RUN = f"\\builtin . /dev/fd/{CODE_FD} </dev/null {STATUS_FD}>&-\n"
TELL = f"\\builtin printf '%s\\n' \"$?\" >&{STATUS_FD}\n"
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
        self.pid = None

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
        self.is_interrupted = False
        os.ftruncate(self.code, 0)
        os.pwrite(self.code, task.code.encode("utf-8", "surrogatepass").replace(b"\0", b"") + b"\n", 0)
        before = [f"export {name}={quoted(value)}\n" for name, value in (task.order.get("env") or {}).items()
                  if name.isidentifier()]
        if task.entered is not None:
            before.append(f"\\builtin cd -- {quoted(task.entered)}\n")
        self.say("".join(before) + RUN + TELL)
        status = self.await_status()
        if status is None:
            status = self.wait_for_end()
            if status < 0:
                raise Failure("Signal", f"the shell was ended by signal {-status}", exit_code=128 - status, outcome="died")
        if self.is_interrupted and status != 0:
            raise KeyboardInterrupt
        if status != 0:
            raise Failure("ExitCode", f"exit code {status}", exit_code=status)

    def await_status(self):
        text = b""
        while not text.endswith(b"\n"):  # a signal of ours does not end it: bash has the same and will answer
            data = os.read(self.status, 100)
            if not data:
                return None
            text += data
        return int(text.split()[-1])

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
