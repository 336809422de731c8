#!/usr/bin/env bash
# Institutions' own door over real TLS: only who signs is heard, only with what it may do, the same number again gives the
# first answer; messages are fetched by who cannot be called. A dynamic code stands for the holder, once (R21).
. "$(dirname "$0")/lib.sh"
. "$here/door.sh"
door_pki
door_keys h1 h2

door_site 'payment, transit, medical'
door_start
door_participants 'medical.*,payment.*' h1 h2
ctl terminal add --id desk1 --kind desk --participant h1 --services '*' >>"$CITY/log/city.log" || city_fail "desk1"

say "who is heard"
call h1 POST /v1/outbox/38G0EB8620000/done '{}'
is "no key in the ledger" "$status/$code" 401/not_signed
has "a key is shown by its fingerprint" "$(ctl participant key h1 --file "$pki/h1.pub" --why "letter of 3 May")" fingerprint
door_key_known h2
call h1 --date-off 0 GET /v1/outbox
is "what a switch before this start may have seen" "$status/$code" 425/too_early
call h1 --date-off 40 GET /v1/outbox
is "from beyond that" "$status/$code" 401/wrong_date
call h1 POST /v1/outbox/38G0EB8620000/done '{}'
is "writing may come again: it need not wait" "$status" 200
call h1 GET /v1/outbox
is "signed" "$status/$(jq -c .items <<<"$body")" "200/[]"
call h1 --tamper POST /v1/outbox/38G0EB8620000/done '{}'
is "another body than the signed one" "$status/$code" 401/not_signed
call h1 --date-off -301 GET /v1/outbox
is "six minutes old" "$status/$code" 401/wrong_date
call h1 --date-off 400 GET /v1/outbox
is "from the future" "$status/$code" 401/wrong_date
call h1 --from h2 GET /v1/outbox
is "in another's name" "$status/$code" 401/not_signed
call h1 --to site-1100410000000001-9 GET /v1/outbox
is "for another site" "$status/$code" 421/other_site
has "which says its name" "$body" "$site_name"
body=$("$python" "$here/partner.py" --port "$door" --ca "$pki/ca.crt" GET /v1/outbox)
is "not signed" "${body%% *}" 401
is "the same reading request again" "$(statuses h1 --times 2 GET /v1/outbox)" "200 409 "
has "refusals are counted" "$(curl -s --unix-socket "$CITY/site/run/onecardd.sock" http://x/metrics)" \
    'onecard_institution_refused_total{code="other_site"} 1'
call h1 --tls12 GET /v1/outbox
is "TLS 1.2" "$status" 0
call h1 GET /v1/status
is "the operators' calls are not behind this door" "$status/$code" 404/no_such_path
call h1 PUT /v1/outbox
is "another method" "$status/$code" 405/wrong_method
call h1 POST /v1/services/medical.slots '{"terminal":"sys-h1","number":1,"nmae":1}'
is "an unknown member" "$status/$code" 400/unknown_field
"$python" -c 'print("{\"x\":\"" + "a" * 300000 + "\"}")' >"$CITY/run/big"
is "a body over 256 KiB" "$(curl -s -o /dev/null -w '%{http_code}' --cacert "$pki/ca.crt" --data-binary "@$CITY/run/big" "https://127.0.0.1:$door/v1/services/medical.slots")" 413

say "what may be asked"
call h1 POST /v1/services/payment.purchase '{"terminal":"sys-h1","number":1,"amount_fen":100}'
is "a service that is not for institutions" "$status/$code" 403/not_allowed
call h1 POST /v1/services/medical.nothing '{"terminal":"sys-h1","number":1}'
is "no such service" "$status/$code" 404/unknown_service
call h1 POST /v1/services/medical.departments '{"terminal":"sys-h2","number":1}'
is "another's terminal" "$status/$code" 403/not_allowed
call h1 POST /v1/services/medical.departments '{"terminal":"desk1","number":1}'
is "a desk of its own" "$status/$code" 403/not_allowed
call h1 POST /v1/services/medical.departments '{"terminal":"sys-h1"}'
is "without a number" "$status/$code" 400/missing_field
day=$(date -d 'tomorrow' +%Y%m%d)
schedule='{"serviceType":"neike","serviceTypeDisplay":"内科","actor":"w","actorDisplay":"王医生","date":'$day',"fee_fen":1500,"managingOrganization":"第一人民医院","slot":[{"start":900,"capacity":2}]}'
call h1 POST /v1/services/medical.departments '{"terminal":"sys-h1","number":2}'
is "departments" "$status/$code" 200/posted
first=$body
call h1 POST /v1/services/medical.departments '{"terminal":"sys-h1","number":2}'
is "asked again" "$status/$code" 200/posted

say "a citizen is booked, once"
ctl citizen add --name "王芳" --id - <<<410102199001010021 >>"$CITY/log/city.log" || wrong "citizen add"
citizen=$(ctl --json citizen find --number - <<<410102199001010021 | jq -r .citizen)
call h1 POST /v1/services/medical.schedule_put "{\"terminal\":\"sys-h1\",\"number\":3,\"document\":$schedule}"
is "a schedule" "$status/$code" 200/posted
book='{"terminal":"sys-h1","number":4,"citizen":"'$citizen'","params":{"department":"neike","practitioner":"w","day":"'$day'","slot":"0900"}}'
call h1 POST /v1/services/medical.book "$book"
is "booked" "$status/$code" 200/posted
txn=$(jq -r .txn <<<"$body")
call h1 POST /v1/services/medical.book "$book"
is "the same number again: the first answer" "$status/$code/$(jq -r .txn <<<"$body")" "200/posted/$txn"
call h1 POST /v1/services/medical.book "${book/0900/0930}"
is "the same number, another content" "$status/$(jq -r .reason <<<"$body")" 200/conflict
call h1 GET /v1/requests/sys-h1/4
is "what became of number 4" "$status/$(jq -r .txn <<<"$body")" "200/$txn"
call h2 GET /v1/requests/sys-h1/4
is "asked by another" "$status/$code" 403/not_allowed
call h1 GET /v1/requests/sys-h1/99
is "a number that never was" "$status/$code" 404/not_found
is "the row says who" "$(ctl --json txn show "$txn" | jq -r .who)" participant:h1

