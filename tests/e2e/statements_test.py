# tests/e2e/statements_test.py - what statements may ask of the entrance: earlier results, variables, labels.
# SPDX-License-Identifier: Apache-2.0
"""python3 tests/e2e/statements_test.py"""
import json
import os
import pty
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time

from engines_test import Desk, nothing_is_left, previews
from harness import BIN, Cluster, kill_engine

CONFIG = """[engines]
results = "RESULTS"
result_mib = 1
[interceptors]
labels = ["sql: creator=bi", "creator=desk", "project=none"]
"""


def exec_(desk, *words, **more):
    return drover(desk, "exec", *words, **more)


def drover(desk, *words, **more):
    done = subprocess.run([str(BIN / "drover"), *words], capture_output=True, text=True, timeout=60, env=environment(desk), **more)
    return done.returncode, done.stdout, done.stderr


def environment(desk):
    return {**os.environ, "DROVER_RUN": str(desk.cluster.run), "DROVER_DATA": str(desk.cluster.data)}


def reuse(desk, code, engine="shell", **more):
    more.setdefault("reuse", {"ttl_s": 3600})
    answer = desk.run(code, engine, **more)
    assert answer["job"]["state"] == "succeeded", answer
    return answer["job"]["id"], answer.get("reused")


def jobs_made(desk):
    return desk.cluster.get("/api/v1/jobs?limit=1")["jobs"][0]["id"]


def an_earlier_result_answers(desk):
    code = f"date +%N; echo first >> {desk.results}/ran"
    first, reused = reuse(desk, code)
    assert reused is None
    log = desk.log(first)
    before = jobs_made(desk)
    again, reused = reuse(desk, code)
    assert again == first and reused["job"] == first and 0 <= reused["age_s"] < 60, reused
    assert desk.log(again) == log and jobs_made(desk) == before, "no new job"
    assert open(f"{desk.results}/ran").read() == "first\n", "it ran once"
    # Who does not ask runs, and does not take the place of what is kept.
    plain = desk.run(code, "shell")["job"]["id"]
    assert plain != first and reuse(desk, code)[0] == first
    # As a job, and in bulk.
    status, answer = desk.cluster.request("POST", "/api/v1/jobs", {"engine": "shell", "script": code, "reuse": True, "env": desk.env()})
    assert status == 200 and answer["id"] == first and answer["reused"]["job"] == first, (status, answer)


def only_the_same_counts(desk):
    base = dict(code="echo $A", env={"A": "1"})
    first, _ = reuse(desk, **base)
    assert reuse(desk, **base)[0] == first
    for change in (dict(code="echo  $A"), dict(env={"A": "2"}), dict(cwd="/tmp"), dict(labels={"creator": "x"}), dict(reset="respawn"),
                   dict(language="bash")):
        other, reused = reuse(desk, **{**base, **change})
        assert other != first and reused is None, change
    assert reuse(desk, priority=5, name="n", comment="c", time_limit_s=50, **base)[0] == first
    # What failed is no result.
    for _ in range(2):
        answer = desk.run("exit 3", "shell", reuse=True)
        assert answer["job"]["state"] == "failed" and "reused" not in answer
    # Too old for whoever asks.
    time.sleep(1.2)
    second, reused = reuse(desk, reuse={"ttl_s": 1}, **base)
    assert second != first and reused is None
    assert reuse(desk, **base)[0] == second, "the newer one counts from now on"


def what_is_gone_runs_again(desk):
    code = "drover.table([[i] for i in range(5000)], ['n'])"
    first, _ = reuse(desk, code, "python")
    assert reuse(desk, code, "python")[0] == first
    shutil.rmtree(f"{desk.results}/{first}")
    second, reused = reuse(desk, code, "python")
    assert second != first and reused is None
    assert reuse(desk, code, "python")[0] == second
    assert len(desk.cluster.get(f"/api/v1/jobs/{second}/results/0?limit=10")["rows"]) == 10


def keys_go_first(desk):
    spec = {"engine": "shell", "script": "echo keyed", "reuse": True, "env": desk.env()}
    for key, want in (("k1", 201), ("k1", 200), ("k2", 200)):
        status, answer = desk.cluster.request("POST", "/api/v1/jobs", spec, {"Idempotency-Key": key})
        assert status == want, (key, status, answer)
        desk.cluster.await_final(answer["id"])
        assert ("reused" in answer) == (key == "k2"), (key, answer)


