# tests/e2e/adapter_frame.py - what the tests of adapters ask of each: faults on the way, a server that goes, an engine that is killed.
# SPDX-License-Identifier: Apache-2.0
import os
import signal
import time
from pathlib import Path

from engine_agent import EngineProcess
from recorded_server import RecordedServer

ROOT = Path(__file__).resolve().parents[2]
# what is run; outcome, name of the error, words of its message (or of the log, if it goes well)
FAULTS = [
    ("SELECT 'broken'", "ok", None, "asking again"),
    ("SELECT 'slow'", "ok", None, ""),
    ("SELECT 'nonsense'", "died", "BadAnswer", "no JSON object"),
    ("SELECT 'lost'", "error", "SubmitError", "may have begun and is not sent again"),
    ("-- nothing\n;", "ok", None, ""),
]


def until(is_so, what, seconds=90):
    end = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < end, what
        time.sleep(0.02)


def run_faults(engine, faults):
    for code, outcome, name, words in FAULTS + faults:
        statement = engine.execute(code, reset="namespace")
        ended = engine.ended(statement)
        assert ended["outcome"] == outcome and ended.get("error", {}).get("name") == name, (code, ended)
        told = ended["error"]["message"] if name else engine.log(statement).decode()
        assert words in told, (code, told)


def begin(server, engine, forever):
    statement = engine.execute(forever)
    until(lambda: "forever" in server.open_names() and len(server.asked) > 5, "it runs")
    return statement


def check_left_behind(kind, state, forever, open_names, options_of):
    """The engine is killed; the next one ends what it left."""
    with RecordedServer(kind) as server:
        options = options_of(server)
        engine = EngineProcess(ROOT / "engines" / kind, options, {"XDG_STATE_HOME": state})
        engine.accept()
        begin(server, engine, forever)
        os.kill(engine.process.pid, signal.SIGKILL)
        engine.process.wait()
        engine.__exit__(KeyboardInterrupt, None, None)
        time.sleep(0.3)
        assert sorted(server.open_names()) == open_names
        with EngineProcess(ROOT / "engines" / kind, options, {"XDG_STATE_HOME": state}):
            until(lambda: not server.open_names(), "the next engine ends it")
            until(lambda: not os.listdir(f"{state}/drover/{kind}"), "and forgets it")


def check_gone(kind, state, forever):
    """The server goes while a statement runs: it is asked again until the statement is given up or cancelled."""
    server = RecordedServer(kind)
    with EngineProcess(ROOT / "engines" / kind, {"url": server.base}, {"XDG_STATE_HOME": state}) as engine:
        with server:
            statement = begin(server, engine, forever)
            server.begun.clear()
        until(lambda: b"asking again" in engine.log(statement), "the trouble is told")
        engine.cancel(statement, grace_s=1)
        assert engine.ended(statement)["outcome"] == "cancelled"
        # One that cannot even begin says so at once: in the log, and beside its state.
        begun = time.monotonic()
        statement = engine.execute("SELECT 1", reset="namespace")
        where = f"cannot reach {server.base}: Connection refused"
        engine.next(lambda m: m["type"] == "progress" and m["id"] == statement and m["text"] == where, "the trouble is told beside its state")
        until(lambda: f"[drover: {where}; asking again]\n".encode() in engine.log(statement), "and in the log")
        assert time.monotonic() - begun < 30, "not when it is given up"
        engine.cancel(statement, grace_s=1)
        assert engine.ended(statement)["outcome"] == "cancelled"
        ended = engine.run("SELECT 1", time_limit_s=1, reset="namespace")
        assert ended["outcome"] == "timeout", ended
