/* Citizens' own keys: what must be forgettable is sealed under a key of that citizen's, which
 * stands, wrapped under the site's, in one row that can be deleted. Clear ones lie in locked
 * memory, the least used forgotten first, and no longer than their row.
 *
 * Invariant: what was forgotten never comes back into the cache from a look into the ledger that
 * began before: `forgotten` counts, and a look that finds another count keeps nothing. */
#include "serve/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CACHE_MAX     4096
#define KEY_LEN       32
#define SLOT_NAME     (LEDGER_ID + 4)
#define KEY_IDS       1 /* of blobs: what + this; 1 is the site's own key */
#define MAKE_ATTEMPTS 3

struct slot {
    struct list link; /* in vault.recent, the last used last */
    char name[SLOT_NAME];
};
struct vault {
    struct serve *s;
    struct map by_name;
    struct list recent;
    struct slot *slots;
    uint8_t (*keys)[KEY_LEN]; /* locked; one a slot */
    unsigned used;
    uint64_t forgotten;
};

/* ---- the cache ---- */

static const char *slot_name(const char *citizen, uint8_t what, char out[SLOT_NAME])
{
    (void)snprintf(out, SLOT_NAME, "%u%.31s", what, citizen);
    return out;
}

static const uint8_t *cached(struct vault *v, const char *name)
{
    struct slot *slot = map_get_str(&v->by_name, name);
    if (!slot)
        return NULL;
    list_del(&slot->link);
    list_add_tail(&v->recent, &slot->link);
    return v->keys[slot - v->slots];
}

static void drop(struct vault *v, struct slot *slot)
{
    (void)map_del_str(&v->by_name, slot->name);
    secret_wipe(v->keys[slot - v->slots], KEY_LEN);
    slot->name[0] = '\0';
}

static void keep(struct vault *v, const char *name, const uint8_t key[KEY_LEN])
{
    struct slot *slot;
    if (map_get_str(&v->by_name, name))
        return;
    if (v->used < CACHE_MAX) {
        slot = &v->slots[v->used++];
    } else {
        slot = CONTAINER_OF(v->recent.next, struct slot, link);
        list_del(&slot->link);
        if (slot->name[0] != '\0')
            drop(v, slot);
    }
    (void)snprintf(slot->name, sizeof slot->name, "%s", name);
    memcpy(v->keys[slot - v->slots], key, KEY_LEN);
    list_add_tail(&v->recent, &slot->link);
    if (map_put_str(&v->by_name, name, slot) != 0)
        drop(v, slot);
}

void vault_forget(struct serve *s, const char *citizen, uint8_t what)
{
    char name[SLOT_NAME];
    struct vault *v = s->vault;
    struct slot *slot = map_get_str(&v->by_name, slot_name(citizen, what, name));
    v->forgotten++;
    if (!slot)
        return;
    drop(v, slot);
    list_del(&slot->link);
    list_add_tail(v->recent.next, &slot->link); /* the first to be used again */
}

/* ---- keys in rows ---- */

static struct bytes row_place(const char *citizen, uint8_t what, char out[64])
{
    int n = snprintf(out, 64, "citizen_key:%.31s:%u", citizen, what);
    return (struct bytes){out, n > 0 ? (size_t)n : 0};
}

static int open_row(struct serve *s, const char *citizen, uint8_t what,
                    const struct citizen_key_row *row, uint8_t ret[KEY_LEN])
{
    char place[64];
    uint8_t clear[KEY_LEN];
    struct buf b;
    buf_over(&b, clear, sizeof clear);
    int rc = seal_unwrap(s->crypto, &s->seal, row_place(citizen, what, place),
                         (struct bytes){row->sealed, row->sealed_len}, &b);
    if (rc == 0 && b.len != sizeof clear)
        rc = OC_ESEAL;
    if (rc == 0)
        memcpy(ret, clear, KEY_LEN);
    secret_wipe(clear, sizeof clear);
    if (rc != 0)
        log_error("vault", "the key of citizen %s cannot be opened: %s", citizen, oc_strerror(rc));
    return rc;
}

static CO_FN int make_key(struct serve *s, const char *citizen, uint8_t what, uint8_t ret[KEY_LEN])
{
    char place[64];
    struct buf b;
    struct citizen_key_row *row = arena_alloc(flow_arena(), sizeof *row);
    int rc = row ? rng_fill(s->env.rng, ret, KEY_LEN) : OC_ENOMEM;
    if (rc != 0)
        return rc;
    buf_over(&b, row->sealed, sizeof row->sealed);
    rc = seal_wrap(s->crypto, &s->seal, row_place(citizen, what, place),
                   (struct bytes){ret, KEY_LEN}, &b);
    row->sealed_len = (uint16_t)b.len;
    return rc == 0 ? ledger_co_citizen_key_add(s->ledger, citizen, what, row) : rc;
}

/* From the ledger; where there is none and `make`, a new one. Another flow may be faster. */
static CO_FN int fetch_key(struct serve *s, const char *citizen, uint8_t what, bool make,
                           uint8_t ret[KEY_LEN])
{
    int rc = OC_ENOENT;
    struct citizen_key_row *row = arena_alloc(flow_arena(), sizeof *row);
    if (!row)
        return OC_ENOMEM;
    for (int i = 0; i < MAKE_ATTEMPTS; i++) {
        rc = ledger_co_citizen_key(s->ledger, citizen, what, row);
        if (rc == 0)
            return open_row(s, citizen, what, row, ret);
        if (rc != OC_ENOENT || !make)
            return rc;
        rc = make_key(s, citizen, what, ret);
        if (rc != OC_EEXIST)
            return rc;
    }
    return rc;
}

