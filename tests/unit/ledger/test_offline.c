/* Records of offline terminals (R16): every result, the gap and its law (R1), grey ones, and who
 * bears what. After each test the journal is folded anew and the books must hold. */
#include "book.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define HOUR INT64_C(3600000)

/* A record of the card's chip at that counter, made at T1 at eleven of that day; the clock stands
 * at noon or later. */
static struct op_offline *record(struct book *b, uint16_t counter, fen_t amount)
{
    if (atomic_load(&b->clock.ms) < city_ms(BOOK_DAY, 720, 480))
        atomic_store(&b->clock.ms, city_ms(BOOK_DAY, 720, 480));
    struct op_offline *o = &book_op(b, LOP_OFFLINE)->offline;
    memset(o->issuer, 0x11, sizeof o->issuer);
    memset(o->serial, 0x22, sizeof o->serial);
    o->type = 6;
    o->counter = counter;
    o->sam[5] = 1;
    o->sam_seq = 900u + counter;
    o->amount = amount;
    o->tac_verdict = TAC_OK;
    o->moves = 1;
    city_bcd(city_ms(BOOK_DAY, 660, 480), 480, o->card_date, o->card_time);
    snprintf(o->bearer, sizeof o->bearer, "issuer");
    return o;
}

static WORKER_FN enum offline_result bring(struct book *b)
{
    return book_do(b) ? 0 : (enum offline_result)b->op->offline.result;
}

static WORKER_FN enum offline_result brings(struct book *b, uint16_t counter, fen_t amount)
{
    record(b, counter, amount);
    return bring(b);
}

static WORKER_FN int64_t rows(struct book *b)
{
    return book_number(b, "SELECT count(*) FROM journal");
}

/* The chip debits where nobody asks us. */
static void offline(struct book *b, fen_t amount)
{
    b->chip.balance -= amount;
    b->chip.offline++;
}

static void R1_records_after_the_gap_was_seen_fill_it_to_the_fen(void **state)
{
    ROLE_ENTER_WORKER();
    struct book *b = *state;
    offline(b, 300);
    offline(b, 200);
    assert_int_equal(book_show(b), 0);
    assert_int_equal(book_card(b)->r.awaiting, 2);
    assert_int_equal(brings(b, 101, 200), OFFLINE_POSTED);
    assert_int_equal(book_card(b)->r.awaiting, 1);
    assert_int_equal(brings(b, 100, 300), OFFLINE_POSTED);
    const struct card_full *c = book_card(b);
    assert_int_equal(c->r.awaiting, 0);
    assert_int_equal(c->r.purse, 4500);
    assert_int_equal(c->r.alarm, ALARM_NONE);
    assert_int_equal(book_account(b, ACCT_MERCHANT, "P1").credits_posted, 500);
    assert_int_equal(book_number(b, "SELECT purchases FROM day"), 500);
    assert_int_equal(book_number(b,
                                 "SELECT count(*) FROM txn WHERE service = 'offline' AND state = "
                                 "2 AND terminal = 'T1'"),
                     2);
}

static void R1_records_before_the_gap_is_seen_are_taken_off_it(void **state)
{
    ROLE_ENTER_WORKER();
    struct book *b = *state;
    offline(b, 300);
    offline(b, 200);
    offline(b, 100);
    assert_int_equal(brings(b, 102, 100), OFFLINE_POSTED);
    assert_int_equal(book_card(b)->r.awaiting, 0);
    assert_int_equal(book_card(b)->r.purse, 4900);
    assert_int_equal(book_show(b), 0);
    assert_int_equal(book_card(b)->r.awaiting, 2);
    assert_int_equal(book_card(b)->r.alarm, ALARM_NONE);
    assert_int_equal(brings(b, 101, 200), OFFLINE_POSTED);
    assert_int_equal(brings(b, 100, 300), OFFLINE_POSTED);
    const struct card_full *c = book_card(b);
    assert_int_equal(c->r.awaiting, 0);
    assert_int_equal(c->r.purse, b->chip.balance);
    assert_int_equal(c->r.alarm, ALARM_NONE);
    assert_int_equal(book_number(b, "SELECT count(*) FROM event WHERE kind = 'balance_mismatch'"),
                     0);
}

