/* Medical in the real switch: modules as they are loaded, documents sealed in a real ledger, the
 * software card torn at the worst moment. */
#include "city.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HOSPITAL "hospital-2" /* of level 2 in conf/bureau */

static struct city c;

static void add_place(const char *id, uint8_t sam)
{
    city_participant(&c, id);
    city_terminal(&c, id, id, sam, "{}");
}

static int setup(void **state)
{
    static const char *const names[] = {"payment", "medical", "social"};
    (void)state;
    city_open(&c, CARDSIM_PBOC, "pboc-ep");
    reader_sim_insert(c.sim, c.card[0]);
    city_do(&c, "payment.load", 100000, OC_POSTED, OC_R_NONE);
    city_modules(&c, names, ARRAY_LEN(names),
                 "modules: {social: {rules: " ONECARD_SOURCE_DIR "/conf/bureau}}");
    city_vault(&c);
    add_place(HOSPITAL, 40);
    add_place("bureau", 41);
    city_citizen(&c, "c1");
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    city_close(&c);
    return 0;
}

/* ---- asking ---- */

static const struct txn_result *put(const char *service, const char *term, const char *document)
{
    struct txn_request q = city_request(service, term, 0);
    city_param(&q, "citizen", "c1");
    q.document = document;
    q.document_len = strlen(document);
    const struct txn_result *r = city_run_reader(&c, NULL, &q);
    if (r->outcome != OC_POSTED)
        fail_msg("%s: %s (%s)", service, oc_reason_code(r->reason), r->detail);
    return r;
}

static void put_bill(void)
{
    put("social.insured_put", "bureau",
        "{\"kind\":\"medical\",\"state\":\"paying\",\"insurance\":\"employee\",\"from\":20200101,"
        "\"serial\":1}");
    char json[400];
    snprintf(json, sizeof json,
             "{\"id\":\"B1\",\"date\":%d,\"type\":\"outpatient\",\"referral\":\"local\","
             "\"lineItem\":[{\"code\":\"Z1\",\"display\":\"x\",\"class\":\"A\","
             "\"amount_fen\":100000}],\"totalGross_fen\":100000}",
             (int)city_date(clock_wall_ms(&clock_system), 480));
    put("medical.bill_put", HOSPITAL, json);
}

static struct txn_result *settle(void)
{
    struct txn_request q = city_request("medical.settle", HOSPITAL, 0);
    city_param(&q, "bill", "B1");
    return city_run(&c, &q);
}

static const char *bills(void)
{
    struct txn_request q = city_request("medical.bills", HOSPITAL, 0);
    city_param(&q, "citizen", "c1");
    city_param(&q, "all", "yes");
    return city_run_reader(&c, NULL, &q)->reply;
}

/* Credits less debits, posted. */
static fen_t holds(enum acct_kind kind, const char *owner)
{
    const struct account_row *a = city_account(&c, kind, owner);
    return a->credits_posted - a->debits_posted;
}

static void all_settled(void)
{
    /* 200.00 deductible, 65 % of 800.00 by the fund; own 480.00. */
    assert_int_equal(holds(ACCT_MERCHANT, HOSPITAL), 100000);
    assert_int_equal(holds(ACCT_FUND, "fund-employee"), -52000);
    assert_non_null(strstr(bills(), "\"balanced\""));
    city_agrees(&c, 0, 52000);
}

static void nothing_settled(void)
{
    assert_int_equal(holds(ACCT_MERCHANT, HOSPITAL), 0);
    assert_int_equal(holds(ACCT_FUND, "fund-employee"), 0);
    assert_non_null(strstr(bills(), "\"issued\""));
}

/* ---- tests ---- */

static void R13_a_bill_is_settled_with_the_card_in_one_transaction(void **state)
{
    (void)state;
    put_bill();
    const struct txn_result *r = settle();
    assert_int_equal(r->outcome, OC_POSTED);
    assert_int_equal(r->amount, 48000);
    assert_int_equal(r->gross, 100000);
    assert_non_null(strstr(r->reply, "个人自付 480.00"));
    all_settled();
    r = settle();
    assert_int_equal(r->outcome, OC_REFUSED);
    assert_int_equal(r->reason, OC_R_DUPLICATE);
}

