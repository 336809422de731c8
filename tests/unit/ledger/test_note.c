/* Plans in which nothing moves, the documents they keep and the messages they leave. */
#include "book.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#define SET(field, text) snprintf((field), sizeof(field), "%s", (text))

static struct op_intent *note(struct book *b)
{
    struct op_intent *in = &book_op(b, LOP_INTENT)->intent;
    in->plan_kind = OC_PLAN_NOTE;
    in->card = b->card;
    SET(in->service, "medical.register");
    SET(in->terminal, "T1");
    SET(in->participant, "P1");
    in->business_date = BOOK_DAY;
    SET(in->plan, "{}");
    return in;
}

static struct op_record *record(struct op_intent *in, const char *key, uint32_t version,
                                const char *doc)
{
    struct op_record *r = &in->records[in->record_count++];
    SET(r->scope, "medical");
    SET(r->owner, "citizen:C1");
    SET(r->key, key);
    r->version_read = version;
    r->doc = (struct op_doc){doc, (uint32_t)strlen(doc)};
    return r;
}

static struct op_message *message(struct op_intent *in, const char *kind, const char *doc)
{
    struct op_message *m = &in->messages[in->message_count++];
    SET(m->to, "H1");
    SET(m->kind, kind);
    SET(m->citizen, "C1");
    m->doc = (struct op_doc){doc, (uint32_t)strlen(doc)};
    return m;
}

static WORKER_FN uint32_t version(struct book *b)
{
    return (uint32_t)book_number(b, "SELECT version FROM record WHERE key = 'k'");
}

static void note_posts_at_once_and_counts_in_no_limit(void **s)
{
    ROLE_ENTER_WORKER();
    struct book *b = *s;
    for (int i = 0; i < 3; i++) {
        struct op_intent *in = note(b);
        in->limits.single_max = 1;
        in->limits.card_day_count = 1;
        in->limits.terminal_day_max = 1;
        assert_int_equal(book_do(b), 0);
        assert_int_equal(book_txn(b, in->txn).state, OC_TXN_POSTED);
        assert_int_equal(in->clearing_date, BOOK_DAY);
    }
    assert_int_equal(book_card(b)->r.day_count, 0);
    assert_int_equal(book_number(b, "SELECT day_sum FROM terminal WHERE id = 'T1'"), 0);
}

static void note_that_moves_something_is_not_one(void **s)
{
    ROLE_ENTER_WORKER();
    struct book *b = *s;
    note(b)->amount = 1;
    assert_int_equal(book_do(b), OC_EINVAL);
    struct op_intent *in = note(b);
    in->leg_count = 2;
    in->legs[0].kind = in->legs[1].kind = ACCT_FEE;
    in->legs[0].amount = 1;
    in->legs[1].amount = -1;
    assert_int_equal(book_do(b), OC_EINVAL);
    note(b)->refund = 1;
    assert_int_equal(book_do(b), OC_EINVAL);
}

static void note_is_refused_for_a_lost_card_and_a_closed_terminal(void **s)
{
    ROLE_ENTER_WORKER();
    struct book *b = *s;
    assert_int_equal(book_card_to(b, CARD_LOST), 0);
    note(b);
    assert_int_equal(book_do(b), OC_EREFUSED);
    assert_int_equal(b->op->reason, OC_R_LOST);
    note(b)->card = 0;
    SET(b->op->intent.terminal, "T9");
    assert_int_equal(book_do(b), OC_EREFUSED);
    assert_int_equal(b->op->reason, OC_R_TERMINAL_UNKNOWN);
}

static void note_may_be_taken_while_a_purchase_of_the_card_is_in_doubt(void **s)
{
    ROLE_ENTER_WORKER();
    struct book *b = *s;
    book_purchase(b, 100);
    assert_int_equal(book_do(b), 0);
    int64_t txn = b->op->intent.txn;
    assert_int_equal(book_outcome(b, txn, OC_TXN_IN_DOUBT, EV_NONE), 0);
    note(b);
    assert_int_equal(book_do(b), 0);
    assert_int_equal(book_card(b)->r.open_txn, txn);
}

static void same_note_again_gets_the_first_answer(void **s)
{
    ROLE_ENTER_WORKER();
    struct book *b = *s;
    struct op_intent *in = note(b);
    in->request_no = 5;
    message(in, "visit", "{}");
    assert_int_equal(book_do(b), 0);
    int64_t first = in->txn;
    assert_int_equal(book_do(b), OC_EEXIST);
    assert_int_equal(in->txn, first);
    assert_int_equal(book_number(b, "SELECT count(*) FROM outbox"), 1);
}

