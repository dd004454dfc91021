# tests/e2e/advice_test.py - what `drover show` says of a job that runs and is about to hit its memory limit.
# SPDX-License-Identifier: Apache-2.0
"""python3 tests/e2e/advice_test.py"""
import os
import subprocess
import sys

from harness import BIN, Cluster

LIMIT_MIB, TAKES_MIB = 200, 185
HUNGRY = f"import time\nkept = bytearray({TAKES_MIB} << 20)\nprint('ready', flush=True)\ntime.sleep(120)\n"


def main():
    with Cluster(agent=["--look-every", "1"]) as cluster:
        quiet = cluster.submit({"argv": ["/bin/sleep", "120"], "mem": "200M"})
        hungry = cluster.submit({"argv": [sys.executable, "-c", HUNGRY], "mem": f"{LIMIT_MIB}M"})

        def advice(job):
            return cluster.get(f"/api/v1/jobs/{job}")["advice"]
        told = cluster.until(lambda: advice(hungry), "there is advice", 60)
        assert [one["kind"] for one in told] == ["memory_near_limit"], told
        assert "of its 200M" in told[0]["text"] and "--mem" in told[0]["hint"], told
        assert advice(quiet) == [], "not seen for long enough to say anything"
        shown = subprocess.run([BIN / "drover", "show", str(hungry)], capture_output=True, text=True, timeout=60,
                               env=dict(os.environ, DROVER_RUN=str(cluster.run), DROVER_DATA=str(cluster.data)))
        assert told[0]["text"].split(" uses ")[0] in shown.stdout and "beyond that it is killed" in shown.stdout, shown
        print(next(line for line in shown.stdout.splitlines() if "advice" in line))
        for job in (quiet, hungry):
            cluster.request("POST", f"/api/v1/jobs/{job}/cancel", {})
            assert cluster.await_final(job)["state"] == "cancelled"
        assert advice(hungry) == []
        cluster.check_clean()
    print("1 passed, 0 failed")


if __name__ == "__main__":
    sys.exit(main())
