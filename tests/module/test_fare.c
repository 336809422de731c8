/* R17: the fare as tables of cases. */
#include "modules/transit/fare.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define TODAY 20261121

static const struct fare_table table = {
    .items = {{"student", "education", 50},
              {"elder", "civil_affairs", 0},
              {"veteran", "treasury", 33}},
    .count = 3,
};

struct row {
    fen_t gross;
    struct fare_claim card, ledger;
    fen_t citizen;
    const char *bearer; /* NULL: full fare */
    bool mismatch;
};

static const struct row rows[] = {
    /* nobody claims anything */
    {200, {"", 0, 0}, {"", 0, 0}, 200, NULL, false},
    {200, {"adult", 0, 0}, {"", 0, 0}, 200, NULL, false},
    {200, {"adult", 0, 20300101}, {"adult", 0, 0}, 200, NULL, false},
    /* both agree */
    {200, {"student", 0, 20270630}, {"student", 20260901, 20270630}, 100, "education", false},
    {200, {"student", 0, 0}, {"student", 0, 0}, 100, "education", false},
    {200, {"elder", 0, 0}, {"elder", 0, 0}, 0, "civil_affairs", false},
    /* the last and the first day count */
    {200, {"student", 0, TODAY}, {"student", TODAY, TODAY}, 100, "education", false},
    /* half a fen is rounded up, for the citizen */
    {201, {"student", 0, 0}, {"student", 0, 0}, 101, "education", false},
    {199, {"student", 0, 0}, {"student", 0, 0}, 100, "education", false},
    {1, {"student", 0, 0}, {"student", 0, 0}, 1, "education", false},
    {1, {"veteran", 0, 0}, {"veteran", 0, 0}, 0, "treasury", false},
    {200, {"veteran", 0, 0}, {"veteran", 0, 0}, 66, "treasury", false},
    {INT64_C(1000000000),
     {"student", 0, 0},
     {"student", 0, 0},
     INT64_C(500000000),
     "education",
     false},
    /* a category without a concession pays in full */
    {200, {"disabled", 0, 0}, {"disabled", 0, 0}, 200, NULL, false},
    /* they differ */
    {200, {"student", 0, 0}, {"", 0, 0}, 200, NULL, true},
    {200, {"", 0, 0}, {"student", 0, 0}, 200, NULL, true},
    {200, {"student", 0, 0}, {"elder", 0, 0}, 200, NULL, true},
    /* one side has run out, or has not begun */
    {200, {"student", 0, 20261120}, {"student", 0, 0}, 200, NULL, true},
    {200, {"student", 0, 0}, {"student", 0, 20261120}, 200, NULL, true},
    {200, {"student", 0, 0}, {"student", 20261122, 0}, 200, NULL, true},
    /* both have run out: they agree that there is none */
    {200, {"student", 0, 20261120}, {"student", 0, 20261120}, 200, NULL, false},
};

static void R17_R14_fare_of_each_row_is_as_tabled_and_every_fen_has_a_bearer(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct row *r = &rows[i];
        struct fare f = fare_of(&table, r->gross, &r->card, &r->ledger, TODAY);
        if (f.citizen != r->citizen || f.mismatch != r->mismatch || !f.applied != !r->bearer ||
            (r->bearer && strcmp(f.applied->bearer, r->bearer) != 0) ||
            f.citizen + f.borne != f.gross) {
            fail_msg("row %zu: citizen %lld, borne %lld, mismatch %d", i, (long long)f.citizen,
                     (long long)f.borne, f.mismatch);
        }
    }
}

static void percent_texts_are_read_or_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int percent; /* -1: refused */
    } cases[] = {{"50%", 50},  {"50", 50}, {"free", 0},         {"0%", 0},    {"100%", 100},
                 {"101%", -1}, {"", -1},   {"%", -1},           {"half", -1}, {"5 0", -1},
                 {"50%%", -1}, {"-1", -1}, {"99999999999", -1}, {"50.5%", -1}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        unsigned percent = 777;
        bool ok = fare_percent(cases[i].text, &percent);
        if (ok != (cases[i].percent >= 0) || percent != (ok ? (unsigned)cases[i].percent : 777)) {
            fail_msg("\"%s\" gave %u", cases[i].text, percent);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(R17_R14_fare_of_each_row_is_as_tabled_and_every_fen_has_a_bearer),
        cmocka_unit_test(percent_texts_are_read_or_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
