/* Sums by participant and service, and the names of the participants' files. */
#include "settle/tally.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void tally_init(struct tally *t)
{
    *t = (struct tally){0};
    map_init(&t->by_id, 0x5e771e);
}

void tally_fini(struct tally *t)
{
    for (unsigned i = 0; i < t->n; i++) {
        free(t->members[i]->services);
        free(t->members[i]);
    }
    free(t->members);
    map_fini(&t->by_id);
    *t = (struct tally){0};
}

/* With its NUL, so that "" is a key as well. */
struct tally_member *tally_find(const struct tally *t, const char *id)
{
    return map_get(&t->by_id, id, strlen(id) + 1);
}

int tally_add(struct tally *t, const char *id, unsigned file)
{
    if (t->n == t->cap) {
        unsigned cap = t->cap ? 2 * t->cap : 16;
        struct tally_member **grown = realloc(t->members, cap * sizeof *grown);
        if (!grown)
            return OC_ENOMEM;
        t->members = grown;
        t->cap = cap;
    }
    struct tally_member *m = calloc(1, sizeof *m);
    if (!m)
        return OC_ENOMEM;
    snprintf(m->id, sizeof m->id, "%s", id);
    m->file = file;
    int rc = map_put(&t->by_id, m->id, strlen(m->id) + 1, m);
    if (rc)
        free(m);
    else
        t->members[t->n++] = m;
    return rc;
}

static struct tally_service *service(struct tally_member *m, const char *name)
{
    for (unsigned i = 0; i < m->n; i++)
        if (strcmp(m->services[i].service, name) == 0)
            return &m->services[i];
    if (m->n == m->cap) {
        unsigned cap = m->cap ? 2 * m->cap : 8;
        struct tally_service *grown = realloc(m->services, cap * sizeof *grown);
        if (!grown)
            return NULL;
        m->services = grown;
        m->cap = cap;
    }
    struct tally_service *s = &m->services[m->n++];
    *s = (struct tally_service){0};
    snprintf(s->service, sizeof s->service, "%s", name);
    return s;
}

static void add(struct tally_sum *to, const struct tally_sum *s)
{
    to->count += s->count;
    to->elsewhere += s->elsewhere;
    to->gross += s->gross;
    to->borne += s->borne;
    to->net += s->net;
    to->merchant += s->merchant;
    to->receivable += s->receivable;
}

int tally_count(struct tally *t, struct tally_member *m, const struct txn_row *row,
                const struct posting *p)
{
    struct tally_service *s = service(m, row->in.service);
    if (!s)
        return OC_ENOMEM;
    const char *ids[POSTING_CONCERNED];
    posting_concerned(row, ids);
    struct tally_sum one = {0};
    if (strcmp(ids[0], m->id) == 0) {
        one.count = 1;
        one.gross = p->gross;
        one.borne = p->borne;
        one.net = p->net;
    } else {
        one.elsewhere = 1;
    }
    posting_position(row, m->id, &one.merchant, &one.receivable);
    add(&s->sum, &one);
    add(&m->all, &one);
    add(&t->all, &one);
    return 0;
}

void tally_purse(struct tally *t, const struct txn_row *row, const struct posting *p)
{
    if (row->in.plan_kind == OC_PLAN_CREDIT)
        t->loads += p->purse;
    else if (row->in.plan_kind == OC_PLAN_DEBIT)
        t->purchases -= p->purse;
    else if (strcmp(row->in.service, LEDGER_SERVICE_REPLACED) == 0)
        t->replaced += p->purse;
    else
        t->other_purse += p->purse;
}

static int by_service(const void *a, const void *b)
{
    return strcmp(((const struct tally_service *)a)->service,
                  ((const struct tally_service *)b)->service);
}

static int by_id(const void *a, const void *b)
{
    const struct tally_member *const *x = a, *const *y = b;
    return strcmp((*x)->id, (*y)->id);
}

void tally_sort(struct tally *t)
{
    if (t->n)
        qsort(t->members, t->n, sizeof *t->members, by_id);
    for (unsigned i = 0; i < t->n; i++)
        if (t->members[i]->n)
            qsort(t->members[i]->services, t->members[i]->n, sizeof *t->members[i]->services,
                  by_service);
}

static bool plain(char c, bool first)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || (c == '.' && !first);
}

const char *tally_file_name(const char *id, char *out, size_t cap)
{
    static const char *const taken[] = {"summary", "float", "doubts", "payments"};
    bool clash = false;
    for (size_t i = 0; i < ARRAY_LEN(taken); i++)
        clash |= strcmp(id, taken[i]) == 0;
    size_t at = 0;
    for (size_t i = 0; id[i] && at + 8 < cap; i++) {
        bool first = i == 0;
        if (plain(id[i], first) && !(clash && first))
            out[at++] = id[i];
        else
            at += (size_t)snprintf(out + at, cap - at, "%%%02X", (unsigned)(unsigned char)id[i]);
    }
    snprintf(out + at, cap - at, "%s.csv", at ? "" : "%");
    return out;
}
