# tests/e2e/mishaps_test.py - a store that is newer or damaged, a daemon that hangs, a socket that is somebody else's.
# SPDX-License-Identifier: Apache-2.0
"""python3 tests/e2e/mishaps_test.py"""
import hashlib
import http.client
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from harness import BIN, Cluster


def drover(data, *words, code=0, timeout=90):
    env = {"PATH": "/usr/bin:/bin", "HOME": str(data), "LANG": "C.UTF-8", "DROVER_DATA": str(data)}
    done = subprocess.run([str(BIN / "drover"), *map(str, words)], env=env, cwd=data, capture_output=True,
                          text=True, timeout=timeout, stdin=subprocess.DEVNULL)
    assert done.returncode == code, f"drover {words}: exit {done.returncode}, not {code}\n{done.stdout}{done.stderr}"
    return done


def refused_start(data, *words):
    """droverd, `drover up` in both ways and --check: each says what it is, fails, and changes nothing."""
    store = data / "store" / "data.mdb"
    before = hashlib.sha256(store.read_bytes()).digest()
    direct = subprocess.run([str(BIN / "droverd"), "--data", str(data), "--run", str(data / "run"), "--port", "none"],
                            capture_output=True, text=True, timeout=60)
    tries = [direct, drover(data, "up", "--detach", code=1), drover(data, "up", code=1)]
    for done in tries:
        assert done.returncode == 1, done
        for word in (*words, "hint:"):
            assert word in done.stderr, f"{word!r} is not in: {done.stderr}"
        assert "terminate" not in done.stderr and "assert" not in done.stderr.lower(), done.stderr
    check = subprocess.run([str(BIN / "droverd"), "--check", str(data / "store")], capture_output=True, text=True,
                           timeout=60)
    assert check.returncode == 1 and words[0] in check.stdout + check.stderr, check
    assert hashlib.sha256(store.read_bytes()).digest() == before, "the store was changed"
    end = time.monotonic() + 30
    while (data / "run" / "supd.sock").exists():
        assert time.monotonic() < end, "a drover-supd was left behind"
        time.sleep(0.05)


def newer_and_damaged_store(data):
    drover(data, "up", "--detach", "--port", "none")
    for n in range(5):
        drover(data, "submit", "--name", f"job-of-the-past-{n}", "--", "true")
    drover(data, "wait", "1-5")
    drover(data, "down")
    store = data / "store" / "data.mdb"
    good = store.read_bytes()

    subprocess.run([str(BIN / "newer_store"), str(data / "store"), "7"], check=True, timeout=60)
    refused_start(data, "schema version 7", "newer", "changed nothing")

    store.write_bytes(good.replace(b"job-of-the-past-3", b"Job-of-the-past-3"))  # old copies of pages too
    refused_start(data, "record", "checksum", "backup")

    store.write_bytes(good)
    drover(data, "up", "--detach", "--port", "none")
    assert "job-of-the-past-3" in drover(data, "ls", "-a").stdout, "nothing was lost"
    drover(data, "down")


def waiting_is_bounded(data):
    """A daemon that hangs, and one that is gone: `wait --timeout` ends all the same."""
    with Cluster(directory=data / "hang") as cluster:
        job = cluster.submit({"argv": ["/bin/sleep", "600"]})
        where = ["--server", str(cluster.run / "drover.sock")]
        for how in (signal.SIGSTOP, signal.SIGKILL):
            pid = cluster.processes["droverd"].pid
            begun = time.monotonic()
            process = subprocess.Popen([str(BIN / "drover"), *where, "wait", str(job), "--timeout", "2"],
                                       stderr=subprocess.PIPE, text=True)
            time.sleep(0.5)
            os.kill(pid, how)
            assert process.wait(timeout=60) == 124, process.stderr.read()
            took = time.monotonic() - begun
            assert 1.5 < took < 20, f"it waited {took:.1f} s instead of 2"
            if how == signal.SIGSTOP:
                begun = time.monotonic()
                drover(data, *where, "wait", job, "last", "--timeout", "1", code=124)
                assert time.monotonic() - begun < 20
                os.kill(pid, signal.SIGCONT)
        cluster.processes["droverd"].wait()
        with subprocess.Popen([str(BIN / "drover"), *where, "wait", str(job), "--timeout", "60"], stderr=subprocess.PIPE, text=True) as late:
            said = late.stderr.readline()
            assert "cannot reach droverd" in said and "waiting for it" in said, said
            cluster.start("droverd")
            cluster.request("POST", f"/api/v1/jobs/{job}/cancel")
            assert late.wait(timeout=60) == 143, late.stderr.read()
        cluster.await_final(job)
        cluster.check_clean()


