/* Payments (R18): a day is settled when the bank has said that everything of it is paid; what it
 * says is posted once, and what it takes back is to be paid again. */
#include "city.h"
#include "settle/internal.h"
#include "settle/item.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define DAY1 FIXTURE_DAY
#define DAY2 date_add(DAY1, 1)
#define ROWS 16

struct bank {
    struct city *c;
    struct settle_line lines[8];
    unsigned n;
    struct settle_filter filter;
    struct settle_item rows[ROWS];
    unsigned rows_n, cap;
    struct day_row day;
    struct settle_group group;
    struct account_row account;
    uint8_t kind;
    const char *owner;
    struct txn_row txn;
    int64_t id;
};

static int bank_setup(void **state)
{
    struct bank *b = calloc(1, sizeof *b);
    void *city = NULL;
    int rc = b ? city_setup(&city) : -1;
    if (b)
        b->c = city;
    *state = b;
    return rc;
}

static int bank_teardown(void **state)
{
    struct bank *b = *state;
    void *city = b->c;
    int rc = city_teardown(&city);
    free(b);
    return rc;
}

/* ---- flows ---- */

static CO_FN int results_flow(void *arg)
{
    struct bank *b = arg;
    return settle_co_results(&b->c->env, "bank.csv", b->lines, b->n);
}

static CO_FN int items_flow(void *arg)
{
    struct bank *b = arg;
    return settle_co_items(&b->c->env, &b->filter, b->rows, b->cap, &b->rows_n);
}

static CO_FN int day_flow(void *arg)
{
    struct bank *b = arg;
    int rc = ledger_co_day(b->c->f.l, b->day.date, &b->day);
    return rc ? rc : settle_co_days(&b->c->env, &b->day, 1, &b->group);
}

static CO_FN int account_flow(void *arg)
{
    struct bank *b = arg;
    int rc = ledger_co_account(b->c->f.l, (enum acct_kind)b->kind, b->owner, &b->account);
    if (rc == OC_ENOENT)
        b->account = (struct account_row){.kind = b->kind};
    return rc == OC_ENOENT ? 0 : rc;
}

static CO_FN int txn_flow(void *arg)
{
    struct bank *b = arg;
    return ledger_co_txn(b->c->f.l, b->id, &b->txn);
}

static const char *day_state(struct bank *b, date_t date)
{
    b->day.date = date;
    return fixture_flow(&b->c->f, day_flow, b) ? "?" : settle_day_state(&b->day, &b->group);
}

static fen_t balance(struct bank *b, enum acct_kind kind, const char *owner)
{
    b->kind = (uint8_t)kind;
    b->owner = owner;
    if (fixture_flow(&b->c->f, account_flow, b))
        return INT64_MIN;
    return b->account.credits_posted - b->account.debits_posted;
}

static unsigned items(struct bank *b, uint8_t state, const char *group)
{
    b->filter = (struct settle_filter){.state = state, .group = group, .after = ""};
    b->cap = ROWS;
    return fixture_flow(&b->c->f, items_flow, b) ? 99 : b->rows_n;
}

static struct settle_line *says(struct bank *b, const char *item, fen_t amount,
                                enum settle_state result, const char *reference)
{
    struct settle_line *l = &b->lines[b->n++];
    struct settle_item_id id;
    char days[64];
    *l = (struct settle_line){.amount = amount, .result = (uint8_t)result, .on = DAY2};
    (void)snprintf(l->item, sizeof l->item, "%s", city_days(item, days));
    (void)snprintf(l->reference, sizeof l->reference, "%s", reference);
    if (settle_item_parse(l->item, &id) == 0)
        memcpy(l->payee, id.payee, sizeof l->payee);
    return l;
}

static int bring(struct bank *b)
{
    int rc = fixture_flow(&b->c->f, results_flow, b);
    b->n = 0;
    return rc;
}

/* What became of the one line. */
static const struct settle_line *one(struct bank *b, const char *item, fen_t amount,
                                     enum settle_state result, const char *reference)
{
    b->n = 0;
    (void)says(b, item, amount, result, reference);
    return bring(b) ? NULL : &b->lines[0];
}

