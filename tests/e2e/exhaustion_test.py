# tests/e2e/exhaustion_test.py - a full disk and no file descriptors: refused before acknowledgement, jobs go on, it heals.
# SPDX-License-Identifier: Apache-2.0
"""python3 tests/e2e/exhaustion_test.py [no_descriptors] [disk_full]   (77 = skipped: a small tmpfs needs root)"""
import os
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from harness import Cluster, Unreachable
from skips import skip, status


def wait_for(cluster):
    return f"until test -e {cluster.evidence}/go; do sleep 0.1; done"


def disk_full():
    directory = Path(tempfile.mkdtemp(prefix="drover-full-"))
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=400m", "tmpfs", str(directory)], check=True)
    try:
        cluster = Cluster(directory=directory)
        cluster.evidence = Path(tempfile.mkdtemp(prefix="drover-evidence-"))
        with cluster:
            running = cluster.submit({"name": "long", "argv": cluster.witness("long", f"{wait_for(cluster)}; exit 7"),
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
            (cluster.evidence / "go").touch()
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
        running = cluster.submit({"name": "long", "argv": cluster.witness("long", f"{wait_for(cluster)}; exit 5")})
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
        (cluster.evidence / "go").touch()
        for hog in hogs:
            hog.close()
        assert cluster.await_final(running, 30)["exit_code"] == 5, "the running job went on"
        cluster.until(lambda: cluster.submit({"argv": ["/bin/true"]}), "submissions work again", 20)
        cluster.await_all_final()
        assert cluster.processes["droverd"].poll() is None, "no restart was needed"
        cluster.check_clean()
    print("no_descriptors: refused, went on, healed")


def main():
    for name in sys.argv[1:] or ["no_descriptors", "disk_full"]:
        if name == "disk_full" and os.geteuid() != 0:
            skip("disk_full needs root to mount a small tmpfs")
        else:
            {"no_descriptors": no_descriptors, "disk_full": disk_full}[name]()
    return status()


if __name__ == "__main__":
    sys.exit(main())
