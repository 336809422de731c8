/* Accounts that many transactions of a batch touch: in memory while it lasts, written once. */
#include "ledger/fold.h"
#include <stdlib.h>

#define HOT_KEPT 4096 /* accounts kept from batch to batch */

static size_t key_of(enum acct_kind kind, const char *owner, char key[LEDGER_ID + 1])
{
    size_t len = strlen(owner);
    key[0] = (char)kind;
    memcpy(key + 1, owner, len);
    return len + 1;
}

/* Where an account may not fall below; participants' quotas change, see apply_participant(). */
static WORKER_FN int first_floor(struct fold *f, struct account_row *a)
{
    a->floor = INT64_MIN;
    if (a->kind == ACCT_CITIZEN || a->kind == ACCT_PERSONAL || a->kind == ACCT_DEPOSIT)
        a->floor = 0;
    if (a->kind != ACCT_LOAD_RECEIVABLE)
        return 0;
    struct participant_row p;
    int rc = participant_load(f, a->owner, &p);
    a->floor = rc ? 0 : -p.load_quota;
    return rc == OC_ENOENT ? 0 : rc;
}

static WORKER_FN int read_account(struct fold *f, struct account_row *a)
{
    struct db_q q;
    db_q(&q, f->db,
         "SELECT " ROW_ACCOUNT " FROM account WHERE shard = ?1 AND kind = ?2 AND owner = ?3");
    db_put_i64(&q, f->site.shard);
    db_put_i64(&q, a->kind);
    db_put_text(&q, a->owner);
    struct account_row have;
    bool found = db_row(&q);
    if (found)
        row_account(&q, &have);
    int rc = db_end(&q);
    if (rc)
        return rc;
    if (!found)
        return first_floor(f, a);
    *a = have;
    return 0;
}

struct hot_account *hot_account(struct fold *f, enum acct_kind kind, const char *owner,
                                int *ret_err)
{
    char key[LEDGER_ID + 1];
    size_t key_len = key_of(kind, owner, key);
    struct hot_account *h = map_get(&f->accounts, key, key_len);
    if (h)
        return h;
    h = calloc(1, sizeof *h);
    if (!h) {
        *ret_err = OC_ENOMEM;
        return NULL;
    }
    h->row.kind = (uint8_t)kind;
    snprintf(h->row.owner, sizeof h->row.owner, "%s", owner);
    int rc = read_account(f, &h->row);
    if (!rc)
        rc = map_put(&f->accounts, key, key_len, h);
    if (rc) {
        free(h);
        *ret_err = rc;
        return NULL;
    }
    return h;
}

static WORKER_FN int write_account(struct fold *f, const struct account_row *a)
{
    struct db_q q;
    db_q(&q, f->db,
         "INSERT OR REPLACE INTO account (shard, " ROW_ACCOUNT
         ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)");
    db_put_i64(&q, f->site.shard);
    db_put_i64(&q, a->kind);
    db_put_text(&q, a->owner);
    db_put_i64(&q, a->debits_pending);
    db_put_i64(&q, a->debits_posted);
    db_put_i64(&q, a->credits_pending);
    db_put_i64(&q, a->credits_posted);
    db_put_i64(&q, a->floor);
    return db_end(&q);
}

int hot_flush(struct fold *f)
{
    size_t cursor = 0;
    struct hot_account *h;
    while ((h = map_next(&f->accounts, &cursor)) != NULL) {
        if (!h->dirty)
            continue;
        int rc = write_account(f, &h->row);
        if (rc)
            return rc;
        h->dirty = false;
    }
    if (f->accounts.count > HOT_KEPT)
        hot_forget(f);
    return 0;
}

void hot_forget(struct fold *f)
{
    size_t cursor = 0;
    struct hot_account *h;
    while ((h = map_next(&f->accounts, &cursor)) != NULL)
        free(h);
    map_clear(&f->accounts);
}
