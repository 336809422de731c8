/* Services that ask one another, facts of 1.2 and their failures, and contexts that change while
 * decisions run. Results are returned from the flow and looked at after the loop. */
#include "module/module.h"

#include "flow/flow.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- two modules: "med" asks "soc" ---- */
static const char *what; /* which of the behaviours the test wants */
static int loads, unloads, load_rc;

static int is(const char *word)
{
    return strcmp(what, word) == 0;
}

static int split(void *ctx, const struct onecard_request *req, struct onecard_plan *plan)
{
    const struct onecard_host *h = req->host;
    struct onecard_doc *year = NULL, *reply = NULL;
    uint32_t version = 0;
    (void)ctx;
    if (is("refused")) {
        return h->refuse(plan, OC_R_NOT_ELIGIBLE, "not insured");
    }
    if (is("circle")) {
        return h->co_ask(req, plan, "med.settle", NULL, &reply);
    }
    if (is("kind")) {
        h->plan_account(plan, 70);
    }
    if (is("breaks")) {
        return OC_EINVAL;
    }
    int rc = h->co_doc(req, "citizen:c1", "year", &version, &year);
    if (rc < 0 && rc != OC_ENOENT) {
        return rc;
    }
    year = year ? year : h->doc_object(req);
    h->doc_set_int(year, "used", 70);
    h->plan_leg(plan, OC_ACCT_FUND, "pool", -70);
    h->plan_doc(plan, "citizen:c1", "year", version, year);
    h->plan_reply_text(plan, "bill", h->param_text(req, "bill"));
    h->plan_reply_text(plan, "citizen", req->citizen);
    h->plan_reply_text(plan, "by", req->asked_by);
    return 0;
}

static int settle(void *ctx, const struct onecard_request *req, struct onecard_plan *plan)
{
    const struct onecard_host *h = req->host;
    struct onecard_doc *params = h->doc_object(req), *reply = NULL;
    (void)ctx;
    h->doc_set_int(params, "bill", 7);
    if (is("wrong param")) {
        h->doc_set_int(params, "bull", 7);
    }
    if (is("citizen")) {
        h->doc_set_text(params, "citizen", "c9");
    }
    if (is("long bill")) { /* more than a request from outside may say in one parameter */
        char bill[601];
        memset(bill, 'b', sizeof(bill) - 1);
        bill[sizeof(bill) - 1] = '\0';
        h->doc_set_text(params, "bill", bill);
    }
    int rc = h->co_ask(req, is("only answer") ? NULL : plan, is("nobody") ? "soc.no" : "soc.split",
                       params, &reply);
    if (rc) {
        return rc;
    }
    h->plan_account(plan, 70);
    h->plan_leg(plan, OC_ACCT_MERCHANT, "hospital", 70);
    if (is("only answer")) {
        h->plan_leg(plan, OC_ACCT_FUND, "other", -70);
    }
    h->plan_reply_doc(plan, "split", reply);
    return 0;
}

/* What is wanted goes along with the first question that waits; each answer is given once. */
static int wants(const struct onecard_request *req, struct onecard_plan *plan)
{
    const struct onecard_host *h = req->host;
    struct onecard_doc *d = NULL;
    uint32_t version = 0;
    fen_t fen = -1;
    h->want_doc(req, "o", "a");
    h->want_doc(req, "o", "sealed");
    h->want_doc(req, "o", "a");
    h->want_account(req, OC_ACCT_FUND, "f");
    h->want_doc(req, NULL, "a");
    int rc = h->co_doc(req, "o", "b", &version, &d);
    rc = rc ? rc : h->co_doc(req, "o", "a", &version, &d);
    rc = rc ? rc : h->co_account(req, OC_ACCT_FUND, "f", &fen);
    h->plan_reply_int(plan, "version", version);
    h->plan_reply_int(plan, "fen", fen);
    rc = rc ? rc : h->co_doc(req, "o", "sealed", &version, &d);
    return rc ? rc : h->co_doc(req, "o", "a", &version, &d); /* asked again */
}

