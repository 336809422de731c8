/* A card's slot changes in the commit that posts the plan it came with, and with nothing else. */
#include "book.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#define SET(field, text) snprintf((field), sizeof(field), "%s", (text))

static void with_slot(struct op_intent *in, const char *category)
{
    SET(in->slot.app, "transit");
    SET(in->slot.category, category);
    in->slot.from = BOOK_DAY;
    in->slot.to = BOOK_DAY + 10000;
}

static struct op_intent *note(struct book *b, const char *category)
{
    struct op_intent *in = book_refund(b, 0, 100);
    in->plan_kind = OC_PLAN_NOTE;
    in->refund = in->leg_count = 0;
    in->amount = in->gross = 0;
    in->card = b->card;
    with_slot(in, category);
    return in;
}

static WORKER_FN int64_t slots(struct book *b, const char *category)
{
    char sql[160];
    snprintf(sql, sizeof sql,
             "SELECT count(*) FROM card_app WHERE app = 'transit' AND closed = 0 AND category = "
             "'%s' AND to_day = %d",
             category, BOOK_DAY + 10000);
    return book_number(b, sql);
}

static void slot_of_a_note_changes_at_once_and_ends_with_an_empty_category(void **s)
{
    ROLE_ENTER_WORKER();
    struct book *b = *s;
    note(b, "student");
    assert_int_equal(book_do(b), 0);
    assert_int_equal(slots(b, "student"), 1);
    note(b, "elder");
    assert_int_equal(book_do(b), 0);
    assert_int_equal(slots(b, "student"), 0);
    assert_int_equal(slots(b, "elder"), 1);
    note(b, "")->slot.from = 0;
    b->op->intent.slot.to = 0;
    assert_int_equal(book_do(b), 0);
    assert_int_equal(book_number(b, "SELECT count(*) FROM card_app WHERE closed = 0"), 0);
}

static void R2_slot_of_a_purchase_changes_with_the_posting_and_not_with_the_intent(void **s)
{
    ROLE_ENTER_WORKER();
    struct book *b = *s;
    struct op_intent *in = book_purchase(b, 100);
    with_slot(in, "student");
    assert_int_equal(book_do(b), 0);
    int64_t txn = in->txn;
    assert_int_equal(slots(b, "student"), 0);
    assert_int_equal(book_outcome(b, txn, OC_TXN_IN_DOUBT, EV_NONE), 0);
    assert_int_equal(slots(b, "student"), 0);
    assert_int_equal(book_outcome(b, txn, OC_TXN_POSTED, EV_ANSWER), 0);
    assert_int_equal(slots(b, "student"), 1);
}

static void R2_slot_of_a_purchase_that_came_to_nothing_stays(void **s)
{
    ROLE_ENTER_WORKER();
    struct book *b = *s;
    struct op_intent *in = book_purchase(b, 100);
    with_slot(in, "student");
    assert_int_equal(book_do(b), 0);
    int64_t txn = in->txn;
    assert_int_equal(book_outcome(b, txn, OC_TXN_VOIDED, EV_NOT_SENT), 0);
    assert_int_equal(slots(b, "student"), 0);
}

static void slot_survives_a_restart_between_intent_and_outcome(void **s)
{
    ROLE_ENTER_WORKER();
    struct book *b = *s;
    struct op_intent *in = book_purchase(b, 100);
    with_slot(in, "student");
    assert_int_equal(book_do(b), 0);
    int64_t txn = in->txn;
    book_close(b);
    assert_int_equal(book_open(b), 0);
    assert_int_equal(book_outcome(b, txn, OC_TXN_POSTED, EV_ANSWER), 0);
    assert_int_equal(slots(b, "student"), 1);
}

static void slot_without_a_card_or_with_impossible_days_is_no_operation(void **s)
{
    ROLE_ENTER_WORKER();
    struct book *b = *s;
    note(b, "student")->card = 0;
    assert_int_equal(book_do(b), OC_EINVAL);
    note(b, "student")->slot.to = BOOK_DAY - 1;
    assert_int_equal(book_do(b), OC_EINVAL);
    note(b, "student")->slot.from = 20261399;
    assert_int_equal(book_do(b), OC_EINVAL);
    note(b, "student")->slot.app[0] = '\0';
    assert_int_equal(book_do(b), OC_EINVAL);
}

#define T(name) cmocka_unit_test_setup_teardown(name, book_setup, book_teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        T(slot_of_a_note_changes_at_once_and_ends_with_an_empty_category),
        T(R2_slot_of_a_purchase_changes_with_the_posting_and_not_with_the_intent),
        T(R2_slot_of_a_purchase_that_came_to_nothing_stays),
        T(slot_survives_a_restart_between_intent_and_outcome),
        T(slot_without_a_card_or_with_impossible_days_is_no_operation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
