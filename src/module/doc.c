/* The tree: reading and building. */
#include "module/doc.h"

#include <string.h>

struct onecard_doc *doc_new(struct arena *a, enum doc_kind kind)
{
    struct onecard_doc *d = arena_alloc(a, sizeof(*d));
    if (d) {
        d->kind = (uint8_t)kind;
        d->arena = a;
    }
    return d;
}

static struct onecard_doc *root_of(struct onecard_doc *d)
{
    while (d->parent) {
        d = d->parent;
    }
    return d;
}

static void spoil(struct onecard_doc *d)
{
    if (d && !d->frozen) {
        root_of(d)->spoilt = true;
    }
}

bool doc_is_spoilt(const struct onecard_doc *d)
{
    while (d && d->parent) {
        d = d->parent;
    }
    return d && d->spoilt;
}

/* ---- reading --------------------------------------------------------------------------------- */

static struct onecard_doc **find(const struct onecard_doc *d, const char *member)
{
    if (!d || d->kind != DOC_OBJECT || !member) {
        return NULL;
    }
    for (uint32_t i = 0; i < d->count; i++) {
        const char *name = d->items[i]->name;
        if (*name == *member && strcmp(name, member) == 0) {
            return &d->items[i];
        }
    }
    return NULL;
}

struct onecard_doc *doc_get(const struct onecard_doc *d, const char *member)
{
    struct onecard_doc **at = find(d, member);
    return at ? *at : NULL;
}

size_t doc_count(const struct onecard_doc *d)
{
    return d && (d->kind == DOC_OBJECT || d->kind == DOC_ARRAY) ? d->count : 0;
}

struct onecard_doc *doc_at(const struct onecard_doc *d, size_t i, const char **ret_name)
{
    if (i >= doc_count(d)) {
        return NULL;
    }
    if (ret_name && d->kind == DOC_OBJECT) {
        *ret_name = d->items[i]->name;
    }
    return d->items[i];
}

const char *doc_as_text(const struct onecard_doc *d)
{
    return d && d->kind == DOC_TEXT ? d->text : NULL;
}

int doc_as_int(const struct onecard_doc *d, int64_t *ret_value)
{
    if (!d) {
        return OC_ENOENT;
    }
    if (d->kind != DOC_INT) {
        return OC_EINVAL;
    }
    *ret_value = d->number;
    return 0;
}

bool doc_as_bool(const struct onecard_doc *d, bool absent)
{
    return d && (d->kind == DOC_TRUE || d->kind == DOC_FALSE) ? d->kind == DOC_TRUE : absent;
}

/* ---- building -------------------------------------------------------------------------------- */

static bool grow(struct onecard_doc *d)
{
    if (d->count < d->cap) {
        return true;
    }
    uint32_t cap = d->cap ? 2 * d->cap : 8;
    struct onecard_doc **items = arena_alloc(d->arena, cap * sizeof(struct onecard_doc *));
    if (!items) {
        return false;
    }
    if (d->count) {
        memcpy(items, d->items, d->count * sizeof(struct onecard_doc *));
    }
    d->items = items;
    d->cap = cap;
    return true;
}

bool doc_append(struct onecard_doc *d, struct onecard_doc *value)
{
    if (!grow(d)) {
        return false;
    }
    d->items[d->count++] = value;
    value->parent = d;
    return true;
}

static bool append(struct onecard_doc *d, const char *member, struct onecard_doc *value)
{
    value->name = member ? arena_strdup(d->arena, member) : NULL;
    return (!member || value->name) && doc_append(d, value);
}

/* A root cannot be put below itself: the tree would have no end. */
static bool may_take(const struct onecard_doc *d, const struct onecard_doc *value)
{
    if (!value || value->parent || value->frozen || value->spoilt) {
        return false;
    }
    for (; d; d = d->parent) {
        if (d == value) {
            return false;
        }
    }
    return true;
}

void doc_put(struct onecard_doc *d, const char *member, struct onecard_doc *value)
{
    if (!d || d->frozen) {
        return;
    }
    bool fits = member ? d->kind == DOC_OBJECT : d->kind == DOC_ARRAY;
    if (!fits || !may_take(d, value)) {
        spoil(d);
        return;
    }
    struct onecard_doc **old = find(d, member);
    if (old) {
        value->name = (*old)->name;
        value->parent = d;
        (*old)->parent = NULL;
        *old = value;
    } else if (!append(d, member, value)) {
        spoil(d);
    }
}

