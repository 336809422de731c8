/* What the fake host's co_ functions answer: the store, and what the test put in. */
#include "fake_inside.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct stored {
    struct stored *next;
    char scope[16], owner[40], key[40];
    const char *doc; /* NULL: removed; the version goes on */
    uint32_t version;
};
struct holding {
    struct holding *next;
    int account;
    char owner[32];
    fen_t fen;
};
struct posted {
    struct posted *next;
    char id[32];
    const char *doc;
};
struct fake_store {
    struct stored *records;
    struct holding *holdings;
    struct posted *posted;
    unsigned count;
};

struct fake_store *fake_store_new(void)
{
    return fake_alloc(sizeof(struct fake_store));
}

static struct stored *look(const struct fake_store *s, const char *scope, const char *owner,
                           const char *key)
{
    for (struct stored *r = s->records; r; r = r->next) {
        if (strcmp(r->scope, scope) == 0 && strcmp(r->owner, owner) == 0 &&
            strcmp(r->key, key) == 0) {
            return r;
        }
    }
    return NULL;
}

void fake_put(struct fake *f, const char *scope, const char *owner, const char *key,
              const char *doc)
{
    struct stored *r = look(f->store, scope, owner, key);
    if (!r) {
        r = fake_alloc(sizeof(*r));
        snprintf(r->scope, sizeof(r->scope), "%s", scope);
        snprintf(r->owner, sizeof(r->owner), "%s", owner);
        snprintf(r->key, sizeof(r->key), "%s", key);
        r->next = f->store->records;
        f->store->records = r;
    }
    r->doc = doc ? fake_strdup(doc) : NULL;
    r->version++;
}

const char *fake_get(const struct fake *f, const char *scope, const char *owner, const char *key)
{
    const struct stored *r = look(f->store, scope, owner, key);
    return r ? r->doc : NULL;
}

static struct holding *holding(struct fake_store *s, int account, const char *owner)
{
    for (struct holding *h = s->holdings; h; h = h->next) {
        if (h->account == account && strcmp(h->owner, owner) == 0) {
            return h;
        }
    }
    struct holding *h = fake_alloc(sizeof(*h));
    h->account = account;
    snprintf(h->owner, sizeof(h->owner), "%s", owner);
    h->next = s->holdings;
    s->holdings = h;
    return h;
}

void fake_account(struct fake *f, int account, const char *owner, fen_t holds)
{
    holding(f->store, account, owner)->fen = holds;
}

fen_t fake_holds(const struct fake *f, int account, const char *owner)
{
    return holding(f->store, account, owner)->fen;
}

static json_t *txn_json(const struct fake *f, const char *id)
{
    const struct onecard_plan *p = &f->plan;
    json_t *legs = json_array();
    for (size_t i = 0; i < p->leg_count; i++) {
        json_array_append_new(legs, json_pack("{s:i,s:s,s:I}", "account", p->legs[i].account,
                                              "owner", p->legs[i].owner, "amount_fen",
                                              (json_int_t)p->legs[i].amount));
    }
    return json_pack("{s:s,s:s,s:s,s:I,s:i,s:s,s:s,s:i,s:i,s:s,s:o,s:o}", "id", id, "service",
                     f->req.service, "state", "posted", "amount_fen", (json_int_t)p->amount,
                     "refunded_fen", 0, "participant", f->req.terminal.participant, "terminal",
                     f->req.terminal.id, "business_date", (int)f->req.business_date,
                     "clearing_date", (int)f->req.business_date, "link", p->link, "reply",
                     fake_reply_json(p), "legs", legs);
}

/* As the ledger keeps it: the transit slot stands with the card's row, too. */
static void keep_slot(struct fake *f)
{
    const struct onecard_plan *p = &f->plan;
    struct fake_pair *s = f->slots;
    while (s->name && strcmp(s->name, p->slot.app) != 0) {
        s++;
    }
    json_t *doc = json_pack("{s:s,s:i,s:i}", "category", p->slot.category, "from",
                            (int)p->slot.from, "to", (int)p->slot.until);
    *s = (struct fake_pair){fake_strdup(p->slot.app), fake_dump(doc)};
    json_decref(doc);
    if (strcmp(p->slot.app, "transit") == 0) {
        f->card.ledger_category = fake_strdup(p->slot.category);
        f->card.ledger_category_from = p->slot.from;
        f->card.ledger_category_until = p->slot.until;
    }
}

