/* Snapshots: counted, from any thread. */
#include "city_table.h"
#include "conf_test.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void *hold_and_let_go(void *arg)
{
    struct conf_snapshot *s = arg;

    for (int i = 0; i < 10000; i++) {
        struct conf_snapshot *mine = conf_snapshot_get(s);
        const struct city *c = conf_snapshot_value(mine);
        if (c->port != 99)
            return s;
        conf_snapshot_put(&mine);
    }
    conf_snapshot_put(&s);
    return NULL;
}

static void last_holder_frees_whoever_it_is(void **state)
{
    struct conf_snapshot *s = NULL;
    struct conf_errors errors;
    pthread_t threads[2];
    void *wrong = NULL;

    (void)state;
    conf_errors_init(&errors);
    assert_int_equal(conf_snapshot_parse("x", "name: a\nport: 99\n", 17, &city_schema, &errors, &s),
                     0);
    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, hold_and_let_go, conf_snapshot_get(s)),
                         0);
    conf_snapshot_put(&s);
    assert_null(s);
    for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
        assert_int_equal(pthread_join(threads[i], &wrong), 0);
        assert_null(wrong);
    }
    conf_snapshot_put(&s);
    conf_errors_fini(&errors);
}

static void wrong_files_give_no_snapshot(void **state)
{
    struct conf_snapshot *s = NULL;
    struct conf_errors errors;

    (void)state;
    conf_errors_init(&errors);
    assert_int_equal(conf_snapshot_parse("x", "port: 99\n", 9, &city_schema, &errors, &s),
                     OC_EINVAL);
    assert_null(s);
    assert_int_equal(errors.count, 1);
    conf_errors_fini(&errors);
}

static void files_are_opened_and_dumped(void **state)
{
    char path[] = ONECARD_SCRATCH "/onecard-test-XXXXXX";
    struct conf_snapshot *s = NULL;
    struct conf_errors errors;
    struct buf out;

    (void)state;
    ROLE_ENTER_WORKER();
    conf_errors_init(&errors);
    buf_init(&out, 0);
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "name: a\nmodules: {m: 1}\n", 24), 24);
    close(fd);
    int rc = conf_snapshot_open(path, &city_schema, &errors, &s);
    (void)unlink(path);
    assert_int_equal(rc, 0);
    conf_snapshot_dump(s, &out);
    assert_non_null(strstr(buf_cstr(&out), "name: \"a\"\n"));
    assert_non_null(conf_subtree(conf_snapshot_tree(s), "modules.m"));
    conf_snapshot_put(&s);
    buf_fini(&out);
    conf_errors_fini(&errors);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(last_holder_frees_whoever_it_is),
        cmocka_unit_test(wrong_files_give_no_snapshot),
        cmocka_unit_test(files_are_opened_and_dumped),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
