/* Tokens, pins, renewals, revocation; the authority; and what sessions ask in one look. */
#include "query_test.h"

static void hash(uint8_t ret[32], uint8_t value)
{
    memset(ret, value, 32);
}

struct deed {
    enum terminal_key_action action;
    uint8_t token, pin, next;
};

static WORKER_FN int act(struct seen *s, struct deed st)
{
    struct op_terminal_key *k = &fixture_op(&s->f, LOP_TERMINAL_KEY)->terminal_key;
    (void)snprintf(k->terminal, sizeof k->terminal, "T1");
    k->action = (uint8_t)st.action;
    hash(k->token_hash, st.token);
    hash(k->pin, st.pin);
    hash(k->next_pin, st.next);
    if (st.action == TERMINAL_KEY_TOKEN)
        k->token_until_ms = atomic_load(&s->f.clock.ms) + 60000;
    k->not_after_ms = st.action == TERMINAL_KEY_CONFIRM ? 0 : 1000 + st.pin + st.next;
    (void)snprintf(k->why, sizeof k->why, "because");
    return fixture_do(&s->f);
}

static WORKER_FN void refused(struct seen *s, struct deed st, enum oc_reason reason)
{
    assert_int_equal(act(s, st), OC_EREFUSED);
    assert_string_equal(oc_reason_code(s->f.op->reason), oc_reason_code(reason));
    assert_true(s->f.op->detail[0]);
}

static struct terminal_key_row key_row;
static CO_FN int look_key(void *arg)
{
    struct seen *s = arg;
    return ledger_co_terminal_key(s->f.l, s->text, &key_row);
}

static WORKER_FN int key_of(struct seen *s, const char *terminal)
{
    memset(&key_row, 0, sizeof key_row);
    s->text = terminal;
    return fixture_flow(&s->f, look_key, s);
}

static void token_enrols_once(void **state)
{
    ROLE_ENTER_WORKER();
    struct seen *s = *state;
    assert_int_equal(key_of(s, "T1"), OC_ENOENT);
    refused(s, (struct deed){TERMINAL_KEY_PIN, 1, 7, 0}, OC_R_PARAMETER);
    assert_int_equal(act(s, (struct deed){TERMINAL_KEY_TOKEN, 1, 0, 0}), 0);
    assert_int_equal(key_of(s, "T1"), 0);
    assert_true(key_row.token_waits && !key_row.pinned && !key_row.revoked && !key_row.renewing);
    refused(s, (struct deed){TERMINAL_KEY_PIN, 2, 7, 0}, OC_R_PARAMETER);
    refused(s, (struct deed){TERMINAL_KEY_PIN, 0, 7, 0}, OC_R_PARAMETER);
    assert_int_equal(act(s, (struct deed){TERMINAL_KEY_PIN, 1, 7, 0}), 0);
    refused(s, (struct deed){TERMINAL_KEY_PIN, 1, 8, 0}, OC_R_PARAMETER);
    assert_int_equal(key_of(s, "T1"), 0);
    assert_true(key_row.pinned && !key_row.token_waits);
    assert_int_equal(key_row.pin[31], 7);
    assert_int_equal(key_row.not_after_ms, 1007);
    assert_true(key_row.enrolled_ms > 0);
    assert_int_equal(key_of(s, "T2"), OC_ENOENT);
}

static void token_that_is_over_or_replaced_enrols_nobody(void **state)
{
    ROLE_ENTER_WORKER();
    struct seen *s = *state;
    assert_int_equal(act(s, (struct deed){TERMINAL_KEY_TOKEN, 1, 0, 0}), 0);
    assert_int_equal(act(s, (struct deed){TERMINAL_KEY_TOKEN, 2, 0, 0}), 0);
    refused(s, (struct deed){TERMINAL_KEY_PIN, 1, 7, 0}, OC_R_PARAMETER);
    fixture_wait(&s->f, 2);
    refused(s, (struct deed){TERMINAL_KEY_PIN, 2, 7, 0}, OC_R_PARAMETER);
    struct op_terminal_key *k = &fixture_op(&s->f, LOP_TERMINAL_KEY)->terminal_key;
    (void)snprintf(k->terminal, sizeof k->terminal, "T1");
    k->action = TERMINAL_KEY_TOKEN;
    k->token_hash[0] = 1;
    k->token_until_ms = atomic_load(&s->f.clock.ms);
    assert_int_equal(fixture_do(&s->f), OC_EREFUSED);
}

