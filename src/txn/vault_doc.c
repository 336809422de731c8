/* Documents of citizens on their way into the ledger and back: records whose owner is a citizen,
 * and messages that carry somebody's data, are sealed under that citizen's own key, so that erasing
 * the key erases them wherever copies lie (R20). What is sealed stands in the ledger as "~" and
 * base64 of the blob, bound to its place; anything else is as it is. */
#include "txn/dialogue.h"

#include <string.h>

#define OWNER "citizen:"
#define MARK  '~'
#define PLACE 160
#define SEAL_ROOM 128 /* more than a sealed blob is longer than what is in it */

static struct bytes place_of(const char *a, const char *b, const char *c, char out[PLACE])
{
    int n = snprintf(out, PLACE, "%s/%s%s%s", a, b, c != NULL ? "/" : "", c != NULL ? c : "");
    return (struct bytes){out, n > 0 && n < PLACE ? (size_t)n : 0};
}

/* The blob as text, in `a`. */
static int to_text(const struct buf *blob, struct arena *a, const char **ret, size_t *ret_len)
{
    struct buf b;
    size_t cap = 1 + 4 * ((blob->len + 2) / 3);
    char *mem = arena_alloc(a, cap + 1);
    if (mem == NULL)
        return OC_ENOMEM;
    buf_over(&b, mem, cap);
    buf_put_u8(&b, MARK);
    base64_encode(blob->data, blob->len, &b);
    if (b.err == 0) {
        *ret = mem;
        *ret_len = b.len;
    }
    return b.err;
}

/* In place. OC_ENOTSUP: there is no vault; OC_ESTATE: what the citizen had was erased. */
static CO_FN int seal(const struct txn_env *env, const char *citizen, struct bytes place,
                      struct arena *a, struct fact_text *doc)
{
    struct buf blob;
    if (env->co_seal == NULL)
        return OC_ENOTSUP;
    char *sealed = arena_alloc(a, doc->len + SEAL_ROOM);
    if (sealed == NULL)
        return OC_ENOMEM;
    buf_over(&blob, sealed, doc->len + SEAL_ROOM);
    int rc = env->co_seal(env->vault, citizen, VAULT_DOCUMENTS, place,
                          (struct bytes){doc->json, doc->len}, &blob);
    if (rc == 0)
        rc = to_text(&blob, a, &doc->json, &doc->len);
    return rc == 0 && doc->len > LEDGER_DOC_MAX ? OC_ELIMIT : rc;
}

int vault_doc_co_seal(const struct txn_env *env, const char *scope, const char *owner,
                      const char *key, struct arena *a, struct fact_text *doc)
{
    char place[PLACE];
    return plan_owner_sealed(owner)
               ? seal(env, owner + strlen(OWNER), place_of(scope, owner, key, place), a, doc)
               : 0;
}

static CO_FN int seal_message(const struct txn_env *env, const char *citizen, struct arena *a,
                              struct fact_text *doc)
{
    char place[PLACE];
    return citizen[0] != '\0'
               ? seal(env, citizen, place_of("message", citizen, NULL, place), a, doc)
               : 0;
}

static int failed(struct dialogue *d, int rc)
{
    if (rc == OC_ENOTSUP)
        return dialogue_refuse(d, OC_R_STORE, "no vault for citizens' documents");
    if (rc == OC_ESTATE)
        return dialogue_refuse(d, OC_R_ERASED,
                               "what the citizen had was erased: nothing more can be kept");
    if (rc == OC_ELIMIT)
        return dialogue_refuse(d, OC_R_MODULE, "a citizen's document is longer than %d bytes",
                               PLAN_SEALED_BYTES);
    return dialogue_ledger_failed(d, rc);
}

/* Sealing made it longer than the module could know. */
static bool fits(const struct plan *p, size_t len)
{
    for (unsigned i = 0; i < p->record_count; i++)
        len += p->records[i].remove ? 0 : p->records[i].doc_len;
    for (unsigned i = 0; i < p->message_count; i++)
        len += p->messages[i].doc_len;
    return len + p->hold.doc_len + (p->hold.expect != NULL ? p->hold.expect_len : 0) <=
           LEDGER_DOCS_MAX;
}

/* What a hold says of somebody stands in the journal for ever: sealed, or not at all. The
 * institution gets it as the module planned it. */
