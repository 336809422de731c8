#!/usr/bin/env bash
# kill -9 of the daemon at random moments of steady purchases, ten times and more. After each restart the site goes on; at
# the end no acknowledged transaction is missing, none is doubled, and the chips agree once their doubts are settled.
. "$(dirname "$0")/lib.sh"
site_start
card_new a 00000000000000000401 balance=100000
card_new b 00000000000000000402 balance=100000 protocol=t0
for n in 401 402; do
    ctl card register --serial 00000000000000000$n --issuer "$ISSUER" --profile pboc-ep --opening 1000.00 >/dev/null || wrong register
done
put A a
put B b
mkdir "$CITY/acks"
# A till that never stops: clerk NAME TERMINAL; every answer goes to acks/NAME.
clerk() {
    local out status
    trap 'exit 0' TERM
    while [ ! -e "$CITY/run/stop" ]; do
        out=$(ctl --json txn run payment.purchase --terminal "$2" --amount 0.01 --wait 2 --retap 0 2>/dev/null)
        status=$?
        [ -z "$out" ] || jq -c --argjson s $status '{txn, outcome, reason, s: $s}' <<<"$out" >>"$CITY/acks/$1" 2>/dev/null
        [ "$status" = 0 ] || sleep 0.1
    done
}
clerk a desk 9>&- &
city_pids+=($!)
clerk_a=$!
clerk b till 9>&- &
city_pids+=($!)
clerk_b=$!
kills=12
for i in $(seq $kills); do
    sleep "0.$(printf %03d $((RANDOM % 900 + 100)))"
    sleep 0.$((RANDOM % 6 + 2))
    daemon_kill9
    : >"$CITY/log/onecardd.log"
    daemon_start
done
sleep 1
touch "$CITY/run/stop"
wait $clerk_a $clerk_b
acked=$(cat "$CITY"/acks/* | jq -c 'select(.s==0)' | wc -l)
say "$kills kills, $acked purchases acknowledged; the others: $(cat "$CITY"/acks/* | jq -r 'select(.s!=0) | .outcome + "/" + .reason' | sort | uniq -c | tr '\n' ' ')"
[ "$acked" -ge 20 ] || wrong "only $acked acknowledged purchases: the loop hardly ran"
cat "$CITY"/acks/* | jq -r 'select(.s==3) | .txn' | sort >"$CITY/run/doubted"

say "doubts end at the next presentation"
pull A; pull B; put A a; put B b
run 0 payment.balance --terminal desk
run 0 payment.balance --terminal till
is "open doubts" "$(ctl --json doubt list | jq '.items | length')" 0

say "acknowledged, chip and ledger"
cat "$CITY"/acks/* | jq -r 'select(.s==0) | .txn' | sort >"$CITY/run/acked"
is "acknowledged twice" "$(uniq -d <"$CITY/run/acked" | wc -l)" 0
for card in a b; do
    after='' key="$ISSUER-$(chip "$card" .serial)"
    agree "$card"
    while :; do
        page=$(ctl --json txn list --card "$key" --state posted --limit 500 ${after:+--after "$after"})
        jq -r '.items[].txn' <<<"$page"
        after=$(jq -r '.next // empty' <<<"$page")
        [ -n "$after" ] || break
    done | sort >"$CITY/run/posted.$card"
    is "card $card: posted once for each debit of the chip" "$(uniq <"$CITY/run/posted.$card" | wc -l)" "$(chip "$card" '.history | length')"
done
is "acknowledged but not posted" "$(sort "$CITY"/run/posted.? | comm -13 - "$CITY/run/acked" | wc -l)" 0
ctl ledger verify >"$CITY/run/verify" 2>&1 || wrong "ledger verify: $(tail -n 3 "$CITY/run/verify")"
finish
