# shellcheck shell=bash disable=SC2034
# Helpers of the end-to-end tests: a throw-away site, the real pcscd, and cards that none of the switch's code knows
# (card.py). Sourced by NN-name.sh. From the environment: ONECARD_ROOT, ONECARD_BUILD, ONECARD_PREFIX, ONECARD_TMP; run by
# hand, all have defaults.
set -uo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
ONECARD_ROOT=${ONECARD_ROOT:-$(cd "$here/../.." && pwd)}
ONECARD_BUILD=${ONECARD_BUILD:-$ONECARD_ROOT/build}
if [ -x "${ONECARD_PREFIX:-/nonexistent}/bin/onecardd" ]; then
    ONECARD_BIN=$ONECARD_PREFIX/bin
else
    ONECARD_BIN=$ONECARD_BUILD/bin
fi
for p in onecardd onecardctl; do
    [ -x "$ONECARD_BIN/$p" ] || { echo "$ONECARD_BIN/$p is not built"; exit 77; }
done
# The system's own Python: wrappers around another cost more than an order to a card.
python=/usr/bin/python3
[ -x "$python" ] || python=python3
made_tmp=
if [ -z "${ONECARD_TMP:-}" ]; then
    ONECARD_TMP=$(mktemp -d "${TMPDIR:-/tmp}/onecard-e2e.XXXXXX")
    made_tmp=yes
fi
# shellcheck source=../../tools/dev/city.sh
. "$ONECARD_ROOT/tools/dev/city.sh"
city_new "$ONECARD_TMP/city"
wrong=0
checks=0
card_host=

# ---- telling

say() {
    printf '== %s\n' "$*"
}
wrong() {
    printf 'WRONG %s\n' "$*"
    wrong=$((wrong + 1))
}
is() { # what got wanted
    checks=$((checks + 1))
    [ "$2" = "$3" ] || wrong "$1: '$2', expected '$3'"
}
has() { # what text pattern
    checks=$((checks + 1))
    grep -qiE -- "$3" <<<"$2" || wrong "$1: nothing like '$3' in: $(head -c 600 <<<"$2")"
}
hasnt() { # what text pattern
    checks=$((checks + 1))
    ! grep -qiE -- "$3" <<<"$2" || wrong "$1: '$3' in: $(head -c 600 <<<"$2")"
}
skip() {
    echo "$*"
    exit 77
}
finish() {
    echo "$checks checks, $wrong wrong"
    [ "$wrong" = 0 ] && [ "$checks" -gt 0 ]
    exit
}
tidy() {
    local status=$?
    [ "$status" = 0 ] || [ "$status" = 77 ] || {
        echo "---- end of the daemon's log"
        tail -n 15 "$CITY/log/onecardd.log" 2>/dev/null
    }
    [ -z "$card_host" ] || order quit >/dev/null 2>&1
    city_down
    if [ -n "$made_tmp" ]; then
        if [ "$status" = 0 ] || [ "$status" = 77 ]; then rm -rf "$ONECARD_TMP"; else echo "left for looking: $ONECARD_TMP"; fi
    fi
}
trap tidy EXIT
trap 'exit 130' INT TERM

# ---- cards

order() {
    "$python" -SE "$here/card.py" --order "$CITY/run/cards.sock" "$@"
}
cards_start() {
    "$python" -SE "$here/card.py" --control "$CITY/run/cards.sock" >"$CITY/log/cards.log" 2>&1 &
    card_host=$!
    city_pids+=("$card_host")
    local i
    for i in $(seq 100); do
        [ -S "$CITY/run/cards.sock" ] && return 0
        sleep 0.05
    done
    city_fail "the card program did not start: $(cat "$CITY/log/cards.log")"
}
# A card under the site's master keys: card_new NAME SERIAL option=value …
card_new() {
    order new "$1" "serial=$2" "issuer=$ISSUER" "purchase=$KEY_PURCHASE" "load=$KEY_LOAD" "tac=$KEY_TAC" \
        "internal=$KEY_INTERNAL" "${@:3}" || city_fail "no card $1"
}
put() { # slot card
    order remove "$1"
    gone "$1"
    order insert "$1" "$2"
    reader_wait "$1" card
}
pull() { # slot
    order remove "$1"
    gone "$1"
}
gone() {
    reader_wait "$1" empty
}
chip() { # card jq-expression
    order status "$1" | jq -r "$2"
}

