/* Whom a transaction concerns (R20): so that a citizen's transactions are found, and that nobody is
 * forgotten while one of them is open. It concerns him for whom it was asked, the owners of the
 * accounts and records that it touches, and those whom its messages are about. The holder of its
 * card stands in the card's row. */
#include "ledger/fold.h"

static int add(struct op_intent *in, const char *citizen)
{
    for (unsigned i = 0; i < in->concerned_count; i++) {
        if (strcmp(in->concerned[i].citizen, citizen) == 0)
            return 0;
    }
    if (!citizen[0])
        return 0;
    if (in->concerned_count == LEDGER_CONCERNED)
        return OC_ELIMIT;
    snprintf(in->concerned[in->concerned_count++].citizen, LEDGER_ID, "%s", citizen);
    return 0;
}

static int add_owners(struct op_intent *in)
{
    static const char of[] = "citizen:";
    int rc = 0;
    for (unsigned i = 0; i < in->leg_count && !rc; i++) {
        if (in->legs[i].kind == ACCT_CITIZEN || in->legs[i].kind == ACCT_PERSONAL)
            rc = add(in, in->legs[i].owner);
    }
    for (unsigned i = 0; i < in->record_count && !rc; i++) {
        const char *owner = in->records[i].owner;
        bool fits =
            strncmp(owner, of, sizeof of - 1) == 0 && strlen(owner) - (sizeof of - 1) < LEDGER_ID;
        rc = fits ? add(in, owner + sizeof of - 1) : 0;
    }
    return rc;
}

int concern_reckon(struct op_intent *in)
{
    int rc = add_owners(in);
    for (unsigned i = 0; i < in->message_count && !rc; i++)
        rc = add(in, in->messages[i].citizen);
    return rc;
}

static WORKER_FN int write_txn(struct fold *f, const struct op_intent *in, const char *citizen)
{
    struct db_q q;
    db_q(&q, f->db, "INSERT INTO txn_citizen (shard, citizen, txn) VALUES (?1, ?2, ?3)");
    db_put_i64(&q, f->site.shard);
    db_put_text(&q, citizen);
    db_put_i64(&q, in->txn);
    return db_end(&q);
}

static WORKER_FN int write_deposit(struct fold *f, const char *citizen, const char *owner)
{
    struct db_q q;
    db_q(&q, f->db,
         "INSERT INTO deposit (shard, citizen, owner) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING");
    db_put_i64(&q, f->site.shard);
    db_put_text(&q, citizen);
    db_put_text(&q, owner);
    return db_end(&q);
}

int concern_write(struct fold *f, const struct op_intent *in, const char *holder)
{
    const char *whose = in->concerned_count ? in->concerned[0].citizen : holder;
    int rc = 0;
    for (unsigned i = 0; i < in->concerned_count && !rc; i++) {
        if (strcmp(in->concerned[i].citizen, holder) != 0)
            rc = write_txn(f, in, in->concerned[i].citizen);
    }
    for (unsigned i = 0; i < in->leg_count && !rc && in->reckoned && whose[0]; i++) {
        if (in->legs[i].kind == ACCT_DEPOSIT && in->legs[i].amount > 0)
            rc = write_deposit(f, whose, in->legs[i].owner);
    }
    return rc;
}