static void R1_a_filled_gap_that_does_not_explain_the_balance_raises_an_alarm(void **state)
{
    ROLE_ENTER_WORKER();
    struct book *b = *state;
    offline(b, 300);
    assert_int_equal(book_show(b), 0);
    assert_int_equal(book_card(b)->r.alarm, ALARM_NONE);
    assert_int_equal(brings(b, 100, 250), OFFLINE_POSTED);
    assert_int_equal(book_card(b)->r.alarm, ALARM_BALANCE);
    assert_int_equal(book_card(b)->mismatch, -50);
}

/* Somebody asks for the balance alone: no counter is shown. */
static WORKER_FN int show_balance(struct book *b)
{
    uint8_t has = b->chip.has;
    b->chip.has = SEEN_BALANCE | SEEN_PROVEN;
    int rc = book_show(b);
    b->chip.has = has;
    return rc;
}

static void R1_an_alarm_goes_when_the_gap_that_explains_it_is_seen(void **state)
{
    ROLE_ENTER_WORKER();
    struct book *b = *state;
    offline(b, 300);
    assert_int_equal(show_balance(b), 0);
    assert_int_equal(book_card(b)->r.alarm, ALARM_BALANCE);
    assert_int_equal(book_show(b), 0);
    assert_int_equal(book_card(b)->r.awaiting, 1);
    assert_int_equal(book_card(b)->r.alarm, ALARM_NONE);
}

static void
R1_an_alarm_goes_when_the_record_that_explains_it_comes_before_the_gap_is_seen(void **state)
{
    ROLE_ENTER_WORKER();
    struct book *b = *state;
    offline(b, 300);
    assert_int_equal(show_balance(b), 0);
    assert_int_equal(book_card(b)->r.alarm, ALARM_BALANCE);
    assert_int_equal(brings(b, 100, 300), OFFLINE_POSTED);
    assert_int_equal(book_card(b)->r.alarm, ALARM_NONE);
    assert_int_equal(book_show(b), 0);
    assert_int_equal(book_card(b)->r.awaiting, 0);
    assert_int_equal(book_card(b)->r.alarm, ALARM_NONE);
}

static void R1_a_debit_with_a_right_tac_posts_below_zero(void **state)
{
    ROLE_ENTER_WORKER();
    struct book *b = *state;
    assert_int_equal(brings(b, 100, 6000), OFFLINE_POSTED);
    assert_int_equal(book_card(b)->r.purse, -1000);
    assert_int_equal(book_card_to(b, CARD_CANCELLED), 0);
    assert_int_equal(brings(b, 101, 100), OFFLINE_POSTED);
    assert_int_equal(book_card(b)->r.purse, -1100);
}

static void R16_the_same_file_again_changes_nothing(void **state)
{
    ROLE_ENTER_WORKER();
    struct book *b = *state;
    for (int again = 0; again < 3; again++) {
        int64_t before = rows(b);
        for (uint16_t i = 0; i < 4; i++) {
            struct op_offline *o = record(b, (uint16_t)(103 - i), 100 + i);
            if (i == 1)
                o->tac_verdict = TAC_WRONG;
            if (i == 2)
                o->tac_verdict = TAC_NONE;
            enum offline_result want = i == 1   ? OFFLINE_TAC_WRONG
                                       : i == 2 ? OFFLINE_GREY
                                       : again  ? OFFLINE_DUPLICATE
                                                : OFFLINE_POSTED;
            assert_int_equal(bring(b), want);
            assert_int_equal(b->op->offline.unchanged, again > 0);
        }
        assert_int_equal(rows(b), again ? before : before + 4);
    }
    assert_int_equal(book_card(b)->r.purse, 5000 - 100 - 103);
    assert_int_equal(book_number(b, "SELECT count(*) FROM offline_record"), 4);
}

static void R16_another_content_under_a_posted_identity_is_told_and_not_kept(void **state)
{
    ROLE_ENTER_WORKER();
    struct book *b = *state;
    assert_int_equal(brings(b, 100, 300), OFFLINE_POSTED);
    int64_t txn = b->op->offline.txn, before = rows(b);
    assert_int_equal(brings(b, 100, 301), OFFLINE_CONFLICTING);
    assert_int_equal(b->op->offline.txn, txn);
    assert_int_equal(rows(b), before);
    assert_int_equal(book_card(b)->r.purse, 4700);
}

