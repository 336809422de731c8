#!/usr/bin/env bash
# A MOHURD city card rides by CAPP: its MAC1 carries the 9-byte security code; one arrival is one charge (R8), a card left
# on the gate is one arrival; the journey record with its CRC lies on the chip.
. "$(dirname "$0")/lib.sh"
site_start

ctl terminal add --id bus1 --kind bus --participant bus --sam 100000000012 --reader "$SLOT_B" --services transit.ride \
    --gate transit.ride --param fare=2.00 --param line=12 --param same_card_seconds=0 >/dev/null || city_fail "terminal add bus1"
ctl terminal add --id till --kind pos --participant shop --sam 100000000002 --reader "$SLOT_A" --services 'payment.*' >/dev/null ||
    wrong "a terminal moves to another reader"

rides() { # card: the chip's CAPP debits so far
    chip "$1" '[.history[] | select(.type==9)] | length'
}
# Waits until the chip has been charged n times: ridden CARD N
ridden() {
    local i
    for i in $(seq 60); do
        [ "$(rides "$1")" -ge "$2" ] && break
        sleep 0.1
    done
    sleep 0.4 # the outcome's commit, and time for a charge too many
    is "$1: rides" "$(rides "$1")" "$2"
}
crc16() { # CRC-16/CCITT-FALSE of hex, as the profile says
    python3 -c '
import sys
c = 0xFFFF
for b in bytes.fromhex(sys.argv[1]):
    c ^= b << 8
    for _ in range(8):
        c = (c << 1 ^ 0x1021) & 0xFFFF if c & 0x8000 else c << 1
print("%04X" % c)' "$1"
}

say "a card of code 8588D32B76… rides"
card_new yang 00000000000000000201 kind=mohurd balance=1000
ctl card register --serial 00000000000000000201 --issuer "$ISSUER" --profile mohurd --opening 10.00 >/dev/null || wrong "register"
put B yang
ridden yang 1
agree yang
sleep 3
is "a card left on the gate for 3 s" "$(rides yang)" 1
record=$(chip yang '.capp["02"]')
is "journey record: tag and length" "${record:0:4}" 022E
is "journey record: CRC" "${record:92:4}" "$(crc16 "${record:0:92}")"
pull B
put B yang
ridden yang 2
pull B
agree yang
is "fares" "$(chip yang .balance)" 600

say "the same card buys at a desk (code in MAC1 of purchases too) and is loaded"
put A yang
run 0 payment.purchase --terminal till --amount 1.50
run 0 payment.load --terminal desk --amount 20.00
is "chip" "$(chip yang .balance)" 2450
agree yang
pull A

say "another code, T=0, wrong-MAC status 6982, no internal key"
card_new jing 00000000000000000202 kind=mohurd balance=1000 code=A1B2C3D4E5F6071829 protocol=t0 badmac=6982 internal=
ctl card register --serial 00000000000000000202 --issuer "$ISSUER" --profile mohurd --opening 10.00 >/dev/null || wrong "register"
put B jing
ridden jing 1
agree jing
pull B

say "not enough for a ride: the gate refuses, nothing moves"
card_new poor 00000000000000000203 kind=mohurd balance=199
ctl card register --serial 00000000000000000203 --issuer "$ISSUER" --profile mohurd --opening 1.99 >/dev/null || wrong "register"
put B poor
sleep 2
is "rides" "$(rides poor)" 0
is "recorded" "$(ctl --json txn list --terminal bus1 | jq -r '.items[0] | .state + " " + .reason')" "refused insufficient_balance"
agree poor
pull B

say "the gate again within its interval"
ctl terminal add --id bus1 --kind bus --participant bus --sam 100000000012 --reader "$SLOT_B" --services transit.ride \
    --gate transit.ride --param fare=2.00 --param same_card_seconds=60 >/dev/null || wrong "terminal changed"
put B yang
ridden yang 3
pull B
put B yang
sleep 2
is "rides" "$(rides yang)" 3
is "recorded" "$(ctl --json txn list --terminal bus1 | jq -r '.items[0] | .state + " " + .reason')" "refused same_card_again"
pull B

say "torn in the debit at the gate, back at once: one fare"
ctl terminal add --id bus1 --kind bus --participant bus --sam 100000000012 --reader "$SLOT_B" --services transit.ride \
    --gate transit.ride --param fare=2.00 --param same_card_seconds=0 >/dev/null || wrong "terminal changed"
for when in before after; do
    n=$(rides jing)
    order fault jing tear 54 $when
    order remove B; gone B
    order insert B jing
    sleep 1.5
    put B jing
    sleep 1.5
    for i in $(seq 50); do
        [ "$(ctl --json card show "$ISSUER-00000000000000000202" | jq -r '.open_txn')" = null ] && break
        sleep 0.1
    done
    is "rides after a tear $when" "$(rides jing)" $((n + 1))
    agree jing
    pull B
done

say "torn, and back only when the gate has given up waiting: that ride is finished, no second fare (R8)"
ctl terminal add --id bus1 --kind bus --participant bus --sam 100000000012 --reader "$SLOT_B" --services transit.ride \
    --gate transit.ride --param fare=2.00 --param same_card_seconds=0 --param retap=1 >/dev/null || wrong "terminal changed"
card_new late 00000000000000000204 kind=mohurd balance=1000
ctl card register --serial 00000000000000000204 --issuer "$ISSUER" --profile mohurd --opening 10.00 >/dev/null || wrong "register"
order fault late tear 54 after
order insert B late
sleep 4
is "the doubt is open" "$(ctl --json doubt list | jq '.items | length')" 1
put B late
for i in $(seq 50); do
    [ "$(ctl --json doubt list | jq '.items | length')" = 0 ] && break
    sleep 0.1
done
sleep 1
is "rides" "$(rides late)" 1
agree late
pull B
put B late
ridden late 2
pull B
agree late
reconcile late
reconcile yang
reconcile jing
ctl ledger verify >/dev/null || wrong "ledger verify"
finish
