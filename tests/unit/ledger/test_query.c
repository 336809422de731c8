/* Rows and lists by key, and how reads behave. */
#include "db/db.h"
#include "query_test.h"

/* ---- cards ---- */

static CO_FN int read_card(void *arg)
{
    struct seen *s = arg;
    s->rc[0] = ledger_co_card_id(s->f.l, s->f.card[0], &s->card[0]);
    s->rc[1] = ledger_co_card(s->f.l, issuer, serial0, &s->card[1]);
    s->rc[2] = ledger_co_card_id(s->f.l, 12345, &s->card[2]);
    s->rc[3] = ledger_co_card(s->f.l, serial9, serial0, &s->card[2]);
    return 0;
}

static void card_is_found_by_id_and_by_identity(void **state)
{
    struct seen *s = *state;
    assert_int_equal(fixture_flow(&s->f, read_card, s), 0);
    assert_int_equal(s->rc[0], 0);
    assert_int_equal(s->rc[1], 0);
    assert_int_equal(s->rc[2], OC_ENOENT);
    assert_int_equal(s->rc[3], OC_ENOENT);
    assert_memory_equal(&s->card[0], &s->card[1], sizeof s->card[0]);
    const struct card_row *c = &s->card[0];
    assert_int_equal(c->id, s->f.card[0]);
    assert_int_equal(c->purse, 5000 - 300 + 1000);
    assert_int_equal(c->pending_load, 100);
    assert_int_equal(c->purse_debits_pending, 70);
    assert_true(c->open_txn != 0);
    assert_string_equal(c->category, "adult");
    assert_int_equal(c->category_to, 20301231);
    assert_string_equal(c->number, "8800000");
}

static CO_FN int find_cards(void *arg)
{
    static const char *const words[] = {
        "1111111111111111-22222222222222222200",
        "22222222222222222201",
        "8800001",
        "8800009",
        "",
        "'; DROP TABLE card; --",
        "a text that is far longer than any number that is printed on any card in any city",
        "1111111111111111-2222",
    };
    struct seen *s = arg;
    for (unsigned i = 0; i < ARRAY_LEN(words); i++)
        s->rc[i] = ledger_co_card_find(s->f.l, words[i], &s->card[i < 3 ? i : 3]);
    return 0;
}

static void card_is_found_by_what_people_type(void **state)
{
    struct seen *s = *state;
    assert_int_equal(fixture_flow(&s->f, find_cards, s), 0);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(s->rc[i], 0);
    assert_int_equal(s->card[0].id, s->f.card[0]);
    assert_int_equal(s->card[1].id, s->f.card[1]);
    assert_int_equal(s->card[2].id, s->f.card[1]);
    for (unsigned i = 3; i < 8; i++)
        assert_int_equal(s->rc[i], OC_ENOENT);
}

static CO_FN int find_text(void *arg)
{
    struct seen *s = arg;
    s->rc[0] = ledger_co_card_find(s->f.l, s->text, &s->card[0]);
    return 0;
}

static WORKER_FN int add_twin(struct seen *s, uint8_t iss, uint8_t last, const char *number)
{
    struct op_card_add *a = &fixture_op(&s->f, LOP_CARD_ADD)->card_add;
    memset(a->issuer, iss, sizeof a->issuer);
    memset(a->serial, 0x22, sizeof a->serial);
    a->serial[9] = last;
    (void)snprintf(a->number, sizeof a->number, "%s", number);
    a->kind = CARD_ANONYMOUS;
    a->state = CARD_ACTIVE;
    return fixture_do(&s->f);
}

static void several_cards_that_fit_are_a_conflict(void **state)
{
    ROLE_ENTER_WORKER();
    struct seen *s = *state;
    assert_int_equal(add_twin(s, 0x33, 0, "8800001"), 0); /* card 0's serial, card 1's number */
    s->text = "22222222222222222200";
    assert_int_equal(fixture_flow(&s->f, find_text, s), 0);
    assert_int_equal(s->rc[0], OC_ECONFLICT);
    s->text = "8800001";
    assert_int_equal(fixture_flow(&s->f, find_text, s), 0);
    assert_int_equal(s->rc[0], OC_ECONFLICT);
    s->text = "3333333333333333-22222222222222222200";
    assert_int_equal(fixture_flow(&s->f, find_text, s), 0);
    assert_int_equal(s->rc[0], 0);
    /* The serial of one and the number of another. */
    assert_int_equal(add_twin(s, 0x33, 1, "22222222222222222202"), 0);
    s->text = "22222222222222222202";
    assert_int_equal(fixture_flow(&s->f, find_text, s), 0);
    assert_int_equal(s->rc[0], OC_ECONFLICT);
}

