# tests/e2e/seats_test.py - several statements at once, some ahead, and locks: all of them on the same engines.
# SPDX-License-Identifier: Apache-2.0
"""python3 tests/e2e/seats_test.py"""
import os
import shutil
import sys
import tempfile
import time

from engines_test import Desk
from harness import BIN, Cluster

CONFIG = """[engines]
results = "RESULTS"
plugins = "PLUGINS"
"""
SEATS, AHEAD = 3, 4
PLUGIN = f"""[plugin]
type = "nap"
version = "1"
languages = ["nap"]
[start]
command = ["python3", "-S", "-u", "{{plugin}}/engine.py"]
[reuse]
concurrency = {SEATS}
ahead = {AHEAD}
max_per_user = 2
"""
# "SECONDS FILE": sleeps without a process, and says in the file when it began and ended. "GATE FILE": until there is a file GATE.
ENGINE = '''import os, sys, time
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../host"))
import drover_adapter
from drover_adapter import Remote, Session


class Statement(Remote):
    target = "clock"

    def __init__(self, task):
        self.task, self.is_cancelled = task, False
        self.until, self.file = task.code.split()

    def say(self, what):
        with open(self.file, "a") as file:
            file.write(f"{what} {self.task.id} {time.monotonic()}\\n")

    def submit(self):
        self.say("begin")
        self.end = None if self.until.startswith("/") else time.monotonic() + float(self.until)
        return self.poll()

    def poll(self):
        if self.is_cancelled:
            self.say("end")
            raise KeyboardInterrupt
        left = self.end - time.monotonic() if self.end else 0 if os.path.exists(self.until) else 1
        if left <= 0:
            self.say("end")
        return min(left, 0.02) if left > 0 else None

    def cancel(self):
        self.is_cancelled = True


class Nap:
    languages, version = ["nap"], "1"

    def load(self, options):
        pass

    def cleaner(self):
        return None

    def new_session(self):
        return Session()

    def remote(self, task, session):
        return Statement(task)


drover_adapter.main(Nap())
'''


def spans(path):
    """(begin, end) by statement; each begins once and ends once."""
    found = {}
    for line in open(path).read().splitlines():
        what, name, at = line.split()
        assert what not in found.setdefault(name, {}), ("twice", line)
        found[name][what] = float(at)
    assert all(set(one) == {"begin", "end"} for one in found.values()), found
    return sorted((one["begin"], one["end"]) for one in found.values())


def at_once(found):
    return max(sum(begin <= at < end for begin, end in found) for at, _ in found)


def main():
    with tempfile.TemporaryDirectory(prefix="drover-results-") as results, tempfile.TemporaryDirectory(prefix="drover-plugins-") as folder:
        shutil.copytree(BIN.parent / "share/drover/engines", folder, dirs_exist_ok=True)
        os.mkdir(folder + "/nap")
        open(folder + "/nap/plugin.toml", "w").write(PLUGIN)
        open(folder + "/nap/engine.py", "w").write(ENGINE)
        with Cluster(config=CONFIG.replace("RESULTS", results).replace("PLUGINS", folder)) as cluster:
            desk = Desk(cluster)

            def nap(seconds, file, **more):
                return desk.submit(f"{seconds} {results}/{file}", "nap", **more)

            def all_end(jobs):
                for job in jobs:
                    assert cluster.await_final(job)["state"] == "succeeded", cluster.job(job)

            def begun(file):
                return open(f"{results}/{file}").read().count("begin") if os.path.exists(f"{results}/{file}") else 0

            # Long ones: as many at once as there are seats on two engines, nothing ahead of them.
            long = [nap(f"{results}/gate", "long") for _ in range(3 * SEATS)]
            cluster.until(lambda: begun("long") == 2 * SEATS, "every seat is taken", 60)
            time.sleep(0.5)
            assert begun("long") == 2 * SEATS, "and no more than that"
            open(f"{results}/gate", "w").close()
            all_end(long)
            found = spans(f"{results}/long")
            assert len(found) == 3 * SEATS and 2 * SEATS == at_once(found), found
            # Short ones: the engine has proved itself, some are on it ahead of their turn; each runs once.
            all_end([nap(0, "short") for _ in range(200)])
            assert len(spans(f"{results}/short")) == 200
            # A lock among all that: its statements follow each other on its engine, and nobody else's are there.
            crowd = [nap(0.2, "crowd") for _ in range(4 * SEATS)]
            status, answer = cluster.request("POST", "/api/v1/engines/ask", {"engine": "nap", "lease_s": 60})
            while status not in (200, 201):  # both engines are at work: a third one is not allowed
                assert status == 409 or status == 422 or status == 429, (status, answer)
                time.sleep(0.1)
                status, answer = cluster.request("POST", "/api/v1/engines/ask", {"engine": "nap", "lease_s": 60})
            lock, engine = answer["engine"]["lock"]["name"], answer["engine"]["name"]
            mine = [nap(0.1, "mine", session=lock) for _ in range(6)]
            more = [nap(0.1, "crowd") for _ in range(SEATS)]
            quick = [nap(0, "quick", session=lock) for _ in range(10)]
            all_end(crowd + mine + more + quick)
            assert at_once(spans(f"{results}/mine")) == 1, "one after the other"
            assert {cluster.get(f"/api/v1/jobs/{job}")["task"]["node"] for job in mine + quick} == {engine}
            assert engine not in {cluster.get(f"/api/v1/jobs/{job}")["task"]["node"] for job in more}, "it is kept for who asked"
            # What waits for a lock that is given back fails; the engine has all its seats again.
            cluster.request("POST", f"/api/v1/engines/{engine}/unlock", {})
            after = [nap(f"{results}/gate_after", "after") for _ in range(2 * SEATS)]
            cluster.until(lambda: begun("after") == 2 * SEATS, "every seat is taken again", 60)
            open(f"{results}/gate_after", "w").close()
            all_end(after)
            for one in desk.engines():
                cluster.request("POST", f"/api/v1/engines/{one['name']}/drain", {})
            cluster.until(lambda: not desk.engines(), "every engine ends", 30)
            cluster.check_clean()
    print("1 passed, 0 failed")


if __name__ == "__main__":
    sys.exit(main())
