# tests/e2e/advice_test.py - what `drover show` and logs say of jobs and statements while they run.
# SPDX-License-Identifier: Apache-2.0
"""python3 tests/e2e/advice_test.py"""
import os
import subprocess
import sys
import tempfile
import time

from engines_test import Desk
from harness import BIN, Cluster

LIMIT_MIB, TAKES_MIB = 200, 185
HUNGRY = f"import time\nprint('ready', end='', flush=True)\nkept = bytearray({TAKES_MIB} << 20)\ntime.sleep(600)\n"
CONFIG = """[engines]
results = "RESULTS"
[[quota]]
match = {user = "*"}
max = {engines = 1}
"""


def run(cluster, *words):
    env = dict(os.environ, DROVER_RUN=str(cluster.run), DROVER_DATA=str(cluster.data))
    done = subprocess.run([str(BIN / "drover"), *words], capture_output=True, text=True, timeout=60, env=env)
    assert done.returncode == 0, done
    return done.stdout


def advice(cluster, job):
    return cluster.get(f"/api/v1/jobs/{job}")["advice"]


def cancel(cluster, *jobs):
    for job in jobs:
        cluster.request("POST", f"/api/v1/jobs/{job}/cancel", {})
        assert cluster.await_final(job)["state"] == "cancelled"
        assert advice(cluster, job) == []


def log_has(cluster, job, text, stream="out"):
    log = cluster.until(lambda: (lambda got: got if text in got else None)(cluster.request("GET", f"/api/v1/jobs/{job}/log?stream={stream}")[1]),
                        f"the log says: {text}", 30)
    assert log.count(text) == 1, ("once only", log)
    return log


def of_a_batch_job(cluster, scratch):
    quiet = cluster.submit({"argv": ["/bin/sleep", "600"], "mem": "200M"})
    hungry = cluster.submit({"argv": [sys.executable, "-c", HUNGRY], "mem": f"{LIMIT_MIB}M"})
    apart = cluster.submit({"argv": [sys.executable, "-c", HUNGRY], "mem": f"{LIMIT_MIB}M", "err": f"{scratch}/err"})
    told = cluster.until(lambda: advice(cluster, hungry), "there is advice", 60)
    assert [one["kind"] for one in told] == ["memory_near_limit"], told
    assert "of its 200M" in told[0]["text"] and "--mem" in told[0]["hint"], told
    assert advice(cluster, quiet) == [], "not seen for long enough to say anything"
    shown = run(cluster, "show", str(hungry))
    assert told[0]["text"].split(" uses ")[0] in shown and "beyond that it is killed" in shown, shown
    print(next(line for line in shown.splitlines() if "advice" in line))
    log = log_has(cluster, hungry, "beyond that it is killed")
    assert log.startswith("ready\n[drover: the job uses ") and log.endswith("]\n"), log
    log_has(cluster, apart, "beyond that it is killed", "err")
    assert cluster.request("GET", f"/api/v1/jobs/{apart}/log")[1] == "ready", "what it prints stays as it is"
    cancel(cluster, quiet, hungry, apart)


def of_a_statement(cluster):
    run(cluster, "session", "new", "small", "-e", "python", "--mem", f"{LIMIT_MIB}M")
    desk = Desk(cluster)
    assert desk.run("1", session="small")["job"]["state"] == "succeeded"
    hungry = desk.submit(HUNGRY.replace(str(TAKES_MIB), str(TAKES_MIB - 25)), session="small")
    told = cluster.until(lambda: advice(cluster, hungry), "there is advice", 60)
    assert [one["kind"] for one in told] == ["memory_near_limit"] and told[0]["text"].startswith("the engine uses "), told
    assert "the engine uses" in run(cluster, "show", str(hungry))
    log = log_has(cluster, hungry, "beyond that it is killed")
    assert log.startswith("ready\n[drover: the engine uses "), log
    # Its user may have one engine: who needs another one waits for the quota.
    waits = desk.submit("select 1", "sql")
    told = cluster.until(lambda: advice(cluster, waits), "the quota is named", 30)
    assert [one["kind"] for one in told] == ["quota"] and "started for it" in told[0]["text"], told
    assert "started for it" in run(cluster, "show", str(waits))
    time.sleep(12)  # a wait of ten seconds is worth a line
    cancel(cluster, hungry)
    run(cluster, "session", "close", "small")
    assert cluster.await_final(waits)["state"] == "succeeded"
    log_has(cluster, waits, "for a quota: ")


def main():
    with tempfile.TemporaryDirectory(prefix="drover-results-") as results, \
            Cluster(agent=["--look-every", "1"], config=CONFIG.replace("RESULTS", results)) as cluster:
        of_a_batch_job(cluster, cluster.data)
        of_a_statement(cluster)
        for engine in Desk(cluster).engines():
            run(cluster, "engine", "kill", engine["name"])
        cluster.until(lambda: not Desk(cluster).engines(), "all engines are gone")
        cluster.check_clean()
    print("2 passed, 0 failed")


if __name__ == "__main__":
    sys.exit(main())
