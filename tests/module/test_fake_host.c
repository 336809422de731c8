/* The fake host itself: tests of modules are worth what it is worth. */
#include "fake_host.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static struct fake f;

/* Books one of the slots of a doctor's day. */
static int book(void *ctx, const struct onecard_request *req, struct onecard_plan *plan)
{
    const struct onecard_host *h = req->host;
    (void)ctx;
    uint32_t version = 0;
    struct onecard_doc *day = NULL;
    int64_t left = 0;
    int rc = h->co_doc(req, "doctor:1", "day", &version, &day);
    if (rc == 0) {
        rc = h->doc_as_int(h->doc_get(day, "left"), &left);
    }
    if (rc) {
        return rc;
    }
    if (left == 0) {
        return h->refuse(plan, OC_R_FULL, "nothing is left of %s", "the day");
    }
    h->doc_set_int(day, "left", left - 1);
    h->plan_note(plan);
    h->plan_doc(plan, "doctor:1", "day", version, day);
    struct onecard_doc *m = h->doc_object(req);
    h->doc_set_text(m, "who", req->citizen);
    h->plan_message(plan, "hospital", "Appointment", req->citizen, m);
    h->plan_reply_int(plan, "left", left - 1);
    return 0;
}

/* Adds a leg to the plan of who asks, and a record of its own. */
static int share(void *ctx, const struct onecard_request *req, struct onecard_plan *plan)
{
    const struct onecard_host *h = req->host;
    (void)ctx;
    struct onecard_doc *doc = h->doc_object(req);
    if (!req->asked_by) {
        return h->refuse(plan, OC_R_PARAMETER, "only asked");
    }
    h->doc_set_text(doc, "by", req->asked_by);
    h->plan_leg(plan, OC_ACCT_FUND, "pool", -70);
    h->plan_doc(plan, "citizen:c1", "year", 0, doc);
    h->plan_reply_fen(plan, "fund_fen", 70);
    return 0;
}

static int settle(void *ctx, const struct onecard_request *req, struct onecard_plan *plan)
{
    const struct onecard_host *h = req->host;
    (void)ctx;
    struct onecard_doc *reply = NULL, *params = h->doc_object(req);
    h->doc_set_text(params, "bill", "b1");
    int rc = h->co_ask(req, plan, "fake.share", params, &reply);
    if (rc) {
        return rc;
    }
    h->plan_account(plan, 70);
    h->plan_leg(plan, OC_ACCT_MERCHANT, "hospital", 70);
    h->plan_reply_doc(plan, "split", reply);
    return 0;
}

static int list(void *ctx, const struct onecard_request *req, struct onecard_plan *plan)
{
    char key[40] = "", all[100] = "";
    uint32_t version;
    struct onecard_doc *d;
    (void)ctx;
    while (req->host->co_next_doc(req, "o", "b/", key, &version, &d) == 0) {
        snprintf(all + strlen(all), sizeof(all) - strlen(all), "%s ", key);
    }
    req->host->plan_reply_text(plan, "keys", all);
    return 0;
}

static int again(void *ctx, const struct onecard_request *req, struct onecard_plan *plan)
{
    struct onecard_doc *reply = NULL;
    (void)ctx;
    return req->host->co_ask(req, plan, "fake.again", NULL, &reply);
}

static const struct onecard_param params[] = {{"bill", "", true}};
static const struct onecard_service s_book = {
    .size = sizeof(s_book), .name = "fake.book", .decide = book};
static const struct onecard_service s_share = {.size = sizeof(s_share),
                                               .name = "fake.share",
                                               .needs = OC_ASKABLE,
                                               .params = params,
                                               .param_count = 1,
                                               .decide = share};
static const struct onecard_service s_settle = {
    .size = sizeof(s_settle), .name = "fake.settle", .decide = settle};
static const struct onecard_service s_again = {
    .size = sizeof(s_again), .name = "fake.again", .needs = OC_ASKABLE, .decide = again};
static const struct onecard_service s_list = {
    .size = sizeof(s_list), .name = "fake.list", .decide = list};
static const struct onecard_service *const services[] = {&s_book, &s_share, &s_settle, &s_again,
                                                         &s_list};
static const struct onecard_module mod = {.name = "fake", .services = services, .service_count = 5};

static int setup(void **state)
{
    (void)state;
    fake_reset();
    fake_init(&f);
    f.asks[0] = (struct fake_ask){.service = "fake.share", .module = &mod};
    f.asks[1] = (struct fake_ask){.service = "fake.again", .module = &mod};
    return 0;
}

static void last_slot_booked_twice_at_once_goes_to_the_first(void **state)
{
    (void)state;
    static struct fake g;
    fake_put(&f, "fake", "doctor:1", "day", "{\"left\":1}");
    fake_init(&g);
    g.store = f.store;
    assert_int_equal(fake_decide(&mod, NULL, "fake.book", &f), 0);
    assert_int_equal(fake_decide(&mod, NULL, "fake.book", &g), 0);
    assert_int_equal(fake_commit(&f), 0);
    assert_int_equal(fake_commit(&g), OC_ECONFLICT);
    assert_int_equal(fake_decide(&mod, NULL, "fake.book", &g), OC_EREFUSED);
    assert_int_equal(g.plan.refused, OC_R_FULL);
    assert_string_equal(fake_get(&f, "fake", "doctor:1", "day"), "{\"left\":0}");
    assert_string_equal(fake_message(&f.plan, "hospital", "Appointment"), "{\"who\":\"c1\"}");
}

