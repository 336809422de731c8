/* From intent to the end: edges, two-phase sums, doubts, what the day and the card's row say. */
#include "book.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static WORKER_FN int64_t begin(struct book *b, fen_t amount)
{
    book_purchase(b, amount);
    assert_int_equal(book_do(b), 0);
    return b->op->intent.txn;
}

static void R2_purchase_posts_what_was_reserved(void **state)
{
    ROLE_ENTER_WORKER();
    struct book *b = *state;
    int64_t txn = book_buy(b, 300);
    struct txn_full t = book_txn(b, txn);
    assert_int_equal(t.state, OC_TXN_POSTED);
    assert_int_equal(t.clearing_date, BOOK_DAY);
    struct card_full c = *book_card(b);
    assert_int_equal(c.r.purse, 4700);
    assert_int_equal(c.r.purse_debits_pending, 0);
    assert_int_equal(c.r.open_txn, 0);
    assert_int_equal(c.r.last.balance, 4700);
    assert_int_equal(c.r.last.offline, 101);
    assert_int_equal(c.due_offline, 101);
    assert_int_equal(c.r.alarm, 0);
    struct account_row m = book_account(b, ACCT_MERCHANT, "P1");
    assert_int_equal(m.credits_pending, 0);
    assert_int_equal(m.credits_posted, 300);
    assert_int_equal(book_number(b, "SELECT purchases FROM day"), 300);
}

static void R7_load_posts_and_counts_into_the_float(void **state)
{
    ROLE_ENTER_WORKER();
    struct book *b = *state;
    assert_true(book_charge(b, 2000) != 0);
    struct card_full c = *book_card(b);
    assert_int_equal(c.r.purse, 7000);
    assert_int_equal(c.r.last.online, 11);
    assert_int_equal(book_number(b, "SELECT loads FROM day"), 2000);
    assert_int_equal(book_account(b, ACCT_LOAD_RECEIVABLE, "P1").debits_posted, 2000);
}

static void R3_doubt_shows_in_transit_until_evidence(void **state)
{
    ROLE_ENTER_WORKER();
    struct book *b = *state;
    int64_t txn = begin(b, 300);
    assert_int_equal(book_outcome(b, txn, OC_TXN_IN_DOUBT, EV_NONE), 0);
    struct account_row a = book_account(b, ACCT_IN_TRANSIT, "");
    assert_int_equal(a.credits_pending, 300);
    assert_int_equal(a.debits_pending, 300);
    assert_int_equal(book_card(b)->r.open_txn, txn);
    assert_int_equal(book_card(b)->r.purse_debits_pending, 300);
    assert_int_equal(book_outcome(b, txn, OC_TXN_IN_DOUBT, EV_NONE), 0);
    assert_int_equal(book_account(b, ACCT_IN_TRANSIT, "").credits_pending, 300);
    assert_int_equal(book_txn(b, txn).tries, 2);
    assert_int_equal(book_outcome(b, txn, OC_TXN_POSTED, EV_PROVE), 0);
    assert_int_equal(book_account(b, ACCT_IN_TRANSIT, "").credits_pending, 0);
    assert_int_equal(book_card(b)->r.purse, 4700);
    assert_int_equal(book_card(b)->due_offline, 101);
}

static void R5_wrong_proof_stands_in_suspense(void **state)
{
    ROLE_ENTER_WORKER();
    struct book *b = *state;
    int64_t txn = begin(b, 300);
    struct op_outcome *o = &book_op(b, LOP_OUTCOME)->outcome;
    o->txn = txn;
    o->to = OC_TXN_IN_DOUBT;
    o->reason = OC_R_WRONG_PROOF;
    o->suspense = 1;
    o->tac_verdict = TAC_WRONG;
    assert_int_equal(book_do(b), 0);
    assert_int_equal(book_account(b, ACCT_SUSPENSE, "").debits_pending, 300);
    assert_int_equal(book_account(b, ACCT_IN_TRANSIT, "").debits_pending, 0);
    assert_int_equal(book_outcome(b, txn, OC_TXN_IN_DOUBT, EV_NONE),
                     0); /* looked at again: transit */
    assert_int_equal(book_account(b, ACCT_SUSPENSE, "").debits_pending, 0);
    assert_int_equal(book_account(b, ACCT_IN_TRANSIT, "").debits_pending, 300);
    assert_int_equal(book_outcome(b, txn, OC_TXN_VOIDED, EV_COUNTER), 0);
    assert_int_equal(book_account(b, ACCT_IN_TRANSIT, "").debits_pending, 0);
}

