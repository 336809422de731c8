/* Everything that is known about a citizen, for that citizen: one JSON, made while transactions go
 * on. That it was made is itself one of the looks it lists. */
#include "serve/api.h"
#include "serve/citizen.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TXNS_MAX     5000  /* of one card, or by accounts and records; the newest */
#define RECORDS_MAX  20000 /* of one owner and scope */
#define MESSAGE_PAGE 8     /* documents of 64 KiB */

struct export
{
    struct api_call *c;
    const char *citizen;
    json_t *all, *txns, *records;
    bool more; /* something was left out */
};

/* ---- records ---- */

/* A document that cannot be opened is named, not hidden. */
static CO_FN json_t *open_document(struct export *e, const struct op_record *at,
                                   const struct record_row *r)
{
    struct buf text;
    json_t *j = NULL;
    buf_init(&text, 2 * LEDGER_DOC_MAX);
    int rc = vault_co_doc_open(e->c->s, e->citizen, at, (struct bytes){r->doc, r->doc_len}, &text);
    if (rc == 0)
        j = json_raw(buf_cstr(&text));
    buf_fini(&text);
    return j ? j : json_pack("{s:s}", "unreadable", oc_strerror(rc));
}

static CO_FN int put_scope(struct export *e, const char *owner, const char *scope, json_t *list)
{
    struct op_record at = {0};
    int rc = 0;
    (void)snprintf(at.scope, sizeof at.scope, "%s", scope);
    (void)snprintf(at.owner, sizeof at.owner, "%s", owner);
    for (unsigned n = 0; rc == 0; n++) {
        struct record_row r;
        struct arena a;
        if (n == RECORDS_MAX) {
            e->more = true;
            break;
        }
        arena_init(&a, 0);
        rc = ledger_co_record_next(e->c->s->ledger, scope, owner, "", at.key, &a, at.key, &r);
        if (rc == 0)
            json_array_append_new(list,
                                  json_pack("{s:s, s:s, s:o, s:i, s:o}", "scope", scope, "owner",
                                            owner, "key", json_text(at.key), "version",
                                            (int)r.version, "document", open_document(e, &at, &r)));
        arena_fini(&a);
    }
    return rc == OC_ENOENT ? 0 : rc;
}

/* The access log stands apart: it is about others. */
static CO_FN int put_records(struct export *e)
{
    char owner[40];
    const char *scope;
    json_t *access = json_array();
    json_object_set_new(e->all, "access", access);
    (void)snprintf(owner, sizeof owner, "citizen:%.31s", e->citizen);
    int rc = 0;
    for (size_t i = 0; rc == 0 && (scope = citizen_scope(e->c->s, i)) != NULL; i++)
        rc = put_scope(e, owner, scope, i == 0 ? access : e->records);
    return rc;
}

/* ---- cards and what was done with them ---- */

static CO_FN int put_txns(struct export *e, struct txn_filter f)
{
    struct txn_row *rows = calloc(API_PAGE, sizeof *rows);
    unsigned n = API_PAGE, got = 0;
    int rc = rows ? 0 : OC_ENOMEM;
    while (rc == 0 && n == API_PAGE && got < TXNS_MAX) {
        rc = ledger_co_txns(e->c->s->ledger, &f, rows, API_PAGE, &n);
        for (unsigned i = 0; rc == 0 && i < n; i++)
            json_array_append_new(e->txns, txn_json(e->c->s, &rows[i], true));
        f.before = rc == 0 && n > 0 ? rows[n - 1].id : f.before;
        got += n;
    }
    e->more = e->more || got >= TXNS_MAX;
    free(rows);
    return rc;
}

static int put_card(void *arg, const struct card_row *card) CO_FN;
static int put_card(void *arg, const struct card_row *card)
{
    struct export *e = arg;
    char owner[40];
    const char *scope;
    (void)snprintf(owner, sizeof owner, "card:%lld", (long long)card->id);
    json_array_append_new(json_object_get(e->all, "cards"), card_json(e->c->s, card));
    int rc = put_txns(e, (struct txn_filter){.card = card->id});
    for (size_t i = 1; rc == 0 && (scope = citizen_scope(e->c->s, i)) != NULL; i++)
        rc = put_scope(e, owner, scope, e->records);
    return rc;
}

/* ---- the rest ---- */

static json_t *account_json(const struct account_row *a)
{
    return json_pack("{s:s, s:o, s:I, s:I, s:I}", "kind", acct_kind_name(a->kind), "owner",
                     json_text(a->owner), "balance_fen",
                     (json_int_t)(a->credits_posted - a->debits_posted), "debits_fen",
                     (json_int_t)a->debits_posted, "credits_fen", (json_int_t)a->credits_posted);
}

