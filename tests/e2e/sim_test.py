# tests/e2e/sim_test.py - drover-sim as people call it: what it writes is whole, and what it cannot do it says.
# SPDX-License-Identifier: Apache-2.0
"""python3 tests/e2e/sim_test.py [PART ...]"""
import json
import os
import resource
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
    for program in ("drover", "drover-sim"):
        with open("/dev/full", "w") as full:
            says(call("--help", code=1, stdout=full, program=program), "error: cannot write to stdout")
    for words in (["gen"], ["import", "ok.swf", "-q"]):
        with open("/dev/full", "w") as full:
            says(call(*words, code=1, stdout=full), "No space left on device")


def closed_pipe(_):
    for words in (["run", "ok.swf"], ["compare", "ok.swf", "--json"], ["pack", "ok.swf"], ["gen"]):
        reader, writer = os.pipe()
        os.close(reader)
        assert call(*words, stdout=writer, restore_signals=False) == "", words
        os.close(writer)


def small_files():
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))


def whole_files(directory):
    """What cannot be written whole leaves what was there, and nothing of its own."""
    call("gen", "--jobs", "500", "--procs", "16", "-o", "long.swf")
    Path("kept").mkdir()
    for name in ("summary.json", "jobs.csv", "series.csv", "out"):
        Path("kept", name).write_text("old")
    before = sorted(directory.rglob("*"))
    for words in ("run long.swf --out kept", "run long.swf --out new", "gen --jobs 500 -o kept/out", "gen --jobs 500 -o new",
                  "import long.swf -o kept/out"):
        says(call(*words.split(), code=1, preexec_fn=small_files), "error: cannot write ", "File too large")
        assert sorted(directory.rglob("*")) == before, (words, sorted(directory.rglob("*")))
    assert {file.read_text() for file in Path("kept").iterdir()} == {"old"}
    call("run", "long.swf", "--out", "kept")
    assert "old" not in {file.read_text() for file in Path("kept").glob("*.*")}


def nothing_to_import(_):
    Path("empty").write_text("")
    Path("keep.jsonl").write_text("old")
    for quiet in ([], ["-q"]):
        says(call("import", "empty", *quiet, "-o", "keep.jsonl", code=1), "error: empty holds no job", "nothing was written")
        assert Path("keep.jsonl").read_text() == "old"


def nothing_ran(_):
    """No table of zeros: what was refused, why, and what to do."""
    asks = '{"id":%d,"submit":0,"run":5,"memory":"4G"}\n'
    Path("memory.jsonl").write_text(asks % 1 + asks % 2)
    Path("small.toml").write_text('[[nodes]]\nname = "n"\ncpus = 4\nmemory = "1GiB"\n')
    flat = "hint: a flat machine has no memory, GPUs or labels: give --cluster FILE"
    for verb in ("run", "compare", "run --json"):
        said = call(*verb.split(), "memory.jsonl", "--procs", "4", "--out" if "run" in verb else "--limit",
                    "none" if "run" in verb else "2", code=1)
        says(said, "error: memory.jsonl: no job could run: 2 jobs refused, the first, job 1: no node has 4G of memory", flat)
        assert "slowdown" not in said and not Path("none").exists(), said
        said = call(*verb.split(), "memory.jsonl", "--cluster", "small.toml", code=1)
        assert "no job could run" in said and "hint" not in said, said
    says(call("pack", "memory.jsonl", "--procs", "4", code=1), "no job fits on the empty cluster: 2 jobs refused", flat)
    Path("both.jsonl").write_text(asks % 1 + '{"id":2,"submit":0,"run":5}\n')
    says(call("run", "both.jsonl", "--procs", "4"), "note: both.jsonl: 1 job refused, job 1: ", "jobs              1, 1 refused")
    says(call("pack", "both.jsonl", "--procs", "4"), "PLACEMENT")


def options_before_the_verb(_):
    """Those of drover itself count, or are refused."""
    for words in ("sim --json run ok.swf", "--json sim run ok.swf", "-o json sim run ok.swf", "sim -o json compare ok.swf"):
        printed = json.loads(call(*words.split(), program="drover"))
        assert (printed if isinstance(printed, dict) else printed[0])["jobs"] == 50, (words, printed)
    for words in ("-q sim import ok.swf -o quiet.jsonl", "sim -q import ok.swf -o quiet.jsonl"):
        assert call(*words.split(), program="drover") == "", words
    for words, what in (("--json sim gen", "--json is no option"), ("-q sim run ok.swf", "--quiet is no option"),
                        ("-o csv sim run ok.swf", "tables or JSON only"), ("--sort wait sim compare ok.swf", "no --columns")):
        says(call(*words.split(), program="drover", code=2), what)


def trims(_):
    """The whole range that the help tells, and nothing else; where no waits are told, no such option."""
    for verb in ("run", "compare"):
        for share in ("0", "0.0", "0.0005", "0.49"):
            call(verb, "ok.swf", "--trim", share)
        for share in ("0.5", "-0.1", "nan", "x", ""):
            says(call(verb, "ok.swf", "--trim", share, code=2), "from 0 to 0.49")
    kept = json.loads(call("run", "ok.swf", "--trim", "0.1", "--json"))
    assert kept["jobs"] == 40, kept
    says(call("pack", "ok.swf", "--trim", "0.9", code=2), "--trim is no option")


def empty_names(_):
    """An unset shell variable loses no results."""
    for words in (["run", "ok.swf", "--out"], ["run", "ok.swf", "--cluster"], ["compare", "ok.swf", "--cluster"],
                  ["pack", "ok.swf", "--cluster"], ["gen", "-o"], ["import", "ok.swf", "-o"]):
        says(call(*words, "", code=2), "the name is empty: is a shell variable unset?")


def unknown_verbs(_):
    verbs = "run, compare, pack, gen, import"
    for program, before in (("drover-sim", []), ("drover", ["sim"])):
        says(call(*before, "bogus", code=2, program=program), f'error: "bogus" is no verb: there are {verbs}', "drover sim --help")
    says(call("--bogus", code=2), "--bogus is no option here", verbs)
    says(call(code=2), f"a verb is required: {verbs}")


def times_of_imports(_):
    """As the help tells: only a history and MetaCentrum's logs are moved to begin at 0."""
    Path("late.jsonl").write_text('{"id":1,"submit":1000,"run":5}\n')
    Path("late.swf").write_text("; MaxProcs: 4\n1 1000 0 5 1 -1 -1 1 9 -1 1 1 1 -1 -1 -1 -1 -1\n")
    for late in ("late.jsonl", "late.swf"):
        says(call("import", late, "-q"), '"submit":1000.0')
    ended = ('{"id":7,"submitted":"2026-03-01T10:00:05.000000Z","started":"2026-03-01T10:00:06.000000Z",'
             '"ended":"2026-03-01T10:01:06.000000Z","run_s":60,"array":null,"cpus":1,"time_limit_s":0}\n')
    Path("history").write_text(ended)
    says(call("import", "history", "-q"), '"submit":0.0')
    says(call("import", "--help"), "Times of a history and of metacentrum count from the first submission;")


PARTS = (full_output, closed_pipe, whole_files, nothing_to_import, nothing_ran, options_before_the_verb, trims, empty_names, unknown_verbs, times_of_imports)


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
