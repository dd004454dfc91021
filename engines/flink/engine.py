# engines/flink/engine.py - SQL on Flink through the REST endpoint of its SQL Gateway (version 2 of it).
# SPDX-License-Identifier: Apache-2.0
"""A session of ours is one of the gateway's; a statement is an operation in it, asked for its status until it is ready and then
for its results, token by token. An INSERT is over for the gateway when its job has begun; with the JobManager's address
(option `rest`) the job is followed there to its end, and cancelled with the statement."""
import decimal
import json
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "host"))

import drover_adapter  # noqa: E402
from drover_adapter import Adapter, Session, Unanswered  # noqa: E402
from drover_http import BadAnswer, Conversation, Server  # noqa: E402
from drover_left import Record, cancel_left_behind  # noqa: E402
from drover_sql_remote import SqlRemote  # noqa: E402
from drover_worker import Failure  # noqa: E402
from flink_types import cause_of, type_of  # noqa: E402

FIRST_S = 0.05
BEAT_S = 60
WAITING = {"INITIALIZED", "PENDING", "RUNNING"}
JOB_OPEN = {"INITIALIZING", "CREATED", "RUNNING", "FAILING", "CANCELLING", "RESTARTING", "SUSPENDED", "RECONCILING"}
CHANGES = {"INSERT": "+I", "UPDATE_BEFORE": "-U", "UPDATE_AFTER": "+U", "DELETE": "-D"}


class Refused(Exception):
    """The gateway's own words about an error."""

    def __init__(self, answer):
        try:
            found = answer.json().get("errors")
        except BadAnswer:
            found = None
        self.errors = found if isinstance(found, list) and found else [f"status {answer.status}: {answer.text()}"]
        super().__init__(self.errors[0])


def ask(conversation, method, path, body=None):
    data = None if body is None else json.dumps(body).encode()
    answer = conversation.ask(method, path, data, {"Content-Type": "application/json"} if body is not None else {})
    if answer.status >= 400:
        raise Refused(answer)
    return answer.json(parse_float=decimal.Decimal)


class FlinkSession(Session):
    beat_s = BEAT_S

    def __init__(self, options):
        super().__init__()
        self.options, self.server, self.handle, self.record = options, None, None, None

    def use(self, url):
        server = Server(url, self.options, "a Flink SQL Gateway")
        if self.server is None:
            self.server, self.target = server, server.name
        elif server.name != self.server.name:
            raise Failure("OtherServer", f"this session is on {self.server.name}: use another one for {server.name}")

    @property
    def path(self):
        return f"{self.server.path}/v2/sessions/{self.handle}"

    def open(self, conversation):
        if self.handle is None:
            self.record = self.record or Record("flink")
            properties = {str(name): str(value) for name, value in (self.options.get("properties") or {}).items()}
            opened = ask(conversation, "POST", self.server.path + "/v2/sessions", {"sessionName": "drover", "properties": properties})
            self.handle = str(opened["sessionHandle"])
            self.record.write({"url": self.server.url, "path": self.path})

    def beat(self):
        if self.handle is not None:
            self.once("POST", self.path + "/heartbeat", {})

    def close(self):
        try:
            if self.handle is not None:
                self.once("DELETE", self.path)
                self.handle = None
        finally:
            if self.record is not None:
                self.record.close(has_ended=self.handle is None)

    def once(self, method, path, body=None):
        conversation = Conversation(self.server)
        try:
            ask(conversation, method, path, body)
        except Refused:
            pass  # it is gone already
        finally:
            conversation.close()


