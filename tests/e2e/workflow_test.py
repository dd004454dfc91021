# tests/e2e/workflow_test.py - workflows of real scripts: fan-out over files, a failure, a rescue, strategies.
# SPDX-License-Identifier: Apache-2.0
"""python3 tests/e2e/workflow_test.py"""
import json
import os
import shutil
import subprocess
import sys
import time

from first_job_test import ROOT, Shell, says
from harness import BIN

CONFIG = """
[[partition]]
name = "main"
default = true
[[partition]]
name = "spare"
"""


def states(drover, word="last"):
    shown = json.loads(drover("dag", "show", word, "-o", "json").stdout)
    return shown["workflow"], {step["name"]: step["state"] for step in shown["steps"]}


def open_jobs(drover):
    return json.loads(drover("ls", "-o", "json").stdout)["jobs"]


def until(condition, what, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, what
        time.sleep(0.1)


def nothing_is_open(drover):
    """A workflow may end before those that it has cancelled are gone."""
    until(lambda: not open_jobs(drover), "jobs are left")


def examples(drover, folder):
    done = drover("dag", "run", folder / "genomics.toml", "--param", f"out={drover.directory}/genomics")
    assert "align succeeded 3/3" in done.stderr, done.stderr
    lines = (drover.directory / "genomics/count").read_text().split()[0]
    assert int(lines) > 0, lines
    drover("dag", "run", folder / "sweep.toml", "--param", f"out={drover.directory}/sweep")
    winner = int((drover.directory / "sweep/winner").read_text())
    assert winner * winner >= 12, winner
    nothing_is_open(drover)
    log = drover.directory / "booking.log"
    drover("dag", "run", folder / "booking.toml", "--param", f"log={log}")
    assert log.read_text().split("\n")[:3] == ["flight booked", "hotel booked", "paid"], log.read_text()
    log.unlink()
    drover("dag", "run", folder / "booking.toml", "--param", f"log={log}", "--param", "fails=pay")
    said = log.read_text().strip().split("\n")
    assert said == ["flight booked", "hotel booked", "hotel given back", "flight given back", "sorry"], said
    drover("dag", "run", folder / "two-places.toml", "--param", "first=main", "--param", "second=spare")
    workflow, marks = states(drover)
    assert workflow["state"] == "succeeded", workflow
    assert sorted([marks["query@1"], marks["query@2"]]) in (["cancelled", "succeeded"], ["succeeded", "succeeded"]), marks
    assert marks["standby@1"] == "succeeded" and marks["standby@2"] in ("skipped", "cancelled"), marks
    nothing_is_open(drover)


RESCUE = """
name = "rescue"
[[step]]
name = "list"
command = "ls parts/*.txt | drover dag set --lines parts=-"
[[step]]
name = "check"
needs = ["list"]
foreach = "${steps.list.values.parts}"
command = "echo $DROVER_ITEM >> ran.log; drover dag set size=$(wc -c < $DROVER_ITEM); test ! -e broken || ! grep -q b $DROVER_ITEM"
[[step]]
name = "sum"
needs = ["check"]
command = "echo 'sizes ${steps.check.values.size}' > sum.log"
[[step]]
name = "mail"
final = true
command = "echo ended >> mail.log"
"""


def rescue(drover):
    (drover.directory / "parts").mkdir()
    for name in "abc":
        drover.file(f"parts/{name}.txt", name * 10)
    drover.file("broken", "")
    document = drover.file("rescue.toml", RESCUE)
    failed = drover("dag", "run", document, code=1)
    assert "check failed 2/3" in failed.stderr, failed.stderr
    workflow, marks = states(drover)
    assert marks == {"list": "succeeded", "check": "failed", "sum": "skipped", "mail": "succeeded"}, marks
    assert workflow["first_failed_step"] == "check", workflow
    assert "==> check[1]" in drover("log", workflow["id"]).stdout
    says(drover("show", workflow["id"], code=3), "drover dag show")
    says(drover("dag", "retry", workflow["id"], "--no-such", code=2), "no-such")
    (drover.directory / "broken").unlink()
    drover("dag", "retry", workflow["id"], "-w")
    ran = (drover.directory / "ran.log").read_text().split()
    assert sorted(ran) == ["parts/a.txt", "parts/b.txt", "parts/b.txt", "parts/c.txt"], ran
    assert (drover.directory / "sum.log").read_text().strip() == 'sizes ["10","10","10"]'
    assert (drover.directory / "mail.log").read_text().split() == ["ended", "ended"]
    kinds = [json.loads(line)["kind"] for line in
             drover("dag", "show", workflow["id"], "--facts", "-o", "jsonl").stdout.splitlines()]
    for kind in ("started", "ended", "value_set", "expanded", "reopened", "subset", "closed"):
        assert kind in kinds, kinds
    # An edited document takes over what is unchanged.
    edited = drover.file("edited.toml", RESCUE.replace("sizes ", "all sizes "))
    drover("dag", "run", edited, "--resume-from", workflow["id"])
    _, marks = states(drover)
    assert marks["sum"] == "succeeded", marks
    assert (drover.directory / "sum.log").read_text().startswith("all sizes")
    assert len((drover.directory / "ran.log").read_text().split()) == 4, "what was unchanged did not run again"


MEASURE = """
name = "measure"
[[step]]
name = "count"
command = "drover dag set lines=$(wc -l < data.txt)"
[[step]]
name = "upper"
foreach = ["x", "y"]
command = "drover dag set up=$(echo $DROVER_ITEM | tr a-z A-Z)"
[[step]]
name = "broken"
needs = ["count"]
command = "exit 7"
"""
AGAIN = """
name = "again"
[params]
of = { type = "integer" }
[[step]]
name = "count"
strategy = "replay"
replay = { workflow = "${of}" }
[[step]]
name = "check"
strategy = "replay"
replay = { workflow = "${of}", step = "upper" }
[[step]]
name = "broken"
strategy = "replay"
replay = { workflow = "${of}" }
"""


def replay(drover):
    """What was recorded runs again: the same is a success, also a failure that fails alike."""
    drover.file("data.txt", "1\n2\n3\n")
    drover("dag", "run", drover.file("measure.toml", MEASURE), code=1)
    first, _ = states(drover)
    again = drover.file("again.toml", AGAIN)
    of = f"of={first['id']}"
    drover("dag", "run", again, "--param", of)
    _, marks = states(drover)
    assert marks == {"count": "succeeded", "check": "succeeded", "broken": "succeeded"}, marks
    drover.file("data.txt", "1\n2\n3\n4\n")
    differs = drover("dag", "run", again, "--param", of, code=1)
    assert "lines was '3' when recorded, and is '4' now" in differs.stderr, differs.stderr
    _, marks = states(drover)
    assert marks == {"count": "failed", "check": "succeeded", "broken": "succeeded"}, marks
    says(drover("dag", "run", again, "--param", "of=999999", code=3), "again.toml:5: step count")
    assert "exec check" in drover("dag", "plan", again, "--param", of).stdout


def joined(drover):
    """Steps in several languages, whose values a last program joins."""
    document = drover.directory / "workflows/joined.toml"
    drover("dag", "run", document, "--param", f"out={drover.directory}/joined.txt")
    assert (drover.directory / "joined.txt").read_text().split("\n")[:2] == ["lines 4", "sum 10"]
    _, marks = states(drover)
    assert marks == {"count.shell": "succeeded", "count.python": "succeeded", "count~summary": "succeeded"}, marks
    failed = drover("dag", "run", document, "--param", "data=/nowhere",
                    "--param", f"out={drover.directory}/nothing.txt", code=1)
    assert "count~summary skipped" in failed.stderr, failed.stderr
    assert not (drover.directory / "nothing.txt").exists()


ALIKE = r"""
name = "alike"
[defaults]
retry = { max = 1, delay = "1s", on = ["launch"] }
[optimize]
group = true
[params]
fails = "yes"
[[step]]
name = "a"
command = "echo $DROVER_STEP of $DROVER_JOB_NAME, $X, ${SLURM_ARRAY_TASK_ID:-alone}; drover dag set n=1"
job = { env = { X = "one" } }
[[step]]
name = "b"
command = "drover dag set n=2; test ! -e fails || exit 3"
[[step]]
name = "c"
script = "#!/bin/sh\necho $1; drover dag set n=3\n"
args = ["it's c"]
[[step]]
name = "d"
command = ["./no-such-program"]
[[step]]
name = "sum"
needs = ["a", "b", "c", "d:done"]
command = "echo ${steps.a.values.n}${steps.b.values.n}${steps.c.values.n} ${steps.c.job} ${steps.d.state}"
[[step]]
name = "sorry"
needs = ["d:fail"]
command = ["true"]
"""


def alike(drover):
    """Equal steps share an array, and are steps all the same."""
    document = drover.file("alike.toml", ALIKE)
    assert "# grouped a, b, c, d" in drover("dag", "plan", document).stdout
    assert "grouped" not in drover("dag", "plan", document, "--no-group").stdout
    drover.file("fails", "")
    ident = drover("dag", "run", "-d", document).stdout.strip()
    drover("dag", "wait", ident, code=1)
    steps = {step["name"]: step for step in json.loads(drover("dag", "show", ident, "-o", "json").stdout)["steps"]}
    assert len({steps[name]["job"] for name in "abcd"}) == 1 and steps["c"]["element"] == 2, steps
    assert {name: step["state"] for name, step in steps.items()} == {
        "a": "succeeded", "b": "failed", "c": "succeeded", "d": "failed", "sum": "skipped", "sorry": "succeeded"}, steps
    assert steps["b"]["exit_code"] == 3
    assert "==> b (job " in drover("dag", "log", ident).stdout
    assert "a of alike.a, one, alone" in drover("dag", "log", ident, "a").stdout
    assert "it's c" in drover("dag", "log", ident, "c").stdout
    assert "it's c" in drover("log", f"{steps['c']['job']}.2").stdout
    assert f"{steps['b']['job']}.1" in drover("dag", "show", ident).stdout
    (drover.directory / "fails").unlink()
    drover("dag", "retry", ident, "-w")
    assert drover("dag", "log", ident, "sum").stdout.split("\n")[1] == f"123 {steps['c']['job']}.2 failed"
    plain = drover("dag", "run", document, "--no-group")
    assert "sum succeeded" in plain.stderr, plain.stderr


def losers(drover):
    """Of a question to two partitions the loser leaves no process and no lease, whoever it is."""
    sleep = f"sleep 54321.{os.getpid()}"  # of nobody else on the machine
    document = drover.file("race.toml", """
name = "race"
[params]
winner = "race@1"
[[step]]
name = "race"
strategy = "multi-read"
targets = [{ partition = "main" }, { partition = "spare" }]
command = "if [ $DROVER_STEP = '${winner}' ]; then while [ ! -e lost ]; do sleep 0.05; done; else touch lost; exec SLEEP; fi"
""".replace("SLEEP", sleep))
    for winner, loser in (("race@1", "race@2"), ("race@2", "race@1")):
        (drover.directory / "lost").unlink(missing_ok=True)
        drover("dag", "run", document, "--param", f"winner={winner}")
        workflow, marks = states(drover)
        assert workflow["state"] == "succeeded" and marks == {winner: "succeeded", loser: "cancelled"}, marks

        def is_clean():
            left = subprocess.run(["pgrep", "-fx", sleep], capture_output=True, text=True).stdout.split()
            nodes = json.loads(drover("node", "ls", "-o", "json").stdout)["nodes"]
            free = all(node["running"] == 0 and node["cpus_free"] == node["cpus"] and
                       node["mem_mib_free"] == node["mem_mib"] for node in nodes)
            return not left and free and not open_jobs(drover)
        until(is_clean, f"{loser} leaves nothing")


def merged_log(drover):
    """The lines of all steps as they come, behind their names; the exit status is the workflow's."""
    document = drover.file("talk.toml", """
name = "talk"
[[step]]
name = "one"
command = "echo begun; while [ ! -e go ]; do sleep 0.1; done; echo ended"
[[step]]
name = "each"
foreach = ["u", "v"]
command = "echo saw $DROVER_ITEM"
[[step]]
name = "last"
needs = ["one"]
command = "printf unfinished; exit 4"
""")
    ident = drover("dag", "run", "-d", document).stdout.strip()
    follow = subprocess.Popen([str(BIN / "drover"), "dag", "log", ident, "-f"], env=drover.env, text=True,
                              stdout=subprocess.PIPE)
    lines = [follow.stdout.readline()]
    while "one: begun\n" not in lines:
        lines.append(follow.stdout.readline())
    assert "one: ended\n" not in lines
    drover.file("go", "")
    lines += follow.stdout.readlines()
    assert follow.wait(timeout=60) == 1
    assert sorted(lines) == ["each[0]: saw u\n", "each[1]: saw v\n", "last: unfinished\n", "one: begun\n", "one: ended\n"], lines


def by_hand(drover):
    document = drover.file("slow.toml", """
name = "slow"
[[step]]
name = "one"
command = "sleep 1000"
[[step]]
name = "two"
needs = ["one"]
command = ["true"]
[[step]]
name = "more"
command = "printf '[[step]]\\nname = \\"late\\"\\ncommand = \\"true\\"\\n' | drover dag add -"
""")
    ident = drover("dag", "run", "-d", document).stdout.strip()
    assert ident in drover("dag", "ls", "-o", "name").stdout
    drover("dag", "pause", ident)
    assert states(drover, ident)[0]["state"] == "paused"
    drover("dag", "resume", ident)
    says(drover("dag", "cancel", ident, "nobody", code=3), "no step")
    drover("dag", "wait", ident, "--timeout", "1s", code=124)
    until(lambda: states(drover, ident)[1].get("late") == "succeeded", "the step that was added has ended")
    drover("dag", "cancel", ident, "one")
    drover("dag", "wait", ident, code=143)
    assert states(drover, ident)[1] == {"one": "cancelled", "two": "skipped", "more": "succeeded", "late": "succeeded"}
    nothing_is_open(drover)
    says(drover("dag", "run", drover.file("bad.toml", 'name = "b"\n[[step]]\nname = "a"\nneeds = ["a"]\ncommand = "x"\n'),
                code=2), "bad.toml:")
    says(drover("dag", "run", drover.file("bad.toml", 'name = "b"\n[[step]]\nname = "a"\ncommand = "x"\n'
                                                      'job = { cpus_per_task = 100000 }\n'), code=7), "bad.toml:2")
    assert "digraph" in drover("dag", "graph", ident).stdout
    says(drover("dag", "show", "999999", code=3), "no workflow")


def main():
    drover = Shell()
    try:
        config = drover.file("drover.toml", CONFIG)
        drover("up", "--detach", "--cpus", "16", "--mem", "16384", "--config", config)
        folder = drover.directory / "workflows"
        shutil.copytree(ROOT / "examples/workflows", folder)
        examples(drover, folder)
        rescue(drover)
        replay(drover)
        joined(drover)
        alike(drover)
        losers(drover)
        merged_log(drover)
        by_hand(drover)
        drover("down")
    finally:
        subprocess.run([str(BIN / "drover"), "down", "--kill"], env=drover.env, capture_output=True, timeout=60)
        shutil.rmtree(drover.directory, ignore_errors=True)
    print("1 passed, 0 failed")


if __name__ == "__main__":
    sys.exit(main())