static CO_FN int find_key(struct serve *s, const char *citizen, uint8_t what, bool make,
                          struct seal_key *ret)
{
    char name[SLOT_NAME];
    struct vault *v = s->vault;
    const uint8_t *have = cached(v, slot_name(citizen, what, name));
    ret->id = (uint32_t)what + KEY_IDS;
    if (have) {
        memcpy(ret->bytes, have, KEY_LEN);
        return 0;
    }
    uint64_t forgotten = v->forgotten;
    int rc = fetch_key(s, citizen, what, make, ret->bytes);
    if (rc == 0 && forgotten == v->forgotten)
        keep(v, name, ret->bytes);
    return rc;
}

/* ---- sealing ---- */

static bool known(const char *citizen, uint8_t what)
{
    size_t len = strlen(citizen);
    return len > 0 && len < LEDGER_ID && (what == VAULT_PERSON || what == VAULT_DOCUMENTS);
}

int vault_co_seal_for(void *arg, const char *citizen, uint8_t what, struct bytes place,
                      struct bytes plain, struct buf *ret)
{
    struct serve *s = arg;
    struct seal_key key;
    if (!known(citizen, what))
        return OC_EINVAL;
    int rc = find_key(s, citizen, what, true, &key);
    if (rc == 0)
        rc = seal_wrap(s->crypto, &key, place, plain, ret);
    secret_wipe(&key, sizeof key);
    return rc;
}

int vault_co_unseal_for(void *arg, const char *citizen, uint8_t what, struct bytes place,
                        struct bytes blob, struct buf *ret)
{
    struct serve *s = arg;
    struct seal_key key;
    uint32_t id = 0;
    if (!known(citizen, what))
        return OC_EINVAL;
    int rc = seal_key_id(blob, &id);
    if (rc == 0 && id == s->seal.id) /* a row of before citizens had keys of their own */
        return seal_unwrap(s->crypto, &s->seal, place, blob, ret);
    if (rc == 0)
        rc = find_key(s, citizen, what, false, &key);
    if (rc == 0) {
        rc = seal_unwrap(s->crypto, &key, place, blob, ret);
        secret_wipe(&key, sizeof key);
    }
    return rc == OC_ENOENT ? OC_ESTATE : rc; /* sealed, and no key any more */
}

/* ---- documents as they stand in records ---- */

#define MARK '~'

static struct bytes doc_place(const char *scope, const char *owner, const char *key, char out[160])
{
    int n = snprintf(out, 160, "%s/%s/%s", scope, owner, key);
    return (struct bytes){out, n > 0 && n < 160 ? (size_t)n : 0};
}

int vault_co_doc_seal(struct serve *s, const char *citizen, const struct op_record *where,
                      const char *text, struct op_doc *ret)
{
    char place[160];
    struct buf blob, out;
    buf_init(&blob, 2 * LEDGER_DOC_MAX);
    buf_init(&out, 2 * LEDGER_DOC_MAX);
    int rc = vault_co_seal_for(s, citizen, VAULT_DOCUMENTS,
                               doc_place(where->scope, where->owner, where->key, place),
                               (struct bytes){text, strlen(text)}, &blob);
    if (rc == 0) {
        buf_put_u8(&out, MARK);
        base64_encode(blob.data, blob.len, &out);
        rc = out.err ? out.err : out.len > LEDGER_DOC_MAX ? OC_ELIMIT : 0;
    }
    char *copy = rc == 0 ? arena_copy(flow_arena(), out.data, out.len) : NULL;
    if (rc == 0 && !copy)
        rc = OC_ENOMEM;
    if (rc == 0)
        *ret = (struct op_doc){copy, (uint32_t)out.len};
    buf_fini(&out);
    buf_fini(&blob);
    return rc;
}

int vault_co_doc_open(struct serve *s, const char *citizen, const struct op_record *where,
                      struct bytes text, struct buf *ret)
{
    char place[160];
    struct buf blob;
    if (text.len == 0 || *(const char *)text.data != MARK) {
        buf_put(ret, text.data, text.len);
        return ret->err;
    }
    buf_init(&blob, 2 * LEDGER_DOC_MAX);
    int rc = base64_decode((const char *)text.data + 1, text.len - 1, &blob);
    if (rc == 0)
        rc = vault_co_unseal_for(s, citizen, VAULT_DOCUMENTS,
                                 doc_place(where->scope, where->owner, where->key, place),
                                 (struct bytes){blob.data, blob.len}, ret);
    buf_fini(&blob);
    return rc == OC_EINVAL ? OC_ESEAL : rc;
}

/* ---- its life ---- */

int vault_keys_open(struct serve *s)
{
    uint64_t seed = 0;
    struct vault *v = calloc(1, sizeof *v);
    if (!v)
        return OC_ENOMEM;
    s->vault = v;
    v->s = s;
    list_init(&v->recent);
    int rc = crypto_random(s->crypto, &seed, sizeof seed);
    map_init(&v->by_name, seed);
    v->slots = calloc(CACHE_MAX, sizeof *v->slots);
    v->keys = secret_alloc((size_t)CACHE_MAX * KEY_LEN);
    return rc != 0 ? rc : v->slots && v->keys ? 0 : OC_ENOMEM;
}

void vault_keys_close(struct serve *s)
{
    struct vault *v = s->vault;
    if (!v)
        return;
    s->vault = NULL;
    map_fini(&v->by_name);
    secret_free(v->keys, (size_t)CACHE_MAX * KEY_LEN);
    free(v->slots);
    free(v);
}
