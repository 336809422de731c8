#!/usr/bin/python3
"""The real daemon under real traffic is killed, stopped, starved of disk and lied to about the time; afterwards card, ledger
and answers must agree. Traffic is tools/loadgen: mutual TLS, terminals that ask again as real ones do, cards that outlive both.

What is proved after each scenario: no request without an answer, none lost, none doubled, no answer that contradicts its card
(loadgen); each chip's balance and counters are what the books say of it (R1), as many debits and credits posted as the chip
counted; `ledger verify` replays the journal and finds the tables."""
import argparse
import contextlib
import json
import os
import random
import re
import shutil
import signal
import socket
import sqlite3
import struct
import subprocess
import sys
import tempfile
import time

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
POINTS = ["log-write", "log-torn", "log-written", "log-sync", "log-synced", "db-write", "db-written", "db-sync", "db-synced",
          "send", "sent"]
# How far into a run a point may lie: what is rare is met early.
DEPTH = {"db-write": 200, "db-written": 200, "db-sync": 2, "db-synced": 2}
CHIP, CHIP_BALANCE, CHIP_MOVES = 128, 52, 80  # struct chip_store of tools/loadgen/chip.h
MIX = "purchase=60,load=15,ride=15,balance=10"
CONFIG = """
terminals:
  listen: ["127.0.0.1:%d"]
  authority: loadgen/authority.pem
  frames_per_second: 1000000
  burst: 1000000
readers: {pcsc: false}
log: {level: warn}
"""


class Wrong(Exception):
    pass


def say(text):
    print(text, flush=True)


