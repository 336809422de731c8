#!/usr/bin/env bash
# Agent or switch killed at any instant of a tap at a gate: the next tap finishes or begins a ride, chip and ledger agree to the fen.
# ONECARD_KILLS says how many (for long runs).
. "$(dirname "$0")/lib.sh"
. "$here/agent.sh"
agents_site
has "enrolled" "$(agent_enroll bus7 2>&1)" 'enrolled: terminal bus7'
agent_up bus7

order set two delay=25
for round in $(seq "${ONECARD_KILLS:-6}"); do
    delay=0.$(printf '%03d' $((RANDOM % 350)))
    put B two 0
    sleep "$delay"
    if [ $((round % 3)) = 0 ]; then
        daemon_kill9
        daemon_start
    else
        agent_kill9 bus7
        agent_up bus7
    fi
    settled bus7
    sleep 1
    settled bus7
    n=$(newest bus7)
    first=$(at bus7 requests | jq -c '[.requests[]][0] | [.number, .state, .result.outcome, .result.reason]')
    put B two
    newer bus7 "$n"
    say "kill $round at $delay: $first, then $(jq -c '[.number, .result.outcome, .result.reason, (.result.settled|length)]' <<<"$out")"
    is "the next tap" "$outcome" posted
    is "nothing open or in doubt after the kill at $delay" "$(at bus7 status | jq -c '[.open, .in_doubt]')" '[0,0]'
    agree two
done
reconcile two
is "the books" "$(ctl ledger verify >/dev/null; echo $?)" 0
finish
