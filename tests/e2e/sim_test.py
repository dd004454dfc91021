# tests/e2e/sim_test.py - drover-sim as people call it: what it writes is whole, and what it cannot do it says.
# SPDX-License-Identifier: Apache-2.0
"""python3 tests/e2e/sim_test.py [PART ...]"""
import os
import subprocess
import sys
import tempfile
from pathlib import Path

BIN = Path(os.environ.get("DROVER_BIN", Path(__file__).resolve().parents[2] / "build/release/bin"))


def call(*words, code=0, program="drover-sim", **more):
    done = subprocess.run([str(BIN / program), *map(str, words)], text=True, timeout=120,
                          **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **more})
    assert done.returncode == code, (words, done)
    return (done.stdout or "") + (done.stderr or "")


def says(text, *parts):
    for part in parts:
        assert part in text, (part, text)


def full_output(_):
    for words in ("run", "run --json", "compare", "compare --json", "pack", "pack --json"):
        verb, *options = words.split()
        with open("/dev/full", "w") as full:
            says(call(verb, "ok.swf", *options, code=1, stdout=full),
                 "error: cannot write the standard output: No space left on device")
    for words in (["gen"], ["import", "ok.swf", "-q"]):
        with open("/dev/full", "w") as full:
            says(call(*words, code=1, stdout=full), "No space left on device")


def closed_pipe(_):
    for words in (["run", "ok.swf"], ["compare", "ok.swf", "--json"], ["pack", "ok.swf"], ["gen"]):
        reader, writer = os.pipe()
        os.close(reader)
        assert call(*words, stdout=writer, restore_signals=False) == "", words
        os.close(writer)


PARTS = (full_output, closed_pipe)


def main():
    with tempfile.TemporaryDirectory(prefix="drover-sim-") as directory:
        os.chdir(directory)
        call("gen", "--jobs", "50", "--procs", "16", "-o", "ok.swf")
        for part in PARTS:
            if len(sys.argv) == 1 or part.__name__ in sys.argv[1:]:
                part(Path(directory))
    print("sim: what is written is whole")


if __name__ == "__main__":
    main()