def run(*args, wanted=(0,)):
    r = subprocess.run(args, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if r.returncode not in wanted:
        raise Wrong(f"{' '.join(args[:6])} ended with {r.returncode}: {r.stdout[-1500:]}")
    return r.stdout


class Site:
    """A founded site, a daemon on it, terminals that load it."""

    def __init__(self, o, place, cards, terminals=200):
        self.bin, self.lib = os.path.join(o.build, "bin"), os.path.join(o.build, "lib")
        self.place, self.daemon, self.load, self.log_at = place, None, None, 0
        self.ready_s, self.kills = [], 0
        self.log = place + ".log"  # beside it: a full disk must not silence it
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            self.port = s.getsockname()[1]
        run(self.program("onecardctl"), "--dir", place, "init", "--name", "Crash", "--issuer", "1020304000000001", "--allow-clear-keys")
        run(self.program("loadgen"), "found", "--dir", place, "--cards", str(cards), "--terminals", str(terminals), "--gates", "20")
        with open(os.path.join(place, "onecardd.yaml"), "a", encoding="utf-8") as f:
            f.write(CONFIG % self.port)

    def program(self, name):
        return os.path.join(self.bin, name)

    def start(self, patience=60, **env):
        begun = time.monotonic()
        with open(self.log, "ab") as log:
            self.log_at = log.tell()
            self.daemon = subprocess.Popen([self.program("onecardd"), "-c", os.path.join(self.place, "onecardd.yaml")], stdout=log, stderr=log,
                                           stdin=subprocess.DEVNULL, env={**os.environ, **env})
        while not re.search(rb"^onecardd: ready", self.said(), re.M):
            if self.daemon.poll() is not None:
                return False
            if time.monotonic() - begun > patience:
                raise Wrong(f"onecardd was not ready within {patience} s: {self.said()[-800:]!r}")
            time.sleep(0.002)
        self.ready_s.append(time.monotonic() - begun)
        return True

    def said(self):
        with open(self.log, "rb") as f:
            f.seek(self.log_at)
            return f.read()

    def wait_for(self, text, what):
        deadline = time.monotonic() + 120
        while text not in self.said():
            if not self.loaded():
                raise Wrong("loadgen ended by itself: " + tail(os.path.join(self.place, "loadgen.log")))
            if time.monotonic() > deadline:
                raise Wrong(f"{what}, and the daemon's log does not say {text.decode()!r}: {self.said()[-600:].decode(errors='replace')}")
            time.sleep(0.1)

    def must_start(self, **env):
        if not self.start(**env):
            raise Wrong(f"onecardd ended at start: {self.said()[-1500:].decode(errors='replace')}")

    def kill(self):
        if self.daemon.poll() is None:
            self.daemon.kill()
        self.daemon.wait()
        self.kills += 1

    def stop(self):
        self.daemon.terminate()
        try:
            code = self.daemon.wait(60)
        except subprocess.TimeoutExpired:
            self.kill()
            raise Wrong("onecardd did not end within 60 s of SIGTERM") from None
        if code != 0:
            raise Wrong(f"onecardd ended with {code}: {self.said()[-800:].decode(errors='replace')}")

    def begin(self, seconds, terminals, *options):
        out = os.path.join(self.place, "load.json")
        with contextlib.suppress(FileNotFoundError):
            os.unlink(out)
        with open(os.path.join(self.place, "loadgen.log"), "ab") as log:
            self.load = subprocess.Popen([self.program("loadgen"), "--connect", f"127.0.0.1:{self.port}", "--identity",
                                          os.path.join(self.place, "loadgen"), "--terminals", str(terminals), "--warmup", "0", "--seconds",
                                          str(seconds), "--mix", MIX, "--json", out, "--quiet", *options], stdout=log, stderr=log)

    def loaded(self):
        return self.load.poll() is None

    def end(self, early=True):
        """The load's own verdict. It waits up to 30 s for answers that are due."""
        if early and self.loaded():
            self.load.terminate()
        try:
            self.load.wait(120)
        except subprocess.TimeoutExpired:
            self.load.kill()
            raise Wrong("loadgen did not end") from None
        with open(os.path.join(self.place, "load.json"), encoding="utf-8") as f:
            r = json.load(f)
        bad = {k: r[k] for k in ("lost", "doubled", "disagree", "unanswered") if r[k]}
        if bad:
            raise Wrong(f"loadgen: {bad}: {r['first_error']}")
        return r

    def tidy(self):
        for p in (self.load, self.daemon):
            if p and p.poll() is None:
                p.kill()
                p.wait()

    # ---- the proof

    def books(self):
        """Every chip against its row. The daemon is down."""
        db = sqlite3.connect(f"file:{os.path.join(self.place, 'ledger.db')}?mode=ro", uri=True)
        moved = dict(db.execute("SELECT card, count(*) FROM txn WHERE state = 2 AND amount > 0 AND service IN "
                                "('payment.purchase', 'payment.load', 'transit.ride') GROUP BY card"))
        opened = db.execute("SELECT count(*) FROM txn WHERE state IN (1, 4)").fetchone()[0]
        wrong, seen = [], 0
        with open(os.path.join(self.place, "loadgen", "cards.bin"), "rb") as f:
            chips = f.read()
        for (card, serial, purse, open_txn, online, offline, awaiting, alarm) in db.execute(
                "SELECT id, serial, purse_credits - purse_debits, open_txn, due_online, due_offline, awaiting, alarm FROM card"):
            if serial[2] != 0x77:
                continue
            at = CHIP * int(serial[3:].hex())
            used, _, c_online, c_offline = struct.unpack_from("<BBHH", chips, at)
            if not used or open_txn:
                continue
            balance, = struct.unpack_from("<i", chips, at + CHIP_BALANCE)
            moves, = struct.unpack_from("<I", chips, at + CHIP_MOVES)
            seen += 1
            if (balance, c_online, c_offline, moves) != (purse, online or c_online, offline or c_offline, moved.get(card, 0)) or awaiting or alarm:
                wrong.append(f"card {serial.hex()}: chip {balance} fen, counters {c_online}/{c_offline}, {moves} moves; books {purse} fen, "
                             f"{online}/{offline}, {moved.get(card, 0)} posted, awaiting {awaiting}, alarm {alarm}")
        db.close()
        if wrong:
            raise Wrong(f"{len(wrong)} cards disagree with the books; {wrong[0]}")
        if seen == 0:
            raise Wrong("no card was used: nothing was proved")
        return seen, opened

    def verify(self):
        run(self.program("onecardctl"), "--dir", self.place, "ledger", "verify", "--offline")


# ---- scenarios


def proof(site, r, what):
    site.stop()
    seen, opened = site.books()
    site.verify()
    say(f"ok    {what}: {r['posted']:,} posted, {r['replayed']:,} asked again, {r['doubts']:,} in doubt on the way, {opened} open at the end; "
        f"{seen:,} cards agree, ledger verified")


def kills(o, place):
    """Every second kill from outside at a random moment, every other at a named place between two system calls."""
    site = Site(o, place, o.cards)
    shim = os.path.join(site.lib, "libcrashat.so")
    rng = random.Random(o.seed)
    met = {}
    try:
        site.must_start()
        site.begin(86400, o.terminals)
        told = time.monotonic()
        for i in range(o.kills):
            how = "outside"
            if i % 2 == 0:
                time.sleep(rng.uniform(0.05, 1.2))
                site.kill()
            else:
                how = POINTS[i // 2 % len(POINTS)]
                site.kill()  # the process without the shim
                site.kills -= 1
                point = f"{how}:{rng.randint(1, DEPTH.get(how, 1500))}+{rng.uniform(0, 0.5):.2f}"
                if site.start(LD_PRELOAD=shim, CRASHAT=point):
                    try:
                        site.daemon.wait(20)
                    except subprocess.TimeoutExpired:
                        how = "outside"  # the place was not met: the log was not copied meanwhile
                site.kill()
            met[how] = met.get(how, 0) + 1
            if not site.loaded():
                raise Wrong("loadgen ended by itself: " + tail(os.path.join(place, "loadgen.log")))
            site.must_start()
            if time.monotonic() - told > 10:
                told = time.monotonic()
                say(f"      {i + 1} of {o.kills} kills, ready again after at most {max(site.ready_s):.2f} s")
        time.sleep(1)
        r = site.end()
        proof(site, r, f"{site.kills} kills ({', '.join(f'{n} {k}' for k, n in sorted(met.items()))})")
        slowest = max(site.ready_s)
        say(f"      ready again after a kill: median {sorted(site.ready_s)[len(site.ready_s) // 2]:.3f} s, at most {slowest:.3f} s")
        missing = [p for p in POINTS if p not in met]
        if o.kills >= 4 * len(POINTS) and missing:
            raise Wrong(f"places never met: {missing}")
        if slowest > o.ready:
            raise Wrong(f"a start took {slowest:.2f} s, {o.ready} are allowed")
    finally:
        site.tidy()


def stopped(o, place):
    """SIGSTOP for longer than a card command may take; then the daemon goes on as if nothing had been."""
    site = Site(o, place, o.cards)
    try:
        site.must_start()
        site.begin(86400, o.terminals)
        for seconds in (0.5, 3, 12):
            time.sleep(1)
            site.daemon.send_signal(signal.SIGSTOP)
            time.sleep(seconds)
            site.daemon.send_signal(signal.SIGCONT)
        time.sleep(2)
        proof(site, site.end(), "stopped for 0.5, 3 and 12 s")
    finally:
        site.tidy()


def mounted(place, size):
    os.makedirs(place)
    r = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", place], check=False, stderr=subprocess.DEVNULL)
    return r.returncode == 0


def full(o, place):
    """No space left in the middle of the traffic: transactions stop and say so; with space back they go on."""
    if not mounted(place, "96M"):
        say("skip  full disk: this user may not mount a tmpfs")
        return
    ballast = os.path.join(place, "ballast")
    try:
        site = Site(o, place, min(o.cards, 5000))
        try:
            with open(os.path.join(place, "loadgen", "cards.bin"), "r+b") as f:  # the cards are not on the disk that is full
                os.posix_fallocate(f.fileno(), 0, os.path.getsize(f.name))
            site.must_start()
            site.begin(86400, 50)
            for _ in range(2):
                time.sleep(1.5)
                with contextlib.suppress(OSError), open(ballast, "wb", buffering=0) as f:
                    while True:
                        f.write(bytes(1 << 16))
                site.wait_for(b"no space left", "the disk is full")
                time.sleep(2)
                if site.daemon.poll() is not None:
                    raise Wrong("the daemon ended when the disk was full")
                os.unlink(ballast)
                site.wait_for(b"works again", "space is back")
                site.log_at = os.path.getsize(site.log)
            proof(site, site.end(), "disk full twice")
        finally:
            site.tidy()
    finally:
        subprocess.run(["umount", "-l", place], check=False)


def read_only(o, place):
    """The ledger's files refuse to be written, as when Linux turns a file system read-only after an error of the disk; then a
    start on a file system that is really mounted so."""
    if not mounted(place, "128M"):
        say("skip  read-only file system: this user may not mount a tmpfs")
        return
    flag = place + ".flag"
    try:
        site = Site(o, place, min(o.cards, 5000))
        try:
            site.must_start(LD_PRELOAD=os.path.join(site.lib, "libcrashat.so"), READONLYAT=flag)
            site.begin(86400, 50)
            time.sleep(1.5)
            with open(flag, "w", encoding="ascii"):
                pass
            site.wait_for(b"transactions stop", "its files cannot be written")
            time.sleep(2)
            if site.daemon.poll() is not None:
                raise Wrong("the daemon ended when its files could not be written")
            os.unlink(flag)
            site.wait_for(b"works again", "its files can be written again")
            time.sleep(1)
            proof(site, site.end(), "files read-only, then not")
            run("mount", "-o", "remount,ro", place)
            if site.start(patience=20):
                raise Wrong("the daemon began on a read-only file system as if it could write")
            if not re.search(rb"[Rr]ead-only", site.said()):
                raise Wrong(f"the daemon does not say why it ends: {site.said()[-400:]!r}")
            run("mount", "-o", "remount,rw", place)
            site.must_start()
            site.begin(2, 50)
            proof(site, site.end(early=False), "started on a read-only file system: it said so and ended; mounted anew it goes on")
        finally:
            site.tidy()
    finally:
        subprocess.run(["umount", "-l", place], check=False)


def clock(o, place):
    """The wall clock jumps forward and back while money moves: dates may differ, money may not."""
    site = Site(o, place, o.cards)
    off = os.path.join(place, "clock")
    with open(off, "w", encoding="ascii") as f:
        f.write("0")
    try:
        site.must_start(LD_PRELOAD=os.path.join(site.lib, "libcrashat.so"), CLOCKAT=off)
        site.begin(86400, o.terminals)
        for seconds in (3600, -3600, 7 * 86400, 0):
            time.sleep(1.5)
            with open(off, "w", encoding="ascii") as f:
                f.write(str(seconds))
        time.sleep(1.5)
        proof(site, site.end(), "clock an hour ahead, an hour behind, a week ahead, right again")
    finally:
        site.tidy()


SCENARIOS = {"kills": kills, "stopped": stopped, "full": full, "read-only": read_only, "clock": clock}


def tail(path):
    with open(path, encoding="utf-8", errors="replace") as f:
        return f.read()[-600:]


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    p.add_argument("scenario", nargs="*", help=f"of {', '.join(SCENARIOS)} (all)")
    p.add_argument("--kills", type=int, default=24)
    p.add_argument("--cards", type=int, default=20000)
    p.add_argument("--terminals", type=int, default=100)
    p.add_argument("--seed", type=int, default=None, help="of the moments; told at the start")
    p.add_argument("--ready", type=float, default=5.0, help="seconds a start may take")
    p.add_argument("--build", default=os.path.join(ROOT, "build"))
    o = p.parse_args()
    if o.seed is None:
        o.seed = random.SystemRandom().randrange(1 << 32)
    for s in o.scenario:
        if s not in SCENARIOS:
            p.error(f"no scenario {s}: {', '.join(SCENARIOS)}")
    say(f"seed {o.seed}")
    bad = 0
    with tempfile.TemporaryDirectory(prefix="onecard-crash.") as tmp:
        try:
            for name in o.scenario or SCENARIOS:
                try:
                    SCENARIOS[name](o, os.path.join(tmp, name))
                except Wrong as e:
                    bad += 1
                    say(f"WRONG {name}: {e}")
                    keep = tempfile.mkdtemp(prefix=f"onecard-crash-{name}.")
                    with contextlib.suppress(OSError, shutil.Error):
                        shutil.copytree(tmp, keep, dirs_exist_ok=True, ignore=shutil.ignore_patterns("*.sock"))
                    say(f"      left for looking: {keep}")
        except KeyboardInterrupt:
            return 130
    return 1 if bad else 0


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    sys.exit(main())
