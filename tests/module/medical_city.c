/* See medical_city.h. */
#include "medical_city.h"

#include "medical.h"

#include <stdio.h>
#include <string.h>

struct fake f;
struct split_asked split_asked;
void *ctx;
static int count;

const char *const invoice_b1 =
    "{\"id\":\"B1\",\"date\":20261121,\"type\":\"outpatient\",\"referral\":\"local\","
    "\"lineItem\":[{\"code\":\"X1\",\"display\":\"CT\",\"class\":\"A\",\"amount_fen\":10000},"
    "{\"code\":\"X2\",\"display\":\"drug\",\"class\":\"B\",\"quantity\":2,\"amount_fen\":5000},"
    "{\"code\":\"X3\",\"display\":\"bed\",\"class\":\"C\",\"amount_fen\":3000}],"
    "\"totalGross_fen\":18000}";
const char *const schedule_w =
    "{\"serviceType\":\"neike\",\"serviceTypeDisplay\":\"内科\",\"actor\":\"w\","
    "\"actorDisplay\":\"王医生\",\"date\":20261123,\"fee_fen\":1500,"
    "\"managingOrganization\":\"第一人民医院\","
    "\"slot\":[{\"start\":830,\"capacity\":2},{\"start\":900,\"capacity\":1}]}";

/* ---- social security ---- */

struct claim {
    char id[24];
    fen_t total, fund, personal, cash;
    bool cancelled;
};
static struct claim claims[8];
static size_t claim_count;

static struct claim *claim_of(const char *id)
{
    for (size_t i = 0; i < claim_count; i++) {
        if (strcmp(claims[i].id, id) == 0) {
            return &claims[i];
        }
    }
    return NULL;
}

static void tell(const struct onecard_request *req, struct onecard_plan *plan,
                 const struct claim *c)
{
    const struct onecard_host *h = req->host;
    h->plan_reply_text(plan, "settlement_id", c->id);
    h->plan_reply_fen(plan, "total_fen", c->total);
    h->plan_reply_fen(plan, "fund_fen", c->fund);
    h->plan_reply_fen(plan, "personal_fen", c->personal);
    h->plan_reply_fen(plan, "family_fen", 0);
    h->plan_reply_fen(plan, "cash_fen", c->cash);
}

static void move(const struct onecard_request *req, struct onecard_plan *plan, fen_t fund,
                 fen_t personal)
{
    if (fund) {
        req->host->plan_leg(plan, OC_ACCT_FUND, "fund-employee", fund);
    }
    if (personal) {
        req->host->plan_leg(plan, OC_ACCT_PERSONAL, req->citizen, personal);
    }
}

static int social_split(void *none, const struct onecard_request *req, struct onecard_plan *plan)
{
    (void)none;
    const struct onecard_host *h = req->host;
    struct onecard_doc *bill = h->doc_parse(req, h->param_text(req, "bill"));
    const struct onecard_doc *lines = h->doc_get(bill, "lines");
    const char *replaces = h->param_text(req, "replaces");
    struct claim *was = replaces ? claim_of(replaces) : NULL;
    struct claim *c = &claims[claim_count++];
    snprintf(c->id, sizeof(c->id), "S%zu", claim_count);
    h->doc_as_int(h->doc_get(bill, "date"), &split_asked.date);
    snprintf(split_asked.replaces, sizeof(split_asked.replaces), "%s", replaces ? replaces : "");
    for (size_t i = 0; i < h->doc_count(lines); i++) {
        int64_t amount = 0;
        h->doc_as_int(h->doc_get(h->doc_at(lines, i, NULL), "amount_fen"), &amount);
        c->total += amount;
    }
    c->fund = c->total * 6 / 10;
    c->personal = c->total - c->fund < 1000 ? c->total - c->fund : 1000;
    c->cash = c->total - c->fund - c->personal;
    move(req, plan, (was ? was->fund : 0) - c->fund, (was ? was->personal : 0) - c->personal);
    tell(req, plan, c);
    return 0;
}

static int social_split_cancel(void *none, const struct onecard_request *req,
                               struct onecard_plan *plan)
{
    (void)none;
    struct claim *c = claim_of(req->host->param_text(req, "settlement_id"));
    if (!c || c->cancelled) {
        return req->host->refuse(plan, OC_R_WRONG_STATE, "cancelled already");
    }
    move(req, plan, c->fund, c->personal);
    tell(req, plan, c);
    return 0;
}

static const struct onecard_param split_params[] = {
    {"bill", "", true},      {"citizen", "", false},  {"hospital", "", false},
    {"replaces", "", false}, {"personal", "", false}, {"family", "", false}};
static const struct onecard_param cancel_params[] = {{"settlement_id", "", true},
                                                     {"citizen", "", false}};
static const struct onecard_service split_service = {.size = sizeof(split_service),
                                                     .name = "social.split",
                                                     .title_en = "",
                                                     .title_zh = "",
                                                     .needs = OC_ASKABLE,
                                                     .params = split_params,
                                                     .param_count = 6,
                                                     .decide = social_split};
static const struct onecard_service cancel_service = {.size = sizeof(cancel_service),
                                                      .name = "social.split_cancel",
                                                      .title_en = "",
                                                      .title_zh = "",
                                                      .needs = OC_ASKABLE,
                                                      .params = cancel_params,
                                                      .param_count = 2,
                                                      .decide = social_split_cancel};
