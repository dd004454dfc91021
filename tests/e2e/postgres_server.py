# tests/e2e/postgres_server.py - a PostgreSQL of the machine's packages, alone in a temporary directory.
# SPDX-License-Identifier: Apache-2.0
import glob
import os
import pwd
import shutil
import subprocess
import tempfile
from contextlib import contextmanager


def programs():
    """The folder with initdb and pg_ctl, or None."""
    for folder in sorted(glob.glob("/usr/lib/postgresql/*/bin"), reverse=True):
        if os.path.exists(os.path.join(folder, "pg_ctl")):
            return folder
    found = shutil.which("pg_ctl")
    return os.path.dirname(found) if found else None


@contextmanager
def postgres():
    """Yields its URL, or None where PostgreSQL is not installed. It runs as another user when we are root: it insists."""
    folder = programs()
    if folder is None:
        yield None
        return
    directory = tempfile.mkdtemp(prefix="drover-pg-")
    who = {}
    if os.geteuid() == 0:
        account = pwd.getpwnam("nobody")
        os.chown(directory, account.pw_uid, account.pw_gid)
        who = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}

    def run(program, *arguments):
        subprocess.run([os.path.join(folder, program), *arguments], check=True, cwd=directory,
                       stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL, **who)

    data = os.path.join(directory, "data")
    try:
        run("initdb", "-D", data, "-U", "drover", "-A", "trust", "-E", "UTF8", "--no-sync", "--locale=C")
        run("pg_ctl", "-D", data, "-w", "-l", os.path.join(directory, "log"), "start",
            "-o", f"-c listen_addresses='' -c unix_socket_directories='{directory}' -c fsync=off")
        try:
            yield f"postgresql://drover@/postgres?host={directory}"
        finally:
            run("pg_ctl", "-D", data, "-m", "immediate", "stop")
    finally:
        shutil.rmtree(directory, ignore_errors=True)
