# tests/e2e/workflow_engines_test.py - steps that are code for engines: values, results, logs, retries, cancel.
# SPDX-License-Identifier: Apache-2.0
"""python3 tests/e2e/workflow_engines_test.py"""
import json
import shutil
import subprocess
import sys
import time

from first_job_test import ROOT, Shell, says
from harness import BIN


def shown(drover, word="last"):
    answer = json.loads(drover("dag", "show", word, "-o", "json").stdout)
    return answer["workflow"], {step["name"]: step for step in answer["steps"]}


def states(drover, word="last"):
    return {name: step["state"] for name, step in shown(drover, word)[1].items()}


def example(drover):
    """SQL and Python at once; SQL joins what they left; a script goes on with a value and with a result set."""
    folder = drover.directory / "workflows"
    shutil.copytree(ROOT / "examples/workflows", folder)
    out = drover.directory / "best.txt"
    plan = drover("dag", "plan", folder / "engines.toml", "--print", "ast").stdout
    assert "stage report.orders  single statement sql" in plan and "statement python" in plan, plan
    drover("dag", "run", folder / "engines.toml", "--param", f"out={out}")
    assert out.read_text().split() == ["Ann", "region,total", "north,37", "south,30"], out.read_text()
    _, steps = shown(drover)
    assert steps["report~summary"]["engine"] == "sql" and steps["report.heads"]["engine"] == "python", steps
    assert "engine" not in steps["note"], steps["note"]
    text = drover("dag", "show", "last").stdout
    assert "==> report.heads" in text and "south   Bob" in text, text
    joined = text[text.index("==> report~summary"):]
    assert [line.split() for line in joined.splitlines() if "  " in line][1:3] == [["Ann", "north", "37"],
                                                                                    ["Bob", "south", "30"]], joined


FIRST = """
name = "first"
[[step]]
name = "a"
engine = "python"
session = "mine"
code = "x = 20; drover.set(n=x + 1, names=['u', 'v'])"
[[step]]
name = "b"
needs = ["a"]
engine = "python"
session = "mine"
code = "print('x is', x); drover.set(sum=x + ${steps.a.values.n})"
[[step]]
name = "c"
needs = ["b"]
language = "bash"
engine = "shell"
code = "echo ${steps.b.values.sum} from $DROVER_STEP; drover dag set doubled=$((2 * ${steps.b.values.sum}))"
[[step]]
name = "each"
needs = ["c"]
foreach = "${steps.a.values.names}"
command = "echo $DROVER_ITEM ${steps.c.values.doubled} >> each.log"
"""


def values(drover):
    """Statements set values, keep names in a session, and print; a step for items runs over what one has set."""
    drover("dag", "run", drover.file("first.toml", FIRST))
    assert sorted((drover.directory / "each.log").read_text().split("\n"))[1:] == ["u 82", "v 82"]
    assert "b: x is 20\n" in drover("dag", "log", "last", "--all", "--prefix").stdout
    assert "41 from c" in drover("dag", "log", "last", "c").stdout
    assert not drover("dag", "log", "last", "a").stderr, "it printed nothing: no file, and no complaint"
    drover("session", "close", "mine")


FAILS = """
name = "fails"
[[step]]
name = "load"
script = "load.sql"
engine = "sql"
[[step]]
name = "tries"
engine = "python"
code = '''
import os
tries = sum(1 for line in open('tries.log')) if os.path.exists('tries.log') else 0
print('try', tries, file=open('tries.log', 'a'))
if tries < 2:
    raise ValueError('not yet')
'''
retry = { max = 5, delay = "1s", on = ["exit:1"] }
[[step]]
name = "breaks"
needs = ["load"]
engine = "python"
code = '''
here = drover.result(${steps.load.job})
print(len(here), here.columns)
1 / (0 if not os.path.exists('mended') else 1)
'''
"""


def failures(drover):
    """An error has its line and its traceback in the log of the workflow; what failed runs again."""
    drover.file("load.sql", "select 1 as one, 2 as two;")
    document = drover.file("fails.toml", FAILS.replace("here = ", "import os\nhere = "))
    says(drover("dag", "run", document, code=1), "drover dag log")
    marks = states(drover)
    assert marks == {"load": "succeeded", "tries": "succeeded", "breaks": "failed"}, marks
    assert len((drover.directory / "tries.log").read_text().splitlines()) == 3
    text = drover("dag", "log", "last").stdout
    assert "1 ['one', 'two']" in text and "ZeroDivisionError: division by zero (line 4)" in text, text
    assert "ZeroDivisionError" in drover("dag", "show", "last").stdout
    drover.file("mended", "")
    drover("dag", "retry", "last", "-w")
    assert set(states(drover).values()) == {"succeeded"}


