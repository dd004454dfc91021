# engines/host/drover_http.py - one HTTP conversation of an adapter: what was certainly not heard, what must not be asked twice.
# SPDX-License-Identifier: Apache-2.0
import base64
import http.client
import json
import os
import socket
import ssl
import stat
import urllib.parse

from drover_adapter import Unanswered
from drover_worker import Failure

CONNECT_S, READ_S = 10, 60
BODY_MAX = 256 << 20   # of one answer: a page of rows
AGAIN = {429, 502, 503, 504}


class Answer:
    __slots__ = ("status", "headers", "body")

    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    def json(self, parse_float=None):
        try:
            value = json.loads(self.body, parse_float=parse_float)
        except (ValueError, RecursionError):
            value = None
        if not isinstance(value, dict):
            raise BadAnswer(f"status {self.status} with what is no JSON object: {self.text(100)!r}")
        return value

    def text(self, limit=300):
        return self.body[:limit].decode("utf-8", "replace").strip()


class BadAnswer(Unanswered):
    """Not of the protocol: a proxy's page, half an answer."""


class Server:
    """Where to ask, and as whom. `options`: url, ca_file, verify, password_file (user:password), token_file (a JWT)."""

    def __init__(self, url, options, name):
        parts = urllib.parse.urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username is not None:
            raise Failure("BadUrl", f"{url!r} is not like https://host:port, the address of {name}")
        self.is_tls, self.host, self.path = parts.scheme == "https", parts.hostname, parts.path.rstrip("/")
        try:
            self.port = parts.port or (443 if self.is_tls else 80)
        except ValueError as error:
            raise Failure("BadUrl", f"{url!r}: {error}") from None
        self.name, self.context = f"{self.host}:{self.port}", tls_context(options) if self.is_tls else None
        self.headers = credentials(options)
        if self.headers and not self.is_tls and self.host not in ("localhost", "127.0.0.1", "::1"):
            raise Failure("NotSecure", f"{url}: credentials are sent over https only")

    @property
    def url(self):
        return f"{'https' if self.is_tls else 'http'}://{self.name}{self.path}"

    def path_of(self, uri):
        """Of an address that the server gave: elsewhere our credentials have no business."""
        parts = urllib.parse.urlsplit(uri)
        if parts.scheme or parts.netloc:
            port = parts.port or (443 if parts.scheme == "https" else 80)
            if (parts.scheme == "https", parts.hostname, port) != (self.is_tls, self.host, self.port):
                raise Failure("OtherServer", f"{self.name} leads to another server, {parts.scheme}://{parts.netloc}: use its address")
        return parts.path + ("?" + parts.query if parts.query else "")


def tls_context(options):
    if options.get("verify") is False:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        return context
    try:
        path = options.get("ca_file")
        return ssl.create_default_context(cafile=os.path.expanduser(path) if path else None)
    except (OSError, ssl.SSLError) as error:
        raise Failure("BadCertificates", f"ca_file {options['ca_file']}: {error}") from None


def credentials(options):
    if options.get("token_file"):
        return {"Authorization": "Bearer " + secret(options["token_file"])}
    if options.get("password_file"):
        text = secret(options["password_file"])
        if ":" not in text:
            raise Failure("BadCredentials", f"{options['password_file']} must hold USER:PASSWORD")
        return {"Authorization": "Basic " + base64.b64encode(text.encode()).decode()}
    return {}


def secret(path):
    """The first line of a file that nobody else can read."""
    path = os.path.expanduser(path)
    try:
        with open(path, "rb") as file:
            about = os.fstat(file.fileno())
            if not stat.S_ISREG(about.st_mode) or about.st_uid != os.geteuid() or about.st_mode & 0o077:
                raise Failure("BadCredentials", f"{path} must be a file of yours that nobody else may read: chmod 600 {path}")
            text = file.read(1 << 16).decode("utf-8", "replace").split("\n")[0].strip()
    except OSError as error:
        raise Failure("BadCredentials", f"{path}: {error.strerror}") from None
    if not text or not text.isprintable():
        raise Failure("BadCredentials", f"{path} holds no credentials")
    return text


class Conversation:
    """One connection. Not for several threads at once, except wake()."""

    def __init__(self, server):
        self.server, self.connection, self.is_used, self.is_woken = server, None, False, False

    def ask(self, method, path, body=None, headers=None):
        """Answers with a status that means "later" are Unanswered; so is whatever went wrong on the way, and then
        `may_have_begun` tells whether the server may have heard the question."""
        # A connection that was idle may be closed at the other end: then nobody knows what became of a question on it.
        if self.connection is not None and method == "POST":
            self.close()
        was_used, self.is_woken = self.is_used, False
        try:
            answer = self.ask_once(method, path, body, headers or {})
        except Unanswered as why:
            self.close()
            if not was_used or method == "POST" or why.is_slow or self.is_woken:
                raise
            answer = self.ask_once(method, path, body, headers or {})
        if answer.status in AGAIN:
            pause_s = answer.headers.get("Retry-After", "")
            raise Unanswered(f"{self.server.name} answers {answer.status}", float(pause_s) if pause_s.isdigit() else None)
        return answer

    def ask_once(self, method, path, body, headers):
        may_have_begun = False
        try:
            if self.connection is None:
                self.connect()
            may_have_begun = True
            self.connection.request(method, path, body, {**self.server.headers, **headers})
            response = self.connection.getresponse()
            data = response.read(BODY_MAX + 1)
            self.is_used = True
            if len(data) > BODY_MAX:
                self.close()
                raise Failure("TooLarge", f"{self.server.name} sent more than {BODY_MAX >> 20} MiB at once")
            if response.will_close:
                self.close()
            return Answer(response.status, response.headers, data)
        except ssl.SSLCertVerificationError as error:
            self.close()
            raise Failure("NotTrusted", f"{self.server.name}: {error.verify_message} (option ca_file)") from None
        except (OSError, http.client.HTTPException, AttributeError) as error:  # AttributeError: woken while it connected
            why = getattr(error, "strerror", None) or str(error) or type(error).__name__
            self.close()
            where = self.server.name if may_have_begun else f"cannot reach {self.server.url}"
            raise Unanswered(f"{where}: {why}", may_have_begun=may_have_begun,
                             is_slow=isinstance(error, TimeoutError)) from None

    def connect(self):
        server = self.server
        if server.is_tls:
            connection = http.client.HTTPSConnection(server.host, server.port, timeout=CONNECT_S, context=server.context)
        else:
            connection = http.client.HTTPConnection(server.host, server.port, timeout=CONNECT_S)
        connection.connect()
        connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.sock.settimeout(READ_S)
        self.connection = connection

    def wake(self):
        """From another thread: whoever waits for an answer stops waiting."""
        self.is_woken, connection = True, self.connection
        sock = connection.sock if connection is not None else None
        if sock is not None:
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def close(self):
        connection, self.connection, self.is_used = self.connection, None, False
        if connection is not None:
            connection.close()
