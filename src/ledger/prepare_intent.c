/* May this transaction happen? One function a question, asked in the order of the table at the end;
 * the first that refuses gives the reason. Whether the same request was here before comes first: a
 * repeated request must get its first answer even when that answer left the card in doubt. */
#include "ledger/fold.h"
#include <stdlib.h>

#define AMOUNT_MAX INT64_C(10000000000000)

struct asked {
    struct fold *f;
    struct ledger_op *op;
    struct op_intent *in;
    struct card_full card;
    struct terminal_full terminal;
    bool chip;              /* the plan moves the chip */
    bool waits;             /* an outcome follows: the chip or an institution is asked first */
    bool refund_to_account; /* owed to the holder whatever became of the card */
};

static int malformed(struct asked *a, const char *why)
{
    snprintf(a->op->detail, sizeof a->op->detail, "%s", why);
    return OC_EINVAL;
}

/* ---- form: what a right program never gets wrong ---- */

static int legs_form(struct asked *a)
{
    const struct op_intent *in = a->in;
    fen_t sum = 0;
    for (unsigned i = 0; i < in->leg_count; i++) {
        const struct leg *leg = &in->legs[i];
        if (!acct_kind_name(leg->kind) || leg->amount > AMOUNT_MAX || leg->amount < -AMOUNT_MAX)
            return malformed(a, "a leg's account or amount is not possible");
        if (leg_on_card(leg) && (!in->card || leg->owner[0]))
            return malformed(a, "purse and pending load are the card's own");
        if (leg->kind == ACCT_IN_TRANSIT || leg->kind == ACCT_SUSPENSE)
            return malformed(a, "doubts are the ledger's own accounts");
        sum += leg->amount;
    }
    if (sum != 0)
        return malformed(a, "the legs do not sum to zero");
    fen_t want = in->plan_kind == OC_PLAN_DEBIT    ? -in->amount
                 : in->plan_kind == OC_PLAN_CREDIT ? in->amount
                                                   : 0;
    if (legs_purse(in->legs, in->leg_count) != want)
        return malformed(a, "the purse's leg is not what the chip moves");
    return 0;
}

static bool same_record(const struct op_record *x, const struct op_record *y)
{
    return strcmp(x->scope, y->scope) == 0 && strcmp(x->owner, y->owner) == 0 &&
           strcmp(x->key, y->key) == 0;
}

static int records_form(struct asked *a)
{
    const struct op_intent *in = a->in;
    for (unsigned i = 0; i < in->record_count; i++) {
        for (unsigned j = 0; j < i; j++) {
            if (same_record(&in->records[i], &in->records[j]))
                return malformed(a, "the same record twice");
        }
        const struct op_record *r = &in->records[i];
        if (r->remove > 1 || (r->remove && (r->version_read == 0 || r->doc.len)))
            return malformed(a, "only a record that was read can go away, and without a document");
    }
    return 0;
}

static int outside_form(struct asked *a)
{
    const struct op_intent *in = a->in;
    const struct op_hold_plan *h = &in->hold;
    for (unsigned i = 0; i < in->message_count; i++) {
        const struct op_message *m = &in->messages[i];
        if (!m->to[0] || !m->kind[0] || message_of_hold(m->kind))
            return malformed(a, "a message needs a participant and a kind of its own");
    }
    if (h->to[0] ? !h->kind[0] || h->amount < 0 || h->amount > AMOUNT_MAX
                 : h->kind[0] || h->amount || h->doc.len || h->expect.len)
        return malformed(a, "a hold needs a participant, a kind and a possible amount");
    return 0;
}

static int slot_form(struct asked *a)
{
    const struct op_slot_plan *s = &a->in->slot;
    if (s->app[0] ? !a->in->card : s->category[0] || s->from || s->to)
        return malformed(a, "a slot is one of the transaction's card");
    if ((s->from && !date_valid(s->from)) || (s->to && (!date_valid(s->to) || s->to < s->from)))
        return malformed(a, "the slot's days are not possible");
    return 0;
}

