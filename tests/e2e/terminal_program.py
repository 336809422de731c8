"""The independent terminal as a program: every happening is a line of JSON.

    terminal.py --state DIR enroll --connect HOST:PORT --token TOKEN
    terminal.py --state DIR ask SERVICE [--amount FEN] [--param NAME=VALUE]… [--no-card] [--number N]
    terminal.py --state DIR gate [--taps N]          a gate: each arrival once
    terminal.py --state DIR shift PERSON             signs on, and off again with the totals of the shift
    terminal.py --state DIR renew                    a new key
    terminal.py --state DIR hello                    connects and says who the switch takes it for
    terminal.py --state DIR bad WHAT                 misbehaves: see terminal_bad.py
    terminal.py --check-bytes docs/PROTOCOL.md       makes the examples again
  Cards: --listen PORT (cardsim --port PORT connects) or --card "kind=pboc serial=… purchase=…" (options of card.py).
  Cuts: --cut PHASE ends the connection once at that point of the dialogue, then connects again and asks again:
    unsent      the number is on disk, the request is not sent      sent        the request is sent
    init        INITIALIZE was answered (before the intent)         intent      the list with the money command came
    debit       the money command was executed, nothing answered    answered    it was answered
    result      the result came and was not stored
Exit status: 0 POSTED (or what was ordered worked), 3 REFUSED or VOIDED, 4 IN_DOUBT, 5 no answer, 1 trouble."""
import argparse
import os
import re
import subprocess

import card as cards
import terminal_wire as wire
from terminal import CUTS, POSTED, REFUSED, VOIDED, Terminal
from terminal_card import InProcess, Port
from terminal_wire import Closed, Fatal


def check_bytes(path):
    with open(path, encoding="utf-8") as f:
        text = f.read()
    found = re.findall(r"```textproto\n# (\w+)\n(.*?)```\n```hex\n(.*?)```", text, re.S)
    wrong = 0
    for kind, message, hexes in found:
        made = subprocess.run(["protoc", "-I", os.path.dirname(os.path.abspath(wire.PROTO)),
                               "--encode=onecard.terminal.v1." + kind, os.path.basename(wire.PROTO)],
                              input=message.encode(), capture_output=True, check=True).stdout
        if wire.frame(made) != bytes.fromhex(hexes):
            wrong += 1
            print("not the bytes of:\n%s\n%s" % (message, wire.frame(made).hex()))
    print("%d examples, %d wrong" % (len(found), wrong))
    return 1 if wrong or not found else 0


def arguments():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--state", metavar="DIR")
    p.add_argument("--connect", metavar="HOST:PORT")
    p.add_argument("--listen", type=int, metavar="PORT")
    p.add_argument("--card", metavar="OPTIONS")
    p.add_argument("--cut", choices=CUTS)
    p.add_argument("--stall", type=int, default=0, metavar="MS", help="before the money command")
    p.add_argument("--fault", help="of the card, as card.py has them")
    p.add_argument("--seconds", type=float, default=30)
    p.add_argument("--check-bytes", metavar="FILE")
    p.add_argument("--token")
    p.add_argument("--amount", type=int, default=0)
    p.add_argument("--param", action="append", default=[])
    p.add_argument("--no-card", action="store_true")
    p.add_argument("--code")
    p.add_argument("--card-number")
    p.add_argument("--person", default="")
    p.add_argument("--retap", type=int, default=0)
    p.add_argument("--again", type=int, metavar="NUMBER", help="asks about this request again")
    p.add_argument("--taps", type=int, default=1)
    p.add_argument("words", nargs="*", metavar="VERB …")
    return p.parse_intermixed_args()


def make_reader(a):
    if a.listen:
        port = Port(a.listen)
        wire.tell_line("listening", port=port.port)
        port.wait(a.seconds)
        return port
    if not a.card:
        return None
    reader = InProcess()
    card = cards.Card("card", **dict(w.split("=", 1) for w in a.card.split()))
    if a.fault:
        card.fault(a.fault.split())
    reader.insert(card)
    return reader


def status_of(result):
    if result is None:
        return 5
    return {POSTED: 0, REFUSED: 3, VOIDED: 3}.get(result.outcome, 4)


def verb_ask(t, a):
    t.connect()
    t.settle_in()
    if a.again:
        return status_of(t.settle(a.again, a.seconds))
    shown = "none" if a.no_card else "chip"
    if a.code or a.card_number:
        shown = {"code": a.code} if a.code else {"number": a.card_number}
    return status_of(t.ask(a.words[1], a.amount, a.seconds, params=[p.split("=", 1) for p in a.param],
                           presentation=shown, person=a.person, retap_ms=a.retap))


def verb_gate(t, a):
    t.connect()
    t.settle_in()
    status = 5
    for _ in range(a.taps):
        t.until(t.look, a.seconds)
        status = status_of(t.tap(a.seconds))
        t.until(lambda: t.reader.gone(), a.seconds if a.taps > 1 else 0)
    return status


def verb_shift(t, a):
    t.connect()
    on = t.sign_on(a.words[1])
    off = t.sign_off(a.words[1], 1 if a.again is None else a.again) if on else None
    return 0 if off and off.agrees else 1


def verb_hello(t, _a):
    t.connect()
    return 0


def verb_renew(t, _a):
    t.connect()
    return 0 if t.renew() else 1


def verb_bad(t, a):
    from terminal_bad import bad
    t.tell("bad", what=a.words[1], why=bad(t, a.words[1]))
    return 0


def verb_enroll(t, a):
    t.enroll(a.connect, a.token)
    return 0


def main():
    a = arguments()
    if a.check_bytes:
        return check_bytes(a.check_bytes)
    verb = globals().get("verb_" + (a.words[0] if a.words else ""))
    if not verb or not a.state:
        print(__doc__)
        return 2
    t = Terminal(a.state, make_reader(a), wire.tell_line, a.connect)
    t.cut_at, t.stall_ms = a.cut, a.stall
    try:
        return verb(t, a)
    except (Closed, Fatal, OSError) as e:
        t.tell("trouble", why=str(e))
        return 1
    finally:
        t.cut("the end")
