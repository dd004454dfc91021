# tests/e2e/slurm_server.py - a Slurm of the machine's packages, alone in a temporary directory: one node, no accounting.
# SPDX-License-Identifier: Apache-2.0
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from contextlib import contextmanager

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "squeue", "scontrol", "scancel")
CONF = """ClusterName=drover
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={directory}/munge.sock
CredType=cred/munge
SlurmctldPort={ctld}
SlurmdPort={slurmd}
StateSaveLocation={directory}/state
SlurmdSpoolDir={directory}/spool
SlurmctldPidFile={directory}/slurmctld.pid
SlurmdPidFile={directory}/slurmd.pid
SlurmctldLogFile={directory}/slurmctld.log
SlurmdLogFile={directory}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
ReturnToService=2
SchedulerParameters=sched_interval=1,batch_sched_delay=0
SlurmdParameters=config_overrides
NodeName={host} NodeAddr=127.0.0.1 CPUs=4 State=UNKNOWN
PartitionName=all Nodes={host} Default=YES MaxTime=INFINITE State=UP OverSubscribe=YES
"""


def free_ports(count):
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def why_not():
    """What is missing, or None."""
    missing = [name for name in PROGRAMS if program(name) is None]
    if missing:
        return f"Slurm is not installed ({', '.join(missing)}; tools/setup.sh engines)"
    return None if os.geteuid() == 0 else "slurmd wants to be root"


def program(name):
    return shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")


@contextmanager
def slurm():
    """Yields (environment, why): with which Slurm's commands find it, or None and why there is none."""
    why = why_not()
    if why:
        yield None, why
        return
    directory = tempfile.mkdtemp(prefix="drover-slurm-")
    os.chmod(directory, 0o755)
    daemons = []
    try:
        yield start(directory, daemons), None
    finally:
        for daemon in reversed(daemons):
            daemon.send_signal(signal.SIGTERM)
            try:
                daemon.wait(20)
            except subprocess.TimeoutExpired:
                daemon.kill()
                daemon.wait()
        shutil.rmtree(directory, ignore_errors=True)


def start(directory, daemons):
    host, (ctld, slurmd) = socket.gethostname().split(".")[0], free_ports(2)
    for name in ("state", "spool"):
        os.mkdir(f"{directory}/{name}")
    with open(f"{directory}/slurm.conf", "w") as file:
        file.write(CONF.format(host=host, directory=directory, ctld=ctld, slurmd=slurmd))
    with open(os.open(f"{directory}/munge.key", os.O_CREAT | os.O_WRONLY, 0o400), "wb") as file:
        file.write(os.urandom(1024))
    environ = dict(os.environ, SLURM_CONF=f"{directory}/slurm.conf")

    def run(name, *arguments):
        with open(f"{directory}/{name}.out", "ab") as out:
            daemons.append(subprocess.Popen([program(name), *arguments], stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                                            env=environ, cwd=directory, start_new_session=True))

    run("munged", "--foreground", "--force", f"--socket={directory}/munge.sock", f"--key-file={directory}/munge.key",
        f"--pid-file={directory}/munge.pid", f"--log-file={directory}/munge.log", f"--seed-file={directory}/munge.seed")
    until(lambda: os.path.exists(f"{directory}/munge.sock"), directory)
    run("slurmctld", "-D", "-i", "-f", environ["SLURM_CONF"])
    run("slurmd", "-D", "-N", host, "-f", environ["SLURM_CONF"])
    until(lambda: "idle" in subprocess.run(["sinfo", "-h", "-o", "%T"], env=environ, capture_output=True, text=True).stdout,
          directory)
    return {"SLURM_CONF": environ["SLURM_CONF"]}


def until(is_so, directory, seconds=60):
    end = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > end:
            texts = [open(f"{directory}/{name}", errors="replace").read()[-1500:]
                     for name in sorted(os.listdir(directory)) if name.endswith((".log", ".out"))]
            raise AssertionError("Slurm does not start:\n" + "\n".join(texts))
        time.sleep(0.1)
