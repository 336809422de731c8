/* Holds at institutions: each edge, what each state of the transaction leaves, and who may not go
 * where (R12). */
#include "book.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#define SET(field, text) snprintf((field), sizeof(field), "%s", (text))

static void with_hold(struct op_intent *in)
{
    SET(in->hold.to, "BANK");
    SET(in->hold.kind, "load");
    in->hold.amount = in->amount;
    in->hold.doc = (struct op_doc){"{\"account\":\"1\"}", 15};
    in->hold.expect = (struct op_doc){"{}", 2};
}

/* A bill of 100 fen from a citizen's personal account, which gets 1,000 first. */
static WORKER_FN struct op_intent *bill(struct book *b)
{
    struct op_intent *in = book_refund(b, 0, 100);
    in->refund = 0;
    in->link = 0;
    SET(in->service, "payment.bill");
    in->legs[0].kind = ACCT_RESERVE;
    SET(in->legs[0].owner, "");
    in->legs[1].kind = ACCT_PERSONAL;
    SET(in->legs[1].owner, "C1");
    in->legs[0].amount = -1000;
    in->legs[1].amount = 1000;
    in->amount = 1000;
    assert_int_equal(book_do(b), 0);
    in->request_no = 0;
    in->legs[0].kind = ACCT_MERCHANT;
    SET(in->legs[0].owner, "P1");
    in->legs[0].amount = 100;
    in->legs[1].amount = -100;
    in->amount = 100;
    with_hold(in);
    return in;
}

static WORKER_FN int64_t asked(struct book *b)
{
    with_hold(book_load(b, 500));
    assert_int_equal(book_do(b), 0);
    return b->op->intent.txn;
}

static WORKER_FN int answer(struct book *b, int64_t txn, enum hold_state to)
{
    struct op_hold *h = &book_op(b, LOP_HOLD)->hold;
    h->txn = txn;
    h->to = (uint8_t)to;
    if (to == HOLD_HELD)
        SET(h->reference, "REF-1");
    SET(h->note, "said so");
    return book_do(b);
}

static WORKER_FN int64_t state(struct book *b)
{
    return book_number(b, "SELECT state FROM hold ORDER BY txn DESC LIMIT 1");
}

static WORKER_FN int ends(struct book *b, enum message_state to)
{
    struct op_message_end *e = &book_op(b, LOP_MESSAGE)->message;
    e->message = book_number(b, "SELECT max(id) FROM outbox");
    e->to = (uint8_t)to;
    e->tries = 3;
    SET(e->note, "connection refused");
    return book_do(b);
}

static WORKER_FN int64_t due(struct book *b, const char *kind)
{
    char sql[128];
    snprintf(sql, sizeof sql, "SELECT count(*) FROM outbox WHERE kind = '%s'", kind);
    return book_number(b, sql);
}

static void R12_hold_is_asked_in_the_intents_commit_and_confirmed_with_the_posting(void **s)
{
    ROLE_ENTER_WORKER();
    struct book *b = *s;
    int64_t txn = asked(b);
    assert_int_equal(state(b), HOLD_ASKED);
    assert_int_equal(book_txn(b, txn).hold, TXN_HOLD_CHIP);
    assert_int_equal(book_card(b)->r.open_txn, txn);
    assert_int_equal(answer(b, txn, HOLD_HELD), 0);
    assert_int_equal(book_number(b, "SELECT count(*) FROM hold WHERE reference = 'REF-1'"), 1);
    assert_int_equal(book_outcome(b, txn, OC_TXN_POSTED, EV_ANSWER), 0);
    assert_int_equal(state(b), HOLD_CONFIRM_DUE);
    assert_int_equal(due(b, "confirm"), 1);
    assert_int_equal(ends(b, MESSAGE_SENT), 0);
    assert_int_equal(state(b), HOLD_CONFIRMED);
    assert_int_equal(book_number(b, "SELECT count(*) FROM outbox"), 0);
    assert_int_equal(book_card(b)->r.purse, 5500);
}

static void R12_refused_hold_voids_and_nobody_is_told(void **s)
{
    ROLE_ENTER_WORKER();
    struct book *b = *s;
    int64_t txn = asked(b);
    assert_int_equal(answer(b, txn, HOLD_REFUSED), 0);
    assert_int_equal(book_outcome(b, txn, OC_TXN_POSTED, EV_ANSWER), OC_ESTATE);
    assert_int_equal(book_outcome(b, txn, OC_TXN_VOIDED, EV_NOT_SENT), 0);
    assert_int_equal(state(b), HOLD_REFUSED);
    assert_int_equal(book_number(b, "SELECT count(*) FROM outbox"), 0);
    assert_int_equal(book_card(b)->r.purse_credits_pending, 0);
}

