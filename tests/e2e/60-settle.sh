#!/usr/bin/env bash
# The settlement night: a closed day gives the same bytes for ever, an open day is only a preview, and what was tampered with
# is found.
. "$(dirname "$0")/lib.sh"
site_start
card_new k 00000000000000000601 balance=10000
ctl card register --serial 00000000000000000601 --issuer "$ISSUER" --profile pboc-ep --opening 100.00 >/dev/null || wrong register
put B k
run 0 payment.purchase --terminal till --amount 12.34
first=$txn
run 0 payment.purchase --terminal till --amount 1.66
run 0 payment.refund --terminal till --param "txn=$first" --amount 2.34
pull B
put A k
run 0 payment.load --terminal desk --amount 30.00
order fault k tear 54 after
run 3 payment.purchase --terminal desk --amount 5.00 --retap 0
doubt=$txn
gone A
day=$(ctl --json status | jq -r .open_day)
folder=$CITY/site/settlement
bytes() {
    (cd "$1" && find . -type f -exec sha256sum {} + | sort -k2)
}

say "the open day"
text=$(ctl settle run --date "$day" 2>&1)
is "an open day without --preview" $? 1
has "… says why" "$text" 'open|preview'
[ ! -e "$folder/$day" ] || wrong "… but wrote $folder/$day"
ctl settle run --date "$day" --preview >/dev/null
is "--preview" $? 0
[ -d "$folder/$day.preview" ] || wrong "no preview folder: $(ls "$folder")"
for d in 2020-01-01 2999-01-01 2026-02-30 yesterday; do
    ctl settle run --date "$d" >/dev/null 2>&1
    case $? in 1 | 2) ;; *) wrong "settle run --date $d was accepted" ;; esac
done

say "closed and settled"
ctl day close >/dev/null || wrong "day close"
out=$(ctl settle run --date "$day" 2>&1)
is "settle run ($out)" $? 0
for f in shop.csv cardco.csv bus.csv summary.csv float.csv manifest.json; do
    [ -f "$folder/$day/$f" ] || wrong "no $f"
done
shop=$(cat "$folder/$day/shop.csv")
has "the sale" "$shop" "$first.*12\.34"
is "lines of shop.csv, with its head" "$(wc -l <<<"$shop")" 4
hasnt "the doubt is no posting" "$(cat "$folder/$day/cardco.csv")" "$doubt"
hasnt "card numbers are masked" "$shop" 00000000000000000601
has "the doubt is listed apart" "$(cat "$folder/$day/"*doubt* 2>/dev/null)" "$doubt"
python3 - "$folder/$day" <<'P' || wrong "manifest"
import hashlib, json, os, sys
d = sys.argv[1]
m = json.load(open(os.path.join(d, "manifest.json")))
text = json.dumps(m)
bad = 0
for f in os.listdir(d):
    if f.startswith("manifest"):
        continue
    h = hashlib.sha256(open(os.path.join(d, f), "rb").read()).hexdigest()
    if h not in text.lower():
        print("the manifest does not name the hash of", f)
        bad = 1
sys.exit(bad)
P
before=$(bytes "$folder/$day")
ctl settle run --date "$day" >/dev/null
is "the same date again" $? 0
is "the same bytes" "$(bytes "$folder/$day")" "$before"
ctl settle verify --date "$day" >/dev/null
is "settle verify" $? 0

say "a doubt that ends the next day does not touch the closed one (R11)"
put B k
run 0 payment.purchase --terminal till --amount 1.00
agree k
is "posted" "$(ctl --json txn show "$doubt" | jq -r .state)" posted
is "clearing date" "$(ctl --json txn show "$doubt" | jq -r '.clearing_date != .business_date')" true
pull B
ctl settle run --date "$day" >/dev/null
is "settle run again" $? 0
is "the same bytes" "$(bytes "$folder/$day")" "$before"
ctl settle verify --date "$day" >/dev/null
is "settle verify" $? 0
next=$(ctl --json status | jq -r .open_day)
ctl day close >/dev/null 2>&1
is "a day that has not begun" $? 1
ctl day close --early >/dev/null || wrong "second day close"
ctl settle run --date "$next" >/dev/null || wrong "second settle run"
has "the doubt is posted in the next day" "$(cat "$folder/$next/"*.csv)" "$doubt"
empty=$(ctl --json status | jq -r .open_day)
ctl day close --early --date "$empty" >/dev/null || wrong "third day close"
ctl settle run --date "$empty" >/dev/null
is "an empty day settles too" $? 0
[ -f "$folder/$empty/manifest.json" ] || wrong "the empty day has no manifest"

say "the float rolls forward (R19)"
cat "$folder/$day/float.csv" "$folder/$next/float.csv"
python3 - "$folder/$day/float.csv" "$folder/$next/float.csv" "$folder/$empty/float.csv" "$(ctl --json card show "$ISSUER-00000000000000000601" | jq .purse_fen)" <<'P' || wrong "roll-forward"
import csv, sys
from decimal import Decimal
def figures(path):
    out = {}
    for row in csv.reader(open(path, encoding="utf-8")):
        try:
            out[row[0].strip().lower()] = Decimal(row[-1])
        except Exception:
            pass
    return out
