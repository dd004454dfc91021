# tests/e2e/engine_trino_test.py - the Trino engine against recorded conversations: types, headers, faults, cancels in each state.
# SPDX-License-Identifier: Apache-2.0
import base64
import os
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from adapter_frame import ROOT, check_gone, check_left_behind, run_faults, until
from engine_agent import EngineProcess, read_table
from recorded_server import RecordedServer
from skips import skip

FOLDER = ROOT / "engines/trino"
FOREVER = "SELECT count(*) FROM lineitem a CROSS JOIN lineitem b"
# see adapter_frame.FAULTS
FAULTS = [
    ("SELECT 'busy'", "ok", None, "answers 503"),
    ("SELECT 'forgotten'", "died", "Lost", "does not know query"),
    ("SELECT 'refused'", "error", "Denied", "Invalid credentials"),
    ("SELECT 'elsewhere'", "error", "OtherServer", "10.9.8.7:8080"),
    ("SELECT\n  x FROM nowhere", "error", "TABLE_NOT_FOUND", "line 2:10"),
]
# statements of one session: each conversation fits only with the headers that those before it asked for
SESSION = ["USE tpch.tiny", "SELECT 2", "START TRANSACTION", "COMMIT", "PREPARE p FROM SELECT ?", "EXECUTE p USING 1", "DEALLOCATE PREPARE p"]


def run_all(engine):
    run_faults(engine, FAULTS)
    assert engine.run("USE tpch.tiny", reset="namespace")["outcome"] == "ok"
    for code in SESSION[1:]:
        ended = engine.run(code)
        assert ended["outcome"] == "ok", (code, ended)
    ended = engine.run("INSERT INTO t VALUES 1, 2, 3;\nSELECT 1", reset="namespace")
    assert [(one["kind"], one["preview"]) for one in ended["results"]] == [("text", "insert: 3 rows"), ("table", [[1]])], ended


def check_types(engine):
    result = engine.run("SELECT * FROM every_type", reset="namespace")["results"][0]
    columns, rows = read_table(engine.results_path(engine.number), result)
    assert [column["type"] for column in columns] == [
        "bool", "int", "int", "float", "decimal", "string", "binary", "date", "timestamp", "string", "any", "any", "string", "string",
        "string"], columns
    assert columns[13]["name"] == "s_2", "no column is lost"
    assert rows == [[True, 7, "9007199254740993", "nan", "123456789012345678.90", "äß", "AP8=", "2026-01-31",
                     "2026-01-31T12:00:00.123000", "2026-01-31 12:00:00.123 Europe/Berlin", "[1, null, 3]", '{"a": 1}',
                     "12151fd2-7586-11e9-8f9e-2a86e4085a59", "2 00:00:00.000", '{"k": 1}'], [None] * 15], rows


def check_cancels(server, engine):
    """Held at each step of the conversation, so in each state of the query: it is cancelled there too, at once."""
    for step in range(1, 6):
        for grace_s in (30, 0) if step == 3 else (30,):
            server.hold_at = step
            statement = engine.execute("SELECT i, name FROM numbers", reset="namespace")
            until(lambda: sum(asked["method"] == "GET" for asked in server.asked[-20:]) > step + 1, "it is held")
            begun = time.monotonic()
            engine.cancel(statement, grace_s=grace_s)
            assert engine.ended(statement)["outcome"] == "cancelled" and time.monotonic() - begun < 25
            until(lambda: not server.open_names(), "nothing is left there")
            server.hold_at = None
            server.asked.clear()
    many = [engine.execute(FOREVER, reset="namespace") for _ in range(30)]
    for statement in many:
        engine.started(statement)
    until(lambda: len(server.open_names()) == 30, "all run at once")
    for statement in many:
        engine.cancel(statement, grace_s=30)
    for statement in many:
        assert engine.ended(statement)["outcome"] == "cancelled"
    assert not server.open_names()


