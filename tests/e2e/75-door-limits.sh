#!/usr/bin/env bash
# The limits of institutions' own door: who sends too much is sent away and may send the same again, one's haste is not
# another's; a private key that others can read is refused.
. "$(dirname "$0")/lib.sh"
. "$here/door.sh"
door_pki
door_keys h1 h2

door_site 'payment, transit, medical' 'per_second: 1' 'burst: 1'
door_start
door_participants 'medical.*' h1 h2
door_key_known h1 h2

say "one request a second"
is "sent away, and the very same again" "$(statuses h1 --after "/v1/outbox?after=38G0EB8620000" --times 2 --pause 1.5 GET /v1/outbox)" "200 429 200 "
is "once it was let in it is a replay" "$(statuses h2 --times 3 GET /v1/outbox)" "200 409 409 "

say "a private key that everybody can read"
daemon_stop
chmod 0644 "$pki/door.key"
out=$("$ONECARD_BIN/onecardd" --config "$f" 2>&1 </dev/null)
is "does not start" "$?" 1
has "says why" "$out" 'door.key may be read by everybody'
finish
