#!/usr/bin/env bash
# Concessions (R14, R17): category and its validity are the ledger's, unless the card's contradicts them; gross fare,
# citizen's part and bearer's part are posted; a free ride is a CAPP of amount 0 that moves no counter, and a torn one is
# settled by reading its record back (R3). The chip follows what the ledger grants: written at a desk under the card's
# maintenance key, torn or not, read back, and never tried twice on a card that refuses (R17).
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

KEY_MAINTENANCE=$(key16)
ctl key import --purpose maintenance --alg 3des --version 1 --clear "$KEY_MAINTENANCE" >/dev/null || wrong "key import maintenance"
ref() { # card
    ctl --json card list --limit 100 | jq -r --arg s "$(order status "$1" | jq -r .serial)" '.items[] | select(.serial==$s) | .id'
}
on_chip() { # name expected: "written", "due", "" …
    put A "$1"
    run 0 payment.balance --terminal desk
    is "the desk says of the chip" "$(jq -r '.reply.chip_transit.state // ""' <<<"$out")" "$2"
    is "the ledger says of the chip" "$(ctl --json card show "$(ref "$1")" | jq -r '.slots[0].chip // ""')" "$3"
    pull A
}
for kind in mohurd/mohurd/05 pboc/pboc-ep/A8 tunion/tunion/A8; do
    IFS=/ read -r sort profile tag <<<"$kind"
    say "a concession granted by an operator reaches the $profile chip at the next desk"
    c=follow-$sort
    new "$c" "$sort" "$profile" 0000 "" "maintenance=$KEY_MAINTENANCE"
    ctl card category "$(ref "$c")" --category student --from 2026-01-01 --until 2039-08-31 >/dev/null || wrong "card category"
    is "before" "$(chip "$c" '.file15[-4:]')" 0000
    on_chip "$c" written written
    is "file 0015" "$(chip "$c" '.file15[-4:]')" 0100
    is "its record" "$(chip "$c" "(.capp+.compound)[\"$tag\"][4:24]")" 01002026010120390831
    on_chip "$c" "" written
    say "… torn in each command, before and after: the next desk completes it"
    for when in "84 before" "DC before" "DC after" "D6 before" "D6 after"; do
        category=$([ "$(chip "$c" '.file15[-4:]')" = 0200 ] && echo disabled/0300 || echo elder/0200)
        ctl card category "$(ref "$c")" --category "${category%/*}" --until 2039-08-31 >/dev/null || wrong "card category"
        # shellcheck disable=SC2086
        order fault "$c" tear $when
        on_chip "$c" due due
        is "the fault was met" "$(chip "$c" '.faults|length')" 0
        on_chip "$c" written written
        is "file 0015" "$(chip "$c" '.file15[-4:]')" "${category#*/}"
    done
    say "… and taken away it is gone from the chip"
    ctl card category "$(ref "$c")" --category none >/dev/null || wrong "card category none"
    on_chip "$c" written written
    is "file 0015" "$(chip "$c" '.file15[-4:]')" 0000
    is "its record" "$(chip "$c" "(.capp+.compound)[\"$tag\"][4:24]")" 00000000000000000000
    agree "$c"
done
say "a card under another maintenance key is tried once, and again only for another word"
new alien mohurd mohurd 0000 "" "maintenance=$(key16)"
ctl card category "$(ref alien)" --category student --until 2039-08-31 >/dev/null || wrong "card category"
on_chip alien refused refused
has "why" "$(jq -r .reply.chip_transit.detail <<<"$out")" 6988
sent() { # commands under secure messaging that reached the card
    order status alien | jq '[.apdus[] | select(test(" 04D[6C]| 04E2"))] | length'
}
before=$(sent)
on_chip alien refused refused
is "no second try" "$(sent)" "$before"
say "transit.renew at the desk: ledger and chip in one go"
new holder mohurd mohurd 0100 "--category student --category-until 2039-08-31 --holder 王芳" "maintenance=$KEY_MAINTENANCE"
put A holder
run 0 transit.renew --terminal desk --param what=none
is "before" "$(jq -r .reply.before <<<"$out")" student
is "chip" "$(jq -r .reply.chip_transit.state <<<"$out")" written
is "file 0015" "$(chip holder '.file15[-4:]')" 0000
pull A
ctl ledger verify >/dev/null || wrong "ledger verify"
finish
