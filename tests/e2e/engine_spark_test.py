# tests/e2e/engine_spark_test.py - Spark: SQL, DataFrames, progress and cancel; and what it says where pyspark is missing.
# SPDX-License-Identifier: Apache-2.0
import importlib.util
import time
from pathlib import Path

from engine_agent import EngineProcess, read_table

ROOT = Path(__file__).resolve().parents[2]
SLOW = "select count(*) from range(0, 2000, 1, 2000) where java_method('java.lang.Thread', 'sleep', 50L) is null"


def main():
    with EngineProcess(ROOT / "engines/spark", {"master": "local[2]"}) as engine:
        if importlib.util.find_spec("pyspark") is None:
            ended = engine.run("1 + 1", seconds=60)
            assert ended["error"]["name"] == "NotInstalled" and "pip install pyspark" in ended["error"]["message"], ended
            print("skipped: pyspark is not installed")
            return
        ended = engine.run("spark.range(3)", seconds=240)
        assert ended["outcome"] == "ok" and ended["results"][0]["preview"] == [[0], [1], [2]], ended
        sql = {"language": "sql", "seconds": 60}
        ended = engine.run("create temp view v as select 1 as a, 'x;' as b; select * from v;\nselect cast(1.5 as decimal(5, 2)) d, "
                           "date '2026-01-31' t, null n", **sql)
        assert [r["preview"] for r in ended["results"]] == [[[1, "x;"]], [["1.50", "2026-01-31", None]]], ended
        ended = engine.run("select 1;\nselect nothing from v", **sql)
        assert ended["outcome"] == "error" and ended["error"]["line"] == 2, ended
        ended = engine.run("select * from v", reset="namespace", **sql)
        assert ended["outcome"] == "error", "the view is gone with its session"
        ended = engine.run("select id, cast(id as string) s from range(0, 100000)", result_rows=5000, **sql)
        result = ended["results"][0]
        assert len(read_table(engine.results_path(engine.number), result)[1]) == 5000 and not result["complete"], result
        statement = engine.execute(SLOW, language="sql")
        told = engine.next(lambda m: m["type"] == "progress" and m["id"] == statement, "progress", 60)
        assert told["total"] > 0, told
        begun = time.monotonic()
        engine.cancel(statement, grace_s=60)
        assert engine.ended(statement, seconds=60)["outcome"] == "cancelled"
        print(f"cancelled after {time.monotonic() - begun:.1f} s")
        assert engine.run("select 1", **sql)["outcome"] == "ok", "the session survives"
    print("the Spark engine does what it says")


if __name__ == "__main__":
    main()
