/* The side that keeps a second copy: a ledger without writer and readers, into which bundles of
 * another ledger's journal go.
 *
 * Invariants:
 *   1. A row goes in only behind the row it was written behind, with the MAC that follows from it:
 * what the copy's head says was said by the ledger that wrote it.
 *   2. A bundle is committed whole or not at all, and on the disk before it is acknowledged.
 *   3. Nothing is decided here: no operation is prepared, nothing is allotted. */
#include "ledger/fold.h"
#include <stdlib.h>
#include <unistd.h>

struct ledger_copy {
    struct ledger *l;
    struct ledger_op *op;
    int64_t seq;
    uint8_t mac[32];
};

/* ---- open, close ---- */

static WORKER_FN int open_copy(struct ledger_copy *c, const struct ledger_opts *o)
{
    bool is_new = access(o->path, F_OK) != 0;
    int rc = ledger_open_store(c->l, o, is_new ? DB_CREATE : DB_WRITE);
    /* A file that was begun and never got a row has no site yet. */
    if (!rc && c->l->fold.site.exists)
        rc = ledger_check_head(c->l, &c->seq);
    if (rc == OC_ECHAIN)
        log_error("ledger", "the end of the audit chain of %s does not verify", o->path);
    memcpy(c->mac, c->l->head, sizeof c->mac);
    return rc;
}

int ledger_copy_open(const char *path, const uint8_t chain_key[32], struct ledger_copy **ret)
{
    const struct ledger_opts o = {.path = path, .chain_key = chain_key};
    struct ledger_copy *c = calloc(1, sizeof *c);
    if (c) {
        c->l = ledger_new(&o);
        c->op = malloc(sizeof *c->op);
    }
    int rc = c && c->l && c->op ? open_copy(c, &o) : OC_ENOMEM;
    if (rc)
        ledger_copy_close(&c);
    else
        *ret = c;
    return rc;
}

void ledger_copy_close(struct ledger_copy **copy)
{
    struct ledger_copy *c = *copy;
    *copy = NULL;
    if (!c)
        return;
    ledger_close(&c->l);
    free(c->op);
    free(c);
}

int64_t ledger_copy_head(const struct ledger_copy *c, uint8_t ret_mac[32])
{
    memcpy(ret_mac, c->mac, sizeof c->mac);
    return c->seq;
}

/* ---- a bundle ---- */

struct applying {
    struct ledger_copy *c;
    struct db_tx tx;
    int64_t seq;
    uint8_t mac[32];
    struct buf in;
    size_t keys_at; /* where the keys begin in `in` */
    uint32_t keys;
};

static WORKER_FN int keep_key(struct applying *a)
{
    struct citizen_key_row row = {0};
    char citizen[LEDGER_ID] = "";
    struct buf *in = &a->in;
    size_t len = buf_get_u8(in);
    if (len >= sizeof citizen)
        return OC_EPARSE;
    buf_get(in, citizen, len);
    uint8_t what = buf_get_u8(in);
    int64_t created_ms = (int64_t)buf_get_u64(in);
    row.sealed_len = buf_get_u16(in);
    if (row.sealed_len > sizeof row.sealed)
        return OC_EPARSE;
    buf_get(in, row.sealed, row.sealed_len);
    if (in->err)
        return in->err;
    int rc = citizen_key_put(&a->c->l->fold, citizen, what, &row, created_ms);
    /* Had already; or erased since, by a row of this copy. */
    return rc == OC_EEXIST || rc == OC_ESTATE ? 0 : rc;
}

/* The keys' rows carry the site's shard, which only the site's own operation brings. */
static WORKER_FN int keep_keys(struct applying *a)
{
    size_t back = a->in.pos;
    int rc = 0;
    a->in.pos = a->keys_at;
    for (; a->keys > 0 && !rc; a->keys--)
        rc = keep_key(a);
    a->in.pos = back;
    return rc;
}

