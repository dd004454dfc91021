# tests/e2e/linkis_transcripts_test.py - the calls of Linkis' clients replayed byte for byte over a socket.
# SPDX-License-Identifier: Apache-2.0
"""python3 tests/e2e/linkis_transcripts_test.py [CALL...]

Each row is a call of the contract: the bytes that the original client sends, and the bytes that it must hear. {name} stands for what an
earlier answer said; <name> for what differs each time: a number, a time, a text of the answer's own. Everything else is compared as it is.
"""
import re
import socket
import sys
import tempfile
import time

from linkis_client import BASE, USER, Client, linkis_cluster, tokens

MASKS = {"int": r"\d+", "ms": r"1\d{12}", "ms?": r"(?:null|1\d{12})", "ticket": r"[0-9A-Za-z_\-+/=.]{20,}", "text": r"(?:[^\"\\]|\\.)*", "any": r".*?",
         "number": r"-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?", "state": "(?:Inited|Scheduled|Running)", "bool": "(?:true|false)", "list": r"\[.*?\]", "object": r"\{.*\}"}
# As HttpClient 4.5 has it, and its odd Content-Encoding.
POSTED = "Content-Type: application/json\r\nContent-Encoding: utf-8\r\n"
BROWSER = "Connection: Keep-Alive\r\nUser-Agent: Apache-HttpClient/4.5.13 (Java/17.0.1)\r\nAccept-Encoding: gzip,deflate\r\n"


def ok(path, data, message="OK", status=0):
    return f'{{"method":"/api{path}","status":{status},"message":"{message}","data":{data}}}'


def refused(path, code, text):
    """With a number of the contract, as its wrapper says it."""
    return (f'{{"method":"/api{path}","status":1,"message":"error code: {code}, error message: {text}<text>","data":'
            f'{{"errorMsg":{{"errCode":{code},"desc":"{text}<text>","ip":"","port":0,"serviceKind":"drover"}}}}}}')


EXEC = "exec_id018<int>linkis-cg-entrance<text>IDE_{user}_shell_<int>"
ROW = ('{"taskID":{task},"instance":"{instance}","execId":"IDE_{user}_shell_{task}","strongerExecId":"{exec}","umUser":"{user}","executeUser":"{user}",'
       '"engineInstance":"engine-<int>-<int>","executionCode":"echo 1","progress":"1.0","logPath":"file:///drover/{user}/log/{task}.log","resultLocation":"file:///drover/{user}/result/{task}","status":"Succeed",'
       '"createdTime":<ms>,"updatedTime":<ms>,"engineType":"shell","errCode":null,"errDesc":null,"executeApplicationName":"shell","requestApplicationName":"IDE",'
       '"runType":"shell","paramsJson":"{}","sourceJson":"{\\"requestIP\\":\\"127.0.0.1\\"}","sourceTailor":"","costTime":<int>,"engineStartTime":null,'
       '"labels":["engineType:shell-1","userCreator:{user}-IDE"],"canRetry":false,"observeInfo":null,"isReuse":true,"requestStartTime":<ms>,"requestEndTime":<ms>,'
       '"requestSpendTime":<int>,"metrics":"<text>","engineLogPath":"engines/<int>","ecmInstance":"<text>","ticketId":"<int>","subJobs":null}')
SUBMIT = '{"executionContent":{"code":"%s","runType":"%s"},"executeUser":"{user}","labels":{"engineType":"%s","userCreator":"{user}-IDE"},"params":{},"source":{}}'
RESULT = "file:///drover/{user}/result/{table}"
E = "/entrance/{exec}"
FILES = "/filesystem"

