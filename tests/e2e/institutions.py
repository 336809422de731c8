#!/usr/bin/python3
"""A test bank, hospital, bureau and utility in one program: the institutions' side of docs/UPSTREAM.md, written from that page
alone. HTTPS with mutual TLS; each message's signature, date and idempotency key are checked; a book of holds and messages
in a file that survives the program.

    institutions.py serve --port P --pki DIR --book FILE --switch DIR [--key PEM --site NAME] [--called ROLE=ID]
    institutions.py book FILE                                  (the book as one JSON object)

Its roles are /bank /hospital /bureau /utility; the site knows each by that word, and by what --called says.

How it misbehaves stands in DIR/ROLE, read at each message: lines "WHAT HOW", WHAT being ask, hold, confirm, reverse,
message or all, HOW one of

    refuse          says no                             slow=S      answers S seconds late
    lose            acts, then closes without an answer  drop        closes without acting
    die             acts, then the program ends at once  die-before  the program ends before it acts
    wrong           answers another amount               twice       sends its answer twice
    garbage         answers what is no JSON              status=N    answers N with an error"""
import argparse
import base64
import hashlib
import json
import os
import socket
import ssl
import sys
import threading
import time
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

MAX_BODY = 1 << 20
MAX_AGE_S = 300


class Book:
    """What happened, a line each, synced before it is answered. Read again at the start."""

    def __init__(self, path):
        self.lock = threading.RLock()
        self.holds, self.messages, self.answers, self.events = {}, {}, {}, []
        if os.path.exists(path):
            with open(path, encoding="utf-8") as f:
                for line in f:
                    if line.endswith("\n"):  # a line cut short was never answered
                        self.apply(json.loads(line))
        self.file = open(path, "a", encoding="utf-8")

    def add(self, **what):
        self.file.write(json.dumps(what) + "\n")
        self.file.flush()
        os.fsync(self.file.fileno())
        self.apply(what)

    def settlements(self):
        """The bureau's: those that are held or confirmed, less those that another such hold ended."""
        good = [h for h in self.holds.values() if h.get("parts") and h["state"] in ("held", "confirmed")]
        ended = {h["ends"] for h in good}
        return {h["settles"]: h["parts"] for h in good if h["settles"] and h["settles"] not in ended}

    def apply(self, what):
        self.events.append(what)
        kind, name = what["do"], what.get("role", "") + "/" + what.get("id", "")
        if kind == "hold":
            self.holds[name] = dict(what, state="held")
        elif kind in ("confirm", "reverse"):
            h = self.holds.setdefault(name, dict(what, amount_fen=0, state="unknown"))
            h.setdefault("was", []).append(h["state"])
            h["state"] = {"confirm": "confirmed", "reverse": "reversed"}[kind]
        elif kind == "message":
            self.messages[name] = what
        if "key" in what:
            self.answers[what["role"] + "/" + what["key"]] = (what["sha256"], what["answer"])


def verify(key, site, mine, method, path, headers, body):
    """The words that are wrong with a message; "" when it is the site's own, for one of `mine`, and fresh."""
    names = ("Onecard-From", "Onecard-To", "Idempotency-Key", "Onecard-Date", "Onecard-Signature")
    values = [headers.get(n) for n in names]
    if None in values:
        return "header missing: " + names[values.index(None)]
    try:
        at = datetime.strptime(values[3], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=timezone.utc).timestamp()
    except ValueError:
        return "date unreadable"
    if abs(time.time() - at) > MAX_AGE_S:
        return "date too far away"
    if site is not None and values[0] != site:
        return "not from " + site
    if values[1] not in mine:
        return "for another"
    text = "\n".join(["onecard-message-2", values[0], values[1], method, path, values[2], values[3],
                      hashlib.sha256(body).hexdigest().upper(), ""])
    if key is not None:
        from cryptography.exceptions import InvalidSignature
        try:
            key.verify(base64.b64decode(values[4]), text.encode())
        except (InvalidSignature, ValueError):
            return "signature wrong"
    return ""


FUND_PERCENT = {"A": 70, "B": 50, "C": 0}


