/* One decision, inside a flow: what is refused before the module is asked, what a module may
 * answer, and what happens when it answers nonsense, takes too long, or blocks. Results are
 * returned from the flow and looked at after the loop. */
#include "module/module.h"

#include "flow/flow.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

/* ---- a module whose behaviour each test chooses ---- */
static int (*behave)(const struct onecard_request *req, struct onecard_plan *plan);
static atomic_int asked;

static int decide(void *ctx, const struct onecard_request *req, struct onecard_plan *plan)
{
    (void)ctx;
    atomic_fetch_add(&asked, 1);
    return behave(req, plan);
}

static const struct onecard_param params[] = {{"colour", "a colour", true},
                                              {"size", "a size", false}};
#define SERVICE(var, word, what)                                                                   \
    static const struct onecard_service var = {.size = sizeof(var),                                \
                                               .name = "t." word,                                  \
                                               .title_en = word,                                   \
                                               .title_zh = word,                                   \
                                               .needs = (what),                                    \
                                               .decide = decide}
SERVICE(plain, "plain", 0);
SERVICE(needy_card, "card", OC_NEEDS_CARD);
SERVICE(needy_balance, "balance", OC_NEEDS_CARD | OC_NEEDS_BALANCE);
SERVICE(needy_amount, "amount", OC_NEEDS_AMOUNT);
SERVICE(needy_original, "original", OC_NEEDS_ORIGINAL);
SERVICE(blocking, "blocking", OC_BLOCKING);
static const struct onecard_service with_params = {.size = sizeof(with_params),
                                                   .name = "t.params",
                                                   .title_en = "params",
                                                   .title_zh = "params",
                                                   .params = params,
                                                   .param_count = 2,
                                                   .decide = decide};
static const struct onecard_service *const services[] = {
    &plain, &needy_card, &needy_balance, &needy_amount, &needy_original, &blocking, &with_params};
static const struct onecard_module module = {.abi_major = ONECARD_ABI_MAJOR,
                                             .abi_minor = ONECARD_ABI_MINOR,
                                             .size = sizeof(module),
                                             .name = "t",
                                             .version = "1",
                                             .title_en = "t",
                                             .title_zh = "t",
                                             .services = services,
                                             .service_count = 7};

/* ---- behaviours ---- */
static int b_nothing(const struct onecard_request *req, struct onecard_plan *plan)
{
    (void)req, (void)plan;
    return 0;
}

static int b_purchase(const struct onecard_request *req, struct onecard_plan *plan)
{
    req->host->plan_debit(plan, 100);
    req->host->plan_leg(plan, OC_ACCT_MERCHANT, req->terminal.participant, 100);
    return 0;
}

static int b_lopsided(const struct onecard_request *req, struct onecard_plan *plan)
{
    req->host->plan_debit(plan, 100);
    req->host->plan_leg(plan, OC_ACCT_MERCHANT, "m", 1000000);
    return 0;
}

static int b_refuses(const struct onecard_request *req, struct onecard_plan *plan)
{
    return req->host->refuse(plan, OC_R_LIMIT, "at most %d", 3);
}

static int b_refuses_and_says_zero(const struct onecard_request *req, struct onecard_plan *plan)
{
    b_purchase(req, plan);
    (void)req->host->refuse(plan, OC_R_LIMIT, "no");
    return 0;
}

static int b_refused_unsaid(const struct onecard_request *req, struct onecard_plan *plan)
{
    (void)req, (void)plan;
    return OC_EREFUSED;
}

static int b_positive(const struct onecard_request *req, struct onecard_plan *plan)
{
    (void)req, (void)plan;
    return 7;
}

static int b_breaks(const struct onecard_request *req, struct onecard_plan *plan)
{
    b_purchase(req, plan);
    return OC_EIO;
}

static int b_over_refund(const struct onecard_request *req, struct onecard_plan *plan)
{
    req->host->plan_account(plan, 501);
    req->host->plan_leg(plan, OC_ACCT_MERCHANT, "m", -501);
    req->host->plan_leg(plan, OC_ACCT_PENDING_LOAD, "", 501);
    req->host->plan_refund_of_original(plan);
    return 0;
}

