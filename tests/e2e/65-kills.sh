#!/usr/bin/env bash
# Agent or switch killed at any instant of a sale at a desk: the request has its answer, chip and ledger agree to the fen.
# ONECARD_KILLS says how many (for long runs).
. "$(dirname "$0")/lib.sh"
. "$here/agent.sh"
agents_site
has "enrolled" "$(agent_enroll pc1 2>&1)" 'enrolled: terminal pc1'
agent_up pc1

order set one delay=25
for round in $(seq "${ONECARD_KILLS:-9}"); do
    delay=0.$(printf '%03d' $((RANDOM % 260)))
    put A one
    at pc1 requests -d '{"service":"payment.purchase","amount":"1.00","ref":"k-'"$round"'"}' >/dev/null &
    poster=$!
    sleep "$delay"
    if [ $((round % 3)) = 0 ]; then
        daemon_kill9
        daemon_start
    else
        agent_kill9 pc1
        agent_up pc1
    fi
    wait "$poster" 2>/dev/null
    settled pc1
    put A one
    ask pc1 '{"service":"payment.balance"}'
    for i in $(seq 20); do [ "$(at pc1 status | jq -r .in_doubt)" = 0 ] && break; sleep 0.1; done
    say "kill $round at $delay: $(at pc1 requests | jq -c '[.requests[] | select(.ref=="k-'"$round"'")][0] | [.state, .result.outcome, .result.reason, .result.settled_later]')"
    is "balance after the kill at $delay" "$outcome" posted
    is "nothing open or in doubt after the kill at $delay" "$(at pc1 status | jq -c '[.open, .in_doubt]')" '[0,0]'
    agree one
done
reconcile one
is "the books" "$(ctl ledger verify >/dev/null; echo $?)" 0
finish
