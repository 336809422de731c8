/* After a restore: nothing is given out twice (R10), chips that are ahead are found and are no
 * fraud (R1), what was published stays published (R11). */
#include "book.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static WORKER_FN int64_t events(struct book *b, const char *kind)
{
    char sql[128];
    snprintf(sql, sizeof sql, "SELECT count(*) FROM event WHERE kind = '%s'", kind);
    return book_number(b, sql);
}

static WORKER_FN int restored(struct book *b, date_t published)
{
    struct op_restored *r = &book_op(b, LOP_RESTORED)->restored;
    r->jump = 1000;
    r->behind = 1;
    r->published = published;
    snprintf(r->from, sizeof r->from, "copy.db");
    return book_do(b);
}

/* What the lost ledger still saw of the card. */
static void lost_purchase(struct book *b, fen_t amount)
{
    b->chip.balance -= amount;
    b->chip.offline++;
}
static void lost_load(struct book *b, fen_t amount)
{
    b->chip.balance += amount;
    b->chip.online++;
}

static WORKER_FN int show_proven(struct book *b)
{
    b->chip.has |= SEEN_PROVEN;
    int rc = book_show(b);
    b->chip.has &= (uint8_t)~SEEN_PROVEN;
    return rc;
}

static WORKER_FN int refused_as_lost(struct book *b)
{
    struct op_refusal *r = &book_op(b, LOP_REFUSAL)->refusal;
    r->card = b->card;
    r->reason = OC_R_RECORDS_LOST;
    snprintf(r->terminal, sizeof r->terminal, "T1");
    r->seen = b->chip;
    return book_do(b);
}

/* ---- counters ---- */

static void R10_every_counter_jumps_and_ids_stay_ahead_of_a_clock_that_is_behind(void **state)
{
    ROLE_ENTER_WORKER();
    struct book *b = *state;
    int64_t txn = book_buy(b, 100);
    int64_t seq = book_number(b, "SELECT next_seq FROM sam WHERE terminal = 'T1'");
    int64_t card = book_number(b, "SELECT last_card FROM site");
    int64_t epoch = book_number(b, "SELECT deny_epoch FROM site");
    int64_t event = book_number(b, "SELECT last_event FROM site");
    struct ledger_stats before, after;
    ledger_stats(b->l, &before);
    assert_int_equal(restored(b, 0), 0);
    assert_int_equal(book_number(b, "SELECT next_seq FROM sam WHERE terminal = 'T1'"), seq + 1000);
    assert_int_equal(book_number(b, "SELECT deny_epoch FROM site"), epoch + 1000);
    assert_true(book_number(b, "SELECT last_event FROM site") > event + 1000);
    assert_true(ident_ms(book_number(b, "SELECT last_card FROM site")) >= ident_ms(card) + 600000);
    /* The clock of this machine has not moved: the lost ledger's ids of nine more minutes are free.
     */
    int64_t next = book_buy(b, 100);
    assert_true(ident_ms(next) >= ident_ms(txn) + 600000);
    assert_int_equal(events(b, "restored"), 1);
    ledger_stats(b->l, &after);
    assert_int_equal(after.serials, before.serials + 1000);
    assert_int_equal(after.cards, before.cards);
}

static void restore_that_jumps_nowhere_or_published_tomorrow_is_refused(void **state)
{
    ROLE_ENTER_WORKER();
    struct book *b = *state;
    assert_int_equal(restored(b, date_add(BOOK_DAY, 1)), OC_EINVAL);
    assert_int_equal(restored(b, 20261399), OC_EINVAL);
    book_op(b, LOP_RESTORED)->restored.behind = 1;
    assert_int_equal(book_do(b), OC_EINVAL);
    assert_int_equal(events(b, "restored"), 0);
}

/* ---- chips that went on ---- */

static void R1_lost_debits_are_awaited_and_told_once(void **state)
{
    ROLE_ENTER_WORKER();
    struct book *b = *state;
    assert_int_equal(restored(b, 0), 0);
    lost_purchase(b, 300);
    lost_purchase(b, 200);
    /* A retry of what the lost ledger did would charge twice: whoever asks is told first. */
    book_purchase(b, 200);
    assert_int_equal(book_do(b), OC_EREFUSED);
    assert_int_equal(b->op->reason, OC_R_RECORDS_LOST);
    assert_int_equal(refused_as_lost(b), 0);
    assert_int_not_equal(book_buy(b, 100), 0);
    assert_int_equal(book_card(b)->r.awaiting, 2);
    assert_int_equal(book_card(b)->r.alarm, ALARM_NONE);
    assert_int_equal(events(b, "awaiting_records"), 1);
    assert_int_equal(events(b, "offline_counter_back") + events(b, "balance_mismatch"), 0);
}

