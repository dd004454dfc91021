# engines/spark/engine.py - SQL and Python on one SparkSession that stays; pyspark brings Spark with it.
# SPDX-License-Identifier: Apache-2.0
import importlib.util
import os
import signal
import sys
import threading

HERE = os.path.dirname(os.path.abspath(__file__))
ENGINES = os.path.dirname(HERE)
sys.path.insert(0, os.path.join(ENGINES, "host"))

import drover_engine  # noqa: E402
from drover_worker import Failure  # noqa: E402
from split_sql import split_statements  # noqa: E402

loader = importlib.util.spec_from_file_location("python_engine", os.path.join(ENGINES, "python", "engine.py"))
python_engine = importlib.util.module_from_spec(loader)
loader.loader.exec_module(python_engine)

LOOK_S = 0.5           # between two looks at Spark's progress
SHOW_ROWS = 1000       # of a DataFrame that is the value of Python code; SQL and drover.table() give all
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
        self.spark = self.missing = None

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
        except Exception as error:  # no Java, a cluster that does not answer
            self.missing = f"Spark does not start: {error}"

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
            if isinstance(error, Failure):
                raise
            raise Failure(type(error).__name__, str(error)) from None
        finally:
            over.set()
            self.cancel_wanted.set()
            watch.join()

    def run_sql(self, task):
        for line, statement in split_statements(task.code):
            try:
                frame = self.spark.sql(statement)
                if frame.columns:
                    show_frame(task.results, frame, task.results.rows_left)
            except Exception as error:
                raise Failure(type(error).__name__, str(error).split("\n\nJVM stacktrace")[0], line) from None

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
                context.cancelAllJobs()
                if not over.wait(SECOND_SIGNAL_S):
                    os.kill(os.getpid(), signal.SIGINT)
                    return
            self.cancel_wanted.wait(LOOK_S)
            if not over.is_set() and not self.signals:
                tell_progress(task, context.statusTracker())


def tell_progress(task, tracker):
    stages = [tracker.getStageInfo(number) for number in tracker.getActiveStageIds()]
    total = sum(stage.numTasks for stage in stages if stage)
    if total:
        done = sum(stage.numCompletedTasks for stage in stages if stage)
        task.progress(done, total, f"{done} of {total} tasks of {len(stages)} stages")


def show_frame(results, frame, limit):
    """Rows as they come from the partitions; one more than the limit, so that a cut is marked as one."""
    if limit < 1 << 31 - 1:
        frame = frame.limit(limit + 1)
    results.table((tuple(row) for row in frame.toLocalIterator()), frame.columns)


def show(results, value, show_plain=python_engine.show):
    if hasattr(value, "toLocalIterator") and hasattr(value, "columns"):
        limit = min(results.rows_left, SHOW_ROWS)
        return results.table((tuple(row) for row in value.limit(limit).toLocalIterator()), value.columns)
    return show_plain(results, value)


python_engine.show = show

if __name__ == "__main__":
    drover_engine.main(SparkRunner())