# ---- the switch

key16() {
    od -An -tx1 -N16 /dev/urandom | tr -d ' \n' | tr a-f A-F
}
ISSUER=1100410000000001
site_start() { # init options
    city_pcscd_start
    site_new --issuer "$ISSUER" "$@"
    [ -z "${SITE_EDIT:-}" ] || $SITE_EDIT
    daemon_start
    KEY_PURCHASE=$(key16) KEY_LOAD=$(key16) KEY_TAC=$(key16) KEY_INTERNAL=$(key16)
    local p
    for p in purchase load tac internal; do
        local name=KEY_${p^^}
        ctl key import --purpose $p --alg 3des --version 1 --clear "${!name}" >>"$CITY/log/city.log" ||
            city_fail "key import $p failed"
    done
    cards_start
    ctl participant add --id cardco --name "Card Company" >>"$CITY/log/city.log" || city_fail "participant add"
    ctl participant add --id shop --name "Shop 商店" >>"$CITY/log/city.log" || city_fail "participant add"
    ctl participant add --id bus --name "Bus 公交" >>"$CITY/log/city.log" || city_fail "participant add"
    ctl terminal add --id desk --kind desk --participant cardco --sam 100000000001 --reader "$SLOT_A" --services '*' \
        >>"$CITY/log/city.log" || city_fail "terminal add desk"
    ctl terminal add --id till --kind pos --participant shop --sam 100000000002 --reader "$SLOT_B" \
        --services 'payment.*' >>"$CITY/log/city.log" || city_fail "terminal add till"
}
daemon_kill9() {
    kill -9 "$daemon_pid"
    wait "$daemon_pid" 2>/dev/null
}

# Runs a service and expects an exit status: run 0 payment.load --terminal desk … ; the answer is in $out, its parts in
# $outcome $reason $txn
run() {
    local want=$1 got
    shift
    out=$(ctl --json txn run "$@" 2>"$CITY/run/err")
    got=$?
    checks=$((checks + 1))
    outcome=$(jq -r '.outcome // empty' <<<"$out" 2>/dev/null)
    reason=$(jq -r '.reason // empty' <<<"$out" 2>/dev/null)
    txn=$(jq -r '.txn // empty' <<<"$out" 2>/dev/null)
    [ "$outcome" != posted ] || hasnt "detail of a posted $1" "$(jq -r '.detail // ""' <<<"$out")" 'out of memory|answer.*lost'
    [ "$got" = "$want" ] || wrong "txn run $*: exit status $got, expected $want: $out $(head -c 300 "$CITY/run/err")"
}
# … refused for exactly this reason: refuse REASON SERVICE …
refuse() {
    local why=$1
    shift
    run 1 "$@"
    is "refusal of $*" "$outcome/$reason" "refused/$why"
}

# Chip and ledger agree to the fen, and the ledger holds no doubt of the card: agree CARD
agree() {
    local row
    row=$(ctl --json card show "$ISSUER-$(chip "$1" .serial)")
    is "card $1: purse in the ledger = balance on the chip" "$(jq -r .purse_fen <<<"$row")" "$(chip "$1" .balance)"
    is "card $1: no doubt, nothing reserved" "$(jq -r '[.open_txn // 0, .reserved_fen, .alarm // 0] | @csv' <<<"$row")" "0,0,0"
}

# Every debit and credit the chip knows stands once in the ledger, posted, with the same TAC: reconcile CARD
reconcile() {
    local serial
    serial=$(chip "$1" .serial)
    order status "$1" >"$CITY/run/chip.json"
    ctl --json txn list --card "$ISSUER-$serial" --limit 500 | jq -r '.items[].txn' >"$CITY/run/ids"
    : >"$CITY/run/rows.json"
    local id
    while read -r id; do
        ctl --json txn show "$id" >>"$CITY/run/rows.json"
    done <"$CITY/run/ids"
    checks=$((checks + 1))
    "$python" -SE "$here/reconcile.py" "$CITY/run/chip.json" "$CITY/run/rows.json" || wrong "card $1: chip and ledger differ"
}
