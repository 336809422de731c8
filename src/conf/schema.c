/* The walk over a table: rows in, members out, mistakes reported and stepped over. Recursion
 * follows the tables, which are ours, never the depth of the text. */
#include "conf/intern.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define KEYS_SHOWN 12

void fill_complain(struct fill *f, const struct conf_node *n, const char *fmt, ...)
{
    char text[400];
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    conf_errors_add(f->errors, f->tree->file, n ? n->line : 0, n ? n->col : 0, "%s", text);
    if (!f->err)
        f->err = OC_EINVAL;
}

void *fill_alloc(struct fill *f, size_t size)
{
    void *p = arena_alloc(f->arena, size);

    if (!p)
        f->err = OC_ENOMEM;
    return p;
}

static const struct conf_item *find_row(const struct conf_schema *s, const char *key)
{
    for (size_t i = 0; i < s->count; i++) {
        if (strcmp(s->items[i].key, key) == 0)
            return &s->items[i];
    }
    return NULL;
}

static void unknown_key(struct fill *f, const struct conf_node *n, const struct conf_schema *s)
{
    const char *names[129];
    char known[256] = "";
    struct buf b;
    size_t count = 0;

    for (; count < s->count && count < ARRAY_LEN(names) - 1; count++)
        names[count] = s->items[count].key;
    names[count] = NULL;
    const char *near = conf_nearest(n->key, names);
    buf_over(&b, known, sizeof(known));
    for (size_t i = 0; i < count && count <= KEYS_SHOWN; i++)
        buf_printf(&b, "%s%s", i ? ", " : " (known here: ", names[i]);
    struct conf_node at = {.line = n->key_line, .col = n->key_col};
    if (near)
        fill_complain(f, &at, "unknown key '%.60s': did you mean '%s'?", n->key, near);
    else if (b.len && !b.err)
        fill_complain(f, &at, "unknown key '%.60s'%s)", n->key, buf_cstr(&b));
    else
        fill_complain(f, &at, "unknown key '%.60s'", n->key);
}

static void fill_section(struct fill *f, const struct conf_item *it, const struct conf_node *n,
                         void *member)
{
    void *target = member;

    if (n && n->kind != CONF_MAPPING) {
        fill_complain(f, n, "'%s' must be a section of key: value lines", it->key);
        return;
    }
    if (it->optional) {
        if (!n)
            return;
        target = fill_alloc(f, it->section->size);
        if (!target)
            return;
        memcpy(member, &target, sizeof(target));
    }
    fill_rows(f, n, it->section, target);
}

static void fill_array(struct fill *f, const struct conf_item *it, const struct conf_node *n,
                       void *member)
{
    bool named = it->type == CONF_SECTION_MAP;
    size_t size = it->section->size, i = 0;

    if (n->kind != (named ? CONF_MAPPING : CONF_SEQUENCE)) {
        fill_complain(f, n, "'%s' must be %s", it->key,
                      named ? "a section with one named section for each" : "a list of sections");
        return;
    }
    if ((it->min || it->max) && ((int64_t)n->count < it->min || (int64_t)n->count > it->max)) {
        fill_complain(f, n, "'%s' must have %" PRId64 " to %" PRId64 " entries, not %zu", it->key,
                      it->min, it->max, n->count);
        return;
    }
    char *items = fill_alloc(f, (n->count + 1) * size);
    if (!items)
        return;
    for (const struct conf_node *x = n->first; x; x = x->next, i++) {
        if (named) {
            char *name = arena_strdup(f->arena, x->key);
            if (!name)
                f->err = OC_ENOMEM;
            memcpy(items + i * size, &name, sizeof(name));
        }
        if (x->kind == CONF_MAPPING || conf_is_null(x))
            fill_rows(f, x->kind == CONF_MAPPING ? x : NULL, it->section, items + i * size);
        else
            fill_complain(f, x, "each entry of '%s' must be a section of key: value lines",
                          it->key);
    }
    struct conf_array a = {.items = items, .count = i};
    memcpy(member, &a, sizeof(a));
}

static void fill_default(struct fill *f, const struct conf_item *it, void *member)
{
    struct conf_node n = {.kind = CONF_SCALAR, .text = it->dflt};

    if (it->type == CONF_SECTION) {
        if (!it->absent_zero)
            fill_section(f, it, NULL, member);
    } else if (it->type == CONF_LIST || it->type == CONF_BYTES_LIST)
        fill_list_default(f, it, member);
    else if (it->dflt)
        fill_scalar(f, it, &n, member);
}

static void fill_present(struct fill *f, const struct conf_item *it, const struct conf_node *n,
                         void *member)
{
    switch (it->type) {
    case CONF_SECTION:
        fill_section(f, it, n, member);
        break;
    case CONF_SECTION_MAP:
    case CONF_SECTION_LIST:
        fill_array(f, it, n, member);
        break;
    case CONF_LIST:
    case CONF_BYTES_LIST:
    case CONF_MAP:
        fill_list(f, it, n, member);
        break;
    case CONF_TREE:
        memcpy(member, &n, sizeof(n));
        break;
    default:
        fill_scalar(f, it, n, member);
        break;
    }
}