static void R16_one_counter_and_one_sam_sequence_post_once(void **state)
{
    ROLE_ENTER_WORKER();
    struct book *b = *state;
    assert_int_equal(brings(b, 100, 300), OFFLINE_POSTED);
    record(b, 100, 200)->sam_seq = 5555; /* another transaction claims the counter */
    assert_int_equal(bring(b), OFFLINE_CONFLICTING);
    record(b, 101, 200)->sam_seq = 1000; /* another claims the sequence */
    assert_int_equal(bring(b), OFFLINE_CONFLICTING);
    struct op_offline *o = record(b, 100, 0); /* a free entry shares the counter */
    o->sam_seq = 6666;
    o->type = 9;
    o->moves = 0;
    assert_int_equal(bring(b), OFFLINE_POSTED);
    assert_int_equal(book_card(b)->r.purse, 4700);
    assert_int_equal(book_number(b, "SELECT count(*) FROM event WHERE kind = 'offline_record'"), 2);
}

static WORKER_FN int64_t torn(struct book *b, fen_t amount)
{
    struct op_intent *in = book_purchase(b, amount);
    city_bcd(city_ms(BOOK_DAY, 660, 480), 480, in->card_date, in->card_time);
    assert_int_equal(book_do(b), 0);
    return b->op->intent.txn;
}

static WORKER_FN void free_ride(struct book *b)
{
    struct op_intent *in = book_purchase(b, 0);
    in->card_type = 9;
    in->leg_count = 0;
    assert_int_equal(book_do(b), 0);
    assert_int_equal(book_outcome(b, b->op->intent.txn, OC_TXN_POSTED, EV_ANSWER), 0);
}

/* Let in online, let out by a gate that was offline; the card is seen before the gate's records
 * come. */
static void R1_R16_a_debit_elsewhere_after_a_free_ride_is_awaited_and_posts(void **state)
{
    ROLE_ENTER_WORKER();
    struct book *b = *state;
    free_ride(b);
    offline(b, 300);
    assert_int_equal(book_show(b), 0);
    assert_int_equal(book_card(b)->r.awaiting, 1);
    assert_int_equal(book_card(b)->r.alarm, ALARM_NONE);
    assert_int_equal(brings(b, 100, 300), OFFLINE_POSTED);
    assert_int_equal(book_card(b)->r.awaiting, 0);
    assert_int_equal(book_card(b)->r.alarm, ALARM_NONE);
    free_ride(b);
    offline(b, 200);
    assert_int_equal(brings(b, 101, 200), OFFLINE_POSTED); /* the records come first */
    assert_int_equal(book_show(b), 0);
    assert_int_equal(book_card(b)->r.awaiting, 0);
    assert_int_equal(book_card(b)->r.alarm, ALARM_NONE);
    assert_int_equal(book_card(b)->r.purse, 4500);
}

static void R3_R16_a_free_ride_that_moved_the_counter_leaves_no_gap(void **state)
{
    ROLE_ENTER_WORKER();
    struct book *b = *state;
    for (int i = 0; i < 2; i++) {
        free_ride(b);
        b->chip.offline++;
        assert_int_equal(book_show(b), 0);
        assert_int_equal(book_card(b)->r.awaiting, 0);
    }
    assert_true(book_buy(b, 100) != 0);
    assert_int_equal(book_show(b), 0);
    assert_int_equal(book_card(b)->r.awaiting, 0);
    assert_int_equal(book_card(b)->r.alarm, ALARM_NONE);
    assert_int_equal(book_number(b, "SELECT count(*) FROM event WHERE kind = 'awaiting_records'"),
                     0);
}

static void R16_a_counter_used_online_is_a_duplicate_or_a_conflict(void **state)
{
    ROLE_ENTER_WORKER();
    struct book *b = *state;
    for (int i = 0; i < 3; i++)
        assert_true(book_buy(b, 100) != 0);
    int64_t txn = torn(b, 150);
    uint32_t seq = b->op->intent.terminal_seq;
    assert_int_equal(book_outcome(b, txn, OC_TXN_POSTED, EV_ANSWER), 0);
    record(b, 103, 150)->sam_seq = seq;
    assert_int_equal(bring(b), OFFLINE_DUPLICATE);
    assert_int_equal(b->op->offline.txn, txn);
    assert_int_equal(book_number(b, "SELECT count(*) FROM offline_record"), 0);
    record(b, 103, 151)->sam_seq = seq;
    assert_int_equal(bring(b), OFFLINE_CONFLICTING);
    assert_int_equal(brings(b, 101, 100), OFFLINE_CONFLICTING);
    assert_int_equal(brings(b, 42, 100), OFFLINE_IMPOSSIBLE); /* before all that is known */
    assert_int_equal(book_card(b)->r.purse, 4550);
}

