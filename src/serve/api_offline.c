/* Records of offline terminals that collectors bring, and the purse of a lost card that goes to
 * another one. */
#include "serve/api.h"

#include <stdio.h>
#include <string.h>

#define IMPORT_MAX 1000

static json_t *record_json(const struct serve *s, const struct offline_row *r)
{
    const struct op_offline *o = &r->o;
    char card[32], type[3];
    (void)snprintf(card, sizeof card, "c%lld", (long long)o->card);
    (void)snprintf(type, sizeof type, "%02X", o->type);
    json_t *j =
        json_pack("{s:I, s:s?, s:o, s:o, s:o, s:s, s:i, s:o, s:I, s:I, s:o}", "record",
                  (json_int_t)r->seq, "result", offline_result_name((enum offline_result)o->result),
                  "txn", json_txn_id(o->txn), "issuer", json_hex(o->issuer, sizeof o->issuer),
                  "serial", json_hex(o->serial, sizeof o->serial), "type", type, "counter",
                  o->counter, "sam", json_hex(o->sam, sizeof o->sam), "sam_seq",
                  (json_int_t)o->sam_seq, "amount_fen", (json_int_t)o->amount, "balance_fen",
                  o->has_balance ? json_integer(o->balance) : json_null());
    if (!j)
        return json_null();
    json_object_set_new(j, "card", o->card ? json_string(card) : json_null());
    json_object_set_new(j, "date", json_hex(o->card_date, sizeof o->card_date));
    json_object_set_new(j, "time", json_hex(o->card_time, sizeof o->card_time));
    json_object_set_new(j, "tac", json_hex(o->tac, sizeof o->tac));
    json_object_set_new(j, "key_version", json_integer(o->key_version));
    json_object_set_new(j, "algorithm", json_string(pboc_alg_name((enum pboc_alg)o->alg)));
    json_object_set_new(j, "said_terminal", json_text_or_null(o->terminal));
    json_object_set_new(j, "terminal", json_text_or_null(o->at_terminal));
    json_object_set_new(j, "participant", json_text_or_null(o->participant));
    json_object_set_new(j, "business_date", json_date(o->business_date));
    json_object_set_new(j, "came", json_time(s, r->first_ms));
    json_object_set_new(j, "decided", json_time(s, r->changed_ms));
    return j;
}

json_t *api_co_held_records(struct api_call *c, int64_t card)
{
    struct offline_row *rows = arena_alloc(flow_arena(), API_PAGE * sizeof *rows);
    unsigned n = 0;
    json_t *list = json_array();
    if (!rows || ledger_co_offline(c->s->ledger, 0, card, true, rows, API_PAGE, &n) != 0)
        return list;
    for (unsigned i = 0; i < n; i++)
        json_array_append_new(list, record_json(c->s, &rows[i]));
    return list;
}

static int get_records(struct api_call *c) CO_FN;
static int get_records(struct api_call *c)
{
    unsigned limit = 0, n = 0;
    int64_t after = 0;
    struct card_row *card = NULL;
    const char *ref = http_query(c->req, "card"), *state = http_query(c->req, "state");
    int rc = api_limit(c, &limit);
    if (rc == 0)
        rc = api_query_int(c, "after", 0, &after);
    if (rc == 0 && state && *state && strcmp(state, "held") != 0 && strcmp(state, "all") != 0)
        rc = api_fail(c, 400, "bad_query", "?state= must be held or all");
    if (rc == 0 && ref && *ref)
        rc = api_co_card(c, ref, &card);
    if (rc != 0)
        return rc;
    struct offline_row *rows = arena_alloc(flow_arena(), limit * sizeof *rows);
    if (!rows)
        return api_no_memory(c);
    rc = ledger_co_offline(c->s->ledger, after, card ? card->id : 0,
                           state && strcmp(state, "held") == 0, rows, limit, &n);
    if (rc != 0)
        return api_failed(c, rc, "records");
    json_t *list = json_array();
    for (unsigned i = 0; i < n; i++)
        json_array_append_new(list, record_json(c->s, &rows[i]));
    c->reply = api_page(list, n == limit ? json_integer(rows[n - 1].seq) : json_null());
    return 0;
}

