#!/usr/bin/env bash
# The city's own bureau decides what insurance pays (R13), over real mutual TLS, while a card stands at a real reader: a bill is
# pushed by the hospital, settled, partly given back, cancelled, while the bureau is slow, refuses, answers otherwise than it
# said before, dies, and the card is torn out. At the end the bureau's settlements and holds are those of the ledger (R12).
. "$(dirname "$0")/lib.sh"
. "$here/there.sh"
. "$here/door.sh"
pki=$home/pki
rules=$CITY/rules
mkdir -p "$rules"
cat >"$rules/employee.yaml" <<Y
kind: insurance
insurance: employee
from: 2020-01-01
authority: upstream
bureau: bureau
funds: {basic: fund-employee, serious: fund-serious, civil: fund-civil, assistance: fund-aid, personal: fund-personal}
personal: {authority: upstream}
Y
printf 'kind: hospitals\nhospitals:\n  - {id: hospital, level: 3}\n' >"$rules/hospitals.yaml"
site() {
    local f=$CITY/site/onecardd.yaml
    sed -i '/^modules:/,$d' "$f"
    {
        door_section "$pki/server.crt" "$pki/server.key"
        printf 'modules:\n  payment:\n  medical:\n  social: {rules: %s}\nupstreams:\n' "$rules"
        route hospital bureau
    } >>"$f"
}
pki
door_keys hospital bureau
SITE_EDIT=site
site_start
door_participants 'medical.*,social.*' hospital bureau
door_key_known hospital bureau
ctl terminal add --id desk --services '*' >>"$CITY/log/city.log" || city_fail "terminal desk"
site_known
ctl citizen add --name "王芳" --id - <<<410102199001010021 >>"$CITY/log/city.log" || wrong "citizen add"
citizen=$(ctl --json citizen find --number - <<<410102199001010021 | jq -r .citizen)
card_new c 00000000000000000741 balance=100000
ctl card register --serial 00000000000000000741 --issuer "$ISSUER" --profile pboc-ep --opening 1000.00 --holder "王芳" \
    --holder-id - <<<410102199001010021 >>"$CITY/log/city.log" || wrong register
put A c
there

number=0
push() { # WHO SERVICE DOCUMENT: by its own signed door; $body
    number=$((number + 1))
    call "$1" POST "/v1/services/$2" "{\"terminal\":\"sys-$1\",\"number\":$number,\"citizen\":\"$citizen\",\"document\":$3}"
    is "$2 by $1" "$code" posted
}
# 150.00: of class A 100, B 40, C 10; the bureau's fund pays 90, its personal account 30, the citizen 30.
bill() { # id
    push hospital medical.bill_put '{"id":"'"$1"'","date":'"$(date +%Y%m%d)"',"type":"outpatient","serviceType":"内科","lineItem":[
        {"code":"X1","display":"one","class":"A","quantity":1,"amount_fen":10000},{"code":"X2","display":"two","class":"B","quantity":1,"amount_fen":4000},
        {"code":"X3","display":"three","class":"C","quantity":1,"amount_fen":1000}],"totalGross_fen":15000}'
}
settle() { # exit-status bill options…
    run "$1" medical.settle --terminal desk --param hospital=hospital --param "bill=$2" "${@:3}"
}
account() { # account owner: fen
    ctl --json account list --limit 500 | jq --arg a "$1" --arg o "$2" '[.items[] | select(.kind == $a and .owner == $o) | .balance_fen] | add // 0'
}
open_bills() {
    ctl --json txn run medical.bills --terminal desk | jq -r '[.reply.bills[].id] | join(",")'
}
# What has been settled: books FUND PERSONAL HOSPITAL, in fen.
books() {
    is "fund, its personal accounts, hospital" "$(account fund fund-employee)/$(account fund fund-personal)/$(account merchant hospital)" "$1/$2/$3"
}
bureau_agrees() {
    books_agree "$1"
    is "$1: the bureau's settlements and our accounts" \
        "$(jq -r '[.settlements[] | .fund_fen, 0] | add // 0' "$CITY/run/book.json")/$(jq -r '[.settlements[] | .personal_fen, 0] | add // 0' "$CITY/run/book.json")" \
        "$((-$(account fund fund-employee)))/$((-$(account fund fund-personal)))"
    agree c
}
push bureau social.insured_put '{"kind":"medical","state":"paying","from":20200101,"until":0,"serial":1,"insurance":"employee","status":"working","months":80}'

