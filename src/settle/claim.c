/* The monthly claim on a fund (R18): what the fund's account moved in the closed days of a month,
 * posting by posting, and for whom. Made from nothing but closed days, so that the same month gives
 * the same bytes for ever. What the fund does not accept, and what it pays, is booked later by the
 * settlement itself (answer.c) and is in no claim. */
#include "settle/answer.h"
#include "settle/internal.h"

#include <stdlib.h>
#include <string.h>

#define FORMAT     "onecard-claim-1"
#define PAYEES_MAX 4096

struct payee {
    char id[LEDGER_ID];
    int64_t count;
    fen_t amount;
};
struct claim {
    struct run *r;
    struct settle_claim *rep;
    struct payee *payees;
    unsigned n, lines_file;
    char file[3 * LEDGER_ID]; /* the fund's name as a file's may be, and as JSON takes it */
};

/* ---- the month ---- */

/* Every day of it is closed; before the site began there was none. */
static int co_days(struct claim *c, date_t month) CO_FN;
static int co_days(struct claim *c, date_t month)
{
    struct run *r = c->r;
    char day[11];
    date_t first = month / 100 * 100 + 1, d = first;
    for (; d / 100 == first / 100; d = date_add(d, 1)) {
        int rc = ledger_co_day(r->env->ledger, d, &r->day);
        if (rc == OC_ENOENT && c->rep->first == 0)
            continue;
        if (rc && rc != OC_ENOENT)
            return rc;
        if (rc || r->day.state == 1)
            return run_wrong(r, OC_ESTATE, "%s is not closed yet", date_text(d, day));
        c->rep->first = c->rep->first ? c->rep->first : d;
        c->rep->last = d;
    }
    return c->rep->first ? 0
                         : run_wrong(r, OC_ENOENT, "no day of that month was a clearing day here");
}

/* ---- postings ---- */

static int count_payee(struct claim *c, const char *id, fen_t amount)
{
    unsigned i = 0;
    while (i < c->n && strcmp(c->payees[i].id, id) != 0)
        i++;
    if (i == PAYEES_MAX)
        return run_wrong(c->r, OC_ELIMIT, "more than %d payees", PAYEES_MAX);
    if (i == c->n)
        memcpy(c->payees[c->n++].id, id, strlen(id) + 1);
    c->payees[i].count++;
    c->payees[i].amount += amount;
    return 0;
}

static int take(struct claim *c, const struct txn_row *t)
{
    fen_t amount = claim_of(t, c->rep->fund);
    struct posting p;
    char id[IDENT_TEXT];
    if (amount == 0)
        return 0;
    int rc = posting_read(t, &p);
    if (rc)
        return run_wrong(c->r, rc, "the legs of transaction %s do not sum to zero",
                         ident_text(t->id, id));
    struct csv line = {folder_out(c->r->folder, c->lines_file), false};
    csv_date(&line, t->clearing_date);
    csv_date(&line, t->in.business_date);
    csv_id(&line, t->id);
    csv_id(&line, t->in.link);
    csv_text(&line, t->in.service);
    csv_text(&line, claim_payee(t));
    csv_text(&line, t->in.participant);
    csv_fen(&line, p.gross);
    csv_fen(&line, amount);
    csv_end(&line);
    c->rep->lines++;
    c->rep->amount += amount;
    return count_payee(c, claim_payee(t), amount);
}

static int co_day_postings(struct claim *c, date_t day) CO_FN;
static int co_day_postings(struct claim *c, date_t day)
{
    struct run *r = c->r;
    struct txn_filter f = {.clearing = day};
    unsigned n = RUN_PAGE;
    int rc = 0;
    while (!rc && n == RUN_PAGE) {
        rc = ledger_co_txns(r->env->ledger, &f, r->rows, RUN_PAGE, &n);
        for (unsigned i = 0; i < n && !rc; i++) {
            f.before = r->rows[i].id;
            rc = take(c, &r->rows[i]);
        }
        if (!rc)
            rc = folder_co_flush(r->folder, false);
        if (!rc && r->env->progress)
            r->env->progress(r->env->progress_arg, day, c->rep->lines);
    }
    return rc;
}

