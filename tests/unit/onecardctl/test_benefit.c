/* Payment lists: what is wrong with a list is told line by line, the good lines are paid once, and
 * what was broken off is gone on with. */
#include "benefit_list.h"
#include "ctl_test.h"
#include "fake_api.h"

#include <signal.h>
#include <unistd.h>

#define HEAD  "batch,p-11\nprogram,pension\nfund,fund-p\n"
#define TWO   HEAD "count,2\ntotal,150.00\nline,citizen,amount\n1,c1,100.00\n2,c2,50\n"
#define GOOD  "{\"outcome\":\"posted\",\"reply\":{}}"
#define PAID  "{\"outcome\":\"posted\",\"txn\":\"T1\",\"reply\":{\"paid\":\"now\"}}"
#define PAID0 "{\"outcome\":\"posted\",\"txn\":null,\"reply\":{\"paid\":\"before\"}}"
#define NOBODY                                                                                     \
    "{\"outcome\":\"refused\",\"reason\":\"no_citizen\",\"detail\":\"no such citizen is "          \
    "registered\"}"
#define PLAN(what)                                                                                 \
    {                                                                                              \
        .method = "POST", .path = "/v1/plan", .status = 200, .body = what                          \
    }
#define POST(what)                                                                                 \
    {                                                                                              \
        .method = "POST", .path = "/v1/requests", .status = 200, .body = what                      \
    }

static struct fake_api fake;
static char file[64], result[96];

static void write_file(const char *text)
{
    strcpy(file, ONECARD_SCRATCH "/onecardctl-benefit.XXXXXX");
    int fd = mkstemp(file);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    (void)close(fd);
    (void)snprintf(result, sizeof result, "%s.result.csv", file);
}

static struct said import(const char *text, const struct fake_step *steps, int count,
                          const char *option)
{
    write_file(text);
    assert_int_equal(fake_api_start(&fake, steps, count), 0);
    struct said s =
        SAY("--socket", fake.path, "benefit", "import", file, "--terminal", "bureau1", option);
    fake_api_stop(&fake);
    (void)unlink(file);
    return s;
}
#define IMPORT(text, steps, option) import(text, steps, (int)ARRAY_LEN(steps), option)

static char *result_text(void)
{
    static char text[4096];
    FILE *f = fopen(result, "r");
    assert_non_null(f);
    text[fread(text, 1, sizeof text - 1, f)] = '\0';
    (void)fclose(f);
    (void)unlink(result);
    return text;
}

static void a_good_list_is_checked_opened_paid_and_closed(void **state)
{
    (void)state;
    static const struct fake_step steps[] = {PLAN(GOOD), PLAN(GOOD),  POST(GOOD),
                                             POST(PAID), POST(PAID0), POST(GOOD)};
    struct said s = IMPORT(TWO, steps, NULL);
    assert_int_equal(s.status, CTL_DONE);
    assert_string_equal(s.out,
                        "p-11: 1 paid now (100.00 yuan), 1 before (50.00 yuan), 0 bad, 0 left\n");
    assert_non_null(strstr(fake.asked[2].body, "\"total\":\"150.00\""));
    assert_non_null(strstr(fake.asked[2].body, "\"count\":\"2\""));
    assert_non_null(strstr(fake.asked[3].body, "\"amount_fen\":10000"));
    assert_non_null(strstr(fake.asked[4].body, "\"citizen\":\"c2\""));
    assert_non_null(strstr(fake.asked[5].body, "\"close\""));
    assert_string_equal(result_text(),
                        "place,line,citizen,amount,outcome,why,transaction\n"
                        "7,1,\"c1\",100.00,paid,\"\",T1\n8,2,\"c2\",50.00,before,\"\",\n");
    said_fini(&s);
}

/* Line 8 is line 7 again, 9 names c1 again, 10 has no amount, 11 is unknown; the total is of all
 * that can be read. */
