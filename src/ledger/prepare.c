/* Decides whether an operation may happen and allots what it needs. Reads tables and hot rows,
 * writes nothing: an operation that is refused leaves no trace, so a batch goes on without it.
 * Everything that can be refused is refused here (R2). */
#include "ledger/fold.h"
#include "ledger/op_table.h"
#include <stdarg.h>

#define REQUEST_MAX (INT64_C(1) << 53)

int refuse(struct ledger_op *op, enum oc_reason reason, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(op->detail, sizeof op->detail, fmt, ap);
    va_end(ap);
    op->reason = (uint8_t)reason;
    return OC_EREFUSED;
}

int prepare_missing(struct ledger_op *op, const char *what, const char *id)
{
    snprintf(op->detail, sizeof op->detail, "no such %s: %s", what, id);
    return OC_ENOENT;
}

int prepare_invalid(struct ledger_op *op, const char *why)
{
    snprintf(op->detail, sizeof op->detail, "%s", why);
    return OC_EINVAL;
}

int prepare_request_no(struct ledger_op *op, int64_t request_no)
{
    if (request_no >= 0 && request_no <= REQUEST_MAX)
        return 0;
    return refuse(op, OC_R_PARAMETER, "a request number is 1 to %lld, not %lld",
                  (long long)REQUEST_MAX, (long long)request_no);
}

int prepare_request(struct fold *f, struct ledger_op *op, const char *terminal, int64_t request_no,
                    const uint8_t hash[16], int64_t *ret_txn)
{
    if (request_no <= 0)
        return 0;
    struct txn_full first;
    int rc = txn_by_request(f, terminal, request_no, &first);
    if (rc)
        return rc == OC_ENOENT ? 0 : rc;
    if (memcmp(first.request_hash, hash, sizeof first.request_hash) == 0) {
        *ret_txn = first.id;
        return OC_EEXIST;
    }
    char id[IDENT_TEXT];
    snprintf(op->detail, sizeof op->detail, "request %lld of this terminal was transaction %s",
             (long long)request_no, ident_text(first.id, id));
    op->reason = OC_R_CONFLICT;
    return OC_ECONFLICT;
}

static int prepare_site(struct fold *f, struct ledger_op *op)
{
    (void)f;
    const struct op_site *s = &op->site;
    if (!date_valid(s->first_day) || s->city_offset_min < -1440 || s->city_offset_min > 1440)
        return prepare_invalid(op, "the site's first day or offset is not possible");
    return 0;
}

static int prepare_participant(struct fold *f, struct ledger_op *op)
{
    (void)f;
    const struct op_participant *p = &op->participant;
    if (!p->id[0] || p->load_quota < 0 || p->closed > 1)
        return prepare_invalid(op, "a participant needs an id and a quota of zero or more");
    return 0;
}

static WORKER_FN int prepare_terminal(struct fold *f, struct ledger_op *op)
{
    struct op_terminal *t = &op->terminal;
    if (!t->id[0] || t->closed > 1)
        return prepare_invalid(op, "a terminal needs an id");
    struct participant_row p;
    int rc = participant_load(f, t->participant, &p);
    return rc == OC_ENOENT ? prepare_missing(op, "participant", t->participant) : rc;
}

static int prepare_key(struct fold *f, struct ledger_op *op)
{
    (void)f;
    return op->key.sealed_len ? 0 : prepare_invalid(op, "a key must be sealed");
}

/* An issue that was torn: the row stands, the chip was perhaps never finished, nothing happened
 * with it since. Issuing it again is issuing the same card. */
static WORKER_FN int issue_again(struct fold *f, struct ledger_op *op, const struct card_full *have)
{
    bool again = false;
    const struct op_card_add *a = &op->card_add;
    int rc = a->registered || a->fresh ? 0 : card_untouched(f, have, &again);
    if (rc)
        return rc;
    if (!again)
        return refuse(op, OC_R_CARD_EXISTS, "state %s", card_state_name(have->r.state));
    op->card_add.card = have->r.id;
    return 0;
}

static WORKER_FN int prepare_card_add(struct fold *f, struct ledger_op *op)
{
    struct op_card_add *a = &op->card_add;
    if (a->state != CARD_ISSUED && a->state != CARD_ACTIVE)
        return prepare_invalid(op, "a new card is issued or active");
    if (!card_kind_name(a->kind) || a->ceiling < 0)
        return prepare_invalid(op, "a card is anonymous or named, its ceiling zero or more");
    struct card_full have;
    int rc = card_by_serial(f, a->issuer, a->serial, &have);
    if (rc == 0)
        return issue_again(f, op, &have);
    if (rc != OC_ENOENT)
        return rc;
    a->card = ident_next(f->site.last_card, op->at_ms, f->site.shard);
    return 0;
}

static WORKER_FN int find_card(struct fold *f, struct ledger_op *op, int64_t id,
                               struct card_full *ret)
{
    char text[IDENT_TEXT];
    int rc = card_load(f, id, ret);
    return rc == OC_ENOENT ? prepare_missing(op, "card", ident_text(id, text)) : rc;
}

