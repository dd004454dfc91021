# engines/spark/engine.py - SQL and Python on one SparkSession that stays; pyspark brings Spark with it.
# SPDX-License-Identifier: Apache-2.0
import importlib.util
import os
import re
import shutil
import signal
import subprocess
import sys
import threading

HERE = os.path.dirname(os.path.abspath(__file__))
ENGINES = os.path.dirname(HERE)
sys.path.insert(0, os.path.join(ENGINES, "host"))

import drover_engine  # noqa: E402
from drover_rows import unique  # noqa: E402
from drover_worker import Failure  # noqa: E402
from split_sql import split_statements  # noqa: E402

loader = importlib.util.spec_from_file_location("python_engine", os.path.join(ENGINES, "python", "engine.py"))
python_engine = importlib.util.module_from_spec(loader)
loader.loader.exec_module(python_engine)

LOOK_S = 0.5           # between two looks at Spark's progress
SHOW_ROWS = 1000       # of a DataFrame that is the value of Python code; SQL and drover.table() give all
JVM_END_S = 2.0        # after it was not reached: it may be about to end
SECOND_SIGNAL_S = 2.0  # after the jobs are cancelled: what is no job needs an exception


class SparkRunner(python_engine.PythonRunner):
    languages = ["pyspark", "python", "sql", "spark-sql"]

    def load(self, options):
        super().load(options)
        sys.path[:] = [path for path in sys.path if not path.startswith(ENGINES)]
        try:
            import pyspark
            self.version = "Spark " + pyspark.__version__
        except ImportError:
            self.version = "Spark (pyspark is not installed)"
        self.spark = self.missing = self.jvm = None
        self.is_running = False

    def open(self, options):
        self.options = options
        kept = [os.dup(fd) for fd in (1, 2)]
        for fd in (1, 2):  # what Spark says of its start, and later, is no statement's output
            os.dup2(self.engine_log, fd)
        self.start_session()  # now, while nobody waits for it
        for fd, old in zip((1, 2), kept):
            os.dup2(old, fd)
            os.close(old)
        super().open(options)

    def start_session(self):
        os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
        try:
            from pyspark.sql import SparkSession
        except ImportError as error:
            self.missing = f"{error}: pip install pyspark, for the python3 that runs the engine ({sys.executable})"
            return
        try:
            builder = SparkSession.builder.master(self.options.get("master") or "local[*]")
            builder = builder.appName(os.environ.get("DROVER_ENGINE_NAME", "drover"))
            for name, value in {"spark.ui.enabled": "false", "spark.ui.showConsoleProgress": "false",
                                **(self.options.get("conf") or {})}.items():
                builder = builder.config(name, value)
            self.spark = builder.getOrCreate()
            self.spark.sparkContext.setLogLevel("ERROR")
            self.jvm = getattr(self.spark.sparkContext._gateway, "proc", None)
            if self.jvm is not None:
                threading.Thread(target=self.await_jvm, daemon=True).start()
        except Exception as error:  # no Java, a cluster that does not answer
            java = shutil.which("java", path=os.path.join(os.environ.get("JAVA_HOME", ""), "bin") + ":" + os.environ.get("PATH", ""))
            self.missing = f"Spark does not start: {error}" + ("" if java else " (there is no java on this node)")

    def await_jvm(self):
        """Without its JVM this process is of no use: the engine forks the next, with a new one."""
        self.jvm.wait()
        self.is_spent = True
        if not self.is_running:  # else run() tells of it
            os._exit(0)

    def has_jvm(self, wait_s=0):
        try:
            return self.jvm is None or self.jvm.wait(wait_s) is None
        except subprocess.TimeoutExpired:
            return True

    def reset(self):
        """A new session on the same Spark: temporary views and settings are gone, its executors stay warm."""
        if self.spark is not None:
            self.spark = self.spark.newSession()
        super().reset()
        self.names.update(spark=self.spark, sc=self.spark.sparkContext if self.spark else None)

    def run(self, task):
        if self.spark is None:
            raise Failure("NotInstalled", self.missing)
        self.signals, over, self.cancel_wanted = 0, threading.Event(), threading.Event()
        if task.is_cancelled:  # before these marks were set back
            raise KeyboardInterrupt
        self.is_running = True
        watch = threading.Thread(target=self.watch, args=(task, over), daemon=True)
        watch.start()
        try:
            if task.language in ("sql", "spark-sql"):
                self.run_sql(task)
                return 0
            return super().run(task)
        except Exception as error:
            if self.signals:
                raise KeyboardInterrupt from None
            name = error.name if isinstance(error, Failure) else type(error).__name__
            if not self.has_jvm(JVM_END_S if name.startswith("Py4J") or name.startswith("Connection") else 0):
                raise Failure("Died", f"the JVM of Spark has ended (the engine's log may say why): {error}", outcome="died") from None
            if isinstance(error, Failure):
                raise
            raise Failure(name, str(error)) from None
        finally:
            over.set()
            self.cancel_wanted.set()
            watch.join()
            self.is_spent = not self.has_jvm()
            self.is_running = False

    def run_sql(self, task):
        for line, statement in split_statements(task.code):
            try:
                frame = self.spark.sql(statement)
                if frame.columns:
                    show_frame(task.results, frame, task.results.rows_left)
            except Exception as error:
                message = str(error).split("\n\nJVM stacktrace")[0].strip()
                within = re.search(r"\bline (\d+),? pos \d", message)
                raise Failure(type(error).__name__, message, line + int(within[1]) - 1 if within else line) from None

    def interrupt(self):
        """The jobs are cancelled by the thread that watches: an exception in the middle of a call to the JVM would leave
        its connection with an answer that nobody has read. Code that is in no such call has the exception a little later."""
        self.signals += 1
        self.cancel_wanted.set()
        if self.signals > 1:
            raise KeyboardInterrupt

    def watch(self, task, over):
        context, is_told = self.spark.sparkContext, False
        while not over.is_set():
            if self.signals and not is_told:
                is_told = True
                attempt(context.cancelAllJobs)
                if not over.wait(SECOND_SIGNAL_S):
                    os.kill(os.getpid(), signal.SIGINT)
                    return
            self.cancel_wanted.wait(LOOK_S)
            if not over.is_set() and not self.signals:
                attempt(lambda: tell_progress(task, context.statusTracker()))


