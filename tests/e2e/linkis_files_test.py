# tests/e2e/linkis_files_test.py - filesystem/... of the Linkis contract: pages, exports, downloads, and paths that lead nowhere.
# SPDX-License-Identifier: Apache-2.0
"""LINKIS_ROWS=1000000 python3 tests/e2e/linkis_files_test.py"""
import base64
import csv
import http.client
import io
import json
import os
import re
import sys
import threading
import time
from urllib.parse import quote, urlencode

from linkis_client import USER, Client, end_everything, run_cases, sheets, tokens
from skips import skip

ROWS = int(os.environ.get("LINKIS_ROWS", "200000"))
PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 64  # longer than a cell may be where cells are cut
CODE = f"""
drover.table([[1, 'a', None, 2.5, True], [2, 'b,"c"\\nd', 9007199254740993, -0.5, False], [3, '', 7, 1e300, None]], ['i', 't', 'n', 'f', 'b'])
drover.text('one\\ntwo\\n\\nfour')
drover.html('<b>x</b>\\n<i>y</i>')
drover.image({PNG!r}, 'image/png')
print('printed')
print('2026-01-01 10:00:00.000 ERROR bad')
print('  more of it')
drover.table([[i] for i in range(3)], ['only'], name='second')
"""


class Bench:
    def __init__(self, cluster):
        self.cluster, self.token = cluster, tokens(cluster)[0]
        self.client = Client(cluster, self.token)
        self.made = {}

    def task(self, name, code, *how):
        """Runs it once; later callers get what it left."""
        if name not in self.made:
            exec_id, number = self.client.submit(code, *(how or ("python-3", "python")))
            assert self.client.wait(exec_id, 120)[-1] == "Succeed", self.client.task(number)
            self.made[name] = self.client.task(number)
        return self.made[name]

    def small(self):
        return self.task("small", CODE)

    def get(self, call, **query):
        return self.client.good("GET", f"/filesystem/{call}?{urlencode(query)}")

    def raw(self, call, **query):
        return self.client.raw("GET", f"/filesystem/{call}?{urlencode(query)}", timeout=300)

    def file(self, number, task=None):
        return f"{(task or self.small())['resultLocation']}/_{number}.dolphin"

    def folder(self, task):
        """Of its files on the node."""
        return next(place for place, _, names in os.walk(self.results)
                    if "0.index" in names and str(task["taskID"]) in place.removeprefix(self.results).split("/"))

    def rss_kib(self, key="VmRSS"):
        with open(f"/proc/{self.cluster.processes['droverd'].pid}/status", encoding="ascii") as status:
            return int(re.search(key + r":\s+(\d+)", status.read()).group(1))


def the_tree(bench):
    task = bench.small()
    location = task["resultLocation"]
    assert location == f"file:///drover/{USER}/result/{task['taskID']}", task
    text = bench.raw("getDirFileTrees", path=location)[2].decode()
    sizes = [node["properties"]["size"] for node in json.loads(text)["data"]["dirFileTrees"]["children"]]
    ended = task["updatedTime"]
    children = ",".join(f'{{"name":"_{i}.dolphin","path":"{location}/_{i}.dolphin","isLeaf":true,"properties":{{"size":"{size}","modifytime":"{ended}"}},'
                        f'"parentPath":"{location}"}}' for i, size in enumerate(sizes))
    assert text == ('{"method":"/api/filesystem/getDirFileTrees","status":0,"message":"OK","data":{"dirFileTrees":{"name":"%d","path":"%s","children":[%s]}}}'
                    % (task["taskID"], location, children)), text
    assert len(sizes) == 5 and all(re.fullmatch(r"\d+", size) for size in sizes), sizes
    assert bench.get("getDirFileTrees", path=location + "/")["dirFileTrees"]["path"] == location
    leaf = bench.get("getDirFileTrees", path=bench.file(1))["dirFileTrees"]
    assert leaf["isLeaf"] is True and leaf["parentPath"] == location, leaf
    home = bench.get("getUserRootPath")["userHDFSRootPath"]
    assert home == f"file:///drover/{USER}" and bench.get("getDirFileTrees", path=home)["dirFileTrees"]["children"] == []
    assert set(bench.get("getUserRootPath", pathType="file")) == {"userLocalRootPath"}
    assert set(bench.get("getUserRootPath", pathType="s3")) == {"userS3RootPath"}


