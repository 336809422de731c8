/* What carries documents: modules' records and the outbox. A look puts each document into the job's
 * `docs` with a NUL behind it, in the order of the rows; the flow copies them into the caller's
 * arena in one piece. */
#include "ledger/query.h"
#include <stdlib.h>

static WORKER_FN uint32_t keep_doc(struct query *q, struct db_q *s)
{
    size_t len;
    const void *p = db_get_blob(s, &len);
    if (len)
        buf_put(&q->docs, p, len);
    buf_put_u8(&q->docs, 0);
    if (q->docs.err)
        q->err = q->docs.err;
    return (uint32_t)len;
}

/* `q` NULL: OC_ENOMEM; drops the job. */
static CO_FN int one_with_doc(struct query *q, struct arena *a, void *ret, char **ret_doc)
{
    if (!q)
        return OC_ENOMEM;
    int rc = query_co_ask(q);
    char *doc = NULL;
    if (!rc && q->n == 0)
        rc = OC_ENOENT;
    if (!rc) {
        doc = arena_copy(a, q->docs.data, q->docs.len);
        rc = doc ? 0 : OC_ENOMEM;
    }
    if (!rc) {
        memcpy(ret, q->rows, q->row_size);
        *ret_doc = doc;
    }
    offload_job_put(&q->job);
    return rc;
}

/* ---- records ---- */

struct found_record {
    struct record_row row;
    char key[40];
};

static WORKER_FN void push_record(struct query *q, struct db_q *s)
{
    struct found_record *r = db_row(s) ? query_row(q) : NULL;
    if (!r)
        return;
    r->row.version = (uint32_t)db_get_i64(s);
    db_get_text(s, r->key, sizeof r->key);
    r->row.doc_len = keep_doc(q, s);
}

#define RECORD                                                                                     \
    "SELECT version, key, doc FROM record WHERE shard = ?1 AND scope = ?2 AND owner = ?3 "

struct look_name {
    bool possible; /* else no row has such a key */
    uint8_t kind;
    char scope[QUERY_TEXT], owner[QUERY_TEXT], key[QUERY_TEXT];
};
struct looked {
    int rc;
    struct record_row record;
    struct account_row account;
};

static WORKER_FN int record(struct query *q, struct db *db, const struct look_name *n,
                            struct record_row *ret)
{
    struct db_q s;
    db_q(&s, db, RECORD "AND key = ?4");
    db_put_i64(&s, q->l->shard);
    db_put_text(&s, n->scope);
    db_put_text(&s, n->owner);
    db_put_text(&s, n->key);
    bool found = db_row(&s);
    if (found) {
        ret->version = (uint32_t)db_get_i64(&s);
        db_skip(&s);
        ret->doc_len = keep_doc(q, &s);
    }
    int rc = db_end(&s);
    return rc ? rc : found ? 0 : OC_ENOENT;
}

static WORKER_FN int look_all(struct query *q, struct db *db)
{
    const struct look_name *names = q->extra;
    int rc = 0;
    for (unsigned i = 0; i < q->cap && !rc; i++) {
        const struct look_name *n = &names[i];
        struct looked *r = query_row(q);
        if (!r)
            return OC_ENOMEM;
        r->rc = !n->possible ? OC_ENOENT
                : n->kind    ? query_account(q, db, n->kind, n->owner, &r->account)
                             : record(q, db, n, &r->record);
        rc = r->rc == OC_ENOENT ? 0 : r->rc;
    }
    return rc;
}

static bool name_part(char to[QUERY_TEXT], const char *from)
{
    size_t len = from ? strlen(from) : 0;
    if (len >= QUERY_TEXT)
        return false;
    if (len)
        memcpy(to, from, len);
    return true;
}

static void answer(const struct query *q, char *docs, struct ledger_look *looks)
{
    for (unsigned i = 0; i < q->n; i++) {
        const struct looked *r = (const struct looked *)(const void *)q->rows + i;
        looks[i].rc = r->rc;
        looks[i].record = r->record;
        looks[i].account = r->account;
        if (r->rc == 0 && !looks[i].kind) {
            looks[i].record.doc = docs;
            docs += r->record.doc_len + 1;
        }
    }
}

int ledger_co_looks(struct ledger *l, struct ledger_look *looks, unsigned n, struct arena *a)
{
    struct query *q = query_new(l, look_all, sizeof(struct looked), n);
    struct look_name *names = q ? calloc(n, sizeof *names) : NULL;
    if (q)
        q->extra = names;
    for (unsigned i = 0; names && i < n; i++) {
        names[i].kind = looks[i].kind;
        names[i].possible = name_part(names[i].scope, looks[i].scope) &&
                            name_part(names[i].owner, looks[i].owner) &&
                            name_part(names[i].key, looks[i].key);
    }
    int rc = names ? query_co_ask(q) : OC_ENOMEM;
    char *docs = !rc && q->docs.len ? arena_copy(a, q->docs.data, q->docs.len) : NULL;
    if (!rc && q->docs.len && !docs)
        rc = OC_ENOMEM;
    if (!rc)
        answer(q, docs, looks);
    if (q)
        offload_job_put(&q->job);
    return rc;
}

