/* Plans of ABI 1.2 in a whole city: notes, sealed documents, messages, links, people, presence. */
#include "city.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct city c;
static struct seal_key vault_key = {.id = 9, .bytes = {1, 2, 3}};
static bool erased;

/* ---- a vault ---- */

static int co_seal(void *vault, const char *citizen, uint8_t what, struct bytes place,
                   struct bytes plain, struct buf *ret)
{
    (void)vault, (void)citizen, (void)what;
    return erased ? OC_ESTATE : seal_wrap(c.env.crypto, &vault_key, place, plain, ret);
}

static int co_unseal(void *vault, const char *citizen, uint8_t what, struct bytes place,
                     struct bytes blob, struct buf *ret)
{
    (void)vault, (void)citizen, (void)what;
    return erased ? OC_ESTATE : seal_unwrap(c.env.crypto, &vault_key, place, blob, ret);
}

/* ---- a module ---- */

static void owner_of(const struct onecard_request *req, char ret[40])
{
    snprintf(ret, 40, "citizen:%.31s", req->citizen);
}

static int note(void *ctx, const struct onecard_request *req, struct onecard_plan *plan)
{
    const struct onecard_host *h = req->host;
    struct onecard_doc *d = NULL, *m = h->doc_object(req);
    uint32_t version = 0;
    int64_t n = 0;
    char owner[40];
    (void)ctx;
    owner_of(req, owner);
    int rc = h->co_doc(req, owner, "visits", &version, &d);
    if (rc < 0 && rc != OC_ENOENT)
        return rc;
    (void)h->doc_as_int(h->doc_get(d, "n"), &n);
    d = d != NULL ? d : h->doc_object(req);
    h->doc_set_int(d, "n", n + 1);
    h->doc_set_text(d, "illness", "secretword");
    h->doc_set_text(m, "illness", "secretword");
    h->plan_note(plan);
    h->plan_doc(plan, owner, "visits", version, d);
    h->plan_message(plan, "bank", "Visit", req->citizen, m);
    if (h->param_text(req, "follows") != NULL)
        h->plan_link(plan, h->param_text(req, "follows"));
    h->plan_reply_int(plan, "n", n + 1);
    h->plan_reply_text(plan, "hint", req->txn_hint);
    h->plan_reply_int(plan, "strength", req->strength);
    return 0;
}

static int person(void *ctx, const struct onecard_request *req, struct onecard_plan *plan)
{
    struct onecard_doc *d = NULL;
    (void)ctx;
    int rc = req->host->co_person(req, req->citizen, &d);
    if (rc == 0)
        req->host->plan_reply_doc(plan, "person", d);
    return rc == OC_ENOENT ? req->host->refuse(plan, OC_R_NOT_FOUND, "nothing") : rc;
}

/* Looks at the person, and writes something down as well. */
static int known(void *ctx, const struct onecard_request *req, struct onecard_plan *plan)
{
    struct onecard_doc *d = NULL;
    int rc = req->host->co_person(req, req->citizen, &d);
    return rc != 0 ? rc : note(ctx, req, plan);
}

static int look(void *ctx, const struct onecard_request *req, struct onecard_plan *plan)
{
    const struct onecard_host *h = req->host;
    struct onecard_doc *d = NULL;
    fen_t fen = -1;
    char citizen[32] = "", key[40] = "";
    uint32_t version;
    (void)ctx;
    int rc = h->co_account(req, OC_ACCT_LOAD_RECEIVABLE, "bank", &fen);
    h->plan_reply_fen(plan, "bank_owes", fen);
    rc = rc ? rc : h->co_account(req, OC_ACCT_DEPOSIT, "nobody", &fen);
    h->plan_reply_fen(plan, "nobody", fen);
    rc = rc ? rc : h->co_holder(req, req->card->number, citizen);
    h->plan_reply_text(plan, "holder", citizen);
    rc = rc ? rc : h->co_history(req, 5, &d);
    h->plan_reply_doc(plan, "history", d);
    rc = rc ? rc : h->co_totals(req, req->terminal.id, 1, &d);
    h->plan_reply_doc(plan, "totals", d);
    rc = rc ? rc : h->co_txn(req, h->param_text(req, "txn"), &d);
    h->plan_reply_doc(plan, "of", d);
    rc = rc ? rc : h->co_txn(req, "nonsense", &d) == OC_ENOENT ? 0 : OC_EINVAL;
    rc = rc                                            ? rc
         : h->co_slot(req, "transit", &d) == OC_ENOENT ? 0
                                                       : OC_EINVAL; /* of this card: none */
    rc = rc ? rc : h->co_citizen(req, "c77") == OC_ENOENT ? 0 : OC_EINVAL;
    rc = rc ? rc : h->co_next_doc(req, "citizen:c1", "vis", key, &version, &d);
    h->plan_reply_doc(plan, "next", d);
    return rc;
}

