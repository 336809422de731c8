/* Settlement on order: a run of a closed day, a preview, the proof of what was published. */
#include "serve/api.h"

#include <stdio.h>
#include <string.h>

static json_t *report_json(const struct serve *s, const struct settle_report *r)
{
    const struct day_row *d = &r->day;
    json_t *j = json_pack("{s:o, s:b, s:b, s:b, s:o, s:I, s:I, s:I, s:I, s:I, s:I}", "date",
                          json_date(r->date), "preview", r->preview, "already", r->already,
                          "recorded", r->recorded, "path", json_text(r->path), "participants",
                          (json_int_t)r->participants, "files", (json_int_t)r->files, "postings",
                          (json_int_t)r->postings, "gross_fen", (json_int_t)r->gross, "borne_fen",
                          (json_int_t)r->borne, "net_fen", (json_int_t)r->net);
    /* An open day has no closing yet: what it would be now. */
    fen_t closing = d->state == 1 ? d->float_opening + d->loads - d->purchases + d->adjustments
                                  : d->float_closing;
    (void)s;
    if (!j)
        return json_null();
    json_object_set_new(j, "float",
                        json_pack("{s:I, s:I, s:I, s:I, s:I}", "opening_fen",
                                  (json_int_t)d->float_opening, "loads_fen", (json_int_t)d->loads,
                                  "purchases_fen", (json_int_t)d->purchases, "adjustments_fen",
                                  (json_int_t)d->adjustments, "closing_fen", (json_int_t)closing));
    json_object_set_new(j, "payments",
                        json_pack("{s:I, s:I, s:I}", "items", (json_int_t)r->items, "pay_fen",
                                  (json_int_t)r->pay, "collect_fen", (json_int_t)r->collect));
    json_object_set_new(j, "doubts", json_integer(r->doubts));
    json_object_set_new(j, "doubts_fen", json_integer(r->doubts_amount));
    json_object_set_new(j, "oldest_doubt_s", json_integer(r->oldest_doubt_ms / 1000));
    json_object_set_new(j, "manifest_sha256",
                        json_hex(r->manifest_sha256, sizeof r->manifest_sha256));
    json_object_set_new(j, "faults", json_integer(r->faults));
    json_object_set_new(j, "first_fault", json_text_or_null(r->first_fault));
    return j;
}

static int failed(struct api_call *c, int rc, const struct settle_report *r)
{
    const char *why = r->first_fault[0] != '\0' ? r->first_fault : oc_strerror(rc);
    switch (rc) {
    case OC_ENOENT:
        return api_fail(c, 404, "not_found", "%s", why);
    case OC_EINVAL:
        return api_fail(c, 400, "bad_field", "%s", why);
    case OC_ESTATE:
        return api_fail(c, 409, "day_open", "%s", why);
    case OC_EEXIST:
        return api_fail(c, 409, "differs", "%s", why);
    case OC_EBOOKS:
        return api_fail(c, 409, "books", "%s", why);
    case OC_EBUSY:
        return api_fail(c, 409, "busy", "a settlement run goes on: wait for its end");
    default:
        return api_fail(c, 500, "failed", "%s", why);
    }
}

static CO_FN int settle(struct api_call *c, bool verify)
{
    date_t date = 0;
    bool preview = false;
    const struct field fields[] = {
        {.name = "date", .kind = FIELD_DATE, .out = &date, .required = true},
        {.name = "preview", .kind = FIELD_BOOL, .out = &preview}};
    struct settle_report *r = arena_alloc(flow_arena(), sizeof *r);
    int rc = api_fields(c, fields, verify ? 1 : 2);
    if (rc == 0 && !r)
        rc = api_no_memory(c);
    if (rc != 0)
        return rc;
    struct settle_env *env = &c->s->settle;
    if (env->busy)
        return failed(c, OC_EBUSY, r);
    env->who = c->who; /* R20: the ledger says who published */
    rc = verify ? settle_co_verify(env, date, r) : settle_co_run(env, date, preview, r);
    env->who = NULL;
    if (rc != 0)
        return failed(c, rc, r);
    if (!verify)
        log_info("serve", "settlement of %d asked for by %s", (int)date, c->who);
    c->reply = report_json(c->s, r);
    return 0;
}

static int post_run(struct api_call *c) CO_FN;
static int post_run(struct api_call *c)
{
    return settle(c, false);
}

static int post_verify(struct api_call *c) CO_FN;
static int post_verify(struct api_call *c)
{
    return settle(c, true);
}

/* ---- the claim on a fund ---- */

static json_t *claim_json(const struct settle_claim *r)
{
    return json_pack("{s:o, s:o, s:o, s:b, s:o, s:I, s:I, s:I, s:I, s:o, s:I, s:o, s:b, s:b, s:I}", "fund",
                     json_text(r->fund), "first", json_date(r->first), "last", json_date(r->last),
                     "already", r->already, "path", json_text(r->path), "lines",
                     (json_int_t)r->lines, "payees", (json_int_t)r->payees, "files",
                     (json_int_t)r->files, "amount_fen", (json_int_t)r->amount, "manifest_sha256",
                     json_hex(r->manifest_sha256, sizeof r->manifest_sha256), "faults",
                     (json_int_t)r->faults, "first_fault", json_text_or_null(r->first_fault), "recorded",
                     r->recorded, "answered", r->answered, "deducted_fen",
                     (json_int_t)r->deducted);
}

/* "2026-11": its first day. */
static int read_month(struct api_call *c, const char *text, date_t *ret)
{
    char day[16];
    (void)snprintf(day, sizeof day, "%.7s-01", text);
    if (strlen(text) != 7 || date_parse(day, ret) != 0)
        return api_fail(c, 400, "bad_field", "\"month\" is a month such as 2026-11, not \"%.16s\"",
                        text);
    return 0;
}

static int post_claim(struct api_call *c) CO_FN;
static int post_claim(struct api_call *c)
{
    char fund[LEDGER_ID] = "", text[16] = "";
    bool verify = false;
    date_t month = 0;
    const struct field fields[] = {
        {.name = "fund", .kind = FIELD_TEXT, .out = fund, .size = sizeof fund, .required = true},
        {.name = "month", .kind = FIELD_TEXT, .out = text, .size = sizeof text, .required = true},
        {.name = "verify", .kind = FIELD_BOOL, .out = &verify}};
    struct settle_claim *r = arena_alloc(flow_arena(), sizeof *r);
    struct settle_report *why = arena_alloc(flow_arena(), sizeof *why);
    int rc = api_fields(c, fields, ARRAY_LEN(fields));
    if (rc == 0 && (!r || !why))
        rc = api_no_memory(c);
    if (rc == 0)
        rc = read_month(c, text, &month);
    if (rc != 0)
        return rc;
    struct settle_env *env = &c->s->settle;
    if (env->busy)
        return failed(c, OC_EBUSY, why);
    env->who = c->who; /* R20 */
    rc = settle_co_claim(env, fund, month, verify, r);
    env->who = NULL;
    memcpy(why->first_fault, r->first_fault, sizeof why->first_fault);
    if (rc != 0)
        return failed(c, rc, why);
    if (!verify)
        log_info("serve", "claim on %s for %s asked for by %s", fund, text, c->who);
    c->reply = claim_json(r);
    return 0;
}

const struct api_route api_settle_routes[] = {{"POST", "/v1/settle/claim", post_claim, NULL},
                                              {"POST", "/v1/settle/run", post_run, NULL},
                                              {"POST", "/v1/settle/verify", post_verify, NULL},
                                              {NULL, NULL, NULL, NULL}};
