# shellcheck shell=bash disable=SC2154,SC2034,SC2012
# One citizen's day, told by tools/demo. Sourced, after town.sh; what runs is in the functions of city.sh.

day_city() {
    chapter "1  A city is founded 建城"
    tell "A site with sealed keys and a ledger; a bank, a hospital, a bureau and a water company run systems of their own."
    tell "建一个城市：密封的密钥、账本；医院、人社局、银行、水务各有自己的系统，双向 TLS 相连。"
    site_new
    town_pki
    town_config
    door_new
    city_pcscd_start
    daemon_start
    keys_new
    town_systems
    town_found
    tell "daemon    $(grep '^onecardd: ready' "$CITY/log/onecardd.log" | tail -n 1)"
    ctl terminal add --id bus12 --kind bus --participant bus --sam 100000000012 --services transit.ride --gate transit.ride \
        --param table=bus --param line=12 --param same_card_seconds=1 >/dev/null || city_fail "terminal bus12"
    slot_start A
    slot_start B
    tell "Bus 12 is somewhere else: an agent with a key of its own, enrolled by a one-time token, over mutual TLS 1.3."
    remote_new bus12 gate B
    check "modules" "$(ctl --json status | jq -r '[.modules[].name] | sort | join(" ")')" "medical payment social transit"
    check "routes to institutions over mutual TLS" "$(ctl --json upstream list | jq '.items | length')" 5
    check "bus 12 is connected" "$(ctl --json terminal sessions | jq -r '.items[0].terminal')" bus12
}

day_cards() {
    chapter "2  Cards are issued over PC/SC, money is loaded 发卡与圈存"
    tell "王芳 Wang Fang, 61 and retired, is our citizen; 李小明 is a student; 赵's card has no name. Blank chips, real pcscd."
    tell "三张白卡经真实的 pcscd 个人化：王芳（退休）、李小明（学生）、一张不记名卡。"
    opensc-tool -l 2>/dev/null | sed 's/^/    /'
    issue wang pboc --profile pboc-ep --holder "王芳" --holder-id - <<<410102196503080021
    wang=$(citizen_of "$number")
    issue li pboc --profile pboc-ep --holder "李小明" --holder-id - --category student --category-until 2030-08-31 <<<410102201001010033
    li_card=$number
    issue zhao mohurd --profile mohurd
    ctl citizen change "$wang" --address "示范市人民路1号" >/dev/null || cross "citizen change"
    insure "$wang" retired 200.00
    tell "A clerk begins a shift 开班 with 200.00 in the till, and takes cash:"
    serve 0 payment.shift_open hall1 --param float=200.00
    local c
    for c in zhao li wang; do
        card_in A "$c"
        serve 0 payment.load hall1 --amount "$([ $c = wang ] && echo 200.00 || echo 100.00)"
    done
    check "Wang's chip holds what the ledger says" "$(card_says A .balance)" 20000
}

# One tap on bus 12, and what came of it: ride CARD
ride() {
    local i before
    before=$(ctl --json txn list --terminal bus12 --limit 1 | jq -r '.items[0].txn // "none"')
    card_in B "$1"
    for i in $(seq 60); do
        txn=$(ctl --json txn list --terminal bus12 --limit 1 | jq -r '.items[0].txn // "none"')
        [ "$txn" != "$before" ] && break
        sleep 0.1
    done
    card_out B
    ctl --json txn show "$txn" | jq -r "$money"'"    bus 12: \(.state)  paid \(.amount_fen | yuan), gross \(.gross_fen | yuan)" + (if .state == "posted" then "" else "  \(.reason)" end)'
}

day_morning() {
    chapter "3  Morning: bus, then metro 早晨：公交换地铁"
    tell "One tap is one ride; the metro charges by distance at the exit, and a change within 90 minutes takes 1.00 off."
    tell "公交一票制，地铁按里程，90 分钟内换乘减 1 元，由公交与地铁各担一半。"
    card_out A
    ride wang
    ride li
    check "Li is a student: half, the Education Bureau bears the rest (R14)" \
        "$(leg "$txn" merchant bus) $(leg "$txn" bearer education)" "200 -100"
    card_in A wang
    serve 0 transit.entry m101
    serve 0 transit.exit m104
    legs "$txn"
    check "7.1 km are 3.00, less 1.00 for the change, shared by halves" \
        "$(leg "$txn" purse) $(leg "$txn" merchant metro) $(leg "$txn" merchant bus)" "-200 250 -50"
    check "Wang's chip: 200.00 − 2.00 − 2.00" "$(card_says A .balance)" 19600
}

