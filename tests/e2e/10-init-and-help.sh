#!/usr/bin/env bash
# A site is made once; what is wrong in its configuration is told all at once, with place and suggestion; help is there on
# every level; a wrong word changes nothing.
. "$(dirname "$0")/lib.sh"
D=$ONECARD_BIN/onecardd C=$ONECARD_BIN/onecardctl
site=$CITY/site

say "init"
text=$("$C" --dir "$site" init --name Test --allow-clear-keys 2>&1)
is "init" $? 0
has "init tells what comes next" "$text" 'onecardd'
[ -f "$site/onecardd.yaml" ] || wrong "no $site/onecardd.yaml"
is "the site is private" "$(stat -c %a "$site")" 700
text=$("$D" --check -c "$site/onecardd.yaml" 2>&1)
is "--check of a fresh site ($text)" $? 0
sum=$(find "$site" -type f -exec sha256sum {} + | sort | sha256sum)
text=$("$C" --dir "$site" init 2>&1)
is "init twice" $? 1
has "init twice says why" "$text" 'exist|empty'
is "init twice changes nothing" "$(find "$site" -type f -exec sha256sum {} + | sort | sha256sum)" "$sum"
mkdir "$CITY/full" && echo precious >"$CITY/full/diary"
"$C" init --dir "$CITY/full" >/dev/null 2>&1
is "init in a folder with other things" $? 1
is "… leaves it alone" "$(ls -A "$CITY/full")" diary
"$C" init --dir "$CITY/without" >/dev/null 2>&1
is "init without --allow-clear-keys" $? 0

say "broken configuration"
sed 's/^site:/sites:/' "$site/onecardd.yaml" >"$CITY/broken.yaml"
printf 'city:\n  utc_ofset: "+08:00"\nsettlement:\n  at: "25:99"\n' >>"$CITY/broken.yaml"
if grep -q '^city:' "$site/onecardd.yaml"; then
    sed -e 's/^site:/sites:/' -e 's/utc_offset:/utc_ofset:/' "$site/onecardd.yaml" >"$CITY/broken.yaml"
fi
text=$("$D" --check -c "$CITY/broken.yaml" 2>&1)
status=$?
[ "$status" != 0 ] || wrong "--check of a broken file: 0"
has "place" "$text" 'broken\.yaml:[0-9]+:[0-9]+'
has "suggestion for sites" "$text" "sites.*site"
has "suggestion for utc_ofset, in the same run" "$text" "utc_ofset.*utc_offset"
text=$("$D" --check -c "$CITY/nothing.yaml" 2>&1)
[ $? != 0 ] || wrong "--check of a missing file: 0"
has "missing file" "$text" 'nothing\.yaml'
printf 'site: [1, 2\n  x' >"$CITY/syntax.yaml"
text=$("$D" --check -c "$CITY/syntax.yaml" 2>&1)
[ $? != 0 ] || wrong "--check of bad YAML: 0"
has "syntax place" "$text" 'syntax\.yaml:[0-9]+'
head -c 4096 /dev/urandom >"$CITY/noise.yaml"
timeout 10 "$D" --check -c "$CITY/noise.yaml" >/dev/null 2>&1
status=$?
[ "$status" != 0 ] && [ "$status" -lt 124 ] || wrong "--check of noise: $status"

say "help"
for words in "--help" "help" "key --help" "key import --help" "participant add --help" "terminal --help" \
    "terminal add --help" "card --help" "card register --help" "card issue --help" "denylist --help" "txn run --help" \
    "txn list --help" "doubt --help" "settle run --help" "ledger --help" "ledger restore --help" "status --help" \
    "service list --help" "init --help" "flows --help"; do
    # shellcheck disable=SC2086
    text=$("$C" $words 2>&1)
    is "onecardctl $words" $? 0
    has "onecardctl $words" "$text" 'usage|--help'
done
text=$("$D" --help 2>&1)
is "onecardd --help" $? 0

say "wrong words: usage, exit status 2"
for words in "kart list" "card lsit" "card register --serail 00" "txn run" "terminal add --id" "settle run" "txn run payment.load --terminal x --amount 10,5" \
    "txn run payment.load --terminal x --amount 1.234" "txn run payment.load --terminal x --amount -5"; do
    # shellcheck disable=SC2086
    text=$("$C" --dir "$site" $words 2>&1)
    is "onecardctl $words" $? 2
    is "onecardctl $words says something" "$([ -n "$text" ] && echo yes)" yes
done
text=$("$C" --dir "$site" card lsit 2>&1)
has "a suggestion" "$text" 'list'

say "no daemon"
text=$("$C" --dir "$site" status 2>&1)
is "status without daemon" $? 1
has "it says what to start" "$text" 'onecardd'
text=$("$C" --dir "$CITY/nowhere" status 2>&1)
is "status of no site" $? 1
finish