static int facts_of(void *ctx, const struct onecard_request *req, struct onecard_plan *plan)
{
    const struct onecard_host *h = req->host;
    struct onecard_doc *d = NULL;
    char key[40] = "", text[40] = "";
    uint32_t version = 0;
    int64_t n = 0;
    fen_t fen = -1;
    (void)ctx;
    if (is("want")) {
        return wants(req, plan);
    }
    if (is("call")) {
        return h->co_call(req, "bank", "balance", NULL, &d);
    }
    if (is("person")) {
        return h->co_person(req, "c1", &d) == OC_EPERM ? 0 : OC_EINVAL;
    }
    int rc = h->co_next_doc(req, "o", "a/", key, &version, &d);
    rc = rc ? rc : h->co_next_doc(req, "o", "a/", key, &version, &d) == OC_ENOENT ? 0 : OC_EINVAL;
    rc = rc ? rc : h->co_account(req, OC_ACCT_FUND, "f", &fen);
    rc = rc ? rc : h->journey_int(req, "line", &n);
    rc = rc ? rc : h->journey_text(req, "line", text, sizeof(text));
    rc = rc ? rc : h->journey_int(req, "word", &n) == OC_EINVAL ? 0 : OC_EINVAL;
    rc = rc ? rc : h->journey_text(req, "none", text, sizeof(text)) == OC_ENOENT ? 0 : OC_EINVAL;
    h->plan_reply_text(plan, "key", key);
    h->plan_reply_int(plan, "fen", fen);
    h->plan_reply_int(plan, "line", n);
    h->plan_reply_text(plan, "document", h->doc_text_of(req, req->document));
    return rc;
}

static int show_ctx(void *ctx, const struct onecard_request *req, struct onecard_plan *plan)
{
    const int *own = ctx;
    struct onecard_doc *d = NULL;
    uint32_t version;
    int before = *own;
    (void)req->host->co_doc(req, "sleep", "sleep", &version, &d);
    req->host->plan_reply_int(plan, "ctx", before == *own ? before : -1);
    return 0;
}

static int load(const struct onecard_host *h, const struct onecard_conf *conf, void **ret_ctx)
{
    if (load_rc) {
        return load_rc;
    }
    int *own = malloc(sizeof(*own));
    if (!own) {
        return OC_ENOMEM;
    }
    *own = (int)h->conf_int(conf, "n");
    loads++;
    *ret_ctx = own;
    return 0;
}

static void unload(void *ctx)
{
    int *own = ctx;
    *own = -2;
    free(own);
    unloads++;
}

static const struct onecard_param bill[] = {{"bill", "", true}, {"citizen", "", false}};
#define SERVICE(var, full, how, ...)                                                               \
    static const struct onecard_service var = {.size = sizeof(var),                                \
                                               .name = full,                                       \
                                               .title_en = full,                                   \
                                               .title_zh = full,                                   \
                                               .decide = how,                                      \
                                               __VA_ARGS__}
SERVICE(s_settle, "med.settle", settle, .needs = OC_ASKABLE);
SERVICE(s_facts, "med.facts", facts_of,
        .needs = OC_NEEDS_CARD | OC_NEEDS_JOURNEY | OC_BY_PARTICIPANT);
SERVICE(s_ctx, "med.ctx", show_ctx, .needs = 0);
SERVICE(s_pin, "med.pin", show_ctx, .needs = OC_NEEDS_CARD | OC_NEEDS_PIN);
SERVICE(s_present, "med.present", show_ctx, .needs = OC_NEEDS_PRESENCE);
SERVICE(s_citizen, "med.citizen", show_ctx, .needs = OC_NEEDS_CITIZEN);
SERVICE(s_doc, "med.doc", show_ctx, .needs = OC_NEEDS_DOCUMENT);
SERVICE(s_split, "soc.split", split, .needs = OC_ASKABLE | OC_NEEDS_CITIZEN, .params = bill,
        .param_count = 2);
