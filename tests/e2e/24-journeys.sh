#!/usr/bin/env bash
# Journeys between stations (R14, R17): fare tables of the site, entry and exit with the record on the chip, next month's
# fares by a reload, transfer shared by two operators, the station desk, a refund, and two tables compared over the rides.
. "$(dirname "$0")/lib.sh"
fares() {
    mkdir -p "$CITY/site/fares"
    cp "$ONECARD_ROOT"/conf/fares/*-2026.yaml "$CITY/site/fares/"
    "$python" - "$CITY/site/onecardd.yaml" <<'P'
import re, sys
text = open(sys.argv[1]).read()
open(sys.argv[1], "w").write(re.sub(r"(?m)^modules:.*\n([ #].*\n|\n)*", "", text))
P
    cat >>"$CITY/site/onecardd.yaml" <<'Y'
modules:
  payment:
  transit:
    fares: fares
    table: metro
Y
}
SITE_EDIT=fares
site_start
for p in metro education civil-affairs veterans; do
    ctl participant add --id $p --name "$p" >/dev/null
done
gate() { # id participant sam params…
    ctl terminal add --id "$1" --kind metro --participant "$2" --sam "$3" --reader "$SLOT_B" --services 'transit.*' "${@:4}" >/dev/null ||
        city_fail "terminal add $1"
}
gate m101 metro 100000000031 --param table=metro --param station=101 --param line=1
gate m104 metro 100000000032 --param table=metro --param station=104 --param line=1
gate m203 metro 100000000033 --param table=metro --param station=203 --param line=2
gate b12 bus 100000000034 --param table=bus --param line=12
reply() { # jq expression of the last run's reply
    jq -r ".reply | $1" <<<"$out"
}
n=300
for kind in pboc mohurd tunion; do
    n=$((n + 1))
    profile=${kind/pboc/pboc-ep}
    card_new "$kind" 00000000000000000$n "kind=$kind" balance=3000
    ctl card register --serial 00000000000000000$n --issuer "$ISSUER" --profile "$profile" --opening 30.00 >/dev/null || wrong "register $kind"
    put B "$kind"
    say "$profile: bus, then metro with 1.00 off, shared by halves"
    run 0 transit.ride --terminal b12
    bus_txn=$txn
    is "a bus" "$(jq -r .amount_fen <<<"$out")" 200
    run 0 transit.entry --terminal m101
    run 0 transit.exit --terminal m203
    metro_txn=$txn
    is "25.5 km: 6.00, 1.00 off" "$(jq -r .amount_fen <<<"$out")" 500
    row=$(ctl --json txn show "$txn")
    is "metro gets the gross" "$(jq '[.legs[]|select(.account=="merchant" and .owner=="metro" and .amount_fen>0)|.amount_fen]|add' <<<"$row")" 600
    is "bus bears half" "$(jq '[.legs[]|select(.account=="merchant" and .owner=="bus")|.amount_fen]|add' <<<"$row")" -50

    say "$profile: in at 101, out at 104 (7.1 km: 3.00)"
    run 0 transit.entry --terminal m101
    is "an entry is free" "$(jq -r .amount_fen <<<"$out")" 0
    run 0 transit.journey --terminal m101
    is "an open journey" "$(reply .journey)" open
    is "the chip knows the station" "$(reply .card_station)" 101
    run 0 transit.gate --terminal m104
    is "fare" "$(jq -r .amount_fen <<<"$out")" 300
    is "chip" "$(chip "$kind" .balance)" 2000
    agree "$kind"

    say "$profile: the desk"
    refuse no_entry transit.correct --terminal m104
    run 0 transit.correct --terminal m101 --param entry=101
    run 0 transit.exit --terminal m104
    is "the exit charges from there" "$(jq -r .amount_fen <<<"$out")" 300
    run 0 transit.pass --terminal b12 --param table=bus --param pass=ten --param pay=cash
    is "its last day is told" "$(reply '.until > 20260101')" true
    agree "$kind"

    say "$profile: refunds: 1.00 of the bus's 2.00 was the metro's discount; the metro's 5.00 come back"
    run 0 transit.refund --terminal b12 --param "txn=$bus_txn"
    is "given back" "$(jq -r .amount_fen <<<"$out")" 100
    refuse duplicate transit.refund --terminal b12 --param "txn=$bus_txn"
    run 0 transit.refund --terminal m104 --param "txn=$metro_txn"
    is "given back" "$(jq -r .amount_fen <<<"$out")" 500
    is "to the pending load" "$(ctl --json card show "$ISSUER-00000000000000000$n" | jq .pending_load_fen)" 600
    pull B
    reconcile "$kind"
done

say "next month's fares are loaded today; a wrong table is refused and the old ones stay"
cp "$ONECARD_ROOT"/conf/fares/metro-2027.yaml "$CITY/site/fares/"
price() { # at
    ctl --json txn run transit.fare --terminal m101 --param from=101 --param to=203 --param "at=$1" | jq .reply.fare_fen
}
is "before the reload next year is this year's" "$(price '2027-01-04 11:00')" 600
kill -HUP "$daemon_pid"
for i in $(seq 50); do
    [ "$(price '2027-01-04 11:00')" = 630 ] && break
    sleep 0.1
done
is "the daemon's price of next year" "$(price '2027-01-04 11:00')" 630
is "the daemon's price of this year" "$(price '2026-12-31 11:00')" 600
sed 's/fare: 7.00/fare: plenty/' "$ONECARD_ROOT/conf/fares/metro-2027.yaml" >"$CITY/site/fares/metro-2027.yaml"
kill -HUP "$daemon_pid"
sleep 0.5
is "a wrong table changes nothing" "$(price '2027-01-04 11:00')" 630
has "it is told with its place" "$(cat "$CITY/log/onecardd.log")" 'metro-2027.yaml:[0-9]+:[0-9]+: "plenty" is no amount'
has "as it is told beforehand" "$(ctl transit check "$CITY/site/fares/metro-2027.yaml" 2>&1)" '"plenty" is no amount'
cp "$ONECARD_ROOT"/conf/fares/metro-2027.yaml "$CITY/site/fares/"
has "tables" "$(ctl transit tables)" 'metro +2027-01-01 +to_come'
is "this year's price" "$(ctl --json transit fare --table metro --from 101 --to 203 --at '2026-12-31 11:00' | jq .fare_fen)" 600
is "next year's" "$(ctl --json transit fare --table metro --from 火车站 --to 机场 --at '2027-01-04 11:00' | jq .fare_fen)" 630

say "two tables over the rides"
day=$(ctl --json status | jq -r .open_day)
out=$(ctl --json transit compare --old metro --new "$CITY/site/fares/metro-2027.yaml" --from "$day" --to "$day")
is "rides compared" "$(jq '.categories[]|select(.key=="all")|.rides' <<<"$out")" 6
is "as posted" "$(jq '.categories[]|select(.key=="all")|.paid_fen == .old_fen' <<<"$out")" true
finish
