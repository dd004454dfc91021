# tests/e2e/gpu_test.py - jobs on the GPUs of this machine: found, given out once, shared where asked, waited for.
# SPDX-License-Identifier: Apache-2.0
"""python3 tests/e2e/gpu_test.py

Looks at real NVIDIA cards; where there is none it says so and is skipped. Whoever has the CUDA driver sees in it what a job sees.
"""
import ctypes
import os
import subprocess
import sys
import time

from harness import BIN, Cluster

# What CUDA itself counts in the environment of a job.
COUNT = ("import ctypes; cuda = ctypes.CDLL('libcuda.so.1'); n = ctypes.c_int(0); bad = cuda.cuInit(0); "
         "cuda.cuDeviceGetCount(ctypes.byref(n)); print('devices', 0 if bad == 100 else n.value)")


def cards():
    """Model and address of each card, as the driver's own tool says."""
    try:
        done = subprocess.run(["nvidia-smi", "--query-gpu=name,pci.bus_id", "--format=csv,noheader"], capture_output=True,
                              text=True, timeout=60)
    except OSError:
        return []
    if done.returncode != 0:
        return []
    return [[field.strip() for field in line.split(",")] for line in done.stdout.splitlines() if line.strip()]


def has_cuda():
    try:
        ctypes.CDLL("libcuda.so.1")
    except OSError:
        return False
    return True


class Gpus:
    def __init__(self, cluster, real):
        self.cluster, self.real = cluster, real

    def drover(self, *words):
        env = {**os.environ, "PATH": f"{BIN}:/usr/bin:/bin", "HOME": str(self.cluster.directory), "LANG": "C.UTF-8",
               "DROVER_DATA": str(self.cluster.data), "DROVER_RUN": str(self.cluster.run)}
        done = subprocess.run([str(BIN / "drover"), *map(str, words)], cwd=self.cluster.directory, env=env,
                              capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, f"{words}: exit {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout

    def submit(self, **resources):
        """A job that holds its GPUs until the file `go` is there."""
        go = self.cluster.directory / "go"
        return self.cluster.submit({"name": "holds", "cwd": str(self.cluster.directory), "out": "/dev/null", **resources,
                                    "argv": ["sh", "-c", f"while ! test -e {go}; do sleep 0.05; done"]})

    def state(self, job):
        return self.cluster.job(job)["state"]

    def release(self, *jobs):
        (self.cluster.directory / "go").touch()
        for job in jobs:
            assert self.cluster.await_final(job)["state"] == "succeeded", self.cluster.job(job)
        (self.cluster.directory / "go").unlink()


def found(gpus):
    """The node has the cards that the driver drives, by their models and addresses."""
    node = gpus.cluster.get("/api/v1/nodes")["nodes"][0]
    shown = gpus.drover("node", "show", node["name"])
    for model, address in gpus.real:
        word = "-".join(filter(None, "".join(c if c.isalnum() else "-" for c in model.lower()).split("-")))
        assert word in shown, (word, shown)
        assert address.lower()[-10:] in shown.lower() or "address" not in shown.lower(), (address, shown)


def seen_by_jobs(gpus):
    one = gpus.drover("run", "--gpus=1", "--", "sh", "-c", "echo cards $CUDA_VISIBLE_DEVICES order $CUDA_DEVICE_ORDER")
    number = one.split("cards ")[1].split()[0]
    assert number.isdigit() and int(number) < len(gpus.real) and "order PCI_BUS_ID" in one, one
    if not has_cuda():
        return print("   libcuda.so.1 is not here: what CUDA sees was not looked at")
    counted = gpus.drover("run", "--gpus=1", "--", sys.executable, "-c", COUNT)
    assert "devices 1" in counted, counted
    none = gpus.drover("run", "--", sys.executable, "-c", COUNT)
    assert "devices 0" in none, f"a job without GPUs sees some: {none}"


def given_once(gpus):
    """Who finds all of them taken waits, is told why, and starts when one is free."""
    total = len(gpus.real)
    first = gpus.submit(gpus=total)
    gpus.cluster.until(lambda: gpus.state(first) == "running", "the first job runs")
    second = gpus.submit(gpus=1)
    time.sleep(0.5)
    assert gpus.state(second) not in ("running", "succeeded"), "a GPU was given twice"
    why = gpus.drover("why", second)
    assert "GPU" in why.upper(), why
    gpus.release(first, second)


def shared(gpus):
    """Halves share a card, and whoever wants a whole one waits until both have gone."""
    halves = [gpus.submit(gpu_share=500) for _ in range(2 * len(gpus.real))]
    gpus.cluster.until(lambda: all(gpus.state(job) == "running" for job in halves), "all halves run at once")
    whole = gpus.submit(gpus=1)
    time.sleep(0.5)
    assert gpus.state(whole) not in ("running", "succeeded"), "a shared GPU was given as a whole"
    gpus.release(*halves, whole)


def main():
    real = cards()
    if not real:
        print("gpu: skipped: nvidia-smi finds no GPU here")
        sys.exit(77)
    with Cluster(cpus=None) as cluster:
        gpus = Gpus(cluster, real)
        for check in (found, seen_by_jobs, given_once, shared):
            check(gpus)
            print(f"gpu: {check.__name__.replace('_', ' ')}: ok")


if __name__ == "__main__":
    main()
