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

static void offline_file_reports_each_bad_line_with_its_column(void **state)
{
    (void)state;
    static const struct fake_step steps[] = {
        {.method = "POST",
         .path = "/v1/offline/import",
         .status = 200,
         .body = "{\"results\":{\"posted\":1},\"again\":{},\"lines\":[{\"line\":3,\"result\":\"grey\","
                 "\"detail\":\"no TAC\",\"txn\":null}],\"errors\":[{\"line\":5,\"message\":\"\\\"sam\\\" "
                 "must be 12 hexadecimal digits\"},{\"line\":2,\"message\":\"\\\"type\\\" a\"},"
                 "{\"line\":3,\"message\":\"\\\"counter\\\" b\"},{\"line\":99,\"message\":\"\\\"sam\\\" "
                 "c\"}]}"}};
    static const char text[] = "serial,sam,type,counter,amount_fen,sam_seq,date,time\n"
                               "31,100000000012,06,1,450,7,2026-11-22,08:30:05\r\n"
                               "31,100000000012,06,2,450,8,20261122,083006\n"
                               "31,100000000012,06,65536,450,8,20261122,083006\n"
                               "31,100000000013,06,3,450,9,20261122,083007\n"
                               "31,100000000012,06,4\n"
                               "31,100000000012,06,4,450,9,2026-13-01,083007\n";
    char path[] = ONECARD_SCRATCH "/onecardctl-offline-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, sizeof text - 1), (ssize_t)sizeof text - 1);
    (void)close(fd);
    struct said s = ASK(&fake, steps, "offline", "import", path, "--terminal-of", "bus12");
    (void)unlink(path);
    assert_int_equal(s.status, CTL_FAILED);
    assert_string_equal(s.out, "1 posted, 7 bad\n");
    assert_non_null(strstr(s.err, "line 3: grey: no TAC\n"));
    assert_non_null(strstr(s.err, ":4:20: \"counter\" must be a whole number from 0 to 65535\n"));
    assert_non_null(strstr(s.err, ":5:4: \"sam\" must be"));
    assert_non_null(strstr(s.err, ":2:17: \"type\" a\n"));
    assert_non_null(strstr(s.err, ":3:20: \"counter\" b\n"));
    assert_non_null(strstr(s.err, ":99:1: \"sam\" c\n"));
    assert_non_null(strstr(s.err, ":6:20: the heading has 8 columns, this line fewer\n"));
    assert_non_null(strstr(s.err, ":7:28: \"date\" must be a date"));
    assert_non_null(strstr(fake.asked[0].body, "\"terminal\":\"bus12\""));
    assert_null(strstr(fake.asked[0].body, "\"line\":4,"));
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
    char file[] = ONECARD_SCRATCH "/onecardctl-deny.XXXXXX";
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

/* Saves a text under a new name; give it to unlink(). */
static const char *file_of(const char *text, size_t len)
{
    static char file[40];
    (void)strcpy(file, ONECARD_SCRATCH "/onecardctl-calls.XXXXXX");
    int fd = mkstemp(file);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, len), len);
    (void)close(fd);
    return file;
}

/* A kept connection that ends without an answer is tried once more by libcurl, whatever was asked. */
static void what_changes_things_is_sent_once_on_a_connection_of_its_own(void **state)
{
    (void)state;
    static const struct fake_step steps[] = {
        {.method = "GET", .path = "/v1/status", .status = 200, .body = "{\"open_day\":\"2026-11-21\"}"},
        {.method = "POST", .path = "/v1/day/close", .status = 0}};
    struct said s = ASK(&fake, steps, "day", "close");
    assert_int_equal(s.status, CTL_FAILED);
    assert_non_null(strstr(s.err, "no proper answer"));
    assert_int_equal(fake.asked_count, 2);
    said_fini(&s);
}

static void a_proof_without_a_verdict_is_no_proof(void **state)
{
    (void)state;
    static const struct fake_step none[] = {
        {.method = "POST", .path = "/v1/ledger/verify", .status = 200, .body = "{\"ops\":7}"}};
    struct said s = ASK(&fake, none, "ledger", "verify");
    assert_int_equal(s.status, CTL_FAILED);
    assert_non_null(strstr(s.err, "without a verdict"));
    assert_null(strstr(s.out, "agree"));
    said_fini(&s);
}

static void an_answer_without_a_list_is_not_an_empty_list(void **state)
{
    (void)state;
    static const struct fake_step steps[] = {
        {.method = "GET", .path = "/v1/doubts", .status = 200, .body = "{}"}};
    struct said s = ASK(&fake, steps, "doubt", "list");
    assert_int_equal(s.status, CTL_FAILED);
    assert_string_equal(s.out, "");
    said_fini(&s);
}

