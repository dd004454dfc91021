# tests/e2e/linkis_manager_test.py - linkisManager/... of the Linkis contract: engines, nodes and resources.
# SPDX-License-Identifier: Apache-2.0
"""python3 tests/e2e/linkis_manager_test.py"""
import calendar
import json
import re
import sys
import threading
import time
from urllib.parse import urlencode

from linkis_client import USER, Client, run_cases, tokens
from skips import skip

ENGINE_KEYS = ["emInstance", "nodeStatus", "lock", "labels", "applicationName", "instance", "resourceType", "maxResource", "minResource", "usedResource",
               "lockedResource", "expectedResource", "leftResource", "owner", "runningTasks", "pendingTasks", "succeedTasks", "failedTasks", "maxMemory",
               "usedMemory", "systemCPUUsed", "systemLeftMemory", "nodeHealthy", "msg", "startTime", "engineType", "mappingPorts", "mappingHost", "ticketId"]
ECM_KEYS = ["applicationName", "instance", "labels", "nodeStatus", "resourceType", "maxResource", "minResource", "usedResource", "lockedResource",
            "expectedResource", "leftResource", "owner", "runningTasks", "pendingTasks", "succeedTasks", "failedTasks", "maxMemory", "usedMemory",
            "systemCPUUsed", "systemLeftMemory", "nodeHealthy", "msg", "startTime", "description"]
RESOURCE_KEYS = ["id", "username", "creator", "engineTypeWithVersion", "resourceType", "maxResource", "minResource", "usedResource", "lockedResource",
                 "expectedResource", "leftResource", "createTime", "updateTime", "loadResourceStatus", "queueResourceStatus"]
RECORD_KEYS = {"id", "labelValue", "createUser", "engineType", "serviceInstance", "ticketId", "ecmInstance", "requestTimes", "requestResource", "usedTimes", "usedResource",
               "releaseTimes", "releasedResource", "usedTime", "releaseTime", "createTime", "status", "logDirSuffix", "metrics"}
PYTHON = {"labels": {"engineType": "python-3", "userCreator": f"{USER}-IDE"}, "properties": {}, "createService": "test", "description": ""}


class Bench:
    def __init__(self, cluster):
        self.cluster, self.token = cluster, tokens(cluster)[0]
        self.client, self.gates = Client(cluster, self.token), 0

    def post(self, call, body=None):
        return self.client.good("POST", f"/linkisManager/{call}", body if body is not None else {})

    def get(self, call, **query):
        return self.client.good("GET", f"/linkisManager/{call}?{urlencode(query)}")

    def bad(self, call, body=None, method="POST", status=1):
        return self.client.bad(method, f"/linkisManager/{call}", body if body is not None else {}, status=status)

    def create(self, **more):
        return self.post("createEngineConn", {**PYTHON, "timeout": 60000, **more})["engine"]

    def engines(self):
        return self.get("listUserEngines")["engines"]

    def state(self, engine):
        return self.post("getEngineConn", {"ticketId": engine["ticketId"]})["engine"]["nodeStatus"]

    def until_told(self):
        """A file, and code that runs until it is there."""
        self.gates += 1
        gate = self.cluster.evidence / f"gate-{self.gates}"
        return gate, f"import os, time\nwhile not os.path.exists({str(gate)!r}): time.sleep(0.05)\n'done'"

    def end_all(self):
        for engine in self.engines():
            self.client.ask("POST", "/linkisManager/killEngineConn", {"ticketId": engine["ticketId"]})
        self.cluster.until(lambda: not self.engines(), "every engine ends", 30)


def resource(value):
    assert list(value) == ["instance", "instances", "memory", "cores", "cpu"] and {type(amount) for amount in value.values()} == {int}, value
    assert value["instance"] == value["instances"] and value["cores"] == value["cpu"] and value["memory"] >= 2**20 * (value["cores"] > 0), value
    return value