static void R14_duplicates_and_unknown_are_reported_and_the_good_ones_paid(void **state)
{
    (void)state;
    static const char list[] =
        HEAD "count,5\ntotal,500.00\nline,citizen,amount\n1,c1,100.00\n1,c2,100\n3,c1,100\n"
             "4,c3,free\n5,c9,200\n";
    static const struct fake_step steps[] = {PLAN(GOOD), PLAN(NOBODY), POST(GOOD), POST(PAID)};
    struct said s = IMPORT(list, steps, NULL);
    assert_int_equal(s.status, CTL_FAILED);
    assert_string_equal(s.out,
                        "p-11: 1 paid now (100.00 yuan), 0 before (0.00 yuan), 4 bad, 0 left\n");
    assert_non_null(strstr(s.err, "line 8: duplicate: line 1 stands at 7 already"));
    assert_non_null(strstr(s.err, "line 9: duplicate: the same citizen stands at 7 already"));
    assert_non_null(strstr(s.err, "line 10: amount 'free'"));
    assert_non_null(strstr(s.err, "line 11: no such citizen is registered"));
    assert_int_equal(fake.asked_count, 4); /* not closed */
    (void)result_text();
    said_fini(&s);
}

static void R14_a_wrong_total_pays_only_when_it_is_accepted(void **state)
{
    (void)state;
    static const char list[] =
        HEAD "count,3\ntotal,150.01\nline,citizen,amount\n1,c1,100.00\n2,c2,50\n";
    static const struct fake_step check[] = {PLAN(GOOD), PLAN(GOOD)};
    static const struct fake_step steps[] = {PLAN(GOOD), PLAN(GOOD), POST(GOOD),
                                             POST(PAID), POST(PAID), POST(GOOD)};
    struct said s = IMPORT(list, check, NULL);
    assert_int_equal(s.status, CTL_FAILED);
    assert_non_null(
        strstr(s.err, "declares 3 lines and 150.01 yuan, and has 2 lines and 150.00 yuan"));
    assert_non_null(strstr(s.err, "nothing was paid"));
    assert_int_equal(fake.asked_count, 2);
    said_fini(&s);
    s = IMPORT(list, steps, "--accept-total");
    assert_int_equal(s.status, CTL_DONE);
    assert_non_null(strstr(fake.asked[2].body, "\"total\":\"150.00\""));
    (void)result_text();
    said_fini(&s);
}

static void check_asks_and_pays_nothing(void **state)
{
    (void)state;
    static const struct fake_step steps[] = {PLAN(NOBODY), PLAN(GOOD)};
    struct said s = IMPORT(TWO, steps, "--check");
    assert_int_equal(s.status, CTL_FAILED);
    assert_string_equal(s.out, "p-11: 1 good (50.00 yuan), 1 bad\n");
    assert_non_null(strstr(s.err, "line 7: no such citizen"));
    assert_int_equal(fake.asked_count, 2);
    said_fini(&s);
}

static void an_import_that_was_broken_off_goes_on_and_pays_nobody_twice(void **state)
{
    (void)state;
    static const struct fake_step first[] = {PLAN(GOOD), PLAN(GOOD), POST(GOOD), POST(PAID),
                                             POST("{}")};
    static const struct fake_step second[] = {PLAN(GOOD),  PLAN(GOOD), POST(GOOD),
                                              POST(PAID0), POST(PAID), POST(GOOD)};
    struct said s = IMPORT(TWO, first, NULL);
    assert_int_equal(s.status, CTL_FAILED);
    assert_non_null(strstr(s.err, "broken off"));
    assert_non_null(strstr(s.out, "1 paid now (100.00 yuan), 0 before (0.00 yuan), 0 bad, 1 left"));
    assert_non_null(strstr(result_text(), "8,2,\"c2\",50.00,unknown,"));
    said_fini(&s);
    s = IMPORT(TWO, second, NULL);
    assert_int_equal(s.status, CTL_DONE);
    (void)result_text();
    said_fini(&s);
}

