#!/usr/bin/env bash
# A card that none of us wrote, over pcscd: registered under imported keys, loaded, debited, refunded. After each step chip
# and ledger agree to the fen, and at the end every MAC and TAC the chip computed stands in the ledger, verified.
. "$(dirname "$0")/lib.sh"
site_start

# One life of a card: life NAME SERIAL option=value …
life() {
    local name=$1 serial=$2
    shift 2
    say "card $name: $*"
    card_new "$name" "$serial" "$@"
    ctl --json card register --serial "$serial" --issuer "$ISSUER" --profile pboc-ep --opening 12.34 >"$CITY/run/reg" 2>&1
    is "register $name" $? 0
    order set "$name" balance=1234
    put A "$name"
    run 0 payment.balance --terminal desk
    is "balance" "$(jq .balance_fen <<<"$out")" 1234
    run 0 payment.load --terminal desk --amount 100.00
    is "load" "$(jq .balance_fen <<<"$out") $outcome" "11234 posted"
    agree "$name"
    pull A
    put B "$name"
    run 0 payment.purchase --terminal till --amount 38.60
    is "purchase" "$(jq '.amount_fen,.balance_fen' <<<"$out" | tr '\n' ' ')$outcome" "3860 7374 posted"
    local bought=$txn
    agree "$name"
    refuse insufficient_balance payment.purchase --terminal till --amount 73.75
    agree "$name"
    run 0 payment.purchase --terminal till --amount 0.01
    agree "$name"
    run 0 payment.refund --terminal till --param "txn=$bought" --amount 8.60
    agree "$name"
    run 1 payment.refund --terminal till --param "txn=$bought" --amount 30.01
    is "more than is left" "$reason" over_original
    pull B
    put A "$name"
    run 0 payment.load --terminal desk --param source=pending
    is "the pending load goes onto the chip" "$(chip "$name" .balance)" 8233
    agree "$name"
    run 0 payment.purchase --terminal desk --amount 82.33
    is "to the last fen" "$(chip "$name" .balance)" 0
    agree "$name"
    run 0 payment.history --terminal desk
    is "history" "$(jq -c '[.reply.log[].amount_fen]' <<<"$out")" '[8233,860,1,3860,10000]'
    reconcile "$name"
    pull A
}
life plain 00000000000000000101
life t0 00000000000000000102 protocol=t0 "fci=0000"
life t0strict 00000000000000000103 protocol=t0 le=refuse holder=pin prove=tacmac
life wrongle 00000000000000000104 le=wrong internal= topbit=1 holder=off extra0015=00000000000000000000000000

say "keys of version 3 beside version 1"
card_new v3 00000000000000000105 version=3 balance=500
ctl card register --serial 00000000000000000105 --issuer "$ISSUER" --profile pboc-ep --opening 5.00 >/dev/null || wrong "register v3"
put A v3
refuse no_key payment.purchase --terminal desk --amount 1.00
for p in PURCHASE LOAD TAC INTERNAL; do
    v=$(key16)
    ctl key import --purpose "${p,,}" --alg 3des --version 3 --clear "$v" >/dev/null || wrong "import of a second version"
    order set v3 "${p,,}=$v"
done
run 0 payment.purchase --terminal desk --amount 1.00
run 0 payment.load --terminal desk --amount 2.00
agree v3
reconcile v3

say "the books"
ctl ledger verify >"$CITY/run/verify" 2>&1
is "ledger verify" $? 0
finish
