# engines/trino/engine.py - SQL on Trino: each statement is a POST, its answer a chain of pages, each with the address of the next.
# SPDX-License-Identifier: Apache-2.0
"""The protocol is Trino's documented client REST API. What a statement sets (USE, SET SESSION, PREPARE, START TRANSACTION, ...)
comes back in headers, stays in the session here and goes out with the next statement."""
import os
import pwd
import sys
import time
from urllib.parse import quote_plus

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "host"))

import drover_adapter  # noqa: E402
from drover_adapter import Adapter, Session, Unanswered  # noqa: E402
from drover_http import Conversation, Server  # noqa: E402
from drover_left import Record, cancel_left_behind  # noqa: E402
from drover_sql_remote import SqlRemote  # noqa: E402
from drover_worker import Failure  # noqa: E402
from trino_types import type_of  # noqa: E402

LISTS = {"Session": ("Set-Session", "Clear-Session"), "Prepared-Statement": ("Added-Prepare", "Deallocated-Prepare"),
         "Role": ("Set-Role", None)}


class TrinoSession(Session):
    """Headers that what went before asked for."""

    def __init__(self, options):
        super().__init__()
        self.single, self.lists = {}, {name: {} for name in LISTS}
        self.lists["Session"].update({str(name): quote_plus(str(value)) for name, value in (options.get("session") or {}).items()})

    def headers(self):
        found = {"X-Trino-" + name: value for name, value in self.single.items()}
        for name, values in self.lists.items():
            if values:
                found["X-Trino-" + name] = ",".join(f"{key}={value}" for key, value in values.items())
        return found

    def learn(self, headers):
        for name in ("Catalog", "Schema", "Path"):
            if (value := headers.get("X-Trino-Set-" + name)) is not None:
                self.single[name] = value
        if (user := headers.get("X-Trino-Set-Authorization-User")) is not None:
            self.single["User"] = user
        if headers.get("X-Trino-Reset-Authorization-User") is not None:
            self.single.pop("User", None)
        for name, (adds, removes) in LISTS.items():
            for each in headers.get_all("X-Trino-" + adds) or []:
                key, _, value = each.partition("=")
                self.lists[name][key.strip()] = value.strip()
            for key in headers.get_all("X-Trino-" + removes) or [] if removes else []:
                self.lists[name].pop(key.strip(), None)
        if (started := headers.get("X-Trino-Started-Transaction-Id")) is not None:
            self.single["Transaction-Id"] = started
        if headers.get("X-Trino-Clear-Transaction-Id") is not None:
            self.single.pop("Transaction-Id", None)


