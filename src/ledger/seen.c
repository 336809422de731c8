/* R1, the law of the purse: chip balance = purse account - offline debits not yet received ± open
 * doubts.
 *
 * The card's row holds what the chip showed last, and apart from it what the books expect (due_…):
 * the counters at which every transaction so far is either ours and decided, or counted in
 * `awaiting`; and whether the purse has a baseline, that is: whether the balance it began with is
 * known. A card issued here has one. One that came from elsewhere gets it with the opening that its
 * registration states, else when it is first seen as a card that proved itself (R9), else with the
 * first transaction of its that posts. Before that no view of it changes anything: anybody can show
 * a chip that says a number and a balance.
 *
 * Comparing what is shown with what is due gives:
 *   offline counter ahead by n     records to come, but for those that came before the gap was seen:
 *                                  awaiting += n less these, event "awaiting_records"
 *   … by 1 after a ride for nothing, and the balance is the purse: the ride moved it, no gap
 *   offline counter behind         alarm 2, event "offline_counter_back": a copy of the chip?
 *   online counter elsewhere       alarm 2, event "online_counter_moved": loaded without us
 *   balance differs, none awaited  alarm 1, event "balance_mismatch", once until it changes
 *   balance above the purse        the same, awaited or not: offline debits only lower it
 *
 * A gap counts by the word of a chip that proved itself, or of the intent of a transaction that
 * posted: one that says a number too high, by a fault or because it is none, leaves no records to
 * come that nobody will ever bring.
 *
 * After a restore (restored.c) a chip may be ahead of the books by what was lost with the old disk.
 * Its debits look like records to come, and are. Its loads would look like a fraud, so a card marked
 * DUE_LOADS and DUE_DEBITS is judged otherwise:
 *
 * - Online counter ahead: alarm 4, event "loads_lost". When nothing is awaited any more and the card
 *   has proved itself, what it holds beyond the purse is adopted: an opening entry, event
 *   "adopted_after_restore".
 * - Balance above the purse, online counter not shown yet: event "loads_lost"; the next load shows it.
 * - Balance below the purse, offline counter not shown yet: nothing; the next purchase shows it.
 *
 * Each mark goes when its counter was judged; from then on everything is as above. A view without
 * proof says nothing of lost loads. What was found ahead before anybody asked for money is told to
 * the first who does (DUE_AHEAD): it may be the lost request again.
 *
 * While a transaction of the card is open nothing is judged: its own end moves the due counters
 * first. Alarm 3 is a transaction's (apply_txn.c). Alarm 2 is never replaced: only a person ends
 * it.
 */
#include "ledger/fold.h"

int opening_entry(struct fold *f, struct card_full *c, fen_t amount)
{
    int rc = 0;
    struct hot_account *h = hot_account(f, ACCT_OPENING, "", &rc);
    if (!h)
        return rc;
    if (amount >= 0) {
        h->row.debits_posted += amount;
        c->purse_credits += amount;
    } else {
        h->row.credits_posted -= amount;
        c->purse_debits -= amount;
    }
    h->dirty = true;
    c->r.purse = c->purse_credits - c->purse_debits;
    f->day.adjustments += amount;
    f->day_dirty = true;
    return 0;
}

static void remember(struct card_row *r, const struct card_seen *seen, const struct event_at *at)
{
    if (seen->has & SEEN_BALANCE)
        r->last.balance = seen->balance;
    if (seen->has & SEEN_ONLINE)
        r->last.online = seen->online;
    if (seen->has & SEEN_OFFLINE)
        r->last.offline = seen->offline;
    /* Proven or not is said of the last view alone. */
    r->last.has = (uint8_t)((r->last.has & ~SEEN_PROVEN) | seen->has);
    r->seen_ms = at->at_ms;
    snprintf(r->seen_terminal, sizeof r->seen_terminal, "%s", at->terminal);
}

/* Whoever asks for money next is told, however many looked before. */
static void ahead(struct card_full *c)
{
    if (c->due_has & DUE_UNTOLD)
        c->due_has |= DUE_AHEAD;
}

