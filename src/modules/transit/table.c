/* The concession table from the configuration. A category whose rest nobody bears keeps the daemon
 * from starting: every fen has a bearer (R14). */
#include "transit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int complain(const struct onecard_host *host, const char *what, const char *which)
{
    char text[160];
    snprintf(text, sizeof(text), "%s: %.60s", what, which);
    host->log("transit", ONECARD_LOG_ERROR, text);
    return OC_EINVAL;
}

static int add(const struct onecard_host *host, const struct onecard_conf *conf,
               struct fare_table *table, const char *category, const char *value)
{
    if (table->count == FARE_CATEGORIES_MAX) {
        return complain(host, "more concessions than there is room for", category);
    }
    struct fare_concession *c = &table->items[table->count];
    if (strlen(category) >= sizeof(c->category)) {
        return complain(host, "concessions: the name is too long", category);
    }
    if (!fare_percent(value, &c->percent)) {
        return complain(host, "concessions: write 0% to 100% or free, not", value);
    }
    const char *bearer = host->conf_map(conf, "bearers", category);
    bearer = bearer ? bearer : host->conf_text(conf, "bearer");
    if (c->percent < 100 && (!bearer || !*bearer)) {
        return complain(host, "bearers: nobody bears the concession of", category);
    }
    if (bearer && strlen(bearer) >= sizeof(c->bearer)) {
        return complain(host, "bearers: the name is too long", bearer);
    }
    strcpy(c->category, category);
    strcpy(c->bearer, bearer ? bearer : "");
    table->count++;
    return 0;
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
    const char *category, *value;
    for (size_t i = 0; host->conf_map_at(conf, "concessions", i, &category, &value); i++) {
        int rc = add(host, conf, &t->table, category, value);
        if (rc) {
            free(t);
            return rc;
        }
    }
    for (size_t i = 0; host->conf_map_at(conf, "bearers", i, &category, &value); i++) {
        if (!host->conf_map(conf, "concessions", category)) {
            free(t);
            return complain(host, "bearers: there is no concession for", category);
        }
    }
    *ret_ctx = t;
    return 0;
}
