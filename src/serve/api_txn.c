/* Transactions and doubts: lists and everything that is known of one. */
#include "serve/api.h"

#include <stdio.h>
#include <string.h>

static const char *const states[] = {"intended", "posted", "voided", "in_doubt", "refused", NULL};

static int read_state(struct api_call *c, struct txn_filter *f)
{
    const char *text = http_query(c->req, "state");
    if (!text || *text == '\0')
        return 0;
    for (int i = OC_TXN_INTENDED; i <= OC_TXN_REFUSED; i++)
        if (strcmp(oc_txn_state_name((enum oc_txn_state)i), text) == 0)
            f->state = (uint8_t)i;
    if (f->state == 0)
        return api_fail(c, 400, "bad_query", "?state= knows no \"%.30s\"%s", text,
                        api_hint(text, states));
    return 0;
}

static CO_FN int read_filter(struct api_call *c, struct txn_filter *f)
{
    const char *card = http_query(c->req, "card"), *date = http_query(c->req, "date");
    const char *terminal = http_query(c->req, "terminal");
    struct card_row *row;
    int rc = read_state(c, f);
    if (rc == 0)
        rc = api_query_txn(c, "before", &f->before);
    if (rc == 0 && f->before == 0)
        rc =
            api_query_txn(c, "after", &f->before); /* a day's list goes up: its cursor is "after" */
    if (rc == 0 && date && *date && date_parse(date, &f->clearing) != 0)
        rc = api_fail(c, 400, "bad_query", "?date= must look like 2026-11-21 (a clearing date)");
    if (rc == 0 && card && *card) {
        rc = api_co_card(c, card, &row);
        f->card = rc == 0 ? row->id : 0;
    }
    f->terminal = terminal && *terminal ? terminal : NULL;
    return rc;
}

/* The row with the card's printed number, for people. `card` is scratch: the row asked for last. */
static CO_FN json_t *with_number(struct api_call *c, const struct txn_row *row,
                                 struct card_row *card, bool full)
{
    bool known = row->in.card != 0 && (card->id == row->in.card ||
                                       ledger_co_card_id(c->s->ledger, row->in.card, card) == 0);
    json_t *j = txn_json(c->s, row, full);
    json_object_set_new(j, "card_number", known ? json_text(card->number) : json_null());
    return j;
}

/* Rows are large: they are read a few at a time. */
static CO_FN int list_txns(struct api_call *c, struct txn_filter *f, unsigned limit, json_t *list)
{
    struct txn_row *rows = arena_alloc(flow_arena(), API_PAGE * sizeof *rows);
    struct card_row *card = arena_alloc(flow_arena(), sizeof *card);
    unsigned got = 0, want, n;
    if (!rows || !card)
        return api_no_memory(c);
    do {
        want = limit - got < API_PAGE ? limit - got : API_PAGE;
        int rc = ledger_co_txns(c->s->ledger, f, rows, want, &n);
        if (rc != 0)
            return api_failed(c, rc, "transactions");
        for (unsigned i = 0; i < n; i++)
            json_array_append_new(list, with_number(c, &rows[i], card, false));
        got += n;
        f->before = n > 0 ? rows[n - 1].id : f->before;
    } while (n == want && got < limit);
    return 0;
}

static void drop(void *arg)
{
    json_decref(arg);
}

static CO_FN int reply_list(struct api_call *c, struct txn_filter *f)
{
    unsigned limit = 0;
    int rc = api_limit(c, &limit);
    if (rc != 0)
        return rc;
    json_t *list = json_array();
    flow_defer(drop, list);
    rc = list_txns(c, f, limit, list);
    if (rc != 0)
        return rc;
    bool more = json_array_size(list) == limit;
    c->reply =
        json_pack("{s:O, s:o}", "items", list, "next", more ? json_txn_id(f->before) : json_null());
    return 0;
}

static int get_txns(struct api_call *c) CO_FN;
static int get_txns(struct api_call *c)
{
    struct txn_filter f = {0};
    int rc = read_filter(c, &f);
    return rc == 0 ? reply_list(c, &f) : rc;
}