def check_beside(server, engine):
    """A server that takes connections and says nothing delays no statement of another; pollers and lag are told."""
    silent = socket.socket()
    silent.bind(("127.0.0.1", 0))
    silent.listen(50)
    deaf = f"http://127.0.0.1:{silent.getsockname()[1]}"
    ill = [engine.execute("SELECT 1", reset="namespace", env={"DROVER_TRINO_URL": deaf}) for _ in range(6)]
    for statement in ill:
        engine.next(lambda m: m["type"] == "progress" and m["id"] == statement and m["text"] == "waiting for " + deaf[7:], "whom it waits for")
    begun = time.monotonic()
    for _ in range(10):
        assert engine.run("SELECT 1", reset="namespace")["outcome"] == "ok"
    assert time.monotonic() - begun < 45, "one cluster that is ill delays no other"
    engine.messages.clear()
    health = engine.next(lambda m: m["type"] == "health" and m["pollers"][0]["items"] >= 6, "health", 60)
    pollers = {each["kind"]: each for each in health["pollers"]}
    assert pollers["status"]["threads"] >= 2 and pollers["status"]["polls"] > 100, pollers
    for statement in ill:
        engine.cancel(statement, grace_s=1)
        assert engine.ended(statement)["outcome"] == "cancelled"
    silent.close()


def check_tls(directory):
    if shutil.which("openssl") is None:
        return skip("openssl is not installed, so there is no certificate to test with")
    made = subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=test", "-addext",
                           "subjectAltName=IP:127.0.0.1", "-keyout", directory + "/key", "-out", directory + "/cert"],
                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    assert made.returncode == 0
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(directory + "/cert", directory + "/key")
    secrets = Path(directory) / "password"
    secrets.write_text("ada:s3cret\n")
    secrets.chmod(0o600)
    cases = [({}, "error", "NotTrusted"), ({"verify": False}, "ok", None), ({"ca_file": directory + "/cert"}, "ok", None),
             ({"ca_file": directory + "/none"}, "error", "BadCertificates"),
             ({"ca_file": directory + "/cert", "password_file": str(secrets)}, "ok", None),
             ({"ca_file": directory + "/cert", "token_file": str(secrets)}, "ok", None)]
    with RecordedServer("trino", context) as server:
        for options, outcome, name in cases:
            with EngineProcess(FOLDER, {"url": server.base, **options}, {"XDG_STATE_HOME": directory}) as engine:
                ended = engine.run("SELECT 1")
                assert ended["outcome"] == outcome and ended.get("error", {}).get("name") == name, (options, ended)
                wanted = {"password_file": "Basic " + base64.b64encode(b"ada:s3cret").decode(), "token_file": "Bearer ada:s3cret"}
                for each in server.asked:
                    assert each["headers"].get("Authorization") == next((wanted[k] for k in options if k in wanted), None), each
                server.asked.clear()
                if "password_file" in options:
                    secrets.chmod(0o640)
                    ended = engine.run("SELECT 1")
                    assert ended["error"]["name"] == "BadCredentials" and "chmod 600" in ended["error"]["message"], ended
                    secrets.chmod(0o600)
                    ended = engine.run("SELECT 1", env={"DROVER_TRINO_URL": "http://192.0.2.1:8080"})
                    assert ended["error"]["name"] == "NotSecure", ended
    return 0


def main():
    """With a word `tls` that alone, with `plain` the rest, with none both."""
    if sys.argv[1:] == ["tls"]:
        with tempfile.TemporaryDirectory(prefix="drover-trino-") as directory:
            return check_tls(directory)
    with tempfile.TemporaryDirectory(prefix="drover-trino-") as directory:
        environment = {"XDG_STATE_HOME": directory}
        with RecordedServer("trino") as server, EngineProcess(FOLDER, {"url": server.base}, environment) as engine:
            run_all(engine)
            check_types(engine)
            check_cancels(server, engine)
            check_beside(server, engine)
        check_gone("trino", directory, FOREVER)
        tried = 0 if sys.argv[1:] == ["plain"] else check_tls(directory)
        shutil.rmtree(directory + "/drover", ignore_errors=True)
        check_left_behind("trino", directory, FOREVER, ["forever"], lambda server: {"url": server.base})
        assert not os.listdir(directory + "/drover/trino"), "records are left"
    print("the Trino engine does what it says, to recorded conversations")
    return tried


if __name__ == "__main__":
    sys.exit(main())
