/* Reads a clearing day out of the ledger, a page at a time by key, and checks that its figures add
 * up. */
#include "settle/internal.h"

#include <stdlib.h>
#include <string.h>

/* ---- participants ---- */

static int add_member(struct run *r, const char *id)
{
    char name[FOLDER_NAME];
    unsigned file = 0;
    int rc = folder_add(r->folder, tally_file_name(id, name, sizeof name), &file);
    if (!rc)
        rc = tally_add(&r->tally, id, file);
    if (!rc)
        posting_header(folder_out(r->folder, file));
    return rc;
}

/* A participant that was added after the day was published has no file there, and no postings that
 * day: it is none of that day's participants. Had somebody taken its file away, the summary would
 * tell. */
static bool of_that_day(const struct run *r, const char *id)
{
    char name[FOLDER_NAME];
    return !r->folder->compare || folder_has(r->folder, tally_file_name(id, name, sizeof name));
}

int day_co_participants(struct run *r)
{
    struct participant_row *rows = calloc(RUN_PAGE, sizeof *rows);
    if (!rows)
        return OC_ENOMEM;
    char after[LEDGER_ID] = "";
    unsigned n = RUN_PAGE;
    int rc = 0;
    while (!rc && n == RUN_PAGE) {
        rc = ledger_co_participants(r->env->ledger, after, rows, RUN_PAGE, &n);
        for (unsigned i = 0; i < n && !rc; i++)
            if (of_that_day(r, rows[i].id))
                rc = add_member(r, rows[i].id);
        if (!rc && n)
            memcpy(after, rows[n - 1].id, sizeof after);
    }
    free(rows);
    return rc;
}

/* ---- postings ---- */

int run_co_mask(struct run *r, const struct txn_row *t, char out[POSTING_MASKED])
{
    out[0] = '\0';
    if (!t->in.card)
        return 0;
    struct mask *m = &r->masks[(uint64_t)t->in.card % RUN_MASKS];
    if (m->card != t->in.card) {
        int rc = ledger_co_card_id(r->env->ledger, t->in.card, r->card);
        if (rc)
            return rc == OC_ENOENT
                       ? run_wrong(r, OC_EBOOKS, "a transaction's card is not in the ledger")
                       : rc;
        char serial[2 * OC_SERIAL_LEN + 1];
        hex_encode(r->card->serial, OC_SERIAL_LEN, serial);
        posting_mask(*r->card->number ? r->card->number : serial, m->text);
        m->card = t->in.card;
    }
    memcpy(out, m->text, POSTING_MASKED);
    return 0;
}

static int take_for(struct run *r, const struct txn_row *t, const struct posting *p,
                    const char *masked, const char *id)
{
    struct tally_member *m = tally_find(&r->tally, id);
    int rc = m ? 0 : add_member(r, id);
    if (rc)
        return rc;
    m = tally_find(&r->tally, id);
    posting_line(folder_out(r->folder, m->file), t, p, masked, id);
    return tally_count(&r->tally, m, t, p);
}

static int co_take(struct run *r, const struct txn_row *t) CO_FN;
static int co_take(struct run *r, const struct txn_row *t)
{
    struct posting p;
    char masked[POSTING_MASKED], id[IDENT_TEXT];
    if (open_is_own(t))
        return open_take(r, t);
    if (t->in.plan_kind == OC_PLAN_NOTE) /* moved nothing, and is nobody's business but its own */
        return 0;
    int rc = posting_read(t, &p);
    if (rc)
        return run_wrong(r, rc, "the legs of transaction %s do not sum to zero",
                         ident_text(t->id, id));
    rc = run_co_mask(r, t, masked);
    const char *ids[POSTING_CONCERNED];
    unsigned n = posting_concerned(t, ids);
    for (unsigned i = 0; i < n && !rc; i++)
        rc = take_for(r, t, &p, masked, ids[i]);
    tally_purse(&r->tally, t, &p);
    r->rep->postings++;
    return rc;
}