def it_survives_a_restart(desk):
    first, _ = reuse(desk, "echo lasting")
    desk.cluster.kill("droverd")
    desk.cluster.start("droverd")
    desk.cluster.await_server()
    again, reused = reuse(desk, "echo lasting")
    assert again == first and reused["job"] == first


def what_cannot_be_reused_is_refused(desk):
    for more, word in (({"session": "s1"}, "session"), ({"hold": True}, "hold"), ({"dependency": "afterany:1"}, "dependency")):
        status, answer = desk.cluster.request("POST", "/api/v1/statements", {"engine": "shell", "script": "1", "reuse": True, **more})
        assert status == 400 and answer["error"]["field"] == "reuse" and word in answer["error"]["message"], (status, answer)
    for wrong in ("yes", {"ttl_s": 0}, {"ttl": 5}, 7):
        status, answer = desk.cluster.request("POST", "/api/v1/statements", {"engine": "shell", "script": "1", "reuse": wrong})
        assert status == 400, (wrong, status, answer)
    status, answer = desk.cluster.request("POST", "/api/v1/jobs", {"argv": ["true"], "cwd": "/tmp", "reuse": True})
    assert status in (400, 404), answer


def on_the_command_line(desk):
    code, out, err = exec_(desk, "-e", "shell", "--reuse", "echo from the line; date +%N")
    assert (code, err) == (0, ""), (code, out, err)
    again = exec_(desk, "-e", "shell", "--reuse=1h", "echo from the line; date +%N")
    assert again[:2] == (0, out) and again[2].startswith("result of job ") and again[2].endswith(" old\n"), again
    answer = json.loads(exec_(desk, "-e", "shell", "--reuse", "--json", "echo from the line; date +%N")[1])
    assert answer["reused"]["job"] == answer["job"]["id"], answer
    assert exec_(desk, "-e", "shell", "--reuse=soon", "true")[0] != 0


def what_exec_prints_where(desk):
    code = "print('said'); drover.text('a text'); drover.table([[1, 'a,b']], ['n', 's']); drover.table(([i] for i in range(5000)), ['k'])"
    status, out, err = exec_(desk, "-e", "python", "-o", "csv", code)
    assert status == 0 and out == 'n,s\n1,"a,b"\n\nk\n' + "".join(f"{i}\n" for i in range(5000)), out[:100]
    assert err == "said\na text\n", err
    job = max(one["id"] for one in desk.cluster.jobs() if one["name"] == "python")
    page, note = drover(desk, "result", "get", str(job), "2", "--format", "json")[1:]
    assert page.endswith("}\n") and json.loads(page)["next"] == 1000 and "--rows N:" in note, (page[-100:], note)
    page, note = drover(desk, "result", "get", str(job), "1", "--format", "json")[1:]
    assert page.endswith("}\n") and json.loads(page)["next"] is None and note == "", (page, note)
    assert "no output of names" in exec_(desk, "-e", "python", "-o", "name", "1")[2]
    for words in (("",), ("-f", "/dev/null")):
        status, out, err = exec_(desk, "-e", "python", *words)
        assert status == 2 and "is empty" in err, (words, status, err)


def what_is_known_completes_words(desk):
    status, out, err = drover(desk, "engine", "start", "shell", "--count", "2")
    jobs = [int(line) for line in out.split()]
    assert status == 0 and len(jobs) == 2, (out, err)
    desk.cluster.until(lambda: {e["job"] for e in desk.engines() if e["state"] == "idle"} >= set(jobs), "both are there", 30)
    assert drover(desk, "session", "new", "known", "-e", "shell")[0] == 0
    engines, types = {e["name"] for e in desk.engines()}, {"python", "sql", "shell", "exchange"}
    for words, want in ((("exec", "-e", ""), types), (("exec", "--engine", "p"), types), (("engine", "start", ""), types), (("engine", "drain", ""), engines),
                        (("engine", "log", ""), engines), (("exec", "-s", ""), {"known"}), (("session", "close", ""), {"known"}),
                        (("exec", "-f", ""), {":files"})):
        found = drover(desk, "__complete", "--", *words)[1].split()
        assert set(found) >= want and (":files" in found) == (":files" in want), (words, found)
    assert drover(desk, "session", "close", "known")[0] == 0


