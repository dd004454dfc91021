# engines/command/engine.py - runs a program on the code and reads progress and metrics off its output.
# SPDX-License-Identifier: Apache-2.0
"""Options:
    argv      the command; {code_file}, {code}, {cwd}, {id}, {results}, {plugin}, {env:NAME} and {env:NAME:default} are replaced
    progress  regular expressions with the groups done and total, or fraction, or percent; text if there is one
    metrics   regular expressions with the groups name and value: the last value of each is in the result `metrics`
    errors    regular expressions with the group message: the last one is the error's message
    env       variables for the command
    interrupt_blocked  the command starts with SIGINT blocked and unblocks it when it can hear it, so that no cancel is lost
              while an interpreter starts (Python drops an interrupt that comes at some places of its own start)
Patterns are searched in each line of the output, which goes to the log as it is."""
import os
import re
import shutil
import signal
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "host"))

import drover_engine  # noqa: E402
from drover_worker import Failure, Runner  # noqa: E402

LINE_MAX = 64 << 10   # of what patterns are tried on
METRICS_MAX = 1000
HOLE = re.compile(r"\{(code_file|code|cwd|id|results|plugin|env:(\w+)(?::([^}]*))?)\}")


class CommandRunner(Runner):
    def load(self, options):
        import tomllib
        self.plugin = os.path.abspath(sys.argv[1])
        with open(os.path.join(self.plugin, "plugin.toml"), "rb") as file:
            about = tomllib.load(file)["plugin"]
        self.languages, self.version = about["languages"], about["version"]
        self.argv, self.env = options.get("argv") or [], options.get("env") or {}
        self.mask = [signal.SIGINT] if options.get("interrupt_blocked") else []
        try:
            self.patterns = {which: [re.compile(text.encode()) for text in options.get(which) or []]
                             for which in ("progress", "metrics", "errors")}
        except re.error as error:
            drover_engine.say(f"a pattern of the options: {error}")
            sys.exit(2)
        if not self.argv:
            drover_engine.say("option `argv` is empty: which command is to run?")
            sys.exit(2)

    def run(self, task):
        # A file without a name: nothing is left of it, whatever happens.
        code = os.memfd_create("code", 0)
        os.write(code, task.code.encode("utf-8", "surrogatepass"))
        argv = [self.filled(part, task, code) for part in self.argv]
        program = shutil.which(argv[0])
        if program is None:
            raise Failure("NotFound", f"there is no program {argv[0]} on this node")
        output, writer = os.pipe()
        os.set_inheritable(code, True)
        self.error, self.metrics = None, {}
        try:
            actions = [(os.POSIX_SPAWN_DUP2, writer, 1), (os.POSIX_SPAWN_DUP2, writer, 2)]
            environ = dict(os.environ, **self.env)
            if task.is_interrupted:
                raise KeyboardInterrupt
            pid = os.posix_spawn(program, argv, environ, file_actions=actions, setsigdef=[2, 13, 15], setsigmask=self.mask)
            if task.is_interrupted:  # it may have come before there was a command to hear it
                os.kill(pid, signal.SIGINT)
            os.close(writer)
            writer = None
            self.follow(task, output)
            status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        finally:
            for fd in (code, output, writer):
                if fd is not None:
                    os.close(fd)
        if self.metrics:
            task.results.table([{"name": name, "value": value} for name, value in self.metrics.items()], name="metrics")
        if task.is_interrupted and status != 0:
            raise KeyboardInterrupt
        if status < 0:
            raise Failure("Signal", self.error or f"ended by signal {-status}", exit_code=128 - status, outcome="died")
        if status != 0:
            raise Failure("ExitCode", self.error or f"exit code {status}", exit_code=status)

    def filled(self, part, task, code):
        def value(hole):
            name = hole[1]
            if name.startswith("env:"):
                found = os.environ.get(hole[2], hole[3])
                if found is None:
                    raise Failure("MissingParameter", f"the command needs the variable {hole[2]}")
                return found
            return {"code_file": f"/dev/fd/{code}", "code": task.code, "cwd": os.getcwd(), "id": task.id,
                    "results": task.order.get("results") or "", "plugin": self.plugin}[name]
        return HOLE.sub(value, part)

    def follow(self, task, output):
        """To the log at once, to the patterns line by line."""
        rest = b""
        while data := os.read(output, 1 << 16):
            copied = 0
            while copied < len(data):
                copied += os.write(1, data[copied:])
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                self.look_at(task, line.rstrip(b"\r"))
            rest = rest[-LINE_MAX:]
        if rest:
            self.look_at(task, rest)

    def look_at(self, task, line):
        for pattern in self.patterns["progress"]:
            if found := pattern.search(line[:LINE_MAX]):
                return self.tell_progress(task, {name: text.decode("utf-8", "replace")
                                                 for name, text in found.groupdict().items() if text is not None})
        for pattern in self.patterns["metrics"]:
            if (found := pattern.search(line[:LINE_MAX])) and len(self.metrics) < METRICS_MAX:
                self.metrics[found["name"].decode("utf-8", "replace")] = number(found["value"].decode("utf-8", "replace"))
        for pattern in self.patterns["errors"]:
            if found := pattern.search(line[:LINE_MAX]):
                self.error = found["message"].decode("utf-8", "replace")

    @staticmethod
    def tell_progress(task, found):
        text = found.get("text", "")
        try:
            if "total" in found:
                task.progress(int(found["done"]), int(found["total"]), text)
            elif "percent" in found:
                task.progress(float(found["percent"]) / 100, text=text)
            elif "fraction" in found:
                task.progress(float(found["fraction"]), text=text)
        except (ValueError, KeyError):
            pass  # what looked like progress is none

    def interrupt(self):
        pass  # the command has the signal too; what it makes of it is its end


def number(text):
    for convert in (int, float):
        try:
            return convert(text)
        except ValueError:
            pass
    return text


if __name__ == "__main__":
    drover_engine.main(CommandRunner())
