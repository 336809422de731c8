# shellcheck shell=bash disable=SC2034,SC2154
# For the tests of the terminal agent (NN-*.sh, after lib.sh): a site whose readers are all behind two agents, pc1 (a desk, reader A) and
# bus7 (a gate, reader B), and what the clerk's software there would ask them.
[ -x "$ONECARD_BIN/onecard-terminal" ] || skip "no onecard-terminal"

port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
with_terminals() {
    printf 'readers: {pcsc: false}\nterminals:\n  listen: ["127.0.0.1:%d"]\n  heartbeat: 1s\n' "$port" >>"$CITY/site/onecardd.yaml"
}
agent_file() { # name reader mode
    mkdir -p "$CITY/$1"
    cat >"$CITY/$1/terminal.yaml" <<Y
switch: {addresses: ["127.0.0.1:$port"], retry_min: 100ms, retry_max: 500ms}
local: {socket: local.sock}
readers:
  - {number: 1, match: "$2", mode: $3}
Y
}
agent_enroll() { # name
    ctl terminal enroll "$1" | head -n 1 | cut -d' ' -f1 >"$CITY/$1/token"
    "$ONECARD_BIN/onecard-terminal" enroll -c "$CITY/$1/terminal.yaml" --token-file "$CITY/$1/token"
}
agent_up() { # name
    "$ONECARD_BIN/onecard-terminal" -c "$CITY/$1/terminal.yaml" >>"$CITY/log/$1.log" 2>&1 9>&- &
    city_pids+=("$!")
    eval "pid_$1=$!"
    local i
    for i in $(seq 100); do
        [ "$(at "$1" status | jq -r .link.state)" = up ] && [ "$(at "$1" status | jq -r '.readers[0].present')" = true ] && return 0
        sleep 0.1
    done
    tail -n 5 "$CITY/log/$1.log"
    city_fail "agent $1 is not up: $(at "$1" status)"
}
agent_kill9() { # name
    local pid=pid_$1
    kill -9 "${!pid}"
    wait "${!pid}" 2>/dev/null
}
at() { # name path curl-arguments
    curl -sS --unix-socket "$CITY/$1/local.sock" "http://agent/v1/${2}" "${@:3}" 2>/dev/null
}
ask() { # name json: waits for the answer
    local n
    n=$(at "$1" requests -d "$2" | jq -r '.number // .error.message')
    out=$(at "$1" "requests/$n?wait=30")
    outcome=$(jq -r '.result.outcome' <<<"$out")
    reason=$(jq -r '.result.reason' <<<"$out")
}
# The daemon has no readers here: put() of lib.sh would wait in vain.
put() { # slot card [pause]
    order remove "$1" >/dev/null
    sleep 0.4
    order insert "$1" "$2" >/dev/null
    sleep "${3:-0.4}"
}
# The last answered request of an agent once there is a newer one than N.
newer() { # name number
    local i
    for i in $(seq 100); do
        out=$(at "$1" requests | jq -c '[.requests[] | select(.number > '"$2"' and .state != "open")] | max_by(.number) // empty')
        [ -n "$out" ] && break
        sleep 0.1
    done
    outcome=$(jq -r '.result.outcome' <<<"$out")
    reason=$(jq -r '.result.reason' <<<"$out")
}
newest() {
    at "$1" requests | jq -r '[.requests[].number] | max // 0'
}
# Until an agent has its link back and every request its answer.
settled() { # name
    local i
    for i in $(seq 150); do
        [ "$(at "$1" status | jq -r '.link.state + (.open|tostring)')" = up0 ] && return 0
        sleep 0.1
    done
}
# An authority of somebody's own, by openssl: authority_new FOLDER NAME
authority_new() {
    mkdir -p "$1"
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$1/ca.key" -out "$1/ca.pem" -days 3650 \
        -subj "/CN=$2" -addext keyUsage=critical,keyCertSign,cRLSign 2>>"$CITY/log/openssl.log" || city_fail "no authority $1"
}
# A key and its certificate for a terminal: certificate_new FOLDER NAME FILE
certificate_new() {
    openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$3.key" -out "$3.csr" -subj "/CN=$2" \
        2>>"$CITY/log/openssl.log" || city_fail "no key $3"
    openssl x509 -req -in "$3.csr" -CA "$1/ca.pem" -CAkey "$1/ca.key" -CAcreateserial -days 365 -out "$3.pem" \
        -extfile <(printf 'basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\nextendedKeyUsage=clientAuth\n') \
        2>>"$CITY/log/openssl.log" || city_fail "no certificate $3"
    chmod 600 "$3.key"
}
agent_identity() { # name file: shows that certificate from now on
    sed -i '/^identity:/d' "$CITY/$1/terminal.yaml"
    printf 'identity: {certificate: "%s.pem", key: "%s.key", authority: "%s"}\n' "$2" "$2" "$CITY/site-authority.pem" >>"$CITY/$1/terminal.yaml"
}
# What an agent says about its link once it has tried: agent_refused NAME
agent_refused() {
    local i
    "$ONECARD_BIN/onecard-terminal" -c "$CITY/$1/terminal.yaml" >>"$CITY/log/$1.log" 2>&1 9>&- &
    local pid=$!
    for i in $(seq 100); do
        why=$(at "$1" status | jq -r '.link.state + " " + .link.why')
        grep -qE '^(down|connecting) .' <<<"$why" && break
        sleep 0.1
    done
    kill -9 "$pid"
    wait "$pid" 2>/dev/null
}
# The site, two terminals over the network, and a card for each: agents_site
agents_site() {
    SITE_EDIT=with_terminals
    site_start
    ctl terminal add --id pc1 --kind desk --participant cardco --sam 100000000031 --services '*' >/dev/null || city_fail "terminal add pc1"
    ctl terminal add --id bus7 --kind bus --participant bus --sam 100000000032 --services transit.ride --gate transit.ride \
        --param fare=2.00 --param same_card_seconds=0 --param retap=3 >/dev/null || city_fail "terminal add bus7"
    card_new one 00000000000000000801 balance=5000
    card_new two 00000000000000000802 balance=5000
    for n in 801 802; do
        ctl card register --serial 00000000000000000$n --issuer "$ISSUER" --profile pboc-ep --opening 50.00 >/dev/null || wrong register
    done
    agent_file pc1 "$SLOT_A" desk
    agent_file bus7 "$SLOT_B" gate
}
