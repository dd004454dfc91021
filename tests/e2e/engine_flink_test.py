# tests/e2e/engine_flink_test.py - the Flink engine against recorded conversations: sessions, types, jobs, faults, cancels in each state.
# SPDX-License-Identifier: Apache-2.0
import os
import shutil
import tempfile
import time

from adapter_frame import ROOT, check_gone, check_left_behind, run_faults, until
from engine_agent import EngineProcess, read_table
from recorded_server import RecordedServer

FOLDER = ROOT / "engines/flink"
FOREVER = "SELECT COUNT(*) FROM a, b"
# see adapter_frame.FAULTS
FAULTS = [
    ("SELECT 'busy'", "ok", None, "answers 429"),
    ("SELECT 'gone'", "error", "SqlGatewayException", "does not exist"),
    ("SELECT 'ended'", "died", "Closed", "CLOSED"),
    ("SELECT\n  x FROM nowhere", "error", "SqlValidatorException", "Object 'nowhere' not found (line 2, column 8)"),
    ("SELECT COUNT(*) FROM clicks", "error", "Changelog", "option changelog"),
    ("INSERT INTO t SELECT 1", "ok", None, "job 2e78f924"),
    ("INSERT INTO t SELECT 1/0", "error", "JobFailed", "/ by zero"),
]


def run_all(engine):
    run_faults(engine, FAULTS)
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


def is_cancelled(server):
    return any(asked["method"] == "PATCH" or asked["path"].endswith(("/cancel", "/close")) for asked in list(server.asked))


def check_cancels(server, engine):
    """Held at each step of the conversation: it is cancelled there too, at once."""
    for code, steps in (("SELECT i, name FROM numbers", range(1, 5)), ("INSERT INTO t SELECT * FROM endless", range(1, 6))):
        for step in steps:
            server.asked.clear()
            server.hold_at = step
            statement = engine.execute(code, reset="namespace")
            until(lambda: sum(asked["method"] == "GET" for asked in server.asked) > step + 1, "it is held")
            begun = time.monotonic()
            engine.cancel(statement, grace_s=60)
            until(lambda: is_cancelled(server), "the cancel is heard there")
            server.hold_at = None
            ended = engine.ended(statement)
            assert ended["outcome"] == "cancelled" and time.monotonic() - begun < 30, ended
            until(lambda: server.open_names() == ["session"], "nothing is left there")
            asked = [(each["method"], each["path"].rpartition("/")[2]) for each in server.asked]
            assert ("POST", "cancel") in asked and ("DELETE", "close") in asked, asked
            if code.startswith("INSERT") and step > 3:
                assert any(method == "PATCH" for method, _ in asked), asked


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
        check_gone("flink", directory, FOREVER)
        shutil.rmtree(directory + "/drover", ignore_errors=True)
        check_left_behind("flink", directory, FOREVER, ["forever", "session"], lambda server: {"url": server.base, "rest": server.base})
    print("the Flink engine does what it says, to recorded conversations")


if __name__ == "__main__":
    main()