def pages_of_every_kind(bench):
    said = bench.raw("openFile", path=bench.file(1), page=1, pageSize=100)[2].decode()
    assert said == ('{"method":"/api/filesystem/openFile","status":0,"message":"OK","data":{"type":"1","metadata":"NULL","fileContent":[["one"],["two"],[""],'
                    '["four"]],"page":1,"totalLine":4,"totalPage":0}}'), said
    table = bench.get("openFile", path=bench.file(0), nullValue="LINKIS_NULL")
    assert list(table) == ["type", "metadata", "fileContent", "page", "totalLine", "totalPage"], table
    assert table["metadata"] == [{"columnName": name, "comment": "", "dataType": kind} for name, kind in
                                 (("i", "bigint"), ("t", "string"), ("n", "bigint"), ("f", "double"), ("b", "boolean"))], table["metadata"]
    assert table["fileContent"] == [["1", "a", None, "2.5", "true"], ["2", 'b,"c"\nd', "9007199254740993", "-0.5", "false"],
                                    ["3", "", "7", "1e+300", None]], table["fileContent"]
    assert (table["type"], table["page"], table["totalLine"], table["totalPage"]) == ("2", 1, 3, 0)
    assert bench.get("openFile", path=bench.file(0))["fileContent"][0][2] == "NULL"
    assert bench.get("openFile", path=bench.file(0), nullValue="-")["fileContent"][0][2] == "-"
    assert bench.get("openFile", path=bench.file(2))["fileContent"] == [["<b>x</b>\n<i>y</i>"]]
    picture = bench.get("openFile", path=bench.file(3))
    head, tail = '<img src="data:image/png;base64,', '">'  # pages make it the document of a frame, and ask for short cells
    cell = bench.get("openFile", path=bench.file(3), enableLimit="true")["fileContent"][0][0]
    assert picture["type"] == "4" and picture["fileContent"] == [[cell]] and cell.startswith(head) and cell.endswith(tail), picture
    assert base64.b64decode(cell[len(head):-len(tail)], validate=True) == PNG, cell
    for number, rows in ((0, 3), (1, 4), (2, 1), (3, 1), (4, 3)):  # a page after the last row is empty
        for size in (1, 2, 3, 100):
            seen = 0
            for page in range(1, rows + 3):
                got = bench.get("openFile", path=bench.file(number), page=page, pageSize=size)
                assert len(got["fileContent"]) == got["totalLine"] == max(0, min(size, rows - seen)) and got["page"] == page, got
                seen += got["totalLine"]
            assert seen == rows, (number, size, seen)
        assert bench.get("openFile", path=bench.file(number), page=999999, pageSize=100000)["fileContent"] == []


def cells_as_java_reads_them(bench):
    """Timestamps and floats that are no numbers, the same in pages and exports; texts are nobody's to change."""
    code = """import datetime as d
east = d.timezone(d.timedelta(hours=2))
drover.table([[d.datetime(2024, 2, 3, 4, 5, 6), d.datetime(2024, 2, 3, 4, 5, 6, 123456, east), float('nan'), '2024-02-03T04:05:06', 'nan', d.date(2024, 2, 3)],
              [None, d.datetime(2024, 3, 1, 0, 30, tzinfo=east), float('-inf'), 'T', 'inf', None],
              [d.datetime(1, 1, 1), None, float('inf'), '', '-inf', None]], ['t', 'z', 'f', 's', 'w', 'd'])"""
    task = bench.task("cells", code)
    path = bench.file(0, task)
    page = bench.get("openFile", path=path)
    assert [column["dataType"] for column in page["metadata"]] == ["timestamp", "timestamp", "double", "string", "string", "date"], page["metadata"]
    want = [["2024-02-03 04:05:06", "2024-02-03 02:05:06.123", "NaN", "2024-02-03T04:05:06", "nan", "2024-02-03"],
            ["NULL", "2024-02-29 22:30:00", "-Infinity", "T", "inf", "NULL"], ["0001-01-01 00:00:00", "NULL", "Infinity", "", "-inf", "NULL"]]
    assert page["fileContent"] == want, page["fileContent"]
    second = bench.get("openFile", path=path, columnPage=2, columnPageSize=2)["fileContent"]
    assert second == [row[2:4] for row in want], second
    text = bench.raw("resultsetToExcel", path=path)[2].decode()
    assert list(csv.reader(io.StringIO(text))) == [["t", "z", "f", "s", "w", "d"], *want], text
    rows = dolphin(bench.client.raw("POST", "/filesystem/download", {"path": path})[2])[2]
    assert rows == [["LINKIS_NULL" if cell == "NULL" else cell for cell in row] for row in want], rows
    rows = sheets(bench.raw("resultsetToExcel", path=path, outputFileType="xlsx")[2])[0][1]
    assert rows[1:] == want, rows


def columns_in_pages(bench):
    task = bench.task("wide", "drover.table([[i * 1000 + c for c in range(1200)] for i in range(2)], [f'c{c}' for c in range(1200)])\n"
                              "drover.table([['x' * 20000, 'y']], ['long', 'short'])")
    got = []
    for page in (1, 2, 3, 4):
        part = bench.get("openFile", path=bench.file(0, task), columnPage=page, columnPageSize=500)
        assert len(part["metadata"]) == len(part["fileContent"][0]) == (500, 500, 200, 0)[page - 1]
        got += part["fileContent"][1]
        assert part["totalColumn"] == 1200 and part["column_limit_display"] is True and "1200" in part["en_msg"] and "1200" in part["zh_msg"], part["en_msg"]
    assert "totalColumn" not in bench.get("openFile", path=bench.file(1, task)), "nothing is left out"
    assert got == [str(1000 + c) for c in range(1200)]
    assert len(bench.get("openFile", path=bench.file(0, task))["metadata"]) == 500, "500 when nothing is said"
    long = bench.file(1, task)
    assert len(bench.get("openFile", path=long)["fileContent"][0][0]) == 20000
    assert len(bench.get("openFile", path=long, enableLimit="true")["fileContent"][0][0]) == 10000


