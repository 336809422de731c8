/* Cards: states and the deny list (R15), what the chip shows against the books (R1), days (R11,
 * R18, R19). */
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

static WORKER_FN int refuse_seen(struct book *b, uint8_t proven)
{
    struct op_refusal *r = &book_op(b, LOP_REFUSAL)->refusal;
    r->card = b->card;
    r->reason = OC_R_LIMIT;
    snprintf(r->terminal, sizeof r->terminal, "T1");
    r->seen = b->chip;
    r->seen.has = (uint8_t)((r->seen.has & ~SEEN_PROVEN) | proven);
    return book_do(b);
}

/* ---- states ---- */

static void card_moves_only_along_the_table(void **state)
{
    ROLE_ENTER_WORKER();
    struct book *b = *state;
    static const struct {
        enum card_state to;
        int rc;
    } walk[] = {
        {CARD_ISSUED, OC_EREFUSED},
        {CARD_ACTIVE, OC_EREFUSED},
        {CARD_SUSPENDED, 0},
        {CARD_SUSPENDED, OC_EREFUSED},
        {CARD_ACTIVE, 0},
        {CARD_LOST, 0},
        {CARD_SUSPENDED, OC_EREFUSED},
        {CARD_ACTIVE, 0},
        {CARD_BLOCKED, 0},
        {CARD_LOST, OC_EREFUSED},
        {CARD_ACTIVE, 0},
        {CARD_SUSPENDED, 0},
        {CARD_LOST, 0},
        {CARD_BLOCKED, 0},
        {CARD_CANCELLED, 0},
        {CARD_ACTIVE, OC_EREFUSED},
        {CARD_BLOCKED, OC_EREFUSED},
    };
    for (size_t i = 0; i < ARRAY_LEN(walk); i++) {
        assert_int_equal(book_card_to(b, walk[i].to), walk[i].rc);
        if (walk[i].rc)
            assert_int_equal(b->op->reason, OC_R_CARD_STATE);
        else
            assert_int_equal(book_card(b)->r.state, walk[i].to);
    }
    assert_int_equal(book_card_to(b, (enum card_state)9), OC_EINVAL);
}

static void R15_anonymous_card_cannot_be_lost(void **state)
{
    ROLE_ENTER_WORKER();
    struct book *b = *state;
    struct op_card_add *a = &book_op(b, LOP_CARD_ADD)->card_add;
    a->serial[0] = 1;
    a->kind = CARD_ANONYMOUS;
    a->state = CARD_ACTIVE;
    assert_int_equal(book_do(b), 0);
    b->card = b->op->card_add.card;
    assert_int_equal(book_card_to(b, CARD_LOST), OC_EREFUSED);
    assert_int_equal(b->op->reason, OC_R_ANONYMOUS);
}

static void R15_lost_card_goes_on_the_deny_list_and_leaves_it(void **state)
{
    ROLE_ENTER_WORKER();
    struct book *b = *state;
    struct op_card_state *s = &book_op(b, LOP_CARD_STATE)->card_state;
    s->card = b->card;
    s->to = CARD_LOST;
    s->effective_ms = 12345;
    assert_int_equal(book_do(b), 0);
    assert_int_equal(book_card(b)->r.deny_action, 1);
    assert_int_equal(book_card(b)->r.loss_effective_ms, 12345);
    assert_int_equal(book_number(b, "SELECT epoch FROM denylist WHERE action = 1"), 1);
    assert_int_equal(book_card_to(b, CARD_BLOCKED), 0); /* stays, same epoch */
    assert_int_equal(book_number(b, "SELECT epoch FROM denylist WHERE action = 1"), 1);
    assert_int_equal(book_card_to(b, CARD_ACTIVE), 0);
    assert_int_equal(book_card(b)->r.deny_action, 0);
    assert_int_equal(book_number(b, "SELECT epoch FROM denylist WHERE action = 0"), 2);
    assert_int_equal(book_card_to(b, CARD_LOST), 0);
    assert_int_equal(book_card_to(b, CARD_CANCELLED), 0); /* its chip is still out there */
    assert_int_equal(book_card(b)->r.deny_action, 1);
}