SERVICE(s_no, "soc.no", split, .needs = 0);
SERVICE(o_all, "old.all", show_ctx, .needs = OC_NEEDS_PRESENCE | OC_NEEDS_DOCUMENT | OC_NEEDS_PIN);
static const struct onecard_service *const med_services[] = {&s_settle,  &s_facts,   &s_ctx, &s_pin,
                                                             &s_present, &s_citizen, &s_doc};
static const struct onecard_service *const soc_services[] = {&s_split, &s_no};
static const struct onecard_service *const old_services[] = {&o_all};
static const struct onecard_conf_item items[] = {{"n", ONECARD_CONF_INT, "1", "A number.", 0, 99}};
#define MODULE(var, word, minor, list, n)                                                          \
    static const struct onecard_module var = {.abi_major = ONECARD_ABI_MAJOR,                      \
                                              .abi_minor = (minor),                                \
                                              .size = sizeof(var),                                 \
                                              .name = word,                                        \
                                              .version = "1",                                      \
                                              .title_en = word,                                    \
                                              .title_zh = word,                                    \
                                              .conf_items = items,                                 \
                                              .conf_count = 1,                                     \
                                              .load = load,                                        \
                                              .unload = unload,                                    \
                                              .services = list,                                    \
                                              .service_count = (n)}
MODULE(med, "med", 2, med_services, 7);
MODULE(soc, "soc", 2, soc_services, 2);
MODULE(old, "old", 1, old_services, 1);

/* ---- facts ---- */
static int store_rc, call_rc;
static const char *call_json;

static unsigned turns, looked;
static int sealed_rc; /* of the record "sealed" alone */

static int co_look(void *arg, const char *scope, struct fact_look *looks, unsigned n) CO_FN;
static int co_look(void *arg, const char *scope, struct fact_look *looks, unsigned n)
{
    (void)arg;
    int rc = flow_co_sleep_ms(strcmp(looks[0].owner, "sleep") == 0 ? 30 : 1);
    turns++;
    if (rc || store_rc) {
        return rc ? rc : store_rc;
    }
    for (unsigned i = 0; i < n; i++, looked++) {
        struct fact_look *k = &looks[i];
        k->rc = k->account ? OC_ENOENT : strcmp(k->key, "sealed") == 0 ? sealed_rc : 0;
        k->version = strcmp(scope, "soc") == 0 ? 5 : 6;
        k->doc = (struct fact_text){"{\"used\":1}", 10};
    }
    return 0;
}

static int co_next(void *arg, const char *scope, const char *owner, const char *prefix,
                   char key[40], uint32_t *ret_version, struct fact_text *ret)
{
    (void)arg, (void)scope, (void)owner, (void)prefix;
    if (key[0]) {
        return OC_ENOENT;
    }
    memcpy(key, "a/1", 4);
    *ret_version = 1;
    *ret = (struct fact_text){"{}", 2};
    return 0;
}

static int co_call(void *arg, const char *participant, const char *kind,
                   const struct fact_text *doc, struct fact_text *ret)
{
    (void)arg, (void)participant, (void)kind, (void)doc;
    if (call_json) {
        *ret = (struct fact_text){call_json, strlen(call_json)};
    }
    return call_rc;
}

static int co_citizen(void *arg, const char *citizen)
{
    (void)arg;
    return strcmp(citizen, "c1") == 0 ? 0 : OC_ENOENT;
}

static const char *journey(void *arg, const char *field)
{
    (void)arg;
    return strcmp(field, "line") == 0 ? "7" : strcmp(field, "word") == 0 ? "x" : NULL;
}
static const struct decide_facts facts = {.co_look = co_look,
                                          .co_next_doc = co_next,
                                          .co_call = co_call,
                                          .co_citizen = co_citizen,
                                          .journey = journey};

