#!/usr/bin/env bash
# A bank, a hospital and a bureau that misbehave in every way there is, over real mutual TLS, and a daemon that is killed at
# each step. At the end the institutions' book and the ledger agree: each hold confirmed or reversed, as its transaction
# ended, and each message there once (R12).
. "$(dirname "$0")/lib.sh"
. "$here/there.sh"
. "$here/door.sh"
pki=$home/pki
holdtest=$ONECARD_BUILD/tests/modules/holdtest.so
[ -e "$holdtest" ] || skip "the tests' module is not built"
ONECARD_MODULES=${ONECARD_PREFIX:+$ONECARD_PREFIX/lib/onecard/modules}
[ -d "${ONECARD_MODULES:-/nonexistent}" ] || ONECARD_MODULES=$ONECARD_BUILD/lib/onecard/modules
mkdir -p "$CITY/modules"

routes() {
    local f=$CITY/site/onecardd.yaml
    ln -sf "$ONECARD_MODULES"/payment.so "$ONECARD_MODULES"/transit.so "$holdtest" "$CITY/modules/"
    sed -i '/^modules:/,$d' "$f"
    grep -q '^paths:' "$f" && sed -i "s#^paths:#paths:\n  modules: $CITY/modules#" "$f" || printf 'paths:\n  modules: %s\n' "$CITY/modules" >>"$f"
    printf 'modules: [payment, transit, holdtest]\nupstreams:\n' >>"$f"
    route bank hospital bureau >>"$f"
    door_section "$pki/server.crt" "$pki/server.key" >>"$f"
}

# ---- the site
pki
door_keys bank
SITE_EDIT=routes
site_start
ctl participant add --id bank --name "Bank 银行" --load-quota 100000.00 >/dev/null || wrong "participant bank"
ctl participant add --id hospital --name "Hospital 医院" >/dev/null || wrong "participant hospital"
ctl participant add --id bureau --name "Bureau 医保局" >/dev/null || wrong "participant bureau"
site_known
door_key_known bank
has "the site's key" "$(cat "$home/site.pem")" 'BEGIN PUBLIC KEY'
ctl terminal add --id desk --services '*' >/dev/null || wrong "terminal desk"
card_new c 00000000000000000701 balance=100000
ctl card register --serial 00000000000000000701 --issuer "$ISSUER" --profile pboc-ep --opening 1000.00 >/dev/null || wrong register
put A c
there

say "a good day: hold, credit, confirm; a question; a note"
run 0 holdtest.load --terminal desk --amount 50.00
settled
hold_is "a load's hold" confirmed
run 0 holdtest.buy --terminal desk --amount 3.00 --param to=bureau --param tell=hospital
run 0 holdtest.pay --terminal desk --amount 7.00
run 0 holdtest.note --terminal desk --param to=hospital --param messages=4
run 0 holdtest.ask --terminal desk --param word=hello
is "the question came back" "$(jq -r '.reply.answer.echo.word' <<<"$out")" hello
books_agree "a good day"
is "messages there" "$(jq '.messages | length' "$CITY/run/book.json")" 7
is "breaker" "$(ctl --json upstream list | jq -r '.items[0].breaker')" closed

say "the bank refuses, differs, talks nonsense, is slow, does not answer, answers twice"
behave bank "hold refuse"
run 1 holdtest.load --terminal desk --amount 1.00
is "… refused" "$outcome/$reason" voided/upstream_refused
hold_is "… its hold" refused
for how in wrong garbage slow=2 lose drop status=500 status=403; do
    behave bank "hold $how"
    run 1 holdtest.load --terminal desk --amount 1.00
    is "… $how" "$outcome" voided
    run 1 holdtest.pay --terminal desk --amount 1.00
    is "… $how, accounts" "$outcome" voided
done
good
behave bank "all twice"
run 0 holdtest.load --terminal desk --amount 1.00
run 0 holdtest.load --terminal desk --amount 2.00
good
books_agree "bad answers"
agree c

say "confirm, reverse and messages: lost answers, no answers, refusals that pass"
for how in lose drop slow=2 status=503; do
    behave bank "confirm $how" "reverse $how" "message $how"
    run 0 holdtest.load --terminal desk --amount 1.00
    behave bank "hold lose" "confirm $how" "reverse $how" "message $how"
    run 1 holdtest.pay --terminal desk --amount 1.00
    sleep 0.3
    good
    settled
done
books_agree "lost acknowledgements"

say "a message that is refused dies, alone; the operator sends it again, or drops it"
behave hospital "message status=400"
run 0 holdtest.note --terminal desk --param to=hospital --param messages=2
run 0 holdtest.note --terminal desk --param to=bank
for i in $(seq 100); do
    [ "$(ctl --json outbox list --state dead | jq '.items | length')" = 2 ] && break
    sleep 0.1
