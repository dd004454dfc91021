# tests/e2e/engine_flink_test.py - the Flink engine against recorded conversations: sessions, types, jobs, faults, cancels in each state.
# SPDX-License-Identifier: Apache-2.0
import os
import shutil
import signal
import tempfile
import time
from pathlib import Path

from engine_agent import EngineProcess, read_table
from recorded_server import RecordedServer

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "engines/flink"
FOREVER = "SELECT COUNT(*) FROM a, b"
# what is run; outcome, name of the error, words of its message (or of the log, if it goes well)
FAULTS = [
    ("SELECT 'busy'", "ok", None, "answers 429"),
    ("SELECT 'broken'", "ok", None, "asking again"),
    ("SELECT 'slow'", "ok", None, ""),
    ("SELECT 'nonsense'", "died", "BadAnswer", "no JSON object"),
    ("SELECT 'lost'", "error", "SubmitError", "may have begun and is not sent again"),
    ("SELECT 'gone'", "error", "SqlGatewayException", "does not exist"),
    ("SELECT 'ended'", "died", "Closed", "CLOSED"),
    ("SELECT\n  x FROM nowhere", "error", "SqlValidatorException", "Object 'nowhere' not found (line 2, column 8)"),
    ("SELECT COUNT(*) FROM clicks", "error", "Changelog", "option changelog"),
    ("INSERT INTO t SELECT 1", "ok", None, "job 2e78f924"),
    ("INSERT INTO t SELECT 1/0", "error", "JobFailed", "/ by zero"),
    ("-- nothing\n;", "ok", None, ""),
]


def run_all(engine):
    for code, outcome, name, words in FAULTS:
        statement = engine.execute(code, reset="namespace")
        ended = engine.ended(statement)
        assert ended["outcome"] == outcome and ended.get("error", {}).get("name") == name, (code, ended)
        told = ended["error"]["message"] if name else engine.log(statement).decode()
        assert words in told, (code, told)
    ended = engine.run("SET 'x' = '41';\nSELECT 1;\nINSERT INTO t SELECT 1")
    assert [(one["kind"], one["name"]) for one in ended["results"]] == [("text", ""), ("table", ""), ("text", "flink_job")], ended
    assert ended["results"][1]["preview"] == [[1]], ended


def check_types(engine):
    result = engine.run("SELECT * FROM every_type")["results"][0]
    columns, rows = read_table(engine.results_path(engine.number), result)
    assert [column["type"] for column in columns] == ["bool", "int", "int", "float", "decimal", "string", "binary", "date", "timestamp",
                                                      "string", "any", "any", "any", "string"], columns
    assert rows == [[True, 7, "9007199254740993", 1.5, "123456789012345678.90", "äß", "AP8=", "2026-01-31",
                     "2026-01-31T12:00:00.123000", "1970-01-01T00:00:00Z", "[1, 2]", '{"a": 1}', '{"f0": 1, "f1": "b"}', "12:00:00"],
                    [None] * 14], rows


def check_sessions(server, engine):
    """One session for what belongs together, one for each that does not; all are closed."""
    before = sessions_of(server)
    for reset in ("namespace", "none", "none", "namespace"):
        assert engine.run("SET 'x' = '41'", reset=reset)["outcome"] == "ok"
    assert sessions_of(server) - before == 2, "two sessions"
    until(lambda: server.open_names() == ["session"], "those before are closed")
    ended = engine.run("SET 'x' = '41'", env={"DROVER_FLINK_URL": "http://192.0.2.1:8083"})
    assert ended["error"]["name"] == "OtherServer", ended


def sessions_of(server):
    return len([one for one in server.begun if one.name == "session"])


def check_cancels(server, engine):
    """Held at each step of the conversation: it is cancelled there too, at once."""
    for code, steps in (("SELECT i, name FROM numbers", range(1, 5)), ("INSERT INTO t SELECT * FROM endless", range(1, 6))):
        for step in steps:
            server.asked.clear()
            server.hold_at = step
            statement = engine.execute(code, reset="namespace")
            until(lambda: sum(asked["method"] == "GET" for asked in server.asked) > step + 1, "it is held")
            begun = time.monotonic()
            server.hold_at = None
            engine.cancel(statement, grace_s=60)
            ended = engine.ended(statement)
            assert ended["outcome"] == "cancelled" and time.monotonic() - begun < 30, ended
            until(lambda: server.open_names() == ["session"], "nothing is left there")
            asked = [(each["method"], each["path"].rpartition("/")[2]) for each in server.asked]
            assert ("POST", "cancel") in asked and ("DELETE", "close") in asked, asked
            if code.startswith("INSERT") and step > 3:
                assert any(method == "PATCH" for method, _ in asked), asked


def check_left_behind(state):
    """The engine is killed; the next one ends the operation and the session."""
    with RecordedServer("flink") as server:
        options = {"url": server.base, "rest": server.base}
        engine = EngineProcess(FOLDER, options, {"XDG_STATE_HOME": state})
        engine.accept()
        engine.started(engine.execute(FOREVER))
        until(lambda: "forever" in server.open_names() and len(server.asked) > 4, "it runs")
        os.kill(engine.process.pid, signal.SIGKILL)
        engine.process.wait()
        engine.__exit__(KeyboardInterrupt, None, None)
        assert sorted(server.open_names()) == ["forever", "session"]
        with EngineProcess(FOLDER, options, {"XDG_STATE_HOME": state}):
            until(lambda: not server.open_names(), "the next engine ends them")
            until(lambda: not os.listdir(state + "/drover/flink"), "and forgets them")


def check_gone(state):
    """The gateway goes while a query runs: it is asked again until the statement is cancelled."""
    server = RecordedServer("flink")
    with EngineProcess(FOLDER, {"url": server.base}, {"XDG_STATE_HOME": state}) as engine:
        with server:
            statement = engine.execute(FOREVER)
            until(lambda: "forever" in server.open_names() and len(server.asked) > 4, "it runs")
            server.begun.clear()
        until(lambda: b"asking again" in engine.log(statement), "the trouble is told")
        engine.cancel(statement, grace_s=1)
        assert engine.ended(statement)["outcome"] == "cancelled"


def until(is_so, what, seconds=60):
    end = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < end, what
        time.sleep(0.02)


def main():
    with tempfile.TemporaryDirectory(prefix="drover-flink-") as directory:
        with RecordedServer("flink") as server:
            options = {"url": server.base, "rest": server.base}
            with EngineProcess(FOLDER, options, {"XDG_STATE_HOME": directory}) as engine:
                run_all(engine)
                check_types(engine)
                check_sessions(server, engine)
                check_cancels(server, engine)
            with EngineProcess(FOLDER, dict(options, changelog=True), {"XDG_STATE_HOME": directory}) as engine:
                assert engine.run("SELECT COUNT(*) FROM clicks")["results"][0]["preview"] == [["+I", 1], ["-U", 1], ["+U", 2]]
        check_gone(directory)
        shutil.rmtree(directory + "/drover", ignore_errors=True)
        check_left_behind(directory)
    print("the Flink engine does what it says, to recorded conversations")


if __name__ == "__main__":
    main()
