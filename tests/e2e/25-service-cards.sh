#!/usr/bin/env bash
# The social security card and the resident health card over the real pcscd: blank chips are issued, known by their
# records, genuine by internal authentication, and verify a PIN; a copy on another chip is found out; no money ever
# moves on them.
. "$(dirname "$0")/lib.sh"
city_pcscd_start
site_new
sed -i 's/^modules:$/modules:\n  social: {}/' "$CITY/site/onecardd.yaml"
daemon_start
slot_start A
keys_new
ctl participant add --id bureau --name "Bureau 社保局" >/dev/null || city_fail "participant add"
ctl terminal add --id window --kind desk --participant bureau --sam 100000000041 --reader "$SLOT_A" --services '*' \
    >/dev/null || city_fail "terminal add"

issue() { # name profile holder number
    "$ONECARD_BIN/cardsim" --profile "$2" --state "$CITY/cards/$1.card" --write-state >/dev/null || city_fail "no chip"
    card_in A "$1"
    ctl --json card issue --terminal window --profile "$2" --holder "$3" --holder-id - <<<"$4" >"$CITY/run/issued" 2>&1
    is "issue $1" $? 0
}
pin=      # of the card on the reader
change() { # exit-status old new
    local want=$1
    out=$(printf '%s\n%s\n' "$2" "$3" | ctl --json card pin change "$ref" --terminal window 2>"$CITY/run/err")
    is "change PIN: exit status" $? "$want"
    reason=$(jq -r '.reason // empty' <<<"$out")
}
with_pin() { # exit-status PIN
    local want=$1
    out=$(ctl --json txn run social.identity_pin --terminal window --param ask=over_65 --pin - <<<"$2" 2>"$CITY/run/err")
    is "with PIN $2: exit status" $? "$want"
    outcome=$(jq -r '.outcome // empty' <<<"$out")
    reason=$(jq -r '.reason // empty' <<<"$out")
}

say "a social security card"
issue wang ssc "王芳" 371700194901010021
has "issued, with nine digits" "$(cat "$CITY/run/issued")" '"card": *"[0-9]{9}"'
run 0 social.identity --terminal window --param ask=over_65
is "the card says whose it is" "$(jq -r .outcome <<<"$out")" posted
hasnt "and not more" "$out" '王芳|19490101'

say "its PIN: drawn for this card alone, told once"
pin=$(jq -r .pin "$CITY/run/issued")
has "six digits" "$pin" '^[0-9]{6}$'
ref=$(ctl --json card list | jq -r '.items[0].id')
bad=$(printf '%06d' $(((10#$pin + 1) % 1000000)))
with_pin 0 "$pin"
is "right" "$outcome" posted
with_pin 1 "$bad"
is "wrong" "$outcome/$reason" refused/pin_wrong
is "tries left" "$(jq -r .pin_tries_left <<<"$out")" 2
with_pin 0 "$pin"
say "… changed by its holder"
change 1 "$bad" 735190
is "who does not know it may not" "$reason" pin_wrong
change 0 "$pin" 735190
with_pin 1 "$pin"
with_pin 0 735190
for i in 1 2; do with_pin 1 "$bad"; done
with_pin 1 "$bad"
is "the third wrong one" "$reason" pin_blocked
with_pin 1 735190
is "blocked" "$reason" pin_blocked
is "recorded" "$(ctl --json card show "$ref" | jq -r .pin.state)" blocked
has "told to operators" "$(ctl --json event list)" '"pin_blocked"'
say "… unblocked at the window with another one"
ctl --json card pin unblock "$ref" --terminal window --checked "identity card" <<<246802 >"$CITY/run/unblocked" 2>&1
is "unblock" $? 0
is "kept" "$(jq -r .reply.checked "$CITY/run/unblocked")" "identity card"
is "recorded" "$(ctl --json card show "$ref" | jq -r .pin.state)" unblocked
with_pin 0 246802
ctl --json card pin unblock "$ref" --terminal window --checked passport </dev/null >/dev/null 2>&1
is "without a new PIN nothing is asked" $? 1
run 0 social.identity --terminal window --param ask=over_65
hasnt "no PIN in the daemon's log, nor in the ledger" "$(cat "$CITY/log/onecardd.log"; strings "$CITY"/site/*.db "$CITY"/site/*.db-wal 2>/dev/null)" "$pin|$bad|735190|246802"

say "no purse"
refuse unsupported_card payment.balance --terminal window
refuse unsupported_card payment.purchase --terminal window --amount 1.00

say "a copy of it on another chip"
card_out A
"$ONECARD_BIN/cardsim" --clone-from "$CITY/cards/wang.card" --atr 3BE800008131FE450102030405060708EB \
    --state "$CITY/cards/copy.card" --write-state >/dev/null || city_fail "no copy"
card_in A copy
refuse not_genuine social.identity --terminal window --param ask=over_65
card_out A

say "a resident health card"
issue li health "李小明" 410102201001010033
has "issued, with eighteen digits" "$(cat "$CITY/run/issued")" '"card": *"[0-9]{18}"'
run 0 social.identity --terminal window --param ask=over_65
with_pin 1 123456
is "it has no PIN" "$reason" unsupported_card
card_out A

say "torn while it is issued, and put back"
"$ONECARD_BIN/cardsim" --profile ssc --state "$CITY/cards/zhao.card" --write-state >/dev/null || city_fail "no chip"
card_in A zhao
slot A 'fault torn-after@E2#4' >/dev/null
ctl --json card issue --terminal window --profile ssc --holder "赵" --holder-id - <<<371700198001010021 >/dev/null 2>&1
is "torn" $? 1
slot A clear-faults >/dev/null
reader_wait A empty # a card that comes back faster than pcscd looks was never away for it
slot A insert >/dev/null
reader_wait A card
ctl --json card issue --terminal window --profile ssc --holder "赵" --holder-id - <<<371700198001010021 >/dev/null 2>&1
is "done again" $? 0
run 0 social.identity --terminal window --param ask=over_65
card_out A
ctl ledger verify >"$CITY/run/verify" 2>&1
is "ledger verify" $? 0
finish
