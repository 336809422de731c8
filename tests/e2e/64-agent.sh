#!/usr/bin/env bash
# The terminal agent with the real pcscd, TLS to a real daemon: it enrols, sells at a desk and at a gate, and whichever side is killed
# in the middle, chip and ledger agree to the fen.
. "$(dirname "$0")/lib.sh"
. "$here/agent.sh"
agents_site

say "enrolment"
is "an agent that never enrolled" "$("$ONECARD_BIN/onecard-terminal" -c "$CITY/pc1/terminal.yaml" 2>&1 | grep -c 'never enrolled')" 1
has "enrolled" "$(agent_enroll pc1 2>&1)" 'enrolled: terminal pc1'
has "the same token again" "$("$ONECARD_BIN/onecard-terminal" enroll --again -c "$CITY/pc1/terminal.yaml" --token-file "$CITY/pc1/token" 2>&1)" 'refused'
token=$(cat "$CITY/pc1/token")
has "another authority" "$("$ONECARD_BIN/onecard-terminal" enroll --again -c "$CITY/pc1/terminal.yaml" --token "${token%.*}.$(printf '0%.0s' {1..32})" 2>&1)" 'authority'
is "key and certificate are nobody else's" "$(stat -c %a "$CITY/pc1/state" "$CITY/pc1/state/identity.pem" | tr '\n' ' ')" "700 600 "
has "enrolled" "$(agent_enroll bus7 2>&1)" 'enrolled: terminal bus7'
agent_up pc1
agent_up bus7

say "a desk: sale, balance, load; the same ref is the same sale"
put A one
ask pc1 '{"service":"payment.purchase","amount":"3.00","ref":"r1"}'
is "sale" "$outcome" posted
is "its balance" "$(jq -r .result.balance <<<"$out")" 47.00
ask pc1 '{"service":"payment.purchase","amount":"3.00","ref":"r1"}'
is "the same ref" "$(jq -r .result.balance <<<"$out")" 47.00
ask pc1 '{"service":"payment.balance"}'
is "balance" "$outcome/$(jq -r .result.balance <<<"$out")" posted/47.00
ask pc1 '{"service":"payment.load","amount":"10.00"}'
is "load" "$outcome/$(jq -r .result.balance <<<"$out")" posted/57.00
ask pc1 '{"service":"payment.purchase","amount":"300.00"}'
is "too much" "$outcome/$reason" refused/insufficient_balance
agree one

say "a gate: one arrival, one fare"
n=$(newest bus7)
put B two
newer bus7 "$n"
is "a tap" "$outcome/$(jq -r .result.balance <<<"$out")" posted/48.00
sleep 1
is "it lies there" "$(newest bus7)" "$(jq -r .number <<<"$out")"
n=$(newest bus7)
put B two
newer bus7 "$n"
is "another tap" "$outcome/$(jq -r .result.balance <<<"$out")" posted/46.00
agree two

say "a shift"
is "signed on" "$(at pc1 signon -d '{"person":"wang"}' | jq -r .person)" wang
ask pc1 '{"service":"payment.purchase","amount":"1.00"}'
is "sale" "$outcome" posted
is "signed off" "$(at pc1 signoff -X POST | jq -c '[.agrees, .ours[0].count, .ours[0].amount_fen]')" '[true,1,100]'

say "the card is torn out at the debit, and put back"
put A one
order fault one tear 54 after >/dev/null || wrong "no fault"
n=$(at pc1 requests -d '{"service":"payment.purchase","amount":"2.00","ref":"torn"}' | jq -r .number)
for i in $(seq 50); do
    phase=$(at pc1 "requests/$n" | jq -r '.phase // .state')
    [ "$phase" = wait_return ] && break
    sleep 0.1
done
is "the clerk is told" "$phase" wait_return
put A one
ask pc1 '{"service":"payment.purchase","amount":"2.00","ref":"torn"}'
is "the torn sale" "$outcome" posted
is "once" "$(chip one .balance)" 5400
ask pc1 '{"service":"payment.balance"}'
agree one

say "torn out at a gate, and put back: no second fare"
n=$(newest bus7)
order remove B >/dev/null
sleep 0.4
order fault two tear 54 after >/dev/null || wrong "no fault"
order insert B two >/dev/null
for i in $(seq 50); do
    phase=$(at bus7 requests | jq -r '[.requests[] | select(.number > '"$n"')][0] | .phase // .state')
    [ "$phase" = wait_return ] && break
    sleep 0.1
done
is "the rider is told" "$phase" wait_return
put B two
newer bus7 "$n"
is "the torn ride" "$outcome" posted
is "one fare" "$(chip two .balance)" 4400
agree two