static void fill_row(struct fill *f, const struct conf_item *it, const struct conf_node *section,
                     void *out)
{
    void *member = (char *)out + it->offset;
    const struct conf_node *n = conf_child(section, it->key);

    if (n && !conf_is_null(n))
        fill_present(f, it, n, member);
    else if (it->required)
        fill_complain(f, n ? n : section, "'%s' is missing: %s", it->key,
                      it->help ? it->help : "it must be given");
    else
        fill_default(f, it, member);
}

void fill_rows(struct fill *f, const struct conf_node *node, const struct conf_schema *s, void *out)
{
    size_t before = f->errors->count;

    for (const struct conf_node *n = node ? node->first : NULL; n; n = n->next) {
        if (!find_row(s, n->key))
            unknown_key(f, n, s);
    }
    for (size_t i = 0; i < s->count; i++)
        fill_row(f, &s->items[i], node, out);
    if (s->check && f->errors->count == before && f->err != OC_ENOMEM) {
        struct conf_check c = {
            .file = f->tree->file, .arena = f->arena, .errors = f->errors, .node = node};
        s->check(&c, out);
        if (f->errors->count != before && !f->err)
            f->err = OC_EINVAL;
    }
}

int conf_fill(const struct conf_tree *tree, const struct conf_node *node,
              const struct conf_schema *schema, struct arena *arena, void *out,
              struct conf_errors *errors)
{
    struct fill f = {.tree = tree, .arena = arena, .errors = errors};

    memset(out, 0, schema->size);
    if (node && node->kind != CONF_MAPPING && !conf_is_null(node))
        fill_complain(&f, node, "here key: value lines are expected");
    else
        fill_rows(&f, node && node->kind == CONF_MAPPING ? node : NULL, schema, out);
    return f.err;
}

int conf_load(const char *path, const struct conf_schema *schema, struct arena *arena, void *out,
              struct conf_errors *errors)
{
    struct conf_tree tree;
    int rc = conf_tree_read(path, arena, errors, &tree);

    return rc ? rc : conf_fill(&tree, tree.root, schema, arena, out, errors);
}

static void complain_v(const struct conf_check *c, const struct conf_node *n, const char *fmt,
                       va_list ap) PRINTF_FN(3, 0);
static void complain_v(const struct conf_check *c, const struct conf_node *n, const char *fmt,
                       va_list ap)
{
    char text[400];

    (void)vsnprintf(text, sizeof(text), fmt, ap);
    conf_errors_add(c->errors, c->file, n ? n->line : 0, n ? n->col : 0, "%s", text);
}

void conf_complain(const struct conf_check *c, const char *key, const char *fmt, ...)
{
    const struct conf_node *n = key ? conf_child(c->node, key) : NULL;
    va_list ap;

    va_start(ap, fmt);
    complain_v(c, n ? n : c->node, fmt, ap);
    va_end(ap);
}

void conf_complain_at(const struct conf_check *c, const struct conf_node *node, const char *fmt,
                      ...)
{
    va_list ap;

    va_start(ap, fmt);
    complain_v(c, node, fmt, ap);
    va_end(ap);
}

size_t conf_type_size(enum conf_type type)
{
    switch (type) {
    case CONF_BOOL:
        return sizeof(bool);
    case CONF_TIME_OF_DAY:
    case CONF_ENUM:
        return sizeof(int);
    case CONF_STRING:
    case CONF_PATH:
    case CONF_TREE:
        return sizeof(void *);
    case CONF_HEX:
    case CONF_SECTION:
        return 0;
    case CONF_BYTES:
        return sizeof(struct conf_bytes);
    case CONF_BYTES_LIST:
        return sizeof(struct conf_bytes_list);
    case CONF_LIST:
        return sizeof(struct conf_list);
    case CONF_MAP:
        return sizeof(struct conf_map);
    case CONF_SECTION_MAP:
    case CONF_SECTION_LIST:
        return sizeof(struct conf_array);
    default:
        return sizeof(int64_t);
    }
}

size_t conf_layout(struct conf_item *items, size_t count)
{
    size_t at = 0;

    for (size_t i = 0; i < count; i++) {
        struct conf_item *it = &items[i];
        if (it->width == 0)
            it->width = it->type == CONF_SECTION
                            ? (it->optional ? sizeof(void *) : it->section->size)
                            : conf_type_size(it->type);
        CHECK(it->width > 0);
        it->offset = at;
        at += (it->width + 15) / 16 * 16;
    }
    return at;
}

const void *conf_value(const struct conf_schema *schema, const void *value, const char *key,
                       const struct conf_item **ret_item)
{
    const struct conf_item *it = find_row(schema, key);

    if (!it)
        return NULL;
    if (ret_item)
        *ret_item = it;
    return (const char *)value + it->offset;
}