/* No TAC covers the counter: whoever has the TAC of an online debit may write any counter beside
 * it. */
static void
R16_an_online_debits_sam_sequence_pays_once_whatever_counter_a_record_claims(void **state)
{
    ROLE_ENTER_WORKER();
    struct book *b = *state;
    int64_t txn = torn(b, 150);
    uint32_t seq = b->op->intent.terminal_seq;
    assert_int_equal(book_outcome(b, txn, OC_TXN_POSTED, EV_ANSWER), 0);
    b->chip.balance -= 150;
    b->chip.offline++;
    for (uint16_t counter = 99; counter <= 103; counter++) {
        record(b, counter, 150)->sam_seq = seq;
        assert_int_equal(bring(b), counter == 100 ? OFFLINE_DUPLICATE : OFFLINE_CONFLICTING);
    }
    offline(b, 200);
    assert_int_equal(book_show(b), 0); /* a gap is no licence */
    record(b, 101, 150)->sam_seq = seq;
    assert_int_equal(bring(b), OFFLINE_CONFLICTING);
    assert_int_equal(brings(b, 101, 200), OFFLINE_POSTED);
    assert_int_equal(book_card(b)->r.purse, 4650);
    assert_int_equal(book_account(b, ACCT_MERCHANT, "P1").credits_posted, 350);
}

static void R3_R16_an_open_doubts_sam_sequence_under_another_counter_is_no_other_debit(void **state)
{
    ROLE_ENTER_WORKER();
    struct book *b = *state;
    int64_t txn = torn(b, 300);
    uint32_t seq = b->op->intent.terminal_seq;
    assert_int_equal(book_outcome(b, txn, OC_TXN_IN_DOUBT, EV_NONE), 0);
    record(b, 101, 300)->sam_seq = seq;
    assert_int_equal(bring(b), OFFLINE_CONFLICTING);
    assert_int_equal(book_outcome(b, txn, OC_TXN_POSTED, EV_PROVE), 0);
    assert_int_equal(book_card(b)->r.purse, 4700);
}

/* A free ride may leave open at which counter the chip is. */
static void R16_an_online_debits_record_is_a_duplicate_after_a_free_ride_too(void **state)
{
    ROLE_ENTER_WORKER();
    struct book *b = *state;
    int64_t txn = torn(b, 150);
    uint32_t seq = b->op->intent.terminal_seq;
    assert_int_equal(book_outcome(b, txn, OC_TXN_POSTED, EV_ANSWER), 0);
    b->chip.balance -= 150;
    b->chip.offline++;
    free_ride(b);
    record(b, 100, 150)->sam_seq = seq;
    assert_int_equal(bring(b), OFFLINE_DUPLICATE);
    assert_int_equal(b->op->offline.txn, txn);
    assert_int_equal(book_card(b)->r.purse, 4850);
}

static void R10_the_merchant_is_whom_the_sams_history_names(void **state)
{
    ROLE_ENTER_WORKER();
    struct book *b = *state;
    struct op_participant *p = &book_op(b, LOP_PARTICIPANT)->participant;
    snprintf(p->id, sizeof p->id, "P2");
    assert_int_equal(book_do(b), 0);
    atomic_store(&b->clock.ms, city_ms(BOOK_DAY, 700, 480));
    struct op_terminal *t = &book_op(b, LOP_TERMINAL)->terminal; /* the SAM moves at 11:40 */
    snprintf(t->id, sizeof t->id, "T9");
    snprintf(t->participant, sizeof t->participant, "P2");
    snprintf(t->kind, sizeof t->kind, "bus");
    t->sam[5] = 1;
    assert_int_equal(book_do(b), 0);
    assert_int_equal(brings(b, 100, 300), OFFLINE_POSTED);
    assert_string_equal(b->op->offline.at_terminal, "T1");
    struct op_offline *o = record(b, 101, 200);
    city_bcd(city_ms(BOOK_DAY, 701, 480), 480, o->card_date, o->card_time);
    snprintf(o->terminal, sizeof o->terminal, "T9");
    assert_int_equal(bring(b), OFFLINE_POSTED);
    assert_int_equal(book_account(b, ACCT_MERCHANT, "P1").credits_posted, 300);
    assert_int_equal(book_account(b, ACCT_MERCHANT, "P2").credits_posted, 200);
    o = record(b, 102, 100);
    snprintf(o->terminal, sizeof o->terminal, "T9"); /* it was in T1 at eleven */
    assert_int_equal(bring(b), OFFLINE_SAM_MISMATCH);
}