/* A look at the card, or its citizen's question for the balance, tells nobody who asks for money. */
static void R8_a_balance_shown_before_the_retry_does_not_let_it_charge(void **state)
{
    ROLE_ENTER_WORKER();
    struct book *b = *state;
    assert_int_equal(restored(b, 0), 0);
    lost_purchase(b, 200);
    assert_int_equal(show_proven(b), 0);
    assert_int_equal(book_card(b)->r.awaiting, 1);
    book_purchase(b, 200);
    assert_int_equal(book_do(b), OC_EREFUSED);
    assert_int_equal(b->op->reason, OC_R_RECORDS_LOST);
    assert_int_equal(refused_as_lost(b), 0);
    assert_int_not_equal(book_buy(b, 100), 0);
    assert_int_equal(book_card(b)->due_has & (DUE_RESTORED | DUE_AHEAD), 0);
}

static void R7_R8_nor_does_it_let_a_lost_load_be_given_again(void **state)
{
    ROLE_ENTER_WORKER();
    struct book *b = *state;
    assert_int_equal(restored(b, 0), 0);
    lost_load(b, 2000);
    assert_int_equal(show_proven(b), 0); /* adopted */
    book_load(b, 2000);
    assert_int_equal(book_do(b), OC_EREFUSED);
    assert_int_equal(b->op->reason, OC_R_RECORDS_LOST);
    assert_int_equal(refused_as_lost(b), 0);
    assert_int_not_equal(book_charge(b, 1000), 0);
}

static void card_that_did_nothing_meanwhile_goes_on_and_is_as_any_other_afterwards(void **state)
{
    ROLE_ENTER_WORKER();
    struct book *b = *state;
    assert_int_equal(restored(b, 0), 0);
    assert_int_not_equal(book_buy(b, 100), 0);
    assert_int_not_equal(book_charge(b, 500), 0);
    assert_int_equal(book_card(b)->due_has & (DUE_RESTORED), 0);
    b->chip.online++;
    assert_int_equal(show_proven(b), 0);
    assert_int_equal(book_card(b)->r.alarm, ALARM_COUNTER);
    assert_int_equal(events(b, "loads_lost"), 0);
}

static void R7_lost_load_is_adopted_when_the_card_proves_itself_and_not_given_again(void **state)
{
    ROLE_ENTER_WORKER();
    struct book *b = *state;
    assert_int_equal(restored(b, 0), 0);
    lost_load(b, 2000);
    book_load(b, 2000);
    assert_int_equal(book_do(b), OC_EREFUSED);
    assert_int_equal(b->op->reason, OC_R_RECORDS_LOST);
    b->chip.has &= (uint8_t)~SEEN_PROVEN; /* Anybody can show a number. */
    assert_int_equal(book_show(b), 0);
    assert_int_equal(events(b, "adopted_after_restore"), 0);
    assert_int_equal(show_proven(b), 0);
    assert_int_equal(book_card(b)->r.purse, b->chip.balance);
    assert_int_equal(book_card(b)->r.alarm, ALARM_NONE);
    assert_int_equal(events(b, "loads_lost"), 1);
    assert_int_equal(events(b, "adopted_after_restore"), 1);
    assert_int_equal(events(b, "online_counter_moved"), 0);
    assert_int_equal(book_account(b, ACCT_OPENING, "").debits_posted, 5000 + 2000);
}

static void R1_lost_load_and_debit_wait_for_the_debits_record(void **state)
{
    ROLE_ENTER_WORKER();
    struct book *b = *state;
    assert_int_equal(restored(b, 0), 0);
    lost_load(b, 2000);
    lost_purchase(b, 300);
    assert_int_equal(show_proven(b), 0);
    assert_int_equal(book_card(b)->r.awaiting, 1);
    assert_int_equal(book_card(b)->r.alarm, ALARM_RESTORED);
    assert_int_equal(book_card(b)->r.purse, 5000);
    assert_int_equal(events(b, "adopted_after_restore"), 0);
    /* Neither a load nor another restore ends the waiting. */
    assert_int_equal(restored(b, 0), 0);
    assert_int_equal(refused_as_lost(b), 0);
    assert_int_not_equal(book_charge(b, 1000), 0);
    assert_int_equal(book_card(b)->r.alarm, ALARM_RESTORED);
    assert_int_equal(events(b, "balance_mismatch") + events(b, "online_counter_moved"), 0);
}

static void lost_load_of_a_card_that_shows_no_online_counter_waits_for_it(void **state)
{
    ROLE_ENTER_WORKER();
    struct book *b = *state;
    assert_int_equal(restored(b, 0), 0);
    lost_load(b, 2000);
    b->chip.has &= (uint8_t)~SEEN_ONLINE;
    assert_int_not_equal(book_buy(b, 100), 0);
    assert_int_equal(book_card(b)->r.alarm, ALARM_NONE);
    assert_int_equal(events(b, "loads_lost"), 1);
    b->chip.has |= SEEN_ONLINE;
    assert_int_equal(show_proven(b), 0);
    assert_int_equal(book_card(b)->r.alarm, ALARM_NONE);
    assert_int_equal(book_card(b)->r.purse, b->chip.balance);
    assert_int_equal(events(b, "adopted_after_restore"), 1);
}

