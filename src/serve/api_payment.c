/* What the bank and the funds said of the settlement: result files, the items of payment and what
 * became of them. */
#include "serve/api.h"

#include <stdio.h>
#include <string.h>

#define LINES_MAX 500

/* ---- items ---- */

/* A booking that the ledger has not is a fault of the books; the item is told all the same. */
static CO_FN json_t *said_json(struct api_call *c, const struct settle_said *s)
{
    int64_t txn = 0;
    if (s->reference[0] == '\0')
        return json_null();
    if (settle_co_booking(&c->s->settle, s, &txn) != 0)
        txn = 0;
    return json_pack("{s:o, s:o, s:o, s:o, s:o}", "txn", json_txn_id(txn), "on", json_date(s->on),
                     "reference", json_text(s->reference), "reason", json_text_or_null(s->reason),
                     "file", json_text_or_null(s->file));
}

static CO_FN json_t *item_json(struct api_call *c, const struct settle_item *it)
{
    char id[SETTLE_ITEM];
    return json_pack("{s:o, s:s?, s:o, s:o, s:s?, s:i, s:I, s:o, s:o}", "item",
                     json_text(settle_item_text(&it->id, id)), "state",
                     settle_state_name((enum settle_state)it->state), "group",
                     json_text(it->id.group), "payee", json_text(it->id.payee), "account",
                     acct_kind_name((enum acct_kind)it->id.account), "attempt", (int)it->id.attempt,
                     "amount_fen", (json_int_t)it->amount, "paid", said_json(c, &it->paid), "back",
                     said_json(c, &it->back));
}

static int read_filter(struct api_call *c, struct settle_filter *f)
{
    const char *state = http_query(c->req, "state"), *group = http_query(c->req, "group"),
               *after = http_query(c->req, "after");
    *f = (struct settle_filter){
        .state = ITEM_OPEN, .group = group ? group : "", .after = after ? after : ""};
    if (*f->group && !settle_group_ok(f->group))
        return api_fail(c, 400, "bad_query",
                        "?group= is a clearing day such as 2026-11-21 or a month of claims such as "
                        "2026-11");
    if (!state || *state == '\0' || strcmp(state, "open") == 0)
        return 0;
    f->state = (uint8_t)settle_result_parse(state);
    if (f->state == 0 && strcmp(state, "all") != 0)
        return api_fail(c, 400, "bad_query", "?state= is open, paid, returned, failed or all");
    return 0;
}

static int get_items(struct api_call *c) CO_FN;
static int get_items(struct api_call *c)
{
    struct settle_filter f;
    unsigned limit = 0, n = 0;
    char next[SETTLE_ITEM];
    int rc = api_limit(c, &limit);
    if (rc == 0)
        rc = read_filter(c, &f);
    if (rc != 0)
        return rc;
    struct settle_item *rows = arena_alloc(flow_arena(), limit * sizeof *rows);
    if (!rows)
        return api_no_memory(c);
    rc = settle_co_items(&c->s->settle, &f, rows, limit, &n);
    if (rc == OC_EINVAL)
        return api_fail(c, 400, "bad_query", "?after= must be what \"next\" said: an item");
    if (rc != 0)
        return api_failed(c, rc, "items");
    json_t *list = json_array();
    for (unsigned i = 0; i < n; i++)
        json_array_append_new(list, item_json(c, &rows[i]));
    c->reply = api_page(list, n == limit ? json_text(settle_item_text(&rows[n - 1].id, next))
                                         : json_null());
    return 0;
}

/* ---- the bank's result file ---- */

struct portion {
    struct settle_line lines[LINES_MAX];
    json_int_t numbers[LINES_MAX]; /* of the file */
    unsigned n;
    json_t *errors;
};

static json_int_t number_of(const json_t *item, size_t index)
{
    const json_t *line = json_object_get(item, "line");
    return json_is_integer(line) ? json_integer_value(line) : (json_int_t)index + 1;
}

static int read_line(struct api_call *c, json_t *item, struct settle_line *l)
{
    char result[16] = "";
    int64_t line;
    const struct field fields[] = {
        {.name = "item",
         .kind = FIELD_TEXT,
         .out = l->item,
         .size = sizeof l->item,
         .required = true},
        {.name = "payee",
         .kind = FIELD_TEXT,
         .out = l->payee,
         .size = sizeof l->payee,
         .required = true},
        {.name = "amount_fen",
         .kind = FIELD_INT,
         .out = &l->amount,
         .min = -INT64_C(10000000000000),
         .max = INT64_C(10000000000000),
         .required = true},
        {.name = "result",
         .kind = FIELD_TEXT,
         .out = result,
         .size = sizeof result,
         .required = true},
        {.name = "date", .kind = FIELD_DATE, .out = &l->on, .required = true},
        {.name = "reference",
         .kind = FIELD_TEXT,
         .out = l->reference,
         .size = sizeof l->reference,
         .required = true},
        {.name = "reason", .kind = FIELD_TEXT, .out = l->reason, .size = sizeof l->reason},
        {.name = "line", .kind = FIELD_INT, .out = &line, .max = INT64_MAX}};
    if (!json_is_object(item))
        return api_fail(c, 400, "bad_field", "not an object");
    int rc = api_object_fields(c, item, "this line", fields, ARRAY_LEN(fields));
    l->result = (uint8_t)settle_result_parse(result);
    if (rc == 0 && l->result == 0)
        rc = api_fail(c, 400, "bad_field", "\"result\" is paid, returned or failed, not \"%.15s\"",
                      result);
    return rc;
}

