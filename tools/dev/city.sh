# shellcheck shell=bash disable=SC2034
# Helpers shared by tools/demo and tests/e2e: a throw-away city with the real pcscd, two virtual readers and software cards.
# Sourced, not run. Expects ONECARD_BIN (programs); keeps everything under CITY and ends whatever it started.
#   slot A = "Virtual PCD 00 00" (vpcd port 35963), slot B = "Virtual PCD 00 01" (35964)

SLOT_A="Virtual PCD 00 00"
SLOT_B="Virtual PCD 00 01"
city_pids=()
city_pcscd=
# The system's own Python: wrappers around another cost more than an order to a card.
city_python=/usr/bin/python3
[ -x "$city_python" ] || city_python=python3
city_clock=() # what goes before a program that lives in the city's time, such as: env FAKETIME=+7d …

city_log() { # what happens behind the scenes
    printf '%s %s\n' "$(date +%T)" "$*" >>"$CITY/log/city.log"
}

city_fail() {
    printf '%s\n' "$*" >&2
    exit 1
}

# Ends one process by its number and waits for it.
city_end() { # pid
    kill "$1" 2>/dev/null || return 0
    local i
    for i in $(seq 50); do
        kill -0 "$1" 2>/dev/null || break
        sleep 0.1
    done
    kill -9 "$1" 2>/dev/null
    wait "$1" 2>/dev/null
    return 0
}

# One city of this machine at a time: another's cards must not come into our readers. Held until all that was started here
# has ended. ONECARD_PCSC_LOCK names the file; ONECARD_PCSC_HELD is set where whoever began this holds it already.
city_pcsc_lock() {
    [ -z "${ONECARD_PCSC_HELD:-}" ] || return 0
    { exec 9>>"${ONECARD_PCSC_LOCK:-/tmp/onecard-e2e.lock}"; } 2>/dev/null || return 0 # another user's: pcscd is shared as it is
    flock -n 9 || {
        echo "The virtual readers are in use by another city of this machine: waiting until it ends." >&2
        flock -w 900 9 || city_fail "It did not end within 15 minutes. What 'tools/demo --keep' left running holds them too."
    }
    export ONECARD_PCSC_HELD=$$
}

# Starts pcscd in the foreground mode, if none runs; it needs root.
city_pcscd_start() {
    city_pcsc_lock
    if pgrep -x pcscd >/dev/null; then
        city_log "a pcscd runs already: it is used and left running"
        return 0
    fi
    [ "$(id -u)" = 0 ] || city_fail "pcscd does not run, and starting it needs root: run 'sudo pcscd -f' in another terminal"
    mkdir -p /run/pcscd && rm -f /run/pcscd/pcscd.comm /run/pcscd/pcscd.pid
    pcscd -f --info >"$CITY/log/pcscd.log" 2>&1 &
    city_pcscd=$!
    city_pids+=("$city_pcscd")
    local i
    for i in $(seq 50); do
        [ -S /run/pcscd/pcscd.comm ] && return 0
        kill -0 "$city_pcscd" 2>/dev/null || city_fail "pcscd did not start: $(tail -n 3 "$CITY/log/pcscd.log")"
        sleep 0.1
    done
    city_fail "pcscd made no socket within 5 s"
}

# A reader slot that a card can be put into: slot_start A|B
slot_start() {
    local port=35963
    [ "$1" = B ] && port=35964
    "$ONECARD_BIN/cardsim" --port "$port" --absent --control "$CITY/run/slot$1.sock" --log "$CITY/log/slot$1.log" \
        --state "$CITY/cards/none$1.card" "${@:2}" >"$CITY/log/cardsim$1.log" 2>&1 &
    city_pids+=("$!")
    local i
    for i in $(seq 50); do
        [ -S "$CITY/run/slot$1.sock" ] && return 0
        sleep 0.1
    done
    city_fail "the card program for slot $1 did not start: $(tail -n 3 "$CITY/log/cardsim$1.log")"
}

# One order to the card program: slot A 'fault torn-after@54'. Prints its answer.
slot() {
    "$city_python" -SE - "$CITY/run/slot$1.sock" "$2" <<'P'
import socket, sys
s = socket.socket(socket.AF_UNIX)
s.settimeout(10)
s.connect(sys.argv[1])
s.sendall((sys.argv[2] + "\n").encode())
answer = b""
while not answer.endswith(b"\n"):
    more = s.recv(4096)
    if not more:
        break
    answer += more
print(answer.decode().strip())
sys.exit(0 if answer.startswith(b"ok") else 1)
P
}