static int concerned_form(struct asked *a)
{
    return concern_reckon(a->in) ? malformed(a, "too many citizens in one transaction") : 0;
}

static int note_form(struct asked *a)
{
    const struct op_intent *in = a->in;
    if (in->plan_kind != OC_PLAN_NOTE || (!in->amount && !in->leg_count && !in->refund))
        return 0;
    return malformed(a, "a note moves nothing");
}

static int ask_form(struct asked *a)
{
    const struct op_intent *in = a->in;
    if (in->plan_kind < OC_PLAN_DEBIT || in->plan_kind > OC_PLAN_NOTE)
        return malformed(a, "no such kind of plan");
    if (in->amount < 0 || in->amount > AMOUNT_MAX || in->gross < 0 || in->gross > AMOUNT_MAX)
        return malformed(a, "the amount is not possible");
    if (!date_valid(in->business_date))
        return malformed(a, "the business date is not possible");
    if (in->refund && (in->plan_kind == OC_PLAN_DEBIT || in->amount == 0))
        return malformed(a, "a refund gives something back");
    bool beside = in->request_no == REQUEST_NONE && in->plan_kind == OC_PLAN_NOTE;
    int rc = beside ? 0 : prepare_request_no(a->op, in->request_no);
    if (!rc)
        rc = legs_form(a);
    if (!rc)
        rc = note_form(a);
    if (!rc)
        rc = records_form(a);
    if (!rc)
        rc = slot_form(a);
    if (!rc)
        rc = concerned_form(a);
    return rc ? rc : outside_form(a);
}

/* ---- the questions ---- */

/* The same card tapped again within one dialogue: the second attempt names the first, which came to
 * nothing, and takes over its request's number. */
static WORKER_FN int ask_request(struct asked *a)
{
    struct op_intent *in = a->in;
    int64_t first = 0;
    int rc = prepare_request(a->f, a->op, in->terminal, in->request_no, in->request_hash, &first);
    if (rc != OC_EEXIST)
        return rc;
    struct txn_full t = {0};
    if (first == in->link && !in->refund) {
        int err = txn_load(a->f, first, &t);
        if (err)
            return err;
    }
    if (t.state == OC_TXN_VOIDED)
        return 0;
    in->txn = first;
    return OC_EEXIST;
}

static WORKER_FN int ask_card(struct asked *a)
{
    if (!a->in->card)
        return a->chip ? refuse(a->op, OC_R_UNKNOWN_CARD, "no card") : 0;
    int rc = card_load(a->f, a->in->card, &a->card);
    return rc == OC_ENOENT ? refuse(a->op, OC_R_UNKNOWN_CARD, "no such card") : rc;
}

static int ask_state(struct asked *a)
{
    static const uint8_t reasons[] = {
        [CARD_ISSUED] = OC_R_NOT_ACTIVE,   [CARD_ACTIVE] = OC_R_NONE,
        [CARD_SUSPENDED] = OC_R_SUSPENDED, [CARD_LOST] = OC_R_LOST,
        [CARD_BLOCKED] = OC_R_BLOCKED,     [CARD_CANCELLED] = OC_R_CANCELLED,
    };
    uint8_t state = a->card.r.state;
    if (!a->in->card || (a->refund_to_account && state != CARD_CANCELLED))
        return 0;
    uint8_t reason = state < ARRAY_LEN(reasons) ? reasons[state] : OC_R_NOT_ACTIVE;
    return reason ? refuse(a->op, reason, "card is %s", card_state_name(state)) : 0;
}

static int ask_deny(struct asked *a)
{
    if (!a->in->card || a->refund_to_account || !a->card.r.deny_action)
        return 0;
    return refuse(a->op, OC_R_DENIED, a->card.r.deny_action == 2 ? "lock" : "refuse");
}