static int co_lines(struct claim *c) CO_FN;
static int co_lines(struct claim *c)
{
    int rc = folder_add(c->r->folder, "claim.csv", &c->lines_file);
    if (!rc)
        csv_header(folder_out(c->r->folder, c->lines_file),
                   "clearing_date,business_date,txn,link,service,payee,participant,gross_yuan,"
                   "amount_yuan");
    for (date_t d = c->rep->first; !rc && d <= c->rep->last; d = date_add(d, 1))
        rc = co_day_postings(c, d);
    return rc;
}

/* ---- summary, manifest ---- */

static int by_id(const void *a, const void *b)
{
    return strcmp(((const struct payee *)a)->id, ((const struct payee *)b)->id);
}

static void payee_row(struct buf *b, const char *id, int64_t count, fen_t amount)
{
    struct csv row = {b, false};
    csv_text(&row, id);
    csv_int(&row, count);
    csv_fen(&row, amount);
    csv_end(&row);
}

static int summary(struct claim *c)
{
    unsigned file = 0;
    int rc = folder_add(c->r->folder, "summary.csv", &file);
    if (rc)
        return rc;
    struct buf *b = folder_out(c->r->folder, file);
    qsort(c->payees, c->n, sizeof *c->payees, by_id);
    csv_header(b, "payee,count,amount_yuan");
    for (unsigned i = 0; i < c->n; i++)
        payee_row(b, c->payees[i].id, c->payees[i].count, c->payees[i].amount);
    payee_row(b, "TOTAL", c->rep->lines, c->rep->amount);
    return 0;
}

static void claim_text(struct buf *b, const void *arg)
{
    const struct claim *c = arg;
    const struct day_row *d = &c->r->day; /* the last one */
    char first[11], last[11], head[2 * sizeof d->chain_head + 1];
    buf_puts(b, "{\n  \"format\": \"" FORMAT "\",\n");
    buf_printf(b, "  \"fund\": \"%s\",\n  \"first\": \"%s\",\n  \"last\": \"%s\",\n", c->file,
               date_text(c->rep->first, first), date_text(c->rep->last, last));
    buf_printf(b, "  \"lines\": %lld,\n  \"payees\": %u,\n  \"amount_fen\": %lld,\n",
               (long long)c->rep->lines, c->n, (long long)c->rep->amount);
    buf_printf(b, "  \"journal\": {\"seq\": %lld, \"head\": \"%s\"},\n", (long long)d->journal_seq,
               hex_encode(d->chain_head, sizeof d->chain_head, head));
    buf_puts(b, "  \"files\": [");
    manifest_files(b, c->r->folder);
    buf_puts(b, "\n  ]\n}\n");
}

static int co_make(struct claim *c) CO_FN;
static int co_make(struct claim *c)
{
    struct folder *f = c->r->folder;
    int rc = co_lines(c);
    if (!rc)
        rc = summary(c);
    if (!rc)
        rc = folder_co_flush(f, true);
    for (unsigned i = 0; i < f->n && !rc; i++)
        rc = folder_seal(f, i);
    if (!rc)
        rc = manifest_co_add(c->r, claim_text, c);
    return rc ? rc : folder_co_finish(f);
}

/* ---- one claim ---- */

static int co_open(struct claim *c, bool verify) CO_FN;
static int co_open(struct claim *c, bool verify)
{
    char name[sizeof c->file + 32]; /* as far as the compiler sees, a month may have three digits */
    (void)snprintf(name, sizeof name, "claim-%s-%04d-%02d", c->file, (int)(c->rep->first / 10000),
                   (int)(c->rep->first / 100 % 100));
    int rc =
        folder_co_open(c->r->env, name, verify ? FOLDER_VERIFY : FOLDER_PUBLISH, &c->r->folder);
    if (rc == OC_ENOENT)
        return run_wrong(c->r, rc, "no claim of that month is published");
    if (rc)
        return run_wrong(c->r, rc, "the settlement folder %.150s: %s", c->r->env->dir,
                         oc_strerror(rc));
    memcpy(c->rep->path, c->r->folder->final, sizeof c->rep->path);
    return 0;
}

