#!/usr/bin/env bash
# R5: before 9000 a wrong MAC is a refusal, after 9000 it is a doubt: the card is debited, goods are not released.
. "$(dirname "$0")/lib.sh"
site_start
reg() {
    ctl card register --serial "$1" --issuer "$ISSUER" --profile pboc-ep --opening 50.00 >/dev/null || wrong "register $1"
}

say "load MAC1 wrong: refused, nothing moved"
card_new m1 00000000000000000311 balance=5000
reg 00000000000000000311
put A m1
order fault m1 wrongmac1
refuse load_mac1_wrong payment.load --terminal desk --amount 10.00
is "chip" "$(chip m1 .balance)" 5000
agree m1
run 0 payment.load --terminal desk --amount 10.00
agree m1

for sw in 9302 6982 6988; do
    say "the card does not like our MAC: $sw, nothing moved"
    order set m1 badmac=$sw "purchase=$(key16)"
    refuse card_rejected_mac payment.purchase --terminal desk --amount 1.00
    is "chip" "$(chip m1 .balance)" 6000
    agree m1
    order set m1 "purchase=$KEY_PURCHASE"
done
order set m1 badmac=9302
run 0 payment.purchase --terminal desk --amount 1.00
agree m1
pull A

# 9000 with a wrong value: doubt CARD FAULT SERVICE change
doubt() {
    local card=$1 fault=$2 service=$3 change=$4 before
    say "$service: 9000, but $fault"
    put A "$card"
    before=$(chip "$card" .balance)
    order fault "$card" $fault
    order fault "$card" wrongproof
    run 3 "$service" --terminal desk --amount 5.00 --retap 0
    is "outcome" "$outcome/$reason" in_doubt/wrong_proof
    is "the chip moved" $(($(chip "$card" .balance) - before)) "$change"
    local id=$txn
    is "in suspense" "$(ctl --json txn show "$id" | jq -r '[.state, .suspense, .tac_verdict == "ok"] | @csv')" '"in_doubt",true,'"$([ "$fault" = wrongmac2 ] && echo true || echo false)"
    order fault "$card" none
    pull A
    put B "$card"
    run 0 payment.balance --terminal till
    is "its own PROVE ends it, once it is right" "$(ctl --json txn show "$id" | jq -r .state)" posted
    agree "$card"
    pull B
}
card_new m2 00000000000000000312 balance=5000
reg 00000000000000000312
doubt m2 wrongtac payment.purchase -500
card_new m3 00000000000000000313 balance=5000
reg 00000000000000000313
doubt m3 wrongtac payment.load 500

say "a wrong TAC that stays wrong stays a doubt, and no other purse transaction passes it"
card_new m4 00000000000000000314 balance=5000 prove=off
reg 00000000000000000314
order set m4 "tac=$(key16)"
put A m4
run 3 payment.purchase --terminal desk --amount 5.00 --retap 0
is "outcome" "$outcome/$reason" in_doubt/wrong_proof
pull A
put B m4
out=$(ctl --json txn run payment.purchase --terminal till --amount 1.00 2>/dev/null)
echo "   then: $(jq -c '[.outcome,.reason]' <<<"$out"), chip $(chip m4 .balance), doubts $(ctl --json doubt list | jq -c '[.items[].txn]')"
pull B
say "the books hold"
ctl ledger verify >/dev/null || wrong "ledger verify"
finish