def one_that_had_its_name_is_gone(bench, gone, task, successor):
    """As a page looks for the engine of an old task: by the name that the task has."""
    row = bench.client.task(task)
    assert row["engineInstance"] == gone and row["ticketId"] == gone.rsplit("-", 1)[1], row
    assert json.loads(row["metrics"])["engineconnMap"][row["ticketId"]]["engineInstance"] == gone, row
    for listed, number in ((gone, row["ticketId"]), (successor["serviceInstance"]["instance"], successor["ticketId"])):
        records = bench.get("ecinfo/ecrHistoryList", instance=listed)["engineList"]
        assert [(one["serviceInstance"], one["ticketId"]) for one in records] == [(listed, number)], records
    both = bench.get("ecinfo/ecrHistoryList", instance="engine-1")["engineList"]
    assert [one["ticketId"] for one in both[:2]] == [successor["ticketId"], row["ticketId"]], "the newest of the name is first"
    for instance in (gone, "engine-1"):
        assert [one["taskID"] for one in bench.client.good("GET", f"/jobhistory/list?engineInstance={instance}")["tasks"]] == [task], instance
    assert bench.client.good("GET", f"/jobhistory/list?engineInstance={successor['serviceInstance']['instance']}")["totalPage"] == 0
    bench.bad("getEngineConn", {"instance": f"engine-2-{row['ticketId']}"})
    for call, body in (("killEngineConn", {"instance": gone}), ("rm/enginekill", [{"engineInstance": gone}]), ("rm/enginekillAsyn", {"instances": [gone]}),
                       ("batchSetEngineToUnHealthy", {"instances": [gone]})):
        bench.post(call, body)
    assert [engine["ticketId"] for engine in bench.engines()] == [successor["ticketId"]] and bench.state(successor) == "Unlock", "it is not the one that was meant"


def an_engine_is_made_shown_and_ended(bench):
    engine = bench.create()
    assert list(engine)[:5] == ["serviceInstance", "nodeStatus", "ticketId", "ecmServiceInstance", "managerServiceInstance"], engine
    node = bench.cluster.get("/api/v1/nodes")["nodes"][0]["name"]
    instance = f"engine-1-{engine['ticketId']}"
    assert engine["serviceInstance"] == {"applicationName": "linkis-cg-engineconn", "instance": instance}, engine
    assert engine["ecmServiceInstance"] == {"applicationName": "linkis-cg-engineconnmanager", "instance": node}, engine
    assert engine["nodeStatus"] == "Unlock" and engine["ticketId"].isdigit() and engine["managerServiceInstance"]["applicationName"] == "linkis-cg-linkismanager"
    for body in ({"applicationName": "linkis-cg-engineconn", "instance": instance}, {"instance": "engine-1"}, {"ticketId": engine["ticketId"]},
                 {"applicationName": "linkis-cg-engineconn", "instance": instance, "ticketId": engine["ticketId"]}):
        shown = bench.post("getEngineConn", body)
        assert shown == {"engine": engine}, (shown, engine)
    # Whoever asks gets the one that is there; whoever sends code uses it.
    assert bench.post("askEngineConn", PYTHON)["engine"]["serviceInstance"] == engine["serviceInstance"]
    gate, code = bench.until_told()
    begun = bench.engines()[0]["startTime"]
    exec_id, task = bench.client.submit(code, "python-3", "python")
    bench.cluster.until(lambda: bench.state(engine) == "Busy", "the engine is busy", 20)
    assert bench.engines()[0]["startTime"] == begun, "the start is the engine's, not that of what it does"
    gate.touch()
    bench.client.wait(exec_id)
    assert bench.client.task(task)["engineInstance"] == instance and bench.state(engine) == "Unlock"
    bench.post("killEngineConn", {"applicationName": "linkis-cg-engineconn", "instance": "engine-1", "ticketId": engine["ticketId"]})
    bench.cluster.until(lambda: bench.state(engine) == "ShuttingDown" and not bench.engines(), "it has ended", 20)
    ended = bench.post("getEngineConn", {"ticketId": engine["ticketId"]})
    assert ended["ecMetrics"] == "{}" and ended["engine"]["serviceInstance"]["instance"] == instance, ended
    assert bench.post("getEngineConn", {"instance": instance}) == ended, "by its instance, too"
    bench.post("killEngineConn", {"ticketId": engine["ticketId"]})  # it is what was wanted
    again = bench.post("askEngineConn", {**PYTHON, "timeOut": 60000})["engine"]
    assert again["serviceInstance"]["instance"] == f"engine-1-{again['ticketId']}" != instance, again
    bench.post("getEngineConn", {"instance": "engine-1"})
    one_that_had_its_name_is_gone(bench, instance, task, again)
    quick = bench.create(ignoreTimeout=True)
    assert quick["nodeStatus"] in ("Starting", "Unlock"), quick
    session = bench.create(properties={"drover.session": "s1"})
    assert session["nodeStatus"] == "Idle", "its session keeps it"
    bench.end_all()