/* P1 sold for 2.50 and took 10.00 of cash, P2 carried for 2.00. */
static void day_of_trade(struct bank *b)
{
    ROLE_ENTER_WORKER();
    struct city *c = b->c;
    (void)fixture_purchase(&c->f, 0, 250);
    assert_true(fixture_run(&c->f, 0, OC_TXN_POSTED) != 0);
    (void)fixture_load(&c->f, 0, 1000);
    assert_true(fixture_run(&c->f, 0, OC_TXN_POSTED) != 0);
    (void)city_ride(c, 1, 200, 120);
    assert_true(fixture_run(&c->f, 1, OC_TXN_POSTED) != 0);
}

static void published(struct bank *b)
{
    day_of_trade(b);
    assert_int_equal(city_close_day(b->c, DAY1), 0);
    assert_int_equal(city_run(b->c, DAY1), 0);
}

static void proves(struct bank *b)
{
    ROLE_ENTER_WORKER();
    struct ledger_report *rep = calloc(1, sizeof *rep);
    fixture_stop(&b->c->f);
    assert_int_equal(ledger_verify_file(b->c->f.path, b->c->f.key, NULL, NULL, rep), 0);
    assert_string_equal(rep->first_fault, "");
    free(rep);
    assert_int_equal(fixture_start(&b->c->f), 0);
    b->c->env.ledger = b->c->f.l;
}

/* ---- tests ---- */

static void R18_day_is_settled_when_the_bank_said_each_item_paid(void **state)
{
    struct bank *b = *state;
    char expect[64];
    published(b);
    assert_int_equal(b->c->rep.items, 3);
    assert_int_equal(b->c->rep.pay, 450);
    assert_int_equal(b->c->rep.collect, 1000);
    const char *sheet = city_read(b->c, "@1/payments.csv");
    assert_non_null(strstr(sheet, city_days("pay,@1/P1/m/1,P1,merchant,2.50,,\r\n", expect)));
    assert_non_null(
        strstr(sheet, city_days("pay,@1/P1/r/1,P1,load_receivable,-10.00,,\r\n", expect)));
    assert_non_null(strstr(sheet, city_days("pay,@1/P2/m/1,P2,merchant,2.00,,\r\n", expect)));
    assert_string_equal(day_state(b, DAY1), "published");
    assert_int_equal(items(b, ITEM_OPEN, ""), 3);
    assert_int_equal(balance(b, ACCT_MERCHANT, "P1"), 250); /* publishing pays nobody */
    assert_int_equal(balance(b, ACCT_RESERVE, ""), 0);
    (void)says(b, "@1/P1/m/1", 250, ITEM_PAID, "A1");
    (void)says(b, "@1/P2/m/1", 200, ITEM_PAID, "A2");
    assert_int_equal(bring(b), 0);
    assert_int_equal(b->lines[0].outcome, LINE_DONE);
    assert_string_equal(day_state(b, DAY1), "published"); /* one is open */
    assert_int_equal(b->group.open, 1);
    assert_int_equal(one(b, "@1/P1/r/1", -1000, ITEM_PAID, "A3")->outcome, LINE_DONE);
    assert_string_equal(day_state(b, DAY1), "settled");
    assert_int_equal(balance(b, ACCT_MERCHANT, "P1"), 0);
    assert_int_equal(balance(b, ACCT_LOAD_RECEIVABLE, "P1"), 0); /* the quota is free again (R7) */
    assert_int_equal(balance(b, ACCT_MERCHANT, "P2"), 0);
    assert_int_equal(balance(b, ACCT_RESERVE, ""), 450 - 1000);
    assert_int_equal(items(b, ITEM_OPEN, ""), 0);
    assert_int_equal(items(b, 0, "2025-03-06"), 3);
    assert_string_equal(b->rows[0].paid.reference, "A1");
    assert_string_equal(b->rows[0].paid.file, "bank.csv");
    proves(b);
}

static void R18_same_line_again_posts_nothing_and_another_word_is_refused(void **state)
{
    struct bank *b = *state;
    published(b);
    b->id = one(b, "@1/P1/m/1", 250, ITEM_PAID, "A1")->txn;
    assert_true(b->id != 0);
    assert_int_equal(fixture_flow(&b->c->f, txn_flow, b), 0);
    assert_string_equal(b->txn.in.service, "settle.paid");
    assert_string_equal(b->txn.in.terminal, "");
    assert_int_equal(one(b, "@1/P1/m/1", 250, ITEM_PAID, "A1")->outcome, LINE_UNCHANGED);
    const struct settle_line *l = one(b, "@1/P1/m/1", 250, ITEM_PAID, "B9");
    assert_int_equal(l->outcome, LINE_REFUSED);
    assert_non_null(strstr(l->why, "2025-03-06/P1/m/1"));
    assert_non_null(strstr(l->why, "A1"));
    assert_int_equal(one(b, "@1/P1/m/1", 250, ITEM_FAILED, "B9")->outcome, LINE_REFUSED);
    assert_int_equal(balance(b, ACCT_MERCHANT, "P1"), 0);
    assert_int_equal(balance(b, ACCT_RESERVE, ""), 250);
}

