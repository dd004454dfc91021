# tests/e2e/engine_python_test.py - what the Python engine makes of code, beyond what every engine must.
# SPDX-License-Identifier: Apache-2.0
import json
import sys
import time
from pathlib import Path
from random import Random

from engine_agent import EngineProcess, read_table

ROOT = Path(__file__).resolve().parents[2]
PNG = "b'\\x89PNG fake'"

# code -> (kind, preview or mime) of each result
VALUES = [
    ("1 + 1", [("text", "2")]),
    ("x = 3\nx", [("text", "3")]),
    ("None", []), ("x = 5", []), ("1 + 1;", []), ("", []), ("# only this", []),
    ("'a\\u00e9\\ud800'", [("text", "'a\u00e9\\ud800'")]),
    ("[]", [("text", "[]")]), ("[1, 2]", [("text", "[1, 2]")]), ("{'a': 1}", [("text", "{'a': 1}")]),
    ("[{'a': 1}, {'b': 2.5, 'a': None}]", [("table", [[1, None], [None, 2.5]])]),
    ("import collections\nP = collections.namedtuple('P', 'x y')\n[P(1, 'a'), P(2, 'b')]", [("table", [[1, "a"], [2, "b"]])]),
    ("[(1, 2), (3, 4)]", [("table", [[1, 2], [3, 4]])]),
    ("class H:\n  def _repr_html_(self): return '<b>'\nH()", [("html", "<b>")]),
    (f"class I:\n  def _repr_png_(self): return {PNG}\nI()", [("image", "image/png")]),
    ("class F:\n  def savefig(self, file, format): file.write(b'fig')\nF()", [("image", "image/png")]),
    ("drover.text('t', name='n'); drover.html('<i>'); drover.table([[1]], ['a'])\n7",
     [("text", "t"), ("html", "<i>"), ("table", [[1]]), ("text", "7")]),
    ("import drover\ndrover.table([])", [("table", [])]),
    ("1 + 1  # not shown;", []), ("(1 +\n 1)\n\n", [("text", "2")]),
    ("[[float('inf')], [float('-inf')], [1.0]]", [("table", [["inf"], ["-inf"], [1.0]])]),
    ("[[1e308], [1e308]]", [("table", [[1e308], [1e308]])]),
    ("import gc\nbefore = gc.get_threshold()\ndrover.table([[1]], ['a'])\ngc.get_threshold() == before", [("table", [[1]]), ("text", "True")]),
    ("import drover\ndrover.table((), ['a', 'b'])", [("table", [])]),
]

CELLS = """
import datetime, decimal, enum, math, uuid
class E(enum.IntEnum): A = 4
[{"v": v} for v in (2**60, -2**53, True, None, math.nan, math.inf, -math.inf, decimal.Decimal("1.50"), datetime.date(2026, 1, 31),
  datetime.datetime(2026, 1, 31, 12), b"\\x00\\xff", {"k": [1]}, E.A, "\\ud800", uuid.UUID(int=1))]
"""
CELL_VALUES = [str(2**60), -2**53, True, None, "nan", "inf", "-inf", "1.50", "2026-01-31", "2026-01-31T12:00:00.000000", "AP8=",
               '{"k": [1]}', 4, "?", "00000000-0000-0000-0000-000000000001"]


def previews(ended):
    return [(r["kind"], r["mime"] if r["kind"] == "image" else r["preview"]) for r in ended["results"]]


