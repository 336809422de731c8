/* The order in which a day's files are made. The same for writing, comparing and previews. */
#include "settle/internal.h"

#include <stdio.h>
#include <string.h>

int run_wrong(struct run *r, int rc, const char *fmt, ...)
{
    if (*r->rep->first_fault)
        return rc;
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(r->rep->first_fault, sizeof r->rep->first_fault, fmt, ap);
    va_end(ap);
    return rc;
}

static int add_sheet(struct run *r, const char *name, struct buf **ret)
{
    unsigned file = 0;
    int rc = folder_add(r->folder, name, &file);
    if (!rc)
        *ret = folder_out(r->folder, file);
    return rc;
}

static int co_sheets(struct run *r) CO_FN;
static int co_sheets(struct run *r)
{
    struct buf *b = NULL;
    tally_sort(&r->tally);
    int rc = add_sheet(r, "summary.csv", &b);
    if (!rc) {
        sheet_summary(b, &r->tally);
        rc = add_sheet(r, "float.csv", &b);
    }
    if (!rc) {
        sheet_float(b, r);
        rc = add_sheet(r, "doubts.csv", &b);
    }
    if (!rc) {
        sheet_doubts(b, r);
        r->pays = !r->folder->compare || folder_has(r->folder, "payments.csv");
        if (r->pays)
            rc = add_sheet(r, "payments.csv", &b);
    }
    if (!rc && r->pays)
        rc = open_co_sheet(r, b);
    if (!rc) {
        rc = folder_co_flush(r->folder, true);
    }
    for (unsigned i = 0; i < r->folder->n && !rc; i++)
        rc = folder_seal(r->folder, i);
    return rc;
}

static void day_text(struct buf *b, const void *arg)
{
    manifest_text(b, arg);
}

static void report(struct run *r)
{
    struct settle_report *rep = r->rep;
    rep->participants = r->tally.n;
    rep->gross = r->tally.all.gross;
    rep->borne = r->tally.all.borne;
    rep->net = r->tally.all.net;
    rep->from_postings = r->tally.loads - r->tally.purchases + r->tally.other_purse;
}

int run_co_make(struct run *r)
{
    int rc = day_co_participants(r);
    if (!rc)
        rc = day_co_postings(r);
    report(r);
    if (!rc && r->day.state != 1)
        rc = day_co_books(r);
    if (!rc)
        rc = doubt_co_collect(r);
    if (!rc)
        rc = co_sheets(r);
    if (!rc)
        rc = manifest_co_add(r, day_text, r);
    if (!rc)
        rc = folder_co_finish(r->folder);
    r->rep->files = r->folder->n;
    return rc;
}
