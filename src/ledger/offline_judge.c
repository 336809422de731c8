/* What becomes of an offline terminal's record: one function a question, asked in the order of the
 * table at the end; the first that knows an answer gives it (R16, docs/LEDGER.md). Nothing is
 * written here. */
#include "ledger/offline.h"

#define LOOK_BACK  1024 /* of a card's transactions, so many are looked through for a counter */
#define LOOK_PIECE 64
#define DAY_MS     INT64_C(86400000)

struct judged {
    struct fold *f;
    struct ledger_op *op;
    struct op_offline *o;
    struct card_full card;
    int64_t made_ms; /* the record's time */
};

/* The answer and its words for people; 0, so that no further question is asked. */
static int PRINTF_FN(3, 4) answer(struct judged *j, enum offline_result r, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(j->op->detail, sizeof j->op->detail, fmt, ap);
    va_end(ap);
    j->o->result = (uint8_t)r;
    return 0;
}

static int bcd(uint8_t b)
{
    return (b >> 4) * 10 + (b & 15);
}

static int ask_when(struct judged *j)
{
    struct op_offline *o = j->o;
    int offset = j->f->site.city_offset_min;
    char day[11];
    o->business_date = date_from_bcd(o->card_date);
    j->made_ms =
        city_ms(o->business_date, bcd(o->card_time[0]) * 60 + bcd(o->card_time[1]), offset) +
        bcd(o->card_time[2]) * 1000;
    if (o->business_date > date_add(city_date(j->op->at_ms, offset), 1))
        return answer(j, OFFLINE_IMPOSSIBLE, "dated %s, which is to come",
                      date_text(o->business_date, day));
    if (o->counter == UINT16_MAX)
        return answer(j, OFFLINE_IMPOSSIBLE, "a counter of FFFF ends a card");
    return 0;
}

static WORKER_FN int ask_card(struct judged *j)
{
    struct op_offline *o = j->o;
    char day[11];
    int rc = card_by_serial(j->f, o->issuer, o->serial, &j->card);
    if (rc == OC_ENOENT)
        return answer(j, OFFLINE_UNKNOWN_CARD, "no card of that issuer and serial number");
    if (rc)
        return rc;
    o->card = j->card.r.id;
    if (j->card.r.valid_from && o->business_date < j->card.r.valid_from)
        return answer(j, OFFLINE_IMPOSSIBLE, "dated before the card was valid (%s)",
                      date_text(j->card.r.valid_from, day));
    return 0;
}

/* ---- the SAM (R10) ---- */

static WORKER_FN int sam_at(struct judged *j, const char *sql, int64_t at_ms, bool *ret_found)
{
    struct op_offline *o = j->o;
    struct db_q q;
    db_q(&q, j->f->db, sql);
    db_put_i64(&q, j->f->site.shard);
    db_put_blob(&q, o->sam, sizeof o->sam);
    db_put_i64(&q, at_ms);
    *ret_found = db_row(&q);
    if (*ret_found) {
        db_get_text(&q, o->at_terminal, sizeof o->at_terminal);
        db_get_text(&q, o->participant, sizeof o->participant);
    }
    return db_end(&q);
}

/* What the history does not reach back to: the collector's word counts where it is the terminal
 * that the SAM came into first. */
static WORKER_FN int sam_before(struct judged *j, bool *ret_found)
{
    *ret_found = false;
    if (!j->o->terminal[0])
        return 0;
    int rc =
        sam_at(j,
               "SELECT terminal, participant FROM sam_history WHERE shard = ?1 AND sam = ?2 AND "
               "seq = (SELECT min(seq) FROM sam_history WHERE shard = ?1 AND sam = ?2) AND "
               "from_ms > ?3",
               j->made_ms, ret_found);
    if (!rc && *ret_found && strcmp(j->o->at_terminal, j->o->terminal) != 0)
        *ret_found = false;
    return rc;
}

static WORKER_FN int revoked(struct judged *j, bool *ret)
{
    struct db_q q;
    db_q(&q, j->f->db,
         "SELECT 1 FROM terminal_key WHERE shard = ?1 AND terminal = ?2 AND revoked = 1 AND "
         "changed_ms <= ?3");
    db_put_i64(&q, j->f->site.shard);
    db_put_text(&q, j->o->at_terminal);
    db_put_i64(&q, j->made_ms);
    *ret = db_row(&q);
    return db_end(&q);
}