def values(engine):
    for code, wanted in VALUES:
        ended = engine.run(code)
        assert ended["outcome"] == "ok" and previews(ended) == wanted, (code, ended)
        small = not any(kind in ("table", "image") for kind, _ in wanted)
        assert not (small and engine.results_path(engine.number).exists()), f"{code}: small texts need no file"
    result = engine.run(CELLS)["results"][0]
    columns, rows = read_table(engine.results_path(engine.number), result)
    assert [row[0] for row in rows] == CELL_VALUES and columns[0]["type"] == "any", rows
    # A later chunk widens the column: the reader sees it.
    result = engine.run("[{'v': i if i < 9000 else i + 0.5} for i in range(9001)]")["results"][0]
    assert read_table(engine.results_path(engine.number), result)[0][0]["type"] == "float"
    # A long text has a file and the first characters as preview; beyond the limit it is cut.
    result = engine.run("'x' * 100_000", preview_bytes=50)["results"][0]
    text = (engine.results_path(engine.number) / result["file"]).read_text()
    assert len(text) == 100_002 == result["bytes"] and len(json.dumps(result["preview"])) <= 52 and text.startswith(result["preview"])
    result = engine.run("drover.text('\u00e9' * 100)", result_bytes=101)["results"][0]
    assert (result["bytes"], result["complete"]) == (100, False), result
    # Wide rows are in chunks of few, for the sake of who writes and of who reads, also when they come late.
    for early, wide in ((0, 400), (5000, 60)):
        code = f"drover.table(((i, 'x' * (500_000 if i >= {early} else 1)) for i in range({early + wide})), ['a', 'b'])"
        ended = engine.run(code)
        result = ended["results"][0]
        assert (result["rows"], result["complete"]) == (early + wide, True), result
        assert ended["usage"]["max_rss_kib"] < 150 << 10, ended["usage"]
        lines = [json.loads(line) for line in (engine.results_path(engine.number) / result["file"]).read_text().splitlines()]
        chunks = [line for line in lines if "offset" in line]
        assert sum(chunk["rows"] for chunk in chunks) == early + wide and max(chunk["rows"] for chunk in chunks if chunk["row"] >= early) <= 8, chunks
    result = engine.run("drover.image(b'x' * 1000)", result_bytes=999)["results"][0]
    assert (result["file"], result["complete"]) == ("", False), result
    # Half a pair of surrogates, as names of files with bytes that are no UTF-8 have, is no text for anybody else.
    half = "'caf\\udce9'"
    ended = engine.run(f"drover.progress(0.5, text={half}); drover.table([[{half}]], [{half}], name={half}); drover.text({half}, {half}); raise ValueError({half})")
    assert ended["error"]["message"] == "caf?" and [(one["name"], one["preview"]) for one in ended["results"]] == [("caf?", [["caf?"]]), ("caf?", "caf?")], ended
    assert ended["results"][0]["columns"][0]["name"] == "caf?" and "caf?" in ended["error"]["traceback"], ended
    assert engine.next(lambda m: m["type"] == "progress" and m["id"] == ended["id"], "progress")["text"] == "caf?"
    for silent in ("open('no\\udce9')", "2"):  # what an earlier store left is nobody's output
        engine.log_path(0).parent.mkdir(exist_ok=True)
        engine.log_path(engine.number + 1).write_bytes(b"of another statement")
        assert engine.run(silent)["outcome"] in ("ok", "error")
        assert b"another" not in engine.log(f"{engine.number}.0"), silent
    # The statement goes on and fails at its end; its own failure goes before that.
    ended = engine.run("drover.text('x' * 100); print('on')", result_bytes=99)
    assert engine.log(f"{engine.number}.0") == b"on\n" and ended["error"]["name"] == "ResultQuota", ended
    assert ended["error"]["message"].startswith("result 0 is cut at 99 bytes: ") and ended["exit_code"] == 1, ended
    assert engine.run("drover.text('x' * 100); 1 / 0", result_bytes=99)["error"]["name"] == "ZeroDivisionError"
    assert "at most 1000 results" in engine.run("while True: drover.text('x')")["error"]["message"]