static CO_FN int list_cards(void *arg)
{
    struct seen *s = arg;
    s->rc[0] = ledger_co_cards(s->f.l, 0, 0, s->cards, 2, &s->n[0]);
    s->rc[1] = ledger_co_cards(s->f.l, s->cards[1].id, 0, s->cards + 2, 10, &s->n[1]);
    s->rc[2] = ledger_co_cards(s->f.l, 0, CARD_ISSUED, s->cards + 20, 10, &s->n[2]);
    s->rc[3] = ledger_co_cards(s->f.l, 0, CARD_LOST, s->cards + 30, 10, &s->n[3]);
    s->rc[4] = ledger_co_cards(s->f.l, 0, CARD_ACTIVE, s->cards + 40, 1, &s->n[4]);
    s->rc[5] = ledger_co_cards(s->f.l, 0, 0, s->cards + 50, 0, &s->n[5]);
    return 0;
}

static void cards_are_listed_by_page_and_by_state(void **state)
{
    struct seen *s = *state;
    assert_int_equal(fixture_flow(&s->f, list_cards, s), 0);
    static const unsigned want[] = {2, 1, 1, 0, 1, 0};
    for (unsigned i = 0; i < ARRAY_LEN(want); i++) {
        assert_int_equal(s->rc[i], 0);
        assert_int_equal(s->n[i], want[i]);
    }
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(s->cards[i].id, s->f.card[i]);
    assert_int_equal(s->cards[20].id, s->f.card[2]);
    assert_int_equal(s->cards[20].state, CARD_ISSUED);
    assert_int_equal(s->cards[40].id, s->f.card[0]);
}

/* ---- other rows ---- */

static CO_FN int read_terminal(void *arg)
{
    struct seen *s = arg;
    s->rc[0] = ledger_co_terminal(s->f.l, "T1", &s->u.terminal[0]);
    s->rc[1] = ledger_co_terminal(s->f.l, "T9", &s->u.terminal[1]);
    s->rc[2] = ledger_co_terminal(
        s->f.l, "an id longer than any id, which has at most thirty-one characters",
        &s->u.terminal[1]);
    return 0;
}

static void terminal_has_its_sams_sequence(void **state)
{
    struct seen *s = *state;
    assert_int_equal(fixture_flow(&s->f, read_terminal, s), 0);
    assert_int_equal(s->rc[0], 0);
    assert_int_equal(s->rc[1], OC_ENOENT);
    assert_int_equal(s->rc[2], OC_ENOENT);
    const struct terminal_row *t = &s->u.terminal[0];
    assert_string_equal(t->t.participant, "P1");
    assert_int_equal(t->t.sam[5], 1);
    assert_int_equal(t->next_seq, 5); /* four debits began at 1 */
    assert_int_equal(t->next_request, 7);
}

static CO_FN int read_account(void *arg)
{
    struct seen *s = arg;
    s->rc[0] = ledger_co_account(s->f.l, ACCT_MERCHANT, "P1", &s->u.account[0]);
    s->rc[1] = ledger_co_account(s->f.l, ACCT_MERCHANT, "P9", &s->u.account[1]);
    s->rc[2] = ledger_co_account(s->f.l, ACCT_LOAD_RECEIVABLE, "P1", &s->u.account[2]);
    s->rc[3] = ledger_co_accounts(s->f.l, 0, "", s->u.account + 3, 10, &s->n[0]);
    return 0;
}

