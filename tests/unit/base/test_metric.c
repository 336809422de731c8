#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/base.h"

#include <pthread.h>
#include <string.h>

static void registry_prints_the_text_format(void **state)
{
    (void)state;
    struct metrics *m = metrics_new();
    struct metric *a = metric_counter(m, "txn_total", "service=\"buy\"", "Transactions.");
    metric_set(metric_gauge(m, "flows", NULL, "Flows\nnow."), -3);
    struct metric *b = metric_counter(m, "txn_total", "service=\"ride\"", "Transactions.");
    assert_ptr_equal(a, metric_counter(m, "txn_total", "service=\"buy\"", "Transactions."));
    assert_ptr_not_equal(a, b);
    metric_add(a, 2);
    metric_add(b, 5);
    assert_int_equal(metric_value(b), 5);
    struct buf out;
    buf_init(&out, 0);
    metrics_print(m, &out);
    assert_string_equal(buf_cstr(&out), "# HELP txn_total Transactions.\n"
                                        "# TYPE txn_total counter\n"
                                        "txn_total{service=\"buy\"} 2\n"
                                        "txn_total{service=\"ride\"} 5\n"
                                        "# HELP flows Flows\\nnow.\n"
                                        "# TYPE flows gauge\n"
                                        "flows -3\n");
    buf_fini(&out);
    metrics_free(&m);
    assert_null(m);
}

static void histogram_counts_cumulatively_in_seconds(void **state)
{
    (void)state;
    struct metrics *m = metrics_new();
    struct metric *h = metric_histogram(m, "commit_seconds", "x=\"y\"", "Commits.");
    metric_observe_ns(h, 1000);
    metric_observe_ns(h, 1001);
    metric_observe_ns(h, -7);
    metric_observe_ns(h, 100 * NS_PER_S);
    struct buf out;
    buf_init(&out, 0);
    metrics_print(m, &out);
    const char *text = buf_cstr(&out);
    assert_non_null(strstr(text, "commit_seconds_bucket{x=\"y\",le=\"0.000001\"} 2\n"));
    assert_non_null(strstr(text, "commit_seconds_bucket{x=\"y\",le=\"0.000002\"} 3\n"));
    assert_non_null(strstr(text, "commit_seconds_bucket{x=\"y\",le=\"67.108864\"} 3\n"));
    assert_non_null(strstr(text, "commit_seconds_bucket{x=\"y\",le=\"+Inf\"} 4\n"));
    assert_non_null(strstr(text, "commit_seconds_sum{x=\"y\"} 100.000002001\n"));
    assert_non_null(strstr(text, "commit_seconds_count{x=\"y\"} 4\n"));
    buf_fini(&out);
    metrics_free(&m);
}

static void *count(void *arg)
{
    for (int i = 0; i < 10000; i++) {
        metric_add(arg, 1);
    }
    return NULL;
}

static void threads_lose_no_count(void **state)
{
    (void)state;
    struct metrics *m = metrics_new();
    struct metric *c = metric_counter(m, "n", NULL, "N.");
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, count, c);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(metric_value(c), 40000);
    metrics_free(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(registry_prints_the_text_format),
        cmocka_unit_test(histogram_counts_cumulatively_in_seconds),
        cmocka_unit_test(threads_lose_no_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
