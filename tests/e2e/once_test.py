# tests/e2e/once_test.py - statements on an engine of their own, and on engines that are large enough.
# SPDX-License-Identifier: Apache-2.0
"""python3 tests/e2e/once_test.py"""
import os
import shutil
import subprocess
import sys
import tempfile

from engines_test import COOKIE, Desk, nothing_is_left, previews
from harness import BIN, Cluster, kill_engine

PLUGIN = """[plugin]
type = "small"
version = "1"
languages = ["python"]
[start]
command = ["python3", "-S", "-u", "{plugin}/../python/engine.py"]
[resources]
max_cpus = 4
max_memory = "4G"
max_gpus = 0
[reuse]
max_per_user = 2
"""
PID = "import os; os.getppid()"


def drover(desk, *words):
    env = {**os.environ, "DROVER_RUN": str(desk.cluster.run), "DROVER_DATA": str(desk.cluster.data)}
    done = subprocess.run([str(BIN / "drover"), *words], capture_output=True, text=True, timeout=90, env=env)
    return done.returncode, done.stdout, done.stderr


def engine_of(desk, job):
    name = desk.cluster.get(f"/api/v1/jobs/{job}")["task"]["node"]
    return next((one for one in desk.engines() if one["name"] == name), None)


def gone(desk, kind):
    desk.cluster.until(lambda: not [one for one in desk.engines() if kind in one["pool"]], f"no engine of {kind} is left", 30)


def an_engine_of_its_own(desk):
    assert previews(desk.run("x = 41; x + 1")) == ["42"]
    warm = desk.engines()[0]
    first, second = desk.run(PID, once=True), desk.run(PID, once=True)
    assert first["job"]["spec"]["once"] is True and first["job"]["state"] == "succeeded", first["job"]
    assert previews(first) != previews(second) and first["job"]["spec"]["pool"].startswith(f"python.{os.getuid()}.o."), first["job"]["spec"]
    gone(desk, ".o.")
    left = desk.engines()
    assert [one["name"] for one in left] == [warm["name"]] and left[0]["uses"] == 1, "the warm one has not been asked"
    # It is an ordinary statement: log, results, accounting, and the error's line.
    job = desk.run("print('hello')\ndrover.table([[1, 2]], ['a', 'b'])\n1 / 0", once=True)
    assert job["job"]["state"] == "failed" and job["results"]["error"]["line"] == 3 and desk.log(job["job"]["id"]).startswith("hello\n"), job
    assert desk.cluster.get(f"/api/v1/jobs/{job['job']['id']}/results")["results"][0]["kind"] == "table"


def until_told(desk):
    """A file, and code that runs until it is there."""
    gate = desk.cluster.evidence / f"gate-{desk.cluster.get('/api/v1/jobs?limit=1')['jobs'][0]['id']}"
    return gate, f"import os, time\nwhile not os.path.exists({str(gate)!r}): time.sleep(0.05)\n"


def all_run(desk, jobs):
    desk.cluster.until(lambda: all(desk.cluster.job(job)["state"] == "running" for job in jobs), "all of them run", 60)


def several_at_once(desk):
    gate, code = until_told(desk)
    jobs = [desk.submit(code, once=True) for _ in range(6)]
    all_run(desk, jobs)
    engines = [engine_of(desk, job) for job in jobs]
    assert [(engine["state"], engine["uses"]) for engine in engines] == [("busy", 1)] * 6, engines
    assert len({engine["job"] for engine in engines}) == 6, engines
    gate.touch()
    for job in jobs:
        assert desk.cluster.await_final(job)["state"] == "succeeded", desk.cluster.job(job)
    gone(desk, ".o.")


def it_ends_with_what_it_runs(desk):
    job = desk.submit("import time; time.sleep(60)", once=True)
    desk.cluster.until(lambda: desk.cluster.job(job)["state"] == "running", "it runs", 30)
    desk.cluster.request("POST", f"/api/v1/jobs/{job}/cancel", {})
    assert desk.cluster.await_final(job)["state"] == "cancelled"
    gone(desk, ".o.")