/* ---- running ---- */
static struct modules *set;
static struct loop *loop;
static struct plan plan;
static struct arena arena;
static struct decide_input in;
static struct onecard_card card;

static int body(void *arg) CO_FN;
static int body(void *arg)
{
    struct service *s = module_service(set, arg, &arena, NULL);
    return s ? module_co_decide(s, &in, &plan) : OC_EINTERNAL;
}

static int run(const char *service, const char *how)
{
    static char name[64];
    what = how;
    snprintf(name, sizeof(name), "%s", service);
    return loop_run_flow(loop, "decide", body, name);
}

static int setup(void **state)
{
    static const struct onecard_module *const all[] = {&med, &soc, &old, NULL};
    struct conf_errors errors;
    (void)state;
    loads = unloads = load_rc = store_rc = call_rc = 0;
    call_json = NULL;
    arena_fini(&arena);
    conf_errors_init(&errors);
    int rc = module_set_static(&(struct modules_opts){.slow_limit = 0}, all, &errors, &set);
    conf_errors_fini(&errors);
    card = (struct onecard_card){.number = "1"};
    in = (struct decide_input){.req = {.terminal = {"d1", "desk", "shop"},
                                       .card = &card,
                                       .citizen = "c1",
                                       .strength = OC_STRENGTH_PIN},
                               .facts = &facts,
                               .given = OC_NEEDS_JOURNEY,
                               .arena = &arena};
    return rc ? rc : loop_new(&loop, NULL);
}

static int teardown(void **state)
{
    (void)state;
    loop_free(&loop);
    module_set_free(&set);
    return loads == unloads ? 0 : -1;
}

static void refused(int rc, enum oc_reason reason)
{
    assert_int_equal(rc, OC_EREFUSED);
    assert_int_equal(plan.refused, reason);
}

static void failed(int rc, const char *words)
{
    assert_int_equal(rc, OC_EMODULE);
    if (!strstr(plan.detail, words)) {
        fail_msg("\"%s\" does not say \"%s\"", plan.detail, words);
    }
}

static void asked_service_writes_its_part_in_its_own_scope(void **state)
{
    (void)state;
    assert_int_equal(run("med.settle", "plain"), 0);
    assert_int_equal(plan.leg_count, 2);
    assert_int_equal(plan.record_count, 1);
    assert_string_equal(plan.records[0].scope, "soc");
    assert_int_equal(plan.records[0].version_read, 5);
    assert_string_equal(plan.records[0].doc, "{\"used\":70}");
    assert_string_equal(plan.reply,
                        "{\"split\":{\"bill\":\"7\",\"citizen\":\"c1\",\"by\":\"med.settle\"}}");
}

static void document_is_passed_on_as_text(void **state)
{
    (void)state;
    assert_int_equal(run("med.settle", "long bill"), 0);
    assert_in_range(strlen(plan.reply), 600, 700);
}

static void answer_without_a_plan_leaves_nothing_in_it(void **state)
{
    (void)state;
    assert_int_equal(run("med.settle", "only answer"), 0);
    assert_int_equal(plan.record_count, 0);
    assert_string_equal(plan.legs[1].owner, "other");
}

static void refusal_and_failure_of_the_asked_are_those_of_who_asks(void **state)
{
    (void)state;
    refused(run("med.settle", "refused"), OC_R_NOT_ELIGIBLE);
    assert_string_equal(plan.detail, "not insured");
    refused(run("med.settle", "wrong param"), OC_R_PARAMETER);
    failed(run("med.settle", "breaks"), "asked failed");
    failed(run("med.settle", "kind"), "may not choose");
    store_rc = OC_EDB;
    assert_int_equal(run("med.settle", "plain"), OC_EDB);
    assert_int_equal(plan.refused, OC_R_NONE);
}

