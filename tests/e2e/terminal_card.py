"""The terminal's card readers and the execution of lists (PROTOCOL.md 6 and 7).

A reader is one of two: a card of card.py in this process, or a TCP port on which a software card (cardsim) is awaited, as
the virtual reader's driver (vpcd) awaits it. Both have power_on() -> ATR, transmit(), gone() and an arrival count."""
import select
import socket
import struct
import threading
import time

import card as cards
from terminal_wire import mono_ms, pb

SKIPPED, ANSWERED, NOT_SENT, LOST = (pb.Answer.SKIPPED, pb.Answer.ANSWERED, pb.Answer.NOT_SENT, pb.Answer.LOST)
WRITES = {0xD6, 0xDC, 0xE2, 0xD4, 0xE0, 0xD0, 0xD2, 0x0E, 0x1E, 0x18, 0x24}


class Gone(Exception):
    """No card there: nothing was sent."""


class Lost(Exception):
    """Bytes left, no whole answer came."""


class InProcess:
    """A reader into which this process puts cards."""

    def __init__(self):
        self.card, self.arrival = None, 0

    def insert(self, card):
        self.card = card
        self.arrival += 1

    def remove(self):
        self.card = None

    def gone(self):
        return self.card is None

    def wait(self, timeout):
        end = time.monotonic() + timeout
        while self.card is None and time.monotonic() < end:
            time.sleep(0.01)
        return self.card is not None

    def power_on(self):
        if self.card is None:
            raise Gone()
        self.card.power_on()
        return self.card.atr()

    def power_off(self):
        if self.card is not None:
            self.card.power_on()

    def transmit(self, apdu, _timeout):
        card = self.card
        if card is None:
            raise Gone()
        try:
            return card.transmit(apdu)
        except cards.Torn:
            self.card = None
            raise Lost() from None


class Port:
    """A reader made of a TCP port: the card connects and is there as long as its connection is."""

    def __init__(self, port, host="127.0.0.1"):
        self.listener = socket.create_server((host, port))
        self.port = self.listener.getsockname()[1]
        self.sock, self.arrival = None, 0
        self.lock = threading.Lock()
        threading.Thread(target=self.welcome, daemon=True).start()

    def welcome(self):
        while True:
            s, _ = self.listener.accept()
            s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self.lock:
                if self.sock is not None and not self.closed(self.sock):
                    s.close()
                    continue
                self.sock = s
                self.arrival += 1

    @staticmethod
    def closed(s):
        readable, _, _ = select.select([s], [], [], 0)
        try:
            return bool(readable) and not s.recv(1, socket.MSG_PEEK)
        except OSError:
            return True

    def gone(self):
        with self.lock:
            if self.sock is not None and self.closed(self.sock):
                self.sock.close()
                self.sock = None
            return self.sock is None

    def wait(self, timeout):
        end = time.monotonic() + timeout
        while self.gone() and time.monotonic() < end:
            time.sleep(0.02)
        return not self.gone()

    def exchange(self, payload, answer, timeout):
        s = self.sock
        if s is None or self.gone():
            raise Gone()
        try:
            s.settimeout(timeout)
            s.sendall(struct.pack(">H", len(payload)) + payload)
            if not answer:
                return b""
            size = struct.unpack(">H", self.exactly(s, 2))[0]
            return self.exactly(s, size)
        except OSError:
            with self.lock:  # after a time-out an answer may still come: this card is done with
                s.close()
                self.sock = None
            raise Lost() from None

    @staticmethod
    def exactly(s, size):
        data = b""
        while len(data) < size:
            more = s.recv(size - len(data))
            if not more:
                raise OSError("the card has gone")
            data += more
        return data

    def power_on(self):
        try:
            self.exchange(b"\x00", False, 3)
            self.exchange(b"\x01", False, 3)
            return self.exchange(b"\x04", True, 3)
        except Lost:
            raise Gone() from None

    def power_off(self):
        try:
            self.exchange(b"\x00", False, 3)
        except (Gone, Lost):
            pass

    def transmit(self, apdu, timeout):
        return self.exchange(apdu, True, timeout)