def a_lost_one_fails_unless_another_try_was_asked_for(desk):
    for retry, state, starts in ((None, "failed", 1), ({"max": 1, "on": ["lost"]}, "succeeded", 2)):
        mark = tempfile.mktemp(prefix="drover-once-")
        code = f"import os, time\nwith open({mark!r}, 'a') as file: file.write('x')\nos.path.getsize({mark!r}) > 1 or time.sleep(60)"
        job = desk.submit(code, once=True, env={"COOKIE": COOKIE}, **({"retry": retry} if retry else {}))
        desk.cluster.until(lambda: os.path.exists(mark) and os.path.getsize(mark) and engine_of(desk, job), "it has begun", 30)
        kill_engine(desk.cluster, engine_of(desk, job)["job"])
        ended = desk.cluster.await_final(job)
        assert ended["state"] == state and open(mark).read() == "x" * starts, (retry, ended)
        assert state == "succeeded" or ended["reason"] == "engine_lost", ended
        os.unlink(mark)
        gone(desk, ".o.")


def droverd_dies_in_the_middle(desk):
    gate, code = until_told(desk)
    job = desk.submit(code + "7", once=True, cpus_per_task=2)
    all_run(desk, [job])
    desk.cluster.kill("droverd")
    desk.cluster.start("droverd")
    desk.cluster.await_server()
    spec = desk.cluster.get(f"/api/v1/jobs/{job}")["job"]["spec"]
    assert spec["once"] is True and spec["wish"]["cpus"] == 2, "as it was stored"
    gate.touch()
    assert desk.cluster.await_final(job)["state"] == "succeeded"
    gone(desk, ".o.")


def what_does_not_fit_together(desk):
    for spec, field in (({"once": True, "session": "s1"}, "once"), ({"once": "yes"}, "once"), ({"mem": "2G", "session": "s1"}, "session"),
                        ({"engine": "small", "cpus_per_task": 5}, "cpus"), ({"engine": "small", "mem": "5G"}, "mem"), ({"engine": "small", "gpus": 1}, "gpus")):
        status, answer = desk.cluster.request("POST", "/api/v1/statements", {"engine": "python", "script": "1", **spec})
        assert status >= 400 and answer["error"]["field"] == field, (spec, status, answer)
    status, answer = desk.cluster.request("POST", "/api/v1/sessions", {"engine": "small", "session": "s9", "cpus": 5})
    assert status >= 400 and "at most 4 CPUs" in str(answer), answer
    huge = desk.run("1", cpus_per_task=1000)["job"]
    assert huge["state"] == "failed" and huge["reason"] == "engine_failed" and "1000" in huge["detail"], huge
    status, answer = desk.cluster.request("PATCH", f"/api/v1/jobs/{desk.submit('1', hold=True)}", {"mem": "2G"})
    assert status >= 400, answer


def the_engine_is_as_large_as_was_wished(desk):
    big = desk.run("drover.text('big')", cpus_per_task=3, mem="2G")
    assert big["job"]["state"] == "succeeded" and big["job"]["spec"]["wish"] == {"cpus": 3, "mem_mib": 2048, "gpus": 0}, big["job"]["spec"]
    engine = engine_of(desk, big["job"]["id"])
    assert (engine["cpus"], engine["mem_mib"]) == (3, 2048), engine
    host = desk.cluster.get(f"/api/v1/jobs/{engine['job']}")["job"]
    assert host["spec"]["cpus_per_task"] == 3, host["spec"]
    # A larger idle one serves a smaller wish, and those that wish for nothing, when theirs are busy.
    middle = desk.run("drover.text('middle')", cpus_per_task=2)
    assert engine_of(desk, middle["job"]["id"])["job"] == engine["job"], "the larger one was idle"
    before = len(desk.engines())
    gate, code = until_told(desk)
    own = desk.submit(code)
    all_run(desk, [own])  # on the small one
    small = desk.run("1")
    assert engine_of(desk, small["job"]["id"])["job"] == engine["job"] and len(desk.engines()) == before, desk.engines()
    gate.touch()
    desk.cluster.await_final(own)
    alone = desk.run("1", once=True, cpus_per_task=2)
    assert alone["job"]["spec"]["pool"].endswith(".o.2c1024m0g"), alone["job"]["spec"]
    gone(desk, ".o.")


