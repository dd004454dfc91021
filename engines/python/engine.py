# engines/python/engine.py - a warm Python: imports once, forks, runs code and shows the last value.
# SPDX-License-Identifier: Apache-2.0
import os
import sys

ENGINES = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
HOST = os.path.join(ENGINES, "host")
sys.path.insert(0, HOST)

import _ast  # noqa: E402
import builtins  # noqa: E402
import itertools  # noqa: E402
import linecache  # noqa: E402
import traceback  # noqa: E402
import types  # noqa: E402

import drover_engine  # noqa: E402
import drover_flow  # noqa: E402
from drover_worker import Failure, Runner  # noqa: E402

ONLY_AST = 0x400  # ast.PyCF_ONLY_AST; the module ast itself is not needed
SHORT = 200
SOURCES_KEPT = 256  # of earlier statements, whose functions may be in a traceback
MODULE_DOC = """What code says to Drover: progress(done, total), table(rows), text(s), html(s), image(data);
in steps of workflows set(name=value) and result(job, number)."""


class PythonRunner(Runner):
    languages = ["python", "py"]
    version = ".".join(map(str, sys.version_info[:3]))

    def load(self, options):
        import site
        sys.path[:] = [path for path in sys.path if path not in (HOST, os.path.dirname(os.path.abspath(__file__)))]
        if sys.flags.no_site:  # -S saved the start its search; the code's imports need it
            site.main()
        sys.path.insert(0, "")
        for name in options.get("preload") or []:
            try:
                __import__(name)
            except BaseException as error:  # the code that needs it will say more
                drover_engine.say(f"preload {name}: {type(error).__name__}: {error}")

    def open(self, options):
        os.environ.setdefault("MPLBACKEND", "Agg")
        self.numbers, self.sources, self.task = itertools.count(1), [], None
        self.module = self.make_module()
        self.reset()

    def make_module(self):
        module = types.ModuleType("drover", MODULE_DOC)

        def of_task(act):
            def call(*args, **named):
                if self.task is None:
                    raise RuntimeError("no statement runs")
                return act(self.task, *args, **named)
            return call

        module.progress = of_task(lambda task, *args, **named: task.progress(*args, **named))
        for name in ("table", "text", "html", "image"):
            setattr(module, name, of_task(
                lambda task, *args, _name=name, **named: getattr(task.results, _name)(*args, **named)))
        module.set = lambda **values: drover_flow.set_values(values)
        module.result = drover_flow.Rows
        sys.modules["drover"] = module
        return module

    def reset(self):
        main = types.ModuleType("__main__")
        main.__dict__.update(__builtins__=builtins, drover=self.module)
        sys.modules["__main__"] = main  # pickle and multiprocessing look there
        self.names = main.__dict__
        pyplot = sys.modules.get("matplotlib.pyplot")
        if pyplot is not None:
            pyplot.close("all")

    def run(self, task):
        name = f"<statement {next(self.numbers)}>"
        self.remember_source(name, task.code)
        self.task, shown = task, ()
        try:
            body, last = compile_code(task.code, name)
            if body is not None:
                exec(body, self.names)
            if last is not None:
                value = eval(last, self.names)
                if value is not None:
                    self.names["_"] = value
                    shown = (id(value),)
                    show(task.results, value)
            self.show_figures(task.results, shown)
        except SystemExit as leave:
            return self.exit_code(leave)
        except BaseException as error:
            raise self.failure(error, name) from None
        finally:
            self.task = None

    def remember_source(self, name, code):
        linecache.cache[name] = (len(code), None, code.splitlines(True), name)
        self.sources.append(name)
        if len(self.sources) > SOURCES_KEPT:
            linecache.cache.pop(self.sources.pop(0), None)

    @staticmethod
    def exit_code(leave):
        if leave.code is None or leave.code == 0:
            return 0
        code = leave.code & 0xff if isinstance(leave.code, int) else 1
        raise Failure("SystemExit", f"exit with {leave.code}", exit_code=code or 1) from None

    @staticmethod
    def failure(error, name):
        trace, ours = error.__traceback__, __file__
        while trace is not None and trace.tb_frame.f_code.co_filename == ours:
            trace = trace.tb_next  # begins with the code's own frame
        line = None
        if isinstance(error, SyntaxError) and error.filename == name:
            line, trace = error.lineno, None
        frame = trace
        while frame is not None:
            if frame.tb_frame.f_code.co_filename == name:
                line = frame.tb_lineno  # the innermost place in this statement
            frame = frame.tb_next
        try:
            message = str(error)
            text = "".join(without_ours(traceback.TracebackException(type(error), error, trace)).format())
        except Exception as broken:  # an exception whose own __str__ raises
            message, text = f"(cannot be shown: {type(broken).__name__})", None
        code = 130 if isinstance(error, KeyboardInterrupt) else 1
        return Failure(type(error).__name__, message, line, text, code)

    @staticmethod
    def show_figures(results, shown):
        pyplot = sys.modules.get("matplotlib.pyplot")
        if pyplot is None:
            return
        for number in pyplot.get_fignums():
            figure = pyplot.figure(number)
            if id(figure) not in shown:
                show(results, figure)
        pyplot.close("all")