static void R12_unknown_answer_voids_and_is_reversed_until_acknowledged(void **s)
{
    ROLE_ENTER_WORKER();
    struct book *b = *s;
    int64_t txn = asked(b);
    assert_int_equal(answer(b, txn, HOLD_UNKNOWN), 0);
    assert_int_equal(answer(b, txn, HOLD_HELD), OC_ESTATE); /* too late: it will be reversed */
    assert_int_equal(book_outcome(b, txn, OC_TXN_POSTED, EV_ANSWER), OC_ESTATE);
    assert_int_equal(book_outcome(b, txn, OC_TXN_VOIDED, EV_NOT_SENT), 0);
    assert_int_equal(state(b), HOLD_REVERSE_DUE);
    assert_int_equal(due(b, "reverse"), 1);
    assert_int_equal(ends(b, MESSAGE_DEAD), 0);
    assert_int_equal(state(b), HOLD_REVERSE_DUE);
    assert_int_equal(book_number(b, "SELECT count(*) FROM event WHERE kind = 'message_dead'"), 1);
    assert_int_equal(ends(b, MESSAGE_DEAD), OC_ESTATE);
    assert_int_equal(ends(b, MESSAGE_DUE), 0);
    assert_int_equal(ends(b, MESSAGE_SENT), 0);
    assert_int_equal(state(b), HOLD_REVERSED);
}

static void R12_killed_between_intent_and_answer_is_voided_and_reversed(void **s)
{
    ROLE_ENTER_WORKER();
    struct book *b = *s;
    int64_t txn = asked(b);
    book_close(b);
    assert_int_equal(book_open(b), 0);
    assert_int_equal(state(b), HOLD_ASKED);
    assert_int_equal(book_outcome(b, txn, OC_TXN_POSTED, EV_ANSWER), OC_ESTATE);
    assert_int_equal(book_outcome(b, txn, OC_TXN_VOIDED, EV_NOT_SENT), 0);
    assert_int_equal(state(b), HOLD_REVERSE_DUE);
    assert_int_equal(answer(b, txn, HOLD_HELD), OC_ESTATE);
    assert_int_equal(due(b, "reverse"), 1);
}

static void R12_store_that_fails_leaves_the_hold_as_it_was(void **s)
{
    ROLE_ENTER_WORKER();
    struct book *b = *s;
    FILE *null = fopen("/dev/null", "w");
    log_set_stream(null);
    int64_t txn = asked(b);
    atomic_store(&b->fail_with, OC_EDB_FULL);
    assert_int_equal(answer(b, txn, HOLD_HELD), OC_EDB_FULL);
    assert_int_equal(state(b), HOLD_ASKED);
    atomic_store(&b->fail_with, 0);
    assert_int_equal(answer(b, txn, HOLD_HELD), 0);
    atomic_store(&b->fail_with, OC_EDB_FULL);
    assert_int_equal(book_outcome(b, txn, OC_TXN_POSTED, EV_ANSWER), OC_EDB_FULL);
    assert_int_equal(state(b), HOLD_HELD);
    assert_int_equal(book_number(b, "SELECT count(*) FROM outbox"), 0);
    atomic_store(&b->fail_with, 0);
    assert_int_equal(book_outcome(b, txn, OC_TXN_POSTED, EV_ANSWER), 0);
    assert_int_equal(due(b, "confirm"), 1);
    struct ledger_stats st;
    ledger_stats(b->l, &st);
    assert_int_equal(st.outbox, 1);
    log_set_stream(NULL);
    (void)fclose(null);
}

static void R12_doubt_keeps_the_hold_until_evidence_ends_it(void **s)
{
    ROLE_ENTER_WORKER();
    struct book *b = *s;
    int64_t txn = asked(b);
    assert_int_equal(answer(b, txn, HOLD_HELD), 0);
    assert_int_equal(book_outcome(b, txn, OC_TXN_IN_DOUBT, EV_NONE), 0);
    assert_int_equal(state(b), HOLD_HELD);
    book_close(b); /* from the journal, not from memory */
    assert_int_equal(book_open(b), 0);
    assert_int_equal(book_outcome(b, txn, OC_TXN_VOIDED, EV_COUNTER), 0);
    assert_int_equal(state(b), HOLD_REVERSE_DUE);
    assert_int_equal(book_account(b, ACCT_IN_TRANSIT, "").credits_pending, 0);
}

