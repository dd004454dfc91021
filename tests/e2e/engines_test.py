# tests/e2e/engines_test.py - code on warm engines through the whole of Drover, and faults on the way.
# SPDX-License-Identifier: Apache-2.0
"""python3 tests/e2e/engines_test.py"""
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from random import Random

from harness import BIN, Cluster, kill_engine, pids_with_cookie

COOKIE = f"engines-{os.getpid()}"
CONFIG = """[engines]
results = "RESULTS"
[interceptors]
forbidden = ["shell: forbidden", "python: os.system"]
row_limits = ["IDE=7"]
"""


class Desk:
    """One cluster whose statements leave their files in a folder of its own."""

    def __init__(self, cluster):
        self.cluster = cluster

    def run(self, code, engine="python", timeout=30, **more):
        spec = {"engine": engine, "script": code, "env": {"COOKIE": COOKIE}, **more}
        status, answer = self.cluster.request("POST", f"/api/v1/statements?timeout_s={timeout}", spec, timeout=timeout + 30)
        assert status == 200, answer
        return answer

    def submit(self, code, engine="python", **more):
        return self.cluster.submit({"engine": engine, "script": code, **more})

    def engines(self):
        return self.cluster.get("/api/v1/engines")["engines"]

    def log(self, job):
        status, text = self.cluster.request("GET", f"/api/v1/jobs/{job}/log")
        assert status == 200, text
        return text


def previews(answer):
    assert answer["results"], answer
    return [result["preview"] for result in answer["results"]["results"]]


def warm_and_cold(desk):
    first = desk.run("6 * 7")
    assert previews(first) == ["42"], first
    assert len(desk.engines()) == 1 and desk.engines()[0]["state"] == "idle", desk.engines()
    pid = previews(desk.run("import os; os.getppid()"))
    times = []
    for _ in range(100):
        begun = time.perf_counter()
        assert previews(desk.run("1 + 1")) == ["2"]
        times.append(time.perf_counter() - begun)
    assert previews(desk.run("import os; os.getppid()")) == pid, "the same engine"
    assert len(desk.engines()) == 1, desk.engines()
    print(f"  warm: p50 {statistics.median(times) * 1000:.2f} ms, slowest {max(times) * 1000:.1f} ms")


def what_is_printed_and_what_fails(desk):
    job = desk.run("print('hello'); 1 / 0")
    assert job["job"]["state"] == "failed" and job["job"]["exit_code"] == 1, job["job"]
    assert desk.log(job["job"]["id"]).startswith("hello\n"), desk.log(job["job"]["id"])
    error = job["results"]["error"]
    assert error["name"] == "ZeroDivisionError" and error["line"] == 1, error
    rows = desk.run("create table t(a, b); insert into t values (1, 'x'), (2, null); select * from t", "sql")
    tables = [result for result in rows["results"]["results"] if result["kind"] == "table"]
    assert tables[0]["preview"] == [[1, "x"], [2, None]], rows["results"]
    shell = desk.run("echo out; exit 3", "shell")
    assert shell["job"]["exit_code"] == 3, shell["job"]
    assert desk.log(shell["job"]["id"]) == "out\n", repr(desk.log(shell["job"]["id"]))


def code_is_intercepted(desk):
    """As the configuration in main() says."""
    rows = "with recursive c(i) as (select 1 union all select i + 1 from c where i < 20)\nselect i from c"
    job = desk.run(rows + "; select 1 limit 9", "sql", labels={"creator": "IDE"})
    tables = [result for result in job["results"]["results"] if result["kind"] == "table"]
    assert [len(table["preview"]) for table in tables] == [7, 1], tables
    log = desk.log(job["job"]["id"])
    assert log.startswith("[drover: limit 7 was added, line 1 ") and "\n[drover: the limit was cut to 7, line 2 " in log, log
    off = desk.run("--set ide.engine.no.limit.allow=true\n" + rows, "sql", labels={"creator": "IDE"})
    assert len(previews(off)[0]) == 20, off["results"]
    assert len(previews(desk.run(rows, "sql"))[0]) == 20, "not of this creator"
    for code, engine, line in (("echo 1\n/bin/forbidden x", "shell", 2), ("import os\nos.system ('x')", "python", 2)):
        status, answer = desk.cluster.request("POST", "/api/v1/statements", {"engine": engine, "script": code})
        assert status == 403 and f"line {line}: " in str(answer) and "interceptors.forbidden" in str(answer), (status, answer)
    assert desk.run("echo forbiddenly 'forbidden' # forbidden", "shell")["job"]["state"] == "succeeded"