int fake_commit(struct fake *f)
{
    const struct onecard_plan *p = &f->plan;
    if (p->refused != OC_R_NONE || p->kind <= OC_PLAN_NONE || p->overrun) {
        return OC_ESTATE;
    }
    for (size_t i = 0; i < p->record_count; i++) {
        const struct fake_record *r = &p->records[i];
        const struct stored *now = look(f->store, r->scope, r->owner, r->key);
        if ((now && now->doc ? now->version : 0) != r->version_read) {
            return OC_ECONFLICT;
        }
    }
    for (size_t i = 0; i < p->record_count; i++) {
        fake_put(f, p->records[i].scope, p->records[i].owner, p->records[i].key, p->records[i].doc);
    }
    for (size_t i = 0; i < p->leg_count; i++) {
        holding(f->store, p->legs[i].account, p->legs[i].owner)->fen += p->legs[i].amount;
    }
    if (p->slot.app[0]) {
        keep_slot(f);
    }
    struct posted *t = fake_alloc(sizeof(*t));
    snprintf(t->id, sizeof(t->id), "T%u", ++f->store->count);
    json_t *doc = txn_json(f, t->id);
    t->doc = fake_dump(doc);
    json_decref(doc);
    t->next = f->store->posted;
    f->store->posted = t;
    snprintf(f->committed, sizeof(f->committed), "%s", t->id);
    return 0;
}

static const struct stored *read_record(const struct onecard_request *req, const char *owner,
                                        const char *key, uint32_t *ret_version)
{
    const struct frame *fr = fake_frame(req);
    char scope[16];
    fake_scope(fr, scope);
    const struct stored *r = look(fr->f->store, scope, owner, key);
    *ret_version = r && r->doc ? r->version : 0;
    return r && r->doc ? r : NULL;
}

static int h_co_record(const struct onecard_request *req, const char *owner, const char *key,
                       uint32_t *ret_version, char *doc, size_t cap)
{
    const struct fake *f = fake_frame(req)->f;
    const struct stored *r = read_record(req, owner, key, ret_version);
    const char *text = f->record_doc ? f->record_doc : r ? r->doc : NULL;
    if (!text) {
        return OC_ENOENT;
    }
    if (strlen(text) >= cap) {
        return OC_ELIMIT;
    }
    memcpy(doc, text, strlen(text) + 1);
    *ret_version = f->record_doc ? f->record_version : *ret_version;
    return 0;
}

static int h_co_doc(const struct onecard_request *req, const char *owner, const char *key,
                    uint32_t *ret_version, struct onecard_doc **ret_doc)
{
    const struct stored *r = read_record(req, owner, key, ret_version);
    if (!r) {
        return OC_ENOENT;
    }
    *ret_doc = fake_doc_new(r->doc);
    return *ret_doc ? 0 : OC_EPARSE;
}

static int h_co_next_doc(const struct onecard_request *req, const char *owner, const char *prefix,
                         char key[40], uint32_t *ret_version, struct onecard_doc **ret_doc)
{
    const struct frame *fr = fake_frame(req);
    const struct stored *best = NULL;
    char scope[16];
    fake_scope(fr, scope);
    for (const struct stored *r = fr->f->store->records; r; r = r->next) {
        if (r->doc && strcmp(r->scope, scope) == 0 && strcmp(r->owner, owner) == 0 &&
            strncmp(r->key, prefix, strlen(prefix)) == 0 && strcmp(r->key, key) > 0 &&
            (!best || strcmp(r->key, best->key) < 0)) {
            best = r;
        }
    }
    if (!best) {
        return OC_ENOENT;
    }
    snprintf(key, 40, "%s", best->key);
    *ret_version = best->version;
    *ret_doc = fake_doc_new(best->doc);
    return 0;
}

static bool call_fits(const struct fake_call *c, const char *participant, const char *kind)
{
    return strcmp(c->participant, participant) == 0 && (!c->kind || strcmp(c->kind, kind) == 0);
}

static int h_co_call(const struct onecard_request *req, const char *participant, const char *kind,
                     const struct onecard_doc *doc, struct onecard_doc **ret_answer)
{
    struct fake *f = fake_frame(req)->f;
    f->called++;
    f->called_doc = doc ? fake_dump(fake_json(doc)) : NULL;
    for (size_t i = 0; i < FAKE_CALLS && f->calls[i].participant; i++) {
        const struct fake_call *c = &f->calls[i];
        if (call_fits(c, participant, kind)) {
            *ret_answer = fake_doc_new(c->answer ? c->answer : "{}");
            return c->result;
        }
    }
    return OC_ENOENT;
}

static int h_co_account(const struct onecard_request *req, enum onecard_account account,
                        const char *owner, fen_t *ret_fen)
{
    *ret_fen = fake_holds(fake_frame(req)->f, (int)account, owner);
    return 0;
}

static void h_want_doc(const struct onecard_request *req, const char *owner, const char *key)
{
    (void)req, (void)owner, (void)key; /* nobody waits here */
}

static void h_want_account(const struct onecard_request *req, enum onecard_account account,
                           const char *owner)
{
    (void)req, (void)account, (void)owner;
}

