/* A module's configuration: its own table becomes a table of conf, so that modules get the same
 * messages, ranges and sample file as the daemon itself. */
#include "module/internal.h"

#include <string.h>

static enum conf_type type_of(enum onecard_conf_type t)
{
    switch (t) {
    case ONECARD_CONF_INT:
        return CONF_INT;
    case ONECARD_CONF_BOOL:
        return CONF_BOOL;
    case ONECARD_CONF_FEN:
        return CONF_FEN;
    case ONECARD_CONF_MAP:
        return CONF_MAP;
    case ONECARD_CONF_TEXT:
        break;
    }
    return CONF_STRING;
}

static int make_schema(const struct onecard_module *abi, struct arena *a, struct conf_schema *ret)
{
    struct conf_item *items = arena_alloc(a, (abi->conf_count + 1) * sizeof(*items));
    if (!items) {
        return OC_ENOMEM;
    }
    for (size_t i = 0; i < abi->conf_count; i++) {
        const struct onecard_conf_item *from = &abi->conf_items[i];
        items[i] = (struct conf_item){
            .key = from->key,
            .type = type_of(from->type),
            .min = from->min,
            .max = from->max,
            .dflt = from->dflt,
            .help = from->help,
        };
    }
    size_t size = conf_layout(items, abi->conf_count);
    *ret = (struct conf_schema){.items = items, .count = abi->conf_count, .size = size};
    return 0;
}

int module_conf_fill(const struct onecard_module *abi, const struct modules_opts *o,
                     struct onecard_conf *conf, struct conf_errors *errors)
{
    static const struct conf_tree no_tree = {.file = "-", .root = NULL};
    struct arena *a = &conf->arena;
    conf->module = abi->name;
    conf->file = arena_strdup(a, o->tree ? o->tree->file : "");
    int rc = conf->file ? make_schema(abi, a, &conf->schema) : OC_ENOMEM;
    if (rc) {
        return rc;
    }
    conf->values = arena_alloc(a, conf->schema.size + 1);
    if (!conf->values) {
        return OC_ENOMEM;
    }
    const struct conf_node *node = conf_child(o->conf, abi->name);
    if (node && conf_is_null(node)) {
        node = NULL;
    }
    return conf_fill(o->tree ? o->tree : &no_tree, node, &conf->schema, a, conf->values, errors);
}

/* A key that the module's own table lacks, or types otherwise, can only be a slip in its load(): it
 * shows at the first start. */
static const void *value_of(const struct onecard_conf *conf, const char *key, enum conf_type type)
{
    const struct conf_item *item = NULL;
    const void *v = conf_value(&conf->schema, conf->values, key, &item);
    if (!v || !item || item->type != type) {
        log_error("module", "%s asks for the configuration key %s, which its table %s",
                  conf->module, key, v ? "types otherwise" : "lacks");
        CHECK(v && item && item->type == type);
    }
    return v;
}

const char *module_conf_text(const struct onecard_conf *conf, const char *key)
{
    return *(const char *const *)value_of(conf, key, CONF_STRING);
}

int64_t module_conf_int(const struct onecard_conf *conf, const char *key)
{
    return *(const int64_t *)value_of(conf, key, CONF_INT);
}

fen_t module_conf_fen(const struct onecard_conf *conf, const char *key)
{
    return *(const fen_t *)value_of(conf, key, CONF_FEN);
}

bool module_conf_bool(const struct onecard_conf *conf, const char *key)
{
    return *(const bool *)value_of(conf, key, CONF_BOOL);
}

const char *module_conf_map(const struct onecard_conf *conf, const char *key, const char *name)
{
    const struct conf_map *map = value_of(conf, key, CONF_MAP);
    for (size_t i = 0; i < map->count; i++) {
        if (strcmp(map->items[i].key, name) == 0) {
            return map->items[i].value;
        }
    }
    return NULL;
}

bool module_conf_map_at(const struct onecard_conf *conf, const char *key, size_t i,
                        const char **ret_name, const char **ret_value)
{
    const struct conf_map *map = value_of(conf, key, CONF_MAP);
    if (i >= map->count) {
        return false;
    }
    *ret_name = map->items[i].key;
    *ret_value = map->items[i].value;
    return true;
}

void module_set_sample(const struct modules *set, struct buf *out)
{
    for (size_t i = 0; i < set->module_count; i++) {
        const struct module *m = &set->modules[i];
        buf_printf(out, "  %s: # %s\n", m->abi->name, m->abi->title_en);
        conf_sample(&m->now->conf.schema, 4, out);
    }
}