static WORKER_FN int prepare_card_state(struct fold *f, struct ledger_op *op)
{
    const struct op_card_state *s = &op->card_state;
    if (!card_state_name(s->to))
        return prepare_invalid(op, "no such card state");
    struct card_full c;
    int rc = find_card(f, op, s->card, &c);
    if (rc)
        return rc;
    if (s->to == CARD_LOST && c.r.kind == CARD_ANONYMOUS)
        return refuse(op, OC_R_ANONYMOUS, "unnamed card");
    if (!sm_allowed(&card_states, c.r.state, s->to))
        return refuse(op, OC_R_CARD_STATE, "%s to %s", card_state_name(c.r.state),
                      card_state_name(s->to));
    if (s->to == CARD_ACTIVE && c.r.replaced_by)
        return refuse(op, OC_R_CARD_STATE, "it was replaced: its purse went to another card");
    return 0;
}

static WORKER_FN int prepare_slot(struct fold *f, struct ledger_op *op)
{
    if (!op->slot.app[0])
        return prepare_invalid(op, "a slot needs its application's name");
    struct card_full c;
    struct op_record *r = &op->slot.record;
    uint32_t version = 0;
    int64_t held_by = 0;
    int rc = find_card(f, op, op->slot.card, &c);
    if (rc || !r->scope[0])
        return rc;
    rc = record_look(f, r, &version, &held_by);
    if (rc)
        return rc;
    if (r->remove || version != r->version_read || held_by)
        return refuse(op, OC_R_STALE, "%s/%s changed meanwhile", r->scope, r->key);
    r->version_new = version ? 0 : record_first_version(f);
    return 0;
}

static WORKER_FN int prepare_deny(struct fold *f, struct ledger_op *op)
{
    struct op_deny *d = &op->deny;
    if (!d->remove && d->action != 1 && d->action != 2)
        return prepare_invalid(op, "the action is refuse or lock");
    uint8_t action;
    int rc = deny_read(f, d->issuer, d->serial, &action, NULL);
    if (rc)
        return rc;
    if (d->remove && action == 0)
        return prepare_missing(op, "entry", "this card is not on the deny list");
    d->epoch = f->site.deny_epoch + 1;
    return 0;
}

/* R5: what the card answered to the command stays in sight while it is asked again: an outcome that
 * brings no verdict takes over the one before, so that the last journal row tells all. */
static WORKER_FN int keep_evidence(struct fold *f, const struct txn_full *t, struct op_outcome *o)
{
    if (t->state != OC_TXN_IN_DOUBT || o->to != OC_TXN_IN_DOUBT || o->tac_verdict != TAC_NONE)
        return 0;
    int rc = journal_read(f->journal, f->site.shard, t->outcome_seq, &f->intent_bytes, f->intent);
    if (rc)
        return rc == OC_ENOENT || rc == OC_EPARSE || rc == OC_ENOTSUP ? OC_ECHAIN : rc;
    const struct op_outcome *had = &f->intent->outcome;
    if (f->intent->type != LOP_OUTCOME || had->txn != o->txn)
        return OC_EBOOKS;
    o->tac_verdict = had->tac_verdict;
    memcpy(o->mac2, had->mac2, sizeof o->mac2);
    memcpy(o->tac, had->tac, sizeof o->tac);
    if (o->sw == 0)
        o->sw = had->sw;
    return 0;
}

/* R12: nothing posts before the institution holds its part, and without a card command nothing can
 * be in doubt. A right program knows that: the hold's answer is durable before it goes on. */
static WORKER_FN int outcome_hold(struct fold *f, struct ledger_op *op, const struct txn_full *t)
{
    struct hold_row h;
    int rc = hold_load(f, t->id, &h);
    if (rc)
        return rc == OC_ENOENT ? OC_EBOOKS : rc;
    if (op->outcome.to == OC_TXN_POSTED && h.state != HOLD_HELD) {
        snprintf(op->detail, sizeof op->detail, "its hold is %s", hold_state_name(h.state));
        return OC_ESTATE;
    }
    if (op->outcome.to == OC_TXN_IN_DOUBT && t->hold == TXN_HOLD_BOOKS) {
        snprintf(op->detail, sizeof op->detail, "no card was at work");
        return OC_ESTATE;
    }
    return 0;
}

static WORKER_FN int prepare_outcome(struct fold *f, struct ledger_op *op)
{
    struct op_outcome *o = &op->outcome;
    o->clearing_date = 0;
    if (!evidence_name(o->evidence) || o->suspense > 1)
        return prepare_invalid(op, "no such evidence");
    struct txn_full t;
    int rc = txn_load(f, o->txn, &t);
    if (rc && rc != OC_ENOENT)
        return rc;
    if (rc) {
        char id[IDENT_TEXT];
        snprintf(op->detail, sizeof op->detail, "no transaction %s", ident_text(o->txn, id));
        return OC_ESTATE;
    }
    if (!sm_allowed(&txn_states, t.state, o->to)) {
        const char *to = oc_txn_state_name(o->to);
        snprintf(op->detail, sizeof op->detail, "%s to %s is not allowed",
                 oc_txn_state_name(t.state), to ? to : "?");
        return OC_ESTATE;
    }
    rc = t.hold ? outcome_hold(f, op, &t) : 0;
    if (rc)
        return rc;
    if (o->to == OC_TXN_POSTED)
        o->clearing_date = f->day.date;
    return keep_evidence(f, &t, o);
}