class FlinkStatement(SqlRemote):
    def __init__(self, task, session, options):
        session.use(task.setting(options, "url", "DROVER_FLINK_URL"))
        self.operation = None
        super().__init__(task, session, session.server, options)
        rest = task.setting(options, "rest", "DROVER_FLINK_REST")
        self.jobs = Conversation(Server(rest, options, "Flink's JobManager")) if rest else None
        self.changelog = bool(options.get("changelog"))

    def renew(self):
        super().renew()
        self.job = self.state = None
        self.is_following = False

    # ---- steps
    def submit(self):
        if not self.statements:
            return None
        self.session.open(self.conversation)
        self.record = self.record or Record("flink")
        return self.begin()

    def begin(self):
        self.renew()
        body = {"statement": self.statements[self.at][1]}
        try:
            begun = self.send(lambda: ask(self.conversation, "POST", self.session.path + "/statements", body))
        except Refused as why:
            raise self.failure(why.errors) from None
        self.operation = f"{self.session.path}/operations/{begun['operationHandle']}"
        self.write_record()
        return 0.0

    def write_record(self):
        self.record.write({"url": self.session.server.url, "path": self.operation, "rest": self.jobs and self.jobs.server.url,
                           "job": self.job})

    def poll(self):
        try:
            return super().poll()
        except Refused as why:
            raise self.failure(why.errors) from None

    def next_step(self):
        if self.operation is None:
            return self.begin()
        if self.is_following:
            return self.follow_job()
        if self.uri is None:
            return self.look_at_status()
        return self.take(self.get(self.conversation, self.uri))

    def get(self, conversation, path):
        return self.wait_for(lambda: ask(conversation, "GET", path))

    def look_at_status(self):
        state = str(self.get(self.conversation, self.operation + "/status").get("status"))
        if state != self.state:
            self.state, self.news_at = state, time.monotonic()
            self.task.progress(self.at / len(self.statements), text=state)
        if state in WAITING:
            return self.pause_s(FIRST_S)
        if state == "CANCELED" and self.task.is_cancelled:
            raise KeyboardInterrupt
        if state in ("CANCELED", "CLOSED", "TIMEOUT"):
            raise Failure(state.capitalize(), f"the gateway ended the statement: {state}", self.line(), outcome="died")
        self.uri = f"{self.operation}/result/0?rowFormat=JSON"  # of ERROR it says what it is
        return 0.0

    def take(self, page):
        """One page of results."""
        kind = page.get("resultType")
        if kind == "NOT_READY":
            return self.pause_s(FIRST_S)
        if kind not in ("PAYLOAD", "EOS"):
            raise BadAnswer(f"results of type {kind!r}")
        has_rows = bool((page.get("results") or {}).get("data"))
        if has_rows:
            self.news_at = time.monotonic()
        if page.get("jobID") and self.job is None:
            self.job = str(page["jobID"])
            self.task.say(f"[drover: job {self.job} of Flink]\n")
            self.write_record()
        uri = page.get("nextResultUri")
        if self.take_rows(page, page.get("results") or {}) is False:
            self.is_cut = True
            self.end_operation()
            return self.end_statement()
        if kind == "PAYLOAD" and uri:
            self.uri = self.session.server.path_of(uri)
            return 0.0 if has_rows else self.pause_s(FIRST_S)  # a job that has no rows yet gives empty pages
        if self.job is not None and not page.get("isQueryResult"):
            if self.jobs is not None:
                self.is_following = True
                return FIRST_S
            self.task.say("[drover: the job goes on in Flink; with the option `rest` it is followed to its end]\n")
        return self.end_statement()

    def take_rows(self, page, results):
        if self.columns is None and results.get("columns"):
            self.columns = [(str(column["name"]), type_of(column.get("logicalType") or {})) for column in results["columns"]]
            if page.get("resultKind") == "SUCCESS_WITH_CONTENT" and (page.get("isQueryResult") or self.job is None):
                self.begin_table([("op", "string")] if self.changelog else [])
        if self.table is None:
            return True
        data = results.get("data") or []
        if not self.changelog and any(each.get("kind", "INSERT") != "INSERT" for each in data):
            raise Failure("Changelog", "the query's rows change later: set the option changelog, or run it in batch mode", self.line())
        rows = [each["fields"] for each in data]
        self.convert(rows)
        if self.changelog:
            rows = [[CHANGES.get(each.get("kind"), "?"), *row] for each, row in zip(data, rows)]
        return not rows or self.table.add(rows)

    def end_statement(self):
        if not self.end_table():
            self.task.results.text(self.job or "ok", name="flink_job" if self.job else "")
        self.close_operation()
        return self.go_on()

    # ---- the job of an INSERT
    def follow_job(self):
        about = self.get(self.jobs, f"{self.jobs.server.path}/jobs/{self.job}")
        state = str(about.get("state"))
        self.tell_job(about)
        if state in JOB_OPEN:
            return self.pause_s(FIRST_S)
        if state == "FINISHED":
            return self.end_statement()
        if state == "CANCELED" and self.task.is_cancelled:
            raise KeyboardInterrupt
        raise Failure("Job" + state.capitalize(), self.why_it_failed() or f"job {self.job} of Flink: {state}", self.line())

    def why_it_failed(self):
        try:
            about = ask(self.jobs, "GET", f"{self.jobs.server.path}/jobs/{self.job}/exceptions")
            entries = (about.get("exceptionHistory") or {}).get("entries") or []
            full = str(entries[0].get("stacktrace") or "") if entries else str(about.get("root-exception") or "")
        except (Unanswered, Refused):
            return None
        return cause_of([full])[1] if full else None

    def tell(self):
        """Beside the polls: how far the job of a query is. Its own connection."""
        if self.jobs is None:
            return None
        if self.job is None or self.is_following:
            return 1.0
        conversation = Conversation(self.jobs.server)
        try:
            self.tell_job(ask(conversation, "GET", f"{self.jobs.server.path}/jobs/{self.job}"))
        finally:
            conversation.close()
        return 3.0

    def tell_job(self, about):
        tasks = [vertex.get("tasks") or {} for vertex in about.get("vertices") or []]
        total = sum(int(count) for each in tasks for count in each.values())
        done = sum(int(each.get("FINISHED", 0)) for each in tasks)
        if total:
            self.task.progress((self.at + done / total) / len(self.statements), text=f"{about.get('state')} {done}/{total} tasks")

    # ---- the end
    def cancel(self):
        self.end_operation()
        if self.is_following or self.job is not None and self.jobs is not None:
            return FIRST_S if self.is_following else self.give_up()
        return self.give_up()

    @staticmethod
    def give_up():
        raise KeyboardInterrupt

    def end_operation(self):
        if self.operation is not None:
            try:
                ask(self.conversation, "POST", self.operation + "/cancel", {})
            except Refused:
                pass  # it has ended
        if self.job is not None and self.jobs is not None:
            cancel_job(self.jobs, self.job)
        if not self.is_following:
            self.close_operation()

    def close_operation(self):
        if self.operation is not None:
            try:
                ask(self.conversation, "DELETE", self.operation + "/close")
            except Refused:
                pass
            self.operation = None

    def end_there(self):
        if self.operation is not None:
            self.end_operation()
            self.close_operation()

    def is_there(self):
        return self.operation is not None

    def close(self):
        try:
            super().close()
        finally:
            if self.jobs is not None:
                self.jobs.close()

    # ---- words
    def failure(self, errors):
        name, message, line = cause_of(errors)
        if self.task.is_cancelled and "cancel" in message.lower():
            return KeyboardInterrupt()
        return Failure(name, message, self.line(line))


