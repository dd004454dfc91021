# tests/e2e/engine_conformance.py - what docs/engine-protocol.md promises, asked of every engine.
# SPDX-License-Identifier: Apache-2.0
"""Usage: engine_conformance.py [--only CHECK,...] [--loops N] [ENGINE...]

An engine is a row of SUBJECTS: its folder and how a few things are said in its language. A check that needs a word which
an engine does not have is left out for it."""
import argparse
import json
import os
import signal
import sys
import tempfile
import time
import traceback
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path

import fake_beeline
import fake_slurm
import spark_package
from engine_agent import EngineProcess, read_table
from postgres_server import postgres
from recorded_server import RecordedServer
from skips import skip, status
from slurm_server import slurm

ROOT = Path(__file__).resolve().parents[2]
CHECKS = []


@dataclass
class Subject:
    folder: str
    ok: str                 # does nothing much
    wait: str               # takes 60 s, and can be interrupted
    wrong: str              # fails
    wrong_line: int = 0     # where, 0 = it cannot know
    ok_prints: bool = False
    say: str = ""           # prints "hello"
    flood: str = ""         # prints without end
    bad_bytes: str = ""     # prints b"\xff\xfe" and succeeds
    deaf: str = ""          # takes 60 s, and cannot be interrupted
    die: str = ""           # kills the process that runs it
    exit3: str = ""         # ends with code 3
    put: str = ""           # sets x to 41
    take: str = ""          # fails unless x is 41
    show_env: str = ""      # prints its environment
    table: str = ""         # results in 10,000 rows (i, 'row i'), i from 0, int and string
    endless: str = ""       # a table without end
    first_s: int = 60       # may pass until the first statement has ended
    cancels: int = 30       # how often a cancel in the moment of the start is tried
    survives_cancel: bool = False  # the session's names are there after a cancel
    options: dict = field(default_factory=dict)
    env: dict = field(default_factory=dict)


def exchange(names, rows, **more):
    """A job that needs no file: SQLite in memory has a table of values."""
    values = " union all ".join("select " + ", ".join(f"{value} as {name}" for name, value in zip(names, row)) for row in rows)
    return json.dumps({"reader": {"type": "sqlite", "path": ":memory:", "query": values},
                       "writer": {"type": "csv", "path": "out.csv"}, **more})