def the_log(bench):
    path = bench.small()["logPath"]
    error, warn, info, everything = bench.get("openLog", path=path)["log"]
    assert error == "2026-01-01 10:00:00.000 ERROR bad\n  more of it\n" and warn == "", (error, warn)
    lines = everything.splitlines()
    assert everything.endswith("\n"), "a client counts the lines of what it has"
    assert "printed" in lines and lines[0].endswith(f"is accepted as {bench.small()['execId']}") and "has ended: Succeed" in lines[-1], lines
    assert info.splitlines() == [line for line in lines if line not in error.splitlines()], info
    assert bench.get("openLog", path=path, logLevel="ERROR")["log"] == [error, "", "", error]
    assert bench.get("openLog", path=path, logLevel="all")["log"][3] == everything
    status, headers, text = bench.client.raw("POST", "/filesystem/download", {"path": path, "charset": "utf-8"})
    assert status == 200 and text.decode() == everything and f'filename="{bench.small()["taskID"]}.log"' in headers["Content-Disposition"]
    live = bench.client.submit("import time; print('now', flush=True); time.sleep(600)", "python-3", "python")
    live_path = f"file:///drover/{USER}/log/{live[1]}.log"
    bench.cluster.until(lambda: "now" in bench.get("openLog", path=live_path)["log"][3], "it is read while the task runs", 30)
    bench.client.good("GET", f"/entrance/{live[0]}/kill")
    bench.client.wait(live[0])


def what_a_shell_prints(bench):
    """Its result as well as its log; with arguments, a directory and a bar of progress."""
    def run(code, **runtime):
        exec_id, number = bench.client.submit(code, params={"configuration": {"runtime": runtime}} if runtime else {})
        assert bench.client.wait(exec_id)[-1] == "Succeed", bench.client.task(number)
        return exec_id, bench.client.task(number)

    def rows(task):
        assert [leaf["path"] for leaf in bench.get("getDirFileTrees", path=task["resultLocation"])["dirFileTrees"]["children"]] == [bench.file(0, task)]
        page = bench.get("openFile", path=bench.file(0, task))
        assert page["type"] == "1" and page["metadata"] == "NULL", page
        return [row[0] for row in page["fileContent"]]

    assert rows(run("echo hello; echo; echo 'a \"b\"'")[1]) == ["hello", "", 'a "b"']
    assert rows(run("true")[1]) == []
    arguments = ["one", "it's", "two words", "$HOME;`id`\n"]
    _, task = run('printf "%s|" "$@" "$#"; pwd', extraArguments=arguments, **{"wds.linkis.shell.runtime.working.directory": "/usr/share"})
    assert "\n".join(rows(task)) == "|".join([*arguments, "4", "/usr/share"]), rows(task)
    assert rows(run("echo $LINENO\necho $LINENO", extraArguments=["a\nb\nc"])[1]) == ["1", "2"], "lines keep their numbers"
    status, _, text = bench.raw("resultsetToExcel", path=bench.file(0, run("echo a,b")[1]), outputFileType="csv")
    assert status == 200 and text.decode().rstrip() == '"a,b"', text
    bench.client.bad("POST", "/entrance/submit", bench.client.body("pwd", params={"configuration": {"runtime": {
        "wds.linkis.shell.runtime.working.directory": "share"}}}))
    bar, task = run(r'printf "a\rb\rc\nd\r\ne\r"')
    lines, at = [], 0
    while piece := bench.client.log(bar, fromLine=at, size=2)["log"][3]:
        lines += piece.split("\n")
        at = len(lines)
    assert lines[2:-1] == rows(task) == ["a", "b", "c", "d", "e"], (lines, rows(task))
    failed, number = bench.client.submit("echo said; exit 3")
    assert bench.client.wait(failed)[-1] == "Failed" and bench.client.task(number)["resultLocation"] == "", "there is no result of what failed"


def dolphin(data):
    """As the original client reads it."""
    assert data[:7] == b"dolphin", data[:20]
    kind, at, records = int(data[7:17]), 17, []
    while at < len(data):
        length = int(data[at:at + 10])
        record, at = data[at + 10:at + 10 + length], at + 10 + length
        if kind != 2:
            records.append(record.decode())
            continue
        keys = int(record[:10])
        cells, place = [], 10 + keys
        for size in record[10:10 + keys].decode().rstrip(",").split(","):
            cells.append(record[place:place + int(size)].decode())
            place += int(size)
        assert place == len(record), record
        records.append(cells)
    return kind, records[0], records[1:]


