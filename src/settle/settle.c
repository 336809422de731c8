/* What settlement does, in order: which day, make or compare, publish, record. settle.h has the
 * invariants.
 *
 *    closed ──► files made in a hidden folder ──► synced ──► renamed (visible) ──► items of
 * payment and the manifest recorded in the ledger (published; settled when the bank has paid: payment.h).
 * A crash before the renaming leaves nothing; after it the next run compares and records */
#include "settle/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- which day ---- */

static int co_day(struct run *r, date_t date) CO_FN;
static int co_day(struct run *r, date_t date)
{
    char day[11], open[11];
    struct day_row now;
    if (!date_valid(date))
        return run_wrong(r, OC_EINVAL, "%d is no date", (int)date);
    date_text(date, day);
    int rc = ledger_co_day(r->env->ledger, date, &r->day);
    if (rc == OC_ENOENT && ledger_co_day(r->env->ledger, 0, &now) == 0)
        return run_wrong(r, rc,
                         date > now.date ? "%s lies ahead: the open clearing day is %s"
                                         : "%s was never a clearing day here: the open day is %s",
                         day, date_text(now.date, open));
    if (rc)
        return rc;
    if (r->day.state == 1 && r->want != FOLDER_PREVIEW)
        return run_wrong(r, OC_ESTATE, "%s is still open: only a preview can be made of it", day);
    r->rep->day = r->day;
    r->close_ms = r->day.state == 1 ? clock_wall_ms(r->env->clock) : r->day.closed_ms;
    return 0;
}

int run_new(struct settle_env *env, enum folder_want want, struct settle_report *rep,
            struct run **ret)
{
    struct run *r = calloc(1, sizeof *r);
    if (!r)
        return OC_ENOMEM;
    r->env = env;
    r->want = want;
    r->rep = rep;
    tally_init(&r->tally);
    r->rows = calloc(RUN_PAGE, sizeof *r->rows);
    r->card = calloc(1, sizeof *r->card);
    *ret = r;
    return r->rows && r->card ? 0 : OC_ENOMEM;
}

void run_co_free(struct run *r)
{
    if (!r)
        return;
    folder_co_close(&r->folder);
    tally_fini(&r->tally);
    free(r->doubts.v);
    free(r->own.v);
    free(r->rows);
    free(r->card);
    free(r);
}

static int co_begin(struct run *r, date_t date) CO_FN;
static int co_begin(struct run *r, date_t date)
{
    char day[11];
    int rc = co_day(r, date);
    if (rc)
        return rc;
    rc = folder_co_open(r->env, date_text(date, day), r->want, &r->folder);
    if (rc == OC_ENOENT)
        return run_wrong(r, rc, "nothing is published of that day");
    if (rc)
        return run_wrong(r, rc, "the settlement folder %.150s: %s", r->env->dir, oc_strerror(rc));
    memcpy(r->rep->path, r->folder->final, sizeof r->rep->path);
    return run_co_make(r);
}

/* ---- run ---- */

/* What lies in the ledger must be what the files say. */
static bool recorded_other(const struct run *r)
{
    return r->day.state == 3 &&
           memcmp(r->day.manifest_sha256, r->rep->manifest_sha256, SHA256_LEN) != 0;
}

static int co_publish(struct run *r) CO_FN;
static int co_publish(struct run *r)
{
    r->rep->faults = r->folder->faults;
    if (r->folder->faults)
        return run_wrong(r, OC_EEXIST, "another settlement of that day is there: %.180s",
                         r->folder->first_fault);
    if (r->want != FOLDER_PREVIEW && recorded_other(r))
        return run_wrong(r, OC_EEXIST, "the ledger has recorded another manifest for that day");
    if (r->folder->compare) {
        r->rep->already = true;
        return 0;
    }
    int rc = r->env->before_publish ? r->env->before_publish(r->env->hook_arg) : 0;
    if (!rc && flow_cancelled())
        rc = OC_ECANCELED;
    if (!rc)
        rc = folder_co_publish(r->folder);
    return rc == OC_EEXIST ? run_wrong(r, rc, "a folder of that day has appeared meanwhile") : rc;
}

