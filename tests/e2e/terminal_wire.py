"""Frames, TLS and enrolment of the independent terminal (terminal.py), from terminal.proto and PROTOCOL.md alone."""
import hashlib
import importlib
import json
import os
import random
import select
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import _ssl

HERE = os.path.dirname(os.path.abspath(__file__))
PROTO = os.environ.get("ONECARD_PROTO", os.path.join(HERE, "..", "..", "include", "onecard", "terminal.proto"))
FRAME_MAX = 65536


def load_proto(path=PROTO):
    """The messages, made by protoc in a temporary folder, which is gone again when this returns."""
    folder = tempfile.mkdtemp(prefix="onecard-proto.")
    try:
        subprocess.run(["protoc", "-I", os.path.dirname(os.path.abspath(path)), "--python_out=" + folder,
                        os.path.basename(path)], check=True)
        sys.path.insert(0, folder)
        try:
            return importlib.import_module(os.path.basename(path).replace(".proto", "_pb2"))
        finally:
            sys.path.remove(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


pb = load_proto()


class Closed(Exception):
    """The connection is over; says why."""


class Fatal(Exception):
    """The switch ended the connection with a fatal error."""

    def __init__(self, error):
        super().__init__("%s: %s" % (error.code, error.message))
        self.code = error.code


def frame(message):
    body = message if isinstance(message, bytes) else message.SerializeToString()
    size, head = len(body), b""
    while size > 127:
        head += bytes([size & 127 | 128])
        size >>= 7
    return head + bytes([size]) + body


def take_frame(data):
    """(message bytes, rest), or None where more bytes are needed."""
    size = 0
    for i, b in enumerate(data[:3]):
        size |= (b & 127) << (7 * i)
        if not b & 128:
            if size == 0 or size > FRAME_MAX or (i and not b):
                raise Closed("the switch sent a frame of impossible length")
            if len(data) < i + 1 + size:
                return None
            return bytes(data[i + 1:i + 1 + size]), data[i + 1 + size:]
    if len(data) >= 3:
        raise Closed("the switch sent a frame of impossible length")
    return None


skew_ms = 0  # tests let this clock jump


def mono_ms():
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000000 + skew_ms


def wall_ms():
    return time.time_ns() // 1000000


def address(text):
    host, _, port = text.rpartition(":")
    return host.strip("[]"), int(port)


# ---------------------------------------------------------------- TLS

def context(authority=None, cert=None, key=None, alpn="onecard/1", version="1.3", verify=True):
    """authority: PEM text. `version` and `verify` are for tests of what must be refused."""
    c = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    c.minimum_version = c.maximum_version = {"1.3": ssl.TLSVersion.TLSv1_3, "1.2": ssl.TLSVersion.TLSv1_2}[version]
    if alpn:
        c.set_alpn_protocols([alpn])
    if authority:
        c.load_verify_locations(cadata=authority)
    if not verify:
        c.check_hostname = False
        c.verify_mode = ssl.CERT_NONE
    if cert:
        c.load_cert_chain(cert, key)
    return c


def dial(where, ctx, session=None, timeout=10, window=0):
    """window: bytes of a small receive buffer (tests)."""
    host, port = address(where)
    raw = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    raw.settimeout(timeout)
    if window:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, window)
    raw.connect((host, port))
    raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        s = ctx.wrap_socket(raw, server_hostname=host, session=session)
    except (ssl.SSLError, OSError):
        raw.close()
        raise
    return s


def chain(where):
    """The certificates that the server shows, DER, believed by nobody yet."""
    with dial(where, context(alpn="onecard-enroll/1", verify=False)) as s:
        return [c.public_bytes(_ssl.ENCODING_DER) for c in s._sslobj.get_unverified_chain()]


def to_pem(der):
    return ssl.DER_cert_to_PEM_cert(der)


# ---------------------------------------------------------------- a connection

