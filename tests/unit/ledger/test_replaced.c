/* A lost card's purse goes to its replacement (R6, R15): when it may, how much, twice, and what
 * records bear that come afterwards. */
#include "book.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define WAIT INT64_C(86400000)

struct pair {
    int64_t lost, fresh;
};

static WORKER_FN int64_t add(struct book *b, uint8_t serial, uint8_t kind, const char *citizen)
{
    struct op_card_add *a = &book_op(b, LOP_CARD_ADD)->card_add;
    memset(a->issuer, 0x11, sizeof a->issuer);
    memset(a->serial, serial, sizeof a->serial);
    a->kind = kind;
    a->state = CARD_ACTIVE;
    a->ceiling = 100000;
    a->opening = serial == 0x44 ? 5000 : 0;
    a->seen = (struct card_seen){SEEN_BALANCE | SEEN_ONLINE | SEEN_OFFLINE, a->opening, 10, 100};
    snprintf(a->citizen, sizeof a->citizen, "%s", citizen);
    assert_int_equal(book_do(b), 0);
    return b->op->card_add.card;
}

static WORKER_FN int state_of(struct book *b, int64_t card, enum card_state to)
{
    struct op_card_state *s = &book_op(b, LOP_CARD_STATE)->card_state;
    s->card = card;
    s->to = (uint8_t)to;
    if (to == CARD_LOST)
        s->effective_ms = atomic_load(&b->clock.ms) + 3600000;
    return book_do(b);
}

static WORKER_FN int replace(struct book *b, int64_t from, int64_t to)
{
    struct op_replaced *r = &book_op(b, LOP_REPLACED)->replaced;
    r->from = from;
    r->to = to;
    r->wait_ms = WAIT;
    return book_do(b);
}

static WORKER_FN void refused(struct book *b, int64_t from, int64_t to, enum oc_reason why)
{
    int64_t rows = book_number(b, "SELECT count(*) FROM journal");
    assert_int_equal(replace(b, from, to), OC_EREFUSED);
    assert_int_equal(b->op->reason, why);
    assert_int_equal(book_number(b, "SELECT count(*) FROM journal"), rows);
}

/* Two cards of one citizen; the first has 50 yuan. */
static WORKER_FN struct pair two(struct book *b)
{
    struct pair p = {add(b, 0x44, CARD_NAMED, "c1"), add(b, 0x55, CARD_NAMED, "c1")};
    b->card = p.lost;
    b->chip =
        (struct card_seen){SEEN_BALANCE | SEEN_ONLINE | SEEN_OFFLINE | SEEN_PROVEN, 5000, 10, 100};
    return p;
}

static void pass(struct book *b)
{
    atomic_fetch_add(&b->clock.ms, 3600000 + WAIT);
}

static WORKER_FN int row(struct book *b, int64_t card, const char *column)
{
    char sql[128];
    snprintf(sql, sizeof sql, "SELECT %s FROM card WHERE id = %lld", column, (long long)card);
    return (int)book_number(b, sql);
}

static WORKER_FN int bring(struct book *b, uint16_t counter, fen_t amount, int64_t made_ms)
{
    struct op_offline *o = &book_op(b, LOP_OFFLINE)->offline;
    memset(o->issuer, 0x11, sizeof o->issuer);
    memset(o->serial, 0x44, sizeof o->serial);
    o->type = 6;
    o->counter = counter;
    o->sam[5] = 1;
    o->sam_seq = counter;
    o->amount = amount;
    o->tac_verdict = TAC_OK;
    o->moves = 1;
    city_bcd(made_ms, 480, o->card_date, o->card_time);
    snprintf(o->bearer, sizeof o->bearer, "issuer");
    return book_do(b) ? 0 : b->op->offline.result;
}

static void R6_R15_the_whole_purse_moves_once_the_wait_is_over(void **state)
{
    ROLE_ENTER_WORKER();
    struct book *b = *state;
    struct pair p = two(b);
    refused(b, p.lost, p.fresh, OC_R_CARD_STATE);
    assert_int_equal(state_of(b, p.lost, CARD_LOST), 0);
    refused(b, p.lost, p.fresh, OC_R_TOO_EARLY);
    pass(b);
    assert_int_equal(replace(b, p.lost, p.fresh), 0);
    assert_int_equal(b->op->replaced.purse, 5000);
    assert_int_equal(row(b, p.lost, "purse_credits - purse_debits"), 0);
    assert_int_equal(row(b, p.fresh, "load_credits - load_debits"), 5000);
    assert_int_equal(book_number(b, "SELECT adjustments FROM day"), 5000 + 5000 - 5000);
    assert_int_equal(
        book_number(b, "SELECT count(*) FROM txn WHERE service = 'card.replace' AND state = 2"), 1);
    assert_int_equal(book_number(b, "SELECT count(*) FROM event WHERE kind IN ('purse_moved', "
                                    "'purse_received')"),
                     2);
}