static int show_document(void *ctx, const struct onecard_request *req, struct onecard_plan *plan)
{
    (void)ctx;
    req->host->plan_reply_doc(plan, "document", req->document);
    req->host->plan_reply_text(plan, "citizen", req->citizen);
    req->host->plan_reply_text(plan, "who", req->who);
    return 0;
}

static int question(void *ctx, const struct onecard_request *req, struct onecard_plan *plan)
{
    (void)ctx;
    req->host->plan_reply_int(plan, "strength", req->strength);
    return 0;
}

static const struct onecard_param with_citizen[] = {
    {"citizen", "", false}, {"follows", "", false}, {"txn", "", false}};
#define SERVICE(var, word, how, what)                                                              \
    static const struct onecard_service var = {.size = sizeof(var),                                \
                                               .name = "t." word,                                  \
                                               .title_en = word,                                   \
                                               .title_zh = word,                                   \
                                               .needs = (what),                                    \
                                               .params = with_citizen,                             \
                                               .param_count = 3,                                   \
                                               .decide = how}
SERVICE(s_note, "note", note, OC_NEEDS_CITIZEN | OC_TAKES_NUMBER);
SERVICE(s_person, "person", person, OC_NEEDS_CITIZEN | OC_SEES_PERSON);
SERVICE(s_known, "known", known, OC_NEEDS_CITIZEN | OC_SEES_PERSON);
SERVICE(s_look, "look", look, OC_NEEDS_CARD);
SERVICE(s_doc, "doc", show_document, OC_NEEDS_DOCUMENT | OC_BY_PARTICIPANT | OC_NEEDS_CITIZEN);
SERVICE(s_present, "present", question, OC_NEEDS_PRESENCE | OC_TAKES_NUMBER);
static const struct onecard_service *const services[] = {&s_note, &s_person,  &s_look,
                                                         &s_doc,  &s_present, &s_known};
static const struct onecard_module module = {.abi_major = 1,
                                             .abi_minor = 2,
                                             .size = sizeof module,
                                             .name = "t",
                                             .version = "1",
                                             .title_en = "t",
                                             .title_zh = "t",
                                             .services = services,
                                             .service_count = 6};

/* ---- the city ---- */

static void add_citizen(const char *id)
{
    static struct ledger_op op;
    static const char data[] = "{\"name\":\"Wang\",\"born\":19500101}";
    char place[64];
    struct buf b;
    memset(&op, 0, sizeof op);
    op.type = LOP_CITIZEN;
    snprintf(op.who, sizeof op.who, "test");
    snprintf(op.citizen.id, sizeof op.citizen.id, "%s", id);
    int n = snprintf(place, sizeof place, "citizen:%s", id);
    buf_over(&b, op.citizen.sealed, sizeof op.citizen.sealed);
    assert_int_equal(co_seal(NULL, id, VAULT_PERSON, (struct bytes){place, (size_t)n},
                             (struct bytes){data, sizeof data - 1}, &b),
                     0);
    op.citizen.sealed_len = (uint16_t)b.len;
    op.citizen.search[0] = (uint8_t)id[1];
    assert_int_equal(city_op(&c, &op), 0);
}

static int setup(void **state)
{
    static const struct onecard_module *const all[] = {&module, NULL};
    struct conf_errors errors;
    (void)state;
    city_open(&c, CARDSIM_PBOC, "pboc-ep");
    reader_sim_insert(c.sim, c.card[0]);
    city_do(&c, "payment.load", 10000, OC_POSTED, OC_R_NONE);
    module_set_free(&c.env.modules);
    conf_errors_init(&errors);
    assert_int_equal(
        module_set_static(&(struct modules_opts){.slow_limit = 0}, all, &errors, &c.env.modules),
        0);
    conf_errors_fini(&errors);
    c.env.co_seal = co_seal;
    c.env.co_unseal = co_unseal;
    erased = false;
    add_citizen("c1");
    add_citizen("c2");
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    city_close(&c);
    return 0;
}

