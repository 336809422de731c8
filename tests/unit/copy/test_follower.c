/* What the follower has on its disk: a chain key that only its own key store opens, and a copy. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "copy/internal.h"
#include "ledger_fixture.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct place {
    struct ledger_fixture f;
    char keystore[160], other[160], chain[160], copy[160];
    struct follower_config c;
};

static int setup(void **state)
{
    ROLE_ENTER_WORKER();
    struct place *p = calloc(1, sizeof *p);
    if (!p)
        return -1;
    *state = p;
    int rc = fixture_open(&p->f);
    (void)fixture_path(&p->f, "keystore", p->keystore);
    (void)fixture_path(&p->f, "other", p->other);
    (void)fixture_path(&p->f, "chain", p->chain);
    (void)fixture_path(&p->f, "copy.db", p->copy);
    p->c = (struct follower_config){.name = "t",
                                    .connect = "/x",
                                    .ledger = p->copy,
                                    .keystore = p->keystore,
                                    .chain = p->chain};
    return rc;
}

static int teardown(void **state)
{
    ROLE_ENTER_WORKER();
    struct place *p = *state;
    log_set_stream(NULL);
    fixture_close(&p->f);
    free(p);
    return 0;
}

static void quiet(void)
{
    static FILE *null;
    if (!null)
        null = fopen("/dev/null", "w");
    log_set_stream(null);
}

static WORKER_FN int make_chain(struct place *p)
{
    struct keystore *ks = NULL;
    int rc = keystore_create(p->keystore, NULL, &rng_system);
    if (!rc)
        rc = keystore_open(p->keystore, NULL, &ks);
    if (!rc)
        rc = follower_chain_write(p->chain, ks, p->f.key);
    keystore_close(&ks);
    return rc;
}

static void copy_opens_with_the_chain_key_of_its_own_key_store(void **state)
{
    ROLE_ENTER_WORKER();
    struct place *p = *state;
    struct follower f = {.c = &p->c};
    assert_int_equal(make_chain(p), 0);
    assert_int_equal(follower_open(&f), 0);
    assert_int_equal(f.row, 0);
    ledger_copy_close(&f.copy);
}

static void chain_key_in_the_file_is_not_the_key_itself(void **state)
{
    ROLE_ENTER_WORKER();
    struct place *p = *state;
    struct buf b;
    char hex[65];
    assert_int_equal(make_chain(p), 0);
    buf_init(&b, 0);
    assert_int_equal(file_read(p->chain, &b), 0);
    (void)hex_encode(p->f.key, sizeof p->f.key, hex);
    assert_null(strstr(buf_cstr(&b), hex));
    buf_fini(&b);
}

static void another_key_store_does_not_open_it(void **state)
{
    ROLE_ENTER_WORKER();
    struct place *p = *state;
    struct follower f = {.c = &p->c};
    quiet();
    assert_int_equal(make_chain(p), 0);
    assert_int_equal(keystore_create(p->other, NULL, &rng_system), 0);
    p->c.keystore = p->other;
    assert_int_equal(follower_open(&f), OC_ESEAL);
    assert_null(f.copy);
}

static void damaged_or_missing_chain_key_is_an_error(void **state)
{
    ROLE_ENTER_WORKER();
    struct place *p = *state;
    struct follower f = {.c = &p->c};
    quiet();
    assert_int_equal(make_chain(p), 0);
    assert_int_equal(file_write_atomic(p->chain, "12zz\n", 5, 0600), 0);
    assert_int_not_equal(follower_open(&f), 0);
    p->c.chain = "/nonexistent";
    assert_int_equal(follower_open(&f), OC_ENOENT);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        T(copy_opens_with_the_chain_key_of_its_own_key_store),
        T(chain_key_in_the_file_is_not_the_key_itself),
        T(another_key_store_does_not_open_it),
        T(damaged_or_missing_chain_key_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