static void account_is_read_and_listed(void **state)
{
    struct seen *s = *state;
    assert_int_equal(fixture_flow(&s->f, read_account, s), 0);
    assert_int_equal(s->rc[0], 0);
    assert_int_equal(s->rc[1], OC_ENOENT);
    assert_int_equal(s->rc[2], 0);
    assert_int_equal(s->rc[3], 0);
    assert_int_equal(s->u.account[0].credits_posted, 300);
    assert_int_equal(s->u.account[0].debits_posted, 100);
    assert_int_equal(s->u.account[0].credits_pending, 150);
    assert_int_equal(s->u.account[2].debits_posted, 1000);
    assert_int_equal(s->u.account[2].floor, -100000);
    assert_true(s->n[0] >= 4);
    for (unsigned i = 4; i < 3 + s->n[0]; i++)
        assert_true(s->u.account[i - 1].kind <= s->u.account[i].kind);
}

static CO_FN int read_record(void *arg)
{
    struct seen *s = arg;
    static const char long_id[] = "an owner of more characters than any key of any row can ever have, ever";
    struct ledger_look looks[] = {{.scope = "transit", .owner = "card:1", .key = "year"},
                                  {.kind = ACCT_MERCHANT, .owner = "P1"},
                                  {.scope = "transit", .owner = long_id, .key = "month"},
                                  {.scope = "transit", .owner = "card:1", .key = "month"},
                                  {.kind = ACCT_MERCHANT, .owner = "P9"},
                                  {.scope = "transit", .owner = "card:2", .key = "month"}};
    int rc = ledger_co_looks(s->f.l, looks, ARRAY_LEN(looks), &s->arena);
    for (unsigned i = 0; i < ARRAY_LEN(looks); i++)
        s->rc[i] = looks[i].rc;
    s->u.record = looks[3].record;
    s->n[0] = (unsigned)looks[1].account.credits_posted;
    return rc;
}

static void records_and_accounts_are_read_at_once(void **state)
{
    struct seen *s = *state;
    assert_int_equal(fixture_flow(&s->f, read_record, s), 0);
    static const int found[] = {OC_ENOENT, 0, OC_ENOENT, 0, OC_ENOENT, OC_ENOENT};
    for (unsigned i = 0; i < ARRAY_LEN(found); i++)
        assert_int_equal(s->rc[i], found[i]);
    assert_int_equal(s->n[0], 300);
    assert_true(s->u.record.version > 0);
    assert_string_equal(s->u.record.doc, "{\"rides\":1}");
}

static void R2_record_that_a_transaction_only_holds_does_not_exist_yet(void **state)
{
    ROLE_ENTER_WORKER();
    struct seen *s = *state;
    struct op_card_state *c = &fixture_op(&s->f, LOP_CARD_STATE)->card_state;
    c->card = s->f.card[2];
    c->to = CARD_ACTIVE;
    assert_int_equal(fixture_do(&s->f), 0);
    struct op_record *r = &fixture_load(&s->f, 2, 10)->records[0];
    (void)snprintf(r->scope, sizeof r->scope, "transit");
    (void)snprintf(r->owner, sizeof r->owner, "card:1");
    (void)snprintf(r->key, sizeof r->key, "year");
    r->doc = (struct op_doc){"{}", 2};
    s->f.op->intent.record_count = 1;
    int64_t txn = fixture_run(&s->f, 2, OC_TXN_INTENDED);
    assert_int_not_equal(txn, 0);
    assert_int_equal(fixture_flow(&s->f, read_record, s), 0);
    assert_int_equal(s->rc[0], OC_ENOENT);
    (void)fixture_outcome(&s->f, txn, OC_TXN_POSTED, EV_ANSWER);
    assert_int_equal(fixture_do(&s->f), 0);
    assert_int_equal(fixture_flow(&s->f, read_record, s), 0);
    assert_int_equal(s->rc[0], 0);
}

static CO_FN int read_others(void *arg)
{
    struct seen *s = arg;
    s->rc[0] = ledger_co_participant(s->f.l, "P2", &s->u.participant[0]);
    s->n[0] = strcmp(s->u.participant[0].name, "Bus company") == 0;
    s->rc[1] = ledger_co_participant(s->f.l, "P3", &s->u.participant[0]);
    s->rc[2] = ledger_co_citizen(s->f.l, "C1", &s->u.citizen);
    s->n[1] = s->u.citizen.c.sealed_len;
    s->rc[3] = ledger_co_citizen(s->f.l, "C2", &s->u.citizen);
    s->rc[4] = ledger_co_denied(s->f.l, issuer, serial9, &s->u.deny[0]);
    s->n[2] = s->u.deny[0].action;
    s->rc[5] = ledger_co_denied(s->f.l, issuer, serial0, &s->u.deny[0]);
    s->rc[6] = ledger_co_keys(s->f.l, s->u.key, 4, &s->n[3]);
    s->n[4] = s->u.key[0].k.sealed_len;
    return 0;
}