static void R12_dropped_confirmation_leaves_the_hold_to_people(void **s)
{
    ROLE_ENTER_WORKER();
    struct book *b = *s;
    int64_t txn = asked(b);
    assert_int_equal(answer(b, txn, HOLD_HELD), 0);
    assert_int_equal(book_outcome(b, txn, OC_TXN_POSTED, EV_ANSWER), 0);
    assert_int_equal(ends(b, MESSAGE_DEAD), 0);
    assert_int_equal(ends(b, MESSAGE_DROPPED), 0);
    assert_int_equal(state(b), HOLD_UNKNOWN);
    assert_int_equal(book_number(b, "SELECT count(*) FROM outbox"), 0);
    assert_int_equal(ends(b, MESSAGE_SENT), OC_ENOENT);
    assert_int_equal(book_txn(b, txn).state, OC_TXN_POSTED);
}

static void R12_account_plan_waits_for_its_hold_and_leaves_the_card_free(void **s)
{
    ROLE_ENTER_WORKER();
    struct book *b = *s;
    struct op_intent *in = bill(b);
    assert_int_equal(book_do(b), 0);
    int64_t txn = in->txn;
    assert_int_equal(in->clearing_date, 0);
    assert_int_equal(book_txn(b, txn).state, OC_TXN_INTENDED);
    assert_int_equal(book_txn(b, txn).hold, TXN_HOLD_BOOKS);
    assert_int_equal(book_account(b, ACCT_PERSONAL, "C1").debits_pending, 100);
    assert_int_equal(book_card(b)->r.open_txn, 0);
    assert_true(book_buy(b, 50) != 0); /* the purse is nobody's meanwhile */
    assert_int_equal(book_outcome(b, txn, OC_TXN_IN_DOUBT, EV_NONE), OC_ESTATE);
    assert_int_equal(answer(b, txn, HOLD_HELD), 0);
    assert_int_equal(book_outcome(b, txn, OC_TXN_POSTED, EV_NONE), 0);
    assert_int_equal(book_txn(b, txn).clearing_date, BOOK_DAY);
    assert_int_equal(book_account(b, ACCT_PERSONAL, "C1").debits_posted, 100);
    assert_int_equal(book_account(b, ACCT_MERCHANT, "P1").credits_posted, 150);
    assert_int_equal(state(b), HOLD_CONFIRM_DUE);
    assert_int_equal(book_card(b)->r.purse, 4950);
}

static void R12_voided_account_plan_gives_everything_back(void **s)
{
    ROLE_ENTER_WORKER();
    struct book *b = *s;
    int64_t bought = book_buy(b, 300);
    struct op_intent *in = book_refund(b, bought, 100);
    with_hold(in);
    SET(in->records[0].scope, "payment");
    SET(in->records[0].owner, "card:1");
    SET(in->records[0].key, "k");
    in->records[0].doc = (struct op_doc){"{}", 2};
    in->record_count = 1;
    assert_int_equal(book_do(b), 0);
    int64_t txn = in->txn;
    assert_int_equal(book_txn(b, bought).refunded, 100);
    int64_t day_sum = book_number(b, "SELECT day_sum FROM terminal WHERE id = 'T1'");
    assert_int_equal(book_card(b)->r.last_txn, txn);
    assert_int_equal(answer(b, txn, HOLD_REFUSED), 0);
    assert_int_equal(book_outcome(b, txn, OC_TXN_VOIDED, EV_NONE), 0);
    assert_int_equal(book_txn(b, bought).refunded, 0);
    assert_int_equal(book_number(b, "SELECT count(*) FROM record"), 0);
    assert_int_equal(book_number(b, "SELECT day_sum FROM terminal WHERE id = 'T1'"), day_sum); /* a refund counts in no limit */
    assert_int_equal(book_card(b)->r.last_txn, bought);
    assert_int_equal(book_card(b)->load_credits_pending, 0);
    assert_int_equal(book_account(b, ACCT_MERCHANT, "P1").debits_pending, 0);
}

static void card_never_remembers_a_voided_transaction_as_its_last(void **s)
{
    ROLE_ENTER_WORKER();
    struct book *b = *s;
    int64_t bought = book_buy(b, 300);
    with_hold(book_refund(b, bought, 100));
    assert_int_equal(book_do(b), 0);
    int64_t held = b->op->intent.txn;
    book_purchase(b, 10);
    assert_int_equal(book_do(b), 0);
    int64_t torn = b->op->intent.txn;
    assert_int_equal(answer(b, held, HOLD_REFUSED), 0);
    assert_int_equal(book_outcome(b, held, OC_TXN_VOIDED, EV_NONE), 0);
    assert_int_equal(book_card(b)->r.last_txn, torn);
    assert_int_equal(book_outcome(b, torn, OC_TXN_VOIDED, EV_COUNTER), 0);
    assert_int_equal(book_card(b)->r.last_txn, bought);
}

