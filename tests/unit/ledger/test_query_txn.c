/* Transactions read whole: by id, by request, by filter. */
#include "query_test.h"

/* ---- transactions ---- */

static CO_FN int read_txn(void *arg)
{
    struct seen *s = arg;
    s->rc[0] = ledger_co_txn(s->f.l, s->id, &s->txn[0]);
    s->rc[1] = ledger_co_txn(s->f.l, 1, &s->txn[1]);
    s->rc[2] =
        ledger_co_txn_request(s->f.l, s->txn[0].in.terminal, s->txn[0].in.request_no, &s->txn[1]);
    s->rc[3] = ledger_co_txn_request(s->f.l, "T1", 999, &s->txn[2]);
    return 0;
}

static const struct txn_row *txn_of(struct seen *s, int64_t id)
{
    s->id = id;
    assert_int_not_equal(id, 0);
    assert_int_equal(fixture_flow(&s->f, read_txn, s), 0);
    assert_int_equal(s->rc[0], 0);
    assert_int_equal(s->rc[1], OC_ENOENT);
    assert_int_equal(s->rc[2], 0);
    assert_int_equal(s->rc[3], OC_ENOENT);
    assert_memory_equal(&s->txn[0], &s->txn[1], sizeof s->txn[0]);
    return &s->txn[0];
}

static void posted_transaction_has_intent_and_outcome(void **state)
{
    ROLE_ENTER_WORKER();
    struct seen *s = *state;
    struct op_card_state *c = &fixture_op(&s->f, LOP_CARD_STATE)->card_state;
    c->card = s->f.card[2];
    c->to = CARD_ACTIVE;
    assert_int_equal(fixture_do(&s->f), 0);
    (void)fixture_load(&s->f, 2, 700);
    const struct txn_row *t = txn_of(s, fixture_run(&s->f, 2, OC_TXN_POSTED));
    assert_int_equal(t->state, OC_TXN_POSTED);
    assert_string_equal(t->who, "tester");
    assert_int_equal(t->trace, 0xabcdef);
    assert_int_equal(t->in.amount, 700);
    assert_int_equal(t->in.leg_count, 2);
    assert_int_equal(t->in.counter, 10);
    assert_string_equal(t->in.plan, "{\"kind\":1}");
    assert_memory_equal(t->issuer, issuer, sizeof issuer);
    assert_int_equal(t->serial[9], 2);
    assert_int_equal(t->evidence, EV_ANSWER);
    assert_int_equal(t->tac_verdict, TAC_OK);
    assert_int_equal(t->sw, 0x9000);
    assert_int_equal(t->tac[3], 0xac);
    assert_int_equal(t->after.balance, 700);
    assert_int_equal(t->clearing_date, FIXTURE_DAY + 1);
    assert_int_equal(t->in.business_date, FIXTURE_DAY);
    assert_string_equal(t->reply, "{\"ok\":true}");
}

static void voided_and_doubtful_transactions_say_why(void **state)
{
    ROLE_ENTER_WORKER();
    struct seen *s = *state;
    /* Card 1 has an open intent from the busy day: it is doubted twice, then voided. */
    int64_t id = s->f.op->intent.txn;
    struct op_outcome *o;
    (void)fixture_outcome(&s->f, id, OC_TXN_IN_DOUBT, EV_NONE);
    assert_int_equal(fixture_do(&s->f), 0);
    o = fixture_outcome(&s->f, id, OC_TXN_IN_DOUBT, EV_NONE);
    o->suspense = 1;
    (void)snprintf(o->note, sizeof o->note, "TAC wrong");
    assert_int_equal(fixture_do(&s->f), 0);
    const struct txn_row *t = txn_of(s, id);
    assert_int_equal(t->state, OC_TXN_IN_DOUBT);
    assert_int_equal(t->reason, OC_R_ANSWER_LOST);
    assert_int_equal(t->suspense, 1);
    assert_int_equal(t->tries, 2);
    assert_string_equal(t->note, "TAC wrong");
    assert_int_equal(t->clearing_date, 0);
    (void)fixture_outcome(&s->f, id, OC_TXN_VOIDED, EV_COUNTER);
    assert_int_equal(fixture_do(&s->f), 0);
    t = txn_of(s, id);
    assert_int_equal(t->state, OC_TXN_VOIDED);
    assert_int_equal(t->evidence, EV_COUNTER);
    assert_int_equal(t->reason, OC_R_CARD_REMOVED);
}

