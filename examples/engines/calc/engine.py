# examples/engines/calc/engine.py - the engine protocol with nothing hidden: `1 + 2 * 3`, and `wait 60`.
# SPDX-License-Identifier: Apache-2.0
import json
import os
import re
import select
import signal
import socket
import time

ADDRESS, TOKEN = os.environ.pop("DROVER_ENGINE_SOCKET"), os.environ.pop("DROVER_ENGINE_TOKEN")
waiting, ended, current, is_stopping = [], {}, None, False  # orders; lines by id; (order, started, until)


def line(**message):
    return json.dumps(message).encode() + b"\n"


def end(order, outcome, code=0, results=(), error=None, started=None):
    now = time.time_ns() // 1000
    message = dict(type="ended", id=order["id"], outcome=outcome, exit_code=code, results=list(results),
                   started_us=started or now, ended_us=now, usage=dict(user_us=0, system_us=0, max_rss_kib=0))
    ended[order["id"]] = line(**message, **({"error": error} if error else {}))
    agent.sendall(ended[order["id"]])


def begin(order):
    """Sums and products end at once; a wait becomes the current statement."""
    global current
    started, code = time.time_ns() // 1000, order["code"].strip()
    agent.sendall(line(type="started", id=order["id"], at_us=started))
    if found := re.fullmatch(r"wait (\d+)", code):
        current = (order, started, time.monotonic() + int(found[1]))
    elif re.fullmatch(r"\d{1,9}( *[+*] *\d{1,9}){0,20}", code):
        value = sum(eval(product) for product in code.split("+"))  # only digits and `*` are in it
        end(order, "ok", results=[dict(index=0, kind="text", name="", file="", bytes=len(str(value)), complete=True,
                                       preview=str(value))], started=started)
    else:
        end(order, "error", 1, error=dict(name="SyntaxError", message="numbers, + and *", line=1), started=started)


def stop_current(outcome, code):
    global current
    (order, started, _), current = current, None
    end(order, outcome, code, error=dict(name=outcome, message="it did not finish"), started=started)


def take(message):
    known = [order["id"] for order in waiting] + list(ended) + ([current[0]["id"]] if current else [])
    if message["type"] == "execute" and message["id"] in known:
        agent.sendall(ended.get(message["id"], b""))
    elif message["type"] == "execute":
        if message["language"] != "calc" or is_stopping or not os.path.isdir(message["cwd"] or "/"):
            return end(message, "never_started", 1, error=dict(name="Refused", message="not for this engine"))
        waiting.append(message)
    elif message["type"] == "cancel" and current and current[0]["id"] == message["id"]:
        stop_current("cancelled", 130)
    elif message["type"] == "cancel":
        for order in [order for order in waiting if order["id"] == message["id"]]:
            waiting.remove(order)
            end(order, "cancelled", 130, error=dict(name="Cancelled", message="before it started"))
    elif message["type"] == "ack":
        ended.pop(message["id"], None)
    elif message["type"] == "refused":
        raise SystemExit("refused: " + message["message"])
    elif message["type"] == "welcome":
        agent.sendall(b"".join(ended.values()))  # whose acknowledgement may be lost
        if current:
            agent.sendall(line(type="started", id=current[0]["id"], at_us=current[1]))


def serve():
    """One connection, until it is lost."""
    running = [order["id"] for order in waiting] + list(ended) + ([current[0]["id"]] if current else [])
    agent.sendall(line(type="hello", protocol=1, token=TOKEN, engine="calc", version="1", languages=["calc"],
                       pid=os.getpid(), running=running))
    buffered, told = b"", time.monotonic()
    while not (is_stopping and not waiting and not current):
        if select.select([agent], [], [], 0.1)[0]:
            data = agent.recv(1 << 16)
            if not data:
                return
            *lines, buffered = (buffered + data).split(b"\n")
            for each in lines:
                take(json.loads(each))
        if current:
            order, started, until = current
            limit = order["time_limit_s"]
            if limit and time.time_ns() // 1000 > started + limit * 1_000_000:
                stop_current("timeout", 124)
            elif is_stopping or time.monotonic() > until:
                stop_current("cancelled", 130) if is_stopping else (end(order, "ok", started=started), clear())
        while waiting and (is_stopping or not current):
            order = waiting.pop(0)
            begin(order) if not is_stopping else end(order, "cancelled", 130, error=dict(name="Stop", message="stopping"))
        if time.monotonic() - told > 5:
            told = time.monotonic()
            agent.sendall(line(type="health", rss_kib=10_000, running=len(waiting) + bool(current)))


def clear():
    global current
    current = None


def stop(*_):
    global is_stopping
    is_stopping = True


signal.signal(signal.SIGTERM, stop)
pause = 0.05
while not is_stopping:
    try:
        agent = socket.socket(socket.AF_UNIX)
        agent.connect(ADDRESS)
        serve()
        pause = 0.05
    except (OSError, ValueError):  # lost, or a line that is no JSON: again, with what runs
        time.sleep(pause)
        pause = min(pause * 2, 5)
    agent.close()