static WORKER_FN int ask_sam(struct judged *j)
{
    struct op_offline *o = j->o;
    bool found, gone = false;
    int rc =
        sam_at(j,
               "SELECT terminal, participant FROM sam_history WHERE shard = ?1 AND sam = ?2 AND "
               "from_ms <= ?3 AND (to_ms = 0 OR to_ms > ?3) ORDER BY seq DESC LIMIT 1",
               j->made_ms, &found);
    if (!rc && !found)
        rc = sam_before(j, &found);
    if (rc)
        return rc;
    if (!found) {
        o->at_terminal[0] = o->participant[0] = '\0';
        return answer(j, OFFLINE_SAM_UNKNOWN, "this SAM was in no terminal then");
    }
    if (o->terminal[0] && strcmp(o->terminal, o->at_terminal) != 0)
        return answer(j, OFFLINE_SAM_MISMATCH, "the SAM was in terminal %s then", o->at_terminal);
    rc = revoked(j, &gone);
    if (!rc && gone)
        return answer(j, OFFLINE_SAM_UNKNOWN, "terminal %s was revoked before", o->at_terminal);
    return rc;
}

static int ask_tac(struct judged *j)
{
    return j->o->tac_verdict == TAC_WRONG
               ? answer(j, OFFLINE_TAC_WRONG, "not the TAC of this card's key")
               : 0;
}

/* ---- the counter ---- */

static bool same_sam(const struct op_intent *in, const struct op_offline *o)
{
    return in->terminal_seq == o->sam_seq && memcmp(in->sam, o->sam, sizeof in->sam) == 0;
}

static bool same_numbers(const struct op_intent *in, const struct op_offline *o)
{
    return same_sam(in, o) && in->counter == o->counter && in->amount == o->amount &&
           in->card_type == o->type &&
           memcmp(in->card_date, o->card_date, sizeof in->card_date) == 0 &&
           memcmp(in->card_time, o->card_time, sizeof in->card_time) == 0;
}

static WORKER_FN int ask_open(struct judged *j)
{
    struct txn_full t;
    if (!j->card.r.open_txn)
        return 0;
    int rc = txn_load(j->f, j->card.r.open_txn, &t);
    if (!rc)
        rc = txn_intent(j->f, &t);
    const struct op_intent *in = &j->f->intent->intent;
    if (rc || in->plan_kind != OC_PLAN_DEBIT || !same_sam(in, j->o))
        return rc;
    char id[IDENT_TEXT];
    if (!same_numbers(in, j->o))
        return answer(j, OFFLINE_CONFLICTING, "open transaction %s has its SAM sequence",
                      ident_text(t.id, id));
    if (t.state == OC_TXN_INTENDED)
        return refuse(j->op, OC_R_BUSY, "transaction %s is at work: bring the record again",
                      ident_text(t.id, id));
    if (j->o->tac_verdict == TAC_OK)
        return refuse(j->op, OC_R_DOUBT_OPEN, "transaction %s is this one", ident_text(t.id, id));
    return 0;
}

static WORKER_FN int ask_twin(struct judged *j)
{
    int64_t twin = 0;
    char id[IDENT_TEXT];
    int rc = offline_twin(j->f, j->o, &twin);
    if (rc || !twin)
        return rc;
    return answer(j, OFFLINE_CONFLICTING, "posted transaction %s has its SAM sequence or counter",
                  ident_text(twin, id));
}

struct back {
    int64_t from,
        before; /* ids not below the one, and below the other, are still to be looked at */
    unsigned looked, n;
    struct {
        int64_t id, seq;
    } at[LOOK_PIECE];
};

static WORKER_FN int back_piece(struct judged *j, struct back *b)
{
    struct db_q q;
    db_q(&q, j->f->db,
         "SELECT id, state, intent_seq FROM txn WHERE shard = ?1 AND card = ?2 AND id < ?3 AND id "
         ">= ?5 AND service <> ?6 ORDER BY id DESC LIMIT ?4");
    db_put_i64(&q, j->f->site.shard);
    db_put_i64(&q, j->o->card);
    db_put_i64(&q, b->before);
    db_put_i64(&q, LOOK_PIECE);
    db_put_i64(&q, b->from);
    db_put_text(&q, LEDGER_SERVICE_OFFLINE); /* what came in before costs no reading */
    unsigned rows = 0;
    b->n = 0;
    while (db_row(&q)) {
        b->before = b->at[b->n].id = db_get_i64(&q);
        bool posted = db_get_i64(&q) == OC_TXN_POSTED;
        b->at[b->n].seq = db_get_i64(&q);
        b->n += posted;
        rows++;
    }
    b->looked = rows < LOOK_PIECE ? LOOK_BACK : b->looked + rows;
    return db_end(&q);
}

