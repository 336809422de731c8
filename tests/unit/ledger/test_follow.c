/* A second copy kept by the journal: it is the same ledger, takes nothing that was not written for
 * it, and what is forgotten is forgotten there too (R20). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "db/db.h"
#include "ledger/internal.h"
#include "ledger_fixture.h"
#include <stdlib.h>
#include <unistd.h>

struct follower {
    struct ledger_fixture f;
    struct ledger_copy *copy;
    struct buf bundle;
    struct ledger_bundle what;
    char path[160];
    const char *id;
    uint8_t key_what;
    int64_t after, until_ns;
    uint8_t mac[32];
    struct ledger_report report;
};

static void quiet(void)
{
    static FILE *null;
    if (!null)
        null = fopen("/dev/null", "w");
    log_set_stream(null);
}

static int setup(void **state)
{
    ROLE_ENTER_WORKER();
    struct follower *w = calloc(1, sizeof *w);
    if (!w)
        return -1;
    *state = w;
    buf_init(&w->bundle, LEDGER_BUNDLE_MAX);
    int rc = fixture_open(&w->f);
    (void)fixture_path(&w->f, "copy.db", w->path);
    return rc ? rc : fixture_busy_day(&w->f);
}

static int teardown(void **state)
{
    ROLE_ENTER_WORKER();
    struct follower *w = *state;
    log_set_stream(NULL);
    ledger_copy_close(&w->copy);
    fixture_close(&w->f);
    buf_fini(&w->bundle);
    free(w);
    return 0;
}

static CO_FN int fetch(void *arg)
{
    struct follower *w = arg;
    return ledger_co_bundle(w->f.l, w->after, &w->bundle, &w->what);
}

static WORKER_FN int next_bundle(struct follower *w)
{
    uint8_t mac[32];
    w->after = ledger_copy_head(w->copy, mac);
    return fixture_flow(&w->f, fetch, w);
}

static WORKER_FN int apply(struct follower *w)
{
    return ledger_copy_apply(w->copy, w->bundle.data, w->bundle.len);
}

/* Until there is nothing more. */
static WORKER_FN int follow(struct follower *w)
{
    int rc = w->copy ? 0 : ledger_copy_open(w->path, w->f.key, &w->copy);
    while (!rc && !(rc = next_bundle(w)) && w->what.last >= w->what.first)
        rc = apply(w);
    return rc;
}

static WORKER_FN int64_t number(const char *path, const char *sql)
{
    struct db *db = NULL;
    int64_t n = -1;
    if (db_open(path, DB_READ, &db))
        return -1;
    int rc = db_number(db, sql, &n);
    db_close(&db);
    return rc ? -1 : n;
}

static WORKER_FN int64_t keys_in_copy(struct follower *w)
{
    return number(w->path, "SELECT count(*) FROM citizen_key");
}

static CO_FN int add_key(void *arg)
{
    struct follower *w = arg;
    const struct citizen_key_row key = {.sealed = {1, 2, 3}, .sealed_len = 3};
    return ledger_co_citizen_key_add(w->f.l, w->id, w->key_what, &key);
}

static WORKER_FN int new_key(struct follower *w, const char *id, uint8_t what)
{
    w->id = id;
    w->key_what = what;
    return fixture_flow(&w->f, add_key, w);
}

static WORKER_FN int new_citizen(struct follower *w, const char *id)
{
    struct op_citizen *c = &fixture_op(&w->f, LOP_CITIZEN)->citizen;
    (void)snprintf(c->id, sizeof c->id, "%s", id);
    c->sealed_len = 40;
    return fixture_do(&w->f);
}

/* ---- */

