/* The configuration: a flat fare with concessions, and a folder of fare tables. A concession whose
 * rest nobody bears keeps the daemon from starting: every fen has a bearer (R14). */
#include "read.h"
#include "transit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int complain(const struct onecard_host *host, const char *what, const char *which)
{
    char text[400];
    snprintf(text, sizeof(text), "%s: %.200s", what, which);
    host->log("transit", ONECARD_LOG_ERROR, text);
    return OC_EINVAL;
}

static int add_concession(const struct onecard_host *host, const struct onecard_conf *conf,
                          struct fare_table *table, const char *category, const char *value)
{
    if (table->concession_count == FARE_CONCESSIONS) {
        return complain(host, "more concessions than there is room for", category);
    }
    struct fare_concession *c = &table->concessions[table->concession_count];
    if (strlen(category) >= sizeof(c->category)) {
        return complain(host, "concessions: the name is too long", category);
    }
    if (!fare_percent(value, &c->percent)) {
        return complain(host, "concessions: write 0% to 100% or free, not", value);
    }
    const char *bearer = host->conf_map(conf, "bearers", category);
    bearer = bearer ? bearer : host->conf_text(conf, "bearer");
    bearer = bearer ? bearer : "";
    if (c->percent < 100 && !*bearer) {
        return complain(host, "bearers: nobody bears the concession of", category);
    }
    if (strlen(bearer) >= sizeof(c->borne.items[0].owner)) {
        return complain(host, "bearers: the name is too long", bearer);
    }
    strcpy(c->category, category);
    strcpy(c->borne.items[0].owner, bearer);
    c->borne.items[0].bearer = true;
    c->borne.items[0].percent = 100;
    c->borne.count = *bearer ? 1 : 0;
    c->beyond = 100;
    table->concession_count++;
    return 0;
}

static int load_plain(const struct onecard_host *host, const struct onecard_conf *conf,
                      struct transit *t)
{
    const char *category, *value;
    t->plain = calloc(1, sizeof(*t->plain));
    if (!t->plain) {
        return OC_ENOMEM;
    }
    t->plain->kind = FARE_FLAT;
    t->plain->flat = t->fare;
    int rc = 0;
    for (size_t i = 0; !rc && host->conf_map_at(conf, "concessions", i, &category, &value); i++) {
        rc = add_concession(host, conf, t->plain, category, value);
    }
    for (size_t i = 0; !rc && host->conf_map_at(conf, "bearers", i, &category, &value); i++) {
        if (!host->conf_map(conf, "concessions", category)) {
            rc = complain(host, "bearers: there is no concession for", category);
        }
    }
    return rc;
}

static int add_table(struct fare_set *set, struct fare_table *table)
{
    void *more = realloc(set->tables, (set->count + 1) * sizeof(*set->tables));
    if (!more) {
        fare_table_free(table);
        return OC_ENOMEM;
    }
    set->tables = more;
    set->tables[set->count++] = table;
    return 0;
}

static int load_file(const struct onecard_host *host, const struct onecard_conf *conf,
                     struct transit *t, const char *path)
{
    const char *why = "";
    unsigned faults = 0;
    struct onecard_doc *d = host->doc_load(conf, path, &why);
    if (!d) {
        return complain(host, "fares", why);
    }
    struct fare_table *table = fare_table_read(host, d, path, &faults);
    if (!table) {
        return faults ? OC_EINVAL : OC_ENOMEM;
    }
    if (!table->own_concessions) {
        memcpy(table->concessions, t->plain->concessions, sizeof(table->concessions));
        table->concession_count = t->plain->concession_count;
    }
    return add_table(&t->set, table);
}

static int by_name_and_day(const void *a, const void *b)
{
    const struct fare_table *x = *(struct fare_table *const *)a;
    const struct fare_table *y = *(struct fare_table *const *)b;
    int by_name = strcmp(x->name, y->name);
    return by_name ? by_name : x->from < y->from ? -1 : x->from > y->from;
}

static bool has_table(const struct fare_set *set, const char *name)
{
    for (size_t i = 0; i < set->count; i++) {
        if (strcmp(set->tables[i]->name, name) == 0) {
            return true;
        }
    }
    return false;
}

/* What no single file shows. */
static int check_set(const struct onecard_host *host, const struct fare_set *set)
{
    char text[700];
    for (size_t i = 1; i < set->count; i++) {
        const struct fare_table *a = set->tables[i - 1], *b = set->tables[i];
        if (by_name_and_day(&a, &b) == 0) {
            snprintf(text, sizeof(text), "%s and %s", a->file, b->file);
            return complain(host, "fares: two tables of the same name and first day", text);
        }
    }
    for (size_t i = 0; i < set->count; i++) {
        const struct fare_table *t = set->tables[i];
        for (unsigned k = 0; k < t->transfer.after_count; k++) {
            if (!has_table(set, t->transfer.after[k])) {
                snprintf(text, sizeof(text), "%s: after: %s", t->file, t->transfer.after[k]);
                return complain(host, "fares: there is no such table", text);
            }
        }
    }
    return 0;
}

static int load_tables(const struct onecard_host *host, const struct onecard_conf *conf,
                       struct transit *t)
{
    const char *folder = host->conf_text(conf, "fares");
    int rc = 0;
    if (folder && *folder) {
        const char *path;
        for (size_t i = 0; !rc && (path = host->folder_at(conf, folder, ".yaml", i)); i++) {
            rc = load_file(host, conf, t, path);
        }
        if (!rc && !t->set.count) {
            return complain(host, "fares: no *.yaml in", folder);
        }
    }
    if (rc || !t->set.count) {
        return rc;
    }
    qsort(t->set.tables, t->set.count, sizeof(*t->set.tables), by_name_and_day);
    rc = check_set(host, &t->set);
    if (!rc && *t->table && !has_table(&t->set, t->table)) {
        rc = complain(host, "table: there is no fare table", t->table);
    }
    return rc;
}

int transit_load(const struct onecard_host *host, const struct onecard_conf *conf, void **ret_ctx)
{
    struct transit *t = calloc(1, sizeof(*t));
    if (!t) {
        return OC_ENOMEM;
    }
    t->conf = conf;
    t->fare = host->conf_fen(conf, "fare");
    t->same_card_seconds = host->conf_int(conf, "same_card_seconds");
    t->refund_days = host->conf_int(conf, "refund_days");
    t->card_sums = host->conf_bool(conf, "card_sums");
    const char *table = host->conf_text(conf, "table");
    t->table = table ? table : "";
    int rc = load_plain(host, conf, t);
    rc = rc ? rc : load_tables(host, conf, t);
    if (rc) {
        transit_unload(t);
        return rc;
    }
    *ret_ctx = t;
    return 0;
}

void transit_unload(void *ctx)
{
    struct transit *t = ctx;
    if (t) {
        fare_table_free(t->plain);
        fare_set_free(&t->set);
        free(t);
    }
}