static void
R18_unknown_item_wrong_amount_and_wrong_payee_are_refused_and_the_rest_booked(void **state)
{
    struct bank *b = *state;
    published(b);
    (void)says(b, "@1/P9/m/1", 250, ITEM_PAID, "A1");
    (void)says(b, "@1/P1/m/1", 251, ITEM_PAID, "A2");
    memcpy(says(b, "@1/P2/m/1", 200, ITEM_PAID, "A3")->payee, "P1", 3);
    (void)says(b, "@1/P1/r/1", 1000, ITEM_PAID, "A4"); /* to be collected, not paid */
    (void)says(b, "yesterday/P1/m/1", 250, ITEM_PAID, "A5");
    (void)says(b, "@1/P1/m/2", 250, ITEM_PAID, "A6");
    (void)says(b, "@1/P1/m/1", 250, ITEM_PAID, "");
    (void)says(b, "@1/P1/m/1", 250, ITEM_PAID, "A8");
    assert_int_equal(bring(b), 0);
    for (unsigned i = 0; i < 7; i++)
        assert_int_equal(b->lines[i].outcome, LINE_REFUSED);
    assert_non_null(strstr(b->lines[0].why, "there is no item"));
    assert_non_null(strstr(b->lines[1].why, "2.50 yuan, not 2.51"));
    assert_non_null(strstr(b->lines[2].why, "is P2, not P1"));
    assert_non_null(strstr(b->lines[3].why, "-10.00 yuan, not 10.00"));
    assert_int_equal(b->lines[7].outcome, LINE_DONE);
    assert_int_equal(balance(b, ACCT_RESERVE, ""), 250);
}

static void R18_returned_payment_opens_its_item_as_a_new_row_and_the_next_list_has_it(void **state)
{
    struct bank *b = *state;
    char expect[64];
    published(b);
    int64_t paid = one(b, "@1/P1/m/1", 250, ITEM_PAID, "A1")->txn;
    (void)one(b, "@1/P2/m/1", 200, ITEM_PAID, "A2");
    (void)one(b, "@1/P1/r/1", -1000, ITEM_PAID, "A3");
    assert_string_equal(day_state(b, DAY1), "settled");
    b->id = one(b, "@1/P1/m/1", 250, ITEM_RETURNED, "R1")->txn;
    assert_int_equal(fixture_flow(&b->c->f, txn_flow, b), 0);
    assert_int_equal(b->txn.in.link, paid); /* a new transaction, linked (R6) */
    assert_string_equal(day_state(b, DAY1), "published");
    assert_int_equal(b->group.returned, 1);
    assert_int_equal(balance(b, ACCT_MERCHANT, "P1"), 250);
    assert_int_equal(items(b, ITEM_OPEN, ""), 1);
    assert_int_equal(b->rows[0].id.attempt, 2);
    assert_int_equal(items(b, ITEM_RETURNED, ""), 1);
    assert_string_equal(b->rows[0].paid.reference, "A1"); /* what was said stays */
    assert_string_equal(b->rows[0].back.reference, "R1");
    assert_int_equal(one(b, "@1/P1/m/1", 250, ITEM_RETURNED, "R1")->outcome, LINE_UNCHANGED);
    assert_int_equal(one(b, "@1/P1/m/1", 250, ITEM_PAID, "A1")->outcome, LINE_UNCHANGED);
    assert_int_equal(one(b, "@1/P1/m/1", 250, ITEM_PAID, "A7")->outcome, LINE_REFUSED);
    assert_int_equal(city_close_day(b->c, DAY2), 0);
    assert_int_equal(city_run(b->c, DAY2), 0);
    const char *sheet = city_read(b->c, "@2/payments.csv");
    assert_non_null(strstr(sheet, city_days("again,@1/P1/m/2,P1,merchant,2.50,", expect)));
    assert_non_null(strstr(sheet, city_days("returned,@1/P1/m/1,P1,merchant,-2.50,", expect)));
    assert_non_null(strstr(sheet, city_days("paid,@1/P2/m/1,P2,merchant,2.00,", expect)));
    assert_int_equal(one(b, "@1/P1/m/2", 250, ITEM_PAID, "A9")->outcome, LINE_DONE);
    assert_string_equal(day_state(b, DAY1), "settled");
    assert_int_equal(balance(b, ACCT_MERCHANT, "P1"), 0);
    proves(b);
}