static void R15_entry_made_by_hand_stays_when_the_card_comes_back(void **state)
{
    ROLE_ENTER_WORKER();
    struct book *b = *state;
    struct op_deny *d = &book_op(b, LOP_DENY)->deny;
    memset(d->issuer, 0x11, sizeof d->issuer);
    memset(d->serial, 0x22, sizeof d->serial);
    d->action = 2;
    assert_int_equal(book_do(b), 0);
    assert_int_equal(book_card_to(b, CARD_BLOCKED), 0);
    assert_int_equal(book_card_to(b, CARD_ACTIVE), 0);
    assert_int_equal(book_card(b)->r.deny_action, 2);
}

static void R15_card_denied_before_it_is_registered_stays_denied(void **state)
{
    ROLE_ENTER_WORKER();
    struct book *b = *state;
    struct op_deny *d = &book_op(b, LOP_DENY)->deny;
    d->serial[0] = 5;
    d->action = 1;
    assert_int_equal(book_do(b), 0);
    struct op_card_add *a = &book_op(b, LOP_CARD_ADD)->card_add;
    a->serial[0] = 5;
    a->kind = CARD_NAMED;
    a->state = CARD_ACTIVE;
    assert_int_equal(book_do(b), 0);
    b->card = b->op->card_add.card;
    assert_int_equal(book_card(b)->r.deny_action, 1);
    struct op_deny *off = &book_op(b, LOP_DENY)->deny;
    off->serial[0] = 6;
    off->remove = 1;
    assert_int_equal(book_do(b), OC_ENOENT);
}

static void card_is_registered_once(void **state)
{
    ROLE_ENTER_WORKER();
    struct book *b = *state;
    struct op_card_add *a = &book_op(b, LOP_CARD_ADD)->card_add;
    memset(a->issuer, 0x11, sizeof a->issuer);
    memset(a->serial, 0x22, sizeof a->serial);
    a->kind = CARD_NAMED;
    a->state = CARD_ACTIVE;
    assert_int_equal(book_do(b), OC_EREFUSED);
    assert_int_equal(b->op->reason, OC_R_CARD_EXISTS);
}

static WORKER_FN struct op_card_add *issue(struct book *b)
{
    struct op_card_add *a = &book_op(b, LOP_CARD_ADD)->card_add;
    a->serial[0] = 3;
    a->kind = CARD_NAMED;
    a->state = CARD_ISSUED;
    a->ceiling = 1000;
    a->seen = (struct card_seen){.has = SEEN_BALANCE | SEEN_ONLINE | SEEN_OFFLINE};
    snprintf(a->number, sizeof a->number, "8800003");
    snprintf(a->profile, sizeof a->profile, "pboc-ep");
    snprintf(a->category, sizeof a->category, "adult");
    return a;
}

static void torn_issue_is_issued_again_as_the_same_card(void **state)
{
    ROLE_ENTER_WORKER();
    struct book *b = *state;
    int64_t cards = book_number(b, "SELECT count(*) FROM card");
    issue(b);
    assert_int_equal(book_do(b), 0);
    b->card = b->op->card_add.card;
    assert_int_equal(refuse_seen(b, 0), 0); /* a gate was tried in between */
    atomic_fetch_add(&b->clock.ms, 60000);
    for (int i = 0; i < 2; i++) {
        struct op_card_add *a = issue(b);
        a->kind = CARD_ANONYMOUS;
        a->valid_to = 20301231;
        a->ceiling = 500;
        snprintf(a->profile, sizeof a->profile, "mohurd");
        snprintf(a->citizen, sizeof a->citizen, "C1");
        snprintf(a->category, sizeof a->category, "senior");
        assert_int_equal(book_do(b), 0);
        assert_int_equal(b->op->card_add.card, b->card);
    }
    struct card_full c = *book_card(b);
    assert_string_equal(c.r.profile, "mohurd");
    assert_string_equal(c.r.citizen, "C1");
    assert_int_equal(c.r.kind, CARD_ANONYMOUS);
    assert_int_equal(c.r.valid_to, 20301231);
    assert_int_equal(c.r.ceiling, 500);
    assert_int_equal(c.r.state, CARD_ISSUED);
    assert_int_equal(c.r.alarm, 0);
    assert_int_equal(book_number(b, "SELECT count(*) FROM card"), cards + 1);
    assert_int_equal(book_number(b, "SELECT count(*) FROM card_app WHERE category = 'senior'"), 1);
    assert_int_equal(book_number(b, "SELECT count(*) FROM card_app WHERE category = 'adult'"), 1);
    struct ledger_stats st;
    ledger_stats(b->l, &st);
    assert_int_equal(st.cards, cards + 1);
}

