/* txn run against a scripted daemon: exit statuses, Ctrl-C in time and too late, a daemon that goes
 * away. A script that trusts the exit status must never charge twice. */
#include "ctl_test.h"
#include "fake_api.h"

#include <signal.h>

#define CREATED                                                                                    \
    {                                                                                              \
        .method = "POST", .path = "/v1/requests", .status = 202,                                   \
        .body = "{\"request\":\"r1\",\"lease_ms\":10000}"                                          \
    }
#define STATE(s) "{\"request\":\"r1\",\"state\":\"" s "\",\"result\":null}"
#define DONE(o, r)                                                                                 \
    "{\"request\":\"r1\",\"state\":\"done\",\"result\":{\"txn\":\"38G0EGNHP0000\",\"outcome\":"    \
    "\"" o "\",\"reason\":\"" r "\",\"reason_text\":\"text\",\"reason_zh\":\"文\",\"detail\":"    \
    "\"\",\"service\":\"payment.purchase\",\"terminal\":\"t1\","                                   \
    "\"card\":\"8888\",\"amount_fen\":3860,\"balance_fen\":6140,\"settled\":[],\"reply\":{}}}"
#define POLL(b)                                                                                    \
    {                                                                                              \
        .method = "GET", .path = "/v1/requests/r1", .status = 200, .body = (b)                     \
    }

struct story {
    struct fake_api api;
    struct said said;
    json_t *json;
};
static struct story story; /* too large for a stack; one test at a time */

/* Runs one purchase against the script; everything asked must have been expected. */
static void tell(struct story *s, const struct fake_step *steps, int count)
{
    assert_int_equal(fake_api_start(&s->api, steps, count), 0);
    s->said = SAY("--socket", s->api.path, "--json", "txn", "run", "payment.purchase", "--terminal",
                  "t1", "--amount", "38.60");
    fake_api_stop(&s->api);
    s->json = json_loads(s->said.out, 0, NULL);
    for (int i = 0; i < s->api.asked_count; i++)
        if (!s->api.asked[i].expected)
            print_error("unexpected %s %s\n", s->api.asked[i].method, s->api.asked[i].path);
}

static const char *said_text(const struct story *s, const char *member)
{
    const char *t = json_string_value(json_object_get(s->json, member));
    return t ? t : "(none)";
}

static void check(struct story *s, int status, const char *outcome, int asked)
{
    if (s->said.status != status)
        print_error("status %d; out %s err %s\n", s->said.status, s->said.out, s->said.err);
    assert_int_equal(s->said.status, status);
    assert_string_equal(said_text(s, "outcome"), outcome);
    assert_int_equal(s->api.asked_count, asked);
    for (int i = 0; i < asked; i++)
        assert_true(s->api.asked[i].expected);
    assert_string_equal(said_text(s, "service"), "payment.purchase");
    assert_int_equal(json_integer_value(json_object_get(s->json, "amount_fen")), 3860);
    assert_non_null(json_object_get(s->json, "txn"));
    assert_non_null(json_object_get(s->json, "card"));
    assert_non_null(json_object_get(s->json, "balance_fen"));
    json_decref(s->json);
    said_fini(&s->said);
}

static void posted_is_0(void **state)
{
    (void)state;
    static const struct fake_step steps[] = {CREATED, POLL(STATE("waiting_card")),
                                             POLL(DONE("posted", "none"))};
    tell(&story, steps, 3);
    assert_non_null(strstr(story.api.asked[0].body, "\"amount_fen\":3860"));
    check(&story, CTL_DONE, "posted", 3);
}

static void refused_and_voided_are_1(void **state)
{
    (void)state;
    static const struct fake_step refused[] = {CREATED,
                                               POLL(DONE("refused", "insufficient_balance"))};
    static const struct fake_step voided[] = {CREATED, POLL(DONE("voided", "card_rejected_mac"))};
    tell(&story, refused, 2);
    check(&story, CTL_FAILED, "refused", 2);
    tell(&story, voided, 2);
    check(&story, CTL_FAILED, "voided", 2);
}

