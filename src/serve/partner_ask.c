/* An institution's system asks for a service, under a terminal of its own and a number of its own:
 * the same number again gives the first answer. It runs in a flow that its client's leaving does
 * not cancel: who lost the answer asks again and finds it. */
#include "serve/code.h"
#include "serve/partner.h"

#include <onecard/module.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* In the memory of the call's flow, which waits for its end whatever happens. */
struct asked {
    struct serve *s;
    struct station *station;
    struct admit_place place;
    struct txn_request req;
    struct txn_result res;
    const char *code; /* why the code is not good */
    uint32_t retry_ms;
};

static int not_yours(struct api_call *c, const char *terminal)
{
    return api_fail(c, 403, "not_allowed",
                    "\"%.31s\" is no terminal of kind system of participant %s", terminal,
                    partner_of(c)->id);
}

static int find_station(struct api_call *c, const char *terminal, struct station **ret)
{
    struct station *st = station_get(c->s, terminal);
    if (!st || strcmp(st->row.t.participant, partner_of(c)->id) != 0 ||
        strcmp(st->row.t.kind, "system") != 0)
        return not_yours(c, terminal);
    *ret = st;
    return 0;
}

static int check_service(struct api_call *c, const char *name)
{
    const char *hint = NULL;
    struct service *svc = module_service(c->s->modules, name, flow_arena(), &hint);
    if (!svc)
        return api_fail(c, 404, "unknown_service", "there is no service \"%.60s\"%s%s", name,
                        hint ? ": " : "", hint ? hint : "");
    if ((service_needs(svc) & OC_BY_PARTICIPANT) == 0)
        return api_fail(c, 403, "not_allowed", "%s is not for institutions' systems",
                        service_name(svc));
    return 0;
}

static int read_presentation(struct api_call *c, const char *card, const char *code,
                             struct txn_request *r)
{
    if (card[0] != '\0' && code[0] != '\0')
        return api_fail(c, 400, "bad_field", "\"card\" or \"code\", not both");
    r->presented = (uint8_t)(code[0] != '\0'   ? PRESENTED_CODE
                             : card[0] != '\0' ? PRESENTED_NUMBER
                                               : PRESENTED_NONE);
    (void)snprintf(r->presented_text, sizeof r->presented_text, "%s", code[0] ? code : card);
    return 0;
}

static int read_request(struct api_call *c, struct txn_request *r)
{
    json_t *params = NULL, *document = NULL;
    char card[64] = "", code[sizeof r->presented_text] = "";
    const struct field fields[] = {
        {.name = "terminal",
         .kind = FIELD_TEXT,
         .out = r->terminal,
         .size = sizeof r->terminal,
         .required = true},
        {.name = "number",
         .kind = FIELD_INT,
         .out = &r->request_no,
         .required = true,
         .min = 1,
         .max = INT64_MAX},
        {.name = "amount_fen",
         .kind = FIELD_INT,
         .out = &r->amount,
         .min = 1,
         .max = ONECARD_AMOUNT_MAX},
        {.name = "citizen", .kind = FIELD_TEXT, .out = r->citizen, .size = sizeof r->citizen},
        {.name = "card", .kind = FIELD_TEXT, .out = card, .size = sizeof card},
        {.name = "code", .kind = FIELD_TEXT, .out = code, .size = sizeof code},
        {.name = "params", .kind = FIELD_OBJECT, .out = &params},
        {.name = "document", .kind = FIELD_OBJECT, .out = &document}};
    int rc = api_fields(c, fields, ARRAY_LEN(fields));
    if (rc == 0)
        rc = read_presentation(c, card, code, r);
    if (rc == 0 && params)
        rc = api_read_params(c, params, r);
    return rc == 0 && document ? api_read_document(c, document, r) : rc;
}

/* ---- the run ---- */