/* ---- one ---- */

static int64_t age_s(const struct serve *s, const struct txn_row *row)
{
    int64_t age = (serve_now_ms(s) - row->created_ms) / 1000;
    return age > 0 ? age : 0;
}

static CO_FN int find(struct api_call *c, struct txn_row **ret)
{
    struct txn_row *row = arena_alloc(flow_arena(), sizeof *row);
    int64_t id;
    char what[80];
    (void)snprintf(what, sizeof what, "transaction \"%.40s\"", c->vars[0]);
    if (!row)
        return api_no_memory(c);
    if (ident_parse(c->vars[0], &id) != 0)
        return api_fail(c, 400, "bad_request", "%s: an id has 13 letters and digits", what);
    *ret = row;
    return api_failed(c, ledger_co_txn(c->s->ledger, id, row), what);
}

static CO_FN json_t *whole(struct api_call *c, const struct txn_row *row)
{
    struct card_row *card = arena_alloc(flow_arena(), sizeof *card);
    return card ? with_number(c, row, card, true) : txn_json(c->s, row, true);
}

static int get_txn(struct api_call *c) CO_FN;
static int get_txn(struct api_call *c)
{
    struct txn_row *row = NULL;
    int rc = find(c, &row);
    if (rc == 0)
        c->reply = whole(c, row);
    return rc;
}

/* ---- doubts ---- */

static int get_doubts(struct api_call *c) CO_FN;
static int get_doubts(struct api_call *c)
{
    struct txn_filter f = {.open_only = true};
    struct txn_row *rows = arena_alloc(flow_arena(), API_PAGE * sizeof *rows);
    struct card_row *card = arena_alloc(flow_arena(), sizeof *card);
    unsigned limit = 0, n = API_PAGE;
    int rc = api_limit(c, &limit);
    if (rc == 0)
        rc = api_query_txn(c, "after", &f.before);
    if (rc == 0 && (!rows || !card))
        rc = api_no_memory(c);
    if (rc != 0)
        return rc;
    json_t *list = json_array();
    flow_defer(drop, list);
    while (json_array_size(list) < limit && n == API_PAGE) {
        rc = ledger_co_txns(c->s->ledger, &f, rows, API_PAGE, &n);
        if (rc != 0)
            return api_failed(c, rc, "doubts");
        for (unsigned i = 0; i < n && json_array_size(list) < limit; i++) {
            json_t *j = with_number(c, &rows[i], card, false);
            json_object_set_new(j, "age_s", json_integer(age_s(c->s, &rows[i])));
            json_object_set_new(j, "suspense", json_boolean(rows[i].suspense));
            json_array_append_new(list, j);
            f.before = rows[i].id;
        }
    }
    bool more = json_array_size(list) == limit;
    c->reply =
        json_pack("{s:O, s:o}", "items", list, "next", more ? json_txn_id(f.before) : json_null());
    return 0;
}

static int get_doubt(struct api_call *c) CO_FN;
static int get_doubt(struct api_call *c)
{
    struct txn_row *row = NULL;
    int rc = find(c, &row);
    if (rc != 0)
        return rc;
    if (row->state != OC_TXN_IN_DOUBT && row->state != OC_TXN_INTENDED)
        return api_fail(c, 404, "not_found", "transaction %s is no doubt: it is %s", c->vars[0],
                        oc_txn_state_name((enum oc_txn_state)row->state));
    c->reply = whole(c, row);
    json_object_set_new(c->reply, "age_s", json_integer(age_s(c->s, row)));
    json_object_set_new(c->reply, "proposal", api_co_doubt_proposal(c, row));
    return 0;
}

const struct api_route api_txn_routes[] = {
    {"GET", "/v1/txns", get_txns,
     API_QUERY("card", "terminal", "state", "date", "before", "after", "limit")},
    {"GET", "/v1/txns/*", get_txn, NULL},
    {"GET", "/v1/doubts", get_doubts, API_QUERY("limit", "after")},
    {"GET", "/v1/doubts/*", get_doubt, NULL},
    {NULL, NULL, NULL, NULL}};