static WORKER_FN void exists(struct book *b)
{
    assert_int_equal(book_do(b), OC_EREFUSED);
    assert_int_equal(b->op->reason, OC_R_CARD_EXISTS);
}

static void issue_that_came_further_exists(void **state)
{
    ROLE_ENTER_WORKER();
    struct book *b = *state;
    issue(b);
    assert_int_equal(book_do(b), 0);
    b->card = b->op->card_add.card;
    issue(b)->fresh = 1; /* two desks counted up to the same number */
    exists(b);
    issue(b)->registered = 1; /* no card from elsewhere has our number */
    exists(b);
    b->chip = (struct card_seen){.has = SEEN_BALANCE};
    assert_int_equal(book_show(b), 0);
    issue(b);
    exists(b);
    issue(b)->serial[0] = 4;
    assert_int_equal(book_do(b), 0);
    b->card = b->op->card_add.card;
    assert_int_equal(book_card_to(b, CARD_ACTIVE), 0);
    issue(b)->serial[0] = 4;
    exists(b);
    struct op_card_add *a = issue(b);
    a->serial[0] = 5;
    a->opening = 100;
    assert_int_equal(book_do(b), 0);
    issue(b)->serial[0] = 5;
    exists(b);
    a = issue(b);
    a->serial[0] = 6;
    a->registered = 1;
    assert_int_equal(book_do(b), 0);
    issue(b)->serial[0] = 6;
    exists(b);
}

/* ---- R1 ---- */

static void R1_opening_entry_is_an_adjustment_of_the_float(void **state)
{
    ROLE_ENTER_WORKER();
    struct book *b = *state;
    assert_int_equal(book_card(b)->r.purse, 5000);
    assert_int_equal(book_account(b, ACCT_OPENING, "").debits_posted, 5000);
    assert_int_equal(book_number(b, "SELECT adjustments FROM day"), 5000);
}

static void R1_offline_gap_awaits_its_records_without_alarm(void **state)
{
    ROLE_ENTER_WORKER();
    struct book *b = *state;
    b->chip.offline = (uint16_t)(b->chip.offline + 3);
    b->chip.balance -= 700;
    assert_int_equal(book_show(b), 0);
    struct card_full c = *book_card(b);
    assert_int_equal(c.r.awaiting, 3);
    assert_int_equal(c.r.alarm, 0);
    assert_int_equal(events(b, "awaiting_records"), 1);
    assert_int_equal(book_show(b), 0);
    assert_int_equal(events(b, "awaiting_records"), 1);
    assert_true(book_buy(b, 100) != 0); /* ours in between is not a gap */
    assert_int_equal(book_card(b)->r.awaiting, 3);
    b->chip.balance += 100000; /* more than the purse: no offline debit explains that */
    assert_int_equal(book_show(b), 0);
    assert_int_equal(book_card(b)->r.alarm, 1);
}

static void R1_difference_without_gap_raises_the_alarm_once(void **state)
{
    ROLE_ENTER_WORKER();
    struct book *b = *state;
    b->chip.balance -= 10;
    assert_int_equal(book_show(b), 0);
    assert_int_equal(book_show(b), 0);
    assert_int_equal(book_card(b)->r.alarm, 1);
    assert_int_equal(events(b, "balance_mismatch"), 1);
    b->chip.balance -= 10;
    assert_int_equal(book_show(b), 0);
    assert_int_equal(events(b, "balance_mismatch"), 2);
    b->chip.balance += 20;
    assert_int_equal(book_show(b), 0);
    assert_int_equal(book_card(b)->r.alarm, 0);
}

