/* A module's configuration, by the fake host: its table's defaults, and what a test wrote over
 * them. */
#include "fake_inside.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A key that the module's table lacks is a slip in its load(): the test ends here. */
static const char *conf_value(const struct onecard_conf *conf, const char *key,
                              enum onecard_conf_type type)
{
    for (size_t i = 0; i < conf->module->conf_count; i++) {
        const struct onecard_conf_item *item = &conf->module->conf_items[i];
        if (strcmp(item->key, key) == 0 && item->type == type) {
            const char *own = fake_find(conf->values, key);
            return own ? own : item->dflt;
        }
    }
    fprintf(stderr, "fake host: no configuration key %s of that type\n", key);
    abort();
}

static const char *h_conf_text(const struct onecard_conf *conf, const char *key)
{
    return conf_value(conf, key, ONECARD_CONF_TEXT);
}

static int64_t h_conf_int(const struct onecard_conf *conf, const char *key)
{
    const char *v = conf_value(conf, key, ONECARD_CONF_INT);
    return v ? strtoll(v, NULL, 10) : 0;
}

static fen_t h_conf_fen(const struct onecard_conf *conf, const char *key)
{
    const char *v = conf_value(conf, key, ONECARD_CONF_FEN);
    fen_t fen = 0;
    if (v && fake_parse_fen(v, &fen)) {
        fprintf(stderr, "fake host: %s is no amount\n", key);
        abort();
    }
    return fen;
}

static bool h_conf_bool(const struct onecard_conf *conf, const char *key)
{
    const char *v = conf_value(conf, key, ONECARD_CONF_BOOL);
    return v && strcmp(v, "true") == 0;
}

static bool h_conf_map_at(const struct onecard_conf *conf, const char *key, size_t i,
                          const char **ret_name, const char **ret_value)
{
    size_t len = strlen(key);
    conf_value(conf, key, ONECARD_CONF_MAP);
    for (size_t j = 0; j < FAKE_PAIRS && conf->values[j].name; j++) {
        const char *name = conf->values[j].name;
        if (strncmp(name, key, len) == 0 && name[len] == '.' && i-- == 0) {
            *ret_name = name + len + 1;
            *ret_value = conf->values[j].value;
            return true;
        }
    }
    return false;
}

static const char *h_conf_map(const struct onecard_conf *conf, const char *key, const char *name)
{
    const char *n, *v;
    for (size_t i = 0; h_conf_map_at(conf, key, i, &n, &v); i++) {
        if (strcmp(n, name) == 0) {
            return v;
        }
    }
    return NULL;
}

void fake_conf_table(struct onecard_host *h)
{
    h->conf_text = h_conf_text;
    h->conf_int = h_conf_int;
    h->conf_fen = h_conf_fen;
    h->conf_bool = h_conf_bool;
    h->conf_map = h_conf_map;
    h->conf_map_at = h_conf_map_at;
}
