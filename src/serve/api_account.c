/* Accounts, clearing days, events. */
#include "serve/api.h"

#include <stdio.h>
#include <string.h>

/* "KIND:OWNER", as "next" said. */
static int query_account(struct api_call *c, uint8_t *ret_kind, const char **ret_owner)
{
    const char *text = http_query(c->req, "after"), *name, *colon = text ? strchr(text, ':') : NULL;
    *ret_kind = 0;
    *ret_owner = "";
    if (!text || *text == '\0')
        return 0;
    for (unsigned k = 1; colon && k <= UINT8_MAX; k++) {
        name = acct_kind_name((enum acct_kind)k);
        if (name && strlen(name) == (size_t)(colon - text) &&
            strncmp(name, text, (size_t)(colon - text)) == 0)
            *ret_kind = (uint8_t)k;
    }
    if (*ret_kind == 0)
        return api_fail(c, 400, "bad_query", "?after= must be what \"next\" said");
    *ret_owner = colon + 1;
    return 0;
}

static int get_accounts(struct api_call *c) CO_FN;
static int get_accounts(struct api_call *c)
{
    unsigned n = 0, limit = 0;
    uint8_t kind = 0;
    const char *owner = "";
    int rc = api_limit(c, &limit);
    if (rc == 0)
        rc = query_account(c, &kind, &owner);
    if (rc != 0)
        return rc;
    struct account_row *rows = arena_alloc(flow_arena(), limit * sizeof *rows);
    rc = rows ? ledger_co_accounts(c->s->ledger, kind, owner, rows, limit, &n) : OC_ENOMEM;
    if (rc != 0)
        return api_failed(c, rc, "accounts");
    json_t *list = json_array();
    for (unsigned i = 0; i < n; i++) {
        const struct account_row *a = &rows[i];
        json_array_append_new(
            list, json_pack("{s:s?, s:o, s:I, s:I, s:I, s:I, s:I, s:I}", "kind",
                            acct_kind_name((enum acct_kind)a->kind), "owner", json_text(a->owner),
                            "balance_fen", (json_int_t)(a->credits_posted - a->debits_posted),
                            "debits_fen", (json_int_t)a->debits_posted, "credits_fen",
                            (json_int_t)a->credits_posted, "debits_pending_fen",
                            (json_int_t)a->debits_pending, "credits_pending_fen",
                            (json_int_t)a->credits_pending, "floor_fen", (json_int_t)a->floor));
    }
    json_t *next = json_null();
    if (n == limit) {
        const char *last = acct_kind_name((enum acct_kind)rows[n - 1].kind);
        next = json_sprintf("%s:%s", last ? last : "", rows[n - 1].owner);
    }
    c->reply = api_page(list, next);
    return 0;
}

/* ---- days ---- */

/* Of the open day: as it stands now. */
static json_t *day_json(const struct serve *s, const struct day_row *d,
                        const struct settle_group *g)
{
    fen_t closing = d->state == 1 ? d->float_opening + d->loads - d->purchases + d->adjustments
                                  : d->float_closing;
    json_t *j =
        json_pack("{s:o, s:s, s:o, s:o, s:I, s:I, s:I, s:I, s:I, s:I}", "date", json_date(d->date),
                  "state", settle_day_state(d, g), "opened", json_time(s, d->opened_ms), "closed",
                  json_time(s, d->closed_ms), "float_opening_fen", (json_int_t)d->float_opening,
                  "loads_fen", (json_int_t)d->loads, "purchases_fen", (json_int_t)d->purchases,
                  "adjustments_fen", (json_int_t)d->adjustments, "float_closing_fen",
                  (json_int_t)closing, "journal_seq", (json_int_t)d->journal_seq);
    if (!j)
        return json_null();
    json_object_set_new(j, "chain_head", d->state >= 2 ? json_hex(d->chain_head, 32) : json_null());
    json_object_set_new(j, "manifest_sha256",
                        d->state == 3 ? json_hex(d->manifest_sha256, 32) : json_null());
    json_object_set_new(j, "items", json_integer(g->items));
    json_object_set_new(j, "items_open", json_integer(g->open));
    json_object_set_new(j, "items_returned", json_integer(g->returned));
    return j;
}

