/* What a second copy is fed with: journal rows in their order with the keys that they need, and the
 * waiting of answers for the copy where the site wants that.
 *
 * A row and the citizens' keys beside it are read by statements of their own, keys after rows: a
 * key may be gone by then, never not there yet. */
#include "ledger/query.h"
#include <stdlib.h>

#define BUNDLE_ROWS  1024
#define BUNDLE_BYTES ((size_t)1024 * 1024)
#define NEAR_ROWS    1024
#define LOOK_MS      200 /* a row that no flow submitted wakes nobody */
#define CITIZEN      "citizen:"

/* ---- a bundle ---- */

struct packing {
    struct query *q;
    struct db *db;
    struct buf rows, keys;
    uint32_t row_count, key_count;
    char last[LEDGER_ID]; /* the citizen whose keys were put last */
    struct ledger_bundle bundle;
};

static WORKER_FN int put_keys(struct packing *p, const char *citizen)
{
    if (!citizen[0] || strcmp(citizen, p->last) == 0)
        return 0;
    (void)snprintf(p->last, sizeof p->last, "%s", citizen);
    struct db_q s;
    db_q(&s, p->db,
         "SELECT what, created_ms, sealed FROM citizen_key WHERE shard = ?1 AND citizen = ?2");
    db_put_i64(&s, p->q->l->shard);
    db_put_text(&s, citizen);
    while (db_row(&s)) {
        size_t len;
        buf_put_u8(&p->keys, (uint8_t)strlen(citizen));
        buf_puts(&p->keys, citizen);
        buf_put_u8(&p->keys, (uint8_t)db_get_i64(&s));
        buf_put_u64(&p->keys, (uint64_t)db_get_i64(&s));
        const void *sealed = db_get_blob(&s, &len);
        buf_put_u16(&p->keys, (uint16_t)len);
        buf_put(&p->keys, sealed, len);
        p->key_count++;
    }
    return db_end(&s);
}

/* A hold's documents are sealed for the citizen of the request, whom nothing else may name. */
static WORKER_FN int put_keys_of_card(struct packing *p, int64_t card)
{
    char citizen[LEDGER_ID] = "";
    struct db_q s;
    db_q(&s, p->db, "SELECT citizen FROM card WHERE id = ?1");
    db_put_i64(&s, card);
    if (db_row(&s))
        db_get_text(&s, citizen, sizeof citizen);
    int rc = db_end(&s);
    return rc ? rc : put_keys(p, citizen);
}

static WORKER_FN int put_keys_of_intent(struct packing *p, const struct op_intent *in)
{
    int rc = 0;
    for (unsigned i = 0; i < in->record_count && !rc; i++)
        if (strncmp(in->records[i].owner, CITIZEN, sizeof CITIZEN - 1) == 0)
            rc = put_keys(p, in->records[i].owner + sizeof CITIZEN - 1);
    for (unsigned i = 0; i < in->message_count && !rc; i++)
        rc = put_keys(p, in->messages[i].citizen);
    for (unsigned i = 0; i < in->leg_count && !rc; i++)
        if (in->legs[i].kind == ACCT_CITIZEN || in->legs[i].kind == ACCT_PERSONAL)
            rc = put_keys(p, in->legs[i].owner);
    for (unsigned i = 0; i < in->concerned_count && !rc; i++) /* for whom an institution is asked */
        rc = put_keys(p, in->concerned[i].citizen);
    return rc || !in->hold.to[0] || !in->card ? rc : put_keys_of_card(p, in->card);
}

static WORKER_FN int put_row(struct packing *p, struct db_q *s)
{
    uint8_t mac[32];
    size_t len;
    int64_t seq = db_get_i64(s);
    const void *op = db_get_blob(s, &len);
    db_get_fixed(s, mac, sizeof mac);
    if (s->err)
        return s->err;
    if (seq != p->bundle.last + 1)
        return OC_ECHAIN;
    int rc = op_decode(op, len, p->q->op);
    if (rc)
        return OC_ECHAIN;
    if (p->row_count == 0)
        p->bundle.first_ms = p->q->op->at_ms;
    buf_put_u32(&p->rows, (uint32_t)len);
    buf_put(&p->rows, op, len);
    buf_put(&p->rows, mac, sizeof mac);
    p->row_count++;
    p->bundle.last = seq;
    if (p->q->op->type == LOP_CITIZEN)
        return put_keys(p, p->q->op->citizen.id);
    return p->q->op->type == LOP_INTENT ? put_keys_of_intent(p, &p->q->op->intent) : 0;
}

static WORKER_FN int put_rows(struct packing *p)
{
    struct db_q s;
    int rc = 0;
    db_q(&s, p->db,
         "SELECT seq, op, mac FROM journal WHERE shard = ?1 AND seq >= ?2 ORDER BY seq LIMIT ?3");
    db_put_i64(&s, p->q->l->shard);
    db_put_i64(&s, p->bundle.first);
    db_put_i64(&s, BUNDLE_ROWS);
    while (!rc && p->rows.len + p->keys.len < BUNDLE_BYTES && db_row(&s))
        rc = put_row(p, &s);
    int err = db_end(&s);
    return rc ? rc : err;
}

