# tests/e2e/components_test.py - jobs of several components on real agents: together or not at all.
# SPDX-License-Identifier: Apache-2.0
"""Three agents, each with a supd of its own, on one machine; they offer what they are told to."""
import os
import signal
import subprocess

from harness import BIN, Cluster

SCRIPT = r"""#!/bin/sh
#SBATCH -n 1 -c 2
#SBATCH hetjob
#SBATCH -N 2 --gpus-per-node=1
env | grep -E '^(DROVER|SLURM)_' | sort
"""


class Nodes:
    """Further nodes beside the one of the harness."""

    def __init__(self, cluster):
        self.cluster, self.processes = cluster, {}

    def start(self, name, *offers):
        data, run = self.cluster.directory / name, self.cluster.directory / f"{name}-run"
        for path in (data, run):
            path.mkdir(mode=0o700)
        os.symlink(self.cluster.run / "agent.sock", run / "agent.sock")
        log = open(self.cluster.directory / f"{name}.log", "ab")
        common = ["--data", str(data), "--run", str(run)]
        for binary, more in (("drover-supd", []), ("drover-agent", ["--name", name, *offers])):
            self.processes[name, binary] = subprocess.Popen(
                [str(BIN / binary), *common, *more], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True)
        log.close()

    def stop(self):
        for (name, binary), process in self.processes.items():
            process.send_signal(signal.SIGTERM if binary == "drover-agent" else signal.SIGKILL)
        for process in self.processes.values():
            process.wait(timeout=20)


def drover(cluster, *words, code=0, text=None):
    done = subprocess.run([str(BIN / "drover"), *words], capture_output=True, text=True, input=text, timeout=120,
                          cwd=cluster.directory,
                          env={**os.environ, "DROVER_RUN": str(cluster.run), "DROVER_DATA": str(cluster.data)})
    assert code is None or done.returncode == code, (words, done)
    return done


def both_or_none(cluster):
    # g2's GPU is in use: nothing of the job may start.
    holder = cluster.submit({"argv": ["sleep", "300"], "gpus": 1, "constraints": "own=g2"})
    cluster.until(lambda: cluster.job(holder)["state"] == "running", "the GPU is in use")
    (cluster.directory / "het.sh").write_text(SCRIPT)
    job = int(drover(cluster, "submit", "--parsable", "-t", "5", "-o", "het.out", "het.sh").stdout)
    why = cluster.until(lambda: (lambda why: why if why["reason"] == "resources" else None)(
        cluster.get(f"/api/v1/jobs/{job}")["why"]), "it waits for room")
    assert why["text"].startswith("component 2: 1 of 2 nodes that it needs at once"), why
    for node in cluster.get("/api/v1/nodes")["nodes"]:
        assert node["running"] == (1 if node["name"] == "g2" else 0), node
    drover(cluster, "cancel", str(holder))
    assert cluster.await_final(job)["state"] == "succeeded"
    env = dict(line.split("=", 1) for line in (cluster.directory / "het.out").read_text().splitlines())
    head = cluster.own
    expected = {
        "DROVER_HET_SIZE": "2", "SLURM_HET_SIZE": "2", "DROVER_NODELIST": head, "DROVER_NNODES": "1",
        "SLURM_JOB_NODELIST_HET_GROUP_0": head, "SLURM_JOB_NODELIST_HET_GROUP_1": "g[1-2]",
        "DROVER_HET_NODELIST": f"{head},g[1-2]", "SLURM_NTASKS": "1", "SLURM_NTASKS_HET_GROUP_1": "2",
        "SLURM_CPUS_PER_TASK": "2", "SLURM_CPUS_PER_TASK_HET_GROUP_1": "1",
        "SLURM_JOB_CPUS_PER_NODE_HET_GROUP_1": "1(x2)"}
    assert {key: env.get(key) for key in expected} == expected, env
    parts = cluster.job(job)["components"]
    assert [part["node"] for part in parts] == [head, "g[1-2]"], parts
    shown = drover(cluster, "show", str(job)).stdout
    assert "component 2" in shown and "2 nodes of 1 cpu, 1 gpu on g[1-2]" in shown, shown


def whole_job(cluster):
    spec = {"argv": ["sleep", "300"], "components": [{"constraints": "own=g1"}, {"constraints": "own=g2"}]}
    job = cluster.submit(spec)
    cluster.until(lambda: cluster.job(job)["state"] == "running", "it runs")
    layout = cluster.get(f"/api/v1/jobs/{job}")["layout"]
    assert [(part["node"], part["component"]) for part in layout] == [("g1", 0), ("g2", 1)], layout
    # A new server finds it as one.
    cluster.kill("droverd")
    cluster.start("droverd")
    cluster.until(lambda: [part["node"] for part in cluster.job(job)["components"]] == ["g1", "g2"], "it is known")
    cluster.until(lambda: sum(node["running"] for node in cluster.get("/api/v1/nodes")["nodes"]) == 2, "both run")
    drover(cluster, "requeue", str(job))
    cluster.until(lambda: cluster.get(f"/api/v1/jobs/{job}")["task"]["attempt"] == 2
                  and cluster.job(job)["state"] == "running", "it runs again")
    drover(cluster, "cancel", str(job))
    assert cluster.await_final(job)["state"] == "cancelled"


def words(cluster):
    refused = drover(cluster, "submit", "-p", "a", ":", "-p", "b", "--", "true", code=None)
    assert refused.returncode != 0 and "component 2: --partition is of the whole job" in refused.stderr, refused
    refused = drover(cluster, "submit", "-c", "1", ":", "-c", "999", "--", "true", code=None)
    assert "component 2: no node has 999 CPUs" in refused.stderr, refused
    refused = drover(cluster, "submit", ":", "-N", "3", "--", "true", code=None)
    assert "the components need 4 nodes, each its own; 3 are there" in refused.stderr, refused
    would = drover(cluster, "submit", "--test-only", "-t", "1", "-c", "1", ":", "-N", "2", "-c", "2", "--", "true")
    assert "would" in would.stdout or would.stdout, would


def main():
    with Cluster(cpus=8, mem_mib=4096) as cluster:
        cluster.own = cluster.get("/api/v1/nodes")["nodes"][0]["name"]
        nodes = Nodes(cluster)
        try:
            for count, name in enumerate(("g1", "g2"), 2):  # one after the other: they are numbered as they come
                nodes.start(name, "--cpus", "4", "--mem", "4096", "--gpus", "1", "--label", f"own={name}")
                cluster.until(lambda: [n["state"] for n in cluster.get("/api/v1/nodes")["nodes"]] == ["idle"] * count,
                              f"{count} nodes are up")
            both_or_none(cluster)
            whole_job(cluster)
            words(cluster)
            cluster.check_clean()
        finally:
            nodes.stop()
    print("components: together or not at all")


if __name__ == "__main__":
    main()