/* ---- import: each line its result, each bad one its reason ---- */

struct import {
    struct ledger_op *op;
    const char *terminal; /* of lines that name none */
    bool late;
    unsigned counts[OFFLINE_IMPOSSIBLE + 1];
    int64_t cards[IMPORT_MAX]; /* that something came for */
    unsigned card_count;
    json_t *lines, *errors;
};

struct words {
    char serial[24], alg[8], time[16];
    uint8_t type[1];
    int64_t counter, amount, balance, seq, version, line;
    date_t date;
    bool has_issuer, has_balance, has_alg;
};

static void bcd_date(date_t d, uint8_t out[4])
{
    char text[9];
    (void)snprintf(text, sizeof text, "%08d", (int)d);
    CHECK(hex_decode(text, out, 4) == 0);
}

/* "HHMMSS" or "HH:MM:SS"; the ledger looks at the numbers. */
static int read_time(struct api_call *c, const char *text, uint8_t out[3])
{
    char digits[7];
    size_t n = 0;
    for (const char *s = text; *s && n < sizeof digits; s++)
        if (*s != ':')
            digits[n++] = *s;
    if (n == 6) {
        digits[6] = '\0';
        if (strspn(digits, "0123456789") == 6 && hex_decode(digits, out, 3) == 0)
            return 0;
    }
    return api_fail(c, 400, "bad_field", "\"time\" must be HHMMSS or HH:MM:SS");
}

static int read_words(struct api_call *c, json_t *item, struct op_offline *o, struct words *w)
{
    const struct field fields[] = {
        {.name = "issuer",
         .kind = FIELD_HEX,
         .out = o->issuer,
         .size = sizeof o->issuer,
         .present = &w->has_issuer},
        {.name = "serial",
         .kind = FIELD_TEXT,
         .out = w->serial,
         .size = sizeof w->serial,
         .required = true},
        {.name = "type", .kind = FIELD_HEX, .out = w->type, .size = 1, .required = true},
        {.name = "counter",
         .kind = FIELD_INT,
         .out = &w->counter,
         .max = UINT16_MAX,
         .required = true},
        {.name = "amount_fen",
         .kind = FIELD_INT,
         .out = &w->amount,
         .max = UINT32_MAX,
         .required = true},
        {.name = "balance_fen",
         .kind = FIELD_INT,
         .out = &w->balance,
         .min = INT32_MIN,
         .max = UINT32_MAX,
         .present = &w->has_balance},
        {.name = "sam", .kind = FIELD_HEX, .out = o->sam, .size = sizeof o->sam, .required = true},
        {.name = "sam_seq", .kind = FIELD_INT, .out = &w->seq, .max = UINT32_MAX, .required = true},
        {.name = "date", .kind = FIELD_DATE, .out = &w->date, .required = true},
        {.name = "time",
         .kind = FIELD_TEXT,
         .out = w->time,
         .size = sizeof w->time,
         .required = true},
        {.name = "tac", .kind = FIELD_HEX, .out = o->tac, .size = sizeof o->tac},
        {.name = "key_version", .kind = FIELD_INT, .out = &w->version, .max = UINT8_MAX},
        {.name = "algorithm",
         .kind = FIELD_TEXT,
         .out = w->alg,
         .size = sizeof w->alg,
         .present = &w->has_alg},
        {.name = "terminal", .kind = FIELD_TEXT, .out = o->terminal, .size = sizeof o->terminal},
        {.name = "line", .kind = FIELD_INT, .out = &w->line, .max = INT64_MAX}};
    return api_object_fields(c, item, "this line", fields, ARRAY_LEN(fields));
}

