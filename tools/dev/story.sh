# shellcheck shell=bash disable=SC2034,SC2154
# How tools/demo speaks: chapters, commands as one would type them with what they print, and checks. Sourced, after city.sh.

bold='' dim='' off='' red='' green=''
[ -t 1 ] && bold=$'\e[1m' dim=$'\e[2m' off=$'\e[0m' red=$'\e[31m' green=$'\e[32m'
wrong=0
only=''

chapter() {
    printf '\n%s%s%s\n' "$bold" "$*" "$off"
}
tell() {
    printf '  %s\n' "$*"
}
cross() {
    printf '  %s✗ %s%s\n' "$red" "$*" "$off"
    wrong=$((wrong + 1))
}
tick() {
    printf '  %s✓%s %s\n' "$green" "$off" "$*"
}
check() { # what value wanted
    if [ "$2" = "$3" ]; then tick "$1"; else cross "$1: '$2', expected '$3'"; fi
}
# Shows a command as one would type it, and of what it prints the lines that $only (once) matches.
show() {
    local keep=${only:-.} out status
    only=''
    printf '  %s$ onecardctl %s%s\n' "$dim" "$(words "$@")" "$off"
    out=$(ctl "$@" 2>&1)
    status=$?
    grep -E -- "$keep" <<<"$out" | sed 's/^/    /'
    return "$status"
}
# Arguments as a shell would want them: quotes only where they are needed, the folder of the city left out.
words() {
    local w
    for w in "$@"; do
        w=${w//$CITY\//}
        case $w in
        *[\ \(\)\;\|]*) printf "'%s' " "$w" ;;
        *) printf '%s ' "$w" ;;
        esac
    done
}
# show, and the exit status must be this one: expect 0 txn run …
expect() {
    local want=$1 got
    shift
    show "$@"
    got=$?
    [ "$got" = "$want" ] || cross "exit status $got, expected $want"
}
# A service at a terminal, told in lines that matter: its result is in $out, its transaction in $txn.
# serve STATUS SERVICE TERMINAL [option…]
serve() {
    local want=$1 service=$2 terminal=$3 got
    shift 3
    printf '  %s$ onecardctl txn run %s%s\n' "$dim" "$(words "$service" --terminal "$terminal" "$@")" "$off"
    out=$(ctl --json txn run "$service" --terminal "$terminal" "$@" 2>>"$CITY/log/city.log")
    got=$?
    txn=$(jq -r '.txn // empty' <<<"$out" 2>/dev/null)
    jq -r "$told" <<<"$out" 2>/dev/null | sed 's/^/    /'
    [ "$got" = "$want" ] || cross "$service: exit status $got, expected $want: $(head -c 400 <<<"$out")"
}
read -r -d '' money <<'J'
def yuan: (if . < 0 then "-" else "" end) + ((if . < 0 then -. else . end) | "\(. / 100 | floor).\(. % 100 + 100 | tostring | .[1:])");
J
read -r -d '' told <<'J'
def yuan: (if . < 0 then "-" else "" end) + ((if . < 0 then -. else . end) | "\(. / 100 | floor).\(. % 100 + 100 | tostring | .[1:])");
"\(.outcome)" + (if .amount_fen > 0 then "  \(.amount_fen | yuan) yuan" else "" end)
 + (if .balance_fen then "  chip \(.balance_fen | yuan)" else "" end)
 + (if .outcome == "posted" then "" else "  \(.reason) \(.reason_zh // "")" + (if (.detail // "") != "" then ": \(.detail)" else "" end) end),
((.reply // {}) | to_entries | map(select(.value | type != "object" and type != "array"))
 | map(select(.value != "" and .value != 0 and .value != null))
 | map(if .key | endswith("_fen") then "\(.key | .[:-4]) \(.value | yuan)" else "\(.key) \(.value)" end)
 | map(select(test("^(slip_|before |ride |[a-z]+_ms )") | not)) | if length > 0 then join("   ") else empty end)
J
reply() { # jq expression on the reply of the last service
    jq -r ".reply | $1" <<<"$out"
}
# Who paid and who got, in words: legs TXN
legs() {
    ctl --json txn show "$1" | jq -r "$money"'
        def who: {purse: "the purse on the chip 电子钱包", merchant: "owed to \(.owner) 应付商户", fund: "\(.owner) 统筹基金",
            personal: "medical-insurance account 医保个人账户", citizen: "the citizen'"'"'s account 账户",
            load_receivable: "cash or bank money owed by \(.owner) 应收", pending_load: "waits to be loaded 待圈存",
            bearer: "borne by \(.owner) 补贴承担", deposit: "hospital deposit 住院预交金"}[.account] // "\(.account) \(.owner)";
        .legs[] | select(.amount_fen != 0) | "\(.amount_fen | yuan)\t\(who)"' |
        while IFS=$'\t' read -r amount who; do printf '    %10s  %s\n' "$amount" "$who"; done
}
# One sum of them: leg TXN account [owner]
leg() {
    ctl --json txn show "$1" | jq --arg a "$2" --arg o "${3:-}" \
        '[.legs[] | select(.account == $a and ($o == "" or .owner == $o)) | .amount_fen] | add // 0'
}
yuan() {
    jq -nr "$money $1 | yuan"
}
