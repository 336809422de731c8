#!/usr/bin/env python3
"""An independent terminal, written from include/onecard/terminal.proto and docs/PROTOCOL.md alone.

Why it exists: the switch and its own terminal agent could share a misreading of their protocol. This file is the terminal
itself, a library; terminal_wire.py has frames, TLS and enrolment, terminal_card.py readers and lists, terminal_store.py
the disk, terminal_bad.py what no proper terminal does, terminal_program.py the program's verbs (--help lists them)."""
import json
import os
import secrets
import sys
import time

sys.dont_write_bytecode = True  # nothing is left in the tree
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import terminal_wire as wire  # noqa: E402
from terminal_card import ANSWERED, LOST, Gone, before, moves_value, run_list, speaks_t1  # noqa: E402
from terminal_store import Store  # noqa: E402
from terminal_wire import Closed, Connection, Fatal, mono_ms, pb, wall_ms  # noqa: E402

POSTED, REFUSED, VOIDED, IN_DOUBT = (pb.POSTED, pb.REFUSED, pb.VOIDED, pb.IN_DOUBT)
CUTS = ("unsent", "sent", "init", "intent", "debit", "answered", "result")


class Terminal:
    """One terminal with at most one reader (number 1). Everything happens in the caller's thread but the heartbeats:
    step() takes one message and does what it asks."""

    def __init__(self, folder, reader=None, tell=None, connect=None):
        self.store = Store(folder)
        self.reader = reader
        self.events = []
        self.out = tell
        self.where = connect
        self.c = self.welcome = self.arm = self.session = self.ctx = None
        self.shown = 0            # the arrival told with Card
        self.on = False           # is the card powered
        self.atr = b""
        self.results, self.errors, self.busy = {}, {}, {}
        self.signed_on = self.signed_off = self.renewed = None
        self.cut_at = None        # one of CUTS, once
        self.at_cut = None        # called then; None: cuts the connection
        self.stall_ms = 0         # so much time passes before a list with a money command is executed, once
        self.instance = secrets.randbits(63)
        self.lists = 0            # executed since the last request
        self.executed = []        # money commands that went to the card: (list, arrival, state)

    def tell(self, event, **fields):
        self.events.append({"event": event, **fields})
        if self.out:
            self.out(event, **fields)

    # -- identity

    def enroll(self, where, token, cert=None, key=None):
        if not key:
            key = self.store.file_of("key.pem")
            wire.make_key(key)
        name, certificate, authority, until = wire.enroll(where, token, key, cert)
        if certificate:
            self.store.write("cert.pem", certificate)
        self.store.write("authority.pem", authority)
        self.store.write("terminal.json", json.dumps({"terminal": name, "connect": where}))
        self.tell("enrolled", terminal=name, certificate_until_ms=until)
        return name

    def context(self, **changes):
        args = {"authority": self.store.read("authority.pem"), "cert": self.store.file_of("cert.pem"),
                "key": self.store.file_of("key.pem")}
        return wire.context(**{**args, **changes})

    # -- connection

    def connect(self, hello=True, resume=True, window=0, **changes):
        """TLS, Hello, Welcome. `changes`: arguments of terminal_wire.context() that differ (tests)."""
        self.where = self.where or json.loads(self.store.read("terminal.json"))["connect"]
        if changes or not self.ctx:
            self.ctx, self.session = self.context(**changes), None
        self.c = Connection(wire.dial(self.where, self.ctx, self.session if resume else None, window=window))
        self.tell("connected", tls=self.c.version, alpn=self.c.alpn, resumed=self.c.resumed)
        self.arm, self.busy = None, {}
        if hello:
            self.say_hello()

    def say_hello(self):
        m = pb.ToSwitch()
        h = m.hello
        h.versions.append(1)
        h.software, h.instance, h.mono_ms, h.wall_ms = "terminal.py 1", self.instance, mono_ms(), wall_ms()
        if self.reader is not None:
            h.readers.add(number=1, name="software card", technology=pb.TECHNOLOGY_CONTACT, present=True)
        self.c.send(m)
        got = self.c.recv(20)
        if got is None:
            raise Closed("no Welcome")
        if got.WhichOneof("message") != "welcome":
            self.on_message(got)
            raise Closed("not welcomed but " + got.WhichOneof("message"))
        self.welcome = got.welcome
        self.c.heartbeat_ms = self.welcome.heartbeat_ms
        self.store.last = max(self.store.last, self.welcome.last_request)
        self.tell("welcome", terminal=self.welcome.terminal, kind=self.welcome.kind, gate=self.welcome.gate_service,
                  last_request=self.welcome.last_request, heartbeat_ms=self.welcome.heartbeat_ms)

    def cut(self, why="cut by us"):
        if self.c:
            self.session = self.c.session or self.session
            self.c.cut(why)
            self.c = None
            self.tell("cut", why=why)

    def reconnect(self, tries=20):
        """Comes back and sends what has no result again; at a desk the card that lies there is told first."""
        for attempt in range(tries):
            try:
                self.connect()
                break
            except (OSError, Closed) as e:
                self.tell("no_connection", why=str(e))
                self.c = None
                time.sleep(min(2.0, 0.1 * 2 ** attempt))
        else:
            raise Closed("the switch is not to be had")
        self.settle_in()
        for r in self.store.open():
            self.ask_again(r)

    def settle_in(self, seconds=0.3):
        """Takes the Arm that follows the Welcome, then tells the card that lies there."""
        end = time.monotonic() + seconds
        while not self.arm and time.monotonic() < end:
            self.step(end - time.monotonic())
        self.shown = 0
        if self.reader is not None and not self.reader.gone() and not self.is_gate():
            self.show_card()

    def is_gate(self):
        return bool(self.welcome and self.welcome.gate_service)

    def send(self, **kinds):
        m = pb.ToSwitch()
        for kind, value in kinds.items():
            getattr(m, kind).CopyFrom(value)
        self.c.send(m)

    # -- cards

    def make_card(self):
        """Powers the card that is there, executes the Arm, and gives what Card says."""
        m = pb.Card(reader=1, arrival=self.reader.arrival, technology=pb.TECHNOLOGY_CONTACT)
        self.shown = m.arrival
        try:
            self.atr = m.atr = self.reader.power_on()
            self.on = True
        except Gone:
            return m
        if self.arm:
            arm, self.arm = self.arm, None
            m.script = arm.script
            m.answers.extend(run_list(self.reader, arm.commands, not speaks_t1(self.atr), lambda: not self.left(m.arrival)))
        self.tell("card", arrival=m.arrival, script=m.script, states=[a.state for a in m.answers])
        return m

    def left(self, arrival):
        return self.reader.gone() or self.reader.arrival != arrival

    def show_card(self):
        self.send(card=self.make_card())

    def look(self):
        """Tells of cards that came and went. True: a new one lies there."""
        if self.reader is None or not self.c:
            return False
        gone = self.reader.gone()
        if self.shown and (gone or self.reader.arrival != self.shown):
            self.send(card_removed=pb.CardRemoved(reader=1, arrival=self.shown))
            self.tell("card_removed", arrival=self.shown)
            self.shown, self.on = 0, False
            gone = self.reader.gone()
        return not gone and self.reader.arrival != self.shown

    # -- what the switch says

    def step(self, timeout=0.05):
        """One message, if one comes in time. Raises Closed or Fatal when the connection is over."""
        m = self.c.recv(timeout)
        if m is not None:
            self.on_message(m)
        return m

    def on_message(self, m):
        kind = m.WhichOneof("message")
        handler = getattr(self, "on_" + kind, None)
        if handler:
            handler(getattr(m, kind))
        else:
            self.tell(kind)

    def on_arm(self, arm):
        if arm.reader != 1 or self.reader is None:
            return
        self.arm = arm
        if arm.now and self.shown and not self.left(self.shown):
            self.show_card()

    def on_list(self, lst):
        c, money = self.c, any(moves_value(x.apdu) for x in lst.commands)
        self.lists += 1
        if money and self.cut_here("intent"):
            return
        if money and self.stall_ms:  # our clock has gone on meanwhile: the list may be too old now
            wire.skew_ms += self.stall_ms
            self.stall_ms = 0
        if not self.on and not self.left(lst.arrival):
            try:
                self.atr = self.reader.power_on()
                self.on = True
            except Gone:
                pass
        # The connection is looked at before each command too: a list dies with it.
        answers = run_list(self.reader, lst.commands, not speaks_t1(self.atr),
                           lambda: before(lst.deadline_mono_ms) and not self.left(lst.arrival) and not c.why)
        for x, a in zip(lst.commands, answers):
            if moves_value(x.apdu):
                self.executed.append((lst.list, lst.arrival, a.state))
        self.tell("list", list=lst.list, apdus=[x.apdu[:2].hex() for x in lst.commands], states=[a.state for a in answers])
        if money and any(a.state in (ANSWERED, LOST) and moves_value(x.apdu) for x, a in zip(lst.commands, answers)) and \
                self.cut_here("debit"):
            return
        self.send(answers=pb.ListAnswers(list=lst.list, answers=answers))
        began = any(x.apdu[:2] == b"\x80\x50" and a.bytes[-2:] == b"\x90\x00" for x, a in zip(lst.commands, answers))
        if (money and self.cut_here("answered")) or (began and self.cut_here("init")):
            return
        self.look()

    def cut_here(self, phase):
        if self.cut_at != phase:
            return False
        self.cut_at = None
        self.c.flush()
        if self.at_cut:
            self.at_cut()
        self.cut("cut: " + phase)
        return True

    def on_release(self, r):
        if r.arrival == self.shown and not self.left(r.arrival):
            self.reader.power_off()
            self.on = False

    def on_progress(self, p):
        self.tell("progress", number=p.number, phase=pb.Progress.Phase.Name(p.phase), text=p.text_en, text_zh=p.text_zh)

    def on_result(self, r):
        if self.cut_here("result"):
            return
        self.results[r.number] = r
        if r.number in self.store.requests and r.number not in self.store.results and r.outcome != IN_DOUBT:
            self.store.result(r)
        self.tell("result", number=r.number, outcome=pb.Outcome.Name(r.outcome), reason=r.reason, txn=r.txn,
                  amount_fen=r.amount_fen, balance_fen=r.balance_fen if r.has_balance else None, card=r.card,
                  replayed=r.replayed, text=r.text_en, text_zh=r.text_zh, detail=r.detail, slip=list(r.slip),
                  settled=[[s.txn, pb.Outcome.Name(s.outcome), s.amount_fen] for s in r.settled], lists=self.lists)

    def on_busy(self, b):
        self.tell("busy", number=b.number, retry_after_ms=b.retry_after_ms)
        self.busy[b.number] = time.monotonic() + b.retry_after_ms / 1000

    def on_error(self, e):
        self.tell("error", code=e.code, message=e.message, number=e.number, fatal=e.fatal)
        if e.number:
            self.errors[e.number] = e
        if e.fatal:
            self.c.end(e.code)
            raise Fatal(e)

    def on_drain(self, d):
        self.tell("drain", reconnect_after_ms=d.reconnect_after_ms)

    def on_signed_on(self, s):
        self.signed_on = s
        self.tell("signed_on", person=s.person, first_request=s.first_request, business_date=s.business_date)

    def on_signed_off(self, s):
        self.signed_off = s
        self.tell("signed_off", agrees=s.agrees, text=s.text_en, open=s.open,
                  totals=[[t.service, t.count, t.amount_fen] for t in s.totals])

    def on_renewed(self, r):
        self.renewed = r
        self.tell("renewed", certificate_until_ms=r.certificate_until_ms)

    def on_heartbeat_ack(self, _ack):
        pass

    def until(self, done, seconds):
        """Steps until done() gives something that is true; that, or None after so many seconds."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if got := done():
                return got
            if self.c is None:
                return None
            if self.look() and not self.is_gate():
                self.show_card()
            self.step(min(0.02, max(0, end - time.monotonic())))
        return done()

    # -- requests

    def new_request(self, service="", amount=0, params=(), presentation="chip", **more):
        """On disk before it is sent. presentation: chip, none, or a dict {"code": …} or {"number": …}."""
        r = pb.Request(number=self.store.last + 1, service=service, amount_fen=amount, **more)
        for name, value in params:
            r.params.add(name=name, value=value)
        if presentation == "chip":
            r.presentation.chip.reader = 1
        elif presentation != "none":
            for kind, text in presentation.items():
                setattr(r.presentation, kind, text)
        self.store.request(r)
        return r

    def ask_again(self, r):
        """The same number and content; a gate's card goes with it no more: that arrival is over."""
        again = pb.Request()
        again.CopyFrom(r)
        again.ClearField("card")
        if again.presentation.WhichOneof("what") == "chip":
            again.presentation.chip.arrival = 0
        if self.reader is not None and self.reader.gone():
            again.wait_ms = min(again.wait_ms or 60000, 1000)
        self.tell("asked_again", number=r.number)
        self.send(request=again)

    def ask(self, service="", amount=0, seconds=30, **more):
        """A request to its end, over as many connections as it takes. The Result, or None."""
        self.lists = 0
        r = self.new_request(service, amount, **more)
        if self.look():
            self.show_card()
        if not self.cut_here("unsent"):
            self.send(request=r)
            self.cut_here("sent")
        return self.await_result(r, seconds)

    def await_result(self, r, seconds=30):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                if self.c is None:
                    self.reconnect()
                got = self.until(lambda: self.results.get(r.number) or self.errors.get(r.number) or r.number in self.busy,
                                 end - time.monotonic())
                if got is True:
                    time.sleep(max(0, self.busy.pop(r.number) - time.monotonic()))
                    self.send(request=r)
                elif got is not None:
                    return got if isinstance(got, pb.Result) else None
            except (Closed, OSError) as e:
                self.tell("connection_over", why=str(e))
                self.c = None
        return None

    def settle(self, number, seconds=30):
        """Asks about a request in doubt again, with its card there."""
        self.results.pop(number, None)
        r = pb.Request.FromString(bytes.fromhex(self.store.requests[number]["request"]))
        if self.c is None:
            self.reconnect()
        else:
            if self.look():
                self.show_card()
            self.ask_again(r)
        return self.await_result(r, seconds)

    def tap(self, seconds=30):
        """A gate's dealing with the card that lies there: one number for this arrival."""
        self.lists = 0
        card = self.make_card()
        r = self.new_request(gate=True)
        r.presentation.chip.arrival = card.arrival
        r.card.CopyFrom(card)
        if not self.cut_here("unsent"):
            self.send(request=r)
            self.cut_here("sent")
        # Torn and back while the number is open: a Card, not a request. until() shows it.
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                if self.c is None:
                    self.reconnect()
                if self.results.get(r.number) or self.errors.get(r.number):
                    break
                if self.c and self.look():
                    self.show_card()
                self.step(0.02)
            except (Closed, OSError) as e:
                self.tell("connection_over", why=str(e))
                self.c = None
        return self.results.get(r.number)

    # -- shifts and keys

    def sign_on(self, person):
        self.signed_on = None
        self.send(sign_on=pb.SignOn(person=person))
        return self.until(lambda: self.signed_on, 10)

    def sign_off(self, person, first, last=None):
        self.signed_off = None
        last = self.store.last if last is None else last
        self.send(sign_off=pb.SignOff(person=person, first_request=first, last_request=last,
                                      totals=self.store.totals(first, last)))
        return self.until(lambda: self.signed_off, 10)

    def renew(self):
        """A new key; the old one is kept until the new one was welcomed."""
        self.renewed = None
        wire.make_key(self.store.file_of("next-key.pem"))
        self.send(renew=pb.Renew(csr=wire.make_request(self.store.file_of("next-key.pem"))))
        got = self.until(lambda: self.renewed, 20)
        if not got:
            return False
        self.store.write("next-cert.pem", wire.to_pem(got.certificate))
        self.cut("to use the new key")
        self.connect(resume=False, cert=self.store.file_of("next-cert.pem"), key=self.store.file_of("next-key.pem"))
        for name in ("key.pem", "cert.pem"):
            os.rename(self.store.file_of(name), self.store.file_of("old-" + name))
            os.rename(self.store.file_of("next-" + name), self.store.file_of(name))
        self.ctx = None
        return True


if __name__ == "__main__":
    import terminal_program
    sys.exit(terminal_program.main())