static int b_echo(const struct onecard_request *req, struct onecard_plan *plan)
{
    const char *colour = req->host->param_text(req, "colour");
    const char *size = req->host->param_text(req, "size");
    const char *line = req->host->terminal_param(req, "line");
    req->host->plan_reply_text(plan, "colour", colour);
    req->host->plan_reply_text(plan, "size", size ? size : "none");
    req->host->plan_reply_text(plan, "line", line ? line : "none");
    return 0;
}

static int b_nulls(const struct onecard_request *req, struct onecard_plan *plan)
{
    (void)plan;
    const struct onecard_card *c = req->card;
    const char *all[] = {req->service,
                         req->terminal.id,
                         req->terminal.kind,
                         req->terminal.participant,
                         c->record_owner,
                         c->number,
                         c->profile,
                         c->citizen,
                         c->card_category,
                         c->ledger_category,
                         c->last_service,
                         c->last_terminal,
                         c->state,
                         req->original->txn,
                         req->original->service};
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        if (!all[i]) {
            return OC_EINVAL;
        }
    }
    return c->size == sizeof(*c) && req->size == sizeof(*req) ? 0 : OC_EINVAL;
}

static int b_record(const struct onecard_request *req, struct onecard_plan *plan)
{
    char doc[64], name[16];
    uint32_t version;
    int64_t n;
    int rc = req->host->co_record(req, "card:1", "rides", &version, doc, sizeof(doc));
    if (rc == OC_ENOENT) {
        req->host->plan_reply_int(plan, "version", version);
        return 0;
    }
    if (rc) {
        return rc;
    }
    rc = req->host->doc_int(doc, "n", &n);
    rc = rc ? rc : req->host->doc_text(doc, "name", name, sizeof(name));
    if (rc || req->host->doc_int(doc, "name", &n) != OC_EINVAL ||
        req->host->doc_int(doc, "x", &n) != OC_ENOENT ||
        req->host->doc_text(doc, "name", name, 2) != OC_ELIMIT ||
        req->host->doc_int("[1", "x", &n) != OC_EINVAL) {
        return OC_EINVAL;
    }
    b_purchase(req, plan);
    req->host->plan_record(plan, "card:1", "rides", version, "{\"n\":4,\"name\":\"x\"}");
    return 0;
}

static void nap(int ms)
{
    nanosleep(&(struct timespec){.tv_nsec = ms * 1000000L}, NULL);
}

static int b_slow(const struct onecard_request *req, struct onecard_plan *plan)
{
    (void)req, (void)plan;
    nap(8);
    return 0;
}

static int b_blocks(const struct onecard_request *req, struct onecard_plan *plan)
{
    uint32_t version;
    char doc[8];
    nap(20);
    if (req->host->co_record(req, "a", "b", &version, doc, sizeof(doc)) != OC_ENOTSUP) {
        return OC_EINVAL;
    }
    req->host->plan_reply_text(plan, "participant", req->terminal.participant);
    return 0;
}

static int b_blocks_with_documents(const struct onecard_request *req, struct onecard_plan *plan)
{
    const struct onecard_host *h = req->host;
    struct onecard_doc *d = h->doc_object(req), *reply = NULL;
    h->doc_set(d, "sent", h->doc_parse(req, h->doc_text_of(req, req->document)));
    h->doc_set_text(d, "citizen", req->citizen);
    h->plan_note(plan);
    h->plan_doc(plan, "o", "k", 0, d);
    h->plan_message(plan, "bank", "m", "", d);
    h->plan_hold(plan, "bank", "h", 1, d, d);
    return h->co_ask(req, plan, "t.plain", NULL, &reply) == OC_ENOTSUP &&
                   h->co_citizen(req, "c1") == OC_ENOTSUP
               ? 0
               : OC_EINVAL;
}

/* ---- running one decision ---- */
static struct modules *set;
static struct loop *loop;
static struct plan plan;
static struct decide_input in;
static struct onecard_card card;
static struct onecard_original original;
static const char *service;
static int record_rc;