static int ask_validity(struct asked *a)
{
    const struct card_row *c = &a->card.r;
    date_t day = a->in->business_date;
    char text[11];
    if (!a->in->card || a->refund_to_account)
        return 0;
    if (c->valid_from && day < c->valid_from)
        return refuse(a->op, OC_R_NOT_YET_VALID, "valid from %s", date_text(c->valid_from, text));
    if (c->valid_to && day > c->valid_to)
        return refuse(a->op, OC_R_EXPIRED, "valid until %s", date_text(c->valid_to, text));
    return 0;
}

/* What the house books itself, as what the bank has paid: nobody stood at a terminal. Who asked
 * for it stands in the operation (R20). */
static bool house(const struct asked *a)
{
    const struct op_intent *in = a->in;
    return !a->waits && !in->card && !in->terminal[0] && !in->participant[0] &&
           strncmp(in->service, LEDGER_HOUSE, sizeof LEDGER_HOUSE - 1) == 0;
}

static WORKER_FN int ask_terminal(struct asked *a)
{
    struct op_intent *in = a->in;
    if (house(a))
        return 0;
    int rc = terminal_load(a->f, in->terminal, &a->terminal);
    if (rc)
        return rc == OC_ENOENT ? refuse(a->op, OC_R_TERMINAL_UNKNOWN, "%s", in->terminal) : rc;
    const struct terminal_row *t = &a->terminal.r;
    if (t->t.closed)
        return refuse(a->op, OC_R_NOT_OPEN, "%s", in->terminal);
    if (strcmp(t->t.participant, in->participant) != 0)
        return refuse(a->op, OC_R_TERMINAL_MAY_NOT, "the terminal is of participant %s",
                      t->t.participant);
    struct participant_row p;
    rc = participant_load(a->f, in->participant, &p);
    if (rc)
        return rc == OC_ENOENT
                   ? refuse(a->op, OC_R_TERMINAL_MAY_NOT, "no participant %s", in->participant)
                   : rc;
    return p.closed ? refuse(a->op, OC_R_NOT_OPEN, "participant %s is closed", in->participant) : 0;
}

/* R10: the number that goes into MACs is the one of the SAM that is in the terminal now. */
static int ask_sam(struct asked *a)
{
    const struct terminal_row *t = &a->terminal.r;
    if (!a->chip)
        return 0;
    if (t->next_seq == 0) /* no row of a SAM: its number is zeros */
        return refuse(a->op, OC_R_SAM_UNKNOWN, "terminal %s has no SAM", t->t.id);
    if (memcmp(t->t.sam, a->in->sam, OC_SAM_LEN) != 0)
        return refuse(a->op, OC_R_SAM_UNKNOWN, "another SAM is in terminal %s", t->t.id);
    if (a->in->plan_kind == OC_PLAN_DEBIT && t->next_seq == UINT32_MAX)
        return refuse(a->op, OC_R_SAM_UNKNOWN, "the SAM's sequence is used up");
    return 0;
}

static int ask_doubt(struct asked *a)
{
    char id[IDENT_TEXT];
    if (!a->chip || !a->card.r.open_txn)
        return 0;
    return refuse(a->op, OC_R_DOUBT_OPEN, "transaction %s", ident_text(a->card.r.open_txn, id));
}

/* Only after a restore: what the card did last may be this very request, answered by the lost ledger.
 * Whoever asks hears it once, looks, and asks under a new number. */
static int ask_lost(struct asked *a)
{
    if (!a->chip || !seen_ahead(&a->card, &a->in->seen))
        return 0;
    return refuse(a->op, OC_R_RECORDS_LOST, "the books end at counters %u and %u",
                  a->card.due_online, a->card.due_offline);
}

static int ask_counter(struct asked *a)
{
    if (!a->chip || a->in->counter != UINT16_MAX)
        return 0;
    return refuse(a->op, OC_R_COUNTER_MAX,
                  a->in->plan_kind == OC_PLAN_DEBIT ? "offline counter" : "online counter");
}

