/* What modules may ask while they decide: records, balances, people, institutions. Nothing here
 * moves anything; that somebody looked at a person's data is the one thing that is written, before
 * the data are shown. */
#include "txn/dialogue.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#define ACCESS_SCOPE "access"
#define HISTORY_MAX  50
#define TOTALS_MAX   64
#define TOTALS_SPAN  100000 /* request numbers that the ledger sums up at once */

static struct ledger *ledger_of(const struct dialogue *d)
{
    return d->env->ledger;
}

static int give(struct buf *b, struct fact_text *ret)
{
    char *text = b->err == 0 ? arena_alloc(flow_arena(), b->len + 1) : NULL;
    int rc = b->err != 0 ? b->err : text == NULL ? OC_ENOMEM : 0;
    if (rc == 0) {
        memcpy(text, b->data, b->len);
        *ret = (struct fact_text){text, b->len};
    }
    buf_fini(b);
    return rc;
}

static void put_text(struct buf *b, const char *name, const char *value)
{
    plan_json_text(b, name);
    buf_puts(b, ":");
    plan_json_text(b, value);
}

/* ---- records and accounts --------------------------------------------------------------------------------- */

/* What the dialogue knows itself, or nobody may ask: true, and the look has its answer. */
static bool answered(const struct dialogue *d, struct fact_look *k)
{
    bool pending = k->account == OC_ACCT_PENDING_LOAD && k->owner[0] == '\0';
    if (k->account == 0)
        return false;
    if (pending && d->has_card) {
        k->rc = 0;
        k->fen = d->card->pending_load - d->card->pending_load_reserved;
        return true;
    }
    k->rc = OC_EINVAL;
    return k->account == OC_ACCT_PURSE || k->account == OC_ACCT_PENDING_LOAD ||
           acct_kind_name((enum acct_kind)k->account) == NULL;
}

static CO_FN int take_look(const struct dialogue *d, const char *scope, const struct ledger_look *l,
                           struct fact_look *k)
{
    if (l->rc != 0)
        return l->rc;
    if (k->account != 0) {
        k->fen = l->account.credits_posted - l->account.debits_posted - l->account.debits_pending;
        return 0;
    }
    k->version = l->record.version;
    return vault_doc_co_open(d->env, scope, k->owner, k->key,
                             (struct bytes){l->record.doc, l->record.doc_len}, flow_arena(), &k->doc);
}

static CO_FN int co_look(void *arg, const char *scope, struct fact_look *looks, unsigned n)
{
    struct dialogue *d = arg;
    struct ledger_look *asked = arena_alloc(flow_arena(), n * sizeof *asked);
    unsigned count = 0;
    if (asked == NULL)
        return OC_ENOMEM;
    for (unsigned i = 0; i < n; i++)
        if (!answered(d, &looks[i]))
            asked[count++] = (struct ledger_look){.kind = (uint8_t)looks[i].account,
                                                  .scope = looks[i].account != 0 ? "" : scope,
                                                  .owner = looks[i].owner,
                                                  .key = looks[i].key};
    int rc = count > 0 ? ledger_co_looks(ledger_of(d), asked, count, flow_arena()) : 0;
    for (unsigned i = 0, at = 0; rc == 0 && i < n; i++)
        if (!answered(d, &looks[i])) {
            looks[i].rc = take_look(d, scope, &asked[at++], &looks[i]);
            rc = looks[i].rc == OC_ECANCELED ? OC_ECANCELED : 0;
        }
    return rc;
}

static CO_FN int co_next_doc(void *arg, const char *scope, const char *owner, const char *prefix,
                             char key[40], uint32_t *ret_version, struct fact_text *ret)
{
    struct dialogue *d = arg;
    struct record_row r;
    char found[40];
    int rc =
        ledger_co_record_next(ledger_of(d), scope, owner, prefix, key, flow_arena(), found, &r);
    if (rc == 0)
        rc = vault_doc_co_open(d->env, scope, owner, found, (struct bytes){r.doc, r.doc_len},
                               flow_arena(), ret);
    if (rc == 0) {
        memcpy(key, found, sizeof found);
        *ret_version = r.version;
    }
    return rc;
}