def a_limit_makes_them_wait_and_not_fail(desk):
    """The plugin gives two engines to a user: home, sized and single ones share them."""
    gate, code = until_told(desk)
    long = [desk.submit(code, "small") for _ in range(2)]
    all_run(desk, long)
    big = desk.submit("1", "small", cpus_per_task=3)
    desk.cluster.until(lambda: "as many as are allowed" in str(desk.cluster.get(f"/api/v1/jobs/{big}/why")), "it says what it waits for", 20)
    assert "as many as are allowed" in drover(desk, "why", str(big))[1]
    gate.touch()
    jobs = [*long, big] + [desk.submit("import time; time.sleep(0.3)", "small") for _ in range(4)]
    jobs += [desk.submit("1", "small", cpus_per_task=2), desk.submit("1", "small", once=True), desk.submit("1", "small", mem="3G")]
    jobs += [desk.submit("import time; time.sleep(0.3)", "small") for _ in range(4)]
    for job in jobs:
        assert desk.cluster.await_final(job, 90)["state"] == "succeeded", desk.cluster.job(job)
        # Those that end are not counted: they may be several, where one made place for the other.
        small = [one for one in desk.engines() if one["type"] == "small" and one["state"] != "shutting_down"]
        assert len(small) <= 2, small


def on_the_command_line(desk):
    code, out, err = drover(desk, "exec", "-e", "python", "--once", "6 * 7")
    assert (code, out) == (0, "42\n"), (code, out, err)
    code, out, err = drover(desk, "exec", "-e", "python", "--cpus", "2", "--mem", "3G", "--json", "1")
    assert code == 0 and '"mem_mib": 3072' in out, (code, out, err)
    job = desk.cluster.get("/api/v1/jobs?limit=1")["jobs"][0]["id"]
    code, out, err = drover(desk, "exec", "-e", "python", "--once", "--async", "import time; time.sleep(1)")
    shown = drover(desk, "show", out.strip())[1]
    assert "engine of its own" in shown, shown
    assert drover(desk, "wait", out.strip())[0] == 0 and job
    code, out, err = drover(desk, "exec", "-e", "small", "--cpus", "8", "1")
    assert code != 0 and "at most 4 CPUs" in err, (code, out, err)
    gone(desk, ".o.")


CASES = (an_engine_of_its_own, several_at_once, it_ends_with_what_it_runs, a_lost_one_fails_unless_another_try_was_asked_for, droverd_dies_in_the_middle,
         what_does_not_fit_together, the_engine_is_as_large_as_was_wished, a_limit_makes_them_wait_and_not_fail, on_the_command_line)


def plugin_folder(scratch):
    """The shipped ones, and one with limits."""
    folder = f"{scratch}/engines"
    shutil.copytree(BIN.parent / "share/drover/engines", folder)
    os.mkdir(f"{folder}/small")
    with open(f"{folder}/small/plugin.toml", "w", encoding="utf-8") as file:
        file.write(PLUGIN)
    return folder


def main():
    wanted = sys.argv[1:]
    with tempfile.TemporaryDirectory(prefix="drover-once-") as scratch:
        config = f'[engines]\nresults = "{scratch}/results"\nplugins = "{plugin_folder(scratch)}"\n'
        with Cluster(cpus=64, config=config) as cluster:
            desk = Desk(cluster)
            for case in CASES:
                if wanted and case.__name__ not in wanted:
                    continue
                case(desk)
                print(f"{case.__name__}: ok", flush=True)
            for job in cluster.jobs():
                if job["state"] not in ("succeeded", "failed", "cancelled"):
                    cluster.request("POST", f"/api/v1/jobs/{job['id']}/cancel", {})
            nothing_is_left(desk)
    print("passed, 0 failed")


if __name__ == "__main__":
    sys.exit(main())