static void R16_a_sam_that_was_nowhere_then_counts_only_by_the_collectors_word(void **state)
{
    ROLE_ENTER_WORKER();
    struct book *b = *state;
    record(b, 100, 300)->sam[5] = 77;
    assert_int_equal(bring(b), OFFLINE_SAM_UNKNOWN);
    struct op_offline *o = record(b, 100, 300); /* the day before the SAM came into T1 */
    city_bcd(city_ms(BOOK_DAY, 0, 480) - HOUR, 480, o->card_date, o->card_time);
    assert_int_equal(bring(b), OFFLINE_SAM_UNKNOWN);
    o = record(b, 100, 300);
    city_bcd(city_ms(BOOK_DAY, 0, 480) - HOUR, 480, o->card_date, o->card_time);
    snprintf(o->terminal, sizeof o->terminal, "T2");
    assert_int_equal(bring(b), OFFLINE_SAM_UNKNOWN);
    o = record(b, 100, 300);
    city_bcd(city_ms(BOOK_DAY, 0, 480) - HOUR, 480, o->card_date, o->card_time);
    snprintf(o->terminal, sizeof o->terminal, "T1");
    assert_int_equal(bring(b), OFFLINE_POSTED);
    assert_int_equal(b->op->offline.business_date, date_add(BOOK_DAY, -1));
    assert_int_equal(b->op->offline.clearing_date, BOOK_DAY);
}

static void R16_a_revoked_terminals_records_are_held(void **state)
{
    ROLE_ENTER_WORKER();
    struct book *b = *state;
    atomic_store(&b->clock.ms, city_ms(BOOK_DAY, 630, 480));
    struct op_terminal_key *k = &book_op(b, LOP_TERMINAL_KEY)->terminal_key;
    snprintf(k->terminal, sizeof k->terminal, "T1");
    k->action = TERMINAL_KEY_REVOKE;
    assert_int_equal(book_do(b), 0);
    assert_int_equal(brings(b, 100, 300), OFFLINE_SAM_UNKNOWN);
    struct op_offline *o = record(b, 101, 200); /* from before it was stolen */
    city_bcd(city_ms(BOOK_DAY, 610, 480), 480, o->card_date, o->card_time);
    assert_int_equal(bring(b), OFFLINE_POSTED);
}

static void R16_a_held_record_posts_when_what_it_lacked_is_there(void **state)
{
    ROLE_ENTER_WORKER();
    struct book *b = *state;
    struct op_offline *o = record(b, 100, 300);
    memset(o->serial, 0x33, sizeof o->serial);
    assert_int_equal(bring(b), OFFLINE_UNKNOWN_CARD);
    struct op_card_add *a = &book_op(b, LOP_CARD_ADD)->card_add;
    memset(a->issuer, 0x11, sizeof a->issuer);
    memset(a->serial, 0x33, sizeof a->serial);
    a->kind = CARD_NAMED;
    a->state = CARD_ACTIVE;
    a->registered = 1;
    a->ceiling = 100000;
    assert_int_equal(book_do(b), 0);
    int64_t card = b->op->card_add.card;
    o = record(b, 100, 300);
    memset(o->serial, 0x33, sizeof o->serial);
    assert_int_equal(bring(b), OFFLINE_POSTED);
    assert_int_equal(book_number(b, "SELECT count(*) FROM offline_record"), 1);
    /* First seen afterwards: what it brought along was more by what the record took (R1). */
    struct op_seen *s = &book_op(b, LOP_SEEN)->seen;
    s->card = card;
    s->seen = (struct card_seen){SEEN_BALANCE | SEEN_OFFLINE | SEEN_PROVEN, 700, 0, 101};
    assert_int_equal(book_do(b), 0);
    b->card = card;
    assert_int_equal(book_card(b)->r.purse, 700);
    assert_int_equal(book_card(b)->r.alarm, ALARM_NONE);
    assert_int_equal(book_number(b, "SELECT adjustments FROM day"), 5000 + 1000);
}