def downloads(bench):
    def got(number):
        status, headers, data = bench.client.raw("POST", "/filesystem/download", {"path": bench.file(number)})
        assert status == 200 and headers["Content-Type"] == "application/octet-stream" and headers["X-Content-Type-Options"] == "nosniff", headers
        assert headers["Content-Disposition"] == f'attachment; filename="_{number}.dolphin"', headers
        return dolphin(data)
    kind, head, rows = got(0)
    assert kind == 2 and head == ["i", "bigint", "", "t", "string", "", "n", "bigint", "", "f", "double", "", "b", "boolean", ""], head
    assert rows == [["1", "a", "LINKIS_NULL", "2.5", "true"], ["2", 'b,"c"\nd', "9007199254740993", "-0.5", "false"], ["3", "", "7", "1e+300", "LINKIS_NULL"]], rows
    assert got(1) == (1, "NULL", ["one", "two", "", "four"])
    assert got(2) == (5, "NULL", ["<b>x</b>\n<i>y</i>"])
    assert got(3) == (4, "NULL", [f'<img src="data:image/png;base64,{base64.b64encode(PNG).decode()}">'])


def in_charsets(bench):
    """Several pieces long, and with a character that GBK lacks."""
    path = bench.file(0, bench.task("charsets", "drover.table(([i, '\u4e2d\u6587' * 20 + '\U0001f600'] for i in range(60000)), ['i', '\u5217'])"))
    rows = [["i", "\u5217"]] + [[str(i), "\u4e2d\u6587" * 20 + "\U0001f600"] for i in range(60000)]
    for charset, word in (("GBK", "?"), ("gb18030", "\U0001f600"), ("utf8", "\U0001f600")):
        status, headers, data = bench.raw("resultsetToExcel", path=path, limit=60000, charset=charset)
        name = headers["Content-Type"].removeprefix("text/csv; charset=")
        assert status == 200 and name == {"GBK": "GBK", "gb18030": "GB18030", "utf8": "utf-8"}[charset], (status, headers, data[:200])
        got = list(csv.reader(io.StringIO(data.decode(name), newline="")))
        assert got == [[cell.replace("\U0001f600", word) for cell in row] for row in rows], (charset, got[:2])
    assert bench.raw("resultsetToExcel", path=path, outputFileType="xlsx", charset="gbk")[0] == 200, "a workbook has its own"
    refused = bench.raw("resultsetToExcel", path=path, charset="latin-1")[2].decode()
    assert "LATIN-1" in refused and "utf-8, gbk or gb18030" in refused, refused


def as_csv(bench):
    status, headers, text = bench.raw("resultsetToExcel", path=bench.file(0), outputFileType="csv", outputFileName="mine")
    assert status == 200 and headers["Content-Type"].startswith("text/csv") and headers["Content-Disposition"] == 'attachment; filename="mine.csv"', headers
    assert text.decode() == 'i,t,n,f,b\n1,a,NULL,2.5,true\n2,"b,""c""\nd",9007199254740993,-0.5,false\n3,,7,1e+300,NULL\n', text
    want = [["i", "t", "n", "f", "b"], ["1", "a", "", "2.5", "true"], ["2", 'b,"c"\nd', "9007199254740993", "-0.5", "false"], ["3", "", "7", "1e+300", ""]]
    for query, separator in (({"csvSeparator": ";"}, ";"), ({"csvSeperator": "\\t"}, "\t"), ({"csvSeparator": "\t", "quoteRetouchEnable": "true"}, "\t")):
        text = bench.raw("resultsetToExcel", path=bench.file(0), nullValue="BLANK", **query)[2].decode()
        assert list(csv.reader(io.StringIO(text, newline=""), delimiter=separator)) == want, (query, text)
    assert bench.raw("resultsetToExcel", path=bench.file(0), quoteRetouchEnable="true")[2].startswith(b'"i","t","n","f","b"\n"1","a","NULL"')
    assert bench.raw("resultsetToExcel", path=bench.file(0), limit=1, keepNewline="false")[2] == b"i,t,n,f,b\n1,a,NULL,2.5,true\n"
    assert b'2,"b,""c"" d",' in bench.raw("resultsetToExcel", path=bench.file(0), keepNewline="false")[2]
    assert bench.raw("resultsetToExcel", path=bench.file(1))[2] == b"one\ntwo\n\nfour\n"
    assert bench.raw("resultsetToExcel", path=bench.file(0), outputFileName="a\r\nSet-Cookie: x")[0] == 400
    in_charsets(bench)
    name = bench.raw("resultsetToExcel", path=bench.file(0), outputFileName="a\tSet-Cookie: x=\"y\"/../ä")[1]["Content-Disposition"]
    assert "\t" not in name and "/" not in name and name.count('"') == 2 and name.endswith("%C3%A4.csv"), name