static void R1_lost_debits_of_a_card_that_shows_no_offline_counter_are_no_alarm(void **state)
{
    ROLE_ENTER_WORKER();
    struct book *b = *state;
    assert_int_equal(restored(b, 0), 0);
    lost_purchase(b, 300);
    b->chip.has &= (uint8_t)~SEEN_OFFLINE;
    assert_int_not_equal(book_charge(b, 1000), 0);
    assert_int_equal(book_card(b)->r.alarm, ALARM_NONE);
    assert_int_equal(events(b, "balance_mismatch"), 0);
    b->chip.has |= SEEN_OFFLINE;
    assert_int_equal(show_proven(b), 0);
    assert_int_equal(book_card(b)->r.awaiting, 1);
    assert_int_equal(book_card(b)->r.alarm, ALARM_NONE);
}

static void more_money_that_no_counter_explained_is_an_alarm_when_the_counter_is_shown(void **state)
{
    ROLE_ENTER_WORKER();
    struct book *b = *state;
    assert_int_equal(restored(b, 0), 0);
    b->chip.balance += 2000;
    b->chip.has &= (uint8_t)~SEEN_ONLINE;
    assert_int_equal(show_proven(b), 0);
    assert_int_equal(show_proven(b), 0);
    assert_int_equal(events(b, "loads_lost"), 1);
    b->chip.has |= SEEN_ONLINE;
    assert_int_equal(show_proven(b), 0);
    assert_int_equal(book_card(b)->r.alarm, ALARM_BALANCE);
    assert_int_equal(events(b, "balance_mismatch"), 1);
}

static void more_money_without_a_moved_counter_is_an_alarm_after_a_restore_too(void **state)
{
    ROLE_ENTER_WORKER();
    struct book *b = *state;
    assert_int_equal(restored(b, 0), 0);
    b->chip.balance += 2000;
    assert_int_equal(show_proven(b), 0);
    assert_int_equal(book_card(b)->r.alarm, ALARM_BALANCE);
    assert_int_equal(events(b, "balance_mismatch"), 1);
    assert_int_equal(events(b, "adopted_after_restore"), 0);
}

static void counters_that_run_backwards_are_an_alarm_after_a_restore_too(void **state)
{
    ROLE_ENTER_WORKER();
    struct book *b = *state;
    assert_int_equal(restored(b, 0), 0);
    b->chip.offline--;
    assert_int_equal(show_proven(b), 0);
    assert_int_equal(book_card(b)->r.alarm, ALARM_COUNTER);
    assert_int_equal(events(b, "offline_counter_back"), 1);
}

/* ---- days ---- */

static void R11_published_day_is_not_opened_again(void **state)
{
    ROLE_ENTER_WORKER();
    struct book *b = *state;
    assert_int_not_equal(book_buy(b, 100), 0);
    atomic_fetch_add(&b->clock.ms, 3 * INT64_C(86400000));
    date_t published = date_add(BOOK_DAY, 2);
    assert_int_equal(restored(b, published), 0);
    assert_int_equal(book_number(b, "SELECT date FROM day WHERE state = 1"), date_add(BOOK_DAY, 3));
    char sql[96];
    snprintf(sql, sizeof sql, "SELECT state FROM day WHERE date = %d", BOOK_DAY);
    assert_int_equal(book_number(b, sql), 3);
    struct op_settled *s = &book_op(b, LOP_SETTLED)->settled;
    s->date = BOOK_DAY;
    memset(s->manifest_sha256, 9, sizeof s->manifest_sha256);
    assert_int_equal(book_do(b), OC_ECONFLICT);
    int64_t txn = book_buy(b, 100);
    assert_int_equal(book_txn(b, txn).clearing_date, date_add(BOOK_DAY, 3));
}

static void R11_open_day_after_the_published_ones_stays_open(void **state)
{
    ROLE_ENTER_WORKER();
    struct book *b = *state;
    assert_int_equal(restored(b, date_add(BOOK_DAY, -1)), 0);
    assert_int_equal(book_number(b, "SELECT date FROM day WHERE state = 1"), BOOK_DAY);
}

#define T(name) cmocka_unit_test_setup_teardown(name, book_setup, book_teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        T(R10_every_counter_jumps_and_ids_stay_ahead_of_a_clock_that_is_behind),
        T(restore_that_jumps_nowhere_or_published_tomorrow_is_refused),
        T(R1_lost_debits_are_awaited_and_told_once),
        T(R8_a_balance_shown_before_the_retry_does_not_let_it_charge),
        T(R7_R8_nor_does_it_let_a_lost_load_be_given_again),
        T(card_that_did_nothing_meanwhile_goes_on_and_is_as_any_other_afterwards),
        T(R7_lost_load_is_adopted_when_the_card_proves_itself_and_not_given_again),
        T(R1_lost_load_and_debit_wait_for_the_debits_record),
        T(lost_load_of_a_card_that_shows_no_online_counter_waits_for_it),
        T(R1_lost_debits_of_a_card_that_shows_no_offline_counter_are_no_alarm),
        T(more_money_that_no_counter_explained_is_an_alarm_when_the_counter_is_shown),
        T(more_money_without_a_moved_counter_is_an_alarm_after_a_restore_too),
        T(counters_that_run_backwards_are_an_alarm_after_a_restore_too),
        T(R11_published_day_is_not_opened_again),
        T(R11_open_day_after_the_published_ones_stays_open),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