static int co_publish(struct claim *c, bool verify) CO_FN;
static int co_publish(struct claim *c, bool verify)
{
    struct folder *f = c->r->folder;
    c->rep->faults = f->faults;
    if (f->faults)
        return run_wrong(c->r, verify ? 0 : OC_EEXIST,
                         "another claim of that month is there: %.180s", f->first_fault);
    c->rep->already = f->compare;
    if (f->compare)
        return 0;
    return flow_cancelled() ? OC_ECANCELED : folder_co_publish(f);
}

/* The ledger holds the manifest's hash, as of a day: files and signature cannot be replaced
 * together. */
static int co_record(struct claim *c, bool verify) CO_FN;
static int co_record(struct claim *c, bool verify)
{
    struct run *r = c->r;
    char first[11], month[8];
    struct claim_record rec = {.amount = c->rep->amount, .lines = c->rep->lines}, was = {0};
    memcpy(rec.manifest_sha256, r->rep->manifest_sha256, SHA256_LEN);
    (void)snprintf(month, sizeof month, "%.7s", date_text(c->rep->first, first));
    int rc = claim_co_load(r->env, c->rep->fund, month, &was);
    c->rep->recorded = rc == 0;
    c->rep->answered = was.answered;
    c->rep->deducted = was.deducted;
    if (rc == 0 && memcmp(was.manifest_sha256, rec.manifest_sha256, SHA256_LEN) != 0) {
        c->rep->faults++;
        return run_wrong(r, verify ? 0 : OC_EEXIST,
                         "the ledger has recorded another claim of that month");
    }
    if (rc != OC_ENOENT)
        return rc;
    if (verify) {
        c->rep->faults++;
        return run_wrong(r, 0, "the ledger has not recorded this claim: make it again");
    }
    struct booking *b = booking_new(r->env, LEDGER_HOUSE "claimed", 0);
    if (!b)
        return OC_ENOMEM;
    b->op.intent.request_no = REQUEST_NONE;
    claim_write(b, c->rep->fund, month, &rec);
    rc = booking_co_submit(r->env, b);
    free(b);
    c->rep->recorded = rc == 0;
    return rc ? run_wrong(r, rc, "the claim is published, the ledger could not record it") : 0;
}

static int co_claim(struct claim *c, date_t month, bool verify) CO_FN;
static int co_claim(struct claim *c, date_t month, bool verify)
{
    int rc = co_days(c, month);
    if (!rc)
        rc = co_open(c, verify);
    if (!rc)
        rc = co_make(c);
    if (!rc)
        rc = co_publish(c, verify);
    if (!rc)
        rc = co_record(c, verify);
    c->rep->payees = c->n;
    c->rep->files = c->r->folder ? c->r->folder->n : 0;
    return rc;
}

int settle_co_claim(struct settle_env *env, const char *fund, date_t month, bool verify,
                    struct settle_claim *ret)
{
    struct settle_report *rep = calloc(1, sizeof *rep);
    struct claim c = {.rep = ret, .payees = calloc(PAYEES_MAX, sizeof *c.payees)};
    *ret = (struct settle_claim){.lines = 0};
    int rc = rep && c.payees ? 0 : OC_ENOMEM;
    if (!rc && (!date_valid(month) || !*fund || strlen(fund) >= sizeof ret->fund ||
                strchr(fund, '/')))
        rc = OC_EINVAL;
    if (!rc && env->busy)
        rc = OC_EBUSY;
    if (!rc) {
        env->busy = true;
        memcpy(ret->fund, fund, strlen(fund) + 1);
        tally_file_name(fund, c.file, sizeof c.file);
        c.file[strlen(c.file) - strlen(".csv")] = '\0';
        rc = run_new(env, verify ? FOLDER_VERIFY : FOLDER_PUBLISH, rep, &c.r);
        if (!rc)
            rc = co_claim(&c, month, verify);
        run_co_free(c.r);
        env->busy = false;
        memcpy(ret->manifest_sha256, rep->manifest_sha256, SHA256_LEN);
        memcpy(ret->first_fault, rep->first_fault, sizeof ret->first_fault);
    }
    free(c.payees);
    free(rep);
    return rc;
}
