#!/usr/bin/env bash
# A card torn out of the field at each command of a debit and of a credit, before and after the chip acted (R3): nothing is
# guessed, nothing is charged twice. With --retap 0 the answer is "in doubt" (exit status 3) and the next presentation at
# any terminal settles it; with --retap 10 and the card back, the same dialogue ends with exactly one charge.
. "$(dirname "$0")/lib.sh"
site_start
card_new wu 00000000000000000301 balance=5000 prove=mactac
card_new shen 00000000000000000302 balance=5000 protocol=t0 prove=tacmac
card_new log 00000000000000000303 balance=5000 prove=off
for n in 301 302 303; do
    ctl card register --serial 00000000000000000$n --issuer "$ISSUER" --profile pboc-ep --opening 50.00 >/dev/null || wrong register
done

# torn CARD INS before|after SERVICE wanted-status wanted-change-of-the-chip wanted-state-in-the-end
torn() {
    local card=$1 ins=$2 when=$3 service=$4 status=$5 change=$6 end=$7 before doubt
    say "$card: $service torn at $ins $when, --retap 0"
    put A "$card"
    before=$(chip "$card" .balance)
    order fault "$card" tear "$ins" "$when"
    run "$status" "$service" --terminal desk --amount 1.00 --retap 0
    doubt=$txn
    gone A
    if [ "$status" = 3 ]; then
        is "outcome" "$outcome" in_doubt
        is "the doubt is listed" "$(ctl --json doubt list | jq -r '[.items[].txn] | join(" ")')" "$doubt"
    else
        is "outcome" "$outcome" refused
        is "no doubt" "$(ctl --json doubt list | jq '.items | length')" 0
    fi
    put B "$card"
    run 0 payment.balance --terminal till
    is "the chip" $(($(chip "$card" .balance) - before)) "$change"
    [ "$status" != 3 ] || is "settled by the next presentation" "$(ctl --json txn show "$doubt" | jq -r .state)" "$end"
    agree "$card"
    pull B
}
torn wu 50 before payment.purchase 1 0 -
torn wu 50 after payment.purchase 1 0 -
torn wu 54 before payment.purchase 3 0 voided
torn wu 54 after payment.purchase 3 -100 posted
torn shen 54 after payment.purchase 3 -100 posted
torn wu 50 after payment.load 1 0 -
torn wu 52 before payment.load 3 0 voided
torn shen 52 after payment.load 3 100 posted
torn log 54 after payment.purchase 3 -100 posted
torn log 52 after payment.load 3 100 posted

# back CARD INS before|after SERVICE change: torn, back on the same reader while the clerk waits
back() {
    local card=$1 ins=$2 when=$3 service=$4 change=$5 before
    say "$card: $service torn at $ins $when, back within --retap 10"
    put A "$card"
    before=$(chip "$card" .balance)
    order fault "$card" tear "$ins" "$when"
    (sleep 1.2; order insert A "$card") 9>&- &
    run 0 "$service" --terminal desk --amount 2.00 --retap 10
    wait $!
    is "outcome" "$outcome" posted
    is "charged exactly once" $(($(chip "$card" .balance) - before)) "$change"
    is "no doubt" "$(ctl --json doubt list | jq '.items | length')" 0
    agree "$card"
    pull A
}
back wu 54 before payment.purchase -200
back shen 54 after payment.purchase -200
back wu 52 before payment.load 200
back shen 52 after payment.load 200

say "another card instead of the torn one: put that one back (R8)"
put A wu
before=$(chip wu .balance) other=$(chip log .balance)
order fault wu tear 54 after
(sleep 1; order insert A log; sleep 2; order remove A; sleep 1; order insert A wu) 9>&- &
run 0 payment.purchase --terminal desk --amount 3.00 --retap 15
wait $!
is "the torn card paid once" $(($(chip wu .balance) - before)) -300
is "the other card paid nothing" "$(chip log .balance)" "$other"
agree wu
agree log
for c in wu shen log; do reconcile $c; done
ctl ledger verify >/dev/null || wrong "ledger verify"
finish
