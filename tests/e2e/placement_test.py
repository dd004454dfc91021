# tests/e2e/placement_test.py - the tasks of a job on one real machine: what is shown, what the kernel says, who ends when.
# SPDX-License-Identifier: Apache-2.0
"""python3 tests/e2e/placement_test.py"""
import json
import os
import re
import subprocess

from harness import BIN, Cluster


def numbers(text):
    """"0-2,5" -> {0, 1, 2, 5}"""
    found = set()
    for piece in filter(None, text.split(",")):
        first, _, last = piece.partition("-")
        found |= set(range(int(first), int(last or first) + 1))
    return found


class Jobs:
    def __init__(self, cluster):
        self.cluster = cluster

    def drover(self, *words, code=0):
        env = {"PATH": f"{BIN}:/usr/bin:/bin", "HOME": str(self.cluster.directory), "LANG": "C.UTF-8",
               "DROVER_DATA": str(self.cluster.data), "DROVER_RUN": str(self.cluster.run)}
        done = subprocess.run([str(BIN / "drover"), *map(str, words)], cwd=self.cluster.directory, env=env,
                              capture_output=True, text=True, timeout=60)
        assert code is None or done.returncode == code, f"{words}: exit {done.returncode}\n{done.stdout}{done.stderr}"
        return done

    def run(self, options, command, code=0):
        return self.drover("run", *options, "--", "sh", "-c", command, code=code)


def bound_tasks(jobs, cpus):
    """Each task is bound to its own CPUs, and these are the ones that the layout shows."""
    go = jobs.cluster.directory / "go"
    spec = {"name": "bound", "ntasks": 2, "cwd": str(jobs.cluster.directory), "out": "bound.out",
            "argv": ["sh", "-c", f"while ! test -e {go}; do sleep 0.05; done; "
                     f"{BIN}/drover step --label -- grep Cpus_allowed_list /proc/self/status; "
                     "echo ids $DROVER_TASK_IDS per node $DROVER_TASKS_PER_NODE"]}
    job = jobs.cluster.submit(spec)
    jobs.cluster.until(lambda: jobs.cluster.job(job)["state"] == "running", "the job runs")
    shown = jobs.cluster.get(f"/api/v1/jobs/{job}")["layout"]
    assert len(shown) == 1 and [task["task"] for task in shown[0]["tasks"]] == [0, 1], shown
    go.touch()
    jobs.cluster.await_final(job)
    output = (jobs.cluster.directory / "bound.out").read_text()
    real = {int(task): numbers(text) for task, text in re.findall(r"^(\d+): Cpus_allowed_list:\s*(\S+)", output, re.M)}
    assert real == {task["task"]: numbers(task["cpus"]) for task in shown[0]["tasks"]}, (real, shown)
    assert real[0] and not real[0] & real[1], real
    assert real[0] | real[1] == numbers(shown[0]["cpus"]), (real, shown)
    assert "ids 0-1 per node 2" in output, output
    assert jobs.cluster.get(f"/api/v1/jobs/{job}")["layout"] is None, "it ended"


def other_bindings(jobs, cpus):
    whole = jobs.run(["-n2", "--cpu-bind=none"], "drover step -- grep Cpus_allowed_list /proc/self/status").stdout
    lists = {frozenset(numbers(line.split()[1])) for line in whole.splitlines()}
    assert len(lists) == 1 and len(next(iter(lists))) == 2, whole
    loud = jobs.run(["-n2", "-m", "cyclic:cyclic", "--cpu-bind=verbose,rank", "--mem-bind=local"],
                    "drover step -- true")
    assert len(re.findall(r"task \d \(pid \d+\) is bound to CPUs \d", loud.stdout + loud.stderr)) == 2, loud


def ends(jobs):
    names = jobs.run(["-n2"], 'drover step -- sh -c \'echo $DROVER_PROCID $DROVER_LOCALID $DROVER_NTASKS '
                     '$SLURM_PROCID $SLURM_LOCALID $SLURM_NTASKS\'').stdout
    assert sorted(names.split("\n")) == ["", "0 0 2 0 0 2", "1 1 2 1 1 2"], names
    jobs.run(["-n2"], "drover step -- sh -c 'exit $((3 + DROVER_PROCID))'", code=4)
    jobs.run(["-n2"], "drover step -- sh -c 'kill -9 $$'", code=137)
    done = jobs.run(["-n2"], "drover step -K -- sh -c 'test $DROVER_PROCID = 1 && exit 5; exec sleep 300'", code=5)
    assert "task 1 exited with code 5" in done.stdout + done.stderr, done
    one = jobs.run(["-n2"], "drover step -n1 -- sh -c 'echo $DROVER_PROCID of $DROVER_NTASKS'").stdout
    assert one == "0 of 1\n", one
    many = jobs.run(["-n2"], "drover step -n3 -- true", code=2)
    assert "3 tasks are asked for, the job has 2" in many.stdout + many.stderr, many
    jobs.run(["-n2"], "drover step -- /no/such/program", code=127)
    labelled = jobs.run(["-n2"], "drover step --label -- printf 'a\\nb'").stdout
    assert sorted(labelled.split("\n")) == ["", "0: a", "0: b", "1: a", "1: b"], labelled


def mistakes(jobs):
    outside = jobs.drover("step", "--", "true", code=2)
    assert "a step runs inside a job" in outside.stderr, outside.stderr
    for words, says in [(["-m", "arbitrary"], "arbitrary is not offered"),
                        (["--cpu-bind=map_cpu:1"], "binding by map_cpu is not offered"),
                        (["--ntasks-per-core=2", "-c3"], "2 tasks on a core cannot have 3 CPUs each"),
                        (["--sockets-per-node=99"], "no node has 99 sockets"),
                        (["--threads-per-core=64"], "no node has 64 threads on a core"),
                        (["--gpu-bind=closest"], "not supported")]:
        refused = jobs.drover("submit", *words, "--", "true", code=None)
        assert refused.returncode != 0 and says in refused.stderr and "hint" in refused.stderr, (words, refused.stderr)


def main():
    cpus = len(os.sched_getaffinity(0))
    with Cluster(cpus=None, mem_mib=4096) as cluster:
        jobs = Jobs(cluster)
        mistakes(jobs)
        if cpus < 2:
            print("one CPU only: nothing to bind apart")
            return
        bound_tasks(jobs, cpus)
        other_bindings(jobs, cpus)
        ends(jobs)
        shown = json.loads(jobs.drover("show", "last", "-o", "json").stdout)
        assert shown["job"]["spec"]["distribution"] == "block:block", shown
        cluster.check_clean()
    print("placement: all as decided")


if __name__ == "__main__":
    main()
