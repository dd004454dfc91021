#!/usr/bin/env python3
# tools/tidy.py - the house rules that a machine can check; each failure says why the rule exists.
# SPDX-License-Identifier: Apache-2.0
"""Usage: tools/tidy.py [--list]   (exit 1 when a rule is broken)"""
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

# Design section 3: what each folder may include, besides itself.
MAY_INCLUDE = {
    "base": set(),
    "rm": {"base"},
    "dag": {"base"},
    "sched": {"base", "rm", "dag"},
    "flow": {"base", "rm", "dag", "sched"},
    "pool": {"base", "rm", "dag", "sched"},
    "sim": {"base", "rm", "dag", "sched"},
    "proto": set(),
    "store": {"base", "proto", "sched", "flow", "rm", "dag"},  # sched's types bring rm's and dag's
    "net": {"base", "proto"},
    "metrics": {"base"},
    "nodeagent": {"base", "net", "metrics", "proto"},
    "linkis": {"base", "rm", "dag", "sched"},
    "server": {"base", "rm", "dag", "sched", "flow", "pool", "proto", "store", "net",
               "metrics", "linkis"},
    "cli": {"base", "dag", "net", "proto"},  # docs/adr/0008
}
CORE = ("rm/", "dag/", "sched/", "flow/", "pool/")
CORE_EXCEPT = ("sched/consumers",)
BANNED_IN_CORE = {
    r"std::chrono::\w+::now": "time arrives with the input, else a run cannot be replayed",
    r"\bclock_gettime\b|\bgettimeofday\b|\btime\(nullptr\)": "time arrives with the input",
    r"\bstd::(thread|mutex|shared_mutex|atomic|condition_variable)\b": "the core has one owner; locks hide the order of decisions",
    r"\bstd::random_device\b|\brand\(\)|\bmt19937\b": "randomness arrives with the input, else seeds do not replay",
    r"\bgetenv\b": "configuration arrives as a value",
    r"\bstd::(cout|cerr|ofstream|ifstream)\b|\bprintf\(": "the core does no IO; it returns what happened",
    r"\buv_\w+|\bmdb_\w+|\bhwloc_\w+|\bspdlog\b": "libraries of the edge stay at the edge",
    r"\btbb::": "only sched/consumers.* and server/ know oneTBB",
}
BANNED_ANYWHERE = {
    r"\bFIXME\b|\bXXX\b|\bHACK\b": "finish it or write an issue",
    r"\bTODO\b(?!\(#\d+\))": "a TODO needs its issue number: TODO(#n)",
    r"\bassert\(": "use DROVER_CHECK (on in release) or an Error (for what peers and users cause)",
    r"\bstrcpy\(|\bsprintf\(|\bstrcat\(|\bgets\(": "unbounded copies",
    r"\bsystem\(|\bpopen\(": "no shell between us and a program",
    r"\bstd::(views::|ranges::(unique|remove|remove_if|partition|stable_partition|rotate|search|equal_range)\()":
        "clang 14 cannot parse it, so fuzzing and linting stop: std::unique and friends do the same",
    r"\busing namespace std;": "names in headers belong to their readers",
}
SIZE = {".hpp": 200, ".cpp": 500, ".c": 500}
TEST_SIZE = 600
FUNCTION_MAX = 70


def tracked(*patterns):
    out = subprocess.run(["git", "ls-files", "-z", *patterns], cwd=ROOT, capture_output=True, check=True)
    return [Path(p) for p in out.stdout.decode().split("\0") if p and (ROOT / p).exists()]


def strip_comments_and_strings(text):
    """Blanks comments and literals, keeping line structure."""
    pattern = re.compile(r'R"(\w*)\((?:.|\n)*?\)\1"|//[^\n]*|/\*(?:.|\n)*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])+\'')

    def blank(match):
        piece = match.group(0)
        if piece.startswith(("//", "/*")):
            return re.sub(r"[^\n]", " ", piece)
        return '"' + re.sub(r"[^\n]", " ", piece[1:-1]) + '"'

    return pattern.sub(blank, text)


def check_first_lines(path, lines, report):
    if path.suffix not in (".hpp", ".cpp", ".c", ".py", ".sh", ".proto", ".js"):
        return
    head = [line for line in lines[:3] if not line.startswith("#!")]
    if not head or not re.match(rf"(//|#|/\*) {re.escape(str(path))} - .+", head[0]):
        report(path, 1, f"first line must be `// {path} - what this file decides`: the reader's first question")
    if not any("SPDX-License-Identifier: Apache-2.0" in line for line in lines[:12]):
        report(path, 2, "the opening comment must carry the SPDX licence tag")


