#!/usr/bin/env bash
# A backup taken while the daemon works is a whole ledger; put back, it verifies, goes on, and jumps its terminal sequences
# forward (R10).
. "$(dirname "$0")/lib.sh"
site_start
card_new r 00000000000000000611 balance=10000
ctl card register --serial 00000000000000000611 --issuer "$ISSUER" --profile pboc-ep --opening 100.00 >/dev/null || wrong register
put A r
run 0 payment.purchase --terminal desk --amount 1.00
kept=$txn
text=$(ctl ledger backup "$CITY/backup.db" 2>&1)
is "backup ($text)" $? 0
[ -s "$CITY/backup.db" ] || wrong "no backup file"
ctl ledger backup "$CITY/backup.db" >/dev/null 2>&1
is "a backup over an existing file" $? 1
run 0 payment.purchase --terminal desk --amount 2.00
lost=$txn
seq=$(ctl --json txn show "$lost" | jq .sam_seq)
text=$(ctl ledger restore "$CITY/backup.db" 2>&1)
is "restore while the daemon runs" $? 1
has "… says so" "$text" 'runs|running|stop'
daemon_stop
say "a backup that somebody changed is refused: every way of changing it"
tamper() { # SQL, or "bytes"
    cp "$CITY/backup.db" "$CITY/bad.db"
    "$python" - "$CITY/bad.db" "$1" <<'P' || { wrong "cannot tamper: $1"; return; }
import sqlite3, sys
path, how = sys.argv[1:]
if how == "bytes":
    b = bytearray(open(path, "rb").read())
    for page in range(4096, len(b), 4096):
        b[page + 4000] ^= 0x55
    open(path, "wb").write(b)
else:
    d = sqlite3.connect(path)
    assert d.execute(how).rowcount > 0
    d.commit()
    d.close()
P
    checks=$((checks + 1))
    ctl ledger restore "$CITY/bad.db" >"$CITY/run/restore" 2>&1 && wrong "restored although tampered with ($1): $(head -c 300 "$CITY/run/restore")"
}
tamper bytes
tamper "UPDATE card SET purse_credits = purse_credits + 1"
tamper "UPDATE txn SET amount = amount + 1 WHERE state = 2"
tamper "UPDATE txn SET clearing_date = clearing_date + 1 WHERE state = 2"
tamper "UPDATE account SET credits_posted = credits_posted + 1"
tamper "UPDATE participant SET load_quota = load_quota + 1"
tamper "UPDATE journal SET op = CAST(op || x'00' AS BLOB) WHERE seq = (SELECT max(seq) FROM journal)"
tamper "DELETE FROM journal WHERE seq = (SELECT max(seq) FROM journal)"
tamper "DELETE FROM txn WHERE state = 2"
ctl ledger restore "$CITY/nothing.db" >/dev/null 2>&1
is "restore of nothing" $? 1
text=$(ctl ledger restore "$CITY/backup.db" 2>&1)
is "restore ($text)" $? 0
: >"$CITY/log/onecardd.log"
daemon_start
ctl ledger verify >/dev/null
is "verify" $? 0
is "what was in the backup" "$(ctl --json txn show "$kept" | jq -r .state)" posted
ctl txn show "$lost" >/dev/null 2>&1
is "what came later" $? 1

say "the chip knows more than the restored ledger: no sequence is used twice (R10), the difference is told (R1)"
put A r
refuse records_lost payment.purchase --terminal desk --amount 3.00
put A r
out=$(ctl --json txn run payment.purchase --terminal desk --amount 3.00 2>"$CITY/run/err")
echo "   $? $(jq -c '[.outcome,.reason,.detail,.balance_fen]' <<<"$out") chip $(chip r .balance)"
is "the chip: one debit more, no other" "$(chip r .balance)" 9400
after=$(ctl --json txn show "$(jq -r .txn <<<"$out")" | jq .sam_seq)
[ "${after:-0}" -gt "$seq" ] || wrong "terminal sequence $after after a restore, $seq was used"
row=$(ctl --json card show "$ISSUER-00000000000000000611")
is "a record is awaited, and that is no alarm" "$(jq -c '[.awaiting_records, .alarm]' <<<"$row")" '[1,null]'
ctl ledger verify >/dev/null || wrong "ledger verify"
finish