static const struct txn_result *ask(const struct txn_request *q, enum oc_outcome outcome,
                                    enum oc_reason reason)
{
    const struct txn_result *r = city_run_reader(&c, NULL, q);
    if (r->outcome != outcome || r->reason != reason)
        fail_msg("%s: %s/%s (%s)", q->service, oc_outcome_name(r->outcome),
                 oc_reason_code(r->reason), r->detail);
    return r;
}

static struct txn_request about(const char *service, const char *citizen)
{
    struct txn_request q = city_request(service, "desk", 0);
    if (citizen != NULL)
        city_param(&q, "citizen", citizen);
    return q;
}

/* What stands in the ledger. */
struct look {
    const char *scope, *owner, *key;
    struct record_row r;
    struct message_row m[4];
    unsigned messages;
    const char *text;
    size_t len;
    char found[40];
    struct arena arena;
};

static int read_rows(void *arg) CO_FN;
static int read_rows(void *arg)
{
    struct look *l = arg;
    int rc = l->key != NULL
                 ? ledger_co_record(c.ledger, l->scope, l->owner, l->key, &l->arena, &l->r)
                 : ledger_co_record_next(c.ledger, l->scope, l->owner, "", "", &l->arena, l->found,
                                         &l->r);
    if (rc == 0)
        rc = ledger_co_messages(c.ledger, 0, 0, NULL, &l->arena, l->m, 4, &l->messages);
    if (rc == 0 && l->messages > 0)
        rc = txn_co_message_document(&c.env, &l->m[0], &l->arena, &l->text, &l->len);
    return rc;
}

static int look_at(struct look *l, const char *scope, const char *owner, const char *key)
{
    memset(l, 0, sizeof *l);
    arena_init(&l->arena, 0);
    l->scope = scope;
    l->owner = owner;
    l->key = key;
    return loop_run_flow(c.loop, "look", read_rows, l);
}

static void
R20_what_is_noted_of_a_citizen_is_sealed_in_the_ledger_and_open_to_its_module(void **state)
{
    struct look l;
    struct txn_request q = about("t.note", "c1");
    (void)state;
    const struct txn_result *r = ask(&q, OC_POSTED, OC_R_NONE);
    assert_non_null(strstr(r->reply, "\"n\":1"));
    assert_int_equal(city_txn(&c, r->txn)->in.plan_kind, OC_PLAN_NOTE);
    assert_int_equal(look_at(&l, "t", "citizen:c1", "visits"), 0);
    assert_int_equal(l.r.doc[0], '~');
    assert_null(strstr(l.r.doc, "secretword"));
    assert_int_equal(l.messages, 1);
    assert_int_equal(l.m[0].doc[0], '~');
    assert_int_equal(l.len, strlen("{\"illness\":\"secretword\"}"));
    assert_memory_equal(l.text, "{\"illness\":\"secretword\"}", l.len);
    arena_fini(&l.arena);
    assert_non_null(strstr(ask(&q, OC_POSTED, OC_R_NONE)->reply, "\"n\":2"));
}

static void note_asked_again_under_its_number_is_its_first_answer(void **state)
{
    struct txn_request q = about("t.note", "c1");
    char first[200];
    (void)state;
    q.request_no = 900;
    assert_int_equal(txn_request_hash(c.env.crypto, &q, q.request_hash), 0);
    snprintf(first, sizeof first, "%.199s", ask(&q, OC_POSTED, OC_R_NONE)->reply);
    const struct txn_result *r = ask(&q, OC_POSTED, OC_R_NONE);
    assert_true(r->replayed);
    assert_string_equal(r->reply, first);
    q.request_no = 901;
    assert_non_null(strstr(ask(&q, OC_POSTED, OC_R_NONE)->reply, "\"n\":2"));
}

static void R20_without_a_vault_or_after_erasure_nothing_of_citizens_is_kept(void **state)
{
    struct txn_request q = about("t.note", "c1");
    (void)state;
    c.env.co_seal = NULL;
    ask(&q, OC_REFUSED, OC_R_STORE);
    c.env.co_seal = co_seal;
    erased = true;
    ask(&q, OC_REFUSED, OC_R_ERASED);
    erased = false;
    assert_non_null(strstr(ask(&q, OC_POSTED, OC_R_NONE)->reply, "\"n\":1"));
}