static WORKER_FN int ask_records(struct asked *a)
{
    for (unsigned i = 0; i < a->in->record_count; i++) {
        const struct op_record *r = &a->in->records[i];
        uint32_t version;
        int64_t held_by;
        int rc = record_look(a->f, r, &version, &held_by);
        if (rc)
            return rc;
        if (version != r->version_read || held_by)
            return refuse(a->op, OC_R_STALE, "%s/%s is at %u, read at %u%s", r->scope, r->key,
                          version, r->version_read,
                          held_by ? ", held by another transaction" : "");
    }
    return 0;
}

/* R20: what was sealed before an erasure and comes after it could never be opened, nor delivered,
 * and would outlive what it belongs to. `asked`: the one before, most plans are about one citizen.
 */
static WORKER_FN int ask_not_erased(struct asked *a, const char *citizen, const char **asked)
{
    bool erased = false;
    if (strcmp(citizen, *asked) == 0)
        return 0;
    *asked = citizen;
    int rc = citizen_erased(a->f, citizen, ERASE_DOCUMENTS, &erased);
    return rc ? rc : erased ? refuse(a->op, OC_R_ERASED, "%s", citizen) : 0;
}

static WORKER_FN int ask_citizens(struct asked *a)
{
    static const char of[] = "citizen:";
    const struct op_intent *in = a->in;
    const char *asked = "";
    int rc = 0;
    for (unsigned i = 0; i < in->record_count && !rc; i++) {
        const char *owner = in->records[i].owner;
        if (strncmp(owner, of, sizeof of - 1) == 0)
            rc = ask_not_erased(a, owner + sizeof of - 1, &asked);
    }
    for (unsigned i = 0; i < in->message_count && !rc; i++)
        rc =
            ask_not_erased(a, in->messages[i].citizen[0] ? in->messages[i].citizen : asked, &asked);
    return rc;
}

/* Who is told must be somebody: a message to a name that was mistyped would lie here unseen until it
 * dies. */
static WORKER_FN int ask_recipients(struct asked *a)
{
    struct participant_row p;
    int rc = 0;
    for (unsigned i = 0; i < a->in->message_count && !rc; i++) {
        rc = participant_load(a->f, a->in->messages[i].to, &p);
        if (rc == OC_ENOENT)
            rc = refuse(a->op, OC_R_PARAMETER, "there is no participant \"%s\" to be told",
                        a->in->messages[i].to);
    }
    return rc;
}

static int ask_limits(struct asked *a)
{
    return limits_ask(&a->card.r, &a->terminal, a->op);
}

/* R6: what follows a transaction and gives back takes from what is left of it. */
static WORKER_FN int ask_original(struct asked *a)
{
    return refund_ask(a->f, a->op);
}

static bool same_account(const struct leg *x, const struct leg *y)
{
    return x->kind == y->kind && strcmp(x->owner, y->owner) == 0;
}

static fen_t debits_up_to(const struct op_intent *in, unsigned last)
{
    fen_t sum = 0;
    for (unsigned i = 0; i <= last; i++) {
        if (in->legs[i].amount < 0 && same_account(&in->legs[i], &in->legs[last]))
            sum -= in->legs[i].amount;
    }
    return sum;
}

static WORKER_FN int ask_leg(struct asked *a, unsigned i)
{
    const struct leg *leg = &a->in->legs[i];
    fen_t debits = debits_up_to(a->in, i);
    if (leg->kind == ACCT_PENDING_LOAD) {
        fen_t left = a->card.r.pending_load - a->card.r.pending_load_reserved;
        return debits > left ? refuse(a->op, OC_R_FUNDS, "pending load: %lld fen", (long long)left)
                             : 0;
    }
    int rc = 0;
    const struct hot_account *h = hot_account(a->f, leg->kind, leg->owner, &rc);
    if (!h)
        return rc;
    const struct account_row *r = &h->row;
    if (r->floor == INT64_MIN)
        return 0;
    fen_t left = r->credits_posted - r->debits_posted - r->debits_pending - r->floor;
    if (debits <= left)
        return 0;
    return refuse(a->op, r->kind == ACCT_LOAD_RECEIVABLE ? OC_R_LOAD_QUOTA : OC_R_FUNDS,
                  "%s %s: %lld fen", acct_kind_name(r->kind), r->owner, (long long)left);
}

