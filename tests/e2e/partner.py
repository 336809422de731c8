#!/usr/bin/python3
"""An institution's system at the switch's own door for them, written from docs/API.md and docs/UPSTREAM.md alone: one
signed request, its answer on standard output: the status, a blank, the body.

    partner.py --port P --ca CA.pem --from ID --to SITE --key KEY.pem METHOD TARGET [BODY]

--key may be missing (nothing is signed); --date-off S, --date TEXT, --idempotency KEY, --cert/--cert-key as their names say;
--tamper sends another body than the one that was signed; --times N sends the same bytes N times, --pause S between;
--after TARGET: another reading request right before."""
import argparse
import base64
import hashlib
import http.client
import secrets
import ssl
import time

from cryptography.hazmat.primitives.serialization import load_pem_private_key


def headers(args, body):
    found = {"Content-Type": "application/json"}
    if not args.key:
        return found
    with open(args.key, "rb") as f:
        key = load_pem_private_key(f.read(), None)
    idempotency = args.idempotency or secrets.token_hex(8)
    date = args.date or time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + args.date_off))
    text = "\n".join(["onecard-message-2", args.who, args.to, args.method, args.target, idempotency, date,
                      hashlib.sha256(body).hexdigest().upper()]) + "\n"
    found.update({"Onecard-From": args.who, "Onecard-To": args.to, "Idempotency-Key": idempotency, "Onecard-Date": date,
                  "Onecard-Signature": base64.b64encode(key.sign(text.encode())).decode()})
    return found


def send(args, tls, method, target, body, found):
    try:
        c = http.client.HTTPSConnection("127.0.0.1", args.port, context=tls, timeout=30)
        c.request(method, target, body or None, found)
        r = c.getresponse()
        print(r.status, r.read().decode().strip())
        c.close()
    except (ssl.SSLError, ConnectionError, http.client.HTTPException) as e:
        print("0", type(e).__name__)


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--port", type=int, required=True)
    p.add_argument("--ca", required=True)
    p.add_argument("--from", dest="who", default="")
    p.add_argument("--to", default="")
    p.add_argument("--key")
    p.add_argument("--date-off", type=int, default=0)
    p.add_argument("--date")
    p.add_argument("--idempotency")
    p.add_argument("--cert")
    p.add_argument("--cert-key")
    p.add_argument("--tls12", action="store_true")
    p.add_argument("--tamper", action="store_true")
    p.add_argument("--times", type=int, default=1)
    p.add_argument("--pause", type=float, default=0)
    p.add_argument("--after")
    p.add_argument("method")
    p.add_argument("target")
    p.add_argument("body", nargs="?", default="")
    args = p.parse_args()
    tls = ssl.create_default_context(cafile=args.ca)
    if args.tls12:
        tls.maximum_version = ssl.TLSVersion.TLSv1_2
    if args.cert:
        tls.load_cert_chain(args.cert, args.cert_key)
    body = args.body.encode()
    found = headers(args, body)
    if args.tamper:
        body += b" "
    if args.after:
        before = argparse.Namespace(**{**vars(args), "method": "GET", "target": args.after, "idempotency": None})
        send(args, tls, "GET", args.after, b"", headers(before, b""))
    for i in range(args.times):
        if i > 0:
            time.sleep(args.pause)
        send(args, tls, args.method, args.target, body, found)


main()
