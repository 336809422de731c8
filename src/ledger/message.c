/* The outbox: messages to institutions' systems, from the commit that posts until they are
 * acknowledged or a person drops them (R12). The table holds what is due or dead, nothing else, so
 * it stays short however long the site is at work.
 *
 * An id is made from the time of its commit, so that a message that was lost with a restored backup
 * never shares its id, which is the institutions' idempotency key, with a later one. */
#include "ledger/fold.h"

static const struct sm_edge edges[] = {
    {MESSAGE_DUE, MESSAGE_SENT}, {MESSAGE_DUE, MESSAGE_DEAD},  {MESSAGE_DUE, MESSAGE_DROPPED},
    {MESSAGE_DEAD, MESSAGE_DUE}, {MESSAGE_DEAD, MESSAGE_SENT}, {MESSAGE_DEAD, MESSAGE_DROPPED},
};
const struct sm message_states = {"message", edges, ARRAY_LEN(edges)};

bool message_of_hold(const char *kind)
{
    return strcmp(kind, MESSAGE_CONFIRM) == 0 || strcmp(kind, MESSAGE_REVERSE) == 0;
}

int message_insert(struct fold *f, int64_t txn, int64_t at_ms, const struct op_message *m)
{
    int64_t id = ident_next(f->site.last_message, at_ms, f->site.shard);
    f->site.last_message = id;
    f->site.dirty = true;
    f->outbox++;
    struct db_q q;
    db_q(&q, f->db,
         "INSERT INTO outbox (shard, " ROW_MESSAGE ", doc) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, "
         "0, '', CAST(?9 AS TEXT))");
    db_put_i64(&q, f->site.shard);
    db_put_i64(&q, id);
    db_put_i64(&q, txn);
    db_put_i64(&q, at_ms);
    db_put_i64(&q, MESSAGE_DUE);
    db_put_text(&q, m->to);
    db_put_text(&q, m->kind);
    db_put_text(&q, m->citizen);
    db_put_blob(&q, m->doc.len ? m->doc.text : "", m->doc.len);
    return db_end(&q);
}

int messages_insert(struct fold *f, const struct op_intent *in, int64_t at_ms)
{
    int rc = 0;
    for (unsigned i = 0; i < in->message_count && !rc; i++)
        rc = message_insert(f, in->txn, at_ms, &in->messages[i]);
    return rc;
}

static WORKER_FN int message_load(struct fold *f, int64_t id, struct message_row *ret)
{
    struct db_q q;
    db_q(&q, f->db, "SELECT " ROW_MESSAGE " FROM outbox WHERE id = ?1 AND shard = ?2");
    db_put_i64(&q, id);
    db_put_i64(&q, f->site.shard);
    bool found = db_row(&q);
    if (found)
        row_message(&q, ret);
    int rc = db_end(&q);
    return rc ? rc : found ? 0 : OC_ENOENT;
}

int prepare_message(struct fold *f, struct ledger_op *op)
{
    const struct op_message_end *e = &op->message;
    char id[IDENT_TEXT];
    struct message_row m;
    if (!message_state_name(e->to))
        return prepare_invalid(op, "no such thing happens to a message");
    int rc = message_load(f, e->message, &m);
    if (rc)
        return rc == OC_ENOENT ? prepare_missing(op, "message", ident_text(e->message, id)) : rc;
    op->message.anew = e->to == MESSAGE_DUE;
    if (sm_allowed(&message_states, m.state, e->to))
        return 0;
    snprintf(op->detail, sizeof op->detail, "the message is %s", message_state_name(m.state));
    return OC_ESTATE;
}

static WORKER_FN int message_leave(struct fold *f, const struct message_row *m)
{
    struct db_q q;
    db_q(&q, f->db, "DELETE FROM outbox WHERE id = ?1 AND state = ?2");
    db_put_i64(&q, m->id);
    db_put_i64(&q, m->state);
    int rc = db_end(&q);
    f->outbox--;
    return rc ? rc : db_changes(f->db) == 1 ? 0 : OC_EINTERNAL;
}

static WORKER_FN int message_stay(struct fold *f, const struct message_row *m,
                                  const struct op_message_end *e, int64_t at_ms)
{
    struct db_q q;
    db_q(&q, f->db,
         "UPDATE outbox SET state = ?3, tries = ?4, note = ?5, due_ms = ?6 WHERE id = ?1 AND state "
         "= ?2");
    db_put_i64(&q, m->id);
    db_put_i64(&q, m->state);
    db_put_i64(&q, e->to);
    db_put_i64(&q, e->tries);
    db_put_text(&q, e->note);
    db_put_i64(&q, e->anew ? at_ms : m->due_ms);
    int rc = db_end(&q);
    return rc ? rc : db_changes(f->db) == 1 ? 0 : OC_EINTERNAL;
}

/* Operators learn what went no further. */
static WORKER_FN int tell(struct fold *f, const struct message_row *m, const struct ledger_op *op)
{
    uint8_t to = op->message.to;
    if (to != MESSAGE_DEAD && to != MESSAGE_DROPPED)
        return 0;
    char text[160], id[IDENT_TEXT];
    snprintf(text, sizeof text, "%s: %s to %s after %u tries", ident_text(m->id, id), m->kind,
             m->to, op->message.tries);
    const struct event_at at = {op->at_ms, 0, m->txn, ""};
    return fold_event(f, &at, to == MESSAGE_DEAD ? "message_dead" : "message_dropped", text);
}

int apply_message(struct fold *f, const struct ledger_op *op)
{
    const struct op_message_end *e = &op->message;
    struct message_row m;
    int rc = message_load(f, e->message, &m);
    if (rc)
        return rc == OC_ENOENT ? OC_EINTERNAL : rc;
    if (!sm_allowed(&message_states, m.state, e->to))
        return OC_EINTERNAL;
    bool leaves = e->to == MESSAGE_SENT || e->to == MESSAGE_DROPPED;
    rc = leaves ? message_leave(f, &m) : message_stay(f, &m, e, op->at_ms);
    if (!rc && leaves && message_of_hold(m.kind))
        rc = hold_told(f, m.txn, e->to == MESSAGE_SENT, e->note, op->at_ms);
    return rc ? rc : tell(f, &m, op);
}
