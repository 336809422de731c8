#!/usr/bin/env bash
# A clerk's Ctrl-C, or a client that vanishes, disarms the request: the next card is not charged.
. "$(dirname "$0")/lib.sh"
site_start
card_new c 00000000000000000501 balance=5000
ctl card register --serial 00000000000000000501 --issuer "$ISSUER" --profile pboc-ep --opening 50.00 >/dev/null || wrong register
untouched() { # what
    sleep 2
    is "$1: the card was not charged" "$(chip c .balance)" 5000
    is "$1: nor touched by a purchase" "$(chip c '[.history[]] | length')" 0
    is "$1: nothing posted" "$(ctl --json txn list --state posted | jq '[.items[] | select(.service=="payment.purchase")] | length')" 0
    pull A
}
begin_clerk() { # $clerk
    env --default-signal=INT,TERM "$ONECARD_BIN/onecardctl" --dir "$CITY/site" --json txn run payment.purchase --terminal desk --amount 9.99 \
        --wait 60 >"$CITY/run/out" 2>"$CITY/run/err" 9>&- &
    clerk=$!
}
waiting() { # starts a clerk who waits for a card
    local i
    begin_clerk
    for i in $(seq 50); do
        [ -s "$CITY/run/err" ] && break
        sleep 0.1
    done
    sleep 0.5
}
has_ended() { # wanted status
    local i status
    for i in $(seq 50); do kill -0 "$clerk" 2>/dev/null || break; sleep 0.1; done
    ! kill -0 "$clerk" 2>/dev/null || { wrong "the clerk's program does not end"; kill -9 "$clerk"; }
    wait "$clerk"
    status=$?
    [ -z "$1" ] || is "exit status ($(cat "$CITY/run/out"))" "$status" "$1"
}

for signal in INT TERM; do
    say "SIG$signal while waiting for a card"
    waiting
    kill -$signal "$clerk"
    has_ended 1
    is "reason" "$(jq -r '.outcome + "/" + .reason' "$CITY/run/out")" refused/cancelled
    order insert A c
    reader_wait A card
    untouched "SIG$signal"
done

say "kill -9 of the client: its lease runs out"
waiting
kill -9 "$clerk"
has_ended "" 2>/dev/null
sleep 11
order insert A c
reader_wait A card
untouched "kill -9"

say "the terminal is free again, and a card that comes in time is charged"
put A c
run 0 payment.purchase --terminal desk --amount 9.99
is "chip" "$(chip c .balance)" 4001
agree c
pull A

say "Ctrl-C too late, in the middle of the debit: the true outcome is told"
put A c
order fault c slow 54 2500
begin_clerk
sleep 1
kill -INT "$clerk"
has_ended 0
is "outcome" "$(jq -r .outcome "$CITY/run/out")" posted
is "chip" "$(chip c .balance)" 3002
agree c
reconcile c
finish