say "a bill is pushed, asked of the bureau, held there, paid by three, confirmed"
bill B-1
settle 0 B-1
first=$txn
settled
is "the parts" "$(jq -r '.reply | [.total_fen, .fund_fen, .personal_fen, .cash_fen] | @csv' <<<"$out")" "15000,9000,3000,3000"
is "its hold" "$(ctl --json hold show "$first" | jq -r '.to + "/" + .kind + "/" + .state')" bureau/settle/confirmed
is "the chip paid the rest" "$(chip c .balance)" 97000
books -9000 -3000 15000
settle 1 B-1
is "the same bill again" "$outcome/$reason" refused/duplicate
bureau_agrees "a good day"

say "asked first: the bureau refuses, is slow, talks nonsense: nothing was held, the bill stays"
bill B-2
for how in refuse/upstream_refused slow=2/upstream_away garbage/upstream_away drop/upstream_away; do
    behave bureau "ask ${how%/*}"
    settle 1 B-2
    is "… ${how%/*}" "$outcome/$reason" "refused/${how#*/}"
done
good
books -9000 -3000 15000
is "still to be paid" "$(open_bills)" B-2

say "held: the bureau refuses, is slow, loses its answer, names another amount than before: undone on both sides"
for how in refuse/upstream_refused/refused wrong/upstream_refused/reversed slow=2/upstream_away/reversed lose/upstream_away/reversed \
    status=500/upstream_away/reversed; do
    IFS=/ read -r word why end <<<"$how"
    behave bureau "hold $word"
    settle 1 B-2
    is "… $word" "$outcome/$reason" "voided/$why"
    good
    settled
    hold_is "… $word: its hold" "$end"
    is "… $word: the chip" "$(chip c .balance)" 97000
    is "… $word: still to be paid" "$(open_bills)" B-2
done
books -9000 -3000 15000
bureau_agrees "undone"

say "the bureau dies between hold and confirm, and around each"
behave bureau "hold die"
settle 1 B-2
dead
good
there
settled
hold_is "died after it held: its hold" reversed
behave bureau "confirm die-before"
settle 0 B-2
dead
hold_is "nobody there to be told" confirm_due
books -18000 -6000 30000
good
there
settled
hold_is "told when it was back" confirmed
bill B-3
behave bureau "confirm die"
settle 0 B-3
dead
good
there
bureau_agrees "deaths"
books -27000 -9000 45000

say "the card is torn out while a split bill is paid: the hold stands until the card has told"
for when in before after; do
    bill "T-$when"
    order fault c tear 54 $when
    settle 3 "T-$when"
    torn=$txn
    is "torn $when" "$outcome" in_doubt
    is "torn $when: its hold" "$(ctl --json hold show "$torn" | jq -r .state)" held
    pull A
    put A c
    run 0 payment.balance --terminal desk
    txn=$torn
    settled
    is "torn $when: what the card told" "$(ctl --json txn show "$torn" | jq -r .state)" "$([ $when = after ] && echo posted || echo voided)"
    hold_is "torn $when: its hold then" "$([ $when = after ] && echo confirmed || echo reversed)"
done
bureau_agrees "torn"
books -36000 -12000 60000
is "what was not paid stays" "$(open_bills)" T-before

say "kill -9 of the daemon while the bureau is slow with the hold"
behave bureau "hold slow=0.7"
ctl --json txn run medical.settle --terminal desk --param hospital=hospital --param bill=T-before --retap 0 >"$CITY/run/killed" 2>&1 9>&- &
asking=$!
sleep 0.4
daemon_kill9
wait $asking 2>/dev/null
good
: >"$CITY/log/onecardd.log"
daemon_start
pull A
put A c
run 0 payment.balance --terminal desk
bureau_agrees "killed"
books -36000 -12000 60000
settle 0 T-before
books -45000 -15000 75000

say "a partial refund: the whole is cancelled and the rest settled again, in one transaction and one hold (R13)"
for how in refuse wrong lose; do
    behave bureau "hold $how"
    run 1 medical.refund_lines --terminal desk --param "txn=$first" --param lines=2
    is "… $how" "$outcome" voided
    good
    settled