static WORKER_FN struct op_outcome *doubt(struct book *b, int64_t txn, uint8_t suspense)
{
    struct op_outcome *o = &book_op(b, LOP_OUTCOME)->outcome;
    o->txn = txn;
    o->to = OC_TXN_IN_DOUBT;
    o->suspense = suspense;
    return o;
}

static WORKER_FN int64_t wrong_proof(struct book *b)
{
    int64_t txn = begin(b, 300);
    struct op_outcome *o = doubt(b, txn, 1);
    o->sw = 0x9000;
    o->tac_verdict = TAC_WRONG;
    memset(o->mac2, 0x77, sizeof o->mac2);
    memset(o->tac, 0x88, sizeof o->tac);
    assert_int_equal(book_do(b), 0);
    return txn;
}

static const char *const proof_events = "SELECT count(*) FROM event WHERE kind = 'wrong_proof'";

static void R5_wrong_proof_flags_the_card_until_it_proves_itself(void **state)
{
    ROLE_ENTER_WORKER();
    struct book *b = *state;
    int64_t txn = wrong_proof(b);
    assert_int_equal(book_card(b)->r.alarm, ALARM_PROOF);
    assert_int_equal(book_number(b, proof_events), 1);
    doubt(b, txn, 1);
    assert_int_equal(book_do(b), 0);
    assert_int_equal(book_number(b, proof_events), 1);
    assert_int_equal(book_outcome(b, txn, OC_TXN_POSTED, EV_PROVE), 0);
    assert_int_equal(book_card(b)->r.alarm, ALARM_NONE);
}

static void R5_flag_stays_without_the_cards_own_proof(void **state)
{
    ROLE_ENTER_WORKER();
    struct book *b = *state;
    int64_t txn = wrong_proof(b);
    assert_int_equal(book_outcome(b, txn, OC_TXN_POSTED, EV_MANUAL), 0);
    b->chip.balance -= 300;
    b->chip.offline++;
    assert_int_equal(book_show(b), 0);
    assert_int_equal(book_card(b)->r.alarm, ALARM_PROOF);
    assert_int_equal(book_card_to(b, CARD_SUSPENDED), 0);
    assert_int_equal(book_card_to(b, CARD_ACTIVE), 0);
    assert_int_equal(book_card(b)->r.alarm, ALARM_NONE);
}

static void R5_person_who_looked_is_not_contradicted_by_the_same_doubt(void **state)
{
    ROLE_ENTER_WORKER();
    struct book *b = *state;
    int64_t txn = wrong_proof(b);
    assert_int_equal(book_card_to(b, CARD_SUSPENDED), 0);
    assert_int_equal(book_card_to(b, CARD_ACTIVE), 0);
    doubt(b, txn, 1);
    assert_int_equal(book_do(b), 0);
    assert_int_equal(book_card(b)->r.alarm, ALARM_NONE);
    assert_int_equal(book_outcome(b, txn, OC_TXN_VOIDED, EV_COUNTER), 0);
}

static void R5_moved_counter_stays_flagged_beside_a_wrong_proof(void **state)
{
    ROLE_ENTER_WORKER();
    struct book *b = *state;
    b->chip.online++;
    assert_int_equal(book_show(b), 0);
    int64_t txn = wrong_proof(b);
    assert_int_equal(book_number(b, proof_events), 1);
    assert_int_equal(book_outcome(b, txn, OC_TXN_POSTED, EV_PROVE), 0);
    assert_int_equal(book_card(b)->r.alarm, ALARM_COUNTER);
}

