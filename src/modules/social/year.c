/* What a year and an admission have used already. A settlement adds its part to the year of its own
 * date and a cancellation takes it off that same year, however long ago that year was closed: the
 * year that runs now is not touched by it. */
#include "settle.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *deductible, *fund;
} names[SPLIT_KINDS] = {{"outpatient_deductible_fen", "outpatient_fund_fen"},
                        {"inpatient_deductible_fen", "inpatient_fund_fen"},
                        {"chronic_deductible_fen", "chronic_fund_fen"}};

static fen_t *plain(struct split_used *u, const char **ret_name, int i)
{
    static const char *const plain_names[] = {"serious_base_fen", "serious_fen", "civil_fen",
                                              "assistance_fen", "admissions"};
    fen_t *const members[] = {&u->serious_base, &u->serious, &u->civil, &u->assistance,
                              &u->admissions};
    *ret_name = plain_names[i];
    return members[i];
}

#define PLAIN 5

void used_doc(const struct onecard_request *req, struct onecard_doc *to,
              const struct split_used *from)
{
    struct split_used u = *from;
    const char *member;
    for (int k = 0; k < SPLIT_KINDS; k++) {
        req->host->doc_set_int(to, names[k].deductible, u.deductible[k]);
        req->host->doc_set_int(to, names[k].fund, u.fund[k]);
    }
    for (int i = 0; i < PLAIN; i++) {
        fen_t value = *plain(&u, &member, i);
        req->host->doc_set_int(to, member, value);
    }
}

void used_get(const struct onecard_request *req, const struct onecard_doc *d, struct split_used *u)
{
    const char *member;
    memset(u, 0, sizeof(*u));
    for (int k = 0; k < SPLIT_KINDS; k++) {
        u->deductible[k] = get_int(req, d, names[k].deductible, 0);
        u->fund[k] = get_int(req, d, names[k].fund, 0);
    }
    for (int i = 0; i < PLAIN; i++) {
        fen_t *to = plain(u, &member, i);
        *to = get_int(req, d, member, 0);
    }
}

void year_key(struct settlement *t, int32_t year)
{
    snprintf(t->year_key, sizeof(t->year_key), "year/%04d", (int)year);
}

int year_co_read(struct settlement *t)
{
    year_key(t, t->year);
    int rc =
        co_optional(t->req, t->owner, t->year_key, &t->year_record.version, &t->year_record.doc);
    if (rc == 0) {
        used_get(t->req, t->year_record.doc, &t->used);
    }
    return rc;
}

/* The hospitals' own words make no keys: too long, any character. A citizen has few admissions, and
 * the whole word stands in the record. */
static void admission_key(struct settlement *t)
{
    uint64_t sum = UINT64_C(14695981039346656037); /* FNV-1a */
    const char *parts[] = {t->hospital, "/", t->admission.name};
    for (int i = 0; i < 3; i++) {
        for (const char *c = parts[i]; *c; c++) {
            sum = (sum ^ (unsigned char)*c) * UINT64_C(1099511628211);
        }
    }
    snprintf(t->admission.key, sizeof(t->admission.key), "adm/%016llx", (unsigned long long)sum);
}

int admission_co_read(struct settlement *t, const char *name)
{
    struct admission *a = &t->admission;
    if (!*name) {
        return 0;
    }
    memmove(a->name, name, strlen(name) + 1); /* at most 63 bytes: bill.c */
    admission_key(t);
    int rc = co_optional(t->req, t->owner, a->key, &a->stored.version, &a->stored.doc);
    if (rc || !a->stored.doc) {
        return rc;
    }
    if (strcmp(get_text(t->req, a->stored.doc, "admission", ""), name) != 0) {
        return OC_EINTERNAL;
    }
    a->is.ordinal = get_int(t->req, a->stored.doc, "ordinal", 0);
    a->is.deductible = get_int(t->req, a->stored.doc, "deductible_fen", 0);
    a->bills = get_int(t->req, a->stored.doc, "bills", 0);
    return 0;
}

void year_restore(struct settlement *t, const struct onecard_doc *old)
{
    struct split_used delta;
    struct admission *a = &t->admission;
    used_get(t->req, t->req->host->doc_get(old, "used"), &delta);
    delta.admissions = 0;
    if (*a->name && a->bills > 0) {
        fen_t left = a->is.deductible - get_int(t->req, old, "admission_deductible_fen", 0);
        a->is.deductible = left > 0 ? left : 0;
        if (--a->bills == 0) { /* the stay was never settled: the next one is not a further one */
            delta.admissions = a->is.ordinal > 0 ? 1 : 0;
            a->is = (struct split_admission){0};
        }
    }
    split_used_add(&t->used, &delta, -1);
}

static void admission_write(struct settlement *t)
{
    const struct onecard_host *h = t->req->host;
    struct admission *a = &t->admission;
    if (!*a->name) {
        return;
    }
    if (a->bills == 0) {
        if (a->stored.doc) {
            h->plan_doc_remove(t->plan, t->owner, a->key, a->stored.version);
        }
        return;
    }
    struct onecard_doc *d = h->doc_object(t->req);
    h->doc_set_text(d, "admission", a->name);
    h->doc_set_text(d, "hospital", t->hospital);
    h->doc_set_int(d, "ordinal", a->is.ordinal);
    h->doc_set_int(d, "deductible_fen", a->is.deductible);
    h->doc_set_int(d, "bills", a->bills);
    h->plan_doc(t->plan, t->owner, a->key, a->stored.version, d);
}

void year_write(struct settlement *t)
{
    const struct onecard_host *h = t->req->host;
    struct onecard_doc *d = h->doc_object(t->req);
    used_doc(t->req, d, &t->used);
    h->plan_doc(t->plan, t->owner, t->year_key, t->year_record.version, d);
    admission_write(t);
}