static void R20_who_looks_at_a_person_is_noted_for_that_person(void **state)
{
    struct look l;
    struct txn_request q = about("t.person", "c1");
    (void)state;
    assert_int_equal(look_at(&l, "access", "citizen:c1", NULL), OC_ENOENT);
    arena_fini(&l.arena);
    const struct txn_result *r = ask(&q, OC_POSTED, OC_R_NONE);
    assert_non_null(strstr(r->reply, "\"name\":\"Wang\""));
    assert_int_equal(look_at(&l, "access", "citizen:c1", NULL), 0);
    assert_int_equal(l.r.doc[0], '~');
    arena_fini(&l.arena);
    q = about("t.person", "c9");
    ask(&q, OC_REFUSED, OC_R_NO_CITIZEN);
}

static void R20_look_at_a_person_takes_no_number_of_the_terminals(void **state)
{
    struct txn_request q = about("t.known", "c1");
    struct look l;
    (void)state;
    for (int64_t no = 900; no < 903; no++) {
        q.request_no = no;
        assert_int_equal(txn_request_hash(c.env.crypto, &q, q.request_hash), 0);
        const struct txn_result *r = ask(&q, OC_POSTED, OC_R_NONE);
        assert_false(r->replayed);
        assert_int_equal(city_txn(&c, r->txn)->in.request_no, no);
        assert_true(ask(&q, OC_POSTED, OC_R_NONE)->replayed);
    }
    q.request_no = 0;
    int64_t txn = ask(&q, OC_POSTED, OC_R_NONE)->txn;
    assert_int_equal(city_txn(&c, txn)->in.request_no, 903);
    assert_int_equal(look_at(&l, "access", "citizen:c1", NULL), 0);
    arena_fini(&l.arena);
}

static void R21_presence_is_a_genuine_chip_or_a_checked_code(void **state)
{
    struct txn_request q = city_request("t.present", "desk", 0);
    (void)state;
    const struct txn_result *r = city_run(&c, &q); /* the card lies there */
    assert_int_equal(r->outcome, OC_POSTED);
    assert_string_equal(r->reply, "{\"strength\":3}");
    snprintf(q.presented_text, sizeof q.presented_text, "%s", city_card_row(&c, 0)->number);
    q.presented = PRESENTED_NUMBER;
    q.strength = OC_STRENGTH_CODE; /* means nothing for a number */
    ask(&q, OC_REFUSED, OC_R_NEEDS_PRESENCE);
    q.presented = PRESENTED_CODE;
    snprintf(q.presented_text, sizeof q.presented_text, "oc2:%s.29900000.abc",
             city_card_row(&c, 0)->number);
    assert_string_equal(ask(&q, OC_POSTED, OC_R_NONE)->reply, "{\"strength\":2}");
    q.strength = 0; /* nobody checked it */
    ask(&q, OC_REFUSED, OC_R_PARAMETER);
}

static void R21_presence_of_one_citizen_says_nothing_of_another(void **state)
{
    struct txn_request q = about("t.note", "c2");
    (void)state;
    q.presented = PRESENTED_NUMBER;
    snprintf(q.presented_text, sizeof q.presented_text, "%s", city_card_row(&c, 0)->number);
    ask(&q, OC_REFUSED, OC_R_PARAMETER);
    q = about("t.note", "c1");
    assert_non_null(strstr(ask(&q, OC_POSTED, OC_R_NONE)->reply, "\"strength\":0"));
    q = about("t.note", NULL);
    const struct txn_result *r = city_run(&c, &q); /* nobody is named: the card is asked */
    assert_int_equal(r->outcome, OC_POSTED);
    assert_non_null(strstr(r->reply, "\"n\":2"));
    ask(&q, OC_REFUSED, OC_R_NO_CITIZEN); /* without a reader */
}

static void institution_asks_its_own_services_for_the_citizen_it_names(void **state)
{
    struct txn_request q = about("t.note", NULL);
    (void)state;
    q.institution = true;
    snprintf(q.citizen, sizeof q.citizen, "c2");
    snprintf(q.who, sizeof q.who, "participant:bank");
    ask(&q, OC_REFUSED, OC_R_TERMINAL_MAY_NOT);
    snprintf(q.service, sizeof q.service, "t.doc");
    ask(&q, OC_REFUSED, OC_R_PARAMETER);
    q.document = "{\"a\":[1,2]}";
    q.document_len = strlen(q.document);
    assert_string_equal(
        ask(&q, OC_POSTED, OC_R_NONE)->reply,
        "{\"document\":{\"a\":[1,2]},\"citizen\":\"c2\",\"who\":\"participant:bank\"}");
    city_param(&q, "citizen", "c1");
    ask(&q, OC_REFUSED, OC_R_PARAMETER);
}