def kept(drover):
    """Code that did the same before takes that result, whose result sets can still be read."""
    document = drover.file("kept.toml", """
name = "kept"
[[step]]
name = "ask"
language = "sql"
cache = true
code = "select 7 as seven; select drover_set('seven', 7)"
[[step]]
name = "tell"
needs = ["ask"]
command = "drover result get ${steps.ask.job} 0 --format csv; echo ${steps.ask.values.seven}"
""")
    for why in ("", "cache"):
        drover("dag", "run", document)
        _, steps = shown(drover)
        assert steps["ask"]["why"] == why, steps["ask"]
        assert drover("dag", "log", "last", "tell").stdout.split()[-3:] == ["seven", "7", "7"]


def cancelled(drover):
    document = drover.file("long.toml", """
name = "long"
[[step]]
name = "long"
engine = "python"
code = "import time; print('begun', flush=True); time.sleep(1000)"
[[step]]
name = "behind"
needs = ["long"]
command = ["true"]
[[step]]
name = "late"
engine = "python"
timeout = "1s"
code = "import time; time.sleep(1000)"
""")
    ident = drover("dag", "run", "-d", document).stdout.strip()
    deadline = time.monotonic() + 60
    while "begun" not in drover("dag", "log", ident, "long").stdout or states(drover, ident)["late"] != "failed":
        assert time.monotonic() < deadline, states(drover, ident)
        time.sleep(0.2)
    drover("dag", "cancel", ident, "long")
    drover("dag", "wait", ident, code=1)
    assert states(drover, ident) == {"long": "cancelled", "behind": "skipped", "late": "failed"}


REFUSED = [  # what is wrong with the step, its exit code, what is said
    ('language = "pyton"\ncode = "1"', 2, "bad.toml:4: unknown language 'pyton'", "python"),
    ('engine = "pyton"\ncode = "1"', 3, "bad.toml:2: step a: there is no engine for 'pyton'", "did you mean python?"),
    ('engine = "sql"\nlanguage = "sqk"\ncode = "1"', 3, "bad.toml:2: step a: engine sql does not speak 'sqk'", "sql"),
    ('engine = "sql"\ncommand = "x"', 2, "bad.toml:4: language, engine, session and reset belong to code", "code"),
    ('engine = "sql"\ncode = ""', 2, "has no code", ""),
    ('session = "s"\ncode = "1"', 2, "names neither engine nor language", "engine"),
    ('engine = "python"\ncode = "1"\nforeach = [1, 2]', 2, "bad.toml:2: step 'a' runs code on an engine, which takes no items", "dag add"),
    ('engine = "python"\ncode = "1"\njob = { engine = "sql" }', 2, "bad.toml:6: job.engine is set by the workflow", "step itself"),
    ('engine = "python"\nscript = "nowhere.py"', 3, "bad.toml:5: there is no file 'nowhere.py'", ""),
    ('engine = "python"\nscript = "load.sql"\nargs = ["x"]', 2, "bad.toml:6: code for an engine has no arguments", "env"),
    ('engine = "python"\nreset = "often"\ncode = "1"', 2, "bad.toml:2: step a: 'often' is no way to reset", "respawn"),
]


def refused(drover):
    for body, code, message, hint in REFUSED:
        document = drover.file("bad.toml", f'name = "bad"\n[[step]]\nname = "a"\n{body}\n')
        says(drover("dag", "run", document, code=code), message, hint)


def main():
    drover = Shell()
    try:
        results = drover.directory / "results"
        config = drover.file("drover.toml", f'[engines]\nresults = "{results}"\n')
        drover("up", "--detach", "--cpus", "8", "--mem", "16384", "--config", config)
        example(drover)
        values(drover)
        failures(drover)
        kept(drover)
        cancelled(drover)
        refused(drover)
        drover("down")
    finally:
        subprocess.run([str(BIN / "drover"), "down", "--kill"], env=drover.env, capture_output=True, timeout=60)
        shutil.rmtree(drover.directory, ignore_errors=True)
    print("1 passed, 0 failed")


if __name__ == "__main__":
    sys.exit(main())
