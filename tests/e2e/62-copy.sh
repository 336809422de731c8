#!/usr/bin/env bash
# A second copy under load: two followers, one on another disk and one over the network, at most a second behind; either is killed,
# the network is cut; then the daemon is killed and its disk thrown away in mid traffic, the copy is promoted, and the same
# cards go on, those that are ahead of it too (R1, R7, R10).
. "$(dirname "$0")/lib.sh"
[ -x "$ONECARD_BUILD/bin/loadgen" ] && [ -x "$ONECARD_BIN/onecard-copy" ] || skip "loadgen or onecard-copy is not built"
free_port() {
    "$python" -SE -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}
port=$(free_port)
listen=$(free_port)
between=$(free_port)
site=$CITY/site
site_new --issuer 1020304000000001
"$ONECARD_BUILD/bin/loadgen" found --dir "$site" --cards 3000 --terminals 40 --gates 4 >"$CITY/log/found.log" 2>&1 ||
    city_fail "founding: $(tail -n 3 "$CITY/log/found.log")"
{ ctl copy init --out "$CITY/far" --name far --connect "127.0.0.1:$between" && ctl copy init --out "$CITY/near" --name near; } \
    >"$CITY/log/init-copy.log" 2>&1 || city_fail "copy init: $(cat "$CITY/log/init-copy.log")"
has "what to write is said" "$(cat "$CITY/log/init-copy.log")" 'socket: run/copy.sock'
ctl copy init --out "$CITY/near" >/dev/null 2>&1
is "an existing folder is not touched" $? 1
ctl copy init --out "$CITY/third" --connect 127.0.0.1:1 >/dev/null 2>&1
is "keys that are in use are not replaced" "$? $(ls -d "$CITY/third" 2>/dev/null)" "1 "
cat >>"$site/onecardd.yaml" <<Y
terminals:
  listen: ["127.0.0.1:$port"]
  authority: loadgen/authority.pem
  frames_per_second: 1000000
  burst: 1000000
readers: {pcsc: false}
copy:
  socket: run/copy.sock
  listen: "127.0.0.1:$listen"
  certificate: copy-certificate.pem
  key: copy-key.pem
  authority: copy-authority.pem
  follower: copy-follower.pem
  behind: 2s
Y
daemon_start

# The wire to the far host, which can be cut.
wire_start() {
    "$python" -SE - "$between" "$listen" >"$CITY/log/wire.log" 2>&1 <<'P' &
import socket, sys, threading
door = socket.create_server(("127.0.0.1", int(sys.argv[1])))
def carry(a, b):
    try:
        while True:
            data = a.recv(65536)
            if not data:
                break
            b.sendall(data)
    except OSError:
        pass
    for s in (a, b):
        try:
            s.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
while True:
    one, _ = door.accept()
    try:
        other = socket.create_connection(("127.0.0.1", int(sys.argv[2])))
    except OSError:
        one.close()
        continue
    for a, b in ((one, other), (other, one)):
        threading.Thread(target=carry, args=(a, b), daemon=True).start()
P
    wire=$!
    disown "$wire" # its end is ours, and no news
    city_pids+=("$wire")
}
declare -A follower
follow() { # near|far
    "$ONECARD_BIN/onecard-copy" -c "$CITY/$1/onecard-copy.yaml" >>"$CITY/log/copy-$1.log" 2>&1 &
    follower[$1]=$!
    city_pids+=("$!")
}
state() { # name jq-expression
    ctl --json copy status | jq -r --arg n "$1" '.items[] | select(.name == $n) | '"$2"
}
level() { # name: until it has everything that is there now
    local row i
    row=$(ctl --json copy status | jq .row)
    for i in $(seq 200); do
        [ "$(state "$1" ".connected and .row >= $row")" = true ] && return 0
        sleep 0.1
    done
    wrong "copy $1 did not come level: $(ctl --json copy status | jq -c .items) $(tail -n 2 "$CITY/log/copy-$1.log")"
}
load() { # seconds name
    load_begin "$@"
    wait "$loading"
}
load_begin() {
    "$ONECARD_BUILD/bin/loadgen" --connect "127.0.0.1:$port" --identity "$site/loadgen" --terminals 40 --seconds "$1" --warmup 0 \
        --mix purchase=75,load=15,balance=10 --card-ms 20 --quiet --json "$CITY/run/load-$2.json" >>"$CITY/log/loadgen.log" 2>&1 &
    loading=$!
    city_pids+=("$loading")
}
# The greatest delay of each copy, looked at ten times a second for so many seconds: "near far" in ms.
watch_delay() {
    "$python" -SE - "$site/run/onecardd.sock" "$1" <<'P'
import http.client, json, socket, sys, time
class Api(http.client.HTTPConnection):
    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(sys.argv[1])
worst, rows, end = {}, 0, time.monotonic() + float(sys.argv[2])
while time.monotonic() < end:
    api = Api("localhost")
    api.request("GET", "/v1/copies")
    for c in json.load(api.getresponse())["items"]:
        worst[c["name"]] = max(worst.get(c["name"], 0), c["behind_ms"] if c["connected"] else 10**9)
        rows = max(rows, c["behind_rows"])
    api.close()
    time.sleep(0.1)
print(worst.get("near", -1), worst.get("far", -1), rows)
P
}

