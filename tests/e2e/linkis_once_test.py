# tests/e2e/linkis_once_test.py - once jobs of Linkis clients: an engine that is made for one job, with it.
# SPDX-License-Identifier: Apache-2.0
"""python3 tests/e2e/linkis_once_test.py

The calls are those of Linkis' SimpleOnceJob: the content is uploaded, createEngineConn names it, getEngineConn is asked until it has ended.
The original client itself makes them in linkis_java_test.py.
"""
import json
import sys
import time

from linkis_client import USER, Client, end_everything, run_cases, tokens

NODE_KEYS = ["serviceInstance", "nodeStatus", "ticketId", "ecmServiceInstance", "managerServiceInstance", "mark", "owner"]


class Bench:
    def __init__(self, cluster):
        self.cluster, self.token = cluster, tokens(cluster)[0]
        self.client = Client(cluster, self.token)

    def upload(self, content, name="file", boundary="----x7", client=None):
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="system"\r\n\r\ndrover\r\n'
        file = f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"; filename="once"\r\nContent-Type: application/octet-stream\r\n\r\n'
        body = (head + file).encode() + content + f"\r\n--{boundary}--\r\n".encode()
        return (client or self.client).ask("POST", "/bml/upload", body, {"Content-Type": f"multipart/form-data; boundary={boundary}"})

    def content(self, code, run_type="python", **more):
        job = {"jobContent": {"code": code, "runType": run_type}, "runtime": {}, "source": {}, "variable": {}, **more}
        data = self.upload(json.dumps(job).encode()).data
        return f"resource_{len(data['resourceId']):03d}{data['resourceId']}{data['version']}"

    def body(self, content, engine="python-3", labels=None, **properties):
        return {"labels": {"engineType": engine, "userCreator": f"{USER}-exchangis", "engineConnMode": "once", **(labels or {})},
                "properties": {"onceExecutorContent": content, "label.codeType": "python", **properties}, "ignoreTimeout": True, "createService": "test"}

    def create(self, content, **more):
        return self.client.good("POST", "/linkisManager/createEngineConn", self.body(content, **more))["engine"]

    def get(self, engine, **by):
        return self.client.good("POST", "/linkisManager/getEngineConn", by or {**engine["serviceInstance"], "ticketId": engine["ticketId"]})

    def wait(self, engine, seconds=60):
        seen, end = [], time.monotonic() + seconds
        while time.monotonic() < end:
            state = self.get(engine)["engine"]["nodeStatus"]
            if not seen or seen[-1] != state:
                seen.append(state)
            if state in ("Success", "Failed", "ShuttingDown"):
                return seen
            time.sleep(0.05)
        raise AssertionError(seen)

    def operate(self, engine, verb, **more):
        parameters = {"__operator_name__": verb, "ticketId": engine["ticketId"], "engineConnInstance": engine["serviceInstance"]["instance"], **more}
        answer = self.client.good("POST", "/linkisManager/executeECMOperation", {**engine["ecmServiceInstance"], "parameters": parameters})
        assert answer["isError"] is False, answer
        return answer["result"]


def a_job_and_its_engine(bench):
    gate = bench.cluster.evidence / "gate"
    code = f"import os, time\ndrover.progress(1, 2)\nprint('value is ${{a}}')\nwhile not os.path.exists({str(gate)!r}): time.sleep(0.05)\n[{{'n': 1}}]"
    engine = bench.create(bench.content(code, variable={"a": "41"}))
    assert list(engine) == NODE_KEYS and engine["nodeStatus"] in ("Starting", "Busy"), engine
    ticket = engine["ticketId"]
    assert engine["serviceInstance"] == {"applicationName": "linkis-cg-engineconn", "instance": f"once-{ticket}"}, engine
    assert set(engine["ecmServiceInstance"]) == {"applicationName", "instance"}, engine
    bench.cluster.until(lambda: bench.get(engine)["engine"]["nodeStatus"] == "Busy", "it runs", 30)
    # Old clients name the instance alone.
    node = bench.cluster.get("/api/v1/nodes")["nodes"][0]["name"]
    by_name = bench.get(engine, applicationName="linkis-cg-engineconn", instance=f"once-{ticket}")["engine"]
    assert by_name["ecmServiceInstance"]["instance"] == node and by_name["serviceInstance"] == engine["serviceInstance"], by_name
    bench.cluster.until(lambda: bench.operate(engine, "engineConnProgress")["progress"] == 0.5, "half of it is done", 20)
    assert bench.operate(engine, "engineConnProgress")["progressInfo"][0]["totalTasks"] == 2
    gate.touch()
    assert bench.wait(engine)[-1] == "Success"
    after = bench.get(engine)
    assert after["ecMetrics"] == "{}" and after["engine"]["nodeStatus"] == "Success", after
    assert bench.operate(engine, "engineConnProgress")["progress"] == 1.0 and bench.operate(engine, "engineConnMetrics") == {"metrics": {}}
    assert "value is 41" in bench.operate(engine, "engineConnLog", pageSize=100)["logs"]
    # It is a task as others are.
    row = bench.client.task(int(ticket))
    assert row["status"] == "Succeed" and "engineConnMode:once" in row["labels"] and row["engineInstance"].startswith("engine-") and row["ticketId"] == ticket, row
    job = bench.cluster.get(f"/api/v1/jobs/{ticket}")["job"]
    assert job["spec"]["once"] is True and job["labels"]["creator"] == "exchangis", job
    bench.cluster.until(lambda: not bench.cluster.get("/api/v1/engines")["engines"], "its engine has ended", 30)
    assert bench.get(engine)["engine"]["nodeStatus"] == "Success", "known after that"


