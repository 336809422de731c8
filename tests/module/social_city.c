/* See social_city.h. */
#include "social_city.h"

struct fake f;
void *ctx;
static int serial;
static char hint[32];

/* ---- the asker: what medical.settle does, in twenty lines ---- */

static char said[65536];

static int asked(const struct onecard_request *req, struct onecard_plan *plan, const char *service,
                 fen_t *ret_cash, fen_t *ret_credit)
{
    static const char *const names[] = {"bill", "replaces", "settlement_id", "family", "personal"};
    const struct onecard_host *h = req->host;
    struct onecard_doc *p = h->doc_object(req), *reply = NULL;
    int64_t cash = 0, credit = 0, had = 0;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        const char *v = h->param_text(req, names[i]);
        if (v) {
            h->doc_set_text(p, names[i], v);
        }
    }
    h->doc_set_text(p, "citizen", req->citizen);
    int rc = h->co_ask(req, plan, service, p, &reply);
    if (rc) {
        return rc;
    }
    snprintf(said, sizeof(said), "%s", h->doc_text_of(req, reply));
    (void)h->doc_as_int(h->doc_get(reply, "cash_fen"), &cash);
    (void)h->doc_as_int(h->doc_get(reply, "credit_fen"), &credit);
    (void)h->doc_as_int(h->doc_get(h->doc_get(reply, "replaced"), "cash_fen"), &had);
    *ret_cash = cash - had;
    *ret_credit = credit;
    return 0;
}

static int settle(void *own, const struct onecard_request *req, struct onecard_plan *plan)
{
    fen_t cash, credit;
    (void)own;
    int rc =
        asked(req, plan,
              req->host->param_text(req, "settlement_id") ? "social.split_cancel" : "social.split",
              &cash, &credit);
    if (rc) {
        return rc;
    }
    if (req->host->param_text(req, "settlement_id")) {
        cash = -cash;
    }
    if (cash > 0) {
        req->host->plan_debit(plan, cash);
    } else {
        req->host->plan_account(plan, 1);
        if (cash < 0) {
            req->host->plan_leg(plan, OC_ACCT_PENDING_LOAD, "", -cash);
        }
    }
    if (cash + credit != 0) {
        req->host->plan_leg(plan, OC_ACCT_MERCHANT, req->terminal.participant, cash + credit);
    }
    return 0;
}

static const struct onecard_param asker_params[] = {{"bill", "", false},
                                                    {"replaces", "", false},
                                                    {"settlement_id", "", false},
                                                    {"family", "", false},
                                                    {"personal", "", false}};
static const struct onecard_service settle_service = {.size = sizeof(settle_service),
                                                      .name = "asker.settle",
                                                      .title_en = "",
                                                      .title_zh = "",
                                                      .params = asker_params,
                                                      .param_count = 5,
                                                      .decide = settle};
static const struct onecard_service *const asker_services[] = {&settle_service};
static const struct onecard_module asker = {.abi_major = ONECARD_ABI_MAJOR,
                                            .abi_minor = ONECARD_ABI_MINOR,
                                            .size = sizeof(asker),
                                            .name = "asker",
                                            .services = asker_services,
                                            .service_count = 1};

/* ---- the city ---- */

int city_load(const char *folder)
{
    static struct onecard_conf conf;
    static char path[512];
    snprintf(path, sizeof(path), "%s", folder);
    conf = (struct onecard_conf){.module = &onecard_module,
                                 .values = {{"rules", path}, {"city", "郑州市"}}};
    return fake_load(&onecard_module, &conf, &ctx);
}

int city_setup(void **state)
{
    (void)state;
    int rc = city_load(ONECARD_SOURCE_DIR "/conf/bureau");
    fake_init(&f);
    f.citizens[0] = (struct fake_pair){"c1", "{\"born\":19700305,\"address\":\"郑州市金水区1号\"}"};
    f.citizens[1] = (struct fake_pair){"c2", "{\"number\":\"410101195001011234\"}"};
    f.citizens[2] = (struct fake_pair){"c3", NULL};
    f.holders[0] = (struct fake_pair){"0000000000000001", "c1"};
    f.holders[1] = (struct fake_pair){"0000000000000002", "c2"};
    f.card.balance_fen = 10000000;
    city_next(20261121);
    return rc;
}

int city_teardown(void **state)
{
    (void)state;
    onecard_module.unload(ctx);
    fake_reset();
    return 0;
}

void city_next(int32_t date)
{
    memset(f.params, 0, sizeof(f.params));
    snprintf(hint, sizeof(hint), "desk-1/%d", ++serial);
    f.req.txn_hint = hint;
    f.req.business_date = date;
    f.req.citizen = "c1";
    f.req.strength = OC_STRENGTH_CHIP;
    f.req.document = NULL;
    f.document = NULL;
    f.req.amount_fen = 0;
    city_at("hospital");
}

void city_param(const char *name, const char *value)
{
    size_t i = 0;
    while (f.params[i].name && strcmp(f.params[i].name, name) != 0) {
        i++;
    }
    f.params[i] = (struct fake_pair){name, value};
}

void city_at(const char *participant)
{
    f.req.terminal.participant = participant;
}

int city_ask(const char *name, fen_t amount)
{
    char service[48];
    snprintf(service, sizeof(service), "social.%s", name);
    f.req.amount_fen = amount;
    return fake_decide(&onecard_module, ctx, service, &f);
}

void city_insure(const char *citizen, const char *medical)
{
    char owner[40], doc[512];
    snprintf(owner, sizeof(owner), "citizen:%s", citizen);
    snprintf(doc, sizeof(doc), "{\"medical\":%s}", medical);
    fake_put(&f, "social", owner, "insured", doc);
}

static int decide(void)
{
    f.asks[0] = (struct fake_ask){.service = "social.split", .module = &onecard_module, .ctx = ctx};
    f.asks[1] =
        (struct fake_ask){.service = "social.split_cancel", .module = &onecard_module, .ctx = ctx};
    said[0] = '\0';
    int rc = fake_decide(&asker, NULL, "asker.settle", &f);
    if (rc == 0 && (fake_sum(&f.plan) != 0 || f.plan.overrun)) {
        fprintf(stderr, "unsound plan: sum %lld, %s\n", (long long)fake_sum(&f.plan),
                f.plan.mistake ? f.plan.mistake : "-");
        return OC_EINTERNAL;
    }
    return rc;
}

static int run(void)
{
    int rc = decide();
    return rc ? rc : fake_commit(&f);
}

int city_plan(const char *bill)
{
    city_param("bill", bill);
    return decide();
}

int city_settle(const char *bill, const char *replaces)
{
    city_param("bill", bill);
    if (replaces) {
        city_param("replaces", replaces);
    }
    return run();
}

int city_cancel(const char *settlement)
{
    city_param("settlement_id", settlement);
    return run();
}

const char *city_said(const char *path)
{
    return fake_at(said, path);
}

fen_t city_said_fen(const char *path)
{
    const char *v = city_said(path);
    return v ? strtoll(v, NULL, 10) : -1;
}

fen_t city_year(int year, const char *member)
{
    char key[40];
    snprintf(key, sizeof(key), "year/%d", year);
    const char *doc = fake_get(&f, "social", "citizen:c1", key);
    const char *v = doc ? fake_at(doc, member) : NULL;
    return v ? strtoll(v, NULL, 10) : -1;
}
