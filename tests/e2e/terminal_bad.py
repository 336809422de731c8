"""A terminal that misbehaves on order: what no proper one does, for tests of the switch."""
import json
import time

import terminal_wire as wire
from terminal_wire import Closed, Fatal, mono_ms, pb


def watch(t, seconds):
    """What the switch does with us: the code of its error, or the words of the connection's end; "" when it does nothing."""
    end = time.monotonic() + seconds
    try:
        while time.monotonic() < end:
            t.step(0.1)
    except Fatal as e:
        return e.code
    except Closed as e:
        return str(e)
    return ""


def refused_tls(t, **changes):
    try:
        t.connect(resume=False, **changes)
        return ""
    except (OSError, Closed, Fatal) as e:
        return getattr(e, "code", None) or str(e)


def bad_certificate(t, kind):
    ca = wire.Authority(t.store.file_of("foreign"))
    name = json.loads(t.store.read("terminal.json"))["terminal"]
    wire.make_key(ca.folder + "/t.key")
    dates = {"expired": ("20200101000000Z", "20210101000000Z")}.get(kind, ("20200101000000Z", "20491231000000Z"))
    ca.issue(name, ca.folder + "/t.key", ca.folder + "/t.pem", *dates)
    return refused_tls(t, cert=ca.folder + "/t.pem", key=ca.folder + "/t.key")


def send_raw(t, data, seconds=5):
    t.c.send_bytes(data)
    return watch(t, seconds)


def flood(t):
    m = pb.ToSwitch()
    m.heartbeat.mono_ms = mono_ms()
    t.c.send_bytes(wire.frame(m) * 20000)
    return watch(t, 10)


def slow(t):
    """Asks for an answer that it has, for ever, and reads none of them: gives how the switch ends it. The kernel on the
    switch's side may take some megabytes first, hence the minute."""
    posted = [n for n, r in t.store.results.items() if r["outcome"] == "POSTED" and n in t.store.requests]
    number = posted[-1] if posted else t.store.last
    request = pb.Request.FromString(bytes.fromhex(t.store.requests[number]["request"]))
    request.ClearField("presentation")  # no part of what makes it the same
    t.cut("to have a small window")
    t.connect(resume=False, window=4096)
    t.c.slow = True
    data = framed(request=request)
    end = time.monotonic() + 60
    try:
        while time.monotonic() < end:
            t.c.send_bytes(data)
            time.sleep(0.006)  # one after the other: a number that runs is not run twice
    except Closed as e:
        return str(e)
    t.c.slow = False
    return watch(t, 1)


def silent(t, seconds=None):
    beat = t.welcome.heartbeat_ms / 1000
    t.c.heartbeat_ms = 0
    return watch(t, seconds or 4 * beat + 2)


def half_open(t):
    """Neither reads nor writes nor closes for four heartbeats, then looks what has become of the connection."""
    t.c.mute = True
    time.sleep(4 * t.welcome.heartbeat_ms / 1000 + 2)
    t.c.mute = False
    return watch(t, 5)


def twice(t):
    """The same number, first with the same content, then with another. Gives [outcome, replayed, error code]."""
    first = t.ask("payment.balance")
    r = pb.Request.FromString(bytes.fromhex(t.store.requests[first.number]["request"]))
    t.results.clear()
    t.send(request=r)
    again = t.await_result(r)
    t.results.clear()
    r.amount_fen = 77
    t.send(request=r)
    t.await_result(r, 5)
    e = t.errors.get(r.number)
    return json.dumps([pb.Outcome.Name(again.outcome), again.replayed, e.code if e else ""])


def framed(**kinds):
    m = pb.ToSwitch()
    for kind, value in kinds.items():
        getattr(m, kind).CopyFrom(value)
    return wire.frame(m)


BAD = {  # before a connection is made
    "tls12": lambda t: refused_tls(t, version="1.2"),
    "no-certificate": lambda t: refused_tls(t, cert=None, key=None),
    "foreign": lambda t: bad_certificate(t, "foreign"),
    "expired": lambda t: bad_certificate(t, "expired"),
    "alpn": lambda t: refused_tls(t, alpn="h2"),
}
BAD_TALK = {  # after the Welcome
    "flood": flood, "slow": slow, "silent": silent, "half-open": half_open, "twice": twice,
    "frame": lambda t: send_raw(t, b"\x05\x4a\x03\x0a\x01\xff"),
    "length": lambda t: send_raw(t, b"\xff\xff\x7f"),
    "zero": lambda t: send_raw(t, b"\x00"),
    "order": lambda t: send_raw(t, framed(hello=pb.Hello(versions=[1]))),
    "enroll": lambda t: send_raw(t, framed(enroll=pb.Enroll(token="x"))),
    "reader": lambda t: send_raw(t, framed(card=pb.Card(reader=4, arrival=1))),
    "script": lambda t: send_raw(t, framed(card=pb.Card(reader=1, arrival=1, atr=b"\x3b\x00", script=2 ** 60))),
    "unknown": lambda t: send_raw(t, wire.frame(b"\xfa\x01\x02\x08\x01"), 2),
}


def bad(t, what):
    """Misbehaves; tells what the switch did. A second connection of the same terminal: "replaced"."""
    if what in BAD:
        return BAD[what](t)
    if what == "no-hello":
        t.connect(hello=False)
        return watch(t, 60)
    t.connect()
    if what == "replaced":
        first, t.c = t.c, None
        t.connect()
        t.c, second = first, t.c
        why = watch(t, 5)
        second.cut()
        return why
    return BAD_TALK[what](t)