def what_cannot_be_made(bench):
    for body, retry, status in (({}, False, 1), ({"labels": {}}, False, 1), ({"labels": {"engineType": "pyton-3"}}, False, 1),
                                ({"labels": {"engineType": "../x"}}, False, 1), ({"labels": {"engineType": "python-3", "userCreator": "a-b-c"}}, False, 1),
                                ({"labels": {"engineType": "python-3", "userCreator": "somebody-IDE"}}, False, 3),
                                ({"labels": {"engineType": "python-3", "engineConnMode": "once"}}, False, 1),
                                ({"labels": {"engineType": "python-3"}, "properties": {"drover.session": "../x"}}, False, 1)):
        for call in ("createEngineConn", "askEngineConn"):
            answer = bench.bad(call, body, status=status)
            assert answer.data["canRetry"] is retry and answer.data["errorMsg"]["desc"], (body, answer.json)
    # It waits for room: the client hears that asking again may help.
    big = bench.cluster
    blocker = big.submit({"argv": ["sleep", "600"], "cpus_per_task": 64})
    big.until(lambda: big.job(blocker)["state"] == "running", "the node is full", 20)
    answer = bench.bad("createEngineConn", {**PYTHON, "timeout": 500})
    assert answer.data["canRetry"] is True, answer.json
    assert bench.engines()[0]["nodeStatus"] == "Starting" and bench.engines()[0]["lockedResource"]["instance"] == 1
    big.request("POST", f"/api/v1/jobs/{blocker}/cancel", {})
    bench.end_all()
    for body in ({"instance": "engine-77"}, {"ticketId": "77777"}, {"ticketId": "x"}, {"instance": "../1"}, {}):
        for call in ("getEngineConn", "killEngineConn"):
            answer = bench.bad(call, body)
            assert "Not exists EngineConn" in answer.message, answer.json
    for call in ("createEngineConn", "getEngineConn", "listEMEngines", "executeEngineConnOperation", "rm/applicationlist", "modifyEMInfo"):
        for body in (b"{", b"[1]", b'"x"', b"{" * 100):
            method = "PUT" if call == "modifyEMInfo" else "POST"
            answer = bench.client.bad(method, f"/linkisManager/{call}", body)
            assert answer.message, answer.json


def lists_of_engines_and_nodes(bench):
    engine = bench.create()
    rows = bench.engines()
    assert len(rows) == 1 and list(rows[0]) == ENGINE_KEYS, list(rows[0])
    row = rows[0]
    assert (row["nodeStatus"], row["owner"], row["engineType"], row["nodeHealthy"], row["runningTasks"]) == ("Unlock", USER, "python", "Healthy", 0), row
    assert row["labels"][0] == {"labelKey": "engineType", "stringValue": "python-3"} and row["labels"][1]["stringValue"] == f"{USER}-*", row["labels"]
    for name in ("maxResource", "minResource", "usedResource", "lockedResource", "expectedResource", "leftResource"):
        resource(row[name])
    assert row["usedResource"]["instance"] == 1 and row["lockedResource"]["instance"] == 0 and row["usedResource"]["memory"] == row["maxMemory"]
    ecm = engine["ecmServiceInstance"]
    for body, want in (({}, 1), ({"em": {"serviceInstance": ecm}}, 1), ({"emInstance": ecm["instance"], "nodeStatus": "Unlock"}, 1), ({"nodeStatus": "Busy"}, 0),
                       ({"engineType": "python-3"}, 1), ({"engineType": "sql"}, 0), ({"owner": "somebody"}, 0), ({"em": {"serviceInstance": {"instance": "no"}}}, 0)):
        assert len(bench.post("listEMEngines", body)["engines"]) == want, body
    nodes = bench.get("listAllEMs")
    assert nodes["tasks"] == nodes["EMs"] and nodes["totalPage"] == 1 and list(nodes["EMs"][0]) == ECM_KEYS, nodes
    node = nodes["EMs"][0]
    assert node["instance"] == ecm["instance"] and node["nodeHealthy"] == "Healthy" and resource(node["maxResource"])["cpu"] == 64, node
    assert resource(node["usedResource"])["instance"] == 1 and node["usedResource"]["cpu"] == row["usedResource"]["cpu"], node
    assert node["maxMemory"] - node["usedMemory"] == node["systemLeftMemory"] > 0 and 0 <= node["systemCPUUsed"] <= 1, node
    assert bench.get("listAllEMs", instance="no-such")["EMs"] == [] and bench.get("listAllEMs", nodeHealthy="UnHealthy")["EMs"] == []
    assert bench.get("listAllEMs", nodeHealthy="Healthy", instance=ecm["instance"])["totalPage"] == 1
    assert "ShuttingDown" in bench.get("listAllNodeHealthyStatus")["nodeStatus"] and "WARN" in bench.get("listAllECMHealthyStatus")["nodeHealthy"]
    assert "WARN" not in bench.get("listAllECMHealthyStatus", onlyEditable="true")["nodeHealthy"]
    bench.end_all()