static void R5_events_of_the_outcome_replace_the_ledgers(void **state)
{
    ROLE_ENTER_WORKER();
    struct book *b = *state;
    struct op_outcome *o = doubt(b, begin(b, 300), 1);
    o->event_count = 1;
    snprintf(o->events[0].kind, sizeof o->events[0].kind, "mine");
    assert_int_equal(book_do(b), 0);
    assert_int_equal(book_number(b, "SELECT count(*) FROM event"), 1);
    assert_int_equal(book_card(b)->r.alarm, ALARM_PROOF);
}

static void R5_later_doubt_keeps_the_wrong_proof_in_its_journal_row(void **state)
{
    ROLE_ENTER_WORKER();
    struct book *b = *state;
    int64_t txn = wrong_proof(b);
    for (int i = 0; i < 2; i++) {
        doubt(b, txn, 1);
        assert_int_equal(book_do(b), 0);
        const struct op_outcome *o = &b->op->outcome;
        assert_int_equal(o->tac_verdict, TAC_WRONG);
        assert_int_equal(o->mac2[3], 0x77);
        assert_int_equal(o->tac[3], 0x88);
        assert_int_equal(o->sw, 0x9000);
    }
    struct txn_full t = book_txn(b, txn);
    struct buf bytes;
    buf_init(&bytes, OP_BYTES_MAX);
    assert_int_equal(journal_read(b->db, BOOK_SHARD, t.outcome_seq, &bytes, b->op), 0);
    buf_fini(&bytes);
    assert_int_equal(b->op->outcome.tac_verdict, TAC_WRONG);
    assert_int_equal(b->op->outcome.tac[0], 0x88);
    struct op_outcome *o = doubt(b, txn, 1); /* a verdict of its own is its own */
    o->tac_verdict = TAC_OK;
    assert_int_equal(book_do(b), 0);
    assert_int_equal(b->op->outcome.tac_verdict, TAC_OK);
    assert_int_equal(b->op->outcome.tac[0], 0);
    assert_int_equal(book_outcome(b, txn, OC_TXN_VOIDED, EV_COUNTER), 0);
}

static void R2_void_gives_every_reservation_back(void **state)
{
    ROLE_ENTER_WORKER();
    struct book *b = *state;
    book_load(b, 500);
    assert_int_equal(book_do(b), 0);
    assert_int_equal(book_outcome(b, b->op->intent.txn, OC_TXN_VOIDED, EV_CARD_REFUSED), 0);
    struct card_full c = *book_card(b);
    assert_int_equal(c.r.purse_credits_pending, 0);
    assert_int_equal(c.r.purse, 5000);
    assert_int_equal(c.r.day_credits, 0);
    assert_int_equal(book_account(b, ACCT_LOAD_RECEIVABLE, "P1").debits_pending, 0);
    assert_int_equal(book_number(b, "SELECT count(*) FROM txn WHERE clearing_date <> 0"), 0);
}

static void R6_final_states_never_move(void **state)
{
    ROLE_ENTER_WORKER();
    struct book *b = *state;
    static const enum oc_txn_state ends[] = {OC_TXN_POSTED, OC_TXN_VOIDED};
    static const enum oc_txn_state tries[] = {OC_TXN_INTENDED, OC_TXN_POSTED, OC_TXN_VOIDED,
                                              OC_TXN_IN_DOUBT, OC_TXN_REFUSED};
    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        int64_t txn = begin(b, 100);
        assert_int_equal(book_outcome(b, txn, OC_TXN_INTENDED, EV_NONE), OC_ESTATE);
        assert_int_equal(book_outcome(b, txn, OC_TXN_REFUSED, EV_NONE), OC_ESTATE);
        assert_int_equal(book_outcome(b, txn, ends[i], EV_ANSWER), 0);
        if (ends[i] == OC_TXN_POSTED) {
            b->chip.balance -= 100;
            b->chip.offline++;
        }
        int64_t rows = book_number(b, "SELECT count(*) FROM journal");
        for (size_t j = 0; j < ARRAY_LEN(tries); j++)
            assert_int_equal(book_outcome(b, txn, tries[j], EV_MANUAL), OC_ESTATE);
        assert_int_equal(book_number(b, "SELECT count(*) FROM journal"), rows);
    }
    assert_int_equal(book_outcome(b, 4711, OC_TXN_POSTED, EV_ANSWER), OC_ESTATE);
}