class Connection:
    """One TLS connection. A thread of its own reads, writes and keeps the heart beating, so that an SSL object is never
    used by two threads; everybody else uses send() and recv()."""

    def __init__(self, sock, kind=None):
        self.sock = sock
        self.kind = kind or pb.ToTerminal
        self.lock = threading.Condition()
        self.inbox, self.out = [], bytearray()
        self.why = None
        self.heartbeat_ms = 0
        self.mute = False      # half-open: neither reads nor writes nor closes
        self.slow = False      # does not read
        self.heard = time.monotonic()
        self.sent = self.received = 0
        self.wake_r, self.wake_w = os.pipe()
        self.version, self.alpn, self.resumed = sock.version(), sock.selected_alpn_protocol(), sock.session_reused
        self.session = None
        sock.setblocking(False)
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def send(self, message):
        self.send_bytes(frame(message))

    def send_bytes(self, data):
        with self.lock:
            if self.why:
                raise Closed(self.why)
            self.out += data
            self.sent += 1
        os.write(self.wake_w, b"x")

    def recv(self, timeout):
        """The next message; None when there is none in time. Closed when the connection is over and all is read."""
        with self.lock:
            self.lock.wait_for(lambda: self.inbox or self.why, timeout)
            if self.inbox:
                return self.inbox.pop(0)
            if self.why:
                raise Closed(self.why)
            return None

    def flush(self, timeout=5):
        """Until everything was handed to the network."""
        with self.lock:
            return self.lock.wait_for(lambda: not self.out or self.why, timeout)

    def cut(self, why="cut by us"):
        """As a pulled cable would, but that the other side is told by TCP. No close_notify."""
        with self.lock:
            self.why = self.why or why
            self.inbox.clear()
            self.lock.notify_all()
        os.write(self.wake_w, b"x")
        self.thread.join(5)

    def end(self, why):
        with self.lock:
            self.why = self.why or why
            self.lock.notify_all()

    def beat(self, due):
        if not self.heartbeat_ms or self.mute:
            return time.monotonic() + 0.5
        now = time.monotonic()
        if now - self.heard > 3 * self.heartbeat_ms / 1000 and not self.slow:
            self.end("the switch is silent")
        if now < due:
            return due
        message = pb.ToSwitch()
        message.heartbeat.mono_ms, message.heartbeat.wall_ms = mono_ms(), wall_ms()
        with self.lock:
            self.out += frame(message)
        return now + self.heartbeat_ms / 1000

    def write(self):
        with self.lock:
            while self.out:
                n = self.sock.send(self.out[:16384])
                del self.out[:n]
            self.lock.notify_all()

    def read(self, data):
        while True:
            more = self.sock.recv(65536)
            if not more:
                raise Closed("closed by the switch")
            data += more
            self.heard = time.monotonic()
            self.session = self.sock.session
            while (got := take_frame(data)) is not None:
                body, data[:] = got[0], got[1]
                message = self.kind()
                message.ParseFromString(body)
                with self.lock:
                    self.received += 1
                    if message.WhichOneof("message"):  # a kind that we do not know is skipped
                        self.inbox.append(message)
                        self.lock.notify_all()

    def turn(self, data):
        reads = [self.wake_r] + ([] if self.slow or self.mute else [self.sock])
        writes = [self.sock] if self.out and not self.mute else []
        ready, _, _ = select.select(reads, writes, [], 0.05)
        if self.wake_r in ready:
            os.read(self.wake_r, 4096)
        if self.mute:
            return
        try:
            if self.out:
                self.write()
        except (ssl.SSLWantWriteError, ssl.SSLWantReadError):
            pass
        try:
            if not self.slow:
                self.read(data)
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            pass

    def run(self):
        data, due = bytearray(), 0
        try:
            while not self.why:
                due = self.beat(due)
                self.turn(data)
        except ssl.SSLError as e:
            self.end("tls: " + (e.reason or ("EOF" if isinstance(e, ssl.SSLEOFError) else str(e))))
        except OSError as e:
            self.end("network: " + (e.strerror or str(e)))
        except Exception as e:  # Closed, or bytes that are no message
            self.end(str(e) or type(e).__name__)
        self.sock.close()
        with self.lock:
            self.lock.notify_all()


# ---------------------------------------------------------------- keys and enrolment

