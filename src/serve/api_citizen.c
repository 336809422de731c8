/* Citizens: who they are is shown to a person with a reason only, and each look is written down for
 * the citizen (R20). Numbers are never part of a path: paths end up in logs. */
#include "serve/api.h"
#include "serve/citizen.h"

#include <stdio.h>
#include <string.h>

#define FIND_FIRST 3 /* cards named in a refusal */

static json_t *erased_json(const struct citizen_row *row)
{
    json_t *list = json_array();
    if ((row->erased & ERASE_PERSONAL) != 0)
        json_array_append_new(list, json_string("personal"));
    if ((row->erased & ERASE_DOCUMENTS) != 0)
        json_array_append_new(list, json_string("documents"));
    return list;
}

json_t *api_citizen_json(const struct serve *s, const struct citizen_row *row)
{
    return json_pack("{s:o, s:o, s:o, s:o}", "citizen", json_text(row->c.id), "created",
                     json_time(s, row->created_ms), "erased", erased_json(row), "documents_due",
                     json_date(row->documents_due));
}

json_t *api_person_json(const struct holder *h)
{
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "name", json_text(h->name), "id",
                     json_text_or_null(h->id), "phone", json_text_or_null(h->phone), "born",
                     json_date(h->born), "sex", json_text_or_null(h->sex), "address",
                     json_text_or_null(h->address), "resident", json_text_or_null(h->resident));
}

int api_co_citizen(struct api_call *c, struct citizen_row **ret)
{
    struct citizen_row *row = arena_alloc(flow_arena(), sizeof *row);
    char what[64];
    (void)snprintf(what, sizeof what, "citizen \"%.31s\"", c->vars[0]);
    if (!row)
        return api_no_memory(c);
    *ret = row;
    return api_failed(c, ledger_co_citizen(c->s->ledger, c->vars[0], row), what);
}

int api_co_look(struct api_call *c, const char *citizen, const char *what, const char *why)
{
    const struct access_look look = {.citizen = citizen, .who = c->who, .what = what, .why = why};
    return api_failed(c, access_co_note(c->s, &look), "note of this look");
}

/* ---- lists ---- */

static int get_citizens(struct api_call *c) CO_FN;
static int get_citizens(struct api_call *c)
{
    const char *after = http_query(c->req, "after");
    unsigned limit = 0, n = 0;
    int rc = api_limit(c, &limit);
    if (rc != 0)
        return rc;
    struct citizen_row *rows = arena_alloc(flow_arena(), limit * sizeof *rows);
    if (!rows)
        return api_no_memory(c);
    rc = ledger_co_citizens(c->s->ledger, after ? after : "", rows, limit, &n);
    if (rc != 0)
        return api_failed(c, rc, "citizens");
    json_t *list = json_array();
    for (unsigned i = 0; i < n; i++)
        json_array_append_new(list, api_citizen_json(c->s, &rows[i]));
    c->reply = api_page(list, n == limit ? json_text(rows[n - 1].c.id) : json_null());
    return 0;
}

struct listing {
    const struct serve *s;
    json_t *list;
};

static int list_card(void *arg, const struct card_row *card)
{
    struct listing *l = arg;
    json_array_append_new(l->list, json_pack("{s:o, s:o, s:s}", "id",
                                             json_sprintf("c%lld", (long long)card->id), "number",
                                             json_text(card->number), "state",
                                             card_state_name((enum card_state)card->state)));
    return 0;
}

static CO_FN int put_cards(struct api_call *c, const char *citizen)
{
    struct listing l = {.s = c->s, .list = json_array()};
    json_object_set_new(c->reply, "cards", l.list);
    return api_failed(c, citizen_co_each_card(c->s, citizen, list_card, &l), "cards");
}

static int get_citizen(struct api_call *c) CO_FN;
static int get_citizen(struct api_call *c)
{
    struct citizen_row *row;
    int rc = api_co_citizen(c, &row);
    if (rc != 0)
        return rc;
    c->reply = api_citizen_json(c->s, row);
    return put_cards(c, row->c.id);
}