static void R3_in_doubt_is_3(void **state)
{
    (void)state;
    static const struct fake_step steps[] = {CREATED, POLL(STATE("waiting_return")),
                                             POLL(DONE("in_doubt", "answer_lost"))};
    tell(&story, steps, 3);
    assert_non_null(strstr(story.said.err, "请放回原卡"));
    check(&story, CTL_DOUBT, "in_doubt", 3);
}

static void an_outcome_of_another_name_is_taken_as_a_doubt(void **state)
{
    (void)state;
    static const struct fake_step steps[] = {CREATED, POLL(DONE("strange", "none"))};
    tell(&story, steps, 2);
    check(&story, CTL_DOUBT, "strange", 2);
}

static void a_refused_creation_is_a_result_too(void **state)
{
    (void)state;
    static const struct fake_step steps[] = {
        {.method = "POST",
         .path = "/v1/requests",
         .status = 503,
         .body = "{\"error\":{\"code\":\"busy\",\"message\":\"too many\"}}"}};
    tell(&story, steps, 1);
    assert_string_equal(said_text(&story, "reason"), "busy");
    check(&story, CTL_FAILED, "refused", 1);
}

static void ctrl_c_while_no_card_is_there_cancels_once(void **state)
{
    (void)state;
    static const struct fake_step steps[] = {CREATED,
                                             {.method = "GET",
                                              .path = "/v1/requests/r1",
                                              .status = 200,
                                              .body = STATE("waiting_card"),
                                              .delay_ms = 5000,
                                              .signal = SIGINT},
                                             {.method = "DELETE",
                                              .path = "/v1/requests/r1",
                                              .status = 200,
                                              .body = "{\"cancelled\":true}"},
                                             POLL(DONE("refused", "cancelled"))};
    tell(&story, steps, 4);
    assert_true(story.api.asked[1].gone); /* the daemon sees the client go at once */
    assert_string_equal(said_text(&story, "reason"), "cancelled");
    check(&story, CTL_FAILED, "refused", 4);
}

static void sigterm_cancels_as_ctrl_c_does(void **state)
{
    (void)state;
    static const struct fake_step steps[] = {CREATED,
                                             {.method = "GET",
                                              .path = "/v1/requests/r1",
                                              .status = 200,
                                              .body = STATE("waiting_card"),
                                              .delay_ms = 5000,
                                              .signal = SIGTERM},
                                             {.method = "DELETE",
                                              .path = "/v1/requests/r1",
                                              .status = 200,
                                              .body = "{\"cancelled\":true}"},
                                             POLL(DONE("refused", "cancelled"))};
    tell(&story, steps, 4);
    check(&story, CTL_FAILED, "refused", 4);
}

static void ctrl_c_too_late_tells_the_true_outcome(void **state)
{
    (void)state;
    static const struct fake_step steps[] = {CREATED,
                                             {.method = "GET",
                                              .path = "/v1/requests/r1",
                                              .status = 200,
                                              .body = STATE("committed"),
                                              .delay_ms = 5000,
                                              .signal = SIGINT},
                                             {.method = "DELETE",
                                              .path = "/v1/requests/r1",
                                              .status = 200,
                                              .body = "{\"cancelled\":false}"},
                                             POLL(STATE("committed")),
                                             POLL(DONE("posted", "none"))};
    tell(&story, steps, 5);
    assert_non_null(strstr(story.said.err, "too late"));
    check(&story, CTL_DONE, "posted", 5);
}

static void a_second_ctrl_c_leaves_with_a_doubt(void **state)
{
    (void)state;
    static const struct fake_step steps[] = {CREATED,
                                             {.method = "GET",
                                              .path = "/v1/requests/r1",
                                              .status = 200,
                                              .body = STATE("committed"),
                                              .delay_ms = 5000,
                                              .signal = SIGINT},
                                             {.method = "DELETE",
                                              .path = "/v1/requests/r1",
                                              .status = 200,
                                              .body = "{\"cancelled\":false}"},
                                             {.method = "GET",
                                              .path = "/v1/requests/r1",
                                              .status = 200,
                                              .body = STATE("committed"),
                                              .delay_ms = 5000,
                                              .signal = SIGINT}};
    tell(&story, steps, 4);
    check(&story, CTL_DOUBT, "in_doubt", 4);
}