static int co_record(struct run *r) CO_FN;
static int co_record(struct run *r)
{
    if (r->want == FOLDER_PREVIEW)
        return 0;
    r->rep->recorded = r->day.state == 3;
    if (r->rep->recorded)
        return 0;
    int rc = open_co_items(r); /* before: a day that is published has all of them */
    struct ledger_op *op = rc ? NULL : calloc(1, sizeof *op);
    if (!op)
        return rc ? rc : OC_ENOMEM;
    op->type = LOP_SETTLED;
    snprintf(op->who, sizeof op->who, "%s", r->env->who ? r->env->who : "onecardd");
    op->settled.date = r->day.date;
    memcpy(op->settled.manifest_sha256, r->rep->manifest_sha256, SHA256_LEN);
    rc = ledger_co_submit(r->env->ledger, op);
    if (rc)
        run_wrong(r, rc, "the files are published, the ledger could not record them: %.100s",
                  rc == OC_EREFUSED ? op->detail : oc_strerror(rc));
    free(op);
    r->rep->recorded = rc == 0;
    return rc;
}

static int co_run(struct run *r, date_t date) CO_FN;
static int co_run(struct run *r, date_t date)
{
    int rc = co_begin(r, date);
    if (!rc && r->want != FOLDER_PREVIEW && !r->folder->compare)
        rc = day_co_purses(r);
    if (!rc)
        rc = co_publish(r);
    if (!rc)
        rc = co_record(r);
    return rc;
}

static void tell(const struct settle_report *rep, int rc)
{
    char day[11], hex[17];
    date_text(rep->date, day);
    if (rc)
        log_error("settle", "%s: %s", day, *rep->first_fault ? rep->first_fault : oc_strerror(rc));
    else
        log_info("settle", "%s%s: %lld postings, %u doubts, manifest %s…%s", day,
                 rep->preview ? " (preview)" : "", (long long)rep->postings, rep->doubts,
                 hex_encode(rep->manifest_sha256, 8, hex),
                 rep->already ? ", as published before" : "");
}

int settle_co_run(struct settle_env *env, date_t date, bool preview, struct settle_report *ret)
{
    *ret = (struct settle_report){.date = date, .preview = preview};
    if (env->busy)
        return OC_EBUSY;
    env->busy = true;
    struct run *r = NULL;
    int rc = run_new(env, preview ? FOLDER_PREVIEW : FOLDER_PUBLISH, ret, &r);
    if (!rc)
        rc = co_run(r, date);
    run_co_free(r);
    env->busy = false;
    tell(ret, rc);
    return rc;
}

/* ---- verify ---- */

static int co_verify(struct run *r, date_t date) CO_FN;
static int co_verify(struct run *r, date_t date)
{
    int rc = co_begin(r, date);
    bool books = rc == OC_EBOOKS;
    if (rc && !books)
        return rc;
    r->rep->recorded = r->day.state == 3;
    r->rep->faults = books;
    if (r->folder->faults)
        run_wrong(r, 0, "%s", r->folder->first_fault);
    r->rep->faults += r->folder->faults;
    if (!books && recorded_other(r)) {
        r->rep->faults++;
        run_wrong(r, 0, "the ledger has recorded another manifest for that day");
    }
    if (!r->rep->recorded) {
        r->rep->faults++;
        run_wrong(r, 0, "the ledger has not recorded this settlement: run it again");
    }
    r->rep->already = r->rep->faults == 0;
    return 0;
}

int settle_co_verify(struct settle_env *env, date_t date, struct settle_report *ret)
{
    *ret = (struct settle_report){.date = date};
    if (env->busy)
        return OC_EBUSY;
    env->busy = true;
    struct run *r = NULL;
    int rc = run_new(env, FOLDER_VERIFY, ret, &r);
    if (!rc)
        rc = co_verify(r, date);
    run_co_free(r);
    env->busy = false;
    if (rc || ret->faults)
        tell(ret, rc ? rc : OC_EBOOKS);
    return rc;
}

/* ---- due ---- */

/* Days come newest first, so the oldest due ones are the last that are found. */
static void keep_oldest(date_t *dates, unsigned cap, unsigned *n, date_t date)
{
    unsigned kept = *n < cap ? *n : cap - 1;
    memmove(dates + 1, dates, kept * sizeof *dates);
    dates[0] = date;
    *n = kept + 1;
}

int settle_co_due(struct settle_env *env, date_t *ret_dates, unsigned cap, unsigned *ret_n)
{
    struct day_row *rows = calloc(RUN_PAGE, sizeof *rows);
    if (!rows)
        return OC_ENOMEM;
    unsigned found = 0, n = RUN_PAGE;
    date_t before = 0;
    int rc = 0;
    while (!rc && n == RUN_PAGE && cap) {
        rc = ledger_co_days(env->ledger, before, rows, RUN_PAGE, &n);
        for (unsigned i = 0; i < n && !rc; i++) {
            before = rows[i].date;
            if (rows[i].state == 2)
                keep_oldest(ret_dates, cap, &found, rows[i].date);
        }
    }
    free(rows);
    if (!rc)
        *ret_n = found;
    return rc;
}