static void R5_wrong_proof_is_told_while_the_card_is_asked_again(void **state)
{
    ROLE_ENTER_WORKER();
    struct seen *s = *state;
    int64_t id = s->f.op->intent.txn;
    struct op_outcome *o = fixture_outcome(&s->f, id, OC_TXN_IN_DOUBT, EV_NONE);
    o->suspense = 1;
    o->tac_verdict = TAC_WRONG;
    memset(o->tac, 0x99, sizeof o->tac);
    assert_int_equal(fixture_do(&s->f), 0);
    o = fixture_outcome(&s->f, id, OC_TXN_IN_DOUBT, EV_NONE);
    o->suspense = 1;
    o->tac_verdict = TAC_NONE;
    memset(o->tac, 0, sizeof o->tac);
    assert_int_equal(fixture_do(&s->f), 0);
    const struct txn_row *t = txn_of(s, id);
    assert_int_equal(t->tac_verdict, TAC_WRONG);
    assert_int_equal(t->tac[0], 0x99);
    assert_int_equal(t->tries, 2);
}

static CO_FN int read_retap(void *arg)
{
    struct seen *s = arg;
    s->rc[0] = ledger_co_txn_request(s->f.l, "T1", 4711, &s->txn[0]);
    return s->rc[0];
}

static void second_attempt_is_found_by_its_requests_number(void **state)
{
    ROLE_ENTER_WORKER();
    struct seen *s = *state;
    struct op_card_state *c = &fixture_op(&s->f, LOP_CARD_STATE)->card_state;
    c->card = s->f.card[2];
    c->to = CARD_ACTIVE;
    assert_int_equal(fixture_do(&s->f), 0);
    fixture_purchase(&s->f, 2, 10)->request_no = 4711;
    int64_t first = fixture_run(&s->f, 2, OC_TXN_VOIDED);
    struct op_intent *in = fixture_purchase(&s->f, 2, 10);
    in->request_no = 4711;
    in->link = first;
    int64_t second = fixture_run(&s->f, 2, OC_TXN_POSTED);
    assert_int_not_equal(second, 0);
    assert_int_equal(fixture_flow(&s->f, read_retap, s), 0);
    assert_int_equal(s->txn[0].id, second);
    assert_int_equal(s->txn[0].in.link, first);
}

static CO_FN int read_refused(void *arg)
{
    struct seen *s = arg;
    return ledger_co_txn_request(s->f.l, "T3", 77, &s->txn[0]);
}

static void refused_request_is_a_transaction_too(void **state)
{
    struct seen *s = *state;
    assert_int_equal(fixture_flow(&s->f, read_refused, s), 0);
    const struct txn_row *t = &s->txn[0];
    assert_int_equal(t->state, OC_TXN_REFUSED);
    assert_int_equal(t->reason, OC_R_INSUFFICIENT);
    assert_string_equal(t->note, "50 of 60 fen");
    assert_string_equal(t->in.service, "payment.purchase");
    assert_int_equal(t->in.amount, 60);
    assert_int_equal(t->in.card, s->f.card[1]);
    assert_int_equal(t->in.business_date, FIXTURE_DAY);
    assert_int_equal(t->serial[9], 1); /* the card's own, as it is registered */
}

static void R6_account_plan_is_posted_with_its_reply_and_the_original_knows(void **state)
{
    ROLE_ENTER_WORKER();
    struct seen *s = *state;
    struct op_card_state *c = &fixture_op(&s->f, LOP_CARD_STATE)->card_state;
    c->card = s->f.card[2];
    c->to = CARD_ACTIVE;
    assert_int_equal(fixture_do(&s->f), 0);
    (void)fixture_purchase(&s->f, 2, 40);
    int64_t first = fixture_run(&s->f, 2, OC_TXN_POSTED);
    (void)fixture_refund(&s->f, 2, first, 15);
    const struct txn_row *t = txn_of(s, fixture_run(&s->f, 2, OC_TXN_POSTED));
    assert_int_equal(t->state, OC_TXN_POSTED);
    assert_int_equal(t->in.link, first);
    assert_int_equal(t->evidence, EV_NONE);
    assert_string_equal(t->reply, "{\"refunded\":true}");
    assert_int_equal(t->clearing_date, FIXTURE_DAY + 1);
    t = txn_of(s, first);
    assert_int_equal(t->refunded, 15);
}