def what_is_over_the_quota_is_kept_and_said(desk):
    """1 MiB, as CONFIG says."""
    code = "print('begun'); drover.table(([i, f'{i * 7919 % 1000003}'] for i in range(10 ** 9)), ['n', 's']); print('after it')"
    status, out, err = exec_(desk, "-e", "python", code)
    warning, failure = err.splitlines()
    assert status == 1 and out.startswith("begun\nafter it\n"), (status, out)
    words = re.fullmatch(r"warning: result 0 is not whole: it ends after (\d+) rows, (\d+) bytes", warning)
    rows, size = int(words[1]), int(words[2])
    assert failure.startswith(f"ResultQuota: result 0 is cut at {rows} rows: ") and str(1 << 20) in failure, failure
    assert 900_000 < size <= 1 << 20, size
    job = int(re.search(r"drover result get (\d+) 0\n", out)[1])
    assert desk.cluster.job(job)["state"] == "failed"
    assert drover(desk, "result", "ls", "last") == drover(desk, "result", "ls", str(job)), "it is the newest"
    assert exec_(desk, "-e", "python", "--once", "1")[0] == 0  # its engine's job came after it
    assert drover(desk, "result", "ls", "last~1") == drover(desk, "result", "ls", str(job)), "engines are not counted"
    for words in ((), ("--rows", "0:3"), ("--format", "csv"), ("--format", "jsonl"), ("--format", "json"), ("--out", f"{desk.results}/cut.csv")):
        status, out, err = drover(desk, "result", "get", str(job), *words)
        assert status == 0 and warning in err.splitlines(), (words, status, err)
        assert out or "--out" in words, words
    with open(f"{desk.results}/cut.csv", newline="") as file:
        lines = file.read().split("\r\n")
    assert len(lines) == rows + 2 and lines[rows] == f"{rows - 1},{(rows - 1) * 7919 % 1000003}", (len(lines), lines[-3:])
    status, out, _ = exec_(desk, "-e", "python", "--retry", "3", code)
    assert status == 1 and out.count("begun") == 1, "it is run again, and would be cut again"
    whole = exec_(desk, "-e", "python", "drover.table([[1]], ['n'])")
    assert whole == (0, "n\n1\n", ""), whole


def output_comes_as_it_is_printed(desk):
    """Each line is read here before the code goes on: what came only at the end would never come."""
    gates = [f"{desk.results}/gate-{number}" for number in range(2)]
    code = f"echo one; until [ -e {gates[0]} ]; do sleep 0.01; done; printf 'two\\n\\033[31mred\\n'; until [ -e {gates[1]} ]; do sleep 0.01; done; printf three"
    for kind in ("pipe", "terminal"):
        ours, theirs = os.pipe() if kind == "pipe" else pty.openpty()
        with subprocess.Popen([str(BIN / "drover"), "exec", "-e", "shell", code], stdin=subprocess.DEVNULL, stdout=theirs,
                              stderr=subprocess.PIPE if kind == "pipe" else theirs, env=environment(desk)) as exec_:
            os.close(theirs)
            watchdog = threading.Timer(100, exec_.kill)
            watchdog.start()
            said = read_until(ours, b"", b"one")
            if kind == "pipe":  # the log goes on where it was
                desk.cluster.kill("droverd")
                desk.cluster.start("droverd")
            open(gates[0], "w").close()
            said = read_until(ours, said, b"red")
            open(gates[1], "w").close()
            said = read_until(ours, said, None)
            watchdog.cancel()
            assert exec_.wait() == 0, (said, exec_.stderr and exec_.stderr.read())
        os.close(ours)
        # A terminal gets \r\n, and a line about the job which is taken away before each output.
        plain = [line for line in re.split(rb"[\r\n]+|\x1b\[K", said) if line and not re.fullmatch(rb"\x1b\[2mjob \d+ .*", line)]
        assert plain == [b"one", b"two", b"\x1b[31mred", b"three"], said
        assert said.endswith(b"\n") and kind == "terminal" or said.count(b"\n") == 4, said
        for gate in gates:
            os.unlink(gate)


