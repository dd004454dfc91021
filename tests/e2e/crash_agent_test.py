# tests/e2e/crash_agent_test.py - jobs outlive the agent and the controller: exit codes and output are kept, none runs twice.
# SPDX-License-Identifier: Apache-2.0
"""python3 tests/e2e/crash_agent_test.py"""
import fcntl
import sys
import time
from pathlib import Path

from harness import Cluster

JOBS = 200


def submit_waiters(cluster, prefix):
    """All of them run, and each until `gate` is opened: a lock that costs those who wait for it nothing."""
    gate = open(cluster.evidence / f"{prefix}.gate", "w")
    fcntl.flock(gate, fcntl.LOCK_EX)
    specs = []
    for number in range(JOBS):
        name = f"{prefix}{number}"
        then = f'flock --shared {gate.name} true; echo "out {name}"; exit {number % 100}'
        specs.append({"name": name, "argv": cluster.witness(name, then), "out": str(cluster.evidence / f"{name}.out")})
    ids = cluster.submit_many(specs)
    cluster.until(lambda: len(cluster.jobs("&state=running")) == JOBS, f"{JOBS} jobs run", 120)
    return ids, gate


def all_are_gone(cluster, prefix):
    """Their processes have ended, whoever knows of it."""
    def gone(name):
        starts = cluster.starts(name)
        return starts and not Path(f"/proc/{starts[0].split()[-1]}").exists()
    cluster.until(lambda: all(gone(f"{prefix}{number}") for number in range(JOBS)), "their processes have ended", 90)


def check_results(cluster, prefix, ids):
    for number, job_id in enumerate(ids):
        job = cluster.await_final(job_id, 90)
        name = f"{prefix}{number}"
        assert job["exit_code"] == number % 100, f"{name}: exit code {job['exit_code']}"
        assert job["state"] == ("failed" if number % 100 else "succeeded"), job
        assert (cluster.evidence / f"{name}.out").read_text() == f"out {name}\n", name
        assert len(cluster.starts(name)) == 1, cluster.starts(name)
    cluster.check_clean()


def agent_is_killed(cluster):
    ids, gate = submit_waiters(cluster, "a")
    for _ in range(3):
        cluster.kill("agent")
        time.sleep(0.3)
        cluster.start("agent")
        time.sleep(0.3)
    cluster.await_node()
    gate.close()
    check_results(cluster, "a", ids)


def agent_is_away_when_they_end(cluster):
    ids, gate = submit_waiters(cluster, "b")
    cluster.kill("agent")
    gate.close()
    all_are_gone(cluster, "b")  # supd keeps the results
    cluster.start("agent")
    check_results(cluster, "b", ids)


def controller_is_killed(cluster):
    ids, gate = submit_waiters(cluster, "c")
    cluster.kill("droverd")
    time.sleep(0.5)
    cluster.start("droverd")
    cluster.await_node()
    assert len(cluster.jobs("&state=running")) == JOBS, "running jobs are adopted"
    gate.close()
    check_results(cluster, "c", ids)


def both_are_killed(cluster):
    ids, gate = submit_waiters(cluster, "d")
    cluster.kill("droverd")
    cluster.kill("agent")
    gate.close()
    all_are_gone(cluster, "d")
    cluster.start("agent")
    cluster.start("droverd")
    check_results(cluster, "d", ids)


def main():
    with Cluster(cpus=256) as cluster:
        for case in (agent_is_killed, agent_is_away_when_they_end, controller_is_killed, both_are_killed):
            case(cluster)
            print(f"{case.__name__}: {JOBS} jobs kept")
    print("4 passed, 0 failed")


if __name__ == "__main__":
    sys.exit(main())