static WORKER_FN void enrol(struct seen *s)
{
    assert_int_equal(act(s, (struct deed){TERMINAL_KEY_TOKEN, 1, 0, 0}), 0);
    assert_int_equal(act(s, (struct deed){TERMINAL_KEY_PIN, 1, 7, 0}), 0);
}

static void renewed_key_is_good_beside_the_old_until_confirmed(void **state)
{
    ROLE_ENTER_WORKER();
    struct seen *s = *state;
    enrol(s);
    refused(s, (struct deed){TERMINAL_KEY_RENEW, 0, 6, 8}, OC_R_PARAMETER);
    refused(s, (struct deed){TERMINAL_KEY_RENEW, 0, 7, 7}, OC_R_PARAMETER);
    refused(s, (struct deed){TERMINAL_KEY_CONFIRM, 0, 8, 0}, OC_R_PARAMETER);
    assert_int_equal(act(s, (struct deed){TERMINAL_KEY_RENEW, 0, 7, 8}), 0);
    assert_int_equal(key_of(s, "T1"), 0);
    assert_true(key_row.pinned && key_row.renewing);
    assert_int_equal(key_row.pin[0], 7);
    assert_int_equal(key_row.next_pin[0], 8);
    assert_int_equal(key_row.not_after_ms, 1007);
    refused(s, (struct deed){TERMINAL_KEY_CONFIRM, 0, 7, 0}, OC_R_PARAMETER);
    assert_int_equal(act(s, (struct deed){TERMINAL_KEY_CONFIRM, 0, 8, 0}), 0);
    assert_int_equal(act(s, (struct deed){TERMINAL_KEY_CONFIRM, 0, 8, 0}), 0); /* done already */
    assert_int_equal(key_of(s, "T1"), 0);
    assert_true(key_row.pinned && !key_row.renewing);
    assert_int_equal(key_row.pin[0], 8);
    assert_int_equal(key_row.not_after_ms, 1015);
    refused(s, (struct deed){TERMINAL_KEY_RENEW, 0, 7, 9}, OC_R_PARAMETER);
}

static void revoked_terminal_has_no_key_until_it_gets_a_token(void **state)
{
    ROLE_ENTER_WORKER();
    struct seen *s = *state;
    enrol(s);
    assert_int_equal(act(s, (struct deed){TERMINAL_KEY_TOKEN, 3, 0, 0}), 0);
    assert_int_equal(act(s, (struct deed){TERMINAL_KEY_RENEW, 0, 7, 8}), 0);
    assert_int_equal(act(s, (struct deed){TERMINAL_KEY_REVOKE, 0, 0, 0}), 0);
    assert_int_equal(act(s, (struct deed){TERMINAL_KEY_REVOKE, 0, 0, 0}), 0);
    assert_int_equal(key_of(s, "T1"), 0);
    assert_true(key_row.revoked && !key_row.pinned && !key_row.renewing && !key_row.token_waits);
    assert_int_equal(key_row.pin[0], 0);
    refused(s, (struct deed){TERMINAL_KEY_PIN, 3, 7, 0}, OC_R_NOT_OPEN);
    refused(s, (struct deed){TERMINAL_KEY_RENEW, 0, 7, 8}, OC_R_NOT_OPEN);
    refused(s, (struct deed){TERMINAL_KEY_CONFIRM, 0, 8, 0}, OC_R_NOT_OPEN);
    enrol(s);
    assert_int_equal(key_of(s, "T1"), 0);
    assert_true(key_row.pinned && !key_row.revoked);
    fixture_stop(&s->f);
    struct ledger_report r = {0};
    assert_int_equal(ledger_verify_file(s->f.path, s->f.key, NULL, NULL, &r), 0);
    assert_string_equal(r.first_fault, "");
    assert_int_equal(fixture_start(&s->f), 0);
}

static void keys_are_of_terminals_and_actions_of_the_table(void **state)
{
    ROLE_ENTER_WORKER();
    struct seen *s = *state;
    assert_int_equal(act(s, (struct deed){0, 1, 1, 1}), OC_EINVAL);
    assert_int_equal(act(s, (struct deed){6, 1, 1, 1}), OC_EINVAL);
    assert_int_equal(act(s, (struct deed){TERMINAL_KEY_TOKEN, 0, 0, 0}), OC_EINVAL);
    assert_int_equal(act(s, (struct deed){TERMINAL_KEY_PIN, 1, 0, 0}), OC_EINVAL);
    assert_int_equal(act(s, (struct deed){TERMINAL_KEY_RENEW, 0, 1, 0}), OC_EINVAL);
    struct op_terminal_key *k = &fixture_op(&s->f, LOP_TERMINAL_KEY)->terminal_key;
    (void)snprintf(k->terminal, sizeof k->terminal, "T99");
    k->action = TERMINAL_KEY_REVOKE;
    assert_int_equal(fixture_do(&s->f), OC_ENOENT);
}