FOREVER = "with recursive c(i) as (select 0 union all select i + 1 from c) select count(*) from c"
SUBJECTS = {
    "python": Subject(
        "engines/python", ok="1+1", wait="import time\ntime.sleep(60)", wrong="a = 1\nraise ValueError('no')", wrong_line=2,
        say="print('hello')", flood="while True: print('x' * 100)",
        bad_bytes="import sys; sys.stdout.buffer.write(b'\\xff\\xfe'); print('\\udc80')",
        deaf="import signal, time\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\ntime.sleep(60)",
        die="import os; os.kill(os.getpid(), 9)", exit3="exit(3)", put="x = 41", take="assert x == 41",
        show_env="import os\nprint(os.environ)\nprint(open('/proc/self/environ', 'rb').read())\n"
                 "print(open(f'/proc/{os.getppid()}/environ', 'rb').read())",
        table="[{'i': i, 'name': f'row {i}'} for i in range(10000)]",
        endless="import itertools\ndrover.table(({'n': i, 's': hash(str(i))} for i in itertools.count()))",
        survives_cancel=True),
    "sql": Subject(
        "engines/sql", ok="select 1", wait=FOREVER, wrong="select 1;\nselect 2 frm x y", wrong_line=2,
        put="drop table if exists x; create table x as select 41 as v", take="select v from x",
        table="with recursive c(i) as (select 0 union all select i + 1 from c where i < 9999)\n"
              "select i, 'row ' || i as name from c",
        endless="with recursive c(i) as (select 0 union all select i + 1 from c) select i, hex(randomblob(20)) from c",
        survives_cancel=True),
    "postgres": Subject(
        "engines/sql", ok="select 1", wait="select pg_sleep(60)", wrong="select 1;\nselect\n x from nowhere", wrong_line=3,
        die="", put="create temp table if not exists x as select 41 as v; select v from x", take="select v from x",
        table="select i, 'row ' || i as name from generate_series(0, 9999) i",
        endless="select generate_series(1, 1000000000) as i, md5(random()::text) as h", survives_cancel=True),
    "shell": Subject(
        "engines/shell", ok="true", wait="sleep 60; echo after", wrong="cd /\nfalse", say="echo hello", flood="yes", bad_bytes="printf '\\xff\\xfe'",
        deaf="trap '' INT; sleep 60", die="kill -9 $$", exit3="exit 3", put="x=41", take="[ \"$x\" = 41 ]",
        show_env="env; cat /proc/self/environ /proc/$PPID/environ", survives_cancel=True),
    "command": Subject(
        "engines/command", ok="true", wait="sleep 60; echo after", wrong="cd /\nfalse", say="echo hello", flood="yes",
        bad_bytes="printf '\\377\\376'", deaf="trap '' INT; sleep 60", die="kill -9 $$", exit3="exit 3"),
    "slurm": Subject(
        "engines/slurm", cancels=5, ok="true", wait="sleep 60; echo after", wrong="cd /\nfalse", say="echo hello", bad_bytes="printf '\\xff\\xfe'",
        flood="while :; do echo 0123456789012345678901234567890123456789; done",
        die="kill -9 $$", exit3="exit 3", options={"poll_first_s": 0.1, "poll_last_s": 1}),
    "trino": Subject(
        "engines/trino", ok="SELECT 1", ok_prints=True, wait="SELECT count(*) FROM lineitem a CROSS JOIN lineitem b",
        wrong="SELECT 1;\nSELECT\n  x FROM nowhere", wrong_line=3, put="SET SESSION x = 41", take="SELECT needs_x()",
        table="SELECT i, name FROM numbers", endless="SELECT i, digest FROM noise", survives_cancel=True),
    "flink": Subject(
        "engines/flink", ok="SET 'x' = '41'", wait="SELECT COUNT(*) FROM a, b", wrong="SHOW CATALOGS;\nSELECT\n  x FROM nowhere",
        wrong_line=3, table="SELECT i, name FROM numbers", endless="SELECT i, digest FROM noise"),
    "hive": Subject(
        "engines/hive", cancels=10, ok="select 1", ok_prints=True, wait="select count(*) from a, b",
        wrong="select 1;\nselect\n  x from nowhere", wrong_line=3, die="select 'dies'", put="set x=41", take="select needs_x()",
        endless="select i, digest from noise", survives_cancel=True),
    "calc": Subject("examples/engines/calc", ok="1 + 2 * 3", wait="wait 60", wrong="one + two", wrong_line=1),
    "exchange": Subject(
        "engines/exchange", ok=exchange(["a"], [[1]]), ok_prints=True,
        wait=exchange(["a"], [[k] for k in range(100)], speed={"rows_per_second": 1}),
        wrong='{"reader": {"type": "csv"}}'),
}


SUBJECTS["spark"] = replace(  # Python, in a worker that has a JVM
    SUBJECTS["python"], folder="engines/spark", cancels=5, first_s=180,
    table="s = spark.range(10000).selectExpr('cast(id as int) i', \"concat('row ', id) name\")\n"
          "drover.table(map(tuple, s.toLocalIterator()), s.columns)",
    endless="s = spark.range(0, 10 ** 8, 1, 50000).selectExpr('id', 'sha1(string(id)) s')\n"
            "drover.table(map(tuple, s.toLocalIterator()), s.columns)")
SUBJECTS["real_slurm"] = replace(SUBJECTS["slurm"], env={}, first_s=120)


def check(function):
    CHECKS.append(function)
    return function


