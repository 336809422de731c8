/* Crashes, tampering, and what verification finds. */
#include "city.h"

#include <stdio.h>
#include <sys/stat.h>
#include <time.h>

#define DAY1 FIXTURE_DAY

static int settled_city(void **state)
{
    ROLE_ENTER_WORKER();
    int rc = city_setup(state);
    if (rc)
        return rc;
    struct city *c = *state;
    (void)fixture_purchase(&c->f, 0, 250);
    if (!fixture_run(&c->f, 0, OC_TXN_POSTED))
        return -1;
    (void)city_ride(c, 1, 200, 120);
    if (!fixture_run(&c->f, 1, OC_TXN_POSTED))
        return -1;
    return city_close_day(c, DAY1);
}

static int machine_stops(void *arg)
{
    (void)arg;
    return OC_EINTERNAL;
}

static void crash_before_the_rename_leaves_nothing_visible(void **state)
{
    struct city *c = *state;
    c->env.before_publish = machine_stops;
    assert_int_equal(city_run(c, DAY1), OC_EINTERNAL);
    assert_false(city_there(c, "@1"));
    c->env.before_publish = NULL;
    assert_int_equal(city_due(c, 4), 0);
    assert_int_equal(c->due_n, 1);
    assert_int_equal(city_run(c, DAY1), 0);
}

static void what_a_crash_left_behind_is_not_published(void **state)
{
    struct city *c = *state;
    char path[512];
    assert_int_equal(mkdir(c->dir, 0750), 0);
    city_path(c, ".@1.tmp", path);
    assert_int_equal(mkdir(path, 0750), 0);
    assert_int_equal(city_write(c, ".@1.tmp/P1.csv", "half", "w"), 0);
    assert_int_equal(city_write(c, ".@1.tmp/junk", "half", "w"), 0);
    assert_int_equal(city_run(c, DAY1), 0);
    assert_false(city_there(c, "@1/junk"));
    assert_false(city_there(c, ".@1.tmp"));
    assert_int_equal(city_verify(c, DAY1), 0);
    assert_int_equal(c->rep.faults, 0);
}

static void store_failing_after_publishing_is_made_good_by_the_next_run(void **state)
{
    struct city *c = *state;
    atomic_store(&c->f.fail_with, OC_EDB_FULL);
    assert_int_equal(city_run(c, DAY1), OC_EDB_FULL);
    assert_false(c->rep.recorded);
    assert_true(city_there(c, "@1/manifest.json"));
    atomic_store(&c->f.fail_with, 0);
    assert_int_equal(city_verify(c, DAY1), 0);
    assert_int_equal(c->rep.faults, 1);
    int rc = OC_EDB_FULL;
    for (unsigned i = 0; i < 30 && rc;
         i++) { /* the store looks every second whether it may write again */
        (void)nanosleep(&(struct timespec){.tv_nsec = 100000000}, NULL);
        rc = city_run(c, DAY1);
    }
    assert_int_equal(rc, 0);
    assert_true(c->rep.already);
    assert_true(c->rep.recorded);
}

static void different_folder_is_refused_and_left_alone(void **state)
{
    struct city *c = *state;
    char path[512];
    assert_int_equal(mkdir(c->dir, 0750), 0);
    city_path(c, "@1", path);
    assert_int_equal(mkdir(path, 0750), 0);
    assert_int_equal(city_write(c, "@1/P1.csv", "mine", "w"), 0);
    assert_int_equal(city_run(c, DAY1), OC_EEXIST);
    assert_non_null(strstr(c->rep.first_fault, "P1.csv"));
    assert_string_equal(city_read(c, "@1/P1.csv"), "mine");
    assert_int_equal(city_due(c, 4), 0);
    assert_int_equal(c->due_n, 1);
}

static void finds(struct city *c, const char *what)
{
    assert_int_equal(city_verify(c, DAY1), 0);
    assert_true(c->rep.faults > 0);
    if (!strstr(c->rep.first_fault, what))
        fail_msg("\"%s\" does not say \"%s\"", c->rep.first_fault, what);
}

static void verify_finds_a_changed_byte(void **state)
{
    struct city *c = *state;
    assert_int_equal(city_run(c, DAY1), 0);
    assert_non_null(strstr(city_read(c, "@1/P1.csv"), "2.50"));
    strstr(c->text, "2.50")[0] = '3';
    assert_int_equal(city_write(c, "@1/P1.csv", c->text, "w"), 0);
    finds(c, "P1.csv differs from the ledger in line 2");
    assert_int_equal(city_run(c, DAY1), OC_EEXIST);
}

