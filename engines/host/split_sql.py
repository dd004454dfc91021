# engines/host/split_sql.py - several statements in one text: where each begins, in SQLite's and PostgreSQL's words.
# SPDX-License-Identifier: Apache-2.0
import re

# A `;` inside one of these is none. Unfinished ones reach to the end: the database says what is wrong.
PIECES = re.compile(r"""
    --[^\n]* | /\*.*?(?:\*/|\Z) |
    (?:(?<![\w$])[eE]'(?:\\.|''|[^'\\])*(?:'|\Z)) |
    '(?:''|[^'])*(?:'|\Z) | "(?:""|[^"])*(?:"|\Z) | `[^`]*(?:`|\Z) |
    (?P<dollar>(?<![\w$])\$(?P<tag>[A-Za-z_]\w*)?\$.*?(?:\$(?(tag)(?P=tag))\$|\Z)) |
    (?P<end>;) | (?P<word>[A-Za-z_]\w*) | [^\w\s]""", re.X | re.S)


def split_statements(text):
    """[(line, statement)] without the `;` and without those that hold comments only."""
    found, start, words, depth = [], None, [], 0
    for piece in PIECES.finditer(text):
        if piece["end"]:
            if depth > 0:
                continue
            if start is not None:
                found.append((start, text[start:piece.start()]))
            start, words = None, []
            continue
        if text.startswith(("--", "/*"), piece.start()):
            continue
        if start is None:
            start = piece.start()
        word = piece["word"].lower() if piece["word"] else None
        if word and len(words) < 4:
            words.append(word)
        # The body of a SQLite trigger is statements of its own, from BEGIN to the END that is no CASE's.
        if word in ("begin", "case", "end") and words[0] == "create" and "trigger" in words:
            if word == "begin" or depth > 0:
                depth += -1 if word == "end" else 1
    if start is not None:
        found.append((start, text[start:].rstrip()))
    return [(text.count("\n", 0, at) + 1, statement) for at, statement in found]