static void R15_executed_twice_moves_it_once(void **state)
{
    ROLE_ENTER_WORKER();
    struct book *b = *state;
    struct pair p = two(b);
    assert_int_equal(state_of(b, p.lost, CARD_LOST), 0);
    pass(b);
    assert_int_equal(replace(b, p.lost, p.fresh), 0);
    int64_t rows = book_number(b, "SELECT count(*) FROM journal");
    assert_int_equal(replace(b, p.lost, p.fresh), 0);
    assert_int_equal(b->op->replaced.txn, 0);
    assert_int_equal(b->op->replaced.purse, 0);
    assert_int_equal(book_number(b, "SELECT count(*) FROM journal"), rows);
    assert_int_equal(row(b, p.fresh, "load_credits - load_debits"), 5000);
    refused(b, p.lost, b->card == p.lost ? add(b, 0x66, CARD_NAMED, "c1") : 0, OC_R_CONFLICT);
}

static void R15_a_replaced_card_that_is_found_never_works_again(void **state)
{
    ROLE_ENTER_WORKER();
    struct book *b = *state;
    struct pair p = two(b);
    assert_int_equal(state_of(b, p.lost, CARD_LOST), 0);
    pass(b);
    assert_int_equal(replace(b, p.lost, p.fresh), 0);
    assert_int_equal(state_of(b, p.lost, CARD_ACTIVE), OC_EREFUSED);
    assert_int_equal(b->op->reason, OC_R_CARD_STATE);
    assert_int_equal(state_of(b, p.lost, CARD_BLOCKED), 0);
    assert_int_equal(state_of(b, p.lost, CARD_ACTIVE), OC_EREFUSED);
    book_purchase(b, 100);
    assert_int_equal(book_do(b), OC_EREFUSED);
}

static void R15_unnamed_cards_and_other_peoples_cannot_have_it(void **state)
{
    ROLE_ENTER_WORKER();
    struct book *b = *state;
    struct pair p = two(b);
    int64_t other = add(b, 0x77, CARD_NAMED, "c2"), unnamed = add(b, 0x78, CARD_ANONYMOUS, "");
    assert_int_equal(state_of(b, p.lost, CARD_LOST), 0);
    pass(b);
    refused(b, unnamed, p.fresh, OC_R_ANONYMOUS);
    refused(b, p.lost, unnamed, OC_R_ANONYMOUS);
    refused(b, p.lost, other, OC_R_NO_CITIZEN);
    assert_int_equal(state_of(b, p.fresh, CARD_SUSPENDED), 0);
    refused(b, p.lost, p.fresh, OC_R_CARD_STATE);
    assert_int_equal(replace(b, p.lost, p.lost), OC_EINVAL);
}

static void R3_an_open_doubt_must_be_settled_first(void **state)
{
    ROLE_ENTER_WORKER();
    struct book *b = *state;
    struct pair p = two(b);
    book_purchase(b, 300);
    assert_int_equal(book_do(b), 0);
    int64_t txn = b->op->intent.txn;
    assert_int_equal(book_outcome(b, txn, OC_TXN_IN_DOUBT, EV_NONE), 0);
    assert_int_equal(state_of(b, p.lost, CARD_LOST), 0);
    pass(b);
    refused(b, p.lost, p.fresh, OC_R_DOUBT_OPEN);
    assert_int_equal(book_outcome(b, txn, OC_TXN_POSTED, EV_CLEARING), 0);
    assert_int_equal(replace(b, p.lost, p.fresh), 0);
    assert_int_equal(b->op->replaced.purse, 4700);
}

/* Two, of 3.00 and 2.00, and then the chip is seen. */
static WORKER_FN void debits_elsewhere(struct book *b)
{
    b->chip.offline += 2;
    b->chip.balance -= 500;
    assert_int_equal(book_show(b), 0);
}

