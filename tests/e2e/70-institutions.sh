#!/usr/bin/env bash
# A bank, a hospital and a bureau that misbehave in every way there is, over real mutual TLS, and a daemon that is killed at
# each step. At the end the institutions' book and the ledger agree: each hold confirmed or reversed, as its transaction
# ended, and each message there once (R12).
. "$(dirname "$0")/lib.sh"
holdtest=$ONECARD_BUILD/tests/modules/holdtest.so
[ -e "$holdtest" ] || skip "the tests' module is not built"
"$python" -c 'import cryptography' 2>/dev/null || skip "python3-cryptography is not installed"
ONECARD_MODULES=${ONECARD_PREFIX:+$ONECARD_PREFIX/lib/onecard/modules}
[ -d "${ONECARD_MODULES:-/nonexistent}" ] || ONECARD_MODULES=$ONECARD_BUILD/lib/onecard/modules
home=$CITY/institutions
mkdir -p "$home/switch" "$CITY/modules"

# ---- certificates: one authority for both sides
pki() {
    local d=$home/pki
    mkdir -p "$d"
    {
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj "/CN=Test authority" \
            -keyout "$d/ca.key" -out "$d/ca.crt"
        for who in server client; do
            openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$who" -keyout "$d/$who.key" -out "$d/$who.csr"
            printf 'extendedKeyUsage=%sAuth\n' "$who" >"$d/$who.ext"
            [ $who = client ] || printf 'subjectAltName=IP:127.0.0.1\n' >>"$d/$who.ext"
            openssl x509 -req -in "$d/$who.csr" -CA "$d/ca.crt" -CAkey "$d/ca.key" -days 20 -extfile "$d/$who.ext" -out "$d/$who.crt"
        done
    } >"$CITY/log/openssl.log" 2>&1 || city_fail "openssl: $(tail -n 3 "$CITY/log/openssl.log")"
}
port=$("$python" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
routes() {
    local f=$CITY/site/onecardd.yaml who
    ln -sf "$ONECARD_MODULES"/payment.so "$ONECARD_MODULES"/transit.so "$holdtest" "$CITY/modules/"
    sed -i '/^modules:/,$d' "$f"
    grep -q '^paths:' "$f" && sed -i "s#^paths:#paths:\n  modules: $CITY/modules#" "$f" || printf 'paths:\n  modules: %s\n' "$CITY/modules" >>"$f"
    printf 'modules: [payment, transit, holdtest]\nupstreams:\n' >>"$f"
    for who in bank hospital bureau; do
        cat >>"$f" <<Y
  $who:
    url: https://127.0.0.1:$port/$who
    ca: $home/pki/ca.crt
    certificate: $home/pki/client.crt
    key: $home/pki/client.key
    connect: 500ms
    timeout: 900ms
    failures: 50
    open: 100ms
    open_max: 200ms
    attempts: 3
    retry: 50ms
    retry_max: 300ms
Y
    done
}

# ---- the institutions
there() {
    "$python" "$here/institutions.py" serve --port "$port" --pki "$home/pki" --book "$home/book" --switch "$home/switch" \
        --key "$home/site.pem" >>"$CITY/log/institutions.log" 2>&1 9>&- &
    there_pid=$!
    city_pids+=("$there_pid")
    local i
    for i in $(seq 100); do
        (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null && return 0
        sleep 0.05
    done
    city_fail "the institutions did not start: $(tail -n 3 "$CITY/log/institutions.log")"
}
dead() { # they ended by themselves, as ordered
    local i
    for i in $(seq 100); do
        kill -0 "$there_pid" 2>/dev/null || { wait "$there_pid" 2>/dev/null; return 0; }
        sleep 0.05
    done
    wrong "the institutions did not die"
}
behave() { # ROLE "WHAT HOW" …
    local role=$1
    shift
    printf '%s\n' "$@" >"$home/switch/$role.new" && mv "$home/switch/$role.new" "$home/switch/$role"
}
good() {
    rm -f "$home"/switch/*
}
settled() { # everything was acknowledged, within so many seconds
    local i
    for i in $(seq $((${1:-10} * 10))); do
        [ "$(ctl --json outbox list | jq '.items | length')" = 0 ] && return 0
        sleep 0.1
    done
    wrong "not acknowledged after ${1:-10} s: $(ctl outbox list | head -n 5)"
}
hold_is() { # what state
    is "$1" "$(ctl --json hold show "$txn" | jq -r .state)" "$2"
}
book() {
    "$python" "$here/institutions.py" book "$home/book"
}
# The two books. Of holds that the bank never heard of (refused, or not reached) only the ledger knows.
books_agree() {
    settled 15
    book >"$CITY/run/book.json"
    ctl --json hold list --limit 500 >"$CITY/run/holds.json"
    jq -r '.items[] | select(.state == "confirmed" or .state == "reversed") | "\(.to)/\(.txn) \(.state)"' "$CITY/run/holds.json" |
        sort >"$CITY/run/ours"
    jq -r '.holds | to_entries[] | "\(.key) \(.value.state)"' "$CITY/run/book.json" | sort >"$CITY/run/theirs"
    is "$1: holds that the ledger or the institutions alone know" "$(diff "$CITY/run/ours" "$CITY/run/theirs")" ""
    is "$1: holds that ended twice, or in two ways" \
        "$(jq '[.holds[] | select((.was | length) != 1)] | length' "$CITY/run/book.json")" 0
    is "$1: holds that neither stand nor are undone" \
        "$(jq '[.items[] | select(.state | IN("confirmed", "reversed", "refused") | not)] | length' "$CITY/run/holds.json")" 0
    ctl --json txn list --limit 500 | jq -r '.items[] | select(.state == "posted" or .state == "voided") | "\(.txn) \(.state)"' |
        sort >"$CITY/run/ends"
    sed -E 's#^[^/]*/##; s/confirmed$/posted/; s/reversed$/voided/' "$CITY/run/ours" | sort >"$CITY/run/wanted"
    is "$1: holds whose transaction ended otherwise" "$(comm -23 "$CITY/run/wanted" "$CITY/run/ends")" ""
}

# ---- the site
pki
SITE_EDIT=routes
site_start
ctl participant add --id bank --name "Bank 银行" --load-quota 100000.00 >/dev/null || wrong "participant bank"
ctl participant add --id hospital --name "Hospital 医院" >/dev/null || wrong "participant hospital"
ctl participant add --id bureau --name "Bureau 医保局" >/dev/null || wrong "participant bureau"
ctl upstream key >"$home/site.pem" || wrong "upstream key"
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
is "signatures that the institutions found wrong" "$(grep -c 'signature wrong' "$CITY/log/institutions.log")" 0
sed -i "s#ca: $home/pki/ca.crt#ca: $home/pki/client.crt#" "$CITY/site/onecardd.yaml"
daemon_stop
daemon_start
run 1 holdtest.pay --terminal desk --amount 1.00
is "an authority that is not the bank's: nothing was sent" "$reason" upstream_away
hold_is "… its hold" refused
ctl ledger verify >"$CITY/run/verify" 2>&1 || wrong "ledger verify: $(tail -n 3 "$CITY/run/verify")"
finish
