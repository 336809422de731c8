#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/base.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char *text;
static size_t text_len;
static FILE *stream;

static int open_stream(void **state)
{
    (void)state;
    text_len = 0;
    stream = open_memstream(&text, &text_len);
    log_set_stream(stream);
    log_set_level(LOG_INFO);
    return stream ? 0 : -1;
}

static int close_stream(void **state)
{
    (void)state;
    log_set_stream(NULL);
    fclose(stream);
    free(text);
    return 0;
}

static void line_has_time_level_area_and_text(void **state)
{
    (void)state;
    errno = EPIPE;
    log_info("card", "issued card=%s n=%d", "1234", 5);
    assert_int_equal(errno, EPIPE);
    assert_int_equal(text[4], '-');
    assert_int_equal(text[10], 'T');
    assert_int_equal(text[19], '.');
    assert_string_equal(text + 23, "Z INFO card: issued card=1234 n=5\n");
}

static void lines_above_the_level_are_dropped(void **state)
{
    (void)state;
    log_debug("card", "not seen");
    assert_int_equal(text_len, 0);
    enum log_level level;
    assert_int_equal(log_level_parse("debug", &level), 0);
    log_set_level(level);
    log_debug("card", "seen");
    assert_non_null(strstr(text, "DEBUG card: seen\n"));
    assert_int_equal(log_level_parse("loud", &level), OC_EINVAL);
}

static void outside_text_cannot_forge_lines_or_move_the_cursor(void **state)
{
    (void)state;
    log_warn("api", "name=%s", "a\nERROR\r\x1b[2J\x7f\xC2\x9B|\xFF\xE5\x8D|市民卡");
    assert_non_null(
        strstr(text, "name=a\\x0AERROR\\x0D\\x1B[2J\\x7F\\xC2\\x9B|\\xFF\\xE5\\x8D|市民卡\n"));
    assert_ptr_equal(strchr(text, '\n'), text + text_len - 1);
}

static void long_line_is_cut_between_characters(void **state)
{
    (void)state;
    char *many = calloc(1, 6001);
    for (int i = 0; i < 2000; i++)
        memcpy(many + 3 * i, "卡", 3);
    log_info("x", "%s", many);
    free(many);
    assert_true(text_len <= 2048);
    assert_true(text_len > 2000);
    assert_int_equal(text[text_len - 1], '\n');
}

static void complain(void)
{
    log_warn("disk", "full");
}

static unsigned count_of(const char *what)
{
    unsigned n = 0;
    for (const char *p = text; (p = strstr(p, what)); p++)
        n++;
    return n;
}

static void what_one_place_complains_of_is_bounded_and_the_rest_is_counted(void **state)
{
    (void)state;
    unsigned left_out = 0, said;
    for (int i = 0; i < 1000; i++)
        complain();
    log_warn("other", "still heard");
    assert_non_null(strstr(text, "still heard"));
    assert_in_range(count_of("disk: full"), LOG_BURST,
                    5 * LOG_BURST); /* of seconds begun meanwhile */
    sleep(1);
    complain();
    said = count_of("disk: full");
    for (const char *p = text; (p = strstr(p, " WARN log: ")); p++)
        left_out += (unsigned)strtoul(p + strlen(" WARN log: "), NULL, 10);
    assert_int_equal(said + left_out, 1001);
}

static void *write_lines(void *arg)
{
    for (int i = 0; i < 500; i++)
        log_info("thread", "%s", (const char *)arg);
    return NULL;
}

static void lines_of_threads_never_mix(void **state)
{
    (void)state;
    static char names[4][41];
    pthread_t threads[4];
    for (int i = 0; i < 4; i++) {
        memset(names[i], 'a' + i, 40);
        pthread_create(&threads[i], NULL, write_lines, names[i]);
    }
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    int lines = 0;
    for (char *p = text, *end; (end = strchr(p, '\n')); p = end + 1, lines++)
        if (end - p < 41 || strspn(end - 40, (char[]){end[-1], 0}) != 40)
            fail_msg("line %d is mixed", lines);
    assert_int_equal(lines, 2000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(line_has_time_level_area_and_text, open_stream,
                                        close_stream),
        cmocka_unit_test_setup_teardown(lines_above_the_level_are_dropped, open_stream,
                                        close_stream),
        cmocka_unit_test_setup_teardown(outside_text_cannot_forge_lines_or_move_the_cursor,
                                        open_stream, close_stream),
        cmocka_unit_test_setup_teardown(long_line_is_cut_between_characters, open_stream,
                                        close_stream),
        cmocka_unit_test_setup_teardown(
            what_one_place_complains_of_is_bounded_and_the_rest_is_counted, open_stream,
            close_stream),
        cmocka_unit_test_setup_teardown(lines_of_threads_never_mix, open_stream, close_stream),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