static int skip_keys(struct applying *a)
{
    a->keys = buf_get_u32(&a->in);
    a->keys_at = a->in.pos;
    for (uint32_t i = 0; i < a->keys && !a->in.err; i++) {
        (void)buf_take(&a->in, buf_get_u8(&a->in));
        (void)buf_take(&a->in, 1 + 8);
        (void)buf_take(&a->in, buf_get_u16(&a->in));
    }
    return a->in.err;
}

static WORKER_FN int fold_row(struct applying *a, struct bytes op)
{
    struct ledger *l = a->c->l;
    const struct ledger_op *o = a->c->op;
    int rc = chain_write_row(l->db, o->type == LOP_SITE ? o->site.shard : l->fold.site.shard,
                             a->seq, op, a->mac);
    if (!rc)
        rc = fold_apply(&l->fold, o, a->seq, a->mac);
    if (rc == OC_EINTERNAL)
        log_error("ledger", "journal row %lld (%s) does not fit the rows before it",
                  (long long)a->seq, op_name(o->type));
    return rc;
}

static WORKER_FN int take_row(struct applying *a, int64_t seq)
{
    uint8_t mac[32], want[32];
    struct ledger *l = a->c->l;
    struct bytes op = {.len = buf_get_u32(&a->in)};
    op.data = buf_take(&a->in, op.len);
    buf_get(&a->in, mac, sizeof mac);
    if (a->in.err)
        return a->in.err;
    if (seq <= a->seq)
        return 0;
    int rc = op_decode(op.data, op.len, a->c->op);
    if (rc)
        return rc;
    uint8_t shard = a->c->op->type == LOP_SITE ? a->c->op->site.shard : l->fold.site.shard;
    rc = chain_mac(&l->chain, a->mac, shard, seq, op, want);
    if (rc)
        return rc;
    if (!secret_equal(mac, want, sizeof want)) {
        log_error("ledger", "journal row %lld does not verify: it is not taken", (long long)seq);
        return OC_ECHAIN;
    }
    a->seq = seq;
    memcpy(a->mac, mac, sizeof mac);
    return fold_row(a, op);
}

static WORKER_FN int take_rows(struct applying *a)
{
    int64_t seq = (int64_t)buf_get_u64(&a->in);
    int rc = skip_keys(a);
    uint32_t rows = buf_get_u32(&a->in);
    if (rc || a->in.err)
        return OC_EPARSE;
    if (seq > a->seq + 1)
        return OC_ENOENT;
    for (uint32_t i = 0; i < rows && !rc; i++, seq++) {
        if (a->c->l->fold.site.exists)
            rc = keep_keys(a);
        if (!rc)
            rc = take_row(a, seq);
    }
    return rc ? rc : buf_left(&a->in) > 0 ? OC_EPARSE : 0;
}

static WORKER_FN int run(struct applying *a)
{
    struct ledger *l = a->c->l;
    int rc = db_tx_begin(&a->tx, l->db);
    if (!rc)
        rc = take_rows(a);
    if (!rc)
        rc = fold_flush(&l->fold);
    if (!rc)
        rc = chain_write_head(&l->chain, l->db, l->fold.site.shard, a->seq, a->mac);
    return rc ? rc : db_tx_commit(&a->tx);
}

int ledger_copy_apply(struct ledger_copy *c, const void *bundle, size_t len)
{
    struct ledger *l = c->l;
    struct applying a = {.c = c, .seq = c->seq};
    memcpy(a.mac, c->mac, sizeof a.mac);
    buf_from(&a.in, bundle, len);
    /* What an error left undone is read again before anything is built on it. */
    int rc = l->stale ? fold_reload(&l->fold) : 0;
    if (rc)
        return rc;
    l->stale = false;
    db_wal_begin(l->wal);
    rc = run(&a);
    db_tx_rollback(&a.tx);
    db_wal_finish(l->wal, l->db, rc == 0);
    l->stale = rc != 0;
    if (rc)
        return rc;
    c->seq = a.seq;
    memcpy(c->mac, a.mac, sizeof c->mac);
    if (db_wal_bytes(l->wal) > LEDGER_WAL_PASS)
        rc = db_wal_pass(l->wal, l->db);
    return rc > 0 ? 0 : rc;
}
