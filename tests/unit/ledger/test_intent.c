/* What an intent is refused for, and what it reserves. */
#include "book.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

/* Submits the scratch operation and wants this refusal, and nothing written. */
static WORKER_FN void refused(struct book *b, enum oc_reason reason)
{
    int64_t rows = book_number(b, "SELECT count(*) FROM journal");
    assert_int_equal(book_do(b), OC_EREFUSED);
    assert_string_equal(oc_reason_code(b->op->reason), oc_reason_code(reason));
    assert_true(b->op->detail[0] != '\0');
    assert_int_equal(book_number(b, "SELECT count(*) FROM journal"), rows);
}

static void R2_intent_reserves_everything_in_one_commit(void **state)
{
    ROLE_ENTER_WORKER();
    struct book *b = *state;
    book_purchase(b, 300);
    assert_int_equal(book_do(b), 0);
    int64_t txn = b->op->intent.txn;
    struct txn_full t = book_txn(b, txn);
    assert_int_equal(t.state, OC_TXN_INTENDED);
    assert_int_equal(t.clearing_date, 0);
    struct card_full c = *book_card(b);
    assert_int_equal(c.r.purse, 5000);
    assert_int_equal(c.r.purse_debits_pending, 300);
    assert_int_equal(c.r.open_txn, txn);
    assert_int_equal(c.r.day_debits, 300);
    struct account_row m = book_account(b, ACCT_MERCHANT, "P1");
    assert_int_equal(m.credits_pending, 300);
    assert_int_equal(m.credits_posted, 0);
}

static void card_states_give_their_reason(void **state)
{
    ROLE_ENTER_WORKER();
    struct book *b = *state;
    static const struct {
        enum card_state to;
        enum oc_reason reason;
    } cases[] = {{CARD_SUSPENDED, OC_R_SUSPENDED},
                 {CARD_LOST, OC_R_LOST},
                 {CARD_BLOCKED, OC_R_BLOCKED},
                 {CARD_CANCELLED, OC_R_CANCELLED}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_int_equal(book_card_to(b, cases[i].to), 0);
        book_purchase(b, 100);
        refused(b, cases[i].reason);
    }
}

static WORKER_FN void add_card(struct book *b, uint8_t n, enum card_state st, date_t from,
                               date_t to)
{
    struct op_card_add *a = &book_op(b, LOP_CARD_ADD)->card_add;
    memset(a->serial, n, sizeof a->serial);
    a->kind = CARD_NAMED;
    a->state = (uint8_t)st;
    a->valid_from = from;
    a->valid_to = to;
    assert_int_equal(book_do(b), 0);
    b->card = b->op->card_add.card;
    b->chip = (struct card_seen){SEEN_BALANCE | SEEN_ONLINE | SEEN_OFFLINE, 0, 0, 0};
}

static void card_not_activated_is_refused(void **state)
{
    ROLE_ENTER_WORKER();
    struct book *b = *state;
    add_card(b, 1, CARD_ISSUED, 0, 0);
    book_load(b, 100);
    refused(b, OC_R_NOT_ACTIVE);
}

static void validity_dates_are_those_of_the_business_date(void **state)
{
    ROLE_ENTER_WORKER();
    struct book *b = *state;
    add_card(b, 1, CARD_ACTIVE, BOOK_DAY + 1, 0);
    book_load(b, 100);
    refused(b, OC_R_NOT_YET_VALID);
    add_card(b, 2, CARD_ACTIVE, 0, BOOK_DAY - 1);
    book_load(b, 100);
    refused(b, OC_R_EXPIRED);
    add_card(b, 3, CARD_ACTIVE, BOOK_DAY, BOOK_DAY);
    book_load(b, 100);
    assert_int_equal(book_do(b), 0);
}

static void R15_denied_card_is_refused_from_the_commit_on(void **state)
{
    ROLE_ENTER_WORKER();
    struct book *b = *state;
    struct op_deny *d = &book_op(b, LOP_DENY)->deny;
    memset(d->issuer, 0x11, sizeof d->issuer);
    memset(d->serial, 0x22, sizeof d->serial);
    d->action = 1;
    assert_int_equal(book_do(b), 0);
    assert_int_equal(b->op->deny.epoch, 1);
    book_purchase(b, 100);
    refused(b, OC_R_DENIED);
    book_op(b, LOP_DENY)->deny.remove = 1;
    memset(b->op->deny.issuer, 0x11, OC_ISSUER_LEN);
    memset(b->op->deny.serial, 0x22, OC_SERIAL_LEN);
    assert_int_equal(book_do(b), 0);
    book_purchase(b, 100);
    assert_int_equal(book_do(b), 0);
}