wire_start
follow near
follow far
say "a new copy begins with the first row"
level near
level far
load_begin 6 one
read -r near far rows < <(watch_delay 5)
wait "$loading"
say "under $(jq -r .per_second "$CITY/run/load-one.json") transactions a second: near at most $near ms behind, far $far ms, $rows rows"
[ "$near" -ge 0 ] && [ "$near" -le 1000 ] || wrong "the copy on this host was $near ms behind"
[ "$far" -ge 0 ] && [ "$far" -le 1000 ] || wrong "the copy over the network was $far ms behind"
has "metrics" "$(curl -s --unix-socket "$site/run/onecardd.sock" http://x/metrics)" 'onecard_copy_behind_ms\{copy="far"\}'

say "who has not the one key is not let in"
openssl s_client -connect "127.0.0.1:$listen" -alpn onecard-copy/1 </dev/null >"$CITY/log/openssl.log" 2>&1
"$ONECARD_BIN/onecard-copy" --check -c "$CITY/far/onecard-copy.yaml" >/dev/null || wrong "the configuration that copy init made"
has "refused" "$(grep copy "$CITY/log/onecardd.log")" 'refused 127.*no certificate'

say "a follower killed at any instant goes on where it was; the network cut; nobody waits for them"
load_begin 7 two
sleep 1
for i in 1 2 3; do
    kill -9 "${follower[near]}"
    wait "${follower[near]}" 2>/dev/null
    follow near
    sleep 0.3
done
kill -9 "$wire"
wait "$wire" 2>/dev/null
sleep 3
is "away is told" "$(state far .connected)" false
for i in $(seq 60); do
    alarms=$(ctl --json status | jq -r '[.alarms[].kind] | join(" ")')
    [ "$(state near .connected)" = true ] && break
    sleep 0.1
done
hasnt "one copy near is enough" "$alarms" copy_behind
wire_start
wait "$loading"
is "loadgen, whose answers waited for nobody" "$(jq '.unanswered + .lost + .doubled + .disagree' "$CITY/run/load-two.json")" 0
level near
level far
text=$(ctl copy promote "$CITY/far/copy.db" 2>&1)
is "promoting while the daemon works ($text)" $? 1

