# engines/host/drover_flow.py - what code says to its workflow, and reads of what other statements left.
# SPDX-License-Identifier: Apache-2.0
"""Through the command `drover`, which the steps of workflows find in PATH: it knows the server and who we are."""
import json

from drover_worker import Failure

PAGE_ROWS = 10_000


class WorkflowError(Failure):
    def __init__(self, message):
        super().__init__("WorkflowError", message)


def command(*words):
    import subprocess  # some milliseconds, which only those pay who come here
    try:
        done = subprocess.run(["drover", *words], stdin=subprocess.DEVNULL, capture_output=True, text=True)
    except FileNotFoundError:
        raise WorkflowError("there is no program drover in PATH; steps of workflows have that of "
                            "whoever submits them") from None
    if done.returncode != 0:
        raise WorkflowError(done.stderr.strip() or f"drover {words[0]} ended with {done.returncode}")
    return done.stdout


def set_values(values):
    """Durable when it returns; the steps that follow read them as ${steps.NAME.values.KEY}."""
    words = [f"{name}={value if isinstance(value, str) else json.dumps(value)}" for name, value in values.items()]
    if words:
        command("dag", "set", *words)


class Rows:
    """A table that another statement left, its last one unless a number is given; read page by page, each row a list."""

    def __init__(self, job, number=None):
        self.job, self.number = str(job), str(self.last_table(job) if number is None else number)
        self.first = self.page(0)
        self.columns = [column["name"] for column in self.first["columns"]]
        self.total = self.first["total"]

    @staticmethod
    def last_table(job):
        left = json.loads(command("result", "ls", str(job), "-o", "json"))["results"]
        tables = [result["index"] for result in left if result["kind"] == "table"]
        if not tables:
            raise WorkflowError(f"job {job} left no table")
        return tables[-1]

    def page(self, offset):
        return json.loads(command("result", "get", self.job, self.number, "--format", "json",
                                  "--rows", f"{offset}:{offset + PAGE_ROWS}"))

    def __len__(self):
        return self.total

    def __iter__(self):
        page = self.first
        while True:
            yield from page["rows"]
            if page["next"] is None:
                return
            page = self.page(page["next"])

    def dicts(self):
        return [dict(zip(self.columns, row)) for row in self]