static void transactions_are_filtered_and_ordered(void **state)
{
    struct seen *s = *state;
    const struct txn_row *t = s->txn;
    assert_int_equal(txns(s, (struct txn_filter){0}, 0), 7);
    for (unsigned i = 1; i < 7; i++)
        assert_true(t[i - 1].id > t[i].id); /* newest first */
    int64_t third = t[2].id;
    assert_int_equal(txns(s, (struct txn_filter){.before = third}, 0), 4);
    assert_true(t[0].id < third);
    assert_int_equal(txns(s, (struct txn_filter){.card = s->f.card[0]}, 0), 5);
    assert_int_equal(txns(s, (struct txn_filter){.card = s->f.card[0], .state = OC_TXN_POSTED}, 0),
                     3);
    assert_int_equal(txns(s, (struct txn_filter){.terminal = "T3"}, 0), 1);
    assert_int_equal(t[0].state, OC_TXN_REFUSED);
    assert_int_equal(txns(s, (struct txn_filter){.state = OC_TXN_VOIDED}, 0), 1);
    assert_int_equal(txns(s, (struct txn_filter){.terminal = "T3", .state = OC_TXN_POSTED}, 0), 0);
    assert_int_equal(
        txns(s,
             (struct txn_filter){.terminal =
                                     "an id longer than any id could be, by some more characters"},
             0),
        0);
}

static void R11_a_days_transactions_come_in_id_order(void **state)
{
    struct seen *s = *state;
    const struct txn_row *t = s->txn;
    assert_int_equal(txns(s, (struct txn_filter){.clearing = FIXTURE_DAY}, 2), 2);
    assert_true(t[0].id < t[1].id);
    int64_t last = t[1].id;
    assert_int_equal(txns(s, (struct txn_filter){.clearing = FIXTURE_DAY, .before = last}, 0), 1);
    assert_true(t[0].id > last);
    assert_int_equal(t[0].clearing_date, FIXTURE_DAY);
    assert_int_equal(txns(s, (struct txn_filter){.clearing = FIXTURE_DAY + 1}, 0), 0);
}

static void open_transactions_come_oldest_first(void **state)
{
    struct seen *s = *state;
    const struct txn_row *t = s->txn;
    assert_int_equal(txns(s, (struct txn_filter){.open_only = true}, 0), 2);
    assert_int_equal(t[0].state, OC_TXN_IN_DOUBT);
    assert_int_equal(t[1].state, OC_TXN_INTENDED);
    int64_t first = t[0].id;
    assert_int_equal(txns(s, (struct txn_filter){.open_only = true, .before = first}, 0), 1);
    assert_int_equal(txns(s, (struct txn_filter){.open_only = true, .card = s->f.card[1]}, 0), 1);
    assert_int_equal(t[0].in.card, s->f.card[1]);
}

/* ---- many rows: pieces ---- */

struct writer {
    struct ledger *l;
    unsigned first, count;
};

static CO_FN int write_refusals(void *arg)
{
    const struct writer *w = arg;
    struct ledger_op *op = arena_alloc(flow_arena(), sizeof *op);
    int rc = op ? 0 : OC_ENOMEM;
    for (unsigned i = 0; !rc && i < w->count; i++) {
        memset(op, 0, sizeof *op);
        op->type = LOP_REFUSAL;
        (void)snprintf(op->who, sizeof op->who, "tester");
        (void)snprintf(op->refusal.terminal, sizeof op->refusal.terminal, "T2");
        (void)snprintf(op->refusal.participant, sizeof op->refusal.participant, "P1");
        (void)snprintf(op->refusal.service, sizeof op->refusal.service, "payment.purchase");
        op->refusal.reason = OC_R_NO_CARD;
        op->refusal.business_date = FIXTURE_DAY;
        op->refusal.request_no = (int64_t)w->first + i;
        rc = ledger_co_submit(w->l, op);
    }
    return rc;
}