static struct op_authority seen_authority;
static CO_FN int look_authority(void *arg)
{
    return ledger_co_authority(((struct seen *)arg)->f.l, &seen_authority);
}

static WORKER_FN int make_authority(struct seen *s, uint8_t value, uint16_t len)
{
    struct op_authority *a = &fixture_op(&s->f, LOP_AUTHORITY)->authority;
    memset(a->cert, value, len);
    a->cert_len = len;
    memset(a->sealed, value, 60);
    a->sealed_len = 60;
    return fixture_do(&s->f);
}

static void authority_is_made_once(void **state)
{
    ROLE_ENTER_WORKER();
    struct seen *s = *state;
    assert_int_equal(fixture_flow(&s->f, look_authority, s), OC_ENOENT);
    assert_int_equal(make_authority(s, 3, 0), OC_EINVAL);
    assert_int_equal(make_authority(s, 3, 1024), 0);
    assert_int_equal(make_authority(s, 3, 1024), 0); /* the same one: nothing to do */
    assert_int_equal(make_authority(s, 4, 600), OC_EEXIST);
    memset(&seen_authority, 0, sizeof seen_authority);
    assert_int_equal(fixture_flow(&s->f, look_authority, s), 0);
    assert_int_equal(seen_authority.cert_len, 1024);
    assert_int_equal(seen_authority.cert[1023], 3);
    assert_int_equal(seen_authority.sealed_len, 60);
}

/* ---- looks ---- */

static bool found, denied_there;
static CO_FN int admit(void *arg)
{
    struct seen *s = arg;
    return ledger_co_admission(s->f.l, s->text, s->id, &s->u.terminal[0], s->txn, &found);
}

static WORKER_FN int admission(struct seen *s, const char *terminal, int64_t request_no)
{
    s->text = terminal;
    s->id = request_no;
    found = false;
    return fixture_flow(&s->f, admit, s);
}

static void admission_tells_terminal_and_request_in_one_look(void **state)
{
    ROLE_ENTER_WORKER();
    struct seen *s = *state;
    assert_int_equal(admission(s, "T3", 77), 0);
    assert_true(found);
    assert_string_equal(s->u.terminal[0].t.id, "T3");
    assert_int_equal(s->txn->state, OC_TXN_REFUSED);
    assert_int_equal(s->txn->in.request_no, 77);
    assert_int_equal(admission(s, "T3", 78), 0);
    assert_false(found);
    assert_int_equal(admission(s, "T3", 0), 0);
    assert_false(found);
    assert_int_equal(admission(s, "T9", 77), OC_ENOENT);
    assert_int_equal(
        admission(s, "a name much longer than the identifier of any terminal that ever was", 77),
        OC_ENOENT);
}

/* From memory or not, what admission says is what the ledger holds. */
static void admission_follows_numbers_and_rows_that_change(void **state)
{
    ROLE_ENTER_WORKER();
    struct seen *s = *state;
    assert_int_equal(admission(s, "T3", 500), 0);
    assert_int_equal(admission(s, "T3", 500), 0); /* now from memory */
    assert_false(found);
    struct op_refusal *r = &fixture_op(&s->f, LOP_REFUSAL)->refusal;
    (void)snprintf(r->terminal, sizeof r->terminal, "T3");
    (void)snprintf(r->service, sizeof r->service, "payment.purchase");
    r->reason = OC_R_NO_CARD;
    r->request_no = 500;
    r->business_date = 20261121;
    assert_int_equal(fixture_do(&s->f), 0);
    assert_int_equal(admission(s, "T3", 500), 0);
    assert_true(found);
    assert_int_equal(s->txn->in.request_no, 500);
    assert_int_equal(admission(s, "T3", 501), 0);
    assert_false(found);
    assert_int_equal(s->u.terminal[0].t.closed, 0);
    struct op_terminal *t = &fixture_op(&s->f, LOP_TERMINAL)->terminal;
    *t = s->u.terminal[0].t;
    t->closed = 1;
    assert_int_equal(fixture_do(&s->f), 0);
    assert_int_equal(admission(s, "T3", 501), 0);
    assert_int_equal(s->u.terminal[0].t.closed, 1);
}

