#!/usr/bin/env bash
# Readers go and come back: pcscd is killed and started again; a mute card does not block its neighbour.
. "$(dirname "$0")/lib.sh"
site_start
card_new one 00000000000000000701 balance=5000
card_new two 00000000000000000702 balance=5000
card_new dumb 00000000000000000703 mute=apdu
for n in 701 702; do
    ctl card register --serial 00000000000000000$n --issuer "$ISSUER" --profile pboc-ep --opening 50.00 >/dev/null || wrong register
done

say "a card that powers up and never answers, in slot A; slot B goes on"
order insert A dumb
sleep 1
put B two
start=$(date +%s%N)
run 0 payment.purchase --terminal till --amount 1.00
took=$((($(date +%s%N) - start) / 1000000))
[ "$took" -lt 3000 ] || wrong "a purchase beside a mute card took $took ms"
(ctl --json txn run payment.purchase --terminal desk --amount 1.00 --wait 3 >"$CITY/run/dumb" 2>&1) &
dumb=$!
run 0 payment.purchase --terminal till --amount 1.00
run 0 payment.balance --terminal till
for i in $(seq 400); do kill -0 $dumb 2>/dev/null || break; sleep 0.1; done
kill -0 $dumb 2>/dev/null && { wrong "a request to the mute card does not end within 40 s"; kill $dumb; }
wait $dumb
is "the request to the mute card" $? 1
is "… its reason" "$(grep '^{' "$CITY/run/dumb" | jq -r .reason)" card_mute
agree two
order remove A
reader_wait A empty
put A one
run 0 payment.purchase --terminal desk --amount 1.00
agree one

say "pcscd goes away and comes back"
[ -n "$city_pcscd" ] || { echo "pcscd was not started here: not killed"; finish; }
kill -9 "$city_pcscd"
{ wait "$city_pcscd"; } 2>/dev/null
sleep 1
out=$(timeout 20 "$ONECARD_BIN/onecardctl" --dir "$CITY/site" --json txn run payment.purchase --terminal desk --amount 1.00 --wait 1 2>&1)
is "without pcscd ($out)" $? 1
ctl status >/dev/null
is "the daemon lives" $? 0
city_pcscd_start
for i in $(seq 200); do
    [ "$(ctl --json status | jq -r '[.readers[] | select(.state=="card")] | length')" = 2 ] && break
    sleep 0.1
done
is "readers with a card again" "$(ctl --json status | jq -r '[.readers[] | select(.state=="card")] | length')" 2
run 0 payment.purchase --terminal desk --amount 1.00
run 0 payment.purchase --terminal till --amount 1.00
agree one
agree two

say "a card with a mute ATR in slot A"
order remove A
reader_wait A empty
order set dumb mute=1
order insert A dumb
sleep 2
start=$(date +%s%N)
run 0 payment.purchase --terminal till --amount 1.00
took=$((($(date +%s%N) - start) / 1000000))
[ "$took" -lt 3000 ] || wrong "a purchase beside a dead card took $took ms"
order remove A
agree two
reconcile one
reconcile two
finish