def errors(engine):
    engine.run("def f(x):\n    return 1 / x")
    ended = engine.run("a = 1\nf(0)")
    assert ended["error"]["line"] == 2 and ended["error"]["name"] == "ZeroDivisionError", ended
    trace = ended["error"]["traceback"]
    assert "return 1 / x" in trace and "f(0)" in trace and "engine.py" not in trace and "drover_worker" not in trace, trace
    # Nor where the engine interrupts the code, or is called by it, or stands between two places of it.
    for code, more in (("import time\ntime.sleep(60)", {"time_limit_s": 1}), ("def rows():\n    yield [1]\n    f(0)\ndrover.table(rows(), ['n'])", {}),
                       ("1\ndrover.table(5)", {}), ("try:\n  f(0)\nexcept ZeroDivisionError:\n  drover.table(5)", {})):
        ended = engine.run(code, **more)
        trace = ended["error"]["traceback"]
        assert ended["outcome"] == ("timeout" if more else "error") and "<statement " in trace, ended
        assert "engine.py" not in trace and "drover_" not in trace and code.split("\n")[-1].strip() in trace, trace
    ended = engine.run("a = 1\nb = (2\nc")
    assert ended["error"]["name"] == "SyntaxError" and ended["error"]["line"] in (2, 3), ended
    ended = engine.run("def f(): f()\nf()")
    assert ended["error"]["name"] == "RecursionError" and len(ended["error"]["traceback"]) <= 16 << 10
    ended = engine.run("class B(Exception):\n  def __str__(self): raise ValueError\nraise B")
    assert ended["error"]["name"] == "B", ended
    ended = engine.run("class R:\n  def __repr__(self): raise ValueError('r')\nR()")
    assert ended["error"]["name"] == "ValueError", ended
    for code, outcome, status in (("exit(3)", "error", 3), ("import sys; sys.exit()", "ok", 0), ("raise SystemExit('why')", "error", 1),
                                  ("import os; os._exit(7)", "died", 7), ("import os; os.abort()", "died", 134),
                                  ("raise KeyboardInterrupt", "error", 130)):
        ended = engine.run(code)
        assert (ended["outcome"], ended["exit_code"]) == (outcome, status), (code, ended)


def output(engine):
    statement = engine.execute("import os, subprocess, sys\nprint('a', end=''); sys.stderr.write('b')\nos.system('echo c')\n"
                               "subprocess.run(['sh', '-c', 'echo d >&2'])\nprint('e', end='')")
    assert engine.ended(statement)["outcome"] == "ok"
    assert sorted(engine.log(statement).decode().replace("\n", "")) == list("abcde"), engine.log(statement)
    # Whatever a statement does to its streams, the next one prints.
    for code in ("import sys; sys.stdout.close()", "import os; os.close(1); os.close(2)", "import sys; sys.stdout = None", "import os; os.fork()"):
        engine.run(code)
        statement = engine.execute("print('still')")
        assert engine.ended(statement)["outcome"] == "ok", code
        assert b"still\n" in engine.log(statement), code


def progress(engine):
    engine.messages.clear()
    ended = engine.run("import time\nfor k in range(200):\n  drover.progress(k, 200, f'step {k}')\n  time.sleep(0.005)\n"
                       "drover.progress(0.1); drover.progress(float('nan')); drover.progress(-1); drover.progress(7)", seconds=60)
    assert ended["outcome"] == "ok", ended
    told = [m for m in engine.messages if m["type"] == "progress"]
    fractions = [m["fraction"] for m in told]
    took_s = (ended["ended_us"] - ended["started_us"]) / 1e6
    assert fractions == sorted(fractions) and 3 <= len(told) <= took_s * 5 + 2, (took_s, fractions)
    assert told[1]["total"] == 200 and told[1]["text"].startswith("step"), told[1]


def interrupt_that_python_drops(engine):
    """What is raised in a callback of a weak reference is printed and forgotten; the cancel is heard all the same."""
    statement = engine.execute("import os, time, weakref\nclass Kept: pass\nkept = Kept()\n"
                               "gone = weakref.ref(kept, lambda _: (os.write(1, b'in it\\n'), time.sleep(50)))\n"
                               "del kept\nos.write(1, b'went on\\n')\ntime.sleep(50)")
    while b"in it" not in engine.log(statement):
        time.sleep(0.01)
    begun = time.monotonic()
    engine.cancel(statement, grace_s=60)
    assert engine.ended(statement, seconds=40)["outcome"] == "cancelled"
    assert b"went on" in engine.log(statement), "it was dropped, and repeated"
    print(f"an interrupt that Python dropped was heard after {time.monotonic() - begun:.2f} s")


