/* Items of payment as people look at them: a page at a time, and whether a day is settled. */
#include "settle/item.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct listing {
    struct settle_env *env;
    const struct settle_filter *f;
    struct settle_item *rows;
    unsigned cap, n;
};

static int co_group_items(struct listing *l, const char *group, const char *after) CO_FN;
static int co_group_items(struct listing *l, const char *group, const char *after)
{
    char owner[ITEM_NAME], key[ITEM_NAME];
    struct record_row row;
    int rc = 0;
    (void)snprintf(key, sizeof key, "%s", after);
    item_owner(group, owner);
    while (l->n < l->cap) {
        struct settle_item *it = &l->rows[l->n];
        char next[ITEM_NAME];
        rc = ledger_co_record_next(l->env->ledger, ITEM_SCOPE, owner, "", key, flow_arena(), next,
                                   &row);
        if (rc == 0)
            rc = item_of_record(owner, next, &it->id) ? OC_EBOOKS
                                                      : item_read(row.doc, row.doc_len, it);
        if (rc)
            break;
        memcpy(key, next, sizeof key);
        l->n += l->f->state == 0 || it->state == l->f->state;
    }
    return rc == OC_ENOENT ? 0 : rc;
}

/* Groups in which nothing is open are not looked through for what is. */
static bool concerns(const struct listing *l, const struct settle_group *g)
{
    switch (l->f->state) {
    case ITEM_OPEN:
        return g->open > 0;
    case ITEM_RETURNED:
        return g->returned > 0;
    case ITEM_FAILED:
        return g->failed > 0;
    default:
        return true;
    }
}

/* The first group is looked at from `key` on. */
static int co_groups(struct listing *l, const char *from, const char *key) CO_FN;
static int co_groups(struct listing *l, const char *from, const char *key)
{
    char group[ITEM_NAME] = "";
    struct settle_group g;
    struct record_row row;
    int rc = *from ? co_group_items(l, from, key) : 0;
    (void)snprintf(group, sizeof group, "%s", from);
    while (rc == 0 && l->n < l->cap) {
        char next[ITEM_NAME];
        rc = ledger_co_record_next(l->env->ledger, ITEM_SCOPE, ITEM_GROUPS, "", group, flow_arena(),
                                   next, &row);
        if (rc == 0)
            rc = item_group_read(row.doc, row.doc_len, &g);
        if (rc)
            break;
        memcpy(group, next, sizeof group);
        if (concerns(l, &g))
            rc = co_group_items(l, group, "");
    }
    return rc == OC_ENOENT ? 0 : rc;
}

int settle_co_items(struct settle_env *env, const struct settle_filter *f, struct settle_item *rows,
                    unsigned cap, unsigned *ret_n)
{
    struct listing l = {.env = env, .f = f, .rows = rows, .cap = cap};
    struct settle_item_id id;
    char key[ITEM_NAME] = "";
    const char *from = f->group;
    if (*f->after) {
        if (settle_item_parse(f->after, &id) != 0 || (*f->group && strcmp(f->group, id.group) != 0))
            return OC_EINVAL;
        item_key(&id, key);
        from = id.group;
    }
    int rc = *f->group ? co_group_items(&l, f->group, key) : co_groups(&l, from, key);
    if (rc == 0)
        *ret_n = l.n;
    return rc;
}

/* ---- days ---- */

int settle_co_days(struct settle_env *env, const struct day_row *days, unsigned n,
                   struct settle_group *ret)
{
    struct ledger_look *looks = calloc(n ? n : 1, sizeof *looks);
    char(*keys)[11] = calloc(n ? n : 1, sizeof *keys);
    int rc = looks && keys ? 0 : OC_ENOMEM;
    for (unsigned i = 0; i < n && rc == 0; i++)
        looks[i] = (struct ledger_look){
            .scope = ITEM_SCOPE, .owner = ITEM_GROUPS, .key = date_text(days[i].date, keys[i])};
    if (rc == 0 && n > 0)
        rc = ledger_co_looks(env->ledger, looks, n, flow_arena());
    for (unsigned i = 0; i < n && rc == 0; i++) {
        ret[i] = (struct settle_group){0};
        if (looks[i].rc == 0)
            rc = item_group_read(looks[i].record.doc, looks[i].record.doc_len, &ret[i]);
    }
    free(keys);
    free(looks);
    return rc;
}

const char *settle_day_state(const struct day_row *day, const struct settle_group *g)
{
    static const char *const names[] = {"unknown", "open", "closed"};
    if (day->state == 3)
        return g->open ? "published" : "settled";
    return day->state < ARRAY_LEN(names) ? names[day->state] : names[0];
}