static void terminals_and_sams_that_do_not_fit_are_refused(void **state)
{
    ROLE_ENTER_WORKER();
    struct book *b = *state;
    struct op_intent *in = book_purchase(b, 100);
    snprintf(in->terminal, sizeof in->terminal, "T9");
    refused(b, OC_R_TERMINAL_UNKNOWN);
    in = book_purchase(b, 100);
    in->sam[5] = 2;
    refused(b, OC_R_SAM_UNKNOWN);
    struct op_terminal *bare = &book_op(b, LOP_TERMINAL)->terminal;
    snprintf(bare->id, sizeof bare->id, "T3");
    snprintf(bare->participant, sizeof bare->participant, "P1");
    assert_int_equal(book_do(b), 0);
    for (int credit = 0; credit < 2; credit++) {
        in = credit ? book_load(b, 100) : book_purchase(b, 100);
        snprintf(in->terminal, sizeof in->terminal, "T3");
        in->sam[5] = 0;
        refused(b, OC_R_SAM_UNKNOWN); /* zeros are no SAM, though they are the same zeros */
    }
    in = book_purchase(b, 100);
    snprintf(in->participant, sizeof in->participant, "P9");
    refused(b, OC_R_TERMINAL_MAY_NOT);
    struct op_terminal *t = &book_op(b, LOP_TERMINAL)->terminal;
    snprintf(t->id, sizeof t->id, "T1");
    snprintf(t->participant, sizeof t->participant, "P1");
    t->sam[5] = 1;
    t->closed = 1;
    assert_int_equal(book_do(b), 0);
    book_purchase(b, 100);
    refused(b, OC_R_NOT_OPEN);
}

static void R7_one_open_transaction_a_card(void **state)
{
    ROLE_ENTER_WORKER();
    struct book *b = *state;
    book_load(b, 100);
    assert_int_equal(book_do(b), 0);
    int64_t first = b->op->intent.txn;
    book_load(b, 100);
    refused(b, OC_R_DOUBT_OPEN);
    book_purchase(b, 100);
    refused(b, OC_R_DOUBT_OPEN);
    assert_int_equal(book_outcome(b, first, OC_TXN_IN_DOUBT, EV_NONE), 0);
    book_purchase(b, 100);
    refused(b, OC_R_DOUBT_OPEN);
}

static void counters_at_their_maximum_are_refused(void **state)
{
    ROLE_ENTER_WORKER();
    struct book *b = *state;
    b->chip.offline = 0xFFFF;
    book_purchase(b, 100);
    refused(b, OC_R_COUNTER_MAX);
    b->chip.online = 0xFFFF;
    book_load(b, 100);
    refused(b, OC_R_COUNTER_MAX);
}

static void request_again_gets_the_first_and_another_content_a_conflict(void **state)
{
    ROLE_ENTER_WORKER();
    struct book *b = *state;
    struct op_intent *in = book_purchase(b, 100);
    in->request_no = 7;
    in->request_hash[0] = 1;
    assert_int_equal(book_do(b), 0);
    int64_t first = b->op->intent.txn;
    assert_int_equal(book_outcome(b, first, OC_TXN_IN_DOUBT, EV_NONE), 0);
    in = book_purchase(b, 100);
    in->request_no = 7;
    in->request_hash[0] = 1;
    assert_int_equal(book_do(b), OC_EEXIST);
    assert_int_equal(b->op->intent.txn, first);
    in = book_purchase(b, 200);
    in->request_no = 7;
    in->request_hash[0] = 2;
    assert_int_equal(book_do(b), OC_ECONFLICT);
    assert_int_equal(b->op->reason, OC_R_CONFLICT);
    assert_int_equal(book_number(b, "SELECT next_request FROM terminal WHERE id = 'T1'"), 8);
}