static void personal_numbers_become_citizens_and_stand_in_no_request_or_result(void **state)
{
    (void)state;
    static const char list[] = HEAD "count,2\ntotal,150.00\nline,number,amount\n"
                                    "1,110101199001011234,100.00\n2,110101199001015678,50\n";
    static const struct fake_step steps[] = {
        {.method = "POST",
         .path = "/v1/citizens/find",
         .status = 200,
         .body = "{\"citizen\":\"c1\"}"},
        {.method = "POST", .path = "/v1/citizens/find", .status = 404, .body = "{\"error\":{}}"},
        PLAN(GOOD),
        POST(GOOD),
        POST(PAID)};
    struct said s = IMPORT(list, steps, NULL);
    assert_int_equal(s.status, CTL_FAILED);
    assert_non_null(strstr(s.err, "line 8: no such citizen is registered"));
    assert_null(strstr(s.err, "1101011990"));
    assert_non_null(strstr(fake.asked[4].body, "\"citizen\":\"c1\""));
    assert_null(strstr(result_text(), "1101011990"));
    said_fini(&s);
}

static void R14_a_daemon_that_cannot_look_makes_nobody_unknown(void **state)
{
    (void)state;
    static const char list[] = HEAD "count,1\ntotal,100.00\nline,number,amount\n"
                                    "1,110101199001011234,100.00\n";
    static const struct fake_step steps[] = {{.method = "POST",
                                              .path = "/v1/citizens/find",
                                              .status = 503,
                                              .body = "{\"error\":{\"message\":\"try again\"}}"}};
    struct said s = IMPORT(list, steps, NULL);
    assert_int_equal(s.status, CTL_FAILED);
    assert_non_null(strstr(s.err, "nothing was paid: try again"));
    assert_null(strstr(s.err, "no such citizen"));
    assert_int_equal(fake.asked_count, 1);
    said_fini(&s);
}

static void a_result_computes_nothing_in_a_spreadsheet(void **state)
{
    (void)state;
    static const char list[] = HEAD "count,2\ntotal,150.00\nline,citizen,amount\n1,c1,100.00\n"
                                    "2,=1+2,50\n";
    static const struct fake_step steps[] = {PLAN(GOOD), POST(GOOD), POST(PAID)};
    struct said s = IMPORT(list, steps, NULL);
    const char *text = result_text();
    assert_non_null(strstr(text, ",\"'=1+2\","));
    assert_non_null(strstr(text, ",\"c1\","));
    said_fini(&s);
}

static void a_stale_record_is_asked_again(void **state)
{
    (void)state;
    static const struct fake_step steps[] = {
        PLAN(GOOD), PLAN(GOOD),
        POST(GOOD), POST("{\"outcome\":\"refused\",\"reason\":\"stale_record\"}"),
        POST(PAID), POST(PAID),
        POST(GOOD)};
    struct said s = IMPORT(TWO, steps, NULL);
    assert_int_equal(s.status, CTL_DONE);
    (void)result_text();
    said_fini(&s);
}

static int read_text(const char *text, struct benefit_list *list)
{
    write_file(text);
    ROLE_ENTER_WORKER();
    int rc = benefit_list_read(list, file);
    (void)unlink(file);
    return rc;
}

