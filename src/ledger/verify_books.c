/* What must hold of the tables whatever the journal says: a table of questions, each of which finds
 * the rows that break one rule. So a fault of our own that writer and replay share is found all the
 * same. */
#include "ledger/verify.h"

/* The first column of a row found says where. */
static const struct {
    const char *rule, *sql;
} books[] = {
    {"posted credits and debits of all accounts do not sum to zero: off by",
     "SELECT s FROM (SELECT (SELECT coalesce(sum(credits_posted - debits_posted), 0) FROM account) "
     "+ "
     "(SELECT coalesce(sum(purse_credits - purse_debits + load_credits - load_debits), 0) FROM "
     "card) AS s) WHERE s <> 0"},
    {"pending credits and debits of all accounts do not sum to zero: off by",
     "SELECT s FROM (SELECT (SELECT coalesce(sum(credits_pending - debits_pending), 0) FROM "
     "account) + "
     "(SELECT coalesce(sum(purse_credits_pending - purse_debits_pending + load_credits_pending - "
     "load_debits_pending), 0) "
     "FROM card) AS s) WHERE s <> 0"},
    {"R19: the purses do not sum to the float of the open day",
     "SELECT date FROM day WHERE state = 1 AND float_opening + loads - purchases + adjustments <> "
     "(SELECT coalesce(sum(purse_credits - purse_debits), 0) FROM card)"},
    {"R19: the float of a closed day does not roll",
     "SELECT date FROM day WHERE state <> 1 AND float_closing <> float_opening + loads - purchases "
     "+ adjustments"},
    {"R19: a day does not open with the float the day before closed with",
     "SELECT d.date FROM day d JOIN day p ON p.shard = d.shard AND p.date = "
     "(SELECT max(x.date) FROM day x WHERE x.shard = d.shard AND x.date < d.date) WHERE "
     "d.float_opening <> p.float_closing"},
    {"R11: not the last day, and only that one, is open",
     "SELECT date FROM day WHERE (state = 1) <> (date = (SELECT max(date) FROM day))"},
    {"a closed day's chain head is not the journal's",
     "SELECT d.date FROM day d LEFT JOIN journal j ON j.shard = d.shard AND j.seq = d.journal_seq "
     "WHERE d.state <> 1 AND j.mac IS NOT d.chain_head"},
    {"a card has two open transactions",
     "SELECT card FROM txn WHERE +state IN (1, 4) AND card IS NOT NULL AND hold <> 2 GROUP BY card "
     "HAVING count(*) > 1"},
    {"a card names an open transaction that is not open, or not its own",
     "SELECT c.id FROM card c LEFT JOIN txn t ON t.id = c.open_txn WHERE c.open_txn <> 0 AND "
     "(t.id IS NULL OR t.state NOT IN (1, 4) OR t.card IS NOT c.id OR t.hold = 2)"},
    {"an open transaction that its card does not name",
     "SELECT t.id FROM txn t JOIN card c ON c.id = t.card WHERE +t.state IN (1, 4) AND t.hold <> 2 "
     "AND c.open_txn <> t.id"},
    {"a purse has something pending and no open transaction",
     "SELECT id FROM card WHERE open_txn = 0 AND (purse_debits_pending <> 0 OR "
     "purse_credits_pending <> 0)"},
    {"R11: a transaction's clearing date does not fit its state",
     "SELECT id FROM txn WHERE (state = 2) <> (clearing_date <> 0) OR "
     "(state = 2 AND NOT EXISTS (SELECT 1 FROM day d WHERE d.shard = txn.shard AND d.date = "
     "txn.clearing_date))"},
    {"a transaction's state does not fit the outcomes it has",
     "SELECT id FROM txn WHERE (state IN (1, 5) AND outcome_seq <> 0) OR (state IN (3, 4) AND "
     "outcome_seq = 0)"},
    {"R6: what was taken back of a transaction is not what its refunds say",
     "SELECT o.id FROM txn o LEFT JOIN (SELECT link, sum(amount) AS taken FROM txn WHERE refund = "
     "1 AND state IN (1, 2, 4) "
     "GROUP BY link) r ON r.link = o.id WHERE o.refunded <> coalesce(r.taken, 0)"},
    {"R6: more was taken back than the transaction moved",
     "SELECT id FROM txn WHERE refunded < 0 OR (refunded > amount AND state <> 5)"},
    {"R15: a card's row and the deny list disagree",
     "SELECT c.id FROM card c LEFT JOIN denylist d ON d.shard = c.shard AND d.issuer = c.issuer "
     "AND d.serial = c.serial "
     "WHERE c.deny_action <> coalesce(d.action, 0)"},
    {"R10: a SAM number stands in two terminals, or its row does not name the terminal it is in",
     "SELECT t.id FROM terminal t LEFT JOIN sam s ON s.shard = t.shard AND s.sam = t.sam "
     "WHERE t.sam <> zeroblob(6) AND s.terminal IS NOT t.id"},
    {"R12: a transaction and its hold do not know one another",
     "SELECT t.id FROM txn t LEFT JOIN hold h ON h.txn = t.id WHERE (t.hold <> 0) <> (h.txn IS NOT "
     "NULL) UNION ALL SELECT h.txn FROM hold h LEFT JOIN txn t ON t.id = h.txn WHERE t.id IS NULL"},
    {"R12: a hold's state does not fit its transaction's",
     "SELECT h.txn FROM hold h JOIN txn t ON t.id = h.txn WHERE NOT CASE t.state WHEN 1 THEN "
     "h.state IN (1, 2, 3, 4) WHEN 4 THEN h.state IN (1, 2, 3, 4) WHEN 2 THEN h.state IN (4, 5, 6) "
     "WHEN 3 THEN h.state IN (3, 4, 7, 8) ELSE 0 END"},
    {"R12: a hold is to be confirmed or reversed, and the outbox does not say so",
     "SELECT h.txn FROM hold h LEFT JOIN outbox o ON o.txn = h.txn AND o.participant = "
     "h.participant AND o.kind = CASE h.state WHEN 5 THEN 'confirm' ELSE 'reverse' END WHERE "
     "h.state IN (5, 7) AND o.id IS NULL"},
    {"R12: the outbox confirms or reverses a hold that is not due",
     "SELECT o.id FROM outbox o LEFT JOIN hold h ON h.txn = o.txn WHERE o.kind IN ('confirm', "
     "'reverse') AND h.state IS NOT CASE o.kind WHEN 'confirm' THEN 5 ELSE 7 END"},
    {"R20: what was erased still has its key, or its documents",
     "SELECT c.id FROM citizen c WHERE EXISTS (SELECT 1 FROM citizen_key k WHERE k.shard = c.shard "
     "AND k.citizen = c.id AND (c.erased & k.what) <> 0) OR ((c.erased & 1) <> 0 AND "
     "length(c.sealed) > 0)"},
    {"R16: a posted record and its transaction do not know one another",
     "SELECT o.seq FROM offline_record o LEFT JOIN txn t ON t.id = o.txn WHERE o.posts = 1 AND "
     "(t.state IS NOT 2 OR t.card IS NOT o.card OR t.amount <> o.amount OR t.service <> 'offline') "
     "UNION ALL SELECT id FROM (SELECT id FROM txn WHERE service = 'offline' EXCEPT SELECT txn FROM "
     "offline_record WHERE posts = 1)"},
    {"R16: two posted records have one SAM sequence, or one counter of a card",
     "SELECT min(seq) FROM offline_record WHERE posts = 1 GROUP BY shard, sam, sam_seq HAVING "
     "count(*) > 1 UNION ALL SELECT min(seq) FROM offline_record WHERE posts = 1 AND moves = 1 "
     "GROUP BY shard, card, counter HAVING count(*) > 1"},
    {"R15: a lost card and the one that replaces it do not know one another, or it works again",
     "SELECT c.id FROM card c LEFT JOIN card n ON n.id = c.replaced_by WHERE c.replaced_by <> 0 AND "
     "(n.replaces IS NOT c.id OR c.state = 2)"},
    {"the site does not count its cards right",
     "SELECT shard FROM site WHERE cards <> (SELECT count(*) FROM card)"},
    {"a terminal's key belongs to no terminal, or is good although revoked",
     "SELECT k.terminal FROM terminal_key k LEFT JOIN terminal t ON t.shard = k.shard AND t.id = "
     "k.terminal WHERE t.id IS NULL OR (k.revoked = 1 AND (k.pinned = 1 OR k.token_hash <> "
     "zeroblob(32))) OR (k.pinned = 0 AND k.next_pin <> zeroblob(32))"},
};

static WORKER_FN int ask(struct verify *v, const char *rule, const char *sql)
{
    struct db_q q;
    char where[64] = "";
    db_q(&q, v->src, sql);
    if (db_row(&q))
        db_get_text(&q, where, sizeof where);
    bool broken = where[0] != '\0';
    int rc = db_end(&q);
    if (rc == OC_EDB || rc == OC_EDB_CORRUPT) {
        /* A damaged file, or a sum that no longer fits 64 bits. */
        verify_fault(v, "books: cannot be asked: %s", rule);
        return 0;
    }
    if (!rc && broken)
        verify_fault(v, "books: %s (%s)", rule, where);
    return rc;
}

int verify_books(struct verify *v)
{
    int rc = 0;
    for (size_t i = 0; !rc && i < ARRAY_LEN(books); i++)
        rc = ask(v, books[i].rule, books[i].sql);
    return rc;
}