# Puts a card (its state file's name) into a slot and waits until the daemon sees it.
card_in() { # slot card
    card_out "$1" # a card that is changed faster than pcscd looks is no arrival
    slot "$1" "swap $CITY/cards/$2.card" >/dev/null || city_fail "no card $2"
    slot "$1" insert >/dev/null
    reader_wait "$1" card
}
card_out() { # slot
    slot "$1" remove >/dev/null
    reader_wait "$1" empty
}
reader_name() {
    [ "$1" = A ] && echo "$SLOT_A" || echo "$SLOT_B"
}
reader_wait() { # slot state
    local i state
    for i in $(seq 100); do
        state=$(ctl --json status | jq -r --arg r "$(reader_name "$1")" '.readers[] | select(.name==$r) | .state')
        [ "$state" = "$2" ] && return 0
        sleep 0.1
    done
    city_fail "reader $(reader_name "$1") is '$state', not '$2', after 10 s"
}

# The software card's own view, without asking the switch: card_says A .balance
card_says() {
    slot "$1" status | sed 's/^ok //' | jq -r "$2"
}

ctl() {
    "$ONECARD_BIN/onecardctl" --dir "$CITY/site" "$@"
}

daemon_start() {
    "${city_clock[@]}" "$ONECARD_BIN/onecardd" -c "$CITY/site/onecardd.yaml" >>"$CITY/log/onecardd.log" 2>&1 &
    daemon_pid=$!
    city_pids+=("$daemon_pid")
    local i
    for i in $(seq 150); do
        grep -q "^onecardd: ready" <(tail -n 50 "$CITY/log/onecardd.log") && ctl --json status >/dev/null 2>&1 && return 0
        kill -0 "$daemon_pid" 2>/dev/null || { tail -n 20 "$CITY/log/onecardd.log" >&2; city_fail "onecardd ended at start"; }
        sleep 0.1
    done
    city_fail "onecardd was not ready within 15 s: see $CITY/log/onecardd.log"
}
daemon_stop() {
    city_end "$daemon_pid"
}

# Ends everything this shell started, the last first. Call from a trap.
city_down() {
    local i
    for ((i = ${#city_pids[@]} - 1; i >= 0; i--)); do
        city_end "${city_pids[i]}"
    done
    city_pids=()
}

# A new folder for a city: city_new FOLDER
city_new() {
    CITY=$1
    mkdir -p "$CITY"/{log,run,cards}
    : >"$CITY/log/city.log"
}

# A site with keys and nothing else: site_new [init options]
site_new() {
    ctl init --name "Demo City 示范市" --allow-clear-keys "$@" >"$CITY/log/init.log" 2>&1 ||
        city_fail "onecardctl init failed: $(cat "$CITY/log/init.log")"
}
keys_new() {
    local p
    for p in purchase load tac internal maintenance main external lock unlock pin-unblock; do
        ctl key generate --purpose "$p" --alg 3des --version 1 >>"$CITY/log/city.log" || city_fail "no key $p"
    done
}

# Opens the door for terminals over the network, on a port of this machine that is free now. Before daemon_start.
door_new() {
    CITY_PORT=$("$city_python" -SE -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
    printf 'terminals:\n  listen: ["127.0.0.1:%s"]\n' "$CITY_PORT" >>"$CITY/site/onecardd.yaml"
}

# A remote terminal: its own folder, key, certificate and agent. remote_new ID desk|gate SLOT
remote_new() {
    local id=$1 mode=$2 slot=$3 home=$CITY/$1 token
    mkdir -p "$home"
    cat >"$home/onecard-terminal.yaml" <<Y
switch:
  addresses: ["127.0.0.1:$CITY_PORT"]
readers:
  - number: 1
    match: "$(reader_name "$slot")"
    mode: $mode
Y
    token=$(ctl terminal enroll "$id" 2>>"$CITY/log/city.log") || city_fail "no token for $id"
    "$ONECARD_BIN/onecard-terminal" enroll -c "$home/onecard-terminal.yaml" --token-file - <<<"$token" >>"$CITY/log/$id.log" 2>&1 ||
        city_fail "enrolling $id failed: $(tail -n 3 "$CITY/log/$id.log")"
    remote_start "$id"
}
remote_start() { # id
    "$ONECARD_BIN/onecard-terminal" -c "$CITY/$1/onecard-terminal.yaml" >>"$CITY/log/$1.log" 2>&1 &
    remote_pid=$!
    city_pids+=("$remote_pid")
    local i
    for i in $(seq 100); do
        ctl --json terminal show "$1" | jq -e .session.terminal >/dev/null 2>&1 && return 0
        kill -0 "$remote_pid" 2>/dev/null || city_fail "the agent of $1 ended: $(tail -n 5 "$CITY/log/$1.log")"
        sleep 0.1
    done
    city_fail "terminal $1 was not connected within 10 s: see $CITY/log/$1.log"
}