def split(question):
    """The bureau's own arithmetic: the fund pays a fixed share by class, the personal account half of what is left."""
    lines = []
    for line in question["bill"]["lines"]:
        fund = line["amount_fen"] * FUND_PERCENT[line["class"]] // 100
        personal = (line["amount_fen"] - fund) // 2 if question["personal"] else 0
        lines.append({"fund_fen": fund, "personal_fen": personal, "cash_fen": line["amount_fen"] - fund - personal})
    parts = {name: sum(line[name] for line in lines) for name in ("fund_fen", "personal_fen", "cash_fen")}
    return dict(parts, total_fen=sum(parts.values()), basic_fen=parts["fund_fen"], serious_fen=0, civil_fen=0, assistance_fen=0,
                lines=lines)


class Gone(Exception):
    """Close the connection without an answer."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 60

    def log_message(self, fmt, *args):
        pass

    def how(self, role, what):
        """The switch for this message, as (word, value)."""
        try:
            with open(os.path.join(self.server.switch, role), encoding="utf-8") as f:
                lines = [line.split() for line in f if line.strip()]
        except FileNotFoundError:
            return "", ""
        for line in lines:
            if len(line) == 2 and line[0] in (what, "all"):
                word, _, value = line[1].partition("=")
                return word, value
        return "", ""

    def send(self, status, answer, raw=None, times=1):
        body = raw if raw is not None else json.dumps(answer).encode()
        head = f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        self.wfile.write((head + body) * times)
        self.wfile.flush()

    def do_POST(self):
        try:
            self.handle_post()
        except Gone:
            self.close_connection = True
            try:
                self.connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        except (BrokenPipeError, ConnectionResetError, ssl.SSLError):
            self.close_connection = True

    def handle_post(self):
        length = int(self.headers.get("Content-Length", "-1"))
        if not 0 <= length <= MAX_BODY:
            return self.send(413, {"error": "too large"})
        body = self.rfile.read(length)
        _, role, what, *more = self.path.split("/") + ["", ""]
        more = [m for m in more if m]
        wrong = verify(self.server.key, self.server.site, self.server.names.get(role, ()), "POST", self.path, self.headers, body)
        if wrong:
            self.server.note(f"{self.path}: {wrong}")
            return self.send(401, {"error": wrong})
        if what not in ("ask", "hold", "confirm", "reverse", "message"):
            return self.send(404, {"error": "no such path"})
        word, value = self.how(role, what)
        if word == "drop":
            raise Gone
        if word == "die-before":
            os._exit(9)
        if word == "status":
            return self.send(int(value), {"error": "as ordered"})
        if word == "slow":
            time.sleep(float(value))
        answer = self.act(role, what, more, json.loads(body), hashlib.sha256(body).hexdigest(), word == "refuse")
        if word == "die":
            os._exit(9)
        if word == "lose":
            raise Gone
        if word == "wrong" and "held" in answer:
            answer = json.loads(json.dumps(answer))  # the book keeps what was meant
            document = answer["held"]["document"]
            for name in ("amount_fen", "fund_fen"):
                if name in document:
                    document[name] += 1
        status = 409 if "error" in answer else 200
        self.send(status, answer, b"<html>" if word == "garbage" else None, 2 if word == "twice" else 1)

    def act(self, role, what, more, m, digest, refuse):
        """Does it, once for each idempotency key, and gives the answer; the same key again, the same answer."""
        book, key = self.server.book, self.headers["Idempotency-Key"]
        if what == "ask":
            if refuse:
                return {"refused": {"reason": "no", "detail": "as ordered"}}
            if role == "utility":
                return {"document": self.bills(self.server.book, m["document"])}
            if role == "bureau" and more == ["presettle"]:
                return {"document": split(m["document"])}
            return {"document": {"kind": "/".join(more), "seen": True, "echo": m.get("document", m)}}
        with book.lock:
            known = book.answers.get(role + "/" + key)
            if known:
                book.add(do="again", role=role, what=what, id=m["id"])
                return known[1] if known[0] == digest else {"error": "this key had another content"}
            answer, extra = self.decide(book, role, what, m, refuse)
            do = "refused" if "refused" in answer else what
            book.add(do=do, role=role, id=m["id"], key=key, sha256=digest, answer=answer, **extra)
            return answer

    @staticmethod
    def bills(book, question):
        """What a customer owes: two bills, less those that were paid or are being paid."""
        account = question["account"]
        paid = {h["bill"] for h in book.holds.values() if h.get("bill") and h["state"] in ("held", "confirmed")}
        owed = [{"bill": f"{account}-1", "title": "November 11月", "amount_fen": 4250},
                {"bill": f"{account}-2", "title": "December 12月", "amount_fen": 3975}]
        return {"bills": [b for b in owed if b["bill"] not in paid]}

    @staticmethod
    def settlement(book, kind, question):
        """What a hold of the bureau's would do; None: the settlement that it is about does not stand."""
        old = question.get("replaces") if kind == "settle" else question["settlement_id"]
        if old and old not in book.settlements():
            return None
        return split(question) if kind == "settle" else book.settlements()[old]

    @staticmethod
    def decide(book, role, what, m, refuse):
        h = book.holds.get(role + "/" + m["id"])
        if what == "hold":
            if h is not None and h["state"] == "reversed":  # it was undone before it came
                return {"refused": {"reason": "reversed", "detail": "reversed already"}}, {}
            if refuse:
                return {"refused": {"reason": "no_funds", "detail": "not enough there"}}, {}
            document, more = {"amount_fen": m["amount_fen"]}, {}
            if role == "bureau" and "settlement_id" in m["document"]:  # settle or cancel
                document = more["parts"] = Handler.settlement(book, m["kind"], m["document"])
                if document is None:
                    return {"refused": {"reason": "unknown", "detail": "no such settlement stands"}}, {}
                more["settles"] = m["document"]["settlement_id"] if m["kind"] == "settle" else ""
                more["ends"] = m["document"].get("replaces", "") if m["kind"] == "settle" else m["document"]["settlement_id"]
            if role == "utility":
                document["bill"] = more["bill"] = m["document"]["bill"]
            answer = {"held": {"reference": f"{role}-{m['id']}", "document": document}}
            return answer, dict(more, amount_fen=m["amount_fen"], kind=m["kind"])
        if what == "message":
            return {}, {"kind": m["kind"], "document": m["document"]}
        if refuse:
            return {"refused": {"reason": "no", "detail": "as ordered"}}, {}
        return {}, {}


