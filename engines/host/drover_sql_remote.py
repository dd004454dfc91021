# engines/host/drover_sql_remote.py - SQL that a cluster answers in pages: statement by statement, one table at a time.
# SPDX-License-Identifier: Apache-2.0
"""What the adapters of SQL systems share. They write the conversation: submit(), next_step(), cancel(), end_there()."""
import time

from drover_adapter import Remote, Unanswered
from drover_http import BadAnswer, Conversation
from drover_rows import PagedTable, unique
from drover_worker import Failure
from split_sql import split_statements

BAD_MAX = 3        # answers in a row that are not of the protocol
AGE_SHARE = 0.1    # of the time that nothing new came: the pause until the next question


class SqlRemote(Remote):
    def __init__(self, task, session, server, options):
        self.task, self.session, self.target = task, session, server.name
        self.conversation, self.is_waiting = Conversation(server), False
        self.last_s = float(options.get("poll_last_s") or 3)
        self.statements, self.at = split_statements(task.code), 0
        self.record, self.bad = None, 0
        self.renew()

    def renew(self):
        """For the next statement of the code."""
        self.uri = self.table = self.columns = None  # uri: where its next page is
        self.news_at, self.is_cut = time.monotonic(), False

    # ---- what an engine writes, beside submit() and cancel()
    def next_step(self):
        raise NotImplementedError

    def end_there(self):
        """Whatever of it may still run."""
        raise NotImplementedError

    def is_there(self):
        """Something of it may still run."""
        raise NotImplementedError

    # ---- questions
    def poll(self):
        try:
            pause_s = self.next_step()
        except BadAnswer as why:
            self.bad += 1
            if self.bad >= BAD_MAX:
                raise Failure("BadAnswer", str(why), self.line(), outcome="died") from None
            raise
        self.bad = 0
        return pause_s

    def send(self, ask):
        """A statement, once: one whose answer was lost may have begun."""
        try:
            return ask()
        except Unanswered as why:
            if why.may_have_begun or isinstance(why, BadAnswer):
                raise Failure("SubmitError", f"{why}; it may have begun and is not sent again", self.line()) from None
            raise

    def wait_for(self, ask):
        """An answer that may take long: wake() cuts it short."""
        self.is_waiting = True
        try:
            return ask()
        finally:
            self.is_waiting = False

    def wake(self):
        if self.is_waiting:
            self.conversation.wake()

    def pause_s(self, least_s=0.0):
        return max(least_s, min((time.monotonic() - self.news_at) * AGE_SHARE, self.last_s))

    # ---- tables; `columns` are (name, (type, conversion or None))
    def begin_table(self, first=()):
        names, types = [name for name, _ in self.columns], [kind[0] for _, kind in self.columns]
        self.table = PagedTable(self.task.results, unique([*(name for name, _ in first), *names]), [*(kind for _, kind in first), *types])

    def convert(self, rows):
        changes = [(at, convert) for at, (_, (_, convert)) in enumerate(self.columns) if convert is not None]
        for row in rows if changes else ():
            for at, convert in changes:
                if row[at] is not None:
                    row[at] = convert(row[at])

    def end_table(self):
        """False: there was none."""
        table, self.table = self.table, None
        if table is not None:
            table.close(not self.is_cut)
        return table is not None

    def go_on(self):
        """To the next statement; None: that was the last."""
        self.at += 1
        return 0.0 if self.at < len(self.statements) else None

    # ---- the end
    def close(self):
        try:
            if self.table is not None:
                self.table.close(False)
            self.end_there()  # it failed here, not there
        except Unanswered:
            pass  # the record stays
        finally:
            self.conversation.close()
            if self.record is not None:
                self.record.close(has_ended=not self.is_there())

    def line(self, within=None):
        """Of the code; `within` the statement, from 1."""
        if self.at >= len(self.statements):
            return None
        return self.statements[self.at][0] + max(0, (within or 1) - 1)