int day_co_postings(struct run *r)
{
    struct txn_filter f = {.clearing = r->day.date};
    unsigned n = RUN_PAGE;
    int rc = 0;
    while (!rc && n == RUN_PAGE) {
        rc = ledger_co_txns(r->env->ledger, &f, r->rows, RUN_PAGE, &n);
        for (unsigned i = 0; i < n && !rc; i++) {
            f.before = r->rows[i].id;
            /* an open day goes on: what is posted after the preview began is not shown */
            if (r->rows[i].decided_ms <= r->close_ms)
                rc = co_take(r, &r->rows[i]);
        }
        if (!rc)
            rc = folder_co_flush(r->folder, false);
        if (!rc && r->env->progress)
            r->env->progress(r->env->progress_arg, r->day.date, r->rep->postings);
    }
    return rc;
}

/* ---- books ---- */

static int co_opening(struct run *r) CO_FN;
static int co_opening(struct run *r)
{
    struct day_row *before = calloc(1, sizeof *before);
    if (!before)
        return OC_ENOMEM;
    int rc = ledger_co_day(r->env->ledger, date_add(r->day.date, -1), before);
    if (!rc && before->float_closing != r->day.float_opening)
        rc = run_wrong(r, OC_EBOOKS, "the float did not open with what the day before closed with");
    free(before);
    return rc == OC_ENOENT ? 0 : rc;
}

int day_co_books(struct run *r)
{
    const struct day_row *d = &r->day;
    char a[FEN_TEXT], b[FEN_TEXT];
    if (d->loads != r->tally.loads)
        return run_wrong(r, OC_EBOOKS, "the day's loads are %s yuan, its postings say %s",
                         fen_text(d->loads, a), fen_text(r->tally.loads, b));
    if (d->purchases != r->tally.purchases)
        return run_wrong(r, OC_EBOOKS, "the day's purchases are %s yuan, its postings say %s",
                         fen_text(d->purchases, a), fen_text(r->tally.purchases, b));
    if (r->tally.other_purse)
        return run_wrong(r, OC_EBOOKS, "a purse moved by %s yuan without a chip",
                         fen_text(r->tally.other_purse, a));
    if (d->float_closing != d->float_opening + d->loads - d->purchases + d->adjustments)
        return run_wrong(r, OC_EBOOKS, "the float does not roll forward to %s yuan",
                         fen_text(d->float_closing, a));
    return co_opening(r);
}

static int co_purse_sum(struct run *r, fen_t *ret_sum) CO_FN;
static int co_purse_sum(struct run *r, fen_t *ret_sum)
{
    struct card_row *rows = calloc(RUN_PAGE, sizeof *rows);
    if (!rows)
        return OC_ENOMEM;
    int64_t after = 0;
    unsigned n = RUN_PAGE;
    int rc = 0;
    *ret_sum = 0;
    while (!rc && n == RUN_PAGE) {
        rc = ledger_co_cards(r->env->ledger, after, 0, rows, RUN_PAGE, &n);
        for (unsigned i = 0; i < n && !rc; i++) {
            *ret_sum += rows[i].purse;
            after = rows[i].id;
        }
    }
    free(rows);
    return rc;
}

static int64_t journal_seq(const struct run *r)
{
    struct ledger_stats s;
    ledger_stats(r->env->ledger, &s);
    return s.journal_seq;
}

/* Pages are not one snapshot: the sum counts only where nothing was written meanwhile. */
static int co_purses_once(struct run *r, fen_t *ret_off) CO_FN;
static int co_purses_once(struct run *r, fen_t *ret_off)
{
    struct day_row now;
    fen_t sum = 0;
    int64_t seq = journal_seq(r);
    int rc = ledger_co_day(r->env->ledger, 0, &now);
    if (!rc)
        rc = co_purse_sum(r, &sum);
    if (rc)
        return rc;
    r->rep->purses_checked = journal_seq(r) == seq;
    *ret_off = sum - (now.float_opening + now.loads - now.purchases + now.adjustments);
    return 0;
}

int day_co_purses(struct run *r)
{
    fen_t off = 0;
    char text[FEN_TEXT];
    for (unsigned i = 0; i < 3; i++) {
        int rc = co_purses_once(r, &off);
        if (rc || (r->rep->purses_checked && off == 0))
            return rc;
    }
    if (!r->rep->purses_checked)
        return 0;
    return run_wrong(r, OC_EBOOKS, "all purses together are %s yuan off the float",
                     fen_text(off, text));
}