static int post_find(struct api_call *c) CO_FN;
static int post_find(struct api_call *c)
{
    char number[33] = "";
    uint8_t search[SEAL_HASH_LEN];
    const struct field fields[] = {{.name = "number",
                                    .kind = FIELD_TEXT,
                                    .out = number,
                                    .size = sizeof number,
                                    .required = true}};
    struct citizen_row *row = arena_alloc(flow_arena(), sizeof *row);
    int rc = row ? api_fields(c, fields, ARRAY_LEN(fields)) : api_no_memory(c);
    if (rc != 0)
        return rc;
    rc = vault_search(c->s, number, search);
    secret_wipe(number, sizeof number);
    if (rc == 0)
        rc = ledger_co_citizen_search(c->s->ledger, search, row);
    if (rc == 0)
        c->reply = api_citizen_json(c->s, row);
    return api_failed(c, rc, "citizen with this number");
}

/* ---- adding, changing ---- */

static void drop_holder(void *arg)
{
    secret_wipe(arg, sizeof(struct holder));
}

static int check_person(struct api_call *c, const struct holder *h)
{
    date_t today = city_date(serve_now_ms(c->s), c->s->env.city_offset_min);
    if (h->sex[0] != '\0' && strcmp(h->sex, "male") != 0 && strcmp(h->sex, "female") != 0 &&
        strcmp(h->sex, "other") != 0)
        return api_fail(c, 400, "bad_field", "\"sex\" must be male, female or other");
    if (h->resident[0] != '\0' && strcmp(h->resident, "yes") != 0 && strcmp(h->resident, "no") != 0)
        return api_fail(c, 400, "bad_field", "\"resident\" must be yes or no");
    if (h->born > today)
        return api_fail(c, 400, "bad_field", "\"born\" lies in the future");
    return 0;
}

static int read_person(struct api_call *c, struct holder *h, bool new)
{
    char number[sizeof h->id] = "";
    const struct field fields[] = {
        {.name = "name",
         .kind = FIELD_TEXT,
         .out = h->name,
         .size = sizeof h->name,
         .required = new},
        {.name = "phone", .kind = FIELD_TEXT, .out = h->phone, .size = sizeof h->phone},
        {.name = "sex", .kind = FIELD_TEXT, .out = h->sex, .size = sizeof h->sex},
        {.name = "address", .kind = FIELD_TEXT, .out = h->address, .size = sizeof h->address},
        {.name = "resident", .kind = FIELD_TEXT, .out = h->resident, .size = sizeof h->resident},
        {.name = "born", .kind = FIELD_DATE, .out = &h->born},
        {.name = "id", .kind = FIELD_TEXT, .out = number, .size = sizeof number}};
    int rc = api_fields(c, fields, ARRAY_LEN(fields) - (new ? 0 : 1)); /* numbers do not change */
    memcpy(h->id, number, sizeof h->id);
    secret_wipe(number, sizeof number);
    return rc == 0 ? check_person(c, h) : rc;
}

static CO_FN int reply_written(struct api_call *c, int rc, const struct ledger_op *op,
                               const char *id)
{
    struct citizen_row *row = arena_alloc(flow_arena(), sizeof *row);
    if (rc == OC_ELIMIT)
        return api_fail(c, 400, "bad_field", "these data are too long together");
    if (rc == OC_ESTATE)
        return api_fail(c, 409, "erased", "the personal data of citizen %s were erased", id);
    if (rc != 0)
        return api_submit_failed(c, rc, op);
    if (!row)
        return api_no_memory(c);
    rc = ledger_co_citizen(c->s->ledger, id, row);
    if (rc == 0)
        c->reply = api_citizen_json(c->s, row);
    return api_failed(c, rc, "citizen");
}

