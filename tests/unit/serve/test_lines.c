/* Lines in crowds: one a second of each reason, and the number of the others. */
#include "serve/lines.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct lines lines;
static unsigned written[3];
static char *text;
static size_t size;

static int crowd(void *arg) CO_FN;
static int crowd(void *arg)
{
    static const char *const whys[] = {"closed", "silent"};
    struct loop *loop = arg;
    lines_init(&lines, loop, "sessions ended");
    for (int i = 0; i < 1000; i++)
        written[i % 10 == 0] += lines_may(&lines, whys[i % 10 == 0]);
    int rc = flow_co_sleep_ms(1300);
    written[2] = lines_may(&lines, "closed");
    return rc;
}

static void one_a_second_of_each_reason_and_the_number_of_the_others(void **state)
{
    struct loop *loop = NULL;
    (void)state;
    FILE *log = open_memstream(&text, &size);
    assert_non_null(log);
    assert_int_equal(loop_new(&loop, NULL), 0);
    log_set_stream(log);
    int rc = loop_run_flow(loop, "crowd", crowd, loop);
    log_set_stream(NULL);
    loop_free(&loop);
    (void)fclose(log);
    assert_int_equal(rc, 0);
    assert_int_equal(written[0], 1);
    assert_int_equal(written[1], 1);
    assert_non_null(strstr(text, "and 899 more sessions ended: closed\n"));
    assert_non_null(strstr(text, "and 99 more sessions ended: silent\n"));
    assert_int_equal(written[2], 0); /* the summary was this second's line */
    free(text);
}

static int many(void *arg) CO_FN;
static int many(void *arg)
{
    static char names[2 * LINES_MAX][16];
    unsigned n = 0;
    lines_init(&lines, arg, "sessions ended");
    for (unsigned i = 0; i < 2 * LINES_MAX; i++) {
        (void)snprintf(names[i], sizeof names[i], "reason %u", i);
        n += lines_may(&lines, names[i]);
    }
    return (int)n;
}

static void more_reasons_than_places_share_the_last(void **state)
{
    struct loop *loop = NULL;
    (void)state;
    log_set_stream(fopen("/dev/null", "w"));
    assert_int_equal(loop_new(&loop, NULL), 0);
    assert_int_equal(loop_run_flow(loop, "many", many, loop), LINES_MAX);
    log_set_stream(NULL);
    loop_free(&loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_a_second_of_each_reason_and_the_number_of_the_others),
        cmocka_unit_test(more_reasons_than_places_share_the_last),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
