/* Key and certificate on disk: together or not at all, and nobody else's to read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "terminal/identity.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char dir[64];

static int setup(void **state)
{
    (void)state;
    log_set_level(LOG_ERROR);
    (void)snprintf(dir, sizeof dir, ONECARD_SCRATCH "/onecard-identity-XXXXXX");
    return mkdtemp(dir) ? 0 : -1;
}
static int teardown(void **state)
{
    char command[128];
    (void)state;
    (void)snprintf(command, sizeof command, "rm -rf %s", dir);
    return system(command);
}

static struct identity *made(const char *name, int64_t now_ms, unsigned days)
{
    struct identity *id = identity_new();
    static struct x509_bytes key, csr;
    assert_non_null(id);
    assert_int_equal(x509_key_new(&key), 0);
    assert_int_equal(x509_authority_new(&key, "Test authority", now_ms, 3650, &id->authority), 0);
    assert_int_equal(x509_key_new(&id->key), 0);
    assert_int_equal(x509_request_new(&id->key, name, &csr), 0);
    struct x509_issue w = {.authority_key = &key,
                           .authority_cert = &id->authority,
                           .csr = csr.data,
                           .csr_len = csr.len,
                           .name = name,
                           .use = X509_TERMINAL,
                           .now_ms = now_ms,
                           .days = days};
    assert_int_equal(x509_issue(&w, &id->certificate), 0);
    assert_int_equal(x509_read(id->certificate.data, id->certificate.len, &id->info), 0);
    return id;
}

static void identity_is_read_as_it_was_written(void **state)
{
    struct identity *id = made("gate-17", clock_wall_ms(&clock_system), 400), *back = NULL;
    (void)state;
    ROLE_ENTER_WORKER();
    assert_int_equal(identity_load(dir, IDENTITY_FILE, &back), OC_ENOENT);
    assert_int_equal(identity_save(id, dir, IDENTITY_FILE), 0);
    assert_int_equal(identity_load(dir, IDENTITY_FILE, &back), 0);
    assert_string_equal(back->info.name, "gate-17");
    assert_int_equal(back->key.len, id->key.len);
    assert_memory_equal(back->key.data, id->key.data, id->key.len);
    assert_memory_equal(back->authority.data, id->authority.data, id->authority.len);
    identity_free(&id);
    identity_free(&back);
}

static void key_that_others_may_read_is_not_used(void **state)
{
    struct identity *back = NULL;
    char *path = state_path(dir, IDENTITY_FILE);
    (void)state;
    ROLE_ENTER_WORKER();
    assert_int_equal(chmod(path, 0640), 0);
    log_set_stream(fopen("/dev/null", "w"));
    assert_int_equal(identity_load(dir, IDENTITY_FILE, &back), OC_EPERM);
    log_set_stream(NULL);
    assert_int_equal(chmod(path, 0600), 0);
    free(path);
}

static void renewed_one_takes_the_place_of_the_old(void **state)
{
    struct identity *id = made("gate-17", clock_wall_ms(&clock_system), 100), *back = NULL;
    (void)state;
    ROLE_ENTER_WORKER();
    assert_int_equal(identity_save(id, dir, IDENTITY_NEXT), 0);
    assert_int_equal(identity_promote(dir), 0);
    assert_int_equal(identity_load(dir, IDENTITY_NEXT, &back), OC_ENOENT);
    assert_int_equal(identity_load(dir, IDENTITY_FILE, &back), 0);
    assert_memory_equal(back->key.data, id->key.data, id->key.len);
    identity_free(&id);
    identity_free(&back);
}

static void renewal_is_due_when_a_third_is_left(void **state)
{
    int64_t now = clock_wall_ms(&clock_system);
    struct identity *id = made("gate-17", now, 90);
    (void)state;
    assert_false(identity_due(id, now));
    assert_false(identity_due(id, now + 59 * MS_PER_DAY));
    assert_true(identity_due(id, now + 61 * MS_PER_DAY));
    id->foreign = true;
    assert_false(identity_due(id, now + 61 * MS_PER_DAY));
    identity_free(&id);
}

static void state_folder_has_one_user_at_a_time(void **state)
{
    char own[] = ONECARD_SCRATCH "/onecard-state-XXXXXX", command[64];
    int first = -1, second = -1;
    (void)state;
    ROLE_ENTER_WORKER();
    assert_non_null(mkdtemp(own));
    assert_int_equal(state_lock(own, &first), 0);
    assert_int_equal(state_lock(own, &second), OC_EBUSY);
    (void)close(first);
    assert_int_equal(state_lock(own, &second), 0);
    (void)close(second);
    (void)snprintf(command, sizeof command, "rm -r %s", own);
    assert_int_equal(system(command), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(state_folder_has_one_user_at_a_time),
        cmocka_unit_test(identity_is_read_as_it_was_written),
        cmocka_unit_test(key_that_others_may_read_is_not_used),
        cmocka_unit_test(renewed_one_takes_the_place_of_the_old),
        cmocka_unit_test(renewal_is_due_when_a_third_is_left),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