days = [figures(p) for p in sys.argv[1:4]]
def pick(d, *names):
    for key, v in d.items():
        if any(n in key for n in names):
            return v
    raise SystemExit("no figure of %s in %s" % (names, d))
bad = 0
for a, b in zip(days, days[1:]):
    if pick(a, "closing") != pick(b, "opening"):
        print("closing", pick(a, "closing"), "but next opening", pick(b, "opening"))
        bad = 1
if pick(days[2], "closing") * 100 != int(sys.argv[4]):
    print("last closing", pick(days[2], "closing"), "purse", sys.argv[4])
    bad = 1
sys.exit(bad)
P

say "paid is what the bank says is paid (R18)"
state() {
    ctl --json day show | jq -r --arg d "$1" '.items[] | select(.date == $d) | .state'
}
bank() { # total line…
    { printf 'count,%d\ntotal,%s\nitem,payee,amount_yuan,result,date,reference,reason\n' $(($# - 1)) "$1"; printf '%s\n' "${@:2}"; } >"$CITY/run/bank.csv"
    ctl settle result "$CITY/run/bank.csv" 2>&1
}
balance() { # kind owner
    ctl --json account list | jq -r --arg k "$1" --arg o "$2" '[.items[] | select(.kind == $k and .owner == $o) | .balance_fen] | add // 0'
}
is "a day that nobody is paid for yet" "$(state "$day")" published
is "a day that leaves nothing to pay" "$(state "$empty")" settled
has "the list for the bank" "$(cat "$folder/$day/payments.csv")" "pay,$day/shop/m/1,shop,merchant,11.66,,"
has "cash to be collected" "$(cat "$folder/$day/payments.csv")" "pay,$day/cardco/r/1,cardco,load_receivable,-30.00,,"
shop_had=$(balance merchant shop)
text=$(bank 1.00 "$day/shop/m/1,shop,11.66,paid,$day,B1,")
is "a file that does not agree with itself" $? 1
has "… is not taken" "$text" 'nothing of it was taken'
text=$(bank -7.33 "$day/shop/m/1,shop,11.66,paid,$day,B1," "$day/nobody/m/1,nobody,11.00,paid,$day,B2," "$day/cardco/r/1,cardco,-29.99,paid,$day,B3,")
is "a file with bad lines" $? 1
has "… the good one is booked" "$text" '1 paid, 0 returned, 0 failed, 0 unchanged, 2 bad'
has "… an unknown item" "$text" 'bank.csv:5: there is no item'
has "… a wrong amount" "$text" 'bank.csv:6: .*-30.00 yuan, not -29.99'
is "still published" "$(state "$day")" published
is "the shop was paid once" "$(balance merchant shop)" $((shop_had - 1166))
is "out of the reserve" "$(balance reserve "")" 1166
text=$(bank -18.34 "$day/shop/m/1,shop,11.66,paid,$day,B1," "$day/cardco/r/1,cardco,-30.00,paid,$day,B3,")
is "the rest" $? 0
has "… and what was said before" "$text" '1 paid, 0 returned, 0 failed, 1 unchanged, 0 bad'
is "settled" "$(state "$day")" settled
is "the reserve" "$(balance reserve "")" -1834
text=$(bank 11.66 "$day/shop/m/1,shop,11.66,paid,$day,B9,")
is "another reference for the same item" $? 1
has "… is refused by name" "$text" "$day/shop/m/1 is paid already: reference B1"
bank 11.66 "$day/shop/m/1,shop,11.66,returned,$day,R1,account closed" >/dev/null || wrong "a returned payment"
is "returned: not settled any more" "$(state "$day")" published
has "what is open" "$(ctl settle list)" "$day/shop/m/2"
has "what became of it" "$(ctl settle show "$day")" "$day/shop/m/1 +returned.*account closed"
is "the shop is owed it again" "$(balance merchant shop)" "$shop_had"
again=$(ctl --json status | jq -r .open_day)
ctl day close --early --date "$again" >/dev/null || wrong "fourth day close"
ctl settle run --date "$again" >/dev/null || wrong "settle run $again"
has "the next list has it" "$(cat "$folder/$again/payments.csv")" "again,$day/shop/m/2,shop,merchant,11.66,"
bank 11.66 "$day/shop/m/2,shop,11.66,paid,$day,B10," >/dev/null || wrong "the second attempt"
is "settled again" "$(state "$day")" settled
ctl settle verify --date "$day" >/dev/null
is "the day's files are as they were" $? 0
ctl ledger verify >/dev/null
is "ledger verify" $? 0

say "tampering"
cp "$folder/$day/shop.csv" "$CITY/run/shop.csv"
sed -i 's/12\.34/12.35/' "$folder/$day/shop.csv"
text=$(ctl settle verify --date "$day" 2>&1)
is "verify of a tampered file" $? 1
has "… names the file" "$text" 'shop\.csv'
text=$(ctl settle run --date "$day" 2>&1)
is "settle run over a tampered file" $? 1
cp "$CITY/run/shop.csv" "$folder/$day/shop.csv"
ctl settle verify --date "$day" >/dev/null || wrong "verify after the file was put back"
mv "$folder/$day/cardco.csv" "$CITY/run/"
ctl settle verify --date "$day" >/dev/null 2>&1
is "verify with a file missing" $? 1
cp "$CITY/run/cardco.csv" "$folder/$day/"
finish
