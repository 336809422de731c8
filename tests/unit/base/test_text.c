#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/base.h"

static void check(const char *in, const char *want)
{
    char s[32];
    snprintf(s, sizeof s, "%s", in);
    assert_string_equal(text_trim_utf8(s), want);
}

static void half_a_character_at_the_end_is_taken_off(void **state)
{
    (void)state;
    check("", "");
    check("abc", "abc");
    check("很很", "很很");
    check("a\xE5\xBE\x88\xE5\xBE", "a很");
    check("a\xE5\xBE\x88\xE5", "a很");
    check("\xC3\xA4\xC3", "ä");
    check("x\xF0\x9F\x9A", "x");
    check("x\xF0\x9F\x9A\x8C", "x\xF0\x9F\x9A\x8C");
}

static void bytes_that_are_no_character_become_question_marks(void **state)
{
    (void)state;
    check("a\xFF" "b", "a?b");
    check("x\xE5\xBE...", "x??...");
    check("\xC0\x80", "??");
    check("\xED\xA0\x80.", "???.");
    check("\x88\x88", "??");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(half_a_character_at_the_end_is_taken_off),
                                       cmocka_unit_test(bytes_that_are_no_character_become_question_marks)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