static void R1_online_counter_moved_without_us_raises_the_alarm(void **state)
{
    ROLE_ENTER_WORKER();
    struct book *b = *state;
    b->chip.online++;
    assert_int_equal(book_show(b), 0);
    assert_int_equal(book_show(b), 0);
    assert_int_equal(book_card(b)->r.alarm, 2);
    assert_int_equal(events(b, "online_counter_moved"), 1);
    assert_int_equal(book_card_to(b, CARD_SUSPENDED), 0);
    assert_int_equal(book_card_to(b, CARD_ACTIVE), 0);
    assert_int_equal(book_card(b)->r.alarm, 0);
}

static void R1_offline_counter_back_raises_the_alarm(void **state)
{
    ROLE_ENTER_WORKER();
    struct book *b = *state;
    assert_true(book_buy(b, 100) != 0);
    b->chip.offline--;
    assert_int_equal(book_show(b), 0);
    assert_int_equal(book_card(b)->r.alarm, 2);
    assert_int_equal(book_card(b)->r.awaiting, 0);
    assert_int_equal(events(b, "offline_counter_back"), 1);
}

static void R1_nothing_is_judged_while_a_doubt_is_open(void **state)
{
    ROLE_ENTER_WORKER();
    struct book *b = *state;
    book_purchase(b, 300);
    assert_int_equal(book_do(b), 0);
    int64_t txn = b->op->intent.txn;
    assert_int_equal(book_outcome(b, txn, OC_TXN_IN_DOUBT, EV_NONE), 0);
    b->chip.balance -= 300;
    b->chip.offline++;
    assert_int_equal(book_show(b), 0);
    assert_int_equal(book_card(b)->r.last.balance, 4700);
    assert_int_equal(book_card(b)->r.alarm, 0);
    assert_int_equal(book_card(b)->r.awaiting, 0);
    struct op_outcome *o = &book_op(b, LOP_OUTCOME)->outcome;
    o->txn = txn;
    o->to = OC_TXN_POSTED;
    o->evidence = EV_LOG;
    o->seen = b->chip;
    assert_int_equal(book_do(b), 0);
    assert_int_equal(book_card(b)->r.alarm, 0);
    assert_int_equal(book_card(b)->r.awaiting, 0);
}

static void R3_counter_used_by_another_awaits_that_record(void **state)
{
    ROLE_ENTER_WORKER();
    struct book *b = *state;
    book_purchase(b, 300);
    assert_int_equal(book_do(b), 0);
    int64_t txn = b->op->intent.txn;
    b->chip.balance -= 50;
    b->chip.offline++;
    struct op_outcome *o = &book_op(b, LOP_OUTCOME)->outcome;
    o->txn = txn;
    o->to = OC_TXN_VOIDED;
    o->evidence = EV_COUNTER_OTHER;
    o->seen = b->chip;
    assert_int_equal(book_do(b), 0);
    assert_int_equal(book_card(b)->r.awaiting, 1);
    assert_int_equal(book_card(b)->r.alarm, 0);
    assert_int_equal(book_card(b)->r.purse, 5000);
}

static WORKER_FN void register_card(struct book *b, fen_t balance)
{
    struct op_card_add *a = &book_op(b, LOP_CARD_ADD)->card_add;
    a->serial[0] = 8;
    a->kind = CARD_NAMED;
    a->state = CARD_ACTIVE;
    a->registered = 1;
    a->ceiling = 1000;
    assert_int_equal(book_do(b), 0);
    b->card = b->op->card_add.card;
    b->chip = (struct card_seen){SEEN_BALANCE | SEEN_ONLINE | SEEN_OFFLINE, balance, 40, 50};
}

static void R1_registered_card_brings_its_money_at_first_sight(void **state)
{
    ROLE_ENTER_WORKER();
    struct book *b = *state;
    register_card(b, 777);
    b->chip.has |= SEEN_PROVEN;
    assert_int_equal(book_show(b), 0);
    struct card_full c = *book_card(b);
    assert_int_equal(c.r.purse, 777);
    assert_int_equal(c.r.alarm, 0);
    assert_int_equal(c.r.awaiting, 0);
    assert_int_equal(events(b, "opening_entry"), 1);
    assert_true(book_buy(b, 77) != 0);
    assert_int_equal(book_card(b)->r.purse, 700);
}

