#!/usr/bin/env bash
# What somebody finds who has the database file, the log, a look at the process, or a folder of batches: no key, no PIN, no
# name; and nothing that he changes goes unnoticed. docs/SECURITY.md says against whom.
. "$(dirname "$0")/lib.sh"
site_start
name=Unforgettable number=410102199001010021

say "money, a citizen, a wrong MAC: all that could leave a trace"
card_new k 00000000000000000801 balance=10000
ctl card register --serial 00000000000000000801 --issuer "$ISSUER" --profile pboc-ep --opening 100.00 --holder $name --holder-id - <<<"$number" >/dev/null ||
    wrong register
put B k
run 0 payment.purchase --terminal till --amount 12.34
order fault k wrongmac2
run 3 payment.purchase --terminal till --amount 1.00 --retap 0
pull B
day=$(ctl --json status | jq -r .open_day)
ctl day close >/dev/null || wrong "day close"
ctl settle run --date "$day" >/dev/null || wrong "settle run"
ctl ledger backup "$CITY/run/copy.db" >/dev/null || wrong "backup"

say "no key and no name in any file, in any form"
files_with() { # hex
    "$python" -SE - "$1" "$CITY/site" "$CITY/log" "$CITY/run" <<'P'
import os, sys
key = bytes.fromhex(sys.argv[1])
forms = {key, key.hex().encode(), key.hex().upper().encode(), key[::-1]}
for top in sys.argv[2:]:
    for folder, _, files in os.walk(top):
        for f in files:
            path = os.path.join(folder, f)
            if os.path.isfile(path) and f != "cards.log" and any(x in open(path, "rb").read() for x in forms):
                print(path)
P
}
hex_of() {
    printf %s "$1" | od -An -tx1 | tr -d ' \n'
}
has "the search finds what is there" "$(files_with "$(hex_of "Card Company")")" 'ledger\.db'
scan() { # what hex
    checks=$((checks + 1))
    local found
    found=$(files_with "$2")
    [ -z "$found" ] || wrong "$1 stands in $found"
}
for p in PURCHASE LOAD TAC INTERNAL; do
    k=KEY_$p
    scan "the $p key" "${!k}"
done
scan "the name" "$(hex_of $name)"
scan "the identity number" "$(hex_of $number)"

say "who may read what"
is "the site's folder" "$(stat -c %a "$CITY/site")" 700
for f in ledger.db keystore; do
    is "$f" "$(stat -c %a "$CITY/site/$f")" 600
done
is "the copy" "$(stat -c %a "$CITY/run/copy.db")" 600

say "the process"
p=/proc/$daemon_pid
is "no core file" "$(awk '/^Max core file size/ { print $5, $6 }' $p/limits)" "0 0"
checks=$((checks + 1))
[ "$(awk '/^VmLck/ { print $2 }' $p/status)" -gt 0 ] || wrong "no memory is locked: keys may be swapped"
is "its memory is root's alone" "$(stat -c %U $p/mem)" root
if [ "$(id -u)" = 0 ] && command -v setpriv >/dev/null; then
    # The same user as the daemon, had it one of its own, is kept out by "not dumpable"; any other by the kernel.
    setpriv --reuid 65534 --regid 65534 --clear-groups cat $p/environ >/dev/null 2>&1 && wrong "another user reads its environment"
fi
for k in "$KEY_PURCHASE" "$KEY_LOAD" "$number"; do
    checks=$((checks + 1))
    tr '\0' ' ' <$p/cmdline | grep -q "$k" && wrong "a secret in its command line"
    tr '\0' ' ' <$p/environ | grep -q "$k" && wrong "a secret in its environment"
done

say "a database file alone tells nothing and opens nothing"
daemon_stop
mkdir -m 700 "$CITY/thief"
cp "$CITY/site/ledger.db" "$CITY/site/onecardd.yaml" "$CITY/thief/"
[ ! -e "$CITY/site/ledger.db-wal" ] || cp "$CITY/site/ledger.db-wal" "$CITY/thief/"
"$ONECARD_BIN/onecardctl" --dir "$CITY/thief" ledger verify --offline >"$CITY/run/thief" 2>&1
is "without the key store: exit status" $? 1
has "… says what is missing" "$(cat "$CITY/run/thief")" 'keystore|key store'

say "a batch that is altered, or another day's"
folder=$CITY/site/settlement
daemon_start
cp -r "$folder/$day" "$CITY/run/kept"
sed -i 's/12\.34/12.35/' "$folder/$day/shop.csv"
ctl settle verify --date "$day" >"$CITY/run/v" 2>&1
is "a changed amount" $? 1
has "… which file" "$(cat "$CITY/run/v")" 'shop\.csv'
cp "$CITY/run/kept/shop.csv" "$folder/$day/shop.csv"
ctl settle verify --date "$day" >/dev/null || wrong "the batch as it was is refused"
next=$(ctl --json status | jq -r .open_day)
ctl day close --early >/dev/null || wrong "day close"
ctl settle run --date "$next" >/dev/null || wrong "settle run $next"
rm -r "${folder:?}/$next"
cp -r "$CITY/run/kept" "$folder/$next"
ctl settle verify --date "$next" >"$CITY/run/v" 2>&1
is "yesterday's batch again as today's" $? 1
has "… says so" "$(cat "$CITY/run/v")" "$day|date|manifest"

say "a row of the books changed behind the switch's back"
daemon_stop
sqlite3 "$CITY/site/ledger.db" "UPDATE card SET purse_credits = purse_credits + 1000" 2>/dev/null ||
    "$python" -SE -c 'import sqlite3, sys; d = sqlite3.connect(sys.argv[1]); d.execute("UPDATE card SET purse_credits = purse_credits + 1000"); d.commit()' "$CITY/site/ledger.db"
ctl ledger verify --offline >"$CITY/run/v" 2>&1
is "ledger verify" $? 1
has "… which table" "$(cat "$CITY/run/v")" 'card'
finish
