#!/usr/bin/env bash
# The limits of institutions' own door: who sends too much is sent away and may send the same again, one's haste is not
# another's; a private key that others can read is refused.
. "$(dirname "$0")/lib.sh"
"$python" -c 'import cryptography' 2>/dev/null || skip "python3-cryptography is not installed"
port=$("$python" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
pki=$CITY/pki
mkdir -p "$pki"
{
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj "/CN=Test authority" \
        -keyout "$pki/ca.key" -out "$pki/ca.crt"
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=door" -keyout "$pki/door.key" -out "$pki/door.csr"
    printf 'subjectAltName=IP:127.0.0.1\n' >"$pki/ext"
    openssl x509 -req -in "$pki/door.csr" -CA "$pki/ca.crt" -CAkey "$pki/ca.key" -days 20 -extfile "$pki/ext" -out "$pki/door.crt"
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=hospital" -keyout "$pki/client.key" -out "$pki/client.csr"
    openssl x509 -req -in "$pki/client.csr" -CA "$pki/ca.crt" -CAkey "$pki/ca.key" -days 20 -out "$pki/client.crt"
    for who in h1 h2; do
        openssl genpkey -algorithm ed25519 -out "$pki/$who.pem"
        openssl pkey -in "$pki/$who.pem" -pubout -out "$pki/$who.pub"
    done
} >"$CITY/log/openssl.log" 2>&1 || city_fail "openssl: $(tail -n 3 "$CITY/log/openssl.log")"

site_new
f=$CITY/site/onecardd.yaml
sed -i '/^modules:/,$d' "$f"
cat >>"$f" <<Y
readers:
  pcsc: off
institutions:
  listen: "127.0.0.1:$port"
  certificate: $pki/door.crt
  key: $pki/door.key
  per_second: 1
  burst: 1
modules: [payment, transit, medical]
Y
daemon_start
for who in h1 h2; do
    ctl participant add --id $who --name "Hospital $who" >>"$CITY/log/city.log" || city_fail "participant $who"
    ctl participant key $who --file "$pki/$who.pub" >>"$CITY/log/city.log" || city_fail "key of $who"
done

# call WHO options … METHOD TARGET: the statuses
call() {
    local who=$1
    shift
    "$python" "$here/partner.py" --port "$port" --ca "$pki/ca.crt" --from "$who" --key "$pki/$who.pem" "$@" 2>&1 | cut -d' ' -f1 | tr '\n' ' '
}

say "one request a second"
is "sent away, and the very same again" "$(call h1 --after "/v1/outbox?after=1" --times 2 --pause 1.5 GET /v1/outbox)" "200 429 200 "
is "once it was let in it is a replay" "$(call h2 --times 3 GET /v1/outbox)" "200 409 409 "

say "a private key that everybody can read"
daemon_stop
chmod 0644 "$pki/door.key"
out=$("$ONECARD_BIN/onecardd" --config "$f" 2>&1 </dev/null)
is "does not start" "$?" 1
has "says why" "$out" 'door.key may be read by everybody'
finish