static void join(struct packing *p, struct buf *out)
{
    buf_put_u64(out, (uint64_t)p->bundle.first);
    buf_put_u32(out, p->key_count);
    buf_put(out, p->keys.data, p->keys.len);
    buf_put_u32(out, p->row_count);
    buf_put(out, p->rows.data, p->rows.len);
    if (!out->err)
        out->err = p->rows.err ? p->rows.err : p->keys.err;
}

static WORKER_FN int pack(struct query *q, struct db *db)
{
    struct packing p = {.q = q, .db = db, .bundle = {.first = q->num[0] + 1, .last = q->num[0]}};
    struct ledger_bundle *b = query_row(q);
    q->op = malloc(sizeof *q->op);
    if (!b || !q->op)
        return OC_ENOMEM;
    buf_init(&p.rows, LEDGER_BUNDLE_MAX);
    buf_init(&p.keys, LEDGER_BUNDLE_MAX);
    int rc = put_rows(&p);
    if (!rc)
        join(&p, &q->docs);
    buf_fini(&p.rows);
    buf_fini(&p.keys);
    *b = p.bundle;
    return rc ? rc : q->docs.err;
}

int ledger_co_bundle(struct ledger *l, int64_t after, struct buf *out, struct ledger_bundle *ret)
{
    struct query *q = query_new(l, pack, sizeof *ret, 1);
    if (!q)
        return OC_ENOMEM;
    buf_init(&q->docs, LEDGER_BUNDLE_MAX);
    q->num[0] = after;
    int rc = query_co_ask_list(q);
    if (!rc) {
        memcpy(ret, q->rows, sizeof *ret);
        buf_fini(out);
        *out = q->docs;
        buf_init(&q->docs, 0);
    }
    offload_job_put(&q->job);
    return rc;
}

/* ---- where a copy stands ---- */

static WORKER_FN int row_mac(struct query *q, struct db *db)
{
    struct db_q s;
    db_q(&s, db, "SELECT mac FROM journal WHERE shard = ?1 AND seq = ?2");
    db_put_i64(&s, q->l->shard);
    db_put_i64(&s, q->num[0]);
    uint8_t *mac = db_row(&s) ? query_row(q) : NULL;
    if (mac)
        db_get_fixed(&s, mac, 32);
    return db_end(&s);
}

int ledger_co_journal_has(struct ledger *l, int64_t seq, const uint8_t mac[32])
{
    uint8_t have[32];
    if (seq == 0)
        return 0;
    struct query *q = query_new(l, row_mac, sizeof have, 1);
    if (q)
        q->num[0] = seq;
    int rc = query_co_one(q, have);
    return rc ? rc : memcmp(have, mac, sizeof have) == 0 ? 0 : OC_ECONFLICT;
}

int ledger_co_grown(struct ledger *l, int64_t seq, int64_t deadline_ns)
{
    while (atomic_load(&l->seq) <= seq) {
        int64_t look = flow_deadline_ms(LOOK_MS);
        int rc = flow_co_wait(&l->grew, look < deadline_ns ? look : deadline_ns);
        if (rc == OC_ETIMEDOUT && look < deadline_ns)
            continue;
        if (rc)
            return rc;
    }
    return 0;
}

/* ---- answers that wait ---- */

void ledger_copy_wait(struct ledger *l, int64_t ms)
{
    l->copy_wait_ns = ms * NS_PER_MS;
    flow_cond_broadcast(&l->copied_more);
}

bool ledger_copy_waits(const struct ledger *l)
{
    return l->copy_wait_ns > 0 && !l->copy_late;
}

void ledger_copied(struct ledger *l, int64_t seq)
{
    bool near = atomic_load(&l->seq) - seq <= NEAR_ROWS;
    if (seq < l->copied && !near)
        ledger_copy_gone(l); /* the one that was near is not the one that is here */
    l->copied = seq;
    if (l->copy_late && near) {
        l->copy_late = false;
        if (l->copy_wait_ns > 0)
            log_info("ledger", "the copy is near: answers wait for it");
    }
    flow_cond_broadcast(&l->copied_more);
}

void ledger_copy_gone(struct ledger *l)
{
    if (ledger_copy_waits(l))
        log_warn("ledger", "no copy is connected, or it is late: answers do not wait for it");
    l->copy_late = true;
    flow_cond_broadcast(&l->copied_more);
}

void feed_co_wait(struct ledger *l)
{
    if (!ledger_copy_waits(l))
        return;
    int64_t seq = atomic_load(&l->seq);
    int64_t until = loop_now_ns(l->loop) + l->copy_wait_ns;
    flow_shield();
    while (l->copied < seq && ledger_copy_waits(l)) {
        if (flow_co_wait(&l->copied_more, until) == OC_ETIMEDOUT)
            ledger_copy_gone(l);
    }
    flow_unshield();
}