def processes():
    with EngineProcess(ROOT / "engines/python", {"preload": ["this_is_no_module", "fractions"], "hooks": {"before": "ready = 1", "after": "n = n + 1"}}) as engine:
        assert "this_is_no_module" in (engine.directory / "engine.log").read_text()
        assert previews(engine.run("import sys\n'fractions' in sys.modules")) == [("text", "True")], "preloaded"
        first = engine.run("import os\nos.getpid()")["results"][0]["preview"]
        assert engine.run("os.getpid()")["results"][0]["preview"] == first, "names stay"
        ended = engine.run("ready")
        assert previews(ended) == [("text", "1")], "the hook ran in this process"
        engine.run("n = 10")
        assert previews(engine.run("n")) == [("text", "11")], "and the other after the statement"
        begun = time.monotonic()
        second = engine.run("import os\nos.getpid()", reset="respawn")["results"][0]["preview"]
        assert second != first
        print(f"a statement in a new fork took {(time.monotonic() - begun) * 1000:.1f} ms")
        third = engine.run("import os\nos.getpid()", reset="namespace")["results"][0]["preview"]
        assert third == second and engine.run("n", reset="namespace")["error"]["name"] == "NameError"
        # Its own directory and variables stay, until a reset or another directory comes.
        engine.run("import os; os.mkdir('sub'); os.chdir('sub'); os.environ['OWN'] = '1'")
        assert previews(engine.run("os.getcwd()[-3:], os.environ.get('OWN')")) == [("text", "('sub', '1')")]
        assert previews(engine.run("import os\nos.getcwd()[-3:], os.environ.get('OWN')", reset="namespace")) == [("text", "('cwd', None)")]


def many(engine):
    """Orders that the worker has ahead are begun once or taken back, whoever is cancelled or dies among them."""
    random, starts = Random(7), engine.directory / "starts"
    for turn in range(8):
        starts.write_bytes(b"")
        codes = {}
        for _ in range(60):
            code = f"import os\nos.write(os.open({str(starts)!r}, os.O_WRONLY | os.O_APPEND), b'%d\\n')\n" % engine.number
            kind = random.choice(["", "", "print(0)", "import time; time.sleep(0.01)", "1/0", "'long' if 0 else '" + "x" * 40000 + "'"])
            statement = engine.execute(code + ("os.kill(os.getpid(), 9)" if random.random() < 0.03 else kind))
            codes[statement] = engine.number - 1
        cancelled = set()
        for statement in codes:
            if random.random() < 0.3:
                time.sleep(random.random() * 0.003)
                engine.cancel(statement, grace_s=60)
                cancelled.add(statement)
        ends = {statement: engine.ended(statement) for statement in codes}
        begun = [int(line) for line in starts.read_bytes().split()]
        assert len(begun) == len(set(begun)), "nothing runs twice"
        assert begun == sorted(begun), "in the order in which they came"
        for statement, number in codes.items():
            outcome = ends[statement]["outcome"]
            assert outcome in ("ok", "error", "died") or statement in cancelled, ends[statement]
            assert number in begun or outcome == "cancelled", ends[statement]
            log = engine.log_path(number + 1)
            assert not log.exists() or log.read_bytes() == b"0\n", log.read_bytes()


def third_parties(engine):
    """What is installed only here and there."""
    if engine.run("import pandas", seconds=300)["outcome"] == "ok":
        ended = engine.run("pandas.DataFrame({'a': [1, 2], 'b': [1.5, None], 'c': pandas.to_datetime(['2026-01-31', None])})")
        columns, rows = read_table(engine.results_path(engine.number), ended["results"][0])
        assert rows == [[1, 1.5, "2026-01-31T00:00:00.000000"], [2, None, None]], rows
        assert [column["type"] for column in columns] == ["int", "float", "timestamp"], columns
        print("pandas: ok")
    if engine.run("import matplotlib.pyplot as plt", seconds=300)["outcome"] == "ok":
        ended = engine.run("plt.plot([1, 2]);\nplt.figure();", seconds=60)
        assert [r["mime"] for r in ended["results"]] == ["image/png"] * 2, ended
        ended = engine.run("f = plt.figure()\nf", seconds=60)
        assert len(ended["results"]) == 1, "shown once"
        file = engine.results_path(engine.number) / ended["results"][0]["file"]
        assert file.read_bytes().startswith(b"\x89PNG")
        print("matplotlib: ok")


def main():
    with EngineProcess(ROOT / "engines/python") as engine:
        print(f"start to hello: {(time.monotonic() - engine.begun) * 1000:.0f} ms")
        for part in (values, errors, output, progress, interrupt_that_python_drops, many, third_parties):
            part(engine)
    processes()
    print("the Python engine does what it says")


if __name__ == "__main__":
    sys.exit(main())