def as_workbooks(bench):
    status, headers, data = bench.raw("resultsetToExcel", path=bench.file(0), outputFileType="xlsx", sheetName="my/sheet", nullValue="-")
    assert status == 200 and headers["Content-Type"].endswith("spreadsheetml.sheet"), (status, headers, data)
    assert sheets(data) == [("my_sheet", [["i", "t", "n", "f", "b"], [1.0, "a", "-", 2.5, "true"], [2.0, 'b,"c"\nd', "9007199254740993", -0.5, "false"],
                                          [3.0, "", 7.0, 1e300, "-"]])], sheets(data)
    data = bench.raw("resultsetToExcel", path=bench.file(1), outputFileType="xlsx")[2]
    assert sheets(data)[0][0] == "result" and [row for row in sheets(data)[0][1] if row] == [["one"], ["two"], ["four"]], sheets(data)
    status, headers, data = bench.raw("resultsetsToExcel", path=bench.small()["resultLocation"], outputFileName="all")
    assert status == 200 and 'filename="all.xlsx"' in headers["Content-Disposition"], (status, data)
    assert [(name, len([row for row in rows if row])) for name, rows in sheets(data)] == [("sheet0", 4), ("sheet1", 3), ("sheet2", 4)], sheets(data)
    odd = bench.task("odd", "drover.table([['=1+1'], ['\\x01\\x1f\\ufffe'], ['<&>\"'], ['x' * 40000], ['\\u00e4' * 20000]], ['t'])")
    rows = sheets(bench.raw("resultsetToExcel", path=bench.file(0, odd), outputFileType="xlsx")[2])[0][1]
    assert rows[1] == ["=1+1"] and rows[2] == ["\ufffd" * 3] and rows[3] == ['<&>"'] and len(rows[4][0]) == 32767 and rows[5][0] == "\u00e4" * 16383, rows[:4]
    raw = bench.task("raw", "printf 'x\\377y\\344\\270\\n'", "shell-1", "shell")
    assert sheets(bench.raw("resultsetToExcel", path=bench.file(0, raw), outputFileType="xlsx")[2])[0][1] == [["x\ufffdy\ufffd"]], "what is no UTF-8"


def big_table(bench):
    return bench.task("big", f"drover.table(([i, 'row number ' + str(i), i / 7, None] for i in range({ROWS})), ['i', 't', 'f', 'n'])")


