# tests/e2e/engine_kept_test.py - old results go, and nothing else does.
# SPDX-License-Identifier: Apache-2.0
import os
import sys
import tempfile
import time
from pathlib import Path

from engine_agent import EngineProcess

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "engines/host"))

from drover_kept import remove_old  # noqa: E402

NOW, DAY = 1_000_000_000.0, 86400.0


def put(path, age_s, size=4096):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x" * size)
    for place in (path, path.parent):
        os.utime(place, (NOW - age_s, NOW - age_s))


def names(gone):
    return [os.path.basename(path) for path in gone]


def check_choice(directory):
    base = Path(directory) / "base"
    outside = Path(directory) / "outside/file"
    put(outside, 90 * DAY)
    for number, age in ((1, 40 * DAY), (2, 31 * DAY), (3, 20 * DAY), (4, 2 * DAY), (5, 60)):
        put(base / str(number) / "log", age, 1 << 20)
    put(base / "notes/mine", 90 * DAY)          # no folder of a statement
    put(base / "engines/7.log", 40 * DAY)
    put(base / "engines/other.txt", 40 * DAY)
    os.symlink(outside.parent, base / "6")      # a link is no way out
    os.utime(base / "6", (NOW - 90 * DAY,) * 2, follow_symlinks=False)
    os.symlink(outside, base / "1/link")
    os.utime(base / "1", (NOW - 40 * DAY,) * 2)
    os.utime(base / "1/link", (NOW - 40 * DAY,) * 2, follow_symlinks=False)
    assert remove_old(str(base), 0, 0, NOW) == []
    assert names(remove_old(str(base), 30 * DAY, 0, NOW, {str(base / "2")})) == ["6", "1", "7.log"]
    assert outside.exists() and (base / "notes/mine").exists() and (base / "engines/other.txt").exists()
    assert names(remove_old(str(base), 30 * DAY, 0, NOW)) == ["2"]
    # 3, 4 and 5 are left: over the quota the oldest goes first, and what is young stays whatever it takes.
    assert names(remove_old(str(base), 30 * DAY, 5 << 19, NOW)) == ["3"]
    assert names(remove_old(str(base), 0, 1, NOW)) == ["4"]
    assert (base / "5/log").exists()
    os.chmod(base / "5", 0o700)


def check_engine():
    with EngineProcess(ROOT / "engines/shell", {"results": {"keep_s": 3600}}) as engine:
        old = engine.results_path(900)
        old.mkdir(parents=True)
        (old / "log").write_text("old")
        for place in (old / "log", old):
            os.utime(place, (time.time() - 7200,) * 2)
        assert engine.run("true")["outcome"] == "ok"
        end = time.monotonic() + 60
        while old.exists():
            assert time.monotonic() < end, engine.engine_log()
            time.sleep(0.1)
        assert engine.run("true")["outcome"] == "ok"


def main():
    with tempfile.TemporaryDirectory(prefix="drover-kept-") as directory:
        check_choice(directory)
    check_engine()
    print("old results go, and nothing else does")


if __name__ == "__main__":
    main()