void doc_put_text(struct onecard_doc *d, const char *member, const char *value)
{
    struct onecard_doc *v = d && value ? doc_new(d->arena, DOC_TEXT) : NULL;
    if (v) {
        v->text = arena_strdup(d->arena, value);
    }
    doc_put(d, member, v && v->text ? v : NULL);
}

void doc_put_int(struct onecard_doc *d, const char *member, int64_t value)
{
    struct onecard_doc *v = d ? doc_new(d->arena, DOC_INT) : NULL;
    if (v) {
        v->number = value;
    }
    doc_put(d, member, v);
}

void doc_put_bool(struct onecard_doc *d, const char *member, bool value)
{
    doc_put(d, member, d ? doc_new(d->arena, value ? DOC_TRUE : DOC_FALSE) : NULL);
}

void doc_drop(struct onecard_doc *d, const char *member)
{
    struct onecard_doc **at = d && !d->frozen ? find(d, member) : NULL;
    if (at) {
        (*at)->parent = NULL;
        size_t after = d->count - (size_t)(at - d->items) - 1;
        memmove(at, at + 1, after * sizeof(struct onecard_doc *));
        d->count--;
    }
}

/* ---- copies and configuration ---------------------------------------------------------------- */

static struct onecard_doc *copy_at(struct arena *a, const struct onecard_doc *d, unsigned depth)
{
    struct onecard_doc *c = depth < 2 * DOC_DEPTH ? doc_new(a, (enum doc_kind)d->kind) : NULL;
    if (!c) {
        return NULL;
    }
    if (d->kind == DOC_TEXT || d->kind == DOC_REAL) {
        c->text = arena_strdup(a, d->text);
        return c->text ? c : NULL;
    }
    if (d->kind == DOC_INT) {
        c->number = d->number;
    }
    for (uint32_t i = 0; i < doc_count(d); i++) {
        struct onecard_doc *item = copy_at(a, d->items[i], depth + 1);
        if (!item || !append(c, d->items[i]->name, item)) {
            return NULL;
        }
    }
    return c;
}

struct onecard_doc *doc_copy(struct arena *a, const struct onecard_doc *d)
{
    struct onecard_doc *c = d ? copy_at(a, d, 0) : NULL;
    if (c) {
        c->spoilt = doc_is_spoilt(d);
    }
    return c;
}

/* Whole numbers and true/false are what they are; anything else is its text, as is what was quoted
 * and what begins with a needless 0 (a station code, a telephone number). */
static void scalar(struct onecard_doc *d, const struct conf_node *n)
{
    const char *t = n->text, *digits = *t == '-' ? t + 1 : t;
    size_t len = strlen(digits);
    d->kind = DOC_TEXT;
    d->text = t;
    if (n->quoted) {
        return;
    }
    if (strcmp(t, "true") == 0 || strcmp(t, "false") == 0) {
        d->kind = *t == 't' ? DOC_TRUE : DOC_FALSE;
    } else if (conf_is_null(n)) {
        d->kind = DOC_NULL;
    } else if (len > 0 && len <= 18 && strspn(digits, "0123456789") == len &&
               (*digits != '0' || len == 1)) {
        d->kind = DOC_INT;
        d->number = 0;
        for (size_t i = 0; i < len; i++) {
            d->number = 10 * d->number + (digits[i] - '0');
        }
        d->number = *t == '-' ? -d->number : d->number;
    }
}

static struct onecard_doc *from_node(const struct conf_tree *tree, const struct conf_node *n,
                                     struct arena *a)
{
    struct onecard_doc *d = doc_new(a, n->kind == CONF_SEQUENCE  ? DOC_ARRAY
                                       : n->kind == CONF_MAPPING ? DOC_OBJECT
                                                                 : DOC_NULL);
    if (!d) {
        return NULL;
    }
    d->place = arena_printf(a, "%s:%d:%d", tree->file, n->line, n->col);
    if (n->kind == CONF_SCALAR) {
        scalar(d, n);
    } else {
        d->items = arena_alloc(a, (n->count + 1) * sizeof(struct onecard_doc *));
        d->cap = (uint32_t)n->count;
    }
    if (!d->place || (n->kind != CONF_SCALAR && !d->items)) {
        return NULL;
    }
    for (const struct conf_node *c = n->first; c; c = c->next) {
        struct onecard_doc *item = from_node(tree, c, a); /* conf bounds the depth */
        if (!item) {
            return NULL;
        }
        item->name = c->key;
        item->parent = d;
        d->items[d->count++] = item;
    }
    d->frozen = true;
    return d;
}

struct onecard_doc *doc_from_conf(const struct conf_tree *tree, struct arena *a)
{
    return tree->root ? from_node(tree, tree->root, a) : doc_new(a, DOC_OBJECT);
}