static void documents_of_any_size_up_to_the_bound_are_kept_as_they_came(void **s)
{
    ROLE_ENTER_WORKER();
    struct book *b = *s;
    static char big[LEDGER_DOC_MAX + 2];
    memset(big, '~', LEDGER_DOC_MAX);
    record(note(b), "k", 0, big);
    message(&b->op->intent, "report", "~c2VhbGVk");
    assert_int_equal(book_do(b), 0);
    assert_int_equal(book_number(b, "SELECT length(doc) FROM record"), LEDGER_DOC_MAX);
    assert_int_equal(book_number(b, "SELECT doc = '~c2VhbGVk' FROM outbox"), 1);
    assert_int_equal(book_number(b, "SELECT typeof(doc) = 'text' FROM record"), 1);
    big[LEDGER_DOC_MAX] = '~';
    record(note(b), "k", version(b), big);
    assert_int_equal(book_do(b), OC_EINVAL);
}

static void sixteen_records_are_written_together_or_not_at_all(void **s)
{
    ROLE_ENTER_WORKER();
    struct book *b = *s;
    struct op_intent *in = note(b);
    char key[8];
    for (unsigned i = 0; i < LEDGER_RECORDS; i++) {
        snprintf(key, sizeof key, "k%u", i);
        record(in, key, i == LEDGER_RECORDS - 1, "{}");
    }
    assert_int_equal(book_do(b), OC_EREFUSED);
    assert_int_equal(b->op->reason, OC_R_STALE);
    assert_int_equal(book_number(b, "SELECT count(*) FROM record"), 0);
    in->records[LEDGER_RECORDS - 1].version_read = 0;
    assert_int_equal(book_do(b), 0);
    assert_int_equal(book_number(b, "SELECT count(*) FROM record"), LEDGER_RECORDS);
}

static void R2_removed_record_that_comes_again_has_a_version_nobody_read(void **s)
{
    ROLE_ENTER_WORKER();
    struct book *b = *s;
    record(note(b), "k", 0, "{\"slot\":1}");
    assert_int_equal(book_do(b), 0);
    uint32_t first = version(b);
    record(note(b), "k", first, "")->remove = 1;
    assert_int_equal(book_do(b), 0);
    assert_int_equal(book_number(b, "SELECT count(*) FROM record"), 0);
    record(note(b), "k", first, "{\"slot\":2}");
    assert_int_equal(book_do(b), OC_EREFUSED);
    record(note(b), "k", 0, "{\"slot\":3}");
    assert_int_equal(book_do(b), 0);
    assert_true(version(b) > first);
    record(note(b), "k", first, "{\"slot\":2}"); /* he read the one before */
    assert_int_equal(book_do(b), OC_EREFUSED);
    assert_int_equal(b->op->reason, OC_R_STALE);
    record(note(b), "k", 0, "")->remove = 1;
    assert_int_equal(book_do(b), OC_EINVAL);
    record(note(b), "k", version(b), "{}")->remove = 1;
    assert_int_equal(book_do(b), OC_EINVAL);
}

static void R2_record_that_a_doubt_will_remove_is_held_and_goes_when_it_posts(void **s)
{
    ROLE_ENTER_WORKER();
    struct book *b = *s;
    record(note(b), "k", 0, "{}");
    assert_int_equal(book_do(b), 0);
    uint32_t had = version(b);
    record(book_purchase(b, 100), "k", had, "")->remove = 1;
    assert_int_equal(book_do(b), 0);
    int64_t txn = b->op->intent.txn;
    assert_int_equal(book_outcome(b, txn, OC_TXN_IN_DOUBT, EV_NONE), 0);
    record(note(b), "k", had, "{}");
    assert_int_equal(book_do(b), OC_EREFUSED);
    assert_int_equal(book_outcome(b, txn, OC_TXN_POSTED, EV_PROVE), 0);
    assert_int_equal(book_number(b, "SELECT count(*) FROM record"), 0);
}

/* In memory, and read back from the journal: documents that are too large to be kept, and a ledger
 * that was closed meanwhile. */
