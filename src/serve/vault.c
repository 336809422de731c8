/* Secrets in and out of ledger rows: master keys and citizens' own keys are sealed under a key of
 * the site's key store, bound to the row they belong to. Clear bytes live on this stack for a
 * moment and in the custody, nowhere else. What is sealed under citizens' keys: vault_key.c,
 * vault_citizen.c. */
#include "serve/internal.h"

#include <stdio.h>
#include <string.h>

#define SEAL_KEY_ID 1
#define KEYS_MAX    1024

int vault_init(struct serve *s)
{
    s->seal.id = SEAL_KEY_ID;
    int rc = keystore_key(s->keystore, s->crypto, "seal", s->seal.bytes);
    if (rc == 0)
        rc = keystore_key(s->keystore, s->crypto, "search", s->search_key);
    if (rc == 0)
        rc = keystore_key(s->keystore, s->crypto, "manifest", s->manifest_key);
    if (rc == 0)
        rc = vault_keys_open(s);
    return rc;
}

void vault_fini(struct serve *s)
{
    secret_wipe(&s->seal, sizeof s->seal);
    secret_wipe(s->search_key, sizeof s->search_key);
    secret_wipe(s->manifest_key, sizeof s->manifest_key);
    vault_keys_close(s);
}

/* ---- master keys ---- */

static struct bytes key_place(const struct op_key *row, char *out, size_t cap)
{
    char issuer[2 * OC_ISSUER_LEN + 1];
    int n = snprintf(out, cap, "key:%u:%u:%u:%s", row->purpose, row->alg, row->version,
                     hex_encode(row->issuer, sizeof row->issuer, issuer));
    return (struct bytes){(const uint8_t *)out, n > 0 ? (size_t)n : 0};
}

void vault_slot(const struct op_key *row, struct custody_slot *ret)
{
    static const uint8_t any[OC_ISSUER_LEN];
    *ret = (struct custody_slot){.purpose = (enum key_purpose)row->purpose,
                                 .alg = (enum pboc_alg)row->alg,
                                 .version = row->version,
                                 .all_issuers = memcmp(row->issuer, any, sizeof any) == 0};
    memcpy(ret->issuer, row->issuer, sizeof ret->issuer);
}

int vault_seal_key(struct serve *s, const uint8_t key[16], struct op_key *row)
{
    char place[64];
    struct buf b;
    buf_over(&b, row->sealed, sizeof row->sealed);
    int rc = seal_wrap(s->crypto, &s->seal, key_place(row, place, sizeof place),
                       (struct bytes){key, 16}, &b);
    if (rc == 0)
        row->sealed_len = (uint8_t)b.len;
    return rc;
}

static int unseal_into_custody(struct serve *s, const struct op_key *row)
{
    char place[64];
    uint8_t clear[16];
    struct custody_slot slot;
    struct buf b;
    buf_over(&b, clear, sizeof clear);
    int rc = seal_unwrap(s->crypto, &s->seal, key_place(row, place, sizeof place),
                         (struct bytes){row->sealed, row->sealed_len}, &b);
    if (rc == 0 && b.len != sizeof clear)
        rc = OC_ESEAL;
    if (rc == 0) {
        vault_slot(row, &slot);
        rc = custody_add(s->custody, &slot, clear);
    }
    secret_wipe(clear, sizeof clear);
    return rc;
}

int vault_co_fill_custody(struct serve *s)
{
    unsigned n = 0, used = 0;
    struct key_row *rows = arena_alloc(flow_arena(), KEYS_MAX * sizeof *rows);
    if (!rows)
        return OC_ENOMEM;
    int rc = ledger_co_keys(s->ledger, rows, KEYS_MAX, &n);
    if (rc == 0 && n == KEYS_MAX) { /* some may be left out: a card of theirs would be refused */
        log_error("serve", "the ledger has %u card master keys or more: fewer are held at one time",
                  n);
        rc = OC_ELIMIT;
    }
    for (unsigned i = 0; rc == 0 && i < n; i++) {
        const struct op_key *k = &rows[i].k;
        if (k->revoked)
            continue;
        rc = unseal_into_custody(s, k);
        if (rc != 0)
            log_error("serve",
                      "key purpose=%s version=%u cannot be opened: %s (is this the key "
                      "store of this ledger?)",
                      key_purpose_name((enum key_purpose)k->purpose), k->version, oc_strerror(rc));
        used++;
    }
    if (rc == 0)
        log_info("serve", "%u card master keys are in custody", used);
    return rc;
}

/* ---- other secrets ---- */

static struct bytes text_bytes(const char *text)
{
    return (struct bytes){text, strlen(text)};
}

int vault_seal(struct serve *s, const char *place, struct bytes plain, struct buf *ret)
{
    return seal_wrap(s->crypto, &s->seal, text_bytes(place), plain, ret);
}

int vault_unseal(struct serve *s, const char *place, struct bytes blob, struct buf *ret)
{
    return seal_unwrap(s->crypto, &s->seal, text_bytes(place), blob, ret);
}