class TrinoStatement(SqlRemote):
    def __init__(self, task, session, options):
        self.server = Server(task.setting(options, "url", "DROVER_TRINO_URL"), options, "a Trino coordinator")
        super().__init__(task, session, self.server, options)
        self.user = options.get("user") or pwd.getpwuid(os.geteuid()).pw_name
        self.fixed = {"X-Trino-User": self.user, "X-Trino-Source": "drover", "X-Trino-Transaction-Id": "NONE",
                      "X-Trino-Client-Info": f"drover statement {task.id}"}
        for name, variable in (("Catalog", "DROVER_TRINO_CATALOG"), ("Schema", "DROVER_TRINO_SCHEMA")):
            if value := task.setting(options, name.lower(), variable):
                self.fixed["X-Trino-" + name] = value

    def renew(self):
        super().renew()
        self.query = self.update = None
        self.recorded = ""

    # ---- steps
    def submit(self):
        if not self.statements:
            return None
        self.record = self.record or Record("trino")
        return self.begin()

    def begin(self):
        line, statement = self.statements[self.at]
        if b"\0" in statement.encode("utf-8", "replace"):
            raise Failure("BadCode", "the statement holds a NUL", line)
        self.record.write({"url": self.server.url, "user": self.user, "uri": None})
        headers = {**self.fixed, **self.session.headers(), "Content-Type": "text/plain; charset=utf-8"}
        if not all(value.isprintable() and value.isascii() for value in headers.values()):
            raise Failure("BadSetting", "a user, catalog, schema or session property has signs that no header can hold", line)
        self.renew()
        return self.take(self.send(lambda: self.conversation.ask("POST", self.server.path + "/v1/statement",
                                                                 statement.encode("utf-8", "replace"), headers)))

    def next_step(self):
        if self.uri is None:
            return self.begin()
        return self.take(self.wait_for(lambda: self.conversation.ask("GET", self.uri, headers={"X-Trino-User": self.user})))

    def take(self, answer):
        """One page; the pause until the next."""
        if answer.status != 200:
            raise self.refusal(answer)
        page = answer.json()
        self.session.learn(answer.headers)
        if page.get("id") and self.query is None:
            self.query = str(page["id"])
            self.task.say(f"[drover: query {self.query}]\n")
        is_first = self.uri is None
        uri = page.get("nextUri")
        self.uri = self.server.path_of(uri) if uri else None
        if self.uri and (is_first or "/executing/" in self.uri and "/executing/" not in self.recorded):
            self.recorded = self.uri  # any address of a query ends it: not each page is worth a write
            self.record.write({"url": self.server.url, "user": self.user, "uri": self.uri, "query": self.query})
        if page.get("error"):
            self.uri = None
            raise self.failure(page["error"])
        self.tell_progress(page.get("stats") or {})
        if self.take_rows(page) is False:
            self.is_cut = True
            self.end_there()
        if self.uri is None:
            return self.end_statement()
        if page.get("data"):
            self.news_at = time.monotonic()
            return 0.0
        return self.pause_s()

    def take_rows(self, page):
        if page.get("updateType"):
            self.update = (str(page["updateType"]), page.get("updateCount"))
        if page.get("columns") and self.columns is None:
            self.columns = [(str(column["name"]), type_of(column.get("type") or "varchar")) for column in page["columns"]]
        rows = page.get("data")
        if self.columns is None or self.update is not None:
            return True
        if self.table is None:
            self.begin_table()
        if not rows:
            return True
        self.convert(rows)
        return self.table.add(rows)

    def end_statement(self):
        if not self.end_table() and self.update is not None:
            kind, count = self.update
            self.task.results.text(kind.lower() if count is None else f"{kind.lower()}: {count} row{'' if count == 1 else 's'}")
        return self.go_on()

    def cancel(self):
        self.end_there()
        raise KeyboardInterrupt

    def end_there(self):
        if self.uri is not None:
            answer = self.conversation.ask("DELETE", self.uri, headers={"X-Trino-User": self.user})
            if answer.status >= 400 and answer.status not in (404, 410):
                raise Unanswered(f"{self.server.name} answers {answer.status} to a cancel")
            self.uri = None

    def is_there(self):
        return self.uri is not None

    # ---- words
    def failure(self, error):
        location = error.get("errorLocation")
        message = str(error.get("message") or "the query failed")
        if location and location.get("columnNumber") and not message.startswith("line "):
            message += f" (column {location['columnNumber']})"
        name = str(error.get("errorName") or "QueryError")
        if name in ("USER_CANCELED", "ADMINISTRATIVELY_KILLED") and self.task.is_cancelled:
            return KeyboardInterrupt()
        return Failure(name, message, self.line(int((location or {}).get("lineNumber") or 1)))

    def refusal(self, answer):
        if answer.status in (401, 403):
            return Failure("Denied", f"{self.server.name} answers {answer.status}: {answer.text() or 'no access'}"
                           " (options user, password_file, token_file)")
        if self.uri is not None and answer.status in (404, 410):
            self.uri = None
            return Failure("Lost", f"{self.server.name} does not know query {self.query} any more", outcome="died")
        return Failure("HttpError", f"{self.server.name} answers {answer.status}: {answer.text()}")

    def tell_progress(self, stats):
        done, total, state = stats.get("completedSplits"), stats.get("totalSplits"), str(stats.get("state") or "")
        percent = stats.get("progressPercentage")
        part = (self.at + min(float(percent or 0), 100.0) / 100) / len(self.statements)
        self.task.progress(part, text=f"{state} {done}/{total} splits" if total else state)


class Trino(Adapter):
    languages, version = ["trino", "sql"], "1"

    def new_session(self):
        return TrinoSession(self.options)

    def remote(self, task, session):
        return TrinoStatement(task, session, self.options)

    def cancel_left_behind(self):
        return cancel_left_behind("trino", cancel_query)


def cancel_query(about):
    if not about.get("uri"):
        return None
    options = drover_adapter.options_of_engine()
    conversation = Conversation(Server(about["url"], options, "a Trino coordinator"))
    try:
        answer = conversation.ask("DELETE", about["uri"], headers={"X-Trino-User": about.get("user") or ""})
        if answer.status >= 400 and answer.status not in (404, 410):
            raise Unanswered(f"{about['url']} answers {answer.status}")
        return f"query {about.get('query')} of Trino is cancelled"
    finally:
        conversation.close()


if __name__ == "__main__":
    drover_adapter.main(Trino())