static void participant_citizen_denial_and_keys_are_read(void **state)
{
    struct seen *s = *state;
    assert_int_equal(fixture_flow(&s->f, read_others, s), 0);
    static const int want[] = {0, OC_ENOENT, 0, OC_ENOENT, 0, OC_ENOENT, 0};
    for (unsigned i = 0; i < ARRAY_LEN(want); i++)
        assert_int_equal(s->rc[i], want[i]);
    assert_int_equal(s->n[0], 1);
    assert_int_equal(s->n[1], 40);
    assert_int_equal(s->n[2], 2);
    assert_int_equal(s->n[3], 1);
    assert_int_equal(s->n[4], 32);
}

static CO_FN int read_days(void *arg)
{
    struct seen *s = arg;
    s->rc[0] = ledger_co_day(s->f.l, 0, &s->u.day[0]);
    s->rc[1] = ledger_co_day(s->f.l, FIXTURE_DAY, &s->u.day[1]);
    s->rc[2] = ledger_co_day(s->f.l, 20200101, &s->u.day[2]);
    s->rc[3] = ledger_co_days(s->f.l, 0, s->u.day + 2, 1, &s->n[0]);
    s->rc[4] = ledger_co_days(s->f.l, s->u.day[2].date, s->u.day + 3, 1, &s->n[1]);
    return 0;
}

static void days_are_read_open_one_by_zero(void **state)
{
    struct seen *s = *state;
    assert_int_equal(fixture_flow(&s->f, read_days, s), 0);
    static const int want[] = {0, 0, OC_ENOENT, 0, 0};
    for (unsigned i = 0; i < ARRAY_LEN(want); i++)
        assert_int_equal(s->rc[i], want[i]);
    const struct day_row *d = s->u.day;
    assert_int_equal(d[0].date, FIXTURE_DAY + 1);
    assert_int_equal(d[0].state, 1);
    assert_int_equal(d[1].state, 3);
    assert_int_equal(d[1].manifest_sha256[0], 0x3a);
    assert_int_equal(d[1].float_closing, 7000 - 300 + 1000);
    assert_int_equal(d[0].float_opening, d[1].float_closing);
    assert_int_equal(s->n[0], 1);
    assert_int_equal(s->n[1], 1);
    assert_int_equal(d[2].date, FIXTURE_DAY + 1);
    assert_int_equal(d[3].date, FIXTURE_DAY);
}

static CO_FN int page_lists(void *arg)
{
    struct seen *s = arg;
    s->rc[0] = ledger_co_terminals(s->f.l, "T1", s->u.terminal, 1, &s->n[0]);
    s->rc[1] = strcmp(s->u.terminal[0].t.id, "T2");
    s->rc[2] = ledger_co_terminals(s->f.l, NULL, s->u.terminal, 4, &s->n[1]);
    s->rc[3] = ledger_co_participants(s->f.l, "", s->u.participant, 4, &s->n[2]);
    s->rc[4] = ledger_co_participants(s->f.l, "P2", s->u.participant, 4, &s->n[3]);
    s->rc[5] = ledger_co_deny_list(s->f.l, 0, s->u.deny, 4, &s->n[4]);
    s->rc[6] = ledger_co_deny_list(s->f.l, 1, s->u.deny, 4, &s->n[5]);
    s->rc[7] = ledger_co_events(s->f.l, 0, s->u.event, 1, &s->n[6]);
    s->id = s->u.event[0].seq;
    s->rc[8] = ledger_co_events(s->f.l, s->id, s->u.event, 8, &s->n[7]);
    return 0;
}

