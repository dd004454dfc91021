# tests/e2e/engine_hive_test.py - the Hive engine against recorded output of beeline: results, settings, progress, faults, cancels.
# SPDX-License-Identifier: Apache-2.0
import os
import sys
import tempfile
import time
from pathlib import Path

import fake_beeline
from engine_agent import EngineProcess, read_table

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "engines/hive"
# what is run; outcome, name of the error, line, words of its message
FAULTS = [
    ("select 1;\nselect\n  x from nowhere", "error", "42S02", 3, "Table not found 'nowhere'"),
    ("select needs_sales()", "error", "HiveError", 1, "database is not sales"),
    ("select 'dies'", "died", "Signal", 1, "signal 9"),
    ("select 'gone'", "error", "08S01", 1, "Connection reset"),
    ("select 'never recorded'", "error", "HiveError", 1, "status 1"),
    ("-- nothing\n;", "ok", None, None, ""),
    ("select 'nonsense'", "ok", None, None, ""),
]


def check_results(engine):
    ended = engine.run("select * from texts;\nselect 'no rows';\nset x=41;\nselect needs_x()")
    assert [one["kind"] for one in ended["results"]] == ["table", "table", "text", "table"], ended
    columns, rows = read_table(engine.results_path(engine.number), ended["results"][0])
    assert [column["name"] for column in columns] == ["a", "b", "a_2"], columns
    assert rows == [['a, "b"\nsecond line', None, "ä"], ["", "x", ""]], rows
    assert ended["results"][1]["rows"] == 0 and ended["results"][1]["columns"][0]["name"] == "_c0", ended
    ended = engine.run("select i, name from numbers", result_rows=1000)
    assert ended["error"]["name"] == "ResultQuota" and ended["results"][0]["rows"] == 1000 and not ended["results"][0]["complete"], ended
    ended = engine.run("select i, digest from noise;\nselect 1", result_rows=5000)
    assert ended["error"]["name"] == "ResultQuota" and [one["rows"] for one in ended["results"]] == [5000, 0], ended
    ended = engine.run("select i, digest from noise;\nset x=42", result_rows=5000)
    assert ended["error"]["name"] != "ResultQuota", "what was never recorded is still asked for after a result that was cut"


def check_settings(engine):
    """They last: over statements, failures and cancels; not over a reset."""
    assert engine.run("use sales;\nset x=41;\nselect needs_x()", reset="namespace")["outcome"] == "ok"
    assert engine.run("select needs_sales();\nselect needs_x()")["outcome"] == "ok"
    statement = engine.execute("select count(*) from a, b")
    engine.next(lambda m: m["type"] == "progress" and m["id"] == statement, "progress", 60)
    engine.cancel(statement, grace_s=60)
    assert engine.ended(statement)["outcome"] == "cancelled"
    assert engine.run("select needs_sales();\nselect needs_x()")["outcome"] == "ok"
    assert engine.run("select needs_x()", reset="namespace")["outcome"] == "error"


def check_progress(engine):
    for code, wanted in (("select 'mapreduce'", [0.25, 1.0]), ("select 'tez'", [0.25, 1.0])):
        engine.messages.clear()
        assert engine.run(code)["outcome"] == "ok"
        told = [m["fraction"] for m in engine.messages if m["type"] == "progress"]
        assert told and told == sorted(told) and set(told) <= {0.0, 0.25, 1.0, *wanted}, (code, told)


def check_cancels(directory, engine):
    """beeline hears it and ends its query; whether it has begun, or is just about to."""
    for pause_s in (0.0, 0.05, 0.3, 1.0):
        statement = engine.execute("select count(*) from a, b")
        engine.started(statement)
        time.sleep(pause_s)
        engine.cancel(statement, grace_s=60)
        assert engine.ended(statement)["outcome"] == "cancelled"
        assert engine.run("select 1")["outcome"] == "ok"
    statement = engine.execute("select count(*) from a, b", env={"FAKE_DEAF_S": "0.4"})
    engine.started(statement)
    time.sleep(0.1)
    engine.cancel(statement, grace_s=60)
    assert engine.ended(statement, seconds=20)["outcome"] == "cancelled", "the first interrupt was lost, others were not"
    assert engine.run("select 1", env={"FAKE_DEAF_S": ""})["outcome"] == "ok"
    statement = engine.execute("select count(*) from a, b")
    engine.next(lambda m: m["type"] == "progress" and m["id"] == statement, "progress", 60)
    before = (directory / "cancelled").stat().st_size
    engine.cancel(statement, grace_s=60)
    assert engine.ended(statement)["outcome"] == "cancelled"
    assert (directory / "cancelled").stat().st_size > before, "beeline itself was interrupted"


def main():
    with tempfile.TemporaryDirectory(prefix="drover-hive-") as name:
        directory = fake_beeline.install(name)
        environment = {"FAKE_BEELINE": name, "PATH": f"{name}:{os.path.dirname(sys.executable)}:/usr/bin:/bin"}
        with EngineProcess(FOLDER, {}, environment) as engine:
            for code, outcome, error, line, words in FAULTS:
                ended = engine.run(code, reset="namespace")
                found = ended.get("error", {})
                assert (ended["outcome"], found.get("name"), found.get("line")) == (outcome, error, line), (code, ended)
                assert words in found.get("message", ""), (code, ended)
            check_results(engine)
            check_settings(engine)
            check_progress(engine)
            check_cancels(directory, engine)
            ended = engine.run("select 1", env={"DROVER_HIVE_URL": "jdbc:hive2://nowhere:10000"})
            assert ended["error"]["name"] == "08S01" and "UnknownHost" in ended["error"]["message"], ended
        with EngineProcess(FOLDER, {}, dict(environment, PATH="/nonexistent")) as engine:
            assert engine.run("select 1")["error"]["name"] == "NotInstalled"
    print("the Hive engine does what it says, to recorded output of beeline")


if __name__ == "__main__":
    main()