static void R16_a_wrong_tac_moves_nothing_until_a_right_one_comes(void **state)
{
    ROLE_ENTER_WORKER();
    struct book *b = *state;
    record(b, 100, 300)->tac_verdict = TAC_WRONG;
    assert_int_equal(bring(b), OFFLINE_TAC_WRONG);
    assert_int_equal(book_card(b)->r.purse, 5000);
    struct op_offline *o = record(b, 100, 250); /* another wrong one is no better */
    o->tac_verdict = TAC_WRONG;
    assert_int_equal(bring(b), OFFLINE_CONFLICTING);
    record(b, 100, 250)->tac[0] = 9;
    assert_int_equal(bring(b), OFFLINE_POSTED);
    assert_int_equal(book_card(b)->r.purse, 4750);
    assert_int_equal(book_number(b, "SELECT amount FROM offline_record"), 250);
}

static void R16_grey_records_post_when_the_chain_proves_all_of_them(void **state)
{
    ROLE_ENTER_WORKER();
    struct book *b = *state;
    offline(b, 300);
    offline(b, 200);
    offline(b, 100);
    assert_int_equal(book_show(b), 0);
    record(b, 100, 300)->tac_verdict = TAC_NONE;
    assert_int_equal(bring(b), OFFLINE_GREY);
    record(b, 102, 100)->tac_verdict = TAC_NONE;
    assert_int_equal(bring(b), OFFLINE_GREY); /* 101 is not there: nothing is proven */
    assert_int_equal(brings(b, 101, 200), OFFLINE_POSTED);
    record(b, 100, 300)->tac_verdict = TAC_NONE;
    assert_int_equal(bring(b), OFFLINE_POSTED);
    record(b, 102, 100)->tac_verdict = TAC_NONE;
    assert_int_equal(bring(b), OFFLINE_POSTED);
    assert_int_equal(book_card(b)->r.purse, b->chip.balance);
    assert_int_equal(book_card(b)->r.awaiting, 0);
    assert_int_equal(book_card(b)->r.alarm, ALARM_NONE);
}

/* Whoever has the card's number can play a chip that lacks as much as his record says. */
static void R9_R16_a_chip_that_did_not_prove_itself_proves_no_grey_record(void **state)
{
    ROLE_ENTER_WORKER();
    struct book *b = *state;
    offline(b, 300);
    assert_int_equal(book_show(b), 0);
    b->chip.has &= (uint8_t)~SEEN_PROVEN;
    assert_int_equal(book_show(b), 0);
    record(b, 100, 300)->tac_verdict = TAC_NONE;
    assert_int_equal(bring(b), OFFLINE_GREY);
    assert_int_equal(book_card(b)->r.purse, 5000);
    b->chip.has |= SEEN_PROVEN;
    assert_int_equal(book_show(b), 0);
    record(b, 100, 300)->tac_verdict = TAC_NONE;
    assert_int_equal(bring(b), OFFLINE_POSTED);
}

/* An answer that came garbled, or a chip that is none: the card refuses what was made of it. */
static void R9_a_counter_that_nothing_proves_leaves_no_records_awaited(void **state)
{
    ROLE_ENTER_WORKER();
    struct book *b = *state;
    b->chip.has &= (uint8_t)~SEEN_PROVEN;
    struct op_intent *in = book_purchase(b, 100);
    in->counter = in->seen.offline = 356;
    assert_int_equal(book_do(b), 0);
    assert_int_equal(book_card(b)->r.awaiting, 0);
    assert_int_equal(book_outcome(b, b->op->intent.txn, OC_TXN_VOIDED, EV_CARD_REFUSED), 0);
    b->chip.offline += 2;
    assert_int_equal(book_show(b), 0); /* two, it says, unproven */
    b->chip.offline -= 2;
    assert_true(book_buy(b, 100) != 0);
    assert_int_equal(book_card(b)->r.awaiting, 0);
    assert_int_equal(book_card(b)->r.alarm, ALARM_NONE);
    offline(b, 300); /* this one is true: the transaction that posts says so */
    book_purchase(b, 100);
    assert_int_equal(book_do(b), 0);
    assert_int_equal(book_card(b)->r.awaiting, 0);
    assert_int_equal(book_outcome(b, b->op->intent.txn, OC_TXN_POSTED, EV_ANSWER), 0);
    assert_int_equal(book_card(b)->r.awaiting, 1);
    assert_int_equal(book_card(b)->r.alarm, ALARM_NONE);
    assert_int_equal(brings(b, 101, 300), OFFLINE_POSTED);
    assert_int_equal(book_card(b)->r.awaiting, 0);
    assert_int_equal(book_card(b)->r.purse, 4500);
    assert_int_equal(book_card(b)->r.alarm, ALARM_NONE);
}

