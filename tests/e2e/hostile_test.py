# tests/e2e/hostile_test.py - mistakes and tricks that once hurt: each has its case here.
# SPDX-License-Identifier: Apache-2.0
"""python3 tests/e2e/hostile_test.py"""
import os
import subprocess
import sys

from harness import BIN, Cluster


def fifo_as_output(cluster):
    """A FIFO must not block the child before exec: it would keep supd's lock for ever."""
    fifo = cluster.evidence / "fifo"
    os.mkfifo(fifo)
    job = cluster.submit({"argv": ["/bin/echo", "hi"], "out": str(fifo)})
    ended = cluster.await_final(job, 20)
    assert ended["reason"] == "launch_failed" and ended["exit_code"] is None, ended
    cluster.kill("supd")
    cluster.start("supd")
    after = cluster.submit({"name": "after", "argv": cluster.witness("after")})
    assert cluster.await_final(after, 30)["state"] == "succeeded"


def proc_file_as_output(cluster):
    job = cluster.submit({"argv": ["/bin/echo", "hi"], "out": "/proc/self/mem"})
    assert cluster.await_final(job, 20)["reason"] == "launch_failed"


def second_agent(cluster):
    done = subprocess.run([str(BIN / "drover-agent"), "--data", str(cluster.data), "--run", str(cluster.run)],
                          capture_output=True, text=True, timeout=20)
    assert done.returncode == 6 and "another drover-agent" in done.stderr, done
    cluster.await_node()


def log_past_the_end(cluster):
    job = cluster.submit({"argv": ["/bin/echo", "five"], "out": str(cluster.evidence / "log")})
    cluster.await_final(job)
    assert cluster.get(f"/api/v1/jobs/{job}/log?offset=0") == "five\n"
    assert cluster.get(f"/api/v1/jobs/{job}/log?offset=5") == ""
    assert cluster.get(f"/api/v1/jobs/{job}/log?offset=99999") == "", "past the end there is nothing"


def main():
    cases = (proc_file_as_output, second_agent, log_past_the_end, fifo_as_output)
    with Cluster() as cluster:
        for case in cases:
            case(cluster)
            print(f"{case.__name__}: held")
        cluster.check_clean()
    print(f"{len(cases)} passed, 0 failed")


if __name__ == "__main__":
    sys.exit(main())