static WORKER_FN int attempt(struct book *b, int64_t link, uint8_t hash)
{
    struct op_intent *in = book_purchase(b, 100);
    in->request_no = 7;
    in->request_hash[0] = hash;
    in->link = link;
    return book_do(b);
}

static void second_attempt_takes_over_the_number_of_a_voided_first(void **state)
{
    ROLE_ENTER_WORKER();
    struct book *b = *state;
    assert_int_equal(attempt(b, 0, 1), 0);
    int64_t first = b->op->intent.txn;
    assert_int_equal(attempt(b, first, 1), OC_EEXIST); /* not decided yet */
    assert_int_equal(b->op->intent.txn, first);
    assert_int_equal(book_outcome(b, first, OC_TXN_VOIDED, EV_NOT_SENT), 0);
    assert_int_equal(attempt(b, 0, 1), OC_EEXIST); /* a repeated request, not another tap */
    assert_int_equal(b->op->intent.txn, first);
    assert_int_equal(attempt(b, first, 2), OC_ECONFLICT);
    assert_int_equal(attempt(b, first, 1), 0);
    int64_t second = b->op->intent.txn;
    assert_int_equal(book_txn(b, first).request_no, 0);
    assert_int_equal(book_txn(b, second).request_no, 7);
    assert_int_equal(book_outcome(b, second, OC_TXN_VOIDED, EV_NOT_SENT), 0);
    assert_int_equal(attempt(b, first, 1), OC_EEXIST); /* the first has nothing to give any more */
    assert_int_equal(b->op->intent.txn, second);
    assert_int_equal(attempt(b, second, 1), 0);
    int64_t third = b->op->intent.txn;
    assert_int_equal(book_outcome(b, third, OC_TXN_POSTED, EV_ANSWER), 0);
    assert_int_equal(attempt(b, third, 1), OC_EEXIST);
    assert_int_equal(b->op->intent.txn, third);
}

static void number_of_another_voided_transaction_is_not_taken(void **state)
{
    ROLE_ENTER_WORKER();
    struct book *b = *state;
    book_purchase(b, 100)->request_no = 5;
    assert_int_equal(book_do(b), 0);
    int64_t first = b->op->intent.txn;
    assert_int_equal(book_outcome(b, first, OC_TXN_VOIDED, EV_NOT_SENT), 0);
    struct op_intent *in = book_purchase(b, 100); /* the same card tapped again, another request */
    in->request_no = 6;
    in->link = first;
    assert_int_equal(book_do(b), 0);
    assert_int_equal(book_txn(b, first).request_no, 5);
}

static void request_numbers_beyond_two_to_the_53_are_refused(void **state)
{
    ROLE_ENTER_WORKER();
    struct book *b = *state;
    static const int64_t bad[] = {-1, (INT64_C(1) << 53) + 1, INT64_MAX, INT64_MIN};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        book_purchase(b, 100)->request_no = bad[i];
        refused(b, OC_R_PARAMETER);
        struct op_refusal *r = &book_op(b, LOP_REFUSAL)->refusal;
        r->reason = OC_R_LIMIT;
        r->request_no = bad[i];
        snprintf(r->terminal, sizeof r->terminal, "T1");
        refused(b, OC_R_PARAMETER);
    }
    assert_true(ledger_healthy(b->l, NULL));
    book_purchase(b, 100)->request_no = INT64_C(1) << 53;
    assert_int_equal(book_do(b), 0);
}

static void request_numbers_are_allotted_above_those_used(void **state)
{
    ROLE_ENTER_WORKER();
    struct book *b = *state;
    assert_true(book_buy(b, 100) != 0);
    struct op_intent *in = book_purchase(b, 100);
    in->request_no = 41;
    assert_int_equal(book_do(b), 0);
    assert_int_equal(book_outcome(b, b->op->intent.txn, OC_TXN_VOIDED, EV_COUNTER), 0);
    book_purchase(b, 100);
    assert_int_equal(book_do(b), 0);
    assert_int_equal(b->op->intent.request_no, 42);
}