/* ---- institutions ---------------------------------------------------------------------------- */

static int question(const char *kind, const struct fact_text *doc, struct fact_text *ret)
{
    struct buf b;
    buf_init(&b, 2 * ONECARD_DOC_BYTES);
    buf_puts(&b, "{");
    put_text(&b, "kind", kind);
    buf_puts(&b, ",\"document\":");
    buf_put(&b, doc->json, doc->len);
    buf_puts(&b, "}");
    return give(&b, ret);
}

/* {"document":{…}} or {"refused":{"reason":…,"detail":…}}; anything else is no answer. */
static int read_answer(const struct upstream_answer *a, struct fact_text *ret)
{
    if (!text_depth_ok(a->body, a->len, TEXT_DEPTH_MAX))
        return OC_EIO;
    json_t *root = json_loadb(a->body, a->len, JSON_REJECT_DUPLICATES, NULL);
    const json_t *yes = json_object_get(root, "document"), *no = json_object_get(root, "refused");
    const json_t *what = json_is_object(no) && yes == NULL ? no
                         : a->status == 200 && no == NULL  ? yes
                                                           : NULL;
    int rc = !json_is_object(what) ? OC_EIO : what == no ? OC_EREFUSED : 0;
    char *text = json_is_object(what) ? json_dumps(what, JSON_COMPACT) : NULL;
    ret->json = text != NULL ? arena_strdup(flow_arena(), text) : NULL;
    ret->len = ret->json != NULL ? strlen(ret->json) : 0;
    free(text);
    json_decref(root);
    return rc == 0 && ret->json == NULL ? OC_ENOMEM : rc;
}

static CO_FN int co_call(void *arg, const char *participant, const char *kind,
                         const struct fact_text *doc, struct fact_text *ret)
{
    const struct dialogue *d = arg;
    struct upstream_answer answer;
    struct fact_text body;
    char path[64], key[40], hex[33];
    uint8_t random[16];
    if (d->env->upstream == NULL || !upstream_has(d->env->upstream, participant))
        return OC_ENOENT;
    int n = snprintf(path, sizeof path, "ask/%s", kind);
    int rc = n < 0 || (size_t)n >= sizeof path ? OC_EINVAL : question(kind, doc, &body);
    if (rc == 0)
        rc = rng_fill(d->env->rng, random, sizeof random);
    if (rc != 0)
        return rc;
    (void)snprintf(key, sizeof key, "ask-%s", hex_encode(random, sizeof random, hex));
    rc = upstream_co_post(d->env->upstream, participant, path, key, body.json, body.len,
                          FLOW_FOREVER, flow_arena(), &answer);
    return rc != 0 ? rc : read_answer(&answer, ret);
}

/* ---- cards ---------------------------------------------------------------------- */

static CO_FN int co_holder(void *arg, const char *number, char ret_citizen[32])
{
    struct dialogue *d = arg;
    struct card_row *c = arena_alloc(flow_arena(), sizeof *c);
    if (c == NULL)
        return OC_ENOMEM;
    int rc = ledger_co_card_find(ledger_of(d), number, c);
    if (rc == OC_ECONFLICT ||
        (rc == 0 && (strcmp(c->number, number) != 0 || c->citizen[0] == '\0')))
        return OC_ENOENT; /* only what is printed on exactly one named card */
    if (rc == 0)
        (void)snprintf(ret_citizen, 32, "%s", c->citizen);
    return rc;
}

static CO_FN int co_citizen(void *arg, const char *citizen)
{
    struct dialogue *d = arg;
    struct citizen_row *c = arena_alloc(flow_arena(), sizeof *c);
    return c == NULL ? OC_ENOMEM : ledger_co_citizen(ledger_of(d), citizen, c);
}

