# tests/e2e/give_way_test.py - real jobs that stand still, get another time limit, or go with notice.
# SPDX-License-Identifier: Apache-2.0
"""python3 tests/e2e/give_way_test.py"""
import json
import signal
import time

from harness import Cluster

CONFIG = """
[policy]
default_qos = "calm"

[[qos]]
name = "urgent"
priority = 100
preempts = ["calm", "short"]

[[qos]]
name = "calm"
preempt_mode = "suspend"

[[qos]]
name = "short"
preempt_mode = "requeue"
preempt_grace = "30s"

[[qos]]
name = "few"
max_submitted_per_user = 2
"""

COUNTER = ("n=0; while :; do n=$((n+1)); echo $n > {0}.new; mv {0}.new {0}; sleep 0.02; done")


class Counter:
    """A file that grows while its job runs."""

    def __init__(self, cluster, name):
        self.path = cluster.evidence / name
        self.command = COUNTER.format(self.path)

    def value(self):
        return int(self.path.read_text()) if self.path.exists() else 0

    def moves(self, seconds=5.0):
        before, end = self.value(), time.monotonic() + seconds
        while time.monotonic() < end:
            if self.value() != before:
                return True
            time.sleep(0.01)
        return False

    def stands_still(self):
        end = time.monotonic() + 10
        while time.monotonic() < end:
            if not self.moves(0.5):
                return True
        return False


def spec(command, qos="calm", cpus=4, **more):
    return {"argv": ["/bin/sh", "-c", command], "cpus_per_task": cpus, "qos": qos, "cwd": "/tmp",
            "out": "/dev/null", **more}


def state(cluster, job):
    return cluster.job(job)["state"]


def task(cluster, job):
    return cluster.get(f"/api/v1/jobs/{job}/tasks")["tasks"][0]


def an_urgent_job_stops_the_other(cluster):
    counter, seen = Counter(cluster, "suspended"), cluster.evidence / "seen"
    low = cluster.submit(spec(counter.command, time="1h"))
    assert counter.moves(20)
    urgent = cluster.submit(spec(f"sleep 2; until test -e {seen}; do sleep 0.05; done", "urgent"))
    cluster.until(lambda: state(cluster, urgent) == "running", "the urgent job to run")
    assert state(cluster, low) == "suspended", cluster.job(low)
    assert counter.stands_still()
    assert task(cluster, low)["suspended_since"]
    seen.touch()
    cluster.await_final(urgent)
    assert counter.moves(20), "it goes on by itself"
    cluster.until(lambda: state(cluster, low) == "running", "the other to run again")
    assert task(cluster, low)["suspended_s"] > 1
    return low, counter


def operators_suspend_and_daemons_may_die(cluster, low, counter):
    status, _ = cluster.request("POST", f"/api/v1/jobs/{low}/suspend", {})
    assert status == 200, status
    assert counter.stands_still()
    cluster.kill("agent")
    cluster.kill("droverd")
    cluster.start("droverd")
    cluster.start("agent")
    cluster.await_node()
    assert state(cluster, low) == "suspended"
    assert not counter.moves(1), "whoever was restarted, it stands still"
    status, _ = cluster.request("POST", f"/api/v1/jobs/{low}/resume", {})
    assert status == 200, status
    assert counter.moves(20)


def a_lowered_limit_ends_it(cluster, low):
    status, answer = cluster.request("PATCH", f"/api/v1/jobs/{low}",
                                        {"time_limit_s": 1, "comment": "short"})
    assert status == 200, answer
    assert [change["name"] for change in answer["changes"]] == ["comment", "time"], answer
    assert cluster.await_final(low)["state"] == "timed_out"


def an_alteration_is_kept(cluster):
    job = cluster.submit(spec("true", hold=True))
    for changes in ({"name": "other"}, {"comment": "kept", "time_limit_s": 600}):
        status, answer = cluster.request("PATCH", f"/api/v1/jobs/{job}", changes)
        assert status == 200, answer
    for _ in range(2):  # as stored, and as recovered
        shown = cluster.job(job)
        assert (shown["name"], shown["comment"], shown["time_limit_s"]) == ("other", "kept", 600), shown
        cluster.kill("droverd")
        cluster.start("droverd")
        cluster.until(lambda: cluster.get("/api/v1/nodes")["nodes"][0]["state"] == "idle", "the node")
    cluster.request("POST", f"/api/v1/jobs/{job}/cancel", {})
    cluster.await_final(job)


def a_victim_has_its_grace(cluster):
    mark, ready = cluster.evidence / "noticed", cluster.evidence / "ready"
    save = f"trap 'echo saved > {mark}; exit 9' USR1; echo > {ready}; while :; do sleep 0.05; done"
    low = cluster.submit(spec(save, "short", signal={"signal": 10, "before_s": 60}, time="1h"))
    cluster.until(ready.exists, "the job to hear of it")
    urgent = cluster.submit(spec("sleep 1", "urgent"))
    assert cluster.await_final(urgent)["state"] == "succeeded"
    assert mark.read_text() == "saved\n", "it was warned, and not killed"
    cluster.until(lambda: state(cluster, low) == "running", "it to run again")
    assert task(cluster, low)["attempt"] == 2
    cluster.request("POST", f"/api/v1/jobs/{low}/cancel", {})
    cluster.await_final(low)


def a_class_counts_its_open_jobs(cluster):
    jobs = [cluster.submit(spec("sleep 600", "few", cpus=1)) for _ in range(2)]
    status, answer = cluster.request("POST", "/api/v1/jobs", spec("true", "few", cpus=1))
    assert status in (409, 422, 429) and "qos=few" in json.dumps(answer), (status, answer)
    cluster.request("POST", f"/api/v1/jobs/{jobs[0]}/cancel", {})
    cluster.await_final(jobs[0])
    jobs.append(cluster.submit(spec("true", "few", cpus=1)))
    cluster.request("POST", f"/api/v1/jobs/{jobs[1]}/cancel", {})
    for job in jobs:
        cluster.await_final(job)


def group_limits_follow_a_signal():
    config = "[scheduler]\ngroup_running_jobs = {}\n"
    with Cluster(cpus=4, config=config.format(1)) as cluster:
        jobs = [cluster.submit({"argv": ["sleep", "600"], "cwd": "/tmp", "out": "/dev/null"}) for _ in range(3)]
        running = lambda: sum(state(cluster, job) == "running" for job in jobs)
        cluster.until(lambda: running() == 1, "one to run")
        time.sleep(0.5)
        assert running() == 1
        (cluster.directory / "droverd.toml").write_text(config.format(3))
        cluster.processes["droverd"].send_signal(signal.SIGHUP)
        cluster.until(lambda: running() == 3, "all to run")
        cluster.request("POST", "/api/v1/jobs/cancel", {"ids": "all"})
        for job in jobs:
            cluster.await_final(job)


def main():
    with Cluster(cpus=4, config=CONFIG) as cluster:
        low, counter = an_urgent_job_stops_the_other(cluster)
        operators_suspend_and_daemons_may_die(cluster, low, counter)
        a_lowered_limit_ends_it(cluster, low)
        an_alteration_is_kept(cluster)
        a_victim_has_its_grace(cluster)
        a_class_counts_its_open_jobs(cluster)
    group_limits_follow_a_signal()
    print("jobs give way")


if __name__ == "__main__":
    main()