static void R10_sequence_is_the_sams_and_moves_with_it(void **state)
{
    ROLE_ENTER_WORKER();
    struct book *b = *state;
    assert_true(book_buy(b, 100) != 0);
    assert_true(book_buy(b, 100) != 0);
    struct op_terminal *t = &book_op(b, LOP_TERMINAL)->terminal;
    snprintf(t->id, sizeof t->id, "T2");
    snprintf(t->participant, sizeof t->participant, "P1");
    t->sam[5] = 1; /* the SAM of T1 */
    assert_int_equal(book_do(b), 0);
    book_purchase(b, 100);
    refused(b, OC_R_SAM_UNKNOWN);
    struct op_intent *in = book_purchase(b, 100);
    snprintf(in->terminal, sizeof in->terminal, "T2");
    assert_int_equal(book_do(b), 0);
    assert_int_equal(b->op->intent.terminal_seq, 3);
    assert_int_equal(book_number(b, "SELECT count(*) FROM sam_history WHERE to_ms = 0"), 1);
    assert_int_equal(book_number(b, "SELECT count(*) FROM sam_history"), 3);
}

static void R10_restore_jumps_every_sequence(void **state)
{
    ROLE_ENTER_WORKER();
    struct book *b = *state;
    assert_true(book_buy(b, 100) != 0);
    book_op(b, LOP_RESTORED)->restored.jump = 1000;
    assert_int_equal(book_do(b), 0);
    book_purchase(b, 100);
    assert_int_equal(book_do(b), 0);
    assert_int_equal(b->op->intent.terminal_seq, 1002);
}

static void record(struct op_intent *in, uint32_t version, const char *doc)
{
    struct op_record *r = &in->records[in->record_count++];
    snprintf(r->scope, sizeof r->scope, "transit");
    snprintf(r->owner, sizeof r->owner, "card:1");
    snprintf(r->key, sizeof r->key, "journey%u", in->record_count);
    r->doc = (struct op_doc){doc, (uint32_t)strlen(doc)};
    r->version_read = version;
}

static void R2_records_are_locked_at_intent_and_written_at_post(void **state)
{
    ROLE_ENTER_WORKER();
    struct book *b = *state;
    record(book_purchase(b, 100), 0, "{\"a\":1}");
    assert_int_equal(book_do(b), 0);
    int64_t first = b->op->intent.txn;
    assert_int_equal(book_number(b, "SELECT count(*) FROM record"), 0);
    b->card = 0; /* an account-only plan without a card meets the lock */
    struct op_intent *in = book_purchase(b, 0);
    in->plan_kind = OC_PLAN_ACCOUNT;
    in->leg_count = 0;
    record(in, 0, "{\"a\":2}");
    refused(b, OC_R_STALE);
    assert_int_equal(book_outcome(b, first, OC_TXN_POSTED, EV_ANSWER), 0);
    int64_t version = book_number(b, "SELECT version FROM record");
    assert_true(version > 0);
    in = book_purchase(b, 0);
    in->plan_kind = OC_PLAN_ACCOUNT;
    in->leg_count = 0;
    record(in, 0, "{\"a\":3}");
    refused(b, OC_R_STALE);
    in = book_purchase(b, 0);
    in->plan_kind = OC_PLAN_ACCOUNT;
    in->leg_count = 0;
    record(in, (uint32_t)version, "{\"a\":4}");
    assert_int_equal(book_do(b), 0);
    assert_int_equal(book_number(b, "SELECT version FROM record"), version + 1);
    assert_int_equal(book_number(b, "SELECT count(*) FROM record WHERE doc = '{\"a\":4}'"), 1);
}

static void R2_void_gives_records_and_limits_back(void **state)
{
    ROLE_ENTER_WORKER();
    struct book *b = *state;
    struct op_intent *in = book_purchase(b, 100);
    record(in, 0, "{}");
    in->limits.card_day_max = 150;
    in->limits.card_day_count = 1;
    in->limits.terminal_day_max = 150;
    assert_int_equal(book_do(b), 0);
    assert_int_equal(book_outcome(b, b->op->intent.txn, OC_TXN_VOIDED, EV_CARD_REFUSED), 0);
    assert_int_equal(book_number(b, "SELECT count(*) FROM record"), 0);
    assert_int_equal(book_number(b, "SELECT day_sum FROM terminal WHERE id = 'T1'"), 0);
    struct card_full c = *book_card(b);
    assert_int_equal(c.r.day_debits, 0);
    assert_int_equal(c.r.day_count, 0);
    assert_int_equal(c.r.open_txn, 0);
    assert_int_equal(c.r.last_txn, 0);
    in = book_purchase(b, 100);
    in->limits.card_day_max = 150;
    in->limits.card_day_count = 1;
    in->limits.terminal_day_max = 150;
    assert_int_equal(book_do(b), 0);
}