static WORKER_FN int judge_offline(struct fold *f, struct card_full *c,
                                   const struct card_seen *seen, const struct event_at *at)
{
    if (!(seen->has & SEEN_OFFLINE))
        return 0;
    bool first = c->due_has & DUE_DEBITS, free_ride = c->due_has & DUE_FREE;
    c->due_has &= (uint8_t) ~(DUE_DEBITS | DUE_FREE);
    if (!(c->due_has & SEEN_OFFLINE)) {
        c->due_has |= SEEN_OFFLINE;
        c->due_offline = seen->offline;
        return 0;
    }
    int gap = (int)seen->offline - (int)c->due_offline;
    if (gap == 0)
        return 0;
    char text[160];
    if (gap < 0) {
        c->r.alarm = ALARM_COUNTER;
        snprintf(text, sizeof text, "{\"due\":%u,\"shown\":%u}", c->due_offline, seen->offline);
        return fold_event(f, at, "offline_counter_back", text);
    }
    struct offline_posted came;
    int rc = offline_posted(f, c->r.id, c->due_offline, seen->offline, &came);
    c->due_offline = seen->offline;
    gap -= (int)came.count;
    if (free_ride && gap == 1 && (seen->has & SEEN_BALANCE) && seen->balance == c->r.purse)
        return rc; /* it was the ride that moved the counter: nothing is missing */
    if (rc || gap <= 0)
        return rc;
    c->r.awaiting += (uint32_t)gap;
    if (first)
        ahead(c);
    snprintf(text, sizeof text, "{\"records\":%d,\"awaiting\":%u}", gap, c->r.awaiting);
    return fold_event(f, at, "awaiting_records", text);
}

/* A card whose online counter the books never knew was not loaded by them. */
static bool loads_lost(const struct card_full *c, const struct card_seen *seen)
{
    if (!(c->due_has & DUE_LOADS) || !(seen->has & SEEN_ONLINE))
        return false;
    if (c->due_has & SEEN_ONLINE)
        return seen->online > c->due_online;
    return (seen->has & SEEN_BALANCE) && seen->balance > c->r.purse;
}

static void raise(struct card_full *c, enum card_alarm alarm)
{
    if (c->r.alarm != ALARM_COUNTER && c->r.alarm != ALARM_PROOF)
        c->r.alarm = (uint8_t)alarm;
}

static WORKER_FN int judge_online(struct fold *f, struct card_full *c, const struct card_seen *seen,
                                  const struct event_at *at)
{
    if (!(seen->has & SEEN_ONLINE))
        return 0;
    bool known = c->due_has & SEEN_ONLINE, lost = loads_lost(c, seen);
    bool first = c->due_has & DUE_LOADS;
    unsigned due = c->due_online;
    c->due_has |= SEEN_ONLINE;
    c->due_has &= (uint8_t)~DUE_LOADS;
    c->due_online = seen->online;
    if (lost) {
        raise(c, ALARM_RESTORED);
        ahead(c);
    }
    if (first)
        c->mismatch = 0; /* what was put down to the restore is judged anew */
    if (!lost && (!known || due == seen->online))
        return 0;
    if (!lost)
        c->r.alarm = ALARM_COUNTER;
    char text[160];
    snprintf(text, sizeof text, "{\"due\":%u,\"shown\":%u}", due, seen->online);
    return fold_event(f, at, lost ? "loads_lost" : "online_counter_moved", text);
}