/* text[2]: where it begins, at that key or (num[0]) after it. */
static WORKER_FN int record_next(struct query *q, struct db *db)
{
    struct db_q s;
    if (q->num[0])
        db_q(&s, db, RECORD "AND key > ?4 ORDER BY key LIMIT 1");
    else
        db_q(&s, db, RECORD "AND key >= ?4 ORDER BY key LIMIT 1");
    db_put_i64(&s, q->l->shard);
    for (unsigned i = 0; i < 3; i++)
        db_put_text(&s, q->text[i]);
    push_record(q, &s);
    return db_end(&s);
}

int ledger_co_record(struct ledger *l, const char *scope, const char *owner, const char *key,
                     struct arena *a, struct record_row *ret)
{
    struct ledger_look one = {.scope = scope, .owner = owner, .key = key};
    int rc = ledger_co_looks(l, &one, 1, a);
    rc = rc ? rc : one.rc;
    if (!rc)
        *ret = one.record;
    return rc;
}

static struct query *about_next(struct ledger *l, const char *const texts[3], int *ret_err)
{
    struct query *q = query_new(l, record_next, sizeof(struct found_record), 1);
    *ret_err = OC_ENOMEM;
    for (unsigned i = 0; q && i < 3; i++)
        if (!query_text(q, i, texts[i])) { /* no row has such a key */
            offload_job_put(&q->job);
            q = NULL;
            *ret_err = OC_ENOENT;
        }
    return q;
}

int ledger_co_record_next(struct ledger *l, const char *scope, const char *owner,
                          const char *prefix, const char *after, struct arena *a, char ret_key[40],
                          struct record_row *ret)
{
    int rc;
    char *doc;
    struct found_record found;
    bool past = after && strcmp(after, prefix) >= 0 && after[0];
    const char *const texts[] = {scope, owner, past ? after : prefix};
    struct query *q = about_next(l, texts, &rc);
    if (q)
        q->num[0] = past;
    if (q)
        rc = one_with_doc(q, a, &found, &doc);
    if (rc)
        return rc;
    if (strncmp(found.key, prefix, strlen(prefix)) != 0)
        return OC_ENOENT;
    memcpy(ret_key, found.key, sizeof found.key);
    *ret = found.row;
    ret->doc = doc;
    return 0;
}

/* ---- the outbox ---- */

static WORKER_FN int message(struct query *q, struct db *db)
{
    struct db_q s;
    db_q(&s, db, "SELECT " ROW_MESSAGE ", doc FROM outbox WHERE id = ?1 AND shard = ?2");
    db_put_i64(&s, q->num[0]);
    db_put_i64(&s, q->l->shard);
    struct message_row *r = db_row(&s) ? query_row(q) : NULL;
    if (r) {
        row_message(&s, r);
        r->doc_len = keep_doc(q, &s);
    }
    return db_end(&s);
}

int ledger_co_message(struct ledger *l, int64_t id, struct arena *a, struct message_row *ret)
{
    char *doc;
    struct message_row found;
    struct query *q = query_new(l, message, sizeof found, 1);
    if (q)
        q->num[0] = id;
    int rc = one_with_doc(q, a, &found, &doc);
    if (rc)
        return rc;
    *ret = found;
    ret->doc = doc;
    return 0;
}

/* num[0]: after this id, num[1]: the state or 0, text[0]: the participant or "". */
static WORKER_FN int messages(struct query *q, struct db *db)
{
    struct db_q s;
    if (q->text[0][0])
        db_q(&s, db,
             "SELECT " ROW_MESSAGE ", doc FROM outbox WHERE shard = ?1 AND id > ?2 AND (?3 = 0 OR "
             "state = ?3) AND participant = ?5 ORDER BY id LIMIT ?4");
    else
        db_q(&s, db,
             "SELECT " ROW_MESSAGE ", doc FROM outbox WHERE +shard = ?1 AND id > ?2 AND (?3 = 0 OR "
             "state = ?3) ORDER BY id LIMIT ?4");
    db_put_i64(&s, q->l->shard);
    db_put_i64(&s, q->num[0]);
    db_put_i64(&s, q->num[1]);
    db_put_i64(&s, q->cap);
    if (q->text[0][0])
        db_put_text(&s, q->text[0]);
    struct message_row *r;
    while (db_row(&s) && (r = query_row(q))) {
        row_message(&s, r);
        r->doc_len = keep_doc(q, &s);
    }
    return db_end(&s);
}

static void place(void *row, char **at)
{
    struct message_row *m = row;
    m->doc = *at;
    *at += m->doc_len + 1;
}

int ledger_co_messages(struct ledger *l, int64_t after_id, uint8_t state_or_0,
                       const char *to_or_null, struct arena *a, struct message_row *rows,
                       unsigned cap, unsigned *ret_n)
{
    struct query *q = query_new(l, messages, sizeof *rows, cap);
    if (q && !query_text(q, 0, to_or_null)) {
        offload_job_put(&q->job);
        *ret_n = 0;
        return 0;
    }
    if (q) {
        q->num[0] = after_id;
        q->num[1] = state_or_0;
    }
    return query_co_list_docs(q, a, place, rows, ret_n);
}