static void R9_unproven_first_view_sets_no_baseline(void **state)
{
    ROLE_ENTER_WORKER();
    struct book *b = *state;
    register_card(b, 777);
    int64_t rows = book_number(b, "SELECT count(*) FROM journal");
    assert_int_equal(book_show(b), 0);
    assert_int_equal(book_number(b, "SELECT count(*) FROM journal"), rows);
    book_purchase(b, 100);
    assert_int_equal(book_do(b), 0);
    assert_int_equal(book_outcome(b, b->op->intent.txn, OC_TXN_VOIDED, EV_COUNTER), 0);
    struct card_full c = *book_card(b);
    assert_int_equal(c.r.purse, 0);
    assert_int_equal(c.r.last.has, 0);
    assert_int_equal(c.due_has, 0);
    assert_int_equal(c.r.alarm, 0);
    assert_int_equal(book_account(b, ACCT_OPENING, "").debits_posted, 5000);
    b->chip.has |= SEEN_PROVEN;
    b->chip.balance = 500; /* the true card */
    assert_int_equal(book_show(b), 0);
    assert_int_equal(book_card(b)->r.purse, 500);
    assert_int_equal(book_card(b)->r.alarm, 0);
}

static void R9_posted_transaction_proves_what_its_intent_saw(void **state)
{
    ROLE_ENTER_WORKER();
    struct book *b = *state;
    register_card(b, 777);
    assert_true(book_buy(b, 77) != 0);
    struct card_full c = *book_card(b);
    assert_int_equal(c.r.purse, 700);
    assert_int_equal(c.r.last.balance, 700);
    assert_int_equal(c.due_offline, 51);
    assert_int_equal(c.r.alarm, 0);
    assert_int_equal(c.r.awaiting, 0);
    assert_int_equal(events(b, "opening_entry"), 1);
    assert_int_equal(book_number(b, "SELECT adjustments FROM day"), 5777);
    assert_int_equal(book_show(b), 0);
    assert_int_equal(events(b, "opening_entry"), 1);
    b->chip.balance -= 10; /* from now on any view is judged */
    assert_int_equal(book_show(b), 0);
    assert_int_equal(book_card(b)->r.alarm, 1);
}

static void R19_opening_above_the_ceiling_is_an_alarm_and_no_entry(void **state)
{
    ROLE_ENTER_WORKER();
    struct book *b = *state;
    register_card(b, 1001);
    b->chip.has |= SEEN_PROVEN;
    assert_int_equal(book_show(b), 0);
    assert_int_equal(book_show(b), 0);
    assert_int_equal(book_card(b)->r.purse, 0);
    assert_int_equal(book_card(b)->r.alarm, 1);
    assert_int_equal(events(b, "balance_mismatch"), 1);
    assert_int_equal(events(b, "opening_entry"), 0);
    b->chip.balance = 900; /* it does not come in by the back door later */
    assert_int_equal(book_show(b), 0);
    assert_int_equal(book_card(b)->r.purse, 0);
    assert_int_equal(events(b, "opening_entry"), 0);
}

static void R19_posted_above_the_ceiling_is_an_alarm_and_no_entry(void **state)
{
    ROLE_ENTER_WORKER();
    struct book *b = *state;
    register_card(b, 1001);
    book_purchase(b, 1);
    assert_int_equal(book_do(b), 0);
    assert_int_equal(book_outcome(b, b->op->intent.txn, OC_TXN_POSTED, EV_CLEARING), 0);
    assert_int_equal(book_card(b)->r.purse, -1);
    assert_int_equal(book_card(b)->r.alarm, 1);
    assert_int_equal(events(b, "balance_mismatch"), 1);
}

static void R9_refusal_of_an_unproven_card_changes_nothing_of_it(void **state)
{
    ROLE_ENTER_WORKER();
    struct book *b = *state;
    b->chip.balance = 99;
    b->chip.online++;
    b->chip.offline = 7;
    struct card_full before = *book_card(b);
    assert_int_equal(refuse_seen(b, 0), 0);
    assert_memory_equal(book_card(b), &before, sizeof before);
    assert_int_equal(refuse_seen(b, SEEN_PROVEN), 0);
    assert_int_equal(book_card(b)->r.alarm, 2);
    register_card(b, 777);
    assert_int_equal(refuse_seen(b, 0), 0);
    assert_int_equal(book_card(b)->r.purse, 0);
    assert_int_equal(refuse_seen(b, SEEN_PROVEN), 0);
    assert_int_equal(book_card(b)->r.purse, 777);
}

