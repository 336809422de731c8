/* Records and balances that a module reads. What it said beforehand that it will want goes along
 * with the first question that has to wait, so that several cost one wait; each answer is given
 * once, whoever asks again asks the ledger again. */
#include "module/host_table.h"
#include "module/internal.h"

#include <string.h>

#define NOT_ASKED 1

static bool same(const struct fact_look *a, const struct fact_look *b)
{
    return a->account == b->account && strcmp(a->owner, b->owner) == 0 &&
           strcmp(a->key, b->key) == 0;
}

static struct fact_look *find(struct decision *d, const struct fact_look *asked)
{
    for (unsigned i = 0; i < d->want_count; i++) {
        if (same(&d->wants[i], asked)) {
            return &d->wants[i];
        }
    }
    return NULL;
}

static void want(struct decision *d, int account, const char *owner, const char *key)
{
    const struct fact_look w = {.account = account, .owner = owner, .key = key, .rc = NOT_ASKED};
    if (!owner || !key || (service_needs(d->service) & OC_BLOCKING)) {
        return;
    }
    if (!d->wants) {
        d->wants = arena_alloc(d->arena, WANTS_MAX * sizeof(*d->wants));
    }
    if (!d->wants || d->want_count == WANTS_MAX || find(d, &w)) {
        return;
    }
    struct fact_look *to = &d->wants[d->want_count];
    *to = w;
    to->owner = arena_strdup(d->arena, owner);
    to->key = arena_strdup(d->arena, key);
    d->want_count += to->owner && to->key ? 1 : 0;
}

void host_want_doc(const struct onecard_request *req, const char *owner, const char *key)
{
    want(decision_of(req), 0, owner, key);
}

void host_want_account(const struct onecard_request *req, enum onecard_account account,
                       const char *owner)
{
    want(decision_of(req), (int)account, owner, "");
}

static void forget(struct decision *d, struct fact_look *w)
{
    size_t after = d->want_count - (size_t)(w - d->wants) - 1;
    memmove(w, w + 1, after * sizeof(*w));
    d->want_count--;
}

/* Asks for this and everything that is wanted. The answers to what was wanted stay. */
static int ask(struct decision *d, struct fact_look *look)
{
    const struct decide_facts *f = d->facts;
    struct fact_look all[WANTS_MAX + 1];
    unsigned n = 0;
    int rc = host_co_begin(d);
    if (rc) {
        return rc;
    }
    for (unsigned i = 0; i < d->want_count; i++) {
        if (d->wants[i].rc == NOT_ASKED) {
            all[n++] = d->wants[i];
        }
    }
    all[n++] = *look;
    for (unsigned i = 0; i < n; i++) {
        all[i].rc = OC_ENOENT;
    }
    rc = f && f->co_look ? f->co_look(d->facts_arg, d->service->module->abi->name, all, n) : 0;
    rc = host_co_end(d, rc, 0);
    if (rc) {
        return rc;
    }
    for (unsigned i = 0, at = 0; i < d->want_count; i++) {
        if (d->wants[i].rc == NOT_ASKED) {
            d->wants[i] = all[at++];
        }
    }
    *look = all[n - 1];
    return 0;
}

static int answer(struct decision *d, const struct fact_look *look)
{
    if (look->rc && look->rc != OC_ENOENT) {
        d->co_err = look->rc; /* the store's, not the module's */
        d->refused = OC_R_NONE;
    }
    return look->rc;
}

/* 0, OC_ENOENT, or why it cannot be read. */
static int look_at(struct decision *d, struct fact_look *look)
{
    if (!look->owner || !look->key) {
        return OC_EINVAL;
    }
    struct fact_look *w = find(d, look);
    if (w && w->rc != NOT_ASKED) {
        *look = *w;
        forget(d, w);
        return answer(d, look);
    }
    if (w) {
        forget(d, w); /* asked for now */
    }
    int rc = ask(d, look);
    return rc ? rc : answer(d, look);
}

static int read_record(struct decision *d, const char *owner, const char *key,
                       uint32_t *ret_version, struct fact_text *t)
{
    struct fact_look look = {.owner = owner, .key = key};
    *ret_version = 0;
    int rc = look_at(d, &look);
    if (rc == 0) {
        *ret_version = look.version;
        *t = look.doc;
    }
    return rc;
}

int host_co_record(const struct onecard_request *req, const char *owner, const char *key,
                   uint32_t *ret_version, char *doc, size_t cap)
{
    struct fact_text t = {0};
    int rc = read_record(decision_of(req), owner, key, ret_version, &t);
    if (rc == 0 && t.len >= cap) {
        return OC_ELIMIT;
    }
    if (rc == 0) {
        memcpy(doc, t.json, t.len);
        doc[t.len] = '\0';
    }
    return rc;
}

int host_co_doc(const struct onecard_request *req, const char *owner, const char *key,
                uint32_t *ret_version, struct onecard_doc **ret_doc)
{
    struct fact_text t = {0};
    struct decision *d = decision_of(req);
    int rc = read_record(d, owner, key, ret_version, &t);
    return rc == 0 ? host_co_take(d, &t, ret_doc) : rc;
}

int host_co_account(const struct onecard_request *req, enum onecard_account account,
                    const char *owner, fen_t *ret_fen)
{
    struct fact_look look = {.account = (int)account, .owner = owner, .key = ""};
    int rc = look_at(decision_of(req), &look);
    if (rc == 0 || rc == OC_ENOENT) {
        *ret_fen = rc ? 0 : look.fen; /* an account that never was holds nothing */
        rc = 0;
    }
    return rc;
}
