#!/usr/bin/env bash
# R3: a moved counter alone proves nothing. Between a tear and the next presentation the chip was used at terminals that the
# switch knows nothing of; only proof and log say how the doubt ended, and an overwritten log leaves it open. R1: what the
# chip shows beyond the ledger is awaited, or raises an alarm.
. "$(dirname "$0")/lib.sh"
site_start
n=320
# case NAME tear-before|after offline-purchases wanted-state option=value …
evidence() {
    local name=$1 when=$2 others=$3 want=$4 i id state row
    shift 4
    n=$((n + 1))
    say "$name: torn $when, then $others purchases elsewhere $*"
    card_new "$name" 00000000000000000$n balance=5000 "$@"
    ctl card register --serial 00000000000000000$n --issuer "$ISSUER" --profile pboc-ep --opening 50.00 >/dev/null || wrong register
    order fault "$name" tear 54 "$when"
    put A "$name"
    run 3 payment.purchase --terminal desk --amount 7.00 --retap 0
    id=$txn
    gone A
    for i in $(seq "$others"); do order elsewhere "$name" $((i * 10)); done
    order insert B "$name"
    reader_wait B card
    if [ "$want" = in_doubt ]; then
        local before
        before=$(chip "$name" .balance)
        run 1 payment.purchase --terminal till --amount 1.00
        is "no purse transaction passes an open doubt" "$reason/$(chip "$name" .balance)" "doubt_open/$before"
    else
        run 0 payment.balance --terminal till
    fi
    state=$(ctl --json txn show "$id" | jq -r '.state')
    is "the doubt" "$state" "$want"
    if [ "$want" != in_doubt ]; then
        run 0 payment.purchase --terminal till --amount 1.00
        row=$(ctl --json card show "$ISSUER-00000000000000000$n")
        is "awaited records" "$(jq .awaiting_records <<<"$row")" "$others"
        is "no alarm" "$(jq .alarm <<<"$row")" null
        is "chip = purse - what is still to come (R1)" $(($(jq .purse_fen <<<"$row") - $(chip "$name" '[.history[] | select(.elsewhere) | .amount] | add // 0'))) \
            "$(chip "$name" .balance)"
        reconcile "$name"
    fi
    pull B
}
evidence e1 before 1 voided
evidence e2 after 1 posted
evidence e3 before 1 voided prove=off
evidence e4 after 9 posted postprove=1 prove=tacmac
evidence e5 after 10 in_doubt
evidence e6 before 3 voided protocol=t0

say "a chip that has more money than its counters explain: an alarm, not a posting"
card_new magic 00000000000000000330 balance=5000
ctl card register --serial 00000000000000000330 --issuer "$ISSUER" --profile pboc-ep --opening 50.00 >/dev/null || wrong register
put A magic
run 0 payment.purchase --terminal desk --amount 1.00
order set magic balance=9900
run 0 payment.balance --terminal desk
run 0 payment.purchase --terminal desk --amount 1.00
is "alarm" "$(ctl --json card show "$ISSUER-00000000000000000330" | jq -r .alarm)" balance_mismatch
pull A
ctl ledger verify >/dev/null || wrong "ledger verify"
finish
