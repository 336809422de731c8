/* onecardctl transit: fares quoted and tables checked without a daemon, and compared over its
 * rides. */
#include "ctl_test.h"

#include "fake_api.h"

#include <unistd.h>

#define SAMPLES ONECARD_SOURCE_DIR "/conf/fares"

static struct fake_api fake;

static void contains(const char *text, const char *part)
{
    if (!strstr(text, part))
        fail_msg("\"%s\" is not in:\n%s", part, text);
}

static void fares_are_quoted_without_a_daemon(void **state)
{
    (void)state;
    struct said s =
        SAY("--json", "transit", "fare", "--fares", SAMPLES, "--table", "metro", "--from", "火车站",
            "--to", "203", "--category", "student", "--at", "2026-12-31 23:59");
    assert_int_equal(s.status, CTL_DONE);
    contains(s.out, "\"fare_fen\":300");
    contains(s.out, "\"table_from\":\"2026-01-01\"");
    contains(s.out, "\"concession_fen\":300");
    said_fini(&s);
    s = SAY("--json", "transit", "fare", "--fares", SAMPLES, "--table", "metro", "--from", "101",
            "--to", "203", "--at", "2027-01-04 11:00");
    contains(s.out, "\"gross_fen\":700");
    contains(s.out, "\"fare_fen\":630");
    said_fini(&s);
}

static void what_is_missing_or_unknown_is_said(void **state)
{
    (void)state;
    static const struct {
        const char *words[12], *says;
        int status;
    } cases[] = {
        {{"--table", "metro", "--from", "101"}, "needs --to", CTL_USAGE},
        {{"--table", "metro", "--from", "101", "--to", "nowhere"},
         "no station \"nowhere\"",
         CTL_FAILED},
        {{"--table", "tram"}, "no table \"tram\"", CTL_FAILED},
        {{"--table", "bus", "--category", "king"}, "no concession", CTL_FAILED},
        {{"--table", "bus", "--at", "soon"}, "--at looks like", CTL_USAGE},
        {{"--from", "101"}, "which one? --table", CTL_USAGE},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const char *words[20] = {"transit", "fare", "--fares", SAMPLES};
        for (size_t k = 0; cases[i].words[k]; k++)
            words[4 + k] = cases[i].words[k];
        struct said s = say(words);
        assert_int_equal(s.status, cases[i].status);
        contains(s.err, cases[i].says);
        said_fini(&s);
    }
}

static void tables_are_listed_with_what_is_in_force(void **state)
{
    (void)state;
    struct said s = SAY("--json", "transit", "tables", "--fares", SAMPLES, "--at", "2026-12-31");
    assert_int_equal(s.status, CTL_DONE);
    contains(s.out, "\"state\":\"to_come\"");
    said_fini(&s);
    s = SAY("--json", "transit", "tables", "--fares", SAMPLES, "--at", "2027-01-01");
    contains(s.out, "\"state\":\"past\"");
    assert_null(strstr(s.out, "to_come"));
    said_fini(&s);
}

static void wrong_tables_are_told_with_their_places(void **state)
{
    (void)state;
    char path[] = ONECARD_SCRATCH "/fare-XXXXXX.yaml";
    int fd = mkstemps(path, 5);
    static const char text[] = "name: x\nfrom: 2026-13-01\nkind: flat\nflat: lots\nfoo: 1\n";
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
    struct said s = SAY("transit", "check", SAMPLES "/bus-2026.yaml", path);
    assert_int_equal(s.status, CTL_FAILED);
    contains(s.out, "good: table bus");
    contains(s.err, ":2:7: \"2026-13-01\" is no day");
    contains(s.err, ":4:7: \"lots\" is no amount");
    contains(s.err, ":5:6: there is no key \"foo\"");
    said_fini(&s);
    unlink(path);
    s = SAY("transit", "check", "/nonexistent.yaml");
    assert_int_equal(s.status, CTL_FAILED);
    said_fini(&s);
}