/* True: the difference is what a restore explains, so far. */
static WORKER_FN bool explained(struct fold *f, struct card_full *c, const struct card_seen *seen,
                                const struct event_at *at, int *ret_err)
{
    char text[160];
    fen_t diff = seen->balance - c->r.purse;
    bool waits_for_counter = (c->due_has & DUE_LOADS) && diff > 0;
    bool debits_open = c->r.awaiting > 0 || (c->due_has & DUE_DEBITS);
    *ret_err = 0;
    if (waits_for_counter && c->r.alarm == ALARM_NONE && c->mismatch != diff) {
        c->mismatch = diff;
        snprintf(text, sizeof text, "{\"chip\":%lld,\"purse\":%lld}", (long long)seen->balance,
                 (long long)c->r.purse);
        *ret_err = fold_event(f, at, "loads_lost", text);
    }
    if (waits_for_counter || c->r.alarm != ALARM_RESTORED)
        return waits_for_counter || (diff < 0 && (c->due_has & DUE_DEBITS));
    if (debits_open)
        return true;
    if (diff > 0 && !(seen->has & SEEN_PROVEN))
        return true;
    c->r.alarm = ALARM_NONE;
    if (diff <= 0)
        return false;
    *ret_err = opening_entry(f, c, diff);
    snprintf(text, sizeof text, "{\"adopted\":%lld}", (long long)diff);
    if (!*ret_err)
        *ret_err = fold_event(f, at, "adopted_after_restore", text);
    return true;
}

static WORKER_FN int judge_balance(struct fold *f, struct card_full *c,
                                   const struct card_seen *seen, const struct event_at *at)
{
    if (!(seen->has & SEEN_BALANCE))
        return 0;
    int rc;
    if (explained(f, c, seen, at, &rc) || rc)
        return rc;
    fen_t diff = seen->balance - c->r.purse;
    if (diff == 0 || (diff < 0 && c->r.awaiting > 0)) {
        c->mismatch = 0;
        if (c->r.alarm == ALARM_BALANCE)
            c->r.alarm = ALARM_NONE;
        return 0;
    }
    if (c->r.alarm == ALARM_NONE)
        c->r.alarm = ALARM_BALANCE;
    if (c->mismatch == diff)
        return 0;
    c->mismatch = diff;
    char text[160];
    snprintf(text, sizeof text, "{\"chip\":%lld,\"purse\":%lld,\"difference\":%lld}",
             (long long)seen->balance, (long long)c->r.purse, (long long)diff);
    return fold_event(f, at, "balance_mismatch", text);
}

/* Is the purse as it came, but for records of offline terminals that were here before the card was?
 * What they took the chip does not show any more. */
static WORKER_FN int before_baseline(struct fold *f, const struct card_full *c, fen_t *ret_early,
                                     bool *ret_untouched)
{
    struct offline_posted early = {0};
    int rc = 0;
    if (c->purse_debits && !c->purse_credits)
        rc = offline_posted(f, c->r.id, 0, UINT16_MAX + 1, &early);
    *ret_early = early.sum;
    *ret_untouched = c->purse_credits == 0 && c->purse_debits == early.sum;
    return rc;
}

/* What a card from elsewhere brings along: once, and no more than such a card may hold. Beyond that
 * somebody has to look, so the difference stands as a mismatch. */
static WORKER_FN int baseline(struct fold *f, struct card_full *c, const struct card_seen *seen,
                              const struct event_at *at)
{
    if (seen_baseline(c) || !(seen->has & SEEN_BALANCE))
        return 0;
    c->due_has |= SEEN_BALANCE;
    fen_t early = 0;
    bool untouched = false;
    int rc = before_baseline(f, c, &early, &untouched);
    fen_t opening = seen->balance + early;
    if (rc || !untouched || opening == 0)
        return rc;
    if (c->r.ceiling && seen->balance > c->r.ceiling)
        return judge_balance(f, c, seen, at);
    rc = opening_entry(f, c, opening);
    if (rc)
        return rc;
    char text[160];
    snprintf(text, sizeof text, "{\"opening\":%lld}", (long long)opening);
    return fold_event(f, at, "opening_entry", text);
}

bool seen_baseline(const struct card_full *c)
{
    return !c->r.registered || (c->due_has & SEEN_BALANCE);
}

bool seen_counts(const struct card_full *c, const struct card_seen *seen)
{
    return seen->has && (seen_baseline(c) || (seen->has & SEEN_PROVEN));
}

