#!/usr/bin/env bash
# A T-Union card: its own AID, card number of 19 digits, balance by P1 03 (and 02 below zero), journeys in file 1E of 48
# bytes, application flag 02, no security code.
. "$(dirname "$0")/lib.sh"
site_start
ISSUER=0101100041000000

ctl terminal add --id gate1 --kind metro --participant bus --sam 100000000021 --reader "$SLOT_B" --services transit.ride \
    --gate transit.ride --param fare=3.00 --param line=2 --param station=7 >/dev/null || city_fail "terminal add gate1"
card_new tu 03104100010170000001 kind=tunion balance=1000 postlog=1
ctl card register --serial 03104100010170000001 --issuer "$ISSUER" --profile tunion --opening 10.00 >/dev/null || wrong "register"
is "its number: 19 digits" "$(ctl --json card show "$ISSUER-03104100010170000001" | jq -r .number)" 3104100010170000001

say "a ride"
put B tu
for i in $(seq 60); do [ "$(chip tu .balance)" != 1000 ] && break; sleep 0.1; done
sleep 0.5
is "fare" "$(chip tu .balance)" 700
agree tu
pull B
journey=$(chip tu '.journeys[0]')
is "journey record: 48 bytes" "${#journey}" 96
is "journey record: amount" "${journey:34:8}" "$(printf '%08X' 300)"
is "journey record: balance after" "${journey:42:8}" "$(printf '%08X' 700)"
day=$(ctl --json status | jq -r .open_day)
is "journey record: the day" "${journey:50:8}" "${day//-/}"

say "found by its number, loaded and debited"
is "by number" "$(ctl --json card show 3104100010170000001 | jq -r .serial)" 03104100010170000001
put A tu
run 0 payment.load --terminal desk --amount 50.00
run 0 payment.purchase --terminal desk --amount 7.77
run 0 payment.balance --terminal desk
is "balance" "$(jq .balance_fen <<<"$out")" 4923
agree tu
reconcile tu
pull A

say "an anonymous EC application, or a card of no profile: refused, recorded"
order new alien "serial=00000000000000000999" kind=pboc
order set alien "kind=tunion" flag=00
card_new off 03104100010170000002 kind=tunion flag=00
ctl card register --serial 03104100010170000002 --issuer "$ISSUER" --profile tunion >/dev/null || wrong "register"
put A off
refuse app_not_enabled payment.load --terminal desk --amount 5.00
pull A
ctl ledger verify >/dev/null || wrong "ledger verify"
finish