static void R12_messages_of_a_purchase_leave_with_its_posting(void **s)
{
    ROLE_ENTER_WORKER();
    struct book *b = *s;
    static char big[20001];
    memset(big, 'x', sizeof big - 1);
    for (int i = 0; i < 4; i++) {
        message(book_purchase(b, 10), "bought", i & 1 ? big : "{}");
        record(&b->op->intent, i & 1 ? "big" : "small",
               (uint32_t)book_number(
                   b, i & 1 ? "SELECT coalesce(max(version), 0) FROM record WHERE key = 'big'"
                            : "SELECT coalesce(max(version), 0) FROM record WHERE key = 'small'"),
               i & 1 ? big : "{}");
        assert_int_equal(book_do(b), 0);
        int64_t txn = b->op->intent.txn;
        assert_int_equal(book_number(b, "SELECT count(*) FROM outbox"), i);
        if (i >= 2) {
            book_close(b);
            assert_int_equal(book_open(b), 0);
        }
        assert_int_equal(book_outcome(b, txn, OC_TXN_POSTED, EV_ANSWER), 0);
        b->chip.balance -= 10;
        b->chip.offline++;
        assert_int_equal(book_number(b, "SELECT count(*) FROM outbox"), i + 1);
        assert_int_equal(book_number(b, "SELECT length(doc) FROM outbox ORDER BY id DESC LIMIT 1"),
                         i & 1 ? 20000 : 2);
    }
    assert_int_equal(book_number(b, "SELECT count(DISTINCT id) FROM outbox WHERE state = 1"), 4);
}

static void messages_of_a_voided_purchase_never_leave(void **s)
{
    ROLE_ENTER_WORKER();
    struct book *b = *s;
    message(book_purchase(b, 10), "bought", "{}");
    assert_int_equal(book_do(b), 0);
    assert_int_equal(book_outcome(b, b->op->intent.txn, OC_TXN_VOIDED, EV_COUNTER), 0);
    assert_int_equal(book_number(b, "SELECT count(*) FROM outbox"), 0);
}

static void messages_need_somebody_and_a_kind_that_is_not_the_ledgers(void **s)
{
    ROLE_ENTER_WORKER();
    struct book *b = *s;
    static const char *const kinds[] = {"", "confirm", "reverse"};
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        message(note(b), kinds[i], "{}");
        assert_int_equal(book_do(b), OC_EINVAL);
    }
    message(note(b), "visit", "{}")->to[0] = '\0';
    assert_int_equal(book_do(b), OC_EINVAL);
}

/* A name that was mistyped would lie here until it dies, and nobody would be told. */
static void message_to_nobody_is_refused_and_nothing_of_its_plan_stands(void **s)
{
    ROLE_ENTER_WORKER();
    struct book *b = *s;
    struct op_intent *in = note(b);
    record(in, "k", 0, "{}");
    SET(message(in, "visit", "{}")->to, "H-1");
    assert_int_equal(book_do(b), OC_EREFUSED);
    assert_int_equal(b->op->reason, OC_R_PARAMETER);
    assert_int_equal(book_number(b, "SELECT count(*) FROM record"), 0);
    assert_int_equal(book_number(b, "SELECT count(*) FROM outbox"), 0);
}

static WORKER_FN int ends(struct book *b, int64_t id, int to)
{
    struct op_message_end *e = &book_op(b, LOP_MESSAGE)->message;
    e->message = id;
    e->to = (uint8_t)to;
    e->tries = 7;
    SET(e->note, "503");
    return book_do(b);
}

static void R12_message_stays_until_it_is_acknowledged_or_dropped(void **s)
{
    ROLE_ENTER_WORKER();
    struct book *b = *s;
    struct op_intent *in = note(b);
    message(in, "a", "{}");
    message(in, "b", "{}");
    message(in, "c", "{}");
    assert_int_equal(book_do(b), 0);
    int64_t a = book_number(b, "SELECT id FROM outbox WHERE kind = 'a'");
    int64_t two = book_number(b, "SELECT id FROM outbox WHERE kind = 'b'");
    int64_t three = book_number(b, "SELECT id FROM outbox WHERE kind = 'c'");
    assert_true(a < two && two < three);
    assert_int_equal(ends(b, a, MESSAGE_DUE), OC_ESTATE);
    assert_int_equal(ends(b, a, 0), OC_EINVAL);
    assert_int_equal(ends(b, a, MESSAGE_SENT), 0);
    assert_int_equal(ends(b, a, MESSAGE_SENT), OC_ENOENT);
    assert_int_equal(ends(b, two, MESSAGE_DEAD), 0);
    assert_int_equal(book_number(b, "SELECT tries FROM outbox WHERE state = 3 AND note = '503'"),
                     7);
    assert_int_equal(ends(b, two, MESSAGE_SENT), 0); /* acknowledged after all */
    assert_int_equal(ends(b, three, MESSAGE_DROPPED), 0);
    assert_int_equal(book_number(b, "SELECT count(*) FROM event WHERE kind = 'message_dropped'"),
                     1);
    struct ledger_stats st;
    ledger_stats(b->l, &st);
    assert_int_equal(st.outbox, 0);
}