static CO_FN int seal_hold_text(const struct dialogue *d, const char **text, size_t *len)
{
    char place[PLACE];
    struct fact_text t = {*text, *len};
    int rc = *len == 0 ? 0
                       : seal(d->env, d->citizen, place_of("hold", d->citizen, NULL, place),
                              flow_arena(), &t);
    bool kept = rc == 0 && fits(d->plan, t.len);
    *text = kept ? t.json : NULL;
    *len = kept ? t.len : 0;
    return rc == OC_ENOTSUP || rc == OC_ESTATE || rc == OC_ELIMIT ? 0 : rc;
}

static CO_FN int seal_hold(struct dialogue *d)
{
    struct plan_hold *h = &d->plan->hold;
    if (h->to[0] == '\0')
        return 0;
    size_t expect_len = h->expect != NULL ? h->expect_len : 0;
    d->say = (struct op_doc){h->doc, (uint32_t)h->doc_len};
    d->expect = (struct op_doc){h->expect, (uint32_t)expect_len};
    if (d->citizen == NULL || d->citizen[0] == '\0')
        return 0;
    int rc = seal_hold_text(d, &h->doc, &h->doc_len);
    return rc == 0 && expect_len > 0 ? seal_hold_text(d, &h->expect, &h->expect_len) : rc;
}

int vault_doc_co_seal_plan(struct dialogue *d)
{
    struct plan *p = d->plan;
    int rc = 0;
    for (unsigned i = 0; rc == 0 && i < p->record_count; i++) {
        struct plan_record *r = &p->records[i];
        struct fact_text t = {r->doc, r->doc_len};
        if (r->remove)
            continue;
        rc = vault_doc_co_seal(d->env, r->scope, r->owner, r->key, flow_arena(), &t);
        r->doc = t.json;
        r->doc_len = t.len;
    }
    for (unsigned i = 0; rc == 0 && i < p->message_count; i++) {
        struct plan_message *m = &p->messages[i];
        struct fact_text t = {m->doc, m->doc_len};
        rc = seal_message(d->env, m->citizen, flow_arena(), &t);
        m->doc = t.json;
        m->doc_len = t.len;
    }
    rc = rc == 0 ? seal_hold(d) : rc;
    return rc == 0 ? 0 : failed(d, rc);
}

static CO_FN int unseal(const struct txn_env *env, const char *citizen, struct bytes place,
                        struct bytes text, struct arena *a, struct fact_text *ret)
{
    struct buf blob, plain;
    size_t most = text.len / 4 * 3 + 3; /* of bytes that so many characters stand for */
    if (text.len == 0 || ((const char *)text.data)[0] != MARK) {
        *ret = (struct fact_text){text.data, text.len};
        return 0;
    }
    if (env->co_unseal == NULL)
        return OC_ESEAL;
    char *sealed = arena_alloc(a, most), *open = arena_alloc(a, most + 1);
    if (sealed == NULL || open == NULL)
        return OC_ENOMEM;
    buf_over(&blob, sealed, most);
    buf_over(&plain, open, most);
    int rc = base64_decode((const char *)text.data + 1, text.len - 1, &blob);
    if (rc == 0)
        rc = env->co_unseal(env->vault, citizen, VAULT_DOCUMENTS, place,
                            (struct bytes){blob.data, blob.len}, &plain);
    if (rc == 0)
        *ret = (struct fact_text){open, plain.len};
    return rc == OC_EINVAL ? OC_ESEAL : rc;
}

int vault_doc_co_open(const struct txn_env *env, const char *scope, const char *owner,
                      const char *key, struct bytes text, struct arena *a, struct fact_text *ret)
{
    char place[PLACE];
    if (!plan_owner_sealed(owner)) {
        *ret = (struct fact_text){text.data, text.len};
        return 0;
    }
    return unseal(env, owner + strlen(OWNER), place_of(scope, owner, key, place), text, a, ret);
}

int vault_doc_co_message(const struct txn_env *env, const struct message_row *row, struct arena *a,
                         const char **ret_text, size_t *ret_len)
{
    char place[PLACE];
    struct fact_text t;
    int rc = unseal(env, row->citizen, place_of("message", row->citizen, NULL, place),
                    (struct bytes){row->doc, row->doc_len}, a, &t);
    if (rc == 0) {
        *ret_text = t.json;
        *ret_len = t.len;
    }
    return rc;
}
