/* How terminals prove themselves: the site's own authority, one-time tokens, pinned keys.
 *
 *            TOKEN                    PIN                     RENEW
 *   nothing ───────► a token waits ────────► one key pinned ────────► two keys are good
 *      ▲                                        ▲   │ TOKEN: the key stays good until the next PIN
 * │ └────────────── REVOKE (from anywhere) ──┘   └──────────────────── CONFIRM ◄──────────────────┘
 *
 * A revoked terminal has neither key nor token; only a new token leads out of that. */
#include "ledger/apply.h"
#include "ledger/fold.h"

#define HASH_LEN 32

static bool none(const uint8_t hash[HASH_LEN])
{
    static const uint8_t zeros[HASH_LEN];
    return memcmp(hash, zeros, HASH_LEN) == 0;
}

static void forget(uint8_t hash[HASH_LEN])
{
    memset(hash, 0, HASH_LEN);
}

/* ---- the authority ---- */

static WORKER_FN int authority_load(struct fold *f, struct op_authority *ret)
{
    struct db_q q;
    db_q(&q, f->db, "SELECT " ROW_AUTHORITY " FROM authority WHERE shard = ?1");
    db_put_i64(&q, f->site.shard);
    bool found = db_row(&q);
    if (found)
        row_authority(&q, ret);
    int rc = db_end(&q);
    return rc ? rc : found ? 0 : OC_ENOENT;
}

int prepare_authority(struct fold *f, struct ledger_op *op)
{
    const struct op_authority *a = &op->authority;
    struct op_authority have;
    if (!a->cert_len || !a->sealed_len)
        return prepare_invalid(op, "an authority needs a certificate and its sealed key");
    int rc = authority_load(f, &have);
    if (rc)
        return rc == OC_ENOENT ? 0 : rc;
    bool same = have.cert_len == a->cert_len && memcmp(have.cert, a->cert, a->cert_len) == 0;
    snprintf(op->detail, sizeof op->detail, "the site has an authority already");
    return same ? LEDGER_NOTHING : OC_EEXIST;
}

int apply_authority(struct fold *f, const struct ledger_op *op)
{
    const struct op_authority *a = &op->authority;
    struct db_q q;
    db_q(&q, f->db,
         "INSERT INTO authority (shard, " ROW_AUTHORITY ", created_ms) VALUES (?1, ?2, ?3, ?4)");
    db_put_i64(&q, f->site.shard);
    db_put_blob(&q, a->cert, a->cert_len);
    db_put_blob(&q, a->sealed, a->sealed_len);
    db_put_i64(&q, op->at_ms);
    return db_end(&q);
}

/* ---- keys ---- */

/* Zeros where there is no row. */
static WORKER_FN int key_load(struct fold *f, const char *terminal, struct terminal_key_full *ret)
{
    *ret = (struct terminal_key_full){0};
    struct db_q q;
    db_q(&q, f->db,
         "SELECT " ROW_TERMINAL_KEY " FROM terminal_key WHERE shard = ?1 AND terminal = ?2");
    db_put_i64(&q, f->site.shard);
    db_put_text(&q, terminal);
    if (db_row(&q))
        row_terminal_key(&q, ret);
    return db_end(&q);
}

static WORKER_FN int key_store(struct fold *f, const struct terminal_key_full *k)
{
    const struct terminal_key_row *r = &k->r;
    struct db_q q;
    db_q(&q, f->db,
         "INSERT OR REPLACE INTO terminal_key (shard, " ROW_TERMINAL_KEY
         ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)");
    db_put_i64(&q, f->site.shard);
    db_put_text(&q, r->terminal);
    db_put_i64(&q, r->pinned);
    db_put_i64(&q, r->revoked);
    db_put_blob(&q, r->token_hash, sizeof r->token_hash);
    db_put_i64(&q, r->token_until_ms);
    db_put_blob(&q, r->pin, sizeof r->pin);
    db_put_blob(&q, r->next_pin, sizeof r->next_pin);
    db_put_i64(&q, r->not_after_ms);
    db_put_i64(&q, k->next_not_after_ms);
    db_put_i64(&q, r->enrolled_ms);
    db_put_i64(&q, r->changed_ms);
    return db_end(&q);
}

typedef int (*ask_fn)(struct ledger_op *op, const struct terminal_key_row *r);

static int ask_token(struct ledger_op *op, const struct terminal_key_row *r)
{
    (void)r;
    const struct op_terminal_key *k = &op->terminal_key;
    if (none(k->token_hash))
        return prepare_invalid(op, "a token has a hash");
    return k->token_until_ms > op->at_ms ? 0 : refuse(op, OC_R_PARAMETER, "the token is over");
}

static int ask_pin(struct ledger_op *op, const struct terminal_key_row *r)
{
    const struct op_terminal_key *k = &op->terminal_key;
    if (none(k->pin))
        return prepare_invalid(op, "there is no key to pin");
    if (r->revoked)
        return refuse(op, OC_R_NOT_OPEN, "the terminal is revoked");
    bool equal = secret_equal(k->token_hash, r->token_hash, HASH_LEN);
    if (!r->token_waits || !equal)
        return refuse(op, OC_R_PARAMETER, "this token does not wait");
    return op->at_ms <= r->token_until_ms ? 0 : refuse(op, OC_R_PARAMETER, "the token is over");
}

