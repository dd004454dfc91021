# tests/e2e/orphans_test.py - a job that forks, double-forks, makes sessions and ignores TERM leaves nothing behind.
# SPDX-License-Identifier: Apache-2.0
"""python3 tests/e2e/orphans_test.py"""
import sys

from harness import Cluster, pids_with_cookie

NASTY = r"""
import os, signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
signal.signal(signal.SIGHUP, signal.SIG_IGN)
for depth in range(3):
    if os.fork() == 0:
        os.setsid()
        if os.fork() != 0:
            os._exit(0)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        if os.fork() == 0:
            time.sleep(600)
            os._exit(0)
        time.sleep(600)
        os._exit(0)
open(sys.argv[1], "w").write("ready")
{end}
"""


def run_nasty(cluster, name, end):
    script = cluster.evidence / f"{name}.py"
    ready = cluster.evidence / f"{name}.ready"
    script.write_text(NASTY.format(end=end))
    cookie = f"NASTY_COOKIE={name}"
    job = cluster.submit({"name": name, "argv": ["/usr/bin/env", "python3", str(script), str(ready)],
                          "env": {"NASTY_COOKIE": name}, "time": "60m"})
    cluster.until(ready.exists, f"{name} has forked", 30)
    return job, cookie


def main():
    with Cluster() as cluster:
        job, cookie = run_nasty(cluster, "main-ends", "os._exit(3)")
        assert cluster.await_final(job)["exit_code"] == 3
        assert pids_with_cookie(cookie) == [], "processes outlive the job that ended"
        print("main-ends: nothing left")

        job, cookie = run_nasty(cluster, "cancelled", "time.sleep(600)")
        assert pids_with_cookie(cookie), "the nasty processes are there before"
        cluster.request("POST", f"/api/v1/jobs/{job}/cancel", {})
        assert cluster.await_final(job, 90)["state"] == "cancelled"
        assert pids_with_cookie(cookie) == [], "processes outlive the cancelled job"
        print("cancelled: nothing left")

        job, cookie = run_nasty(cluster, "agent-dies", "time.sleep(600)")
        cluster.kill("agent")
        cluster.start("agent")
        cluster.await_node()
        cluster.request("POST", f"/api/v1/jobs/{job}/cancel", {})
        assert cluster.await_final(job, 90)["state"] == "cancelled"
        assert pids_with_cookie(cookie) == [], "processes outlive the job after the agent's restart"
        print("agent-dies: nothing left")
        cluster.check_clean()
    print("3 passed, 0 failed")


if __name__ == "__main__":
    sys.exit(main())