static int get_days(struct api_call *c) CO_FN;
static int get_days(struct api_call *c)
{
    unsigned limit = 0, n = 0;
    date_t before = 0;
    char text[11];
    const char *after = http_query(c->req, "after");
    int rc = api_limit(c, &limit);
    if (rc == 0 && after && *after && date_parse(after, &before) != 0)
        rc = api_fail(c, 400, "bad_query", "?after= must be what \"next\" said: a date");
    if (rc != 0)
        return rc;
    struct day_row *rows = arena_alloc(flow_arena(), limit * sizeof *rows);
    struct settle_group *groups = arena_alloc(flow_arena(), limit * sizeof *groups);
    if (!rows || !groups)
        return api_no_memory(c);
    rc = ledger_co_days(c->s->ledger, before, rows, limit, &n);
    if (rc == 0)
        rc = settle_co_days(&c->s->settle, rows, n, groups);
    if (rc != 0)
        return api_failed(c, rc, "days");
    json_t *list = json_array();
    for (unsigned i = 0; i < n; i++)
        json_array_append_new(list, day_json(c->s, &rows[i], &groups[i]));
    c->reply =
        api_page(list, n == limit ? json_string(date_text(rows[n - 1].date, text)) : json_null());
    return 0;
}

/* The day is named, so that an order given twice closes one day, not two. */
static int check_close(struct api_call *c, date_t date, bool early)
{
    struct ledger_stats st;
    char open[11], asked[11];
    ledger_stats(c->s->ledger, &st);
    if (date != st.open_day)
        return api_fail(c, 409, "other_day", "the open day is %s, not %s",
                        date_text(st.open_day, open), date_text(date, asked));
    if (date > night_latest_begun(c->s) && !early)
        return api_fail(c, 409, "not_begun",
                        "the day %s has not begun in the city: nothing to close (\"early\": true "
                        "closes it all the same)",
                        date_text(date, open));
    return 0;
}

static int post_close(struct api_call *c) CO_FN;
static int post_close(struct api_call *c)
{
    struct ledger_op *op = api_op(c, LOP_DAY_CLOSE);
    struct day_row *row = arena_alloc(flow_arena(), sizeof *row);
    if (!op || !row)
        return api_no_memory(c);
    date_t date = 0;
    bool early = false;
    const struct field fields[] = {
        {.name = "date", .kind = FIELD_DATE, .out = &date, .required = true},
        {.name = "early", .kind = FIELD_BOOL, .out = &early}};
    int rc = api_fields(c, fields, ARRAY_LEN(fields));
    if (rc == 0)
        rc = check_close(c, date, early);
    if (rc != 0)
        return rc;
    rc = night_co_close_day(c->s, date, c->who, op);
    if (rc != 0)
        return api_submit_failed(c, rc, op);
    rc = ledger_co_day(c->s->ledger, op->day_close.date, row);
    if (rc != 0)
        return api_failed(c, rc, "day");
    c->reply = json_pack("{s:o, s:o}", "closed", day_json(c->s, row, &(struct settle_group){0}), "open_day",
                         json_date(op->day_close.next));
    return 0;
}

/* ---- events ---- */

static int get_events(struct api_call *c) CO_FN;
static int get_events(struct api_call *c)
{
    unsigned limit = 0, n = 0;
    int64_t after = 0;
    int rc = api_limit(c, &limit);
    if (rc == 0)
        rc = api_query_int(c, "after", 0, &after);
    if (rc != 0)
        return rc;
    struct event_row *rows = arena_alloc(flow_arena(), limit * sizeof *rows);
    if (!rows)
        return api_no_memory(c);
    rc = ledger_co_events(c->s->ledger, after, rows, limit, &n);
    if (rc != 0)
        return api_failed(c, rc, "events");
    json_t *list = json_array();
    for (unsigned i = 0; i < n; i++) {
        const struct event_row *e = &rows[i];
        json_array_append_new(
            list,
            json_pack("{s:I, s:o, s:o, s:o, s:o, s:o, s:o}", "seq", (json_int_t)e->seq, "at",
                      json_time(c->s, e->at_ms), "kind", json_text(e->item.kind), "text",
                      json_text(e->item.text), "card",
                      e->card ? json_sprintf("c%lld", (long long)e->card) : json_null(), "txn",
                      json_txn_id(e->txn), "terminal", json_text_or_null(e->terminal)));
    }
    c->reply = api_page(list, n == limit ? json_integer(rows[n - 1].seq) : json_null());
    return 0;
}

const struct api_route api_account_routes[] = {
    {"GET", "/v1/accounts", get_accounts, API_QUERY("limit", "after")},
    {"GET", "/v1/days", get_days, API_QUERY("limit", "after")},
    {"POST", "/v1/day/close", post_close, NULL},
    {"GET", "/v1/events", get_events, API_QUERY("limit", "after")},
    {NULL, NULL, NULL, NULL}};