bool seen_ahead(const struct card_full *c, const struct card_seen *seen)
{
    if (!(c->due_has & DUE_UNTOLD))
        return false;
    bool debits = (c->due_has & DUE_DEBITS) && (seen->has & c->due_has & SEEN_OFFLINE) != 0 &&
                  seen->offline > c->due_offline;
    return (c->due_has & DUE_AHEAD) || debits || loads_lost(c, seen);
}

static WORKER_FN int judge(struct fold *f, struct card_full *c, const struct card_seen *seen,
                           const struct event_at *at)
{
    int rc = judge_offline(f, c, seen, at);
    if (!rc)
        rc = judge_online(f, c, seen, at);
    return rc || !seen_baseline(c) ? rc : judge_balance(f, c, seen, at);
}

/* More debits than the books know. Rows of before version 4 took any chip's word for it. */
static bool claims_debits(const struct fold *f, const struct card_full *c,
                          const struct card_seen *seen)
{
    return (!f->old || f->old >= 4) && (seen->has & c->due_has & SEEN_OFFLINE) &&
           seen->offline > c->due_offline;
}

int seen_posted(struct fold *f, struct card_full *c, const struct card_seen *before,
                const struct event_at *at)
{
    c->due_has &= (uint8_t)~(DUE_UNTOLD | DUE_AHEAD);
    int rc = baseline(f, c, before, at);
    if (rc || (!loads_lost(c, before) && !claims_debits(f, c, before)))
        return rc;
    struct card_seen proven = *before;
    proven.has |= SEEN_PROVEN;
    return judge(f, c, &proven, at);
}

int seen_note(struct fold *f, struct card_full *c, const struct card_seen *seen,
              const struct event_at *at)
{
    if (!seen_counts(c, seen))
        return 0;
    remember(&c->r, seen, at);
    if (c->r.open_txn)
        return 0;
    if (!(seen->has & SEEN_PROVEN) && (loads_lost(c, seen) || claims_debits(f, c, seen)))
        return 0; /* the transaction that posts proves it, or the next view (R9) */
    int rc = baseline(f, c, seen, at);
    return rc ? rc : judge(f, c, seen, at);
}

/* Nothing is open, and the chip's last view is of the counters at which the books are: then what
 * was posted ahead of it is all that it does not show yet. */
static WORKER_FN int in_step(struct fold *f, const struct card_full *c, bool *ret, fen_t *ret_ahead)
{
    const struct card_seen *s = &c->r.last;
    const uint8_t want = SEEN_BALANCE | SEEN_OFFLINE;
    struct offline_posted ahead;
    *ret = !c->r.open_txn && (s->has & want) == want && (c->due_has & SEEN_OFFLINE) &&
           s->offline == c->due_offline && seen_baseline(c) &&
           (!(s->has & SEEN_ONLINE) || s->online == c->due_online);
    *ret_ahead = 0;
    if (!*ret)
        return 0;
    int rc = offline_posted(f, c->r.id, c->due_offline, UINT16_MAX + 1, &ahead);
    *ret_ahead = ahead.sum;
    return rc;
}

int seen_lacks(struct fold *f, const struct card_full *c, fen_t *ret_fen, bool *ret_known)
{
    fen_t ahead = 0;
    int rc = in_step(f, c, ret_known, &ahead);
    if (!(c->r.last.has & SEEN_PROVEN))
        *ret_known = false; /* anybody can show a chip that says a number and a balance (R9) */
    *ret_fen = c->r.purse + ahead - c->r.last.balance;
    return rc;
}

int seen_again(struct fold *f, struct card_full *c, const struct event_at *at)
{
    bool known = false;
    fen_t ahead = 0;
    int rc = c->r.replaced_by ? 0 : in_step(f, c, &known, &ahead);
    struct card_seen now = c->r.last;
    if (now.balance != c->r.purse) /* else it was shown after them, and its counter was not asked */
        now.balance -= ahead;
    return rc || !known ? rc : judge_balance(f, c, &now, at);
}