/* Else the holder of a lost card could play one that holds more. */
static void R9_a_chip_that_did_not_prove_itself_frees_nothing_that_is_awaited(void **state)
{
    ROLE_ENTER_WORKER();
    struct book *b = *state;
    struct pair p = two(b);
    debits_elsewhere(b);
    b->chip.has &= (uint8_t)~SEEN_PROVEN;
    assert_int_equal(book_show(b), 0);
    assert_int_equal(state_of(b, p.lost, CARD_LOST), 0);
    pass(b);
    assert_int_equal(replace(b, p.lost, p.fresh), 0);
    assert_int_equal(b->op->replaced.purse, 0);
}

static void R1_what_awaited_records_took_stays_until_they_come(void **state)
{
    ROLE_ENTER_WORKER();
    struct book *b = *state;
    struct pair p = two(b);
    int64_t made = atomic_load(&b->clock.ms);
    debits_elsewhere(b);
    assert_int_equal(state_of(b, p.lost, CARD_LOST), 0);
    pass(b);
    assert_int_equal(replace(b, p.lost, p.fresh), 0);
    assert_int_equal(b->op->replaced.purse, 4500);
    assert_int_equal(bring(b, 101, 200, made), OFFLINE_POSTED);
    assert_int_equal(row(b, p.lost, "awaiting"), 1);
    assert_int_equal(replace(b, p.lost, p.fresh), 0);
    assert_int_equal(b->op->replaced.txn, 0); /* 3.00 are still awaited */
    assert_int_equal(bring(b, 100, 250, made), OFFLINE_POSTED);
    assert_int_equal(replace(b, p.lost, p.fresh), 0);
    assert_int_equal(b->op->replaced.purse, 50); /* it took less than was kept */
    assert_int_equal(row(b, p.fresh, "load_credits - load_debits"), 4550);
    assert_int_equal(book_account(b, ACCT_BEARER, "issuer").debits_posted, 0);
}

static void R15_what_comes_after_the_move_is_borne_by_rule(void **state)
{
    ROLE_ENTER_WORKER();
    struct book *b = *state;
    struct pair p = two(b);
    int64_t made = atomic_load(&b->clock.ms);
    assert_int_equal(state_of(b, p.lost, CARD_LOST), 0);
    pass(b);
    assert_int_equal(replace(b, p.lost, p.fresh), 0);
    assert_int_equal(bring(b, 100, 300, made), OFFLINE_POSTED); /* the purse has nothing left */
    assert_int_equal(bring(b, 101, 200, made + 2 * 3600000), OFFLINE_AFTER_DENIAL);
    assert_int_equal(book_account(b, ACCT_BEARER, "issuer").debits_posted, 500);
    assert_int_equal(book_account(b, ACCT_MERCHANT, "P1").credits_posted, 500);
    assert_int_equal(row(b, p.lost, "purse_credits - purse_debits"), 0);
    assert_int_equal(row(b, p.lost, "load_credits"), 0);
    assert_int_equal(row(b, p.fresh, "load_credits - load_debits"), 5000);
}

static void R6_what_is_owed_to_the_lost_cards_holder_moves_along(void **state)
{
    ROLE_ENTER_WORKER();
    struct book *b = *state;
    struct pair p = two(b);
    int64_t bought = book_buy(b, 1000);
    assert_true(bought != 0);
    assert_int_equal(state_of(b, p.lost, CARD_LOST), 0);
    book_refund(b, bought, 400);
    assert_int_equal(book_do(b), 0);
    pass(b);
    assert_int_equal(replace(b, p.lost, p.fresh), 0);
    assert_int_equal(b->op->replaced.purse, 4000);
    assert_int_equal(b->op->replaced.pending, 400);
    book_refund(b, bought, 100); /* and what comes later */
    assert_int_equal(book_do(b), 0);
    assert_int_equal(replace(b, p.lost, p.fresh), 0);
    assert_int_equal(row(b, p.fresh, "load_credits - load_debits"), 4500);
}

#define T(name) cmocka_unit_test_setup_teardown(name, book_setup, book_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(R6_R15_the_whole_purse_moves_once_the_wait_is_over),
        T(R15_executed_twice_moves_it_once),
        T(R15_a_replaced_card_that_is_found_never_works_again),
        T(R15_unnamed_cards_and_other_peoples_cannot_have_it),
        T(R3_an_open_doubt_must_be_settled_first),
        T(R9_a_chip_that_did_not_prove_itself_frees_nothing_that_is_awaited),
        T(R1_what_awaited_records_took_stays_until_they_come),
        T(R15_what_comes_after_the_move_is_borne_by_rule),
        T(R6_what_is_owed_to_the_lost_cards_holder_moves_along),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