def how_they_end(bench):
    failed = bench.create(bench.content("1 / 0"))
    assert bench.wait(failed)[-1] == "Failed"
    for call, body in (("killEngineConn", lambda e: {**e["serviceInstance"], "ticketId": e["ticketId"]}), ("killEngineConn", lambda e: e["serviceInstance"]),
                       ("rm/enginekill", lambda e: [{"applicationName": "x", "engineInstance": e["serviceInstance"]["instance"]}])):
        engine = bench.create(bench.content("import time; time.sleep(60)"))
        bench.cluster.until(lambda: bench.get(engine)["engine"]["nodeStatus"] == "Busy", "it runs", 30)
        bench.client.good("POST", f"/linkisManager/{call}", body(engine))
        assert bench.wait(engine)[-1] == "ShuttingDown"
        bench.client.good("POST", f"/linkisManager/{call}", body(engine))  # it is what was wanted
    assert bench.client.bad("POST", "/linkisManager/getEngineConn", {"instance": "once-999999"}).message.find("Not exists EngineConn") >= 0
    bench.client.bad("POST", "/linkisManager/getEngineConn", {"instance": "once-x"})
    plain = bench.client.submit("1", "python-3", "python")[1]
    assert "Not exists" in bench.client.bad("POST", "/linkisManager/getEngineConn", {"instance": f"once-{plain}"}).message, "that is no once job"
    bench.client.wait(plain)


def other_ways_to_say_it(bench):
    labels = {"engineType": "shell-1", "userCreator": f"{USER}-IDE", "engineConnMode": "once"}
    task = bench.client.good("POST", "/entrance/submit", {**bench.client.body("echo once"), "labels": labels})["taskID"]
    assert bench.client.wait(task)[-1] == "Succeed" and bench.cluster.get(f"/api/v1/jobs/{task}")["job"]["spec"]["once"] is True
    # The content itself instead of an upload; and one that is no code: an engine that takes JSON has it as it is.
    inline = bench.create(json.dumps({"jobContent": {"code": "6 * 7", "runType": "python"}}))
    assert bench.wait(inline)[-1] == "Success"
    data = bench.create(json.dumps({"jobContent": {"a": 1, "b": [2]}}), engine="python-3")
    assert bench.wait(data)[-1] == "Success"
    script = bench.cluster.request("GET", f"/api/v1/jobs/{data['ticketId']}/script")
    assert "\"a\":1" in str(script[1]).replace("\\", ""), script
    # Plain engines are asked for as before.
    engine = bench.client.good("POST", "/linkisManager/createEngineConn", {"labels": {"engineType": "python-3", "userCreator": f"{USER}-IDE"}, "timeout": 60000})["engine"]
    assert engine["nodeStatus"] == "Unlock", engine
    bench.client.good("POST", "/linkisManager/killEngineConn", engine["serviceInstance"])


def what_is_refused(bench):
    for body in (bench.body(""), bench.body("resource_003abcv1"), bench.body("resource_999x"), bench.body("resource_"), bench.body("{"), bench.body("{}"),
                 bench.body("[1]"), bench.body(bench.content("")), bench.body('{"jobContent":{}}'), bench.body(bench.content("1"), engine="pyton-3"), bench.body(bench.content("1"), engine="../x"),
                 bench.body(bench.content("1"), labels={"bindEngine": {"jobGroupId": "g"}})):
        answer = bench.client.bad("POST", "/linkisManager/createEngineConn", body)
        assert answer.data["canRetry"] is False and answer.data["errorMsg"]["desc"], answer.json
    answer = bench.client.bad("POST", "/linkisManager/createEngineConn", bench.body(bench.content("1"), labels={"userCreator": "somebody-IDE"}))
    assert answer.data["canRetry"] is False
    for headers, body in (({}, b"x"), ({"Content-Type": "multipart/form-data"}, b"x"), ({"Content-Type": "multipart/form-data; boundary=q"}, b"--q\r\n\r\nx"),
                          ({"Content-Type": "multipart/form-data; boundary=q"}, b"--q--\r\n"), ({"Content-Type": "multipart/form-data; boundary="}, b"")):
        assert bench.client.ask("POST", "/bml/upload", body, headers).status == 1, (headers, body)
    assert bench.upload(b"x" * (5 << 20)).status == 1
    assert bench.upload(b"anything", name="other").status == 0, "the first part with a file name"
    Client(bench.cluster).bad("POST", "/bml/upload", b"", status=-1)


def it_is_fast_enough_and_many(bench):
    engines = [bench.create(bench.content(f"{i}")) for i in range(8)]
    assert len({engine["ticketId"] for engine in engines}) == 8
    for engine in engines:
        assert bench.wait(engine)[-1] == "Success"


def nothing_is_left(bench):
    bench.cluster.until(lambda: not [one for one in bench.cluster.get("/api/v1/engines")["engines"] if ".o." in one["pool"]], "each ends with its job", 30)
    end_everything(bench.cluster)


CASES = (a_job_and_its_engine, how_they_end, other_ways_to_say_it, what_is_refused, it_is_fast_enough_and_many, nothing_is_left)


def main():
    return run_cases(CASES, Bench)


if __name__ == "__main__":
    sys.exit(main())
