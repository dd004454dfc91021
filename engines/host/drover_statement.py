# engines/host/drover_statement.py - one order of the agent, from its arrival until its end is acknowledged.
# SPDX-License-Identifier: Apache-2.0
import json

from drover_io import Log
from drover_worker import PACKET_MAX


class Statement:
    __slots__ = ("order", "id", "number", "goes_alone", "notes", "log", "results", "started_us", "is_told", "ending", "fraction", "progress",
                 "return_after_s")

    def __init__(self, order, size):
        self.order, self.id, self.number = order, order["id"], 0
        self.results = order.get("results") or ""
        self.log = Log(order.get("log") or "", order.get("log_bytes") or 0, order.get("log_append") is True)
        self.goes_alone = size > PACKET_MAX // 2 or order.get("reset") == "respawn"
        self.notes = (order.get("env") or {}).pop("DROVER_CODE_NOTES", None)
        self.return_after_s = (order.get("return_after_ms") or 0) / 1000
        self.started_us, self.is_told, self.fraction = 0, False, 0.0
        self.ending = self.progress = None  # ending: `cancelled` or `timeout` once that is wanted

    def begin_log(self):
        """Without what an earlier store left there, should nothing be printed; with what was changed in the code before it came here."""
        if self.log.fd is None:  # else a note came before it began
            self.log.forget()
        if self.notes:
            self.log.write(b"".join(b"[drover: %s]\n" % note.encode("utf-8", "replace") for note in self.notes.split("; ")))

    def as_wanted(self, ended):
        """Who was told to end has done so, unless it was through."""
        if self.ending is None or ended["outcome"] == "ok":
            return ended
        error = dict(ended.get("error") or {}, name="Cancelled", message="cancelled while it ran")
        if self.ending == "timeout":
            error.update(name="Timeout", message=f"over its limit of {self.order['time_limit_s']} s")
        return dict(ended, outcome=self.ending, exit_code=130 if self.ending == "cancelled" else 124, error=error)


def quoted(text):
    return json.encoder.encode_basestring_ascii(text).encode()
