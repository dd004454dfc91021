# engines/host/drover_results.py - writes a statement's results: tables in chunks, text, html, images, within limits.
# SPDX-License-Identifier: Apache-2.0
"""The layout of the files is in docs/engine-protocol.md. Nothing is held whole: a table goes out chunk by chunk."""
import gc
import itertools
import json
import math
import os
import sys
import zlib
from binascii import b2a_base64

from drover_io import encode, json_bytes

CHUNK_ROWS = 4096
CHUNK_TEXT = 512 << 10   # a chunk of wide rows holds fewer rows, so that a reader's memory stays small
CHUNK_TEXT_MAX = 4 * CHUNK_TEXT  # about; but a row is in one chunk
TAKEN_ROWS = 256         # of an iterator, before it is seen that they are wide
GARBAGE_ROWS = 4 * CHUNK_ROWS
WIDE_ROW = CHUNK_TEXT // 8
SMALL_TEXT = 4 << 10     # travels in the preview alone: most statements leave no file
PREVIEW_MAX = 2 << 20    # whatever was asked for: a line of the protocol is at most 8 MiB
RESULTS_MAX = 1000
SAFE_INT = 1 << 53       # larger ones lose digits in readers that have only floats
UNLIMITED = 1 << 62

quote = json.encoder.encode_basestring
BOOL = {True: "true", False: "false"}
SUFFIX = {"image/png": "png", "image/svg+xml": "svg", "image/jpeg": "jpg", "image/gif": "gif"}


def scalar(value):
    """(type, JSON text) of one cell."""
    if value is None:
        return None, "null"
    if value is True or value is False:
        return "bool", BOOL[value]
    kind = type(value)
    if kind is int:
        return "int", str(value) if -SAFE_INT <= value <= SAFE_INT else f'"{value}"'
    if kind is float:
        return "float", repr(value) if math.isfinite(value) else quote(str(value))
    if isinstance(value, str):
        return "string", quote(value)
    if isinstance(value, (bytes, bytearray, memoryview)):
        return "binary", quote(b2a_base64(value, newline=False).decode())
    return unusual(value)


def unusual(value):
    # A value of these types exists only where its module is loaded: importing them here would slow every start.
    dates, decimals = sys.modules.get("datetime"), sys.modules.get("decimal")
    if dates and isinstance(value, dates.datetime):
        if value != value:  # NaT of pandas
            return None, "null"
        return "timestamp", quote(dates.datetime.isoformat(value, timespec="microseconds"))
    if dates and isinstance(value, dates.date):
        return "date", quote(value.isoformat())
    if decimals and isinstance(value, decimals.Decimal):
        return "decimal", quote(str(value))
    if type(value).__module__ == "numpy" and hasattr(value, "item") and getattr(value, "ndim", 1) == 0:
        return scalar(value.item()) if type(value.item()) is not type(value) else ("any", quote(str(value)))
    if isinstance(value, int):  # enums and other heirs
        return scalar(int(value))
    if isinstance(value, float):
        return scalar(float(value))
    if isinstance(value, (dict, list, tuple)):
        try:
            return "any", quote(json.dumps(value, default=str, ensure_ascii=False))
        except (ValueError, TypeError, RecursionError):
            pass
    return "any", quote(str(value))


def encode_column(values):
    """(type, JSON texts) of one column of a chunk. The common cases never leave C loops."""
    kinds = set(map(type, values))
    if len(kinds) == 1:
        kind = next(iter(kinds))
        if kind is int and max(values) <= SAFE_INT and min(values) >= -SAFE_INT:
            return "int", list(map(repr, values))
        if kind is str:
            return "string", list(map(quote, values))
        if kind is float and (math.isfinite(sum(values)) or all(map(math.isfinite, values))):
            return "float", list(map(repr, values))
        if kind is bool:
            return "bool", list(map(BOOL.__getitem__, values))
    cells, found = [], None
    for value in values:
        kind, text = scalar(value)
        found = widen(found, kind)
        cells.append(text)
    return found, cells


def widen(one, other):
    if one == other or other is None:
        return one
    if one is None:
        return other
    pair = {one, other}
    if pair == {"int", "float"}:
        return "float"
    return "decimal" if pair == {"int", "decimal"} else "any"


