# tests/e2e/last_output_test.py - engines die in the middle of a statement: what it had printed is in its log, and the pool is whole.
# SPDX-License-Identifier: Apache-2.0
"""python3 tests/e2e/last_output_test.py [killed] [out_of_memory]

Each statement prints something, and goes on when that is in its log: the engine has nothing in its hands. Then it stops the engine's own process before it prints, so that only others can know of what it
printed, and kills whom the case says."""
import os
import signal
import sys
import tempfile

from harness import Cluster, pids_with_cookie
from skips import skip, status

PYTHON = """import os, signal, time
main = os.getppid()
print('first', flush=True)
while not os.path.exists('GATE'): time.sleep(0.01)
os.kill(main, signal.SIGSTOP)
os.write(1, b'x' * SIZE + b'\\nlast words\\n')
for pid in (WHO):
    os.kill(pid, signal.SIGKILL)
time.sleep(60)"""
SHELL = """main=$(awk '/^PPid:/ {print $2}' /proc/$PPID/status)
echo first
until [ -e GATE ]; do sleep 0.01; done
kill -STOP $main
head -c SIZE /dev/zero | tr '\\0' x; printf '\\nlast words\\n'
kill -KILL WHO
sleep 60"""
KILLED = [("python", PYTHON, {"the engine": "main,", "the engine and what runs": "main, os.getpid()", "all at once": "main, 0"}),
          ("shell", SHELL, {"the engine": "$main", "the engine and what runs": "$main $PPID $$", "all at once": "$main 0"})]
OUT_OF_MEMORY = "print('last words'); x = []\nwhile True: x.append(b'x' * (16 << 20))"


def open_gate(gate, until, then):
    until()
    open(gate, "w").close()
    then()
    os.unlink(gate)


class Desk:
    def __init__(self, cluster, directory):
        self.cluster, self.gate = cluster, directory + "/gate"

    def run(self, engine, code, seconds=60, first=None):
        """With `first`: the gate of the code is opened when its log has so many bytes."""
        job = self.cluster.submit({"engine": engine, "script": code.replace("GATE", self.gate)})
        if first is not None:
            open_gate(self.gate, lambda: self.cluster.until(lambda: len(self.log({"id": job}, None)) == first, "its first words are in its log", 30),
                      lambda: self.cluster.await_final(job, seconds))
        return self.cluster.await_final(job, seconds)

    def log(self, job, wanted=200):
        status, text = self.cluster.request("GET", f"/api/v1/jobs/{job['id']}/log")
        assert status == (wanted or status), text
        return text if status == 200 else ""

    def is_whole(self, engine):
        job = self.run(engine, "echo 2" if engine == "shell" else "print(1 + 1)")
        assert job["state"] == "succeeded" and self.log(job) == "2\n", job
        assert len(self.cluster.get("/api/v1/engines")["engines"]) <= 2, "one of each type"


def killed(desk, _):
    for engine, code, victims in KILLED:
        for who, pids in victims.items():
            for size in (0, 50_000):  # a pipe holds 64 KiB
                job = desk.run(engine, code.replace("SIZE", str(size)).replace("WHO", pids), first=6)
                assert (job["state"], job["reason"]) == ("failed", "engine_lost"), job
                log = desk.log(job)
                assert log == "first\n" + "x" * size + "\nlast words\n", (engine, who, size, len(log), log[-60:])
                desk.is_whole(engine)
            print(f"{engine}, {who} killed: its last words are there", flush=True)


def a_full_log_stays_full(desk, _):
    """The agent keeps to the limit that the engine keeps to."""
    before = (1 << 20) - 1000
    code = PYTHON.replace("print('first', flush=True)", f"print('y' * {before - 1}, flush=True)").replace("SIZE", "5000").replace("WHO", "main,")
    job = desk.run("python", code, first=before)
    log = desk.log(job)
    assert log == "y" * (before - 1) + "\n" + "x" * 1000, (len(log), log[-60:])


def out_of_memory(desk, _):
    """The kernel kills what runs, and the engine, which is small, goes on: the statement has died, or its engine was lost."""
    limits = [node.get("capabilities", {}).get("cgroup", "") for node in desk.cluster.get("/api/v1/nodes")["nodes"]]
    if not any("memory" in limit for limit in limits):
        skip(f"this machine limits no memory: {limits}")
        return
    for engine, code, mib in (("python", OUT_OF_MEMORY, 1024), ("shell", f"python3 -uc \"{OUT_OF_MEMORY}\"", 512)):
        job = desk.run(engine, code, 100)
        assert job["state"] == "failed" and job["reason"] in ("engine_lost", "out_of_memory"), job
        if job["reason"] == "out_of_memory":
            assert f"its limit of {mib} MiB" in job["detail"], job
        assert desk.log(job).startswith("last words\n"), desk.log(job)
        print(f"out of memory: {engine}, {job['reason']}, and its last words are there", flush=True)
        desk.is_whole(engine)
    job = desk.run("python", "import os; os.kill(os.getpid(), 9)")
    assert job["reason"] == "signal", f"nothing was short: {job}"


def with_cluster(cases, config=""):
    with tempfile.TemporaryDirectory(prefix="drover-results-") as results:
        with Cluster(cpus=8, config=f'[engines]\nresults = "{results}"\n{config}') as cluster:
            desk = Desk(cluster, results)
            for case in cases:
                case(desk, results)
            for engine in cluster.get("/api/v1/engines")["engines"]:
                cluster.request("POST", f"/api/v1/engines/{engine['name']}/drain", {})
            cluster.until(lambda: not cluster.get("/api/v1/engines")["engines"], "every engine ends", 30)
            cluster.check_clean()
            assert not pids_with_cookie(f"DROVER_ENGINE_SOCKET={cluster.run}")


def main():
    words = sys.argv[1:] or ["killed", "out_of_memory"]
    if "killed" in words:
        with_cluster([killed])
        with_cluster([a_full_log_stays_full], "log_mib = 1\n")
    if "out_of_memory" in words:
        with_cluster([out_of_memory])
    return status()


if __name__ == "__main__":
    sys.exit(main())