def a_node_is_drained_and_comes_back(bench):
    node = bench.get("listAllEMs")["EMs"][0]["instance"]
    body = {"applicationName": "linkis-cg-engineconnmanager", "instance": node, "labels": [], "description": "a fan is broken"}
    bench.client.good("PUT", "/linkisManager/modifyEMInfo", {**body, "emStatus": "UnHealthy"})
    row = bench.get("listAllEMs")["EMs"][0]
    assert row["nodeHealthy"] == "StockAvailable" and row["description"] == "a fan is broken", row
    bench.client.good("PUT", "/linkisManager/modifyEMInfo", {**body, "emStatus": "Healthy"})
    assert bench.get("listAllEMs")["EMs"][0]["nodeHealthy"] == "Healthy"
    for wrong in ({**body, "emStatus": "Broken"}, {**body, "emStatus": ""}, {**body, "instance": "no-such", "emStatus": "Healthy"}):
        bench.bad("modifyEMInfo", wrong, method="PUT")
    bench.bad("modifyEngineInfo", {"instance": "engine-1"}, method="PUT")


def operators_of_an_engine(bench):
    engine = bench.create()
    name, ticket = engine["serviceInstance"]["instance"], engine["ticketId"]
    log = ["first", "second ignore me", "third keyword", "fourth", "last"]
    bench.cluster.get("/api/v1/engines")
    exec_id, _ = bench.client.submit("import os\nos.write(2, b'')\nimport time; drover.progress(1, 4); time.sleep(600)", "python-3", "python")
    bench.cluster.until(lambda: bench.state(engine) == "Busy", "the engine is busy", 20)

    def operate(verb, call="executeEngineConnOperation", **parameters):
        return bench.post(call, {"applicationName": "linkis-cg-engineconn", "instance": name, "parameters": {"__operator_name__": verb, **parameters}})
    bench.cluster.until(lambda: operate("engineConnProgress")["result"]["progress"] == 0.25, "its progress is seen", 20)
    said = operate("engineConnProgress")
    assert said["isError"] is False and said["errorMsg"] == "" and said["result"]["progressInfo"][0]["totalTasks"] == 4, said
    bench.client.good("GET", f"/entrance/{exec_id}/kill")
    bench.client.wait(exec_id)
    assert operate("engineConnMetrics")["result"] == {"metrics": {}}
    assert set(operate("engineConnDiagnosis")["result"]) == {"diagnosis"}
    assert operate("engineConnYarnApplication")["result"] == {"applicationId": "", "url": "", "queue": ""}
    answer = bench.bad("executeEngineConnOperation", {"instance": name, "parameters": {"__operator_name__": "engineConnLgo"}})
    assert "engineConnLog" in answer.message, answer.json
    # The log is a file of the engine's user: here the test writes into it what it wants to find.
    path = operate("engineConnLog", "executeECMOperation", engineConnInstance=name)["result"]["logPath"]
    with open(path, "a", encoding="utf-8") as file:
        file.write("\n".join(log) + "\n")
    every = operate("engineConnLog", "executeECMOperation", engineConnInstance=name, pageSize=5000)["result"]
    assert list(every) == ["logPath", "logs", "endLine", "rows"] and every["logs"][-5:] == log and every["rows"] == every["endLine"] == len(every["logs"]), every
    first = len(every["logs"]) - 4
    for parameters, want, end in (({"fromLine": first, "pageSize": 2}, log[:2], first + 1), ({"fromLine": first + 2, "pageSize": 100}, log[2:], first + 4),
                                  ({"fromLine": first + 5}, [], first + 4), ({"fromLine": first, "onlyKeywords": "keyword,last"}, ["third keyword", "last"], first + 4),
                                  ({"fromLine": first, "ignoreKeywords": "ignore"}, [line for line in log if "ignore" not in line], first + 4)):
        got = operate("engineConnLog", "executeECMOperation", engineConnInstance=name, ticketId=ticket, **parameters)["result"]
        assert got["logs"] == want and got["endLine"] == end and got["rows"] == len(want), (parameters, got)
    assert operate("engineConnLog", "executeECMOperationByEC", lastRows=2)["result"]["logs"] == log[3:]
    opened = bench.post("openEngineLog", {"applicationName": "linkis-cg-engineconn", "emInstance": "x", "instance": name,
                                          "parameters": {"logType": "stdout", "fromLine": first, "pageSize": 3}})
    assert opened["result"]["logs"] == log[:3] and opened["isError"] is False, opened
    tail = bench.post("openEngineLog", {"instance": name, "parameters": {"logType": "stderr", "pageSize": "1", "enableTail": "true"}})
    assert tail["result"]["logs"] == log[4:], tail
    assert bench.post("openEngineLog", {"instance": name, "parameters": {"logType": "gc"}})["result"]["logs"] == []
    for words in (",".join("word" for _ in range(17)), "x" * 257):
        for key in ("onlyKeywords", "ignoreKeywords"):
            body = {"instance": name, "parameters": {"__operator_name__": "engineConnLog", key: words}}
            assert "16 words" in bench.bad("executeECMOperation", body).data["errorMsg"]["desc"]
    # Long lines become several; a page ends at 4 MiB, and after 64 MiB in which no line has the words. Each says where it ended.
    at = first + len(log)
    with open(path, "a", encoding="utf-8") as file:
        file.write("y" * 600_000 + "\n" + ("z" * 99_999 + "\n") * 800 + "the needle\n")
    long = operate("engineConnLog", "executeECMOperation", fromLine=at, pageSize=3)["result"]
    assert [len(line) for line in long["logs"]] == [262144, 262144, 600_000 - 2 * 262144] and long["endLine"] == at + 2, long["endLine"]
    full = operate("engineConnLog", "executeECMOperation", fromLine=at + 3, pageSize=5000)["result"]
    assert full["rows"] == 42 and full["endLine"] == at + 3 + 41, (full["rows"], full["endLine"])
    ended, calls = at - 1, 0
    while True:
        got = operate("engineConnLog", "executeECMOperation", fromLine=ended + 1, onlyKeywords="needle")["result"]
        ended, calls = got["endLine"], calls + 1
        if got["logs"]:
            break
        assert calls < 5, got
    assert got["logs"] == ["the needle"] and ended >= at + 3 + 800 and calls == 2, (calls, got)
    bench.end_all()
    after = bench.post("openEngineLog", {"instance": name, "ticketId": ticket, "parameters": {"fromLine": first, "pageSize": 5}})
    assert after["result"]["logs"] == log, "the log is there after the engine's end"
    inside = {"ticketId": ticket, "fromLine": first, "pageSize": 5}  # where pages put it
    assert bench.post("openEngineLog", {"instance": name, "parameters": inside}) == after
    again = bench.create()
    assert again["serviceInstance"]["instance"].startswith("engine-1-") and again["ticketId"] != ticket, again
    for body in ({"ticketId": ""}, {}, {"ticketId": None}):
        assert bench.post("openEngineLog", {"instance": name, **body, "parameters": inside}) == after, "not the log of the next one of that name"
    other = bench.post("openEngineLog", {"instance": name, "ticketId": again["ticketId"], "parameters": inside})
    assert other["result"]["logPath"] != after["result"]["logPath"], "the one at the top decides"
    bench.end_all()
    assert operate("engineConnProgress", ticketId=ticket)["result"]["progress"] == 1.0