static void the_card_torn_out_while_a_split_bill_is_paid_before_its_debit_leaves_all(void **state)
{
    (void)state;
    put_bill();
    city_fault(&c, 0, "torn-before@54");
    int64_t id = settle()->txn;
    assert_int_equal(city_txn(&c, id)->state, OC_TXN_IN_DOUBT); /* nobody knows yet */
    nothing_settled();
    city_look(&c, 0);
    assert_int_equal(city_txn(&c, id)->state, OC_TXN_VOIDED);
    nothing_settled();
    city_agrees(&c, 0, 100000);
    assert_int_equal(settle()->outcome, OC_POSTED);
    all_settled();
}

static void the_card_torn_out_while_a_split_bill_is_paid_after_its_debit_settles_all(void **state)
{
    (void)state;
    put_bill();
    city_fault(&c, 0, "torn-after@54");
    int64_t id = settle()->txn;
    assert_int_equal(city_txn(&c, id)->state, OC_TXN_IN_DOUBT);
    nothing_settled();
    city_look(&c, 0); /* the card's proof ends the doubt (R3) */
    assert_int_equal(city_txn(&c, id)->state, OC_TXN_POSTED);
    all_settled();
}

static void a_bill_in_doubt_is_not_paid_at_a_second_desk(void **state)
{
    (void)state;
    put_bill();
    city_fault(&c, 0, "torn-after@54");
    (void)settle();
    reader_sim_insert(c.sim, c.card[1]); /* somebody else's card settles nothing of it */
    const struct txn_result *r = settle();
    assert_int_equal(r->outcome, OC_REFUSED);
    nothing_settled();
    reader_sim_insert(c.sim, c.card[0]);
    r = settle(); /* its doubt ends first, then the bill is found settled */
    assert_int_equal(r->outcome, OC_REFUSED);
    assert_int_equal(r->reason, OC_R_DUPLICATE);
    all_settled();
}

static void R6_cancelling_a_settlement_fills_the_pending_load(void **state)
{
    (void)state;
    char id[IDENT_TEXT];
    put_bill();
    ident_text(settle()->txn, id);
    struct txn_request q = city_request("medical.settle_cancel", HOSPITAL, 0);
    city_param(&q, "citizen", "c1");
    city_param(&q, "txn", id);
    const struct txn_result *r = city_run_reader(&c, NULL, &q);
    if (r->outcome != OC_POSTED)
        fail_msg("%s (%s)", oc_reason_code(r->reason), r->detail);
    nothing_settled();
    assert_int_equal(city_card_row(&c, 0)->pending_load, 48000);
    r = city_run_reader(&c, NULL, &q);
    assert_int_equal(r->outcome, OC_REFUSED);
}

/* ---- a day at the hospital ---- */

static const struct txn_result *last;

/* Asks with pairs of parameters, NULL at the end; the card lies there, or `citizen` is named. It
 * must be posted. */
static const char *go(const char *service, fen_t amount, const char *document, ...)
{
    va_list ap;
    const char *name;
    struct txn_request q = city_request(service, HOSPITAL, amount);
    bool card = true;
    va_start(ap, document);
    while ((name = va_arg(ap, const char *)) != NULL) {
        city_param(&q, name, va_arg(ap, const char *));
        card = card && strcmp(name, "citizen") != 0;
    }
    va_end(ap);
    q.document = document;
    q.document_len = document ? strlen(document) : 0;
    last = card ? city_run(&c, &q) : city_run_reader(&c, NULL, &q);
    if (last->outcome != OC_POSTED)
        fail_msg("%s: %s (%s)", service, oc_reason_code(last->reason), last->detail);
    return last->reply;
}
#define ABOUT "citizen", "c1"