static void R16_grey_records_of_another_sum_stay_grey(void **state)
{
    ROLE_ENTER_WORKER();
    struct book *b = *state;
    offline(b, 300);
    assert_int_equal(book_show(b), 0);
    record(b, 100, 299)->tac_verdict = TAC_NONE;
    assert_int_equal(bring(b), OFFLINE_GREY);
    struct op_offline *o =
        record(b, 100, 300); /* the other one under this counter stays beside it */
    o->tac_verdict = TAC_NONE;
    o->sam_seq = 7;
    assert_int_equal(bring(b), OFFLINE_GREY);
    assert_int_equal(book_card(b)->r.awaiting, 1);
}

static void R16_too_late_is_held_until_an_operator_takes_it_all_the_same(void **state)
{
    ROLE_ENTER_WORKER();
    struct book *b = *state;
    record(b, 100, 300)->oldest = date_add(BOOK_DAY, 1);
    assert_int_equal(bring(b), OFFLINE_TOO_LATE);
    assert_int_equal(brings(b, 100, 300), OFFLINE_POSTED);
}

static void R16_impossible_dates_and_counters_are_held(void **state)
{
    ROLE_ENTER_WORKER();
    struct book *b = *state;
    assert_int_equal(brings(b, 0xFFFF, 300), OFFLINE_IMPOSSIBLE);
    struct op_offline *o = record(b, 100, 300);
    city_bcd(city_ms(date_add(BOOK_DAY, 2), 0, 480), 480, o->card_date, o->card_time);
    assert_int_equal(bring(b), OFFLINE_IMPOSSIBLE);
    o = record(b, 100, 300); /* a terminal's clock runs some hours ahead */
    city_bcd(city_ms(date_add(BOOK_DAY, 1), 60, 480), 480, o->card_date, o->card_time);
    assert_int_equal(bring(b), OFFLINE_POSTED);
    record(b, 100, 300)->card_time[1] = 0x60;
    assert_int_equal(book_do(b), OC_EINVAL);
    record(b, 100, -1);
    assert_int_equal(book_do(b), OC_EINVAL);
}

/* ---- doubts (R3) ---- */

static void R3_the_open_doubts_own_record_says_whose_it_is(void **state)
{
    ROLE_ENTER_WORKER();
    struct book *b = *state;
    int64_t txn = torn(b, 300);
    uint32_t seq = b->op->intent.terminal_seq;
    record(b, 100, 300)->sam_seq = seq;
    assert_int_equal(book_do(b), OC_EREFUSED);
    assert_int_equal(b->op->reason, OC_R_BUSY);
    assert_int_equal(book_outcome(b, txn, OC_TXN_IN_DOUBT, EV_NONE), 0);
    record(b, 100, 300)->sam_seq = seq;
    assert_int_equal(book_do(b), OC_EREFUSED);
    assert_int_equal(b->op->reason, OC_R_DOUBT_OPEN);
    assert_int_equal(book_outcome(b, txn, OC_TXN_POSTED, EV_CLEARING), 0);
    int64_t before = rows(b);
    record(b, 100, 300)->sam_seq = seq;
    assert_int_equal(bring(b), OFFLINE_DUPLICATE);
    assert_int_equal(b->op->offline.txn, txn);
    assert_int_equal(rows(b), before);
    assert_int_equal(book_card(b)->r.purse, 4700);
}