def records_as_pages_read_them(bench, text, record):
    assert set(record) == RECORD_KEYS and record["engineType"] == "python", record
    for name in ("requestResource", "usedResource", "releasedResource"):
        assert resource(record[name])["instance"] == 1 and re.fullmatch(r'{"instance":1,"memory":"[0-9.]+ [MGT]B","cpu":[0-9]+}', text[name]), (record, text)
    second = record["createTime"] // 1000

    def count(form, first, last):
        dates = {"startDate": first, "endDate": last}
        if form == "text":
            dates = {key: time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(value)) for key, value in dates.items()}
        else:
            dates = {"startDate": first * 1000, "endDate": last * 1000 + 999}
        return [row["ticketId"] for row in bench.get("ecinfo/ecrHistoryList", pageSize=1000, **dates)["engineList"]]
    for form in ("text", "number"):
        assert record["ticketId"] in count(form, second, second) and record["ticketId"] in count(form, second - 60, second + 60), form
        assert record["ticketId"] not in count(form, second + 1, second + 60) + count(form, second - 60, second - 1), form
    everything = bench.get("ecinfo/ecrHistoryList")["totalPage"]
    assert bench.get("ecinfo/ecrHistoryList", startDate="", endDate="")["totalPage"] == everything


def records_of_engines(bench):
    engine = bench.create()
    live = bench.get("ecinfo/get", ticketid=engine["ticketId"])["ecResourceInfoRecord"]
    assert set(live) == RECORD_KEYS and live["status"] == "Unlock" and live["releaseTime"] is None and live["usedTime"] >= live["createTime"] > 2**31, live
    assert len(bench.post("ecinfo/ecList")["ecList"]) == 1
    bench.end_all()
    bench.cluster.await_all_final(30)
    ended = bench.get("ecinfo/get", ticketid=engine["ticketId"])["ecResourceInfoRecord"]
    assert ended["status"] == "ShuttingDown" and ended["releaseTime"] >= ended["usedTime"], ended
    history = bench.get("ecinfo/ecrHistoryList", pageSize=2, pageNow=1)
    assert len(history["engineList"]) == 2 and history["totalPage"] > 2 and history["engineList"][0]["ticketId"] == engine["ticketId"], history["totalPage"]
    assert bench.get("ecinfo/ecrHistoryList", engineType="sql")["engineList"] == []
    assert bench.get("ecinfo/ecrHistoryList", status="Failed")["totalPage"] == 0
    assert bench.get("ecinfo/ecrHistoryList", endDate=1000)["totalPage"] == 0
    records_as_pages_read_them(bench, ended, history["engineList"][0])
    assert bench.get("ecinfo/ecrHistoryList", creator=USER, instance="engine-1", pageSize=1000)["totalPage"] >= 1
    bench.bad("ecinfo/get?ticketid=999999", method="GET")
    bench.bad(f"ecinfo/delete/{engine['ticketId']}", method="GET")