static void copy_is_the_same_ledger_and_verifies(void **state)
{
    ROLE_ENTER_WORKER();
    struct follower *w = *state;
    assert_int_equal(fixture_outside(&w->f), 0);
    assert_int_equal(follow(w), 0);
    struct ledger_stats st;
    uint8_t mac[32];
    ledger_stats(w->f.l, &st);
    assert_int_equal(ledger_copy_head(w->copy, mac), st.journal_seq);
    ledger_copy_close(&w->copy);
    assert_int_equal(ledger_verify_file(w->path, w->f.key, NULL, NULL, &w->report), 0);
    assert_string_equal(w->report.first_fault, "");
    assert_int_equal(w->report.ops, st.journal_seq);
    assert_memory_equal(w->report.head, mac, 32);
    fixture_stop(&w->f);
    assert_int_equal(ledger_verify_file(w->f.path, w->f.key, NULL, NULL, &w->report), 0);
    assert_memory_equal(w->report.head, mac, 32);
}

static void copy_goes_on_from_its_own_end_after_it_was_closed(void **state)
{
    ROLE_ENTER_WORKER();
    struct follower *w = *state;
    uint8_t mac[32];
    assert_int_equal(follow(w), 0);
    int64_t seq = ledger_copy_head(w->copy, mac);
    ledger_copy_close(&w->copy);
    assert_int_equal(new_citizen(w, "C7"), 0);
    assert_int_equal(ledger_copy_open(w->path, w->f.key, &w->copy), 0);
    assert_int_equal(ledger_copy_head(w->copy, mac), seq);
    assert_int_equal(follow(w), 0);
    assert_int_equal(ledger_copy_head(w->copy, mac), seq + 1);
}

static void backup_is_where_a_copy_may_begin(void **state)
{
    ROLE_ENTER_WORKER();
    struct follower *w = *state;
    fixture_stop(&w->f);
    struct db *db = NULL;
    assert_int_equal(db_open(w->f.path, DB_READ, &db), 0);
    assert_int_equal(db_copy_to(db, w->path), 0);
    db_close(&db);
    assert_int_equal(fixture_start(&w->f), 0);
    assert_int_equal(new_citizen(w, "C7"), 0);
    assert_int_equal(follow(w), 0);
    assert_int_equal(w->what.first, w->what.last + 1);
    assert_int_equal(number(w->path, "SELECT count(*) FROM citizen WHERE id = 'C7'"), 1);
}

static void bundle_that_comes_twice_changes_nothing(void **state)
{
    ROLE_ENTER_WORKER();
    struct follower *w = *state;
    assert_int_equal(ledger_copy_open(w->path, w->f.key, &w->copy), 0);
    assert_int_equal(next_bundle(w), 0);
    assert_int_equal(apply(w), 0);
    assert_int_equal(apply(w), 0);
    uint8_t mac[32];
    assert_int_equal(ledger_copy_head(w->copy, mac), w->what.last);
}

static void bundle_with_a_gap_before_it_is_not_taken(void **state)
{
    ROLE_ENTER_WORKER();
    struct follower *w = *state;
    assert_int_equal(ledger_copy_open(w->path, w->f.key, &w->copy), 0);
    w->after = 3;
    assert_int_equal(fixture_flow(&w->f, fetch, w), 0);
    assert_int_equal(apply(w), OC_ENOENT);
    uint8_t mac[32];
    assert_int_equal(ledger_copy_head(w->copy, mac), 0);
}

static void each_changed_byte_of_a_row_is_found_and_nothing_of_the_bundle_stays(void **state)
{
    ROLE_ENTER_WORKER();
    struct follower *w = *state;
    uint8_t mac[32];
    quiet();
    assert_int_equal(follow(w), 0);
    int64_t seq = ledger_copy_head(w->copy, mac);
    assert_int_equal(new_citizen(w, "C7"), 0);
    assert_int_equal(new_citizen(w, "C8"), 0);
    assert_int_equal(next_bundle(w), 0);
    /* From the first row's operation to the last row's MAC. */
    for (size_t i = 8 + 4 + 4 + 4; i < w->bundle.len; i++) {
        w->bundle.data[i] ^= 0x10;
        assert_int_not_equal(apply(w), 0);
        w->bundle.data[i] ^= 0x10;
        assert_int_equal(ledger_copy_head(w->copy, mac), seq);
    }
    assert_int_equal(apply(w), 0);
    assert_int_equal(ledger_copy_head(w->copy, mac), seq + 2);
}

