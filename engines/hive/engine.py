# engines/hive/engine.py - SQL on HiveServer2: each statement is a beeline of its own, fed by a script, read as it prints.
# SPDX-License-Identifier: Apache-2.0
"""Why a process for each statement and not one for a session: an interrupt that finds a beeline between two queries ends it, and
one that was fed through its input prints prompts and echoes between the rows. A process that is ended by its cancel leaves nothing
that could fail to survive it; HiveServer2 ends the query with the connection. What a session is made of here, the `set` and `use`
statements that went well, is said again at the head of the next script; temporary tables last as long as their statement."""
import csv
import os
import pwd
import re
import select
import shutil
import signal
import sys
import uuid

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "host"))

import drover_engine  # noqa: E402
from drover_rows import PagedTable, unique  # noqa: E402
from drover_worker import Failure, Runner  # noqa: E402
from split_sql import split_statements  # noqa: E402

KEPT_MAX = 1000        # settings of a session
PAGE_ROWS, LINE_MAX = 512, 8 << 20
SETTING = re.compile(r"\s*(?:set\s+[\w.:${}-]+\s*=|use\s+)", re.I)
STAGE = re.compile(r"Stage-(\d+) map = (\d+)%,\s+reduce = (\d+)%")          # MapReduce
JOBS = re.compile(r"(?:Launching Job|Total jobs =)\s*(\d+)(?: out of (\d+))?")
VERTEX = re.compile(r"(?:Map|Reducer) \d+: (?:(\d+)(?:\(\+\d+(?:,-\d+)?\))?/(\d+)|-/-)")  # Tez: `Map 1: 3(+2)/10`
ERROR = re.compile(r"^(?:Error|FAILED): ?(.*)$")
PLACE = re.compile(r"\bline (\d+)(?::(\d+))?", re.I)
CODE = re.compile(r"\s*\(state=([^,]*),code=([^)]*)\)")


class HiveRunner(Runner):
    languages, version = ["hive", "hql", "sql"], "1"

    def load(self, options):
        self.settings = []

    def open(self, options):
        self.options = options

    def reset(self):
        self.settings = []

    def run(self, task):
        self.is_interrupted, self.expects_one = task.is_cancelled, False
        program = shutil.which(self.options.get("beeline") or "beeline")
        if program is None:
            raise Failure("NotInstalled", f"there is no {self.options.get('beeline') or 'beeline'} on this node (option beeline)")
        statements, at = split_statements(task.code), 0
        while at < len(statements):
            at = self.run_from(program, task, statements, at)

    def run_from(self, program, task, statements, at):
        """How many are done: all, or those up to one whose result was cut, which ended its beeline."""
        mark = f"drover-{uuid.uuid4().hex}"
        script = os.memfd_create("script", 0)
        os.write(script, self.script(statements[at:], mark).encode("utf-8", "surrogatepass"))
        os.set_inheritable(script, True)
        out, out_writer = os.pipe()
        err, err_writer = os.pipe()
        actions = [(os.POSIX_SPAWN_DUP2, out_writer, 1), (os.POSIX_SPAWN_DUP2, err_writer, 2)]
        reading = Reading(task, statements, at, mark, self.end_query)
        try:
            if self.is_interrupted:  # from here on beeline hears of it
                raise KeyboardInterrupt
            pid = os.posix_spawn(program, self.argv(program, script), os.environ, file_actions=actions, setsigdef=[2, 13, 15])
            os.close(out_writer)
            os.close(err_writer)
            out_writer = err_writer = None
            reading.follow(out, err)
            status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        finally:
            for fd in (script, out, err, out_writer, err_writer):
                if fd is not None:
                    os.close(fd)
            reading.close()
        self.keep(statements[at:reading.done])
        if self.is_interrupted and status != 0:
            raise KeyboardInterrupt
        if reading.is_cut and reading.done < len(statements):
            return reading.done + 1
        if status != 0 or reading.done < len(statements):
            raise reading.failure(status)
        return reading.done

    def end_query(self):
        """Nobody wants the rest of it. beeline may be several processes: all of the group hear it, this one too."""
        self.expects_one = True
        os.killpg(0, signal.SIGINT)

    def argv(self, program, script):
        options = self.options
        argv = [program, "-u", os.environ.get("DROVER_HIVE_URL") or options.get("url") or "", "-n",
                options.get("user") or pwd.getpwuid(os.geteuid()).pw_name, "--outputformat=csv2", "--showHeader=true", "--incremental=true",
                "--silent=false", "--color=false", "--hiveconf", "hive.resultset.use.unique.column.names=false"]
        if options.get("password_file"):
            argv += ["-w", os.path.expanduser(options["password_file"])]
        return [*argv, *map(str, options.get("args") or []), "-f", f"/dev/fd/{script}"]

    def script(self, statements, mark):
        """What beeline says with `!sh` comes where rows come, and tells where one result ends. The first mark is after the settings."""
        tell = f"!sh echo {mark}\n"
        return "".join([*(setting + ";\n" for setting in self.settings), tell,
                        *(f"{statement.strip()};\n{tell}" for _, statement in statements)])

    def keep(self, statements):
        for _, statement in statements:
            if SETTING.match(statement):
                self.settings = [*(kept for kept in self.settings if kept != statement.strip()), statement.strip()][-KEPT_MAX:]

    def cancel_again(self):
        """The first may have come before there was a beeline, or while its interpreter started, and nobody heard it."""
        super().cancel_again()
        self.cancel()

    def interrupt(self):
        if self.expects_one:
            self.expects_one = False
            return
        self.is_interrupted = True  # beeline has the signal too: it cancels the query there, and ends


