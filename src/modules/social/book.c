/* All rules of a folder, and which of them hold on a day. Files may stand there for next year: a
 * settlement takes those of its own day, so an old bill is settled again by the rules it was
 * settled by first. */
#include "read.h"

#include <stdlib.h>
#include <string.h>

const struct social_rules *book_rules(const struct social_book *b, const char *insurance,
                                      int32_t date)
{
    const struct social_rules *best = NULL;
    for (size_t i = 0; i < b->rule_count; i++) {
        const struct social_rules *r = &b->rules[i];
        if (strcmp(r->insurance, insurance) == 0 && r->from <= date &&
            (!best || r->from > best->from)) {
            best = r;
        }
    }
    return best;
}

const struct social_catalogue *book_catalogue(const struct social_book *b, int32_t date)
{
    const struct social_catalogue *best = NULL;
    for (size_t i = 0; i < b->catalogue_count; i++) {
        const struct social_catalogue *c = &b->catalogues[i];
        if (c->from <= date && (!best || c->from > best->from)) {
            best = c;
        }
    }
    return best;
}

const struct social_item *catalogue_item(const struct social_catalogue *best, const char *code)
{
    size_t low = 0, high = best ? best->count : 0;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        int cmp = strcmp(best->items[mid].code, code);
        if (cmp == 0) {
            return &best->items[mid];
        }
        *(cmp < 0 ? &low : &high) = cmp < 0 ? mid + 1 : mid;
    }
    return NULL;
}

const struct social_hospital *book_hospital(const struct social_book *b, const char *id)
{
    for (size_t i = 0; i < b->hospital_count; i++) {
        if (strcmp(b->hospitals[i].id, id) == 0) {
            return &b->hospitals[i];
        }
    }
    return NULL;
}

const struct social_entitlement *book_entitlement(const struct social_book *b, const char *what)
{
    for (size_t i = 0; i < b->entitlement_count; i++) {
        if (strcmp(b->entitlements[i].what, what) == 0) {
            return &b->entitlements[i];
        }
    }
    return NULL;
}

void book_free(struct social_book *b)
{
    for (size_t i = 0; i < b->catalogue_count; i++) {
        free(b->catalogues[i].items);
    }
    free(b->catalogues);
    free(b->rules);
    free(b->hospitals);
    free(b->entitlements);
    memset(b, 0, sizeof(*b));
}

static void add_rules(struct reader *r, const struct onecard_doc *d, struct social_book *b)
{
    struct social_rules *all = read_grow(r, b->rules, &b->rule_count, sizeof(*all));
    if (!all) {
        return;
    }
    struct social_rules *to = &all[b->rule_count - 1];
    b->rules = all;
    read_insurance(r, d, to);
    for (size_t i = 0; i + 1 < b->rule_count; i++) {
        if (b->rules[i].from == to->from && strcmp(b->rules[i].insurance, to->insurance) == 0) {
            read_wrong(r, d, "there are other rules of %s from that day on: %.60s", to->insurance,
                       b->rules[i].place);
        }
    }
    const char *name = strrchr(r->path, '/');
    name = name ? name + 1 : r->path;
    memcpy(to->place, name, strnlen(name, sizeof(to->place) - 1));
}

static void add_catalogue(struct reader *r, const struct onecard_doc *d, struct social_book *b)
{
    struct social_catalogue *all = read_grow(r, b->catalogues, &b->catalogue_count, sizeof(*all));
    if (all) {
        b->catalogues = all;
        read_catalogue(r, d, &all[b->catalogue_count - 1]);
    }
}

static void read_file(struct reader *r, struct social_book *b)
{
    static const char *const kinds[] = {"insurance", "catalogue", "hospitals", "eligibility", NULL};
    typedef void add_fn(struct reader *, const struct onecard_doc *, struct social_book *);
    static add_fn *const add[] = {add_rules, add_catalogue, read_hospitals, read_entitlements};
    const char *why = "";
    const struct onecard_doc *d = r->h->doc_load(r->conf, r->path, &why);
    if (!d) {
        r->path = "";
        read_wrong(r, NULL, "%.200s", why);
        return;
    }
    int kind = read_choice(r, d, "kind", kinds, -1);
    if (kind >= 0) {
        add[kind](r, d, b);
    }
}

int book_load(const struct onecard_host *h, const struct onecard_conf *conf, const char *folder,
              struct social_book *ret)
{
    struct reader r = {.h = h, .conf = conf};
    struct social_book b = {0};
    for (size_t i = 0; (r.path = h->folder_at(conf, folder, ".yaml", i)) != NULL; i++) {
        read_file(&r, &b);
    }
    if (r.mistakes > 0) {
        book_free(&b);
        return OC_EINVAL;
    }
    *ret = b;
    return 0;
}
