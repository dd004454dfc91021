# tests/e2e/engine_sql_test.py - what the SQL engine makes of statements, values and errors.
# SPDX-License-Identifier: Apache-2.0
import sys
from pathlib import Path

from engine_agent import EngineProcess
from postgres_server import postgres
from skips import skip

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "engines/sql"), str(ROOT / "engines/host")]

from split_sql import split_statements  # noqa: E402

SPLITS = [
    ("", []),
    ("-- only this;\n/* and ; this */", []),
    ("select 1", [(1, "select 1")]),
    ("select 1;; ;select 2;", [(1, "select 1"), (1, "select 2")]),
    ("-- a;b\n\nselect ';', \";\" -- c;\n;\nselect 2", [(3, "select ';', \";\" -- c;\n"), (5, "select 2")]),
    ("select 'it''s;'; select e'it\\'s;'", [(1, "select 'it''s;'"), (1, "select e'it\\'s;'")]),
    ("do $$ a; b $$; select $x$ ;$$; $x$", [(1, "do $$ a; b $$"), (1, "select $x$ ;$$; $x$")]),
    ("create trigger t after insert on a begin update a set b = case when 1 then 2 end; select 1; end; select 3",
     [(1, "create trigger t after insert on a begin update a set b = case when 1 then 2 end; select 1; end"), (1, "select 3")]),
    ("select 'open; ended", [(1, "select 'open; ended")]),
]

SQLITE = [  # code, outcome, texts and previews, (error's line)
    ("create table t(a, b); insert into t values (1, ';'), (2, null); select * from t", "ok",
     ["done", "2 rows changed", [[1, ";"], [2, None]]], None),
    ("select 9007199254740993 as big, 1.5 as f, x'00ff' as b, cast(x'ff' as text) as bad", "ok",
     [[["9007199254740993", 1.5, "AP8=", "\ufffd"]]], None),
    ("select 1 as a, 2 as a", "ok", [[[1, 2]]], None),
    ("update t set a = 5 where b is null;\nselect nothing\nfrom t", "error", ["1 row changed"], 2),
    ("begin; insert into t values (7, 7); rollback; select count(*) from t", "ok", ["done", "1 row changed", "done", [[2]]], None),
]

POSTGRES = [
    ("create table t(a int, b text); insert into t values (1, ';'), (2, null); select * from t", "ok",
     ["create table", "2 rows changed", [[1, ";"], [2, None]]], None),
    ("select 9007199254740993, 2.50::numeric, 'nan'::float8, true, date '2026-01-31', timestamp '2026-01-31 12:00', bytea '\\x00ff'",
     "ok", [[["9007199254740993", "2.50", "nan", True, "2026-01-31", "2026-01-31T12:00:00.000000", "AP8="]]], None),
    ("select 1;\nselect *\nfrom nowhere", "error", [[[1]]], 3),
    ("do $$ begin raise notice 'hi'; end $$", "ok", ["do"], None),
    ("copy (select 1) to stdout", "ok", ["1 row copied"], None),
    ("copy t from stdin", "error", [], 1),
    ("select a from t where false", "ok", [[]], None),
]


def check(engine, rows):
    for code, outcome, previews, line in rows:
        ended = engine.run(code, seconds=60)
        assert ended["outcome"] == outcome, (code, ended)
        assert [result["preview"] for result in ended["results"]] == previews, (code, ended["results"])
        assert outcome == "ok" or ended["error"]["line"] == line, (code, ended)


def check_postgres():
    with postgres() as url:
        if url is None:
            return skip("PostgreSQL is not installed (tools/setup.sh engines)")
        with EngineProcess(ROOT / "engines/sql", env={"DROVER_SQL_DATABASE": url}) as engine:
            check(engine, POSTGRES)
    print("the SQL engine does what it says on PostgreSQL")
    return 0


def main():
    """With a word `postgres` that alone, with `sqlite` the rest, with none both."""
    if sys.argv[1:] == ["postgres"]:
        return check_postgres()
    for text, wanted in SPLITS:
        assert split_statements(text) == wanted, (text, split_statements(text))
    with EngineProcess(ROOT / "engines/sql") as engine:
        check(engine, SQLITE)
        file = engine.directory / "a.db"  # a database by the statement's variable
        engine.run("create table f(x)", env={"DROVER_SQL_DATABASE": str(file)})
        assert file.exists()
        assert engine.run("select * from f", reset="namespace")["outcome"] == "error", "the variable is gone, and so is the file"
    with EngineProcess(ROOT / "engines/sql", env={"DROVER_SQL_DATABASE": "postgresql:///x?host=/nonexistent"}) as engine:
        ended = engine.run("select 1")
        assert ended["error"]["name"] in ("ConnectionError", "NotInstalled") and ended["error"]["message"], ended
    print("the SQL engine does what it says")
    return 0 if sys.argv[1:] == ["sqlite"] else check_postgres()


if __name__ == "__main__":
    sys.exit(main())
