# tests/e2e/crash_engine_test.py - engines, agents and controllers are killed in every state of an engine.
# SPDX-License-Identifier: Apache-2.0
"""python3 tests/e2e/crash_engine_test.py [SEED]

Each statement appends a line to its evidence file when it begins, so that what ran twice, or never, is seen from outside.
The states are those of pool/engine_state.hpp; a Lost engine is one whose agent is down."""
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import threading
import time
from pathlib import Path

from harness import FINAL, Cluster, Unreachable, engine_pids, pids_with_cookie

ROOT = Path(__file__).resolve().parents[2]
LOOP_S, CALLERS = 15, 4


def catalogue(directory, gate):
    """The shipped engines, and one that starts when the gate is there."""
    shutil.copytree(ROOT / "engines", directory, dirs_exist_ok=True)
    slow = Path(directory) / "slow"
    slow.mkdir()
    text = (ROOT / "engines/python/plugin.toml").read_text().replace('type = "python"', 'type = "slow"')
    command = f'["/bin/sh", "-c", "until test -e {gate}; do sleep 0.05; done; exec python3 -S -u {directory}/python/engine.py"]'
    lines = [f"command = {command}" if line.startswith("command = ") else line for line in text.splitlines()]
    (slow / "plugin.toml").write_text("\n".join(lines).replace('["python", "py"]', '["python"]') + "\n")


class Desk:
    """What is to be seen in a state waits in it: engines for `may_start`, long statements for `may_end`."""

    def __init__(self, cluster, may_start):
        self.cluster, self.number, self.may_start, self.may_end = cluster, 0, may_start, cluster.evidence / "may_end"
        may_start.touch()

    def code(self, name, seconds):
        return f"import os, time\nopen({str(self.cluster.evidence / name)!r}, 'a').write('begun\\n')\ntime.sleep({seconds})\n'done'"

    def until_told(self, name):
        return self.code(name, 0) + f"\nwhile not os.path.exists({str(self.may_end)!r}): time.sleep(0.02)"

    def submit(self, name, seconds, engine="slow"):
        return self.cluster.submit({"engine": engine, "script": self.code(name, seconds)})

    def engines(self, engine="slow"):
        return [one for one in self.cluster.get("/api/v1/engines")["engines"] if one["type"] == engine]

    def in_state(self, state, engine="slow"):
        def there():
            return next((one for one in self.engines(engine) if one["state"] == state), None)
        return self.cluster.until(there, f"an engine is {state}; there are {[e['state'] for e in self.engines(engine)]}", 30)

    def drain(self, engine):
        return self.cluster.request("POST", f"/api/v1/engines/{engine['name']}/drain", {})

    def empty(self):
        for engine in self.engines():
            self.drain(engine)
        self.cluster.until(lambda: not self.engines(), "every engine ends", 40)

    def pids(self, engine):
        return engine_pids(self.cluster, engine["job"])


# ---- how an engine gets into a state: -> (engine, statement that it is about, or None)
def starting(desk, name):
    desk.may_start.unlink()
    job = desk.submit(name, 0)
    engine = desk.in_state("starting")
    desk.cluster.until(lambda: desk.pids(engine), "its processes are there", 20)
    return engine, job


def idle(desk, name):
    desk.cluster.await_final(desk.submit(name + "-before", 0), 30)
    return desk.in_state("idle"), None


def busy(desk, name):
    desk.may_end.unlink(missing_ok=True)
    job = desk.cluster.submit({"engine": "slow", "script": desk.until_told(name)})
    desk.cluster.until(lambda: desk.cluster.starts(name), "the statement has begun", 30)
    return desk.in_state("busy"), job


def lost(desk, name):
    engine, job = busy(desk, name)
    desk.cluster.kill("agent")
    return engine, job


def draining(desk, name):
    engine, job = busy(desk, name)
    desk.drain(engine)
    return desk.in_state("draining"), job


def stopping(desk, name):
    engine, _ = idle(desk, name)
    signal_engine(desk, engine, signal.SIGSTOP)  # else it would be gone before it is looked at
    desk.drain(engine)
    return desk.in_state("shutting_down"), None


# ---- who is killed
def signal_engine(desk, engine, number):
    for pid in desk.pids(engine):
        try:
            os.kill(pid, number)
        except ProcessLookupError:  # the one before it has ended it
            pass


def kill_engine(desk, engine):
    signal_engine(desk, engine, signal.SIGKILL)


def kill_daemons(*names):
    def kill(desk, _):
        for name in names:
            if desk.cluster.processes[name].poll() is None:
                desk.cluster.kill(name)
        desk.may_end.touch()  # while they are away
        time.sleep(0.3)
        for name in reversed(names):
            desk.cluster.start(name)
    return kill


VICTIMS = {"engine": kill_engine, "agent": kill_daemons("agent"), "droverd": kill_daemons("droverd"),
           "agent and droverd": kill_daemons("agent", "droverd")}


