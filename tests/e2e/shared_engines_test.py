# tests/e2e/shared_engines_test.py - engines that users share: one process for all, and nobody sees what is another's.
# SPDX-License-Identifier: Apache-2.0
"""python3 tests/e2e/shared_engines_test.py: as root, since statements of several users need several users."""
import json
import os
import pwd
import shutil
import sys
import tempfile

from harness import BIN, Cluster, UnixConnection
from last_output_test import PYTHON, open_gate
from skips import skip

ACCOUNT = "nobody"
ANN, BOB = 20001, 20002
CONFIG = """[server]
shared_socket = true
[engines]
results = "RESULTS"
plugins = "PLUGINS"
[[quota]]
match = {user = "20001"}
max = {running_jobs = 1}
"""


def ask(cluster, uid, method, path, body=None):
    """(status, text) of what a process of this user is answered: who asks is what the socket says."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.setgroups([]), os.setgid(uid), os.setuid(uid)
            connection = UnixConnection(str(cluster.run / "drover.sock"), 60)
            connection.request(method, path, None if body is None else json.dumps(body).encode(), {})
            answer = connection.getresponse()
            os.write(write, json.dumps([answer.status, answer.read().decode(errors="replace")]).encode())
        finally:
            os._exit(0)
    os.close(write)
    with os.fdopen(read, "rb") as pipe:
        text = pipe.read()
    os.waitpid(pid, 0)
    return json.loads(text)


def run(cluster, uid, code, engine="python", **more):
    status, text = ask(cluster, uid, "POST", "/api/v1/statements?timeout_s=50", {"engine": engine, "script": code, **more})
    assert status == 200, (status, text)
    return json.loads(text)


def plugins(folder):
    shutil.copytree(BIN.parent / "share/drover/engines", folder, dirs_exist_ok=True)
    toml = folder + "/python/plugin.toml"
    with open(toml, "a") as plugin:
        plugin.write(f'\n[tenancy]\nshared = true\naccount = "{ACCOUNT}"\n')
    shell = folder + "/shell/plugin.toml"
    with open(shell, "a") as plugin:  # an operator's account is none to share
        plugin.write('\n[tenancy]\nshared = true\naccount = "root"\n')


def one_engine_serves_both(cluster, results):
    first = run(cluster, ANN, "secret = 'of ann'; print(secret); import os; os.getuid()")
    assert first["job"]["state"] == "succeeded" and first["job"]["user"] == str(ANN), first["job"]
    assert first["job"]["spec"]["runs_as"] == ACCOUNT, first["job"]["spec"]
    nobody = pwd.getpwnam(ACCOUNT).pw_uid
    assert first["results"]["results"][0]["preview"] == str(nobody), first["results"]
    second = run(cluster, BOB, "secret")
    assert second["task"]["node"] == first["task"]["node"], "the same engine"
    assert second["job"]["state"] == "failed" and "NameError" in json.dumps(second["results"]), "but not the same names"
    engines = cluster.get("/api/v1/engines")["engines"]
    assert [engine["user"] for engine in engines] == [ACCOUNT], engines
    for entry in (f"{results}/{first['job']['id']}", f"{results}/{first['job']['id']}/log"):
        about = os.stat(entry)
        assert about.st_uid == nobody and about.st_mode & 0o077 == 0, (entry, about)
    return first["job"]["id"]


def nobody_sees_what_is_anothers(cluster, job):
    routes = [("GET", f"/api/v1/jobs/{job}{more}") for more in ("", "/tasks", "/why", "/script", "/plan", "/log", "/results", "/results/0", "/wait?timeout_s=0")]
    routes += [("POST", f"/api/v1/jobs/{job}/{verb}") for verb in ("cancel", "hold", "release", "requeue")]
    for method, path in routes:
        status, text = ask(cluster, BOB, method, path, {} if method == "POST" else None)
        assert status == 404 and "of ann" not in text, (method, path, status, text)
    for uid, method, path, body, want in (
            (BOB, "GET", "/api/v1/engines/engine-1", None, 404), (BOB, "POST", "/api/v1/engines/engine-1/kill", {}, 404),
            (ANN, "POST", "/api/v1/engines/engine-1/drain", {}, 404), (ANN, "POST", "/api/v1/engines", {"engine": "python"}, 400),
            (ANN, "POST", "/api/v1/engines/ask", {"engine": "python"}, 400), (ANN, "POST", "/api/v1/sessions", {"engine": "python", "session": "s"}, 400),
            (ANN, "POST", "/api/v1/statements", {"engine": "python", "script": "1", "session": "s"}, 400),
            (ANN, "POST", "/api/v1/statements", {"engine": "python", "script": "1", "reset": "none"}, 400),
            (ANN, "POST", "/api/v1/statements", {"engine": "python", "script": "1", "env": {"LD_PRELOAD": "/x"}}, 400),
            (ANN, "POST", "/api/v1/statements", {"engine": "shell", "script": "id"}, 404)):
        status, text = ask(cluster, uid, method, path, body)
        assert status == want, (method, path, body, status, text)
    assert json.loads(ask(cluster, BOB, "GET", "/api/v1/engines")[1])["engines"] == []
    assert [one["id"] for one in json.loads(ask(cluster, BOB, "GET", "/api/v1/jobs")[1])["jobs"]].count(job) == 0
    assert ask(cluster, ANN, "GET", f"/api/v1/jobs/{job}/log") == [200, "of ann\n"]
    assert ask(cluster, ANN, "GET", f"/api/v1/jobs/{job}/results/0?format=raw")[0] in (200, 400)
    # The account itself owns the engine, and none of the statements on it.
    nobody = pwd.getpwnam(ACCOUNT).pw_uid
    assert len(json.loads(ask(cluster, nobody, "GET", "/api/v1/engines")[1])["engines"]) >= 1
    assert ask(cluster, nobody, "GET", f"/api/v1/jobs/{job}")[0] == 404


def quotas_and_cancels_are_the_owners(cluster):
    def submit(uid, code):
        status, text = ask(cluster, uid, "POST", "/api/v1/jobs", {"engine": "python", "script": code})
        assert status == 201, (status, text)
        return json.loads(text)["id"]
    long = submit(ANN, "import time; time.sleep(600)")
    cluster.until(lambda: cluster.job(long)["state"] == "running", "it runs", 60)
    waits = submit(ANN, "2")
    cluster.until(lambda: "running" in ask(cluster, ANN, "GET", f"/api/v1/jobs/{waits}/why")[1], "it waits for its user's quota")
    assert run(cluster, BOB, "3")["job"]["state"] == "succeeded", "another user has a quota of his own"
    assert cluster.job(waits)["state"] != "succeeded", cluster.job(waits)
    assert ask(cluster, BOB, "POST", f"/api/v1/jobs/{long}/cancel", {})[0] == 404
    assert cluster.job(long)["state"] == "running"
    assert ask(cluster, ANN, "POST", f"/api/v1/jobs/{long}/cancel", {})[0] == 200
    assert cluster.await_final(long)["state"] == "cancelled"
    assert cluster.await_final(waits)["state"] == "succeeded"


def last_words_are_the_owners(cluster, results):
    """The agent writes them as the account: the engine that was to do it is killed."""
    code = PYTHON.replace("GATE", f"{results}/gate").replace("SIZE", "9000").replace("WHO", "main, 0")
    status, text = ask(cluster, ANN, "POST", "/api/v1/jobs", {"engine": "python", "script": code})
    assert status == 201, (status, text)
    job = json.loads(text)
    path = f"/api/v1/jobs/{job['id']}/log"
    open_gate(f"{results}/gate", lambda: cluster.until(lambda: ask(cluster, ANN, "GET", path) == [200, "first\n"], "its first words are in its log", 30),
              lambda: cluster.await_final(job["id"]))
    assert cluster.job(job["id"])["reason"] == "engine_lost", job
    got = ask(cluster, ANN, "GET", path)
    assert got == [200, "first\n" + "x" * 9000 + "\nlast words\n"], (got[0], len(got[1]), got[1][:20], got[1][-90:])
    assert ask(cluster, BOB, "GET", path)[0] == 404


def main():
    if os.geteuid() != 0:
        return skip("it needs root")
    with tempfile.TemporaryDirectory(prefix="drover-results-") as results, tempfile.TemporaryDirectory(prefix="drover-plugins-") as folder:
        os.chmod(results, 0o1777)
        plugins(folder)
        os.chmod(folder, 0o755)
        cluster = Cluster(config=CONFIG.replace("RESULTS", results).replace("PLUGINS", folder))
        cluster.directory.chmod(0o711)
        with cluster:
            log = (cluster.directory / "droverd.log").read_text()
            assert "user root is an operator" in log, log
            job = one_engine_serves_both(cluster, results)
            nobody_sees_what_is_anothers(cluster, job)
            quotas_and_cancels_are_the_owners(cluster)
            last_words_are_the_owners(cluster, results)
            cluster.request("POST", f"/api/v1/jobs/{job}/cancel", {})
            for engine in cluster.get("/api/v1/engines")["engines"]:
                cluster.request("POST", f"/api/v1/engines/{engine['name']}/kill", {})
            cluster.until(lambda: not cluster.get("/api/v1/engines")["engines"], "every engine ends", 30)
            cluster.check_clean()
    print("4 passed, 0 failed")


if __name__ == "__main__":
    sys.exit(main())
