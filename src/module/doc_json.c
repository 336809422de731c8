/* Documents from and to text. jansson reads; what is written is written by hand, so that equal
 * documents are equal texts. */
#include "module/doc.h"
#include "module/plan.h"

#include "flow/flow.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

struct reading {
    struct arena *arena;
    unsigned nodes;
    const char *why;
};

static struct onecard_doc *from_json(struct reading *r, json_t *v);

static bool read_array(struct reading *r, struct onecard_doc *d, json_t *v)
{
    d->cap = (uint32_t)json_array_size(v);
    d->items = arena_alloc(r->arena, (d->cap + 1) * sizeof(struct onecard_doc *));
    for (; d->items && d->count < d->cap; d->count++) {
        struct onecard_doc *item = from_json(r, json_array_get(v, d->count));
        if (!item) {
            return false;
        }
        item->parent = d;
        d->items[d->count] = item;
    }
    return d->items != NULL;
}

static bool read_object(struct reading *r, struct onecard_doc *d, json_t *v)
{
    const char *key;
    json_t *member;
    d->cap = (uint32_t)json_object_size(v);
    d->items = arena_alloc(r->arena, (d->cap + 1) * sizeof(struct onecard_doc *));
    if (!d->items) {
        return false;
    }
    json_object_foreach(v, key, member)
    {
        struct onecard_doc *item = from_json(r, member);
        if (!item) {
            return false;
        }
        item->name = arena_strdup(r->arena, key);
        if (!item->name) {
            return false;
        }
        item->parent = d;
        d->items[d->count++] = item;
    }
    return true;
}

static bool read_value(struct reading *r, struct onecard_doc *d, json_t *v)
{
    switch (json_typeof(v)) {
    case JSON_OBJECT:
        d->kind = DOC_OBJECT;
        return read_object(r, d, v);
    case JSON_ARRAY:
        d->kind = DOC_ARRAY;
        return read_array(r, d, v);
    case JSON_STRING:
        d->kind = DOC_TEXT;
        d->text = arena_strdup(r->arena, json_string_value(v));
        return d->text != NULL;
    case JSON_INTEGER:
        d->kind = DOC_INT;
        d->number = (int64_t)json_integer_value(v);
        return true;
    case JSON_REAL:
        d->kind = DOC_REAL;
        d->text = arena_printf(r->arena, "%.17g", json_real_value(v));
        return d->text != NULL;
    case JSON_TRUE:
        d->kind = DOC_TRUE;
        return true;
    case JSON_FALSE:
        d->kind = DOC_FALSE;
        return true;
    case JSON_NULL:
        break;
    }
    d->kind = DOC_NULL;
    return true;
}

static struct onecard_doc *from_json(struct reading *r, json_t *v)
{
    if (++r->nodes > DOC_NODES) {
        r->why = "too many values";
        return NULL;
    }
    struct onecard_doc *d = doc_new(r->arena, DOC_NULL);
    return d && read_value(r, d, v) ? d : NULL;
}

struct onecard_doc *doc_read(struct arena *a, const char *json, size_t len, const char **ret_why)
{
    struct reading r = {.arena = a, .why = "no memory"};
    struct onecard_doc *d = NULL;
    if (!text_depth_ok(json, len, DOC_DEPTH)) {
        r.why = "nested too deep";
    } else {
        json_error_t error;
        json_t *root = json_loadb(json, len, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, &error);
        if (root) {
            d = from_json(&r, root);
        } else {
            r.why =
                arena_printf(a, "line %d, column %d: %.60s", error.line, error.column, error.text);
        }
        json_decref(root);
    }
    if (!d && ret_why) {
        *ret_why = r.why ? r.why : "no JSON";
    }
    return d;
}

/* ---- writing --------------------------------------------------------------------------------- */

static int print_at(const struct onecard_doc *d, unsigned depth, struct buf *out);

static int print_items(const struct onecard_doc *d, unsigned depth, struct buf *out)
{
    int rc = 0;
    buf_puts(out, d->kind == DOC_OBJECT ? "{" : "[");
    for (uint32_t i = 0; rc == 0 && i < d->count; i++) {
        buf_puts(out, i ? "," : "");
        if (d->kind == DOC_OBJECT) {
            plan_json_text(out, d->items[i]->name);
            buf_puts(out, ":");
        }
        rc = print_at(d->items[i], depth + 1, out);
    }
    buf_puts(out, d->kind == DOC_OBJECT ? "}" : "]");
    return rc;
}

static int print_at(const struct onecard_doc *d, unsigned depth, struct buf *out)
{
    switch ((enum doc_kind)d->kind) {
    case DOC_OBJECT:
    case DOC_ARRAY:
        return depth < DOC_DEPTH ? print_items(d, depth, out) : OC_ELIMIT;
    case DOC_TEXT:
        plan_json_text(out, d->text);
        break;
    case DOC_REAL:
        buf_puts(out, d->text);
        break;
    case DOC_INT:
        buf_printf(out, "%lld", (long long)d->number);
        break;
    case DOC_TRUE:
    case DOC_FALSE:
        buf_puts(out, d->kind == DOC_TRUE ? "true" : "false");
        break;
    case DOC_NULL:
        buf_puts(out, "null");
    }
    return out->err;
}

int doc_print(const struct onecard_doc *d, struct buf *out)
{
    return doc_is_spoilt(d) ? OC_EINVAL : print_at(d, 0, out);
}

const char *doc_text(const struct onecard_doc *d, struct arena *a, size_t max, size_t *ret_len)
{
    struct buf b;
    buf_init(&b, max);
    char *text = d && doc_print(d, &b) == 0 && b.err == 0 ? arena_alloc(a, b.len + 1) : NULL;
    if (text) {
        memcpy(text, b.data, b.len);
        text[b.len] = '\0';
        *ret_len = b.len;
    }
    buf_fini(&b);
    return text;
}