static void R3_records_beside_an_open_doubt_count_once_whatever_it_ends_as(void **state)
{
    ROLE_ENTER_WORKER();
    struct book *b = *state;
    int64_t txn = torn(b, 300);
    assert_int_equal(book_outcome(b, txn, OC_TXN_IN_DOUBT, EV_NONE), 0);
    b->chip.offline++; /* it was debited after all */
    b->chip.balance -= 300;
    offline(b, 200);
    assert_int_equal(brings(b, 101, 200), OFFLINE_POSTED);
    assert_int_equal(book_outcome(b, txn, OC_TXN_POSTED, EV_PROVE), 0);
    assert_int_equal(book_show(b), 0);
    assert_int_equal(book_card(b)->r.awaiting, 0);
    assert_int_equal(book_card(b)->r.purse, b->chip.balance);
    assert_int_equal(book_card(b)->r.alarm, ALARM_NONE);
}

/* ---- who bears it (R15) ---- */

static WORKER_FN void lose(struct book *b, int64_t effective_ms)
{
    struct op_card_state *s = &book_op(b, LOP_CARD_STATE)->card_state;
    s->card = b->card;
    s->to = CARD_LOST;
    s->effective_ms = effective_ms;
    assert_int_equal(book_do(b), 0);
}

static void R15_after_the_loss_took_effect_the_issuer_bears_it(void **state)
{
    ROLE_ENTER_WORKER();
    struct book *b = *state;
    lose(b, city_ms(BOOK_DAY, 660, 480)); /* eleven, when records are made */
    assert_int_equal(brings(b, 100, 300), OFFLINE_AFTER_DENIAL);
    struct op_offline *o = record(b, 101, 200);
    city_bcd(city_ms(BOOK_DAY, 659, 480), 480, o->card_date, o->card_time);
    assert_int_equal(bring(b), OFFLINE_POSTED); /* a minute before: the holder's */
    const struct card_full *c = book_card(b);
    assert_int_equal(c->r.purse, 4500); /* the chip's mirror all the same */
    assert_int_equal(c->r.pending_load, 300);
    assert_int_equal(book_account(b, ACCT_BEARER, "issuer").debits_posted, 300);
    assert_int_equal(book_account(b, ACCT_MERCHANT, "P1").credits_posted, 500);
}

#define T(name) cmocka_unit_test_setup_teardown(name, book_setup, book_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(R1_records_after_the_gap_was_seen_fill_it_to_the_fen),
        T(R1_records_before_the_gap_is_seen_are_taken_off_it),
        T(R1_a_filled_gap_that_does_not_explain_the_balance_raises_an_alarm),
        T(R1_an_alarm_goes_when_the_gap_that_explains_it_is_seen),
        T(R1_an_alarm_goes_when_the_record_that_explains_it_comes_before_the_gap_is_seen),
        T(R1_a_debit_with_a_right_tac_posts_below_zero),
        T(R16_the_same_file_again_changes_nothing),
        T(R16_another_content_under_a_posted_identity_is_told_and_not_kept),
        T(R16_one_counter_and_one_sam_sequence_post_once),
        T(R16_a_counter_used_online_is_a_duplicate_or_a_conflict),
        T(R16_an_online_debits_sam_sequence_pays_once_whatever_counter_a_record_claims),
        T(R3_R16_an_open_doubts_sam_sequence_under_another_counter_is_no_other_debit),
        T(R1_R16_a_debit_elsewhere_after_a_free_ride_is_awaited_and_posts),
        T(R3_R16_a_free_ride_that_moved_the_counter_leaves_no_gap),
        T(R16_an_online_debits_record_is_a_duplicate_after_a_free_ride_too),
        T(R10_the_merchant_is_whom_the_sams_history_names),
        T(R16_a_sam_that_was_nowhere_then_counts_only_by_the_collectors_word),
        T(R16_a_revoked_terminals_records_are_held),
        T(R16_a_held_record_posts_when_what_it_lacked_is_there),
        T(R16_a_wrong_tac_moves_nothing_until_a_right_one_comes),
        T(R16_grey_records_post_when_the_chain_proves_all_of_them),
        T(R9_R16_a_chip_that_did_not_prove_itself_proves_no_grey_record),
        T(R9_a_counter_that_nothing_proves_leaves_no_records_awaited),
        T(R16_grey_records_of_another_sum_stay_grey),
        T(R16_too_late_is_held_until_an_operator_takes_it_all_the_same),
        T(R16_impossible_dates_and_counters_are_held),
        T(R3_the_open_doubts_own_record_says_whose_it_is),
        T(R3_records_beside_an_open_doubt_count_once_whatever_it_ends_as),
        T(R15_after_the_loss_took_effect_the_issuer_bears_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