static void R1_registered_with_another_opening_is_an_alarm(void **state)
{
    ROLE_ENTER_WORKER();
    struct book *b = *state;
    struct op_card_add *a = &book_op(b, LOP_CARD_ADD)->card_add;
    a->serial[0] = 8;
    a->kind = CARD_NAMED;
    a->state = CARD_ACTIVE;
    a->registered = 1;
    a->opening = 500;
    assert_int_equal(book_do(b), 0);
    b->card = b->op->card_add.card;
    b->chip.balance = 777;
    assert_int_equal(book_show(b), 0);
    assert_int_equal(book_card(b)->r.purse, 500);
    assert_int_equal(book_card(b)->r.alarm, 1);
}

/* ---- days ---- */

static WORKER_FN int close_day(struct book *b, date_t date)
{
    book_op(b, LOP_DAY_CLOSE)->day_close.date = date;
    return book_do(b);
}

static void R19_float_rolls_forward_at_the_close(void **state)
{
    ROLE_ENTER_WORKER();
    struct book *b = *state;
    assert_true(book_buy(b, 700) != 0);
    assert_true(book_charge(b, 1000) != 0);
    assert_int_equal(close_day(b, BOOK_DAY), 0);
    assert_int_equal(b->op->day_close.next, BOOK_DAY + 1);
    assert_int_equal(book_number(b, "SELECT float_closing FROM day WHERE state = 2"), 5300);
    assert_int_equal(book_number(b, "SELECT float_opening FROM day WHERE state = 1"), 5300);
    assert_int_equal(
        book_number(b,
                    "SELECT journal_seq - (SELECT max(seq) FROM journal) FROM day WHERE state = 2"),
        0);
    assert_int_equal(
        book_number(
            b, "SELECT count(*) FROM day d JOIN journal j ON j.seq = d.journal_seq AND j.mac = "
               "d.chain_head"),
        1);
    assert_int_equal(close_day(b, BOOK_DAY), OC_EREFUSED);
    assert_int_equal(close_day(b, BOOK_DAY + 2), OC_EREFUSED);
    assert_int_equal(close_day(b, BOOK_DAY + 1), 0); /* an empty day closes too */
}

static void R11_doubt_rolls_over_and_posts_into_the_open_day(void **state)
{
    ROLE_ENTER_WORKER();
    struct book *b = *state;
    book_purchase(b, 300);
    assert_int_equal(book_do(b), 0);
    int64_t txn = b->op->intent.txn;
    assert_int_equal(book_outcome(b, txn, OC_TXN_IN_DOUBT, EV_NONE), 0);
    assert_int_equal(close_day(b, BOOK_DAY), 0);
    assert_int_equal(book_account(b, ACCT_IN_TRANSIT, "").credits_pending, 300);
    assert_int_equal(book_outcome(b, txn, OC_TXN_POSTED, EV_LOG), 0);
    assert_int_equal(b->op->outcome.clearing_date, BOOK_DAY + 1);
    assert_int_equal(book_txn(b, txn).clearing_date, BOOK_DAY + 1);
    assert_int_equal(book_number(b, "SELECT purchases FROM day WHERE state = 2"), 0);
    assert_int_equal(book_number(b, "SELECT purchases FROM day WHERE state = 1"), 300);
}

static WORKER_FN int settle(struct book *b, date_t date, uint8_t hash)
{
    struct op_settled *s = &book_op(b, LOP_SETTLED)->settled;
    s->date = date;
    memset(s->manifest_sha256, hash, sizeof s->manifest_sha256);
    return book_do(b);
}

static void R11_settled_once_and_again_only_with_the_same_manifest(void **state)
{
    ROLE_ENTER_WORKER();
    struct book *b = *state;
    assert_int_equal(settle(b, BOOK_DAY, 1), OC_EREFUSED);
    assert_int_equal(close_day(b, BOOK_DAY), 0);
    assert_int_equal(settle(b, BOOK_DAY, 1), 0);
    int64_t rows = book_number(b, "SELECT count(*) FROM journal");
    assert_int_equal(settle(b, BOOK_DAY, 1), 0);
    assert_int_equal(settle(b, BOOK_DAY, 2), OC_ECONFLICT);
    assert_int_equal(settle(b, 20200101, 1), OC_EREFUSED);
    assert_int_equal(book_number(b, "SELECT count(*) FROM journal"), rows);
    assert_int_equal(book_number(b, "SELECT state FROM day WHERE date = 20261121"), 3);
}