static int run_flow(void *arg) CO_FN;
static int run_flow(void *arg)
{
    struct asked *a = arg;
    flow_set_note(a->req.terminal);
    int rc = txn_request_hash(a->s->crypto, &a->req, a->req.request_hash);
    if (rc == 0)
        rc = admit_co_enter(&a->s->admit, &a->station->turn, &a->place, &a->retry_ms);
    if (rc != 0)
        return rc;
    a->code = code_co_take(a->s, &a->req);
    rc = txn_co_run(&a->s->env, NULL, &a->req, &a->res);
    admit_leave(&a->place);
    return rc == OC_ECANCELED ? 0 : rc; /* the result says so */
}

static CO_FN int run(struct asked *a)
{
    struct flow *f;
    int result = 0, rc = flow_start(a->s->loop, "institution", run_flow, a, &f);
    if (rc != 0)
        return rc == OC_ELIMIT ? OC_EBUSY : rc;
    flow_shield(); /* it works in *a */
    rc = flow_co_join(f, &result, FLOW_FOREVER);
    flow_unshield();
    flow_put(f);
    return rc != 0 ? rc : result;
}

static void drop_document(void *arg)
{
    struct asked *a = arg;
    union {
        const char *shown;
        char *own;
    } document = {.shown = a->req.document};
    if (document.own)
        secret_wipe(document.own, a->req.document_len);
    free(document.own);
    a->req.document = NULL;
}

static int post_service(struct api_call *c) CO_FN;
static int post_service(struct api_call *c)
{
    struct asked *a = arena_alloc(flow_arena(), sizeof *a);
    if (!a)
        return api_no_memory(c);
    a->s = c->s;
    a->req.institution = true;
    flow_defer(drop_document, a);
    int rc = strlen(c->vars[0]) < sizeof a->req.service ? check_service(c, c->vars[0])
                                                        : api_failed(c, OC_ENOENT, "such service");
    if (rc == 0)
        rc = read_request(c, &a->req);
    if (rc == 0)
        rc = find_station(c, a->req.terminal, &a->station);
    if (rc == 0 && rng_fill(c->s->env.rng, &a->req.trace, sizeof a->req.trace) != 0)
        rc = api_failed(c, OC_ECRYPTO, "trace");
    if (rc != 0)
        return rc;
    (void)snprintf(a->req.service, sizeof a->req.service, "%s", c->vars[0]);
    (void)snprintf(a->req.who, sizeof a->req.who, "%s", c->who);
    rc = run(a);
    if (rc == OC_EBUSY)
        return api_fail(c, 503, "busy", "too many dialogues are at work: try again");
    if (rc != 0)
        return api_failed(c, rc, "request");
    code_explain(a->code, &a->res);
    c->reply = result_json(c->s, &a->res);
    return 0;
}

/* ---- what became of it ---- */

static int get_request(struct api_call *c) CO_FN;
static int get_request(struct api_call *c)
{
    struct station *st;
    char *end = NULL;
    long long number = strtoll(c->vars[1], &end, 10);
    struct txn_row *row = arena_alloc(flow_arena(), sizeof *row);
    struct txn_result *res = arena_alloc(flow_arena(), sizeof *res);
    if (!row || !res)
        return api_no_memory(c);
    if (c->vars[1][0] < '0' || c->vars[1][0] > '9' || *end != '\0' || number <= 0)
        return api_fail(c, 400, "bad_request", "a request's number is a number");
    int rc = find_station(c, c->vars[0], &st);
    if (rc != 0)
        return rc;
    rc = ledger_co_txn_request(c->s->ledger, st->row.t.id, number, row);
    if (rc != 0)
        return api_failed(c, rc, "request with this number");
    txn_result_from_row(row, res);
    c->reply = result_json(c->s, res);
    return 0;
}

const struct api_route partner_ask_routes[] = {{"POST", "/v1/services/*", post_service, NULL},
                                               {"GET", "/v1/requests/*/*", get_request, NULL},
                                               {NULL, NULL, NULL, NULL}};
