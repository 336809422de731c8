#!/usr/bin/env python3
"""Compares what a card computed with what the ledger says of it: reconcile.py chip.json rows.json

Every debit and credit of the chip must stand exactly once in the ledger as posted, with the same amount, SAM number and
sequence, date, time, counter and TAC, verified; and nothing else may be posted against the chip."""
import json
import sys


def rows(path):
    with open(path, encoding="utf-8") as f:
        text = f.read()
    decoder, at, out = json.JSONDecoder(), 0, []
    while at < len(text):
        while at < len(text) and text[at].isspace():
            at += 1
        if at < len(text):
            value, at = decoder.raw_decode(text, at)
            out.append(value)
    return out


def differences(row, h):
    pairs = [("amount", row["amount_fen"], h["amount"]), ("date", row["card_date"], h["date"]),
             ("time", row["card_time"], h["time"])]
    if h["sam_seq"]:
        pairs.append(("SAM sequence", row["sam_seq"], int(h["sam_seq"], 16)))
    if row["evidence"] not in ("log", "capp_record"):  # records have no TAC
        pairs += [("TAC", row["tac"], h["tac"]), ("TAC verdict", row["tac_verdict"], "ok")]
    return ["%s (%s): %s %r, the chip's %r" % (row["txn"], row["evidence"], what, a, b) for what, a, b in pairs if a != b]


def main():
    with open(sys.argv[1], encoding="utf-8") as f:
        chip = json.load(f)
    ledger = rows(sys.argv[2])
    bad = []
    posted = [r for r in ledger if r["state"] == "posted" and r["type"]]
    moves = [h for h in chip["history"] if not h.get("elsewhere")]
    for h in moves:
        same = [r for r in posted if (r["type"], r["counter"], r["sam"]) == (h["type"], h["counter"], h["sam"])]
        same = [r for r in same if h["amount"] or int(h["sam_seq"], 16) == r["sam_seq"]]  # free rides share a counter
        if len(same) != 1:
            bad.append("the chip's %s stands %d times" % (json.dumps(h), len(same)))
            continue
        bad += differences(same[0], h)
    if len(posted) != len(moves):
        bad.append("%d posted on the chip's account, the chip moved %d times" % (len(posted), len(moves)))
    for line in bad:
        print(line)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
