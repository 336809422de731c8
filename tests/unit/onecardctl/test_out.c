/* Tables: widths as a terminal shows them, amounts, and that nobody's name steers the terminal. */
#include "ctl_test.h"

static char *shown(const char *json, const struct out_column *col, size_t n)
{
    char *text = NULL;
    size_t len;
    struct ctl c = {.out = open_memstream(&text, &len)};
    json_t *j = json_loads(json, 0, NULL);
    if (col)
        out_table(&c, j, col, n);
    else
        out_object(&c, j, 0);
    (void)fclose(c.out);
    json_decref(j);
    return text;
}

static void chinese_takes_two_columns(void **state)
{
    (void)state;
    assert_int_equal(out_width("abc"), 3);
    assert_int_equal(out_width("市民卡"), 6);
    assert_int_equal(out_width("（补登）"), 8);
    assert_int_equal(out_width("e\u0301"), 1);
    assert_int_equal(out_width("\xFF\xFE"), 2);
    assert_int_equal(out_width("\xE5\xB8"), 2); /* cut in the middle */
}

static void columns_stand_under_each_other(void **state)
{
    (void)state;
    static const struct out_column col[] = {{"name", "name", OUT_TEXT},
                                            {"amount", "amount_fen", OUT_FEN},
                                            {"x", "x", OUT_TEXT},
                                            {"end", "end", OUT_TEXT}};
    char *t = shown("[{\"name\":\"公交\",\"amount_fen\":123456,\"end\":\"a\"},{\"name\":"
                    "\"hospital\",\"amount_fen\":-5,\"end\":\"b\"}]",
                    col, ARRAY_LEN(col));
    assert_string_equal(t, "name        amount  end\n"
                           "公交      1,234.56  a\n"
                           "hospital     -0.05  b\n");
    free(t);
}

static void control_characters_do_not_reach_the_terminal(void **state)
{
    (void)state;
    static const struct out_column col[] = {{"name", "name", OUT_TEXT}};
    char *t = shown("[{\"name\":\"a\\u001b[2Jb\\u0007\\u009bc\\u202ed\"}]", col, 1);
    assert_string_equal(t, "name\na?[2Jb??c?d\n");
    free(t);
}

static void objects_show_amounts_in_yuan_and_leave_nothing_out(void **state)
{
    (void)state;
    char *t = shown("{\"id\":\"c1\",\"purse_fen\":2050,\"seen\":null,\"doubts\":1,\"doubts_fen\":5,"
                    "\"chip\":{\"balance_fen\":7,\"online\":null},"
                    "\"none\":{\"a\":null},\"at\":\"2026-11-21T08:30:05+08:00\"}",
                    NULL, 0);
    assert_string_equal(t, "id             c1\n"
                           "purse          20.50\n"
                           "doubts         1\n"
                           "doubts amount  0.05\n"
                           "chip:\n"
                           "  balance  0.07\n"
                           "at             2026-11-21 08:30:05\n");
    free(t);
}

static void first_member_that_is_there_counts(void **state)
{
    (void)state;
    json_t *j = json_loads("{\"a\":null,\"b\":{\"c\":\"x\"}}", 0, NULL);
    assert_string_equal(json_string_value(out_member(j, "a|b.c")), "x");
    assert_null(out_member(j, "a|b.d"));
    json_decref(j);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chinese_takes_two_columns),
        cmocka_unit_test(columns_stand_under_each_other),
        cmocka_unit_test(control_characters_do_not_reach_the_terminal),
        cmocka_unit_test(objects_show_amounts_in_yuan_and_leave_nothing_out),
        cmocka_unit_test(first_member_that_is_there_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
