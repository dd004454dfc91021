# tests/e2e/crash_controller_test.py - acknowledged = durable: droverd is killed at random under a load of submissions.
# SPDX-License-Identifier: Apache-2.0
"""KILLS=30 SEED=1 python3 tests/e2e/crash_controller_test.py

After at least KILLS times `kill -9` of droverd: every acknowledged job exists once; a submission retried with its
idempotency key gave one job; each attempt started at most once, counted from what the jobs wrote; all jobs end.
"""
import os
import random
import sys
import threading
import time

from harness import Cluster, Unreachable

KILLS = int(os.environ.get("KILLS", "30"))
SEED = int(os.environ.get("SEED", "1"))


class Submitter(threading.Thread):
    """Submits one job after another; repeats each with the same key until it is acknowledged."""

    def __init__(self, cluster, name, stop):
        super().__init__()
        self.cluster, self.label, self.stop = cluster, name, stop
        self.acknowledged = {}  # key -> id
        self.retries = 0
        self.contradictions = []

    def run(self):
        number = 0
        while not self.stop.is_set():
            number += 1
            key = f"{self.label}-{number}"
            spec = {"name": key, "argv": self.cluster.witness(key), "labels": {"test": "crash"}}
            while True:
                try:
                    self.acknowledged[key] = self.cluster.submit(spec, key)
                    break
                except Unreachable:
                    self.retries += 1
                    time.sleep(0.02)
            # A second, late retry must name the same job.
            if number % 7 == 0:
                try:
                    again = self.cluster.submit(spec, key)
                    if again != self.acknowledged[key]:
                        self.contradictions.append((key, self.acknowledged[key], again))
                except Unreachable:
                    pass


def main():
    prng = random.Random(SEED)
    with Cluster() as cluster:
        stop = threading.Event()
        submitters = [Submitter(cluster, f"s{n}", stop) for n in range(4)]
        for submitter in submitters:
            submitter.start()
        for _ in range(KILLS):
            time.sleep(prng.uniform(0.02, 0.5))
            cluster.kill("droverd")
            cluster.start("droverd", wait=False)
        cluster.await_server()
        time.sleep(0.5)
        stop.set()
        for submitter in submitters:
            submitter.join()

        cluster.await_all_final(180)
        acknowledged = {key: job for s in submitters for key, job in s.acknowledged.items()}
        contradictions = [c for s in submitters for c in s.contradictions]
        jobs = cluster.jobs("&state=closed")
        by_name = {}
        for job in jobs:
            by_name.setdefault(job["name"], []).append(job)
        lost = [key for key, job in acknowledged.items() if job not in [j["id"] for j in by_name.get(key, [])]]
        doubled = [name for name, same in by_name.items() if len(same) > 1]
        failed = [job["id"] for job in jobs if job["state"] != "succeeded"]
        wrong_starts = {key: cluster.starts(key) for key in acknowledged if len(cluster.starts(key)) != 1}
        print(f"{KILLS} kills, {len(acknowledged)} acknowledged, {sum(s.retries for s in submitters)} retries, "
              f"{len(jobs)} jobs in the store, SEED={SEED}")
        assert acknowledged and sum(s.retries for s in submitters) > 0, "the kills hit nothing: the test proves nothing"
        assert not contradictions, f"one key, two jobs: {contradictions[:5]}"
        assert not lost, f"acknowledged but lost: {lost[:5]}"
        assert not doubled, f"one submission, two jobs: {doubled[:5]}"
        assert not failed, f"did not succeed: {failed[:5]}"
        assert not wrong_starts, f"not started exactly once: {dict(list(wrong_starts.items())[:5])}"
        cluster.check_clean()
    print("1 passed, 0 failed")


if __name__ == "__main__":
    sys.exit(main())
