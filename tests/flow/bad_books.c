/* The end of a bad day: the books of bad_city.h are closed and laid beside the institutions'. */
#include "bad_city.h"

void all_delivered(void)
{
    assert_true(city_delivered(&c, 5000));
}

struct look {
    int64_t txn;
    struct hold_row hold;
};
static int read_hold(void *arg) CO_FN;
static int read_hold(void *arg)
{
    struct look *l = arg;
    return ledger_co_hold(c.ledger, l->txn, &l->hold);
}

uint8_t hold_state_of(int64_t txn)
{
    static struct look l;
    l = (struct look){.txn = txn};
    assert_int_equal(loop_run_flow(c.loop, "look", read_hold, &l), 0);
    return l.hold.state;
}

struct audit {
    struct ledger_report report;
    unsigned txns, unbalanced, pending;
    fen_t all;
};

static int audit_txns(struct audit *a) CO_FN;
static int audit_txns(struct audit *a)
{
    enum { PAGE = 8 };
    struct txn_row *rows = arena_alloc(flow_arena(), PAGE * sizeof *rows);
    struct txn_filter f = {0};
    unsigned n = PAGE;
    while (n == PAGE) {
        int rc = rows ? ledger_co_txns(c.ledger, &f, rows, PAGE, &n) : OC_ENOMEM;
        if (rc != 0)
            return rc;
        for (unsigned i = 0; i < n; i++) {
            fen_t sum = 0;
            for (unsigned l = 0; l < rows[i].in.leg_count; l++)
                sum += rows[i].in.legs[l].amount;
            a->unbalanced += sum != 0;
            a->txns++;
        }
        f.before = n > 0 ? rows[n - 1].id : f.before;
    }
    return 0;
}

static int audit_cards(struct audit *a) CO_FN;
static int audit_cards(struct audit *a)
{
    enum { PAGE = 8 };
    struct card_row *rows = arena_alloc(flow_arena(), PAGE * sizeof *rows);
    unsigned n = PAGE;
    for (int64_t after = 0; n == PAGE; after = n > 0 ? rows[n - 1].id : after) {
        int rc = rows ? ledger_co_cards(c.ledger, after, 0, rows, PAGE, &n) : OC_ENOMEM;
        if (rc != 0)
            return rc;
        for (unsigned i = 0; i < n; i++) {
            const struct card_row *r = &rows[i];
            a->all += r->purse + r->pending_load;
            a->pending += r->open_txn != 0 || r->purse_debits_pending != 0 ||
                          r->purse_credits_pending != 0 || r->pending_load_reserved != 0;
        }
    }
    return 0;
}

/* Purses and pending loads stand in the cards' rows; the table of accounts may sum them up besides.
 */
static int audit_accounts(struct audit *a) CO_FN;
static int audit_accounts(struct audit *a)
{
    struct account_row *rows = arena_alloc(flow_arena(), 128 * sizeof *rows);
    unsigned n = 0;
    int rc = rows ? ledger_co_accounts(c.ledger, 0, "", rows, 128, &n) : OC_ENOMEM;
    for (unsigned i = 0; rc == 0 && i < n; i++) {
        if (rows[i].kind == ACCT_PURSE || rows[i].kind == ACCT_PENDING_LOAD)
            continue;
        a->all += rows[i].credits_posted - rows[i].debits_posted;
        a->pending += rows[i].credits_pending != 0 || rows[i].debits_pending != 0;
    }
    return rc;
}

static int audit_flow(void *arg) CO_FN;
static int audit_flow(void *arg)
{
    struct audit *a = arg;
    int rc = audit_txns(a);
    rc = rc == 0 ? audit_cards(a) : rc;
    rc = rc == 0 ? audit_accounts(a) : rc;
    return rc == 0 ? ledger_co_verify(c.ledger, &a->report) : rc;
}

void books_balance(void)
{
    static struct audit a;
    memset(&a, 0, sizeof a);
    assert_int_equal(loop_run_flow(c.loop, "audit", audit_flow, &a), 0);
    if (a.report.faults != 0)
        fail_msg("%u faults, first: %s", a.report.faults, a.report.first_fault);
    assert_true(a.txns > 0);
    assert_int_equal(a.unbalanced, 0);
    assert_int_equal(a.pending, 0);
    assert_int_equal(a.all, 0);
}

void books_close(void)
{
    all_delivered();
    books_balance();
    for (unsigned i = 0; i < outside.count; i++) {
        const struct book_hold *h = &outside.holds[i];
        int64_t txn;
        assert_int_equal(ident_parse(h->id, &txn), 0);
        bool posted = city_txn(&c, txn)->state == OC_TXN_POSTED;
        assert_int_equal(h->confirmed, posted);
        assert_false(h->confirmed && h->reversed);
        assert_int_equal(h->held, posted);
        assert_int_equal(h->asks, 1);
        assert_int_equal(hold_state_of(txn), posted        ? HOLD_CONFIRMED
                                             : h->reversed ? HOLD_REVERSED
                                                           : HOLD_REFUSED);
    }
}