static void ctrl_c_during_the_creation_cancels_after_it(void **state)
{
    (void)state;
    static const struct fake_step steps[] = {{.method = "POST",
                                              .path = "/v1/requests",
                                              .status = 202,
                                              .body = "{\"request\":\"r1\"}",
                                              .delay_ms = 100,
                                              .signal = SIGINT},
                                             {.method = "DELETE",
                                              .path = "/v1/requests/r1",
                                              .status = 200,
                                              .body = "{\"cancelled\":true}"},
                                             POLL(DONE("refused", "cancelled"))};
    tell(&story, steps, 3);
    check(&story, CTL_FAILED, "refused", 3);
}

static void a_creation_without_an_answer_is_a_doubt(void **state)
{
    (void)state;
    static const struct fake_step steps[] = {
        {.method = "POST", .path = "/v1/requests", .status = 0, .stop = true}};
    tell(&story, steps, 1);
    check(&story, CTL_DOUBT, "in_doubt", 1);
}

static void R4_a_restarted_daemon_leaves_a_doubt(void **state)
{
    (void)state;
    static const struct fake_step steps[] = {
        CREATED,
        POLL(STATE("card")),
        {.method = "GET", .path = "/v1/requests/r1", .status = 0},
        {.method = "GET",
         .path = "/v1/requests/r1",
         .status = 404,
         .body = "{\"error\":{\"code\":\"not_found\",\"message\":\"?\"}}"}};
    tell(&story, steps, 4);
    assert_non_null(strstr(said_text(&story, "reason_text"), "txn list --terminal t1"));
    check(&story, CTL_DOUBT, "in_doubt", 4);
}

static void a_daemon_that_is_not_there_is_1_and_says_what_to_start(void **state)
{
    (void)state;
    char dir[] = ONECARD_SCRATCH "/onecardctl-test.XXXXXX", file[64];
    assert_non_null(mkdtemp(dir));
    struct said s = SAY("--dir", dir, "txn", "run", "x", "--terminal", "t");
    assert_int_equal(s.status, CTL_FAILED);
    assert_non_null(strstr(s.err, "onecardctl init"));
    said_fini(&s);
    (void)snprintf(file, sizeof file, "%s/onecardd.yaml", dir);
    FILE *f = fopen(file, "we");
    assert_non_null(f);
    (void)fclose(f);
    s = SAY("--dir", dir, "txn", "run", "x", "--terminal", "t");
    (void)remove(file);
    (void)remove(dir);
    assert_int_equal(s.status, CTL_FAILED);
    assert_non_null(strstr(s.err, "start it with 'onecardd -c "));
    said_fini(&s);
}

int main(void)
{
    (void)signal(SIGPIPE, SIG_IGN);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(posted_is_0),
        cmocka_unit_test(refused_and_voided_are_1),
        cmocka_unit_test(R3_in_doubt_is_3),
        cmocka_unit_test(an_outcome_of_another_name_is_taken_as_a_doubt),
        cmocka_unit_test(a_refused_creation_is_a_result_too),
        cmocka_unit_test(ctrl_c_while_no_card_is_there_cancels_once),
        cmocka_unit_test(sigterm_cancels_as_ctrl_c_does),
        cmocka_unit_test(ctrl_c_too_late_tells_the_true_outcome),
        cmocka_unit_test(a_second_ctrl_c_leaves_with_a_doubt),
        cmocka_unit_test(ctrl_c_during_the_creation_cancels_after_it),
        cmocka_unit_test(a_creation_without_an_answer_is_a_doubt),
        cmocka_unit_test(R4_a_restarted_daemon_leaves_a_doubt),
        cmocka_unit_test(a_daemon_that_is_not_there_is_1_and_says_what_to_start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