static CO_FN int put_deposits(struct export *e, json_t *list)
{
    struct account_row *rows = arena_alloc(flow_arena(), API_PAGE * sizeof *rows);
    char after[LEDGER_ID] = "";
    unsigned n = API_PAGE;
    int rc = rows ? 0 : OC_ENOMEM;
    while (rc == 0 && n == API_PAGE) {
        rc = ledger_co_deposits(e->c->s->ledger, e->citizen, after, rows, API_PAGE, &n);
        for (unsigned i = 0; rc == 0 && i < n; i++)
            json_array_append_new(list, account_json(&rows[i]));
        if (rc == 0 && n > 0)
            memcpy(after, rows[n - 1].owner, sizeof after);
    }
    return rc;
}

static CO_FN int put_accounts(struct export *e)
{
    static const enum acct_kind kinds[] = {ACCT_CITIZEN, ACCT_PERSONAL};
    json_t *list = json_array();
    struct account_row *a = arena_alloc(flow_arena(), sizeof *a);
    json_object_set_new(e->all, "accounts", list);
    for (size_t i = 0; a && i < ARRAY_LEN(kinds); i++) {
        int rc = ledger_co_account(e->c->s->ledger, kinds[i], e->citizen, a);
        if (rc != 0 && rc != OC_ENOENT)
            return rc;
        if (rc == 0)
            json_array_append_new(list, account_json(a));
    }
    return a ? put_deposits(e, list) : OC_ENOMEM;
}

/* What is on its way to institutions about this citizen. */
static CO_FN int put_messages(struct export *e)
{
    json_t *list = json_array();
    struct message_row *rows = arena_alloc(flow_arena(), MESSAGE_PAGE * sizeof *rows);
    unsigned n = MESSAGE_PAGE;
    int64_t after = 0;
    int rc = rows ? 0 : OC_ENOMEM;
    json_object_set_new(e->all, "messages", list);
    while (rc == 0 && n == MESSAGE_PAGE) {
        struct arena a;
        arena_init(&a, 0);
        rc = ledger_co_messages(e->c->s->ledger, after, 0, NULL, &a, rows, MESSAGE_PAGE, &n);
        for (unsigned i = 0; rc == 0 && i < n; i++) {
            const struct message_row *m = &rows[i];
            after = m->id;
            if (strcmp(m->citizen, e->citizen) == 0)
                json_array_append_new(list,
                                      json_pack("{s:o, s:o, s:o, s:o, s:o}", "id",
                                                json_txn_id(m->id), "to", json_text(m->to), "kind",
                                                json_text(m->kind), "txn", json_txn_id(m->txn),
                                                "created", json_time(e->c->s, ident_ms(m->id))));
        }
        arena_fini(&a);
    }
    return rc;
}

static CO_FN int put_person(struct export *e, const struct citizen_row *row)
{
    struct holder *h = arena_alloc(flow_arena(), sizeof *h);
    int rc = h ? vault_co_person(e->c->s, row, h) : OC_ENOMEM;
    if (rc == 0)
        json_object_set_new(e->all, "person", api_person_json(h));
    if (rc == OC_ESTATE) /* erased */
        json_object_set_new(e->all, "person", json_null());
    if (h)
        secret_wipe(h, sizeof *h);
    return rc == OC_ESTATE ? 0 : rc;
}

static CO_FN int put_all(struct export *e, const struct citizen_row *row)
{
    struct serve *s = e->c->s;
    json_object_set_new(e->all, "site", json_text(s->fixed->site.name));
    json_object_set_new(e->all, "exported", json_time(s, serve_now_ms(s)));
    json_object_set_new(e->all, "cards", json_array());
    json_object_set_new(e->all, "transactions", e->txns);
    json_object_set_new(e->all, "records", e->records);
    int rc = put_person(e, row);
    if (rc == 0)
        rc = put_accounts(e);
    if (rc == 0)
        rc = put_records(e);
    if (rc == 0)
        rc = citizen_co_each_card(s, e->citizen, put_card, e);
    if (rc == 0) /* what no card of theirs had a part in: accounts, benefits, a relative's bill */
        rc = put_txns(e, (struct txn_filter){.citizen = e->citizen});
    if (rc == 0)
        rc = put_messages(e);
    json_object_set_new(e->all, "complete", json_boolean(!e->more));
    return rc;
}

int api_co_export(struct api_call *c)
{
    char why[128] = "";
    struct citizen_row *row;
    const struct field fields[] = {
        {.name = "reason", .kind = FIELD_TEXT, .out = why, .size = sizeof why, .required = true}};
    int rc = api_fields(c, fields, ARRAY_LEN(fields));
    if (rc == 0)
        rc = api_co_citizen(c, &row);
    if (rc == 0)
        rc = api_co_look(c, row->c.id, "citizen.export", why);
    if (rc != 0)
        return rc;
    struct export *e = arena_alloc(flow_arena(), sizeof *e);
    if (!e)
        return api_no_memory(c);
    c->reply = api_citizen_json(c->s, row);
    *e = (struct export){.c = c,
                         .citizen = row->c.id,
                         .all = c->reply,
                         .txns = json_array(),
                         .records = json_array()};
    return api_failed(c, put_all(e, row), "export");
}
