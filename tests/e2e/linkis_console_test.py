# tests/e2e/linkis_console_test.py - what pages of Linkis' web console do with the answers, one case for each.
# SPDX-License-Identifier: Apache-2.0
"""Found by running the pages in a browser. They take members apart as JavaScript does: what is missing shows as an empty table."""
import json
import sys
from urllib.parse import urlencode

from linkis_client import USER, Client, end_everything, run_cases, tokens
from skips import skip


class Bench:
    def __init__(self, cluster):
        self.cluster, self.token = cluster, tokens(cluster)[0]
        self.client = Client(cluster, self.token)

    def run(self, code, *how, **more):
        exec_id, task = self.client.submit(code, *how, **more)
        self.client.wait(exec_id)
        return self.client.task(task)

    def history(self, call, client=None, **query):
        return (client or self.client).good("GET", f"/jobhistory/{call}?{urlencode(query)}")

    def manager(self, call, **query):
        return self.client.good("GET", f"/linkisManager/{call}?{urlencode(query)}")


def a_task_leads_to_the_log_of_its_engine(bench):
    """Newer pages show the log only of a task with all four members; else they look for a record by the instance, with the same in it."""
    row = bench.run("import os; os.write(2, b'of the engine\\n')", "python-3", "python")
    node = bench.manager("listAllEMs")["EMs"][0]["instance"]
    assert row["ecmInstance"] == node and row["engineInstance"] and row["ticketId"] and row["engineLogPath"], row
    record = bench.manager("ecinfo/ecrHistoryList", instance=row["engineInstance"])["engineList"][0]
    assert (record["ecmInstance"], record["serviceInstance"], record["ticketId"], record["logDirSuffix"]) == (
        node, row["engineInstance"], row["ticketId"], row["engineLogPath"]), (record, row)
    asked = {"applicationName": "linkis-cg-engineconn", "emInstance": node, "instance": row["engineInstance"],
             "parameters": {"pageSize": 1000, "fromLine": 0, "logType": "stdout", "logDirSuffix": row["engineLogPath"], "ticketId": row["ticketId"]}}
    shown = bench.client.good("POST", "/linkisManager/openEngineLog", asked)["result"]
    assert shown["rows"] == len(shown["logs"]), shown
    end_everything(bench.cluster)
    after = bench.client.task(row["taskID"])
    assert {key: after[key] for key in asked["parameters"] if key in after} == {"ticketId": row["ticketId"]}, after
    assert (after["ecmInstance"], after["engineLogPath"]) == (node, row["engineLogPath"]), "the engine is gone, its log is not"
    assert bench.client.good("POST", "/linkisManager/openEngineLog", asked)["result"]["logs"][:len(shown["logs"])] == shown["logs"]


def a_task_without_an_engine_leads_nowhere(bench):
    exec_id, task = bench.client.submit("sleep 60", labels={"engineType": "shell-1", "userCreator": f"{USER}-IDE", "jobQueuingTimeout": "1"}, params={
        "configuration": {"startup": {"wds.linkis.engineconn.java.driver.memory": "900G"}}})
    assert bench.client.wait(exec_id)[-1] in ("Cancelled", "Failed")
    row = bench.client.task(task)
    assert (row["engineInstance"], row["ecmInstance"], row["ticketId"], row["engineLogPath"]) == (None,) * 4, row


def the_statistics_page(bench):
    """It reads the parameters of each row as JSON and takes a label of it apart: one row that cannot be read leaves the table empty."""
    bench.run("echo counted", params={"configuration": {"startup": {"etl_job_name": "nightly"}}}, creator="counter")
    rows = bench.history("listDurationTop", creator="counter", proxyUser="")["tasks"]
    assert [row["executionCode"] for row in rows] == ["echo counted"], rows
    assert json.loads(rows[0]["paramsJson"])["configuration"]["startup"]["etl_job_name"] == "nightly", rows
    assert [label for label in rows[0]["labels"] if label.startswith("engineType:")] == ["engineType:shell-1"], rows
    for user, count in (("", 1), (USER, 1), ("no-such-user", 0)):
        assert bench.history("jobstatistics/taskCount", creator="counter", proxyUser=user)["sumCount"] == count, user
        assert bench.history("jobstatistics/engineCount", creator="counter", proxyUser=user)["countEngine"] == count, user
        assert len(bench.history("listDurationTop", creator="counter", proxyUser=user)["tasks"]) == count, user


def the_gateway_is_a_filter(bench):
    row = bench.run("echo here", creator="filtered")
    assert bench.history("list", creator="filtered", instance=row["instance"])["totalPage"] == 1
    assert bench.history("list", creator="filtered", instance="")["totalPage"] == 1
    assert bench.history("list", creator="filtered", instance="elsewhere:9104")["totalPage"] == 0


def a_node_has_begun_once(bench):
    begun = bench.manager("listAllEMs")["EMs"][0]["startTime"]
    bench.run("echo the node is heard again")
    assert bench.manager("listAllEMs")["EMs"][0]["startTime"] == begun


def somebody_else(bench):
    """Statistics of everybody are for operators; others have their own."""
    bench.run("echo mine", creator="private")
    other = Client(bench.cluster, bench.token, next(name for name in ("daemon", "games", "nobody") if name != USER))
    if other.ask("GET", "/user/userInfo").status != 0:
        return skip("no other user can be tried here")
    for user in ("", USER):
        assert bench.history("jobstatistics/taskCount", other, proxyUser=user)["sumCount"] == 0, user
        assert bench.history("listDurationTop", other, proxyUser=user)["tasks"] == [], user


CASES = (a_task_leads_to_the_log_of_its_engine, a_task_without_an_engine_leads_nowhere, the_statistics_page, the_gateway_is_a_filter, a_node_has_begun_once,
         somebody_else)


def main():
    return run_cases(CASES, Bench)


if __name__ == "__main__":
    sys.exit(main())