static int co_look(void *arg, const char *scope, struct fact_look *looks, unsigned n) CO_FN;
static int co_look(void *arg, const char *scope, struct fact_look *looks, unsigned n)
{
    static const char text[] = "{\"n\":3,\"name\":\"abc\"}";
    (void)arg;
    int rc = flow_co_sleep_ms(10); /* suspended: does not count as holding the loop */
    if (rc) {
        return rc;
    }
    if (record_rc) {
        looks->rc = record_rc;
        return record_rc == OC_ENOENT ? 0 : record_rc;
    }
    if (n != 1 || strcmp(scope, "t") != 0 || strcmp(looks->owner, "card:1") != 0 ||
        strcmp(looks->key, "rides") != 0) {
        return OC_EINVAL;
    }
    looks->rc = 0;
    looks->doc = (struct fact_text){text, sizeof(text) - 1};
    looks->version = 9;
    return 0;
}
static const struct decide_facts facts = {.co_look = co_look};

static int body(void *arg) CO_FN;
static int body(void *arg)
{
    (void)arg;
    struct arena a;
    arena_init(&a, 0);
    struct service *s = module_service(set, service, &a, NULL);
    int rc = s ? module_co_decide(s, &in, &plan) : OC_EINTERNAL;
    arena_fini(&a);
    return rc;
}

static int run(const char *name, int (*how)(const struct onecard_request *, struct onecard_plan *))
{
    service = name;
    behave = how;
    return loop_run_flow(loop, "decide", body, NULL);
}

static int setup_limited(unsigned slow_limit)
{
    static const struct onecard_module *const items[] = {&module, NULL};
    struct conf_errors errors;
    conf_errors_init(&errors);
    int rc =
        module_set_static(&(struct modules_opts){.slow_limit = slow_limit}, items, &errors, &set);
    conf_errors_fini(&errors);
    rc = rc ? rc : loop_new(&loop, NULL);
    atomic_store(&asked, 0);
    record_rc = 0;
    card = (struct onecard_card){.balance_fen = 1};
    original = (struct onecard_original){.amount_fen = 500};
    in = (struct decide_input){.req = {.terminal = {"d1", "desk", "shop"}, .card = &card},
                               .facts = &facts};
    return rc;
}

static int setup(void **state)
{
    (void)state;
    return setup_limited(0);
}

static int teardown(void **state)
{
    (void)state;
    loop_free(&loop);
    module_set_free(&set);
    return 0;
}

static void refused(int rc, enum oc_reason reason)
{
    assert_int_equal(rc, OC_EREFUSED);
    assert_int_equal(plan.refused, reason);
}

static void failed(int rc, const char *words)
{
    assert_int_equal(rc, OC_EMODULE);
    assert_int_equal(plan.refused, OC_R_MODULE);
    assert_int_equal(plan.kind, OC_PLAN_NONE);
    assert_int_equal(plan.leg_count, 0);
    if (!strstr(plan.detail, words)) {
        fail_msg("\"%s\" does not say \"%s\"", plan.detail, words);
    }
}

static void sound_plan_comes_out_finished(void **state)
{
    (void)state;
    assert_int_equal(run("t.plain", b_purchase), 0);
    assert_int_equal(plan.kind, OC_PLAN_DEBIT);
    assert_int_equal(plan.leg_count, 2);
    assert_string_equal(plan.legs[1].owner, "shop");
    assert_string_equal(plan.scope, "t");
}

static void unmet_needs_are_refused_before_the_module_is_asked(void **state)
{
    (void)state;
    refused(run("t.amount", b_nothing), OC_R_AMOUNT);
    refused(run("t.balance", b_nothing), OC_R_CARD_ERROR);
    refused(run("t.original", b_nothing), OC_R_ORIGINAL_UNKNOWN);
    in.req.card = NULL;
    refused(run("t.card", b_nothing), OC_R_NO_CARD);
    in.req.amount_fen = -1;
    refused(run("t.plain", b_nothing), OC_R_AMOUNT);
    in.req.amount_fen = ONECARD_AMOUNT_MAX + 1;
    refused(run("t.amount", b_nothing), OC_R_AMOUNT);
    assert_int_equal(atomic_load(&asked), 0);
    in.req.amount_fen = ONECARD_AMOUNT_MAX;
    assert_int_equal(run("t.amount", b_nothing), 0);
}