static WORKER_FN int prepare_refusal(struct fold *f, struct ledger_op *op)
{
    struct op_refusal *r = &op->refusal;
    int rc = prepare_request_no(op, r->request_no);
    if (!rc && r->reason != OC_R_CONFLICT)
        rc = prepare_request(f, op, r->terminal, r->request_no, r->request_hash, &r->txn);
    struct card_full c;
    if (!rc && r->card)
        rc = find_card(f, op, r->card, &c);
    if (!rc)
        r->txn = ident_next(f->site.last_txn, op->at_ms, f->site.shard);
    return rc;
}

static WORKER_FN int prepare_seen(struct fold *f, struct ledger_op *op)
{
    struct card_full c;
    int rc = find_card(f, op, op->seen.card, &c);
    return !rc && !seen_counts(&c, &op->seen.seen) ? LEDGER_NOTHING : rc;
}

static int prepare_event(struct fold *f, struct ledger_op *op)
{
    (void)f;
    return op->event.item.kind[0] ? 0 : prepare_invalid(op, "an event needs a kind");
}

static int prepare_day_close(struct fold *f, struct ledger_op *op)
{
    struct op_day_close *d = &op->day_close;
    char text[11];
    if (d->date != f->day.date)
        return refuse(op, OC_R_PARAMETER, "the open day is %s", date_text(f->day.date, text));
    d->next = date_add(d->date, 1);
    return 0;
}

static WORKER_FN int prepare_settled(struct fold *f, struct ledger_op *op)
{
    const struct op_settled *s = &op->settled;
    struct day_row d;
    struct db_q q;
    db_q(&q, f->db, "SELECT " ROW_DAY " FROM day WHERE shard = ?1 AND date = ?2");
    db_put_i64(&q, f->site.shard);
    db_put_i64(&q, s->date);
    bool found = db_row(&q);
    if (found)
        row_day(&q, &d);
    int rc = db_end(&q);
    if (rc)
        return rc;
    if (!found || d.state == 1 || s->date == f->day.date)
        return refuse(op, OC_R_PARAMETER, found ? "the day is still open" : "no such day");
    if (d.state == 2)
        return 0;
    if (memcmp(d.manifest_sha256, s->manifest_sha256, sizeof d.manifest_sha256) == 0)
        return LEDGER_NOTHING;
    op->reason = OC_R_CONFLICT;
    snprintf(op->detail, sizeof op->detail, "the day was settled with another manifest");
    return OC_ECONFLICT;
}

typedef int (*prepare_fn)(struct fold *f, struct ledger_op *op);
static const prepare_fn preparers[] = {
    [LOP_SITE] = prepare_site,
    [LOP_PARTICIPANT] = prepare_participant,
    [LOP_TERMINAL] = prepare_terminal,
    [LOP_KEY] = prepare_key,
    [LOP_CARD_ADD] = prepare_card_add,
    [LOP_CARD_STATE] = prepare_card_state,
    [LOP_SLOT] = prepare_slot,
    [LOP_DENY] = prepare_deny,
    [LOP_CITIZEN] = prepare_citizen,
    [LOP_INTENT] = prepare_intent,
    [LOP_OUTCOME] = prepare_outcome,
    [LOP_REFUSAL] = prepare_refusal,
    [LOP_SEEN] = prepare_seen,
    [LOP_EVENT] = prepare_event,
    [LOP_DAY_CLOSE] = prepare_day_close,
    [LOP_SETTLED] = prepare_settled,
    [LOP_RESTORED] = prepare_restored,
    [LOP_AUTHORITY] = prepare_authority,
    [LOP_TERMINAL_KEY] = prepare_terminal_key,
    [LOP_HOLD] = prepare_hold,
    [LOP_MESSAGE] = prepare_message,
    [LOP_ERASED] = prepare_erased,
    [LOP_PARTICIPANT_KEY] = prepare_participant_key,
    [LOP_OFFLINE] = prepare_offline,
    [LOP_REPLACED] = prepare_replaced,
};

int fold_prepare(struct fold *f, struct ledger_op *op, int64_t now_ms)
{
    op->reason = OC_R_NONE;
    op->detail[0] = '\0';
    if (!op_valid(op) || op->type >= ARRAY_LEN(preparers) || !preparers[op->type])
        return prepare_invalid(
            op, "not an operation: unknown type, text without end or count too large");
    if (!op->who[0])
        return prepare_invalid(op, "an operation says who asks for it (R20)");
    if (f->site.exists && op->type == LOP_SITE)
        return OC_EEXIST;
    if (!f->site.exists && op->type != LOP_SITE)
        return OC_ESTATE;
    op->at_ms = now_ms > f->site.last_at_ms ? now_ms : f->site.last_at_ms;
    return preparers[op->type](f, op);
}