static int read_record(struct api_call *c, json_t *item, const struct import *im,
                       struct op_offline *o)
{
    struct words w = {.version = 1};
    enum pboc_alg alg = PBOC_3DES;
    int rc = json_is_object(item) ? read_words(c, item, o, &w)
                                  : api_fail(c, 400, "bad_field", "not an object");
    if (rc == 0 && serial_parse(w.serial, o->serial) != 0)
        rc = api_fail(c, 400, "bad_field", SERIAL_WORDS);
    if (rc == 0 && w.has_alg && pboc_alg_parse(w.alg, &alg) != 0)
        rc = api_fail(c, 400, "bad_field", "\"algorithm\" must be 3des, des or sm4");
    if (rc == 0)
        rc = read_time(c, w.time, o->card_time);
    if (rc != 0)
        return rc;
    if (!w.has_issuer)
        memcpy(o->issuer, c->s->fixed->site.issuer, sizeof o->issuer);
    if (o->terminal[0] == '\0')
        (void)snprintf(o->terminal, sizeof o->terminal, "%s", im->terminal);
    o->type = w.type[0];
    o->counter = (uint16_t)w.counter;
    o->amount = w.amount;
    o->has_balance = w.has_balance;
    o->balance = w.balance;
    o->sam_seq = (uint32_t)w.seq;
    o->key_version = (uint8_t)w.version;
    o->alg = (uint8_t)alg;
    bcd_date(w.date, o->card_date);
    return 0;
}

static json_int_t line_of(const json_t *item, size_t index)
{
    const json_t *line = json_object_get(item, "line");
    return json_is_integer(line) ? json_integer_value(line) : (json_int_t)index + 1;
}

/* The error that the last one left becomes a line of the report. */
static void bad(struct api_call *c, struct import *im, json_int_t line)
{
    json_t *e = json_object_get(c->reply, "error");
    json_t *why = json_object_get(e, "reason");
    json_array_append_new(im->errors, json_pack("{s:I, s:O?, s:O?}", "line", line, "reason", why,
                                                "message", json_object_get(e, "message")));
    json_decref(c->reply);
    c->reply = NULL;
    c->status = 200;
}

static void keep(struct import *im, json_int_t line)
{
    const struct op_offline *o = &im->op->offline;
    enum offline_result r = (enum offline_result)o->result;
    im->counts[r]++;
    if (o->card != 0 && !o->unchanged)
        im->cards[im->card_count++] = o->card;
    if (r != OFFLINE_POSTED && r != OFFLINE_DUPLICATE)
        json_array_append_new(im->lines,
                              json_pack("{s:I, s:s?, s:o, s:o}", "line", line, "result",
                                        offline_result_name(r), "detail", json_text(im->op->detail),
                                        "txn", json_txn_id(o->txn)));
}

static CO_FN int import_one(struct api_call *c, struct import *im, json_t *item, json_int_t line)
{
    struct ledger_op *op = im->op;
    memset(&op->offline, 0, sizeof op->offline);
    int rc = read_record(c, item, im, &op->offline);
    if (rc == 0) {
        rc = txn_co_offline(&c->s->env, &(struct txn_offline){.op = op, .late = im->late});
        if (rc == OC_EINVAL)
            rc = api_fail(c, 400, "bad_field", "%s", op->detail);
        else if (rc != 0)
            rc = api_submit_failed(c, rc, op);
    }
    if (rc == 0)
        keep(im, line);
    else if (c->status >= 500)
        return rc; /* the store or the daemon stops: not this line's fault */
    else
        bad(c, im, line);
    return 0;
}

static json_t *counts_json(const unsigned *counts)
{
    json_t *j = json_object();
    for (int i = OFFLINE_POSTED; i <= OFFLINE_IMPOSSIBLE; i++)
        if (counts[i] != 0)
            json_object_set_new(j, offline_result_name((enum offline_result)i),
                                json_integer(counts[i]));
    return j;
}

/* What came may prove grey records that lay there. */
static CO_FN int ask_greys(struct api_call *c, struct import *im, unsigned *counts)
{
    int64_t last = 0;
    for (unsigned i = 0; i < im->card_count; i++) {
        if (im->cards[i] == last)
            continue;
        last = im->cards[i];
        int rc = txn_co_offline_again(&c->s->env, last, c->who, counts);
        if (rc != 0)
            return api_failed(c, rc, "records");
    }
    return 0;
}

static void drop(void *arg)
{
    json_decref(arg);
}