def output_comes_as_it_is_printed_where_others_follow(desk):
    """There is a place for one follower, as main() says, and another has it."""
    job = desk.cluster.submit({"argv": ["/bin/sleep", "600"]})
    gate = f"{desk.results}/gate"
    with subprocess.Popen([str(BIN / "drover"), "log", "-f", str(job)], stdout=subprocess.DEVNULL, env=environment(desk)) as other:
        desk.cluster.until(lambda: desk.cluster.get("/api/v1/status")["streams"] == 1, "it follows", 20)
        code = f"echo one; until [ -e {gate} ]; do sleep 0.01; done; echo two"
        with subprocess.Popen([str(BIN / "drover"), "exec", "-e", "shell", code], stdout=subprocess.PIPE, env=environment(desk)) as exec_:
            watchdog = threading.Timer(60, exec_.kill)
            watchdog.start()
            assert exec_.stdout.readline() == b"one\n", "what came only at the end would never come"
            open(gate, "w").close()
            assert exec_.stdout.read() == b"two\n" and exec_.wait() == 0
            watchdog.cancel()
        desk.cluster.request("POST", f"/api/v1/jobs/{job}/cancel", {})
        assert other.wait(60) is not None


def read_until(fd, said, word):
    """All of it if no word is given."""
    while word is None or word not in said:
        try:
            data = os.read(fd, 4096)
        except OSError:  # of a terminal: nobody writes any more
            data = b""
        if not data:
            assert word is None, (said, word)
            break
        said += data
    return said


def variables_are_filled_in(desk):
    code = "echo ${name} ${run_date} ${run_date-1} ${HOME:+home} ${nobody} &{yyyy-MM-dd%+1d} $HOME"
    answer = desk.run(code, "shell", variables={"name": "ann", "run_date": "20200301"}, env={"HOME": "/h", "nobody": "x"})
    assert desk.log(answer["job"]["id"]) == "ann 20200301 20200229 home x 2020-03-02 /h\n", desk.log(answer["job"]["id"])
    # Without them nothing is touched.
    plain = desk.run("echo ${name:-none} ${run_date:-none}", "shell")
    assert desk.log(plain["job"]["id"]) == "none none\n"
    kept = desk.run("print('${run_date}')", "python")
    assert desk.log(kept["job"]["id"]) == "${run_date}\n"
    table = desk.run("--@set low = 2\nselect ${low}, ${low*21}, '${user}'", "sql", variables={})
    assert previews(table)[0][0][:2] == [2, 42], table["results"]
    # What came out is what rules look at, and what is kept with the job.
    script = desk.cluster.request("GET", f"/api/v1/jobs/{table['job']['id']}/script")[1]
    assert "select 2, 42" in script, script
    for wrong in ({"a": "${b}", "b": "${a}"}, {"run_date": "soon"}, {"1a": "x"}, {"t": "abc"}, ["a"], {"a": 1}):
        status, answer = desk.cluster.request("POST", "/api/v1/statements", {"engine": "shell", "script": "echo ${t-1} ${a}", "variables": wrong})
        assert status == 400 and answer["error"]["field"] == "variables", (wrong, status, answer)
    code, out, err = exec_(desk, "-e", "shell", "--var", "n=41", "--var", "run_date=20200228", "echo ${n+1} ${run_date_std}")
    assert (code, out) == (0, "42 2020-02-28\n"), (code, out, err)
    code, out, err = exec_(desk, "-e", "shell", "--vars", "#@set n=1\necho ${n} ${HOME}")
    assert (code, out) == (0, f"1 {os.environ['HOME']}\n"), (code, out, err)


def labels_are_completed(desk):
    user = desk.cluster.get(f"/api/v1/jobs/{desk.run('true', 'shell')['job']['id']}")["job"]["user"]
    for engine, said, want in (("shell", {}, {"creator": "desk", "project": "none"}), ("sql", {}, {"creator": "bi", "project": "none"}),
                               ("sql", {"creator": "x", "project": "p"}, {"creator": "x", "project": "p"}),
                               ("shell", {"userCreator": f"{user}-IDE"}, {"creator": "IDE", "project": "none"})):
        labels = desk.run("select 1" if engine == "sql" else "true", engine, labels=said)["job"]["labels"]
        assert {key: labels.get(key) for key in want} == want and "userCreator" not in labels, (engine, said, labels)
    status, answer = desk.cluster.request("POST", "/api/v1/statements", {"engine": "shell", "script": "true", "labels": {"userCreator": "nobody-IDE"}})
    assert status == 403 and answer["error"]["field"] == "labels", (status, answer)
    batch = desk.cluster.submit({"argv": ["true"], "cwd": "/tmp", "out": "/dev/null"})
    assert "project" not in desk.cluster.get(f"/api/v1/jobs/{batch}")["job"]["labels"], "batch jobs are left alone"


