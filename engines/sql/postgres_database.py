# engines/sql/postgres_database.py - PostgreSQL through its own libpq, row by row, interruptible everywhere.
# SPDX-License-Identifier: Apache-2.0
import ctypes
import datetime
import decimal
import os
import select

from drover_rows import unique
from drover_worker import Failure

POLLING_FAILED, POLLING_READING, POLLING_WRITING, POLLING_OK = 0, 1, 2, 3
COMMAND_OK, TUPLES_OK, COPY_OUT, COPY_IN, SINGLE_TUPLE = 1, 2, 3, 4, 9
FIELD_MESSAGE, FIELD_POSITION, FIELD_STATE, FIELD_DETAIL, FIELD_HINT = b"M", b"P", b"C", b"D", b"H"
CONNECT_S = 15


def load_libpq():
    try:
        library = ctypes.CDLL("libpq.so.5")
    except OSError:
        raise Failure("NotInstalled", "PostgreSQL needs libpq.so.5 on the node: apt install libpq5") from None
    text, pointer, number = ctypes.c_char_p, ctypes.c_void_p, ctypes.c_int
    for name, result, arguments in (
            ("PQconnectStart", pointer, [text]), ("PQconnectPoll", number, [pointer]), ("PQsocket", number, [pointer]),
            ("PQfinish", None, [pointer]), ("PQerrorMessage", text, [pointer]), ("PQsendQuery", number, [pointer, text]),
            ("PQsetSingleRowMode", number, [pointer]), ("PQconsumeInput", number, [pointer]), ("PQisBusy", number, [pointer]),
            ("PQflush", number, [pointer]), ("PQgetResult", pointer, [pointer]), ("PQclear", None, [pointer]),
            ("PQresultStatus", number, [pointer]), ("PQnfields", number, [pointer]), ("PQfname", text, [pointer, number]),
            ("PQftype", ctypes.c_uint, [pointer, number]), ("PQgetisnull", number, [pointer, number, number]),
            ("PQgetvalue", text, [pointer, number, number]), ("PQcmdTuples", text, [pointer]), ("PQcmdStatus", text, [pointer]),
            ("PQresultErrorField", text, [pointer, number]), ("PQgetCancel", pointer, [pointer]),
            ("PQcancel", number, [pointer, text, number]), ("PQfreeCancel", None, [pointer]),
            ("PQgetCopyData", number, [pointer, pointer, number]), ("PQfreemem", None, [pointer]),
            ("PQputCopyEnd", number, [pointer, text]), ("PQserverVersion", number, [pointer]),
            ("PQsetClientEncoding", number, [pointer, text])):
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    return library


def or_text(convert):
    def value_of(text):
        try:
            return convert(text)
        except (ValueError, decimal.InvalidOperation):  # infinity, years before Christ
            return text
    return value_of


CONVERT = {16: lambda text: text == "t", 17: lambda text: bytes.fromhex(text[2:]), 700: float, 701: float,
           1700: or_text(decimal.Decimal), 1082: or_text(datetime.date.fromisoformat),
           1114: or_text(datetime.datetime.fromisoformat), 1184: or_text(datetime.datetime.fromisoformat),
           **dict.fromkeys((20, 21, 23, 26), int)}
TYPES = {16: "bool", 17: "binary", 700: "float", 701: "float", 1700: "decimal", 1082: "date", 1114: "timestamp",
         1184: "timestamp", 20: "int", 21: "int", 23: "int", 26: "int"}