def a_long_table_in_constant_memory(bench):
    task = big_table(bench)
    path = bench.file(0, task)
    assert bench.get("fileInfo", path=path)["rowNumber"] == ROWS
    begun = time.monotonic()
    page = bench.get("openFile", path=path, page=1, pageSize=5000)
    first = time.monotonic() - begun
    assert page["totalLine"] == 5000 and page["fileContent"][4999][0] == "4999"
    begun = time.monotonic()
    page = bench.get("openFile", path=path, page=ROWS // 5000, pageSize=5000)
    last = time.monotonic() - begun
    assert page["fileContent"][-1][:2] == [str(ROWS - 1), f"row number {ROWS - 1}"], page["fileContent"][-1]
    assert bench.get("openFile", path=path, page=ROWS // 5000 + 1, pageSize=5000)["fileContent"] == []
    print(f"  page 1 of {ROWS} rows: {first * 1000:.0f} ms, the last page: {last * 1000:.0f} ms")
    pages_before = bench.rss_kib()
    for number in range(1, 40):
        bench.get("openFile", path=path, page=number * (ROWS // 5000) // 40 + 1, pageSize=5000)
    before = bench.rss_kib()
    begun, count, size, at = time.monotonic(), -1, 0, None
    for line in stream(bench, f"/filesystem/resultsetToExcel?{urlencode({'path': path, 'limit': ROWS})}"):
        count, size, at = count + 1, size + len(line), line
    assert count == ROWS and at == f"{ROWS - 1},row number {ROWS - 1},{json.dumps((ROWS - 1) / 7)},NULL\n".encode(), (count, at)
    after_csv, seconds = bench.rss_kib(), time.monotonic() - begun
    print(f"  csv: {size >> 20} MiB in {seconds:.1f} s; droverd had {pages_before >> 10} MiB, {before >> 10} after 40 pages, {after_csv >> 10} after the csv")
    begun = time.monotonic()
    status, _, data = bench.raw("resultsetToExcel", path=path, outputFileType="xlsx", limit=ROWS)
    assert status == 200, data[:200]
    after, peak = bench.rss_kib(), bench.rss_kib("VmHWM")
    print(f"  xlsx: {len(data) >> 20} MiB in {time.monotonic() - begun:.1f} s; droverd has {after >> 10} MiB after it, {peak >> 10} at most")
    assert peak - pages_before < 64 << 10, "exports and pages are in constant memory"
    rows = sheets(data)[0][1]
    assert len(rows) == ROWS + 1 and rows[-1][:2] + rows[-1][3:] == [float(ROWS - 1), f"row number {ROWS - 1}", "NULL"], rows[-1]
    assert abs(rows[-1][2] - (ROWS - 1) / 7) < 1e-9, "a workbook's numbers have 16 digits"
    data = bench.client.raw("POST", "/filesystem/download", {"path": path}, timeout=300)[2]
    kind, _, rows = dolphin(data)
    assert kind == 2 and len(rows) == ROWS and rows[-1][0] == str(ROWS - 1)
    assert len(bench.raw("resultsetToExcel", path=path)[2].splitlines()) == 5001, "5,000 rows when no limit is given"


def wide_rows_in_constant_memory(bench):
    """The JDBC driver asks for 5,000 rows whatever they hold: a long page goes out piece by piece, and so does what nulls make of an export."""
    task = bench.task("wide rows", "drover.table(([i, f'{i} ' + 'x' * 20000] for i in range(6000)), ['i', 't'])\n"
                                   "drover.table(([None] * 400 for i in range(6000)), [f'n{i}' for i in range(400)])")
    path = bench.file(0, task)
    before = bench.rss_kib()
    for number, count in ((1, 5000), (2, 1000), (3, 0)):
        page = bench.get("openFile", path=path, page=number, pageSize=5000)
        assert page["totalLine"] == len(page["fileContent"]) == count and page["page"] == number and len(page["metadata"]) == 2, (number, page["totalLine"])
        at = (number - 1) * 5000
        assert all(row == [str(at + i), f"{at + i} " + "x" * 20000] for i, row in enumerate(page["fileContent"])), number
    paged = bench.rss_kib("VmHWM")
    long = "n" * 4000
    count = sum(1 for line in stream(bench, f"/filesystem/resultsetToExcel?{urlencode({'path': bench.file(1, task), 'limit': 200, 'nullValue': long})}"))
    assert count == 201, count
    peak = bench.rss_kib("VmHWM")
    print(f"  a page of {5000 * 20000 >> 20} MiB, a csv of {200 * 400 * 4000 >> 20}; droverd had {before >> 10} MiB before, then {paged >> 10} and {peak >> 10} at most")
    assert peak - before < 64 << 10, "long pages are in constant memory"
    rows = os.path.join(bench.folder(task), "0.rows")
    with open(rows, "r+b") as file:  # its last chunks: the first have gone out by then, and nobody must take them for the page
        file.truncate(os.path.getsize(rows) * 3 // 4)
    try:
        status, _, text = bench.raw("openFile", path=path, page=1, pageSize=5000)
    except http.client.IncompleteRead:
        return
    raise AssertionError(f"a page whose end is lost was taken for whole: {status}, {len(text)} bytes")


def a_long_text_page_by_page(bench):
    count = 120_000
    task = bench.task("text", f"drover.text('\\n'.join(f'line {{i}} ' + 'x' * 40 for i in range({count})) + '\\n' + 'y' * 3000000 + '\\nend')")
    path, want = bench.file(0, task), [f"line {i} " + "x" * 40 for i in range(count)]
    want += ["y" * (1 << 20), "y" * (1 << 20), "y" * (3000000 - (2 << 20)), "end"]

    def page(number, size):
        got = [row[0] for row in bench.get("openFile", path=path, page=number, pageSize=size)["fileContent"]]
        assert got == want[(number - 1) * size:number * size], (number, size, len(got))
        return got
    number = 1
    while page(number, 5000):  # forward, as the original client does: each page begins where the one before ended
        number += 1
    for number in (25, 24, 3, 4, 1, 20, 26, 25):
        page(number, 5000)
    for number in (3, 60001, 60002, 40001, 40002):
        page(number, 2)


def sheets_without_rows(bench):
    many = bench.task("sheets", "for i in range(255): drover.table([], ['a'])")
    status, _, data = bench.raw("resultsetsToExcel", path=many["resultLocation"])
    assert status == 200 and len(sheets(data)) == 255, (status, data[:200])
    more = bench.task("more sheets", "for i in range(256): drover.table([], ['a'])")
    status, _, data = bench.raw("resultsetsToExcel", path=more["resultLocation"])
    assert status == 400 and b"255 sheets" in data, (status, data[:200])


def stream(bench, path):
    connection = http.client.HTTPConnection("127.0.0.1", bench.client.port, timeout=300)
    connection.request("GET", "/api/rest_j/v1" + path, headers=bench.client.headers)
    answer = connection.getresponse()
    assert answer.status == 200, answer.read()
    yield from answer
    connection.close()


def readers_that_leave(bench):
    """Whoever goes while an export, or a long page, is made or sent leaves nothing behind."""
    path = bench.file(0, big_table(bench))
    long = bench.file(0, bench.task("long rows", "drover.table(([i, 'x' * 20000] for i in range(5000)), ['i', 't'])"))
    for call, query in (("resultsetToExcel", {"path": path, "limit": ROWS, "outputFileType": "csv"}),
                        ("resultsetToExcel", {"path": path, "limit": ROWS, "outputFileType": "xlsx"}), ("openFile", {"path": long})):
        for wait in (0.0, 0.3, 1.0):
            connection = http.client.HTTPConnection("127.0.0.1", bench.client.port, timeout=60)
            connection.request("GET", f"/api/rest_j/v1/filesystem/{call}?{urlencode(query)}", headers=bench.client.headers)
            time.sleep(wait)
            connection.close()
    exports = bench.cluster.data / "exports"
    pid = bench.cluster.processes["droverd"].pid

    def open_exports():
        names = []
        for fd in os.listdir(f"/proc/{pid}/fd"):
            try:
                names.append(os.readlink(f"/proc/{pid}/fd/{fd}"))
            except OSError:
                pass
        return [name for name in names if str(exports) in name]
    bench.cluster.until(lambda: not open_exports() and not os.listdir(exports), "no file of an export is open any more", 60)
    bench.cluster.until(lambda: bench.cluster.get("/api/v1/status")["streams"] == 0, "nothing is read any more", 60)
    answers = []
    threads = [threading.Thread(target=lambda: answers.append(bench.raw("resultsetToExcel", path=path, outputFileType="xlsx", limit=50000)[0])) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 200 in answers and set(answers) <= {200, 400}, answers
    bench.cluster.until(lambda: not open_exports(), "all are closed", 30)


HOSTILE = ("file:///etc/passwd", "/etc/passwd", "../../../etc/passwd", "file:///drover/{u}/result/{t}/../../../../etc/passwd", "file:///drover/{u}/result/{t}/..",
           "file:///drover/{u}/result/{t}/_0.dolphin/..", "file:///drover/{u}/result/{t}/./_0.dolphin", "file:///drover/{u}/result/{t}//_0.dolphin",
           "file:///drover/{u}/result/{t}/_99.dolphin", "file:///drover/{u}/result/{t}/_-1.dolphin", "file:///drover/{u}/result/{t}/_0.dolphin.index",
           "file:///drover/{u}/result/{t}/0.rows", "file:///drover/{u}/result/{t}/_0.dolphin%00", "file:///drover/{u}/result/{t}/_0.dolphin\0.png",
           "file:///drover/{u}/result/0{t}/_0.dolphin", "file:///drover/{u}/result/999999999", "file:///drover/{u}/result/99999999999999999999999",
           "file:///drover/somebody/result/{t}/_0.dolphin", "file:///drover/../{u}/result/{t}", "file:///drover/{u}/log/{t}.log/../1.log", "hdfs:///drover/{u}/result/{t}",
           "FILE:///drover/{u}/result/{t}", "file:///drover/{u}/result/{t}?x", "\\\\server\\share", "file://localhost/etc/passwd", "x" * 5000)


def paths_that_lead_nowhere(bench):
    fill = {"u": USER, "t": bench.small()["taskID"]}
    calls = ("getDirFileTrees", "openFile", "openLog", "fileInfo")
    want = {call: bench.client.bad("GET", f"/filesystem/{call}?path={quote('file:///drover/nobody/result/1')}").json["data"] for call in calls}
    assert all(data["errorMsg"]["errCode"] == 80010 for data in want.values()), want
    text = bench.raw("resultsetToExcel", path="file:///drover/nobody/result/1")
    assert text[0] == 400 and text[2].startswith(b"error(80010): ") and text[1]["Content-Type"].startswith("text/plain"), text
    for hostile in HOSTILE:
        path = hostile.format(**fill)
        if "\0" in path:  # refused before anything is looked at
            assert bench.raw("openFile", path=path)[0] == 400
            continue
        for call in calls:
            data = bench.client.bad("GET", f"/filesystem/{call}?path={quote(path)}").json["data"]
            assert data == want[call], (call, path, data)
        for call in ("resultsetToExcel", "resultsetsToExcel"):
            assert bench.raw(call, path=path)[::2] == text[::2], (call, path)
        assert bench.client.raw("POST", "/filesystem/download", {"path": path})[::2] == text[::2], path
        assert bench.get("isExist", path=path) == {"isExist": False}, path
    for path in (bench.small()["resultLocation"], bench.file(0), bench.small()["logPath"], f"file:///drover/{USER}"):
        assert bench.get("isExist", path=path) == {"isExist": True}, path


def somebody_else(bench):
    stranger = next((name for name in ("daemon", "games", "nobody") if name != USER), None)
    other = Client(bench.cluster, bench.token, stranger)
    if other.ask("GET", "/user/userInfo").status != 0:
        return skip("no other user can be tried here")
    missing = other.bad("GET", f"/filesystem/openFile?path={quote(f'file:///drover/{stranger}/result/999999')}", status=3).json
    for path in (bench.small()["resultLocation"], bench.file(0), bench.small()["logPath"], bench.file(0).replace(f"/{USER}/", f"/{stranger}/"), f"file:///drover/{USER}"):
        for call in ("openFile", "getDirFileTrees", "openLog", "fileInfo"):
            said = other.bad("GET", f"/filesystem/{call}?path={quote(path)}", status=3).json
            assert said["data"] == missing["data"] and said["message"] == missing["message"], (call, path, said)
        assert other.good("GET", f"/filesystem/isExist?path={quote(path)}") == {"isExist": False}
        assert other.raw("POST", "/filesystem/download", {"path": path})[0] == 403
    link = bench.task("link", "drover.table([[i] for i in range(100)], ['x'])")
    folder = bench.folder(link)
    rows = os.path.join(folder, "0.rows")
    os.rename(rows, rows + ".kept")
    os.symlink("/etc/passwd", rows)
    said = bench.client.bad("GET", f"/filesystem/openFile?path={quote(bench.file(0, link))}").json
    assert "root:" not in json.dumps(said), said
    os.remove(rows)
    os.rename(rows + ".kept", rows)


def bad_input(bench):
    path = bench.file(0)
    for call, query, code in (("openFile", {"path": ""}, 80004), ("openFile", {}, 80004), ("openFile", {"path": path, "pageSize": 100001}, 80034),
                              ("openFile", {"path": path, "pageSize": 0}, 80034), ("openFile", {"path": path, "pageSize": "many"}, 80034),
                              ("openFile", {"path": path, "columnPageSize": 501}, 80036), ("openFile", {"path": path, "page": 0}, 80012),
                              ("openFile", {"path": bench.small()["resultLocation"]}, 80015), ("openFile", {"path": bench.small()["logPath"]}, 80015),
                              ("openLog", {"path": path}, 80015), ("fileInfo", {"path": bench.small()["logPath"]}, 80015), ("isExist", {"path": ""}, 80004)):
        error = bench.client.bad("GET", f"/filesystem/{call}?{urlencode(query)}").data["errorMsg"]
        assert error["errCode"] == code and error["desc"], (call, query, error)
    for query in ({"path": ""}, {"path": path, "outputFileType": "pdf"}, {"path": path, "csvSeparator": '"'}, {"path": path, "limit": -1}, {"path": path, "limit": "x"},
                  {"path": path, "charset": "latin-1"}, {"path": bench.file(3)}, {"path": bench.file(2), "outputFileType": "xlsx"},
                  {"path": bench.small()["resultLocation"]}):
        status, headers, text = bench.raw("resultsetToExcel", **query)
        assert status == 400 and headers["Content-Type"].startswith("text/plain") and re.match(rb"error\(\d+\): .", text), (query, status, text)
    assert bench.raw("resultsetsToExcel", path=path)[0] == 400
    for body in (b"", b"[]", b"{", {"path": 5}, {"path": None}, {"path": bench.small()["resultLocation"]}, {"path": path, "charset": "latin1"}):
        status, _, text = bench.client.raw("POST", "/filesystem/download", body)
        assert status == 400 and text.startswith(b"error("), (body, status, text)
    for call in ("createNewDir", "createNewFile", "rename", "deleteDirOrFile", "upload", "saveScript", "move", "chmod"):
        answer = bench.client.bad("POST", f"/filesystem/{call}", {"path": path})
        assert answer.data["errorMsg"]["desc"].startswith(f"{call} is not served"), answer.json
    anonymous = Client(bench.cluster)
    assert anonymous.bad("GET", f"/filesystem/openFile?path={quote(path)}", status=-1).http_status == 401
    empty = bench.task("empty", "drover.table([], ['a', 'b'])\ndrover.text('')")
    assert bench.get("openFile", path=bench.file(0, empty))["fileContent"] == []
    assert bench.raw("resultsetToExcel", path=bench.file(0, empty))[::2] == (200, b"a,b\n")
    assert bench.raw("resultsetToExcel", path=bench.file(1, empty))[::2] == (200, b"")
    assert bench.get("openFile", path=bench.file(1, empty))["fileContent"] == []
    nothing = bench.task("nothing", "pass")
    assert nothing["resultLocation"] == "", nothing
    assert bench.get("getDirFileTrees", path=f"file:///drover/{USER}/result/{nothing['taskID']}")["dirFileTrees"] is None
    assert bench.get("getDirFileTrees", path="") == {"dirFileTrees": None}, "clients list what is at an empty resultLocation"
    assert bench.client.bad("GET", "/filesystem/getDirFileTrees").data["errorMsg"]["errCode"] == 80004


def files_that_were_changed(bench):
    task = bench.task("damaged", "drover.table([[i] for i in range(9000)], ['x'])")
    folder = bench.folder(task)
    rows = os.path.join(folder, "0.rows")
    with open(rows, "r+b") as file:
        file.truncate(os.path.getsize(rows) // 2)
    error = bench.client.bad("GET", f"/filesystem/openFile?path={quote(bench.file(0, task))}&page=2&pageSize=5000").data["errorMsg"]
    assert error["errCode"] == 80012, error
    assert bench.raw("resultsetToExcel", path=bench.file(0, task), outputFileType="xlsx", limit=9000)[0] == 400
    os.remove(rows)
    assert bench.raw("resultsetToExcel", path=bench.file(0, task))[0] == 400


def nothing_is_left(bench):
    cluster = bench.cluster
    end_everything(cluster)
    assert os.listdir(cluster.data / "exports") == []


CASES = (the_tree, what_a_shell_prints, pages_of_every_kind, cells_as_java_reads_them, columns_in_pages, the_log, downloads, as_csv, as_workbooks, sheets_without_rows, a_long_table_in_constant_memory,
         wide_rows_in_constant_memory, a_long_text_page_by_page, readers_that_leave,
         paths_that_lead_nowhere, somebody_else, bad_input, files_that_were_changed, nothing_is_left)


def main():
    return run_cases(CASES, Bench)


if __name__ == "__main__":
    sys.exit(main())