day_hospital() {
    local bill day
    chapter "4  The hospital 医院：挂号、结算、报告、取药"
    tell "The hospital's own system pushes today's slots, signed, over mutual TLS. Wang registers with her card."
    tell "医院系统推送号源；刷卡挂号，按号就诊。"
    day=$(ctl --json status | jq -r '.city_time[:10] | gsub("-"; "")')
    hospital_says medical.schedule_put "" '{"serviceType":"neike","serviceTypeDisplay":"内科","actor":"w","actorDisplay":"王医生","date":'"$day"',"fee_fen":1500,
        "managingOrganization":"第一人民医院","slot":[{"start":2350,"capacity":2},{"start":2355,"capacity":1}]}'
    only='free|2355' expect 0 medical slots --terminal ward1 --department neike
    serve 0 medical.register ward1 --param department=neike --param practitioner=w --param slot=2355
    check "she has the number for 23:55; 15.00 left the chip" "$(reply .slot) $(card_says A .balance)" "2355 18100"
    tell "The bill comes from the hospital's system, line by line. First what would happen, then it happens:"
    tell "费用明细由医院上传；先预结算，再一次结清：统筹、个人账户、钱包，一笔交易。"
    bill='{"id":"B-1","date":'"$day"',"type":"outpatient","referral":"local","serviceType":"内科","diagnosis":"高血压","lineItem":[
        {"code":"110200001","display":"门诊诊察费","class":"A","quantity":1,"amount_fen":1000},
        {"code":"210300001","display":"CT 平扫","class":"B","quantity":1,"amount_fen":23000},
        {"code":"XC08CA01","display":"氨氯地平片","class":"A","quantity":2,"amount_fen":5600},
        {"code":"311400015","display":"美容性处置","class":"C","quantity":1,"amount_fen":3000}],"totalGross_fen":32600}'
    hospital_says medical.bill_put "$wang" "$bill"
    only='^ *(legs|account|purse|fund|personal|merchant|slip)' expect 0 plan medical.settle --terminal ward1 --param bill=B-1
    serve 0 medical.settle ward1 --param bill=B-1
    settled=$txn
    legs "$txn"
    check "one transaction: fund + personal account + purse = what the hospital gets" \
        "$(($(leg "$txn" fund) + $(leg "$txn" personal) + $(leg "$txn" purse) + $(leg "$txn" merchant hospital)))" 0
    check "the bill" "$(leg "$txn" merchant hospital)" 32600
    check "all three paid" "$([ "$(leg "$txn" fund)" -lt 0 ] && [ "$(leg "$txn" personal)" = -20000 ] && [ "$(leg "$txn" purse)" -lt 0 ] && echo yes)" yes
    tell "At another desk the same bill is refused:"
    serve 1 medical.settle ward1 --param bill=B-1
    tell "Line 4 is given back: the whole settlement is cancelled, the year restored, the rest settled anew, in one transaction (R13)."
    serve 0 medical.refund_lines ward1 --param "txn=$settled" --param lines=4
    check "its 30.00 were hers: they wait for her card" "$(leg "$txn" pending_load) $(leg "$txn" merchant hospital)" "3000 -3000"
    tell "The report is ready. Her doctor reads it with the card on the reader; the clinic may use it, too (互认):"
    hospital_says medical.report_put "$wang" '{"id":"R-17","status":"final","date":'"$day"',"category":"LAB","code":"GLU","display":"血糖","performer":"李",
        "conclusion":"正常","result":[{"code":"GLU","display":"葡萄糖","value":"5.2","unit":"mmol/L","referenceRange":"3.9-6.1","interpretation":"N"}]}'
    only='display|conclusion|recognised|GLU' expect 0 medical read report --terminal clinic1 --hospital hospital --report R-17
    tell "Medication is dispensed. The pharmacy asks before it hands out aspirin 阿司匹林, and is warned:"
    hospital_says medical.dispense_put "$wang" '{"id":"D-5","whenHandedOver":'"$day"',"bill":"B-1","medication":[{"code":"B01AC04","display":"氯吡格雷",
        "quantity":14,"unit":"片","daysSupply":14,"dosageInstruction":"每日一次"}]}'
    only='interaction|interval|bleeding|issue|warning|display' expect 0 medical read medication --terminal pharmacy --check N02BA01
    tell "Who looked, she can see herself:"
    expect 0 medical log --terminal hall1
    check "two accesses, both hers to see" "$(ctl --json medical log --terminal hall1 | jq '[.accesses[]] | length')" 2
}