static const struct onecard_service *const social_services[] = {&split_service, &cancel_service};
static const struct onecard_module social = {.abi_major = ONECARD_ABI_MAJOR,
                                             .abi_minor = ONECARD_ABI_MINOR,
                                             .size = sizeof(social),
                                             .name = "social",
                                             .version = "1",
                                             .title_en = "",
                                             .title_zh = "",
                                             .services = social_services,
                                             .service_count = 2};

/* ---- the city ---- */

int city_setup(void **state)
{
    (void)state;
    static const struct onecard_conf conf = {
        .module = &onecard_module,
        .values = {{"open_max", "3"},
                   {"missed_max", "2"},
                   {"missed_days", "60"},
                   {"recognition.CT-HEAD", "30 from h1 at h1,h2"},
                   {"recognition.GLU", "90"},
                   {"interactions.B01A+N02BA", "出血风险 risk of bleeding"}},
    };
    memset(claims, 0, sizeof(claims));
    claim_count = 0;
    count = 0;
    fake_init(&f);
    f.asks[0] = (struct fake_ask){.service = "social.split", .module = &social};
    f.asks[1] = (struct fake_ask){.service = "social.split_cancel", .module = &social};
    f.citizens[0] = (struct fake_pair){"c1", NULL};
    f.citizens[1] = (struct fake_pair){"c2", NULL};
    at("h1");
    return fake_load(&onecard_module, &conf, &ctx);
}

int city_teardown(void **state)
{
    (void)state;
    onecard_module.unload(ctx);
    fake_reset();
    return 0;
}

void at(const char *participant)
{
    f.req.terminal = (struct onecard_terminal){"desk-1", "desk", participant};
}

void on(int32_t date, int hhmm)
{
    f.req.business_date = date;
    f.req.city_time = hhmm * 100;
}

void holder(const char *citizen, enum onecard_presented how)
{
    static const enum onecard_strength strengths[] = {OC_STRENGTH_NONE, OC_STRENGTH_CHIP,
                                                      OC_STRENGTH_CODE, OC_STRENGTH_NUMBER};
    f.req.citizen = f.card.citizen = citizen;
    f.req.card = &f.card;
    f.req.presented = how;
    f.req.strength = strengths[how];
}

void named(const char *citizen)
{
    f.req.citizen = citizen;
    f.req.card = NULL;
    f.req.presented = OC_PRESENTED_NONE;
    f.req.strength = OC_STRENGTH_NONE;
}

void document(const char *json)
{
    f.document = json;
    if (!json) {
        f.req.document = NULL;
    }
}

static int vask(const char *service, va_list ap)
{
    static char hint[32];
    size_t n = 0;
    const char *name;
    memset(f.params, 0, sizeof(f.params));
    while ((name = va_arg(ap, const char *)) != NULL && n + 1 < FAKE_PAIRS) {
        f.params[n].name = name;
        f.params[n++].value = va_arg(ap, const char *);
    }
    snprintf(hint, sizeof(hint), "desk-1/%d", ++count);
    f.req.txn_hint = hint;
    return fake_decide(&onecard_module, ctx, service, &f);
}

int ask(const char *service, ...)
{
    va_list ap;
    va_start(ap, service);
    int rc = vask(service, ap);
    va_end(ap);
    return rc;
}

void commit(void)
{
    assert_int_equal(fake_sum(&f.plan), 0);
    assert_null(f.plan.mistake);
    assert_false(f.plan.overrun);
    assert_int_equal(fake_commit(&f), 0);
}

void done(const char *service, ...)
{
    va_list ap;
    va_start(ap, service);
    int rc = vask(service, ap);
    va_end(ap);
    if (rc) {
        print_error("%s: %d %s\n", service, rc, f.plan.detail);
    }
    assert_int_equal(rc, 0);
    commit();
}

void refused(enum oc_reason reason, const char *service, ...)
{
    va_list ap;
    va_start(ap, service);
    int rc = vask(service, ap);
    va_end(ap);
    if (f.plan.refused != reason) {
        print_error("%s: %d reason %d %s\n", service, rc, (int)f.plan.refused, f.plan.detail);
    }
    assert_int_equal(rc, OC_EREFUSED);
    assert_int_equal(f.plan.refused, reason);
}

const char *reply(const char *path)
{
    char name[32];
    size_t n = strcspn(path, ".");
    snprintf(name, sizeof(name), "%.*s", (int)n, path);
    const char *v = fake_reply(&f.plan, name);
    return v && path[n] ? fake_at(v, path + n + 1) : v;
}

const char *kept(const char *owner, const char *key, const char *path)
{
    const char *doc = fake_get(&f, "medical", owner, key);
    return doc ? fake_at(doc, path) : NULL;
}

void original(const char *txn, const char *service, fen_t amount, fen_t refunded_fen)
{
    f.original = (struct onecard_original){.size = sizeof(f.original),
                                           .txn = txn,
                                           .service = service,
                                           .amount_fen = amount,
                                           .refunded_fen = refunded_fen,
                                           .participant = f.req.terminal.participant,
                                           .business_date = f.req.business_date};
    f.req.original = &f.original;
}

const char *ref(const char *kind, const char *hospital, const char *id)
{
    static char key[MEDICAL_KEY];
    ref_key(kind, hospital, id, key);
    return key;
}
