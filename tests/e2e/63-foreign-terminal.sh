#!/usr/bin/env bash
# A terminal that none of us wrote the switch for: Python, from terminal.proto and PROTOCOL.md alone, with cards of its own.
# Enrolment, strangers, a desk, a gate, the wire cut and the daemon killed at each step, torn cards, misbehaviour; after each,
# chip and ledger agree to the fen. The protocol's byte examples are made again.
. "$(dirname "$0")/lib.sh"
"$python" -c 'import google.protobuf' 2>/dev/null || skip "no python3-protobuf"
command -v protoc >/dev/null || skip "no protoc"

say "the bytes in docs/PROTOCOL.md"
"$python" "$here/terminal.py" --check-bytes "$ONECARD_ROOT/docs/PROTOCOL.md"
is "byte examples" $? 0

say "the play"
mkdir "$CITY/play"
cardsim=()
[ ! -x "$ONECARD_BIN/cardsim" ] || cardsim=(--cardsim "$ONECARD_BIN/cardsim")
"$python" "$here/terminal_play.py" --bin "$ONECARD_BIN" --work "$CITY/play" "${cardsim[@]}" 2>&1 | tee "$CITY/log/play.log"
is "the play" "${PIPESTATUS[0]}" 0
finish