day_window() {
    chapter "5  The social-security window 社保窗口：只答是与否，待遇领取"
    tell "The window learns yes or no, and nothing else: no name, no birthday. 最少披露：只答是与否。"
    card_in A wang
    serve 0 social.identity window1 --param ask=is_resident,over_65,insured
    check "resident, not over 65, insured; and no other word" "$(jq -c .reply <<<"$out")" '{"is_resident":true,"over_65":false,"insured":true}'
    tell "The bureau's list of benefits: checked whole, each line paid once. Line 2 names nobody: it is told, not paid."
    tell "待遇发放名册：先整体核对，每行只发一次；第 2 行查无此人，只报不发。"
    cat >"$CITY/pension.csv" <<C
batch,pension-202611
program,pension
fund,fund-pension
count,2
total,120.00
line,citizen,amount
1,$wang,80.00
2,c000000000000001,40.00
C
    expect 1 benefit import "$CITY/pension.csv" --terminal bureau1
    tell "The same list again pays nobody twice. 80.00 are collected with the card:"
    only='pension' expect 1 benefit import "$CITY/pension.csv" --terminal bureau1
    serve 0 social.collect window1 --amount 50.00
    serve 0 payment.load hall1 --amount 30.00 --param source=account
    check "30.00 of it are on the chip" "$(leg "$txn" citizen) $(leg "$txn" purse)" "-3000 3000"
}

day_shop() {
    local first
    chapter "6  The shop, the water bill, the bank 消费、缴费、银行圈存"
    tell "A purchase, part of it given back: only a load raises a chip, so the refund waits for the card 补登 (R6)."
    tell "消费后部分退款：退款先入待圈存，由补登写回卡。"
    serve 0 payment.purchase shop1 --amount 18.60
    first=$txn
    serve 1 payment.purchase shop1 --amount 500.00
    serve 0 payment.refund shop1 --param "txn=$first" --amount 8.60
    serve 0 payment.load hall1 --param source=pending
    tell "The water company is asked what she owes, holds the bill while the chip is debited, and is told that it is paid (R12)."
    tell "水费：先查询，再由水务公司冻结账单、卡扣款、确认。"
    expect 0 txn run payment.bills --terminal hall1 --param utility=water --param account=88001
    serve 0 payment.bill_pay hall1 --amount 42.50 --param utility=water --param account=88001 --param bill=88001-1
    outbox_empty || cross "the outbox does not empty"
    check "the water company's own book says confirmed" "$(town_book | jq -r --arg k "utility/$txn" '.holds[$k].state')" confirmed
    serve 1 payment.bill_pay hall1 --amount 42.50 --param utility=water --param account=88001 --param bill=88001-1
    tell "The bank loads her card: it holds the money before the chip is told to print any. Once it refuses:"
    tell "银行圈存：银行先冻结，卡片再写入；一次拒绝，一次在冻结与确认之间宕机。"
    behave bank "hold refuse"
    serve 1 payment.load hall1 --amount 20.00 --param source=bank
    tell "Once its system dies between hold and confirm. The chip has the money; the confirmation waits until it is back:"
    behave bank "confirm die-before"
    serve 0 payment.load hall1 --amount 20.00 --param source=bank
    town_systems_died || cross "the bank did not die"
    only='due|confirm' expect 0 outbox list
    behave bank
    town_systems_start
    outbox_empty || cross "the outbox does not empty"
    check "the books of bank and ledger agree, each hold ended once" "$(books_differ)$(town_book | jq '[.holds[] | select((.was | length) != 1)] | length')" 0
    check "confirmed there" "$(town_book | jq -r --arg k "bank/$txn" '.holds[$k].state')" confirmed
}