/* Its words in f->intent. `ret_debit`: it is a debit that was made here. */
static WORKER_FN int back_read(struct judged *j, int64_t seq, bool *ret_debit)
{
    struct fold *f = j->f;
    int rc = journal_read(f->journal, f->site.shard, seq, &f->intent_bytes, f->intent);
    if (rc)
        return rc == OC_ENOENT || rc == OC_EPARSE || rc == OC_ENOTSUP ? OC_ECHAIN : rc;
    *ret_debit = f->intent->type == LOP_INTENT && f->intent->intent.plan_kind == OC_PLAN_DEBIT;
    return 0;
}

enum look { LOOK_ON, LOOK_HERE, LOOK_NONE };
typedef enum look look_fn(const struct op_intent *in, const struct op_offline *o);

/* Counters only rise, so the first below ends it. */
static enum look by_counter(const struct op_intent *in, const struct op_offline *o)
{
    if (in->amount == 0 || in->counter > o->counter)
        return LOOK_ON;
    return in->counter == o->counter ? LOOK_HERE : LOOK_NONE;
}

static enum look by_sam(const struct op_intent *in, const struct op_offline *o)
{
    return same_sam(in, o) ? LOOK_HERE : LOOK_ON;
}

/* The newest of the card's online debits that `look` means; 0: none. */
static WORKER_FN int online(struct judged *j, struct back *b, look_fn *look, int64_t *ret_txn)
{
    *ret_txn = 0;
    while (b->looked < LOOK_BACK) {
        int rc = back_piece(j, b);
        for (unsigned i = 0; i < b->n && !rc; i++) {
            bool debit = false;
            rc = back_read(j, b->at[i].seq, &debit);
            enum look l = rc || !debit ? LOOK_ON : look(&j->f->intent->intent, j->o);
            if (l == LOOK_HERE)
                *ret_txn = b->at[i].id;
            if (l != LOOK_ON)
                return 0;
        }
        if (rc)
            return rc;
    }
    return 0;
}

/* `txn`, whose words are in f->intent, is this record, or has what it claims. */
static int taken(struct judged *j, int64_t txn, const char *what)
{
    char id[IDENT_TEXT];
    if (!same_numbers(&j->f->intent->intent, j->o))
        return answer(j, OFFLINE_CONFLICTING, "transaction %s %s", ident_text(txn, id), what);
    j->o->txn = txn;
    return answer(j, OFFLINE_DUPLICATE, "of transaction %s", ident_text(txn, id));
}

/* No TAC covers the counter, but it covers SAM, sequence, date and time: so a debit that was made
 * here is found whatever counter the record claims. Ids are times. */
static WORKER_FN int ask_online(struct judged *j)
{
    struct back b = {.from = ident_next(0, j->made_ms - DAY_MS, 0),
                     .before = ident_next(0, j->made_ms + DAY_MS, 0)};
    int64_t txn = 0;
    int rc = online(j, &b, by_sam, &txn);
    return rc || !txn ? rc : taken(j, txn, "has its SAM sequence");
}

static WORKER_FN int ask_counter(struct judged *j)
{
    struct op_offline *o = j->o;
    const struct card_full *c = &j->card;
    struct back b = {.before = INT64_MAX};
    int64_t txn = 0;
    if (!o->moves || !(c->due_has & SEEN_OFFLINE) || o->counter >= c->due_offline)
        return 0;
    int rc = online(j, &b, by_counter, &txn);
    if (rc || txn)
        return rc ? rc : taken(j, txn, "used this counter");
    if (c->r.awaiting == 0)
        return answer(j, OFFLINE_IMPOSSIBLE, "counter %u: nothing of this card is awaited below %u",
                      o->counter, c->due_offline);
    o->awaited = 1;
    return 0;
}

static int ask_age(struct judged *j)
{
    char day[11];
    return j->o->oldest && j->o->business_date < j->o->oldest
               ? answer(j, OFFLINE_TOO_LATE, "dated before %s", date_text(j->o->oldest, day))
               : 0;
}

static WORKER_FN int ask_chain(struct judged *j)
{
    struct offline_greys g;
    fen_t lacks = 0;
    bool known = false;
    if (j->o->tac_verdict == TAC_OK)
        return 0;
    int rc = j->o->awaited ? seen_lacks(j->f, &j->card, &lacks, &known) : 0;
    if (!rc && known)
        rc = offline_greys(j->f, j->o, j->card.due_offline, &g);
    if (rc)
        return rc;
    if (known && g.distinct && g.count == j->card.r.awaiting && g.sum == lacks)
        return 0;
    return answer(j, OFFLINE_GREY, "no TAC: counters and balances do not prove it yet");
}