/* The text of a member of the last reply. */
static const char *word(const char *member)
{
    static char words[8][48];
    static unsigned next;
    char *to = words[next++ % 8], quoted[40];
    snprintf(quoted, sizeof quoted, "\"%s\":\"", member);
    const char *at = strstr(last->reply, quoted);
    if (!at)
        fail_msg("no %s in %s", member, last->reply);
    at += strlen(quoted);
    snprintf(to, 48, "%.*s", (int)strcspn(at, "\""), at);
    return to;
}

static void says(const char *part)
{
    if (!strstr(last->reply, part))
        fail_msg("no %s in %s", part, last->reply);
}

static int32_t today(void)
{
    return city_date(clock_wall_ms(&c.clock.clock), 480);
}

/* Stops the city's clock at 09:00 of today: schedules are about times of the day. */
static void nine_o_clock(int days)
{
    int64_t ms = clock_wall_ms(&clock_system) + 8 * 3600000;
    c.clock.stopped_ms = ms - ms % 86400000 + days * INT64_C(86400000) + 3600000;
}

static void visit(void)
{
    char json[400], day[16];
    snprintf(day, sizeof day, "%d", (int)today());
    snprintf(json, sizeof json,
             "{\"serviceType\":\"neike\",\"serviceTypeDisplay\":\"内科\",\"actor\":\"w\","
             "\"actorDisplay\":\"王\",\"date\":%s,\"fee_fen\":1500,\"slot\":[{\"start\":1100,"
             "\"capacity\":2},{\"start\":1400,\"capacity\":1}]}",
             day);
    go("medical.schedule_put", 0, json, NULL);
    go("medical.slots", 0, NULL, "department", "neike", NULL);
    says("\"start\":1100");
    go("medical.book", 0, NULL, ABOUT, "department", "neike", "practitioner", "w", "day", day,
       "slot", "1100", NULL);
    const char *id = word("appointment");
    go("medical.checkin", 0, NULL, ABOUT, "appointment", id, NULL);
    go("medical.register", 0, NULL, "appointment", id, NULL);
    says("\"queue\":1");
    char txn[IDENT_TEXT];
    ident_text(last->txn, txn);
    assert_int_equal(holds(ACCT_MERCHANT, HOSPITAL), 1500);
    go("medical.unregister", 0, NULL, ABOUT, "txn", txn, NULL);
    assert_int_equal(holds(ACCT_MERCHANT, HOSPITAL), 0);
    assert_int_equal(city_card_row(&c, 0)->pending_load, 1500);
    go("medical.book", 0, NULL, ABOUT, "department", "neike", "practitioner", "w", "day", day,
       "slot", "1400", NULL);
    nine_o_clock(1);
    go("medical.sweep", 0, NULL, NULL);
    says("\"missed\":1");
    go("medical.appointments", 0, NULL, ABOUT, NULL);
    says("\"noshow\"");
    says("\"fulfilled\"");
}

static void stay(void)
{
    char json[400], owner[LEDGER_ID];
    int day = (int)today();
    snprintf(json, sizeof json, "{\"id\":\"A1\",\"date\":%d,\"serviceType\":\"外科\"}", day);
    go("medical.admit", 0, json, ABOUT, NULL);
    go("medical.deposit", 30000, NULL, "admission", "A1", NULL);
    snprintf(owner, sizeof owner, "%s", city_txn(&c, last->txn)->in.legs[1].owner);
    assert_int_equal(holds(ACCT_DEPOSIT, owner), 30000);
    snprintf(json, sizeof json,
             "{\"id\":\"B7\",\"date\":%d,\"type\":\"inpatient\",\"referral\":\"local\","
             "\"admission\":\"A1\",\"lineItem\":[{\"code\":\"Z1\",\"display\":\"x\","
             "\"class\":\"A\",\"amount_fen\":20000}],\"totalGross_fen\":20000}",
             day);
    go("medical.bill_put", 0, json, ABOUT, NULL);
    go("medical.discharge", 0, NULL, ABOUT, "admission", "A1", NULL);
    go("medical.inpatient_settle", 0, NULL, "admission", "A1", NULL);
    says("\"returned_fen\":10000"); /* 200.00 is within the deductible */
    assert_int_equal(holds(ACCT_DEPOSIT, owner), 0);
}