day_torn() {
    local before
    chapter "7  A card is torn out in the middle of a debit 拔卡"
    before=$(card_says A .balance)
    slot A 'fault torn-after@54' >/dev/null
    tell "The chip was debited and the answer never came: nobody guesses, exit status 3, nothing is charged again (R3)."
    tell "卡已扣款而应答丢失：不猜、不再扣；卡片回来时由取交易认证（PROVE）定论。"
    serve 3 payment.purchase shop1 --amount 12.50 --retap 0
    tell "The card comes back to any terminal; GET TRANSACTION PROVE settles it before anything else happens:"
    reader_wait A empty
    slot A insert >/dev/null
    reader_wait A card
    serve 0 payment.balance hall1
    check "settled by its proof" "$(jq -r '.settled[0] | "\(.outcome) \(.amount_fen)"' <<<"$out")" "posted 1250"
    slot A 'fault torn-before@54' >/dev/null
    tell "Torn out before the chip acted, and put back while the clerk waits: the same dialogue finishes it, once."
    (sleep 0.7; slot A insert >/dev/null) &
    serve 0 payment.purchase shop1 --amount 7.50 --retap 10
    wait $!
    check "chip: 12.50 and 7.50 less, no doubt left" "$((before - $(card_says A .balance))) $(ctl --json doubt list | jq '.items | length')" "2000 0"
    chapter "8  A card is reported lost 挂失"
    tell "Li's card is reported lost by telephone: denied at once, everywhere here. 电话挂失，即时生效。"
    expect 0 card report-loss "$li_card" --why "telephone 12345"
    tell "The next tap, a moment later, is refused:"
    ride li
    check "the reason" "$(ctl --json txn show "$txn" | jq -r .reason)" lost
}

# What a bank would send back of a day's items if everything went well.
bank_result() {
    ctl --json settle show "$1" --limit 500 | jq -r --arg day "$1" '.items as $i | "count,\($i | length)",
        "total,\(([$i[].amount_fen] | add // 0) / 100)", "item,payee,amount_yuan,result,date,reference",
        ($i[] | "\(.item),\(.payee),\(.amount_fen / 100),paid,\($day),\(.item)")'
}
day_evening() {
    local day
    chapter "9  Evening: shift, day, settlement 班结、日终、清算"
    tell "The clerk counts: 200.00 float, 400.00 of loads for cash. What lies in the till is what should."
    tell "班结：备用金 200.00，现金圈存 400.00，钱箱一分不差；日终关账、清算、核验。"
    serve 0 payment.shift_close hall1 --param counted=600.00
    check "not a fen off" "$(reply '"\(.expected_fen) \(.difference_fen)"')" "60000 0"
    day=$(ctl --json status | jq -r .open_day)
    only='date|state|loads|purchases|open day' expect 0 day close
    only='participants|files|gross|net|manifest|path' expect 0 settle run --date "$day"
    only='date|participants|postings|gross|net|faults' expect 0 settle verify --date "$day"
    (cd "$CITY/site/settlement/$day" 2>/dev/null && sed 's/^/    /' float.csv)
    tell "Publishing pays nobody: the day is settled when the bank's result file says so (R18)."
    tell "清算文件不等于到账：以银行回盘为准。"
    bank_result "$day" >"$CITY/run/bank.csv"
    expect 0 settle result "$CITY/run/bank.csv"
    check "settled" "$(ctl --json day show | jq -r --arg d "$day" '.items[] | select(.date == $d) | .state')" settled
    chapter "10  The books 账本"
    tell "Every operation replayed from the journal, the chain of MACs checked, all legs summed:"
    tell "从流水重放每一笔，核对校验链，借贷总和为零。"
    expect 0 ledger verify
    only='account|fund|personal|merchant|bearer|receivable|citizen' expect 0 account list
    check "what everybody owes everybody sums to what is on the cards" "$(books_sum)" 0
}
tell_day() {
    day_city
    day_cards
    day_morning
    day_hospital
    day_window
    day_shop
    day_torn
    day_evening
}