static void R18_failed_payment_posts_nothing_and_goes_on_as_a_new_row(void **state)
{
    struct bank *b = *state;
    char expect[64];
    published(b);
    assert_int_equal(one(b, "@1/P1/m/1", 250, ITEM_RETURNED, "R1")->outcome, LINE_REFUSED);
    assert_int_equal(one(b, "@1/P1/m/1", 250, ITEM_FAILED, "F1")->outcome, LINE_DONE);
    assert_int_equal(balance(b, ACCT_MERCHANT, "P1"), 250);
    assert_int_equal(balance(b, ACCT_RESERVE, ""), 0);
    assert_int_equal(items(b, ITEM_OPEN, ""), 3);
    const struct settle_line *l = one(b, "@1/P1/m/1", 250, ITEM_PAID, "A1");
    assert_int_equal(l->outcome, LINE_REFUSED);
    assert_non_null(strstr(l->why, "goes on as 2025-03-06/P1/m/2"));
    assert_int_equal(one(b, "@1/P1/m/1", 250, ITEM_FAILED, "F1")->outcome, LINE_UNCHANGED);
    assert_int_equal(city_close_day(b->c, DAY2), 0);
    assert_int_equal(city_run(b->c, DAY2), 0);
    assert_non_null(strstr(city_read(b->c, "@2/payments.csv"),
                           city_days("failed,@1/P1/m/1,P1,merchant,,", expect)));
    assert_int_equal(one(b, "@1/P1/m/2", 250, ITEM_PAID, "A1")->outcome, LINE_DONE);
    assert_int_equal(balance(b, ACCT_MERCHANT, "P1"), 0);
}

static void R18_what_the_bank_paid_is_no_position_of_the_day_it_was_posted_in(void **state)
{
    struct bank *b = *state;
    published(b);
    (void)one(b, "@1/P1/m/1", 250, ITEM_PAID, "A1");
    (void)one(b, "@1/P1/r/1", -1000, ITEM_PAID, "A3");
    assert_int_equal(city_close_day(b->c, DAY2), 0);
    assert_int_equal(city_run(b->c, DAY2), 0);
    assert_int_equal(b->c->rep.items, 0);
    assert_int_equal(b->c->rep.postings, 0);
    assert_non_null(
        strstr(city_read(b->c, "@2/summary.csv"), "P1,(all),0,0,0.00,0.00,0.00,0.00,0.00,0.00"));
    assert_string_equal(day_state(b, DAY2), "settled"); /* nothing of it is to be paid */
}

static void R11_published_files_stay_the_same_bytes_whatever_the_bank_says_later(void **state)
{
    struct bank *b = *state;
    uint8_t manifest[SHA256_LEN];
    published(b);
    memcpy(manifest, b->c->rep.manifest_sha256, sizeof manifest);
    (void)one(b, "@1/P1/m/1", 250, ITEM_PAID, "A1");
    (void)one(b, "@1/P1/m/1", 250, ITEM_RETURNED, "R1");
    assert_int_equal(city_verify(b->c, DAY1), 0);
    assert_int_equal(b->c->rep.faults, 0);
    city_forget(b->c, "@1");
    assert_int_equal(city_run(b->c, DAY1), 0);
    assert_memory_equal(b->c->rep.manifest_sha256, manifest, sizeof manifest);
    assert_int_equal(items(b, 0, "2025-03-06"), 4); /* no item was made twice */
}

static int store_fails(void *arg)
{
    struct city *c = arg;
    c->f.fail_with = OC_EDB_FULL;
    return 0;
}

/* Takes payments.csv out of the published folder and out of its manifest, and signs that: as an
 * earlier program left a day. */