done
books -45000 -15000 75000
run 0 medical.refund_lines --terminal desk --param "txn=$first" --param lines=2
is "the rest" "$(jq -r '.reply | [.total_fen, .fund_fen, .personal_fen, .cash_fen, .returned_fen] | @csv' <<<"$out")" "11000,7000,2000,2000,1000"
settled
is "its hold" "$(ctl --json hold show "$txn" | jq -r '.kind + "/" + .state')" settle/confirmed
books -43000 -14000 71000
bureau_agrees "partly given back"

say "the rest is cancelled; the bill, without what was given back, can be settled anew"
for how in refuse wrong; do
    behave bureau "hold $how"
    run 1 medical.settle_cancel --terminal desk --param "txn=$first"
    is "… $how" "$outcome/$reason" voided/upstream_refused
    good
    settled
done
run 0 medical.settle_cancel --terminal desk --param "txn=$first"
is "its hold" "$(ctl --json hold show "$txn" | jq -r .kind)" cancel
books -36000 -12000 60000
run 1 medical.settle_cancel --terminal desk --param "txn=$first"
is "twice" "$outcome" refused
bureau_agrees "cancelled"
settle 0 B-1
run 0 payment.load --terminal desk --amount 30.00 --param source=pending
is "what came back is on the chip again" "$(chip c .balance)" $((100000 - 5 * 3000 - 2000 + 3000))
bureau_agrees "settled anew"
reconcile c

say "the month's claim, the fund's answer with a deduction 扣减, the bank's word (R18)"
yuan() { # fen
    awk -v f="$1" 'BEGIN { printf "%.2f", f / 100 }'
}
open_day() {
    ctl --json status | jq -r .open_day
}
answer() { # claimed accepted deducted line…
    { printf 'fund,fund-employee\nmonth,%s\nclaimed,%s\naccepted,%s\ndeducted,%s\ncount,%d\n' "$month" "$1" "$2" "$3" $(($# - 3))
        printf 'txn,claimed_yuan,deducted_yuan,reason\n'; printf '%s\n' "${@:4}"; } >"$CITY/run/answer.csv"
    ctl settle deduct "$CITY/run/answer.csv" 2>&1
}
owes=$((-$(account fund fund-employee)))
hospital_had=$(account merchant hospital)
month=$(open_day | cut -c1-7)
while [[ $(open_day) == "$month"-* ]]; do
    ctl day close --early --date "$(open_day)" >>"$CITY/log/city.log" || { wrong "day close $(open_day)"; break; }
done
is "the claim's sum" "$(ctl --json settle claim fund-employee "$month" | jq -r '"\(.amount_fen) \(.recorded)"')" "$owes true"
line=$(tr -d '\r' <"$CITY/site/settlement/claim-fund-employee-$month/claim.csv" | awk -F, '$5 == "medical.settle" && $9 > 5 { l = $3 "," $9 } END { print l }')
text=$(answer "$(yuan $((owes + 1)))" "$(yuan $((owes - 499)))" 5.00 "$line,5.00,not covered")
is "an answer to another sum" $? 1
has "… says which" "$text" "the claim is of .* yuan, the answer says"
text=$(answer "$(yuan "$owes")" "$(yuan $((owes - 500)))" 5.00 "$line,5.00,\"not covered, line 2\"")
is "the answer ($text)" $? 0
is "the fund owes less" "$(account fund fund-employee)" $((500 - owes))
is "the hospital bears it" "$(account merchant hospital)" $((hospital_had - 500))
has "the same again" "$(answer "$(yuan "$owes")" "$(yuan $((owes - 500)))" 5.00 "$line,5.00,x")" '0 deducted, 1 unchanged, 0 bad'
printf 'count,1\ntotal,%s\nitem,payee,amount_yuan,result,date,reference\n%s/fund-employee/f/1,fund-employee,%s,paid,%s-28,G1\n' \
    "$(yuan $((500 - owes)))" "$month" "$(yuan $((500 - owes)))" "$month" >"$CITY/run/bank.csv"
ctl settle result "$CITY/run/bank.csv" >"$CITY/run/paid" 2>&1 || wrong "settle result: $(cat "$CITY/run/paid")"
is "the fund has paid" "$(account fund fund-employee)" 0
is "the claim is proved" "$(ctl --json settle claim fund-employee "$month" --verify | jq -r '"\(.faults) \(.answered) \(.deducted_fen)"')" "0 true 500"
ctl ledger verify >"$CITY/run/verify" 2>&1 || wrong "ledger verify: $(tail -n 3 "$CITY/run/verify")"
finish
