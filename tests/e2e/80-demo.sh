#!/usr/bin/env bash
# The demo tells its story, finds everything as it should be, and leaves nothing running.
. "$(dirname "$0")/lib.sh"
running() { # what still speaks of the demo's folder
    pgrep -f -- "$ONECARD_TMP/demo" | wc -l
}
start=$SECONDS
"$ONECARD_ROOT/tools/demo" --dir "$ONECARD_TMP/demo" >"$ONECARD_TMP/demo.txt" 2>&1 </dev/null
status=$?
text=$(cat "$ONECARD_TMP/demo.txt")
[ "$status" = 0 ] || tail -n 40 "$ONECARD_TMP/demo.txt"
is "tools/demo" "$status" 0
echo "took $((SECONDS - start)) s"
has "the virtual reader is seen" "$text" 'Virtual PCD'
hasnt "crosses" "$text" '✗|wrong:'
has "a bill is settled by fund, account and purse" "$text" 'one transaction: fund'
has "to its end" "$text" 'All was as it should be'
is "ticks" "$([ "$(grep -c '✓' <<<"$text")" -ge 20 ] && echo enough)" enough
sleep 0.5
is "what it started is ended" "$(running)" 0
"$ONECARD_ROOT/tools/demo" --nonsense >/dev/null 2>&1
is "a wrong option" $? 2
finish