def somebody_elses_socket(data):
    """`down --kill` signals a drover-supd, and nothing else that happens to listen there."""
    data.chmod(0o700)
    (data / "run").mkdir(mode=0o700, exist_ok=True)
    path = data / "run" / "supd.sock"
    path.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(path))
        listener.listen(4)
        done = drover(data, "down", "--kill", code=6)
        assert "is no drover-supd" in done.stderr and "hint" in done.stderr, done.stderr
        done = drover(data, "up", "--detach", "--port", "none", code=6)
        assert "is no drover-supd" in done.stderr, done.stderr
    path.unlink()


def over_tcp(data):
    """HEAD, Allow and slow refusals, as a client on the port sees them."""
    drover(data, "up", "--detach", "--port", "0")
    port = int((data / "run" / "http.port").read_text())
    token = (data / "token").read_text().strip()

    def ask(method, path, word):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        connection.request(method, path, headers={"Authorization": f"Bearer {word}"} if word else {})
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()

    got, head = ask("GET", "/api/v1/nodes", token), ask("HEAD", "/api/v1/nodes", token)
    assert (got[0], head[0], head[2]) == (200, 200, b"") and int(head[1]["Content-Length"]) > 0, head
    assert ask("HEAD", "/metrics", token)[0] == 200
    status, headers, _ = ask("DELETE", "/api/v1/jobs", token)
    assert status == 405 and headers["Allow"] == "POST, GET, HEAD", (status, headers)
    begun = time.monotonic()
    for _ in range(9):
        assert ask("GET", "/api/v1/jobs", "x" * 64)[0] == 401
    assert time.monotonic() - begun > 1.4, "guessing is not slowed down"
    took = []
    for _ in range(10):  # the least of them: the machine may have other work
        begun = time.monotonic()
        assert ask("GET", "/api/v1/jobs", token)[0] == 200 and ask("GET", "/api/v1/jobs", "")[0] == 401
        took.append(time.monotonic() - begun)
    assert min(took) < 1, "others have to wait"
    drover(data, "down")


def what_cannot_start_says_why(data):
    """Its parts are there by then, and all are taken down again."""
    taken = socket.socket()
    taken.bind(("127.0.0.1", 0))
    taken.listen()
    port = taken.getsockname()[1]
    run = [str(BIN / "droverd"), "--data", str(data), "--run", str(data / "run")]
    done = subprocess.run([*run, "--port", str(port)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 6 and f"127.0.0.1:{port} is taken" in done.stderr and "hint:" in done.stderr, done
    taken.close()
    tokens = data / "linkis.tokens"
    tokens.write_text("x nobody * 2020-01-01\n")
    tokens.chmod(0o600)
    config = data / "droverd.toml"
    config.write_text("[linkis]\nenabled = true\n")
    done = subprocess.run([*run, "--port", "none", "--config", str(config)], capture_output=True, text=True, timeout=60)
    assert done.returncode in range(1, 126) and "linkis.tokens" in done.stderr, done


def main():
    cases = (newer_and_damaged_store, waiting_is_bounded, somebody_elses_socket, over_tcp, what_cannot_start_says_why)
    for case in cases:
        data = Path(tempfile.mkdtemp(prefix="drover-mishaps-"))
        try:
            case(data)
            print(f"{case.__name__}: held", flush=True)
        finally:
            subprocess.run([str(BIN / "drover"), "down", "--kill"], env={"DROVER_DATA": str(data)}, capture_output=True,
                           timeout=60)
            shutil.rmtree(data, ignore_errors=True)
    print(f"{len(cases)} passed, 0 failed")


if __name__ == "__main__":
    sys.exit(main())
