#!/usr/bin/env python3
# tools/lint.py - clang-tidy over every source file; a file that was clean is not looked at again until it,
# a header it includes, the checks or the compiler's command changes.
# SPDX-License-Identifier: Apache-2.0
#   tools/lint.py [FILE ...]     all sources unless said; needs build/dev/compile_commands.json; JOBS=1 for one at a time
"""Run clang-tidy, remembering what was clean."""
import concurrent.futures
import hashlib
import json
import os
import pathlib
import re
import subprocess
import sys
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = ROOT / "build" / "dev"
CLEAN = BUILD / "lint-clean"
INCLUDE = re.compile(rb'^\s*#\s*include\s*"([^"]+)"', re.M)


class Files:
    """Contents and project includes of files, each read once."""

    def __init__(self):
        self.known = {}
        self.lock = threading.Lock()

    def read(self, path):
        with self.lock:
            if path not in self.known:
                data = path.read_bytes()
                self.known[path] = (hashlib.sha256(data).digest(), INCLUDE.findall(data))
            return self.known[path]

    def reached_from(self, source):
        """The file and every project header it includes, at any depth."""
        seen, todo = set(), [source]
        while todo:
            path = todo.pop()
            if path in seen:
                continue
            seen.add(path)
            for name in self.read(path)[1]:
                for base in (path.parent, ROOT, BUILD):
                    candidate = (base / name.decode()).resolve()
                    if candidate.is_file():
                        todo.append(candidate)
                        break
        return sorted(seen)

    def digest(self, source, salt):
        whole = hashlib.sha256(salt)
        for path in self.reached_from(source):
            whole.update(str(path.relative_to(ROOT)).encode() + b"\0" + self.read(path)[0])
        return whole.hexdigest()


def main():
    commands = json.loads((BUILD / "compile_commands.json").read_text())
    command_of = {pathlib.Path(c["file"]).resolve(): c["command"] for c in commands}
    if len(sys.argv) > 1:
        sources = [pathlib.Path(name).resolve() for name in sys.argv[1:]]
    else:
        listed = subprocess.run(["git", "ls-files", "-z", "*.cpp"], cwd=ROOT, stdout=subprocess.PIPE, check=True)
        sources = [ROOT / name for name in listed.stdout.decode().split("\0") if name and (ROOT / name).is_file()]
    unbuilt = [path for path in sources if path not in command_of]
    if unbuilt:
        for path in unbuilt:
            print(f"error: {path.relative_to(ROOT)} is in no target of build/dev", file=sys.stderr)
        print("  hint: cmake --preset dev", file=sys.stderr)
        return 1

    version = subprocess.run(["clang-tidy", "--version"], stdout=subprocess.PIPE, check=True).stdout
    checks = (ROOT / ".clang-tidy").read_bytes()
    CLEAN.mkdir(exist_ok=True)
    files = Files()

    def stamp(path):
        salt = version + checks + command_of[path].replace(str(ROOT), ".").encode()
        return CLEAN / files.digest(path, salt)

    todo = [(path, mark) for path, mark in ((p, stamp(p)) for p in sources) if not mark.exists()]
    todo.sort(key=lambda item: -item[0].stat().st_size)
    begun, failed, done = time.monotonic(), [], 0

    def look(item):
        path, mark = item
        run = subprocess.run(
            ["clang-tidy", "-p", str(BUILD), "--quiet", "--warnings-as-errors=*", str(path)],
            cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        if run.returncode == 0:
            mark.touch()
        return path, run

    workers = int(os.environ.get("JOBS", os.cpu_count() or 2))
    with concurrent.futures.ThreadPoolExecutor(workers) as pool:
        for path, run in pool.map(look, todo):
            done += 1
            if run.returncode != 0:
                failed.append(path)
                print(run.stdout.decode(errors="replace").strip() or run.stderr.decode(errors="replace").strip(), flush=True)
            if done % 25 == 0:
                print(f"lint: {done} of {len(todo)} files, {time.monotonic() - begun:.0f} s", file=sys.stderr, flush=True)
    print(f"lint: {len(sources)} files, {len(todo)} looked at, {len(failed)} with findings, "
          f"{time.monotonic() - begun:.0f} s", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