/* ---- people ---------------------------------------------------------------------------------- */

static CO_FN int seal_access(struct dialogue *d, const char *citizen, struct op_record *r,
                             const char *text, size_t len)
{
    struct fact_text t = {text, len};
    int rc = vault_doc_co_seal(d->env, r->scope, r->owner, r->key, flow_arena(), &t);
    if (rc == 0)
        r->doc = (struct op_doc){t.json, (uint32_t)t.len};
    else
        log_error("txn", "a look at citizen %s could not be noted: %s", citizen, oc_strerror(rc));
    return rc;
}

/* Who looked at whose data, when, with which service: a note of its own, durable before anything is
 * shown. */
static CO_FN int note_access(struct dialogue *d, const char *service, const char *citizen)
{
    struct op_intent *in = &dialogue_op(d, LOP_INTENT)->intent;
    struct op_record *r = &in->records[0];
    struct buf b;
    struct fact_text t;
    uint32_t salt = 0;
    int rc = rng_fill(d->env->rng, &salt, sizeof salt);
    if (rc != 0)
        return rc;
    (void)snprintf(r->scope, sizeof r->scope, "%s", ACCESS_SCOPE);
    (void)snprintf(r->owner, sizeof r->owner, "citizen:%.31s", citizen);
    (void)snprintf(r->key, sizeof r->key, "%013lld-%08x", (long long)clock_wall_ms(d->env->clock),
                   (unsigned)salt);
    buf_init(&b, 4096);
    buf_puts(&b, "{");
    put_text(&b, "who", d->req->who);
    buf_puts(&b, ",");
    put_text(&b, "service", service);
    buf_puts(&b, ",");
    put_text(&b, "terminal", d->term->t.id);
    buf_puts(&b, ",");
    put_text(&b, "participant", d->term->t.participant);
    buf_printf(&b, ",\"at_ms\":%lld,\"what\":\"person\"}", (long long)clock_wall_ms(d->env->clock));
    rc = give(&b, &t);
    if (rc == 0)
        rc = seal_access(d, citizen, r, t.json, t.len);
    if (rc == 0)
        rc = intent_fill_note(d, in, service);
    if (rc == 0)
        rc = dialogue_co_submit(d);
    return rc == OC_EREFUSED ? OC_ESTATE : rc;
}

static CO_FN int co_person(void *arg, const char *service, const char *citizen,
                           struct fact_text *ret)
{
    struct dialogue *d = arg;
    char place[64];
    struct buf plain;
    struct citizen_row *c = arena_alloc(flow_arena(), sizeof *c);
    if (c == NULL)
        return OC_ENOMEM;
    int rc = ledger_co_citizen(ledger_of(d), citizen, c);
    if (rc == 0 && (c->c.sealed_len == 0 || d->env->co_unseal == NULL))
        rc = OC_ENOENT;
    if (rc == 0)
        rc = note_access(d, service, citizen);
    if (rc != 0)
        return rc;
    int n = snprintf(place, sizeof place, "citizen:%s", citizen);
    buf_init(&plain, LEDGER_DOC_MAX);
    rc = d->env->co_unseal(d->env->vault, citizen, VAULT_PERSON, (struct bytes){place, (size_t)n},
                           (struct bytes){c->c.sealed, c->c.sealed_len}, &plain);
    if (rc == 0)
        return give(&plain, ret);
    buf_fini(&plain);
    return rc == OC_ESTATE ? OC_ENOENT : rc;
}