static void document_is_part_of_what_makes_a_request_the_same(void **state)
{
    struct txn_request q = about("t.doc", "c1");
    uint8_t without[16], with[16], again[16];
    (void)state;
    assert_int_equal(txn_request_hash(c.env.crypto, &q, without), 0);
    q.document = "{\"a\":1}";
    q.document_len = 7;
    q.pin_len = 6;
    assert_int_equal(txn_request_hash(c.env.crypto, &q, with), 0);
    memcpy(q.pin, "123456", 6);
    assert_int_equal(txn_request_hash(c.env.crypto, &q, again), 0);
    assert_memory_not_equal(without, with, 16);
    assert_memory_equal(again, with, 16);
    q.document = "[]";
    q.document_len = 2;
    ask(&q, OC_REFUSED, OC_R_PARAMETER);
}

static void plan_follows_a_transaction_that_is_there(void **state)
{
    char id[IDENT_TEXT];
    struct txn_request q = about("t.note", "c1");
    (void)state;
    int64_t first = ask(&q, OC_POSTED, OC_R_NONE)->txn;
    city_param(&q, "follows", ident_text(first, id));
    int64_t second = ask(&q, OC_POSTED, OC_R_NONE)->txn;
    assert_int_equal(city_txn(&c, second)->in.link, first);
    q = about("t.note", "c1");
    city_param(&q, "follows", "nothing");
    ask(&q, OC_REFUSED, OC_R_ORIGINAL_UNKNOWN);
}

static void facts_of_the_ledger_reach_the_module(void **state)
{
    char id[IDENT_TEXT], reply[PLAN_REPLY];
    struct txn_request q = about("t.note", "c1");
    (void)state;
    int64_t first = ask(&q, OC_POSTED, OC_R_NONE)->txn;
    q = city_request("t.look", "desk", 0);
    city_param(&q, "txn", ident_text(first, id));
    const struct txn_result *r = city_run(&c, &q);
    if (r->outcome != OC_POSTED)
        fail_msg("%s: %s", oc_reason_code(r->reason), r->detail);
    snprintf(reply, sizeof reply, "%s", r->reply);
    assert_non_null(strstr(reply, "\"bank_owes\":-10000,\"nobody\":0,\"holder\":\"c1\""));
    assert_non_null(
        strstr(reply, "\"service\":\"payment.load\",\"state\":\"posted\",\"amount_fen\":10000"));
    assert_non_null(strstr(reply, "\"posted\":1"));
    assert_non_null(strstr(reply, "\"of\":{\"id\":\""));
    assert_non_null(strstr(reply, "\"next\":{\"n\":1,\"illness\":\"secretword\"}"));
}

static int show(void *arg) CO_FN;
static int show(void *arg)
{
    struct txn_request q = about("t.note", "c1");
    static struct txn_result res;
    return txn_co_plan(&c.env, NULL, &q, &res, arg);
}

static void plan_that_is_only_shown_writes_nothing_and_keeps_what_is_sealed(void **state)
{
    struct buf b;
    (void)state;
    int64_t before = city_journal(&c);
    buf_init(&b, 0);
    assert_int_equal(loop_run_flow(c.loop, "plan", show, &b), 0);
    assert_int_equal(city_journal(&c), before);
    assert_non_null(strstr(buf_cstr(&b), "\"kind\":\"note\""));
    assert_non_null(strstr(buf_cstr(&b), "\"key\":\"visits\""));
    assert_null(strstr(buf_cstr(&b), "secretword"));
    buf_fini(&b);
}

int main(void)
{
#define TEST(x) cmocka_unit_test_setup_teardown(x, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(R20_what_is_noted_of_a_citizen_is_sealed_in_the_ledger_and_open_to_its_module),
        TEST(note_asked_again_under_its_number_is_its_first_answer),
        TEST(R20_without_a_vault_or_after_erasure_nothing_of_citizens_is_kept),
        TEST(R20_who_looks_at_a_person_is_noted_for_that_person),
        TEST(R20_look_at_a_person_takes_no_number_of_the_terminals),
        TEST(R21_presence_is_a_genuine_chip_or_a_checked_code),
        TEST(R21_presence_of_one_citizen_says_nothing_of_another),
        TEST(institution_asks_its_own_services_for_the_citizen_it_names),
        TEST(document_is_part_of_what_makes_a_request_the_same),
        TEST(plan_follows_a_transaction_that_is_there),
        TEST(facts_of_the_ledger_reach_the_module),
        TEST(plan_that_is_only_shown_writes_nothing_and_keeps_what_is_sealed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