static void wrong_parameters_are_refused_before_the_module_is_asked(void **state)
{
    (void)state;
    static const struct {
        const char *params, *words;
    } cases[] = {
        {NULL, "colour is missing"},
        {"{}", "colour is missing"},
        {"{\"colour\":null}", "colour is missing"},
        {"{\"colour\":\"red\",\"sise\":1}", "did you mean size?"},
        {"{\"colour\":1.5}", "neither a text"},
        {"{\"colour\":{}}", "neither a text"},
        {"[]", "not a JSON object"},
        {"{\"colour\":\"red\"", "not a JSON object"},
        {"{\"colour\":\"a\",\"colour\":\"b\"}", "not a JSON object"},
        {"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[", "nested"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        in.params = cases[i].params;
        int rc = run("t.params", b_echo);
        if (rc != OC_EREFUSED || plan.refused != OC_R_PARAMETER ||
            !strstr(plan.detail, cases[i].words)) {
            fail_msg("case %zu: %d \"%s\"", i, rc, plan.detail);
        }
    }
    assert_int_equal(atomic_load(&asked), 0);
    in.params = "{\"a\":1}";
    refused(run("t.plain", b_nothing), OC_R_PARAMETER);
}

static void parameters_reach_the_module_as_text(void **state)
{
    (void)state;
    in.params = "{\"colour\":\"红\",\"size\":12}";
    in.terminal_params = "{\"line\":\"7\",\"other\":true}";
    assert_int_equal(run("t.params", b_echo), 0);
    assert_string_equal(plan.reply, "{\"colour\":\"红\",\"size\":\"12\",\"line\":\"7\"}");
    in.terminal_params = "nonsense";
    refused(run("t.params", b_echo), OC_R_TERMINAL_MAY_NOT);
}

static void texts_left_out_by_the_caller_are_empty_for_the_module(void **state)
{
    (void)state;
    in.req.terminal = (struct onecard_terminal){NULL, NULL, NULL};
    in.req.original = &original;
    assert_int_equal(run("t.plain", b_nulls), 0);
}

static void modules_refusal_comes_out_with_its_reason(void **state)
{
    (void)state;
    refused(run("t.plain", b_refuses), OC_R_LIMIT);
    assert_string_equal(plan.detail, "at most 3");
    refused(run("t.plain", b_refuses_and_says_zero), OC_R_LIMIT);
}

static void nonsense_is_a_failed_module_and_leaves_no_plan(void **state)
{
    (void)state;
    failed(run("t.plain", b_lopsided), "sum to");
    failed(run("t.plain", b_refused_unsaid), "without a reason");
    failed(run("t.plain", b_positive), "gave 7");
    failed(run("t.plain", b_breaks), "gave -8");
    in.req.card = NULL;
    failed(run("t.plain", b_purchase), "no card is there");
}

static void R6_refund_of_more_than_the_original_is_nonsense(void **state)
{
    (void)state;
    failed(run("t.plain", b_over_refund), "more than there is");
    in.req.original = &original;
    failed(run("t.original", b_over_refund), "more than there is");
    original.amount_fen = 501;
    assert_int_equal(run("t.original", b_over_refund), 0);
    assert_true(plan.refund);
}

static void R2_record_is_written_with_the_version_it_was_read_at(void **state)
{
    (void)state;
    assert_int_equal(run("t.plain", b_record), 0);
    assert_int_equal(plan.record_count, 1);
    assert_int_equal(plan.records[0].version_read, 9);
}

static void waiting_suspended_does_not_count_as_slow(void **state)
{
    (void)state;
    const struct service *s = module_service_at(set, 0);
    bool quick = false;
    for (int i = 0; i < 10 && !quick;
         i++) { /* a busy machine may take the processor away now and then */
        uint64_t before = service_slow(s);
        assert_int_equal(run("t.plain", b_record), 0);
        quick = service_slow(s) == before;
    }
    assert_true(quick);
}

static void record_that_is_not_there_is_version_zero(void **state)
{
    (void)state;
    record_rc = OC_ENOENT;
    assert_int_equal(run("t.plain", b_record), 0);
    assert_string_equal(plan.reply, "{\"version\":0}");
    in.facts = NULL;
    assert_int_equal(run("t.plain", b_record), 0);
}

static void stores_failure_is_not_the_modules(void **state)
{
    (void)state;
    record_rc = OC_EDB;
    assert_int_equal(run("t.plain", b_record), OC_EDB);
    assert_int_equal(plan.refused, OC_R_NONE);
    record_rc = OC_ECANCELED;
    assert_int_equal(run("t.plain", b_record), OC_ECANCELED);
}

static void slow_decision_is_counted_and_disables_when_repeated(void **state)
{
    teardown(state);
    assert_int_equal(setup_limited(2), 0);
    struct service *s = module_service_at(set, 0);
    assert_int_equal(run("t.plain", b_slow), 0);
    assert_int_equal(service_slow(s), 1);
    assert_false(service_disabled(s));
    assert_int_equal(run("t.plain", b_slow), 0);
    assert_int_equal(service_slow(s), 2);
    assert_true(service_disabled(s));
    refused(run("t.plain", b_nothing), OC_R_MODULE);
    assert_int_equal(run("t.card", b_nothing), 0);
}

static void blocking_service_runs_on_a_worker_and_not_on_the_loop(void **state)
{
    (void)state;
    refused(run("t.blocking", b_blocks), OC_R_MODULE); /* no workers given */
    int rc = pool_new(&in.workers, "module", 1, 4, NULL, NULL);
    assert_int_equal(rc, 0);
    rc = run("t.blocking", b_blocks);
    pool_free(&in.workers);
    assert_int_equal(rc, 0);
    assert_string_equal(plan.reply, "{\"participant\":\"shop\"}");
    assert_int_equal(loop_stalls(loop), 0);
}

static void blocking_services_documents_outlive_its_worker(void **state)
{
    (void)state;
    static const char doc[] = "{\"sent\":{\"a\":[1]},\"citizen\":\"c1\"}";
    int rc = pool_new(&in.workers, "module", 1, 4, NULL, NULL);
    assert_int_equal(rc, 0);
    struct arena arena;
    arena_init(&arena, 0);
    in.arena = &arena;
    in.document = "{\"a\":[1]}";
    in.document_len = 9;
    in.req.citizen = "c1";
    rc = run("t.blocking", b_blocks_with_documents);
    pool_free(&in.workers);
    assert_int_equal(rc, 0);
    assert_string_equal(plan.records[0].doc, doc);
    assert_string_equal(plan.messages[0].doc, doc);
    assert_string_equal(plan.hold.doc, doc);
    assert_string_equal(plan.hold.expect, doc);
    arena_fini(&arena);
}

static void blocking_service_that_is_late_is_dropped(void **state)
{
    (void)state;
    int rc = pool_new(&in.workers, "module", 1, 4, NULL, NULL);
    assert_int_equal(rc, 0);
    in.deadline_ns = loop_now_ns(loop) + 2 * NS_PER_MS;
    rc = run("t.blocking", b_blocks);
    pool_free(
        &in.workers); /* waits for the worker, which still reads its own copy of the request */
    assert_int_equal(rc, OC_ETIMEDOUT);
    assert_string_equal(plan.reply, "{}");
}

static void blocking_nonsense_is_judged_like_any_other(void **state)
{
    (void)state;
    int rc = pool_new(&in.workers, "module", 1, 4, NULL, NULL);
    assert_int_equal(rc, 0);
    rc = run("t.blocking", b_lopsided);
    pool_free(&in.workers);
    failed(rc, "sum to");
}

int main(void)
{
#define TEST(x) cmocka_unit_test_setup_teardown(x, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(sound_plan_comes_out_finished),
        TEST(unmet_needs_are_refused_before_the_module_is_asked),
        TEST(wrong_parameters_are_refused_before_the_module_is_asked),
        TEST(parameters_reach_the_module_as_text),
        TEST(texts_left_out_by_the_caller_are_empty_for_the_module),
        TEST(modules_refusal_comes_out_with_its_reason),
        TEST(nonsense_is_a_failed_module_and_leaves_no_plan),
        TEST(R6_refund_of_more_than_the_original_is_nonsense),
        TEST(R2_record_is_written_with_the_version_it_was_read_at),
        TEST(waiting_suspended_does_not_count_as_slow),
        TEST(record_that_is_not_there_is_version_zero),
        TEST(stores_failure_is_not_the_modules),
        TEST(slow_decision_is_counted_and_disables_when_repeated),
        TEST(blocking_service_runs_on_a_worker_and_not_on_the_loop),
        TEST(blocking_services_documents_outlive_its_worker),
        TEST(blocking_service_that_is_late_is_dropped),
        TEST(blocking_nonsense_is_judged_like_any_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
