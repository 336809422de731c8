/* onecardctl medical: several requests that make one answer. */
#include "ctl_test.h"
#include "fake_api.h"

#include <unistd.h>

static struct fake_api fake; /* too large for a stack; one test at a time */

static struct said ask(const struct fake_step *steps, int count, const char *const *words)
{
    const char *all[ARGS_MAX] = {"--socket", fake.path};
    size_t n = 2;
    assert_int_equal(fake_api_start(&fake, steps, count), 0);
    for (; *words && n < ARGS_MAX - 1; words++)
        all[n++] = *words;
    struct said s = say(all);
    fake_api_stop(&fake);
    return s;
}
#define ASK(steps, ...) ask(steps, (int)ARRAY_LEN(steps), (const char *const[]){__VA_ARGS__, NULL})

#define DONE(reply) "{\"outcome\":\"posted\",\"service\":\"medical.x\",\"reply\":" reply "}"
#define POST(reply_json)                                                                           \
    {                                                                                              \
        .method = "POST", .path = "/v1/requests", .status = 200, .body = DONE(reply_json)          \
    }

static void slots_of_all_pages_are_one_table(void **state)
{
    (void)state;
    static const struct fake_step steps[] = {
        POST("{\"schedule\":[{\"date\":20261123,\"actor\":\"w\",\"actorDisplay\":\"王\","
             "\"fee_fen\":1500,\"slot\":[{\"start\":830,\"free\":2},{\"start\":900,\"free\":1}]}],"
             "\"next\":\"k1\"}"),
        POST("{\"schedule\":[{\"date\":20261123,\"actor\":\"z\",\"actorDisplay\":\"张\","
             "\"fee_fen\":0,\"slot\":[{\"start\":1000,\"free\":4}]}],\"next\":\"\"}"),
    };
    struct said s = ASK(steps, "medical", "slots", "--terminal", "t", "--department", "neike");
    assert_int_equal(s.status, CTL_DONE);
    assert_non_null(strstr(s.out, "1000"));
    assert_non_null(strstr(s.out, "15.00"));
    assert_non_null(strstr(fake.asked[0].body, "\"medical.slots\""));
    assert_null(strstr(fake.asked[0].body, "after"));
    assert_non_null(strstr(fake.asked[1].body, "\"after\":\"k1\""));
    said_fini(&s);
}

static void a_report_is_opened_and_its_pages_read_as_one(void **state)
{
    (void)state;
    static const struct fake_step steps[] = {
        POST("{\"access\":\"261121-a\",\"citizen\":\"c1\",\"until_ms\":1}"),
        POST("{\"report\":{\"id\":\"R1\",\"result\":[{\"code\":\"a\"}]},\"next\":1}"),
        POST("{\"report\":{\"id\":\"R1\",\"result\":[{\"code\":\"b\"}]},\"next\":0}"),
    };
    struct said s = ASK(steps, "--json", "medical", "read", "report", "--terminal", "t", "--report",
                        "R1", "--hospital", "h1");
    assert_int_equal(s.status, CTL_DONE);
    assert_string_equal(
        s.out, "{\"report\":{\"id\":\"R1\",\"result\":[{\"code\":\"a\"},{\"code\":\"b\"}]}}\n");
    assert_non_null(strstr(fake.asked[0].body, "\"medical.report\""));
    assert_non_null(strstr(fake.asked[1].body, "\"access\":\"261121-a\""));
    assert_non_null(strstr(fake.asked[1].body, "\"citizen\":\"c1\""));
    assert_non_null(strstr(fake.asked[2].body, "\"from\":\"1\""));
    said_fini(&s);
}

static void an_emergency_needs_its_reason_and_its_citizen(void **state)
{
    (void)state;
    static const struct fake_step steps[] = {
        POST("{\"access\":\"261121-a\",\"citizen\":\"c1\"}"),
        POST("{\"reports\":[],\"next\":\"\"}"),
    };
    struct said s = ASK(steps, "medical", "read", "reports", "--terminal", "t", "--emergency",
                        "unconscious", "--citizen", "c1");
    assert_int_equal(s.status, CTL_DONE);
    assert_string_equal(s.out, "reports: none\n");
    assert_non_null(strstr(fake.asked[0].body, "\"medical.emergency\""));
    assert_non_null(strstr(fake.asked[0].body, "\"reason\":\"unconscious\""));
    said_fini(&s);
    s = SAY("medical", "read", "reports", "--terminal", "t", "--citizen", "c1");
    assert_int_equal(s.status, CTL_USAGE);
    said_fini(&s);
    s = SAY("medical", "read", "diary", "--terminal", "t");
    assert_int_equal(s.status, CTL_USAGE);
    said_fini(&s);
}

static void a_refusal_is_told_and_nothing_is_read(void **state)
{
    (void)state;
    static const struct fake_step steps[] = {
        {.method = "POST",
         .path = "/v1/requests",
         .status = 200,
         .body = "{\"outcome\":\"refused\",\"reason\":\"needs_presence\",\"reason_text\":"
                 "\"the holder must be present\",\"service\":\"medical.reports\"}"}};
    struct said s = ASK(steps, "medical", "read", "reports", "--terminal", "t");
    assert_int_equal(s.status, CTL_FAILED);
    assert_non_null(strstr(s.out, "needs_presence"));
    assert_int_equal(fake.asked_count, 1);
    said_fini(&s);
}

static void a_document_is_read_from_its_file_and_sent(void **state)
{
    (void)state;
    static const struct fake_step steps[] = {POST("{\"bill\":\"B1\",\"status\":\"issued\"}")};
    char path[] = ONECARD_SCRATCH "/onecardctl-medical-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "{\"id\":\"B1\"}", 11), 11);
    struct said s =
        ASK(steps, "medical", "put", "bill", path, "--terminal", "t", "--citizen", "c1");
    assert_int_equal(s.status, CTL_DONE);
    assert_non_null(strstr(fake.asked[0].body, "\"document\":{\"id\":\"B1\"}"));
    assert_non_null(strstr(fake.asked[0].body, "\"medical.bill_put\""));
    said_fini(&s);
    assert_int_equal(ftruncate(fd, 5), 0);
    s = SAY("medical", "put", "bill", path, "--terminal", "t");
    assert_int_equal(s.status, CTL_FAILED);
    assert_non_null(strstr(s.err, ":1:"));
    said_fini(&s);
    s = SAY("medical", "put", "poem", path, "--terminal", "t");
    assert_int_equal(s.status, CTL_USAGE);
    said_fini(&s);
    (void)close(fd);
    (void)unlink(path);
}

static void sweeping_goes_on_until_nobody_is_left(void **state)
{
    (void)state;
    static const struct fake_step steps[] = {POST("{\"missed\":1}"), POST("{\"missed\":1}"),
                                             POST("{\"missed\":0}")};
    struct said s = ASK(steps, "medical", "sweep", "--terminal", "t", "--day", "20261121");
    assert_int_equal(s.status, CTL_DONE);
    assert_string_equal(s.out, "2 missed appointments counted\n");
    said_fini(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slots_of_all_pages_are_one_table),
        cmocka_unit_test(a_report_is_opened_and_its_pages_read_as_one),
        cmocka_unit_test(an_emergency_needs_its_reason_and_its_citizen),
        cmocka_unit_test(a_refusal_is_told_and_nothing_is_read),
        cmocka_unit_test(a_document_is_read_from_its_file_and_sent),
        cmocka_unit_test(sweeping_goes_on_until_nobody_is_left),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