def without_ours(told):
    """Neither the frames that an interrupt has on top of the code's, nor those in which a table calls the code."""
    left = [told]
    while left:
        one = left.pop()
        one.stack[:] = [frame for frame in one.stack if not frame.filename.startswith(ENGINES + os.sep)]
        left += [each for each in (one.__cause__, one.__context__, *(getattr(one, "exceptions", None) or ())) if each is not None]
    return told


def compile_code(code, name):
    """(all but the last expression, the last expression); a `;` at the end says that nobody wants to see it."""
    line = code.rstrip()
    if len(line) <= SHORT and line.isprintable() and not line.startswith(" ") and not line.endswith(";"):
        try:  # often an expression alone, which needs no tree
            return None, compile(line, name, "eval", 0, True)
        except (SyntaxError, ValueError):
            pass
    tree = compile(code, name, "exec", ONLY_AST, True)
    body, last = tree.body, None
    if body and isinstance(body[-1], _ast.Expr) and not code.rstrip().endswith(";"):
        last = compile(_ast.Expression(body.pop().value), name, "eval", 0, True)
    return (compile(tree, name, "exec", 0, True) if body else None), last


def show(results, value):
    """A value as the result that suits it best."""
    if isinstance(value, type) or isinstance(value, (str, int, float)):
        return results.text(repr(value))
    if isinstance(value, (list, tuple)) and looks_like_rows(value):
        return results.table(value if isinstance(value, list) else list(value))
    if hasattr(value, "itertuples") and hasattr(value, "columns"):
        return show_frame(results, value)
    if hasattr(value, "savefig"):
        import io
        data = io.BytesIO()
        value.savefig(data, format="png")
        return results.image(data.getvalue())
    for method, put in (("_repr_html_", results.html), ("_repr_png_", results.image),
                        ("_repr_svg_", lambda text: results.image(text.encode(), "image/svg+xml"))):
        made = getattr(value, method, None)
        made = made() if callable(made) else None
        if made is not None:  # Jupyter's rule: None means "not this way"
            return put(made)
    results.text(repr(value))


def looks_like_rows(value):
    """A list of dicts, of named tuples or of sequences of one length. A look at the first rows has to do."""
    if not value:
        return False
    some = value[:100]
    if all(isinstance(row, dict) for row in some):
        return any(some)
    first = some[0]
    return isinstance(first, (list, tuple)) and len(first) > 0 and all(
        isinstance(row, (list, tuple)) and len(row) == len(first) for row in some)


def show_frame(results, frame, chunk=4096):
    """A pandas DataFrame, slice by slice; what pandas calls missing is null."""
    names = [str(name) for name in frame.columns]
    table, ok = results.begin_table(names), False
    try:
        for at in range(0, len(frame), chunk):
            part = frame.iloc[at:at + chunk]
            columns = []
            for number in range(len(names)):
                series = part.iloc[:, number]
                values = series.tolist()
                if series.isna().any():
                    values = [None if missing else each for each, missing in zip(values, series.isna())]
                columns.append(values)
            if not table.add(columns):
                break
        ok = True
    finally:
        table.close(ok)


if __name__ == "__main__":
    drover_engine.main(PythonRunner())