def check_includes(path, lines, report):
    folder = path.parts[0]
    if folder not in MAY_INCLUDE:
        return
    allowed = MAY_INCLUDE[folder] | {folder}
    for number, line in enumerate(lines, 1):
        match = re.match(r'\s*#include "([^"]+)"', line)
        if not match:
            continue
        target = match.group(1)
        if "/" not in target and not target.endswith(".pb.h"):
            report(path, number, f'include from the root: "{folder}/{target}", so that names cannot collide')
            continue
        top = "proto" if target.endswith(".pb.h") else target.split("/")[0]
        if top not in allowed:
            report(path, number, f"{folder}/ may not include {top}/: the layer table of docs/architecture.md")


def check_words(path, code_lines, report):
    name = str(path)
    rules = dict(BANNED_ANYWHERE) if path.suffix in (".hpp", ".cpp") else {}
    if name.startswith("tests/"):  # a test may run a checker, and fills addresses of its own making
        rules = {pattern: why for pattern, why in rules.items() if "copies" not in why and "shell" not in why}
    if name.startswith(CORE) and not name.startswith(CORE_EXCEPT):
        rules.update(BANNED_IN_CORE)
    for number, line in enumerate(code_lines, 1):
        for pattern, why in rules.items():
            if re.search(pattern, line) and "static_assert" not in line:
                report(path, number, f"`{re.search(pattern, line).group(0)}`: {why}")


def check_sizes(path, lines, report):
    cap = TEST_SIZE if str(path).startswith("tests/") else SIZE.get(path.suffix)
    if cap and path.suffix in SIZE and len(lines) > cap:
        report(path, len(lines), f"{len(lines)} lines, at most {cap}: a file tells one story")
    table = False  # rows of a table that is fenced off by hand may be longer
    for number, line in enumerate(lines, 1):
        if "clang-format off" in line or "clang-format on" in line:
            table = "clang-format off" in line
        if len(line) > 100 and not table and "http" not in line and 'R"' not in line and path.suffix in SIZE:
            report(path, number, f"{len(line)} columns, at most 100")


def check_functions(path, code_lines, report):
    """A function body opens at column 0-2 with `{` ending a line that holds `)`, and closes with `}` at that indent."""
    start = None
    for number, line in enumerate(code_lines, 1):
        if start is None:
            match = re.match(r"^( {0,2})\S.*\)( const)?( noexcept)?( override)?( ->.*)? \{$", line)
            if match and not re.match(r"^\s*(if|for|while|switch|namespace|struct|class|enum)\b", line):
                start = (number, match.group(1))
        elif line.rstrip() in (start[1] + "}", start[1] + "};", start[1] + "});"):  # also of a lambda
            length = number - start[0] + 1
            if length > FUNCTION_MAX:
                report(path, start[0], f"function of {length} lines, at most {FUNCTION_MAX}: name its parts")
            start = None


def check_targets(report):
    """Every source is named by some CMakeLists.txt, else nobody builds or tests it."""
    lists = {p.parent: (ROOT / p).read_text() for p in tracked("*CMakeLists.txt")}
    for path in tracked("*.cpp"):
        if path.match("tests/fuzz/*_fuzz.cpp") or path.match("bench/*_bench.cpp"):
            continue
        if not any(path.name in text for parent, text in lists.items() if parent in path.parents):
            report(path, 1, "in no CMakeLists.txt: dead file")


def check_docs(report):
    """Relative links and `file:function` names in the documents exist."""
    for path in tracked("*.md"):
        text = (ROOT / path).read_text()
        for number, line in enumerate(text.split("\n"), 1):
            for link in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", line):
                if not link.startswith(("http:", "https:", "mailto:")) and not (ROOT / path.parent / link).exists():
                    report(path, number, f"broken link {link}")
            for file, name in re.findall(r"`([\w/]+\.(?:cpp|hpp|proto|py)):(\w+)`", line):
                target = ROOT / file
                if not target.exists():
                    report(path, number, f"{file} does not exist")
                elif not re.search(rf"\b{name}\b", target.read_text()):
                    report(path, number, f"{file} has no {name}")


def main():
    broken = []

    def report(path, line, why):
        broken.append(f"{path}:{line}: {why}")

    for path in tracked("*.hpp", "*.cpp", "*.c", "*.py", "*.sh", "*.proto", "*.js"):
        text = (ROOT / path).read_text(errors="replace")
        lines = text.split("\n")
        code_lines = strip_comments_and_strings(text).split("\n") if path.suffix in (".hpp", ".cpp", ".c") else lines
        check_first_lines(path, lines, report)
        check_sizes(path, lines, report)
        if path.suffix in (".hpp", ".cpp", ".c"):
            check_includes(path, lines, report)
            check_words(path, code_lines, report)
            check_functions(path, code_lines, report)
        if path.parts[-1] in ("util.hpp", "common.hpp", "helpers.hpp") or {"util", "common", "helpers"} & set(path.parts):
            report(path, 1, "a name that fits everything attracts everything")
    check_targets(report)
    check_docs(report)
    for line in broken:
        print(line)
    print(f"tidy: {len(broken)} broken rules" if broken else "tidy: all rules hold")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
