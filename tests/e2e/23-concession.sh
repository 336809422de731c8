#!/usr/bin/env bash
# Concessions (R14, R17): category and its validity are the ledger's, unless the card's contradicts them; gross fare,
# citizen's part and bearer's part are posted; a free ride is a CAPP of amount 0 that moves no counter, and a torn one is
# settled by reading its record back (R3).
. "$(dirname "$0")/lib.sh"
concessions() {
    "$python" - "$CITY/site/onecardd.yaml" <<'P'
import re, sys
text = open(sys.argv[1]).read()
open(sys.argv[1], "w").write(re.sub(r"(?m)^modules:.*\n([ #].*\n|\n)*", "", text))
P
    cat >>"$CITY/site/onecardd.yaml" <<'Y'
modules:
  payment:
  transit:
    concessions: {student: 50%, elder: free}
    bearers: {elder: civil-affairs}
Y
}
SITE_EDIT=concessions
site_start
ctl participant add --id treasury --name "Treasury" >/dev/null
ctl participant add --id civil-affairs --name "Civil Affairs" >/dev/null
gate() { # params…
    ctl terminal add --id bus1 --kind bus --participant bus --sam 100000000012 --reader "$SLOT_B" --services transit.ride \
        --gate transit.ride --param fare=3.01 "$@" >/dev/null || city_fail "terminal add bus1"
}
gate --param retap=1
last() {
    ctl --json txn show "$(ctl --json txn list --terminal bus1 | jq -r '.items[0].txn')"
}
# ride CARD: in, served, out; the transaction is in $row
ride() {
    local before now i
    before=$(ctl --json txn list --terminal bus1 | jq -r '.items[0].txn')
    put B "$1"
    for i in $(seq 60); do
        now=$(ctl --json txn list --terminal bus1 | jq -r '.items[0].txn')
        [ "$now" != "$before" ] && break
        sleep 0.1
    done
    sleep 0.3
    row=$(last)
    pull B
}
leg() { # account owner
    jq -r --arg a "$1" --arg o "$2" '[.legs[] | select(.account==$a and .owner==$o) | .amount_fen] | add // 0' <<<"$row"
}
n=230
new() { # name kind profile fci 'register options' …
    n=$((n + 1))
    card_new "$1" 00000000000000000$n "kind=$2" balance=1000 "fci=$4" "${@:6}"
    # shellcheck disable=SC2086
    ctl card register --serial 00000000000000000$n --issuer "$ISSUER" --profile "$3" --opening 10.00 $5 >/dev/null || wrong "register $1"
}

say "a student pays half, rounded half up; the rest is the treasury's"
new stu mohurd mohurd 0100 "--category student --category-until 2039-08-31"
ride stu
is "state" "$(jq -r .state <<<"$row")" posted
is "gross, citizen" "$(jq -r '[.gross_fen,.amount_fen]|@csv' <<<"$row")" "301,151"
is "merchant bus" "$(leg merchant bus)" 301
is "bearer treasury" "$(leg bearer treasury)" -150
is "sum of all legs" "$(jq '[.legs[].amount_fen]|add' <<<"$row")" 0
agree stu

say "the card says student, the ledger knows nothing: full fare and an event"
new fake mohurd mohurd 0100 ""
ride fake
is "full fare" "$(jq -r '[.gross_fen,.amount_fen]|@csv' <<<"$row")" "301,301"
has "event" "$(ctl --json event list 2>&1)" 'category_mismatch'
agree fake
say "the ledger says student until yesterday: full fare"
new late mohurd mohurd 0100 "--category student --category-until 2020-08-31"
ride late
is "full fare" "$(jq -r '.amount_fen' <<<"$row")" 301
agree late
say "the ledger says student, the chip claims nothing: granted since it was made"
new since mohurd mohurd 0000 "--category student --category-until 2039-08-31"
ride since
is "half" "$(jq -r '[.gross_fen,.amount_fen]|@csv' <<<"$row")" "301,151"
is "borne" "$(leg bearer treasury)" -150
agree since

for kind in mohurd/mohurd pboc/pboc-ep tunion/tunion; do
    say "an elder rides free on a ${kind#*/} card: a CAPP of amount 0"
    c=elder-${kind%/*}
    new "$c" "${kind%/*}" "${kind#*/}" 0200 "--category elder --category-until 2039-08-31"
    ride "$c"
    is "state" "$(jq -r .state <<<"$row")" posted
    is "gross, citizen" "$(jq -r '[.gross_fen,.amount_fen]|@csv' <<<"$row")" "301,0"
    is "bearer civil-affairs" "$(leg bearer civil-affairs)" -301
    is "chip" "$(chip "$c" '[.balance,.offline]|@csv')" "1000,0"
    agree "$c"
    for when in before after; do
        say "… torn in the DEBIT $when; the gate gave up; then it comes back"
        rides=$(chip "$c" '.history|length')
        doubts=$(ctl --json doubt list | jq '.items|length')
        order fault "$c" tear 54 $when
        order insert B "$c"
        for i in $(seq 60); do
            [ "$(ctl --json doubt list | jq '.items|length')" = $((doubts + 1)) ] && break
            sleep 0.1
        done
        id=$(ctl --json doubt list | jq -r '.items[0].txn')
        is "in doubt" "$(ctl --json txn show "$id" | jq -r .state)" in_doubt
        put A "$c"
        run 0 payment.balance --terminal desk
        is "settled by the record on the card" "$(ctl --json txn show "$id" | jq -r .state)" "$([ $when = after ] && echo posted || echo voided)"
        is "rides of the chip" "$(chip "$c" '.history|length')" $((rides + $([ $when = after ] && echo 1 || echo 0)))
        agree "$c"
        pull A
    done
    reconcile "$c"
done
reconcile stu
ctl ledger verify >/dev/null || wrong "ledger verify"
finish