@check
def hello_and_order(subject, engine):
    assert engine.hello["running"] == [], engine.hello
    ids = [engine.execute(subject.ok) for _ in range(5)]
    ends = []
    while len(ends) < 5:
        ends.append(engine.next(lambda m: m["type"] == "ended", "an end")["id"])
    assert ends == ids, "statements end in the order in which they came"
    for statement in ids:
        engine.send({"type": "ack", "id": statement})
        assert engine.started(statement)["at_us"] > 0
        assert subject.ok_prints or not engine.log_path(int(statement.split(".")[0])).exists(), "nothing printed, no file"


@check
def prints_into_the_log(subject, engine):
    if subject.say:
        statement = engine.execute(subject.say, future="unknown members are ignored")
        engine.send({"type": "unknown types too"})
        assert engine.ended(statement)["outcome"] == "ok"
        assert engine.log(statement) == b"hello\n", engine.log(statement)
        assert (engine.directory / "logs").stat().st_mode & 0o777 == 0o700


@check
def failure_is_told(subject, engine):
    ended = engine.run(subject.wrong)
    assert ended["outcome"] == "error" and ended["exit_code"] != 0 and ended["error"]["message"], ended
    assert not subject.wrong_line or ended["error"]["line"] == subject.wrong_line, ended
    assert engine.run(subject.ok)["outcome"] == "ok"
    if subject.exit3:
        ended = engine.run(subject.exit3)
        assert (ended["outcome"], ended["exit_code"]) == ("error", 3), ended
        assert engine.run(subject.ok)["outcome"] == "ok"


@check
def unknown_language_and_bad_cwd(subject, engine):
    assert engine.run(subject.ok, language="klingon")["outcome"] == "never_started"
    assert engine.run(subject.ok, cwd="/nonexistent")["outcome"] in ("error", "never_started")
    assert engine.run(subject.ok)["outcome"] == "ok"


@check
def repeated_execute_starts_nothing(subject, engine):
    engine.messages.clear()
    running = engine.execute(subject.wait)
    engine.started(running)
    waiting = engine.execute(subject.ok)
    for number in (running, waiting):
        engine.execute(subject.ok, id=number)
    engine.cancel(running)
    assert engine.ended(running, ack=False)["outcome"] == "cancelled"
    assert engine.ended(waiting, ack=False)["outcome"] == "ok"
    engine.execute(subject.ok, id=running)  # has ended without ack: nothing starts, the end is told again
    assert engine.ended(running)["outcome"] == "cancelled"
    engine.send({"type": "ack", "id": waiting})
    last = engine.execute(subject.ok)
    engine.ended(last)
    starts = [m["id"] for m in engine.messages if m["type"] == "started"]
    assert starts == [waiting, last], starts


@check
def cancel_running_waiting_unknown(subject, engine):
    if subject.put:
        assert engine.run(subject.put)["outcome"] == "ok"
    running = engine.execute(subject.wait)
    engine.started(running)
    waiting = engine.execute(subject.ok)
    engine.cancel("no-such-id")
    engine.cancel(waiting)
    assert engine.ended(waiting)["outcome"] == "cancelled"
    time.sleep(0.2)
    begun = time.monotonic()
    engine.cancel(running, grace_s=30)
    assert engine.ended(running)["outcome"] == "cancelled"
    assert time.monotonic() - begun < 25, "interrupted, not killed after the grace"
    if subject.survives_cancel:
        assert engine.run(subject.take)["outcome"] == "ok", "the session survives"
    assert engine.run(subject.ok)["outcome"] == "ok"