static int post_citizen(struct api_call *c) CO_FN;
static int post_citizen(struct api_call *c)
{
    char id[LEDGER_ID] = "";
    struct holder *h = arena_alloc(flow_arena(), sizeof *h);
    struct ledger_op *op = api_op(c, LOP_CITIZEN);
    if (!h || !op)
        return api_no_memory(c);
    flow_defer(drop_holder, h);
    int rc = read_person(c, h, true);
    if (rc != 0)
        return rc;
    rc = vault_co_citizen(c->s, h, c->who, op, id);
    bool new = rc == 0 && op->citizen.id[0] != '\0'; /* else the op was not needed */
    rc = reply_written(c, rc, op, id);
    if (rc == 0)
        c->status = new ? 201 : 200;
    return rc;
}

static int post_change(struct api_call *c) CO_FN;
static int post_change(struct api_call *c)
{
    struct citizen_row *row;
    struct holder *h = arena_alloc(flow_arena(), sizeof *h);
    struct ledger_op *op = api_op(c, LOP_CITIZEN);
    if (!h || !op)
        return api_no_memory(c);
    flow_defer(drop_holder, h);
    int rc = read_person(c, h, false);
    if (rc == 0)
        rc = api_co_citizen(c, &row);
    if (rc != 0)
        return rc;
    rc = vault_co_citizen_change(c->s, row->c.id, h, c->who, op);
    return reply_written(c, rc, op, row->c.id);
}

/* ---- looking ---- */

static int read_reason(struct api_call *c, char *why, size_t size)
{
    const struct field fields[] = {
        {.name = "reason", .kind = FIELD_TEXT, .out = why, .size = size, .required = true}};
    return api_fields(c, fields, ARRAY_LEN(fields));
}

static int post_show(struct api_call *c) CO_FN;
static int post_show(struct api_call *c)
{
    char why[128] = "";
    struct citizen_row *row;
    struct holder *h = arena_alloc(flow_arena(), sizeof *h);
    if (!h)
        return api_no_memory(c);
    flow_defer(drop_holder, h);
    int rc = read_reason(c, why, sizeof why);
    if (rc == 0)
        rc = api_co_citizen(c, &row);
    if (rc != 0)
        return rc;
    if ((row->erased & ERASE_PERSONAL) != 0)
        return api_fail(c, 409, "erased", "the personal data of citizen %s were erased", row->c.id);
    rc = api_co_look(c, row->c.id, "citizen.show", why);
    if (rc != 0)
        return rc;
    rc = vault_co_person(c->s, row, h);
    if (rc != 0)
        return api_failed(c, rc, "personal data");
    c->reply = api_citizen_json(c->s, row);
    json_object_set_new(c->reply, "person", api_person_json(h));
    return put_cards(c, row->c.id);
}

/* ---- forgetting ---- */

struct living {
    char text[200];
    unsigned count;
};

/* A card that works would go on making data about somebody who is to be forgotten. */
static int note_living(void *arg, const struct card_row *card)
{
    struct living *l = arg;
    size_t len = strlen(l->text);
    if (card->state != CARD_ACTIVE && card->state != CARD_ISSUED && card->state != CARD_SUSPENDED)
        return 0;
    if (l->count++ < FIND_FIRST)
        (void)snprintf(l->text + len, sizeof l->text - len, "%s%s (%s)", len > 0 ? ", " : "",
                       card->number, card_state_name((enum card_state)card->state));
    return 0;
}

static CO_FN int check_cards(struct api_call *c, const char *citizen)
{
    struct living *l = arena_alloc(flow_arena(), sizeof *l);
    int rc = l ? citizen_co_each_card(c->s, citizen, note_living, l) : OC_ENOMEM;
    if (rc != 0)
        return api_failed(c, rc, "cards");
    if (l->count == 0)
        return 0;
    return api_fail(c, 409, "card_works",
                    "%u card%s of this citizen still work%s: cancel first (onecardctl card cancel "
                    "CARD): %s%s",
                    l->count, l->count == 1 ? "" : "s", l->count == 1 ? "s" : "", l->text,
                    l->count > FIND_FIRST ? ", …" : "");
}