say "the agent is killed in the middle of a sale"
for delay in 0.05 0.15 0.3; do
    order set one delay=40 >/dev/null 2>&1
    put A one
    at pc1 requests -d '{"service":"payment.purchase","amount":"1.00","ref":"kill-'$delay'"}' >/dev/null &
    poster=$!
    sleep "$delay"
    agent_kill9 pc1
    wait "$poster" 2>/dev/null
    agent_up pc1
    put A one
    ask pc1 '{"service":"payment.balance"}'
    is "after the kill at $delay" "$outcome" posted
    is "nothing is open" "$(at pc1 status | jq -c '[.open]')" '[0]'
    agree one
done

say "the switch is killed in the middle of a sale"
for delay in 0.1 0.2; do
    put A one
    at pc1 requests -d '{"service":"payment.purchase","amount":"1.00","ref":"dkill-'$delay'"}' >/dev/null &
    poster=$!
    sleep "$delay"
    daemon_kill9
    wait "$poster" 2>/dev/null
    daemon_start
    settled pc1
    is "the request was asked again" "$(at pc1 status | jq -r '.link.state + (.open|tostring)')" up0
    ask pc1 '{"service":"payment.balance"}'
    is "after the kill at $delay" "$outcome" posted
    agree one
done

say "pcscd goes away and comes back"
if [ -n "$city_pcscd" ]; then
    kill -9 "$city_pcscd"
    { wait "$city_pcscd"; } 2>/dev/null
    sleep 1
    is "no reader" "$(at pc1 status | jq -r '.readers[0].present')" false
    city_pcscd_start
    for i in $(seq 200); do
        [ "$(at pc1 status | jq -r '.readers[0].card != null')" = true ] && break
        sleep 0.1
    done
    ask pc1 '{"service":"payment.purchase","amount":"1.00"}'
    is "a sale after it came back" "$outcome" posted
    agree one
fi

say "revoked: cut at once, and it says so"
ctl terminal revoke pc1 >/dev/null
is "revoke" $? 0
sleep 1
has "the agent's state" "$(at pc1 status | jq -r '.link.state + " " + .link.why')" '(down|connecting) .*revoked'
is "a sale now" "$(at pc1 requests -d '{"service":"payment.balance"}' | jq -r .error.code)" no_link

say "a city with an authority of its own: its certificates, pinned by the ledger"
agent_kill9 pc1
authority_new "$CITY/ca" "the city's authority"
authority_new "$CITY/foreign-ca" "the city's authority"
ctl terminal authority >"$CITY/site-authority.pem" || wrong "no authority of the site"
daemon_kill9
printf '  authority: "%s"\n' "$CITY/ca/ca.pem" >>"$CITY/site/onecardd.yaml"
daemon_start
ctl terminal add --id city1 --kind desk --participant cardco --sam 100000000033 --services '*' >/dev/null || wrong "terminal add city1"
agent_file city1 "$SLOT_A" desk
for file in first second; do certificate_new "$CITY/ca" city1 "$CITY/city1/$file"; done
certificate_new "$CITY/ca" bus7 "$CITY/city1/named-bus7"
certificate_new "$CITY/foreign-ca" city1 "$CITY/city1/foreign"
agent_identity city1 "$CITY/city1/foreign"
has "enrolling with a foreign certificate" "$(agent_enroll city1 2>&1)" 'unknown.ca|unknown authority|refused|no answer'
agent_identity city1 "$CITY/city1/named-bus7"
has "enrolling with another terminal's name" "$(agent_enroll city1 2>&1)" 'refused'
agent_identity city1 "$CITY/city1/first"
has "enrolling" "$(agent_enroll city1 2>&1)" 'enrolled: terminal city1'
is "no key of ours was made" "$(test -e "$CITY/city1/state/identity.pem"; echo $?)" 1
agent_up city1
put A one
ask city1 '{"service":"payment.purchase","amount":"1.00"}'
is "a sale" "$outcome" posted
agree one
agent_kill9 city1
agent_identity city1 "$CITY/city1/foreign"
agent_refused city1
has "another authority of the same name" "$why" 'unknown.ca|unknown authority'
agent_identity city1 "$CITY/city1/second"
agent_refused city1
has "a key that is not pinned" "$why" 'wrong_certificate'
agent_identity city1 "$CITY/city1/named-bus7"
agent_refused city1
has "another terminal's name" "$why" 'wrong_certificate'
agent_identity city1 "$CITY/city1/first"
agent_up city1
is "the pinned one again" "$(at city1 status | jq -r .link.state)" up
has "counted" "$(curl -sS --unix-socket "$CITY/site/run/onecardd.sock" http://x/metrics)" 'onecard_terminal_refused_total.*why="(unknown|wrong_certificate)'

reconcile one
reconcile two
is "the books" "$(ctl ledger verify >/dev/null; echo $?)" 0
finish