def wishes_are_refused_by_name(desk):
    for field, value in (("exclusive", True), ("constraints", {"a": "b"}), ("resources", {"fpga": 1})):
        for target in ("/api/v1/statements", "/api/v1/jobs", "/api/v1/jobs?test_only=true"):
            status, answer = desk.cluster.request("POST", target, {"engine": "shell", "script": "true", field: value})
            assert status in (400, 422, 501) and answer["error"]["field"] == field and "session" in answer["error"]["hint"], (field, status, answer)


def engines_are_locked_for_who_asks(desk):
    warm = desk.run("import os; os.getppid()")
    pid, name = previews(warm), warm["task"]["node"]
    status, answer = desk.cluster.request("POST", "/api/v1/engines/ask", {"engine": "python", "lease_s": 60})
    engine = answer["engine"]
    assert status == 200 and engine["name"] == name and engine["state"] == "locked", (status, answer)
    lock = engine["lock"]["name"]
    assert engine["lock"]["warm"] and 50 < engine["lock"]["left_s"] <= 60, engine
    assert previews(desk.run("import os; x = 41; os.getppid()", session=lock)) == pid
    assert previews(desk.run("x + 1", session=lock)) == ["42"]
    other = desk.run("import os; os.getppid()")
    assert previews(other) != pid and other["job"]["state"] == "succeeded", "others get another one"
    status, answer = desk.cluster.request("POST", f"/api/v1/engines/{name}/lock", {"lease_s": 300})
    assert status == 200 and answer["engine"]["lock"]["left_s"] > 60, answer
    # The agent is restarted: the lock holds. droverd is restarted: it does not.
    desk.cluster.kill("agent")
    desk.cluster.start("agent")
    desk.cluster.until(lambda: any(e["name"] == name and e["state"] == "locked" for e in desk.engines()), "the engine is back", 30)
    assert previews(desk.run("x", session=lock)) == ["41"]
    status, answer = desk.cluster.request("POST", f"/api/v1/engines/{name}/unlock", {})
    assert status == 200 and "lock" not in answer["engine"] and answer["engine"]["state"] == "idle", answer
    gone = desk.run("x", session=lock)
    assert gone["job"]["state"] == "failed" and "there is no lock" in json.dumps(gone), gone
    status, answer = desk.cluster.request("POST", f"/api/v1/engines/{name}/unlock", {})
    assert status == 409, answer


def a_lock_starts_an_engine_and_ends_with_its_lease(desk):
    status, answer = desk.cluster.request("POST", "/api/v1/engines/ask", {"engine": "sql", "lease_s": 2})
    cold = not answer["engine"]["lock"]["warm"]
    assert status == (201 if cold else 200), answer
    lock, name = answer["engine"]["lock"]["name"], answer["engine"]["name"]
    desk.run("create temp table t(a)", "sql", session=lock)
    slow = desk.submit("select 7", "sql", session=lock)
    desk.cluster.await_final(slow)
    desk.cluster.until(lambda: any(e["name"] == name and e["state"] == "idle" and "lock" not in e for e in desk.engines()), "the lease ends", 20)
    assert desk.run("select 1", "sql")["task"]["node"] == name, "it serves on"
    for body, want in (({"engine": "nothing"}, 404), ({}, 400), ({"engine": "sql", "lease_s": 0}, 400), ({"engine": "sql", "x": 1}, 400)):
        assert desk.cluster.request("POST", "/api/v1/engines/ask", body)[0] == want, body
    status, answer = desk.cluster.request("POST", "/api/v1/sessions", {"engine": "sql", "session": "lock-1"})
    assert status == 400, answer


