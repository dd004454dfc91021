# tests/e2e/exhaustion_test.py - a full disk and no file descriptors: refused before acknowledgement, jobs go on, it heals.
# SPDX-License-Identifier: Apache-2.0
"""python3 tests/e2e/exhaustion_test.py   (needs root for a small tmpfs; says so when it cannot)"""
import os
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from harness import Cluster, Unreachable


def disk_full():
    directory = Path(tempfile.mkdtemp(prefix="drover-full-"))
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=400m", "tmpfs", str(directory)], check=True)
    try:
        cluster = Cluster(directory=directory)
        cluster.evidence = Path(tempfile.mkdtemp(prefix="drover-evidence-"))
        with cluster:
            running = cluster.submit({"name": "long", "argv": cluster.witness("long", "sleep 4; exit 7"),
                                      "out": str(cluster.evidence / "long.out")})
            cluster.until(lambda: cluster.job(running)["state"] == "running", "the long job runs")
            free = os.statvfs(directory)
            filler = directory / "filler"
            with open(filler, "wb") as out:
                for _ in range(int(free.f_bavail * free.f_frsize / (1 << 20)) - 8):
                    out.write(b"x" * (1 << 20))
            time.sleep(2.5)  # the free-space reading is cached for about a second
            status, body = cluster.request("POST", "/api/v1/jobs", {"argv": ["/bin/true"]})
            assert status in (503, 507), f"a full disk must refuse: {status} {body}"
            assert body["error"]["hint"], body
            job = cluster.await_final(running, 30)
            assert job["exit_code"] == 7, "the running job went on"
            filler.unlink()
            cluster.until(lambda: cluster.submit({"argv": ["/bin/true"]}), "submissions work again", 15)
            cluster.await_all_final()
            assert cluster.processes["droverd"].poll() is None, "no restart was needed"
            cluster.check_clean()
        print("disk_full: refused, went on, healed")
    finally:
        subprocess.run(["umount", "-l", str(directory)], check=False)


def no_descriptors():
    with Cluster(wrap={"droverd": ["prlimit", "--nofile=96:96"]}) as cluster:
        running = cluster.submit({"name": "long", "argv": cluster.witness("long", "sleep 3; exit 5")})
        cluster.until(lambda: cluster.job(running)["state"] == "running", "the long job runs")
        hogs = []
        for _ in range(150):
            hog = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            hog.settimeout(1)
            try:
                hog.connect(str(cluster.run / "drover.sock"))
            except OSError:
                hog.close()
                break
            hogs.append(hog)
        try:
            status, _ = cluster.request("POST", "/api/v1/jobs", {"argv": ["/bin/true"]}, timeout=2)
            assert status in (201, 503), status
        except Unreachable:
            pass  # refused before acknowledgement
        for hog in hogs:
            hog.close()
        assert cluster.await_final(running, 30)["exit_code"] == 5, "the running job went on"
        cluster.until(lambda: cluster.submit({"argv": ["/bin/true"]}), "submissions work again", 20)
        cluster.await_all_final()
        assert cluster.processes["droverd"].poll() is None, "no restart was needed"
        cluster.check_clean()
    print("no_descriptors: refused, went on, healed")


def main():
    cases = 1
    no_descriptors()
    if os.geteuid() == 0:
        disk_full()
        cases = 2
    else:
        print("disk_full: needs root to mount a small tmpfs; run as root to prove it")
    print(f"{cases} passed, 0 failed, {2 - cases} skipped")


if __name__ == "__main__":
    sys.exit(main())