# ---------------------------------------------------------------- one command

def speaks_t1(atr):
    """Does the ATR offer T=1 (ISO 7816-3: the low halves of TD1, TD2, …)? Else it is T=0."""
    at, more = 1, atr[1] >> 4 if len(atr) > 1 else 0
    while more & 8:
        at += bin(more).count("1")
        if at >= len(atr):
            return False
        if atr[at] & 15 == 1:
            return True
        more = atr[at] >> 4
    return False


def shape_t0(apdu):
    if len(apdu) == 4:
        return apdu + b"\0"
    if len(apdu) > 5 and len(apdu) == 6 + apdu[4]:
        return apdu[:-1]
    return apdu


def with_le(apdu, le):
    """The same command with another Le."""
    if len(apdu) <= 5:
        return apdu[:4] + bytes([le])
    return apdu[:5 + apdu[4]] + bytes([le])


def moves_value(apdu):
    return len(apdu) > 1 and apdu[0] & 0xF0 == 0x80 and apdu[1] in (0x52, 0x54)


def execute(reader, apdu, t0, timeout):
    """The whole answer of one command. Gone: nothing was sent. Lost: something was."""
    def send(command):
        left = end - time.monotonic()
        if left <= 0:
            raise Lost()
        try:
            answer = reader.transmit(command, left)
        except Gone:
            if sent:
                raise Lost() from None
            raise
        sent.append(command)
        if len(answer) < 2:
            raise Lost()
        return answer
    sent, end = [], time.monotonic() + timeout
    answer = send(shape_t0(apdu) if t0 else apdu)
    if answer[-2] == 0x6C and not moves_value(apdu) and apdu[1] not in WRITES:
        again = with_le(apdu, answer[-1])
        answer = send(again if not t0 or len(apdu) <= 5 else shape_t0(again))
    data, fetching = b"", False
    while answer[-2] == 0x61 or (fetching and answer[-2] == 0x6C):
        if answer[-2] == 0x61:
            data += answer[:-2]
        fetching = True
        answer = send(bytes([0, 0xC0, 0, 0, answer[-1]]))
    if fetching and moves_value(apdu) and answer[-2:] != b"\x90\x00":
        raise Lost()  # executed, but its answer cannot be had
    return data + answer


# ---------------------------------------------------------------- lists

def run_list(reader, commands, t0, may_send):
    """Answers, one for each command. may_send(): looked at before each; False means never again."""
    answers = [pb.Answer(state=SKIPPED) for _ in commands]
    if not valid(commands):
        return [pb.Answer(state=NOT_SENT) for _ in commands]
    at = 0
    while at < len(commands):
        c = commands[at]
        if not may_send():
            return stop(answers, at)
        began = time.monotonic()
        try:
            raw = execute(reader, c.apdu, t0, (c.timeout_ms or 3000) / 1000)
        except Gone:
            return stop(answers, at)
        except Lost:
            answers[at] = pb.Answer(state=LOST, micros=micros(began))
            return stop(answers, at + 1)
        answers[at] = pb.Answer(state=ANSWERED, bytes=raw, micros=micros(began))
        if int.from_bytes(raw[-2:], "big") in (list(c.accept) or [0x9000]):
            at += 1
        else:
            at = c.otherwise or len(commands)
    return answers


def valid(commands):
    return 1 <= len(commands) <= 24 and all(
        4 <= len(c.apdu) <= 261 and (not c.otherwise or i < c.otherwise < len(commands)) for i, c in enumerate(commands))


def stop(answers, at):
    for i in range(at, len(answers)):
        answers[i] = pb.Answer(state=NOT_SENT)
    return answers


def micros(began):
    return int((time.monotonic() - began) * 1e6)


def before(deadline_ms):
    return mono_ms() < deadline_ms
