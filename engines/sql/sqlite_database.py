# engines/sql/sqlite_database.py - SQLite in a file or in memory, rows as they come.
# SPDX-License-Identifier: Apache-2.0
import functools
import json
import re
import sqlite3
import time

import drover_flow
from drover_rows import unique
from drover_worker import Failure

LOCK_WAIT_S = 60
STEPS_BETWEEN_LOOKS = 20_000  # of SQLite's machine: well under a millisecond


class SqliteDatabase:
    version = "SQLite " + sqlite3.sqlite_version

    def __init__(self, name):
        self.is_interrupted = False
        try:
            # Without a timeout of its own: SQLite would sleep where no signal wakes it. execute() waits instead.
            self.connection = sqlite3.connect(name, timeout=0, isolation_level=None)
        except sqlite3.Error as error:
            raise Failure(type(error).__name__, f"{name}: {error}") from None
        self.connection.text_factory = functools.partial(str, encoding="utf-8", errors="replace")
        # Python runs its signal handlers only between its own instructions: this gives it some.
        self.connection.set_progress_handler(lambda: self.is_interrupted, STEPS_BETWEEN_LOOKS)
        self.failure = None
        self.connection.create_function("drover_result", -1, self.telling(result_text))
        self.connection.create_function("drover_set", 2, self.telling(set_value))

    def telling(self, act):
        """SQLite says of a function only that it raised; what it was is told by run()."""
        def call(*args):
            try:
                return act(*args)
            except Failure as failure:
                self.failure = failure
                raise
        return call

    def close(self):
        self.connection.close()

    def interrupt(self):
        self.is_interrupted = True

    def run(self, statement, line, results):
        if self.is_interrupted:
            raise KeyboardInterrupt
        try:
            cursor = self.execute(statement)
            if cursor.description is not None:
                return results.table(self.rows(cursor), unique([column[0] for column in cursor.description]))
        except sqlite3.Error as error:
            if self.is_interrupted:
                raise KeyboardInterrupt from None
            failure, self.failure = self.failure, None
            if failure is not None:
                raise Failure(failure.name, failure.message, line) from None
            raise Failure(type(error).__name__, str(error), line + line_within(statement, str(error))) from None
        except sqlite3.Warning as warning:
            raise Failure("Warning", str(warning), line) from None
        changed = cursor.rowcount  # -1: not a statement that changes rows
        results.text("done" if changed < 0 else f"{changed} row{'' if changed == 1 else 's'} changed")

    def execute(self, statement):
        give_up = time.monotonic() + LOCK_WAIT_S
        while True:
            try:
                return self.connection.execute(statement)
            except sqlite3.OperationalError as error:
                if "locked" not in str(error) or time.monotonic() > give_up or self.is_interrupted:
                    raise
            time.sleep(0.02)

    def rows(self, cursor):
        for row in cursor:
            if self.is_interrupted:
                raise KeyboardInterrupt
            yield row


def result_text(job, number=None):
    """drover_result(JOB[, N]): a table that another statement left, as a JSON list of objects for json_each."""
    return json.dumps(drover_flow.Rows(job, number).dicts())


def set_value(name, value):
    drover_flow.set_values({name: value})
    return value


def line_within(statement, message):
    """SQLite's message names the word at which it stopped: if that is there once, it tells the line."""
    near = re.search(r'near "(.+?)"', message) or re.search(r"no such (?:column|table|function): ([\w.]+)", message)
    if near is None or statement.count(near[1]) != 1:
        return 0
    return statement.count("\n", 0, statement.find(near[1]))