class Table:
    """One table that is being written."""

    def __init__(self, results, index, names, name):
        self.results, self.names = results, names
        self.types = [None] * len(names)
        self.item = {"index": index, "kind": "table", "name": name, "file": f"{index}.index", "bytes": 0,
                     "complete": True, "rows": 0}
        self.preview, self.preview_open = [], True
        self.rows_file = results.create(f"{index}.rows")
        self.index_file = results.create(f"{index}.index")
        self.told, self.text_size = None, 0

    def add(self, columns):
        """Rows, column by column, as one chunk if they are not wide. False: a limit is reached, nothing more is taken."""
        if not columns or len(columns[0]) < 2 or text_of_columns(columns) <= CHUNK_TEXT_MAX:
            return self.add_chunk(columns)
        half = len(columns[0]) // 2
        is_taken = self.add([values[:half] for values in columns])
        size = self.text_size
        is_taken = is_taken and self.add([values[half:] for values in columns])
        self.text_size += size
        return is_taken

    def add_chunk(self, columns):
        count = min(len(columns[0]), self.results.rows_left) if columns else 0
        cut = bool(columns) and count < len(columns[0])
        while count:
            cells, types = [], []
            for values, known in zip(columns, self.types):
                kind, texts = encode_column(values if count == len(values) else values[:count])
                cells.append(texts)
                types.append(widen(known, kind))
            rows = list(map(",".join, zip(*cells)))
            text = "[[" + "],[".join(rows) + "]]"
            data = zlib.compress(text.encode("utf-8", "replace"), 1)
            if len(data) <= self.results.bytes_left:
                self.types = types
                self.write(rows, data)
                self.text_size = len(text)
                break
            count, cut = count // 2, True  # keep what fits
        self.item["complete"] = not cut
        if cut:
            self.results.tell_cut(self.item["index"], f"{self.item['rows']} rows")
        return not cut

    def write(self, rows, data):
        self.tell_columns()
        write_all(self.rows_file, data)
        entry = {"row": self.item["rows"], "rows": len(rows), "offset": self.item["bytes"], "bytes": len(data)}
        self.line(entry)
        self.item["rows"] += len(rows)
        self.item["bytes"] += len(data)
        self.results.bytes_left -= len(data)
        self.results.rows_left -= len(rows)
        if self.preview_open:
            for row in rows:
                if len(row) + 3 > self.results.preview_left:
                    self.preview_open = False
                    break
                self.results.preview_left -= len(row) + 3
                self.preview.append("[" + row + "]")

    def columns(self):
        return [{"name": name, "type": kind or "any"} for name, kind in zip(self.names, self.types)]

    def tell_columns(self):
        """The first line of the index; again when a later chunk has widened a type."""
        columns = self.columns()
        if columns != self.told:
            self.told = columns
            self.line({"columns": columns})

    def line(self, value):
        write_all(self.index_file, json_bytes(value) + b"\n")

    def close(self, complete):
        self.item["complete"] = self.item["complete"] and complete
        self.tell_columns()
        self.line({"rows": self.item["rows"], "complete": self.item["complete"]})
        os.close(self.rows_file)
        os.close(self.index_file)
        self.item["columns"] = self.columns()
        self.results.done(self.item, "[" + ",".join(self.preview) + "]")