/* Which slots a card has its profile names; the transit slot the ledger keeps for every card. */
static CO_FN int co_slot(void *arg, const char *citizen, const char *app, struct fact_text *ret)
{
    const struct dialogue *d = arg;
    struct slot_row rows[PROFILE_SLOTS_MAX];
    unsigned n = 0, i = 0;
    struct buf b;
    if (!d->has_card || (citizen[0] != '\0' && strcmp(citizen, d->card->citizen) != 0))
        return OC_ENOENT;
    const struct card_profile *p = profile_get(d->env->profiles, d->card->profile);
    if (strcmp(app, SLOT_TRANSIT) != 0 && (p == NULL || profile_slot(p, app) == NULL))
        return OC_EPROFILE;
    int rc = ledger_co_slots(ledger_of(d), d->card->id, rows, ARRAY_LEN(rows), &n);
    while (rc == 0 && i < n && strcmp(rows[i].app, app) != 0)
        i++;
    if (rc != 0 || i == n || rows[i].closed || rows[i].category[0] == '\0')
        return rc != 0 ? rc : OC_ENOENT;
    buf_init(&b, 256);
    buf_puts(&b, "{");
    put_text(&b, "category", rows[i].category);
    buf_printf(&b, ",\"from\":%d,\"to\":%d}", (int)rows[i].from, (int)rows[i].to);
    return give(&b, ret);
}

/* ---- transactions ---------------------------------------------------------------------------- */

static CO_FN int co_totals(void *arg, const char *terminal, int64_t first, struct fact_text *ret)
{
    struct dialogue *d = arg;
    struct terminal_row *t = arena_alloc(flow_arena(), sizeof *t);
    struct terminal_total *rows = arena_alloc(flow_arena(), TOTALS_MAX * sizeof *rows);
    struct terminal_cash cash = {0};
    struct buf b;
    unsigned n = 0;
    if (t == NULL || rows == NULL)
        return OC_ENOMEM;
    first = first > 0 ? first : 1;
    int rc = ledger_co_terminal(ledger_of(d), terminal, t);
    if (rc == 0 && t->next_request - first > TOTALS_SPAN)
        rc = OC_ELIMIT;
    if (rc == 0 && t->next_request > first)
        rc = ledger_co_terminal_totals(ledger_of(d), terminal, first, t->next_request - 1, rows,
                                       TOTALS_MAX, &n);
    if (rc == 0)
        rc = ledger_co_terminal_cash(ledger_of(d), terminal, first, t->next_request - 1, &cash);
    if (rc != 0)
        return rc;
    buf_init(&b, 0);
    buf_puts(&b, "{\"services\":[");
    for (unsigned i = 0; i < n; i++) {
        buf_puts(&b, i > 0 ? ",{" : "{");
        put_text(&b, "service", rows[i].service);
        buf_printf(&b, ",\"posted\":%u,\"open\":%u,\"amount_fen\":%lld}", rows[i].posted,
                   rows[i].open, (long long)rows[i].amount);
    }
    buf_printf(&b, "],\"cash_taken_fen\":%lld,\"cash_given_fen\":%lld,\"next\":%lld}",
               (long long)cash.taken, (long long)cash.given,
               (long long)t->next_request);
    return give(&b, ret);
}

static void put_row(struct buf *b, const struct txn_row *r)
{
    char id[IDENT_TEXT];
    buf_puts(b, "{");
    put_text(b, "txn", ident_text(r->id, id));
    buf_puts(b, ",");
    put_text(b, "service", r->in.service);
    buf_printf(b, ",\"state\":\"%s\",\"amount_fen\":%lld,\"business_date\":%d,\"at_ms\":%lld,",
               oc_txn_state_name((enum oc_txn_state)r->state), (long long)r->in.amount,
               (int)r->in.business_date, (long long)r->created_ms);
    put_text(b, "terminal", r->in.terminal);
    buf_printf(b, ",\"kind\":%u,\"counter\":%u}", r->in.plan_kind, r->in.counter);
}