static const uint8_t *ask_serial;
static struct deny_row deny_seen;
static CO_FN int stand(void *arg)
{
    struct seen *s = arg;
    return ledger_co_card_standing(s->f.l, issuer, ask_serial, &s->card[0], &deny_seen,
                                   &denied_there);
}

static WORKER_FN int standing(struct seen *s, const uint8_t *serial)
{
    ask_serial = serial;
    denied_there = false;
    return fixture_flow(&s->f, stand, s);
}

static void R15_standing_tells_card_and_deny_list_in_one_look(void **state)
{
    ROLE_ENTER_WORKER();
    struct seen *s = *state;
    assert_int_equal(standing(s, serial0), 0);
    assert_int_equal(s->card[0].id, s->f.card[0]);
    assert_string_equal(s->card[0].category, "adult");
    assert_false(denied_there);
    assert_int_equal(standing(s, serial9), OC_ENOENT); /* listed, and no card of ours */
    assert_true(denied_there);
    assert_int_equal(deny_seen.action, 2);
    struct op_deny *d = &fixture_op(&s->f, LOP_DENY)->deny;
    memcpy(d->issuer, issuer, sizeof d->issuer);
    memcpy(d->serial, serial0, sizeof d->serial);
    d->action = 1;
    assert_int_equal(fixture_do(&s->f), 0);
    assert_int_equal(standing(s, serial0), 0);
    assert_true(denied_there);
    assert_int_equal(s->card[0].deny_action, 1);
}

static struct terminal_total total[4];
static int64_t from, to;
static unsigned cap, totals_n;
static CO_FN int add_up(void *arg)
{
    struct seen *s = arg;
    return ledger_co_terminal_totals(s->f.l, s->text, from, to, total, cap, &totals_n);
}

static WORKER_FN int totals(struct seen *s, const char *terminal, int64_t first, int64_t last,
                            unsigned room)
{
    s->text = terminal;
    from = first;
    to = last;
    cap = room;
    memset(total, 0, sizeof total);
    return fixture_flow(&s->f, add_up, s);
}

static struct terminal_cash till;
static CO_FN int count_till(void *arg)
{
    struct seen *s = arg;
    return ledger_co_terminal_cash(s->f.l, s->text, from, to, &till);
}

/* One load for cash of 10 yuan is posted there; purchases, a refund and doubts are no cash. */
static void R20_cash_of_a_terminal_is_what_its_participant_owes_for(void **state)
{
    ROLE_ENTER_WORKER();
    struct seen *s = *state;
    s->text = "T1";
    from = 1;
    to = 1000;
    assert_int_equal(fixture_flow(&s->f, count_till, s), 0);
    assert_int_equal(till.taken, 1000);
    assert_int_equal(till.given, 0);
    to = 0;
    assert_int_equal(fixture_flow(&s->f, count_till, s), 0);
    assert_int_equal(till.taken, 0);
    to = INT64_C(1) << 40;
    assert_int_equal(fixture_flow(&s->f, count_till, s), OC_ELIMIT);
}

/* A bank's own desk loads from the holder's account there: what the bank owes for it is no cash. */
static void R20_what_an_institution_held_is_no_cash_at_its_own_desk(void **state)
{
    ROLE_ENTER_WORKER();
    struct seen *s = *state;
    struct op_card_state *to_active = &fixture_op(&s->f, LOP_CARD_STATE)->card_state;
    to_active->card = s->f.card[2];
    to_active->to = CARD_ACTIVE;
    assert_int_equal(fixture_do(&s->f), 0);
    struct op_intent *in = fixture_load(&s->f, 2, 700);
    snprintf(in->hold.to, sizeof in->hold.to, "%s", in->participant);
    snprintf(in->hold.kind, sizeof in->hold.kind, "load");
    in->hold.amount = 700;
    assert_int_equal(fixture_do(&s->f), 0);
    s->id = s->f.op->intent.txn;
    struct op_hold *h = &fixture_op(&s->f, LOP_HOLD)->hold;
    h->txn = s->id;
    h->to = HOLD_HELD;
    assert_int_equal(fixture_do(&s->f), 0);
    (void)fixture_outcome(&s->f, s->id, OC_TXN_POSTED, EV_ANSWER);
    assert_int_equal(fixture_do(&s->f), 0);
    s->text = "T1";
    from = 1;
    to = 1000;
    assert_int_equal(fixture_flow(&s->f, count_till, s), 0);
    assert_int_equal(till.taken, 1000);
}