static void lists_that_cannot_be_taken_say_where(void **state)
{
    (void)state;
    static const struct {
        const char *text, *says;
    } bad[] = {
        {"", "must say batch"},
        {"batch,a b\n", "line 1: batch"},
        {"batch,a\ntotal,much\n", "line 2: total"},
        {"batch,a\ncount,-1\n", "line 2: count"},
        {"batch,a\nnumber,7\n", "line 2: 'number'"},
        {"batch\n", "line 1: a name and a value"},
        {"batch,a\nfund,f\nline,citizen\n", "line 3: the heading"},
        {"batch,a\nfund,f\nline,citizen,amount\n1,c,1\n", "declare count and total"},
        {"batch,a\nfund,f\ncount,1\ntotal,1\nline,citizen,amount\n", "no lines"},
        {"{\"batch\":\"a\",", "line 1"},
        {"{\"batch\":\"a\",\"fund\":\"f\",\"count\":1,\"total\":\"1\"}", "no lines"},
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct benefit_list list;
        int rc = read_text(bad[i].text, &list);
        if (rc != OC_EPARSE || !strstr(list.why, bad[i].says))
            fail_msg("%s: %d \"%s\"", bad[i].text, rc, list.why);
        benefit_list_fini(&list);
    }
}

static void json_and_spreadsheets_csv_are_the_same_list(void **state)
{
    (void)state;
    static const char json[] =
        "{\"batch\":\"p-11\",\"fund\":\"f\",\"count\":2,\"total\":\"150.00\",\"lines\":["
        "{\"line\":1,\"citizen\":\"c1\",\"amount\":\"100\"},"
        "{\"line\":\"2\",\"card\":\"0000000000000002\",\"amount\":50}]}";
    static const char csv[] =
        "\xEF\xBB\xBF" HEAD "# November\r\ncount,1\r\ntotal,\"100\"\r\n\r\n"
        "amount,name,\"card\",line\r\n100,\"Li, \"\"Lao\"\"\",0000000000000002,7\r\n";
    struct benefit_list list;
    assert_int_equal(read_text(json, &list), 0);
    assert_int_equal(list.line_count, 2);
    assert_int_equal(list.real_total, 15000);
    assert_int_equal(list.lines[1].by, BENEFIT_BY_CARD);
    benefit_list_fini(&list);
    assert_int_equal(read_text(csv, &list), 0);
    assert_int_equal(list.lines[0].number, 7);
    assert_string_equal(list.lines[0].who, "0000000000000002");
    assert_string_equal(list.lines[0].outcome, "");
    benefit_list_fini(&list);
}

static void lines_of_another_form_are_bad_not_fatal(void **state)
{
    (void)state;
    static const char csv[] =
        HEAD "count,7\ntotal,1\nline,citizen,amount\n1,c1,0\n2,c2,-1\n3,c3,1.005\n0,c4,1\n5,c 5,1\n"
             "6,c6\n7,\"c7,1\n8,c8,1,1,1,1,1,1,1,1,1\n";
    struct benefit_list list;
    fen_t sum;
    assert_int_equal(read_text(csv, &list), 0);
    assert_int_equal(list.line_count, 8);
    assert_int_equal(benefit_list_count(&list, "bad", &sum), 8);
    assert_string_equal(list.lines[6].why, "a quote is not closed");
    benefit_list_fini(&list);
}

int main(void)
{
    (void)signal(SIGPIPE, SIG_IGN);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_list_is_checked_opened_paid_and_closed),
        cmocka_unit_test(R14_duplicates_and_unknown_are_reported_and_the_good_ones_paid),
        cmocka_unit_test(R14_a_wrong_total_pays_only_when_it_is_accepted),
        cmocka_unit_test(check_asks_and_pays_nothing),
        cmocka_unit_test(an_import_that_was_broken_off_goes_on_and_pays_nobody_twice),
        cmocka_unit_test(personal_numbers_become_citizens_and_stand_in_no_request_or_result),
        cmocka_unit_test(R14_a_daemon_that_cannot_look_makes_nobody_unknown),
        cmocka_unit_test(a_result_computes_nothing_in_a_spreadsheet),
        cmocka_unit_test(a_stale_record_is_asked_again),
        cmocka_unit_test(lists_that_cannot_be_taken_say_where),
        cmocka_unit_test(json_and_spreadsheets_csv_are_the_same_list),
        cmocka_unit_test(lines_of_another_form_are_bad_not_fatal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
