/* Card master keys: made here or brought in clear where the site allows that; told by their check
 * value only. */
#include "serve/api.h"

#include <stdio.h>
#include <string.h>

#define KEYS_MAX 1024

static json_t *key_json(const struct serve *s, const struct op_key *k, int64_t created_ms)
{
    static const uint8_t any[OC_ISSUER_LEN];
    bool all = memcmp(k->issuer, any, sizeof any) == 0;
    return json_pack("{s:s, s:s, s:i, s:o, s:o, s:b, s:o}", "purpose",
                     key_purpose_name((enum key_purpose)k->purpose), "alg",
                     pboc_alg_name((enum pboc_alg)k->alg), "version", (int)k->version, "issuer",
                     all ? json_null() : json_hex(k->issuer, sizeof k->issuer), "kcv",
                     json_hex(k->kcv, sizeof k->kcv), "revoked", k->revoked, "created",
                     json_time(s, created_ms));
}

static int get_keys(struct api_call *c) CO_FN;
static int get_keys(struct api_call *c)
{
    unsigned n = 0;
    struct key_row *rows = arena_alloc(flow_arena(), KEYS_MAX * sizeof *rows);
    int rc = rows ? ledger_co_keys(c->s->ledger, rows, KEYS_MAX, &n) : OC_ENOMEM;
    if (rc != 0)
        return api_failed(c, rc, "keys");
    json_t *list = json_array();
    for (unsigned i = 0; i < n; i++)
        json_array_append_new(list, key_json(c->s, &rows[i].k, rows[i].created_ms));
    c->reply = api_page(list, json_null());
    return 0;
}

static int purpose_of(struct api_call *c, const char *text, struct op_key *k)
{
    const char *names[KEY_PURPOSE_LAST + 1];
    enum key_purpose p;
    for (int i = 1; i <= KEY_PURPOSE_LAST; i++)
        names[i - 1] = key_purpose_name((enum key_purpose)i);
    names[KEY_PURPOSE_LAST] = NULL;
    if (key_purpose_parse(text, &p) != 0)
        return api_fail(c, 400, "bad_field", "\"purpose\" is none that is known%s",
                        api_hint(text, names));
    k->purpose = (uint8_t)p;
    return 0;
}

/* `clear` NULL: a key that is made here. */
static int read_key(struct api_call *c, struct op_key *k, uint8_t *clear)
{
    char purpose[24], alg[8] = "3des";
    int64_t version = 0;
    enum pboc_alg a;
    struct field fields[] = {
        {.name = "purpose",
         .kind = FIELD_TEXT,
         .out = purpose,
         .size = sizeof purpose,
         .required = true},
        {.name = "alg", .kind = FIELD_TEXT, .out = alg, .size = sizeof alg},
        {.name = "version", .kind = FIELD_INT, .out = &version, .max = 255, .required = true},
        {.name = "issuer", .kind = FIELD_HEX, .out = k->issuer, .size = sizeof k->issuer},
        {.name = "clear", .kind = FIELD_HEX, .out = clear, .size = 16, .required = true}};
    int rc = api_fields(c, fields, ARRAY_LEN(fields) - (clear ? 0 : 1));
    if (rc == 0)
        rc = purpose_of(c, purpose, k);
    if (rc == 0 && pboc_alg_parse(alg, &a) != 0)
        rc = api_fail(c, 400, "bad_field", "\"alg\" must be 3des, des or sm4");
    if (rc == 0) {
        k->alg = (uint8_t)a;
        k->version = (uint8_t)version;
    }
    return rc;
}

/* The custody judges first: it knows whether another key is in the slot. */
static CO_FN int keep_key(struct api_call *c, struct ledger_op *op, const uint8_t clear[16])
{
    struct serve *s = c->s;
    struct op_key *k = &op->key;
    struct custody_slot slot;
    uint8_t before[3];
    vault_slot(k, &slot);
    bool had = custody_kcv(s->custody, &slot, before) == 0;
    int rc = custody_add(s->custody, &slot, clear);
    if (rc == OC_EEXIST)
        return api_fail(c, 409, "exists",
                        "another key of that purpose, algorithm and version is "
                        "there: give it another version");
    if (rc == 0)
        rc = custody_kcv(s->custody, &slot, k->kcv);
    if (rc == 0 && had) {
        c->reply = key_json(s, k, 0);
        return 0;
    }
    if (rc == 0)
        rc = vault_seal_key(s, clear, k);
    if (rc != 0)
        return api_failed(c, rc, "key");
    rc = ledger_co_submit(s->ledger, op);
    if (rc != 0) {
        if (custody_remove(s->custody, &slot) != 0)
            log_error("serve", "a key that was not recorded stays in custody until the restart");
        return api_submit_failed(c, rc, op);
    }
    log_info("serve", "key purpose=%s version=%u taken in by %s",
             key_purpose_name((enum key_purpose)k->purpose), k->version, c->who);
    c->reply = key_json(s, k, serve_now_ms(s));
    c->status = 201;
    return 0;
}

static void wipe_body(struct api_call *c)
{
    json_t *v = json_object_get(c->body, "clear");
    if (json_is_string(v))
        secret_wipe((void *)(uintptr_t)json_string_value(v), json_string_length(v));
}

static int post_import(struct api_call *c) CO_FN;
static int post_import(struct api_call *c)
{
    uint8_t clear[16] = {0};
    struct ledger_op *op = api_op(c, LOP_KEY);
    if (!op)
        return OC_ENOMEM;
    if (!c->s->fixed->keys.allow_clear) {
        wipe_body(c);
        return api_fail(c, 403, "not_allowed",
                        "keys in clear are not taken here: only a test site "
                        "sets keys.allow_clear: true");
    }
    int rc = read_key(c, &op->key, clear);
    wipe_body(c);
    if (rc == 0)
        rc = keep_key(c, op, clear);
    secret_wipe(clear, sizeof clear);
    return rc;
}

static int post_generate(struct api_call *c) CO_FN;
static int post_generate(struct api_call *c)
{
    uint8_t clear[16];
    struct ledger_op *op = api_op(c, LOP_KEY);
    if (!op)
        return OC_ENOMEM;
    int rc = read_key(c, &op->key, NULL);
    if (rc == 0 && crypto_random(c->s->crypto, clear, sizeof clear) != 0)
        rc = api_fail(c, 500, "failed", "the random generator failed");
    if (rc == 0)
        rc = keep_key(c, op, clear);
    secret_wipe(clear, sizeof clear);
    return rc;
}

const struct api_route api_key_routes[] = {{"GET", "/v1/keys", get_keys, NULL},
                                           {"POST", "/v1/keys/import", post_import, NULL},
                                           {"POST", "/v1/keys/generate", post_generate, NULL},
                                           {NULL, NULL, NULL, NULL}};