static void bad_line(json_t *errors, json_int_t line, json_t *message)
{
    json_array_append_new(errors, json_pack("{s:I, s:o}", "line", line, "message", message));
}

/* The error that reading left becomes a line of the report. */
static void unreadable(struct api_call *c, json_t *errors, json_int_t line)
{
    json_t *why = json_object_get(json_object_get(c->reply, "error"), "message");
    bad_line(errors, line, why ? json_incref(why) : json_null());
    json_decref(c->reply);
    c->reply = NULL;
    c->status = 200;
}

static void read_lines(struct api_call *c, const json_t *items, struct portion *p)
{
    for (size_t i = 0; i < json_array_size(items); i++) {
        json_t *item = json_array_get(items, i);
        p->numbers[p->n] = number_of(item, i);
        memset(&p->lines[p->n], 0, sizeof p->lines[0]);
        if (read_line(c, item, &p->lines[p->n]) == 0)
            p->n++;
        else
            unreadable(c, p->errors, p->numbers[p->n]);
    }
}

static json_t *counts(struct portion *p)
{
    unsigned n[ITEM_FAILED + 1] = {0}, unchanged = 0;
    json_t *j = json_object();
    for (unsigned i = 0; i < p->n; i++) {
        const struct settle_line *l = &p->lines[i];
        if (l->outcome == LINE_DONE)
            n[l->result]++;
        else if (l->outcome == LINE_UNCHANGED)
            unchanged++;
        else
            bad_line(p->errors, p->numbers[i], json_text(l->why));
    }
    for (int s = ITEM_PAID; s <= ITEM_FAILED; s++)
        json_object_set_new(j, settle_state_name((enum settle_state)s), json_integer(n[s]));
    json_object_set_new(j, "unchanged", json_integer(unchanged));
    return j;
}

static void drop(void *arg)
{
    json_decref(arg);
}

static int post_result(struct api_call *c) CO_FN;
static int post_result(struct api_call *c)
{
    json_t *items = NULL;
    char file[256] = "";
    struct portion *p = arena_alloc(flow_arena(), sizeof *p);
    const struct field fields[] = {
        {.name = "items", .kind = FIELD_ARRAY, .out = &items, .required = true},
        {.name = "file", .kind = FIELD_TEXT, .out = file, .size = sizeof file}};
    int rc = p ? api_fields(c, fields, ARRAY_LEN(fields)) : api_no_memory(c);
    if (rc != 0)
        return rc;
    if (json_array_size(items) > LINES_MAX)
        return api_fail(c, 400, "bad_field", "at most %d items at one time", LINES_MAX);
    p->n = 0;
    flow_defer(drop, p->errors = json_array());
    read_lines(c, items, p);
    struct settle_env *env = &c->s->settle;
    if (env->busy)
        return api_fail(c, 409, "busy", "a settlement run goes on: wait for its end");
    env->who = c->who; /* R20 */
    rc = settle_co_results(env, file, p->lines, p->n);
    env->who = NULL;
    if (rc != 0)
        return api_failed(c, rc, "settlement");
    log_info("serve", "%u lines of the bank's result file %s brought by %s", p->n, file, c->who);
    json_t *results = counts(p);
    c->reply = json_pack("{s:o, s:O}", "results", results, "errors", p->errors);
    return 0;
}

/* ---- a fund's answer to a claim ---- */

struct answer {
    struct settle_answer a;
    struct settle_cut lines[LINES_MAX];
    json_int_t numbers[LINES_MAX];
    json_t *errors;
};

#define YUAN_MAX INT64_C(10000000000000)

static int read_cut(struct api_call *c, json_t *item, struct settle_cut *l)
{
    int64_t line;
    const struct field fields[] = {
        {.name = "txn", .kind = FIELD_TEXT, .out = l->txn, .size = sizeof l->txn, .required = true},
        {.name = "claimed_fen",
         .kind = FIELD_INT,
         .out = &l->claimed,
         .min = -YUAN_MAX,
         .max = YUAN_MAX,
         .required = true},
        {.name = "deducted_fen",
         .kind = FIELD_INT,
         .out = &l->deducted,
         .max = YUAN_MAX,
         .required = true},
        {.name = "reason",
         .kind = FIELD_TEXT,
         .out = l->reason,
         .size = sizeof l->reason,
         .required = true},
        {.name = "line", .kind = FIELD_INT, .out = &line, .max = INT64_MAX}};
    if (!json_is_object(item))
        return api_fail(c, 400, "bad_field", "not an object");
    return api_object_fields(c, item, "this line", fields, ARRAY_LEN(fields));
}