static void standing_data_is_added_and_changed(void **state)
{
    ROLE_ENTER_WORKER();
    struct book *b = *state;
    struct op_key *k = &book_op(b, LOP_KEY)->key;
    assert_int_equal(book_do(b), OC_EINVAL); /* not sealed */
    k->purpose = 1;
    k->version = 1;
    k->sealed_len = 60;
    assert_int_equal(book_do(b), 0);
    b->op->key.revoked = 1;
    assert_int_equal(book_do(b), 0);
    assert_int_equal(book_number(b, "SELECT sum(revoked) FROM key"), 1);
    struct op_citizen *c = &book_op(b, LOP_CITIZEN)->citizen;
    snprintf(c->id, sizeof c->id, "C1");
    c->sealed_len = 100;
    assert_int_equal(book_do(b), 0);
    struct op_slot *s = &book_op(b, LOP_SLOT)->slot;
    s->card = b->card;
    snprintf(s->app, sizeof s->app, "transit");
    snprintf(s->category, sizeof s->category, "senior");
    assert_int_equal(book_do(b), 0);
    assert_int_equal(book_number(b, "SELECT count(*) FROM card_app WHERE category = 'senior'"), 1);
    b->op->slot.card = 77;
    assert_int_equal(book_do(b), OC_ENOENT);
    struct op_terminal *t = &book_op(b, LOP_TERMINAL)->terminal;
    snprintf(t->id, sizeof t->id, "T3");
    snprintf(t->participant, sizeof t->participant, "nobody");
    assert_int_equal(book_do(b), OC_ENOENT);
    struct op_event *e = &book_op(b, LOP_EVENT)->event;
    assert_int_equal(book_do(b), OC_EINVAL);
    snprintf(e->item.kind, sizeof e->item.kind, "reader_mute");
    assert_int_equal(book_do(b), 0);
    book_op(b, LOP_SITE)->site.first_day = BOOK_DAY;
    assert_int_equal(book_do(b), OC_EEXIST);
}

#define T(f) cmocka_unit_test_setup_teardown(f, book_setup, book_teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        T(card_moves_only_along_the_table),
        T(R15_anonymous_card_cannot_be_lost),
        T(R15_lost_card_goes_on_the_deny_list_and_leaves_it),
        T(R15_entry_made_by_hand_stays_when_the_card_comes_back),
        T(R15_card_denied_before_it_is_registered_stays_denied),
        T(card_is_registered_once),
        T(torn_issue_is_issued_again_as_the_same_card),
        T(issue_that_came_further_exists),
        T(R1_opening_entry_is_an_adjustment_of_the_float),
        T(R1_offline_gap_awaits_its_records_without_alarm),
        T(R1_difference_without_gap_raises_the_alarm_once),
        T(R1_online_counter_moved_without_us_raises_the_alarm),
        T(R1_offline_counter_back_raises_the_alarm),
        T(R1_nothing_is_judged_while_a_doubt_is_open),
        T(R3_counter_used_by_another_awaits_that_record),
        T(R1_registered_card_brings_its_money_at_first_sight),
        T(R9_unproven_first_view_sets_no_baseline),
        T(R9_posted_transaction_proves_what_its_intent_saw),
        T(R19_opening_above_the_ceiling_is_an_alarm_and_no_entry),
        T(R19_posted_above_the_ceiling_is_an_alarm_and_no_entry),
        T(R9_refusal_of_an_unproven_card_changes_nothing_of_it),
        T(R1_registered_with_another_opening_is_an_alarm),
        T(R19_float_rolls_forward_at_the_close),
        T(R11_doubt_rolls_over_and_posts_into_the_open_day),
        T(R11_settled_once_and_again_only_with_the_same_manifest),
        T(standing_data_is_added_and_changed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