def results_are_read_back(desk):
    job = desk.run("drover.table(([i, str(i)] for i in range(10000)), columns=['n', 's'])\ndrover.html('<b>' * 9000)")["job"]["id"]
    place = f"/api/v1/jobs/{job}/results"
    assert [result["kind"] for result in desk.cluster.get(place)["results"]] == ["table", "html"]
    rows, at = [], 0
    while at is not None:
        page = desk.cluster.get(f"{place}/0?offset={at}&limit=3001")
        assert page["total"] == 10000 and page["offset"] == at, page["total"]
        rows, at = rows + page["rows"], page["next"]
    assert rows == [[i, str(i)] for i in range(10000)]
    past = desk.cluster.get(f"{place}/0?offset=10001")
    assert past["rows"] == [] and past["next"] is None, past
    status, csv = desk.cluster.request("GET", f"{place}/0?format=csv")
    assert status == 200 and csv == "n,s\r\n" + "".join(f"{i},{i}\r\n" for i in range(10000)), csv[:100]
    assert desk.cluster.request("GET", f"{place}/1")[1] == "<b>" * 9000
    for wrong, want in (("/2", 404), ("/..", 400), ("/0?format=raw", 400), ("/1?format=csv", 400), ("/0?limit=0", 400)):
        status, problem = desk.cluster.request("GET", place + wrong)
        assert status == want, (wrong, status, problem)