static void lists_are_paged_by_key(void **state)
{
    struct seen *s = *state;
    assert_int_equal(fixture_flow(&s->f, page_lists, s), 0);
    for (unsigned i = 0; i < 9; i++)
        assert_int_equal(s->rc[i], 0);
    static const unsigned want[] = {1, 3, 2, 0, 1, 0, 1};
    for (unsigned i = 0; i < ARRAY_LEN(want); i++)
        assert_int_equal(s->n[i], want[i]);
    assert_true(s->n[7] >= 1);
    assert_true(s->u.event[0].seq > s->id);
}

static WORKER_FN int unblock(struct seen *s)
{
    struct op_deny *d = &fixture_op(&s->f, LOP_DENY)->deny;
    memcpy(d->issuer, issuer, sizeof d->issuer);
    memcpy(d->serial, serial9, sizeof d->serial);
    d->remove = 1;
    return fixture_do(&s->f);
}

static CO_FN int read_denied(void *arg)
{
    struct seen *s = arg;
    s->rc[0] = ledger_co_denied(s->f.l, issuer, serial9, &s->u.deny[0]);
    s->rc[1] = ledger_co_deny_list(s->f.l, 1, s->u.deny, 8, &s->n[0]);
    return 0;
}

static void R15_who_left_the_deny_list_is_told_to_older_lists(void **state)
{
    ROLE_ENTER_WORKER();
    struct seen *s = *state;
    assert_int_equal(unblock(s), 0);
    assert_int_equal(fixture_flow(&s->f, read_denied, s), 0);
    assert_int_equal(s->rc[0], OC_ENOENT);
    assert_int_equal(s->rc[1], 0);
    assert_int_equal(s->n[0], 1);
    assert_int_equal(s->u.deny[0].action, 0);
    assert_int_equal(s->u.deny[0].epoch, 2);
}

/* ---- how reads behave ---- */

static CO_FN int read_and_be_cancelled(void *arg)
{
    struct seen *s = arg;
    struct card_row row; /* on the flow's stack, gone when the reader is done */
    memset(&row, 0x5a, sizeof row);
    s->rc[0] = ledger_co_card_id(s->f.l, s->f.card[0], &row);
    s->n[0] = row.kind;
    return 0;
}

static CO_FN int cancel_reader(void *arg)
{
    struct seen *s = arg;
    struct flow *reader;
    int rc = flow_start(flow_loop(), "reader", read_and_be_cancelled, s, &reader);
    if (rc)
        return rc;
    if (s->n[1]) /* the reader has begun to wait */
        rc = flow_co_yield();
    flow_cancel(reader);
    if (!rc)
        rc = flow_co_join(reader, NULL, FLOW_FOREVER);
    flow_put(reader);
    return rc;
}

static void cancelled_read_writes_nothing(void **state)
{
    struct seen *s = *state;
    for (unsigned i = 0; i < 200; i++) {
        s->n[1] = i % 4 != 0;
        assert_int_equal(fixture_flow(&s->f, cancel_reader, s), 0);
        /* The answer may have been there already. */
        assert_true(s->rc[0] == OC_ECANCELED || s->rc[0] == 0);
        assert_int_equal(s->n[0], s->rc[0] ? 0x5a : CARD_NAMED);
    }
}

static CO_FN int read_in_loop(void *arg)
{
    struct seen *s = arg;
    int rc = 0;
    for (unsigned i = 0; !rc && i < 50; i++) {
        struct card_row row;
        rc = ledger_co_card_id(s->f.l, s->f.card[i % FIXTURE_CARDS], &row);
        if (!rc && row.id != s->f.card[i % FIXTURE_CARDS])
            rc = OC_EINTERNAL;
    }
    return rc;
}

static CO_FN int many_readers(void *arg)
{
    struct flow *flow[64];
    int rc = 0;
    for (unsigned i = 0; !rc && i < ARRAY_LEN(flow); i++)
        rc = flow_start(flow_loop(), "reader", read_in_loop, arg, &flow[i]);
    for (unsigned i = 0; !rc && i < ARRAY_LEN(flow); i++) {
        int result = 0;
        rc = flow_co_join(flow[i], &result, FLOW_FOREVER);
        rc = rc ? rc : result;
        flow_put(flow[i]);
    }
    return rc;
}

