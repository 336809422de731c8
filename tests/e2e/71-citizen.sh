#!/usr/bin/env bash
# A citizen is written down, found, shown with a reason, told everything, and forgotten: what is sealed under the deleted key
# stands in no file any more that could be read (R20).
. "$(dirname "$0")/lib.sh"
site_new
sed -i '/^modules:/,$d' "$CITY/site/onecardd.yaml"
printf 'readers:\n  pcsc: off\nmodules: [payment, transit]\n' >>"$CITY/site/onecardd.yaml"
daemon_start
name=Unforgettable
number=410102199001010021

say "written down"
id=$(ctl --json citizen add --name "$name" --id - --born 1990-01-01 --address "人民路1号" --resident yes <<<$number | jq -r .citizen)
has "an id that tells nothing" "$id" '^c[0-9]{15}$'
is "the same number is the same citizen" "$(ctl --json citizen add --name Other --id - <<<$number | jq -r .citizen)" "$id"
is "found" "$(ctl --json citizen find --number - <<<$number | jq -r .citizen)" "$id"
ctl citizen find --number - <<<1 >/dev/null 2>&1 && wrong "a number nobody has was found"
has "a list says who nobody is" "$(ctl citizen list)" "$id"
hasnt "a list says who nobody is" "$(ctl citizen list)" "$name"

say "shown"
ctl citizen show "$id" >/dev/null 2>&1 && wrong "shown without a reason"
is "shown with one" "$(ctl --json citizen show "$id" --reason "call 17" | jq -r .person.name)" $name
ctl citizen change "$id" --phone 13900139000 >>"$CITY/log/city.log" || wrong "change"
is "changed" "$(ctl --json citizen show "$id" --reason "call 18" | jq -r '.person | .phone + .name')" 13900139000$name
ctl citizen export "$id" --reason "asked for it" --file "$CITY/run/all.json" >>"$CITY/log/city.log" || wrong "export"
is "a file of its own" "$(stat -c %a "$CITY/run/all.json")" 600
is "the looks are told" "$(jq -r '[.access[].document.reason] | join(",")' "$CITY/run/all.json")" "call 17,call 18,asked for it"
card=$(ctl --json card register --serial 77 --profile pboc-ep --holder $name --holder-id - <<<$number | jq -r .id)
is "the card is in it" "$(ctl --json citizen export "$id" --reason again | jq -r '.cards[0].id')" "$card"

say "forgotten"
has "not while a card works" "$(ctl citizen erase "$id" --why "letter" 2>&1)" 'cancel first'
ctl card cancel "$card" --why "wishes to be forgotten" >>"$CITY/log/city.log" || wrong "cancel"
has "now" "$(ctl citizen erase "$id" --why "letter" 2>&1)" 'personal data .* erased'
has "who it was" "$(ctl citizen show "$id" --reason x 2>&1)" 'erased'
ctl citizen find --number - <<<$number >/dev/null 2>&1 && wrong "still found by number"
is "the card stays by number" "$(ctl --json card show "$card" | jq -r '.citizen + "/" + .state')" "$id/cancelled"
ctl ledger backup "$CITY/run/copy.db" >>"$CITY/log/city.log" || wrong "backup"
for f in "$CITY/site/ledger.db" "$CITY/site/ledger.db-wal" "$CITY/run/copy.db" "$CITY/log/onecardd.log"; do
    [ -e "$f" ] || continue
    checks=$((checks + 1))
    grep -qaE "$name|$number|13900139000" "$f" && wrong "$f has it in clear"
done
is "the books are good" "$(ctl --json ledger verify | jq -r .good)" true
other=$(ctl --json citizen add --name "$name" --id - <<<$number | jq -r .citizen)
checks=$((checks + 1))
[ "$other" != "$id" ] || wrong "who comes again is the old one"
has "nobody's documents are due" "$(ctl citizen erase --due)" '^documents of 0 '
daemon_stop
finish