static void as_an_earlier_program(struct city *c)
{
    char path[512], sig[] = "@1/manifest.sig";
    uint8_t sha256[SHA256_LEN];
    struct buf b;
    (void)unlink(city_path(c, "@1/payments.csv", path));
    char *text = strdup(city_read(c, "@1/manifest.json"));
    char *line = strstr(text, "    {\"name\": \"payments.csv\"");
    char *next = strchr(line, '\n') + 1;
    memmove(line, next, strlen(next) + 1);
    assert_int_equal(city_write(c, "@1/manifest.json", text, "w"), 0);
    assert_int_equal(hash_sha256(c->crypto, (struct bytes){text, strlen(text)}, sha256), 0);
    buf_init(&b, 0);
    assert_int_equal(manifest_sign(&c->env, sha256, &b), 0);
    assert_int_equal(city_write(c, sig, buf_cstr(&b), "w"), 0);
    buf_fini(&b);
    free(text);
}

static void R18_day_that_an_earlier_program_published_has_no_items_and_is_settled(void **state)
{
    struct bank *b = *state;
    struct city *c = b->c;
    day_of_trade(b);
    assert_int_equal(city_close_day(c, DAY1), 0);
    c->env.before_publish = store_fails;
    c->env.hook_arg = c;
    assert_int_equal(city_run(c, DAY1), OC_EDB_FULL); /* published, not recorded */
    c->env.before_publish = NULL;
    c->f.fail_with = 0;
    as_an_earlier_program(c);
    assert_int_equal(city_run(c, DAY1), 0);
    assert_true(c->rep.already && c->rep.recorded);
    assert_string_equal(day_state(b, DAY1), "settled");
    assert_int_equal(items(b, 0, ""), 0);
    assert_int_equal(city_verify(c, DAY1), 0);
    assert_int_equal(c->rep.faults, 0);
}

static void R18_run_broken_off_after_publishing_records_its_items_once(void **state)
{
    struct bank *b = *state;
    struct city *c = b->c;
    day_of_trade(b);
    assert_int_equal(city_close_day(c, DAY1), 0);
    c->env.before_publish = store_fails;
    c->env.hook_arg = c;
    assert_int_equal(city_run(c, DAY1), OC_EDB_FULL);
    assert_true(city_there(c, "@1"));
    assert_string_equal(day_state(b, DAY1), "closed");
    c->env.before_publish = NULL;
    c->f.fail_with = 0;
    assert_int_equal(city_run(c, DAY1), 0);
    assert_true(c->rep.already);
    assert_int_equal(items(b, ITEM_OPEN, ""), 3);
    assert_int_equal(city_run(c, DAY1), 0);
    assert_int_equal(items(b, ITEM_OPEN, ""), 3);
}

static void result_that_the_store_could_not_write_is_brought_again(void **state)
{
    struct bank *b = *state;
    published(b);
    b->c->f.fail_with = OC_EDB_FULL;
    (void)says(b, "@1/P1/m/1", 250, ITEM_PAID, "A1");
    assert_int_equal(bring(b), OC_EDB_FULL);
    b->c->f.fail_with = 0;
    assert_int_equal(balance(b, ACCT_RESERVE, ""), 0);
    assert_int_equal(one(b, "@1/P1/m/1", 250, ITEM_PAID, "A1")->outcome, LINE_DONE);
    assert_int_equal(balance(b, ACCT_RESERVE, ""), 250);
}

static CO_FN int no_memory_flow(void *arg)
{
    struct bank *b = arg;
    struct booking *k = booking_new(&b->c->env, LEDGER_HOUSE "paid", 5);
    if (!k)
        return OC_EINTERNAL;
    booking_leg(k, ACCT_MERCHANT, "P1", -5);
    booking_leg(k, ACCT_RESERVE, "", 5);
    booking_record(k, ITEM_GROUPS, "2025-03-06", 0, 0); /* what a document without memory is */
    int rc = booking_co_submit(&b->c->env, k);
    free(k);
    return rc;
}

static void booking_whose_document_had_no_memory_is_not_submitted(void **state)
{
    struct bank *b = *state;
    assert_int_equal(fixture_flow(&b->c->f, no_memory_flow, b), OC_ENOMEM);
    assert_int_equal(balance(b, ACCT_RESERVE, ""), 0);
}