static void dead_message_that_a_person_sends_again_is_due_since_then(void **s)
{
    ROLE_ENTER_WORKER();
    struct book *b = *s;
    message(note(b), "a", "{}");
    assert_int_equal(book_do(b), 0);
    int64_t id = book_number(b, "SELECT id FROM outbox");
    int64_t made = book_number(b, "SELECT due_ms FROM outbox");
    b->clock.ms += 86400000;
    assert_int_equal(ends(b, id, MESSAGE_DEAD), 0);
    assert_int_equal(book_number(b, "SELECT due_ms FROM outbox"), made);
    b->clock.ms += 86400000;
    assert_int_equal(ends(b, id, MESSAGE_DUE), 0);
    assert_int_equal(book_number(b, "SELECT due_ms FROM outbox"), made + 2 * INT64_C(86400000));
    assert_int_equal(ident_ms(id), made);
    assert_string_equal(book_fault(b), "");
}

static void deposit_never_goes_below_nothing(void **s)
{
    ROLE_ENTER_WORKER();
    struct book *b = *s;
    struct op_intent *in = book_refund(b, 0, 100);
    in->refund = 0;
    in->legs[0].kind = ACCT_DEPOSIT;
    SET(in->legs[0].owner, "admission:7");
    in->legs[1].kind = ACCT_MERCHANT;
    SET(in->legs[1].owner, "P1");
    assert_int_equal(book_do(b), OC_EREFUSED);
    assert_int_equal(b->op->reason, OC_R_FUNDS);
}

static void twelve_legs_of_a_split_bill_are_one_transaction(void **s)
{
    ROLE_ENTER_WORKER();
    struct book *b = *s;
    struct op_intent *in = book_refund(b, 0, 1100);
    in->refund = 0;
    in->leg_count = LEDGER_LEGS;
    for (unsigned i = 0; i < LEDGER_LEGS; i++) {
        in->legs[i].kind = i ? ACCT_FUND : ACCT_MERCHANT;
        snprintf(in->legs[i].owner, sizeof in->legs[i].owner, "F%u", i);
        in->legs[i].amount = i ? -100 : 1100;
    }
    assert_int_equal(book_do(b), 0);
    assert_int_equal(book_account(b, ACCT_FUND, "F11").debits_posted, 100);
}

/* With the hospital that is told. */
static int setup(void **state)
{
    ROLE_ENTER_WORKER();
    int rc = book_setup(state);
    if (rc)
        return rc;
    struct op_participant *p = &book_op(*state, LOP_PARTICIPANT)->participant;
    SET(p->id, "H1");
    SET(p->name, "Hospital");
    return book_do(*state);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, book_teardown)

/* Nothing but the intent says that it is held; what a failed batch would have held is free. */
static void R2_record_stays_held_over_a_failed_commit_and_a_restart(void **state)
{
    ROLE_ENTER_WORKER();
    struct book *b = *state;
    record(book_purchase(b, 100), "k", 0, "{\"a\":1}");
    assert_int_equal(book_do(b), 0);
    int64_t first = b->op->intent.txn, card = b->card;
    atomic_store(&b->fail_with, OC_EDB);
    b->card = 0;
    record(note(b), "other", 0, "{}");
    assert_int_equal(book_do(b), OC_EDB);
    atomic_store(&b->fail_with, 0);
    for (int restarted = 0; restarted < 2; restarted++) {
        record(note(b), "k", 0, "{\"a\":2}");
        assert_int_equal(book_do(b), OC_EREFUSED);
        assert_int_equal(b->op->reason, OC_R_STALE);
        book_close(b);
        assert_int_equal(book_open(b), 0);
    }
    record(note(b), "other", 0, "{}");
    assert_int_equal(book_do(b), 0);
    b->card = card;
    assert_int_equal(book_outcome(b, first, OC_TXN_VOIDED, EV_CARD_REFUSED), 0);
    record(note(b), "k", 0, "{\"a\":3}");
    assert_int_equal(book_do(b), 0);
    assert_int_equal(book_number(b, "SELECT count(*) FROM record"), 2);
}

