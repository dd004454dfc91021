# engines/exchange/exchange.py - copies rows from a reader to a writer; a job is JSON (docs/engines.md).
# SPDX-License-Identifier: Apache-2.0
import csv
import json
import os
import signal
import sqlite3
import sys
import time

TELL_S = 0.5
KINDS = {"int": int, "float": float, "string": str}


class JobError(Exception):
    """The job or its data are at fault."""


def member(job, name, kind, default=None, where="the job"):
    value = job.get(name, default)
    if value is None or not isinstance(value, kind):
        raise JobError(f"{where} needs `{name}`" + ("" if value is None else " of another type"))
    return value


def quoted(name):
    return '"' + name.replace('"', '""') + '"'


class CsvReader:
    def __init__(self, job):
        path = member(job, "path", str, where="the reader")
        self.size = os.path.getsize(path)
        self.raw = open(path, "rb")
        lines = (line.decode("utf-8", "replace") for line in self.raw)
        self.rows = csv.reader(lines, delimiter=job.get("delimiter", ","))
        first = next(self.rows, [])
        self.names = first if job.get("header", True) else [f"c{k}" for k in range(len(first))]
        self.kept = None if job.get("header", True) else first

    def __iter__(self):
        if self.kept is not None:
            yield self.kept
        yield from self.rows

    def fraction(self, _):
        return self.raw.tell() / self.size if self.size else 1.0


class SqliteReader:
    def __init__(self, job):
        path = member(job, "path", str, where="the reader")
        if path != ":memory:" and not os.path.exists(path):
            raise JobError(f"there is no database {path}")
        connection = sqlite3.connect(path)
        query = job.get("query") or "select * from " + quoted(member(job, "table", str, where="the reader"))
        self.total = connection.execute(f"select count(*) from ({query})").fetchone()[0]
        self.cursor = connection.execute(query)
        self.names = [column[0] for column in self.cursor.description]

    def __iter__(self):
        return iter(self.cursor)

    def fraction(self, read):
        return read / self.total if self.total else 1.0


class CsvWriter:
    def __init__(self, job, names):
        self.path = member(job, "path", str, where="the writer")
        self.file = open(self.path + ".part", "w", newline="", encoding="utf-8")  # whole, or not there
        self.rows = csv.writer(self.file, delimiter=job.get("delimiter", ","), lineterminator="\n")
        if job.get("header", True):
            self.rows.writerow(names)

    def write(self, rows):
        self.rows.writerows(rows)

    def close(self):
        self.file.close()
        os.replace(self.path + ".part", self.path)

    def abandon(self):
        self.file.close()
        os.unlink(self.path + ".part")


class SqliteWriter:
    def __init__(self, job, names):
        self.connection = sqlite3.connect(member(job, "path", str, where="the writer"), isolation_level=None)
        table, columns = quoted(member(job, "table", str, where="the writer")), ", ".join(map(quoted, names))
        self.connection.execute("begin immediate")  # all rows, or none
        if job.get("mode", "append") == "replace":
            self.connection.execute(f"drop table if exists {table}")
        self.connection.execute(f"create table if not exists {table} ({columns})")
        self.insert = f"insert into {table} ({columns}) values ({', '.join('?' * len(names))})"

    def write(self, rows):
        self.connection.executemany(self.insert, rows)

    def close(self):
        self.connection.execute("commit")

    def abandon(self):
        self.connection.rollback()


READERS, WRITERS = {"csv": CsvReader, "sqlite": SqliteReader}, {"csv": CsvWriter, "sqlite": SqliteWriter}


def part(job, which, kinds):
    described = member(job, which, dict)
    kind = member(described, "type", str, where=f"the {which}")
    if kind not in kinds:
        raise JobError(f"the {which}'s type is one of {', '.join(kinds)}")
    return kinds[kind], described


def mapping(job, names):
    """[(position in the reader's row, name in the writer, conversion)]"""
    chosen = []
    for column in job.get("columns") or names:
        column = {"from": column} if isinstance(column, str) else column
        name = member(column, "from", str, where="a column")
        if name not in names:
            raise JobError(f"the reader has no column {name}: {', '.join(names)}")
        chosen.append((names.index(name), column.get("to", name), KINDS.get(column.get("type"), lambda value: value)))
    return chosen


class Exchange:
    def __init__(self, job):
        (read, described), (write, target) = part(job, "reader", READERS), part(job, "writer", WRITERS)
        self.reader = read(described)
        self.columns = mapping(job, self.reader.names)
        self.writer = write(target, [column[1] for column in self.columns])
        self.per_second = (job.get("speed") or {}).get("rows_per_second", 0)
        self.errors_max = (job.get("errors") or {}).get("max_rows", 0)
        self.batch = max(1, min(job.get("batch_rows", 1000), self.per_second // 10 or 1 << 20))
        self.read, self.written, self.wrong, self.begun, self.told = 0, 0, 0, time.monotonic(), 0.0

    def run(self):
        rows = []
        try:
            for row in self.reader:
                self.read += 1
                try:
                    rows.append([convert(row[at]) for at, _, convert in self.columns])
                except (ValueError, TypeError, IndexError) as error:
                    self.refuse(row, error)
                if len(rows) >= self.batch:
                    self.flush(rows)
            self.flush(rows)
            self.writer.close()
        except BaseException:
            self.writer.abandon()
            raise

    def refuse(self, row, error):
        self.wrong += 1
        print(f"row {self.read} is left out: {error}: {row!r:.200}", flush=True)
        if self.wrong > self.errors_max:
            raise JobError(f"{self.wrong} rows are wrong, and {self.errors_max} may be")

    def flush(self, rows):
        self.writer.write(rows)
        self.written += len(rows)
        rows.clear()
        # In slices: an interrupt in the moment before the call would be heard only at its end.
        while self.per_second and (left := self.begun + self.written / self.per_second - time.monotonic()) > 0:
            time.sleep(min(left, 0.2))
        if time.monotonic() - self.told > TELL_S:
            self.told = time.monotonic()
            print(f"progress {self.reader.fraction(self.read) * 100:.1f}% {self.written} rows", flush=True)

    def tell(self):
        seconds = max(time.monotonic() - self.begun, 1e-6)
        for name, value in (("rows_read", self.read), ("rows_written", self.written), ("rows_wrong", self.wrong),
                            ("rows_per_second", round(self.written / seconds)), ("seconds", round(seconds, 3))):
            print(f"metric {name}={value}", flush=True)


def main():
    exchange = None
    try:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])  # blocked until here: plugin.toml
        with open(sys.argv[1], encoding="utf-8") as file:
            exchange = Exchange(member({"job": json.load(file)}, "job", dict))
        exchange.run()
    except (JobError, OSError, ValueError, sqlite3.Error, csv.Error) as error:
        print(f"error: {error}", flush=True)
        return 1
    except KeyboardInterrupt:
        return 130
    finally:
        if exchange is not None:
            exchange.tell()
    print("progress 100%", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