static void totals_of_a_terminal_are_summed_by_service(void **state)
{
    ROLE_ENTER_WORKER();
    struct seen *s = *state;
    assert_int_equal(totals(s, "T1", 1, 1000, 4), 0);
    assert_int_equal(totals_n, 3);
    assert_string_equal(total[0].service, "payment.load");
    assert_int_equal(total[0].posted, 1);
    assert_int_equal(total[0].amount, 1000);
    assert_string_equal(total[1].service, "payment.purchase");
    assert_int_equal(total[1].posted, 1);
    assert_int_equal(total[1].amount, 300);
    assert_int_equal(total[1].open, 2);
    assert_string_equal(total[2].service, "payment.refund");
    assert_int_equal(totals(s, "T1", 1, 1, 4), 0);
    assert_int_equal(totals_n, 1);
    assert_int_equal(totals(s, "T2", 1, 1000, 4), 0);
    assert_int_equal(totals_n, 0);
    assert_int_equal(totals(s, "T1", 5, 4, 4), 0);
    assert_int_equal(totals_n, 0);
    assert_int_equal(totals(s, "T1", 1, 1000, 2), OC_ELIMIT);
    assert_int_equal(totals(s, "T1", 1, 100001, 4), OC_ELIMIT);
}

/* ---- timelines ---- */

static CO_FN int look_txn(void *arg)
{
    struct seen *s = arg;
    return ledger_co_txn(s->f.l, s->id, s->txn);
}

static void timeline_is_the_outcomes_where_it_has_one(void **state)
{
    ROLE_ENTER_WORKER();
    struct seen *s = *state;
    struct op_card_state *to_active = &fixture_op(&s->f, LOP_CARD_STATE)->card_state;
    to_active->card = s->f.card[2];
    to_active->to = CARD_ACTIVE;
    assert_int_equal(fixture_do(&s->f), 0);
    struct op_intent *in = fixture_load(&s->f, 2, 100);
    in->presented = PRESENTED_CHIP;
    in->timeline = (struct timeline){.received_us = 1000, .at_us = {[STEP_INTENT] = 70}};
    assert_int_equal(fixture_do(&s->f), 0);
    s->id = s->f.op->intent.txn;
    assert_int_equal(fixture_flow(&s->f, look_txn, s), 0);
    assert_int_equal(s->txn->presented, PRESENTED_CHIP);
    assert_int_equal(s->txn->timeline.received_us, 1000);
    assert_int_equal(s->txn->timeline.at_us[STEP_INTENT], 70);
    (void)fixture_outcome(&s->f, s->id, OC_TXN_IN_DOUBT, EV_NONE);
    assert_int_equal(fixture_do(&s->f), 0);
    assert_int_equal(fixture_flow(&s->f, look_txn, s), 0);
    assert_int_equal(s->txn->timeline.at_us[STEP_INTENT], 70);
    struct op_outcome *o = fixture_outcome(&s->f, s->id, OC_TXN_POSTED, EV_PROVE);
    o->timeline = (struct timeline){.received_us = 2000, .at_us = {[STEP_OUTCOME] = 90}};
    assert_int_equal(fixture_do(&s->f), 0);
    assert_int_equal(fixture_flow(&s->f, look_txn, s), 0);
    assert_int_equal(s->txn->timeline.received_us, 2000);
    assert_int_equal(s->txn->timeline.at_us[STEP_OUTCOME], 90);
    assert_int_equal(s->txn->in.timeline.received_us, 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(token_enrols_once),
        T(token_that_is_over_or_replaced_enrols_nobody),
        T(renewed_key_is_good_beside_the_old_until_confirmed),
        T(revoked_terminal_has_no_key_until_it_gets_a_token),
        T(keys_are_of_terminals_and_actions_of_the_table),
        T(authority_is_made_once),
        T(admission_tells_terminal_and_request_in_one_look),
        T(admission_follows_numbers_and_rows_that_change),
        T(R15_standing_tells_card_and_deny_list_in_one_look),
        T(totals_of_a_terminal_are_summed_by_service),
        T(R20_what_an_institution_held_is_no_cash_at_its_own_desk),
        T(R20_cash_of_a_terminal_is_what_its_participant_owes_for),
        T(timeline_is_the_outcomes_where_it_has_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