def an_application(bench, engine, one_type):
    """Pages read the first application only: it has the engines of all types."""
    row, shell = one_type["engineInstances"][0], bench.create(labels={"engineType": "shell-1"})
    assert list(row) == ["creator", "engineType", "instance", "label", "resource", "status", "startTime", "owner"], row
    assert (row["engineType"], row["instance"], row["label"], row["status"], row["owner"]) == ("python", engine["serviceInstance"]["instance"], "python-3", "Unlock", USER), row
    assert list(row["resource"]) == ["resourceType", *RESOURCE_KEYS[5:11]] and resource(row["resource"]["usedResource"])["instance"] == 1, row
    assert resource(row["resource"]["lockedResource"])["instance"] == 0, row
    started = calendar.timegm(time.strptime(row["startTime"], "%a %b %d %H:%M:%S GMT %Y"))
    assert abs(time.time() - started) < 600, row
    for body in ({}, {"userCreator": f"{USER}-*"}):
        applications = bench.post("rm/applicationlist", body)["applications"]
        assert len(applications) == 1, applications
        both = applications[0]["applicationList"]
        assert {row["instance"] for row in both["engineInstances"]} == {engine["serviceInstance"]["instance"], shell["serviceInstance"]["instance"]}, both
        used = [resource(row["resource"]["usedResource"]) for row in both["engineInstances"]]
        assert resource(both["usedResource"]) == {key: sum(each[key] for each in used) for key in used[0]}, both
        assert both["maxResource"]["instance"] > one_type["maxResource"]["instance"], both
    quota = bench.cluster.request("PUT", f"/api/v1/quotas/user={USER}", {"max": {"engines": 3}})
    assert quota[0] == 200, quota  # counts for all types together
    assert bench.post("rm/applicationlist")["applications"][0]["applicationList"]["maxResource"]["instance"] == 3
    user = bench.post("rm/userresources")["userResources"][0]
    assert abs(user["percent"] - 2 / 3) < 1e-9 and len(user["engineTypes"]) == 2, user
    bench.cluster.request("DELETE", f"/api/v1/quotas/user={USER}")
    bench.post("killEngineConn", {"ticketId": shell["ticketId"]})
    bench.cluster.until(lambda: len(bench.engines()) == 1, "the second one ends", 20)