static void R6_account_plans_and_refusals_are_final_at_once(void **state)
{
    ROLE_ENTER_WORKER();
    struct book *b = *state;
    int64_t buy = book_buy(b, 1000);
    book_refund(b, buy, 100);
    assert_int_equal(book_do(b), 0);
    assert_int_equal(book_outcome(b, b->op->intent.txn, OC_TXN_VOIDED, EV_MANUAL), OC_ESTATE);
    struct op_refusal *r = &book_op(b, LOP_REFUSAL)->refusal;
    r->card = b->card;
    r->reason = OC_R_LIMIT;
    snprintf(r->terminal, sizeof r->terminal, "T1");
    assert_int_equal(book_do(b), 0);
    int64_t txn = b->op->refusal.txn;
    assert_int_equal(book_txn(b, txn).state, OC_TXN_REFUSED);
    assert_int_equal(book_outcome(b, txn, OC_TXN_POSTED, EV_MANUAL), OC_ESTATE);
}

static void refusals_are_idempotent_too(void **state)
{
    ROLE_ENTER_WORKER();
    struct book *b = *state;
    int64_t first = 0;
    for (int i = 0; i < 2; i++) {
        struct op_refusal *r = &book_op(b, LOP_REFUSAL)->refusal;
        r->reason = OC_R_UNKNOWN_CARD;
        r->request_no = 5;
        snprintf(r->terminal, sizeof r->terminal, "T1");
        assert_int_equal(book_do(b), i ? OC_EEXIST : 0);
        if (!i)
            first = b->op->refusal.txn;
        assert_int_equal(b->op->refusal.txn, first);
    }
    /* Refused for its number: recorded, but the number stays the first's. */
    struct op_refusal *r = &book_op(b, LOP_REFUSAL)->refusal;
    r->reason = OC_R_CONFLICT;
    r->request_no = 5;
    r->request_hash[0] = 9;
    snprintf(r->terminal, sizeof r->terminal, "T1");
    assert_int_equal(book_do(b), 0);
    assert_int_equal(book_number(b, "SELECT count(*) FROM txn WHERE request_no = 5"), 1);
}

static void R8_voided_tap_is_not_the_cards_last_transaction(void **state)
{
    ROLE_ENTER_WORKER();
    struct book *b = *state;
    int64_t first = book_buy(b, 100);
    int64_t at = book_card(b)->r.last_txn_ms;
    atomic_fetch_add(&b->clock.ms, 60000);
    int64_t second = begin(b, 100);
    assert_int_equal(book_card(b)->r.last_txn, second);
    assert_int_equal(book_card(b)->r.last_txn_ms, at + 60000);
    assert_int_equal(book_outcome(b, second, OC_TXN_VOIDED, EV_NOT_SENT), 0);
    struct card_full c = *book_card(b);
    assert_int_equal(c.r.last_txn, first);
    assert_int_equal(c.r.last_txn_ms, at);
    assert_string_equal(c.r.last_terminal, "T1");
    assert_string_equal(c.r.last_service, "payment.purchase");
}

static void R14_concession_posts_every_bearer(void **state)
{
    ROLE_ENTER_WORKER();
    struct book *b = *state;
    struct op_intent *in = book_purchase(b, 100);
    in->gross = 200;
    in->legs[1].amount = 200;
    in->legs[2] = (struct leg){.kind = ACCT_BEARER, .owner = "treasury", .amount = -100};
    in->leg_count = 3;
    assert_int_equal(book_do(b), 0);
    assert_int_equal(book_outcome(b, b->op->intent.txn, OC_TXN_IN_DOUBT, EV_NONE), 0);
    assert_int_equal(book_account(b, ACCT_IN_TRANSIT, "").credits_pending, 200);
    assert_int_equal(book_outcome(b, b->op->outcome.txn, OC_TXN_POSTED, EV_LOG), 0);
    assert_int_equal(book_account(b, ACCT_BEARER, "treasury").debits_posted, 100);
    assert_int_equal(book_account(b, ACCT_MERCHANT, "P1").credits_posted, 200);
    assert_int_equal(book_number(b, "SELECT purchases FROM day"), 100);
}