def cancel_job(jobs, job):
    try:
        ask(jobs, "PATCH", f"{jobs.server.path}/jobs/{job}?mode=cancel", {})
    except Refused:
        pass  # it has ended


class Flink(Adapter):
    languages, version = ["flink", "flink-sql", "sql"], "1"

    def new_session(self):
        return FlinkSession(self.options)

    def remote(self, task, session):
        return FlinkStatement(task, session, self.options)

    def cancel_left_behind(self):
        return cancel_left_behind("flink", cancel_left)


def cancel_left(about):
    """An operation, or a session with all of its operations."""
    options, path = drover_adapter.options_of_engine(), str(about.get("path") or "")
    conversation = Conversation(Server(about["url"], options, "a Flink SQL Gateway"))
    try:
        if about.get("job") and about.get("rest"):
            cancel_job(Conversation(Server(about["rest"], options, "Flink's JobManager")), about["job"])
        for method, end in (("POST", "/cancel"), ("DELETE", "/close")) if "/operations/" in path else (("DELETE", ""),):
            try:
                ask(conversation, method, path + end, {} if method == "POST" else None)
            except Refused:
                pass  # it is gone
        return f"{path} of Flink is ended"
    finally:
        conversation.close()


if __name__ == "__main__":
    drover_adapter.main(Flink())
