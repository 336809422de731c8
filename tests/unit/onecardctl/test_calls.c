/* Verbs that are one call: what they ask, what they print, what becomes of errors. */
#include "ctl_test.h"
#include "fake_api.h"

#include <signal.h>
#include <unistd.h>

static struct fake_api fake; /* too large for a stack; one test at a time */

static struct said ask(struct fake_api *f, const struct fake_step *steps, int count,
                       const char *const *words)
{
    const char *all[ARGS_MAX] = {"--socket", f->path};
    size_t n = 2;
    assert_int_equal(fake_api_start(f, steps, count), 0);
    for (; *words && n < ARGS_MAX - 1; words++)
        all[n++] = *words;
    struct said s = say(all);
    fake_api_stop(f);
    return s;
}
#define ASK(f, steps, ...)                                                                         \
    ask(f, steps, (int)ARRAY_LEN(steps), (const char *const[]){__VA_ARGS__, NULL})

static void json_is_the_apis_object_in_one_line(void **state)
{
    (void)state;
    static const struct fake_step steps[] = {
        {.method = "GET",
         .path = "/v1/cards?state=active&limit=2&after=c9",
         .status = 200,
         .body = "{ \"items\" : [ {\"b\":1,\"a\":\"中\"} ],\n \"next\": null }"}};
    struct said s = ASK(&fake, steps, "--json", "card", "list", "--state", "active", "--limit", "2",
                        "--after", "c9");
    assert_int_equal(s.status, CTL_DONE);
    assert_string_equal(s.out, "{\"items\":[{\"b\":1,\"a\":\"中\"}],\"next\":null}\n");
    said_fini(&s);
}

static void an_error_is_one_sentence_and_status_1(void **state)
{
    (void)state;
    static const struct fake_step steps[] = {
        {.method = "GET",
         .path = "/v1/cards/a%2Fb%20c",
         .status = 404,
         .body = "{\"error\":{\"code\":\"not_found\",\"message\":\"there is no card\"}}"}};
    struct said s = ASK(&fake, steps, "card", "show", "a/b c");
    assert_int_equal(s.status, CTL_FAILED);
    assert_string_equal(s.err, "onecardctl: there is no card\n");
    assert_string_equal(s.out, "");
    said_fini(&s);
    s = ASK(&fake, steps, "card", "show", "a/b c", "--json");
    assert_int_equal(s.status, CTL_FAILED);
    assert_non_null(strstr(s.out, "\"not_found\""));
    said_fini(&s);
}

static void an_answer_that_is_no_json_is_an_error(void **state)
{
    (void)state;
    static const struct fake_step steps[] = {
        {.method = "GET", .path = "/v1/status", .status = 200, .body = "<html>"}};
    struct said s = ASK(&fake, steps, "status");
    assert_int_equal(s.status, CTL_FAILED);
    said_fini(&s);
}

static void day_close_names_the_day_that_is_open(void **state)
{
    (void)state;
    static const struct fake_step steps[] = {
        {.method = "GET",
         .path = "/v1/status",
         .status = 200,
         .body = "{\"open_day\":\"2026-11-22\"}"},
        {.method = "POST", .path = "/v1/day/close", .status = 200, .body = "{}"}};
    static const struct fake_step one[] = {
        {.method = "POST", .path = "/v1/day/close", .status = 200, .body = "{}"}};
    struct said s = ASK(&fake, steps, "day", "close");
    assert_int_equal(s.status, CTL_DONE);
    assert_non_null(strstr(fake.asked[1].body, "\"2026-11-22\""));
    said_fini(&s);
    s = ASK(&fake, one, "day", "close", "--date", "2026-11-21", "--early");
    assert_non_null(strstr(fake.asked[0].body, "\"2026-11-21\""));
    assert_non_null(strstr(fake.asked[0].body, "\"early\""));
    said_fini(&s);
}

static void more_pages_are_announced(void **state)
{
    (void)state;
    static const struct fake_step steps[] = {
        {.method = "GET",
         .path = "/v1/txns",
         .status = 200,
         .body = "{\"items\":[{\"txn\":\"A\",\"amount_fen\":5,\"reason\":\"lost\",\"reason_zh\":"
                 "\"卡已挂失\"}],\"next\":\"A\"}"}};
    struct said s = ASK(&fake, steps, "txn", "list", "--lang", "zh");
    assert_int_equal(s.status, CTL_DONE);
    assert_non_null(strstr(s.out, "0.05"));
    assert_non_null(strstr(s.out, "lost 卡已挂失"));
    assert_non_null(strstr(s.err, "--after A"));
    said_fini(&s);
}