static int h_co_holder(const struct onecard_request *req, const char *number, char ret_citizen[32])
{
    const char *c = fake_find(fake_frame(req)->f->holders, number);
    if (!c) {
        return OC_ENOENT;
    }
    snprintf(ret_citizen, 32, "%s", c);
    return 0;
}

static const struct fake_pair *citizen_row(const struct fake *f, const char *citizen)
{
    for (size_t i = 0; i < FAKE_PAIRS && f->citizens[i].name; i++) {
        if (strcmp(f->citizens[i].name, citizen) == 0) {
            return &f->citizens[i];
        }
    }
    return NULL;
}

static int h_co_citizen(const struct onecard_request *req, const char *citizen)
{
    const struct fake *f = fake_frame(req)->f;
    bool known = citizen_row(f, citizen) || strcmp(citizen, f->card.citizen) == 0;
    return known && *citizen ? 0 : OC_ENOENT;
}

static int h_co_person(const struct onecard_request *req, const char *citizen,
                       struct onecard_doc **ret_person)
{
    const struct frame *fr = fake_frame(req);
    const struct fake_pair *row = citizen_row(fr->f, citizen);
    if (!(fr->service->needs & OC_SEES_PERSON)) {
        fprintf(stderr, "fake host: %s lacks OC_SEES_PERSON\n", fr->service->name);
        return OC_EPERM;
    }
    fr->f->persons_seen++;
    if (!row) {
        return OC_ENOENT;
    }
    *ret_person = fake_doc_new(row->value ? row->value : "{}");
    return *ret_person ? 0 : OC_EPARSE;
}

static int answer(const char *json, struct onecard_doc **ret)
{
    if (!json) {
        return OC_ENOENT;
    }
    *ret = fake_doc_new(json);
    return *ret ? 0 : OC_EPARSE;
}

static int h_co_slot(const struct onecard_request *req, const char *app, struct onecard_doc **ret)
{
    return answer(fake_find(fake_frame(req)->f->slots, app), ret);
}

static int h_co_totals(const struct onecard_request *req, const char *terminal, int64_t first,
                       struct onecard_doc **ret)
{
    const char *json = fake_find(fake_frame(req)->f->totals, terminal);
    char none[96];
    snprintf(none, sizeof(none),
             "{\"services\":[],\"cash_taken_fen\":0,\"cash_given_fen\":0,\"next\":%lld}",
             (long long)first);
    return answer(json ? json : none, ret);
}

static int h_co_history(const struct onecard_request *req, unsigned count, struct onecard_doc **ret)
{
    const struct fake *f = fake_frame(req)->f;
    int rc = answer(f->history ? f->history : "[]", ret);
    while (rc == 0 && json_array_size(fake_json(*ret)) > count) {
        json_array_remove(fake_json(*ret), json_array_size(fake_json(*ret)) - 1);
    }
    return rc;
}

static int h_co_txn(const struct onecard_request *req, const char *txn, struct onecard_doc **ret)
{
    const struct fake *f = fake_frame(req)->f;
    for (const struct posted *t = f->store->posted; t; t = t->next) {
        if (strcmp(t->id, txn) == 0) {
            return answer(t->doc, ret);
        }
    }
    return answer(fake_find(f->txns, txn), ret);
}

static int h_journey_text(const struct onecard_request *req, const char *field, char *ret,
                          size_t cap)
{
    const struct frame *fr = fake_frame(req);
    const char *v = fake_find(fr->f->journey, field);
    if (!(fr->service->needs & OC_NEEDS_JOURNEY)) {
        fprintf(stderr, "fake host: %s lacks OC_NEEDS_JOURNEY\n", fr->service->name);
        return OC_ENOENT;
    }
    if (!v) {
        return OC_ENOENT;
    }
    if (strlen(v) >= cap) {
        return OC_ELIMIT;
    }
    memcpy(ret, v, strlen(v) + 1);
    return 0;
}

static int h_journey_int(const struct onecard_request *req, const char *field, int64_t *ret)
{
    char text[64];
    int rc = h_journey_text(req, field, text, sizeof(text));
    if (rc == 0) {
        char *end;
        *ret = strtoll(text, &end, 10);
        rc = *end || end == text ? OC_EINVAL : 0;
    }
    return rc;
}

void fake_facts_table(struct onecard_host *h)
{
    h->co_record = h_co_record;
    h->co_doc = h_co_doc;
    h->co_next_doc = h_co_next_doc;
    h->co_call = h_co_call;
    h->co_account = h_co_account;
    h->want_doc = h_want_doc;
    h->want_account = h_want_account;
    h->co_holder = h_co_holder;
    h->co_citizen = h_co_citizen;
    h->co_person = h_co_person;
    h->co_slot = h_co_slot;
    h->co_totals = h_co_totals;
    h->co_history = h_co_history;
    h->co_txn = h_co_txn;
    h->journey_int = h_journey_int;
    h->journey_text = h_journey_text;
}