static void read_cuts(struct api_call *c, const json_t *items, struct answer *w)
{
    for (size_t i = 0; i < json_array_size(items); i++) {
        json_t *item = json_array_get(items, i);
        json_int_t number = number_of(item, i);
        struct settle_cut *l = &w->lines[w->a.n];
        memset(l, 0, sizeof *l);
        w->numbers[w->a.n] = number;
        if (read_cut(c, item, l) == 0)
            w->a.n++;
        else
            unreadable(c, w->errors, number);
    }
}

static int read_answer(struct api_call *c, struct answer *w)
{
    json_t *items = NULL;
    struct settle_answer *a = &w->a;
    date_t month;
    char day[16], file[256] = "";
    const struct field fields[] = {
        {.name = "fund",
         .kind = FIELD_TEXT,
         .out = a->fund,
         .size = sizeof a->fund,
         .required = true},
        {.name = "month",
         .kind = FIELD_TEXT,
         .out = a->month,
         .size = sizeof a->month,
         .required = true},
        {.name = "claimed_fen",
         .kind = FIELD_INT,
         .out = &a->claimed,
         .min = -YUAN_MAX,
         .max = YUAN_MAX,
         .required = true},
        {.name = "accepted_fen",
         .kind = FIELD_INT,
         .out = &a->accepted,
         .min = -YUAN_MAX,
         .max = YUAN_MAX,
         .required = true},
        {.name = "deducted_fen",
         .kind = FIELD_INT,
         .out = &a->deducted,
         .max = YUAN_MAX,
         .required = true},
        {.name = "items", .kind = FIELD_ARRAY, .out = &items, .required = true},
        {.name = "file", .kind = FIELD_TEXT, .out = file, .size = sizeof file},
        {.name = "last", .kind = FIELD_BOOL, .out = &a->last}};
    int rc = api_fields(c, fields, ARRAY_LEN(fields));
    if (rc == 0 && json_array_size(items) > LINES_MAX)
        rc = api_fail(c, 400, "bad_field", "at most %d items at one time", LINES_MAX);
    (void)snprintf(a->file, sizeof a->file, "%s", file);
    (void)text_trim_utf8(a->file);
    (void)snprintf(day, sizeof day, "%.7s-01", a->month);
    if (rc == 0 && (strlen(a->month) != 7 || date_parse(day, &month) != 0))
        rc = api_fail(c, 400, "bad_field", "\"month\" is a month such as 2026-11");
    if (rc == 0)
        read_cuts(c, items, w);
    return rc;
}

static json_t *answer_json(struct answer *w)
{
    unsigned deducted = 0, unchanged = 0;
    for (unsigned i = 0; i < w->a.n; i++) {
        const struct settle_cut *l = &w->lines[i];
        deducted += l->outcome == LINE_DONE;
        unchanged += l->outcome == LINE_UNCHANGED;
        if (l->outcome == LINE_REFUSED)
            bad_line(w->errors, w->numbers[i], json_text(l->why));
    }
    return json_pack("{s:{s:I, s:I}, s:O, s:I, s:b, s:o}", "results", "deducted",
                     (json_int_t)deducted, "unchanged", (json_int_t)unchanged, "errors", w->errors,
                     "booked_fen", (json_int_t)w->a.booked, "answered", w->a.answered, "why",
                     json_text_or_null(w->a.why));
}

static int post_deduct(struct api_call *c) CO_FN;
static int post_deduct(struct api_call *c)
{
    struct answer *w = arena_alloc(flow_arena(), sizeof *w);
    if (!w)
        return api_no_memory(c);
    w->a = (struct settle_answer){.lines = w->lines};
    flow_defer(drop, w->errors = json_array());
    int rc = read_answer(c, w);
    if (rc != 0)
        return rc;
    struct settle_env *env = &c->s->settle;
    if (env->busy)
        return api_fail(c, 409, "busy", "a settlement run goes on: wait for its end");
    env->who = c->who; /* R20 */
    rc = settle_co_answer(env, &w->a);
    env->who = NULL;
    json_t *j = answer_json(w);
    if (rc == 0) {
        c->reply = j;
        log_info("serve", "answer of %s for %s brought by %s: %u lines", w->a.fund, w->a.month,
                 c->who, w->a.n);
        return 0;
    }
    json_decref(j);
    if (rc == OC_ENOENT || rc == OC_ECONFLICT)
        return api_fail(c, rc == OC_ENOENT ? 404 : 409, rc == OC_ENOENT ? "not_found" : "differs",
                        "%s", w->a.why);
    return api_failed(c, rc, "settlement");
}

const struct api_route api_payment_routes[] = {
    {"GET", "/v1/settle/items", get_items, API_QUERY("state", "group", "limit", "after")},
    {"POST", "/v1/settle/result", post_result, NULL},
    {"POST", "/v1/settle/deduct", post_deduct, NULL},
    {NULL, NULL, NULL, NULL}};