/* ---- bookings of the house (LEDGER_HOUSE) ---- */

/* The bank has paid P1 so much. */
static struct op_intent *booking(struct book *b, fen_t amount)
{
    struct op_intent *in = &book_op(b, LOP_INTENT)->intent;
    in->plan_kind = OC_PLAN_ACCOUNT;
    in->amount = in->gross = amount;
    in->leg_count = 2;
    in->legs[0] = (struct leg){.kind = ACCT_MERCHANT, .owner = "P1", .amount = -amount};
    in->legs[1] = (struct leg){.kind = ACCT_RESERVE, .amount = amount};
    SET(in->service, LEDGER_HOUSE "paid");
    in->business_date = BOOK_DAY;
    return in;
}

static void R18_booking_of_the_house_is_at_no_terminal_and_found_by_its_number(void **s)
{
    ROLE_ENTER_WORKER();
    struct book *b = *s;
    booking(b, 250)->request_no = 7;
    assert_int_equal(book_do(b), 0);
    int64_t first = b->op->intent.txn;
    assert_int_equal(book_account(b, ACCT_RESERVE, "").credits_posted, 250);
    assert_int_equal(book_number(b, "SELECT count(*) FROM terminal WHERE next_request > 1"), 0);
    booking(b, 250)->request_no = 7; /* the same again moves nothing */
    assert_int_equal(book_do(b), OC_EEXIST);
    assert_int_equal(b->op->intent.txn, first);
    struct op_intent *in = booking(b, 300);
    in->request_no = 7;
    in->request_hash[0] = 1;
    assert_int_equal(book_do(b), OC_ECONFLICT);
    assert_int_equal(book_account(b, ACCT_RESERVE, "").credits_posted, 250);
}

static void R20_nobody_else_goes_without_a_terminal(void **s)
{
    ROLE_ENTER_WORKER();
    struct book *b = *s;
    SET(booking(b, 250)->service, "payment.refund");
    assert_int_equal(book_do(b), OC_EREFUSED);
    assert_int_equal(b->op->reason, OC_R_TERMINAL_UNKNOWN);
    booking(b, 250)->card = b->card;
    assert_int_equal(book_do(b), OC_EREFUSED);
    SET(booking(b, 250)->participant, "P1");
    assert_int_equal(book_do(b), OC_EREFUSED);
    SET(booking(b, 250)->hold.to, "P1");
    SET(b->op->intent.hold.kind, "pay");
    assert_int_equal(book_do(b), OC_EREFUSED);
    struct op_intent *in = book_purchase(b, 100);
    in->terminal[0] = in->participant[0] = '\0';
    SET(in->service, LEDGER_HOUSE "paid");
    assert_int_equal(book_do(b), OC_EREFUSED);
    SET(booking(b, 250)->terminal, "nowhere");
    assert_int_equal(book_do(b), OC_EREFUSED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(note_posts_at_once_and_counts_in_no_limit),
        T(note_that_moves_something_is_not_one),
        T(note_is_refused_for_a_lost_card_and_a_closed_terminal),
        T(note_may_be_taken_while_a_purchase_of_the_card_is_in_doubt),
        T(same_note_again_gets_the_first_answer),
        T(documents_of_any_size_up_to_the_bound_are_kept_as_they_came),
        T(sixteen_records_are_written_together_or_not_at_all),
        T(R2_removed_record_that_comes_again_has_a_version_nobody_read),
        T(R2_record_that_a_doubt_will_remove_is_held_and_goes_when_it_posts),
        T(R12_messages_of_a_purchase_leave_with_its_posting),
        T(messages_of_a_voided_purchase_never_leave),
        T(messages_need_somebody_and_a_kind_that_is_not_the_ledgers),
        T(message_to_nobody_is_refused_and_nothing_of_its_plan_stands),
        T(R12_message_stays_until_it_is_acknowledged_or_dropped),
        T(dead_message_that_a_person_sends_again_is_due_since_then),
        T(deposit_never_goes_below_nothing),
        T(twelve_legs_of_a_split_bill_are_one_transaction),
        T(R2_record_stays_held_over_a_failed_commit_and_a_restart),
        T(R18_booking_of_the_house_is_at_no_terminal_and_found_by_its_number),
        T(R20_nobody_else_goes_without_a_terminal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