static void R2_what_an_account_plan_with_a_hold_reserved_is_not_there_for_others(void **s)
{
    ROLE_ENTER_WORKER();
    struct book *b = *s;
    struct op_intent *in = bill(b);
    assert_int_equal(book_do(b), 0);
    int64_t txn = in->txn;
    in->request_no = 0;
    in->amount = 950;
    in->legs[0].amount = 950;
    in->legs[1].amount = -950;
    assert_int_equal(book_do(b), OC_EREFUSED);
    assert_int_equal(b->op->reason, OC_R_FUNDS);
    assert_int_equal(answer(b, txn, HOLD_HELD), 0);
    assert_int_equal(book_outcome(b, txn, OC_TXN_POSTED, EV_NONE), 0);
}

static void only_asked_holds_are_answered_and_only_with_an_answer(void **s)
{
    ROLE_ENTER_WORKER();
    struct book *b = *s;
    int64_t txn = asked(b);
    static const enum hold_state not_answers[] = {
        0, HOLD_ASKED, HOLD_CONFIRM_DUE, HOLD_CONFIRMED, HOLD_REVERSE_DUE, HOLD_REVERSED, 9};
    for (size_t i = 0; i < ARRAY_LEN(not_answers); i++)
        assert_int_equal(answer(b, txn, not_answers[i]), OC_EINVAL);
    assert_int_equal(answer(b, txn + 1, HOLD_HELD), OC_ESTATE);
    assert_int_equal(answer(b, txn, HOLD_HELD), 0);
    assert_int_equal(answer(b, txn, HOLD_HELD), OC_ESTATE);
    assert_int_equal(answer(b, txn, HOLD_UNKNOWN), OC_ESTATE);
    with_hold(book_load(b, 10));
    b->op->intent.hold.kind[0] = '\0';
    assert_int_equal(book_do(b), OC_EINVAL);
    with_hold(book_load(b, 10));
    b->op->intent.hold.to[0] = '\0';
    assert_int_equal(book_do(b), OC_EINVAL);
}

/* A hold's row that is elsewhere than the transaction needs it never moves, whatever was prepared.
 */
static void R12_edges_are_also_asked_by_the_fold(void **s)
{
    ROLE_ENTER_WORKER();
    (void)s;
    for (int from = HOLD_ASKED; from <= HOLD_REVERSED; from++)
        for (int to = HOLD_ASKED; to <= HOLD_REVERSED; to++) {
            bool want =
                (from == HOLD_ASKED && (to == HOLD_HELD || to == HOLD_REFUSED ||
                                        to == HOLD_UNKNOWN || to == HOLD_REVERSE_DUE)) ||
                (from == HOLD_HELD && (to == HOLD_CONFIRM_DUE || to == HOLD_REVERSE_DUE)) ||
                (from == HOLD_UNKNOWN && to == HOLD_REVERSE_DUE) ||
                (from == HOLD_CONFIRM_DUE && (to == HOLD_CONFIRMED || to == HOLD_UNKNOWN)) ||
                (from == HOLD_REVERSE_DUE && (to == HOLD_REVERSED || to == HOLD_UNKNOWN));
            assert_int_equal(sm_allowed(&hold_states, from, to), want);
        }
}

#define T(name) cmocka_unit_test_setup_teardown(name, book_setup, book_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(R12_hold_is_asked_in_the_intents_commit_and_confirmed_with_the_posting),
        T(R12_refused_hold_voids_and_nobody_is_told),
        T(R12_unknown_answer_voids_and_is_reversed_until_acknowledged),
        T(R12_killed_between_intent_and_answer_is_voided_and_reversed),
        T(R12_store_that_fails_leaves_the_hold_as_it_was),
        T(R12_doubt_keeps_the_hold_until_evidence_ends_it),
        T(R12_dropped_confirmation_leaves_the_hold_to_people),
        T(R12_account_plan_waits_for_its_hold_and_leaves_the_card_free),
        T(R12_voided_account_plan_gives_everything_back),
        T(card_never_remembers_a_voided_transaction_as_its_last),
        T(R2_what_an_account_plan_with_a_hold_reserved_is_not_there_for_others),
        T(only_asked_holds_are_answered_and_only_with_an_answer),
        T(R12_edges_are_also_asked_by_the_fold),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
