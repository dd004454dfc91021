# tests/e2e/crash_workflow_test.py - droverd is killed in the middle of a workflow of 2,000 steps.
# SPDX-License-Identifier: Apache-2.0
"""STEPS=2000 KILLS=4 SEED=1 python3 tests/e2e/crash_workflow_test.py

Every step runs exactly once, counted from what the jobs wrote, and none before those that it needs. Each kill comes while steps
start and end: a layer some way behind its moment waits until droverd is back, however fast the machine is.
"""
import os
import random
import sys
import time

from harness import Cluster, Unreachable

STEPS = int(os.environ.get("STEPS", "2000"))
KILLS = int(os.environ.get("KILLS", "4"))
SEED = int(os.environ.get("SEED", "1"))
WIDTH = 50


def moment(kill):
    """So many steps have succeeded when it comes."""
    return STEPS * (kill + 1) // (KILLS + 2)


def document(prng, evidence, grouped):
    """Layers of WIDTH steps; each needs one to three of the layer before, whose evidence it looks for. When equal steps
    share arrays, ten of a layer at a time need the same."""
    lines = ['name = "layers"'] + (["[optimize]", "group = true"] if grouped else [])
    needs = {}
    layers = [moment(kill + 1) // WIDTH - 1 for kill in range(KILLS)]
    waits = {layer: f"{evidence}/after-{kill}" for kill, layer in enumerate(layers) if layer * WIDTH >= moment(kill)}
    for n in range(STEPS):
        before = range(n // WIDTH * WIDTH - WIDTH, n // WIDTH * WIDTH)
        if grouped and n % 10:
            needs[n] = needs[n - 1]
        else:
            needs[n] = sorted(prng.sample(list(before), prng.randint(1, 3))) if n >= WIDTH else []
        wanted = " && ".join([f"test -s {evidence}/s{m}" for m in needs[n]] + [f"echo $$ >> {evidence}/s{n}"])
        if file := waits.get(n // WIDTH):
            wanted = f"until test -e {file}; do sleep 0.2; done; {wanted}"
        lines += ["[[step]]", f'name = "s{n}"', f'command = "{wanted}"']
        if needs[n]:
            lines.append("needs = [" + ", ".join(f'"s{m}"' for m in needs[n]) + "]")
    return "\n".join(lines) + "\n"


def state_of(cluster, path):
    while True:
        try:
            return cluster.request("GET", path)[1]
        except Unreachable:
            time.sleep(0.05)


def play(grouped):
    prng = random.Random(SEED)
    with Cluster() as cluster:
        body = {"document": document(prng, cluster.evidence, grouped), "origin": "layers.toml",
                "defaults": {"cwd": str(cluster.directory), "out": "/dev/null"}}
        status, answer = cluster.request("POST", "/api/v1/workflows", body, timeout=120)
        assert status == 201, (status, answer)
        path = f"/api/v1/workflows/{answer['id']}"
        begin = time.monotonic()
        for kill in range(KILLS):
            while True:
                workflow = state_of(cluster, path)["workflow"]
                done = workflow["steps"]["succeeded"]
                if done >= moment(kill) or workflow["state"] != "running":
                    break
                time.sleep(0.02)
            assert workflow["state"] == "running", workflow
            cluster.kill("droverd")
            cluster.start("droverd")
            (cluster.evidence / f"after-{kill}").touch()
        while True:
            workflow = state_of(cluster, path + "/wait?timeout_s=20")["workflow"]
            if workflow["state"] != "running":
                break
            assert time.monotonic() - begin < 300, workflow
        assert workflow["state"] == "succeeded", workflow
        for n in range(STEPS):
            starts = (cluster.evidence / f"s{n}").read_text().split()
            assert len(starts) == 1, f"step s{n} ran {len(starts)} times"
        jobs = {step["job"] for step in state_of(cluster, path)["steps"]}
        assert len(jobs) < STEPS // 4 if grouped else len(jobs) == STEPS, len(jobs)
        print(f"{STEPS} steps in {len(jobs)} jobs, droverd killed {KILLS} times, {time.monotonic() - begin:.1f} s")


def main():
    play(grouped=False)
    play(grouped=True)
    print("2 passed, 0 failed")


if __name__ == "__main__":
    sys.exit(main())