static void verify_finds_more_and_less(void **state)
{
    struct city *c = *state;
    char path[512];
    assert_int_equal(city_run(c, DAY1), 0);
    assert_int_equal(city_write(c, "@1/P2.csv", "x\r\n", "a"), 0);
    finds(c, "P2.csv has 3 bytes too many");
    city_forget(c, "@1");
    assert_int_equal(city_run(c, DAY1), 0);
    assert_int_equal(city_write(c, "@1/P3.csv", "x\r\n", "w"), 0);
    finds(c, "P3.csv is not part of");
    city_path(c, "@1/P3.csv", path);
    assert_int_equal(remove(path), 0);
    assert_int_equal(city_verify(c, DAY1), 0);
    assert_int_equal(c->rep.faults, 0);
    city_path(c, "@1/doubts.csv", path);
    assert_int_equal(remove(path), 0);
    finds(c, "doubts.csv is missing");
}

static void verify_finds_a_signature_of_another_key(void **state)
{
    struct city *c = *state;
    assert_int_equal(city_run(c, DAY1), 0);
    c->env.key[0] ^= 1;
    finds(c, "manifest.sig differs");
}

/* Files and signature made anew for a changed day would agree with each other: the ledger does not.
 */
static void verify_finds_that_the_ledger_recorded_another_manifest(void **state)
{
    struct city *c = *state;
    assert_int_equal(city_run(c, DAY1), 0);
    assert_int_equal(city_sql(c, "UPDATE day SET manifest = zeroblob(32)"), 0);
    finds(c, "recorded another manifest");
    city_forget(c, "@1");
    assert_int_equal(city_run(c, DAY1), OC_EEXIST);
    assert_false(city_there(c, "@1"));
}

static void verify_finds_a_changed_ledger(void **state)
{
    struct city *c = *state;
    assert_int_equal(city_run(c, DAY1), 0);
    assert_int_equal(city_sql(c, "UPDATE day SET purchases = purchases + 1, float_closing = "
                                 "float_closing - 1 WHERE state = 3"),
                     0);
    finds(c, "purchases are 3.31 yuan, its postings say 3.30");
}

static void R19_figures_that_do_not_add_up_are_not_published(void **state)
{
    struct city *c = *state;
    assert_int_equal(
        city_sql(c, "UPDATE day SET float_closing = float_closing + 1 WHERE state = 2"), 0);
    assert_int_equal(city_run(c, DAY1), OC_EBOOKS);
    assert_false(city_there(c, "@1"));
}

static void R19_purses_that_are_off_the_float_are_not_published(void **state)
{
    struct city *c = *state;
    assert_int_equal(
        city_sql(c, "UPDATE card SET purse_credits = purse_credits + 5 WHERE purse_credits > 0"),
        0);
    assert_int_equal(city_run(c, DAY1), OC_EBOOKS);
    assert_non_null(strstr(c->rep.first_fault, "off the float"));
    assert_false(city_there(c, "@1"));
}

static void participant_that_joins_later_does_not_change_the_day(void **state)
{
    ROLE_ENTER_WORKER();
    struct city *c = *state;
    assert_int_equal(city_run(c, DAY1), 0);
    struct op_participant *p = &fixture_op(&c->f, LOP_PARTICIPANT)->participant;
    memcpy(p->id, "P0", 3);
    memcpy(p->name, "late", 5);
    assert_int_equal(fixture_do(&c->f), 0);
    assert_int_equal(city_verify(c, DAY1), 0);
    assert_int_equal(c->rep.faults, 0);
    assert_int_equal(city_run(c, DAY1), 0);
    assert_true(c->rep.already);
}

#define CITY_TEST(t) cmocka_unit_test_setup_teardown(t, settled_city, city_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CITY_TEST(crash_before_the_rename_leaves_nothing_visible),
        CITY_TEST(what_a_crash_left_behind_is_not_published),
        CITY_TEST(store_failing_after_publishing_is_made_good_by_the_next_run),
        CITY_TEST(different_folder_is_refused_and_left_alone),
        CITY_TEST(verify_finds_a_changed_byte),
        CITY_TEST(verify_finds_more_and_less),
        CITY_TEST(verify_finds_a_signature_of_another_key),
        CITY_TEST(verify_finds_that_the_ledger_recorded_another_manifest),
        CITY_TEST(verify_finds_a_changed_ledger),
        CITY_TEST(R19_figures_that_do_not_add_up_are_not_published),
        CITY_TEST(R19_purses_that_are_off_the_float_are_not_published),
        CITY_TEST(participant_that_joins_later_does_not_change_the_day),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