# Name, request line, body or None, HTTP code, what is heard.
CALLS = (
    ("not logged in", f"GET {E}/status", None, 401, ok(f"{E}/status", "{}", "<text>", -1)),
    ("login", "POST /user/login", '{"userName":"{user}","password":"{token}"}', 200,
     ok("/user/login", '{"userName":"{user}","isAdmin":true,"sessionTimeOut":7200000,"enableWatermark":false}', "login successful")),
    ("userInfo", "GET /user/userInfo", None, 200, ok("/user/userInfo", '{"userName":"{user}","isAdmin":true}')),
    ("publicKey", "GET /user/publicKey", None, 200, ok("/user/publicKey", '{"enableSSL":false,"enableLoginEncrypt":false}')),
    ("user heartbeat", "GET /user/heartbeat", None, 200, ok("/user/heartbeat", "{}", "Maintain heartbeat success")),
    ("gateway heartbeat", "GET /gateway/heartbeat", None, 200, ok("/gateway/heartbeat", '{"isHealthy":true,"gatewayList":["127.0.0.1:{port}"]}')),
    ("JobSubmitAction", "POST /entrance/submit", SUBMIT % ("echo 1", "shell", "shell-1"), 200,
     ok("/entrance/submit", '{"execID":"<exec=text>","taskID":<task=int>}')),
    ("await", "task", None, 0, ""),
    ("JobStatusAction", f"GET {E}/status?taskID={{task}}", None, 200, ok(f"{E}/status", '{"execID":"{exec}","taskID":{task},"status":"Succeed"}')),
    ("status by number", "GET /entrance/{task}/status", None, 200, ok("/entrance/{task}/status", '{"execID":"{exec}","taskID":{task},"status":"Succeed"}')),
    ("JobProgressAction", f"GET {E}/progress", None, 200,
     ok(f"{E}/progress", '{"execID":"{exec}","progress":1.0,"progressInfo":[{"id":"IDE_{user}_shell_{task}","totalTasks":1,"runningTasks":0,"failedTasks":0,"succeedTasks":1}]}')),
    ("progressWithResource", f"GET {E}/progressWithResource", None, 200,
     ok(f"{E}/progressWithResource", '{"execID":"{exec}","progress":1.0,"progressInfo":<list>,"yarnMetrics":{"yarnResource":null}}')),
    ("JobLogAction", f"GET {E}/log?fromLine=2&size=1", None, 200, ok(f"{E}/log", '{"execID":"{exec}","log":["","","1","1"],"fromLine":3}')),
    ("log past its end", f"GET {E}/log?fromLine=500&size=100", None, 200, ok(f"{E}/log", '{"execID":"{exec}","log":["","","",""],"fromLine":500}')),
    ("JobPauseAction", f"GET {E}/pause", None, 200, ok(f"{E}/pause", '{"execID":"{exec}"}', "success to pause job")),
    ("kill of what has ended", f"GET {E}/kill?taskID={{task}}", None, 400, refused(f"{E}/kill", "<int>", "task {task} has ended: Succeed")),
    ("JobInfoAction", "GET /jobhistory/{task}/get", None, 200, ok("/jobhistory/{task}/get", '{"task":' + ROW + "}")),
    ("JobListAction", "GET /jobhistory/list?startDate=0&endDate=9999999999999&pageNow=1&pageSize=1&taskID={task}", None, 200,
     ok("/jobhistory/list", '{"tasks":[' + ROW + '],"totalPage":1}')),
    ("list past its end", "GET /jobhistory/list?pageNow=9&pageSize=50", None, 200, ok("/jobhistory/list", '{"tasks":[],"totalPage":<int>}')),
    ("listundonetasks", "GET /jobhistory/listundonetasks", None, 200, ok("/jobhistory/listundonetasks", '{"tasks":[],"totalPage":0}')),
    ("listundone", "GET /jobhistory/listundone", None, 200, ok("/jobhistory/listundone", '{"totalPage":0}')),
    ("governanceStationAdmin", "GET /jobhistory/governanceStationAdmin", None, 200,
     ok("/jobhistory/governanceStationAdmin", '{"admin":true,"historyAdmin":true,"deptAdmin":false,"canResultSet":true,"errorMsgTip":""}')),
    ("OpenLogAction", f"GET {FILES}/openLog?path=file:///drover/{{user}}/log/{{task}}.log&proxyUser={{user}}", None, 200,
     ok(f"{FILES}/openLog", '{"log":["","","<text>\\n","<text>\\n1\\n<text>\\n"]}')),
    ("JobExecuteAction", "POST /entrance/execute",
     '{"executeApplicationName":"shell","runType":"shell","requestApplicationName":"IDE","executionCode":"sleep 60","params":{},"source":{}}', 200,
     ok("/entrance/execute", '{"execID":"<exec=text>","taskID":<task=int>}')),
    ("JobKillAction", f"GET {E}/kill", None, 200, ok(f"{E}/kill", '{"execID":"{exec}"}')),
    ("await", "task", None, 0, ""),
    ("status of what was killed", f"GET {E}/status", None, 200, ok(f"{E}/status", '{"execID":"{exec}","taskID":{task},"status":"Cancelled"}')),
    ("killJobs", f"POST {E}/killJobs", '{"idList":["{exec}","exec_id018001linkis-cg-entrancexIDE_u_shell_999999"],"taskIDList":[{task},999999]}', 200,
     ok(f"{E}/killJobs", '{"messages":[{"method":"/api/entrance/{exec}/kill","status":0,"message":"the task has ended already","data":{"execID":"{exec}"}},'
        '{"method":"/api/entrance/exec_id018001linkis-cg-entrancexIDE_u_shell_999999/kill","status":1,"message":"there is no task <text>","data":{"execID":"exec_id018001linkis-cg-entrancexIDE_u_shell_999999"}}]}',
        "success")),
    ("killJobs of two lengths", f"POST {E}/killJobs", '{"idList":["{exec}"],"taskIDList":[]}', 400,
     refused(f"{E}/killJobs", "<int>", "idList and taskIDList must be of one length, and not empty")),
    ("submit of a table", "POST /entrance/submit", SUBMIT % ("[{'n': i, 's': None if i else 'a'} for i in range(2)]", "python", "python-3"), 200,
     ok("/entrance/submit", '{"execID":"<exec=text>","taskID":<table=int>}')),
    ("await", "table", None, 0, ""),
    ("ResultSetListAction", f"GET {FILES}/getDirFileTrees?path={RESULT}", None, 200,
     ok(f"{FILES}/getDirFileTrees", '{"dirFileTrees":{"name":"{table}","path":"' + RESULT + '","children":[{"name":"_0.dolphin","path":"' + RESULT +
        '/_0.dolphin","isLeaf":true,"properties":{"size":"<int>","modifytime":"<ms>"},"parentPath":"' + RESULT + '"}]}}')),
    ("ResultSetAction", f"GET {FILES}/openFile?path={RESULT}/_0.dolphin&page=1&pageSize=100&charset=utf-8&nullValue=LINKIS_NULL", None, 200,
     ok(f"{FILES}/openFile", '{"type":"2","metadata":[{"columnName":"n","comment":"","dataType":"bigint"},{"columnName":"s","comment":"","dataType":"string"}],'
        '"fileContent":[["0","a"],["1",null]],"page":1,"totalLine":2,"totalPage":0}')),
    ("a page past the end", f"GET {FILES}/openFile?path={RESULT}/_0.dolphin&page=2&pageSize=100", None, 200,
     ok(f"{FILES}/openFile", '{"type":"2","metadata":<list>,"fileContent":[],"page":2,"totalLine":0,"totalPage":0}')),
    ("resultsetToExcel", f"GET {FILES}/resultsetToExcel?path={RESULT}/_0.dolphin&charset=utf-8&outputFileType=csv&csvSeperator=;", None, 200, "n;s\n0;a\n1;NULL\n"),
    ("download", f"POST {FILES}/download", '{"path":"' + RESULT + '/_0.dolphin","charset":"utf-8"}', 200,
     "dolphin0000000002" "0000000036" "0000000012" "1,6,0,1,6,0,nbigintsstring" "0000000016" "0000000004" "1,1,0a" "0000000027" "0000000005" "1,11,1LINKIS_NULL"),
    ("IsPathExistAction", f"GET {FILES}/isExist?path={RESULT}/_0.dolphin", None, 200, ok(f"{FILES}/isExist", '{"isExist":true}')),
    ("getUserRootPath", f"GET {FILES}/getUserRootPath?pathType=hdfs", None, 200, ok(f"{FILES}/getUserRootPath", '{"userHDFSRootPath":"file:///drover/{user}"}')),
    ("a path of the system", f"GET {FILES}/openFile?path=file:///etc/passwd", None, 400, refused(f"{FILES}/openFile", "80010", "there is no such path")),
    ("a path with dots", f"GET {FILES}/openFile?path={RESULT}/../../../../etc/passwd", None, 400, refused(f"{FILES}/openFile", "80010", "there is no such path")),
    ("CreateNewDirAction", f"POST {FILES}/createNewDir", '{"path":"file:///tmp/x"}', 400, refused(f"{FILES}/createNewDir", "80010", "createNewDir is not served")),
    ("GetDBSAction", "GET /datasource/dbs", None, 200, ok("/datasource/dbs", '{"dbs":[]}', "<text>")),
    ("GetTablesAction", "GET /datasource/tables?database=d", None, 200, ok("/datasource/tables", '{"tables":[]}', "<text>")),
    ("GetColumnsAction", "GET /datasource/columns?database=d&table=t", None, 200, ok("/datasource/columns", '{"columns":[]}', "<text>")),
    ("EmsListAction", "GET /linkisManager/listAllEMs", None, 200, ok("/linkisManager/listAllEMs", '{"EMs":<list>,<any>}')),
    ("GetEngineConnAction", "POST /linkisManager/getEngineConn", '{"applicationName":"linkis-cg-engineconn","instance":"engine-999","ticketId":"999"}', 400,
     refused("/linkisManager/getEngineConn", "<int>", "Not exists EngineConn")),
    ("JobObserveAction", "POST /jobhistory/setting/addObserveInfo", '{"taskId":{task}}', 400, refused("/jobhistory/setting/addObserveInfo", "<int>", "tasks have no observers here")),
    ("submit of an unknown engine", "POST /entrance/submit", SUBMIT % ("1", "pyton", "pyton-3"), 400, refused("/entrance/submit", "20009", "there is no engine for 'pyton'")),
    ("submit without labels", "POST /entrance/submit", '{"executionContent":{"code":"1","runType":"python"}}', 400, refused("/entrance/submit", "20008", "the labels are missing")),
    ("submit for another user", "POST /entrance/submit", SUBMIT.replace("{user}-IDE", "somebody-IDE") % ("1", "python", "python-3"), 400,
     refused("/entrance/submit", "50080", "the label userCreator names somebody")),
    ("logout", "POST /user/logout", "{}", 200, ok("/user/logout", "{}", "Logout successful")),
    ("after the logout", "GET /user/userInfo", None, 401, ok("/user/userInfo", "{}", "<text>", -1)),
)
REASONS = {200: "OK", 400: "Bad Request", 401: "Unauthorized"}