def attempt(act):
    try:
        act()
    except Exception:  # there is no JVM any more: the statement is told so
        pass


def tell_progress(task, tracker):
    stages = [tracker.getStageInfo(number) for number in tracker.getActiveStageIds()]
    total = sum(stage.numTasks for stage in stages if stage)
    if total:
        done = sum(stage.numCompletedTasks for stage in stages if stage)
        task.progress(done, total, f"{done} of {total} tasks of {len(stages)} stages")


TYPES = {"boolean": "bool", "tinyint": "int", "smallint": "int", "int": "int", "bigint": "int", "float": "float", "double": "float",
         "string": "string", "binary": "binary", "date": "date", "timestamp": "timestamp", "timestamp_ntz": "timestamp"}


def show_frame(results, frame, limit):
    """Rows as they come from the partitions; one more than the limit, so that a cut is marked as one."""
    if limit < 1 << 31 - 1:
        frame = frame.limit(limit + 1)
    write(results, frame)


def write(results, frame):
    """Structures are told with the names of their fields."""
    kinds = [field.dataType.simpleString() for field in frame.schema.fields]
    nested = [at for at, kind in enumerate(kinds) if kind.startswith(("array", "map", "struct"))]

    def rows():
        for row in frame.toLocalIterator():
            cells = list(row)
            for at in nested:
                cells[at] = plain(cells[at])
            yield cells

    types = [TYPES.get(kind, "decimal" if kind.startswith("decimal") else None) for kind in kinds]
    results.table(rows(), unique(frame.columns), types=types)


def plain(value):
    if hasattr(value, "asDict"):
        return {name: plain(cell) for name, cell in zip(value.__fields__, value)}
    if isinstance(value, dict):
        return {name: plain(cell) for name, cell in value.items()}
    return [plain(each) for each in value] if isinstance(value, list) else value


def show(results, value, show_plain=python_engine.show):
    if hasattr(value, "toLocalIterator") and hasattr(value, "columns"):
        return write(results, value.limit(min(results.rows_left, SHOW_ROWS)))
    return show_plain(results, value)


python_engine.show = show

if __name__ == "__main__":
    drover_engine.main(SparkRunner())