say "erased here is erased there"
echo 410102199001010021 | ctl citizen add --name 王芳 --id - >"$CITY/run/citizen" 2>&1 || wrong "citizen add: $(cat "$CITY/run/citizen")"
level near
keys() {
    "$python" -SE -c 'import sqlite3, sys; print(sqlite3.connect("file:%s?mode=ro" % sys.argv[1], uri=True).execute("SELECT count(*) FROM citizen_key").fetchone()[0])' "$CITY/near/copy.db"
}
had=$(keys)
citizen=$(echo 410102199001010021 | ctl --json citizen find --number - | jq -r '.citizen // empty')
ctl citizen erase "$citizen" --why "as asked" >"$CITY/run/erase" 2>&1 || wrong "erase '$citizen': $(cat "$CITY/run/erase")"
level near
[ "$had" -gt "$(keys)" ] || wrong "the copy had $had keys of citizens and has $(keys)"

last_row() {
    "$python" -SE -c 'import sqlite3, sys; print(sqlite3.connect("file:%s?mode=ro" % sys.argv[1], uri=True).execute("SELECT max(seq) FROM journal").fetchone()[0])' "$1"
}
# Cards whose chip did something of which the ledger has no row: their ids.
ahead() {
    "$python" -SE - "$site" <<'P'
import sqlite3, struct, sys
db = sqlite3.connect(f"file:{sys.argv[1]}/ledger.db?mode=ro", uri=True)
cards = open(f"{sys.argv[1]}/loadgen/cards.bin", "rb").read()
for serial, number, has, online, offline in db.execute("SELECT serial, id, due_has, due_online, due_offline FROM card WHERE open_txn = 0"):
    at = int(serial.hex()[8:]) * 128
    if cards[at]:
        shows = struct.unpack_from("<HH", cards, at + 2)
        if has & 2 and shows[0] > online or has & 4 and shows[1] > offline:
            print(number)
P
}
# The daemon killed in mid traffic and its disk thrown away; the copy that is further is promoted. die NAME SECONDS: the copies were
# killed so long before; 0: they follow to the end.
die() {
    local f other=near
    load_begin 30 "$1"
    sleep 3
    if [ "$2" != 0 ]; then
        for f in near far; do
            kill -9 "${follower[$f]}"
            wait "${follower[$f]}" 2>/dev/null
        done
        sleep "$2"
    fi
    daemon_kill9
    kill -9 "$loading"
    wait "$loading" 2>/dev/null
    sleep 0.5
    lost_at=$(last_row "$site/ledger.db")
    rm -f "$site"/ledger.db*
    if [ "$2" = 0 ]; then
        is "promoting while the follower still runs" "$(ctl copy promote "$CITY/far/copy.db" >/dev/null 2>&1; echo $?)" 1
        for f in near far; do
            kill "${follower[$f]}"
            wait "${follower[$f]}"
            is "the follower $f ends well" $? 0
        done
    fi
    best=far
    [ "$(last_row "$CITY/near/copy.db")" -le "$(last_row "$CITY/far/copy.db")" ] || { best=near other=far; }
    kept=$(last_row "$CITY/$best/copy.db")
    local begun text
    begun=$(date +%s%N)
    text=$(ctl copy promote "$CITY/$best/copy.db" 2>&1)
    is "promote ($text)" $? 0
    say "lost: $((lost_at - kept)) of $lost_at rows; promoted in $((($(date +%s%N) - begun) / 1000000)) ms"
}
right() { # load's name
    is "loadgen $1: nothing lost, nothing twice" "$(jq '.unanswered + .lost + .doubled + .disagree' "$CITY/run/load-$1.json")" 0
}

say "the daemon is killed in mid traffic, its disk is gone"
# The copies have ended before it, so that something is lost.
die three 0.6
[ "$lost_at" -gt "$kept" ] || wrong "nothing was lost: the test proves nothing"
daemon_start
load 6 four
right four
[ -n "$(ahead)" ] || wrong "no chip is ahead any more: the count below proves nothing"
say "after it: $(jq -c '[.posted, .refused, .voided]' "$CITY/run/load-four.json") posted, refused once, voided"
has "events" "$(ctl --json event list --limit 500 | jq -r '[.items[].kind] | unique | join(" ")')" restored
follow near
follow far
level near
level far
ctl ledger verify >"$CITY/run/verify" || wrong "verify: $(cat "$CITY/run/verify")"

