# tests/e2e/spark_package.py - where pyspark is: with the python that runs the tests, or where tools/setup.sh has put it.
# SPDX-License-Identifier: Apache-2.0
import importlib.util
import os
import shutil
from pathlib import Path

PLACE = Path(os.environ.get("DROVER_PYSPARK", Path.home() / ".cache/drover-test/pyspark"))


def why_not():
    """What is missing, or None; then engines that are started from here find it."""
    if importlib.util.find_spec("pyspark") is None:
        if not (PLACE / "pyspark").is_dir():
            return "pyspark is not installed (tools/setup.sh engines)"
        os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (str(PLACE), os.environ.get("PYTHONPATH"))))
    if shutil.which("java", path=os.path.join(os.environ.get("JAVA_HOME", ""), "bin") + os.pathsep + os.environ.get("PATH", "")) is None:
        return "there is no java for pyspark (tools/setup.sh engines)"
    return None
