# tests/e2e/linkis_test.py - the Linkis contract against real daemons and engines, as its original clients use it.
# SPDX-License-Identifier: Apache-2.0
"""python3 tests/e2e/linkis_test.py"""
import json
import os
import re
import signal
import sys
import tempfile
import time
from urllib.parse import urlencode

from harness import kill_engine
from linkis_client import DONE, USER, Client, end_everything, parts_of, run_cases, sheets, tokens
from skips import skip

TICKET = "linkis_user_session_ticket_id_v1"


class Bench:
    def __init__(self, cluster):
        self.cluster, self.token = cluster, tokens(cluster)[0]
        self.client = Client(cluster, self.token)


def the_transcript_of_the_contract(bench):
    """Section 13.1, call by call. Byte for byte, but for numbers that differ each time: those stand as <...>."""
    cluster = bench.cluster
    client = Client(cluster)

    def call(method, path, body=None):
        status, headers, text = client.raw(method, path, body)
        assert status == 200 and headers["Content-Type"].startswith("application/json"), (status, text)
        if "Set-Cookie" in headers:
            assert headers["Set-Cookie"].startswith(TICKET + "="), headers["Set-Cookie"]
            client.cookie = headers["Set-Cookie"].split(";")[0]
        return text.decode()

    said = call("POST", "/user/login", {"userName": USER, "password": bench.token})
    admin = "true"  # the daemon's own user is an operator
    assert said == ('{"method":"/api/user/login","status":0,"message":"login successful","data":{"userName":"%s","isAdmin":%s,'
                    '"sessionTimeOut":7200000,"enableWatermark":false}}' % (USER, admin)), said
    said = call("POST", "/entrance/submit", {"executionContent": {"code": "echo 1", "runType": "shell"}, "executeUser": USER,
                                             "labels": {"engineType": "shell-1", "userCreator": f"{USER}-IDE"}, "params": {}, "source": {}})
    made = json.loads(said)["data"]
    exec_id, task = made["execID"], made["taskID"]
    assert said == '{"method":"/api/entrance/submit","status":0,"message":"OK","data":{"execID":"%s","taskID":%d}}' % (exec_id, task), said
    service, instance, short = parts_of(exec_id)
    assert service == "linkis-cg-entrance" and instance.endswith(f":{client.port}") and short == f"IDE_{USER}_shell_{task}", exec_id
    place, at = f"/entrance/{exec_id}", f"/api/entrance/{exec_id}"
    said = call("GET", f"{place}/status")
    state = json.loads(said)["data"]["status"]
    assert said == '{"method":"%s/status","status":0,"message":"OK","data":{"execID":"%s","taskID":%d,"status":"%s"}}' % (at, exec_id, task, state), said
    assert client.wait(exec_id)[-1] == "Succeed"
    said = call("GET", f"{place}/progress")
    assert said == ('{"method":"%s/progress","status":0,"message":"OK","data":{"execID":"%s","progress":1.0,"progressInfo":[{"id":"%s","totalTasks":1,'
                    '"runningTasks":0,"failedTasks":0,"succeedTasks":1}]}}' % (at, exec_id, short)), said
    said = call("GET", f"{place}/log?fromLine=2&size=1")
    assert said == '{"method":"%s/log","status":0,"message":"OK","data":{"execID":"%s","log":["","","1","1"],"fromLine":3}}' % (at, exec_id), said
    said = call("GET", f"/jobhistory/{task}/get")
    row = json.loads(said)["data"]["task"]
    for name, want in {"taskID": task, "instance": instance, "execId": short, "strongerExecId": exec_id, "umUser": USER, "executeUser": USER,
                       "executionCode": "echo 1", "progress": "1.0", "logPath": f"file:///drover/{USER}/log/{task}.log",
                       "resultLocation": f"file:///drover/{USER}/result/{task}",
                       "status": "Succeed", "engineType": "shell", "errCode": None, "errDesc": None, "executeApplicationName": "shell",
                       "requestApplicationName": "IDE", "runType": "shell", "paramsJson": "{}", "sourceJson": '{"requestIP":"127.0.0.1"}',
                       "labels": ["engineType:shell-1", f"userCreator:{USER}-IDE"], "canRetry": False, "observeInfo": None, "subJobs": None}.items():
        assert row[name] == want and type(row[name]) is type(want), (name, row[name], want)
    assert list(row)[:12] == ["taskID", "instance", "execId", "strongerExecId", "umUser", "executeUser", "engineInstance", "executionCode", "progress",
                              "logPath", "resultLocation", "status"], list(row)
    # Casts of the original clients: Long, Long, Integer.
    assert type(row["createdTime"]) is int and row["createdTime"] >= 2**31 and type(row["updatedTime"]) is int and row["updatedTime"] >= row["createdTime"]
    assert type(row["costTime"]) is int and 0 <= row["costTime"] < 2**31, row["costTime"]
    metrics = json.loads(row["metrics"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+0000", metrics["submitTime"]) and "jobToECTIme" in metrics and "completeTime" in metrics, metrics
    ticket = row["ticketId"]
    assert client.good("POST", "/linkisManager/getEngineConn", {"ticketId": ticket})["engine"]["serviceInstance"]["instance"] == row["engineInstance"], row
    assert metrics["engineconnMap"] == {ticket: {"engineInstance": row["engineInstance"], "ticketId": ticket, "engineConnTaskId": str(task)}}, metrics
    assert metrics["yarnResource"] == {} and metrics["engineInstance"] == row["engineInstance"], metrics
    listed = client.good("GET", f"/jobhistory/list?taskID={task}")["tasks"][0]
    assert (listed["ticketId"], listed["metrics"]) == (ticket, row["metrics"]), listed
    client.bad("GET", f"{place}/kill")  # it has ended
    long = client.submit("sleep 60")[0]
    said = call("GET", f"/entrance/{long}/kill")
    assert said == '{"method":"/api/entrance/%s/kill","status":0,"message":"OK","data":{"execID":"%s"}}' % (long, long), said
    assert client.wait(long)[-1] == "Cancelled"


def logins(bench):
    cluster = bench.cluster
    client = Client(cluster)
    assert client.bad("GET", "/jobhistory/list", status=-1).http_status == 401
    assert client.bad("GET", "/user/heartbeat", status=-1).status == -1
    assert client.bad("POST", "/entrance/submit", client.body("echo 1"), status=-1)
    assert client.good("GET", "/user/publicKey") == {"enableSSL": False, "enableLoginEncrypt": False}
    gateway = client.good("GET", "/gateway/heartbeat")
    assert gateway == {"isHealthy": True, "gatewayList": [f"127.0.0.1:{client.port}"]}, gateway
    refused = client.login("not the token")
    assert (refused.status, refused.http_status) == (1, 400) and client.cookie is None, refused.json
    assert client.login("").http_status == 401, "no password: not logged in"
    nobody = Client(cluster, user="no-such-user").login(bench.token)
    assert (nobody.status, nobody.message) == (refused.status, refused.message), "which of both is wrong is not told"
    for password in (bench.token, (cluster.data / "token").read_text().strip()):
        fresh = Client(cluster)
        assert fresh.login(password).data["userName"] == USER
        ticket = fresh.cookie
        again = fresh.login("whatever")
        assert again.status == 0 and fresh.cookie == ticket, "whoever is logged in is told so"
        assert fresh.good("GET", "/user/userInfo")["userName"] == USER
        assert fresh.ask("GET", "/user/heartbeat").message == "Maintain heartbeat success"
        assert set(fresh.good("GET", "/user/baseinfo")) == {"resultSetExportEnable", "linkisClusterName", "engineLogOnlyAdminEnable"}
        fresh.good("POST", "/user/logout")
        fresh.cookie = ticket
        fresh.bad("GET", "/user/userInfo", status=-1)
    by_get = Client(cluster)
    assert by_get.good("GET", f"/user/login?userName={USER.upper()}&password={bench.token}")["userName"] == USER
    assert by_get.good("GET", "/user/userInfo")["userName"] == USER


def tokens_of_programs(bench):
    cluster, path = bench.cluster, bench.cluster.data / "linkis.tokens"
    assert path.stat().st_mode & 0o777 == 0o600 and len(bench.token) == 64, oct(path.stat().st_mode)
    as_cookie = Client(cluster)
    as_cookie.cookie = f"Token-User={USER}; Token-Code={bench.token}"
    assert as_cookie.good("GET", "/user/userInfo")["userName"] == USER
    assert Client(cluster, bench.token).good("POST", "/user/token-login")["userName"] == USER
    alive = Client(cluster, bench.token)
    alive.headers["Token-Alive"] = "true"
    assert alive.cookie is None and alive.good("GET", "/user/userInfo")["userName"] == USER and alive.cookie.startswith(TICKET)
    alive.headers = {}
    assert alive.good("GET", "/user/userInfo")["userName"] == USER, "the cookie alone will do"
    for token, user in (("x" * 64, USER), (bench.token[:-1], USER), (bench.token, "no-such-user")):
        assert Client(cluster, token, user).bad("GET", "/user/userInfo", status=-1).http_status == 401, (token, user)
    extra = {"expired": f"{'e' * 40} {USER} * 2020-01-01", "elsewhere": f"{'h' * 40} {USER} 10.1.2.3 never",
             "other": f"{'o' * 40} somebody * never", "good": f"{'g' * 40} {USER} 127.0.0.1 2999-01-01"}
    path.write_text(path.read_text() + "\n".join(extra.values()) + "\n")
    cluster.processes["droverd"].send_signal(signal.SIGHUP)
    cluster.until(lambda: Client(cluster, "g" * 40).ask("GET", "/user/userInfo").status == 0, "the new token is known", 20)
    for letter in "eho":
        Client(cluster, letter * 40).bad("GET", "/user/userInfo", status=-1)
    path.write_text("short * * never\n")
    cluster.processes["droverd"].send_signal(signal.SIGHUP)
    time.sleep(1)
    bench.client.good("GET", "/user/userInfo")  # the old ones stay
    path.write_text(f"{bench.token} *,{USER} * never\n")
    cluster.processes["droverd"].send_signal(signal.SIGHUP)


def every_call_of_a_task(bench):
    client = bench.client
    code = "import sys\ndrover.progress(1, 2)\nprint('first', flush=True)\nprint('second')\nwhile not __import__('os').path.exists(%r): __import__('time').sleep(0.05)\n[{'n': 1}]"
    gate = tempfile.mktemp(prefix="drover-gate-")
    exec_id, task = client.submit(code % gate, "python-3", "python", params={"variable": {"a": "b"}, "configuration": {"runtime": {"x": 1}}},
                                  source={"scriptPath": "/a/b.py"})
    bench.cluster.until(lambda: client.status(task) == "Running", "it runs", 30)
    for name in (exec_id, task, f"IDE_{USER}_python_{task}"):
        assert client.good("GET", f"/entrance/{name}/status?taskID={task}")["taskID"] == task
    bench.cluster.until(lambda: client.good("GET", f"/entrance/{exec_id}/progress")["progress"] == 0.5, "half is done", 20)
    progress = client.good("GET", f"/entrance/{task}/progressWithResource")
    assert progress["yarnMetrics"] == {"yarnResource": None} and progress["execID"] == exec_id, progress
    assert progress["progressInfo"] == [{"id": f"IDE_{USER}_python_{task}", "totalTasks": 2, "runningTasks": 1, "failedTasks": 0, "succeedTasks": 1}]
    row = client.task(task)
    assert row["status"] == "Running" and row["progress"] == "0.5" and row["errCode"] is None and row["resultLocation"] == "", row
    assert row["requestEndTime"] is None and row["costTime"] < 2**31
    undone = client.good("GET", "/jobhistory/listundonetasks")
    assert [one["taskID"] for one in undone["tasks"]] == [task] and undone["totalPage"] == 1, undone
    assert client.good("GET", "/jobhistory/listundone")["totalPage"] == 1
    assert client.ask("GET", f"/entrance/{exec_id}/pause").data == {"execID": exec_id}
    client.bad("GET", f"/entrance/{exec_id}/runtimeTuning")
    live = bench.cluster.until(lambda: (lambda log: log if "second" in log["log"][3] else None)(client.log(exec_id)), "its lines are there", 20)
    open(gate, "w").close()
    assert client.wait(exec_id)[-1] == "Succeed"
    os.unlink(gate)
    whole = client.log(task, size=-1)
    assert whole["log"][3].startswith(live["log"][3]), (live, whole)
    lines = whole["log"][3].split("\n")
    assert lines[2:4] == ["first", "second"] and "Succeed" in lines[-1] and whole["fromLine"] == len(lines) == 5, whole
    # Taken line by line, and from the middle, it is the same.
    taken, at = [], 0
    while True:
        piece = client.log(exec_id, **({"fromLine": at} if at else {}), size=1)
        if not piece["log"][3]:
            break
        taken.append(piece["log"][3])
        assert piece["fromLine"] == at + 1
        at = piece["fromLine"]
    assert taken == lines
    past = client.log(exec_id, fromLine=1000)
    assert past["log"] == ["", "", "", ""] and past["fromLine"] == 1000, past
    together = client.log(exec_id, distinctLevel="false")
    assert together["log"] == whole["log"][3]
    row = client.task(task)
    assert json.loads(row["paramsJson"]) == {"variable": {"a": "b"}, "configuration": {"runtime": {"x": 1}}}, row["paramsJson"]
    assert json.loads(row["sourceJson"]) == {"scriptPath": "/a/b.py", "requestIP": "127.0.0.1"} and row["sourceTailor"] == "/a/b.py"
    assert row["resultLocation"] == f"file:///drover/{USER}/result/{task}" and row["engineInstance"].startswith("engine-"), row
    brief = client.good("GET", f"/jobhistory/{task}/get?brief=true")["task"]
    assert brief["executionCode"] == "" and brief["status"] == "Succeed"
    extra = client.good("GET", f"/jobhistory/job-extra-info?jobId={task}")["metricsMap"]
    assert "completeTime" in extra and extra["executionCode"] == code % gate, extra


def how_tasks_fail(bench):
    client = bench.client
    exec_id, task = client.submit("x = 1\n1 / 0", "python-3", "python")
    assert client.wait(task)[-1] == "Failed"
    row = client.task(task)
    assert row["errDesc"] == "ZeroDivisionError: division by zero (line 2)" and type(row["errCode"]) is int and row["canRetry"] is False, row
    assert client.good("GET", f"/jobhistory/diagnosis-query?taskID={task}")["diagnosisMsg"] == row["errDesc"]
    log = client.log(exec_id)["log"]
    assert "ZeroDivisionError: division by zero (line 2)" in log[0] and log[0] in log[3], log
    assert client.good("GET", f"/entrance/{exec_id}/progress")["progress"] == 1.0
    labels = {"engineType": "shell-1", "userCreator": f"{USER}-IDE", "jobRunningTimeout": "1"}
    late = client.good("POST", "/entrance/submit", {**client.body("sleep 60"), "labels": labels})["taskID"]
    assert client.wait(late, 40)[-1] == "Timeout"


def groups_and_waiting(bench):
    """bindEngine, fixedEngineConn: the tasks of a group share an engine; jobQueuingTimeout: what has not started by then goes."""
    client = bench.client

    def labels(**more):
        return {"engineType": "python-3", "userCreator": f"{USER}-IDE", **more}

    bound = {"bindEngine": {"jobGroupId": "g1", "isJobGroupHead": "true"}}
    first = client.submit("x = 41", "python-3", "python", labels=labels(**bound))[1]
    assert client.wait(first)[-1] == "Succeed"
    second = client.submit("print('x is', x + 1)", "python-3", "python", labels=labels(**bound))[1]
    assert client.wait(second)[-1] == "Succeed", client.log(second, size=-1)["log"][3]
    assert "x is 42" in client.log(second, size=-1)["log"][3]
    assert client.task(first)["engineInstance"] == client.task(second)["engineInstance"]
    busy = client.submit("import time; time.sleep(60)", "python-3", "python", labels=labels(**bound))[1]
    bench.cluster.until(lambda: client.status(busy) == "Running", "the engine is busy", 30)
    begun = time.monotonic()
    late = client.submit("1", "python-3", "python", labels=labels(jobQueuingTimeout="2", **bound))[1]
    assert client.wait(late, 30)[-1] == "Cancelled" and 1.5 < time.monotonic() - begun < 25
    row = client.task(late)
    assert row["engineInstance"] is None and row["ticketId"] is None and json.loads(row["metrics"])["engineconnMap"] == {}, row
    client.good("GET", f"/entrance/{busy}/kill")
    assert client.wait(busy, 30)[-1] == "Cancelled"
    soon = client.submit("1", "python-3", "python", labels=labels(jobQueuingTimeout="60"))[1]
    assert client.wait(soon)[-1] == "Succeed"
    client.bad("POST", "/entrance/submit", client.body("1", "python-3", "python", labels=labels(bindEngine={"jobGroupId": "../x"})))
    fixed = labels(fixedEngineConn="0b9e1c7a-5a5c-4a52-9d6f-0f6f3a0b9c11")  # the JDBC driver's fixedSession=true
    for code in ("y = 41", "print('y is', y + 1)"):
        last = client.submit(code, "python-3", "python", labels=fixed)[1]
        assert client.wait(last)[-1] == "Succeed", client.log(last, size=-1)["log"][3]
    assert "y is 42" in client.log(last, size=-1)["log"][3]
    other = client.submit("y", "python-3", "python", labels=labels(fixedEngineConn="another"))[1]
    assert client.wait(other)[-1] == "Failed", "each has its own"
    client.bad("POST", "/entrance/submit", client.body("1", "python-3", "python", labels=labels(fixedEngineConn="../x")))


def a_lost_one_is_run_again_where_its_labels_say_so(bench):
    """jobRetryCount, jobRetryTimeout: of what nobody can tell how far it came; code that failed stays failed."""
    client = bench.client
    for more, state, starts in (({}, "Failed", 1), ({"jobRetryCount": "1", "jobRetryTimeout": "1"}, "Succeed", 2)):
        mark = tempfile.mktemp(prefix="drover-retry-")
        labels = {"engineType": "shell-1", "userCreator": f"{USER}-IDE", **more}
        task = client.submit(f"echo x >> {mark}; test $(wc -l < {mark}) -ge 2 || sleep 60", labels=labels)[1]
        bench.cluster.until(lambda: os.path.exists(mark) and os.path.getsize(mark), "it has begun", 30)
        engine = int(client.task(task)["ticketId"])
        kill_engine(bench.cluster, engine)
        seen = client.wait(task)
        assert seen[-1] == state and "WaitForRetry" not in seen, seen
        assert open(mark).read() == "x\n" * starts, (more, open(mark).read())
        os.unlink(mark)
        failed = client.submit(f"echo x >> {mark}; exit 3", labels=labels)[1]
        assert client.wait(failed)[-1] == "Failed" and open(mark).read() == "x\n", "it failed by itself"
        os.unlink(mark)


def the_older_style(bench):
    client = bench.client
    data = client.good("POST", "/entrance/execute", {"executeApplicationName": "shell", "runType": "shell", "requestApplicationName": "dss",
                                                     "executionCode": "echo old", "scriptPath": "/old.sh", "params": {}, "source": None})
    assert parts_of(data["execID"])[2] == f"dss_{USER}_shell_{data['taskID']}", data
    assert client.wait(data["execID"])[-1] == "Succeed"
    row = client.task(data["taskID"])
    assert row["requestApplicationName"] == "dss" and row["sourceTailor"] == "/old.sh" and row["executionCode"] == "echo old", row


def the_loop_of_the_command_line_client(bench):
    """linkis-cli: history, then state, then log, again and again; the rest of the log from the file when it has ended."""
    client = bench.client
    body = client.body("for i in 1 2 3 4 5 6; do echo line $i; sleep 0.3; done", creator="LINKISCLI", source={"scriptPath": "LinkisCli"},
                       params={"configuration": {"runtime": {"hive.resultset.use.unique.column.names": True}, "startup": {}, "special": {}}, "variable": {}})
    body["labels"].update({"codeType": "shell", "executeOnce": ""})
    made = client.good("POST", "/entrance/submit", body)
    known = {"Inited", "Scheduled", "Running", "Succeed", "Failed", "Cancelled", "Timeout"}  # the constants of its enum, any case
    printed, taken, states = [], 0, []
    for _ in range(200):
        row = client.task(made["taskID"])
        assert row["status"] in known and type(row["costTime"]) is int, row
        state = client.status(row["strongerExecId"])
        states.append(state)
        if row["status"] in DONE:
            break
        piece = client.log(row["strongerExecId"], **({"fromLine": taken} if taken else {}))
        printed += piece["log"][3].split("\n") if piece["log"][3] else []
        taken = piece["fromLine"]
        assert taken == len(printed)
        time.sleep(0.2)
    assert states[-1] == "Succeed" and row["labels"][-1] == "executeOnce:", (states, row["labels"])
    answer = client.ask("GET", f"/filesystem/openLog?path={row['logPath']}")
    whole = (answer.data["log"][3] if answer.status == 0 else client.log(made["execID"], size=-1)["log"][3]).split("\n")
    printed += whole[taken:]
    assert printed == whole and printed[2:8] == [f"line {i}" for i in range(1, 7)], (printed, whole)


def variables(bench):
    client = bench.client
    given = {"variable": {"run_date": "20200228", "num": "301"}}
    task = client.submit("#@set b=x\necho ${run_today} ${run_year_begin_std-3} &{yyyyMMdd%-1d} ${num-2} ${b} ${HOME:-none} ${user}", params=given)[1]
    assert client.wait(task)[-1] == "Succeed"
    home = os.environ.get("HOME", "none")
    line = client.log(task)["log"][3].split("\n")[2]
    assert line.split()[:5] == ["20200229", "2017-01-01", "20200227", "299", "x"] and line.split()[-1] == USER, (line, home)
    assert "20200229" in client.task(task)["executionCode"], "history has the code that ran"
    wrong = client.bad("POST", "/entrance/submit", client.body("echo ${num*x}", params=given))
    assert wrong.data["errorMsg"]["errCode"] == 20050, wrong.json


def what_operators_ask(bench):
    client = bench.client
    load = client.good("GET", "/entrance/operation/metrics/taskinfo?creator=nobody")
    assert load == {"taskNumber": 0, "runningNumber": 0, "queueNumber": 0}, load
    assert client.good("GET", "/entrance/operation/metrics/runningtask")["runningTaskNumber"] == 0
    assert client.good("GET", "/entrance/operation/label/isOnline?instance=x") == {"isOnline": True}
    assert client.good("GET", "/entrance/operation/consumer/info") == {"consumerNum": 0}
    for method, path in (("GET", "consumer/kill"), ("POST", "label/update"), ("GET", "label/markoffline"), ("GET", "label/backonline")):
        client.bad(method, f"/entrance/operation/{path}")


def a_list_as_a_workbook(client, done):
    """With the filters of lists, whatever page is asked for."""
    def rows(language="en", **query):
        path = f"/jobhistory/download-job-list?{urlencode({'pageNow': 1, 'pageSize': 10000, 'isAdminView': 'false', **query})}"
        status, headers, data = client.raw("GET", path, headers={"Content-Language": language})
        assert status == 200 and headers["Content-Type"].endswith("spreadsheetml.sheet") and f'{USER}_history.xlsx"' in headers["Content-Disposition"], (status, data)
        (name, found), = sheets(data)
        assert name == "\u4efb\u52a1\u4fe1\u606f\u8868", name
        return found
    head, *found = rows(creator="lister", status="Succeed", startDate=0)
    assert head[:6] == ["JobID", "Source", "Execution Code", "Status", "Time Elapsed", "Key Information"] and len(head) == 13, head
    assert [row[0] for row in found] == done[::-1] and [row[2] for row in found] == [f"echo {i}" for i in range(4, -1, -1)], found
    assert all(row[3] == "Succeed" and re.fullmatch(r"\d+\.\d{3} s", row[4]) and row[6] == "shell/lister" and row[12] == USER for row in found), found
    task = client.task(done[0])
    assert found[-1][7] == time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(task["createdTime"] // 1000)), (found[-1], task)
    for lead in ("", "a", "aa"):  # a long error is cut, a character never
        client.wait(client.submit(f"raise ValueError('{lead}' + '\u4e2d' * 2000)", "python-3", "python", creator="cut")[0])
    errors = [row[5] for row in rows(creator="cut")[1:]]
    assert len(errors) == 3 and all(990 < len(error.encode()) <= 1000 and error.endswith("\u4e2d") for error in errors), errors
    assert rows("zh-CN", creator="lister", status="Failed") == [["\u4efb\u52a1ID", "\u6765\u6e90", "\u67e5\u8be2\u8bed\u53e5", "\u72b6\u6001",
                                                                "\u5df2\u8017\u65f6", "\u5173\u952e\u4fe1\u606f", "\u5e94\u7528/\u5f15\u64ce",
                                                                "\u521b\u5efa\u65f6\u95f4", "\u662f\u5426\u590d\u7528", "\u7533\u8bf7\u5f00\u59cb\u65f6\u95f4",
                                                                "\u7533\u8bf7\u7ed3\u675f\u65f6\u95f4", "\u7533\u8bf7\u82b1\u8d39\u65f6\u95f4", "\u7528\u6237"]]
    client.bad("GET", "/jobhistory/download-job-list?status=SUCCESS")


def lists(bench):
    client = bench.client
    done = [client.submit(f"echo {i}", creator="lister")[1] for i in range(5)]
    for task in done:
        client.wait(task)
    page = client.good("GET", "/jobhistory/list?creator=lister&pageNow=1&pageSize=2&status=Succeed&startDate=0&endDate=9999999999999&isAdminView=false")
    assert [row["taskID"] for row in page["tasks"]] == done[:-3:-1] and page["totalPage"] == 5, (done, page["totalPage"])
    last = client.good("GET", "/jobhistory/list?creator=lister&pageNow=3&pageSize=2")
    assert [row["taskID"] for row in last["tasks"]] == [done[0]] and last["totalPage"] == 5
    assert client.good("GET", "/jobhistory/list?creator=lister&pageNow=99")["tasks"] == []
    assert [row["taskID"] for row in client.good("GET", f"/jobhistory/list?taskID={done[2]}")["tasks"]] == [done[2]]
    assert client.good("GET", "/jobhistory/list?creator=lister&status=Failed")["totalPage"] == 0
    engine = client.task(done[0])["engineInstance"]
    assert client.good("GET", f"/jobhistory/list?creator=lister&engineInstance={engine}")["totalPage"] >= 1
    assert client.good("GET", "/jobhistory/list?creator=lister&engineInstance=no-such")["totalPage"] == 0
    assert client.good("GET", "/jobhistory/list?creator=lister&engineType=python")["totalPage"] == 0
    client.bad("GET", "/jobhistory/list?status=SUCCESS")
    a_list_as_a_workbook(client, done)
    named = client.good("GET", f"/jobhistory/list-taskids?taskID={done[0]},{done[1]},999999999")["jobHistoryList"]
    assert [row["taskID"] for row in named] == done[:2]
    client.bad("GET", "/jobhistory/list-taskids?taskID=" + ",".join(str(i) for i in range(1, 40)))
    assert set(client.good("GET", "/jobhistory/governanceStationAdmin")) == {"admin", "historyAdmin", "deptAdmin", "canResultSet", "errorMsgTip"}
    counted = client.good("GET", "/jobhistory/jobstatistics/taskCount?creator=lister")
    assert counted == {"sumCount": 5, "succeedCount": 5, "failedCount": 0, "cancelledCount": 0}, counted
    assert client.good("GET", "/jobhistory/jobstatistics/engineCount?creator=lister")["countEngine"] == 5
    assert len(client.good("GET", "/jobhistory/listDurationTop?creator=lister")["tasks"]) == 5
    ended = {row["taskID"]: row["costTime"] for row in client.good("GET", "/jobhistory/list?status=Succeed&pageSize=1000")["tasks"]}
    longest = sorted(ended, key=lambda task: (-ended[task], -task))
    tops = [client.good("GET", f"/jobhistory/listDurationTop?status=Succeed&pageSize=2&pageNow={page}")["tasks"] for page in (1, 2)]
    top = [row["taskID"] for page in tops for row in page]  # ordered by microseconds, and told in milliseconds
    assert len(set(top)) == 4 and [ended[task] for task in top] == [ended[task] for task in longest[:4]], (top, longest, ended)
    client.bad("GET", "/jobhistory/listDurationTop?pageSize=1000&pageNow=11")
    mine = client.good("GET", f"/jobhistory/list?isAdminView=true&proxyUser={USER}&creator=lister")
    assert mine["totalPage"] == 5 and client.good("GET", "/jobhistory/list?isAdminView=true&proxyUser=daemon&creator=lister")["totalPage"] == 0


def many_are_killed(bench):
    client = bench.client
    first, second = client.submit("sleep 60"), client.submit("sleep 60")
    ended = client.submit("echo")[0]
    client.wait(ended)
    ids = [first[0], second[0], ended, "exec_id_unknown", f"exec_id018003linkis-cg-entranceh:1IDE_{USER}_shell_999999999"]
    answer = client.ask("POST", f"/entrance/{first[0]}/killJobs", {"idList": ids, "taskIDList": [first[1], second[1], 1, 2, 3]})
    messages = answer.data["messages"]
    assert answer.status == 0 and [one["status"] for one in messages] == [0, 0, 0, 1, 1], answer.json
    for one, name in zip(messages, ids):
        assert list(one) == ["method", "status", "message", "data"] and one["method"] == f"/api/entrance/{name}/kill" and one["data"]["execID"] == name
    for task in (first, second):
        assert client.wait(task[0])[-1] == "Cancelled"
    client.bad("POST", f"/entrance/{first[0]}/killJobs", {"idList": ids, "taskIDList": [1]})
    client.bad("POST", f"/entrance/{first[0]}/killJobs", {})


def bad_input(bench):
    client = bench.client
    body = client.body("echo 1")

    def refused(code, **change):
        answer = client.bad("POST", "/entrance/submit", {**body, **change})
        assert answer.data["errorMsg"]["errCode"] == code and answer.data["errorMsg"]["desc"], (change, answer.json)
        return answer.message

    labels = body["labels"]
    assert "did you mean shell?" in refused(20009, labels={**labels, "engineType": "shel-1"})
    assert "did you mean python?" in refused(20009, labels={**labels, "engineType": "python-3"}, executionContent={"code": "1", "runType": "pyton"})
    refused(20007, executionContent={"code": "", "runType": "shell"})
    refused(20007, executionContent={"code": "echo \x00", "runType": "shell"})
    refused(20008, labels={})
    refused(20008, labels={**labels, "userCreator": "a-b-c"})
    refused(20008, labels={**labels, "engineType": "x'; drop table t; --"})
    refused(50080, labels={**labels, "userCreator": "somebody-IDE"})
    assert "script" in refused(12001, executionContent={"code": "#" * (5 << 20), "runType": "shell"})
    refused(12001, params={"x": "y" * (300 << 10)})
    for text in (b"", b"[]", b"{", b"null", b'{"a":"\xff"}', b"{" * 100_000, b'{"a":' + b"[" * 100_000):
        client.bad("POST", "/entrance/submit", text)
    for name in ("0", "-1", "1e9", "99999999999999999999999", "exec_id", "exec_id999999x", "..", "%00", "a" * 3000, "exec_id018003linkis-cg-entranceh:1IDE_u_e_1"):
        status, headers, text = client.raw("GET", f"/entrance/{name}/status")
        assert status == 400, (name, status, text)
        assert headers["Content-Type"].startswith("application/"), headers
    task = client.submit("printf '\\377\\376 x\\n'; echo '2026-01-01 00:00:00.000 ERROR mine'")[1]
    client.wait(task)
    log = client.log(task)["log"]
    assert log[0] == "2026-01-01 00:00:00.000 ERROR mine" and "\ufffd\ufffd x" in log[2], log
    for query in ("fromLine=-5&size=-99", "fromLine=9223372036854775807", "fromLine=99999999999999999999", "size=0", "fromLine=x"):
        assert len(client.good("GET", f"/entrance/{task}/log?{query}")["log"]) == 4, query
    for path in ("/entrance/", "/entrance", "/Entrance/submit", "/entrance/submit/", "/nothing", "/jobhistory/x/y/z"):
        client.bad("POST", path, {})
    client.bad("DELETE", "/entrance/submit")
    client.bad("GET", "/jobhistory/999999999/get")
    assert client.raw("GET", "/entrance/submit", headers={"Host": "evil.example"})[0] == 403
    assert client.raw("POST", "/entrance/submit", body, headers={"Origin": "http://evil.example"})[0] == 403
    for port, code in ((client.port + 1, 403), (client.port, 200)):  # of the page itself, which is not listed anywhere
        assert client.raw("POST", "/entrance/submit", body, headers={"Origin": f"http://127.0.0.1:{port}"})[0] == code, port
    wide = client.good("GET", "/jobhistory/list?_=12345&labels=dev&pageSize=999999999&pageNow=-3&startDate=x")
    assert wide["totalPage"] > 0, "what is not known is not looked at"


def somebody_else_sees_nothing(bench):
    """Only where the tests may become another user; the same rules are unit-tested with any uid."""
    cluster, client = bench.cluster, bench.client
    exec_id, task = client.submit("sleep 600")
    stranger = next((name for name in ("daemon", "games", "nobody") if name != USER), None)
    other = Client(cluster, bench.token, stranger)
    if other.ask("GET", "/user/userInfo").status != 0:
        skip("no other user can be tried here")
    else:
        missing = 999_999_999
        for path in ("/entrance/{}/status", "/entrance/{}/progress", "/entrance/{}/log", "/entrance/{}/kill", "/jobhistory/{}/get"):
            mine = other.bad("GET", path.format(task), status=3)
            none = other.bad("GET", path.format(missing), status=3)
            assert (mine.http_status, mine.message.replace(f"task {task} ", "")) == (none.http_status, none.message.replace(f"task {missing} ", "")), (path, mine.message, none.message)
        foreign = other.bad("GET", f"/entrance/{exec_id}/kill", status=3)
        assert foreign.http_status == 403, foreign.json
        assert other.good("GET", "/jobhistory/list?isAdminView=true")["tasks"] == []
        assert other.good("POST", f"/entrance/{exec_id}/killJobs", {"idList": [exec_id], "taskIDList": [task]})["messages"][0]["status"] == 3
        assert other.good("GET", "/jobhistory/governanceStationAdmin")["admin"] is False
        assert client.status(task) not in DONE, "nobody else ends it"
    client.good("GET", f"/entrance/{exec_id}/kill")
    client.wait(exec_id)


def a_silent_client_ends_its_task(bench):
    client = bench.client
    watched, kept = client.submit("sleep 120", creator="LINKISCLI"), client.submit("sleep 120", creator="IDE")
    end = time.monotonic() + 12
    while time.monotonic() < end:  # as long as it asks, nothing happens
        client.task(watched[1])
        assert client.status(watched[0]) not in DONE
        time.sleep(1)
    bench.cluster.until(lambda: bench.cluster.job(watched[1])["state"] == "cancelled", "it is cancelled", 30)
    assert client.status(kept[0]) not in DONE
    client.good("GET", f"/entrance/{kept[0]}/kill")
    client.wait(kept[0])


def nothing_is_lost_in_a_crash(bench):
    cluster, client = bench.cluster, bench.client
    exec_id, task = client.submit("echo before; sleep 3; echo after", source={"keep": "me"})
    cluster.until(lambda: client.status(task) == "Running", "it runs", 30)
    assert "before" in cluster.until(lambda: (lambda log: log if "before" in log else None)(client.log(task)["log"][3]), "its line", 20)
    cluster.kill("droverd")
    cluster.start("droverd")
    again = Client(cluster, bench.token)
    assert again.wait(exec_id)[-1] == "Succeed", "the old execID holds, though the port is another one"
    row = again.task(task)
    assert json.loads(row["sourceJson"])["keep"] == "me" and row["executionCode"].startswith("echo before"), row
    lines = again.log(task)["log"][3].split("\n")
    assert lines[2:4] == ["before", "after"], lines
    bench.client = again


def a_flood_of_lines_is_read_to_its_end(bench):
    client = bench.client
    task = client.submit("seq 1 50000; printf %0300000d 7; echo; printf last")[1]
    at, lines = 0, []
    while True:
        done = client.status(task) in DONE
        piece = client.log(task, **({"fromLine": at} if at else {}), size=7000)
        if piece["log"][3]:
            lines += piece["log"][3].split("\n")
        elif done:
            break
        assert piece["fromLine"] == len(lines), (piece["fromLine"], len(lines))
        at = piece["fromLine"]
    assert lines[2:50002] == [str(i) for i in range(1, 50001)]
    assert "".join(lines[50002:50004]) == "7".zfill(300000) and lines[50004] == "last" and "Succeed" in lines[-1], lines[50004:]


def nothing_is_left(bench):
    cluster = bench.cluster
    end_everything(cluster)
    status, text = cluster.request("GET", "/metrics")
    assert status == 200 and "/api/rest_j/v1/entrance/{name}/status" in text


CASES = (the_transcript_of_the_contract, logins, tokens_of_programs, every_call_of_a_task, how_tasks_fail, groups_and_waiting, a_lost_one_is_run_again_where_its_labels_say_so, the_older_style,
         the_loop_of_the_command_line_client, variables, what_operators_ask, lists, many_are_killed, bad_input, somebody_else_sees_nothing, a_silent_client_ends_its_task, a_flood_of_lines_is_read_to_its_end, nothing_is_lost_in_a_crash,
         nothing_is_left)


def main():
    return run_cases(CASES, Bench, linkis="silence_s = 8")


if __name__ == "__main__":
    sys.exit(main())