say "answers that wait for the copy: no chip is ever ahead of it"
daemon_stop
sed -i 's/^  behind: 2s/  behind: 2s\n  wait: 5s/' "$site/onecardd.yaml"
daemon_start
level near
level far
is "they wait" "$(ctl --json copy status | jq .answers_wait)" true
load 5 five
right five
say "under $(jq -r .per_second "$CITY/run/load-five.json") transactions a second with waiting, half within $(jq -r .latency.p50_ms "$CITY/run/load-five.json") ms; without $(jq -r .per_second "$CITY/run/load-four.json"), $(jq -r .latency.p50_ms "$CITY/run/load-four.json") ms"
ahead | sort >"$CITY/run/ahead-before"
die six 0
ahead | sort >"$CITY/run/ahead-after"
is "chips of which no copy has a row" "$(comm -13 "$CITY/run/ahead-before" "$CITY/run/ahead-after" | wc -l)" 0
daemon_start
load 6 seven
right seven
follow near
follow far
level near
level far
ctl ledger verify >"$CITY/run/verify" || wrong "verify: $(cat "$CITY/run/verify")"
daemon_stop

say "each card: chip and ledger by R1"
"$python" -SE - "$site" <<'P' || wrong "R1"
import mmap, sqlite3, struct, sys
site = sys.argv[1]
db = sqlite3.connect(f"file:{site}/ledger.db?mode=ro", uri=True)
rows = {bytes(r[0]): r[1:] for r in db.execute(
    "SELECT serial, purse_credits - purse_debits, due_offline, awaiting, alarm, open_txn, id, "
    "due_has & 224 FROM card")}
ahead = dict(db.execute("SELECT card, group_concat(DISTINCT kind) FROM event WHERE kind IN "
                        "('awaiting_records', 'loads_lost', 'adopted_after_restore') GROUP BY card"))
bad = db.execute("SELECT card, kind, text FROM event WHERE kind IN ('offline_counter_back', 'online_counter_moved', "
                 "'balance_mismatch')").fetchall()
used = told = doubts = unseen = 0
with open(f"{site}/loadgen/cards.bin", "rb") as f:
    store = mmap.mmap(f.fileno(), 0, access=mmap.ACCESS_READ)
for i in range(len(store) // 128):
    card = store[i * 128:(i + 1) * 128]
    if not card[0]:
        continue
    used += 1
    offline, = struct.unpack_from("<H", card, 4)
    balance, = struct.unpack_from("<i", card, 52)
    serial = bytes.fromhex("00007700" + f"{i:012d}")
    purse, due, awaiting, alarm, open_txn, number, marks = rows[serial]
    told += number in ahead
    if open_txn:
        doubts += 1
    elif balance == purse and not awaiting and not alarm:
        pass
    elif awaiting or alarm == 4:
        # The law: what is awaited explains the difference.
        if alarm not in (0, 4) or (not alarm and balance > purse and not marks & 64):
            bad.append((number, "law", f"chip {balance}, purse {purse}, awaiting {awaiting}, alarm {alarm}"))
    else:
        # Ahead, and the counter that tells it was not shown since: the next tap tells.
        unseen += 1
        if not marks or offline < due or alarm:
            bad.append((number, "law", f"chip {balance}, purse {purse}, counters {offline} {due}"))
twice = db.execute("SELECT count(*) FROM (SELECT 1 FROM txn WHERE request_no IS NOT NULL GROUP BY terminal, request_no HAVING count(*) > 1)").fetchone()[0]
print(f"   {used} cards were used, {told} were found ahead ({', '.join(sorted(set(k for v in ahead.values() for k in v.split(','))))}), "
      f"{unseen} not presented since, {doubts} in doubt")
for b in bad[:10]:
    print("  ", b)
sys.exit(bool(bad) or twice != 0 or told == 0 or used < 1000)
P
finish
