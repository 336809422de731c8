# shellcheck shell=bash disable=SC2034,SC2154
# The switch's door for institutions in a test: certificates, institutions' keys, the section of the configuration, and calls
# by partner.py. Sourced after lib.sh.
"$python" -c 'import cryptography' 2>/dev/null || skip "python3-cryptography is not installed"
door=$("$python" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
pki=$CITY/pki

# One authority; door.crt and client.crt of it.
door_pki() {
    mkdir -p "$pki"
    {
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj "/CN=Test authority" \
            -keyout "$pki/ca.key" -out "$pki/ca.crt"
        printf 'subjectAltName=IP:127.0.0.1\n' >"$pki/ext"
        local who
        for who in door client; do
            openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$who" -keyout "$pki/$who.key" -out "$pki/$who.csr"
            openssl x509 -req -in "$pki/$who.csr" -CA "$pki/ca.crt" -CAkey "$pki/ca.key" -days 20 -extfile "$pki/ext" -out "$pki/$who.crt"
        done
    } >"$CITY/log/openssl.log" 2>&1 || city_fail "openssl: $(tail -n 3 "$CITY/log/openssl.log")"
}
# What each institution signs with: door_keys WHO …
door_keys() {
    local who
    for who; do
        { openssl genpkey -algorithm ed25519 -out "$pki/$who.pem" && openssl pkey -in "$pki/$who.pem" -pubout -out "$pki/$who.pub"; } \
            2>>"$CITY/log/openssl.log" || city_fail "openssl: $(tail -n 3 "$CITY/log/openssl.log")"
    done
}
# The section of the configuration: door_section CERTIFICATE KEY [line …]
door_section() {
    printf 'institutions:\n  listen: "127.0.0.1:%s"\n  certificate: %s\n  key: %s\n' "$door" "$1" "$2"
    [ $# -lt 3 ] || printf '  %s\n' "${@:3}"
}
# A site without readers behind that door: door_site MODULES [line of the section …]
door_site() {
    site_new
    f=$CITY/site/onecardd.yaml
    sed -i '/^modules:/,$d' "$f"
    {
        printf 'readers:\n  pcsc: off\n'
        door_section "$pki/door.crt" "$pki/door.key" "${@:2}"
        printf 'modules: [%s]\n' "$1"
    } >>"$f"
}
door_start() {
    daemon_start
    sleep 1 # dates are in whole seconds
}
# Participants with a terminal of kind system each, under the running daemon: door_participants SERVICES WHO …
door_participants() {
    local services=$1 who
    shift
    for who; do
        ctl participant add --id "$who" --name "Institution $who" >>"$CITY/log/city.log" || city_fail "participant $who"
        ctl terminal add --id "sys-$who" --kind system --participant "$who" --services "$services" >>"$CITY/log/city.log" ||
            city_fail "terminal of $who"
    done
    site_name=$(ctl --json upstream key | jq -r .name)
}
door_key_known() { # WHO …
    local who
    for who; do
        ctl participant key "$who" --file "$pki/$who.pub" >>"$CITY/log/city.log" || city_fail "key of $who"
    done
}
# The answers to a signed request, a line each: ask WHO options … METHOD TARGET [BODY]. Its date is half a minute ahead: after a
# start the switch reads only what one before it could not have let in.
ask() {
    "$python" "$here/partner.py" --port "$door" --ca "$pki/ca.crt" --to "$site_name" --from "$1" --key "$pki/$1.pem" --date-off 30 "${@:2}" 2>&1
}
# The same of one answer: $status, $body, and in $code the error's code or the outcome
call() {
    body=$(ask "$@")
    status=${body%% *}
    body=${body#* }
    code=$(jq -r '.error.code? // .outcome? // empty' 2>/dev/null <<<"$body")
}
# The statuses alone, in a line
statuses() {
    ask "$@" | cut -d' ' -f1 | tr '\n' ' '
}