def a_page_costs_what_it_shows(desk):
    """Wherever it lies: the agent reads the index and the chunks of the page, not what stands before them."""
    rows = 250_000
    answer = desk.run(f"import random\nr = random.Random(1)\ndrover.table(([i, r.randbytes(20).hex()] for i in range({rows})), columns=['n', 's'])")
    job, size = answer["job"]["id"], answer["results"]["results"][0]["bytes"]
    read = {}
    for at in (0, rows // 2, rows - 100):
        before = bytes_read(desk.cluster.processes["agent"].pid)
        page = desk.cluster.get(f"/api/v1/jobs/{job}/results/0?offset={at}&limit=100")
        assert [row[0] for row in page["rows"]] == list(range(at, at + 100)), page["rows"][:2]
        read[at] = bytes_read(desk.cluster.processes["agent"].pid) - before
    assert size > 5_000_000 and 1_000 < min(read.values()) and max(read.values()) < 400_000, (size, read)


def bytes_read(pid):
    with open(f"/proc/{pid}/io") as io:
        return int(io.readline().split()[1])


def what_is_refused(desk):
    for spec, field in (({"engine": "pyton", "script": "1"}, "engine"), ({"engine": "python", "script": "1", "language": "sql"}, "language"),
                        ({"engine": "python", "script": "1", "session": "../x"}, "session"), ({"argv": ["true"]}, "engine"),
                        ({"engine": "python", "script": "1", "array": "0-3"}, "array")):
        status, problem = desk.cluster.request("POST", "/api/v1/statements", spec)
        assert status in (400, 404, 422, 501) and problem["error"]["field"] == field, (spec, status, problem)


def warm_engines_wait_for_statements(desk):
    """drover engine warm: as many as were asked for, as large, and the statements to come start none."""
    def warm(*words):
        env = {**os.environ, "DROVER_RUN": str(desk.cluster.run), "DROVER_DATA": str(desk.cluster.data)}
        done = subprocess.run([str(BIN / "drover"), "engine", "warm", *words], capture_output=True, text=True, timeout=60, env=env)
        return done.returncode, done.stdout, done.stderr

    code, out, err = warm("shell", "--count", "2", "--cpus", "2", "--mem", "600M")
    jobs = [int(line) for line in out.split()]
    assert code == 0 and len(set(jobs)) == 2, (code, out, err)
    made = desk.cluster.until(lambda: (lambda found: found if len(found) == 2 else None)(
        [e for e in desk.engines() if e["job"] in jobs and e["state"] == "idle"]), "both are warm", 30)
    assert all((e["type"], e["cpus"], e["mem_mib"], e["uses"]) == ("shell", 2, 600, 0) for e in made), made
    before = {e["name"] for e in desk.engines()}
    for _ in range(3):
        answer = desk.run("echo warm", "shell", cpus_per_task=2)
        assert answer["task"]["node"] in {e["name"] for e in made} and not answer.get("why_cold"), answer
    assert {e["name"] for e in desk.engines()} == before, "none was started"
    code, out, err = warm("shel")
    assert code != 0 and "shell" in err, (code, out, err)
    code, out, err = warm("shell", "--count", "1000")
    assert code != 0 and "at most" in err and {e["name"] for e in desk.engines()} == before, (code, out, err)


def a_session_keeps_its_names(desk):
    status, made = desk.cluster.request("POST", "/api/v1/sessions", {"engine": "python", "session": "s1"})
    assert status == 201, made
    desk.run("x = 41", session="s1")
    assert previews(desk.run("x + 1", session="s1")) == ["42"]
    assert desk.run("x")["results"]["error"]["name"] == "NameError", "what is of no session does not see it"
    status, again = desk.cluster.request("POST", "/api/v1/sessions", {"engine": "python", "session": "s1"})
    assert status == 409, again
    assert [s["session"] for s in desk.cluster.get("/api/v1/sessions")["sessions"]] == ["s1"]
    status, _ = desk.cluster.request("DELETE", "/api/v1/sessions/s1")
    assert status == 200
    desk.cluster.until(lambda: not desk.cluster.get("/api/v1/sessions")["sessions"], "the session ends", 20)


def running(desk, job):
    desk.cluster.until(lambda: desk.cluster.job(job)["state"] == "running", f"statement {job} runs", 30)
    return desk.cluster.job(job)


def has_said(desk, job, word):
    desk.cluster.until(lambda: word in desk.log(job), f"statement {job} says {word}", 30)


def a_name_serves_again(desk):
    for engine in desk.engines():
        desk.cluster.request("POST", f"/api/v1/engines/{engine['name']}/drain", {})
    desk.cluster.until(lambda: not desk.engines(), "every engine ends", 30)
    assert previews(desk.run("5 + 5")) == ["10"]
    assert [engine["name"] for engine in desk.engines()] == ["engine-1"], desk.engines()


def cancel(desk):
    job = desk.submit("import time\ntry:\n  print('begun', flush=True); time.sleep(60)\nexcept KeyboardInterrupt:\n  print('interrupted'); raise")
    has_said(desk, job, "begun")
    desk.cluster.request("POST", f"/api/v1/jobs/{job}/cancel", {})
    assert desk.cluster.await_final(job, 20)["state"] == "cancelled"
    assert "interrupted" in desk.log(job)


def an_engine_is_killed(desk):
    job = desk.submit("import time; print('begun', flush=True); time.sleep(60)")
    running(desk, job)
    has_said(desk, job, "begun")
    engine = next(e for e in desk.engines() if e["running"] == job)
    host = desk.cluster.get(f"/api/v1/jobs/{engine['job']}")
    assert host["job"]["state"] == "running", host
    kill_engine(desk.cluster, engine["job"])
    ended = desk.cluster.await_final(job, 40)
    assert (ended["state"], ended["reason"]) == ("failed", "engine_lost"), ended
    assert desk.log(job) == "begun\n"
    assert previews(desk.run("2 + 2")) == ["4"], "others go on"


def daemons_are_killed(desk):
    cluster = desk.cluster
    used = [desk.run("true", "shell")["task"]["node"] for _ in range(3)][-1]  # one after the other: none is counted that did not begin

    def uses():
        return next(e["uses"] for e in desk.engines() if e["name"] == used)

    before = uses()
    assert before > 0
    for victims in (("droverd",), ("agent",), ("droverd", "agent")):
        job = desk.submit("import time; time.sleep(3); 'done'")
        running(desk, job)
        for name in victims:
            cluster.kill(name)
        time.sleep(0.5)
        for name in reversed(victims):
            cluster.start(name)
        ended = cluster.await_final(job, 60)
        assert ended["state"] == "succeeded", (victims, ended)
        shown = cluster.get(f"/api/v1/jobs/{job}")
        assert previews(shown) == ["'done'"], (victims, shown["results"])
        cluster.until(lambda: uses() == before, "the engine says how often it was used", 30)
        assert previews(desk.run("3 + 3")) == ["6"], victims


def many_at_once(desk):
    wrong = []

    def caller(number):
        for i in range(25):
            if previews(desk.run(f"{number} * 1000 + {i}")) != [str(number * 1000 + i)]:
                wrong.append((number, i))

    threads = [threading.Thread(target=caller, args=(number,)) for number in range(8)]
    begun = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong, wrong
    print(f"  8 callers, 200 statements: {200 / (time.perf_counter() - begun):.0f}/s on {len(desk.engines())} engines")


def those_that_wait_in_engines_run_once(desk):
    """Short ones that wait in engines, some that take long before them, cancels, and a new agent and controller meanwhile."""
    marks, random = desk.cluster.directory / "marks", Random(5)
    marks.write_bytes(b"")
    codes = [f"import os, time\nos.write(os.open({str(marks)!r}, os.O_WRONLY | os.O_APPEND), b'{n}\\n')\n"
             + ("time.sleep(0.2)" if random.random() < 0.02 else "") for n in range(600)]
    jobs = desk.cluster.submit_many([{"engine": "python", "script": code} for code in codes])
    cancelled = set(random.sample(range(600), 60))
    for turn, n in enumerate(sorted(cancelled)):
        desk.cluster.request("POST", f"/api/v1/jobs/{jobs[n]}/cancel", {})
        if turn in (20, 40):
            for name in ("agent",) if turn == 20 else ("droverd", "agent"):
                desk.cluster.kill(name)
            for name in ("agent",) if turn == 20 else ("droverd", "agent"):
                desk.cluster.start(name)
    desk.cluster.until(lambda: not desk.cluster.get("/api/v1/jobs?state=open&name=python&limit=1")["jobs"], "all have ended", 120)
    states = {n: desk.cluster.job(job)["state"] for n, job in enumerate(jobs)}
    begun = [int(line) for line in marks.read_bytes().split()]
    assert len(begun) == len(set(begun)), "nothing runs twice"
    wrong = [(n, state) for n, state in states.items()
             if not (state == "succeeded" and n in begun or n in cancelled and state == "cancelled")]
    assert not wrong, wrong


def nothing_is_left(desk):
    for engine in desk.engines():
        desk.cluster.request("POST", f"/api/v1/engines/{engine['name']}/drain", {})
    desk.cluster.until(lambda: not desk.engines(), "every engine ends", 30)
    desk.cluster.await_all_final(30)
    desk.cluster.check_clean()
    left = pids_with_cookie(f"DROVER_ENGINE_SOCKET={desk.cluster.run}")
    assert not left, left


def main():
    with tempfile.TemporaryDirectory(prefix="drover-results-") as results:
        with Cluster(cpus=64, config=CONFIG.replace("RESULTS", results)) as cluster:
            desk = Desk(cluster)
            cases = (warm_and_cold, what_is_printed_and_what_fails, code_is_intercepted, results_are_read_back, a_page_costs_what_it_shows, what_is_refused, warm_engines_wait_for_statements, a_session_keeps_its_names, a_name_serves_again, cancel,
                     an_engine_is_killed, many_at_once, those_that_wait_in_engines_run_once, daemons_are_killed, nothing_is_left)
            for case in cases:
                case(desk)
                print(f"{case.__name__}: ok", flush=True)
    print(f"{len(cases)} passed, 0 failed")


if __name__ == "__main__":
    sys.exit(main())