class Server(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, args):
        super().__init__(("127.0.0.1", args.port), Handler)
        self.switch, self.book, self.key, self.site = args.switch, Book(args.book), None, args.site
        self.names = {role: {role} for role in ("bank", "hospital", "bureau", "utility")}
        for role, _, name in (c.partition("=") for c in args.called):
            self.names[role].add(name)
        if args.key:
            from cryptography.hazmat.primitives.serialization import load_pem_public_key
            with open(args.key, "rb") as f:
                self.key = load_pem_public_key(f.read())
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.tls.minimum_version = ssl.TLSVersion.TLSv1_2
        self.tls.load_cert_chain(os.path.join(args.pki, "server.crt"), os.path.join(args.pki, "server.key"))
        self.tls.load_verify_locations(os.path.join(args.pki, "ca.crt"))
        self.tls.verify_mode = ssl.CERT_REQUIRED

    def finish_request(self, request, client_address):
        request.settimeout(30)
        try:
            with self.tls.wrap_socket(request, server_side=True) as s:
                self.RequestHandlerClass(s, client_address, self)
        except (OSError, ssl.SSLError) as e:
            self.note(f"handshake: {e}")

    @staticmethod
    def note(text):
        print(text, flush=True)


def main():
    p = argparse.ArgumentParser()
    sub = p.add_subparsers(dest="command", required=True)
    s = sub.add_parser("serve")
    s.add_argument("--port", type=int, required=True)
    for name in ("--pki", "--book", "--switch"):
        s.add_argument(name, required=True)
    s.add_argument("--key")
    s.add_argument("--site")
    s.add_argument("--called", action="append", default=[])
    b = sub.add_parser("book")
    b.add_argument("file")
    args = p.parse_args()
    if args.command == "serve":
        server = Server(args)
        print("ready", flush=True)
        server.serve_forever()
        return
    book = Book(args.file)
    json.dump({"holds": book.holds, "messages": book.messages, "settlements": book.settlements(),
               "again": sum(e["do"] == "again" for e in book.events)}, sys.stdout)


if __name__ == "__main__":
    main()