static int ask_renew(struct ledger_op *op, const struct terminal_key_row *r)
{
    const struct op_terminal_key *k = &op->terminal_key;
    if (none(k->next_pin))
        return prepare_invalid(op, "there is no next key");
    if (r->revoked)
        return refuse(op, OC_R_NOT_OPEN, "the terminal is revoked");
    if (!r->pinned || memcmp(k->pin, r->pin, HASH_LEN) != 0)
        return refuse(op, OC_R_PARAMETER, "this key is not the pinned one");
    return memcmp(k->next_pin, r->pin, HASH_LEN) == 0
               ? refuse(op, OC_R_PARAMETER, "the next key is the pinned one")
               : 0;
}

/* Two connections may see the renewed key at a time: the second finds it done. */
static int ask_confirm(struct ledger_op *op, const struct terminal_key_row *r)
{
    const struct op_terminal_key *k = &op->terminal_key;
    if (r->revoked)
        return refuse(op, OC_R_NOT_OPEN, "the terminal is revoked");
    if (r->pinned && !r->renewing && memcmp(k->pin, r->pin, HASH_LEN) == 0)
        return LEDGER_NOTHING;
    if (!r->renewing || memcmp(k->pin, r->next_pin, HASH_LEN) != 0)
        return refuse(op, OC_R_PARAMETER, "this key does not wait to be confirmed");
    return 0;
}

static int ask_revoke(struct ledger_op *op, const struct terminal_key_row *r)
{
    (void)op;
    return r->revoked ? LEDGER_NOTHING : 0;
}

int prepare_terminal_key(struct fold *f, struct ledger_op *op)
{
    static const ask_fn asks[] = {
        [TERMINAL_KEY_TOKEN] = ask_token,   [TERMINAL_KEY_PIN] = ask_pin,
        [TERMINAL_KEY_RENEW] = ask_renew,   [TERMINAL_KEY_CONFIRM] = ask_confirm,
        [TERMINAL_KEY_REVOKE] = ask_revoke,
    };
    const struct op_terminal_key *k = &op->terminal_key;
    if (k->action >= ARRAY_LEN(asks) || !asks[k->action])
        return prepare_invalid(op, "no such thing happens to a terminal's key");
    struct terminal_full t;
    int rc = terminal_load(f, k->terminal, &t);
    if (rc == OC_ENOENT)
        snprintf(op->detail, sizeof op->detail, "no such terminal: %s", k->terminal);
    if (rc)
        return rc;
    struct terminal_key_full have;
    rc = key_load(f, k->terminal, &have);
    return rc ? rc : asks[k->action](op, &have.r);
}

static void pin(struct terminal_key_full *have, const struct op_terminal_key *k, int64_t at_ms)
{
    struct terminal_key_row *r = &have->r;
    r->pinned = true;
    memcpy(r->pin, k->pin, HASH_LEN);
    r->not_after_ms = k->not_after_ms;
    r->enrolled_ms = at_ms;
    forget(r->next_pin);
    have->next_not_after_ms = 0;
    forget(r->token_hash);
    r->token_until_ms = 0;
}

static void confirm(struct terminal_key_full *have, const struct op_terminal_key *k)
{
    struct terminal_key_row *r = &have->r;
    memcpy(r->pin, r->next_pin, HASH_LEN);
    r->not_after_ms = k->not_after_ms ? k->not_after_ms : have->next_not_after_ms;
    forget(r->next_pin);
    have->next_not_after_ms = 0;
}

static void change(struct terminal_key_full *have, const struct op_terminal_key *k, int64_t at_ms)
{
    struct terminal_key_row *r = &have->r;
    switch (k->action) {
    case TERMINAL_KEY_TOKEN:
        r->revoked = false;
        memcpy(r->token_hash, k->token_hash, HASH_LEN);
        r->token_until_ms = k->token_until_ms;
        break;
    case TERMINAL_KEY_PIN:
        pin(have, k, at_ms);
        break;
    case TERMINAL_KEY_RENEW:
        memcpy(r->next_pin, k->next_pin, HASH_LEN);
        have->next_not_after_ms = k->not_after_ms;
        break;
    case TERMINAL_KEY_CONFIRM:
        confirm(have, k);
        break;
    default:
        *have = (struct terminal_key_full){.r = {.revoked = true, .enrolled_ms = r->enrolled_ms}};
    }
    memcpy(r->terminal, k->terminal, sizeof r->terminal);
    r->changed_ms = at_ms;
}

int apply_terminal_key(struct fold *f, const struct ledger_op *op)
{
    const struct op_terminal_key *k = &op->terminal_key;
    struct terminal_key_full have;
    int rc = key_load(f, k->terminal, &have);
    if (rc)
        return rc;
    change(&have, k, op->at_ms);
    rc = key_store(f, &have);
    const struct event_at at = {op->at_ms, 0, 0, k->terminal};
    if (!rc && k->action == TERMINAL_KEY_PIN)
        rc = fold_event(f, &at, "terminal_enrolled", k->why);
    if (!rc && k->action == TERMINAL_KEY_REVOKE)
        rc = fold_event(f, &at, "terminal_revoked", k->why);
    return rc;
}
