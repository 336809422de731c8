"""A throw-away site with its daemon, and cards for it, for terminal_play.py."""
import contextlib
import json
import os
import signal
import subprocess
import time

import card as cards
import terminal_wire as wire
from terminal import Terminal
from terminal_card import InProcess

ISSUER = "1100410000000001"
KEYS = {"purchase": "11" * 16, "load": "22" * 16, "tac": "33" * 16, "internal": "44" * 16}


class Site:
    """A site and its daemon."""

    def __init__(self, programs, work):
        self.programs, self.work, self.dir = programs, work, work + "/site"
        self.log = open(work + "/onecardd.log", "ab")
        self.daemon = None
        self.serials = 100
        self.cardsim = None
        with wire.socket.create_server(("127.0.0.1", 0)) as s:
            self.port = s.getsockname()[1]

    def ctl(self, *args, ok=True):
        done = subprocess.run([self.programs + "/onecardctl", "--dir", self.dir, *args], capture_output=True, text=True)
        if ok and done.returncode != 0:
            raise RuntimeError("onecardctl %s: %s%s" % (" ".join(args), done.stdout, done.stderr))
        return done.stdout

    def ask(self, *args):
        return json.loads(self.ctl("--json", *args))

    def found(self):
        self.ctl("init", "--name", "Play 示范", "--allow-clear-keys", "--issuer", ISSUER)
        with open(self.dir + "/onecardd.yaml", "a", encoding="utf-8") as f:
            f.write("terminals:\n  listen: [\"127.0.0.1:%d\"]\n  heartbeat: 1s\n  write: 3s\n  handshake: 3s\n" % self.port)
        self.start()
        for purpose, value in KEYS.items():
            self.ctl("key", "import", "--purpose", purpose, "--alg", "3des", "--version", "1", "--clear", value)
        for who in ("shop", "bus"):
            self.ctl("participant", "add", "--id", who, "--name", who)

    def start(self):
        self.daemon = subprocess.Popen([self.programs + "/onecardd", "-c", self.dir + "/onecardd.yaml"], stdout=self.log,
                                       stderr=self.log)
        for _ in range(200):
            if subprocess.run([self.programs + "/onecardctl", "--dir", self.dir, "status"], capture_output=True).returncode == 0:
                return
            if self.daemon.poll() is not None:
                raise RuntimeError("onecardd ended at start: see " + self.work + "/onecardd.log")
            time.sleep(0.05)
        raise RuntimeError("onecardd was not ready in time")

    def kill(self, sig=signal.SIGKILL):
        self.daemon.send_signal(sig)
        self.daemon.wait(30)

    def restart(self):
        self.kill()
        self.start()

    @contextlib.contextmanager
    def changed(self, lines):
        """The daemon with further lines in its section `terminals`, the last of the file."""
        path = self.dir + "/onecardd.yaml"
        with open(path, encoding="utf-8") as f:
            before = f.read()
        self.rewrite(path, before + lines)
        try:
            yield
        finally:
            self.rewrite(path, before)

    def rewrite(self, path, text):
        self.kill(signal.SIGTERM)
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        self.start()

    def metrics(self):
        return subprocess.run(["curl", "-sS", "--unix-socket", self.dir + "/run/onecardd.sock", "http://x/metrics"], check=True,
                              capture_output=True, text=True).stdout

    def add(self, name, sam, *more):
        self.ctl("terminal", "add", "--id", name, "--participant", "bus" if "--gate" in more else "shop", "--sam", sam, *more)

    def token(self, name):
        return self.ctl("terminal", "enroll", name).split()[0]

    def terminal(self, name, tell=None):
        reader = InProcess()
        t = Terminal(self.work + "/" + name, reader, tell)
        t.enroll("127.0.0.1:%d" % self.port, self.token(name))
        return t

    def card(self, fen=10000, profile="pboc-ep", **options):
        self.serials += 1
        serial = "%020d" % self.serials
        self.ctl("card", "register", "--serial", serial, "--issuer", ISSUER, "--profile", profile,
                 "--opening", "%d.%02d" % (fen // 100, fen % 100))
        return cards.Card(serial, issuer=ISSUER, serial=serial, balance=str(fen), **{**KEYS, **options})


class CardSim:
    """The project's own software card, which connects to the terminal's port as it would to a virtual reader."""

    def __init__(self, program, work, serial, fen, port, *more):
        base = work + "/cardsim-" + serial
        with open(base + ".preset", "w", encoding="utf-8") as f:
            f.write("profile = pboc\nissuer = %s\nserial = %s\nbalance = %d\n" % (ISSUER, serial, fen))
            for name, value in KEYS.items():
                f.write("master.%s = %s\n" % (name, value))
        self.path = base + ".sock"
        self.process = subprocess.Popen([program, "--port", str(port), "--preset", base + ".preset", "--control", self.path,
                                         "--absent", *more], stdout=subprocess.DEVNULL)
        for _ in range(100):
            if os.path.exists(self.path):
                return
            time.sleep(0.05)
        raise RuntimeError("cardsim did not start")

    def order(self, line):
        with wire.socket.socket(wire.socket.AF_UNIX) as s:
            s.settimeout(10)
            s.connect(self.path)
            s.sendall(line.encode() + b"\n")
            with s.makefile() as f:
                answer = f.readline().strip()
        if not answer.startswith("ok"):
            raise RuntimeError("cardsim: " + answer)
        return answer[3:]

    def balance(self):
        return json.loads(self.order("status"))["balance"]

    def end(self):
        self.process.terminate()
        self.process.wait(10)
