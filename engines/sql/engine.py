# engines/sql/engine.py - SQL: each SELECT is a table, each other statement says how many rows it changed.
# SPDX-License-Identifier: Apache-2.0
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "host"))

import drover_engine  # noqa: E402
from drover_worker import Runner  # noqa: E402
from split_sql import split_statements  # noqa: E402
from sqlite_database import SqliteDatabase  # noqa: E402


class SqlRunner(Runner):
    languages = ["sql"]
    version = SqliteDatabase.version

    def load(self, options):
        self.database, self.name = None, None

    def open(self, options):
        self.default = options.get("database") or ":memory:"

    def reset(self):
        """A new connection: temporary tables, settings, an open transaction and a database in memory are gone."""
        database, self.database = self.database, None
        if database is not None:
            database.close()

    def run(self, task):
        name = os.environ.get("DROVER_SQL_DATABASE") or self.default
        if self.database is None or name != self.name:
            self.reset()
            self.database, self.name = self.connect(name), name
        self.database.is_interrupted = False
        if task.is_cancelled:  # before there was somebody to tell
            raise KeyboardInterrupt
        for line, statement in split_statements(task.code):
            self.database.run(statement, line, task.results)

    @staticmethod
    def connect(name):
        if name.startswith(("postgresql://", "postgres://")):
            from postgres_database import PostgresDatabase  # ctypes and libpq only for those who use them
            return PostgresDatabase(name)
        return SqliteDatabase(name)

    def interrupt(self):
        if self.database is None:
            raise KeyboardInterrupt
        self.database.interrupt()


if __name__ == "__main__":
    drover_engine.main(SqlRunner())
