#!/usr/bin/env bash
# Whatever call fails under a verb of onecardctl, it ends by itself, says what failed or says the same as otherwise, and
# leaves nothing half written. FAULT_SECONDS=N goes on for so long (each place: some hours); FAULT_ONLY=REGEX some verbs.
. "$(dirname "$0")/lib.sh"
shim=$ONECARD_BUILD/lib/libfaults.so
[ -f "$shim" ] || skip "$shim is not built"

site_new --issuer "$ISSUER"
sed -i '1i readers:\n  pcsc: off\n' "$CITY/site/onecardd.yaml"
daemon_start
for p in purchase load tac internal; do
    ctl key import --purpose $p --alg 3des --version 1 --clear "$(key16)" >>"$CITY/log/city.log" || wrong "key import"
done
ctl participant add --id shop --name Shop >>"$CITY/log/city.log" || wrong "participant add"
ctl terminal add --id till --kind pos --participant shop --sam 100000000002 --services '*' >>"$CITY/log/city.log" || wrong "terminal add"
citizen=$(ctl --json citizen add --name Wang --id - <<<410102199001010021 | jq -r .citizen)
serial=00000000000000000901
ctl card register --serial $serial --issuer "$ISSUER" --profile pboc-ep --opening 20.00 --holder Wang --holder-id - \
    <<<410102199001010021 >>"$CITY/log/city.log" || wrong "card register"
ctl card register --serial 00000000000000000902 --issuer "$ISSUER" --profile pboc-ep >>"$CITY/log/city.log" || wrong "card register"
txn=$(ctl --json txn run payment.account --terminal till --card "$(ctl --json card show "$ISSUER-$serial" | jq -r .number)" | jq -r '.txn // empty')
day=$(ctl --json status | jq -r .open_day)

cat >"$CITY/run/values" <<V
* CARD $ISSUER-$serial
* CITIZEN $citizen
* TXN ${txn:-1000000000000}
* ID ${txn:-1000000000000}
* SERVICE payment.account
* ISSUER-SERIAL $ISSUER-$serial
* FILE in.json
* --terminal till
* --date $day
* --from $day
* --to $day
* --serial $serial
* --profile pboc-ep
* --kind named
* --purpose purchase
* --version 2
* --alg 3des
* --action refuse
* --dir -
terminal_add --id till
terminal_add --kind pos
terminal_add --param fare=2.00
terminal_show ID till
terminal_enroll ID till
terminal_revoke ID till
participant_add --id shop
participant_add --name Shop
participant_key ID shop
ledger_backup FILE copy.db
citizen_add --name Wang
citizen_add --id -
citizen_find --number -
card_cancel CARD $ISSUER-00000000000000000902
card_replace CARD $ISSUER-00000000000000000902
card_replace --to $ISSUER-$serial
card_pin ACTION change
medical_put KIND bill
medical_read WHAT reports
settle_claim FUND basic
settle_claim MONTH 2026-10
copy_init --out copy
txn_run --card $(ctl --json card show "$ISSUER-$serial" | jq -r .number)
key_import --clear 0123456789ABCDEF0123456789ABCDEF
account_list --limit 10
init --name Other
init --allow-clear-keys
V
"$python" -SE "$here/cli_faults.py" --ctl "$ONECARD_BIN/onecardctl" --dir "$CITY/site" --shim "$shim" --values "$CITY/run/values" \
    --seconds "${FAULT_SECONDS:-75}" --only "${FAULT_ONLY:-}"
is "verbs with calls that fail" $? 0

say "a full disk behind the answer"
for words in "status" "--json status" "card list" "help" "txn run --help"; do
    # shellcheck disable=SC2086
    text=$(ctl $words 2>&1 >/dev/full)
    is "onecardctl $words to a full disk" $? 1
    has "onecardctl $words to a full disk says it" "$text" 'could not be written'
done

say "the site afterwards"
kill -0 "$daemon_pid" 2>/dev/null || wrong "the daemon ended"
text=$(ctl ledger verify 2>&1)
is "ledger verify ($text)" $? 0
finish