static void many_flows_read_at_one_time(void **state)
{
    struct seen *s = *state;
    assert_int_equal(fixture_flow(&s->f, many_readers, s), 0);
}

static void reads_go_on_while_the_store_refuses_money(void **state)
{
    ROLE_ENTER_WORKER();
    struct seen *s = *state;
    atomic_store(&s->f.fail_with, OC_EDB_FULL);
    (void)fixture_load(&s->f, 0, 10);
    s->f.op->intent.card = 0;
    s->f.op->intent.plan_kind = OC_PLAN_ACCOUNT;
    s->f.op->intent.leg_count = 0;
    assert_int_equal(fixture_do(&s->f), OC_EDB_FULL);
    assert_int_equal(fixture_flow(&s->f, read_card, s), 0);
    assert_int_equal(s->rc[0], 0);
    atomic_store(&s->f.fail_with, 0);
}

static CO_FN int submit_and_read(void *arg)
{
    struct seen *s = arg;
    struct ledger_op *op = arena_alloc(flow_arena(), sizeof *op);
    if (!op)
        return OC_ENOMEM;
    for (unsigned i = 0; i < 20; i++) {
        memset(op, 0, sizeof *op);
        op->type = LOP_PARTICIPANT;
        (void)snprintf(op->who, sizeof op->who, "tester");
        (void)snprintf(op->participant.id, sizeof op->participant.id, "Q%u", i);
        int rc = ledger_co_submit(s->f.l, op);
        if (!rc)
            rc = ledger_co_participant(s->f.l, op->participant.id, &s->u.participant[0]);
        if (rc)
            return rc;
    }
    return 0;
}

static void what_was_answered_can_be_read(void **state)
{
    struct seen *s = *state;
    assert_int_equal(fixture_flow(&s->f, submit_and_read, s), 0);
}

static void reads_leave_no_snapshot_behind(void **state)
{
    ROLE_ENTER_WORKER();
    struct seen *s = *state;
    assert_int_equal(fixture_flow(&s->f, page_lists, s), 0);
    assert_int_equal(fixture_flow(&s->f, many_readers, s), 0);
    assert_int_equal(txns(s, (struct txn_filter){0}, 2), 2);
    (void)fixture_op(&s->f, LOP_EVENT);
    (void)snprintf(s->f.op->event.item.kind, sizeof s->f.op->event.item.kind, "note");
    assert_int_equal(fixture_do(&s->f), 0);
    /* A pass copies everything only where nobody holds an older view. */
    struct db *db = NULL;
    struct db_wal *wal = NULL;
    assert_int_equal(db_open(s->f.path, DB_WRITE, &db), 0);
    assert_int_equal(db_wal_new(&wal), 0);
    int rc = db_wal_pass(wal, db);
    db_wal_free(&wal);
    db_close(&db);
    assert_int_equal(rc, 1);
}

static void ledger_with_reads_under_way_closes(void **state)
{
    ROLE_ENTER_WORKER();
    struct seen *s = *state;
    for (unsigned i = 0; i < 20; i++) {
        s->n[1] = 1;
        assert_int_equal(fixture_flow(&s->f, cancel_reader, s), 0);
        fixture_stop(&s->f); /* the reader may still be at the cancelled question */
        assert_int_equal(fixture_start(&s->f), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(card_is_found_by_id_and_by_identity),
        T(card_is_found_by_what_people_type),
        T(several_cards_that_fit_are_a_conflict),
        T(cards_are_listed_by_page_and_by_state),
        T(terminal_has_its_sams_sequence),
        T(account_is_read_and_listed),
        T(records_and_accounts_are_read_at_once),
        T(R2_record_that_a_transaction_only_holds_does_not_exist_yet),
        T(participant_citizen_denial_and_keys_are_read),
        T(days_are_read_open_one_by_zero),
        T(lists_are_paged_by_key),
        T(R15_who_left_the_deny_list_is_told_to_older_lists),
        T(cancelled_read_writes_nothing),
        T(many_flows_read_at_one_time),
        T(reads_go_on_while_the_store_refuses_money),
        T(what_was_answered_can_be_read),
        T(reads_leave_no_snapshot_behind),
        T(ledger_with_reads_under_way_closes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
