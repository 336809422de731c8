#!/usr/bin/env bash
# Every refusal has its own reason, moves nothing, and is recorded.
. "$(dirname "$0")/lib.sh"
limits() { # policy of this site
    printf 'policy:\n  single_max: 40.00\n' >>"$CITY/site/onecardd.yaml"
}
SITE_EDIT=limits
site_start
n=510
# A registered card with 50 yuan: card NAME 'register options' option=value …
card() {
    local name=$1 how=$2
    shift 2
    n=$((n + 1))
    serial=00000000000000000$n
    card_new "$name" "$serial" balance=5000 "$@"
    # shellcheck disable=SC2086
    ctl card register --serial "$serial" --issuer "$ISSUER" --profile pboc-ep --opening 50.00 $how <<<410102199001010021 >/dev/null || wrong "register $name"
    ref=$ISSUER-$serial
}
expected=()
# no CARD REASON SERVICE …: the card is put on the desk, refused, unchanged, recorded
no() {
    local name=$1 why=$2 before
    shift 2
    before=$(chip "$name" '[.balance,.offline,.online]|@csv')
    order remove A; gone A; order insert A "$name"; reader_wait A card
    refuse "$why" "$@"
    is "$why: the chip" "$(chip "$name" '[.balance,.offline,.online]|@csv')" "$before"
    is "$why: told in a sentence" "$(jq -r '(.reason_text | length) > 5 and (.reason_zh | length) > 1' <<<"$out")" true
    expected+=("$why")
    pull A
}
buy=(payment.purchase --terminal desk --amount 1.00)
say "cards"
n=999; card_new stranger 00000000000000000999 balance=5000; n=510
no stranger unknown_card "${buy[@]}"
card off "" flag=00
no off app_not_enabled "${buy[@]}"
card young "" start=20990101 expiry=21001231
no young not_yet_valid "${buy[@]}"
card old "" start=20100101 expiry=20200101
no old expired "${buy[@]}"
card poor "--kind anonymous"
no poor insufficient_balance payment.purchase --terminal desk --amount 50.01
no poor over_ceiling payment.load --terminal desk --amount 951.00
card spent "" offline=65535
no spent counter_at_maximum "${buy[@]}"
card full "" online=65535
no full counter_at_maximum payment.load --terminal desk --amount 1.00
card fake "" "internal=$(key16)"
no fake not_genuine "${buy[@]}"
card mac1 ""
order fault mac1 wrongmac1
no mac1 load_mac1_wrong payment.load --terminal desk --amount 1.00
card v9 "" version=9
no v9 no_key "${buy[@]}"

say "standing"
card s "--kind named --holder Wang --holder-id -"
ctl card suspend "$ref" --why test >/dev/null || wrong suspend
no s suspended "${buy[@]}"
ctl card resume "$ref" --why test >/dev/null || wrong resume
ctl card block "$ref" --why test >/dev/null || wrong block
no s blocked "${buy[@]}"
ctl card unblock "$ref" --why test >/dev/null || wrong unblock
ctl card report-loss "$ref" --why test >/dev/null || wrong report-loss
no s lost "${buy[@]}"
card anon "--kind anonymous"
text=$(ctl card report-loss "$ref" --why test 2>&1)
is "an anonymous card cannot be reported lost" $? 1
has "… and that is told" "$text" 'unnamed|anonymous'
ctl card cancel "$ref" --why test >/dev/null || wrong cancel
no anon cancelled_card "${buy[@]}"
card denied ""
ctl denylist add --issuer "$ISSUER" --serial "$serial" --action refuse --why test >/dev/null || wrong "denylist add"
no denied denied "${buy[@]}"
ctl denylist remove "$ref" >/dev/null || wrong "denylist remove"
printf '%s,00000000000000000777,refuse,not ours\nnonsense,1\n0202020202020202,00000000000000000778,refuse,too\n' "$ISSUER" >"$CITY/run/deny.csv"
text=$(ctl denylist import "$CITY/run/deny.csv" 2>&1)
has "denylist import: the bad line is named" "$text" '(line |:)2'
is "denylist import: the good lines are taken" "$(ctl --json denylist show | jq '[.items[] | select(.serial | endswith("777") or endswith("778"))] | length')" 2
card_new theirs 00000000000000000777 balance=5000
put A theirs
run 1 "${buy[@]}"
case $reason in denied | unknown_card) ;; *) wrong "a card that is not ours, on the deny list: $reason" ;; esac
pull A
card sleeper "--no-activate"
no sleeper not_active "${buy[@]}"
ctl card activate "$ref" --why test >/dev/null || wrong activate
put A sleeper
run 0 "${buy[@]}"
pull A

say "terminals and services"
card ok ""
ctl terminal add --id narrow --kind desk --participant shop --sam 100000000051 --reader "$SLOT_A" --services payment.balance >/dev/null || wrong "terminal add"
no ok terminal_may_not payment.purchase --terminal narrow --amount 1.00
out=$(ctl terminal add --id nosam --kind desk --participant shop --reader "$SLOT_A" --services 'payment.*' 2>&1) &&
    no ok sam_unknown payment.purchase --terminal nosam --amount 1.00
no ok limit payment.purchase --terminal desk --amount 40.01
put A ok
text=$(ctl --json txn run payment.purchse --terminal desk --amount 1.00 2>&1)
is "unknown service" $? 1
has "unknown service, with a suggestion" "$text" 'unknown_service|payment\.purchase'
text=$(ctl --json txn run payment.purchase --terminal desx --amount 1.00 2>&1)
is "unknown terminal" $? 1
has "unknown terminal" "$text" 'desx|desk'
text=$(ctl --json txn run payment.purchase --terminal desk --amount 1.00 --param colour=red 2>&1)
case $? in 1 | 2) ;; *) wrong "unknown parameter: $text" ;; esac
text=$(ctl --json txn run payment.purchase --terminal desk 2>&1)
case $? in 1 | 2) ;; *) wrong "no amount: $text" ;; esac
pull A
start=$SECONDS
refuse no_card payment.purchase --terminal desk --amount 1.00 --wait 1
[ $((SECONDS - start)) -le 4 ] || wrong "--wait 1 took $((SECONDS - start)) s"

say "all of them are recorded"
recorded=$(ctl --json txn list --limit 500 | jq -r '.items[] | select(.state=="refused") | .reason' | sort -u)
for why in "${expected[@]}"; do
    is "recorded: $why" "$(grep -cx "$why" <<<"$recorded")" 1
done
put A ok
run 0 "${buy[@]}"
agree ok
pull A
ctl ledger verify >/dev/null || wrong "ledger verify"
finish
