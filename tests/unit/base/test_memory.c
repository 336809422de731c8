/* Memory that runs out in base: nothing ends because of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/base.h"
#include "faults.h"

#include <string.h>

/* A service's first request registers its metrics: the daemon must not end for that. */
static void metric_without_memory_counts_nowhere_and_is_there_the_next_time(void **state)
{
    (void)state;
    struct metrics *m = metrics_new();
    unsigned long n = 0, struck = 1;
    while (struck > 0) {
        faults_arm(&(struct faults){.kinds = FAULTS_OWN, .at = ++n});
        struct metric *x = metric_counter(m, "n", NULL, "N.");
        struck = faults_disarm().struck;
        metric_add(x, 1);
        metric_observe_ns(x, 1000);
        assert_int_equal(metric_lost(x), struck > 0);
    }
    assert_true(n > 3);
    assert_int_equal(metric_value(metric_counter(m, "n", NULL, "N.")), 1001);
    struct buf out;
    buf_init(&out, 0);
    metrics_print(m, &out);
    assert_string_equal(buf_cstr(&out), "# HELP n N.\n# TYPE n counter\nn 1001\n");
    buf_fini(&out);
    metrics_free(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(metric_without_memory_counts_nowhere_and_is_there_the_next_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