static void R6_pending_load_reaches_the_chip_by_a_load(void **state)
{
    ROLE_ENTER_WORKER();
    struct book *b = *state;
    int64_t buy = book_buy(b, 1000);
    book_refund(b, buy, 600);
    assert_int_equal(book_do(b), 0);
    struct op_intent *in = book_load(b, 600);
    in->legs[0] = (struct leg){.kind = ACCT_PENDING_LOAD, .amount = -600};
    assert_int_equal(book_do(b), 0);
    int64_t load = b->op->intent.txn;
    assert_int_equal(book_card(b)->r.pending_load_reserved, 600);
    assert_int_equal(book_outcome(b, load, OC_TXN_POSTED, EV_ANSWER), 0);
    struct card_full c = *book_card(b);
    assert_int_equal(c.r.pending_load, 0);
    assert_int_equal(c.r.pending_load_reserved, 0);
    assert_int_equal(c.r.purse, 4600);
}

static void R3_zero_capp_leaves_the_counter_to_the_chip(void **state)
{
    ROLE_ENTER_WORKER();
    struct book *b = *state;
    int64_t txn = begin(b, 0);
    assert_int_equal(book_outcome(b, txn, OC_TXN_POSTED, EV_ANSWER), 0);
    assert_int_equal(book_show(b), 0); /* the counter did not move */
    assert_int_equal(book_card(b)->r.awaiting, 0);
    txn = begin(b, 0);
    assert_int_equal(book_outcome(b, txn, OC_TXN_POSTED, EV_CAPP_RECORD), 0);
    b->chip.offline++; /* this time it did */
    assert_int_equal(book_show(b), 0);
    assert_int_equal(book_card(b)->r.awaiting, 0);
    assert_true(book_buy(b, 100) != 0);
}

static void events_of_intent_and_outcome_are_kept(void **state)
{
    ROLE_ENTER_WORKER();
    struct book *b = *state;
    struct op_intent *in = book_purchase(b, 100);
    in->event_count = 1;
    snprintf(in->events[0].kind, sizeof in->events[0].kind, "category_mismatch");
    assert_int_equal(book_do(b), 0);
    int64_t txn = b->op->intent.txn;
    struct op_outcome *o = &book_op(b, LOP_OUTCOME)->outcome;
    o->txn = txn;
    o->to = OC_TXN_POSTED;
    o->evidence = EV_ANSWER;
    o->event_count = 1;
    snprintf(o->events[0].kind, sizeof o->events[0].kind, "slow_card");
    assert_int_equal(book_do(b), 0);
    assert_int_equal(book_number(b, "SELECT count(*) FROM event WHERE txn <> 0 AND card <> 0"), 2);
}

#define T(f) cmocka_unit_test_setup_teardown(f, book_setup, book_teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        T(R2_purchase_posts_what_was_reserved),
        T(R7_load_posts_and_counts_into_the_float),
        T(R3_doubt_shows_in_transit_until_evidence),
        T(R5_wrong_proof_stands_in_suspense),
        T(R5_wrong_proof_flags_the_card_until_it_proves_itself),
        T(R5_flag_stays_without_the_cards_own_proof),
        T(R5_person_who_looked_is_not_contradicted_by_the_same_doubt),
        T(R5_moved_counter_stays_flagged_beside_a_wrong_proof),
        T(R5_events_of_the_outcome_replace_the_ledgers),
        T(R5_later_doubt_keeps_the_wrong_proof_in_its_journal_row),
        T(R2_void_gives_every_reservation_back),
        T(R6_final_states_never_move),
        T(R6_account_plans_and_refusals_are_final_at_once),
        T(refusals_are_idempotent_too),
        T(R8_voided_tap_is_not_the_cards_last_transaction),
        T(R14_concession_posts_every_bearer),
        T(R6_pending_load_reaches_the_chip_by_a_load),
        T(R3_zero_capp_leaves_the_counter_to_the_chip),
        T(events_of_intent_and_outcome_are_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
