/* What a bank sends back: what is wrong with a file is told line by line, the good lines go to the
 * daemon, and a file that does not agree with itself is not taken at all. */
#include "bank_file.h"
#include "ctl_test.h"
#include "fake_api.h"

#include <unistd.h>

#define HEADING "item,payee,amount_yuan,result,date,reference,reason\r\n"
#define LINE1   "2026-11-21/busco/m/1,busco,12.34,paid,2026-11-22,A1,\r\n"
#define LINE2                                                                                      \
    "2026-11-21/shop/m/1,shop,-1.00,returned,2026-11-22,A2,\"no such account, closed\"\r\n"
#define BOOKED                                                                                     \
    "{\"results\":{\"paid\":1,\"returned\":0,\"failed\":0,\"unchanged\":0},\"errors\":[]}"
#define ONE_BAD                                                                                    \
    "{\"results\":{\"paid\":1,\"returned\":0,\"failed\":0,\"unchanged\":1},\"errors\":[{\"line\":" \
    "5,\"message\":\"there is no item 2026-11-21/shop/m/1\"}]}"

static struct fake_api fake;
static char file[64];

static void write_file(const char *text)
{
    strcpy(file, "/tmp/onecardctl-bank.XXXXXX");
    int fd = mkstemp(file);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    (void)close(fd);
}

static struct said result(const char *text, const struct fake_step *steps, int count)
{
    write_file(text);
    assert_int_equal(fake_api_start(&fake, steps, count), 0);
    struct said s = SAY("--socket", fake.path, "settle", "result", file);
    fake_api_stop(&fake);
    (void)unlink(file);
    return s;
}

static void R18_good_file_is_booked_and_counted(void **state)
{
    (void)state;
    static const struct fake_step steps[] = {
        {.method = "POST", .path = "/v1/settle/result", .status = 200, .body = BOOKED}};
    struct said s = result("count,1\r\ntotal,12.34\r\n" HEADING LINE1, steps, 1);
    assert_int_equal(s.status, CTL_DONE);
    assert_string_equal(s.out, "1 paid, 0 returned, 0 failed, 0 unchanged, 0 bad\n");
    assert_non_null(strstr(fake.asked[0].body, "\"amount_fen\":1234"));
    assert_non_null(strstr(fake.asked[0].body, "\"item\":\"2026-11-21/busco/m/1\""));
    assert_non_null(strstr(fake.asked[0].body, "\"line\":4"));
    assert_non_null(strstr(fake.asked[0].body, "\"file\":\"onecardctl-bank."));
    said_fini(&s);
}

static void R18_bad_lines_are_told_with_their_place_and_the_good_ones_go(void **state)
{
    (void)state;
    static const struct fake_step steps[] = {
        {.method = "POST", .path = "/v1/settle/result", .status = 200, .body = ONE_BAD}};
    struct said s = result("count,4\ntotal,11.34\n" HEADING LINE1 LINE2
                           "2026-11-21/x/m/1,x,free,paid,2026-11-22,A3,\n"
                           "2026-11-21/y/m/1,y,1.00,paid,2026-02-30,A4,\n",
                           steps, 1);
    assert_int_equal(s.status, CTL_FAILED);
    assert_non_null(strstr(s.out, "1 paid, 0 returned, 0 failed, 1 unchanged, 3 bad"));
    assert_non_null(strstr(s.err, ":5: there is no item 2026-11-21/shop/m/1"));
    assert_non_null(strstr(s.err, ":6:20: \"amount_yuan\" must be an amount in yuan"));
    assert_non_null(strstr(s.err, ":7:30: \"date\" must be a date"));
    assert_non_null(strstr(fake.asked[0].body, "no such account, closed"));
    assert_null(strstr(fake.asked[0].body, "A3"));
    said_fini(&s);
}

static void refused_whole(const char *text, const char *why)
{
    write_file(text);
    struct said s = SAY("--socket", "/nobody/listens", "settle", "result", file);
    (void)unlink(file);
    assert_int_equal(s.status, CTL_FAILED);
    if (!strstr(s.err, why))
        fail_msg("%s instead of %s", s.err, why);
    assert_non_null(strstr(s.err, "nothing of it was taken"));
    said_fini(&s);
}

static void R18_file_that_does_not_agree_with_itself_is_not_taken(void **state)
{
    (void)state;
    refused_whole("count,2\ntotal,12.34\n" HEADING LINE1, "declares 2 lines and has 1");
    refused_whole("count,1\ntotal,12.35\n" HEADING LINE1,
                  "declares total 12.35 yuan, its lines say 12.34");
    refused_whole("total,12.34\n" HEADING LINE1, "does not declare \"count\"");
    refused_whole("count,1\ncount,1\n" HEADING LINE1, "declared twice");
    refused_whole("count,1\ntotal,12.34\n" LINE1, "no column is called");
    refused_whole("count,1\ntotal,12.34\nitem,payee,amount_yuan,result,date\n",
                  "no column \"reference\"");
    refused_whole("count,0\ntotal,0\n", "no heading");
    refused_whole("count,0\ntotal,0\nbank,icbc\n" HEADING, "neither a declaration");
    refused_whole("count,1\ntotal,\"12\n" HEADING LINE1, "quote is not closed");
    refused_whole("count,1\ntotal,1\nitem,item\n" HEADING, "twice");
}

