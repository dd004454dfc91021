# tests/e2e/why_test.py - what `why` and --test-only tell people: when, who is in the way, what would help.
# SPDX-License-Identifier: Apache-2.0
"""python3 tests/e2e/why_test.py"""
import json
import os
import subprocess

from harness import BIN, Cluster

CONFIG = '[[quota]]\nmatch = {project = "p"}\nmax = {cpus = 2}\n'


class Cli:
    def __init__(self, cluster):
        self.cluster = cluster

    def __call__(self, *words, code=0):
        done = subprocess.run([str(BIN / "drover"), *map(str, words)], capture_output=True, text=True, timeout=120,
                              cwd=self.cluster.directory, env={**os.environ, "DROVER_RUN": str(self.cluster.run),
                                                               "DROVER_DATA": str(self.cluster.data)})
        assert done.returncode == code, (words, done)
        return done.stdout + done.stderr

    def submit(self, *words):
        return self("submit", "--parsable", *words).strip()

    def test(self, *words, code=0):
        return self("submit", "--test-only", *words, "--", "true", code=code)

    def runs(self, job):
        self.cluster.until(lambda: self.cluster.job(int(job))["state"] == "running", f"job {job} runs")


def says(text, *parts):
    for part in parts:
        assert part in text, (part, text)


def weighed(cli):
    says(cli.test("-t", "5"), "would start at once")
    says(cli.test("-t", "5", "--begin=now+1hour"), "would not start at once: begins not before", "starts not before")
    says(cli.test("-t", "60", "--deadline=now+60", code=8), "cannot end by its deadline")
    says(cli.test("--hold", "-t", "5"), "it would be held", "expected start: not known, since")


def short_of_a_quota(cli):
    holder = cli.submit("--label", "project=p", "-c", "2", "-t", "10", "--", "sleep", "600")
    cli.runs(holder)
    words = ("quota project=p: 2 cpus of 2 cpus are held, 1 cpu more is asked for",
             f"in the way: job {holder}: holds 2 cpus of quota project=p, until", "starts not before", "(as of ")
    says(cli.test("--label", "project=p", "-t", "5"), *words)
    waits = cli.submit("--label", "project=p", "-t", "5", "--", "true")
    says(cli("why", waits), *words)
    answer = json.loads(cli("why", waits, "-o", "json"))
    assert answer["start_bound"] == "not_before" and answer["in_the_way"][0]["job"] == int(holder), answer
    assert answer["expected_start"] >= answer["in_the_way"][0]["until"] and answer["estimated_at"], answer
    cli("cancel", holder, waits)
    cli.cluster.await_all_final()

def short_of_a_node(cli):
    node = cli.cluster.get("/api/v1/nodes")["nodes"][0]["name"]
    holder = cli.submit("-c", "6", "--gpus-per-node=1", "-t", "10", "--", "sleep", "600")
    cli.runs(holder)
    words = (f"in the way: node {node}: 2 cpus of 8 cpus free, 4 cpus asked for",
             f"in the way: job {holder} on {node}: holds 6 cpus (GPU 0), until",
             "expected to start by", "hint: it could start now with at most 2 cpus")
    says(cli.test("-c", "4", "-t", "5"), *words)
    waits = cli.submit("-c", "4", "-t", "5", "--", "true")
    says(cli("why", waits), *words)
    says(cli.test("--gpus-per-node=2", "-t", "5"), "1 gpu of 2 gpus free, 2 gpus asked for")
    array = cli.submit("--array", "0-3", "-c", "8", "-t", "5", "--", "true")
    first, last = (json.loads(cli("why", f"{array}.{index}", "-o", "json")) for index in (0, 3))
    assert first["expected_start"] < last["expected_start"], (first, last)
    assert last["jobs_before"] == first["jobs_before"] + 3, (first, last)
    after = cli.submit("-d", "afterok:last", "--", "true")
    says(cli("why", after), f"waits for the success of job {array}")
    cli("cancel", holder)
    cli.cluster.await_all_final()


def waits_in_vain(cli):
    before = cli.submit("--hold", "--", "true")
    cli("cancel", before)
    cli.cluster.await_all_final()
    for keeps, what in (("yes", "is cancelled"), ("no", "can never start")):
        said = cli("submit", f"--kill-on-invalid-dep={keeps}", "-d", f"afterok:{before}", "--", "true")
        says(said, "submitted job", what, "a job it depends on ended otherwise")
    cli("cancel", "last")
    assert "note" not in cli("submit", "-d", f"afterany:{before}", "--", "true")
    cli.cluster.await_all_final()


def small_words(cli):
    cli("quota", "set", "project=a/b", "cpus=4")
    says(cli("quota", "ls"), "project=a/b")
    for amount in ("-1", "9223372036854775807"):
        says(cli("quota", "set", "project=a", f"cpus={amount}", code=2), "from 0 to 1099511627")
    says(cli("quota", "set", "project=a", "cpus=x", code=2), "no whole number")
    says(cli("sim", "run", "--bogus", code=2), "--bogus is no option", "drover sim run --help")
    says(cli("sim", "run", code=2), "required")
    says(cli("sim", "--bogus", code=2), "drover sim --help")
    for words in ("--load nan", "--mean-run nan", "--seed -1", "--seed 99999999999999999999"):
        says(cli("sim", "gen", *words.split(), code=2), "number from")
    for limit in ("0", "-1"):
        says(cli("sim", "run", "x.swf", "--limit", limit, code=2), "no whole number from 1")
    says(cli("man", "one", "two", code=2), "two")


def main():
    with Cluster(cpus=8, mem_mib=8192, config=CONFIG, agent=("--gpus", "2")) as cluster:
        cli = Cli(cluster)
        weighed(cli)
        short_of_a_quota(cli)
        short_of_a_node(cli)
        waits_in_vain(cli)
        small_words(cli)
        cluster.check_clean()
    print("why: who waits knows for what, and until when")


if __name__ == "__main__":
    main()
