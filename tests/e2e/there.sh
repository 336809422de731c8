# shellcheck shell=bash disable=SC2034,SC2154
# The institutions' program (institutions.py) in a test: its certificates, start, orders to misbehave, and the comparison of
# its book with the ledger. Sourced after lib.sh.
"$python" -c 'import cryptography' 2>/dev/null || skip "python3-cryptography is not installed"
home=$CITY/institutions
mkdir -p "$home/switch"
port=$("$python" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')

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
# A route of the configuration to each of these: route NAME …
route() {
    local who
    for who; do
        cat <<Y
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
site_known() { # what they know the site by, of the running daemon
    ctl upstream key >"$home/site.pem" 2>/dev/null || wrong "upstream key"
    site_name=$(ctl --json upstream key | jq -r .name)
}
there() {
    "$python" "$here/institutions.py" serve --port "$port" --pki "$home/pki" --book "$home/book" --switch "$home/switch" \
        --key "$home/site.pem" --site "$site_name" >>"$CITY/log/institutions.log" 2>&1 9>&- &
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