static CO_FN int check_money(struct api_call *c, const char *citizen)
{
    static const enum acct_kind kinds[] = {ACCT_CITIZEN, ACCT_PERSONAL};
    struct account_row *a = arena_alloc(flow_arena(), sizeof *a);
    if (!a)
        return api_no_memory(c);
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        char fen[FEN_TEXT];
        int rc = ledger_co_account(c->s->ledger, kinds[i], citizen, a);
        if (rc != 0 && rc != OC_ENOENT)
            return api_failed(c, rc, "account");
        if (rc == 0 && a->credits_posted != a->debits_posted)
            return api_fail(c, 409, "account_holds_money",
                            "the citizen's %s account holds %s yuan: pay it out first",
                            acct_kind_name(kinds[i]),
                            fen_text(a->credits_posted - a->debits_posted, fen));
    }
    return 0;
}

static CO_FN int check_deposits(struct api_call *c, const char *citizen)
{
    struct account_row *rows = arena_alloc(flow_arena(), API_PAGE * sizeof *rows);
    char after[LEDGER_ID] = "", fen[FEN_TEXT];
    unsigned n = API_PAGE;
    if (!rows)
        return api_no_memory(c);
    while (n == API_PAGE) {
        int rc = ledger_co_deposits(c->s->ledger, citizen, after, rows, API_PAGE, &n);
        if (rc != 0)
            return api_failed(c, rc, "deposits");
        for (unsigned i = 0; i < n; i++) {
            fen_t holds = rows[i].credits_posted - rows[i].debits_posted;
            if (holds != 0)
                return api_fail(c, 409, "account_holds_money",
                                "the deposit %s of this citizen holds %s yuan: settle the stay or "
                                "give it back first",
                                rows[i].owner, fen_text(holds, fen));
        }
        if (n > 0)
            memcpy(after, rows[n - 1].owner, sizeof after);
    }
    return 0;
}

static int post_erase(struct api_call *c) CO_FN;
static int post_erase(struct api_call *c)
{
    char why[64] = "";
    date_t due = 0;
    struct citizen_row *row;
    struct ledger_op *op = api_op(c, LOP_ERASED);
    const struct field fields[] = {
        {.name = "why", .kind = FIELD_TEXT, .out = why, .size = sizeof why, .required = true}};
    int rc = op ? api_fields(c, fields, ARRAY_LEN(fields)) : OC_ENOMEM;
    if (rc == 0)
        rc = api_co_citizen(c, &row);
    if (rc == 0)
        rc = check_cards(c, row->c.id);
    if (rc == 0)
        rc = check_money(c, row->c.id);
    if (rc == 0)
        rc = check_deposits(c, row->c.id);
    if (rc != 0)
        return rc;
    const struct erase_wish w = {.citizen = row->c.id, .who = c->who, .why = why};
    rc = citizen_co_erase(c->s, &w, op, &due);
    if (rc != 0)
        return api_submit_failed(c, rc, op);
    rc = ledger_co_citizen(c->s->ledger, w.citizen, row);
    if (rc == 0)
        c->reply = api_citizen_json(c->s, row);
    return api_failed(c, rc, "citizen");
}

static int post_erase_due(struct api_call *c) CO_FN;
static int post_erase_due(struct api_call *c)
{
    unsigned n = 0;
    int rc = api_fields(c, NULL, 0);
    if (rc != 0)
        return rc;
    rc = citizens_co_erase_due(c->s, c->who, &n);
    if (rc == 0)
        c->reply = json_pack("{s:i}", "erased", (int)n);
    return api_failed(c, rc, "citizens");
}

const struct api_route api_citizen_routes[] = {
    {"GET", "/v1/citizens", get_citizens, API_QUERY("limit", "after")},
    {"POST", "/v1/citizens", post_citizen, NULL},
    {"POST", "/v1/citizens/find", post_find, NULL},
    {"POST", "/v1/citizens/erase-due", post_erase_due, NULL},
    {"GET", "/v1/citizens/*", get_citizen, NULL},
    {"POST", "/v1/citizens/*/show", post_show, NULL},
    {"POST", "/v1/citizens/*/change", post_change, NULL},
    {"POST", "/v1/citizens/*/export", api_co_export, NULL},
    {"POST", "/v1/citizens/*/erase", post_erase, NULL},
    {NULL, NULL, NULL, NULL}};
