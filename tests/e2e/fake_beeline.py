# tests/e2e/fake_beeline.py - stands in for beeline: plays what recorded scripts make it print, and holds the engine to its options.
# SPDX-License-Identifier: Apache-2.0
"""install(DIRECTORY) makes a command `beeline` of it. tests/e2e/recorded/hive/*.json say for each statement, exactly as it comes in the
script: out (rows as csv2 prints them), log (standard error, each line after a short while), rows or noise (that many generated rows),
wait (until an interrupt), fails (the exit status), dies (a signal), needs (a setting that was said before, else `else` is played)."""
import hashlib
import json
import os
import signal
import sys
import time
from pathlib import Path

RECORDED = Path(__file__).resolve().parent / "recorded/hive"
OPTIONS = ["--outputformat=csv2", "--showHeader=true", "--incremental=true", "--silent=false", "--color=false"]


def install(directory):
    directory = Path(directory)
    directory.mkdir(exist_ok=True)
    command = directory / "beeline"
    deaf = """[ -z "$FAKE_DEAF_S" ] || { trap '' INT; sleep "$FAKE_DEAF_S"; trap - INT; }\n"""  # as an interpreter at some places of its start
    command.write_text(f"#!/bin/sh\n{deaf}exec {sys.executable} -S {os.path.abspath(__file__)} \"$@\"\n")
    command.chmod(0o755)
    return directory


def option(name):
    return sys.argv[sys.argv.index(name) + 1] if name in sys.argv else None


def interrupted(*_):
    print("Interrupting... Please be patient this may take some time.", file=sys.stderr, flush=True)
    with open(os.environ["FAKE_BEELINE"] + "/cancelled", "a") as file:
        file.write("x")
    os._exit(2)


def play(answer, said):
    if answer.get("needs") and answer["needs"] not in said:
        answer = answer["else"]
    for line in answer.get("log", ()):
        print(line, file=sys.stderr, flush=True)
        time.sleep(answer.get("slow", 0.005))
    sys.stdout.write(answer.get("out", ""))
    for i in range(answer.get("rows", 0)):
        sys.stdout.write(f"{i},row {i}\n")
    number = 0
    while answer.get("noise"):
        number += 1
        sys.stdout.write(f"{number},{hashlib.sha256(str(number).encode()).hexdigest()}\n")
    sys.stdout.flush()
    while answer.get("wait"):
        time.sleep(0.02)  # pause() would miss a signal that came just before it
    if answer.get("dies"):
        os.kill(os.getpid(), answer["dies"])
    if answer.get("fails"):
        sys.exit(answer["fails"])


def main():
    signal.signal(signal.SIGINT, interrupted)
    missing = [each for each in OPTIONS if each not in sys.argv]
    if missing or not (option("-u") or "").startswith("jdbc:hive2://") or not option("-n"):
        sys.exit(f"fake beeline: not started as it should be: {sys.argv}")
    if "nowhere" in option("-u"):
        print("Error: Could not open client transport with JDBC Uri: jdbc:hive2://nowhere:10000: java.net.UnknownHostException "
              "(state=08S01,code=0)", file=sys.stderr)
        sys.exit(2)
    known = {}
    for file in sorted(RECORDED.glob("*.json")):
        known.update(json.loads(file.read_text())["statements"])
    print("Connected to: Apache Hive (version 3.1.3)", file=sys.stderr, flush=True)
    said, statement = [], ""
    with open(option("-f")) as script:
        for line in script:
            if line.startswith("!sh echo ") and not statement.strip():
                print(line[len("!sh echo "):].strip(), flush=True)
                continue
            statement += line
            if not statement.endswith(";\n"):
                continue
            text, statement = statement[:-2], ""
            if text not in known:
                sys.exit(f"fake beeline: never recorded: {text!r}")
            play(known[text], said)
            said.append(text)


if __name__ == "__main__":
    main()
