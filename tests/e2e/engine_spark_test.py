# tests/e2e/engine_spark_test.py - Spark: SQL, DataFrames, progress, cancel, a JVM that dies; and what it says where pyspark is missing.
# SPDX-License-Identifier: Apache-2.0
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

import spark_package
from engine_agent import EngineProcess, read_table
from skips import skip

SQL = {"language": "sql", "seconds": 120}
ROOT = Path(__file__).resolve().parents[2]
SLOW = "select count(*) from range(0, 2000, 1, 2000) where java_method('java.lang.Thread', 'sleep', 50L) is null"


TYPES = """select array(1, 2) a, map('k', 1) m, named_struct('x', 1, 'y', array(named_struct('z', 'w'))) s, timestamp '2026-01-31 12:00:00.5' t,
                  x'00ff' b, 9007199254740993 l, double('nan') d, true f, cast(null as int) n, cast(1.5 as decimal(5, 2)) n"""
ROW = [["[1, 2]", '{"k": 1}', '{"x": 1, "y": [{"z": "w"}]}', "2026-01-31T12:00:00.500000", "AP8=", "9007199254740993", "nan", True, None, "1.50"]]
COLUMNS = [("a", "any"), ("m", "any"), ("s", "any"), ("t", "timestamp"), ("b", "binary"), ("l", "int"), ("d", "float"), ("f", "bool"), ("n", "int"),
           ("n_2", "decimal")]
# code, its language, the error's line
WRONG = [("select 1;\nselect nothing from v", "sql", 2), ("select 1;\n\nselect 1,\n  2 frm x y", "sql", 4),
         ("x = 1\nspark.range(3).rdd.map(lambda n: 1 / 0).collect()", "python", 2)]


def check_results(engine):
    ended = engine.run("spark.range(3)", seconds=240)
    assert ended["outcome"] == "ok" and ended["results"][0]["preview"] == [[0], [1], [2]], ended
    ended = engine.run("create temp view v as select 1 as a, 'x;' as b; select * from v;\nselect date '2026-01-31' t, null n", **SQL)
    assert [r["preview"] for r in ended["results"]] == [[[1, "x;"]], [["2026-01-31", None]]], ended
    ended = engine.run(TYPES, **SQL)
    _, rows = read_table(engine.results_path(engine.number), ended["results"][0])
    assert rows == ROW and [(one["name"], one["type"]) for one in ended["results"][0]["columns"]] == COLUMNS, ended
    ended = engine.run("from pyspark.sql.functions import udf\nspark.range(2).select(udf(lambda n: f'v{n}')('id').alias('u'))", seconds=120)
    assert ended["results"][0]["preview"] == [["v0"], ["v1"]], ended
    for code, language, line in WRONG:
        ended = engine.run(code, language=language, seconds=120)
        assert ended["outcome"] == "error" and ended["error"]["line"] == line, (code, ended)
    ended = engine.run("select * from v", reset="namespace", **SQL)
    assert ended["outcome"] == "error", "the view is gone with its session"
    ended = engine.run("select id, cast(id as string) s from range(0, 100000)", result_rows=5000, **SQL)
    result = ended["results"][0]
    assert ended["error"]["name"] == "ResultQuota", ended
    assert len(read_table(engine.results_path(engine.number), result)[1]) == 5000 and not result["complete"], result


def check_cancel(engine):
    statement = engine.execute(SLOW, language="sql")
    told = engine.next(lambda m: m["type"] == "progress" and m["id"] == statement, "progress", 120)
    assert told["total"] > 0, told
    begun = time.monotonic()
    engine.cancel(statement, grace_s=60)
    assert engine.ended(statement, seconds=90)["outcome"] == "cancelled"
    print(f"cancelled after {time.monotonic() - begun:.1f} s")
    assert engine.run("select 1", **SQL)["outcome"] == "ok", "the session survives"


def check_dead_jvm(engine):
    """It costs what runs, or nothing, and never the engine."""
    kill = "import os, time\njvm = spark.sparkContext._gateway.proc\nos.kill(jvm.pid, 9)\n"
    ended = engine.run(kill + "jvm.wait()\nspark.range(3).count()", seconds=120)
    assert ended["outcome"] == "died" and "JVM" in ended["error"]["message"], ended
    assert engine.run("select 1", language="sql", seconds=240)["outcome"] == "ok"
    dies = engine.run("import os, subprocess\npid = str(spark.sparkContext._gateway.proc.pid)\n"
                      "subprocess.Popen(['sh', '-c', 'sleep 1; kill -9 $0', pid]);\ndrover.text(pid)", seconds=120)
    assert dies["outcome"] == "ok", dies
    end = time.monotonic() + 60
    # Not until it is gone: its first thread may be a zombie while the others still give back their memory, and nobody can know of its end.
    while os.path.exists(f"/proc/{dies['results'][0]['preview']}"):
        assert time.monotonic() < end, "the JVM lives"
        time.sleep(0.1)
    ended = engine.run("select 1", language="sql", seconds=240)
    assert ended["outcome"] == "ok", f"nobody has lost anything: {ended}"


def check_no_java(directory):
    with EngineProcess(ROOT / "engines/spark", {"master": "local[2]"}, {"PATH": directory, "JAVA_HOME": directory}) as engine:
        ended = engine.run("1 + 1", seconds=120)
        assert ended["error"]["name"] == "NotInstalled" and "no java" in ended["error"]["message"], ended


def main():
    why = spark_package.why_not()
    with EngineProcess(ROOT / "engines/spark", {"master": "local[2]"}) as engine:
        if why:
            ended = engine.run("1 + 1", seconds=60)
            assert ended["error"]["name"] == "NotInstalled" and ("pip install" in ended["error"]["message"] or "java" in ended["error"]["message"]), ended
            return skip(why)
        check_results(engine)
        check_cancel(engine)
        check_dead_jvm(engine)
        with tempfile.TemporaryDirectory() as directory:
            for name in ("bash", "env", "dirname"):  # pyspark's own script needs them
                os.symlink(shutil.which(name), f"{directory}/{name}")
            check_no_java(directory)
        print(f"the Spark engine does what it says, with {engine.hello['version']}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