static void R2_limits_are_counted_at_intent(void **state)
{
    ROLE_ENTER_WORKER();
    struct book *b = *state;
    book_purchase(b, 500)->limits.single_max = 499;
    refused(b, OC_R_LIMIT);
    assert_true(book_buy(b, 400) != 0);
    book_purchase(b, 101)->limits.card_day_max = 500;
    refused(b, OC_R_LIMIT);
    book_purchase(b, 100)->limits.card_day_count = 1;
    refused(b, OC_R_LIMIT);
    book_purchase(b, 101)->limits.terminal_day_max = 500;
    refused(b, OC_R_LIMIT);
    struct op_intent *in = book_purchase(b, 101);
    in->limits.card_day_max = 500;
    in->business_date = BOOK_DAY + 1; /* a new day counts from nothing */
    assert_int_equal(book_do(b), 0);
}

static WORKER_FN int64_t on_day(struct book *b, date_t day, fen_t amount)
{
    book_purchase(b, amount)->business_date = day;
    assert_int_equal(book_do(b), 0);
    return b->op->intent.txn;
}

static void R2_limits_counted_on_a_later_day_are_given_back_there(void **state)
{
    ROLE_ENTER_WORKER();
    struct book *b = *state;
    int64_t txn = on_day(b, BOOK_DAY + 1, 100);
    assert_int_equal(book_outcome(b, txn, OC_TXN_POSTED, EV_ANSWER), 0);
    b->chip.balance -= 100;
    b->chip.offline++;
    txn = on_day(b, BOOK_DAY, 40); /* admitted before midnight, comes after it */
    assert_int_equal(b->op->intent.card_day, BOOK_DAY + 1);
    assert_int_equal(b->op->intent.terminal_day, BOOK_DAY + 1);
    assert_int_equal(book_card(b)->r.day_debits, 140);
    assert_int_equal(book_outcome(b, txn, OC_TXN_VOIDED, EV_COUNTER), 0);
    assert_int_equal(book_card(b)->r.day_debits, 100);
    assert_int_equal(book_card(b)->r.day_count, 1);
    assert_int_equal(book_number(b, "SELECT day_sum FROM terminal WHERE id = 'T1'"), 100);
}

static void R2_limits_of_a_day_gone_by_are_not_taken_from_another_days_sum(void **state)
{
    ROLE_ENTER_WORKER();
    struct book *b = *state;
    struct op_card_add *a = &book_op(b, LOP_CARD_ADD)->card_add;
    a->serial[0] = 9;
    a->kind = CARD_NAMED;
    a->state = CARD_ACTIVE;
    assert_int_equal(book_do(b), 0);
    int64_t other = b->op->card_add.card, first = b->card;
    int64_t txn = on_day(b, BOOK_DAY, 70);
    b->card = other; /* the terminal goes on to the next day, the first card does not */
    int64_t next = on_day(b, BOOK_DAY + 1, 30);
    b->card = first;
    assert_int_equal(book_outcome(b, txn, OC_TXN_VOIDED, EV_COUNTER), 0);
    assert_int_equal(book_card(b)->r.day_debits, 0);
    assert_int_equal(book_card(b)->r.day_count, 0);
    assert_int_equal(book_number(b, "SELECT day_sum FROM terminal WHERE id = 'T1'"), 30);
    assert_int_equal(book_outcome(b, next, OC_TXN_VOIDED, EV_COUNTER), 0);
    assert_int_equal(book_number(b, "SELECT day_sum FROM terminal WHERE id = 'T1'"), 0);
}