static void bundle_cut_short_anywhere_is_refused(void **state)
{
    ROLE_ENTER_WORKER();
    struct follower *w = *state;
    quiet();
    assert_int_equal(new_key(w, "C7", ERASE_PERSONAL), 0);
    assert_int_equal(follow(w), 0);
    assert_int_equal(new_citizen(w, "C7"), 0);
    assert_int_equal(next_bundle(w), 0);
    for (size_t len = 0; len < w->bundle.len; len++)
        assert_int_not_equal(ledger_copy_apply(w->copy, w->bundle.data, len), 0);
    assert_int_equal(apply(w), 0);
}

static void rows_under_another_key_are_not_taken(void **state)
{
    ROLE_ENTER_WORKER();
    struct follower *w = *state;
    uint8_t other[32] = {1}, mac[32];
    quiet();
    assert_int_equal(ledger_copy_open(w->path, other, &w->copy), 0);
    assert_int_equal(next_bundle(w), 0);
    assert_int_equal(apply(w), OC_ECHAIN);
    assert_int_equal(ledger_copy_head(w->copy, mac), 0);
}

static void copy_at_work_is_nobody_elses(void **state)
{
    ROLE_ENTER_WORKER();
    struct follower *w = *state;
    quiet();
    assert_int_equal(follow(w), 0);
    struct ledger_copy *second = NULL;
    assert_int_equal(ledger_copy_open(w->path, w->f.key, &second), OC_EBUSY);
    fixture_stop(&w->f);
    assert_int_equal(ledger_restore(w->path, w->f.path, w->f.key,
                                    &(struct ledger_restore_opts){.jump = 10}, &w->report),
                     OC_EBUSY);
    ledger_copy_close(&w->copy);
    assert_int_equal(ledger_copy_open(w->path, w->f.key, &second), 0);
    ledger_copy_close(&second);
    assert_int_equal(fixture_start(&w->f), 0);
}

/* ---- citizens' keys ---- */

static void R20_key_comes_with_what_is_sealed_under_it_and_goes_with_the_erasure(void **state)
{
    ROLE_ENTER_WORKER();
    struct follower *w = *state;
    int64_t before;
    assert_int_equal(follow(w), 0);
    before = keys_in_copy(w);
    assert_int_equal(new_key(w, "C7", ERASE_PERSONAL), 0);
    assert_int_equal(new_key(w, "C7", ERASE_DOCUMENTS), 0);
    assert_int_equal(new_citizen(w, "C7"), 0);
    assert_int_equal(follow(w), 0);
    assert_int_equal(keys_in_copy(w), before + 2);
    assert_int_equal(number(w->path, "SELECT count(*) FROM citizen_key WHERE citizen = 'C7' AND "
                                     "sealed = x'010203'"),
                     2);
    struct op_erased *e = &fixture_op(&w->f, LOP_ERASED)->erased;
    (void)snprintf(e->citizen, sizeof e->citizen, "C7");
    e->what = ERASE_PERSONAL;
    assert_int_equal(fixture_do(&w->f), 0);
    assert_int_equal(follow(w), 0);
    assert_int_equal(keys_in_copy(w), before + 1);
}

