#!/usr/bin/env bash
# A module of a fifth kind, from outside this tree: compiled by a plain cc against installed headers, put into the module folder
# and run by the real daemon beside social security. Books are lent with a deposit or, to whom social.eligible confirms, without.
. "$(dirname "$0")/lib.sh"
command -v cc >/dev/null && command -v pkg-config >/dev/null || skip "no cc or no pkg-config"
prefix=${ONECARD_PREFIX:-}
if [ -z "$prefix" ]; then
    prefix=$CITY/prefix
    cmake --install "$ONECARD_BUILD" --prefix "$prefix" >"$CITY/log/install.log" 2>&1 || skip "nothing to install: $(tail -n 1 "$CITY/log/install.log")"
fi

say "built out of the tree"
export PKG_CONFIG_PATH=$prefix/lib/pkgconfig
# shellcheck disable=SC2046
(cd "$CITY/run" && cc -shared -fPIC -Wall -Wextra -Werror $(pkg-config --cflags onecard-module) -o library.so \
    "$ONECARD_ROOT/tests/module/library/library.c") || city_fail "library.c does not build against the installed headers"
mkdir -p "$CITY/modules"
cp "$(pkg-config --variable=moduledir onecard-module)"/*.so "$CITY/run/library.so" "$CITY/modules/" || city_fail "no modules"

library() {
    local f=$CITY/site/onecardd.yaml
    cp -r "$ONECARD_ROOT/conf/bureau" "$CITY/site/bureau"
    sed -i '/^modules:/,$d' "$f"
    cat >>"$f" <<Y
paths:
  modules: $CITY/modules
modules:
  payment:
  social:
    rules: bureau
  library:
    deposit: 20.00
    fee: 0.50
    most: 3
    waivers: "elder student"
Y
}
SITE_EDIT=library
site_start
ctl participant add --id library --name "Library 图书馆" >/dev/null || city_fail "participant library"
ctl participant add --id bureau --name "Bureau 社保局" >/dev/null || city_fail "participant bureau"
desk() { # id participant sam slot services params…
    ctl terminal add --id "$1" --kind desk --participant "$2" --sam "$3" --reader "$4" --services "$5" "${@:6}" >/dev/null ||
        city_fail "terminal add $1"
}
desk lib1 library 100000000051 "$SLOT_A" 'library.*,payment.*'
desk lib2 library 100000000052 "$SLOT_B" 'library.*,payment.*'
desk room library 100000000053 "$SLOT_A" 'library.*' --param loan_minutes=0
desk window bureau 100000000054 "$SLOT_B" 'social.*'
has "the services are known" "$(ctl service list)" 'library\.borrow'

reader() { # card serial name id born
    card_new "$1" "$2" balance=10000
    ctl citizen add --name "$3" --id - --born "$5" --resident yes <<<"$4" >>"$CITY/log/city.log" || wrong "citizen $3"
    ctl card register --serial "$2" --issuer "$ISSUER" --profile pboc-ep --opening 100.00 --holder "$3" --holder-id - <<<"$4" \
        >>"$CITY/log/city.log" || wrong "register $1"
}
reader young 00000000000000000701 "李明" 410102199001010021 1990-01-01
reader old 00000000000000000702 "王奶奶" 410102194001010022 1940-01-01
for copy in A1 A2 A3 A4; do
    run 0 library.add --terminal lib1 --param copy=$copy --param "title=Book $copy"
done
refuse duplicate library.add --terminal lib1 --param copy=A1 --param title=Again
refuse parameter library.add --terminal lib1 --param 'copy=A 1' --param title=x
reply() {
    jq -r ".reply | $1" <<<"$out"
}
legs() { # account owner: its sum in the last transaction
    ctl --json txn show "$txn" | jq --arg a "$1" --arg o "$2" '[.legs[]|select(.account==$a and .owner==$o)|.amount_fen]|add // 0'
}

say "waived: social security says elder"
put A old
run 0 library.borrow --terminal lib1 --param copy=A1
is "no deposit" "$outcome/$(reply .waived)/$(reply .deposit_fen)" posted/elder/0
is "the chip is as it was" "$(chip old .balance)" 10000
run 0 library.loans --terminal lib1
is "what she has" "$(reply '.loans[0].copy + "/" + .loans[0].title + "/" + (.loans|length|tostring)')" "A1/Book A1/1"

say "a deposit from the purse; the second desk is refused"
put B young
refuse wrong_state library.borrow --terminal lib2 --param copy=A1
run 0 library.borrow --terminal lib2 --param copy=A2
is "20 yuan off the chip" "$(chip young .balance)/$(reply .deposit_fen)" 8000/2000
is "on the deposit account" "$(legs deposit library:A2)" 2000
agree young
refuse wrong_state library.borrow --terminal lib1 --param copy=A2
refuse not_found library.return --terminal lib1 --param copy=A2

say "two desks lend the same copy at the same moment: one does"
ctl --json txn run library.borrow --terminal lib1 --param copy=A3 >"$CITY/run/one" 2>/dev/null &
ctl --json txn run library.borrow --terminal lib2 --param copy=A3 >"$CITY/run/two" 2>/dev/null
wait $!
is "one of them" "$(jq -r .outcome "$CITY/run/one" "$CITY/run/two" | sort | tr '\n' ' ')" "posted refused "
has "the other is told why" "$(jq -r '.reason // empty' "$CITY/run/one" "$CITY/run/two")" '^(wrong_state|stale_record)$'
winner=lib1
[ "$(jq -r .outcome "$CITY/run/one")" = posted ] || winner=lib2
run 0 library.return --terminal $winner --param copy=A3

say "returned: the deposit waits to be loaded, and is loaded"
before=$(chip young .balance)
waits=$(ctl --json card show "$ISSUER-$(chip young .serial)" | jq -r '.pending_load_fen // 0')
run 0 library.return --terminal lib2 --param copy=A2
is "all of it" "$(reply '.returned_to + "/" + (.returned_fen|tostring)')" "pending load/2000"
is "none is left" "$(legs deposit library:A2)" -2000
run 0 payment.load --terminal lib2 --param source=pending
is "on the chip again" "$(chip young .balance)" $((before + 2000 + waits))
agree young
run 0 library.borrow --terminal lib1 --param copy=A2
run 0 library.return --terminal lib1 --param copy=A2

say "from the citizen's account, with the number alone"
number=$(ctl --json card show "$ISSUER-$(chip young .serial)" | jq -r .number)
run 0 payment.deposit --terminal lib2 --amount 30.00
refuse needs_chip library.borrow --terminal lib1 --card "$number" --param copy=A2 --param pay=purse
run 0 library.borrow --terminal lib1 --card "$number" --param copy=A2
is "the deposit" "$(legs deposit library:A2)" 2000
refuse no_funds library.borrow --terminal lib1 --card "$number" --param copy=A4
run 0 library.return --terminal lib1 --card "$number" --param copy=A2
is "back where it came from" "$(reply .returned_to)" account

say "overdue: a reading room lends for no time at all"
pull A
put A young
run 0 library.borrow --terminal room --param copy=A4
sleep 1.1
run 0 library.loans --terminal room
is "a day has begun" "$(reply '.loans[0].fee_fen')" 50
run 0 library.return --terminal lib1 --param copy=A4
is "it comes off the deposit" "$(reply '"\(.fee_fen)/\(.returned_fen)"')" 50/1950
is "the library's fee" "$(legs fee library)" 50
put A old
run 0 library.borrow --terminal room --param copy=A4
is "waived" "$(reply .waived)" elder
sleep 1.1
before=$(chip old .balance)
run 0 library.return --terminal room --param copy=A4
is "without a deposit the purse pays" "$((before - $(chip old .balance)))" 50
agree old

say "what is left"
run 0 library.loans --terminal lib1
is "one book" "$(reply '.loans|length')" 1
hasnt "titles that somebody reads stand sealed" "$(strings -n 6 "$CITY/site/ledger.db" "$CITY/site/ledger.db-wal" 2>/dev/null | grep -c '"title":"Book A[0-9]","due_ms"')" '[1-9]'
ctl ledger verify >"$CITY/run/verify" 2>&1
is "ledger verify" $? 0
daemon_stop
finish
