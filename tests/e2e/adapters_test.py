# tests/e2e/adapters_test.py - an adapter engine through the whole of Drover: many statements on one engine, its pollers as metrics.
# SPDX-License-Identifier: Apache-2.0
"""python3 tests/e2e/adapters_test.py"""
import tempfile

import fake_slurm
from harness import Cluster
from recorded_server import RecordedServer

CONFIG = """[engines]
results = "RESULTS"
"""
FOREVER = "SELECT count(*) FROM lineitem a CROSS JOIN lineitem b"
MANY = 12


def metric(cluster, name):
    status, text = cluster.request("GET", "/metrics")
    assert status == 200, text
    return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in text.splitlines() if line.startswith(name)}


def check_trino(cluster, server):
    env = {"DROVER_TRINO_URL": server.base}

    def submit(code):
        return cluster.submit({"engine": "trino", "script": code, "env": env})

    jobs = [submit(FOREVER) for _ in range(MANY)]
    cluster.until(lambda: server.open_names() == ["forever"] * MANY, "all run there at once", 120)
    engines = cluster.get("/api/v1/engines")["engines"]
    assert [engine["state"] for engine in engines] == ["busy"], engines
    status, answer = cluster.request("POST", "/api/v1/statements?timeout_s=60", {"engine": "trino", "script": "SELECT 1", "env": env},
                                     timeout=90)
    assert status == 200 and answer["results"]["results"][0]["preview"] == [[1]], answer
    cluster.until(lambda: metric(cluster, "drover_poller_items").get('drover_poller_items{engine="trino",kind="status"}') == MANY,
                  "what is polled is counted", 30)
    cluster.until(lambda: metric(cluster, "drover_poller_polls_total").get('drover_poller_polls_total{engine="trino",kind="status",result="ok"}', 0) > MANY,
                  "polls are counted", 30)
    assert sum(metric(cluster, "drover_poller_threads").values()) >= 1
    for job in jobs:
        status, answer = cluster.request("POST", f"/api/v1/jobs/{job}/cancel", {})
        assert status == 200, (status, answer)
    for job in jobs:
        assert cluster.await_final(job)["state"] == "cancelled"
    assert not server.open_names(), server.open_names()


def check_slurm(cluster, directory):
    """As many on one engine, beside each other; which Slurm it is, their variables say."""
    fake = fake_slurm.install(directory + "/slurm")
    env, gate = {"PATH": f"{fake}:/usr/bin:/bin"}, fake / "gate"
    jobs = [cluster.submit({"engine": "slurm", "script": f"until test -e {gate}; do sleep 0.1; done; exit {number}", "env": env}) for number in range(MANY)]
    cluster.until(lambda: len(list(fake.glob("*.pid"))) == MANY, "all were submitted", 120)
    engines = [engine["type"] for engine in cluster.get("/api/v1/engines")["engines"] if engine["type"] == "slurm"]
    assert len(engines) == 1, engines
    cluster.until(lambda: (fake / "asked").exists() and "," in (fake / "asked").read_text(), "one question is for several")
    gate.touch()
    for number, job in enumerate(jobs):
        ended = cluster.await_final(job, 120)
        assert ended["state"] == ("failed" if number else "succeeded"), (number, ended)


def main():
    with tempfile.TemporaryDirectory(prefix="drover-results-") as results, RecordedServer("trino") as server:
        with Cluster(config=CONFIG.replace("RESULTS", results)) as cluster:
            check_trino(cluster, server)
            check_slurm(cluster, results)
    print("many statements share one adapter engine")


if __name__ == "__main__":
    main()
