# tests/e2e/linkis_client.py - a Linkis client over TCP, as strict as the original one about answers.
# SPDX-License-Identifier: Apache-2.0
"""What the Java client insists on is insisted on here: content type, one object, an integer status that fits the HTTP code."""
import getpass
import http.client
import io
import json
import re
import sys
import tempfile
import time
import zipfile
from urllib.parse import quote, urlencode
from xml.etree import ElementTree

from harness import PATIENCE_S, Cluster
from skips import status

BASE = "/api/rest_j/v1"
CODES = {0: 200, 1: 400, 2: 412, 3: 403, 4: 206, -1: 401}
DONE = {"Succeed", "Failed", "Cancelled", "Timeout"}
USER = getpass.getuser()
MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"  # of workbooks


def linkis_cluster(results, linkis="", more=""):
    """A cluster that serves the contract; `linkis` and `more` are lines of its configuration."""
    return Cluster(cpus=64, port="0", config=f'[engines]\nresults = "{results}"\n[linkis]\nenabled = true\n{linkis}\n{more}\n')


def run_cases(cases, bench_of, linkis="", more=""):
    """Each case with the bench of one cluster: those that the command line names, or all but those with a '-' before their name."""
    named, without = {word for word in sys.argv[1:] if word[0] != "-"}, {word[1:] for word in sys.argv[1:] if word[0] == "-"}
    chosen = [case for case in cases if case.__name__ not in without and (not named or case.__name__ in named)]
    with tempfile.TemporaryDirectory(prefix="drover-results-") as results:
        with linkis_cluster(results, linkis, more) as cluster:
            bench = bench_of(cluster)
            bench.results = results
            for case in chosen:
                case(bench)
                print(f"{case.__name__}: ok", flush=True)
    print(f"{len(chosen)} tried, 0 failed")
    return status()


def end_everything(cluster):
    """Engines are drained, jobs end, and nothing is left of either."""
    for engine in cluster.get("/api/v1/engines")["engines"]:
        cluster.request("POST", f"/api/v1/engines/{engine['name']}/drain", {})
    cluster.await_all_final(40)
    cluster.check_clean()


class Answer:
    def __init__(self, http_status, headers, body):
        self.http_status, self.headers, self.body = http_status, headers, body
        assert headers.get("Content-Type", "").split(";")[0] == "application/json", (http_status, headers, body)
        assert body[:1] == b"{" and body[-1:] == b"}", body[:100]
        self.json = json.loads(body)
        assert list(self.json) == ["method", "status", "message", "data"], self.json
        self.status, self.message, self.data = self.json["status"], self.json["message"], self.json["data"]
        assert type(self.status) is int and CODES[self.status] == http_status, (http_status, self.json)
        assert isinstance(self.data, dict) and isinstance(self.message, str), self.json


class Client:
    def __init__(self, cluster, token=None, user=USER):
        self.port = int((cluster.run / "http.port").read_text())
        self.headers, self.cookie, self.user = {}, None, user
        if token:
            self.headers = {"Token-User": user, "Token-Code": token}

    def raw(self, method, path, body=None, headers=None, timeout=30):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        sent = {**self.headers, **(headers or {})}
        if self.cookie:
            sent["Cookie"] = self.cookie
        payload = body if isinstance(body, (bytes, type(None))) else json.dumps(body).encode()
        if payload is not None:
            sent = {"Content-Type": "application/json", "Content-Encoding": "utf-8", **sent}
        connection.request(method, BASE + path, payload, sent)
        answer = connection.getresponse()
        text = answer.read()
        connection.close()
        return answer.status, answer.headers, text

    def ask(self, method, path, body=None, headers=None):
        answer = Answer(*self.raw(method, path, body, headers))
        if set_cookie := answer.headers.get("Set-Cookie"):
            assert "Path=/" in set_cookie, set_cookie
            self.cookie = set_cookie.split(";")[0]
        return answer

    def good(self, method, path, body=None):
        answer = self.ask(method, path, body)
        assert answer.status == 0, (method, path, answer.json)
        return answer.data

    def bad(self, method, path, body=None, status=1):
        answer = self.ask(method, path, body)
        assert answer.status == status, (method, path, answer.json)
        return answer

    def login(self, password):
        return self.ask("POST", "/user/login", {"userName": self.user, "password": password})

    def body(self, code, engine="shell-1", run_type="shell", creator="IDE", **more):
        return {"executionContent": {"code": code, "runType": run_type}, "executeUser": self.user,
                "labels": {"engineType": engine, "userCreator": f"{self.user}-{creator}"}, "params": {}, "source": {}, **more}

    def submit(self, code, engine="shell-1", run_type="shell", creator="IDE", **more):
        data = self.good("POST", "/entrance/submit", self.body(code, engine, run_type, creator, **more))
        assert type(data["taskID"]) is int and data["execID"].startswith("exec_id018"), data
        return data["execID"], data["taskID"]

    def status(self, name):
        return self.good("GET", f"/entrance/{quote(str(name))}/status")["status"]

    def wait(self, name, seconds=60):
        seen, end = [], time.monotonic() + max(seconds, PATIENCE_S)
        while time.monotonic() < end:
            state = self.status(name)
            if not seen or seen[-1] != state:
                seen.append(state)
            if state in DONE:
                return seen
            time.sleep(0.05)
        raise AssertionError(f"{name} is {seen} after {seconds} s")

    def log(self, name, **query):
        return self.good("GET", f"/entrance/{quote(str(name))}/log?{urlencode(query)}")

    def task(self, number):
        return self.good("GET", f"/jobhistory/{number}/get")["task"]


def tokens(cluster):
    lines = (cluster.data / "linkis.tokens").read_text().splitlines()
    return [line.split()[0] for line in lines if line and not line.startswith("#")]


def sheets(data):
    """[(name, rows)], by Python's own zip and XML."""
    book = zipfile.ZipFile(io.BytesIO(data))
    assert book.testzip() is None
    found = []
    for number, sheet in enumerate(ElementTree.fromstring(book.read("xl/workbook.xml")).find(MAIN + "sheets"), 1):
        rows = []
        with book.open(f"xl/worksheets/sheet{number}.xml") as part:
            for _, element in ElementTree.iterparse(part):
                if element.tag != MAIN + "row":
                    continue
                row = []
                for cell in element:
                    column = ord(cell.get("r")[0]) - ord("A") if cell.get("r")[1].isdigit() else 0  # of the first 26: empty cells are not there
                    row += [""] * (column - len(row))
                    if cell.get("t") == "inlineStr":
                        row.append("".join(cell.itertext()))
                    else:
                        row.append(float(cell.find(MAIN + "v").text))
                rows.append(row)
                element.clear()
        found.append((sheet.get("name"), rows))
    return found


EXEC_ID = re.compile(r"exec_id(\d{3})(\d{3})")


def parts_of(exec_id):
    """Service, instance and short id, as the original gateway cuts them."""
    service, instance = (int(digits) for digits in EXEC_ID.match(exec_id).groups())
    rest = exec_id[13:]
    return rest[:service], rest[service:service + instance], rest[service + instance:]
