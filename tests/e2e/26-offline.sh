#!/usr/bin/env bash
# What a bus without a line debited comes in as a collector's file: every record gets its result, the gap closes to the fen,
# the same file again changes nothing; then the card is lost and its purse goes to another one.
. "$(dirname "$0")/lib.sh"
waits() { # no waiting for a replacement, and the loss takes effect at once
    printf 'policy:\n  loss_effective: 0s\n  replacement: 0s\n' >>"$CITY/site/onecardd.yaml"
}
SITE_EDIT=waits
site_start
sam=100000000099
ctl terminal add --id bus9 --kind bus --participant bus --sam $sam --services 'transit.*' >/dev/null || wrong "terminal add bus9"
# card NAME SERIAL: registered with 100 yuan, and named
card() {
    card_new "$1" "$2" balance=10000
    ctl card register --serial "$2" --issuer "$ISSUER" --profile pboc-ep --opening 100.00 --kind named --holder "Wang" \
        --holder-id - <<<410102199001010021 >/dev/null || wrong "register $1"
}
card old 00000000000000002601
ref=$ISSUER-00000000000000002601
put B old
run 0 payment.purchase --terminal till --amount 1.00
pull B

say "four debits on a bus without a line"
day=$(date -d '1 minute ago' +%Y%m%d) now=$(date -d '1 minute ago' +%H%M%S)
for fen in 200 300 150 450; do order elsewhere old $fen "$day" "$now" $sam; done
put B old
run 0 payment.purchase --terminal till --amount 1.00
pull B
is "four records are awaited" "$(ctl --json card show "$ref" | jq .awaiting_records)" 4
# records JQ: the chip's own debits as a collector's lines
records() {
    "$python" -SE - "$CITY/run/chip.json" "$ISSUER" <<'P'
import json, sys
for r in json.load(open(sys.argv[1]))["history"]:
    if r.get("elsewhere"):
        print(sys.argv[2], "00000000000000002601", "%02X" % r["type"], r["counter"], r["amount"], r["after"], r["sam"], int(r["sam_seq"], 16),
              r["date"], r["time"], r["tac"], sep=",")
P
}
order status old >"$CITY/run/chip.json"
head=issuer,serial,type,counter,amount_fen,balance_fen,sam,sam_seq,date,time,tac
records >"$CITY/run/lines"
is "the chip tells four" "$(wc -l <"$CITY/run/lines")" 4
file=$CITY/run/bus9.csv
{
    echo "# bus9, collected in the evening"
    echo "$head"
    sed -n 4p "$CITY/run/lines"
    sed -n 1p "$CITY/run/lines" | sed 's/,06,/,6,/' # no record: line 4
    sed -n 2p "$CITY/run/lines"
    sed -n 3p "$CITY/run/lines" | sed 's/,150,/,151,/' # not what the chip signed
    sed -n 1p "$CITY/run/lines" | sed 's/[0-9A-F]*$//' # without a TAC
} >"$file"
text=$(ctl offline import "$file" --terminal-of bus9 2>"$CITY/run/err")
is "import with a bad line" $? 1
is "what came of it" "$text" "2 posted, 1 tac_wrong, 1 grey, 1 bad"
has "the bad line: line and column" "$(cat "$CITY/run/err")" "bus9.csv:4:39: \"type\" must be 2 hexadecimal digits"
has "the altered one" "$(cat "$CITY/run/err")" "line 6: tac_wrong"
is "two are awaited still" "$(ctl --json card show "$ref" | jq -c '[.awaiting_records, (.held_records | length)]')" "[2,2]"
before=$(ctl --json ledger verify | jq .ops)
text=$(ctl offline import "$file" --terminal-of bus9 2>/dev/null)
is "the same file again" "$text" "2 duplicate, 1 tac_wrong, 1 grey, 1 bad"
is "… wrote nothing" "$(ctl --json ledger verify | jq .ops)" "$before"

say "the rest of it"
{
    echo "$head"
    cat "$CITY/run/lines"
} >"$CITY/run/all.csv"
text=$(ctl offline import "$CITY/run/all.csv" --terminal-of bus9 2>&1)
is "the whole file" "$text" "2 posted, 2 duplicate, 0 bad"
is "nothing is awaited or held" "$(ctl --json card show "$ref" | jq -c '[.awaiting_records, (.held_records | length), .alarm]')" "[0,0,null]"
agree old
is "the bus is owed" "$(ctl --json account list | jq '[.items[] | select(.kind == "merchant" and .owner == "bus") | .balance_fen] | add')" 1100
is "they are transactions" "$(ctl --json txn list --card "$ref" | jq -c '[.items[] | select(.service == "offline") | [.state, .terminal, .evidence]] | unique')" '[["posted","bus9","clearing"]]'
printf 'serial,amount\n1,2\n' >"$CITY/run/bad.csv"
has "a heading that is none" "$(ctl offline import "$CITY/run/bad.csv" 2>&1)" 'bad.csv:1:8: no column is called "amount"'

say "lost, and replaced"
card new 00000000000000002602
to=$ISSUER-00000000000000002602
order elsewhere old 700 "$day" "$now" $sam # nobody has heard of this one yet
order status old >"$CITY/run/chip.json"
has "not while it is in use" "$(ctl card replace "$ref" --to "$to" 2>&1)" 'active, not lost'
ctl card report-loss "$ref" >/dev/null || wrong "report-loss"
left=$(ctl --json card show "$ref" | jq .purse_fen)
ctl card replace "$ref" --to "$to" --why "form 17" >/dev/null || wrong "card replace"
is "the new card's pending load" "$(ctl --json card show "$to" | jq .pending_load_fen)" "$left"
has "again: nothing is left" "$(ctl card replace "$ref" --to "$to" 2>&1)" 'nothing is free'
is "they know each other" "$(ctl --json card show "$to" | jq -r .replaces)/$(ctl --json card show "$ref" | jq -r .replaced_by)" \
    "$(ctl --json card show "$ref" | jq -r .id)/$(ctl --json card show "$to" | jq -r .id)"
has "found again: it stays lost" "$(ctl card resume "$ref" 2>&1)" 'replaced'
{
    echo "$head"
    records | tail -n 1
} >"$CITY/run/late.csv"
is "the record that nobody had heard of" "$(ctl offline import "$CITY/run/late.csv" --terminal-of bus9 2>/dev/null)" "1 posted, 0 bad"
is "… is borne by the issuer" "$(ctl --json account list | jq '[.items[] | select(.kind == "bearer" and .owner == "issuer") | .balance_fen] | add')" -700
put A new
run 0 payment.load --terminal desk --amount 50.00 --param source=pending
pull A
is "the chip follows by a load (R6)" "$(chip new .balance)" 15000

say "the day"
day=$(ctl --json status | jq -r .open_day)
ctl day close --early >/dev/null || wrong "day close"
ctl settle run --date "$day" >/dev/null || wrong "settle run"
has "settlement: the bus's file has the records" "$(cat "$CITY/site/settlement/$day/bus.csv")" ',offline,.*,ok,clearing,'
is "the ledger proves itself" "$(ctl --json ledger verify | jq .good)" true
finish