def who_holds_what(bench):
    engine = bench.create()
    users = bench.post("rm/userresources")["userResources"]
    assert len(users) == 1 and users[0]["userCreator"] == f"{USER}-*" and users[0]["engineTypes"][0]["engineType"] == "python", users
    assert 0 < users[0]["engineTypes"][0]["percent"] == users[0]["percent"] < 1, users
    rows = bench.post("rm/engines")["engines"]
    assert list(rows[0]) == ["applicationName", "engineInstance", "creator", "engineType", "labels", "preUsedResource", "usedResource", "engineStatus"], rows
    assert rows[0]["engineInstance"] == engine["serviceInstance"]["instance"] and rows[0]["engineStatus"] == "Unlock" and resource(rows[0]["usedResource"])["instance"] == 1, rows
    applications = bench.post("rm/applicationlist", {"userCreator": f"{USER}-IDE", "engineType": "python-3"})["applications"]
    assert list(applications[0]) == ["creator", "userCreator", "applicationList"] and resource(applications[0]["applicationList"]["usedResource"])["instance"] == 1
    assert bench.post("rm/applicationlist", {"engineType": "sql"})["applications"] == []
    an_application(bench, engine, applications[0]["applicationList"])
    mine = bench.get("rm/get-user-resource", username=USER, creator="*", engineType="python-3")["resources"]
    assert len(mine) == 1 and list(mine[0]) == RESOURCE_KEYS, mine
    row = mine[0]
    assert row["maxResource"]["instance"] == row["usedResource"]["instance"] + row["lockedResource"]["instance"] + row["leftResource"]["instance"], row
    assert row["usedResource"]["instance"] == 1 and row["loadResourceStatus"] == "normal" and row["engineTypeWithVersion"] == "python-3", row
    types = bench.get("rm/engineType")["engineType"]
    assert {"python", "sql", "shell"} <= set(types) and bench.client.good("GET", "/configuration/engineType") == {"engineType": types}, types
    assert bench.client.good("GET", "/microservice/modifiableLabelKey") == {"keyList": []}
    everything = bench.get("rm/allUserResource", page=1, size=100)
    assert everything["total"] == len(everything["resources"]) == len(types), everything["total"]
    pages = [bench.get("rm/allUserResource", page=number, size=2)["resources"] for number in range(1, everything["total"] // 2 + 3)]
    assert sum(pages, []) == everything["resources"] and pages[-1] == []
    assert bench.get("rm/allUserResource", username="nobody-here")["total"] == 0
    quota = bench.cluster.request("PUT", f"/api/v1/quotas/user={USER}", {"max": {"engines": 2}})
    assert quota[0] == 200, quota
    limited = bench.get("rm/get-user-resource", username=USER, engineType="python")["resources"][0]
    assert limited["maxResource"]["instance"] == 2 and limited["leftResource"]["instance"] == 1, limited
    bench.cluster.request("DELETE", f"/api/v1/quotas/user={USER}")
    queues = bench.post("rm/queues")["queues"]
    name = queues[0]["queues"][0]
    queue = bench.post("rm/queueresources", {"queuename": name, "clustername": queues[0]["clustername"], "clustertype": "x", "crossCluster": False})
    info = queue["queueInfo"]
    assert list(info) == ["queuename", "maxResources", "usedResources", "usedPercentage", "maxApps", "numActiveApps", "numPendingApps"], info
    assert info["maxResources"]["cores"] == 64 and 0 < info["usedPercentage"]["cores"] < 1 and info["numActiveApps"] >= 1, info
    assert list(queue["userResources"][0]) == ["username", "busyPercentage", "idlePercentage", "totalPercentage"] and queue["userResources"][0]["idlePercentage"] > 0
    bench.bad("rm/queueresources", {"queuename": "no-such"})
    bench.bad("rm/batchqueueresources", {})
    for call, method in (("reset-resource?serviceInstance=*&username=*", "GET"), ("rm/resetResource?resourceId=1", "DELETE"), ("task-prediction", "GET")):
        bench.client.good(method, f"/linkisManager/{call}")
    assert bench.state(engine) == "Unlock", "nothing was reset"
    bench.end_all()


def ways_to_end_engines(bench):
    def two():
        return [bench.create(), bench.create()]

    def none_left():
        bench.cluster.until(lambda: not bench.engines(), "they end", 30)
    engines = two()
    names = [engine["serviceInstance"]["instance"] for engine in engines]
    answer = bench.client.bad("POST", "/linkisManager/rm/enginekill", [{"applicationName": "x", "engineInstance": names[0]}, {"engineInstance": "engine-99"}])
    assert "engine-99" in answer.message and len(bench.engines()) == 2, "all of them or none"
    bench.post("rm/enginekill", [{"applicationName": "linkis-cg-engineconn", "engineInstance": name} for name in names])
    none_left()
    engines = two()
    bench.post("rm/enginekillAsyn", {"instances": [engine["serviceInstance"]["instance"] for engine in engines]})
    none_left()
    engines = two()
    gate, code = bench.until_told()
    exec_id, _ = bench.client.submit(code, "python-3", "python")
    bench.cluster.until(lambda: "Busy" in [bench.state(engine) for engine in engines], "one is busy", 20)
    bench.post("batchSetEngineToUnHealthy", {"instances": [engine["serviceInstance"]["instance"] for engine in engines]})
    gate.touch()
    assert bench.client.wait(exec_id)[-1] == "Succeed", "what runs is not ended"
    none_left()
    engines = two()
    node = engines[0]["ecmServiceInstance"]["instance"]
    gate, code = bench.until_told()
    exec_id, _ = bench.client.submit(code, "python-3", "python")
    bench.cluster.until(lambda: "Busy" in [bench.state(engine) for engine in engines], "one is busy", 20)
    result = bench.post("rm/killUnlockEngineByEM", {"instance": node})["result"]
    assert result["killEngineNum"] == 1 and result["cores"] >= 1 and result["memory"] > 0 and result["batchKillEngineType"] == "python", result
    gate.touch()
    assert bench.client.wait(exec_id)[-1] == "Succeed", "the busy one stays"
    assert bench.post("rm/killUnlockEngineByEM", {"instance": "no-such"})["result"]["killEngineNum"] == 0
    bench.bad("killEngineByCreatorEngineType", {"creator": "IDE", "engineType": "python-3"})
    bench.bad("killEngineByCreatorEngineType", {"creator": "*"})
    assert bench.post("killEngineByCreatorEngineType", {"creator": "*", "engineType": "python-3"})["result"]["killEngineNum"] == 1
    none_left()
    for body in ([], {}, {"instances": []}, {"instances": "engine-1"}, [5], [{}], b"[" * 200):
        bench.client.bad("POST", "/linkisManager/rm/enginekill", body)


def somebody_else(bench):
    stranger = next((name for name in ("daemon", "games", "nobody") if name != USER), None)
    other = Client(bench.cluster, bench.token, stranger)
    if other.ask("GET", "/user/userInfo").status != 0:
        return skip("no other user can be tried here")
    engine = bench.create()
    name = engine["serviceInstance"]["instance"]
    assert other.good("GET", "/linkisManager/listUserEngines")["engines"] == [] and other.good("POST", "/linkisManager/listEMEngines", {})["engines"] == []
    for call, body in (("getEngineConn", {"instance": name}), ("killEngineConn", {"ticketId": engine["ticketId"]}), ("openEngineLog", {"instance": name}),
                       ("openEngineLog", {"instance": name, "parameters": {"ticketId": engine["ticketId"]}}),
                       ("rm/enginekill", [{"engineInstance": name}]), ("executeECMOperation", {"parameters": {"__operator_name__": "engineConnLog", "engineConnInstance": name}})):
        foreign = other.bad("POST", f"/linkisManager/{call}", body)
        missing = other.bad("POST", f"/linkisManager/{call}", json.loads(json.dumps(body).replace(name, "engine-99").replace(engine["ticketId"], "99999")))
        said = re.sub(rf"\b{engine['ticketId']}\b", "T", foreign.message.replace(name, "N"))
        assert said == missing.message.replace("engine-99", "N").replace("99999", "T"), (foreign.json, missing.json)
    assert other.good("POST", "/linkisManager/rm/userresources", {})["userResources"] == []
    assert other.good("GET", "/linkisManager/ecinfo/ecrHistoryList")["totalPage"] == 0
    assert other.good("POST", "/linkisManager/killEngineByCreatorEngineType", {"creator": "*", "engineType": "python"})["result"]["killEngineNum"] == 0
    other.bad("POST", "/linkisManager/rm/killUnlockEngineByEM", {"instance": "x"}, status=3)
    other.bad("PUT", "/linkisManager/modifyEMInfo", {"instance": "x", "emStatus": "UnHealthy"}, status=3)
    assert other.bad("GET", "/linkisManager/reset-resource?serviceInstance=*", status=3).data["errorMsg"]["errCode"] == 210003
    assert bench.state(engine) == "Unlock"
    bench.end_all()


def nothing_is_left(bench):
    for method, call in (("GET", "listUserEngines"), ("POST", "createEngineConn"), ("POST", "rm/enginekill"), ("GET", "listAllEMs")):
        assert Client(bench.cluster).bad(method, f"/linkisManager/{call}", {} if method == "POST" else None, status=-1).http_status == 401
    bench.end_all()
    bench.cluster.await_all_final(40)
    bench.cluster.check_clean()


CASES = (an_engine_is_made_shown_and_ended, what_cannot_be_made, lists_of_engines_and_nodes, a_node_is_drained_and_comes_back, operators_of_an_engine,
         records_of_engines, who_holds_what, ways_to_end_engines, somebody_else, nothing_is_left)


def main():
    return run_cases(CASES, Bench)


if __name__ == "__main__":
    sys.exit(main())