def filled(text, known):
    return re.sub(r"\{([a-z]+)\}", lambda found: known.get(found[1], found[0]), text)


def pattern(text, known):
    """What is heard, with its masks as expressions; <name=mask> is remembered as name."""
    out = []
    for at, part in enumerate(re.split(r"<((?:[a-z]+=)?[a-z]+\??)>", text)):
        if at % 2 == 0:
            out.append(re.escape(filled(part, known)))
            continue
        name, _, mask = part.rpartition("=")
        out.append(f"(?P<{name}>{MASKS[mask]})" if name else f"(?:{MASKS[mask]})")
    return "".join(out)


class Wire:
    """One connection, kept alive, as the original client's pool does."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=30)
        self.buffer = b""

    def until(self, mark):
        while mark not in self.buffer:
            self.more()
        part, self.buffer = self.buffer.split(mark, 1)
        return part

    def more(self):
        data = self.socket.recv(65536)
        assert data, f"the connection was closed; heard {self.buffer[-500:]!r}"
        self.buffer += data

    def exactly(self, size):
        while len(self.buffer) < size:
            self.more()
        part, self.buffer = self.buffer[:size], self.buffer[size:]
        return part

    def ask(self, request):
        self.socket.sendall(request)
        head = self.until(b"\r\n\r\n").decode("latin-1")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head.split("\r\n")[1:])}
        if headers.get("transfer-encoding") == "chunked":
            body = b""
            while size := int(self.until(b"\r\n"), 16):
                body += self.exactly(size)
                assert self.exactly(2) == b"\r\n"
            assert self.exactly(2) == b"\r\n"
        else:
            body = self.exactly(int(headers["content-length"]))
        return head.split("\r\n")[0], headers, body


def request_bytes(line, body, port, cookie):
    method, target = line.split(" ", 1)
    head = f"{method} {BASE}{target} HTTP/1.1\r\n"
    payload = b"" if body is None else body.encode()
    if body is not None:
        head += f"{POSTED}Content-Length: {len(payload)}\r\n"
    head += f"Host: 127.0.0.1:{port}\r\n{BROWSER}"
    if cookie:
        head += f"Cookie: {cookie}\r\n"
    return (head + "\r\n").encode() + payload


def replay(cluster, names):
    client = Client(cluster, tokens(cluster)[0])
    wire, cookie = Wire(client.port), None
    known = {"user": USER, "token": tokens(cluster)[0], "port": str(client.port), "exec": "exec_id018009linkis-cg-entrancenowhere:1IDE_u_shell_1"}
    count = 0
    for name, line, body, status, want in CALLS:
        if name == "await":
            client.wait(known[line])
            continue
        sent = request_bytes(filled(line, known), None if body is None else filled(body, known), client.port, cookie)
        first, headers, said = wire.ask(sent)
        assert first == f"HTTP/1.1 {status} {REASONS[status]}", (name, first, said)
        is_file = not want.startswith("{")
        assert "content-type" in headers and (is_file or headers["content-type"] == "application/json"), (name, headers)
        heard = said.decode()
        found = re.fullmatch(pattern(want, known), heard, re.DOTALL)
        assert found, f"{name}\n  said {heard}\n  want {filled(want, known)}"
        known.update({key: value for key, value in found.groupdict().items() if value is not None})
        if "exec" in found.groupdict():
            known["instance"] = re.match(r"exec_id018(\d{3})linkis-cg-entrance(.*)", known["exec"])[2][:int(known["exec"][10:13])]
        if "set-cookie" in headers:
            cookie = headers["set-cookie"].split(";")[0]
            assert re.fullmatch(r"linkis_user_session_ticket_id_v1=[^;]*; Path=/; .*", headers["set-cookie"]), headers
        count += 1
        if not names or name in names:
            print(f"{name}: ok", flush=True)
    wire.socket.close()
    return count


def main():
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="drover-results-") as results:
        with linkis_cluster(results) as cluster:
            count = replay(cluster, sys.argv[1:])
    print(f"{count} calls in {time.monotonic() - begun:.1f} s")
    print(f"{count} passed, 0 failed")


if __name__ == "__main__":
    sys.exit(main())