#define RIDE(id, card, category, from, to, at, end, paid)                                          \
    "{\"txn\":\"" id "\",\"card\":\"" card "\",\"amount_fen\":" #paid                              \
    ",\"reply\":{\"ride\":{\"table\":\"metro\",\"at\":\"" at "\",\"end\":\"" end                   \
    "\",\"line\":0,\"from\":" #from ",\"to\":" #to ",\"category\":\"" category "\"}}}"

static void two_tables_are_compared_over_the_rides_of_the_ledger(void **state)
{
    (void)state;
    static const struct fake_step steps[] = {
        {.method = "GET",
         .path = "/v1/txns?date=2026-11-30",
         .status = 200,
         .body =
             "{\"items\":[{\"txn\":\"A\",\"service\":\"transit.exit\",\"state\":\"posted\"},"
             "{\"txn\":\"X\",\"service\":\"payment.load\",\"state\":\"posted\"},"
             "{\"txn\":\"Y\",\"service\":\"transit.exit\",\"state\":\"voided\"},"
             "{\"txn\":\"Z\",\"service\":\"transit.exit\",\"state\":\"posted\",\"refunded_fen\":1},"
             "{\"txn\":\"E\",\"service\":\"transit.gate\",\"state\":\"posted\",\"gross_fen\":0}"
             "],\"next\":\"E\"}"},
        {.method = "GET",
         .path = "/v1/txns/A",
         .status = 200,
         .body = RIDE("A", "c1", "", 101, 203, "20261130110000", "20261130114000", 600)},
        {.method = "GET",
         .path = "/v1/txns?date=2026-11-30&limit=500&after=E",
         .status = 200,
         .body = "{\"items\":[{\"txn\":\"B\",\"service\":\"transit.gate\",\"state\":\"posted\","
                 "\"gross_fen\":600}],\"next\":null}"},
        {.method = "GET",
         .path = "/v1/txns/B",
         .status = 200,
         .body = RIDE("B", "c2", "student", 101, 203, "20261130200000", "20261130204000", 300)},
        {.method = "GET",
         .path = "/v1/txns?date=2026-12-01",
         .status = 200,
         .body = "{\"items\":[{\"txn\":\"C\",\"service\":\"transit.exit\",\"state\":\"posted\"}],"
                 "\"next\":null}"},
        {.method = "GET",
         .path = "/v1/txns/C",
         .status = 200,
         .body = RIDE("C", "c1", "", 101, 102, "20261201200000", "20261201201000", 200)},
    };
    assert_int_equal(fake_api_start(&fake, steps, (int)ARRAY_LEN(steps)), 0);
    struct said s = SAY("--json", "--dir", fake.dir, "--socket", fake.path, "transit", "compare",
                        "--old", SAMPLES "/metro-2026.yaml", "--new", SAMPLES "/metro-2027.yaml",
                        "--from", "2026-11-30", "--to", "2026-12-01");
    fake_api_stop(&fake);
    if (s.status != CTL_DONE)
        fail_msg("%s", s.err);
    assert_int_equal(fake.asked_count, 6);
    /* adults: 6.00 + 2.00; anew 7.00 less 10% before four o'clock, 2.00. The student: 3.00, 3.50 */
    contains(s.out, "{\"key\":\"adult\",\"rides\":2,\"paid_fen\":800,\"old_gross_fen\":800,"
                    "\"new_gross_fen\":900,\"old_fen\":800,\"new_fen\":830,\"difference_fen\":30}");
    contains(s.out, "{\"key\":\"student\",\"rides\":1,\"paid_fen\":300,\"old_gross_fen\":600,"
                    "\"new_gross_fen\":700,\"old_fen\":300,\"new_fen\":350,\"difference_fen\":50}");
    contains(s.out, "{\"key\":\"all\",\"rides\":3");
    contains(s.out, "\"pairs\":[{\"key\":\"101-203\",\"rides\":2");
    said_fini(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fares_are_quoted_without_a_daemon),
        cmocka_unit_test(what_is_missing_or_unknown_is_said),
        cmocka_unit_test(tables_are_listed_with_what_is_in_force),
        cmocka_unit_test(wrong_tables_are_told_with_their_places),
        cmocka_unit_test(two_tables_are_compared_over_the_rides_of_the_ledger),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