def one_case(desk, state, victim):
    desk.number += 1
    name = f"{desk.number}-{state.__name__}"
    engine, job = state(desk, name)
    VICTIMS[victim](desk, engine)
    desk.may_start.touch()
    desk.may_end.touch()
    if desk.cluster.processes["agent"].poll() is not None:
        desk.cluster.start("agent")
    if state is stopping:
        signal_engine(desk, engine, signal.SIGCONT)
    if job is not None:
        ended = desk.cluster.await_final(job, 60)
        begun = len(desk.cluster.starts(name))
        cut = victim == "engine" and state in (busy, lost, draining)
        wanted = ("failed", "engine_lost") if cut else ("succeeded",)
        told = desk.cluster.get("/api/v1/events?since=0")["events"][-20:]
        assert (ended["state"], ended.get("reason"))[:len(wanted)] == wanted, (state.__name__, victim, ended, told)
        assert begun == 1, (state.__name__, victim, "began", begun)
    others_go_on(desk, name, is_sent_to_the_dead=victim == "engine")
    desk.empty()


def others_go_on(desk, name, is_sent_to_the_dead):
    """What is sent to an idle engine in the moment of its death is lost with it: nobody can say whether it began."""
    for attempt in range(2 if is_sent_to_the_dead else 1):
        after = desk.submit(f"{name}-after-{attempt}", 0)
        ended, begun = desk.cluster.await_final(after, 60), len(desk.cluster.starts(f"{name}-after-{attempt}"))
        if ended["state"] == "succeeded":
            assert begun == 1, begun
            return
        assert ended["reason"] == "engine_lost" and begun == 0, (ended, begun)
    raise AssertionError(f"{name}: no statement succeeds any more")


def every_state(desk):
    for state in (starting, idle, busy, lost, draining, stopping):
        for victim in VICTIMS:
            begun = time.monotonic()
            one_case(desk, state, victim)
            print(f"  {state.__name__}, {victim} killed: ok, {time.monotonic() - begun:.1f} s", flush=True)


def at_random(desk, seed):
    """Callers that submit without end, and a killer: what was acknowledged ends, and nothing began twice."""
    draw, over, acknowledged, lock = random.Random(seed), threading.Event(), {}, threading.Lock()

    def caller(number):
        k = 0
        while not over.is_set():
            k += 1
            name, key = f"random-{number}-{k}", f"{seed}-{number}-{k}"
            spec = {"engine": "python", "script": desk.code(name, (k % 4) * 0.05)}
            while True:  # the same key until it is acknowledged: one statement
                try:
                    status, body = desk.cluster.request("POST", "/api/v1/jobs", spec, {"Idempotency-Key": key})
                except Unreachable:
                    time.sleep(0.1)
                    continue
                assert status in (200, 201), body
                with lock:
                    acknowledged[name] = body["id"]
                break
            time.sleep(0.02)

    threads = [threading.Thread(target=caller, args=(number,)) for number in range(CALLERS)]
    for thread in threads:
        thread.start()
    kills, end = [], time.monotonic() + LOOP_S
    try:
        while time.monotonic() < end:
            time.sleep(draw.uniform(0.2, 1.5))
            victim = draw.choice(list(VICTIMS))
            running = [one for one in desk.cluster.until(lambda: desk.engines("python"), "an engine", 60)]
            VICTIMS[victim](desk, draw.choice(running))
            kills.append(victim)
    finally:
        over.set()
        for thread in threads:
            thread.join(60)
    desk.cluster.await_all_but_engines()
    counts = {}
    for name, job in acknowledged.items():
        ended, begun = desk.cluster.job(job), len(desk.cluster.starts(name))
        result = ended["state"] if ended["state"] == "succeeded" else f"{ended['state']} ({ended['reason']})"
        counts[result] = counts.get(result, 0) + 1
        assert begun <= 1, (name, job, "began", begun)
        assert ended["state"] == "succeeded" or ended["reason"] == "engine_lost", ended
        assert begun == 1 or ended["state"] != "succeeded", (name, ended)
    assert counts.get("succeeded", 0) > 10, counts
    print(f"  seed {seed}: {len(acknowledged)} statements, {len(kills)} kills: {json.dumps(counts)}")


class EngineCluster(Cluster):
    def await_all_but_engines(self, seconds=120):
        """Jobs that host engines are open as long as they are kept warm."""
        def none_left():
            hosts = {engine["job"] for engine in self.get("/api/v1/engines")["engines"]}
            left = [job for job in self.jobs("&state=open") if job["id"] not in hosts and job["state"] not in FINAL]
            assert not left, [(job["id"], job["name"], job["state"], job["reason"], job["detail"], job["node"]) for job in left[:5]]
            return True
        self.until(none_left, "every statement ends", seconds)


def nothing_is_left(cluster):
    for engine in cluster.get("/api/v1/engines")["engines"]:
        cluster.request("POST", f"/api/v1/engines/{engine['name']}/drain", {})
    cluster.until(lambda: not cluster.get("/api/v1/engines")["engines"], "every engine ends", 40)
    cluster.await_all_final(60)
    cluster.check_clean()
    left = [pid for pid in pids_with_cookie(f"DROVER_ENGINE_SOCKET={cluster.run}")]
    assert not left, left


def main():
    seed = int(sys.argv[1]) if len(sys.argv) > 1 else 1
    with tempfile.TemporaryDirectory(prefix="drover-engines-") as plugins, tempfile.TemporaryDirectory(prefix="drover-results-") as results:
        may_start = Path(plugins) / "may_start"
        catalogue(plugins, may_start)
        config = f'[engines]\nplugins = "{plugins}"\nresults = "{results}"\n'
        with EngineCluster(cpus=64, config=config) as cluster:
            desk = Desk(cluster, may_start)
            every_state(desk)
            at_random(desk, seed)
            nothing_is_left(cluster)
    print("2 passed, 0 failed")


if __name__ == "__main__":
    sys.exit(main())