static void R7_load_is_refused_beyond_the_participants_quota(void **state)
{
    ROLE_ENTER_WORKER();
    struct book *b = *state;
    struct op_participant *p = &book_op(b, LOP_PARTICIPANT)->participant;
    snprintf(p->id, sizeof p->id, "P1");
    p->load_quota = 1000;
    assert_int_equal(book_do(b), 0);
    book_load(b, 1001);
    refused(b, OC_R_LOAD_QUOTA);
    assert_true(book_charge(b, 700) != 0);
    book_load(b, 301);
    refused(b, OC_R_LOAD_QUOTA);
    book_load(b, 300);
    assert_int_equal(book_do(b), 0);
    struct account_row a = book_account(b, ACCT_LOAD_RECEIVABLE, "P1");
    assert_int_equal(a.floor, -1000);
    assert_int_equal(a.debits_pending, 300);
}

/* 1 fen of cash for a person's account, beside the card. */
static struct op_intent *cash_to_account(struct book *b)
{
    struct op_intent *in = book_load(b, 1);
    in->plan_kind = OC_PLAN_ACCOUNT;
    in->card = 0;
    in->card_type = 0;
    in->legs[1].kind = ACCT_CITIZEN;
    snprintf(in->legs[1].owner, LEDGER_ID, "C1");
    return in;
}

static void R7_what_open_loads_have_reserved_is_no_quota_for_others(void **state)
{
    ROLE_ENTER_WORKER();
    struct book *b = *state;
    struct op_participant *p = &book_op(b, LOP_PARTICIPANT)->participant;
    snprintf(p->id, sizeof p->id, "P1");
    p->load_quota = 1000;
    assert_int_equal(book_do(b), 0);
    book_load(b, 1000);
    assert_int_equal(book_do(b), 0);
    int64_t open = b->op->intent.txn;
    (void)cash_to_account(b);
    refused(b, OC_R_LOAD_QUOTA);
    assert_int_equal(book_outcome(b, open, OC_TXN_VOIDED, EV_NOT_SENT), 0);
    (void)cash_to_account(b);
    assert_int_equal(book_do(b), 0);
    assert_int_equal(book_account(b, ACCT_LOAD_RECEIVABLE, "P1").debits_posted, 1);
}

static void pending_debits_count_against_funds(void **state)
{
    ROLE_ENTER_WORKER();
    struct book *b = *state;
    struct op_intent *in = book_load(b, 100);
    in->legs[0].kind = ACCT_CITIZEN;
    snprintf(in->legs[0].owner, LEDGER_ID, "C1");
    refused(b, OC_R_FUNDS);
    in = book_load(b, 100);
    in->legs[0].kind = ACCT_PENDING_LOAD;
    in->legs[0].owner[0] = '\0';
    refused(b, OC_R_FUNDS);
}

static void over_ceiling_counts_chip_and_books(void **state)
{
    ROLE_ENTER_WORKER();
    struct book *b = *state;
    book_load(b, 95001);
    refused(b, OC_R_OVER_CEILING);
    book_load(b, 95000)->seen.balance = 5001;
    refused(b, OC_R_OVER_CEILING);
    assert_true(book_charge(b, 95000) != 0);
}

static void R1_debit_is_never_refused_for_the_purse_account(void **state)
{
    ROLE_ENTER_WORKER();
    struct book *b = *state;
    assert_true(book_buy(b, 9000) != 0);
    assert_int_equal(book_card(b)->r.purse, -4000);
}

static void R6_refund_is_bounded_by_its_original(void **state)
{
    ROLE_ENTER_WORKER();
    struct book *b = *state;
    book_purchase(b, 1000);
    assert_int_equal(book_do(b), 0);
    int64_t buy = b->op->intent.txn;
    book_refund(b, buy, 100);
    refused(b, OC_R_ORIGINAL_UNKNOWN); /* not posted yet */
    assert_int_equal(book_outcome(b, buy, OC_TXN_POSTED, EV_ANSWER), 0);
    book_refund(b, buy, 1001);
    refused(b, OC_R_OVER_ORIGINAL);
    book_refund(b, buy, 600);
    assert_int_equal(book_do(b), 0);
    int64_t back = b->op->intent.txn;
    assert_int_equal(b->op->intent.clearing_date, BOOK_DAY);
    assert_int_equal(book_txn(b, back).state, OC_TXN_POSTED);
    assert_int_equal(book_txn(b, buy).refunded, 600);
    assert_int_equal(book_card(b)->r.pending_load, 600);
    book_refund(b, buy, 401);
    refused(b, OC_R_OVER_ORIGINAL);
    book_refund(b, back, 100);
    refused(b, OC_R_ORIGINAL_UNKNOWN); /* of a refund */
    book_refund(b, 12345, 100);
    refused(b, OC_R_ORIGINAL_UNKNOWN);
    book_refund(b, buy, 400);
    assert_int_equal(book_do(b), 0);
}