#define WRITERS 100

static CO_FN int write_many(void *arg)
{
    struct seen *s = arg;
    struct writer *w = arena_alloc(flow_arena(), WRITERS * sizeof *w);
    struct flow *flow[WRITERS];
    int rc = w ? 0 : OC_ENOMEM;
    for (unsigned i = 0; !rc && i < WRITERS; i++) {
        w[i] = (struct writer){.l = s->f.l, .first = 100 + i * 30, .count = 30};
        rc = flow_start(flow_loop(), "writer", write_refusals, &w[i], &flow[i]);
    }
    for (unsigned i = 0; !rc && i < WRITERS; i++) {
        int result = 0;
        rc = flow_co_join(flow[i], &result, FLOW_FOREVER);
        if (!rc)
            rc = result;
        flow_put(flow[i]);
    }
    return rc;
}

static void filter_without_index_looks_through_thousands_of_rows(void **state)
{
    struct seen *s = *state;
    assert_int_equal(fixture_flow(&s->f, write_many, s), 0);
    /* 3,000 newer rows stand above the one looked for: more than one turn. */
    assert_int_equal(txns(s, (struct txn_filter){.terminal = "T3"}, 0), 1);
    assert_int_equal(s->txn[0].in.request_no, 77);
    assert_int_equal(txns(s, (struct txn_filter){.state = OC_TXN_REFUSED}, ROWS), ROWS);
    for (unsigned i = 1; i < ROWS; i++)
        assert_true(s->txn[i - 1].id > s->txn[i].id);
    assert_int_equal(txns(s, (struct txn_filter){.terminal = "T2"}, 129), 129);
    assert_int_equal(txns(s, (struct txn_filter){.open_only = true}, 0), 2);
}

static void small_pages_find_what_stands_below_newer_rows(void **state)
{
    struct seen *s = *state;
    const struct txn_row *t = s->txn;
    /* The busy day: another terminal's rows are newer than T3's only one. */
    assert_int_equal(txns(s, (struct txn_filter){0}, 1), 1);
    assert_string_not_equal(t[0].in.terminal, "T3");
    assert_int_equal(txns(s, (struct txn_filter){.terminal = "T3"}, 1), 1);
    assert_int_equal(t[0].in.request_no, 77);
    assert_int_equal(txns(s, (struct txn_filter){.terminal = "T3"}, 2), 1);
    assert_int_equal(txns(s, (struct txn_filter){.terminal = "T3", .before = t[0].id}, 1), 0);
    assert_int_equal(fixture_flow(&s->f, write_many, s), 0);
    assert_int_equal(txns(s, (struct txn_filter){.terminal = "T3"}, 1), 1);
    assert_int_equal(t[0].in.request_no, 77);
    int64_t before = 0;
    unsigned n = 0;
    while (n < 20 && txns(s, (struct txn_filter){.terminal = "T1", .before = before}, 1) == 1) {
        assert_string_equal(t[0].in.terminal, "T1");
        before = t[0].id;
        n++;
    }
    unsigned at_once = txns(s, (struct txn_filter){.terminal = "T1"}, 0);
    assert_int_equal(n, at_once); /* one by one as many as at once */
    assert_true(n > 1);
    assert_int_equal(txns(s, (struct txn_filter){.state = OC_TXN_VOIDED}, 1), 1);
    assert_int_equal(txns(s, (struct txn_filter){.card = s->f.card[0]}, 1), 1);
    assert_int_equal(txns(s, (struct txn_filter){.open_only = true}, 1), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(posted_transaction_has_intent_and_outcome),
        T(voided_and_doubtful_transactions_say_why),
        T(R5_wrong_proof_is_told_while_the_card_is_asked_again),
        T(second_attempt_is_found_by_its_requests_number),
        T(refused_request_is_a_transaction_too),
        T(R6_account_plan_is_posted_with_its_reply_and_the_original_knows),
        T(transactions_are_filtered_and_ordered),
        T(R11_a_days_transactions_come_in_id_order),
        T(open_transactions_come_oldest_first),
        T(filter_without_index_looks_through_thousands_of_rows),
        T(small_pages_find_what_stands_below_newer_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
