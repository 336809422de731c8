#!/usr/bin/env python3
"""The independent terminal against a real daemon: a site of its own, no PC/SC. Every cut, every kill, then chip and ledger
are compared to the fen, TACs included.

    terminal_play.py --bin DIR --work DIR [--only WORD,…] [-v]
DIR of --bin holds onecardd and onecardctl; --work is an empty folder for site, state and logs. Exit status 0: all agreed."""
import argparse
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.dont_write_bytecode = True  # nothing is left in the tree
sys.path.insert(0, HERE)
import terminal_wire as wire  # noqa: E402
from terminal import IN_DOUBT, REFUSED, VOIDED, Terminal  # noqa: E402
from terminal_bad import BAD, BAD_TALK, bad, refused_tls, watch  # noqa: E402
from terminal_card import InProcess, Port  # noqa: E402
from terminal_site import ISSUER, CardSim, Site  # noqa: E402
from terminal_wire import Closed, Fatal, pb  # noqa: E402

MONEY = ("payment.purchase", "payment.load")
PHASES = ("unsent", "sent", "init", "intent", "debit", "answered", "result")


class Play:
    def __init__(self, site, verbose):
        self.site, self.verbose = site, verbose
        self.checks = self.wrong = 0
        self.where = ""

    def tell(self, event, **fields):
        if self.verbose:
            wire.tell_line(event, **fields)

    def is_(self, what, got, wanted):
        self.checks += 1
        if got != wanted and not (isinstance(wanted, (set, tuple)) and got in wanted):
            self.wrong += 1
            print("WRONG %s: %s: %r, expected %r" % (self.where, what, got, wanted), flush=True)

    def like(self, what, text, pattern):
        self.is_("%s: %s like %s" % (what, text[-300:], pattern), bool(re.search(pattern, text, re.I)), True)

    def outcome(self, what, result, wanted):
        name = pb.Outcome.Name(result.outcome) + (" " + result.reason if result.reason else "") if result else "no result"
        self.is_(what, name, wanted)

    def agree(self, card, doubt=False):
        """Chip and ledger to the fen; every debit and credit that the chip knows stands once in the ledger."""
        ref = ISSUER + "-" + card.opt["serial"]
        row = self.site.ask("card", "show", ref)
        if doubt:
            self.is_("a doubt is open", bool(row["open_txn"]), True)
            return
        self.is_("ledger = chip", row["purse_fen"], card.amount_of)
        self.is_("no doubt, nothing reserved, no alarm", [row["open_txn"], row["reserved_fen"], row["alarm"]], [None, 0, None])
        path = self.site.work + "/reconcile"
        with open(path + ".chip", "w", encoding="utf-8") as f:
            json.dump(card.status(), f)
        with open(path + ".rows", "w", encoding="utf-8") as f:
            for item in self.site.ask("txn", "list", "--card", ref, "--limit", "500")["items"]:
                json.dump(self.site.ask("txn", "show", item["txn"]), f)
                f.write("\n")
        done = subprocess.run([sys.executable, "-SE", HERE + "/reconcile.py", path + ".chip", path + ".rows"],
                              capture_output=True, text=True)
        self.is_("TACs of the chip = the ledger's " + done.stdout, done.returncode, 0)

    def fresh(self, t, card):
        """That card on that terminal, told to the switch, a healthy connection."""
        t.reader.remove()
        if t.c is None:
            t.connect()
            t.settle_in()
        t.until(lambda: not t.shown, 2)
        t.reader.insert(card)
        t.until(lambda: t.shown, 2)

    @staticmethod
    def told(t, **changes):
        """Why the switch refuses. Its last words may be lost with a connection that is closed at once: asked five times."""
        for _ in range(5):
            why = refused_tls(t, **changes)
            t.c = t.ctx = None
            if why != "closed by the switch" and not why.startswith("network:"):
                break
        return why

    # -- scenes

    def scene_enrol(self):
        s = self.site
        s.add("e1", "100000000901", "--kind", "desk", "--services", "*")
        where = "127.0.0.1:%d" % s.port
        token = s.token("e1")
        name, secret, fingerprint = token.rsplit(".", 2)
        for what, bad_token, wanted in (("another fingerprint", ".".join((name, secret, "0" * 32)), "the server shows no"),
                                        ("another secret", ".".join((name, "0" * 26, fingerprint)), "enroll_refused")):
            try:
                Terminal(s.work + "/e0").enroll(where, bad_token)
                self.is_(what, "enrolled", "refused")
            except Closed as e:
                self.is_(what, str(e).startswith(wanted), True)
        t = Terminal(s.work + "/e1")
        self.is_("enrolled as", t.enroll(where, token), "e1")
        try:
            Terminal(s.work + "/e0").enroll(where, token)
            self.is_("the token again", "enrolled", "refused")
        except Closed as e:
            self.is_("the token again", str(e).split(":")[0], "enroll_refused")
        t.connect()
        self.is_("welcomed as", t.welcome.terminal, "e1")
        self.is_("protocol", [t.c.version, t.c.alpn], ["TLSv1.3", "onecard/1"])
        t.until(lambda: t.c.session and t.c.session.has_ticket, 2)
        t.cut()
        t.connect()
        self.is_("the second time resumed", t.c.resumed, True)
        t.cut()

    def scene_strangers(self):
        t = self.site.terminal("till")
        for what in BAD:
            why = bad(t, what)
            self.is_(what + " is refused: " + why, bool(why), True)
            t.c = t.ctx = None
        # A certificate in order, of a key that is not pinned any more: TLS is content, the ledger is not.
        other = self.site.terminal("till2")
        old = {name: other.store.file_of("first-" + name) for name in ("cert.pem", "key.pem")}
        for name, path in old.items():
            os.rename(other.store.file_of(name), path)
        other.enroll("127.0.0.1:%d" % self.site.port, self.site.token("till2"))
        why = self.told(other, cert=old["cert.pem"], key=old["key.pem"])
        self.is_("the key of an enrolment before", why, "wrong_certificate")
        other.connect()
        self.is_("the new one", other.welcome.terminal, "till2")
        other.cut()

    def scene_city(self):
        """A city with an authority of its own: its certificate opens the door while it is in its time, for its key and name."""
        ca = wire.Authority(self.site.work + "/city-ca", "the city's authority")
        with self.site.changed("  authority: %s\n" % ca.cert):
            self.site.add("city1", "100000000300", "--kind", "desk", "--services", "*")
            t = Terminal(self.site.work + "/city1", InProcess(), self.tell)
            key, cert = t.store.file_of("key.pem"), t.store.file_of("cert.pem")
            wire.make_key(key)
            ca.issue("city1", key, cert)
            t.enroll("127.0.0.1:%d" % self.site.port, self.site.token("city1"), cert, key)
            t.connect()
            self.is_("a certificate of the city's", t.welcome.terminal, "city1")
            t.cut()
            past = ("20200101000000Z", "20210101000000Z")
            coming = ("20480101000000Z", "20490101000000Z")
            for what, name, dates, told in (("expired", "city1", past, "certificate.expired"), ("not yet good", "city1", coming, "certificate"),
                                            ("another terminal's name", "till", (), "wrong_certificate|closed_terminal")):
                other = t.store.file_of("other.pem")
                ca.issue(name, key, other, *dates)
                self.like(what, self.told(t, cert=other, key=key), told)
            self.like("counted", self.site.metrics(), r'onecard_terminal_refused_total\{why="[^"]*expired')
            with open(self.site.work + "/onecardd.log", encoding="utf-8") as f:
                self.like("logged", f.read(), "refused 127.0.0.1:[0-9]+: .*expired")

    def scene_desk(self):
        t = self.site.terminal("till", self.tell)
        t.connect()
        t.settle_in()
        for options in ({}, {"protocol": "t0"}, {"protocol": "t0", "le": "refuse", "prove": "tacmac"}, {"le": "wrong"},
                        {"kind": "mohurd", "internal": ""}):
            card = self.site.card(profile="mohurd" if "kind" in options else "pboc-ep", **options)
            self.where = "desk %s" % options
            self.fresh(t, card)
            self.outcome("balance", t.ask("payment.balance"), "POSTED")
            r = t.ask("payment.purchase", 1250)
            self.outcome("purchase", r, "POSTED")
            self.is_("balance told", r.balance_fen if r else None, 8750)
            self.outcome("too much", t.ask("payment.purchase", 8751), "REFUSED insufficient_balance")
            self.outcome("load", t.ask("payment.load", 5000), "POSTED")
            r = t.ask("payment.purchase", 1)
            self.outcome("a fen", r, "POSTED")
            self.is_("a slip of at most 32 columns", bool(r and r.slip) and
                     all(sum(2 if ord(c) > 0x2E7F else 1 for c in line) <= 32 for line in r.slip), True)
            self.agree(card)
        self.where = "desk, warm"
        self.fresh(t, card)
        t.ask("payment.purchase", 100)
        t.until(lambda: t.arm, 1)
        self.fresh(t, card)
        t.ask("payment.purchase", 100)
        self.is_("lists of a warm purchase", t.lists <= 2, True)
        self.outcome("no card", t.ask("payment.purchase", 100, presentation="chip", wait_ms=300) if not t.reader.remove()
                     else None, "REFUSED no_card")
        t.cut()

    def cut_once(self, t, service, phase, card, hook=None):
        self.where = "%s cut at %s%s" % (service, phase, " by kill -9" if hook else "")
        self.fresh(t, card)
        before = card.amount_of
        t.cut_at, t.at_cut = phase, hook
        r = t.ask(service, 700, seconds=40)
        t.cut_at = t.at_cut = None
        self.ended(r, phase, abs(card.amount_of - before), 700)
        self.agree(card)

    def ended(self, r, phase, moved, amount):
        """Whatever was cut: once, or, where nothing had moved when the connection went, refused and not at all."""
        if phase in ("sent", "init") and r and r.outcome in (REFUSED, VOIDED):
            self.outcome("asked again", r, ("REFUSED reader_unavailable", "VOIDED reader_unavailable"))
            self.is_("moved", moved, 0)
            return
        self.outcome("asked again", r, "POSTED")
        self.is_("moved once", moved, amount)

    def scene_cuts(self):
        t = self.site.terminal("till", self.tell)
        card = self.site.card(20000)
        for service in MONEY:
            for phase in PHASES:
                self.cut_once(t, service, phase, card)
        t0 = self.site.card(20000, protocol="t0")
        for phase in ("intent", "debit"):
            self.cut_once(t, "payment.purchase", phase, t0)
        t.cut()

    def scene_kills(self):
        t = self.site.terminal("till", self.tell)
        card = self.site.card(20000)
        for service in MONEY:
            for phase in ("sent", "init", "intent", "debit", "answered", "result"):
                self.cut_once(t, service, phase, card, self.site.restart)
        t.cut()

    def scene_card_gone(self):
        """The connection goes and the card with it: a doubt, that only this card ends."""
        t = self.site.terminal("till", self.tell)
        for phase in ("intent", "debit"):
            self.where = "cut at %s, card taken away" % phase
            card, other = self.site.card(), self.site.card()
            self.fresh(t, card)
            t.cut_at, t.at_cut = phase, t.reader.remove
            r = t.ask("payment.purchase", 700)
            t.cut_at = t.at_cut = None
            number = t.store.last
            self.outcome("without the card", r, "IN_DOUBT answer_lost")
            self.agree(card, doubt=True)
            self.fresh(t, other)
            r = t.settle(number, 2)
            self.is_("with another card", r and r.outcome, (IN_DOUBT, None))
            self.agree(other)
            self.agree(card, doubt=True)
            self.fresh(t, card)
            self.outcome("with its card", t.settle(number), "POSTED")
            self.is_("moved once", card.amount_of, 9300)
            self.agree(card)
        t.cut()

    def scene_torn(self):
        t = self.site.terminal("till", self.tell)
        for service, ins in (("payment.purchase", "54"), ("payment.load", "52")):
            for when in ("before", "after"):
                for back in (True, False):
                    self.where = "%s torn %s the command, %s" % (service, when, "put back" if back else "gone")
                    card = self.site.card()
                    self.fresh(t, card)
                    card.fault(["tear", ins, when])
                    if back:
                        again = threading.Timer(0.6, t.reader.insert, (card,))
                        again.start()
                    r = t.ask(service, 700, retap_ms=5000 if back else 400)
                    number = t.store.last
                    if not back:
                        self.outcome("gone", r, "IN_DOUBT answer_lost")
                        self.is_("asked to put it back", any(e.get("phase") == "WAIT_RETURN" for e in t.events), True)
                        self.agree(card, doubt=True)
                        self.fresh(t, card)
                        r = t.settle(number)
                    self.outcome("in the end", r, "POSTED")
                    self.is_("moved once", abs(card.amount_of - 10000), 700)
                    self.agree(card)
        t.cut()

    def scene_late(self):
        t = self.site.terminal("till", self.tell)
        card = self.site.card()
        self.where = "list past its deadline (R4)"
        self.fresh(t, card)
        t.stall_ms = 3600000
        r = t.ask("payment.purchase", 700, retap_ms=1)
        wire.skew_ms = 0
        self.is_("the money command", [state for _, _, state in t.executed], [pb.Answer.NOT_SENT])
        self.is_("the outcome", r and r.outcome, (VOIDED, REFUSED))
        self.is_("nothing moved", card.amount_of, 10000)
        self.agree(card)
        t.cut()

    def scene_only_answer(self):
        """What became of it, though its card lies there: a number that is not known never begins (minor 1)."""
        t = self.site.terminal("till", self.tell)
        card = self.site.card()
        self.where = "only to be answered"
        self.fresh(t, card)
        self.is_("the switch knows of it", t.welcome.minor >= 1, True)
        for presentation in ("chip", {"number": card.opt["serial"]}):
            r = t.new_request("payment.purchase", 700, presentation=presentation)
            late = pb.Request()
            late.CopyFrom(r)
            late.only_answer = True
            for which in (late, r):  # then the first one, which was on its way all the time
                t.results.clear()
                t.send(request=which)
                self.outcome("unknown", t.await_result(r, 10), "REFUSED cancelled")
        first = t.ask("payment.purchase", 700)
        late = pb.Request.FromString(bytes.fromhex(t.store.requests[first.number]["request"]))
        late.only_answer = True
        t.results.clear()
        t.send(request=late)
        got = t.await_result(late, 10)
        self.is_("known", got and [got.outcome, got.txn, got.replayed], [first.outcome, first.txn, True])
        self.is_("moved once", card.amount_of, 9300)
        self.agree(card)
        t.cut()

    def scene_again(self):
        t = self.site.terminal("till", self.tell)
        card = self.site.card()
        self.where = "the same number"
        self.fresh(t, card)
        first = t.ask("payment.purchase", 700)
        self.outcome("first", first, "POSTED")
        r = pb.Request.FromString(bytes.fromhex(t.store.requests[first.number]["request"]))
        t.results.clear()
        t.send(request=r)
        again = t.await_result(r, 10)
        self.outcome("again", again, "POSTED")
        self.is_("the same transaction, marked", again and [again.txn, again.replayed], [first.txn, True])
        t.results.clear()
        r.amount_fen = 701
        t.send(request=r)
        got = t.await_result(r, 5)
        self.is_("another content", t.errors[r.number].code if r.number in t.errors else got and got.reason, "conflict")
        self.agree(card)
        t.cut()

    def scene_gate(self):
        t = self.site.terminal("gate", self.tell)
        t.connect()
        self.is_("a gate's service", t.welcome.gate_service, "transit.ride")
        t.settle_in()
        one, two = self.site.card(), self.site.card()
        for name, card in (("one", one), ("two", two)):
            self.where = "gate, card " + name
            self.lay(t, card)
            before = card.amount_of
            r = t.tap()
            self.outcome("tap", r, "POSTED")
            fare = before - card.amount_of
            self.is_("a fare", r and fare > 0 and r.amount_fen, fare)
            self.agree(card)
        self.where = "gate, the same card at once"
        self.lay(t, two)
        before = two.amount_of
        self.is_("refused", (r := t.tap()) and r.reason, "same_card_again")
        self.is_("nothing moved", two.amount_of, before)
        for phase in ("sent", "intent", "debit", "answered", "result"):
            self.where = "gate, cut at " + phase
            card = self.site.card()
            self.lay(t, card)
            t.cut_at = phase
            r = t.tap()
            t.cut_at = None
            self.ended(r, phase, 10000 - card.amount_of, fare)
            self.agree(card)
        self.where = "gate, torn and tapped again"
        card = self.site.card()
        self.lay(t, card)
        card.fault(["tear", "54", "after"])
        threading.Timer(0.6, t.reader.insert, (card,)).start()
        self.outcome("put back", t.tap(), "POSTED")
        self.is_("one fare", 10000 - card.amount_of, fare)
        self.agree(card)
        self.where = "gate, warm"
        card = self.site.card()
        self.lay(t, card)
        t.until(lambda: t.arm, 1)
        t.tap()
        self.is_("lists of a warm tap", t.lists <= 1, True)
        self.agree(card)
        t.cut()

    def lay(self, t, card):
        t.reader.remove()
        if t.c is None:
            t.connect()
            t.settle_in()
        t.until(lambda: not t.shown, 2)
        t.until(lambda: t.arm, 0.5)
        t.reader.insert(card)

    def scene_shift(self):
        t = self.site.terminal("till", self.tell)
        card = self.site.card()
        t.connect()
        on = t.sign_on("li")
        self.is_("signed on", on and [on.person, on.first_request], ["li", t.store.last + 1])
        self.fresh(t, card)
        for _ in range(3):
            self.outcome("purchase", t.ask("payment.purchase", 100, person="li"), "POSTED")
        off = t.sign_off("li", on.first_request)
        self.is_("totals agree", off and [off.agrees, [(x.service, x.count, x.amount_fen) for x in off.totals]],
                 [True, [("payment.purchase", 3, 300)]])
        t.store.results.popitem()
        off = t.sign_off("li", on.first_request)
        self.is_("and do not when one is missing", off and off.agrees, False)
        t.cut()

    def scene_keys(self):
        s = self.site
        t = s.terminal("till", self.tell)
        t.connect()
        self.is_("renewed", t.renew(), True)
        self.is_("welcomed with the new key", t.welcome.terminal, "till")
        t.cut()
        old = {"cert": t.store.file_of("old-cert.pem"), "key": t.store.file_of("old-key.pem")}
        self.is_("the old key", self.told(t, **old), "wrong_certificate")
        t.connect()
        t.settle_in()
        s.ctl("terminal", "revoke", "till")
        began = time.monotonic()
        self.is_("revoked on the open connection", watch(t, 5), "revoked")
        self.is_("at once", time.monotonic() - began < 1, True)
        t.c = None
        self.is_("and after", self.told(t), "revoked")
        t = s.terminal("till", self.tell)
        t.connect()
        t.settle_in()
        s.ctl("terminal", "add", "--id", "till", "--close")
        self.is_("closed on the open connection", watch(t, 5), "closed_terminal")
        t.c = None
        self.is_("and after", self.told(t), "closed_terminal")
        s.ctl("terminal", "add", "--id", "till", "--open")

    def scene_bad(self):
        t = self.site.terminal("till", self.tell)
        # Who is cut while bytes of his are on their way may lose the last words.
        lost = ("closed by the switch", "network: Connection reset by peer", "network: Broken pipe",
                "tls: EOF")
        wanted = {"flood": ("flood", *lost), "slow": ("too_slow", *lost), "frame": "bad_frame", "length": "bad_frame",
                  "zero": "bad_frame", "order": "bad_order", "enroll": "bad_order"}
        # Those of which nothing comes, or only when a time is over: each a terminal of its own, all at the same time.
        waiting = {"silent": "silent", "half-open": "silent", "reader": "", "script": "", "unknown": "", "no-hello": "silent"}
        self.where = "bad terminal"
        self.is_("all of them", set(wanted) | set(waiting) | {"twice"} >= set(BAD_TALK), True)
        got, threads = {}, []
        for i, what in enumerate(waiting):
            self.site.add("bad-" + what, "%012d" % (100000000400 + i), "--kind", "desk", "--services", "*")
            threads.append(threading.Thread(target=self.wait_badly, args=(self.site.terminal("bad-" + what), what, got)))
            threads[-1].start()
        for what, code in wanted.items():
            self.is_(what, bad(t, what), code)
            t.cut()
        for thread in threads:
            thread.join()
        for what, code in waiting.items():
            self.is_(what, got.get(what), code)
        self.is_("connected twice", bad(t, "replaced"), "replaced")
        t.cut()
        t.connect()
        self.is_("and is welcome again", t.welcome.terminal, "till")
        t.cut()

    @staticmethod
    def wait_badly(t, what, got):
        got[what] = bad(t, what)
        t.cut()

    def scene_cardsim(self):
        if not self.site.cardsim:
            return
        port = Port(0)
        t = self.site.terminal("till", self.tell)
        t.reader = port
        t.connect()
        t.settle_in()
        for more in ((), ("--t0",)):
            self.where = "cardsim %s" % " ".join(more)
            card = self.site.card()
            sim = CardSim(self.site.cardsim, self.site.work, card.opt["serial"], 10000, port.port, "--return-after", "600",
                          *more)
            try:
                sim.order("insert")
                t.until(lambda: t.shown, 5)
                self.outcome("balance", t.ask("payment.balance"), "POSTED")
                self.outcome("purchase", t.ask("payment.purchase", 1250), "POSTED")
                self.outcome("load", t.ask("payment.load", 500), "POSTED")
                for when in ("torn-before@54", "torn-after@54"):
                    sim.order("fault " + when)
                    self.outcome(when, t.ask("payment.purchase", 100, retap_ms=5000), "POSTED")
                self.is_("on the chip", sim.balance(), 9050)
                row = self.site.ask("card", "show", ISSUER + "-" + card.opt["serial"])
                self.is_("in the ledger", [row["purse_fen"], row["open_txn"], row["alarm"]], [9050, None, None])
                sim.order("remove")
                t.until(lambda: not t.shown, 5)
            finally:
                sim.end()
        t.cut()

    def scene_drain(self):
        t = self.site.terminal("till", self.tell)
        card = self.site.card()
        self.fresh(t, card)
        stop = threading.Thread(target=self.site.kill, args=(signal.SIGTERM,))

        def term():
            stop.start()
            time.sleep(0.3)
        real, done = t.on_list, []

        def on_list(lst):
            if not done:
                done.append(1)
                term()
            real(lst)
        t.on_list = on_list
        r = t.new_request("payment.purchase", 700)
        t.send(request=r)
        try:
            t.until(lambda: t.results.get(r.number), 10)
        except (Closed, Fatal):
            pass
        self.outcome("what had begun is finished", t.results.get(r.number), "POSTED")
        self.is_("drain was told", any(e["event"] == "drain" for e in t.events), True)
        t.cut()
        stop.join()
        self.site.start()
        self.agree(card)

    def run(self, only):
        for name in [n for n in dir(self) if n.startswith("scene_")]:
            short = name[len("scene_"):]
            if only and short not in only:
                continue
            began, checks, wrong = time.monotonic(), self.checks, self.wrong
            self.where = short
            try:
                getattr(self, name)()
            except Exception as e:  # one scene's trouble is not the next one's
                self.is_("went through", "%s: %s" % (type(e).__name__, e), "no trouble")
                if self.verbose:
                    import traceback
                    traceback.print_exc()
                if self.site.daemon.poll() is not None:
                    self.site.start()
            print("== %-10s %4d checks, %d wrong, %.1f s" % (short, self.checks - checks, self.wrong - wrong,
                                                          time.monotonic() - began), flush=True)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--bin", required=True)
    p.add_argument("--work", required=True)
    p.add_argument("--only", default="")
    p.add_argument("--cardsim", metavar="PROGRAM", help="cards of cardsim too")
    p.add_argument("-v", action="store_true")
    a = p.parse_args()
    site = Site(a.bin, a.work)
    site.cardsim = a.cardsim
    try:
        site.found()
        for i, name in enumerate(("till", "till2")):
            site.add(name, "%012d" % (100000000100 + i), "--kind", "desk", "--services", "*")
        site.add("gate", "100000000200", "--kind", "bus", "--services", "transit.*", "--gate", "transit.ride", "--param",
                 "same_card_seconds=60")
        play = Play(site, a.v)
        play.run(set(a.only.split(",")) - {""})
        play.where = "the books"
        play.is_("ledger verify", subprocess.run([site.programs + "/onecardctl", "--dir", site.dir, "ledger", "verify"],
                                                 stdout=subprocess.DEVNULL).returncode, 0)
    finally:
        if site.daemon and site.daemon.poll() is None:
            site.kill(signal.SIGTERM)
    print("%d checks, %d wrong" % (play.checks, play.wrong))
    return 1 if play.wrong or not play.checks else 0


if __name__ == "__main__":
    sys.exit(main())
