# tests/e2e/engine_exchange_test.py - data exchange jobs: what is copied, told, refused and left behind.
# SPDX-License-Identifier: Apache-2.0
import json
import sqlite3
from pathlib import Path

from engine_agent import EngineProcess, read_table

ROOT = Path(__file__).resolve().parents[2]


def main():
    with EngineProcess(ROOT / "engines/exchange") as engine:
        def run(job, **more):
            ended = engine.run(json.dumps(job), seconds=60, **more)
            metrics = {}
            if ended["results"]:
                _, rows = read_table(engine.results_path(engine.number), ended["results"][0])
                metrics = dict(rows)
            return ended, metrics

        def rows_of(database, table):
            return sqlite3.connect(engine.cwd / database).execute(f"select * from {table}").fetchall()

        (engine.cwd / "in.csv").write_text("id,name,price\n" + "".join(f"{k},\"n,{k}\",{k}.5\n" for k in range(5000)))
        job = {"reader": {"type": "csv", "path": "in.csv"}, "writer": {"type": "sqlite", "path": "out.db", "table": "t"},
               "columns": [{"from": "id", "to": "key", "type": "int"}, "name", {"from": "price", "type": "float"}]}
        ended, metrics = run(job)
        assert ended["outcome"] == "ok" and metrics["rows_read"] == metrics["rows_written"] == 5000, (ended, metrics)
        rows = rows_of("out.db", "t")
        assert len(rows) == 5000 and rows[7] == (7, "n,7", 7.5), rows[7]
        assert engine.next(lambda m: m["type"] == "progress", "progress")["fraction"] > 0

        # Back again, slowly: the speed limit holds, and progress never falls.
        back = {"reader": {"type": "sqlite", "path": "out.db", "query": "select key from t where key < 100"},
                "writer": {"type": "csv", "path": "back.csv"}, "speed": {"rows_per_second": 100}}
        ended, metrics = run(back)
        assert ended["outcome"] == "ok" and metrics["seconds"] > 0.9, metrics
        assert (engine.cwd / "back.csv").read_text().splitlines()[:2] == ["key", "0"]
        told = [m["fraction"] for m in engine.messages if m["type"] == "progress" and m["id"] == ended["id"]]
        assert told == sorted(told) and len(told) <= metrics["seconds"] * 5 + 3, (metrics, told)

        # Wrong rows: within the limit they are left out and told, beyond it nothing is written at all.
        (engine.cwd / "in.csv").write_text("id\n1\nx\n3\n")
        job = {"reader": {"type": "csv", "path": "in.csv"}, "writer": {"type": "sqlite", "path": "out.db", "table": "w"},
               "columns": [{"from": "id", "type": "int"}]}
        ended, metrics = run(job)
        assert ended["outcome"] == "error" and "1 rows are wrong" in ended["error"]["message"], ended
        assert not sqlite3.connect(engine.cwd / "out.db").execute("select 1 from sqlite_master where name = 'w'").fetchall()
        ended, metrics = run(dict(job, errors={"max_rows": 1}))
        assert ended["outcome"] == "ok" and metrics["rows_wrong"] == 1 and rows_of("out.db", "w") == [(1,), (3,)], metrics

        for wrong, word in (({}, "reader"), ({"reader": {"type": "oracle"}, "writer": {}}, "csv, sqlite"),
                            ({"reader": {"type": "csv", "path": "none.csv"}, "writer": {"type": "csv", "path": "x"}}, "none.csv"),
                            (dict(job, columns=["other"]), "no column other")):
            ended, _ = run(wrong)
            assert ended["outcome"] == "error" and word in ended["error"]["message"], (wrong, ended)
        assert engine.run("{broken", seconds=60)["outcome"] == "error"

        slow = engine.execute(json.dumps(dict(back, speed={"rows_per_second": 10}, writer={"type": "csv", "path": "cut.csv"})))
        engine.next(lambda m: m["type"] == "progress" and m["id"] == slow, "progress")
        engine.cancel(slow)
        assert engine.ended(slow)["outcome"] == "cancelled"
        assert not list(engine.cwd.glob("cut*")), "nothing half is left"
    print("data exchange does what it says")


if __name__ == "__main__":
    main()