static void R20_key_erased_before_the_copy_reads_the_row_never_travels(void **state)
{
    ROLE_ENTER_WORKER();
    struct follower *w = *state;
    assert_int_equal(new_key(w, "C7", ERASE_PERSONAL), 0);
    assert_int_equal(new_citizen(w, "C7"), 0);
    struct op_erased *e = &fixture_op(&w->f, LOP_ERASED)->erased;
    (void)snprintf(e->citizen, sizeof e->citizen, "C7");
    e->what = ERASE_PERSONAL;
    assert_int_equal(fixture_do(&w->f), 0);
    assert_int_equal(follow(w), 0);
    assert_int_equal(number(w->path, "SELECT count(*) FROM citizen_key WHERE citizen = 'C7'"), 0);
}

/* An institution is asked about somebody whom neither card nor record names: what it is asked is
 * sealed for him. */
static void R20_key_comes_with_a_question_about_who_is_only_meant(void **state)
{
    ROLE_ENTER_WORKER();
    struct follower *w = *state;
    assert_int_equal(new_citizen(w, "C7"), 0);
    assert_int_equal(follow(w), 0);
    assert_int_equal(new_key(w, "C7", ERASE_DOCUMENTS), 0);
    struct op_intent *in = &fixture_op(&w->f, LOP_INTENT)->intent;
    in->plan_kind = OC_PLAN_NOTE;
    in->business_date = FIXTURE_DAY;
    (void)snprintf(in->service, sizeof in->service, "medical.ask");
    (void)snprintf(in->terminal, sizeof in->terminal, "T1");
    (void)snprintf(in->participant, sizeof in->participant, "P1");
    (void)snprintf(in->hold.to, sizeof in->hold.to, "P2");
    (void)snprintf(in->hold.kind, sizeof in->hold.kind, "settle");
    in->concerned_count = 1;
    (void)snprintf(in->concerned[0].citizen, sizeof in->concerned[0].citizen, "C7");
    in->request_no = 900;
    assert_int_equal(fixture_do(&w->f), 0);
    assert_int_equal(follow(w), 0);
    assert_int_equal(number(w->path, "SELECT count(*) FROM citizen_key WHERE citizen = 'C7'"), 1);
}

/* ---- where a copy stands ---- */

static CO_FN int ask_has(void *arg)
{
    struct follower *w = arg;
    return ledger_co_journal_has(w->f.l, w->after, w->mac);
}

static void copy_of_another_past_is_told_apart(void **state)
{
    ROLE_ENTER_WORKER();
    struct follower *w = *state;
    assert_int_equal(follow(w), 0);
    w->after = ledger_copy_head(w->copy, w->mac);
    assert_int_equal(fixture_flow(&w->f, ask_has, w), 0);
    w->mac[5] ^= 1;
    assert_int_equal(fixture_flow(&w->f, ask_has, w), OC_ECONFLICT);
    w->after++;
    assert_int_equal(fixture_flow(&w->f, ask_has, w), OC_ENOENT);
    w->after = 0;
    assert_int_equal(fixture_flow(&w->f, ask_has, w), 0);
}

/* ---- answers that wait ---- */

static CO_FN int submit_event(void *arg)
{
    struct follower *w = arg;
    struct ledger_op *op = fixture_op(&w->f, LOP_EVENT);
    (void)snprintf(op->event.item.kind, sizeof op->event.item.kind, "test");
    int64_t began = loop_now_ns(w->f.loop);
    int rc = ledger_co_submit(w->f.l, op);
    w->until_ns = loop_now_ns(w->f.loop) - began;
    return rc;
}

static CO_FN int acknowledge(void *arg)
{
    struct follower *w = arg;
    struct ledger_stats st;
    ledger_stats(w->f.l, &st);
    int rc = ledger_co_grown(w->f.l, st.journal_seq, flow_deadline_ms(5000));
    if (!rc)
        rc = flow_co_sleep_ms(50);
    ledger_copied(w->f.l, st.journal_seq + 1);
    return rc;
}

static CO_FN int submit_with_copy(void *arg)
{
    struct follower *w = arg;
    struct flow *other = NULL;
    int rc = flow_start(w->f.loop, "copy", acknowledge, w, &other);
    if (!rc)
        rc = submit_event(w);
    if (other)
        (void)!flow_co_join(other, NULL, FLOW_FOREVER);
    flow_put(other);
    return rc;
}