static void lines_of_another_width_and_open_quotes_are_bad_lines(void **state)
{
    (void)state;
    char text[] = "count,3\ntotal,12.34\n" HEADING LINE1 "a,b\n\"c\r\n";
    struct bank_file f;
    assert_int_equal(bank_file_parse(&f, &bank_result_format, text), 0);
    assert_int_equal(json_array_size(f.items), 1);
    assert_int_equal(json_array_size(f.errors), 2);
    bank_file_fini(&f);
}

#define ANSWER                                                                                     \
    "fund,ybj\nmonth,2026-11\nclaimed,500.00\naccepted,480.00\ndeducted,20.00\ncount,1\n"          \
    "txn,claimed_yuan,deducted_yuan,reason\n38G1PA89M0000,300.00,20.00,\"too much, by half\"\n"

static struct said deduct(const char *text, const char *reply)
{
    const struct fake_step steps[] = {
        {.method = "POST", .path = "/v1/settle/deduct", .status = 200, .body = reply}};
    write_file(text);
    assert_int_equal(fake_api_start(&fake, steps, 1), 0);
    struct said s = SAY("--socket", fake.path, "settle", "deduct", file);
    fake_api_stop(&fake);
    (void)unlink(file);
    return s;
}

static void R18_answer_of_a_fund_goes_with_its_totals(void **state)
{
    (void)state;
    struct said s = deduct(ANSWER, "{\"results\":{\"deducted\":1,\"unchanged\":0},\"errors\":[],"
                                   "\"booked_fen\":2000,\"answered\":true,\"why\":null}");
    assert_int_equal(s.status, CTL_DONE);
    assert_string_equal(s.out, "1 deducted, 0 unchanged, 0 bad\n");
    const char *body = fake.asked[0].body;
    assert_non_null(strstr(body, "\"claimed_fen\":50000"));
    assert_non_null(strstr(body, "\"accepted_fen\":48000"));
    assert_non_null(strstr(body, "\"month\":\"2026-11\""));
    assert_non_null(strstr(body, "\"reason\":\"too much, by half\""));
    assert_non_null(strstr(body, "\"last\":true"));
    said_fini(&s);
}

static void R18_answer_that_is_not_whole_yet_is_told(void **state)
{
    (void)state;
    struct said s =
        deduct(ANSWER, "{\"results\":{\"deducted\":0,\"unchanged\":0},\"errors\":[{"
                       "\"line\":8,\"message\":\"no line of that claim\"}],"
                       "\"booked_fen\":0,\"answered\":false,\"why\":\"0.00 of 20.00\"}");
    assert_int_equal(s.status, CTL_FAILED);
    assert_non_null(strstr(s.err, ":8: no line of that claim"));
    assert_non_null(strstr(s.err, ": 0.00 of 20.00"));
    said_fini(&s);
}

static void items_are_asked_for_by_state_and_by_group(void **state)
{
    (void)state;
    static const struct fake_step steps[] = {
        {.method = "GET",
         .path = "/v1/settle/items?state=returned&limit=5",
         .status = 200,
         .body =
             "{\"items\":[{\"item\":\"2026-11-21/busco/m/1\",\"state\":\"returned\",\"account\":"
             "\"merchant\",\"amount_fen\":1234,\"paid\":{\"on\":\"2026-11-22\",\"reference\":"
             "\"A1\"},\"back\":{\"on\":\"2026-11-23\",\"reason\":\"closed\"}}],\"next\":null}"},
        {.method = "GET",
         .path = "/v1/settle/items?state=all&group=2026-11-21&limit=5",
         .status = 200,
         .body = "{\"items\":[],\"next\":null}"}};
    assert_int_equal(fake_api_start(&fake, steps, 2), 0);
    struct said s =
        SAY("--socket", fake.path, "settle", "list", "--state", "returned", "--limit", "5");
    assert_int_equal(s.status, CTL_DONE);
    assert_non_null(strstr(s.out, "12.34"));
    assert_non_null(strstr(s.out, "closed"));
    said_fini(&s);
    s = SAY("--socket", fake.path, "settle", "show", "2026-11-21", "--limit", "5");
    assert_string_equal(s.out, "nothing to pay of it\n");
    said_fini(&s);
    fake_api_stop(&fake);
    assert_true(fake.asked[0].expected && fake.asked[1].expected);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(R18_good_file_is_booked_and_counted),
        cmocka_unit_test(R18_bad_lines_are_told_with_their_place_and_the_good_ones_go),
        cmocka_unit_test(R18_file_that_does_not_agree_with_itself_is_not_taken),
        cmocka_unit_test(lines_of_another_width_and_open_quotes_are_bad_lines),
        cmocka_unit_test(R18_answer_of_a_fund_goes_with_its_totals),
        cmocka_unit_test(R18_answer_that_is_not_whole_yet_is_told),
        cmocka_unit_test(items_are_asked_for_by_state_and_by_group),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
