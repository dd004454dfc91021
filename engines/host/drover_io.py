# engines/host/drover_io.py - JSON lines over a socket, a statement's log file, and what /proc says.
# SPDX-License-Identifier: Apache-2.0
import json
import os
import sys

LINE_MAX = 8 << 20
NOTHING = ()
encode = json.JSONEncoder(ensure_ascii=False).encode  # json.dumps would make one each time


def json_bytes(value):
    """As ASCII json would tell half a pair of surrogates (a file's name with a byte that is no UTF-8, say), which nobody else can read."""
    return encode(value).encode("utf-8", "replace")


def say(text):
    """To the engine's own log, which is its job's output."""
    print(f"drover engine: {text}", file=sys.stderr, flush=True)


class Log:
    """A statement's output file: made at the first byte, cut at the limit; what is dropped is counted. One that goes on (an
    earlier attempt wrote into it) keeps what is there, which counts for the limit."""

    def __init__(self, path, limit, goes_on=False):
        self.path, self.left, self.dropped, self.fd = path, limit or 1 << 62, 0, None
        self.is_in_line, self.goes_on = False, goes_on

    def write(self, data):
        is_open = self.left > 0 and len(data) > 0 and self.open()
        kept = data[:self.left]
        written = 0
        if kept and is_open:
            try:
                written = os.write(self.fd, kept)
            except OSError:  # disk full: the statement goes on
                pass
        self.left -= written
        self.dropped += len(data) - written
        if written:
            self.is_in_line = kept[written - 1:written] != b"\n"

    def note(self, text):
        """A word of ours, on a line of its own."""
        self.write((b"\n" if self.is_in_line else b"") + b"[drover: %s]\n" % text.encode("utf-8", "replace"))

    def open(self):
        if self.fd is None:
            flags = (os.O_WRONLY | os.O_APPEND | (0 if self.goes_on else os.O_TRUNC) | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK
                     | os.O_CLOEXEC)
            try:
                try:
                    self.fd = os.open(self.path, flags, 0o600)
                except FileNotFoundError:
                    os.makedirs(os.path.dirname(self.path), 0o700, exist_ok=True)
                    self.fd = os.open(self.path, flags, 0o600)
                if self.goes_on:
                    self.left = max(0, self.left - os.fstat(self.fd).st_size)
            except (OSError, ValueError) as error:
                say(f"no log: {error}")
                self.fd = -1
        return self.fd >= 0

    def forget(self):
        """Nothing was written. What lies there is of an earlier store; what writes next goes on with what it finds."""
        if not self.goes_on:
            try:
                os.unlink(self.path)
            except (OSError, ValueError):
                pass

    def close(self):
        if self.dropped and self.open():
            try:
                os.write(self.fd, f"\n[drover: {self.dropped} bytes more are not kept]\n".encode())
            except OSError:
                pass
        if self.fd is not None and self.fd >= 0:
            os.close(self.fd)
        self.fd = -1


class Lines:
    """A non-blocking socket, line by line. What is sent leaves with flush()."""

    def __init__(self, sock):
        self.sock, self.incoming, self.outgoing = sock, b"", bytearray()
        sock.setblocking(False)

    def send(self, line):
        self.outgoing += line

    def flush(self):
        """False: the other side must read first."""
        while self.outgoing:
            try:
                del self.outgoing[:self.sock.send(self.outgoing)]
            except BlockingIOError:
                return False
            except OSError:  # reading tells of the end
                self.outgoing.clear()
        return True

    def receive(self):
        """The lines that are complete; NOTHING when nothing has come, None when the other side is gone or a line is too long."""
        try:
            data = self.sock.recv(1 << 16)  # more would be mapped anew each time
        except BlockingIOError:
            return NOTHING
        except OSError:
            data = b""
        if not data:
            return None
        if isinstance(self.incoming, bytes) and not self.incoming:
            if data.endswith(b"\n"):  # nearly always
                return data[:-1].split(b"\n")
            self.incoming = bytearray()
        self.incoming += data
        if b"\n" not in data:
            return [] if len(self.incoming) <= LINE_MAX else None
        *lines, rest = self.incoming.split(b"\n")
        self.incoming = bytearray(rest) if rest else b""
        return lines


def take_secret(name):
    """Takes a variable out of the environment, and out of what /proc shows of it: statements do not see it."""
    value = os.environ.pop(name, "")
    try:
        with open("/proc/self/stat", "rb") as stat:
            start = int(stat.read().rpartition(b")")[2].split()[47])  # env_start, field 50
        with open("/proc/self/environ", "rb") as environ:
            at = (b"\0" + environ.read()).find(b"\0" + name.encode() + b"=")
        if value and at >= 0:
            with open("/proc/self/mem", "r+b", 0) as memory:
                memory.seek(start + at + len(name) + 1)
                memory.write(b"x" * len(os.fsencode(value)))
    except (OSError, ValueError, IndexError) as error:
        say(f"{name} stays in /proc: {error}")
    return value


def resident_kib(pid):
    try:
        with open(f"/proc/{pid}/statm", "rb") as statm:
            return int(statm.read().split()[1]) * (os.sysconf("SC_PAGESIZE") // 1024)
    except (OSError, IndexError, ValueError):
        return 0