class Reading:
    """What one beeline prints. Standard output: rows and marks; standard error: the log, with progress and errors in it."""

    def __init__(self, task, statements, at, mark, end_query):
        self.task, self.statements, self.mark, self.end_query = task, statements, mark, end_query
        self.done, self.table, self.rows, self.is_cut, self.record = at, None, [], False, b""
        self.has_begun = False  # the settings are said
        self.error, self.jobs, self.job = None, 1, 0

    def follow(self, out, err):
        rest, ends = {out: b"", err: b""}, {out: self.take_row_line, err: self.take_log_line}
        poll = select.poll()
        for fd in rest:
            poll.register(fd, select.POLLIN)
        while rest:
            for fd, _ in poll.poll():
                data = os.read(fd, 1 << 18)
                *lines, left = (rest[fd] + data).split(b"\n")
                if not data and left:
                    lines, left = [left], b""
                if len(left) > LINE_MAX:
                    raise Failure("TooLong", f"beeline printed a line of more than {LINE_MAX >> 20} MiB")
                for line in lines:
                    ends[fd](line)
                rest[fd] = left
                if not data:
                    poll.unregister(fd)
                    del rest[fd]

    def take_row_line(self, line):
        if line.strip() == self.mark.encode():
            return self.end_statement()
        if self.is_cut or not self.has_begun or not line.strip() and not self.record:
            return  # what settings print; beeline's empty lines between results
        self.record += line if not self.record else b"\n" + line
        if self.record.count(b'"') % 2:
            return  # a text with a line's end in it: the record goes on
        text, self.record = self.record.decode("utf-8", "replace"), b""
        cells = next(csv.reader([text]), [])
        if self.table is None:
            self.table = PagedTable(self.task.results, unique([cell.rpartition(".")[2] for cell in cells]), ["string"] * len(cells))
            return
        self.rows.append([None if cell == "NULL" else cell for cell in cells])
        if len(self.rows) >= PAGE_ROWS:
            self.pass_rows()

    def pass_rows(self):
        rows, self.rows = self.rows, []
        if rows and not self.is_cut and not self.table.add(rows):
            self.is_cut = True
            self.end_query()

    def end_statement(self):
        self.record, self.jobs, self.job = b"", 1, 0
        if not self.has_begun:
            self.has_begun = True
            return
        if self.table is not None:
            self.pass_rows()
            table, self.table = self.table, None
            table.close(not self.is_cut)
        else:
            self.task.results.text("ok")
        self.done += 1

    def take_log_line(self, line):
        line = line.rstrip(b"\r")
        os.write(1, line + b"\n")
        text = line[:4000].decode("utf-8", "replace")
        if found := ERROR.match(text):
            self.error = found[1]
        elif found := STAGE.search(text):
            self.tell((int(found[2]) + int(found[3])) / 200, f"stage {found[1]}: map {found[2]} %, reduce {found[3]} %")
        elif counts := VERTEX.findall(text):
            done, total = (sum(int(each[k] or 0) for each in counts) for k in (0, 1))
            if total:
                self.tell(done / total, f"{done}/{total} tasks")
        elif found := JOBS.search(text):
            self.job, self.jobs = (int(found[1]) - 1, int(found[2])) if found[2] else (0, max(1, int(found[1])))

    def tell(self, part, text):
        of_statement = (self.job + min(part, 1.0)) / max(self.jobs, self.job + 1)
        self.task.progress((self.done + of_statement) / len(self.statements), text=text)

    def close(self):
        if self.table is not None:
            self.pass_rows()
            self.table.close(False)

    def failure(self, status):
        first = self.statements[self.done][0] if self.done < len(self.statements) else None
        said = self.error or f"beeline ended with {f'signal {-status}' if status < 0 else f'status {status}'}"
        code, place = CODE.search(said), PLACE.search(said)
        name = code[1] if code and code[1].strip() else "HiveError"
        message = CODE.sub("", said).strip()
        line = first if first is None or place is None else first + max(0, int(place[1]) - 1)
        if status < 0:
            return Failure("Signal", message, line, exit_code=128 - status, outcome="died")
        return Failure(name, message, line)


if __name__ == "__main__":
    drover_engine.main(HiveRunner())