static void items_come_a_page_at_a_time(void **state)
{
    struct bank *b = *state;
    char after[SETTLE_ITEM] = "";
    published(b);
    day_of_trade(b);
    assert_int_equal(city_close_day(b->c, DAY2), 0);
    assert_int_equal(city_run(b->c, DAY2), 0);
    unsigned seen = 0;
    do {
        b->filter = (struct settle_filter){.state = ITEM_OPEN, .group = "", .after = after};
        b->cap = 2;
        assert_int_equal(fixture_flow(&b->c->f, items_flow, b), 0);
        seen += b->rows_n;
        if (b->rows_n)
            (void)settle_item_text(&b->rows[b->rows_n - 1].id, after);
    } while (b->rows_n == 2);
    assert_int_equal(seen, 6);
    b->filter.after = "2025-03-06";
    assert_int_equal(fixture_flow(&b->c->f, items_flow, b), OC_EINVAL);
}

static void names_of_items_are_read_back_and_nothing_else_is(void **state)
{
    static const char *const bad[] = {"",
                                      "2025-03-06",
                                      "2025-03-06/P1",
                                      "2025-03-06/P1/m",
                                      "2025-03-06/P1/m/0",
                                      "2025-03-06/P1/m/100",
                                      "2025-03-06/P1/m/1x",
                                      "2025-03-06/P1/x/1",
                                      "2025-03-06/P1/f/1",
                                      "2025-03/P1/m/1",
                                      "2025-02-30/P1/m/1",
                                      "2025-03-06//m/1",
                                      "2025-03-06/12345678901234567890123456789012/m/1",
                                      "2025-03-06x/P1/m/1"};
    static const char *const good[] = {"2025-03-06/P1/m/1", "2025-03-06/bus-co_1.x/r/99",
                                       "2025-03/ybj/f/2"};
    char text[SETTLE_ITEM];
    struct settle_item_id id;
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_int_equal(settle_item_parse(bad[i], &id), OC_EINVAL);
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        assert_int_equal(settle_item_parse(good[i], &id), 0);
        assert_string_equal(settle_item_text(&id, text), good[i]);
    }
}

static void longest_texts_fit_an_items_document(void **state)
{
    struct settle_item it = {.amount = -INT64_C(10000000000000), .state = ITEM_RETURNED}, back;
    char doc[ITEM_DOC];
    (void)state;
    memset(it.paid.reference, '"', sizeof it.paid.reference - 1);
    memset(it.paid.reason, '\\', sizeof it.paid.reason - 1);
    memset(it.paid.file, '"', sizeof it.paid.file - 1);
    it.paid.number = INT64_C(20261231999999);
    it.paid.on = 20261231;
    it.back = it.paid;
    uint32_t len = item_write(&it, doc);
    assert_true(len > 0 && len <= ITEM_DOC);
    back.id = it.id;
    assert_int_equal(item_read(doc, len, &back), 0);
    assert_string_equal(back.back.reason, it.back.reason);
    assert_int_equal(back.paid.number, it.paid.number);
    assert_int_equal(item_read(doc, len - 1, &back), OC_EBOOKS);
}

#define BANK_TEST(t) cmocka_unit_test_setup_teardown(t, bank_setup, bank_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        BANK_TEST(R18_day_is_settled_when_the_bank_said_each_item_paid),
        BANK_TEST(R18_same_line_again_posts_nothing_and_another_word_is_refused),
        BANK_TEST(R18_unknown_item_wrong_amount_and_wrong_payee_are_refused_and_the_rest_booked),
        BANK_TEST(R18_returned_payment_opens_its_item_as_a_new_row_and_the_next_list_has_it),
        BANK_TEST(R18_failed_payment_posts_nothing_and_goes_on_as_a_new_row),
        BANK_TEST(R18_what_the_bank_paid_is_no_position_of_the_day_it_was_posted_in),
        BANK_TEST(R11_published_files_stay_the_same_bytes_whatever_the_bank_says_later),
        BANK_TEST(R18_day_that_an_earlier_program_published_has_no_items_and_is_settled),
        BANK_TEST(R18_run_broken_off_after_publishing_records_its_items_once),
        BANK_TEST(result_that_the_store_could_not_write_is_brought_again),
        BANK_TEST(booking_whose_document_had_no_memory_is_not_submitted),
        BANK_TEST(items_come_a_page_at_a_time),
        cmocka_unit_test(names_of_items_are_read_back_and_nothing_else_is),
        cmocka_unit_test(longest_texts_fit_an_items_document),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
