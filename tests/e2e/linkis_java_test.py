# tests/e2e/linkis_java_test.py - the original Java client of Linkis, unchanged, against real daemons and engines.
# SPDX-License-Identifier: Apache-2.0
"""python3 tests/e2e/linkis_java_test.py   (77 = skipped: no Java, no Maven, or Maven cannot have the client)

The client's jars are fetched once into $DROVER_LINKIS_JARS, by default ~/.cache/drover-test/linkis-1.7.0.

Four programs use it: UseLinkis each call and both logins; OnceJobs once jobs; CliCalls what linkis-cli calls, in its order; JdbcCalls what the JDBC
driver calls. Neither of the two is on Maven Central; both are built on this client, which alone talks to the server. The driver itself was tried by hand, built from
its public source (docs/linkis.md).
"""
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from linkis_client import USER, Client, linkis_cluster, tokens

HERE = Path(__file__).resolve().parent / "linkis_client"
JARS = Path(os.environ.get("DROVER_LINKIS_JARS", Path.home() / ".cache/drover-test/linkis-1.7.0"))
SKIPPED = 77
PROGRAMS = ("UseLinkis", "OnceJobs", "CliCalls", "JdbcCalls")


def skip(why):
    print(f"SKIPPED: {why}; the original Java client was NOT tried")
    return SKIPPED


def jars():
    if not any(JARS.glob("linkis-computation-client-*.jar")):
        command = ["mvn", "-q", "-B", "-f", str(HERE / "pom.xml"), "dependency:copy-dependencies", f"-DoutputDirectory={JARS}"]
        try:
            subprocess.run(command, check=True, capture_output=True, timeout=300)
        except (subprocess.SubprocessError, OSError) as error:
            return str(error)
    return None


def main():
    for program in ("java", "javac", "mvn"):
        if not shutil.which(program):
            return skip(f"there is no {program} (tools/setup.sh engines)")
    if problem := jars():
        return skip(f"Maven cannot fetch it ({problem})")
    with tempfile.TemporaryDirectory(prefix="drover-java-") as scratch:
        classes = Path(scratch) / "classes"
        sources = [str(HERE / f"{name}.java") for name in ("Steps", *PROGRAMS)]
        subprocess.run(["javac", "-nowarn", "-cp", f"{JARS}/*", "-d", str(classes), *sources], check=True, timeout=300)
        # The driver's engine is trino unless its URL names another.
        with linkis_cluster(scratch + "/results", 'engines = ["trino=sql"]') as cluster:
            token = tokens(cluster)[0]
            client = Client(cluster, token)
            files = client.raw("GET", "/filesystem/getUserRootPath?pathType=file")[0] == 200
            for name in PROGRAMS:
                more = ["files"] if files and name == "UseLinkis" else []
                command = ["java", "-cp", f"{classes}:{JARS}/*", name, f"http://127.0.0.1:{client.port}", USER, token, *more]
                done = subprocess.run(command, capture_output=True, text=True, timeout=300)
                print(f"{name}:\n{done.stdout[-8000:]}", flush=True)
                assert done.returncode == 0, done.stderr[-3000:]
    return 0


if __name__ == "__main__":
    sys.exit(main())