static void R6_refund_reaches_a_lost_card_but_not_a_cancelled_one(void **state)
{
    ROLE_ENTER_WORKER();
    struct book *b = *state;
    int64_t buy = book_buy(b, 1000);
    assert_int_equal(book_card_to(b, CARD_LOST), 0);
    book_refund(b, buy, 100);
    assert_int_equal(book_do(b), 0);
    assert_int_equal(book_card_to(b, CARD_CANCELLED), 0);
    book_refund(b, buy, 100);
    refused(b, OC_R_CANCELLED);
}

static void malformed_intents_change_nothing(void **state)
{
    ROLE_ENTER_WORKER();
    struct book *b = *state;
    int64_t rows = book_number(b, "SELECT count(*) FROM journal");
    book_purchase(b, 100)->legs[1].amount = 99;
    assert_int_equal(book_do(b), OC_EINVAL);
    book_purchase(b, 100)->amount = 50;
    assert_int_equal(book_do(b), OC_EINVAL);
    book_purchase(b, 100)->leg_count = LEDGER_LEGS + 1;
    assert_int_equal(book_do(b), OC_EINVAL);
    memset(book_purchase(b, 100)->terminal, 'x', LEDGER_ID);
    assert_int_equal(book_do(b), OC_EINVAL);
    book_purchase(b, 100)->legs[1].kind = ACCT_IN_TRANSIT;
    assert_int_equal(book_do(b), OC_EINVAL);
    book_purchase(b, 100)->plan_kind = 9;
    assert_int_equal(book_do(b), OC_EINVAL);
    book_purchase(b, 100);
    b->op->who[0] = '\0';
    assert_int_equal(book_do(b), OC_EINVAL);
    assert_int_equal(book_number(b, "SELECT count(*) FROM journal"), rows);
    book_purchase(b, 100)->card = 0;
    assert_int_equal(book_do(b), OC_EINVAL); /* a purse leg of no card */
    book_purchase(b, 100)->card = 99;
    refused(b, OC_R_UNKNOWN_CARD);
}

#define T(f) cmocka_unit_test_setup_teardown(f, book_setup, book_teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        T(R2_intent_reserves_everything_in_one_commit),
        T(card_states_give_their_reason),
        T(card_not_activated_is_refused),
        T(validity_dates_are_those_of_the_business_date),
        T(R15_denied_card_is_refused_from_the_commit_on),
        T(terminals_and_sams_that_do_not_fit_are_refused),
        T(R7_one_open_transaction_a_card),
        T(counters_at_their_maximum_are_refused),
        T(request_again_gets_the_first_and_another_content_a_conflict),
        T(second_attempt_takes_over_the_number_of_a_voided_first),
        T(number_of_another_voided_transaction_is_not_taken),
        T(request_numbers_beyond_two_to_the_53_are_refused),
        T(request_numbers_are_allotted_above_those_used),
        T(R10_sequence_is_the_sams_and_moves_with_it),
        T(R10_restore_jumps_every_sequence),
        T(R2_records_are_locked_at_intent_and_written_at_post),
        T(R2_void_gives_records_and_limits_back),
        T(R2_limits_are_counted_at_intent),
        T(R2_limits_counted_on_a_later_day_are_given_back_there),
        T(R2_limits_of_a_day_gone_by_are_not_taken_from_another_days_sum),
        T(R7_load_is_refused_beyond_the_participants_quota),
        T(R7_what_open_loads_have_reserved_is_no_quota_for_others),
        T(pending_debits_count_against_funds),
        T(over_ceiling_counts_chip_and_books),
        T(R1_debit_is_never_refused_for_the_purse_account),
        T(R6_refund_is_bounded_by_its_original),
        T(R6_refund_reaches_a_lost_card_but_not_a_cancelled_one),
        T(malformed_intents_change_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