def locks_on_the_command_line(desk):
    code, lock, err = drover(desk, "engine", "ask", "shell", "--lease", "5m", "--wait")
    assert code == 0 and lock.startswith("lock-"), (code, lock, err)
    code, out, err = exec_(desk, "-e", "shell", "-s", lock.strip(), "echo mine")
    assert (code, out) == (0, "mine\n"), (code, out, err)
    engine = next(e for e in desk.engines() if e["session"] == lock.strip())
    assert drover(desk, "engine", "lock", engine["name"], "--lease", "1h")[0] == 0
    assert drover(desk, "engine", "unlock", engine["name"])[0] == 0
    assert drover(desk, "engine", "unlock", engine["name"])[0] != 0


def a_failed_one_runs_again_if_asked(desk):
    script = f"echo x >> {desk.results}/tries; wc -l < {desk.results}/tries; test $(wc -l < {desk.results}/tries) -ge 3 && echo done"
    code, out, err = exec_(desk, "-e", "shell", "--retry", "5", "--retry-delay", "0", script)
    assert code == 0 and out == "1\n2\n3\ndone\n" and open(f"{desk.results}/tries").read() == "x\n" * 3, (code, out, err)
    answer = desk.run("exit 3", "shell", retry={"max": 1}, reuse=True)
    assert answer["job"]["state"] == "failed" and answer["task"]["attempt"] == 2, answer


def a_lost_one_runs_again_if_that_was_asked_for(desk):
    for name, on, state, starts in (("unasked", ["any"], "failed", 1), ("asked", ["any", "lost"], "succeeded", 2)):
        mark = f"{desk.results}/lost-{name}"
        job = desk.submit(f"echo x >> {mark}; test $(wc -l < {mark}) -ge 2 || sleep 60", "shell", retry={"max": 2, "on": on}, env=desk.env())
        desk.cluster.until(lambda: os.path.exists(mark) and os.path.getsize(mark), "it has begun", 30)
        node = desk.cluster.get(f"/api/v1/jobs/{job}")["task"]["node"]
        engine = next(one["job"] for one in desk.engines() if one["name"] == node)
        kill_engine(desk.cluster, engine)
        ended = desk.cluster.await_final(job)
        assert ended["state"] == state and open(mark).read() == "x\n" * starts, (name, ended, open(mark).read())
        assert state == "succeeded" or ended["reason"] == "engine_lost", ended


CASES = (a_lost_one_runs_again_if_that_was_asked_for, a_failed_one_runs_again_if_asked, engines_are_locked_for_who_asks, a_lock_starts_an_engine_and_ends_with_its_lease, locks_on_the_command_line, labels_are_completed, wishes_are_refused_by_name, an_earlier_result_answers, only_the_same_counts, what_is_gone_runs_again, keys_go_first, it_survives_a_restart,
         what_cannot_be_reused_is_refused, on_the_command_line, output_comes_as_it_is_printed, what_is_over_the_quota_is_kept_and_said, what_exec_prints_where, what_is_known_completes_words, variables_are_filled_in)


class Asker(Desk):
    def __init__(self, cluster, results):
        super().__init__(cluster)
        self.results = results

    def env(self):
        from engines_test import COOKIE
        return {"COOKIE": COOKIE}

    def run(self, code, engine="python", timeout=30, **more):
        more["env"] = {**self.env(), **more.get("env", {})}
        return super().run(code, engine, timeout, **more)


def main():
    wanted = sys.argv[1:]
    with tempfile.TemporaryDirectory(prefix="drover-results-") as results:
        with Cluster(cpus=64, config=CONFIG.replace("RESULTS", results)) as cluster:
            desk = Asker(cluster, results)
            for case in CASES:
                if wanted and case.__name__ not in wanted:
                    continue
                case(desk)
                print(f"{case.__name__}: ok", flush=True)
            nothing_is_left(desk)
        few = output_comes_as_it_is_printed_where_others_follow
        if not wanted or few.__name__ in wanted:
            with Cluster(cpus=64, config=CONFIG.replace("RESULTS", results) + "[limits]\nstreams = 1\n") as cluster:
                desk = Asker(cluster, results)
                few(desk)
                print(f"{few.__name__}: ok", flush=True)
                nothing_is_left(desk)
    print("passed, 0 failed")


if __name__ == "__main__":
    sys.exit(main())