static void circle_of_services_is_refused(void **state)
{
    (void)state;
    refused(run("med.settle", "circle"), OC_R_ASKED_AGAIN);
}

static void service_that_is_not_askable_is_not_there(void **state)
{
    (void)state;
    assert_int_equal(run("med.settle", "nobody"),
                     OC_EMODULE); /* OC_ENOENT is the module's to handle */
}

static void citizen_that_the_asking_module_names_must_be_known(void **state)
{
    (void)state;
    refused(run("med.settle", "citizen"), OC_R_NO_CITIZEN);
    in.req.citizen = NULL;
    refused(run("med.settle", "plain"), OC_R_NO_CITIZEN);
}

static void R21_needs_of_1_2_are_refused_before_the_module_is_asked(void **state)
{
    (void)state;
    in.req.strength = OC_STRENGTH_CHIP;
    refused(run("med.pin", ""), OC_R_NEEDS_PRESENCE);
    assert_int_equal(run("med.present", ""), 0);
    in.req.strength = OC_STRENGTH_NUMBER;
    refused(run("med.present", ""), OC_R_NEEDS_PRESENCE);
    refused(run("med.doc", ""), OC_R_PARAMETER);
    in.req.citizen = "";
    refused(run("med.citizen", ""), OC_R_NO_CITIZEN);
    in.req.institution = true;
    refused(run("med.ctx", ""), OC_R_TERMINAL_MAY_NOT);
    assert_int_equal(run("med.facts", ""), 0);
}

static void module_of_1_1_means_nothing_by_later_flags(void **state)
{
    (void)state;
    in.req.strength = OC_STRENGTH_NONE;
    assert_int_equal(run("old.all", ""), 0);
}

static void facts_reach_the_module(void **state)
{
    (void)state;
    in.document = "{\"a\":[1]}";
    in.document_len = 9;
    assert_int_equal(run("med.facts", ""), 0);
    assert_string_equal(plan.reply,
                        "{\"key\":\"a/1\",\"fen\":0,\"line\":7,\"document\":\"{\\\"a\\\":[1]}\"}");
    assert_int_equal(run("med.facts", "person"), 0); /* without OC_SEES_PERSON: not allowed */
    in.document = "[1]";
    in.document_len = 3;
    refused(run("med.facts", ""), OC_R_PARAMETER);
}

static void what_is_wanted_is_read_with_the_first_question(void **state)
{
    (void)state;
    turns = looked = 0;
    sealed_rc = 0;
    assert_int_equal(run("med.facts", "want"), 0);
    assert_string_equal(plan.reply, "{\"version\":6,\"fen\":0}");
    assert_int_equal(turns, 2);
    assert_int_equal(looked, 4 + 1);
    sealed_rc = OC_ESEAL; /* hits only who asks for that one, and is not the module's fault */
    turns = 0;
    assert_int_equal(run("med.facts", "want"), OC_ESEAL);
    assert_int_equal(turns, 1);
    assert_string_equal(plan.reply, "{\"version\":6,\"fen\":0}");
    sealed_rc = 0;
    store_rc = OC_EDB;
    assert_int_equal(run("med.facts", "want"), OC_EDB);
}

static void R12_institutions_silence_and_refusal_are_told_as_such(void **state)
{
    (void)state;
    call_rc = OC_ETIMEDOUT;
    refused(run("med.facts", "call"), OC_R_UPSTREAM_AWAY);
    assert_non_null(strstr(plan.detail, "bank"));
    call_rc = OC_EREFUSED;
    call_json = "{\"reason\":\"x\",\"detail\":\"no such account\"}";
    refused(run("med.facts", "call"), OC_R_UPSTREAM_REFUSED);
    assert_string_equal(plan.detail, "bank: no such account");
    call_rc = 0;
    call_json = "{";
    refused(run("med.facts", "call"), OC_R_UPSTREAM_AWAY);
    call_rc = OC_ECANCELED;
    assert_int_equal(run("med.facts", "call"), OC_ECANCELED);
}

