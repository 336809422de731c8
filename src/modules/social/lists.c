/* The lists beside the rules: the catalogue of drugs and services, hospitals' levels, and what
 * citizens may be eligible for. */
#include "read.h"

#include <stdlib.h>
#include <string.h>

static void read_item(struct reader *r, const struct onecard_doc *d, struct social_item *to)
{
    static const char *const classes[] = {"A", "B", "C", NULL};
    if (!read_known(r, d, "code name class own_first limit")) {
        return;
    }
    read_text(r, d, "code", NULL, to->code, sizeof(to->code));
    to->cls = (enum split_class)read_choice(r, d, "class", classes, -1);
    to->own_first = read_share(r, d, "own_first", 0);
    to->limit = r->h->doc_get(d, "limit") ? read_yuan(r, d, "limit", -1) : -1;
    if (to->own_first > 0 && to->cls != SPLIT_CLASS_B) {
        read_wrong(r, d, "only class B has an own share first");
    }
}

static int by_code(const void *a, const void *b)
{
    return strcmp(((const struct social_item *)a)->code, ((const struct social_item *)b)->code);
}

void read_catalogue(struct reader *r, const struct onecard_doc *d, struct social_catalogue *to)
{
    const struct onecard_doc *items = r->h->doc_get(d, "items");
    size_t n = r->h->doc_count(items);
    read_known(r, d, "kind from title class_b_own_first items");
    to->from = read_date(r, d, "from");
    to->class_b = read_share(r, d, "class_b_own_first", 0);
    to->items = calloc(n ? n : 1, sizeof(*to->items));
    if (!to->items) {
        read_wrong(r, d, "out of memory");
        return;
    }
    to->count = n;
    for (size_t i = 0; i < n; i++) {
        read_item(r, r->h->doc_at(items, i, NULL), &to->items[i]);
    }
    qsort(to->items, n, sizeof(*to->items), by_code);
    for (size_t i = 1; i < n; i++) {
        if (strcmp(to->items[i - 1].code, to->items[i].code) == 0) {
            read_wrong(r, items, "code %s stands there twice", to->items[i].code);
        }
    }
}

void read_hospitals(struct reader *r, const struct onecard_doc *d, struct social_book *to)
{
    const struct onecard_doc *items = r->h->doc_get(d, "hospitals");
    read_known(r, d, "kind title hospitals");
    for (size_t i = 0; i < r->h->doc_count(items); i++) {
        const struct onecard_doc *v = r->h->doc_at(items, i, NULL);
        char id[SOCIAL_ID];
        if (!read_known(r, v, "id level pharmacy")) {
            continue;
        }
        read_text(r, v, "id", NULL, id, sizeof(id));
        bool pharmacy = r->h->doc_as_bool(r->h->doc_get(v, "pharmacy"), false);
        int level = pharmacy ? 0 : (int)read_int(r, v, "level", 1, SPLIT_LEVELS, 0);
        if (book_hospital(to, id)) {
            read_wrong(r, v, "%s stands there twice", id);
            continue;
        }
        struct social_hospital *all =
            read_grow(r, to->hospitals, &to->hospital_count, sizeof(*all));
        if (all) {
            struct social_hospital *hosp = &all[to->hospital_count - 1];
            to->hospitals = all;
            strcpy(hosp->id, id);
            hosp->level = level;
        }
    }
}

void read_entitlements(struct reader *r, const struct onecard_doc *d, struct social_book *to)
{
    const struct onecard_doc *items = r->h->doc_get(d, "eligibility");
    read_known(r, d, "kind title eligibility");
    for (size_t i = 0; i < r->h->doc_count(items); i++) {
        const struct onecard_doc *v = r->h->doc_at(items, i, NULL);
        char what[16];
        if (!read_known(r, v, "what category age resident")) {
            continue;
        }
        read_text(r, v, "what", NULL, what, sizeof(what));
        if (book_entitlement(to, what)) {
            read_wrong(r, v, "%s stands there twice", what);
            continue;
        }
        struct social_entitlement *all =
            read_grow(r, to->entitlements, &to->entitlement_count, sizeof(*all));
        if (all) {
            struct social_entitlement *e = &all[to->entitlement_count - 1];
            to->entitlements = all;
            strcpy(e->what, what);
            read_text(r, v, "category", what, e->category, sizeof(e->category));
            e->age = (int)read_int(r, v, "age", 0, 150, 0);
            e->resident = r->h->doc_as_bool(r->h->doc_get(v, "resident"), false);
        }
    }
}