@check
def cancel_in_the_moment_of_the_start(subject, engine):
    """Before it begins, as it begins and a little later: it is heard at once, and the next statement does not feel it."""
    for turn in range(subject.cancels):
        running = engine.execute(subject.wait)
        waiting = engine.execute(subject.ok)
        if turn % 3:
            engine.started(running)
        time.sleep(turn // 3 % 5 * 0.002)
        begun = time.monotonic()
        engine.cancel(running, grace_s=60)
        ended = engine.ended(running, seconds=60)
        assert ended["outcome"] == "cancelled" and ended["exit_code"] == 130, (turn, ended)
        assert time.monotonic() - begun < 40, (turn, "heard only after", time.monotonic() - begun)
        ended = engine.ended(waiting)
        assert ended["outcome"] == "ok", (turn, ended)


@check
def cancel_of_one_that_ends_hurts_no_other(subject, engine):
    for turn in range(subject.cancels):
        ending, waiting = engine.execute(subject.ok), engine.execute(subject.ok)
        time.sleep(turn % 10 * 0.0003)
        engine.cancel(ending, grace_s=60)
        ended = engine.ended(ending)
        assert ended["outcome"] in ("ok", "cancelled"), (turn, ended)
        ended = engine.ended(waiting)
        assert ended["outcome"] == "ok", (turn, ended)


@check
def deaf_statement_is_killed(subject, engine):
    if subject.deaf:
        statement = engine.execute(subject.deaf)
        engine.started(statement)
        time.sleep(0.3)
        engine.cancel(statement, grace_s=1)
        assert engine.ended(statement)["outcome"] == "cancelled"
        assert engine.run(subject.ok)["outcome"] == "ok"


@check
def time_limit(subject, engine):
    begun = time.monotonic()
    ended = engine.run(subject.wait, time_limit_s=1)
    assert ended["outcome"] == "timeout" and 0.9 < time.monotonic() - begun < 40, ended
    assert engine.run(subject.ok)["outcome"] == "ok"


@check
def died_process_costs_its_statement_only(subject, engine):
    if subject.die:
        ended = engine.run(subject.die)
        assert ended["outcome"] == "died" and ended["exit_code"] == 137, ended
        assert engine.run(subject.ok)["outcome"] == "ok"


@check
def of_many_only_those_that_died_are_lost(subject, engine):
    if subject.die:
        ids = [engine.execute(subject.die if number % 6 == 3 else subject.ok) for number in range(14)]
        for number, statement in enumerate(ids):
            ended = engine.ended(statement)
            assert ended["outcome"] == ("died" if number % 6 == 3 else "ok"), (number, ended)


@check
def what_waits_too_long_is_returned(subject, engine):
    if engine.plugin["reuse"].get("ahead"):
        running = engine.execute(subject.wait)
        engine.started(running)
        stays, returned = engine.execute(subject.ok), engine.execute(subject.ok, return_after_ms=50)
        assert engine.ended(returned)["outcome"] == "returned"
        engine.cancel(running)
        assert engine.ended(running)["outcome"] == "cancelled"
        assert engine.ended(stays)["outcome"] == "ok"
        assert engine.run(subject.ok, return_after_ms=50)["outcome"] == "ok"


@check
def cancels_among_many_hurt_no_other(subject, engine):
    count = min(40, subject.cancels * 4)
    ids = [engine.execute(subject.ok) for _ in range(count)]
    cancelled = ids[1::3] + ids[::-5]
    for statement in cancelled:
        engine.cancel(statement, grace_s=60)
    for statement in ids:
        ended = engine.ended(statement)
        assert ended["outcome"] == "ok" or ended["outcome"] == "cancelled" and statement in cancelled, ended
    engine.run(subject.ok)
    assert not [m for m in engine.messages if m["type"] == "ended" and m["id"] in ids], "each has ended once"


@check
def state_and_resets(subject, engine):
    if not subject.put:
        return
    for reset, outcome in (("none", "ok"), ("namespace", "error"), ("respawn", "error")):
        assert engine.run(subject.put)["outcome"] == "ok"
        ended = engine.run(subject.take, reset=reset, seconds=subject.first_s)
        assert ended["outcome"] == outcome, (reset, ended)
    if subject.show_env:
        engine.run(subject.ok, env={"MARK": "first mark"})
        shown = engine.execute(subject.show_env)
        engine.ended(shown)
        assert b"first mark" in engine.log(shown), "a variable stays"
        assert engine.token.encode() not in engine.log(shown), "the token is never shown"
        shown = engine.execute(subject.show_env, reset="namespace")
        engine.ended(shown)
        assert b"first mark" not in engine.log(shown), "until a reset"


@check
def flood_is_cut_and_can_be_cancelled(subject, engine):
    if subject.flood:
        statement = engine.execute(subject.flood, log_bytes=100_000)
        end = time.monotonic() + 60
        while len(engine.log(statement)) < 100_000:
            assert time.monotonic() < end, engine.log(statement)[-200:]
            time.sleep(0.05)
        time.sleep(0.5)
        engine.cancel(statement)
        assert engine.ended(statement)["outcome"] == "cancelled"
        text = engine.log(statement)
        assert 100_000 <= len(text) < 100_200 and b"bytes more are not kept" in text.splitlines()[-1], text[-200:]


@check
def bytes_that_are_no_text(subject, engine):
    if subject.bad_bytes:
        statement = engine.execute(subject.bad_bytes)
        ended = engine.ended(statement)
        assert ended["outcome"] == "ok" and b"\xff\xfe" in engine.log(statement), ended


@check
def tables_are_read_back(subject, engine):
    if not subject.table:
        return
    statement = engine.execute(subject.table, preview_bytes=1000)
    ended = engine.ended(statement, seconds=120)
    assert ended["outcome"] == "ok" and len(ended["results"]) == 1, ended
    columns, rows = read_table(engine.results_path(engine.number), ended["results"][0])
    assert [column["type"] for column in columns] == ["int", "string"], columns
    assert rows == [[i, f"row {i}"] for i in range(10000)]
    preview = ended["results"][0]["preview"]
    assert 10 < len(preview) and len(json.dumps(preview, separators=(",", ":"))) <= 1000, preview
    engine.execute(subject.table, result_rows=5000)
    ended = engine.ended(f"{engine.number}.0")
    result = ended["results"][0]
    assert len(read_table(engine.results_path(engine.number), result)[1]) == 5000 and not result["complete"]
    over_quota(ended, "5000 rows")


def over_quota(ended, quota):
    assert (ended["outcome"], ended["error"]["name"], ended["exit_code"]) == ("error", "ResultQuota", 1), ended
    assert quota in ended["error"]["message"], ended


@check
def results_stop_at_their_limit(subject, engine):
    if subject.endless:
        statement = engine.execute(subject.endless, result_bytes=512 << 10)
        ended = engine.ended(statement, seconds=60)
        over_quota(ended, f"{512 << 10} bytes")
        result = ended["results"][0]
        _, rows = read_table(engine.results_path(engine.number), result)
        size = sum(file.stat().st_size for file in engine.results_path(engine.number).iterdir())
        assert not result["complete"] and len(rows) > 1000 and 256 << 10 < size < 1 << 20, (result["rows"], size)
        ended = engine.run(subject.ok)  # what was written went through the memory chunk by chunk
        assert ended["outcome"] == "ok" and ended["usage"]["max_rss_kib"] < 200 << 10, ended


@check
def reconnects_with_what_runs_and_what_ended(subject, engine):
    ended_before = engine.execute(subject.ok)
    engine.ended(ended_before, ack=False)
    running = engine.execute(subject.wait)
    engine.started(running)
    waiting = engine.execute(subject.ok)
    time.sleep(0.3)
    engine.hang_up()
    engine.stop_listening()
    time.sleep(0.5)
    engine.listen()
    hello = engine.accept()
    assert sorted(hello["running"]) == sorted([ended_before, running, waiting]), hello
    assert engine.ended(ended_before)["outcome"] == "ok"
    engine.started(running)
    engine.cancel(running)
    assert engine.ended(running)["outcome"] == "cancelled"
    assert engine.ended(waiting)["outcome"] == "ok"
    engine.connection.sendall(b"this is not JSON\n")  # the engine gives up on such a connection, not on its work
    try:
        engine.next(lambda m: False, "end of connection", 60)
    except AssertionError as error:
        assert "hung up" in str(error), error
    assert engine.accept()["running"] == []
    assert engine.run(subject.ok)["outcome"] == "ok"


@check
def sigterm_cancels_and_leaves(subject, engine):
    running = engine.execute(subject.wait)
    engine.started(running)
    waiting, returned = engine.execute(subject.ok), engine.execute(subject.ok, return_after_ms=60_000)
    time.sleep(0.3)
    engine.process.send_signal(signal.SIGTERM)
    outcome = engine.ended(returned, ack=False)["outcome"]
    assert outcome == "returned" or outcome == "cancelled" and not engine.plugin["reuse"].get("ahead"), outcome
    assert engine.ended(waiting, ack=False)["outcome"] == "cancelled"
    assert engine.ended(running, ack=False)["outcome"] == "cancelled"
    assert engine.process.wait(60) == 0


@check
def refused_engine_ends(subject, engine):
    engine.send({"type": "refused", "message": "not you"})
    engine.process.wait(60)


def run_checks(name, subject, checks):
    """One engine serves all checks but those that end it: state that one check leaves must not hurt the next."""
    failed, engine = 0, None
    for at, function in enumerate(checks):
        begun = time.monotonic()
        try:
            if engine is None:
                engine = EngineProcess(ROOT / subject.folder, subject.options, subject.env)
                engine.__enter__()
                engine.run(subject.ok, seconds=subject.first_s)
                engine.messages.clear()
            function(subject, engine)
            if engine.process.poll() is not None or at == len(checks) - 1:
                engine.__exit__(None, None, None)
                engine = None
        except BaseException as error:
            failed += 1
            print(f"FAILED {name}: {function.__name__}")
            traceback.print_exc(file=sys.stdout)
            if engine is not None:
                engine.__exit__(type(error), error, None)
                engine = None
            if isinstance(error, KeyboardInterrupt):
                raise
        else:
            print(f"ok     {name}: {function.__name__} {time.monotonic() - begun:.2f} s", flush=True)
    if engine is not None:
        engine.__exit__(None, None, None)
    return failed


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--only", default="")
    options.add_argument("--loops", type=int, default=1)
    options.add_argument("names", nargs="*", metavar="ENGINE")
    options = options.parse_args()
    only = set(options.only.split(",")) - {""}
    assert only <= {function.__name__ for function in CHECKS}, only
    checks = [function for function in CHECKS if not only or function.__name__ in only] * options.loops
    names = options.names or list(SUBJECTS)
    with postgres() if "postgres" in names else nullcontext() as url:
        if url is not None:
            SUBJECTS["postgres"].env["DROVER_SQL_DATABASE"] = url
        elif "postgres" in names:
            skip("PostgreSQL is not installed (tools/setup.sh engines)")
            names.remove("postgres")
        if "spark" in names and (why := spark_package.why_not()):
            skip(why)
            names.remove("spark")
        with tempfile.TemporaryDirectory(prefix="drover-left-") as directory, ExitStack() as servers:
            fake = fake_slurm.install(directory + "/bin")
            SUBJECTS["slurm"].env.update(XDG_STATE_HOME=directory + "/state", PATH=f"{fake}:{os.path.dirname(sys.executable)}:/usr/bin:/bin")
            beeline = fake_beeline.install(directory + "/hive")
            SUBJECTS["hive"].env.update(FAKE_BEELINE=str(beeline), PATH=f"{beeline}:{os.path.dirname(sys.executable)}:/usr/bin:/bin")
            if "real_slurm" in names:
                environment, why = servers.enter_context(slurm())
                SUBJECTS["real_slurm"].env.update(environment or {}, XDG_STATE_HOME=directory + "/real_state")
                if why:
                    skip(why)
                    names.remove("real_slurm")
            for name in {"trino", "flink"} & set(names):
                server = servers.enter_context(RecordedServer(name))
                SUBJECTS[name].env.update(XDG_STATE_HOME=directory + "/state")
                SUBJECTS[name].options.update(url=server.base)
            failed = sum(run_checks(name, SUBJECTS[name], checks) for name in names)
    print(f"{failed} failed" if failed else f"{len(names)} engines keep the protocol")
    return 1 if failed else status()


if __name__ == "__main__":
    os.chdir(ROOT)
    sys.exit(main())