say "messages are fetched"
call h1 GET /v1/outbox
n=$(jq '.items | length' <<<"$body")
if [ "$n" != 0 ]; then
    id=$(jq -r '.items[0].message' <<<"$body")
    is "in the words they would be sent in" "$(jq -r '.items[0] | (.body.id == .message) and (.body.document|type == "object")' <<<"$body")" true
    hasnt "nothing is sealed any more" "$(jq -c '.items[0].body.document' <<<"$body")" '"~'
    call h2 POST "/v1/outbox/$id/done" '{}'
    is "another's message" "$status" 404
    call h1 POST "/v1/outbox/$id/done" '{}'
    is "done" "$status/$(jq -r .done <<<"$body")" 200/true
    call h1 POST "/v1/outbox/$id/done" '{}'
    is "done twice" "$status/$(jq -r .done <<<"$body")" 200/true
    call h1 GET /v1/outbox
    is "one less" "$(jq '.items | length' <<<"$body")" $((n - 1))
else
    echo "note: no message came of this booking"
fi

say "a dynamic code"
number=$(ctl --json card register --serial 77 --profile pboc-ep --holder "王芳" --holder-id - <<<410102199001010021 | jq -r .number)
code_new() { ctl --json citizen code "$number" | jq -r .code; }
shown=$(code_new)
has "its form" "$shown" "^oc2:$number\.[0-9]+\.[0-9A-F]{20}$"
has "that it was made is an event, with who and for whom" "$(ctl --json event list --limit 500)" "dynamic code in place of card $number of citizen $citizen, by $(id -un)"
hasnt "which does not tell it" "$(ctl --json event list --limit 500)" "${shown##*.}"
ask='{"terminal":"sys-h1","number":%d,"code":"%s"}'
reports() { # number code
    # shellcheck disable=SC2059
    call h1 POST /v1/services/medical.reports "$(printf "$ask" "$1" "$2")"
}
reports 10 "$shown"
is "counts as presence" "$status/$code" 200/posted
reports 10 "$shown"
is "the same request again" "$status/$code" 200/posted
reports 11 "$shown"
is "a second time" "$(jq -r .outcome+.reason <<<"$body")" refusedparameter
has "says why" "$(jq -r .detail <<<"$body")" 'used already'
reports 12 "oc2:$number.$(($(date +%s) / 60)).00112233445566778899"
is "made up" "$(jq -r .outcome+.reason <<<"$body")" refusedparameter
shown=$(code_new)
sleep 1
once=(--idempotency once --date "$(date -u -d '+30 seconds' +%FT%TZ)" GET /v1/outbox)
call h1 "${once[@]}"
is "read once" "$status" 200
daemon_stop
door_start
call h1 "${once[@]}"
is "the very same after a restart" "$status/$code" 425/too_early
reports 13 "$shown"
is "of before a restart" "$(jq -r .outcome+.reason <<<"$body")" refusedparameter
reports 14 "$(code_new)"
is "of after it" "$status/$code" 200/posted
ctl card report-loss "$number" --why test >>"$CITY/log/city.log" || wrong "report-loss"
has "none for a lost card" "$(ctl citizen code "$number" 2>&1)" 'lost'

say "retention outranks the wish to be forgotten"
call h1 GET /v1/outbox
for id in $(jq -r '.items[].message' <<<"$body"); do call h1 POST "/v1/outbox/$id/done" '{}'; done
has "documents are in the export" "$(ctl --json citizen export "$citizen" --reason test | jq -c '[.records[].scope] | unique')" medical
hasnt "opened" "$(ctl --json citizen export "$citizen" --reason test | jq -c '.records')" '"~'
told=$(ctl citizen erase "$citizen" --why "letter" 2>&1)
has "kept for fifteen years" "$told" "kept until $(($(date +%Y) + 15))-"
is "personal data are gone" "$(ctl --json citizen show "$citizen" --reason x | jq -r .error.code)" erased
has "documents are there" "$(ctl --json citizen export "$citizen" --reason test | jq -c '[.records[].scope] | unique')" medical
has "they are not due" "$(ctl citizen erase --due)" '^documents of 0 '
is "the books are good" "$(ctl --json ledger verify | jq -r .good)" true

say "limits, closing, the key taken away"
sed -i "s#^institutions:#institutions:\n  per_second: 1\n  burst: 3\n  ca: $pki/ca.crt#" "$f"
daemon_stop
door_start
call h1 GET /v1/outbox
is "no client certificate" "$status" 0
certs=(--cert "$pki/client.crt" --cert-key "$pki/client.key")
got=$(statuses h1 "${certs[@]}" --times 6 POST /v1/outbox/38G0EB8620000/done '{}')
has "more than its rate" "$got" '^200 200 200 .*429'
call h2 "${certs[@]}" GET /v1/outbox
is "another has its own" "$status" 200
sleep 2
ctl participant key h2 --none --why "left" >>"$CITY/log/city.log" || wrong "key --none"
call h2 "${certs[@]}" GET /v1/outbox
is "the key was taken away" "$status/$code" 401/not_signed
daemon_stop
finish