static int ask_denial(struct judged *j)
{
    const struct card_row *c = &j->card.r;
    j->o->result = c->loss_effective_ms && j->made_ms >= c->loss_effective_ms ? OFFLINE_AFTER_DENIAL
                                                                              : OFFLINE_POSTED;
    return 0;
}

typedef int (*ask_fn)(struct judged *j);
static const ask_fn questions[] = {
    ask_when,   ask_card,    ask_sam, ask_tac,   ask_open,   ask_twin,
    ask_online, ask_counter, ask_age, ask_chain, ask_denial,
};

/* ---- its money ---- */

static void leg(struct op_offline *o, enum acct_kind kind, const char *owner, fen_t amount)
{
    if (amount == 0)
        return;
    struct leg *l = &o->legs[o->leg_count++];
    l->kind = (uint8_t)kind;
    snprintf(l->owner, sizeof l->owner, "%s", owner);
    l->amount = amount;
}

/* docs/LEDGER.md has the table: who bears it, and whether the purse still is the chip's mirror. */
static void make_legs(struct judged *j)
{
    struct op_offline *o = j->o;
    bool moved = j->card.r.replaced_by != 0, denied = o->result == OFFLINE_AFTER_DENIAL;
    fen_t left = j->card.r.purse > 0 ? j->card.r.purse : 0;
    fen_t purse = !moved ? o->amount : denied ? 0 : o->amount < left ? o->amount : left;
    fen_t borne = denied ? o->amount : o->amount - purse;
    leg(o, ACCT_PURSE, "", -purse);
    leg(o, ACCT_BEARER, o->bearer, -borne);
    leg(o, ACCT_MERCHANT, o->participant, o->amount);
    leg(o, ACCT_PENDING_LOAD, "", denied && !moved ? o->amount : 0);
}

static bool same_words(const struct op_offline *x, const struct op_offline *y)
{
    return x->amount == y->amount && memcmp(x->card_date, y->card_date, sizeof x->card_date) == 0 &&
           memcmp(x->card_time, y->card_time, sizeof x->card_time) == 0 &&
           memcmp(x->tac, y->tac, sizeof x->tac) == 0;
}

/* Beside one that stands there: a final one is never touched, a held one only by what is better. */
static void compare(struct judged *j, const struct op_offline *had, bool *ret_same)
{
    struct op_offline *o = j->o;
    bool same = same_words(o, had);
    if (offline_final(had->result)) {
        char id[IDENT_TEXT];
        (void)answer(j, same ? OFFLINE_DUPLICATE : OFFLINE_CONFLICTING,
                     "posted as transaction %s%s", ident_text(had->txn, id),
                     same ? "" : " with another content");
        o->txn = had->txn;
        *ret_same = true;
    } else if (!same && !offline_final(o->result)) {
        (void)answer(j, OFFLINE_CONFLICTING, "held already with another content (%s)",
                     offline_result_name(had->result));
        *ret_same = true;
    } else {
        *ret_same = same && had->result == o->result && had->tac_verdict == o->tac_verdict &&
                    strcmp(had->terminal, o->terminal) == 0;
    }
}

static void clear_decided(struct op_offline *o)
{
    o->result = o->posts = o->awaited = o->leg_count = o->unchanged = 0;
    o->card = o->txn = 0;
    o->business_date = o->clearing_date = 0;
    o->at_terminal[0] = o->participant[0] = '\0';
}

int offline_judge(struct fold *f, struct ledger_op *op, bool *ret_same)
{
    struct judged j = {.f = f, .op = op, .o = &op->offline};
    struct offline_row had;
    clear_decided(j.o);
    *ret_same = false;
    int rc = offline_load(f, j.o, &had);
    bool there = rc == 0;
    if (rc && rc != OC_ENOENT)
        return rc;
    if (there && offline_final(had.o.result)) {
        compare(&j, &had.o, ret_same);
        j.o->card = had.o.card;
        return 0;
    }
    rc = 0;
    for (size_t i = 0; i < ARRAY_LEN(questions) && !rc && !j.o->result; i++)
        rc = questions[i](&j);
    if (rc)
        return rc;
    if (there)
        compare(&j, &had.o, ret_same);
    /* One that an online transaction has and that never stood here leaves nothing. */
    if (!there && j.o->result == OFFLINE_DUPLICATE)
        *ret_same = true;
    if (*ret_same || (j.o->result != OFFLINE_POSTED && j.o->result != OFFLINE_AFTER_DENIAL)) {
        j.o->awaited = 0;
        return 0;
    }
    j.o->posts = 1;
    make_legs(&j);
    return 0;
}