static CO_FN int co_history(void *arg, unsigned count, struct fact_text *ret)
{
    struct dialogue *d = arg;
    struct buf b;
    unsigned n = 0;
    count = count < HISTORY_MAX ? count : HISTORY_MAX;
    struct txn_row *rows = arena_alloc(flow_arena(), (count + 1) * sizeof *rows);
    if (rows == NULL)
        return OC_ENOMEM;
    struct txn_filter f = {.card = d->has_card ? d->card->id : 0};
    int rc = f.card != 0 && count > 0 ? ledger_co_txns(ledger_of(d), &f, rows, count, &n) : 0;
    if (rc != 0)
        return rc;
    buf_init(&b, 0);
    buf_puts(&b, "[");
    for (unsigned i = 0; i < n; i++) {
        buf_puts(&b, i > 0 ? "," : "");
        put_row(&b, &rows[i]);
    }
    buf_puts(&b, "]");
    return give(&b, ret);
}

static void put_legs(struct buf *b, const struct op_intent *in)
{
    buf_puts(b, ",\"legs\":[");
    for (unsigned i = 0; i < in->leg_count; i++) {
        const char *name = acct_kind_name((enum acct_kind)in->legs[i].kind);
        buf_printf(b, "%s{\"account\":%u,\"name\":\"%s\",", i > 0 ? "," : "", in->legs[i].kind,
                   name != NULL ? name : "");
        put_text(b, "owner", in->legs[i].owner);
        buf_printf(b, ",\"amount_fen\":%lld}", (long long)in->legs[i].amount);
    }
    buf_puts(b, "]");
}

static void put_txn(struct buf *b, const struct txn_row *r)
{
    char id[IDENT_TEXT], link[IDENT_TEXT];
    const char *reply = r->reply[0] != '\0' ? r->reply : r->in.reply;
    buf_puts(b, "{");
    put_text(b, "id", ident_text(r->id, id));
    buf_puts(b, ",");
    put_text(b, "service", r->in.service);
    buf_printf(b, ",\"state\":\"%s\",\"amount_fen\":%lld,\"refunded_fen\":%lld,",
               oc_txn_state_name((enum oc_txn_state)r->state), (long long)r->in.amount,
               (long long)r->refunded);
    put_text(b, "participant", r->in.participant);
    buf_puts(b, ",");
    put_text(b, "terminal", r->in.terminal);
    buf_printf(b, ",\"business_date\":%d,\"clearing_date\":%d,\"at_ms\":%lld,",
               (int)r->in.business_date, (int)r->clearing_date, (long long)r->created_ms);
    put_text(b, "link", r->in.link != 0 ? ident_text(r->in.link, link) : "");
    if (r->in.card != 0)
        buf_printf(b, ",\"card\":\"card:%lld\"", (long long)r->in.card);
    buf_printf(b, ",\"reply\":%s", reply[0] != '\0' ? reply : "{}");
    put_legs(b, &r->in);
    buf_puts(b, "}");
}

static CO_FN int co_txn(void *arg, const char *txn, struct fact_text *ret)
{
    struct dialogue *d = arg;
    struct buf b;
    int64_t id;
    struct txn_row *r =
        arena_alloc(flow_arena(), sizeof *r); /* d->row may be the original that is refunded */
    if (r == NULL)
        return OC_ENOMEM;
    if (ident_parse(txn, &id) != 0)
        return OC_ENOENT;
    int rc = ledger_co_txn(ledger_of(d), id, r);
    if (rc != 0)
        return rc;
    buf_init(&b, 0);
    put_txn(&b, r);
    return give(&b, ret);
}

/* ---- the chip -------------------------------------------------------------------------------- */

static const char *journey(void *arg, const char *field)
{
    return chip_journey_text(arg, field);
}

const struct decide_facts txn_facts = {.co_look = co_look,
                                       .co_next_doc = co_next_doc,
                                       .co_call = co_call,
                                       .co_holder = co_holder,
                                       .co_citizen = co_citizen,
                                       .co_person = co_person,
                                       .co_slot = co_slot,
                                       .co_totals = co_totals,
                                       .co_history = co_history,
                                       .co_txn = co_txn,
                                       .journey = journey};