static CO_FN int wait_on(void *arg)
{
    struct follower *w = arg;
    struct ledger_stats st;
    ledger_stats(w->f.l, &st);
    ledger_copy_wait(w->f.l, w->after);
    ledger_copied(w->f.l, st.journal_seq);
    return 0;
}

static void answer_waits_for_the_copy(void **state)
{
    ROLE_ENTER_WORKER();
    struct follower *w = *state;
    w->after = 5000;
    assert_int_equal(fixture_flow(&w->f, wait_on, w), 0);
    assert_true(ledger_copy_waits(w->f.l));
    assert_int_equal(fixture_flow(&w->f, submit_with_copy, w), 0);
    assert_true(w->until_ns >= 50 * NS_PER_MS);
    assert_true(ledger_copy_waits(w->f.l));
}

static void copy_that_does_not_answer_costs_one_wait(void **state)
{
    ROLE_ENTER_WORKER();
    struct follower *w = *state;
    quiet();
    w->after = 100;
    assert_int_equal(fixture_flow(&w->f, wait_on, w), 0);
    assert_int_equal(fixture_flow(&w->f, submit_event, w), 0);
    assert_true(w->until_ns >= 100 * NS_PER_MS);
    assert_false(ledger_copy_waits(w->f.l));
    assert_int_equal(fixture_flow(&w->f, submit_event, w), 0);
    assert_true(w->until_ns < 100 * NS_PER_MS);
}

static CO_FN int begins_anew_far_behind(void *arg)
{
    struct follower *w = arg;
    struct ledger_stats st;
    ledger_stats(w->f.l, &st);
    ledger_copied(w->f.l, st.journal_seq - w->after);
    return 0;
}

static void copy_that_begins_anew_far_behind_is_not_waited_for(void **state)
{
    ROLE_ENTER_WORKER();
    struct follower *w = *state;
    quiet();
    w->after = 1000;
    assert_int_equal(fixture_flow(&w->f, wait_on, w), 0);
    w->after = 5000; /* rows */
    assert_int_equal(fixture_flow(&w->f, begins_anew_far_behind, w), 0);
    assert_false(ledger_copy_waits(w->f.l));
    w->after = 4000; /* it comes nearer, and is not near */
    assert_int_equal(fixture_flow(&w->f, begins_anew_far_behind, w), 0);
    assert_int_equal(fixture_flow(&w->f, submit_event, w), 0);
    assert_true(w->until_ns < 1000 * NS_PER_MS);
    w->after = 10;
    assert_int_equal(fixture_flow(&w->f, begins_anew_far_behind, w), 0);
    assert_true(ledger_copy_waits(w->f.l));
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        T(copy_is_the_same_ledger_and_verifies),
        T(copy_goes_on_from_its_own_end_after_it_was_closed),
        T(backup_is_where_a_copy_may_begin),
        T(bundle_that_comes_twice_changes_nothing),
        T(bundle_with_a_gap_before_it_is_not_taken),
        T(each_changed_byte_of_a_row_is_found_and_nothing_of_the_bundle_stays),
        T(bundle_cut_short_anywhere_is_refused),
        T(rows_under_another_key_are_not_taken),
        T(copy_at_work_is_nobody_elses),
        T(R20_key_comes_with_what_is_sealed_under_it_and_goes_with_the_erasure),
        T(R20_key_erased_before_the_copy_reads_the_row_never_travels),
        T(R20_key_comes_with_a_question_about_who_is_only_meant),
        T(copy_of_another_past_is_told_apart),
        T(answer_waits_for_the_copy),
        T(copy_that_does_not_answer_costs_one_wait),
        T(copy_that_begins_anew_far_behind_is_not_waited_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