static void documents(void)
{
    char json[400];
    int day = (int)today();
    snprintf(json, sizeof json,
             "{\"id\":\"R1\",\"status\":\"final\",\"date\":%d,\"category\":\"LAB\","
             "\"code\":\"GLU\",\"display\":\"血糖\",\"conclusion\":\"secretword\"}",
             day);
    go("medical.report_put", 0, json, ABOUT, NULL);
    go("medical.emergency", 0, NULL, ABOUT, "what", "report", "report", "R1", "reason",
       "unconscious", NULL);
    const char *access = word("access");
    go("medical.read", 0, NULL, ABOUT, "access", access, NULL);
    says("secretword");
    snprintf(json, sizeof json,
             "{\"id\":\"D1\",\"whenHandedOver\":%d,\"medication\":[{\"code\":\"C07AB02\","
             "\"display\":\"x\",\"quantity\":7,\"daysSupply\":7}]}",
             day);
    go("medical.dispense_put", 0, json, ABOUT, NULL);
    go("medical.emergency", 0, NULL, ABOUT, "what", "medication", "check", "C07AB02", "reason",
       "unconscious", NULL);
    access = word("access");
    go("medical.read", 0, NULL, ABOUT, "access", access, NULL);
    says("\"interval\"");
}

/* Opened with the card: where the chip proves itself. */
static void with_the_card(void)
{
    go("medical.refer", 0, NULL, "to", "bank", "direction", "up", "reason", "further tests", NULL);
    const char *id = word("referral");
    go("medical.referral_answer", 0, NULL, ABOUT, "referral", id, "state", "revoked", NULL);
    go("medical.consult", 0, NULL, "to", "bank,shop", "question", "operate?", "reports", "R1",
       NULL);
    go("medical.access_log", 0, NULL, NULL);
    says("\"emergency\":\"unconscious\"");
    says("\"consult\"");
}

/* Whether a word stands anywhere in the ledger's files. */
static bool in_the_files(const char *secret)
{
    static const char *const files[] = {"ledger.db", "ledger.db-wal"};
    static char chunk[1 << 20];
    size_t len = strlen(secret), held = 0, n;
    bool found = false;
    for (size_t i = 0; i < 2; i++) {
        char path[96];
        snprintf(path, sizeof path, "%s/%s", c.dir, files[i]);
        FILE *f = fopen(path, "rb");
        held = 0;
        while (f && (n = fread(chunk + held, 1, sizeof chunk - held, f)) > 0) {
            found = found || memmem(chunk, held + n, secret, len);
            size_t all = held + n;
            held = all < len ? all : len;
            memmove(chunk, chunk + all - held, held);
        }
        if (f)
            fclose(f);
    }
    return found;
}

static void R20_nothing_of_health_stands_open_in_the_ledgers_files(void **state)
{
    (void)state;
    nine_o_clock(0);
    documents();
    go("medical.consult", 0, NULL, "to", "bank,shop", "question", "operate_secretly", "reports",
       "R1", NULL);
    assert_true(in_the_files("medical.consult"));
    assert_false(in_the_files("secretword"));
    assert_false(in_the_files("operate_secretly"));
    assert_false(in_the_files("unconscious"));
    assert_false(in_the_files("C07AB02"));
}

static void a_day_at_the_hospital_runs_through_the_real_switch(void **state)
{
    (void)state;
    nine_o_clock(0);
    visit();
    stay();
    documents();
    with_the_card();
    city_look(&c, 0);
    city_agrees(&c, 0, 100000 - 1500 - 30000);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(R13_a_bill_is_settled_with_the_card_in_one_transaction),
        T(the_card_torn_out_while_a_split_bill_is_paid_before_its_debit_leaves_all),
        T(the_card_torn_out_while_a_split_bill_is_paid_after_its_debit_settles_all),
        T(a_bill_in_doubt_is_not_paid_at_a_second_desk),
        T(R6_cancelling_a_settlement_fills_the_pending_load),
        T(a_day_at_the_hospital_runs_through_the_real_switch),
        T(R20_nothing_of_health_stands_open_in_the_ledgers_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
