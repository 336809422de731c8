# shellcheck shell=bash disable=SC2154,SC2034,SC2012
# A family's month, told by tools/demo --long. Sourced, after town.sh.
#
# The city's clock: where libfaketime is installed the daemon and the institutions' systems are started anew some days
# later, and the daemon makes up for its nights as after a week's power cut. Without it the clearing days are closed early.

clock_lib=$(ls /usr/lib/*/faketime/libfaketimeMT.so.1 2>/dev/null | head -n 1)
clock_days=0
clock_on() { # days
    clock_days=$((clock_days + $1))
    city_clock=(env "LD_PRELOAD=$clock_lib" "FAKETIME=+${clock_days}d" FAKETIME_DONT_FAKE_MONOTONIC=1)
}
# The story begins on the first of next month, so that its sums are one month's.
clock_first() {
    [ -z "$clock_lib" ] || clock_on $((($(date -d "$(date +%Y-%m-01) + 1 month" +%s) - $(date -d "$(date +%F)" +%s)) / 86400))
}
later() { # days, in words
    local from to i
    chapter "$2"
    from=$(ctl --json status | jq -r .open_day)
    if [ -n "$clock_lib" ]; then
        outbox_empty || cross "the outbox does not empty"
        clock_on "$1"
        daemon_stop
        city_end "$town_pid"
        town_systems_start
        : >"$CITY/log/onecardd.log"
        daemon_start
    else
        for i in $(seq "$1"); do
            ctl day close --early >>"$CITY/log/city.log" 2>&1 || cross "day close"
        done
    fi
    to=$(date -d "$from + $1 days" +%F)
    for i in $(seq 100); do
        [ "$(ctl --json status | jq -r .open_day)" = "$to" ] && break
        sleep 0.1
    done
    check "$1 nights: the open day is $to" "$(ctl --json status | jq -r .open_day)" "$to"
}
city_day() { # YYYYMMDD, in so many days
    date -d "$(ctl --json status | jq -r '.city_time[:10]') + ${1:-0} days" +%Y%m%d
}
# Served without a word, unless it fails: quietly SERVICE TERMINAL [option…]
quietly() {
    local service=$1 terminal=$2
    shift 2
    out=$(ctl --json txn run "$service" --terminal "$terminal" "$@" 2>>"$CITY/log/city.log") ||
        cross "$service at $terminal: $(head -c 300 <<<"$out")"
    txn=$(jq -r '.txn // empty' <<<"$out" 2>/dev/null)
}
rides() { # card count: on bus 12
    local i sum=0
    card_in A "$1"
    for i in $(seq "$2"); do
        quietly transit.ride bus12
        sum=$((sum + $(jq .amount_fen <<<"$out")))
    done
    tell "$(printf '%-6s bus 12, %d rides: %s yuan; chip %s' "$1" "$2" "$(yuan $sum)" "$(yuan "$(card_says A .balance)")")"
    ride_sum=$sum
}
journeys() { # card count: metro 101 to 104
    local i sum=0
    card_in A "$1"
    for i in $(seq "$2"); do
        quietly transit.entry m101
        quietly transit.exit m104
        sum=$((sum + $(jq .amount_fen <<<"$out")))
    done
    tell "$(printf '%-6s metro, %d journeys: %s yuan; chip %s' "$1" "$2" "$(yuan $sum)" "$(yuan "$(card_says A .balance)")")"
    ride_sum=$sum
}

# name | holder | number | category | status | personal account | load
family() {
    cat <<'F'
wei|张伟|410102198505050015||working|300.00|150.00
min|刘敏|410102198706060028||working|120.00|100.00
yu|张小雨|410102201409010041|student||0|50.00
ye|张建国|410102195002020013|elder|retired|500.00|50.00
yan|刘燕|410102199910100068||working|0|20.00
F
}
declare -A card person
month_family() {
    chapter "1  A family and its cards 一家五口"
    tell "张伟 and 刘敏 work, 小雨 goes to school, 爷爷 is 76; 刘燕, an aunt, will leave the city at the end of the month."
    tell "父母上班、孩子上学、祖父 76 岁、小姨月底离开：一个月的乘车、看病、住院、待遇、缴费。"
    if [ -n "$clock_lib" ]; then
        tell "The city's clock is moved by libfaketime: nights pass, days close and settle by themselves."
    else
        tell "libfaketime is not installed (apt-get install libfaketime): clearing days are closed early, the calendar stands still."
    fi
    local name holder id category status personal load options
    while IFS='|' read -r -u 4 name holder id category status personal load; do
        options=(--profile pboc-ep --holder "$holder" --holder-id -)
        [ -z "$category" ] || options+=(--category "$category" --category-until 2035-08-31)
        issue "$name" pboc "${options[@]}" <<<"$id"
        card[$name]=$number person[$name]=$(citizen_of "$number")
        ctl citizen change "${person[$name]}" --address "示范市人民路1号" >/dev/null || cross "citizen change"
        insure "${person[$name]}" "${status:-working}" "$personal" "$([ -n "$status" ] && echo employee || echo resident)"
        quietly payment.load hall1 --amount "$load"
    done 4< <(family)
    check "five cards, five citizens" "$(ctl --json card list | jq '[.items[].citizen] | unique | length')" 5
}

month_first_week() {
    chapter "2  The first week: to work, to school 第一周"
    tell "The town's cap is 30.00 a month, so that one of them reaches it. One table for all: full fare, half for pupils (the Education Bureau bears the rest), free for elders (民政局)."
    rides wei 4
    rides min 2
    rides yu 2
    check "a pupil's ride is 1.00" "$ride_sum" 200
    rides ye 3
    check "an elder rides free; 2.00 are borne each time (R14)" "$ride_sum $(leg "$txn" bearer civil-affairs)" "0 -200"
    journeys wei 2
    tell "刘敏 books a doctor for next week by her number, and will forget it:"
    hospital_says medical.schedule_put "" '{"serviceType":"yanke","serviceTypeDisplay":"眼科","actor":"sun","actorDisplay":"孙医生","date":'"$(city_day 2)"',"fee_fen":1000,
        "managingOrganization":"第一人民医院","slot":[{"start":900,"capacity":1}]}'
    serve 0 medical.book bureau9 --param "citizen=${person[min]}" --param hospital=hospital --param department=yanke --param practitioner=sun \
        --param "day=$(city_day 2)"
}

month_second_week() {
    later 7 "3  The second week: a missed doctor, a lost card 第二周：爽约、挂失补卡"
    card_in A min
    if [ -n "$clock_lib" ]; then
        for _ in $(seq 50); do
            quietly medical.appointments hall1
            [ "$(reply '.appointments[0].status')" = noshow ] && break
            sleep 0.2
        done
        check "the night counted the missed appointment 爽约" "$(reply '.appointments[0].status')" noshow
    fi
    rides wei 4
    rides ye 2
    tell "刘敏's card is gone. She pays 80.00 into her account at the hall, reports the loss, and gets a new card:"
    card_in A min
    serve 0 payment.deposit hall1 --amount 80.00
    card_out A
    expect 0 card report-loss "${card[min]}" --why "at the hall, in person"
    card_in A min
    serve 1 transit.ride bus12
    issue min2 pboc --profile pboc-ep --holder 刘敏 --holder-id - <<<410102198706060028
    check "the same citizen: account and insurance are hers as before" "$(citizen_of "$number")" "${person[min]}"
    card[min2]=$number
    tell "What was on the lost chip waits a week: records of offline terminals may still come (旧卡余额待清)."
    expect 1 card replace "${card[min]}" --to "${card[min2]}" --why "lost 补卡"
    card_in A min2
    serve 0 payment.load hall1 --amount 80.00 --param source=account
    tell "张伟 binds his medical-insurance account to his daughter (家庭共济): with his social security card and its PIN."
    (umask 077 && echo 482915 >"$CITY/run/pin") # chosen by him at the window; else one is drawn
    issue weissc ssc --profile ssc --holder 张伟 --holder-id - --pin "$CITY/run/pin" <<<410102198505050015
    serve 0 social.family_bind window1 --param "member=${person[yu]}" --param relation=child --param limit=500 --pin "$CITY/run/pin"
    tell "小雨 has a cold; the residents' insurance pays its part, her father's account the rest:"
    hospital_says medical.bill_put "${person[yu]}" '{"id":"B-YU","date":'"$(city_day)"',"type":"outpatient","referral":"local","serviceType":"儿科","diagnosis":"感冒","lineItem":[
        {"code":"250101015","display":"血细胞分析","class":"A","quantity":1,"amount_fen":2000},
        {"code":"X-1","display":"检查","class":"A","quantity":1,"amount_fen":10500}],"totalGross_fen":12500}'
    card_in A yu
    serve 0 medical.settle ward1 --param bill=B-YU --param family=yes
    legs "$txn"
    check "the bill: fund, father's account, nothing of hers" \
        "$(leg "$txn" merchant hospital) $(leg "$txn" fund) $(leg "$txn" personal "${person[wei]}") $(leg "$txn" purse)" "12500 -1000 -11500 0"
}

month_stay() {
    local referral
    later 7 "4  The third week: grandfather in hospital 第三周：转诊与住院"
    rides wei 3
    tell "The clinic refers him up, with his card; the hospital accepts (双向转诊)."
    card_in A ye
    serve 0 medical.refer clinic1 --param to=hospital --param direction=up --param department=waike --param "reason=疝气 hernia"
    referral=$(reply .referral)
    serve 0 medical.referral_answer ward1 --param "referral=$referral" --param state=accepted
    serve 0 medical.referral_answer ward1 --param "referral=$referral" --param state=arrived
    tell "The stay: a deposit of 1,000.00 in cash, the bill from the hospital's system, discharge, and one settlement."
    hospital_says medical.admit "${person[ye]}" '{"id":"A-77","date":'"$(city_day)"',"serviceType":"外科","bed":"3-12","diagnosis":"疝气"}'
    serve 0 medical.deposit ward1 --amount 1000.00 --param admission=A-77 --param pay=cash
    hospital_says medical.bill_put "${person[ye]}" '{"id":"B-YE","date":'"$(city_day)"',"type":"inpatient","admission":"A-77","referral":"referred","serviceType":"外科",
        "diagnosis":"疝气","lineItem":[{"code":"S-1","display":"手术","class":"A","quantity":1,"amount_fen":620000},
        {"code":"S-2","display":"药品","class":"A","quantity":1,"amount_fen":240000}],"totalGross_fen":860000}'
    hospital_says medical.discharge "${person[ye]}" "" '{"admission":"A-77"}'
    serve 0 medical.inpatient_settle ward1 --param admission=A-77
    legs "$txn"
    check "8,600.00: 700.00 deductible, 90 % of the rest from the fund, 500.00 from his account" \
        "$(leg "$txn" merchant hospital) $(leg "$txn" fund) $(leg "$txn" personal)" "860000 -711000 -50000"
    check "the deposit pays the rest; 10.00 come back" "$(leg "$txn" deposit) $(leg "$txn" pending_load)" "-100000 1000"
}

month_end() {
    local day
    later 7 "5  The fourth week: pension, water, the cap, a farewell 第四周：待遇、缴费、封顶、注销"
    tell "The bureau's list pays his pension; he collects 500.00 and loads 50.00."
    printf 'batch,pension-month\nprogram,pension\nfund,fund-pension\ncount,1\ntotal,2560.00\nline,citizen,amount\n1,%s,2560.00\n' "${person[ye]}" >"$CITY/pension.csv"
    expect 0 benefit import "$CITY/pension.csv" --terminal bureau1
    card_in A ye
    serve 0 social.collect window1 --amount 500.00
    serve 0 payment.load hall1 --amount 50.00 --param source=account
    tell "The water bill, from 张伟's card:"
    card_in A wei
    serve 0 payment.bill_pay hall1 --amount 42.50 --param utility=water --param account=88001 --param bill=88001-1
    if [ -n "$clock_lib" ]; then
        tell "No record came: what 刘敏's lost chip held goes to her new card, which is loaded with it (补卡余额转移)."
        expect 0 card replace "${card[min]}" --to "${card[min2]}" --why "lost 补卡"
        card_in A min2
        serve 0 payment.load hall1 --param source=pending
        check "nothing is left on the lost card" "$(ctl --json card show "${card[min]}" | jq .purse_fen)" 0
        card_in A wei
    fi
    tell "His rides reach the month's cap of 30.00: what comes after costs him nothing (封顶)."
    rides wei 3
    check "the last ride is the bus company's" "$(ctl --json txn show "$txn" | jq '.gross_fen - .amount_fen')" 200
    tell "刘燕 leaves the city: her purse is emptied, the card given back, and she asks to be forgotten (R20)."
    card_in A yan
    quietly payment.purchase shop1 --amount 20.00
    card_out A
    expect 1 citizen erase "${person[yan]}" --why "in person, moves away"
    expect 0 card cancel "${card[yan]}" --why "given back 退卡"
    expect 0 citizen erase "${person[yan]}" --why "in person, moves away"
    only='rased|no |not|name' expect 1 citizen show "${person[yan]}" --reason "is anything left?"
    later 1 "6  The month's end: every day settled 月末"
    day=$(ctl --json day show | jq -r '[.items[] | select(.state != "open")][0].date')
    [ -n "$clock_lib" ] || quiet_settle "$day"
    for _ in $(seq 100); do
        ctl --json settle verify --date "$day" >/dev/null 2>&1 && break
        sleep 0.2
    done
    only='date|postings|gross|borne|net|faults' expect 0 settle verify --date "$day"
    if [ -n "$clock_lib" ]; then
        check "each closed day has its folder" "$(ls "$CITY/site/settlement" | wc -l)" "$(ctl --json day show | jq '[.items[] | select(.state != "open")] | length')"
    fi
}
quiet_settle() {
    ctl settle run --date "$1" >>"$CITY/log/city.log" 2>&1 || cross "settle run $1"
}

# What each paid, and what others paid for each.
month_summary() {
    chapter "7  What the month came to 各人一月"
    printf '    %-8s %9s %9s %11s %11s %9s %9s\n' who loaded spent concession insurance accounts chip
    local name c
    for name in wei min min2 yu ye yan; do
        c=${card[$name]}
        ctl --json txn list --card "$c" --limit 500 | jq -r '.items[] | select(.state == "posted") | .txn' |
            while read -r t; do ctl --json txn show "$t"; done | jq -sr --arg n "$name" --argjson chip "$(ctl --json card show "$c" | jq .purse_fen)" "$money"'
            def sum(f): map(.legs[]? | select(f) | .amount_fen) | add // 0;
            [$n, (sum(.account == "purse" and .amount_fen > 0)), (0 - sum(.account == "purse" and .amount_fen < 0)),
             (0 - sum(.account == "bearer" and (.owner | startswith("fund") | not))), (0 - sum(.account == "fund")),
             (0 - sum((.account == "personal" or .account == "citizen" or .account == "deposit") and .amount_fen < 0)), $chip]
            | .[0], (.[1:][] | yuan)' | paste -sd ' ' |
            while read -r n a b c2 d e f; do printf '    %-8s %9s %9s %11s %11s %9s %9s\n' "$n" "$a" "$b" "$c2" "$d" "$e" "$f"; done
    done
    expect 0 ledger verify
    only='account|fund|personal|merchant|bearer|citizen|deposit' expect 0 account list
    check "what everybody owes everybody sums to what is on the cards" "$(books_sum)" 0
    outbox_empty || cross "the outbox does not empty"
    check "the institutions' book and ours agree" "$(books_differ)" ""
    check "no doubt is left" "$(ctl --json doubt list | jq '.items | length')" 0
}

tell_month() {
    clock_first
    site_new
    town_pki
    town_config
    sed -i 's/^caps: .*/caps: {day: 12.00, month: 30.00, shared: true, borne: self}/' "$CITY/site/fares/bus-2026.yaml"
    city_pcscd_start
    daemon_start
    keys_new
    town_systems
    town_found
    ctl terminal add --id bus12 --kind bus --participant bus --sam 100000000012 --reader "$SLOT_A" --services 'transit.*' \
        --param table=bus --param line=12 >/dev/null || city_fail "terminal bus12"
    ctl terminal add --id bureau9 --kind desk --participant cardco --services 'medical.*' >/dev/null || city_fail "terminal bureau9"
    slot_start A
    month_family
    month_first_week
    month_second_week
    month_stay
    month_end
    month_summary
}