static int post_import(struct api_call *c) CO_FN;
static int post_import(struct api_call *c)
{
    json_t *items = NULL;
    char terminal[LEDGER_ID] = "";
    struct import *im = arena_alloc(flow_arena(), sizeof *im);
    unsigned proven[OFFLINE_IMPOSSIBLE + 1] = {0};
    if (!im)
        return api_no_memory(c);
    *im = (struct import){.terminal = terminal, .op = api_op(c, LOP_OFFLINE)};
    const struct field fields[] = {
        {.name = "items", .kind = FIELD_ARRAY, .out = &items, .required = true},
        {.name = "terminal", .kind = FIELD_TEXT, .out = terminal, .size = sizeof terminal},
        {.name = "late", .kind = FIELD_BOOL, .out = &im->late}};
    int rc = im->op ? api_fields(c, fields, ARRAY_LEN(fields)) : OC_ENOMEM;
    if (rc != 0)
        return rc;
    if (json_array_size(items) > IMPORT_MAX)
        return api_fail(c, 400, "bad_field", "at most %d items at one time", IMPORT_MAX);
    flow_defer(drop, im->lines = json_array());
    flow_defer(drop, im->errors = json_array());
    for (size_t i = 0; i < json_array_size(items) && rc == 0; i++) {
        json_t *item = json_array_get(items, i);
        rc = import_one(c, im, item, line_of(item, i));
    }
    if (rc == 0)
        rc = ask_greys(c, im, proven);
    if (rc == 0)
        c->reply = json_pack("{s:o, s:o, s:O, s:O}", "results", counts_json(im->counts), "again",
                             counts_json(proven), "lines", im->lines, "errors", im->errors);
    return rc;
}

static int post_retry(struct api_call *c) CO_FN;
static int post_retry(struct api_call *c)
{
    unsigned counts[OFFLINE_IMPOSSIBLE + 1] = {0};
    int rc = api_fields(c, NULL, 0);
    if (rc == 0)
        rc = api_failed(c, txn_co_offline_again(&c->s->env, 0, c->who, counts), "records");
    if (rc == 0)
        c->reply = json_pack("{s:o}", "results", counts_json(counts));
    return rc;
}

/* ---- a lost card's purse ---- */

static json_t *replaced_json(const struct serve *s, const struct op_replaced *r,
                             const struct card_row *from, const struct card_row *to)
{
    return json_pack("{s:o, s:I, s:I, s:o, s:o}", "txn", json_txn_id(r->txn), "purse_fen",
                     (json_int_t)r->purse, "pending_load_fen", (json_int_t)r->pending, "card",
                     card_json(s, from), "to", card_json(s, to));
}

static int post_replace(struct api_call *c) CO_FN;
static int post_replace(struct api_call *c)
{
    char ref[64] = "";
    struct card_row *from = NULL, *to = NULL;
    struct ledger_op *op = api_op(c, LOP_REPLACED);
    if (!op)
        return OC_ENOMEM;
    struct op_replaced *r = &op->replaced;
    const struct field fields[] = {
        {.name = "to", .kind = FIELD_TEXT, .out = ref, .size = sizeof ref, .required = true},
        {.name = "why", .kind = FIELD_TEXT, .out = r->why, .size = sizeof r->why}};
    int rc = api_fields(c, fields, ARRAY_LEN(fields));
    if (rc == 0)
        rc = api_co_card(c, c->vars[0], &from);
    if (rc == 0)
        rc = api_co_card(c, ref, &to);
    if (rc != 0)
        return rc;
    if (from->id == to->id)
        return api_fail(c, 400, "bad_field", "\"to\" must be another card");
    r->from = from->id;
    r->to = to->id;
    r->wait_ms = c->s->env.policy.replacement_ms;
    rc = ledger_co_submit(c->s->ledger, op);
    if (rc != 0)
        return api_submit_failed(c, rc, op);
    rc = ledger_co_card_id(c->s->ledger, from->id, from);
    if (rc == 0)
        rc = ledger_co_card_id(c->s->ledger, to->id, to);
    if (rc == 0)
        c->reply = replaced_json(c->s, r, from, to);
    return api_failed(c, rc, "card");
}

const struct api_route api_offline_routes[] = {
    {"GET", "/v1/offline", get_records, API_QUERY("state", "card", "limit", "after")},
    {"POST", "/v1/offline/import", post_import, NULL},
    {"POST", "/v1/offline/retry", post_retry, NULL},
    {"POST", "/v1/cards/*/replace", post_replace, NULL},
    {NULL, NULL, NULL, NULL}};