def openssl(*args, data=None):
    return subprocess.run(["openssl", *args], input=data, capture_output=True, check=True).stdout


def make_key(path, curve="P-256"):
    old = os.umask(0o077)
    try:
        openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:" + curve, "-out", path)
    finally:
        os.umask(old)


def make_request(key, name="terminal"):
    return openssl("req", "-new", "-key", key, "-subj", "/CN=" + name, "-outform", "DER")


def token_parts(token):
    rest, fingerprint = token.rsplit(".", 1)
    name, secret = rest.rsplit(".", 1)
    if len(secret) != 26 or len(fingerprint) != 32:
        raise ValueError("this is no token")
    return name, secret, fingerprint.upper()


def find_authority(where, fingerprint):
    """The certificate that the token speaks of, out of the chain that the server shows; then the server is checked with it."""
    for der in chain(where):
        if hashlib.sha256(der).hexdigest().upper().startswith(fingerprint):
            return der
    raise Closed("the server shows no certificate with the token's fingerprint: not our switch, the token stays here")


def enroll(where, token, key, cert=None, software="terminal.py"):
    """Gives (terminal, certificate PEM, authority PEM, until_ms). `cert`: a certificate of the city's own authority."""
    fingerprint = token_parts(token)[2]
    authority = find_authority(where, fingerprint)
    ctx = context(to_pem(authority), cert, key if cert else None, alpn="onecard-enroll/1")
    c = Connection(dial(where, ctx))
    message = pb.ToSwitch()
    message.enroll.token, message.enroll.software = token, software
    if not cert:
        message.enroll.csr = make_request(key)
    try:
        c.send(message)
        got = c.recv(20)
    finally:
        c.cut()
    if got is None:
        raise Closed("no answer to Enroll")
    if got.WhichOneof("message") == "error":
        raise Closed("%s: %s" % (got.error.code, got.error.message))
    e = got.enrolled
    if not hashlib.sha256(e.authority).hexdigest().upper().startswith(fingerprint):
        raise Closed("Enrolled brings another authority than the token's")
    return e.terminal, to_pem(e.certificate) if e.certificate else None, to_pem(e.authority), e.certificate_until_ms


class Authority:
    """A certification authority by the openssl program, for what must be refused: foreign and expired certificates."""

    def __init__(self, folder, name="somebody's authority"):
        self.folder, self.key, self.cert = folder, folder + "/ca.key", folder + "/ca.pem"
        os.makedirs(folder, exist_ok=True)
        make_key(self.key)
        openssl("req", "-x509", "-new", "-key", self.key, "-subj", "/CN=" + name, "-days", "3650", "-out", self.cert,
                "-addext", "keyUsage=critical,keyCertSign,cRLSign")
        with open(folder + "/ca.cnf", "w", encoding="utf-8") as f:
            f.write("[ca]\ndefault_ca=a\n[a]\ndir=%s\ndatabase=$dir/index\nserial=$dir/serial\nnew_certs_dir=$dir\n"
                    "default_md=sha256\npolicy=p\nunique_subject=no\nx509_extensions=e\n[p]\ncommonName=supplied\n"
                    "[e]\nbasicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\n"
                    "extendedKeyUsage=clientAuth,serverAuth\nsubjectAltName=IP:127.0.0.1,DNS:localhost\n" % folder)
        open(folder + "/index", "w", encoding="utf-8").close()
        with open(folder + "/serial", "w", encoding="utf-8") as f:
            f.write("%032X\n" % random.getrandbits(120))

    def issue(self, name, key, cert, start="20200101000000Z", end="20491231000000Z"):
        """A certificate for `key` (a file) into the file `cert`."""
        openssl("req", "-new", "-key", key, "-subj", "/CN=" + name, "-out", cert + ".csr")
        openssl("ca", "-batch", "-notext", "-config", self.folder + "/ca.cnf", "-cert", self.cert, "-keyfile", self.key,
                "-startdate", start, "-enddate", end, "-in", cert + ".csr", "-out", cert)


def tell_line(event, **fields):
    print(json.dumps({"event": event, "at_ms": wall_ms(), **fields}, ensure_ascii=False), flush=True)
