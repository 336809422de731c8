# shellcheck shell=bash disable=SC2034,SC2154
# The town of tools/demo: a hospital, a bureau, a bank and a water company with systems of their own behind mutual TLS,
# fare tables, the bureau's rules, participants and terminals. Sourced, after city.sh and story.sh.

institutions=$root/tests/e2e/institutions.py
credit_line=0
port_free() {
    "$city_python" -SE -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# One authority for both sides, a certificate for each.
town_pki() {
    local d=$CITY/pki who
    mkdir -p "$d"
    {
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 90 -subj "/CN=Town authority" \
            -keyout "$d/ca.key" -out "$d/ca.crt"
        for who in server client; do
            openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$who" -keyout "$d/$who.key" -out "$d/$who.csr"
            printf 'extendedKeyUsage=%sAuth\n' "$who" >"$d/$who.ext"
            [ $who = client ] || printf 'subjectAltName=IP:127.0.0.1\n' >>"$d/$who.ext"
            openssl x509 -req -in "$d/$who.csr" -CA "$d/ca.crt" -CAkey "$d/ca.key" -CAcreateserial -days 60 -extfile "$d/$who.ext" \
                -out "$d/$who.crt"
        done
        openssl genpkey -algorithm ed25519 -out "$d/hospital.key"
        openssl pkey -in "$d/hospital.key" -pubout -out "$d/hospital.pub"
    } >"$CITY/log/openssl.log" 2>&1 || city_fail "openssl: $(tail -n 3 "$CITY/log/openssl.log")"
}

# The clinic lets the hospital's system speak for it.
town_role() { # participant
    case $1 in
    clinic-1) echo hospital ;;
    water) echo utility ;;
    *) echo "$1" ;;
    esac
}