class Results:
    """The results of one statement. Not for several threads at once."""

    def __init__(self, order):
        self.directory = order.get("results") or ""
        self.bytes_left = self.bytes_max = order.get("result_bytes") or UNLIMITED
        self.rows_left = self.rows_max = order.get("result_rows") or UNLIMITED
        self.over_quota = None  # what its author is told
        self.preview_left = min(order.get("preview_bytes") or PREVIEW_MAX, PREVIEW_MAX)
        self.count, self.items = 0, []

    def next_index(self):
        if self.count >= RESULTS_MAX:
            raise RuntimeError(f"a statement has at most {RESULTS_MAX} results")
        self.count += 1
        return self.count - 1

    def create(self, name):
        if not self.directory:
            raise RuntimeError("there is no directory for results")
        path = os.path.join(self.directory, name)
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            return os.open(path, flags, 0o600)
        except FileNotFoundError:
            os.makedirs(self.directory, 0o700, exist_ok=True)
            return os.open(path, flags, 0o600)

    def done(self, item, preview):
        """`preview` is JSON text already: it is not parsed again on its way."""
        text = encode(item)
        self.items.append(f'{text[:-1]},"preview":{preview}}}' if preview is not None else text)

    def json(self):
        return ("[" + ",".join(self.items) + "]").encode("utf-8", "replace")

    def tell_cut(self, index, at):
        """The first that did not fit. The statement goes on, and fails at its end: who takes a part for the whole is misled."""
        if self.over_quota is None:
            quota = f"{self.rows_max} rows" if self.rows_left == 0 else f"{self.bytes_max} bytes"
            self.over_quota = f"result {index} is cut at {at}: the results of a statement have at most {quota}; what is written stays"

    def begin_table(self, names, name=""):
        return Table(self, self.next_index(), [str(each) for each in names], str(name))

    def table(self, rows, columns=None, name="", types=None):
        """`rows`: any iterable of dicts or of sequences; read once, in chunks. `types` where they are known before."""
        chunk_rows, rows = CHUNK_ROWS // 64, rows if isinstance(rows, list) else iter(rows)
        at, table, ok, often = 0, None, False, gc.get_threshold()
        try:
            if 0 < often[0] < GARBAGE_ROWS:  # else each chunk is searched for garbage several times, while it is needed
                gc.set_threshold(GARBAGE_ROWS, *often[1:])
            while True:
                if isinstance(rows, list):
                    chunk, at = rows[at:at + chunk_rows], at + chunk_rows
                else:
                    chunk = take(rows, chunk_rows)
                if table is None:
                    keys = list(columns) if columns is not None else names_of(rows if isinstance(rows, list) else chunk)
                    table = self.begin_table(keys, name)
                    table.types = types or table.types
                if not chunk:
                    break
                if not table.add(by_column(chunk, keys)):
                    break
                chunk_rows = next_rows(chunk_rows, table.text_size)
            ok = True
        finally:
            if gc.get_threshold()[0] == GARBAGE_ROWS:  # and not what the code has set meanwhile
                gc.set_threshold(*often)
            if table is not None:
                table.close(ok)

    def text(self, text, name="", kind="text"):
        index, data = self.next_index(), text.encode("utf-8", "replace")
        complete = len(data) <= self.bytes_left
        if not complete:
            text = data[:self.bytes_left].decode("utf-8", "ignore")
            data = text.encode()
            self.tell_cut(index, f"{len(data)} bytes")
        preview = quote(text[:self.preview_left])
        is_whole = len(text) <= self.preview_left
        while len(preview) > self.preview_left + 2:
            text, is_whole = text[:min(len(text), self.preview_left) * 3 // 4], False
            preview = quote(text)
        self.preview_left -= min(len(preview), self.preview_left)
        file = ""
        if len(data) > SMALL_TEXT or not is_whole:
            file = f"{index}.{'html' if kind == 'html' else 'txt'}"
            self.write_file(file, data)
        self.bytes_left -= len(data)
        self.done({"index": index, "kind": kind, "name": str(name), "file": file, "bytes": len(data),
                   "complete": complete}, preview)

    def html(self, text, name=""):
        self.text(text, name, "html")

    def image(self, data, mime="image/png", name=""):
        index, data = self.next_index(), bytes(data)
        complete = len(data) <= self.bytes_left
        file = f"{index}.{SUFFIX.get(mime, 'img')}" if complete else ""  # a part of an image is none
        if complete:
            self.write_file(file, data)
            self.bytes_left -= len(data)
        else:
            self.tell_cut(index, "0 bytes")
        self.done({"index": index, "kind": "image", "name": str(name), "file": file,
                   "bytes": len(data) if complete else 0, "complete": complete, "mime": mime}, None)

    def write_file(self, name, data):
        file = self.create(name)
        try:
            write_all(file, data)
        finally:
            os.close(file)


def write_all(file, data):
    while data:
        data = data[os.write(file, data):]


def take(rows, count):
    """Up to so many of an iterator; fewer once they are wide, so that few of those are held at a time."""
    taken = []
    while len(taken) < count:
        more = list(itertools.islice(rows, min(TAKEN_ROWS, count - len(taken))))
        if not more:
            break
        taken += more
        last = more[-1].values() if isinstance(more[-1], dict) else more[-1]
        if sum(len(value) for value in last if isinstance(value, (str, bytes))) > WIDE_ROW:
            break
    return taken


def next_rows(rows, text_size):
    """How many the next chunk should have, when that many came to so much text."""
    return min(rows * 2, CHUNK_ROWS) if text_size < CHUNK_TEXT else max(1, rows * CHUNK_TEXT // (text_size * 2))


def text_of_columns(columns):
    """Of texts in these rows, by a sample."""
    step = max(1, len(columns[0]) // 64)
    return step * sum(len(value) for values in columns for value in values[::step] if isinstance(value, (str, bytes)))


def names_of(rows):
    if not rows:
        return []
    first = rows[0]
    if isinstance(first, dict):
        return list(dict.fromkeys(itertools.chain.from_iterable(rows)))
    fields = getattr(first, "_fields", None)
    return list(fields) if fields else [f"c{number}" for number in range(len(first))]


def by_column(rows, keys):
    if rows and isinstance(rows[0], dict):
        return [[row.get(key) for row in rows] for key in keys]
    try:
        columns = list(zip(*rows, strict=True))
        if len(columns) == len(keys):
            return columns
    except ValueError:
        pass
    return [[row[at] if at < len(row) else None for row in rows] for at in range(len(keys))]