static void a_loss_tells_from_when_it_is_borne(void **state)
{
    (void)state;
    static const struct fake_step steps[] = {
        {.method = "POST",
         .path = "/v1/cards/8888/report-loss",
         .status = 200,
         .body = "{\"number\":\"8888\",\"state\":\"lost\",\"loss_effective\":\"2026-11-22T08:30:05+"
                 "08:00\"}"}};
    struct said s = ASK(&fake, steps, "card", "report-loss", "8888", "--why", "telephone 12345");
    assert_int_equal(s.status, CTL_DONE);
    assert_non_null(strstr(s.out, "card 8888 is lost"));
    assert_non_null(strstr(s.out, "2026-11-22 08:30:05"));
    assert_string_equal(fake.asked[0].body, "{\"why\":\"telephone 12345\"}");
    said_fini(&s);
}

static void faults_of_the_ledger_are_status_1(void **state)
{
    (void)state;
    static const struct fake_step bad[] = {{.method = "POST",
                                            .path = "/v1/ledger/verify",
                                            .status = 200,
                                            .body = "{\"good\":false,\"faults\":2}"}};
    static const struct fake_step good[] = {{.method = "POST",
                                             .path = "/v1/ledger/verify",
                                             .status = 200,
                                             .body = "{\"good\":true,\"faults\":0}"}};
    struct said s = ASK(&fake, bad, "ledger", "verify");
    assert_int_equal(s.status, CTL_FAILED);
    said_fini(&s);
    s = ASK(&fake, good, "ledger", "verify");
    assert_int_equal(s.status, CTL_DONE);
    said_fini(&s);
}

static void denylist_import_takes_good_lines_and_reports_each_bad_one(void **state)
{
    (void)state;
    static const struct fake_step steps[] = {
        {.method = "POST",
         .path = "/v1/denylist/import",
         .status = 200,
         .body = "{\"added\":1,\"errors\":[{\"line\":6,\"message\":\"\\\"action\\\" must be refuse "
                 "or lock\"}]}"}};
    char file[] = "/tmp/onecardctl-deny.XXXXXX";
    int fd = mkstemp(file);
    assert_true(fd >= 0);
    static const char csv[] =
        "\xEF\xBB\xBFissuer,serial,action,why\r\n"
        "1020304000000001,00003100000000000001,refuse,\"sto\"\"len, twice\"\r\n"
        "# a remark\n\n"
        "1020304000000001\n"
        "1020304000000001,00003100000000000002,shred,x\n"
        "1020304000000001,3,refuse,\"open\n";
    assert_int_equal(write(fd, csv, sizeof csv - 1), sizeof csv - 1);
    (void)close(fd);
    struct said s = ASK(&fake, steps, "denylist", "import", file);
    (void)unlink(file);
    assert_int_equal(s.status, CTL_FAILED);
    assert_string_equal(s.out, "1 added, 3 bad\n");
    assert_non_null(strstr(s.err, "line 5: needs issuer"));
    assert_non_null(strstr(s.err, "line 6: \"action\""));
    assert_non_null(strstr(s.err, "line 7: a quote is not closed"));
    assert_non_null(strstr(fake.asked[0].body, "\"why\":\"sto\\\"len, twice\",\"line\":2"));
    said_fini(&s);
}

static void a_key_in_clear_is_sent_in_upper_case_and_never_printed(void **state)
{
    (void)state;
    static const struct fake_step steps[] = {{.method = "POST",
                                              .path = "/v1/keys/import",
                                              .status = 201,
                                              .body = "{\"purpose\":\"tac\",\"kcv\":\"ABCDEF\"}"}};
    struct said s = ASK(&fake, steps, "key", "import", "--purpose", "tac", "--alg", "3des",
                        "--version", "1", "--clear", "00112233445566778899aabbccddeeff");
    assert_int_equal(s.status, CTL_DONE);
    assert_non_null(strstr(fake.asked[0].body, "00112233445566778899AABBCCDDEEFF"));
    assert_null(strstr(s.out, "00112233"));
    assert_non_null(strstr(s.out, "ABCDEF"));
    said_fini(&s);
    s = SAY("--socket", "/nowhere", "key", "import", "--purpose", "tac", "--version", "1",
            "--clear", "0011");
    assert_int_equal(s.status, CTL_USAGE);
    assert_null(strstr(s.err, "0011"));
    said_fini(&s);
}

int main(void)
{
    (void)signal(SIGPIPE, SIG_IGN);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_is_the_apis_object_in_one_line),
        cmocka_unit_test(an_error_is_one_sentence_and_status_1),
        cmocka_unit_test(an_answer_that_is_no_json_is_an_error),
        cmocka_unit_test(day_close_names_the_day_that_is_open),
        cmocka_unit_test(more_pages_are_announced),
        cmocka_unit_test(a_loss_tells_from_when_it_is_borne),
        cmocka_unit_test(faults_of_the_ledger_are_status_1),
        cmocka_unit_test(denylist_import_takes_good_lines_and_reports_each_bad_one),
        cmocka_unit_test(a_key_in_clear_is_sent_in_upper_case_and_never_printed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