class PostgresDatabase:
    """An interrupt sets a mark and wakes whoever waits: an exception at any place would leave an answer that nobody has read,
    and the next statement would be told that another one is in progress."""

    def __init__(self, url):
        self.pq = load_libpq()
        self.is_interrupted = False
        self.woken, self.waker = os.pipe()
        for fd in (self.woken, self.waker):
            os.set_blocking(fd, False)
        self.connection = self.pq.PQconnectStart(url.encode())
        try:
            self.connect()
        except BaseException:
            self.close()
            raise
        self.pq.PQsetClientEncoding(self.connection, b"UTF8")
        version = self.pq.PQserverVersion(self.connection)
        self.version = f"PostgreSQL {version // 10000}.{version % 10000}"

    def connect(self):
        state = POLLING_WRITING
        while state != POLLING_OK:
            socket = self.pq.PQsocket(self.connection)
            if state == POLLING_FAILED or socket < 0 or not self.wait(
                    select.POLLIN if state == POLLING_READING else select.POLLOUT, CONNECT_S * 1000):
                raise Failure("ConnectionError", self.message() or f"no answer within {CONNECT_S} s")
            state = self.pq.PQconnectPoll(self.connection)

    def close(self):
        if self.connection:
            self.pq.PQfinish(self.connection)
            self.connection = None
            os.close(self.woken)
            os.close(self.waker)

    def interrupt(self):
        self.is_interrupted = True
        os.write(self.waker, b".")

    def message(self):
        return self.pq.PQerrorMessage(self.connection).decode("utf-8", "replace").strip()

    def wait(self, events, timeout_ms=None, heed=True):
        poll = select.poll()
        poll.register(self.pq.PQsocket(self.connection), events)
        if heed:
            poll.register(self.woken, select.POLLIN)
        found = poll.poll(timeout_ms)
        if heed:
            self.give_up_if_interrupted()
        return found

    def give_up_if_interrupted(self):
        if self.is_interrupted:
            raise KeyboardInterrupt

    def run(self, statement, line, results):
        try:  # what woke an earlier statement
            os.read(self.woken, 1000)
        except BlockingIOError:
            pass
        self.give_up_if_interrupted()
        if not self.pq.PQsendQuery(self.connection, statement.encode().replace(b"\0", b"")):
            raise Failure("ConnectionError", self.message(), line)
        self.pq.PQsetSingleRowMode(self.connection)
        is_over = False
        try:
            while self.pq.PQflush(self.connection) == 1:
                self.wait(select.POLLIN | select.POLLOUT)
                self.pq.PQconsumeInput(self.connection)
            self.take(statement, line, results)
            is_over = True
        finally:
            if not is_over:
                self.cancel()
            self.drain()

    def drain(self):
        """Until the connection can take the next query."""
        while result := self.pq.PQgetResult(self.connection):
            status = self.pq.PQresultStatus(result)
            self.pq.PQclear(result)
            if status == COPY_OUT:
                self.copy_out(lambda data: None, heed=False)
            elif status == COPY_IN:
                self.pq.PQputCopyEnd(self.connection, b"not offered")

    def copy_out(self, put, heed=True):
        data = ctypes.c_void_p()
        while (size := self.pq.PQgetCopyData(self.connection, ctypes.byref(data), 1)) >= 0:
            if size == 0:
                self.wait(select.POLLIN, heed=heed)
                self.pq.PQconsumeInput(self.connection)
                continue
            text = ctypes.string_at(data, size)
            self.pq.PQfreemem(data)
            put(text)

    def take(self, statement, line, results):
        while result := self.next_result():
            status = self.pq.PQresultStatus(result)
            try:
                if status == COMMAND_OK:
                    count, done = self.pq.PQcmdTuples(result).decode(), self.pq.PQcmdStatus(result).decode().lower()
                    what = "copied" if done.startswith("copy") else "changed"
                    results.text(f"{count} row{'' if count == '1' else 's'} {what}" if count else done)
                    continue
                if status == COPY_OUT:
                    self.copy_out(lambda data: os.write(1, data))
                    continue
                if status == COPY_IN:
                    raise Failure("Unsupported", "COPY from the client is not offered: use a file or a table", line)
                if status not in (TUPLES_OK, SINGLE_TUPLE):
                    raise self.failure(result, statement, line)
                names = unique([self.pq.PQfname(result, k).decode() for k in range(self.pq.PQnfields(result))])
                kinds = [self.pq.PQftype(result, k) for k in range(len(names))]
                converts, types = [CONVERT.get(kind, str) for kind in kinds], [TYPES.get(kind, "string") for kind in kinds]
                first, result, self.is_drained = result, None, False
                results.table(self.rows(first, converts, statement, line), names, types=types)
                if not self.is_drained:  # a limit of the results is reached: nobody wants the rest
                    return self.cancel()
            finally:
                if result:
                    self.pq.PQclear(result)

    def next_result(self):
        self.give_up_if_interrupted()
        while self.pq.PQisBusy(self.connection):
            self.wait(select.POLLIN)
            if not self.pq.PQconsumeInput(self.connection):
                raise Failure("ConnectionError", self.message())
        return self.pq.PQgetResult(self.connection)

    def rows(self, result, converts, statement, line):
        """One result per row, then an empty one that ends the table."""
        columns = list(enumerate(converts))
        null, value = self.pq.PQgetisnull, self.pq.PQgetvalue
        while True:
            try:
                status = self.pq.PQresultStatus(result)
                if status == TUPLES_OK:
                    self.is_drained = True
                    return
                if status != SINGLE_TUPLE:
                    raise self.failure(result, statement, line)
                row = [convert(value(result, 0, k).decode("utf-8", "replace")) if not null(result, 0, k) else None
                       for k, convert in columns]
            finally:
                self.pq.PQclear(result)
            yield row
            result = self.next_result()
            if not result:
                return

    def failure(self, result, statement, line):
        def field(name):
            return (self.pq.PQresultErrorField(result, ord(name)) or b"").decode("utf-8", "replace")
        position = field(FIELD_POSITION)
        if position:
            line += statement.count("\n", 0, int(position) - 1)
        more = "".join(f"\n{field(name)}" for name in (FIELD_DETAIL, FIELD_HINT) if field(name))
        return Failure(field(FIELD_STATE) or "Error", (field(FIELD_MESSAGE) or self.message()) + more, line)

    def cancel(self):
        """Returns when the server has closed the connection that brought it: after that nothing late can hit another query."""
        handle, why = self.pq.PQgetCancel(self.connection), ctypes.create_string_buffer(256)
        if handle:
            self.pq.PQcancel(handle, ctypes.cast(why, ctypes.c_char_p), 256)
            self.pq.PQfreeCancel(handle)