/* ---- reload ---- */

static int prepare(const char *yaml, struct modules_next **ret)
{
    struct conf_errors errors;
    struct conf_tree tree;
    ROLE_ENTER_WORKER();
    conf_errors_init(&errors);
    int rc = conf_tree_parse("c.yaml", yaml, strlen(yaml), &arena, &errors, &tree);
    struct modules_opts o = {.tree = &tree, .conf = tree.root};
    rc = rc ? rc : module_set_prepare(set, &o, &errors, ret);
    conf_errors_fini(&errors);
    return rc;
}

static int reload_meanwhile(void *arg) CO_FN;
static int reload_meanwhile(void *arg)
{
    struct modules_next *next = NULL;
    int rc = flow_co_sleep_ms(10);
    (void)arg;
    rc = rc ? rc : prepare("med: {n: 7}\n", &next);
    if (rc == 0) {
        module_set_adopt(set, &next);
    }
    return rc ? rc : unloads; /* of soc and old: nobody was at work with them */
}

static int both(void *arg) CO_FN;
static int both(void *arg)
{
    struct flow *other = NULL;
    int done = 0;
    int rc = flow_start(loop, "reload", reload_meanwhile, arg, &other);
    rc = rc ? rc : body(arg);
    int joined = flow_co_join(other, &done, FLOW_FOREVER);
    flow_put(other);
    return joined ? OC_EINTERNAL : rc ? rc : done;
}

static void
reload_takes_effect_for_the_next_decision_and_the_old_context_lives_as_long_as_it_is_used(
    void **state)
{
    (void)state;
    static char name[] = "med.ctx";
    what = "";
    assert_int_equal(loop_run_flow(loop, "both", both, name), 2);
    assert_string_equal(plan.reply, "{\"ctx\":1}");
    assert_int_equal(unloads, 3);
    assert_int_equal(run("med.ctx", ""), 0);
    assert_string_equal(plan.reply, "{\"ctx\":7}");
}

static void reload_that_a_module_refuses_keeps_the_old_everywhere(void **state)
{
    (void)state;
    struct modules_next *next = NULL;
    assert_int_equal(prepare("med: {n: 7}\nsoc: {n: 100}\n", &next), OC_EINVAL);
    load_rc = OC_EINVAL;
    assert_int_equal(prepare("med: {n: 7}\n", &next), OC_EMODULE);
    assert_null(next);
    assert_int_equal(run("med.ctx", ""), 0);
    assert_string_equal(plan.reply, "{\"ctx\":1}");
    load_rc = 0;
    assert_int_equal(prepare("med: {n: 7}\n", &next), 0);
    module_set_drop(&next);
    assert_int_equal(unloads, loads - 3);
}

int main(void)
{
#define TEST(x) cmocka_unit_test_setup_teardown(x, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(asked_service_writes_its_part_in_its_own_scope),
        TEST(document_is_passed_on_as_text),
        TEST(answer_without_a_plan_leaves_nothing_in_it),
        TEST(refusal_and_failure_of_the_asked_are_those_of_who_asks),
        TEST(circle_of_services_is_refused),
        TEST(service_that_is_not_askable_is_not_there),
        TEST(citizen_that_the_asking_module_names_must_be_known),
        TEST(R21_needs_of_1_2_are_refused_before_the_module_is_asked),
        TEST(module_of_1_1_means_nothing_by_later_flags),
        TEST(facts_reach_the_module),
        TEST(what_is_wanted_is_read_with_the_first_question),
        TEST(R12_institutions_silence_and_refusal_are_told_as_such),
        TEST(
            reload_takes_effect_for_the_next_decision_and_the_old_context_lives_as_long_as_it_is_used),
        TEST(reload_that_a_module_refuses_keeps_the_old_everywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