static void asked_service_adds_its_legs_and_records_to_the_plan(void **state)
{
    (void)state;
    assert_int_equal(fake_decide(&mod, NULL, "fake.settle", &f), 0);
    assert_int_equal(fake_sum(&f.plan), 0);
    assert_string_equal(fake_at(fake_reply(&f.plan, "split"), "fund_fen"), "70");
    assert_string_equal(fake_at(fake_record(&f.plan, "citizen:c1", "year"), "by"), "fake.settle");
    assert_int_equal(fake_commit(&f), 0);
    assert_int_equal(fake_holds(&f, OC_ACCT_MERCHANT, "hospital"), 70);
    assert_false(f.plan.overrun);
}

static void service_that_asks_itself_is_told_so(void **state)
{
    (void)state;
    assert_int_equal(fake_decide(&mod, NULL, "fake.again", &f), OC_ELOOP);
}

static void refusal_of_the_asked_refuses_the_plan(void **state)
{
    (void)state;
    f.asks[0] = (struct fake_ask){.service = "fake.share", .refused = OC_R_NOT_ELIGIBLE};
    assert_int_equal(fake_decide(&mod, NULL, "fake.settle", &f), OC_EREFUSED);
    assert_int_equal(f.plan.refused, OC_R_NOT_ELIGIBLE);
}

static const struct onecard_doc *load_text(const char *text, const char **ret_why)
{
    char path[] = ONECARD_SCRATCH "/fake-host-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    close(fd);
    const struct onecard_doc *d = fake_host()->doc_load(NULL, path, ret_why);
    unlink(path);
    return d;
}

static void yaml_file_is_read_with_its_places(void **state)
{
    (void)state;
    const struct onecard_host *h = fake_host();
    const char *why = "", *name = "";
    const struct onecard_doc *d =
        load_text("from: 20260101\nlines:\n  - {name: \"12\", on: true}\n", &why);
    int64_t n = 0;
    assert_non_null(d);
    assert_int_equal(h->doc_as_int(h->doc_get(d, "from"), &n), 0);
    assert_int_equal(n, 20260101);
    const struct onecard_doc *line = h->doc_at(h->doc_get(d, "lines"), 0, NULL);
    assert_string_equal(h->doc_as_text(h->doc_get(line, "name")), "12");
    assert_true(h->doc_as_bool(h->doc_get(line, "on"), false));
    assert_string_equal(strchr(h->doc_place(line), ':'), ":3:5");
    assert_ptr_equal(h->doc_at(d, 1, &name), h->doc_get(d, "lines"));
    assert_string_equal(name, "lines");
    assert_null(load_text("a: 1\na: 2\n", &why));
    assert_string_equal(strchr(why, ':'), ":2:1: this key is there twice");
}

static void part_of_another_document_spoils_the_plan(void **state)
{
    (void)state;
    const struct onecard_host *h = f.req.host;
    struct onecard_doc *a = h->doc_parse(NULL, "{\"x\":{\"y\":[1,2,\"z\"]}}"),
                       *b = h->doc_object(NULL);
    assert_string_equal(h->doc_text_of(NULL, h->doc_get(a, "x")), "{\"y\":[1,2,\"z\"]}");
    h->doc_set(b, "x", h->doc_get(a, "x"));
    fake_put(&f, "fake", "doctor:1", "day", "{\"left\":1}");
    assert_int_equal(fake_decide(&mod, NULL, "fake.book", &f), 0);
    assert_true(f.plan.overrun);
    assert_int_equal(fake_commit(&f), OC_ESTATE);
}

static void next_document_goes_through_the_keys_in_order(void **state)
{
    (void)state;
    fake_put(&f, "fake", "o", "b/2", "{}");
    fake_put(&f, "fake", "o", "b/1", "{}");
    fake_put(&f, "fake", "o", "c", "{}");
    fake_put(&f, "fake", "p", "b/0", "{}");
    assert_int_equal(fake_decide(&mod, NULL, "fake.list", &f), 0);
    assert_string_equal(fake_reply(&f.plan, "keys"), "b/1 b/2 ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(last_slot_booked_twice_at_once_goes_to_the_first, setup),
        cmocka_unit_test_setup(asked_service_adds_its_legs_and_records_to_the_plan, setup),
        cmocka_unit_test_setup(service_that_asks_itself_is_told_so, setup),
        cmocka_unit_test_setup(refusal_of_the_asked_refuses_the_plan, setup),
        cmocka_unit_test_setup(yaml_file_is_read_with_its_places, setup),
        cmocka_unit_test_setup(part_of_another_document_spoils_the_plan, setup),
        cmocka_unit_test_setup(next_document_goes_through_the_keys_in_order, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