done
is "dead" "$(ctl --json outbox list --state dead --to hospital | jq '.items | length')" 2
is "the bank's came through" "$(ctl --json outbox list --to bank | jq '.items | length')" 0
good
out=$(ctl outbox retry --all-dead 2>&1) || wrong "retry: $out"
has "bulk retry" "$out" '2 messages'
settled
behave hospital "message status=400"
run 0 holdtest.note --terminal desk --param to=hospital
for i in $(seq 100); do
    dead_id=$(ctl --json outbox list --state dead | jq -r '.items[0].id // empty')
    [ -n "$dead_id" ] && break
    sleep 0.1
done
ctl outbox drop "$dead_id" >/dev/null 2>&1
is "drop without a reason" $? 2
ctl outbox drop "$dead_id" --why "agreed by telephone" >/dev/null || wrong "drop"
has "the drop is an event" "$(ctl event list --limit 500)" 'message_dropped'
good

say "who fetches sees a confirmation first, and what came of it after it"
fetch() { # $fetched: the paths, in a line
    call bank GET /v1/outbox
    fetched=$(jq -r '[.items[].path] | join(" ")' <<<"$body")
}
behave bank "confirm status=503" "message status=503"
run 0 holdtest.load --terminal desk --amount 1.00
fetch
is "the confirmation alone" "$fetched" confirm
is "… named as the route names it" "$(jq -r '.items[0].message' <<<"$body")" "$(ctl --json outbox list | jq -r '.items[] | select(.kind == "confirm") | .id')"
behave bank "message status=503"
ctl outbox retry "$(jq -r '.items[0].message' <<<"$body")" >/dev/null
for i in $(seq 50); do [ "$(ctl --json hold show "$txn" | jq -r .state)" = confirmed ] && break; sleep 0.1; done
fetch
is "the message after it" "$fetched" message
good
books_agree "fetched"

say "the institutions die between hold and confirm, and before and after the hold"
before=$(book | jq '.messages | length')
for what in "hold die" "hold die-before" "confirm die" "confirm die-before" "message die"; do
    behave bank "$what"
    case $what in
    hold*) run 1 holdtest.load --terminal desk --amount 1.00 ;;
    *) run 0 holdtest.load --terminal desk --amount 1.00 ;;
    esac
    dead
    good
    there
    settled
done
books_agree "deaths"
is "each message there once" "$(($(book | jq '.messages | length') - before))" 3
agree c

say "nobody there: refused, nothing to reverse; messages wait"
city_end "$there_pid"
run 1 holdtest.pay --terminal desk --amount 1.00
is "… why" "$reason" upstream_away
hold_is "… its hold" refused
run 0 holdtest.note --terminal desk --param to=hospital --param messages=3
has "… the route says so" "$(ctl --json upstream list)" '"failures": ?[1-9]'
is "… they wait" "$(ctl --json outbox list --state due | jq '.items | length')" 3
there
books_agree "nobody there"

say "kill -9 of the daemon at each step"
kill_during() { # "SWITCH of bank" SERVICE: the daemon dies while the bank is slow with that step
    behave bank "$1"
    ctl --json txn run "$2" --terminal desk --amount 1.00 --retap 0 >"$CITY/run/killed" 2>&1 9>&- &
    local pid=$!
    sleep "${3:-0.4}"
    daemon_kill9
    wait $pid 2>/dev/null
    good
    : >"$CITY/log/onecardd.log"
    daemon_start
    pull A
    put A c
    run 0 payment.balance --terminal desk
    books_agree "killed at $1 of $2"
    agree c
}
kill_during "hold slow=0.7" holdtest.load
kill_during "hold slow=0.7" holdtest.pay
kill_during "hold slow=0.7" holdtest.buy
kill_during "confirm slow=0.7" holdtest.load
kill_during "confirm slow=0.7" holdtest.pay
kill_during "message slow=0.7" holdtest.buy
for i in $(seq 6); do
    kill_during "hold slow=0.05" holdtest.load "0.$(printf %03d $((RANDOM % 400 + 50)))"
done
for i in $(seq 3); do
    kill_during "hold slow=0.05" holdtest.pay "0.$(printf %03d $((RANDOM % 250 + 20)))"
done

say "a slow bank at work when the daemon is told to stop"
behave bank "hold slow=0.5"
ctl --json txn run holdtest.load --terminal desk --amount 1.00 --retap 0 >"$CITY/run/last" 2>&1 9>&- &
last=$!
sleep 0.3
daemon_stop
wait $last
good
: >"$CITY/log/onecardd.log"
daemon_start
books_agree "stopped"
agree c

say "certificates and signatures"
is "signatures that the institutions found wrong" "$(grep -cE 'signature wrong|for another|not from' "$CITY/log/institutions.log")" 0
sed -i "s#ca: $home/pki/ca.crt#ca: $home/pki/client.crt#" "$CITY/site/onecardd.yaml"
daemon_stop
daemon_start
run 1 holdtest.pay --terminal desk --amount 1.00
is "an authority that is not the bank's: nothing was sent" "$reason" upstream_away
hold_is "… its hold" refused
ctl ledger verify >"$CITY/run/verify" 2>&1 || wrong "ledger verify: $(tail -n 3 "$CITY/run/verify")"
finish