/* A purse debit is never refused for its balance: whether the money is there the chip decides (R1).
 */
static WORKER_FN int ask_funds(struct asked *a)
{
    for (unsigned i = 0; i < a->in->leg_count; i++) {
        const struct leg *leg = &a->in->legs[i];
        int rc = leg->amount < 0 && leg->kind != ACCT_PURSE ? ask_leg(a, i) : 0;
        if (rc)
            return rc;
    }
    return 0;
}

static int ask_ceiling(struct asked *a)
{
    const struct card_row *c = &a->card.r;
    const struct op_intent *in = a->in;
    if (in->plan_kind != OC_PLAN_CREDIT || c->ceiling == 0)
        return 0;
    fen_t books = c->purse + c->purse_credits_pending;
    fen_t chip = in->seen.has & SEEN_BALANCE ? in->seen.balance : 0;
    fen_t before = books > chip ? books : chip;
    if (before + in->amount <= c->ceiling)
        return 0;
    return refuse(a->op, OC_R_OVER_CEILING, "%lld fen and %lld more, at most %lld",
                  (long long)before, (long long)in->amount, (long long)c->ceiling);
}

typedef int (*ask_fn)(struct asked *a);
static const ask_fn questions[] = {
    ask_form,     ask_request,  ask_card,  ask_state,   ask_deny,     ask_validity,
    ask_terminal, ask_sam,      ask_doubt, ask_lost, ask_counter, ask_citizens, ask_records,
    ask_recipients, ask_limits, ask_original, ask_funds, ask_ceiling,
};

static date_t later(date_t x, date_t y)
{
    return x > y ? x : y;
}

static void allot(struct asked *a)
{
    struct op_intent *in = a->in;
    in->reckoned = 1;
    in->counted = limits_counted(in);
    in->card_day = limits_count_card(in) ? later(in->business_date, a->card.r.day) : 0;
    in->terminal_day = later(in->business_date, a->terminal.day);
    in->txn = ident_next(a->f->site.last_txn, a->op->at_ms, a->f->site.shard);
    in->terminal_seq = in->plan_kind == OC_PLAN_DEBIT ? a->terminal.r.next_seq : 0;
    in->clearing_date = a->waits ? 0 : a->f->day.date;
    if (in->request_no == 0)
        in->request_no = a->terminal.r.next_request;
    else if (in->request_no == REQUEST_NONE)
        in->request_no = 0;
    for (unsigned i = 0; i < in->record_count; i++)
        in->records[i].version_new = in->records[i].version_read ? 0 : record_first_version(a->f);
}

int prepare_intent(struct fold *f, struct ledger_op *op)
{
    struct asked *a = calloc(1, sizeof *a);
    if (!a)
        return OC_ENOMEM;
    *a = (struct asked){.f = f, .op = op, .in = &op->intent};
    a->chip = a->in->plan_kind == OC_PLAN_DEBIT || a->in->plan_kind == OC_PLAN_CREDIT;
    a->waits = a->chip || a->in->hold.to[0];
    a->refund_to_account = a->in->plan_kind == OC_PLAN_ACCOUNT && a->in->refund;
    int rc = 0;
    for (size_t i = 0; i < ARRAY_LEN(questions) && !rc; i++)
        rc = questions[i](a);
    if (!rc)
        allot(a);
    free(a);
    return rc;
}