static void answers_without_what_was_asked_for_do_no_harm(void **state)
{
    (void)state;
    static const struct fake_step token[] = {
        {.method = "POST", .path = "/v1/terminals/g1/enroll", .status = 201, .body = "{}"}};
    static const struct fake_step authority[] = {
        {.method = "GET", .path = "/v1/authority", .status = 200, .body = "{}"}};
    struct said s = ASK(&fake, token, "terminal", "enroll", "g1");
    assert_string_equal(s.out, "\n");
    said_fini(&s);
    s = ASK(&fake, authority, "terminal", "authority");
    assert_string_equal(s.out, "");
    said_fini(&s);
}

static void denylist_import_takes_nothing_of_a_file_in_utf16(void **state)
{
    (void)state;
    static const char utf16[] = "i\0s\0s\0u\0e\0r\0";
    const char *file = file_of(utf16, sizeof utf16 - 1);
    struct said s = SAY("--socket", "/nowhere", "denylist", "import", file);
    (void)unlink(file);
    assert_int_equal(s.status, CTL_FAILED);
    assert_non_null(strstr(s.err, "UTF-16"));
    assert_string_equal(s.out, "");
    said_fini(&s);
}

static void a_private_key_never_leaves_for_the_daemon(void **state)
{
    (void)state;
    static const char pem[] = "-----BEGIN PRIVATE KEY-----\nMC4CAQAw\n-----END PRIVATE KEY-----\n";
    const char *file = file_of(pem, sizeof pem - 1);
    struct said s = SAY("--socket", "/nowhere", "participant", "key", "h1", "--file", file);
    (void)unlink(file);
    assert_int_equal(s.status, CTL_USAGE);
    assert_non_null(strstr(s.err, "holds the private key"));
    said_fini(&s);
    s = SAY("--socket", "/nowhere", "participant", "key", "h1", "--file", "/nowhere/key");
    assert_non_null(strstr(s.err, "there is no such file"));
    said_fini(&s);
}

/* Left out, as they once were, they would ask another question. */
static void values_that_are_not_utf8_are_refused_before_anything_is_asked(void **state)
{
    (void)state;
    static const char *const lines[][10] = {
        {"shift", "close", "--terminal", "t", "--counted", "\xff"},
        {"medical", "slots", "--terminal", "t", "--department", "d", "--practitioner", "\xff"},
        {"medical", "read", "report", "--terminal", "t", "--report", "\xff"},
        {"citizen", "erase", "c1", "--why", "\xff"},
        {"citizen", "export", "c1", "--reason", "\xff"},
        {"citizen", "code", "\xff"}};
    for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
        const char *all[14] = {"--socket", "/nowhere"};
        memcpy(all + 2, lines[i], sizeof lines[i]);
        struct said s = say(all);
        assert_int_equal(s.status, CTL_USAGE);
        assert_non_null(strstr(s.err, "not UTF-8"));
        said_fini(&s);
    }
}

static void one_standard_input_is_not_read_twice(void **state)
{
    (void)state;
    struct said s = SAY("--socket", "/nowhere", "txn", "run", "social.personal", "--terminal", "t",
                        "--document", "-", "--pin", "-");
    assert_int_equal(s.status, CTL_USAGE);
    assert_non_null(strstr(s.err, "not both"));
    said_fini(&s);
}

static void an_export_that_cannot_be_written_leaves_nothing(void **state)
{
    (void)state;
    static const struct fake_step steps[] = {{.method = "POST",
                                              .path = "/v1/citizens/c1/export",
                                              .status = 200,
                                              .body = "{\"name\":\"王\"}"}};
    const char *file = file_of("old", 3);
    struct said s = ASK(&fake, steps, "citizen", "export", "c1", "--reason", "asked", "--file", file);
    assert_int_equal(s.status, CTL_FAILED);
    assert_non_null(strstr(s.err, "a new file"));
    assert_int_equal(access(file, F_OK), 0); /* somebody's own stays */
    (void)unlink(file);
    said_fini(&s);
    s = ASK(&fake, steps, "citizen", "export", "c1", "--reason", "asked", "--file", "/dev/full");
    assert_int_equal(s.status, CTL_FAILED);
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
        cmocka_unit_test(offline_file_reports_each_bad_line_with_its_column),
        cmocka_unit_test(a_loss_tells_from_when_it_is_borne),
        cmocka_unit_test(faults_of_the_ledger_are_status_1),
        cmocka_unit_test(denylist_import_takes_good_lines_and_reports_each_bad_one),
        cmocka_unit_test(a_key_in_clear_is_sent_in_upper_case_and_never_printed),
        cmocka_unit_test(what_changes_things_is_sent_once_on_a_connection_of_its_own),
        cmocka_unit_test(a_proof_without_a_verdict_is_no_proof),
        cmocka_unit_test(an_answer_without_a_list_is_not_an_empty_list),
        cmocka_unit_test(answers_without_what_was_asked_for_do_no_harm),
        cmocka_unit_test(denylist_import_takes_nothing_of_a_file_in_utf16),
        cmocka_unit_test(a_private_key_never_leaves_for_the_daemon),
        cmocka_unit_test(values_that_are_not_utf8_are_refused_before_anything_is_asked),
        cmocka_unit_test(one_standard_input_is_not_read_twice),
        cmocka_unit_test(an_export_that_cannot_be_written_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
