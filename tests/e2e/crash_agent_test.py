# tests/e2e/crash_agent_test.py - jobs outlive the agent and the controller: exit codes and output are kept, none runs twice.
# SPDX-License-Identifier: Apache-2.0
"""python3 tests/e2e/crash_agent_test.py"""
import sys
import time

from harness import Cluster

JOBS = 200


def submit_sleepers(cluster, prefix, seconds):
    specs = []
    for number in range(JOBS):
        name = f"{prefix}{number}"
        then = f'sleep {seconds}; echo "out {name}"; exit {number % 100}'
        specs.append({"name": name, "argv": cluster.witness(name, then), "out": str(cluster.evidence / f"{name}.out")})
    ids = cluster.submit_many(specs)
    cluster.until(lambda: len(cluster.jobs("&state=running")) == JOBS, f"{JOBS} jobs run", 60)
    return ids


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
    ids = submit_sleepers(cluster, "a", 6)
    for _ in range(3):
        cluster.kill("agent")
        time.sleep(0.3)
        cluster.start("agent")
        time.sleep(0.3)
    cluster.await_node()
    check_results(cluster, "a", ids)


def agent_is_away_when_they_end(cluster):
    ids = submit_sleepers(cluster, "b", 3)
    cluster.kill("agent")
    time.sleep(5)  # every job has ended meanwhile; supd keeps the results
    cluster.start("agent")
    check_results(cluster, "b", ids)


def controller_is_killed(cluster):
    ids = submit_sleepers(cluster, "c", 6)
    cluster.kill("droverd")
    time.sleep(0.5)
    cluster.start("droverd")
    cluster.await_node()
    assert len(cluster.jobs("&state=running")) == JOBS, "running jobs are adopted"
    check_results(cluster, "c", ids)


def both_are_killed(cluster):
    ids = submit_sleepers(cluster, "d", 4)
    cluster.kill("droverd")
    cluster.kill("agent")
    time.sleep(6)
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