# What the configuration says beyond a bare site's. Before the daemon starts.
town_config() {
    local f=$CITY/site/onecardd.yaml who
    TOWN_PORT=$(port_free)
    TOWN_DOOR=$(port_free)
    mkdir -p "$CITY/site/fares" "$CITY/site/bureau"
    cp "$root"/conf/fares/*-2026.yaml "$CITY/site/fares/"
    cp "$root"/conf/bureau/*.yaml "$CITY/site/bureau/"
    sed -i '/^modules:/,$d' "$f"
    cat >>"$f" <<Y
institutions:
  listen: "127.0.0.1:$TOWN_DOOR"
  certificate: $CITY/pki/server.crt
  key: $CITY/pki/server.key
  ca: $CITY/pki/ca.crt
upstreams:
Y
    for who in hospital clinic-1 bureau bank water; do
        cat >>"$f" <<Y
  $who:
    url: https://127.0.0.1:$TOWN_PORT/$(town_role $who)
    ca: $CITY/pki/ca.crt
    certificate: $CITY/pki/client.crt
    key: $CITY/pki/client.key
    timeout: 2s
    retry: 100ms
    retry_max: 400ms
    failures: 50
Y
    done
    cat >>"$f" <<Y
modules:
  payment: {bank: bank}
  transit: {fares: fares, table: bus}
  medical:
    recognition: {GLU: "90"}
    interactions: {B01A+N02BA: "出血风险 risk of bleeding"}
  social: {rules: bureau, city: 示范市}
Y
}

# The institutions' own systems: tests/e2e/institutions.py, with a book that survives them.
town_systems() {
    mkdir -p "$CITY/town/switch"
    ctl upstream key >"$CITY/town/site.pem" 2>/dev/null || city_fail "the site has no public key"
    town_site=$(ctl --json upstream key | jq -r .name)
    town_systems_start
}
town_systems_start() {
    "${city_clock[@]}" "$city_python" "$institutions" serve --port "$TOWN_PORT" --pki "$CITY/pki" --book "$CITY/town/book" \
        --switch "$CITY/town/switch" --key "$CITY/town/site.pem" --site "$town_site" \
        --called hospital=clinic-1 --called utility=water >>"$CITY/log/institutions.log" 2>&1 &
    town_pid=$!
    city_pids+=("$town_pid")
    local i
    for i in $(seq 100); do
        (exec 3<>"/dev/tcp/127.0.0.1/$TOWN_PORT") 2>/dev/null && return 0
        sleep 0.05
    done
    city_fail "the institutions did not start: $(tail -n 3 "$CITY/log/institutions.log")"
}
town_systems_died() { # as ordered: wait for it
    local i
    for i in $(seq 100); do
        kill -0 "$town_pid" 2>/dev/null || { wait "$town_pid" 2>/dev/null; return 0; }
        sleep 0.05
    done
    return 1
}
behave() { # ROLE "WHAT HOW" …; without more: well
    local role=$1
    shift
    if [ $# = 0 ]; then rm -f "$CITY/town/switch/$role"; else printf '%s\n' "$@" >"$CITY/town/switch/$role"; fi
}
town_book() {
    "$city_python" "$institutions" book "$CITY/town/book"
}
outbox_empty() { # everything acknowledged within 10 s
    local i
    for i in $(seq 100); do
        [ "$(ctl --json outbox list | jq '.items | length')" = 0 ] && return 0
        sleep 0.1
    done
    return 1
}
# Holds that the ledger and the institutions' book know differently; none is right.
books_differ() {
    ctl --json hold list --limit 500 |
        jq -r '.items[] | select(.state == "confirmed" or .state == "reversed") | "\(.to)/\(.txn) \(.state)"' |
        sed 's#^water/#utility/#' | sort >"$CITY/run/ours"
    town_book | jq -r '.holds | to_entries[] | "\(.key) \(.value.state)"' | sort >"$CITY/run/theirs"
    diff "$CITY/run/ours" "$CITY/run/theirs"
}

# A hospital's own system asks by itself: hospital_says SERVICE CITIZEN DOCUMENT|- [params]. Signed as docs/UPSTREAM.md says.
hospital_says() {
    local target=/v1/services/$1 body date key hash sig
    said=$((${said:-0} + 1))
    body=$(jq -nc --arg t his --argjson n "$said" --arg c "$2" --argjson d "${3:-null}" --argjson p "${4:-null}" \
        '{terminal: $t, number: $n} + (if $c == "" then {} else {citizen: $c} end) + (if $d then {document: $d} else {} end)
         + (if $p then {params: $p} else {} end)')
    date=$("${city_clock[@]}" date -u +%FT%TZ)
    key=his-$said-$RANDOM
    hash=$(printf %s "$body" | sha256sum | cut -c1-64 | tr a-f A-F)
    printf 'onecard-message-2\nhospital\n%s\nPOST\n%s\n%s\n%s\n%s\n' "$town_site" "$target" "$key" "$date" "$hash" >"$CITY/run/message"
    sig=$(openssl pkeyutl -sign -rawin -inkey "$CITY/pki/hospital.key" -in "$CITY/run/message" | base64 -w0)
    out=$(printf %s "$body" | "${city_clock[@]}" curl -sS --noproxy '*' --max-time 20 --cacert "$CITY/pki/ca.crt" --cert "$CITY/pki/client.crt" \
        --key "$CITY/pki/client.key" -H "Content-Type: application/json" -H "Onecard-From: hospital" -H "Onecard-To: $town_site" \
        -H "Idempotency-Key: $key" -H "Onecard-Date: $date" -H "Onecard-Signature: $sig" --data-binary @- "https://127.0.0.1:$TOWN_DOOR$target" 2>&1)
    [ "$(jq -r '.outcome // empty' <<<"$out" 2>/dev/null)" = posted ] || {
        cross "hospital → POST $target: $(head -c 400 <<<"$out")"
        return 1
    }
    [ -n "${quiet:-}" ] || {
        printf '  %shospital → POST %s%s\n' "$dim" "$target" "$off"
        jq -r "$told" <<<"$out" | sed 's/^/    /'
    }
}

# Participants, terminals and the hospital's key; the daemon runs.
town_found() {
    local p
    while IFS='|' read -r id name; do
        ctl participant add --id "$id" --name "$name" >/dev/null || city_fail "participant $id"
    done <<'P'
cardco|City Card Company 市民卡公司
hospital|First People's Hospital 第一人民医院
clinic-1|Community Clinic 社区卫生服务中心
pharmacy|Pharmacy 仁和药房
bureau|Social Security Bureau 人社局
bus|City Bus 公交公司
metro|Metro 地铁公司
shop|Corner Shop 便利店
bank|City Bank 城市银行
water|Water Company 自来水公司
education|Education Bureau 教育局
civil-affairs|Civil Affairs 民政局
veterans|Veterans Affairs 退役军人局
P
    p=1
    while read -r id kind participant services params; do
        # shellcheck disable=SC2086
        ctl terminal add --id "$id" --kind "$kind" --participant "$participant" --sam "1000000001$((10 + p))" \
            --reader "$SLOT_A" --services "$services" $params >/dev/null || city_fail "terminal $id"
        p=$((p + 1))
    done <<'T'
hall1 hall cardco *
shop1 pos shop payment.*
pharmacy pos pharmacy payment.*,social.personal_pay,medical.*
ward1 hall hospital medical.*,payment.balance
clinic1 hall clinic-1 medical.*
window1 hall bureau social.*
m101 metro metro transit.* --param table=metro --param station=101 --param line=1
m104 metro metro transit.* --param table=metro --param station=104 --param line=1
T
    ctl terminal add --id his --kind system --participant hospital --services 'medical.*' >/dev/null || city_fail "terminal his"
    ctl terminal add --id bureau1 --kind desk --participant bureau --services 'social.*' >/dev/null || city_fail "terminal bureau1"
    ctl participant key hospital --file "$CITY/pki/hospital.pub" --why "demo" >/dev/null || city_fail "the hospital's key"
}

# A blank chip onto the reader, personalised and registered: issue NAME cardsim-profile options…; its number is in $number.
# The holder's personal number comes by standard input, for --holder-id -.
issue() {
    local name=$1 blank=$2
    shift 2
    "$ONECARD_BIN/cardsim" --state "$CITY/cards/$name.card" --write-state --profile "$blank" >/dev/null </dev/null || city_fail "no blank card"
    card_in A "$name" </dev/null
    only='posted|refused|card  ' expect 0 card issue --terminal hall1 "$@"
    number=$(ctl --json card list --limit 500 | jq -r --arg s "$(card_says A .serial)" '.items[] | select(.serial == $s) | .number')
}
citizen_of() { # card number
    ctl --json card show "$1" | jq -r .citizen
}
# What the bureau knows of a citizen's medical insurance, and a personal account with money: insure CITIZEN STATUS YUAN
insure() {
    jq -nc --arg s "$2" --arg i "${4:-employee}" '{kind: "medical", state: "paying", from: 20200101, until: 0, serial: 1, insurance: $i, status: $s, months: 80}' \
        >"$CITY/run/insured.json"
    ctl --json txn run social.insured_put --terminal bureau1 --param citizen="$1" --document "$CITY/run/insured.json" \
        >>"$CITY/log/city.log" 2>&1 || cross "insured_put $1"
    [ "${3:-0}" = 0 ] || ctl --json txn run social.personal_credit --terminal bureau1 --amount "$3" --param batch=month-1 --param "line=$((++credit_line))" \
        --param fund=fund-employee --param citizen="$1" >>"$CITY/log/city.log" 2>&1 || cross "personal_credit $1"
}
# Accounts and cards together: double entry, so the sum is nothing.
books_sum() {
    local accounts cards
    accounts=$(ctl --json account list --limit 500 | jq '[.items[].balance_fen] | add')
    cards=$(ctl --json card list --limit 500 | jq '[.items[] | .purse_fen + .pending_load_fen] | add')
    echo $((accounts + cards))
}
